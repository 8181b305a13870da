//! Conditions, and whether they hold for a cart of which something may be unknown.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

use super::operand::{Actual, Operand, Operator, is_truthy, localized_number, numeric, text_of};
use super::{AttributeValue, Cart, CartAddress, CartLine, Release};
use crate::rule::{AudienceId, AudienceTest};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell from what is known.
    Unknown,
}

/// A condition, or a tree of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Several: all or any of them must be `value`.
    Combine(Combine),
    /// Of the cart or its shipping address.
    Address(Test),
    /// Of one line's product (`attribute_scope` says whether the line itself, its children, or both are asked).
    Product {
        /// What is asked.
        test: Test,
        /// Whom.
        scope: LineScope,
    },
    /// `Product\Found`: whether some line matches the conditions in it (`value` false: makes them false).
    Found(Combine),
    /// `Product\Subselect`: what the matching lines add up to.
    Subselect {
        /// `qty`, `base_row_total`, ...
        total: Test,
        /// Which lines.
        lines: Combine,
    },
    /// Adobe's audience condition.
    Audience {
        /// Whom it is for.
        test: AudienceTest,
        /// The REST form it has.
        rest: Arc<Value>,
    },
    /// A condition of a class that Segue does not know; the REST form it has.
    Unknown(Arc<Value>),
}

/// `conditions` under one `aggregator_type`.
#[derive(Clone, Debug, PartialEq)]
pub struct Combine {
    /// Whether all must hold; any otherwise.
    pub all: bool,
    /// What the parts must be.
    pub value: bool,
    /// The parts; without any it holds.
    pub parts: Vec<Condition>,
}

/// An attribute compared with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    attribute: String,
    operator: Operator,
    value: Value,
    /// The value for an attribute with one value, and for one with several.
    single: Operand,
    several: Operand,
}

/// Whom a product condition asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineScope {
    /// The line or one of its children.
    #[default]
    Any,
    /// The line itself; of a child, its parent.
    Parent,
    /// Its children.
    Children,
}

/// When a condition is tested.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'c> {
    /// Of which cart.
    pub cart: &'c Cart,
    /// By which release's code.
    pub release: Release,
    /// What rules have taken off the lines so far, in base currency.
    pub taken_off: Decimal,
}

/// What a cart lacks for a condition to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// An amount in base currency, without tax.
    Money(Decimal),
    /// An amount in base currency, with tax.
    MoneyWithTax(Decimal),
    /// Units.
    Units(Decimal),
}

/// Attributes that Magento keeps as decimals, the values of whose conditions it reads as numbers.
const DECIMALS: [&str; 6] = ["price", "special_price", "cost", "weight", "msrp", "minimal_price"];

/// Attributes that are moments, which Magento compares in the server's time zone.
const MOMENTS: [&str; 8] = [
    "special_from_date",
    "special_to_date",
    "news_from_date",
    "news_to_date",
    "custom_design_from",
    "custom_design_to",
    "created_at",
    "updated_at",
];

impl Truth {
    /// Both must hold.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    /// Either must hold.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, Self::False) => Self::False,
            _ => Self::Unknown,
        }
    }

    /// Whether it is `value`.
    pub fn is(self, value: bool) -> Self {
        match (self, value) {
            (Self::Unknown, _) => Self::Unknown,
            (truth, true) => truth,
            (Self::True, false) => Self::False,
            (Self::False, false) => Self::True,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl From<Option<bool>> for Truth {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}

impl Test {
    /// A comparison as Magento writes it.
    pub fn new(attribute: impl Into<String>, operator: &str, value: Value) -> Self {
        let (attribute, operator) = (attribute.into(), Operator::parse(operator));
        let amounts = match attribute.as_str() {
            "quote_item_price" => true,
            code => DECIMALS.contains(&code) && !matches!(operator, Operator::Contains | Operator::ContainsNot),
        };
        let read = if amounts { as_amounts(&value, &operator) } else { value.clone() };
        let single = Operand::prepare(&read, operator.takes_list());
        let several = Operand::prepare(&read, true);
        Self { attribute, operator, value, single, several }
    }

    /// `attribute_name`
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// How it is compared.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// With what, as it was written.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value, where it is a single number.
    pub fn number(&self) -> Option<Decimal> {
        match &self.single {
            Operand::One(one) => one.number(),
            Operand::Many(_) => None,
        }
    }

    /// The values: one, or those of a list.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let values = match &self.single {
            Operand::One(one) => std::slice::from_ref(one),
            Operand::Many(many) => many.as_slice(),
        };
        values.iter().map(|value| value.text())
    }

    /// Whether its value, as the value of a combination, is true: of a subselect both are the same field.
    pub(super) fn is_truthy(&self) -> bool {
        is_truthy(&text_of(&self.value))
    }

    /// How much more it takes to reach the value.
    fn lack(&self, actual: Decimal, of: fn(Decimal) -> Lack) -> Option<Lack> {
        let least = match of(Decimal::ONE) {
            Lack::Money(_) | Lack::MoneyWithTax(_) => Decimal::new(1, 2),
            Lack::Units(_) => Decimal::ONE,
        };
        let short = self.number()?.checked_sub(actual)?;
        let more = match self.operator {
            Operator::AtLeast => short,
            Operator::Above => short.checked_add(least)?,
            _ => return None,
        };
        (more > Decimal::ZERO).then(|| of(more))
    }

    fn of(&self, actual: &Actual<'_>, of_list: bool) -> Truth {
        let operand = if of_list { &self.several } else { &self.single };
        actual.compare(&self.operator, operand, of_list).into()
    }
}

