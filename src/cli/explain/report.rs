//! What `segue explain` prints.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::Explained;
use crate::audience::KnownAudiences;
use crate::cli::page::Wish;
use crate::decision::decide::Rules;
use crate::decision::verdict::{Outcome, RuleId, Verdict};
use crate::mode::Mode;
use crate::rewrite::Done;
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
}

/// A page, the rules, and what comes of them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    page: PageReport,
    audiences: AudienceReport,
    offers: Vec<RuleReport>,
    blocks: Vec<RuleReport>,
    slots: Vec<SlotReport>,
    left_alone: Vec<LeftAloneReport>,
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

#[derive(Debug, Serialize)]
struct SlotReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<String>,
    slot: String,
    old: String,
    new: String,
}

#[derive(Debug, Serialize)]
struct LeftAloneReport {
    product: u64,
    reason: &'static str,
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
            slots: done.map_or_else(Vec::new, slots),
            left_alone: done.map_or_else(Vec::new, left_alone),
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
    let (id, name) = match &candidate.rule {
        RuleId::Offer(id) => (id, subject.rules.ruleset().offers.iter().find(|o| o.id == *id).map(|o| &o.name)),
        RuleId::Block(id) => (id, subject.rules.ruleset().blocks.iter().find(|b| b.id == *id).map(|b| &b.name)),
    };
    RuleReport {
        id: id.to_string(),
        name: name.cloned().unwrap_or_default(),
        outcome: missing.unwrap_or(outcome.as_str()),
        reason: missing.map_or_else(|| outcome.to_string(), |why| format!("not placed: {why}")),
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

fn slots(done: &Done) -> Vec<SlotReport> {
    let slot = |change: Change| match change {
        Change::Slot { product, slot, old, new } => {
            Some(SlotReport { product: Some(product.0), block: None, slot: slot.as_str().to_owned(), old, new })
        }
        Change::Block { id, placement, missing } => Some(SlotReport {
            product: None,
            block: Some(id.to_string()),
            slot: placement.to_string(),
            old: String::new(),
            new: missing.map_or("placed".to_owned(), |reason| format!("not placed: {}", reason.as_str())),
        }),
        Change::Refused { .. } => None,
    };
    done.changes.told(&done.page).into_iter().filter_map(slot).collect()
}

fn left_alone(done: &Done) -> Vec<LeftAloneReport> {
    let of_plan = done.plan.left_alone().iter().map(|left| (left.product, left.reason.as_str()));
    let of_render = done.changes.iter().filter_map(|change| match change {
        Change::Refused { product, reason } => Some((*product, reason.as_str())),
        Change::Slot { .. } | Change::Block { .. } => None,
    });
    let all: BTreeSet<_> = of_plan.chain(of_render).collect();
    all.into_iter().map(|(product, reason)| LeftAloneReport { product: product.0, reason }).collect()
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
        self.write_slots(f)
    }
}

fn write_rules(f: &mut fmt::Formatter<'_>, title: &str, rules: &[RuleReport]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    for rule in rules {
        writeln!(f, "  {} ({}): {}", rule.id, rule.name, rule.reason)?;
        for verdict in &rule.products {
            writeln!(f, "    product {}: {}", verdict.product, verdict.reason)?;
        }
    }
    if rules.is_empty() { writeln!(f, "  none") } else { Ok(()) }
}

impl Report {
    fn write_slots(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWhat would change")?;
        for slot in &self.slots {
            match (&slot.product, &slot.block) {
                (Some(product), _) => {
                    writeln!(f, "  product {product}, {}: {} -> {}", slot.slot, shown(&slot.old), slot.new)?;
                }
                (None, Some(block)) => writeln!(f, "  block {block} at {}: {}", slot.slot, slot.new)?,
                (None, None) => {}
            }
        }
        if self.slots.is_empty() {
            writeln!(f, "  nothing")?;
        }
        if !self.left_alone.is_empty() {
            writeln!(f, "\nProducts left as they are")?;
        }
        for left in &self.left_alone {
            writeln!(f, "  product {}: {}", left.product, left.reason)?;
        }
        Ok(())
    }
}

fn shown(old: &str) -> &str {
    if old.is_empty() { "(nothing)" } else { old }
}
