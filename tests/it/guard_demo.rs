//! The price guard before a shop whose cart charges by rules of its own, which somebody changes behind Segue's back.

use std::time::{Duration, Instant};

use segue::demo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fail_open::shopper;
use crate::guard::{offers, shows};
use crate::running::{Answer, Running, Setup, get, say, send};

const LANTERN: &str = "/ember-camp-lantern.html";

/// The demo's shop behind Segue, whose one offer its rule for VIPs charges.
struct Shop {
    running: Running,
    origin: u16,
}

/// One shopper in his browser.
struct Visitor<'a> {
    shop: &'a Shop,
    cookies: String,
}

impl Shop {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let origin = listener.local_addr().expect("an address").port();
        tokio::spawn(demo::Shop::new(demo::Options::default()).serve(listener, std::future::pending()));
        let (id, name) = demo::AUDIENCES[0];
        let rules = json!({
            "version": 1,
            "audiences": [{ "id": id, "name": name }],
            "offers": [{
                "id": "vip", "name": "VIP 20 %", "audiences": { "any": [id] }, "action": "by_percent", "amount": 20,
                "products": "all", "labels": { "default": "VIP price" }, "charge": { "type": "origin", "rule_id": 1 },
            }],
            "blocks": [],
        });
        Self { running: Running::start(&Setup::rules(&rules), origin).await, origin }
    }

    /// Changes what the rule for VIPs gives, or changes it back, as an administrator may.
    async fn tamper(&self) {
        let url = format!("http://127.0.0.1:{}/demo/vip-rule/", self.origin);
        assert_eq!(send("POST", &url, &[("x-requested-with", "XMLHttpRequest")], "").await.status, 200);
    }

    /// A shopper of the audience VIP with two lanterns in his cart.
    async fn visitor(&self) -> Visitor<'_> {
        let vip = shopper(&self.running, "VIP").await;
        let first = self.running.get("/checkout/cart/", &[("cookie", &vip)]).await;
        let session = first.set_cookies().into_iter().find_map(|line| line.split(';').next()).expect("a session");
        let visitor = Visitor { shop: self, cookies: format!("{vip}; {session}; form_key=k") };
        let page = visitor.get(LANTERN).await.text();
        let id = page.split_once("/checkout/cart/add/product/").and_then(|(_, rest)| rest.split('/').next());
        let form = format!("product={}&qty=2&form_key=k", id.expect("a product"));
        assert_eq!(visitor.post("/checkout/cart/add/", &form).await.status, 302);
        visitor
    }

    async fn figure(&self, name: &str) -> u64 {
        let metrics = self.running.metrics().await;
        let value = metrics.lines().find_map(|line| line.strip_prefix("segue_guard_")?.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse().expect("a number"))
    }

    /// Waits until a figure of the guard is so high: carts are judged after their answers.
    async fn counts(&self, name: &str, expected: u64) {
        let begin = Instant::now();
        while self.figure(name).await != expected {
            assert!(begin.elapsed() < Duration::from_secs(10), "{name}: {}", self.running.metrics().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Why the offer is paused, as soon as the store says so.
    async fn listed_pause(&self) -> Value {
        let begin = Instant::now();
        loop {
            let paused = offers(&self.running).await["offers"][0]["paused"].take();
            if !paused.is_null() {
                return paused;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "no pause is kept");
        }
    }

    async fn judged(&self, result: &str, expected: u64) {
        self.counts(&format!("carts_total{{offer=\"vip\",result=\"{result}\"}}"), expected).await;
    }
}

impl Visitor<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.shop.running.get(path, &[("cookie", &self.cookies)]).await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.shop.running.port);
        let headers = [("cookie", self.cookies.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        send("POST", &url, &headers, form).await
    }

    /// Looks at the cart's page; the cart's id in REST.
    async fn cart(&self) -> String {
        let page = self.get("/checkout/cart/").await.text();
        let after = page.split_once("\"entity_id\":\"").expect("a cart's id").1;
        after.split('"').next().expect("its end").to_owned()
    }
}

#[tokio::test]
async fn a_rule_that_is_changed_behind_segues_back_trips_within_three_carts() {
    let shop = Shop::open().await;
    let first = shop.visitor().await;
    shows(&shop.running, LANTERN, &first.cookies, "$51.20", "$57.60").await;
    first.cart().await;
    shop.judged("agreed", 1).await;

    shop.tamper().await;
    for number in 1..=3 {
        let visitor = shop.visitor().await;
        assert!(visitor.get(LANTERN).await.text().contains("$51.20"), "{number}: the offer is shown until it trips");
        visitor.cart().await;
        shop.judged("differed", number).await;
    }
    let page = shows(&shop.running, LANTERN, &first.cookies, "$64.00", "$51.20").await;
    assert!(page.contains("VIP price"), "the label stays");
    let paused = shop.listed_pause().await;
    assert_eq!((&paused["differed"], &paused["agreed"]), (&Value::from(3), &Value::from(1)));
    let metrics = shop.running.metrics().await;
    assert!(metrics.contains("segue_offers_paused{offer=\"vip\",reason=\"guard\"} 1"), "{metrics}");

    shop.tamper().await;
    let reset = say(&["offers", "reset", "--config", &shop.running.config(), "vip"]).await;
    assert_eq!(reset.code, Some(0), "{}", reset.err);
    shows(&shop.running, LANTERN, &first.cookies, "$51.20", "$57.60").await;
    shop.visitor().await.cart().await;
    shop.judged("agreed", 2).await;
}

#[tokio::test]
async fn totals_pass_as_they_are_and_are_compared_once_their_products_were_seen() {
    let shop = Shop::open().await;
    let visitor = shop.visitor().await;
    // Not through Segue, which would remember what is in it.
    let url = format!("http://127.0.0.1:{}", shop.origin);
    let page = get(&format!("{url}/checkout/cart/"), &[("cookie", &visitor.cookies)]).await.text();
    let cart = page.split_once("\"entity_id\":\"").and_then(|(_, after)| after.split('"').next()).expect("a cart's id");
    let path = format!("/rest/default/V1/guest-carts/{cart}/totals");
    let vip = format!("aep-segments-membership={}", demo::AUDIENCES[0].0);
    let direct = get(&format!("{url}{path}"), &[("cookie", &vip)]).await;

    let passed = visitor.get(&path).await;
    assert_eq!((passed.status, &passed.body), (direct.status, &direct.body));
    assert!(passed.text().contains("\"discount_amount\":-25.6"), "{}", passed.text());
    shop.counts("not_comparable_total{reason=\"unseen\"}", 1).await;
    shop.judged("not_comparable", 1).await;

    visitor.get("/customer/section/load/?sections=cart").await;
    let begin = Instant::now();
    while shop.figure("carts_total{offer=\"vip\",result=\"agreed\"}").await == 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", shop.running.metrics().await);
        visitor.get(&path).await;
    }
}

