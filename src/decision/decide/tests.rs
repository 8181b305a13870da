use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::decision::samples::{audiences, block, now, offer, rules, sites};
use crate::decision::verdict::{Outcome, RuleId, Verdict};
use crate::page::{ProductFacts, ProductId};

fn compile(offers: Value, blocks: Value) -> Rules {
    Rules::compile(rules(offers, blocks), &sites())
}

fn offer_ids(decision: &Decision) -> Vec<&str> {
    decision.offers().map(|offer| &*offer.id).collect()
}

fn decide(rules: &Rules, view: usize, held: &[&str], now: Timestamp) -> Decision {
    rules.decide(&rules.key(&sites().views()[view], &audiences(held), now))
}

fn page(kind: PageKind, products: usize) -> PageFacts {
    let product = |id| ProductFacts::simple(ProductId(id), None, 10.into());
    PageFacts { kind, currencies: vec!["EUR".to_owned()], products: (1..).take(products).map(product).collect() }
}

#[test]
fn all_three_audience_lists_must_hold() {
    let test = json!({"audiences": {"any": ["vip", "new"], "all": ["trade"], "none": ["new"]}});
    let rules = compile(json!([offer("a", test)]), json!([]));
    let gets = |held: &[&str]| !decide(&rules, 0, held, now()).is_empty();
    assert!(gets(&["vip", "trade"]));
    assert!(gets(&["vip", "trade", "someone"]));
    assert!(!gets(&["vip"]));
    assert!(!gets(&["trade"]));
    assert!(!gets(&["vip", "trade", "new"]));
    assert!(!gets(&[]));
}

#[test]
fn no_audience_named_is_everyone() {
    let rules = compile(json!([offer("a", json!({}))]), json!([]));
    assert_eq!(offer_ids(&decide(&rules, 0, &[], now())), ["a"]);
}

#[test]
fn an_audience_that_does_not_exist_never_widens_a_rule() {
    for (test, vip_gets, ghost_gets) in [
        (json!({"any": ["ghost", "vip"]}), true, false),
        (json!({"any": ["ghost"]}), false, false),
        (json!({"all": ["ghost", "vip"]}), false, false),
        (json!({"none": ["ghost"]}), false, false),
        (json!({"any": ["vip"], "none": ["ghost"]}), false, false),
    ] {
        let rules = compile(json!([offer("a", json!({"audiences": test}))]), json!([]));
        assert_eq!(!decide(&rules, 0, &["vip"], now()).is_empty(), vip_gets, "{test}");
        assert_eq!(!decide(&rules, 0, &["ghost"], now()).is_empty(), ghost_gets, "{test}");
        assert!(decide(&rules, 0, &[], now()).is_empty(), "{test}");
        assert_eq!(rules.could_change(&sites().views()[0], now()), vip_gets, "{test}");
        assert!(!rules.named_audiences().contains("ghost"));
    }
}

#[test]
fn websites_and_store_views_both_limit() {
    let rules = compile(
        json!([
            offer("base", json!({"websites": ["base"]})),
            offer("us", json!({"store_views": ["us"]})),
            offer("neither", json!({"websites": ["base"], "store_views": ["us"]})),
        ]),
        json!([]),
    );
    assert_eq!(offer_ids(&decide(&rules, 0, &[], now())), ["base"]);
    assert_eq!(offer_ids(&decide(&rules, 1, &[], now())), ["us"]);
}

#[test]
fn an_unknown_store_view_gets_nothing() {
    let rules = compile(json!([offer("a", json!({}))]), json!([]));
    let mut view = (*sites().views()[0]).clone();
    view.code = "other".into();
    assert!(rules.decide(&rules.key(&view, &audiences(&[]), now())).is_empty());
    assert!(!rules.could_change(&view, now()));
}

#[test]
fn a_key_of_other_rules_gets_nothing() {
    let old = compile(json!([offer("a", json!({}))]), json!([]));
    let new = compile(json!([offer("b", json!({}))]), json!([]));
    let key = old.key(&sites().views()[0], &audiences(&[]), now());
    assert!(new.decide(&key).is_empty());
}

