//! A price with and without tax, before and after a discount, as a cart of one unit has it.

use rust_decimal::Decimal;

use super::rates::{Rates, is_near, range, snap, whole_cents, with_tax};
use crate::decision::verdict::NotApplied;
use crate::page::{Amounts, Share};
use crate::rule::discount::{cents, is_sane};
use crate::site::{Tax, TaxBasis, TaxComputed, TaxShown};

/// Exact amounts keep this many decimals, as many as Magento's own pages show.
const DECIMALS: u32 = 6;

/// A price as the cart has it, as far as its discount needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taxed {
    /// The price that offers are taken off.
    pub(super) basis: Decimal,
    /// Without tax; at least one of the two is known.
    excl: Option<Decimal>,
    /// With tax.
    incl: Option<Decimal>,
    /// Where the cart taxes what is left: the lowest and the highest rate, in percent, that it may use. Else it takes the same off both.
    anew: Option<(Decimal, Decimal)>,
    /// Which of the two the final price is; the base price is without tax.
    final_is: TaxBasis,
    share: Share,
}

impl Taxed {
    /// What the page's amounts of a price are to the cart, going by its rates; where that cannot be told, the reason.
    fn of(amounts: Amounts, share: Share, tax: &Tax, rates: &Rates<'_>) -> Result<Self, NotApplied> {
        let given = [amounts.final_price, amounts.base_price];
        if let Some(wrong) = given.into_iter().flatten().find(|price| !is_sane(*price)) {
            return Err(NotApplied::PriceOutOfRange(wrong));
        }
        let excluding = tax.shown == TaxShown::Excluding;
        let taxed = match (amounts.final_price, amounts.base_price) {
            (None, None) => return Err(NotApplied::PriceOutOfRange(Decimal::ZERO)),
            (Some(price), None) | (None, Some(price)) if price.is_zero() => Some(Self::plain(price, share)),
            (Some(price), Some(base)) if is_near(price, base) => {
                if excluding {
                    Self::of_excl(base, share, tax, rates)
                } else {
                    Some(Self::plain(base, share))
                }
            }
            (Some(incl), Some(excl)) if incl < excl => None,
            (Some(incl), Some(excl)) => Self::of_both(excl, incl, share, tax, rates),
            (Some(incl), None) if !excluding => Self::of_incl(incl, share, tax, rates),
            (None, Some(_)) if !excluding && tax.discount_on.is_none() => None,
            (Some(excl), None) | (None, Some(excl)) => Self::of_excl(excl, share, tax, rates),
        };
        taxed.ok_or(NotApplied::TaxUnknown)
    }

    /// Everything that the page's amounts of a price may be to the cart; where that cannot be told, the reason.
    ///
    /// Among prices that were computed with tax, and as long as nobody told the rates, one in whole cents may be that of a product
    /// without. If none of the page's rates explains it either, it may have any that does.
    pub(super) fn readings(
        amounts: Amounts,
        share: Share,
        tax: &Tax,
        rates: &Rates<'_>,
    ) -> Result<Vec<Self>, NotApplied> {
        let read = Self::of(amounts, share, tax, rates);
        let incl = amounts.final_price.filter(|_| amounts.base_price.is_none() && tax.shown != TaxShown::Excluding);
        let untaxed = incl.filter(|incl| tax.rates.is_empty() && rates.are_computed() && cents(*incl) == *incl);
        let Some(incl) = untaxed else { return read.map(|taxed| vec![taxed]) };
        let plain = Self::plain(incl, share);
        match read {
            Ok(taxed) => Ok(vec![taxed, plain]),
            Err(NotApplied::TaxUnknown) => {
                let (discounted, taxes_anew) = tax.discount_on.zip(taxes_anew(tax)).ok_or(NotApplied::TaxUnknown)?;
                let with = |(excl, rate)| Self::with_rate(incl, excl, rate, share, discounted, taxes_anew);
                Ok(std::iter::once(plain).chain(rates.possible(incl).map(with)).collect())
            }
            Err(other) => Err(other),
        }
    }

    /// A price without tax, or one that is shown and discounted without.
    fn plain(price: Decimal, share: Share) -> Self {
        let price = as_in_cart(price, share);
        Self { basis: price, excl: Some(price), incl: None, anew: None, final_is: TaxBasis::Excluding, share }
    }

    fn of_excl(excl: Decimal, share: Share, tax: &Tax, rates: &Rates<'_>) -> Option<Self> {
        let plain = Self::plain(excl, share);
        if tax.discount_on != Some(TaxBasis::Including) {
            return Some(plain);
        }
        let incl = as_in_cart(with_tax(plain.basis, rates.only()?), share);
        Some(Self { basis: incl, incl: Some(incl), ..plain })
    }

