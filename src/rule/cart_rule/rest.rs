//! Magento's REST form of a cart price rule, read and written without loss.
//!
//! What has no field in [`CartRule`] stays in the form that the rule was read from, and so does every field that nobody changed, in the
//! spelling it came in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::operand::{numeric, text_of};
use super::{CartAction, CartRule, Combine, Condition, CouponKind, FreeShipping, LineScope, Test};
use crate::rule::{AudienceId, AudienceTest, Days};

mod write;

/// Condition classes that hold audiences. Adobe's is closed source: what it is called is for the shop to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceTypes(pub Vec<AudienceType>);

/// A condition class whose value is one or more audience ids. Its operator says whether the shopper is in
/// one of them (`==`, `()`) or in none (`!=`, `!()`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceType {
    /// The PHP class, as rules name it.
    pub class: String,
    /// How its value names audiences.
    pub form: AudienceForm,
}

/// How a condition's value names audiences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudienceForm {
    /// An id, several with commas between them, or a list of them.
    #[default]
    Ids,
    /// A text with a JSON list of ids in it.
    Json,
}

/// What is wrong with a rule's REST form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestError {
    /// Where, as a JSON pointer within the rule.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for RestError {}

const RULE: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\";

impl AudienceTypes {
    fn form(&self, class: &str) -> Option<AudienceForm> {
        self.0.iter().find(|it| it.class.trim_start_matches('\\') == class).map(|it| it.form)
    }
}

impl CartRule {
    /// Reads a rule as `/V1/salesRules` answers it.
    ///
    /// # Errors
    /// Every field that is not what Magento writes. Condition classes, actions and operators of extensions are no errors.
    pub fn from_rest(rule: &Value, audiences: &AudienceTypes) -> Result<Self, Vec<RestError>> {
        let Value::Object(rest) = rule else {
            return Err(vec![RestError { place: String::new(), message: "must be an object".to_owned() }]);
        };
        let mut errors = Vec::new();
        let rule = read(rest, audiences, &mut errors);
        if errors.is_empty() { Ok(rule) } else { Err(errors) }
    }
}

fn read(rest: &Map<String, Value>, audiences: &AudienceTypes, errors: &mut Vec<RestError>) -> CartRule {
    let mut form = Form { rest, errors };
    let text = |key: &str| rest.get(key).and_then(Value::as_str).map(str::to_owned);
    CartRule {
        id: form.count("rule_id"),
        name: text("name").unwrap_or_default(),
        description: text("description"),
        is_active: form.flag("is_active"),
        websites: form.ids("website_ids"),
        customer_groups: form.ids("customer_group_ids"),
        days: Days { from: form.day("from_date"), to: form.day("to_date") },
        priority: form.whole("sort_order"),
        stop: form.flag("stop_rules_processing"),
        conditions: form.conditions("condition", audiences),
        lines: form.conditions("action_condition", audiences),
        action: CartAction::parse(&text("simple_action").unwrap_or_default()),
        amount: form.amount("discount_amount").unwrap_or_default(),
        most_units: form.amount("discount_qty").filter(|most| !most.is_zero()),
        step: form.amount("discount_step").unwrap_or_default(),
        to_shipping: form.flag("apply_to_shipping"),
        free_shipping: form.free_shipping(),
        coupon: form.coupon(),
        labels: form.labels(),
        uses_per_customer: form.count("uses_per_customer"),
        uses_per_coupon: form.count("uses_per_coupon"),
        rest: Arc::new(rest.clone()),
    }
}

impl CartAction {
    const WORDS: [(&'static str, Self); 6] = [
        ("by_percent", Self::ByPercent),
        ("by_fixed", Self::ByFixed),
        ("cart_fixed", Self::CartFixed),
        ("buy_x_get_y", Self::BuyXGetY),
        ("to_percent", Self::ToPercent),
        ("to_fixed", Self::ToFixed),
    ];

    /// The action that Magento calls so.
    pub fn parse(text: &str) -> Self {
        let known = Self::WORDS.into_iter().find(|(word, _)| *word == text);
        known.map_or_else(|| Self::Unknown(text.to_owned()), |(_, action)| action)
    }

    /// What Magento calls it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(text) => text,
            known => Self::WORDS.iter().find(|(_, it)| it == known).map_or("", |(word, _)| word),
        }
    }
}

