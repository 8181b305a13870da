//! A selection's id.

use std::fmt;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::Selection;

/// A fingerprint of what a selection shows and why it shows no more: HTML and placement of blocks, products with new price and labels,
/// products in doubt. Neither the ids of rules nor a revision are in it, so publishing rules that change nothing here changes no id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SelectionId(u128);

impl SelectionId {
    pub(super) fn of(selection: &Selection) -> Self {
        let mut text = Text(Sha256::new());
        text.number(selection.prices.len() as u64);
        for change in &selection.prices {
            text.number(change.product.0);
            text.number(change.units.len() as u64);
            for unit in &change.units {
                text.amount(unit.final_price);
                text.amount(unit.base_price);
            }
            text.number(change.labels.len() as u64);
            for label in &change.labels {
                text.string(&label.text);
                text.number(u64::from(label.deducted));
            }
        }
        text.number(selection.in_doubt.len() as u64);
        for doubt in &selection.in_doubt {
            text.number(doubt.product.0);
            text.string(doubt.reason);
        }
        for block in &selection.blocks {
            text.string(&block.placement.to_string());
            text.string(&block.html);
        }
        let digest = text.0.finalize();
        Self(digest.iter().take(16).fold(0, |id, byte| id << 8 | u128::from(*byte)))
    }
}

/// Writes so that different contents never make the same bytes: each string after its length.
struct Text(Sha256);

impl Text {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn amount(&mut self, amount: Option<Decimal>) {
        self.string(&amount.map_or_else(String::new, |amount| amount.normalize().to_string()));
    }

    fn string(&mut self, string: &str) {
        self.number(string.len() as u64);
        self.0.update(string.as_bytes());
    }
}

impl fmt::Display for SelectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SelectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
