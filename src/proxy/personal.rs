//! What Segue is for: says who the shopper is, decides what he gets, asks the origin, and changes its page.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, StatusCode, header, request};
use jiff::Timestamp;
use tower::{Layer, Service};

use super::{Answering, Client};
use crate::audience::simulate::{self, SimulationRequest};
use crate::audience::{Identifier, KnownAudiences, Membership, RequestView, Shopper, Source, jar};
use crate::body::{Body, BoxError};
use crate::decision::decide::{Decision, Rules};
use crate::decision::lookup::Lookup;
use crate::decision::select::{Scope, Selection, select};
use crate::mode::{Mode, Modes};
use crate::page::PageFacts;
use crate::rewrite::plan::StoreHints;
use crate::rewrite::render::Dressing;
use crate::rewrite::skip::Skip;
use crate::rewrite::stylesheet::Stylesheet;
use crate::rewrite::{Outcome, Rewriter, Rewritten, Wanted, headers};
use crate::site::{Sites, StoreView};
use crate::telemetry::pages::{PageMetrics, Shown};

/// Everything that a request is judged by. What changes while Segue runs is behind [`Shop::publish`] and [`Shop::set_modes`].
#[derive(Debug)]
pub struct Shop {
    sites: Sites,
    share: u8,
    modes: ArcSwap<Modes>,
    lookup: Lookup,
    known: ArcSwap<KnownAudiences>,
    identifier: Identifier,
    rewriter: Arc<Rewriter>,
    stylesheet: Stylesheet,
    metrics: PageMetrics,
}

/// What a [`Shop`] begins with.
#[derive(Debug)]
pub struct Parts {
    /// The store views.
    pub sites: Sites,
    /// The percentage of shoppers that pages change for.
    pub share: u8,
    /// The modes as of now.
    pub modes: Modes,
    /// The rules as of now.
    pub rules: Rules,
    /// Says who shoppers are.
    pub identifier: Identifier,
    /// Changes pages.
    pub rewriter: Arc<Rewriter>,
    /// Where what became of pages is counted.
    pub metrics: PageMetrics,
}

impl Shop {
    /// A shop with these parts.
    pub fn new(parts: Parts) -> Self {
        let known = KnownAudiences::of(parts.rules.ruleset());
        let stylesheet = Stylesheet::under(&parts.identifier.config().prefix);
        Self {
            sites: parts.sites,
            share: parts.share,
            modes: ArcSwap::from_pointee(parts.modes),
            lookup: Lookup::new(parts.rules),
            known: ArcSwap::from_pointee(known),
            identifier: parts.identifier,
            rewriter: parts.rewriter,
            stylesheet,
            metrics: parts.metrics,
        }
    }

    /// The store views.
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Puts other rules in force.
    pub fn publish(&self, rules: Rules) {
        self.known.store(Arc::new(KnownAudiences::of(rules.ruleset())));
        self.lookup.publish(rules);
    }

    /// Puts other modes in force.
    pub fn set_modes(&self, modes: Modes) {
        self.modes.store(Arc::new(modes));
    }

    /// Where Segue's own pages are.
    pub fn prefix(&self) -> &str {
        &self.identifier.config().prefix
    }

    /// Answers what Segue itself serves to shoppers; `None` for a path where there is nothing.
    pub fn own_page(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let asked = SimulationRequest {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            secure: request.extensions().get::<Client>().is_some_and(|client| client.secure),
            now: Timestamp::now().as_second(),
        };
        self.identifier.handle(&asked).or_else(|| self.stylesheet.answer(request.uri().path()))
    }

