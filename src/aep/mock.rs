//! A server that answers as a test tells it, for the tests of this room.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::Response;
use http_body_util::BodyExt as _;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its head.
    pub(crate) head: Arc<http::request::Parts>,
    /// Its body.
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A server on loopback, gone with this value.
pub(crate) struct Mock {
    /// Where it is.
    pub(crate) url: Url,
    log: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Mock {
    /// Answers every request as `respond` says, at once.
    pub(crate) async fn start(respond: impl Fn(&Seen) -> Response<String> + Send + Sync + 'static) -> Self {
        Self::late(Duration::ZERO, respond).await
    }

    /// Answers every request as `respond` says, some time after it came.
    pub(crate) async fn late(
        by: Duration,
        respond: impl Fn(&Seen) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url = format!("http://{}/", listener.local_addr().expect("bound")).parse().expect("a URL");
        let (log, respond) = (Arc::new(Mutex::new(Vec::new())), Arc::new(respond));
        let kept = Arc::clone(&log);
        let handler = move |request: Request| {
            let (log, respond) = (Arc::clone(&kept), Arc::clone(&respond));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.expect("a whole request").to_bytes();
                let seen = Seen { head: Arc::new(head), body: String::from_utf8_lossy(&body).into_owned() };
                log.lock().expect("no test panics while it logs").push(seen.clone());
                tokio::time::sleep(by).await;
                respond(&seen)
            }
        };
        let router = axum::Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, log, task }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().expect("no test panics while it logs").clone()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a status and a body.
pub(crate) fn answer(status: u16, body: impl ToString) -> Response<String> {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(body.to_string()).expect("a valid answer")
}
