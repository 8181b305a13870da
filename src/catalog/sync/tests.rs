//! Reading a shop that changes, fails and answers oddly meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::super::rest::Failure;
use super::*;
use crate::page::ProductId;

const SHOP: &str = "https://shop.example/";

/// A store whose folder is gone when the test ends.
struct Kept {
    store: Store,
    folder: PathBuf,
}

impl Kept {
    async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("segue-catalog-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a writable temporary folder");
        let store = Store::open(&folder.join("segue.db")).await.expect("a store");
        Self { store, folder }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Magento's lists, as far as they are asked for.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    products: Vec<Value>,
    categories: Vec<Value>,
    /// Questions for products that are answered before the shop fails.
    answers_left: Option<usize>,
    asked: Vec<String>,
}

impl Shop {
    fn of(products: Vec<Value>) -> Self {
        let shop = Self::default();
        shop.with(|state| state.products = products);
        shop
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sync(&self, kept: &Kept, codes: &[&str], page_size: usize) -> Sync<Self> {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        Sync::new(self.clone(), kept.store.clone(), Settings { shop: SHOP.to_owned(), codes, page_size })
    }
}

impl State {
    fn list(&mut self, query: &[(String, String)]) -> Result<Value, Failure> {
        if let Some(left) = &mut self.answers_left {
            *left = left.checked_sub(1).ok_or("the shop is down")?;
        }
        let given = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let filter = |number: usize| {
            let part = |part: &str| given(&format!("searchCriteria[filterGroups][{number}][filters][0][{part}]"));
            Some((part("field")?, part("conditionType")?, part("value")?))
        };
        let holds = |item: &&Value| match filter(0) {
            Some(("entity_id", "gt", after)) => item["id"].as_u64() > after.parse().ok(),
            None => true,
            other => panic!("an unknown filter: {other:?}"),
        };
        let changed = |item: &&Value| match filter(1) {
            Some(("updated_at", "gteq", since)) => item["updated_at"].as_str() >= Some(since),
            None => true,
            other => panic!("an unknown filter: {other:?}"),
        };
        let mut found: Vec<&Value> = self.products.iter().filter(holds).filter(changed).collect();
        found.sort_by_key(|item| item["id"].as_u64());
        let size: usize = given("searchCriteria[pageSize]").and_then(|size| size.parse().ok()).expect("a page size");
        Ok(json!({ "items": found.iter().take(size).collect::<Vec<_>>(), "total_count": found.len() }))
    }
}

impl Ask for Shop {
    async fn get(&self, path: &str, query: &[(String, String)]) -> Result<Value, Failure> {
        self.with(|state| {
            state.asked.push(path.to_owned());
            match path {
                "/V1/products" => state.list(query),
                "/V1/products/attributes" => Ok(json!({ "items": [
                    { "attribute_code": "activity", "frontend_input": "multiselect" }], "total_count": 1 })),
                "/V1/categories/list" => {
                    Ok(json!({ "items": state.categories, "total_count": state.categories.len() }))
                }
                "/V1/store/storeGroups" => Ok(json!([{ "website_id": 1, "root_category_id": 2 }])),
                "/V1/configurable-products/c%2F1/children" => Ok(json!([{ "id": 2 }, { "sku": "s-3" }])),
                path => Err(format!("{path} is not there").into()),
            }
        })
    }
}

fn item(id: u32, updated: &str) -> Value {
    json!({
        "id": id, "sku": format!("s-{id}"), "type_id": "simple", "attribute_set_id": 4, "price": 10, "status": 1, "visibility": 4,
        "updated_at": updated, "extension_attributes": { "website_ids": [1], "category_links": [] },
        "custom_attributes": [{ "attribute_code": "activity", "value": "1,2" }, { "attribute_code": "color", "value": "5" }],
    })
}

const LONG_AGO: &str = "2020-01-01 00:00:00";
const JUST_NOW: &str = "2999-01-01 00:00:00";

fn items(count: u32) -> Vec<Value> {
    (1..=count).map(|id| item(id, LONG_AGO)).collect()
}

async fn ids(kept: &Kept) -> Vec<u32> {
    kept.store.product_ids().await.expect("a readable store")
}

async fn index(kept: &Kept) -> Index {
    load(&kept.store, SHOP).await.expect("a readable store")
}

#[tokio::test]
async fn what_was_read_is_the_same_after_a_restart() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(7)));
    shop.with(|state| {
        state.products[0]["type_id"] = json!("configurable");
        state.products[0]["sku"] = json!("c/1");
        state.products[3]["type_id"] = json!("grouped");
        state.products[3]["product_links"] = json!([{ "link_type": "associated", "linked_product_sku": "S-5" }]);
    });
    let mut steps = Vec::new();
    let report = shop.sync(&kept, &["activity"], 3).run(false, |step| steps.push(step)).await.expect("a sync");
    assert_eq!(report, Report { whole: true, read: 7, ..Report::default() });
    assert_eq!(steps, [3, 6, 7].map(|read| Step { read, total: 7 }));
    let index = index(&kept).await;
    let facts = index.facts(ProductId(6)).expect("a product");
    assert_eq!(facts.categories, [2].into());
    assert_eq!(format!("{:?}", facts.attributes), r#"{"activity": Many(["1", "2"]), "price": One("10")}"#);
    assert!(index.tracks("activity") && index.tracks("weight") && !index.tracks("color"));
    let children =
        |id| index.get(ProductId(id)).expect("a product").children().map(|child| child.id().0).collect::<Vec<_>>();
    assert_eq!((children(1), children(4)), (vec![2, 3], vec![5]));
    let elsewhere = load(&kept.store, "https://other.example/").await.expect("a readable store");
    assert!(elsewhere.is_empty(), "another shop's products are not this one's");
}

