//! The page's own script talks to the Edge Network through Segue: bytes pass, secrets stay, and what goes by is believed only of the
//! shopper whose browser it is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use segue::aep::OrgId;
use segue::aep::config::{Config, Datastreams, Edge, Version};
use serde_json::{Value, json};

use crate::support::{Answer, FirstParty, Origin, Running, Setup, get, ok, unchunk};

const OWN: &str = "11111111111111111111111111111111111111";
const VIP: &str = "22222222222222222222222222222222222222";
const IDENTITY: &str = "kndctr_53A1_AdobeOrg_identity";
const READ: &str = "/ee/v1/interact?configId=stream-1&requestId=0b1e-4e2";

/// Who was reported to be in which audiences, and where.
type Reports = Arc<Mutex<Vec<(String, Vec<String>, String)>>>;

/// A shop and an Edge Network behind one proxy.
struct Stage {
    shop: Origin,
    edge: Origin,
    proxy: Running,
    reports: Reports,
}

impl Stage {
    async fn with_edge(edge: Origin) -> Self {
        let shop = Origin::answering(ok("the shop's")).await;
        let reports = Reports::default();
        let first_party = Some(first_party(edge.address, Arc::clone(&reports)));
        let proxy = Setup { first_party, ..Setup::default() }.start(shop.address).await;
        Self { shop, edge, proxy, reports }
    }

    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::with_edge(Origin::answering(answer).await).await
    }

    /// Sends `body` as the Web SDK does, from a browser with an identity.
    async fn call(&self, target: &str, body: &str) -> Answer {
        self.proxy.exchange(call(target, "", body)).await
    }

    fn reported(&self) -> Vec<(String, Vec<String>, String)> {
        self.reports.lock().expect("no test panics while it reports").clone()
    }

    fn counted(&self, result: &str) -> bool {
        self.proxy.metrics.encode().contains(&format!("segue_wire_reports_total{{result=\"{result}\"}} 1"))
    }
}

fn first_party(edge: SocketAddr, reports: Reports) -> FirstParty {
    let url = |text: &str| text.parse().expect("a URL");
    let edge = Edge {
        url: url(&format!("http://{edge}")),
        authenticated: false,
        version: Version::V2,
        datastreams: Datastreams { default: Some("stream-1".into()), ..Datastreams::default() },
        aliases: Vec::new(),
        region_hint: None,
        timeout: Duration::from_secs(2),
    };
    let config = Config {
        org: OrgId::parse("53A1@AdobeOrg").expect("an organisation"),
        credentials: None,
        sandbox: "prod".into(),
        ims: url("http://127.0.0.1:9"),
        platform: url("http://127.0.0.1:9"),
        edge,
        destinations: Vec::new(),
        sync_every: Duration::from_secs(900),
    };
    let learn: segue::proxy::first_party::Learn = Arc::new(move |reported| {
        let audiences = reported.report.audiences.iter().map(|id| id.to_string()).collect();
        let view = reported.view.code.to_string();
        let mut reports = reports.lock().expect("no test panics while it reports");
        reports.push((reported.report.ecid.as_str().to_owned(), audiences, view));
        Some("segue=sealed".parse().expect("a header value"))
    });
    FirstParty { config, learn }
}

fn cookie(ecid: &str) -> String {
    let length = u8::try_from(ecid.len()).expect("a short id");
    URL_SAFE.encode([&[0x0a, length][..], ecid.as_bytes()].concat())
}

/// What the Web SDK sends; `more` header lines end with CRLF.
fn call(target: &str, more: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: shop.test\r\nContent-Type: text/plain; charset=UTF-8\r\nCookie: PHPSESSID=secret; \
         {IDENTITY}={}; segue=own\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n{more}Connection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        cookie(OWN),
        body.len()
    )
}

fn request() -> Value {
    json!({
        "query": { "identity": { "fetch": ["ECID"] } },
        "meta": { "state": { "domain": "shop.test", "cookiesEnabled": true } },
        "events": [{ "xdm": { "eventType": "web.webpagedetails.pageViews" } }],
    })
}

/// What the Edge Network says of a shopper in the audience `gold`.
fn membership(ecid: &str) -> String {
    let answer = json!({ "requestId": "0b1e-4e2-ffff", "handle": [
        { "type": "identity:result", "payload": [{ "id": ecid, "namespace": { "code": "ECID" } }] },
        { "type": "activation:pull", "payload": [{ "type": "profileLookup", "alias": "shop", "segments": [{ "id": "gold" }] }] },
    ] });
    answer.to_string()
}

