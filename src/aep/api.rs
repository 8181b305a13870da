//! Calls to Experience Platform's own APIs: headers, errors and what to do about them.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::{Client, Url};
use serde_json::Value;

use super::http::{Answer, BuildError, CallError, client, send};
use super::ims::{ImsError, Token, Tokens};
use super::{Config, Credentials};

/// How long a call may take. A page of a hundred audiences takes Adobe a second or two, and nobody's page waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of an answer: a hundred audiences with their expressions, or flows with their mappings, have some 100 KiB each at
/// the very most.
const MOST: usize = 16 << 20;

/// Characters of Adobe's own words that are repeated in an error.
const MOST_SAID: usize = 300;

/// What is asked for, which decides the permission that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Which audiences exist.
    Audiences,
    /// Where they are activated.
    Destinations,
}

impl Area {
    fn as_str(self) -> &'static str {
        match self {
            Self::Audiences => "audiences",
            Self::Destinations => "destinations",
        }
    }
}

/// Why an API did not give what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {cause}", area.as_str())]
pub struct ApiError {
    /// What was asked for.
    pub area: Area,
    /// Why it was not given.
    #[source]
    pub cause: Cause,
}

/// The reasons for an [`ApiError`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// There is no token to ask with.
    #[error(transparent)]
    Token(#[from] ImsError),
    /// 401: the token is not accepted.
    #[error("Adobe does not accept the token{}", quoted(.0))]
    Unauthorized(Option<String>),
    /// 403: the technical account may not.
    #[error("the technical account lacks a permission{}", quoted(.0))]
    Forbidden(Option<String>),
    /// 404: no such place.
    #[error("Adobe knows nothing at this place{}", quoted(.0))]
    NotFound(Option<String>),
    /// 429: too many calls.
    #[error("Adobe takes no more calls for now")]
    Throttled(Option<Duration>),
    /// 5xx: Adobe's side.
    #[error("Experience Platform is in trouble ({0})")]
    Server(StatusCode),
    /// Any other status.
    #[error("Adobe answers {status}{}", quoted(.said))]
    Unexpected {
        /// The status.
        status: StatusCode,
        /// Adobe's own words.
        said: Option<String>,
    },
    /// No answer.
    #[error("Experience Platform: {0}")]
    Unreachable(#[source] std::sync::Arc<CallError>),
    /// 200, but not what was asked for.
    #[error("the answer cannot be understood: {0}")]
    Malformed(&'static str),
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

impl ApiError {
    /// Whether Adobe answered, and yet said nothing about what was asked for: it does not take such a question.
    pub fn says_nothing(&self) -> bool {
        matches!(self.cause, Cause::Unexpected { .. } | Cause::Malformed(_))
    }

    /// One word for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match &self.cause {
            Cause::Token(_) => "token",
            Cause::Unauthorized(_) => "unauthorized",
            Cause::Forbidden(_) => "forbidden",
            Cause::NotFound(_) => "not_found",
            Cause::Throttled(_) => "throttled",
            Cause::Server(_) => "server",
            Cause::Unexpected { .. } => "unexpected",
            Cause::Unreachable(_) => "unreachable",
            Cause::Malformed(_) => "malformed",
        }
    }

    /// What the operator can do about it, and on which of Adobe's screens.
    pub fn advice(&self) -> &'static str {
        match (&self.cause, self.area) {
            (Cause::Token(error), _) => error.advice(),
            (Cause::Unauthorized(_), _) => {
                "Developer Console → your project: add the Experience Platform API with a product profile to the OAuth \
                 Server-to-Server credential, and see that org_id is the project's organisation"
            }
            (Cause::Forbidden(_), Area::Audiences) => {
                "Experience Platform → Permissions → Roles: the role that has this credential under \"API credentials\" needs \"View \
                 segments\" (Profile Management) and the sandbox; Developer Console → your project → product profiles: the credential \
                 needs one of Experience Platform"
            }
            (Cause::Forbidden(_), Area::Destinations) => {
                "Experience Platform → Permissions → Roles: the role that has this credential under \"API credentials\" needs \"Manage \
                 destinations\" (Destinations) and the sandbox; Developer Console → your project → product profiles: the credential needs \
                 one of Experience Platform"
            }
            (Cause::NotFound(_), _) => {
                "Experience Platform → Sandboxes → Browse: sandbox must be a sandbox's name (not its title), in small letters; \
                 platform_url must be Adobe's"
            }
            (Cause::Throttled(_), _) => "wait; if it goes on, make sync_every longer",
            (Cause::Server(_), _) => "wait; status.adobe.com says whether others have it too",
            (Cause::Unreachable(_), _) => {
                "see whether this machine may connect to platform_url (DNS, firewall, HTTPS_PROXY)"
            }
            (Cause::Unexpected { .. } | Cause::Malformed(_), _) => {
                "see whether platform_url is right and no proxy stands between"
            }
        }
    }

    /// How long Adobe asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Throttled(wait) | Cause::Token(ImsError::Throttled(wait)) => *wait,
            _ => None,
        }
    }

    /// Whether the same call may do better in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match &self.cause {
            Cause::Throttled(_) => true,
            Cause::Server(status) => matches!(status.as_u16(), 502..=504),
            _ => false,
        }
    }
}

