//! What the page says of each product, and what it would say: every copy of its prices, or why they stay.

use std::fmt;

use serde::Serialize;

use crate::decision::verdict::{Outcome, RuleId, Verdict};
use crate::page::{ProductFacts, ProductId};
use crate::rewrite::Done;
use crate::rewrite::plan::{Place, ProductPlan, Writing};
use crate::rewrite::render::{Change, Refusal, Slot};

/// One product of the page.
#[derive(Debug, Serialize)]
pub(super) struct ProductReport {
    product: u64,
    sku: Option<String>,
    /// `changed`, `label_only`, `unchanged` or `left_alone`.
    outcome: &'static str,
    /// Why it is left alone: the word in metrics.
    reason: Option<&'static str>,
    /// Why no price of it changes, in words.
    says: Option<String>,
    copies: Vec<CopyReport>,
}

/// Copies of a price that say the same and are in places of one kind.
#[derive(Debug, Serialize)]
struct CopyReport {
    place: &'static str,
    count: usize,
    /// Empty for what is added.
    old: String,
    /// Nothing where the copy stays.
    new: Option<String>,
    #[serde(skip)]
    slot: Slot,
}

/// Every product of a page in ascending order.
pub(super) fn products(done: &Done, verdicts: &[Verdict]) -> Vec<ProductReport> {
    let page = std::str::from_utf8(&done.page).unwrap_or_default();
    let changes = done.changes.told(&done.page);
    let planned = done.plan.facts().products.iter().map(|facts| product(done, &changes, page, facts, verdicts));
    let left = done.plan.left_alone().iter().map(|left| {
        let refusal = Refusal::LeftAlone(left.reason);
        ProductReport {
            product: left.product.0,
            sku: None,
            outcome: "left_alone",
            reason: Some(refusal.as_str()),
            says: Some(refusal.in_words().to_owned()),
            copies: Vec::new(),
        }
    });
    let mut all: Vec<ProductReport> = planned.chain(left).collect();
    all.sort_by_key(|report| report.product);
    all
}

fn product(done: &Done, changes: &[Change], page: &str, facts: &ProductFacts, verdicts: &[Verdict]) -> ProductReport {
    let written = changes.iter().filter_map(|change| match change {
        Change::Slot { product, slot, old, new } if *product == facts.id => Some((*slot, old.as_str(), new.as_str())),
        _ => None,
    });
    let refusal = changes.iter().find_map(|change| match change {
        Change::Refused { product, reason } if *product == facts.id => Some(*reason),
        _ => None,
    });
    let copies = done.plan.product(facts.id).map(|plan| copies(plan, page, written)).unwrap_or_default();
    let is_priced = copies.iter().any(|copy| copy.new.is_some() && !copy.slot.is_beside());
    let is_labelled = copies.iter().any(|copy| copy.slot.is_beside());
    let (outcome, says) = match refusal {
        Some(refusal) => ("left_alone", Some(reason(facts.id, refusal, verdicts))),
        None if is_priced => ("changed", None),
        None if is_labelled => ("label_only", Some("only a label is shown".to_owned())),
        None => ("unchanged", Some("no offer changes it".to_owned())),
    };
    ProductReport {
        product: facts.id.0,
        sku: facts.sku.clone(),
        outcome,
        reason: refusal.map(Refusal::as_str),
        says,
        copies,
    }
}

/// Why a product is left alone, with the offer to blame, if there is one.
fn reason(product: ProductId, refusal: Refusal, verdicts: &[Verdict]) -> String {
    let Refusal::InDoubt(word) = refusal else { return refusal.in_words().to_owned() };
    let blamed = verdicts.iter().filter(|verdict| verdict.product == Some(product)).find_map(|verdict| {
        match (&verdict.rule, &verdict.outcome) {
            (RuleId::Offer(id), Outcome::NotApplied(why)) if why.as_str() == word => Some(format!("offer {id}: {why}")),
            _ => None,
        }
    });
    blamed.unwrap_or_else(|| refusal.in_words().to_owned())
}

