//! The inventory: which audiences exist in Experience Platform and where they are activated, kept in the store so that a restart
//! without network still knows them, and compared with what rules use.

mod compare;
mod figures;
mod flags;
mod keeper;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::aep::api::{Api, ApiError, Cause};
use crate::aep::audiences::Audience;
use crate::aep::destinations::Activations;
use crate::aep::http::BuildError;
use crate::aep::ims::Tokens;
use crate::aep::pages::Listing;
use crate::aep::{Config, audiences, destinations};
use crate::store::{Known, Scope, Store, StoreError, Sync};
pub use compare::{Change, What};
use compare::{Learnt, compare};
pub use flags::{Flag, Flagged, Use, Uses, flags};
pub use keeper::Opening;

/// Audiences that a listing lacks are asked for one by one before they count as deleted: so many at a time, the others next time.
const MOST_ASKED: usize = 50;

/// Why nothing was learnt.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Experience Platform did not say.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What it said cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SyncError {
    /// One word for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Api(error) => error.as_str(),
            Self::Store(_) => "store",
        }
    }

    /// What the operator can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Api(error) => error.advice(),
            Self::Store(_) => "see whether the disk is full and the file writable for Segue",
        }
    }

    fn is_for_want_of_a_token(&self) -> bool {
        matches!(self, Self::Api(ApiError { cause: Cause::Token(_), .. }))
    }
}

/// What a sync brought.
#[derive(Debug)]
pub struct Report {
    /// How many audiences exist.
    pub listed: usize,
    /// Whether nothing was known before.
    pub first: bool,
    /// What changed.
    pub changes: Vec<Change>,
    /// What could be learnt in part only, with what to do about it.
    pub remarks: Vec<String>,
}

/// What the store knows of a sandbox.
#[derive(Debug)]
pub struct Snapshot {
    /// The audiences, gone ones too.
    pub known: Vec<Known>,
    /// The last attempt to learn more.
    pub last: Option<Sync>,
    /// The last one that brought something.
    pub good: Option<Sync>,
}

impl Snapshot {
    /// Reads the store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(store: &Store, scope: &Scope) -> Result<Self, StoreError> {
        let (last, good) = store.last_syncs(scope).await?;
        Ok(Self { known: store.audiences(scope).await?, last, good })
    }

    /// What the audiences are called that are not gone, by id.
    pub fn names(self) -> BTreeMap<String, String> {
        let known = self.known.into_iter().filter(|known| known.gone_at.is_none());
        known.map(|known| (known.audience.id, known.audience.name)).collect()
    }

    /// What is the matter with the audiences that rules use.
    pub fn flags(&self, uses: &Uses) -> Vec<Flagged> {
        match &self.good {
            Some(good) => flags(uses, &self.known, good.complete),
            None => Vec::new(),
        }
    }
}

/// Brings what the store knows up to date.
#[derive(Clone, Debug)]
pub struct Inventory {
    api: Api,
    store: Store,
    scope: Scope,
    destinations: Vec<String>,
    progress: Arc<AtomicUsize>,
}

impl Inventory {
    /// An inventory of the configured sandbox. Nothing is asked yet.
    ///
    /// # Errors
    /// When Experience Platform cannot be called.
    pub fn new(config: &Config, tokens: Tokens, store: Store) -> Result<Self, BuildError> {
        let destinations = config.destinations.clone();
        let progress = Arc::default();
        Ok(Self { api: Api::new(config, tokens)?, store, scope: scope(config), destinations, progress })
    }

    /// The same, telling somewhere how many audiences a sync has read so far.
    pub fn telling(self, progress: Arc<AtomicUsize>) -> Self {
        Self { progress, ..self }
    }

