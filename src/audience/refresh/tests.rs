use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::aep::mock::{self, Mock, Seen, answer};
use crate::aep::{Ecid, Identity, OrgId};
use crate::audience::adobe::Visitor;
use crate::audience::consent::Sign;
use crate::audience::identify::Keep;
use crate::audience::{Config as AudienceConfig, Keyring, Membership};
use crate::telemetry::Metrics;

const ECID: &str = "54758217238990693431236455737116189050";
const NOW: i64 = 1_000_000;

struct Bench {
    refresher: Arc<Refresher>,
    hints: Hints,
    metrics: Metrics,
    mock: Mock,
}

impl Bench {
    async fn with(config: Config, late: Duration, respond: impl Fn(&Seen) -> Value + Send + Sync + 'static) -> Self {
        Self::answering(config, late, move |seen| answer(200, respond(seen))).await
    }

    async fn answering(
        config: Config,
        late: Duration,
        respond: impl Fn(&Seen) -> axum::http::Response<String> + Send + Sync + 'static,
    ) -> Self {
        let mock = Mock::late(late, respond).await;
        let (hints, mut metrics) = (Hints::new(), Metrics::new());
        let counts = LookupMetrics::register(&mut metrics);
        let mut settings = mock::config(&mock);
        settings.org = OrgId::parse("ORG@AdobeOrg").expect("an organisation");
        settings.edge.timeout = Duration::from_millis(400);
        let edge = Edge::connect(&settings, None).expect("a client");
        let refresher = Refresher::new(config, Duration::from_secs(60), edge, hints.clone(), counts);
        Self { refresher: Arc::new(refresher), hints, metrics, mock }
    }

    fn begin(&self, shopper: &Shopper, now: i64) -> Option<Pending> {
        let website = "base".into();
        let client = Ipv4Addr::LOCALHOST.into();
        let inquiry = Inquiry { shopper, website: &website, client, now, may_mint: true };
        self.refresher.begin(&inquiry, || question(shopper))
    }

    async fn ask(&self, shopper: &Shopper, now: i64) -> Option<Arc<Learnt>> {
        self.begin(shopper, now)?.within(&self.refresher).await
    }

    fn newer(&self, shopper: &Shopper) -> Option<Arc<Learnt>> {
        self.refresher.newer(shopper, &"base".into(), NOW)
    }

    fn asked(&self) -> usize {
        self.mock.seen().len()
    }

    fn counts(&self, line: &str) -> bool {
        let text = self.metrics.encode();
        text.lines().any(|found| found == format!("segue_{line}"))
    }

    async fn until_counted(&self, line: &str) {
        let counted = async {
            while !self.counts(line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = timeout(Duration::from_secs(5), counted).await;
        assert!(ended.is_ok(), "{line} is not in {}", self.metrics.encode());
    }
}

fn question(shopper: &Shopper) -> Question {
    Question {
        identity: shopper.visitor.as_ref().and_then(|visitor| visitor.identity.clone()),
        datastream: "stream".into(),
        domain: "shop.example".into(),
        state: Vec::new(),
        state_has_identity: false,
        hint: None,
        headers: HeaderMap::new(),
    }
}

fn pull(ids: &[&str]) -> Value {
    let segments: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "requestId": "a", "handle": [{ "type": "activation:pull", "payload": [{ "segments": segments }] }] })
}

fn ecid(digit: char) -> Identity {
    Identity::Ecid(Ecid::parse(&digit.to_string().repeat(38)).expect("an ECID"))
}

fn shopper_with(identity: Option<Identity>) -> Shopper {
    let visitor = Visitor { identity, consent: Consent::Given, datastream: "stream".into() };
    Shopper {
        key: ShopperKey([0; 16]),
        membership: None,
        freshness: None,
        simulation: None,
        own: None,
        keep: Keep::AsIs,
        visitor: Some(visitor),
        declined_at: None,
        claim_seen: 0,
        unknown_names: Vec::new(),
        refused: Vec::new(),
    }
}

fn shopper() -> Shopper {
    shopper_with(Ecid::parse(ECID).map(Identity::Ecid))
}

/// The same shopper with a cookie that was sealed so many seconds before `NOW`.
fn known_since(age: i64, source: Source) -> Shopper {
    let mut shopper = shopper();
    let membership = Membership { audiences: BTreeSet::from(["vip".into()]), learnt_at: NOW - age, source };
    let identity = shopper.visitor.as_ref().and_then(|visitor| visitor.identity.as_ref()).expect("an identity");
    shopper.key = ShopperKey::of(identity);
    let mut own = Sealed::new(&audience_config(), membership.clone(), shopper.key, "base".into());
    own.datastream = "stream".into();
    shopper.own = Some(own);
    shopper.membership = Some(membership);
    shopper
}

