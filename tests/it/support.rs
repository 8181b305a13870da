//! A proxy on loopback, an origin that says exactly what a test wants, and a client that sends exactly that.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use segue::audience::{self, Identifier, Keyring};
use segue::charging::{self, Charging};
use segue::decision::decide::Rules;
use segue::decision::select::PriceChange;
use segue::guard::Guard;
use segue::mode::{Mode, Modes};
use segue::page::Amounts;
use segue::proxy::first_party::{FirstPartyLayer, Learn};
use segue::proxy::personal::{Parts, Shop};
use segue::rewrite::{self, Rewriter};
use segue::rule::Ruleset;
use segue::site::{Sites, StoreView};
use segue::telemetry::Metrics;
use segue::telemetry::pages::PageMetrics;
use segue::upstream::{self, Upstream};
use segue::{aep, proxy, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Nothing in these tests takes this long unless it hangs.
pub const SOON: Duration = Duration::from_secs(20);

/// A request as it arrived at the origin.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        header_values(&self.head, name)
    }

    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

pub fn header_values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// One connection to the origin, read and written by hand.
pub struct OriginConnection {
    pub stream: TcpStream,
    /// Counts from 0.
    pub number: usize,
    buffer: Vec<u8>,
    log: Arc<Mutex<Vec<Received>>>,
}

impl OriginConnection {
    /// Reads to the end of a head; `None` when the connection ended before one.
    pub async fn head(&mut self) -> Option<Received> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        };
        let head = self.buffer.drain(..end).map(char::from).collect();
        let received = Received { head, body: Vec::new() };
        self.log.lock().expect("no test panics while it logs").push(received.clone());
        Some(received)
    }

    /// Reads a whole request.
    pub async fn request(&mut self) -> Option<Received> {
        let mut received = self.head().await?;
        if received.one("transfer-encoding").is_some() {
            loop {
                let line = self.until(b"\r\n").await?;
                let size = usize::from_str_radix(line.trim(), 16).expect("a chunk size");
                let chunk = self.exactly(size + 2).await?;
                received.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = received.one("content-length") {
            received.body = self.exactly(length.parse().expect("a length")).await?;
        }
        let mut log = self.log.lock().expect("no test panics while it logs");
        if let Some(last) = log.last_mut() {
            last.body.clone_from(&received.body);
        }
        Some(received)
    }

    async fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, mark) {
                return Some(self.buffer.drain(..end + mark.len()).map(char::from).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// The next bytes of a body that is streamed, at most as many as are there.
    pub async fn some(&mut self) -> usize {
        if !self.buffer.is_empty() {
            return std::mem::take(&mut self.buffer).len();
        }
        let mut space = vec![0; 64 << 10];
        self.stream.read(&mut space).await.unwrap_or(0)
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The proxy may have hung up, which is for the test to notice at the client's end.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }
}

pub fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// An origin on loopback.
pub struct Origin {
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
}

impl Origin {
    /// Runs `script` for every connection.
    pub async fn script<F, Fut>(script: F) -> Self
    where
        F: Fn(OriginConnection) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("loopback accepts");
                let connection = OriginConnection { stream, number, buffer: Vec::new(), log: Arc::clone(&shared) };
                tokio::spawn(script(connection));
            }
        });
        Self { address, log }
    }

    /// Answers every request with the same bytes, on kept connections.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<Vec<u8>> = Arc::new(answer.into());
        Self::script(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                while connection.request().await.is_some() {
                    connection.send(&*answer).await;
                }
            }
        })
        .await
    }

    /// Answers once per connection, then closes it.
    pub async fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<Vec<u8>> = Arc::new(answer.into());
        Self::script(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                if connection.request().await.is_some() {
                    connection.send(&*answer).await;
                }
            }
        })
        .await
    }

    pub fn received(&self) -> Vec<Received> {
        self.log.lock().expect("no test panics while it logs").clone()
    }

    pub fn only_request(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "the origin gets one request: {received:#?}");
        received.remove(0)
    }
}

type UpstreamChange = Box<dyn FnOnce(&mut upstream::Config) + Send>;

/// The Edge Network that pages reach under `/ee`, and what becomes of the memberships that go by.
pub struct FirstParty {
    pub config: aep::Config,
    pub learn: Learn,
}

/// How a proxy under test differs from the defaults.
#[derive(Default)]
pub struct Setup {
    pub first_party: Option<FirstParty>,
    pub proxy: proxy::Config,
    pub server: server::Config,
    pub upstream: Option<UpstreamChange>,
}

impl Setup {
    pub fn upstream(change: impl FnOnce(&mut upstream::Config) + Send + 'static) -> Self {
        Self { upstream: Some(Box::new(change)), ..Self::default() }
    }

    pub fn trusting_loopback() -> Self {
        let mut setup = Self::default();
        setup.proxy.headers.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        setup
    }

