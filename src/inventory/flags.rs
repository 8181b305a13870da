//! What is the matter with audiences that rules use. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::aep::audiences::{Audience, Evaluation, Lifecycle};
use crate::aep::destinations::Activation;
use crate::rule::{AudienceId, AudienceTest, Ruleset};
use crate::store::Known;

/// What may be the matter with an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// It was deleted.
    Gone,
    /// The sandbox has never had it.
    Unlisted,
    /// It is archived.
    Archived,
    /// It is switched off.
    Inactive,
    /// It is not published yet.
    Draft,
    /// It is not activated for this shop.
    NotActivated,
    /// It is evaluated once a day.
    BatchOnly,
    /// It has another name than in the rules.
    Renamed,
}

impl Flag {
    /// Every flag.
    pub const ALL: [Self; 8] = [
        Self::Gone,
        Self::Unlisted,
        Self::Archived,
        Self::Inactive,
        Self::Draft,
        Self::NotActivated,
        Self::BatchOnly,
        Self::Renamed,
    ];

    /// One word for logs, metrics and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Unlisted => "unlisted",
            Self::Archived => "archived",
            Self::Inactive => "inactive",
            Self::Draft => "draft",
            Self::NotActivated => "not_activated",
            Self::BatchOnly => "batch_only",
            Self::Renamed => "renamed",
        }
    }

    /// What it means for shoppers, and the way out.
    fn sentence(self) -> &'static str {
        match self {
            Self::Gone => "is deleted in Experience Platform, so nobody is in it any more: take it out of the rules",
            Self::Unlisted => {
                "does not exist in this sandbox, so nobody is in it: compare its id with `segue audiences list`, and sandbox"
            }
            Self::Archived => {
                "is archived in Experience Platform, so nobody joins it any more: publish it again, or take it out of the rules"
            }
            Self::Inactive => {
                "is inactive in Experience Platform, so nobody joins it: publish it again, or take it out of the rules"
            }
            Self::Draft => "is a draft in Experience Platform, so nobody is in it yet: publish it",
            Self::NotActivated => {
                "is not activated for this shop, so Segue never learns who is in it: activate it in Experience Platform → \
                 Destinations"
            }
            Self::BatchOnly => {
                "is evaluated once a day, so shoppers join it a day late: edge evaluation is what follows them from page to page"
            }
            Self::Renamed => "has another name in Experience Platform",
        }
    }
}

/// An offer or a block that uses an audience.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// `offer` or `block`.
    pub kind: &'static str,
    /// Its id.
    pub id: Arc<str>,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// The audiences that rules use, and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<AudienceId, Used>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Used {
    /// What the rules call it.
    name: Option<String>,
    by: Vec<Use>,
}

impl Uses {
    /// Those of a ruleset.
    pub fn of(ruleset: &Ruleset) -> Self {
        let mut uses = Self::default();
        for offer in &ruleset.offers {
            uses.add("offer", &offer.id, &offer.audiences);
        }
        for block in &ruleset.blocks {
            uses.add("block", &block.id, &block.audiences);
        }
        for audience in &ruleset.audiences {
            if let Some(used) = uses.0.get_mut(&audience.id) {
                used.name = Some(audience.name.clone());
            }
        }
        uses
    }

    fn add(&mut self, kind: &'static str, id: &Arc<str>, test: &AudienceTest) {
        for audience in test.any.iter().chain(&test.all).chain(&test.none) {
            let by = &mut self.0.entry(audience.clone()).or_default().by;
            let new = Use { kind, id: Arc::clone(id) };
            if by.last() != Some(&new) {
                by.push(new);
            }
        }
    }

    /// What uses an audience, by whichever of its ids.
    pub fn of_audience(&self, audience: &Audience) -> Vec<&Use> {
        let mut uses: Vec<&Use> =
            audience.membership_ids().filter_map(|id| self.0.get(id)).flat_map(|used| &used.by).collect();
        uses.sort_unstable();
        uses.dedup();
        uses
    }
}

