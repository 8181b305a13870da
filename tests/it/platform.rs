//! The stand-in Experience Platform answers as Adobe's documents say, on real connections.

use std::io::ErrorKind;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use segue::demo::platform::{
    Audience, DATASTREAM, Datastream, Destination, Fault, Lifecycle, Options, Platform, Service, Target,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::openapi::{DESTINATIONS, EDGE, SEGMENTATION, Spec};
use crate::running::{Answer, get, send};

/// The audience ids of the demo.
pub const VIP: &str = "6f1d0c6e-3b0a-4d0e-9c55-0b7d3a1f8a01";
const WHOLESALE: &str = "d94c3f18-7e62-4a9d-b0f3-21c58ea7b603";

const ECID: &str = "54758217238990693431236455737116189050";
const OTHER: &str = "11111111111111111112222222222222222222";

/// A stand-in in this process, on a port of its own, which ends with the test.
pub struct Adobe {
    pub platform: Platform,
    pub options: Options,
    /// `http://127.0.0.1:<port>`.
    pub url: String,
}

impl Adobe {
    pub async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let platform = Platform::new(options.clone());
        tokio::spawn(platform.clone().serve(listener, std::future::pending()));
        Self { platform, options, url }
    }

    async fn token(&self) -> String {
        let secret = self.options.client_secrets[0].expose_secret();
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}&scope={}",
            self.options.client_id,
            self.options.scopes.join("%2C")
        );
        let answer = self.post("/ims/token/v3", FORM, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        json_of(&answer)["access_token"].as_str().expect("a token").to_owned()
    }

    async fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        send("POST", &format!("{}{path}", self.url), &[("content-type", kind)], body).await
    }

    /// A GET with a token and all headers of an authenticated call.
    async fn list(&self, path: &str) -> Value {
        let bearer = format!("Bearer {}", self.token().await);
        let answer = get(&format!("{}{path}", self.url), &self.account(&bearer)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        json_of(&answer)
    }

    fn account<'a>(&'a self, bearer: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("authorization", bearer),
            ("x-api-key", &self.options.client_id),
            ("x-gw-ims-org-id", &self.options.org),
            ("x-sandbox-name", &self.options.sandbox),
        ]
    }

    /// An interact call as a server makes it.
    async fn interact(&self, body: &Value) -> Answer {
        let path = format!("/ee/v2/interact?datastreamId={DATASTREAM}");
        self.post(&path, "application/json", &body.to_string()).await
    }

    fn about(&self, ecid: &str) -> Value {
        let entry = json!({ "key": self.platform.cookie("identity"), "value": self.platform.identity_cookie(ecid) });
        json!({ "event": { "xdm": {} }, "meta": { "state": { "entries": [entry] } } })
    }

    /// The audiences that a lookup says; `None` when the profile is unknown.
    async fn lookup(&self, ecid: &str) -> Option<Vec<String>> {
        segments(&json_of(&self.interact(&self.about(ecid)).await))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("JSON, not {}", answer.text()))
}

fn payload<'a>(answer: &'a Value, kind: &str) -> Vec<&'a Value> {
    let handles = answer["handle"].as_array().expect("handles").iter().filter(|handle| handle["type"] == kind);
    handles.flat_map(|handle| handle["payload"].as_array().expect("a payload")).collect()
}

fn segments(answer: &Value) -> Option<Vec<String>> {
    let items = payload(answer, "activation:pull");
    let ids = |item: &&Value| item["segments"].as_array().expect("segments").clone();
    (!items.is_empty())
        .then(|| items.iter().flat_map(ids).map(|segment| segment["id"].as_str().expect("an id").to_owned()).collect())
}

/// The identity cookie's new value.
fn stored<'a>(answer: &'a Value, kind: &str) -> Option<&'a Value> {
    payload(answer, "state:store").into_iter().find(|item| item["key"].as_str().expect("a key").ends_with(kind))
}

fn problem(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = json_of(answer);
    assert_eq!(body["status"], answer.status.as_u16());
    body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).expect("a type").to_owned()
}

#[tokio::test]
async fn tokens_are_given_for_either_secret_and_refused_in_adobes_words() {
    let adobe = Adobe::start(Options::default()).await;
    adobe.token().await;
    let secret = adobe.options.client_secrets[1].expose_secret();
    let (id, grant) = (adobe.options.client_id.as_str(), "client_credentials");
    let field = |name: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let multipart = field("grant_type", grant)
        + &field("client_id", id)
        + &field("client_secret", secret)
        + &field("scope", "openid, session")
        + "--xyz--\r\n";
    let answer = adobe.post("/ims/token/v3", "multipart/form-data; boundary=xyz", &multipart).await;
    let body = json_of(&answer);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(86_399)));
    assert_eq!(adobe.platform.tokens_minted(), 2);
    let cases = [
        (format!("grant_type={grant}&client_id={id}&client_secret=no&scope=openid"), "invalid_client"),
        (format!("grant_type={grant}&client_id=no&client_secret={secret}&scope=openid"), "invalid_client"),
        (format!("grant_type={grant}&client_id={id}&client_secret={secret}"), "invalid_scope"),
        (format!("grant_type={grant}&client_id={id}&client_secret={secret}&scope=openid,other"), "invalid_scope"),
        (format!("grant_type=password&client_id={id}&client_secret={secret}&scope=openid"), "unsupported_grant_type"),
    ];
    for (form, error) in cases {
        let answer = adobe.post("/ims/token/v3", FORM, &form).await;
        assert_eq!((answer.status.as_u16(), &json_of(&answer)["error"]), (400, &json!(error)), "{form}");
    }
    assert_eq!(adobe.platform.tokens_minted(), 2);
}

