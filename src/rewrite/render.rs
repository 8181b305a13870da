//! Writes a selection into a page: everything between the slots is copied. Pure and total.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::decision::select::{Doubt, PlacedBlock, PriceChange, Selection};
use crate::page::ProductId;
use crate::rewrite::banner::{NoAnchor, Side, Spot};
use crate::rewrite::plan::text::Span;
use crate::rewrite::plan::{PlaceKind, Plan, Reason};
use crate::rule::Placement;
use crate::rule::html::escape;
use crate::site::{Display, MissingWords, Reference};

use prices::{Number, Words};

mod changes;
mod prices;

pub use changes::{Changes, Said};

/// What goes into a page besides the selection.
#[derive(Clone, Copy, Debug)]
pub struct Dressing<'a> {
    /// URL of Segue's stylesheet, linked at the end of the head of pages that show a block or a label.
    pub stylesheet: Option<&'a str>,
    /// HTML for the end of the body, such as the marker of a simulation.
    pub marker: Option<&'a str>,
    /// Plain English beside a price without discount, for English pages that show no such words of their own.
    pub regular_price_label: &'a str,
    /// Plain text beside a discounted price, likewise.
    pub special_price_label: &'a str,
    /// How the store view presents changed prices.
    pub display: &'a Display,
}

static PLAIN_DISPLAY: Display = Display {
    reference: Reference::Regular,
    reference_label: None,
    deducted: None,
    missing: MissingWords { amount: None, units: None, units_for_free: None },
    disclosure: None,
};

impl Default for Dressing<'_> {
    fn default() -> Self {
        Self {
            stylesheet: None,
            marker: None,
            regular_price_label: "Regular Price",
            special_price_label: "Special Price",
            display: &PLAIN_DISPLAY,
        }
    }
}

/// A rendered page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The page.
    pub bytes: Vec<u8>,
    /// What became of everything in the selection: prices in the order of products and places, products in doubt, then blocks.
    pub changes: Changes,
}

/// What became of a part of the selection; with texts that are either told (`String`) or still to be told ([`Said`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T = String> {
    /// A text of the page was replaced, or added where `old` is empty.
    Slot {
        /// Whose price it is.
        product: ProductId,
        /// What was replaced.
        slot: Slot,
        /// The raw text before.
        old: T,
        /// The raw text now.
        new: T,
    },
    /// A product stayed as it was.
    Refused {
        /// Which.
        product: ProductId,
        /// Why.
        reason: Refusal,
    },
    /// A block was written, or could not be.
    Block {
        /// Which.
        id: Arc<str>,
        /// Where it was to go.
        placement: Placement,
        /// Why it is not there.
        missing: Option<NoAnchor>,
    },
}

/// The parts of a page that a price change writes, in the order of explain output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The price that shoppers read.
    Visible,
    /// The regular price that was added beside the new one.
    Regular,
    /// How many percent a price by quantity saves.
    Saving,
    /// The offer's label.
    Label,
    /// What is said of changed prices.
    Disclosure,
    /// `data-price-amount` of the final price.
    Amount,
    /// `content` of a meta.
    Meta,
    /// An amount in structured data.
    StructuredData,
    /// An amount in the data of a script that prints the price.
    Script,
}

impl From<PlaceKind> for Slot {
    fn from(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Visible => Self::Visible,
            PlaceKind::Amount => Self::Amount,
            PlaceKind::Meta => Self::Meta,
            PlaceKind::Script => Self::Script,
            PlaceKind::StructuredData => Self::StructuredData,
            PlaceKind::Saving => Self::Saving,
        }
    }
}

impl Slot {
    /// The word in explain output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Amount => "data-price-amount",
            Self::Meta => "meta",
            Self::Script => "script",
            Self::StructuredData => "structured-data",
            Self::Saving => "saving",
            Self::Regular => "regular-price",
            Self::Label => "label",
            Self::Disclosure => "disclosure",
        }
    }

    /// Whether it is written beside a price, and says no price itself.
    pub fn is_beside(self) -> bool {
        matches!(self, Self::Label | Self::Disclosure)
    }
}

/// Why nothing of a product was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The page does not show it.
    NotOnPage,
    /// The plan leaves it alone.
    LeftAlone(Reason),
    /// A new price is above the current one, or below zero.
    NotLower,
    /// Prices that the page does not tell apart would no longer be the same.
    Ambiguous,
    /// The page does not show how such a number is written.
    UnknownGrouping,
    /// Blocks replace every part of the page that shows it.
    Swallowed,
    /// What the cart would charge is not known; the word of the reason.
    InDoubt(&'static str),
}

