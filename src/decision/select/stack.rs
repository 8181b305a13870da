//! One product's offers, one upon another, on each of its prices.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::rates::Rates;
use super::tax::Taxed;
use super::{Doubt, Label, Notes, PriceChange};
use crate::commerce::shop::Rates as Exchange;
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::page::{Amounts, PageFacts, ProductFacts, ProductId, Share, UnitFacts, Whose};
use crate::rule::discount::{Effect, Unit};
use crate::rule::matching::Matching;
use crate::rule::{Action, Charge, Offer, Products, StoreEffect, StoreRule};
use crate::site::StoreView;

/// What all products of a page share.
pub(super) struct Page<'a> {
    pub(super) view: &'a StoreView,
    pub(super) currency: Currency,
    pub(super) rates: Rates<'a>,
}

/// Whether amounts in base currency can be taken off a page's prices.
#[derive(Clone, Copy)]
pub(super) enum Currency {
    /// So many units of the page's currency for one of the base currency.
    At(Decimal),
    Unknown,
    Foreign,
}

impl Currency {
    pub(super) fn of(page: &PageFacts, view: &StoreView, exchange: Option<&Exchange>) -> Self {
        let shown = match page.currencies.as_slice() {
            // Magento has a currency switcher on every page of a store view with a choice, so there is none.
            [] => &view.currency,
            [one] => one,
            _ => return Self::Unknown,
        };
        if shown.eq_ignore_ascii_case(&view.base_currency) {
            return Self::At(Decimal::ONE);
        }
        let of_base = exchange.filter(|exchange| exchange.base.eq_ignore_ascii_case(&view.base_currency));
        let rate = of_base.and_then(|exchange| exchange.rates.get(&shown.to_ascii_uppercase()));
        rate.map_or(Self::Foreign, |rate| Self::At(*rate))
    }

    /// Why an offer with amounts in base currency cannot be computed.
    fn doubt(self, offer: &Offer) -> Option<NotApplied> {
        let needed = offer.action.is_money() || offer.floor.is_some();
        match self {
            Self::Unknown if needed => Some(NotApplied::CurrencyUnknown),
            Self::Foreign if needed => Some(NotApplied::ForeignCurrency),
            Self::At(_) | Self::Unknown | Self::Foreign => None,
        }
    }

    /// What an offer takes, in the page's currency.
    fn amount(self, offer: &Offer) -> Option<Decimal> {
        match self {
            Self::At(rate) if offer.action.is_money() => offer.amount.checked_mul(rate),
            _ => Some(offer.amount),
        }
    }

    /// An amount of the page in base currency.
    fn in_base(self, amount: Decimal) -> Decimal {
        match self {
            Self::At(rate) => amount.checked_div(rate).unwrap_or(amount),
            Self::Unknown | Self::Foreign => amount,
        }
    }
}

/// The offers of one product, one upon another.
pub(super) struct Stack<'a> {
    page: &'a Page<'a>,
    product: &'a ProductFacts,
    sku: Option<String>,
    units: Vec<Standing<'a>>,
    has_extras: bool,
    /// The offer because of which nobody can tell what the cart charges, and why.
    in_doubt: Option<(&'a Offer, NotApplied)>,
}

/// One price of the product, with the offers on it so far.
struct Standing<'a> {
    facts: &'a UnitFacts,
    sku: Option<String>,
    /// What the price may be; all must come to the same.
    readings: Result<Vec<Reading>, NotApplied>,
    /// The offer that lets none follow.
    stopped_by: Option<&'a Offer>,
    /// A rule of the store's own that may let none follow.
    barred_by: Option<&'a Offer>,
    /// A rule of the store's own that may take back what offers took off.
    spoiled_by: Option<&'a Offer>,
    lowered_by: Vec<&'a Offer>,
}

/// A price as the cart has it, and what the offers so far leave of it.
type Reading = (Taxed, Left);

/// What the offers so far leave of a price's basis.
enum Left {
    Unit(Unit),
    /// Of what a choice adds, this much.
    Fraction(Decimal),
}

/// Which of a product's names an offer has; `None` where the page does not say enough.
#[derive(Clone, Copy)]
struct Named {
    product: Option<bool>,
    /// At least one of its parts.
    a_part: Option<bool>,
}

impl<'a> Stack<'a> {
    pub(super) fn new(page: &'a Page<'a>, product: &'a ProductFacts) -> Self {
        let standing = |facts| Standing::new(facts, page);
        let units: Vec<Standing<'a>> = product.units.iter().map(standing).collect();
        let has_extras = product.units.iter().any(|unit| unit.share == Share::Extra);
        Self { page, product, sku: product.sku.as_deref().map(lower), units, has_extras, in_doubt: None }
    }

