//! Runs the real program on loopback: a folder with its files, the process, and a client to talk to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// A key that opens nothing outside these tests.
pub const KEY: &str = "c2VndWUtdGVzdC1rZXktc2VndWUtdGVzdC1rZXktMDE";

/// A folder that is gone when the test ends.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("segue-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a writable temporary folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a writable temporary folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A loopback port that is free, below those that the system gives to clients. Tests run in processes of their own, and each
/// process has a range of its own, so that no test talks to another's server.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = 10_000 + std::process::id() % 220 * 100;
    let candidates = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed) % 100);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let ports = candidates.take(100).filter_map(|port| u16::try_from(port).ok());
    ports.into_iter().find(free).expect("a hundred ports and none is free")
}

/// The segue program with these arguments.
pub fn segue(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.args(arguments).env_remove("SEGUE_CONFIG").kill_on_drop(true);
    command
}

/// What a finished segue command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a segue command to its end.
pub async fn say(arguments: &[&str]) -> Said {
    let output = segue(arguments).output().await.expect("segue can be started");
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// `segue serve` in front of an origin.
pub struct Running {
    pub folder: Folder,
    pub process: Child,
    pub port: u16,
    pub operations: u16,
}

/// How a [`Running`] differs from the usual: sections of TOML that are added, by name.
#[derive(Default)]
pub struct Setup {
    pub rules: String,
    pub sections: BTreeMap<&'static str, String>,
    pub mode: Option<&'static str>,
    /// A key that still opens cookies, and seals none.
    pub old_key: Option<&'static str>,
    /// Whether rules are published in the admin UI.
    pub in_store: bool,
}

impl Setup {
    pub fn rules(rules: &Value) -> Self {
        Self { rules: rules.to_string(), ..Self::default() }
    }

    pub fn with(mut self, section: &'static str, lines: &str) -> Self {
        self.sections.entry(section).or_default().push_str(lines);
        self
    }

    /// With Experience Platform's Edge Network at `edge`, and everybody counting as opted in.
    pub fn platform(self, edge: u16, lines: &str) -> Self {
        self.with("more", &format!(
            "[experience_platform]\norg_id = \"ORG@AdobeOrg\"\ndatastream = \"stream\"\nedge_domain = \"http://127.0.0.1:{edge}\"\n\
             {lines}\n[experience_platform.consent]\ndefault = \"in\"\n"
        ))
    }

    pub fn mode(mut self, mode: &'static str) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The configuration file's text for a proxy on `port` before `origin`.
    pub fn config(&self, port: u16, operations: u16, origin: u16) -> String {
        let own = |section| self.sections.get(section).map_or("", String::as_str);
        let mode = self.mode.unwrap_or("on");
        let rules = if self.in_store { "store = true" } else { "file = \"rules.json\"" };
        let old_key = self.old_key.map(|key| format!(", \"{key}\"")).unwrap_or_default();
        format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\noperations = \"127.0.0.1:{operations}\"\n{}\n\
             [origin]\nurl = \"http://127.0.0.1:{origin}\"\n{}\n\
             [stores]\ndefault = \"default\"\n[stores.websites.base]\nbase_currency = \"USD\"\n\
             [stores.views.default]\nwebsite = \"base\"\ncurrency = \"USD\"\nlocale = \"en_US\"\n\
             time_zone = \"America/New_York\"\n{}\n\
             [membership]\nsite = \"shop.test\"\nkeys = [\"{KEY}\"{old_key}]\n{}\n\
             [rules]\n{rules}\n[rewrite]\nmode = \"{mode}\"\n{}\n{}\n",
            own("server"),
            own("origin"),
            own("stores"),
            own("membership"),
            own("rewrite"),
            own("more"),
        )
    }
}

impl Running {
    pub async fn start(setup: &Setup, origin: u16) -> Self {
        Self::start_in(Folder::new(), setup, origin).await
    }

    /// The same in a folder where another one has run.
    pub async fn start_in(folder: Folder, setup: &Setup, origin: u16) -> Self {
        Self::begin(folder, setup, origin, Stdio::inherit()).await
    }

    /// The same, with what it says on standard error.
    pub async fn overheard(setup: &Setup, origin: u16) -> (Self, Lines<BufReader<ChildStderr>>) {
        let mut running = Self::begin(Folder::new(), setup, origin, Stdio::piped()).await;
        let said = running.process.stderr.take().expect("a piped standard error");
        (running, BufReader::new(said).lines())
    }

    async fn begin(folder: Folder, setup: &Setup, origin: u16, says: Stdio) -> Self {
        let (port, operations) = (free_port(), free_port());
        folder.write("segue.toml", &setup.config(port, operations, origin));
        folder.write("rules.json", &setup.rules);
        let config = folder.path().join("segue.toml");
        let process = segue(&["serve", "--config", &config.to_string_lossy()])
            .stdout(Stdio::null())
            .stderr(says)
            .spawn()
            .expect("segue can be started");
        let mut running = Self { folder, process, port, operations };
        running.wait_until_ready().await;
        running
    }

    async fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        let url = format!("http://127.0.0.1:{}/.segue/ready", self.operations);
        while !client_answers(&url).await {
            if let Some(status) = self.process.try_wait().expect("the process can be asked") {
                panic!("segue ended with {status}");
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "segue is not ready after 20 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn config(&self) -> String {
        self.folder.path().join("segue.toml").to_string_lossy().into_owned()
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        get(&format!("http://127.0.0.1:{}{path}", self.port), headers).await
    }

    pub async fn metrics(&self) -> String {
        get(&format!("http://127.0.0.1:{}/metrics", self.operations), &[]).await.text()
    }
}

async fn client_answers(url: &str) -> bool {
    let request = Request::get(url).body(Full::default()).expect("a valid request");
    client().request(request).await.is_ok_and(|response| response.status() == StatusCode::OK)
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("a UTF-8 body")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("an ASCII header")).collect()
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http()
}

pub async fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    send("GET", url, headers, "").await
}

pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.to_owned())).expect("a valid request");
    let response: Response<_> = client().request(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Asks a shop's REST interface as an integration, and expects an answer.
pub async fn rest(shop: u16, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let url = format!("http://127.0.0.1:{shop}/rest/all/V1/{path}");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = send(method, &url, &headers, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// `segue demo` on ports of its own, with what it printed when it was ready.
pub struct Demo {
    pub process: Child,
    pub ready: Value,
}

impl Demo {
    pub async fn start() -> Self {
        let mut process = segue(&["demo", "--port", "0", "--output", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("segue can be started");
        let out = process.stdout.take().expect("a piped standard output");
        let line = BufReader::new(out).lines().next_line().await.expect("readable").expect("a line when ready");
        Self { process, ready: serde_json::from_str(&line).expect("a JSON line") }
    }

    pub fn storefront(&self) -> &str {
        self.ready["storefront"].as_str().expect("the storefront's URL")
    }

    pub fn audience(&self, name: &str) -> &str {
        let audiences = self.ready["audiences"].as_array().expect("audiences");
        let found = audiences.iter().find(|audience| audience["name"] == name).expect("the audience");
        found["id"].as_str().expect("its id")
    }
}
