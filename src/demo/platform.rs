//! A stand-in for Adobe Experience Platform: tokens, audiences, flows and the Edge Network, as Adobe answers and as Adobe fails.
//!
//! It shares nothing with the part of Segue that asks: it is the other side. Tests start it in their own process and steer it by
//! [`Platform`]; `segue demo` serves it with a page on which people steer it.

mod audiences;
mod control;
mod edge;
mod fault;
mod flows;
mod ims;
mod options;
mod push;
mod record;
mod refusal;
mod socket;
mod visitors;

use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use fault::{Fault, Service};
pub use options::{Audience, DATASTREAM, Datastream, Destination, Evaluation, Lifecycle, Options};
pub use push::Target;
pub use record::Received;
pub use visitors::Visitor;

/// The stand-in: cheap to clone, all clones are one.
#[derive(Clone, Debug)]
pub struct Platform(Arc<Shared>);

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    options: Options,
    audiences: RwLock<Vec<Audience>>,
    region: RwLock<String>,
    visitors: visitors::Visitors,
    tokens: ims::Tokens,
    faults: fault::Faults,
    records: record::Records,
    pushes: push::Pushes,
    /// Ends the requests that hang, so that the stand-in can end.
    closing: watch::Sender<bool>,
}

impl Deref for Platform {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Platform {
    /// A stand-in that has seen nobody.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Shared {
            audiences: RwLock::new(options.audiences.clone()),
            region: RwLock::new(options.region.clone()),
            options,
            visitors: visitors::Visitors::default(),
            tokens: ims::Tokens::default(),
            faults: fault::Faults::default(),
            records: record::Records::default(),
            pushes: push::Pushes::default(),
            closing: watch::Sender::new(false),
        }))
    }

    /// Serves all of it until `shutdown` is done.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let router = router(self.clone()).into_make_service_with_connect_info::<socket::Link>();
        let shutdown = async move {
            shutdown.await;
            self.closing.send_replace(true);
        };
        axum::serve(socket::Sockets(listener), router).with_graceful_shutdown(shutdown).await
    }

    /// Moves somebody into an audience or out of it, at once. Where there is a push target, it is told.
    pub fn move_visitor(&self, ecid: &str, audience: &str, is_in: bool) {
        let has_changed = self.visitors.move_one(ecid, audience, is_in);
        if let Some(target) = self.options.push.as_ref().filter(|_| has_changed) {
            self.pushes.send(self, target, push::message(ecid, audience, is_in));
        }
    }

    /// Everybody, whoever was seen or moved last in front.
    pub fn visitors(&self) -> Vec<Visitor> {
        self.visitors.all()
    }

    /// Forgets somebody: his profile is not known any more.
    pub fn forget_visitor(&self, ecid: &str) {
        self.visitors.forget(ecid);
    }

    /// Says that another identity is the visitor's, too: requests with it as their primary identity are about his profile.
    pub fn link_identity(&self, namespace: &str, id: &str, ecid: &str) {
        self.visitors.link(namespace, id, ecid);
    }

    /// The value of the identity cookie for somebody, as the Edge Network would write it now.
    pub fn identity_cookie(&self, ecid: &str) -> String {
        edge::identity_cookie(ecid, edge::now(), &self.region(), false)
    }

    /// The name of one of the organisation's cookies: `identity`, `cluster` or `consent`.
    pub fn cookie(&self, kind: &str) -> String {
        format!("kndctr_{}_{kind}", self.options.org.replace('@', "_"))
    }

    /// All audiences as they are now.
    pub fn audiences(&self) -> Vec<Audience> {
        self.audiences.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes, renames, archives or deletes audiences.
    pub fn change_audiences(&self, change: impl FnOnce(&mut Vec<Audience>)) {
        change(&mut self.audiences.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The region that answers requests without a location hint.
    pub fn region(&self) -> String {
        self.region.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on another region answers those requests.
    pub fn set_region(&self, region: &str) {
        region.clone_into(&mut self.region.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on this goes wrong with every request for a service; with `None`, nothing.
    pub fn set_fault(&self, service: Service, fault: impl Into<Option<Fault>>) {
        self.faults.set(service, fault.into());
    }

    /// These go wrong with the next requests for a service, one each.
    pub fn queue_faults(&self, service: Service, faults: impl IntoIterator<Item = Fault>) {
        self.faults.queue(service, faults);
    }

    /// What goes wrong with every request for a service.
    pub fn fault(&self, service: Service) -> Option<Fault> {
        self.faults.standing(service)
    }

    /// The last 500 requests, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.records.all()
    }

    /// How many requests there were for a service.
    pub fn count(&self, service: Service) -> u64 {
        self.records.count(service)
    }

    /// Forgets the requests and begins to count anew.
    pub fn forget_requests(&self) {
        self.records.clear();
    }

    /// How many tokens were given.
    pub fn tokens_minted(&self) -> u64 {
        self.tokens.count()
    }

    /// No token that was given so far is valid any more.
    pub fn expire_tokens(&self) {
        self.tokens.expire();
    }
}

/// Every path of the stand-in.
pub fn router(platform: Platform) -> Router {
    Router::new()
        .route("/ims/token/v3", post(ims::token))
        .route("/data/core/ups/audiences", get(audiences::list))
        .route("/data/foundation/flowservice/flows", get(flows::flows))
        .route("/data/foundation/flowservice/targetConnections", get(flows::connections))
        .route("/ee/{*call}", any(edge::call))
        .merge(control::router())
        .layer(from_fn_with_state(platform.clone(), fault::admit))
        .layer(from_fn(cross_origin))
        .with_state(platform)
}

/// Only the Edge Network is for pages of other origins.
async fn cross_origin(request: Request, next: Next) -> Response {
    match Service::of(request.uri().path()) {
        Some(Service::Edge) => edge::cross_origin(request, next).await,
        _ => next.run(request).await,
    }
}
