//! Keeps memberships fresh without keeping pages waiting.
//!
//! A page whose shopper is due to be looked up begins a look-up, or joins the one under way for him, and waits for it at most as long
//! as the budget. What comes later waits in a bounded cache of the process for his next page. The newer of cookie and cache wins.

mod breaker;
mod limits;
mod lookup;
mod metrics;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Source;
use super::consent::Consent;
use super::cookie::{Freshness, Sealed, ShopperKey, seconds};
use super::identify::Shopper;
use super::learnt::{Learnt, Scope};
use crate::aep::Identity;
use crate::aep::edge::{Edge, Question};
use crate::push::Hints;
use breaker::{Admission, Breaker};
use limits::Limits;
pub use metrics::LookupMetrics;

/// The settings of look-ups.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest that a page waits for a look-up. 80 ms: about what the Edge Network takes when it is well, and not noticed by a
    /// shopper.
    pub budget: Duration,
    /// Whether somebody who is not known to Experience Platform at all is looked up, and thereby made known.
    pub first_visit: FirstVisit,
    /// Look-ups under way at a time.
    pub max_concurrent: usize,
    /// Look-ups a second. Adobe allows 1,500 a second for an organisation's edge profiles.
    pub max_rate: u32,
    /// Request units a second: one for each 8 KiB of a request and each service of the datastream. Adobe allows 4,000.
    pub max_request_units: u32,
    /// How many of Adobe's services a datastream feeds, for the count of request units.
    pub datastream_services: u32,
    /// Look-ups a second for one client address.
    pub max_rate_per_client: u32,
}

/// What becomes of a shopper without an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstVisit {
    /// Nobody is asked about him.
    #[default]
    Skip,
    /// A page that he navigates to asks, and brings him the identity that he gets by it.
    Ask,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            budget: Duration::from_millis(80),
            first_visit: FirstVisit::Skip,
            max_concurrent: 256,
            max_rate: 1500,
            max_request_units: 4000,
            datastream_services: 2,
            max_rate_per_client: 20,
        }
    }
}

/// Why a page that was due for a look-up made none. Counted, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spared {
    /// The shopper has not consented; why is beside it.
    NoConsent(&'static str),
    /// Adobe does not know him, and he is not to be made known.
    NoIdentity,
    /// The Edge Network is out of order.
    BreakerOpen,
    /// The Edge Network said that it is asked too often.
    Throttled,
    /// Too many look-ups are under way.
    Busy,
    /// Too many look-ups in this second.
    Rate,
    /// Too many look-ups in this second for one client.
    ClientRate,
    /// His last question was refused, and the next would be the same.
    RefusedBefore,
    /// Identities have come too late of late.
    TooSlowToMint,
}

impl Spared {
    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoConsent(sign) => sign,
            Self::NoIdentity => "no_identity",
            Self::BreakerOpen => "breaker_open",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::Rate => "rate",
            Self::ClientRate => "client_rate",
            Self::RefusedBefore => "refused_before",
            Self::TooSlowToMint => "too_slow_to_mint",
        }
    }
}

/// The most memory that answers wait in. An answer takes some hundred bytes, so that this holds those of some 100,000 shoppers.
const MOST_BYTES: u64 = 64 << 20;

/// Answers wait at least this long for their shopper's next page.
const LEAST_WAIT: Duration = Duration::from_secs(120);

/// Shoppers whose question was refused, and who are left in peace for a while.
const MOST_REFUSED: u64 = 10_000;

/// Some 15 MB. Who is pushed out could get an answer that was under way when he logged out, as old as that.
const MOST_TURNED: u64 = 100_000;

/// How long nobody is made known after an identity came too late for its page.
const MINT_PAUSE: Duration = Duration::from_secs(60);

/// By how much, in parts of a hundred, a membership's time is cut short, so that those learnt together are not due together.
const JITTER: u64 = 10;

/// A page script can change its claim as often as it likes; it brings about no more look-ups than one in so many seconds.
const CLAIM_EVERY: i64 = 5;

/// Whom an answer is about and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    shopper: ShopperKey,
    scope: Scope,
}

type Flights = Mutex<HashMap<Key, UnderWay>>;

/// A look-up under way.
#[derive(Clone, Debug)]
struct UnderWay {
    flight: watch::Receiver<Flight>,
    begun: Instant,
}

/// How far a look-up is.
#[derive(Clone, Debug)]
enum Flight {
    UnderWay,
    Failed,
    Learnt(Arc<Learnt>),
}

