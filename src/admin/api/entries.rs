//! Audiences, offers and blocks.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::problem::{Caller, Json, Path, Problem, Query, etag, must_match, tagged};
use super::{PATH, Part, must, part};
use crate::admin::answer::encoded;
use crate::admin::audiences::{Row, list_anew, rows};
use crate::admin::desk::{Desk, tidy};
use crate::admin::offers::{keep, remove_one};
use crate::admin::{Admin, entry_form, words};
use crate::seen::Subject;
use crate::store::{Entry, Kind, Role};

/// An entry with what is known beside it.
fn shown(admin: &Admin, desk: &Desk, entry: &Entry) -> Value {
    let shoppers = (entry.kind == Kind::Offer).then(|| {
        let (seen, id) = (admin.shoppers(), std::sync::Arc::<str>::from(entry.id.as_str()));
        let of = |subject| seen.of(&subject).day;
        json!({ "offered": of(Subject::Offered(std::sync::Arc::clone(&id))), "charged": of(Subject::Charged(id)) })
    });
    json!({
        "id": entry.id,
        "etag": etag(entry.version),
        "state": desk.standing(entry.kind, &entry.id, admin.today()).as_str(),
        "changed": desk.is_changed(entry.kind, &entry.id),
        "paused": entry.kind == Kind::Offer && admin.is_paused(&entry.id),
        "shoppers": shoppers,
        "changed_at": entry.changed_at.to_string(),
        "changed_by": entry.changed_by,
        "value": entry.value,
    })
}

/// `GET /api/v1/offers`, `GET /api/v1/blocks`
pub(super) async fn list(
    kind: Kind,
    State(admin): State<Admin>,
    _: Caller,
    Query(asked): Query<Part>,
) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let wanted = asked.q.to_lowercase();
    let found = desk.drafts(kind).filter(|entry| {
        let text = format!("{} {}", words::name(&entry.value), entry.id).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    });
    Ok(part(found.collect(), asked.limit, asked.offset, |entry| shown(&admin, &desk, entry)))
}

/// `GET /api/v1/offers/{id}`, `GET /api/v1/blocks/{id}`
pub(super) async fn one(
    kind: Kind,
    State(admin): State<Admin>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let entry = desk.draft(kind, &id).ok_or_else(Problem::not_found)?;
    Ok(tagged(StatusCode::OK, entry.version, shown(&admin, &desk, entry)))
}

/// `POST /api/v1/offers`, `POST /api/v1/blocks`
pub(super) async fn add(
    kind: Kind,
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(value): Json<Value>,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let value = prepared(&admin, kind, value, "").await?;
    write(&admin, &who, kind, &value, "", 0, StatusCode::CREATED).await
}

/// `PUT /api/v1/offers/{id}`, `PUT /api/v1/blocks/{id}`: changes, or with `If-None-Match: *` adds.
pub(super) async fn put(
    kind: Kind,
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(mut value): Json<Value>,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let desk = admin.desk().await?;
    let before = desk.draft(kind, &id);
    let is_new = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "*");
    match before {
        Some(before) if is_new => Err(Problem::changed(&etag(before.version))),
        Some(before) => {
            must_match(&headers, before.version)?;
            let value = prepared(&admin, kind, value, &id).await?;
            write(&admin, &who, kind, &value, &id, before.version, StatusCode::OK).await
        }
        None if is_new => {
            take_id(&mut value, &id)?;
            let value = prepared(&admin, kind, value, "").await?;
            write(&admin, &who, kind, &value, "", 0, StatusCode::CREATED).await
        }
        None => Err(Problem::not_found()),
    }
}

