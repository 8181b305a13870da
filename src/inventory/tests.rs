//! What is learnt from a platform that changes, fails, and lies about what it has.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::aep::audiences::Lifecycle;
use crate::aep::destinations::Activation;
use crate::aep::mock::{Mock, answer, config, granted};
use crate::rule::Ruleset;
use crate::site::{Sites, StoreView};

/// A folder that is gone when the test ends.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("segue-inventory-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a writable temporary folder");
        Self(path)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("segue.db")
    }

    pub(super) async fn store(&self) -> Store {
        Store::open(&self.file()).await.expect("a store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the platform has. By default it has nothing, and nothing fails.
#[derive(Clone, Default)]
pub(super) struct World {
    /// Audiences in the list; two on a page.
    pub(super) listed: Vec<Value>,
    /// Audiences that exist and are missing from the list.
    pub(super) unlisted: Vec<Value>,
    /// The page (from 0) whose status is not 200, and that status.
    pub(super) broken: Option<(usize, u16)>,
    /// The page whose link to the next one leads back to itself.
    pub(super) looped: Option<usize>,
    /// The status of questions about one audience that exists nowhere.
    pub(super) unknown: u16,
    /// The status of questions about destinations.
    pub(super) destinations: u16,
    /// Ids of audiences activated for "Luma Shop".
    pub(super) activated: Vec<&'static str>,
}

pub(super) fn world(listed: &[Value]) -> Arc<Mutex<World>> {
    Arc::new(Mutex::new(World { listed: listed.to_vec(), unknown: 404, destinations: 200, ..World::default() }))
}

/// Rules of a shop with the store views that the demo's rules name.
pub(super) fn ruleset(json: &str) -> Ruleset {
    let view = |code: &str| Arc::new(view(code));
    let default = view("default");
    let sites = Sites::new(vec![Arc::clone(&default), view("de"), view("ar")], default);
    Ruleset::parse("rules.json", json.as_bytes(), &sites).expect("right rules").0
}

fn view(code: &str) -> StoreView {
    StoreView {
        code: code.into(),
        website: "base".into(),
        base_currency: "USD".to_owned(),
        currency: "USD".to_owned(),
        tax: crate::site::Tax::default(),
        display: crate::site::Display::default(),
        locale: "en_US".to_owned(),
        time_zone: TimeZone::UTC,
        hosts: Vec::new(),
        path_prefix: None,
    }
}

pub(super) fn audience(id: &str, name: &str) -> Value {
    json!({ "id": id, "audienceId": id, "name": name, "lifecycleState": "published" })
}

impl World {
    fn answer(&self, path: &str, query: &str) -> (u16, Value) {
        if path == "/data/core/ups/audiences" {
            let page = query.split_once("start=").map_or(0, |(_, number)| number.parse().expect("a number"));
            return self.page(page);
        }
        if let Some(id) = path.strip_prefix("/data/core/ups/audiences/") {
            let found = self.listed.iter().chain(&self.unlisted).find(|audience| audience["id"] == id);
            return found.map_or((self.unknown, json!({})), |audience| (200, audience.clone()));
        }
        let selectors: Vec<Value> = self.activated.iter().map(|id| json!({ "value": { "id": id } })).collect();
        let items = match path {
            "/data/foundation/flowservice/targetConnections" => json!([{ "id": "d1", "name": "Luma Shop" }]),
            _ => json!([{
                "id": "f1", "targetConnectionIds": ["d1"],
                "transformations": [{ "params": { "segmentSelectors": { "selectors": selectors } } }],
            }]),
        };
        (self.destinations, json!({ "items": items }))
    }

    fn page(&self, page: usize) -> (u16, Value) {
        if let Some((_, status)) = self.broken.filter(|(broken, _)| *broken == page) {
            return (status, json!({}));
        }
        let children: Vec<&Value> = self.listed.iter().skip(page * 2).take(2).collect();
        let next = if self.looped == Some(page) { page } else { page + 1 };
        let more = next * 2 < self.listed.len();
        let links = if more { json!({ "next": { "href": format!("@/audiences?start={next}") } }) } else { json!({}) };
        (200, json!({ "children": children, "_links": links }))
    }
}

pub(super) async fn platform(world: &Arc<Mutex<World>>) -> Mock {
    let world = Arc::clone(world);
    Mock::start(move |seen| {
        granted(seen).unwrap_or_else(|| {
            let (status, body) = world.lock().expect("no panics").answer(seen.path(), seen.query());
            answer(status, body)
        })
    })
    .await
}

pub(super) fn inventory(mock: &Mock, store: Store, destinations: &[&str]) -> Inventory {
    let mut config = config(mock);
    config.destinations = destinations.iter().map(|name| (*name).to_owned()).collect();
    let tokens = Tokens::new(&config.ims, config.credentials.clone().expect("credentials")).expect("a client");
    Inventory::new(&config, tokens, store).expect("a client")
}

async fn learn(inventory: &Inventory) -> Report {
    inventory.sync("command").await.expect("a sync")
}

fn words(report: &Report) -> Vec<String> {
    report.changes.iter().map(Change::to_string).collect()
}

#[tokio::test]
async fn notices_what_was_renamed_archived_and_deleted_and_still_knows_it_without_network() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B"), audience("c", "C")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    let report = learn(&inventory).await;
    assert_eq!((report.listed, report.first, report.changes.len()), (3, true, 3));
    assert_eq!(words(&learn(&inventory).await), [""; 0]);
    {
        let mut world = world.lock().expect("no panics");
        world.listed = vec![audience("a", "A+"), audience("b", "B"), audience("d", "D")];
        world.listed[1]["lifecycleState"] = json!("archived");
    }
    let report = learn(&inventory).await;
    assert!(!report.first);
    let expected = ["renamed: A+ (a), before: A", "archived: B (b), before: published", "new: D (d)", "gone: C (c)"];
    assert_eq!(words(&report), expected);

    let scope = inventory.scope.clone();
    drop((inventory, mock));
    let snapshot = Snapshot::read(&folder.store().await, &scope).await.expect("read");
    let names: Vec<(&str, bool)> =
        snapshot.known.iter().map(|known| (&*known.audience.name, known.gone_at.is_some())).collect();
    assert_eq!(names, [("A+", false), ("B", false), ("C", true), ("D", false)]);
    assert_eq!(snapshot.known[1].audience.lifecycle, Lifecycle::Archived);
    assert!(snapshot.good.is_some_and(|good| good.complete && good.changes == 4));
}

#[tokio::test]
async fn a_listing_cut_short_by_an_error_marks_nothing_as_deleted() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B"), audience("c", "C"), audience("d", "D")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    let before = inventory.snapshot().await.expect("read");
    for status in [401, 403, 404, 418, 500] {
        world.lock().expect("no panics").broken = Some((1, status));
        inventory.sync("schedule").await.expect_err("half a list");
        let after = inventory.snapshot().await.expect("read");
        assert_eq!(after.known, before.known, "{status}");
        assert_eq!(after.good, before.good);
        assert!(after.last.and_then(|last| last.error).is_some(), "{status}");
    }
}

