//! Prices in structured data (JSON-LD): `Product`, `Offer` and `AggregateOffer` in any nesting.

use super::amounts::{Amount, amount};
use super::cursor::Cursor;
use crate::rewrite::plan::layer::Layer;

/// A price that structured data states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    /// Which end of a range it is.
    pub(crate) bound: Bound,
    /// The number.
    pub(crate) amount: Amount,
    /// The SKUs of the objects around it, the outermost first.
    pub(crate) skus: Vec<String>,
}

/// Which price of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The only one.
    Price,
    /// The lowest.
    Low,
    /// The highest.
    High,
}

/// What one script of structured data says of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StructuredData {
    /// Every price.
    pub(crate) stated: Vec<Stated>,
    /// Whether a price may be stated that could not be read.
    pub(crate) is_unknown: bool,
}

/// Types of prices that are not the one that is charged: the regular one, and the manufacturer's.
const OTHER_PRICES: [&str; 5] = ["ListPrice", "StrikethroughPrice", "SRP", "MSRP", "SuggestedRetailPrice"];

impl StructuredData {
    /// Reads a script.
    pub(crate) fn read(layer: &Layer<'_>) -> Self {
        let mut data = Self::default();
        let text = layer.text();
        if !["rice", "RICE"].iter().any(|word| text.contains(word)) {
            return data;
        }
        let mut cursor = Cursor::new(text);
        let read = data.value(&mut cursor, layer, &mut Vec::new());
        // Crawlers are more patient with broken JSON than browsers.
        data.is_unknown |= read.is_none() || !cursor.is_done();
        data
    }

    fn value(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>, skus: &mut Vec<String>) -> Option<()> {
        match cursor.peek()? {
            b'{' => self.object(cursor, layer, skus),
            b'[' => cursor.array(|cursor| self.value(cursor, layer, skus)),
            _ => cursor.skip().map(drop),
        }
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>, skus: &mut Vec<String>) -> Option<()> {
        // Its own SKU counts for what stands before it, too.
        let own = sku(&mut cursor.clone());
        let has_own = own.is_some();
        skus.extend(own);
        let (before, mut is_other, mut per_quantity) = (self.stated.len(), false, false);
        cursor.object(|key, cursor| {
            let key = key.text();
            let bound = match key.rsplit([':', '/']).next().unwrap_or(&key) {
                "price" => Some(Bound::Price),
                "lowPrice" | "minPrice" => Some(Bound::Low),
                "highPrice" | "maxPrice" => Some(Bound::High),
                "priceType" => {
                    let range = cursor.clone().skip()?;
                    let kind = &cursor.text()[range];
                    is_other = OTHER_PRICES.iter().any(|other| kind.trim_end_matches('"').ends_with(other));
                    None
                }
                "referenceQuantity" | "unitCode" | "billingIncrement" => {
                    per_quantity = true;
                    None
                }
                _ => None,
            };
            match (bound, cursor.peek()?) {
                (Some(_), b'n') | (None, b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => Some(()),
                (Some(bound), b'"' | b'0'..=b'9') => {
                    self.price(bound, cursor, layer, skus);
                    Some(())
                }
                _ => self.value(cursor, layer, skus),
            }
        })?;
        if is_other {
            self.stated.truncate(before);
        }
        // A price for so much of the product follows from another rule than that of one unit.
        self.is_unknown |= per_quantity && self.stated.len() > before;
        if has_own {
            skus.pop();
        }
        Some(())
    }

    fn price(&mut self, bound: Bound, cursor: &mut Cursor<'_>, layer: &Layer<'_>, skus: &[String]) {
        let mut ahead = cursor.clone();
        let Some(range) = ahead.number() else { return };
        match amount(cursor, layer) {
            Some(amount) => self.stated.push(Stated { bound, amount, skus: skus.to_vec() }),
            None => self.is_unknown |= !cursor.text()[range].trim().is_empty(),
        }
    }
}

/// The SKU of the object that follows.
fn sku(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut found = None;
    cursor.object(|key, cursor| {
        let key = key.text();
        if matches!(key.rsplit([':', '/']).next(), Some("sku" | "productID" | "mpn")) && cursor.peek()? == b'"' {
            let raw = cursor.string()?;
            let own = serde_json::from_str(&format!("\"{}\"", &cursor.text()[raw])).ok();
            // The SKU proper goes before other names for the product.
            found = if key.ends_with("sku") { own } else { found.take().or(own) };
        }
        Some(())
    })?;
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::plan::text::Span;

    fn read(text: &str) -> StructuredData {
        StructuredData::read(&Layer::of(text, Span::new(0..text.len())))
    }

    fn said(text: &str) -> Vec<(Bound, String, Vec<String>)> {
        let data = read(text);
        assert!(!data.is_unknown, "{text}");
        data.stated.into_iter().map(|it| (it.bound, it.amount.number.of(text).to_owned(), it.skus)).collect()
    }

    #[test]
    fn finds_prices_in_any_nesting() {
        let text = r#"{"@graph":[{"@type":"Product","offers":{"@type":"AggregateOffer","lowPrice":"24.00","highPrice":30,
            "offers":[{"@type":"Offer","price": 24.5,"sku":"A-1"}]},"sku":"A"},{"schema:price":"7","name":"x"},{"price":null},{"price":""}]}"#;
        let a = || vec!["A".to_owned()];
        assert_eq!(
            said(text),
            [
                (Bound::Low, "24.00".to_owned(), a()),
                (Bound::High, "30".to_owned(), a()),
                (Bound::Price, "24.5".to_owned(), vec!["A".to_owned(), "A-1".to_owned()]),
                (Bound::Price, "7".to_owned(), Vec::new()),
            ]
        );
    }

    #[test]
    fn leaves_list_prices_out() {
        let text = r#"{"priceSpecification":[{"@type":"UnitPriceSpecification","price":20},
            {"@type":"UnitPriceSpecification","priceType":"https://schema.org/ListPrice","price":25}]}"#;
        assert_eq!(said(text).len(), 1);
    }

    #[test]
    fn says_where_it_cannot_be_sure() {
        for unsure in [
            r#"{"price": 24,}"#,
            r#"{"price":"24,00"}"#,
            r#"{"price":"from 24"}"#,
            r#"{"price":2,"referenceQuantity":{"value":100,"unitCode":"GRM"}}"#,
            r#"{"price":2} x"#,
        ] {
            assert!(read(unsure).is_unknown, "{unsure}");
        }
        assert_eq!(
            read(r#"{"@type":"BreadcrumbList","itemListElement":[{"name":"Bags"}]}"#),
            StructuredData::default()
        );
    }
}
