//! Follows the rules that are published in the store.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::store::{Place, Store, StoreError};

/// How often a file is asked whether something was published: that is to be live within a second, also when another process did it.
const EVERY: Duration = Duration::from_millis(400);

/// How often a database is asked that says so by itself.
const EVERY_BESIDES: Duration = Duration::from_secs(5);

/// How long to wait before a store that is gone is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes over each revision, and keeps the last one for a time when the store is gone.
#[derive(Debug)]
pub(super) struct Follower {
    place: Place,
    kept: PathBuf,
    known: Option<i64>,
    /// The failure that was logged, until it is over.
    failing: Option<String>,
}

impl Follower {
    /// A follower to whom a revision is known already.
    pub(super) fn new(place: Place, kept: PathBuf, known: Option<i64>) -> Self {
        Self { place, kept, known, failing: None }
    }

    /// Follows until the task is aborted; `publish` gets the number and the rules file of each revision that is new,
    /// and says whether it is in force.
    pub(super) fn spawn(mut self, publish: impl Fn(i64, &str) -> bool + Send + Sync + 'static) -> JoinHandle<()> {
        let publish = Arc::new(publish);
        tokio::spawn(async move {
            loop {
                let failure = self.follow(&publish).await.to_string();
                if self.failing.as_ref() != Some(&failure) {
                    tracing::error!("what is published is not learnt, and the last rules stay in force: {failure}");
                }
                self.failing = Some(failure);
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Follows as long as the store is there.
    async fn follow(&mut self, publish: &Arc<impl Fn(i64, &str) -> bool + Send + Sync + 'static>) -> StoreError {
        let store = match self.place.open().await {
            Ok(store) => store,
            Err(error) => return error,
        };
        let mut listening = match store.listen().await {
            Ok(listening) => listening,
            Err(error) => return error,
        };
        loop {
            if let Err(error) = self.look(&store, publish).await {
                return error;
            }
            if self.failing.take().is_some() {
                tracing::info!("what is published is learnt again");
            }
            match &mut listening {
                None => tokio::time::sleep(EVERY).await,
                Some(listening) => {
                    // Whether it was told or time has passed, and also when the connection was lost, the store is asked.
                    let _ = tokio::time::timeout(EVERY_BESIDES, listening.next()).await;
                }
            }
        }
    }

    async fn look(
        &mut self,
        store: &Store,
        publish: &Arc<impl Fn(i64, &str) -> bool + Send + Sync + 'static>,
    ) -> Result<(), StoreError> {
        let newest = store.rule_state().await?.revision;
        if newest == self.known.unwrap_or_default() {
            return Ok(());
        }
        let Some((number, rules)) = store.newest_rules().await? else { return Ok(()) };
        let (publish, kept) = (Arc::clone(publish), self.kept.clone());
        // Thousands of rules take their time, which others on this thread would wait for.
        let done = tokio::task::spawn_blocking(move || {
            // What cannot be put in force is nothing to start from either.
            if publish(number, &rules)
                && let Err(error) = keep(&kept, &rules)
            {
                tracing::error!(
                    "{} is not written, so that a start without the store has no rules: {error}",
                    kept.display()
                );
            }
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "what was published could not be put in force");
        }
        self.known = Some(number);
        Ok(())
    }
}

/// Writes a file anew, whole or not at all.
fn keep(path: &Path, rules: &str) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(rules.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
