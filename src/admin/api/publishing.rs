//! The difference between what is worked on and what is live, publishing, and revisions.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Caller, Json, Path, Problem, Query, must_match, tagged};
use super::{MOST, PATH, SOME, must};
use crate::admin::Admin;
use crate::admin::desk::What;
use crate::admin::publish::{Published, discard_drafts, editable, look_over, publish_at, roll_back_to};
use crate::store::{Revision, Role};

/// `GET /api/v1/draft`
pub(super) async fn draft(State(admin): State<Admin>, _: Caller) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let found = look_over(&admin, &desk).await?;
    let differences: Vec<Value> = desk
        .differences()
        .into_iter()
        .map(|difference| {
            let (what, lines) = match difference.what {
                What::Added(lines) => ("added", lines),
                What::Removed => ("removed", Vec::new()),
                What::Changed(lines) => ("changed", lines),
            };
            json!({
                "kind": difference.kind.as_str(), "id": difference.id, "name": difference.name, "what": what,
                "lines": lines,
            })
        })
        .collect();
    let words = |found: &[(String, String)]| -> Vec<Value> {
        found.iter().map(|(about, message)| json!({ "about": about, "message": message })).collect()
    };
    let body = json!({
        "revision": desk.state.revision, "differences": differences, "mistakes": words(&found.mistakes),
        "warnings": words(&found.warnings),
    });
    Ok(tagged(StatusCode::OK, desk.state.changes, body))
}

/// `POST /api/v1/draft/discard`
pub(super) async fn discard(
    State(admin): State<Admin>,
    Caller(who): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    editable(&admin, &who)?;
    let desk = admin.desk().await?;
    must_match(&headers, desk.state.changes)?;
    discard_drafts(&admin, &who, Some(desk.state.changes)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /api/v1/schedule`
pub(super) async fn scheduled(State(admin): State<Admin>, _: Caller) -> Result<Response, Problem> {
    let plan = admin.store().await?.scheduled().await?.ok_or_else(Problem::not_found)?;
    let body = json!({ "at": plan.at.to_string(), "by": plan.who, "note": plan.note });
    Ok(Json(body).into_response())
}

/// `DELETE /api/v1/schedule`
pub(super) async fn unschedule(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    editable(&admin, &who)?;
    match admin.store().await?.unschedule(who.doing("rules.unschedule", "", "")).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Problem::not_found()),
    }
}

fn shown(revision: &Revision) -> Value {
    json!({
        "number": revision.number, "note": revision.note, "published_at": revision.published_at.to_string(),
        "published_by": revision.published_by, "again": revision.again,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionPart {
    below: Option<i64>,
    limit: Option<usize>,
}

/// `GET /api/v1/revisions`
pub(super) async fn revisions(
    State(admin): State<Admin>,
    _: Caller,
    Query(RevisionPart { below, limit }): Query<RevisionPart>,
) -> Result<Response, Problem> {
    let limit = u32::try_from(limit.unwrap_or(SOME).min(MOST)).unwrap_or(u32::MAX);
    let revisions = admin.store().await?.revisions(below, limit).await?;
    Ok(Json(json!({ "items": revisions.iter().map(shown).collect::<Vec<_>>() })).into_response())
}

/// `GET /api/v1/revisions/{number}`
pub(super) async fn revision(
    State(admin): State<Admin>,
    _: Caller,
    Path(number): Path<i64>,
) -> Result<Response, Problem> {
    let store = admin.store().await?;
    let above = store.revisions(number.checked_add(1), 1).await?;
    let revision = above.first().filter(|revision| revision.number == number).ok_or_else(Problem::not_found)?;
    let text = store.revision_rules(number).await?.ok_or_else(Problem::not_found)?;
    let mut body = shown(revision);
    body["rules"] = serde_json::from_str(&text)
        .map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok(Json(body).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    note: String,
    at: Option<Timestamp>,
}

/// `POST /api/v1/revisions`: publishes what is worked on.
pub(super) async fn publish(
    State(admin): State<Admin>,
    Caller(who): Caller,
    headers: HeaderMap,
    Json(Wish { note, at }): Json<Wish>,
) -> Result<Response, Problem> {
    editable(&admin, &who)?;
    let seen = admin.desk().await?.state.changes;
    must_match(&headers, seen)?;
    Ok(match publish_at(&admin, &who, seen, &note, at).await? {
        Published::Live(number) => published(number),
        Published::Later(at) => (StatusCode::ACCEPTED, Json(json!({ "at": at.to_string() }))).into_response(),
    })
}

fn published(number: i64) -> Response {
    let mut response = (StatusCode::CREATED, Json(json!({ "number": number }))).into_response();
    if let Ok(place) = HeaderValue::try_from(format!("{PATH}/revisions/{number}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// `POST /api/v1/revisions/{number}/roll-back`
pub(super) async fn roll_back(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(number): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    must(&who, Role::Publisher)?;
    let desk = admin.desk().await?;
    must_match(&headers, desk.state.changes)?;
    Ok(published(roll_back_to(&admin, &who, number, &desk).await?))
}
