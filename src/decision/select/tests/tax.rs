//! Prices with tax, and what a real store charged for one unit.

use super::*;
use crate::rule::discount::{cents, vectors};
use crate::site::{Tax, TaxBasis, TaxComputed};

pub(super) fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

pub(super) fn both(final_price: &str, base_price: &str) -> Amounts {
    Amounts { final_price: Some(money(final_price)), base_price: Some(money(base_price)) }
}

fn with_tax(price: &str) -> Amounts {
    Amounts { final_price: Some(money(price)), base_price: None }
}

/// The de view of the samples with these tax settings.
fn view(tax: Tax) -> StoreView {
    StoreView { tax, ..sites().views()[0].as_ref().clone() }
}

fn tax(shown: TaxShown, catalog_prices: TaxBasis, discount_on: TaxBasis, computed: TaxComputed) -> Tax {
    let (catalog_prices, discount_on, computed) = (Some(catalog_prices), Some(discount_on), Some(computed));
    Tax { shown, catalog_prices, discount_on, computed, rates: Vec::new() }
}

/// Germany: 19 percent on top of prices that are kept and discounted without.
fn german(shown: TaxShown) -> Tax {
    tax(shown, TaxBasis::Excluding, TaxBasis::Excluding, TaxComputed::AfterDiscount)
}

/// What offers make of products with one price each, one after another; `Err` is the first offer's reason to leave it.
fn results(view: &StoreView, prices: &[Amounts], offers: &Value) -> Vec<Result<Amounts, &'static str>> {
    let product = |(id, amounts): (u64, &Amounts)| {
        let mut product = product(id, Some("x"), "1");
        product.units[0].amounts = *amounts;
        product
    };
    let page = PageFacts { currencies: vec![view.currency.clone()], ..page((1..).zip(prices).map(product).collect()) };
    let decision = decision(offers.clone(), json!([]));
    let (selection, verdicts) = select_explained(&decision, &Scope { view, path: "/", bucket: 0 }, &page);
    assert_eq!(selection, select(&decision, &Scope { view, path: "/", bucket: 0 }, &page));
    let result = |(product, amounts): (&ProductFacts, &Amounts)| {
        let change = selection.prices.iter().find(|change| change.product == product.id && !change.units.is_empty());
        let left = || verdicts.iter().find(|it| it.product == Some(product.id) && it.outcome != Outcome::Applied);
        match (change, left().map(|verdict| verdict.outcome.as_str())) {
            (Some(change), _) => Ok(change.units[0]),
            (None, None | Some("no_discount" | "stopped_by")) => Ok(*amounts),
            (None, Some(why)) => Err(why),
        }
    };
    page.products.iter().zip(prices).map(result).collect()
}

fn result(tax: Tax, price: Amounts, percent: &str) -> Result<Amounts, &'static str> {
    let offers = json!([offer("a", json!({"amount": percent}))]);
    results(&view(tax), &[price], &offers).pop().expect("one product")
}

/// The offers that stand for a scenario's rules.
fn offers(rules: &[&Value]) -> Value {
    let offer = |(id, rule): (usize, &&Value)| {
        let amount = vectors::decimal(&rule["discount_amount"]).normalize();
        let (action, amount) = match rule["simple_action"].as_str() {
            // A rules file holds no offer that takes nothing off, but one that leaves everything.
            Some("by_percent" | "by_fixed") if amount.is_zero() => ("to_percent", Decimal::ONE_HUNDRED),
            Some("by_percent") => ("by_percent", amount.min(Decimal::ONE_HUNDRED)),
            action => (action.expect("an action"), amount),
        };
        let stop = &rule["stop_rules_processing"];
        let fields = json!({"priority": id, "action": action, "amount": amount.to_string(), "stop": stop});
        offer(&id.to_string(), fields)
    };
    Value::Array(rules.iter().enumerate().map(offer).collect())
}

