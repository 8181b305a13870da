//! What changed between the audiences that were known and those that are listed now. Pure.

use std::collections::HashMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::aep::audiences::{Audience, Lifecycle};
use crate::aep::destinations::{Activation, Activations};
use crate::store::Known;

/// What was learnt from Experience Platform.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// Audiences that exist.
    pub(super) listed: Vec<Audience>,
    /// Ids of audiences that were known and of which Adobe says that they do not exist any more.
    pub(super) deleted: Vec<String>,
    /// Where audiences are activated; `None` when that could not be learnt.
    pub(super) activations: Option<Activations>,
}

/// Something that changed about an audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The audience's id.
    pub id: String,
    /// What it is called now.
    pub name: String,
    /// What happened.
    pub what: What,
}

/// What may happen to an audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was not known before.
    New,
    /// It had another name.
    Renamed {
        /// Which.
        from: String,
    },
    /// It is published, inactive, archived... now.
    Lifecycle {
        /// What it was.
        from: Lifecycle,
        /// What it is.
        to: Lifecycle,
    },
    /// It is activated for this shop now.
    Activated,
    /// It is activated for this shop no longer.
    Deactivated,
    /// It was deleted.
    Gone,
    /// It was deleted, and exists again.
    Returned,
}

impl What {
    /// One word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::New => "new",
            Self::Renamed { .. } => "renamed",
            Self::Lifecycle { to: Lifecycle::Unknown, .. } => "unknown",
            Self::Lifecycle { to, .. } => to.as_str(),
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Gone => "gone",
            Self::Returned => "returned",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what.as_str(), self.name, self.id)?;
        match &self.what {
            What::Renamed { from } => write!(f, ", before: {from}"),
            What::Lifecycle { from, .. } if !from.as_str().is_empty() => write!(f, ", before: {}", from.as_str()),
            _ => Ok(()),
        }
    }
}

/// No two syncs that run beside each other began further apart. A later time is of a clock that was wrong.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// Whether somebody else has learnt something since `began`.
fn is_newer(row: &Known, began: Timestamp) -> bool {
    row.last_seen > began && row.last_seen.duration_since(began) < APART
}

/// The rows to write, and what changed. What somebody else has learnt since `began` stays as it is.
pub(super) fn compare(known: Vec<Known>, learnt: &Learnt, began: Timestamp) -> (Vec<Known>, Vec<Change>) {
    let mut known: HashMap<String, Known> = known.into_iter().map(|one| (one.audience.id.clone(), one)).collect();
    let (mut rows, mut changes) = (Vec::new(), Vec::new());
    for audience in &learnt.listed {
        let before = known.remove(&audience.id);
        if before.as_ref().is_some_and(|before| is_newer(before, began)) {
            continue;
        }
        let activation = learnt.activations.as_ref().map(|activations| activations.of_audience(audience));
        let row = row(audience, activation, before.as_ref(), began);
        changes.extend(differences(before.as_ref(), &row));
        rows.push(row);
    }
    for id in &learnt.deleted {
        let Some(mut row) = known.remove(id).filter(|row| row.gone_at.is_none() && !is_newer(row, began)) else {
            continue;
        };
        row.gone_at = Some(began);
        row.activation = Activation::Unknown;
        changes.push(change(&row, What::Gone));
        rows.push(row);
    }
    (rows, changes)
}

fn row(audience: &Audience, activation: Option<Activation>, before: Option<&Known>, began: Timestamp) -> Known {
    let known = |before: &Known| before.activation.clone();
    let old_name = before.filter(|before| before.audience.name != audience.name);
    Known {
        audience: audience.clone(),
        activation: activation.or_else(|| before.map(known)).unwrap_or(Activation::Unknown),
        first_seen: before.map_or(began, |before| before.first_seen),
        last_seen: began,
        previous_name: match old_name {
            Some(old) => Some(old.audience.name.clone()),
            None => before.and_then(|before| before.previous_name.clone()),
        },
        gone_at: None,
    }
}

fn differences(before: Option<&Known>, row: &Known) -> Vec<Change> {
    let Some(before) = before else { return vec![change(row, What::New)] };
    let mut found = Vec::new();
    if before.gone_at.is_some() {
        found.push(What::Returned);
    }
    if before.audience.name != row.audience.name {
        found.push(What::Renamed { from: before.audience.name.clone() });
    }
    let (from, to) = (&before.audience.lifecycle, &row.audience.lifecycle);
    if from != to {
        found.push(What::Lifecycle { from: from.clone(), to: to.clone() });
    }
    // From or to "unknown" is news about Segue's knowledge, not about the audience.
    match (&before.activation, &row.activation) {
        (Activation::No, Activation::Yes(_)) => found.push(What::Activated),
        (Activation::Yes(_), Activation::No) => found.push(What::Deactivated),
        _ => {}
    }
    found.into_iter().map(|what| change(row, what)).collect()
}

