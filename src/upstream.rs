//! The Magento origin as a tower service: pooled HTTP/1.1 connections, a bound on every wait, one careful retry.

mod connector;
mod error;
mod upload;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use tower::Service;

use crate::body::{Body, Timed};
use connector::{Connector, Seen};
pub use error::{Error, Fault};
use upload::{Progress, Upload};

/// How the origin is reached, and how long each step may take.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port of the origin; a path is refused.
    pub origin: Uri,
    /// Name for SNI and the certificate check, where the origin's address is not the name in its certificate.
    pub tls_name: Option<String>,
    /// PEM certificates that the origin's must descend from, instead of the system's own.
    pub ca: Option<Vec<u8>>,
    /// For DNS, TCP and TLS together. 5 s: spans a lost SYN and its two repeats.
    pub connect_timeout: Duration,
    /// From the request's last byte to the answer's first. 60 s: uncached Magento pages take seconds, exports and
    /// order placement tens of them; PHP-FPM and nginx in front of it give up at 60 s themselves.
    pub header_timeout: Duration,
    /// Longest silence inside an answer. 5 min: event streams send a sign of life every minute or more often.
    pub body_idle_timeout: Duration,
    /// Longest silence inside a client's body. 60 s: a phone that loses its network comes back or never.
    pub upload_idle_timeout: Duration,
    /// How long an unused connection is kept. 4 s: below Apache's 5 s, so that we close first.
    pub pool_idle_timeout: Duration,
    /// Unused connections kept. 256: about the workers of one large web server.
    pub pool_max_idle: usize,
    /// Largest answer head in bytes. 512 KiB: `X-Magento-Tags` of a large category takes tens of KiB.
    pub max_head_bytes: usize,
    /// Most headers in an answer. 256: security and cookie headers of many extensions stay below 100.
    pub max_headers: usize,
}

impl Config {
    /// The defaults for an origin at `origin`.
    pub fn new(origin: Uri) -> Self {
        Self {
            origin,
            tls_name: None,
            ca: None,
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(300),
            upload_idle_timeout: Duration::from_secs(60),
            pool_idle_timeout: Duration::from_secs(4),
            pool_max_idle: 256,
            max_head_bytes: 512 << 10,
            max_headers: 256,
        }
    }
}

/// Why an [`Upstream`] cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not `http://host[:port]` or `https://host[:port]`.
    #[error("origin.url `{0}`: must be http:// or https:// with a host and no path")]
    Origin(Uri),
    /// Not a DNS name or address.
    #[error("origin.tls_name `{0}`: must be a DNS name or an IP address")]
    TlsName(String),
    /// No certificate in the PEM text, or one that cannot be read.
    #[error("origin.ca_file: holds no certificate that can be read as PEM")]
    Ca,
    /// The system has no root certificates.
    #[error(
        "origin.url is https, but the system has no root certificates: install ca-certificates or set origin.ca_file"
    )]
    NativeRoots(#[source] std::io::Error),
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// How long the origin took to begin its answer; an extension of the response.
#[derive(Clone, Copy, Debug)]
pub struct FirstByte(pub Duration);

/// Marks a request that asks to switch protocols; without this extension a 101 is an error.
#[derive(Clone, Copy, Debug)]
pub struct AsksUpgrade;

/// The origin. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Upstream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client<Connector, Body>,
    // For repeats: a new connection each, since what closed one kept connection may have closed them all.
    unpooled: Client<Connector, Body>,
    scheme: Scheme,
    authority: Authority,
    header_timeout: Duration,
    body_idle_timeout: Duration,
    upload_idle_timeout: Duration,
}

impl Upstream {
    /// Builds the client; connects to nothing yet.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let connector = Connector::new(config)?;
        let parts = config.origin.clone().into_parts();
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        let (Some(scheme), Some(authority), "/") = (parts.scheme, parts.authority, path) else {
            return Err(BuildError::Origin(config.origin.clone()));
        };
        if (scheme != Scheme::HTTP && scheme != Scheme::HTTPS) || authority.as_str().contains('@') {
            return Err(BuildError::Origin(config.origin.clone()));
        }
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.pool_idle_timeout)
            .pool_max_idle_per_host(config.pool_max_idle)
            .http1_max_buf_size(config.max_head_bytes.max(MIN_BUFFER))
            .http1_max_headers(config.max_headers)
            // Repeats only what was never written, so that it is safe for every method.
            .retry_canceled_requests(true)
            .set_host(false);
        let client = builder.build(connector.clone());
        let unpooled = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                unpooled,
                scheme,
                authority,
                header_timeout: config.header_timeout,
                body_idle_timeout: config.body_idle_timeout,
                upload_idle_timeout: config.upload_idle_timeout,
            }),
        })
    }

    /// Host and port of the origin as configured.
    pub fn authority(&self) -> &Authority {
        &self.inner.authority
    }
}

