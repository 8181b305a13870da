use serde_json::json;

use super::*;
use crate::rule::cart_rule::Release;

fn rule(id: u64, amount: u64) -> Value {
    json!({
        "rule_id": id, "name": format!("Rule {id}"), "website_ids": [1], "customer_group_ids": [0, 1], "is_active": true,
        "condition": null, "action_condition": null, "stop_rules_processing": false, "sort_order": 10 - id,
        "simple_action": "by_percent", "discount_amount": amount, "discount_step": 0, "apply_to_shipping": false,
        "coupon_type": "NO_COUPON", "simple_free_shipping": "0", "some_extension": {"kept": true},
    })
}

fn book(rules: &[Value]) -> Book {
    let mut book = Book {
        learnt_at: Timestamp::from_millisecond(1_764_150_000_123).expect("a moment"),
        rules: Vec::new(),
        unreadable: BTreeMap::new(),
        websites: [("base".to_owned(), 1)].into(),
        store_views: [("default".to_owned(), 1)].into(),
        customer_groups: [(0, "NOT LOGGED IN".to_owned()), (1, "General".to_owned())].into(),
        rates: Rates { base: "USD".to_owned(), rates: [("EUR".to_owned(), "0.9231".parse().expect("a rate"))].into() },
    };
    book.read(rules, &AudienceTypes::default());
    book
}

fn config() -> Config {
    Config {
        url: "http://127.0.0.1/".parse().expect("a URL"),
        token: "t".into(),
        release: Release::default(),
        audience_types: AudienceTypes::default(),
        poll: Duration::from_secs(60),
        max_age: Duration::from_secs(900),
        timeout: Duration::from_secs(10),
        catalog_every: Duration::from_secs(300),
        page_size: 200,
    }
}

#[test]
fn is_kept_and_read_without_loss() {
    let mut odd = rule(3, 5);
    odd["discount_amount"] = json!("a lot");
    let book = book(&[rule(1, 10), rule(2, 20), odd]);
    assert_eq!(book.rules.iter().map(|rule| rule.id).collect::<Vec<_>>(), [2, 1], "by priority");
    assert!(book.unreadable[&3].contains("/discount_amount"), "{:?}", book.unreadable);
    assert_eq!(Book::from_json(&book.to_json(), &config()).as_ref(), Some(&book));
    assert_eq!(Book::from_json(&json!({"rules": []}), &config()), None);
}

#[test]
fn counts_for_a_time() {
    let book = book(&[]);
    let later = |seconds: i64| book.learnt_at + jiff::SignedDuration::from_secs(seconds);
    assert!(book.is_current(later(900), Duration::from_secs(900)));
    assert!(!book.is_current(later(901), Duration::from_secs(900)));
    assert!(book.is_current(later(-5), Duration::from_secs(900)), "a clock that was set back makes nothing old");
}

#[test]
fn says_what_changed_in_words() {
    let before = book(&[rule(1, 10), rule(2, 20)]);
    let mut off = rule(1, 10);
    off["is_active"] = json!(false);
    let after = book(&[off, rule(4, 5)]);
    assert_eq!(
        changes(&before, &after),
        ["rule 4 \"Rule 4\" is new", "rule 1 \"Rule 1\": active on -> off", "rule 2 \"Rule 2\" is gone"]
    );
    assert_eq!(changes(&before, &book(&[rule(2, 25), rule(1, 10)])), ["rule 2 \"Rule 2\": amount 20 -> 25"]);
    assert!(changes(&before, &before).is_empty() && before.says_the_same(&book(&[rule(2, 20), rule(1, 10)])));
    let mut used = rule(1, 10);
    used["times_used"] = json!(7);
    assert!(before.says_the_same(&book(&[used, rule(2, 20)])), "an order is no change");
}
