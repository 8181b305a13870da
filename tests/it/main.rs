//! The promises of the product, tested from outside.

mod check;
mod luma;
mod markup;
mod pages;