#[tokio::test]
async fn a_code_of_the_shoppers_own_breaks_no_promise_and_simulations_are_left_out() {
    let shop = Shop::open().await;
    let visitor = shop.visitor().await;
    visitor.post("/checkout/cart/couponPost/", "coupon_code=LANTERN10&remove=0&form_key=k").await;
    let page = visitor.get("/checkout/cart/").await.text();
    assert!(page.contains("\"coupon_code\":\"LANTERN10\""), "the code is taken");
    shop.judged("agreed", 1).await;

    shop.tamper().await;
    let link = say(&["cookie", "mint", "--config", &shop.running.config(), "--simulate", "--audience", "VIP"]).await;
    let opened = shop.running.get(link.out.trim(), &[]).await;
    let simulation = opened.set_cookies()[0].split(';').next().expect("a pair").to_owned();
    let simulating = Visitor { shop: &shop, cookies: format!("{}; {simulation}", visitor.cookies) };
    simulating.cart().await;
    visitor.post("/checkout/cart/couponPost/", "remove=1&form_key=k").await;
    visitor.cart().await;
    shop.judged("differed", 1).await;
    assert_eq!(shop.figure("carts_total{offer=\"vip\",result=\"agreed\"}").await, 1);
}

#[tokio::test]
async fn verify_makes_carts_and_says_which_differ() {
    let shop = Shop::open().await;
    let config = shop.running.config();
    let verify = ["offers", "verify", "--config", &config, "--page", "/gear.html", "--output", "json"];
    let said = say(&verify).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(report["agreed"].as_u64() > Some(0) && report["differed"] == 0, "{report}");

    shop.tamper().await;
    let said = say(&["offers", "verify", "--config", &config, "--page", LANTERN, "--sample", "1"]).await;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let row = said.out.lines().nth(1).expect("a row");
    assert!(row.starts_with("vip") && row.contains("51.20") && row.ends_with("54.40    DIFFERED"), "{}", said.out);
    let other = say(&["offers", "verify", "--config", &config, "--offer", "vap"]).await;
    assert!(other.code == Some(64) && other.err.contains("did you mean vip?"), "{}", other.err);
}

#[tokio::test]
async fn verify_says_plainly_that_the_shop_cannot_be_reached() {
    let shop = Shop::open().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let port = gone.local_addr().expect("an address").port();
    drop(gone);
    let config = std::fs::read_to_string(shop.running.config()).expect("a configuration");
    let config = config
        .replace(&format!("url = \"http://127.0.0.1:{}\"", shop.origin), &format!("url = \"http://127.0.0.1:{port}\""));
    let elsewhere = shop.running.folder.write("elsewhere.toml", &config);
    let said = say(&["offers", "verify", "--config", &elsewhere.to_string_lossy()]).await;
    assert!(
        said.code == Some(1) && said.err.contains(&format!("http://127.0.0.1:{port}/ does not answer")),
        "{}",
        said.err
    );
}
