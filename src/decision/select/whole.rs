//! What a cart takes off by all of the store's rules, and what it lacks for offers that take off nothing yet.

use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::cart::{CartSelection, Deduction, Held, labels};
use crate::cart::{CartFacts, LineFacts};
use crate::decision::basis::{Basis, Draft, DraftLine, Filled};
use crate::decision::decide::Decision;
use crate::rule::Offer;
use crate::rule::cart_rule::{
    Cart, CartAction, CartAddress, CartLine, CartRule, CartTax, Charged, Coupon, CouponKind, FreeShipping, Lack,
    LineFacts as Facts, Truth, units_to_next_free,
};
use crate::site::{StoreView, Tax, TaxBasis, TaxComputed, TaxShown};

/// What a cart lacks for an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The line that it is about, in the order of the facts; `None` is the whole cart.
    pub line: Option<usize>,
    /// The offer's label.
    pub label: Arc<str>,
    /// What.
    pub what: MissingWhat,
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingWhat {
    /// An amount in the cart's currency.
    Amount(Decimal),
    /// So many units more.
    Units(Decimal),
    /// So many units more, of which with those that are there so many are free.
    UnitsForFree {
        /// How many to add.
        add: Decimal,
        /// How many of them are free.
        free: Decimal,
    },
}

/// A cart with its place among the facts.
struct Reckoning<'a> {
    basis: &'a Basis,
    decision: &'a Decision,
    view: &'a StoreView,
    facts: &'a CartFacts,
    filled: Filled,
    held: Held,
    /// Whether its prices are the same with tax and without.
    is_untaxed: bool,
    /// How far the lines' rows may be off; nought where nothing was rounded.
    tolerance: Decimal,
}

/// What all of the store's rules make of a cart: what it takes off, where that can be told, and what it lacks.
pub(super) fn whole(
    decision: &Decision,
    view: &StoreView,
    facts: &CartFacts,
    held: Held,
    now: Timestamp,
) -> Option<(Option<CartSelection>, Vec<Missing>)> {
    let basis = decision.basis()?;
    let is_untaxed =
        facts.lines.iter().all(|line| line.excluding_tax.is_some() && line.excluding_tax == line.including_tax);
    let (draft, tolerance) = draft(decision, view, facts, held, is_untaxed, now)?;
    let filled = basis.fill(decision, view, draft)?;
    let reckoning = Reckoning { basis, decision, view, facts, filled, held, is_untaxed, tolerance };
    Some((reckoning.deductions(), reckoning.missing()))
}

/// A cart as its section tells it, in base currency; `None` where it says too little.
fn draft(
    decision: &Decision,
    view: &StoreView,
    facts: &CartFacts,
    held: Held,
    is_untaxed: bool,
    now: Timestamp,
) -> Option<(Draft, Decimal)> {
    let tax = cart_tax(&view.tax, is_untaxed)?;
    if !facts.in_base_currency || facts.order.len() != facts.lines.len() {
        return None;
    }
    let lines = facts.order.iter().map(|at| draft_line(facts.lines.get(*at)?, tax, is_untaxed));
    let lines = lines.collect::<Option<Vec<_>>>()?;
    let pieces: Decimal = facts.lines.iter().map(|line| line.quantity).sum();
    let roundings = pieces + Decimal::from(facts.lines.len());
    let tolerance = if is_untaxed { Decimal::ZERO } else { roundings / Decimal::ONE_HUNDRED };
    let with_code = |rule_id| Coupon::Code { code: String::new(), rule_id };
    let coupon = match (held, decision.coupon()) {
        (Held::Of(rule), _) => with_code(Some(rule)),
        // It is given one as soon as it was looked at.
        (_, Some(offer)) => with_code(offer.charge.rule_id()),
        (Held::None | Held::Unknown, None) => Coupon::None,
    };
    let draft = Draft {
        lines,
        is_complete: facts.is_complete,
        rate: Decimal::ONE,
        tax,
        now,
        coupon,
        address: CartAddress::Unknown,
        payment_method: None,
        customer_group: None,
    };
    Some((draft, tolerance))
}

fn cart_tax(tax: &Tax, is_untaxed: bool) -> Option<CartTax> {
    if is_untaxed {
        return Some(CartTax {
            catalog_prices: TaxBasis::Excluding,
            discount_on: TaxBasis::Excluding,
            computed: TaxComputed::AfterDiscount,
        });
    }
    Some(CartTax { catalog_prices: tax.catalog_prices?, discount_on: tax.discount_on?, computed: tax.computed? })
}

