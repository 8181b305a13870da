//! What is answered to a message: who may send one, how often, and how large it may be.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, http};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{Config, Hints, message};
use crate::telemetry::Metrics;

/// Ten profiles, each a member of several hundred audiences at some 100 bytes.
const MOST_BYTES: usize = 1 << 20;

/// Adobe gives up after 2 s; this leaves it time to say so.
const LONGEST: Duration = Duration::from_secs(5);

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the bearer token is missing or not one of [experience_platform.push] tokens")]
    Unauthorized,
    #[error("there is nothing at this path: send profiles to /push")]
    Path,
    #[error("send profiles with POST")]
    Method,
    #[error("more requests than [experience_platform.push] per_second allows: try again in {} s", .0.as_secs())]
    TooOften(Duration),
    #[error("the Content-Type must be application/json")]
    MediaType,
    #[error("the body must be plain, without Content-Encoding")]
    Coding,
    #[error("the body is larger than {} bytes: send fewer profiles in a request", MOST_BYTES)]
    TooLarge,
    #[error("the body did not arrive within {} s", LONGEST.as_secs())]
    Slow,
    #[error("the body broke off")]
    BrokenOff,
    #[error("the body is not JSON: see line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("no profile in the body has an identityMap, which must be an object of lists by namespace")]
    Nobody,
    #[error("the body has more identities than ten profiles can have: send fewer profiles in a request")]
    TooMany,
}

impl Problem {
    /// One word for metrics, and the status.
    fn named(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::Path => ("path", StatusCode::NOT_FOUND),
            Self::Method => ("method", StatusCode::METHOD_NOT_ALLOWED),
            Self::TooOften(_) => ("too_often", StatusCode::TOO_MANY_REQUESTS),
            Self::MediaType => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Coding => ("coding", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Slow => ("slow", StatusCode::REQUEST_TIMEOUT),
            Self::BrokenOff => ("broken_off", StatusCode::BAD_REQUEST),
            Self::NotJson { .. } => ("not_json", StatusCode::BAD_REQUEST),
            Self::Nobody => ("nobody", StatusCode::BAD_REQUEST),
            Self::TooMany => ("too_many", StatusCode::PAYLOAD_TOO_LARGE),
        }
    }

    /// The header that goes with the status.
    fn header(&self) -> Option<(http::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"segue push\""))),
            Self::Method => Some((ALLOW, HeaderValue::from_static("POST"))),
            Self::TooOften(wait) => Some((RETRY_AFTER, HeaderValue::from(wait.as_secs()))),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// What became of messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    requests: Family<Outcome, Counter>,
    shoppers: Counter,
}

impl Counts {
    pub(super) fn register(metrics: &mut Metrics) -> Self {
        let own = Self::default();
        metrics.register("push_requests", "Messages by what became of them", own.requests.clone());
        metrics.register("push_shoppers", "Shoppers to be looked up anew because of a message", own.shoppers.clone());
        own
    }

    /// The answer to a request of which this came.
    fn answer(&self, hinted: Result<usize, Problem>) -> Response {
        let (result, response) = match hinted {
            Ok(shoppers) => {
                self.shoppers.inc_by(u64::try_from(shoppers).unwrap_or(u64::MAX));
                let body = serde_json::json!({ "shoppers": shoppers });
                ("taken", (StatusCode::ACCEPTED, Json(body)).into_response())
            }
            Err(problem) => {
                let (result, status) = problem.named();
                let body = serde_json::json!({ "message": problem.to_string() });
                let mut response = (status, Json(body)).into_response();
                response.headers_mut().extend(problem.header());
                (result, response)
            }
        };
        tracing::debug!(push.result = result, "a message of Experience Platform");
        self.requests.get_or_create(&Outcome { result }).inc();
        response
    }
}

struct Receiver {
    tokens: Vec<[u8; 32]>,
    rate: DefaultDirectRateLimiter,
    hints: Hints,
    counts: Counts,
}

