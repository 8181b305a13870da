//! The price guard: compares what carts are charged with what was promised, and pauses offers that do not keep their promise.
//!
//! It only listens. Answers of the shop that say what a cart is charged (REST totals, and `checkoutConfig` in pages of cart and
//! checkout) pass as they are, and are judged after their last byte. An offer that differs for enough shoppers is shown by its label alone
//! until it or its rule changes, or an operator has it tried again.

mod address;
pub mod compare;
pub mod counts;
pub mod drift;
mod keeper;
mod listen;
mod metrics;
mod pauses;
pub mod place;
pub mod promise;
mod tap;
pub mod totals;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use foldhash::fast;
use moka::sync::Cache;
use tokio::sync::{Notify, Semaphore, watch};

use crate::audience::ShopperKey;
use crate::rewrite::hold::Budget;
use crate::rewrite::skip::Skip;
use crate::rule::Offer;
use crate::rule::cart_rule::Address;
use crate::telemetry::Metrics;
use counts::{Counts, Figures, ShopperHash, Verdict};
use drift::Drift;
use keeper::Ledger;
use metrics::{GuardMetrics, Standing};
use promise::Contents;

pub use keeper::Keeper;
pub use listen::{About, Asked};
pub use metrics::{PAUSED, SHOPPERS};
pub use pauses::{Fingerprint, Fingerprints, Pause, fingerprints};

/// Answers that are listened to at a time: a shop with ten orders a second has fewer on their way.
const MOST_EARS: usize = 64;

/// Memory for answers that are listened to: 64 of half a megabyte.
const MOST_HELD: usize = 32 << 20;

/// Lines of carts whose products are remembered: of 100 bytes each.
const MOST_LINES: u64 = 200_000;

/// For how long they are remembered after they were last seen.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Why a cart could not be compared. Counted, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotComparable {
    /// The answer is in a content coding that Segue does not read.
    Coding,
    /// The answer is larger than carts are.
    TooLarge,
    /// It ended before it was whole.
    CutShort,
    /// Too many answers are being listened to.
    Busy,
    /// It is in no form that Segue knows.
    Unreadable,
    /// It does not say all that is needed.
    Incomplete,
    /// It says two things that cannot both be.
    Contradiction,
    /// What is in the cart has not passed this process.
    Unseen,
    /// What it should be charged cannot be told, such as for a bundle or a price with tax that nobody explains.
    Undecided,
    /// Its shopper was shown something else than what holds now.
    Changed,
    /// It has a coupon of the shopper's own.
    OwnCoupon,
}

impl NotComparable {
    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coding => "coding",
            Self::TooLarge => "too_large",
            Self::CutShort => "cut_short",
            Self::Busy => "busy",
            Self::Unreadable => "unreadable",
            Self::Incomplete => "incomplete",
            Self::Contradiction => "contradiction",
            Self::Unseen => "unseen",
            Self::Undecided => "undecided",
            Self::Changed => "changed",
            Self::OwnCoupon => "own_coupon",
        }
    }
}

impl From<Skip> for NotComparable {
    fn from(skip: Skip) -> Self {
        match skip {
            Skip::TooLarge => Self::TooLarge,
            Skip::Busy => Self::Busy,
            _ => Self::Coding,
        }
    }
}

/// What went by of a shopper.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// What is in his cart, as it was last told.
    contents: Option<Arc<Contents>>,
    /// What was decided for the page that he saw last, as a hash.
    shown: Option<u64>,
    /// Where it goes, once the checkout has saved that.
    address: Option<Arc<Address>>,
}

/// The guard of one process.
#[derive(Debug)]
pub struct Guard {
    /// Makes hashes of shoppers that mean nothing elsewhere.
    hasher: RandomState,
    counts: Counts,
    shoppers: Cache<ShopperHash, Seen, fast::RandomState>,
    ears: Arc<Semaphore>,
    budget: Arc<Budget>,
    ledger: Mutex<Ledger>,
    /// What the rules file says of offers: those in force are joined with their rules.
    stated: OnceLock<watch::Receiver<Fingerprints>>,
    drift: Mutex<Drift>,
    /// Tells the keeper that there is something to write.
    news: Notify,
    paused: watch::Sender<BTreeSet<Arc<str>>>,
    metrics: GuardMetrics,
    /// Where shoppers who were charged as promised are counted.
    seen: OnceLock<Arc<crate::seen::Seen>>,
}

impl Seen {
    fn weight(&self) -> u32 {
        let lines = self.contents.as_ref().map_or(0, |contents| contents.items.len());
        u32::try_from(lines + 1).unwrap_or(u32::MAX)
    }
}

