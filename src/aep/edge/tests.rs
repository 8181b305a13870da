use super::*;
use crate::aep::config::{Credentials, Version};
use crate::aep::mock::{Mock, Seen, answer, config_at};
use crate::aep::{Ecid, Identity};
use http::HeaderMap;
use serde_json::{Value, json};

const ECID: &str = "54758217238990693431236455737116189050";

/// The same for an organisation whose cookies are easy to write, and with less patience.
fn config(url: &Url) -> Config {
    let mut config = config_at(url);
    config.org = config::OrgId::parse("ORG@AdobeOrg").expect("an organisation");
    config.edge.timeout = Duration::from_millis(500);
    config
}

fn connected(config: &Config) -> Result<Edge, calls::BuildError> {
    Edge::connect(config, ims::Tokens::of(config)?)
}

fn question() -> Question {
    Question {
        identity: Ecid::parse(ECID).map(Identity::Ecid),
        datastream: "stream".into(),
        domain: "shop.example".into(),
        state: vec![("kndctr_ORG_AdobeOrg_consent".into(), "general=in".into())],
        state_has_identity: false,
        hint: None,
        headers: [(http::header::USER_AGENT, "Browser".parse().expect("a value"))].into_iter().collect(),
    }
}

fn vip() -> Value {
    json!({ "requestId": "x-1", "handle": [
        { "type": "activation:pull", "payload": [{ "segments": [{ "id": "vip" }] }] },
        { "type": "locationHint:result", "payload": [{ "scope": "EdgeNetwork", "hint": "bra1" }] },
    ] })
}

fn sent(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).expect("JSON")
}

#[tokio::test]
async fn asks_version_2_about_one_shopper_without_a_page_view() {
    let mock = Mock::start(|_| answer(200, vip())).await;
    let edge = Edge::connect(&config(&mock.url), None).expect("a client");
    let got = edge.ask(&question()).await.expect("an answer");
    assert_eq!(got.profile, Profile::Known(["vip".into()].into()));
    let [seen] = &mock.seen()[..] else { panic!("one request") };
    assert_eq!((seen.head.method.as_str(), seen.path()), ("POST", "/ee/v2/interact"));
    assert!(seen.query().starts_with("datastreamId=stream&requestId="), "{}", seen.query());
    assert_eq!((seen.header("content-type"), seen.header("user-agent")), ("application/json", "Browser"));
    for absent in ["authorization", "x-api-key", "x-gw-ims-org-id", "cookie", "referer"] {
        assert_eq!(seen.header(absent), "", "{absent}");
    }
    let body = sent(seen);
    assert_eq!(
        body["event"]["xdm"]["identityMap"]["ECID"][0],
        json!({ "id": ECID, "authenticatedState": "ambiguous", "primary": true })
    );
    assert_eq!(body["event"]["xdm"]["eventType"], "decisioning.propositionFetch");
    assert_eq!(body["event"]["xdm"].get("web"), None);
    assert_eq!(body["query"]["identity"]["fetch"], json!(["ECID"]));
    assert_eq!(
        body["meta"]["state"],
        json!({ "domain": "shop.example", "cookiesEnabled": true, "entries": [{ "key": "kndctr_ORG_AdobeOrg_consent", "value": "general=in" }] })
    );
}

#[tokio::test]
async fn asks_version_1_as_the_web_sdk_does_and_names_nobody_twice() {
    let mock = Mock::start(|_| answer(200, vip())).await;
    let mut config = config(&mock.url);
    config.edge.version = Version::V1;
    let edge = connected(&config).expect("a client");
    edge.ask(&Question { state_has_identity: true, ..question() }).await.expect("an answer");
    edge.ask(&Question { identity: None, ..question() }).await.expect("an answer");
    edge.ask(&Question { identity: Identity::fpid("9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22"), ..question() })
        .await
        .expect("an answer");
    let seen = mock.seen();
    assert!(seen[0].path() == "/ee/v1/interact" && seen[0].query().starts_with("configId=stream&"));
    let maps: Vec<Value> = seen.iter().map(|seen| sent(seen)["events"][0]["xdm"]["identityMap"].clone()).collect();
    assert_eq!(maps[..2], [Value::Null, Value::Null]);
    assert_eq!(maps[2]["FPID"][0]["id"], "9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22");
}

#[tokio::test]
async fn a_region_goes_into_the_path_when_it_is_one() {
    let mock = Mock::start(|_| answer(200, vip())).await;
    let mut config = config(&mock.url);
    config.edge.region_hint = Some("va6".into());
    let edge = connected(&config).expect("a client");
    for hint in [None, Some("or2"), Some("evil1"), Some("bra1")] {
        edge.ask(&Question { hint: hint.map(str::to_owned), ..question() }).await.expect("an answer");
    }
    let paths: Vec<String> = mock.seen().iter().map(|seen| seen.path().to_owned()).collect();
    let path = |region: &str| format!("/ee/{region}/v2/interact");
    assert_eq!(paths, [path("va6"), path("or2"), path("va6"), path("bra1")], "the Edge Network itself named the last");
}

