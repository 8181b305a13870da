//! A cart as rules see it, and what they charge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::Truth;
use crate::page::ProductId;
use crate::rule::AudienceId;
use crate::site::{TaxBasis, TaxComputed};

/// A cart; what is `None` without further word is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Cart {
    /// Magento's `store_id`.
    pub store_id: u64,
    /// Magento's `website_id`.
    pub website_id: u64,
    /// Units of the cart's currency for one of the base currency; 1 where they are the same.
    pub rate: Decimal,
    /// How the store view taxes.
    pub tax: CartTax,
    /// Today in the store view's time zone.
    pub today: Date,
    /// The customer's group; 0 is a guest.
    pub customer_group: Option<u64>,
    /// The audiences of the shopper, for Adobe's condition; `None` is unknown.
    pub audiences: Option<Audiences>,
    /// The code that the cart holds.
    pub coupon: Coupon,
    /// The shipping address (the billing one of a cart that is not shipped).
    pub address: CartAddress,
    /// The payment method that was chosen; the inner `None` is none yet.
    pub payment_method: Option<Option<String>>,
    /// The lines in the order of the cart, each with its children right behind it.
    pub lines: Vec<CartLine>,
    /// Whether these are all lines.
    pub is_complete: bool,
    /// Codes of the attributes that can have several values.
    pub multiselects: Arc<BTreeSet<String>>,
}

/// What is known of the audiences of a shopper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audiences {
    /// Those that he is in.
    pub held: BTreeSet<AudienceId>,
    /// Those of which nobody knows whether he is in them.
    pub unknown: Arc<BTreeSet<AudienceId>>,
}

impl Audiences {
    /// Whether he is in an audience.
    pub fn holds(&self, id: &AudienceId) -> Truth {
        if self.unknown.contains(id) { Truth::Unknown } else { Truth::from(self.held.contains(id)) }
    }
}

impl Cart {
    /// Positions of the parts of a line.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        (at + 1..self.lines.len()).take_while(move |child| self.lines[*child].parent == Some(at))
    }

    /// Positions of the lines that are no parts.
    pub fn top_lines(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.lines.len()).filter(|at| self.lines[*at].parent.is_none())
    }

    /// Whether a line's price is the sum of its parts', which are then what is discounted.
    pub fn is_made_of_parts(&self, at: usize) -> bool {
        self.lines[at].kind == "bundle" && self.children(at).any(|child| !self.lines[child].base_row_total.is_zero())
    }

    /// Rows without tax in base currency; `None` where not all lines are known.
    pub fn base_subtotal(&self) -> Option<Decimal> {
        self.is_complete.then(|| self.top_lines().map(|at| self.lines[at].base_row_total).sum())
    }

    /// Rows with tax in base currency.
    pub fn base_subtotal_with_tax(&self) -> Option<Decimal> {
        let rows = self.is_complete.then(|| self.top_lines().map(|at| self.lines[at].base_row_total_with_tax));
        rows?.sum()
    }

    /// Units, of a bundle one for all its parts.
    pub fn total_quantity(&self) -> Option<Decimal> {
        self.is_complete.then(|| self.top_lines().map(|at| self.lines[at].quantity).sum())
    }

    /// What is to be shipped weighs.
    pub fn weight(&self) -> Option<Decimal> {
        if !self.is_complete {
            return None;
        }
        let of = |at: usize| {
            let line = &self.lines[at];
            if line.is_virtual { Some(Decimal::ZERO) } else { line.weight.map(Option::unwrap_or_default) }
        };
        let mut sum = Decimal::ZERO;
        for at in self.top_lines() {
            let quantity = self.lines[at].quantity;
            let one: Decimal = match self.is_made_of_parts(at) {
                true => self.children(at).map(|part| Some(of(part)? * self.lines[part].quantity)).sum::<Option<_>>()?,
                false => of(at)?,
            };
            sum += one * quantity;
        }
        Some(sum)
    }
}

/// What discounts depend on of a store view's tax settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CartTax {
    /// "Catalog Prices"
    pub catalog_prices: TaxBasis,
    /// "Apply Discount On Prices"
    pub discount_on: TaxBasis,
    /// "Apply Customer Tax"
    pub computed: TaxComputed,
}

/// The coupon of a cart. Magento Open Source has one at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coupon {
    /// Nobody can tell.
    Unknown,
    /// None.
    None,
    /// This one.
    Code {
        /// As it was typed.
        code: String,
        /// The rule whose code it is; `None` for a code of no rule.
        rule_id: Option<u64>,
    },
}

/// Where a cart goes.
#[derive(Clone, Debug, PartialEq)]
pub enum CartAddress {
    /// Nobody can tell.
    Unknown,
    /// It has none yet.
    None,
    /// There.
    Known(Address),
}

/// A shipping address with the method chosen for it. A text that is empty is not filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    /// ISO code.
    pub country: String,
    /// Its name.
    pub region: String,
    /// Magento's id of it.
    pub region_id: Option<u64>,
    /// Postal code.
    pub postcode: String,
    /// Such as `flatrate_flatrate`.
    pub shipping_method: Option<String>,
    /// Before discounts and tax, in the cart's currency.
    pub shipping_amount: Decimal,
    /// The same in base currency.
    pub base_shipping_amount: Decimal,
}

/// One line of a cart. Amounts are in the cart's currency unless they are called base.
#[derive(Clone, Debug, PartialEq)]
pub struct CartLine {
    /// The position of the line that this is a part of (a configurable's variant, a bundle's selection).
    pub parent: Option<usize>,
    /// The product's id.
    pub product: Option<ProductId>,
    /// `type_id`: `simple`, `configurable`, `bundle`, ...
    pub kind: String,
    /// The line's SKU, which of a configurable is its variant's.
    pub sku: String,
    /// The product's own SKU.
    pub product_sku: Option<String>,
    /// How many; of a child, for one of its parent.
    pub quantity: Decimal,
    /// Without tax.
    pub unit_price: Decimal,
    /// Without tax.
    pub base_unit_price: Decimal,
    /// With tax; unknown where the cart does not say.
    pub unit_price_with_tax: Option<Decimal>,
    /// With tax.
    pub base_unit_price_with_tax: Option<Decimal>,
    /// Without tax.
    pub row_total: Decimal,
    /// Without tax.
    pub base_row_total: Decimal,
    /// With tax.
    pub row_total_with_tax: Option<Decimal>,
    /// With tax.
    pub base_row_total_with_tax: Option<Decimal>,
    /// In percent.
    pub tax_percent: Option<Decimal>,
    /// Of one; the inner `None` is a product without a weight.
    pub weight: Option<Option<Decimal>>,
    /// Whether it needs no shipping.
    pub is_virtual: bool,
    /// What is known of the product.
    pub facts: LineFacts,
}

/// What conditions ask of a line's product.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineFacts {
    /// Whether the catalogue's word about the product is here; without it only SKU and prices can be told.
    pub is_known: bool,
    /// The attribute set.
    pub attribute_set: Option<u64>,
    /// Categories with every one above them that lists the product.
    pub categories: BTreeSet<u64>,
    /// Raw values by code: a text, or several of a multiselect. One that is not here the product does not have.
    pub attributes: BTreeMap<String, AttributeValue>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// One.
    One(String),
    /// Those of a multiselect.
    Many(Vec<String>),
}
