//! The promises of the product, tested from outside.

mod check;
mod pages;
