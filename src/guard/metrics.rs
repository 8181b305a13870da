//! The guard's figures.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;

use super::counts::Verdict;
use super::{Guard, NotComparable};
use crate::telemetry::Metrics;

/// The name of the metric with the distinct shoppers of each offer, without prefix.
pub const SHOPPERS: &str = "guard_shoppers";

/// The name of the metric that names the paused offers, without prefix.
pub const PAUSED: &str = "offers_paused";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Judged {
    offer: Arc<str>,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counts carts.
#[derive(Clone, Debug, Default)]
pub(super) struct GuardMetrics {
    carts: Family<Judged, Counter>,
    left_out: Family<Reason, Counter>,
}

impl GuardMetrics {
    pub(super) fn register(metrics: &mut Metrics) -> Self {
        let own = Self::default();
        metrics.register(
            "guard_carts",
            "Carts compared with what was promised, by offer and result",
            own.carts.clone(),
        );
        let help = "Carts that could not be compared with what was promised, by reason";
        metrics.register("guard_not_comparable", help, own.left_out.clone());
        own
    }

    pub(super) fn judged(&self, offer: &Arc<str>, verdict: Verdict) {
        self.carts.get_or_create(&Judged { offer: Arc::clone(offer), result: verdict.as_str() }).inc();
    }

    pub(super) fn left_out(&self, why: NotComparable) {
        self.left_out.get_or_create(&Reason { reason: why.as_str() }).inc();
    }
}

/// What is read when metrics are asked for.
#[derive(Debug)]
pub(super) struct Standing(pub(super) Weak<Guard>);

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(guard) = self.0.upgrade() else { return Ok(()) };
        let help = "Distinct shoppers of the last hour whose carts an offer was compared in, by result";
        let mut gauges = encoder.encode_descriptor(SHOPPERS, help, None, MetricType::Gauge)?;
        for (offer, figures) in guard.counts.all() {
            let by_result = [
                (Verdict::Agreed, figures.agreed),
                (Verdict::Differed, figures.differed),
                (Verdict::NotComparable, figures.not_comparable),
            ];
            for (verdict, shoppers) in by_result {
                let labels = Judged { offer: Arc::clone(&offer), result: verdict.as_str() };
                ConstGauge::new(i64::from(shoppers)).encode(gauges.encode_family(&labels)?)?;
            }
        }
        let help = "Offers that are not shown as prices for now, by reason";
        let mut gauges = encoder.encode_descriptor(PAUSED, help, None, MetricType::Gauge)?;
        for (offer, reason) in guard.paused_offers() {
            let labels = [("offer", Cow::from(offer.to_string())), ("reason", Cow::from(reason))];
            ConstGauge::new(1_i64).encode(gauges.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
