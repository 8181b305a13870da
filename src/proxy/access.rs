//! One log line and one count per request, written when the last byte has left or the answer broke off.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use ipnet::IpNet;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::{RequestId, X_REQUEST_ID, forwarded};
use crate::body::Body;
use crate::server::Peer;
use crate::telemetry::Metrics;
use crate::upstream::FirstByte;

/// Names every request, and logs and counts its answer.
#[derive(Clone, Debug)]
pub struct AccessLayer {
    trusted: Arc<[IpNet]>,
    metrics: Arc<Metrics>,
}

impl AccessLayer {
    /// Counts in `metrics`; takes request ids and client addresses from proxies in `trusted`.
    pub fn new(trusted: &[IpNet], metrics: Arc<Metrics>) -> Self {
        Self { trusted: trusted.into(), metrics }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, layer: self.clone() }
    }
}

/// See [`AccessLayer`].
#[derive(Clone, Debug)]
pub struct Access<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S, B> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes>,
{
    type Response = Response<Logged<B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut record = self.layer.record(&request);
        request.extensions_mut().insert(record.id.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            record.status = response.status();
            record.first_byte = response.extensions().get::<FirstByte>().map(|first| first.0);
            response.headers_mut().insert(X_REQUEST_ID, record.id.0.clone());
            Ok(response.map(|body| Logged::new(body, record)))
        })
    }
}

impl AccessLayer {
    fn record(&self, request: &Request<Body>) -> Box<Record> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let headers = request.headers();
        let trusted = peer.is_some_and(|peer| forwarded::trusts(&self.trusted, peer));
        let given = headers.get(X_REQUEST_ID).filter(|_| trusted).and_then(RequestId::accept);
        Box::new(Record {
            id: given.unwrap_or_default(),
            client: peer.map(|peer| forwarded::address(peer, headers, &self.trusted)),
            method: request.method().clone(),
            path: logged(request.uri().path()),
            started: Instant::now(),
            // Stays when the client left before there was an answer.
            status: CLIENT_LEFT,
            first_byte: None,
            bytes: 0,
            outcome: Outcome::ClientLeft,
            metrics: Arc::clone(&self.metrics),
        })
    }
}

/// How much of a path a line holds: more than any shop's, and less than what fills a disk.
const LONGEST_PATH: usize = 1024;

fn logged(path: &str) -> String {
    path.chars().take(LONGEST_PATH).collect()
}

/// nginx's word for a client that did not wait for the answer.
const CLIENT_LEFT: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::REQUEST_TIMEOUT,
};

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Complete,
    ClientLeft,
    BrokenOff,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientLeft => "client_left",
            Self::BrokenOff => "broken_off",
        }
    }
}

/// What is known of a request; writes its line when dropped, however that comes about.
#[derive(Debug)]
struct Record {
    id: RequestId,
    client: Option<IpAddr>,
    method: Method,
    path: String,
    started: Instant,
    status: StatusCode,
    first_byte: Option<std::time::Duration>,
    bytes: u64,
    outcome: Outcome,
    metrics: Arc<Metrics>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        self.metrics.answered(&self.method, self.status, duration, self.first_byte);
        // The query stays out: it holds tokens and e-mail addresses.
        tracing::info!(
            target: "segue::access",
            {
                request.id = self.id.as_str(),
                client.address = self.client.map(tracing::field::display),
                http.method = self.method.as_str(),
                http.path = self.path,
                http.status = self.status.as_u16(),
                answer.bytes = self.bytes,
                answer.outcome = self.outcome.as_str(),
                duration.ms = millis(duration),
                origin.ms = self.first_byte.map(millis)
            },
            "answered"
        );
    }
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

/// An answer's body that counts its bytes for the log.
#[derive(Debug)]
pub struct Logged<B> {
    inner: B,
    record: Box<Record>,
    expected: Option<u64>,
}

impl<B: HttpBody> Logged<B> {
    fn new(inner: B, mut record: Box<Record>) -> Self {
        // An empty body is never polled.
        if inner.is_end_stream() {
            record.outcome = Outcome::Complete;
        }
        let expected = inner.size_hint().exact();
        Self { inner, record, expected }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Logged<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.record.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                // With a known length nobody asks whether there is more.
                if this.expected == Some(this.record.bytes) {
                    this.record.outcome = Outcome::Complete;
                }
            }
            Poll::Ready(Some(Err(_))) => this.record.outcome = Outcome::BrokenOff,
            Poll::Ready(None) => this.record.outcome = Outcome::Complete,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_a_part_of_a_path_that_no_shop_has() {
        assert_eq!(logged("/gear.html"), "/gear.html");
        assert_eq!(logged(&"/é".repeat(9000)).chars().count(), LONGEST_PATH);
    }
}