    pub async fn start(self, origin: SocketAddr) -> Running {
        let mut config = upstream::Config::new(format!("http://{origin}").parse().expect("an address is a valid URL"));
        if let Some(change) = self.upstream {
            change(&mut config);
        }
        let mut metrics = Metrics::new();
        let upstream = Upstream::new(&config).expect("a valid configuration");
        let shop = shop_without_rules(&upstream, &mut metrics);
        let first_party = self.first_party.map(|FirstParty { config, learn }| {
            let layer = FirstPartyLayer::new("/ee", &config, shop.sites().clone(), learn, &mut metrics);
            layer.expect("a valid configuration")
        });
        let metrics = Arc::new(metrics);
        let service = proxy::service(self.proxy, shop, upstream, first_party, Arc::clone(&metrics));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let gauge = metrics.connections();
        let server = self.server;
        let task = tokio::spawn(async move {
            server::run(listener, server, service, gauge, async {
                let _ = stopped.await;
            })
            .await
        });
        Running { address, metrics, stop, task }
    }
}

/// A shop that no rule could change a page of.
fn shop_without_rules(upstream: &Upstream, metrics: &mut Metrics) -> Arc<Shop> {
    let view = Arc::new(StoreView {
        code: "default".into(),
        website: "base".into(),
        base_currency: "USD".into(),
        currency: "USD".into(),
        tax: segue::site::Tax::default(),
        display: segue::site::Display::default(),
        locale: "en_US".into(),
        time_zone: TimeZone::UTC,
        hosts: Vec::new(),
        path_prefix: None,
    });
    let sites = Sites::new(vec![Arc::clone(&view)], view);
    let keys = Keyring::ephemeral().expect("random bytes");
    let rewriter = Arc::new(Rewriter::new(rewrite::Config::default()));
    let ruleset = Ruleset::new(Vec::new(), Vec::new(), Vec::new());
    Arc::new(Shop::new(Parts {
        share: 100,
        modes: Modes::new(Mode::On, BTreeMap::new()),
        rules: Rules::compile(ruleset, &sites),
        identifier: Identifier::new(audience::Config::new("shop.test", keys)),
        platform: None,
        metrics: PageMetrics::register(metrics, Arc::clone(&rewriter)),
        rewriter,
        guard: Guard::new(metrics),
        charging: Charging::new(charging::Config::default(), upstream.clone(), None, metrics),
        seen: None,
        sites,
    }))
}

/// A proxy under test.
pub struct Running {
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<server::Drained>,
}

impl Running {
    pub async fn default_for(origin: &Origin) -> Self {
        Setup::default().start(origin.address).await
    }

    pub async fn connect(&self) -> Client {
        Client::to(self.address).await
    }

    /// Sends `request` on a connection of its own, and reads until the proxy closes it.
    pub async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }

    pub fn open_connections(&self) -> i64 {
        self.metrics.connections().get()
    }

    /// Tells the proxy to drain; the handle ends when it has.
    pub fn drain(self) -> JoinHandle<server::Drained> {
        let _ = self.stop.send(());
        self.task
    }
}

/// An answer as its bytes came, head and the rest.
#[derive(Clone, Debug)]
pub struct Answer {
    pub head: String,
    pub rest: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("an answer has a status: {:?}", self.head))
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        header_values(&self.head, name)
    }

    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }
}

/// A client that speaks bytes.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn to(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("the proxy accepts"), buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A proxy that refuses may have closed already; what it said is still to be read.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads until `mark` was read, and returns all up to its end.
    pub async fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        let reading = async {
            loop {
                if let Some(end) = find(&self.buffer, mark) {
                    return self.buffer.drain(..end + mark.len()).collect();
                }
                let count = self.stream.read_buf(&mut self.buffer).await.expect("the proxy's end is open");
                assert_ne!(count, 0, "closed before {:?}: {:?}", text(mark), text(&self.buffer));
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("the proxy answers soon")
    }

    /// Reads an answer's head.
    pub async fn head(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n").await;
        Answer { head: head.into_iter().map(char::from).collect(), rest: Vec::new() }
    }

    /// Reads an answer with a Content-Length.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length: usize = answer.one("content-length").map_or(0, |length| length.parse().expect("a length"));
        while self.buffer.len() < length {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.expect("open"), 0, "closed inside a body");
        }
        answer.rest = self.buffer.drain(..length).collect();
        answer
    }

    /// Reads until the proxy closes.
    pub async fn rest(mut self) -> Answer {
        let reading = async { while matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {} };
        tokio::time::timeout(SOON, reading).await.expect("the proxy closes soon");
        let end = find(&self.buffer, b"\r\n\r\n").map_or(self.buffer.len(), |end| end + 4);
        let rest = self.buffer.split_off(end);
        Answer { head: self.buffer.into_iter().map(char::from).collect(), rest }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A GET that closes its connection.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
}

/// An answer with a length.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Takes chunks apart; `None` when the last one is missing.
pub fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = find(bytes, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// A price change that makes of every amount of a product what `new` says.
pub fn changed(product: &segue::page::ProductFacts, new: impl Fn(Decimal) -> Decimal) -> PriceChange {
    let units = product.units.iter().map(|unit| Amounts {
        final_price: unit.amounts.final_price.map(&new),
        base_price: unit.amounts.base_price.map(&new),
    });
    PriceChange { product: product.id, units: units.collect(), labels: Vec::new() }
}

/// The amount that a product's page leads with.
pub fn leading(product: &segue::page::ProductFacts) -> Decimal {
    product.units.first().and_then(|unit| unit.amounts.final_price).expect("a product with a price")
}