    /// Finds out everything about a request that does not need the origin, and fits its headers for it.
    fn begin(self: &Arc<Self>, parts: &mut request::Parts, client: &Client, now: Timestamp) -> Turn {
        let store = jar::values(&parts.headers, "store").next().and_then(|value| std::str::from_utf8(value).ok());
        let view = Arc::clone(self.sites.find(&client.host, parts.uri.path(), store));
        let known = self.known.load_full();
        let shopper = self.identifier.identify(&RequestView {
            headers: &parts.headers,
            client: client.address,
            website: &view.website,
            now: now.as_second(),
            known: &known,
        });
        for refused in &shopper.refused {
            self.metrics.refused(refused.labels());
        }
        let included = shopper.key.in_share(self.share);
        let mode = self.modes.load().of(&view.code);
        let sent = shopper.membership.as_ref().filter(|known| goes_up(known, mode, included));
        self.identifier.outgoing(&mut parts.headers, parts.uri.path(), sent, &known);
        // Looking at a simulation is what one does before switching on.
        let mode = if mode == Mode::Observe && shopper.is_simulated() { Mode::On } else { mode };
        let rules = self.lookup.current();
        let personal = shopper.is_simulated() || rules.could_change(&view, now);
        let wanted = self.rewriter.prepare(parts, mode, personal);
        let excluded = mode == Mode::On && !included && !shopper.is_simulated();
        let path = parts.uri.path().to_owned();
        Turn { shop: Arc::clone(self), rules, view, known, shopper, wanted, excluded, path, secure: client.secure, now }
    }
}

/// Whether a membership goes to the origin. What Segue keeps itself goes along with changed pages, so that the cart charges what
/// they show. A claim that is believed was going there before Segue came, and merely watching must not take it away.
fn goes_up(membership: &Membership, mode: Mode, included: bool) -> bool {
    membership.source == Source::Plain || (mode == Mode::On && included)
}

/// One request on its way to the origin and back.
struct Turn {
    shop: Arc<Shop>,
    /// The rules as of the request's arrival: all its parts see the same.
    rules: Arc<Rules>,
    view: Arc<StoreView>,
    known: Arc<KnownAudiences>,
    shopper: Shopper,
    wanted: Wanted,
    /// Whether the shopper is outside of the share that pages change for.
    excluded: bool,
    path: String,
    secure: bool,
    now: Timestamp,
}

impl Turn {
    async fn finish(self, response: Response<Body>) -> Response<Body> {
        match self.wanted.mode() {
            Mode::Off => response,
            Mode::Observe => self.observe(response),
            Mode::On => self.rewrite(response).await,
        }
    }

    fn decision(&self) -> Arc<Decision> {
        let nobody = BTreeSet::new();
        let audiences = self.shopper.page_audiences().unwrap_or(&nobody);
        self.shop.lookup.decide(&self.rules, &self.view, audiences, self.now)
    }

    fn observe(self, response: Response<Body>) -> Response<Body> {
        let shop = Arc::clone(&self.shop);
        let rewriter = Arc::clone(&shop.rewriter);
        let (path, wanted, decision) = (self.path.clone(), self.wanted, self.decision());
        let select = move |facts: &PageFacts, hints: &StoreHints| self.select(&decision, facts, hints);
        rewriter.observe(&wanted, response, select, move |outcome| {
            let shown = shop.metrics.count(Mode::Observe, &outcome);
            log_watched(&path, &shown);
        })
    }

    async fn rewrite(&self, response: Response<Body>) -> Response<Body> {
        // Most requests are for no page: nothing is looked up for them.
        let rewritten = match self.wanted.skip().or(self.excluded.then_some(Skip::Share)) {
            Some(skip) => self.shop.rewriter.pass(&self.wanted, skip, response),
            None => self.personalise(response).await,
        };
        self.account(&rewritten.outcome);
        self.remember(rewritten)
    }

    async fn personalise(&self, response: Response<Body>) -> Rewritten {
        let rewriter = &self.shop.rewriter;
        let decision = self.decision();
        if decision.is_empty() && !self.shopper.is_simulated() {
            return rewriter.pass(&self.wanted, Skip::NoDecision, response);
        }
        let marker = self.shopper.simulation.as_ref();
        let marker = marker.map(|simulation| simulate::marker(simulation, self.shop.prefix()));
        let dressing =
            Dressing { stylesheet: Some(self.shop.stylesheet.url()), marker: marker.as_deref(), ..Dressing::default() };
        let wanted = rewriter.under(self.wanted, &self.circumstances(&decision));
        let select = |facts: &PageFacts, hints: &StoreHints| self.select(&decision, facts, hints);
        rewriter.rewrite(&wanted, response, &dressing, select).await
    }

