//! How many shoppers were seen in each audience, were offered each offer and were charged it: by the hour, without saying who.
//!
//! What is kept of an hour is a [`Sketch`]: it says about how many different shoppers there were and nothing about any of them, and those of
//! several processes and hours can be put together.

pub mod sketch;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use moka::sync::Cache;
use tokio::task::JoinHandle;

use crate::rule::AudienceId;
use crate::store::{Place, StoreError};
pub use sketch::Sketch;

/// Shards, so that pages that are made at the same time seldom wait for each other.
const SHARDS: usize = 16;

/// Subjects that are counted at a time in one shard: memberships may name audiences that nobody has heard of.
const MOST: usize = 2_000;

/// What was counted of late for one shopper and is not counted again.
const REMEMBERED: u64 = 50_000;

/// How often what was counted is written.
const WRITE: Duration = Duration::from_secs(10);

/// Sketches written in one transaction: some milliseconds.
const BATCH: usize = 100;

/// How many hours are kept: a week, and the day before it.
pub const KEPT_HOURS: i64 = 8 * 24;

/// What shoppers are counted of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Those in an audience who saw a page.
    Audience(AudienceId),
    /// Those for whom an offer was decided.
    Offered(Arc<str>),
    /// Those whose cart was charged as an offer says.
    Charged(Arc<str>),
}

impl Subject {
    /// As a store has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "audience" => Some(Self::Audience(id.into())),
            "offered" => Some(Self::Offered(id.into())),
            "charged" => Some(Self::Charged(id.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience(id) => write!(f, "audience:{id}"),
            Self::Offered(id) => write!(f, "offered:{id}"),
            Self::Charged(id) => write!(f, "charged:{id}"),
        }
    }
}

/// The hour of a moment, since 1970 UTC.
pub fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3600)
}

/// A sketch of a subject in an hour, for a store.
pub type Hourly = (Subject, i64, Sketch);

#[derive(Default)]
struct Counted {
    sketch: Sketch,
    /// Whether something was added since it was written.
    is_news: bool,
}

type Shard = HashMap<(Subject, i64), Counted, RandomState>;

/// Counts in one process.
pub struct Seen {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    recent: Cache<u64, (), RandomState>,
    place: Place,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl Seen {
    /// Counts that go into a store.
    pub fn new(place: Place) -> Arc<Self> {
        let recent = Cache::builder().max_capacity(REMEMBERED).build_with_hasher(RandomState::default());
        Arc::new(Self { shards: Default::default(), hasher: RandomState::default(), recent, place })
    }

    /// Whether what `about` says of a shopper is still to be counted in this hour. Whoever goes on with it counts it.
    pub fn is_news(&self, shopper: u64, about: impl Hash, now: Timestamp) -> bool {
        let mark = self.hasher.hash_one((shopper, about, hour(now)));
        let is_news = !self.recent.contains_key(&mark);
        if is_news {
            self.recent.insert(mark, ());
        }
        is_news
    }

    /// Counts a shopper.
    pub fn count(&self, subject: Subject, shopper: u64, now: Timestamp) {
        let key = (subject, hour(now));
        let at = usize::try_from(self.hasher.hash_one(&key) % SHARDS as u64).unwrap_or_default();
        let mut shard = self.shards[at].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MOST && !shard.contains_key(&key) {
            return;
        }
        let counted = shard.entry(key).or_default();
        counted.is_news |= counted.sketch.add(shopper);
    }

    /// Writes what was counted until the task is aborted.
    pub fn spawn(self: Arc<Self>) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut failing = false;
            loop {
                tokio::time::sleep(WRITE).await;
                match self.write(Timestamp::now()).await {
                    Ok(()) => failing = false,
                    Err(error) if !failing => {
                        failing = true;
                        tracing::warn!("how many shoppers were seen is not kept: {error}");
                    }
                    Err(_) => {}
                }
            }
        })
    }

    /// Writes what was counted since it was written last.
    ///
    /// # Errors
    /// When the store cannot be written. What was not written is tried again.
    pub async fn write(&self, now: Timestamp) -> Result<(), StoreError> {
        let news = self.news();
        if news.is_empty() {
            self.forget(hour(now));
            return Ok(());
        }
        let store = self.place.open().await?;
        for batch in news.chunks(BATCH) {
            store.merge_seen(batch, now).await?;
            self.written(batch);
        }
        store.forget_seen(hour(now) - KEPT_HOURS).await?;
        self.forget(hour(now));
        Ok(())
    }

    fn news(&self) -> Vec<Hourly> {
        let of_shard = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let news = shard.iter().filter(|(_, counted)| counted.is_news);
            news.map(|((subject, hour), counted)| (subject.clone(), *hour, counted.sketch.clone())).collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(of_shard).collect()
    }

    fn written(&self, batch: &[Hourly]) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (subject, hour, sketch) in batch {
                // What came meanwhile is written next time.
                if let Some(counted) = shard.get_mut(&(subject.clone(), *hour)).filter(|it| it.sketch == *sketch) {
                    counted.is_news = false;
                }
            }
        }
    }

    /// Forgets hours that are over and written.
    fn forget(&self, now: i64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|(_, hour), counted| *hour >= now || counted.is_news);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fresh::{Fresh, on_both};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    on_both!(what_two_processes_counted_is_put_together);

    async fn what_two_processes_counted_is_put_together(fresh: &Fresh) {
        let (one, other) = (Seen::new(fresh.place()), Seen::new(fresh.place()));
        let (vip, now) = (Subject::Audience("vip".into()), at(3600 * 10));
        for shopper in 0..500_u64 {
            one.count(vip.clone(), shopper, now);
            other.count(vip.clone(), shopper + 250, now);
        }
        one.count(Subject::Charged("a:b".into()), 7, at(3600 * 9));
        one.write(now).await.expect("written");
        other.write(now).await.expect("written");
        one.write(now).await.expect("nothing is new");
        let store = fresh.store().await;
        let seen = store.seen_since(0, Timestamp::UNIX_EPOCH).await.expect("read");
        let count = |wanted: &Subject, hour: i64| {
            seen.iter().find(|(subject, own, _)| subject == wanted && *own == hour).map(|(.., sketch)| sketch.count())
        };
        let together = count(&vip, 10).expect("seen");
        assert!((690..=810).contains(&together), "{together}");
        assert_eq!(count(&Subject::Charged("a:b".into()), 9), Some(1));
        assert_eq!(store.seen_of(&vip, 0).await.expect("read").len(), 1);
        store.forget_seen(10).await.expect("written");
        assert_eq!(store.seen_since(0, Timestamp::UNIX_EPOCH).await.expect("read").len(), 1);
    }

    #[tokio::test]
    async fn a_shopper_is_counted_once_an_hour_and_of_so_many_subjects() {
        let fresh = Fresh::sqlite();
        let seen = Seen::new(fresh.place());
        assert!(seen.is_news(1, "x", at(0)) && !seen.is_news(1, "x", at(3599)));
        assert!(seen.is_news(1, "x", at(3600)) && seen.is_news(2, "x", at(0)) && seen.is_news(1, "y", at(0)));
        for number in 0..SHARDS * MOST * 2 {
            seen.count(Subject::Audience(number.to_string().into()), 1, at(0));
        }
        assert!(seen.news().len() <= SHARDS * MOST);
    }
}
