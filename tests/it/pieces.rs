//! A page is the same however its bytes arrive, and belongs to the request that asked for it however requests arrive.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::fail_open::{address, gunzip, gzip, shopper};
use crate::origin::{self, html};
use crate::running::{Running, Setup};
use crate::shop::{self, VIP, WHOLESALE};
use crate::support::{Client, Origin};

/// A small generator, so that a printed seed repeats a run.
struct Dice(u64);

impl Dice {
    fn cast() -> Self {
        let seed = getrandom::u64().expect("the system's random numbers") | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn roll(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides).expect("a small number")
    }

    /// Pieces of one byte up to thousands.
    fn cut(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut rest, mut pieces) = (bytes, Vec::new());
        while !rest.is_empty() {
            let most = 1 << (1 + self.roll(13));
            let (piece, more) = rest.split_at((1 + self.roll(most)).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = more;
        }
        pieces
    }
}

/// A page with letters of several bytes each between its prices.
fn page() -> String {
    shop::home()
        .replace("<title>Shop", "<title>Caf\u{e9} \u{2603} \u{1f381}")
        .replace("<!-- ko -->", "<!-- ko \u{fc} -->")
}

/// What the origin sends for one request: pieces, written one by one, as chunks or behind a length.
struct Script {
    gzipped: bool,
    chunked: bool,
    pieces: Vec<Vec<u8>>,
}

impl Script {
    fn writes(&self) -> Vec<Vec<u8>> {
        let coding = if self.gzipped { "Content-Encoding: gzip\r\n" } else { "" };
        let length: usize = self.pieces.iter().map(Vec::len).sum();
        let framing =
            if self.chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {length}") };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{coding}{framing}\r\n\r\n");
        let chunk = |piece: &Vec<u8>| match self.chunked {
            true => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
            false => piece.clone(),
        };
        let end = if self.chunked { b"0\r\n\r\n".to_vec() } else { Vec::new() };
        [head.into_bytes()].into_iter().chain(self.pieces.iter().map(chunk)).chain([end]).collect()
    }
}

#[tokio::test]
async fn a_page_in_random_pieces_gives_the_same_bytes_as_in_one() {
    let mut dice = Dice::cast();
    let next = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
    let scripted = Arc::clone(&next);
    let origin = Origin::script(move |mut connection| {
        let scripted = Arc::clone(&scripted);
        async move {
            connection.stream.set_nodelay(true).expect("a socket");
            while connection.request().await.is_some() {
                let writes = std::mem::take(&mut *scripted.lock().expect("no test panicked here"));
                for write in writes {
                    connection.send(write).await;
                    tokio::task::yield_now().await;
                }
            }
        }
    })
    .await;
    // Without a memo every page is compiled and rendered anew.
    let setup = Setup::rules(&shop::rules()).with("rewrite", "memo_bytes = 0");
    let running = Running::start(&setup, origin.address.port()).await;
    let vip = shopper(&running, "VIP").await;
    let (plain, zipped) = (page().into_bytes(), gzip(page().as_bytes()));
    let mut expected: Option<Vec<u8>> = None;
    for run in 0..50 {
        for (gzipped, body) in [(false, &plain), (true, &zipped)] {
            let pieces = if run == 0 { vec![body.clone()] } else { dice.cut(body) };
            *next.lock().expect("no test panicked here") = Script { gzipped, chunked: run % 3 != 0, pieces }.writes();
            let accepted = if run % 2 == 0 { "gzip" } else { "identity" };
            let got = running.get("/", &[("cookie", &vip), ("accept-encoding", accepted)]).await;
            let got = if got.header("content-encoding") == "gzip" { gunzip(&got.body) } else { got.body.to_vec() };
            let expected = expected.get_or_insert_with(|| got.clone());
            assert!(got == *expected, "run {run}, gzip: {gzipped}");
        }
    }
    let text = String::from_utf8(expected.expect("fifty runs")).expect("UTF-8");
    assert!(text.contains("Hello VIP") && text.contains("$8.00") && text.contains("\u{1f381}"), "{text}");
}

#[tokio::test]
async fn cookies_that_http_2_splits_are_read_and_stripped_as_one() {
    let origin = origin::Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let stream = Client::to(address(&running)).await.stream;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2 is spoken to whoever begins with it");
    tokio::spawn(connection);
    let claim = format!("aep-segments-membership={WHOLESALE}");
    for (crumbs, hero, sent) in [
        (vec!["a=1", &claim, &vip, "b=2", &claim], "Hello VIP", format!("aep-segments-membership={VIP}; a=1; b=2")),
        (vec!["a=1", &claim, "segue-audiences=VIP", "b=2"], "Hello all", "a=1; b=2".to_owned()),
        (vec![&claim], "Hello all", String::new()),
        (vec![&vip], "Hello VIP", format!("aep-segments-membership={VIP}")),
    ] {
        let request = Request::get("http://shop.test/").version(Version::HTTP_2).header("accept-encoding", "gzip");
        let request = crumbs.iter().fold(request, |request, crumb| request.header("cookie", *crumb));
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).expect("valid")).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        let body = answer.into_body().collect().await.expect("whole").to_bytes();
        let text = String::from_utf8(gunzip(&body)).expect("UTF-8");
        assert!(text.contains(hero), "{crumbs:?}: {text}");
        assert_eq!(origin.take_one().header("cookie"), sent);
    }
}

/// Reads one answer with a length, as HTML.
async fn next_page(client: &mut Client) -> String {
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200);
    answer.text()
}

#[tokio::test]
async fn every_request_of_a_connection_is_judged_by_itself() {
    let origin = origin::Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    let ask = |method: &str, cookie: &str| {
        let body = if method == "POST" { "Content-Length: 3\r\n\r\nq=1" } else { "\r\n" };
        format!("{method} / HTTP/1.1\r\nHost: shop.test\r\nCookie: {cookie}\r\n{body}")
    };
    let claim = format!("aep-segments-membership={VIP}");
    let requests = [
        ask("GET", &vip),
        ask("GET", &claim),
        ask("POST", &vip),
        ask("GET", "a=1"),
        ask("GET", &vip),
        ask("POST", &claim),
    ];
    let expected = ["Hello VIP", "Hello all", "", "Hello all", "Hello VIP", ""];
    let check = |page: &str, hero: &str| match hero {
        "" => assert!(page == shop::home(), "a POST's answer is not ours: {page}"),
        hero => assert!(page.contains(hero), "no {hero}: {page}"),
    };
    let mut kept = Client::to(address(&running)).await;
    for (request, hero) in requests.iter().zip(expected) {
        kept.send(request).await;
        check(&next_page(&mut kept).await, hero);
    }
    let mut pipelined = Client::to(address(&running)).await;
    pipelined.send(requests.concat()).await;
    for hero in expected {
        check(&next_page(&mut pipelined).await, hero);
    }
    let vip = format!("aep-segments-membership={VIP}");
    let sent: Vec<String> = origin.take().iter().map(|seen| seen.header("cookie")).collect();
    let once = [vip.as_str(), "", &vip, "a=1", &vip, ""];
    assert_eq!(sent, [once, once].concat());
}
