//! Commerce's cart price rules ("sales rules") and what Magento's cart makes of them.
//!
//! A [`CartRule`] is read from Magento's REST form and written back without loss. Its conditions are tested against a [`Cart`], of which
//! something may be unknown: the answer is then unknown too ([`Truth`]), never a guess.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::Days;
pub use cart::{Address, AttributeValue, Audiences, Cart, CartAddress, CartLine, CartTax, Coupon, LineFacts};
pub use charge::{Charged, LineCharge, Money, Undecided, Why, charge, units_to_next_free};
pub use condition::{Combine, Condition, Lack, LineScope, Moment, Test, Truth};
pub use operand::{Operand, Operator};
pub use release::Release;
pub use rest::{AudienceForm, AudienceType, AudienceTypes, RestError};

mod cart;
mod charge;
mod condition;
mod operand;
mod release;
mod rest;
mod select;
pub mod vectors;

/// A cart price rule as Commerce has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CartRule {
    /// Commerce's `rule_id`; 0 for one that Commerce does not have yet.
    pub id: u64,
    /// What merchandisers call it.
    pub name: String,
    /// Internal; Magento shows it where a coupon rule has no label.
    pub description: Option<String>,
    /// Whether Commerce applies it at all.
    pub is_active: bool,
    /// Ids of the websites it holds on.
    pub websites: BTreeSet<u64>,
    /// Ids of the customer groups it is for; guests are group 0.
    pub customer_groups: BTreeSet<u64>,
    /// When it holds, in the store view's time zone.
    pub days: Days,
    /// `sort_order`: lower goes first.
    pub priority: i64,
    /// Whether rules after it no longer apply.
    pub stop: bool,
    /// When it applies.
    pub conditions: Condition,
    /// To which lines.
    pub lines: Condition,
    /// What it does.
    pub action: CartAction,
    /// `discount_amount`: percent, money in base currency, or units.
    pub amount: Decimal,
    /// `discount_qty`: the most units of a line that it discounts.
    pub most_units: Option<Decimal>,
    /// `discount_step`; 0 is none.
    pub step: Decimal,
    /// Whether it also discounts shipping.
    pub to_shipping: bool,
    /// Whether it makes shipping free.
    pub free_shipping: FreeShipping,
    /// Which coupons it needs.
    pub coupon: CouponKind,
    /// By store id; 0 is the default.
    pub labels: BTreeMap<u64, String>,
    /// How often one customer may use it; 0 is without limit. Guests are not counted.
    pub uses_per_customer: u64,
    /// How often one coupon may be used; 0 is without limit.
    pub uses_per_coupon: u64,
    /// The REST form that it was read from, with everything that has no field here.
    pub rest: Arc<Map<String, Value>>,
}

/// `simple_action`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CartAction {
    /// `by_percent`
    ByPercent,
    /// `by_fixed`: money off each unit.
    ByFixed,
    /// `cart_fixed`: money off the cart, spread over the lines.
    CartFixed,
    /// `buy_x_get_y`: of `step` + `amount` units of a line, `amount` are free.
    BuyXGetY,
    /// `to_percent`: the price becomes so many percent of it.
    ToPercent,
    /// `to_fixed`: the price becomes this.
    ToFixed,
    /// An action of somebody's extension: what it does cannot be told.
    Unknown(String),
}

/// `simple_free_shipping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeShipping {
    /// No.
    None,
    /// Lines that match ride free.
    MatchingLines,
    /// The whole shipment is free.
    Shipment,
}

/// `coupon_type`, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponKind {
    /// `NO_COUPON`: it applies by itself.
    None,
    /// `SPECIFIC_COUPON` with one code of its own.
    Specific,
    /// `AUTO`, or `SPECIFIC_COUPON` with `use_auto_generation`: any of its generated codes.
    Generated,
}