fn change(row: &Known, what: What) -> Change {
    Change { id: row.audience.id.clone(), name: row.audience.name.clone(), what }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn audience(id: &str, name: &str, lifecycle: &str) -> Audience {
        Audience::read(&json!({ "id": id, "name": name, "lifecycleState": lifecycle })).expect("an audience")
    }

    fn learnt(listed: &[Audience]) -> Learnt {
        Learnt { listed: listed.to_vec(), ..Learnt::default() }
    }

    /// What is known after a listing at second 10.
    fn known(listed: &[Audience]) -> Vec<Known> {
        compare(Vec::new(), &learnt(listed), at(10)).0
    }

    fn words(changes: &[Change]) -> Vec<String> {
        changes.iter().map(Change::to_string).collect()
    }

    #[test]
    fn everything_is_new_at_first_and_nothing_changed_later() {
        let listed = [audience("a", "A", "published"), audience("b", "B", "draft")];
        let (rows, changes) = compare(Vec::new(), &learnt(&listed), at(10));
        assert_eq!(words(&changes), ["new: A (a)", "new: B (b)"]);
        let (rows, changes) = compare(rows, &learnt(&listed), at(20));
        assert_eq!(changes, []);
        assert_eq!((rows[0].first_seen, rows[0].last_seen), (at(10), at(20)));
    }

    #[test]
    fn notices_another_name_and_remembers_the_old_one() {
        let before = known(&[audience("a", "A", "published")]);
        let (rows, changes) = compare(before, &learnt(&[audience("a", "B", "published")]), at(20));
        assert_eq!(words(&changes), ["renamed: B (a), before: A"]);
        let (rows, changes) = compare(rows, &learnt(&[audience("a", "B", "published")]), at(30));
        assert_eq!(changes, []);
        assert_eq!(rows[0].previous_name.as_deref(), Some("A"));
    }

    #[test]
    fn notices_the_end_of_an_audience_in_each_of_its_forms() {
        let before =
            known(&[audience("a", "A", "published"), audience("b", "B", "published"), audience("c", "C", "published")]);
        let listed = [audience("a", "A", "archived"), audience("b", "B", "inactive")];
        let now = Learnt { deleted: vec!["c".to_owned()], ..learnt(&listed) };
        let (rows, changes) = compare(before.clone(), &now, at(20));
        let expected = ["archived: A (a), before: published", "inactive: B (b), before: published", "gone: C (c)"];
        assert_eq!(words(&changes), expected);
        assert_eq!(rows.iter().map(|row| row.gone_at).collect::<Vec<_>>(), [None, None, Some(at(20))]);
        let (again, changes) = compare(rows, &now, at(30));
        assert_eq!(changes, [], "it is news once");
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn what_is_merely_not_listed_is_not_gone() {
        let before = known(&[audience("a", "A", "published"), audience("b", "B", "published")]);
        let (rows, changes) = compare(before, &learnt(&[audience("a", "A", "published")]), at(20));
        assert_eq!((rows.len(), changes), (1, Vec::new()));
    }

    #[test]
    fn an_audience_may_come_back() {
        let before = known(&[audience("a", "A", "published")]);
        let gone = Learnt { deleted: vec!["a".to_owned()], ..Learnt::default() };
        let (rows, _) = compare(before, &gone, at(20));
        let (rows, changes) = compare(rows, &learnt(&[audience("a", "A", "published")]), at(30));
        assert_eq!(words(&changes), ["returned: A (a)"]);
        assert_eq!(rows[0].gone_at, None);
    }

    #[test]
    fn what_somebody_else_learnt_meanwhile_stays() {
        let before = known(&[audience("a", "A", "published")]);
        let earlier = Learnt { deleted: vec!["a".to_owned()], ..learnt(&[audience("a", "Old", "draft")]) };
        assert_eq!(compare(before, &earlier, at(5)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_a_wrong_clock_dated_ahead_is_learnt_anew() {
        let mut before = known(&[audience("a", "A", "published")]);
        before[0].last_seen = at(20) + APART;
        let (rows, changes) = compare(before, &learnt(&[audience("a", "B", "published")]), at(20));
        assert_eq!((words(&changes), rows[0].last_seen), (vec!["renamed: B (a), before: A".to_owned()], at(20)));
    }

    #[test]
    fn activation_stays_as_it_was_while_it_cannot_be_learnt() {
        let mut before = known(&[audience("a", "A", "published")]);
        before[0].activation = Activation::Yes(vec!["Shop".to_owned()]);
        let (rows, changes) = compare(before.clone(), &learnt(&[audience("a", "A", "published")]), at(20));
        assert_eq!((rows[0].activation.as_str(), changes), ("yes", Vec::new()));
        let unknown =
            Learnt { activations: Some(Activations::default()), ..learnt(&[audience("a", "A", "published")]) };
        let (rows, changes) = compare(before, &unknown, at(20));
        assert_eq!((rows[0].activation.as_str(), changes), ("unknown", Vec::new()));
    }
}
