//! Every answer that IMS may give, and how often it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Response;
use secrecy::SecretString;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::aep::http::CallError;
use crate::aep::mock::{Mock, Seen, answer};

fn credentials(secrets: &[&str]) -> Credentials {
    Credentials {
        client_id: "client-1".to_owned(),
        client_secrets: secrets.iter().map(|secret| SecretString::from(*secret)).collect(),
        technical_account_id: None,
        technical_account_email: None,
        scopes: vec!["openid".to_owned(), "AdobeID".to_owned()],
    }
}

fn tokens(mock: &Mock, secrets: &[&str]) -> Tokens {
    Tokens::new(&mock.url, credentials(secrets)).expect("a client")
}

fn granted(token: &str, seconds: u64) -> Response<String> {
    answer(200, json!({ "access_token": token, "token_type": "bearer", "expires_in": seconds }))
}

/// Grants tokens called `t1`, `t2`... for so many seconds.
async fn granting(seconds: u64) -> Mock {
    let count = AtomicUsize::new(1);
    Mock::start(move |_| granted(&format!("t{}", count.fetch_add(1, Ordering::Relaxed)), seconds)).await
}

fn secret_of(seen: &Seen) -> &str {
    seen.body.split('&').find_map(|pair| pair.strip_prefix("client_secret=")).unwrap_or_default()
}

async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// The token in hand, as the header has it.
async fn got(tokens: &Tokens) -> String {
    tokens.get().await.expect("a token").header().to_str().expect("text").to_owned()
}

async fn refused(tokens: &Tokens) -> ImsError {
    tokens.get().await.expect_err("no token")
}

#[tokio::test]
async fn asks_as_adobe_wants_it_and_keeps_the_token() {
    let mock = granting(86_399).await;
    let tokens = tokens(&mock, &["p@ss word"]);
    assert_eq!(got(&tokens).await, "Bearer t1");
    assert_eq!(got(&tokens).await, "Bearer t1");
    let [seen] = mock.seen().try_into().expect("one request");
    assert_eq!((seen.head.method.as_str(), seen.path()), ("POST", "/ims/token/v3"));
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    let form = "grant_type=client_credentials&client_id=client-1&client_secret=p%40ss+word&scope=openid%2CAdobeID";
    assert_eq!(seen.body, form);
    assert_eq!(seen.query(), "", "no secret where logs of proxies would have it");
}