    fn select(&self, decision: &Decision, facts: &PageFacts, hints: &StoreHints) -> Result<Selection, Skip> {
        if hints.contradict(&self.view) {
            return Err(Skip::StoreMismatch);
        }
        // Now that the page is known, it may turn out that no rule is for it: its caching is the origin's business then.
        if !self.shopper.is_simulated() && !self.rules.could_change_page(&self.view, self.now, &self.path, facts) {
            return Err(Skip::NoRule);
        }
        let scope = Scope { view: &self.view, path: &self.path, bucket: self.shopper.key.bucket() };
        Ok(select(decision, &scope, facts))
    }

    /// Everything that [`select`](Self::select) goes by beside the page: the decision's key has the rules, the time window, the view
    /// among those of the rules, and the audiences.
    fn circumstances<'a>(&'a self, decision: &'a Decision) -> impl Hash + 'a {
        let bucket = decision.has_turns().then(|| self.shopper.key.bucket());
        (decision.key(), &self.view.code, &self.path, bucket, self.shopper.is_simulated())
    }

    fn account(&self, outcome: &Outcome) {
        if !self.shopper.is_simulated() {
            self.shop.metrics.count(Mode::On, outcome);
        }
    }

    /// Puts what the browser is to keep on an HTML page, which then belongs to this shopper alone.
    fn remember(&self, rewritten: Rewritten) -> Response<Body> {
        let mut response = rewritten.response;
        // A cache in front must still find what is meant for it: the cookie can wait for another page.
        let for_cache = matches!(rewritten.outcome, Err(Skip::SharedCacheInFront));
        if for_cache || headers::for_shared_cache(response.headers()) || !is_html(&response) {
            return response;
        }
        match self.shop.identifier.set_cookie(&self.shopper, self.secure, self.now.as_second(), &self.known) {
            Ok(None) => {}
            Ok(Some(cookie)) => {
                headers::make_private(response.headers_mut());
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Err(error) => tracing::warn!(%error, "a membership could not be sealed"),
        }
        response
    }
}

fn is_html(response: &Response<Body>) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    response.status() == StatusCode::OK && media_type.is_some_and(|value| value.starts_with(b"text/html"))
}

/// Says what would have changed; pages, files and calls that would have passed as they are are in the metrics.
fn log_watched(path: &str, shown: &Shown) {
    if shown.products + shown.blocks == 0 {
        return;
    }
    tracing::info!(
        page.path = path,
        products.changed = shown.products,
        blocks.placed = shown.blocks,
        "would have changed"
    );
}

/// Personalises what goes through.
#[derive(Clone, Debug)]
pub struct PersonalLayer {
    shop: Arc<Shop>,
}

impl PersonalLayer {
    /// Personalises for `shop`.
    pub fn new(shop: Arc<Shop>) -> Self {
        Self { shop }
    }
}

impl<S> Layer<S> for PersonalLayer {
    type Service = Personal<S>;

    fn layer(&self, inner: S) -> Personal<S> {
        Personal { inner, shop: Arc::clone(&self.shop) }
    }
}

/// See [`PersonalLayer`].
#[derive(Clone, Debug)]
pub struct Personal<S> {
    inner: S,
    shop: Arc<Shop>,
}

impl<S> Service<Request<Body>> for Personal<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering<BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let client = parts.extensions.get::<Client>().cloned().expect("the headers layer names every client");
        let now = Timestamp::now();
        let turn = self.shop.begin(&mut parts, &client, now);
        let answer = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move { Ok(turn.finish(answer.await.map_err(Into::into)?).await) })
    }
}
