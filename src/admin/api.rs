//! `/api/v1`: what the UI does, for programs with tokens. Its contract is `openapi.json` beside it, which it serves.
//!
//! No cookie opens it, so that no page of somebody else's can use it through a browser.

mod access;
mod commerce;
mod entries;
mod previews;
mod problem;
mod publishing;
mod rules;
mod settings;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Admin;
use super::sign_in::Signed;
use crate::store::{DeedFilter, Kind, Role};
use problem::{Caller, Json, Problem, Query};

const DOCUMENT: &str = include_str!("api/openapi.json");
const RULES_SCHEMA: &str = include_str!("../rule/schema.json");

/// Where it is.
pub(super) const PATH: &str = "/api/v1";

/// Items of a list, where it is not said how many.
const SOME: usize = 100;

/// Items of a list at most.
const MOST: usize = 1000;

pub(super) fn router() -> Router<Admin> {
    let mut router = Router::new()
        .route("/openapi.json", get(document))
        .route("/status", get(status))
        .route("/audiences", get(entries::audiences))
        .route("/audiences/sync", post(entries::sync))
        .route("/audiences/{id}", get(entries::audience).put(entries::put_audience).delete(entries::delete_audience))
        .route("/draft", get(publishing::draft))
        .route("/draft/discard", post(publishing::discard))
        .route("/previews", post(previews::open))
        .route("/draft/try", post(rules::try_drafts))
        .route("/rules", get(rules::list).post(rules::add))
        .route("/rules/{id}", get(rules::one).put(rules::put))
        .route("/commerce/blocks", get(commerce::blocks))
        .route("/commerce/blocks/import", post(commerce::import))
        .route("/schedule", get(publishing::scheduled).delete(publishing::unschedule))
        .route("/revisions", get(publishing::revisions).post(publishing::publish))
        .route("/revisions/{number}", get(publishing::revision))
        .route("/revisions/{number}/roll-back", post(publishing::roll_back))
        .route("/settings", get(settings::show))
        .route("/settings/{what}/test", post(settings::test))
        .route("/audit", get(audit))
        .route("/people", get(access::people).post(access::add_person))
        .route("/people/{name}", put(access::change_person).delete(access::delete_person))
        .route("/tokens", get(access::tokens).post(access::add_token))
        .route("/tokens/{id}", delete(access::delete_token));
    for kind in [Kind::Offer, Kind::Block] {
        let list = format!("/{}", kind.list());
        router = router
            .route(
                &list,
                get(move |admin, caller, query| entries::list(kind, admin, caller, query))
                    .post(move |admin, caller, body| entries::add(kind, admin, caller, body)),
            )
            .route(
                &format!("{list}/{{id}}"),
                get(move |admin, caller, id| entries::one(kind, admin, caller, id))
                    .put(move |admin, caller, id, headers, body| entries::put(kind, admin, caller, id, headers, body))
                    .delete(move |admin, caller, id, headers| entries::delete(kind, admin, caller, id, headers)),
            );
    }
    router
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "There is no such resource.") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This resource has no such method: see openapi.json.")
        })
}

/// The OpenAPI document, in which offers, blocks and audiences are those of the rules file's schema.
static OPENAPI: LazyLock<String> = LazyLock::new(|| {
    let own_places = |text: &str| text.replace("#/$defs/", "#/components/schemas/");
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("the program's own JSON");
    let (mut document, rules) = (read(DOCUMENT), read(&own_places(RULES_SCHEMA)));
    if let Value::Object(definitions) = &rules["$defs"] {
        for (name, definition) in definitions {
            document["components"]["schemas"][name] = definition.clone();
        }
    }
    document.to_string()
});

/// `GET /api/v1/openapi.json`
async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.as_str()).into_response()
}

/// Which part of a list is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    /// What its items must hold.
    #[serde(default)]
    q: String,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

/// A part of a list.
fn part<T>(all: Vec<T>, limit: Option<usize>, offset: usize, show: impl Fn(&T) -> Value) -> Response {
    let limit = limit.unwrap_or(SOME).min(MOST);
    let items: Vec<Value> = all.iter().skip(offset).take(limit).map(show).collect();
    Json(json!({ "items": items, "total": all.len(), "offset": offset, "limit": limit })).into_response()
}

/// `GET /api/v1/status`
async fn status(State(admin): State<Admin>, _: Caller) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let body = json!({
        "revision": desk.state.revision,
        "changes": desk.state.changes,
        "pending": desk.pending(),
        "rules_file": admin.rules_file().map(|file| file.display().to_string()),
        "audiences": desk.audiences().len(),
        "offers": desk.count(Kind::Offer),
        "blocks": desk.count(Kind::Block),
        "version": env!("CARGO_PKG_VERSION"),
    });
    Ok(Json(body).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditPart {
    #[serde(default)]
    q: String,
    #[serde(default)]
    who: String,
    #[serde(default)]
    action: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: Option<usize>,
    #[serde(default)]
    offset: u32,
}

/// `GET /api/v1/audit`
async fn audit(State(admin): State<Admin>, _: Caller, Query(asked): Query<AuditPart>) -> Result<Response, Problem> {
    let AuditPart { q, who, action, since, until, limit, offset } = asked;
    let limit = limit.unwrap_or(SOME).min(MOST);
    let filter = DeedFilter { who, action, text: q, since, until };
    let (deeds, total) = admin.store().await?.deeds(&filter, offset, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let items: Vec<Value> = deeds
        .iter()
        .map(|deed| {
            json!({
                "number": deed.number, "at": deed.at.to_string(), "who": deed.who, "action": deed.action,
                "subject": deed.subject, "detail": deed.detail,
            })
        })
        .collect();
    Ok(Json(json!({ "items": items, "total": total, "offset": offset, "limit": limit })).into_response())
}

/// An error where somebody may not do what a role may.
fn must(who: &Signed, role: Role) -> Result<(), Problem> {
    who.must(role).map_err(Problem::from)
}
