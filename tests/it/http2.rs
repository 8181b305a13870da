//! HTTP/2 in front of an origin that speaks HTTP/1.1.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::{Origin, Running, ok};

async fn connect(proxy: &Running) -> SendRequest<Full<Bytes>> {
    let stream = proxy.connect().await.stream;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("the proxy speaks HTTP/2 to whoever begins with it");
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn translates_to_http_1_1() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\nfine",
    )
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = connect(&proxy).await;
    let request = Request::builder()
        .version(Version::HTTP_2)
        .uri("http://Shop.test:81/a?b")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::default())
        .expect("valid");
    let answer = client.send_request(request).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    assert_eq!(answer.headers()["content-length"], "4");
    assert!(!answer.headers().contains_key("keep-alive"));
    assert_eq!(answer.into_body().collect().await.expect("whole").to_bytes(), "fine");
    let seen = origin.only_request();
    assert_eq!((seen.first_line(), seen.all("host")), ("GET /a?b HTTP/1.1", vec!["Shop.test:81"]));
    assert_eq!(seen.all("cookie"), ["a=1; b=2"]);
    assert_eq!((seen.one("transfer-encoding"), seen.one("content-length")), (None, None));
}

#[tokio::test]
async fn passes_uploads() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    let mut client = connect(&proxy).await;
    let upload = Bytes::from(vec![b'x'; 3 << 20]);
    let request = Request::post("http://shop.test/").body(Full::new(upload.clone())).expect("valid");
    assert_eq!(client.send_request(request).await.expect("an answer").status(), 200);
    assert!(origin.only_request().body == upload);
}

#[tokio::test]
async fn resets_the_stream_of_an_answer_that_broke_off() {
    let origin = Origin::answering_once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    let proxy = Running::default_for(&origin).await;
    let mut client = connect(&proxy).await;
    let request = || Request::get("http://shop.test/").body(Full::default()).expect("valid");
    let answer = client.send_request(request()).await.expect("an answer begins");
    assert!(answer.into_body().collect().await.is_err());
    // The connection and its other streams live on.
    assert_eq!(client.send_request(request()).await.expect("an answer begins").status(), 200);
}

#[tokio::test]
async fn refuses_what_is_refused_in_http_1_1() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    let mut client = connect(&proxy).await;
    for (method, uri) in [("TRACE", "http://shop.test/"), ("PURGE", "http://shop.test/"), ("CONNECT", "shop.test:443")]
    {
        let request = Request::builder().method(method).uri(uri).body(Full::default()).expect("valid");
        assert_eq!(client.send_request(request).await.expect("an answer").status(), 405, "{method}");
    }
    assert!(origin.received().is_empty());
}

#[tokio::test]
async fn finishes_streams_at_a_drain() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        connection.send(ok("late")).await;
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let mut client = connect(&proxy).await;
    let request = Request::get("http://shop.test/").body(Full::default()).expect("valid");
    let answer = tokio::spawn(client.send_request(request));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let drained = proxy.drain();
    let answer = answer.await.expect("no panic").expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("whole").to_bytes(), "late");
    assert_eq!(drained.await.expect("no panic").cut, 0);
}
