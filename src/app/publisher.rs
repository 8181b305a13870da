//! Puts rules in force: those of the file, joined with Commerce's, without what is paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::catalog::Index;
use crate::commerce::Book;
use crate::decision::decide::Rules;
use crate::decision::link::{Commerce, Standing, join};
use crate::guard::{Fingerprints, fingerprints};
use crate::proxy::personal::Shop;
use crate::rule::Ruleset;
use crate::site::Sites;

/// What rules in force are made of. One change is put in force after another, so that the last one stays.
#[derive(Debug)]
pub(super) struct Publisher {
    shop: Arc<Shop>,
    parts: Mutex<Ingredients>,
    offers: channel::Sender<Fingerprints>,
}

#[derive(Debug)]
struct Ingredients {
    ruleset: Ruleset,
    paused: BTreeSet<Arc<str>>,
    /// What Commerce says, where it is asked.
    commerce: Option<Commerce>,
    /// What was last logged of offers that are not shown as prices.
    standings: BTreeMap<Arc<str>, Standing>,
}

/// The rules that come of a file's, and of what Commerce says of those that charge them.
pub(super) fn compile(
    ruleset: Ruleset,
    paused: &BTreeSet<Arc<str>>,
    commerce: Option<&Commerce>,
    sites: &Sites,
) -> (Rules, BTreeMap<Arc<str>, Standing>) {
    let Some(commerce) = commerce else { return (Rules::compile(ruleset.pausing(paused), sites), BTreeMap::new()) };
    let mut joined = join(ruleset, commerce);
    joined.ruleset = joined.ruleset.pausing(paused);
    let standings = std::mem::take(&mut joined.standings);
    (Rules::joined(joined, sites), standings)
}

impl Publisher {
    /// A publisher to a shop that has this ruleset in force already, without what is paused.
    pub(super) fn new(
        shop: Arc<Shop>,
        ruleset: Ruleset,
        paused: BTreeSet<Arc<str>>,
        commerce: Option<Commerce>,
        offers: channel::Sender<Fingerprints>,
    ) -> Arc<Self> {
        let parts = Ingredients { ruleset, paused, commerce, standings: BTreeMap::new() };
        Arc::new(Self { shop, parts: Mutex::new(parts), offers })
    }

    /// Puts another ruleset in force; its revision.
    pub(super) fn publish(&self, ruleset: Ruleset) -> u64 {
        let revision = ruleset.revision;
        self.offers.send_replace(fingerprints(&ruleset));
        self.change(|parts| parts.ruleset = ruleset);
        revision
    }

    /// Follows what is paused until the task is aborted.
    pub(super) fn follow(self: Arc<Self>, mut paused: channel::Receiver<BTreeSet<Arc<str>>>) -> JoinHandle<()> {
        // What changed before somebody listened counts as well.
        paused.mark_changed();
        tokio::spawn(async move {
            while paused.changed().await.is_ok() {
                let (publisher, now) = (Arc::clone(&self), paused.borrow_and_update().clone());
                // Thousands of rules take their time, which others on this thread would wait for.
                log_panic(tokio::task::spawn_blocking(move || publisher.pause(now)).await);
            }
        })
    }

    /// Follows what Commerce says of its rules until the task is aborted.
    pub(super) fn follow_books(self: Arc<Self>, mut books: channel::Receiver<Option<Arc<Book>>>) -> JoinHandle<()> {
        books.mark_changed();
        tokio::spawn(async move {
            while books.changed().await.is_ok() {
                let (publisher, now) = (Arc::clone(&self), books.borrow_and_update().clone());
                let learn = move || publisher.change(|parts| parts.commerce.get_or_insert_default().book = now);
                log_panic(tokio::task::spawn_blocking(learn).await);
            }
        })
    }

    /// Follows the catalogue until the task is aborted.
    pub(super) fn follow_catalogue(
        self: Arc<Self>,
        mut indexes: channel::Receiver<Option<Arc<Index>>>,
    ) -> JoinHandle<()> {
        indexes.mark_changed();
        tokio::spawn(async move {
            while indexes.changed().await.is_ok() {
                let (publisher, now) = (Arc::clone(&self), indexes.borrow_and_update().clone());
                let learn = move || publisher.change(|parts| parts.commerce.get_or_insert_default().index = now);
                log_panic(tokio::task::spawn_blocking(learn).await);
            }
        })
    }

    fn pause(&self, paused: BTreeSet<Arc<str>>) {
        self.change(|parts| parts.paused = paused);
    }

    fn change(&self, change: impl FnOnce(&mut Ingredients)) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        let sites = self.shop.sites();
        let (rules, standings) = compile(parts.ruleset.clone(), &parts.paused, parts.commerce.as_ref(), sites);
        log_standings(&parts.standings, &standings);
        parts.standings = standings;
        self.shop.publish(rules);
    }
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!(%error, "what changed could not be put in force");
    }
}

/// Says of offers that they are not shown as prices, or that they are again, when that changes.
fn log_standings(before: &BTreeMap<Arc<str>, Standing>, now: &BTreeMap<Arc<str>, Standing>) {
    for (offer, standing) in now {
        let was = before.get(offer);
        match standing {
            _ if was == Some(standing) => {}
            Standing::Price if was.is_none() => {}
            Standing::Price => tracing::info!(offer.id = &**offer, "an offer is shown as a price again"),
            Standing::Label(_) => tracing::warn!(offer.id = &**offer, "an offer is {standing}"),
            Standing::Drift(_) => tracing::error!(offer.id = &**offer, "an offer is {standing}"),
        }
    }
}
