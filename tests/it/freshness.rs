//! Membership is fresh: on the first page, after a change, after logging in, and only for who consents.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::origin::{Origin, Seen, html};
use crate::running::{Answer, Running, Setup, say, send};
use crate::shop::{self, VIP};

const ADA: &str = "11111111111111111111111111111111111111";
const BOB: &str = "22222222222222222222222222222222222222";

/// The value of Adobe's identity cookie.
fn identity(ecid: &str) -> String {
    let length = u8::try_from(ecid.len()).expect("a short id");
    URL_SAFE.encode([&[0x0a, length][..], ecid.as_bytes(), &[0x52, 2, 8, 1]].concat())
}

fn identity_cookie(ecid: &str) -> String {
    format!("kndctr_ORG_AdobeOrg_identity={}", identity(ecid))
}

/// An Edge Network that knows everybody, and whose audiences a test can change.
struct Edge {
    server: Origin,
    audiences: Arc<Mutex<Vec<&'static str>>>,
}

impl Edge {
    async fn start(audiences: &[&'static str]) -> Self {
        let audiences = Arc::new(Mutex::new(audiences.to_vec()));
        let (shared, minted) = (Arc::clone(&audiences), AtomicUsize::new(0));
        let server = Origin::start(move |seen| {
            let ids = shared.lock().expect("no test panicked here").clone();
            respond(seen, &ids, &minted)
        })
        .await;
        Self { server, audiences }
    }

    fn set(&self, audiences: &[&'static str]) {
        *self.audiences.lock().expect("no test panicked here") = audiences.to_vec();
    }

    fn asked(&self) -> usize {
        self.server.take().len()
    }
}

fn respond(seen: &Seen, ids: &[&str], minted: &AtomicUsize) -> Response<Bytes> {
    let segments: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "namespace": "ups" })).collect();
    let mut handles = vec![
        json!({ "type": "activation:pull", "payload": [{ "type": "profileLookup", "alias": "shop", "segments": segments }] }),
        json!({ "type": "locationHint:result", "payload": [{ "scope": "EdgeNetwork", "hint": "irl1", "ttlSeconds": 1800 }] }),
    ];
    let body = String::from_utf8_lossy(&seen.body);
    let mut state = vec![json!({ "key": "kndctr_ORG_AdobeOrg_cluster", "value": "irl1", "maxAge": 1800 })];
    if !body.contains("_identity") && !body.contains("identityMap") {
        let id = format!("3{:037}", minted.fetch_add(1, Ordering::Relaxed));
        let attributes = json!({ "SameSite": "None" });
        state.push(json!({ "key": "kndctr_ORG_AdobeOrg_identity", "value": identity(&id), "maxAge": 34_128_000, "attrs": attributes }));
    }
    handles.push(json!({ "type": "state:store", "payload": state }));
    Response::new(Bytes::from(json!({ "requestId": "x", "handle": handles }).to_string()))
}

async fn shop_origin() -> Origin {
    Origin::start(|seen| match seen.target.as_str() {
        "/customer/account/loginPost/" | "/customer/account/logout/" => {
            Response::builder().status(302).header("location", "/").body(Bytes::new()).expect("a valid answer")
        }
        "/slow.html" => {
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_secs(1)));
            html(&shop::home())
        }
        "/broken.html" => Response::builder().status(500).body(Bytes::from("x")).expect("a valid answer"),
        _ => html(&shop::home()),
    })
    .await
}

async fn start(edge: &Edge, lines: &str) -> (Origin, Running) {
    start_with(&Setup::rules(&shop::rules()).platform(edge.server.port, lines)).await
}

async fn start_with(setup: &Setup) -> (Origin, Running) {
    let origin = shop_origin().await;
    let running = Running::start(setup, origin.port).await;
    (origin, running)
}

