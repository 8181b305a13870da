//! `segue explain` on pages with many copies of many prices, and on pages with prices that are not Segue's to change.

use serde_json::{Value, json};

use crate::inventory::Adobe;
use crate::luma::{category, configurable_row, simple_row};
use crate::origin::{Origin, html};
use crate::running::{Folder, Running, Said, Setup, say};
use crate::shop;

/// A shop with one page, and what explain says of it to VIPs.
struct Shop {
    config: String,
    _folder: Folder,
    _origin: Origin,
}

impl Shop {
    async fn new(page: String, rules: &Value) -> Self {
        Self::with(Setup::default(), page, rules).await
    }

    async fn with(setup: Setup, page: String, rules: &Value) -> Self {
        let origin = Origin::start(move |_| html(&page)).await;
        let folder = Folder::new();
        let config = folder.write("segue.toml", &setup.config(1, 2, origin.port));
        folder.write("rules.json", &rules.to_string());
        Self { config: config.to_string_lossy().into_owned(), _folder: folder, _origin: origin }
    }

    async fn say(&self, more: &[&str]) -> Said {
        let said = say(&[&["explain", "--config", &self.config, "--audience", "VIP"], more, &["/"]].concat()).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        said
    }

    async fn text(&self) -> String {
        self.say(&[]).await.out
    }

    async fn told(&self) -> Value {
        serde_json::from_str(&self.say(&["--output", "json"]).await.out).expect("JSON")
    }
}

/// The usual rules with one offer for VIPs that differs in these fields.
fn rules(fields: Value) -> Value {
    let mut rules = shop::rules();
    for (key, value) in fields.as_object().expect("fields") {
        rules["offers"][0][key] = value.clone();
    }
    rules
}

fn product(told: &Value, id: u64) -> &Value {
    let products = told["products"].as_array().expect("products");
    products.iter().find(|product| product["product"] == id).unwrap_or_else(|| panic!("no product {id} in {told}"))
}

/// What stands below a product's line.
fn lines_of(text: &str, product: u64) -> Vec<&str> {
    let start = format!("  product {product}, ");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&start)).skip(1);
    let lines = std::iter::from_fn(|| lines.next().filter(|line| line.starts_with("    ")));
    lines.map(str::trim).collect()
}

#[tokio::test]
async fn equal_copies_of_a_price_share_a_line() {
    let rows: String = (1..=12).map(|row| configurable_row(row * 100, 15)).collect();
    let shop = Shop::new(category(&rows), &rules(json!({}))).await;
    let told = shop.told().await;
    let products = told["products"].as_array().expect("products");
    assert_eq!(products.len(), 12);
    for product in products {
        assert_eq!((&product["outcome"], &product["reason"]), (&json!("changed"), &Value::Null));
        assert!(product["sku"].is_string(), "{product}");
        let copies = product["copies"].as_array().expect("copies");
        let seen = |copy: &&Value| copy["place"] == "visible";
        assert_eq!(
            copies.iter().find(seen),
            Some(&json!({"place": "visible", "count": 1, "old": "$45.00", "new": "$36.00"}))
        );
    }
    let text = shop.text().await;
    let lines = lines_of(&text, 100);
    assert_eq!(lines.first(), Some(&"1 visible price: $45.00 -> $36.00"), "{text}");
    assert!(lines.contains(&"33 amounts in scripts: 45 -> 36"), "{text}");
    assert!(text.lines().count() < 140, "{text}");
}

#[tokio::test]
async fn every_copy_in_the_page_is_told_also_where_nothing_changes() {
    let page = category(&format!("{}{}", simple_row(1, "10", "$10.00"), simple_row(2, "20", "$20.00")));
    let shop = Shop::new(page, &rules(json!({"products": {"ids": [2]}}))).await;
    let told = shop.told().await;
    let one = product(&told, 1);
    assert_eq!((&one["outcome"], &one["says"]), (&json!("unchanged"), &json!("no offer changes it")));
    let copies = json!([
        {"place": "visible", "count": 1, "old": "$10.00", "new": null},
        {"place": "data-price-amount", "count": 1, "old": "10", "new": null},
    ]);
    assert_eq!(one["copies"], copies);
    assert_eq!(product(&told, 2)["outcome"], "changed");
    let text = shop.text().await;
    assert_eq!(lines_of(&text, 1), ["stay: 1 visible price, 1 data-price-amount"], "{text}");
    assert!(lines_of(&text, 2).contains(&"1 data-price-amount: 20 -> 16"), "{text}");
    assert!(text.contains("    product 1: not applied: it is for other products"), "{text}");
}

#[tokio::test]
async fn a_product_left_alone_has_its_reason_whoever_leaves_it() {
    let by_plan = simple_row(1, "10", "ten dollars");
    let page = category(&format!("{by_plan}{}", simple_row(2, "20", "$20.00")));
    let floor = rules(json!({"floor": 19}));
    let shop = Shop::new(page.clone(), &floor).await;
    let told = shop.told().await;
    let (one, two) = (product(&told, 1), product(&told, 2));
    assert_eq!((&one["outcome"], &one["reason"]), (&json!("left_alone"), &json!("unknown-format")));
    assert_eq!((&two["outcome"], &two["reason"]), (&json!("left_alone"), &json!("below_floor")));
    assert_eq!(two["says"], "offer vip: its result would be below its floor of 19");
    let text = shop.text().await;
    assert!(text.contains("  product 1: left as it is (unknown-format), because the price as text is not"), "{text}");
    assert!(text.contains("left as it is (below_floor), because offer vip: its result would be below"), "{text}");
}

