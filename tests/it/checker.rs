//! Recomputes every copy of a price on a page, before and after an offer, and finds contradictions. Shares no code with the rewrite:
//! it reads pages with another HTML parser and a JSON parser, compares bytes with a lexer of its own, and computes by itself.

mod bytes;
mod copies;
mod data;
mod json;
mod judge;
mod number;
mod offer;
mod tests;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use copies::{Copies, Figure};
use judge::{Judge, State};
use number::only_number;

pub use offer::Offer;

/// What was found on a page.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Products of which every copy changed.
    pub changed: BTreeSet<u64>,
    /// Products of which nothing changed, though the offer lowers them.
    pub left_alone: BTreeSet<u64>,
    /// Products that were not to change, with the reason.
    pub rightly: BTreeMap<u64, &'static str>,
    /// Everything that is wrong.
    pub contradictions: Vec<String>,
}

/// A page as it came, to be compared with what became of it.
pub struct Checker<'a> {
    page: &'a str,
    copies: Copies,
    rates: &'a [Decimal],
}

impl<'a> Checker<'a> {
    /// Reads a page. `rates` are those of the tax that its prices include, in percent; there are none for prices without tax.
    pub fn new(page: &'a str, rates: &'a [Decimal]) -> Self {
        Self { page, copies: Copies::collect(page), rates }
    }

    /// What products of the page after an offer contradict themselves, and whether foreign prices changed: of a page that is broken, on
    /// which only a parser knows what is a slot.
    pub fn halves(&self, after: &str, offer: Offer) -> Vec<String> {
        let mut findings = Findings::default();
        self.judge(&Copies::collect(after), offer, true, &mut findings);
        findings.contradictions
    }

    /// Compares with the page after an offer for all its products.
    pub fn check(&self, after: &str, offer: Offer) -> Findings {
        let new = if after == self.page { self.copies.clone() } else { Copies::collect(after) };
        let mut findings =
            Findings { contradictions: bytes::outside_of_slots(self.page, after), ..Findings::default() };
        self.judge(&new, offer, false, &mut findings);
        findings
    }

    fn judge(&self, new: &Copies, offer: Offer, is_broken: bool, findings: &mut Findings) {
        for product in self.copies.of.keys().chain(new.of.keys()).copied().collect::<BTreeSet<u64>>() {
            let judge = Judge::new(product, &self.copies, new, offer, self.rates);
            let judge = if is_broken { judge.of_broken() } else { judge };
            let (state, contradictions) = judge.judge();
            findings.contradictions.extend(contradictions);
            match state {
                State::Changed => drop(findings.changed.insert(product)),
                State::LeftAlone => drop(findings.left_alone.insert(product)),
                State::Rightly(reason) => drop(findings.rightly.insert(product, reason)),
            }
        }
        if self.copies.foreign != new.foreign {
            let what = "a price changed that is no product's, such as that of a filter";
            findings.contradictions.push(what.to_owned());
        }
    }
}

/// Amounts with texts that are not how they look, and how many pairs there are. A page on which there are such is not understood.
pub fn unlike_their_amounts(page: &str) -> (Vec<String>, usize) {
    let copies = Copies::collect(page);
    let all = copies.of.values().flat_map(|own| own.values()).flat_map(|copy| copy.figures());
    let pairs: Vec<(&Figure, &String)> = all.filter_map(|figure| Some((figure, figure.text.as_ref()?))).collect();
    let pairs: Vec<_> = pairs.into_iter().filter_map(|(figure, text)| Some((figure.amount()?, text))).collect();
    let unlike = pairs.iter().filter(|(amount, text)| !only_number(text).is_some_and(|number| number.says(*amount)));
    (unlike.map(|(amount, text)| format!("{text:?} for {amount}")).collect(), pairs.len())
}
