//! Which offers a page's products show.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Decision, Label, Notes, PriceChange};
use crate::decision::index::Reach;
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::page::{Amounts, PageFacts, ProductFacts, ProductId};
use crate::rule::discount::{Effect, Unit};
use crate::rule::{Charge, Offer, Products};
use crate::site::{StoreView, TaxShown};

pub(super) fn select(decision: &Decision, view: &StoreView, page: &PageFacts, notes: &mut Notes) -> Vec<PriceChange> {
    if page.products.is_empty() {
        for offer in decision.offers() {
            notes.add(|| verdict(offer, None, Outcome::NotApplied(NotApplied::NoProducts)));
        }
        return Vec::new();
    }
    let currency = Currency::of(page, view);
    let offers = Offers::of(decision);
    let change = |product| {
        let stack = Stack::new(product, view, &currency);
        // Who asks for reasons wants one for every offer.
        if notes.are_wanted() {
            return stack.apply(decision.offers(), notes);
        }
        let naming = offers.naming(product.id, stack.sku.as_deref());
        stack.apply(naming.iter().map(|number| decision.index().offer(*number)), notes)
    };
    page.products.iter().filter_map(change).collect()
}

/// A decision's offers, found by product.
struct Offers<'a> {
    decision: &'a Decision,
    for_all: Vec<u32>,
    by_sku: Vec<u32>,
}

impl<'a> Offers<'a> {
    fn of(decision: &'a Decision) -> Self {
        let index = &decision.index().offers;
        let with = |reach| decision.offer_numbers().iter().copied().filter(|it| index.reach(*it) == reach).collect();
        Self { decision, for_all: with(Reach::All), by_sku: with(Reach::Skus) }
    }

    /// The offers that name a product or may do so, in the order in which they apply. Of a product whose SKU is unknown nobody can tell
    /// which offers for SKUs name it.
    fn naming(&self, id: ProductId, sku: Option<&str>) -> Vec<u32> {
        let index = &self.decision.index().offers;
        let held = |number: &&u32| self.decision.offer_numbers().binary_search(number).is_ok();
        let mut naming = self.for_all.clone();
        naming.extend(index.of_id(id).iter().filter(held));
        match sku {
            Some(sku) => naming.extend(index.of_sku(sku).iter().filter(held)),
            None => naming.extend(&self.by_sku),
        }
        naming.sort_unstable();
        naming
    }
}

fn verdict(offer: &Offer, product: Option<ProductId>, outcome: Outcome) -> Verdict {
    Verdict { rule: RuleId::Offer(Arc::clone(&offer.id)), product, outcome }
}

/// Whether amounts in base currency can be taken off a page's prices.
enum Currency {
    Base,
    Unknown,
    Foreign,
}

impl Currency {
    fn of(page: &PageFacts, view: &StoreView) -> Self {
        let shown = match page.currencies.as_slice() {
            // Magento has a currency switcher on every page of a store view with a choice, so there is none.
            [] => &view.currency,
            [one] => one,
            _ => return Self::Unknown,
        };
        if shown.eq_ignore_ascii_case(&view.base_currency) { Self::Base } else { Self::Foreign }
    }
}

/// The offers of one product, one upon another.
struct Stack<'a> {
    product: &'a ProductFacts,
    sku: Option<String>,
    view: &'a StoreView,
    currency: &'a Currency,
    unit: Option<Unit>,
    /// The offer that lets none follow.
    stopped_by: Option<&'a Offer>,
    /// The offer because of which nobody can tell what the cart charges.
    in_doubt: Option<&'a Offer>,
}

impl<'a> Stack<'a> {
    fn new(product: &'a ProductFacts, view: &'a StoreView, currency: &'a Currency) -> Self {
        let sku = product.sku.as_ref().map(|sku| sku.trim().to_lowercase());
        let unit = product.units.first().and_then(|unit| Unit::new(unit.amounts.final_price?));
        Self { product, sku, view, currency, unit, stopped_by: None, in_doubt: None }
    }