impl Refusal {
    /// The word in logs, metrics and explain output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotOnPage => "not-on-page",
            Self::LeftAlone(reason) => reason.as_str(),
            Self::NotLower => "not-lower",
            Self::Ambiguous => "ambiguous",
            Self::UnknownGrouping => "unknown-grouping",
            Self::Swallowed => "replaced-by-block",
            Self::InDoubt(word) => word,
        }
    }

    /// The reason in words, as the end of a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotOnPage => "the page does not show it",
            Self::LeftAlone(reason) => reason.in_words(),
            Self::NotLower => "a new price would be above the current one, or below zero",
            Self::Ambiguous => "prices that the page does not tell apart would no longer be the same",
            Self::UnknownGrouping => "the page does not show how such a number is written",
            Self::Swallowed => "blocks replace every part of the page that shows it",
            Self::InDoubt(_) => "what the cart would charge is not known",
        }
    }
}

/// Writes `selection` into `page`, which is the page that `plan` was compiled from; any other length of page is returned as it is.
pub fn render(plan: &Plan, page: &[u8], selection: &Selection, dressing: &Dressing<'_>) -> Rendered {
    let text = std::str::from_utf8(page).ok().filter(|text| text.len() == plan.page_length());
    let Some(text) = text else {
        return Rendered { bytes: page.to_vec(), changes: Changes::default() };
    };
    let room = plan.places() + 8 * selection.prices.len() + 16;
    let mut sheet = Sheet {
        plan,
        page: text,
        dressing,
        words: Words::new(plan, dressing),
        written: Vec::with_capacity(room),
        added: Vec::new(),
        texts: String::with_capacity(32 * room),
        numbers: Vec::new(),
        replaced: Vec::new(),
        changes: Vec::with_capacity(room),
        styled: false,
    };
    let blocks = sheet.place_blocks(&selection.blocks);
    let mut done = BTreeSet::new();
    for change in selection.prices.iter().filter(|change| done.insert(change.product)) {
        sheet.change(change);
    }
    sheet.note_doubts(&selection.in_doubt);
    sheet.changes.extend(blocks);
    sheet.dress();
    sheet.written.append(&mut sheet.added);
    let bytes = write(page, &sheet.texts, sheet.written);
    Rendered { bytes, changes: Changes::new(sheet.changes, sheet.texts) }
}

/// One place that is written: a range of the page and its new text, as a range of all new texts.
#[derive(Clone, Copy)]
struct Edit {
    span: Span,
    side: Side,
    text: Span,
}

/// Copies the page with its edits. They do not overlap; one that did would be left out.
fn write(page: &[u8], texts: &str, mut edits: Vec<Edit>) -> Vec<u8> {
    // Stable, so that what is written to one place stays in order; and quick, since there are long runs in page order.
    edits.sort_by_key(|edit| (u64::from(edit.span.start) << 32 | u64::from(edit.span.end), edit.side));
    let added: usize = edits.iter().map(|edit| edit.text.range().len()).sum();
    let mut bytes = Vec::with_capacity(page.len() + added);
    let mut at = 0;
    for edit in edits {
        let range = edit.span.range();
        if let Some(between) = page.get(at..range.start) {
            bytes.extend_from_slice(between);
            bytes.extend_from_slice(edit.text.of(texts).as_bytes());
            at = range.end;
        }
    }
    bytes.extend_from_slice(page.get(at..).unwrap_or_default());
    bytes
}

struct Sheet<'a> {
    plan: &'a Plan,
    page: &'a str,
    dressing: &'a Dressing<'a>,
    words: Words,
    /// What is written instead of prices; of each product in page order.
    written: Vec<Edit>,
    /// What is added to the page, and what blocks replace.
    added: Vec<Edit>,
    /// Every new text, one after the other: no place needs an allocation of its own.
    texts: String,
    /// Numbers that were written already, with their texts.
    numbers: Vec<(Number, Span)>,
    /// What blocks replace, none within another.
    replaced: Vec<Span>,
    changes: Vec<Change<Said>>,
    /// Whether something was written that Segue's stylesheet is for.
    styled: bool,
}

