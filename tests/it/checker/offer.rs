//! What one unit is charged under an offer.

use rust_decimal::Decimal;

use super::number::{cents, half_up};

/// What a cart price rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// So many percent off.
    Percent(Decimal),
    /// So much off each unit.
    Off(Decimal),
    /// Each unit at so much.
    To(Decimal),
}

/// A price as it is shown, and without tax, where the two are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub shown: Decimal,
    pub untaxed: Option<Decimal>,
}

impl Offer {
    /// What one unit is charged; nothing where the cart would charge more than without the offer.
    pub fn charged(self, price: Decimal) -> Option<Decimal> {
        let price = cents(price);
        match self {
            Self::Percent(percent) => Some(cents(price - cents(price * percent / Decimal::ONE_HUNDRED))),
            Self::Off(amount) => Some((price - amount).max(Decimal::ZERO)),
            Self::To(amount) => (amount <= price).then_some(amount),
        }
    }

    /// Both twins: the discount is that of the untaxed price, tax is put on what is left.
    pub fn charged_taxed(self, price: Price) -> Option<Price> {
        let Some(untaxed) = price.untaxed else {
            return Some(Price { shown: self.charged(price.shown)?, untaxed: None });
        };
        let left = self.charged(untaxed)?;
        let shown = left + cents(left * rate(price.shown, untaxed));
        Some(Price { shown, untaxed: Some(left) })
    }

    /// What is left of a part of a price whose fractions count.
    pub fn part(self, part: Decimal) -> Decimal {
        match self {
            Self::Percent(percent) => part - part * percent / Decimal::ONE_HUNDRED,
            Self::Off(_) | Self::To(_) => part,
        }
    }
}

/// The tax rate between two twins: the plainest percentage that makes one of the other.
fn rate(shown: Decimal, untaxed: Decimal) -> Decimal {
    if untaxed.is_zero() {
        return Decimal::ZERO;
    }
    let exact = shown / untaxed - Decimal::ONE;
    let fits = |rate: &Decimal| (untaxed * (Decimal::ONE + *rate) - shown).abs() <= Decimal::new(5, 5);
    // Of cents one cannot tell more: 24.99 and 21.00 are 19 percent.
    let nearly = |rate: &Decimal| (cents(untaxed * (Decimal::ONE + *rate)) - cents(shown)).is_zero();
    let plain = || (2..=6).map(|decimals| half_up(exact, decimals));
    plain().find(fits).or_else(|| plain().find(nearly)).unwrap_or(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn charges_a_unit_as_the_cart_does() {
        let percent = |percent: &str, price: &str| Offer::Percent(money(percent)).charged(money(price));
        assert_eq!(percent("20", "24.10"), Some(money("19.28")));
        assert_eq!(percent("33.33", "10.54"), Some(money("7.03")));
        assert_eq!(percent("12.5", "9.98"), Some(money("8.73")));
        assert_eq!(percent("100", "9.98"), Some(money("0")));
        assert_eq!(Offer::Off(money("5")).charged(money("4")), Some(money("0")));
        assert_eq!(Offer::To(money("9.99")).charged(money("10.54")), Some(money("9.99")));
        assert_eq!(Offer::To(money("9.99")).charged(money("9.98")), None);
    }

    #[test]
    fn puts_tax_on_what_is_left() {
        let twins = |offer: Offer, shown: &str, untaxed: &str| {
            let price = Price { shown: money(shown), untaxed: Some(money(untaxed)) };
            offer.charged_taxed(price).map(|price| (price.shown, price.untaxed.expect("a twin")))
        };
        let percent = Offer::Percent(money("20"));
        assert_eq!(twins(percent, "49.432601", "41.54"), Some((money("39.54"), money("33.23"))));
        assert_eq!(twins(percent, "23.64", "23.64"), Some((money("18.91"), money("18.91"))));
        assert_eq!(twins(Offer::To(money("9.99")), "49.432601", "41.54"), Some((money("11.89"), money("9.99"))));
    }

    #[test]
    fn finds_the_plainest_rate() {
        assert_eq!(rate(money("49.432601"), money("41.54")), money("0.19"));
        assert_eq!(rate(money("26.580001"), money("22.15")), money("0.20"));
        assert_eq!(rate(money("10.8875"), money("10")), money("0.08875"));
        assert_eq!(rate(money("24.99"), money("21")), money("0.19"));
    }
}