/// Asks Experience Platform as the technical account. Clones share connections and tokens.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: Url,
    tokens: Tokens,
    headers: HeaderMap,
}

impl Api {
    /// Calls with the tokens of `tokens`. None is made yet.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a setting fits into no header.
    pub fn new(config: &Config, tokens: Tokens) -> Result<Self, BuildError> {
        let client = client(&config.platform, PATIENCE)?;
        let Credentials { client_id, .. } = tokens.credentials();
        let value = |what, text: &str| HeaderValue::try_from(text).map_err(|_| BuildError::Header(what));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("x-api-key"), value("client_id", client_id)?);
        headers.insert(HeaderName::from_static("x-gw-ims-org-id"), value("org_id", config.org.as_str())?);
        headers.insert(HeaderName::from_static("x-sandbox-name"), value("sandbox", &config.sandbox)?);
        Ok(Self { client, base: config.platform.clone(), tokens, headers })
    }

    /// The address of a path, with a query if there is one.
    pub(super) fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(query);
        url
    }

    /// Gets a JSON document. A token that is refused is replaced, and the call made once more.
    pub(super) async fn get(&self, area: Area, url: &Url) -> Result<Value, ApiError> {
        let failed = |cause| ApiError { area, cause };
        let token = self.tokens.get().await.map_err(|error| failed(error.into()))?;
        match self.ask(url, &token).await {
            Err(Cause::Unauthorized(_)) if self.tokens.invalidate(&token) => {
                let token = self.tokens.get().await.map_err(|error| failed(error.into()))?;
                self.ask(url, &token).await
            }
            answer => answer,
        }
        .map_err(failed)
    }

    async fn ask(&self, url: &Url, token: &Token) -> Result<Value, Cause> {
        let request = self.client.get(url.clone()).headers(self.headers.clone());
        let answer = send(request.header(header::AUTHORIZATION, token.header()), MOST).await;
        understand(&answer.map_err(|error| Cause::Unreachable(error.into()))?, token)
    }
}

fn understand(answer: &Answer, token: &Token) -> Result<Value, Cause> {
    let body = serde_json::from_slice::<Value>(&answer.body);
    let said = || words(body.as_ref().ok()?, token);
    match answer.status.as_u16() {
        200 => body.map_err(|_| Cause::Malformed("it is not JSON")),
        401 => Err(Cause::Unauthorized(said())),
        403 => Err(Cause::Forbidden(said())),
        404 => Err(Cause::NotFound(said())),
        429 => Err(Cause::Throttled(answer.retry_after())),
        500..600 => Err(Cause::Server(answer.status)),
        _ => Err(Cause::Unexpected { status: answer.status, said: said() }),
    }
}

/// Adobe's own words on an error, in any of the forms that its services have for them; never with the token in them.
fn words(body: &Value, token: &Token) -> Option<String> {
    let text = |key: &str| match body.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let code = text("error_code").or_else(|| text("type")?.rsplit('/').next().map(str::to_owned));
    let message = ["message", "title", "errorMessage", "detail", "error"].into_iter().find_map(text);
    let words: Vec<String> = [code, message].into_iter().flatten().collect();
    let words = one_line(&words.join(": "), MOST_SAID);
    let secret = token.header().to_str().ok()?.trim_start_matches("Bearer ");
    (!words.is_empty() && !words.contains(secret)).then_some(words)
}

/// A text from outside as it may stand in a log or on a terminal: without control characters, of bounded length.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(plain).take(most).collect()
}

#[cfg(test)]
mod tests;
