//! Adobe's words for no, per service.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Platform, Service, edge};

/// An answer of JSON.
pub fn json_answer(status: StatusCode, kind: &'static str, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What the gateway in front of Adobe's platform APIs says of credentials it does not like; the code's first half is the status.
pub fn gateway(code: u32, message: &str) -> Response {
    let body = json!({ "error_code": code.to_string(), "message": message });
    json_answer(status(u16::try_from(code / 1000).unwrap_or(500)), "application/json", &body)
}

/// What the audiences and flows services themselves say when they refuse or fail.
pub fn platform_error(code: &str, title: &str) -> Response {
    let status = self::status(code.rsplit('-').next().and_then(|status| status.parse().ok()).unwrap_or(500));
    let body = json!({
        "requestId": hex(16),
        "errors": { status.as_str(): [{ "code": code, "message": title }] },
        "type": format!("https://ns.adobe.com/aep/errors/{code}"),
        "title": title,
        "status": status.as_u16(),
    });
    json_answer(status, "application/json", &body)
}

/// An answer of the token service that gives no token.
pub fn no_token(status: u16, error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    json_answer(self::status(status), "application/json;charset=UTF-8", &body)
}

/// A status of choice, said as the service says it.
pub fn refuse(platform: &Platform, service: Service, status: u16, retry_after: Option<u32>) -> Response {
    let mut response = match service {
        Service::Edge => edge::refuse(platform, status),
        Service::Ims => match status {
            400 => no_token(400, "invalid_client", "invalid client_secret parameter"),
            401 => no_token(401, "unauthorized_client", "the client is not authorized"),
            429 => no_token(429, "too_many_requests", "too many tokens were asked for"),
            _ => no_token(status, "server_error", "the token service failed"),
        },
        Service::Audiences | Service::Flows => match status {
            401 => gateway(401_013, "Oauth token is not valid"),
            403 => forbidden(),
            429 => gateway(429_050, "Too many requests"),
            _ => platform_error(&format!("UPAPI-100000-{status}"), "The service failed"),
        },
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.headers_mut().entry(HeaderName::from_static("x-request-id")).or_insert_with(hex_value);
    response
}

/// What somebody is told who lacks a permission, or asks for a sandbox that is not his.
pub fn forbidden() -> Response {
    platform_error("UPAPI-113752-403", "Permission denied on some resources")
}

/// A status that may be none of HTTP's.
pub fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Random hexadecimal digits.
pub fn hex(digits: usize) -> String {
    let mut bytes = vec![0; digits.div_ceil(2)];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    let mut text = bytes.iter().fold(String::with_capacity(digits + 1), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.truncate(digits);
    text
}

fn hex_value() -> HeaderValue {
    HeaderValue::from_str(&hex(32)).expect("digits are a header's value")
}
