use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::decision::decide::{Rules, Who};
use crate::decision::samples::{
    COMBINE, PRODUCT, PRODUCT_COMBINE, audiences, combine, now, offer, over, rule, rules, said, sites, skus,
};
use crate::decision::select::{Scope, Selection, select};
use crate::page::{PageFacts, PageKind, ProductFacts, ProductId};
use crate::rule::cart_rule::Release;

fn select_with(offers: Value, commerce: &Commerce, group: Option<u64>, price: &str) -> (Selection, Vec<Standing>) {
    let sites = sites();
    let joined = join(rules(offers, json!([])), commerce);
    let standings = joined.standings.values().copied().collect();
    let rules = Rules::joined(joined, &sites);
    let view = &sites.views()[0];
    let decision = rules.decide(&rules.key_of(view, &Who { group, ..Who::guest(&audiences(&["vip"])) }, now()));
    let price = price.parse().expect("a price");
    let product = ProductFacts::simple(ProductId(1), Some("a-1".to_owned()), price);
    let page =
        PageFacts { kind: PageKind::Product, currencies: vec![view.base_currency.clone()], products: vec![product] };
    (select(&decision, &Scope { view, path: "/", bucket: 0 }, &page), standings)
}

/// The price of a product of 100 that is shown; none where it stays.
fn shown(offers: Value, commerce: &Commerce) -> Option<String> {
    let (selection, _) = select_with(offers, commerce, Some(0), "100");
    let unit = selection.prices.first()?.units.first()?;
    unit.final_price.map(|price| price.normalize().to_string())
}

fn own(fields: Value) -> Value {
    json!([offer("own", fields)])
}

#[test]
fn an_offer_takes_from_its_rule_what_it_does_not_say() {
    let mut plain = offer("own", json!({}));
    for key in ["action", "amount", "products", "priority", "stop"] {
        plain.as_object_mut().expect("an object").remove(key);
    }
    let commerce = said(&[rule(1, json!({"simple_action": "by_fixed", "discount_amount": 12.5}))]);
    assert_eq!(shown(json!([plain]), &commerce).as_deref(), Some("87.5"));
}

#[test]
fn without_a_word_of_commerce_nothing_is_shown_as_a_price() {
    let (selection, standings) = select_with(own(json!({})), &Commerce::default(), Some(0), "100");
    assert_eq!(standings, [Standing::Label(Reason::RulesUnknown)]);
    assert!(selection.prices.iter().all(|change| change.units.is_empty() && !change.labels.is_empty()));
}

#[test]
fn the_stores_other_rules_come_into_the_price_and_change_nothing_by_themselves() {
    let everyone = rule(2, json!({"sort_order": 9, "discount_amount": 50}));
    assert_eq!(shown(own(json!({})), &said(&[rule(1, json!({})), everyone.clone()])).as_deref(), Some("45"));
    assert_eq!(shown(json!([]), &said(&[everyone])), None);
    let first = rule(2, json!({"sort_order": 1, "simple_action": "by_fixed", "discount_amount": 50}));
    assert_eq!(shown(own(json!({})), &said(&[rule(1, json!({})), first])).as_deref(), Some("45"));
    let stop = rule(2, json!({"sort_order": 1, "stop_rules_processing": true, "discount_amount": 50}));
    assert_eq!(shown(own(json!({})), &said(&[rule(1, json!({})), stop])), None, "the cart does not get to the offer");
    let coupon = rule(2, json!({"sort_order": 1, "coupon_type": "SPECIFIC_COUPON", "stop_rules_processing": true}));
    assert_eq!(shown(own(json!({})), &said(&[rule(1, json!({})), coupon])).as_deref(), Some("90"));
    let elsewhere = rule(2, json!({"website_ids": [7], "stop_rules_processing": true, "sort_order": 1}));
    assert_eq!(shown(own(json!({})), &said(&[rule(1, json!({})), elsewhere])).as_deref(), Some("90"));
}

