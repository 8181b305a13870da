//! Coupons by the form of the cart's page and by the API.

use serde_json::json;

use super::visitor::Visitor;
use super::*;
use crate::demo::rules::{Batch, Coupon};

const CODE: &str = "LANTERN10";

async fn post(visitor: &mut Visitor, code: &str, remove: u8) -> Value {
    let form = format!("coupon_code={code}&remove={remove}");
    let answer = visitor.post("/checkout/cart/couponPost/", &form).await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::FOUND, ""));
    visitor.last_message()
}

fn said(kind: &str, text: &str) -> Value {
    json!({ "type": kind, "text": text })
}

#[tokio::test]
async fn the_form_applies_a_code_and_takes_it_off_again() {
    let mut visitor = Visitor::with_cart(shop(), &[(6, 1)]).await;
    assert_eq!(
        post(&mut visitor, "lantern10", 0).await,
        said("success", "You used coupon code &quot;lantern10&quot;.")
    );
    let page = visitor.get("/checkout/cart/").await.into_body();
    assert_eq!((total(&page, "Discount").as_str(), total(&page, "Order&#x20;Total").as_str()), ("-$6.40", "$57.60"));
    assert!(page.contains("<div class=\"fieldset coupon applied\">") && page.contains("value=\"lantern10\""), "{page}");
    let config = visitor.config().await;
    assert_eq!(config["quoteData"]["coupon_code"], "lantern10", "as it was typed");
    assert_eq!(config["totalsData"]["total_segments"][1]["code"], "discount");
    assert_eq!(config["totalsData"]["items"][0]["discount_amount"], json!(6.4));
    assert_eq!(
        config["quoteItemData"][0]["product"],
        json!({ "entity_id": "6", "type_id": "simple", "sku": "LL-GE01", "name": "Ember Camp Lantern" })
    );
    assert_eq!(post(&mut visitor, "", 1).await, said("success", "You canceled the coupon code."));
    assert_eq!(visitor.config().await["totalsData"]["grand_total"], 64);
    assert_eq!(post(&mut visitor, "", 1).await, Value::Null, "there was none");
}

#[tokio::test]
async fn a_code_that_does_not_hold_takes_the_place_of_one_that_did() {
    let mut visitor = Visitor::with_cart(shop(), &[(6, 1)]).await;
    post(&mut visitor, CODE, 0).await;
    let refused = post(&mut visitor, "%3Cb%3E", 0).await;
    assert_eq!(refused, said("error", "The coupon code &quot;&lt;b&gt;&quot; is not valid."));
    assert_eq!(visitor.config().await["quoteData"]["coupon_code"], Value::Null);
}

#[tokio::test]
async fn an_empty_cart_keeps_a_code_for_what_comes() {
    let mut visitor = Visitor::with_cart(shop(), &[]).await;
    assert_eq!(post(&mut visitor, CODE, 0).await["type"], "success");
    assert_eq!(post(&mut visitor, "NOPE", 0).await["type"], "error");
    visitor.post("/checkout/cart/add/", "product=6").await;
    assert_eq!(visitor.config().await["totalsData"]["grand_total"], json!(57.6));
}