fn draft_line(line: &LineFacts, tax: CartTax, is_untaxed: bool) -> Option<DraftLine> {
    let (excl, incl) = (line.excluding_tax?, line.including_tax?);
    // Where tax is put upon prices or taken out, the price that discounts go by is a fraction of the whole row's.
    let is_exact = is_untaxed || tax.discount_on == tax.catalog_prices || line.quantity == Decimal::ONE;
    if !is_exact || line.quantity <= Decimal::ZERO {
        return None;
    }
    let (row, row_with_tax) = (excl.checked_mul(line.quantity)?, incl.checked_mul(line.quantity)?);
    let cart_line = CartLine {
        parent: None,
        product: Some(line.product),
        kind: line.product_type.clone(),
        sku: line.sku.clone(),
        product_sku: None,
        quantity: line.quantity,
        unit_price: excl,
        base_unit_price: excl,
        unit_price_with_tax: Some(incl),
        base_unit_price_with_tax: Some(incl),
        row_total: row,
        base_row_total: row,
        row_total_with_tax: Some(row_with_tax),
        base_row_total_with_tax: Some(row_with_tax),
        tax_percent: None,
        weight: None,
        is_virtual: false,
        facts: Facts::default(),
    };
    Some(DraftLine { line: cart_line, has_options: line.has_options })
}

