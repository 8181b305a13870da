//! Promise 3: a claim from the browser is not membership.

use serde_json::json;

use crate::origin::{Origin, html};
use crate::running::{Running, Setup, say, send};
use crate::shop::{self, VIP, WHOLESALE};

/// Claims as a browser could make them, in every spelling that PHP would read as Adobe's cookie or header.
fn forgeries() -> Vec<(&'static str, String)> {
    vec![
        ("cookie", format!("aep-segments-membership={VIP}")),
        ("cookie", format!("a=1; aep-segments-membership={VIP}; b=2")),
        ("cookie", format!("a=1;aep-segments-membership=\"{VIP}\"")),
        ("cookie", format!("aep%2Dsegments%2Dmembership={VIP}")),
        ("cookie", format!("aep-segments-membership[0]={VIP}")),
        ("cookie", format!("  aep-segments-membership = {VIP}")),
        ("cookie", format!("segue-audiences=VIP; segue={VIP}")),
        ("aep-segments-membership", VIP.to_owned()),
        ("AEP-Segments-Membership", VIP.to_owned()),
        ("aep_segments_membership", VIP.to_owned()),
    ]
}

#[tokio::test]
async fn a_forged_claim_never_reaches_the_origin() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let targets = [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/media/logo.png"),
        ("POST", "/checkout/cart/add/product/1/"),
        ("POST", "/graphql"),
        ("GET", "/graphql?query=%7Bcart%7D"),
        ("POST", "/rest/V1/guest-carts/abc/payment-information"),
        ("PUT", "/rest/default/V1/carts/mine/items/1"),
        ("GET", "/customer/section/load/?sections=cart"),
        ("OPTIONS", "/graphql"),
    ];
    for (method, target) in targets {
        for (name, value) in forgeries() {
            let url = format!("http://127.0.0.1:{}{target}", running.port);
            let answer = send(method, &url, &[(name, &value)], "").await;
            assert_eq!(answer.status, 200, "{method} {target} with {name}: {value}");
            let seen = origin.take_one();
            let everything = format!("{:?}", seen.headers);
            assert!(!everything.contains(VIP), "{method} {target} with {name}: {value} sent {everything}");
            assert!(!everything.contains("segments"), "{method} {target} with {name}: {value} sent {everything}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("Hello VIP"), "{method} {target} {name} {value}");
        }
    }
}

#[tokio::test]
async fn other_cookies_stay_as_they_were() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let cookie = "PHPSESSID=abc; form_key=x=y; aep-segments-membership=1; odd; mage-messages=%5B%5D";
    running.get("/", &[("cookie", cookie)]).await;
    assert_eq!(origin.take_one().header("cookie"), "PHPSESSID=abc; form_key=x=y; odd; mage-messages=%5B%5D");
}

#[tokio::test]
async fn a_known_vip_is_known_to_the_origin_and_sees_his_price() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let minted = say(&["cookie", "mint", "--config", &running.config(), "--audience", "VIP"]).await;
    assert_eq!(minted.code, Some(0), "{}", minted.err);
    let cookie = format!("segue={}; aep-segments-membership={WHOLESALE}", minted.out.trim());

    let page = running.get("/", &[("cookie", &cookie)]).await.text();
    assert!(page.contains("Hello VIP") && page.contains("$8.00") && page.contains("$1,000.40"), "{page}");
    assert_eq!(origin.take_one().header("cookie"), format!("aep-segments-membership={VIP}"));

    let url = format!("http://127.0.0.1:{}/rest/V1/guest-carts/abc/payment-information", running.port);
    send("POST", &url, &[("cookie", &cookie)], "{}").await;
    assert_eq!(origin.take_one().header("cookie"), format!("aep-segments-membership={VIP}"));

    let url = format!("http://127.0.0.1:{}/graphql", running.port);
    send("POST", &url, &[("cookie", &cookie), ("aep-segments-membership", WHOLESALE)], "{}").await;
    assert_eq!(origin.take_one().header("aep-segments-membership"), VIP);
}

#[tokio::test]
async fn a_trusted_source_is_believed_and_others_are_not() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&shop::rules())
        .with("membership", "trusted_token = \"edge-worker-secret\"")
        .with("server", "trusted_proxies = [\"127.0.0.0/8\"]");
    let running = Running::start(&setup, origin.port).await;
    let claim = ("cookie", &*format!("aep-segments-membership={VIP}"));
    let page = running.get("/", &[claim, ("x-segue-token", "edge-worker-secret")]).await.text();
    assert!(page.contains("Hello VIP"));
    let seen = origin.take_one();
    assert_eq!(seen.header("cookie"), format!("aep-segments-membership={VIP}"));
    assert_eq!(seen.header("x-segue-token"), "", "the token stays here");
    for token in ["", "edge-worker-secre", "EDGE-WORKER-SECRET"] {
        let page = running.get("/", &[claim, ("x-segue-token", token)]).await.text();
        assert!(page.contains("Hello all"), "token {token:?}");
    }
}

#[tokio::test]
async fn with_trust_in_cookies_the_own_cookie_wins_and_blanks_count() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&shop::rules()).with("membership", "trust = \"cookie\"");
    let running = Running::start(&setup, origin.port).await;
    let hero = async |cookie: &str| {
        let page = running.get("/", &[("cookie", cookie)]).await.text();
        if page.contains("Hello VIP") { "VIP" } else { "all" }
    };
    assert_eq!(hero(&format!("aep-segments-membership={VIP}")).await, "VIP");
    assert_eq!(hero(&format!("aep-segments-membership={WHOLESALE}%2C{VIP}")).await, "VIP");
    assert_eq!(hero("aep-segments-membership=; segue-audiences=vip").await, "VIP");
    assert_eq!(hero(&format!("aep-segments-membership={VIP}; segue-audiences=none")).await, "all");
    let minted = say(&["cookie", "mint", "--config", &running.config(), "--audience", "VIP"]).await.out;
    assert_eq!(hero(&format!("segue={}", minted.trim())).await, "VIP");
    assert_eq!(
        hero(&format!("segue={}; aep-segments-membership=", minted.trim())).await,
        "all",
        "even an empty one wins"
    );
}

#[tokio::test]
async fn a_damaged_cookie_is_an_unknown_shopper() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let minted = say(&["cookie", "mint", "--config", &running.config(), "--audience", "VIP"]).await.out;
    let minted = minted.trim();
    let flipped = format!("{}{}", &minted[..minted.len() - 2], "AA");
    for value in ["", "x", &minted[..minted.len() / 2], &flipped, "////", &"A".repeat(6000)] {
        let answer = running.get("/", &[("cookie", &format!("segue={value}"))]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("Hello all"), "{value}");
    }
    let metrics = running.metrics().await;
    assert!(metrics.contains("segue_cookies_refused_total"), "{metrics}");
}

#[tokio::test]
async fn an_audience_outside_the_rules_changes_nothing() {
    let mut rules = shop::rules();
    rules["audiences"] = json!([]);
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&rules).with("membership", "trust = \"cookie\"");
    let running = Running::start(&setup, origin.port).await;
    let page = running.get("/", &[("cookie", &format!("aep-segments-membership={VIP}"))]).await.text();
    assert!(page.contains("Hello all") && page.contains("$10.00"), "{page}");
}