/// A scenario's store view.
fn store(scenario: &Value, shown: TaxShown) -> StoreView {
    let store = &scenario["store"];
    let basis = |incl: bool| if incl { TaxBasis::Including } else { TaxBasis::Excluding };
    let computed = match store["tax_computed"].as_str() {
        Some("before_discount") => TaxComputed::BeforeDiscount,
        _ => TaxComputed::AfterDiscount,
    };
    let mut tax = tax(
        shown,
        basis(store["catalog_prices_include_tax"] == true),
        basis(store["discount_on"] == "incl_tax"),
        computed,
    );
    let rate = vectors::decimal(&scenario["items"][0]["tax_percent"]).normalize();
    tax.rates = Some(rate).filter(|rate| !rate.is_zero()).into_iter().collect();
    let code = |key: &str| store[key].as_str().expect("a currency").to_owned();
    StoreView { base_currency: code("base_currency"), currency: code("currency"), ..view(tax) }
}

/// What the cart charged for the one unit of a scenario, with tax and without; none if the scenario is about more than offers.
fn charged(scenario: &Value) -> Option<(Amounts, Value)> {
    let rules = vectors::comparable_rules(scenario)?;
    let after = scenario["price_after_offer"].as_object()?;
    let charged = Amounts {
        final_price: Some(vectors::decimal(&after["item_total_incl_tax_charged"])),
        base_price: Some(vectors::decimal(&after["row_total_minus_discount"])),
    };
    Some((charged, offers(&rules)))
}

#[test]
fn charges_what_a_real_cart_charged_with_and_without_tax() {
    let scenarios = vectors::scenarios();
    let mut compared = 0;
    for scenario in &scenarios {
        let Some((charged, offers)) = charged(scenario) else { continue };
        let item = &scenario["items"][0];
        let (excl, incl) = (vectors::decimal(&item["unit_price"]), vectors::decimal(&item["price_incl_tax"]));
        let amounts = Amounts { final_price: Some(incl), base_price: Some(excl) };
        let found = results(&store(scenario, TaxShown::Both), &[amounts], &offers);
        assert_eq!(found, [Ok(charged)], "{}", scenario["id"]);
        compared += 1;
    }
    eprintln!("{compared} scenarios compared");
    assert!(scenarios.is_empty() || compared >= 60, "only {compared} scenarios compared");
}

#[test]
fn shows_on_the_catalogue_page_what_a_real_cart_charged() {
    let scenarios = vectors::scenarios();
    let mut compared = [0; 3];
    for scenario in &scenarios {
        let Some((charged, offers)) = charged(scenario) else { continue };
        let (shown, kind) = match scenario["store"]["prices_shown"].as_str() {
            Some("incl_tax") => (TaxShown::Including, 1),
            Some("both") => (TaxShown::Both, 2),
            _ => (TaxShown::Excluding, 0),
        };
        let boxes = scenario["catalog_page"]["boxes"].as_array().expect("price boxes");
        let of = |kind: &str| {
            boxes.iter().find(|it| it["data_price_type"] == kind).map(|it| vectors::decimal(&it["amount"]))
        };
        let amounts = Amounts { final_price: of("finalPrice"), base_price: of("basePrice") };
        let item = &scenario["items"][0];
        let (excl, incl) = (vectors::decimal(&item["unit_price"]), vectors::decimal(&item["price_incl_tax"]));
        let final_is = if shown == TaxShown::Excluding { excl } else { incl };
        // The page taxes by the shop's own country, the cart by the address; only where they agree can they be compared.
        if amounts.final_price.is_some_and(|it| cents(it) != final_is)
            || amounts.base_price.is_some_and(|it| cents(it) != excl)
        {
            continue;
        }
        let expected = Amounts {
            final_price: amounts.final_price.and(if final_is == excl {
                charged.base_price
            } else {
                charged.final_price
            }),
            base_price: amounts.base_price.and(charged.base_price),
        };
        let found = results(&store(scenario, shown), &[amounts], &offers);
        let found =
            found[0].map(|it| Amounts { final_price: it.final_price.map(cents), base_price: it.base_price.map(cents) });
        assert_eq!(found, Ok(expected), "{} {amounts:?}", scenario["id"]);
        compared[kind] += 1;
    }
    eprintln!("{compared:?} scenarios compared: excl., incl., both");
    let enough = compared.iter().zip([50, 8, 4]).all(|(compared, least)| *compared >= least);
    assert!(scenarios.is_empty() || enough, "only {compared:?}");
}
