//! Files that say what a cart charged ("truth vectors"), and whether the rules here come to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::operand::{numeric, text_of};
use super::*;
use crate::site::{TaxBasis, TaxComputed};

mod judge;
mod read;

pub use judge::{Difference, Verdict};

/// One cart with its rules and what it charged.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name in the file.
    pub id: String,
    /// The rules of the store.
    pub rules: Vec<CartRule>,
    /// The cart.
    pub cart: Cart,
    /// What it charged.
    pub expected: Expected,
    /// Why it is no measure: two rules of one priority, a store that contradicts itself.
    pub excluded: Option<&'static str>,
}

/// What a cart charged, in its currency and in base currency.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Off each line.
    pub lines: Vec<Money>,
    /// Off lines and shipping together.
    pub total: Money,
    /// Off shipping.
    pub shipping: Money,
    /// The labels, with commas; empty for none.
    pub labels: String,
    /// Whether the cart took the code; `None` where none was given.
    pub is_coupon_taken: Option<bool>,
}

/// Why a file is none of vectors.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no list of scenarios.
    #[error("it has no list \"scenarios\"")]
    NoScenarios,
    /// A scenario is of another form.
    #[error("scenario {id}: {message}")]
    Scenario {
        /// Its name, or its place in the list.
        id: String,
        /// What is wrong.
        message: String,
    },
}

/// Whether two coupon codes are the same for Magento's database, which ignores case and accents.
pub fn same_code(one: &str, other: &str) -> bool {
    let folded =
        |text: &str| -> String { text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect() };
    folded(one) == folded(other)
}

/// Reads a file of vectors. Scenarios that the store refused have no cart and are left out.
///
/// # Errors
/// When it is something else, with the scenario in which that shows.
pub fn read(json: &[u8]) -> Result<Vec<Scenario>, ReadError> {
    read::file(json)
}
