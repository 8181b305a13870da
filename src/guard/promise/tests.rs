use serde_json::Value;

use super::*;
use crate::decision::decide::Rules;
use crate::decision::decide::Who;
use crate::decision::link;
use crate::decision::samples::{
    COMBINE, audiences, combine, now, offer, over, rule as store_rule, rules, said as commerce, sites, skus,
};
use crate::guard::compare::compare;
use crate::guard::counts::Verdict;
use crate::page::ProductId;

fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// A line at a price without tax, of a product that has the line's number.
fn line(item: u64, price: &str, quantity: u32, discount: &str) -> TotalsLine {
    let (price, quantity) = (money(price), Decimal::from(quantity));
    TotalsLine {
        item,
        quantity,
        base_price: price,
        base_price_with_tax: price,
        price_with_tax: price,
        row: price * quantity,
        base_row: price * quantity,
        row_with_tax: price * quantity,
        base_row_with_tax: price * quantity,
        tax_percent: Decimal::ZERO,
        discount: money(discount),
    }
}

fn totals(lines: Vec<TotalsLine>) -> Totals {
    Totals {
        currency: "EUR".to_owned(),
        base_currency: "EUR".to_owned(),
        discount: lines.iter().map(|line| line.discount).sum(),
        shipping_discount: Decimal::ZERO,
        shipping: Decimal::ZERO,
        base_shipping: Decimal::ZERO,
        coupon: None,
        lines,
    }
}

fn contents(totals: &Totals, kind: &str) -> Contents {
    let item = |line: &TotalsLine| {
        let (sku, kind) = (format!("SKU-{}", line.item).into(), kind.into());
        (line.item, Item { product: ProductId(line.item), sku, kind, quantity: line.quantity })
    };
    Contents { items: totals.lines.iter().map(item).collect(), rate: None }
}

fn circumstances() -> Circumstances {
    Circumstances { address: CartAddress::Unknown, customer_group: None, coupon_rule: None, now: now() }
}

fn judged_in(
    offers: Value,
    totals: &Totals,
    contents: &Contents,
    change: impl FnOnce(&mut StoreView),
) -> Result<Vec<(String, Verdict)>, NotComparable> {
    let sites = sites();
    let rules = Rules::compile(rules(offers, json!([])), &sites);
    let decision = rules.decide(&rules.key(&sites.views()[0], &audiences(&[]), now()));
    let mut view = (*sites.views()[0]).clone();
    change(&mut view);
    let promises = promises(&decision, &view, contents, totals, &circumstances())?;
    Ok(compare(totals, &promises).into_iter().map(|(offer, verdict)| (offer.to_string(), verdict)).collect())
}

fn judged(offers: Value, totals: &Totals) -> Result<Vec<(String, Verdict)>, NotComparable> {
    judged_in(offers, totals, &contents(totals, "simple"), |_| {})
}

fn said(pairs: &[(&str, Verdict)]) -> Result<Vec<(String, Verdict)>, NotComparable> {
    Ok(pairs.iter().map(|(offer, verdict)| ((*offer).to_owned(), *verdict)).collect())
}

use Verdict::{Agreed, Differed};

#[test]
fn a_cart_that_takes_off_what_offers_say_keeps_their_promise() {
    let offers = json!([
        offer("a", json!({"priority": 1, "amount": 20})),
        offer("b", json!({"priority": 2, "action": "by_fixed", "amount": 1, "products": {"skus": ["sku-2"]}})),
        offer("c", json!({"priority": 3, "charge": "none"})),
    ]);
    let kept = totals(vec![line(1, "24.10", 6, "28.92"), line(2, "60", 1, "13")]);
    assert_eq!(judged(offers.clone(), &kept), said(&[("a", Agreed), ("b", Agreed)]));
    let broken = totals(vec![line(1, "24.10", 6, "28.92"), line(2, "60", 1, "12")]);
    assert_eq!(judged(offers.clone(), &broken), said(&[("a", Differed), ("b", Differed)]), "either may be to blame");
    let other = totals(vec![line(1, "24.10", 6, "21.69"), line(2, "60", 1, "13")]);
    assert_eq!(judged(offers, &other), said(&[("a", Differed), ("b", Agreed)]));
}

#[test]
fn a_rule_of_the_shops_own_may_take_off_more() {
    let offers = json!([offer("a", json!({"amount": 20, "products": {"ids": [1]}}))]);
    let more = totals(vec![line(1, "10", 1, "3"), line(2, "10", 1, "1")]);
    assert_eq!(judged(offers.clone(), &more), said(&[("a", Agreed)]));
    let nothing = totals(vec![line(1, "10", 1, "0"), line(2, "10", 1, "0")]);
    assert_eq!(judged(offers.clone(), &nothing), said(&[("a", Differed)]));
    assert_eq!(judged(offers, &totals(vec![line(2, "10", 1, "0")])), said(&[]), "the offer is for nothing in it");
}

