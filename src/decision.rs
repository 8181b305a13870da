//! What a shopper gets: which offers and blocks are candidates (before the origin answers), and which of them apply to a page.

pub mod select;
