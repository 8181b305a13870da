use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rule::cart_rule::{
    Address, AttributeValue, AudienceTypes, Audiences, CartAddress, CartLine, CartTax, Condition, Coupon, LineFacts,
    Truth,
};
use crate::site::TaxComputed;

fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn line(sku: &str, price: &str, quantity: u32) -> CartLine {
    let (price, quantity) = (money(price), Decimal::from(quantity));
    CartLine {
        parent: None,
        product: None,
        kind: "simple".to_owned(),
        sku: sku.to_owned(),
        product_sku: Some(sku.to_owned()),
        quantity,
        unit_price: price,
        base_unit_price: price,
        unit_price_with_tax: Some(price),
        base_unit_price_with_tax: Some(price),
        row_total: price * quantity,
        base_row_total: price * quantity,
        row_total_with_tax: Some(price * quantity),
        base_row_total_with_tax: Some(price * quantity),
        tax_percent: Some(Decimal::ZERO),
        weight: Some(Some(Decimal::ONE)),
        is_virtual: false,
        facts: LineFacts {
            is_known: true,
            attribute_set: Some(4),
            categories: BTreeSet::from([2, 3]),
            attributes: [("price".to_owned(), AttributeValue::One(price.to_string()))].into(),
        },
    }
}

fn cart(lines: Vec<CartLine>) -> Cart {
    Cart {
        store_id: 1,
        website_id: 1,
        rate: Decimal::ONE,
        tax: CartTax {
            catalog_prices: TaxBasis::Excluding,
            discount_on: TaxBasis::Excluding,
            computed: TaxComputed::AfterDiscount,
        },
        today: date(2026, 11, 22),
        customer_group: Some(0),
        audiences: Some(Audiences::default()),
        coupon: Coupon::None,
        address: CartAddress::None,
        payment_method: Some(None),
        lines,
        is_complete: true,
        multiselects: Arc::default(),
    }
}

fn rule(id: u64, fields: Value) -> CartRule {
    let mut rule = json!({
        "rule_id": id, "website_ids": [1], "customer_group_ids": [0], "is_active": true, "simple_action": "by_percent",
        "discount_amount": 10, "sort_order": id, "coupon_type": "NO_COUPON",
        "store_labels": [{"store_id": 0, "store_label": format!("R{id}")}],
    });
    rule.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
    CartRule::from_rest(&rule, &AudienceTypes::default()).expect("a rule")
}

fn class(last: &str) -> String {
    format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}")
}

fn all(last: &str, parts: &[Value]) -> Value {
    json!({ "condition_type": class(last), "aggregator_type": "all", "value": "1", "conditions": parts })
}

fn sku(operator: &str, value: &str) -> Value {
    json!({ "condition_type": class("Product"), "attribute_name": "sku", "operator": operator, "value": value })
}

fn address(attribute: &str, operator: &str, value: &str) -> Value {
    json!({ "condition_type": class("Address"), "attribute_name": attribute, "operator": operator, "value": value })
}

fn only(skus: &str) -> Value {
    json!({ "action_condition": all("Product\\Combine", &[sku("()", skus)]) })
}

fn with(mut one: Value, other: Value) -> Value {
    one.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    one
}

/// What is off each line.
fn off(rules: &[CartRule], cart: &Cart) -> Vec<String> {
    let charged = charge(rules, cart, Release::default()).expect("all is known");
    charged.lines.iter().map(|line| line.discount.amount.normalize().to_string()).collect()
}

fn one(fields: Value) -> [CartRule; 1] {
    [rule(1, fields)]
}

#[test]
fn every_action_takes_what_it_says() {
    let cart = cart(vec![line("a", "10", 3), line("b", "20", 1)]);
    for (action, amount, step, expected) in [
        ("by_percent", "10", "0", ["3", "2"]),
        ("by_percent", "150", "0", ["30", "20"]),
        ("to_percent", "60", "0", ["12", "8"]),
        ("by_fixed", "4", "0", ["12", "4"]),
        ("by_fixed", "15", "0", ["30", "15"]),
        ("to_fixed", "8", "0", ["6", "12"]),
        ("to_fixed", "12", "0", ["-6", "8"]),
        ("cart_fixed", "10", "0", ["6", "4"]),
        ("cart_fixed", "99", "0", ["30", "20"]),
        ("buy_x_get_y", "1", "2", ["10", "0"]),
        ("buy_x_get_y", "2", "1", ["0", "0"]),
        ("buy_x_get_y", "1", "0", ["0", "0"]),
    ] {
        let rules = one(json!({"simple_action": action, "discount_amount": amount, "discount_step": step}));
        assert_eq!(off(&rules, &cart), expected, "{action} {amount}");
    }
}

