//! What `segue explain` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::Explained;
use super::products::{ProductReport, products};
use crate::audience::KnownAudiences;
use crate::cli::page::Wish;
use crate::decision::decide::Rules;
use crate::decision::link::{Standing, Standings};
use crate::decision::verdict::{Outcome, RuleId, Verdict};
use crate::mode::Mode;
use crate::rewrite::plan::Elsewhere;
use crate::rewrite::render::Change;
use crate::rule::AudienceId;
use crate::site::StoreView;

/// What a report is made of.
pub(super) struct Subject<'a> {
    pub(super) mode: Mode,
    pub(super) rules: &'a Rules,
    pub(super) known: &'a KnownAudiences,
    pub(super) view: &'a StoreView,
    pub(super) wish: &'a Wish,
    pub(super) audiences: &'a BTreeSet<AudienceId>,
    pub(super) unknown: &'a [String],
    pub(super) explained: &'a Explained,
    /// Which offers are shown as prices, where Commerce is asked.
    pub(super) standings: &'a Standings,
}

/// A page, the rules, and what comes of them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    page: PageReport,
    audiences: AudienceReport,
    offers: Vec<RuleReport>,
    blocks: Vec<RuleReport>,
    products: Vec<ProductReport>,
    /// What fetches prices from elsewhere.
    fetched_prices: Vec<&'static str>,
    notices: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PageReport {
    url: String,
    status: u16,
    store: String,
    mode: &'static str,
    kind: Option<&'static str>,
    currencies: Vec<String>,
    /// Why the page passes as it is.
    skipped: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct AudienceReport {
    known: Vec<NamedAudience>,
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NamedAudience {
    id: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct RuleReport {
    id: String,
    name: String,
    outcome: &'static str,
    reason: String,
    /// Where a block goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<String>,
    /// What became of an offer for each product.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    products: Vec<ProductVerdict>,
}

#[derive(Debug, Serialize)]
struct ProductVerdict {
    product: u64,
    outcome: &'static str,
    reason: String,
}

impl Report {
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let explained = subject.explained;
        let done = explained.outcome.as_ref().ok();
        Self {
            page: page(subject),
            audiences: audiences(subject),
            offers: rules(subject, |rule| matches!(rule, RuleId::Offer(_))),
            blocks: rules(subject, |rule| matches!(rule, RuleId::Block(_))),
            products: done.map(|done| products(done, &explained.on_page)).unwrap_or_default(),
            fetched_prices: elsewhere(explained).iter().map(|what| what.as_str()).collect(),
            notices: notices(subject),
        }
    }
}

fn page(subject: &Subject<'_>) -> PageReport {
    let explained = subject.explained;
    PageReport {
        url: subject.wish.to_string(),
        status: explained.status,
        store: subject.view.code.to_string(),
        mode: subject.mode.as_str(),
        kind: explained.kind,
        currencies: explained.currencies.clone(),
        skipped: explained.outcome.as_ref().err().map(|skip| skip.as_str()),
    }
}

fn audiences(subject: &Subject<'_>) -> AudienceReport {
    let named = |id: &AudienceId| NamedAudience { id: id.to_string(), name: subject.known.label(id).to_owned() };
    AudienceReport { known: subject.audiences.iter().map(named).collect(), unknown: subject.unknown.to_vec() }
}

/// One entry for each rule: what was decided before the page, unless the page had the last word.
fn rules(subject: &Subject<'_>, wanted: impl Fn(&RuleId) -> bool) -> Vec<RuleReport> {
    let explained = subject.explained;
    let candidates = explained.candidates.iter().filter(|verdict| wanted(&verdict.rule));
    candidates.map(|candidate| rule(subject, candidate)).collect()
}

fn rule(subject: &Subject<'_>, candidate: &Verdict) -> RuleReport {
    let on_page = || subject.explained.on_page.iter().filter(|verdict| verdict.rule == candidate.rule);
    let products = on_page().filter_map(product_verdict).collect::<Vec<_>>();
    let outcomes = on_page().map(|verdict| &verdict.outcome);
    // The best of what happened on the page speaks for the rule as a whole.
    let best = outcomes.min_by_key(|outcome| match outcome {
        Outcome::Applied => 0,
        Outcome::LabelOnly => 1,
        Outcome::Candidate => 2,
        Outcome::NotApplied(_) => 3,
    });
    let outcome = best.unwrap_or(&candidate.outcome);
    let missing = missing(subject.explained, &candidate.rule);
    let ruleset = subject.rules.ruleset();
    let (id, name, placement) = match &candidate.rule {
        RuleId::Offer(id) => (id, ruleset.offers.iter().find(|offer| offer.id == *id).map(|offer| &offer.name), None),
        RuleId::Block(id) => {
            let block = ruleset.blocks.iter().find(|block| block.id == *id);
            (id, block.map(|block| &block.name), block.map(|block| block.placement.to_string()))
        }
    };
    RuleReport {
        id: id.to_string(),
        name: name.cloned().unwrap_or_default(),
        outcome: missing.unwrap_or(outcome.as_str()),
        reason: missing.map_or_else(|| outcome.to_string(), |why| format!("not placed: {why}")),
        placement,
        products,
    }
}

/// Why a block that applies has no place on the page.
fn missing(explained: &Explained, rule: &RuleId) -> Option<&'static str> {
    let RuleId::Block(block) = rule else { return None };
    explained.outcome.as_ref().ok()?.changes.iter().find_map(|change| match change {
        Change::Block { id, missing, .. } if id == block => missing.map(|why| why.as_str()),
        _ => None,
    })
}

fn product_verdict(verdict: &Verdict) -> Option<ProductVerdict> {
    let (outcome, reason) = (verdict.outcome.as_str(), verdict.outcome.to_string());
    verdict.product.map(|product| ProductVerdict { product: product.0, outcome, reason })
}

/// What on the page fetches prices by itself.
fn elsewhere(explained: &Explained) -> &[Elsewhere] {
    explained.outcome.as_ref().map_or(&[], |done| done.plan.elsewhere())
}

fn notices(subject: &Subject<'_>) -> Vec<String> {
    let explained = subject.explained;
    let mut notices = Vec::new();
    if let Some(location) = &explained.location {
        notices.push(format!("the shop redirects to {location}: ask for that address"));
    }
    if let Err(skip) = &explained.outcome {
        notices.push(format!("the page passes as it is: {skip}"));
    }
    for what in elsewhere(explained) {
        notices.push(format!(
            "the page loads {}, which fetches prices from elsewhere: Segue cannot change those, and shoppers may see the shop's own \
             prices there",
            what.name()
        ));
    }
    for (offer, standing) in subject.standings {
        if *standing != Standing::Price {
            notices.push(format!("offer {offer} is {standing}"));
        }
    }
    if !subject.unknown.is_empty() {
        notices.push("audiences that the rules do not list have no members".to_owned());
    }
    notices
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = &self.page;
        writeln!(f, "{}", page.url)?;
        writeln!(f, "  status {}, store view {}, mode {}", page.status, page.store, page.mode)?;
        if let Some(kind) = page.kind {
            let currencies =
                if page.currencies.is_empty() { "not stated".to_owned() } else { page.currencies.join(", ") };
            writeln!(f, "  page kind {kind}, currency {currencies}")?;
        }
        for notice in &self.notices {
            writeln!(f, "  {notice}")?;
        }
        writeln!(f, "\nAudiences")?;
        for audience in &self.audiences.known {
            writeln!(f, "  {} ({})", audience.name, audience.id)?;
        }
        for unknown in &self.audiences.unknown {
            writeln!(f, "  {unknown}: unknown to the rules")?;
        }
        if self.audiences.known.is_empty() && self.audiences.unknown.is_empty() {
            writeln!(f, "  none")?;
        }
        write_rules(f, "Offers", &self.offers)?;
        write_rules(f, "Blocks", &self.blocks)?;
        self.write_products(f)
    }
}

