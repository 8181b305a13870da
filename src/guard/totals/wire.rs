//! The forms in which Magento writes totals, with what PHP makes of numbers and lists.

use std::fmt;
use std::marker::PhantomData;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Lines of a cart that are read at most: Magento itself grows too slow for more.
const MOST_LINES: usize = 500;

/// No figure of a cart is above this; below it no sum can overflow.
const HIGHEST: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);

/// An amount, number or text. A double is read by its shortest form, which is what PHP had before it wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount(pub(super) Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor).map(Self)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
        within(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
        within(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        let amount: Decimal = text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        within(amount.normalize())
    }
}

fn within<E: de::Error>(amount: Decimal) -> Result<Decimal, E> {
    if amount.abs() <= HIGHEST { Ok(amount) } else { Err(E::custom("an amount past all reason")) }
}

/// A list, which PHP writes as an object where its keys are not 0, 1, 2 and so on.
#[derive(Clone, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<T> ListVisitor<T> {
    fn within<E: de::Error>(list: &[T]) -> Result<(), E> {
        if list.len() < MOST_LINES { Ok(()) } else { Err(E::custom("more lines than a cart has")) }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            Self::within::<A::Error>(&list)?;
            list.push(item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some((_, item)) = entries.next_entry::<IgnoredAny, T>()? {
            Self::within::<A::Error>(&list)?;
            list.push(item);
        }
        Ok(list)
    }
}

/// Totals, as REST and `checkoutConfig.totalsData` have them.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Totals {
    pub(super) base_currency_code: Option<String>,
    pub(super) quote_currency_code: Option<String>,
    pub(super) discount_amount: Option<Amount>,
    pub(super) shipping_amount: Option<Amount>,
    pub(super) base_shipping_amount: Option<Amount>,
    pub(super) shipping_discount_amount: Option<Amount>,
    pub(super) items_qty: Option<Amount>,
    pub(super) coupon_code: Option<String>,
    pub(super) items: List<Line>,
    #[serde(default)]
    pub(super) total_segments: List<Segment>,
}

/// A line of totals.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Line {
    pub(super) item_id: Amount,
    pub(super) qty: Amount,
    pub(super) price: Option<Amount>,
    pub(super) base_price: Option<Amount>,
    pub(super) price_incl_tax: Option<Amount>,
    pub(super) base_price_incl_tax: Option<Amount>,
    pub(super) row_total: Option<Amount>,
    pub(super) base_row_total: Option<Amount>,
    pub(super) row_total_incl_tax: Option<Amount>,
    pub(super) base_row_total_incl_tax: Option<Amount>,
    pub(super) tax_percent: Option<Amount>,
    pub(super) discount_amount: Option<Amount>,
}

/// One of `total_segments`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Segment {
    pub(super) code: Option<String>,
    pub(super) value: Option<Amount>,
}

/// Totals beside the ways to pay.
#[derive(Debug, serde::Deserialize)]
pub(super) struct PaymentInformation {
    pub(super) totals: Totals,
}

/// `window.checkoutConfig`.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckoutConfig {
    pub(super) quote_data: Option<Quote>,
    #[serde(default)]
    pub(super) quote_item_data: List<QuoteItem>,
    pub(super) totals_data: Option<Totals>,
    pub(super) store_code: Option<String>,
}

/// `checkoutConfig.quoteData`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Quote {
    pub(super) base_to_quote_rate: Option<Amount>,
    pub(super) customer_group_id: Option<Amount>,
    pub(super) coupon_code: Option<String>,
}

/// One of `checkoutConfig.quoteItemData`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct QuoteItem {
    pub(super) item_id: Amount,
    pub(super) product_id: Option<Amount>,
    pub(super) sku: Option<String>,
    pub(super) product_type: Option<String>,
    pub(super) qty: Option<Amount>,
}

/// The `cart` section among those of `customer/section/load`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Sections {
    pub(super) cart: Option<Section>,
}

/// The `cart` section.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Section {
    #[serde(default)]
    pub(super) items: List<SectionItem>,
}

/// One of its items.
#[derive(Debug, serde::Deserialize)]
pub(super) struct SectionItem {
    pub(super) item_id: Amount,
    pub(super) product_id: Option<Amount>,
    pub(super) product_sku: Option<String>,
    pub(super) product_type: Option<String>,
    pub(super) qty: Option<Amount>,
}
