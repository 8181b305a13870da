//! The releases of Magento, as far as their carts differ.

use std::fmt;
use std::str::FromStr;

/// A release such as 2.4.6: patches (`-p1`) make no difference to carts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    major: u16,
    minor: u16,
    patch: u16,
}

/// What is no release of Magento 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a release of Magento such as \"2.4.6\" or \"2.4.6-p1\"")]
pub struct NoRelease;

impl Release {
    /// Whether a cart goes through all rules for one line before it goes on to the next, as 2.4.1 did: a rule that stops others stops them on
    /// its own lines only, and an amount off the whole cart is spread by the rows as they were before other discounts.
    ///
    /// In which patch after 2.4.1 that changed is not documented, so that 2.4.2 stands for the observed code.
    pub fn goes_line_by_line(self) -> bool {
        self <= Self { major: 2, minor: 4, patch: 1 }
    }

    /// Whether a cart goes by the code that followed the observed release: a rule that stops others stops them on its own lines only, a
    /// line with fewer units than the step is no line of the rule, free units of buy X get Y are free of what is left of the price,
    /// "subtotal with discount" is without what earlier rules took off, and a sum over products that is to be below something, or another
    /// number, may be so for the first of its lines only.
    ///
    /// That code is in Magento's development line after 2.4.6; in which patch each part came is not documented, so that 2.4.7 stands for
    /// all of it.
    pub fn is_after_observed(self) -> bool {
        self > Self::default()
    }
}

impl Default for Release {
    /// The one that the rules of this module were observed on.
    fn default() -> Self {
        Self { major: 2, minor: 4, patch: 6 }
    }
}

impl FromStr for Release {
    type Err = NoRelease;

    fn from_str(text: &str) -> Result<Self, NoRelease> {
        let plain = text.split_once("-p").map_or(text, |(plain, patch)| match patch.parse::<u16>() {
            Ok(_) => plain,
            Err(_) => text,
        });
        let mut parts = plain.split('.').map(|part| part.parse::<u16>().map_err(|_| NoRelease));
        let mut next = || parts.next().unwrap_or(Err(NoRelease));
        let release = Self { major: next()?, minor: next()?, patch: next()? };
        (release.major == 2 && parts.next().is_none()).then_some(release).ok_or(NoRelease)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