/// An audience that rules use and that something is the matter with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flagged {
    /// What is the matter.
    pub flag: Flag,
    /// The id by which rules use it.
    pub id: AudienceId,
    /// What the rules call it; its id when they do not say.
    pub name: String,
    /// What Experience Platform calls it.
    pub platform_name: Option<String>,
    /// What uses it.
    pub used_in: Vec<Use>,
}

impl fmt::Display for Flagged {
    /// A sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, id, name, platform_name, used_in } = self;
        write!(f, "audience \"{name}\" ({id}) {}", flag.sentence())?;
        if let (Flag::Renamed, Some(other)) = (flag, platform_name) {
            write!(f, ", \"{other}\": see whether it is still the one that is meant")?;
        }
        let used_in: Vec<String> = used_in.iter().map(Use::to_string).collect();
        write!(f, "; used in {}", used_in.join(", "))
    }
}

/// What is the matter with the audiences that are used. `complete` says that `known` is all there is: otherwise an audience that is not
/// among them may still exist.
pub fn flags(uses: &Uses, known: &[Known], complete: bool) -> Vec<Flagged> {
    let mut by_id: HashMap<&str, &Known> = HashMap::new();
    for one in known {
        by_id.entry(&one.audience.audience_id).or_insert(one);
    }
    // An audience's own id wins over another one's that somebody chose.
    by_id.extend(known.iter().map(|one| (&*one.audience.id, one)));
    let mut found = Vec::new();
    for (id, used) in &uses.0 {
        let known = by_id.get(&**id);
        let flags = match known {
            Some(known) => of_audience(known, used.name.as_deref()),
            None if complete => vec![Flag::Unlisted],
            None => Vec::new(),
        };
        let platform_name = known.map(|known| known.audience.name.clone());
        let name = used.name.clone().or(platform_name.clone()).unwrap_or_else(|| id.to_string());
        let used_in = &used.by;
        found.extend(flags.into_iter().map(|flag| Flagged {
            flag,
            id: id.clone(),
            name: name.clone(),
            platform_name: platform_name.clone(),
            used_in: used_in.clone(),
        }));
    }
    found.sort();
    found
}