#[test]
fn days_begin_and_end_in_the_time_zone_of_the_store_view() {
    let rules = compile(json!([offer("a", json!({"from": "2026-11-27", "to": "2026-11-27"}))]), json!([]));
    let gets = |view, moment: &str| !decide(&rules, view, &[], moment.parse().expect("a moment")).is_empty();
    assert!(!gets(0, "2026-11-26T22:59:59Z") && gets(0, "2026-11-26T23:00:00Z"));
    assert!(gets(0, "2026-11-27T22:59:59Z") && !gets(0, "2026-11-27T23:00:00Z"));
    assert!(!gets(1, "2026-11-27T04:59:59Z") && gets(1, "2026-11-27T05:00:00Z"));
    assert!(gets(1, "2026-11-28T04:59:59Z") && !gets(1, "2026-11-28T05:00:00Z"));
}

#[test]
fn what_has_nothing_to_show_on_a_store_view_is_no_candidate() {
    let label_only = json!({"charge": "none", "labels": {"us": "x"}});
    let rules = compile(json!([offer("a", label_only)]), json!([block("b", json!({"html": {"us": "<p>x</p>"}}))]));
    assert!(decide(&rules, 0, &[], now()).is_empty());
    assert!(!rules.could_change(&sites().views()[0], now()));
    assert_eq!(decide(&rules, 1, &[], now()).blocks().len(), 1);
}

#[test]
fn only_pages_that_somebody_could_see_changed_are_said_to_change() {
    let dated =
        json!({"from": "2026-11-27", "page_kinds": ["category"], "urls": ["/gear*"], "audiences": {"any": ["vip"]}});
    let rules = compile(json!([]), json!([block("a", dated)]));
    let sites = sites();
    let view = &sites.views()[0];
    let later: Timestamp = "2026-11-28T12:00:00Z".parse().expect("a moment");
    let could = |now, path, kind| rules.could_change_page(view, now, path, &page(kind, 1));
    assert!(!rules.could_change(view, now()) && rules.could_change(view, later));
    assert!(could(later, "/gear/bags.html", PageKind::Category));
    assert!(!could(later, "/gear/bags.html", PageKind::Product));
    assert!(!could(later, "/women.html", PageKind::Category));
    assert!(!could(now(), "/gear/bags.html", PageKind::Category));

    let rules = compile(json!([offer("a", json!({}))]), json!([]));
    assert!(rules.could_change_page(view, now(), "/", &page(PageKind::Home, 1)));
    assert!(!rules.could_change_page(view, now(), "/", &page(PageKind::Home, 0)));
}

#[test]
fn explains_every_reason() {
    let rules = compile(
        json!([
            offer("candidate", json!({"priority": 0})),
            offer("website", json!({"priority": 1, "websites": ["us"]})),
            offer("view", json!({"priority": 2, "store_views": ["us"]})),
            offer("later", json!({"priority": 3, "from": "2026-11-23"})),
            offer("over", json!({"priority": 4, "to": "2026-11-21"})),
            offer("held", json!({"priority": 5, "audiences": {"any": ["new", "trade"]}})),
            offer("missing", json!({"priority": 6, "audiences": {"all": ["vip", "new"]}})),
            offer("excluded", json!({"priority": 7, "audiences": {"none": ["vip"]}})),
            offer("ghost", json!({"priority": 8, "audiences": {"any": ["ghost"]}})),
        ]),
        json!([block("html", json!({"html": {"us": "<p>x</p>"}}))]),
    );
    let verdicts = rules.explain(&sites().views()[0], &audiences(&["vip"]), now());
    let words: Vec<&str> = verdicts.iter().map(|verdict| verdict.outcome.as_str()).collect();
    assert_eq!(
        words,
        [
            "candidate",
            "website",
            "store_view",
            "not_yet",
            "over",
            "audience_not_held",
            "audience_missing",
            "audience_excluded",
            "audience_unknown",
            "no_html",
        ]
    );
}

const AUDIENCES: [&str; 5] = ["vip", "new", "trade", "ghost", "unnamed"];

fn held() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(AUDIENCES.to_vec(), 0..=AUDIENCES.len())
}

fn test() -> impl Strategy<Value = Value> {
    let list = || proptest::sample::subsequence(AUDIENCES[..4].to_vec(), 0..=2);
    (list(), list(), list()).prop_map(|(any, all, none)| json!({"any": any, "all": all, "none": none}))
}

