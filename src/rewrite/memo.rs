//! The render memo: pages compiled once, and what they became for each selection. It memoises pure functions; it is not an HTTP cache,
//! since the origin was asked and its answer is the key.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;

use crate::decision::select::SelectionId;

use super::coding::Coding;
use super::plan::Plan;
use super::qualify::Form;
use super::render::Changes;
use super::skip::Skip;

/// Pages that nobody asks for go, so that what a page says to one customer does not stay in memory for long.
const IDLE: Duration = Duration::from_secs(600);

/// What an entry costs besides its bytes: keys and the cache's own books.
const OVERHEAD: usize = 1024;

/// Ids of selections kept; with their keys some 100 bytes each.
const SELECTIONS: u64 = 100_000;

/// A page as the origin sent it, and what compiling it gave.
#[derive(Debug)]
pub(super) struct Page {
    /// Unlike that of any other page, also of one with the same bytes that was forgotten and met again.
    identity: u64,
    /// The body as it arrived.
    pub(super) arrived: Bytes,
    /// Its coding and label.
    pub(super) form: Form,
    /// The plain body with its plan, or why the page is left as it is.
    pub(super) compiled: Result<Compiled, Skip>,
}

/// A page that can be rendered.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) plain: Bytes,
    pub(super) plan: Arc<Plan>,
}

/// What a page became for one selection.
#[derive(Debug)]
pub(super) struct Variant {
    /// Finished bytes and their coding; `None` when they are the page's own.
    pub(super) body: Option<(Bytes, Coding)>,
    /// What changed.
    pub(super) changes: Arc<Changes>,
    polished: AtomicBool,
}

impl Variant {
    pub(super) fn new(body: Option<(Bytes, Coding)>, changes: Arc<Changes>) -> Arc<Self> {
        Arc::new(Self { body, changes, polished: AtomicBool::new(false) })
    }

    /// Whether nothing is gained by encoding it harder, or somebody does so already.
    pub(super) fn is_polished(&self) -> bool {
        !matches!(self.body, Some((_, Coding::Gzip))) || self.polished.load(Ordering::Relaxed)
    }

    /// True once: whoever gets it encodes the variant harder.
    pub(super) fn claim_polish(&self) -> bool {
        !self.is_polished() && !self.polished.swap(true, Ordering::Relaxed)
    }

    /// The same page in a shorter encoding.
    pub(super) fn polished(&self, body: Bytes) -> Arc<Self> {
        let changes = Arc::clone(&self.changes);
        Arc::new(Self { body: Some((body, Coding::Gzip)), changes, polished: AtomicBool::new(true) })
    }
}

/// Finds a page by what arrived. Different pages may share it; the bytes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PageKey {
    hash: u64,
    form: Form,
}

/// Names a variant: equal keys, equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct VariantKey {
    pub(super) page: u64,
    pub(super) selection: SelectionId,
    pub(super) dressing: u128,
    pub(super) gzip: bool,
}

/// Names everything a selection depends on: a page, and the caller's name for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SelectionKey {
    pub(super) page: u64,
    pub(super) circumstances: u128,
}

/// How often the memo knew the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoStats {
    /// Pages met before.
    pub page_hits: u64,
    /// Pages that had to be compiled.
    pub page_misses: u64,
    /// Variants met before.
    pub variant_hits: u64,
    /// Variants that had to be rendered.
    pub variant_misses: u64,
    /// Bytes kept, by the memo's own weighing; it lags behind a little.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    page_hits: AtomicU64,
    page_misses: AtomicU64,
    variant_hits: AtomicU64,
    variant_misses: AtomicU64,
}

type Hash = Box<dyn Fn(&[u8]) -> u64 + Send + Sync>;

/// Pages and variants within a number of bytes, the least asked for going first.
pub(super) struct Memo {
    pages: Cache<PageKey, Arc<Page>>,
    variants: Cache<VariantKey, Arc<Variant>>,
    selections: Cache<SelectionKey, SelectionId>,
    hash: Hash,
    identities: AtomicU64,
    counters: Counters,
}

impl Memo {
    /// Half of `bytes` is for pages and half for variants.
    pub(super) fn new(bytes: u64) -> Self {
        // Seeded per process: nobody can prepare pages that share a hash.
        let state = foldhash::fast::RandomState::default();
        Self::with_hash(bytes, Box::new(move |bytes| state.hash_one(bytes)))
    }

