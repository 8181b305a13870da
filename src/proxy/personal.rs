//! What Segue is for: says who the shopper is, decides what he gets, asks the origin, and changes its page.

mod answers;
mod charged;
mod fresh;
mod overheard;
mod session;
mod stale;
mod watched;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request};
use jiff::Timestamp;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::{Answering, Client};
use crate::aep::Datastreams;
use crate::audience::refresh::Refresher;
use crate::audience::simulate::{self, By, SimulationRequest};
use crate::audience::{Identifier, Keep, KnownAudiences, Membership, RequestView, Shopper, Source, adobe, jar};
use crate::body::{Body, BoxError};
use crate::charging::Charging;
use crate::decision::decide::{Decision, Rules};
use crate::decision::lookup::Lookup;
use crate::decision::select::{Scope, Selection, select};
use crate::guard::Guard;
use crate::mode::{Mode, Modes};
use crate::page::PageFacts;
use crate::rewrite::plan::StoreHints;
use crate::rewrite::render::Dressing;
use crate::rewrite::skip::Skip;
use crate::rewrite::stylesheet::Stylesheet;
use crate::rewrite::{Outcome, Rewriter, Rewritten, Wanted, headers};
use crate::seen::Seen;
use crate::site::{Sites, StoreView};
use crate::telemetry::pages::{PageMetrics, Shown};

/// Everything that a request is judged by. What changes while Segue runs is behind [`Shop::publish`] and [`Shop::set_modes`].
pub struct Shop {
    sites: Sites,
    share: u8,
    modes: ArcSwap<Modes>,
    lookup: Lookup,
    known: ArcSwap<KnownAudiences>,
    identifier: Identifier,
    platform: Option<Platform>,
    /// When a page was last made for a shared cache in front, where no answer can bring a cookie.
    cache_seen: Mutex<Option<Instant>>,
    rewriter: Arc<Rewriter>,
    guard: Arc<Guard>,
    charging: Arc<Charging>,
    stylesheet: Stylesheet,
    metrics: PageMetrics,
    seen: Option<Arc<Seen>>,
    drafts: OnceLock<DraftSource>,
}

/// Gives the rules that are being worked on, or says why it cannot.
pub type DraftSource = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<Rules>, String>> + Send>> + Send + Sync>;

/// How shoppers are looked up.
#[derive(Debug)]
pub struct Platform {
    /// By which datastream.
    pub datastreams: Datastreams,
    /// By whom.
    pub refresher: Arc<Refresher>,
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
    /// Looks them up; `None` where Experience Platform is not asked.
    pub platform: Option<Platform>,
    /// Changes pages.
    pub rewriter: Arc<Rewriter>,
    /// Compares what carts are charged with what pages promised.
    pub guard: Arc<Guard>,
    /// Sees to it that carts are charged so.
    pub charging: Arc<Charging>,
    /// Where what became of pages is counted.
    pub metrics: PageMetrics,
    /// Where shoppers are counted, if they are.
    pub seen: Option<Arc<Seen>>,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("sites", &self.sites).finish_non_exhaustive()
    }
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
            platform: parts.platform,
            cache_seen: Mutex::default(),
            rewriter: parts.rewriter,
            guard: parts.guard,
            charging: parts.charging,
            stylesheet,
            metrics: parts.metrics,
            seen: parts.seen,
            drafts: OnceLock::new(),
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

    /// Says where previews get the rules from that are being worked on. Only the first word counts.
    pub fn preview_by(&self, drafts: DraftSource) {
        let _ = self.drafts.set(drafts);
    }

    /// Puts other modes in force.
    pub fn set_modes(&self, modes: Modes) {
        self.modes.store(Arc::new(modes));
    }

    /// Whether pages may be made for a shared cache in front: some were of late, beside others that are for no cache, such as the cart.
    fn is_behind_cache(&self) -> bool {
        let seen = *self.cache_seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|seen| seen.elapsed() < CACHE_REMEMBERED)
    }

    fn note_cache(&self) {
        *self.cache_seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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

    /// Finds out everything about a request that needs nobody else, and asks of the origin what its page is to be like.
    fn begin(self: &Arc<Self>, parts: &mut request::Parts, client: Client, now: Timestamp) -> Turn {
        let store = jar::values(&parts.headers, "store").next().and_then(|value| std::str::from_utf8(value).ok());
        let asked = self.rewriter.asked(parts.uri.path());
        let found = self.sites.find(&client.host, parts.uri.path(), store);
        let view = Arc::clone(asked.as_ref().and_then(|asked| self.view_of(asked)).unwrap_or(found));
        let known = self.known.load_full();
        let shopper = self.identifier.identify(&RequestView {
            headers: &parts.headers,
            client: client.address,
            website: &view.website,
            datastream: self.platform.as_ref().and_then(|platform| platform.datastreams.of(&view)),
            now: now.as_second(),
            known: &known,
        });
        for refused in &shopper.refused {
            self.metrics.refused(refused.labels());
        }
        let included = shopper.key.in_share(self.share);
        let mode = self.modes.load().of(&view.code);
        // Looking at a simulation is what one does before switching on.
        let shown = if mode == Mode::Observe && shopper.is_simulated() { Mode::On } else { mode };
        let rules = self.lookup.current();
        let simulated = shopper.is_simulated();
        let wanted = match &asked {
            Some(asked) => {
                let personal = simulated || rules.could_offer(&view, now);
                self.rewriter.prepare_answer(parts, shown, personal, asked.kind)
            }
            None => self.rewriter.prepare(parts, shown, simulated || rules.could_change(&view, now)),
        };
        let excluded = shown == Mode::On && !included && !shopper.is_simulated();
        Turn {
            shop: Arc::clone(self),
            rules,
            view,
            known,
            wanted,
            excluded,
            tells_origin: mode == Mode::On && included,
            path: parts.uri.path().to_owned(),
            session: session::Before::of(parts, &shopper),
            watched: watched::Watched::of(parts, &self.sites, found),
            held: stale::Held::of(parts, &wanted, &self.identifier.config().offers_cookie(), &self.rewriter),
            charged: charged::Charged::of(self, parts, &shopper),
            is_of_view: asked.is_none_or(|asked| self.is_sure_of(&asked)),
            shopper,
            client,
            now,
            arrived: Instant::now(),
            looked_up: fresh::LookedUp::default(),
        }
    }
}