#[tokio::test]
async fn a_listing_without_an_end_marks_nothing_as_deleted() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B"), audience("c", "C"), audience("d", "D")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    world.lock().expect("no panics").looped = Some(0);
    world.lock().expect("no panics").unlisted = vec![];
    let report = learn(&inventory).await;
    assert_eq!(words(&report), [""; 0]);
    assert!(report.remarks.concat().contains("not read to its end"), "{:?}", report.remarks);
    let snapshot = inventory.snapshot().await.expect("read");
    assert_eq!(snapshot.known.iter().filter(|known| known.gone_at.is_some()).count(), 0);
    assert!(snapshot.good.is_some_and(|good| !good.complete));
}

#[tokio::test]
async fn an_audience_that_a_list_lacks_is_asked_for_before_it_counts_as_deleted() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    {
        let mut world = world.lock().expect("no panics");
        world.unlisted = vec![world.listed.remove(0)];
        world.unlisted[0]["name"] = json!("A, not listed");
    }
    let report = learn(&inventory).await;
    assert_eq!(words(&report), ["renamed: A, not listed (a), before: A"]);

    world.lock().expect("no panics").unlisted = Vec::new();
    for status in [403, 500] {
        world.lock().expect("no panics").unknown = status;
        let report = learn(&inventory).await;
        assert_eq!(words(&report), [""; 0], "{status}");
        assert!(
            report.remarks.concat().contains("not listed any more, which may be deleted: 1"),
            "{:?}",
            report.remarks
        );
    }
    world.lock().expect("no panics").unknown = 404;
    assert_eq!(words(&learn(&inventory).await), ["gone: A, not listed (a)"]);
}