impl Guard {
    /// A guard that has seen nothing yet.
    pub fn new(metrics: &mut Metrics) -> Arc<Self> {
        let shoppers = Cache::builder().weigher(|_, seen: &Seen| seen.weight());
        let shoppers = shoppers.max_capacity(MOST_LINES).time_to_idle(REMEMBERED);
        let guard = Arc::new(Self {
            hasher: RandomState::new(),
            counts: Counts::default(),
            shoppers: shoppers.build_with_hasher(fast::RandomState::default()),
            ears: Arc::new(Semaphore::new(MOST_EARS)),
            budget: Budget::new(MOST_HELD),
            ledger: Mutex::default(),
            stated: OnceLock::new(),
            seen: OnceLock::new(),
            drift: Mutex::default(),
            news: Notify::new(),
            paused: watch::Sender::default(),
            metrics: GuardMetrics::register(metrics),
        });
        metrics.collect(Box::new(Standing(Arc::downgrade(&guard))));
        guard
    }

    /// A shopper's name in the guard's counts.
    pub fn shopper(&self, key: ShopperKey) -> ShopperHash {
        ShopperHash(self.hasher.hash_one(key))
    }

    /// The offers that are not to be shown as prices, whenever that changes.
    pub fn paused(&self) -> watch::Receiver<BTreeSet<Arc<str>>> {
        self.paused.subscribe()
    }

    /// Notes what a shopper's cart said of an offer, and pauses it where that is one cart too many.
    /// Counts shoppers there whose carts are charged as they were promised. Only the first word counts.
    pub fn count_in(&self, seen: Arc<crate::seen::Seen>) {
        let _ = self.seen.set(seen);
    }

    fn note(&self, offer: &Offer, shopper: ShopperHash, verdict: Verdict) {
        self.metrics.judged(&offer.id, verdict);
        let figures = self.counts.note(&offer.id, shopper, verdict);
        if verdict == Verdict::Differed && figures.trips() {
            self.pause(offer, figures);
        }
    }

    fn pause(&self, offer: &Offer, figures: Figures) {
        let stated = self.stated.get().and_then(|stated| stated.borrow().get(&offer.id).cloned());
        let pause = Pause::new(Arc::clone(&offer.id), stated.unwrap_or_else(|| Fingerprint::of(offer, None)), figures);
        if self.ledger().add(&pause) {
            tracing::error!(
                offer.id = &*offer.id,
                shoppers.differed = figures.differed,
                shoppers.compared = figures.differed + figures.agreed,
                "the cart does not charge what an offer promises: it is shown as its label only, until it or its rule changes, or \
                 `segue offers reset`"
            );
            self.show_pauses();
            self.news.notify_one();
        }
    }

    /// Begins to count anew for offers that are tried again.
    fn lift(&self, offers: &[Arc<str>]) {
        for offer in offers {
            self.counts.forget(offer);
            tracing::info!(offer.id = &**offer, "an offer that was paused is tried again");
        }
    }

    /// Pauses the offers whose rules say something else in Commerce, and no others for that reason.
    pub fn drifted(&self, found: Drift) {
        let before = std::mem::replace(&mut *self.drift.lock().unwrap_or_else(PoisonError::into_inner), found.clone());
        for (offer, says) in found.iter().filter(|(offer, says)| before.get(*offer) != Some(*says)) {
            tracing::error!(offer.id = &**offer, "{says}: it is shown as its label only, until both say the same");
        }
        for offer in before.keys().filter(|offer| !found.contains_key(*offer)) {
            tracing::info!(offer.id = &**offer, "an offer and its rule in Commerce say the same again");
        }
        self.show_pauses();
    }

    /// Tells who publishes rules what is paused, where that is news.
    fn show_pauses(&self) {
        let held: BTreeSet<Arc<str>> = self.paused_offers().into_iter().map(|(offer, _)| offer).collect();
        self.paused.send_if_modified(|paused| {
            let is_news = *paused != held;
            *paused = held;
            is_news
        });
    }

    /// The paused offers, each with the word for why.
    fn paused_offers(&self) -> Vec<(Arc<str>, &'static str)> {
        let by_guard: Vec<Arc<str>> = self.ledger().held().keys().cloned().collect();
        let by_drift: Vec<Arc<str>> =
            self.drift.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        let of = |reason| move |offer| (offer, reason);
        by_guard.into_iter().map(of("guard")).chain(by_drift.into_iter().map(of("drift"))).collect()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
