//! `GET /data/foundation/flowservice/flows` and `/targetConnections`: which audiences are activated for which destination.

use axum::extract::{Query, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::audiences::Parameters;
use super::ims;
use super::options::{Audience, Destination};
use super::refusal::{json_answer, platform_error};
use super::{Options, Platform};

/// Adobe gives no more at once, and as many to a request that does not say.
const MOST_ON_PAGE: usize = 100;

/// The kind of destination that gives memberships to pages.
const PERSONALIZATION: &str = "3f2c6d1e-84a7-4b90-b6e5-90c1d72f8a43";

/// Answers with flows.
pub async fn flows(State(platform): State<Platform>, headers: HeaderMap, query: Parameters) -> Response {
    list(&platform, &headers, query, "/flows", |options| {
        let audiences = platform.audiences();
        let own = destinations(options).map(|destination| flow(options, destination, &audiences));
        own.chain([ingestion(options)]).collect()
    })
}

/// Answers with target connections.
pub async fn connections(State(platform): State<Platform>, headers: HeaderMap, query: Parameters) -> Response {
    list(&platform, &headers, query, "/targetConnections", |options| {
        destinations(options).map(|destination| connection(options, destination)).collect()
    })
}

fn list(
    platform: &Platform,
    headers: &HeaderMap,
    Query(query): Parameters,
    path: &str,
    items: impl FnOnce(&Options) -> Vec<Value>,
) -> Response {
    if let Some(refusal) = ims::refusal(platform, headers) {
        return refusal;
    }
    let values = |name: &'static str| query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str());
    let limit = values("limit").next().map_or(Some(MOST_ON_PAGE), |text| text.parse().ok());
    let start = values("continuationToken").next().map_or(Some(0), read_token);
    let (Some(limit @ 1..=MOST_ON_PAGE), Some(start)) = (limit, start) else {
        return platform_error("FLOW-1300-400", "limit or continuationToken is not valid");
    };
    let wanted = |item: &Value| values("property").all(|property| is_so(item, property));
    let found: Vec<Value> = items(&platform.options).into_iter().filter(wanted).collect();
    let mut body = json!({ "items": found.iter().skip(start).take(limit).collect::<Vec<_>>() });
    if values("count").any(|value| value == "true") {
        body["_page"] = json!({ "count": found.len() });
    }
    if start + limit < found.len() {
        let token = URL_SAFE_NO_PAD.encode(format!("offset:{}", start + limit));
        body["_links"] = json!({ "next": { "href": format!("{path}?limit={limit}&continuationToken={token}") } });
    }
    json_answer(StatusCode::OK, "application/json", &body)
}

fn read_token(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("offset:")?.parse().ok()
}

/// Whether `a.b[].c==x,y` holds: one of the values there is one of these.
fn is_so(item: &Value, property: &str) -> bool {
    let Some((path, wanted)) = property.split_once("==") else { return false };
    let found = path.split('.').fold(vec![item], |values, key| {
        let (key, is_list) = key.strip_suffix("[]").map_or((key, false), |key| (key, true));
        let inner = values.into_iter().filter_map(|value| value.get(key));
        if is_list { inner.filter_map(Value::as_array).flatten().collect() } else { inner.collect() }
    });
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    found.into_iter().any(|value| wanted.split(',').any(|wanted| wanted == text(value)))
}

/// Every destination once, though several datastreams may have it.
fn destinations(options: &Options) -> impl Iterator<Item = &Destination> {
    let all = options.datastreams.iter().flat_map(|datastream| &datastream.destinations);
    let mut seen = Vec::new();
    all.filter(move |destination| {
        let is_new = !seen.contains(&&destination.id);
        seen.push(&destination.id);
        is_new
    })
}

fn connection(options: &Options, destination: &Destination) -> Value {
    let mut item = entity(options, &destination.id, &destination.name);
    let base = derived(&destination.id, "base");
    merge(
        &mut item,
        json!({
            "state": "enabled",
            "baseConnectionId": base,
            "connectionSpec": { "id": PERSONALIZATION, "version": "1.0" },
            "params": { "integrationAlias": destination.alias },
            "inheritedAttributes": { "baseConnection": {
                "id": base, "connectionSpec": { "id": PERSONALIZATION, "version": "1.0" } } },
        }),
    );
    item
}

fn flow(options: &Options, destination: &Destination, audiences: &[Audience]) -> Value {
    let mut item = entity(options, &derived(&destination.id, "flow"), &destination.name);
    let source = derived(&destination.id, "source");
    let base = derived(&destination.id, "base");
    let selectors: Vec<Value> = destination.audiences.iter().map(|id| selector(id, audiences)).collect();
    merge(
        &mut item,
        json!({
            "state": if destination.enabled { "enabled" } else { "disabled" },
            "flowSpec": { "id": "b1e8d0f6-3a59-47c2-8d74-e6f01a25c938", "version": "1.0" },
            "sourceConnectionIds": [source],
            "targetConnectionIds": [destination.id],
            "inheritedAttributes": {
                "properties": { "isDestinationFlow": true },
                "sourceConnections": [{
                    "id": source, "connectionSpec": { "id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0" },
                    "typeInfo": { "type": "ProfileFragments", "id": "ups" },
                }],
                "targetConnections": [{
                    "id": destination.id, "connectionSpec": { "id": PERSONALIZATION, "version": "1.0" },
                    "baseConnection": { "id": base, "connectionSpec": { "id": PERSONALIZATION, "version": "1.0" } },
                }],
            },
            "transformations": [{
                "name": "GeneralTransform",
                "params": { "segmentSelectors": { "selectors": selectors } },
            }],
        }),
    );
    item
}

fn selector(id: &str, audiences: &[Audience]) -> Value {
    let audience = audiences.iter().find(|audience| audience.id == id);
    json!({ "type": "PLATFORM_SEGMENT", "value": {
        "id": id,
        "name": audience.map_or("", |audience| &*audience.name),
        "description": audience.map_or("", |audience| &*audience.description),
        "createTime": audience.map_or(0, |audience| audience.created).to_string(),
        "updateTime": audience.map_or(0, |audience| audience.updated).to_string(),
    } })
}

/// A flow that brings data in and has to do with no destination.
fn ingestion(options: &Options) -> Value {
    let mut item = entity(options, "e7d34b19-60fa-4c85-92d1-3b08f5a6c717", "Orders of the shop");
    merge(
        &mut item,
        json!({
            "state": "enabled",
            "flowSpec": { "id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0" },
            "sourceConnectionIds": ["1c9e5f40-27d8-4ab3-b6f1-80d2e7c34a95"],
            "targetConnectionIds": ["5f80a2d7-c3e4-4916-87b0-d41f6e29b3a8"],
            "inheritedAttributes": { "properties": {} },
            "transformations": [],
        }),
    );
    item
}

/// What all entities of the service have.
fn entity(options: &Options, id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "createdAt": 1_767_225_600_000_u64,
        "updatedAt": 1_793_491_200_000_u64,
        "createdBy": "marketing@AdobeID",
        "updatedBy": "marketing@AdobeID",
        "createdClient": "exc_app",
        "updatedClient": "exc_app",
        "sandboxId": "6ed34f6f-fe21-4a30-934f-6ffe21fa3075",
        "sandboxName": options.sandbox,
        "imsOrgId": options.org,
        "name": name,
        "description": name,
        "version": "\"04001b6d-0000-0200-0000-62d9a2ec0000\"",
        "etag": "\"04001b6d-0000-0200-0000-62d9a2ec0000\"",
    })
}

fn merge(item: &mut Value, more: Value) {
    if let (Value::Object(item), Value::Object(more)) = (item, more) {
        item.extend(more);
    }
}

/// An id that is always the same for a destination.
fn derived(id: &str, what: &str) -> String {
    let digest = Sha256::digest(format!("{what}:{id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
