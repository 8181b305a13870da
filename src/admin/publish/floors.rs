//! Prices that would come below the floors of their offers, by the catalogue's regular prices.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::catalog::{Index, index::Raw};
use crate::charging::codes;
use crate::commerce::Book;
use crate::decision::decide::Rules;
use crate::decision::link::{self, Commerce};
use crate::decision::select::{Scope, select_explained};
use crate::decision::verdict::{NotApplied, Outcome, RuleId};
use crate::page::{PageFacts, PageKind, ProductFacts, ProductId, UnitFacts};
use crate::rule::cart_rule::Release;
use crate::rule::{Offer, Products, Ruleset};
use crate::site::{Sites, StoreView, Tax};

/// Products of an offer that are looked at: the cheapest, as nothing that an offer does leaves more of a lower price.
const MOST: usize = 500;

/// So many products in a row that stay above the floor are the end of those below: other offers may treat them unlike.
const ENOUGH: usize = 20;

/// SKUs that are named.
const NAMED: usize = 3;

/// What Commerce is known to have.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Known {
    pub(in crate::admin) book: Arc<Book>,
    pub(in crate::admin) index: Arc<Index>,
    pub(in crate::admin) release: Release,
}

impl Known {
    /// Whether it is the very same knowledge.
    pub(in crate::admin) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.book, &other.book) && Arc::ptr_eq(&self.index, &other.index)
    }
}

/// Warnings of offers some of whose products would come below their floors: what they are called, and words.
pub(super) fn warnings(ruleset: Ruleset, known: &Known, sites: &Sites, now: Timestamp) -> Vec<(String, String)> {
    let floored: Vec<Arc<Offer>> = ruleset
        .offers
        .iter()
        .filter(|offer| offer.floor.is_some() && offer.charge.rule_id().is_some())
        .cloned()
        .collect();
    if floored.is_empty() {
        return Vec::new();
    }
    let priced = by_price(&known.index);
    let mut commerce = Commerce::new(Some(Arc::clone(&known.book)), Some(Arc::clone(&known.index)), known.release);
    // What has no code yet gets some once it is published.
    commerce.codes.extend(codes::wanted(&ruleset));
    let (rules, _) = link::rules(ruleset, Some(&commerce), sites);
    let warn = |offer: Arc<Offer>| {
        let floor = offer.floor?;
        let low = sites.views().iter().find_map(|view| below(&rules, &offer, view, &priced, now))?;
        let (first, count) = (low.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "), low.len());
        let products = match count {
            1 => format!("the price of {first}"),
            MOST.. => format!("the prices of {count} products or more ({first}, …)"),
            _ if count > NAMED => format!("the prices of {count} products ({first}, …)"),
            _ => format!("the prices of {first}"),
        };
        let words = format!(
            "would bring {products} below its floor of {floor}: pages keep showing the price without it there, while carts charge what \
             its Commerce rule says. Leave such products out of the rule, or lower the floor"
        );
        Some((offer.name.to_string(), words))
    };
    floored.into_iter().filter_map(warn).collect()
}

/// A product that is sold, with its price in base currency.
struct Priced<'i> {
    price: Decimal,
    id: ProductId,
    sku: &'i str,
}

/// The products that are sold, the cheapest first.
fn by_price(index: &Index) -> Vec<Priced<'_>> {
    let priced = |entry: crate::catalog::Entry<'_>| match entry.attribute("price")? {
        Raw::One(price) => price.parse::<Decimal>().ok().filter(|price| entry.is_enabled() && *price > Decimal::ZERO),
        Raw::Many(_) => None,
    };
    let mut all: Vec<Priced<'_>> = index
        .iter()
        .filter_map(|entry| Some(Priced { price: priced(entry)?, id: entry.id(), sku: entry.sku() }))
        .collect();
    all.sort_by_key(|product| (product.price, product.id));
    all
}

/// The SKUs of the products that an offer brings below its floor in a store view, today or on its first day; `None` where there is none.
fn below<'p>(
    rules: &Rules,
    offer: &Offer,
    view: &StoreView,
    priced: &'p [Priced<'_>],
    now: Timestamp,
) -> Option<Vec<&'p str>> {
    let audiences: BTreeSet<_> = offer.audiences.any.first().into_iter().chain(&offer.audiences.all).cloned().collect();
    let first =
        offer.days.from.and_then(|first| first.to_zoned(view.time_zone.clone()).ok()).map(|first| first.timestamp());
    let decision = rules.decide(&rules.key(view, &audiences, first.map_or(now, |first| first.max(now))));
    let decided = decision.offers().find(|decided| decided.id == offer.id && !decided.is_label())?;
    // A floor counts in base currency, on the price that the shop discounts.
    let view = StoreView { currency: view.base_currency.clone(), tax: Tax::default(), ..view.clone() };
    let scope = Scope { view: &view, path: "/", bucket: 0 };
    let is_named = |product: &&Priced<'_>| match &decided.products {
        Products::All => true,
        Products::Ids(ids) => ids.contains(&product.id),
        Products::Skus(skus) => skus.contains(&product.sku.to_lowercase()),
        Products::Matching(matching) => matching.of(product.id) == Some(true),
    };
    let rule = RuleId::Offer(Arc::clone(&offer.id));
    let (mut low, mut above) = (Vec::new(), 0);
    for product in priced.iter().filter(is_named).take(MOST) {
        let facts = ProductFacts {
            id: product.id,
            sku: Some(product.sku.to_owned()),
            units: vec![UnitFacts::whole(product.price)],
        };
        let page =
            PageFacts { kind: PageKind::Product, currencies: vec![view.currency.clone()], products: vec![facts] };
        let (_, verdicts) = select_explained(&decision, &scope, &page);
        let is_below = |outcome: &Outcome| matches!(outcome, Outcome::NotApplied(NotApplied::BelowFloor(_)));
        if verdicts.iter().any(|verdict| verdict.rule == rule && is_below(&verdict.outcome)) {
            low.push(product.sku);
            above = 0;
        } else {
            above += 1;
            if above == ENOUGH {
                break;
            }
        }
    }
    (!low.is_empty()).then_some(low)
}