#[tokio::test]
async fn a_label_at_a_product_in_doubt_changes_no_price() {
    let mut rules = rules(json!({"floor": 9}));
    let label = json!({
        "id": "label", "name": "Label", "priority": 0, "action": "by_percent", "amount": 5, "products": "all",
        "labels": { "default": "Ask us" }, "charge": "none",
    });
    rules["offers"].as_array_mut().expect("offers").push(label);
    let shop = Shop::new(category(&simple_row(1, "10", "$10.00")), &rules).await;
    let told = shop.told().await;
    let one = product(&told, 1);
    assert_eq!((&one["outcome"], &one["reason"]), (&json!("left_alone"), &json!("below_floor")));
    assert_eq!(one["copies"][1], json!({"place": "label", "count": 1, "old": "", "new": "Ask us"}));
    assert_eq!(
        lines_of(&shop.text().await, 1),
        ["1 label added: Ask us", "stay: 1 visible price, 1 data-price-amount"]
    );
}

#[tokio::test]
async fn what_a_store_view_adds_to_changed_prices_is_told() {
    let display =
        "price_disclosure = \"Personal price\"\ndeducted_label = \"in the cart\"\nreference_price = \"none\"\n";
    let page = category(&simple_row(1, "10", "$10.00"));
    let shop = Shop::with(Setup::default().with("stores", display), page, &rules(json!({}))).await;
    let text = shop.text().await;
    let expected = [
        "1 visible price: $10.00 -> $8.00",
        "1 label added: VIP price -$2.00, in the cart",
        "1 disclosure added: Personal price",
        "1 data-price-amount: 10 -> 8",
    ];
    assert_eq!(lines_of(&text, 1), expected, "{text}");
    assert!(text.contains("  vip (VIP 20 %): applied\n\nBlocks"), "one reason for all is told once: {text}");
}

/// A page that loads the popover below the search field, and a unit of recommendations.
fn with_fetched_prices(page: &str) -> String {
    let scripts = "<script src=\"https://livesearch-autocomplete.magento-ds.com/v0/LiveSearchAutocomplete.js\"></script>\
                   <script type=\"text/x-magento-init\">{\"*\":{\"Magento_ProductRecommendationsLayout/js/recsFetcher\":{}}}</script>";
    page.replace("</head>", &format!("{scripts}</head>"))
}

#[tokio::test]
async fn prices_that_come_from_elsewhere_are_noticed() {
    let shop = Shop::new(with_fetched_prices(&shop::home()), &rules(json!({}))).await;
    let told = shop.told().await;
    assert_eq!(told["fetched_prices"], json!(["live-search", "product-recommendations"]));
    let text = shop.text().await;
    for name in ["Live Search", "Product Recommendations"] {
        let notice = format!("  the page loads {name}, which fetches prices from elsewhere: Segue cannot change those");
        assert!(text.contains(&notice), "{text}");
    }
    assert!(text.contains("$10.00 -> $8.00"), "what the page itself says changes all the same: {text}");
    let plain = Shop::new(shop::home(), &rules(json!({}))).await.told().await;
    assert_eq!((&plain["fetched_prices"], &plain["notices"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn status_tells_of_prices_from_elsewhere_that_shoppers_met() {
    let adobe = Adobe::start(Default::default()).await;
    let origin = Origin::start(|seen| {
        let page = shop::home();
        html(&if seen.target == "/search" { with_fetched_prices(&page) } else { page })
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()).with("more", &adobe.section(&[])), origin.port).await;
    let config = running.config();
    let status = async || say(&["status", "--config", &config]).await;
    running.get("/", &[]).await;
    let said = status().await;
    assert!(said.out.contains("ok       fetched prices: no page so far"), "{}", said.out);
    for _ in 0..2 {
        running.get("/search", &[]).await;
    }
    let metrics = running.metrics().await;
    assert!(
        metrics.contains("segue_pages_with_fetched_prices_total{mode=\"on\",source=\"live-search\"} 2"),
        "{metrics}"
    );
    let said = status().await;
    let line = said.out.lines().find(|line| line.starts_with("notice   fetched prices:")).unwrap_or_default();
    assert!(line.contains("Live Search (2), Product Recommendations (2)"), "{}", said.out);
    assert_eq!(said.code, Some(0), "it is no failure: {}", said.err);
}

#[tokio::test]
async fn products_in_doubt_are_counted_by_reason_every_time() {
    let page = category(&format!("{}{}", simple_row(1, "10", "$10.00"), simple_row(2, "20", "$20.00")));
    let origin = Origin::start(move |_| html(&page)).await;
    let rules = rules(json!({"audiences": {}, "floor": 15}));
    let running = Running::start(&Setup::rules(&rules), origin.port).await;
    for _ in 0..3 {
        assert!(running.get("/", &[]).await.text().contains("$16.00"));
    }
    let metrics = running.metrics().await;
    for (outcome, count) in [("changed", 3), ("below_floor", 3)] {
        let line = format!("segue_products_total{{mode=\"on\",outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

#[test]
fn the_readme_names_every_reason_that_the_source_has() {
    let read = |path: &str| {
        std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("a file of the repository")
    };
    let source = read("src/rewrite/plan/reason.rs");
    let words = source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    let words: Vec<&str> =
        words.filter_map(|(_, rest)| rest.strip_suffix("\",")).filter(|word| !word.contains(' ')).collect();
    assert!(words.len() > 15, "{words:?}");
    let readme = read("README.md");
    for word in words {
        assert!(readme.contains(&format!("`{word}`")), "README.md does not say what {word} means");
    }
}