#[tokio::test]
async fn audiences_and_flows_want_a_valid_token_and_all_headers() {
    let options = Options { token_lifetime: Duration::from_millis(300), ..Options::default() };
    let adobe = Adobe::start(options).await;
    let bearer = format!("Bearer {}", adobe.token().await);
    for path in ["/data/core/ups/audiences", "/data/foundation/flowservice/flows"] {
        let url = format!("{}{path}", adobe.url);
        assert_eq!(get(&url, &adobe.account(&bearer)).await.status, 200);
        let code = |answer: Answer| json_of(&answer)["error_code"].as_str().map(str::to_owned);
        assert_eq!(code(get(&url, &adobe.account("Bearer no")).await).as_deref(), Some("401013"));
        for (missing, expected) in [(0, "403010"), (1, "403000"), (2, "403025")] {
            let headers: Vec<_> = adobe.account(&bearer).into_iter().enumerate().collect();
            let headers: Vec<_> = headers.into_iter().filter(|(at, _)| *at != missing).map(|(_, pair)| pair).collect();
            assert_eq!(code(get(&url, &headers).await).as_deref(), Some(expected));
        }
        let mut headers = adobe.account(&bearer);
        headers[3].1 = "stage";
        assert_eq!(get(&url, &headers).await.status, 403);
    }
    tokio::time::sleep(Duration::from_millis(350)).await;
    let answer = get(&format!("{}/data/core/ups/audiences", adobe.url), &adobe.account(&bearer)).await;
    assert_eq!((answer.status.as_u16(), &json_of(&answer)["message"]), (401, &json!("Oauth token is not valid")));
}

#[tokio::test]
async fn audiences_come_page_by_page() {
    let many = (0..45).map(|number| Audience::new(&format!("a{number}"), &format!("Audience {number}"))).collect();
    let adobe = Adobe::start(Options { audiences: many, ..Options::default() }).await;
    let mut path = "/data/core/ups/audiences".to_owned();
    let (mut ids, mut nexts) = (Vec::new(), Vec::new());
    loop {
        let page = adobe.list(&path).await;
        ids.extend(page["children"].as_array().expect("children").iter().map(|item| item["id"].clone()));
        nexts.push(page["_page"]["next"].clone());
        let Some(next) = page["_links"]["next"]["href"].as_str() else { break };
        path = next.replace('@', "/data/core/ups");
    }
    assert_eq!(nexts, [json!("1"), json!(2), Value::Null], "a text, a number, and none at the end");
    assert_eq!(ids.len(), 45);
    ids.dedup();
    assert_eq!(ids.len(), 45, "each audience once");
    let named = adobe.list("/data/core/ups/audiences?name=audience%2044").await;
    assert_eq!(named["_page"]["totalCount"], 1);
    let named = adobe.list("/data/core/ups/audiences?property=audienceId%3D%3Da7").await;
    assert_eq!(named["children"][0]["name"], "Audience 7");
}

#[tokio::test]
async fn audiences_are_renamed_archived_and_deleted() {
    let adobe = Adobe::start(Options::default()).await;
    let states = |page: Value| -> Vec<String> {
        let children = page["children"].as_array().expect("children").iter();
        children.map(|item| item["lifecycleState"].as_str().expect("a state").to_owned()).collect()
    };
    let before = states(adobe.list("/data/core/ups/audiences").await);
    assert!(before.contains(&"draft".to_owned()) && before.contains(&"archived".to_owned()));
    adobe.platform.move_visitor(ECID, VIP, true);
    adobe.platform.move_visitor(ECID, WHOLESALE, true);
    adobe.platform.change_audiences(|audiences| {
        audiences.retain(|audience| audience.id == VIP || audience.id == WHOLESALE);
        audiences[0].name = "Very important".to_owned();
        audiences[1].lifecycle = Lifecycle::Archived;
    });
    let after = adobe.list("/data/core/ups/audiences?sort=name:desc").await;
    assert_eq!(after["children"][0]["name"], "Wholesale");
    assert_eq!(after["children"][1]["name"], "Very important");
    assert_eq!(states(after), ["archived", "published"]);
    assert_eq!(adobe.lookup(ECID).await, Some(vec![VIP.to_owned()]), "an archived audience has no members");
}

#[tokio::test]
async fn flows_say_what_is_activated_for_which_connection() {
    let adobe = Adobe::start(Options::default()).await;
    let base = "/data/foundation/flowservice";
    let all = adobe.list(&format!("{base}/flows")).await;
    assert_eq!(all["items"].as_array().expect("items").len(), 2, "one of them brings data in");
    let only = "property=inheritedAttributes.properties.isDestinationFlow%3D%3Dtrue&property=state%3D%3Denabled";
    let flows = adobe.list(&format!("{base}/flows?{only}")).await;
    let [flow] = flows["items"].as_array().expect("items").as_slice() else { panic!("one flow, not {flows}") };
    let selectors = flow["transformations"][0]["params"]["segmentSelectors"]["selectors"].as_array();
    let ids: Vec<_> = selectors.expect("selectors").iter().map(|one| one["value"]["id"].clone()).collect();
    assert!(ids.contains(&json!(VIP)) && ids.len() == 3);
    let connections = adobe.list(&format!("{base}/targetConnections")).await;
    assert_eq!(flow["targetConnectionIds"][0], connections["items"][0]["id"]);
    assert_eq!(connections["items"][0]["name"], "Adobe Commerce");
    let first = adobe.list(&format!("{base}/flows?limit=1")).await;
    let next = first["_links"]["next"]["href"].as_str().expect("a next page");
    let second = adobe.list(&format!("{base}{next}")).await;
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["_links"], Value::Null);
}

