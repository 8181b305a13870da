//! Carts through Magento's API.

use serde_json::json;

use super::visitor::Visitor;
use super::*;

#[tokio::test]
async fn a_cart_can_be_made_filled_and_emptied_without_a_browser() {
    let mut client = Visitor { shop: shop(), cookies: std::collections::BTreeMap::new() };
    let (status, id) = client.api(Method::POST, "/rest/V1/guest-carts", Value::Null).await;
    let cart = format!("/rest/V1/guest-carts/{}", id.as_str().expect("an id"));
    assert_eq!(status, 200);
    assert!(client.cookies.contains_key("PHPSESSID"), "PHP gives one whoever asks");
    let item = json!({ "cartItem": { "sku": "LL-BA01", "qty": 2 } });
    let (_, added) = client.api(Method::POST, &format!("{cart}/items"), item).await;
    assert_eq!((&added["price"], &added["product_type"], &added["qty"]), (&json!(48), &json!("simple"), &json!(2)));
    let pack = json!({ "cartItem": { "sku": "LL-BA06", "qty": 1, "product_option": { "extension_attributes": {
        "configurable_item_options": [{ "option_id": "143", "option_value": 166 }, { "option_id": "93", "option_value": 52 }],
    } } } });
    let (_, added) = client.api(Method::POST, &format!("{cart}/items"), pack).await;
    assert_eq!(added["sku"], "LL-BA06-18-RUST");
    let (_, whole) = client.api(Method::GET, &cart, Value::Null).await;
    assert_eq!((&whole["items_qty"], &whole["customer_is_guest"]), (&json!(3), &json!(true)));
    let (_, totals) = client.api(Method::GET, &format!("{cart}/totals"), Value::Null).await;
    assert_eq!(
        (&totals["grand_total"], &totals["items"][1]["options"]),
        (&json!(154), &json!("[{\"label\":\"Size\",\"value\":\"18 l\"},{\"label\":\"Color\",\"value\":\"Rust\"}]"))
    );
    let path = format!("{cart}/items/{}", added["item_id"]);
    assert_eq!(client.api(Method::PUT, &path, json!({ "cartItem": { "qty": 3 } })).await.1["qty"], 3);
    assert_eq!(client.api(Method::DELETE, &path, Value::Null).await, (200, json!(true)));
    assert_eq!(client.api(Method::DELETE, &path, Value::Null).await.0, 404);
    let bundle = json!({ "cartItem": { "sku": "LL-SET1", "qty": 1, "product_option": { "extension_attributes": { "bundle_options": [
        { "option_id": 1, "option_qty": 1, "option_selections": [2] }, { "option_id": 2, "option_qty": 1, "option_selections": [4] },
        { "option_id": 3, "option_qty": 3, "option_selections": [7] },
    ] } } } });
    assert_eq!(client.api(Method::POST, &format!("{cart}/items"), bundle).await.1["price"], json!(168.85));
}