impl Reckoning<'_> {
    /// What is taken off, where rounding makes no difference to it.
    fn deductions(&self) -> Option<CartSelection> {
        let charged = self.basis.charge(&self.filled.cart).ok()?;
        let nothing = || Some(CartSelection { lines: vec![None; self.facts.lines.len()], ..CartSelection::default() });
        if self.may_own_coupon_change(&charged) {
            return nothing();
        }
        if self.basis.is_tied(&self.filled.cart) {
            let other = self.basis.charge_tied(&self.filled.cart).ok()?;
            let amounts = |charged: &Charged| charged.lines.iter().map(|line| line.discount.amount).collect::<Vec<_>>();
            if amounts(&other) != amounts(&charged) {
                return nothing();
            }
        }
        if !self.tolerance.is_zero() {
            for tolerance in [self.tolerance, -self.tolerance] {
                let other = self.basis.charge(&self.shifted(tolerance).cart).ok()?;
                (other.lines == charged.lines).then_some(())?;
            }
        }
        // What carts did not keep is not said again.
        if self
            .decision
            .offers()
            .any(|it| it.paused && it.charge.rule_id().is_some_and(|id| charged.applied.contains(&id)))
        {
            return None;
        }
        let mut lines = vec![None; self.facts.lines.len()];
        let mut said_of_all = true;
        for (position, top) in self.filled.tops.iter().enumerate() {
            let at = self.facts.order[position];
            let amount = charged.lines[*top].discount.amount;
            let offers = self.offers(&charged, *top);
            if amount <= Decimal::ZERO {
                said_of_all &= amount.is_zero();
            } else if self.is_below_a_floor(&offers, *top, amount) {
                said_of_all = false;
            } else {
                lines[at] = Some(Deduction { amount, labels: labels(&offers, self.view) });
            }
        }
        let amount: Decimal = lines.iter().flatten().map(|line: &Deduction| line.amount).sum();
        let sum = (said_of_all && !amount.is_zero()).then(|| {
            let applied: Vec<&Offer> = charged.applied.iter().filter_map(|rule| self.offer(*rule)).collect();
            Deduction { amount, labels: labels(&applied, self.view) }
        });
        Some(CartSelection { lines, sum, missing: Vec::new() })
    }

    /// The same cart with rows that are off by so much together.
    fn shifted(&self, by: Decimal) -> Filled {
        let mut filled = self.filled.clone();
        if let Some(line) = filled.cart.lines.first_mut() {
            line.base_row_total += by;
            line.base_row_total_with_tax = line.base_row_total_with_tax.map(|row| row + by);
        }
        filled
    }

    fn offer(&self, rule: u64) -> Option<&Offer> {
        self.decision.offers().map(|offer| &**offer).find(|offer| offer.charge.rule_id() == Some(rule))
    }

    fn offers(&self, charged: &Charged, top: usize) -> Vec<&Offer> {
        charged.lines[top].applied.iter().filter_map(|rule| self.offer(*rule)).collect()
    }

    /// Whether a coupon of the shopper's own, which may be in the cart, could change what these rules take off: its rule goes before the last of
    /// them.
    fn may_own_coupon_change(&self, charged: &Charged) -> bool {
        let last = self.basis.rules().filter(|rule| charged.applied.contains(&rule.id)).max_by(|a, b| a.order(b));
        // Where Segue may give it a code, nobody's own was seen in it.
        let may_have_own = self.held == Held::Unknown && self.decision.coupon().is_none();
        let Some(last) = last.filter(|_| may_have_own) else { return false };
        let cart = Cart { coupon: Coupon::Unknown, ..self.filled.cart.clone() };
        let is_own = |rule: &&CartRule| rule.coupon != CouponKind::None && !charged.applied.contains(&rule.id);
        self.basis.rules().filter(is_own).any(|rule| rule.order(last).is_lt() && self.basis.may_apply(rule, &cart))
    }

    /// Whether one comes to less than an offer lets it.
    fn is_below_a_floor(&self, offers: &[&Offer], top: usize, amount: Decimal) -> bool {
        let line = &self.filled.cart.lines[top];
        let price = match self.filled.cart.tax.discount_on {
            TaxBasis::Excluding => line.unit_price,
            TaxBasis::Including => line.unit_price_with_tax.unwrap_or(line.unit_price),
        };
        let left = price - amount / line.quantity;
        offers.iter().any(|offer| offer.floor.is_some_and(|floor| left < floor))
    }

    /// What the cart lacks for offers of its shopper, in the order of rules.
    fn missing(&self) -> Vec<Missing> {
        let mut found = Vec::new();
        let stop = self.first_stop();
        for offer in self.decision.offers().filter(|offer| !offer.paused) {
            let rule = offer.charge.rule_id().and_then(|id| self.basis.rule(id));
            let label = offer.labels.of(&self.view.code).filter(|label| !label.trim().is_empty());
            let Some((rule, label)) = rule.zip(label) else { continue };
            if rule.is_selected(&self.filled.cart) != Truth::True || stop.is_some_and(|stop| stop.order(rule).is_lt()) {
                continue;
            }
            found.extend(self.missing_for(rule).into_iter().map(|(line, what)| Missing {
                line,
                label: Arc::clone(label),
                what,
            }));
        }
        found
    }

    fn missing_for(&self, rule: &CartRule) -> Vec<(Option<usize>, MissingWhat)> {
        let cart = &self.filled.cart;
        let matching: Vec<(usize, usize)> = self
            .filled
            .tops
            .iter()
            .enumerate()
            .filter(|(_, top)| rule.lines.line_truth(cart, **top) == Truth::True)
            .map(|(position, top)| (self.facts.order[position], *top))
            .collect();
        let moment = self.basis.moment(cart);
        match rule.conditions.truth_at(&moment) {
            Truth::True => {
                let more = matching
                    .iter()
                    .filter_map(|(at, top)| Some((Some(*at), more_units(rule, cart.lines[*top].quantity)?)));
                more.collect()
            }
            Truth::False if !matching.is_empty() || rule.free_shipping != FreeShipping::None => {
                let lack = rule.conditions.lack(&moment).and_then(|lack| match lack {
                    Lack::Money(amount) => self.says_prices(TaxBasis::Excluding).then_some(MissingWhat::Amount(amount)),
                    Lack::MoneyWithTax(amount) => {
                        self.says_prices(TaxBasis::Including).then_some(MissingWhat::Amount(amount))
                    }
                    Lack::Units(units) => Some(MissingWhat::Units(units)),
                });
                lack.into_iter().map(|what| (None, what)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The first rule that keeps those after it from the cart, or could.
    fn first_stop(&self) -> Option<&CartRule> {
        self.basis.rules().filter(|rule| rule.stop).find(|rule| self.basis.may_apply(rule, &self.filled.cart))
    }

    /// Whether an amount with or without tax is one that the shopper can put into his cart: prices are shown, and kept to the cent, so.
    fn says_prices(&self, basis: TaxBasis) -> bool {
        let tax = &self.view.tax;
        let shown = match tax.shown {
            TaxShown::Excluding => TaxBasis::Excluding,
            TaxShown::Including | TaxShown::Both => TaxBasis::Including,
        };
        self.is_untaxed || (shown == basis && tax.catalog_prices == Some(basis))
    }
}

/// How many units more of a line a rule needs to take something off it, or to take off more.
fn more_units(rule: &CartRule, units: Decimal) -> Option<MissingWhat> {
    match rule.action {
        CartAction::BuyXGetY => {
            let (add, free) = units_to_next_free(rule, units)?;
            Some(MissingWhat::UnitsForFree { add, free })
        }
        CartAction::ByPercent | CartAction::ByFixed
            if rule.step > units
                && rule.step > Decimal::ONE
                && rule.most_units.is_none_or(|most| most.is_zero() || most >= rule.step) =>
        {
            Some(MissingWhat::Units(rule.step - units))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