/// A page that may need a look-up.
#[derive(Debug)]
pub struct Inquiry<'a> {
    /// Who opened it.
    pub shopper: &'a Shopper,
    /// The code of its website.
    pub website: &'a Arc<str>,
    /// The client's address.
    pub client: IpAddr,
    /// The time, in seconds since 1970 UTC.
    pub now: i64,
    /// Whether its answer can bring the browser an identity: a page that somebody navigates to.
    pub may_mint: bool,
}

/// A look-up that a page may wait for.
#[derive(Debug)]
pub struct Pending {
    flight: watch::Receiver<Flight>,
    /// Whether it only tries whether the Edge Network is back.
    is_probe: bool,
}

/// Looks shoppers up, for all connections of the process.
#[derive(Debug)]
pub struct Refresher {
    config: Config,
    fresh_for: Duration,
    edge: Edge,
    hints: Hints,
    answers: Cache<Key, Arc<Learnt>>,
    refused: Cache<Key, ()>,
    /// When shoppers last logged in or out, or took back their consent: no answer to an earlier question counts.
    turned: Cache<ShopperKey, Instant>,
    /// Until when nobody is made known.
    mint_paused: Mutex<Option<Instant>>,
    flights: Arc<Flights>,
    breakers: Mutex<HashMap<Arc<str>, Arc<Breaker>>>,
    limits: Limits,
    metrics: LookupMetrics,
}

impl Refresher {
    /// Nothing learnt yet. A membership is due after `fresh_for`.
    pub fn new(config: Config, fresh_for: Duration, edge: Edge, hints: Hints, metrics: LookupMetrics) -> Self {
        let size = |_: &Key, learnt: &Arc<Learnt>| u32::try_from(learnt.size()).unwrap_or(u32::MAX);
        let wait = fresh_for.max(LEAST_WAIT);
        Self {
            limits: Limits::new(&config),
            config,
            fresh_for,
            edge,
            hints,
            answers: Cache::builder().weigher(size).max_capacity(MOST_BYTES).time_to_live(wait).build(),
            refused: Cache::builder().max_capacity(MOST_REFUSED).time_to_live(wait).build(),
            turned: Cache::builder().max_capacity(MOST_TURNED).time_to_live(wait + LEAST_WAIT).build(),
            mint_paused: Mutex::default(),
            flights: Arc::default(),
            breakers: Mutex::default(),
            metrics,
        }
    }

    /// The metrics.
    pub fn metrics(&self) -> &LookupMetrics {
        &self.metrics
    }

    /// What this process learnt about a shopper after his cookie was written.
    /// `now` is the time in seconds since 1970 UTC.
    pub fn newer(&self, shopper: &Shopper, website: &Arc<str>, now: i64) -> Option<Arc<Learnt>> {
        if shopper.membership.as_ref().is_some_and(|membership| membership.source != Source::Edge) {
            return None;
        }
        let key = key(shopper, website)?;
        let learnt = self.answers.get(&key).filter(|learnt| !self.is_overtaken(&key.shopper, learnt.asked_at))?;
        let is_newer = |own: &Sealed| learnt.learnt_at > own.membership.learnt_at || own.is_ahead(now);
        shopper.own.as_ref().is_none_or(is_newer).then_some(learnt)
    }

    /// Keeps an answer that came without a look-up of Segue's own. One that is older than what is known is dropped.
    pub fn keep(&self, learnt: Arc<Learnt>) {
        let key = Key { shopper: learnt.shopper, scope: learnt.scope.clone() };
        lookup::keep(&self.answers, key, learnt);
    }

    /// Whether a shopper logged in or out, or took back his consent, since `asked_at`, so that an answer to a question of that time is
    /// no longer about who he is.
    pub fn is_overtaken(&self, shopper: &ShopperKey, asked_at: Instant) -> bool {
        self.turned.get(shopper).is_some_and(|turned| asked_at <= turned)
    }

    /// Forgets what waits for a shopper who logged in or out, and what is under way.
    pub fn forget(&self, shopper: &Shopper) {
        if let Some(identity) = shopper.visitor.as_ref().and_then(|visitor| visitor.identity.as_ref()) {
            self.turned.insert(ShopperKey::of(identity), Instant::now());
        }
    }

