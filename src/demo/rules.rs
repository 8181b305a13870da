//! The shop's own cart price rules and coupons, in the form in which Magento's REST API reads and writes them.
//!
//! Administrators change them, and carts charge by them: nothing of a rule is known elsewhere in the shop.

mod starter;

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::account::Customer;
use super::session::random_text;

pub use starter::{PUBLIC, VIP, WELCOME, WHOLESALE};

/// The condition class by which the shop's rules ask for audiences, as Adobe's extension brings one along.
pub const AUDIENCE_CONDITION: &str = "Adobe\\AudiencesSalesRule\\Model\\Rule\\Condition\\Audience";

/// More coupons of one rule are not made at once.
const MOST_GENERATED: u64 = 10_000;

/// The code that everybody may know.
pub const PUBLIC_CODE: &str = "LANTERN10";

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Magento's id.
    pub id: u64,
    /// The rule that it unlocks.
    pub rule: u64,
    /// The code, as it was made.
    pub code: String,
    /// How many orders may use it; `None` is without limit.
    pub usage_limit: Option<u64>,
    /// How many orders of one customer may use it; `None` is without limit. Guests are not counted.
    pub usage_per_customer: Option<u64>,
    /// How many orders have used it.
    pub times_used: u64,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Whether it is the one code of its rule, and not a generated one.
    pub is_primary: bool,
}

impl Coupon {
    /// As the API gives it.
    pub fn json(&self) -> Value {
        let mut told = json!({
            "coupon_id": self.id,
            "rule_id": self.rule,
            "code": self.code,
            "times_used": self.times_used,
            "is_primary": self.is_primary,
            "type": u8::from(!self.is_primary),
        });
        let optional = [
            ("usage_limit", self.usage_limit.map(Value::from)),
            ("usage_per_customer", self.usage_per_customer.map(Value::from)),
            ("expiration_date", self.expires.map(|day| json!(format!("{day} 00:00:00")))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                told[name] = value;
            }
        }
        told
    }
}

/// What administrators ask for when they have codes made.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The rule.
    pub rule: u64,
    /// How many codes.
    pub quantity: u64,
    /// How many letters and digits each has beside prefix and suffix.
    pub length: usize,
    /// What stands before them.
    pub prefix: String,
    /// What stands behind them.
    pub suffix: String,
}

#[derive(Debug, Default)]
struct Table {
    rules: BTreeMap<u64, Map<String, Value>>,
    coupons: BTreeMap<u64, Coupon>,
    /// How many orders of a customer have used a coupon, by both their ids.
    used_by: HashMap<(u64, u64), u64>,
    /// How many orders of a customer have used a rule, by both their ids.
    applied_to: HashMap<(u64, u64), u64>,
    last_rule: u64,
    last_coupon: u64,
}

/// Rules and coupons, which all carts share.
#[derive(Debug)]
pub struct Rules(RwLock<Table>);

impl Default for Rules {
    /// The rules that the shop starts with.
    fn default() -> Self {
        let rules = Self(RwLock::default());
        for rule in starter::rules() {
            rules.save(rule);
        }
        rules.add_coupon(Coupon { is_primary: true, ..Coupon::of(PUBLIC, PUBLIC_CODE) });
        rules
    }
}

impl Coupon {
    /// A code of a rule without any limit, not yet used.
    pub fn of(rule: u64, code: &str) -> Self {
        Self {
            id: 0,
            rule,
            code: code.to_owned(),
            usage_limit: None,
            usage_per_customer: None,
            times_used: 0,
            expires: None,
            is_primary: false,
        }
    }
}

impl Rules {
    /// Every rule, by id.
    pub fn all(&self) -> Vec<Value> {
        self.read().rules.values().cloned().map(Value::Object).collect()
    }

    /// One rule.
    pub fn get(&self, id: u64) -> Option<Value> {
        self.read().rules.get(&id).cloned().map(Value::Object)
    }

    /// Keeps a rule under its `rule_id`, or under the next one where it has none, and answers with it.
    pub fn save(&self, mut rule: Map<String, Value>) -> Value {
        let mut table = self.write();
        let id = rule.get("rule_id").and_then(Value::as_u64).filter(|id| *id > 0).unwrap_or(table.last_rule + 1);
        table.last_rule = table.last_rule.max(id);
        rule.insert(String::from("rule_id"), json!(id));
        rule.entry("times_used").or_insert(json!(0));
        table.rules.insert(id, rule.clone());
        Value::Object(rule)
    }

    /// Deletes a rule with its coupons, and says whether there was one.
    pub fn delete(&self, id: u64) -> bool {
        let mut table = self.write();
        table.coupons.retain(|_, coupon| coupon.rule != id);
        table.rules.remove(&id).is_some()
    }

