use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::page::{PageKind, ProductId};
use crate::rule::{Action, Anchor, Charge, Offer, Placement, Products, Rotation, SCHEMA};
use crate::site::StoreView;

fn sites() -> Sites {
    let view = |code: &str| {
        Arc::new(StoreView {
            code: code.into(),
            website: "base".into(),
            base_currency: "USD".to_owned(),
            currency: "USD".to_owned(),
            tax: crate::site::Tax::default(),
            display: crate::site::Display::default(),
            locale: "en_US".to_owned(),
            time_zone: TimeZone::UTC,
            hosts: Vec::new(),
            path_prefix: None,
        })
    };
    let views = vec![view("en"), view("german")];
    let default = Arc::clone(&views[0]);
    Sites::new(views, default)
}

fn parse(file: &Value) -> Result<(Ruleset, Vec<String>), Vec<String>> {
    let lines = |mistakes: Vec<Mistake>| mistakes.iter().map(Mistake::to_string).collect();
    match Ruleset::parse("r", file.to_string().as_bytes(), &sites()) {
        Ok((ruleset, warnings)) => Ok((ruleset, lines(warnings))),
        Err(mistakes) => Err(lines(mistakes)),
    }
}

/// A file in which every key occurs.
fn full() -> Value {
    json!({
        "$schema": "rules.schema.json",
        "version": 1,
        "audiences": [
            {"id": "vip", "name": "VIP", "origin": "Experience Platform"},
            {"id": "8f2a6c1e-0000-4000-8000-000000000001", "name": "New \u{e9}"},
        ],
        "offers": [
            {
                "id": "a", "name": "A", "audiences": {"any": ["vip"], "all": [], "none": ["8f2a6c1e-0000-4000-8000-000000000001"]},
                "websites": ["base"], "store_views": ["en", "german"], "from": "2026-11-27", "to": "2026-11-27",
                "priority": -3, "stop": true, "action": "by_percent", "amount": 12.5, "products": {"skus": ["MH-01", "wb-02"]}, "floor": "9.90",
                "labels": {"default": "12.5 % off", "german": "12,5 % weniger"}, "charge": {"type": "origin", "rule_id": 7},
            },
            {"id": "b", "name": "B", "action": "to_fixed", "amount": "0.0500", "products": {"ids": [3, 4]}, "charge": {"type": "none"}, "labels": "x"},
            {"id": "c", "name": "C", "action": "by_fixed", "amount": 5, "products": "all", "charge": "none", "labels": "x"},
        ],
        "blocks": [
            {
                "id": "a", "name": "A", "placement": {"replace": "#hero"}, "page_kinds": ["home", "not-found"], "urls": ["/gear/*", "*"],
                "priority": 1, "rotation": "random", "trusted": true, "html": {"default": "<p>a</p>", "en": "<p id=\"x\">b</p>"},
            },
            {"id": "b", "name": "B", "placement": {"before": "[data-content-type=banner]"}, "html": "<p>"},
            {"id": "c", "name": "C", "placement": {"after": "#x"}, "html": "<p>", "rotation": null},
            {"id": "d", "name": "D", "placement": "commerce-block:MQ==", "html": "<p>"},
        ],
    })
}

#[test]
fn reads_every_key() {
    let (ruleset, warnings) = parse(&full()).expect("no mistake");
    assert_eq!(warnings, Vec::<String>::new());
    let offer: &Offer = &ruleset.offers[0];
    assert_eq!((&*offer.id, offer.priority, offer.stop), ("a", -3, true));
    assert_eq!((offer.action, offer.amount), (Action::ByPercent, "12.5".parse().expect("a decimal")));
    assert_eq!((offer.floor, ruleset.offers[1].floor), (Some("9.9".parse().expect("a decimal")), None));
    assert_eq!(offer.days, Days { from: Some(date(2026, 11, 27)), to: Some(date(2026, 11, 27)) });
    assert_eq!(offer.products, Products::Skus(["mh-01".to_owned(), "wb-02".to_owned()].into()));
    assert_eq!(offer.labels.of("german").map(|label| &**label), Some("12,5 % weniger"));
    assert_eq!(offer.labels.of("en").map(|label| &**label), Some("12.5 % off"));
    assert_eq!(offer.charge, Charge::Origin { rule_id: 7 });
    assert_eq!(ruleset.offers[1].amount.to_string(), "0.05");
    assert_eq!(ruleset.offers[1].products, Products::Ids([ProductId(3), ProductId(4)].into()));
    let block = ruleset.blocks.iter().find(|block| &*block.id == "a").expect("block a");
    assert_eq!(block.placement, Placement::Replace(Anchor::Id("hero".to_owned())));
    assert_eq!(block.page_kinds, [PageKind::Home, PageKind::NotFound].into());
    assert_eq!(block.rotation, Rotation::Random);
    assert!(block.html.of("en").expect("HTML for en").is_trusted());
}

