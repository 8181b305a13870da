//! How many shoppers' carts kept an offer's promise, of late.
//!
//! Shoppers are told apart by hashes under a random key of this process, and forgotten after an hour.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

/// For how long a cart counts.
pub const WINDOW: Duration = Duration::from_secs(60 * 60);

/// So many shoppers must have seen a difference: one may have a broken session, two a broken browser.
const FEWEST_DIFFERING: u32 = 3;

/// One in so many comparable shoppers must have seen it: a large shop has some odd carts every hour.
const ONE_IN: u32 = 5;

/// Shoppers remembered for one offer; beyond them, the one who was not seen for longest is forgotten. The share of a busy shop is thus
/// that of its latest shoppers.
const MOST_SHOPPERS: usize = 4096;

/// Offers that are counted at a time; a ruleset with more is counted in part.
const MOST_OFFERS: usize = 4096;

/// What a cart said about an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It was charged what was promised.
    Agreed,
    /// It was charged something else.
    Differed,
    /// Nobody can tell.
    NotComparable,
}

impl Verdict {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Differed => "differed",
            Self::NotComparable => "not_comparable",
        }
    }
}

/// A shopper, in this process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShopperHash(pub u64);

/// Distinct shoppers of the last hour. Who saw a difference once counts as differing, whatever his other carts said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Those whose carts all agreed.
    pub agreed: u32,
    /// Those with a cart that differed.
    pub differed: u32,
    /// Those of whom no cart could be compared.
    pub not_comparable: u32,
}

impl Figures {
    /// Whether the offer is to be paused.
    pub fn trips(self) -> bool {
        let comparable = self.agreed + self.differed;
        self.differed >= FEWEST_DIFFERING && self.differed * ONE_IN >= comparable
    }
}

/// The counts of all offers.
#[derive(Debug, Default)]
pub struct Counts {
    offers: Mutex<HashMap<Arc<str>, Shoppers, RandomState>>,
}

/// When each shopper's carts last said what.
#[derive(Debug, Default)]
struct Shoppers(HashMap<ShopperHash, Seen, RandomState>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    agreed: Option<Instant>,
    differed: Option<Instant>,
    not_comparable: Option<Instant>,
}

impl Counts {
    /// Notes what a shopper's cart said about an offer; the figures with it.
    pub fn note(&self, offer: &Arc<str>, shopper: ShopperHash, verdict: Verdict) -> Figures {
        let now = Instant::now();
        let mut offers = self.lock();
        if offers.len() >= MOST_OFFERS && !offers.contains_key(offer) {
            return Figures::default();
        }
        let shoppers = offers.entry(Arc::clone(offer)).or_default();
        shoppers.note(shopper, verdict, now);
        shoppers.figures(now)
    }

    /// The figures of an offer.
    pub fn figures(&self, offer: &str) -> Figures {
        self.lock().get(offer).map(|shoppers| shoppers.figures(Instant::now())).unwrap_or_default()
    }

    /// The figures of every offer that has some, by id.
    pub fn all(&self) -> BTreeMap<Arc<str>, Figures> {
        let now = Instant::now();
        self.lock().iter().map(|(offer, shoppers)| (Arc::clone(offer), shoppers.figures(now))).collect()
    }

    /// Forgets an offer's shoppers, as when it changed.
    pub fn forget(&self, offer: &str) {
        self.lock().remove(offer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Shoppers, RandomState>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shoppers {
    fn note(&mut self, shopper: ShopperHash, verdict: Verdict, now: Instant) {
        if self.0.len() >= MOST_SHOPPERS && !self.0.contains_key(&shopper) {
            self.make_room(now);
        }
        let seen = self.0.entry(shopper).or_default();
        *match verdict {
            Verdict::Agreed => &mut seen.agreed,
            Verdict::Differed => &mut seen.differed,
            Verdict::NotComparable => &mut seen.not_comparable,
        } = Some(now);
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, seen| seen.last().is_some_and(|last| now - last < WINDOW));
        if self.0.len() >= MOST_SHOPPERS {
            let oldest = self.0.iter().min_by_key(|(_, seen)| seen.last()).map(|(shopper, _)| *shopper);
            oldest.map(|shopper| self.0.remove(&shopper));
        }
    }

    fn figures(&self, now: Instant) -> Figures {
        let counts = |at: Option<Instant>| at.is_some_and(|at| now - at < WINDOW);
        let mut figures = Figures::default();
        for seen in self.0.values() {
            if counts(seen.differed) {
                figures.differed += 1;
            } else if counts(seen.agreed) {
                figures.agreed += 1;
            } else if counts(seen.not_comparable) {
                figures.not_comparable += 1;
            }
        }
        figures
    }
}

impl Seen {
    fn last(&self) -> Option<Instant> {
        self.agreed.max(self.differed).max(self.not_comparable)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn note(counts: &Counts, shopper: u64, verdict: Verdict) -> Figures {
        counts.note(&"vip".into(), ShopperHash(shopper), verdict)
    }

    #[tokio::test(start_paused = true)]
    async fn three_shoppers_who_are_a_fifth_of_all_trip() {
        let counts = Counts::default();
        (0..13).for_each(|shopper| _ = note(&counts, shopper, Verdict::Agreed));
        let differed = |shopper| note(&counts, shopper, Verdict::Differed);
        assert!(!differed(100).trips() && !differed(101).trips());
        assert!(!differed(102).trips(), "3 of 16 are less than a fifth");
        assert!(differed(103).trips(), "4 of 17");
        assert_eq!(counts.figures("vip"), Figures { agreed: 13, differed: 4, not_comparable: 0 });
        assert_eq!(counts.figures("other"), Figures::default());
    }

    #[tokio::test(start_paused = true)]
    async fn one_shopper_counts_once() {
        let counts = Counts::default();
        for _ in 0..5 {
            assert!(!note(&counts, 1, Verdict::Differed).trips());
        }
        note(&counts, 1, Verdict::Agreed);
        note(&counts, 2, Verdict::NotComparable);
        let figures = note(&counts, 2, Verdict::Agreed);
        assert_eq!(figures, Figures { agreed: 1, differed: 1, not_comparable: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn carts_that_cannot_be_compared_say_nothing_of_the_share() {
        let counts = Counts::default();
        (0..100).for_each(|shopper| _ = note(&counts, shopper, Verdict::NotComparable));
        (100..102).for_each(|shopper| _ = note(&counts, shopper, Verdict::Differed));
        assert!(note(&counts, 102, Verdict::Differed).trips());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cart_counts_for_an_hour() {
        let counts = Counts::default();
        note(&counts, 1, Verdict::Differed);
        note(&counts, 2, Verdict::Differed);
        advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(counts.figures("vip").differed, 2);
        advance(Duration::from_secs(1)).await;
        assert_eq!(counts.figures("vip"), Figures::default());
        assert!(!note(&counts, 3, Verdict::Differed).trips());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_latest_shoppers_stay() {
        let counts = Counts::default();
        for shopper in 0..MOST_SHOPPERS as u64 + 10 {
            note(&counts, shopper, Verdict::Agreed);
            advance(Duration::from_millis(1)).await;
        }
        let figures = note(&counts, 0, Verdict::Differed);
        assert_eq!((figures.agreed as usize, figures.differed), (MOST_SHOPPERS - 1, 1));
        counts.forget("vip");
        assert_eq!(counts.figures("vip"), Figures::default());
    }
}
