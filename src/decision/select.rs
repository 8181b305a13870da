//! Selecting: which candidates apply to one page. Pure.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::page::ProductId;
use crate::rule::Placement;

/// What changes on one page. Equal selections, and only those, have equal ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Price changes, in ascending order of product, one for each product at most.
    pub prices: Vec<PriceChange>,
    /// Blocks in the order they are shown; several may share a placement.
    pub blocks: Vec<PlacedBlock>,
}

/// What is shown for one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Which product.
    pub product: ProductId,
    /// The new price of one unit in display currency, rounded to cents; `None` leaves every price as it is and shows the labels.
    pub final_price: Option<Decimal>,
    /// Labels of the offers that apply, in order, plain text.
    pub labels: Vec<Arc<str>>,
}

/// One dynamic block at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedBlock {
    /// The block's id, for logs and metrics; it is not part of the page's bytes nor of the selection's id.
    pub id: Arc<str>,
    /// Where it goes.
    pub placement: Placement,
    /// The HTML that goes there, sanitised already.
    pub html: Arc<str>,
}
