//! Why offers and blocks are candidates for a shopper or are not.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Rules, block_misses, offer_misses};
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::rule::{AudienceId, AudienceTest, Days};
use crate::site::StoreView;

impl Rules {
    /// What becomes of every offer and block before a page is known, in the order in which they apply: [`Outcome::Candidate`] for what
    /// [`decide`](Self::decide) returns, else the first reason against it.
    pub fn explain(&self, view: &StoreView, audiences: &BTreeSet<AudienceId>, now: Timestamp) -> Vec<Verdict> {
        let today = now.to_zoned(view.time_zone.clone()).date();
        let shopper = Shopper { rules: self, audiences, today };
        let verdict = |rule, misses: Option<NotApplied>, test: &AudienceTest, days| {
            let reason = misses.or_else(|| shopper.misses(test, days));
            Verdict { rule, product: None, outcome: reason.map_or(Outcome::Candidate, Outcome::NotApplied) }
        };
        let offers = self.ruleset().offers.iter().map(|offer| {
            verdict(RuleId::Offer(Arc::clone(&offer.id)), offer_misses(offer, view), &offer.audiences, offer.days)
        });
        let blocks = self.ruleset().blocks.iter().map(|block| {
            verdict(RuleId::Block(Arc::clone(&block.id)), block_misses(block, view), &block.audiences, block.days)
        });
        offers.chain(blocks).collect()
    }
}

struct Shopper<'a> {
    rules: &'a Rules,
    audiences: &'a BTreeSet<AudienceId>,
    today: Date,
}

impl Shopper<'_> {
    fn misses(&self, test: &AudienceTest, days: Days) -> Option<NotApplied> {
        if let Some(from) = days.from.filter(|from| self.today < *from) {
            return Some(NotApplied::NotYet(from));
        }
        if let Some(to) = days.to.filter(|to| *to < self.today) {
            return Some(NotApplied::Over(to));
        }
        let ghost = |id: &&AudienceId| !self.rules.named.contains(*id);
        let must_exist = test.all.iter().chain(&test.none).find(ghost);
        let all_ghosts = test.any.iter().all(|id| ghost(&id));
        if let Some(id) = must_exist.or(test.any.first().filter(|_| all_ghosts)) {
            return Some(NotApplied::AudienceUnknown(Arc::clone(id)));
        }
        let held = |id: &&AudienceId| self.audiences.contains(*id);
        if !test.any.is_empty() && !test.any.iter().any(|id| held(&id) && !ghost(&id)) {
            return Some(NotApplied::AudienceNotHeld);
        }
        let missing = test.all.iter().find(|id| !held(id)).cloned().map(NotApplied::AudienceMissing);
        missing.or_else(|| test.none.iter().find(held).cloned().map(NotApplied::AudienceExcluded))
    }
}
