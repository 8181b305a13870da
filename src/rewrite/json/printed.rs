//! Prices that a script prints over those of a price box, in the one form in which they can be changed with it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{leading_id, says_something};
use crate::page::ProductId;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::parse_amount;

/// The `priceConfig.prices` of one product: no taxes or other adjustments, and nothing but the types that Magento prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrintedPrices {
    /// Whose.
    pub(crate) product: ProductId,
    /// The amount of its final price, and of its base price where that is given.
    pub(crate) final_price: Decimal,
    /// The amount of its regular price, where that is given.
    pub(crate) old_price: Option<Decimal>,
    /// The numbers, without quotes, that say the final and the base price.
    pub(crate) slots: Vec<Span>,
}

impl PrintedPrices {
    /// Every price box of a script with its prices; nothing where one of them is of another form.
    pub(super) fn read(script: &str) -> Option<Vec<Self>> {
        let targets: BTreeMap<String, BTreeMap<String, &RawValue>> = serde_json::from_str(script).ok()?;
        let mut printed = Vec::new();
        for (selector, widgets) in &targets {
            let Some(widget) = widgets.get("priceBox") else {
                continue;
            };
            let config = object::<Widget<'_>>(widget).and_then(|widget| object::<Config<'_>>(widget.price_config))?;
            if let Some(prices) = config.prices.filter(|prices| is_filled(prices)) {
                let product = target(selector).filter(|product| config.is_of(*product))?;
                printed.push(object::<Prices<'_>>(prices)?.printed(script, product)?);
            }
        }
        Some(printed)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Widget<'a> {
    #[serde(borrow)]
    price_config: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    product_id: Option<Value>,
    #[serde(borrow)]
    prices: Option<&'a RawValue>,
}

impl Config<'_> {
    fn is_of(&self, product: ProductId) -> bool {
        match &self.product_id {
            None | Some(Value::Null) => true,
            Some(Value::String(id)) => *id == product.to_string(),
            Some(id) => id.as_u64() == Some(product.0),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Prices<'a> {
    #[serde(borrow)]
    base_old_price: Option<&'a RawValue>,
    #[serde(borrow)]
    old_price: Option<&'a RawValue>,
    #[serde(borrow)]
    base_price: Option<&'a RawValue>,
    #[serde(borrow)]
    final_price: &'a RawValue,
}

impl Prices<'_> {
    fn printed(&self, script: &str, product: ProductId) -> Option<PrintedPrices> {
        let (final_price, slot) = amount(script, self.final_price)?;
        let mut slots = vec![slot];
        if let Some(base) = self.base_price {
            let (base, slot) = amount(script, base)?;
            // A base price of its own is one without taxes, of which nothing is known here.
            slots.push(Some(slot).filter(|_| base == final_price)?);
        }
        if let Some(price) = self.base_old_price {
            amount(script, price)?;
        }
        let old_price = match self.old_price {
            Some(price) => Some(amount(script, price)?.0),
            None => None,
        };
        Some(PrintedPrices { product, final_price, old_price, slots })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price<'a> {
    #[serde(borrow)]
    amount: &'a RawValue,
    adjustments: Option<Value>,
}

/// The amount of a price that nothing is added to, and the place of its number.
fn amount(script: &str, price: &RawValue) -> Option<(Decimal, Span)> {
    let price = object::<Price<'_>>(price).filter(|price| price.adjustments.as_ref().is_none_or(adds_nothing))?;
    let value = price.amount.get();
    let number = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).trim();
    // A raw value is a part of the text that it was read from.
    let start = number.as_ptr().addr().checked_sub(script.as_ptr().addr())?;
    let slot = Span::new(start..start + number.len());
    Some((parse_amount(number).filter(|_| slot.of(script) == number)?, slot))
}

fn adds_nothing(adjustments: &Value) -> bool {
    match adjustments {
        Value::Null => true,
        Value::Array(values) => values.iter().all(is_zero),
        Value::Object(fields) => fields.values().all(is_zero),
        _ => false,
    }
}

/// Whether a value is the number zero, or text that says so.
pub(super) fn is_zero(value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return false,
    };
    text.parse::<Decimal>().is_ok_and(|amount| amount.is_zero())
}