#[test]
fn a_maximum_quantity_and_a_step_limit_the_units() {
    let cart = cart(vec![line("a", "10", 5)]);
    assert_eq!(off(&one(json!({"discount_qty": 2})), &cart), ["2"]);
    assert_eq!(off(&one(json!({"discount_step": 2})), &cart), ["4"]);
    assert_eq!(off(&one(json!({"discount_step": 6})), &cart), ["0"]);
    let first = rule(1, json!({"discount_amount": 50}));
    let limited = rule(2, json!({"discount_qty": 1}));
    assert_eq!(off(&[first.clone(), limited], &cart), ["10"], "the limit is on all that is off the line");
    let unreached = rule(2, json!({"simple_action": "by_fixed", "discount_step": 6}));
    assert_eq!(off(&[first, unreached], &cart), ["0"]);
}

#[test]
fn fractions_go_on_to_the_next_line_of_the_same_percentage() {
    let cart = cart(vec![line("a", "0.10", 1), line("b", "0.10", 1), line("c", "0.10", 1)]);
    assert_eq!(off(&one(json!({"discount_amount": 5})), &cart), ["0.01", "0", "0.01"]);
    let thirds = one(json!({"simple_action": "cart_fixed", "discount_amount": "0.10"}));
    assert_eq!(off(&thirds, &cart), ["0.03", "0.04", "0.03"], "what rounding leaves goes on");
}

#[test]
fn a_rule_that_stops_others_stops_them_on_every_line() {
    let cart = cart(vec![line("a", "10", 1), line("b", "10", 1)]);
    let stop = |fields: Value| rule(1, with(json!({"stop_rules_processing": true}), fields));
    let later = rule(2, json!({"discount_amount": 50}));
    assert_eq!(off(&[stop(only("a")), later.clone()], &cart), ["1", "0"]);
    assert_eq!(off(&[stop(with(only("a"), json!({"discount_amount": 0}))), later.clone()], &cart), ["0", "0"]);
    assert_eq!(off(&[stop(only("c")), later.clone()], &cart), ["5", "5"], "it is for no line");
    let newer = charge(&[stop(only("a")), later], &cart, "2.4.8".parse().expect("a release")).expect("all is known");
    let newer: Vec<Decimal> = newer.lines.iter().map(|line| line.discount.amount.normalize()).collect();
    assert_eq!(newer, [1.into(), 5.into()], "later releases stop them on its own lines");
}

#[test]
fn only_rules_of_the_day_website_group_and_coupon_count() {
    let mut cart = cart(vec![line("a", "10", 1)]);
    for fields in [
        json!({"is_active": false}),
        json!({"website_ids": [2]}),
        json!({"customer_group_ids": [1]}),
        json!({"from_date": "2026-11-23"}),
        json!({"to_date": "2026-11-21"}),
        json!({"coupon_type": "SPECIFIC_COUPON"}),
    ] {
        assert_eq!(off(&one(fields.clone()), &cart), ["0"], "{fields}");
    }
    assert_eq!(off(&one(json!({"from_date": "2026-11-22", "to_date": "2026-11-22"})), &cart), ["1"]);
    cart.coupon = Coupon::Code { code: "ten".to_owned(), rule_id: Some(1) };
    let coupon = rule(1, json!({"coupon_type": "SPECIFIC_COUPON", "store_labels": []}));
    assert_eq!(off(std::slice::from_ref(&coupon), &cart), ["1"]);
    let charged = charge([&coupon], &cart, Release::default()).expect("all is known");
    assert_eq!(charged.labels, ["ten"], "the code stands for a label");
    let tie = rule(9, json!({"sort_order": 1, "simple_action": "by_fixed", "discount_amount": 5}));
    assert_eq!(off(&[coupon, tie], &cart), ["5.5"], "without a coupon first");
}

