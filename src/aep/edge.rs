//! Membership from the Edge Network: one call says to which audiences a shopper belongs right now.
//!
//! The call is Adobe's `interact` without a page view: it names the shopper, by the state that his browser keeps for Adobe, and asks
//! for his identity back. [`Edge::ask`] makes it once; whoever asks decides about waiting and asking again.

mod answer;
mod region;
mod request;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Url};
use tokio::time::timeout;
use uuid::Uuid;

use super::config::{self, Config};
use super::http::{self as calls, CallError};
use super::ims;
pub use answer::{Answer, Profile, StateItem, read};
pub use region::{Regions, is_region};
pub use request::{Question, STATE_KINDS};

/// An answer is some kilobytes; one with many destinations and their attributes stays far below this.
const LONGEST_ANSWER: usize = 512 << 10;

/// The Edge Network, for one organisation. Clones share connections.
#[derive(Clone, Debug)]
pub struct Edge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    config: config::Edge,
    org: config::OrgId,
    access: Option<Access>,
    regions: Regions,
}

/// What an authenticated call shows.
#[derive(Debug)]
struct Access {
    client_id: String,
    tokens: ims::Tokens,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// No token for an authenticated call.
    #[error("no access token")]
    Token(#[source] ims::ImsError),
    /// No connection, one that broke, or an answer without end.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nothing within the time that a call may take.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Asked too often (429).
    #[error("asked too often")]
    Throttled {
        /// How long Adobe asks to wait.
        retry_after: Option<Duration>,
    },
    /// Out of order for the moment (502, 503, 504).
    #[error("out of order for the moment, {status}")]
    Unavailable {
        /// Which.
        status: StatusCode,
        /// How long Adobe asks to wait.
        retry_after: Option<Duration>,
    },
    /// Not taken, for what the call or the set-up is like.
    #[error("refused with {status}{}{}", .code.as_ref().map(|code| format!(" {code}")).unwrap_or_default(), .title.as_ref().map(|title| format!(": {title}")).unwrap_or_default())]
    Refused {
        /// With which status.
        status: StatusCode,
        /// Adobe's code, such as `EXEG-0003-400`.
        code: Option<String>,
        /// Adobe's words for it.
        title: Option<String>,
    },
    /// An answer that is none of the Edge Network's.
    #[error("an answer that cannot be read")]
    Garbage,
    /// A question that is longer than Adobe takes: the browser's state is junk.
    #[error("the browser keeps more state than the Edge Network takes")]
    TooLong,
}

impl EdgeError {
    /// The word for it in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Token(_) => "no_token",
            Self::Timeout(_) | Self::Call(CallError::Timeout(_)) => "timeout",
            Self::Call(CallError::Unreachable(_)) => "unreachable",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Refused { status, .. } if status.is_client_error() => "refused",
            Self::Refused { .. } => "server_error",
            Self::Garbage | Self::Call(CallError::TooLarge(_)) => "garbage",
            Self::TooLong => "too_long",
        }
    }

    /// Whether Adobe's rules allow to ask the same once more: after 429, 502, 503 and 504 only.
    pub fn may_be_repeated(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }

    /// Whether it says that the Edge Network, or the way to it, is out of order for everybody. What one shopper's odd state brought
    /// about does not, or a few such shoppers could shut out all others.
    pub fn is_everybodys(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                !OF_ONE_SHOPPER.contains(status) && code.as_deref() != Some(GEO_BLOCK)
            }
            Self::TooLong => false,
            _ => true,
        }
    }

    /// How long Adobe asks to wait before the next call.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Edge {
    /// The Edge Network of a configuration; connects to nothing yet. Authenticated calls show one of `tokens`, which are the
    /// configuration's.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn connect(config: &Config, tokens: Option<ims::Tokens>) -> Result<Self, calls::BuildError> {
        let tokens = tokens.filter(|_| config.edge.authenticated);
        let access = tokens.map(|tokens| Access { client_id: tokens.credentials().client_id.clone(), tokens });
        let client = calls::client(&config.edge.url, config.edge.timeout)?;
        let (org, regions) = (config.org.clone(), Regions::new(config.edge.region_hint.as_deref()));
        Ok(Self { inner: Arc::new(Inner { client, config: config.edge.clone(), org, access, regions }) })
    }

    /// Asks once, within the time that a call may take.
    ///
    /// # Errors
    /// See [`EdgeError`].
    pub async fn ask(&self, question: &Question) -> Result<Answer, EdgeError> {
        let limit = self.inner.config.timeout;
        timeout(limit, self.inner.ask(question)).await.unwrap_or(Err(EdgeError::Timeout(limit)))
    }

    /// The question's length in bytes as it is sent.
    pub fn length(&self, question: &Question) -> usize {
        question.body(self.inner.config.version).len()
    }
}