    /// Leaves the product alone where the shop's database decides which of two offers goes first, and that makes a difference to it.
    pub(super) fn minding_ties(mut self, offers: &[&'a Arc<Offer>]) -> Self {
        let charged = || offers.iter().filter(|offer| !offer.is_label());
        let Some((one, other)) = charged().zip(charged().skip(1)).find(|(one, other)| one.ties_with(other)) else {
            return self;
        };
        let units = |offers: &mut dyn Iterator<Item = &'a Arc<Offer>>| {
            let (change, _) = Self::new(self.page, self.product).apply(offers, &mut Notes(None));
            change.map(|change| change.units).unwrap_or_default()
        };
        let turned = offers.chunk_by(|one, other| one.priority == other.priority).flat_map(|tied| {
            let (with_coupon, without): (Vec<_>, Vec<_>) =
                tied.iter().rev().partition(|offer| offer.charge.is_coupon());
            without.into_iter().chain(with_coupon)
        });
        if units(&mut offers.iter().copied()) != units(&mut turned.copied()) {
            self.in_doubt = Some((one, NotApplied::OrderUnknown(Arc::clone(&other.id))));
        }
        self
    }

    /// What is shown for the product, and why its prices stay if nobody can tell what they would be.
    pub(super) fn apply(
        mut self,
        offers: impl Iterator<Item = &'a Arc<Offer>>,
        notes: &mut Notes,
    ) -> (Option<PriceChange>, Option<Doubt>) {
        let mut outcomes: Vec<(&Offer, Outcome)> = Vec::new();
        for offer in offers {
            // No charged offer changes a product that is left alone; who asks for reasons wants them all the same.
            if self.in_doubt.is_some() && !offer.is_label() && !notes.are_wanted() {
                continue;
            }
            let outcome = self.outcome(offer);
            outcomes.push((offer, outcome));
        }
        let units = self.results();
        let mut labels: Vec<Label> = Vec::new();
        for (offer, outcome) in outcomes {
            let outcome = self.in_the_end(offer, outcome);
            if matches!(outcome, Outcome::Applied | Outcome::LabelOnly) {
                let label = offer.labels.of(&self.page.view.code);
                let deducted = matches!(outcome, Outcome::Applied);
                match label.and_then(|label| labels.iter_mut().find(|it| it.text == *label)) {
                    // What one of two offers with this label deducts is deducted.
                    Some(known) => known.deducted |= deducted,
                    None => labels.extend(label.map(|text| Label { text: Arc::clone(text), deducted })),
                }
            }
            notes.add(|| verdict(offer, Some(self.product.id), outcome));
        }
        let product = self.product.id;
        let doubt = self.in_doubt.map(|(_, why)| Doubt { product, reason: why.as_str() });
        ((!units.is_empty() || !labels.is_empty()).then_some(PriceChange { product, units, labels }), doubt)
    }

    fn outcome(&mut self, offer: &'a Offer) -> Outcome {
        let named = self.named(offer);
        match &offer.charge {
            Charge::None => self.label_only(offer, named),
            _ if offer.is_label() => self.label_only(offer, named),
            Charge::Origin { .. } | Charge::Coupon { .. } => self.charge(offer, named),
            Charge::Store(rule) => {
                self.meet(offer, *rule, named);
                Outcome::Candidate
            }
        }
    }

    fn label_only(&self, offer: &Offer, named: Named) -> Outcome {
        match self.units.iter().map(|unit| unit.is_named(offer)).fold(named.product, either) {
            Some(true) if offer.labels.of(&self.page.view.code).is_none() => Outcome::NotApplied(NotApplied::NoLabel),
            Some(true) => Outcome::LabelOnly,
            Some(false) => Outcome::NotApplied(NotApplied::ProductNotNamed),
            None => Outcome::NotApplied(NotApplied::SkuUnknown),
        }
    }

    fn named(&self, offer: &Offer) -> Named {
        let product = names(offer, self.product.id, self.sku.as_deref());
        let parts = self.units.iter().filter(|unit| matches!(unit.facts.whose, Whose::Component { .. }));
        let a_part = parts.map(|unit| unit.is_named(offer)).fold(Some(false), either);
        Named { product, a_part }
    }

