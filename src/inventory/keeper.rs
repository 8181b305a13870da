//! Keeps the inventory up to date while Segue runs: at its start, on a schedule, and with what a command learnt meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::figures::Figures;
use super::{Change, Flag, Flagged, Inventory, SyncError, Uses, What};
use crate::aep::Config;
use crate::aep::backoff::{Backoff, jittered};
use crate::aep::ims::Tokens;
use crate::rule::AudienceId;
use crate::store::Store;
use crate::telemetry::Metrics;

/// The first wait after a failure, such as a network that is not up yet.
const SOON: Duration = Duration::from_secs(5);

/// How often the store is looked at for what a command or another process learnt: one small query.
const LOOK: Duration = Duration::from_secs(10);

/// Lines of one kind in the log at a time. `segue audiences list` has them all.
const MOST_LINES: usize = 20;

/// Keeps one inventory.
#[derive(Debug)]
pub struct Keeper {
    inventory: Inventory,
    figures: Figures,
    every: Duration,
    backoff: Backoff,
    /// The failure that was logged, until it is over.
    failing: Option<&'static str>,
    /// What the last good sync could learn in part only.
    remarked: Vec<String>,
    /// The flags that were logged, until they are settled.
    flagged: BTreeMap<(Flag, AudienceId), String>,
    /// The last attempt that the figures are about.
    shown: Option<Timestamp>,
}

impl Keeper {
    /// Opens the store. Without credentials there is nothing to keep; without a store, Segue changes pages all the same, so that this is
    /// logged and no more.
    pub async fn open(config: &Config, tokens: Option<Tokens>, store: &Path, metrics: &mut Metrics) -> Option<Self> {
        let tokens = tokens?;
        let store = Store::open(store).await;
        let store = store.map_err(|error| tracing::error!("audiences are not listed: {error}")).ok()?;
        let inventory = Inventory::new(config, tokens, store);
        let inventory = inventory.map_err(|error| tracing::error!("audiences are not listed: {error}")).ok()?;
        Some(Self::new(inventory, config.sync_every, Figures::register(metrics)))
    }

    fn new(inventory: Inventory, every: Duration, figures: Figures) -> Self {
        let backoff = Backoff::new(SOON.min(every), every);
        Self {
            inventory,
            figures,
            every,
            backoff,
            failing: None,
            remarked: Vec::new(),
            flagged: BTreeMap::new(),
            shown: None,
        }
    }

    /// Works until the task is aborted; `uses` is what rules use at any time.
    pub fn spawn(mut self, mut uses: watch::Receiver<Uses>) -> JoinHandle<()> {
        tokio::spawn(async move {
            self.look(&mut uses).await;
            let mut cause = "start";
            loop {
                let wait = self.sync(cause).await;
                self.look(&mut uses).await;
                self.pass(wait, &mut uses).await;
                cause = "schedule";
            }
        })
    }

    /// Syncs once and says when to do so again.
    async fn sync(&mut self, cause: &str) -> Duration {
        match self.inventory.sync(cause).await {
            Ok(report) => {
                self.figures.synced("done");
                self.backoff.succeeded();
                let failed = self.failing.take();
                if cause == "start" || failed.is_some() || !report.changes.is_empty() {
                    tracing::info!(
                        audiences.listed = report.listed,
                        audiences.changes = report.changes.len(),
                        "audiences listed"
                    );
                }
                if !report.first {
                    log_changes(&report.changes);
                }
                self.remark(report.remarks);
                self.every.mul_f64(0.9) + jittered(self.every / 10)
            }
            Err(error) => {
                self.figures.synced(error.as_str());
                let is_news = self.failing.replace(error.as_str()) != Some(error.as_str());
                // Whoever asks for tokens says himself why there is none.
                if is_news && !error.is_for_want_of_a_token() {
                    tracing::warn!(reason = error.as_str(), "audiences cannot be listed: {error}; {}", error.advice());
                }
                let asked = match &error {
                    SyncError::Api(error) => error.retry_after(),
                    SyncError::Store(_) => None,
                };
                self.backoff.failed().max(asked.unwrap_or_default())
            }
        }
    }

    /// Remarks repeat from sync to sync, so only those are logged that the one before did not have.
    fn remark(&mut self, remarks: Vec<String>) {
        for remark in remarks.iter().filter(|remark| !self.remarked.contains(remark)) {
            tracing::warn!("audiences: {remark}");
        }
        self.remarked = remarks;
    }

    /// Lets time pass, and follows rules and store meanwhile.
    async fn pass(&mut self, wait: Duration, uses: &mut watch::Receiver<Uses>) {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                changed = uses.changed() => match changed {
                    Ok(()) => self.look(uses).await,
                    // Whoever had the rules is gone; the schedule goes on.
                    Err(_) => return sleep_until(until).await,
                },
                () = sleep(LOOK) => self.look_if_new(uses).await,
            }
        }
    }

    async fn look_if_new(&mut self, uses: &mut watch::Receiver<Uses>) {
        let last = self.inventory.store.last_syncs(&self.inventory.scope).await;
        if last.is_ok_and(|(last, _)| last.map(|last| last.began) != self.shown) {
            self.look(uses).await;
        }
    }

    /// Shows what the store knows, in figures and flags.
    async fn look(&mut self, uses: &mut watch::Receiver<Uses>) {
        let uses = uses.borrow_and_update().clone();
        match self.inventory.snapshot().await {
            Ok(snapshot) => {
                let flagged = snapshot.flags(&uses);
                self.figures.show(&snapshot, &flagged);
                self.shown = snapshot.last.map(|last| last.began);
                self.log_flags(flagged);
            }
            Err(error) => tracing::debug!("{error}"),
        }
    }

    fn log_flags(&mut self, flagged: Vec<Flagged>) {
        let now: BTreeMap<_, _> =
            flagged.iter().map(|flagged| ((flagged.flag, flagged.id.clone()), flagged.to_string())).collect();
        let new: Vec<_> = now.iter().filter(|(key, text)| self.flagged.get(*key) != Some(*text)).collect();
        for ((flag, _), text) in new.iter().take(MOST_LINES) {
            tracing::warn!(flag = flag.as_str(), "{text}");
        }
        if new.len() > MOST_LINES {
            tracing::warn!("and {} more: see `segue audiences list`", new.len() - MOST_LINES);
        }
        let settled = self.flagged.keys().filter(|key| !now.contains_key(*key));
        for (flag, id) in settled.take(MOST_LINES) {
            tracing::info!(flag = flag.as_str(), audience.id = &**id, "settled");
        }
        self.flagged = now;
    }
}

fn log_changes(changes: &[Change]) {
    for change in changes.iter().take(MOST_LINES) {
        let Change { id, name, what } = change;
        match what {
            What::Renamed { from } => {
                tracing::info!(audience.id = id, audience.name = name, from, "audience renamed");
            }
            what => tracing::info!(audience.id = id, audience.name = name, "audience {}", what.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