impl Sheet<'_> {
    fn place_blocks(&mut self, blocks: &[PlacedBlock]) -> Vec<Change<Said>> {
        let placed: Vec<_> =
            blocks.iter().map(|block| (block, self.plan.anchors.spots(self.page, &block.placement))).collect();
        let spots = placed.iter().filter_map(|(_, spots)| spots.as_ref().ok()).flatten();
        self.replaced = outermost(
            spots.filter_map(|spot| if let Spot::Replace(span) = spot { Some(*span) } else { None }).collect(),
        );
        let mut changes = Vec::with_capacity(blocks.len());
        for (block, spots) in placed {
            let missing = spots.and_then(|spots| self.write_block(block, &spots)).err();
            changes.push(Change::Block { id: Arc::clone(&block.id), placement: block.placement.clone(), missing });
        }
        changes
    }

    fn write_block(&mut self, block: &PlacedBlock, spots: &[Spot]) -> Result<(), NoAnchor> {
        let free: Vec<Spot> = spots.iter().copied().filter(|spot| self.is_free(*spot)).collect();
        if free.is_empty() {
            return Err(NoAnchor::Swallowed);
        }
        for spot in free {
            self.styled = true;
            let (span, side) = match spot {
                Spot::Insert(at, side) => (Span::at(at), side),
                Spot::Replace(span) => (span, Side::Before),
            };
            let known = self.added.iter().position(|edit| matches!(spot, Spot::Replace(_)) && edit.span == span);
            let start = self.texts.len();
            // Blocks that stand instead of one element have one text.
            self.texts.extend_from_within(known.map_or(0..0, |at| self.added[at].text.range()));
            self.texts.extend([r#"<div class="widget block block-static-block segue-block">"#, &block.html, "</div>"]);
            match known {
                Some(at) => self.added[at].text = Span::new(start..self.texts.len()),
                None => self.edit(span, side, start),
            }
        }
        Ok(())
    }

    fn is_free(&self, spot: Spot) -> bool {
        match spot {
            Spot::Insert(at, _) => !self.replaced.iter().any(|span| span.start < at && at < span.end),
            Spot::Replace(span) => self.replaced.contains(&span),
        }
    }

    fn change(&mut self, change: &PriceChange) {
        let outcome = match self.plan.known(change.product) {
            Some((facts, product)) => self.product(facts, product, change),
            None => Err(self
                .plan
                .left_alone()
                .iter()
                .find(|left| left.product == change.product)
                .map_or(Refusal::NotOnPage, |left| Refusal::LeftAlone(left.reason))),
        };
        if let Err(reason) = outcome {
            self.changes.push(Change::Refused { product: change.product, reason });
        }
    }

    /// Tells of products in doubt, but for those that were refused for another reason already.
    fn note_doubts(&mut self, doubts: &[Doubt]) {
        let refused: BTreeSet<ProductId> = refused(&self.changes).collect();
        let doubts = doubts.iter().filter(|doubt| !refused.contains(&doubt.product));
        let told =
            doubts.map(|doubt| Change::Refused { product: doubt.product, reason: Refusal::InDoubt(doubt.reason) });
        self.changes.extend(told);
    }

    fn is_replaced(&self, part: Span) -> bool {
        self.replaced.iter().any(|span| span.start < part.end && part.start < span.end)
    }

    fn dress(&mut self) {
        if let Some((url, at)) = self.dressing.stylesheet.zip(self.plan.head_end).filter(|_| self.styled) {
            let start = self.texts.len();
            self.texts.extend(["<link rel=\"stylesheet\" href=\"", &escape(url), "\">"]);
            self.edit(Span::at(at), Side::Append, start);
        }
        if let Some(marker) = self.dressing.marker {
            let start = self.texts.len();
            self.texts.push_str(marker);
            self.edit(Span::at(self.plan.body_end), Side::Append, start);
        }
    }

    /// Puts what was added to the texts since `start` in a place.
    fn edit(&mut self, span: Span, side: Side, start: usize) {
        self.added.push(Edit { span, side, text: Span::new(start..self.texts.len()) });
    }
}

/// The products that stayed as they were.
fn refused<T>(changes: &[Change<T>]) -> impl Iterator<Item = ProductId> + '_ {
    changes.iter().filter_map(|change| match change {
        Change::Refused { product, .. } => Some(*product),
        Change::Slot { .. } | Change::Block { .. } => None,
    })
}

/// The ranges that lie in no other.
fn outermost(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut kept: Vec<Span> = Vec::new();
    for span in spans {
        if kept.last().is_none_or(|last| last.end <= span.start) {
            kept.push(span);
        }
    }
    kept
}
