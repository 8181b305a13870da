//! What Magento's cart takes off, rule by rule.
//!
//! Amounts are decimal. Magento calculates in binary floats and rounds with PHP's pre-rounding, which may give another half cent on rare
//! occasions; of the carts of a real store that are at hand it did so on none.

mod actions;
mod free_shipping;
mod shipping;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Cart, CartAction, CartRule, CouponKind, Moment, Release, Truth};
use crate::rule::discount::cents;
use crate::site::TaxBasis;
use actions::Spread;

/// What a cart takes off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Charged {
    /// By line, in the order of the cart.
    pub lines: Vec<LineCharge>,
    /// Off shipping.
    pub shipping: Money,
    /// Ids of the rules that were applied, also of those that took nothing off, in order.
    pub applied: Vec<u64>,
    /// What the cart says of them, each once, in order.
    pub labels: Vec<String>,
    /// Whether a rule frees the whole shipment.
    pub is_shipment_free: bool,
}

/// What is taken off one line. Of a bundle that is made of its parts, its parts have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineCharge {
    /// How much.
    pub discount: Money,
    /// The sum of percentages, at most 100.
    pub percent: Decimal,
    /// What each rule changed of it, in order; a later rule can take something back.
    pub by_rule: Vec<(u64, Decimal)>,
    /// Ids of the rules that were applied to the line.
    pub applied: Vec<u64>,
    /// How many units ride free; `None` is none, and the units of the line are all.
    pub free_units: Option<Decimal>,
}

/// An amount in the cart's currency, and the same as Magento has it in base currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// In the cart's currency.
    pub amount: Decimal,
    /// In base currency.
    pub base: Decimal,
}

/// Why nobody can tell what a cart takes off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule_id}: {why}")]
pub struct Undecided {
    /// Which rule is in doubt; 0 where it is the cart.
    pub rule_id: u64,
    /// Why.
    pub why: Why,
}

/// Why a rule is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Group, coupon or uses of the customer.
    #[error("it is not known whether it is for this customer and coupon")]
    Selection,
    /// A condition that nobody can test.
    #[error("it is not known whether its conditions hold")]
    Conditions,
    /// An action condition that nobody can test.
    #[error("it is not known whether it is for a product in the cart")]
    Lines,
    /// An action of somebody's extension.
    #[error("what it does is not known")]
    Action,
    /// Prices with tax that the cart does not say.
    #[error("it depends on prices with tax, which are not known")]
    Tax,
    /// Figures past all reason.
    #[error("its figures are out of range")]
    Range,
}

impl Charged {
    /// What is taken off the lines and shipping together.
    pub fn total(&self) -> Money {
        let sum = |part: fn(&Money) -> Decimal| {
            self.lines.iter().map(|line| part(&line.discount)).sum::<Decimal>() + part(&self.shipping)
        };
        Money { amount: sum(|money| money.amount), base: sum(|money| money.base) }
    }
}

/// Applies rules to a cart as Magento does; the order in which they are given does not matter.
///
/// # Errors
/// When a rule that could take something off, or stop others, cannot be decided.
pub fn charge<'r>(
    rules: impl IntoIterator<Item = &'r CartRule>,
    cart: &Cart,
    release: Release,
) -> Result<Charged, Undecided> {
    let mut all: Vec<&CartRule> = rules.into_iter().collect();
    all.sort_by(|a, b| a.order(b));
    let mut candidates = candidates(&all, cart, release)?;
    let mut calculation = Calculation::new(cart, release)?;
    if let Some(odd) = candidates.iter().find(|candidate| !candidate.rule.is_sane()) {
        return Err(Undecided { rule_id: odd.rule.id, why: Why::Range });
    }
    let order = calculation.line_order(&candidates);
    match release.goes_line_by_line() {
        true => calculation.line_by_line(&candidates, &order)?,
        false => calculation.rule_by_rule(&mut candidates, &order)?,
    }
    calculation.ship(&candidates)?;
    calculation.free_shipping(&candidates);
    Ok(calculation.charged)
}

