//! Through the real program and a stand-in for Adobe's services: what the page's own script is told, and what Experience Platform says
//! by itself, shows on the very next page.

use std::time::{Duration, Instant};

use http::HeaderMap;
use segue::demo::platform::{Audience, Datastream, Destination, Options, Service, Target};
use serde_json::{Value, json};

use crate::origin::{Origin, html};
use crate::platform::Adobe;
use crate::running::{Answer, Running, Setup, free_port, send};
use crate::shop::{self, VIP};

const ADA: &str = "11111111111111111111111111111111111111";
const MEMBER: &str = "22222222222222222222222222222222222222";

/// Long enough on a busy machine, so that tests of what is shown do not depend on its speed.
const PATIENT: &str = "budget = \"5s\"\nfirst_party_path = \"/ee\"\n";

/// Adobe, with one destination of this shop's audiences.
async fn adobe(push: Option<Target>) -> Adobe {
    let destination = Destination {
        id: "d1".into(),
        name: "Shop".into(),
        alias: "shop".into(),
        enabled: true,
        audiences: vec![VIP.into()],
    };
    let datastream =
        Datastream { id: "stream".into(), enabled: true, authenticated: false, destinations: vec![destination] };
    let org = "ORG@AdobeOrg".into();
    let audiences = vec![Audience::new(VIP, "VIP")];
    Adobe::start(Options { org, datastreams: vec![datastream], audiences, push, ..Options::default() }).await
}

/// A shop with Segue in front, and a browser.
struct Visit {
    adobe: Adobe,
    origin: Origin,
    running: Running,
    cookies: Vec<(String, String)>,
}

impl Visit {
    async fn begin(adobe: Adobe, setup: Setup) -> Self {
        let origin = Origin::start(|_| html(&shop::home())).await;
        let running = Running::start(&setup, origin.port).await;
        let identity = (adobe.platform.cookie("identity"), adobe.platform.identity_cookie(ADA));
        Self { adobe, origin, running, cookies: vec![identity] }
    }

    async fn with(lines: &str) -> Self {
        let adobe = adobe(None).await;
        let setup = Setup::rules(&shop::rules()).platform(port(&adobe.url), &format!("{PATIENT}{lines}"));
        Self::begin(adobe, setup).await
    }

