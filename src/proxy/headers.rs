//! Header fields that belong to one connection, and those that say who the client is.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request, response};
use ipnet::IpNet;
use tower::{Layer, Service};

use super::forwarded::{self, Client, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO};
use super::hygiene::Refusal;
use super::tunnel::{self, Upgrades};
use super::{Answering, RequestId};
use crate::body::{Body, BoxError};
use crate::server::Peer;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// PHP and CGI would take `Proxy` for the environment variable `HTTP_PROXY`.
const PROXY: HeaderName = HeaderName::from_static("proxy");
/// Some PHP frameworks route by these instead of by the target.
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_REWRITE_URL: HeaderName = HeaderName::from_static("x-rewrite-url");
/// Names the Segue processes that a request went through. Not `Via`: nginx stops compressing for requests that have it.
const HOPS: HeaderName = HeaderName::from_static("x-segue-hops");

/// What happens to header fields on their way to and from the origin.
#[derive(Clone, Debug)]
pub struct Config {
    /// Networks whose word on the client's address, scheme and host is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// `Host` for the origin; as received without it.
    pub host: Option<HeaderValue>,
    /// Header that tells Magento the client's scheme (`web/secure/offloader_header`). Default `X-Forwarded-Proto`.
    pub proto_header: HeaderName,
    /// What happens to requests to switch protocols.
    pub upgrades: Upgrades,
    /// Lets request headers with `_` in their names pass. Off: CGI and PHP cannot tell `_` from `-`, so such a header
    /// could pass for one that Segue replaced; nginx drops them too.
    pub underscores: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            host: None,
            proto_header: X_FORWARDED_PROTO,
            upgrades: Upgrades::default(),
            underscores: false,
        }
    }
}

/// Rewrites connection and forwarding headers both ways, and gives every request its [`Client`].
#[derive(Clone, Debug)]
pub struct HeadersLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    // For requests that name no host, as HTTP/1.0 allows.
    fallback_host: HeaderValue,
    hop: HeaderValue,
}

impl HeadersLayer {
    /// Rewrites by `config`, for the origin at `authority`.
    pub fn new(config: Config, authority: &Authority) -> Self {
        let fallback_host = HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        let hop = HeaderValue::from_str(&format!("{:016x}", super::request_id::random()));
        let hop = hop.expect("hexadecimal digits are a header value");
        Self { shared: Arc::new(Shared { config, fallback_host, hop }) }
    }
}

impl<S> Layer<S> for HeadersLayer {
    type Service = Headers<S>;

    fn layer(&self, inner: S) -> Headers<S> {
        Headers { inner, shared: Arc::clone(&self.shared) }
    }
}

/// See [`HeadersLayer`].
#[derive(Clone, Debug)]
pub struct Headers<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Headers<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering<BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let asked = tunnel::asked(&mut parts, self.shared.config.upgrades);
        if let Err(refusal) = self.shared.to_origin(&mut parts) {
            return Box::pin(std::future::ready(Err(refusal.into())));
        }
        if asked.is_some() {
            tunnel::ask(&mut parts);
        }
        let answer = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            let (mut parts, body) = answer.await.map_err(Into::into)?.into_parts();
            let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
            to_client(&mut parts);
            if let (Some(client), true) = (asked, switched) {
                tunnel::join(client, &mut parts);
            }
            Ok(Response::from_parts(parts, body))
        })
    }
}

