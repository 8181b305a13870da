//! A server that answers as a test tells it, for the tests of this room.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::Response;
use http_body_util::BodyExt as _;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::api::Api;
use super::config::{Config, Credentials, Datastreams, Edge, OrgId, Version};
use super::ims::Tokens;

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

/// A configuration whose every address is this server's.
pub(crate) fn config(mock: &Mock) -> Config {
    config_at(&mock.url)
}

/// A configuration whose every address is this one.
pub(crate) fn config_at(url: &Url) -> Config {
    let edge = Edge {
        url: url.clone(),
        authenticated: false,
        version: Version::V2,
        datastreams: Datastreams::default(),
        aliases: Vec::new(),
        region_hint: None,
        timeout: Duration::from_secs(2),
    };
    Config {
        org: OrgId::parse("53A16ACB5CC1D3760A495C99@AdobeOrg").expect("an organisation's id"),
        credentials: Some(Credentials {
            client_id: "client-1".to_owned(),
            client_secrets: vec!["hunter2".into()],
            technical_account_id: None,
            technical_account_email: None,
            scopes: vec!["openid".to_owned()],
        }),
        sandbox: "prod".to_owned(),
        ims: url.clone(),
        platform: url.clone(),
        edge,
        destinations: Vec::new(),
        sync_every: Duration::from_secs(900),
    }
}

/// The API on this server, which also has to grant tokens: [`granted`] does.
pub(crate) fn api(mock: &Mock) -> Api {
    let config = config(mock);
    let tokens = Tokens::new(&config.ims, config.credentials.clone().expect("credentials")).expect("a client");
    Api::new(&config, tokens).expect("a client")
}

/// The token that a request asks for, if it asks for one.
pub(crate) fn granted(seen: &Seen) -> Option<Response<String>> {
    let token = r#"{"access_token":"t0ken","token_type":"bearer","expires_in":86399}"#;
    (seen.path() == "/ims/token/v3").then(|| answer(200, token))
}
