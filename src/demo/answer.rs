//! Answers with the headers that Magento sends, and what happens to every request and answer alike.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES, HOST, LOCATION, PRAGMA,
    SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::Shop;
use super::json;
use super::membership;
use super::session::random_text;

const HTML: &str = "text/html; charset=UTF-8";
const JSON: &str = "application/json";

/// What Magento's built-in page cache tells the browser of a page that it keeps itself.
const CACHED_BY_MAGENTO: &str = "max-age=0, must-revalidate, no-cache, no-store";
/// What Magento says of pages that nobody may keep.
const PRIVATE: &str = "no-store, no-cache, must-revalidate, max-age=0";

/// The longest delay that a request may ask for.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// Below this, gzip is not worth its header.
const SMALLEST_GZIP: usize = 512;

/// A page out of Magento's page cache.
pub fn cached_page(status: StatusCode, html: String) -> Response {
    let mut response = plain(HTML, CACHED_BY_MAGENTO, html);
    *response.status_mut() = status;
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-xss-protection", "1; mode=block"),
        ("x-frame-options", "SAMEORIGIN"),
        (
            "content-security-policy-report-only",
            "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'",
        ),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// A page of one shopper.
pub fn private_page(html: String, begun: Option<String>) -> Response {
    let mut response = plain(HTML, PRIVATE, html);
    keep_session(&mut response, begun);
    response
}

/// A JSON answer of one shopper, with what arrived as membership in `X-Demo-Membership`.
pub fn json(value: &Value, request: &HeaderMap, begun: Option<String>) -> Response {
    let mut response = plain(JSON, PRIVATE, json::value(value));
    if let Ok(arrived) = HeaderValue::from_str(&membership::arrived(request)) {
        response.headers_mut().insert("x-demo-membership", arrived);
    }
    keep_session(&mut response, begun);
    response
}

/// The short answer to a page's own script.
pub fn ajax(body: String, begun: Option<String>) -> Response {
    let mut response = plain(JSON, PRIVATE, body);
    keep_session(&mut response, begun);
    response
}

/// Why Magento's API does not do what it was asked.
#[derive(Debug)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// Why, with holes.
    pub message: &'static str,
    /// What is in the holes.
    pub parameters: Value,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self.parameters {
            Value::Null => serde_json::json!({ "message": self.message }),
            parameters => serde_json::json!({ "message": self.message, "parameters": parameters }),
        };
        with_status(plain(JSON, PRIVATE, json::value(&body)), self.status)
    }
}

/// An answer with another status.
pub fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

/// Elsewhere, with messages for the next page. What changes something of a shopper's also moves `private_content_version`.
pub fn redirect(status: StatusCode, to: &str, session: Option<String>, said: Vec<Value>, form_key: &str) -> Response {
    let mut response = plain(HTML, PRIVATE, String::new());
    *response.status_mut() = status;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    if session.is_some() {
        set_cookie(&mut response, "private_content_version", random_text(32), false);
    }
    keep_session(&mut response, session);
    if !said.is_empty() {
        set_cookie(&mut response, "mage-messages", Value::from(said).to_string(), false);
    }
    if !form_key.is_empty() {
        set_cookie(&mut response, "form_key", form_key.to_owned(), false);
    }
    response
}

fn plain(kind: &'static str, caching: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("Thu, 01 Jan 2015 00:00:00 GMT"));
    response
}

fn keep_session(response: &mut Response, begun: Option<String>) {
    if let Some(id) = begun {
        set_cookie(response, "PHPSESSID", id, true);
    }
}

/// Has the browser keep a cookie for an hour; a hidden one is not for scripts.
pub fn set_cookie(response: &mut Response, name: &'static str, value: String, is_hidden: bool) {
    let cookie = cookie::Cookie::build((name, value))
        .path("/")
        .max_age(cookie::time::Duration::hours(1))
        .http_only(is_hidden)
        .same_site(cookie::SameSite::Lax);
    if let Ok(value) = HeaderValue::from_str(&cookie.build().encoded().to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Has the browser drop a cookie.
pub fn drop_cookie(response: &mut Response, name: &'static str) {
    let cookie = cookie::Cookie::build((name, "")).path("/").max_age(cookie::time::Duration::ZERO);
    if let Ok(value) = HeaderValue::from_str(&cookie.build().encoded().to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Lets the requests of one session go one after another, each in the time that the shop takes for it. PHP keeps a session's file locked
/// until its request is answered, so that whoever asks twice at once waits for himself. Files are served without PHP.
pub async fn one_at_a_time(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    if ["/static/", "/media/"].iter().any(|files| request.uri().path().starts_with(files)) {
        return next.run(request).await;
    }
    let turn = shop.sessions.turn(request.headers());
    let _held = match &turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    if !shop.options.latency.is_zero() {
        tokio::time::sleep(shop.options.latency).await;
    }
    next.run(request).await
}

/// Waits as long as the request's `x-demo-delay` (milliseconds) says, so that tests can have a slow origin.
pub async fn delay(request: Request, next: Next) -> Response {
    let asked = request.headers().get("x-demo-delay").and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(wait) = asked.map(Duration::from_millis) {
        tokio::time::sleep(wait.min(LONGEST_DELAY)).await;
    }
    next.run(request).await
}

/// Redirects as Magento does: to HTTPS when the named header does not say so, and to the base URL when the host is another.
pub async fn canonical_url(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    match elsewhere(&shop, &request) {
        Some(url) => redirect(StatusCode::FOUND, &url, None, Vec::new(), ""),
        None => next.run(request).await,
    }
}

fn elsewhere(shop: &Shop, request: &Request) -> Option<String> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let base = shop.options.base_url.as_deref().map(|url| url.trim_end_matches('/'));
    if let Some(name) = &shop.options.require_https_header
        && request.headers().get(name.as_str()).is_none_or(|value| value != "https")
    {
        let secure = base.map_or(host, |url| url.rsplit("//").next().unwrap_or(host));
        return Some(format!("https://{secure}{path}"));
    }
    let base = base?;
    let own = base.rsplit("//").next().unwrap_or(base);
    (without_port(own) != without_port(host)).then(|| format!("{base}{path}"))
}

/// Magento ignores the port.
fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Compresses texts for clients that accept gzip.
pub async fn gzip(request: Request, next: Next) -> Response {
    let wanted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(accepts_gzip);
    let (mut parts, body) = next.run(request).await.into_parts();
    if !is_text(&parts.headers) {
        return Response::from_parts(parts, body);
    }
    parts.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    match wanted.then(|| compressed(&bytes)).flatten() {
        Some(small) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(small))
        }
        None => Response::from_parts(parts, Body::from(bytes)),
    }
}

fn accepts_gzip(accepted: &str) -> bool {
    let refused =
        |parameters: &str| matches!(parameters.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
    accepted.split(',').any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !refused(parameters)
    })
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    ["text/", "application/json", "image/svg"].iter().any(|text| kind.starts_with(text))
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < SMALLEST_GZIP {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compresses_only_for_clients_that_accept_it() {
        assert!(accepts_gzip("br, GZIP;q=0.5"));
        assert!(!accepts_gzip("br, gzip; q=0"));
        assert!(!accepts_gzip("identity"));
    }
}
