//! Customers, and what a session is to PHP.

use std::time::{Duration, Instant};

use serde_json::json;

use super::visitor::Visitor;
use super::*;
use crate::demo::account::CUSTOMERS;

async fn log_in(visitor: &mut Visitor, customer: usize) -> Response<String> {
    let known = &CUSTOMERS[customer];
    let form = format!("login%5Busername%5D={}&login%5Bpassword%5D={}", known.email, known.password);
    visitor.post("/customer/account/loginPost/", &form).await
}

#[tokio::test]
async fn login_keeps_the_cart_under_another_session_and_marks_the_browser_for_the_page_cache() {
    let mut visitor = Visitor::with_cart(shop(), &[(1, 2)]).await;
    let before = visitor.cookies["PHPSESSID"].clone();
    let answer = log_in(&mut visitor, 1).await;
    assert_eq!(answer.headers()[LOCATION], "/customer/account/");
    assert_ne!(visitor.cookies["PHPSESSID"], before);
    assert_eq!(visitor.cookies["X-Magento-Vary"].len(), 64);
    let config = visitor.config().await;
    assert_eq!((&config["quoteData"]["customer_group_id"], &config["quoteData"]["items_qty"]), (&json!(2), &json!(2)));
    assert!(visitor.get("/customer/account/").await.body().contains("Wholesale"));
    assert!(visitor.get("/bags.html").await.body().contains("Sign Out"));
    let section = visitor.get("/customer/section/load/?sections=customer").await;
    assert!(section.body().contains("\"fullname\":\"Bram Weaver\""), "{}", section.body());

    visitor.get("/customer/account/logout/").await;
    assert!(!visitor.cookies.contains_key("X-Magento-Vary"));
    assert!(visitor.get("/checkout/cart/").await.body().contains("You have no items"));
    assert!(visitor.get("/bags.html").await.body().contains("Sign In"));
    log_in(&mut visitor, 1).await;
    assert_eq!(visitor.config().await["quoteData"]["items_qty"], 2, "his cart has waited for him");
}

#[tokio::test]
async fn a_wrong_password_or_form_key_logs_nobody_in() {
    let mut visitor = Visitor::with_cart(shop(), &[]).await;
    let wrong = "login%5Busername%5D=ada%40lumen-loom.example&login%5Bpassword%5D=guess";
    let answer = visitor.post("/customer/account/loginPost/", wrong).await;
    assert_eq!(answer.headers()[LOCATION], "/customer/account/login/");
    assert!(visitor.messages()[0]["text"].as_str().expect("text").starts_with("The account sign-in was incorrect"));
    visitor.cookies.insert(String::from("form_key"), String::from("another"));
    let known = &CUSTOMERS[0];
    let form = format!("login%5Busername%5D={}&login%5Bpassword%5D={}&form_key=wrong", known.email, known.password);
    let request =
        Request::post("/customer/account/loginPost/").header("content-type", "application/x-www-form-urlencoded");
    visitor.send(request, form).await;
    assert!(!visitor.cookies.contains_key("X-Magento-Vary"));
    assert_eq!(visitor.get("/customer/account/").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_session_counts_in_the_api_for_scripts_of_the_page_only() {
    let mut visitor = Visitor::with_cart(shop(), &[(1, 1)]).await;
    let refused = (
        401,
        json!({ "message": "The consumer isn't authorized to access %resources.", "parameters": { "resources": "self" } }),
    );
    assert_eq!(visitor.api(Method::GET, "/rest/V1/customers/me", Value::Null).await, refused, "a guest");
    log_in(&mut visitor, 0).await;
    let (status, me) = visitor.api(Method::GET, "/rest/default/V1/customers/me", Value::Null).await;
    assert_eq!((status, &me["group_id"], &me["email"]), (200, &json!(1), &json!("ada@lumen-loom.example")));
    let (_, totals) = visitor.api(Method::GET, "/rest/V1/carts/mine/totals", Value::Null).await;
    assert_eq!(totals["grand_total"], 48);
    let cookies = format!("PHPSESSID={}", visitor.cookies["PHPSESSID"]);
    let plain = ask(&visitor.shop, get_request("/rest/V1/customers/me", &[("cookie", &cookies)])).await;
    assert_eq!(plain.status(), StatusCode::UNAUTHORIZED, "not sent by a script");
}

#[tokio::test]
async fn requests_of_one_session_wait_for_each_other_and_for_nobody_else() {
    let latency = Duration::from_millis(60);
    let shop = router(Shop::new(Options { latency, ..Options::default() }));
    let answer = page(&shop, "/checkout/cart/").await;
    let cookie = answer.headers()[SET_COOKIE].to_str().expect("a cookie").split(';').next().expect("a pair").to_owned();
    let own = [("cookie", cookie.as_str())];
    let begun = Instant::now();
    tokio::join!(ask(&shop, get_request("/bags.html", &own)), ask(&shop, get_request("/checkout/cart/", &own)));
    assert!(begun.elapsed() >= 2 * latency, "one after the other: {:?}", begun.elapsed());
    let held = tokio::spawn({
        let (shop, cookie) = (shop.clone(), cookie.clone());
        async move { ask(&shop, get_request("/bags.html", &[("cookie", &cookie), ("x-demo-delay", "400")])).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let begun = Instant::now();
    page(&shop, "/bags.html").await;
    ask(&shop, get_request("/static/demo/shop.css", &own)).await;
    assert!(begun.elapsed() < Duration::from_millis(300), "others and files: {:?}", begun.elapsed());
    held.await.expect("it answers");
}
