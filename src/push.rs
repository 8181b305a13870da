//! A listener on which Experience Platform says that a shopper's audiences changed.
//!
//! It takes what Adobe's *HTTP API* destination sends to `POST /push` with a bearer token. Nothing in a message is believed but that
//! somebody may have changed: it becomes a [hint](Hints), and the shopper is looked up anew at his next request. A message that is
//! sent again, whoever sends it, therefore costs one look-up.

mod hints;
mod message;
mod receive;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use prometheus_client::metrics::gauge::Gauge;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::server;
use crate::telemetry::Metrics;
pub use hints::Hints;

/// The settings of this room.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// One or two bearer tokens that are believed.
    pub tokens: Vec<SecretString>,
    /// Requests a second; more are told to come later.
    pub max_rate: u32,
}

/// The listener, with its socket open.
#[derive(Debug)]
pub struct Push {
    listener: TcpListener,
    router: Router,
    connections: Gauge,
}

impl Push {
    /// Opens the socket. What is received goes to `hints`.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub async fn bind(config: &Config, hints: Hints, metrics: &mut Metrics) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let connections = Gauge::default();
        metrics.register("push_connections", "Open connections from Experience Platform", connections.clone());
        let router = receive::router(config, hints, receive::Counts::register(metrics));
        Ok(Self { listener, router, connections })
    }

    /// Where Experience Platform connects.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` ends, then finishes what is under way.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        server::run(self.listener, limits(), self.router, self.connections, stop).await;
    }
}

/// Adobe gives up after 2 s and tries twice more, so whoever takes longer is somebody else.
fn limits() -> server::Config {
    server::Config {
        // Adobe's senders keep a few dozen connections.
        max_connections: 256,
        header_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        max_head_bytes: 16 << 10,
        // With as many bodies in the making as this allows on every connection, memory still is bounded by the rate.
        max_streams: 16,
        grace: Duration::from_secs(5),
        ..server::Config::default()
    }
}
