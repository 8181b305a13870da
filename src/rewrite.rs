//! Changes pages on their way to the shopper: which answers qualify, and what happens to their headers.

pub mod banner;
pub(crate) mod json;
pub mod plan;
pub mod price;
pub mod render;
