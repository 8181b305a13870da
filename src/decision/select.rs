//! Selecting: which candidates apply to one page. Pure.
//!
//! **Prices.** Offers that the origin charges apply to each price of each product in order of priority, as its cart applies them to one
//! unit, with tax and without. Where the result of one price cannot be told for certain (an unknown SKU, choice, tax or currency, an amount in
//! another currency, a result above the current price or below an offer's floor), the whole product stays as it is, and the selection says so.
//! Offers that nobody charges show their label; they take no part in the order.
//!
//! **Blocks.** Of the blocks at one placement, those with rotation `all` are shown, the best of those with `first`, and one of those
//! with `random`, by priority. The rotations do not compete with each other.

use std::sync::Arc;

use super::decide::Decision;
use super::verdict::Verdict;
use crate::page::{Amounts, PageFacts, ProductId};
use crate::rule::Placement;
use crate::site::StoreView;

pub use cart::{CartSelection, Deduction, Held, select_cart};
pub use id::SelectionId;
pub use whole::{Missing, MissingWhat};

mod blocks;
mod cart;
mod id;
mod prices;
mod rates;
mod stack;
mod tax;
mod whole;

/// What changes on one page. Equal selections, and only those, have equal ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Price changes, in ascending order of product, one for each product at most.
    pub prices: Vec<PriceChange>,
    /// Products whose prices stay because nobody can tell what the cart charges, in ascending order; a label they may still have.
    pub in_doubt: Vec<Doubt>,
    /// Blocks, those of one placement together and in the order in which they are shown.
    pub blocks: Vec<PlacedBlock>,
}

/// What is shown for one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Which product.
    pub product: ProductId,
    /// The new amounts of every unit of the product's facts, in their order and with the same sides, without fixed taxes; empty leaves
    /// every price as it is and shows the labels.
    pub units: Vec<Amounts>,
    /// Labels of the offers that apply, in order, each once.
    pub labels: Vec<Label>,
}

/// A product that an offer was for, and whose prices stay nonetheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Which product.
    pub product: ProductId,
    /// Why: the word of a [`NotApplied`](super::verdict::NotApplied).
    pub reason: &'static str,
}

/// An offer's label at a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Plain text.
    pub text: Arc<str>,
    /// Whether the cart deducts what the offer promises, so that the price is shown with it.
    pub deducted: bool,
}

/// One dynamic block at its place. Blocks with the same HTML at the same place are equal, whatever their ids.
#[derive(Clone, Debug)]
pub struct PlacedBlock {
    /// The block's id, for logs and metrics; it is not part of the page's bytes nor of the selection's id.
    pub id: Arc<str>,
    /// Where it goes.
    pub placement: Placement,
    /// The HTML that goes there, sanitised already.
    pub html: Arc<str>,
}

impl PartialEq for PlacedBlock {
    fn eq(&self, other: &Self) -> bool {
        (&self.placement, &self.html) == (&other.placement, &other.html)
    }
}

impl Eq for PlacedBlock {}

/// What selecting depends on besides the page.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The request's store view.
    pub view: &'a StoreView,
    /// The request's path, without query, as it was sent.
    pub path: &'a str,
    /// A number that stays the same for one shopper; it picks among blocks that take turns.
    pub bucket: u64,
}

impl Selection {
    /// Whether the page stays as it is.
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty() && self.blocks.is_empty()
    }

    /// A fingerprint of what is shown.
    pub fn id(&self) -> SelectionId {
        SelectionId::of(self)
    }
}

/// What of a decision applies to a page.
pub fn select(decision: &Decision, scope: &Scope<'_>, page: &PageFacts) -> Selection {
    select_noting(decision, scope, page, &mut Notes(None))
}

/// As [`select`], with what became of each candidate, in the order of products (offers) and then of placements (blocks).
pub fn select_explained(decision: &Decision, scope: &Scope<'_>, page: &PageFacts) -> (Selection, Vec<Verdict>) {
    let mut notes = Notes(Some(Vec::new()));
    let selection = select_noting(decision, scope, page, &mut notes);
    (selection, notes.0.unwrap_or_default())
}

fn select_noting(decision: &Decision, scope: &Scope<'_>, page: &PageFacts, notes: &mut Notes) -> Selection {
    let (prices, in_doubt) = prices::select(decision, scope.view, page, notes);
    let blocks = blocks::select(decision, scope, page.kind, notes);
    Selection { prices, in_doubt, blocks }
}

/// Verdicts, if somebody wants them.
struct Notes(Option<Vec<Verdict>>);

impl Notes {
    fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    fn add(&mut self, verdict: impl FnOnce() -> Verdict) {
        if let Some(verdicts) = &mut self.0 {
            verdicts.push(verdict());
        }
    }
}

#[cfg(test)]
mod tests;
