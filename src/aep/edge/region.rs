//! Regions of the Edge Network: each keeps its own copy of profiles, so that a shopper is asked about where he is known.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The regions that Adobe names.
const NAMED: [&str; 7] = ["or2", "va6", "irl1", "ind1", "jpn3", "sgp3", "aus3"];

/// Regions learnt beyond those: Adobe has a handful.
const MOST_LEARNT: usize = 64;

/// The regions that exist. A browser says in which one its shopper is known; a made-up one would be a host or path of somebody's
/// choice, and its failures would count against all.
#[derive(Debug)]
pub struct Regions {
    default: Option<String>,
    learnt: Mutex<BTreeSet<String>>,
}

impl Regions {
    /// The regions that Adobe names, and `default` for shoppers who name none.
    pub fn new(default: Option<&str>) -> Self {
        Self {
            default: default.map(str::to_owned),
            learnt: Mutex::new(default.map(str::to_owned).into_iter().collect()),
        }
    }

    /// The region of shoppers who name none.
    pub fn default(&self) -> Option<String> {
        self.default.clone()
    }

    /// The region that a browser names, if there is such a one.
    pub fn known(&self, hint: &str) -> Option<String> {
        let learnt = || self.learnt.lock().unwrap_or_else(PoisonError::into_inner).contains(hint);
        (NAMED.contains(&hint) || learnt()).then(|| hint.to_owned())
    }

    /// Notes a region that the Edge Network itself named.
    pub fn learn(&self, region: &str) {
        if NAMED.contains(&region) {
            return;
        }
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt.len() < MOST_LEARNT {
            learnt.insert(region.to_owned());
        }
    }
}

/// Whether this has the form of a region, such as `irl1`.
pub fn is_region(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
    let digits = &text[letters..];
    (2..=5).contains(&letters) && (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_browsers_word_only_for_regions_that_exist() {
        let regions = Regions::new(Some("nld9"));
        for (hint, known) in [("or2", true), ("nld9", true), ("evil1", false), ("", false), ("or2.evil.example", false)]
        {
            assert_eq!(regions.known(hint).is_some(), known, "{hint}");
        }
        regions.learn("bra1");
        assert_eq!(regions.known("bra1").as_deref(), Some("bra1"));
        assert_eq!(regions.default().as_deref(), Some("nld9"));
        (0..200).for_each(|number| regions.learn(&format!("made{number}")));
        assert!(regions.learnt.lock().expect("nobody panicked").len() <= MOST_LEARNT);
    }

    #[test]
    fn tells_a_region_from_a_path() {
        for (text, good) in [
            ("or2", true),
            ("sgp3", true),
            ("v2", false),
            ("or", false),
            ("../x1", false),
            ("or2/", false),
            ("OR2", false),
        ] {
            assert_eq!(is_region(text), good, "{text}");
        }
    }
}
