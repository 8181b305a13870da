//! Real Luma pages, where they are at hand: unchanged without a decision, and right in every place with one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};
use segue::decision::select::{Label, PlacedBlock, PriceChange, Selection};
use segue::page::ProductFacts;
use segue::rewrite::plan::Plan;
use segue::rewrite::render::{Change, Dressing, Slot, render};
use segue::rule::Placement;

use crate::check::Page;
use crate::support::{changed, leading};

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

fn lower(product: &ProductFacts) -> Decimal {
    (leading(product) * Decimal::new(8, 1)).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// 20 % off everything that can be changed.
fn twenty_percent_off(plan: &Plan) -> Selection {
    let lower = |amount: Decimal| {
        (amount * Decimal::new(8, 1)).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    };
    let prices = plan.facts().products.iter().map(|product| changed(product, lower));
    Selection { prices: prices.collect(), blocks: Vec::new() }
}

#[test]
fn pages_without_a_decision_stay_as_they_are() {
    for (name, page) in pages() {
        let rendered = render(&plan(&name, &page), &page, &Selection::default(), &Dressing::default());
        assert!(rendered.bytes == page, "{name}");
        assert_eq!(rendered.changes, [], "{name}");
    }
}

#[test]
fn every_place_of_a_changed_product_shows_the_new_price() {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, page) in pages() {
        let plan = plan(&name, &page);
        let rendered = render(&plan, &page, &twenty_percent_off(&plan), &Dressing::default());
        let (before, after) = (Page::parse(&page), Page::parse(&rendered.bytes));
        let (old, new) = (before.places(), after.places());
        let changed: BTreeMap<u64, Decimal> =
            plan.facts().products.iter().map(|product| (product.id.0, lower(product))).collect();
        eprintln!(
            "{name}: {} kind, {:?}, {} changed {:?}",
            plan.facts().kind.as_str(),
            plan.store(),
            changed.len(),
            changed
        );
        for left in plan.left_alone() {
            eprintln!("    {} left: {}", left.product, left.reason);
            *reasons.entry(left.reason.as_str()).or_default() += 1;
        }
        *reasons.entry("changed").or_default() += changed.len();
        assert!(
            old.keys().all(|id| changed.contains_key(id) || plan.left_alone().iter().any(|left| left.product.0 == *id)),
            "{name}: every product is told of"
        );
        for (id, places) in &old {
            match changed.get(id) {
                None => assert_eq!(Some(places), new.get(id), "{name}: product {id} is left alone"),
                Some(price) => is_changed(&name, *id, *price, places, &new[id]),
            }
        }
        if before.page_amounts() != after.page_amounts() {
            assert!(
                after
                    .page_amounts()
                    .iter()
                    .all(|amount| changed.values().any(|price| price.normalize().to_string() == *amount)),
                "{name}"
            );
        }
        assert_eq!(before.outline(), after.outline(), "{name}: the tree is the same apart from the slots");
        assert_eq!(without_slots(&rendered.bytes, &rendered.changes, &page), (), "{name}");
    }
    eprintln!("products in all: {reasons:?}");
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

/// Each final price is the new one, each old price is the one before, however the page had it.
fn is_changed(name: &str, id: u64, price: Decimal, old: &crate::check::Places, new: &crate::check::Places) {
    let of = |places: &[(String, String)], kind: &str| -> Vec<String> {
        places.iter().filter(|(own, _)| own == kind).map(|(_, text)| text.clone()).collect()
    };
    let amount = price.normalize().to_string();
    let finals = of(&new.amounts, "finalPrice");
    assert!(!finals.is_empty() && finals.iter().all(|own| *own == amount), "{name}: product {id} has {finals:?}");
    assert_eq!(finals.len(), of(&old.amounts, "finalPrice").len(), "{name}: product {id}");
    for (before, after) in of(&old.texts, "finalPrice").iter().zip(of(&new.texts, "finalPrice")) {
        assert_eq!(number(&after), Some(price), "{name}: product {id}: {after}");
        assert_eq!(around(before), around(&after), "{name}: product {id}");
    }
    let had_old = !of(&old.amounts, "oldPrice").is_empty();
    let same = of(&old.texts, "finalPrice") == of(&new.texts, "finalPrice");
    let regular = if had_old || same { of(&old.texts, "oldPrice") } else { of(&old.texts, "finalPrice") };
    assert_eq!(of(&new.texts, "oldPrice"), regular, "{name}: product {id}");
    assert!(new.metas.iter().all(|meta| *meta == amount), "{name}: product {id}");
    assert_eq!(old.metas.len(), new.metas.len(), "{name}: product {id}");
    for ((kind, before), (of, after)) in old.printed.iter().zip(&new.printed) {
        let wanted = if kind == "finalPrice" || kind == "basePrice" { &amount } else { before };
        assert_eq!((kind, wanted), (of, after), "{name}: product {id}'s script");
    }
    assert_eq!(old.printed.len(), new.printed.len(), "{name}: product {id}");
}

/// The value of a price with two decimals.
fn number(text: &str) -> Option<Decimal> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    Decimal::try_from_i128_with_scale(digits.parse().ok()?, 2).ok()
}

/// What stands around the number.
fn around(text: &str) -> (String, String) {
    let is_digit = |ch: char| ch.is_ascii_digit();
    let first = text.find(is_digit).expect("a digit");
    let last = text.rfind(is_digit).expect("a digit");
    (text[..first].to_owned(), text[last + 1..].to_owned())
}

/// The two pages differ by no more than the slots add and take.
fn without_slots(rendered: &[u8], changes: &[Change], page: &[u8]) {
    let grown: usize =
        changes.iter().filter(|change| matches!(change, Change::Slot { slot: Slot::Regular, .. })).count();
    let (mut added, mut taken) = (0, 0);
    for change in changes {
        if let Change::Slot { slot: Slot::Visible | Slot::Amount | Slot::Meta | Slot::Script, old, new, .. } = change {
            added += new.len();
            taken += old.len();
        }
    }
    if grown == 0 {
        assert_eq!(rendered.len() + taken, page.len() + added);
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
        let selection = Selection { prices: prices.collect(), blocks: blocks.collect() };
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
            labelled(&plan, &page),
            "{name}"
        );
        let (before, after) = (Page::parse(&page), Page::parse(&rendered.bytes));
        let style = after.outline().into_iter().filter(|line| !line.contains("/.segue/style.css")).collect::<Vec<_>>();
        assert_eq!(before.outline(), style, "{name}: the tree is the same apart from blocks and labels");
    }
}

/// How many boxes the products that can be changed have.
fn labelled(plan: &Plan, page: &[u8]) -> usize {
    let places = Page::parse(page).places();
    let finals = |id: u64| places[&id].amounts.iter().filter(|(kind, _)| kind == "finalPrice").count();
    plan.facts().products.iter().map(|product| finals(product.id.0)).sum()
}
