//! Prices with tax, and what a real store charged for one unit.

use super::*;
use crate::page::Share;
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

#[test]
fn settings_that_matter_must_be_told_for_prices_with_tax() {
    use TaxBasis::{Excluding, Including};
    let known = german(TaxShown::Including);
    let twins = both("11.90", "10");
    let kept = |amounts| Ok(amounts);
    assert_eq!(result(known.clone(), twins, "10"), kept(both("10.71", "9")));
    for missing in [
        Tax { catalog_prices: None, ..known.clone() },
        Tax { discount_on: None, ..known.clone() },
        Tax { computed: None, ..known.clone() },
        Tax { shown: TaxShown::Including, ..Tax::default() },
    ] {
        assert_eq!(result(missing.clone(), twins, "10"), Err("tax_unknown"), "{missing:?}");
    }
    // The same is off both prices whenever tax is on the full price or prices are kept with it.
    let before = Tax { catalog_prices: None, computed: Some(TaxComputed::BeforeDiscount), ..known.clone() };
    assert_eq!(result(before, twins, "10"), kept(both("10.90", "9")));
    let gross = Tax { catalog_prices: Some(Including), computed: None, ..known.clone() };
    assert_eq!(result(gross, twins, "10"), kept(both("10.90", "9")));
    // Prices with tax that are discounted with tax need nothing but themselves.
    let alone = tax(TaxShown::Including, Including, Including, TaxComputed::AfterDiscount);
    assert_eq!(result(alone, with_tax("11.9"), "10"), kept(with_tax("10.71")));
    // A product without tax needs no setting anywhere, nor does one that is free.
    for shown in [TaxShown::Excluding, TaxShown::Including, TaxShown::Both] {
        let unset = Tax { shown, ..Tax::default() };
        assert_eq!(result(unset.clone(), both("10", "10"), "10"), kept(both("9", "9")));
        assert_eq!(result(unset, with_tax("0"), "10"), kept(with_tax("0")));
    }
    let excluding = Tax::default();
    assert_eq!(result(excluding.clone(), with_tax("10"), "10"), kept(with_tax("9")));
    let incl = Tax { discount_on: Some(Including), ..excluding.clone() };
    assert_eq!(result(incl.clone(), with_tax("10"), "10"), Err("tax_unknown"), "a tenth of what?");
    let incl = Tax { rates: vec![19.into()], ..incl };
    assert_eq!(result(incl, with_tax("10"), "10"), kept(with_tax("8.81")));
    let excl = Tax { discount_on: Some(Excluding), ..excluding };
    assert_eq!(result(excl, with_tax("10"), "10"), kept(with_tax("9")));
}

#[test]
fn a_price_with_tax_alone_needs_one_rate_that_explains_it() {
    let known =
        |rates: &[&str]| Tax { rates: rates.iter().map(|it| money(it)).collect(), ..german(TaxShown::Including) };
    let computed = with_tax("26.358501");
    assert_eq!(result(known(&[]), computed, "10"), Err("tax_unknown"));
    assert_eq!(result(known(&["19"]), computed, "10"), Ok(with_tax("23.72")), "19.93 and 3.79");
    assert_eq!(result(known(&["7", "19"]), computed, "10"), Ok(with_tax("23.72")), "7 percent explains no such digits");
    assert_eq!(result(known(&["7"]), computed, "10"), Err("tax_unknown"));
    let typed = with_tax("11.9");
    assert_eq!(result(known(&["19"]), typed, "10"), Ok(with_tax("10.71")));
    assert_eq!(result(known(&["7", "19"]), typed, "10"), Err("tax_unknown"), "any rate may be in it");
    // Two cents and 19 percent are 0.02, three are 0.04.
    assert_eq!(result(known(&["19"]), with_tax("0.03"), "50"), Err("tax_unknown"));
}

#[test]
fn rates_are_learnt_from_digits_and_from_twins_on_the_same_page() {
    let tax = german(TaxShown::Including);
    let ten = json!([offer("a", json!({}))]);
    let shop = ["26.358501", "27.298601", "29.785701", "36.247401"].map(with_tax);
    let found = results(&view(tax.clone()), &shop, &ten);
    assert_eq!(found, ["23.72", "24.57", "26.81", "32.62"].map(|it| Ok(with_tax(it))));
    let few = results(&view(tax.clone()), &shop[..2], &ten);
    assert_eq!(few, [Err("tax_unknown"); 2], "two may be chance");
    // Whole cents among computed amounts are a product with another tax or none.
    let mut among = shop.to_vec();
    among.push(with_tax("23.64"));
    assert_eq!(results(&view(tax.clone()), &among, &ten)[4], Ok(with_tax("21.28")), "a tenth is the same with any");
    let five = json!([offer("a", json!({"action": "by_fixed", "amount": 5}))]);
    assert_eq!(results(&view(tax.clone()), &among, &five)[4], Err("tax_unknown"));
    // 11.90 is 10 with the 19 percent of the others, or a product without tax.
    among.push(with_tax("11.9"));
    assert_eq!(results(&view(tax.clone()), &among, &five)[5], Err("tax_unknown"), "5.95 or 6.90");
    assert_eq!(results(&view(tax.clone()), &among, &ten)[5], Ok(with_tax("10.71")));
    // 2 percent makes these just as well as 19.
    let ambiguous = ["28.560001", "35.700001", "42.840001"].map(with_tax);
    let ambiguous: Vec<Amounts> = ambiguous.into_iter().chain([with_tax("7.140001")]).collect();
    assert_eq!(results(&view(tax.clone()), &ambiguous, &ten)[0], Err("tax_unknown"));
    let mut twins = vec![both("119", "100"), with_tax("11.9")];
    assert_eq!(results(&view(tax.clone()), &twins, &ten), [Ok(both("107.1", "90")), Ok(with_tax("10.71"))]);
    twins.push(both("107", "100"));
    assert_eq!(results(&view(tax), &twins, &ten)[1], Err("tax_unknown"));
}