/// `POST /push`.
pub(super) fn router(config: &Config, hints: Hints, counts: Counts) -> Router {
    let rate = NonZeroU32::new(config.max_rate).unwrap_or(NonZeroU32::MIN);
    let receiver = Arc::new(Receiver {
        tokens: config.tokens.iter().map(|token| digest(token.expose_secret().as_bytes())).collect(),
        rate: RateLimiter::direct(Quota::per_second(rate)),
        hints,
        counts,
    });
    Router::new()
        .route("/push", post(take).fallback(other_method))
        .fallback(other_path)
        // In front of all, so that a stranger learns nothing and nothing of his is read.
        .layer(middleware::from_fn_with_state(Arc::clone(&receiver), admit))
        .with_state(receiver)
}

async fn admit(State(receiver): State<Arc<Receiver>>, request: Request, next: Next) -> Response {
    match receiver.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => receiver.counts.answer(Err(problem)),
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    receiver.counts.answer(receiver.take(request).await)
}

async fn other_method(State(receiver): State<Arc<Receiver>>) -> Response {
    receiver.counts.answer(Err(Problem::Method))
}

async fn other_path(State(receiver): State<Arc<Receiver>>) -> Response {
    receiver.counts.answer(Err(Problem::Path))
}

impl Receiver {
    /// Whether a request may go on. Only requests with a token count for the rate: nobody else can use it up.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.knows(headers) {
            return Err(Problem::Unauthorized);
        }
        self.rate.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            // Whole seconds, as the header has them, and never none.
            Problem::TooOften(Duration::from_secs(wait.as_secs() + 1))
        })
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (shown.next(), shown.next()) else { return false };
        let Some((scheme, token)) = shown.as_bytes().split_at_checked(b"Bearer ".len()) else { return false };
        // Digests are compared, so that the time it takes says nothing about the token.
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.tokens.contains(&digest(token.trim_ascii()))
    }

    async fn take(&self, request: Request) -> Result<usize, Problem> {
        check_form(request.headers())?;
        let shoppers = message::shoppers(&read(request.into_body()).await?)?;
        let count = shoppers.len();
        for shopper in shoppers {
            self.hints.note(shopper);
        }
        Ok(count)
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A destination can be set up to send no `Content-Type` at all. Adobe says nothing of compressed bodies, so none are taken.
fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    let media_type = |value: &HeaderValue| {
        let essence = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        Some(essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")))
    };
    if !headers.get_all(CONTENT_TYPE).iter().all(|value| media_type(value) == Some(true)) {
        return Err(Problem::MediaType);
    }
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::Coding);
    }
    Ok(())
}

