//! The data of a configurable product's choices: `jsonConfig` of the swatches, `spConfig` of the dropdowns.

use std::collections::BTreeMap;

use super::amounts::PriceSet;
use super::cursor::Cursor;
use super::{format, id_of, whole_id};
use crate::page::ProductId;
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::price::PriceFormat;

/// A configurable product with its variants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// The configurable product.
    pub(crate) product: Option<ProductId>,
    /// What is shown while nothing is chosen.
    pub(crate) prices: PriceSet,
    /// Each variant's prices.
    pub(crate) variants: Vec<(ProductId, PriceSet)>,
    /// The SKUs of variants, where the data has them.
    pub(crate) skus: BTreeMap<ProductId, String>,
    /// How prices are printed.
    pub(crate) format: Option<PriceFormat>,
}

impl Choices {
    pub(super) fn read(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Self> {
        let mut choices = Self::default();
        cursor.object(|key, cursor| {
            match &*key.text() {
                "productId" => choices.product = Some(id_of(cursor)?),
                "prices" => choices.prices = PriceSet::read(cursor, layer)?,
                "optionPrices" => choices.variants = variants(cursor, layer)?,
                "priceFormat" => choices.format = format(cursor),
                "sku" => choices.skus = skus(cursor),
                _ => {}
            }
            Some(())
        })?;
        Some(choices)
    }
}

fn variants(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<(ProductId, PriceSet)>> {
    let mut variants = Vec::new();
    if cursor.peek()? == b'{' {
        cursor.object(|key, cursor| {
            variants.push((whole_id(&key.text())?, PriceSet::read(cursor, layer)?));
            Some(())
        })?;
    }
    Some(variants)
}

/// SKUs by variant; whatever else stands under the key says nothing of them.
fn skus(cursor: &mut Cursor<'_>) -> BTreeMap<ProductId, String> {
    let value = cursor.clone().skip().map(|range| &cursor.text()[range]);
    let by_id: BTreeMap<String, String> = value.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    by_id.into_iter().filter_map(|(id, sku)| Some((whole_id(&id)?, sku))).collect()
}
