//! What is being worked on, beside what is live: both as entries of a rules file, and the difference in words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::words;
use crate::document::Mistake;
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::store::{Entry, Kind, RuleState};

/// The entries of one kind, by id.
type Entries<T> = BTreeMap<String, T>;

/// What audiences are called, by id.
pub type Names = BTreeMap<String, String>;

/// What is being worked on, and what is live.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// How far the store was when this was read.
    pub state: RuleState,
    drafts: BTreeMap<Kind, Entries<Arc<Entry>>>,
    live: Arc<BTreeMap<Kind, Entries<Value>>>,
    /// What audiences of the inventory are called.
    pub inventory: Names,
    pending: OnceLock<usize>,
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is in force.
    Live,
    /// It is published and its first day is yet to come.
    Scheduled,
    /// It is published and its last day is over.
    Ended,
    /// It was never published.
    Draft,
}

impl Standing {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Scheduled => "scheduled",
            Self::Ended => "ended",
            Self::Draft => "draft",
        }
    }
}

/// A difference between what is worked on and what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of what.
    pub kind: Kind,
    /// Which one.
    pub id: String,
    /// What it is called now, or was last.
    pub name: String,
    /// In which way it differs.
    pub what: What,
}

/// In which way an entry differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added(Vec<String>),
    /// It is gone.
    Removed,
    /// It is otherwise.
    Changed(Vec<String>),
}

impl Desk {
    /// A desk with these drafts, and a rules file that is live.
    pub fn new(state: RuleState, entries: Vec<Entry>, live: &Value, inventory: Names) -> Self {
        let live = Arc::new(by_kind(live));
        Self { state, drafts: BTreeMap::new(), live, inventory, pending: OnceLock::new() }.with(entries)
    }

    fn with(mut self, entries: Vec<Entry>) -> Self {
        for entry in entries {
            self.drafts.entry(entry.kind).or_default().insert(entry.id.clone(), Arc::new(entry));
        }
        self
    }

    /// The same desk after entries were written, and, with `live`, after something was published. What was taken away is still there.
    pub fn after(&self, state: RuleState, written: Vec<Entry>, live: Option<&Value>) -> Self {
        let live = live.map_or_else(|| Arc::clone(&self.live), |live| Arc::new(by_kind(live)));
        let (drafts, inventory) = (self.drafts.clone(), self.inventory.clone());
        Self { state, drafts, live, inventory, pending: OnceLock::new() }.with(written)
    }

    /// A desk with other drafts on what is live.
    pub fn with_drafts(&self, entries: Vec<Entry>) -> Self {
        let (live, inventory) = (Arc::clone(&self.live), self.audiences());
        Self { state: self.state, drafts: BTreeMap::new(), live, inventory, pending: OnceLock::new() }.with(entries)
    }

    /// How many entries are worked on.
    pub fn len(&self) -> usize {
        self.drafts.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing is worked on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is worked on, of one kind, by id.
    pub fn drafts(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.drafts.get(&kind).into_iter().flat_map(BTreeMap::values).map(|entry| &**entry)
    }

    /// How many there are of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.drafts.get(&kind).map_or(0, BTreeMap::len)
    }

    /// An entry that is worked on.
    pub fn draft(&self, kind: Kind, id: &str) -> Option<&Entry> {
        self.drafts.get(&kind)?.get(id).map(|entry| &**entry)
    }

    /// An entry as it is live.
    pub fn live(&self, kind: Kind, id: &str) -> Option<&Value> {
        self.live.get(&kind)?.get(id)
    }

    /// What every audience is called that is known, in the inventory or here.
    pub fn audiences(&self) -> Names {
        let own = self.drafts(Kind::Audience).map(|entry| (entry.id.clone(), words::name(&entry.value).to_owned()));
        self.inventory.iter().map(|(id, name)| (id.clone(), name.clone())).chain(own).collect()
    }

    /// How an entry stands on a day.
    pub fn standing(&self, kind: Kind, id: &str, today: Date) -> Standing {
        let Some(live) = self.live(kind, id) else { return Standing::Draft };
        let day = |key: &str| live[key].as_str().and_then(|text| text.parse::<Date>().ok());
        match (day("from"), day("to")) {
            (_, Some(to)) if to < today => Standing::Ended,
            (Some(from), _) if today < from => Standing::Scheduled,
            _ => Standing::Live,
        }
    }

    /// Whether an entry was changed since it was published.
    pub fn is_changed(&self, kind: Kind, id: &str) -> bool {
        match (self.draft(kind, id), self.live(kind, id)) {
            (Some(draft), Some(live)) => draft.value != *live,
            (draft, live) => draft.is_some() != live.is_some(),
        }
    }

    /// The rules file of what is worked on. Its audiences are those of the inventory too.
    pub fn document(&self) -> Value {
        let mut audiences: BTreeMap<&str, Value> =
            self.inventory.iter().map(|(id, name)| (id.as_str(), json!({ "id": id, "name": name }))).collect();
        audiences.extend(self.drafts(Kind::Audience).map(|entry| (entry.id.as_str(), entry.value.clone())));
        let list = |kind| self.drafts(kind).map(|entry| entry.value.clone()).collect::<Vec<_>>();
        json!({
            "version": 1,
            "audiences": audiences.into_values().collect::<Vec<_>>(),
            "offers": list(Kind::Offer),
            "blocks": list(Kind::Block),
        })
    }

