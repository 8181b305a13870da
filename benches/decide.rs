//! Deciding with 10,000 blocks and 1,000 offers (cold under 200 microseconds, cached under 1), and selecting on a page of 36 products.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use segue::decision::decide::{Rules, Who};
use segue::decision::lookup::Lookup;
use segue::decision::select::{Scope, select};
use segue::page::{PageFacts, PageKind, ProductFacts, ProductId, Whose};
use segue::rule::{AudienceId, Ruleset};
use segue::site::{Display, Sites, StoreView, Tax, TaxBasis, TaxComputed, TaxShown};
use serde_json::{Value, json};

/// As the server does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AUDIENCES: usize = 200;

fn sites() -> Sites {
    let view = Arc::new(StoreView {
        code: "de".into(),
        website: "base".into(),
        base_currency: "EUR".to_owned(),
        currency: "EUR".to_owned(),
        tax: Tax::default(),
        display: Display::default(),
        locale: "de_DE".to_owned(),
        time_zone: TimeZone::get("Europe/Berlin").expect("a known time zone"),
        hosts: Vec::new(),
        path_prefix: None,
    });
    Sites::new(vec![Arc::clone(&view)], view)
}

/// A rule for two audiences, on a stretch of days of its own for every third; with `everyone`, for all at all times.
fn rule(number: usize, everyone: bool) -> Value {
    let mut rule = json!({"id": format!("{number}"), "name": "rule", "priority": number % 7});
    if !everyone {
        let audience = |step: usize| format!("audience-{}", number * step % AUDIENCES);
        rule["audiences"] = json!({"any": [audience(1), audience(3)], "none": [audience(7)]});
        if number.is_multiple_of(3) {
            rule["from"] = json!(format!("2026-{:02}-{:02}", 1 + number % 11, 1 + number % 28));
        }
    }
    rule
}

fn rules(everyone: bool) -> Rules {
    let audiences: Vec<Value> =
        (0..AUDIENCES).map(|number| json!({"id": format!("audience-{number}"), "name": "audience"})).collect();
    let offers = (0..1_000).map(|number| {
        let mut offer = rule(number, everyone);
        offer["action"] = json!("by_percent");
        offer["amount"] = json!(1);
        offer["products"] = json!({"ids": (1..20).map(|id| id * (number + 1)).collect::<Vec<_>>()});
        offer["charge"] = json!({"type": "origin", "rule_id": number + 1});
        offer
    });
    let blocks = (0..10_000).map(|number| {
        let mut block = rule(number, everyone);
        block["placement"] = json!(format!("replace:#place-{}", number % 50));
        block["rotation"] = json!("first");
        block["page_kinds"] = json!([if number % 2 == 0 { "category" } else { "home" }]);
        block["html"] = json!(format!("<div class=\"hero\"><h2>Block {number}</h2></div>"));
        block
    });
    let file = json!({
        "version": 1, "audiences": audiences,
        "offers": offers.collect::<Vec<_>>(), "blocks": blocks.collect::<Vec<_>>(),
    });
    let (ruleset, _) = Ruleset::parse("rules.json", file.to_string().as_bytes(), &sites()).expect("no mistake");
    Rules::compile(ruleset, &sites())
}

fn page() -> PageFacts {
    let product = |id| ProductFacts::simple(ProductId(id), None, 49.into());
    PageFacts {
        kind: PageKind::Category,
        currencies: vec!["EUR".to_owned()],
        products: (1..=36).map(product).collect(),
    }
}

/// A page of configurable products whose prices have 19 percent in them, and a store view that has to find that out.
fn page_with_tax(view: &StoreView) -> (PageFacts, StoreView) {
    let mut page = page();
    for (number, product) in (0_i64..).zip(&mut page.products) {
        let unit = &mut product.units[0];
        unit.whose = Whose::SomeVariant;
        unit.amounts.final_price = Some(Decimal::new((2_215 + number * 37) * 119 * 100 + 1, 6));
    }
    let tax = Tax {
        shown: TaxShown::Including,
        catalog_prices: Some(TaxBasis::Excluding),
        discount_on: Some(TaxBasis::Excluding),
        computed: Some(TaxComputed::AfterDiscount),
        rates: Vec::new(),
    };
    (page, StoreView { tax, ..view.clone() })
}

fn benches(c: &mut Criterion) {
    let sites = sites();
    let view = &sites.views()[0];
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a moment");
    let audiences: BTreeSet<AudienceId> = (0..10).map(|number| format!("audience-{}", number * 19).into()).collect();
    for (name, everyone) in [("for two audiences each", false), ("all for everyone", true)] {
        let rules = rules(everyone);
        let decision = rules.decide(&rules.key(view, &audiences, now));
        eprintln!("{name}: {} offers and {} blocks are candidates", decision.offers().len(), decision.blocks().len());
        let cold = || rules.decide(&rules.key(view, black_box(&audiences), now));
        c.bench_function(&format!("decide cold, rules {name}"), |b| b.iter(cold));
        let (scope, page) = (Scope { view, path: "/gear/bags.html", bucket: 7 }, page());
        c.bench_function(&format!("select, rules {name}"), |b| b.iter(|| select(black_box(&decision), &scope, &page)));
        let (taxed, taxing) = page_with_tax(view);
        let taxing = Scope { view: &taxing, ..scope };
        let select_taxed = || select(black_box(&decision), &taxing, &taxed);
        c.bench_function(&format!("select with tax, rules {name}"), |b| b.iter(select_taxed));
        let selection = select(&decision, &scope, &page);
        c.bench_function(&format!("selection id, rules {name}"), |b| b.iter(|| black_box(&selection).id()));
        let could = || rules.could_change_page(view, now, "/gear/bags.html", black_box(&page));
        c.bench_function(&format!("could change page, rules {name}"), |b| b.iter(could));
        let lookup = Lookup::new(rules);
        let rules = lookup.current();
        let cached = || lookup.decide(&rules, view, &Who::guest(black_box(&audiences)), now);
        c.bench_function(&format!("decide cached, rules {name}"), |b| b.iter(cached));
    }
}

criterion_group!(group, benches);
criterion_main!(group);