/// What Magento's form for amounts makes of a value; lists keep their commas.
fn as_amounts(value: &Value, operator: &Operator) -> Value {
    let number = |text: &str| localized_number(text).normalize().to_string();
    match value {
        Value::String(text) if operator.takes_list() && text.contains(',') => {
            Value::String(text.split(',').map(number).collect::<Vec<_>>().join(","))
        }
        Value::String(text) if !text.is_empty() => Value::String(number(text)),
        other => other.clone(),
    }
}

impl Condition {
    /// A combination without parts, which always holds.
    pub fn always() -> Self {
        Self::Combine(Combine { all: true, value: true, parts: Vec::new() })
    }

    /// Whether it asks for what is left after earlier rules.
    pub fn asks_for_discounts(&self) -> bool {
        match self {
            Self::Address(test) => test.attribute() == "base_subtotal_with_discount",
            Self::Combine(combine) => combine.parts.iter().any(Self::asks_for_discounts),
            _ => false,
        }
    }

    /// Attributes of products that it asks for.
    pub fn attributes(&self) -> BTreeSet<&str> {
        match self {
            Self::Product { test, .. } => BTreeSet::from([test.attribute()]),
            Self::Combine(combine) | Self::Found(combine) | Self::Subselect { lines: combine, .. } => {
                combine.parts.iter().flat_map(Self::attributes).collect()
            }
            Self::Address(_) | Self::Audience { .. } | Self::Unknown(_) => BTreeSet::new(),
        }
    }

    /// The audiences that it asks for.
    pub fn audiences(&self) -> BTreeSet<&AudienceId> {
        match self {
            Self::Audience { test, .. } => test.any.iter().chain(&test.all).chain(&test.none).collect(),
            Self::Combine(combine) | Self::Found(combine) | Self::Subselect { lines: combine, .. } => {
                combine.parts.iter().flat_map(Self::audiences).collect()
            }
            Self::Product { .. } | Self::Address(_) | Self::Unknown(_) => BTreeSet::new(),
        }
    }

    /// Whether it holds for a cart (a rule's conditions), before any discount, by the observed release's code.
    pub fn truth(&self, cart: &Cart) -> Truth {
        self.truth_at(&Moment { cart, release: Release::default(), taken_off: Decimal::ZERO })
    }

    /// Whether it holds at a moment of the calculation.
    pub fn truth_at(&self, moment: &Moment<'_>) -> Truth {
        let cart = moment.cart;
        match self {
            Self::Combine(combine) => combine.judge(|part| part.truth_at(moment).is(combine.value)),
            Self::Address(test) => address_test(test, moment),
            Self::Found(combine) => found(combine, cart),
            Self::Subselect { total, lines } => subselect(total, lines, moment),
            Self::Audience { test, .. } => audience(test, cart),
            Self::Product { .. } | Self::Unknown(_) => Truth::Unknown,
        }
    }