/// A rule's fields; what is missing or null is as if Magento had left it empty.
struct Form<'a> {
    rest: &'a Map<String, Value>,
    errors: &'a mut Vec<RestError>,
}

impl Form<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.rest.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, key: &str, message: &str) {
        self.errors.push(RestError { place: format!("/{key}"), message: message.to_owned() });
    }

    fn parsed<T>(&mut self, key: &str, what: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let parsed = parse(self.get(key)?);
        if parsed.is_none() {
            self.wrong(key, what);
        }
        parsed
    }

    fn amount(&mut self, key: &str) -> Option<Decimal> {
        self.parsed(key, "must be a number", |value| numeric(&text_of(value)))
    }

    fn count(&mut self, key: &str) -> u64 {
        self.parsed(key, "must be a whole number from 0", number).unwrap_or_default()
    }

    fn whole(&mut self, key: &str) -> i64 {
        self.parsed(key, "must be a whole number", |value| text_of(value).parse().ok()).unwrap_or_default()
    }

    fn flag(&mut self, key: &str) -> bool {
        let flag = |value: &Value| match text_of(value).as_str() {
            "1" | "true" => Some(true),
            "" | "0" | "false" => Some(false),
            _ => None,
        };
        self.parsed(key, "must be true or false", flag).unwrap_or_default()
    }

    fn ids(&mut self, key: &str) -> BTreeSet<u64> {
        let list = |value: &Value| value.as_array()?.iter().map(number).collect();
        self.parsed(key, "must be a list of ids", list).unwrap_or_default()
    }

    /// A day, with which Magento sometimes writes midnight.
    fn day(&mut self, key: &str) -> Option<Date> {
        let text = self.get(key).map(text_of).filter(|text| !text.is_empty())?;
        let day = text.get(..10).unwrap_or(&text).parse().ok();
        if day.is_none() {
            self.wrong(key, "must be a day such as 2026-11-22");
        }
        day
    }

    fn free_shipping(&mut self) -> FreeShipping {
        let word = |value: &Value| match text_of(value).as_str() {
            "" | "0" | "NONE" => Some(FreeShipping::None),
            "1" | "MATCHING_ITEMS_ONLY" => Some(FreeShipping::MatchingLines),
            "2" | "FREE_WITH_MATCHING_ITEMS" => Some(FreeShipping::Shipment),
            _ => None,
        };
        let what = "must be 0, 1 or 2, or Magento's word for it";
        self.parsed("simple_free_shipping", what, word).unwrap_or(FreeShipping::None)
    }

    fn coupon(&mut self) -> CouponKind {
        let generated = self.flag("use_auto_generation");
        let word = |value: &Value| match text_of(value).as_str() {
            "" | "1" | "NO_COUPON" => Some(CouponKind::None),
            "2" | "SPECIFIC_COUPON" if !generated => Some(CouponKind::Specific),
            "2" | "SPECIFIC_COUPON" | "3" | "AUTO" => Some(CouponKind::Generated),
            _ => None,
        };
        let what = "must be NO_COUPON, SPECIFIC_COUPON or AUTO";
        self.parsed("coupon_type", what, word).unwrap_or(CouponKind::None)
    }

    fn labels(&mut self) -> BTreeMap<u64, String> {
        let label =
            |label: &Value| Some((number(label.get("store_id")?)?, label.get("store_label")?.as_str()?.to_owned()));
        let list = |value: &Value| value.as_array()?.iter().map(label).collect();
        self.parsed("store_labels", "must be a list of {store_id, store_label}", list).unwrap_or_default()
    }

    fn conditions(&mut self, key: &str, audiences: &AudienceTypes) -> Condition {
        match self.rest.get(key).filter(|value| !value.is_null()) {
            None => Condition::always(),
            Some(value) => condition(value, audiences, &format!("/{key}"), self.errors),
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    text_of(value).parse().ok()
}

fn condition(value: &Value, audiences: &AudienceTypes, place: &str, errors: &mut Vec<RestError>) -> Condition {
    let mut wrong = |message: &str| errors.push(RestError { place: place.to_owned(), message: message.to_owned() });
    let Some(class) = value.get("condition_type").and_then(Value::as_str) else {
        wrong("must have a condition_type");
        return Condition::always();
    };
    let class = class.trim_start_matches('\\');
    if let Some(form) = audiences.form(class) {
        return audience(value, form).map_or_else(
            || Condition::Unknown(Arc::new(value.clone())),
            |test| Condition::Audience { test, rest: Arc::new(value.clone()) },
        );
    }
    let kind = match class {
        "Magento\\Rule\\Model\\Condition\\Combine" => "Combine",
        other => other.strip_prefix(RULE).unwrap_or("?"),
    };
    match kind {
        "Combine" | "Product\\Combine" => Condition::Combine(combine(value, audiences, place, errors)),
        "Product\\Found" => Condition::Found(combine(value, audiences, place, errors)),
        "Product\\Subselect" => {
            let total = test(value);
            let mut lines = combine(value, audiences, place, errors);
            // The field `value` is both what the sum is compared with and what the parts must be.
            lines.value = total.is_truthy();
            Condition::Subselect { total, lines }
        }
        "Address" => Condition::Address(test(value)),
        "Product" => {
            let test = test(value);
            let (scope, attribute) = match test.attribute().split_once("::") {
                Some(("parent", code)) => (LineScope::Parent, code),
                Some(("children", code)) => (LineScope::Children, code),
                _ => (LineScope::Any, test.attribute()),
            };
            Condition::Product { test: Test::new(attribute, test.operator().as_str(), test.value().clone()), scope }
        }
        _ => Condition::Unknown(Arc::new(value.clone())),
    }
}

fn combine(value: &Value, audiences: &AudienceTypes, place: &str, errors: &mut Vec<RestError>) -> Combine {
    let parts = match value.get("conditions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(parts)) => {
            let part = |(at, part)| condition(part, audiences, &format!("{place}/conditions/{at}"), errors);
            parts.iter().enumerate().map(part).collect()
        }
        Some(_) => {
            errors.push(RestError { place: format!("{place}/conditions"), message: "must be a list".to_owned() });
            Vec::new()
        }
    };
    let value_of = |key: &str| value.get(key).filter(|value| !value.is_null()).map(text_of);
    Combine {
        all: value_of("aggregator_type").is_none_or(|all| all == "all"),
        value: value_of("value").is_none_or(|value| super::operand::is_truthy(&value)),
        parts,
    }
}

