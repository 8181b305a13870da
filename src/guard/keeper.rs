//! Keeps pauses in the store, so that they outlast a restart, hold in every process that shares it, and end when an operator says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::Guard;
use super::pauses::{Fingerprints, Pause};
use crate::store::{Place, Store, StoreError};

/// How often the store is looked at: one query of a table that is nearly always empty.
const LOOK: Duration = Duration::from_secs(1);

/// The pauses of this process.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Those that hold, by offer.
    held: BTreeMap<Arc<str>, Pause>,
    /// Those among them that the store does not have yet.
    unwritten: BTreeMap<Arc<str>, Pause>,
}

impl Ledger {
    /// Notes a pause of this process; false where the offer is paused already.
    pub(super) fn add(&mut self, pause: &Pause) -> bool {
        if self.held.contains_key(&pause.offer) {
            return false;
        }
        self.held.insert(Arc::clone(&pause.offer), pause.clone());
        self.unwritten.insert(Arc::clone(&pause.offer), pause.clone());
        true
    }

    /// Takes what the store has as what holds, beside what it does not have yet. Says whose pauses were lifted.
    fn follow(&mut self, stored: Vec<Pause>, offers: &Fingerprints) -> Vec<Arc<str>> {
        let before = std::mem::take(&mut self.held);
        self.unwritten.retain(|_, pause| is_current(pause, offers));
        let stored = stored.into_iter().filter(|pause| is_current(pause, offers));
        self.held = stored.chain(self.unwritten.values().cloned()).map(|it| (Arc::clone(&it.offer), it)).collect();
        before.into_keys().filter(|offer| !self.held.contains_key(offer)).collect()
    }

    fn written(&mut self, pause: &Pause) {
        if self.unwritten.get(&pause.offer) == Some(pause) {
            self.unwritten.remove(&pause.offer);
        }
    }

    pub(super) fn held(&self) -> &BTreeMap<Arc<str>, Pause> {
        &self.held
    }
}

/// Whether a pause is of what an offer says now.
fn is_current(pause: &Pause, offers: &Fingerprints) -> bool {
    offers.get(&pause.offer).is_none_or(|fingerprint| fingerprint.fits(&pause.fingerprint))
}

/// Looks after the pauses of a guard.
#[derive(Debug)]
pub struct Keeper {
    guard: Arc<Guard>,
    place: Place,
    store: Option<Store>,
    offers: watch::Receiver<Fingerprints>,
    /// The failure that was logged, until it is over.
    failing: Option<String>,
}

impl Keeper {
    /// A keeper of these pauses in this store; `offers` is what the offers in force say at any time.
    pub fn new(guard: Arc<Guard>, place: Place, offers: watch::Receiver<Fingerprints>) -> Self {
        // One keeper looks after a guard; a second one would say the same.
        let _ = guard.stated.set(offers.clone());
        Self { guard, place, store: None, offers, failing: None }
    }

    /// Looks once, so that the first page after a restart is as the last one before it. Without a store there is nothing to remember.
    pub async fn begin(mut self) -> Self {
        self.look().await;
        self
    }

    /// Looks until the task is aborted.
    pub fn spawn(mut self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    // What was just paused is to outlast a crash.
                    () = self.guard.news.notified() => {}
                }
                self.look().await;
            }
        })
    }

    async fn look(&mut self) {
        let failure = self.exchange().await.err().map(|error| error.to_string());
        if failure != self.failing {
            match &failure {
                Some(error) => tracing::error!("paused offers are not kept: {error}"),
                None => tracing::info!("paused offers are kept again"),
            }
            self.failing = failure;
        }
    }

    /// Writes what is new here, and takes over what is new in the store.
    async fn exchange(&mut self) -> Result<(), StoreError> {
        let unwritten: Vec<Pause> = self.guard.ledger().unwritten.values().cloned().collect();
        // A store is made when there is something to keep.
        if self.store.is_none() && (!unwritten.is_empty() || self.place.may_hold()) {
            self.store = Some(self.place.open().await?);
        }
        let offers = self.offers.borrow().clone();
        let stored = match &self.store {
            None => Vec::new(),
            Some(store) => {
                for pause in &unwritten {
                    store.keep_pause(pause).await?;
                    self.guard.ledger().written(pause);
                }
                let stored = store.pauses().await?;
                for old in stored.iter().filter(|pause| !is_current(pause, &offers)) {
                    store.lift_pause(&old.offer, Some(&old.fingerprint)).await?;
                }
                stored
            }
        };
        let lifted = self.guard.ledger().follow(stored, &offers);
        self.guard.lift(&lifted);
        self.guard.show_pauses();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::guard::Fingerprint;

    fn pause(offer: &str, fingerprint: &str) -> Pause {
        let (offer, fingerprint) = (offer.into(), Fingerprint::parse(fingerprint));
        Pause { offer, fingerprint, since: Timestamp::UNIX_EPOCH, agreed: 4, differed: 3 }
    }

    fn offers(fingerprint: &str) -> Fingerprints {
        Fingerprints::from([("vip".into(), Fingerprint::parse(fingerprint))])
    }

    fn held(ledger: &Ledger) -> Vec<&str> {
        ledger.held().keys().map(|offer| &**offer).collect()
    }

    #[test]
    fn what_is_not_written_yet_holds_all_the_same() {
        let mut ledger = Ledger::default();
        let vip = pause("vip", "1");
        assert!(ledger.add(&vip) && !ledger.add(&vip));
        assert!(ledger.follow(Vec::new(), &offers("1")).is_empty());
        assert_eq!(held(&ledger), ["vip"]);
        ledger.written(&vip);
        assert_eq!(ledger.follow(vec![vip], &offers("1")), Vec::<Arc<str>>::new());
        assert_eq!(held(&ledger), ["vip"]);
    }

    #[test]
    fn a_row_that_is_gone_lifts_the_pause() {
        let mut ledger = Ledger::default();
        ledger.follow(vec![pause("vip", "1"), pause("new", "1")], &offers("1"));
        assert_eq!(ledger.follow(vec![pause("new", "1")], &offers("1")), ["vip".into()]);
        assert_eq!(held(&ledger), ["new"], "an offer that no rule names now is remembered");
    }

    #[test]
    fn an_offer_that_says_something_else_is_tried_again() {
        let mut ledger = Ledger::default();
        ledger.add(&pause("vip", "1"));
        assert_eq!(ledger.follow(vec![pause("vip", "1")], &offers("2")), ["vip".into()]);
        assert!(held(&ledger).is_empty());
    }

    #[test]
    fn an_offer_whose_rule_says_something_else_is_tried_again_once_that_is_known() {
        let mut ledger = Ledger::default();
        ledger.add(&pause("vip", "1.a"));
        assert!(ledger.follow(vec![pause("vip", "1.a")], &offers("1")).is_empty(), "Commerce has not said it yet");
        assert!(ledger.follow(vec![pause("vip", "1.a")], &offers("1.a")).is_empty());
        assert_eq!(ledger.follow(vec![pause("vip", "1.a")], &offers("1.b")), ["vip".into()]);
    }
}
