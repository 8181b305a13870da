//! Reading the rules file.

use std::path::Path;

use crate::document::Mistake;
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::watch::Fingerprint;

/// Rules as a file holds them.
#[derive(Debug)]
pub struct LoadedRules {
    /// The rules.
    pub ruleset: Ruleset,
    /// What is odd about them but no mistake, such as audiences that are named but not listed.
    pub warnings: Vec<Mistake>,
    /// The file's state just before it was read.
    pub seen: Option<Fingerprint>,
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
    Ok(LoadedRules { ruleset, warnings, seen })
}
