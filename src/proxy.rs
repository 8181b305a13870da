//! The path of a request, outermost layer first.

pub mod access;
pub mod first_party;
pub mod forwarded;
pub mod headers;
pub mod hygiene;
pub mod own;
pub mod personal;
mod request_id;
pub mod rescue;
pub mod tunnel;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body::Body as HttpBody;
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;

use crate::body::{Body, BoxError};
use crate::telemetry::Metrics;
use crate::upstream::Upstream;
use first_party::FirstPartyLayer;
pub use forwarded::Client;
use personal::Shop;
pub use request_id::RequestId;

/// `X-Request-Id`.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The answer of a layer on its way.
pub type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

/// How requests are checked and their headers rewritten.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What is refused.
    pub hygiene: hygiene::Config,
    /// What headers tell the origin, and whom they are believed from.
    pub headers: headers::Config,
}

/// Composes the path to `upstream`, and the one to the Edge Network where there is one.
pub fn service(
    config: Config,
    shop: Arc<Shop>,
    upstream: Upstream,
    first_party: Option<FirstPartyLayer>,
    metrics: Arc<Metrics>,
) -> impl Service<
    Request<Body>,
    Response = Response<impl HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static + use<>>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    let authority = upstream.authority().clone();
    ServiceBuilder::new()
        // Sees every answer, ours included, and names the request for all layers behind.
        .layer(access::AccessLayer::new(&config.headers.trusted_proxies, Arc::clone(&metrics)))
        // Outside of all that could panic; inside the log, so that a panic has a line.
        .layer(CatchPanicLayer::custom(rescue::panicked))
        // The one place where errors become answers, so that layers behind only return them.
        .layer(rescue::RescueLayer::new(metrics))
        // Before anybody believes a word of the request.
        .layer(hygiene::HygieneLayer::new(config.hygiene))
        // Says who the client is to all behind, and sees answers last, when nobody adds to them any more.
        .layer(headers::HeadersLayer::new(config.headers, &authority))
        // Behind the headers, so that our own pages know the client too.
        .layer(own::OwnLayer::new(shop.prefix(), own::OwnPages::new(Arc::clone(&shop))))
        // Behind the headers, which tell Adobe the client's address; before anybody looks for a page in the call.
        .option_layer(first_party)
        // Innermost: what it puts into the request goes to the origin as it is, and it sees the answer before anybody else.
        .layer(personal::PersonalLayer::new(shop))
        .service(upstream)
}
