//! 100,000 products in memory (under 64 MB) and looked up (under 200 ns), beside plain maps of the same products.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use segue::catalog::Index;
use segue::catalog::category::Categories;
use segue::catalog::index::Builder;
use segue::catalog::product::Product;
use segue::page::ProductId;
use segue::rule::cart_rule::AttributeValue;

/// As the server does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PRODUCTS: u32 = 100_000;

/// With as little repetition as a catalogue has: SKUs of 16 bytes, five categories of 2,000, six attributes.
fn product(id: u32) -> Product {
    let spread = |step: u32| id.wrapping_mul(2_654_435_761).rotate_left(step * 5) % 2_000;
    let attributes = [
        ("price", format!("{}.{:04}", id % 977, id % 9_973)),
        ("weight", format!("{}.{}", id % 31, id % 100)),
        ("special_price", format!("{id}.50")),
        ("color", (id % 60).to_string()),
        ("size", (id % 20).to_string()),
        ("material", (id % 90).to_string()),
    ];
    Product {
        id,
        sku: format!("SKU-{id:012}"),
        kind: "simple".to_owned(),
        attribute_set: Some(id % 20),
        visibility: Some(4),
        enabled: true,
        websites: [1].into(),
        categories: (0..5).map(spread).collect(),
        children: Vec::new(),
        attributes: attributes.into_iter().map(|(code, text)| (code.to_owned(), AttributeValue::One(text))).collect(),
    }
}

fn index() -> Index {
    let mut builder = Builder::new(Categories::default(), []);
    (1..=PRODUCTS).for_each(|id| builder.push(&product(id)));
    builder.build()
}

/// The memory that the process has, in bytes, as the system sees it; 0 where it does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).map_or(0, |kib| kib << 10)
}

/// Builds something and prints how the process grew by it.
fn measured<T>(name: &str, build: impl FnOnce() -> T) -> T {
    let before = resident();
    let built = build();
    let grown = resident().saturating_sub(before);
    eprintln!("{name}: the process grew by {} MiB, {} bytes a product", grown >> 20, grown / PRODUCTS as usize);
    built
}

fn benches(c: &mut Criterion) {
    let by_id: HashMap<u64, Product> =
        measured("map by id", || (1..=PRODUCTS).map(|id| (id.into(), product(id))).collect());
    let by_sku: HashMap<String, u64> =
        measured("map by SKU", || by_id.iter().map(|(id, product)| (product.sku.to_lowercase(), *id)).collect());
    // Last, with what was needed to build it: an allocator gives little of that back.
    let index = measured("index, with what building it needs", index);
    eprintln!("index: {} bytes, {} a product", index.bytes(), index.bytes() / PRODUCTS as usize);
    assert!(index.bytes() < 64 << 20, "more than was promised");
    // Strides over the whole of it, so that little of what is looked up is in the processor's caches.
    let skus: Vec<String> = (1..=PRODUCTS).map(|id| format!("sku-{:012}", id * 7 % PRODUCTS)).collect();
    let mut turn = 0_usize;
    let mut next = move || {
        turn = (turn + 48_271) % PRODUCTS as usize;
        turn
    };
    c.bench_function("index by id", |b| b.iter(|| index.get(ProductId(black_box(next() as u64)))));
    c.bench_function("map by id", |b| b.iter(|| by_id.get(&black_box(next() as u64))));
    c.bench_function("index by SKU", |b| b.iter(|| index.by_sku(black_box(&skus[next()]))));
    c.bench_function("map by SKU", |b| b.iter(|| by_sku.get(black_box(&skus[next()]).as_str())));
    let unknown = || index.by_sku(black_box("no such SKU 0001"));
    c.bench_function("index by SKU, unknown", |b| b.iter(unknown));
    let attribute = |id: usize| index.get(ProductId(id as u64)).and_then(|entry| entry.attribute(black_box("color")));
    c.bench_function("index by id, one attribute", |b| b.iter(|| attribute(next())));
    c.bench_function("index by id, a category", |b| {
        b.iter(|| index.get(ProductId(next() as u64)).is_some_and(|entry| entry.is_in(black_box(77))));
    });
}

criterion_group!(group, benches);
criterion_main!(group);