    /// Forgets what waits for a shopper who no longer consents, and what is under way.
    pub fn heed(&self, shopper: &Shopper, website: &Arc<str>) {
        let Some(visitor) = shopper.visitor.as_ref().filter(|visitor| visitor.consent != Consent::Given) else {
            return;
        };
        let Some(identity) = &visitor.identity else { return };
        let key = key_of(identity, website, &visitor.datastream);
        if self.answers.contains_key(&key) || self.under_way(&key).is_some() {
            self.answers.invalidate(&key);
            self.forget(shopper);
        }
    }

    /// An answer went out before the identity that it was to bring came: as long as the Edge Network is so slow, each further one would be
    /// made for nobody.
    pub fn pause_mints(&self) {
        *self.mint_paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + MINT_PAUSE);
    }

    /// Begins a look-up for a page, or joins the one under way, where one is due; `question` says what is asked. Page and look-up then
    /// go on side by side.
    pub fn begin(self: &Arc<Self>, inquiry: &Inquiry<'_>, question: impl FnOnce() -> Question) -> Option<Pending> {
        if !self.is_due(inquiry) {
            return None;
        }
        let begun = self.try_begin(inquiry, question);
        begun.map_err(|spared| self.metrics.spared(spared.as_str())).ok()
    }

    fn try_begin(
        self: &Arc<Self>,
        inquiry: &Inquiry<'_>,
        question: impl FnOnce() -> Question,
    ) -> Result<Pending, Spared> {
        let visitor = inquiry.shopper.visitor.as_ref().ok_or(Spared::NoIdentity)?;
        if let Consent::Withheld(sign) = visitor.consent {
            return Err(Spared::NoConsent(sign.as_str()));
        }
        let Some(identity) = &visitor.identity else {
            let scope = Scope { website: Arc::clone(inquiry.website), datastream: Arc::clone(&visitor.datastream) };
            // Whoever has no identity yet cannot be told from others like him, so that nobody shares his look-up.
            let may_mint =
                self.config.first_visit == FirstVisit::Ask && inquiry.may_mint && !self.config.budget.is_zero();
            return match may_mint {
                false => Err(Spared::NoIdentity),
                true if self.mints_are_late() => Err(Spared::TooSlowToMint),
                true => self.start(inquiry, None, scope, question()),
            };
        };
        let key = key_of(identity, inquiry.website, &visitor.datastream);
        if self.refused.contains_key(&key) {
            return Err(Spared::RefusedBefore);
        }
        match self.under_way(&key) {
            Some(pending) => Ok(pending),
            None => {
                let scope = key.scope.clone();
                self.start(inquiry, Some(key), scope, question())
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        inquiry: &Inquiry<'_>,
        key: Option<Key>,
        scope: Scope,
        question: Question,
    ) -> Result<Pending, Spared> {
        let length = self.edge.length(&question);
        // From here on nobody else begins one for the same shopper.
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = key.as_ref().and_then(|key| self.among(&flights, key)) {
            return Ok(self.joined(under_way, &scope.datastream));
        }
        let breaker = self.breaker(&scope.datastream);
        // Whether the Edge Network is back is not for somebody to find out whose identity would be lost with the answer.
        if key.is_none() && breaker.is_open() {
            return Err(Spared::BreakerOpen);
        }
        let begun = Instant::now();
        if !breaker.would_admit(begun) {
            return Err(Spared::BreakerOpen);
        }
        // Who is past a limit must not use up the one try that there is in ten seconds.
        let place = self.limits.admit(inquiry.client, length)?;
        let admission = breaker.admit(begun);
        if admission == Admission::No {
            return Err(Spared::BreakerOpen);
        }
        let (tell, flight) = watch::channel(Flight::UnderWay);
        if let Some(key) = &key {
            flights.insert(key.clone(), UnderWay { flight: flight.clone(), begun });
        }
        drop(flights);
        let lookup = lookup::Lookup {
            refresher: Arc::clone(self),
            key,
            scope,
            question,
            claim_seen: inquiry.shopper.claim_seen,
            client: inquiry.client,
            length,
            learnt_at: inquiry.now,
            begun,
            breaker,
            tell,
            _place: place,
        };
        tokio::spawn(lookup.run());
        Ok(Pending { flight, is_probe: admission == Admission::Probe })
    }

    fn mints_are_late(&self) -> bool {
        let paused = self.mint_paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.is_some_and(|until| Instant::now() < until)
    }

    fn under_way(&self, key: &Key) -> Option<Pending> {
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        self.among(&flights, key).map(|under_way| self.joined(under_way, &key.scope.datastream))
    }

    /// The look-up under way whose answer will still be about the shopper.
    fn among<'a>(&self, flights: &'a HashMap<Key, UnderWay>, key: &Key) -> Option<&'a UnderWay> {
        flights.get(key).filter(|under_way| !self.is_overtaken(&key.shopper, under_way.begun))
    }

    fn joined(&self, under_way: &UnderWay, datastream: &Arc<str>) -> Pending {
        Pending { flight: under_way.flight.clone(), is_probe: self.breaker(datastream).is_open() }
    }

    fn breaker(&self, datastream: &Arc<str>) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(breakers.entry(Arc::clone(datastream)).or_default())
    }

    /// Whether a page's shopper is to be looked up.
    fn is_due(&self, inquiry: &Inquiry<'_>) -> bool {
        let shopper = inquiry.shopper;
        if shopper.visitor.is_none() || shopper.is_simulated() {
            return false;
        }
        let fresh_for = seconds(self.fresh_for);
        let Some(membership) = &shopper.membership else {
            return shopper.declined_at.is_none_or(|at| inquiry.now.saturating_sub(at) >= fresh_for);
        };
        // What an operator minted, or a source that is believed said, is not for Experience Platform to change.
        if membership.source != Source::Edge {
            return false;
        }
        let Some(own) = &shopper.own else { return true };
        let age = inquiry.now.saturating_sub(membership.learnt_at);
        let pushed = self.hints.since(&shopper.key).is_some();
        own.ask_again
            || pushed
            || own.is_ahead(inquiry.now)
            || age >= self.due_after(shopper.key, membership.learnt_at)
            || shopper.freshness == Some(Freshness::Stale)
            || claims_otherwise(shopper, own, age)
    }

    /// After how many seconds a membership is due: a little earlier than `fresh_for`, by an amount that is its own.
    fn due_after(&self, shopper: ShopperKey, learnt_at: i64) -> i64 {
        let mut hash = DefaultHasher::new();
        (shopper, learnt_at).hash(&mut hash);
        let fresh_for = seconds(self.fresh_for);
        let most = fresh_for.saturating_mul(JITTER as i64) / 100;
        fresh_for - (hash.finish() % (most.unsigned_abs() + 1)) as i64
    }
}

