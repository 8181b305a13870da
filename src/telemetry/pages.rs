//! What became of pages, counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Metrics;
use crate::mode::Mode;
use crate::rewrite::answers::AnswerKind;
use crate::rewrite::render::Change;
use crate::rewrite::skip::Skip;
use crate::rewrite::{Done, Outcome, Rewriter};

/// The name of the metric that counts pages with prices from elsewhere, without prefix and suffix.
pub const FETCHED_PRICES: &str = "pages_with_fetched_prices";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Claim {
    what: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    mode: &'static str,
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    mode: &'static str,
    answer: &'static str,
    outcome: &'static str,
}

/// Counts pages, products, blocks and claims. Simulations are not to be counted.
#[derive(Clone, Debug, Default)]
pub struct PageMetrics {
    pages: Family<Labels, Counter>,
    products: Family<Labels, Counter>,
    blocks: Family<Labels, Counter>,
    elsewhere: Family<Source, Counter>,
    refused: Family<Claim, Counter>,
    answers: Family<AnswerLabels, Counter>,
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
        let help = "Judged pages whose scripts fetch prices from elsewhere, which Segue cannot change, by the service";
        metrics.register(FETCHED_PRICES, help, own.elsewhere.clone());
        metrics.register("cookies_refused", "Claims of membership that were not believed", own.refused.clone());
        let help = "Answers to scripts of pages that hold prices, by what became of them";
        metrics.register("script_answers", help, own.answers.clone());
        metrics.collect(Box::new(RewriterFigures(rewriter)));
        own
    }

    /// Counts a claim that was not believed: what it was, and why.
    pub fn refused(&self, (what, reason): (&'static str, &'static str)) {
        self.refused.get_or_create(&Claim { what, reason }).inc();
    }

    /// Counts what became of an answer to a script: whether it was changed, or why it was not looked at.
    pub fn count_answer(&self, mode: Mode, kind: AnswerKind, outcome: Result<bool, Skip>) {
        let outcome = match outcome {
            Ok(true) => "changed",
            Ok(false) => "unchanged",
            Err(skip) => skip.as_str(),
        };
        let labels = AnswerLabels { mode: mode.as_str(), answer: kind.as_str(), outcome };
        self.answers.get_or_create(&labels).inc();
    }

    /// Counts what became of an answer.
    pub fn count(&self, mode: Mode, outcome: &Outcome) -> Shown {
        let mode = mode.as_str();
        let shown = match outcome {
            Ok(done) => self.count_page(mode, done),
            Err(skip) => Shown { outcome: skip.as_str(), products: 0, blocks: 0 },
        };
        self.pages.get_or_create(&Labels { mode, outcome: shown.outcome }).inc();
        shown
    }

    fn count_page(&self, mode: &'static str, done: &Done) -> Shown {
        let (mut changed, mut refused, mut blocks) = (Vec::new(), Vec::new(), 0);
        // Most products of a page are left alone for the same reason, and finding a counter costs more than counting.
        let mut left: BTreeMap<&'static str, u64> = BTreeMap::new();
        for change in done.changes.iter() {
            match change {
                Change::Slot { product, .. } => changed.push(*product),
                Change::Refused { product, reason } => {
                    refused.push(*product);
                    *left.entry(reason.as_str()).or_default() += 1;
                }
                Change::Block { missing: None, .. } => blocks += 1,
                Change::Block { missing: Some(reason), .. } => self.block(mode, reason.as_str(), 1),
            }
        }
        changed.sort_unstable();
        changed.dedup();
        let products = changed.len() as u64;
        // A product with a label whose prices are in doubt counts once, for its prices.
        let labelled = refused.iter().filter(|product| changed.binary_search(product).is_ok()).count() as u64;
        self.product(mode, "changed", products - labelled);
        self.block(mode, "placed", blocks);
        done.plan.left_alone().iter().for_each(|alone| *left.entry(alone.reason.as_str()).or_default() += 1);
        for what in done.plan.elsewhere() {
            self.elsewhere.get_or_create(&Source { mode, source: what.as_str() }).inc();
        }
        left.into_iter().for_each(|(reason, count)| self.product(mode, reason, count));
        let outcome = if products + blocks > 0 { "changed" } else { "unchanged" };
        Shown { outcome, products, blocks }
    }

    fn product(&self, mode: &'static str, outcome: &'static str, count: u64) {
        self.products.get_or_create(&Labels { mode, outcome }).inc_by(count);
    }

    fn block(&self, mode: &'static str, outcome: &'static str, count: u64) {
        self.blocks.get_or_create(&Labels { mode, outcome }).inc_by(count);
    }
}

/// The rewriter's own figures, read when metrics are asked for.
#[derive(Debug)]
struct RewriterFigures(Arc<Rewriter>);

impl Collector for RewriterFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        let gauges = [
            ("held_bytes", "Bytes of pages held now", stats.held_bytes),
            ("held_bytes_peak", "The most bytes of pages ever held at a time", stats.held_bytes_peak),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
