//! The one way to call Adobe: TLS, time limits, no redirects, bounded answers, and nothing secret in what is printed.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Url, redirect};

/// The longest time to open a connection: spans a lost packet and its repeat. Adobe's hosts answer within a tenth of it.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a connection may lie idle. Adobe's gateways close theirs after a minute or later.
const IDLE: Duration = Duration::from_secs(50);

/// How often a connection is tried, and how long an answer to that may take.
const PING_EVERY: Duration = Duration::from_secs(10);

/// The longest wait that a `Retry-After` can ask for. Beyond an hour a new attempt costs nobody anything.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The system has no certificate authorities.
    #[error(
        "the system has no certificate authorities, without which Adobe cannot be told from others: install ca-certificates"
    )]
    NativeRoots(#[source] io::Error),
    /// A setting is to be sent in a header and cannot be.
    #[error("{0} has characters that no header can hold")]
    Header(&'static str),
    /// The system's proxy settings are wrong.
    #[error("the system's proxy settings cannot be used")]
    Client(#[source] reqwest::Error),
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Not within the time allowed.
    #[error("no answer in time")]
    Timeout(#[source] reqwest::Error),
    /// No connection, or it broke.
    #[error("cannot be reached: {}", innermost(.0))]
    Unreachable(#[source] reqwest::Error),
    /// An answer beyond all measure.
    #[error("the answer is larger than {} KiB", .0 >> 10)]
    TooLarge(usize),
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A client for calls to `target`'s host, each of which may take `total` from first to last. It follows no redirect, since one
/// could carry a token to another host. The system's proxies are used, but for targets on this machine.
///
/// # Errors
/// When TLS or the system's proxies are not usable; missing certificate authorities matter to an `https` target alone.
pub fn client(target: &Url, total: Duration) -> Result<Client, BuildError> {
    let mut tls = tls(target)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("Segue/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT.min(total))
        .timeout(total)
        .pool_idle_timeout(IDLE)
        // All calls share one connection of HTTP/2: that it is dead is to be found out before a page waits for it.
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_EVERY)
        .http2_keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let builder = if is_local(target) { builder.no_proxy() } else { builder };
    builder.build().map_err(BuildError::Client)
}

fn tls(target: &Url) -> Result<rustls::ClientConfig, BuildError> {
    use hyper_rustls::ConfigBuilderExt as _;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?;
    // A plain target needs no roots, and a minimal container has none.
    match builder.clone().with_native_roots() {
        Ok(builder) => Ok(builder.with_no_client_auth()),
        Err(error) if target.scheme() == "https" => Err(BuildError::NativeRoots(error)),
        Err(_) => Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()),
    }
}

fn is_local(target: &Url) -> bool {
    let host = target.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_named = host == "localhost" || host.ends_with(".localhost");
    is_named || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Sends a request and reads its answer, of which at most `limit` bytes are taken.
///
/// # Errors
/// When no whole answer comes. Errors name no address, since its query may hold what is nobody's business.
pub async fn send(request: RequestBuilder, limit: usize) -> Result<Answer, CallError> {
    let mut response = request.send().await.map_err(failed)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    let status = response.status();
    Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body: body.freeze() })
}

fn failed(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    if error.is_timeout() { CallError::Timeout(error) } else { CallError::Unreachable(error) }
}

/// What a chain of errors begins with: "connection refused", not "error sending request".
fn innermost(error: &reqwest::Error) -> &dyn StdError {
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

impl Answer {
    /// The time that `Retry-After` asks to wait, in seconds or as a date; an hour at most.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
                Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default()
            }
        };
        Some(wait.min(LONGEST_WAIT))
    }
}

/// `Bearer` and a token as a header that is not printed; `None` when no header can hold it.
pub fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aep::mock::{Mock, answer};
    use axum::http::Response;

    const LIMIT: usize = 1 << 10;

    fn client_for(mock: &Mock) -> Client {
        client(&mock.url, Duration::from_millis(300)).expect("a client")
    }

    #[tokio::test]
    async fn follows_no_redirect() {
        let mock = Mock::start(|seen| match seen.path() {
            "/" => Response::builder().status(302).header("location", "/other").body(String::new()).expect("valid"),
            _ => answer(200, "followed"),
        })
        .await;
        let answer = send(client_for(&mock).get(mock.url.clone()), LIMIT).await.expect("an answer");
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(mock.seen().len(), 1);
    }

    #[tokio::test]
    async fn takes_no_more_than_its_limit() {
        let mock = Mock::start(|seen| answer(200, "x".repeat(if seen.path() == "/more" { 1025 } else { 1024 }))).await;
        let client = client_for(&mock);
        let whole = send(client.get(mock.url.clone()), LIMIT).await.expect("a whole answer");
        assert_eq!(whole.body.len(), 1024);
        let more = mock.url.join("more").expect("a path");
        assert!(matches!(send(client.get(more), LIMIT).await, Err(CallError::TooLarge(LIMIT))));
    }

    #[tokio::test]
    async fn tells_late_from_away_and_names_no_address() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url: Url = format!("http://{}/?secret=1", silent.local_addr().expect("bound")).parse().expect("a URL");
        let client = client(&url, Duration::from_millis(200)).expect("a client");
        let late = send(client.get(url.clone()), LIMIT).await.expect_err("nobody answers");
        assert!(matches!(late, CallError::Timeout(_)), "{late:?}");
        drop(silent);
        let away = send(client.get(url), LIMIT).await.expect_err("nobody listens");
        assert!(matches!(away, CallError::Unreachable(_)), "{away:?}");
        assert!(away.to_string().contains("refused"), "{away}");
        assert!(!format!("{late:?}{away:?}{late}{away}").contains("secret"), "{late:?} {away:?}");
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_an_hour_at_most() {
        let wait = |text: &str| {
            let headers = [(header::RETRY_AFTER, text.parse().expect("a header"))].into_iter().collect();
            Answer { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Bytes::new() }.retry_after()
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("86400"), Some(LONGEST_WAIT));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let soon = Timestamp::now() + jiff::SignedDuration::from_secs(90);
        let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", soon).expect("a date");
        let seconds = wait(&date).expect("a wait").as_secs();
        assert!((85..=90).contains(&seconds), "{date}: {seconds}");
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_token_is_not_printed() {
        let value = bearer("s3cret").expect("a header");
        assert!(!format!("{value:?}").contains("s3cret"), "{value:?}");
        assert!(bearer("a\nb").is_none());
    }
}
