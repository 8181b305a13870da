//! Which tax rates a page's prices can have.

use std::cell::OnceCell;

use rust_decimal::Decimal;

use crate::page::{Amounts, PageFacts};
use crate::rule::discount::cents;
use crate::site::{Tax, TaxBasis, TaxShown};

/// Magento's pages show computed amounts to a millionth, and often one too many.
const NEAR: Decimal = Decimal::from_parts(2, 0, 0, false, 6);

/// How far an amount can be off that was rounded to cents.
const HALF_CENT: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// An amount with so many decimals was computed, not typed nor rounded.
const COMPUTED_DECIMALS: u32 = 4;

/// A rate that nobody told is believed when so many different prices are whole cents and this rate.
const EVIDENCE: u32 = 3;

/// A round percentage explains two prices by itself when fewer than one range in so many holds one by chance.
const CHANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// The highest rate that is looked for, in half percents.
const HIGHEST_HALVES: u8 = 60;

/// The rates of a page, found when somebody asks.
pub(super) struct Rates<'a> {
    tax: &'a Tax,
    page: &'a PageFacts,
    found: OnceCell<Found>,
}

struct Found {
    /// In percent, each once.
    rates: Vec<Decimal>,
    /// Whether the page's prices with tax are computed amounts, so that a rate can be told by its digits.
    is_computed: bool,
}

impl<'a> Rates<'a> {
    pub(super) fn new(tax: &'a Tax, page: &'a PageFacts) -> Self {
        Self { tax, page, found: OnceCell::new() }
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| Found::of(self.tax, self.page))
    }

    /// Whether the page's prices with tax are computed amounts.
    pub(super) fn are_computed(&self) -> bool {
        self.found().is_computed
    }

    /// The prices without tax within a price with tax, and the rates, for every rate that could be.
    pub(super) fn possible(&self, incl: Decimal) -> impl Iterator<Item = (Decimal, Decimal)> + '_ {
        let rates = (1..=HIGHEST_HALVES).map(|halves| Decimal::new(i64::from(halves) * 5, 1).normalize());
        rates.filter_map(move |rate| Some((self.excl(incl, rate, true)?, rate)))
    }

    /// The page's rate, if it can have one only.
    pub(super) fn only(&self) -> Option<Decimal> {
        only(self.found().rates.iter().copied())
    }

    /// The price without tax within a price with tax, and the rate, if only one rate explains it.
    pub(super) fn within(&self, incl: Decimal) -> Option<(Decimal, Decimal)> {
        let found = self.found();
        let explained = |rate: &Decimal| Some((self.excl(incl, *rate, found.is_computed)?, *rate));
        only(found.rates.iter().filter_map(explained))
    }

    /// The rate between a price without tax and one with, if only one of the page's explains it.
    pub(super) fn between(&self, excl: Decimal, incl: Decimal) -> Option<Decimal> {
        let tolerance = tolerance(incl);
        only(self.found().rates.iter().copied().filter(|rate| (with_tax(excl, *rate) - incl).abs() <= tolerance))
    }

    /// The price without tax that a rate makes of one with; none if the rate does not explain it.
    fn excl(&self, incl: Decimal, rate: Decimal, is_computed: bool) -> Option<Decimal> {
        let excl = incl * Decimal::ONE_HUNDRED / (Decimal::ONE_HUNDRED + rate);
        if self.tax.catalog_prices == Some(TaxBasis::Including) {
            return Some(excl);
        }
        // The shop's own price is in cents, and tax was put upon it.
        let excl = cents(excl);
        let tolerance = if is_computed { NEAR } else { HALF_CENT };
        ((with_tax(excl, rate) - incl).abs() <= tolerance).then_some(excl)
    }
}

impl Found {
    fn of(tax: &Tax, page: &PageFacts) -> Self {
        let mut found = Self { rates: tax.rates.clone(), is_computed: false };
        if tax.shown == TaxShown::Excluding {
            return found;
        }
        let units = || page.products.iter().flat_map(|product| &product.units).map(|unit| unit.amounts);
        let mut computed: Vec<i64> = units().filter_map(with_tax_of).filter_map(computed_millionths).collect();
        found.is_computed = !computed.is_empty();
        found.rates.extend(units().filter_map(|unit| snap(unit.base_price?, unit.final_price?)));
        if tax.catalog_prices != Some(TaxBasis::Including) {
            computed.sort_unstable();
            computed.dedup();
            found.rates.extend(told_by_digits(&computed));
        }
        found.rates.retain(|rate| !rate.is_zero());
        found.rates.sort_unstable();
        found.rates.dedup();
        found
    }
}

