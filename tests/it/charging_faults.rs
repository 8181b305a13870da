//! What goes wrong while carts are given their coupons, at a scripted shop: nobody's page or cart is worse for it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::guard::offers;
use crate::origin::{Origin, Seen, html};
use crate::running::{Running, Setup, send};
use crate::shop;

const SECRET: &str = "0123456789-of-the-cdn";
const SHOPPER: [(&str, &str); 3] =
    [("x-segue-token", SECRET), ("aep-segments-membership", shop::VIP), ("cookie", "PHPSESSID=s1; form_key=k1")];

/// The shop's one offer, charged by coupon.
fn rules(charge: &Value) -> Value {
    let mut rules = shop::rules();
    rules["offers"][0]["charge"] = charge.clone();
    rules
}

fn public_code() -> Value {
    json!({ "type": "coupon", "rule_id": 1, "code": "VIP10" })
}

fn setup(charge: &Value) -> Setup {
    Setup::rules(&rules(charge)).with("membership", &format!("trusted_token = \"{SECRET}\""))
}

fn redirect() -> Response<Bytes> {
    Response::builder().status(302).header("location", "/checkout/cart/").body(Bytes::new()).expect("an answer")
}

/// A shop whose cart says what `cart` is.
async fn origin(cart: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Origin {
    Origin::start(move |seen| match seen.target.as_str() {
        "/checkout/cart/add/" => redirect(),
        "/checkout/cart/" => cart(seen),
        _ => html(&shop::home()),
    })
    .await
}

async fn buys(running: &Running, headers: &[(&str, &str)]) -> Vec<String> {
    let url = format!("http://127.0.0.1:{}/checkout/cart/add/", running.port);
    let answer = send("POST", &url, headers, "product=1").await;
    assert_eq!(answer.status, 302);
    answer.set_cookies().into_iter().map(str::to_owned).collect()
}

/// Waits until the first page shows the price so.
async fn shows(running: &Running, headers: &[(&str, &str)], price: &str) {
    let begin = Instant::now();
    loop {
        let page = running.get("/", headers).await;
        assert_eq!(page.status, 200);
        if page.text().contains(price) {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "no {price}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn posts(origin: &Origin) -> usize {
    origin.take().iter().filter(|seen| seen.target.contains("couponPost")).count()
}

#[tokio::test]
async fn a_cart_that_cannot_be_read_is_left_alone_and_its_offer_is_a_label() {
    for (status, body) in [(200, "<html><body>a theme of its own</body></html>"), (503, "<html>back soon</html>")] {
        let origin = origin(move |_| {
            let answer = Response::builder().status(status).header("content-type", "text/html");
            answer.body(Bytes::from_static(body.as_bytes())).expect("an answer")
        })
        .await;
        let running = Running::start(&setup(&public_code()), origin.port).await;
        shows(&running, &SHOPPER, "$8.00").await;
        buys(&running, &SHOPPER).await;
        shows(&running, &SHOPPER, "$10.00").await;
        assert!(running.metrics().await.contains("segue_coupon_errands_total{result=\"failed\"}"), "{status}");
        assert_eq!(posts(&origin), 0, "nothing is posted into a cart that nobody can read");
        let page = running.get("/checkout/cart/", &SHOPPER).await;
        assert_eq!((page.status.as_u16(), page.text().as_str()), (status, body));
    }
}

#[tokio::test]
async fn a_cart_that_is_empty_gets_no_code() {
    let origin = origin(|_| html("<div class=\"cart-empty\">You have no items</div>")).await;
    let running = Running::start(&setup(&public_code()), origin.port).await;
    buys(&running, &SHOPPER).await;
    let begin = Instant::now();
    while !running.metrics().await.contains("segue_coupon_errands_total{result=\"left\"}") {
        assert!(begin.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(posts(&origin), 0);
    shows(&running, &SHOPPER, "$8.00").await;
}

#[tokio::test]
async fn who_takes_his_consent_back_keeps_nothing_of_his_session() {
    let origin = origin(|_| html("<div class=\"cart-empty\"></div>")).await;
    let setup = setup(&public_code()).platform(crate::running::free_port(), "");
    let running = Running::start(&setup, origin.port).await;
    let set = buys(&running, &SHOPPER).await;
    let session = set.iter().find(|line| line.contains("-session=")).expect("a cookie of the session");
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
    let pair = session.split(';').next().expect("a pair");
    let without = format!("PHPSESSID=s1; form_key=k1; {pair}; kndctr_ORG_AdobeOrg_consent=general=out");
    let headers = [SHOPPER[0], SHOPPER[1], ("cookie", without.as_str())];
    let page = running.get("/", &headers).await;
    let gone = page.set_cookies().into_iter().find(|line| line.contains("-session=")).expect("it is taken back");
    assert!(gone.contains("Max-Age=0"), "{gone}");
    assert!(
        !buys(&running, &headers).await.iter().any(|line| line.contains("-session=") && !line.contains("Max-Age=0"))
    );
}

/// Commerce with one coupon rule, that makes codes as `generate` says.
fn commerce(seen: &Seen, generate: &Response<Bytes>) -> Option<Response<Bytes>> {
    let path = seen.target.split('?').next()?.rsplit_once("/V1/")?.1;
    let rule = json!({
        "rule_id": 1, "name": "VIP", "website_ids": [1], "customer_group_ids": [0], "is_active": true, "sort_order": 1,
        "stop_rules_processing": false, "discount_step": 0, "apply_to_shipping": false, "coupon_type": "SPECIFIC_COUPON",
        "use_auto_generation": true, "simple_action": "by_percent", "discount_amount": 20, "simple_free_shipping": "0",
    });
    let answer = match path {
        "salesRules/search" => json!({ "items": [rule], "total_count": 1 }),
        "store/websites" => json!([{ "id": 1, "code": "base", "name": "Main" }]),
        "store/storeViews" => json!([{ "id": 1, "code": "default", "name": "Default", "website_id": 1 }]),
        "customerGroups/search" => json!({ "items": [{ "id": 0, "code": "NOT LOGGED IN" }], "total_count": 1 }),
        "directory/currency" => json!({ "base_currency_code": "USD", "exchange_rates": [] }),
        "coupons/generate" => return Some(generate.clone()),
        _ => return None,
    };
    let answer = Response::builder().header("content-type", "application/json").body(answer.to_string().into());
    Some(answer.expect("an answer"))
}

#[tokio::test]
async fn without_codes_the_offer_is_a_label_and_pages_flow() {
    let answer = |status: u16, kind: &str, body: &'static str| {
        let answer = Response::builder().status(status).header("content-type", kind);
        answer.body(Bytes::from_static(body.as_bytes())).expect("an answer")
    };
    for generate in [
        answer(401, "application/json", r#"{"message":"The consumer isn't authorized to access %resources."}"#),
        answer(500, "application/json", r#"{"message":"Internal Error"}"#),
        answer(200, "text/html", "<html>maintenance</html>"),
        answer(200, "application/json", "[]"),
    ] {
        let origin = Origin::start(move |seen| {
            commerce(seen, &generate).unwrap_or_else(|| match seen.target.as_str() {
                "/checkout/cart/add/" => redirect(),
                _ => html(&shop::home()),
            })
        })
        .await;
        let setup = setup(&json!({ "type": "coupon", "rule_id": 1 }))
            .with("more", "[commerce]\ntoken = \"0123456789\"\npoll = \"1s\"\n");
        let running = Running::start(&setup, origin.port).await;
        shows(&running, &SHOPPER, "$10.00").await;
        let begin = Instant::now();
        loop {
            let listed = offers(&running).await;
            if listed["offers"][0]["why"].as_str().is_some_and(|why| why.contains("no code of its rule is at hand")) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{listed}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        buys(&running, &SHOPPER).await;
        shows(&running, &SHOPPER, "$10.00").await;
        assert_eq!(posts(&origin), 0);
    }
}
