//! From a body to the finished bytes: decode, compile, select, render, encode, with the memo on both sides of select.

use std::hash::{BuildHasher as _, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::decision::select::Selection;
use crate::page::{PageFacts, PageKind};

use super::Done;
use super::coding::{self, Coding, Effort};
use super::hold::{Budget, Whole};
use super::memo::{Compiled, Memo, MemoStats, Page, SelectionKey, Variant, VariantKey};
use super::plan::{Plan, StoreHints};
use super::qualify::{self, Form};
use super::render::{self, Dressing};
use super::skip::Skip;

/// Work on more bytes than this takes over a millisecond or so: other connections then move to another thread.
const HEAVY: usize = 256 * 1024;

/// Makes pages.
#[derive(Debug)]
pub(super) struct Maker {
    max_page_bytes: usize,
    memo: Arc<Memo>,
    /// One piece of work at a time that nobody waits for, so that shoppers keep the processors.
    background: Arc<Semaphore>,
    /// Two, so that names have 128 bits.
    names: [foldhash::quality::RandomState; 2],
}

/// What a client gets, beside the selection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    pub(super) gzip: bool,
    pub(super) dressing: &'a Dressing<'a>,
    /// Names all that the selection depends on beside the page; without it, a selection is made each time.
    pub(super) circumstances: Option<u128>,
}

/// A rendered page before its headers are made.
pub(super) struct Made {
    pub(super) page: Arc<Page>,
    pub(super) variant: Arc<Variant>,
    pub(super) done: Done,
}

impl Maker {
    pub(super) fn new(max_page_bytes: usize, memo_bytes: u64) -> Self {
        Self {
            max_page_bytes,
            memo: Arc::new(Memo::new(memo_bytes)),
            background: Arc::new(Semaphore::new(1)),
            names: Default::default(),
        }
    }

    pub(super) fn stats(&self) -> MemoStats {
        self.memo.stats()
    }