    fn with_hash(bytes: u64, hash: Hash) -> Self {
        let pages = Cache::builder().max_capacity(bytes / 2).time_to_idle(IDLE);
        let variants = Cache::builder().max_capacity(bytes / 2).time_to_idle(IDLE);
        Self {
            pages: pages.weigher(|_, page: &Arc<Page>| weight(page.bytes())).build(),
            variants: variants.weigher(|_, variant: &Arc<Variant>| weight(variant.bytes())).build(),
            selections: Cache::builder().max_capacity(SELECTIONS).time_to_idle(IDLE).build(),
            hash,
            identities: AtomicU64::new(0),
            counters: Counters::default(),
        }
    }

    /// The page that consists of exactly these bytes.
    pub(super) fn page(&self, arrived: &Bytes, form: Form) -> Option<Arc<Page>> {
        let found = self.pages.get(&self.key(arrived, form)).filter(|page| page.arrived == *arrived);
        count(found.is_some(), &self.counters.page_hits, &self.counters.page_misses);
        found
    }

    /// Keeps a page.
    pub(super) fn keep_page(&self, arrived: Bytes, form: Form, compiled: Result<Compiled, Skip>) -> Arc<Page> {
        let key = self.key(&arrived, form);
        let identity = self.identities.fetch_add(1, Ordering::Relaxed);
        let page = Arc::new(Page { identity, arrived, form, compiled });
        self.pages.insert(key, Arc::clone(&page));
        page
    }

    fn key(&self, arrived: &[u8], form: Form) -> PageKey {
        PageKey { hash: (self.hash)(arrived), form }
    }

    /// The id of what was selected before.
    pub(super) fn selection(&self, key: &SelectionKey) -> Option<SelectionId> {
        self.selections.get(key)
    }

    /// Keeps the id of what was selected.
    pub(super) fn keep_selection(&self, key: SelectionKey, id: SelectionId) {
        self.selections.insert(key, id);
    }

    /// What a page became before.
    pub(super) fn variant(&self, key: &VariantKey) -> Option<Arc<Variant>> {
        let found = self.variants.get(key);
        count(found.is_some(), &self.counters.variant_hits, &self.counters.variant_misses);
        found
    }

    /// Keeps what a page became.
    pub(super) fn keep_variant(&self, key: VariantKey, variant: Arc<Variant>) {
        self.variants.insert(key, variant);
    }

    pub(super) fn stats(&self) -> MemoStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MemoStats {
            page_hits: read(&self.counters.page_hits),
            page_misses: read(&self.counters.page_misses),
            variant_hits: read(&self.counters.variant_hits),
            variant_misses: read(&self.counters.variant_misses),
            bytes: self.pages.weighted_size() + self.variants.weighted_size(),
        }
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memo").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Page {
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    /// A page that arrived plain is kept once.
    fn bytes(&self) -> usize {
        let compiled = self.compiled.as_ref().map_or(0, |compiled| match self.form.coding {
            Coding::Identity => compiled.plan.weight(),
            Coding::Gzip => compiled.plan.weight() + compiled.plain.len(),
        });
        self.arrived.len() + compiled
    }
}

impl Variant {
    fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |(bytes, _)| bytes.len());
        body + self.changes.weight()
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + OVERHEAD).unwrap_or(u32::MAX)
}

fn count(hit: bool, hits: &AtomicU64, misses: &AtomicU64) {
    let counter = if hit { hits } else { misses };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { coding: Coding::Identity, labelled: true };

    #[test]
    fn two_pages_with_one_hash_are_never_mixed() {
        let memo = Memo::with_hash(1 << 20, Box::new(|_| 7));
        let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
        memo.keep_page(one.clone(), FORM, Err(Skip::Charset));
        assert!(memo.page(&two, FORM).is_none());
        memo.keep_page(two.clone(), FORM, Err(Skip::NotUtf8));
        assert_eq!(memo.page(&two, FORM).map(|page| page.compiled.is_err()), Some(true));
        assert!(memo.page(&one, FORM).is_none());
    }

    #[test]
    fn a_page_is_known_by_its_label_too() {
        let memo = Memo::new(1 << 20);
        let body = Bytes::from_static(b"<meta charset=latin1>");
        memo.keep_page(body.clone(), Form { labelled: false, ..FORM }, Err(Skip::Charset));
        assert!(memo.page(&body, FORM).is_none());
        assert!(memo.page(&body, Form { labelled: false, ..FORM }).is_some());
    }

    #[test]
    fn stays_within_its_bytes() {
        let memo = Memo::new(200_000);
        for n in 0..100_u32 {
            let body = Bytes::from(vec![n.to_le_bytes()[0]; 10_000]);
            memo.keep_page(body, FORM, Err(Skip::Charset));
        }
        memo.pages.run_pending_tasks();
        assert!(memo.stats().bytes <= 100_000, "{:?}", memo.stats());
        assert!(memo.stats().bytes > 0);
    }
}
