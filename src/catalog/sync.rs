//! Reads the catalogue from Commerce into the store: once from its first product to its last, then what changed.
//!
//! A whole reading goes by id, and the store knows how far it has come, so that one that was interrupted goes on there. Changes are found
//! by `updated_at`, with a margin, since clocks differ. What that cannot show is found otherwise: deletions by the number of products
//! that the shop has, and products that were put into a category on the category's own page by the next whole reading.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::category::Categories;
use super::index::{Builder, Index};
use super::product::{Kept, Product};
use super::rest::{self, Ask, AskError};
use crate::store::{CATALOG_BATCH, Progress, Store, StoreError};

/// How far two clocks may be apart, and how long a save in Commerce may take after the moment that it writes down.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// Products read from the store at a time while an index is built.
const CHUNK: u32 = 1_000;

/// What rules can ask of any product without naming a promo attribute.
const ALWAYS: [&str; 2] = ["price", "weight"];

/// Why the catalogue could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Commerce's side.
    #[error(transparent)]
    Commerce(#[from] AskError),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process has begun a newer reading.
    #[error("another process has begun to read the catalogue anew, which makes this reading needless")]
    Superseded,
}

/// Whose catalogue is read, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The shop's address. The store holds the catalogue of one shop.
    pub shop: String,
    /// Codes of the attributes that rules name.
    pub codes: BTreeSet<String>,
    /// Products asked for at a time.
    pub page_size: usize,
}

/// How far a whole reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Products read since it was begun or went on.
    pub read: usize,
    /// Products that were still to be read when it was begun or went on.
    pub total: usize,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the whole catalogue was read, and not only what changed.
    pub whole: bool,
    /// Whether a reading that had been interrupted went on.
    pub resumed: bool,
    /// Products read.
    pub read: usize,
    /// Products of the answers that nothing could be said of.
    pub odd: usize,
    /// Products that Commerce no longer has.
    pub gone: usize,
}

/// Reads one shop's catalogue into a store.
#[derive(Debug)]
pub struct Sync<A> {
    ask: A,
    store: Store,
    settings: Settings,
}

impl<A: Ask> Sync<A> {
    /// Of a shop, into a store.
    pub fn new(ask: A, store: Store, mut settings: Settings) -> Self {
        settings.codes.extend(ALWAYS.map(str::to_owned));
        Self { ask, store, settings }
    }

    /// Makes the store know what Commerce knows: reads everything where it has to, or where `whole` asks for it, and otherwise what
    /// changed. `step` is told how a whole reading goes on. May be dropped at any moment: the next one goes on.
    ///
    /// # Errors
    /// When Commerce does not answer or the store cannot be written. What was read until then is kept.
    pub async fn run(&self, whole: bool, mut step: impl FnMut(Step) + Send) -> Result<Report, SyncError> {
        let mut progress = self.progress().await?;
        let kept = self.kept().await?;
        let is_wanting = !self.settings.codes.is_subset(&progress.codes) || progress.pass == 0;
        let resumed = progress.after.is_some() && !is_wanting && !whole;
        if whole || is_wanting {
            self.begin(&mut progress);
        }
        self.store.write_categories(&rest::categories(&self.ask).await?).await?;
        let mut report = Report { resumed, ..Report::default() };
        if progress.after.is_some() {
            report.whole = true;
            self.fill(&mut progress, &kept, &mut report, &mut step).await?;
        } else {
            self.follow(&mut progress, &kept, &mut report).await?;
        }
        Ok(report)
    }

    /// How far the store is, for this shop. Another shop's catalogue is taken away.
    async fn progress(&self) -> Result<Progress, SyncError> {
        let shop = self.settings.shop.clone();
        match self.store.catalog_progress().await? {
            Some(progress) if progress.shop == shop => Ok(progress),
            None => Ok(Progress { shop, ..Progress::default() }),
            Some(_) => {
                let progress = Progress { shop, ..Progress::default() };
                self.store.forget_products(&self.store.product_ids().await?).await?;
                self.store.write_products(&[], &progress).await?;
                Ok(progress)
            }
        }
    }

    async fn kept(&self) -> Result<Kept, SyncError> {
        let codes = self.settings.codes.clone();
        let lists = rest::lists(&self.ask, &codes).await?;
        Ok(Kept { codes, lists })
    }

    /// Of products that are not read yet, only the attributes of both readings are known.
    fn begin(&self, progress: &mut Progress) {
        let codes = self.settings.codes.clone();
        let both = progress.covered.intersection(&codes).cloned().collect();
        progress.covered = if progress.pass == 0 { codes.clone() } else { both };
        progress.codes = codes;
        progress.pass += 1;
        progress.after = Some(0);
        progress.began = Some(Timestamp::now());
    }

