//! The price guard: what it paused stays paused, over a restart and in every process, until somebody says otherwise.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use segue::guard::{Fingerprint, Pause};
use serde_json::{Value, json};

use crate::fail_open::shopper;
use crate::origin::{Origin, html};
use crate::running::{Running, Setup, say};
use crate::shop;

/// Notes in the store that the shop's one offer was paused, as another process would.
async fn pause(running: &Running) {
    let config = segue::config::load(running.config().as_ref(), std::iter::empty()).expect("a configuration");
    let rules = segue::config::rules(&config).await.expect("rules").ruleset;
    let offer = &rules.offers[0];
    let pause = Pause {
        offer: offer.id.clone(),
        fingerprint: Fingerprint::of(offer, None),
        since: Timestamp::now(),
        agreed: 9,
        differed: 3,
    };
    let store = config.store.open().await.expect("a store");
    store.keep_pause(&pause).await.expect("written");
    store.close().await;
}

/// Waits until the shopper's page shows the first product at `price`, and not at `other`.
pub async fn shows(running: &Running, path: &str, shopper: &str, price: &str, other: &str) -> String {
    let begin = Instant::now();
    loop {
        let page = running.get(path, &[("cookie", shopper)]).await.text();
        if page.contains(price) && !page.contains(other) {
            return page;
        }
        assert!(begin.elapsed() < Duration::from_secs(15), "no {price} in {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What `segue offers list` says.
pub async fn offers(running: &Running) -> Value {
    let said = say(&["offers", "list", "--config", &running.config(), "--output", "json"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

#[tokio::test]
async fn an_offer_that_another_process_paused_shows_its_label_only_until_it_is_reset() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    shows(&running, "/", &vip, "$8.00", "$7.00").await;
    assert_eq!(offers(&running).await["offers"][0]["shown_as"], "price");

    pause(&running).await;
    let page = shows(&running, "/", &vip, "$10.00", "$8.00").await;
    assert!(page.contains("VIP price"), "{page}");
    let listed = offers(&running).await;
    assert_eq!(listed["running"], true);
    let paused = &listed["offers"][0]["paused"];
    assert_eq!((&paused["by"], &paused["differed"], &paused["agreed"]), (&"guard".into(), &3.into(), &9.into()));
    assert!(running.metrics().await.contains("segue_offers_paused{offer=\"vip\",reason=\"guard\"} 1"));
    let text = say(&["offers", "list", "--config", &running.config()]).await.out;
    assert!(text.contains("the carts of 3 shoppers, of 12 compared, were charged something else"), "{text}");

    let reset = ["offers", "reset", "--config", &running.config(), "vip"];
    assert_eq!(say(&reset).await.code, Some(0));
    shows(&running, "/", &vip, "$8.00", "$7.00").await;
    let again = say(&reset).await;
    assert!(again.code == Some(0) && again.out.contains("nothing to do"), "{}", again.out);
    let other = say(&["offers", "reset", "--config", &running.config(), "vap"]).await;
    assert!(other.code == Some(64) && other.err.contains("did you mean vip?"), "{}", other.err);
}

#[tokio::test]
async fn a_paused_offer_is_tried_again_once_it_says_something_else() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    pause(&running).await;
    shows(&running, "/", &vip, "$10.00", "$8.00").await;
    let mut rules = shop::rules();
    rules["offers"][0]["amount"] = 30.into();
    running.folder.write("rules.json", &rules.to_string());
    shows(&running, "/", &vip, "$7.00", "$8.00").await;
    let begin = Instant::now();
    while offers(&running).await["offers"][0]["shown_as"] != "price" {
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

/// What Commerce's REST API answers about the shop's one rule, which charges `rule`; nothing while there is none.
fn commerce(target: &str, rule: &Value) -> Option<Response<Bytes>> {
    let path = target.split('?').next()?;
    let rules: Vec<&Value> = Some(rule).filter(|rule| !rule.is_null()).into_iter().collect();
    let answer = match path.rsplit_once("/V1/")?.1 {
        "salesRules/search" => json!({ "items": rules, "total_count": rules.len() }),
        "store/websites" => json!([{ "id": 1, "code": "base", "name": "Main" }]),
        "store/storeViews" => json!([{ "id": 1, "code": "default", "name": "Default", "website_id": 1 }]),
        "customerGroups/search" => json!({ "items": [{ "id": 0, "code": "NOT LOGGED IN" }], "total_count": 1 }),
        "directory/currency" => json!({ "base_currency_code": "USD", "exchange_rates": [] }),
        _ => return None,
    };
    let answer = Response::builder().header("content-type", "application/json").body(answer.to_string().into());
    Some(answer.expect("an answer"))
}

#[tokio::test]
async fn a_rule_that_says_something_else_in_commerce_pauses_its_offer_until_both_say_the_same() {
    let right = json!({
        "rule_id": 1, "name": "VIP", "website_ids": [1], "customer_group_ids": [0], "is_active": true,
        "simple_action": "by_percent", "discount_amount": 20, "stop_rules_processing": false, "sort_order": 1,
        "coupon_type": "NO_COUPON", "apply_to_shipping": false, "discount_step": 0, "simple_free_shipping": "0",
    });
    let rule = Arc::new(Mutex::new(right.clone()));
    let set = |value: Value| *rule.lock().expect("no test panicked here") = value;
    let told = Arc::clone(&rule);
    let origin = Origin::start(move |seen| {
        let rule = told.lock().expect("no test panicked here").clone();
        commerce(&seen.target, &rule).unwrap_or_else(|| html(&shop::home()))
    })
    .await;
    let setup = Setup::rules(&shop::rules()).with("more", "[commerce]\ntoken = \"t\"\npoll = \"1s\"\n");
    let running = Running::start(&setup, origin.port).await;
    let vip = shopper(&running, "VIP").await;
    shows(&running, "/", &vip, "$8.00", "$7.00").await;
    let mut other = right.clone();
    other["discount_amount"] = json!(15);
    for (changed, says) in [
        (other, "rule 1 has the amount 15 in Commerce, and the offer states 20"),
        (Value::Null, "Commerce has no rule 1 any more"),
    ] {
        set(changed);
        let page = shows(&running, "/", &vip, "$10.00", "$8.00").await;
        assert!(page.contains("VIP price"), "{page}");
        assert!(running.metrics().await.contains("segue_offers_paused{offer=\"vip\",reason=\"drift\"} 1"));
        assert_eq!(offers(&running).await["offers"][0]["paused"], json!({ "by": "drift", "says": says }));
        set(right.clone());
        shows(&running, "/", &vip, "$8.00", "$7.00").await;
    }
}