    fn of_incl(incl: Decimal, share: Share, tax: &Tax, rates: &Rates<'_>) -> Option<Self> {
        let (discounted, taxes_anew) = (tax.discount_on?, taxes_anew(tax)?);
        let whole = as_in_cart(incl, share);
        let known =
            Self { basis: whole, excl: None, incl: Some(whole), anew: None, final_is: TaxBasis::Including, share };
        if discounted == TaxBasis::Including && !taxes_anew {
            return Some(known);
        }
        let (excl, rate) = rates.within(incl)?;
        Some(Self::with_rate(incl, excl, rate, share, discounted, taxes_anew))
    }

    fn with_rate(
        incl: Decimal,
        excl: Decimal,
        rate: Decimal,
        share: Share,
        discounted: TaxBasis,
        taxes_anew: bool,
    ) -> Self {
        let (excl, incl) = (as_in_cart(excl, share), as_in_cart(incl, share));
        let basis = if discounted == TaxBasis::Including { incl } else { excl };
        let anew = taxes_anew.then_some((rate, rate));
        Self { basis, excl: Some(excl), incl: Some(incl), anew, final_is: TaxBasis::Including, share }
    }

    fn of_both(excl: Decimal, incl: Decimal, share: Share, tax: &Tax, rates: &Rates<'_>) -> Option<Self> {
        let discounted = tax.discount_on?;
        let rate = || snap(excl, incl).or_else(|| rates.between(excl, incl));
        let rates = || rate().map(|rate| (rate, rate)).or_else(|| range(excl, incl));
        let anew = if taxes_anew(tax)? { Some(rates()?) } else { None };
        let (excl, incl) = (as_in_cart(excl, share), as_in_cart(incl, share));
        let basis = if discounted == TaxBasis::Including { incl } else { excl };
        Some(Self { basis, excl: Some(excl), incl: Some(incl), anew, final_is: TaxBasis::Including, share })
    }

    /// The page's amounts once `taken` is off the basis, the same sides as `before`. It fails if one of them would rise, and if nobody can
    /// tell.
    pub(super) fn less(&self, taken: Decimal, before: Amounts) -> Result<Amounts, NotApplied> {
        let exact = self.share != Share::Whole;
        let taken = if exact { past_half_cents(taken) } else { taken };
        let excl = self.excl.map(|excl| (excl - taken).max(Decimal::ZERO));
        let incl = match (self.anew, excl) {
            (Some(rates), Some(excl)) => Some(taxed_anew(excl, rates, exact).ok_or(NotApplied::TaxUnknown)?),
            _ => self.incl.map(|incl| (incl - taken).max(Decimal::ZERO)),
        };
        let final_price = if self.final_is == TaxBasis::Including { incl } else { excl };
        let side = |old: Option<Decimal>, new: Option<Decimal>| {
            let Some((old, new)) = old.zip(new) else { return Ok(None) };
            let has_risen = new > if exact { old } else { cents(old) };
            let tidy = new.round_dp(DECIMALS).normalize();
            if has_risen { Err(NotApplied::AboveCurrentPrice) } else { Ok(Some(tidy)) }
        };
        let (final_price, base_price) = (side(before.final_price, final_price)?, side(before.base_price, excl)?);
        Ok(Amounts { final_price, base_price })
    }

    /// What is left of the basis once `taken` is off it.
    pub(super) fn left(&self, taken: Decimal) -> Decimal {
        self.basis - taken
    }
}

/// What is left with tax upon it; none if rates that it may have make a difference.
fn taxed_anew(excl: Decimal, (low, high): (Decimal, Decimal), exact: bool) -> Option<Decimal> {
    let incl = |rate| if exact { with_tax(excl, rate) } else { cents(with_tax(excl, rate)) };
    (incl(low) == incl(high)).then(|| incl(low))
}

/// Whether the cart taxes what is left after a discount, rather than taking the same off the price with tax; none if not told.
fn taxes_anew(tax: &Tax) -> Option<bool> {
    match (tax.computed, tax.catalog_prices) {
        (Some(TaxComputed::BeforeDiscount), _) | (_, Some(TaxBasis::Including)) => Some(false),
        (Some(TaxComputed::AfterDiscount), Some(TaxBasis::Excluding)) => Some(true),
        _ => None,
    }
}

/// A price as the cart starts from it: in cents, but for those that are added up first.
fn as_in_cart(price: Decimal, share: Share) -> Decimal {
    match share {
        Share::Whole => cents(price),
        Share::Part | Share::Extra => whole_cents(price).unwrap_or(price),
    }
}

/// A discount that is no whole number of cents, a millionth larger. The cart rounds what it takes off, half a cent upwards; the page rounds
/// what is left, and this makes its half cents go the same way.
fn past_half_cents(taken: Decimal) -> Decimal {
    if cents(taken) == taken { taken } else { taken + Decimal::new(1, DECIMALS) }
}