#[test]
fn a_pair_too_cheap_to_tell_the_rate_is_changed_only_where_every_rate_gives_the_same() {
    let tax = german(TaxShown::Both);
    assert_eq!(result(tax.clone(), both("1.30", "1.20"), "10"), Ok(both("1.17", "1.08")), "8 percent as well as 8.25");
    assert_eq!(result(tax.clone(), both("9.98", "9.22"), "33.33"), Err("tax_unknown"), "6.64 or 6.66");
    let told = Tax { rates: vec![money("8.25")], ..tax };
    assert_eq!(result(told, both("9.98", "9.22"), "33.33"), Ok(both("6.66", "6.15")));
}

#[test]
fn prices_that_contradict_their_own_words_stay() {
    for shown in [TaxShown::Excluding, TaxShown::Including] {
        assert_eq!(result(german(shown), both("10", "11.9"), "10"), Err("tax_unknown"));
        let nothing = Amounts::default();
        assert_eq!(result(german(shown), nothing, "10"), Err("price_out_of_range"));
        assert_eq!(result(german(shown), both("10", "-1"), "10"), Err("price_out_of_range"));
    }
}

#[test]
fn a_floor_counts_on_the_price_that_the_shop_discounts() {
    let floored = |floor: &str| json!([offer("a", json!({"floor": floor})), offer("b", json!({"priority": 1}))]);
    let of = |tax: Tax, currency: &str, floor| {
        let view = StoreView { currency: currency.to_owned(), ..view(tax) };
        results(&view, &[both("11.9", "10")], &floored(floor)).pop().expect("one product")
    };
    assert_eq!(of(german(TaxShown::Both), "EUR", "8.1"), Ok(both("9.64", "8.1")));
    assert_eq!(of(german(TaxShown::Both), "EUR", "8.11"), Err("below_floor"), "with both offers it is 8.10");
    let incl = Tax { discount_on: Some(TaxBasis::Including), ..german(TaxShown::Both) };
    assert_eq!(of(incl, "EUR", "9.64"), Ok(both("9.21", "7.74")));
    assert_eq!(of(german(TaxShown::Both), "CHF", "1"), Err("foreign_currency"));
}

/// A price without tax in cents, a rate, and tax settings.
fn taxed() -> impl Strategy<Value = (i64, i64, Tax)> {
    let basis = || proptest::sample::select(vec![TaxBasis::Excluding, TaxBasis::Including]);
    let computed = proptest::sample::select(vec![TaxComputed::AfterDiscount, TaxComputed::BeforeDiscount]);
    let shown = proptest::sample::select(vec![TaxShown::Including, TaxShown::Both]);
    let settings =
        (shown, basis(), basis(), computed).prop_map(|(shown, prices, on, computed)| tax(shown, prices, on, computed));
    (0_i64..100_000, proptest::sample::select(vec![0, 550, 700, 825, 1900, 2550]), settings)
}

proptest! {
    #[test]
    fn twins_neither_rise_nor_cross_nor_go_below_nothing(
        (cents_excl, rate, tax) in taxed(),
        stack in proptest::collection::vec((0_usize..4, 0_i64..1_000_000), 1..5),
        share in proptest::sample::select(vec![Share::Whole, Share::Part, Share::Extra]),
    ) {
        let excl = Decimal::new(cents_excl, 2);
        let incl = excl + excl * Decimal::new(rate, 4);
        let rates = vec![Decimal::new(rate, 2)].into_iter().filter(|it| !it.is_zero()).collect();
        let view = view(Tax { rates, ..tax });
        let action = ["by_percent", "by_fixed", "to_percent", "to_fixed"];
        let offers = (0..).zip(stack).map(|(number, (kind, amount)): (u32, _)| {
            let amount = Decimal::new(if kind % 2 == 0 { amount % 1_000_000 + 1 } else { amount + 1 }, 4);
            offer(&number.to_string(), json!({"priority": number, "action": action[kind], "amount": amount.to_string()}))
        });
        let mut product = product(1, Some("x"), "1");
        let before = Amounts { final_price: Some(incl), base_price: Some(excl) };
        product.units[0].amounts = before;
        product.units[0].share = share;
        let decision = decision(Value::Array(offers.collect()), json!([]));
        let selection = select(&decision, &Scope { view: &view, path: "/", bucket: 0 }, &page(vec![product]));
        for after in selection.prices.iter().flat_map(|change| &change.units) {
            let (new_incl, new_excl) = (after.final_price.expect("a price"), after.base_price.expect("a price"));
            prop_assert!(new_excl >= Decimal::ZERO && new_excl <= new_incl, "{after:?}");
            prop_assert!(new_excl <= excl && new_incl <= cents(incl).max(incl), "{before:?} {after:?}");
            prop_assert!(after != &before);
            let decimals = if share == Share::Whole { 2 } else { 6 };
            prop_assert!(new_incl.scale() <= decimals && new_excl.scale() <= decimals);
        }
    }
}