/// For how long a page that was made for a shared cache says that there is one. Shops have some such page within minutes.
const CACHE_REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Whether a membership goes to the origin. What Segue keeps itself goes along with changed pages, so that the cart charges what
/// they show. A claim that is believed was going there before Segue came, and merely watching must not take it away.
fn goes_up(membership: &Membership, tells_origin: bool) -> bool {
    membership.source == Source::Plain || tells_origin
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
    /// Whether the origin gets what Segue keeps itself.
    tells_origin: bool,
    path: String,
    session: session::Before,
    /// The answer, where it says what a cart is charged.
    watched: Option<watched::Watched>,
    /// What his browser holds that was made for him.
    held: stale::Held,
    /// What is known of his session at the shop.
    charged: charged::Charged,
    /// Whether an answer to a script is known to be for the view.
    is_of_view: bool,
    client: Client,
    now: Timestamp,
    /// The same on the clock that measures.
    arrived: Instant,
    looked_up: fresh::LookedUp,
}

impl Turn {
    /// Takes the rules that are being worked on, where the shopper is somebody who previews them.
    async fn take_drafts(&mut self) {
        let Some(simulation) = self.shopper.simulation.as_mut().filter(|it| it.by == By::Drafts) else { return };
        // Files and calls that pass as they are need no rules.
        if self.wanted.skip().is_some() && self.wanted.answer().is_none() {
            return;
        }
        let drafts = match self.shop.drafts.get() {
            Some(drafts) => drafts().await,
            None => Err("rules are in a file".to_owned()),
        };
        match drafts {
            Ok(rules) => {
                let known = KnownAudiences::of(rules.ruleset());
                simulation.labels = simulation.audiences.iter().map(|id| known.label(id).to_owned()).collect();
                self.rules = rules;
            }
            Err(error) => {
                tracing::warn!("a preview shows what is live: {error}");
                simulation.by = By::NoDrafts;
            }
        }
    }

    /// Fits a request's headers for the origin.
    fn tell_origin(&self, headers: &mut HeaderMap) {
        let sent = self.shopper.membership.as_ref().filter(|known| goes_up(known, self.tells_origin));
        let kept = self.charged.kept();
        if kept.is_empty() {
            self.shop.identifier.outgoing(headers, &self.path, sent, &self.known);
            return;
        }
        // What was shown is charged, also when the audience that it was for is lost.
        let mut grown = sent.cloned().unwrap_or(Membership {
            audiences: BTreeSet::new(),
            learnt_at: self.now.as_second(),
            source: Source::Edge,
        });
        grown.audiences.extend(kept.iter().cloned());
        self.shop.identifier.outgoing(headers, &self.path, Some(&grown), &self.known);
    }

