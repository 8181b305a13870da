//! Promise 7 and half of promise 1: what Segue does not know, or is not for it, passes byte for byte.

use bytes::Bytes;
use http::Response;

use crate::fail_open::{assert_private, exchange, gunzip, gzip, pages, shopper};
use crate::origin::{Origin, Seen};
use crate::running::{Running, Setup, send};
use crate::shop::{self, VIP};
use crate::support;

/// Past `max_page_bytes` of these tests.
const TOO_LARGE: usize = 200_000;

/// An answer of the origin that must come through as it is.
struct Case {
    target: &'static str,
    /// The outcome that is counted.
    outcome: &'static str,
    /// Whether no other shopper would get this page changed either, so that its caching headers are the origin's business.
    caching_is_kept: bool,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
}

const HTML: (&str, &str) = ("content-type", "text/html; charset=UTF-8");
const BARE: (&str, &str) = ("content-type", "text/html");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn case(outcome: &'static str, target: &'static str, headers: &'static [(&str, &str)], body: Vec<u8>) -> Case {
    Case { target, outcome, caching_is_kept: false, status: 200, headers, body }
}

/// A part of a page that nobody asked for.
fn part(case: Case) -> Case {
    Case { status: 206, ..case }
}

/// A page that every shopper gets as it is.
fn kept(status: u16, mut case: Case) -> Case {
    case.caching_is_kept = true;
    case.status = status;
    case
}

fn latin(page: &str) -> Vec<u8> {
    let mut bytes = page.replace("Shop</title>", "Caf\u{e9}</title>").into_bytes();
    let accent = bytes.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).expect("an accent");
    bytes.splice(accent..accent + 2, [0xe9]);
    bytes
}

fn cases() -> Vec<Case> {
    let home = shop::home();
    let page = || home.clone().into_bytes();
    let large = || home.replace("<footer", &format!("{}<footer", " ".repeat(TOO_LARGE))).into_bytes();
    let meta = home.replace("<meta charset=\"utf-8\"/>", "<meta charset=\"iso-8859-1\"/>");
    let mut wrong_sum = gzip(&page());
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0x10;
    let mut garbled = gzip(&page());
    garbled[20..30].fill(0xff);
    vec![
        case("too-large", "/large", &[HTML], large()),
        case("too-large", "/bomb", &[HTML, GZIP], gzip(&large())),
        case("coding", "/wrong-sum", &[HTML, GZIP], wrong_sum),
        case("coding", "/garbled", &[HTML, GZIP], garbled),
        case("coding", "/cut", &[HTML, GZIP], gzip(&page())[..100].to_vec()),
        case("coding", "/no-gzip-at-all", &[HTML, GZIP], page()),
        case("coding", "/trailing", &[HTML, GZIP], [gzip(&page()), b"more".to_vec()].concat()),
        case("coding", "/br", &[HTML, ("content-encoding", "br")], vec![0x8b, 0x02, 0x80, 0x61, 0x62, 0x63, 0x03]),
        case("coding", "/twice", &[HTML, ("content-encoding", "gzip, gzip")], gzip(&gzip(&page()))),
        case("not-utf8", "/mislabelled", &[HTML], latin(&home)),
        case("not-utf8", "/mislabelled-gzip", &[HTML, GZIP], gzip(&latin(&home))),
        case("not-utf8", "/unlabelled", &[BARE], latin(&home)),
        part(case("partial", "/part", &[HTML, ("content-range", "bytes 0-99/1000")], page()[..100].to_vec())),
        case("empty", "/empty", &[HTML], Vec::new()),
        case("empty", "/empty-gzip", &[HTML, GZIP], Vec::new()),
        kept(200, case("charset", "/latin", &[("content-type", "text/html; charset=ISO-8859-1")], latin(&home))),
        kept(200, case("charset", "/latin-meta", &[BARE], latin(&meta))),
        kept(
            200,
            case("not-html", "/json", &[("content-type", "application/json")], b"{\"price\":\"$10.00\"}".to_vec()),
        ),
        kept(200, case("not-html", "/xhtml", &[("content-type", "application/xhtml+xml")], page())),
        kept(200, case("not-html", "/untyped", &[], page())),
        kept(
            200,
            case("attachment", "/download", &[HTML, ("content-disposition", "attachment; filename=a.html")], page()),
        ),
        kept(200, case("no-transform", "/no-transform", &[HTML, ("cache-control", "no-transform")], page())),
        kept(204, case("status", "/nothing", &[], Vec::new())),
        kept(302, case("status", "/moved", &[HTML, ("location", "https://other.example/x")], page())),
        kept(404, case("status", "/gone", &[HTML], page())),
        kept(500, case("status", "/broken", &[HTML, GZIP], gzip(&page()))),
        kept(503, case("status", "/maintenance", &[HTML, ("retry-after", "60")], page())),
    ]
}

