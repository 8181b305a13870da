//! The shop's own cart price rules, applied from the membership that arrives at the origin, as Magento with Adobe's extension does.
//!
//! Nothing here is shared with the part of Segue that shows offers: the shop is the other side of "a price shown is a price charged".

use std::collections::HashMap;

use super::choice::{Choice, Part};
use super::membership::{VIP, WHOLESALE};
use super::money::Cents;
use super::quote::Line;
use super::view::View;

/// A cart price rule of the shop.
#[derive(Clone, Copy, Debug)]
pub struct CartRule {
    /// Commerce's id of the rule.
    pub rule_id: u64,
    /// The audience that it is for; without one it is for everybody.
    pub audience: Option<&'static str>,
    /// The coupon code that it needs.
    pub code: Option<&'static str>,
    /// What the totals call it.
    pub label: &'static str,
    /// The products that it discounts; empty is all.
    pub products: &'static [u64],
    /// What it takes off.
    pub action: Action,
}

/// What a rule takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hundredths of a percent of what is left of the row.
    ByPercent(i64),
    /// An amount off every unit: US dollars in the shop's rules, the view's currency when they are applied.
    ByFixed(Cents),
}

/// The shop's rules, in the order in which Magento applies them.
pub const RULES: [CartRule; 3] = [
    CartRule {
        rule_id: 2,
        audience: Some(WHOLESALE),
        code: None,
        label: "Wholesale $5 off bags",
        products: &[1, 2, 3, 4, 5, 11],
        action: Action::ByFixed(Cents(500)),
    },
    CartRule {
        rule_id: 1,
        audience: Some(VIP),
        code: None,
        label: "VIP 20 % off",
        products: &[],
        action: Action::ByPercent(2_000),
    },
    CartRule {
        rule_id: 3,
        audience: None,
        code: Some("LANTERN10"),
        label: "10 % off with LANTERN10",
        products: &[],
        action: Action::ByPercent(1_000),
    },
];

/// Whether some rule has this coupon code.
pub fn is_code(code: &str) -> bool {
    RULES.iter().any(|rule| rule.code.is_some_and(|own| own.eq_ignore_ascii_case(code)))
}

/// One row of a cart.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The ids that rules are asked about: the line's product, and the child or part that the row is for.
    pub products: [u64; 2],
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
    match &line.choice {
        Choice::Parts(parts) => {
            let row = |part: &Part| Row {
                products: [line.product.id, part.product.id],
                price: view.net(part.product.price()),
                qty: part.qty * line.qty,
            };
            parts.iter().map(row).collect()
        }
        choice => {
            let child = if let Choice::Child(_, child) = choice { child.id } else { line.product.id };
            vec![Row { products: [line.product.id, child], price: line.unit(view), qty: line.qty }]
        }
    }
}

/// What the rules take off a cart.
#[derive(Debug, Default)]
pub struct Discounts {
    /// Per row, in the order given.
    pub rows: Vec<Cents>,
    /// The labels of the rules that applied, in order.
    pub labels: Vec<&'static str>,
    /// The ids of these rules.
    pub rule_ids: Vec<u64>,
    /// Whether a rule that needs a coupon is among them.
    pub has_coupon: bool,
}

#[cfg(test)]
impl Discounts {
    /// The whole discount.
    pub fn total(&self) -> Cents {
        self.rows.iter().copied().sum()
    }
}

/// Ten-thousandths of a cent: percentages of cents stay exact in them.
const PARTS: i64 = 10_000;

/// Applies `rules` in order to `rows`, rule outside and row inside, rounding as Magento 2.4.6 does: half away from zero per row,
/// carrying the fraction to the next row with the same accumulated percentage.
pub fn apply(rules: &[CartRule], rows: &[Row]) -> Discounts {
    let mut discounts = Discounts { rows: vec![Cents(0); rows.len()], ..Discounts::default() };
    let mut percents = vec![0_i64; rows.len()];
    let mut carries: HashMap<i64, i64> = HashMap::new();
    for rule in rules {
        let matched: Vec<usize> = in_magento_order(rules, rows).filter(|&at| matches(rule, &rows[at])).collect();
        for &at in &matched {
            let left = rows[at].total() - discounts.rows[at];
            let exact = match rule.action {
                Action::ByPercent(percent) => {
                    percents[at] = (percents[at] + percent).min(PARTS);
                    left.0 * percent.min(PARTS)
                }
                Action::ByFixed(amount) => (amount * rows[at].qty).0 * PARTS,
            };
            let rounded = round(exact, percents[at], &mut carries);
            discounts.rows[at].0 += rounded.min(left.0);
        }
        if !matched.is_empty() {
            discounts.labels.push(rule.label);
            discounts.rule_ids.push(rule.rule_id);
            discounts.has_coupon |= rule.code.is_some();
        }
    }
    discounts
}

/// The rules that hold for a membership and a coupon code in a store view. Fixed amounts are converted and rounded there.
pub fn rules_for(membership: &[String], coupon: Option<&str>, view: &View) -> Vec<CartRule> {
    let is_for = |rule: &&CartRule| rule.audience.is_none_or(|audience| membership.iter().any(|id| id == audience));
    let has_code =
        |rule: &&CartRule| rule.code.is_none_or(|code| coupon.is_some_and(|coupon| code.eq_ignore_ascii_case(coupon)));
    let own = RULES.iter().filter(is_for).filter(has_code);
    let converted = |rule: &CartRule| match rule.action {
        Action::ByPercent(_) => *rule,
        Action::ByFixed(amount) => CartRule { action: Action::ByFixed(view.net(amount)), ..*rule },
    };
    own.map(converted).collect()
}

