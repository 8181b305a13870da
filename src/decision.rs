//! What a shopper gets: which offers and blocks are candidates (before the origin answers), and which of them apply to a page.

pub mod basis;
pub mod decide;
mod index;
pub mod link;
pub mod lookup;
pub mod select;
pub mod verdict;
mod window;

#[cfg(test)]
pub(crate) mod samples;