    /// Waits for a turn in the background.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.background).acquire_owned().await.ok()
    }

    /// Body to variant, through the memo.
    pub(super) fn make<S>(&self, whole: &mut Whole, form: Form, order: Order<'_>, select: S) -> Result<Made, Skip>
    where
        S: FnOnce(&PageFacts, &StoreHints) -> Result<Selection, Skip>,
    {
        let page = self.page(whole, form)?;
        let compiled = page.compiled.as_ref().map_err(|skip| *skip)?;
        let dressing = self.dressing_name(order.dressing);
        let variant_key = |selection| VariantKey { page: page.identity(), selection, dressing, gzip: order.gzip };
        let selection_key =
            order.circumstances.map(|circumstances| SelectionKey { page: page.identity(), circumstances });
        let known = selection_key.and_then(|key| self.memo.selection(&key)).map(variant_key);
        let (variant, remembered) = match known.and_then(|key| self.remembered(key)) {
            Some(variant) => (variant, true),
            None => {
                let selection = guarded(|| select(compiled.plan.facts(), compiled.plan.store()))??;
                let id = selection.id();
                if let Some(key) = selection_key {
                    self.memo.keep_selection(key, id);
                }
                match self.remembered(variant_key(id)) {
                    Some(variant) => (variant, true),
                    None => {
                        let variant = self.render(compiled, &selection, order, whole)?;
                        self.memo.keep_variant(variant_key(id), Arc::clone(&variant));
                        (variant, false)
                    }
                }
            }
        };
        let done = Done {
            plan: Arc::clone(&compiled.plan),
            page: compiled.plain.clone(),
            changes: Arc::clone(&variant.changes),
            remembered,
        };
        Ok(Made { page, variant, done })
    }

    /// A finished variant; somebody asks for it again.
    fn remembered(&self, key: VariantKey) -> Option<Arc<Variant>> {
        self.memo.variant(&key).inspect(|variant| self.polish(key, variant))
    }

    /// The compiled page. Of a page met before, `whole` then shares the bytes, which no longer count as held.
    fn page(&self, whole: &mut Whole, form: Form) -> Result<Arc<Page>, Skip> {
        if let Some(page) = self.memo.page(&whole.bytes, form) {
            whole.bytes = page.arrived.clone();
            whole.permit.shrink_to(0);
            return Ok(page);
        }
        let expected = match form.coding {
            Coding::Identity => whole.bytes.len(),
            // What HTML of shops comes to when it is decoded.
            Coding::Gzip => whole.bytes.len().saturating_mul(6),
        };
        match heavy(expected, || self.compile(whole, form)) {
            // Another time there may be room.
            Err(Skip::Busy) => Err(Skip::Busy),
            compiled => Ok(self.memo.keep_page(whole.bytes.clone(), form, compiled)),
        }
    }

    fn compile(&self, whole: &mut Whole, form: Form) -> Result<Compiled, Skip> {
        let plain = match form.coding {
            Coding::Identity => whole.bytes.clone(),
            Coding::Gzip if whole.bytes.is_empty() => return Err(Skip::Empty),
            Coding::Gzip => {
                let (plain, permit) = coding::gunzip(&whole.bytes, self.max_page_bytes, whole.permit.another())?;
                whole.permit.merge(permit);
                plain
            }
        };
        qualify::page(&plain, form.labelled)?;
        let plan = guarded(|| Plan::compile(&plain))?.map_err(|_| Skip::PlanFailed)?;
        // A path that nobody listed may still lead to a payment form.
        if plan.facts().kind == PageKind::Checkout {
            return Err(Skip::NotPage);
        }
        Ok(Compiled { plain, plan: Arc::new(plan) })
    }

    fn render(
        &self,
        compiled: &Compiled,
        selection: &Selection,
        order: Order<'_>,
        whole: &mut Whole,
    ) -> Result<Arc<Variant>, Skip> {
        let plain = &compiled.plain;
        whole.permit.grow(plain.len())?;
        let rendered = guarded(|| render::render(&compiled.plan, plain, selection, order.dressing))?;
        whole.permit.grow(rendered.bytes.len().saturating_sub(plain.len()))?;
        let body = (rendered.bytes != *plain).then(|| match Coding::for_client(order.gzip, rendered.bytes.len()) {
            Coding::Gzip => {
                (heavy(rendered.bytes.len(), || coding::gzip(&rendered.bytes, Effort::Quick)), Coding::Gzip)
            }
            Coding::Identity => (Bytes::from(rendered.bytes), Coding::Identity),
        });
        Ok(Variant::new(body, Arc::new(rendered.changes)))
    }

    /// Names a dressing; a field that is added to it must be added here, or pages of different dressings would be mixed.
    fn dressing_name(&self, dressing: &Dressing<'_>) -> u128 {
        let Dressing { stylesheet, marker, regular_price_label, special_price_label, display } = dressing;
        self.name(&(stylesheet, marker, regular_price_label, special_price_label, display))
    }

    /// Names a content; two contents never have one name but by a chance of 2^-128.
    pub(super) fn name(&self, content: &impl Hash) -> u128 {
        let [high, low] = self.names.each_ref().map(|state| u128::from(state.hash_one(content)));
        high << 64 | low
    }

    /// Encodes a variant harder that is asked for again, unless something else is being done in the background.
    fn polish(&self, key: VariantKey, variant: &Arc<Variant>) {
        if variant.is_polished() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.background).try_acquire_owned() else { return };
        if !variant.claim_polish() {
            return;
        }
        let (memo, variant) = (Arc::clone(&self.memo), Arc::clone(variant));
        tokio::task::spawn_blocking(move || {
            if let Some(shorter) = polished(&variant) {
                memo.keep_variant(key, variant.polished(shorter));
            }
            drop(turn);
        });
    }
}

fn polished(variant: &Variant) -> Option<Bytes> {
    let (quick, _) = variant.body.as_ref()?;
    // It was encoded here and is one at a time: neither bound nor budget is needed.
    let (plain, _) = coding::gunzip(quick, usize::MAX, Budget::new(usize::MAX).permit()).ok()?;
    let thorough = coding::gzip(&plain, Effort::Thorough);
    (thorough.len() < quick.len()).then_some(thorough)
}

/// A page must outlive any defect in what is made of it.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Skip> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Skip::PlanFailed)
}

/// Runs work on `bytes` bytes so that, when it is long, other connections of this thread do not wait for it.
pub(super) fn heavy<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_move = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > HEAVY && can_move { tokio::task::block_in_place(work) } else { work() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| -> u8 { panic!("on purpose") }), Err(Skip::PlanFailed));
    }

    #[tokio::test]
    async fn dressings_are_told_apart() {
        let maker = Maker::new(1000, 1000);
        let plain = Dressing::default();
        let keys = [
            plain,
            Dressing { marker: Some("a"), ..plain },
            Dressing { stylesheet: Some("a"), ..plain },
            Dressing { marker: Some(""), ..plain },
            Dressing { special_price_label: "a", ..plain },
            Dressing { regular_price_label: "a", ..plain },
        ]
        .map(|dressing| maker.dressing_name(&dressing));
        let distinct: std::collections::BTreeSet<u128> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(maker.dressing_name(&plain), keys[0]);
    }
}