fn of_audience(known: &Known, name_in_rules: Option<&str>) -> Vec<Flag> {
    let audience = &known.audience;
    if known.gone_at.is_some() {
        return vec![Flag::Gone];
    }
    let lifecycle = match audience.lifecycle {
        Lifecycle::Draft => Some(Flag::Draft),
        Lifecycle::Inactive => Some(Flag::Inactive),
        Lifecycle::Archived => Some(Flag::Archived),
        Lifecycle::Published | Lifecycle::Other(_) | Lifecycle::Unknown => None,
    };
    let activation = (known.activation == Activation::No).then_some(Flag::NotActivated);
    let evaluation = (audience.evaluation == Evaluation::Batch).then_some(Flag::BatchOnly);
    let name = name_in_rules.is_some_and(|name| name != audience.name).then_some(Flag::Renamed);
    [lifecycle, activation, evaluation, name].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::demo;
    use crate::inventory::tests::ruleset;

    fn known(value: Value) -> Known {
        Known {
            audience: Audience::read(&value).expect("an audience"),
            activation: Activation::Unknown,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            previous_name: None,
            gone_at: None,
        }
    }

    /// Rules that use `vip` (called "VIP") twice and `odd` (not listed) once.
    fn uses() -> Uses {
        let offer = |id: &str, any: &[&str], none: &[&str]| {
            let test = AudienceTest {
                any: any.iter().map(|id| (*id).into()).collect(),
                none: none.iter().map(|id| (*id).into()).collect(),
                ..AudienceTest::default()
            };
            (Arc::<str>::from(id), test)
        };
        let mut uses = Uses::default();
        let (id, test) = offer("o1", &["vip"], &["vip", "odd"]);
        uses.add("offer", &id, &test);
        let (id, test) = offer("b1", &["vip"], &[]);
        uses.add("block", &id, &test);
        uses.0.get_mut("vip").expect("used").name = Some("VIP".to_owned());
        uses
    }

    fn words(known: &[Known]) -> Vec<&'static str> {
        flags(&uses(), known, false).iter().map(|flagged| flagged.flag.as_str()).collect()
    }

    #[test]
    fn an_audience_in_order_has_no_flag() {
        let evaluation = json!({ "synchronous": { "enabled": true } });
        let mut vip =
            known(json!({ "id": "vip", "name": "VIP", "lifecycleState": "published", "evaluationInfo": evaluation }));
        vip.activation = Activation::Yes(vec!["Shop".to_owned()]);
        assert_eq!(words(&[vip]), [""; 0]);
        assert_eq!(
            words(&[known(json!({ "id": "vip", "name": "VIP", "lifecycleState": "frozen" }))]),
            [""; 0],
            "nothing is guessed"
        );
    }

    #[test]
    fn each_flag_has_its_sentence() {
        let vip = |key: &str, value: &str| known(json!({ "id": "vip", "name": "VIP", key: value }));
        let batch = json!({ "id": "vip", "name": "VIP", "evaluationInfo": { "batch": { "enabled": true } } });
        let (mut gone, mut idle) = (vip("x", ""), vip("x", ""));
        gone.gone_at = Some(Timestamp::UNIX_EPOCH);
        idle.activation = Activation::No;
        let cases = [
            (vip("lifecycleState", "archived"), "archived"),
            (vip("lifecycleState", "inactive"), "inactive"),
            (vip("lifecycleState", "draft"), "draft"),
            (known(batch), "batch_only"),
            (gone, "gone"),
            (idle, "not_activated"),
            (known(json!({ "id": "vip", "name": "Very important" })), "renamed"),
        ];
        for (known, expected) in cases {
            let [flagged] = flags(&uses(), &[known], false).try_into().expect("one flag");
            assert_eq!(flagged.flag.as_str(), expected);
            let text = flagged.to_string();
            assert!(
                text.starts_with("audience \"VIP\" (vip) ") && text.ends_with("; used in offer o1, block b1"),
                "{text}"
            );
        }
        let renamed = flags(&uses(), &[known(json!({ "id": "vip", "name": "Very important" }))], false);
        assert!(renamed[0].to_string().contains("\"Very important\""), "{}", renamed[0]);
    }

    #[test]
    fn what_is_not_listed_is_flagged_only_where_the_list_is_whole() {
        let vip = known(json!({ "id": "vip", "name": "VIP" }));
        let known = [vip];
        assert_eq!(words(&known), [""; 0]);
        let [flagged] = flags(&uses(), &known, true).try_into().expect("one flag");
        assert_eq!((flagged.flag, &*flagged.id, &*flagged.name), (Flag::Unlisted, "odd", "odd"));
    }

    #[test]
    fn an_external_audience_is_known_by_the_id_that_its_owner_gave_it() {
        let external = known(json!({ "id": "e1", "audienceId": "vip", "name": "VIP", "lifecycleState": "draft" }));
        assert_eq!(words(std::slice::from_ref(&external)), ["draft"]);
        assert_eq!(
            uses().of_audience(&external.audience).iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["block b1", "offer o1"]
        );
        let own = known(json!({ "id": "vip", "name": "VIP" }));
        assert_eq!(words(&[own.clone(), external.clone()]), [""; 0], "its own id wins");
        assert_eq!(words(&[external, own]), [""; 0]);
    }

    #[test]
    fn finds_what_a_ruleset_uses() {
        let uses = Uses::of(&ruleset(demo::RULES));
        assert!(!uses.0.is_empty());
        assert!(uses.0.values().all(|used| used.name.is_some() && !used.by.is_empty()), "{uses:?}");
    }
}