/// The copies of a product's prices, those that say the same together: first what shoppers read, then what machines do.
fn copies<'a>(
    plan: &ProductPlan,
    page: &str,
    written: impl Iterator<Item = (Slot, &'a str, &'a str)>,
) -> Vec<CopyReport> {
    let mut copies = Vec::new();
    written.for_each(|(slot, old, new)| add(&mut copies, slot, old, Some(new), 1));
    let changed = copies.len();
    for place in &plan.places {
        add(&mut copies, place.kind.into(), text(place, page), None, 1);
    }
    // Of the places, those that were written are told already.
    let (written, found) = copies.split_at_mut(changed);
    for copy in written {
        let same = |it: &&mut CopyReport| it.slot == copy.slot && it.old == copy.old;
        if let Some(found) = found.iter_mut().find(same) {
            found.count = found.count.saturating_sub(copy.count);
        }
    }
    copies.retain(|copy| copy.count > 0);
    copies.sort_by_key(|copy| copy.slot);
    copies
}

fn add(copies: &mut Vec<CopyReport>, slot: Slot, old: &str, new: Option<&str>, count: usize) {
    let same = |it: &&mut CopyReport| it.slot == slot && it.old == old && it.new.as_deref() == new;
    match copies.iter_mut().find(same) {
        Some(copy) => copy.count += count,
        None => copies.push(CopyReport {
            place: slot.as_str(),
            count,
            old: old.to_owned(),
            new: new.map(str::to_owned),
            slot,
        }),
    }
}

/// What a place says, as changes tell it.
fn text<'a>(place: &Place, page: &'a str) -> &'a str {
    match &place.writing {
        Writing::Text(_, whole) => whole.of(page).trim(),
        _ => place.span.of(page),
    }
}

impl fmt::Display for ProductReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  product {}", self.product)?;
        if let Some(sku) = &self.sku {
            write!(f, ", SKU {sku}")?;
        }
        match (&self.says, self.reason) {
            (Some(says), Some(word)) => writeln!(f, ": left as it is ({word}), because {says}")?,
            (Some(says), None) => writeln!(f, ": {says}")?,
            (None, _) => writeln!(f)?,
        }
        let is_changed = self.outcome == "changed";
        for copy in self.copies.iter().filter(|copy| is_changed || copy.new.is_some()) {
            writeln!(f, "    {copy}")?;
        }
        if is_changed { Ok(()) } else { self.write_found(f) }
    }
}

impl ProductReport {
    /// What was found and stays, by kind of place: of a product that does not change, more would be in the way.
    fn write_found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stay = self.copies.iter().filter(|copy| copy.new.is_none());
        let mut kinds: Vec<(Slot, usize)> = Vec::new();
        for copy in stay {
            match kinds.last_mut().filter(|(slot, _)| *slot == copy.slot) {
                Some((_, count)) => *count += copy.count,
                None => kinds.push((copy.slot, copy.count)),
            }
        }
        let found: Vec<String> = kinds.into_iter().map(|(slot, count)| counted(slot, count)).collect();
        if found.is_empty() { Ok(()) } else { writeln!(f, "    stay: {}", found.join(", ")) }
    }
}

impl fmt::Display for CopyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = counted(self.slot, self.count);
        match &self.new {
            None => write!(f, "{place}: {} stays", self.old),
            Some(new) if self.old.is_empty() => write!(f, "{place} added: {new}"),
            Some(new) => write!(f, "{place}: {} -> {new}", self.old),
        }
    }
}

/// So many places of a kind.
fn counted(slot: Slot, count: usize) -> String {
    let (one, several) = match slot {
        Slot::Visible => ("visible price", "visible prices"),
        Slot::Regular => ("regular price", "regular prices"),
        Slot::Saving => ("saving in percent", "savings in percent"),
        Slot::Label => ("label", "labels"),
        Slot::Disclosure => ("disclosure", "disclosures"),
        Slot::Amount => ("data-price-amount", "data-price-amounts"),
        Slot::Meta => ("amount in metas", "amounts in metas"),
        Slot::StructuredData => ("amount in structured data", "amounts in structured data"),
        Slot::Script => ("amount in scripts", "amounts in scripts"),
    };
    format!("{count} {}", if count == 1 { one } else { several })
}