#[test]
fn a_store_rule_in_doubt_matters_only_where_it_could_raise_the_price() {
    let with = |fields: Value| said(&[rule(1, json!({})), rule(2, fields)]);
    let lowers = json!({"sort_order": 1, "condition": over("200"), "discount_amount": 50});
    assert_eq!(shown(own(json!({})), &with(lowers)).as_deref(), Some("90"));
    let may_stop = json!({"sort_order": 1, "condition": over("200"), "stop_rules_processing": true});
    assert_eq!(shown(own(json!({})), &with(may_stop)), None);
    let stops_later = json!({"sort_order": 9, "condition": over("200"), "stop_rules_processing": true});
    assert_eq!(shown(own(json!({})), &with(stops_later)).as_deref(), Some("90"));
    let takes_back = json!({"sort_order": 9, "discount_step": 3});
    assert_eq!(shown(own(json!({})), &with(takes_back)), None);
    let for_another = json!({"sort_order": 9, "discount_step": 3, "action_condition": skus("b-2")});
    assert_eq!(shown(own(json!({})), &with(for_another)).as_deref(), Some("90"));
    let surcharge =
        json!({"sort_order": 1, "condition": over("1"), "simple_action": "to_fixed", "discount_amount": 500});
    assert_eq!(shown(own(json!({})), &with(surcharge)), None);
    let free_shipping =
        json!({"sort_order": 1, "condition": over("50"), "discount_amount": 0, "simple_free_shipping": "2"});
    assert_eq!(shown(own(json!({})), &with(free_shipping)).as_deref(), Some("90"));
    let unknown = json!({"sort_order": 1, "stop_rules_processing": true,
        "condition": combine(COMBINE, json!([{ "condition_type": "Other\\Condition", "value": "1" }]))});
    assert_eq!(shown(own(json!({})), &with(unknown)), None);
}

#[test]
fn what_asks_for_the_cart_or_does_nothing_to_a_unit_is_a_label() {
    for (fields, reason) in [
        (json!({"condition": over("100")}), Reason::Conditions),
        (json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1}), Reason::Action),
        (json!({"simple_action": "cart_fixed"}), Reason::Action),
        (json!({"discount_amount": 0, "simple_free_shipping": "1"}), Reason::Action),
        (json!({"discount_step": 2}), Reason::Action),
        (json!({"discount_qty": 1}), Reason::Action),
        (json!({"simple_action": "gift"}), Reason::Action),
        (json!({"coupon_type": "SPECIFIC_COUPON"}), Reason::NoRule),
        (json!({"is_active": false}), Reason::NoRule),
        (json!({"website_ids": [9]}), Reason::NoRule),
        (
            json!({"condition": combine(COMBINE, json!([{ "condition_type": "Other", "value": "1" }]))}),
            Reason::UnknownClass,
        ),
        (
            json!({"action_condition": combine(PRODUCT_COMBINE, json!([
                { "condition_type": PRODUCT, "attribute_name": "quote_item_qty", "operator": ">=", "value": "2" }]))}),
            Reason::Conditions,
        ),
        (
            json!({"action_condition": combine(PRODUCT_COMBINE, json!([
                { "condition_type": PRODUCT, "attribute_name": "category_ids", "operator": "()", "value": "4" }]))}),
            Reason::CatalogueUnknown,
        ),
    ] {
        let (selection, standings) = select_with(own(json!({})), &said(&[rule(1, fields.clone())]), Some(0), "100");
        assert_eq!(standings, [Standing::Label(reason)], "{fields}");
        assert!(selection.prices.iter().all(|change| change.units.is_empty()), "{fields}");
    }
}