fn write_rules(f: &mut fmt::Formatter<'_>, title: &str, rules: &[RuleReport]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    for rule in rules {
        let place = rule.placement.as_ref().map(|placement| format!(" at {placement}")).unwrap_or_default();
        writeln!(f, "  {} ({}){place}: {}", rule.id, rule.name, rule.reason)?;
        write_verdicts(f, rule)?;
    }
    if rules.is_empty() { writeln!(f, "  none") } else { Ok(()) }
}

/// Products of which the same is to be said share a line; what holds for all of them is said of the offer already.
fn write_verdicts(f: &mut fmt::Formatter<'_>, rule: &RuleReport) -> fmt::Result {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    if rule.products.iter().all(|verdict| verdict.reason == rule.reason) {
        return Ok(());
    }
    for verdict in &rule.products {
        by_reason.entry(&verdict.reason).or_default().push(verdict.product.to_string());
    }
    for (reason, products) in by_reason {
        let word = if products.len() == 1 { "product" } else { "products" };
        writeln!(f, "    {word} {}: {reason}", products.join(", "))?;
    }
    Ok(())
}

impl Report {
    fn write_products(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nProducts")?;
        self.products.iter().try_for_each(|product| write!(f, "{product}"))?;
        if self.products.is_empty() { writeln!(f, "  none") } else { Ok(()) }
    }
}
