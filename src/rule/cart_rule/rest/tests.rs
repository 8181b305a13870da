use proptest::prelude::*;
use serde_json::json;

use super::*;

fn types() -> AudienceTypes {
    let of = |class: &str, form| AudienceType { class: class.to_owned(), form };
    AudienceTypes(vec![of("Vendor\\Audience", AudienceForm::Ids), of("Vendor\\Segments", AudienceForm::Json)])
}

fn class(last: &str) -> String {
    format!("{RULE}{last}")
}

/// A rule with something of everything.
fn full() -> Value {
    json!({
        "rule_id": 7, "name": "All of it", "store_labels": [{"store_id": 0, "store_label": "Off"}, {"store_id": 2, "store_label": "Rabatt"}],
        "description": "Internal", "website_ids": [1, 2], "customer_group_ids": [0, 3], "from_date": "2026-11-01",
        "to_date": "2026-11-30 00:00:00", "uses_per_customer": 2, "is_active": true,
        "condition": {
            "condition_type": class("Combine"), "aggregator_type": "any", "operator": null, "value": "0",
            "conditions": [
                {"condition_type": class("Address"), "operator": ">=", "attribute_name": "base_subtotal", "value": "50"},
                {"condition_type": class("Product\\Found"), "aggregator_type": "all", "operator": null, "value": "1", "conditions": [
                    {"condition_type": class("Product"), "operator": "()", "attribute_name": "category_ids", "value": "25,16"}]},
                {"condition_type": class("Product\\Subselect"), "aggregator_type": "all", "operator": ">", "attribute_name": "qty", "value": "2",
                 "conditions": [{"condition_type": class("Product"), "operator": "==", "attribute_name": "sku", "value": "a"}]},
                {"condition_type": "\\Vendor\\Audience", "operator": "()", "attribute_name": "audience_id", "value": "vip, new"},
                {"condition_type": "Vendor\\Segments", "operator": "!=", "value": "[\"old\"]"},
                {"condition_type": "Vendor\\Weather", "operator": "==", "value": "sun", "extra": {"deep": [1]}},
            ],
        },
        "action_condition": {"condition_type": class("Product\\Combine"), "aggregator_type": "all", "operator": null, "value": "1"},
        "stop_rules_processing": true, "is_advanced": true, "sort_order": 4, "simple_action": "by_percent", "discount_amount": 12.5,
        "discount_qty": 3, "discount_step": 2, "apply_to_shipping": true, "times_used": 11, "is_rss": true,
        "coupon_type": "SPECIFIC_COUPON", "use_auto_generation": true, "uses_per_coupon": 1, "simple_free_shipping": "2",
        "extension_attributes": {"reward_points_delta": 5}, "vendor_field": "kept",
    })
}