    /// What a cart lacks for it to hold, where that is one thing, and more in the cart brings it; `None` where it holds, where something else is
    /// in its way, and where nobody can tell.
    pub fn lack(&self, moment: &Moment<'_>) -> Option<Lack> {
        let cart = moment.cart;
        match self {
            Self::Combine(combine) if combine.value && (combine.all || combine.parts.len() == 1) => {
                let mut lack = None;
                for part in &combine.parts {
                    match part.truth_at(moment) {
                        Truth::True => {}
                        Truth::False if lack.is_none() => lack = Some(part.lack(moment)?),
                        _ => return None,
                    }
                }
                lack
            }
            Self::Address(test) => match test.attribute() {
                // What is put into the cart may be discounted itself.
                "base_subtotal_with_discount" if moment.release.is_after_observed() => None,
                "base_subtotal" | "base_subtotal_with_discount" => test.lack(cart.base_subtotal()?, Lack::Money),
                "base_subtotal_total_incl_tax" => test.lack(cart.base_subtotal_with_tax()?, Lack::MoneyWithTax),
                "total_qty" => test.lack(cart.total_quantity()?, Lack::Units),
                _ => None,
            },
            Self::Subselect { total, lines } => {
                // Whoever has none of it is not on the way there.
                let sum =
                    numeric(&running_sums(total, lines, cart)?.last()?.to_string()).filter(|sum| !sum.is_zero())?;
                total.lack(
                    sum,
                    match total.attribute() {
                        "qty" => Lack::Units,
                        "base_row_total_incl_tax" => Lack::MoneyWithTax,
                        _ => Lack::Money,
                    },
                )
            }
            _ => None,
        }
    }

    /// Whether it holds for the line at a position (a rule's action conditions): for it, or for one of its children.
    pub fn line_truth(&self, cart: &Cart, at: usize) -> Truth {
        self.of_entity(cart, Entity { at, alone: false })
    }

    /// The same for the line without its children.
    pub fn line_truth_alone(&self, cart: &Cart, at: usize) -> Truth {
        self.of_entity(cart, Entity { at, alone: true })
    }

    fn of_entity(&self, cart: &Cart, entity: Entity) -> Truth {
        match self {
            Self::Combine(combine) => combine.of_entity(cart, entity),
            Self::Product { test, scope } => product_test(test, *scope, cart, entity),
            Self::Audience { test, .. } => audience(test, cart),
            _ => Truth::Unknown,
        }
    }

    fn scope(&self) -> LineScope {
        match self {
            Self::Product { scope, .. } => *scope,
            _ => LineScope::Any,
        }
    }
}

impl Combine {
    /// All or any of what the parts come to.
    fn judge(&self, mut part: impl FnMut(&Condition) -> Truth) -> Truth {
        if self.parts.is_empty() {
            return Truth::True;
        }
        let mut result = Truth::from(self.all);
        for condition in &self.parts {
            let truth = part(condition);
            result = if self.all { result.and(truth) } else { result.or(truth) };
            if result == Truth::from(!self.all) {
                break;
            }
        }
        result
    }

    /// A part counts where it comes to the wanted value for one of those that it asks.
    fn of_entity(&self, cart: &Cart, entity: Entity) -> Truth {
        self.judge(|part| {
            let mut any = Truth::False;
            for asked in entity.asked(cart, part.scope()) {
                any = any.or(part.of_entity(cart, asked).is(self.value));
                if any == Truth::True {
                    break;
                }
            }
            any
        })
    }
}

/// A line that conditions ask, with or without its children.
#[derive(Clone, Copy)]
struct Entity {
    at: usize,
    alone: bool,
}

impl Entity {
    /// Whom a condition of a scope asks, in order.
    fn asked(self, cart: &Cart, scope: LineScope) -> impl Iterator<Item = Self> + '_ {
        let line = &cart.lines[self.at];
        let parent = line.parent.filter(|_| scope == LineScope::Parent).map(|at| Self { at, alone: false });
        let has_children = !self.alone && scope != LineScope::Parent && cart.children(self.at).next().is_some();
        let children = cart.children(self.at).filter(move |_| has_children).map(|at| Self { at, alone: false });
        let itself = (parent.is_none() && !(scope == LineScope::Children && has_children)).then_some(self);
        children.chain(parent).chain(itself)
    }
}

fn audience(test: &AudienceTest, cart: &Cart) -> Truth {
    let Some(audiences) = &cart.audiences else { return Truth::Unknown };
    let holds = |id: &AudienceId| audiences.holds(id);
    let any = test.any.iter().map(holds).reduce(Truth::or).unwrap_or(Truth::True);
    let all = test.all.iter().map(holds).fold(Truth::True, Truth::and);
    let none = test.none.iter().map(|id| holds(id).is(false)).fold(Truth::True, Truth::and);
    any.and(all).and(none)
}

