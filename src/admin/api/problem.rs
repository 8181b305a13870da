//! What programs send, and what they are told where that does not do (RFC 9457).

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answer::Refused;
use crate::admin::sign_in::{self, Signed};
use crate::store::StoreError;

/// How often it is noted at most that a token was used, in seconds.
const TOUCH: i64 = 60;

/// An error as programs read it.
#[derive(Debug)]
pub(in crate::admin) struct Problem {
    status: StatusCode,
    title: String,
    detail: String,
    /// Fields, and what is the matter with each.
    errors: Vec<(String, String)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { status, title, detail: detail.into(), errors: Vec::new() }
    }

    /// What was sent can be read, and will not do.
    pub(super) fn unprocessable(errors: Vec<(String, String)>) -> Self {
        let detail = "Nothing was changed. See errors for what is the matter with each field.";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// One field will not do.
    pub(super) fn field(name: &str, words: impl Into<String>) -> Self {
        Self::unprocessable(vec![(name.to_owned(), words.into())])
    }

    /// It was changed since it was read.
    pub(super) fn changed(now: &str) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            format!(
                "It is not as If-Match says any more; its ETag is {now} now. Read it anew and make your change again."
            ),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no such thing; it may have been deleted or renamed.")
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        if let Refused::SignIn(_) = refused {
            let detail = "Send a token as `Authorization: Bearer TOKEN`; the page People of the admin UI makes them.";
            return Self::new(StatusCode::UNAUTHORIZED, detail);
        }
        let (title, detail) = refused.words();
        Self { status: refused.status(), title: title.to_owned(), detail, errors: Vec::new() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Refused::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank", "title": self.title, "status": self.status.as_u16(), "detail": self.detail,
        });
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|(field, message)| json!({ "field": field, "message": message }));
            body["errors"] = errors.collect();
        }
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A program with a token.
#[derive(Debug)]
pub(in crate::admin) struct Caller(pub(super) Signed);

impl FromRequestParts<Admin> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Problem> {
        let nobody = || Problem::from(Refused::SignIn(String::new()));
        let value =
            parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(nobody)?;
        let (scheme, token) = value.split_once(' ').ok_or_else(nobody)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(nobody());
        }
        let (store, digest) = (admin.store().await?, sign_in::digest(token.trim()));
        let token = store.token(&digest).await?.ok_or_else(nobody)?;
        let now = Timestamp::now().as_second();
        if token.used_at.is_none_or(|used| now - used.as_second() >= TOUCH) {
            store.touch_token(&digest).await?;
        }
        Ok(Self(Signed::program(&token)))
    }
}

/// JSON, read and written.
#[derive(Debug)]
pub(in crate::admin) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Admin> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, admin).await;
        body.map(|axum::Json(value)| Self(value)).map_err(|error| {
            // What is JSON and does not fit is told as what fits and will not do.
            let status = match error.status() {
                StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => StatusCode::BAD_REQUEST,
                status => status,
            };
            Problem::new(status, error.body_text())
        })
    }
}

impl IntoResponse for Json<Value> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}

/// A query.
#[derive(Debug)]
pub(in crate::admin) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Admin> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, admin).await;
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
    }
}

/// A part of the path.
#[derive(Debug)]
pub(in crate::admin) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Admin> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, admin).await;
        // What cannot be such a name or number is the name or number of nothing.
        path.map(|axum::extract::Path(path)| Self(path)).map_err(|_| Problem::not_found())
    }
}

/// An entity tag.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// An answer with a version as its entity tag.
pub(super) fn tagged(status: StatusCode, version: i64, body: Value) -> Response {
    with_tag(status, &etag(version), body)
}

/// An answer with an entity tag.
pub(super) fn with_tag(status: StatusCode, tag: &str, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Compares what `If-Match` says with what there is: whoever changes something says what he has seen.
pub(super) fn must_match(headers: &HeaderMap, version: i64) -> Result<(), Problem> {
    must_match_tag(headers, &etag(version))
}

/// The same with an entity tag.
pub(super) fn must_match_tag(headers: &HeaderMap, now: &str) -> Result<(), Problem> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "Say by If-Match which ETag you have seen, so that nobody's change is lost.",
        ));
    };
    let mut tags = wanted.to_str().unwrap_or_default().split(',').map(str::trim);
    if tags.any(|tag| tag == "*" || tag == now) { Ok(()) } else { Err(Problem::changed(now)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_what_it_was_made_on() {
        let with = |value: &'static str| HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
        assert!(must_match(&with("\"7\""), 7).is_ok());
        assert!(must_match(&with("\"6\", \"7\""), 7).is_ok() && must_match(&with("*"), 7).is_ok());
        assert_eq!(must_match(&with("W/\"7\""), 7).expect_err("a weak one is none").status, 412);
        assert_eq!(must_match(&with("\"8\""), 7).expect_err("another").status, 412);
        assert_eq!(must_match(&HeaderMap::new(), 7).expect_err("nothing").status, 428);
    }
}
