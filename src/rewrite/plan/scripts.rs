//! What the scripts of a page say of prices.

use memchr::memmem;

use super::layer::Layer;
use super::scan::Notes;
use super::text::decode;
use crate::page::ProductId;
use crate::rewrite::json::structured::{Stated, StructuredData};
use crate::rewrite::json::{WidgetData, concerns_prices, leading_id};
use crate::rewrite::price::PriceFormat;

/// The script data of a page, as far as it is about prices.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    widgets: Vec<WidgetData>,
    structured: Vec<StructuredData>,
    /// The products that script data names which is not understood; none named could be any.
    pub(crate) unknown: Vec<Vec<ProductId>>,
}

impl Scripts {
    /// Reads all data scripts. One without an end is run by no browser.
    pub(crate) fn read(page: &str, notes: &Notes) -> Self {
        let mut scripts = Self::default();
        for noted in &notes.scripts {
            let kind = noted.attributes.kind.map(|kind| decode(kind.of(page))).unwrap_or_default();
            let Some(inner) = notes.extent(noted.extent).inner() else {
                continue;
            };
            let layer = Layer::of(page, inner);
            // Parameters, such as a charset, do not change what it is.
            let kind = kind.split(';').next().unwrap_or_default();
            if kind.trim().eq_ignore_ascii_case("text/x-magento-init") {
                scripts.add(page, &layer);
            } else if kind.trim().eq_ignore_ascii_case("application/ld+json") {
                scripts.structured.push(StructuredData::read(&layer));
            }
        }
        scripts
    }

    fn add(&mut self, page: &str, layer: &Layer<'_>) {
        if !concerns_prices(layer.text()) {
            return;
        }
        let data = WidgetData::of_script(page, layer);
        if data.is_unknown {
            self.unknown.push(named_products(layer.text()));
        }
        self.widgets.push(data);
    }

    /// What widgets are told.
    pub(crate) fn widgets(&self) -> impl Iterator<Item = &WidgetData> {
        self.widgets.iter()
    }

    /// Whether the choices of a configurable product are known.
    pub(crate) fn has_choices(&self, product: ProductId) -> bool {
        self.widgets().flat_map(|data| &data.choices).any(|it| it.product.is_none_or(|named| named == product))
    }

    /// How many scripts know the selections of a bundle.
    pub(crate) fn bundles(&self, product: ProductId) -> usize {
        let all = self.widgets().flat_map(|data| &data.bundles);
        all.filter(|it| it.product.is_none_or(|named| named == product)).count()
    }

    /// Whether what custom options add is known.
    pub(crate) fn has_options(&self, product: ProductId) -> bool {
        self.widgets().flat_map(|data| &data.options).any(|it| it.product.is_none_or(|named| named == product))
    }

    /// Every price of structured data.
    pub(crate) fn stated(&self) -> impl Iterator<Item = &Stated> {
        self.structured.iter().flat_map(|data| &data.stated)
    }

    /// Whether structured data may state a price that could not be read.
    pub(crate) fn has_unknown_structure(&self) -> bool {
        self.structured.iter().any(|data| data.is_unknown)
    }

    /// How the page's widgets print prices.
    pub(crate) fn format(&self) -> Option<&PriceFormat> {
        self.widgets().find_map(WidgetData::format)
    }
}

/// Products that a script names, by its selectors or by `productId`.
pub(crate) fn named_products(script: &str) -> Vec<ProductId> {
    let mut products = Vec::new();
    for (key, quoted) in
        [("product-id-", false), ("swatch-option-", false), ("swatch-options-", false), ("\"productId\"", true)]
    {
        for at in memmem::find_iter(script.as_bytes(), key.as_bytes()) {
            let rest = &script[at + key.len()..];
            let rest = if quoted { rest.trim_start_matches([':', ' ', '\t', '\r', '\n', '"']) } else { rest };
            products.extend(leading_id(rest));
        }
    }
    products.sort_unstable();
    products.dedup();
    products
}
