//! A scripted origin: records what reaches it, answers what a test says.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// What reached the origin.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// Every value of a header, joined as one text.
    pub fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let texts: Vec<String> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        texts.join("; ")
    }
}

type Answering = dyn Fn(&Seen) -> Response<Bytes> + Send + Sync;

/// An origin on a loopback port of its own.
pub struct Origin {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Origin {
    pub async fn start(answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, seen.clone(), Arc::new(answer)));
        Self { port, seen }
    }

    /// Takes what has reached the origin so far.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("no test panicked here"))
    }

    /// Takes what has reached the origin, which must be one request.
    pub fn take_one(&self) -> Seen {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "requests at the origin: {seen:?}");
        seen.remove(0)
    }
}

/// A page as Magento behind its built-in cache answers it.
pub fn html(page: &str) -> Response<Bytes> {
    Response::builder()
        .header("content-type", "text/html; charset=UTF-8")
        .header("cache-control", "public, max-age=86400, s-maxage=86400")
        .header("pragma", "cache")
        .header("etag", "\"origin\"")
        .body(Bytes::from(page.to_owned()))
        .expect("a valid answer")
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, answer: Arc<Answering>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, answer) = (seen.clone(), answer.clone());
        let service = service_fn(move |request| {
            let (seen, answer) = (seen.clone(), answer.clone());
            async move { Ok::<_, Infallible>(serve(request, &seen, &*answer).await) }
        });
        let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        tokio::spawn(async move { builder.serve_connection(TokioIo::new(stream), service).await.is_ok() });
    }
}

async fn serve(request: Request<Incoming>, seen: &Mutex<Vec<Seen>>, answer: &Answering) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    // A body that breaks off is the client's affair.
    let body = body.collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let one = Seen { method: parts.method.to_string(), target: parts.uri.to_string(), headers: parts.headers, body };
    seen.lock().expect("no test panicked here").push(one.clone());
    answer(&one).map(Full::new)
}