#[test]
fn conditions_are_tested_as_magento_does() {
    let mut cart = cart(vec![line("a", "10", 3), line("b", "20", 1)]);
    let holds = |condition: Value, cart: &Cart| rule(1, json!({ "condition": condition })).conditions.truth(cart);
    let tree = |part: Value| all("Combine", &[part]);
    for (part, expected) in [
        (address("base_subtotal", ">=", "50"), true),
        (address("base_subtotal", ">", "50"), false),
        (address("total_qty", "==", "4"), true),
        (address("weight", "<", "5"), true),
        (address("country_id", "!=", "DE"), true),
        (address("country_id", "==", "DE"), false),
        (address("payment_method", "==", "checkmo"), false),
        (all("Product\\Found", &[sku("==", "A")]), true),
        (all("Product\\Found", &[sku("==", "c")]), false),
        (with(all("Product\\Found", &[sku("==", "a")]), json!({"value": "0"})), true),
        (
            with(
                all("Product\\Subselect", &[sku("==", "a")]),
                json!({"attribute_name": "qty", "operator": "==", "value": "3"}),
            ),
            true,
        ),
        (with(all("Product\\Subselect", &[]), json!({"attribute_name": "qty", "operator": ">=", "value": "1"})), false),
        (with(all("Combine", &[address("total_qty", "==", "9")]), json!({"value": "0"})), true),
        (
            with(
                all("Combine", &[address("total_qty", "==", "9"), address("total_qty", "==", "4")]),
                json!({"aggregator_type": "any"}),
            ),
            true,
        ),
        (all("Combine", &[]), true),
    ] {
        assert_eq!(holds(tree(part.clone()), &cart), Truth::from(expected), "{part}");
    }
    cart.address =
        CartAddress::Known(Address { country: "DE".to_owned(), postcode: "10115".to_owned(), ..Address::default() });
    assert_eq!(holds(tree(address("postcode", "{}", "101")), &cart), Truth::True);
    cart.address = CartAddress::Unknown;
    assert_eq!(holds(tree(address("country_id", "==", "DE")), &cart), Truth::Unknown);
    cart.is_complete = false;
    assert_eq!(holds(tree(address("base_subtotal", ">=", "50")), &cart), Truth::Unknown);
    assert_eq!(holds(tree(all("Product\\Found", &[sku("==", "a")])), &cart), Truth::True, "more lines change nothing");
    assert_eq!(holds(tree(all("Product\\Found", &[sku("==", "c")])), &cart), Truth::Unknown);
    let both = all(
        "Combine",
        &[address("country_id", "==", "DE"), all("Product\\Found", &[]), json!({"condition_type": "Other"})],
    );
    assert_eq!(holds(both, &cart), Truth::Unknown);
    let decided =
        with(all("Combine", &[json!({"condition_type": "Other"}), sku_found("a")]), json!({"aggregator_type": "any"}));
    assert_eq!(holds(decided, &cart), Truth::True, "what is unknown makes no difference");
}

fn sku_found(of: &str) -> Value {
    all("Product\\Found", &[sku("==", of)])
}

#[test]
fn a_variant_lends_its_product_what_that_lacks() {
    let mut parent = line("pack-red", "10", 1);
    parent.kind = "configurable".to_owned();
    parent.product_sku = Some("pack".to_owned());
    let mut variant = line("pack-red", "0", 1);
    variant.parent = Some(0);
    variant.facts.attributes.insert("color".to_owned(), AttributeValue::One("49".to_owned()));
    let cart = cart(vec![parent, variant]);
    let of = |test: Value| {
        rule(1, json!({ "action_condition": all("Product\\Combine", &[test]) })).lines.line_truth(&cart, 0)
    };
    let color = |operator: &str| json!({ "condition_type": class("Product"), "attribute_name": "color", "operator": operator, "value": "49" });
    assert_eq!((of(color("==")), of(color("!="))), (Truth::True, Truth::False));
    assert_eq!((of(sku("==", "pack")), of(sku("==", "pack-red"))), (Truth::True, Truth::True));
    let parent_only = json!({ "condition_type": class("Product"), "attribute_name": "parent::color", "operator": "==", "value": "49" });
    assert_eq!(of(parent_only), Truth::False);
}

#[test]
fn a_bundle_of_parts_is_discounted_on_its_parts() {
    let mut bundle = line("set", "30", 2);
    bundle.kind = "bundle".to_owned();
    let part = |sku: &str, price: &str, quantity: u32| CartLine {
        parent: Some(0),
        row_total: money(price) * Decimal::from(quantity * 2),
        base_row_total: money(price) * Decimal::from(quantity * 2),
        ..line(sku, price, quantity)
    };
    let cart = cart(vec![bundle, part("x", "10", 1), part("y", "10", 2)]);
    assert_eq!(off(&one(json!({})), &cart), ["0", "2", "4"]);
    assert_eq!(off(&one(only("y")), &cart), ["0", "0", "4"]);
    assert_eq!(off(&one(only("set")), &cart), ["0", "2", "4"], "all parts where the bundle itself is meant");
    let each = with(only("set"), json!({"simple_action": "by_fixed", "discount_amount": 1}));
    assert_eq!(off(&one(each), &cart), ["0", "2", "4"], "per unit of each part");
}

