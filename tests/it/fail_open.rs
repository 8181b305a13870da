//! Promise 1: the page may fail to be personal; it may not fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Barrier, Notify};

use crate::origin;
use crate::running::{Answer, Running, Setup, free_port, get, say, send};
use crate::shop::{self, VIP};
use crate::support::{self, Client, Origin, find};

/// The cookie of a shopper who is in these audiences.
pub async fn shopper(running: &Running, audiences: &str) -> String {
    let said = say(&["cookie", "mint", "--config", &running.config(), "--audience", audiences]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    format!("segue={}", said.out.trim())
}

/// How many pages had this outcome.
pub async fn pages(running: &Running, mode: &str, outcome: &str) -> u64 {
    let name = format!("segue_pages_total{{mode=\"{mode}\",outcome=\"{outcome}\"}} ");
    figure(&running.metrics().await, &name)
}

fn figure(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().expect("a whole number"))
}

pub fn address(running: &Running) -> SocketAddr {
    ([127, 0, 0, 1], running.port).into()
}

/// Sends a request as it is, and reads until Segue closes the connection.
pub async fn exchange(running: &Running, request: &str) -> support::Answer {
    let mut client = Client::to(address(running)).await;
    client.send(request).await;
    client.rest().await
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, plain).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

pub fn gunzip(encoded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(encoded);
    std::io::Read::read_to_end(&mut decoder, &mut plain).expect("whole gzip");
    plain
}

