//! Watching first, then a share of shoppers, then all: what each stage does, and whom it leaves alone.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::HeaderMap;
use jiff::Timestamp;
use segue::audience::mint::{Minting, mint};
use segue::audience::{Config, Keyring, KnownAudiences};
use segue::rule::AudienceId;

use crate::fail_open::{assert_private, gzip, pages, shopper};
use crate::origin::{Origin, html};
use crate::running::{Folder, KEY, Running, Setup, free_port, get, segue, send};
use crate::shop::{self, VIP};

const SHOPPERS: usize = 200;

/// Sealed cookies of as many VIPs, as `segue cookie mint` makes them.
fn vips() -> Vec<String> {
    let config = Config::new("shop.test", Keyring::parse([KEY]).expect("a key"));
    let one = || {
        let audiences = BTreeSet::from([AudienceId::from(VIP)]);
        let now = Timestamp::now().as_second();
        let minting = Minting { audiences, website: "base".into(), life: Duration::from_secs(3600), now };
        let known = KnownAudiences::default();
        format!("segue={}", mint(&config, &known, &minting).expect("a cookie"))
    };
    std::iter::repeat_with(one).take(SHOPPERS).collect()
}

async fn with_share(share: u8) -> (Origin, Running) {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&shop::rules()).with("rewrite", &format!("share = {share}"));
    let running = Running::start(&setup, origin.port).await;
    (origin, running)
}

/// Whether this shopper's page changes, which it does on every request or on none, and together with what the origin gets.
async fn is_included(origin: &Origin, running: &Running, cookie: &str, is_vip: bool) -> bool {
    let membership = format!("aep-segments-membership={VIP}");
    let mut answers = BTreeSet::new();
    for path in ["/", "/?again", "/index.php"] {
        let page = running.get(path, &[("cookie", cookie)]).await;
        assert_private(&page);
        let text = page.text();
        let changed = text != shop::home();
        assert_eq!(changed, text.contains(if is_vip { "Hello VIP" } else { "Hello all" }));
        assert_eq!(changed && is_vip, origin.take_one().header("cookie").contains(&membership), "page and cart agree");
        answers.insert(changed);
    }
    let cart = format!("http://127.0.0.1:{}/checkout/cart/add/product/1/", running.port);
    send("POST", &cart, &[("cookie", cookie)], "").await;
    let told = origin.take_one().header("cookie").contains(&membership);
    let changed = answers.pop_first().expect("three answers");
    assert!(answers.is_empty(), "the page is the same on every request");
    assert_eq!(told, changed && is_vip, "page and cart agree");
    changed
}

#[tokio::test]
async fn a_share_of_shoppers_gets_changed_pages_and_the_cart_that_goes_with_them() {
    let (origin, running) = with_share(50).await;
    let mut strangers = 0;
    for number in 0..SHOPPERS {
        let cookie = format!("PHPSESSID={:026x}; form_key=x", number * 7919);
        strangers += usize::from(is_included(&origin, &running, &cookie, false).await);
    }
    let mut known = 0;
    for (number, vip) in vips().iter().enumerate() {
        let cookie = format!("PHPSESSID={number:026x}; {vip}");
        known += usize::from(is_included(&origin, &running, &cookie, true).await);
    }
    // Six standard deviations: keys of known shoppers are random.
    for included in [strangers, known] {
        assert!((58..=142).contains(&included), "{strangers} strangers and {known} VIPs of {SHOPPERS} each");
    }
    assert_eq!(pages(&running, "on", "share").await, 3 * u64::try_from(2 * SHOPPERS - strangers - known).expect("few"));
}

#[tokio::test]
async fn a_share_of_nobody_or_everybody_is_just_that() {
    for (share, expected) in [(0, false), (100, true)] {
        let (origin, running) = with_share(share).await;
        for cookie in vips().iter().take(5) {
            assert_eq!(is_included(&origin, &running, cookie, true).await, expected);
        }
        assert_eq!(is_included(&origin, &running, "PHPSESSID=a", false).await, expected);
    }
}

/// A [`Running`] whose log goes to the file `log` in its folder.
async fn logging(setup: &Setup, origin: u16) -> Running {
    let folder = Folder::new();
    let (port, operations) = (free_port(), free_port());
    let config = folder.write("segue.toml", &setup.config(port, operations, origin));
    folder.write("rules.json", &setup.rules);
    let log = std::fs::File::create(folder.path().join("log")).expect("a writable temporary folder");
    let process = segue(&["serve", "--config", &config.to_string_lossy()]).stdout(Stdio::null()).stderr(log).spawn();
    let running = Running { folder, process: process.expect("segue can be started"), port, operations };
    let begin = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "segue does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
}

/// What the origin itself sends, without what is of one answer or of the connection only.
fn comparable(headers: &HeaderMap) -> Vec<(String, String)> {
    let own = ["date", "connection", "x-request-id", "via"];
    let kept = headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut pairs: Vec<_> =
        kept.map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned())).collect();
    pairs.sort();
    pairs
}