#[test]
fn shipping_has_a_pass_of_its_own() {
    let mut cart = cart(vec![line("a", "10", 1)]);
    cart.address = CartAddress::Known(Address {
        shipping_method: Some("flatrate_flatrate".to_owned()),
        shipping_amount: money("5"),
        base_shipping_amount: money("5"),
        ..Address::default()
    });
    let shipping = |rules: &[CartRule]| {
        charge(rules, &cart, Release::default()).expect("all is known").shipping.amount.normalize()
    };
    assert_eq!(shipping(&one(json!({}))), Decimal::ZERO);
    assert_eq!(shipping(&one(json!({"apply_to_shipping": true}))), money("0.5"));
    assert_eq!(
        shipping(&one(with(
            only("c"),
            json!({"apply_to_shipping": true, "simple_action": "by_fixed", "discount_amount": 9})
        ))),
        money("5")
    );
    let stop = rule(1, json!({"stop_rules_processing": true}));
    assert_eq!(
        shipping(&[stop, rule(2, json!({"apply_to_shipping": true}))]),
        money("0.5"),
        "a stop without shipping stops none here"
    );
    let free = charge(&one(json!({"simple_free_shipping": "1"})), &cart, Release::default()).expect("all is known");
    assert_eq!((free.lines[0].free_units, free.is_shipment_free), (Some(Decimal::ONE), false));
    let free = charge(&one(json!({"simple_free_shipping": "2"})), &cart, Release::default()).expect("all is known");
    assert!(free.is_shipment_free);
}

#[test]
fn amounts_are_converted_and_rounded_once() {
    let mut cart = cart(vec![line("a", "9.22", 3)]);
    cart.rate = money("0.9231");
    cart.lines[0].base_unit_price = money("9.99");
    cart.lines[0].base_row_total = money("29.97");
    assert_eq!(off(&one(json!({"simple_action": "by_fixed", "discount_amount": 4})), &cart), ["11.08"]);
}

#[test]
fn what_cannot_be_told_is_said_and_what_does_not_matter_is_not() {
    let mut cart = cart(vec![line("a", "10", 1)]);
    let why = |rules: &[CartRule], cart: &Cart| {
        charge(rules, cart, Release::default()).map(|_| ()).map_err(|undecided| undecided.why)
    };
    let unknown = json!({ "condition": all("Combine", &[json!({"condition_type": "Other"})]) });
    assert_eq!(why(&one(unknown.clone()), &cart), Err(Why::Conditions));
    assert_eq!(why(&one(with(unknown.clone(), only("c"))), &cart), Ok(()), "it is for no line");
    assert_eq!(why(&one(with(unknown, json!({"is_active": false}))), &cart), Ok(()));
    assert_eq!(why(&one(json!({"simple_action": "gift"})), &cart), Err(Why::Action));
    assert_eq!(why(&one(json!({"discount_amount": "1e20"})), &cart), Err(Why::Range));
    cart.customer_group = None;
    assert_eq!(why(&one(json!({})), &cart), Err(Why::Selection));
    cart.customer_group = Some(1);
    assert_eq!(why(&one(json!({"customer_group_ids": [1], "uses_per_customer": 1})), &cart), Err(Why::Selection));
    cart.customer_group = Some(0);
    cart.lines[0].facts.is_known = false;
    let price = json!({ "condition_type": class("Product"), "attribute_name": "price", "operator": ">", "value": "5" });
    assert_eq!(why(&one(json!({ "action_condition": all("Product\\Combine", &[price]) })), &cart), Err(Why::Lines));
    cart.tax.discount_on = TaxBasis::Including;
    cart.lines[0].unit_price_with_tax = None;
    assert_eq!(why(&one(json!({})), &cart), Err(Why::Tax));
    assert_eq!(Condition::always().truth(&cart), Truth::True);
}

fn rules() -> impl Strategy<Value = Vec<CartRule>> {
    let actions = ["by_percent", "by_fixed", "cart_fixed", "buy_x_get_y", "to_percent"];
    let one = (0_usize..5, 0_u32..50_000, 0_u32..4, 0_u32..4, 0_i64..3, any::<bool>(), 0_u32..4);
    prop::collection::vec(one, 0..6).prop_map(move |all| {
        (1..).zip(all).map(|(id, (action, amount, step, most, order, stop, lines))| {
            let lines = match lines { 0 => only("a"), 1 => only("b,c"), _ => json!({}) };
            rule(id, with(lines, json!({
                "simple_action": actions[action], "discount_amount": f64::from(amount) / 100.0, "discount_step": step,
                "discount_qty": most, "sort_order": order, "stop_rules_processing": stop,
            })))
        }).collect()
    })
}

