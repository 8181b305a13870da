//! Every answer that an API may give.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Response;
use serde_json::json;

use super::*;
use crate::aep::mock::{Mock, Seen, answer, api, granted};

/// Grants tokens and answers everything else as it is told.
async fn platform(respond: impl Fn(&Seen) -> Response<String> + Send + Sync + 'static) -> Mock {
    Mock::start(move |seen| granted(seen).unwrap_or_else(|| respond(seen))).await
}

async fn get(mock: &Mock, area: Area) -> Result<Value, ApiError> {
    let api = api(mock);
    api.get(area, &api.url("/data/x", Some("limit=1"))).await
}

#[tokio::test]
async fn asks_with_adobes_four_headers() {
    let mock = platform(|_| answer(200, "{}")).await;
    get(&mock, Area::Audiences).await.expect("an answer");
    let seen = mock.seen().pop().expect("a request");
    assert_eq!((seen.head.method.as_str(), seen.path(), seen.query()), ("GET", "/data/x", "limit=1"));
    assert_eq!(seen.header("authorization"), "Bearer t0ken");
    assert_eq!(seen.header("x-api-key"), "client-1");
    assert_eq!(seen.header("x-gw-ims-org-id"), "53A16ACB5CC1D3760A495C99@AdobeOrg");
    assert_eq!(seen.header("x-sandbox-name"), "prod");
}

#[tokio::test]
async fn tells_every_refusal_apart_and_says_what_to_do() {
    let cases = [
        (
            401,
            json!({ "error_code": "401013", "message": "Oauth token is not valid" }),
            "unauthorized",
            "401013: Oauth token",
        ),
        (
            403,
            json!({ "type": "https://ns.adobe.com/aep/errors/UPAPI-113752-403", "title": "Denied" }),
            "forbidden",
            "UPAPI-113752-403: Denied",
        ),
        (404, json!({ "errorMessage": "no\nsandbox" }), "not_found", "no sandbox"),
        (429, json!({}), "throttled", "no more calls"),
        (500, json!({}), "server", "500"),
        (503, json!("x"), "server", "503"),
        (418, json!({ "message": "x".repeat(5000) }), "unexpected", "418"),
        (302, json!({}), "unexpected", "302"),
    ];
    for (status, body, kind, says) in cases {
        let mock = platform(move |_| answer(status, &body)).await;
        let error = get(&mock, Area::Audiences).await.expect_err("refused");
        assert_eq!(error.as_str(), kind, "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("audiences: ") && text.contains(says) && text.len() < 400, "{text}");
        assert!(!error.advice().is_empty());
    }
    let mock = platform(|_| answer(200, "<html>")).await;
    assert_eq!(get(&mock, Area::Audiences).await.expect_err("no JSON").as_str(), "malformed");
}

#[tokio::test]
async fn names_the_permission_that_is_missing() {
    let mock = platform(|_| answer(403, "")).await;
    let advice = get(&mock, Area::Audiences).await.expect_err("refused").advice();
    assert!(advice.contains("View segments") && advice.contains("Roles"), "{advice}");
    let advice = get(&mock, Area::Destinations).await.expect_err("refused").advice();
    assert!(advice.contains("Manage destinations") && advice.contains("Roles"), "{advice}");
}

#[tokio::test]
async fn never_repeats_the_token() {
    let mock = platform(|seen| answer(401, json!({ "message": seen.header("authorization") }))).await;
    let error = get(&mock, Area::Audiences).await.expect_err("refused");
    let all = format!("{error} {error:?} {:?}", api(&mock));
    assert!(!all.contains("t0ken") && !all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn without_a_token_it_says_why() {
    let mock = Mock::start(|_| answer(401, json!({ "error": "invalid_client" }))).await;
    let error = get(&mock, Area::Audiences).await.expect_err("no token");
    assert_eq!(error.as_str(), "token");
    assert!(error.to_string().contains("invalid_client") && error.advice().contains("client_secret"), "{error}");
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_once() {
    let tokens = AtomicUsize::new(0);
    let mock = Mock::start(move |seen| match seen.path() {
        "/ims/token/v3" => {
            let token = format!("t{}", tokens.fetch_add(1, Ordering::Relaxed));
            answer(200, json!({ "access_token": token, "expires_in": 86_399 }))
        }
        _ if seen.header("authorization") == "Bearer t1" => answer(200, "{}"),
        _ => answer(401, ""),
    })
    .await;
    let api = api(&mock);
    api.get(Area::Audiences, &api.url("/x", None)).await.expect("an answer for another token");
    assert_eq!(mock.seen().len(), 4);
    let refusing = platform(|_| answer(401, "")).await;
    assert_eq!(get(&refusing, Area::Audiences).await.expect_err("refused").as_str(), "unauthorized");
    assert_eq!(refusing.seen().len(), 4, "no third token");
}

#[tokio::test]
async fn a_platform_that_is_away_is_told_apart() {
    let mock = platform(|_| answer(200, "{}")).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let away = format!("http://{}", silent.local_addr().expect("bound")).parse().expect("a URL");
    drop(silent);
    let api = api(&mock);
    let error = api.get(Area::Destinations, &away).await.expect_err("nobody listens");
    assert_eq!(error.as_str(), "unreachable");
    assert!(error.to_string().contains("refused"), "{error}");
}
