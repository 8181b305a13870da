//! What the scripts of a page say of prices.

use super::scan::Notes;
use super::text::decode;
use crate::rewrite::json::{InitScript, states_price};
use crate::rewrite::price::PriceFormat;

/// The script data of a page, as far as it is about prices.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    /// Widgets' script data that is about prices.
    pub(crate) init: Vec<InitScript>,
    /// Whether structured data states a price.
    pub(crate) structured_price: bool,
}

impl Scripts {
    /// Reads all data scripts. One without an end is run by no browser.
    pub(crate) fn read(page: &str, notes: &Notes) -> Self {
        let mut scripts = Self::default();
        for noted in &notes.scripts {
            let kind = noted.attributes.kind.map(|kind| decode(kind.of(page))).unwrap_or_default();
            let Some(text) = notes.extent(noted.extent).inner().map(|inner| inner.of(page)) else {
                continue;
            };
            if kind.trim().eq_ignore_ascii_case("text/x-magento-init") {
                scripts.init.extend(Some(InitScript::read(text)).filter(|read| *read != InitScript::default()));
            } else if kind.trim().eq_ignore_ascii_case("application/ld+json") {
                scripts.structured_price |= states_price(text);
            }
        }
        scripts
    }

    /// How the page's widgets print prices.
    pub(crate) fn format(&self) -> Option<&PriceFormat> {
        self.init.iter().find_map(|script| script.format.as_ref())
    }
}
