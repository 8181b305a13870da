//! What the ruleset says about audiences: which exist, what they are called, and which of them rules name.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::plain;
use crate::rule::{AudienceId, AudienceTest, Ruleset};

/// The audiences of one revision of the rules. Made once per revision.
#[derive(Clone, Debug, Default)]
pub struct KnownAudiences {
    revision: u64,
    named: HashSet<AudienceId>,
    names: HashMap<AudienceId, String>,
    by_name: HashMap<String, Option<AudienceId>>,
}

impl KnownAudiences {
    /// The audiences of these rules.
    pub fn of(rules: &Ruleset) -> Self {
        let mut by_name: HashMap<String, Option<AudienceId>> = HashMap::new();
        for audience in &rules.audiences {
            by_name
                .entry(audience.name.trim().to_lowercase())
                .and_modify(|unique| *unique = None)
                .or_insert_with(|| Some(audience.id.clone()));
        }
        let tests = rules.offers.iter().map(|offer| &offer.audiences);
        let tests = tests.chain(rules.blocks.iter().map(|block| &block.audiences));
        Self {
            revision: rules.revision,
            named: tests.flat_map(AudienceTest::named).cloned().collect(),
            names: rules.audiences.iter().map(|audience| (audience.id.clone(), audience.name.clone())).collect(),
            by_name,
        }
    }

    /// The revision of the rules.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether a rule names this audience.
    pub fn is_named(&self, id: &str) -> bool {
        self.named.contains(id)
    }

    /// Whether the rules list this audience.
    pub fn is_listed(&self, id: &str) -> bool {
        self.names.contains_key(id)
    }

    /// What the audience is called: its id when nothing else is known.
    pub fn label<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// The audience that a person means by `text`: the id of a known audience, a name that only one has (whatever its case),
    /// or a UUID.
    pub fn resolve(&self, text: &str) -> Option<AudienceId> {
        if let Some((id, _)) = self.names.get_key_value(text) {
            return Some(id.clone());
        }
        if let Some(found) = self.by_name.get(&text.to_lowercase()) {
            return found.clone();
        }
        (plain::is_id(text) && Uuid::try_parse(text).is_ok()).then(|| text.into())
    }

    /// `audiences` with those that rules name first, each part in the order of the ids.
    pub(super) fn named_first<'a>(
        &self,
        audiences: impl Iterator<Item = &'a AudienceId> + Clone,
    ) -> Vec<&'a AudienceId> {
        let named = audiences.clone().filter(|id| self.is_named(id));
        named.chain(audiences.filter(|id| !self.is_named(id))).collect()
    }
}

impl AudienceTest {
    fn named(&self) -> impl Iterator<Item = &AudienceId> {
        self.any.iter().chain(&self.all).chain(&self.none)
    }
}
