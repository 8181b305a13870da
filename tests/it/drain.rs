//! Connections end when they should: at a drain, when idle, when stuck.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{Request, Response};
use segue::body::Body;
use segue::server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{Origin, Running, SOON, Setup, get, ok};

async fn slow_origin(delay: Duration) -> Origin {
    Origin::script(move |mut connection| async move {
        while connection.request().await.is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await;
            tokio::time::sleep(delay).await;
            connection.send("half").await;
        }
    })
    .await
}

#[tokio::test]
async fn finishes_what_is_in_flight_and_closes_what_is_idle() {
    let origin = slow_origin(Duration::from_millis(400)).await;
    let proxy = Running::default_for(&origin).await;
    let address = proxy.address;
    let fresh = proxy.connect().await;
    let mut idle = proxy.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.answer().await.text(), "halfhalf");
    let mut busy = proxy.connect().await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    busy.until(b"\r\n\r\nhalf").await;
    let started = Instant::now();
    let drained = proxy.drain();
    assert!(idle.rest().await.head.is_empty());
    assert!(fresh.rest().await.head.is_empty());
    assert!(started.elapsed() < Duration::from_millis(300), "idle connections close at once");
    assert_eq!(busy.rest().await.head, "half", "the answer is whole, and then the connection closes");
    let drained = tokio::time::timeout(SOON, drained).await.expect("the drain ends").expect("no panic");
    assert_eq!(drained.cut, 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn cuts_what_outlives_the_grace() {
    let origin = slow_origin(Duration::from_secs(60)).await;
    let mut setup = Setup::default();
    setup.server.grace = Duration::from_millis(100);
    let proxy = setup.start(origin.address).await;
    let mut busy = proxy.connect().await;
    busy.send(get("/")).await;
    busy.until(b"\r\n\r\nhalf").await;
    let drained = tokio::time::timeout(SOON, proxy.drain()).await.expect("the drain ends").expect("no panic");
    assert_eq!(drained.cut, 1);
}

#[tokio::test]
async fn hangs_up_on_clients_that_send_no_request() {
    let origin = Origin::answering(ok("fine")).await;
    let mut setup = Setup::default();
    setup.server.header_timeout = Duration::from_millis(200);
    let proxy = setup.start(origin.address).await;
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", "PRI * HTTP/2.0\r\n"] {
        let mut client = proxy.connect().await;
        client.send(start).await;
        let started = Instant::now();
        client.rest().await;
        assert!(started.elapsed() < Duration::from_secs(5), "{start:?}");
    }
    assert_eq!(proxy.open_connections(), 0);
}

#[tokio::test]
async fn keeps_an_idle_connection_for_its_time_only() {
    let origin = Origin::answering(ok("fine")).await;
    let mut setup = Setup::default();
    setup.server.header_timeout = Duration::from_millis(100);
    setup.server.keep_alive = Duration::from_millis(600);
    let proxy = setup.start(origin.address).await;
    let mut client = proxy.connect().await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer().await.status(), 200);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let started = Instant::now();
    client.rest().await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn makes_clients_wait_when_all_places_are_taken() {
    let origin = Origin::answering(ok("fine")).await;
    let mut setup = Setup::default();
    setup.server.max_connections = 1;
    let proxy = setup.start(origin.address).await;
    let mut first = proxy.connect().await;
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.answer().await.status(), 200);
    let mut second = proxy.connect().await;
    second.send(get("/")).await;
    let waiting = tokio::time::timeout(Duration::from_millis(200), second.stream.readable()).await;
    assert!(waiting.is_err(), "nobody serves the second one yet");
    drop(first);
    assert_eq!(second.rest().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn serves_a_memory_pipe_and_hangs_up_when_it_is_idle() {
    let (mut client, server) = tokio::io::duplex(4096);
    let (_drain, draining) = watch::channel(false);
    let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
    let service = tower::service_fn(|request: Request<Body>| async move {
        let peer = request.extensions().get::<server::Peer>().expect("every request has one");
        Ok::<_, Infallible>(Response::new(Body::from(peer.0.to_string())))
    });
    let config = server::Config::default();
    let serving = tokio::spawn(async move { server::serve(server, peer, &config, service, draining).await });
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
    let started = tokio::time::Instant::now();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("text");
    assert!(answer.ends_with("\r\n\r\n192.0.2.1:4711"), "{answer}");
    let idle = started.elapsed();
    assert!(idle >= Duration::from_secs(75) && idle < Duration::from_secs(80), "{idle:?}");
    serving.await.expect("no panic");
}