/// hyper panics on buffers below this.
const MIN_BUFFER: usize = 8192;

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.send(request).await })
    }
}

impl Inner {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        parts.uri = self.target(&parts.uri)?;
        parts.version = Version::HTTP_11;
        let asks_upgrade = parts.extensions.get::<AsksUpgrade>().is_some();
        let response =
            if body.is_end_stream() { self.send_head(parts).await? } else { self.send_upload(parts, body).await? };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS && !asks_upgrade {
            return Err(Error::UnaskedUpgrade);
        }
        let mut response = response.map(|body| self.answer_body(body));
        // What the origin speaks is between it and us.
        *response.version_mut() = Version::HTTP_11;
        response.extensions_mut().insert(FirstByte(started.elapsed()));
        Ok(response)
    }

    fn target(&self, uri: &Uri) -> Result<Uri, Error> {
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(Error::Target)
    }

    fn answer_body(&self, body: Incoming) -> Body {
        if body.is_end_stream() { Body::empty() } else { Body::Timed(Timed::new(body, self.body_idle_timeout)) }
    }

    async fn send_head(&self, parts: request::Parts) -> Result<Response<Incoming>, Error> {
        let repeat = matches!(parts.method, Method::GET | Method::HEAD).then(|| Head::of(&parts));
        match self.answer(&self.client, Request::from_parts(parts, Body::empty())).await? {
            Ok(response) => Ok(response),
            Err(error) => match repeat {
                Some(head) if closed_before_answer(&error) => {
                    Ok(self.answer(&self.unpooled, head.into_request()).await??)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Waits for an answer for as long as the origin may take.
    async fn answer(
        &self,
        client: &Client<Connector, Body>,
        request: Request<Body>,
    ) -> Result<Result<Response<Incoming>, legacy::Error>, Error> {
        let late = |_| Error::HeaderTimeout(self.header_timeout);
        tokio::time::timeout(self.header_timeout, client.request(request)).await.map_err(late)
    }

    async fn send_upload(&self, mut parts: request::Parts, body: Body) -> Result<Response<Incoming>, Error> {
        // Without this, hyper takes a GET or HEAD of unknown length for one without a body.
        if body.size_hint().exact().is_none() && !parts.headers.contains_key(header::CONTENT_LENGTH) {
            parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let (upload, progress) = Upload::new(body, self.upload_idle_timeout);
        let request = Request::from_parts(parts, Body::boxed(upload));
        tokio::select! {
            answer = self.client.request(request) => Ok(answer?),
            never = self.late(progress) => match never? {},
        }
    }

    /// Ends when nothing of the body moved for as long as the origin may take to answer.
    async fn late(&self, progress: Progress) -> Result<Infallible, Error> {
        loop {
            let end = progress.last() + self.header_timeout;
            if Instant::now() >= end {
                return Err(Error::HeaderTimeout(self.header_timeout));
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// What it takes to send a request without a body again.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    fn of(parts: &request::Parts) -> Self {
        Self { method: parts.method.clone(), uri: parts.uri.clone(), headers: parts.headers.clone() }
    }

    fn into_request(self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// True when the origin closed a kept connection without a byte of an answer.
fn closed_before_answer(error: &legacy::Error) -> bool {
    let Some(connected) = error.connect_info() else { return false };
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    !error.is_connect() && extras.get::<Seen>().is_some_and(Seen::closed_before_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(origin: &'static str) -> bool {
        matches!(Upstream::new(&Config::new(Uri::from_static(origin))), Err(BuildError::Origin(_)))
    }

    #[test]
    fn refuses_an_origin_that_is_not_scheme_and_host() {
        for origin in ["/shop", "shop.test", "ftp://shop.test", "http://shop.test/de", "http://user:pw@shop.test"] {
            assert!(refused(origin), "{origin}");
        }
        for origin in ["http://shop.test", "http://[::1]:8080/", "https://shop.test:8443"] {
            assert!(!refused(origin), "{origin}");
        }
    }

    #[test]
    fn refuses_certificates_that_are_none() {
        let mut config = Config::new(Uri::from_static("https://shop.test"));
        config.ca = Some(b"no certificate".to_vec());
        assert!(matches!(Upstream::new(&config), Err(BuildError::Ca)));
    }

    #[test]
    fn sends_every_target_in_origin_form() {
        let upstream = Upstream::new(&Config::new(Uri::from_static("http://127.0.0.1:81"))).expect("valid origin");
        for (target, path) in
            [("http://shop.test/a?b", "/a?b"), ("/a//b?", "/a//b?"), ("http://shop.test", "/"), ("*", "*")]
        {
            let sent = upstream.inner.target(&Uri::from_static(target)).expect("valid target");
            assert_eq!(sent.path_and_query().map(PathAndQuery::as_str), Some(path), "{target}");
            assert_eq!(sent.authority().map(Authority::as_str), Some("127.0.0.1:81"));
        }
    }
}
