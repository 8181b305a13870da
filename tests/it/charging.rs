//! Carts that are charged what pages show: offers charged by coupon, audiences that are lost, and customer groups, on the demo's shop.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use segue::demo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::running::{Answer, Folder, Running, Setup, rest, say, send};

const TOKEN: &str = "0123456789-integration";
const SECRET: &str = "0123456789-of-the-cdn";
const TOTE: &str = "/harbour-canvas-tote.html";
const VIP_RULE: u64 = 1;
const COUPON_RULE: u64 = 4;

/// The demo's shop, with what an integration may do there, and Segue in front of it.
struct Shop {
    running: Running,
    origin: u16,
}

fn vip() -> &'static str {
    demo::AUDIENCES[0].0
}

fn new() -> &'static str {
    demo::AUDIENCES[1].0
}

/// One offer that the store charges by itself, and one that a coupon charges.
fn rules() -> Value {
    let audiences: Vec<Value> = demo::AUDIENCES.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    json!({
        "version": 1,
        "audiences": audiences,
        "offers": [
            { "id": "vip", "name": "VIP", "audiences": { "any": [vip()] }, "labels": { "default": "VIP price" },
              "charge": { "type": "origin", "rule_id": VIP_RULE } },
            { "id": "welcome", "name": "Welcome", "audiences": { "any": [new()] },
              "labels": { "default": "Welcome price" }, "charge": { "type": "coupon", "rule_id": COUPON_RULE } },
        ],
        "blocks": [],
    })
}

impl Shop {
    async fn open(charging: &str) -> Self {
        Self::with(&rules(), charging).await
    }

    async fn with(rules: &Value, charging: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let origin = listener.local_addr().expect("an address").port();
        let options = demo::Options { commerce_token: Some(TOKEN.to_owned()), ..demo::Options::default() };
        tokio::spawn(demo::Shop::new(options).serve(listener, std::future::pending()));
        let setup = Self::setup(rules, charging);
        Self { running: Running::start(&setup, origin).await, origin }
    }

    fn setup(rules: &Value, charging: &str) -> Setup {
        let class = demo::rules::AUDIENCE_CONDITION;
        let more = format!(
            "[commerce]\ntoken = \"{TOKEN}\"\npoll = \"1s\"\naudience_condition_types = {{ '{class}' = \"ids\" }}\n\
             [charging]\ncodes = 3\n{charging}\n"
        );
        let setup = Setup::rules(rules).with("more", &more);
        setup.with("membership", &format!("trusted_token = \"{SECRET}\""))
    }

    async fn rest(&self, method: &str, path: &str, body: &Value) -> Value {
        rest(self.origin, TOKEN, method, path, body).await
    }

    /// The codes that the shop has of the rule of coupons.
    async fn codes(&self) -> Vec<Value> {
        let filter = "searchCriteria[filter_groups][0][filters][0]";
        let path = format!("coupons/search?{filter}[field]=rule_id&{filter}[value]={COUPON_RULE}");
        self.rest("GET", &path, &Value::Null).await["items"].as_array().expect("coupons").clone()
    }

    async fn visitor(&self, audiences: &[&str]) -> Visitor<'_> {
        let port = AtomicU16::new(self.running.port);
        let visitor = Visitor { shop: self, port, cookies: Mutex::default(), audiences: Mutex::default() };
        visitor.join(audiences);
        visitor
    }
}

/// A browser, as far as its cookies go, of a shopper whose audiences a trusted machine says.
struct Visitor<'a> {
    shop: &'a Shop,
    /// Of the Segue that he comes through.
    port: AtomicU16,
    cookies: Mutex<BTreeMap<String, String>>,
    audiences: Mutex<String>,
}

