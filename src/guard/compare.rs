//! Compares what a cart is charged with what was promised. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use super::counts::Verdict;
use super::totals::Totals;

/// What a cart was promised under one selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// By line, in the order of the totals.
    pub lines: Vec<LinePromise>,
    /// What is taken off shipping; `None` where nobody can tell.
    pub shipping: Option<Decimal>,
    /// Whether all of the store's rules are known. Where they are not, a rule that nobody promised may take off more.
    pub is_whole: bool,
}

/// What one line was promised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinePromise {
    /// What is taken off, in the cart's currency.
    pub discount: Decimal,
    /// The offers that take part in it.
    pub offers: BTreeSet<Arc<str>>,
}

/// What a cart says of each offer that applies to it.
pub type Verdicts = BTreeMap<Arc<str>, Verdict>;

/// A line, or the shipping, that is not charged as promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// Less is taken off.
    Dearer,
    /// More is taken off.
    Cheaper,
}

/// What a cart says of the offers in it. `promises` is not empty; a cart that keeps one of them keeps its promise, and otherwise it is held
/// against the first, the latest one.
///
/// A line that differs speaks against the offers on it. Where no offer is on it, a rule of the shop's own is at work: that speaks against all
/// offers of the cart if the cart as a whole is dearer than promised, and otherwise against none.
pub fn compare(totals: &Totals, promises: &[Promise]) -> Verdicts {
    let kept = promises.iter().find(|promise| promise.differences(totals).is_empty());
    let Some(promise) = kept.or(promises.first()) else { return Verdicts::new() };
    let mut verdicts: Verdicts = promise.offers().map(|offer| (Arc::clone(offer), Verdict::Agreed)).collect();
    let differences = promise.differences(totals);
    let on_offers = differences.iter().any(|(place, _)| !promise.offers_at(*place).is_empty());
    let blamed: Vec<&Arc<str>> = match on_offers {
        true => differences.iter().flat_map(|(place, _)| promise.offers_at(*place)).collect(),
        false if !differences.is_empty() && promise.is_dearer(totals) => promise.offers().collect(),
        false => Vec::new(),
    };
    for offer in blamed {
        verdicts.insert(Arc::clone(offer), Verdict::Differed);
    }
    verdicts
}

/// Where something differs: a line by its position, or shipping.
type Place = Option<usize>;

impl Promise {
    fn offers(&self) -> impl Iterator<Item = &Arc<str>> {
        self.lines.iter().flat_map(|line| &line.offers)
    }

    fn offers_at(&self, place: Place) -> Vec<&Arc<str>> {
        let line = place.and_then(|line| self.lines.get(line));
        line.map(|line| line.offers.iter().collect()).unwrap_or_default()
    }

    fn differences(&self, totals: &Totals) -> Vec<(Place, Difference)> {
        let lines = totals.lines.iter().zip(&self.lines).enumerate();
        let lines = lines.map(|(at, (charged, promised))| (Some(at), charged.discount, promised.discount));
        let shipping = self.shipping.map(|promised| (None, totals.shipping_discount, promised));
        let differs = |(place, charged, promised)| match Decimal::cmp(&charged, &promised) {
            std::cmp::Ordering::Less => Some((place, Difference::Dearer)),
            std::cmp::Ordering::Greater if self.is_whole => Some((place, Difference::Cheaper)),
            _ => None,
        };
        lines.chain(shipping).filter_map(differs).collect()
    }