#[test]
fn a_region_goes_before_adobes_host_for_authenticated_calls() {
    let url = "https://server.adobedc.net".parse().expect("a URL");
    let mut config = config(&url);
    config.edge.authenticated = true;
    let edge = connected(&config).expect("a client");
    let of = |hint| edge.inner.url(hint, "a b").to_string();
    assert!(of(Some("irl1")).starts_with("https://irl1.server.adobedc.net/ee/v2/interact?datastreamId=a+b&requestId="));
    assert!(of(None).starts_with("https://server.adobedc.net/ee/v2/interact?"));
}

#[tokio::test]
async fn shows_a_token_where_that_is_asked_for_and_replaces_one_that_is_refused() {
    let mock = Mock::start(|seen| match seen.path() {
        "/ims/token/v3" => answer(200, json!({ "access_token": "t0ken", "token_type": "bearer", "expires_in": 86399 })),
        _ => answer(401, json!({ "type": "https://ns.adobe.com/aep/errors/EXEG-0503-401", "title": "Expired" })),
    })
    .await;
    let mut config = config(&mock.url);
    config.edge.authenticated = true;
    config.credentials = Some(Credentials {
        client_id: "client".into(),
        client_secrets: vec!["s3cret".into()],
        technical_account_id: None,
        technical_account_email: None,
        scopes: vec!["openid".into()],
    });
    let edge = connected(&config).expect("a client");
    for _ in 0..2 {
        let error = edge.ask(&question()).await.expect_err("it is refused");
        assert_eq!(error.to_string(), "refused with 401 Unauthorized EXEG-0503-401: Expired");
        assert!(error.is_everybodys() && !error.may_be_repeated());
    }
    let seen = mock.seen();
    let calls: Vec<&Seen> = seen.iter().filter(|seen| seen.path() == "/ee/v2/interact").collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].header("authorization"), "Bearer t0ken");
    assert_eq!((calls[0].header("x-api-key"), calls[0].header("x-gw-ims-org-id")), ("client", "ORG@AdobeOrg"));
    assert!(!format!("{edge:?}").contains("s3cret"));
}

#[tokio::test]
async fn tells_every_failure_apart() {
    let mock = Mock::start(|seen| {
        let code = seen.body.find("\"domain\":\"").map(|at| seen.body[at + 10..].chars().take(3).collect::<String>());
        let status = code.and_then(|code| code.parse().ok()).unwrap_or(200);
        let mut answer = answer(status, if status == 200 { "<html>" } else { "{}" });
        answer.headers_mut().insert("retry-after", "7".parse().expect("a value"));
        answer
    })
    .await;
    let edge = Edge::connect(&config(&mock.url), None).expect("a client");
    for (status, word, repeatable, everybodys, waits) in [
        ("400", "refused", false, false, false),
        ("401", "refused", false, true, false),
        ("403", "refused", false, true, false),
        ("404", "refused", false, true, false),
        ("413", "refused", false, false, false),
        ("422", "refused", false, true, false),
        ("429", "throttled", true, true, true),
        ("500", "server_error", false, true, false),
        ("502", "unavailable", true, true, true),
        ("503", "unavailable", true, true, true),
        ("504", "unavailable", true, true, true),
        ("302", "garbage", false, true, false),
        ("200", "garbage", false, true, false),
    ] {
        let error = edge.ask(&Question { domain: status.into(), ..question() }).await.expect_err("a failure");
        let found = (error.as_str(), error.may_be_repeated(), error.is_everybodys());
        assert_eq!(found, (word, repeatable, everybodys), "{status}");
        assert_eq!(error.retry_after(), waits.then_some(Duration::from_secs(7)), "{status}");
    }
    let long = Question { state: vec![("mbox".into(), "x".repeat(70_000))], ..question() };
    assert_eq!(edge.ask(&long).await.expect_err("too long").as_str(), "too_long");
    let nobody = Edge::connect(&config(&"http://127.0.0.1:9".parse().expect("a URL")), None).expect("a client");
    assert_eq!(nobody.ask(&question()).await.expect_err("nobody listens").as_str(), "unreachable");
    let late = Mock::late(Duration::from_secs(2), |_| answer(200, vip())).await;
    let late = Edge::connect(&config(&late.url), None).expect("a client");
    assert_eq!(late.ask(&question()).await.expect_err("it is late").as_str(), "timeout");
}

#[test]
fn a_question_prints_nothing_of_the_shopper() {
    let shown = format!("{:?}", Question { headers: HeaderMap::new(), ..question() });
    assert!(!shown.contains(ECID) && !shown.contains("general"), "{shown}");
}
