//! Every page of a real shop under every kind of offer: each product changes in every place, or in none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use segue::decision::decide::Rules;
use segue::decision::select::{Scope, select};
use segue::rewrite::plan::Plan;
use segue::rewrite::render::{Dressing, render};
use segue::rule::Ruleset;
use segue::site::{Sites, StoreView};
use serde_json::json;

use crate::checker::{Checker, Findings, Offer, unlike_their_amounts};
use crate::running::KEY;

/// A store view of the shop whose pages are shared.
struct View {
    code: &'static str,
    currency: &'static str,
    locale: &'static str,
    /// How prices are shown, in the words of the configuration, and the rates of tax that they may include, in percent.
    prices: &'static str,
    rates: &'static [Decimal],
}

const VIEWS: [View; 6] = [
    View { code: "default", currency: "USD", locale: "en_US", prices: "excluding_tax", rates: &[] },
    View { code: "de", currency: "EUR", locale: "de_DE", prices: "including_tax", rates: &[Decimal::ZERO, NINETEEN] },
    View { code: "de_ch", currency: "CHF", locale: "de_CH", prices: "excluding_tax", rates: &[] },
    View { code: "en_eur", currency: "EUR", locale: "en_US", prices: "both", rates: &[Decimal::ZERO, NINETEEN] },
    View { code: "fr", currency: "EUR", locale: "fr_FR", prices: "including_tax", rates: &[Decimal::ZERO, TWENTY] },
    View { code: "ja", currency: "JPY", locale: "ja_JP", prices: "excluding_tax", rates: &[] },
];

const NINETEEN: Decimal = Decimal::from_parts(19, 0, 0, false, 0);
const TWENTY: Decimal = Decimal::from_parts(20, 0, 0, false, 0);

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
/// any more.
const LEFT_ALONE: &[LeftAlone] = &[untaxed("de--category-grid-bags"), untaxed("fr--pdp-simple-special")];

/// Product 1 has no tax among products that have, which nothing on the page says. A percentage comes to the same either way.
const fn untaxed(page: &'static str) -> LeftAlone {
    LeftAlone { page, reason: "it may be free of tax", products: &[1], actions: &["by_fixed", "to_fixed"] }
}

/// The pages of the shared directory with their names; none, with a word on it, where it is absent.
pub fn pages() -> Vec<(String, String)> {
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
pub fn sites() -> Sites {
    let websites = ["USD", "EUR", "CHF", "JPY"]
        .map(|currency| format!("[stores.websites.{}]\nbase_currency = \"{currency}\"\n", currency.to_lowercase()));
    let views = VIEWS.map(|View { code, currency, locale, prices, .. }| {
        let website = currency.to_lowercase();
        format!(
            "[stores.views.{code}]\nwebsite = \"{website}\"\ncurrency = \"{currency}\"\nlocale = \"{locale}\"\n\
             time_zone = \"UTC\"\nprices = \"{prices}\"\ncatalog_prices = \"excluding_tax\"\ndiscount_on = \"excl_tax\"\n\
             tax_computed = \"after_discount\"\n"
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
pub fn rules(sites: &Sites, action: &str, amount: &str) -> Rules {
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

/// A page of a store view as a shopper gets it whom everything is a fifth cheaper for.
pub fn reduced_by_a_fifth(page: &str, view: &str) -> String {
    let sites = sites();
    let plan = Plan::compile(page.as_bytes()).expect("a page that compiles");
    shown(&plan, page, sites.view(view).expect("a view of this file"), &rules(&sites, "by_percent", "20"))
}

fn offer(action: &str, amount: &str) -> Offer {
    let amount = amount.parse().expect("a decimal");
    match action {
        "by_percent" => Offer::Percent(amount),
        "by_fixed" => Offer::Off(amount),
        _ => Offer::To(amount),
    }
}

/// The store view of a page, and the rates of tax that its prices include.
pub fn view_of<'a>(sites: &'a Sites, page: &str) -> (&'a Arc<StoreView>, &'static [Decimal]) {
    let code = page.split_once("--").map_or("default", |(code, _)| code);
    let rates = VIEWS.iter().find(|view| view.code == code).map(|view| view.rates);
    sites.view(code).zip(rates).expect("a view of this file")
}

#[test]
fn no_copy_of_a_price_contradicts_another_and_nothing_else_changes() {
    let sites = sites();
    let offers = OFFERS.map(|(action, amount)| (action, amount, rules(&sites, action, amount)));
    let pages = pages();
    let mut wrong = Vec::new();
    for (page, before) in &pages {
        let (view, rates) = view_of(&sites, page);
        let plan = Plan::compile(before.as_bytes()).expect("a page that compiles");
        let checker = Checker::new(before, rates);
        for (action, amount, offered) in &offers {
            let found = checker.check(&shown(&plan, before, view, offered), offer(action, amount));
            println!(
                "{page:28} {action:>10} {amount:>6}: {:2} changed, left alone {:?}, rightly {:?}",
                found.changed.len(),
                found.left_alone,
                found.rightly.keys().collect::<Vec<_>>()
            );
            let named = |mistake| format!("{page}, {action} {amount}: {mistake}");
            wrong.extend(mistakes(page, action, found).into_iter().map(named));
        }
    }
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

/// Contradictions, products that are left alone without a reason, and those that have a reason, but are changed.
fn mistakes(page: &str, action: &str, found: Findings) -> Vec<String> {
    let listed = LEFT_ALONE.iter().filter(|left| left.page == page && left.actions.contains(&action));
    let listed: BTreeMap<u64, &str> =
        listed.flat_map(|left| left.products.iter().map(|product| (*product, left.reason))).collect();
    let mut mistakes = found.contradictions;
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