    /// What is known now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::read(&self.store, &self.scope).await
    }

    /// Lists all audiences and keeps what it learns; `cause` says why: `start`, `schedule` or `command`.
    ///
    /// # Errors
    /// When nothing was learnt. The store knows what it knew before.
    pub async fn sync(&self, cause: &str) -> Result<Report, SyncError> {
        let (began, clock) = (Timestamp::now(), Instant::now());
        let mut sync = Sync { began, cause: cause.to_owned(), ..Sync::default() };
        match self.learn().await {
            Ok(found) => {
                sync.listed = count(found.learnt.listed.len());
                sync.odd = count(found.odd);
                sync.complete = found.complete;
                sync.remark = (!found.remarks.is_empty()).then(|| found.remarks.join("; "));
                sync.took = clock.elapsed();
                Ok(self.keep(sync, found).await?)
            }
            Err(error) => {
                sync.took = clock.elapsed();
                sync.error = Some(error.to_string());
                if !matches!(error, SyncError::Store(_)) {
                    self.store.note_failure(&self.scope, &sync).await?;
                }
                Err(error)
            }
        }
    }

    async fn keep(&self, sync: Sync, found: Found) -> Result<Report, StoreError> {
        let Found { learnt, remarks, .. } = found;
        let listed = learnt.listed.len();
        let change = |known: Vec<Known>| {
            let first = known.is_empty();
            let (rows, changes) = compare(known, &learnt, sync.began);
            let sync = Sync { changes: count(changes.len()), ..sync };
            (rows, sync, (first, changes))
        };
        let (first, changes) = self.store.change_audiences(&self.scope, change).await?;
        Ok(Report { listed, first, changes, remarks })
    }

    async fn learn(&self) -> Result<Found, SyncError> {
        let Listing { items: listed, odd, cut } = audiences::list(&self.api, &self.progress).await?;
        let mut found = Found { odd, complete: cut.is_none() && odd == 0, ..Found::default() };
        if let Some(cut) = cut {
            found.remarks.push(format!("the list of audiences was not read to its end: {}", cut.as_str()));
        }
        if odd > 0 {
            found.remarks.push(format!("{odd} entries of the list of audiences have no id or name and were left out"));
        }
        found.learnt.listed = listed;
        if cut.is_none() {
            self.look_for_missing(&mut found).await?;
        }
        found.learnt.activations = self.activations(&mut found.remarks).await;
        Ok(found)
    }

    /// A list that changes while it is read may lack an audience that exists, so each one that it lacks is asked for. Where that says
    /// nothing about it, two whole lists in a row without it do.
    async fn look_for_missing(&self, found: &mut Found) -> Result<(), StoreError> {
        let listed: HashSet<&str> = found.learnt.listed.iter().map(|audience| &*audience.id).collect();
        let (_, good) = self.store.last_syncs(&self.scope).await?;
        let whole_since = good.filter(|sync| sync.complete && found.complete).map(|sync| sync.began);
        let known = self.store.audiences(&self.scope).await?.into_iter();
        let missing: Vec<Known> =
            known.filter(|known| known.gone_at.is_none() && !listed.contains(&*known.audience.id)).collect();
        let (mut unlisted, mut doubtful) = (Vec::<Audience>::new(), missing.len());
        for Known { audience: Audience { id, .. }, last_seen, .. } in missing.into_iter().take(MOST_ASKED) {
            match audiences::get(&self.api, &id).await {
                Ok(Some(audience)) => unlisted.push(audience),
                Ok(None) => found.learnt.deleted.push(id),
                Err(error) if error.says_nothing() && whole_since.is_some_and(|began| last_seen < began) => {
                    found.learnt.deleted.push(id);
                }
                Err(error) => {
                    tracing::debug!(reason = error.as_str(), audience.id = id, "whether it exists is not known");
                    if error.says_nothing() {
                        continue;
                    }
                    // Who is silent, throttled or not allowed here is so for the others too, each after its own wait.
                    break;
                }
            }
            doubtful -= 1;
        }
        found.learnt.listed.extend(unlisted);
        if doubtful > 0 {
            found.remarks.push(format!("audiences not listed any more, which may be deleted: {doubtful}"));
        }
        Ok(())
    }

    /// Audiences are worth knowing without it.
    async fn activations(&self, remarks: &mut Vec<String>) -> Option<Activations> {
        if self.destinations.is_empty() {
            return Some(Activations::default());
        }
        match destinations::activations(&self.api, &self.destinations).await {
            Ok(activations) => {
                for name in &activations.missing {
                    remarks.push(format!("there is no destination \"{name}\": `segue status` lists those that exist"));
                }
                if activations.is_cut {
                    remarks.push("the list of destinations or flows was not read to its end".to_owned());
                }
                Some(activations)
            }
            Err(error) => {
                remarks.push(format!("which audiences are activated is not known: {error}; {}", error.advice()));
                None
            }
        }
    }
}

/// What was learnt, and what not.
#[derive(Debug, Default)]
struct Found {
    learnt: Learnt,
    odd: usize,
    complete: bool,
    remarks: Vec<String>,
}

/// Whose audiences a configuration is about.
pub fn scope(config: &Config) -> Scope {
    Scope { org: config.org.as_str().to_owned(), sandbox: config.sandbox.clone() }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// How long ago something was, by the clock on the wall; nothing when that clock was set back since.
pub fn age(of: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(of)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
