//! Tokens: how they are given, and whether one is valid.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::time::Instant;

use super::Platform;
use super::refusal::{forbidden, gateway, hex, json_answer, no_token};

/// Beyond this many the oldest is no longer valid: whoever mints more is testing just that.
const MOST_TOKENS: usize = 1000;

/// Whether a token is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is, and has not expired.
    Valid,
    /// It was.
    Expired,
    /// It never was, as far as we remember.
    Unknown,
    /// There is none.
    Missing,
}

#[derive(Default)]
struct Given {
    tokens: VecDeque<(String, Instant)>,
    count: u64,
}

/// All tokens given.
#[derive(Default)]
pub struct Tokens {
    given: Mutex<Given>,
}

/// Without the tokens.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("count", &self.count()).finish()
    }
}

impl Tokens {
    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mint(&self, lifetime: Duration) -> String {
        let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.{}", hex(64), hex(32));
        let mut given = self.given();
        given.count += 1;
        if given.tokens.len() == MOST_TOKENS {
            given.tokens.pop_front();
        }
        given.tokens.push_back((token.clone(), Instant::now() + lifetime));
        token
    }

    /// How many were given.
    pub fn count(&self) -> u64 {
        self.given().count
    }

    /// None that was given so far is valid any more.
    pub fn expire(&self) {
        let now = Instant::now();
        self.given().tokens.iter_mut().for_each(|(_, end)| *end = now);
    }

    /// Whether a request's token is valid.
    pub fn check(&self, headers: &HeaderMap) -> Validity {
        let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return Validity::Missing;
        };
        let Some(token) = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")) else {
            return Validity::Missing;
        };
        match self.given().tokens.iter().find(|(given, _)| given == token.trim()) {
            None => Validity::Unknown,
            Some((_, end)) if *end <= Instant::now() => Validity::Expired,
            Some(_) => Validity::Valid,
        }
    }
}

/// `POST /ims/token/v3`.
pub async fn token(
    State(platform): State<Platform>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut fields = form(query.unwrap_or_default().as_bytes());
    fields.extend(match kind.split_once("boundary=") {
        Some((_, boundary)) => multipart(&body, boundary.trim_matches('"')),
        None => form(&body),
    });
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let options = &platform.options;
    let mut secrets = options.client_secrets.iter().map(|secret| secret.expose_secret());
    if field("grant_type") != "client_credentials" {
        return no_token(400, "unsupported_grant_type", "invalid grant_type parameter");
    }
    if field("client_id") != options.client_id {
        return no_token(400, "invalid_client", "invalid client_id parameter");
    }
    if !secrets.any(|secret| secret == field("client_secret")) {
        return no_token(400, "invalid_client", "invalid client_secret parameter");
    }
    let mut scopes = field("scope").split(',').map(str::trim);
    if !scopes.all(|scope| options.scopes.iter().any(|known| known == scope)) {
        return no_token(400, "invalid_scope", "invalid scope parameter");
    }
    let body = json!({
        "access_token": platform.tokens.mint(options.token_lifetime),
        "token_type": "bearer",
        "expires_in": options.token_lifetime.as_secs(),
    });
    json_answer(StatusCode::OK, "application/json;charset=UTF-8", &body)
}

/// Why a call of the audiences or flows service is not allowed; `None` when it is.
pub fn refusal(platform: &Platform, headers: &HeaderMap) -> Option<Response> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match header("x-api-key") {
        None => return Some(gateway(403_000, "Api Key is required")),
        Some(key) if key != platform.options.client_id => return Some(gateway(403_003, "Api Key is invalid")),
        Some(_) => {}
    }
    match platform.tokens.check(headers) {
        Validity::Missing => return Some(gateway(403_010, "Oauth token is missing")),
        Validity::Unknown | Validity::Expired => return Some(gateway(401_013, "Oauth token is not valid")),
        Validity::Valid => {}
    }
    if header("x-gw-ims-org-id") != Some(&platform.options.org) {
        return Some(gateway(403_025, "Profile is not valid"));
    }
    (header("x-sandbox-name") != Some(&platform.options.sandbox)).then(forbidden)
}

fn form(text: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decode(key), decode(value))).collect()
}

fn multipart(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let boundary = format!("--{boundary}");
    let parts = text.split(&boundary).filter_map(|part| part.split_once("\r\n\r\n"));
    let named = parts.filter_map(|(head, value)| {
        let name = head.split_once("name=\"")?.1.split('"').next()?;
        Some((name.to_owned(), value.strip_suffix("\r\n").unwrap_or(value).to_owned()))
    });
    named.collect()
}
