//! Money in whole cents, kept apart from the arithmetic that Segue uses: the demo's cart is what promises are compared with.

use std::fmt;

/// An amount in US cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

impl Cents {
    /// As Magento prints it in `data-price-amount`: dot decimal, without trailing zeros (`25.61`, `24.1`, `24`).
    pub fn raw(self) -> String {
        let plain = format!("{}{}.{:02}", self.sign(), self.0.abs() / 100, self.0.abs() % 100);
        plain.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// As a JSON number with the exact digits of [`Cents::raw`].
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.raw()).unwrap_or_default()
    }

    fn sign(self) -> &'static str {
        if self.0 < 0 { "-" } else { "" }
    }
}

impl std::ops::Mul<u32> for Cents {
    type Output = Self;

    fn mul(self, qty: u32) -> Self {
        Self(self.0 * i64::from(qty))
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

/// As shoppers of the default store view read it: `$1,234.50`, `-$5.00`.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = (self.0.abs() / 100).to_string();
        let first = match dollars.len() % 3 {
            0 => 3,
            rest => rest,
        };
        write!(f, "{}${}", self.sign(), &dollars[..first])?;
        for start in (first..dollars.len()).step_by(3) {
            write!(f, ",{}", &dollars[start..start + 3])?;
        }
        write!(f, ".{:02}", self.0.abs() % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_magento_does() {
        assert_eq!(Cents(123_456_750).to_string(), "$1,234,567.50");
        assert_eq!(Cents(123_456).to_string(), "$1,234.56");
        assert_eq!(Cents(99_900).to_string(), "$999.00");
        assert_eq!(Cents(-500).to_string(), "-$5.00");
        assert_eq!(Cents(7).to_string(), "$0.07");
    }

    #[test]
    fn raw_amounts_have_no_trailing_zeros() {
        assert_eq!(Cents(2_561).raw(), "25.61");
        assert_eq!(Cents(2_410).raw(), "24.1");
        assert_eq!(Cents(10_000).raw(), "100");
        assert_eq!(Cents(-305).raw(), "-3.05");
        assert_eq!(Cents(2_561).json().to_string(), "25.61");
    }
}
