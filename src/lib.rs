//! Segue: an edge proxy that makes Adobe Real-Time CDP audiences take effect in Magento Luma storefronts.
//!
//! The life of a request, and the modules in the order it meets them:
//!
//! ```text
//! socket -> HTTP -> hygiene -> audience -> decide -> origin -> rewrite (plan, select, render) -> client
//! ```

pub mod audience;
pub mod body;
pub mod decision;
pub mod demo;
pub mod document;
pub mod page;
pub mod rewrite;
pub mod rule;
pub mod site;
