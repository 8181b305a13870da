//! Rules and sites for the tests of this room.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

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