#[test]
fn audiences_of_the_rule_count_beside_the_offers() {
    let of = |value: &str, operator: &str| {
        let part = json!([{ "condition_type": "\\Vendor\\Audience", "operator": operator, "value": value }]);
        said(&[rule(1, json!({"condition": combine(COMBINE, part)}))])
    };
    let everyone = || own(json!({"audiences": {}}));
    assert_eq!(shown(everyone(), &of("vip", "()")).as_deref(), Some("90"));
    assert_eq!(shown(everyone(), &of("new", "==")), None, "the shopper is no new one");
    assert_eq!(shown(everyone(), &of("vip", "!=")), None);
    assert_eq!(shown(own(json!({"audiences": {"any": ["vip"]}})), &of("vip,new", "()")).as_deref(), Some("90"));
    let (_, standings) =
        select_with(own(json!({"audiences": {"any": ["vip", "new"]}})), &of("vip,trade", "()"), Some(0), "100");
    assert_eq!(standings, [Standing::Label(Reason::Audiences)]);
}

#[test]
fn a_rule_for_some_groups_needs_a_known_group() {
    let limited = || said(&[rule(1, json!({"customer_group_ids": [1]}))]);
    let price = |commerce: &Commerce, group| {
        let (selection, _) = select_with(own(json!({})), commerce, group, "100");
        selection.prices.first().is_some_and(|change| !change.units.is_empty())
    };
    assert!(price(&limited(), Some(1)) && !price(&limited(), Some(0)) && !price(&limited(), None));
    let stop = rule(2, json!({"customer_group_ids": [1], "sort_order": 1, "stop_rules_processing": true}));
    let beside = said(&[rule(1, json!({})), stop]);
    assert!(price(&beside, Some(0)) && !price(&beside, Some(1)) && !price(&beside, None));
}

#[test]
fn a_rule_that_customers_use_up_is_shown_to_guests_only() {
    let once = said(&[rule(1, json!({"uses_per_customer": 1}))]);
    let price = |group| {
        let (selection, _) = select_with(own(json!({})), &once, group, "100");
        selection.prices.first().is_some_and(|change| !change.units.is_empty())
    };
    assert!(price(Some(0)) && !price(Some(1)) && !price(None));
}

#[test]
fn a_carts_sum_goes_by_whatever_the_stores_rules_do() {
    use crate::cart::{CartFacts, LineFacts, LineKind};
    use crate::decision::select::{Held, select_cart};
    let line = LineFacts {
        product: ProductId(1),
        sku: "a-1".to_owned(),
        kind: LineKind::Plain,
        product_type: "simple".to_owned(),
        has_options: false,
        quantity: 3.into(),
        excluding_tax: Some(10.into()),
        including_tax: Some(10.into()),
    };
    let cart = CartFacts { order: vec![0], lines: vec![line], is_complete: true, in_base_currency: true };
    let sum = |mut other: Value| {
        other["sort_order"] = json!(9);
        let sites = sites();
        let rules =
            Rules::joined(join(rules(own(json!({})), json!([])), &said(&[rule(1, json!({})), rule(2, other)])), &sites);
        let view = &sites.views()[0];
        let decision = rules.decide(&rules.key(view, &audiences(&["vip"]), now()));
        select_cart(&decision, view, &cart, Held::None, now()).sum.map(|sum| sum.amount.normalize().to_string())
    };
    assert_eq!(sum(json!({"discount_amount": 0})).as_deref(), Some("3"));
    assert_eq!(sum(json!({"discount_amount": 50})).as_deref(), Some("16.5"));
    for (other, expected) in [
        (json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1}), "13"),
        (json!({"simple_action": "cart_fixed"}), "13"),
        (json!({"discount_qty": 1}), "3.7"),
        (json!({"condition": over("200")}), "3"),
    ] {
        assert_eq!(sum(other.clone()).as_deref(), Some(expected), "{other}");
    }
    assert_eq!(sum(json!({"simple_action": "cart_fixed", "action_condition": skus("b-2")})).as_deref(), Some("3"));
}