#[tokio::test]
async fn the_form_needs_the_sessions_key_and_a_post() {
    let mut visitor = Visitor::with_cart(shop(), &[(6, 1)]).await;
    let key = visitor.cookies.remove("form_key").expect("the session's key");
    let form = |key: &str| format!("coupon_code={CODE}&remove=0&form_key={key}");
    let request =
        || Request::post("/checkout/cart/couponPost/").header("content-type", "application/x-www-form-urlencoded");
    visitor.send(request(), form("other")).await;
    assert_eq!(visitor.last_message(), said("error", "Invalid Form Key. Please refresh the page."));
    assert_eq!(visitor.config().await["quoteData"]["coupon_code"], Value::Null);
    visitor.cookies.remove("form_key");
    let answer = visitor
        .send(request().header(REFERER, "http://shop.test/de/checkout/cart/").header(HOST, "shop.test"), form(&key))
        .await;
    assert_eq!(answer.headers()[LOCATION], "/de/checkout/cart/");
    let names: Vec<_> =
        answer.headers().get_all(SET_COOKIE).iter().filter_map(|one| one.to_str().ok()?.split('=').next()).collect();
    assert_eq!(names, ["private_content_version", "PHPSESSID", "mage-messages", "form_key"]);
    assert_eq!(visitor.config().await["quoteData"]["coupon_code"], CODE);
    assert_eq!(visitor.get("/checkout/cart/couponPost/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn messages_that_no_page_has_shown_stand_in_front_of_new_ones() {
    let mut visitor = Visitor::with_cart(shop(), &[(6, 1)]).await;
    let form = format!("coupon_code={CODE}&remove=0");
    visitor.post("/checkout/cart/couponPost/", &form).await;
    visitor.post("/checkout/cart/couponPost/", "coupon_code=&remove=1").await;
    let texts = visitor.messages();
    assert_eq!(
        (&texts[1]["text"], &texts[2]["text"]),
        (&json!("You used coupon code &quot;LANTERN10&quot;."), &json!("You canceled the coupon code."))
    );
}

#[tokio::test]
async fn the_api_answers_as_magentos() {
    let mut visitor = Visitor::with_cart(shop(), &[]).await;
    visitor.post("/checkout/cart/add/", "product=6").await;
    let coupons = format!("/rest/V1/guest-carts/{}/coupons", visitor.cart_id().await);
    let invalid = json!({ "message": "The coupon code isn't valid. Verify the code and try again." });
    assert_eq!(visitor.api(Method::GET, &coupons, Value::Null).await, (200, json!([])));
    assert_eq!(visitor.api(Method::PUT, &format!("{coupons}/{CODE}"), Value::Null).await, (200, json!(true)));
    assert_eq!(visitor.api(Method::GET, &coupons, Value::Null).await, (200, json!(CODE)));
    assert_eq!(visitor.api(Method::PUT, &format!("{coupons}/NOPE"), Value::Null).await, (404, invalid));
    assert_eq!(visitor.api(Method::GET, &coupons, Value::Null).await, (200, json!([])), "the good one is gone");
    visitor.api(Method::PUT, &format!("{coupons}/{CODE}"), Value::Null).await;
    assert_eq!(visitor.api(Method::DELETE, &coupons, Value::Null).await, (200, json!(true)));
    assert_eq!(visitor.api(Method::GET, &coupons, Value::Null).await, (200, json!([])));
    let (_, empty) = visitor.api(Method::POST, "/rest/V1/guest-carts", Value::Null).await;
    let path = format!("/rest/V1/guest-carts/{}/coupons/{CODE}", empty.as_str().expect("an id"));
    let (status, refused) = visitor.api(Method::PUT, &path, Value::Null).await;
    assert_eq!((status, &refused["message"]), (404, &json!("The \"%1\" Cart doesn't contain products.")));
}

#[tokio::test]
async fn an_order_uses_up_a_code_that_is_good_for_one() {
    let own = Shop::new(Options::default());
    let batch = Batch { rule: rules::WELCOME, quantity: 1, length: 10, prefix: String::new(), suffix: String::new() };
    let code = own.rules.generate(&batch).remove(0);
    let shop = router(own);
    let mut first = Visitor::with_cart(shop.clone(), &[(6, 1)]).await;
    assert_eq!(post(&mut first, &code, 0).await["type"], "success");
    let order = format!("/rest/V1/guest-carts/{}/payment-information", first.cart_id().await);
    let mut second = Visitor::with_cart(shop, &[(6, 1)]).await;
    post(&mut second, &code, 0).await;
    assert_eq!(second.config().await["totalsData"]["grand_total"], json!(57.6), "not used up yet");
    assert_eq!(first.api(Method::POST, &order, json!({ "paymentMethod": { "method": "checkmo" } })).await.0, 200);
    assert_eq!(second.config().await["totalsData"]["grand_total"], 64);
    assert_eq!(post(&mut second, &code, 0).await["type"], "error");
    assert_eq!(second.config().await["quoteData"]["coupon_code"], Value::Null);
}

#[tokio::test]
async fn a_code_whose_rule_no_line_gets_is_refused() {
    let own = Shop::new(Options::default());
    let Some(Value::Object(mut bags)) = own.rules.get(rules::WHOLESALE) else { panic!("the rule") };
    bags.insert(String::from("coupon_type"), json!("SPECIFIC_COUPON"));
    bags.insert(String::from("condition"), Value::Null);
    own.rules.save(bags);
    own.rules.add_coupon(Coupon::of(rules::WHOLESALE, "BAGS5")).expect("a new code");
    let mut visitor = Visitor::with_cart(router(own), &[(6, 1)]).await;
    assert_eq!(post(&mut visitor, "BAGS5", 0).await["type"], "error");
    visitor.post("/checkout/cart/add/", "product=1").await;
    assert_eq!(post(&mut visitor, "BAGS5", 0).await["type"], "success");
    let tote = visitor.config().await["quoteItemData"][1]["item_id"].as_str().expect("an id").to_owned();
    visitor.post("/checkout/cart/delete/", &format!("id={tote}")).await;
    assert_eq!(visitor.config().await["quoteData"]["coupon_code"], Value::Null, "with the last bag it is gone");
}

#[tokio::test]
async fn the_panels_switch_changes_what_vips_are_charged() {
    let mut visitor = Visitor::with_cart(shop(), &[(6, 1)]).await;
    visitor.cookies.insert(MEMBERSHIP.to_owned(), VIP.to_owned());
    for (gives, due) in [(15, 54.4), (20, 51.2)] {
        let (_, rule) = visitor.api(Method::POST, "/demo/vip-rule/", Value::Null).await;
        assert_eq!(rule, json!({ "gives": gives, "says": 20 }));
        assert_eq!(visitor.config().await["totalsData"]["grand_total"], json!(due));
    }
    let foreign = Request::post("/demo/vip-rule/").body(Body::empty()).expect("a request");
    assert_eq!(ask(&visitor.shop, foreign).await.status(), StatusCode::FORBIDDEN);
}
