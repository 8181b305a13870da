//! The inventory's metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

use super::{Flag, Flagged, Snapshot, age};
use crate::aep::audiences::Lifecycle;
use crate::store::Known;
use crate::telemetry::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    flag: &'static str,
}

/// Audiences by state, flags, syncs, and how old the newest good one is.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    audiences: Family<State, Gauge>,
    flags: Family<What, Gauge>,
    syncs: Family<Outcome, Counter>,
    last: Arc<Last>,
}

/// When the last good sync began, in milliseconds since 1970; 0 before there was one.
#[derive(Debug, Default)]
struct Last(AtomicI64);

impl Figures {
    pub(super) fn register(metrics: &mut Metrics) -> Self {
        let own = Self::default();
        metrics.register("audiences", "Audiences of the sandbox by state", own.audiences.clone());
        metrics.register(
            "audience_flags",
            "Audiences that rules use and that something is the matter with",
            own.flags.clone(),
        );
        metrics.register("audience_syncs", "Attempts to list the audiences, by result", own.syncs.clone());
        metrics.collect(Box::new(Age(Arc::clone(&own.last))));
        own
    }

    pub(super) fn synced(&self, result: &'static str) {
        self.syncs.get_or_create(&Outcome { result }).inc();
    }

    pub(super) fn show(&self, snapshot: &Snapshot, flagged: &[Flagged]) {
        let mut states = BTreeMap::from(STATES.map(|state| (state, 0)));
        for known in &snapshot.known {
            *states.entry(state(known)).or_default() += 1;
        }
        for (state, count) in states {
            self.audiences.get_or_create(&State { state }).set(count);
        }
        for flag in Flag::ALL {
            let count = flagged.iter().filter(|flagged| flagged.flag == flag).count();
            self.flags.get_or_create(&What { flag: flag.as_str() }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let began = snapshot.good.as_ref().map_or(0, |good| good.began.as_millisecond());
        self.last.0.store(began, Ordering::Relaxed);
    }
}

const STATES: [&str; 6] = ["published", "draft", "inactive", "archived", "other", "gone"];

fn state(known: &Known) -> &'static str {
    match known.audience.lifecycle {
        _ if known.gone_at.is_some() => "gone",
        Lifecycle::Published => "published",
        Lifecycle::Draft => "draft",
        Lifecycle::Inactive => "inactive",
        Lifecycle::Archived => "archived",
        Lifecycle::Other(_) | Lifecycle::Unknown => "other",
    }
}

/// Read when metrics are asked for.
#[derive(Debug)]
struct Age(Arc<Last>);

impl Collector for Age {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let began = self.0.0.load(Ordering::Relaxed);
        let Some(began) = Timestamp::from_millisecond(began).ok().filter(|_| began != 0) else { return Ok(()) };
        let gauge = ConstGauge::new(age(began).as_secs_f64());
        let help = "Seconds since the audiences were last listed";
        gauge.encode(encoder.encode_descriptor("audience_sync_age_seconds", help, None, gauge.metric_type())?)
    }
}
