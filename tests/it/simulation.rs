//! Simulation on production: a page of other audiences, a cart of one's own.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use segue::audience::simulate::mint_simulation_token;
use segue::audience::{Config, Keyring};
use segue::rule::AudienceId;

use crate::fail_open::{assert_private, shopper};
use crate::origin::{Origin, html};
use crate::running::{Answer, KEY, Running, Setup, say, send};
use crate::shop::{self, VIP, WHOLESALE};

async fn shop_and_segue(setup: Setup) -> (Origin, Running) {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&setup, origin.port).await;
    (origin, running)
}

/// The path that `segue cookie mint --simulate` prints.
async fn link(running: &Running, more: &[&str]) -> String {
    let config = running.config();
    let arguments = ["cookie", "mint", "--config", &config, "--simulate", "--audience", "VIP"];
    let said = say(&[&arguments, more].concat()).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out.trim().to_owned()
}

/// The cookie that an opened link sets, as the browser sends it back.
fn cookie_of(answer: &Answer) -> String {
    let set = answer.set_cookies();
    assert_eq!(set.len(), 1, "{set:?}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set[0].contains(attribute), "{attribute}: {}", set[0]);
    }
    set[0].split(';').next().expect("a pair").to_owned()
}

async fn counted(running: &Running) -> Vec<String> {
    let metrics = running.metrics().await;
    metrics.lines().filter(|line| line.starts_with("segue_pages_total")).map(str::to_owned).collect()
}

#[tokio::test]
async fn shows_the_pages_of_others_while_the_cart_charges_ones_own_price() {
    let (origin, running) = shop_and_segue(Setup::rules(&shop::rules())).await;
    let link = link(&running, &["--to", "/women.html?p=2"]).await;
    assert!(link.starts_with("/.segue/simulate?token="), "{link}");

    let opened = running.get(&link, &[]).await;
    assert_eq!((opened.status.as_u16(), opened.header("location")), (303, "/women.html?p=2"));
    assert_eq!(opened.header("cache-control"), "no-store");
    assert_eq!(opened.header("referrer-policy"), "no-referrer");
    let simulation = cookie_of(&opened);
    assert!(origin.take().is_empty(), "none of it is the origin's business");

    let others = shopper(&running, "Wholesale").await;
    for (own, sent) in [("a=1", "a=1".to_owned()), (others.as_str(), format!("aep-segments-membership={WHOLESALE}"))] {
        let page = running.get("/", &[("cookie", &format!("{own}; {simulation}"))]).await;
        assert_private(&page);
        let text = page.text();
        assert!(text.contains("Hello VIP") && text.contains("$8.00"), "{text}");
        assert!(text.contains("Simulating: <strong>VIP</strong>. The cart charges your own price."), "{text}");
        assert_eq!(origin.take_one().header("cookie"), sent);
        let added = send(
            "POST",
            &format!("http://127.0.0.1:{}/checkout/cart/add/", running.port),
            &[("cookie", &format!("{own}; {simulation}"))],
            "",
        )
        .await;
        assert_eq!(added.text(), shop::home(), "only pages are simulated");
        assert_eq!(origin.take_one().header("cookie"), sent);
    }
    assert_eq!(counted(&running).await, [""; 0], "simulations are in no statistics");

    let ended = send(
        "POST",
        &format!("http://127.0.0.1:{}/.segue/simulate/end", running.port),
        &[("cookie", &simulation), ("referer", &format!("http://127.0.0.1:{}/sale.html", running.port))],
        "",
    )
    .await;
    assert_eq!((ended.status.as_u16(), ended.header("location")), (303, "/sale.html"));
    let removal = ended.set_cookies().join("\n");
    assert!(removal.starts_with("segue-sim=;") && removal.contains("Max-Age=0"), "{removal}");
    assert!(!running.get("/", &[]).await.text().contains("Simulating"));
    assert_eq!(counted(&running).await.len(), 1);
}

#[tokio::test]
async fn a_link_opens_once_and_no_other_is_believed() {
    let (origin, running) = shop_and_segue(Setup::rules(&shop::rules())).await;
    let good = link(&running, &[]).await;
    let (path, token) = good.split_once('=').expect("a token");
    let middle = if &token[40..41] == "A" { "B" } else { "A" };
    let flipped = format!("{}{middle}{}", &token[..40], &token[41..]);
    let audiences = BTreeSet::from([AudienceId::from(VIP)]);
    let now = Timestamp::now().as_second();
    let keys = Keyring::parse([KEY]).expect("a key");
    let here = Config::new("shop.test", keys);
    let elsewhere = Config::new("other.test", Keyring::parse([KEY]).expect("a key"));
    let life = Duration::from_secs(60);
    let expired = mint_simulation_token(&here, &audiences, "/", life, now - 61).expect("a token");
    let foreign = mint_simulation_token(&elsewhere, &audiences, "/", life, now).expect("a token");
    let membership = shopper(&running, "VIP").await.replace("segue=", "");
    for wrong in ["", &token[..token.len() - 4], &token[..10], &flipped, &expired, &foreign, &membership, "%00", "a b"]
    {
        let answer = running.get(&format!("{path}={}", wrong.replace(' ', "%20")), &[]).await;
        assert_eq!(answer.status, 403, "{wrong}");
        assert!(answer.set_cookies().is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(running.get("/.segue/simulate", &[]).await.status, 403);
    let once = running.get(&good, &[]).await;
    assert_eq!((once.status.as_u16(), once.header("location")), (303, "/"));
    assert_eq!(running.get(&good, &[]).await.status, 403, "it was opened before");
    // A token is no cookie.
    let page = running.get("/", &[("cookie", &format!("segue-sim={token}; segue={token}"))]).await.text();
    assert!(page.contains("Hello all") && !page.contains("Simulating"), "{page}");
    let ended = running.get("/.segue/simulate/end", &[("cookie", &cookie_of(&once))]).await;
    assert_eq!(ended.status, 405, "a link that is only followed ends nothing");
    assert_eq!(origin.take().len(), 1);
}

#[tokio::test]
async fn a_simulation_shows_its_page_before_segue_is_switched_on() {
    for setup in
        [Setup::rules(&shop::rules()).mode("observe"), Setup::rules(&shop::rules()).with("rewrite", "share = 0")]
    {
        let (origin, running) = shop_and_segue(setup).await;
        let simulation = cookie_of(&running.get(&link(&running, &[]).await, &[]).await);
        let page = running.get("/", &[("cookie", &simulation)]).await.text();
        assert!(page.contains("Hello VIP") && page.contains("Simulating"), "{page}");
        assert_eq!(origin.take_one().header("cookie"), "");
        assert_eq!(running.get("/", &[]).await.text(), shop::home(), "nobody else sees it");
    }
}
