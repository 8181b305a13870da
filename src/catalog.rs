//! What is known of products: SKU, kind, parts, categories, and the attributes that cart price rules ask for.
//!
//! [`sync`](mod@sync) fills it from Commerce's REST API and keeps it in the [`store`](crate::store); an [`Index`] has it in memory. A
//! product that is not in the index is one of which nothing can be said.

pub mod category;
pub mod index;
pub mod keeper;
pub mod product;
pub mod rest;
pub mod sync;

pub use index::{Entry, Index};
