//! What became of pages, counted.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Unit;

use super::Metrics;
use crate::mode::Mode;
use crate::rewrite::render::Change;
use crate::rewrite::{Done, Outcome, Rewriter};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Page {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Product {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Block {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Claim {
    what: &'static str,
    reason: &'static str,
}

/// Counts pages, products, blocks and claims. Simulations are not to be counted.
#[derive(Clone, Debug, Default)]
pub struct PageMetrics {
    pages: Family<Page, Counter>,
    products: Family<Product, Counter>,
    blocks: Family<Block, Counter>,
    refused: Family<Claim, Counter>,
}

/// What a page shows or would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `changed`, `unchanged` or the reason why it was not looked at.
    pub outcome: &'static str,
    /// How many products have another price or a label.
    pub products: u64,
    /// How many blocks are on it.
    pub blocks: u64,
}

impl PageMetrics {
    /// Registers its metrics and those of the rewriter.
    pub fn register(metrics: &mut Metrics, rewriter: Arc<Rewriter>) -> Self {
        let own = Self::default();
        metrics.register("pages", "Answers by what became of them", own.pages.clone());
        metrics.register("products", "Products on judged pages: changed, or the reason why not", own.products.clone());
        metrics.register("blocks", "Dynamic blocks on judged pages: placed, or without an anchor", own.blocks.clone());
        metrics.register("cookies_refused", "Claims of membership that were not believed", own.refused.clone());
        metrics.collect(Box::new(super::rewriter::RewriterFigures::new(rewriter)));
        own
    }

    /// Counts a claim that was not believed: what it was, and why.
    pub fn refused(&self, (what, reason): (&'static str, &'static str)) {
        self.refused.get_or_create(&Claim { what, reason }).inc();
    }

    /// Counts what became of an answer.
    pub fn count(&self, mode: Mode, outcome: &Outcome) -> Shown {
        let mode = mode.as_str();
        let shown = match outcome {
            Ok(done) => self.count_page(mode, done),
            Err(skip) => Shown { outcome: skip.as_str(), products: 0, blocks: 0 },
        };
        self.pages.get_or_create(&Page { mode, outcome: shown.outcome }).inc();
        shown
    }

    fn count_page(&self, mode: &'static str, done: &Done) -> Shown {
        let (mut products, mut blocks) = (0, 0);
        for change in done.changes.iter() {
            match change {
                Change::Product(_) => products += 1,
                Change::Block(block) if block.placed() => blocks += 1,
                Change::Block(_) => {
                    self.blocks.get_or_create(&Block { mode, outcome: "no_anchor" }).inc();
                }
            }
        }
        self.products.get_or_create(&Product { mode, outcome: "changed" }).inc_by(products);
        self.blocks.get_or_create(&Block { mode, outcome: "placed" }).inc_by(blocks);
        for left in done.plan.left_alone() {
            self.products.get_or_create(&Product { mode, outcome: left.reason.as_str() }).inc();
        }
        let outcome = if products + blocks > 0 { "changed" } else { "unchanged" };
        Shown { outcome, products, blocks }
    }
}