    /// Every coupon, by id.
    pub fn coupons(&self) -> Vec<Coupon> {
        self.read().coupons.values().cloned().collect()
    }

    /// Adds a coupon under the next id, and answers with it; `None` where its code exists or its rule does not.
    pub fn add_coupon(&self, coupon: Coupon) -> Option<Coupon> {
        self.write().add_coupon(coupon)
    }

    /// Changes a coupon; the coupon, where there is one and no other has its code.
    pub fn change_coupon(&self, id: u64, change: impl FnOnce(&mut Coupon)) -> Option<Coupon> {
        let mut table = self.write();
        let mut coupon = table.coupons.get(&id)?.clone();
        change(&mut coupon);
        if table.has_code(&coupon.code, id) {
            return None;
        }
        table.coupons.insert(id, coupon.clone());
        Some(coupon)
    }

    /// Deletes coupons for which that holds, and answers with how many there were.
    pub fn delete_coupons(&self, is_one: impl Fn(&Coupon) -> bool) -> usize {
        let mut table = self.write();
        let before = table.coupons.len();
        table.coupons.retain(|_, coupon| !is_one(coupon));
        before - table.coupons.len()
    }

    /// Makes codes of a rule. Each may be used as often as the rule says, and none beyond its last day.
    pub fn generate(&self, batch: &Batch) -> Vec<String> {
        let mut table = self.write();
        let Some(rule) = table.rules.get(&batch.rule).cloned() else { return Vec::new() };
        let limit = |name: &str| rule.get(name).and_then(Value::as_u64).filter(|times| *times > 0);
        let day = rule.get("to_date").and_then(Value::as_str).and_then(|day| day.get(..10)?.parse().ok());
        let one = |_| {
            let code = format!("{}{}{}", batch.prefix, random_text(batch.length).to_uppercase(), batch.suffix);
            let coupon = Coupon {
                usage_limit: limit("uses_per_coupon"),
                usage_per_customer: limit("uses_per_customer"),
                expires: day,
                ..Coupon::of(batch.rule, &code)
            };
            table.add_coupon(coupon).map(|coupon| coupon.code)
        };
        (0..batch.quantity.min(MOST_GENERATED)).filter_map(one).collect()
    }

    /// The coupon with a code, which may be typed in either case, whether it still holds or not.
    pub fn coupon(&self, code: &str) -> Option<Coupon> {
        let code = code.to_lowercase();
        self.read().coupons.values().find(|coupon| coupon.code.to_lowercase() == code).cloned()
    }

    /// The rule that a code unlocks for a shopper today.
    pub fn unlocked(&self, code: &str, customer: Option<&Customer>, today: Date) -> Option<u64> {
        let coupon = self.coupon(code)?;
        let used = customer.map_or(0, |own| self.read().used_by.get(&(coupon.id, own.id)).copied().unwrap_or_default());
        let is_free = |limit: Option<u64>, times: u64| limit.is_none_or(|limit| times < limit);
        let holds = is_free(coupon.usage_limit, coupon.times_used)
            && is_free(coupon.usage_per_customer, used)
            && coupon.expires.is_none_or(|last| today <= last);
        holds.then_some(coupon.rule)
    }

    /// The rules that a customer's orders leave him; guests are not counted.
    pub fn left_for(&self, customer: Option<&Customer>) -> Vec<Value> {
        let table = self.read();
        let is_left = |(id, rule): &(&u64, &Map<String, Value>)| {
            let limit = rule.get("uses_per_customer").and_then(Value::as_u64).unwrap_or_default();
            let used = customer.and_then(|own| table.applied_to.get(&(**id, own.id)).copied());
            limit == 0 || used.unwrap_or_default() < limit
        };
        table.rules.iter().filter(is_left).map(|(_, rule)| Value::Object(rule.clone())).collect()
    }