/// The full file with one value changed or, by `null` at a required place, taken away.
fn with(pointer: &str, value: Value) -> Value {
    let mut file = full();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = file.pointer_mut(parent).expect("a place in the sample");
    match parent {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        other => other[key] = value,
    }
    file
}

/// Changes, the mistake that each makes, and whether a schema can express it.
fn wrong() -> Vec<(&'static str, Value, &'static str, bool)> {
    vec![
        ("/version", json!(2), "r: /version: must be 1, the only version there is", true),
        ("/version", json!(null), "r: /version: is missing", true),
        ("/offer", json!([]), "r: /offer: is not known (did you mean offers?)", true),
        ("/offers", json!({}), "r: /offers: must be a list, not an object", true),
        ("/offers/1", json!(7), "r: /offers/1: must be an object, not a number", true),
        (
            "/audiences/0/id",
            json!("a,b"),
            "r: /audiences/0/id: must not hold a comma: membership lists are separated by commas",
            true,
        ),
        ("/audiences/1/id", json!("vip"), "r: /audiences/1: has the id \"vip\" of /audiences/0", false),
        ("/audiences/0/nmae", json!("x"), "r: /audiences/0/nmae: is not known (did you mean name?)", true),
        ("/offers/1/id", json!("a"), "r: /offers/1: has the id \"a\" of /offers/0", false),
        ("/blocks/3/id", json!(" a"), "r: /blocks/3: has the id \"a\" of /blocks/0", false),
        ("/offers/0/id", json!(" "), "r: /offers/0/id: must not be empty", true),
        (
            "/offers/0/name",
            json!("a\nb"),
            "r: /offers/0/name: must not hold line breaks, tabs or other control characters",
            true,
        ),
        ("/offers/0/amount", json!(0), "r: /offers/0/amount: must be above 0", true),
        ("/offers/2/amount", json!("0.00"), "r: /offers/2/amount: must be above 0", true),
        ("/offers/1/amount", json!(-1), "r: /offers/1/amount: must not be below 0", true),
        ("/offers/1/amount", json!("-1"), "r: /offers/1/amount: must not be below 0", true),
        ("/offers/0/amount", json!(100.5), "r: /offers/0/amount: must be at most 100 percent", true),
        (
            "/offers/0/amount",
            json!(0.00001),
            "r: /offers/0/amount: must have at most 4 decimals, as Commerce keeps them",
            false,
        ),
        ("/offers/2/amount", json!(1e12), "r: /offers/2/amount: must be at most 1000000000", true),
        ("/offers/2/amount", json!("1e2"), "r: /offers/2/amount: must be a number such as 12.5, not \"1e2\"", true),
        ("/offers/2/amount", json!("1_0"), "r: /offers/2/amount: must be a number such as 12.5, not \"1_0\"", true),
        ("/offers/2/amount", json!("5."), "r: /offers/2/amount: must be a number such as 12.5, not \"5.\"", true),
        (
            "/offers/2/amount",
            json!("99999999999999999999999999999999"),
            "r: /offers/2/amount: must be a number such as 12.5, not \"99999999999999999999999999999999\"",
            false,
        ),
        (
            "/offers/0/floor",
            json!(0),
            "r: /offers/0/floor: must be above 0 and at most 1000000000; without a floor, leave it out",
            true,
        ),
        (
            "/offers/0/floor",
            json!("-1"),
            "r: /offers/0/floor: must be above 0 and at most 1000000000; without a floor, leave it out",
            true,
        ),
        (
            "/offers/0/floor",
            json!(1e10),
            "r: /offers/0/floor: must be above 0 and at most 1000000000; without a floor, leave it out",
            true,
        ),
        ("/offers/0/floor", json!("x"), "r: /offers/0/floor: must be a number such as 12.5, not \"x\"", true),
        ("/offers/2/amount", json!(true), "r: /offers/2/amount: must be a number, or a string that holds one", true),
        ("/offers/0/amount", json!(null), "r: /offers/0/amount: is missing", true),
        (
            "/offers/0/action",
            json!("percent"),
            "r: /offers/0/action: must be one of by_percent, by_fixed, to_percent, to_fixed, not \"percent\"",
            true,
        ),
        ("/offers/0/stop", json!("yes"), "r: /offers/0/stop: must be true or false, not a string", true),
        (
            "/offers/0/from",
            json!("2026-02-30"),
            "r: /offers/0/from: must be a day such as 2026-11-27, not \"2026-02-30\"",
            false,
        ),
        (
            "/offers/0/from",
            json!("20261127"),
            "r: /offers/0/from: must be a day such as 2026-11-27, not \"20261127\"",
            true,
        ),
        ("/offers/0/to", json!("2026-11-26"), "r: /offers/0/to: must not be before from, 2026-11-27", false),
        ("/offers/0/priority", json!(1.5), "r: /offers/0/priority: must be a whole number, not a number", true),
        (
            "/offers/0/websites",
            json!(["bse"]),
            "r: /offers/0/websites/0: \"bse\" is not a website (did you mean base?)",
            false,
        ),
        (
            "/offers/0/store_views",
            json!(["germn"]),
            "r: /offers/0/store_views/0: \"germn\" is not a store view (did you mean german?)",
            false,
        ),
        (
            "/offers/0/labels/germn",
            json!("x"),
            "r: /offers/0/labels/germn: names neither a store view nor the default (did you mean german?)",
            false,
        ),
        ("/offers/0/labels/en", json!(7), "r: /offers/0/labels/en: must be a string, not a number", true),
        (
            "/offers/0/audiences",
            json!({"some": []}),
            "r: /offers/0/audiences/some: is not known (did you mean none?)",
            true,
        ),
        ("/offers/0/audiences/any", json!("vip"), "r: /offers/0/audiences/any: must be a list, not a string", true),
        ("/offers/0/products", json!("none"), "r: /offers/0/products: must be one of all, not \"none\"", true),
        ("/offers/0/products", json!({}), "r: /offers/0/products: must be \"all\", or have either ids or skus", true),
        (
            "/offers/0/products",
            json!({"ids": [1], "skus": ["a"]}),
            "r: /offers/0/products: must be \"all\", or have either ids or skus",
            true,
        ),
        (
            "/offers/0/products",
            json!({"skus": []}),
            "r: /offers/0/products/skus: must name a product; for every product write \"products\": \"all\"",
            true,
        ),
        (
            "/offers/1/products/ids/0",
            json!(0),
            "r: /offers/1/products/ids/0: must be from 1 to 9223372036854775807, not 0",
            true,
        ),
        ("/offers/0/charge", json!(null), "r: /offers/0/charge: is missing", true),
        (
            "/offers/0/charge",
            json!("coupon"),
            "r: /offers/0/charge: must name the Commerce rule: {\"type\": \"coupon\", \"rule_id\": 7}",
            true,
        ),
        ("/offers/0/charge", json!({"type": "coupon", "code": "X"}), "r: /offers/0/charge/rule_id: is missing", true),
        (
            "/offers/0/charge",
            json!({"type": "coupon", "rule_id": 7, "code": ""}),
            "r: /offers/0/charge/code: must not be empty",
            true,
        ),
        (
            "/offers/0/charge",
            json!("origin"),
            "r: /offers/0/charge: must name the Commerce rule: {\"type\": \"origin\", \"rule_id\": 7}",
            true,
        ),
        ("/offers/0/charge", json!({"type": "origin"}), "r: /offers/0/charge/rule_id: is missing", true),
        (
            "/offers/0/charge/rule_id",
            json!(0),
            "r: /offers/0/charge/rule_id: must be from 1 to 4294967295, not 0",
            true,
        ),
        (
            "/blocks/0/placement",
            json!("hero"),
            "r: /blocks/0/placement: must be page-top, content-top, content-bottom, sidebar, footer, commerce-block:UID, or replace, before or after with #id or [data-content-type=TYPE], not \"hero\"",
            true,
        ),
        (
            "/blocks/0/placement",
            json!({"replace": "#a", "after": "#b"}),
            "r: /blocks/0/placement: must have one of replace, before and after",
            true,
        ),
        (
            "/blocks/0/placement",
            json!({"replace": ".a"}),
            "r: /blocks/0/placement/replace: must be #id or [data-content-type=TYPE], not \".a\"",
            true,
        ),
        (
            "/blocks/0/page_kinds/0",
            json!("hom"),
            "r: /blocks/0/page_kinds/0: must be one of home, category, search, product, cart, checkout, account, wishlist, compare, cms, not-found, other, not \"hom\"",
            true,
        ),
        (
            "/blocks/0/urls/0",
            json!("gear"),
            "r: /blocks/0/urls/0: must be a path pattern that begins with / or *, without query, such as /gear/*, not \"gear\"",
            true,
        ),
        (
            "/blocks/0/rotation",
            json!("some"),
            "r: /blocks/0/rotation: must be one of all, first, random, not \"some\"",
            true,
        ),
        ("/blocks/0/html", json!({}), "r: /blocks/0/html: must have a text for the default or for a store view", true),
        ("/blocks/0/html", json!("  "), "r: /blocks/0/html: must not be empty", true),
        (
            "/blocks/0/html/en",
            json!("<script>1</script>"),
            "r: /blocks/0/html/en: cannot be trusted: <script> is not allowed",
            false,
        ),
        (
            "/blocks/0/html/en",
            json!("<p onclick='x'>a</p>"),
            "r: /blocks/0/html/en: cannot be trusted: the attribute onclick of <p> is not allowed",
            false,
        ),
        (
            "/blocks/1/html",
            json!("<img src=\"{{media url=a.png}}\">"),
            "r: /blocks/1/html: holds {{media url=a.png}}, which only Magento can resolve: write what it stands for",
            false,
        ),
        ("/blocks/1/trusted", json!("yes"), "r: /blocks/1/trusted: must be true or false, not a string", true),
    ]
}

