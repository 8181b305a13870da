//! Attempts to be answered for somebody else, each of which must fail, beside the calls that Adobe's own script makes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::header::SET_COOKIE;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const OWN: &str = "11111111111111111111111111111111111111";
const VIP: &str = "22222222222222222222222222222222222222";
const ZEROS: &str = "000000000000000000000000000000000000";
const GOLD: &str = "7841ba61-23c1-4bb3-a495-00d385fe1e93";
const IDENTITY: &str = "kndctr_53A1_AdobeOrg_identity";

/// The value of an identity cookie: the ECID as the first field of a protobuf message, and a field of Adobe's behind it.
fn cookie(ecid: &str) -> String {
    let length = u8::try_from(ecid.len()).expect("a short id");
    URL_SAFE.encode([&[0x0a, length][..], ecid.as_bytes(), &[0x52, 0x02, 0x08, 0x01]].concat())
}

/// What the browser and Adobe exchange, with one thing changed at a time.
#[derive(Clone)]
struct Case {
    cookies: String,
    request: String,
    status: u16,
    headers: HeaderMap,
    answer: Value,
    aliases: Vec<String>,
}

impl Case {
    /// A page view as Adobe's Commerce collector sends it through the Web SDK.
    fn honest() -> Self {
        Self {
            cookies: format!("{IDENTITY}={}; kndctr_53A1_AdobeOrg_cluster=irl1", cookie(OWN)),
            request: request().to_string(),
            status: 200,
            headers: HeaderMap::new(),
            answer: answer(OWN),
            aliases: Vec::new(),
        }
    }

    fn request(request: impl ToString) -> Self {
        Self { request: request.to_string(), ..Self::honest() }
    }

    /// The honest request with `value` at `place`, a JSON pointer whose last part is new.
    fn with(place: &str, value: Value) -> Self {
        let mut request = request();
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        request.pointer_mut(parent).expect("a place")[key] = value;
        Self::request(request)
    }

    fn answered(answer: Value) -> Self {
        Self { answer, ..Self::honest() }
    }

    fn judge(&self) -> Result<Report, Refusal> {
        let org = OrgId::parse("53A1@AdobeOrg").expect("an organisation");
        let answer = self.answer.to_string();
        let exchange = Exchange {
            org: &org,
            cookies: &self.cookies,
            request: self.request.as_bytes(),
            status: StatusCode::from_u16(self.status).expect("a status"),
            headers: &self.headers,
            answer: answer.as_bytes(),
        };
        trust(&exchange, &self.aliases)
    }
}

fn request() -> Value {
    json!({
        "query": { "identity": { "fetch": ["ECID"] } },
        "meta": { "state": { "domain": "shop.test", "cookiesEnabled": true }, "queueTimeMillis": 3 },
        "events": [{
            "query": { "personalization": { "schemas": ["https://ns.adobe.com/personalization/dom-action"] } },
            "xdm": {
                "eventType": "web.webpagedetails.pageViews",
                "identityMap": { "ECID": [{ "id": OWN, "primary": true }] },
                "personID": OWN,
            },
        }],
    })
}

fn answer(ecid: &str) -> Value {
    json!({
        "requestId": "0b1e-4e2",
        "handle": [
            { "type": "identity:result", "payload": [
                { "id": ecid, "namespace": { "code": "ECID" } },
                { "id": "AAAA", "namespace": { "code": "CORE" } },
            ] },
            { "type": "activation:pull", "eventIndex": 0, "payload": [
                { "type": "profileLookup", "destinationId": "d1", "alias": "Shop", "segments": [{ "id": GOLD, "namespace": "ups" }] },
                { "type": "profileLookup", "destinationId": "d2", "alias": "other", "segments": [{ "id": "second" }] },
            ] },
            { "type": "state:store", "payload": [
                { "key": "kndctr_53A1_AdobeOrg_cluster", "value": "irl1", "maxAge": 1800 },
                { "key": IDENTITY, "value": cookie(ecid), "maxAge": 34_128_000 },
            ] },
        ],
    })
}