/// How many units more of a line make something more of it free by a rule of buy X get Y, and how many; `None` where the line is to begin anew,
/// or nothing more can become free.
pub fn units_to_next_free(rule: &CartRule, units: Decimal) -> Option<(Decimal, Decimal)> {
    let (buy, get) = (rule.step, rule.amount);
    let whole = [units, buy, get].into_iter().all(|figure| figure.is_integer() && figure > Decimal::ZERO);
    if !whole || ![units, buy, get].into_iter().all(is_in_range) {
        return None;
    }
    // The most units count before it is asked which of them are free.
    let counted = |units: Decimal| rule.most_units.filter(|most| !most.is_zero()).map_or(units, |most| units.min(most));
    let free = |units| actions::free_units(counted(units), buy, get);
    let rest = units % (buy + get);
    let add = if rest > buy { Decimal::ONE } else { buy + Decimal::ONE - rest };
    let more = free(units + add) - free(units);
    (!rest.is_zero() && more > Decimal::ZERO).then_some((add, more))
}

/// A rule that is selected for a cart.
struct Candidate<'r> {
    rule: &'r CartRule,
    /// Whether its conditions hold.
    holds: bool,
    /// By line, whether it is for it.
    lines: Vec<bool>,
    /// Whether that is not known of some line.
    in_doubt: bool,
}

/// The rules that are selected, in order.
fn candidates<'r>(rules: &[&'r CartRule], cart: &Cart, release: Release) -> Result<Vec<Candidate<'r>>, Undecided> {
    let mut found = Vec::with_capacity(rules.len());
    for rule in rules {
        let selected = rule.is_selected(cart);
        if selected == Truth::False {
            continue;
        }
        let holds = rule.conditions.truth_at(&Moment { cart, release, taken_off: Decimal::ZERO });
        let lines: Vec<Truth> = (0..cart.lines.len()).map(|at| rule.lines.line_truth(cart, at)).collect();
        let undecided = |why| Undecided { rule_id: rule.id, why };
        if !rule.matters(&lines, cart) {
            continue;
        }
        match (selected, holds) {
            (Truth::Unknown, Truth::True | Truth::Unknown) => return Err(undecided(Why::Selection)),
            (Truth::Unknown, _) => continue,
            (_, Truth::Unknown) => return Err(undecided(Why::Conditions)),
            _ => {}
        }
        let holds = holds == Truth::True;
        let in_doubt = lines.contains(&Truth::Unknown);
        if holds && in_doubt {
            return Err(undecided(Why::Lines));
        }
        let lines = lines.into_iter().map(|truth| truth == Truth::True).collect();
        found.push(Candidate { rule, holds, lines, in_doubt });
    }
    Ok(found)
}

/// No figure of a shop is above this; below it no step can overflow.
const HIGHEST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

fn is_in_range(figure: Decimal) -> bool {
    figure >= Decimal::ZERO && figure <= HIGHEST
}

impl CartRule {
    fn is_sane(&self) -> bool {
        [self.amount, self.step, self.most_units.unwrap_or_default()].into_iter().all(is_in_range)
    }

    /// Whether it can make a difference to a cart: it may be for a line, or is for shipping.
    fn matters(&self, lines: &[Truth], cart: &Cart) -> bool {
        let something_hidden = !cart.is_complete;
        something_hidden || self.to_shipping || lines.iter().any(|truth| *truth != Truth::False)
    }
}

struct Calculation<'c> {
    cart: &'c Cart,
    release: Release,
    charged: Charged,
    /// Prices of one that discounts are taken off.
    prices: Vec<Money>,
    /// Fractions of a cent left over, by the sum of percentages at which they were.
    carries: BTreeMap<Decimal, Money>,
    /// Whether something is left of amounts off the whole cart, by rule. Magento counts down in binary floats, where what is used up may
    /// leave a speck; no money is made of it.
    budgets: BTreeMap<u64, f64>,
    has_coupon: bool,
    /// Lines that no rule is applied to any more.
    stopped: Vec<bool>,
}