async fn read(body: Body) -> Result<bytes::Bytes, Problem> {
    let whole = tokio::time::timeout(LONGEST, Limited::new(body, MOST_BYTES).collect()).await;
    let whole = whole
        .map_err(|_| Problem::Slow)?
        .map_err(|error| if error.is::<LengthLimitError>() { Problem::TooLarge } else { Problem::BrokenOff })?;
    Ok(whole.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::ShopperKey;
    use axum::http::Request;
    use http_body::Frame;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tower::ServiceExt as _;

    const TOKEN: &str = "first-token-0123456789";
    const NEXT: &str = "next-token-0123456789";
    const ADA: &str = "11111111111111111111111111111111111111";

    struct Door {
        router: Router,
        hints: Hints,
        metrics: Metrics,
    }

    impl Door {
        fn new(max_rate: u32) -> Self {
            let mut metrics = Metrics::new();
            let hints = Hints::new();
            let tokens = [TOKEN, NEXT].map(|token| token.to_owned().into()).to_vec();
            let config = Config { listen: ([127, 0, 0, 1], 0).into(), tokens, max_rate };
            let router = router(&config, hints.clone(), Counts::register(&mut metrics));
            Self { router, hints, metrics }
        }

        async fn send(
            &self,
            request: http::request::Builder,
            body: impl Into<Body>,
        ) -> (StatusCode, HeaderMap, String) {
            let request = request.body(body.into()).expect("valid");
            let (parts, body) = self.router.clone().oneshot(request).await.expect("infallible").into_parts();
            let text = body.collect().await.expect("whole").to_bytes();
            (parts.status, parts.headers, String::from_utf8(text.to_vec()).expect("UTF-8"))
        }

        async fn post(&self, body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
            self.send(post(TOKEN), body).await
        }
    }

    fn post(token: &str) -> http::request::Builder {
        let request = Request::post("/push").header("authorization", format!("Bearer {token}"));
        request.header("content-type", "application/json; charset=utf-8")
    }

    fn about(ecid: &str) -> String {
        format!(r#"{{"identityMap":{{"ECID":[{{"id":"{ecid}"}}]}}}}"#)
    }

    fn key(ecid: &str) -> ShopperKey {
        ShopperKey::derive(&[b"ecid", ecid.as_bytes()])
    }

    #[tokio::test]
    async fn takes_a_message_and_echoes_no_identity() {
        let door = Door::new(100);
        let (status, _, text) = door.post(about(ADA)).await;
        assert_eq!((status, text.as_str()), (StatusCode::ACCEPTED, r#"{"shoppers":1}"#));
        assert!(door.hints.since(&key(ADA)).is_some());
        let metrics = door.metrics.encode();
        assert!(metrics.contains(r#"segue_push_requests_total{result="taken"} 1"#), "{metrics}");
        assert!(metrics.contains("segue_push_shoppers_total 1"), "{metrics}");
        assert_eq!(door.send(post(NEXT), about(ADA)).await.0, StatusCode::ACCEPTED, "the token that replaces it");
    }

    #[tokio::test]
    async fn reads_nothing_of_who_shows_no_token() {
        let door = Door::new(1);
        let unread = || Body::new(Untold::Unread);
        for authorization in ["", "Bearer", "Bearer ", "Bearer x", "Basic first-token-0123456789", TOKEN] {
            let request = Request::post("/push").header("authorization", authorization);
            let (status, headers, _) = door.send(request, unread()).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization}");
            assert!(headers[WWW_AUTHENTICATE].as_bytes().starts_with(b"Bearer"));
        }
        let (status, ..) = door.send(Request::post("/push"), unread()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let twice = post(TOKEN).header("authorization", format!("Bearer {NEXT}"));
        assert_eq!(door.send(twice, unread()).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(door.send(Request::get("/other"), "").await.0, StatusCode::UNAUTHORIZED, "a stranger maps no paths");
        assert_eq!(door.post(about(ADA)).await.0, StatusCode::ACCEPTED, "strangers do not use up the rate");
    }

    /// A body that must not be read, or of which nothing ever comes.
    #[derive(Debug)]
    enum Untold {
        Unread,
        Silent,
    }

    impl http_body::Body for Untold {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            match *self {
                Self::Unread => panic!("the body was read"),
                Self::Silent => Poll::Pending,
            }
        }
    }

    #[tokio::test]
    async fn tells_who_comes_too_often_when_to_come_back() {
        let door = Door::new(2);
        for _ in 0..2 {
            assert_eq!(door.post(about(ADA)).await.0, StatusCode::ACCEPTED);
        }
        let (status, headers, text) = door.post(Body::new(Untold::Unread)).await;
        assert_eq!((status, headers[RETRY_AFTER].as_bytes()), (StatusCode::TOO_MANY_REQUESTS, &b"1"[..]));
        assert!(text.contains("per_second"), "{text}");
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_a_message() {
        let door = Door::new(100);
        let (status, headers, _) =
            door.send(Request::get("/push").header("authorization", format!("Bearer {TOKEN}")), "").await;
        assert_eq!((status, headers[ALLOW].as_bytes()), (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..]));
        let elsewhere = Request::post("/").header("authorization", format!("bearer {TOKEN}"));
        assert_eq!(door.send(elsewhere, about(ADA)).await.0, StatusCode::NOT_FOUND);
        let form = post(TOKEN).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(door.send(form, "a=1").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let packed = post(TOKEN).header("content-encoding", "gzip");
        assert_eq!(door.send(packed, "x").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let (status, _, text) = door.post(r#"{"identityMap": nonsense}"#).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(text.contains("line 1, column 18") && !text.contains("nonsense"), "{text}");
        assert_eq!(door.post("{}").await.0, StatusCode::BAD_REQUEST);
        let large = format!("{}{}", about(ADA), " ".repeat(MOST_BYTES));
        assert_eq!(door.post(large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(door.hints.since(&key(ADA)).is_none());
        let plain = Request::post("/push").header("authorization", format!("Bearer {TOKEN}"));
        assert_eq!(door.send(plain, about(ADA)).await.0, StatusCode::ACCEPTED, "without a Content-Type");
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_a_body_that_does_not_come() {
        let door = Door::new(100);
        assert_eq!(door.post(Body::new(Untold::Silent)).await.0, StatusCode::REQUEST_TIMEOUT);
    }
}