const CACHING: [(&str, &str); 4] = [
    ("cache-control", "public, max-age=86400"),
    ("etag", "\"origin\""),
    ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("x-custom", "stays"),
];

fn answer(case: &Case) -> Response<Bytes> {
    let builder = Response::builder().status(case.status);
    let headers = CACHING.iter().chain(case.headers);
    let builder = headers.fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Bytes::from(case.body.clone())).expect("a valid answer")
}

async fn origin_of(cases: Vec<Case>) -> Origin {
    Origin::start(move |seen: &Seen| answer(cases.iter().find(|case| case.target == seen.target).expect("a case")))
        .await
}

#[tokio::test]
async fn what_cannot_be_read_arrives_as_the_origin_sent_it() {
    let origin = origin_of(cases()).await;
    let setup = Setup::rules(&shop::rules()).with("rewrite", "max_page_bytes = \"100 KiB\"");
    let running = Running::start(&setup, origin.port).await;
    let vip = shopper(&running, "VIP").await;
    for case in cases() {
        for accepted in ["gzip, br", "identity"] {
            let before = pages(&running, "on", case.outcome).await;
            let got = running.get(case.target, &[("cookie", &vip), ("accept-encoding", accepted)]).await;
            assert_eq!(got.status.as_u16(), case.status, "{}", case.target);
            assert!(got.body == case.body, "{}: {:?}", case.target, got.body);
            for (name, value) in case.headers.iter().filter(|(name, _)| *name != "cache-control") {
                assert_eq!(got.header(name), *value, "{}", case.target);
            }
            if case.caching_is_kept {
                let validators = (got.header("etag"), got.header("last-modified"));
                assert_eq!(validators, (CACHING[1].1, CACHING[2].1), "{}", case.target);
                assert!(got.header("cache-control").starts_with("public"), "{}: {:?}", case.target, got.headers);
            } else {
                assert_private(&got);
            }
            assert_eq!(got.header("x-custom"), "stays");
            assert_eq!(pages(&running, "on", case.outcome).await, before + 1, "{} is no {}", case.target, case.outcome);
            let seen = origin.take_one();
            assert_eq!(seen.header("cookie"), format!("aep-segments-membership={VIP}"), "{}", case.target);
        }
    }
}

/// A home page behind a byte order mark, in every form that Segue reads.
fn readable() -> Vec<(&'static str, Vec<u8>, bool)> {
    let page = format!("\u{feff}{}", shop::home()).into_bytes();
    let (first, second) = page.split_at(700);
    let members = [gzip(first), gzip(b""), gzip(second)].concat();
    vec![("/bom", page.clone(), false), ("/bom-gzip", gzip(&page), true), ("/members", members, true)]
}