impl<'c> Calculation<'c> {
    fn new(cart: &'c Cart, release: Release) -> Result<Self, Undecided> {
        let with_tax = cart.tax.discount_on == TaxBasis::Including;
        let price = |line: &super::CartLine| match with_tax && !line.unit_price.is_zero() {
            true => Some(Money { amount: line.unit_price_with_tax?, base: line.base_unit_price_with_tax? }),
            false => Some(Money { amount: line.unit_price, base: line.base_unit_price }),
        };
        let prices: Option<Vec<Money>> = cart.lines.iter().map(price).collect();
        let prices = prices.ok_or(Undecided { rule_id: 0, why: Why::Tax })?;
        let all_in_range = prices.iter().all(|price| is_in_range(price.amount) && is_in_range(price.base))
            && cart.lines.iter().all(|line| line.quantity > Decimal::ZERO && is_in_range(line.quantity))
            && is_in_range(cart.rate);
        if !all_in_range {
            return Err(Undecided { rule_id: 0, why: Why::Range });
        }
        Ok(Self {
            cart,
            release,
            charged: Charged { lines: vec![LineCharge::default(); cart.lines.len()], ..Charged::default() },
            prices,
            carries: BTreeMap::new(),
            budgets: BTreeMap::new(),
            has_coupon: false,
            stopped: vec![false; cart.lines.len()],
        })
    }