proptest! {
    #[test]
    fn no_line_is_paid_out_and_the_order_in_which_rules_come_does_not_matter(
        rules in rules(),
        lines in prop::collection::vec((1_i64..20_000, 1_u32..6), 1..4),
    ) {
        let lines = lines.iter().zip(["a", "b", "c"]).map(|((price, quantity), sku)| {
            line(sku, &Decimal::new(*price, 2).to_string(), *quantity)
        });
        let cart = cart(lines.collect());
        let charged = match charge(&rules, &cart, Release::default()) {
            Ok(charged) => charged,
            Err(undecided) => {
                prop_assert_eq!(undecided.why, Why::Range, "all else is known");
                return Ok(());
            }
        };
        for (at, line) in charged.lines.iter().enumerate() {
            prop_assert!(line.discount.amount >= Decimal::ZERO, "{line:?}");
            prop_assert!(line.discount.amount <= cart.lines[at].row_total, "{line:?}");
            prop_assert_eq!(line.by_rule.iter().map(|(_, off)| *off).sum::<Decimal>(), line.discount.amount);
        }
        let backwards = charge(rules.iter().rev(), &cart, Release::default()).expect("all is known");
        prop_assert_eq!(backwards, charged);
    }
}

fn off_in(release: &str, rules: &[CartRule], cart: &Cart) -> Vec<String> {
    let charged = charge(rules, cart, release.parse().expect("a release")).expect("all is known");
    charged.lines.iter().map(|line| line.discount.amount.normalize().to_string()).collect()
}

#[test]
fn the_oldest_release_goes_line_by_line() {
    let cart = cart(vec![line("a", "10", 1), line("b", "30", 1)]);
    let stop = rule(1, with(json!({"stop_rules_processing": true}), only("a")));
    let later = rule(2, json!({"discount_amount": 50}));
    let rules = [stop, later];
    assert_eq!(off_in("2.4.1", &rules, &cart), ["1", "15"], "the first line alone is stopped");
    assert_eq!(off_in("2.4.2", &rules, &cart), ["1", "0"]);
    let half_of_a = rule(1, with(json!({"discount_amount": 50}), only("a")));
    let spread = [half_of_a, rule(2, json!({"simple_action": "cart_fixed", "discount_amount": 8}))];
    assert_eq!(off_in("2.4.1-p1", &spread, &cart), ["7", "6"], "spread by the rows as they were");
    assert_eq!(off_in("2.4.6", &spread, &cart), ["6.14", "6.86"], "spread by what is left of them");
    let applied = charge(&spread, &cart, "2.4.1".parse().expect("a release")).expect("all is known").applied;
    assert_eq!(applied, [1, 2]);
}

#[test]
fn later_releases_see_what_earlier_rules_took_off() {
    let cart = cart(vec![line("a", "60", 1), line("b", "60", 1)]);
    let first = rule(1, json!({"discount_amount": 25}));
    let of = |operator: &str, value: &str| {
        let tree = all("Combine", &[address("base_subtotal_with_discount", operator, value)]);
        [first.clone(), rule(2, json!({"simple_action": "by_fixed", "discount_amount": 1, "condition": tree}))]
    };
    assert_eq!(off(&of(">=", "100"), &cart), ["16", "16"]);
    assert_eq!(off_in("2.4.7", &of(">=", "100"), &cart), ["15", "15"], "90 are left");
    assert_eq!(off_in("2.4.7", &of("<", "100"), &cart), ["16", "16"]);
    assert_eq!(off(&of("<", "100"), &cart), ["15", "15"]);
}

#[test]
fn later_releases_are_content_with_the_sum_of_the_first_lines() {
    let cart = cart(vec![line("a", "10", 2), line("b", "10", 2)]);
    let below = |operator: &str, value: &str| {
        let subselect = json!({ "condition_type": class("Product\\Subselect"), "attribute_name": "qty", "operator": operator,
            "value": value, "aggregator_type": "all", "conditions": [sku("()", "a,b")] });
        one(json!({"condition": all("Combine", &[subselect])}))
    };
    for (operator, value, now, later) in
        [("<", "4", "0", "2"), ("!=", "4", "0", "2"), ("<=", "1", "0", "0"), (">", "3", "2", "2")]
    {
        let rules = below(operator, value);
        assert_eq!(
            (off(&rules, &cart)[0].as_str(), off_in("2.4.7", &rules, &cart)[0].as_str()),
            (now, later),
            "{operator}"
        );
    }
}
