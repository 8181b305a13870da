//! The inventory of a running Segue, and what it says in its log.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::aep::mock::config;
use crate::inventory::tests::{Folder, audience, inventory, platform, ruleset, world};

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let own = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || own.clone()).finish();
        (log, tracing::subscriber::set_default(lines))
    }

    /// The lines that hold a text.
    fn with(&self, text: &str) -> Vec<String> {
        let bytes = self.0.lock().expect("no panics").clone();
        let all = String::from_utf8(bytes).expect("UTF-8");
        all.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What one offer for the audience "a", which its rules call "A", uses.
fn uses() -> Uses {
    let value = json!({
        "version": 1,
        "audiences": [{ "id": "a", "name": "A" }],
        "offers": [{
            "id": "o", "name": "O", "audiences": { "any": ["a"] }, "action": "by_percent", "amount": 10, "products": "all",
            "labels": { "default": "L" }, "charge": { "type": "none" },
        }],
    });
    Uses::of(&ruleset(&value.to_string()))
}

fn keeper(inventory: Inventory, metrics: &mut Metrics, every: Duration) -> Keeper {
    Keeper::new(inventory, every, Figures::register(metrics))
}

#[tokio::test]
async fn a_failure_is_logged_once_and_so_is_its_end() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "A")]));
    let mock = platform(&world).await;
    let mut metrics = Metrics::new();
    let every = Duration::from_secs(900);
    let mut keeper = keeper(inventory(&mock, folder.store().await, &[]), &mut metrics, every);
    world.lock().expect("no panics").broken = Some((0, 403));
    let waits: Vec<Duration> =
        vec![keeper.sync("start").await, keeper.sync("schedule").await, keeper.sync("schedule").await];
    let [failed] = log.with("cannot be listed").try_into().expect("one line");
    assert!(failed.contains("WARN") && failed.contains("View segments"), "{failed}");
    assert!(waits.iter().all(|wait| *wait <= SOON * 4), "{waits:?}");
    world.lock().expect("no panics").broken = Some((0, 500));
    keeper.sync("schedule").await;
    assert_eq!(log.with("cannot be listed").len(), 2, "another reason is news");
    world.lock().expect("no panics").broken = None;
    let wait = keeper.sync("schedule").await;
    assert!((every * 9 / 10..=every).contains(&wait), "{wait:?}");
    assert_eq!(log.with("audiences listed").len(), 1);
    keeper.sync("schedule").await;
    assert_eq!(log.with("audiences listed").len(), 1, "nothing changed");
    let text = metrics.encode();
    assert!(text.contains(r#"segue_audience_syncs_total{result="forbidden"} 3"#), "{text}");
    assert!(text.contains(r#"segue_audience_syncs_total{result="done"} 2"#), "{text}");
}

#[tokio::test]
async fn rules_that_use_an_audience_in_trouble_are_flagged_when_that_changes() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "A"), audience("b", "B")]));
    let mock = platform(&world).await;
    let mut metrics = Metrics::new();
    let mut keeper = keeper(inventory(&mock, folder.store().await, &[]), &mut metrics, Duration::from_secs(900));
    let (rules, mut in_use) = watch::channel(uses());
    let mut round = async |keeper: &mut Keeper| {
        keeper.sync("schedule").await;
        keeper.look(&mut in_use).await;
    };
    round(&mut keeper).await;
    assert_eq!(log.with("WARN"), [""; 0]);
    world.lock().expect("no panics").listed[0]["lifecycleState"] = json!("archived");
    round(&mut keeper).await;
    round(&mut keeper).await;
    let [warning] = log.with("WARN").try_into().expect("one warning");
    assert!(warning.contains("archived") && warning.contains("used in offer o"), "{warning}");
    let text = metrics.encode();
    for line in [
        r#"segue_audience_flags{flag="archived"} 1"#,
        r#"segue_audiences{state="archived"} 1"#,
        r#"segue_audiences{state="published"} 1"#,
        r#"segue_audiences{state="gone"} 0"#,
        "segue_audience_sync_age_seconds 0.",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    rules.send_replace(Uses::default());
    round(&mut keeper).await;
    assert_eq!(log.with("settled").len(), 1);
    assert!(metrics.encode().contains(r#"segue_audience_flags{flag="archived"} 0"#));
}

#[tokio::test]
async fn a_start_without_network_flags_what_the_store_knows() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "Other")]));
    let mock = platform(&world).await;
    inventory(&mock, folder.store().await, &[]).sync("command").await.expect("a sync");
    world.lock().expect("no panics").broken = Some((0, 503));
    let mut metrics = Metrics::new();
    let keeper = keeper(inventory(&mock, folder.store().await, &[]), &mut metrics, Duration::from_secs(900));
    let (_rules, in_use) = watch::channel(uses());
    let task = tokio::spawn(keeper.work(in_use));
    while log.with("cannot be listed").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
    let [flagged] = log.with("another name").try_into().expect("one warning");
    assert!(flagged.contains("\"Other\""), "{flagged}");
    assert!(metrics.encode().contains(r#"segue_audience_flags{flag="renamed"} 1"#));
}

#[tokio::test]
async fn what_a_command_or_other_rules_bring_is_noticed_meanwhile() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "A")]));
    let mock = platform(&world).await;
    let mut metrics = Metrics::new();
    let keeper = keeper(inventory(&mock, folder.store().await, &[]), &mut metrics, Duration::from_secs(900));
    let (rules, in_use) = watch::channel(Uses::default());
    let task = tokio::spawn(keeper.work(in_use));
    while log.with("audiences listed").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.lock().expect("no panics").listed[0]["lifecycleState"] = json!("draft");
    inventory(&mock, folder.store().await, &[]).sync("command").await.expect("a sync");
    rules.send_replace(uses());
    while log.with("is a draft").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
    let syncs = mock.seen().iter().filter(|seen| seen.path().ends_with("/audiences")).count();
    assert_eq!(syncs, 2, "its own and the command's");
}

#[tokio::test]
async fn a_remark_is_logged_until_it_is_known() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "A")]));
    let mock = platform(&world).await;
    let mut metrics = Metrics::new();
    let inventory = inventory(&mock, folder.store().await, &["Lume Shop"]);
    let mut keeper = keeper(inventory, &mut metrics, Duration::from_secs(900));
    keeper.sync("start").await;
    keeper.sync("schedule").await;
    assert_eq!(log.with("Lume Shop").len(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_had_yet_is_tried_again_and_keeps_nobody_waiting() {
    let (log, _guard) = Log::start();
    let (folder, world) = (Folder::new(), world(&[audience("a", "A")]));
    let mock = platform(&world).await;
    let config = Config { sync_every: Duration::from_secs(900), ..config(&mock) };
    let tokens = Tokens::of(&config).expect("a client");
    let place = folder.file().with_file_name("mounted");
    let mut metrics = Metrics::new();
    let opening =
        Opening::new(&config, tokens, &Place::file(place.join("segue.db")), &mut metrics).expect("credentials");
    let task = opening.spawn(watch::channel(uses()).1);
    while log.with("audiences are not listed").is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::create_dir(&place).expect("a writable folder");
    let listed = async {
        while log.with("audiences listed").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON * 4, listed).await.expect("tried again");
    assert_eq!(log.with("audiences are not listed").len(), 1, "it is said once");
    task.abort();
}
