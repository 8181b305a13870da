//! Who was seen, and who is in which audience.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Beyond this many, whoever was seen longest ago is forgotten: a load test's worth of shoppers is some 10 MB.
const MOST_VISITORS: usize = 20_000;
/// Beyond this many linked identities the links are dropped: tests have a few.
const MOST_LINKS: usize = 20_000;
/// No browser's name is longer, and what a client sends is not kept whole.
const LONGEST_USER_AGENT: usize = 300;

/// Somebody with an Experience Cloud id.
#[derive(Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The id.
    pub ecid: String,
    /// The audiences that he is in, by id.
    pub audiences: BTreeSet<String>,
    /// Whether the Edge Network has a profile of him.
    pub is_known: bool,
    /// When the Edge Network saw him first; `None` for somebody who was only moved.
    pub first_seen: Option<SystemTime>,
    /// When it saw him last.
    pub last_seen: Option<SystemTime>,
    /// His browser, as it calls itself.
    pub user_agent: Option<String>,
    /// The region that saw him first.
    region: Option<String>,
    /// Counts up with every sight.
    sight: u64,
}

/// Without the id, which is his.
impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Table {
    visitors: HashMap<String, Visitor>,
    /// By sight, the oldest first.
    order: BTreeMap<u64, String>,
    /// From (namespace, id) to Experience Cloud id.
    links: HashMap<(String, String), String>,
    sights: u64,
}

/// All visitors.
#[derive(Default)]
pub struct Visitors {
    table: Mutex<Table>,
}

impl fmt::Debug for Visitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitors").field("count", &self.table().visitors.len()).finish()
    }
}

impl Visitors {
    fn table(&self) -> MutexGuard<'_, Table> {
        // A table that a panicking thread left is still a table.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a region saw somebody, who thereby becomes known where `is_known` says so.
    pub fn see(&self, ecid: &str, user_agent: Option<&str>, region: &str, is_known: bool) {
        let now = SystemTime::now();
        self.table().touch(ecid, |visitor| {
            visitor.is_known |= is_known;
            visitor.first_seen.get_or_insert(now);
            visitor.last_seen = Some(now);
            visitor.region.get_or_insert_with(|| region.to_owned());
            if let Some(user_agent) = user_agent {
                visitor.user_agent = Some(user_agent.chars().take(LONGEST_USER_AGENT).collect());
            }
        });
    }

    /// Moves somebody into an audience or out of it; whether that changed anything.
    pub fn move_one(&self, ecid: &str, audience: &str, is_in: bool) -> bool {
        self.table().touch(ecid, |visitor| {
            visitor.is_known = true;
            if is_in { visitor.audiences.insert(audience.to_owned()) } else { visitor.audiences.remove(audience) }
        })
    }

    /// Forgets somebody and his audiences.
    pub fn forget(&self, ecid: &str) {
        let mut table = self.table();
        if let Some(visitor) = table.visitors.remove(ecid) {
            table.order.remove(&visitor.sight);
        }
    }

    /// The audiences of somebody whose profile a region has.
    pub fn audiences(&self, ecid: &str, region: Option<&str>) -> Option<BTreeSet<String>> {
        let table = self.table();
        let visitor = table.visitors.get(ecid).filter(|visitor| visitor.is_known)?;
        let is_here = region.is_none() || visitor.region.is_none() || visitor.region.as_deref() == region;
        is_here.then(|| visitor.audiences.clone())
    }

    /// Everybody, whoever was seen or moved last in front.
    pub fn all(&self) -> Vec<Visitor> {
        let table = self.table();
        table.order.values().rev().filter_map(|ecid| table.visitors.get(ecid).cloned()).collect()
    }

    /// Says that another identity is somebody's, too.
    pub fn link(&self, namespace: &str, id: &str, ecid: &str) {
        let mut table = self.table();
        if table.links.len() >= MOST_LINKS {
            table.links.clear();
        }
        table.links.insert((namespace.to_owned(), id.to_owned()), ecid.to_owned());
    }

    /// Whose identity this is.
    pub fn linked(&self, namespace: &str, id: &str) -> Option<String> {
        self.table().links.get(&(namespace.to_owned(), id.to_owned())).cloned()
    }
}

impl Table {
    fn touch<T>(&mut self, ecid: &str, change: impl FnOnce(&mut Visitor) -> T) -> T {
        self.sights += 1;
        let sight = self.sights;
        let visitor = self.visitors.entry(ecid.to_owned()).or_insert_with(|| Visitor::new(ecid));
        let before = std::mem::replace(&mut visitor.sight, sight);
        let done = change(visitor);
        self.order.remove(&before);
        self.order.insert(sight, ecid.to_owned());
        if self.visitors.len() > MOST_VISITORS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.visitors.remove(&oldest);
        }
        done
    }
}

impl Visitor {
    fn new(ecid: &str) -> Self {
        Self {
            ecid: ecid.to_owned(),
            audiences: BTreeSet::new(),
            is_known: false,
            first_seen: None,
            last_seen: None,
            user_agent: None,
            region: None,
            sight: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_whoever_was_seen_longest_ago() {
        let visitors = Visitors::default();
        for number in 0..MOST_VISITORS {
            visitors.see(&number.to_string(), None, "or2", true);
        }
        visitors.see("0", None, "or2", true);
        visitors.see("new", None, "or2", true);
        let all = visitors.all();
        assert_eq!(all.len(), MOST_VISITORS);
        assert_eq!((&*all[0].ecid, &*all[1].ecid, &*all[2].ecid), ("new", "0", "19999"));
        assert!(visitors.audiences("1", None).is_none() && visitors.audiences("2", None).is_some());
    }

    #[test]
    fn knows_a_profile_only_where_it_is() {
        let visitors = Visitors::default();
        visitors.see("1", None, "or2", false);
        assert_eq!(visitors.audiences("1", None), None, "not known yet");
        assert!(visitors.move_one("1", "vip", true));
        assert!(!visitors.move_one("1", "vip", true), "he is in already");
        assert_eq!(visitors.audiences("1", Some("or2")), Some(BTreeSet::from(["vip".to_owned()])));
        assert_eq!(visitors.audiences("1", Some("irl1")), None);
        assert!(visitors.audiences("1", None).is_some());
        visitors.forget("1");
        assert!(visitors.all().is_empty() && visitors.audiences("1", None).is_none());
    }
}