#[tokio::test]
async fn tells_every_refusal_apart_and_never_repeats_the_secret() {
    let invalid = json!({ "error": "invalid_client", "error_description": "secret hunter2 is wrong" });
    let scope = json!({ "error": "invalid_scope", "error_description": "hunter2" });
    let odd = json!({ "error": "hunter2 is wrong" });
    let cases = [
        (400, scope.to_string(), "bad_request", "invalid_scope"),
        (400, odd.to_string(), "bad_request", "request for a token"),
        (400, "<html>hunter2".to_owned(), "bad_request", "request for a token"),
        (400, invalid.to_string(), "unauthorized", "invalid_client"),
        (401, invalid.to_string(), "unauthorized", "invalid_client"),
        (429, String::new(), "throttled", "no more tokens"),
        (500, String::new(), "server", "500"),
        (503, String::new(), "server", "503"),
        (302, String::new(), "unexpected", "302"),
        (403, "hunter2".to_owned(), "unexpected", "403"),
        (200, "hunter2".to_owned(), "malformed", "not JSON"),
        (200, json!({ "expires_in": 1 }).to_string(), "malformed", "access_token"),
        (400, json!({ "error": "unauthorized_client" }).to_string(), "unauthorized", "unauthorized_client"),
        (200, json!({ "access_token": "t", "expires_in": "soon" }).to_string(), "malformed", "expires_in"),
        (200, json!({ "access_token": "t", "expires_in": 0 }).to_string(), "malformed", "expires_in"),
        (200, json!({ "access_token": "t", "expires_in": 9, "token_type": "mac" }).to_string(), "malformed", "bearer"),
        (200, json!({ "access_token": "a\nb", "expires_in": 9 }).to_string(), "malformed", "header"),
        (200, " ".repeat(65 << 10), "unreachable", "larger"),
    ];
    for (status, body, kind, says) in cases {
        let about = format!("{status} {body}").chars().take(80).collect::<String>();
        let mock = Mock::start(move |_| answer(status, &body)).await;
        let tokens = tokens(&mock, &["hunter2"]);
        let error = refused(&tokens).await;
        assert_eq!(error.as_str(), kind, "{about}");
        assert!(error.to_string().contains(says) && !error.advice().is_empty(), "{about}: {error}");
        assert!(!format!("{error} {error:?} {tokens:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn an_identity_service_that_is_away_is_told_apart() {
    let mock = granting(60).await;
    let url = mock.url.clone();
    drop(mock);
    tokio::task::yield_now().await;
    let tokens = Tokens::new(&url, credentials(&["s"])).expect("a client");
    let error = refused(&tokens).await;
    assert!(matches!(error, ImsError::Unreachable(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_identity_service_that_hangs_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let url = format!("http://{}", silent.local_addr().expect("bound")).parse().expect("a URL");
    let tokens = Tokens::new(&url, credentials(&["s"])).expect("a client");
    let begin = Instant::now();
    let error = refused(&tokens).await;
    assert!(matches!(&error, ImsError::Unreachable(cause) if matches!(**cause, CallError::Timeout(_))), "{error:?}");
    assert!(begin.elapsed() <= PATIENCE + Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn fifty_callers_cost_one_request() {
    let mock = Mock::late(Duration::from_millis(100), |_| granted("t", 3600)).await;
    let tokens = tokens(&mock, &["s"]);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let tokens = tokens.clone();
        callers.spawn(async move { got(&tokens).await });
    }
    assert_eq!(callers.join_all().await, vec!["Bearer t"; 50]);
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn fifty_callers_cost_one_request_when_it_fails_too() {
    let mock = Mock::late(Duration::from_millis(100), |_| answer(500, "")).await;
    let tokens = tokens(&mock, &["s"]);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let tokens = tokens.clone();
        callers.spawn(async move { refused(&tokens).await.as_str() });
    }
    assert_eq!(callers.join_all().await, vec!["server"; 50]);
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn a_request_goes_on_when_its_caller_gives_up() {
    let mock = Mock::late(Duration::from_millis(100), |_| granted("t", 3600)).await;
    let tokens = tokens(&mock, &["s"]);
    tokio::time::timeout(Duration::from_millis(10), tokens.get()).await.expect_err("too impatient");
    assert_eq!(got(&tokens).await, "Bearer t");
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn a_token_close_to_its_end_is_handed_out_while_the_next_one_is_fetched() {
    let mock = granting(1000).await;
    let tokens = tokens(&mock, &["s"]);
    assert_eq!(got(&tokens).await, "Bearer t1");
    later(790).await;
    assert_eq!(got(&tokens).await, "Bearer t1");
    assert_eq!(mock.seen().len(), 1, "a fifth is left");
    later(20).await;
    assert_eq!(got(&tokens).await, "Bearer t1", "nobody waits");
    while got(&tokens).await == "Bearer t1" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(got(&tokens).await, "Bearer t2");
    assert_eq!(mock.seen().len(), 2);
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_not_handed_out() {
    let mock = granting(1000).await;
    let tokens = tokens(&mock, &["s"]);
    assert_eq!(got(&tokens).await, "Bearer t1");
    later(971).await;
    assert_eq!(got(&tokens).await, "Bearer t2");
}

#[tokio::test]
async fn a_good_token_stays_in_use_while_ims_is_in_trouble() {
    let count = AtomicUsize::new(0);
    let mock = Mock::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => granted("t1", 1000),
        _ => answer(503, ""),
    })
    .await;
    let tokens = tokens(&mock, &["s"]);
    assert_eq!(got(&tokens).await, "Bearer t1");
    later(850).await;
    for _ in 0..20 {
        assert_eq!(got(&tokens).await, "Bearer t1");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(mock.seen().len(), 2, "one attempt, then a wait");
    later(200).await;
    assert_eq!(refused(&tokens).await.as_str(), "server", "it is over");
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_while_that_grows() {
    let mock = Mock::start(|_| answer(500, "")).await;
    let tokens = tokens(&mock, &["s"]);
    for _ in 0..10 {
        assert_eq!(refused(&tokens).await.as_str(), "server");
    }
    assert_eq!(mock.seen().len(), 1);
    for _ in 0..10 {
        later(61).await;
        refused(&tokens).await;
    }
    assert_eq!(mock.seen().len(), 11, "never longer than a minute");
    later(29).await;
    refused(&tokens).await;
    assert_eq!(mock.seen().len(), 11, "half a minute at least by now");
}

#[tokio::test]
async fn a_throttled_client_waits_as_long_as_it_is_told() {
    let mock = Mock::start(|_| {
        let answer = Response::builder().status(429).header("retry-after", "120");
        answer.body(String::new()).expect("valid")
    })
    .await;
    let tokens = tokens(&mock, &["s"]);
    assert!(matches!(refused(&tokens).await, ImsError::Throttled(Some(wait)) if wait.as_secs() == 120));
    later(110).await;
    refused(&tokens).await;
    assert_eq!(mock.seen().len(), 1);
    later(11).await;
    refused(&tokens).await;
    assert_eq!(mock.seen().len(), 2);
}

#[tokio::test]
async fn the_secret_that_works_is_remembered() {
    let mock = Mock::start(|seen| match secret_of(seen) {
        "new" => granted("t", 100),
        _ => answer(401, json!({ "error": "invalid_client" })),
    })
    .await;
    let tokens = tokens(&mock, &["old", "new"]);
    assert_eq!(got(&tokens).await, "Bearer t");
    later(200).await;
    assert_eq!(got(&tokens).await, "Bearer t");
    let asked: Vec<String> = mock.seen().iter().map(|seen| secret_of(seen).to_owned()).collect();
    assert_eq!(asked, ["old", "new", "new"]);
    let tests: Vec<bool> = tokens.test().await.iter().map(Result::is_ok).collect();
    assert_eq!(tests, [false, true], "each by itself");
}

#[tokio::test]
async fn the_other_secret_is_not_tried_for_what_it_cannot_mend() {
    let mock = Mock::start(|_| answer(400, json!({ "error": "invalid_scope" }))).await;
    assert_eq!(refused(&tokens(&mock, &["a", "b"])).await.as_str(), "bad_request");
    assert_eq!(mock.seen().len(), 1);
    let mock = Mock::start(|_| answer(400, json!({ "error": "invalid_client" }))).await;
    assert_eq!(refused(&tokens(&mock, &["a", "b"])).await.as_str(), "unauthorized");
    assert_eq!(mock.seen().len(), 2);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let mock = granting(86_399).await;
    let tokens = tokens(&mock, &["s"]);
    let first = tokens.get().await.expect("a token");
    assert!(tokens.invalidate(&first));
    let second = tokens.get().await.expect("another token");
    assert!(tokens.invalidate(&first), "there is another already");
    assert!(!tokens.invalidate(&second), "a third one would be refused, too");
    assert_eq!(got(&tokens).await, "Bearer t2");
    assert_eq!(mock.seen().len(), 2);
    later(61).await;
    assert!(tokens.invalidate(&second));
    assert_eq!(got(&tokens).await, "Bearer t3");
}

#[tokio::test]
async fn no_token_lives_longer_than_a_day() {
    let mock = granting(86_399_000).await;
    let token = tokens(&mock, &["s"]).get().await.expect("a token");
    assert!(token.left() <= Duration::from_secs(86_400), "{:?}", token.left());
}

#[tokio::test]
async fn says_what_a_token_is_for_and_not_what_it_is() {
    use base64::Engine as _;
    let payload = json!({ "scope": "openid,acp.foundation", "client_id": "client-1" }).to_string();
    let jwt = format!("e30.{}.c2ln", base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(payload));
    let expected = jwt.clone();
    let mock = Mock::start(move |_| granted(&jwt, 60)).await;
    let tokens = tokens(&mock, &["s"]);
    let token = tokens.get().await.expect("a token");
    assert_eq!(token.scopes().expect("scopes"), ["openid", "acp.foundation"]);
    assert!(token.header().is_sensitive());
    assert!(!format!("{token:?} {tokens:?}").contains(&expected), "{token:?} {tokens:?}");
}

#[tokio::test]
async fn a_life_is_a_number_in_any_form_and_an_hour_where_nothing_is_said() {
    for (life, seconds) in [(json!(90.0), 90), (json!("90"), 90), (json!(null), 3600), (json!(86_399_000), 86_400)] {
        let body = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": life }).to_string();
        let mock = Mock::start(move |_| answer(200, &body)).await;
        let token = tokens(&mock, &["s"]).get().await.expect("a token");
        assert_eq!(token.life.as_secs(), seconds, "{life}");
    }
}
