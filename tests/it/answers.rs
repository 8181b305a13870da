//! Answers that Segue has no reason to touch arrive as the origin sent them.

use crate::support::{Origin, Running, get, unchunk};

async fn passed(answer: impl Into<Vec<u8>>, request: &str) -> crate::support::Answer {
    let origin = Origin::answering_once(answer).await;
    Running::default_for(&origin).await.exchange(request).await
}

#[tokio::test]
async fn drops_interim_answers() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let got = passed(answer, &get("/")).await;
    assert_eq!((got.status(), got.text().as_str()), (200, "ok"));
    assert!(!got.head.contains("a.css"));
}

#[tokio::test]
async fn keeps_the_length_of_a_head_answer_and_sends_no_body() {
    let request = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let got = passed("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"x\"\r\n\r\n", request).await;
    assert_eq!(got.one("content-length"), Some("12345"));
    assert!(got.rest.is_empty());
    let got = passed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", request).await;
    assert_eq!((got.status(), got.one("content-length"), got.rest.len()), (200, None, 0));
}

#[tokio::test]
async fn passes_answers_that_have_no_body() {
    let got = passed("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", &get("/")).await;
    assert_eq!((got.status(), got.one("etag"), got.rest.len()), (304, Some("\"x\""), 0));
    let got = passed("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n", &get("/")).await;
    assert_eq!((got.status(), got.rest.len()), (304, 0));
    let got = passed("HTTP/1.1 204 No Content\r\n\r\n", &get("/")).await;
    assert_eq!((got.status(), got.one("content-length"), got.one("transfer-encoding")), (204, None, None));
    let got = passed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &get("/")).await;
    assert_eq!((got.status(), got.one("content-length")), (200, Some("0")));
}

#[tokio::test]
async fn passes_ranges() {
    let answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/100\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nabcde";
    let request = "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=5-9\r\nIf-Range: \"x\"\r\nConnection: close\r\n\r\n";
    let origin = Origin::answering_once(answer).await;
    let got = Running::default_for(&origin).await.exchange(request).await;
    assert_eq!((got.status(), got.one("content-range"), got.text().as_str()), (206, Some("bytes 5-9/100"), "abcde"));
    let seen = origin.only_request();
    assert_eq!((seen.one("range"), seen.one("if-range")), (Some("bytes=5-9"), Some("\"x\"")));
}

#[tokio::test]
async fn passes_every_byte_of_a_body_with_its_length() {
    let body: Vec<u8> = (0..200_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    let got = passed(answer, &get("/")).await;
    assert_eq!(got.one("content-length"), Some("200000"));
    assert_eq!(got.one("content-encoding"), Some("gzip"));
    assert!(got.rest == body, "the body arrives as it was sent");
}

#[tokio::test]
async fn passes_header_values_in_any_bytes_and_reason_phrases() {
    let answer = b"HTTP/1.1 404 Nicht da\r\nX-Name: caf\xe9 \xfc\x80\xff\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n";
    let origin = Origin::answering_once(&answer[..]).await;
    let proxy = Running::default_for(&origin).await;
    let got = proxy.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX-Mine: \xe9\xff\r\nConnection: close\r\n\r\n").await;
    assert_eq!(got.one("x-name"), Some("caf\u{e9} \u{fc}\u{80}\u{ff}"));
    assert_eq!(got.all("set-cookie"), ["a=1", "b=2"]);
    assert!(got.head.starts_with("HTTP/1.1 404 Nicht da\r\n"), "{}", got.head);
    assert_eq!(origin.only_request().one("x-mine"), Some("\u{e9}\u{ff}"));
}

#[tokio::test]
async fn passes_64_kib_of_headers() {
    let tags = "cat_p_12345,".repeat(5_500);
    let got =
        passed(format!("HTTP/1.1 200 OK\r\nX-Magento-Tags: {tags}\r\nContent-Length: 2\r\n\r\nok"), &get("/")).await;
    assert_eq!((got.one("x-magento-tags"), got.text().as_str()), (Some(&*tags), "ok"));
}

#[tokio::test]
async fn passes_120_headers() {
    let lines: String = (0..120).map(|number| format!("X-H{number}: {number}\r\n")).collect();
    let got = passed(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok"), &get("/")).await;
    assert_eq!((got.one("x-h119"), got.text().as_str()), (Some("119"), "ok"));
}

#[tokio::test]
async fn keeps_the_origins_connection_headers_to_itself() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: Upgrade, x-inner\r\nUpgrade: h2,h2c\r\nKeep-Alive: timeout=5\r\nX-Inner: 1\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok";
    let got = passed(answer, &get("/")).await;
    for name in ["upgrade", "keep-alive", "x-inner", "proxy-authenticate"] {
        assert_eq!(got.one(name), None, "{name}");
    }
    assert_eq!(got.one("connection"), Some("close"), "this one is ours");
}

#[tokio::test]
async fn keeps_the_clients_connection_when_the_origin_closes_its_own() {
    let origin = Origin::answering_once("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!((answer.one("connection"), answer.text().as_str()), (None, "ok"));
    }
}

#[tokio::test]
async fn passes_trailers_to_clients_that_take_them() {
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te, close\r\n\r\n";
    let got = passed(answer, request).await;
    assert!(got.text().to_ascii_lowercase().ends_with("0\r\nx-sum: 7\r\n\r\n"), "{:?}", got.text());
    let got = passed(answer, &get("/")).await;
    assert_eq!(unchunk(&got.rest).as_deref(), Some(&b"ok"[..]));
}

#[tokio::test]
async fn sends_no_chunks_to_http_1_0() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let origin = Origin::answering_once(answer).await;
    let got = Running::default_for(&origin).await.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!((got.one("transfer-encoding"), got.text().as_str()), (None, "hello world"));
    assert_eq!(origin.only_request().first_line(), "GET / HTTP/1.1");
}

#[tokio::test]
async fn reads_an_http_1_0_origin() {
    let got = passed("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold but fine", &get("/")).await;
    assert!(got.head.starts_with("HTTP/1.1 200"), "{}", got.head);
    assert_eq!(unchunk(&got.rest).as_deref(), Some(&b"old but fine"[..]));
}

#[tokio::test]
async fn believes_chunks_over_a_length_as_the_standard_says() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let got = passed(answer, &get("/")).await;
    assert_eq!(got.one("content-length"), None);
    assert_eq!(unchunk(&got.rest).as_deref(), Some(&b"hello"[..]));
}