    fn line(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().expect("an ASCII header");
            let pair = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.retain(|(name, _)| name != pair.0);
            self.cookies.push((pair.0.to_owned(), pair.1.to_owned()));
        }
    }

    /// Opens the home page; true when it is a member's.
    async fn sees_vip_page(&mut self) -> bool {
        let page = self.running.get("/", &[("cookie", &self.line())]).await;
        self.keep(&page.headers);
        page.text().contains("Hello VIP")
    }

    /// Lets the page's script ask.
    async fn ask(&mut self, body: &Value) -> Answer {
        let url = format!("http://127.0.0.1:{}/ee/v1/interact?configId=stream&requestId=0b1e-4e2", self.running.port);
        let headers = [("cookie", self.line()), ("content-type", "text/plain; charset=UTF-8".into())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = send("POST", &url, &headers, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.keep(&answer.headers);
        answer
    }

    fn has_own_cookie(&self) -> bool {
        self.cookies.iter().any(|(name, _)| name == "segue")
    }

    /// How often Adobe was asked since it was last asked about.
    fn asked(&self) -> u64 {
        let count = self.adobe.platform.count(Service::Edge);
        self.adobe.platform.forget_requests();
        count
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// A page view, as the Web SDK sends it.
fn page_view() -> Value {
    json!({
        "query": { "identity": { "fetch": ["ECID"] } },
        "meta": { "state": { "domain": "shop.test", "cookiesEnabled": true } },
        "events": [{ "xdm": { "eventType": "web.webpagedetails.pageViews" } }],
    })
}

fn names_vip(answer: &Answer) -> bool {
    answer.text().contains(VIP)
}

#[tokio::test]
async fn what_the_pages_script_is_told_shows_on_the_next_page_without_a_look_up() {
    let mut ada = Visit::with("").await;
    for is_in in [true, false, true] {
        ada.adobe.platform.move_visitor(ADA, VIP, is_in);
        let answer = ada.ask(&page_view()).await;
        assert_eq!(names_vip(&answer), is_in);
        assert!(answer.set_cookies().iter().any(|line| line.starts_with("segue=") && line.contains("HttpOnly")));
        ada.origin.take();
        assert_eq!(ada.sees_vip_page().await, is_in);
        let told = ada.origin.take_one().header("cookie").contains(&format!("aep-segments-membership={VIP}"));
        assert_eq!(told, is_in, "the origin knows it too");
        assert_eq!(ada.asked(), 1, "the script's own call");
    }
    let metrics = ada.running.metrics().await;
    assert!(metrics.contains("segue_wire_reports_total{result=\"counted\"} 3"), "{metrics}");
}

/// Adobe answers these for a member, and says so beside the browser's own ECID.
#[tokio::test]
async fn who_asks_as_a_member_is_none() {
    let mut ada = Visit::with("").await;
    ada.adobe.platform.move_visitor(MEMBER, VIP, true);
    ada.adobe.platform.link_identity("email", "vip@shop.test", MEMBER);
    for map in [
        json!({ "email": [{ "id": "vip@shop.test", "primary": true }] }),
        json!({ "ECID": [{ "id": MEMBER, "primary": true }] }),
        json!({ "email": [{ "id": "vip@shop.test", "primary": true }], "ECID": [{ "id": ADA }] }),
    ] {
        let mut body = page_view();
        body["events"][0]["xdm"]["identityMap"] = map;
        assert!(names_vip(&ada.ask(&body).await), "the stand-in is taken in: {body}");
        assert!(!ada.has_own_cookie(), "{body}");
    }
    assert!(!ada.sees_vip_page().await);
}

#[tokio::test]
async fn without_consent_nothing_is_kept_of_what_went_by() {
    let adobe = adobe(None).await;
    let section = format!(
        "[experience_platform]\norg_id = \"ORG@AdobeOrg\"\ndatastream = \"stream\"\nedge_domain = \"{}\"\n{PATIENT}",
        adobe.url
    );
    let mut ada = Visit::begin(adobe, Setup::rules(&shop::rules()).with("more", &section)).await;
    ada.adobe.platform.move_visitor(ADA, VIP, true);
    assert!(names_vip(&ada.ask(&page_view()).await));
    assert!(!ada.has_own_cookie() && !ada.sees_vip_page().await);
    ada.cookies.push((ada.adobe.platform.cookie("consent"), "general=in".into()));
    ada.ask(&page_view()).await;
    assert!(ada.has_own_cookie() && ada.sees_vip_page().await);
}

#[tokio::test]
async fn while_watching_answers_pass_without_a_cookie_of_segues() {
    let adobe = adobe(None).await;
    let setup = Setup::rules(&shop::rules()).platform(port(&adobe.url), PATIENT).mode("observe");
    let mut ada = Visit::begin(adobe, setup).await;
    ada.adobe.platform.move_visitor(ADA, VIP, true);
    ada.ask(&page_view()).await;
    assert!(!ada.has_own_cookie());
}

#[tokio::test]
async fn what_experience_platform_says_by_itself_shows_on_the_next_page() {
    let listen = free_port();
    let token = "a-token-of-these-tests";
    let target = Target { url: format!("http://127.0.0.1:{listen}/push"), token: token.into(), delay: Duration::ZERO };
    let adobe = adobe(Some(target)).await;
    let push = format!("[experience_platform.push]\nlisten = \"127.0.0.1:{listen}\"\ntokens = [\"{token}\"]\n");
    let setup = Setup::rules(&shop::rules()).platform(port(&adobe.url), &format!("{PATIENT}{push}"));
    let mut ada = Visit::begin(adobe, setup).await;
    assert!(!ada.sees_vip_page().await);
    assert_eq!(ada.asked(), 1);
    ada.adobe.platform.move_visitor(ADA, VIP, true);
    let begun = Instant::now();
    while !ada.running.metrics().await.contains("segue_push_shoppers_total 1") {
        assert!(begun.elapsed() < Duration::from_secs(10), "the message arrives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ada.sees_vip_page().await, "long before the membership is a minute old");
    assert!(ada.sees_vip_page().await);
    assert_eq!(ada.asked(), 1, "one message costs one look-up");
}
