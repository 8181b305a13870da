//! Prices and formats in the script data of a page.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::page::ProductId;
use crate::rewrite::price::PriceFormat;

pub(crate) mod cursor;
mod printed;
pub(crate) mod product_info;
pub(crate) mod shown;

pub(crate) use printed::PrintedPrices;

/// Why a script would print its own prices over what the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// It holds prices that cannot be changed along.
    Prices,
    /// It holds prices by quantity.
    Tiers,
    /// It holds the choices of a configurable product.
    Choices,
    /// It could not be read.
    Unreadable,
}

/// What one `text/x-magento-init` script says of prices.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InitScript {
    /// How its widgets print prices.
    pub(crate) format: Option<PriceFormat>,
    /// What it would do to the products that it names, or to any if it names none.
    pub(crate) driver: Option<Driver>,
    /// The products that it names.
    pub(crate) products: Vec<ProductId>,
    /// Prices that can be changed along, by their places in the script.
    pub(crate) printed: Vec<PrintedPrices>,
}

impl InitScript {
    /// Reads a script's text.
    pub(crate) fn read(script: &str) -> Self {
        let mut read = Self::default();
        let mut prices = 0;
        for at in memmem::find_iter(script.as_bytes(), b"Config\"") {
            let (before, after) = (&script[..at], &script[at + "Config\"".len()..]);
            if before.ends_with("\"price") {
                prices += usize::from(read.price_config(after));
            } else if has_choices(before, after) {
                read.driver.get_or_insert(Driver::Choices);
            }
        }
        if prices > 0 {
            // Whatever prices are not among those that were understood could be printed over them.
            match PrintedPrices::read(script).filter(|printed| printed.len() == prices) {
                Some(printed) => read.printed = printed,
                None => read.driver = Some(Driver::Prices),
            }
        }
        if read.format.is_none() {
            read.format = after_key(script, "\"priceFormat\"").and_then(parse_first);
        }
        if read.driver.is_some() {
            read.products = named_products(script);
        }
        read
    }

    /// Reads a price configuration; says whether it has prices.
    fn price_config(&mut self, after: &str) -> bool {
        let Some(config) = value_after(after).and_then(parse_first::<PriceConfig>) else {
            self.driver = Some(Driver::Unreadable);
            return false;
        };
        if config.tier_prices.is_some_and(|tiers| says_something(&tiers)) {
            self.driver.get_or_insert(Driver::Tiers);
        }
        let has_prices = config.prices.is_some_and(|prices| says_something(&prices));
        self.format = self.format.take().or_else(|| serde_json::from_value(config.price_format?).ok());
        has_prices
    }
}

/// Whether a key that ends in `Config"` holds the choices of a product. One without custom options has an empty `optionConfig`.
fn has_choices(before: &str, after: &str) -> bool {
    if before.ends_with("\"option") {
        return value_after(after).and_then(parse_first::<Value>).is_none_or(|config| says_something(&config));
    }
    before.ends_with("\"json") || before.ends_with("\"sp")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceConfig {
    price_format: Option<Value>,
    prices: Option<Value>,
    tier_prices: Option<Value>,
}

/// The text of the first value under `key`, wherever it stands in a script.
fn after_key<'a>(script: &'a str, key: &str) -> Option<&'a str> {
    let at = memmem::find(script.as_bytes(), key.as_bytes())?;
    value_after(&script[at + key.len()..])
}

fn value_after(after_key: &str) -> Option<&str> {
    after_key.trim_ascii_start().strip_prefix(':')
}

/// The JSON value that a text begins with.
fn parse_first<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

/// Products that a script names, by its selectors or by `productId`.
fn named_products(script: &str) -> Vec<ProductId> {
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

/// The product id that a text begins with.
pub(crate) fn leading_id(text: &str) -> Option<ProductId> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..length].parse().ok().map(ProductId)
}

/// Whether every link in the raw configuration of a downloadable product's links costs nothing.
pub(crate) fn links_are_free(config: &str) -> bool {
    let config: Option<Value> = serde_json::from_str(config).ok();
    let links = config.as_ref().and_then(|config| config.pointer("/downloadable/config/links")?.as_object());
    let is_free = |link: &Value| {
        let prices = link.as_object().filter(|prices| prices.contains_key("finalPrice"));
        prices.is_some_and(|prices| prices.values().all(printed::is_zero))
    };
    links.is_some_and(|links| !links.is_empty() && links.values().all(is_free))
}

/// Whether structured data (JSON-LD) states a price.
pub(crate) fn states_price(script: &str) -> bool {
    match serde_json::from_str::<Value>(script) {
        Ok(value) => has_price(&value),
        // Browsers and crawlers are more patient with broken JSON than we are.
        Err(_) => ["price", "Price"].iter().any(|word| script.contains(word)),
    }
}