    /// Counts an order that these rules applied to, with the code that unlocked one of them.
    pub fn ordered(&self, applied: &[u64], code: Option<&str>, customer: Option<&Customer>) {
        let coupon = code.and_then(|code| self.coupon(code)).map(|coupon| coupon.id);
        let mut table = self.write();
        for id in applied {
            if let Some(rule) = table.rules.get_mut(id) {
                let times = rule.get("times_used").and_then(Value::as_u64).unwrap_or_default();
                rule.insert(String::from("times_used"), json!(times + 1));
            }
        }
        if let Some(coupon) = coupon.and_then(|id| table.coupons.get_mut(&id)) {
            coupon.times_used += 1;
        }
        let Some(own) = customer else { return };
        for id in applied {
            *table.applied_to.entry((*id, own.id)).or_default() += 1;
        }
        if let Some(coupon) = coupon {
            *table.used_by.entry((coupon, own.id)).or_default() += 1;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Whether another coupon than this one has a code.
    fn has_code(&self, code: &str, id: u64) -> bool {
        let code = code.to_lowercase();
        self.coupons.values().any(|other| other.id != id && other.code.to_lowercase() == code)
    }

    fn add_coupon(&mut self, mut coupon: Coupon) -> Option<Coupon> {
        if self.has_code(&coupon.code, 0) || coupon.code.is_empty() || !self.rules.contains_key(&coupon.rule) {
            return None;
        }
        self.last_coupon += 1;
        coupon.id = self.last_coupon;
        self.coupons.insert(coupon.id, coupon.clone());
        Some(coupon)
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::CUSTOMERS;
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 26);

    fn batch(rule: u64, quantity: u64) -> Batch {
        Batch { rule, quantity, length: 12, prefix: String::from("W-"), suffix: String::new() }
    }

    #[test]
    fn codes_are_found_in_either_case_and_exist_once() {
        let rules = Rules::default();
        assert_eq!(rules.unlocked("lantern10", None, TODAY), Some(PUBLIC));
        assert_eq!(rules.unlocked(" LANTERN10", None, TODAY), None);
        assert_eq!(rules.add_coupon(Coupon::of(PUBLIC, "Lantern10")), None);
        assert_eq!(rules.add_coupon(Coupon::of(99, "NEW")), None, "no such rule");
        assert_eq!(rules.add_coupon(Coupon::of(PUBLIC, "NEW")).map(|coupon| coupon.id), Some(2));
    }

    #[test]
    fn a_generated_code_is_used_up_by_an_order() {
        let rules = Rules::default();
        let codes = rules.generate(&batch(WELCOME, 3));
        assert_eq!((codes.len(), codes[0].len()), (3, 14));
        assert_eq!(rules.unlocked(&codes[0], None, TODAY), Some(WELCOME));
        rules.ordered(&[WELCOME], Some(&codes[0]), None);
        assert_eq!(rules.unlocked(&codes[0], None, TODAY), None);
        assert_eq!(rules.unlocked(&codes[1], None, TODAY), Some(WELCOME));
        assert_eq!(rules.get(WELCOME).expect("the rule")["times_used"], 1);
        assert_eq!(rules.delete_coupons(|coupon| coupon.code == codes[1]), 1);
        assert_eq!(rules.unlocked(&codes[1], None, TODAY), None);
        assert!(rules.generate(&batch(99, 3)).is_empty());
    }

    #[test]
    fn a_customer_uses_up_what_is_limited_for_each_and_guests_do_not() {
        let rules = Rules::default();
        let once = Coupon { usage_per_customer: Some(1), ..Coupon::of(PUBLIC, "ONCE") };
        rules.add_coupon(once).expect("a new code");
        let ada = Some(&CUSTOMERS[0]);
        for customer in [ada, None] {
            rules.ordered(&[PUBLIC], Some("ONCE"), customer);
        }
        assert_eq!(rules.unlocked("ONCE", ada, TODAY), None);
        assert_eq!(rules.unlocked("ONCE", None, TODAY), Some(PUBLIC));
        assert_eq!(rules.unlocked("ONCE", Some(&CUSTOMERS[1]), TODAY), Some(PUBLIC));
        let Some(Value::Object(mut limited)) = rules.get(VIP) else { panic!("the rule") };
        limited.insert(String::from("uses_per_customer"), json!(1));
        rules.save(limited);
        rules.ordered(&[VIP], None, ada);
        let left = |customer| rules.left_for(customer).iter().any(|rule| rule["rule_id"] == VIP);
        assert_eq!((left(ada), left(None)), (false, true));
    }

    #[test]
    fn a_code_holds_until_the_end_of_its_last_day() {
        let rules = Rules::default();
        let coupon = Coupon { expires: Some(TODAY), ..Coupon::of(PUBLIC, "TODAY") };
        rules.add_coupon(coupon).expect("a new code");
        assert_eq!(rules.unlocked("TODAY", None, TODAY), Some(PUBLIC));
        assert_eq!(rules.unlocked("TODAY", None, TODAY.tomorrow().expect("a day")), None);
    }

    #[test]
    fn a_deleted_rule_takes_its_coupons_along() {
        let rules = Rules::default();
        assert!(rules.delete(PUBLIC) && !rules.delete(PUBLIC));
        assert_eq!(rules.coupon(PUBLIC_CODE), None);
        let Value::Object(mut copy) = rules.get(VIP).expect("the rule") else { panic!("an object") };
        copy.remove("rule_id");
        assert_eq!(rules.save(copy)["rule_id"], 5, "a number is not given twice");
    }
}
