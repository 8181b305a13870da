//! What one rule takes off one line.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::{Calculation, Candidate, Money};
use crate::rule::cart_rule::{CartAction, CartAddress, CartRule};
use crate::rule::discount::cents;

/// How an amount off the whole cart is spread over its lines.
#[derive(Default)]
pub(super) struct Spread {
    /// What the shares are of, in base currency.
    whole: Decimal,
    /// Whether earlier discounts come off line and whole.
    without_earlier: bool,
    /// What rounding left over so far.
    remainder: Option<Decimal>,
}

/// What the remainder begins with, so that thirds come out right.
const FIRST_REMAINDER: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

impl Calculation<'_> {
    /// What a rule's amount is spread over; nothing for other actions.
    pub(super) fn spread(&self, candidate: &Candidate<'_>) -> Spread {
        let rule = candidate.rule;
        if rule.action != CartAction::CartFixed {
            return Spread::default();
        }
        let lines: Vec<usize> =
            (0..self.cart.lines.len()).filter(|at| candidate.lines[*at] && !self.cart.is_made_of_parts(*at)).collect();
        let shipping = match &self.cart.address {
            CartAddress::Known(to) if rule.to_shipping && to.shipping_method.is_some() => Some(to.shipping_amount),
            _ => None,
        };
        let rows: Decimal = lines.iter().map(|at| self.prices[*at].base * self.limited(rule, *at)).sum();
        let earlier: Decimal = lines.iter().map(|at| self.charged.lines[*at].discount.base).sum();
        Spread {
            // Magento adds rows in base currency to shipping in the cart's.
            whole: if rule.to_shipping { rows + shipping.unwrap_or_default() } else { rows - earlier },
            without_earlier: !rule.to_shipping && !self.release.goes_line_by_line(),
            remainder: None,
        }
    }

    /// Units of a line that a rule may discount.
    fn limited(&self, rule: &CartRule, at: usize) -> Decimal {
        let units = self.units(at);
        rule.most_units.filter(|most| !most.is_zero()).map_or(units, |most| units.min(most))
    }

    /// Takes a rule's discount off a line; `None` for figures past all reason.
    pub(super) fn deduct(&mut self, rule: &CartRule, at: usize, spread: &mut Spread) -> Option<()> {
        let mut units = self.limited(rule, at);
        if matches!(rule.action, CartAction::ByPercent | CartAction::ToPercent | CartAction::ByFixed)
            && !rule.step.is_zero()
        {
            units = (units / rule.step).floor() * rule.step;
        }
        let raw = self.raw(rule, at, units, spread)?;
        let rounded = self.round(at, raw);
        let before = self.charged.lines[at].discount;
        let cap = self.prices[at].map(|price| price * units);
        let after = before.zip(rounded, |before, more| before + more).zip(cap, Decimal::min);
        let line = &mut self.charged.lines[at];
        line.discount = after;
        line.by_rule.push((rule.id, after.amount - before.amount));
        Some(())
    }

    fn raw(&mut self, rule: &CartRule, at: usize, units: Decimal, spread: &mut Spread) -> Option<Money> {
        let price = self.prices[at];
        let off_each = |off: Money| -> Option<Money> {
            Some(Money { amount: off.amount.checked_mul(units)?, base: off.base.checked_mul(units)? })
        };
        let fixed = Money { amount: rule.amount.checked_mul(self.cart.rate)?, base: rule.amount };
        match rule.action {
            CartAction::ByPercent => self.percent(at, units, rule.amount.min(Decimal::ONE_HUNDRED)),
            CartAction::ToPercent => self.percent(at, units, (Decimal::ONE_HUNDRED - rule.amount).max(Decimal::ZERO)),
            CartAction::ByFixed => {
                let left = price.map(|price| price * units).zip(self.charged.lines[at].discount, |row, off| row - off);
                Some(off_each(fixed)?.zip(left, Decimal::min))
            }
            CartAction::ToFixed => off_each(price.zip(fixed, |price, to| price - to)),
            CartAction::BuyXGetY => {
                let free = free_units(units, rule.step, rule.amount);
                let earlier = match self.release.is_after_observed() {
                    true => self.charged.lines[at].discount.map(|off| off / self.units(at)),
                    false => Money::default(),
                };
                Some(price.zip(earlier, |price, earlier| (price - earlier) * free))
            }
            CartAction::CartFixed => self.share(rule, at, units, spread),
            CartAction::Unknown(_) => None,
        }
    }

    fn percent(&mut self, at: usize, units: Decimal, percent: Decimal) -> Option<Money> {
        let line = &mut self.charged.lines[at];
        line.percent = (line.percent + percent).min(Decimal::ONE_HUNDRED).normalize();
        let before = line.discount;
        let row = self.prices[at].map(|price| price * units);
        Some(row.zip(before, |row, before| (row - before) * percent / Decimal::ONE_HUNDRED))
    }

    /// A line's share of an amount off the whole cart. It is reckoned in base currency, and each line passes on what rounding left over.
    fn share(&mut self, rule: &CartRule, at: usize, units: Decimal, spread: &mut Spread) -> Option<Money> {
        let amount = rule.amount.to_f64()?;
        let budget = self.budgets.entry(rule.id).or_insert(amount);
        if *budget <= 0.0 || spread.whole.is_zero() {
            return Some(Money::default());
        }

        let row = self.prices[at].map(|price| price * units);
        let earlier = if spread.without_earlier { self.charged.lines[at].discount } else { Money::default() };
        // More is off already than the units that the rule may discount cost: what Magento makes of that was never seen.
        if spread.whole < Decimal::ZERO || row.base < earlier.base {
            return None;
        }
        let exact = rule.amount.checked_mul((row.base - earlier.base) / spread.whole)?;
        let mut base = exact;
        if !exact.is_zero() {
            let with_rest = exact + spread.remainder.unwrap_or(FIRST_REMAINDER);
            base = cents(with_rest);
            spread.remainder = Some(with_rest - base);
        }
        let amount = base.checked_mul(self.cart.rate)?;
        let share = Money { amount, base }.zip(row, Decimal::min).rounded();
        *self.budgets.entry(rule.id).or_default() -= share.base.to_f64()?;
        Some(share)
    }

    /// Rounds what a rule takes off to cents. Once a line has a percentage, the fraction is kept and given to the next line or rule that
    /// meets the same sum of percentages.
    fn round(&mut self, at: usize, raw: Money) -> Money {
        let line = &self.cart.lines[at];
        let percent = self.charged.lines[at].percent;
        if percent.is_zero() {
            return raw.rounded();
        }
        let carry = self.carries.entry(percent).or_default();
        let mut exact = raw.zip(*carry, |raw, carry| raw + carry);
        *carry = exact.zip(exact.rounded(), |exact, rounded| exact - rounded);
        if percent == Decimal::ONE_HUNDRED {
            exact.amount = line.row_total_with_tax.map_or(exact.amount, |row| exact.amount.min(row));
            exact.base = line.base_row_total_with_tax.map_or(exact.base, |row| exact.base.min(row));
        }
        exact.rounded()
    }
}

/// Of so many units, how many are free when with every `buy` come `get`.
pub(super) fn free_units(units: Decimal, buy: Decimal, get: Decimal) -> Decimal {
    if buy.is_zero() || get > buy {
        return Decimal::ZERO;
    }
    let together = buy + get;
    let periods = (units / together).floor();
    let rest = units - periods * together;
    periods * get + (rest - buy).max(Decimal::ZERO)
}
