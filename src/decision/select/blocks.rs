//! Which blocks a page shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Notes, PlacedBlock, Scope};
use crate::decision::decide::{fits_kind, fits_path};
use crate::decision::verdict::{NotApplied, Outcome, RuleId, Verdict};
use crate::page::PageKind;
use crate::rule::{Block, Placement, Rotation};

/// A block that fits the page, with what it shows.
struct Fitting<'d> {
    block: &'d Arc<Block>,
    html: &'d Arc<str>,
}

pub(super) fn select(blocks: &[Arc<Block>], scope: &Scope<'_>, kind: PageKind, notes: &mut Notes) -> Vec<PlacedBlock> {
    let mut by_placement: BTreeMap<&Placement, Vec<Fitting<'_>>> = BTreeMap::new();
    for block in blocks {
        match fitting(block, scope, kind) {
            Ok(html) => by_placement.entry(&block.placement).or_default().push(Fitting { block, html }),
            Err(reason) => notes.add(|| verdict(block, Outcome::NotApplied(reason))),
        }
    }
    let mut placed = Vec::new();
    for (placement, fitting) in by_placement {
        let turns = Turns::of(&fitting, scope.bucket);
        for Fitting { block, html } in fitting {
            match turns.before(block) {
                Some(other) => notes.add(|| verdict(block, Outcome::NotApplied(NotApplied::RotatedOut(other)))),
                None => {
                    notes.add(|| verdict(block, Outcome::Applied));
                    let (id, html) = (Arc::clone(&block.id), Arc::clone(html));
                    placed.push(PlacedBlock { id, placement: placement.clone(), html });
                }
            }
        }
    }
    placed
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
