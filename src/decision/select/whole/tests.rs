use serde_json::{Value, json};

use super::*;
use crate::cart::LineKind;
use crate::decision::decide::Who;
use crate::decision::link;
use crate::decision::samples::{
    ADDRESS, COMBINE, PRODUCT_COMBINE, audiences, combine, now, offer, over, rule, rules, said, sites, skus,
};
use crate::decision::select::select_cart;
use crate::page::ProductId;

fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn line(id: u64, price: &str, quantity: u32) -> LineFacts {
    LineFacts {
        product: ProductId(id),
        sku: format!("sku-{id}"),
        kind: LineKind::Plain,
        product_type: "simple".to_owned(),
        has_options: false,
        quantity: quantity.into(),
        excluding_tax: Some(money(price)),
        including_tax: Some(money(price)),
    }
}

fn cart(lines: Vec<LineFacts>) -> CartFacts {
    CartFacts { order: (0..lines.len()).collect(), lines, is_complete: true, in_base_currency: true }
}

/// What a cart says to vip, where the offer `own` is charged by rule 1 and the store has these rules.
fn select_as(own: Value, store: &[Value], cart: &CartFacts, takes_coupons: bool, tax: &Tax) -> CartSelection {
    let sites = sites();
    let offers = json!([offer("own", own)]);
    let mut commerce = said(store);
    commerce.codes.insert(1);
    let (rules, _) = link::rules(rules(offers, json!([])), Some(&commerce), &sites);
    let view = StoreView { tax: tax.clone(), ..(*sites.views()[0]).clone() };
    let vip = audiences(&["vip"]);
    let who = Who { takes_coupons, ..Who::guest(&vip) };
    let decision = rules.decide(&rules.key_of(&view, &who, now()));
    let held = if takes_coupons { Held::None } else { Held::Unknown };
    select_cart(&decision, &view, cart, held, now())
}

fn select(store: &[Value], cart: &CartFacts) -> CartSelection {
    select_as(json!({"audiences": {"any": ["vip"]}}), store, cart, true, &Tax::default())
}

fn sum(selection: &CartSelection) -> Option<String> {
    selection.sum.as_ref().map(|sum| sum.amount.normalize().to_string())
}

/// What is missing, as "line: what".
fn missing(selection: &CartSelection) -> Vec<String> {
    let text = |missing: &Missing| {
        assert_eq!(&*missing.label, "label own");
        let place = missing.line.map_or("cart".to_owned(), |line| line.to_string());
        match &missing.what {
            MissingWhat::Amount(amount) => format!("{place}: {}", amount.normalize()),
            MissingWhat::Units(units) => format!("{place}: {units} more"),
            MissingWhat::UnitsForFree { add, free } => format!("{place}: {add} more, {free} free"),
        }
    };
    selection.missing.iter().map(text).collect()
}

#[test]
fn buy_two_get_one_says_how_many_more_until_it_takes_off() {
    let store = [rule(1, json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1}))];
    for (quantity, says, takes_off) in [
        (1, vec!["0: 2 more, 1 free"], None),
        (2, vec!["0: 1 more, 1 free"], None),
        (3, Vec::<&str>::new(), Some("10")),
        (4, vec!["0: 2 more, 1 free"], Some("10")),
        (6, vec![], Some("20")),
    ] {
        let selection = select(&store, &cart(vec![line(1, "10", quantity)]));
        assert_eq!(missing(&selection), says, "{quantity}");
        assert_eq!(sum(&selection).as_deref(), takes_off, "{quantity}");
    }
    // Counted by line: three products are no three units of one.
    let three = select(&store, &cart(vec![line(1, "10", 1), line(2, "10", 1), line(3, "10", 1)]));
    assert_eq!((missing(&three).len(), sum(&three)), (3, None));
    let most =
        [rule(1, json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1, "discount_qty": 1}))];
    assert!(missing(&select(&most, &cart(vec![line(1, "10", 5)]))).is_empty(), "no second one is free");
}

#[test]
fn ten_percent_over_a_hundred_says_how_much_is_to_go() {
    let store = [rule(1, json!({"condition": over("100")}))];
    let below = select(&store, &cart(vec![line(1, "22", 4)]));
    assert_eq!((missing(&below), sum(&below)), (vec!["cart: 12".to_owned()], None));
    let reached = select(&store, &cart(vec![line(1, "25", 4)]));
    assert_eq!((missing(&reached), sum(&reached).as_deref()), (vec![], Some("10")));
    let above = json!([{ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Address",
        "attribute_name": "base_subtotal", "operator": ">", "value": "100" }]);
    let store =
        [rule(1, json!({"condition": combine(COMBINE, above), "simple_free_shipping": "2", "discount_amount": 0}))];
    assert_eq!(missing(&select(&store, &cart(vec![line(1, "25", 4)]))), ["cart: 0.01"]);
    let other = [rule(1, json!({"condition": over("100"), "action_condition": skus("other")}))];
    assert!(missing(&select(&other, &cart(vec![line(1, "22", 4)]))).is_empty(), "nothing in the cart is for it");
}

