//! Which audiences are activated, in all the forms that flows have.

use serde_json::json;

use super::*;
use crate::aep::mock::{Mock, Seen, answer, api, granted};

const OURS: &str = "d1";

fn audience(id: &str, audience_id: &str, namespace: &str) -> Audience {
    let value = json!({ "id": id, "audienceId": audience_id, "name": id, "namespace": namespace });
    Audience::read(&value).expect("an audience")
}

fn platform_audience(id: &str) -> Audience {
    audience(id, id, "AEPSegments")
}

fn flow_to(targets: &[&str], selectors: Value) -> Value {
    json!({
        "id": format!("flow-to-{}", targets.concat()), "state": "enabled", "targetConnectionIds": targets,
        "inheritedAttributes": { "properties": { "isDestinationFlow": true } },
        "transformations": [{ "name": "x", "params": { "segmentSelectors": { "selectors": selectors } } }],
    })
}

fn selects(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "type": "PLATFORM_SEGMENT", "value": { "id": id } })).collect()
}

/// Two destinations, `d1` called "Luma Shop" and `d2` called "Mail", and these flows.
async fn platform(flows: Value) -> Mock {
    let targets =
        json!({ "items": [{ "id": OURS, "name": "Luma Shop" }, { "id": "d2", "name": "Mail", "state": "enabled" }] });
    Mock::start(move |seen: &Seen| {
        granted(seen).unwrap_or_else(|| match seen.path() {
            "/data/foundation/flowservice/targetConnections" => answer(200, &targets),
            "/data/foundation/flowservice/flows" => answer(200, &flows),
            _ => answer(404, ""),
        })
    })
    .await
}

async fn ask(mock: &Mock, configured: &[&str]) -> Activations {
    let configured: Vec<String> = configured.iter().map(|name| (*name).to_owned()).collect();
    activations(&api(mock), &configured).await.expect("an answer")
}

