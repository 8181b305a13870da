//! What a cart of 20 lines is charged by 50 rules, beside the reading of the answer that says what it was charged.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::date;
use rust_decimal::Decimal;
use segue::page::ProductId;
use segue::rule::cart_rule::{
    Address, AttributeValue, AudienceTypes, Audiences, Cart, CartAddress, CartLine, CartRule, CartTax, Coupon,
    LineFacts, Release, charge,
};
use segue::site::{TaxBasis, TaxComputed};
use serde_json::{Value, json};

const LINES: u64 = 20;
const RULES: u64 = 50;

fn line(number: u64) -> CartLine {
    let price = Decimal::new(i64::try_from(number).unwrap_or_default() * 737 % 9_973 + 199, 2);
    let row = price * Decimal::TWO;
    CartLine {
        parent: None,
        product: Some(ProductId(number)),
        kind: "simple".to_owned(),
        sku: format!("sku-{number}"),
        product_sku: Some(format!("sku-{number}")),
        quantity: Decimal::TWO,
        unit_price: price,
        base_unit_price: price,
        unit_price_with_tax: Some(price),
        base_unit_price_with_tax: Some(price),
        row_total: row,
        base_row_total: row,
        row_total_with_tax: Some(row),
        base_row_total_with_tax: Some(row),
        tax_percent: Some(Decimal::ZERO),
        weight: Some(Some(Decimal::ONE)),
        is_virtual: false,
        facts: LineFacts {
            is_known: true,
            attribute_set: Some(4),
            categories: BTreeSet::from([2, 3 + number % 5]),
            attributes: [("price".to_owned(), AttributeValue::One(price.to_string()))].into(),
        },
    }
}

fn cart() -> Cart {
    Cart {
        store_id: 1,
        website_id: 1,
        rate: Decimal::ONE,
        tax: CartTax {
            catalog_prices: TaxBasis::Excluding,
            discount_on: TaxBasis::Excluding,
            computed: TaxComputed::AfterDiscount,
        },
        today: date(2026, 11, 22),
        customer_group: Some(0),
        audiences: Some(Audiences::default()),
        coupon: Coupon::None,
        address: CartAddress::Known(Address { country: "US".to_owned(), ..Address::default() }),
        payment_method: Some(None),
        lines: (1..=LINES).map(line).collect(),
        is_complete: true,
        multiselects: Arc::default(),
    }
}

/// A rule of a shop: for some categories, dear or cheap products, SKUs, above a subtotal, or for all.
fn rule(number: u64) -> CartRule {
    let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
    let test = |attribute: &str, operator: &str, value: &str| json!({ "condition_type": class("Product"), "attribute_name": attribute, "operator": operator, "value": value });
    let part = match number % 4 {
        0 => test("category_ids", "()", "3,5"),
        1 => test("price", ">=", "20"),
        2 => test("sku", "{}", "sku-1"),
        _ => test("attribute_set_id", "==", "4"),
    };
    let over = json!({ "condition_type": class("Address"), "attribute_name": "base_subtotal", "operator": ">=", "value": "50" });
    let tree = |class: String, part: Value| json!({ "condition_type": class, "aggregator_type": "all", "value": "1", "conditions": [part] });
    let actions = ["by_percent", "by_fixed", "cart_fixed", "buy_x_get_y"];
    let rule = json!({
        "rule_id": number, "name": "Rule", "website_ids": [1], "customer_group_ids": [0, 1], "is_active": true,
        "simple_action": actions[usize::try_from(number % 4).unwrap_or_default()], "discount_amount": 1, "discount_step": number % 3,
        "sort_order": number, "stop_rules_processing": false, "coupon_type": "NO_COUPON", "apply_to_shipping": false,
        "condition": tree(class("Combine"), over), "action_condition": tree(class("Product\\Combine"), part),
    });
    CartRule::from_rest(&rule, &AudienceTypes::default()).expect("a rule")
}

/// What the shop answers about such a cart.
fn totals() -> String {
    let item = |number: u64| {
        json!({
            "item_id": number, "price": 25.61, "base_price": 25.61, "qty": 2, "row_total": 51.22, "base_row_total": 51.22,
            "tax_amount": 0, "discount_amount": 12.29, "discount_percent": 25, "price_incl_tax": 25.61, "name": "Joust Duffle Bag",
            "options": "[]", "weee_tax_applied_amount": null, "row_total_incl_tax": 51.22, "base_row_total_incl_tax": 51.22,
        })
    };
    json!({ "grand_total": 900, "items": (1..=LINES).map(item).collect::<Vec<_>>() }).to_string()
}

fn bench(criterion: &mut Criterion) {
    let (cart, rules, totals) = (cart(), (1..=RULES).map(rule).collect::<Vec<_>>(), totals());
    let charged = charge(&rules, &cart, Release::default()).expect("all is known");
    assert!(charged.total().amount > Decimal::ZERO && charged.applied.len() > 40, "{:?}", charged.applied);
    let mut group = criterion.benchmark_group("cart");
    group.bench_function("charge 20 lines by 50 rules", |bencher| {
        bencher.iter(|| charge(black_box(&rules), black_box(&cart), Release::default()));
    });
    group.bench_function("peer: read the totals of 20 lines", |bencher| {
        bencher.iter(|| serde_json::from_str::<Value>(black_box(&totals)).expect("JSON"));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
