//! Products with several prices: whose conditions decide, and what is charged for a sum.

use super::tax::money;
use super::*;
use crate::page::{Share, UnitFacts, Whose};

fn unit(whose: Whose, share: Share, price: &str) -> UnitFacts {
    UnitFacts { whose, share, ..UnitFacts::whole(money(price)) }
}

fn variant(id: u64, sku: Option<&str>, price: &str) -> UnitFacts {
    unit(Whose::Variant { id: ProductId(id), sku: sku.map(str::to_owned) }, Share::Whole, price)
}

fn component(id: u64, sku: Option<&str>, price: &str) -> UnitFacts {
    unit(Whose::Component { id: ProductId(id), sku: sku.map(str::to_owned) }, Share::Part, price)
}

/// Product 1 with SKU `set` and these prices.
fn with(units: Vec<UnitFacts>) -> ProductFacts {
    ProductFacts { units, ..product(1, Some("set"), "1") }
}

/// The new final prices, and the word of each verdict.
fn prices(product: ProductFacts, offers: Value) -> (Vec<String>, Vec<&'static str>) {
    let (change, words) = on(page(vec![product]), offers);
    let text = |amounts: &Amounts| amounts.final_price.expect("a final price").normalize().to_string();
    (change.map(|change| change.units.iter().map(text).collect()).unwrap_or_default(), words)
}

/// As [`prices`] for one offer of ten percent for these products.
fn ten(units: Vec<UnitFacts>, products: Value) -> (Vec<String>, &'static str) {
    let (prices, words) = prices(with(units), json!([offer("a", json!({"products": products}))]));
    (prices, words[0])
}

fn changed(prices: &[&str]) -> (Vec<String>, &'static str) {
    (prices.iter().map(|price| (*price).to_owned()).collect(), "applied")
}

fn left(word: &'static str) -> (Vec<String>, &'static str) {
    (Vec::new(), word)
}

#[test]
fn variants_are_judged_by_their_own_conditions_and_the_products() {
    let units =
        || vec![unit(Whose::Product, Share::Whole, "10"), variant(11, Some("A"), "20"), variant(12, Some("b"), "30")];
    assert_eq!(ten(units(), json!("all")), changed(&["9", "18", "27"]));
    assert_eq!(ten(units(), json!({"ids": [1]})), changed(&["9", "18", "27"]));
    assert_eq!(ten(units(), json!({"ids": [12]})), changed(&["10", "20", "27"]));
    assert_eq!(ten(units(), json!({"skus": ["a"]})), changed(&["10", "18", "30"]));
    assert_eq!(ten(units(), json!({"skus": ["SET"]})), changed(&["9", "18", "27"]));
    assert_eq!(ten(units(), json!({"ids": [9]})), left("product_not_named"));
    let without_sku = || vec![variant(11, None, "20")];
    assert_eq!(ten(without_sku(), json!({"skus": ["set"]})), changed(&["18"]));
    assert_eq!(ten(without_sku(), json!({"skus": ["a"]})), left("sku_unknown"));
}

#[test]
fn a_price_of_nobody_in_particular_is_changed_only_by_what_holds_for_all() {
    for (whose, by_id) in [
        (Whose::SomeVariant, changed(&["9"])),
        (Whose::SomeMember, left("choice_unknown")),
        (Whose::SomeComponents, left("choice_unknown")),
    ] {
        let units = || vec![unit(whose.clone(), Share::Whole, "10")];
        assert_eq!(ten(units(), json!("all")), changed(&["9"]), "{whose:?}");
        assert_eq!(ten(units(), json!({"ids": [1]})), by_id, "{whose:?}");
        assert_eq!(ten(units(), json!({"ids": [9]})), left("choice_unknown"), "{whose:?}");
        assert_eq!(ten(units(), json!({"skus": ["other"]})), left("choice_unknown"), "{whose:?}");
    }
    let fixed = json!([offer("a", json!({"action": "by_fixed", "amount": 1}))]);
    let of = |whose| prices(with(vec![unit(whose, Share::Whole, "10")]), fixed.clone());
    assert_eq!(of(Whose::SomeMember), (vec!["9".to_owned()], vec!["applied"]));
    assert_eq!(of(Whose::SomeComponents), (vec![], vec!["choice_unknown"]), "so much off each of how many parts?");
}

#[test]
fn parts_of_a_bundle_are_discounted_if_named_or_all_with_the_bundle() {
    let units = || vec![component(11, Some("a"), "4.99"), component(12, Some("b"), "10")];
    assert_eq!(ten(units(), json!({"ids": [1]})), changed(&["4.490999", "9"]));
    assert_eq!(ten(units(), json!({"ids": [12]})), changed(&["4.99", "9"]));
    assert_eq!(ten(units(), json!({"ids": [1, 12]})), left("choice_unknown"), "without 12, 11 is discounted");
    assert_eq!(ten(units(), json!({"skus": ["a", "b"]})), changed(&["4.490999", "9"]));
    assert_eq!(
        ten(vec![component(11, None, "5"), component(12, Some("b"), "10")], json!({"skus": ["set"]})),
        left("sku_unknown")
    );
    assert_eq!(ten(units(), json!({"ids": [9]})), left("product_not_named"));
}

#[test]
fn a_sum_of_parts_is_rounded_as_the_cart_does() {
    // The cart takes half of 9.99, which is 5.00, off; the page rounds what is left.
    let (found, _) = prices(
        with(vec![component(11, Some("a"), "3.33"), component(12, Some("b"), "6.66")]),
        json!([offer("a", json!({"amount": 50}))]),
    );
    let sum: Decimal = found.iter().map(|price| money(price)).sum();
    assert_eq!(crate::rule::discount::cents(sum), money("4.99"), "{found:?}");
}

