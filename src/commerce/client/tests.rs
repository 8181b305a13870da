use std::time::Duration;

use axum::http::Response;
use serde_json::json;

use super::*;
use crate::aep::mock::{Mock, answer};
use crate::rule::cart_rule::{AudienceTypes, Release};

fn config(url: &Url) -> Config {
    Config {
        url: url.clone(),
        token: "t0ken".into(),
        release: Release::default(),
        audience_types: AudienceTypes::default(),
        poll: Duration::from_secs(60),
        max_age: Duration::from_secs(900),
        timeout: Duration::from_millis(300),
        catalog_every: Duration::from_secs(300),
        page_size: 200,
    }
}

pub(in crate::commerce) fn client(mock: &Mock) -> Client {
    Client::new(&config(&mock.url)).expect("a client")
}

async fn error_of(status: u16, kind: &'static str, body: &'static str) -> CommerceError {
    let respond = move |_: &_| {
        let answer = Response::builder().status(status).header("content-type", kind).header("retry-after", "0");
        answer.header("location", "https://other.example/x?secret=1").body(body.to_owned()).expect("valid")
    };
    let mock = Mock::start(respond).await;
    client(&mock).get_once(Area::Rules, "/V1/salesRules/1", &[]).await.expect_err("no answer of use")
}

#[tokio::test]
async fn every_answer_that_matters_has_its_own_error() {
    let consumer = r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_SalesRule::quote"}}"#;
    let odd = r#"{"message":"%fieldName is a required field.","parameters":{"fieldName":"code"}}"#;
    let numbered = r#"{"message":"No %1 with id %2.","parameters":["rule",7]}"#;
    for (status, kind, body, word, said) in [
        (401, "application/json", consumer, "permission", "Magento_SalesRule::quote"),
        (403, "application/json", consumer, "permission", "Magento_SalesRule::quote"),
        (401, "application/json", r#"{"message":"The signature is invalid."}"#, "token", "The signature is invalid."),
        (401, "text/html", "<html>Basic</html>", "barred", "401"),
        (403, "text/html", "<html>WAF</html>", "barred", "403"),
        (404, "application/json", numbered, "not_found", "No rule with id 7."),
        (404, "text/html", "<!doctype html>", "html", "404"),
        (400, "application/json", odd, "refused", "code is a required field."),
        (429, "application/json", "{}", "throttled", "no more calls"),
        (500, "application/json", r#"{"message":"Internal Error"}"#, "server", "Internal Error"),
        (503, "text/html", "<html>maintenance</html>", "closed", "maintenance"),
        (503, "application/json", r#"{"message":"busy"}"#, "server", "busy"),
        (302, "text/html", "", "redirect", "https://other.example"),
        (200, "text/html", "<html>login</html>", "html", "HTML"),
        (200, "application/json", "{", "malformed", "JSON"),
        (418, "application/json", "{}", "unexpected", "418"),
    ] {
        let error = error_of(status, kind, body).await;
        assert_eq!(error.as_str(), word, "{status} {body}: {error:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.advice().is_empty() && !format!("{error:?}{error}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn carries_the_token_and_says_it_to_nobody() {
    let mock = Mock::start(|_| answer(400, r#"{"message":"token t0ken is odd"}"#)).await;
    let client = client(&mock);
    let error = client.rule(3).await.expect_err("refused");
    let seen = mock.seen();
    assert_eq!((seen[0].path(), seen[0].header("authorization")), ("/rest/all/V1/salesRules/3", "Bearer t0ken"));
    assert!(!format!("{error}{error:?}{client:?}").contains("t0ken"), "{error:?}");
}

#[tokio::test]
async fn a_late_or_absent_commerce_is_told_apart() {
    let mock = Mock::late(Duration::from_secs(5), |_| answer(200, "{}")).await;
    assert_eq!(client(&mock).get_once(Area::Rules, "/V1", &[]).await.expect_err("late").as_str(), "timeout");
    let url = mock.url.clone();
    drop(mock);
    let gone = Client::new(&config(&url)).expect("a client");
    assert_eq!(gone.get_once(Area::Rules, "/V1", &[]).await.expect_err("gone").as_str(), "unreachable");
}

#[tokio::test]
async fn lists_every_page_once_and_asks_again_where_that_may_help() {
    let mock = Mock::start(|seen| {
        let page = if seen.query().contains("currentPage%5D=2") { 2 } else { 1 };
        let busy = page == 2 && !seen.query().is_empty() && seen.header("accept").is_empty();
        match busy {
            true => answer(503, ""),
            false => answer(200, json!({ "items": [{ "rule_id": page }], "total_count": 2 })),
        }
    })
    .await;
    let rules = client(&mock).rules().await.expect("both pages");
    assert_eq!(rules, [json!({ "rule_id": 1 }), json!({ "rule_id": 2 })]);
    assert_eq!(mock.seen().len(), 2);

    let tries = std::sync::atomic::AtomicU32::new(0);
    let mock = Mock::start(move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Response::builder().status(429).header("retry-after", "0").body(String::from("{}")).expect("valid"),
        _ => answer(200, json!({ "items": [], "total_count": 0 })),
    })
    .await;
    assert!(client(&mock).rules().await.expect("at the second try").is_empty());
}

#[tokio::test]
async fn a_change_is_made_once() {
    let mock = Mock::start(|_| answer(503, "")).await;
    client(&mock).delete_rule(3).await.expect_err("closed");
    assert_eq!(mock.seen().len(), 1);
}
