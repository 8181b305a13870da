//! What the browser keeps of a product it has seen: an item of `Magento_Catalog/js/product/view/provider`, or of the answer of
//! `GET /rest/V1/products-render-info`, which have one shape. Widgets such as "recently viewed" are made of it.

use std::ops::Range;

use rust_decimal::Decimal;

use super::cursor::Cursor;
use super::shown::price_text;
use crate::page::ProductId;
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::{PriceText, parse_amount};

/// One product with all its amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProductInfo {
    /// Which product.
    pub(crate) product: ProductId,
    /// Magento's word for its type, such as `simple`; other modules have types of their own.
    pub(crate) kind: String,
    /// ISO code of the currency that the amounts are in, where the item says so.
    pub(crate) currency: Option<String>,
    /// Whether fixed product taxes may be in the amounts.
    pub(crate) has_fixed_tax: bool,
    /// Every amount that the item states, each key once with tax as the store view shows it, and once without.
    pub(crate) amounts: Vec<InfoAmount>,
}

/// One amount of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InfoAmount {
    /// Which.
    pub(crate) key: InfoKey,
    /// Whether it is the twin without tax, from `tax_adjustments`.
    pub(crate) without_tax: bool,
    /// The amount. That of a text without a number of its own is the final price.
    pub(crate) value: Decimal,
    /// Where the page spells the number, without quotes; `None` for a key that has a text only.
    pub(crate) number: Option<Span>,
    /// The text that says the same.
    pub(crate) text: Option<InfoText>,
}

/// The text of an amount, proven to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InfoText {
    /// How it is written, and where its number is.
    pub(crate) price: PriceText,
    /// All that is shown, with the sign of the currency.
    pub(crate) whole: Span,
}

/// Magento's name of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum InfoKey {
    /// `final_price`
    Final,
    /// `max_price`
    Max,
    /// `minimal_price`
    Minimal,
    /// `special_price`
    Special,
    /// `regular_price`
    Regular,
    /// `max_regular_price`
    MaxRegular,
    /// `minimal_regular_price`
    MinimalRegular,
    /// `weee_adjustment`: the final price once more, as a text
    WeeeAdjustment,
}

impl InfoKey {
    const NUMBERS: [Self; 7] =
        [Self::Final, Self::Max, Self::Minimal, Self::Special, Self::Regular, Self::MaxRegular, Self::MinimalRegular];

    /// The key in the JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final_price",
            Self::Max => "max_price",
            Self::Minimal => "minimal_price",
            Self::Special => "special_price",
            Self::Regular => "regular_price",
            Self::MaxRegular => "max_regular_price",
            Self::MinimalRegular => "minimal_regular_price",
            Self::WeeeAdjustment => "weee_adjustment",
        }
    }
}

impl ProductInfo {
    /// Reads the item at a range of a layer, as [`Cursor::skip`] gives it. Nothing if anything about it is unreadable, stated twice,
    /// or contradicts something else in it: there may then be an amount that would stay behind.
    pub(crate) fn read(page: &str, layer: &Layer<'_>, item: Range<usize>) -> Option<Self> {
        let item = layer.part(item);
        let mut reading = Reading { page, item: &item, cursor: Cursor::new(item.text()) };
        let read = reading.item()?;
        reading.cursor.is_done().then_some(read)
    }

    /// An amount of the item, with tax as the store view shows it or without.
    pub(crate) fn amount(&self, key: InfoKey, without_tax: bool) -> Option<&InfoAmount> {
        self.amounts.iter().find(|amount| (amount.key, amount.without_tax) == (key, without_tax))
    }
}

/// An item that is being read; ranges are in its own text.
struct Reading<'a> {
    page: &'a str,
    item: &'a Layer<'a>,
    cursor: Cursor<'a>,
}

/// What an item says beside its amounts.
#[derive(Default)]
struct Fields {
    id: Option<Range<usize>>,
    kind: Option<Range<usize>>,
    currency: Option<Range<usize>>,
    prices: Option<Side>,
    adjustments: Option<Side>,
    weee_text: Option<Range<usize>>,
    has_fixed_tax: bool,
}

/// The numbers and texts of one side of the tax.
#[derive(Default)]
struct Side {
    numbers: Vec<(InfoKey, Range<usize>)>,
    texts: Vec<(InfoKey, Range<usize>)>,
}

