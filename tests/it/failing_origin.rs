//! An origin that is away, closes early, or breaks off.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::support::{Origin, Running, Setup, get, ok, unchunk};

#[tokio::test]
async fn answers_with_its_own_page_at_once_when_the_origin_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let nobody = listener.local_addr().expect("a bound socket has an address");
    drop(listener);
    let proxy = Setup::default().start(nobody).await;
    let started = Instant::now();
    let answer = proxy.exchange(get("/")).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    let id = answer.one("x-request-id").expect("every answer names its request");
    assert!(answer.text().contains(id), "{}", answer.text());
    assert!(!answer.text().contains("127.0.0.1"), "internals stay inside");
    assert!(proxy.metrics.encode().contains(r#"segue_origin_errors_total{reason="connect"} 1"#));
}

#[tokio::test]
async fn tells_an_api_client_in_json() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let nobody = listener.local_addr().expect("a bound socket has an address");
    drop(listener);
    let proxy = Setup::default().start(nobody).await;
    let request = "GET /rest/V1/x HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nConnection: close\r\n\r\n";
    let answer = proxy.exchange(request).await;
    assert_eq!(answer.one("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_slice(&answer.rest).expect("JSON");
    assert_eq!(body["request_id"].as_str(), answer.one("x-request-id"));
}

#[tokio::test]
async fn gives_up_on_an_origin_that_does_not_answer() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let proxy =
        Setup::upstream(|config| config.header_timeout = Duration::from_millis(100)).start(origin.address).await;
    assert_eq!(proxy.exchange(get("/")).await.status(), 504);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    assert_eq!(proxy.exchange(post).await.status(), 504);
}

#[tokio::test]
async fn never_completes_an_answer_that_broke_off() {
    for (answer, whole) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a page", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhalf a page\r\n", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf a page", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhalf a page\r\nzz\r\n", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nwhole pages\r\n0\r\n\r\n", true),
    ] {
        let origin = Origin::answering_once(answer).await;
        let proxy = Running::default_for(&origin).await;
        let got = proxy.exchange(get("/")).await;
        assert_eq!(got.status(), 200);
        match got.one("content-length") {
            Some(length) => assert!(length.parse::<usize>().expect("a length") > got.rest.len()),
            None => assert_eq!(unchunk(&got.rest).is_some(), whole, "{answer:?} -> {:?}", got.text()),
        }
        assert_eq!(origin.received().len(), 1, "an answer that began is not asked for again");
    }
}

#[tokio::test]
async fn breaks_off_when_the_origin_falls_silent_inside_an_answer() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let setup = Setup::upstream(|config| config.body_idle_timeout = Duration::from_millis(100));
    let answer = setup.start(origin.address).await.exchange(get("/")).await;
    assert_eq!(answer.text(), "4\r\nhalf\r\n");
}

/// Answers the first request of every connection; the first connection is then closed when the next request arrives,
/// after the origin said `before_closing`.
async fn closing_origin(before_closing: &'static str) -> Origin {
    Origin::script(move |mut connection| async move {
        connection.request().await;
        connection.send(ok("fine")).await;
        if connection.number == 0 {
            connection.request().await;
            connection.send(before_closing).await;
        } else {
            connection.request().await;
        }
    })
    .await
}

async fn second_request(origin: &Origin, request: &str) -> u16 {
    let proxy = Running::default_for(origin).await;
    let mut client = proxy.connect().await;
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.status(), 200);
    // Lets the connection return to the pool.
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(request).await;
    client.head().await.status()
}

#[tokio::test]
async fn asks_again_once_when_a_kept_connection_closed_before_the_answer() {
    for method in ["GET", "HEAD"] {
        let origin = closing_origin("").await;
        assert_eq!(second_request(&origin, &format!("{method} /second HTTP/1.1\r\nHost: a\r\n\r\n")).await, 200);
        let lines: Vec<String> = origin.received().iter().map(|seen| seen.first_line().to_owned()).collect();
        let second = format!("{method} /second HTTP/1.1");
        assert_eq!(lines, ["GET /first HTTP/1.1", &second, &second]);
    }
}

#[tokio::test]
async fn asks_again_on_a_new_connection_when_all_kept_ones_close() {
    // Two connections are kept, and both close when they are used again, as after a restart of the origin.
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.send(ok("fine")).await;
        connection.request().await;
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    let (one, other) = tokio::join!(proxy.exchange(get("/1")), proxy.exchange(get("/2")));
    assert_eq!((one.status(), other.status()), (200, 200));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(proxy.exchange(get("/3")).await.status(), 200);
    assert_eq!(origin.received().len(), 4);
}

#[tokio::test]
async fn never_sends_a_post_twice() {
    for request in [
        "POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        "POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "DELETE /second HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /second HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let origin = closing_origin("").await;
        assert_eq!(second_request(&origin, request).await, 502, "{request:?}");
        assert_eq!(origin.received().len(), 2, "{request:?}");
    }
}

#[tokio::test]
async fn does_not_ask_again_once_an_answer_began() {
    let origin = closing_origin("HTTP/1.1 200 O").await;
    assert_eq!(second_request(&origin, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n").await, 502);
    assert_eq!(origin.received().len(), 2);
}

#[tokio::test]
async fn does_not_ask_again_on_a_new_connection() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
    })
    .await;
    let proxy = Running::default_for(&origin).await;
    assert_eq!(proxy.exchange(get("/")).await.status(), 502);
    origin.only_request();
}

#[tokio::test]
async fn sends_a_post_on_a_new_connection_when_the_kept_one_was_closed_unused() {
    let origin = Origin::answering_once(ok("fine")).await;
    let proxy = Running::default_for(&origin).await;
    for _ in 0..5 {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
        assert_eq!(proxy.exchange(post).await.status(), 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(origin.received().len(), 5);
}

#[tokio::test]
async fn turns_what_is_not_http_into_a_502() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ] {
        let origin = Origin::answering_once(answer).await;
        let proxy = Running::default_for(&origin).await;
        assert_eq!(proxy.exchange(get("/")).await.status(), 502, "{answer:?}");
    }
}