    fn apply(mut self, offers: impl Iterator<Item = &'a Arc<Offer>>, notes: &mut Notes) -> Option<PriceChange> {
        let outcomes: Vec<(&Offer, Outcome)> = offers.map(|offer| (&**offer, self.outcome(offer))).collect();
        let mut labels: Vec<Label> = Vec::new();
        for (offer, outcome) in outcomes {
            let outcome = self.in_the_end(offer, outcome);
            if matches!(outcome, Outcome::Applied | Outcome::LabelOnly) {
                let label =
                    offer.labels.of(&self.view.code).filter(|label| !labels.iter().any(|it| it.text == **label));
                let deducted = matches!(outcome, Outcome::Applied);
                labels.extend(label.map(|text| Label { text: Arc::clone(text), deducted }));
            }
            notes.add(|| verdict(offer, Some(self.product.id), outcome));
        }
        let unit = self.unit.filter(|unit| self.in_doubt.is_none() && !unit.discount().is_zero());
        let charged = |unit: Unit| Amounts { final_price: Some(unit.charged()), base_price: None };
        let units: Vec<Amounts> = unit.map(charged).into_iter().collect();
        let product = self.product.id;
        (!units.is_empty() || !labels.is_empty()).then_some(PriceChange { product, units, labels })
    }

    fn outcome(&mut self, offer: &'a Offer) -> Outcome {
        match (self.names(offer), offer.charge) {
            (Some(false), _) => Outcome::NotApplied(NotApplied::ProductNotNamed),
            (None, Charge::None) => Outcome::NotApplied(NotApplied::SkuUnknown),
            (Some(true), Charge::None) if offer.labels.of(&self.view.code).is_none() => {
                Outcome::NotApplied(NotApplied::NoLabel)
            }
            (Some(true), Charge::None) => Outcome::LabelOnly,
            (named, Charge::Origin { .. }) => self.charge(offer, named.is_some()),
        }
    }

    /// Whether an offer names the product; `None` if the page does not say enough.
    fn names(&self, offer: &Offer) -> Option<bool> {
        match &offer.products {
            Products::All => Some(true),
            Products::Ids(ids) => Some(ids.contains(&self.product.id)),
            Products::Skus(skus) => self.sku.as_ref().map(|sku| skus.contains(sku)),
        }
    }

    /// Applies an offer as the cart would; `named` is false if the cart may or may not.
    fn charge(&mut self, offer: &'a Offer, named: bool) -> Outcome {
        if let Some(stop) = self.stopped_by {
            return Outcome::NotApplied(NotApplied::StoppedBy(Arc::clone(&stop.id)));
        }
        let doubt = match (&mut self.unit, self.currency) {
            _ if !named => NotApplied::SkuUnknown,
            _ if self.view.tax.shown != TaxShown::Excluding => NotApplied::TaxUnknown,
            (None, _) => NotApplied::PriceOutOfRange(Decimal::ZERO),
            (_, Currency::Unknown) if offer.action.is_money() => NotApplied::CurrencyUnknown,
            (_, Currency::Foreign) if offer.action.is_money() => NotApplied::ForeignCurrency,
            (Some(unit), _) => match unit.apply(offer.action, offer.amount) {
                Effect::Raised => NotApplied::AboveCurrentPrice,
                effect => {
                    self.stopped_by = offer.stop.then_some(offer);
                    let same = Outcome::NotApplied(NotApplied::NoDiscount);
                    return if effect == Effect::Same { same } else { Outcome::Applied };
                }
            },
        };
        self.in_doubt.get_or_insert(offer);
        // An offer that may or may not apply may or may not stop those after it; either way the product is left alone.
        Outcome::NotApplied(doubt)
    }

    /// No charged offer is shown on a product that is left alone because of another.
    fn in_the_end(&self, offer: &Offer, outcome: Outcome) -> Outcome {
        match self.in_doubt {
            Some(doubt) if offer.charge != Charge::None && matches!(outcome, Outcome::Applied) => {
                Outcome::NotApplied(NotApplied::LeftAlone(Arc::clone(&doubt.id)))
            }
            _ => outcome,
        }
    }
}
