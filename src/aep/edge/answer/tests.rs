use super::*;
use serde_json::json;

const IDENTITY: &str =
    "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";
const ECID: &str = "54758217238990693431236455737116189050";

fn org() -> OrgId {
    OrgId::parse("ORG@AdobeOrg").expect("an organisation")
}

fn read_with(body: &Value, aliases: &[&str]) -> Answer {
    let aliases: Vec<String> = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    read(&HeaderMap::new(), body.to_string().as_bytes(), &org(), &aliases).expect("an answer")
}

fn body(handles: Value) -> Value {
    json!({ "requestId": "a-1", "handle": handles })
}

fn known(ids: &[&str]) -> Profile {
    Profile::Known(ids.iter().map(|id| AudienceId::from(*id)).collect())
}

fn item(alias: &str, ids: &[&str]) -> Value {
    let segments: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "namespace": "ups" })).collect();
    json!({ "type": "profileLookup", "destinationId": "d", "alias": alias, "segments": segments })
}

#[test]
fn joins_all_destinations_of_all_handles() {
    let body = body(json!([
        { "type": "new:kind", "payload": [1, null, {}] },
        { "type": "activation:pull", "eventIndex": 0, "payload": [item("Shop", &["a", "b"]), item("Ads", &["c"])] },
        { "type": "activation:pull", "payload": [item("shop", &["b", "d"])] },
    ]));
    assert_eq!(read_with(&body, &[]).profile, known(&["a", "b", "c", "d"]));
    assert_eq!(read_with(&body, &["shop"]).profile, known(&["a", "b", "d"]));
    assert_eq!(read_with(&body, &["other"]).profile, known(&[]), "he is known, but in none of the shop's audiences");
}

#[test]
fn tells_nobody_from_no_destination_and_both_from_no_audience() {
    let profile = |handles: Value| read_with(&body(handles), &[]).profile;
    assert_eq!(profile(json!([{ "type": "activation:pull", "payload": [] }])), Profile::Unknown);
    assert_eq!(profile(json!([{ "type": "state:store", "payload": [] }])), Profile::NoDestination);
    assert_eq!(profile(json!([])), Profile::NoDestination);
    assert_eq!(profile(json!([{ "type": "activation:pull", "payload": [item("x", &[])] }])), known(&[]));
    assert_eq!(profile(json!([{ "type": "activation:pull", "payload": [{ "alias": "x" }] }])), known(&[]));
}

#[test]
fn leaves_out_what_is_no_audience_of_his() {
    let segments = json!([
        { "id": "in", "status": "realized" }, { "id": "out", "status": "exited" }, { "id": "a,b" }, { "id": 7 }, {}, "x",
    ]);
    let body = body(json!([{ "type": "activation:pull", "payload": [{ "segments": segments }] }]));
    assert_eq!(read_with(&body, &[]).profile, known(&["in"]));
}

#[test]
fn takes_a_warning_about_consent_for_what_it_is() {
    for kind in ["https://ns.adobe.com/aep/errors/EXEG-0301-200", "0301-200"] {
        let mut body = body(json!([{ "type": "activation:pull", "payload": [item("x", &["a"])] }]));
        body["warnings"] = json!([{ "type": kind, "status": 200, "title": "ignored" }]);
        assert_eq!(read_with(&body, &[]).profile, Profile::NoConsent);
    }
    let ignored =
        json!({ "requestId": "a-1", "warnings": [{ "type": "https://ns.adobe.com/aep/errors/EXEG-0301-200" }] });
    assert_eq!(
        read_with(&ignored, &[]).profile,
        Profile::NoConsent,
        "of a question that was ignored there is nothing else to say"
    );
    let mut body = body(json!([{ "type": "activation:pull", "payload": [item("x", &["a"])] }]));
    body["warnings"] = json!([{ "type": "https://ns.adobe.com/aep/errors/EXEG-0107-200" }]);
    assert_eq!(read_with(&body, &[]).profile, known(&["a"]));
}

#[test]
fn reads_identity_region_and_state() {
    let identity = json!({ "key": "kndctr_ORG_AdobeOrg_identity", "value": IDENTITY, "maxAge": 34_128_000, "attrs": { "SameSite": "None" } });
    let answer = read_with(
        &body(json!([
            { "type": "identity:result", "payload": [
                { "id": "core", "namespace": { "code": "CORE" } }, { "id": ECID, "namespace": { "code": "ECID" } },
            ] },
            { "type": "locationHint:result", "payload": [
                { "scope": "Target", "hint": "38", "ttlSeconds": 1800 }, { "scope": "EdgeNetwork", "hint": "irl1", "ttlSeconds": 1800 },
            ] },
            { "type": "state:store", "payload": [
                identity,
                { "key": "kndctr_ORG_AdobeOrg_cluster", "value": "irl1", "maxAge": 1800 },
                { "key": "PHPSESSID", "value": "fixed" },
                { "key": "kndctr_OTHER_AdobeOrg_identity", "value": "x" },
                { "key": "kndctr_ORG_AdobeOrg_", "value": "x" },
                { "key": "kndctr_ORG_AdobeOrg_a; Domain=evil", "value": "x" },
                { "key": "kndctr_ORG_AdobeOrg_long", "value": "x".repeat(5000) },
                { "key": "kndctr_ORG_AdobeOrg_lines", "value": "a\r\nSet-Cookie: b" },
                { "key": "kndctr_ORG_AdobeOrg_gone" },
            ] },
        ])),
        &[],
    );
    assert_eq!(answer.ecid, Ecid::parse(ECID));
    assert_eq!(answer.region.as_deref(), Some("irl1"));
    assert!(answer.brings_identity && !answer.is_contradictory && !answer.is_partial);
    let keys: Vec<&str> = answer.state.iter().map(|item| item.key.as_str()).collect();
    let own = |kind: &str| format!("kndctr_ORG_AdobeOrg_{kind}");
    assert_eq!(keys, [own("identity"), own("cluster"), own("gone")]);
    assert_eq!((answer.state[0].max_age, answer.state[0].same_site.as_deref()), (Some(34_128_000), Some("None")));
}

