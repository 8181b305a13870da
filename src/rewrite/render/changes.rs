//! What became of a selection, kept small: the texts are told when somebody asks, which only `segue explain` does.

use super::{Change, Slot};
use crate::page::ProductId;
use crate::rewrite::plan::text::Span;

/// What became of everything in a selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    list: Vec<Change<Said>>,
    /// Every text that was written.
    texts: String,
}

/// A text that is told by the page and what was written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    before: Span,
    /// Of the texts that were written.
    written: Span,
    after: Span,
}

impl Changes {
    pub(super) fn new(list: Vec<Change<Said>>, texts: String) -> Self {
        Self { list, texts }
    }

    /// Every change, its texts untold.
    pub fn iter(&self) -> impl Iterator<Item = &Change<Said>> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the selection was empty.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every change with its texts, given the page as it came.
    pub fn told(&self, page: &[u8]) -> Vec<Change> {
        let page = std::str::from_utf8(page).unwrap_or_default();
        let told = |said: &Said| {
            let text = [said.before.of(page), said.written.of(&self.texts), said.after.of(page)].concat();
            text.trim().to_owned()
        };
        let change = |change: &Change<Said>| match change {
            Change::Slot { product, slot, old, new } => {
                Change::Slot { product: *product, slot: *slot, old: told(old), new: told(new) }
            }
            Change::Refused { product, reason } => Change::Refused { product: *product, reason: *reason },
            Change::Block { id, placement, missing } => {
                Change::Block { id: id.clone(), placement: placement.clone(), missing: *missing }
            }
        };
        self.list.iter().map(change).collect()
    }

    /// About how many bytes they take in memory.
    pub(crate) fn weight(&self) -> usize {
        self.list.capacity() * size_of::<Change<Said>>() + self.texts.capacity()
    }
}

impl Said {
    /// What the page says at a place.
    fn on_page(span: Span) -> Self {
        Self { before: span, written: Span::at(0), after: Span::at(0) }
    }
}

impl Change<Said> {
    /// A part of a text of the page was replaced: `span` of `whole`, by `written` of the written texts.
    pub(super) fn replaced(product: ProductId, slot: Slot, whole: Span, span: Span, written: Span) -> Self {
        let before = Span { start: whole.start, end: span.start };
        let after = Span { start: span.end, end: whole.end };
        Self::Slot { product, slot, old: Said::on_page(whole), new: Said { before, written, after } }
    }

    /// Something was added.
    pub(super) fn added(product: ProductId, slot: Slot, written: Span) -> Self {
        let nothing = Span::at(0);
        let new = Said { before: nothing, written, after: nothing };
        Self::Slot { product, slot, old: Said::on_page(nothing), new }
    }
}
