//! What the running Segue has seen on the shop's pages, by its own figures.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::{Check, Outcome};
use crate::rewrite::plan::Elsewhere;
use crate::telemetry::pages::FETCHED_PRICES;

/// It is on this machine or near it, and answers from memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// Metrics have some ten kilobytes.
const MOST_BYTES: usize = 4 << 20;

/// Whether pages load what fetches prices that Segue cannot change. That is for the merchant to know, and no failure.
pub(super) async fn check(operations: SocketAddr) -> Check {
    let outcome = match metrics(operations).await {
        Some(metrics) => judge(&metrics),
        None => Outcome::Skipped(format!(
            "no Segue answers at {operations}; a running one says whether pages load Live Search or Product Recommendations"
        )),
    };
    Check::new("fetched prices", outcome)
}

/// The metrics of a running Segue; `None` where none answers.
pub(in super::super) async fn metrics(operations: SocketAddr) -> Option<String> {
    // Who listens on every address is at the local one.
    let ip = if operations.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { operations.ip() };
    let url = format!("http://{}/metrics", SocketAddr::new(ip, operations.port())).parse().ok()?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = async {
        let body = client.get(url).await.ok().filter(|answer| answer.status().is_success())?.into_body();
        let bytes = Limited::new(body, MOST_BYTES).collect().await.ok()?.to_bytes();
        String::from_utf8(bytes.to_vec()).ok()
    };
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
}

fn judge(metrics: &str) -> Outcome {
    let mut pages: BTreeMap<Elsewhere, u64> = BTreeMap::new();
    for (source, count) in metrics.lines().filter_map(figure) {
        *pages.entry(source).or_default() += count;
    }
    if pages.is_empty() {
        return Outcome::Good(
            "no page so far loaded Live Search, Product Recommendations or Catalog Service".to_owned(),
        );
    }
    let seen: Vec<String> = pages.iter().map(|(source, count)| format!("{} ({count})", source.name())).collect();
    Outcome::Notice(format!(
        "pages load what fetches prices from elsewhere, where Segue cannot change them: {}; shoppers may see the shop's own prices there",
        seen.join(", ")
    ))
}

/// A source and how many pages loaded it, by one line of the metrics.
fn figure(line: &str) -> Option<(Elsewhere, u64)> {
    let labels = line.strip_prefix("segue_")?.strip_prefix(FETCHED_PRICES)?.strip_prefix("_total{")?;
    let (labels, count) = labels.split_once("} ")?;
    let word = labels.split(',').find_map(|label| label.strip_prefix("source=\"")?.strip_suffix('"'))?;
    Some((Elsewhere::of_word(word)?, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(metrics: &str) -> (&'static str, String) {
        let outcome = judge(metrics);
        let word = outcome.as_str();
        match outcome {
            Outcome::Good(says) | Outcome::Notice(says) | Outcome::Skipped(says) => (word, says),
            Outcome::Bad { what, .. } => (word, what),
        }
    }

    #[test]
    fn pages_of_all_modes_are_added_up_by_source() {
        let metrics = "# TYPE segue_pages_with_fetched_prices counter\n\
                       segue_pages_with_fetched_prices_total{mode=\"on\",source=\"live-search\"} 12\n\
                       segue_pages_with_fetched_prices_total{mode=\"observe\",source=\"live-search\"} 3\n\
                       segue_pages_with_fetched_prices_total{mode=\"on\",source=\"product-recommendations\"} 1\n# EOF\n";
        let (word, says) = says(metrics);
        assert_eq!(word, "notice");
        assert!(says.contains("Live Search (15), Product Recommendations (1);"), "{says}");
    }

    #[test]
    fn without_such_pages_all_is_well() {
        assert_eq!(says("segue_pages_total{mode=\"on\",outcome=\"changed\"} 7\n").0, "ok");
    }

    #[tokio::test]
    async fn where_nobody_answers_nothing_fails() {
        let check = check(SocketAddr::from(([127, 0, 0, 1], 2))).await;
        assert_eq!(check.outcome.as_str(), "skipped");
    }
}
