//! Segue: an edge proxy that makes Adobe Real-Time CDP audiences take effect in Magento Luma storefronts.
//!
//! The life of a request:
//!
//! ```text
//! socket -> HTTP -> hygiene -> audience -> decide -> origin -> rewrite (plan, select, render) -> client
//! ```
//!
//! The modules in the order a request meets them:
//!
//! - [`server`]: sockets, HTTP connections, drain
//! - [`proxy`]: the path itself, which composes every layer, outermost first
//! - [`audience`]: who the shopper is, and the audiences that Segue knows he belongs to
//! - [`charging`]: what makes the cart charge what pages show
//! - [`decision`]: what the shopper gets, before the page is known and on the page
//! - [`upstream`]: the Magento origin
//! - [`rewrite`]: which pages change, and how
//! - [`guard`]: whether carts are charged what pages promised
//!
//! What they speak of: [`rule`] (offers, blocks and conditions), [`page`] and [`cart`] (what rules know of pages and
//! carts), [`site`] (websites and store views), [`body`] (the one body type), [`mode`] (off, observe, on).
//!
//! Where membership comes from: [`aep`] (Adobe Experience Platform: tokens, audiences, the Edge Network), [`push`] (what it says by
//! itself), [`inventory`] (its audiences, compared with what rules use), [`store`] (what is kept on disk).
//!
//! What Commerce says: [`commerce`] (its REST API, rules and shop), [`catalog`] (its products).
//!
//! Who works on rules does so in [`admin`], on a listener of its own.
//!
//! Around them: [`cli`] (the command line), [`config`] (the only reader of files and variables), [`document`] (how mistakes of a file
//! are reported), [`app`] (from a configuration to a running proxy), [`watch`] (files that change), [`operations`] and [`telemetry`] (health,
//! logs, metrics), [`demo`] (a shop and an Experience Platform to try it on).

pub mod admin;
pub mod aep;
pub mod app;
pub mod audience;
pub mod body;
pub mod cart;
pub mod catalog;
pub mod charging;
pub mod cli;
pub mod commerce;
pub mod config;
pub mod decision;
pub mod demo;
pub mod document;
pub mod guard;
pub mod inventory;
pub mod mode;
pub mod operations;
pub mod page;
pub mod proxy;
pub mod push;
pub mod rewrite;
pub mod rule;
pub mod seen;
pub mod server;
pub mod site;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod watch;