fn is_filled(prices: &RawValue) -> bool {
    serde_json::from_str(prices.get()).is_ok_and(|prices| says_something(&prices))
}

/// Reads an object; an array is none, though its elements could pass for the fields.
fn object<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    let text = value.get();
    text.starts_with('{').then(|| serde_json::from_str(text).ok())?
}

/// The product of the selector that Magento writes for a price box.
fn target(selector: &str) -> Option<ProductId> {
    let id = selector.strip_prefix("[data-role=priceBox][data-price-box=product-id-")?.strip_suffix(']')?;
    leading_id(id).filter(|_| id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(config: &str) -> String {
        format!(
            "\n {{ \"[data-role=priceBox][data-price-box=product-id-7]\": {{ \"priceBox\" : {{ \"priceConfig\":  {config} }} }} }}\n"
        )
    }

    fn read(prices: &str) -> Option<PrintedPrices> {
        PrintedPrices::read(&script(&format!("{{\"productId\":7,\"prices\":{prices},\"tierPrices\":[]}}")))?.pop()
    }

    #[test]
    fn finds_the_numbers_however_they_are_written() {
        let script = script(
            r#"{"productId":"7", "prices" : { "baseOldPrice":{"amount":"30.0000","adjustments":[]},"oldPrice":{"amount":30,"adjustments":{}},
               "basePrice":{"adjustments":{"tax":0},"amount" : "24.50"}, "finalPrice":{"amount":24.5, "adjustments":["0.0000"]}}}"#,
        );
        let printed = PrintedPrices::read(&script).expect("a known form");
        let [PrintedPrices { product, final_price, old_price, slots }] = &printed[..] else {
            panic!("one box: {printed:?}");
        };
        assert_eq!((*product, *final_price, *old_price), (ProductId(7), Decimal::new(245, 1), Some(Decimal::from(30))));
        assert_eq!(slots.iter().map(|slot| slot.of(&script)).collect::<Vec<_>>(), ["24.5", "24.50"]);
        assert!(script[..slots[1].range().start].ends_with("\"amount\" : \""), "quotes stay");
    }

    #[test]
    fn knows_one_form_only() {
        assert!(read(r#"{"finalPrice":{"amount":3}}"#).is_some());
        for unknown in [
            r#"{"basePrice":{"amount":3}}"#,
            r#"{"finalPrice":{"amount":3},"weee":{"amount":1}}"#,
            r#"{"finalPrice":{"amount":3},"finalPrice":{"amount":3}}"#,
            r#"{"finalPrice":{"amount":3,"qty":1}}"#,
            r#"{"finalPrice":{"amount":3,"adjustments":{"tax":0.5}}}"#,
            r#"{"finalPrice":{"amount":3},"oldPrice":{"amount":4,"adjustments":[1]}}"#,
            r#"{"finalPrice":{"amount":3},"basePrice":{"amount":2.5}}"#,
            r#"{"finalPrice":{"amount":null}}"#,
            r#"{"finalPrice":{"amount":-3}}"#,
            r#"{"finalPrice":{"amount":3e1}}"#,
            r#"{"finalPrice":{"amount":"\u0033"}}"#,
            r#"{"finalPrice":3}"#,
            r#"{"finalPrice":[3,[]]}"#,
            r#"[{"amount":4},{"amount":4},{"amount":3},{"amount":3}]"#,
        ] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn knows_whose_prices_they_are() {
        let plain = script(r#"{"prices":{"finalPrice":{"amount":3}}}"#);
        assert_eq!(PrintedPrices::read(&plain).map(|printed| printed.len()), Some(1), "grids give no id");
        assert_eq!(PrintedPrices::read(&plain.replace("product-id-7]", "product-id-7] .x")), None);
        assert_eq!(PrintedPrices::read(&plain.replace("[data-price-box=product-id-7]", "")), None);
        assert_eq!(PrintedPrices::read(&plain.replace("\"priceConfig\"", "\"prices\":{},\"priceConfig\"")), None);
        let other = script(r#"{"productId":8,"prices":{"finalPrice":{"amount":3}}}"#);
        assert_eq!(PrintedPrices::read(&other), None);
        assert_eq!(PrintedPrices::read(&script(r#"{"prices":[]}"#)), Some(Vec::new()));
    }
}