fn audiences(ids: &[&str]) -> Result<Report, Refusal> {
    let ecid = Ecid::parse(OWN).expect("an ECID");
    Ok(Report { ecid, audiences: ids.iter().map(|id| AudienceId::from(*id)).collect() })
}

fn ecids(ecids: &[&str]) -> Value {
    json!({ "ECID": ecids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
}

#[test]
fn believes_the_calls_that_adobes_script_makes() {
    let all = audiences(&[GOLD, "second"]);
    assert_eq!(Case::honest().judge(), all);
    let bare = json!({ "events": [{ "xdm": {} }], "query": { "identity": { "fetch": ["ECID"] } } });
    assert_eq!(Case::request(bare).judge(), all, "nobody named at all: the cookie says who it is");
    let second = json!({ "event": { "xdm": { "identityMap": ecids(&[OWN]) } }, "meta": request()["meta"] });
    assert_eq!(Case::request(second).judge(), all, "version 2");
    let entries = json!([
        { "key": IDENTITY, "value": cookie(OWN) },
        { "key": "kndctr_53A1_AdobeOrg_consent", "value": "general=in" },
        { "key": "mbox", "value": "session#1" },
    ]);
    assert_eq!(Case::with("/meta/state/entries", entries).judge(), all, "cookies inside the body, as on localhost");
    let data = json!({ "__adobe": { "target": { "pageName": "home" } } });
    assert_eq!(Case::with("/events/0/data", data).judge(), all);
    let top = json!({ "identityMap": ecids(&[OWN, OWN]) });
    assert_eq!(Case::with("/xdm", top).judge(), all);
}

#[test]
fn counts_only_destinations_with_an_alias_of_this_shop() {
    let mut case = Case { aliases: vec!["shop".into()], ..Case::honest() };
    assert_eq!(case.judge(), audiences(&[GOLD]));
    case.aliases = vec!["none".into()];
    assert_eq!(case.judge(), audiences(&[]));
}

#[test]
fn tells_no_profile_from_no_audience_and_from_no_word_of_it() {
    let pull = |payload: Value| {
        let mut answer = answer(OWN);
        answer["handle"][1]["payload"] = payload;
        Case::answered(answer)
    };
    assert_eq!(pull(json!([])).judge(), audiences(&[]), "no profile");
    assert_eq!(pull(json!([{ "alias": "shop", "segments": [] }])).judge(), audiences(&[]));
    assert_eq!(Case { status: 207, ..pull(json!([])) }.judge(), Err(Refusal::NoMembership), "a partial answer");
    assert_eq!(Case { status: 207, ..Case::honest() }.judge(), audiences(&[GOLD, "second"]));
    let mut partial = pull(json!([]));
    partial.answer["errors"] = json!([{ "type": "https://ns.adobe.com/aep/errors/EXEG-0201-504" }]);
    assert_eq!(partial.judge(), Err(Refusal::NoMembership), "the one that knows him may be late");
    let mut ignored = answer(OWN);
    ignored["warnings"] = json!([{ "type": "https://ns.adobe.com/aep/errors/EXEG-0301-200", "status": 200 }]);
    assert_eq!(Case::answered(ignored).judge(), Err(Refusal::NoConsent));
    let mut silent = answer(OWN);
    silent["handle"][1]["type"] = "activation:push".into();
    assert_eq!(Case::answered(silent).judge(), Err(Refusal::NoMembership));
}

#[test]
fn a_browser_without_one_identity_reports_nobody() {
    let judged = |cookies: String| Case { cookies, ..Case::honest() }.judge();
    for cookies in [
        String::new(),
        format!("{IDENTITY}="),
        format!("{IDENTITY}=nonsense"),
        format!("{IDENTITY}={}", cookie(ZEROS)),
        format!("kndctr_0THER_AdobeOrg_identity={}", cookie(OWN)),
        format!("{}={}", IDENTITY.to_uppercase(), cookie(OWN)),
        format!("FPID=0b1e; AMCV_53A1%40AdobeOrg=MCMID|{OWN}"),
    ] {
        assert_eq!(judged(cookies.clone()), Err(Refusal::NoIdentity), "{cookies}");
    }
    let own = format!("{IDENTITY}={}", cookie(OWN));
    let vip = format!("{IDENTITY}={}", cookie(VIP));
    assert!(judged(format!("{own}; {own}; FPID=0b1e; AMCV_53A1%40AdobeOrg=1|MCMID|{OWN}|x")).is_ok());
    for cookies in [
        format!("{own}; {vip}"),
        format!("{vip}; {own}"),
        format!("{own}; AMCV_53A1@AdobeOrg=MCMID|{VIP}"),
        format!("{own}; AMCV_53A1%40AdobeOrg=-1%7CMCIDTS%7C19%7CMCMID%7C{VIP}%7C"),
    ] {
        assert_eq!(judged(cookies.clone()), Err(Refusal::SeveralIdentities), "{cookies}");
    }
}

#[test]
fn nobody_else_may_be_named_in_the_body() {
    let email = json!({ "email": [{ "id": "vip@shop.test", "primary": true }] });
    let loyal = json!({ "ECID": [{ "id": OWN, "primary": true }], "CRMID": [{ "id": "7", "primary": false }] });
    for place in ["/xdm", "/events/0/xdm", "/events/0/xdm/web", "/query", "/events/0/query"] {
        for (map, why) in [
            (ecids(&[VIP]), Refusal::OtherEcid),
            (ecids(&[OWN, VIP]), Refusal::OtherEcid),
            (ecids(&[ZEROS]), Refusal::OtherEcid),
            (json!({ "ecid": [{ "id": VIP }] }), Refusal::OtherEcid),
            (json!({ "ECID": [{ "id": 11_111 }] }), Refusal::OtherEcid),
            (json!({ "ECID": [{ "id": OWN, "xdm:id": VIP }] }), Refusal::OtherEcid),
            (json!({ "ECID": [{ "id": OWN, "Id": VIP }] }), Refusal::OtherEcid),
            (json!({ "ECID": [{ "id": OWN, "xid": "x" }] }), Refusal::OtherIdentity),
            (json!({ "ECID": { "id": VIP } }), Refusal::UnknownField),
            (json!({ "ECID": [VIP] }), Refusal::UnknownField),
            (json!([VIP]), Refusal::UnknownField),
            (json!({ "FPID": [{ "id": "0b1e", "primary": true }] }), Refusal::OtherIdentity),
            (json!({ "CORE": [{ "id": "0b1e" }] }), Refusal::OtherIdentity),
            (email.clone(), Refusal::OtherIdentity),
            (loyal.clone(), Refusal::OtherIdentity),
        ] {
            for key in ["identityMap", "IdentityMap", "identitymap", "xdm:identityMap"] {
                let case = Case::with(place, json!({ key: map }));
                assert_eq!(case.judge(), Err(why), "{place} {key} {map}");
            }
        }
    }
    let analytics = json!({ "endUserIDs": { "_experience": { "mcid": { "id": VIP, "primary": true } } } });
    assert_eq!(Case::with("/events/0/xdm", analytics).judge(), Err(Refusal::OtherIdentity));
}

#[test]
fn one_event_among_many_is_enough_to_be_somebody_else() {
    let mut request = request();
    let other = json!({ "xdm": { "identityMap": ecids(&[VIP]) } });
    request["events"].as_array_mut().expect("events").push(other.clone());
    assert_eq!(Case::request(&request).judge(), Err(Refusal::OtherEcid));
    assert_eq!(Case::with("/event", other).judge(), Err(Refusal::OtherEcid), "beside events");
}

#[test]
fn a_key_that_stands_twice_is_not_read_either_way() {
    let own = ecids(&[OWN]);
    let vip = ecids(&[VIP]);
    for request in [
        format!(r#"{{"events":[{{"xdm":{{"identityMap":{vip},"identityMap":{own}}}}}]}}"#),
        format!(r#"{{"events":[{{"xdm":{{"identityMap":{own},"identityM\u0061p":{vip}}}}}]}}"#),
        format!(r#"{{"xdm":{{"identityMap":{{"ECID":[{{"id":"{VIP}","id":"{OWN}"}}]}}}},"events":[]}}"#),
        r#"{"meta":{"configOverrides":{}},"meta":{},"events":[]}"#.to_owned(),
        r#"{"events":[{}],"events":[]}"#.to_owned(),
    ] {
        assert_eq!(Case::request(&request).judge(), Err(Refusal::NotJson), "{request}");
    }
}

#[test]
fn what_parsers_could_read_in_two_ways_is_not_read() {
    let honest = request().to_string();
    for request in [
        String::new(),
        format!("{honest}{honest}"),
        format!("\u{feff}{honest}"),
        honest.replace("{\"events\"", "{/* */\"events\""),
        honest.replace('"', "'"),
        honest.replace("}]", "},]"),
        honest.replace("shop.test", "\\ud800"),
        honest.chars().flat_map(|sign| ['\0', sign]).collect(),
        format!("{}1{}", "[".repeat(5000), "]".repeat(5000)),
    ] {
        assert_eq!(Case::request(&request).judge(), Err(Refusal::NotJson), "{}", &request[..request.len().min(60)]);
    }
    assert_eq!(Case::request("[]").judge(), Err(Refusal::UnknownField));
    assert_eq!(Case::request(r#"{"events":{"xdm":{}}}"#).judge(), Err(Refusal::UnknownField));
    assert_eq!(Case::request(r#"{"Events":[]}"#).judge(), Err(Refusal::UnknownField));
}

#[test]
fn the_datastreams_settings_may_not_be_overridden() {
    for (place, value) in [
        ("/meta/configOverrides", json!({ "com_adobe_experience_platform": { "enabled": false } })),
        ("/meta/overrides", json!({})),
        ("/meta/ConfigOverrides", json!({})),
        ("/meta/sdkConfig", json!({ "datastream": { "original": "other" } })),
        ("/meta/gateway", json!({})),
        ("/events/0/meta", json!({ "configOverrides": {} })),
        ("/events/0/xdm/configOverrides", json!({})),
    ] {
        assert_eq!(Case::with(place, value).judge(), Err(Refusal::Override), "{place}");
    }
}

#[test]
fn state_may_bring_no_other_identity() {
    let entry = |key: &str, value: String| json!([{ "key": key, "value": value }]);
    for entries in [
        entry(IDENTITY, cookie(VIP)),
        entry(IDENTITY, "nonsense".into()),
        entry("kndctr_53A1_AdobeOrg_Identity", cookie(OWN)),
        entry("kndctr_0THER_AdobeOrg_identity", cookie(OWN)),
        entry("AMCV_53A1@AdobeOrg", format!("MCMID|{VIP}")),
        entry("s_ecid", format!("MCMID|{VIP}")),
        json!([{ "key": IDENTITY, "value": cookie(OWN) }, { "key": IDENTITY, "value": cookie(VIP) }]),
        json!([{ "key": IDENTITY, "value": cookie(OWN), "Value": cookie(VIP) }]),
        json!([{ "key": IDENTITY }]),
    ] {
        assert_eq!(Case::with("/meta/state/entries", entries.clone()).judge(), Err(Refusal::State), "{entries}");
        let of_event = json!({ "state": { "entries": entries } });
        assert_eq!(Case::with("/events/0/meta", of_event).judge(), Err(Refusal::State), "{entries}");
    }
    for enabled in [json!(false), json!("true"), json!(null)] {
        assert_eq!(Case::with("/meta/state/cookiesEnabled", enabled).judge(), Err(Refusal::State));
    }
    assert_eq!(Case::with("/meta/state/Entries", json!([])).judge(), Err(Refusal::State));
}

#[test]
fn free_data_may_be_an_identity_to_the_datastream() {
    for data in [json!({ "crmId": "7" }), json!({ "__adobe": {}, "email": "vip@shop.test" })] {
        assert_eq!(Case::with("/events/0/data", data).judge(), Err(Refusal::FreeData));
    }
    let mapped = json!({ "__adobe": { "identityMap": ecids(&[VIP]) } });
    assert_eq!(Case::with("/events/0/data", mapped).judge(), Err(Refusal::OtherEcid));
    assert_eq!(Case::with("/data", json!({})).judge(), Err(Refusal::UnknownField));
}

#[test]
fn the_answer_must_name_this_shopper_and_nobody_else() {
    assert_eq!(Case::answered(answer(VIP)).judge(), Err(Refusal::OtherAnswer));
    let mut mixed = answer(OWN);
    mixed["handle"][2]["payload"][1]["value"] = cookie(VIP).into();
    assert_eq!(Case::answered(mixed.clone()).judge(), Err(Refusal::OtherAnswer), "a new identity to store");
    mixed["handle"][2]["payload"][1]["value"] = Value::Null;
    assert_eq!(Case::answered(mixed).judge(), Err(Refusal::OtherAnswer), "one that cannot be read");
    let mut unnamed = answer(OWN);
    unnamed["handle"][0] = json!({ "type": "locationHint:result", "payload": [] });
    unnamed["handle"][2] = json!({ "type": "state:store", "payload": [] });
    let mut case = Case::answered(unnamed);
    assert_eq!(case.judge(), Err(Refusal::Unconfirmed), "the call did not ask whom it is about");
    case.headers.append(SET_COOKIE, "a=b".parse().expect("a value"));
    assert_eq!(case.judge(), Err(Refusal::Unconfirmed));
    let line = |ecid| format!("{IDENTITY}={}; Path=/; Max-Age=34128000", cookie(ecid));
    case.headers.append(SET_COOKIE, line(OWN).parse().expect("a value"));
    assert!(case.judge().is_ok(), "named by a cookie that the answer sets");
    case.headers.append(SET_COOKIE, line(VIP).parse().expect("a value"));
    assert_eq!(case.judge(), Err(Refusal::OtherAnswer));
}

#[test]
fn only_a_given_answer_counts() {
    for status in [201, 202, 204, 301, 400, 403, 429, 500, 503] {
        assert_eq!(Case { status, ..Case::honest() }.judge(), Err(Refusal::Status), "{status}");
    }
    for odd in [json!(null), json!([]), json!({}), json!({ "handle": {} })] {
        assert_eq!(Case::answered(odd.clone()).judge(), Err(Refusal::Unconfirmed), "{odd}");
    }
    let odd = json!({ "handle": {}, "x": answer(OWN) });
    assert_eq!(Case::answered(odd).judge(), Err(Refusal::Answer));
    assert!(!format!("{:?}", Case::honest().judge()).contains(OWN), "nobody's id is printed");
}

/// Any JSON, often with the words that steer a call in its keys.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(OWN), Just(VIP), Just("vip@shop.test")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("identityMap"),
        Just("ECID"),
        Just("email"),
        Just("id"),
        Just("primary"),
        Just("xdm"),
        Just("meta"),
        Just("state"),
        Just("entries"),
        Just("key"),
        Just("value"),
        Just("events"),
        Just("data"),
        Just("query"),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Whether an identity map anywhere names anybody but the shopper.
fn names_another(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(names_another),
        Value::Object(map) => map.iter().any(|(key, value)| {
            let named = key == "identityMap" && {
                let text = value.to_string();
                text.contains(VIP) || text.contains("email") || text.contains("vip@")
            };
            named || names_another(value)
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn no_body_that_names_another_counts(events in anything(), xdm in anything(), data in anything()) {
        let request = json!({ "events": [{ "xdm": events, "data": data }], "xdm": xdm });
        if names_another(&request) {
            prop_assert!(Case::request(&request).judge().is_err(), "{request}");
        }
    }

    #[test]
    fn takes_any_bytes(request: String, cookies: String) {
        let _any = Case { request, cookies, ..Case::honest() }.judge();
    }
}
