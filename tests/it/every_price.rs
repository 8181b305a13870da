//! Every page of a real shop under every kind of offer: each product changes in every place, or in none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use segue::decision::decide::Rules;
use segue::decision::select::{Scope, select};
use segue::rewrite::plan::Plan;
use segue::rewrite::render::{Dressing, render};
use segue::rule::Ruleset;
use segue::site::{Sites, StoreView};
use serde_json::json;

use crate::checker::{Checker, Findings, Offer, unlike_their_amounts};
use crate::running::KEY;

/// The store views of the shop whose pages are shared: code, currency, locale, and whether prices include tax.
const VIEWS: [(&str, &str, &str, bool); 6] = [
    ("default", "USD", "en_US", false),
    ("de", "EUR", "de_DE", true),
    ("de_ch", "CHF", "de_CH", false),
    ("en_eur", "EUR", "en_US", true),
    ("fr", "EUR", "fr_FR", true),
    ("ja", "JPY", "ja_JP", false),
];

/// Each offer by its action and amount.
const OFFERS: [(&str, &str); 5] =
    [("by_percent", "20"), ("by_percent", "33.33"), ("by_percent", "100"), ("by_fixed", "5.00"), ("to_fixed", "9.99")];

/// Products of a page that are left alone for a reason, under offers with these actions.
struct LeftAlone {
    page: &'static str,
    reason: &'static str,
    products: &'static [u64],
    actions: &'static [&'static str],
}

/// Every product that is left alone though an offer lowers it. One that is changed all the same fails the test: it does not belong here
/// any more. For some actions only: `LeftAlone { actions: &["by_fixed"], ..left(..) }`.
const LEFT_ALONE: &[LeftAlone] = &[
    left("category-grid-jackets", VARIANTS, &[1226, 1242, 1258, 1274, 1290, 1306, 1322, 1338, 1354, 1370, 1386, 1402]),
    left("category-list-bags", LOWEST, &[2, 3, 6]),
    left("category-list-bags", OPTIONS, &[2054]),
    left("de--category-grid-bags", TAX, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    left("de--pdp-configurable-special", TAX, &[1114, 1184, 1226, 1825, 1839]),
    left("de_ch--pdp-simple-tier", TIERS, &[2]),
    left("en_eur--pdp-simple-special", TAX, &[1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14]),
    left("fr--pdp-simple-special", TAX, &[1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14]),
    left("home", LOWEST, &[6]),
    left("home", VARIANTS, &[164, 700, 1562, 1818]),
    left("ja--category-grid-bags", LOWEST, &[2, 3, 6]),
    left("pdp-bundle", BUNDLE, &[52]),
    left("pdp-configurable", VARIANTS, &[68, 516, 548, 808, 873]),
    left("pdp-configurable-special", VARIANTS, &[1114, 1184, 1226, 1825, 1839]),
    left("pdp-grouped", GROUPED, &[33, 34, 35, 45]),
    left("pdp-simple-custom-options", OPTIONS, &[2054]),
    left("pdp-simple-tier", TIERS, &[2]),
    left("search-jacket", VARIANTS, &[292, 340, 420, 1226, 1242, 1258, 1274, 1290, 1322, 1338, 1370, 1386]),
];

const VARIANTS: &str = "products with variants are not changed yet";
const LOWEST: &str = "a lowest price by quantity beside the price is not changed yet";
const TIERS: &str = "prices by quantity are not changed yet";
const OPTIONS: &str = "products with options of their own are not changed yet";
const BUNDLE: &str = "bundles are not changed yet";
const GROUPED: &str = "sets of products and their parts are not changed yet";
const TAX: &str = "what is charged where prices include tax is not told yet";

const fn left(page: &'static str, reason: &'static str, products: &'static [u64]) -> LeftAlone {
    LeftAlone { page, reason, products, actions: &["by_percent", "by_fixed", "to_fixed"] }
}

/// Copies that are not changed yet, by a word of their place, with the reason. One that is changed everywhere does not belong here any
/// more.
const NOT_YET: &[(&str, &str)] =
    &[(" price_info/", "what scripts keep for lists of products seen before still has the price before")];

/// The pages of the shared directory with their names; none, with a word on it, where it is absent.
fn pages() -> Vec<(String, String)> {
    let shared = std::env::var_os("SEGUE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(shared.join("pages")) else {
        eprintln!("skipped: no pages below {}", shared.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry of the directory").path());
    let html = paths.filter(|path| path.extension().is_some_and(|extension| extension == "html"));
    let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut pages: Vec<_> =
        html.map(|path| (name(&path), std::fs::read_to_string(&path).expect("a readable page"))).collect();
    pages.sort();
    pages
}

/// The shop's store views, as its configuration tells them. Each view's currency is its website's, so that amounts of rules are in it.
fn sites() -> Sites {
    let websites = ["USD", "EUR", "CHF", "JPY"]
        .map(|currency| format!("[stores.websites.{}]\nbase_currency = \"{currency}\"\n", currency.to_lowercase()));
    let views = VIEWS.map(|(code, currency, locale, taxed)| {
        let prices = if taxed { "including_tax" } else { "excluding_tax" };
        let website = currency.to_lowercase();
        format!(
            "[stores.views.{code}]\nwebsite = \"{website}\"\ncurrency = \"{currency}\"\nlocale = \"{locale}\"\n\
             time_zone = \"UTC\"\nprices = \"{prices}\"\n"
        )
    });
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:1\"\noperations = \"127.0.0.1:2\"\n[origin]\nurl = \"http://127.0.0.1:3\"\n\
         {}{}[membership]\nsite = \"shop.test\"\nkeys = [\"{KEY}\"]\n[rules]\nfile = \"rules.json\"\n",
        websites.concat(),
        views.concat()
    );
    let config = segue::config::parse("segue.toml", &text, &PathBuf::new(), []);
    config.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).sites
}

/// One offer for everybody and everything.
fn rules(sites: &Sites, action: &str, amount: &str) -> Rules {
    let offer = json!({
        "id": "offer", "name": "Offer", "action": action, "amount": amount, "products": "all",
        "charge": {"type": "origin", "rule_id": 1}, "labels": {"default": "For you"},
    });
    let file = json!({"version": 1, "offers": [offer]});
    let parsed = Ruleset::parse("rules.json", file.to_string().as_bytes(), sites);
    Rules::compile(parsed.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).0, sites)
}