fn has_price(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_price),
        Value::Object(fields) => fields.iter().any(|(key, value)| is_price(key) || has_price(value)),
        _ => false,
    }
}

fn is_price(key: &str) -> bool {
    let key = key.rsplit([':', '/']).next().unwrap_or(key);
    ["price", "lowPrice", "highPrice", "minPrice", "maxPrice", "priceSpecification"].contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = r#""priceFormat":{"pattern":"%s\u00a0\u20ac","precision":2,"requiredPrecision":2,"decimalSymbol":",","groupSymbol":".","groupLength":3,"integerRequired":false}"#;

    fn script(config: &str) -> InitScript {
        InitScript::read(&format!(
            r#"{{"[data-role=priceBox][data-price-box=product-id-7]":{{"priceBox":{{"priceConfig" : {{"productId":"7",{FORMAT}{config}}}}}}}}}"#
        ))
    }

    #[test]
    fn reads_the_format_of_a_product_without_options() {
        let read = script(r#","tierPrices":[]"#);
        assert_eq!(read.driver, None);
        let format = read.format.expect("a format");
        assert_eq!((format.pattern.as_str(), format.decimal_symbol.as_str(), format.precision), ("%s\u{a0}€", ",", 2));
    }

    #[test]
    fn sees_who_prints_own_prices() {
        let prices = script(r#","prices":{"finalPrice":{"amount":3,"adjustments":[1]}}"#);
        assert_eq!((prices.driver, prices.products), (Some(Driver::Prices), vec![ProductId(7)]));
        assert_eq!(script(r#","prices":[],"tierPrices":[{"qty":5}]"#).driver, Some(Driver::Tiers));
        assert_eq!(script(r#","prices":[],"tierPrices":{}"#).driver, None);
        assert_eq!(InitScript::read(r#"{"x":{"priceConfig": broken}}"#).driver, Some(Driver::Unreadable));
        let choices = InitScript::read(
            r#"{"[data-role=swatch-option-12]":{"w":{"jsonConfig":{"productId":"12"},"jsonSwatchConfig":{}}}}"#,
        );
        assert_eq!((choices.driver, choices.products), (Some(Driver::Choices), vec![ProductId(12)]));
        assert_eq!(InitScript::read(r#"{"*":{"Magento_Ui/js/core/app":{}}}"#), InitScript::default());
    }

    #[test]
    fn prices_that_can_be_changed_along_drive_nothing() {
        let prices = script(r#","prices":{"finalPrice":{"amount":3}},"tierPrices":[]"#);
        assert_eq!((prices.driver, prices.printed.len()), (None, 1));
        let tiers = script(r#","prices":{"finalPrice":{"amount":3}},"tierPrices":[{"qty":5}]"#);
        assert_eq!(tiers.driver, Some(Driver::Tiers));
        let hidden = script(
            r#","prices":{"finalPrice":{"amount":3}},"x":{"priceConfig":{"prices":{"finalPrice":{"amount":4}}}}"#,
        );
        assert_eq!((hidden.driver, hidden.printed.len()), (Some(Driver::Prices), 0), "one of two was understood");
        let options =
            |config: &str| InitScript::read(&format!(r##"{{"#f":{{"priceOptions":{{"optionConfig":{config}}}}}}}"##));
        assert_eq!(options("[]").driver, None);
        assert_eq!(options(r#"{"3":{}}"#).driver, Some(Driver::Choices));
        assert_eq!(options("broken").driver, Some(Driver::Choices));
    }

    #[test]
    fn links_are_free_where_each_says_so() {
        let of = |links: &str| links_are_free(&format!(r#"{{"downloadable":{{"config":{{"links":{links}}}}}}}"#));
        assert!(of(r#"{"1":{"finalPrice":0,"basePrice":"0.0000"},"2":{"finalPrice":0.0}}"#));
        for priced in [
            r#"{"1":{"finalPrice":0},"2":{"finalPrice":9}}"#,
            r#"{"1":{"finalPrice":0,"basePrice":1}}"#,
            r#"{"1":{}}"#,
            "{}",
            "[]",
            "null",
        ] {
            assert!(!of(priced), "{priced}");
        }
        assert!(!links_are_free("{"));
    }

    #[test]
    fn finds_prices_in_structured_data() {
        assert!(states_price(r#"{"@type":"Product","offers":[{"@type":"Offer","price":"24.00"}]}"#));
        assert!(states_price(r#"{"@graph":[{"schema:lowPrice":1}]}"#));
        assert!(states_price(r#"{"price": 24,}"#));
        assert!(!states_price(r#"{"@type":"BreadcrumbList","itemListElement":[{"name":"Bags"}]}"#));
    }
}
