//! Segue: an edge proxy that makes Adobe Real-Time CDP audiences take effect in Magento Luma storefronts.
//!
//! The life of a request, and the modules in the order it meets them:
//!
//! ```text
//! socket -> HTTP -> hygiene -> audience -> decide -> origin -> rewrite (plan, select, render) -> client
//! ```

pub mod cli;

pub mod app;
pub mod config;
pub mod document;
pub mod mode;
pub mod watch;

pub mod body;
pub mod operations;
pub mod server;
pub mod telemetry;

pub mod proxy;
pub mod audience;
pub mod decision;
pub mod upstream;
pub mod rewrite;

pub mod page;
pub mod rule;
pub mod site;

pub mod demo;
