//! The operations listener: alive, ready, metrics. Nothing on it is for shoppers.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry::Metrics;

/// Whether the process should get traffic. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Not ready, until told otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ready once rules are loaded and sockets open; not ready from the start of a drain.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// The present answer.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// `/.segue/health` (200 while the process lives), `/.segue/ready` (200 or 503) and `/metrics`.
pub fn router(readiness: Readiness, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/.segue/health", get(|| async { "alive\n" }))
        .route("/.segue/ready", get(ready).with_state(readiness))
        .route("/metrics", get(encode).with_state(metrics))
}

/// Serves `router` until `stop` ends. Stop it last: what drains still wants to be watched.
pub async fn run(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    if readiness.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}

async fn encode(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, media_type)], metrics.encode())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(router: &Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).expect("valid");
        router.clone().oneshot(request).await.expect("infallible").status()
    }

    #[tokio::test]
    async fn is_ready_only_between_start_and_drain() {
        let readiness = Readiness::new();
        let router = router(readiness.clone(), Arc::new(Metrics::new()));
        assert_eq!(status(&router, "/.segue/ready").await, StatusCode::SERVICE_UNAVAILABLE);
        readiness.set(true);
        assert_eq!(status(&router, "/.segue/ready").await, StatusCode::OK);
        readiness.set(false);
        assert_eq!(status(&router, "/.segue/ready").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&router, "/.segue/health").await, StatusCode::OK);
        assert_eq!(status(&router, "/metrics").await, StatusCode::OK);
    }
}
