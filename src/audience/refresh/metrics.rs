//! What look-ups cost and bring, counted.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::telemetry::Metrics;

/// Around what the Edge Network takes, and up to the longest call; in seconds.
const LATENCIES: [f64; 11] = [0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.25, 0.5, 1.0, 2.0];

/// From just learnt to as old as a membership may be; in seconds.
const AGES: [f64; 10] = [1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 3600.0, 86_400.0, 604_800.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotMade {
    reason: &'static str,
}

/// The metrics of look-ups.
#[derive(Clone, Debug)]
pub struct LookupMetrics {
    ended: Family<Ended, Counter>,
    spared: Family<NotMade, Counter>,
    seconds: Histogram,
    waits: Histogram,
    age: Histogram,
    change: Histogram,
}

impl LookupMetrics {
    /// Registers them.
    pub fn register(metrics: &mut Metrics) -> Self {
        let own = Self {
            ended: Family::default(),
            spared: Family::default(),
            seconds: Histogram::new(LATENCIES),
            waits: Histogram::new(LATENCIES),
            age: Histogram::new(AGES),
            change: Histogram::new(AGES),
        };
        metrics.register("lookups", "Look-ups at the Edge Network, by result", own.ended.clone());
        metrics.register(
            "lookups_spared",
            "Pages that were due for a look-up and made none, by reason",
            own.spared.clone(),
        );
        metrics.register("lookup_seconds", "From a question to its answer", own.seconds.clone());
        metrics.register("lookup_wait_seconds", "How long pages waited for a look-up", own.waits.clone());
        metrics.register("membership_age_seconds", "How old a membership was when a page used it", own.age.clone());
        metrics.register(
            "membership_change_seconds",
            "From the last time that a membership was known to be otherwise to the first page that shows the change",
            own.change.clone(),
        );
        own
    }

    pub(super) fn ended(&self, result: &'static str, took: Duration) {
        self.ended.get_or_create(&Ended { result }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn spared(&self, reason: &'static str) {
        self.spared.get_or_create(&NotMade { reason }).inc();
    }

    pub(super) fn waited(&self, time: Duration) {
        self.waits.observe(time.as_secs_f64());
    }

    /// A page used a membership of this age, in seconds.
    pub fn used(&self, age: i64) {
        self.age.observe(age.max(0) as f64);
    }

    /// A page is the first to show a change, which came about within the last so many seconds.
    pub fn changed(&self, within: i64) {
        self.change.observe(within.max(0) as f64);
    }
}