fn interact(body: &[u8], more: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nX-Adobe-Edge: IRL1;6\r\n\
         Set-Cookie: kndctr_53A1_AdobeOrg_cluster=irl1; Path=/\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn gzip(plain: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[tokio::test]
async fn calls_go_to_adobe_and_everything_else_to_the_shop() {
    let stage = Stage::answering(ok("Adobe's")).await;
    for (target, to_edge) in [
        ("/ee", Some("/ee")),
        ("/ee/", Some("/ee/")),
        ("/ee?a=b", Some("/ee?a=b")),
        ("/ee/v1/collect?configId=x%20y&requestId=1", Some("/ee/v1/collect?configId=x%20y&requestId=1")),
        ("/ee/irl1/v1/privacy/set-consent?configId=x", Some("/ee/irl1/v1/privacy/set-consent?configId=x")),
        ("/eel", None),
        ("/eel/v1/interact", None),
        ("/EE/v1/interact", None),
        ("/%65e/v1/interact", None),
        ("/shop/ee/v1/interact", None),
        ("//ee/v1/interact", None),
        ("/?/ee/v1/interact", None),
        ("/", None),
    ] {
        let (before, shop) = (stage.edge.received().len(), stage.shop.received().len());
        let answer = stage.proxy.exchange(get(target)).await;
        let received = stage.edge.received();
        let to = received.get(before).map(|received| received.first_line().to_owned());
        assert_eq!(to, to_edge.map(|path| format!("GET {path} HTTP/1.1")), "{target}");
        assert_eq!(stage.shop.received().len() - shop, usize::from(to_edge.is_none()), "{target}");
        assert_eq!(answer.text(), if to_edge.is_some() { "Adobe's" } else { "the shop's" }, "{target}");
    }
}

#[tokio::test]
async fn paths_that_lead_out_of_the_edge_network_lead_nowhere() {
    let stage = Stage::answering(ok("Adobe's")).await;
    for target in ["/ee/../admin", "/ee/%2e%2e/admin", "/ee//v1/interact", "/ee/./v1/interact", "/ee/v1/interact;x"] {
        assert_eq!(stage.proxy.exchange(get(target)).await.status(), 400, "{target}");
    }
    assert!(stage.edge.received().is_empty() && stage.shop.received().is_empty());
}

#[tokio::test]
async fn a_shops_secrets_stay() {
    let stage = Stage::answering(ok("fine")).await;
    let more = "Authorization: Bearer secret\r\nX-Segue-Token: secret\r\naep-segments-membership: secret\r\n\
                X-Api-Key: secret\r\nReferer: https://shop.test/bags.html\r\nOrigin: https://shop.test\r\n\
                User-Agent: Browser\r\nSec-CH-UA: \"Chromium\"\r\n";
    stage.proxy.exchange(call("/ee/v1/collect?configId=stream-1", more, "{}")).await;
    let received = stage.edge.only_request();
    assert!(!received.head.contains("secret"), "{}", received.head);
    assert_eq!(received.all("cookie"), [format!("{IDENTITY}={}", cookie(OWN))]);
    assert_eq!(received.all("host"), [stage.edge.address.to_string()]);
    assert_eq!(received.one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(received.one("referer"), Some("https://shop.test/bags.html"));
    assert_eq!((received.one("origin"), received.one("user-agent")), (Some("https://shop.test"), Some("Browser")));
    assert_eq!(received.one("sec-ch-ua"), Some("\"Chromium\""));
    assert_eq!(
        received.one("accept-encoding"),
        Some("gzip, deflate, br, zstd"),
        "as it is for a call that is not read"
    );
}

#[tokio::test]
async fn bytes_pass_as_they_are() {
    let odd: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    for status in ["200 OK", "207 Multi-Status", "400 Bad Request", "429 Too Many Requests", "503 Service Unavailable"]
    {
        let more = "Content-Encoding: br\r\nRetry-After: 3\r\nAccess-Control-Allow-Origin: https://shop.test\r\n";
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n",
            odd.len()
        );
        let stage = Stage::answering([head.as_bytes(), &odd].concat()).await;
        let answer = stage.call(READ, &request().to_string()).await;
        assert_eq!(answer.head.lines().next(), Some(format!("HTTP/1.1 {status}").as_str()));
        assert!(answer.rest == odd, "{status}");
        assert_eq!(answer.one("access-control-allow-origin"), Some("https://shop.test"));
        assert_eq!(answer.one("retry-after"), Some("3"));
        assert_eq!(stage.edge.only_request().body, request().to_string().as_bytes());
    }
}

#[tokio::test]
async fn an_answer_without_a_body_and_a_preflight_pass() {
    let stage = Stage::answering("HTTP/1.1 204 No Content\r\nX-Request-Id: 1\r\n\r\n").await;
    assert_eq!(stage.call(READ, &request().to_string()).await.status(), 204);
    assert!(stage.counted("status"));
    let cors = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://shop.test\r\nContent-Length: 0\r\n\r\n";
    let stage = Stage::answering(cors).await;
    let preflight = format!(
        "OPTIONS {READ} HTTP/1.1\r\nHost: shop.test\r\nOrigin: https://shop.test\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n"
    );
    let answer = stage.proxy.exchange(preflight).await;
    assert_eq!(answer.one("access-control-allow-origin"), Some("https://shop.test"));
    let received = stage.edge.only_request();
    assert_eq!(received.one("access-control-request-headers"), Some("content-type"));
}

#[tokio::test]
async fn what_adobe_says_of_its_own_host_is_not_said_of_the_shops() {
    let more = "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nAlt-Svc: h3=\":443\"\r\n";
    let stage = Stage::answering(interact(b"{}", more)).await;
    let answer = stage.call("/ee/v1/collect", "{}").await;
    assert_eq!((answer.one("strict-transport-security"), answer.one("alt-svc")), (None, None));
    assert_eq!(answer.one("x-adobe-edge"), Some("IRL1;6"));
    assert_eq!(answer.all("set-cookie"), ["kndctr_53A1_AdobeOrg_cluster=irl1; Path=/"]);
}

#[tokio::test]
async fn an_answer_that_reports_a_membership_brings_the_cookie_that_keeps_it() {
    let plain = membership(OWN);
    let packed = gzip(&plain);
    for (body, more) in [(plain.as_bytes(), ""), (&packed[..], "Content-Encoding: gzip\r\n")] {
        let stage = Stage::answering(interact(body, more)).await;
        let answer = stage.call(READ, &request().to_string()).await;
        assert_eq!(answer.all("set-cookie"), ["kndctr_53A1_AdobeOrg_cluster=irl1; Path=/", "segue=sealed"]);
        assert!(answer.rest == body, "as it came");
        assert_eq!(answer.one("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(stage.reported(), [(OWN.to_owned(), vec!["gold".to_owned()], "default".to_owned())]);
        assert!(stage.counted("counted"));
        let received = stage.edge.only_request();
        assert_eq!(received.one("accept-encoding"), Some("gzip"), "no coding that cannot be read");
        assert_eq!(received.body, request().to_string().as_bytes());
    }
}

#[tokio::test]
async fn an_answer_that_brings_a_cookie_is_one_browsers_alone() {
    for (about, expected) in [(OWN, "private, no-store"), (VIP, "public, max-age=60")] {
        let stage =
            Stage::answering(interact(membership(about).as_bytes(), "Cache-Control: public, max-age=60\r\n")).await;
        let answer = stage.call(READ, &request().to_string()).await;
        assert_eq!(answer.one("cache-control"), Some(expected));
    }
}

#[tokio::test]
async fn reads_chunked_calls_and_answers() {
    let body = membership(OWN);
    let (first, last) = body.split_at(100);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{last}\r\n0\r\n\r\n",
        first.len(),
        last.len()
    );
    let stage = Stage::answering(answer).await;
    let sent = request().to_string();
    let (head, _) = call(READ, "", "")
        .split_once("Content-Length")
        .map(|(head, rest)| (head.to_owned(), rest.len()))
        .expect("a head");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{sent}\r\n0\r\n\r\n", sent.len());
    let answer = stage.proxy.exchange(chunked).await;
    let came = if answer.one("transfer-encoding").is_some() {
        unchunk(&answer.rest).expect("whole")
    } else {
        answer.rest.clone()
    };
    assert_eq!(came, body.as_bytes());
    assert_eq!(stage.reported().len(), 1);
    assert_eq!(stage.edge.only_request().body, sent.as_bytes());
}

#[tokio::test]
async fn reads_calls_over_http_2() {
    let stage = Stage::answering(interact(membership(OWN).as_bytes(), "")).await;
    let stream = stage.proxy.connect().await.stream;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = handshake.await.expect("the proxy speaks HTTP/2");
    tokio::spawn(connection);
    let call = http::Request::post(format!("http://shop.test{READ}"))
        .header("content-type", "text/plain;charset=UTF-8")
        .header("cookie", "PHPSESSID=secret")
        .header("cookie", format!("{IDENTITY}={}", cookie(OWN)))
        .body(Full::<Bytes>::from(request().to_string()))
        .expect("valid");
    let answer = client.send_request(call).await.expect("an answer");
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(answer.into_body().collect().await.expect("whole").to_bytes(), membership(OWN));
    assert_eq!(stage.edge.only_request().all("cookie"), [format!("{IDENTITY}={}", cookie(OWN))]);
    assert_eq!(stage.reported().len(), 1);
}

/// Each of these is answered for a member of `gold`, and none of them is one.
#[tokio::test]
async fn nobody_reports_himself_a_member() {
    let named = |map: Value| json!({ "events": [{ "xdm": { "identityMap": map } }] }).to_string();
    let honest = request().to_string();
    let twice = honest.replacen(
        "{\"events\"",
        &format!("{{\"xdm\":{{\"identityMap\":{{\"ECID\":[{{\"id\":\"{VIP}\"}}]}}}},\"events\""),
        1,
    );
    for (target, more, body, why) in [
        ("/ee/v1/interact?configId=mine", "", honest.clone(), "datastream"),
        ("/ee/v1/interact?configId=stream-1&configId=mine", "", honest.clone(), "datastream"),
        ("/ee/v2/interact?datastreamId=mine&configId=stream-1", "", honest.clone(), "datastream"),
        ("/ee/v1/interact?configId=stream-1&config%49d=mine", "", honest.clone(), "parameter"),
        (READ, "Content-Encoding: identity\r\n", honest.clone(), "form"),
        (READ, "Content-Type: text/plain; charset=utf-7\r\n", honest.clone(), "form"),
        (READ, "", named(json!({ "email": [{ "id": "vip@shop.test", "primary": true }] })), "other_identity"),
        (
            READ,
            "",
            named(json!({ "ECID": [{ "id": OWN, "primary": true }], "crm": [{ "id": "7" }] })),
            "other_identity",
        ),
        (READ, "", named(json!({ "ECID": [{ "id": VIP }] })), "other_ecid"),
        (READ, "", twice, "other_ecid"),
        (READ, "", json!({ "events": [], "meta": { "configOverrides": { "x": 1 } } }).to_string(), "override"),
        (READ, "", format!("{}{honest}", " ".repeat(64 << 10)), "length"),
        (READ, "", "not JSON".into(), "not_json"),
        (READ, &format!("Cookie: {IDENTITY}={}\r\n", cookie(VIP)), honest.clone(), "several_identities"),
    ] {
        let stage = Stage::answering(interact(membership(OWN).as_bytes(), "")).await;
        let answer = stage.call_with(target, more, &body).await;
        assert_eq!((answer.status(), answer.text()), (200, membership(OWN)), "it passes: {why}");
        assert_eq!(answer.all("set-cookie").len(), 1, "{why}");
        assert_eq!(stage.reported(), [], "{why}");
        assert!(stage.counted(why), "{why}: {}", stage.proxy.metrics.encode());
        assert_eq!(stage.edge.only_request().body, body.as_bytes(), "{why}");
    }
}

impl Stage {
    async fn call_with(&self, target: &str, more: &str, body: &str) -> Answer {
        self.proxy.exchange(call(target, more, body)).await
    }
}

#[tokio::test]
async fn an_answer_about_somebody_else_or_nobody_counts_for_nobody() {
    let unnamed = membership(OWN).replace("ECID", "CORE");
    let more = format!("Set-Cookie: {IDENTITY}={}\r\n", cookie(VIP));
    for (body, more, why) in [
        (membership(VIP), "", "other_answer"),
        (membership(OWN), more.as_str(), "other_answer"),
        (unnamed, "", "unconfirmed"),
        (membership(OWN).replace("pull", "push"), "", "no_membership"),
        ("<html>".into(), "", "answer"),
    ] {
        let stage = Stage::answering(interact(body.as_bytes(), more)).await;
        let answer = stage.call(READ, &request().to_string()).await;
        assert_eq!(answer.text(), body);
        assert_eq!(stage.reported(), [], "{why}");
        assert!(stage.counted(why), "{why}");
    }
}

#[tokio::test]
async fn other_calls_are_not_read() {
    for target in [
        "/ee/v1/collect?configId=stream-1",
        "/ee/v1/identity/acquire?configId=stream-1",
        "/ee/v1/privacy/set-consent?configId=stream-1",
        "/ee/x/v1/interact?configId=stream-1",
        "/ee/v3/interact?configId=stream-1",
    ] {
        let stage = Stage::answering(interact(membership(OWN).as_bytes(), "")).await;
        assert_eq!(stage.call(target, &request().to_string()).await.text(), membership(OWN), "{target}");
        assert_eq!(stage.reported(), [], "{target}");
        assert!(!stage.proxy.metrics.encode().contains("segue_wire_reports_total{"), "{target}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_slow_streams_on_unread() {
    let large = format!("{}{}", membership(OWN), " ".repeat(2 << 20));
    let stage = Stage::answering(interact(large.as_bytes(), "")).await;
    assert_eq!(stage.call(READ, &request().to_string()).await.text(), large);
    assert!(stage.counted("unread") && stage.reported().is_empty());
    let edge = Origin::script(|mut connection| async move {
        while connection.request().await.is_some() {
            let answer = interact(membership(OWN).as_bytes(), "");
            let (first, last) = answer.split_at(answer.len() - 10);
            connection.send(first).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            connection.send(last).await;
        }
    })
    .await;
    let stage = Stage::with_edge(edge).await;
    let begun = Instant::now();
    let mut client = stage.proxy.connect().await;
    client.send(call(READ, "", &request().to_string())).await;
    client.head().await;
    assert!(begun.elapsed() < Duration::from_millis(3500), "held for no longer than it may be: {:?}", begun.elapsed());
    assert_eq!(client.rest().await.head, membership(OWN));
    assert!(stage.counted("unread") && stage.reported().is_empty());
}

#[tokio::test]
async fn an_unread_answer_streams_while_it_comes() {
    let edge = Origin::script(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let stage = Stage::with_edge(edge).await;
    let mut client = stage.proxy.connect().await;
    client.send(call("/ee/v1/collect", "", "{}")).await;
    client.until(b"first").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_and_counts_for_nobody() {
    let body = membership(OWN);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.len() + 5,
        body
    );
    let stage = Stage::with_edge(Origin::answering_once(answer).await).await;
    let answer = stage.call(READ, &request().to_string()).await;
    assert_eq!(answer.one("content-length"), Some((body.len() + 5).to_string().as_str()));
    assert!(answer.rest.len() <= body.len() && body.as_bytes().starts_with(&answer.rest));
    assert!(stage.counted("unread") && stage.reported().is_empty());
}

#[tokio::test]
async fn an_edge_network_that_is_away_harms_no_page() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let away = unused.local_addr().expect("an address");
    drop(unused);
    let shop = Origin::answering(ok("the shop's")).await;
    let first_party = Some(first_party(away, Reports::default()));
    let proxy = Setup { first_party, ..Setup::default() }.start(shop.address).await;
    assert_eq!(proxy.exchange(call(READ, "", &request().to_string())).await.status(), 502);
    assert_eq!(proxy.exchange(get("/")).await.text(), "the shop's");
    let metrics = proxy.metrics.encode();
    assert!(metrics.contains("segue_first_party_errors_total{reason=\"connect\"} 1"), "{metrics}");
    assert!(!metrics.contains("segue_origin_errors_total{"), "the shop is well");
}

#[tokio::test]
async fn a_hung_edge_network_is_given_up_and_harms_no_page() {
    let edge = Origin::script(|mut connection| async move {
        connection.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let stage = Stage::with_edge(edge).await;
    let mut waiting = stage.proxy.connect().await;
    waiting.send(call(READ, "", &request().to_string())).await;
    let begun = Instant::now();
    assert_eq!(stage.proxy.exchange(get("/")).await.text(), "the shop's");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(waiting.head().await.status(), 504);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
