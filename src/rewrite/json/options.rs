//! The data of choices that add to a product's price: custom options and the links of downloadable products.

use super::amounts::{Amount, PriceSet, optional_amount};
use super::cursor::Cursor;
use crate::page::ProductId;
use crate::rewrite::plan::layer::Layer;

/// What one choice adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    /// The option, or the link.
    pub(crate) option: String,
    /// The value of the option, where it has several.
    pub(crate) value: Option<String>,
    /// Whether it is a percentage of the product's price, or part of what the cart's percentages are of.
    pub(crate) follows: bool,
    /// How much.
    pub(crate) prices: PriceSet,
}

/// The options of one product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The product whose price box they add to, where the data says so.
    pub(crate) product: Option<ProductId>,
    /// What can be chosen.
    pub(crate) extras: Vec<Extra>,
}

/// Reads `optionConfig` of Magento's `priceOptions`: by option, and by value where there are several.
pub(super) fn custom_options(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<Extra>> {
    let mut extras = Vec::new();
    if cursor.peek()? != b'{' {
        cursor.skip()?;
        return Some(extras);
    }
    cursor.object(|option, cursor| {
        let mut whole = Entry::default();
        cursor.object(|key, cursor| match &*key.text() {
            name @ ("prices" | "type") => whole.field(name, cursor, layer),
            _ if cursor.peek()? == b'{' => {
                let mut entry = Entry::default();
                cursor.object(|field, cursor| entry.field(&field.text(), cursor, layer))?;
                extras.extend(entry.extra(option.text().into_owned(), Some(key.text().into_owned())));
                Some(())
            }
            _ => Some(()),
        })?;
        extras.extend(whole.extra(option.text().into_owned(), None));
        Some(())
    })?;
    Some(extras)
}

#[derive(Default)]
struct Entry {
    prices: Option<PriceSet>,
    is_percent: bool,
}

impl Entry {
    fn field(&mut self, name: &str, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<()> {
        match name {
            "prices" => self.prices = Some(PriceSet::read(cursor, layer)?),
            "type" => {
                let range = cursor.skip()?;
                self.is_percent = &cursor.text()[range] == "\"percent\"";
            }
            _ => {}
        }
        Some(())
    }

    fn extra(self, option: String, value: Option<String>) -> Option<Extra> {
        Some(Extra { option, value, follows: self.is_percent, prices: self.prices? })
    }
}

/// Reads the configuration of a downloadable product's links, from the attribute that holds it.
pub(crate) fn links(layer: &Layer<'_>) -> Option<Vec<Extra>> {
    let mut extras = Vec::new();
    let mut cursor = Cursor::new(layer.text());
    cursor.object(|key, cursor| {
        if !key.is("downloadable") {
            return Some(());
        }
        within(cursor, "config", |cursor| {
            within(cursor, "links", |cursor| {
                if cursor.peek()? != b'{' {
                    return Some(());
                }
                cursor.object(|link, cursor| {
                    let prices = link_prices(cursor, layer)?;
                    extras.push(Extra { option: link.text().into_owned(), value: None, follows: true, prices });
                    Some(())
                })
            })
        })
    })?;
    Some(extras)
}

/// Reads one field of the object that follows.
fn within(cursor: &mut Cursor<'_>, name: &str, mut read: impl FnMut(&mut Cursor<'_>) -> Option<()>) -> Option<()> {
    cursor.object(|key, cursor| if key.is(name) { read(cursor) } else { Some(()) })
}

fn link_prices(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<PriceSet> {
    let mut prices = PriceSet::default();
    cursor.object(|key, cursor| {
        let slot: &mut Option<Amount> = match &*key.text() {
            "finalPrice" => &mut prices.final_price,
            "basePrice" => &mut prices.base_price,
            "oldPrice" | "baseOldPrice" => return Some(()),
            _ => {
                prices.is_unknown = true;
                return Some(());
            }
        };
        *slot = optional_amount(cursor, layer)?;
        Some(())
    })?;
    Some(prices)
}