/// `DELETE /api/v1/offers/{id}`, `DELETE /api/v1/blocks/{id}`
pub(super) async fn delete(
    kind: Kind,
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let desk = admin.desk().await?;
    let entry = desk.draft(kind, &id).ok_or_else(Problem::not_found)?;
    must_match(&headers, entry.version)?;
    remove_one(&admin, &who, kind, &id, entry.version).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Gives what is added the id of its path, where it says none.
fn take_id(value: &mut Value, id: &str) -> Result<(), Problem> {
    let Value::Object(fields) = value else { return Err(Problem::field("", "is no JSON object")) };
    match *fields.entry("id").or_insert_with(|| json!(id)) == json!(id) {
        true => Ok(()),
        false => Err(Problem::field("id", "is not the one of the path")),
    }
}

/// An entry as it would be kept, or what is wrong with it.
async fn prepared(admin: &Admin, kind: Kind, value: Value, former: &str) -> Result<Value, Problem> {
    if !value.is_object() {
        return Err(Problem::field("", "is no JSON object"));
    }
    let desk = admin.desk().await?;
    let mut value = tidy(value);
    entry_form::give_id(&mut value, former, &desk, kind);
    let mut checked = desk.check(kind, &value, admin.sites());
    entry_form::check_id(&mut checked, &value, former, &desk, kind);
    if !checked.mistakes.is_empty() {
        return Err(Problem::unprocessable(checked.mistakes));
    }
    Ok(value)
}

async fn write(
    admin: &Admin,
    who: &crate::admin::sign_in::Signed,
    kind: Kind,
    value: &Value,
    former: &str,
    version: i64,
    status: StatusCode,
) -> Result<Response, Problem> {
    keep(admin, who, kind, value, former, version).await?;
    let id = value["id"].as_str().unwrap_or_default().trim();
    let desk = admin.desk().await?;
    let entry = desk.draft(kind, id).ok_or_else(Problem::not_found)?;
    let mut response = tagged(status, entry.version, shown(admin, &desk, entry));
    if former != id
        && let Ok(place) = HeaderValue::try_from(format!("{PATH}/{}/{}", kind.list(), encoded(id)))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn audience_shown(desk: &Desk, row: &Row<'_>) -> Value {
    let ids = |entries: &[&Entry]| entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
    let own = desk.draft(Kind::Audience, row.id).filter(|_| row.known.is_none());
    json!({
        "id": row.id,
        "name": row.name,
        "origin": row.origin(),
        "evaluation": row.known.map(|_| row.evaluation()),
        "status": row.known.map(|_| row.status()),
        "last_modified": row.modified().map(|at| at.to_string()),
        "shoppers": { "hour": row.shoppers.hour, "day": row.shoppers.day },
        "offers": ids(&row.offers),
        "blocks": ids(&row.blocks),
        "warnings": row.warnings(),
        "etag": own.map(|entry| etag(entry.version)),
    })
}

/// `GET /api/v1/audiences`
pub(super) async fn audiences(
    State(admin): State<Admin>,
    _: Caller,
    Query(asked): Query<Part>,
) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let snapshot = admin.snapshot(&admin.store().await?).await?;
    let wanted = asked.q.to_lowercase();
    let mut found = rows(&desk, snapshot.as_ref(), &admin.shoppers());
    found.retain(|row| {
        let text = format!("{} {}", row.name, row.id).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    });
    Ok(part(found, asked.limit, asked.offset, |row| audience_shown(&desk, row)))
}

/// `GET /api/v1/audiences/{id}`
pub(super) async fn audience(
    State(admin): State<Admin>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let desk = admin.desk().await?;
    let snapshot = admin.snapshot(&admin.store().await?).await?;
    let found = rows(&desk, snapshot.as_ref(), &admin.shoppers());
    let row = found.iter().find(|row| row.id == id).ok_or_else(Problem::not_found)?;
    let shown = audience_shown(&desk, row);
    Ok(match desk.draft(Kind::Audience, &id).filter(|_| row.known.is_none()) {
        Some(own) => tagged(StatusCode::OK, own.version, shown),
        None => Json(shown).into_response(),
    })
}

/// `PUT /api/v1/audiences/{id}`: adds or renames one that Experience Platform does not have.
pub(super) async fn put_audience(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(mut value): Json<Value>,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let desk = admin.desk().await?;
    if desk.inventory.contains_key(&id) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "Experience Platform has this audience: it is changed there, and listed here at the next sync.",
        ));
    }
    take_id(&mut value, &id)?;
    let checked = desk.check(Kind::Audience, &value, admin.sites());
    if !checked.mistakes.is_empty() {
        return Err(Problem::unprocessable(checked.mistakes));
    }
    let (former, version, status) = match desk.draft(Kind::Audience, &id) {
        Some(before) => {
            must_match(&headers, before.version)?;
            (id.as_str(), before.version, StatusCode::OK)
        }
        None => ("", 0, StatusCode::CREATED),
    };
    let version = keep(&admin, &who, Kind::Audience, &value, former, version).await?;
    let desk = admin.desk().await?;
    let found = rows(&desk, None, &admin.shoppers());
    let row = found.iter().find(|row| row.id == id).ok_or_else(Problem::not_found)?;
    Ok(tagged(status, version, audience_shown(&desk, row)))
}

/// `DELETE /api/v1/audiences/{id}`
pub(super) async fn delete_audience(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let desk = admin.desk().await?;
    let entry = desk.draft(Kind::Audience, &id).ok_or_else(Problem::not_found)?;
    must_match(&headers, entry.version)?;
    remove_one(&admin, &who, Kind::Audience, &id, entry.version).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/v1/audiences/sync`
pub(super) async fn sync(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    let (listed, changes) = list_anew(&admin, &who).await?;
    Ok(Json(json!({ "listed": listed, "changes": changes })).into_response())
}
