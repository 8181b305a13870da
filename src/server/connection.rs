//! One client connection: HTTP/1.1 or HTTP/2, until it is idle, stuck, or the server drains.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tower::{Service, ServiceExt as _};

use super::activity::{Activity, UnderWay, Verdict, Watched};
use super::{Config, Peer};
use crate::body::{Body, BoxError};

/// How connections are read.
pub(super) fn builder(config: &Config) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The activity watch bounds heads and idleness apart from each other, which hyper's own timer cannot.
        .header_read_timeout(None)
        // Who closes his sending side has left, as nginx sees it too; else the origin would work on for nobody.
        .half_close(false)
        .max_buf_size(config.max_head_bytes.max(MIN_BUFFER))
        .max_headers(config.max_headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(u32::try_from(config.max_head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .keep_alive_interval(config.keep_alive / 3)
        .keep_alive_timeout(config.header_timeout);
    builder
}

/// An interval of nothing would panic, and a shorter one only burn the CPU.
const SHORTEST_WATCH: Duration = Duration::from_millis(10);
/// hyper panics on buffers below this.
const MIN_BUFFER: usize = 8192;
/// Streams that a client may reset before we hang up; browsers reset a handful when one leaves a page.
const MAX_RESETS: usize = 64;
/// What one upload may have on its way; with the line below, what a client can make us hold.
const H2_STREAM_WINDOW: u32 = 256 << 10;
const H2_CONNECTION_WINDOW: u32 = 1 << 20;

/// Serves one client until its connection ends; when `draining` turns true, only what is under way is finished.
pub async fn serve<I, S, B>(io: I, peer: SocketAddr, config: &Config, service: S, draining: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    drive(&builder(config), io, peer, config, service, draining).await;
}

pub(super) async fn drive<I, S, B>(
    builder: &Builder<TokioExecutor>,
    io: I,
    peer: SocketAddr,
    config: &Config,
    service: S,
    mut draining: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let activity = Activity::new();
    let io = TokioIo::new(Watched::new(io, Arc::clone(&activity)));
    let peer = Peer(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    let answers = Arc::clone(&activity);
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let under_way = answers.begin(request.version() == Version::HTTP_2);
        let service = service.clone();
        async move {
            let mut request = request.map(Body::from);
            request.extensions_mut().insert(peer);
            let response = service.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(|inner| Answer::new(inner, under_way)))
        }
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, handler));
    let mut stop = pin!(async move { draining.wait_for(|draining| *draining).await.is_ok() });
    let mut stopping = false;
    let mut watch = tokio::time::interval((config.header_timeout.min(config.keep_alive) / 4).max(SHORTEST_WATCH));
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(client.address = %peer.0.ip(), error, "a connection ended early");
                }
                return;
            }
            _ = stop.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = watch.tick() => match activity.verdict(config) {
                Verdict::Keep => {}
                Verdict::Close => connection.as_mut().graceful_shutdown(),
                Verdict::Cut => return,
            },
        }
    }
}

/// An answer's body; its request is under way for as long as it lives.
///
/// When a body fails, hyper drops what it has not written yet, the head included: a failure therefore waits until all that came
/// before it has left.
struct Answer<B> {
    inner: B,
    failing: Option<Pin<Box<dyn Future<Output = BoxError> + Send>>>,
    under_way: UnderWay,
}

impl<B> Answer<B> {
    fn new(inner: B, under_way: UnderWay) -> Self {
        Self { inner, failing: None, under_way }
    }
}

impl<B: HttpBody<Error: Into<BoxError>> + Unpin> HttpBody for Answer<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = &mut *self;
        if this.failing.is_none() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Err(error)) => {
                    let (left, error) = (this.under_way.written(), error.into());
                    this.failing = Some(Box::pin(async move {
                        left.await;
                        error
                    }));
                }
                frame => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            }
        }
        let Some(failing) = &mut this.failing else { return Poll::Ready(None) };
        failing.as_mut().poll(cx).map(|error| Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.failing.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