#[tokio::test]
async fn a_visitor_without_an_identity_gets_one_and_keeps_it() {
    let adobe = Adobe::start(Options::default()).await;
    let answer =
        json_of(&adobe.interact(&json!({ "event": {}, "query": { "identity": { "fetch": ["ECID"] } } })).await);
    let [visitor] = adobe.platform.visitors().try_into().expect("one visitor");
    let id = payload(&answer, "identity:result")[0]["id"].clone();
    assert_eq!(id, json!(visitor.ecid));
    assert_eq!(visitor.ecid.len(), 38);
    assert_eq!(segments(&answer), Some(Vec::new()), "known, and in no audience");
    let identity = stored(&answer, "identity").expect("an identity to keep");
    assert_eq!(identity["maxAge"], 34_128_000);
    let cluster = stored(&answer, "cluster").expect("a region to keep");
    assert_eq!((&cluster["value"], &cluster["maxAge"]), (&json!("or2"), &json!(1800)));
    let again = json!({ "event": {}, "query": { "identity": { "fetch": ["ECID", "CORE", "other"] } },
        "meta": { "state": { "entries": [{ "key": identity["key"], "value": identity["value"] }] } } });
    let answer = json_of(&adobe.interact(&again).await);
    assert_eq!(payload(&answer, "identity:result")[0]["id"], id);
    assert_eq!(payload(&answer, "identity:result").len(), 2);
    assert!(stored(&answer, "identity").is_none(), "not written anew within a day");
    assert!(stored(&answer, "cluster").is_some(), "the region always is");
    assert_eq!(adobe.platform.visitors().len(), 1);
}

#[tokio::test]
async fn an_identity_cookie_of_more_than_a_day_is_written_anew() {
    let adobe = Adobe::start(Options::default()).await;
    // From Adobe's own documents, of September 2020.
    let old = "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";
    let mut body = adobe.about(ECID);
    body["meta"]["state"]["entries"][0]["value"] = json!(old);
    let answer = json_of(&adobe.interact(&body).await);
    let written =
        stored(&answer, "identity").expect("an identity to keep")["value"].as_str().expect("a value").to_owned();
    assert_ne!(written, old);
    body["meta"]["state"]["entries"][0]["value"] = json!(written);
    assert!(stored(&json_of(&adobe.interact(&body).await), "identity").is_none());
    let [visitor] = adobe.platform.visitors().try_into().expect("one visitor");
    assert_eq!(visitor.ecid, ECID, "still he");
}

#[tokio::test]
async fn a_stand_in_ends_though_a_request_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/ee/v2/interact", listener.local_addr().expect("an address"));
    let platform = Platform::new(Options::default());
    platform.set_fault(Service::Edge, Fault::Hang);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(platform.clone().serve(listener, async { stopped.await.unwrap_or_default() }));
    let hanging = tokio::spawn(async move { send("POST", &url, &[], "").await });
    while platform.count(Service::Edge) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    stop.send(()).expect("it listens");
    let ended = tokio::time::timeout(Duration::from_secs(10), serving).await.expect("it ends in time");
    ended.expect("it does not panic").expect("it ends in order");
}

#[tokio::test]
async fn membership_follows_when_the_visitor_is_moved() {
    let adobe = Adobe::start(Options::default()).await;
    assert_eq!(adobe.lookup(ECID).await, Some(Vec::new()));
    adobe.platform.move_visitor(ECID, VIP, true);
    assert_eq!(adobe.lookup(ECID).await, Some(vec![VIP.to_owned()]));
    assert_eq!(adobe.lookup(OTHER).await, Some(Vec::new()));
    adobe.platform.move_visitor(ECID, VIP, false);
    assert_eq!(adobe.lookup(ECID).await, Some(Vec::new()));
    let unknown = Adobe::start(Options { profiles_at_once: false, ..Options::default() }).await;
    assert_eq!(unknown.lookup(ECID).await, None, "never seen");
    assert_eq!(unknown.lookup(ECID).await, None, "seen, but without a profile");
    unknown.platform.move_visitor(ECID, VIP, true);
    assert_eq!(unknown.lookup(ECID).await, Some(vec![VIP.to_owned()]));
    unknown.platform.forget_visitor(ECID);
    assert_eq!(unknown.lookup(ECID).await, None);
}