#[test]
fn offers_of_one_priority_may_go_in_either_order() {
    let offers = json!([offer("a", json!({"amount": 50})), offer("b", json!({"action": "by_fixed", "amount": 4})),]);
    let both = said(&[("a", Agreed), ("b", Agreed)]);
    assert_eq!(judged(offers.clone(), &totals(vec![line(1, "10", 1, "9")])), both, "5, then 4");
    assert_eq!(judged(offers.clone(), &totals(vec![line(1, "10", 1, "7")])), both, "4, then 3");
    let neither = said(&[("a", Differed), ("b", Differed)]);
    assert_eq!(judged(offers, &totals(vec![line(1, "10", 1, "6")])), neither);
}

#[test]
fn a_variant_is_compared_where_an_offer_names_it_and_a_bundle_never() {
    let cart = totals(vec![line(1, "60", 1, "6")]);
    let for_all = || json!([offer("a", json!({"amount": 10}))]);
    let for_others = json!([offer("a", json!({"amount": 10, "products": {"ids": [9]}}))]);
    let of_kind = |offers, kind| judged_in(offers, &cart, &contents(&cart, kind), |_| {});
    assert_eq!(of_kind(for_all(), "configurable"), said(&[("a", Agreed)]));
    assert_eq!(of_kind(for_others, "configurable"), Err(NotComparable::Undecided), "9 may be the variant");
    assert_eq!(of_kind(for_all(), "bundle"), Err(NotComparable::Undecided));
    let unseen = Contents::default();
    assert_eq!(judged_in(for_all(), &cart, &unseen, |_| {}), Err(NotComparable::Unseen));
}

#[test]
fn what_tax_does_must_be_known_where_there_is_some() {
    let taxed = TotalsLine {
        price_with_tax: money("11.90"),
        base_price_with_tax: money("11.90"),
        row_with_tax: money("23.80"),
        base_row_with_tax: money("23.80"),
        ..line(1, "10", 2, "2.38")
    };
    let cart = totals(vec![taxed]);
    let with = |discount_on, catalog_prices| {
        let tax = Tax { discount_on, catalog_prices, computed: Some(TaxComputed::AfterDiscount), ..Tax::default() };
        let offers = json!([offer("a", json!({"amount": 10}))]);
        judged_in(offers, &cart, &contents(&cart, "simple"), |view| view.tax = tax)
    };
    let (incl, excl) = (Some(TaxBasis::Including), Some(TaxBasis::Excluding));
    assert_eq!(with(incl, incl), said(&[("a", Agreed)]));
    assert_eq!(with(excl, excl), said(&[("a", Agreed)]), "2.00 were promised");
    assert_eq!(with(None, excl), Err(NotComparable::Undecided));
    assert_eq!(with(incl, excl), Err(NotComparable::Undecided), "a fraction of the line's price with tax");
}

#[test]
fn an_amount_in_another_currency_is_converted_as_the_cart_says() {
    let rate = money("0.9231");
    let foreign = TotalsLine { row: money("18.46"), row_with_tax: money("18.46"), ..line(1, "20", 1, "4.62") };
    let cart = Totals { currency: "USD".to_owned(), ..totals(vec![foreign]) };
    let offers = || json!([offer("a", json!({"action": "by_fixed", "amount": 5}))]);
    let with_rate = Contents { rate: Some(rate), ..contents(&cart, "simple") };
    assert_eq!(judged_in(offers(), &cart, &with_rate, |_| {}), said(&[("a", Agreed)]));
    let without = contents(&cart, "simple");
    assert_eq!(judged_in(offers(), &cart, &without, |_| {}), Err(NotComparable::Undecided));
    let percent = json!([offer("a", json!({"amount": 25}))]);
    assert_eq!(judged_in(percent, &cart, &without, |_| {}), said(&[("a", Agreed)]), "25 percent of 18.46 are 4.62");
}

/// What a cart of the store's rules says of the offer `a`, which rule 1 charges for vip.
fn judged_by_all(
    store: &[Value],
    totals: &Totals,
    address: CartAddress,
) -> Result<Vec<(String, Verdict)>, NotComparable> {
    let offers = json!([offer("a", json!({"audiences": {"any": ["vip"]}}))]);
    let sites = sites();
    let (rules, _) = link::rules(rules(offers, json!([])), Some(&commerce(store)), &sites);
    let view = &sites.views()[0];
    let decision = rules.decide(&rules.key_of(view, &Who::guest(&audiences(&["vip"])), now()));
    let known = Circumstances { address, ..circumstances() };
    let promises = promises(&decision, view, &contents(totals, "simple"), totals, &known)?;
    Ok(compare(totals, &promises).into_iter().map(|(offer, verdict)| (offer.to_string(), verdict)).collect())
}