    /// Where what is worked on differs from what is live, by kind and name. An audience of the inventory is no difference.
    pub fn differences(&self) -> Vec<Difference> {
        let names = self.audiences();
        let mut all: Vec<Difference> =
            Kind::ALL.into_iter().flat_map(|kind| self.differences_of(kind, &names)).collect();
        all.sort_by(|a, b| (a.kind, &a.name, &a.id).cmp(&(b.kind, &b.name, &b.id)));
        all
    }

    fn differences_of(&self, kind: Kind, names: &Names) -> Vec<Difference> {
        let ids = |entries: Option<&Entries<Value>>| entries.into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let mut all: BTreeSet<String> = ids(self.live.get(&kind));
        all.extend(self.drafts(kind).map(|entry| entry.id.clone()));
        let one = |id: String| {
            let (draft, live) = (self.draft(kind, &id).map(|entry| &entry.value), self.live(kind, &id));
            let what = match (draft, live) {
                (Some(new), None) => What::Added(words::summary(kind, new, names)),
                (None, Some(_)) if kind == Kind::Audience => return None,
                (None, Some(_)) => What::Removed,
                (Some(new), Some(old)) if new != old => What::Changed(words::changes(old, new, names)),
                _ => return None,
            };
            let name = words::name(draft.or(live)?).to_owned();
            Some(Difference { kind, id, name, what })
        };
        all.into_iter().filter_map(one).collect()
    }

    /// How many entries differ.
    pub fn pending(&self) -> usize {
        *self.pending.get_or_init(|| self.differences().len())
    }

    /// Reads one entry as if it alone was to be published: its mistakes and warnings, each with the field that it is about, such as
    /// `amount` or `labels/de`.
    pub fn check(&self, kind: Kind, value: &Value, sites: &Sites) -> Checked {
        self.check_all(kind, std::slice::from_ref(value), sites).pop().unwrap_or_default()
    }

    /// The same for several entries of a kind that are to be published together, in their order.
    pub fn check_all(&self, kind: Kind, values: &[Value], sites: &Sites) -> Vec<Checked> {
        let mut document = json!({ "version": 1 });
        if kind != Kind::Audience {
            let audiences = self.audiences().into_iter().map(|(id, name)| json!({ "id": id, "name": name }));
            document["audiences"] = audiences.collect();
        }
        document[kind.list()] = json!(values);
        let (mistakes, warnings) = match Ruleset::parse("the draft", document.to_string().as_bytes(), sites) {
            Ok((_, warnings)) => (Vec::new(), warnings),
            Err(mistakes) => (mistakes, Vec::new()),
        };
        let mut checked = vec![Checked::default(); values.len()];
        let mut sort = |found: Vec<Mistake>, into: fn(&mut Checked) -> &mut Vec<(String, String)>| {
            for Mistake { place, message, .. } in found {
                // Places are such as /offers/3/amount.
                let mut parts = place.trim_start_matches('/').splitn(3, '/');
                let own = parts.next().filter(|list| *list == kind.list());
                let at = own.and_then(|_| parts.next()?.parse::<usize>().ok()).filter(|at| *at < values.len());
                let field = parts.next().filter(|_| at.is_some()).unwrap_or_default();
                // What is not about one of them is in the way of all.
                let concerned = at.map_or(0..values.len(), |at| at..at + 1);
                for one in &mut checked[concerned] {
                    into(one).push((field.to_owned(), message.clone()));
                }
            }
        };
        sort(mistakes, |checked| &mut checked.mistakes);
        sort(warnings, |checked| &mut checked.warnings);
        checked
    }
}

/// What is wrong with an entry, and what is odd about it: the field, and words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Why it cannot be published.
    pub mistakes: Vec<(String, String)>,
    /// What is allowed but hardly meant.
    pub warnings: Vec<(String, String)>,
}

fn by_kind(rules: &Value) -> BTreeMap<Kind, Entries<Value>> {
    let of_kind = |kind: Kind| {
        let list = rules[kind.list()].as_array().into_iter().flatten();
        let entries = list.filter_map(|value| Some((value["id"].as_str()?.trim().to_owned(), value.clone())));
        (kind, entries.collect())
    };
    Kind::ALL.into_iter().map(of_kind).collect()
}

/// What of a rules file is to be worked on: all of it but for audiences of the inventory, which are known by themselves.
pub fn own(rules: &Value, inventory: &Names) -> Value {
    let mut own = rules.clone();
    if let Some(audiences) = own.get_mut("audiences").and_then(Value::as_array_mut) {
        audiences.retain(|audience| audience["id"].as_str().is_none_or(|id| !inventory.contains_key(id)));
    }
    own
}

/// An entry without what says nothing: empty lists, texts and objects, and absent values.
pub fn tidy(value: Value) -> Value {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match value {
        Value::Object(object) => {
            let kept =
                object.into_iter().map(|(key, value)| (key, tidy(value))).filter(|(_, value)| !is_nothing(value));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        value => value,
    }
}

#[cfg(test)]
mod tests;
