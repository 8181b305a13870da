//! Offers that are not shown as prices for the time being, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::counts::Figures;
use crate::commerce::Book;
use crate::rule::cart_rule::CartRule;
use crate::rule::{Charge, Offer, Ruleset};

/// An offer that carts did not charge as promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its id.
    pub offer: Arc<str>,
    /// What it said then, with what its rule in Commerce said, where that was known.
    pub fingerprint: Fingerprint,
    /// Since when.
    pub since: Timestamp,
    /// Distinct shoppers within the hour before whose carts kept the promise.
    pub agreed: u32,
    /// Those with a cart that did not.
    pub differed: u32,
}

impl Pause {
    /// A pause from now on.
    pub fn new(offer: Arc<str>, fingerprint: Fingerprint, figures: Figures) -> Self {
        Self { offer, fingerprint, since: Timestamp::now(), agreed: figures.agreed, differed: figures.differed }
    }

    /// Why, in words.
    pub fn reason(&self) -> String {
        let comparable = self.agreed + self.differed;
        format!("the carts of {} shoppers, of {comparable} compared, were charged something else", self.differed)
    }
}

/// What an offer and its cart price rule say, in short: a change of either is a new start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    offer: String,
    rule: Option<String>,
}

impl Fingerprint {
    /// Of an offer as the rules file has it, and of its rule as Commerce has it, where that is known.
    pub fn of(offer: &Offer, book: Option<&Book>) -> Self {
        let rule = book.zip(offer.charge.rule_id()).and_then(|(book, id)| book.rule(id));
        // How often a rule was used is among what has no field of its own.
        let rule = rule.map(|rule| CartRule { rest: Arc::default(), ..rule.clone() });
        Self { offer: short(&format!("{offer:?}")), rule: rule.map(|rule| short(&format!("{rule:?}"))) }
    }

    /// Whether both are of the same, as far as anybody knows.
    pub fn fits(&self, other: &Self) -> bool {
        let both = self.rule.as_ref().zip(other.rule.as_ref());
        self.offer == other.offer && both.is_none_or(|(one, other)| one == other)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((offer, rule)) => Self { offer: offer.to_owned(), rule: Some(rule.to_owned()) },
            None => Self { offer: text.to_owned(), rule: None },
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{}.{rule}", self.offer),
            None => f.write_str(&self.offer),
        }
    }
}

fn short(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprints of all offers that are charged, by id.
pub type Fingerprints = BTreeMap<Arc<str>, Fingerprint>;

/// Those of a ruleset as it was published, before anything was paused.
pub fn fingerprints(ruleset: &Ruleset, book: Option<&Book>) -> Fingerprints {
    let charged = ruleset.offers.iter().filter(|offer| offer.charge != Charge::None);
    charged.map(|offer| (Arc::clone(&offer.id), Fingerprint::of(offer, book))).collect()
}

impl Ruleset {
    /// These rules with some offers paused: only their labels are shown, whatever their carts are charged.
    pub fn pausing(self, offers: &BTreeSet<Arc<str>>) -> Self {
        if !self.offers.iter().any(|offer| offers.contains(&offer.id)) {
            return self;
        }
        let pause = |offer: Arc<Offer>| {
            let mut offer = Arc::unwrap_or_clone(offer);
            if offers.contains(&offer.id) {
                offer.paused = true;
            }
            offer
        };
        let blocks = self.blocks.into_iter().map(Arc::unwrap_or_clone).collect();
        Self::new(self.audiences, self.offers.into_iter().map(pause).collect(), blocks)
    }
}
