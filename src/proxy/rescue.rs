//! Errors become answers here, and nowhere else.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use tower::{Layer, Service};

use super::first_party::EdgeFailed;
use super::hygiene::Refusal;
use super::{Answering, RequestId};
use crate::body::{Body, BoxError};
use crate::telemetry::Metrics;
use crate::upstream::{self, Fault};

/// Turns every error of the service behind into an answer, logs and counts it.
#[derive(Clone, Debug)]
pub struct RescueLayer {
    metrics: Arc<Metrics>,
}

impl RescueLayer {
    /// Counts in `metrics`.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue { inner, metrics: Arc::clone(&self.metrics) }
    }
}

/// See [`RescueLayer`].
#[derive(Clone, Debug)]
pub struct Rescue<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> Service<Request<Body>> for Rescue<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Infallible>;

    // A service that is not ready has nothing to say yet; `call` finds out why.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let form = Form::wanted(request.headers());
        let id = request.extensions().get::<RequestId>().cloned();
        let version = request.version();
        let metrics = Arc::clone(&self.metrics);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let error = match answer.await {
                Ok(response) => return Ok(response),
                Err(error) => error.into(),
            };
            // After a request that two servers could read in two ways, what follows on its connection is not read.
            let close = error.is::<Refusal>() && version < Version::HTTP_2;
            let mut response = rescue(error, form, id.as_ref(), &metrics);
            if close {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}

fn rescue(error: BoxError, form: Form, id: Option<&RequestId>, metrics: &Metrics) -> Response<Body> {
    let request_id = id.map(RequestId::as_str).unwrap_or_default();
    let status = if let Some(refusal) = error.downcast_ref::<Refusal>() {
        metrics.refused(refusal.as_str());
        tracing::debug!(request.id = request_id, reason = refusal.as_str(), "refused a request");
        refusal_status(*refusal)
    } else if let Some(origin) = error.downcast_ref::<upstream::Error>() {
        metrics.origin_failed(origin.kind());
        tracing::warn!(request.id = request_id, origin.error = origin.kind(), error, "no answer from the origin");
        origin_status(origin)
    } else if let Some(EdgeFailed(edge)) = error.downcast_ref::<EdgeFailed>() {
        metrics.edge_failed(edge.kind());
        tracing::warn!(request.id = request_id, edge.error = edge.kind(), error, "no answer from the Edge Network");
        origin_status(edge)
    } else {
        tracing::error!(request.id = request_id, error, "a request failed inside Segue");
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut response = page(status, form, request_id);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

fn refusal_status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::Expectation => StatusCode::EXPECTATION_FAILED,
        Refusal::TargetTooLong => StatusCode::URI_TOO_LONG,
        Refusal::Loop => StatusCode::LOOP_DETECTED,
        Refusal::NothingHere => StatusCode::NOT_FOUND,
        Refusal::HostMissing | Refusal::HostTwice | Refusal::HostInvalid | Refusal::Framing | Refusal::Target => {
            StatusCode::BAD_REQUEST
        }
    }
}

fn origin_status(error: &upstream::Error) -> StatusCode {
    match error.fault() {
        Fault::Origin => StatusCode::BAD_GATEWAY,
        Fault::OriginLate => StatusCode::GATEWAY_TIMEOUT,
        Fault::Client if matches!(error, upstream::Error::Upload(_)) => StatusCode::REQUEST_TIMEOUT,
        Fault::Client => StatusCode::BAD_REQUEST,
    }
}

/// The answer for a request whose handling panicked.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message.unwrap_or("of no known type"), "handling a request panicked");
    page(StatusCode::INTERNAL_SERVER_ERROR, Form::Html, "")
}

/// How the client wants to read of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
}

impl Form {
    /// JSON for those who take JSON and no HTML, as API clients and page scripts do.
    fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        if accept.contains("json") && !accept.contains("text/html") { Self::Json } else { Self::Html }
    }
}

fn page(status: StatusCode, form: Form, request_id: &str) -> Response<Body> {
    let (media_type, text) = match form {
        Form::Html => ("text/html; charset=utf-8", html(status, request_id)),
        Form::Json => {
            let value = serde_json::json!({ "message": words(status).0, "request_id": request_id });
            ("application/json", value.to_string())
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_GATEWAY => ("The shop is not available", "Please try again in a moment."),
        StatusCode::GATEWAY_TIMEOUT => ("The shop takes too long to answer", "Please try again in a moment."),
        StatusCode::INTERNAL_SERVER_ERROR => ("Something went wrong", "Please try again in a moment."),
        StatusCode::REQUEST_TIMEOUT => ("The request did not arrive in full", "Please send it again."),
        _ => ("The request cannot be served", "Please check the address."),
    }
}

fn html(status: StatusCode, request_id: &str) -> String {
    let (title, advice) = words(status);
    let reference =
        if request_id.is_empty() { String::new() } else { format!("<p class=id>Reference {request_id}</p>") };
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\"><meta name=robots content=noindex>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;color:#333;margin:0;display:grid;place-items:center;\
         min-height:90vh;text-align:center}}h1{{font-size:1.5rem;font-weight:600}}.id{{color:#767676;font-size:.8rem;\
         overflow-wrap:anywhere}}</style></head><body><main><h1>{title}</h1><p>{advice}</p>{reference}</main></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &'static str) -> Form {
        Form::wanted(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn answers_in_json_only_those_who_take_no_html() {
        assert_eq!(form("application/json"), Form::Json);
        assert_eq!(form("application/vnd.api+json, */*;q=0.1"), Form::Json);
        assert_eq!(form("text/html,application/json;q=0.9"), Form::Html);
        assert_eq!(form("*/*"), Form::Html);
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Html);
    }

    #[test]
    fn shows_nothing_of_an_error_it_does_not_know() {
        let response = rescue("secret table missing".into(), Form::Html, None, &Metrics::new());
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let Body::Full(Some(bytes)) = response.into_body() else { panic!("a page of ours is in memory") };
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
    }

    #[tokio::test]
    async fn answers_for_a_request_whose_handling_panicked() {
        use tower::ServiceExt as _;
        let broken = tower::service_fn(|request: Request<Body>| async move {
            let id = request.extensions().get::<RequestId>().expect("nobody named this one");
            Ok::<_, Infallible>(Response::new(Body::from(id.as_str().to_owned())))
        });
        let service = tower_http::catch_panic::CatchPanicLayer::custom(panicked).layer(broken);
        let response = service.oneshot(Request::new(Body::empty())).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn names_the_methods_that_are_served() {
        let response = rescue(Refusal::Method.into(), Form::Html, None, &Metrics::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(response.headers().contains_key(header::ALLOW));
    }
}
