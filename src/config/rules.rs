//! Reading the rules: from their file, or from the store, where the admin UI publishes them.

use std::path::{Path, PathBuf};

use super::Config;
use crate::document::Mistake;
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::store::StoreError;
use crate::watch::Fingerprint;

/// Where rules come from. It is one or the other, so that nobody's change is another's surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesSource {
    /// A file, which is kept under version control elsewhere.
    File(PathBuf),
    /// The store.
    Store {
        /// Where the rules that were last in force are kept, for a time when the store is gone.
        kept: PathBuf,
    },
}

/// Rules as they were read.
#[derive(Debug)]
pub struct LoadedRules {
    /// The rules.
    pub ruleset: Ruleset,
    /// What is odd about them but no mistake, such as audiences that are named but not listed.
    pub warnings: Vec<Mistake>,
    /// The file's state just before it was read.
    pub seen: Option<Fingerprint>,
    /// The revision of the store's; none of a file's, and while nothing was published.
    pub published: Option<i64>,
}

/// Why rules cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// They have mistakes.
    #[error("{} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// The store is not to be had, and nothing was kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Vec<Mistake>> for RulesError {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl LoadedRules {
    /// No rules at all.
    pub fn none() -> Self {
        let ruleset = Ruleset::new(Vec::new(), Vec::new(), Vec::new());
        Self { ruleset, warnings: Vec::new(), seen: None, published: None }
    }

    /// Reads what was published.
    ///
    /// # Errors
    /// Every mistake in it: what was right once may name store views that are gone.
    pub fn published(number: i64, rules: &str, sites: &Sites) -> Result<Self, Vec<Mistake>> {
        let (ruleset, warnings) = Ruleset::parse(&format!("revision {number}"), rules.as_bytes(), sites)?;
        Ok(Self { ruleset, warnings, seen: None, published: Some(number) })
    }
}

/// Reads a rules file.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn load_rules(path: &Path, sites: &Sites) -> Result<LoadedRules, Vec<Mistake>> {
    let name = path.display().to_string();
    let seen = Fingerprint::of(path);
    let json = std::fs::read(path).map_err(|error| {
        vec![Mistake { file: name.clone(), place: String::new(), message: format!("cannot be read: {error}") }]
    })?;
    let (ruleset, warnings) = Ruleset::parse(&name, &json, sites)?;
    Ok(LoadedRules { ruleset, warnings, seen, published: None })
}

/// Reads the rules of a configuration, wherever they are.
///
/// # Errors
/// When they have mistakes, or are in a store that is not to be had.
pub async fn rules(config: &Config) -> Result<LoadedRules, RulesError> {
    let kept = match &config.rules {
        RulesSource::File(path) => return Ok(load_rules(path, &config.sites)?),
        RulesSource::Store { kept } => kept,
    };
    if !config.store.may_hold() {
        return Ok(LoadedRules::none());
    }
    let newest = async { config.store.open().await?.newest_rules().await };
    match newest.await {
        Ok(None) => Ok(LoadedRules::none()),
        Ok(Some((number, rules))) => Ok(LoadedRules::published(number, &rules, &config.sites)?),
        // What was kept has no number, so that the store's is taken over once it is there again.
        Err(_) if kept.exists() => Ok(load_rules(kept, &config.sites)?),
        Err(error) => Err(error.into()),
    }
}