/// A browser that keeps its cookies.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn with(cookies: &[&str]) -> Self {
        let pairs = cookies.iter().map(|cookie| cookie.split_once('=').expect("a cookie"));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    fn take(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.0.retain(|(found, _)| found != name);
            if !line.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    async fn open(&mut self, running: &Running, path: &str) -> Answer {
        self.open_with(running, path, &[]).await
    }

    async fn open_with(&mut self, running: &Running, path: &str, headers: &[(&str, &str)]) -> Answer {
        let line = self.line();
        let answer = running.get(path, &[&[("cookie", line.as_str())], headers].concat()).await;
        self.take(&answer);
        answer
    }

    async fn post(&mut self, running: &Running, path: &str) -> Answer {
        let line = self.line();
        let url = format!("http://127.0.0.1:{}{path}", running.port);
        let answer = send("POST", &url, &[("cookie", line.as_str())], "").await;
        self.take(&answer);
        answer
    }
}

fn is_vips(answer: &Answer) -> bool {
    let text = answer.text();
    let (hero, price) = (text.contains("Hello VIP"), text.contains("$8.00"));
    assert_eq!(hero, price, "hero and price go together");
    hero
}

/// Waits for the log or a metric to say so.
async fn until_counted(running: &Running, line: &str) {
    let begin = Instant::now();
    while !running.metrics().await.lines().any(|found| found.starts_with(line)) {
        assert!(begin.elapsed() < Duration::from_secs(10), "{line} is not in {}", running.metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Long enough for a look-up on a busy machine, so that tests of what is shown do not depend on its speed.
const PATIENT: &str = "budget = \"5s\"";

#[tokio::test]
async fn the_first_page_is_personal_and_the_origin_knows_it_too() {
    let edge = Edge::start(&[VIP]).await;
    let (origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    let page = ada.open(&running, "/").await;
    assert!(is_vips(&page));
    assert!(origin.take_one().header("cookie").contains(&format!("aep-segments-membership={VIP}")));
    assert_eq!(page.header("cache-control"), "private, no-store");
    let asked = edge.server.take_one();
    assert!(asked.target.starts_with("/ee/v2/interact?datastreamId=stream&requestId="), "{}", asked.target);
    assert!(ada.has("segue") && ada.has("kndctr_ORG_AdobeOrg_cluster"));
    let cluster = page.set_cookies().into_iter().find(|line| line.contains("_cluster=")).expect("the region");
    assert_eq!(cluster, "kndctr_ORG_AdobeOrg_cluster=irl1; Path=/; Max-Age=1800");

    let page = ada.open(&running, "/").await;
    assert!(is_vips(&page) && page.set_cookies().is_empty(), "nothing changed");
    assert_eq!(edge.asked(), 0, "it is fresh");
    until_counted(&running, "segue_lookups_total{result=\"known\"} 1").await;
    until_counted(&running, "segue_membership_age_seconds_count 2").await;
}

#[tokio::test]
async fn a_change_shows_on_the_first_page_after_it_is_due_and_the_region_is_kept() {
    let edge = Edge::start(&[]).await;
    let setup =
        Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT).with("membership", "fresh_for = \"1s\"");
    let (_origin, running) = start_with(&setup).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    assert!(!is_vips(&ada.open(&running, "/").await));
    for (audiences, expected) in [(&[VIP][..], true), (&[], false)] {
        edge.set(audiences);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(is_vips(&ada.open(&running, "/").await), expected);
    }
    let targets: Vec<String> = edge.server.take().into_iter().map(|seen| seen.target).collect();
    assert!(targets[1].starts_with("/ee/irl1/v2/interact?"), "{targets:?}");
    until_counted(&running, "segue_membership_change_seconds_count 2").await;
}

#[tokio::test]
async fn who_is_nobody_to_adobe_costs_no_call() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut stranger = Jar::default();
    let page = stranger.open_with(&running, "/", &[("sec-fetch-dest", "document")]).await;
    assert!(!is_vips(&page) && page.set_cookies().is_empty());
    let mut junk = Jar::with(&["kndctr_ORG_AdobeOrg_identity=junk", "kndctr_OTHER_AdobeOrg_identity=x"]);
    junk.open(&running, "/").await;
    assert_eq!(edge.asked(), 0);
}

#[tokio::test]
async fn a_first_visit_brings_an_identity_on_the_same_answer_or_is_none() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, &format!("{PATIENT}\nfirst_visit = \"ask\"")).await;
    let navigation = [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
    for headers in [
        &[][..],
        &[("sec-fetch-dest", "empty")],
        &[("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")],
        &[("sec-fetch-dest", "document"), ("user-agent", "Googlebot/2.1")],
    ] {
        Jar::default().open_with(&running, "/", headers).await;
    }
    assert_eq!(edge.asked(), 0);
    let mut stranger = Jar::default();
    let page = stranger.open_with(&running, "/", &navigation).await;
    assert!(is_vips(&page));
    let line = page.set_cookies().into_iter().find(|line| line.contains("_identity=")).expect("an identity");
    assert!(line.ends_with("; SameSite=None; Secure; Path=/; Max-Age=34128000"), "{line}");
    assert!(is_vips(&stranger.open_with(&running, "/", &navigation).await));
    assert_eq!(edge.asked(), 1, "he is known from then on");
    let mut other = Jar::default();
    let error = other.open_with(&running, "/broken.html", &navigation).await;
    assert!(error.status == 500 && other.has("kndctr_ORG_AdobeOrg_identity"), "also on an error page");
    let line = |jar: &Jar| jar.0.iter().find(|(name, _)| name.ends_with("_identity")).cloned();
    assert_ne!(line(&stranger), line(&other), "nobody shares an identity");
}

#[tokio::test]
async fn a_device_id_of_the_shops_own_is_an_identity() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut device = Jar::with(&["FPID=9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22"]);
    assert!(is_vips(&device.open(&running, "/").await));
    assert!(is_vips(&device.open(&running, "/").await));
    assert_eq!(edge.asked(), 1);
}

