//! What is refused before anything else looks at a request.
//!
//! Two servers that read one request differently is what smuggling lives on. What the origin might read otherwise than
//! Segue does is refused here; framing itself (lengths, chunks) is read by hyper and written anew towards the origin.

use std::task::{Context, Poll};

use http::uri::Authority;
use http::{Method, Request, Version, header, request};
use tower::{Layer, Service};

use super::Answering;
use crate::body::{Body, BoxError};

/// What a request may look like.
#[derive(Clone, Debug)]
pub struct Config {
    /// Longest path and query in bytes. 16 KiB: twice what nginx and Apache take, for GraphQL queries in the URL.
    pub max_target_bytes: usize,
    /// Methods beside GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. None: `PURGE` above all must not pass, since
    /// Varnish believes it by address, and that would be Segue's.
    pub more_methods: Vec<Method>,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_target_bytes: 16 << 10, more_methods: Vec::new() }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// CONNECT, TRACE, or a method that no shop needs.
    #[error("the method is not served")]
    Method,
    /// No `Host` in an HTTP/1.1 request.
    #[error("the request has no Host")]
    HostMissing,
    /// More than one `Host`.
    #[error("the request has more than one Host")]
    HostTwice,
    /// A `Host` or target authority that is no host and port.
    #[error("the request's Host is not valid")]
    HostInvalid,
    /// A body framed otherwise than by a length or as plain chunks.
    #[error("the request's framing is not plain")]
    Framing,
    /// An expectation other than `100-continue`.
    #[error("the request expects what is not known")]
    Expectation,
    /// A target that is neither a path nor a URL.
    #[error("the request target is not valid")]
    Target,
    /// A longer path and query than is served.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The request went through this Segue already.
    #[error("the request goes round in circles")]
    Loop,
    /// A path of Segue's own at which there is nothing.
    #[error("there is nothing at this path of Segue's own")]
    NothingHere,
}

impl Refusal {
    /// One word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::HostMissing => "host_missing",
            Self::HostTwice => "host_twice",
            Self::HostInvalid => "host_invalid",
            Self::Framing => "framing",
            Self::Expectation => "expectation",
            Self::Target => "target",
            Self::TargetTooLong => "target_too_long",
            Self::Loop => "loop",
            Self::NothingHere => "nothing_here",
        }
    }
}

/// Refuses requests by [`Config`] before the service behind sees them.
#[derive(Clone, Debug)]
pub struct HygieneLayer {
    config: std::sync::Arc<Config>,
}

impl HygieneLayer {
    /// Refuses by `config`.
    pub fn new(config: Config) -> Self {
        Self { config: std::sync::Arc::new(config) }
    }
}

impl<S> Layer<S> for HygieneLayer {
    type Service = Hygiene<S>;

    fn layer(&self, inner: S) -> Hygiene<S> {
        Hygiene { inner, config: std::sync::Arc::clone(&self.config) }
    }
}

/// See [`HygieneLayer`].
#[derive(Clone, Debug)]
pub struct Hygiene<S> {
    inner: S,
    config: std::sync::Arc<Config>,
}

impl<S> Service<Request<Body>> for Hygiene<S>
where
    S: Service<Request<Body>, Response = http::Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Answering<BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        match check(&parts, &self.config) {
            Ok(()) => {
                let answer = self.inner.call(Request::from_parts(parts, body));
                Box::pin(async move { answer.await.map_err(Into::into) })
            }
            Err(refusal) => Box::pin(std::future::ready(Err(refusal.into()))),
        }
    }
}

/// Says why `request` is refused, if it is.
pub fn check(request: &request::Parts, config: &Config) -> Result<(), Refusal> {
    check_method(&request.method, config)?;
    check_target(request, config)?;
    check_host(request)?;
    check_framing(request)?;
    match request.headers.get(header::EXPECT) {
        Some(expect) if !expect.as_bytes().eq_ignore_ascii_case(b"100-continue") => Err(Refusal::Expectation),
        _ => Ok(()),
    }
}

fn check_method(method: &Method, config: &Config) -> Result<(), Refusal> {
    let served = matches!(
        *method,
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS
    );
    if served || config.more_methods.contains(method) { Ok(()) } else { Err(Refusal::Method) }
}

fn check_target(request: &request::Parts, config: &Config) -> Result<(), Refusal> {
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > config.max_target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    let scheme_is_web = matches!(request.uri.scheme_str(), None | Some("http" | "https"));
    let star = target == "*" && request.method == Method::OPTIONS;
    if scheme_is_web && (target.starts_with('/') || star) { Ok(()) } else { Err(Refusal::Target) }
}

fn check_host(request: &request::Parts) -> Result<(), Refusal> {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::HostTwice);
    }
    let authority = request.uri.authority().map(Authority::as_str);
    if host.is_none() && authority.is_none() && request.version >= Version::HTTP_11 {
        return Err(Refusal::HostMissing);
    }
    let valid =
        host.is_none_or(|host| is_host(host.as_bytes())) && authority.is_none_or(|name| is_host(name.as_bytes()));
    if valid { Ok(()) } else { Err(Refusal::HostInvalid) }
}

