//! Promises of the whole, one file each, tested over real connections.

mod answers;
mod drain;
mod failing_origin;
mod forwarding;
mod framing;
mod http2;
mod logging;
mod streaming;
mod support;
mod tls;
mod upgrades;