#[test]
fn a_stop_at_one_part_leaves_the_others_to_what_is_chosen() {
    let units = || vec![component(11, Some("a"), "5"), component(12, Some("b"), "10")];
    let stop = |products| {
        json!([offer("stop", json!({"stop": true, "products": products})), offer("z", json!({"priority": 1}))])
    };
    assert_eq!(prices(with(units()), stop(json!({"ids": [11]}))), (vec![], vec!["left_alone", "choice_unknown"]));
    let all = (vec!["4.5".to_owned(), "9".to_owned()], vec!["applied", "stopped_by"]);
    assert_eq!(prices(with(units()), stop(json!("all"))), all);
    let variants = vec![variant(11, Some("a"), "20"), variant(12, Some("b"), "30")];
    let each = (vec!["18".to_owned(), "27".to_owned()], vec!["applied", "applied"]);
    assert_eq!(prices(with(variants), stop(json!({"ids": [11]}))), each, "variants are in carts of their own");
}

#[test]
fn what_a_choice_adds_follows_percentages_and_no_amounts() {
    let units = || vec![unit(Whose::Product, Share::Whole, "20"), unit(Whose::Product, Share::Extra, "1.99")];
    let stack = |fields: &[Value]| {
        let offers = (0..).zip(fields).map(|(id, fields): (u32, _)| offer(&format!("{id}"), fields.clone()));
        prices(with(units()), Value::Array(offers.collect()))
    };
    let fixed = |amount: u32| json!({"action": "by_fixed", "amount": amount});
    let texts = |prices: &[&str]| prices.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(stack(&[json!({"amount": 12.5})]).0, texts(&["17.5", "1.741249"]));
    assert_eq!(
        stack(&[fixed(5), json!({"amount": 10}), json!({"action": "to_percent", "amount": 50})]).0,
        texts(&["6.75", "0.895499"])
    );
    assert_eq!(stack(&[fixed(5)]).0, texts(&["15", "1.99"]));
    assert_eq!(stack(&[fixed(21)]), (vec![], vec!["choice_unknown"]), "the rest would go off the choice");
    // A price that is set is the price of product and choice together.
    assert_eq!(stack(&[json!({"action": "to_fixed", "amount": 15})]).0, texts(&["15", "0"]));
    assert_eq!(stack(&[json!({}), json!({"action": "to_fixed", "amount": 15})]).1, ["left_alone", "choice_unknown"]);
    assert_eq!(stack(&[json!({"action": "by_fixed", "amount": 5, "stop": true}), json!({})]).0, texts(&["15", "1.99"]));
}

#[test]
fn one_doubtful_price_leaves_the_whole_product() {
    let units = || vec![variant(11, Some("a"), "20"), variant(12, Some("b"), "5")];
    let to_ten = json!([offer("a", json!({"action": "to_fixed", "amount": 10, "labels": "x"}))]);
    assert_eq!(on(page(vec![with(units())]), to_ten), (None, vec!["above_current_price"]));
    let floor = json!([offer("a", json!({"floor": 5})), offer("b", json!({"priority": 1, "amount": 1}))]);
    assert_eq!(on(page(vec![with(units())]), floor), (None, vec!["below_floor", "left_alone"]));
}

#[test]
fn a_label_is_at_every_product_of_which_it_names_a_variant() {
    let offers = json!([offer("a", json!({"charge": "none", "products": {"ids": [12]}}))]);
    let units = vec![variant(11, None, "20"), variant(12, None, "5")];
    let (change, words) = on(page(vec![with(units)]), offers);
    let change = change.expect("a label");
    assert_eq!((change.units.len(), &*change.labels[0].text, change.labels[0].deducted), (0, "label a", false));
    assert_eq!(words, ["label_only"]);
}

fn whose() -> impl Strategy<Value = Whose> {
    let sku = proptest::sample::select(vec![None, Some("a".to_owned()), Some("c".to_owned())]);
    (0_usize..6, 1_u64..4, sku).prop_map(|(kind, id, sku)| match kind {
        0 => Whose::Product,
        1 => Whose::SomeVariant,
        2 => Whose::SomeMember,
        3 => Whose::SomeComponents,
        4 => Whose::Variant { id: ProductId(id), sku },
        _ => Whose::Component { id: ProductId(id), sku },
    })
}

proptest! {
    // `at` compares what an index finds with what looking at every offer finds.
    #[test]
    fn no_price_of_a_product_rises_and_the_index_finds_every_offer(
        units in proptest::collection::vec((whose(), 0_usize..3, 0_i64..5_000), 1..4),
        sku in proptest::option::of(proptest::sample::select(vec!["a", "set"])),
        offers in proptest::collection::vec(offer_fields(), 0..6),
    ) {
        let shares = [Share::Whole, Share::Part, Share::Extra];
        let units = units.into_iter().map(|(whose, share, price)| unit(whose, shares[share], &Decimal::new(price, 2).to_string()));
        let product = ProductFacts { units: units.collect(), ..product(1, sku, "1") };
        let offers: Vec<Value> = (0..).zip(offers).map(|(id, fields): (u32, _)| offer(&id.to_string(), fields)).collect();
        let (selection, _) = at(&decision(json!(offers), json!([])), &page(vec![product.clone()]), "/", 0);
        for change in &selection.prices {
            prop_assert!(change.units.is_empty() || change.units.len() == product.units.len());
            prop_assert!(!change.units.is_empty() || change.labels.iter().all(|label| !label.deducted));
            for (new, old) in change.units.iter().zip(&product.units) {
                prop_assert!(new.final_price <= old.amounts.final_price && new.final_price >= Some(Decimal::ZERO));
            }
        }
    }
}
