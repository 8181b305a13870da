//! Promises of the whole, one file each, tested over real connections, on real pages and in a real browser.

mod answers;
mod browser;
mod check;
mod commands;
mod demo;
mod drain;
mod failing_origin;
mod forwarding;
mod framing;
mod http2;
mod logging;
mod luma;
mod markup;
mod membership;
mod origin;
mod pages;
mod printed;
mod running;
mod shared_cache;
mod shop;
mod streaming;
mod support;
mod tls;
mod upgrades;
