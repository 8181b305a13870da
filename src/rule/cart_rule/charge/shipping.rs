//! What rules take off shipping. It is a pass of its own: conditions decide, lines do not.

use rust_decimal::Decimal;

use super::actions::free_units;
use super::{Calculation, Candidate, Money, Undecided, Why};
use crate::rule::cart_rule::{CartAction, CartAddress, CartRule};

impl Calculation<'_> {
    /// Takes off shipping what the rules say, where there is any to pay.
    pub(super) fn ship(&mut self, candidates: &[Candidate<'_>]) -> Result<(), Undecided> {
        let full = match &self.cart.address {
            CartAddress::Known(to) => Money { amount: to.shipping_amount, base: to.base_shipping_amount },
            CartAddress::Unknown | CartAddress::None => return Ok(()),
        };
        if full.amount.is_zero() {
            return Ok(());
        }
        for candidate in candidates.iter().filter(|candidate| candidate.holds && candidate.rule.to_shipping) {
            let rule = candidate.rule;
            let more = self.off_shipping(rule, full).map_err(|why| Undecided { rule_id: rule.id, why })?;
            let off = self.charged.shipping.zip(more, |before, more| before + more);
            self.charged.shipping = off.zip(full, Decimal::min).rounded();
            self.note(rule);
            if rule.stop {
                break;
            }
        }
        Ok(())
    }

    fn off_shipping(&mut self, rule: &CartRule, full: Money) -> Result<Money, Why> {
        let before = self.charged.shipping;
        let left = full.zip(before, |full, before| full - before);
        let percent = |percent: Decimal| left.map(|left| left * percent / Decimal::ONE_HUNDRED);
        let fixed = Money { amount: rule.amount.checked_mul(self.cart.rate).ok_or(Why::Range)?, base: rule.amount };
        Ok(match rule.action {
            CartAction::ByPercent => percent(rule.amount.min(Decimal::ONE_HUNDRED)),
            CartAction::ToPercent => percent((Decimal::ONE_HUNDRED - rule.amount).max(Decimal::ZERO)),
            CartAction::ByFixed => fixed,
            CartAction::ToFixed => full.zip(fixed, |full, to| full - to),
            CartAction::CartFixed => self.shipping_share(rule, left),
            CartAction::BuyXGetY => {
                let units: Decimal = self.cart.top_lines().map(|at| self.cart.lines[at].quantity).sum();
                let of = |at| free_units(self.units(at), rule.step, rule.amount);
                let free: Decimal = self.cart.top_lines().map(of).sum();
                let base = if units.is_zero() { Decimal::ZERO } else { full.base / units * free };
                Money { amount: base * self.cart.rate, base }
            }
            CartAction::Unknown(_) => return Err(Why::Action),
        })
    }

    /// Shipping's share of an amount off the whole cart. Magento forgets to convert it: the same figure stands in both currencies.
    fn shipping_share(&self, rule: &CartRule, left: Money) -> Money {
        let rows: Decimal = self.cart.top_lines().map(|at| self.cart.lines[at].base_row_total).sum();
        let whole = rows + left.amount;
        let share = if whole.is_zero() { Decimal::ZERO } else { rule.amount * left.amount / whole };
        Money { amount: share, base: share }.rounded()
    }
}