impl Inner {
    async fn ask(&self, question: &Question) -> Result<Answer, EdgeError> {
        let body = question.body(self.config.version);
        if body.len() > request::LONGEST {
            return Err(EdgeError::TooLong);
        }
        let hint =
            question.hint.as_deref().and_then(|hint| self.regions.known(hint)).or_else(|| self.regions.default());
        let url = self.url(hint.as_deref(), &question.datastream);
        let call =
            self.client.post(url).headers(question.headers.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let (call, token) = self.authorise(call).await?;
        let answer = self.judge(calls::send(call, LONGEST_ANSWER).await?);
        if let (Err(EdgeError::Refused { status: StatusCode::UNAUTHORIZED, .. }), Some(token)) = (&answer, token)
            && let Some(access) = &self.access
        {
            access.tokens.invalidate(&token);
        }
        answer
    }

    async fn authorise(&self, call: RequestBuilder) -> Result<(RequestBuilder, Option<Arc<ims::Token>>), EdgeError> {
        let Some(access) = &self.access else { return Ok((call, None)) };
        let token = access.tokens.get().await.map_err(EdgeError::Token)?;
        let call = call
            .header(http::header::AUTHORIZATION, token.header().clone())
            .header("x-api-key", &access.client_id)
            .header("x-gw-ims-org-id", self.org.as_str());
        Ok((call, Some(token)))
    }

    /// A region goes into the path; into the host where it is Adobe's for authenticated calls, which knows no other way.
    fn url(&self, hint: Option<&str>, datastream: &str) -> Url {
        let mut url = self.config.url.clone();
        let by_host = hint.filter(|_| url.host_str() == Some(AUTHENTICATED_HOST));
        if let Some(hint) = by_host {
            url.set_host(Some(&format!("{hint}.{AUTHENTICATED_HOST}"))).expect("a region is a host's label");
        }
        let in_path = hint.filter(|_| by_host.is_none()).map(|hint| format!("/{hint}")).unwrap_or_default();
        let (version, key) = match self.config.version {
            config::Version::V1 => ("v1", "configId"),
            config::Version::V2 => ("v2", "datastreamId"),
        };
        url.set_path(&format!("/ee{in_path}/{version}/interact"));
        url.query_pairs_mut().append_pair(key, datastream).append_pair("requestId", &Uuid::new_v4().to_string());
        url
    }

    fn judge(&self, answer: calls::Answer) -> Result<Answer, EdgeError> {
        let (status, retry_after) = (answer.status, answer.retry_after());
        match status {
            StatusCode::OK | StatusCode::MULTI_STATUS => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(EdgeError::Throttled { retry_after }),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                return Err(EdgeError::Unavailable { status, retry_after });
            }
            status if status.is_client_error() || status.is_server_error() => {
                let (code, title) = answer::problem(&answer.body);
                return Err(EdgeError::Refused { status, code, title });
            }
            _ => return Err(EdgeError::Garbage),
        }
        let read = read(&answer.headers, &answer.body, &self.org, &self.config.aliases);
        let mut answer = read.ok_or(EdgeError::Garbage)?;
        answer.is_partial |= status == StatusCode::MULTI_STATUS;
        if let Some(region) = &answer.region {
            self.regions.learn(region);
        }
        Ok(answer)
    }
}

/// Refusals that only the question could have brought about.
const OF_ONE_SHOPPER: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::URI_TOO_LONG,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
];

/// Adobe's code where a datastream turns away the country that the shopper's address is in.
const GEO_BLOCK: &str = "EXEG-0400-403";

/// Where a region goes before the host.
const AUTHENTICATED_HOST: &str = "server.adobedc.net";

#[cfg(test)]
mod tests;
