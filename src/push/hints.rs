//! Shoppers of whom something new may be known: they are looked up at their next request.

use std::time::Duration;

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::audience::ShopperKey;

/// About 15 MB. A hint that a newer one pushes out costs its shopper no more than waiting until his membership is stale by itself.
const MOST: u64 = 100_000;

/// Longer than memberships count as fresh, after which a hint says nothing new.
const LIFE: Duration = Duration::from_secs(3600);

/// When each shopper was last hinted at. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Hints(Cache<ShopperKey, Instant>);

impl Hints {
    /// No hints.
    pub fn new() -> Self {
        Self::holding(MOST)
    }

    fn holding(most: u64) -> Self {
        // The default policy would rather keep old entries that are read often than take a new one.
        let policy = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(most).time_to_live(LIFE).eviction_policy(policy).build())
    }

    /// Something about this shopper may have changed just now.
    pub fn note(&self, shopper: ShopperKey) {
        self.0.insert(shopper, Instant::now());
    }

    /// When something may have changed about this shopper that nobody asked about since.
    pub fn since(&self, shopper: &ShopperKey) -> Option<Instant> {
        self.0.get(shopper)
    }

    /// Experience Platform answered about this shopper, to a question put at `asked_at`. A hint that came later stays.
    pub fn settle(&self, shopper: &ShopperKey, asked_at: Instant) {
        self.0.entry(*shopper).and_compute_with(|hint| match hint {
            Some(hint) if *hint.value() <= asked_at => Op::Remove,
            _ => Op::Nop,
        });
    }
}

impl Default for Hints {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shopper(number: u8) -> ShopperKey {
        ShopperKey([number; 16])
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_holds_until_somebody_asked_after_it() {
        let hints = Hints::new();
        let before = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        hints.note(shopper(1));
        assert_eq!(hints.since(&shopper(1)), Some(Instant::now()));
        assert_eq!(hints.since(&shopper(2)), None);
        hints.settle(&shopper(1), before);
        assert!(hints.since(&shopper(1)).is_some(), "asked before the change: the answer may not have it");
        tokio::time::advance(Duration::from_secs(1)).await;
        hints.settle(&shopper(1), Instant::now());
        assert_eq!(hints.since(&shopper(1)), None);
    }

    #[test]
    fn the_newest_hints_are_kept() {
        let hints = Hints::holding(10);
        for number in 0..100 {
            hints.note(shopper(number));
            // Read often, so that a policy by frequency would keep these.
            let _ = hints.since(&shopper(0));
            hints.0.run_pending_tasks();
        }
        assert!(hints.since(&shopper(99)).is_some());
        assert!(hints.0.entry_count() <= 10);
    }
}
