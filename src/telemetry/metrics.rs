//! What is counted on the request path, and the registry that others add to.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// From a page out of Varnish to an order that takes its time; in seconds.
const LATENCIES: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The process's metrics; rooms register their own before the first request.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    refusals: Family<Reason, Counter>,
    origin_errors: Family<Reason, Counter>,
    edge_errors: Family<Reason, Counter>,
    duration: Histogram,
    first_byte: Histogram,
    connections: Gauge,
}

impl Metrics {
    /// A registry with the request path's metrics, all at zero; every name starts with `segue_`.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("segue"),
            answers: Family::default(),
            refusals: Family::default(),
            origin_errors: Family::default(),
            edge_errors: Family::default(),
            duration: Histogram::new(LATENCIES),
            first_byte: Histogram::new(LATENCIES),
            connections: Gauge::default(),
        };
        metrics.register("answers", "Answers by method and class of status", metrics.answers.clone());
        metrics.register("refusals", "Requests refused, by reason", metrics.refusals.clone());
        metrics.register(
            "origin_errors",
            "Requests without an answer from the origin, by kind",
            metrics.origin_errors.clone(),
        );
        metrics.register(
            "first_party_errors",
            "Calls of pages without an answer from the Edge Network, by kind",
            metrics.edge_errors.clone(),
        );
        metrics.register(
            "request_seconds",
            "From a request's head to its answer's last byte",
            metrics.duration.clone(),
        );
        metrics.register(
            "origin_seconds",
            "From a request to the first byte of the origin's answer",
            metrics.first_byte.clone(),
        );
        metrics.register("connections", "Open connections from clients", metrics.connections.clone());
        metrics
    }

    /// Adds a metric; `name` without the `segue_` prefix and without a counter's `_total`.
    pub fn register(&mut self, name: &str, help: &str, metric: impl Metric) {
        self.registry.register(name, help, metric);
    }

    /// Adds figures that are read when metrics are asked for.
    pub fn collect(&mut self, collector: Box<dyn Collector>) {
        self.registry.register_collector(collector);
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }

    /// The number of open client connections, for the server to keep.
    pub fn connections(&self) -> Gauge {
        self.connections.clone()
    }

    /// Counts a finished answer.
    pub fn answered(&self, method: &Method, status: StatusCode, duration: Duration, first_byte: Option<Duration>) {
        let answer = Answer { method: method_class(method), status: status_class(status) };
        self.answers.get_or_create(&answer).inc();
        self.duration.observe(duration.as_secs_f64());
        if let Some(first_byte) = first_byte {
            self.first_byte.observe(first_byte.as_secs_f64());
        }
    }

    /// Counts a refused request.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a request that the origin did not answer.
    pub fn origin_failed(&self, reason: &'static str) {
        self.origin_errors.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a page's call that the Edge Network did not answer.
    pub fn edge_failed(&self, reason: &'static str) {
        self.edge_errors.get_or_create(&Reason { reason }).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn method_class(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        _ => "other",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_answers_by_class() {
        let metrics = Metrics::new();
        metrics.answered(&Method::GET, StatusCode::NOT_FOUND, Duration::from_millis(3), None);
        metrics.answered(&Method::PUT, StatusCode::OK, Duration::from_millis(3), Some(Duration::from_millis(2)));
        let text = metrics.encode();
        assert!(text.contains(r#"segue_answers_total{method="get",status="4xx"} 1"#), "{text}");
        assert!(text.contains(r#"segue_answers_total{method="other",status="2xx"} 1"#), "{text}");
        assert!(text.contains("segue_origin_seconds_count 1"), "{text}");
    }

    #[test]
    fn takes_the_metrics_of_other_rooms() {
        let mut metrics = Metrics::new();
        let pages = Counter::<u64>::default();
        metrics.register("pages", "Pages", pages.clone());
        pages.inc();
        assert!(metrics.encode().contains("segue_pages_total 1"));
    }
}
