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

/// Products that are looked at, over all offers, and for one offer at least: the cheapest, as nothing that an offer does leaves more of a
/// lower price.
const MOST: usize = 200_000;
const LEAST: usize = 500;

/// So many products in a row that an offer leaves above its floor are the end of those below: other offers may treat them unlike.
const ENOUGH: usize = 20;

/// More products below a floor are not counted.
const COUNTED: usize = 500;

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
    /// Whether both are the very same knowledge, or none.
    pub(in crate::admin) fn same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(&one.book, &other.book) && Arc::ptr_eq(&one.index, &other.index),
            (one, other) => one.is_none() && other.is_none(),
        }
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
    let most = (MOST / floored.len()).max(LEAST);
    let warn = |offer: Arc<Offer>| {
        let floor = offer.floor?;
        let low = sites
            .views()
            .iter()
            .find_map(|view| below(&rules, &offer, view, &priced[..most.min(priced.len())], now))?;
        let (first, count) = (low.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "), low.len());
        let products = match count {
            1 => format!("the price of {first}"),
            COUNTED.. => format!("the prices of {count} products or more ({first}, …)"),
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
    for product in priced.iter().filter(is_named) {
        let units = vec![UnitFacts::whole(product.price)];
        let facts = ProductFacts { id: product.id, sku: Some(product.sku.to_owned()), units };
        let page =
            PageFacts { kind: PageKind::Product, currencies: vec![view.currency.clone()], products: vec![facts] };
        let (_, verdicts) = select_explained(&decision, &scope, &page);
        match verdicts.iter().find(|verdict| verdict.rule == rule).map(|verdict| &verdict.outcome) {
            Some(Outcome::NotApplied(NotApplied::BelowFloor(_))) => {
                low.push(product.sku);
                above = 0;
            }
            Some(Outcome::Applied) => above += 1,
            // To it such a product is none that it is for.
            _ => {}
        }
        if above == ENOUGH || low.len() == COUNTED {
            break;
        }
    }
    (!low.is_empty()).then_some(low)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::category::Categories;
    use crate::catalog::index::Builder;
    use crate::catalog::product::Product;
    use crate::decision::samples;
    use crate::rule::cart_rule::AttributeValue;

    /// Products p1, p2, ... at these prices; the last one is not sold.
    fn index(prices: &[&str]) -> Arc<Index> {
        let mut builder = Builder::new(Categories::default(), ["price".to_owned()]);
        for (id, price) in (1..).zip(prices) {
            builder.push(&Product {
                id,
                sku: format!("p{id}"),
                kind: "simple".to_owned(),
                enabled: usize::try_from(id).is_ok_and(|id| id < prices.len()),
                attributes: [("price".to_owned(), AttributeValue::One((*price).to_owned()))].into(),
                ..Product::default()
            });
        }
        Arc::new(builder.build())
    }

    fn warned(prices: &[&str], rule: Value, offer: Value) -> Vec<String> {
        let said = samples::said(&[samples::rule(1, rule)]);
        let known = Known { book: said.book.expect("a book"), index: index(prices), release: Release::default() };
        let mut fields = json!({ "audiences": { "any": ["vip"] }, "action": null, "amount": null });
        fields.as_object_mut().expect("fields").extend(offer.as_object().expect("fields").clone());
        let mut offer = samples::offer("vip", fields);
        offer.as_object_mut().expect("an offer").retain(|_, value| !value.is_null());
        let rules = samples::rules(json!([offer]), json!([]));
        warnings(rules, &known, &samples::sites(), samples::now()).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn products_below_the_floor_are_named_the_cheapest_first() {
        let floor = |floor: &str| json!({ "floor": floor });
        let prices = ["40", "12", "10.01", "11", "5", "0"];
        assert_eq!(warned(&prices, json!({}), json!({})), Vec::<String>::new());
        assert_eq!(warned(&prices, json!({}), floor("4.5")), Vec::<String>::new(), "4.50 is the floor itself");
        let one = warned(&prices, json!({}), floor("4.51"));
        assert!(one[0].contains("the price of p5 below its floor of 4.51"), "{one:?}");
        let several = warned(&prices, json!({}), floor("100"));
        assert!(several[0].contains("the prices of 5 products (p5, p3, p4, …)"), "{several:?}");
        let some = warned(&prices, json!({}), json!({ "floor": "100", "products": { "skus": ["P2", "P1"] } }));
        assert!(some[0].contains("the prices of p2, p1 below"), "{some:?}");
    }

    #[test]
    fn products_that_an_offer_leaves_alone_hide_no_others() {
        let mut prices = vec!["5"; 30];
        prices.extend(["20", "21", "1"]);
        let words =
            warned(&prices, json!({ "simple_action": "to_fixed", "discount_amount": 10 }), json!({ "floor": "15" }));
        assert!(words[0].contains("the prices of p31, p32 below"), "{words:?}");
    }

    #[test]
    fn an_offer_of_days_to_come_is_looked_at_on_its_first_day() {
        let words = warned(&["5", "1"], json!({}), json!({ "floor": "15", "from": "2027-03-01", "to": "2027-03-31" }));
        assert_eq!(words.len(), 1, "{words:?}");
    }
}