fn to(names: &[&str]) -> Activation {
    Activation::Yes(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn an_audience_is_activated_where_a_flow_to_a_configured_destination_selects_it() {
    let flows = json!({ "items": [flow_to(&[OURS], selects(&["a", "b"])), flow_to(&["d2"], selects(&["b", "c"]))] });
    let mock = platform(flows).await;
    for name in ["luma shop", OURS] {
        let found = ask(&mock, &[name]).await;
        let activation = |id| found.of_audience(&platform_audience(id));
        assert_eq!(
            [activation("a"), activation("b"), activation("c")],
            [to(&["Luma Shop"]), to(&["Luma Shop"]), Activation::No]
        );
    }
    let found = ask(&mock, &["Luma Shop", "MAIL"]).await;
    assert_eq!(found.of_audience(&platform_audience("b")), to(&["Luma Shop", "Mail"]));
    let query = mock.seen().into_iter().find(|seen| seen.path().ends_with("/flows")).expect("asked").query().to_owned();
    assert_eq!(query, "property=inheritedAttributes.properties.isDestinationFlow%3D%3Dtrue&limit=100");
}

#[tokio::test]
async fn without_a_configured_destination_nothing_is_guessed() {
    let mock = platform(json!({ "items": [flow_to(&[OURS], selects(&["a"]))] })).await;
    let found = ask(&mock, &[]).await;
    assert_eq!(found.of_audience(&platform_audience("a")), Activation::Unknown);
    let names: Vec<&str> = found.all.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["Luma Shop", "Mail"], "the operator can pick one");
    assert!(!mock.seen().iter().any(|seen| seen.path().ends_with("/flows")));
}

#[tokio::test]
async fn with_a_destination_that_does_not_exist_no_audience_counts_as_not_activated() {
    let mock = platform(json!({ "items": [flow_to(&[OURS], selects(&["a"]))] })).await;
    let found = ask(&mock, &["Luma Shop", "Lume Shop"]).await;
    assert_eq!(found.missing, ["Lume Shop"]);
    assert_eq!(found.of_audience(&platform_audience("a")), to(&["Luma Shop"]));
    assert_eq!(found.of_audience(&platform_audience("b")), Activation::Unknown);
}

#[tokio::test]
async fn flows_and_destinations_that_are_switched_off_activate_nothing() {
    let mut off = flow_to(&[OURS], selects(&["a"]));
    off["state"] = json!("disabled");
    let found = ask(&platform(json!({ "items": [off] })).await, &[OURS]).await;
    assert_eq!(found.of_audience(&platform_audience("a")), Activation::No);
    let mock = Mock::start(|seen| {
        granted(seen).unwrap_or_else(|| match seen.path().ends_with("/flows") {
            true => answer(200, json!({ "items": [flow_to(&[OURS], selects(&["a"]))] })),
            false => answer(200, json!({ "items": [{ "id": OURS, "name": "Luma Shop", "state": "disabled" }] })),
        })
    })
    .await;
    let found = ask(&mock, &[OURS]).await;
    assert!(found.ours[0].disabled);
    assert_eq!(found.of_audience(&platform_audience("a")), Activation::No);
}

#[tokio::test]
async fn an_external_audience_is_found_by_either_id_within_its_namespace() {
    let selectors = json!([
        { "type": "PLATFORM_SEGMENT", "value": { "id": "gold", "namespace": "aam", "systemSegmentId": "e1" } },
        { "type": "PLATFORM_SEGMENT", "value": { "id": "silver", "namespace": "CustomerAudienceUpload" } },
        { "type": "OTHER" },
    ]);
    let found = ask(&platform(json!({ "items": [flow_to(&[OURS], selectors)] })).await, &[OURS]).await;
    assert_eq!(found.of_audience(&audience("e1", "other", "AAM")), to(&["Luma Shop"]));
    assert_eq!(found.of_audience(&audience("e2", "gold", "AAM")), to(&["Luma Shop"]));
    assert_eq!(found.of_audience(&audience("e3", "silver", "AAM")), Activation::No, "another's silver");
}

#[tokio::test]
async fn flows_typed_as_one_single_item_and_those_that_inherit_their_target_are_understood() {
    let mut single = flow_to(&[], selects(&["a"]));
    single["inheritedAttributes"]["targetConnections"] = json!([{ "id": OURS }]);
    let found = ask(&platform(single).await, &[OURS]).await;
    assert_eq!(found.of_audience(&platform_audience("a")), to(&["Luma Shop"]));
}

#[tokio::test]
async fn further_pages_come_by_link_or_by_token() {
    for by_link in [true, false] {
        let mock = Mock::start(move |seen| {
            granted(seen).unwrap_or_else(|| {
                if !seen.path().ends_with("/flows") {
                    return answer(200, json!({ "items": [{ "id": OURS, "name": "Luma Shop" }] }));
                }
                if seen.query().contains("continuationToken=t%2F1") {
                    let mut second = flow_to(&[OURS], selects(&["b"]));
                    second["id"] = json!("second");
                    return answer(200, json!({ "items": [second] }));
                }
                let mut page = json!({ "items": [flow_to(&[OURS], selects(&["a"]))] });
                match by_link {
                    true => page["_links"] = json!({ "next": { "href": "/flows?limit=100&continuationToken=t%2F1" } }),
                    false => page["_page"] = json!({ "count": 1, "next": "t/1" }),
                }
                answer(200, page)
            })
        })
        .await;
        let found = ask(&mock, &[OURS]).await;
        assert_eq!(found.of_audience(&platform_audience("b")), to(&["Luma Shop"]), "by link: {by_link}");
        let seen = mock.seen();
        let last = seen.last().expect("requests").query();
        assert!(by_link || last.starts_with("property=inherited"), "the filter stays: {last}");
    }
}

#[tokio::test]
async fn a_missing_permission_is_told_apart() {
    let mock = Mock::start(|seen| granted(seen).unwrap_or_else(|| answer(403, ""))).await;
    let error = activations(&api(&mock), &[]).await.expect_err("refused");
    assert_eq!((error.as_str(), error.area), ("forbidden", Area::Destinations));
}
