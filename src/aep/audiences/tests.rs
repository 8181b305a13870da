//! Adobe's audiences in all the forms that its own examples have.

use serde_json::json;

use super::*;
use crate::aep::mock::{Mock, answer, api, granted};

fn read(value: &Value) -> Audience {
    Audience::read(value).expect("an audience")
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().expect("a time"))
}

#[test]
fn reads_what_a_dashboard_shows_of_a_platform_audience() {
    let audience = read(&json!({
        "id": "a1", "audienceId": "a1", "name": "Ordered lately", "description": "In the last\n30 days",
        "type": "SegmentDefinition", "originName": "REAL_TIME_CUSTOMER_PROFILE", "namespace": "AEPSegments",
        "lifecycleState": "published", "sandbox": { "sandboxName": "prod", "default": true },
        "evaluationInfo": {
            "batch": { "enabled": false }, "continuous": { "enabled": true }, "synchronous": { "enabled": false },
        },
        "creationTime": 1_650_374_572_000_i64, "createEpoch": 1_650_374_572,
        "updateTime": 1_650_374_573_000_i64, "updateEpoch": 1_650_374_573,
    }));
    let expected = Audience {
        id: "a1".to_owned(),
        audience_id: "a1".to_owned(),
        name: "Ordered lately".to_owned(),
        description: Some("In the last 30 days".to_owned()),
        kind: Some("SegmentDefinition".to_owned()),
        origin: Origin(Some("REAL_TIME_CUSTOMER_PROFILE".to_owned())),
        namespace: Some("AEPSegments".to_owned()),
        lifecycle: Lifecycle::Published,
        evaluation: Evaluation::Streaming,
        created: at("2022-04-19T13:22:52Z"),
        updated: at("2022-04-19T13:22:53Z"),
        sandbox: Some("prod".to_owned()),
    };
    assert_eq!(audience, expected);
    assert_eq!(audience.membership_ids().collect::<Vec<_>>(), ["a1"]);
}

#[test]
fn an_external_audience_keeps_both_of_its_ids() {
    let audience = read(&json!({
        "id": "e1", "audienceId": "loyalty-gold", "name": "Gold", "namespace": "aam", "type": "ExternalSegment",
        "lifecycle": "published", "creationTime": 1_642_745_034_000_000_i64, "updateEpoch": 1_649_926_314,
    }));
    assert_eq!(audience.membership_ids().collect::<Vec<_>>(), ["e1", "loyalty-gold"]);
    assert_eq!(audience.namespace.as_deref(), Some("AAM"), "in whatever case");
    assert_eq!(audience.origin.to_string(), "Audience Manager", "by its namespace");
    assert_eq!(audience.evaluation, Evaluation::Unknown);
    assert_eq!((audience.created, audience.updated), (at("2022-01-21T06:03:54Z"), at("2022-04-14T08:51:54Z")));
}

#[test]
fn words_that_nobody_knows_are_kept() {
    let audience = read(&json!({
        "id": "a", "name": "A", "lifecycleState": "Frozen", "originName": "NEW_THING", "namespace": "Mine",
        "evaluationInfo": { "quantum": { "enabled": true } }, "updateTime": "2026-11-01T10:00:00Z",
    }));
    assert_eq!(audience.lifecycle, Lifecycle::Other("Frozen".to_owned()));
    assert_eq!(audience.lifecycle.as_str(), "Frozen");
    assert_eq!((audience.origin.to_string().as_str(), audience.namespace.as_deref()), ("NEW_THING", Some("Mine")));
    assert_eq!(audience.updated, at("2026-11-01T10:00:00Z"));
    assert_eq!(audience.audience_id, "a");
    let lifecycle = |word: &str| Lifecycle::of(Some(word.to_owned()));
    assert_eq!(
        ["DRAFT", "inactive", "archived", "active"].map(lifecycle),
        [Lifecycle::Draft, Lifecycle::Inactive, Lifecycle::Archived, Lifecycle::Published,]
    );
}

#[test]
fn of_several_evaluations_the_quickest_counts() {
    let enabled = |batch, continuous, synchronous| {
        let info = json!({ "batch": { "enabled": batch }, "continuous": { "enabled": continuous }, "synchronous": { "enabled": synchronous } });
        read(&json!({ "id": "a", "name": "A", "evaluationInfo": info })).evaluation.as_str()
    };
    assert_eq!(enabled(true, true, true), "edge");
    assert_eq!(enabled(true, true, false), "streaming");
    assert_eq!(enabled(true, false, false), "batch");
    assert_eq!(enabled(false, false, false), "");
}

#[test]
fn times_are_told_apart_by_their_size() {
    let second = at("2022-01-21T06:03:54Z");
    for value in
        [json!(1_642_745_034), json!(1_642_745_034_000_i64), json!(1_642_745_034_000_000_i64), json!("1642745034")]
    {
        assert_eq!(timestamp(&value), second, "{value}");
    }
    for value in [json!(0), json!(-1), json!("soon"), json!(null), json!(1.5), json!(u64::MAX), json!({})] {
        assert_eq!(timestamp(&value), None, "{value}");
    }
}

#[test]
fn what_has_neither_id_nor_name_is_no_audience() {
    for value in
        [json!({ "id": "a" }), json!({ "name": "A" }), json!({ "id": 1, "name": "A" }), json!("a"), json!(null)]
    {
        assert_eq!(Audience::read(&value), None, "{value}");
    }
}

#[tokio::test]
async fn asks_for_all_audiences_and_for_one() {
    let mock = Mock::start(|seen| {
        granted(seen).unwrap_or_else(|| match seen.head.uri.to_string().as_str() {
            "/data/core/ups/audiences?limit=100" => {
                answer(200, json!({ "children": [{ "id": "a", "name": "A" }, { "id": "b" }] }))
            }
            "/data/core/ups/audiences/a%2Fb%3F" => answer(200, json!({ "id": "a/b?", "name": "A" })),
            "/data/core/ups/audiences/other" => answer(200, json!({ "id": "a", "name": "A" })),
            "/data/core/ups/audiences/broken" => answer(500, ""),
            _ => answer(404, json!({ "title": "no such audience" })),
        })
    })
    .await;
    let api = api(&mock);
    let progress = std::sync::atomic::AtomicUsize::default();
    let listing = list(&api, &progress).await.expect("a list");
    assert_eq!((listing.items.len(), listing.odd), (1, 1));
    assert_eq!(get(&api, "a/b?").await.expect("an answer").expect("an audience").id, "a/b?");
    assert_eq!(get(&api, "gone").await.expect("an answer"), None);
    assert_eq!(get(&api, "other").await.expect_err("another's").as_str(), "malformed");
    assert_eq!(get(&api, "broken").await.expect_err("broken").as_str(), "server");
}
