//! What the shop's cart price rules take off a cart.
//!
//! The cart follows rules of the actions `by_percent` and `by_fixed` whose conditions ask for audiences, and whose lines are named by SKU; it
//! leaves out any other.

use std::collections::HashMap;

use http::HeaderMap;
use jiff::civil::Date;
use serde_json::Value;

use super::choice::{Choice, Part};
use super::membership;
use super::money::Cents;
use super::quote::Line;
use super::rules::{AUDIENCE_CONDITION, Rules};
use super::session::Session;
use super::view::View;

/// A rule that holds for a cart, with amounts in the cart's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Commerce's id of the rule.
    pub id: u64,
    /// What the totals call it.
    pub label: Option<String>,
    /// The SKUs that it discounts; empty is all.
    pub skus: Vec<String>,
    /// What it takes off.
    pub action: Action,
    /// Whether the cart's coupon unlocked it.
    pub is_unlocked: bool,
    /// Whether rules after it no longer apply.
    pub stops: bool,
}

/// What a rule takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hundredths of a percent of what is left of the row.
    ByPercent(i64),
    /// An amount off every unit.
    ByFixed(Cents),
}

/// One row of a cart.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The SKUs that rules are asked about: the line's product, and the child or part that the row is for.
    pub skus: [&'static str; 2],
    /// The catalogue price of one unit, in the cart's currency and without tax.
    pub price: Cents,
    /// How many units.
    pub qty: u32,
}

impl Row {
    /// The row before discounts.
    pub fn total(&self) -> Cents {
        self.price * self.qty
    }
}

/// The rows of a line: one, or one for each part of a bundle, whose discounts sit on its parts.
pub fn rows(line: &Line, view: &View) -> Vec<Row> {
    let own = line.product.sku;
    match &line.choice {
        Choice::Parts(parts) => {
            let row = |part: &Part| Row {
                skus: [own, part.product.sku],
                price: view.net(part.product.price()),
                qty: part.qty * line.qty,
            };
            parts.iter().map(row).collect()
        }
        choice => {
            let child = if let Choice::Child(_, child) = choice { child.sku } else { own };
            vec![Row { skus: [own, child], price: line.unit(view), qty: line.qty }]
        }
    }
}

/// What rules take off a cart.
#[derive(Debug, Default)]
pub struct Discounts {
    /// Per row, in the order given.
    pub rows: Vec<Cents>,
    /// The percentages that each row was discounted by, in hundredths.
    pub percents: Vec<i64>,
    /// The labels of the rules that applied, in order and each once.
    pub labels: Vec<String>,
    /// The ids of these rules.
    pub rule_ids: Vec<u64>,
    /// Whether the rule that the coupon unlocked is among them.
    pub has_coupon: bool,
}

/// Ten-thousandths of a cent: percentages of cents stay exact in them.
const PARTS: i64 = 10_000;

/// Applies `rules` in order to `rows`, rule outside and row inside, rounding as Magento 2.4.6 does: half away from zero per row,
/// carrying the fraction to the next row with the same accumulated percentage.
pub fn apply(rules: &[Held], rows: &[Row]) -> Discounts {
    let mut discounts =
        Discounts { rows: vec![Cents(0); rows.len()], percents: vec![0; rows.len()], ..Discounts::default() };
    let mut carries: HashMap<i64, i64> = HashMap::new();
    for rule in rules {
        let matched: Vec<usize> = in_magento_order(rules, rows).filter(|&at| matches(rule, &rows[at])).collect();
        for &at in &matched {
            let left = rows[at].total() - discounts.rows[at];
            let percent = &mut discounts.percents[at];
            let exact = match rule.action {
                Action::ByPercent(own) => {
                    *percent = (*percent + own).min(PARTS);
                    left.0 * own.min(PARTS)
                }
                Action::ByFixed(amount) => (amount * rows[at].qty).0 * PARTS,
            };
            let rounded = round(exact, *percent, &mut carries);
            discounts.rows[at].0 += rounded.min(left.0);
        }
        if matched.is_empty() {
            continue;
        }
        discounts.note(rule);
        if rule.stops {
            break;
        }
    }
    discounts
}

