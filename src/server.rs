//! Sockets: accepts clients, serves HTTP/1.1 and HTTP/2 to them, and drains when told to stop.

mod activity;
mod connection;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use crate::body::{Body, BoxError};
pub use connection::serve;

/// The client's end of the connection, an extension of every request; IPv4 inside IPv6 is turned into IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What clients may do, and for how long.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections at a time; more wait in the kernel. 10,000: at some 20 KiB each that is 200 MiB.
    pub max_connections: usize,
    /// From a request's first byte, or the connection's start, to the end of its head. 10 s: a bad mobile line needs
    /// a few, and whoever drips headers holds a place no longer.
    pub header_timeout: Duration,
    /// How long an idle connection stays open. 75 s: longer than the 60 s that load balancers keep theirs, so that
    /// they close first and never meet a closing one.
    pub keep_alive: Duration,
    /// How long a client may refuse to take bytes. 60 s: a stalled phone; a full window that long is a lost one.
    pub write_timeout: Duration,
    /// Largest head in bytes. 64 KiB: twice what nginx takes at most; cookies of many scripts stay below 16.
    pub max_head_bytes: usize,
    /// Most header lines. 100, as Apache.
    pub max_headers: usize,
    /// Requests at a time on one HTTP/2 connection. 100: what browsers expect at least.
    pub max_streams: u32,
    /// How long a drain waits for what is under way. 30 s: as long as Kubernetes waits before it kills.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            max_head_bytes: 64 << 10,
            max_headers: 100,
            max_streams: 100,
            grace: Duration::from_secs(30),
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that still had something under way when the grace was over.
    pub cut: usize,
}

/// Serves `service` on `listener` until `stop` ends; then takes no more clients, closes idle connections at once, and
/// waits for the rest for as long as `config.grace` allows.
///
/// `connections` shows how many are open.
pub async fn run<S, B>(
    listener: TcpListener,
    config: Config,
    service: S,
    connections: Gauge,
    stop: impl Future<Output = ()>,
) -> Drained
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (drain, draining) = watch::channel(false);
    let builder = Arc::new(connection::builder(&config));
    let config = Arc::new(config);
    let places = Arc::new(Semaphore::new(config.max_connections));
    let mut tasks = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = stop.as_mut() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let open = Open::new(&connections, place);
        let (builder, config, service, draining) =
            (Arc::clone(&builder), Arc::clone(&config), service.clone(), draining.clone());
        tasks.spawn(async move {
            connection::drive(&builder, stream, peer, &config, service, draining).await;
            drop(open);
        });
    }
    drop(listener);
    drain.send_replace(true);
    finish(tasks, config.grace).await
}

async fn finish(mut tasks: JoinSet<()>, grace: Duration) -> Drained {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all).await.is_err() {
        let cut = tasks.len();
        tracing::warn!(connections.cut = cut, "the grace is over: what is still under way is cut");
        tasks.shutdown().await;
        return Drained { cut };
    }
    Drained { cut: 0 }
}

/// Waits for a place, then for a client.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Only a socket that is gone already refuses this, and serving it will say so.
                let _ = stream.set_nodelay(true);
                return (stream, peer, place);
            }
            Err(error) if is_clients(&error) => {}
            // Out of files or memory: trying again at once would only burn the CPU that could end a connection.
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// True when only the client that is being accepted is at fault.
fn is_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A place that is taken, shown in the gauge.
struct Open {
    connections: Gauge,
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(connections: &Gauge, place: OwnedSemaphorePermit) -> Self {
        connections.inc();
        Self { connections: connections.clone(), _place: place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.dec();
    }
}