#[test]
fn units_are_missing_of_the_cart_of_products_and_of_a_line() {
    let address = |attribute: &str, value: &str| {
        json!({ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Address", "attribute_name": attribute,
            "operator": ">=", "value": value })
    };
    let of_cart = [rule(1, json!({"condition": combine(COMBINE, json!([address("total_qty", "5")]))}))];
    assert_eq!(missing(&select(&of_cart, &cart(vec![line(1, "10", 3)]))), ["cart: 2 more"]);
    let subselect = json!([{ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Product\\Subselect",
        "attribute_name": "qty", "operator": ">=", "value": "3", "aggregator_type": "all",
        "conditions": skus("sku-1")["conditions"] }]);
    let of_products = [rule(1, json!({"condition": combine(COMBINE, subselect)}))];
    assert_eq!(missing(&select(&of_products, &cart(vec![line(1, "10", 1), line(2, "10", 9)]))), ["cart: 2 more"]);
    assert!(missing(&select(&of_products, &cart(vec![line(2, "10", 9)]))).is_empty(), "nobody is on the way there");
    let of_line = [rule(1, json!({"discount_step": 3}))];
    assert_eq!(missing(&select(&of_line, &cart(vec![line(1, "10", 2)]))), ["0: 1 more"]);
    // Two things are missing: neither alone would do.
    let both = json!([address("total_qty", "5"), address("base_subtotal", "100")]);
    let store = [rule(1, json!({"condition": combine(COMBINE, both)}))];
    assert!(missing(&select(&store, &cart(vec![line(1, "10", 3)]))).is_empty());
    assert_eq!(missing(&select(&store, &cart(vec![line(1, "50", 3)]))), ["cart: 2 more"]);
}

#[test]
fn nothing_is_promised_behind_a_rule_that_stops_others() {
    let own = || rule(1, json!({"condition": over("100"), "sort_order": 5}));
    let stop = |fields: Value| {
        let mut stop = rule(2, json!({"sort_order": 1, "stop_rules_processing": true}));
        fields.as_object().expect("fields").iter().for_each(|(key, value)| stop[key] = value.clone());
        stop
    };
    let small = cart(vec![line(1, "22", 4)]);
    assert!(missing(&select(&[own(), stop(json!({}))], &small)).is_empty());
    assert_eq!(missing(&select(&[own(), stop(json!({"sort_order": 9}))], &small)), ["cart: 12"]);
    assert_eq!(missing(&select(&[own(), stop(json!({"action_condition": skus("b")}))], &small)), ["cart: 12"]);
}

#[test]
fn the_stores_own_rules_are_in_the_sum_without_a_label() {
    let store = [
        rule(1, json!({"sort_order": 1})),
        rule(2, json!({"simple_action": "cart_fixed", "discount_amount": 5, "sort_order": 2})),
    ];
    let selection = select(&store, &cart(vec![line(1, "10", 1), line(2, "40", 1)]));
    assert_eq!(sum(&selection).as_deref(), Some("10"));
    let labels: Vec<&str> = selection.sum.iter().flat_map(|sum| &sum.labels).map(|label| &**label).collect();
    assert_eq!(labels, ["label own"]);
    let country = json!([{ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Address",
        "attribute_name": "country_id", "operator": "==", "value": "FR" }]);
    let abroad = rule(3, json!({"condition": combine(COMBINE, country), "sort_order": 3}));
    let unsure = select(&[store[0].clone(), store[1].clone(), abroad], &cart(vec![line(1, "10", 1)]));
    assert_eq!(sum(&unsure), None, "it may go to France");
}

#[test]
fn an_offers_coupon_counts_where_it_is_in_the_cart() {
    let own = || json!({"audiences": {"any": ["vip"]}, "charge": {"type": "coupon", "rule_id": 1}});
    let store = [rule(1, json!({"coupon_type": "AUTO", "condition": over("100")}))];
    let with = |takes_coupons, price: &str| {
        select_as(own(), &store, &cart(vec![line(1, price, 4)]), takes_coupons, &Tax::default())
    };
    assert_eq!(
        (missing(&with(true, "22")), sum(&with(true, "25")).as_deref()),
        (vec!["cart: 12".to_owned()], Some("10"))
    );
    assert_eq!((missing(&with(false, "22")), sum(&with(false, "25"))), (vec![], None), "his own code is in the cart");
}