/// The rates that explain several prices, but for those whose every witness another rate explains as well, beside more.
fn told_by_digits(millionths: &[i64]) -> impl Iterator<Item = Decimal> {
    // A page with more different prices than bits has witnesses enough.
    let witnesses = &millionths[..millionths.len().min(128)];
    let explained = |halves: u8| {
        // So many millionths are in each cent with tax upon it.
        let step = 50 * (200 + i64::from(halves));
        let bit = |(number, amount): (usize, &i64)| u128::from((amount + 2).rem_euclid(step) <= 4) << number;
        (halves, witnesses.iter().enumerate().map(bit).sum::<u128>())
    };
    let told = |(_, bits): &(u8, u128)| bits.count_ones() >= EVIDENCE;
    let told: Vec<(u8, u128)> = (1..=HIGHEST_HALVES).map(explained).filter(told).collect();
    let is_lesser = |bits: u128| told.iter().any(|(_, more)| *more != bits && more & bits == bits);
    let rates: Vec<Decimal> =
        told.iter().filter(|it| !is_lesser(it.1)).map(|it| Decimal::new(i64::from(it.0) * 5, 1)).collect();
    rates.into_iter().map(|rate| rate.normalize())
}

/// A unit's price with tax, unless there is none upon it.
fn with_tax_of(unit: Amounts) -> Option<Decimal> {
    unit.final_price.filter(|price| unit.base_price.is_none_or(|base| !is_near(*price, base)))
}

fn computed_millionths(amount: Decimal) -> Option<i64> {
    let amount = amount.round_dp(6).normalize();
    let scale = amount.scale();
    (scale >= COMPUTED_DECIMALS).then(|| i64::try_from(amount.mantissa() * 10_i128.pow(6 - scale)).ok()).flatten()
}

/// The percentage with the fewest decimals that makes one price of another; none if it could be so by chance.
pub(super) fn snap(excl: Decimal, incl: Decimal) -> Option<Decimal> {
    let (low, high) = range(excl, incl)?;
    let grid = (0..=4).map(|decimals| (Decimal::from(10_u64.pow(decimals)), decimals));
    let (power, least, decimals) = grid
        .map(|(power, decimals)| (power, (low * power).ceil(), decimals))
        .find(|(power, least, _)| *least <= high * power)?;
    let is_chance = (high - low) * power * CHANCE > Decimal::ONE;
    let rate = Decimal::try_from_i128_with_scale(least.normalize().mantissa(), decimals);
    rate.ok().filter(|_| !is_chance).map(|rate| rate.normalize())
}

/// The lowest and the highest percentage that can make one price of another.
pub(super) fn range(excl: Decimal, incl: Decimal) -> Option<(Decimal, Decimal)> {
    if excl <= NEAR || incl <= excl {
        return None;
    }
    let tolerance = tolerance(incl);
    let percent = |incl: Decimal| ((incl / excl - Decimal::ONE) * Decimal::ONE_HUNDRED).max(Decimal::ZERO);
    Some((percent(incl - tolerance), percent(incl + tolerance)))
}

/// A price in percent more.
pub(super) fn with_tax(excl: Decimal, rate: Decimal) -> Decimal {
    excl + excl * rate / Decimal::ONE_HUNDRED
}

/// Whether two amounts are the same but for the last millionths.
pub(super) fn is_near(one: Decimal, other: Decimal) -> bool {
    (one - other).abs() <= NEAR
}

/// The whole number of cents that a price is but for the last millionths.
pub(super) fn whole_cents(price: Decimal) -> Option<Decimal> {
    Some(cents(price)).filter(|cents| is_near(*cents, price))
}

fn tolerance(incl: Decimal) -> Decimal {
    if incl.normalize().scale() >= COMPUTED_DECIMALS { NEAR + NEAR } else { HALF_CENT }
}

fn only<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}