#[test]
fn products_are_those_of_offer_and_rule() {
    let of = |list: &str| said(&[rule(1, json!({"action_condition": skus(list)}))]);
    assert_eq!(shown(own(json!({"products": "all"})), &of("A-1, b-2")).as_deref(), Some("90"));
    assert_eq!(shown(own(json!({"products": "all"})), &of("b-2")), None);
    assert_eq!(shown(own(json!({"products": {"skus": ["c-3"]}})), &of("a-1")), None);
}

proptest! {
    /// What is shown for a unit is what the engine charges a cart of that one unit by the same rules.
    #[test]
    fn a_price_shown_is_what_a_cart_of_one_unit_is_charged(
        price in 1_i64..100_000,
        rules in prop::collection::vec((0_usize..5, 0_i64..10_000, 0_i64..4, any::<bool>(), 0_u32..5), 1..6),
    ) {
        let actions = ["by_percent", "by_fixed", "to_percent", "buy_x_get_y", "cart_fixed"];
        let rules: Vec<Value> = (1..).zip(rules).map(|(id, (action, amount, priority, stop, line))| {
            let lines = match line { 0 => skus("b-2"), 1 => skus("a-1,b-2"), _ => Value::Null };
            rule(id, json!({
                "simple_action": if id == 1 { "by_percent" } else { actions[action] }, "discount_step": if action == 3 { 1 } else { 0 },
                "discount_amount": Decimal::new(amount, 2).to_string(), "sort_order": priority,
                "stop_rules_processing": stop, "action_condition": lines,
            }))
        }).collect();
        let commerce = said(&rules);
        let price = Decimal::new(price, 2);
        let mut plain = offer("own", json!({}));
        for key in ["action", "amount", "products"] {
            plain.as_object_mut().expect("an object").remove(key);
        }
        let (selection, _) = select_with(json!([plain]), &commerce, Some(0), &price.to_string());
        let shown = selection.prices.first().and_then(|change| change.units.first()?.final_price);
        if let Some(shown) = shown {
            let book = commerce.book.as_ref().expect("a book");
            let charged = crate::rule::cart_rule::charge(&book.rules, &one_unit(price), Release::default());
            let charged = price - charged.expect("all is known").total().amount;
            // An amount off the whole cart is spread over what else is in it, so that it is left out of the price.
            let has_cart_fixed = rules.iter().any(|rule| rule["simple_action"] == "cart_fixed");
            prop_assert!(shown == charged || has_cart_fixed && charged <= shown, "{shown} {charged}");
        }
    }
}

fn one_unit(price: Decimal) -> crate::rule::cart_rule::Cart {
    use crate::rule::cart_rule::{Audiences, Cart, CartAddress, CartLine, CartTax, Coupon, LineFacts};
    use crate::site::{TaxBasis, TaxComputed};
    let line = CartLine {
        parent: None,
        product: Some(ProductId(1)),
        kind: "simple".to_owned(),
        sku: "a-1".to_owned(),
        product_sku: Some("a-1".to_owned()),
        quantity: Decimal::ONE,
        unit_price: price,
        base_unit_price: price,
        unit_price_with_tax: Some(price),
        base_unit_price_with_tax: Some(price),
        row_total: price,
        base_row_total: price,
        row_total_with_tax: Some(price),
        base_row_total_with_tax: Some(price),
        tax_percent: Some(Decimal::ZERO),
        weight: None,
        is_virtual: false,
        facts: LineFacts::default(),
    };
    Cart {
        store_id: 1,
        website_id: 1,
        rate: Decimal::ONE,
        tax: CartTax {
            catalog_prices: TaxBasis::Excluding,
            discount_on: TaxBasis::Excluding,
            computed: TaxComputed::AfterDiscount,
        },
        today: now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        customer_group: Some(0),
        audiences: Some(Audiences::default()),
        coupon: Coupon::None,
        address: CartAddress::None,
        payment_method: Some(None),
        lines: vec![line],
        is_complete: true,
        multiselects: Arc::default(),
    }
}