impl Visitor<'_> {
    fn join(&self, audiences: &[&str]) {
        *self.audiences.lock().expect("no panic") = audiences.join(",");
    }

    async fn ask(&self, method: &str, path: &str, form: &str) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.port.load(Ordering::Relaxed));
        let mut cookies: Vec<String> =
            self.cookies.lock().expect("no panic").iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.push(format!("aep-segments-membership={}", self.audiences.lock().expect("no panic")));
        let cookies = cookies.join("; ");
        let mut headers = vec![("cookie", cookies.as_str()), ("x-segue-token", SECRET)];
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let answer = send(method, &url, &headers, form).await;
        for line in answer.set_cookies() {
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            let mut cookies = self.cookies.lock().expect("no panic");
            match value.is_empty() || rest.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.ask("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    }

    /// The price that leads the tote's page.
    async fn price(&self) -> String {
        let page = self.get(TOTE).await;
        let found = page.split("data-price-amount=\"").nth(1).and_then(|rest| rest.split('"').next());
        found.expect("a price").to_owned()
    }

    /// Waits until the tote has this price.
    async fn sees(&self, price: &str) {
        let begin = Instant::now();
        loop {
            let found = self.price().await;
            if found == price {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(15), "not {price} but {found}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Puts a tote into the cart, as its page's form does.
    async fn buys(&self) {
        self.get("/checkout/cart/").await;
        let key = self.form_key();
        let page = self.get(TOTE).await;
        let id = page.split_once("/checkout/cart/add/product/").and_then(|(_, rest)| rest.split('/').next());
        let form = format!("product={}&qty=1&form_key={key}", id.expect("a product"));
        assert_eq!(self.ask("POST", "/checkout/cart/add/", &form).await.status, 302);
    }

    /// The code in the cart and what the cart is charged, by its page.
    async fn cart(&self) -> (Option<String>, String) {
        let page = self.get("/checkout/cart/").await;
        let total = page.split_once("\"grand_total\":").expect("totals").1.split([',', '}']).next();
        let code = page.split_once("\"coupon_code\":\"").map(|(_, rest)| rest.split('"').next().unwrap_or(rest));
        (code.map(str::to_owned).filter(|code| !code.is_empty()), total.expect("a number").to_owned())
    }

    /// The same of the shop itself, to which this adds nothing.
    async fn cart_at_the_shop(&self) -> (Option<String>, String) {
        let session = self.cookies.lock().expect("no panic").get("PHPSESSID").cloned().expect("a session");
        let url = format!("http://127.0.0.1:{}/checkout/cart/", self.shop.origin);
        let page = send("GET", &url, &[("cookie", &format!("PHPSESSID={session}"))], "").await.text();
        let total = page.split_once("\"grand_total\":").expect("totals").1.split([',', '}']).next();
        let code = page.split_once("\"coupon_code\":\"").map(|(_, rest)| rest.split('"').next().unwrap_or(rest));
        (code.map(str::to_owned).filter(|code| !code.is_empty()), total.expect("a number").to_owned())
    }

    /// Waits until the shop itself has the cart so, without asking for the cart through Segue.
    async fn is_charged(&self, has_code: bool, total: &str) -> Option<String> {
        let begin = Instant::now();
        loop {
            let (code, found) = self.cart_at_the_shop().await;
            if code.is_some() == has_code && found == total {
                return code;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{code:?} {found}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The key that forms must carry. A page's script makes one where there is none.
    fn form_key(&self) -> String {
        let mut cookies = self.cookies.lock().expect("no panic");
        cookies.entry("form_key".to_owned()).or_insert_with(|| "abcdefghijklmnop".to_owned()).clone()
    }

    async fn gives(&self, code: &str) {
        self.ask(
            "POST",
            "/checkout/cart/couponPost/",
            &format!("coupon_code={code}&remove=0&form_key={}", self.form_key()),
        )
        .await;
    }

    /// Pays as the checkout's script does, and sees that it worked.
    async fn orders(&self) {
        let page = self.get("/checkout/").await;
        let id = page.split_once("\"entity_id\":\"").expect("a cart").1.split('"').next().expect("an id");
        let url =
            format!("http://127.0.0.1:{}/rest/default/V1/guest-carts/{id}/payment-information", self.shop.running.port);
        let session = self.cookies.lock().expect("no panic").get("PHPSESSID").cloned().expect("a session");
        let headers = [("cookie", format!("PHPSESSID={session}")), ("content-type", "application/json".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = json!({ "email": "a@b.example", "paymentMethod": { "method": "checkmo" } }).to_string();
        let order = send("POST", &url, &headers, &body).await;
        assert_eq!(order.status, 200, "{}", order.text());
        self.get("/checkout/onepage/success/").await;
    }

    async fn takes_off(&self) {
        self.ask("POST", "/checkout/cart/couponPost/", &format!("coupon_code=&remove=1&form_key={}", self.form_key()))
            .await;
    }
}

#[tokio::test]
async fn an_audience_gained_puts_its_code_into_the_cart_and_lost_takes_it_off() {
    let shop = Shop::open("lost_audience = \"instant\"").await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    let codes = shop.codes().await;
    assert!(codes.len() >= 3, "{codes:?}");
    assert!(codes.iter().all(|code| code["usage_limit"] == 1 && code["expiration_date"].is_string()), "{codes:?}");
    shopper.buys().await;
    let code = shopper.is_charged(true, "43.2").await.expect("a code");
    assert_eq!(shopper.cart().await, (Some(code.clone()), "43.2".to_owned()));
    assert_eq!(shopper.price().await, "43.2");
    let messages = shopper.cookies.lock().expect("no panic").get("mage-messages").cloned().unwrap_or_default();
    assert!(!messages.contains(&code), "what came of Segue's own forms is shown to nobody: {messages}");

    shopper.join(&[]);
    assert_eq!(shopper.price().await, "48", "the next page");
    shopper.is_charged(false, "48").await;
    assert_eq!(shopper.cart().await, (None, "48".to_owned()));
    let begin = Instant::now();
    while shop.codes().await.iter().any(|known| known["code"] == *code) {
        assert!(begin.elapsed() < Duration::from_secs(10), "the code outlives the audience");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    shopper.join(&[new()]);
    assert_eq!(shopper.price().await, "43.2");
    let (again, total) = shopper.cart().await;
    assert!(again.is_some_and(|again| again != code) && total == "43.2", "{total}");
}

#[tokio::test]
async fn what_was_shown_for_a_cart_stays_for_a_while() {
    let shop = Shop::open("").await;
    let (shopper, other) = (shop.visitor(&[new(), vip()]).await, shop.visitor(&[new(), vip()]).await);
    shopper.sees("34.56").await;
    shopper.buys().await;
    shopper.is_charged(true, "43.2").await;
    assert_eq!(shopper.cart().await.1, "34.56", "20 % by the audience, and 10 % of the rest by the code");
    shopper.join(&[]);
    assert_eq!(shopper.price().await, "34.56");
    assert_eq!(shopper.cart().await.1, "34.56");
    other.join(&[]);
    assert_eq!(other.price().await, "48", "who has nothing in his cart has nothing to keep");
}

#[tokio::test]
async fn on_the_way_to_pay_an_audience_only_comes_and_never_goes() {
    let shop = Shop::open("lost_audience = \"instant\"").await;
    let shopper = shop.visitor(&[vip()]).await;
    shopper.sees("38.4").await;
    shopper.buys().await;
    assert_eq!(shopper.cart().await.1, "38.4");
    shopper.get("/checkout/").await;
    shopper.join(&[]);
    assert_eq!(shopper.cart().await.1, "38.4", "the amount beside the button is the amount that is charged");
    shopper.join(&[new()]);
    assert_eq!(shopper.price().await, "34.56");
    shopper.join(&[]);
    assert_eq!(shopper.price().await, "34.56");
    shopper.orders().await;
    assert_eq!(shopper.price().await, "48", "he has paid");
}

#[tokio::test]
async fn a_code_of_the_shoppers_own_is_never_displaced() {
    let shop = Shop::open("").await;
    let shopper = shop.visitor(&[]).await;
    shopper.sees("48").await;
    shopper.buys().await;
    shopper.gives("LANTERN10").await;
    assert_eq!(shopper.cart().await, (Some("LANTERN10".to_owned()), "43.2".to_owned()));
    shopper.join(&[new()]);
    shopper.cart().await;
    let page = shopper.get(TOTE).await;
    assert!(page.contains("data-price-amount=\"48\"") && page.contains("Welcome price"), "only the label");
    assert_eq!(shopper.cart().await, (Some("LANTERN10".to_owned()), "43.2".to_owned()));
    shopper.takes_off().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shopper.cart().await.0, None, "he took it off himself, and gets none in its place");
}

#[tokio::test]
async fn a_wrong_code_of_the_shoppers_own_costs_him_nothing() {
    let shop = Shop::open("").await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    shopper.buys().await;
    let code = shopper.is_charged(true, "43.2").await;
    shopper.gives("NOSUCHCODE").await;
    assert_eq!(shopper.is_charged(true, "43.2").await, code, "Magento takes the good one off for it");
    shopper.gives("LANTERN10").await;
    assert_eq!(shopper.cart().await.0.as_deref(), Some("LANTERN10"));
    assert_eq!(shopper.price().await, "48", "his own code took the place of the offer's");
}

#[tokio::test]
async fn a_cart_that_does_not_get_the_rule_is_left_alone_until_it_does() {
    let shop = Shop::open("").await;
    let path = format!("salesRules/{COUPON_RULE}");
    let mut rule = shop.rest("GET", &path, &Value::Null).await;
    let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
    let part =
        json!({ "condition_type": class("Product"), "attribute_name": "sku", "operator": "==", "value": "LL-NONE" });
    rule["action_condition"] = json!({ "condition_type": class("Product\\Combine"), "aggregator_type": "all", "value": "1", "conditions": [part] });
    shop.rest("PUT", &path, &json!({ "rule": rule })).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("48").await;
    shopper.buys().await;
    assert_eq!(shopper.cart().await, (None, "48".to_owned()));
    let metrics = shop.running.metrics().await;
    assert!(metrics.contains("segue_coupon_errands_total{result=\"left\"}"), "{metrics}");
    assert!(!metrics.contains("segue_coupon_errands_total{result=\"refused\"}"), "{metrics}");
}

#[tokio::test]
async fn a_code_that_is_the_same_for_all_is_given_and_taken_off_too() {
    let mut rules = rules();
    rules["offers"][1]["charge"] = json!({ "type": "coupon", "rule_id": 3, "code": "LANTERN10" });
    let shop = Shop::with(&rules, "lost_audience = \"instant\"").await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    shopper.buys().await;
    shopper.is_charged(true, "43.2").await;
    shopper.join(&[]);
    assert_eq!(shopper.price().await, "48");
    shopper.is_charged(false, "48").await;
    let stranger = shop.visitor(&[]).await;
    stranger.buys().await;
    stranger.gives("LANTERN10").await;
    assert_eq!(stranger.cart().await.0.as_deref(), Some("LANTERN10"), "whoever knows it may use it");
}

#[tokio::test]
async fn a_customers_group_is_learnt_from_his_session() {
    let shop = Shop::open("").await;
    let (guest, buyer) = (shop.visitor(&[vip()]).await, shop.visitor(&[vip()]).await);
    guest.sees("38.4").await;
    let path = format!("salesRules/{VIP_RULE}");
    let mut rule = shop.rest("GET", &path, &Value::Null).await;
    rule["customer_group_ids"] = json!([2]);
    shop.rest("PUT", &path, &json!({ "rule": rule })).await;
    guest.sees("48").await;
    buyer.buys().await;
    let login = "login%5Busername%5D=bram%40lumen-loom.example&login%5Bpassword%5D=canvas-1921";
    let form = format!("form_key={}&{login}", buyer.form_key());
    assert_eq!(buyer.ask("POST", "/customer/account/loginPost/", &form).await.status, 302);
    assert_eq!(buyer.price().await, "38.4", "the first page after he logged in");
    assert_eq!(buyer.cart().await.1, "38.4");
    assert_eq!(guest.price().await, "48");
}

#[tokio::test]
async fn a_code_that_the_shop_refuses_is_no_price_any_more() {
    let mut rules = rules();
    rules["offers"][1]["charge"] = json!({ "type": "coupon", "rule_id": 3, "code": "NOSUCHCODE" });
    let shop = Shop::with(&rules, "").await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    shopper.buys().await;
    shopper.sees("48").await;
    assert_eq!(shopper.cart().await, (None, "48".to_owned()));
    assert!(shopper.get(TOTE).await.contains("Welcome price"), "its label stays");
}

#[tokio::test]
async fn a_rule_that_nobody_can_decide_keeps_no_refused_code_a_price() {
    let mut rules = rules();
    rules["offers"][1]["charge"] = json!({ "type": "coupon", "rule_id": 3, "code": "NOSUCHCODE" });
    let shop = Shop::with(&rules, "").await;
    let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
    let abroad = json!({
        "condition_type": class("Combine"), "aggregator_type": "all", "value": "1",
        "conditions": [{ "condition_type": class("Address"), "attribute_name": "country_id", "operator": "==", "value": "US" }],
    });
    let sent_free = json!({ "rule": {
        "name": "Sent free", "website_ids": [1], "customer_group_ids": [0, 1, 2, 3], "is_active": true, "sort_order": 90,
        "simple_action": "by_percent", "discount_amount": 0, "stop_rules_processing": false, "coupon_type": "NO_COUPON",
        "apply_to_shipping": false, "discount_step": 0, "simple_free_shipping": "2", "condition": abroad,
    } });
    shop.rest("POST", "salesRules", &sent_free).await;
    // The rules are known by then.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    shopper.buys().await;
    shopper.sees("48").await;
    assert_eq!(shopper.cart().await, (None, "48".to_owned()));
}

#[tokio::test]
async fn of_two_coupons_the_cart_keeps_the_one_that_it_takes() {
    let mut rules = rules();
    let mut best = rules["offers"][1].clone();
    best["id"] = json!("best");
    // The shop numbers its rules in order.
    best["charge"]["rule_id"] = json!(COUPON_RULE + 1);
    rules["offers"].as_array_mut().expect("offers").push(best);
    let shop = Shop::with(&rules, "").await;
    let mut rule = shop.rest("GET", &format!("salesRules/{COUPON_RULE}"), &Value::Null).await;
    let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
    let part =
        json!({ "condition_type": class("Product"), "attribute_name": "sku", "operator": "==", "value": "LL-NONE" });
    rule["action_condition"] = json!({ "condition_type": class("Product\\Combine"), "aggregator_type": "all", "value": "1", "conditions": [part] });
    rule["sort_order"] = json!(0);
    rule.as_object_mut().expect("a rule").remove("rule_id");
    let made = shop.rest("POST", "salesRules", &json!({ "rule": rule })).await;
    assert_eq!(made["rule_id"], COUPON_RULE + 1);
    // Its codes are made by then.
    let begin = Instant::now();
    while !shop.running.metrics().await.contains(&format!("segue_coupon_codes{{rule=\"{}\"}} 3", COUPON_RULE + 1)) {
        assert!(begin.elapsed() < Duration::from_secs(20), "no codes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.buys().await;
    let code = shopper.is_charged(true, "43.2").await;
    for _ in 0..3 {
        shopper.price().await;
        assert_eq!(shopper.cart().await, (code.clone(), "43.2".to_owned()));
    }
    let metrics = shop.running.metrics().await;
    assert!(metrics.contains("segue_coupon_errands_total{result=\"given\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("result=\"put_back\"") && !metrics.contains("result=\"refused\""), "{metrics}");
    shopper.gives("NOSUCHCODE").await;
    assert_eq!(shopper.is_charged(true, "43.2").await, code, "the other offer's comes back");
}

/// Waits for an errand with this result.
async fn comes_to(shop: &Shop, result: &str) {
    let begin = Instant::now();
    let counted = format!("segue_coupon_errands_total{{result=\"{result}\"}}");
    while !shop.running.metrics().await.contains(&counted) {
        assert!(begin.elapsed() < Duration::from_secs(10), "no errand is {result}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_offer_that_is_no_price_is_charged_by_coupon_once_the_cart_reaches_it() {
    let shop = Shop::open("").await;
    let path = format!("salesRules/{COUPON_RULE}");
    let mut rule = shop.rest("GET", &path, &Value::Null).await;
    let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
    let part = json!({ "condition_type": class("Address"), "attribute_name": "base_subtotal", "operator": ">=", "value": "90" });
    rule["condition"] =
        json!({ "condition_type": class("Combine"), "aggregator_type": "all", "value": "1", "conditions": [part] });
    shop.rest("PUT", &path, &json!({ "rule": rule })).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("48").await;
    assert!(shopper.get(TOTE).await.contains("Welcome price"), "its label");
    shopper.buys().await;
    comes_to(&shop, "left").await;
    assert_eq!(shopper.cart().await, (None, "48".to_owned()));
    let section = shopper.get("/customer/section/load/?sections=cart").await;
    assert!(section.contains("Welcome price: $42.00 to go"), "{section}");
    shopper.buys().await;
    let code = shopper.is_charged(true, "86.4").await;
    let section = shopper.get("/customer/section/load/?sections=cart").await;
    assert!(section.contains("Welcome price -$9.60, deducted in the cart"), "{section}");
    assert!(!section.contains("to go"), "{section}");
    assert_eq!(shopper.cart().await, (code, "86.4".to_owned()));
}

#[tokio::test]
async fn a_session_that_goes_from_one_process_to_another_keeps_its_code_and_loses_it_there() {
    let folder = Folder::new();
    let store = format!("[store]\nfile = \"{}\"", folder.path().join("shared.db").display());
    let shop = Shop::open(&format!("lost_audience = \"instant\"\n{store}")).await;
    let setup = Shop::setup(&rules(), &format!("lost_audience = \"instant\"\n{store}"));
    let second = Running::start(&setup, shop.origin).await;
    let shopper = shop.visitor(&[new()]).await;
    shopper.sees("43.2").await;
    shopper.buys().await;
    let code = shopper.is_charged(true, "43.2").await;
    shopper.port.store(second.port, Ordering::Relaxed);
    shopper.sees("43.2").await;
    assert_eq!(shopper.cart().await, (code.clone(), "43.2".to_owned()), "the other process knows it as the offer's");
    // Both look at once.
    let other = shop.visitor(&[new()]).await;
    *other.cookies.lock().expect("no panic") = shopper.cookies.lock().expect("no panic").clone();
    let (one, two) = tokio::join!(shopper.cart(), other.cart());
    assert_eq!((&one, &one.0), (&two, &code));
    shopper.join(&[]);
    assert_eq!(shopper.price().await, "48");
    shopper.is_charged(false, "48").await;
    shopper.port.store(shop.running.port, Ordering::Relaxed);
    assert_eq!((shopper.price().await.as_str(), shopper.cart().await), ("48", (None, "48".to_owned())));
}

#[tokio::test]
async fn verify_puts_a_code_into_a_cart_and_leaves_none_behind() {
    let shop = Shop::open("").await;
    shop.visitor(&[new()]).await.sees("43.2").await;
    let before = shop.codes().await.len();
    let config = shop.running.config();
    let verify = ["offers", "verify", "--offer", "welcome", "--sample", "2", "--page", TOTE, "--config", &config];
    let said = say(&verify).await;
    assert!(said.code == Some(0) && said.out.contains("2 agreed, 0 differed"), "{}{}", said.out, said.err);
    assert_eq!(shop.codes().await.len(), before, "the code that was made for it is gone");
    let status = say(&["commerce", "status", "--config", &config]).await;
    assert!(
        status.code == Some(0) && status.out.contains("rule 4: 3 codes are at hand"),
        "{}{}",
        status.out,
        status.err
    );
    // The rule was changed and nobody has said so yet: what is known is what the store kept.
    let path = format!("salesRules/{COUPON_RULE}");
    let mut rule = shop.rest("GET", &path, &Value::Null).await;
    rule["simple_action"] = json!("buy_x_get_y");
    rule["discount_step"] = json!(2);
    rule["discount_amount"] = json!(1);
    shop.rest("PUT", &path, &json!({ "rule": rule })).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let said = say(&verify).await;
    assert!(said.code == Some(0) && said.out.contains("shown by its label only"), "{}{}", said.out, said.err);
}