fn fields() -> impl Strategy<Value = Value> {
    let day = || proptest::option::of((1_i32..28).prop_map(|day| format!("2026-11-{day:02}")));
    (test(), day(), day(), 0..3, proptest::sample::subsequence(vec!["de", "us"], 0..=2)).prop_map(
        |(audiences, from, to, priority, views)| {
            let to = to.map(|to| from.clone().map_or(to.clone(), |from| to.max(from)));
            json!({"audiences": audiences, "from": from, "to": to, "priority": priority, "store_views": views})
        },
    )
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (1_793_400_000_i64..1_796_100_000).prop_map(|second| Timestamp::from_second(second).expect("in range"))
}

/// The ids that `explain` calls candidates.
fn candidates(verdicts: &[Verdict]) -> Vec<RuleId> {
    let found = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Candidate);
    found.map(|verdict| verdict.rule.clone()).collect()
}

proptest! {
    #[test]
    fn keys_are_canonical(all in proptest::collection::vec(fields(), 1..8), held in held(), now in moment()) {
        let offers: Vec<Value> = (0..).zip(all).map(|(id, fields): (u32, _)| offer(&id.to_string(), fields)).collect();
        let rules = compile(json!(offers), json!([]));
        let sites = sites();
        let view = &sites.views()[0];
        let key = rules.key(view, &audiences(&held), now);
        let named: Vec<&str> = held.iter().copied().filter(|id| rules.named_audiences().contains(*id)).collect();
        prop_assert_eq!(&key, &rules.key(view, &audiences(&named), now));
        let mut more = held;
        more.reverse();
        more.push("somebody-else");
        prop_assert_eq!(&key, &rules.key(view, &audiences(&more), now));
        prop_assert_ne!(&key, &rules.key(&sites.views()[1], &audiences(&named), now));
    }

    #[test]
    fn decides_the_same_in_whatever_order_the_file_is(
        all in proptest::collection::vec(fields(), 1..8), held in held(), now in moment(),
    ) {
        let mut offers: Vec<Value> = (0..).zip(&all).map(|(id, fields): (u32, _)| offer(&id.to_string(), fields.clone())).collect();
        let mut blocks: Vec<Value> = (0..).zip(&all).map(|(id, fields): (u32, _)| block(&id.to_string(), fields.clone())).collect();
        let one = compile(json!(offers), json!(blocks));
        offers.reverse();
        blocks.reverse();
        let other = compile(json!(offers), json!(blocks));
        prop_assert_eq!(one.revision(), other.revision());
        let decision = decide(&one, 0, &held, now);
        prop_assert_eq!(&decision, &decide(&other, 0, &held, now));
        prop_assert!(decision.offers().is_sorted_by_key(|offer| (offer.priority, offer.id.to_string())));
    }

    #[test]
    fn decides_what_explain_says_and_only_where_something_could_change(
        all in proptest::collection::vec(fields(), 1..8), held in held(), now in moment(), view in 0_usize..2,
    ) {
        let offers: Vec<Value> = (0..).zip(&all).map(|(id, fields): (u32, _)| offer(&id.to_string(), fields.clone())).collect();
        let blocks: Vec<Value> = (0..).zip(&all).map(|(id, fields): (u32, _)| block(&id.to_string(), fields.clone())).collect();
        let rules = compile(json!(offers), json!(blocks));
        let decision = decide(&rules, view, &held, now);
        let sites = sites();
        let explained = rules.explain(&sites.views()[view], &audiences(&held), now);
        let offers = decision.offers().map(|offer| RuleId::Offer(offer.id.clone()));
        let decided: Vec<RuleId> = offers.chain(decision.blocks().map(|block| RuleId::Block(block.id.clone()))).collect();
        prop_assert_eq!(&decided, &candidates(&explained));
        prop_assert!(decided.is_empty() || rules.could_change(&sites.views()[view], now));
        let home = page(PageKind::Home, 1);
        prop_assert!(decided.is_empty() || rules.could_change_page(&sites.views()[view], now, "/", &home));
    }
}

#[test]
fn a_decisions_fingerprint_is_made_once() {
    let rules = compile(json!([offer("a", json!({}))]), json!([]));
    let decision = decide(&rules, 0, &[], now());
    assert_eq!(decision.fingerprint(|| "first".to_owned()), "first");
    assert_eq!(decision.fingerprint(|| panic!("every page would pay for it")), "first");
}
