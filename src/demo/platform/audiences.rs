//! `GET /data/core/ups/audiences`: the audiences, page by page.

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::ims;
use super::options::{Audience, Evaluation};
use super::refusal::{json_answer, platform_error};
use super::{Options, Platform};

/// How many come on a page of a request that does not say.
const PAGE: usize = 20;
/// More do not come on one.
const MOST_ON_PAGE: usize = 1000;

/// The parameters of a request, in order.
pub type Parameters = Query<Vec<(String, String)>>;

/// Answers with one page.
pub async fn list(State(platform): State<Platform>, headers: HeaderMap, Query(query): Parameters) -> Response {
    if let Some(refusal) = ims::refusal(&platform, &headers) {
        return refusal;
    }
    let number = |name: &str, default: usize| match value(&query, name) {
        None => Some(default),
        Some(text) => text.parse().ok(),
    };
    let (Some(start), Some(limit)) = (number("start", 0), number("limit", PAGE)) else {
        return platform_error("UPAPI-101100-400", "start and limit must be numbers");
    };
    let mut found: Vec<Audience> = platform.audiences().into_iter().filter(|one| wanted(one, &query)).collect();
    let by = value(&query, "sort").unwrap_or("updateTime:desc");
    let by = by.split_once(':').unwrap_or((by, "asc"));
    sort(&mut found, by);
    let mut body = page(&platform.options, &found, start, limit.clamp(1, MOST_ON_PAGE));
    body["_page"]["sortField"] = json!(by.0);
    body["_page"]["sort"] = json!(by.1);
    json_answer(StatusCode::OK, "application/json", &body)
}

fn value<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn wanted(audience: &Audience, query: &[(String, String)]) -> bool {
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    query.iter().all(|(key, value)| match key.as_str() {
        "name" => has(&audience.name, value),
        "description" => has(&audience.description, value),
        "property" => match value.split_once("==") {
            Some(("audienceId", id)) => audience.external_id.as_deref().unwrap_or(&audience.id) == id,
            Some(("id", id)) => audience.id == id,
            Some(("lifecycleState", state)) => audience.lifecycle.as_str() == state,
            _ => false,
        },
        "entityType" => value == "_xdm.context.profile",
        _ => true,
    })
}

fn sort(audiences: &mut [Audience], (field, order): (&str, &str)) {
    audiences.sort_by(|a, b| {
        let ordering = match field {
            "name" => a.name.cmp(&b.name),
            "createEpoch" | "creationTime" => a.created.cmp(&b.created),
            _ => a.updated.cmp(&b.updated),
        };
        if order == "desc" { ordering.reverse() } else { ordering }
    });
}

/// `start` counts pages, not audiences. The next page's number is a text on every other page, since Adobe's guide has it as a text
/// and Adobe's specification as a number.
fn page(options: &Options, found: &[Audience], start: usize, limit: usize) -> Value {
    let pages = found.len().div_ceil(limit);
    let children: Vec<Value> =
        found.iter().skip(start.saturating_mul(limit)).take(limit).map(|audience| item(options, audience)).collect();
    let mut page = json!({
        "totalCount": found.len(), "totalPages": pages, "pageSize": children.len(), "limit": limit, "start": start,
    });
    let mut links = json!({});
    if start + 1 < pages {
        let next = start + 1;
        page["next"] = if start.is_multiple_of(2) { json!(next.to_string()) } else { json!(next) };
        let href = format!("@/audiences?start={next}&limit={limit}&totalCount={}", found.len());
        links["next"] = json!({ "href": href });
    }
    json!({ "children": children, "_page": page, "_links": links })
}

fn item(options: &Options, audience: &Audience) -> Value {
    let is_external = audience.external_id.is_some();
    let mut item = json!({
        "id": audience.id,
        "audienceId": audience.external_id.as_ref().unwrap_or(&audience.id),
        "name": audience.name,
        "description": audience.description,
        "imsOrgId": options.org,
        "sandbox": {
            "sandboxId": "6ed34f6f-fe21-4a30-934f-6ffe21fa3075", "sandboxName": options.sandbox,
            "type": "production", "default": true,
        },
        "isSystem": false,
        "type": if is_external { "ExternalSegment" } else { "SegmentDefinition" },
        "originName": if is_external { "CUSTOM_UPLOAD" } else { "REAL_TIME_CUSTOMER_PROFILE" },
        "namespace": if is_external { "aam" } else { "AEPSegments" },
        "lifecycleState": audience.lifecycle.as_str(),
        "labels": ["core/C1"],
        "createdBy": "marketing@AdobeID",
        "createEpoch": audience.created,
        "updateEpoch": audience.updated,
        "updateTime": audience.updated * 1000,
        "_etag": format!("\"{:08x}-0000-0200-0000-{:08x}0000\"", audience.created, audience.updated),
    });
    let more = if is_external { external_fields(audience) } else { own_fields(audience) };
    if let (Value::Object(item), Value::Object(more)) = (&mut item, more) {
        item.extend(more);
    }
    item
}

/// An external audience's `creationTime` is in microseconds.
fn external_fields(audience: &Audience) -> Value {
    json!({
        "creationTime": audience.created * 1_000_000,
        "datasetId": "6254cf3c97f8e31b639fb14d",
        "ttlInDays": 30,
        "linkedAudienceRef": { "flowId": "4685ea90-d2b6-11ec-9d64-0242ac120002" },
    })
}

fn own_fields(audience: &Audience) -> Value {
    let is = |evaluation: Evaluation| json!({ "enabled": audience.evaluation == evaluation });
    json!({
        "creationTime": audience.created * 1000,
        "schema": { "name": "_xdm.context.profile" },
        "profileInstanceId": "ups",
        "expression": { "type": "PQL", "format": "pql/text", "value": "homeAddress.country.exists()" },
        "mergePolicyId": "ef006bbe-750e-4e81-85f0-0c6902192dcc",
        "evaluationInfo": {
            "batch": is(Evaluation::Batch), "continuous": is(Evaluation::Streaming), "synchronous": is(Evaluation::Edge),
        },
        "dataGovernancePolicy": { "excludeOptOut": true },
        "dependents": [],
        "definedOn": [{
            "meta:resourceType": "unions", "meta:containerId": "tenant",
            "$ref": "https://ns.adobe.com/xdm/context/profile__union",
        }],
        "dependencies": [],
        "overridePerformanceWarnings": false,
    })
}