#[test]
fn an_offer_shown_by_its_label_is_charged_all_the_same() {
    let coupon = json!({"coupon_type": "AUTO", "condition": over("100")});
    let offers = own(json!({"charge": {"type": "coupon", "rule_id": 1}}));
    let mut commerce = said(&[rule(1, coupon)]);
    commerce.codes.insert(1);
    let decision = |offers: Value, commerce: &Commerce| {
        let sites = sites();
        let compiled = Rules::joined(join(rules(offers, json!([])), commerce), &sites);
        let key = compiled.key_of(&sites.views()[0], &Who::guest(&audiences(&["vip"])), now());
        compiled.decide(&key)
    };
    let by_label = decision(offers.clone(), &commerce);
    assert!(by_label.coupon().is_some_and(|offer| offer.is_label()), "its code goes into the cart");
    // One whose price is shown goes first, whatever its place.
    let two = json!([
        offer("own", json!({"charge": {"type": "coupon", "rule_id": 1}})),
        offer("priced", json!({"charge": {"type": "coupon", "rule_id": 2}}))
    ]);
    let mut both = said(&[
        rule(1, json!({"coupon_type": "AUTO", "condition": over("100")})),
        rule(2, json!({"coupon_type": "AUTO", "sort_order": 9})),
    ]);
    both.codes.extend([1, 2]);
    assert_eq!(decision(two, &both).coupon().map(|offer| &*offer.id), Some("priced"));
    let paused = rules(offers, json!([])).pausing(&["own".into()].into());
    let compiled = Rules::joined(join(paused, &commerce), &sites());
    assert!(compiled.have_coupons(), "a code that is in a cart is still known as Segue's");
}

#[test]
fn a_rule_shown_by_its_label_may_still_stop_others() {
    let offers = json!([
        offer("first", json!({"charge": {"type": "origin", "rule_id": 1}})),
        offer("second", json!({"charge": {"type": "origin", "rule_id": 2}}))
    ]);
    let stops = json!({"condition": over("100"), "stop_rules_processing": true, "sort_order": 1});
    let commerce = said(&[rule(1, stops), rule(2, json!({"sort_order": 2}))]);
    let (selection, _) = select_with(offers, &commerce, Some(0), "100");
    assert!(selection.prices.iter().all(|change| change.units.is_empty()), "a cart of 100 gets the first one alone");
}

#[test]
fn a_price_that_the_databases_order_decides_is_not_shown() {
    let of = |other: Value| shown(own(json!({})), &said(&[rule(1, json!({})), rule(2, other)]));
    assert_eq!(of(json!({"simple_action": "by_fixed", "discount_amount": 4})), None, "86 or 86.40");
    assert_eq!(of(json!({"simple_action": "by_fixed", "discount_amount": 4, "sort_order": 6})).as_deref(), Some("86"));
    assert_eq!(of(json!({"discount_amount": 20})).as_deref(), Some("72"), "either way");
    assert_eq!(of(json!({"discount_amount": 20, "stop_rules_processing": true})), None);
    let elsewhere = json!({"simple_action": "by_fixed", "discount_amount": 4, "action_condition": skus("b-2")});
    assert_eq!(of(elsewhere).as_deref(), Some("90"));
    // One with a coupon goes behind those without, however old it is.
    let by_coupon = json!([
        offer("own", json!({"audiences": {"any": ["vip"]}, "charge": {"type": "coupon", "rule_id": 1}})),
        offer("other", json!({"charge": {"type": "origin", "rule_id": 2}})),
    ]);
    let mut commerce = said(&[
        rule(1, json!({"coupon_type": "AUTO"})),
        rule(2, json!({"simple_action": "by_fixed", "discount_amount": 4})),
    ]);
    commerce.codes.insert(1);
    assert_eq!(shown(by_coupon, &commerce).as_deref(), Some("86.4"), "4 off first");
}