#[test]
fn names_each_mistake_with_its_place() {
    for (pointer, value, mistake, _) in wrong() {
        assert_eq!(parse(&with(pointer, value)).expect_err(mistake), [mistake], "{pointer}");
    }
}

#[test]
fn reports_all_mistakes_together() {
    let mut file = with("/offers/0/amount", json!(0));
    file["blocks"][0]["rotation"] = json!("x");
    file["blocks"][2]["rotaton"] = json!("first");
    let mistakes = parse(&file).expect_err("three mistakes");
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
}

#[test]
fn names_line_and_column_of_what_is_not_json() {
    let mistakes = Ruleset::parse("r.json", b"{\"version\": 1,\n  \"offers\": [}", &sites()).expect_err("not JSON");
    assert_eq!(mistakes.len(), 1);
    let line = mistakes[0].to_string();
    assert!(line.starts_with("r.json: is not valid JSON:") && line.contains("line 2 column 14"), "{line}");
    for json in [&b""[..], b"\xff\xfe", b"[]", b"7", b"{\"version\":1,\"version\":1}"] {
        assert!(Ruleset::parse("r.json", json, &sites()).is_err());
    }
}

#[test]
fn warns_of_what_is_hardly_meant() {
    let (_, warnings) = parse(&with("/offers/0/audiences/any", json!(["vp"]))).expect("no mistake");
    assert_eq!(
        warnings,
        ["r: /offers/0/audiences/any/0: names no audience of this file, so nobody is in it (did you mean vip?)"]
    );
    let (_, warnings) = parse(&with("/offers/1/charge", json!({"type": "origin", "rule_id": 7}))).expect("no mistake");
    assert_eq!(
        warnings,
        ["r: /offers/1/charge/rule_id: is also charged by offer \"a\": a shopper who gets both is promised it twice"]
    );
    let (_, warnings) = parse(&with("/offers/2/labels", json!(null))).expect("no mistake");
    assert_eq!(warnings, ["r: /offers/2: is never shown: it is not charged and has no labels"]);
}