impl Pending {
    /// Waits for the look-up, at most as long as the budget, and not at all for one that only tries.
    pub async fn within(&mut self, refresher: &Refresher) -> Option<Arc<Learnt>> {
        let budget = if self.is_probe { Duration::ZERO } else { refresher.config.budget };
        if !budget.is_zero() {
            let begin = Instant::now();
            let over = self.flight.wait_for(|flight| !matches!(flight, Flight::UnderWay));
            // Late or failed, the page goes out with what is known.
            let _ended = timeout(budget, over).await;
            refresher.metrics.waited(begin.elapsed());
        }
        self.now()
    }

    /// Whether the answer is still to come.
    pub fn is_under_way(&self) -> bool {
        matches!(&*self.flight.borrow(), Flight::UnderWay)
    }

    /// What was learnt, if the answer is there by now.
    pub fn now(&self) -> Option<Arc<Learnt>> {
        match &*self.flight.borrow() {
            Flight::Learnt(learnt) => Some(Arc::clone(learnt)),
            Flight::UnderWay | Flight::Failed => None,
        }
    }
}

/// Where answers about a shopper wait.
fn key(shopper: &Shopper, website: &Arc<str>) -> Option<Key> {
    let visitor = shopper.visitor.as_ref()?;
    let identity = visitor.identity.as_ref().filter(|_| visitor.consent == Consent::Given)?;
    Some(key_of(identity, website, &visitor.datastream))
}

fn key_of(identity: &Identity, website: &Arc<str>, datastream: &Arc<str>) -> Key {
    let scope = Scope { website: Arc::clone(website), datastream: Arc::clone(datastream) };
    Key { shopper: ShopperKey::of(identity), scope }
}

/// Whether page scripts say something else than they did when the shopper was looked up: his audiences may have changed.
fn claims_otherwise(shopper: &Shopper, own: &Sealed, age: i64) -> bool {
    shopper.claim_seen != 0 && shopper.claim_seen != own.claim_seen && age >= CLAIM_EVERY
}

impl Learnt {
    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let audiences = self.audiences.iter().flatten().map(|id| id.len() + 32).sum::<usize>();
        let state = self.state.iter().map(|item| item.key.len() + item.value.len() + 80).sum::<usize>();
        200 + audiences + state
    }
}

#[cfg(test)]
mod tests;