    async fn finish(mut self, response: Response<Body>) -> Response<Body> {
        self.take_late_answer();
        self.charge_after(&response);
        match (self.wanted.mode(), self.wanted.answer()) {
            (Mode::On, Some(kind)) => self.rewrite_answer(kind, response).await,
            (Mode::Off, _) | (Mode::Observe, Some(_)) => response,
            (Mode::Observe, None) => self.observe(response),
            (Mode::On, None) => self.rewrite(response).await,
        }
    }

    fn decision(&self) -> Arc<Decision> {
        self.decision_on(&self.view)
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

    async fn rewrite(&mut self, response: Response<Body>) -> Response<Body> {
        // Most requests are for no page: nothing is looked up for them.
        let rewritten = match self.wanted.skip().or(self.excluded.then_some(Skip::Share)) {
            Some(skip) => self.shop.rewriter.pass(&self.wanted, skip, response),
            None => self.personalise(response).await,
        };
        self.account(&rewritten.outcome);
        self.remember(rewritten)
    }

    async fn personalise(&mut self, response: Response<Body>) -> Rewritten {
        self.count_age();
        let decision = self.decision();
        self.note_shown(&decision);
        let rewriter = &self.shop.rewriter;
        if decision.is_empty() && !self.shopper.is_simulated() {
            return rewriter.pass(&self.wanted, Skip::NoDecision, response);
        }
        let marker = self.shopper.simulation.as_ref();
        let marker = marker.map(|simulation| simulate::marker(simulation, self.shop.prefix()));
        let dressing = Dressing {
            stylesheet: Some(self.shop.stylesheet.url()),
            marker: marker.as_deref(),
            display: &self.view.display,
            ..Dressing::default()
        };
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

    /// Puts what the browser is to keep on an HTML page, which then belongs to this shopper alone, and on an answer that logs him in
    /// or out.
    fn remember(&self, rewritten: Rewritten) -> Response<Body> {
        let mut response = rewritten.response;
        // A cache in front must still find what is meant for it: the cookie can wait for another page.
        let for_cache = matches!(rewritten.outcome, Err(Skip::SharedCacheInFront));
        let for_cache = for_cache || headers::for_shared_cache(response.headers());
        if for_cache {
            if is_html(&response) {
                self.shop.note_cache();
            }
            return response;
        }
        let mut cookies = self.kept(&response);
        cookies.extend(self.kept_session(&response));
        cookies.extend(self.refreshed(&response, &rewritten.outcome));
        bring(&mut response, cookies);
        response
    }

    /// The `Set-Cookie` lines that an answer is to bring.
    fn kept(&self, response: &Response<Body>) -> Vec<HeaderValue> {
        let is_page = is_html(response);
        // Whoever was looked up for this very answer is who he is now; nobody is looked up for what scripts load.
        let is_looked_up = self.looked_up.has_learnt() && self.wanted.answer().is_none();
        let change = (!is_looked_up).then(|| self.after_session_change(response, is_page)).flatten();
        match (change, &self.shopper.keep) {
            (Some(keep), _) => self.cookies(&keep),
            // Who logged out elsewhere while this page was made keeps what that answer told his browser.
            (None, Keep::Sealed(_)) if is_page && self.is_overtaken() => self.cookies(&Keep::AsIs),
            (None, keep) if is_page || self.looked_up.is_minted() => self.cookies(keep),
            _ => Vec::new(),
        }
    }

    /// The `Set-Cookie` lines of Segue's own cookie and of what is kept for Adobe.
    fn cookies(&self, keep: &Keep) -> Vec<HeaderValue> {
        let identifier = &self.shop.identifier;
        let own = identifier.set_cookie(keep, self.client.secure, self.now.as_second(), &self.known);
        let own = own.unwrap_or_else(|error| {
            tracing::warn!(%error, "a membership could not be sealed");
            None
        });
        let domain = identifier.config().domain.as_deref();
        own.into_iter().chain(adobe::set_cookies(self.looked_up.state(), &self.client.host, domain)).collect()
    }
}

/// Puts `Set-Cookie` lines on an answer, which then belongs to one shopper alone.
fn bring(response: &mut Response<Body>, cookies: Vec<HeaderValue>) {
    if !cookies.is_empty() {
        headers::make_private(response.headers_mut());
        response.headers_mut().extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
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
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
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
        let mut turn = self.shop.begin(&mut parts, client, Timestamp::now());
        // The one that was polled ready is the one to call.
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        Box::pin(async move {
            turn.take_drafts().await;
            turn.look_up(&parts).await;
            turn.charge(&parts).await;
            turn.tell_origin(&mut parts.headers);
            let body = turn.hear_request(&parts.headers, body);
            let answer = inner.call(Request::from_parts(parts, body)).await.map_err(Into::into)?;
            let answer = turn.watched(answer);
            Ok(turn.finish(answer).await)
        })
    }
}