    /// Lines in the order in which Magento goes through them: those of the first rule, then those of the next one that are left.
    fn line_order(&self, candidates: &[Candidate<'_>]) -> Vec<usize> {
        let mut rest: Vec<usize> = self.cart.top_lines().collect();
        let mut order = Vec::with_capacity(rest.len());
        for candidate in candidates {
            order.extend(rest.extract_if(.., |at| candidate.lines[*at]));
        }
        order.extend(rest);
        order
    }

    /// Applies one rule after another, each to all of its lines.
    fn rule_by_rule(&mut self, candidates: &mut [Candidate<'_>], order: &[usize]) -> Result<(), Undecided> {
        for candidate in candidates {
            if self.release.is_after_observed() && candidate.rule.conditions.asks_for_discounts() {
                candidate.holds = self.holds_now(candidate.rule)?;
                if candidate.holds && candidate.in_doubt {
                    return Err(Undecided { rule_id: candidate.rule.id, why: Why::Lines });
                }
            }
            if !candidate.holds {
                continue;
            }
            let mut spread = self.spread(candidate);
            let mut applied = false;
            for at in order {
                applied |= self.apply(candidate, *at, &mut spread)?;
            }
            if applied && candidate.rule.stop && !self.release.is_after_observed() {
                break;
            }
        }
        Ok(())
    }

    /// Whether a rule's conditions hold after what was taken off already.
    fn holds_now(&self, rule: &CartRule) -> Result<bool, Undecided> {
        let taken_off = self.charged.lines.iter().map(|line| line.discount.base).sum();
        match rule.conditions.truth_at(&Moment { cart: self.cart, release: self.release, taken_off }) {
            Truth::Unknown => Err(Undecided { rule_id: rule.id, why: Why::Conditions }),
            truth => Ok(truth == Truth::True),
        }
    }

    /// Applies all rules to one line after another.
    fn line_by_line(&mut self, candidates: &[Candidate<'_>], order: &[usize]) -> Result<(), Undecided> {
        let holding = candidates.iter().filter(|candidate| candidate.holds);
        let mut spreads: Vec<_> = holding.map(|candidate| (candidate, self.spread(candidate))).collect();
        for at in order {
            for (candidate, spread) in &mut spreads {
                if self.apply(candidate, *at, spread)? && candidate.rule.stop {
                    break;
                }
            }
        }
        // Line by line, rules come up in another order than theirs.
        let place = |id: &u64| candidates.iter().position(|candidate| candidate.rule.id == *id);
        self.charged.applied.sort_by_key(place);
        Ok(())
    }

    /// Applies a rule to a line, if it is for it; says whether it is.
    fn apply(&mut self, candidate: &Candidate<'_>, at: usize, spread: &mut Spread) -> Result<bool, Undecided> {
        let rule = candidate.rule;
        if !candidate.lines[at] || self.stopped[at] || self.is_step_skipped(rule, at) {
            return Ok(false);
        }
        if let CartAction::Unknown(_) = rule.action {
            return Err(Undecided { rule_id: rule.id, why: Why::Action });
        }
        for target in self.targets(rule, candidate, at) {
            self.deduct(rule, target, spread).ok_or(Undecided { rule_id: rule.id, why: Why::Range })?;
        }
        push_once(&mut self.charged.lines[at].applied, rule.id);
        self.stopped[at] = rule.stop && self.release.is_after_observed();
        self.note(rule);
        Ok(true)
    }

    /// Later releases leave out lines that do not reach a rule's step.
    fn is_step_skipped(&self, rule: &CartRule, at: usize) -> bool {
        let units = self.units(at);
        self.release.is_after_observed()
            && match rule.action {
                CartAction::BuyXGetY => rule.step >= units,
                CartAction::ByPercent | CartAction::ByFixed => rule.step > units,
                _ => false,
            }
    }

    /// The lines that carry a rule's discount on a line: itself, or, of a bundle made of its parts, those that the rule is for, which are all
    /// where the bundle by itself is.
    fn targets(&self, rule: &CartRule, candidate: &Candidate<'_>, at: usize) -> Vec<usize> {
        if !self.cart.is_made_of_parts(at) {
            return vec![at];
        }
        let all = rule.lines.line_truth_alone(self.cart, at) == Truth::True;
        self.cart.children(at).filter(|part| all || candidate.lines[*part]).collect()
    }

    /// Units of a line altogether.
    fn units(&self, at: usize) -> Decimal {
        let line = &self.cart.lines[at];
        let times = line.parent.map_or(Decimal::ONE, |parent| self.cart.lines[parent].quantity);
        line.quantity * times
    }

    /// Notes that a rule was applied, with its label.
    fn note(&mut self, rule: &CartRule) {
        self.has_coupon |= rule.coupon != CouponKind::None;
        if self.charged.applied.contains(&rule.id) {
            return;
        }
        self.charged.applied.push(rule.id);
        if let Some(label) = self.label(rule)
            && !self.charged.labels.contains(&label)
        {
            self.charged.labels.push(label);
        }
    }

    /// A rule's label in the store view. Without one, once a coupon was used, Magento shows its description or the code.
    fn label(&self, rule: &CartRule) -> Option<String> {
        let own = rule.labels.get(&self.cart.store_id).filter(|label| !label.is_empty());
        let label = own.or_else(|| rule.labels.get(&0)).filter(|label| !label.is_empty());
        let described = || rule.description.clone().filter(|text| !text.is_empty()).or_else(|| self.cart.code());
        label.cloned().or_else(|| self.has_coupon.then(described).flatten())
    }
}

impl Cart {
    fn code(&self) -> Option<String> {
        match &self.coupon {
            super::Coupon::Code { code, .. } => Some(code.clone()),
            _ => None,
        }
    }
}

impl Money {
    /// Both by one function.
    fn map(self, change: impl Fn(Decimal) -> Decimal) -> Self {
        Self { amount: change(self.amount), base: change(self.base) }
    }

    fn zip(self, other: Self, combine: impl Fn(Decimal, Decimal) -> Decimal) -> Self {
        Self { amount: combine(self.amount, other.amount), base: combine(self.base, other.base) }
    }

    fn rounded(self) -> Self {
        self.map(cents)
    }
}

fn push_once(ids: &mut Vec<u64>, id: u64) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}

#[cfg(test)]
mod tests;