    /// Applies an offer to every price as the cart would.
    fn charge(&mut self, offer: &'a Offer, named: Named) -> Outcome {
        let mut best = Outcome::NotApplied(NotApplied::ProductNotNamed);
        // A part that somebody chooses together with one that an offer stopped at gets no later offer either.
        let stopped_part = self.units.iter().find_map(|unit| unit.stopped_by.filter(|_| unit.is_part()));
        for unit in &mut self.units {
            let outcome = match unit.stopped_by {
                Some(_) if unit.names(offer, self.product.id, named) == Ok(false) => continue,
                Some(stop) => Outcome::NotApplied(NotApplied::StoppedBy(Arc::clone(&stop.id))),
                None => {
                    let applied = unit.names(offer, self.product.id, named).and_then(|named| match named {
                        false => Ok(None),
                        true if unit.barred_by.is_some() => {
                            Err(unit.barred_by.map_or(NotApplied::NoDiscount, store_rule))
                        }
                        true if unit.is_part() && stopped_part.is_some() => Err(NotApplied::ChoiceUnknown),
                        true => unit.charge(offer, self.page, self.has_extras).map(Some),
                    });
                    match applied {
                        Ok(None) => continue,
                        Ok(Some(Effect::Lowered)) => Outcome::Applied,
                        Ok(Some(_)) => Outcome::NotApplied(NotApplied::NoDiscount),
                        Err(doubt) => {
                            // Such an offer may or may not stop those after it; either way the product is left alone.
                            self.in_doubt.get_or_insert_with(|| (offer, doubt.clone()));
                            return Outcome::NotApplied(doubt);
                        }
                    }
                }
            };
            best = better(best, outcome);
        }
        best
    }

    /// Applies a rule of the store's own as far as anybody can tell, and notes what it may do beyond that.
    fn meet(&mut self, offer: &'a Offer, rule: StoreRule, named: Named) {
        let may_raise = rule.effect == StoreEffect::Unsure || offer.action == Action::ToFixed;
        let product = self.product.id;
        for unit in self.units.iter_mut().filter(|unit| unit.stopped_by.is_none()) {
            let named = if rule.is_certain { unit.names(offer, product, named).ok() } else { None };
            let is_plain = rule.effect != StoreEffect::Unsure;
            match named {
                Some(false) => {}
                Some(true) if is_plain && unit.charge(offer, self.page, self.has_extras).is_ok() => {}
                sure => {
                    if may_raise {
                        unit.spoiled_by.get_or_insert(offer);
                    }
                    if offer.stop && sure.is_some() {
                        unit.stopped_by = Some(offer);
                    } else if offer.stop {
                        unit.barred_by.get_or_insert(offer);
                    }
                }
            }
        }
    }

    /// The new amounts of every price; none if nothing changes or if one of them is in doubt.
    fn results(&mut self) -> Vec<Amounts> {
        let mut results = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            if self.in_doubt.is_some() {
                return Vec::new();
            }
            match unit.result(self.page.currency) {
                Ok(amounts) => results.push(amounts),
                Err(doubt) => self.in_doubt = Some(doubt),
            }
        }
        let of_offers = |unit: &Standing<'_>| unit.lowered_by.iter().any(|offer| !offer.charge.is_stores());
        let changed = self.in_doubt.is_none() && self.units.iter().any(of_offers);
        if changed { results } else { Vec::new() }
    }

    /// No charged offer is shown on a product that is left alone because of another.
    fn in_the_end(&self, offer: &Offer, outcome: Outcome) -> Outcome {
        match &self.in_doubt {
            Some((doubtful, why)) if matches!(outcome, Outcome::Applied) => Outcome::NotApplied(match why {
                why if std::ptr::eq(*doubtful, offer) => why.clone(),
                _ => NotApplied::LeftAlone(Arc::clone(&doubtful.id)),
            }),
            _ => outcome,
        }
    }
}

impl<'a> Standing<'a> {
    fn new(facts: &'a UnitFacts, page: &Page<'_>) -> Self {
        let sku = match &facts.whose {
            Whose::Variant { sku, .. } | Whose::Component { sku, .. } => sku.as_deref().map(lower),
            _ => None,
        };
        let reading = |taxed: Taxed| {
            let left = match facts.share {
                Share::Whole => Unit::new(taxed.basis).map(Left::Unit),
                Share::Part => Unit::exact(taxed.basis).map(Left::Unit),
                Share::Extra => Some(Left::Fraction(Decimal::ONE)),
            };
            left.map(|left| (taxed, left)).ok_or(NotApplied::PriceOutOfRange(taxed.basis))
        };
        let readings = Taxed::readings(facts.amounts, facts.share, &page.view.tax, &page.rates);
        let readings = readings.and_then(|readings| readings.into_iter().map(reading).collect());
        Self { facts, sku, readings, stopped_by: None, barred_by: None, spoiled_by: None, lowered_by: Vec::new() }
    }