/// True for a name, an address or a bracketed IPv6 address, each with or without a port.
fn is_host(text: &[u8]) -> bool {
    let (name, rest) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let address = rest[..end].iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            if !address {
                return false;
            }
            (&rest[..end], &rest[end + 1..])
        }
        None => {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let plain = text[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte));
            if !plain {
                return false;
            }
            text.split_at(end)
        }
    };
    let port = rest.strip_prefix(b":").unwrap_or(b"");
    !name.is_empty() && (rest.is_empty() || rest[0] == b':') && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

fn check_framing(request: &request::Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // hyper takes any list that ends in `chunked`; what else is in it would be lost on the way to the origin.
        let plain = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        if !plain || headers.contains_key(header::CONTENT_LENGTH) {
            return Err(Refusal::Framing);
        }
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(Refusal::Framing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(method: &str, target: &str, headers: &[(&str, &str)]) -> Option<Refusal> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request that http accepts").into_parts();
        check(&parts, &Config::default()).err()
    }

    #[test]
    fn passes_what_browsers_send() {
        for host in
            ["shop.test", "shop.test:8443", "127.0.0.1", "[2001:db8::1]:80", "xn--bcher-kva.example", "my_shop."]
        {
            assert_eq!(refusal("GET", "/a?b=c", &[("host", host)]), None, "{host}");
        }
        assert_eq!(refusal("OPTIONS", "*", &[("host", "shop.test")]), None);
        assert_eq!(refusal("POST", "http://shop.test/a", &[("content-length", "3"), ("expect", "100-Continue")]), None);
    }

    #[test]
    fn refuses_hosts_that_name_no_host() {
        for host in [
            "",
            ":80",
            "a b",
            "a,b",
            "a/b",
            "user@shop.test",
            "shop.test:80:80",
            "shop.test:http",
            "[::1",
            "[::1]80",
            "b\u{fc}cher.test",
        ] {
            assert_eq!(refusal("GET", "/", &[("host", host)]), Some(Refusal::HostInvalid), "{host}");
        }
        assert_eq!(refusal("GET", "/", &[]), Some(Refusal::HostMissing));
        assert_eq!(refusal("GET", "/", &[("host", "a"), ("host", "a")]), Some(Refusal::HostTwice));
        assert_eq!(refusal("GET", "http://me@shop.test/", &[]), Some(Refusal::HostInvalid));
    }

    proptest::proptest! {
        #[test]
        fn takes_no_host_that_http_does_not(text in "[ -~]{0,24}|[a-z0-9.:\\[\\]@-]{0,12}") {
            if is_host(text.as_bytes()) {
                proptest::prop_assert!(text.parse::<Authority>().is_ok_and(|name| !name.host().is_empty()), "{}", text);
            }
        }
    }

    #[test]
    fn lets_http_1_0_leave_out_the_host() {
        let request = Request::builder().version(Version::HTTP_10).uri("/").body(()).expect("valid");
        assert_eq!(check(&request.into_parts().0, &Config::default()), Ok(()));
    }

    #[test]
    fn refuses_methods_that_no_shop_needs() {
        for method in ["TRACE", "PURGE", "BAN", "PROPFIND", "get"] {
            assert_eq!(refusal(method, "/", &[("host", "a")]), Some(Refusal::Method), "{method}");
        }
        assert_eq!(refusal("CONNECT", "shop.test:443", &[("host", "a")]), Some(Refusal::Method));
        let purge = Request::builder().method("PURGE").uri("/").header("host", "a").body(()).expect("valid");
        let config = Config { more_methods: vec![purge.method().clone()], ..Config::default() };
        assert_eq!(check(&purge.into_parts().0, &config), Ok(()));
    }

    #[test]
    fn refuses_framing_that_the_origin_might_read_otherwise() {
        for headers in [
            [("transfer-encoding", "gzip, chunked"), ("host", "a")],
            [("transfer-encoding", "identity"), ("host", "a")],
            [("transfer-encoding", "chunked, chunked"), ("host", "a")],
            [("content-length", "+3"), ("host", "a")],
            [("content-length", "3, 3"), ("host", "a")],
            [("content-length", ""), ("host", "a")],
        ] {
            assert_eq!(refusal("POST", "/", &headers), Some(Refusal::Framing), "{headers:?}");
        }
        let both = [("transfer-encoding", "chunked"), ("content-length", "3"), ("host", "a")];
        assert_eq!(refusal("POST", "/", &both), Some(Refusal::Framing));
    }

    #[test]
    fn refuses_targets_and_expectations_it_does_not_know() {
        assert_eq!(refusal("GET", "*", &[("host", "a")]), Some(Refusal::Target));
        assert_eq!(refusal("GET", "ftp://shop.test/", &[]), Some(Refusal::Target));
        assert_eq!(refusal("GET", &format!("/{}", "a".repeat(20_000)), &[("host", "a")]), Some(Refusal::TargetTooLong));
        assert_eq!(refusal("GET", "/", &[("host", "a"), ("expect", "the best")]), Some(Refusal::Expectation));
    }
}