#[tokio::test]
async fn watching_changes_no_byte_and_says_what_would_have_changed() {
    let origin = Origin::start(|seen| {
        let mut answer = html(&shop::home());
        answer.headers_mut().append("set-cookie", "PHPSESSID=new; path=/; HttpOnly".parse().expect("a header"));
        if seen.header("accept-encoding").contains("gzip") {
            answer.headers_mut().insert("content-encoding", "gzip".parse().expect("a header"));
            answer = answer.map(|page| gzip(&page).into());
        }
        answer
    })
    .await;
    let running = logging(&Setup::rules(&shop::rules()).mode("observe"), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    for accepted in ["gzip, br", "identity"] {
        let direct = get(&format!("http://127.0.0.1:{}/", origin.port), &[("accept-encoding", accepted)]).await;
        origin.take();
        let watched = running.get("/", &[("cookie", &vip), ("accept-encoding", accepted)]).await;
        assert!(watched.body == direct.body);
        assert_eq!(comparable(&watched.headers), comparable(&direct.headers));
        assert_eq!(origin.take_one().header("cookie"), "", "no membership of Segue's own goes up");
    }
    let begin = Instant::now();
    while pages(&running, "observe", "changed").await < 2 {
        assert!(begin.elapsed() < Duration::from_secs(5), "{}", running.metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = running.metrics().await;
    assert!(metrics.contains(r#"segue_products_total{mode="observe",outcome="changed"} 4"#), "{metrics}");
    assert!(!metrics.contains(r#"mode="on""#), "{metrics}");
    let log = std::fs::read_to_string(running.folder.path().join("log")).expect("a log");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("would have changed")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("products.changed=2") && lines[0].contains("blocks.placed=1"), "{}", lines[0]);
    assert!(!log.contains(vip.trim_start_matches("segue=")) && !log.contains(VIP), "no secrets in the log");
}

#[tokio::test]
async fn watching_keeps_conditions_and_passes_what_is_not_modified() {
    let origin = Origin::start(|seen| {
        let status = if seen.header("if-none-match") == "\"origin\"" { 304 } else { 200 };
        let mut answer = html(if status == 304 { "" } else { "<p>new</p>" });
        *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        answer
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()).mode("observe"), origin.port).await;
    let answer = running.get("/", &[("if-none-match", "\"origin\"")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (304, "\"origin\""));
}

#[tokio::test]
async fn declared_crawlers_get_the_origins_page_and_keep_none_for_others() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    for agent in ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "facebookexternalhit/1.1"]
    {
        let page = running.get("/", &[("user-agent", agent), ("cookie", &vip), ("if-none-match", "\"origin\"")]).await;
        assert!(page.status == 200 && page.text() == shop::home(), "{agent}");
        assert_private(&page);
        assert_eq!(origin.take_one().header("if-none-match"), "");
    }
    assert_eq!(pages(&running, "on", "crawler").await, 2);
}

#[tokio::test]
async fn a_page_of_another_store_view_stays_as_it_is() {
    let switcher = "<div class=\"switcher language switcher-language\" id=\"switcher-language\"><div class=\"actions \
                    dropdown options switcher-options\"><div class=\"action toggle switcher-trigger\"><strong \
                    class=\"view-german\"><span>German</span></strong></div></div></div></header>";
    let other_view = shop::home().replace("</header>", switcher);
    let same_view = other_view.replace("view-german", "view-default");
    let other_language = shop::home().replace("lang=\"en\"", "lang=\"de\"");
    let (one, two, three) = (other_view.clone(), other_language.clone(), same_view.clone());
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/view" => html(&one),
        "/language" => html(&two),
        _ => html(&three),
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    for (path, page) in [("/view", other_view), ("/language", other_language)] {
        let got = running.get(path, &[("cookie", &vip)]).await;
        assert!(got.text() == page, "{path}");
        assert_private(&got);
    }
    assert_eq!(pages(&running, "on", "store-mismatch").await, 2);
    assert!(running.get("/", &[("cookie", &vip)]).await.text().contains("Hello VIP"));
}

#[tokio::test]
async fn a_page_that_no_rule_is_for_keeps_its_caching() {
    // Rules name the home page only; whether a page is one is known when it is here.
    let mut rules = shop::rules();
    rules["offers"] = serde_json::json!([]);
    let category = shop::page("page-products catalog-category-view", &[(1, "10", "$10.00")]);
    let page = category.clone();
    let origin = Origin::start(move |_| html(&page)).await;
    let running = Running::start(&Setup::rules(&rules), origin.port).await;
    let got = running.get("/women.html", &[]).await;
    assert!(got.text() == category);
    assert_eq!(got.header("etag"), "\"origin\"");
    assert_eq!(pages(&running, "on", "no-rule").await, 1);
}