#[test]
fn what_rounding_decides_is_not_said() {
    let taxed = |price: &str, with_tax: &str| LineFacts { including_tax: Some(money(with_tax)), ..line(1, price, 2) };
    let tax = Tax {
        catalog_prices: Some(TaxBasis::Including),
        discount_on: Some(TaxBasis::Including),
        computed: Some(TaxComputed::AfterDiscount),
        ..Tax::default()
    };
    let own = || json!({"audiences": {"any": ["vip"]}});
    let store = [rule(1, json!({"condition": over("100")}))];
    let said = |price: &str, with_tax: &str| select_as(own(), &store, &cart(vec![taxed(price, with_tax)]), true, &tax);
    assert_eq!(sum(&said("84.03", "100")).as_deref(), Some("20"), "168.06 without tax are far above");
    assert_eq!(sum(&said("50.01", "59.51")), None, "the rows may come to 100.00, or to less");
    assert_eq!(sum(&said("42.02", "50")), None);
}

#[test]
fn a_line_below_an_offers_floor_says_nothing() {
    let own = json!({"audiences": {"any": ["vip"]}, "amount": 10, "floor": 9.5});
    let store = [rule(1, json!({}))];
    let selection = select_as(own, &store, &cart(vec![line(1, "10", 1), line(2, "20", 1)]), true, &Tax::default());
    assert_eq!(selection.lines.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    assert_eq!(sum(&selection), None);
}

#[test]
fn a_variant_whose_product_is_unknown_may_be_named_by_its_products_sku() {
    let part = json!([{ "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Product",
        "attribute_name": "sku", "operator": "==", "value": "sku-2" }]);
    let store = [rule(1, json!({"action_condition": combine(PRODUCT_COMBINE, part), "simple_action": "cart_fixed"}))];
    let variant =
        LineFacts { kind: LineKind::Configurable, product_type: "configurable".to_owned(), ..line(1, "30", 1) };
    assert_eq!(sum(&select(&store, &cart(vec![variant, line(2, "30", 1)]))), None);
    assert_eq!(sum(&select(&store, &cart(vec![line(1, "30", 1), line(2, "30", 1)]))).as_deref(), Some("10"));
}

#[test]
fn an_offer_that_carts_did_not_keep_says_nothing_of_them() {
    let sites = sites();
    let store = [rule(1, json!({"sort_order": 1}))];
    let paused = rules(json!([offer("own", json!({}))]), json!([])).pausing(&["own".into()].into());
    let (rules, _) = link::rules(paused, Some(&said(&store)), &sites);
    let view = &sites.views()[0];
    let decision = rules.decide(&rules.key(view, &audiences(&[]), now()));
    let selection = select_cart(&decision, view, &cart(vec![line(1, "10", 1)]), Held::None, now());
    assert_eq!(selection, CartSelection { lines: vec![None], ..CartSelection::default() });
}

#[test]
fn without_a_code_at_hand_a_coupon_takes_nothing_off() {
    let sites = sites();
    let own = offer("own", json!({"charge": {"type": "coupon", "rule_id": 1}}));
    let store = [rule(1, json!({"coupon_type": "AUTO", "condition": over("5")}))];
    let (rules, _) = link::rules(rules(json!([own]), json!([])), Some(&said(&store)), &sites);
    let view = &sites.views()[0];
    let decision = rules.decide(&rules.key(view, &audiences(&[]), now()));
    assert!(decision.coupon().is_none());
    assert_eq!(sum(&select_cart(&decision, view, &cart(vec![line(1, "10", 1)]), Held::None, now())), None);
}

#[test]
fn units_past_the_most_that_a_rule_takes_are_no_way_to_get_more() {
    let said = |rules: Value| missing(&select(&[rule(1, rules)], &cart(vec![line(1, "30", 2)])));
    let buy = |most: u32| json!({"simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1, "discount_qty": most});
    assert_eq!(said(buy(0)), ["0: 1 more, 1 free"]);
    assert_eq!(said(buy(3)), ["0: 1 more, 1 free"]);
    assert_eq!(said(buy(1)), [""; 0]);
    let step = |most: u32| json!({"discount_step": 5, "discount_qty": most});
    assert_eq!(said(step(0)), ["0: 3 more"]);
    assert_eq!(said(step(3)), [""; 0]);
}

#[test]
fn amounts_to_go_are_said_as_prices_are_shown() {
    let taxed = |price: &str, with_tax: &str| LineFacts { including_tax: Some(money(with_tax)), ..line(1, price, 1) };
    let of = |attribute: &str| {
        let part =
            json!([{ "condition_type": ADDRESS, "attribute_name": attribute, "operator": ">=", "value": "100" }]);
        [rule(1, json!({"condition": combine(COMBINE, part)}))]
    };
    let says = |basis, shown, attribute: &str| {
        let tax = Tax {
            catalog_prices: Some(basis),
            discount_on: Some(basis),
            computed: Some(TaxComputed::AfterDiscount),
            shown,
            ..Tax::default()
        };
        let own = json!({"audiences": {"any": ["vip"]}});
        missing(&select_as(own, &of(attribute), &cart(vec![taxed("50", "59.50")]), true, &tax))
    };
    let (without, with) = ("base_subtotal", "base_subtotal_total_incl_tax");
    assert_eq!(
        says(TaxBasis::Including, TaxShown::Including, without),
        [""; 0],
        "50.00 without tax are 59.50 to the shopper"
    );
    assert_eq!(says(TaxBasis::Including, TaxShown::Including, with), ["cart: 40.5"]);
    assert_eq!(says(TaxBasis::Excluding, TaxShown::Excluding, without), ["cart: 50"]);
    assert_eq!(says(TaxBasis::Excluding, TaxShown::Including, without), [""; 0]);
    assert_eq!(says(TaxBasis::Excluding, TaxShown::Including, with), [""; 0], "the cart rounds what it comes to");
}

#[test]
fn what_later_releases_take_off_first_is_not_to_go() {
    let part = json!([{ "condition_type": ADDRESS, "attribute_name": "base_subtotal_with_discount", "operator": ">=", "value": "100" }]);
    let store = [rule(1, json!({"condition": combine(COMBINE, part)}))];
    let lack = |release: &str| {
        let commerce = said(&store);
        let commerce = link::Commerce::new(commerce.book, None, release.parse().expect("a release"));
        let sites = sites();
        let offers = json!([offer("own", json!({}))]);
        let (rules, _) = link::rules(rules(offers, json!([])), Some(&commerce), &sites);
        let view = &sites.views()[0];
        let decision = rules.decide(&rules.key(view, &audiences(&[]), now()));
        missing(&select_cart(&decision, view, &cart(vec![line(1, "50", 1)]), Held::None, now()))
    };
    assert_eq!(lack("2.4.6"), ["cart: 50"]);
    assert_eq!(lack("2.4.7"), [""; 0]);
}

#[test]
fn nothing_is_said_where_the_order_of_two_rules_is_the_databases_choice() {
    let fixed = |order: u32| rule(2, json!({"simple_action": "by_fixed", "discount_amount": 4, "sort_order": order}));
    let of = |order| sum(&select(&[rule(1, json!({})), fixed(order)], &cart(vec![line(1, "10", 1)])));
    assert_eq!((of(5), of(6).as_deref()), (None, Some("5")));
    let percent = rule(2, json!({"discount_amount": 50}));
    let same = select(&[rule(1, json!({})), percent], &cart(vec![line(1, "10", 1)]));
    assert_eq!(sum(&same).as_deref(), Some("5.5"), "either way");
    let stop = rule(2, json!({"discount_amount": 50, "stop_rules_processing": true}));
    let stopped = select(&[rule(1, json!({})), stop], &cart(vec![line(1, "10", 1)]));
    assert_eq!(sum(&stopped), None, "one of them may keep the other from the cart");
}

#[test]
fn a_coupon_of_the_shoppers_own_counts_where_its_rule_goes_first() {
    let own_coupon = |order: u32| rule(2, json!({"coupon_type": "SPECIFIC_COUPON", "sort_order": order}));
    let said = |order, is_known| {
        let own = json!({"audiences": {"any": ["vip"]}});
        sum(&select_as(
            own,
            &[rule(1, json!({})), own_coupon(order)],
            &cart(vec![line(1, "10", 1)]),
            is_known,
            &Tax::default(),
        ))
    };
    assert_eq!(said(1, true).as_deref(), Some("1"), "there is none");
    assert_eq!(said(1, false), None);
    assert_eq!(said(9, false).as_deref(), Some("1"), "what the offer takes off it leaves");
}

#[test]
fn whether_a_shopper_is_in_an_audience_that_is_not_declared_nobody_knows() {
    let asks = |id: &str| {
        let part = json!([{ "condition_type": "Vendor\\Audience", "operator": "()", "value": id }]);
        rule(2, json!({"condition": combine(COMBINE, part), "sort_order": 1, "discount_amount": 20}))
    };
    let of = |id: &str| sum(&select(&[rule(1, json!({})), asks(id)], &cart(vec![line(1, "10", 1)])));
    assert_eq!(of("vip").as_deref(), Some("2.8"));
    assert_eq!(of("new").as_deref(), Some("1"), "he is not in it");
    assert_eq!(of("gone"), None);
}
