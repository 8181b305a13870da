//! Money in whole cents, as the shop's pages and totals have it.

use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

/// Hundredths of a currency's unit: US cents in the catalogue, the store view's currency in a cart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

impl Cents {
    /// As Magento prints it in `data-price-amount`: dot decimal, without trailing zeros (`25.61`, `24.1`, `24`).
    pub fn raw(self) -> String {
        Amount::from(self).raw()
    }

    /// As a JSON number with the exact digits of [`Cents::raw`].
    pub fn json(self) -> Value {
        serde_json::from_str(&self.raw()).unwrap_or_default()
    }

    /// An amount in whole cents; what is less than a cent is rounded.
    pub fn of(amount: Decimal) -> Self {
        let cents = (amount * Decimal::ONE_HUNDRED).round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        Self(cents.to_i64().unwrap_or_default())
    }

    /// The same as a decimal number of units.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// This many ten-thousandths of it, rounded half away from zero to whole cents.
    pub fn parts(self, parts: i64) -> Self {
        Self(divided(self.0 * parts, 10_000))
    }
}

impl std::ops::Mul<u32> for Amount {
    type Output = Self;

    fn mul(self, qty: u32) -> Self {
        Self(self.0 * i64::from(qty))
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Mul<u32> for Cents {
    type Output = Self;

    fn mul(self, qty: u32) -> Self {
        Self(self.0 * i64::from(qty))
    }
}

impl std::ops::Add for Cents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Cents {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::iter::Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

/// An amount as a page carries it, in millionths of a currency's unit: prices with tax are not rounded to cents there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i64);

impl From<Cents> for Amount {
    fn from(cents: Cents) -> Self {
        Self(cents.0 * 10_000)
    }
}

impl Amount {
    /// A price with `percent` of tax added. Magento's calculation leaves a millionth behind, which its pages show.
    pub fn taxed(net: Cents, percent: i64) -> Self {
        Self(net.0 * 100 * (100 + percent) + i64::from(percent > 0 && net.0 > 0))
    }

    /// Rounded half away from zero to whole cents.
    pub fn cents(self) -> Cents {
        Cents(divided(self.0, 10_000))
    }

    /// Dot decimal with up to six places and without trailing zeros.
    pub fn raw(self) -> String {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.abs());
        let plain = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
        plain.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn divided(amount: i64, by: i64) -> i64 {
    (amount.abs() + by / 2) / by * amount.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_amounts_have_no_trailing_zeros() {
        assert_eq!(Cents(2_561).raw(), "25.61");
        assert_eq!(Cents(2_410).raw(), "24.1");
        assert_eq!(Cents(10_000).raw(), "100");
        assert_eq!(Cents(-305).raw(), "-3.05");
        assert_eq!(Cents(2_561).json().to_string(), "25.61");
    }

    #[test]
    fn amounts_become_whole_cents() {
        assert_eq!(Cents::of(Decimal::new(12_345, 3)), Cents(1_235));
        assert_eq!(Cents::of(Decimal::new(-5, 3)), Cents(-1));
    }

    #[test]
    fn a_price_with_tax_keeps_the_places_that_magento_keeps() {
        assert_eq!(Amount::taxed(Cents(2_215), 19).raw(), "26.358501");
        assert_eq!(Amount::taxed(Cents(2_215), 19).cents(), Cents(2_636));
        assert_eq!(Amount::taxed(Cents(2_215), 0).raw(), "22.15");
        assert_eq!(Amount::taxed(Cents(0), 19).raw(), "0");
    }

    #[test]
    fn converts_to_whole_cents_half_away_from_zero() {
        assert_eq!(Cents(4_800).parts(9_200), Cents(4_416));
        assert_eq!(Cents(1).parts(5_000), Cents(1));
        assert_eq!(Cents(-1).parts(5_000), Cents(-1));
    }
}