impl Reading<'_> {
    fn item(&mut self) -> Option<ProductInfo> {
        let mut fields = Fields::default();
        self.cursor.object(|key, cursor| match &*key.text() {
            "id" => once(&mut fields.id, cursor.number()?),
            "type" => once(&mut fields.kind, cursor.string()?),
            "currency_code" => once(&mut fields.currency, cursor.string()?),
            "price_info" => {
                fields.prices.is_none().then_some(())?;
                let mut prices = Side::default();
                price_info(cursor, &mut prices, &mut fields)?;
                once(&mut fields.prices, prices)
            }
            _ => Some(()),
        })?;
        let product = self.text(&fields.id?).parse().ok().map(ProductId)?;
        let kind = self.text(&fields.kind?).to_owned();
        let currency = fields.currency.map(|range| self.text(&range).to_owned());
        let mut amounts = self.amounts(&fields.prices?, false)?;
        if let Some(adjustments) = &fields.adjustments {
            amounts.extend(self.amounts(adjustments, true)?);
        }
        let final_price = amounts.iter().find(|it| it.key == InfoKey::Final && !it.without_tax)?.value;
        if let Some(text) = fields.weee_text {
            let text = Some(self.shown(text, final_price)?);
            let key = InfoKey::WeeeAdjustment;
            amounts.push(InfoAmount { key, without_tax: false, value: final_price, number: None, text });
        }
        Some(ProductInfo { product, kind, currency, has_fixed_tax: fields.has_fixed_tax, amounts })
    }

    fn amounts(&self, side: &Side, without_tax: bool) -> Option<Vec<InfoAmount>> {
        // A text whose number is not there says an amount that nobody could check.
        let has_number = |key: InfoKey| side.numbers.iter().any(|(numbered, _)| *numbered == key);
        side.texts.iter().all(|(key, _)| has_number(*key)).then_some(())?;
        let amount = |(key, range): &(InfoKey, Range<usize>)| {
            let value = parse_amount(self.text(range))?;
            let text = match side.texts.iter().find(|(texted, _)| texted == key) {
                Some((_, text)) => Some(self.shown(text.clone(), value)?),
                None => None,
            };
            let number = Some(self.item.span(range.clone()));
            Some(InfoAmount { key: *key, without_tax, value, number, text })
        };
        side.numbers.iter().map(amount).collect()
    }

    fn shown(&self, string: Range<usize>, value: Decimal) -> Option<InfoText> {
        let string = self.item.part(string);
        let (price, whole) = price_text(self.page, &string, value)?;
        Some(InfoText { price, whole })
    }

    fn text(&self, range: &Range<usize>) -> &str {
        self.item.text().get(range.clone()).unwrap_or_default()
    }
}

fn price_info(cursor: &mut Cursor<'_>, prices: &mut Side, fields: &mut Fields) -> Option<()> {
    cursor.object(|key, cursor| match &*key.text() {
        "formatted_prices" => formatted(cursor, prices),
        "extension_attributes" => cursor.object(|key, cursor| match &*key.text() {
            "tax_adjustments" => {
                let mut adjustments = Side::default();
                cursor.object(|key, cursor| match &*key.text() {
                    "formatted_prices" => formatted(cursor, &mut adjustments),
                    name => number(cursor, name, &mut adjustments),
                })?;
                once(&mut fields.adjustments, adjustments)
            }
            "weee_attributes" => {
                fields.has_fixed_tax = cursor.peek()? != b'[' || !is_empty(cursor)?;
                Some(())
            }
            "weee_adjustment" => match cursor.peek()? {
                b'"' => once(&mut fields.weee_text, cursor.string()?),
                b'n' => Some(()),
                _ => None,
            },
            _ => Some(()),
        }),
        name => number(cursor, name, prices),
    })
}

/// Reads an amount. One of an unknown name could be a copy of a price; anything else that is unknown could not.
fn number(cursor: &mut Cursor<'_>, name: &str, side: &mut Side) -> Option<()> {
    let key = InfoKey::NUMBERS.into_iter().find(|key| key.as_str() == name);
    match (key, cursor.peek()?) {
        (_, b'n') => Some(()),
        (Some(key), _) => insert(&mut side.numbers, key, cursor.number()?),
        (None, b'-' | b'0'..=b'9' | b'"') => None,
        (None, _) => Some(()),
    }
}

fn formatted(cursor: &mut Cursor<'_>, side: &mut Side) -> Option<()> {
    cursor.object(|key, cursor| {
        let key = InfoKey::NUMBERS.into_iter().find(|known| key.is(known.as_str()));
        match (key, cursor.peek()?) {
            (_, b'n') => Some(()),
            (Some(key), _) => insert(&mut side.texts, key, cursor.string()?),
            (None, _) => None,
        }
    })
}

fn is_empty(cursor: &mut Cursor<'_>) -> Option<bool> {
    let mut empty = true;
    cursor.array(|_| {
        empty = false;
        Some(())
    })?;
    Some(empty)
}

fn insert(list: &mut Vec<(InfoKey, Range<usize>)>, key: InfoKey, range: Range<usize>) -> Option<()> {
    list.iter().all(|(known, _)| *known != key).then(|| list.push((key, range)))
}

