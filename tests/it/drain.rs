//! Connections end when they should: at a drain, when idle, when stuck.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use segue::body::{Body, BoxError};
use segue::server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
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

/// A body of two chunks that then fails.
struct Failing(Vec<Bytes>);

impl HttpBody for Failing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(self.0.pop().map(Frame::data).ok_or_else(|| "the origin broke off".into())))
    }
}

/// A client's end of a connection whose answers fail after `chunk` was sent twice.
fn failing_server(pipe: usize, chunk: &Bytes) -> DuplexStream {
    let (client, server) = tokio::io::duplex(pipe);
    let chunk = chunk.clone();
    let service = tower::service_fn(move |_: Request<Body>| {
        let chunks = vec![chunk.clone(), chunk.clone()];
        async move { Ok::<_, Infallible>(Response::new(Body::boxed(Failing(chunks)))) }
    });
    let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
    tokio::spawn(async move {
        let (_drain, draining) = watch::channel(false);
        server::serve(server, peer, &server::Config::default(), service, draining).await;
    });
    client
}

#[tokio::test]
async fn what_came_before_a_failure_leaves_before_the_connection_breaks() {
    // A pipe that takes little at a time, as a slow client does.
    for (pipe, length) in [(64, 40_000), (1 << 20, 10), (1, 300)] {
        let chunk = Bytes::from(vec![b'x'; length]);
        let mut client = failing_server(pipe, &chunk);
        client.write_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.expect("open");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("a pipe just ends");
        let body = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head") + 4;
        assert_eq!(answer.len() - body, 2 * length);
    }
}

#[tokio::test]
async fn what_came_before_a_failure_leaves_before_the_stream_is_reset() {
    let client = failing_server(1 << 20, &Bytes::from_static(b"half"));
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, connection) = handshake.await.expect("HTTP/2 is spoken");
    tokio::spawn(connection);
    let request = Request::get("http://a/").body(http_body_util::Empty::<Bytes>::new()).expect("valid");
    let mut body = sender.send_request(request).await.expect("an answer begins").into_body();
    let mut came = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        came.extend(frame.into_data().expect("data"));
    }
    assert_eq!(came, b"halfhalf");
    assert!(!body.is_end_stream(), "the answer is not completed");
}