#[tokio::test]
async fn an_identity_is_found_wherever_it_is_sent() {
    let adobe = Adobe::start(Options::default()).await;
    let cookie = adobe.platform.identity_cookie(ECID);
    let org = adobe.options.org.clone();
    let path = format!("/ee/v1/interact?configId={DATASTREAM}");
    let fetch = json!({ "identity": { "fetch": ["ECID"] } });
    let events = |map: Value| json!({ "events": [{ "xdm": { "identityMap": map } }], "query": fetch });
    let with_entry = |key: &str, value: &str| {
        let mut body = events(Value::Null);
        body["meta"] = json!({ "state": { "entries": [{ "key": key, "value": value }] } });
        body
    };
    let (name, legacy) = (adobe.platform.cookie("identity"), format!("AMCV_{org}"));
    let in_cookie = format!("a=b; {name}={}", cookie.replace('=', "%3D"));
    let legacy_cookie = format!("{legacy}=1%7CMCMID%7C{ECID}%7C3");
    let cases: [(Value, &str); 6] = [
        (with_entry(&name, &cookie), ""),
        (with_entry(&legacy, &format!("MCMID|{ECID}")), ""),
        (events(Value::Null), &in_cookie),
        (events(Value::Null), &legacy_cookie),
        (events(json!({ "ECID": [{ "id": ECID }] })), ""),
        (
            events(json!({ "ECID": [{ "id": OTHER }], "FPID": [{ "id": "9f8a7b6c-5d4e-4f3a-8b2c-1d0e9f8a7b6c" }] })),
            &in_cookie,
        ),
    ];
    for (body, cookies) in cases {
        let headers = [("content-type", "text/plain; charset=UTF-8"), ("cookie", cookies)];
        let answer = send("POST", &format!("{}{path}", adobe.url), &headers, &body.to_string()).await;
        assert_eq!(payload(&json_of(&answer), "identity:result")[0]["id"], ECID, "{body}");
    }
    let first_party = json!({ "FPID": [{ "id": "9f8a7b6c-5d4e-4f3a-8b2c-1d0e9f8a7b6c" }] });
    let mut found = Vec::new();
    for (body, cookies) in [
        (events(first_party.clone()), ""),
        (events(first_party), ""),
        (events(Value::Null), "FPID=9F8A7B6C-5D4E-4F3A-8B2C-1D0E9F8A7B6C"),
        (events(Value::Null), "FPID=none"),
    ] {
        let headers = [("content-type", "application/json"), ("cookie", cookies)];
        let answer = send("POST", &format!("{}{path}", adobe.url), &headers, &body.to_string()).await;
        found.push(payload(&json_of(&answer), "identity:result")[0]["id"].clone());
    }
    assert!(found[0] == found[1] && found[1] == found[2] && found[2] != found[3], "{found:?}");
}

#[tokio::test]
async fn another_primary_identity_is_somebody_elses_profile() {
    let adobe = Adobe::start(Options::default()).await;
    adobe.platform.move_visitor(OTHER, VIP, true);
    let mut body = adobe.about(ECID);
    assert_eq!(segments(&json_of(&adobe.interact(&body).await)), Some(Vec::new()));
    body["event"]["xdm"] = json!({ "identityMap": { "ECID": [{ "id": OTHER, "primary": true }] } });
    assert_eq!(segments(&json_of(&adobe.interact(&body).await)), Some(vec![VIP.to_owned()]));
    body["event"]["xdm"] = json!({ "identityMap": { "email": [{ "id": "a@b.test", "primary": true }] } });
    assert_eq!(segments(&json_of(&adobe.interact(&body).await)), Some(Vec::new()));
    adobe.platform.link_identity("email", "a@b.test", OTHER);
    assert_eq!(segments(&json_of(&adobe.interact(&body).await)), Some(vec![VIP.to_owned()]));
}