/// A page as a shopper gets it.
fn shown(plan: &Plan, page: &str, view: &StoreView, rules: &Rules) -> String {
    let now = "2026-11-22T12:00:00Z".parse::<Timestamp>().expect("a moment");
    let decision = rules.decide(&rules.key(view, &BTreeSet::new(), now));
    let selection = select(&decision, &Scope { view, path: "/", bucket: 0 }, plan.facts());
    let dressing = Dressing { stylesheet: Some("/.segue/style.css"), ..Dressing::default() };
    String::from_utf8(render(plan, page.as_bytes(), &selection, &dressing).bytes).expect("UTF-8")
}

fn offer(action: &str, amount: &str) -> Offer {
    let amount = amount.parse().expect("a decimal");
    match action {
        "by_percent" => Offer::Percent(amount),
        "by_fixed" => Offer::Off(amount),
        _ => Offer::To(amount),
    }
}

/// The store view of a page, and whether its prices include tax.
fn view_of<'a>(sites: &'a Sites, page: &str) -> (&'a Arc<StoreView>, bool) {
    let code = page.split_once("--").map_or("default", |(code, _)| code);
    let taxed = VIEWS.iter().any(|(view, .., taxed)| *view == code && *taxed);
    (sites.view(code).expect("a view of this file"), taxed)
}

#[test]
fn no_copy_of_a_price_contradicts_another_and_nothing_else_changes() {
    let sites = sites();
    let offers = OFFERS.map(|(action, amount)| (action, amount, rules(&sites, action, amount)));
    let pages = pages();
    let (mut wrong, mut still) = (Vec::new(), BTreeSet::<&(&str, &str)>::new());
    for (page, before) in &pages {
        let (view, taxed) = view_of(&sites, page);
        let plan = Plan::compile(before.as_bytes()).expect("a page that compiles");
        let checker = Checker::new(before, taxed);
        for (action, amount, rules) in &offers {
            let found = checker.check(&shown(&plan, before, view, rules), offer(action, amount));
            println!(
                "{page:28} {action:>10} {amount:>6}: {:2} changed, left alone {:?}, rightly {:?}",
                found.changed.len(),
                found.left_alone,
                found.rightly.keys().collect::<Vec<_>>()
            );
            still.extend(NOT_YET.iter().filter(|(place, _)| found.contradictions.iter().any(|it| it.contains(place))));
            wrong
                .extend(mistakes(page, action, found).into_iter().map(|it| format!("{page}, {action} {amount}: {it}")));
        }
    }
    let gone = NOT_YET.iter().filter(|known| !pages.is_empty() && !still.contains(known));
    wrong.extend(gone.map(|(place, _)| format!("{place:?} is listed, but changed everywhere")));
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

/// What was found on a page and is not known.
fn mistakes(page: &str, action: &str, found: Findings) -> Vec<String> {
    let listed = LEFT_ALONE.iter().filter(|left| left.page == page && left.actions.contains(&action));
    let listed: BTreeMap<u64, &str> =
        listed.flat_map(|left| left.products.iter().map(|product| (*product, left.reason))).collect();
    let is_new = |what: &String| !NOT_YET.iter().any(|(place, _)| what.contains(place));
    let mut mistakes: Vec<_> = found.contradictions.into_iter().filter(is_new).collect();
    let left = found.left_alone.iter().filter(|product| !listed.contains_key(product));
    mistakes.extend(left.map(|product| format!("product {product} is left alone")));
    let changed = listed.iter().filter(|(product, _)| found.changed.contains(product));
    mistakes
        .extend(changed.map(|(product, reason)| format!("product {product} is listed ({reason}), but it is changed")));
    mistakes
}

#[test]
fn every_price_is_how_its_amount_looks() {
    let mut count = 0;
    for (page, before) in pages() {
        let (unlike, pairs) = unlike_their_amounts(&before);
        assert_eq!(unlike, Vec::<String>::new(), "{page}");
        count += pairs;
    }
    println!("{count} pairs of amount and text");
}
