//! Reads what a cart is charged, and what is in it, from the answers of the shop that say so.
//!
//! Totals name their lines by item id alone. Which product an item is stands in the `cart` section and in `checkoutConfig`.

mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Deserialize as _;

use super::NotComparable;
use crate::page::ProductId;

/// What a cart is charged. Amounts are in the cart's currency unless they are called base; discounts are above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// ISO code.
    pub currency: String,
    /// ISO code.
    pub base_currency: String,
    /// What is taken off altogether, lines and shipping.
    pub discount: Decimal,
    /// What is taken off shipping.
    pub shipping_discount: Decimal,
    /// Without tax.
    pub shipping: Decimal,
    /// Without tax.
    pub base_shipping: Decimal,
    /// The code that the cart holds.
    pub coupon: Option<String>,
    /// The lines that a shopper sees, in the order of the answer.
    pub lines: Vec<TotalsLine>,
}

/// A line with what it is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalsLine {
    /// The quote's item id.
    pub item: u64,
    /// How many.
    pub quantity: Decimal,
    /// The price of one without tax, in base currency.
    pub base_price: Decimal,
    /// The same with tax.
    pub base_price_with_tax: Decimal,
    /// The price of one with tax.
    pub price_with_tax: Decimal,
    /// Without tax.
    pub row: Decimal,
    /// Without tax.
    pub base_row: Decimal,
    /// With tax.
    pub row_with_tax: Decimal,
    /// With tax.
    pub base_row_with_tax: Decimal,
    /// In percent.
    pub tax_percent: Decimal,
    /// What is taken off.
    pub discount: Decimal,
}

/// An item of a cart, as far as a shopper sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The product; of a configurable one, its own id and not the variant's.
    pub product: ProductId,
    /// The SKU; of a configurable product, the variant's.
    pub sku: Arc<str>,
    /// `product_type`.
    pub kind: Arc<str>,
    /// How many.
    pub quantity: Decimal,
}

/// The items of a cart by their ids.
pub type Items = BTreeMap<u64, Item>;

/// What `checkoutConfig` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutConfig {
    /// What is charged.
    pub totals: Totals,
    /// What is in the cart.
    pub items: Items,
    /// Units of the cart's currency for one of the base currency.
    pub rate: Option<Decimal>,
    /// The customer's group, 0 for guests.
    pub customer_group: Option<u64>,
    /// The store view's code.
    pub store: Option<String>,
}

/// Reads the answer of `totals` and `totals-information`.
///
/// # Errors
/// When it is none, says too little, or contradicts itself.
pub fn rest(json: &[u8]) -> Result<Totals, NotComparable> {
    read::<wire::Totals>(json)?.checked()
}

/// Reads the answer of `shipping-information` and `payment-information`.
///
/// # Errors
/// As [`rest`].
pub fn payment(json: &[u8]) -> Result<Totals, NotComparable> {
    read::<wire::PaymentInformation>(json)?.totals.checked()
}

/// Reads `window.checkoutConfig` of a page of cart or checkout; `None` for a page without it, such as that of an empty cart.
///
/// # Errors
/// As [`rest`].
pub fn checkout_config(page: &[u8]) -> Result<Option<CheckoutConfig>, NotComparable> {
    let mut found = assignments(page);
    let Some(json) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(NotComparable::Contradiction);
    }
    // The rest of the script follows, so that the text does not end with the object.
    let mut reader = serde_json::Deserializer::from_slice(json);
    let config = wire::CheckoutConfig::deserialize(&mut reader).map_err(|_| NotComparable::Unreadable)?;
    let quote = config.quote_data.as_ref();
    let totals = config.totals_data.ok_or(NotComparable::Incomplete)?.checked()?;
    if quote.and_then(|quote| quote.coupon_code.as_deref()).is_some_and(|code| totals.coupon.as_deref() != Some(code)) {
        return Err(NotComparable::Contradiction);
    }
    let items = config.quote_item_data.0.into_iter().map(|item| {
        item_of(&item.item_id, item.product_id, item.sku, item.product_type, item.qty).ok_or(NotComparable::Incomplete)
    });
    Ok(Some(CheckoutConfig {
        items: items.collect::<Result<_, _>>()?,
        rate: quote.and_then(|quote| quote.base_to_quote_rate).map(|rate| rate.0),
        customer_group: quote.and_then(|quote| quote.customer_group_id).and_then(|group| whole(&group)),
        store: config.store_code,
        totals,
    }))
}