#[tokio::test]
async fn where_single_audiences_cannot_be_asked_for_two_whole_lists_say_that_one_is_deleted() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B"), audience("c", "C")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    {
        let mut world = world.lock().expect("no panics");
        world.listed.remove(0);
        world.unknown = 405;
    }
    assert_eq!(words(&learn(&inventory).await), [""; 0], "one list may have changed while it was read");
    assert_eq!(words(&learn(&inventory).await), ["gone: A (a)"]);
}

#[tokio::test]
async fn who_does_not_say_of_one_audience_whether_it_exists_is_not_asked_about_the_others() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B"), audience("c", "C")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    {
        let mut world = world.lock().expect("no panics");
        world.listed.truncate(1);
        world.unknown = 503;
    }
    let report = learn(&inventory).await;
    assert!(report.remarks.concat().contains("which may be deleted: 2"), "{:?}", report.remarks);
    let asked = mock.seen().iter().filter(|seen| seen.path().contains("/audiences/")).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn many_that_are_missing_are_asked_for_in_turns() {
    let folder = Folder::new();
    let all: Vec<Value> = (0..MOST_ASKED + 7).map(|number| audience(&format!("x{number}"), "X")).collect();
    let world = world(&all);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    world.lock().expect("no panics").listed.clear();
    let report = learn(&inventory).await;
    assert_eq!((report.changes.len(), report.remarks.len()), (MOST_ASKED, 1));
    let report = learn(&inventory).await;
    assert_eq!((report.changes.len(), report.remarks.len()), (7, 0));
}

#[tokio::test]
async fn activation_is_learnt_and_a_missing_permission_for_it_loses_nothing_else() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B")]);
    world.lock().expect("no panics").activated = vec!["a"];
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &["luma shop"]);
    learn(&inventory).await;
    let activations = async || {
        let snapshot = inventory.snapshot().await.expect("read");
        snapshot.known.into_iter().map(|known| known.activation).collect::<Vec<_>>()
    };
    let expected = [Activation::Yes(vec!["Luma Shop".to_owned()]), Activation::No];
    assert_eq!(activations().await, expected);

    world.lock().expect("no panics").destinations = 403;
    world.lock().expect("no panics").activated = vec!["b"];
    world.lock().expect("no panics").listed[0]["name"] = json!("A+");
    let report = learn(&inventory).await;
    assert_eq!(words(&report), ["renamed: A+ (a), before: A"]);
    let remark = report.remarks.concat();
    assert!(remark.contains("Manage destinations") && remark.contains("destinations: "), "{remark}");
    assert_eq!(activations().await, expected);

    world.lock().expect("no panics").destinations = 200;
    assert_eq!(words(&learn(&inventory).await), ["deactivated: A+ (a)", "activated: B (b)"]);
}

#[tokio::test]
async fn a_configured_destination_that_does_not_exist_is_named() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A")]);
    let mock = platform(&world).await;
    let report = learn(&inventory(&mock, folder.store().await, &["Lume Shop"])).await;
    assert!(report.remarks.concat().contains("\"Lume Shop\""), "{:?}", report.remarks);
}

#[tokio::test]
async fn entries_that_make_no_sense_are_counted_and_do_not_make_others_look_deleted() {
    let folder = Folder::new();
    let world = world(&[audience("a", "A"), audience("b", "B")]);
    let mock = platform(&world).await;
    let inventory = inventory(&mock, folder.store().await, &[]);
    learn(&inventory).await;
    world.lock().expect("no panics").listed[0] = json!({ "id": "a" });
    let report = learn(&inventory).await;
    assert_eq!(words(&report), [""; 0]);
    assert!(report.remarks.concat().contains("1 entries"), "{:?}", report.remarks);
}
