//! Puts rules in force: those of the file, without what is paused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::commerce::keeper::Books;
use crate::decision::decide::Rules;
use crate::guard::drift::drift;
use crate::guard::{Fingerprints, Guard, fingerprints};
use crate::proxy::personal::Shop;
use crate::rule::Ruleset;

const MINUTE: Duration = Duration::from_secs(60);

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
}

impl Publisher {
    /// A publisher to a shop that has this ruleset in force already, without what is paused.
    pub(super) fn new(
        shop: Arc<Shop>,
        ruleset: Ruleset,
        paused: BTreeSet<Arc<str>>,
        offers: channel::Sender<Fingerprints>,
    ) -> Arc<Self> {
        Arc::new(Self { shop, parts: Mutex::new(Ingredients { ruleset, paused }), offers })
    }

    /// Puts another ruleset in force; its revision.
    pub(super) fn publish(&self, ruleset: Ruleset) -> u64 {
        let revision = ruleset.revision;
        let offers = fingerprints(&ruleset);
        self.change(|parts| parts.ruleset = ruleset);
        self.offers.send_replace(offers);
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
                let done = tokio::task::spawn_blocking(move || publisher.pause(now));
                if let Err(error) = done.await {
                    tracing::error!(%error, "what is paused could not be put in force");
                }
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
        let ruleset = parts.ruleset.clone().pausing(&parts.paused);
        self.shop.publish(Rules::compile(ruleset, self.shop.sites()));
    }
}
