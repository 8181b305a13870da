//! Which blocks a page shows.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Decision, Notes, PlacedBlock, Scope};
use crate::decision::decide::{fits_kind, fits_path};
use crate::decision::index::Traits;
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::page::PageKind;
use crate::rule::{Block, Rotation};

/// A block that fits the page, with what it shows.
struct Fitting<'d> {
    place: u32,
    block: &'d Arc<Block>,
    html: &'d Arc<str>,
}

pub(super) fn select(decision: &Decision, scope: &Scope<'_>, kind: PageKind, notes: &mut Notes) -> Vec<PlacedBlock> {
    let mut fitting = all_fitting(decision, scope, kind, notes);
    // Stable: blocks of one placement stay in the order of their priority.
    fitting.sort_by_key(|fitting| fitting.place);
    let mut placed = Vec::new();
    for fitting in fitting.chunk_by(|one, next| one.place == next.place) {
        let turns = Turns::of(fitting, scope.bucket);
        for Fitting { block, html, .. } in fitting {
            match turns.before(block) {
                Some(other) => notes.add(|| verdict(block, Outcome::NotApplied(NotApplied::RotatedOut(other)))),
                None => {
                    notes.add(|| verdict(block, Outcome::Applied));
                    let (id, html) = (Arc::clone(&block.id), Arc::clone(html));
                    placed.push(PlacedBlock { id, placement: block.placement.clone(), html });
                }
            }
        }
    }
    placed
}

/// The blocks that fit the page, by priority. Of those that only the first of their placement is shown of, nobody asks after the first,
/// unless for reasons.
fn all_fitting<'d>(decision: &'d Decision, scope: &Scope<'_>, kind: PageKind, notes: &mut Notes) -> Vec<Fitting<'d>> {
    let index = decision.index();
    let mut first_found = vec![false; index.placements.len()];
    let mut all = Vec::new();
    for number in decision.block_numbers() {
        let Traits { kinds, place, rotation, .. } = index.traits[*number as usize];
        let first_found = &mut first_found[place as usize];
        if !notes.are_wanted() && (!kinds.has(kind) || (rotation == Rotation::First && *first_found)) {
            continue;
        }
        let block = index.block(*number);
        match fitting(block, scope, kind) {
            Ok(html) => {
                *first_found |= rotation == Rotation::First;
                all.push(Fitting { place, block, html });
            }
            Err(reason) => notes.add(|| verdict(block, Outcome::NotApplied(reason))),
        }
    }
    all
}

fn fitting<'d>(block: &'d Block, scope: &Scope<'_>, kind: PageKind) -> Result<&'d Arc<str>, NotApplied> {
    if !fits_kind(block, kind) {
        return Err(NotApplied::PageKind);
    }
    if !fits_path(block, scope.path) {
        return Err(NotApplied::Url);
    }
    let html = block.html.of(&scope.view.code).ok_or(NotApplied::NoHtml)?.shown();
    if html.trim().is_empty() { Err(NotApplied::NothingLeft) } else { Ok(html) }
}

fn verdict(block: &Block, outcome: Outcome) -> Verdict {
    Verdict { rule: RuleId::Block(Arc::clone(&block.id)), product: None, outcome }
}

/// Whose turn it is at one placement.
struct Turns {
    first: Option<Arc<str>>,
    random: Option<Arc<str>>,
}

impl Turns {
    fn of(fitting: &[Fitting<'_>], bucket: u64) -> Self {
        let of = |rotation| fitting.iter().map(|fitting| fitting.block).filter(move |block| block.rotation == rotation);
        let first = of(Rotation::First).next().map(|block| Arc::clone(&block.id));
        let random = of(Rotation::Random).max_by_key(|block| lot(bucket, &block.id)).map(|block| Arc::clone(&block.id));
        Self { first, random }
    }

    /// The block that has this one's turn.
    fn before(&self, block: &Block) -> Option<Arc<str>> {
        let turn = match block.rotation {
            Rotation::All => return None,
            Rotation::First => &self.first,
            Rotation::Random => &self.random,
        };
        turn.clone().filter(|id| *id != block.id)
    }
}

/// A block's lot for one shopper. The highest wins, so a block that comes or goes moves only the shoppers who get it or had it.
fn lot(bucket: u64, id: &str) -> [u8; 32] {
    Sha256::new().chain_update(bucket.to_le_bytes()).chain_update(id.as_bytes()).finalize().into()
}
