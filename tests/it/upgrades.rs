//! Requests to switch protocols.

use segue::proxy::tunnel::Upgrades;

use crate::support::{Origin, Running, Setup, ok};

const WEBSOCKET: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";

#[tokio::test]
async fn goes_on_without_an_upgrade_that_is_refused() {
    for upgrade in ["websocket", "h2c"] {
        let origin = Origin::answering(ok("fine")).await;
        let proxy = Running::default_for(&origin).await;
        let mut client = proxy.connect().await;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        );
        for _ in 0..2 {
            client.send(&request).await;
            assert_eq!(client.answer().await.text(), "fine");
        }
        for seen in origin.received() {
            assert_eq!((seen.one("upgrade"), seen.one("connection"), seen.one("http2-settings")), (None, None, None));
        }
    }
}

fn tunnelling() -> Setup {
    let mut setup = Setup::default();
    setup.proxy.headers.upgrades = Upgrades::Tunnel;
    setup
}

#[tokio::test]
async fn tunnels_a_websocket_both_ways() {
    let origin = Origin::script(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\nwelcome").await;
        let count = connection.some().await;
        connection.send(format!("got {count}")).await;
    })
    .await;
    let proxy = tunnelling().start(origin.address).await;
    let mut client = proxy.connect().await;
    client.send(WEBSOCKET).await;
    let head = client.head().await;
    assert_eq!(
        (head.status(), head.one("upgrade"), head.one("sec-websocket-accept")),
        (101, Some("websocket"), Some("y"))
    );
    client.until(b"welcome").await;
    client.send("\x00\x01binary").await;
    client.until(b"got 8").await;
    let seen = origin.only_request();
    assert_eq!(
        (seen.one("upgrade"), seen.one("connection"), seen.one("sec-websocket-key")),
        (Some("websocket"), Some("upgrade"), Some("x"))
    );
}

#[tokio::test]
async fn passes_the_answer_of_an_origin_that_does_not_switch() {
    let origin = Origin::answering(ok("no sockets here")).await;
    let proxy = tunnelling().start(origin.address).await;
    let mut client = proxy.connect().await;
    client.send(WEBSOCKET).await;
    assert_eq!(client.answer().await.text(), "no sockets here");
}

#[tokio::test]
async fn tunnels_nothing_but_websockets() {
    let origin = Origin::answering(ok("fine")).await;
    let proxy = tunnelling().start(origin.address).await;
    let mut client = proxy.connect().await;
    client.send(WEBSOCKET.replace("Upgrade: websocket", "Upgrade: h2c")).await;
    assert_eq!(client.answer().await.text(), "fine");
    assert_eq!(origin.only_request().one("upgrade"), None);
}