fn audience_config() -> AudienceConfig {
    AudienceConfig::new("shop", Keyring::ephemeral().expect("random bytes"))
}

fn audiences(learnt: &Learnt) -> Vec<String> {
    learnt.audiences.iter().flatten().map(ToString::to_string).collect()
}

const QUICK: Duration = Duration::ZERO;
const SLOW: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_stranger_with_an_identity_is_personal_at_once_when_the_edge_is_quick() {
    let bench =
        Bench::with(Config { budget: Duration::from_secs(1), ..Config::default() }, QUICK, |_| pull(&["vip"])).await;
    let learnt = bench.ask(&shopper(), NOW).await.expect("an answer in time");
    assert_eq!((audiences(&learnt), learnt.learnt_at), (vec!["vip".to_owned()], NOW));
    let mut after = shopper();
    after.learn(&learnt, &audience_config());
    assert!(matches!(&after.keep, Keep::Sealed(sealed) if sealed.membership.audiences.contains("vip")));
    assert!(bench.begin(&after, NOW + 30).is_none(), "it is fresh");
    assert!(bench.counts(r#"lookups_total{result="known"} 1"#));
}

#[tokio::test]
async fn a_late_answer_waits_for_the_next_page() {
    let bench = Bench::with(Config::default(), SLOW, |_| pull(&["vip"])).await;
    let begin = Instant::now();
    let mut pending = bench.begin(&shopper(), NOW).expect("a look-up");
    assert!(pending.within(&bench.refresher).await.is_none());
    assert!(begin.elapsed() < SLOW, "{:?}", begin.elapsed());
    assert!(bench.newer(&shopper()).is_none());
    bench.until_counted(r#"lookups_total{result="known"} 1"#).await;
    assert_eq!(
        pending.now().map(|learnt| audiences(&learnt)),
        Some(vec!["vip".to_owned()]),
        "also for a page still in the making"
    );
    assert_eq!(bench.newer(&shopper()).map(|learnt| audiences(&learnt)), Some(vec!["vip".to_owned()]));
    assert!(bench.newer(&known_since(0, Source::Edge)).is_none(), "the cookie is as new");
    assert!(bench.newer(&known_since(-1, Source::Edge)).is_none(), "the cookie is newer");
    assert!(bench.newer(&known_since(1, Source::Edge)).is_some(), "the cookie is older");
    assert!(bench.newer(&known_since(1, Source::Minted)).is_none(), "what an operator minted stays");
}

#[tokio::test]
async fn pages_of_one_shopper_share_one_look_up() {
    let bench = Bench::with(Config { budget: SLOW * 5, ..Config::default() }, SLOW, |_| pull(&["vip"])).await;
    let mut pages: Vec<Pending> = (0..50).filter_map(|_| bench.begin(&shopper(), NOW)).collect();
    assert_eq!(pages.len(), 50);
    for page in &mut pages {
        assert!(page.within(&bench.refresher).await.is_some());
    }
    assert_eq!(bench.asked(), 1);
    assert!(bench.refresher.flights.lock().expect("nobody panicked").is_empty());
}

#[tokio::test]
async fn without_a_budget_nobody_waits() {
    let bench = Bench::with(Config { budget: Duration::ZERO, ..Config::default() }, QUICK, |_| pull(&["vip"])).await;
    assert!(bench.ask(&shopper(), NOW).await.is_none());
    bench.until_counted(r#"lookups_total{result="known"} 1"#).await;
    assert!(bench.newer(&shopper()).is_some());
    let mut nobody = shopper_with(None);
    nobody.visitor.as_mut().expect("a visitor").identity = None;
    assert!(bench.begin(&nobody, NOW).is_none(), "an identity could not be brought to the browser");
}

#[tokio::test]
async fn who_is_due_is_asked_about_and_who_is_not_is_left_alone() {
    let config = Config { first_visit: FirstVisit::Ask, max_rate_per_client: 1000, ..Config::default() };
    let bench = Bench::with(config, QUICK, |_| pull(&["vip"])).await;
    let due = |shopper: &Shopper| bench.begin(shopper, NOW).is_some();
    assert!(due(&shopper()));
    assert!(due(&shopper_with(Identity::fpid("9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22"))));
    assert!(due(&shopper_with(None)), "a first visit");
    for (age, expected) in
        [(0, false), (30, false), (53, false), (60, true), (3600, true), (-1, false), (-60, false), (-61, true)]
    {
        assert_eq!(due(&known_since(age, Source::Edge)), expected, "{age}");
    }
    assert!(!due(&known_since(3600, Source::Minted)) && !due(&known_since(3600, Source::Plain)));
    let mut again = known_since(1, Source::Edge);
    again.own.as_mut().expect("a cookie").ask_again = true;
    assert!(due(&again));
    let mut scripts = known_since(4, Source::Edge);
    scripts.claim_seen = 7;
    assert!(!due(&scripts), "not so soon");
    let mut scripts = known_since(5, Source::Edge);
    scripts.claim_seen = 7;
    assert!(due(&scripts));
    scripts.own.as_mut().expect("a cookie").claim_seen = 7;
    assert!(!due(&scripts), "it is the same claim");
    let mut elsewhere = shopper();
    elsewhere.visitor = None;
    assert!(!due(&elsewhere));
    let mut declined = shopper();
    declined.declined_at = Some(NOW - 59);
    assert!(!due(&declined));
    declined.declined_at = Some(NOW - 60);
    assert!(due(&declined));
}

#[tokio::test]
async fn memberships_learnt_together_are_not_due_together() {
    let bench = Bench::with(Config::default(), QUICK, |_| pull(&[])).await;
    let due: BTreeSet<i64> = (0..200).map(|n| bench.refresher.due_after(ShopperKey([n; 16]), NOW)).collect();
    assert!(due.iter().all(|after| (54..=60).contains(after)) && due.len() == 7, "{due:?}");
}

#[tokio::test]
async fn a_push_costs_one_look_up() {
    let bench = Bench::with(Config { budget: SLOW, ..Config::default() }, QUICK, |_| pull(&["vip"])).await;
    let known = known_since(1, Source::Edge);
    assert!(bench.begin(&known, NOW).is_none());
    bench.hints.note(known.key);
    bench.hints.note(known.key);
    assert!(bench.ask(&known, NOW).await.is_some());
    assert!(bench.begin(&known, NOW).is_none(), "the hint is settled");
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn nobody_is_asked_about_without_consent() {
    let bench =
        Bench::with(Config { first_visit: FirstVisit::Ask, ..Config::default() }, QUICK, |_| pull(&["vip"])).await;
    let mut silent = shopper();
    silent.visitor.as_mut().expect("a visitor").consent = Consent::Withheld(Sign::Silence);
    assert!(bench.begin(&silent, NOW).is_none());
    assert!(bench.counts(r#"lookups_spared_total{reason="no_sign_of_consent"} 1"#));
    assert_eq!(bench.asked(), 0);
}

#[tokio::test]
async fn a_refusal_for_want_of_consent_takes_away_what_was_known() {
    let refuse = |_: &Seen| json!({ "requestId": "a", "handle": [], "warnings": [{ "type": "https://ns.adobe.com/aep/errors/EXEG-0301-200" }] });
    let bench = Bench::with(Config { budget: SLOW, ..Config::default() }, QUICK, refuse).await;
    let mut known = known_since(61, Source::Edge);
    let learnt = bench.ask(&known, NOW).await.expect("an answer");
    known.learn(&learnt, &audience_config());
    assert_eq!((&known.membership, &known.keep), (&None, &Keep::Nothing));
    assert!(bench.begin(&known, NOW + 30).is_none(), "it is remembered for a while");
    let mut again = shopper();
    again.learn(&bench.newer(&shopper()).expect("it waits in the cache"), &audience_config());
    assert_eq!(again.keep, Keep::AsIs, "there is no cookie to clear");
    assert!(bench.begin(&again, NOW + 30).is_none());
}

#[tokio::test]
async fn an_answer_in_parts_says_nothing_new() {
    let partial = |_: &Seen| json!({ "requestId": "a", "handle": [{ "type": "activation:pull", "payload": [] }], "errors": [{ "type": "EXEG-0201-504" }] });
    let bench =
        Bench::answering(Config { budget: SLOW, ..Config::default() }, QUICK, move |seen| answer(207, partial(seen)))
            .await;
    assert!(bench.ask(&known_since(61, Source::Edge), NOW).await.is_none());
    assert!(bench.counts(r#"lookups_total{result="partial"} 1"#));
}

#[tokio::test]
async fn somebody_unknown_is_remembered_as_such() {
    let unknown = |_: &Seen| json!({ "requestId": "a", "handle": [{ "type": "activation:pull", "payload": [] }] });
    let bench = Bench::with(Config { budget: SLOW, ..Config::default() }, QUICK, unknown).await;
    let mut shopper = shopper();
    shopper.learn(&bench.ask(&shopper, NOW).await.expect("an answer"), &audience_config());
    assert!(shopper.membership.as_ref().is_some_and(|membership| membership.audiences.is_empty()));
    assert!(bench.begin(&shopper, NOW + 30).is_none() && bench.begin(&shopper, NOW + 60).is_some());
}

/// An answer that brings an identity to whoever has none, a new one each time.
fn minting(seen: &Seen) -> Value {
    use base64::Engine as _;
    let tag = seen.query().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let id = format!("{tag:038}");
    let cookie = base64::engine::general_purpose::URL_SAFE.encode([&[0x0a, 38][..], id.as_bytes()].concat());
    json!({ "requestId": "a", "handle": [
        { "type": "activation:pull", "payload": [{ "segments": [{ "id": "new" }] }] },
        { "type": "state:store", "payload": [{ "key": "kndctr_ORG_AdobeOrg_identity", "value": cookie, "maxAge": 34_128_000 }] },
    ] })
}

#[tokio::test]
async fn two_strangers_never_share_an_identity() {
    let config = Config { first_visit: FirstVisit::Ask, budget: SLOW * 3, ..Config::default() };
    let bench = Bench::with(config, QUICK, minting).await;
    let one = bench.ask(&shopper_with(None), NOW).await.expect("an answer");
    let two = bench.ask(&shopper_with(None), NOW).await.expect("an answer");
    assert_ne!(one.shopper, two.shopper);
    assert_eq!(one.state.len(), 1);
    assert_eq!(bench.refresher.answers.iter().count(), 0, "nothing waits for somebody whom nobody knows");
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn a_look_up_whose_identity_nobody_can_get_any_more_is_given_up() {
    let config = Config { first_visit: FirstVisit::Ask, ..Config::default() };
    let bench = Bench::with(config, SLOW, minting).await;
    let mut pending = bench.begin(&shopper_with(None), NOW).expect("a look-up");
    assert!(pending.within(&bench.refresher).await.is_none());
    drop(pending);
    bench.until_counted(r#"lookups_total{result="abandoned"} 1"#).await;
    assert_eq!(bench.refresher.limits.free(), Config::default().max_concurrent);
    assert!(bench.begin(&shopper_with(None), NOW).is_some(), "whoever hangs up shuts out nobody else");
    bench.refresher.pause_mints();
    assert!(bench.begin(&shopper_with(None), NOW).is_none(), "the next would be as late");
    assert!(bench.counts(r#"lookups_spared_total{reason="too_slow_to_mint"} 1"#));
}

#[tokio::test]
async fn who_is_known_by_a_device_id_is_kept_under_the_identity_that_it_brings() {
    let bench = Bench::with(Config { budget: SLOW * 3, ..Config::default() }, QUICK, minting).await;
    let device = shopper_with(Identity::fpid("9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22"));
    let learnt = bench.ask(&device, NOW).await.expect("an answer");
    assert_ne!(learnt.shopper, ShopperKey::of(&device.visitor.clone().expect("a visitor").identity.expect("an id")));
    assert!(bench.newer(&device).is_some());
    let unnamed = Bench::with(Config { budget: SLOW * 3, ..Config::default() }, QUICK, |_| pull(&["a"])).await;
    let learnt = unnamed.ask(&device, NOW).await.expect("an answer");
    assert_eq!(learnt.shopper, ShopperKey::of(&device.visitor.clone().expect("a visitor").identity.expect("an id")));
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_nobodys() {
    let other = |_: &Seen| {
        let mut body = pull(&["vip"]);
        let identity = json!({ "id": "2".repeat(38), "namespace": { "code": "ECID" } });
        body["handle"]
            .as_array_mut()
            .expect("a list")
            .push(json!({ "type": "identity:result", "payload": [identity] }));
        body
    };
    let bench = Bench::with(Config { budget: SLOW, ..Config::default() }, QUICK, other).await;
    assert!(bench.ask(&shopper_with(Some(ecid('1'))), NOW).await.is_none());
    assert!(bench.ask(&shopper_with(Some(ecid('2'))), NOW).await.is_some());
}

#[tokio::test]
async fn with_the_edge_down_pages_soon_do_not_wait_at_all() {
    let hanging = Duration::from_secs(30);
    let bench = Bench::with(Config::default(), hanging, |_| pull(&[])).await;
    for digit in '1'..='5' {
        assert!(bench.ask(&shopper_with(Some(ecid(digit))), NOW).await.is_none());
    }
    bench.until_counted(r#"lookups_total{result="timeout"} 5"#).await;
    let begin = Instant::now();
    assert!(bench.begin(&shopper_with(Some(ecid('6'))), NOW).is_none());
    assert!(begin.elapsed() < Duration::from_millis(20));
    assert!(bench.counts(r#"lookups_spared_total{reason="breaker_open"} 1"#));
    assert_eq!(bench.asked(), 5);
}

#[tokio::test]
async fn one_shopper_with_junk_does_not_shut_out_the_others() {
    let config = Config { budget: SLOW, ..Config::default() };
    let refuse = |seen: &Seen| match seen.body.contains(&"1".repeat(38)) {
        true => answer(400, json!({ "type": "https://ns.adobe.com/aep/errors/EXEG-0104-400" })),
        false => answer(200, pull(&["vip"])),
    };
    let bench = Bench::answering(config, QUICK, refuse).await;
    for _ in 0..10 {
        assert!(bench.ask(&shopper_with(Some(ecid('1'))), NOW).await.is_none());
    }
    assert_eq!(bench.asked(), 1, "the same question would be refused again");
    assert!(bench.counts(r#"lookups_spared_total{reason="refused_before"} 9"#));
    assert!(bench.ask(&shopper_with(Some(ecid('2'))), NOW).await.is_some());
}

/// Adobe turns away whole countries where a datastream asks it to.
#[tokio::test]
async fn who_is_turned_away_for_where_he_is_does_not_shut_out_the_others() {
    let config = Config { budget: SLOW, ..Config::default() };
    let refuse = |seen: &Seen| match seen.body.contains(&"1".repeat(38)) {
        true => answer(403, json!({ "type": "https://ns.adobe.com/aep/errors/EXEG-0400-403" })),
        false => answer(200, pull(&["vip"])),
    };
    let bench = Bench::answering(config, QUICK, refuse).await;
    for _ in 0..10 {
        assert!(bench.ask(&shopper_with(Some(ecid('1'))), NOW).await.is_none());
    }
    assert!(bench.ask(&shopper_with(Some(ecid('2'))), NOW).await.is_some());
    assert_eq!(bench.asked(), 2, "once for each");
}

/// Else whoever asks most could keep the Edge Network shut for all.
#[tokio::test]
async fn who_asks_too_often_uses_up_no_probe() {
    let config = Config { max_rate_per_client: 1, ..Config::default() };
    let bench = Bench::answering(config, QUICK, |_| answer(500, "{}")).await;
    let breaker = bench.refresher.breaker(&"stream".into());
    let long_ago = Instant::now() - Duration::from_secs(11);
    assert!((0..5).any(|_| breaker.failed(long_ago)));
    let asked_before = bench.refresher.limits.admit(Ipv4Addr::LOCALHOST.into(), 10);
    assert!(asked_before.is_ok() && bench.begin(&shopper(), NOW).is_none());
    assert!(bench.counts(r#"lookups_spared_total{reason="client_rate"} 1"#));
    assert_eq!(breaker.admit(Instant::now()), Admission::Probe, "it is there for somebody else");
}

#[tokio::test]
async fn a_time_beyond_all_clocks_does_not_keep_an_answer_away() {
    let bench = Bench::with(Config { budget: SLOW, ..Config::default() }, QUICK, |_| pull(&["new"])).await;
    let ahead = known_since(-3600, Source::Edge);
    assert!(bench.ask(&ahead, NOW).await.is_some());
    let newer = bench.newer(&ahead).map(|learnt| audiences(&learnt));
    assert_eq!(newer, Some(vec!["new".to_owned()]));
}

#[tokio::test]
async fn asks_once_more_only_where_that_is_allowed_and_in_time() {
    for (status, budget, retry_after, expected) in [
        (503, 5000, None, 2),
        (502, 5000, None, 2),
        (504, 5000, None, 2),
        (503, 500, Some("1"), 1),
        (429, 500, None, 1),
        (503, 15, None, 1),
        (500, 500, None, 1),
        (403, 500, None, 1),
    ] {
        let config = Config { budget: Duration::from_millis(budget), ..Config::default() };
        let respond = move |_: &Seen| {
            let mut answer = answer(status, "{}");
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert("retry-after", seconds.parse().expect("a value"));
            }
            answer
        };
        let bench = Bench::answering(config, QUICK, respond).await;
        let mut pending = bench.begin(&shopper(), NOW).expect("a look-up");
        let _failed = pending.within(&bench.refresher).await;
        assert_eq!(bench.asked(), expected, "{status} {budget} {retry_after:?}");
    }
}

#[tokio::test]
async fn asked_too_often_it_stops_for_as_long_as_it_is_told() {
    let throttle = |_: &Seen| {
        let mut answer = answer(429, "{}");
        answer.headers_mut().insert("retry-after", "30".parse().expect("a value"));
        answer
    };
    let bench = Bench::answering(Config { budget: SLOW, ..Config::default() }, QUICK, throttle).await;
    assert!(bench.ask(&shopper(), NOW).await.is_none());
    assert!(bench.begin(&shopper_with(Some(ecid('1'))), NOW).is_none());
    assert!(bench.counts(r#"lookups_spared_total{reason="throttled"} 1"#));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn an_older_answer_never_replaces_a_newer_one() {
    let bench = Bench::with(Config::default(), QUICK, |_| pull(&[])).await;
    let learnt = |learnt_at, id: &str| {
        let scope = Scope { website: "base".into(), datastream: "stream".into() };
        let shopper = ShopperKey::of(&Ecid::parse(ECID).map(Identity::Ecid).expect("an identity"));
        let audiences = Some(BTreeSet::from([id.into()]));
        Arc::new(Learnt {
            audiences,
            learnt_at,
            asked_at: Instant::now(),
            shopper,
            scope,
            claim_seen: 0,
            state: Vec::new().into(),
        })
    };
    bench.refresher.keep(learnt(NOW, "new"));
    bench.refresher.keep(learnt(NOW - 1, "old"));
    assert_eq!(bench.newer(&shopper()).map(|learnt| audiences(&learnt)), Some(vec!["new".to_owned()]));
    bench.refresher.forget(&shopper());
    assert!(bench.newer(&shopper()).is_none());
}

/// Who logs in or out while a question about him is under way.
#[tokio::test]
async fn an_answer_from_before_a_change_of_session_is_nobodys() {
    let bench = Bench::with(Config { budget: SLOW * 5, ..Config::default() }, SLOW, |_| pull(&["vip"])).await;
    let mut before = bench.begin(&shopper(), NOW).expect("a look-up");
    bench.refresher.forget(&shopper());
    let mut after = bench.begin(&shopper(), NOW).expect("a look-up of its own");
    assert!(before.within(&bench.refresher).await.is_none());
    assert!(after.within(&bench.refresher).await.is_some() && bench.newer(&shopper()).is_some());
    assert_eq!(bench.asked(), 2);
    assert!(bench.refresher.flights.lock().expect("nobody panicked").is_empty());
}

#[test]
fn logging_in_makes_it_stale_and_logging_out_takes_it_away() {
    let known = known_since(1, Source::Edge);
    let (website, config) = ("base".into(), audience_config());
    let kept = |logged_out| match known.after_login(logged_out, NOW, &website, &config) {
        Some(Keep::Sealed(sealed)) => *sealed,
        other => panic!("{other:?}"),
    };
    let (login, logout) = (kept(false), kept(true));
    assert!(login.ask_again && logout.ask_again);
    assert_eq!((login.membership.learnt_at, login.membership.audiences.len()), (NOW, 1));
    assert_eq!((logout.membership.learnt_at, logout.membership.audiences.len()), (NOW, 0));
    let after = |shopper: &Shopper| shopper.after_login(true, NOW, &website, &config);
    assert_eq!(after(&known_since(1, Source::Minted)), None);
    let Some(Keep::Sealed(marker)) = after(&shopper()) else {
        panic!("what other processes learnt before does not count")
    };
    assert_eq!((marker.membership.audiences.len(), marker.membership.learnt_at, marker.ask_again), (0, NOW, true));
    assert_eq!((&*marker.datastream, marker.shopper), ("stream", known.key));
    assert_eq!(after(&shopper_with(None)), None);
}

#[test]
fn metrics_have_their_names() {
    let mut metrics = Metrics::new();
    LookupMetrics::register(&mut metrics).changed(3);
    let text = metrics.encode();
    assert!(text.contains("segue_membership_change_seconds_count 1"), "{text}");
}
