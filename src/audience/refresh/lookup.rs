//! One look-up, from question to answer; it goes on when the page that began it has gone out.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep};

use super::breaker::Breaker;
use super::limits::PAUSE;
use super::{Flight, Key, Learnt, Refresher, Scope};
use crate::aep::Identity;
use crate::aep::edge::{Answer, EdgeError, Profile, Question};
use crate::audience::cookie::ShopperKey;

/// How long a repeated question waits at least, so that it does not meet the same moment.
const REPEAT_AFTER: Duration = Duration::from_millis(10);

pub(super) struct Lookup {
    pub(super) refresher: Arc<Refresher>,
    /// Whom it is about; `None` for somebody who is to get an identity.
    pub(super) key: Option<Key>,
    pub(super) scope: Scope,
    pub(super) question: Question,
    pub(super) claim_seen: u32,
    pub(super) client: IpAddr,
    pub(super) length: usize,
    pub(super) learnt_at: i64,
    pub(super) begun: Instant,
    pub(super) breaker: Arc<Breaker>,
    pub(super) tell: watch::Sender<Flight>,
    /// Its place among those under way, free again when it is over.
    pub(super) _place: OwnedSemaphorePermit,
}

impl Lookup {
    pub(super) async fn run(self) {
        let _over = Landing(&self);
        let answer = tokio::select! {
            answer = self.ask() => answer,
            () = self.abandoned() => {
                self.refresher.metrics.ended("abandoned", self.begun.elapsed());
                return;
            }
        };
        let took = self.begun.elapsed();
        let learnt = match answer {
            Ok(answer) => self.judge(answer, took),
            Err(error) => {
                self.failed(&error, took);
                None
            }
        };
        let Some(learnt) = learnt.map(Arc::new) else { return };
        // An identity that no answer can bring to its browser any more is nobody's, and so is what was learnt under it.
        if let Some(key) = &self.key {
            if self.refresher.is_overtaken(&key.shopper, self.begun) {
                return;
            }
            self.refresher.hints.settle(&key.shopper, self.begun);
            keep(&self.refresher.answers, key.clone(), Arc::clone(&learnt));
        }
        self.tell.send_replace(Flight::Learnt(learnt));
    }

    /// Ends when no answer can bring an identity to its browser any more, as it has gone out or the browser has: the look-up is given up
    /// then, rather than that an identity is made which nobody has. One about somebody who is known goes on, for his next page.
    async fn abandoned(&self) {
        match self.key {
            None => self.tell.closed().await,
            Some(_) => std::future::pending().await,
        }
    }

    /// Asks, and once more where Adobe's rules allow it and the page that waits still would.
    async fn ask(&self) -> Result<Answer, EdgeError> {
        let first = self.ask_once().await;
        let Some(wait) = first.as_ref().err().and_then(repeat_after) else { return first };
        if self.begun.elapsed() + wait + REPEAT_AFTER >= self.refresher.config.budget {
            return first;
        }
        sleep(wait).await;
        // It counts like any other.
        match self.refresher.limits.admit(self.client, self.length) {
            Ok(_place) => self.ask_once().await,
            Err(_) => first,
        }
    }

    async fn ask_once(&self) -> Result<Answer, EdgeError> {
        let answer = self.refresher.edge.ask(&self.question).await;
        if let Err(EdgeError::Throttled { retry_after }) = &answer {
            self.refresher.limits.pause(*retry_after);
        }
        answer
    }

    fn judge(&self, answer: Answer, took: Duration) -> Option<Learnt> {
        self.answered();
        let metrics = &self.refresher.metrics;
        let audiences = match &answer.profile {
            Profile::Known(audiences) => {
                metrics.ended("known", took);
                Some(audiences.clone())
            }
            // Some service did not answer in time: perhaps the one that knows the shopper.
            Profile::Unknown | Profile::NoDestination if answer.is_partial => {
                metrics.ended("partial", took);
                return None;
            }
            Profile::Unknown => {
                metrics.ended("unknown_profile", took);
                Some(Default::default())
            }
            Profile::NoDestination => {
                metrics.ended("no_destination", took);
                Some(Default::default())
            }
            Profile::NoConsent => {
                metrics.ended("no_consent", took);
                None
            }
        };
        Some(Learnt {
            audiences,
            learnt_at: self.learnt_at,
            asked_at: self.begun,
            shopper: self.whom(&answer)?,
            scope: self.scope.clone(),
            claim_seen: self.claim_seen,
            state: answer.state.into(),
        })
    }

    /// Whom an answer is about: the identity that his browser will have when it is asked for next.
    fn whom(&self, answer: &Answer) -> Option<ShopperKey> {
        if answer.is_contradictory {
            return None;
        }
        let told = answer.ecid.clone().map(Identity::Ecid);
        let brings_identity = answer.brings_identity;
        match (&self.question.identity, told) {
            (_, Some(told)) if brings_identity => Some(ShopperKey::of(&told)),
            (Some(asked @ Identity::Ecid(_)), Some(told)) if *asked != told => None,
            (Some(asked), _) => Some(ShopperKey::of(asked)),
            (None, _) => None,
        }
    }

    fn answered(&self) {
        if self.breaker.succeeded() {
            tracing::info!(datastream = &*self.scope.datastream, "the Edge Network answers again");
        }
    }

    fn failed(&self, error: &EdgeError, took: Duration) {
        self.refresher.metrics.ended(error.as_str(), took);
        if error.is_everybodys() {
            if self.breaker.failed(Instant::now()) {
                tracing::warn!(%error, datastream = &*self.scope.datastream, "the Edge Network is out of order: pages go out with what is known");
            }
            return;
        }
        // What was not even sent says nothing of the Edge Network.
        if !matches!(error, EdgeError::TooLong) {
            self.answered();
        }
        if let Some(key) = &self.key {
            self.refresher.refused.insert(key.clone(), ());
        }
    }
}

/// How long to wait before the same question, where it may be put again at all. Asked too often, it is as long as all others wait.
fn repeat_after(error: &EdgeError) -> Option<Duration> {
    let usual = if matches!(error, EdgeError::Throttled { .. }) { PAUSE } else { REPEAT_AFTER };
    error.may_be_repeated().then(|| error.retry_after().unwrap_or(usual))
}

/// Ends a flight however it ends, so that nobody waits for one that is over.
struct Landing<'a>(&'a Lookup);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.0.key {
            let mut flights = self.0.refresher.flights.lock().unwrap_or_else(PoisonError::into_inner);
            // Another one may have begun since, for who the shopper is now.
            if flights.get(key).is_some_and(|under_way| under_way.begun == self.0.begun) {
                flights.remove(key);
            }
        }
        self.0.tell.send_if_modified(|flight| {
            let failed = matches!(flight, Flight::UnderWay);
            if failed {
                *flight = Flight::Failed;
            }
            failed
        });
    }
}

/// Keeps an answer unless a newer one is there.
pub(super) fn keep(answers: &Cache<Key, Arc<Learnt>>, key: Key, learnt: Arc<Learnt>) {
    answers.entry(key).and_compute_with(|known| match known {
        Some(known) if known.value().learnt_at > learnt.learnt_at => Op::Nop,
        _ => Op::Put(learnt),
    });
}
