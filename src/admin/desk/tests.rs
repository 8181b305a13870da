use jiff::Timestamp;

use super::*;

const VIP: &str = "6f1d0c6e";

fn entry(kind: Kind, value: Value) -> Entry {
    let id = value["id"].as_str().expect("an id").to_owned();
    Entry { kind, id, value, version: 1, changed_at: Timestamp::UNIX_EPOCH, changed_by: "ada".to_owned() }
}

fn offer() -> Value {
    json!({
        "id": "vip", "name": "VIP", "audiences": { "any": [VIP] }, "store_views": ["default"], "action": "by_percent", "amount": 20,
        "labels": { "default": "VIP price" }, "charge": { "type": "origin", "rule_id": 1 },
    })
}

fn names() -> Names {
    Names::from([(VIP.to_owned(), "VIP shoppers".to_owned()), ("b2".to_owned(), "Wholesale".to_owned())])
}

fn desk(draft: Value, live: &Value) -> Desk {
    Desk::new(RuleState::default(), vec![entry(Kind::Offer, draft)], &json!({ "offers": [live] }), names())
}

fn words(new: Value) -> Vec<String> {
    match desk(new, &offer()).differences().remove(0).what {
        What::Changed(words) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn differences_are_said_as_a_merchandiser_would() {
    assert_eq!(desk(offer(), &offer()).differences(), []);
    let mut new = offer();
    new["store_views"] = json!(["default", "de"]);
    new["amount"] = json!("25");
    new["labels"]["de"] = json!("VIP-Preis");
    new["audiences"] = json!({ "any": ["b2"], "none": [VIP] });
    new["to"] = json!("2026-12-24");
    new["stop"] = json!(true);
    assert_eq!(
        words(new),
        [
            "25 % off instead of 20 % off",
            "now also for Wholesale",
            "no longer for VIP shoppers",
            "now also but not for VIP shoppers",
            "label for de: “VIP-Preis”",
            "now stops further offers",
            "now also for store view de",
            "until 2026-12-24",
        ]
    );
    let mut everywhere = offer();
    everywhere.as_object_mut().expect("an object").remove("store_views");
    everywhere["charge"] = json!("none");
    assert_eq!(
        words(everywhere),
        ["charged by nobody: label only instead of rule 1, by audience", "now for every store view"]
    );
}

#[test]
fn what_is_new_and_what_is_gone_is_named() {
    let mut other = offer();
    (other["id"], other["name"]) = (json!("new"), json!("New"));
    let found = desk(other, &offer()).differences();
    let said: Vec<_> = found.iter().map(|it| (it.name.as_str(), matches!(it.what, What::Removed))).collect();
    assert_eq!(said, [("New", false), ("VIP", true)]);
    let What::Added(lines) = &found[0].what else { panic!("{found:?}") };
    assert_eq!(lines[..3], ["20 % off on all products", "charged by rule 1, by audience", "for VIP shoppers"]);
}

#[test]
fn an_audience_of_the_inventory_is_no_difference_and_is_published() {
    let desk = desk(offer(), &offer());
    assert_eq!(desk.document()["audiences"].as_array().map(Vec::len), Some(2));
    let live = desk.document();
    let desk = Desk::new(RuleState::default(), vec![entry(Kind::Offer, offer())], &live, Names::new());
    assert_eq!(desk.differences(), []);
    let mut mixed = live.clone();
    mixed["audiences"].as_array_mut().expect("a list").push(json!({ "id": "hand", "name": "By hand" }));
    assert_eq!(own(&mixed, &names())["audiences"], json!([{ "id": "hand", "name": "By hand" }]));
}

#[test]
fn an_entry_stands_as_its_days_say() {
    let day = |text: &str| text.parse::<Date>().expect("a day");
    let mut live = offer();
    (live["from"], live["to"]) = (json!("2026-11-01"), json!("2026-11-30"));
    let desk = desk(offer(), &live);
    let stands = |on: &str| desk.standing(Kind::Offer, "vip", day(on));
    assert_eq!(stands("2026-10-31"), Standing::Scheduled);
    assert_eq!(stands("2026-11-01"), Standing::Live);
    assert_eq!(stands("2026-11-30"), Standing::Live);
    assert_eq!(stands("2026-12-01"), Standing::Ended);
    assert_eq!(desk.standing(Kind::Offer, "other", day("2026-11-01")), Standing::Draft);
    assert!(desk.is_changed(Kind::Offer, "vip") && !desk.is_changed(Kind::Block, "vip"));
}

#[test]
fn what_says_nothing_is_left_out() {
    let value = json!({ "id": "a", "floor": "", "websites": [], "audiences": { "any": [], "all": null }, "stop": false, "n": 0 });
    assert_eq!(tidy(value), json!({ "id": "a", "stop": false, "n": 0 }));
}
