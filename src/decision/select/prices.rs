//! Which offers a page's products show.

use std::sync::Arc;

use super::{Notes, PriceChange};
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::page::{PageFacts, ProductFacts, ProductId};
use crate::rule::discount::{Effect, Unit};
use crate::rule::{Charge, Offer, Products};
use crate::site::StoreView;

pub(super) fn select(offers: &[Arc<Offer>], view: &StoreView, page: &PageFacts, notes: &mut Notes) -> Vec<PriceChange> {
    if page.products.is_empty() {
        for offer in offers {
            notes.add(|| verdict(offer, None, Outcome::NotApplied(NotApplied::NoProducts)));
        }
        return Vec::new();
    }
    let currency = Currency::of(page, view);
    let change = |product| Stack::new(product, view, &currency).apply(offers, notes);
    page.products.iter().filter_map(change).collect()
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
        let unit = Unit::new(product.final_price);
        Self { product, sku, view, currency, unit, stopped_by: None, in_doubt: None }
    }

    fn apply(mut self, offers: &'a [Arc<Offer>], notes: &mut Notes) -> Option<PriceChange> {
        let outcomes: Vec<(&Offer, Outcome)> = offers.iter().map(|offer| (&**offer, self.outcome(offer))).collect();
        let mut labels: Vec<Arc<str>> = Vec::new();
        for (offer, outcome) in outcomes {
            let outcome = self.in_the_end(offer, outcome);
            if matches!(outcome, Outcome::Applied | Outcome::LabelOnly) {
                let label = offer.labels.of(&self.view.code).filter(|label| !labels.contains(label));
                labels.extend(label.cloned());
            }
            notes.add(|| verdict(offer, Some(self.product.id), outcome));
        }
        let unit = self.unit.filter(|unit| self.in_doubt.is_none() && !unit.discount().is_zero());
        let final_price = unit.map(|unit| unit.charged());
        let product = self.product.id;
        (final_price.is_some() || !labels.is_empty()).then_some(PriceChange { product, final_price, labels })
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
            _ if self.view.prices_include_tax => NotApplied::TaxUnknown,
            (None, _) => NotApplied::PriceOutOfRange(self.product.final_price),
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