#[tokio::test]
async fn a_cookie_counts_only_beside_the_identity_that_it_is_about() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    ada.open(&running, "/").await;
    edge.set(&[]);
    let sealed = ada.0.iter().find(|(name, _)| name == "segue").cloned().expect("a cookie");
    let mut alone = Jar(vec![sealed.clone()]);
    assert!(!is_vips(&alone.open(&running, "/").await), "handed on without its identity");
    let mut bob = Jar::with(&[&identity_cookie(BOB)]);
    bob.0.push(sealed);
    assert!(!is_vips(&bob.open(&running, "/").await), "handed on to somebody else, who is looked up himself");
    until_counted(&running, "segue_cookies_refused_total{what=\"cookie\",reason=\"other_identity\"} 2").await;
}

#[tokio::test]
async fn a_membership_holds_on_its_own_website_and_datastream_only() {
    let edge = Edge::start(&[VIP]).await;
    let setup = Setup::rules(&shop::rules())
        .with(
            "stores",
            "hosts = [\"one.test\"]\n[stores.websites.two]\nbase_currency = \"USD\"\n[stores.views.second]\nwebsite = \"two\"\n\
             currency = \"USD\"\nlocale = \"en_US\"\ntime_zone = \"UTC\"\nhosts = [\"two.test\"]\n[stores.views.third]\n\
             website = \"base\"\ncurrency = \"USD\"\nlocale = \"en_US\"\ntime_zone = \"UTC\"\nhosts = [\"three.test\"]\n",
        )
        .platform(edge.server.port, &format!("{PATIENT}\nview_datastreams = {{ third = \"other\" }}"));
    let (_origin, running) = start_with(&setup).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    assert!(is_vips(&ada.open_with(&running, "/", &[("host", "one.test")]).await));
    let elsewhere = ada.clone();
    edge.set(&[]);
    assert!(is_vips(&ada.open_with(&running, "/", &[("host", "one.test")]).await));
    for host in ["two.test", "three.test"] {
        assert!(!is_vips(&elsewhere.clone().open_with(&running, "/", &[("host", host)]).await), "{host}");
    }
    let targets: Vec<String> = edge.server.take().into_iter().map(|seen| seen.target).collect();
    let streams: Vec<&str> = targets.iter().filter_map(|target| target.split(['=', '&']).nth(1)).collect();
    assert_eq!(streams, ["stream", "stream", "other"], "{targets:?}");
}