#[tokio::test]
async fn a_page_is_changed_in_every_form_and_for_clients_without_gzip_too() {
    let origin = Origin::start(|seen: &Seen| {
        let (_, body, gzipped) = readable().into_iter().find(|(target, ..)| *target == seen.target).expect("a form");
        let builder = Response::builder().header("content-type", "text/html");
        let builder = if gzipped { builder.header("content-encoding", "gzip") } else { builder };
        builder.body(Bytes::from(body)).expect("a valid answer")
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let mut seen = Vec::new();
    for (target, ..) in readable() {
        for (accepted, zipped) in [("gzip", true), ("identity", false), ("br", false)] {
            let got = running.get(target, &[("cookie", &vip), ("accept-encoding", accepted)]).await;
            assert_eq!(got.header("content-encoding") == "gzip", zipped, "{target} for {accepted}");
            assert_eq!(got.header("content-length"), got.body.len().to_string());
            assert_private(&got);
            seen.push(if zipped { gunzip(&got.body) } else { got.body.to_vec() });
        }
    }
    let text = String::from_utf8(seen[0].clone()).expect("UTF-8");
    assert!(text.starts_with('\u{feff}') && text.contains("Hello VIP") && text.contains("$8.00"), "{text}");
    assert!(seen.iter().all(|page| *page == seen[0]), "the same page in every form");
    for up in origin.take() {
        assert!(["gzip", "identity"].contains(&&*up.header("accept-encoding")), "{up:?}");
    }
}

#[tokio::test]
async fn requests_that_want_no_page_get_what_the_origin_says() {
    let origin = Origin::start(|seen: &Seen| {
        let conditional = seen.headers.contains_key("if-none-match");
        let builder = CACHING.iter().fold(Response::builder(), |builder, (name, value)| builder.header(*name, *value));
        if conditional {
            return builder.status(304).body(Bytes::new()).expect("a valid answer");
        }
        if seen.headers.contains_key("range") {
            let builder = builder.status(206).header("content-range", "bytes 0-9/100").header(HTML.0, HTML.1);
            return builder.body(Bytes::from_static(b"0123456789")).expect("a valid answer");
        }
        builder.header(HTML.0, HTML.1).body(Bytes::from(shop::home())).expect("a valid answer")
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let home = shop::home();
    let url = |target: &str| format!("http://127.0.0.1:{}{target}", running.port);
    let cookie = ("cookie", vip.as_str());

    let fragment = running.get("/women.html?p=2", &[cookie, ("x-requested-with", "XMLHttpRequest")]).await;
    assert!(fragment.text() == home);
    assert_private(&fragment);

    let posted = send("POST", &url("/catalogsearch/result/"), &[cookie], "q=shirt").await;
    assert!(posted.text() == home);
    assert_eq!(posted.header("etag"), "\"origin\"");

    let pay = running.get("/checkout/", &[cookie]).await;
    assert!(pay.text() == home && pay.header("etag") == "\"origin\"");

    let image = running.get("/media/logo.png", &[cookie, ("if-none-match", "\"origin\"")]).await;
    assert_eq!((image.status.as_u16(), image.header("etag"), image.body.len()), (304, "\"origin\"", 0));

    let part = running.get("/media/film.mp4", &[cookie, ("range", "bytes=0-9")]).await;
    assert_eq!((part.status.as_u16(), part.text().as_str()), (206, "0123456789"));
    assert_eq!(part.header("content-range"), "bytes 0-9/100");
    assert_eq!(origin.take().len(), 5);

    let head = send("HEAD", &url("/"), &[cookie, ("if-none-match", "\"origin\"")], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_private(&head);
    assert_eq!(head.header("content-length"), "", "the changed page has another length");
    assert_eq!(origin.take_one().method, "HEAD");
}

#[tokio::test]
async fn events_pass_one_by_one_while_rules_are_in_force() {
    let (next, turns) = tokio::sync::mpsc::channel::<()>(1);
    let turns = std::sync::Arc::new(tokio::sync::Mutex::new(turns));
    let origin = support::Origin::script(move |mut connection| {
        let turns = std::sync::Arc::clone(&turns);
        async move {
            connection.request().await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
            for number in 0..3 {
                turns.lock().await.recv().await;
                connection.send(format!("data: {number}\n\n")).await;
            }
        }
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.address.port()).await;
    let mut client = support::Client::to(crate::fail_open::address(&running)).await;
    client.send(support::get("/events")).await;
    assert_eq!(client.head().await.one("content-type"), Some("text/event-stream"));
    for number in 0..3 {
        // The origin does not go on before this event has arrived.
        next.send(()).await.expect("the origin listens");
        client.until(format!("data: {number}\n\n").as_bytes()).await;
    }
}

#[tokio::test]
async fn old_ways_of_framing_carry_a_changed_page() {
    let page = shop::home();
    let unframed = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n{page}");
    let ancient = format!("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n{page}");
    for origin in [unframed, ancient] {
        let origin = support::Origin::answering_once(origin).await;
        let running = Running::start(&Setup::rules(&shop::rules()), origin.address.port()).await;
        let vip = shopper(&running, "VIP").await;
        let mut bodies = Vec::new();
        for version in ["1.0", "1.1"] {
            let request = format!("GET / HTTP/{version}\r\nHost: a\r\nCookie: {vip}\r\nConnection: close\r\n\r\n");
            let answer = exchange(&running, &request).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.one("transfer-encoding"), None, "{}", answer.head);
            assert_eq!(answer.one("content-length"), Some(&*answer.rest.len().to_string()));
            assert_eq!(answer.one("cache-control"), Some("private, no-store"));
            assert!(answer.text().contains("Hello VIP") && answer.text().contains("$8.00"));
            bodies.push(answer.rest);
        }
        assert_eq!(bodies[0], bodies[1]);
    }
}

#[tokio::test]
async fn an_old_client_gets_no_chunks_of_a_page_that_passes() {
    let latin = latin(&shop::home());
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in latin.chunks(100) {
        answer.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    answer.extend(b"0\r\n\r\n");
    let origin = support::Origin::answering(answer).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.address.port()).await;
    let got = exchange(&running, "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!((got.status(), got.one("transfer-encoding")), (200, None));
    assert!(got.rest == latin);
}