fn address_test(test: &Test, moment: &Moment<'_>) -> Truth {
    let cart = moment.cart;
    let amount = |amount: Option<Decimal>| amount.map(Actual::Number);
    let actual = match test.attribute() {
        "base_subtotal_with_discount" if moment.release.is_after_observed() => {
            amount(cart.base_subtotal().map(|subtotal| subtotal - moment.taken_off))
        }
        // Discounts of rules before are not seen.
        "base_subtotal" | "base_subtotal_with_discount" => amount(cart.base_subtotal()),
        "base_subtotal_total_incl_tax" => amount(cart.base_subtotal_with_tax()),
        "total_qty" => amount(cart.total_quantity()),
        "weight" => amount(cart.weight()),
        "payment_method" => cart.payment_method.as_ref().map(|method| optional(method.as_deref())),
        "country_id" => of_address(cart, |to| Some(to.country.as_str())),
        "region" => of_address(cart, |to| Some(to.region.as_str())),
        "postcode" => of_address(cart, |to| Some(to.postcode.as_str())),
        "shipping_method" => of_address(cart, |to| to.shipping_method.as_deref()),
        "region_id" => match &cart.address {
            CartAddress::Unknown => None,
            CartAddress::None => Some(Actual::Missing),
            CartAddress::Known(to) => Some(to.region_id.map_or(Actual::Missing, |id| Actual::Number(id.into()))),
        },
        _ => None,
    };
    actual.map_or(Truth::Unknown, |actual| test.of(&actual, false))
}

fn of_address<'a>(cart: &'a Cart, part: impl Fn(&'a super::Address) -> Option<&'a str>) -> Option<Actual<'a>> {
    match &cart.address {
        CartAddress::Unknown => None,
        CartAddress::None => Some(Actual::Missing),
        CartAddress::Known(address) => Some(optional(part(address))),
    }
}

fn optional(text: Option<&str>) -> Actual<'_> {
    text.map_or(Actual::Missing, |text| Actual::Text(Cow::Borrowed(text)))
}

/// Whether some line, child lines too, matches.
fn found(combine: &Combine, cart: &Cart) -> Truth {
    let mut any = Truth::from(false);
    for at in 0..cart.lines.len() {
        any = any.or(combine.of_entity(cart, Entity { at, alone: false }));
        if any == Truth::True {
            return any;
        }
    }
    // What is not listed may match.
    if cart.is_complete { any } else { Truth::Unknown }
}

/// What matching lines add up to.
///
/// Magento adds in binary floats and compares exactly: 19.98 + 30 is not 49.98. No money is made of the sum, so it is done alike here.
fn subselect(total: &Test, lines: &Combine, moment: &Moment<'_>) -> Truth {
    if lines.parts.is_empty() {
        return Truth::False;
    }
    let Some(sums) = running_sums(total, lines, moment.cart) else { return Truth::Unknown };
    // The shortest text of a float stands for it alone.
    let holds =
        |sum: &f64| numeric(&sum.to_string()).map_or(Truth::Unknown, |sum| total.of(&Actual::Number(sum), false));
    // Later releases look at the sum after each line, and are content with the first one that will do.
    let is_early = moment.release.is_after_observed()
        && matches!(total.operator, Operator::Below | Operator::AtMost | Operator::IsNot)
        && sums.iter().any(|sum| holds(sum) == Truth::True);
    if is_early { Truth::True } else { holds(sums.last().unwrap_or(&0.0)) }
}

/// What matching lines add up to, after each line; `None` where nobody can tell.
fn running_sums(total: &Test, lines: &Combine, cart: &Cart) -> Option<Vec<f64>> {
    let measure: fn(&CartLine) -> Option<Decimal> = match total.attribute() {
        "qty" => |line| Some(line.quantity),
        "base_row_total" => |line| Some(line.base_row_total),
        "base_row_total_incl_tax" => |line| line.base_row_total_with_tax,
        _ => return None,
    };
    if !cart.is_complete {
        return None;
    }
    let parts = cart.top_lines().map(|at| part_of_sum(at, total.attribute(), measure, lines, cart));
    let sums = parts.scan(0.0, |sum, part| {
        Some(part.map(|part| {
            *sum += part;
            *sum
        }))
    });
    sums.collect()
}

