//! Lists in all the ways that they may end, or not end.

use axum::http::Response;
use serde_json::json;

use super::*;
use crate::aep::mock::{Mock, Seen, answer, api, granted};

async fn platform(respond: impl Fn(&Seen) -> Value + Send + Sync + 'static) -> Mock {
    raw(move |seen| answer(200, respond(seen))).await
}

async fn raw(respond: impl Fn(&Seen) -> Response<String> + Send + Sync + 'static) -> Mock {
    Mock::start(move |seen| granted(seen).unwrap_or_else(|| respond(seen))).await
}

async fn list(mock: &Mock) -> Result<Listing<String>, ApiError> {
    let api = api(mock);
    let first = ("/things", "limit=2");
    let source =
        Source { api: &api, area: Area::Audiences, base: "/data/core", first, cursor: "start", progress: None };
    let read = |value: &Value| value.get("id")?.as_str().map(|id| (id.to_owned(), id.to_owned()));
    source.list(read).await
}

async fn read(mock: &Mock) -> Listing<String> {
    list(mock).await.expect("a list")
}

/// The addresses that were asked for, without the one for tokens.
fn asked(mock: &Mock) -> Vec<String> {
    let seen = mock.seen();
    let pages = seen.iter().filter(|seen| seen.path() != "/ims/token/v3");
    pages.map(|seen| seen.head.uri.to_string()).collect()
}

fn page(ids: &[&str], next: Value) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "children": items, "_links": { "next": next } })
}