    fn is_part(&self) -> bool {
        matches!(self.facts.whose, Whose::Component { .. })
    }

    /// Whether an offer names the variant or the part whose price it is.
    fn is_named(&self, offer: &Offer) -> Option<bool> {
        match &self.facts.whose {
            Whose::Variant { id, .. } | Whose::Component { id, .. } => names(offer, *id, self.sku.as_deref()),
            Whose::Product | Whose::SomeVariant | Whose::SomeMember | Whose::SomeComponents => Some(false),
        }
    }

    /// Whether the cart would apply an offer to this price; if nobody can tell, why.
    fn names(&self, offer: &Offer, product: ProductId, named: Named) -> Result<bool, NotApplied> {
        let money = offer.action.is_money();
        if let Products::Matching(matching) = &offer.products {
            return self.matches(matching, product, money);
        }
        match &self.facts.whose {
            // Amounts are per part, and how many there are the page does not say.
            Whose::SomeComponents if money => Err(NotApplied::ChoiceUnknown),
            _ if offer.products == Products::All => Ok(true),
            Whose::Product => named.product.ok_or(NotApplied::SkuUnknown),
            Whose::Variant { .. } => either(named.product, self.is_named(offer)).ok_or(NotApplied::SkuUnknown),
            Whose::SomeVariant => match named.product {
                Some(true) => Ok(true),
                Some(false) => Err(NotApplied::ChoiceUnknown),
                None => Err(NotApplied::SkuUnknown),
            },
            Whose::SomeMember | Whose::SomeComponents => Err(NotApplied::ChoiceUnknown),
            Whose::Component { .. } => match (named.a_part, named.product) {
                (Some(true), Some(false)) => self.is_named(offer).ok_or(NotApplied::SkuUnknown),
                (Some(true), Some(true)) => Err(NotApplied::ChoiceUnknown),
                (Some(false), Some(bundle)) => Ok(bundle),
                (None, _) | (_, None) => Err(NotApplied::SkuUnknown),
            },
        }
    }

    /// The same of an offer whose products the catalogue says.
    fn matches(&self, matching: &Matching, product: ProductId, money: bool) -> Result<bool, NotApplied> {
        let known = |answer: Option<bool>| answer.ok_or(NotApplied::CatalogueUnknown);
        match &self.facts.whose {
            Whose::Product => known(matching.of(product)),
            Whose::Variant { id, .. } => known(matching.of_variant(product, *id)),
            Whose::SomeVariant => matching.of_all_variants(product).ok_or(NotApplied::ChoiceUnknown),
            // A bundle that the rule is for by itself has all its parts discounted.
            Whose::Component { id, .. } => match known(matching.of(product))? {
                true => Ok(true),
                false => known(matching.of(*id)),
            },
            Whose::SomeComponents if matching.of(product) == Some(true) && !money => Ok(true),
            Whose::SomeMember | Whose::SomeComponents => Err(NotApplied::ChoiceUnknown),
        }
    }

    fn charge(&mut self, offer: &'a Offer, page: &Page<'_>, has_extras: bool) -> Result<Effect, NotApplied> {
        let readings = self.readings.as_mut().map_err(|why| why.clone())?;
        if let Some(doubt) = page.currency.doubt(offer) {
            return Err(doubt);
        }
        let amount = page.currency.amount(offer).ok_or(NotApplied::PriceOutOfRange(offer.amount))?;
        let mut effect = Effect::Same;
        for reading in readings {
            let own = take(reading, offer, amount, has_extras)?;
            effect = if own == Effect::Lowered { own } else { effect };
        }
        self.stopped_by = offer.stop.then_some(offer);
        if effect == Effect::Lowered {
            self.lowered_by.push(offer);
        }
        Ok(effect)
    }

