//! Keeps a book of Commerce up to date while Segue runs, and in the store for the next start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::book::{Book, changes};
use super::{Client, CommerceError, Config};
use crate::aep::backoff::{Backoff, jittered};
use crate::store::{Place, StoreError};
use crate::telemetry::Metrics;

/// The first wait after a failure, such as a network that is not up yet.
const SOON: Duration = Duration::from_secs(5);

/// Lines of changes in the log at a time.
const MOST_LINES: usize = 20;

/// The newest book, whenever it changes; none while Commerce has said nothing that still counts.
pub type Books = watch::Receiver<Option<Arc<Book>>>;

/// Keeps the book of one shop.
#[derive(Debug)]
pub struct Keeper {
    config: Config,
    client: Client,
    place: Place,
    books: watch::Sender<Option<Arc<Book>>>,
    attributes: watch::Sender<BTreeSet<String>>,
    figures: Figures,
    /// The failure that was logged, until it is over.
    failing: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Polled {
    result: &'static str,
}

#[derive(Debug)]
struct Figures {
    polls: Family<Polled, Counter>,
    learnt: Gauge<f64, AtomicU64>,
    rules: Gauge,
}

impl Figures {
    fn register(metrics: &mut Metrics) -> Self {
        let figures = Self { polls: Family::default(), learnt: Gauge::default(), rules: Gauge::default() };
        metrics.register("commerce_polls", "Attempts to learn Commerce's cart price rules", figures.polls.clone());
        metrics.register(
            "commerce_learnt_timestamp_seconds",
            "When Commerce last said what its rules are, in seconds since 1970",
            figures.learnt.clone(),
        );
        metrics.register("commerce_rules", "Cart price rules of Commerce", figures.rules.clone());
        figures
    }
}

impl Keeper {
    /// A keeper that has asked nothing yet. What the store has from an earlier run, and still counts, is in force at once.
    pub async fn begin(config: Config, client: Client, place: Place, metrics: &mut Metrics) -> Self {
        let figures = Figures::register(metrics);
        let mut keeper = Self {
            config,
            client,
            place,
            books: watch::Sender::new(None),
            attributes: watch::Sender::default(),
            figures,
            failing: None,
        };
        match keeper.kept().await {
            Ok(Some(book)) if book.is_current(Timestamp::now(), keeper.config.max_age) => keeper.show(book),
            Ok(_) => {}
            Err(error) => tracing::warn!("what Commerce said before is not known: {error}"),
        }
        keeper
    }

    /// The newest book, whenever it changes.
    pub fn books(&self) -> Books {
        self.books.subscribe()
    }

    /// The attributes of products that rules ask for, whenever they change; none before Commerce has said its rules.
    pub fn attributes(&self) -> watch::Receiver<BTreeSet<String>> {
        self.attributes.subscribe()
    }

    /// Asks Commerce at once and then on schedule, until the task is aborted.
    pub fn spawn(mut self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut backoff = Backoff::new(SOON.min(self.config.poll), self.config.poll.max(SOON));
            loop {
                let wait = match Book::fetch(&self.client, &self.config.audience_types).await {
                    Ok(book) => {
                        backoff.succeeded();
                        self.learn(book).await;
                        jittered(self.config.poll)
                    }
                    Err(error) => {
                        self.fail(&error);
                        error.retry_after().unwrap_or_else(|| backoff.failed())
                    }
                };
                tokio::time::sleep(wait).await;
                self.forget_old();
            }
        })
    }

    async fn learn(&mut self, book: Book) {
        if self.failing.take().is_some() {
            tracing::info!("Commerce answers again");
        }
        self.count("ok");
        let before = self.books.borrow().clone();
        if let Some(before) = &before {
            log_changes(&changes(before, &book));
        } else {
            tracing::info!(rules = book.rules.len(), "Commerce's cart price rules are known");
        }
        for (id, why) in book.unreadable.iter().take(MOST_LINES) {
            if before.as_ref().is_none_or(|before| before.unreadable.get(id) != Some(why)) {
                tracing::warn!(
                    "rule {id} of Commerce cannot be read, so that nobody can tell what carts charge by it: {why}"
                );
            }
        }
        if let Err(error) = self.keep(&book).await {
            tracing::warn!("what Commerce said is not kept: {error}");
        }
        self.show(book);
    }

    fn fail(&mut self, error: &CommerceError) {
        self.count(error.as_str());
        let text = error.to_string();
        if self.failing.as_ref() != Some(&text) {
            tracing::error!("Commerce's cart price rules are not learnt: {text}; {}", error.advice());
        }
        self.failing = Some(text);
    }

    fn count(&self, result: &'static str) {
        self.figures.polls.get_or_create(&Polled { result }).inc();
    }

    /// Puts a book in force. Equal ones only grow younger, which nobody needs to be woken for.
    fn show(&self, book: Book) {
        self.figures.learnt.set(book.learnt_at.as_millisecond() as f64 / 1000.0);
        self.figures.rules.set(i64::try_from(book.rules.len()).unwrap_or(i64::MAX));
        let attributes = book.attributes();
        self.attributes.send_if_modified(|held| {
            let is_news = *held != attributes;
            *held = attributes;
            is_news
        });
        self.books.send_if_modified(|held| {
            let is_news = held.as_ref().is_none_or(|held| !held.says_the_same(&book));
            *held = Some(Arc::new(book));
            is_news
        });
    }

    /// What Commerce said too long ago counts no more.
    fn forget_old(&self) {
        let (now, max_age) = (Timestamp::now(), self.config.max_age);
        let forgotten = self.books.send_if_modified(|held| {
            let is_old = held.as_ref().is_some_and(|book| !book.is_current(now, max_age));
            if is_old {
                *held = None;
            }
            is_old
        });
        if forgotten {
            tracing::error!(
                "Commerce has not said for too long what its cart price rules are: offers that they charge are shown by their labels only"
            );
        }
    }

    async fn kept(&mut self) -> Result<Option<Book>, StoreError> {
        let (shop, config) = (self.config.url.to_string(), self.config.clone());
        let kept = self.place.open().await?.commerce_book(&shop).await?;
        Ok(kept.and_then(|kept| Book::from_json(&kept, &config)))
    }

    async fn keep(&mut self, book: &Book) -> Result<(), StoreError> {
        let shop = self.config.url.to_string();
        let (learnt_at, kept) = (book.learnt_at, book.to_json());
        self.place.open().await?.keep_commerce_book(&shop, learnt_at, &kept).await
    }
}

fn log_changes(changes: &[String]) {
    for change in changes.iter().take(MOST_LINES) {
        tracing::warn!("Commerce: {change}");
    }
    if changes.len() > MOST_LINES {
        tracing::warn!(changes = changes.len(), "Commerce: more has changed");
    }
}