    async fn fill(
        &self,
        progress: &mut Progress,
        kept: &Kept,
        report: &mut Report,
        step: &mut (impl FnMut(Step) + Send),
    ) -> Result<(), SyncError> {
        let mut total = None;
        loop {
            let after = progress.after.unwrap_or_default();
            let page = rest::products(&self.ask, after, None, self.settings.page_size, kept).await?;
            progress.after = Some(page.last.unwrap_or(after).max(after));
            self.write(&page.products, progress).await?;
            report.read += page.products.len();
            report.odd += page.odd;
            step(Step { read: report.read, total: *total.get_or_insert(page.total) });
            if !page.has_more {
                return self.finish(progress, report).await;
            }
        }
    }

    /// What a whole reading has not seen does not exist.
    async fn finish(&self, progress: &mut Progress, report: &mut Report) -> Result<(), SyncError> {
        let gone = self.store.unseen_products(progress.pass).await?;
        report.gone = gone.len();
        progress.after = None;
        progress.covered = progress.codes.clone();
        progress.filled = Some(Timestamp::now());
        progress.followed = progress.began;
        progress.explained = i64::try_from(report.odd).unwrap_or(i64::MAX);
        self.write(&[], progress).await?;
        Ok(self.store.forget_products(&gone).await?)
    }

    async fn follow(&self, progress: &mut Progress, kept: &Kept, report: &mut Report) -> Result<(), SyncError> {
        let began = Timestamp::now();
        let since = progress.followed.map(|followed| followed.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN));
        let mut after = 0;
        loop {
            let page = rest::products(&self.ask, after, since, self.settings.page_size, kept).await?;
            self.write(&page.products, progress).await?;
            report.read += page.products.len();
            report.odd += page.odd;
            match page.last.filter(|_| page.has_more) {
                Some(last) => after = last,
                None => break,
            }
        }
        progress.followed = Some(began);
        self.forget_deleted(progress, report).await?;
        self.write(&[], progress).await
    }

    /// Compares ids where the numbers of products differ otherwise than they did the last time.
    async fn forget_deleted(&self, progress: &mut Progress, report: &mut Report) -> Result<(), SyncError> {
        let difference = |there: usize, here: usize| {
            i64::try_from(there).unwrap_or(i64::MAX) - i64::try_from(here).unwrap_or(i64::MAX)
        };
        let here = self.store.product_ids().await?;
        let Some(there) = rest::total(&self.ask).await? else { return Ok(()) };
        if difference(there, here.len()) == progress.explained {
            return Ok(());
        }
        let there = self.ids_there().await?;
        let gone: Vec<u32> = here.iter().copied().filter(|id| !there.contains(id)).collect();
        self.store.forget_products(&gone).await?;
        report.gone = gone.len();
        progress.explained = difference(there.len(), here.len() - gone.len());
        Ok(())
    }

    async fn ids_there(&self) -> Result<BTreeSet<u32>, SyncError> {
        let (mut all, mut after) = (BTreeSet::new(), 0);
        loop {
            let (ids, has_more) = rest::ids(&self.ask, after).await?;
            after = ids.iter().max().copied().unwrap_or(after);
            all.extend(ids);
            if !has_more {
                return Ok(all);
            }
        }
    }

    /// Writes products in the order of their ids, in short transactions of which each says how far it is.
    async fn write(&self, products: &[Product], progress: &Progress) -> Result<(), SyncError> {
        let mut batches = products.chunks(CATALOG_BATCH).peekable();
        if batches.peek().is_none() {
            return self.write_batch(&[], progress).await;
        }
        while let Some(batch) = batches.next() {
            let so_far = progress.after.and_then(|_| batch.last()).map(|product| product.id);
            match batches.peek() {
                Some(_) => self.write_batch(batch, &Progress { after: so_far, ..progress.clone() }).await?,
                None => self.write_batch(batch, progress).await?,
            }
        }
        Ok(())
    }

    async fn write_batch(&self, products: &[Product], progress: &Progress) -> Result<(), SyncError> {
        match self.store.write_products(products, progress).await? {
            true => Ok(()),
            false => Err(SyncError::Superseded),
        }
    }
}

/// The index of what the store knows of a shop's catalogue; empty where it knows another's, or none.
///
/// # Errors
/// When the store cannot be read.
pub async fn load(store: &Store, shop: &str) -> Result<Index, StoreError> {
    let Some(progress) = store.catalog_progress().await?.filter(|progress| progress.shop == shop) else {
        return Ok(Index::default());
    };
    let categories: Categories = store.categories().await?;
    let mut builder = Builder::new(categories, progress.covered);
    let mut after = 0;
    loop {
        let products = store.products(after, CHUNK).await?;
        products.iter().for_each(|product| builder.push(product));
        match products.last() {
            Some(last) => after = last.id,
            None => return Ok(builder.build()),
        }
    }
}

#[cfg(test)]
mod tests;