#[test]
fn reads_every_field() {
    let rule = CartRule::from_rest(&full(), &types()).expect("a rule");
    assert_eq!((rule.id, rule.priority, rule.stop, rule.to_shipping), (7, 4, true, true));
    assert_eq!((rule.websites, rule.customer_groups), ([1, 2].into(), [0, 3].into()));
    assert_eq!((rule.days.from, rule.days.to), ("2026-11-01".parse().ok(), "2026-11-30".parse().ok()));
    assert_eq!((rule.amount, rule.most_units, rule.step), (Decimal::new(125, 1), Some(3.into()), 2.into()));
    assert_eq!((rule.coupon, rule.free_shipping), (CouponKind::Generated, FreeShipping::Shipment));
    assert_eq!(rule.labels, [(0, "Off".to_owned()), (2, "Rabatt".to_owned())].into());
    assert_eq!((rule.uses_per_customer, rule.uses_per_coupon), (2, 1));
    let Condition::Combine(Combine { all: false, value: false, parts }) = rule.conditions else { panic!("a tree") };
    assert!(matches!(&parts[2], Condition::Subselect { total, .. } if total.attribute() == "qty"));
    let audience = |part: &Condition| match part {
        Condition::Audience { test, .. } => test.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(audience(&parts[3]).any, ["vip".into(), "new".into()].into());
    assert_eq!(audience(&parts[4]).none, ["old".into()].into());
    assert!(matches!(&parts[5], Condition::Unknown(kept) if kept["extra"]["deep"][0] == 1));
}

#[test]
fn writes_what_it_read_and_changes_only_what_changed() {
    let mut rule = CartRule::from_rest(&full(), &types()).expect("a rule");
    assert_eq!(rule.to_rest(&types()), full());
    rule.amount = Decimal::new(20, 0);
    rule.is_active = false;
    let mut expected = full();
    expected["discount_amount"] = json!(20);
    expected["is_active"] = json!(false);
    assert_eq!(rule.to_rest(&types()), expected);
    let Condition::Combine(combine) = &mut rule.conditions else { panic!("a tree") };
    combine.all = true;
    let written = rule.to_rest(&types());
    assert_eq!(written["condition"]["aggregator_type"], "all");
    assert_eq!(written["condition"]["conditions"][5], full()["condition"]["conditions"][5], "the unknown one is kept");
    let again = CartRule::from_rest(&written, &types()).expect("a rule");
    assert_eq!((again.conditions, again.lines), (rule.conditions, rule.lines));
}

#[test]
fn takes_what_other_releases_and_hands_write() {
    let spellings = json!({
        "rule_id": "9", "website_ids": ["1"], "customer_group_ids": ["0"], "is_active": "1", "stop_rules_processing": 0,
        "sort_order": "3", "simple_action": "to_fixed", "discount_amount": "10.0000", "discount_qty": "0.0000", "discount_step": null,
        "coupon_type": 2, "simple_free_shipping": "MATCHING_ITEMS_ONLY", "apply_to_shipping": "0", "from_date": "",
    });
    let rule = CartRule::from_rest(&spellings, &types()).expect("a rule");
    assert_eq!((rule.id, rule.is_active, rule.stop, rule.priority), (9, true, false, 3));
    assert_eq!((rule.amount.normalize(), rule.most_units, rule.coupon), (10.into(), None, CouponKind::Specific));
    assert_eq!((rule.free_shipping, rule.days), (FreeShipping::MatchingLines, Days::default()));
    assert_eq!(rule.conditions, Condition::always());
    let action = |word: &str| CartRule::from_rest(&json!({"simple_action": word}), &types()).map(|rule| rule.action);
    assert_eq!(action("add_gift"), Ok(CartAction::Unknown("add_gift".to_owned())));
}

#[test]
fn names_each_mistake_with_its_place() {
    let wrong = json!({
        "rule_id": -1, "is_active": "perhaps", "discount_amount": "a lot", "from_date": "soon", "website_ids": 1,
        "condition": {"condition_type": class("Combine"), "conditions": [{"value": 1}]}, "action_condition": 7,
    });
    let errors = CartRule::from_rest(&wrong, &types()).expect_err("mistakes");
    let places: Vec<&str> = errors.iter().map(|error| error.place.as_str()).collect();
    for place in [
        "/rule_id",
        "/is_active",
        "/discount_amount",
        "/from_date",
        "/website_ids",
        "/condition/conditions/0",
        "/action_condition",
    ] {
        assert!(places.contains(&place), "{place} of {places:?}");
    }
    assert_eq!(CartRule::from_rest(&json!([]), &types()).expect_err("no object").len(), 1);
}

#[test]
fn a_real_stores_rules_are_written_as_they_were_read() {
    let shared = std::env::var("SEGUE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = std::path::Path::new(&shared).join("json/rest-salesRules-search.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: no {}", path.display());
        return;
    };
    let answer: Value = serde_json::from_slice(&text).expect("JSON");
    let rules = answer["items"].as_array().expect("a list");
    assert!(!rules.is_empty());
    for rule in rules {
        let read = CartRule::from_rest(rule, &AudienceTypes::default()).expect("a rule of a real store");
        assert_eq!(read.to_rest(&AudienceTypes::default()), *rule);
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![Just("sku"), Just("price"), Just("category_ids"), Just("parent::color")];
    let operators = prop_oneof![Just("=="), Just("!="), Just("{}"), Just("()"), Just("<=>"), Just("odd")];
    let leaf = (texts, operators, "[a-z0-9,;. ]{0,8}", 0_usize..4).prop_map(|(attribute, operator, value, kind)| {
        let kinds = ["Product", "Address", "Product", "?"];
        json!({ "condition_type": class(kinds[kind]), "attribute_name": attribute, "operator": operator, "value": value })
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (prop::collection::vec(inner, 0..3), 0_usize..3, any::<bool>()).prop_map(|(parts, kind, value)| {
            let kinds = ["Combine", "Product\\Found", "Product\\Combine"];
            json!({
                "condition_type": class(kinds[kind]), "aggregator_type": if value { "all" } else { "any" }, "operator": null,
                "value": if value { "1" } else { "0" }, "conditions": parts,
            })
        })
    })
}

proptest! {
    #[test]
    fn any_rule_is_written_as_it_was_read(condition in tree(), lines in tree(), amount in 0_u32..100_000) {
        let mut rule = full();
        rule["condition"] = condition;
        rule["action_condition"] = lines;
        rule["discount_amount"] = json!(f64::from(amount) / 100.0);
        let read = CartRule::from_rest(&rule, &types()).expect("a rule");
        prop_assert_eq!(read.to_rest(&types()), rule);
    }
}
