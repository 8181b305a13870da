//! Keeps the catalogue up to date while Segue runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Index;
use super::rest::Ask;
use super::sync::{Settings, Sync, load};
use crate::aep::backoff::{Backoff, jittered};
use crate::store::{Place, Store, StoreError};
use crate::telemetry::Metrics;

/// The first wait after a failure, such as a network that is not up yet.
const SOON: Duration = Duration::from_secs(5);

/// How often everything is read anew: what `updated_at` does not tell, such as a category that was given products, shows then.
const WHOLE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The newest index, whenever it changes; none before there is one.
pub type Indexes = watch::Receiver<Option<Arc<Index>>>;

/// What is to be kept of products.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The shop's address, by which the store tells catalogues apart.
    pub shop: String,
    /// How often changes are asked for.
    pub every: Duration,
    /// Products asked for at a time.
    pub page_size: usize,
}

/// Keeps one catalogue.
#[derive(Debug)]
pub struct Keeper<A> {
    ask: A,
    wanted: Wanted,
    place: Place,
    indexes: watch::Sender<Option<Arc<Index>>>,
    figures: Figures,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Synced {
    result: &'static str,
}

#[derive(Debug)]
struct Figures {
    syncs: Family<Synced, Counter>,
    products: Gauge,
    bytes: Gauge,
}

impl<A: Ask + Clone + 'static> Keeper<A> {
    /// A keeper that has asked nothing yet.
    pub fn new(ask: A, wanted: Wanted, place: Place, metrics: &mut Metrics) -> Self {
        let figures = Figures { syncs: Family::default(), products: Gauge::default(), bytes: Gauge::default() };
        metrics.register("catalog_syncs", "Attempts to learn what changed in the catalogue", figures.syncs.clone());
        metrics.register("catalog_products", "Products of the catalogue that are known", figures.products.clone());
        metrics.register("catalog_bytes", "Memory that the catalogue takes", figures.bytes.clone());
        Self { ask, wanted, place, indexes: watch::Sender::new(None), figures }
    }

    /// The newest index, whenever it changes.
    pub fn indexes(&self) -> Indexes {
        self.indexes.subscribe()
    }

    /// Loads what the store has, then asks Commerce on schedule until the task is aborted; `codes` are the attributes that rules ask for.
    pub fn spawn(self, mut codes: watch::Receiver<BTreeSet<String>>) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut backoff = Backoff::new(SOON, self.wanted.every.max(SOON));
            let (mut whole_at, mut failing): (Option<Instant>, Option<String>) = (None, None);
            // Rules say which attributes matter: without them there is nothing to ask for.
            if codes.wait_for(|codes| !codes.is_empty()).await.is_err() {
                return;
            }
            loop {
                let wanted = codes.borrow_and_update().clone();
                let whole = whole_at.is_some_and(|at| at.elapsed() >= WHOLE_EVERY);
                let wait = match self.turn(wanted, whole).await {
                    Ok(()) => {
                        failing = None;
                        backoff.succeeded();
                        if whole || whole_at.is_none() {
                            whole_at = Some(Instant::now());
                        }
                        jittered(self.wanted.every)
                    }
                    Err(error) => {
                        self.count("failed");
                        if failing.as_ref() != Some(&error) {
                            tracing::error!("the catalogue is not learnt: {error}");
                        }
                        failing = Some(error);
                        backoff.failed()
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    changed = codes.changed() => if changed.is_err() { return },
                }
            }
        })
    }

    async fn turn(&self, codes: BTreeSet<String>, whole: bool) -> Result<(), String> {
        let text = |error: StoreError| error.to_string();
        let store = self.place.open().await.map_err(text)?;
        if self.indexes.borrow().is_none() {
            self.show(&store).await.map_err(text)?;
        }
        let settings = Settings { shop: self.wanted.shop.clone(), codes, page_size: self.wanted.page_size };
        let sync = Sync::new(self.ask.clone(), store.clone(), settings);
        let report = sync.run(whole, |_| {}).await.map_err(|error| error.to_string())?;
        self.count("ok");
        if report.whole || report.read > 0 || report.gone > 0 || self.indexes.borrow().is_none() {
            tracing::info!(
                products.read = report.read,
                products.gone = report.gone,
                whole = report.whole,
                "the catalogue is up to date"
            );
            self.show(&store).await.map_err(text)?;
        }
        Ok(())
    }

    /// Puts what the store has in force, if it has something.
    async fn show(&self, store: &Store) -> Result<(), StoreError> {
        let index = load(store, &self.wanted.shop).await?;
        if !index.is_empty() {
            self.figures.products.set(i64::try_from(index.len()).unwrap_or(i64::MAX));
            self.figures.bytes.set(i64::try_from(index.bytes()).unwrap_or(i64::MAX));
            self.indexes.send_replace(Some(Arc::new(index)));
        }
        Ok(())
    }

    fn count(&self, result: &'static str) {
        self.figures.syncs.get_or_create(&Synced { result }).inc();
    }
}
