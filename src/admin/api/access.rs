//! People and tokens.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::must;
use super::problem::{Caller, Json, Path, Problem};
use crate::admin::Admin;
use crate::admin::people::{add, alter, conflict, make_token};
use crate::store::{Role, Token};

fn role(word: &str) -> Result<Role, Problem> {
    Role::of(word).ok_or_else(|| Problem::field("role", "is none of viewer, editor, publisher and admin"))
}

/// `GET /api/v1/people`
pub(super) async fn people(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    let people = admin.store().await?.people().await?;
    let items: Vec<Value> = people
        .iter()
        .map(|person| {
            json!({ "name": person.name, "role": person.role.as_str(), "created_at": person.created_at.to_string() })
        })
        .collect();
    Ok(Json(json!({ "items": items })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    name: String,
    role: String,
    password: String,
}

/// `POST /api/v1/people`
pub(super) async fn add_person(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(new): Json<NewPerson>,
) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    let role = role(&new.role)?;
    match add(&admin, &who, new.name.trim(), role, &new.password).await? {
        Ok(name) => {
            let body = json!({ "name": name, "role": role.as_str() });
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        Err(words) => Err(Problem::field("", words)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherPerson {
    role: String,
    password: Option<String>,
}

/// `PUT /api/v1/people/{name}`
pub(super) async fn change_person(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(name): Path<String>,
    Json(other): Json<OtherPerson>,
) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    admin.store().await?.person(&name).await?.ok_or_else(Problem::not_found)?;
    let role = role(&other.role)?;
    match alter(&admin, &who, &name, role, other.password.as_deref()).await? {
        Ok(()) => Ok(Json(json!({ "name": name, "role": role.as_str() })).into_response()),
        Err(words) => Err(Problem::field("", words)),
    }
}

/// `DELETE /api/v1/people/{name}`
pub(super) async fn delete_person(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    let store = admin.store().await?;
    store.person(&name).await?.ok_or_else(Problem::not_found)?;
    let done = store.delete_person(&name, who.doing("person.delete", &name, "")).await?;
    match conflict(done, &name) {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(words) => Err(Problem::new(StatusCode::CONFLICT, words)),
    }
}

fn shown(token: &Token) -> Value {
    json!({
        "id": token.id, "name": token.name, "role": token.role.as_str(), "created_by": token.created_by,
        "created_at": token.created_at.to_string(), "expires_at": token.expires_at.map(|at| at.to_string()),
        "used_at": token.used_at.map(|at| at.to_string()),
    })
}

/// `GET /api/v1/tokens`
pub(super) async fn tokens(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    let tokens = admin.store().await?.tokens().await?;
    Ok(Json(json!({ "items": tokens.iter().map(shown).collect::<Vec<_>>() })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: String,
    expires_at: Option<Timestamp>,
}

/// `POST /api/v1/tokens`
pub(super) async fn add_token(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(new): Json<NewToken>,
) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    match make_token(&admin, &who, &new.name, role(&new.role)?, new.expires_at).await? {
        Ok((token, secret)) => {
            let mut body = shown(&token);
            body["token"] = json!(secret);
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        Err(words) => Err(Problem::field("", words)),
    }
}

/// `DELETE /api/v1/tokens/{id}`
pub(super) async fn delete_token(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    must(&who, Role::Admin)?;
    match admin.store().await?.delete_token(&id, who.doing("token.delete", &id, "")).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Problem::not_found()),
    }
}
