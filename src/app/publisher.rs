//! Puts rules in force: those of the file, joined with Commerce's, without what is paused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::catalog::keeper::Indexes;
use crate::charging::codes::wanted;
use crate::commerce::keeper::Books;
use crate::decision::decide::Rules;
use crate::decision::link::{self, Commerce, Reason, Standing, Standings};
use crate::guard::drift::drift;
use crate::guard::{Fingerprints, Guard, fingerprints};
use crate::proxy::personal::Shop;
use crate::rule::Ruleset;
use crate::site::Sites;

const MINUTE: Duration = Duration::from_secs(60);

/// What rules in force are made of. One change is put in force after another, so that the last one stays.
#[derive(Debug)]
pub(super) struct Publisher {
    shop: Arc<Shop>,
    parts: Mutex<Ingredients>,
    offers: channel::Sender<Fingerprints>,
    /// The rules whose codes are to be at hand.
    needed: channel::Sender<BTreeSet<u64>>,
    /// Whether rules in force go by what Commerce says.
    joined: channel::Sender<bool>,
}

#[derive(Debug)]
struct Ingredients {
    ruleset: Ruleset,
    paused: BTreeSet<Arc<str>>,
    /// What Commerce says, where it is asked.
    commerce: Option<Commerce>,
    /// What was last logged of offers that are not shown as prices.
    standings: Standings,
}

/// The rules that come of a file's without what is paused, and of what Commerce says of those that charge them.
pub(super) fn compile(
    ruleset: Ruleset,
    paused: &BTreeSet<Arc<str>>,
    commerce: Option<&Commerce>,
    sites: &Sites,
) -> (Rules, Standings) {
    link::rules(ruleset.pausing(paused), commerce, sites)
}

impl Publisher {
    /// A publisher to a shop that has this ruleset in force already, without what is paused.
    pub(super) fn new(
        shop: Arc<Shop>,
        ruleset: Ruleset,
        paused: BTreeSet<Arc<str>>,
        commerce: Option<Commerce>,
        offers: channel::Sender<Fingerprints>,
        needed: channel::Sender<BTreeSet<u64>>,
    ) -> Arc<Self> {
        let parts = Ingredients { ruleset, paused, commerce, standings: Standings::new() };
        let joined = parts.commerce.as_ref().is_none_or(|commerce| commerce.book.is_some());
        Arc::new(Self { shop, parts: Mutex::new(parts), offers, needed, joined: channel::Sender::new(joined) })
    }

    /// Puts another ruleset in force; its revision.
    pub(super) fn publish(&self, ruleset: Ruleset) -> u64 {
        let revision = ruleset.revision;
        let needed = wanted(&ruleset);
        self.change(|parts| parts.ruleset = ruleset);
        self.needed.send_replace(needed);
        revision
    }

    /// The rules that would be in force with another ruleset.
    pub(super) fn preview(&self, ruleset: Ruleset) -> Rules {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let (paused, commerce) = (parts.paused.clone(), parts.commerce.clone());
        drop(parts);
        compile(ruleset, &paused, commerce.as_ref(), self.shop.sites()).0
    }

    /// Whether rules in force go by what Commerce says, where it is asked.
    pub(super) fn joined(&self) -> channel::Receiver<bool> {
        self.joined.subscribe()
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
    pub(super) fn follow_books(self: Arc<Self>, mut books: Books) -> JoinHandle<()> {
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
    pub(super) fn follow_catalogue(self: Arc<Self>, mut indexes: Indexes) -> JoinHandle<()> {
        indexes.mark_changed();
        tokio::spawn(async move {
            while indexes.changed().await.is_ok() {
                let (publisher, now) = (Arc::clone(&self), indexes.borrow_and_update().clone());
                let learn = move || publisher.change(|parts| parts.commerce.get_or_insert_default().read(now));
                log_panic(tokio::task::spawn_blocking(learn).await);
            }
        })
    }

    /// Follows of which rules codes are at hand until the task is aborted.
    pub(super) fn follow_codes(self: Arc<Self>, mut at_hand: channel::Receiver<BTreeSet<u64>>) -> JoinHandle<()> {
        at_hand.mark_changed();
        tokio::spawn(async move {
            while at_hand.changed().await.is_ok() {
                let (publisher, now) = (Arc::clone(&self), at_hand.borrow_and_update().clone());
                let learn = move || publisher.change(|parts| parts.commerce.get_or_insert_default().codes = now);
                log_panic(tokio::task::spawn_blocking(learn).await);
            }
        })
    }

    /// Compares the rules with what Commerce says of them, whenever either changes and once a minute, since days begin and end, until the
    /// task is aborted. While Commerce says nothing, what it said last stands.
    pub(super) fn watch_drift(self: Arc<Self>, guard: Arc<Guard>, mut books: Books) -> JoinHandle<()> {
        let mut offers = self.offers.subscribe();
        tokio::spawn(async move {
            loop {
                let book = books.borrow_and_update().clone();
                offers.borrow_and_update();
                if let Some(book) = book {
                    guard.drifted(drift(&self.ruleset(), &book, self.shop.sites(), Timestamp::now()));
                }
                tokio::select! {
                    changed = books.changed() => if changed.is_err() { return },
                    changed = offers.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(MINUTE) => {}
                }
            }
        })
    }

    fn ruleset(&self) -> Ruleset {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).ruleset.clone()
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
        let book = parts.commerce.as_ref().and_then(|commerce| commerce.book.as_deref());
        let said = fingerprints(&parts.ruleset, book);
        self.offers.send_if_modified(|known| {
            let is_news = *known != said;
            *known = said;
            is_news
        });
        self.joined.send_replace(parts.commerce.as_ref().is_none_or(|commerce| commerce.book.is_some()));
    }
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!(%error, "what changed could not be put in force");
    }
}

/// Says of offers that they are not shown as prices, or that they are again, when that changes.
fn log_standings(before: &Standings, now: &Standings) {
    for (offer, standing) in now {
        let was = before.get(offer);
        match standing {
            _ if was == Some(standing) => {}
            Standing::Price if was.is_none() => {}
            // Nobody has asked yet.
            Standing::Label(Reason::RulesUnknown) if was.is_none() => {}
            Standing::Price => tracing::info!(offer.id = &**offer, "an offer is shown as a price again"),
            Standing::Label(_) => tracing::warn!(offer.id = &**offer, "an offer is {standing}"),
        }
    }
}