#[test]
fn reads_state_out_of_cookies_where_it_was_asked_on_the_shops_own_domain() {
    let mut headers = HeaderMap::new();
    for line in [
        format!(
            "kndctr_ORG_AdobeOrg_identity={IDENTITY}; Max-Age=34128000; Domain=.shop.example; Path=/; SameSite=None; Secure"
        ),
        "kndctr_ORG_AdobeOrg_cluster=irl1; Max-Age=1800".to_owned(),
        "PHPSESSID=fixed".to_owned(),
    ] {
        headers.append(SET_COOKIE, line.parse().expect("a header value"));
    }
    let answer = read(&headers, body(json!([])).to_string().as_bytes(), &org(), &[]).expect("an answer");
    assert_eq!((answer.ecid, answer.brings_identity, answer.state.len()), (Ecid::parse(ECID), true, 2));
    assert_eq!((answer.state[0].max_age, answer.state[0].same_site.as_deref()), (Some(34_128_000), Some("None")));
    assert_eq!(answer.state[1].value, "irl1");
}

#[test]
fn a_region_is_kept_also_where_the_answer_only_names_it() {
    let hint = json!({ "scope": "EdgeNetwork", "hint": "irl1", "ttlSeconds": 900 });
    let kept = |hint: Value| read_with(&body(json!([{ "type": "locationHint:result", "payload": [hint] }])), &[]).state;
    let [item] = &kept(hint)[..] else { panic!("one cookie") };
    assert_eq!(
        (item.key.as_str(), item.value.as_str(), item.max_age),
        ("kndctr_ORG_AdobeOrg_cluster", "irl1", Some(900))
    );
    let [item] = &kept(json!({ "scope": "EdgeNetwork", "hint": "irl1" }))[..] else { panic!("one cookie") };
    assert_eq!(item.max_age, Some(1800));
    assert!(kept(json!({ "scope": "Target", "hint": "38", "ttlSeconds": 900 })).is_empty());
}

#[test]
fn notices_two_identities_in_one_answer() {
    let other = json!({ "id": "1".repeat(38), "namespace": { "code": "ECID" } });
    let answer = read_with(
        &body(json!([
            { "type": "identity:result", "payload": [other] },
            { "type": "state:store", "payload": [{ "key": "kndctr_ORG_AdobeOrg_identity", "value": IDENTITY }] },
        ])),
        &[],
    );
    assert!(answer.is_contradictory);
}

#[test]
fn an_answer_with_errors_is_partial() {
    let mut body = body(json!([]));
    body["errors"] = json!([{ "type": "https://ns.adobe.com/aep/errors/EXEG-0201-504", "status": 504 }]);
    assert!(read_with(&body, &[]).is_partial);
}

#[test]
fn garbage_is_no_answer() {
    for text in ["", "null", "[]", "{}", "<html>", r#"{"handle":{}}"#, r#"{"handle":null}"#, r#"{"requestId":"a"}"#] {
        assert_eq!(read(&HeaderMap::new(), text.as_bytes(), &org(), &[]), None, "{text}");
    }
    for handles in
        [json!([1, null, "x", {}]), json!([{ "type": "activation:pull" }]), json!([{ "type": 1, "payload": 2 }])]
    {
        assert_eq!(read_with(&body(handles), &[]).profile, Profile::NoDestination);
    }
}

#[test]
fn reads_adobes_code_out_of_a_problem() {
    let text = json!({ "type": "https://ns.adobe.com/aep/errors/EXEG-0003-400", "status": 400, "title": "Invalid\ndatastream" });
    let (code, title) = problem(text.to_string().as_bytes());
    assert_eq!((code.as_deref(), title.as_deref()), (Some("EXEG-0003-400"), Some("Invaliddatastream")));
    assert_eq!(problem(b"<html>"), (None, None));
}

proptest::proptest! {
    #[test]
    fn reads_anything_without_panicking(text in "[ -~]{0,80}") {
        let _any = read(&HeaderMap::new(), text.as_bytes(), &org(), &[]);
        let _problem = problem(text.as_bytes());
    }
}