/// Promise 4, for a page that rules could change for anybody.
pub fn assert_private(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), "private, no-store", "{:?}", answer.headers);
    for name in ["etag", "last-modified", "expires", "pragma", "accept-ranges", "age"] {
        assert!(!answer.headers.contains_key(name), "{name}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn an_origin_that_is_down_gives_a_page_of_ours_at_once() {
    let nobody = free_port();
    let running = Running::start(&Setup::rules(&shop::rules()), nobody).await;
    let vip = shopper(&running, "VIP").await;
    for (method, target, headers) in [
        ("GET", "/", &[("cookie", vip.as_str())][..]),
        ("GET", "/media/logo.png", &[]),
        ("POST", "/checkout/cart/add/product/1/", &[]),
        ("POST", "/graphql", &[("accept", "application/json"), ("cookie", vip.as_str())]),
    ] {
        let begin = Instant::now();
        let answer = send(method, &format!("http://127.0.0.1:{}{target}", running.port), headers, "").await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{method} {target} took {:?}", begin.elapsed());
        assert_eq!(answer.status, 502, "{method} {target}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let text = answer.text();
        for internal in ["127.0.0.1", &nobody.to_string(), "onnection", "os error", "hyper", "src/", VIP] {
            assert!(!text.contains(internal), "{internal} in {text}");
        }
        assert!(text.contains(answer.header("x-request-id")), "{text}");
        assert!(answer.set_cookies().is_empty());
    }
}

/// One page's answer as it goes over the wire, up to the end of the body's first `sent` bytes; nothing follows.
fn broken_off(page: &[u8], sent: usize, chunked: bool, gzipped: bool) -> Vec<u8> {
    let coding = if gzipped { "Content-Encoding: gzip\r\n" } else { "" };
    let framing =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", page.len()) };
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n{coding}{framing}\r\n\r\n").into_bytes();
    let part = &page[..sent];
    if chunked && !part.is_empty() {
        answer.extend(format!("{:x}\r\n", part.len()).bytes());
        answer.extend_from_slice(part);
        answer.extend_from_slice(b"\r\n");
    } else {
        answer.extend_from_slice(part);
    }
    answer
}

/// The bytes of a body in chunks, and whether the last chunk was there.
pub fn chunks(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = find(bytes, b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line]).expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            return (body, true);
        }
        let rest = &bytes[line + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        bytes = rest.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

#[tokio::test]
async fn a_page_that_broke_off_arrives_as_far_as_it_came_and_is_not_completed() {
    let plain = shop::home().into_bytes();
    let zipped = gzip(&plain);
    for chunked in [false, true] {
        for (gzipped, page) in [(false, &plain), (true, &zipped)] {
            for sent in [0, 1, page.len() / 2, page.len() - 1] {
                let origin = Origin::answering_once(broken_off(page, sent, chunked, gzipped)).await;
                let running = Running::start(&Setup::rules(&shop::rules()), origin.address.port()).await;
                let request = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
                let answer = exchange(&running, request).await;
                let what = format!("chunked: {chunked}, gzip: {gzipped}, {sent} of {} bytes", page.len());
                assert_eq!(answer.status(), 200, "{what}");
                let body = match answer.one("content-length") {
                    Some(length) => {
                        assert_eq!(length, page.len().to_string(), "{what}");
                        answer.rest.clone()
                    }
                    None => {
                        let (body, complete) = chunks(&answer.rest);
                        assert!(!complete, "{what}");
                        body
                    }
                };
                assert!(body == page[..sent], "{what}: {} bytes came", body.len());
                assert_eq!(origin.received().len(), 1, "{what}: asked for twice");
                assert_eq!(pages(&running, "on", "truncated").await, 1, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_drips_streams_on_after_a_while() {
    let plain = shop::home().into_bytes();
    let zipped = gzip(&plain);
    for (gzipped, page) in [(false, plain), (true, zipped)] {
        for chunked in [false, true] {
            let half = page.len() / 2;
            let go = Arc::new(Notify::new());
            let (first, rest) = (broken_off(&page, half, chunked, gzipped), page[half..].to_vec());
            let gate = Arc::clone(&go);
            let origin = Origin::script(move |mut connection| {
                let (first, rest, gate) = (first.clone(), rest.clone(), Arc::clone(&gate));
                async move {
                    connection.request().await;
                    connection.send(&first).await;
                    gate.notified().await;
                    if chunked {
                        connection.send(format!("{:x}\r\n", rest.len())).await;
                    }
                    connection.send(&rest).await;
                    if chunked {
                        connection.send("\r\n0\r\n\r\n").await;
                    }
                }
            })
            .await;
            let setup = Setup::rules(&shop::rules()).with("rewrite", "hold = \"100ms\"");
            let running = Running::start(&setup, origin.address.port()).await;
            let vip = shopper(&running, "VIP").await;
            let mut client = Client::to(address(&running)).await;
            client
                .send(format!(
                    "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nCookie: {vip}\r\nConnection: close\r\n\r\n"
                ))
                .await;
            let head = client.head().await;
            // The origin waits for this: the first half is there before the second one is sent.
            let mut came = client.until(&page[half - 16..half]).await;
            go.notify_one();
            let mut answer = client.rest().await;
            came.extend(answer.head.chars().map(|byte| u8::try_from(byte).expect("a byte")));
            came.append(&mut answer.rest);
            let body = if chunked { chunks(&came) } else { (came, true) };
            assert!(body == (page.clone(), true), "chunked: {chunked}, gzip: {gzipped}");
            assert_eq!(head.one("cache-control"), Some("private, no-store"));
            assert_eq!(head.one("content-encoding"), gzipped.then_some("gzip"));
            assert_eq!(origin.received().len(), 1);
            assert_eq!(pages(&running, "on", "slow").await, 1);
        }
    }
}

#[tokio::test]
async fn an_origin_that_falls_silent_inside_a_page_costs_the_page_its_end_only() {
    let page = shop::home().into_bytes();
    let answer = broken_off(&page, 100, false, false);
    let origin = Origin::script(move |mut connection| {
        let answer = answer.clone();
        async move {
            connection.request().await;
            connection.send(&answer).await;
            while connection.some().await > 0 {}
        }
    })
    .await;
    let setup =
        Setup::rules(&shop::rules()).with("rewrite", "hold = \"50ms\"").with("origin", "read_timeout = \"300ms\"");
    let running = Running::start(&setup, origin.address.port()).await;
    let got = exchange(&running, &support::get("/")).await;
    assert_eq!((got.status(), got.rest.as_slice()), (200, &page[..100]));
    assert_eq!(got.one("content-length"), Some(&*page.len().to_string()));
}

const MANY: usize = 64;
const LARGE: usize = 3 << 20;

/// What fills page `number`: text that is on no other page.
fn filling(number: usize) -> String {
    format!("<p>{number}{}</p>", " ".repeat(LARGE))
}

fn filled(number: usize) -> Vec<u8> {
    shop::home().replace("<footer", &format!("{}<footer", filling(number))).into_bytes()
}

/// Sends all but the end of a large page, waits until every other page is as far, and then ends it.
async fn large_page_at_once(mut connection: support::OriginConnection, barrier: Arc<Barrier>) {
    let Some(request) = connection.request().await else { return };
    let number = request.first_line().split(['/', ' ']).nth(2).and_then(|number| number.parse().ok());
    let page = filled(number.expect("a number as path"));
    let (most, end) = page.split_at(page.len() - 10);
    connection.send(broken_off(&page, 0, false, false)).await;
    connection.send(most).await;
    barrier.wait().await;
    connection.send(end).await;
}

fn peak_memory(running: &Running) -> u64 {
    let id = running.process.id().expect("the process runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux tells about processes");
    figure(&status.replace(" kB", ""), "VmHWM:")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_pages_at_once_stay_within_the_budget() {
    let barrier = Arc::new(Barrier::new(MANY));
    let origin = Origin::script(move |connection| large_page_at_once(connection, Arc::clone(&barrier))).await;
    let bounds = "max_held_bytes = \"16 MiB\"\nmemo_bytes = \"8 MiB\"\nhold = \"60s\"";
    let running = Running::start(&Setup::rules(&shop::rules()).with("rewrite", bounds), origin.address.port()).await;
    let before = peak_memory(&running);
    let ask = |number: usize| {
        let url = format!("http://127.0.0.1:{}/{number}", running.port);
        tokio::spawn(async move { (number, get(&url, &[]).await) })
    };
    // Pages that grow at the same pace may all find too little left. One is held before the others come.
    let mut asking = vec![ask(0)];
    let begin = Instant::now();
    while figure(&running.metrics().await, "segue_held_bytes ") < LARGE as u64 {
        assert!(begin.elapsed() < Duration::from_secs(10), "the first page is not held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    asking.extend((1..MANY).map(ask));
    let mut changed = 0;
    for asked in asking {
        let (number, answer) = asked.await.expect("no panic");
        assert_private(&answer);
        if answer.body == filled(number) {
            continue;
        }
        changed += 1;
        let text = answer.text();
        assert!(text.contains("Hello all"), "page {number}: neither the origin's nor a personal one");
        let (own, rest) = (filling(number), text.replace("<p class=\"hero\">Hello all</p>", ""));
        assert!(rest.contains(&own) && rest.len() < LARGE + 10_000 && rest.ends_with("</html>\n"), "page {number}");
    }
    let grown = peak_memory(&running) - before;
    println!("memory grew by {} MiB at most, {changed} pages changed", grown >> 10);
    let metrics = running.metrics().await;
    let peak = figure(&metrics, "segue_held_bytes_peak ");
    assert!(peak <= 16 << 20 && peak > LARGE as u64, "{peak} bytes were held");
    assert!(
        changed > 0 && figure(&metrics, "segue_pages_total{mode=\"on\",outcome=\"busy\"} ") > 0,
        "{changed} changed"
    );
    assert_eq!(figure(&metrics, "segue_held_bytes "), 0);
    assert_eq!(origin.received().len(), MANY);
    // 64 pages have 192 MiB.
    assert!(grown < 96 << 10, "memory grew by {} MiB", grown >> 10);
}

#[tokio::test]
async fn a_termination_finishes_the_page_under_way() {
    let page = shop::home().into_bytes();
    let go = Arc::new(Notify::new());
    let (gate, sent) = (Arc::clone(&go), page.clone());
    let (arrived, mut arrives) = tokio::sync::mpsc::channel(1);
    let origin = Origin::script(move |mut connection| {
        let (gate, page, arrived) = (Arc::clone(&gate), sent.clone(), arrived.clone());
        async move {
            connection.request().await;
            connection.send(broken_off(&page, 500, false, false)).await;
            let _ = arrived.send(()).await;
            gate.notified().await;
            connection.send(&page[500..]).await;
        }
    })
    .await;
    let setup = Setup::rules(&shop::rules()).with("rewrite", "hold = \"60s\"");
    let mut running = Running::start(&setup, origin.address.port()).await;
    let vip = shopper(&running, "VIP").await;
    let url = format!("http://127.0.0.1:{}/", running.port);
    let asked = tokio::spawn(async move { get(&url, &[("cookie", &vip)]).await });
    arrives.recv().await.expect("the origin is asked");
    let id = running.process.id().expect("the process runs").to_string();
    let told = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await.expect("kill can be started");
    assert!(told.success());
    let begin = Instant::now();
    while tokio::net::TcpStream::connect(address(&running)).await.is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(5), "segue takes connections while it drains");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ready = get(&format!("http://127.0.0.1:{}/.segue/ready", running.operations), &[]).await;
    assert_eq!(ready.status, 503, "no new shoppers are wanted");
    go.notify_one();
    let answer = asked.await.expect("no panic");
    assert!(answer.text().contains("Hello VIP") && answer.text().ends_with("</html>\n"));
    let ended = tokio::time::timeout(Duration::from_secs(5), running.process.wait()).await;
    assert_eq!(ended.expect("segue ends when it is done").expect("its status").code(), Some(0));
}

#[tokio::test]
async fn an_upload_passes_whole_with_the_membership_that_is_known() {
    let origin = origin::Origin::start(|_| origin::html("thanks")).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let upload: String =
        (0..20 << 17).map(|number| format!("{:08x}", number * 2_654_435_761_u64 % (1 << 32))).collect();
    let url = format!("http://127.0.0.1:{}/customer/address_file/upload", running.port);
    let answer = send("POST", &url, &[("cookie", &vip), ("content-type", "application/octet-stream")], &upload).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &Bytes::from("thanks")));
    assert_eq!(answer.header("cache-control"), "public, max-age=86400, s-maxage=86400", "a POST's answer is not ours");
    let seen = origin.take_one();
    assert!(seen.body == upload, "{} of {} bytes arrived", seen.body.len(), upload.len());
    assert_eq!(seen.header("cookie"), format!("aep-segments-membership={VIP}"));
}
