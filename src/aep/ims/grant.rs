//! One question to Adobe's identity service, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderValue, StatusCode};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::aep::Credentials;
use crate::aep::http::{Answer, CallError, bearer, send};

/// The most bytes of an answer. A token with many product contexts has 2 to 5 KiB.
const MOST: usize = 64 << 10;

/// Longer lives are cut to a day, which is what Adobe grants: an endpoint that counted in milliseconds, as the one for JWT did, would
/// otherwise grant years.
const LONGEST_LIFE: u64 = 24 * 60 * 60;

/// The life of a token that does not say how long it lives, which OAuth allows. One that ends sooner is replaced when an API refuses it.
const UNSAID_LIFE: u64 = 60 * 60;

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImsError {
    /// 400: the request is not as it should be, most likely a scope that the project does not have.
    #[error("Adobe refused the request for a token{}", word(.0.as_deref()))]
    BadRequest(Option<String>),
    /// 401, or 400 with `invalid_client` or `unauthorized_client`: client id and secret do not go together, or are no more.
    #[error("Adobe does not accept client id and secret{}", word(.0.as_deref()))]
    Unauthorized(Option<String>),
    /// 429: too many tokens were asked for.
    #[error("Adobe gives no more tokens for now")]
    Throttled(Option<Duration>),
    /// 5xx: Adobe's side.
    #[error("Adobe's identity service is in trouble ({0})")]
    Server(StatusCode),
    /// Any other status, such as that of a proxy between.
    #[error("the identity service answers {0}, which no token endpoint does")]
    Unexpected(StatusCode),
    /// No answer.
    #[error("Adobe's identity service: {0}")]
    Unreachable(#[source] Arc<CallError>),
    /// 200, but no token in it.
    #[error("the identity service's answer is no token: {0}")]
    Malformed(&'static str),
}

fn word(word: Option<&str>) -> String {
    word.map(|word| format!(" ({word})")).unwrap_or_default()
}

impl ImsError {
    /// One word for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unauthorized(_) => "unauthorized",
            Self::Throttled(_) => "throttled",
            Self::Server(_) => "server",
            Self::Unexpected(_) => "unexpected",
            Self::Unreachable(_) => "unreachable",
            Self::Malformed(_) => "malformed",
        }
    }

    /// What the operator can do about it, and on which of Adobe's screens.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => {
                "compare scopes with Developer Console → your project → OAuth Server-to-Server → Scopes, or leave scopes out"
            }
            Self::Unauthorized(_) => {
                "compare client_id and client_secret with Developer Console → your project → OAuth Server-to-Server → Credential \
                 details; a secret that was deleted there works no more"
            }
            Self::Throttled(_) => "wait; if it goes on, look for others that mint tokens with this client id",
            Self::Server(_) => "wait; status.adobe.com says whether others have it too",
            Self::Unexpected(_) => "see whether ims_url is right and no proxy stands between",
            Self::Unreachable(_) => "see whether this machine may connect to ims_url (DNS, firewall, HTTPS_PROXY)",
            Self::Malformed(_) => "see whether ims_url is right and no proxy stands between",
        }
    }

    /// Whether it is about the secret, so that another one may do better.
    pub(super) fn is_of_the_secret(&self) -> bool {
        matches!(self, Self::Unauthorized(_))
    }
}

/// What was granted.
#[derive(Debug)]
pub(super) struct Grant {
    /// `Bearer` and the token.
    pub(super) header: HeaderValue,
    /// Counted from when it was asked for.
    pub(super) life: Duration,
    /// What it is for, where Adobe says so.
    pub(super) scopes: Option<Vec<String>>,
}

/// Asks for a token with one of the secrets.
pub(super) async fn ask(
    client: &Client,
    url: &Url,
    credentials: &Credentials,
    secret: &SecretString,
) -> Result<Grant, ImsError> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &credentials.client_id),
        ("client_secret", secret.expose_secret()),
        ("scope", &credentials.scopes.join(",")),
    ];
    let answer = send(client.post(url.clone()).form(&form), MOST).await;
    understand(&answer.map_err(|error| ImsError::Unreachable(Arc::new(error)))?)
}

fn understand(answer: &Answer) -> Result<Grant, ImsError> {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let error = || body.get("error").and_then(Value::as_str).filter(|word| is_word(word)).map(str::to_owned);
    match answer.status.as_u16() {
        200 => grant(&body),
        400 if matches!(error().as_deref(), Some("invalid_client" | "unauthorized_client")) => {
            Err(ImsError::Unauthorized(error()))
        }
        400 => Err(ImsError::BadRequest(error())),
        401 => Err(ImsError::Unauthorized(error())),
        429 => Err(ImsError::Throttled(answer.retry_after())),
        500..600 => Err(ImsError::Server(answer.status)),
        _ => Err(ImsError::Unexpected(answer.status)),
    }
}

/// Whether this is one of OAuth's error words: anything else could hold what was sent.
fn is_word(text: &str) -> bool {
    let of_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(of_word)
}

fn grant(body: &Value) -> Result<Grant, ImsError> {
    if body.is_null() {
        return Err(ImsError::Malformed("it is not JSON"));
    }
    let token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or(ImsError::Malformed("it has no access_token"))?;
    let kind = body.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(ImsError::Malformed("its token_type is not bearer"));
    }
    let seconds = match body.get("expires_in").filter(|value| !value.is_null()) {
        None => UNSAID_LIFE,
        Some(value) => seconds(value).ok_or(ImsError::Malformed("its expires_in is no number of seconds"))?,
    };
    Ok(Grant {
        header: bearer(token).ok_or(ImsError::Malformed("its access_token fits into no header"))?,
        life: Duration::from_secs(seconds.min(LONGEST_LIFE)),
        scopes: scopes(body, token),
    })
}

/// A number, whole or not, or one written as text; `None` for what is less than a second.
fn seconds(value: &Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    let seconds = Duration::try_from_secs_f64(number).ok()?.as_secs();
    (seconds > 0).then_some(seconds)
}

/// From the answer, else from the token, which is a JWT as far as is known.
fn scopes(body: &Value, token: &str) -> Option<Vec<String>> {
    let payload = || {
        let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice::<Value>(&payload).ok()
    };
    let scope = |value: &Value| value.get("scope").and_then(Value::as_str).map(str::to_owned);
    let scope = scope(body).or_else(|| scope(&payload()?))?;
    Some(scope.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}