#[tokio::test]
async fn every_mistake_has_adobes_code() {
    let datastreams = Options::default().datastreams;
    let disabled = Datastream { id: "off".to_owned(), enabled: false, ..datastreams[0].clone() };
    let adobe =
        Adobe::start(Options { datastreams: [datastreams, vec![disabled]].concat(), ..Options::default() }).await;
    let (v1, v2) =
        (format!("/ee/v1/interact?configId={DATASTREAM}"), format!("/ee/v2/interact?datastreamId={DATASTREAM}"));
    let huge = format!("{{\"event\":{{}},\"x\":\"{}\"}}", "x".repeat(64 * 1024));
    let (json, good) = ("application/json", r#"{"event":{}}"#);
    let cases = [
        ("/ee/v2/interact", json, good, "EXEG-0002-400"),
        ("/ee/v2/interact?configId=x", json, good, "EXEG-0002-400"),
        ("/ee/v2/interact?datastreamId=x", json, good, "EXEG-0003-400"),
        ("/ee/v2/interact?datastreamId=off", json, good, "EXEG-0004-422"),
        (&v2, "text/html", good, "EXEG-0111-415"),
        (&v2, json, &huge, "EXEG-0112-413"),
        (&v2, json, "", "EXEG-0109-408"),
        (&v2, json, "{", "EXEG-0101-400"),
        (&v2, json, "{}", "EXEG-0103-400"),
        (&v1, json, good, "EXEG-0103-400"),
        (&v1, json, r#"{"events":[]}"#, "EXEG-0103-400"),
        (&v2, json, r#"{"event":[]}"#, "EXEG-0102-400"),
        (&v2, json, r#"{"event":{"xdm":{"identityMap":{"ECID":[{"id":1}]}}}}"#, "EXEG-0102-400"),
        (&v2, json, r#"{"event":{"xdm":{"identityMap":{"FPID":[{"id":"x","primary":true}]}}}}"#, "EXEG-0308-400"),
        (&v2, json, r#"{"event":{},"meta":{"state":{"entries":[{"key":"a"}]}}}"#, "EXEG-0102-400"),
        (&v2, json, r#"{"event":{},"meta":{"state":{"cookiesEnabled":true}}}"#, "EXEG-0110-400"),
        (&v2, json, r#"{"event":{"xdm":{"identityMap":{"ECID":[{"id":"1"}]}}}}"#, "EXEG-0306-400"),
    ];
    for (path, kind, body, code) in cases {
        assert_eq!(problem(&adobe.post(path, kind, body).await), code, "{path} {kind} {}", &body[..body.len().min(99)]);
    }
    assert_eq!(adobe.post("/ee/v3/interact", json, good).await.status, 404);
    assert_eq!(get(&format!("{}{v2}", adobe.url), &[]).await.status, 405);
    let no_primary = r#"{"events":[{"xdm":{"identityMap":{"ECID":[{"id":"1"}]}}}]}"#;
    assert_eq!(adobe.post(&v1, json, no_primary).await.status, 200, "browsers need no primary identity");
}

#[tokio::test]
async fn a_datastream_may_want_a_token() {
    let mut options = Options { token_lifetime: Duration::from_millis(300), ..Options::default() };
    options.datastreams[0].authenticated = true;
    let adobe = Adobe::start(options).await;
    let url = format!("{}/ee/v2/interact?datastreamId={DATASTREAM}", adobe.url);
    let bearer = format!("Bearer {}", adobe.token().await);
    let ask = async |bearer: &str, key: &str| {
        let mut headers = vec![("content-type", "application/json"), ("x-gw-ims-org-id", &adobe.options.org)];
        headers.extend([("authorization", bearer), ("x-api-key", key)]);
        send("POST", &url, &headers, r#"{"event":{}}"#).await
    };
    let key = adobe.options.client_id.as_str();
    assert_eq!(ask(&bearer, key).await.status, 200);
    assert_eq!(problem(&ask("", key).await), "EXEG-0500-401");
    assert_eq!(problem(&ask("Bearer no", key).await), "EXEG-0502-401");
    assert_eq!(problem(&ask(&bearer, "no").await), "EXEG-0504-401");
    adobe.platform.expire_tokens();
    assert_eq!(problem(&ask(&bearer, key).await), "EXEG-0503-401");
}

#[tokio::test]
async fn without_consent_nothing_is_said_of_anybody() {
    let adobe = Adobe::start(Options::default()).await;
    adobe.platform.move_visitor(ECID, VIP, true);
    let path = format!("/ee/v1/privacy/set-consent?configId={DATASTREAM}");
    let consent = |general: &str| {
        let mut body = adobe.about(ECID);
        body["consent"] = json!([{ "standard": "Adobe", "version": "1.0", "value": { "general": general } }]);
        body.to_string()
    };
    let answer = json_of(&adobe.post(&path, "application/json", &consent("out")).await);
    assert_eq!(payload(&answer, "consent:preferences")[0]["collect"]["val"], "n");
    let kept = stored(&answer, "consent").expect("a consent to keep");
    assert_eq!((&kept["value"], &kept["maxAge"]), (&json!("general=out"), &json!(15_552_000)));
    let mut body = adobe.about(ECID);
    let entries = body["meta"]["state"]["entries"].as_array_mut().expect("entries");
    entries.push(json!({ "key": kept["key"], "value": kept["value"] }));
    let answer = adobe.interact(&body).await;
    assert_eq!(answer.status, 200);
    let answer = json_of(&answer);
    assert_eq!(answer["warnings"][0]["type"], "https://ns.adobe.com/aep/errors/EXEG-0301-200");
    assert!(payload(&answer, "activation:pull").is_empty() && stored(&answer, "identity").is_none());
    let answer = json_of(&adobe.post(&path, "text/plain", &consent("in")).await);
    assert_eq!(stored(&answer, "consent").expect("a consent")["value"], "general=in");
}

#[tokio::test]
async fn answers_have_the_headers_and_the_id_that_adobes_have() {
    let adobe = Adobe::start(Options::default()).await;
    let id = "708e4f90-5bff-41c5-8f4b-6c15bab76b11";
    let url = format!("{}/ee/irl1/v2/interact?datastreamId={DATASTREAM}&requestId={id}", adobe.url);
    let headers = [("content-type", "application/json"), ("origin", "https://shop.test")];
    let answer = send("POST", &url, &headers, r#"{"event":{}}"#).await;
    let given = json_of(&answer)["requestId"].as_str().expect("an id").to_owned();
    let suffix = given.strip_prefix(&format!("{id}-")).expect("the request's own id in front");
    assert!(suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(answer.header("x-request-id"), given);
    assert_eq!(answer.header("x-adobe-edge"), "IRL1;9");
    assert!(answer.header("cache-control").contains("no-store") && !answer.header("x-rate-limit-remaining").is_empty());
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.test");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("vary"), "Origin");
    let hints = json_of(&answer);
    let hint = payload(&hints, "locationHint:result").into_iter().find(|hint| hint["scope"] == "EdgeNetwork");
    assert_eq!(hint, Some(&json!({ "scope": "EdgeNetwork", "hint": "irl1", "ttlSeconds": 1800 })));
    let preflight = [("origin", "https://shop.test"), ("access-control-request-headers", "content-type,x-other")];
    let answer = send("OPTIONS", &url, &preflight, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-headers")), (204, "content-type,x-other"));
    assert_eq!(send("OPTIONS", &format!("{}/data/core/ups/audiences", adobe.url), &preflight, "").await.status, 405);
}

#[tokio::test]
async fn on_a_customers_own_domain_the_answer_sets_the_cookies() {
    let options = Options { first_party_hosts: vec!["127.0.0.1".to_owned()], ..Options::default() };
    let adobe = Adobe::start(options).await;
    let body = |domain: &str| json!({ "event": {}, "meta": { "state": { "domain": domain, "cookiesEnabled": true } } });
    let own = adobe.interact(&body("127.0.0.1")).await;
    assert_eq!(own.set_cookies().len(), 2);
    assert!(
        own.set_cookies().iter().any(|cookie| cookie.contains("_identity=") && cookie.contains("Max-Age=34128000"))
    );
    assert!(payload(&json_of(&own), "state:store").is_empty());
    let other = adobe.interact(&body("shop.test")).await;
    assert!(other.set_cookies().is_empty() && stored(&json_of(&other), "identity").is_some());
}

#[tokio::test]
async fn a_profile_is_where_it_was_seen_when_regions_matter() {
    let adobe = Adobe::start(Options { regional_profiles: true, ..Options::default() }).await;
    adobe.platform.move_visitor(ECID, VIP, true);
    assert_eq!(adobe.lookup(ECID).await, Some(vec![VIP.to_owned()]));
    adobe.platform.set_region("irl1");
    assert_eq!(adobe.lookup(ECID).await, None, "another region answers, and does not know him");
    let path = format!("/ee/or2/v2/interact?datastreamId={DATASTREAM}");
    let answer = adobe.post(&path, "application/json", &adobe.about(ECID).to_string()).await;
    assert_eq!(segments(&json_of(&answer)), Some(vec![VIP.to_owned()]));
}

#[tokio::test]
async fn every_destination_says_its_own_audiences() {
    let destination = |alias: &str, audiences: &[&str]| Destination {
        id: alias.to_owned(),
        name: alias.to_owned(),
        alias: alias.to_owned(),
        enabled: true,
        audiences: audiences.iter().map(|id| (*id).to_owned()).collect(),
    };
    for handle_per_destination in [false, true] {
        let mut options = Options { handle_per_destination, ..Options::default() };
        options.datastreams[0].destinations =
            vec![destination("shop", &[VIP]), destination("app", &[VIP, WHOLESALE]), destination("mail", &[])];
        let adobe = Adobe::start(options).await;
        adobe.platform.move_visitor(ECID, VIP, true);
        adobe.platform.move_visitor(ECID, WHOLESALE, true);
        let answer = json_of(&adobe.interact(&adobe.about(ECID)).await);
        let counts: Vec<_> = payload(&answer, "activation:pull")
            .iter()
            .map(|item| (item["alias"].clone(), item["segments"].as_array().expect("segments").len()))
            .collect();
        assert_eq!(counts, [(json!("shop"), 1), (json!("app"), 2), (json!("mail"), 0)]);
        let handles = answer["handle"].as_array().expect("handles").iter();
        let pulls = handles.filter(|handle| handle["type"] == "activation:pull").count();
        assert_eq!(pulls, if handle_per_destination { 3 } else { 1 });
    }
}

#[tokio::test]
async fn everything_that_arrives_is_kept_for_tests() {
    let adobe = Adobe::start(Options::default()).await;
    adobe.lookup(ECID).await;
    adobe.list("/data/core/ups/audiences?limit=3").await;
    let requests = adobe.platform.requests();
    let services: Vec<_> = requests.iter().map(|request| request.service).collect();
    assert_eq!(services, [Service::Edge, Service::Ims, Service::Audiences]);
    assert_eq!(requests[0].json()["event"], json!({ "xdm": {} }));
    assert_eq!(requests[2].uri.query(), Some("limit=3"));
    assert_eq!(requests[2].header("x-sandbox-name"), "prod");
    assert!(!format!("{requests:?} {:?} {:?}", adobe.platform, adobe.platform.visitors()).contains(ECID));
    adobe.platform.forget_requests();
    assert_eq!((adobe.platform.requests().len(), adobe.platform.count(Service::Edge)), (0, 0));
}

/// What becomes of a request of somebody who waits for 400 ms at most: a status, or how it failed.
async fn ask_impatiently(url: &str) -> Result<u16, &'static str> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: 12\r\n\r\n{{\"event\":{{}}}}"
    );
    stream.write_all(head.as_bytes()).await.expect("a request can be sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_millis(400), stream.read_to_end(&mut answer)).await;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match (read, status) {
        (Err(_), _) => Err("late"),
        (Ok(Ok(_)), Some(status)) => Ok(status),
        (Ok(Err(error)), Some(_)) if error.kind() == ErrorKind::ConnectionReset => Err("torn"),
        (Ok(Err(error)), None) if error.kind() == ErrorKind::ConnectionReset => Err("cut"),
        (Ok(other), _) => panic!("an answer or a reset, not {other:?}"),
    }
}

#[tokio::test]
async fn what_is_to_go_wrong_goes_wrong() {
    let adobe = Adobe::start(Options::default()).await;
    let url = format!("{}/ee/v2/interact?datastreamId={DATASTREAM}", adobe.url);
    let slow = Fault::slow(Duration::from_millis(100));
    let cases = [
        (Some(Fault::Hang), Err("late")),
        (Some(Fault::slow(Duration::from_secs(5))), Err("late")),
        (Some(Fault::Cut), Err("cut")),
        (Some(Fault::Torn), Err("torn")),
        (Some(Fault::Refuse(503, Some(7))), Ok(503)),
        (Some(Fault::Partial(true)), Ok(207)),
        (Some(slow), Ok(200)),
        (None, Ok(200)),
    ];
    for (fault, expected) in cases {
        adobe.platform.set_fault(Service::Edge, fault);
        let begin = std::time::Instant::now();
        assert_eq!(ask_impatiently(&url).await, expected, "{fault:?}");
        assert!(fault != Some(slow) || begin.elapsed() >= Duration::from_millis(100));
    }
    assert_eq!(adobe.platform.count(Service::Edge), 8, "what goes wrong is counted, too");
    adobe.platform.set_fault(Service::Edge, Fault::Refuse(429, Some(7)));
    let answer = adobe.interact(&json!({ "event": {} })).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "7"));
    assert_eq!(problem(&answer), "EXEG-0000-429");
    adobe.platform.set_fault(Service::Edge, None);
    adobe.platform.queue_faults(Service::Edge, [Fault::Refuse(502, None), Fault::Garbage]);
    assert_eq!(problem(&adobe.interact(&json!({ "event": {} })).await), "EXEG-0300-502");
    assert!(serde_json::from_slice::<Value>(&adobe.interact(&json!({ "event": {} })).await.body).is_err());
    assert_eq!(adobe.lookup(ECID).await, Some(Vec::new()), "after the queue all is well");
}

#[tokio::test]
async fn partial_answers_are_with_membership_or_without() {
    let adobe = Adobe::start(Options::default()).await;
    adobe.platform.move_visitor(ECID, VIP, true);
    for (with_membership, expected) in [(true, Some(vec![VIP.to_owned()])), (false, None)] {
        adobe.platform.set_fault(Service::Edge, Fault::Partial(with_membership));
        let answer = adobe.interact(&adobe.about(ECID)).await;
        assert_eq!(answer.status, 207);
        let answer = json_of(&answer);
        assert_eq!(segments(&answer), expected);
        assert!(answer["errors"][0]["type"].as_str().expect("a type").contains("EXEG-020"));
    }
    adobe.platform.set_fault(Service::Edge, Fault::NoConsent);
    let answer = json_of(&adobe.interact(&adobe.about(ECID)).await);
    assert_eq!((segments(&answer), &answer["warnings"][0]["status"]), (None, &json!(200)));
}

#[tokio::test]
async fn the_other_services_fail_in_their_own_words() {
    let adobe = Adobe::start(Options::default()).await;
    let bearer = format!("Bearer {}", adobe.token().await);
    let url = format!("{}/data/core/ups/audiences", adobe.url);
    let ask = async || get(&url, &adobe.account(&bearer)).await;
    adobe.platform.set_fault(Service::Audiences, Fault::Refuse(401, None));
    assert_eq!(json_of(&ask().await)["error_code"], "401013");
    adobe.platform.set_fault(Service::Audiences, Fault::Refuse(403, None));
    assert_eq!(json_of(&ask().await)["type"], "https://ns.adobe.com/aep/errors/UPAPI-113752-403");
    adobe.platform.set_fault(Service::Audiences, Fault::Refuse(503, Some(3)));
    let answer = ask().await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "3"));
    adobe.platform.set_fault(Service::Audiences, Fault::WrongShape);
    assert!(json_of(&ask().await)["children"].is_object());
    for (status, error) in [(400, "invalid_client"), (429, "too_many_requests"), (500, "server_error")] {
        adobe.platform.set_fault(Service::Ims, Fault::Refuse(status, None));
        let answer = adobe.post("/ims/token/v3", FORM, "").await;
        assert_eq!((answer.status.as_u16(), &json_of(&answer)["error"]), (status, &json!(error)));
    }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let parsed = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().expect("a header's name");
        (name, HeaderValue::from_str(value).expect("a header's value"))
    };
    pairs.iter().map(parsed).collect()
}

#[tokio::test]
async fn audiences_and_flows_are_as_adobes_files_describe_them() {
    let (Some(segmentation), Some(destinations)) = (Spec::load(SEGMENTATION), Spec::load(DESTINATIONS)) else { return };
    let adobe = Adobe::start(Options::default()).await;
    let bearer = format!("Bearer {}", adobe.token().await);
    let account = adobe.account(&bearer);
    let flows = "/data/foundation/flowservice";
    let cases = [
        (&segmentation, "/data/core/ups/audiences".to_owned()),
        (&segmentation, "/data/core/ups/audiences?start=0&limit=2".to_owned()),
        (&segmentation, "/data/core/ups/audiences?start=1&limit=2&totalCount=6".to_owned()),
        (&destinations, format!("{flows}/flows")),
        (&destinations, format!("{flows}/flows?limit=1&count=true")),
        (&destinations, format!("{flows}/targetConnections?property=state%3D%3Denabled")),
    ];
    for (spec, target) in cases {
        spec.check_request("GET", &target, &headers(&account), b"").expect("a request as Adobe's file describes it");
        for (bearer, status) in [(account[0].1, 200), ("Bearer no", 401)] {
            let mut account = account;
            account[0].1 = bearer;
            let answer = get(&format!("{}{target}", adobe.url), &account).await;
            assert_eq!(answer.status, status, "{target}");
            let checked = spec.check_answer("GET", &target, status, &answer.body);
            checked.expect("an answer as Adobe's file describes it");
        }
    }
    adobe.platform.set_fault(Service::Audiences, Fault::WrongShape);
    let answer = get(&format!("{}/data/core/ups/audiences", adobe.url), &account).await;
    let judged = segmentation.check_answer("GET", "/data/core/ups/audiences", 200, &answer.body);
    assert!(judged.is_err(), "another shape is found to be one");
}

#[tokio::test]
async fn the_edge_network_is_as_adobes_file_describes_it() {
    let Some(spec) = Spec::load(EDGE) else { return };
    let adobe = Adobe::start(Options::default()).await;
    let (v1, v2) = (format!("configId={DATASTREAM}"), format!("datastreamId={DATASTREAM}"));
    let identity = json!({ "ECID": [{ "id": ECID, "primary": true }] });
    let event = json!({ "xdm": { "identityMap": identity, "eventType": "web.webpagedetails.pageViews" } });
    let general = json!([{ "standard": "Adobe", "version": "1.0", "value": { "general": "in" } }]);
    let cases = [
        (format!("/ee/v1/interact?{v1}"), json!({ "events": [event] }), 200),
        (format!("/ee/v2/interact?{v2}"), json!({ "event": event }), 200),
        (
            format!("/ee/or2/v2/interact?{v2}"),
            json!({ "event": {}, "query": { "identity": { "fetch": ["ECID"] } } }),
            200,
        ),
        (format!("/ee/v1/collect?{v1}"), json!({ "events": [event] }), 204),
        (format!("/ee/v2/collect?{v2}"), json!({ "events": [event] }), 202),
        (format!("/ee/v2/collect?{v2}&silent=true"), json!({ "events": [event] }), 204),
        (format!("/ee/v1/privacy/set-consent?{v1}"), json!({ "consent": general, "identityMap": identity }), 200),
        (format!("/ee/v1/identity/acquire?{v1}"), json!({ "xdm": { "identityMap": identity } }), 200),
        ("/ee/v2/interact?datastreamId=none".to_owned(), json!({ "event": event }), 400),
    ];
    for (target, body, status) in cases {
        let (kind, body) = ("application/json", body.to_string());
        let request = spec.check_request("POST", &target, &headers(&[("content-type", kind)]), body.as_bytes());
        request.expect("a request as Adobe's file describes it");
        let answer = adobe.post(&target, kind, &body).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        let checked = spec.check_answer("POST", &target, status, &answer.body);
        checked.expect("an answer as Adobe's file describes it");
    }
    let target = format!("/ee/v2/interact?{v2}");
    let faults = [Fault::Partial(true), Fault::NoConsent, Fault::Refuse(429, Some(1)), Fault::Refuse(503, None)];
    for (fault, status) in faults.into_iter().zip([207, 200, 429, 503]) {
        adobe.platform.set_fault(Service::Edge, fault);
        let answer = adobe.post(&target, "application/json", &json!({ "event": event }).to_string()).await;
        assert_eq!(answer.status, status);
        spec.check_answer("POST", &target, status, &answer.body).expect("an answer as Adobe's file describes it");
    }
}

#[tokio::test]
async fn whoever_is_moved_is_told_of_as_a_destination_of_adobes_tells() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/push", listener.local_addr().expect("an address"));
    let push = Target { url, token: "a-token-of-16-bytes".into(), delay: Duration::from_millis(50) };
    let adobe = Adobe::start(Options { push: Some(push), ..Options::default() }).await;
    for (is_in, status) in [(true, "realized"), (false, "exited")] {
        adobe.platform.move_visitor(ECID, VIP, is_in);
        let (head, body) = receive_one(&listener).await;
        assert!(
            head.starts_with("POST /push ") && head.contains("authorization: Bearer a-token-of-16-bytes"),
            "{head}"
        );
        let message: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(message["identityMap"], json!({ "ECID": [{ "id": ECID }] }));
        let segment = &message["segmentMembership"]["ups"][VIP];
        assert_eq!(segment["status"], status);
        let time: &str = segment["lastQualificationTime"].as_str().expect("a time");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    }
    for ecid in [ECID, OTHER] {
        adobe.platform.move_visitor(ecid, WHOLESALE, true);
    }
    let (_, body) = receive_one(&listener).await;
    let batch: Value = serde_json::from_str(&body).expect("JSON");
    let ids: Vec<_> =
        batch.as_array().expect("a batch").iter().map(|one| &one["identityMap"]["ECID"][0]["id"]).collect();
    assert_eq!(ids, [ECID, OTHER]);
    adobe.platform.move_visitor(ECID, VIP, false);
    let nothing = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(nothing.is_err(), "who was out already is not told of");
}

/// One request, which gets an empty answer.
async fn receive_one(listener: &TcpListener) -> (String, String) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.expect("readable");
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
        let whole = text.split_once("\r\n\r\n").filter(|(_, body)| serde_json::from_str::<Value>(body).is_ok());
        if let Some((head, body)) = whole {
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.expect("writable");
            return (head.to_owned(), body.to_owned());
        }
    }
}
