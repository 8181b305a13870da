//! Amounts in script data, with the places of their numbers.

use rust_decimal::Decimal;
use serde_json::Value;

use super::cursor::Cursor;
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::parse_amount;

/// A number in script data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    /// What it says.
    pub(crate) value: Decimal,
    /// Its digits in the page, without quotes.
    pub(crate) number: Span,
}

/// The prices of one thing, by Magento's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PriceSet {
    /// `finalPrice`
    pub(crate) final_price: Option<Amount>,
    /// `basePrice`
    pub(crate) base_price: Option<Amount>,
    /// `oldPrice`
    pub(crate) old_price: Option<Amount>,
    /// Prices by quantity.
    pub(crate) tiers: Vec<Tier>,
    /// Whether there are prices or surcharges that are not known.
    pub(crate) is_unknown: bool,
}

/// A price from some quantity on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tier {
    /// As shown.
    pub(crate) final_price: Option<Amount>,
    /// Without tax.
    pub(crate) base_price: Option<Amount>,
    /// How many percent are saved.
    pub(crate) percentage: Option<Amount>,
}

impl PriceSet {
    /// Reads the object that follows, or an empty array, which PHP writes for an empty object.
    pub(crate) fn read(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Self> {
        let mut set = Self::default();
        if cursor.peek()? != b'{' {
            let range = cursor.skip()?;
            set.is_unknown = !matches!(cursor.text()[range].trim(), "[]" | "null");
            return Some(set);
        }
        cursor.object(|key, cursor| {
            match &*key.text() {
                "finalPrice" => set.final_price = set.price(cursor, layer)?,
                "basePrice" => set.base_price = set.price(cursor, layer)?,
                "oldPrice" => set.old_price = set.price(cursor, layer)?,
                "tierPrices" => set.tiers = tiers(cursor, layer)?,
                "baseOldPrice" | "msrpPrice" => {}
                _ => set.is_unknown = true,
            }
            Some(())
        })?;
        Some(set)
    }

    /// Reads `{"amount": 3, "adjustments": []}`.
    fn price(&mut self, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Option<Amount>> {
        let mut found = None;
        cursor.object(|key, cursor| {
            match &*key.text() {
                "amount" => found = optional_amount(cursor, layer)?,
                "adjustments" => {
                    let range = cursor.skip()?;
                    self.is_unknown |= !adds_nothing(&cursor.text()[range]);
                }
                _ => self.is_unknown = true,
            }
            Some(())
        })?;
        Some(found)
    }
}

/// Reads the number, or string that holds one, that follows.
pub(crate) fn amount(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Amount> {
    let is_number = cursor.peek()? != b'"';
    let range = cursor.number()?;
    let text = &cursor.text()[range.clone()];
    // Browsers refuse data with a number such as 045.
    if is_number && text.starts_with('0') && text[1..].starts_with(|ch: char| ch.is_ascii_digit()) {
        return None;
    }
    let start = range.start + text.len() - text.trim_start().len();
    let number = start..start + text.trim().len();
    Some(Amount { value: parse_amount(text)?, number: layer.span(number) })
}

/// The same, or `null`.
pub(crate) fn optional_amount(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Option<Amount>> {
    if cursor.peek()? == b'n' {
        cursor.skip()?;
        return Some(None);
    }
    amount(cursor, layer).map(Some)
}

/// Reads a list of prices by quantity, as an array or as an object.
pub(crate) fn tiers(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<Tier>> {
    let mut tiers = Vec::new();
    cursor.elements(|cursor| {
        tiers.push(Tier::read(cursor, layer)?);
        Some(())
    })?;
    Some(tiers)
}

impl Tier {
    /// Whether it says no price at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.final_price.is_none() && self.base_price.is_none()
    }

    fn read(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Self> {
        let mut tier = Self::default();
        cursor.object(|key, cursor| {
            match &*key.text() {
                "price" => tier.final_price = optional_amount(cursor, layer)?,
                "basePrice" | "excl_tax_price" => tier.base_price = optional_amount(cursor, layer)?,
                "percentage" => tier.percentage = optional_amount(cursor, layer)?,
                _ => {}
            }
            Some(())
        })?;
        Some(tier)
    }
}

fn adds_nothing(adjustments: &str) -> bool {
    if matches!(adjustments, "[]" | "{}" | "null") {
        return true;
    }
    match serde_json::from_str(adjustments) {
        Ok(Value::Null) => true,
        Ok(Value::Array(values)) => values.iter().all(is_zero),
        Ok(Value::Object(fields)) => fields.values().all(is_zero),
        _ => false,
    }
}

/// Whether a value is the number zero, or text that says so.
fn is_zero(value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return false,
    };
    text.parse::<Decimal>().is_ok_and(|amount| amount.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<PriceSet> {
        PriceSet::read(&mut Cursor::new(text), &Layer::of(text, Span::new(0..text.len())))
    }

    #[test]
    fn finds_the_numbers_however_they_are_written() {
        let text = r#" { "baseOldPrice":{"amount":"30.0000","adjustments":[]},"oldPrice":{"amount":30,"adjustments":{}},
            "basePrice":{"adjustments":{"tax":0},"amount" : "24.50"}, "finalPrice":{"amount":24.5, "adjustments":["0.0000"]},
            "tierPrices":[{"qty":5,"price":20,"percentage":18,"excl_tax_price":"16.8"}],"msrpPrice":{"amount":0}}"#;
        let set = read(text).expect("a known form");
        let said = |amount: Option<Amount>| amount.map(|amount| amount.number.of(text));
        assert_eq!(
            (said(set.final_price), said(set.base_price), said(set.old_price)),
            (Some("24.5"), Some("24.50"), Some("30"))
        );
        let [tier] = &set.tiers[..] else { panic!("one tier: {set:?}") };
        assert_eq!(
            (said(tier.final_price), said(tier.base_price), said(tier.percentage)),
            (Some("20"), Some("16.8"), Some("18"))
        );
        assert!(!set.is_unknown);
    }

    #[test]
    fn says_what_it_does_not_know() {
        for unknown in [
            r#"{"finalPrice":{"amount":3},"weee":{"amount":1}}"#,
            r#"{"finalPrice":{"amount":3,"qty":1}}"#,
            r#"{"finalPrice":{"amount":3,"adjustments":{"tax":0.5}}}"#,
            r#"["x"]"#,
        ] {
            assert!(read(unknown).is_some_and(|set| set.is_unknown), "{unknown}");
        }
        for broken in [
            r#"{"finalPrice":{"amount":03}}"#,
            r#"{"finalPrice":{"amount":3.}}"#,
            r#"{"finalPrice":{"amount":-3}}"#,
            r#"{"finalPrice":{"amount":3e1}}"#,
            r#"{"finalPrice":3}"#,
            "{",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
        assert_eq!(read("[]"), Some(PriceSet::default()));
        assert_eq!(read(r#"{"finalPrice":{"amount":null}}"#), Some(PriceSet::default()));
    }
}
