//! Pages that broke on their way: whatever happens to one, nothing panics, no byte outside the slots changes, and no product is changed
//! in half. `SEGUE_FUZZ_SECONDS=600 cargo test --test it fuzz:: -- --nocapture` looks for new cases, `SEGUE_FUZZ_SEED` for old ones.

mod found;
mod mutation;
mod undo;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use segue::decision::decide::Rules;
use segue::decision::select::{Scope, Selection, select};
use segue::rewrite::plan::{Plan, PlanError};
use segue::rewrite::render::{Dressing, Rendered, render};
use segue::site::Sites;

use crate::checker::{Checker, Offer};
use crate::{every_price, shelf};

use mutation::{Dice, Edit, accident, minified};

/// How many pages a run without orders tries: a few seconds.
const FEW: u64 = 600;
const SEED: u64 = 2026;

/// A page that accidents happen to.
struct Base {
    name: String,
    page: String,
}

/// What all pages are tried with.
struct Shop {
    sites: Sites,
    rules: Rules,
    bases: Vec<Base>,
    /// How many pages were tried, and how many of them were changed.
    tried: AtomicU64,
    changed: AtomicU64,
}

impl Shop {
    fn open() -> Self {
        let sites = every_price::sites();
        let rules = every_price::rules(&sites, "by_percent", "20");
        let own = shelf::all().into_iter().map(|shelf| {
            let name =
                if shelf.view == "default" { shelf.name.to_owned() } else { format!("{}--{}", shelf.view, shelf.name) };
            Base { name, page: shelf.page }
        });
        // Own pages are short, so that accidents there matter; each of them is tried as often as all real pages together.
        let bases = own.chain(every_price::pages().into_iter().map(|(name, page)| Base { name, page })).collect();
        Self { sites, rules, bases, tried: AtomicU64::new(0), changed: AtomicU64::new(0) }
    }

    /// One page with its accidents.
    fn case(&self, seed: u64, nth: u64) -> (&Base, String, Vec<Edit>) {
        let mut dice = Dice::new(seed, nth);
        let own = self.bases.len().min(shelf::COUNT);
        let real = self.bases.len() - own;
        let chosen = dice.below(own + usize::from(real > 0));
        let base = &self.bases[if chosen < own { chosen } else { own + dice.below(real) }];
        let mut page = base.page.clone();
        if dice.below(12) == 0 {
            page = minified(&page, &mut dice);
        }
        let mut edits = Vec::new();
        for _ in 0..=dice.below(4) {
            if let Some(edit) = accident(&page, &mut dice) {
                page.replace_range(edit.at.clone(), &edit.text);
                edits.push(edit);
            }
        }
        (base, page, edits)
    }

    /// What is wrong with what becomes of a page.
    fn mistakes(&self, base: &Base, page: &str) -> Vec<String> {
        match catch_unwind(AssertUnwindSafe(|| self.judge(base, page))) {
            Ok(mistakes) => mistakes,
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                vec![format!("panicked: {}", said.unwrap_or_default())]
            }
        }
    }

    fn judge(&self, base: &Base, page: &str) -> Vec<String> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        let plan = match Plan::compile(page.as_bytes()) {
            Ok(plan) => plan,
            Err(PlanError::TooComplex { .. } | PlanError::Parser(_)) => return Vec::new(),
            Err(error) => return vec![format!("does not compile: {error}")],
        };
        let dressing = Dressing { stylesheet: Some("/.segue/style.css"), ..Dressing::default() };
        if render(&plan, page.as_bytes(), &Selection::default(), &dressing).bytes != page.as_bytes() {
            return vec!["changed for nothing".to_owned()];
        }
        let (view, rates) = every_price::view_of(&self.sites, &base.name);
        let now = "2026-11-22T12:00:00Z".parse::<Timestamp>().expect("a moment");
        let decision = self.rules.decide(&self.rules.key(view, &BTreeSet::new(), now));
        let selection = select(&decision, &Scope { view, path: "/", bucket: 0 }, plan.facts());
        let Rendered { bytes, changes } = render(&plan, page.as_bytes(), &selection, &dressing);
        if bytes == page.as_bytes() {
            return Vec::new();
        }
        self.changed.fetch_add(1, Ordering::Relaxed);
        if let Some(folder) = std::env::var_os("SEGUE_FUZZ_KEEP") {
            std::fs::write(std::path::Path::new(&folder).join("after.html"), &bytes)
                .expect("a folder to keep pages in");
        }
        let Ok(after) = String::from_utf8(bytes) else { return vec!["no text any more".to_owned()] };
        let mut mistakes: Vec<String> =
            undo::differences(page, &after, &changes.told(page.as_bytes())).into_iter().collect();
        mistakes.extend(Checker::new(page, rates).halves(&after, Offer::Percent(20.into())));
        mistakes
    }

    /// Tries one case. A page that fails is told with the accidents that it takes.
    fn attempt(&self, seed: u64, nth: u64) -> Option<String> {
        let (base, page, edits) = self.case(seed, nth);
        let mistakes = self.mistakes(base, &page);
        if mistakes.is_empty() {
            return None;
        }
        if let Some(folder) = std::env::var_os("SEGUE_FUZZ_KEEP") {
            let path = std::path::Path::new(&folder).join(format!("{seed}-{nth}.html"));
            std::fs::write(path, &page).expect("a folder to keep pages in");
        }
        let told: Vec<String> =
            edits.iter().map(|Edit { what, at, text }| format!("{what} at {at:?}: {text:.300?}")).collect();
        Some(format!("seed {seed}, case {nth}, {}:\n  {}\n  {}", base.name, told.join("\n  "), mistakes.join("\n  ")))
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn accidents_change_no_product_in_half_and_no_byte_elsewhere() {
    let shop = Shop::open();
    let seed = number("SEGUE_FUZZ_SEED").unwrap_or(SEED);
    let first = number("SEGUE_FUZZ_CASE").unwrap_or(0);
    let until = number("SEGUE_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    println!("seed {seed}");
    let next = AtomicU64::new(first);
    let search = || {
        let mut found = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let is_over = until.map_or(nth >= first + if first > 0 { 1 } else { FEW }, |until| Instant::now() > until);
            if is_over || found.len() >= 20 {
                return found;
            }
            found.extend(shop.attempt(seed, nth));
        }
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found: Vec<String> = std::thread::scope(|scope| {
        let searches: Vec<_> = (0..2).map(|_| scope.spawn(search)).collect();
        searches.into_iter().flat_map(|search| search.join().expect("panics are caught")).collect()
    });
    std::panic::set_hook(hook);
    let (tried, changed) = (shop.tried.load(Ordering::Relaxed), shop.changed.load(Ordering::Relaxed));
    println!("{tried} pages tried, of which {changed} were changed");
    assert!(found.is_empty(), "{} of {tried}:\n{}", found.len(), found.join("\n"));
}

/// Without accidents every product of the pages by hand is changed: else the accidents would prove nothing.
#[test]
fn what_is_broken_is_whole_at_first() {
    let shop = Shop::open();
    for base in &shop.bases[..shelf::COUNT] {
        let plan = Plan::compile(base.page.as_bytes()).expect("a small page");
        assert_eq!(plan.left_alone(), [], "{}", base.name);
        assert_eq!(shop.mistakes(base, &base.page), Vec::<String>::new(), "{}", base.name);
    }
    assert_eq!(shop.changed.load(Ordering::Relaxed), u64::try_from(shelf::COUNT).expect("few"));
}