#[test]
fn an_empty_file_has_no_rules() {
    let (ruleset, warnings) = parse(&json!({"version": 1})).expect("no mistake");
    assert!(ruleset.offers.is_empty() && ruleset.blocks.is_empty() && warnings.is_empty());
}

#[test]
fn the_revision_tells_contents_apart_and_nothing_else() {
    let revision = |file: &Value| parse(file).expect("no mistake").0.revision;
    let mut turned = full();
    for list in ["audiences", "offers", "blocks"] {
        turned[list].as_array_mut().expect("a list").reverse();
    }
    assert_eq!(revision(&full()), revision(&turned));
    assert_eq!(revision(&full()), revision(&with("/offers/0/amount", json!("12.50"))));
    for (pointer, value) in [
        ("/offers/0/amount", json!(12.6)),
        ("/offers/0/floor", json!(9.5)),
        ("/offers/0/labels/german", json!("x")),
        ("/blocks/0/html/en", json!("<b>b</b>")),
        ("/blocks/0/trusted", json!(false)),
        ("/blocks/0/urls", json!(["/"])),
        ("/audiences/1/id", json!("other")),
    ] {
        assert_ne!(revision(&full()), revision(&with(pointer, value)), "{pointer}");
    }
    let (ruleset, _) = parse(&full()).expect("no mistake");
    let html = ruleset.blocks[0].html.of("en").expect("HTML");
    html.shown();
    let again = Ruleset::new(
        ruleset.audiences.clone(),
        ruleset.offers.iter().map(|offer| (**offer).clone()).collect(),
        ruleset.blocks.iter().map(|block| (**block).clone()).collect(),
    );
    assert_eq!(again.revision, ruleset.revision, "showing a block changes no revision");
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

#[test]
fn the_schema_agrees_with_the_reader() {
    assert!(jsonschema::meta::is_valid(&schema()));
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&full()).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    for (pointer, value, mistake, by_schema) in wrong() {
        // A file that leaves out a key and one that sets it to null are the same to the reader.
        let mut file = with(pointer, value.clone());
        if value.is_null() {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            file.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(key);
        }
        assert_eq!(!validator.is_valid(&file), by_schema, "{mistake}");
    }
}