#[tokio::test]
async fn without_consent_there_are_no_calls_and_no_cookies() {
    let edge = Edge::start(&[VIP]).await;
    let lines = format!("{PATIENT}\nfirst_visit = \"ask\"\n[experience_platform.consent]\nhonour_gpc = true\n");
    let setup = Setup::rules(&shop::rules()).with(
        "more",
        &format!(
            "[experience_platform]\norg_id = \"ORG@AdobeOrg\"\ndatastream = \"stream\"\nedge_domain = \"http://127.0.0.1:{}\"\n{lines}",
            edge.server.port
        ),
    );
    let (_origin, running) = start_with(&setup).await;
    let ada = identity_cookie(ADA);
    let (allowed, refused) = ("kndctr_ORG_AdobeOrg_consent=general=in", "kndctr_ORG_AdobeOrg_consent=general=out");
    let navigation = ("sec-fetch-dest", "document");
    for (cookies, headers) in [
        (&[ada.as_str()][..], &[navigation][..]),
        (&[], &[navigation]),
        (&[&ada, refused], &[navigation]),
        (&[&ada, allowed, "mg_dnt=1"], &[navigation]),
        (&[&ada, allowed], &[navigation, ("sec-gpc", "1")]),
    ] {
        let page = Jar::with(cookies).open_with(&running, "/", headers).await;
        assert!(!is_vips(&page) && page.set_cookies().is_empty(), "{cookies:?} {:?}", page.set_cookies());
    }
    assert_eq!(edge.asked(), 0);
    let mut jar = Jar::with(&[&ada, allowed]);
    assert!(is_vips(&jar.open(&running, "/").await) && jar.has("segue"));
    assert_eq!(edge.asked(), 1);
    let mut out = Jar::with(&[&ada, refused]);
    out.0.extend(jar.0.iter().filter(|(name, _)| name == "segue").cloned());
    let page = out.open(&running, "/").await;
    assert!(!is_vips(&page) && !out.has("segue"), "what was known is dropped, and the cookie cleared");
    assert!(page.set_cookies()[0].contains("Max-Age=0"), "{:?}", page.set_cookies());
    assert_eq!(edge.asked(), 0);
}

#[tokio::test]
async fn logging_in_asks_again_and_logging_out_forgets() {
    let edge = Edge::start(&[]).await;
    let (origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    assert!(!is_vips(&ada.open(&running, "/").await));
    edge.set(&[VIP]);
    assert!(!is_vips(&ada.open(&running, "/").await), "it is fresh");
    let answer = ada.post(&running, "/customer/account/loginPost/").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (302, "private, no-store"));
    assert!(is_vips(&ada.open(&running, "/").await));
    edge.set(&[]);
    assert!(is_vips(&ada.open(&running, "/").await), "it is fresh");
    ada.open(&running, "/customer/account/logout/").await;
    origin.take();
    ada.post(&running, "/checkout/cart/add/").await;
    assert!(
        !origin.take_one().header("cookie").contains("aep-segments-membership"),
        "nothing is known until he is looked up"
    );
    assert!(!is_vips(&ada.open(&running, "/").await));
    assert_eq!(edge.asked(), 3);
}

/// As after an answer that came too late for the page that began the look-up.
#[tokio::test]
async fn logging_out_also_drops_what_waits_without_a_cookie() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    assert!(is_vips(&ada.clone().open(&running, "/").await));
    edge.set(&[]);
    assert!(is_vips(&ada.clone().open(&running, "/").await), "it waits for her next page");
    ada.open(&running, "/customer/account/logout/").await;
    assert!(!is_vips(&ada.open(&running, "/").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_page_does_not_bring_back_what_logging_out_dropped() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    ada.open(&running, "/").await;
    let mut other_tab = ada.clone();
    other_tab.0.retain(|(name, _)| name != "segue");
    let slow = async {
        let page = other_tab.open(&running, "/slow.html").await;
        assert!(is_vips(&page));
        other_tab.has("segue")
    };
    let logout = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ada.open(&running, "/customer/account/logout/").await;
    };
    let (brings_back, ()) = tokio::join!(slow, logout);
    assert!(!brings_back);
}

