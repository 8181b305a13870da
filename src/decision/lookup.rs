//! Decisions by key, remembered.
//!
//! A key holds its ruleset's revision: new rules have new keys. A decision keeps its whole ruleset in memory, so the old ones go when
//! other rules are published.

use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use jiff::Timestamp;
use moka::sync::Cache;

use super::decide::{Decision, DecisionKey, Rules, Who};
use crate::site::StoreView;

/// Candidates remembered at most, over all decisions: with 4 bytes each and the keys, some ten megabytes.
const MAX_REMEMBERED: u64 = 2_000_000;

/// The current rules, with a memory of what they decided.
#[derive(Debug)]
pub struct Lookup {
    rules: ArcSwap<Rules>,
    decisions: Cache<DecisionKey, Arc<Decision>, RandomState>,
}

impl Lookup {
    /// Looks things up in these rules until others are published.
    pub fn new(rules: Rules) -> Self {
        let decisions = Cache::builder().weigher(weigh).max_capacity(MAX_REMEMBERED);
        Self { rules: ArcSwap::from_pointee(rules), decisions: decisions.build_with_hasher(RandomState::default()) }
    }

    /// The rules as of now. A request takes them once and keeps them, so that all its parts see the same.
    pub fn current(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts other rules in force for requests that come from now on.
    pub fn publish(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
        self.decisions.invalidate_all();
    }

    /// What a shopper gets by `rules` (of [`current`](Self::current)).
    pub fn decide(&self, rules: &Rules, view: &StoreView, who: &Who<'_>, now: Timestamp) -> Arc<Decision> {
        let key = rules.key_of(view, who, now);
        let make = || Arc::new(rules.decide(&key));
        let known = self.decisions.get_with_by_ref(&key, make);
        if known.is_of(rules) {
            return known;
        }
        // Rules that say the same may go by another catalogue.
        let own = make();
        self.decisions.insert(key.clone(), Arc::clone(&own));
        own
    }
}

fn weigh(key: &DecisionKey, decision: &Arc<Decision>) -> u32 {
    let candidates = decision.offers().len() + decision.blocks().len();
    // What an entry costs besides its candidates is about as much as thirty-two of them.
    u32::try_from(32 + candidates + key.audience_count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::samples;

    #[test]
    fn remembers_until_other_rules_are_published() {
        let sites = samples::sites();
        let view = &sites.views()[0];
        let lookup = Lookup::new(Rules::compile(samples::ruleset("20"), &sites));
        let audiences = samples::audiences(&["vip"]);
        let rules = lookup.current();
        let first = lookup.decide(&rules, view, &Who::guest(&audiences), samples::now());
        let again = lookup.decide(&rules, view, &Who::guest(&audiences), samples::now());
        assert_eq!(first.offers().len(), 1);
        assert!(Arc::ptr_eq(&first, &again));

        lookup.publish(Rules::compile(samples::ruleset("30"), &sites));
        let other = lookup.decide(&lookup.current(), view, &Who::guest(&audiences), samples::now());
        assert_eq!(other.offers().next().map(|offer| offer.amount), Some(30.into()));
        let old = lookup.decide(&rules, view, &Who::guest(&audiences), samples::now());
        assert_eq!(first, old, "a request keeps the rules it began with");
    }
}
