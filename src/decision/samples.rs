//! Rules and sites for the tests of this room.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::link::Commerce;
use crate::commerce::{self, book};
use crate::rule::cart_rule::{AudienceForm, AudienceType, AudienceTypes, Release};
use crate::rule::{AudienceId, Ruleset};
use crate::site::{Sites, StoreView};

/// A view in Berlin (`de`, website `base`) and one in New York (`us`, website `us`), both with base currency EUR and USD.
pub(crate) fn sites() -> Sites {
    let view = |code: &str, website: &str, currency: &str, zone: &str| {
        Arc::new(StoreView {
            code: code.into(),
            website: website.into(),
            base_currency: currency.to_owned(),
            currency: currency.to_owned(),
            tax: crate::site::Tax::default(),
            display: crate::site::Display::default(),
            locale: "de_DE".to_owned(),
            time_zone: TimeZone::get(zone).expect("a known time zone"),
            hosts: Vec::new(),
            path_prefix: None,
        })
    };
    let views = vec![view("de", "base", "EUR", "Europe/Berlin"), view("us", "us", "USD", "America/New_York")];
    let default = Arc::clone(&views[0]);
    Sites::new(views, default)
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a moment")
}

pub(crate) fn audiences(ids: &[&str]) -> BTreeSet<AudienceId> {
    ids.iter().map(|id| AudienceId::from(*id)).collect()
}

/// Rules of a file with these offers and blocks and the audiences vip, new and trade.
pub(crate) fn rules(offers: Value, blocks: Value) -> Ruleset {
    let audiences = json!([
        {"id": "vip", "name": "VIP"}, {"id": "new", "name": "New"}, {"id": "trade", "name": "Trade"},
    ]);
    let file = json!({"version": 1, "audiences": audiences, "offers": offers, "blocks": blocks});
    let parsed = Ruleset::parse("rules.json", file.to_string().as_bytes(), &sites());
    parsed.expect("the samples hold no mistake").0
}

/// An offer of `fields` on top of what each must have.
pub(crate) fn offer(id: &str, fields: Value) -> Value {
    let mut offer = json!({
        "id": id, "name": id, "action": "by_percent", "amount": 10, "products": "all",
        "charge": {"type": "origin", "rule_id": 1}, "labels": {"default": format!("label {id}")},
    });
    merge(&mut offer, fields);
    offer
}

/// A block of `fields` on top of what each must have.
pub(crate) fn block(id: &str, fields: Value) -> Value {
    let mut block = json!({"id": id, "name": id, "placement": "page-top", "html": format!("<p>{id}</p>")});
    merge(&mut block, fields);
    block
}

fn merge(into: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    into.as_object_mut().expect("a rule is an object").extend(fields);
}

/// One offer for vip of so many percent.
pub(crate) fn ruleset(percent: &str) -> Ruleset {
    rules(json!([offer("vip", json!({"audiences": {"any": ["vip"]}, "amount": percent}))]), json!([]))
}

pub(crate) const COMBINE: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\Combine";
pub(crate) const PRODUCT_COMBINE: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\Product\\Combine";
pub(crate) const PRODUCT: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\Product";
pub(crate) const ADDRESS: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\Address";

fn config() -> commerce::Config {
    commerce::Config {
        url: "http://127.0.0.1/".parse().expect("a URL"),
        token: "t".into(),
        release: Release::default(),
        audience_types: AudienceTypes(vec![AudienceType {
            class: "Vendor\\Audience".to_owned(),
            form: AudienceForm::Ids,
        }]),
        poll: Duration::from_secs(60),
        max_age: Duration::from_secs(900),
        timeout: Duration::from_secs(10),
        catalog_every: Duration::from_secs(300),
        page_size: 200,
    }
}

/// A rule of Commerce, 10 % off everything but for `fields`.
pub(crate) fn rule(id: u64, fields: Value) -> Value {
    let mut rule = json!({
        "rule_id": id, "name": format!("Rule {id}"), "website_ids": [1, 2], "customer_group_ids": [0, 1], "is_active": true,
        "simple_action": "by_percent", "discount_amount": 10, "stop_rules_processing": false, "sort_order": 5,
        "coupon_type": "NO_COUPON", "apply_to_shipping": false, "discount_step": 0, "simple_free_shipping": "0",
    });
    for (key, value) in fields.as_object().expect("fields") {
        rule[key] = value.clone();
    }
    rule
}

/// A combination of which all parts must hold.
pub(crate) fn combine(class: &str, parts: Value) -> Value {
    json!({ "condition_type": class, "aggregator_type": "all", "value": "1", "conditions": parts })
}

/// A condition of the subtotal.
pub(crate) fn over(amount: &str) -> Value {
    let part =
        json!([{ "condition_type": ADDRESS, "attribute_name": "base_subtotal", "operator": ">=", "value": amount }]);
    combine(COMBINE, part)
}

/// An action condition that names products.
pub(crate) fn skus(list: &str) -> Value {
    let part = json!([{ "condition_type": PRODUCT, "attribute_name": "sku", "operator": "()", "value": list }]);
    combine(PRODUCT_COMBINE, part)
}

/// What Commerce says, with these rules; nothing of its catalogue.
pub(crate) fn said(rules: &[Value]) -> Commerce {
    let kept = json!({
        "learnt_at": Timestamp::now().as_millisecond(), "rules": rules, "unreadable": {},
        "websites": {"base": 1, "us": 2}, "store_views": {"de": 1, "us": 2},
        "customer_groups": {"0": "NOT LOGGED IN", "1": "General"}, "base_currency": "USD", "rates": {"EUR": "0.5"},
    });
    let book = book::Book::from_json(&kept, &config()).expect("a book");
    Commerce::new(Some(Arc::new(book)), None, Release::default())
}