/// A rule matches a row by its own product or by its line's.
fn matches(rule: &CartRule, row: &Row) -> bool {
    rule.products.is_empty() || row.products.iter().any(|id| rule.products.contains(id))
}

/// Rows that an earlier rule matches go first.
fn in_magento_order(rules: &[CartRule], rows: &[Row]) -> impl Iterator<Item = usize> {
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
    use super::super::membership::NEW_VISITOR;
    use super::*;

    fn row(product: u64, cents: i64, qty: u32) -> Row {
        Row { products: [product; 2], price: Cents(cents), qty }
    }

    fn for_audiences(ids: &[&str], rows: &[Row]) -> Discounts {
        let membership: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        apply(&rules_for(&membership, None, View::with_code("default")), rows)
    }

    #[test]
    fn rounds_once_per_row_and_not_per_unit() {
        assert_eq!(for_audiences(&[VIP], &[row(8, 3_499, 1)]).total(), Cents(700));
        assert_eq!(for_audiences(&[VIP], &[row(8, 3_499, 3)]).total(), Cents(2_099));
    }

    #[test]
    fn rounds_half_a_cent_away_from_zero() {
        let half = CartRule {
            rule_id: 9,
            audience: None,
            code: None,
            label: "half",
            products: &[],
            action: Action::ByPercent(5_000),
        };
        assert_eq!(apply(&[half], &[row(1, 1, 1)]).total(), Cents(1));
        assert_eq!(apply(&[half], &[row(1, 333, 1)]).total(), Cents(167));
    }

    #[test]
    fn carries_the_fraction_to_the_next_row_of_the_same_percentage() {
        let discounts = for_audiences(&[VIP], &[row(6, 102, 1), row(7, 102, 1), row(8, 102, 1)]);
        assert_eq!(discounts.rows, [Cents(20), Cents(21), Cents(20)]);
    }

    #[test]
    fn takes_a_fixed_amount_off_every_unit_of_its_products_only() {
        let discounts = for_audiences(&[WHOLESALE], &[row(1, 4_800, 3), row(6, 6_400, 2)]);
        assert_eq!(discounts.rows, [Cents(1_500), Cents(0)]);
    }

    #[test]
    fn applies_the_percentage_to_what_an_earlier_rule_left() {
        let discounts = for_audiences(&[VIP, WHOLESALE], &[row(1, 4_800, 1)]);
        assert_eq!(discounts.total(), Cents(500 + 860));
        assert_eq!(discounts.labels, ["Wholesale $5 off bags", "VIP 20 % off"]);
    }

    #[test]
    fn a_part_is_discounted_for_itself_or_for_its_whole() {
        let parts = [
            Row { products: [13, 8], price: Cents(3_499), qty: 1 },
            Row { products: [13, 5], price: Cents(1_895), qty: 4 },
            Row { products: [11, 102], price: Cents(5_800), qty: 1 },
        ];
        assert_eq!(for_audiences(&[WHOLESALE], &parts).rows, [Cents(0), Cents(2_000), Cents(500)]);
        assert_eq!(for_audiences(&[VIP], &parts).rows, [Cents(700), Cents(1_516), Cents(1_160)]);
    }

    #[test]
    fn a_fixed_amount_is_converted_for_the_view() {
        let rules = rules_for(&[WHOLESALE.to_owned()], None, View::with_code("de"));
        assert_eq!(rules.iter().map(|rule| rule.action).collect::<Vec<_>>(), [Action::ByFixed(Cents(460))]);
    }

    #[test]
    fn never_takes_more_than_the_row() {
        assert_eq!(for_audiences(&[WHOLESALE], &[row(5, 300, 2)]).total(), Cents(600));
    }

    #[test]
    fn takes_nothing_off_for_new_visitors_and_strangers() {
        assert_eq!(for_audiences(&[NEW_VISITOR], &[row(1, 4_800, 1)]).total(), Cents(0));
        assert_eq!(for_audiences(&[], &[row(1, 4_800, 1)]).labels, [""; 0]);
    }

    #[test]
    fn charges_what_the_starter_rules_promise() {
        let rules: serde_json::Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let offers = rules["offers"].as_array().expect("a list of offers");
        let own: Vec<_> = RULES.iter().filter(|rule| rule.code.is_none()).collect();
        assert_eq!(offers.len(), own.len());
        for (offer, rule) in offers.iter().zip(own) {
            assert_eq!(offer["charge"]["rule_id"], rule.rule_id);
            assert_eq!(offer["audiences"], serde_json::json!({ "any": [rule.audience] }));
            for view in ["default", "de", "ar"] {
                assert_eq!(offer["labels"][view], View::with_code(view).phrase(rule.label));
            }
            let amount = offer["amount"].to_string();
            let (action, own) = match rule.action {
                Action::ByPercent(percent) => ("by_percent", Cents(percent).raw()),
                Action::ByFixed(cents) => ("by_fixed", cents.raw()),
            };
            assert_eq!((offer["action"].as_str(), amount), (Some(action), own));
            match rule.products {
                [] => assert_eq!(offer["products"], "all"),
                ids => assert_eq!(offer["products"]["ids"], serde_json::json!(ids)),
            }
        }
        let priorities: Vec<_> = offers.iter().map(|offer| offer["priority"].as_i64()).collect();
        assert!(priorities.is_sorted(), "the cart applies its rules in the order of the offers' priorities");
    }

    #[test]
    fn starter_rules_name_the_audiences_of_the_cart() {
        let rules: serde_json::Value = serde_json::from_str(super::super::RULES).expect("the starter rules are JSON");
        let ids: Vec<_> = rules["audiences"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [VIP, NEW_VISITOR, WHOLESALE]);
    }
}