#[tokio::test]
async fn what_does_not_exist_is_refused_in_magentos_words() {
    let mut client = Visitor { shop: shop(), cookies: std::collections::BTreeMap::new() };
    let unknown = json!({ "message": "No such entity with %fieldName = %fieldValue", "parameters": { "fieldName": "cartId", "fieldValue": "nobody" } });
    assert_eq!(client.api(Method::GET, "/rest/de/V1/guest-carts/nobody/totals", Value::Null).await, (404, unknown));
    let (_, id) = client.api(Method::POST, "/rest/V1/guest-carts", Value::Null).await;
    let items = format!("/rest/V1/guest-carts/{}/items", id.as_str().expect("an id"));
    for (item, status, words) in [
        (
            json!({ "sku": "none", "qty": 1 }),
            404,
            "The product that was requested doesn't exist. Verify the product and try again.",
        ),
        (json!({ "sku": "LL-BA06", "qty": 1 }), 400, "You need to choose options for your item."),
        (json!({ "sku": "LL-BA01", "qty": 0 }), 400, "The quantity must be a whole number of units."),
    ] {
        let answered = client.api(Method::POST, &items, json!({ "cartItem": item })).await;
        assert_eq!(answered, (status, json!({ "message": words })));
    }
    let broken = client.send(Request::post(&items), String::from("{")).await;
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn shipping_is_estimated_chosen_and_charged() {
    let mut visitor = Visitor::with_cart(shop(), &[(1, 2), (9, 1)]).await;
    let cart = format!("/rest/de/V1/guest-carts/{}", visitor.cart_id().await);
    let address = json!({ "country_id": "DE", "region": "Berlin", "region_id": 82, "postcode": "10115" });
    let (_, methods) =
        visitor.api(Method::POST, &format!("{cart}/estimate-shipping-methods"), json!({ "address": address })).await;
    assert_eq!(
        (&methods[0]["method_code"], &methods[0]["amount"], methods.as_array().map(Vec::len)),
        (&json!("flatrate"), &json!(9.2), Some(1)),
        "two totes; the guide needs no parcel"
    );
    let estimated = json!({ "addressInformation": { "address": address, "shipping_carrier_code": "flatrate", "shipping_method_code": "flatrate" } });
    let (_, totals) = visitor.api(Method::POST, &format!("{cart}/totals-information"), estimated).await;
    assert_eq!((&totals["shipping_amount"], &totals["base_shipping_amount"]), (&json!(9.2), &json!(10)));
    let (_, totals) = visitor.api(Method::GET, &format!("{cart}/totals"), Value::Null).await;
    assert_eq!(totals["shipping_amount"], 0, "an estimate is not kept");
    let chosen = json!({ "addressInformation": { "shipping_address": address, "shipping_carrier_code": "flatrate", "shipping_method_code": "flatrate" } });
    let (_, payment) = visitor.api(Method::POST, &format!("{cart}/shipping-information"), chosen).await;
    assert_eq!(
        (&payment["totals"]["shipping_amount"], &payment["payment_methods"][0]["code"]),
        (&json!(9.2), &json!("checkmo"))
    );
    let page = visitor.get("/de/checkout/cart/").await.into_body();
    assert_eq!(total(&page, "Versand"), "9,20\u{a0}€");
    assert_eq!(total(&page, "Gesamtsumme"), "124,15\u{a0}€", "88.32 and 8.28, 19 % on them, and shipping");
    let unknown = json!({ "addressInformation": { "shipping_address": address, "shipping_carrier_code": "ups", "shipping_method_code": "x" } });
    assert_eq!(visitor.api(Method::POST, &format!("{cart}/shipping-information"), unknown).await.0, 400);
}

#[tokio::test]
async fn an_order_leaves_an_empty_cart_and_is_confirmed_once() {
    let mut visitor = Visitor::with_cart(shop(), &[(1, 1)]).await;
    let id = visitor.cart_id().await;
    let path = format!("/rest/default/V1/guest-carts/{id}/payment-information");
    let (status, order) = visitor
        .api(Method::POST, &path, json!({ "email": "a@b.example", "paymentMethod": { "method": "checkmo" } }))
        .await;
    assert!(status == 200 && order.is_u64(), "{order}");
    let success = visitor.get("/checkout/onepage/success/").await;
    assert!(success.body().contains("checkout-onepage-success") && success.body().contains(&format!("{order:0>9}")));
    assert_eq!(visitor.get("/checkout/onepage/success/").await.headers()[LOCATION], "/checkout/cart/");
    assert!(visitor.get("/checkout/cart/").await.body().contains("You have no items"));
    assert_eq!(visitor.api(Method::POST, &path, json!({})).await.0, 404, "the cart is gone");
    assert_eq!(visitor.get("/checkout/").await.headers()[LOCATION], "/checkout/cart/");
}
