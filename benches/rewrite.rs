//! What compiling and rendering cost on pages of every kind, beside a bare pass of the parser over the same bytes.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::Request;
use http_body_util::BodyExt as _;
use lol_html::{HtmlRewriter, Settings, element};
use rust_decimal::Decimal;
use segue::decision::select::{Label, PlacedBlock, PriceChange, Selection};
use segue::demo::{Options, Shop};
use segue::page::Amounts;
use segue::rewrite::plan::Plan;
use segue::rewrite::render::{Dressing, render};
use segue::rule::Placement;
use tower::ServiceExt as _;

#[path = "../tests/it/luma.rs"]
#[allow(dead_code)]
mod luma;

/// As the server does: compiling is made of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A category page of 36 products, a third of them configurable with swatches.
fn category() -> String {
    let mut rows = String::new();
    for id in 1..=36 {
        let row = if id % 3 == 0 { luma::configurable_row(id, 20) } else { luma::simple_row(id, "45", "$45.00") };
        let _ = write!(rows, "{row}");
    }
    luma::category(&rows)
}

/// A product page with ten related products.
fn product() -> String {
    let related: String = (2..12).map(|id| luma::simple_row(id, "1234.5", "$1,234.50")).collect();
    luma::product("", ",\"tierPrices\":[]", &related)
}

/// A page of the demo shop, which writes every kind of product as Luma does.
fn demo(path: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let request = Request::get(path).header("Host", "shop.example").body(axum::body::Body::empty());
        let shop = segue::demo::router(Shop::new(Options::default()));
        let answer = shop.oneshot(request.expect("a request")).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a whole page").to_bytes();
        String::from_utf8(body.to_vec()).expect("UTF-8")
    })
}

/// A page of each kind.
fn pages() -> [(&'static str, String); 6] {
    [
        ("category", category()),
        ("search", demo("/catalogsearch/result/?q=bag")),
        ("product", product()),
        ("configurable", demo("/dune-day-pack.html")),
        ("bundle", demo("/first-evening-set.html")),
        ("home", demo("/")),
    ]
}

fn lowered(amounts: Amounts) -> Amounts {
    let lower = |amount: Decimal| (amount * Decimal::new(8, 1)).round_dp(2);
    Amounts { final_price: amounts.final_price.map(lower), base_price: amounts.base_price.map(lower) }
}

/// A fifth off everything, with a banner.
fn selection(plan: &Plan) -> Selection {
    let prices = plan.facts().products.iter().map(|product| PriceChange {
        product: product.id,
        units: product.units.iter().map(|unit| lowered(unit.amounts)).collect(),
        labels: vec![Label { text: Arc::from("VIP: 20 % off"), deducted: true }],
    });
    let banner = PlacedBlock {
        id: Arc::from("hero"),
        placement: Placement::ContentTop,
        html: Arc::from("<a href=\"/sale\"><img src=\"/hero.jpg\" width=\"1240\" height=\"400\" alt=\"\"></a>"),
    };
    Selection { prices: prices.collect(), blocks: vec![banner], ..Selection::default() }
}

/// The parser with three selectors and handlers that do nothing.
fn bare_pass(page: &[u8]) {
    let mut settings = Settings::new();
    for selector in ["body", "main", "[data-price-amount]"] {
        settings = settings.append_element_content_handler(element!(selector, |_| Ok(())));
    }
    let mut parser = HtmlRewriter::new(settings, |bytes: &[u8]| {
        black_box(bytes);
    });
    parser.write(page).expect("a page that parses");
    parser.end().expect("a page that parses");
}

fn rewrite(c: &mut Criterion) {
    for (kind, page) in pages() {
        let page = page.as_bytes();
        let plan = Plan::compile(page).expect("a page that compiles");
        assert_eq!(plan.left_alone(), [], "every product of the {kind} page changes");
        assert!(!plan.facts().products.is_empty(), "the {kind} page has products");
        let selection = selection(&plan);
        let mut group = c.benchmark_group(kind);
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function("bare pass", |b| b.iter(|| bare_pass(black_box(page))));
        group.bench_function("compile", |b| b.iter(|| Plan::compile(black_box(page))));
        group.bench_function("render", |b| {
            b.iter(|| render(&plan, black_box(page), &selection, &Dressing::default()));
        });
        group.finish();
    }
}

criterion_group!(benches, rewrite);
criterion_main!(benches);