fn part_of_sum(
    at: usize,
    attribute: &str,
    measure: fn(&CartLine) -> Option<Decimal>,
    lines: &Combine,
    cart: &Cart,
) -> Option<f64> {
    let line = &cart.lines[at];
    let (mut some_child, mut of_children) = (Truth::False, 0.0);
    for child in cart.children(at) {
        let truth = lines.of_entity(cart, Entity { at: child, alone: false });
        if truth == Truth::True {
            of_children += measure(&cart.lines[child])?.to_f64()?;
        }
        some_child = some_child.or(truth);
    }
    let itself = lines.of_entity(cart, Entity { at, alone: false });
    match some_child.or(itself) {
        Truth::False => Some(0.0),
        Truth::Unknown => None,
        Truth::True if line.kind == "bundle" && some_child == Truth::Unknown => None,
        Truth::True if line.kind == "bundle" && some_child == Truth::True && of_children > 0.0 => {
            let times = if attribute == "qty" { line.quantity.to_f64()? } else { 1.0 };
            Some(of_children * times)
        }
        Truth::True => measure(line)?.to_f64(),
    }
}

fn product_test(test: &Test, scope: LineScope, cart: &Cart, entity: Entity) -> Truth {
    let line = &cart.lines[entity.at];
    match test.attribute() {
        "quote_item_qty" => test.of(&Actual::Number(line.quantity), false),
        "quote_item_price" => test.of(&Actual::Number(line.base_unit_price), false),
        "quote_item_row_total" => test.of(&Actual::Number(line.base_row_total), false),
        "category_ids" if line.facts.is_known => test.of_categories(line),
        "category_ids" => Truth::Unknown,
        code => {
            let (owner, unsure) = owner(code, scope, cart, entity);
            if unsure || MOMENTS.contains(&code) { Truth::Unknown } else { test.of_attribute(code, owner, cart) }
        }
    }
}

/// The line whose product is asked: a configurable one lends its variant's attribute where it has none itself. The second word is whether
/// that cannot be told.
fn owner<'c>(code: &str, scope: LineScope, cart: &'c Cart, entity: Entity) -> (&'c CartLine, bool) {
    let line = &cart.lines[entity.at];
    if scope == LineScope::Parent || line.kind != "configurable" || has(line, code) == Some(true) {
        return (line, false);
    }
    let child = cart.children(entity.at).next().filter(|_| !entity.alone).map(|at| &cart.lines[at]);
    match child {
        Some(child) if has(child, code) == Some(true) && has(line, code) == Some(false) => (child, false),
        Some(child) if has(child, code) == Some(false) => (line, false),
        Some(_) => (line, has(line, code).is_none() || !line.facts.is_known),
        None => (line, false),
    }
}

/// Whether a line's product has an attribute; `None` where nobody knows.
fn has(line: &CartLine, code: &str) -> Option<bool> {
    match code {
        "sku" | "type_id" => Some(true),
        "attribute_set_id" if line.facts.is_known => Some(line.facts.attribute_set.is_some()),
        _ if line.facts.is_known => Some(line.facts.attributes.contains_key(code)),
        _ => None,
    }
}

impl Test {
    fn of_categories(&self, line: &CartLine) -> Truth {
        // Magento turns these two into containing, since a product is in several.
        let operator = match self.operator {
            Operator::Is => &Operator::Contains,
            Operator::IsNot => &Operator::ContainsNot,
            ref other => other,
        };
        Actual::Ids(&line.facts.categories).compare(operator, &self.several, true).into()
    }

    fn of_attribute(&self, code: &str, line: &CartLine, cart: &Cart) -> Truth {
        let text = |text: &str| self.of(&Actual::Text(Cow::Borrowed(text)), false);
        match (code, line.facts.is_known) {
            ("sku", _) => text(line.product_sku.as_deref().unwrap_or(&line.sku)),
            ("type_id", _) => text(&line.kind),
            (_, false) => Truth::Unknown,
            ("attribute_set_id", true) => match line.facts.attribute_set {
                Some(id) => self.of(&Actual::Number(id.into()), false),
                None => Truth::Unknown,
            },
            (code, true) => match line.facts.attributes.get(code) {
                Some(AttributeValue::One(value)) => self.of(&Actual::Text(Cow::Borrowed(value)), false),
                Some(AttributeValue::Many(values)) => self.of(&Actual::List(values), true),
                None => self.of(&Actual::Missing, cart.multiselects.contains(code)),
            },
        }
    }
}
