//! Offers that are not shown as prices for the time being, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::counts::Figures;
use crate::rule::{Charge, Offer, Ruleset};

/// An offer that carts did not charge as promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its id.
    pub offer: Arc<str>,
    /// What it and its rule said then.
    pub fingerprint: String,
    /// Since when.
    pub since: Timestamp,
    /// Distinct shoppers within the hour before whose carts kept the promise.
    pub agreed: u32,
    /// Those with a cart that did not.
    pub differed: u32,
}

impl Pause {
    /// A pause from now on.
    pub fn new(offer: Arc<str>, fingerprint: String, figures: Figures) -> Self {
        Self { offer, fingerprint, since: Timestamp::now(), agreed: figures.agreed, differed: figures.differed }
    }

    /// Why, in words.
    pub fn reason(&self) -> String {
        let comparable = self.agreed + self.differed;
        format!("the carts of {} shoppers, of {comparable} compared, were charged something else", self.differed)
    }
}

/// A short text that changes with anything that an offer says, its cart price rule included: a fix of either is a new start.
pub fn fingerprint(offer: &Offer) -> String {
    let digest = Sha256::digest(format!("{offer:?}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprints of all offers that are charged, by id.
pub type Fingerprints = BTreeMap<Arc<str>, String>;

/// Those of a ruleset as it was published, before anything was paused.
pub fn fingerprints(ruleset: &Ruleset) -> Fingerprints {
    let charged = ruleset.offers.iter().filter(|offer| offer.charge != Charge::None);
    charged.map(|offer| (Arc::clone(&offer.id), fingerprint(offer))).collect()
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
                offer.label_only = true;
            }
            offer
        };
        let blocks = self.blocks.into_iter().map(Arc::unwrap_or_clone).collect();
        Self::new(self.audiences, self.offers.into_iter().map(pause).collect(), blocks)
    }
}