#[tokio::test]
async fn goes_on_where_it_was_interrupted_at_every_page() {
    for answers in 0..4 {
        let (kept, shop) = (Kept::new().await, Shop::of(items(7)));
        shop.with(|state| state.answers_left = Some(answers));
        let failed = shop.sync(&kept, &[], 2).run(false, |_| ()).await;
        assert!(failed.is_err(), "after {answers} answers");
        assert_eq!(ids(&kept).await.len(), answers * 2);
        shop.with(|state| {
            state.answers_left = None;
            // Seen before the interruption, and gone or changed since.
            state.products.retain(|item| item["id"] != 1);
            state.products[0]["updated_at"] = json!(JUST_NOW);
            state.products[0]["sku"] = json!("changed");
        });
        let report = shop.sync(&kept, &[], 2).run(false, |_| ()).await.expect("a sync");
        assert_eq!((report.resumed, report.whole), (answers > 0, true), "after {answers} answers");
        assert_eq!(report.read, if answers == 0 { 6 } else { 7 - answers * 2 });
        shop.sync(&kept, &[], 2).run(false, |_| ()).await.expect("a sync");
        assert_eq!(ids(&kept).await, [2, 3, 4, 5, 6, 7], "after {answers} answers");
        assert_eq!(index(&kept).await.by_sku("changed").map(|entry| entry.id()), Some(ProductId(2)));
    }
}

#[tokio::test]
async fn follows_changes_deletions_and_moved_categories() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(5)));
    let sync = shop.sync(&kept, &[], 10);
    sync.run(false, |_| ()).await.expect("a sync");
    let quiet = sync.run(false, |_| ()).await.expect("a sync");
    assert_eq!(quiet, Report::default());
    shop.with(|state| {
        state.products.remove(3);
        state.products[1]["price"] = json!(12.5);
        state.products[1]["updated_at"] = json!(JUST_NOW);
        state.products[1]["extension_attributes"]["category_links"] = json!([{ "category_id": "7" }]);
        state.products.push(item(6, JUST_NOW));
        state.categories = vec![
            json!({ "id": 7, "parent_id": 8 }),
            json!({ "id": 8, "parent_id": 2, "custom_attributes": [
            { "attribute_code": "is_anchor", "value": "1" }] }),
        ];
    });
    let report = sync.run(false, |_| ()).await.expect("a sync");
    assert_eq!(report, Report { read: 2, gone: 1, ..Report::default() });
    assert_eq!(ids(&kept).await, [1, 2, 3, 5, 6]);
    let facts = index(&kept).await.facts(ProductId(2)).expect("a product");
    assert_eq!(facts.categories, [2, 7, 8].into());
    assert_eq!(format!("{:?}", facts.attributes), r#"{"price": One("12.5")}"#);
    shop.with(|state| state.categories[0]["parent_id"] = json!(2));
    sync.run(false, |_| ()).await.expect("a sync");
    assert_eq!(index(&kept).await.facts(ProductId(2)).expect("a product").categories, [2, 7].into());
}