#[tokio::test]
async fn what_was_known_before_an_opt_out_does_not_come_back() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let consent = |word: &str| format!("kndctr_ORG_AdobeOrg_consent=general={word}");
    let ada = |word: &str| Jar::with(&[&identity_cookie(ADA), &consent(word)]);
    assert!(is_vips(&ada("in").open(&running, "/").await));
    edge.set(&[]);
    assert!(!is_vips(&ada("out").open(&running, "/").await));
    assert!(!is_vips(&ada("in").open(&running, "/").await));
}

#[tokio::test]
async fn what_page_scripts_say_is_a_hint_and_no_more() {
    let edge = Edge::start(&[]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    ada.open(&running, "/").await;
    ada.0.push(("aep-segments-membership".into(), VIP.into()));
    assert!(!is_vips(&ada.open(&running, "/").await));
    assert_eq!(edge.asked(), 1, "not so soon after the last look-up");
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert!(!is_vips(&ada.open(&running, "/").await), "Experience Platform knows better");
    assert!(!is_vips(&ada.open(&running, "/").await));
    assert_eq!(edge.asked(), 1, "once for one claim");
    ada.0.retain(|(name, _)| name != "aep-segments-membership");
    ada.0.push(("aep-segments-membership".into(), String::new()));
    tokio::time::sleep(Duration::from_millis(5100)).await;
    ada.open(&running, "/").await;
    assert_eq!(edge.asked(), 0, "it says what is known already");
}

#[tokio::test]
async fn only_pages_are_looked_up_for() {
    let edge = Edge::start(&[VIP]).await;
    let (_origin, running) = start(&edge, PATIENT).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    for path in
        ["/rest/V1/products", "/graphql", "/checkout/onepage/", "/customer/account/", "/media/logo.png", "/admin/"]
    {
        let answer = ada.open(&running, path).await;
        assert!(answer.set_cookies().is_empty(), "{path}");
    }
    ada.post(&running, "/checkout/cart/add/").await;
    assert_eq!(edge.asked(), 0);
}

#[tokio::test]
async fn while_watching_the_shops_own_bytes_go_out_without_a_cookie_and_without_waiting() {
    let edge = Edge::start(&[VIP]).await;
    let setup = Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT).mode("observe");
    let (_origin, running) = start_with(&setup).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    let page = ada.open(&running, "/").await;
    assert!(page.text() == shop::home() && page.set_cookies().is_empty());
    until_counted(&running, "segue_lookups_total{result=\"known\"} 1").await;
    ada.open(&running, "/").await;
    // The first page sees the answer too when that is there before the origin's.
    until_counted(&running, "segue_products_total{mode=\"observe\",outcome=\"changed\"} ").await;
    assert_eq!(edge.asked(), 1, "what was learnt waits for the next page");
}

#[tokio::test]
async fn what_an_operator_minted_is_not_looked_up() {
    let edge = Edge::start(&[]).await;
    let setup =
        Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT).with("membership", "fresh_for = \"0s\"");
    let (_origin, running) = start_with(&setup).await;
    let minted = say(&["cookie", "mint", "--config", &running.config(), "--audience", "VIP"]).await.out;
    let mut tester = Jar::with(&[&identity_cookie(ADA), &format!("segue={}", minted.trim())]);
    assert!(is_vips(&tester.open(&running, "/").await));
    assert_eq!(edge.asked(), 0);
}

#[tokio::test]
async fn an_answer_for_a_shared_cache_brings_no_cookie_and_so_nobody_is_made_known_there() {
    let edge = Edge::start(&[VIP]).await;
    let origin = Origin::start(|_| {
        let mut page = html(&shop::home());
        page.headers_mut().insert("x-magento-tags", "cms_p_2".parse().expect("a header value"));
        page
    })
    .await;
    let lines = format!("{PATIENT}\nfirst_visit = \"ask\"");
    let running = Running::start(&Setup::rules(&shop::rules()).platform(edge.server.port, &lines), origin.port).await;
    let navigation = [("sec-fetch-dest", "document")];
    for cookies in [&[identity_cookie(ADA)][..], &[]] {
        let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
        let page = Jar::with(&cookies).open_with(&running, "/", &navigation).await;
        assert!(page.set_cookies().is_empty() && page.text() == shop::home(), "{:?}", page.set_cookies());
        assert_eq!(page.header("x-magento-tags"), "cms_p_2");
    }
    assert_eq!(edge.asked(), 1, "only about who is known; where no answer can bring an identity, none is made");
}

