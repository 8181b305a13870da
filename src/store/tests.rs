//! The store's promises: whole or not at all, one file for several processes, and clear words about files that it cannot use.

mod desk;

use std::os::unix::fs::PermissionsExt as _;

use jiff::Timestamp;
use sqlx::SqliteConnection;
use tokio::task::JoinSet;

use super::fresh::{Fresh, on_both};
use super::*;
use crate::aep::audiences::{Audience, Evaluation, Lifecycle, Origin};
use crate::aep::destinations::Activation;
use crate::guard::{Fingerprint, Pause};

on_both!(
    what_was_written_is_there_after_a_restart,
    a_second_writing_replaces_rows_and_keeps_the_others,
    sandboxes_have_nothing_to_do_with_each_other,
    an_attempt_that_a_wrong_clock_dated_ahead_is_not_the_last_one,
    a_pause_is_kept_until_it_is_lifted_or_the_offer_says_something_else,
    many_may_open_a_new_store_at_a_time,
);

fn scope() -> Scope {
    Scope { org: "A@AdobeOrg".to_owned(), sandbox: "prod".to_owned() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn known(id: &str) -> Known {
    Known {
        audience: Audience {
            id: id.to_owned(),
            audience_id: format!("external-{id}"),
            name: format!("Audience {id} 'quoted' é"),
            description: Some("for the test".to_owned()),
            kind: Some("ExternalSegment".to_owned()),
            origin: Origin(Some("CUSTOM_UPLOAD".to_owned())),
            namespace: Some("AAM".to_owned()),
            lifecycle: Lifecycle::Other("Frozen".to_owned()),
            evaluation: Evaluation::Edge,
            created: Some(at(1_600_000_000)),
            updated: Some(at(1_700_000_000)),
            sandbox: Some("prod".to_owned()),
        },
        activation: Activation::Yes(vec!["Luma, \"the\" shop".to_owned()]),
        first_seen: at(1),
        last_seen: at(2),
        previous_name: Some("Old".to_owned()),
        gone_at: Some(at(3)),
    }
}

fn attempt(second: i64, error: Option<&str>) -> Sync {
    Sync {
        began: at(second),
        took: Duration::from_millis(1234),
        cause: "command".to_owned(),
        listed: 7,
        odd: 1,
        changes: 2,
        complete: true,
        error: error.map(str::to_owned),
        remark: Some("cut".to_owned()),
    }
}

async fn put(store: &Store, rows: Vec<Known>) {
    store.change_audiences(&scope(), |_| (rows, attempt(10, None), ())).await.expect("written");
}

/// A connection as another program would have it.
async fn raw(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.expect("a connection")
}

async fn what_was_written_is_there_after_a_restart(fresh: &Fresh) {
    let mut plain = known("b");
    plain.audience.lifecycle = Lifecycle::Unknown;
    plain.audience.evaluation = Evaluation::Unknown;
    (plain.audience.description, plain.audience.kind, plain.audience.namespace) = (None, None, None);
    (plain.audience.origin, plain.audience.created, plain.audience.updated) = (Origin(None), None, None);
    (plain.audience.sandbox, plain.previous_name, plain.gone_at) = (None, None, None);
    plain.activation = Activation::Unknown;
    let rows = vec![known("a"), plain];
    put(&fresh.store().await, rows.clone()).await;
    let store = fresh.store().await;
    assert_eq!(store.audiences(&scope()).await.expect("read"), rows);
    assert_eq!(store.last_syncs(&scope()).await.expect("read"), (Some(attempt(10, None)), Some(attempt(10, None))));
}

async fn a_second_writing_replaces_rows_and_keeps_the_others(fresh: &Fresh) {
    let store = fresh.store().await;
    put(&store, vec![known("a"), known("b")]).await;
    let mut changed = known("b");
    (changed.gone_at, changed.activation) = (None, Activation::No);
    let seen = store.change_audiences(&scope(), |known| (vec![changed.clone()], attempt(11, None), known)).await;
    assert_eq!(seen.expect("written"), [known("a"), known("b")], "what was known");
    assert_eq!(store.audiences(&scope()).await.expect("read"), [known("a"), changed]);
}

async fn sandboxes_have_nothing_to_do_with_each_other(fresh: &Fresh) {
    let store = fresh.store().await;
    put(&store, vec![known("a")]).await;
    let other = Scope { sandbox: "dev".to_owned(), ..scope() };
    assert_eq!(store.audiences(&other).await.expect("read"), []);
    assert_eq!(store.last_syncs(&other).await.expect("read"), (None, None));
}

#[tokio::test]
async fn its_files_are_for_nobody_else_to_read() {
    let folder = Fresh::sqlite();
    let store = folder.store().await;
    put(&store, vec![known("a")]).await;
    let files: Vec<_> =
        std::fs::read_dir(&folder.folder).expect("a folder").map(|file| file.expect("a file")).collect();
    assert!(files.len() >= 2, "the file and its log: {files:?}");
    for file in files {
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn nothing_lies_beside_a_file_that_was_closed() {
    let folder = Fresh::sqlite();
    let store = folder.store().await;
    put(&store, vec![known("a")]).await;
    store.audiences(&scope()).await.expect("read");
    store.close().await;
    assert_eq!(std::fs::read_dir(&folder.folder).expect("a folder").count(), 1);
}

async fn many_may_open_a_new_store_at_a_time(fresh: &Fresh) {
    let mut opening = JoinSet::new();
    for _ in 0..12 {
        let place = fresh.place();
        opening.spawn(async move { place.open().await.map(drop).map_err(|error| error.to_string()) });
    }
    assert_eq!(opening.join_all().await, vec![Ok(()); 12]);
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer_and_a_second_writer_waits_for_its_turn() {
    let folder = Fresh::sqlite();
    let (one, other) = (folder.store().await, folder.store().await);
    put(&one, vec![known("a")]).await;
    let change = one.begin().await.expect("the writer");
    assert_eq!(other.audiences(&scope()).await.expect("read").len(), 1);
    let waiting = tokio::spawn(async move { put(&other, vec![known("b")]).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    change.commit().await.expect("done");
    waiting.await.expect("its turn");
    assert_eq!(one.audiences(&scope()).await.expect("read").len(), 2);
}

#[tokio::test]
async fn a_change_that_is_broken_off_changes_nothing() {
    let folder = Fresh::sqlite();
    let rows: Vec<Known> = (0..3 * 200 + 1).map(|number| known(&number.to_string())).collect();
    let mut seen = std::collections::BTreeSet::new();
    for patience in [0, 1, 2, 3, 5, 8, 13, 21, 34, 1_000_000] {
        let store = folder.store().await;
        let scope = Scope { sandbox: patience.to_string(), ..scope() };
        let rows = rows.clone();
        let broken_off = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            done = store.change_audiences(&scope, |_| (rows, attempt(1, None), ())) => done.expect("written"),
            () = broken_off => {}
        }
        drop(store);
        let store = folder.store().await;
        let count = store.audiences(&scope).await.expect("read").len();
        let noted = store.last_syncs(&scope).await.expect("read").0.is_some();
        assert!((count, noted) == (0, false) || (count, noted) == (601, true), "{patience}: {count} {noted}");
        seen.insert(count);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 601]);
}

async fn an_attempt_that_a_wrong_clock_dated_ahead_is_not_the_last_one(fresh: &Fresh) {
    let store = fresh.store().await;
    put(&store, Vec::new()).await;
    let ahead = attempt(Timestamp::now().as_second() + 86_400, Some("unreachable"));
    store.note_failure(&scope(), &ahead).await.expect("written");
    assert_eq!(store.last_syncs(&scope()).await.expect("read"), (Some(attempt(10, None)), Some(attempt(10, None))));
}

#[tokio::test]
async fn the_last_good_attempt_is_remembered_through_any_number_of_bad_ones() {
    let folder = Fresh::sqlite();
    let store = folder.store().await;
    put(&store, Vec::new()).await;
    let mut raw = raw(&folder.file()).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 899) INSERT INTO syncs \
                SELECT 'x' || i, $1, $2, i * 1000, 0, 'schedule', 0, 0, 0, 0, 'unreachable', NULL FROM n";
    sqlx::query(many).bind(scope().org).bind(scope().sandbox).execute(&mut raw).await.expect("written");
    let bad = attempt(2_000, Some("unreachable"));
    store.note_failure(&scope(), &bad).await.expect("written");
    assert_eq!(store.last_syncs(&scope()).await.expect("read"), (Some(bad), Some(attempt(10, None))));
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM syncs").fetch_one(&mut raw).await.expect("read");
    assert_eq!(count, 501, "five hundred bad ones and the good one");
}

#[tokio::test]
async fn a_newer_segues_file_is_left_alone() {
    let folder = Fresh::sqlite();
    put(&folder.store().await, vec![known("a")]).await;
    let mut raw = raw(&folder.file()).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut raw).await.expect("written");
    let error = Store::open(&folder.file()).await.expect_err("newer");
    assert!(matches!(error, StoreError::Newer { version: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("version 99") && error.to_string().contains("newer Segue"), "{error}");
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let folder = Fresh::sqlite();
    let text = folder.folder.join("notes.txt");
    std::fs::write(&text, "not a database, but for somebody worth keeping ".repeat(100)).expect("written");
    let error = Store::open(&text).await.expect_err("a text");
    assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
    assert!(std::fs::read_to_string(&text).expect("still there").starts_with("not a database"));

    let other = folder.folder.join("other.db");
    let mut connection = raw(&other).await;
    sqlx::query("CREATE TABLE music (title TEXT)").execute(&mut connection).await.expect("written");
    connection.close().await.expect("closed");
    let before = std::fs::read(&other).expect("a file");
    let error = Store::open(&other).await.expect_err("another program's");
    assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
    assert_eq!(std::fs::read(&other).expect("a file"), before);
}

#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let folder = Fresh::sqlite();
    let store = folder.store().await;
    put(&store, (0..500).map(|number| known(&number.to_string())).collect()).await;
    store.close().await;
    let mut bytes = std::fs::read(folder.file()).expect("a file");
    let middle = 4096 * 3;
    bytes[middle..].fill(0xA5);
    std::fs::write(folder.file(), bytes).expect("written");
    let error = match Store::open(&folder.file()).await {
        Ok(store) => store.audiences(&scope()).await.expect_err("nothing to read"),
        Err(error) => error,
    };
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_place_that_cannot_be_had_is_named() {
    let error = Store::open(Path::new("/nonexistent/segue.db")).await.expect_err("no folder");
    assert!(error.to_string().contains("/nonexistent/segue.db") && error.to_string().contains("[store]"), "{error}");
}

async fn a_pause_is_kept_until_it_is_lifted_or_the_offer_says_something_else(fresh: &Fresh) {
    let store = fresh.store().await;
    let pause = |fingerprint: &str, second| Pause {
        offer: "vip".into(),
        fingerprint: Fingerprint::parse(fingerprint),
        since: at(second),
        agreed: 4,
        differed: 3,
    };
    store.keep_pause(&pause("1", 10)).await.expect("written");
    store.keep_pause(&pause("1", 20)).await.expect("written");
    assert_eq!(store.pauses().await.expect("read"), [pause("1", 10)], "as it was first seen");
    store.keep_pause(&pause("2", 30)).await.expect("written");
    assert!(!store.lift_pause("vip", Some(&Fingerprint::parse("1"))).await.expect("written"), "that one is over");
    assert_eq!(fresh.store().await.pauses().await.expect("read"), [pause("2", 30)]);
    assert!(store.lift_pause("vip", None).await.expect("written"));
    assert_eq!(store.pauses().await.expect("read"), []);
}
