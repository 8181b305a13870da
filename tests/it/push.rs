//! Experience Platform says that somebody changed: over real connections, with whoever else may find the port.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use segue::aep::{Ecid, Identity};
use segue::audience::ShopperKey;
use segue::push::{Config, Hints, Push};
use segue::telemetry::Metrics;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Answer, Client};

const TOKEN: &str = "first-token-0123456789";
const NEXT: &str = "next-token-0123456789";
const ADA: &str = "11111111111111111111111111111111111111";

struct Door {
    address: SocketAddr,
    hints: Hints,
    metrics: Metrics,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Door {
    async fn open(max_rate: u32) -> Self {
        let tokens = [TOKEN, NEXT].map(|token| token.to_owned().into()).to_vec();
        let config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), tokens, max_rate };
        let (hints, mut metrics) = (Hints::new(), Metrics::new());
        let push = Push::bind(&config, hints.clone(), &mut metrics).await.expect("loopback has free ports");
        let address = push.address().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(push.run(async {
            let _ = stopped.await;
        }));
        Self { address, hints, metrics, stop, task }
    }

    async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = Client::to(self.address).await;
        client.send(request).await;
        client.rest().await
    }
}

fn message(token: &str, body: &str) -> String {
    format!(
        "POST /push HTTP/1.1\r\nHost: push.test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What Adobe's HTTP API destination sends: lower-case namespace, several browsers of one person, fields of its own.
fn profile(ecids: &[&str]) -> String {
    let identities: Vec<String> = ecids.iter().map(|ecid| format!(r#"{{"id":"{ecid}"}}"#)).collect();
    format!(
        r#"{{"personalEmail":{{"address":"ada@shop.test"}},"segmentMembership":{{"ups":{{"7841ba61":{{
        "lastQualificationTime":"2026-01-11T21:24:39Z","status":"realized","name":"VIP"}}}}}},
        "identityMap":{{"ecid":[{}],"email_lc_sha256":[{{"id":"655332b5"}}]}}}}"#,
        identities.join(",")
    )
}

fn key(ecid: &str) -> ShopperKey {
    ShopperKey::of(&Identity::Ecid(Ecid::parse(ecid).expect("an ECID")))
}

#[tokio::test]
async fn takes_messages_with_either_token() {
    let door = Door::open(100).await;
    let second = ADA.replace('1', "2");
    let answer = door.exchange(message(TOKEN, &profile(&[ADA, &second]))).await;
    assert_eq!((answer.status(), answer.text().as_str()), (202, r#"{"shoppers":2}"#));
    assert!(door.hints.since(&key(ADA)).is_some() && door.hints.since(&key(&second)).is_some());
    let third = ADA.replace('1', "3");
    assert_eq!(door.exchange(message(NEXT, &format!("[{}]", profile(&[&third])))).await.status(), 202);
    assert!(door.hints.since(&key(&third)).is_some());
    assert!(door.metrics.encode().contains("segue_push_shoppers_total 3"));
}

#[tokio::test]
async fn turns_strangers_away_before_they_send_a_body() {
    let door = Door::open(100).await;
    let head = "POST /push HTTP/1.1\r\nHost: push.test\r\nAuthorization: Bearer stranger-0123456789\r\n\
                Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n";
    let mut client = Client::to(door.address).await;
    client.send(head).await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 401, "and no 100 before it");
    assert_eq!(answer.one("www-authenticate"), Some("Bearer realm=\"segue push\""));
}

#[tokio::test]
async fn refuses_large_bodies_without_waiting_for_their_end() {
    let door = Door::open(100).await;
    let mut client = Client::to(door.address).await;
    let head = format!(
        "POST /push HTTP/1.1\r\nHost: push.test\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.send(head).await;
    client.send(format!("200000\r\n{}\r\n", " ".repeat(0x20_0000))).await;
    assert_eq!(client.head().await.status(), 413);
}

#[tokio::test]
async fn slow_clients_hold_nothing_for_long() {
    let door = Door::open(100).await;
    let begun = Instant::now();
    let mut dripping = Client::to(door.address).await;
    dripping.send("POST /push HTTP/1.1\r\nHost: push.test\r\n").await;
    let mut waiting = Client::to(door.address).await;
    waiting.send(message(TOKEN, &profile(&[ADA])).trim_end_matches('}')).await;
    assert_eq!(waiting.head().await.status(), 408, "a body that is never whole");
    assert_eq!(dripping.rest().await.head, "", "a head that is never whole");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(door.hints.since(&key(ADA)).is_none());
}

#[tokio::test]
async fn a_flood_of_messages_is_slowed_down() {
    let door = Door::open(5).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(door.exchange(message(TOKEN, &profile(&[ADA]))).await);
    }
    let late: Vec<&Answer> = statuses.iter().filter(|answer| answer.status() == 429).collect();
    assert!(!late.is_empty() && late.len() <= 3, "{}", late.len());
    assert!(late.iter().all(|answer| answer.one("retry-after") == Some("1")));
}

#[tokio::test]
async fn stops_when_told_to() {
    let door = Door::open(5).await;
    let _ = door.stop.send(());
    tokio::time::timeout(Duration::from_secs(10), door.task).await.expect("stops soon").expect("no panic");
    assert!(tokio::net::TcpStream::connect(door.address).await.is_err());
}