    /// The new amounts; the old ones if no offer lowered them, and if they cannot be shown, the offer to blame.
    fn result(&self, currency: Currency) -> Result<Amounts, (&'a Offer, NotApplied)> {
        let (Ok(readings), Some(last)) = (&self.readings, self.lowered_by.last()) else {
            return Ok(self.facts.amounts);
        };
        let offered = self.lowered_by.iter().rfind(|offer| !offer.charge.is_stores());
        if let Some((offer, rule)) = offered.zip(self.spoiled_by) {
            return Err((offer, store_rule(rule)));
        }
        let mut results = readings.iter().map(|reading| self.result_of(reading, last, currency));
        let first = results.next().unwrap_or(Err((last, NotApplied::TaxUnknown)))?;
        for other in results {
            if other? != first {
                return Err((last, NotApplied::TaxUnknown));
            }
        }
        Ok(first)
    }

    fn result_of(
        &self,
        (taxed, left): &Reading,
        last: &'a Offer,
        currency: Currency,
    ) -> Result<Amounts, (&'a Offer, NotApplied)> {
        let taken = match left {
            Left::Unit(unit) => unit.discount(),
            Left::Fraction(fraction) => taxed.basis - taxed.basis * fraction,
        };
        // What a choice adds comes on top of a price that has a floor itself.
        let is_price = self.facts.share != Share::Extra;
        let above =
            |offer: &&&Offer| is_price && offer.floor.is_some_and(|floor| currency.in_base(taxed.left(taken)) < floor);
        if let Some((offer, floor)) = self.lowered_by.iter().find(above).and_then(|it| Some((*it, it.floor?))) {
            return Err((offer, NotApplied::BelowFloor(floor)));
        }
        taxed.less(taken, self.facts.amounts).map_err(|why| (last, why))
    }
}

/// Takes an offer off what is left of a price.
fn take((taxed, left): &mut Reading, offer: &Offer, amount: Decimal, has_extras: bool) -> Result<Effect, NotApplied> {
    let effect = match left {
        Left::Unit(unit) if has_extras && takes_more(unit, offer.action, amount) => {
            return Err(NotApplied::ChoiceUnknown);
        }
        Left::Unit(unit) => unit.apply(offer.action, amount),
        Left::Fraction(_) if taxed.basis.is_zero() => Effect::Same,
        Left::Fraction(fraction) => reduce(fraction, offer)?,
    };
    if effect == Effect::Raised { Err(NotApplied::AboveCurrentPrice) } else { Ok(effect) }
}

/// Whether an offer takes more off a price than is left of it, so that the rest would go off what a choice adds.
fn takes_more(unit: &Unit, action: Action, amount: Decimal) -> bool {
    match action {
        Action::ByFixed => amount > unit.charged(),
        Action::ToFixed => unit.discount() > amount,
        Action::ByPercent | Action::ToPercent => false,
    }
}

/// What an offer leaves of what a choice adds to a price. A percentage takes its part, an amount is off the price itself, and a price that is
/// set is set with the choice in it.
fn reduce(fraction: &mut Decimal, offer: &Offer) -> Result<Effect, NotApplied> {
    let before = *fraction;
    let percent = offer.amount.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED) / Decimal::ONE_HUNDRED;
    *fraction = match offer.action {
        Action::ByPercent => before * (Decimal::ONE - percent),
        Action::ToPercent => before * percent,
        Action::ByFixed => before,
        Action::ToFixed if before < Decimal::ONE => return Err(NotApplied::ChoiceUnknown),
        Action::ToFixed => Decimal::ZERO,
    };
    Ok(if *fraction < before { Effect::Lowered } else { Effect::Same })
}

/// Whether an offer names one product; `None` if its SKU would say and is unknown.
fn names(offer: &Offer, id: ProductId, sku: Option<&str>) -> Option<bool> {
    match &offer.products {
        Products::All => Some(true),
        Products::Ids(ids) => Some(ids.contains(&id)),
        Products::Skus(skus) => sku.map(|sku| skus.contains(sku)),
        Products::Matching(matching) => matching.of(id),
    }
}

fn store_rule(rule: &Offer) -> NotApplied {
    NotApplied::StoreRule(Arc::clone(&rule.id))
}

/// Whether one of two is so.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// What speaks for an offer at a product of which it met several prices.
fn better(one: Outcome, other: Outcome) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Applied => 0,
        Outcome::NotApplied(NotApplied::NoDiscount) => 1,
        Outcome::NotApplied(NotApplied::StoppedBy(_)) => 2,
        _ => 3,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

/// Magento compares SKUs without case.
pub(super) fn lower(sku: &str) -> String {
    sku.trim().to_lowercase()
}

pub(super) fn verdict(offer: &Offer, product: Option<ProductId>, outcome: Outcome) -> Verdict {
    Verdict { rule: RuleId::Offer(Arc::clone(&offer.id)), product, outcome }
}
