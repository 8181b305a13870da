//! Paths that are Segue's own on the shop's address, by default those under `/.segue/`. None of them reaches the origin.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service};

use super::Answering;
use super::hygiene::Refusal;
use super::personal::Shop;
use crate::body::{Body, BoxError};

/// Hands requests under a path prefix to a service of Segue's, and all others on.
#[derive(Clone, Debug)]
pub struct OwnLayer<O> {
    prefix: Arc<str>,
    own: O,
}

impl<O> OwnLayer<O> {
    /// Hands what is under `prefix`, which begins and ends with `/`, to `own`.
    pub fn new(prefix: &str, own: O) -> Self {
        Self { prefix: prefix.into(), own }
    }
}

impl<S, O: Clone> Layer<S> for OwnLayer<O> {
    type Service = Own<S, O>;

    fn layer(&self, inner: S) -> Own<S, O> {
        Own { inner, layer: self.clone() }
    }
}

/// See [`OwnLayer`].
#[derive(Clone, Debug)]
pub struct Own<S, O> {
    inner: S,
    layer: OwnLayer<O>,
}

impl<S, O> Service<Request<Body>> for Own<S, O>
where
    S: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>, Future: Send + 'static>,
    O: Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering<BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.layer.own.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.inner.poll_ready(cx).map_err(Into::into),
            other => other.map_err(Into::into),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_under(request.uri().path(), &self.layer.prefix) {
            let answer = self.layer.own.call(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        } else {
            let answer = self.inner.call(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        }
    }
}

fn is_under(path: &str, prefix: &str) -> bool {
    path.starts_with(prefix) || prefix.strip_suffix('/') == Some(path)
}

/// Segue's own pages: its stylesheet, and what starts and ends simulations.
#[derive(Clone, Debug)]
pub struct OwnPages {
    shop: Arc<Shop>,
}

impl OwnPages {
    /// The pages of `shop`.
    pub fn new(shop: Arc<Shop>) -> Self {
        Self { shop }
    }
}

impl Service<Request<Body>> for OwnPages {
    type Response = Response<Body>;
    type Error = Refusal;
    type Future = Ready<Result<Response<Body>, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ready(self.shop.own_page(&request).ok_or(Refusal::NothingHere))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owns_its_prefix_and_no_path_that_only_begins_alike() {
        for path in ["/.segue/", "/.segue", "/.segue/block.css"] {
            assert!(is_under(path, "/.segue/"), "{path}");
        }
        for path in ["/", "/.seguex", "/a/.segue/", "/.Segue/"] {
            assert!(!is_under(path, "/.segue/"), "{path}");
        }
    }
}
