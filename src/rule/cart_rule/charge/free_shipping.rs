//! Which lines ride free.

use super::{Calculation, Candidate};
use crate::rule::cart_rule::FreeShipping;

impl Calculation<'_> {
    /// Notes for every line which rule frees it, and whether one frees the shipment. A rule that stops others stops them here too.
    pub(super) fn free_shipping(&mut self, candidates: &[Candidate<'_>]) {
        for at in self.cart.top_lines() {
            for candidate in candidates.iter().filter(|candidate| candidate.holds && candidate.lines[at]) {
                let rule = candidate.rule;
                match rule.free_shipping {
                    FreeShipping::None => {}
                    FreeShipping::MatchingLines => {
                        let most = rule.most_units.filter(|most| !most.is_zero());
                        self.charged.lines[at].free_units = Some(most.unwrap_or_else(|| self.units(at)));
                    }
                    FreeShipping::Shipment => self.charged.is_shipment_free = true,
                }
                if rule.stop {
                    break;
                }
            }
        }
    }
}