/// Every key that the reader asks for, taken from its source, stands in the schema.
#[test]
fn the_schema_has_every_key_of_the_reader() {
    let schema = schema().to_string();
    let mut keys = 0;
    for source in [include_str!("../parse.rs"), include_str!("offer.rs"), include_str!("block.rs")] {
        let source = source.split("mod tests").next().expect("code before tests");
        for call in ["optional(\"", "required(\"", "ids(\"", "anchor(\""] {
            for key in source.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(schema.contains(&format!("\"{key}\":")), "{key}");
                keys += 1;
            }
        }
    }
    assert!(keys >= 30, "only {keys} keys found");
}

proptest! {
    #[test]
    fn never_panics_on_any_json(text in "[\\[\\]{}:,\"a-z0-9 .-]{0,60}") {
        let file = format!("{{\"version\":1,\"offers\":[{text}],\"blocks\":[{text}]}}");
        let _ = Ruleset::parse("r", text.as_bytes(), &sites());
        let _ = Ruleset::parse("r", file.as_bytes(), &sites());
    }

    #[test]
    fn amounts_are_exact(cents in 1_u32..1_000_000) {
        let text = format!("{}.{:02}", cents / 100, cents % 100);
        let number: Value = serde_json::from_str(&text).expect("a number");
        let (ruleset, _) = parse(&with("/offers/2/amount", number)).expect("no mistake");
        let offer = ruleset.offers.iter().find(|offer| &*offer.id == "c").expect("offer c");
        prop_assert_eq!(offer.amount, rust_decimal::Decimal::new(i64::from(cents), 2));
    }
}
