//! Pages of the admin UI at 1,000 audiences, 1,000 offers and 10,000 blocks, by a server of its own, beside a file that it serves from
//! memory.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port()
}

fn rules() -> Value {
    let audiences: Vec<Value> =
        (0..1000).map(|it| json!({ "id": format!("a{it:04}"), "name": format!("Audience {it}") })).collect();
    let offer = |it: usize| {
        json!({
            "id": format!("o{it:04}"), "name": format!("Offer {it}"), "priority": it, "action": "by_percent", "amount": "10",
            "audiences": { "any": [format!("a{it:04}"), format!("a{:04}", it * 7 % 1000)] }, "labels": { "default": format!("Label {it}") },
            "charge": { "type": "origin", "rule_id": it + 1 },
        })
    };
    let block = |it: usize| {
        json!({
            "id": format!("b{it:05}"), "name": format!("Block {it}"), "audiences": { "any": [format!("a{:04}", it % 1000)] },
            "placement": "content-top", "rotation": "first", "html": format!("<p>Block {it}</p>"),
        })
    };
    json!({
        "version": 1, "audiences": audiences, "offers": (0..1000).map(offer).collect::<Vec<_>>(),
        "blocks": (0..10_000).map(block).collect::<Vec<_>>(),
    })
}

/// A server in a folder of its own, and a connection to it that is signed in.
struct Admin {
    process: Child,
    folder: PathBuf,
    connection: BufReader<TcpStream>,
    cookie: String,
}

impl Admin {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("segue-bench-admin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let [shop, operations, admin] = [free_port(), free_port(), free_port()];
        let segue = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
            command.args(arguments).current_dir(&folder).stderr(Stdio::null());
            command
        };
        let key = segue(&["keys", "new"]).output().expect("a key").stdout;
        let key = String::from_utf8(key).expect("text").lines().next().expect("a key").to_owned();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{shop}\"\noperations = \"127.0.0.1:{operations}\"\n[origin]\nurl = \"http://127.0.0.1:9\"\n\
             [stores]\ndefault = \"default\"\n[stores.websites.base]\nbase_currency = \"EUR\"\n[stores.views.default]\nwebsite = \"base\"\n\
             currency = \"EUR\"\nlocale = \"en_US\"\ntime_zone = \"Europe/Berlin\"\n[membership]\nsite = \"bench\"\nkeys = [\"{key}\"]\n\
             [rules]\nstore = true\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n"
        );
        std::fs::write(folder.join("segue.toml"), config).expect("written");
        std::fs::write(folder.join("rules.json"), rules().to_string()).expect("written");
        let mut add = segue(&["admin", "user", "add", "ada", "--role", "admin", "--config", "segue.toml"]);
        let mut add = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        add.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("it listens");
        assert!(add.wait().expect("it ends").success());
        let import = segue(&["rules", "import", "rules.json", "--publish", "--config", "segue.toml"]).output();
        assert!(import.expect("it ends").status.success());
        let process = segue(&["serve", "--config", "segue.toml"]).stdout(Stdio::null()).spawn().expect("it starts");
        let begin = Instant::now();
        let connection = loop {
            match TcpStream::connect(("127.0.0.1", admin)) {
                Ok(stream) => break stream,
                Err(error) => assert!(begin.elapsed() < Duration::from_secs(20), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        connection.set_nodelay(true).expect("a socket");
        let mut own = Self { process, folder, connection: BufReader::new(connection), cookie: String::new() };
        let origin = format!("http://127.0.0.1:{admin}");
        let form = format!("name=ada&password={}&to=/", PASSWORD.replace(' ', "+"));
        let more = format!(
            "Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        let (status, headers, _) = own.ask("POST", "/sign-in", &format!("Host: 127.0.0.1:{admin}\r\n{more}"), &form);
        assert_eq!(status, 303, "{headers}");
        let cookie = headers.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next()).expect("a cookie");
        own.cookie = cookie.to_owned();
        own
    }

    fn get(&mut self, path: &str) -> usize {
        let headers = format!("Host: admin\r\nCookie: {}\r\n", self.cookie);
        let (status, _, length) = self.ask("GET", path, &headers, "");
        assert_eq!(status, 200, "{path}");
        length
    }

    fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, usize) {
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n{body}");
        self.connection.get_mut().write_all(request.as_bytes()).expect("it listens");
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            self.connection.read_line(&mut line).expect("a line");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            if line.trim().is_empty() {
                break;
            }
            write!(head, "{line}").expect("memory");
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).expect("a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, head, length)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // It is nobody's but this bench's.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pages(criterion: &mut Criterion) {
    let mut admin = Admin::start();
    let mut group = criterion.benchmark_group("admin, 1,000 audiences, 1,000 offers, 10,000 blocks");
    for path in [
        "/static/admin.css",
        "/audiences",
        "/audiences?q=77&sort=-used",
        "/audiences/one?id=a0077",
        "/offers",
        "/offers/edit?id=o0077",
        "/blocks",
        "/blocks?q=777",
        "/blocks/edit?id=b00777",
        "/publish",
        "/revisions/one?number=1",
        "/audit",
    ] {
        group.bench_function(path, |bencher| bencher.iter(|| admin.get(path)));
    }
    group.finish();
}

criterion_group!(benches, pages);
criterion_main!(benches);