impl Shared {
    fn to_origin(&self, parts: &mut request::Parts) -> Result<(), Refusal> {
        let wants_trailers = wants_trailers(&parts.headers);
        strip_connection(&mut parts.headers);
        for name in [PROXY, X_ORIGINAL_URL, X_REWRITE_URL, header::EXPECT, header::PROXY_AUTHORIZATION, header::TRAILER]
        {
            parts.headers.remove(name);
        }
        if wants_trailers {
            parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        join_cookies(&mut parts.headers);
        self.set_hops(&mut parts.headers)?;
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let client = self.identify(parts, peer);
        parts.extensions.insert(client);
        if let Some(RequestId(id)) = parts.extensions.get() {
            parts.headers.insert(super::X_REQUEST_ID, id.clone());
        }
        Ok(())
    }

    /// Works out who the client is, and tells the origin so in headers that only Segue can have written.
    fn identify(&self, parts: &mut request::Parts, peer: IpAddr) -> Client {
        let trusted = forwarded::trusts(&self.config.trusted_proxies, peer);
        let headers = &mut parts.headers;
        drop_names(headers, |name| {
            (!trusted && (forwarded::is_claim(name) || *name == self.config.proto_header))
                || (!self.config.underscores && name.as_str().contains('_'))
        });
        let received = match parts.uri.authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok()) {
            Some(authority) => authority,
            None => headers.get(header::HOST).unwrap_or(&self.fallback_host).clone(),
        };
        let address = forwarded::address(peer, headers, &self.config.trusted_proxies);
        let secure = forwarded::secure(headers, &self.config.proto_header).unwrap_or(false);
        headers.remove(header::FORWARDED);
        append_address(headers, peer.to_canonical());
        let scheme = HeaderValue::from_static(if secure { "https" } else { "http" });
        headers.insert(self.config.proto_header.clone(), scheme.clone());
        if self.config.proto_header != X_FORWARDED_PROTO {
            headers.insert(X_FORWARDED_PROTO, scheme);
        }
        let asked = headers.entry(X_FORWARDED_HOST).or_insert_with(|| received.clone());
        let asked = asked.to_str().unwrap_or("").split(',').next().unwrap_or("").trim();
        let (host, port) = forwarded::split_host(asked);
        let port = match port {
            Some(port) => HeaderValue::from_str(port).ok(),
            None => Some(HeaderValue::from_static(if secure { "443" } else { "80" })),
        };
        if let Some(port) = port {
            headers.entry(X_FORWARDED_PORT).or_insert(port);
        }
        headers.insert(header::HOST, self.config.host.clone().unwrap_or(received));
        Client { address, secure, host, through_trusted: trusted }
    }

    fn set_hops(&self, headers: &mut HeaderMap) -> Result<(), Refusal> {
        let own = self.hop.as_bytes();
        let hops = match joined(headers, &HOPS, b", ") {
            None => Ok(self.hop.clone()),
            Some(before) if before.windows(own.len()).any(|window| window == own) => return Err(Refusal::Loop),
            Some(before) => HeaderValue::from_bytes(&[&before, own].join(&b", "[..])),
        };
        if let Ok(hops) = hops {
            headers.insert(HOPS, hops);
        }
        Ok(())
    }
}

/// Removes what belonged to the origin's connection from an answer.
fn to_client(parts: &mut response::Parts) {
    let headers = &mut parts.headers;
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    strip_connection(headers);
    headers.remove(header::PROXY_AUTHENTICATE);
    if chunked || parts.status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_LENGTH);
    } else {
        keep_one_length(headers);
    }
}

/// hyper takes `5, 5` and two equal lines for 5; clients and caches behind may not.
fn keep_one_length(headers: &mut HeaderMap) {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(first), second) = (lengths.next(), lengths.next()) else { return };
    if second.is_none() && first.as_bytes().iter().all(u8::is_ascii_digit) {
        return;
    }
    let digits = first.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    match HeaderValue::from_bytes(digits) {
        Ok(length) => drop(headers.insert(header::CONTENT_LENGTH, length)),
        Err(_) => drop(headers.remove(header::CONTENT_LENGTH)),
    }
}

/// Removes the headers of this connection only (RFC 9110, 7.6.1), and those that `Connection` names.
fn strip_connection(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in
        [header::CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, header::TE, header::TRANSFER_ENCODING, header::UPGRADE]
    {
        headers.remove(name);
    }
}

/// Headers that `Connection` names, beside those that are always removed.
///
/// A message's own framing and target are not the connection's, whatever it says.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    connection_options(headers)
        .filter(|option| {
            ![&b"keep-alive"[..], b"close", b"upgrade", b"te"].iter().any(|known| option.eq_ignore_ascii_case(known))
        })
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| {
            ![header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING].contains(name)
        })
        .collect()
}

