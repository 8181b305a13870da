//! The price guard: what it paused stays paused, over a restart and in every process, until somebody says otherwise.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use segue::guard::{Pause, fingerprint};
use segue::store::Store;
use serde_json::Value;

use crate::fail_open::shopper;
use crate::origin::{Origin, html};
use crate::running::{Running, Setup, say};
use crate::shop;

/// Notes in the store that the shop's one offer was paused, as another process would.
async fn pause(running: &Running) {
    let config = segue::config::load(running.config().as_ref(), std::iter::empty()).expect("a configuration");
    let rules = segue::config::load_rules(&config.rules_file, &config.sites).expect("rules").ruleset;
    let offer = &rules.offers[0];
    let pause = Pause {
        offer: offer.id.clone(),
        fingerprint: fingerprint(offer),
        since: Timestamp::now(),
        agreed: 9,
        differed: 3,
    };
    let store = Store::open(&config.store_file).await.expect("a store");
    store.keep_pause(&pause).await.expect("written");
    store.close().await;
}

/// Waits until the shopper's page shows the first product at `price`, and not at `other`.
async fn shows(running: &Running, shopper: &str, price: &str, other: &str) -> String {
    let begin = Instant::now();
    loop {
        let page = running.get("/", &[("cookie", shopper)]).await.text();
        if page.contains(price) && !page.contains(other) {
            return page;
        }
        assert!(begin.elapsed() < Duration::from_secs(15), "no {price} in {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn offers(running: &Running) -> Value {
    let said = say(&["offers", "list", "--config", &running.config(), "--output", "json"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

#[tokio::test]
async fn an_offer_that_another_process_paused_shows_its_label_only_until_it_is_reset() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    shows(&running, &vip, "$8.00", "$7.00").await;
    assert_eq!(offers(&running).await["offers"][0]["shown_as"], "price");

    pause(&running).await;
    let page = shows(&running, &vip, "$10.00", "$8.00").await;
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
    shows(&running, &vip, "$8.00", "$7.00").await;
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
    shows(&running, &vip, "$10.00", "$8.00").await;
    let mut rules = shop::rules();
    rules["offers"][0]["amount"] = 30.into();
    running.folder.write("rules.json", &rules.to_string());
    shows(&running, &vip, "$7.00", "$8.00").await;
    let begin = Instant::now();
    while offers(&running).await["offers"][0]["shown_as"] != "price" {
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