#[tokio::test]
async fn follows_links_as_they_are_given() {
    let forms = [
        "@/things?start=1&limit=2&totalCount=3",
        "/things?start=1&limit=2&totalCount=3",
        "/data/core/things?start=1&limit=2&totalCount=3",
        "?start=1&limit=2&totalCount=3",
        "things?start=1&limit=2&totalCount=3",
        "SELF/data/core/things?start=1&limit=2&totalCount=3",
    ];
    for form in forms {
        let mock = platform(move |seen| match seen.query() {
            "limit=2" => {
                let own = format!("http://{}", seen.header("host"));
                page(&["a", "b"], json!({ "href": form.replace("SELF", &own) }))
            }
            _ => json!({ "children": [{ "id": "c" }] }),
        })
        .await;
        let listing = read(&mock).await;
        assert_eq!((listing.items.concat().as_str(), listing.cut), ("abc", None), "{form}");
        let second = "/data/core/things?start=1&limit=2&totalCount=3";
        assert_eq!(asked(&mock), ["/data/core/things?limit=2", second], "{form}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_never_gets_the_token() {
    let other = Mock::start(|_| answer(200, "{}")).await;
    let forms = [
        format!("{}data/core/things?start=1", other.url),
        format!("//{}/things?start=1", other.url.authority()),
        format!("@//{}/things?start=1", other.url.authority()),
        "https://platform.adobe.io.evil.example/data/core/things".to_owned(),
    ];
    for form in forms {
        let href = form.clone();
        let mock = platform(move |_| page(&["a", "b"], json!({ "href": href }))).await;
        let listing = read(&mock).await;
        assert_eq!(listing.items.len(), 2, "{form}");
        assert!(listing.cut.is_some(), "{form}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn where_there_is_no_link_the_cursor_is_followed_as_text_or_number() {
    for cursor in [json!(1), json!("1")] {
        let mock = platform(move |seen| match seen.query() {
            "limit=2" => {
                json!({ "children": [{ "id": "a" }, { "id": "b" }], "_page": { "totalCount": 3, "next": cursor } })
            }
            _ => json!({ "children": [{ "id": "c" }], "_page": { "totalCount": "3", "next": cursor } }),
        })
        .await;
        let listing = read(&mock).await;
        assert_eq!((listing.items.concat().as_str(), listing.cut), ("abc", None));
        assert_eq!(asked(&mock)[1], "/data/core/things?limit=2&start=1");
        assert_eq!(asked(&mock).len(), 2, "what was counted is there");
    }
}

#[tokio::test]
async fn lists_without_an_end_are_stopped_and_say_so() {
    let same = platform(|_| page(&["a", "b"], json!({ "href": "@/things?start=1" }))).await;
    let listing = read(&same).await;
    assert_eq!((listing.items.len(), listing.cut), (2, Some(Cut::Loop)));
    assert_eq!(asked(&same).len(), 2);

    let stale = platform(|seen| page(&["a"], json!({ "href": format!("@/things?{}x", seen.query()) }))).await;
    let listing = read(&stale).await;
    assert_eq!((listing.items.len(), listing.cut), (1, Some(Cut::NothingNew)));
    assert_eq!(asked(&stale).len(), 2);

    let endless = platform(|seen| {
        let number: usize = seen.query().split('=').next_back().and_then(|text| text.parse().ok()).expect("a number");
        page(&[&number.to_string()], json!({ "href": format!("@/things?start={}", number + 1) }))
    })
    .await;
    let listing = read(&endless).await;
    assert_eq!((listing.items.len(), listing.cut), (MOST_PAGES, Some(Cut::Endless)));
}

#[tokio::test]
async fn an_empty_last_page_is_the_end_when_all_is_there() {
    let mock = platform(|seen| match seen.query() {
        "limit=2" => {
            json!({ "children": [{ "id": "a" }], "_page": { "totalCount": 1 }, "_links": { "next": { "href": "@/things?start=1" } } })
        }
        _ => json!({ "children": [], "_page": { "totalCount": 1 }, "_links": { "next": { "href": "@/things?start=2" } } }),
    })
    .await;
    let listing = read(&mock).await;
    assert_eq!((listing.items.len(), listing.cut), (1, None));
}

#[tokio::test]
async fn an_odd_entry_does_not_lose_the_rest() {
    let mock =
        platform(|_| json!({ "children": [{ "id": "a" }, { "id": 7 }, null, { "id": "b" }, { "id": "a" }] })).await;
    let listing = read(&mock).await;
    assert_eq!((listing.items.concat().as_str(), listing.odd, listing.cut), ("ab", 2, None));
}

#[tokio::test]
async fn lists_come_in_several_shapes() {
    let shapes = [
        json!({ "items": [{ "id": "a" }] }),
        json!([{ "id": "a" }]),
        json!({ "id": "a", "name": "as the specification has it" }),
    ];
    for shape in shapes {
        let mock = platform(move |_| shape.clone()).await;
        assert_eq!(read(&mock).await.items, ["a"]);
    }
    let mock = platform(|_| json!({ "message": "hello" })).await;
    assert_eq!(list(&mock).await.expect_err("no list").as_str(), "malformed");
}

#[tokio::test]
async fn an_error_on_a_later_page_is_an_error_of_the_whole() {
    let mock = raw(|seen| match seen.query() {
        "limit=2" => answer(200, page(&["a", "b"], json!({ "href": "@/things?start=1" }))),
        _ => answer(500, ""),
    })
    .await;
    assert_eq!(list(&mock).await.expect_err("half a list").as_str(), "server");
}

#[tokio::test]
async fn a_listing_under_way_waits_when_it_is_told_to() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let mock = raw(move |seen| match seen.query() {
        "limit=2" => answer(200, page(&["a", "b"], json!({ "href": "@/things?start=1" }))),
        _ if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
            Response::builder().status(429).header("retry-after", "0").body(String::new()).expect("valid")
        }
        _ => answer(200, json!({ "children": [{ "id": "c" }] })),
    })
    .await;
    assert_eq!(read(&mock).await.items.concat(), "abc");
    let throttled = raw(|_| answer(429, "")).await;
    assert_eq!(list(&throttled).await.expect_err("throttled").as_str(), "throttled");
    assert_eq!(asked(&throttled).len(), 1, "what has not begun is not worth a wait");
}

#[tokio::test]
async fn an_empty_link_is_no_link() {
    for next in [json!({ "href": "" }), json!(""), json!(null), json!({})] {
        let about = next.to_string();
        let mock = platform(move |_| page(&["a"], next.clone())).await;
        let listing = read(&mock).await;
        assert_eq!((listing.items.concat().as_str(), listing.cut, asked(&mock).len()), ("a", None, 1), "{about}");
    }
}
