//! Two proxies and one PostgreSQL of their own, which stops.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::origin::{Origin, html};
use crate::running::{Folder, Running, Setup, say};
use crate::shop;

/// A server that nobody else uses, in a folder that is gone when the test ends.
struct Server {
    folder: Folder,
    bin: PathBuf,
}

impl Server {
    /// `None`, said aloud, where PostgreSQL is not installed and may be absent.
    async fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let Some(bin) = versions.map(|version| version.path().join("bin")).find(|bin| bin.join("initdb").exists())
        else {
            assert!(std::env::var_os("SEGUE_TESTS").is_none(), "PostgreSQL is not installed: tests/run installs it");
            eprintln!("skipped: PostgreSQL is not installed; tests/run installs it");
            return None;
        };
        let server = Self { folder: Folder::new(), bin };
        let path = server.path().display().to_string();
        if is_root() {
            run(Command::new("chown").args(["postgres", &path])).await;
        }
        run(&mut server.command("initdb", &["-U", "postgres", "--auth=trust", "--no-sync"])).await;
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{path}' -c fsync=off");
        run(&mut server.command("pg_ctl", &["-w", "-l", &format!("{path}/log"), "-o", &options, "start"])).await;
        Some(server)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> String {
        format!("postgresql://postgres@localhost/postgres?host={}", self.path().display())
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(self.path().join("data")).args(arguments).current_dir("/");
        command
    }

    async fn stop(&self) {
        run(&mut self.command("pg_ctl", &["-m", "immediate", "stop"])).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            // A test that failed leaves its server running, and no other.
            let _ = std::process::Command::new("kill").args(["-QUIT", pid]).status();
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

async fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    assert!(done.expect("it can be started").success(), "{command:?}");
}

/// Rules with one block for everybody.
fn rules(text: &str) -> Value {
    json!({ "version": 1, "blocks": [{ "id": "hero", "name": "Hero", "placement": "page-top", "html": format!("<p>{text}</p>") }] })
}

async fn publish(proxy: &Running, text: &str) {
    let file = proxy.folder.write("new.json", &rules(text).to_string());
    let said = say(&["rules", "import", "--publish", &file.to_string_lossy(), "--config", &proxy.config()]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

async fn shows(proxy: &Running, text: &str) -> Duration {
    let begin = Instant::now();
    while !proxy.get("/", &[]).await.text().contains(text) {
        assert!(begin.elapsed() < Duration::from_secs(10), "never {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begin.elapsed()
}

#[tokio::test]
async fn both_follow_what_is_published_and_serve_on_when_the_database_stops() {
    let Some(server) = Server::start().await else { return };
    let origin = Origin::start(|_| html(&shop::home())).await;
    let mut setup = Setup::default().with("more", &format!("[store]\nurl = \"{}\"\n", server.url()));
    setup.in_store = true;
    let one = Running::start(&setup, origin.port).await;
    let other = Running::start(&setup, origin.port).await;
    for text in ["First hero", "Second hero"] {
        publish(&one, text).await;
        let (here, there) = tokio::join!(shows(&one, text), shows(&other, text));
        assert!(here < Duration::from_secs(1) && there < Duration::from_secs(1), "{here:?} {there:?}");
    }
    server.stop().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for proxy in [&one, &other] {
        assert!(proxy.get("/", &[]).await.text().contains("Second hero"));
    }
    // Whoever starts meanwhile has what was last in force.
    let third = Running::start(&setup, origin.port).await;
    assert!(!third.get("/", &[]).await.text().contains("hero"), "it never had any");
    let kept = std::fs::read_to_string(one.folder.path().join("segue-rules.json")).expect("a copy");
    assert_eq!(serde_json::from_str::<Value>(&kept).expect("rules"), rules("Second hero"));
    let again = Running::start_in(one.folder, &setup, origin.port).await;
    assert!(again.get("/", &[]).await.text().contains("Second hero"));

    run(&mut server.command(
        "pg_ctl",
        &[
            "-w",
            "-l",
            "/dev/null",
            "-o",
            &format!("-c listen_addresses='' -c unix_socket_directories='{}'", server.path().display()),
            "start",
        ],
    ))
    .await;
    publish(&other, "Third hero").await;
    shows(&other, "Third hero").await;
    shows(&again, "Third hero").await;
    shows(&third, "Third hero").await;
    server.stop().await;
}
