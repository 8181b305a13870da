//! No request reaches the origin that Segue did not see, however its bytes are arranged.

use std::time::Duration;

use crate::support::{Origin, Running, Setup, ok};

/// What the origin got of `bytes`: first lines and bodies.
async fn arrived(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, String) {
    let origin = Origin::answering(ok("fine")).await;
    let mut setup = Setup::default();
    // The proxy hangs up by itself soon after it has answered, and so ends the test.
    setup.server.header_timeout = Duration::from_millis(200);
    setup.server.keep_alive = Duration::from_millis(200);
    let proxy = setup.start(origin.address).await;
    let mut client = proxy.connect().await;
    client.send(bytes).await;
    let answer = client.rest().await;
    let seen = origin.received().into_iter().map(|seen| (seen.first_line().to_owned(), seen.body)).collect();
    (seen, answer.head)
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn refuses_framing_that_two_servers_could_read_in_two_ways() {
    for head in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: ",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer Encoding: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\r\n\tfolded",
        "X: a\rTransfer-Encoding: chunked",
        "X: a\0b",
        ": no name",
        "no colon",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n0\r\n\r\n{HIDDEN}");
        let (seen, answer) = arrived(request.as_bytes()).await;
        assert!(seen.is_empty(), "{head:?} -> {seen:?}");
        assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{head:?} -> {answer:?}");
    }
}

#[tokio::test]
async fn reads_chunks_when_a_length_is_there_too_and_then_hangs_up() {
    for head in ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n2\r\nhi\r\n0\r\n\r\n{HIDDEN}");
        let (seen, _) = arrived(request.as_bytes()).await;
        assert_eq!(seen, [("POST / HTTP/1.1".to_owned(), b"hi".to_vec())], "{head:?}");
    }
}

#[tokio::test]
async fn refuses_chunks_in_http_1_0() {
    let request = format!("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    assert!(arrived(request.as_bytes()).await.0.is_empty());
}

#[tokio::test]
async fn writes_the_framing_anew() {
    // A bare line feed, an extension and odd case: read leniently or not at all, but never passed on as they came.
    for body in ["2;a=b\r\nhi\r\n0\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n", "002\r\nhi\r\n0\r\n\r\n"] {
        let request = format!("POST / HTTP/1.1\nHost: a\nTRANSFER-ENCODING: Chunked\n\n{body}");
        let (seen, _) = arrived(request.as_bytes()).await;
        assert_eq!(seen, [("POST / HTTP/1.1".to_owned(), b"hi".to_vec())], "{body:?}");
    }
}

#[tokio::test]
async fn sends_no_body_as_whole_that_broke_off() {
    for body in [
        "2\r\nhi\r\nzz\r\n",
        "2\r\nhi\r\n",
        "2\r\nhixx0\r\n\r\n",
        "ffffffffffffffffff\r\nhi\r\n",
        "-2\r\nhi\r\n0\r\n\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{HIDDEN}");
        let (seen, answer) = arrived(request.as_bytes()).await;
        assert!(!seen.iter().any(|(line, body)| line.contains("hidden") || !body.is_empty()), "{body:?} -> {seen:?}");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{body:?} -> {answer:?}");
    }
}

#[tokio::test]
async fn keeps_the_body_of_a_get() {
    for framing in ["Content-Length: 2\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{framing}");
        assert_eq!(arrived(request.as_bytes()).await.0, [("GET / HTTP/1.1".to_owned(), b"hi".to_vec())], "{framing:?}");
    }
}

#[tokio::test]
async fn answers_pipelined_requests_in_order() {
    let request = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let lines: Vec<String> = arrived(request.as_bytes()).await.0.into_iter().map(|seen| seen.0).collect();
    assert_eq!(lines, ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1"]);
}

#[tokio::test]
async fn answers_an_expectation_itself() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    let mut client = proxy.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 100);
    client.send("hi").await;
    assert_eq!(client.head().await.status(), 200);
    let seen = origin.only_request();
    assert_eq!((seen.one("expect"), seen.body.as_slice()), (None, &b"hi"[..]));
}