#[tokio::test]
async fn a_part_that_is_renamed_stays_a_part() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(2)));
    shop.with(|state| {
        state.products[0]["type_id"] = json!("grouped");
        state.products[0]["product_links"] = json!([{ "link_type": "associated", "linked_product_sku": "s-2" }]);
    });
    let sync = shop.sync(&kept, &[], 10);
    sync.run(false, |_| ()).await.expect("a sync");
    shop.with(|state| {
        state.products[1]["sku"] = json!("new \"name\"");
        state.products[1]["updated_at"] = json!(JUST_NOW);
    });
    sync.run(false, |_| ()).await.expect("a sync");
    let index = index(&kept).await;
    let whole = index.get(ProductId(1)).expect("a product");
    assert_eq!(whole.children().map(|child| child.sku()).collect::<Vec<_>>(), ["new \"name\""]);
    assert!(!whole.has_unknown_child() && index.by_sku("s-2").is_none());
}

#[tokio::test]
async fn a_new_attribute_is_known_when_every_product_was_read_with_it() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(4)));
    shop.sync(&kept, &["activity"], 2).run(false, |_| ()).await.expect("a sync");
    shop.with(|state| state.answers_left = Some(1));
    assert!(shop.sync(&kept, &["color"], 2).run(false, |_| ()).await.is_err());
    let half = index(&kept).await;
    assert_eq!(half.len(), 4);
    assert!(!half.tracks("color") && !half.tracks("activity") && half.tracks("price"));
    shop.with(|state| state.answers_left = None);
    shop.sync(&kept, &["color"], 2).run(false, |_| ()).await.expect("a sync");
    let whole = index(&kept).await;
    assert!(whole.tracks("color") && whole.get(ProductId(1)).expect("a product").attribute("color").is_some());
}

#[tokio::test]
async fn a_newer_reading_elsewhere_wins_and_loses_nothing() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(4)));
    let (old, new) = (shop.sync(&kept, &[], 2), shop.sync(&kept, &[], 2));
    let mut progress = old.progress().await.expect("a store");
    old.begin(&mut progress);
    let product = Product { id: 1, sku: "s-1".to_owned(), ..Product::default() };
    old.write(std::slice::from_ref(&product), &progress).await.expect("written");
    new.run(true, |_| ()).await.expect("a sync");
    let late = old.write(&[product], &progress).await;
    assert!(matches!(late, Err(SyncError::Superseded)), "{late:?}");
    assert_eq!(ids(&kept).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn odd_products_are_left_out_and_counted_and_looked_for_once() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(3)));
    shop.with(|state| state.products[1]["sku"] = Value::Null);
    let sync = shop.sync(&kept, &[], 10);
    let report = sync.run(false, |_| ()).await.expect("a sync");
    assert_eq!((report.read, report.odd), (2, 1));
    shop.with(|state| state.asked.clear());
    sync.run(false, |_| ()).await.expect("a sync");
    let asked = shop.with(|state| state.asked.iter().filter(|path| *path == "/V1/products").count());
    assert_eq!(asked, 2, "what changed, and how many there are");
}

#[tokio::test]
async fn a_shop_that_hides_what_it_announces_costs_no_product() {
    struct Hiding(Shop);
    impl Ask for Hiding {
        async fn get(&self, path: &str, query: &[(String, String)]) -> Result<Value, Failure> {
            match path {
                "/V1/products" => Ok(json!({ "items": null, "total_count": 3 })),
                path => self.0.get(path, query).await,
            }
        }
    }
    let (kept, shop) = (Kept::new().await, Shop::of(items(3)));
    shop.sync(&kept, &[], 10).run(false, |_| ()).await.expect("a sync");
    let settings = Settings { shop: SHOP.to_owned(), codes: BTreeSet::new(), page_size: 10 };
    let failed = Sync::new(Hiding(shop), kept.store.clone(), settings).run(true, |_| ()).await;
    assert!(matches!(failed, Err(SyncError::Commerce(AskError::Stuck { .. }))), "{failed:?}");
    assert_eq!(ids(&kept).await, [1, 2, 3]);
}

#[tokio::test]
async fn another_shops_catalogue_takes_the_place_of_the_first() {
    let (kept, shop) = (Kept::new().await, Shop::of(items(3)));
    shop.sync(&kept, &[], 10).run(false, |_| ()).await.expect("a sync");
    let settings = Settings { shop: "https://other.example/".to_owned(), codes: BTreeSet::new(), page_size: 10 };
    Sync::new(Shop::of(items(1)), kept.store.clone(), settings).run(false, |_| ()).await.expect("a sync");
    assert_eq!(ids(&kept).await, [1]);
    assert!(index(&kept).await.is_empty());
}
