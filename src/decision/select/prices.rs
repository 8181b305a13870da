//! Which offers a page's products show.

use super::rates::Rates;
use super::stack::{Currency, Page, Stack, lower, verdict};
use super::{Decision, Doubt, Notes, PriceChange};
use crate::decision::index::Reach;
use crate::decision::verdict::{NotApplied, Outcome};
use crate::page::{PageFacts, ProductFacts, Whose};
use crate::site::StoreView;

pub(super) fn select(
    decision: &Decision,
    view: &StoreView,
    page: &PageFacts,
    notes: &mut Notes,
) -> (Vec<PriceChange>, Vec<Doubt>) {
    if page.products.is_empty() {
        for offer in decision.offers() {
            notes.add(|| verdict(offer, None, Outcome::NotApplied(NotApplied::NoProducts)));
        }
        return Default::default();
    }
    let shared =
        Page { view, currency: Currency::of(page, view, decision.index().rates()), rates: Rates::new(&view.tax, page) };
    let offers = Offers::of(decision);
    let (mut changes, mut in_doubt) = (Vec::new(), Vec::new());
    for product in &page.products {
        // Who asks for reasons wants one for every offer.
        let (change, doubt) = if notes.are_wanted() {
            let all: Vec<_> = decision.offers().collect();
            Stack::new(&shared, product).minding_ties(&all).apply(all.into_iter(), notes)
        } else {
            let naming = offers.naming(product);
            if naming.iter().all(|number| decision.offer(*number).charge.is_stores()) {
                continue;
            }
            let all: Vec<_> = naming.iter().map(|number| decision.offer(*number)).collect();
            Stack::new(&shared, product).minding_ties(&all).apply(all.into_iter(), notes)
        };
        changes.extend(change);
        in_doubt.extend(doubt);
    }
    (changes, in_doubt)
}

/// A decision's offers, found by product.
struct Offers<'a> {
    decision: &'a Decision,
    for_all: Vec<u32>,
    by_sku: Vec<u32>,
    /// Those whose products the catalogue says.
    matching: Vec<u32>,
    /// Those that the cart charges for some products only.
    charged_for_some: Vec<u32>,
}

impl<'a> Offers<'a> {
    fn of(decision: &'a Decision) -> Self {
        let index = decision.index();
        let held = || decision.offer_numbers().iter().copied();
        let with = |reach| held().filter(|it| index.offers.reach(*it) == reach).collect();
        let is_charged = |number: &u32| {
            let offer = decision.offer(*number);
            !offer.is_label() && !offer.charge.is_stores()
        };
        let for_some = held().filter(|it| index.offers.reach(*it) != Reach::All).filter(is_charged);
        Self {
            decision,
            for_all: with(Reach::All),
            by_sku: with(Reach::Skus),
            matching: with(Reach::Matching),
            charged_for_some: for_some.collect(),
        }
    }

    /// The offers that decide what a product shows, in the order in which they apply: those that name it, a variant or a part of it, or may
    /// do so. Of a product whose SKU is unknown nobody can tell which offers for SKUs name it.
    fn naming(&self, product: &ProductFacts) -> Vec<u32> {
        let index = &self.decision.index().offers;
        let held = |number: &&u32| self.decision.offer_numbers().binary_search(number).is_ok();
        let mut naming = self.for_all.clone();
        let (mut a_sku_is_unknown, mut anybodys) = (false, false);
        let mut add = |id, sku: Option<&str>| {
            naming.extend(index.of_id(id).iter().filter(held));
            match sku {
                Some(sku) => naming.extend(index.of_sku(&lower(sku)).iter().filter(held)),
                None => a_sku_is_unknown = true,
            }
        };
        add(product.id, product.sku.as_deref());
        for unit in &product.units {
            match &unit.whose {
                Whose::Variant { id, sku } | Whose::Component { id, sku } => add(*id, sku.as_deref()),
                Whose::SomeVariant | Whose::SomeMember | Whose::SomeComponents => anybodys = true,
                Whose::Product => {}
            }
        }
        if a_sku_is_unknown {
            naming.extend(&self.by_sku);
        }
        naming.extend(&self.matching);
        naming.sort_unstable();
        naming.dedup();
        if anybodys {
            // Any other may be for what the page does not say; the first one is enough to leave the product alone.
            let other = self.charged_for_some.iter().find(|number| naming.binary_search(number).is_err());
            naming.extend(other);
            naming.sort_unstable();
        }
        naming
    }
}