/// Takes what may be stated once only.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"add_to_cart_button":{"url":"http:\/\/shop.example\/"},"price_info":{"final_price":47.6,"max_price":"47.60","max_regular_price":47.6,"minimal_regular_price":47.6,"special_price":null,"minimal_price":47.6,"regular_price":59.5,"formatted_prices":{"final_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","max_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","minimal_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","max_regular_price":"<span class=\"price\">47,60\u00a0\u20ac<\/span>","minimal_regular_price":null,"special_price":null,"regular_price":"<span class=\"price\">59,50\u00a0\u20ac<\/span>"},"extension_attributes":{"msrp":{"msrp_price":"<span class=\"price\">0,00\u00a0\u20ac<\/span>"},"tax_adjustments":{"final_price":40,"special_price":40,"regular_price":50,"formatted_prices":{"final_price":"<span class=\"price\">40,00\u00a0\u20ac<\/span>","special_price":"<span class=\"price\">40,00\u00a0\u20ac<\/span>","regular_price":"<span class=\"price\">50,00\u00a0\u20ac<\/span>"}},"weee_attributes":[],"weee_adjustment":"<span class=\"price\">47,60\u00a0\u20ac<\/span>"}},"id":7,"name":"Bag","type":"simple","store_id":1,"currency_code":"EUR"}"#;

    fn read(text: &str) -> Option<ProductInfo> {
        ProductInfo::read(text, &Layer::of(text, Span::new(0..text.len())), 0..text.len())
    }

    #[test]
    fn reads_every_amount_with_its_twin_and_its_text() {
        let info = read(ITEM).expect("a good item");
        assert_eq!((info.product, &*info.kind, info.currency.as_deref()), (ProductId(7), "simple", Some("EUR")));
        assert!(!info.has_fixed_tax);
        assert_eq!(info.amounts.len(), 6 + 3 + 1);
        let amount = |key, without_tax| info.amount(key, without_tax).expect("stated");
        let spelt = |amount: &InfoAmount| {
            let text = amount.text.as_ref();
            (
                amount.number.map(|number| number.of(ITEM)),
                text.map(|text| (text.price.number.of(ITEM), text.whole.of(ITEM))),
            )
        };
        let shown = |number| Some((number, r"47,60\u00a0\u20ac"));
        assert_eq!(spelt(amount(InfoKey::Final, false)), (Some("47.6"), shown("47,60")));
        assert_eq!(spelt(amount(InfoKey::Max, false)), (Some("47.60"), shown("47,60")));
        assert_eq!(spelt(amount(InfoKey::MinimalRegular, false)), (Some("47.6"), None));
        assert_eq!(spelt(amount(InfoKey::WeeeAdjustment, false)), (None, shown("47,60")));
        assert_eq!(spelt(amount(InfoKey::Special, true)), (Some("40"), Some(("40,00", r"40,00\u00a0\u20ac"))));
        assert_eq!(info.amount(InfoKey::Special, false), None);
    }

    #[test]
    fn finds_an_item_in_the_middle_of_an_attribute() {
        let page = format!("<a data-x='{{&quot;items&quot;: {} }}'>", ITEM.replace('"', "&quot;"));
        let layer = Layer::of(&page, Span::new(11..page.len() - 2));
        let json = layer.html();
        let (start, end) = (json.text().find("{\"add").expect("there"), json.text().rfind(" }").expect("there"));
        let info = ProductInfo::read(&page, &json, start..end).expect("a good item");
        let text = info.amount(InfoKey::Regular, true).and_then(|amount| amount.text.as_ref()).expect("stated");
        assert_eq!(text.whole.of(&page), r"50,00\u00a0\u20ac");
    }

    #[test]
    fn notices_fixed_taxes() {
        let info = read(&ITEM.replace(r#""weee_attributes":[]"#, r#""weee_attributes":[{"amount":1}]"#));
        assert!(info.expect("a good item").has_fixed_tax);
    }

    #[test]
    fn declines_what_it_cannot_check() {
        for (old, new) in [
            (r#""final_price":47.6"#, r#""final_price":47.7"#),
            (r#""final_price":47.6"#, r#""final_price":-47.6"#),
            (r#""final_price":47.6"#, r#""final_price":null"#),
            (r#""final_price":47.6"#, r#""final_price":47.6,"final_price":47.6"#),
            (r#""special_price":null"#, r#""club_price":47.6"#),
            ("47,60", "47,06"),
            (r#"<span class=\"price\">40,00\u00a0\u20ac<\/span>"#, r#"<b>40,00\u00a0\u20ac<\/b> <i>40<\/i>"#),
            (r#""id":7"#, r#""id":"seven""#),
            (r#","type":"simple""#, ""),
            (r#""currency_code":"EUR"}"#, r#""currency_code":"EUR""#),
        ] {
            assert!(ITEM.contains(old));
            assert_eq!(read(&ITEM.replacen(old, new, 1)), None, "{old} -> {new}");
        }
    }
}