/// The options in all `Connection` lines.
pub(super) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(header::CONNECTION).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    let mut codings =
        headers.get_all(header::TE).into_iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// HTTP/2 clients may send one line per cookie; HTTP/1.1 knows one line only (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let cookies = joined(headers, &header::COOKIE, b"; ").unwrap_or_default();
    if let Ok(cookies) = HeaderValue::from_bytes(&cookies) {
        headers.insert(header::COOKIE, cookies);
    }
}

/// All lines of a header as one.
fn joined(headers: &HeaderMap, name: &HeaderName, separator: &[u8]) -> Option<Vec<u8>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut all = lines.next()?.to_vec();
    for line in lines {
        all.extend_from_slice(separator);
        all.extend_from_slice(line);
    }
    Some(all)
}

fn drop_names(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Adds `peer` to what trusted proxies said; what others said is gone by now.
fn append_address(headers: &mut HeaderMap, peer: IpAddr) {
    let peer = peer.to_string();
    let chain = match joined(headers, &X_FORWARDED_FOR, b", ") {
        Some(before) => HeaderValue::from_bytes(&[&before, peer.as_bytes()].join(&b", "[..])),
        None => HeaderValue::from_maybe_shared(Bytes::from(peer)),
    };
    if let Ok(chain) = chain {
        headers.insert(X_FORWARDED_FOR, chain);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn shared(config: Config) -> Shared {
        Shared {
            config,
            fallback_host: HeaderValue::from_static("origin.test"),
            hop: HeaderValue::from_static("00112233aabbccdd"),
        }
    }

    fn sent_with(config: Config, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request that http accepts").into_parts();
        parts.extensions.insert(Peer(SocketAddr::from(([10, 0, 0, 1], 4711))));
        shared(config).to_origin(&mut parts).expect("no loop");
        parts
    }

    fn sent(headers: &[(&str, &str)]) -> HeaderMap {
        sent_with(Config::default(), "/", headers).headers
    }

    fn trusting() -> Config {
        Config { trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..Config::default() }
    }

    #[test]
    fn keeps_the_connections_own_headers_from_the_origin() {
        let headers = sent(&[
            ("host", "shop.test"),
            ("connection", "close, X-Secret"),
            ("connection", "keep-alive,,x-other"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("keep-alive", "5"),
            ("proxy-connection", "x"),
            ("te", "gzip"),
            ("upgrade", "h2c"),
            ("proxy", "http://evil.test"),
            ("expect", "100-continue"),
            ("trailer", "x-t"),
            ("proxy-authorization", "x"),
            ("x-original-url", "/admin"),
            ("accept", "*/*"),
        ]);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let own = [
            "accept",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-proto",
            "x-segue-hops",
        ];
        assert_eq!(names, own);
    }

    #[test]
    fn does_not_let_connection_name_the_framing_or_the_host_away() {
        let headers = sent(&[("host", "shop.test"), ("connection", "host, content-length"), ("content-length", "3")]);
        assert_eq!(headers[header::HOST], "shop.test");
        assert_eq!(headers[header::CONTENT_LENGTH], "3");
    }

    #[test]
    fn asks_for_trailers_when_the_client_did() {
        let headers = sent(&[("host", "shop.test"), ("te", "deflate, Trailers")]);
        assert_eq!(
            (&headers[header::TE], &headers[header::CONNECTION]),
            (&"trailers".parse().expect("valid"), &"te".parse().expect("valid"))
        );
    }

    #[test]
    fn replaces_what_strangers_say_about_the_client() {
        let claims = [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "forwarded",
            "x-real-ip",
            "client-ip",
            "x_forwarded_for",
        ];
        let mut lines: Vec<(&str, &str)> = claims.iter().map(|name| (*name, "https")).collect();
        lines.push(("host", "Shop.test:8080"));
        let parts = sent_with(Config::default(), "/", &lines);
        let client = parts.extensions.get::<Client>().expect("every request has one").clone();
        assert_eq!(
            client,
            Client { address: [10, 0, 0, 1].into(), secure: false, host: "shop.test".into(), through_trusted: false }
        );
        let headers = parts.headers;
        assert_eq!(headers["x-forwarded-for"], "10.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "Shop.test:8080");
        assert_eq!(headers["x-forwarded-port"], "8080");
        assert!(
            ["forwarded", "x-real-ip", "client-ip", "x_forwarded_for"].iter().all(|name| !headers.contains_key(*name))
        );
    }

    #[test]
    fn carries_on_what_trusted_proxies_say() {
        let lines = [
            ("host", "backend"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "Shop.test"),
            ("x-real-ip", "203.0.113.9"),
        ];
        let parts = sent_with(trusting(), "/", &lines);
        let client = parts.extensions.get::<Client>().expect("every request has one").clone();
        assert_eq!(
            client,
            Client { address: [203, 0, 113, 9].into(), secure: true, host: "shop.test".into(), through_trusted: true }
        );
        assert_eq!(parts.headers["x-forwarded-for"], "203.0.113.9, 10.0.0.1");
        assert_eq!(parts.headers["x-forwarded-port"], "443");
        assert_eq!(parts.headers["x-real-ip"], "203.0.113.9");
        assert_eq!(parts.headers[header::HOST], "backend");
    }

    #[test]
    fn tells_magento_the_scheme_in_its_own_header_and_drops_a_strangers() {
        let config = |trusted| Config { proto_header: HeaderName::from_static("x-offload"), ..trusted };
        let lines = [("host", "shop.test"), ("x-offload", "https")];
        assert_eq!(sent_with(config(Config::default()), "/", &lines).headers["x-offload"], "http");
        let headers = sent_with(config(trusting()), "/", &lines).headers;
        assert_eq!(
            (&headers["x-offload"], &headers["x-forwarded-proto"]),
            (&"https".parse().expect("valid"), &"https".parse().expect("valid"))
        );
    }

    #[test]
    fn takes_the_host_from_the_target_first_and_from_the_configuration_last() {
        assert_eq!(
            sent_with(Config::default(), "http://shop.test:81/a", &[("host", "other")]).headers[header::HOST],
            "shop.test:81"
        );
        assert_eq!(sent_with(Config::default(), "/", &[]).headers[header::HOST], "origin.test");
        let config = Config { host: Some(HeaderValue::from_static("magento.test")), ..Config::default() };
        let headers = sent_with(config, "/", &[("host", "shop.test")]).headers;
        assert_eq!(
            (&headers["host"], &headers["x-forwarded-host"]),
            (&"magento.test".parse().expect("valid"), &"shop.test".parse().expect("valid"))
        );
    }

    #[test]
    fn joins_cookie_lines() {
        let headers = sent(&[("host", "a"), ("cookie", "a=1"), ("cookie", "b=2; c=3")]);
        assert_eq!(headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn refuses_a_request_that_was_here_before() {
        let again = sent(&[("host", "a"), ("x-segue-hops", "ffff")]);
        let mut parts = Request::new(()).into_parts().0;
        parts.headers = again;
        assert_eq!(shared(Config::default()).to_origin(&mut parts), Err(Refusal::Loop));
    }

    #[test]
    fn gives_answers_one_length_or_none() {
        let length = |lines: &[(&str, &str)], status: u16| {
            let mut response = Response::builder().status(status);
            for (name, value) in lines {
                response = response.header(*name, *value);
            }
            let mut parts = response.body(()).expect("valid").into_parts().0;
            to_client(&mut parts);
            parts
                .headers
                .get_all(header::CONTENT_LENGTH)
                .iter()
                .map(|value| value.to_str().expect("ASCII").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(length(&[("content-length", "5")], 200), ["5"]);
        assert_eq!(length(&[("content-length", "5"), ("content-length", "5")], 200), ["5"]);
        assert_eq!(length(&[("content-length", "5, 5")], 200), ["5"]);
        assert!(length(&[("content-length", "5"), ("transfer-encoding", "chunked")], 200).is_empty());
        assert!(length(&[("content-length", "5")], 204).is_empty());
    }
}