impl Discounts {
    fn note(&mut self, rule: &Held) {
        self.labels.extend(rule.label.clone().filter(|label| !self.labels.contains(label)));
        self.rule_ids.push(rule.id);
        self.has_coupon |= rule.is_unlocked;
    }
}

/// The rules that hold for a session in a store view, in their order, for the membership that a request brings.
pub fn held(rules: &Rules, session: &Session, view: &View, headers: &HeaderMap) -> Vec<Held> {
    let coupon = session.quote.coupon.as_deref();
    let unlocked = coupon.and_then(|code| rules.unlocked(code, session.customer, view.today()));
    let membership = membership::claimed(headers);
    let mut left = rules.left_for(session.customer);
    left.retain(|rule| rule["is_active"] == true && is_for_group(rule, session.group()) && is_on(rule, view.today()));
    left.sort_by_key(|rule| rule["sort_order"].as_i64().unwrap_or_default());
    let held = left.iter().filter_map(|rule| {
        let is_unlocked = rule["rule_id"].as_u64() == unlocked;
        let needs_coupon = rule["coupon_type"] != "NO_COUPON";
        (needs_coupon <= is_unlocked && includes(&rule["condition"], &membership)?)
            .then(|| read(rule, view, needs_coupon))?
    });
    held.collect()
}

fn is_for_group(rule: &Value, group: u64) -> bool {
    rule["customer_group_ids"].as_array().is_some_and(|groups| groups.iter().any(|id| id.as_u64() == Some(group)))
}

/// Whether a rule holds on a day; first and last day are included.
fn is_on(rule: &Value, today: Date) -> bool {
    let day = |name: &str| rule[name].as_str().and_then(|day| day.get(..10)?.parse::<Date>().ok());
    day("from_date").is_none_or(|first| first <= today) && day("to_date").is_none_or(|last| today <= last)
}

/// Whether a tree of audience conditions holds; `None` when it asks for anything else.
fn includes(tree: &Value, membership: &[String]) -> Option<bool> {
    parts(tree)?.iter().try_fold(true, |holds, part| {
        let asks_audience = part["condition_type"] == AUDIENCE_CONDITION && part["operator"] == "()";
        let wanted = part["value"].as_str().filter(|_| asks_audience)?;
        let is_in = wanted.split(',').any(|id| membership.iter().any(|own| own == id.trim()));
        Some(holds && is_in)
    })
}

/// The parts of a tree whose parts must all hold.
fn parts(tree: &Value) -> Option<&[Value]> {
    let is_plain = tree["aggregator_type"] == "all" && (tree["value"] == "1" || tree["value"] == true);
    is_plain.then(|| tree["conditions"].as_array().map_or(&[][..], Vec::as_slice))
}

fn read(rule: &Value, view: &View, is_unlocked: bool) -> Option<Held> {
    let amount = Cents::read(&rule["discount_amount"])?;
    let action = match rule["simple_action"].as_str()? {
        "by_percent" => Action::ByPercent(amount.0),
        "by_fixed" => Action::ByFixed(view.net(amount)),
        _ => return None,
    };
    let skus = match parts(&rule["action_condition"])? {
        [] => Vec::new(),
        [one] if one["attribute_name"] == "sku" && one["operator"] == "()" => {
            one["value"].as_str()?.split(',').map(|sku| sku.trim().to_owned()).collect()
        }
        _ => return None,
    };
    let is_limited =
        ["discount_step", "discount_qty"].iter().any(|name| rule[*name].as_f64().is_some_and(|most| most > 0.0));
    let stops = rule["stop_rules_processing"] == true;
    let id = rule["rule_id"].as_u64().filter(|_| !is_limited)?;
    Some(Held { id, label: label(rule, view), skus, action, is_unlocked, stops })
}