/// Reads the items of the `cart` section; `None` for an answer without that section.
///
/// # Errors
/// When it is no such answer, or an item does not say which product it is.
pub fn sections(json: &[u8]) -> Result<Option<Items>, NotComparable> {
    let Some(cart) = read::<wire::Sections>(json)?.cart else { return Ok(None) };
    let items = cart.items.0.into_iter().map(|item| {
        item_of(&item.item_id, item.product_id, item.product_sku, item.product_type, item.qty)
            .ok_or(NotComparable::Incomplete)
    });
    items.collect::<Result<_, _>>().map(Some)
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, NotComparable> {
    serde_json::from_slice(json).map_err(|_| NotComparable::Unreadable)
}

/// What stands behind each `window.checkoutConfig =` with an object on its right.
fn assignments(page: &[u8]) -> impl Iterator<Item = &[u8]> {
    const NAME: &[u8] = b"window.checkoutConfig";
    memchr::memmem::find_iter(page, NAME).filter_map(|at| {
        let value = page[at + NAME.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        value.starts_with(b"{").then_some(value)
    })
}

fn item_of(
    item: &wire::Amount,
    product: Option<wire::Amount>,
    sku: Option<String>,
    kind: Option<String>,
    quantity: Option<wire::Amount>,
) -> Option<(u64, Item)> {
    let product = ProductId(whole(&product?)?);
    Some((whole(item)?, Item { product, sku: sku?.into(), kind: kind?.into(), quantity: quantity?.0 }))
}

fn whole(amount: &wire::Amount) -> Option<u64> {
    amount.0.is_integer().then(|| u64::try_from(amount.0).ok()).flatten()
}

impl wire::Totals {
    /// The totals, where they are whole and add up.
    fn checked(self) -> Result<Totals, NotComparable> {
        let incomplete = NotComparable::Incomplete;
        let lines: Vec<TotalsLine> =
            self.items.0.iter().map(|line| line.read().ok_or(incomplete)).collect::<Result<_, _>>()?;
        let amount = |amount: Option<wire::Amount>| amount.map_or(Decimal::ZERO, |it| it.0);
        let totals = Totals {
            currency: self.quote_currency_code.ok_or(incomplete)?,
            base_currency: self.base_currency_code.ok_or(incomplete)?,
            // A surcharge of a rule makes it positive; a zero has no sign.
            discount: -self.discount_amount.ok_or(incomplete)?.0 + Decimal::ZERO,
            shipping_discount: amount(self.shipping_discount_amount),
            shipping: amount(self.shipping_amount),
            base_shipping: amount(self.base_shipping_amount),
            coupon: self.coupon_code.filter(|code| !code.is_empty()),
            lines,
        };
        let mut segments = self.total_segments.0.iter().filter(|segment| segment.code.as_deref() == Some("discount"));
        let says_so = segments.all(|segment| segment.value.is_none_or(|value| -value.0 == totals.discount));
        let pieces: Decimal = totals.lines.iter().map(|line| line.quantity).sum();
        let is_whole = self.items_qty.is_none_or(|quantity| quantity.0 == pieces);
        (says_so && is_whole).then_some(totals).ok_or(NotComparable::Contradiction)
    }
}

impl wire::Line {
    fn read(&self) -> Option<TotalsLine> {
        // In a view of another currency `price` is in the base currency, which older releases do not say twice.
        let base_price = self.base_price.or(self.price)?.0;
        Some(TotalsLine {
            item: whole(&self.item_id)?,
            quantity: self.qty.0,
            base_price,
            base_price_with_tax: self.base_price_incl_tax?.0,
            price_with_tax: self.price_incl_tax?.0,
            row: self.row_total?.0,
            base_row: self.base_row_total?.0,
            row_with_tax: self.row_total_incl_tax?.0,
            base_row_with_tax: self.base_row_total_incl_tax?.0,
            tax_percent: self.tax_percent.map_or(Decimal::ZERO, |it| it.0),
            discount: self.discount_amount?.0,
        })
    }
}

#[cfg(test)]
mod tests;