fn for_audience() -> Value {
    let part = json!([{ "condition_type": "\\Vendor\\Audience", "operator": "()", "value": "vip" }]);
    store_rule(1, json!({"condition": combine(COMBINE, part)}))
}

#[test]
fn all_of_the_stores_rules_make_the_promise() {
    let free_third = store_rule(
        2,
        json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1, "sort_order": 9}),
    );
    let store = [for_audience(), free_third];
    let unknown = || CartAddress::Unknown;
    let kept = totals(vec![line(1, "10", 3, "13")]);
    assert_eq!(judged_by_all(&store, &kept, unknown()), said(&[("a", Agreed)]), "3.00, and one of three");
    let more = totals(vec![line(1, "10", 3, "14")]);
    assert_eq!(judged_by_all(&store, &more, unknown()), said(&[("a", Differed)]), "no rule takes off that much");
    let without = totals(vec![line(1, "10", 3, "10")]);
    assert_eq!(judged_by_all(&store, &without, unknown()), said(&[("a", Differed)]));
}

#[test]
fn a_cart_below_a_rules_subtotal_is_promised_nothing_of_it() {
    let store = [for_audience(), store_rule(2, json!({"condition": over("50"), "sort_order": 9}))];
    assert_eq!(
        judged_by_all(&store, &totals(vec![line(1, "10", 1, "1")]), CartAddress::Unknown),
        said(&[("a", Agreed)])
    );
    let large = totals(vec![line(1, "10", 5, "9.50")]);
    assert_eq!(judged_by_all(&store, &large, CartAddress::Unknown), said(&[("a", Agreed)]));
    let forgotten = totals(vec![line(1, "10", 5, "5")]);
    assert_eq!(judged_by_all(&store, &forgotten, CartAddress::Unknown), said(&[("a", Differed)]));
}

#[test]
fn an_address_decides_once_it_is_known() {
    let part = json!([{ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Address",
        "attribute_name": "country_id", "operator": "==", "value": "FR" }]);
    let rule = store_rule(2, json!({"condition": combine(COMBINE, part), "sort_order": 9, "apply_to_shipping": true}));
    let store = [for_audience(), rule];
    let to = |country: &str| CartAddress::Known(Address { country: country.to_owned(), ..Address::default() });
    let mut cart = totals(vec![line(1, "10", 1, "1.90")]);
    assert_eq!(judged_by_all(&store, &cart, CartAddress::Unknown), said(&[("a", Agreed)]), "it may be for France");
    (cart.shipping, cart.base_shipping, cart.shipping_discount) = (money("5"), money("5"), money("0.50"));
    cart.discount = money("2.40");
    assert_eq!(judged_by_all(&store, &cart, to("FR")), said(&[("a", Agreed)]));
    assert_eq!(judged_by_all(&store, &cart, to("DE")), said(&[("a", Differed)]));
    cart.shipping_discount = Decimal::ZERO;
    let dearer = Totals { discount: money("1.90"), ..cart };
    assert_eq!(judged_by_all(&store, &dearer, to("FR")), said(&[("a", Differed)]), "shipping is dearer than promised");
}

#[test]
fn rules_of_one_place_may_go_in_either_order_and_other_products_are_others_business() {
    let fixed = store_rule(2, json!({"simple_action": "by_fixed", "discount_amount": 4}));
    let store = [for_audience(), fixed];
    for discount in ["5", "4.60"] {
        let cart = totals(vec![line(1, "10", 1, discount)]);
        assert_eq!(judged_by_all(&store, &cart, CartAddress::Unknown), said(&[("a", Agreed)]), "{discount}");
    }
    let neither = totals(vec![line(1, "10", 1, "4.80")]);
    assert_eq!(judged_by_all(&store, &neither, CartAddress::Unknown), said(&[("a", Differed)]));
    let limited = json!({"action_condition": skus("sku-1"), "condition": for_audience()["condition"]});
    let store = [store_rule(1, limited)];
    let cart = totals(vec![line(1, "10", 1, "1"), line(2, "10", 1, "3")]);
    assert_eq!(judged_by_all(&store, &cart, CartAddress::Unknown), said(&[("a", Agreed)]), "nobody promised the other");
}