/// The store view's label, or the one for all of them.
fn label(rule: &Value, view: &View) -> Option<String> {
    let labels = rule["store_labels"].as_array()?;
    let of = |id: u32| labels.iter().find(|one| one["store_id"] == id)?["store_label"].as_str();
    of(view.id).or_else(|| of(0)).map(str::to_owned)
}

/// A rule matches a row by its own product or by its line's.
fn matches(rule: &Held, row: &Row) -> bool {
    rule.skus.is_empty() || row.skus.iter().any(|own| rule.skus.iter().any(|sku| sku == own))
}

/// Rows that an earlier rule matches go first.
fn in_magento_order(rules: &[Held], rows: &[Row]) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&at| rules.iter().position(|rule| matches(rule, &rows[at])).unwrap_or(usize::MAX));
    order.into_iter()
}

fn round(exact: i64, percent: i64, carries: &mut HashMap<i64, i64>) -> i64 {
    let carry = if percent > 0 { carries.entry(percent).or_default() } else { &mut 0 };
    let amount = exact + *carry;
    let cents = (amount.abs() + PARTS / 2) / PARTS * amount.signum();
    *carry = amount - cents * PARTS;
    cents
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::membership::{MEMBERSHIP, NEW_VISITOR, VIP, WHOLESALE};
    use super::super::rules;
    use super::*;

    fn row(sku: &'static str, cents: i64, qty: u32) -> Row {
        Row { skus: [sku; 2], price: Cents(cents), qty }
    }

    fn for_audiences(ids: &[&str], view: &str) -> Vec<Held> {
        let mut headers = HeaderMap::new();
        headers.insert(MEMBERSHIP, ids.join(",").parse().expect("a header value"));
        held(&Rules::default(), &Session::default(), View::with_code(view), &headers)
    }

    fn sum(ids: &[&str], rows: &[Row]) -> Cents {
        apply(&for_audiences(ids, "default"), rows).rows.into_iter().sum()
    }

    #[test]
    fn rounds_once_per_row_and_not_per_unit() {
        assert_eq!(sum(&[VIP], &[row("a", 3_499, 1)]), Cents(700));
        assert_eq!(sum(&[VIP], &[row("a", 3_499, 3)]), Cents(2_099));
    }

    #[test]
    fn carries_the_fraction_to_the_next_row_of_the_same_percentage() {
        let rules = for_audiences(&[VIP], "default");
        let discounts = apply(&rules, &[row("a", 102, 1), row("b", 102, 1), row("c", 102, 1)]);
        assert_eq!((discounts.rows, discounts.percents), (vec![Cents(20), Cents(21), Cents(20)], vec![2_000; 3]));
    }

    #[test]
    fn applies_the_percentage_to_what_an_earlier_rule_left() {
        let rules = for_audiences(&[VIP, WHOLESALE], "default");
        let discounts = apply(&rules, &[row("LL-BA01", 4_800, 1)]);
        assert_eq!((discounts.rows, discounts.rule_ids), (vec![Cents(500 + 860)], vec![2, 1]));
        assert_eq!(discounts.labels, ["Wholesale $5 off bags", "VIP 20 % off"]);
    }

    #[test]
    fn a_part_is_discounted_for_itself_or_for_its_whole() {
        let parts = [
            Row { skus: ["LL-SET1", "LL-GE03"], price: Cents(3_499), qty: 1 },
            Row { skus: ["LL-SET1", "LL-BA05"], price: Cents(1_895), qty: 4 },
            Row { skus: ["LL-BA06", "LL-BA06-18-RUST"], price: Cents(5_800), qty: 1 },
        ];
        let rules = for_audiences(&[WHOLESALE], "default");
        assert_eq!(apply(&rules, &parts).rows, [Cents(0), Cents(2_000), Cents(500)]);
    }

    #[test]
    fn a_rule_that_stops_is_the_last_one_where_it_takes_something_off() {
        let mut rules = for_audiences(&[VIP, WHOLESALE], "default");
        rules[0].stops = true;
        let bag_and_lamp = [row("LL-BA01", 4_800, 1), row("LL-GE01", 6_400, 1)];
        assert_eq!(apply(&rules, &bag_and_lamp).rows, [Cents(500), Cents(0)]);
        assert_eq!(apply(&rules, &bag_and_lamp[1..]).rows, [Cents(1_280)]);
    }

    #[test]
    fn amounts_and_labels_are_the_views() {
        let rules = for_audiences(&[WHOLESALE], "de");
        assert_eq!(rules[0].action, Action::ByFixed(Cents(460)));
        assert_eq!(rules[0].label.as_deref(), Some("Großhandel: 5 $ Rabatt auf Taschen"));
        assert_eq!(for_audiences(&[VIP], "b2b")[0].label.as_deref(), Some("VIP 20 % off"), "the label for all views");
    }

    #[test]
    fn never_takes_more_than_the_row() {
        assert_eq!(sum(&[WHOLESALE], &[row("LL-BA05", 300, 2)]), Cents(600));
    }

    #[test]
    fn takes_nothing_off_for_new_visitors_and_strangers() {
        assert_eq!(for_audiences(&[NEW_VISITOR], "default"), []);
        assert_eq!(for_audiences(&[], "default"), []);
    }

    #[test]
    fn leaves_out_rules_that_are_off_for_others_or_beyond_it() {
        let rules = Rules::default();
        let Some(Value::Object(vip)) = rules.get(rules::VIP) else { panic!("the rule") };
        let mut headers = HeaderMap::new();
        headers.insert(MEMBERSHIP, VIP.parse().expect("a header value"));
        let holds = |name: &str, value: Value| {
            let mut changed = vip.clone();
            changed.insert(name.to_owned(), value);
            rules.save(changed);
            held(&rules, &Session::default(), View::with_code("default"), &headers).len()
        };
        assert_eq!(holds("discount_amount", json!(12.5)), 1);
        assert_eq!(holds("is_active", json!(false)), 0);
        assert_eq!((holds("to_date", json!("2020-01-01")), holds("from_date", json!("2020-01-01 00:00:00"))), (0, 1));
        assert_eq!((holds("discount_qty", json!(1)), holds("discount_step", json!(0))), (0, 1));
        assert_eq!(holds("customer_group_ids", json!([1])), 0);
        assert_eq!(holds("simple_action", json!("buy_x_get_y")), 0);
        assert_eq!(holds("condition", json!({ "aggregator_type": "any", "value": "1", "conditions": [] })), 0);
    }

    #[test]
    fn charges_what_the_starter_rules_promise() {
        let promised: Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let offers = promised["offers"].as_array().expect("a list of offers");
        let rules = Rules::default();
        for offer in offers {
            let rule = rules.get(offer["charge"]["rule_id"].as_u64().expect("an id")).expect("the shop has the rule");
            assert_eq!((&offer["action"], &offer["amount"]), (&rule["simple_action"], &rule["discount_amount"]));
            assert_eq!(offer["priority"], rule["sort_order"]);
            assert_eq!(offer["audiences"]["any"][0], rule["condition"]["conditions"][0]["value"]);
            for view in ["default", "de", "ar"] {
                assert_eq!(offer["labels"][view].as_str(), label(&rule, View::with_code(view)).as_deref());
            }
        }
        assert_eq!(offers.len(), 2, "one for every rule that asks for an audience");
    }

    #[test]
    fn starter_rules_name_the_audiences_of_the_cart() {
        let rules: Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let ids: Vec<_> = rules["audiences"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [VIP, NEW_VISITOR, WHOLESALE]);
    }
}
