//! Real Luma pages, where they are at hand: unchanged without a decision, and right in every place with one.

use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};
use segue::decision::select::{Label, PlacedBlock, PriceChange, Selection};
use segue::rewrite::plan::Plan;
use segue::rewrite::render::{Change, Dressing, render};
use segue::rule::Placement;

use crate::check::Page;
use crate::support::changed;

/// The pages of the shared directory with their names; none, with a word on it, where it is absent.
fn pages() -> Vec<(String, Vec<u8>)> {
    let shared = std::env::var_os("SEGUE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(shared.join("pages")) else {
        eprintln!("skipped: no pages below {}", shared.display());
        return Vec::new();
    };
    let mut pages: Vec<_> = entries
        .map(|entry| entry.expect("an entry of the directory").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            (
                path.file_stem().expect("a name").to_string_lossy().into_owned(),
                std::fs::read(&path).expect("a readable page"),
            )
        })
        .collect();
    pages.sort();
    pages
}

fn plan(name: &str, page: &[u8]) -> Plan {
    Plan::compile(page).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// 20 % off everything that can be changed.
fn twenty_percent_off(plan: &Plan) -> Selection {
    let lower = |amount: Decimal| {
        (amount * Decimal::new(8, 1)).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    };
    let prices = plan.facts().products.iter().map(|product| changed(product, lower));
    Selection { prices: prices.collect(), ..Selection::default() }
}

#[test]
fn pages_without_a_decision_stay_as_they_are() {
    for (name, page) in pages() {
        let rendered = render(&plan(&name, &page), &page, &Selection::default(), &Dressing::default());
        assert!(rendered.bytes == page, "{name}");
        assert!(rendered.changes.is_empty(), "{name}");
    }
}

#[test]
fn every_product_is_told_of_and_none_is_left_alone() {
    for (name, page) in pages() {
        let plan = plan(&name, &page);
        let rendered = render(&plan, &page, &twenty_percent_off(&plan), &Dressing::default());
        assert_eq!(plan.left_alone(), [], "{name}");
        let known = |id: &u64| plan.facts().products.iter().any(|product| product.id.0 == *id);
        assert!(Page::parse(&page).places().keys().all(known), "{name}: every product is told of");
        let refused = rendered.changes.iter().find(|change| matches!(change, Change::Refused { .. }));
        assert_eq!(refused, None, "{name}");
    }
}

#[test]
fn a_downloadable_product_changes_on_its_page_as_in_its_category() {
    for (name, page) in pages().into_iter().filter(|(name, _)| name == "pdp-downloadable") {
        let plan = plan(&name, &page);
        assert!(plan.facts().products.iter().any(|product| product.id.0 == 46), "{name}: {:?}", plan.left_alone());
        let rendered = render(&plan, &page, &twenty_percent_off(&plan), &Dressing::default());
        let config = |page: &[u8]| {
            let page = std::str::from_utf8(page).expect("UTF-8");
            let (_, after) = page.split_once("product-id-46]\": {").expect("a price script");
            after.split_once("</script>").expect("its end").0.to_owned()
        };
        let wanted = config(&page)
            .replace("\"basePrice\":{\"amount\":6,", "\"basePrice\":{\"amount\":4.8,")
            .replace("\"finalPrice\":{\"amount\":6,", "\"finalPrice\":{\"amount\":4.8,");
        assert_eq!(config(&rendered.bytes), wanted);
        assert_ne!(config(&page), wanted);
    }
}

#[test]
fn blocks_and_labels_stand_at_their_places() {
    let placements =
        [Placement::PageTop, Placement::ContentTop, Placement::ContentBottom, Placement::Sidebar, Placement::Footer];
    for (name, page) in pages() {
        let plan = plan(&name, &page);
        let blocks = placements.iter().enumerate().map(|(nth, placement)| PlacedBlock {
            id: Arc::from(format!("block-{nth}")),
            placement: placement.clone(),
            html: Arc::from(format!("<p>Block {nth}</p>")),
        });
        let prices = plan.facts().products.iter().map(|product| PriceChange {
            product: product.id,
            units: Vec::new(),
            labels: vec![Label { text: Arc::from("Tom & Jerry's"), deducted: false }],
        });
        let selection = Selection { prices: prices.collect(), blocks: blocks.collect(), ..Selection::default() };
        let dressing = Dressing { stylesheet: Some("/.segue/style.css"), ..Dressing::default() };
        let rendered = render(&plan, &page, &selection, &dressing);
        let missing: Vec<_> =
            rendered.changes.iter().filter(|change| matches!(change, Change::Block { missing: Some(_), .. })).collect();
        let columns = String::from_utf8_lossy(&page).contains("page-layout-2columns");
        assert_eq!(missing.len(), usize::from(!columns), "{name}: {missing:?}");
        let text = String::from_utf8(rendered.bytes.clone()).expect("UTF-8");
        assert_eq!(text.matches("segue-block").count(), 5 - missing.len(), "{name}");
        assert_eq!(text.matches("<link rel=\"stylesheet\" href=\"/.segue/style.css\">").count(), 1, "{name}");
        assert_eq!(
            text.matches("<span class=\"segue-offer\">Tom &amp; Jerry&#39;s</span></div>").count(),
            labelled(&page),
            "{name}"
        );
        let (before, after) = (Page::parse(&page), Page::parse(&rendered.bytes));
        let style = after.outline().into_iter().filter(|line| !line.contains("/.segue/style.css")).collect::<Vec<_>>();
        assert_eq!(before.outline(), style, "{name}: the tree is the same apart from blocks and labels");
    }
}

/// How many boxes the products that can be changed have: in these pages, every price box.
fn labelled(page: &[u8]) -> usize {
    String::from_utf8_lossy(page).matches("data-role=\"priceBox\" data-product-id").count()
}
