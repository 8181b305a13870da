//! Reading a whole catalogue from Commerce into the store, beside asking for the same pages alone. Commerce is the demo's REST interface over
//! loopback; its few products come again under other numbers until there are enough.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use segue::catalog::rest::{Ask, Failure};
use segue::catalog::sync::{Settings, Sync};
use segue::commerce::{Client, Config};
use segue::demo;
use segue::store::Store;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const TOKEN: &str = "0123456789-integration";
const PRODUCTS: u64 = 10_000;
const PAGE: usize = 200;

/// The demo's REST interface with as many products as a shop.
#[derive(Clone)]
struct Shop {
    client: Client,
    /// The demo's own products.
    items: Vec<Value>,
}

impl Ask for Shop {
    async fn get(&self, path: &str, query: &[(String, String)]) -> Result<Value, Failure> {
        let answer = Ask::get(&self.client, path, query).await?;
        if path != "/V1/products" {
            return Ok(answer);
        }
        let number = |name: &str| -> Option<u64> {
            let value = query.iter().find(|(key, _)| key == &format!("searchCriteria{name}"))?;
            value.1.parse().ok()
        };
        let (size, after) =
            (number("[pageSize]").unwrap_or(1), number("[filterGroups][0][filters][0][value]").unwrap_or(0));
        let items: Vec<Value> = (after + 1..=PRODUCTS).take(usize::try_from(size)?).map(|id| self.item(id)).collect();
        Ok(json!({ "items": items, "total_count": PRODUCTS.saturating_sub(after) }))
    }
}

impl Shop {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let port = listener.local_addr().expect("an address").port();
        let options = demo::Options { commerce_token: Some(TOKEN.to_owned()), ..demo::Options::default() };
        tokio::spawn(demo::Shop::new(options).serve(listener, std::future::pending()));
        let config = Config {
            url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
            token: TOKEN.into(),
            release: Default::default(),
            audience_types: Default::default(),
            poll: Duration::from_secs(60),
            max_age: Duration::from_secs(900),
            timeout: Duration::from_secs(10),
            catalog_every: Duration::from_secs(300),
            page_size: PAGE,
        };
        let client = Client::new(&config).expect("a client");
        let query = [("searchCriteria[pageSize]".to_owned(), "300".to_owned())];
        let answer = Ask::get(&client, "/V1/products", &query).await.expect("the demo's products");
        let items = answer["items"].as_array().expect("products").iter();
        // The parts of others would be others' parts.
        let items: Vec<Value> = items.filter(|item| item["type_id"] == "simple").cloned().collect();
        assert!(!items.is_empty(), "the demo has no simple product");
        Self { client, items }
    }

    fn item(&self, id: u64) -> Value {
        let mut item = self.items[usize::try_from(id).expect("a small number") % self.items.len()].clone();
        item["id"] = json!(id);
        item["sku"] = json!(format!("SKU-{id:08}"));
        item
    }

    /// Asks for every page, as a sync does.
    async fn ask_for_all(&self) -> usize {
        let mut after = 0;
        let mut read = 0;
        while after < PRODUCTS {
            let query = [
                ("searchCriteria[pageSize]".to_owned(), PAGE.to_string()),
                ("searchCriteria[filterGroups][0][filters][0][value]".to_owned(), after.to_string()),
            ];
            let page = self.get("/V1/products", &query).await.expect("a page");
            let items = page["items"].as_array().expect("products");
            read += items.len();
            after = items.last().and_then(|item| item["id"].as_u64()).expect("an id");
        }
        read
    }
}

fn benches(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let shop = runtime.block_on(Shop::open());
    let folder = std::env::temp_dir().join(format!("segue-bench-sync-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a writable temporary folder");
    let store = runtime.block_on(Store::open(&folder.join("segue.db"))).expect("a store");
    let settings = Settings { shop: "http://shop/".to_owned(), codes: ["color".to_owned()].into(), page_size: PAGE };
    let sync = Sync::new(shop.clone(), store, settings);
    let begin = Instant::now();
    let report = runtime.block_on(sync.run(true, |_| {})).expect("a sync");
    assert_eq!(report.read as u64, PRODUCTS);
    eprintln!("{:.0} products a second into an empty store", PRODUCTS as f64 / begin.elapsed().as_secs_f64());
    let mut group = c.benchmark_group("10,000 products");
    group.sample_size(10);
    group.bench_function("read into the store", |b| {
        b.iter(|| runtime.block_on(sync.run(true, |_| {})).expect("a sync"))
    });
    group.bench_function("asked for alone", |b| b.iter(|| runtime.block_on(shop.ask_for_all())));
    group.finish();
    // A folder left behind in the temporary directory is no reason to fail.
    let _ = std::fs::remove_dir_all(&folder);
}

criterion_group!(group, benches);
criterion_main!(group);
