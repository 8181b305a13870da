use serde_json::{Value, json};

use super::*;

fn money(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn line(item: u64, quantity: u32, discount: Value) -> Value {
    json!({"item_id": item, "price": 10, "base_price": 10, "qty": quantity, "row_total": 10 * quantity,
        "base_row_total": 10 * quantity, "price_incl_tax": 11.9, "base_price_incl_tax": "11.9000",
        "row_total_incl_tax": 11.9, "base_row_total_incl_tax": 11.9, "tax_percent": 19, "discount_amount": discount,
        "name": "Bag", "options": "[]", "of_an_extension": {"anything": [1]}})
}

fn totals(discount: Value, lines: Value) -> Value {
    json!({"discount_amount": discount, "shipping_amount": 5, "base_shipping_amount": 5, "quote_currency_code": "EUR",
        "base_currency_code": "USD", "items": lines, "unknown": true})
}

fn changed(key: &str, value: Value) -> Result<Totals, NotComparable> {
    let mut totals = totals(json!(-2), json!([line(4, 2, json!(2))]));
    totals[key] = value;
    rest(totals.to_string().as_bytes())
}

#[test]
fn reads_amounts_as_they_are_written() {
    let written = totals(json!("-3.0100"), json!({"1": line(4, 2, json!(2.51)), "2": line(5, 1, json!("0.5000"))}));
    let read = rest(written.to_string().as_bytes()).expect("totals");
    assert_eq!((read.discount, read.currency.as_str(), &read.coupon), (money("3.01"), "EUR", &None));
    let lines: Vec<_> = read.lines.iter().map(|line| (line.item, line.quantity, line.discount)).collect();
    assert_eq!(lines, [(4, money("2"), money("2.51")), (5, money("1"), money("0.5"))]);
    let wrapped = json!({"payment_methods": [], "totals": written});
    assert_eq!(payment(wrapped.to_string().as_bytes()), Ok(read));
}

#[test]
fn a_code_that_the_cart_holds_is_read() {
    let coupon = |value| changed("coupon_code", value).expect("totals").coupon;
    assert_eq!(coupon(json!("SPRING")).as_deref(), Some("SPRING"));
    assert_eq!((coupon(json!("")), coupon(Value::Null)), (None, None));
}

#[test]
fn what_is_partial_or_contradicts_itself_is_not_compared() {
    assert!(changed("items_qty", json!(2)).is_ok());
    assert!(changed("shipping_amount", json!(1_000_000_000_000_u64)).is_ok());
    for (key, value, why) in [
        ("items_qty", json!(3), NotComparable::Contradiction),
        ("total_segments", json!([{"code": "discount", "value": -1}]), NotComparable::Contradiction),
        ("discount_amount", Value::Null, NotComparable::Incomplete),
        ("quote_currency_code", Value::Null, NotComparable::Incomplete),
        ("items", json!([{"item_id": 4, "qty": 2}]), NotComparable::Incomplete),
        ("items", json!("none"), NotComparable::Unreadable),
        ("discount_amount", json!("much"), NotComparable::Unreadable),
        ("discount_amount", json!(-1e20), NotComparable::Unreadable),
        ("items_qty", json!(1_000_000_000_001_u64), NotComparable::Unreadable),
    ] {
        assert_eq!(changed(key, value.clone()), Err(why), "{key}: {value}");
    }
    for text in ["", "<html>", "[]", "true", "{\"message\":\"No such entity\"}"] {
        assert_eq!(rest(text.as_bytes()), Err(NotComparable::Unreadable), "{text}");
    }
}

fn page(config: &Value) -> String {
    format!(
        "<script>var a = window.checkoutConfig.storeCode;</script>\n<script>\n  window.checkoutConfig = {config};\n  \
         window.customerData = window.checkoutConfig.customerData;\n</script>"
    )
}

fn config() -> Value {
    json!({"formKey": "x", "storeCode": "de", "quoteData": {"base_to_quote_rate": "0.9231", "customer_group_id": "0",
            "coupon_code": null},
        "quoteItemData": [{"item_id": "4", "product_id": "1226", "sku": "WJ01-S-Blue", "product_type": "configurable",
            "qty": 2, "product": {"name": "<\\/script>"}}],
        "totalsData": totals(json!(-2), json!([line(4, 2, json!(2))]))})
}

#[test]
fn a_page_of_the_cart_says_what_is_in_it_and_what_it_is_charged() {
    let read = checkout_config(page(&config()).as_bytes()).expect("a config").expect("one");
    let (sku, kind) = ("WJ01-S-Blue".into(), "configurable".into());
    assert_eq!(read.items, Items::from([(4, Item { product: ProductId(1226), sku, kind, quantity: money("2") })]));
    assert_eq!((read.rate, read.customer_group), (Some(money("0.9231")), Some(0)));
    assert_eq!((read.store.as_deref(), read.totals.discount), (Some("de"), money("2")));
}

#[test]
fn a_page_with_two_configs_or_half_of_one_is_not_compared() {
    let whole = page(&config());
    assert_eq!(checkout_config(b"<p>window.checkoutConfig.x = {}</p>"), Ok(None));
    assert_eq!(checkout_config(format!("{whole}{whole}").as_bytes()), Err(NotComparable::Contradiction));
    let end = whole.find("totalsData").expect("there");
    assert_eq!(checkout_config(&whole.as_bytes()[..end]), Err(NotComparable::Unreadable));
    let mut other = config();
    other["quoteData"]["coupon_code"] = json!("SPRING");
    assert_eq!(
        checkout_config(page(&other).as_bytes()),
        Err(NotComparable::Contradiction),
        "the totals know of no code"
    );
}

#[test]
fn nothing_that_is_cut_short_passes_for_whole() {
    let text = totals(json!(-2), json!([line(4, 2, json!(2))])).to_string();
    for end in 0..text.len() {
        assert_eq!(rest(&text.as_bytes()[..end]), Err(NotComparable::Unreadable), "{end}");
    }
}

#[test]
fn the_cart_section_says_which_products_its_items_are() {
    let item = json!({"item_id": "8", "product_id": "2", "product_sku": "24-MB04", "product_type": "simple", "qty": 6});
    let answer = json!({"cart": {"items": [item]}, "messages": {"messages": []}});
    let read = sections(answer.to_string().as_bytes()).expect("sections").expect("a cart");
    let ids: Vec<_> = read.iter().map(|(id, item)| (*id, item.product, &*item.sku, item.quantity)).collect();
    assert_eq!(ids, [(8, ProductId(2), "24-MB04", money("6"))]);
    assert_eq!(sections(b"{\"messages\": {}}"), Ok(None));
    assert_eq!(sections(b"{\"cart\": {\"items\": [{\"item_id\": 1}]}}"), Err(NotComparable::Incomplete));
}

/// The totals that a real store answered with, where they are at hand.
fn shared(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var("SEGUE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let read = std::fs::read(std::path::Path::new(&root).join("json").join(name)).ok();
    if read.is_none() {
        println!("skipped: no {name}");
    }
    read
}

#[test]
fn reads_what_a_real_store_answers() {
    let Some(plain) = shared("guest-rest-guest-totals.json") else { return };
    let read = rest(&plain).expect("totals");
    assert_eq!((read.discount, read.lines.len(), read.shipping_discount), (money("33.92"), 3, Decimal::ZERO));
    let sum: Decimal = read.lines.iter().map(|line| line.discount).sum();
    assert_eq!(sum, read.discount);
    let Some(section) = shared("guest-section-load-cart-coupon.json") else { return };
    let items = sections(&section).expect("sections").expect("a cart");
    let same = read.lines.iter().all(|line| items.get(&line.item).is_some_and(|item| item.quantity == line.quantity));
    assert!(same, "{items:?}");
    let Some(with_address) = shared("guest-rest-totals-information.json") else { return };
    assert_eq!(rest(&with_address).map(|totals| totals.shipping), Ok(money("45")));
}