fn test(value: &Value) -> Test {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    Test::new(text("attribute_name"), text("operator"), value.get("value").cloned().unwrap_or(Value::Null))
}

/// The audiences that a condition names; `None` where its form is another.
fn audience(value: &Value, form: AudienceForm) -> Option<AudienceTest> {
    let ids = audience_ids(value.get("value")?, form).filter(|ids| !ids.is_empty())?;
    match value.get("operator").and_then(Value::as_str).unwrap_or("==") {
        "==" | "()" | "{}" => Some(AudienceTest { any: ids, ..AudienceTest::default() }),
        "!=" | "!()" | "!{}" => Some(AudienceTest { none: ids, ..AudienceTest::default() }),
        _ => None,
    }
}

fn audience_ids(value: &Value, form: AudienceForm) -> Option<BTreeSet<AudienceId>> {
    match (value, form) {
        (Value::Array(ids), _) => ids.iter().map(|id| id.as_str().map(AudienceId::from)).collect(),
        (Value::String(text), AudienceForm::Json) => {
            let list: Vec<String> = serde_json::from_str(text).ok()?;
            Some(list.into_iter().map(AudienceId::from).collect())
        }
        (Value::String(text), AudienceForm::Ids) => {
            Some(text.split([',', ';']).map(str::trim).filter(|id| !id.is_empty()).map(AudienceId::from).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
