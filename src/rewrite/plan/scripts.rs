//! What the scripts of a page say of prices.

use super::scan::Notes;
use super::text::{Span, decode};
use crate::page::ProductId;
use crate::rewrite::json::{InitScript, PrintedPrices, states_price};
use crate::rewrite::price::PriceFormat;

/// The script data of a page, as far as it is about prices.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    /// Widgets' script data that is about prices.
    pub(crate) init: Vec<InitScript>,
    /// Prices that they print and that can be changed along, by their places in the page.
    pub(crate) printed: Vec<PrintedPrices>,
    /// Whether structured data states a price.
    pub(crate) structured_price: bool,
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
            let text = inner.of(page);
            // Parameters, such as a charset, do not change what it is.
            let kind = kind.split(';').next().unwrap_or_default();
            if kind.trim().eq_ignore_ascii_case("text/x-magento-init") {
                scripts.add(InitScript::read(text), inner.start);
            } else if kind.trim().eq_ignore_ascii_case("application/ld+json") {
                scripts.structured_price |= states_price(text);
            }
        }
        scripts
    }

    /// Adds what a script that begins at an offset of the page says.
    fn add(&mut self, mut read: InitScript, start: u32) {
        for mut printed in std::mem::take(&mut read.printed) {
            printed.slots.iter_mut().for_each(|slot| *slot = slot.within(start));
            self.printed.push(printed);
        }
        self.init.extend(Some(read).filter(|read| *read != InitScript::default()));
    }

    /// The numbers that print a product's price.
    pub(crate) fn slots(&self, product: ProductId) -> impl Iterator<Item = Span> + '_ {
        self.printed
            .iter()
            .filter(move |printed| printed.product == product)
            .flat_map(|printed| printed.slots.iter().copied())
    }

    /// How the page's widgets print prices.
    pub(crate) fn format(&self) -> Option<&PriceFormat> {
        self.init.iter().find_map(|script| script.format.as_ref())
    }
}
