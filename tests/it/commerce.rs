//! Offers that follow Commerce's own cart price rules, on the demo's shop, and what happens while Commerce does not answer.

use std::time::{Duration, Instant};

use segue::demo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fail_open::shopper;
use crate::guard::offers;
use crate::origin::{Origin, html};
use crate::running::{Running, Setup, rest, say, send};
use crate::shop;

const TOKEN: &str = "0123456789-integration";
const TOTE: &str = "/harbour-canvas-tote.html";
const VIP_RULE: u64 = 1;

/// The demo's shop, with what an integration may do there, and Segue in front of it.
struct Shop {
    running: Running,
    origin: u16,
}

/// An offer that says nothing of itself but which rule charges it.
fn rules() -> Value {
    let (id, name) = demo::AUDIENCES[0];
    json!({
        "version": 1,
        "audiences": [{ "id": id, "name": name }],
        "offers": [{
            "id": "vip", "name": "VIP", "audiences": { "any": [id] }, "labels": { "default": "VIP price" },
            "charge": { "type": "origin", "rule_id": VIP_RULE },
        }],
        "blocks": [],
    })
}

fn commerce(token: &str) -> String {
    let class = demo::rules::AUDIENCE_CONDITION;
    format!("[commerce]\ntoken = \"{token}\"\npoll = \"1s\"\naudience_condition_types = {{ '{class}' = \"ids\" }}\n")
}

impl Shop {
    async fn open(token: &str) -> Self {
        Self::with(&commerce(token)).await
    }

    async fn with(section: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let origin = listener.local_addr().expect("an address").port();
        let options = demo::Options { commerce_token: Some(TOKEN.to_owned()), ..demo::Options::default() };
        tokio::spawn(demo::Shop::new(options).serve(listener, std::future::pending()));
        let setup = Setup::rules(&rules()).with("more", section);
        Self { running: Running::start(&setup, origin).await, origin }
    }

    async fn rest(&self, method: &str, path: &str, body: &Value) -> Value {
        rest(self.origin, TOKEN, method, path, body).await
    }

    /// Changes fields of the rule for VIPs, as an administrator may.
    async fn change(&self, fields: Value) {
        let path = format!("salesRules/{VIP_RULE}");
        let mut rule = self.rest("GET", &path, &Value::Null).await;
        rule.as_object_mut().expect("a rule").extend(fields.as_object().expect("fields").clone());
        self.rest("PUT", &path, &json!({ "rule": rule })).await;
    }

    /// Makes another rule; its id.
    async fn add(&self, fields: Value) -> u64 {
        let mut rule = json!({
            "name": "Another", "website_ids": [1], "customer_group_ids": [0, 1, 2, 3], "is_active": true, "sort_order": 1,
            "stop_rules_processing": false, "discount_step": 0, "apply_to_shipping": false, "coupon_type": "NO_COUPON",
            "simple_action": "by_percent", "discount_amount": 10, "simple_free_shipping": "0",
        });
        rule.as_object_mut().expect("a rule").extend(fields.as_object().expect("fields").clone());
        self.rest("POST", "salesRules", &json!({ "rule": rule })).await["rule_id"].as_u64().expect("an id")
    }

