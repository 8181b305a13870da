//! Keeps the inventory up to date while Segue runs: at its start, on a schedule, and with what a command learnt meanwhile.

use std::collections::BTreeMap;
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
use crate::store::{Place, Store};
use crate::telemetry::Metrics;

/// The first wait after a failure, such as a network that is not up yet.
const SOON: Duration = Duration::from_secs(5);

/// How often the store is looked at for what a command or another process learnt: one small query.
const LOOK: Duration = Duration::from_secs(10);

/// Lines of one kind in the log at a time. `segue audiences list` has them all.
const MOST_LINES: usize = 20;

/// An inventory whose store is not open yet: a file that others hold, or a disk that hangs, must not keep Segue from starting.
#[derive(Debug)]
pub struct Opening {
    config: Config,
    tokens: Tokens,
    place: Place,
    figures: Figures,
}

/// Keeps one inventory.
#[derive(Debug)]
struct Keeper {
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

impl Opening {
    /// An inventory that is yet to be opened; `None` without credentials, since then there is nothing to keep.
    pub fn new(config: &Config, tokens: Option<Tokens>, place: &Place, metrics: &mut Metrics) -> Option<Self> {
        let tokens = tokens?;
        let figures = Figures::register(metrics);
        Some(Self { config: config.clone(), tokens, place: place.clone(), figures })
    }

    /// Opens the store and keeps the inventory until the task is aborted; `uses` is what rules use at any time. Without a store, Segue
    /// changes pages all the same, so that this is logged, and tried again.
    pub fn spawn(self, uses: watch::Receiver<Uses>) -> JoinHandle<()> {
        tokio::spawn(async move {
            let store = self.open().await;
            match Inventory::new(&self.config, self.tokens, store) {
                Ok(inventory) => Keeper::new(inventory, self.config.sync_every, self.figures).work(uses).await,
                Err(error) => tracing::error!("audiences are not listed: {error}"),
            }
        })
    }

    async fn open(&self) -> Store {
        let mut backoff = Backoff::new(SOON, self.config.sync_every.max(SOON));
        let mut said = None;
        loop {
            match self.place.open().await {
                Ok(store) => return store,
                Err(error) => {
                    let text = error.to_string();
                    if said.as_ref() != Some(&text) {
                        tracing::error!("audiences are not listed: {text}");
                    }
                    said = Some(text);
                }
            }
            sleep(backoff.failed()).await;
        }
    }
}

impl Keeper {
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

    /// Never ends.
    async fn work(mut self, mut uses: watch::Receiver<Uses>) {
        self.look(&mut uses).await;
        let mut cause = "start";
        loop {
            let wait = self.sync(cause).await;
            self.look(&mut uses).await;
            self.pass(wait, &mut uses).await;
            cause = "schedule";
        }
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