    /// Whether less is taken off altogether than was promised.
    fn is_dearer(&self, totals: &Totals) -> bool {
        let lines: Decimal = self.lines.iter().map(|line| line.discount).sum();
        totals.discount < lines + self.shipping.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::totals::TotalsLine;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn charged(discounts: &[&str]) -> Totals {
        let line = |discount: &&str| TotalsLine {
            item: 1,
            quantity: Decimal::ONE,
            base_price: Decimal::TEN,
            base_price_with_tax: Decimal::TEN,
            price_with_tax: Decimal::TEN,
            row: Decimal::TEN,
            base_row: Decimal::TEN,
            row_with_tax: Decimal::TEN,
            base_row_with_tax: Decimal::TEN,
            tax_percent: Decimal::ZERO,
            discount: money(discount),
        };
        let lines: Vec<TotalsLine> = discounts.iter().map(line).collect();
        Totals {
            currency: "USD".to_owned(),
            base_currency: "USD".to_owned(),
            discount: lines.iter().map(|line| line.discount).sum(),
            shipping_discount: Decimal::ZERO,
            shipping: Decimal::ZERO,
            base_shipping: Decimal::ZERO,
            coupon: None,
            lines,
        }
    }

    fn promise(lines: &[(&str, &[&str])]) -> Promise {
        let line = |(discount, offers): &(&str, &[&str])| LinePromise {
            discount: money(discount),
            offers: offers.iter().map(|offer| Arc::from(*offer)).collect(),
        };
        Promise { lines: lines.iter().map(line).collect(), shipping: Some(Decimal::ZERO), is_whole: true }
    }

    fn verdicts(charged: &Totals, promises: &[&Promise]) -> Vec<(String, Verdict)> {
        let promises: Vec<Promise> = promises.iter().copied().cloned().collect();
        compare(charged, &promises).into_iter().map(|(offer, verdict)| (offer.to_string(), verdict)).collect()
    }

    fn said(pairs: &[(&str, Verdict)]) -> Vec<(String, Verdict)> {
        pairs.iter().map(|(offer, verdict)| ((*offer).to_owned(), *verdict)).collect()
    }

    use Verdict::{Agreed, Differed};

    #[test]
    fn a_line_that_differs_speaks_against_the_offers_on_it() {
        let promised = promise(&[("1", &["a"]), ("2.50", &["a", "b"]), ("0", &[])]);
        assert_eq!(verdicts(&charged(&["1", "2.5", "0"]), &[&promised]), said(&[("a", Agreed), ("b", Agreed)]));
        assert_eq!(verdicts(&charged(&["1", "2.49", "0"]), &[&promised]), said(&[("a", Differed), ("b", Differed)]));
        let apart = promise(&[("1", &["a"]), ("2.50", &["b"])]);
        assert_eq!(verdicts(&charged(&["1.01", "2.50"]), &[&apart]), said(&[("a", Differed), ("b", Agreed)]));
        assert_eq!(verdicts(&charged(&["1", "2.5", "1"]), &[&promise(&[("1", &[]), ("2.50", &[]), ("1", &[])])]), []);
    }

    #[test]
    fn a_cart_that_keeps_one_of_the_last_promises_keeps_its_promise() {
        let (now, before) = (promise(&[("1", &["a"])]), promise(&[("3", &["a", "old"])]));
        assert_eq!(verdicts(&charged(&["3"]), &[&now, &before]), said(&[("a", Agreed), ("old", Agreed)]));
        assert_eq!(
            verdicts(&charged(&["2"]), &[&now, &before]),
            said(&[("a", Differed)]),
            "held against the latest one"
        );
    }

    #[test]
    fn a_difference_on_a_line_without_offers_counts_where_the_cart_is_dearer() {
        let promised = promise(&[("1", &["a"]), ("5", &[])]);
        assert_eq!(verdicts(&charged(&["1", "0"]), &[&promised]), said(&[("a", Differed)]));
        assert_eq!(
            verdicts(&charged(&["1", "7"]), &[&promised]),
            said(&[("a", Agreed)]),
            "a new rule of the shop's own"
        );
    }

    #[test]
    fn where_not_all_rules_are_known_only_a_dearer_cart_breaks_a_promise() {
        let partial = Promise { is_whole: false, shipping: None, ..promise(&[("2", &["a"])]) };
        assert_eq!(verdicts(&charged(&["3"]), &[&partial]), said(&[("a", Agreed)]));
        assert_eq!(verdicts(&charged(&["1"]), &[&partial]), said(&[("a", Differed)]));
    }

    #[test]
    fn shipping_that_is_dearer_than_promised_speaks_against_all_offers() {
        let promised = Promise { shipping: Some(money("5")), ..promise(&[("1", &["a"])]) };
        assert_eq!(verdicts(&charged(&["1"]), &[&promised]), said(&[("a", Differed)]));
    }
}