    /// Waits until a VIP's page of the tote leads with this price.
    async fn shows(&self, vip: &str, price: &str) -> String {
        let begin = Instant::now();
        loop {
            let page = self.running.get(TOTE, &[("cookie", vip)]).await.text();
            let found = page.split("data-price-amount=\"").nth(1).and_then(|rest| rest.split('"').next());
            if found == Some(price) {
                return page;
            }
            assert!(begin.elapsed() < Duration::from_secs(15), "not {price} but {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What a VIP's cart with one tote is charged.
    async fn charged(&self, vip: &str) -> String {
        let first = self.running.get("/checkout/cart/", &[("cookie", vip)]).await;
        let session = first.set_cookies().into_iter().find_map(|line| line.split(';').next()).expect("a session");
        let cookies = format!("{vip}; {session}; form_key=k");
        let page = self.running.get(TOTE, &[("cookie", &cookies)]).await.text();
        let id = page.split_once("/checkout/cart/add/product/").and_then(|(_, rest)| rest.split('/').next());
        let form = format!("product={}&qty=1&form_key=k", id.expect("a product"));
        let url = format!("http://127.0.0.1:{}/checkout/cart/add/", self.running.port);
        let kind = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(send("POST", &url, &[("cookie", &cookies), kind], &form).await.status, 302);
        let cart = self.running.get("/checkout/cart/", &[("cookie", &cookies)]).await.text();
        let total = cart.split_once("\"grand_total\":").expect("totals").1;
        total.split([',', '}']).next().expect("a number").to_owned()
    }
}

#[tokio::test]
async fn an_offer_shows_what_its_rule_and_the_stores_others_charge() {
    let shop = Shop::open(TOKEN).await;
    let vip = shopper(&shop.running, "VIP").await;
    shop.shows(&vip, "38.4").await;
    assert_eq!(shop.charged(&vip).await, "38.4");

    shop.change(json!({ "discount_amount": 25 })).await;
    shop.shows(&vip, "36").await;
    assert_eq!(shop.charged(&vip).await, "36");

    let another = shop.add(json!({ "sort_order": 30 })).await;
    shop.shows(&vip, "32.4").await;
    assert_eq!(shop.charged(&vip).await, "32.4");
    let plain = shop.running.get(TOTE, &[]).await.text();
    assert!(plain.contains("data-price-amount=\"48\""), "nobody else's page changes");

    let stops = json!({ "rule": { "rule_id": another, "name": "Another", "website_ids": [1],
        "customer_group_ids": [0, 1, 2, 3], "is_active": true, "sort_order": 1, "stop_rules_processing": true,
        "simple_action": "by_percent", "discount_amount": 10, "coupon_type": "NO_COUPON" } });
    shop.rest("PUT", &format!("salesRules/{another}"), &stops).await;
    shop.shows(&vip, "48").await;
    assert_eq!(shop.charged(&vip).await, "43.2", "the cart does not get to the offer");
}

#[tokio::test]
async fn a_rule_that_changed_unseen_trips_the_guard_within_three_carts() {
    let section = commerce(TOKEN).replace("poll = \"1s\"", "poll = \"1h\"\nmax_age = \"2h\"");
    let shop = Shop::with(&section).await;
    let vip = shopper(&shop.running, "VIP").await;
    shop.shows(&vip, "38.4").await;
    shop.change(json!({ "discount_amount": 15 })).await;
    for _ in 0..3 {
        let vip = shopper(&shop.running, "VIP").await;
        assert_eq!(shop.charged(&vip).await, "40.8", "the cart goes by the rule as it is now");
    }
    let page = shop.shows(&vip, "48").await;
    assert!(page.contains("VIP price"), "its label stays");
    let begin = Instant::now();
    while offers(&shop.running).await["offers"][0]["paused"]["by"] != "guard" {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", offers(&shop.running).await);
    }
    shop.change(json!({ "discount_amount": 20 })).await;
    let reset = say(&["offers", "reset", "vip", "--config", &shop.running.config()]).await;
    assert_eq!(reset.code, Some(0), "{}", reset.err);
    shop.shows(&vip, "38.4").await;
}

#[tokio::test]
async fn what_is_no_price_is_a_label_and_says_why() {
    let shop = Shop::open(TOKEN).await;
    let vip = shopper(&shop.running, "VIP").await;
    shop.shows(&vip, "38.4").await;
    shop.change(json!({ "simple_action": "buy_x_get_y", "discount_step": 2, "discount_amount": 1 })).await;
    let page = shop.shows(&vip, "48").await;
    assert!(page.contains("VIP price"), "{page}");
    let listed = offers(&shop.running).await;
    assert_eq!(listed["offers"][0]["shown_as"], "label", "{listed}");
    let url = format!("http://127.0.0.1:{}{TOTE}", shop.running.port);
    let said = say(&["explain", "--config", &shop.running.config(), "--audience", "VIP", &url]).await;
    assert!(said.out.contains("its rule does not lower the price of a single unit"), "{}{}", said.out, said.err);
}

#[tokio::test]
async fn products_are_those_that_the_catalogue_says() {
    let shop = Shop::open(TOKEN).await;
    let vip = shopper(&shop.running, "VIP").await;
    shop.shows(&vip, "38.4").await;
    let of_category = |id: &str| {
        let class = |last: &str| format!("Magento\\SalesRule\\Model\\Rule\\Condition\\{last}");
        let part = json!({
            "condition_type": class("Product"), "attribute_name": "category_ids", "operator": "()", "value": id,
        });
        json!({ "action_condition": {
            "condition_type": class("Product\\Combine"), "aggregator_type": "all", "value": "1", "conditions": [part],
        } })
    };
    shop.change(of_category("4")).await;
    shop.shows(&vip, "48").await;
    assert_eq!(shop.charged(&vip).await, "48");
    shop.change(of_category("3")).await;
    shop.shows(&vip, "38.4").await;
    assert_eq!(shop.charged(&vip).await, "38.4");
}

#[tokio::test]
async fn verify_chooses_a_variant_of_what_has_some() {
    let shop = Shop::open(TOKEN).await;
    let config = shop.running.config();
    let synced = say(&["commerce", "sync", "--full", "--config", &config]).await;
    assert_eq!(synced.code, Some(0), "{}", synced.err);
    let said = say(&["offers", "verify", "--sample", "99", "--output", "json", "--config", &config]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    let of = |sku: &str| report["carts"].as_array().expect("carts").iter().find(|cart| cart["sku"] == sku);
    let pack = of("LL-BA06").expect("the pack, which is chosen by size and colour");
    assert!(pack["result"] == "agreed" && pack["expected"] == pack["charged"], "{report}");
    assert!(of("LL-BA06-18-INK").is_none(), "a variant is not sold on its own: {report}");
}

#[tokio::test]
async fn status_tests_every_permission_and_names_what_is_not_understood() {
    let shop = Shop::open(TOKEN).await;
    let config = shop.running.config();
    let good = say(&["commerce", "status", "--config", &config]).await;
    assert_eq!(good.code, Some(0), "{}{}", good.out, good.err);
    assert!(good.out.contains("4 cart price rules, 4 of them active"), "{}", good.out);
    let odd = json!({ "condition_type": "Vendor\\Weather\\Condition", "operator": "==", "attribute_name": "sky", "value": "blue" });
    let combine = "Magento\\SalesRule\\Model\\Rule\\Condition\\Combine";
    let tree = json!({ "condition_type": combine, "aggregator_type": "all", "value": "1", "conditions": [odd] });
    let id = shop.add(json!({ "condition": tree })).await;
    let said = say(&["commerce", "status", "--config", &config]).await;
    let line = format!("unknown condition class Vendor\\Weather\\Condition in rules {id}: \"sky\" \"==\" \"blue\"");
    assert!(said.out.contains(&line), "{}", said.out);
    let synced = say(&["commerce", "sync", "--full", "--config", &config]).await;
    assert_eq!(synced.code, Some(0), "{}", synced.err);
    assert!(synced.out.starts_with("read the whole catalogue: 27 products"), "{}", synced.out);
}

#[tokio::test]
async fn a_wrong_token_leaves_pages_as_they_are_and_is_explained() {
    let shop = Shop::open("wrong").await;
    let vip = shopper(&shop.running, "VIP").await;
    let page = shop.shows(&vip, "48").await;
    assert!(page.contains("VIP price"), "the label stays");
    let said = say(&["commerce", "status", "--config", &shop.running.config()]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    for expected in
        ["the integration lacks the permission Magento_SalesRule::quote", "Marketing > Promotions > Cart Price Rules"]
    {
        assert!(said.out.contains(expected), "{}", said.out);
    }
    assert!(!format!("{}{}", said.out, said.err).contains("wrong"), "the token is not printed");
}

#[tokio::test]
async fn a_page_of_html_or_nobody_at_all_is_told_apart_and_pages_flow() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&shop::rules()).with("more", &commerce(TOKEN));
    let running = Running::start(&setup, origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let page = running.get("/", &[("cookie", &vip)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("$10.00") && !page.text().contains("$8.00"), "no price that nobody can tell");
    let said = say(&["commerce", "status", "--config", &running.config()]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("a page of HTML came instead of data"), "{}", said.out);

    // It takes the call and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let more =
        format!("url = \"http://127.0.0.1:{}/\"\ntimeout = \"1s\"\n", silent.local_addr().expect("an address").port());
    let setup = Setup::rules(&shop::rules()).with("more", &commerce(TOKEN)).with("more", &more);
    let slow = Running::start(&setup, origin.port).await;
    let page = slow.get("/", &[("cookie", &shopper(&slow, "VIP").await)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("$10.00") && !page.text().contains("$8.00"));
    let said = say(&["commerce", "status", "--config", &slow.config()]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("Commerce does not answer in time"), "{}", said.out);

    let closed = crate::running::free_port();
    let more = format!("url = \"http://127.0.0.1:{closed}/\"\n");
    let setup = Setup::rules(&shop::rules()).with("more", &commerce(TOKEN)).with("more", &more);
    let running = Running::start(&setup, origin.port).await;
    let said = say(&["commerce", "status", "--config", &running.config()]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("cannot be reached"), "{}", said.out);
    assert_eq!(running.get("/", &[]).await.status, 200);
}