#[tokio::test]
async fn a_session_that_ends_by_itself_is_noticed_on_the_page_that_says_so() {
    let edge = Edge::start(&[VIP]).await;
    let origin = Origin::start(|seen| {
        let mut page = html(&shop::home());
        if seen.target == "/ended.html" {
            let gone = "X-Magento-Vary=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/";
            page.headers_mut().insert("set-cookie", gone.parse().expect("a header value"));
        }
        page
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT), origin.port).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA), "X-Magento-Vary=abc"]);
    assert!(is_vips(&ada.open(&running, "/").await));
    edge.set(&[]);
    assert!(is_vips(&ada.open(&running, "/").await), "it is fresh");
    ada.open(&running, "/ended.html").await;
    assert!(!is_vips(&ada.open(&running, "/").await));
    assert_eq!(edge.asked(), 2);
}

#[tokio::test]
async fn a_session_that_ends_by_itself_is_noticed_on_what_the_scripts_of_a_cached_page_load() {
    let edge = Edge::start(&[VIP]).await;
    let origin = Origin::start(|seen| {
        if !seen.target.starts_with("/customer/section/load/") {
            return html(&shop::home());
        }
        let gone = "X-Magento-Vary=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/";
        let answer = Response::builder().header("content-type", "application/json").header("set-cookie", gone);
        answer.body(Bytes::from("{}")).expect("a valid answer")
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT), origin.port).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA), "X-Magento-Vary=abc"]);
    assert!(is_vips(&ada.open(&running, "/").await));
    edge.set(&[]);
    assert!(is_vips(&ada.open(&running, "/").await), "it is fresh");
    ada.open(&running, "/customer/section/load/?sections=customer").await;
    assert!(!is_vips(&ada.open(&running, "/").await));
    assert_eq!(edge.asked(), 2);
}

#[tokio::test]
async fn a_redirect_keeps_what_was_learnt_for_the_page_that_it_leads_to() {
    let edge = Edge::start(&[VIP]).await;
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/old.html" => {
            Response::builder().status(301).header("location", "/").body(Bytes::new()).expect("a valid answer")
        }
        _ => html(&shop::home()),
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()).platform(edge.server.port, PATIENT), origin.port).await;
    let mut ada = Jar::with(&[&identity_cookie(ADA)]);
    let redirect = ada.open(&running, "/old.html").await;
    assert!(redirect.status == 301 && redirect.set_cookies().is_empty(), "it may be kept by anybody");
    assert!(is_vips(&ada.open(&running, "/").await) && ada.has("segue"));
    assert_eq!(edge.asked(), 1);
}

#[tokio::test]
async fn with_the_edge_away_pages_go_out_as_they_are() {
    let bound = || std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = |listener: &std::net::TcpListener| listener.local_addr().expect("bound").port();
    // A socket that nobody accepts on takes connections and never answers; a closed one refuses them.
    let (hanging, closed) = (bound(), port(&bound()));
    for (port, word) in [(port(&hanging), "timeout"), (closed, "unreachable")] {
        let setup = Setup::rules(&shop::rules()).platform(port, "edge_timeout = \"300ms\"");
        let (_origin, running) = start_with(&setup).await;
        for number in 0..8 {
            let mut shopper = Jar::with(&[&identity_cookie(&format!("4{number:037}"))]);
            let page = shopper.open(&running, "/").await;
            assert!(page.status == 200 && !is_vips(&page) && page.text().contains("Hello all"));
        }
        until_counted(&running, &format!("segue_lookups_total{{result=\"{word}\"}} ")).await;
    }
}
