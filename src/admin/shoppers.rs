//! How many shoppers were seen: kept up to date beside the pages, which only look it up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};

use super::Admin;
use crate::seen::{Hourly, KEPT_HOURS, Sketch, Subject, hour};
use crate::store::{Store, StoreError};

/// Hours of a day.
const DAY: i64 = 24;

/// By how much clocks of processes may differ.
const SLACK_SECONDS: i64 = 60;

/// About how many shoppers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Figures {
    /// In the last 24 hours, this one among them.
    pub(super) day: u64,
    /// In this hour.
    pub(super) hour: u64,
}

/// What is known of the last day.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    hours: HashMap<Subject, BTreeMap<i64, Sketch>>,
    figures: HashMap<Subject, Figures>,
    /// The hour that the figures are of.
    now: i64,
    /// Up to when changes are known.
    read: Option<Timestamp>,
}

impl View {
    pub(super) fn of(&self, subject: &Subject) -> Figures {
        self.figures.get(subject).copied().unwrap_or_default()
    }

    pub(super) fn of_audience(&self, id: &str) -> Figures {
        self.of(&Subject::Audience(id.into()))
    }

    /// Whether shoppers have been counted for a day, so that who was not seen was not there.
    pub(super) fn has_a_day(&self) -> bool {
        self.hours.values().any(|hours| hours.keys().next().is_some_and(|first| *first <= self.now - DAY + 1))
    }

    /// Takes in what was counted, as of an hour.
    fn take(&mut self, counted: Vec<Hourly>, now: i64) {
        let first = now - DAY + 1;
        let is_other_hour = self.now != now;
        self.now = now;
        let mut changed: HashSet<Subject> = HashSet::new();
        for (subject, hour, sketch) in counted.into_iter().filter(|(_, hour, _)| *hour >= first) {
            self.hours.entry(subject.clone()).or_default().insert(hour, sketch);
            changed.insert(subject);
        }
        if is_other_hour {
            self.hours.values_mut().for_each(|hours| *hours = hours.split_off(&first));
            self.hours.retain(|_, hours| !hours.is_empty());
            changed = self.hours.keys().cloned().collect();
            self.figures.clear();
        }
        for subject in changed {
            let Some(hours) = self.hours.get(&subject) else { continue };
            let mut day = Sketch::default();
            hours.values().for_each(|sketch| day.merge(sketch));
            let hour = hours.get(&now).map(Sketch::count).unwrap_or_default();
            self.figures.insert(subject, Figures { day: day.count(), hour });
        }
    }
}

impl Admin {
    /// What is known of shoppers now.
    pub(super) fn shoppers(&self) -> Arc<View> {
        self.0.shoppers.load_full()
    }

    /// Reads what was counted since it was read last.
    pub(super) async fn count_shoppers(&self, store: &Store) -> Result<(), StoreError> {
        let (now, view) = (Timestamp::now(), self.shoppers());
        let since = match view.read {
            Some(read) => read.checked_sub(SLACK_SECONDS.seconds()).unwrap_or(read),
            None => Timestamp::UNIX_EPOCH,
        };
        let counted = store.seen_since(hour(now) - DAY + 1, since).await?;
        if counted.is_empty() && view.now == hour(now) {
            return Ok(());
        }
        // Thousands of sketches take their time, which others on this thread would wait for.
        let taken = tokio::task::spawn_blocking(move || {
            let mut view = (*view).clone();
            view.take(counted, hour(now));
            view.read = Some(now);
            view
        });
        match taken.await {
            Ok(view) => self.0.shoppers.store(Arc::new(view)),
            Err(error) => tracing::error!(%error, "shoppers could not be counted"),
        }
        Ok(())
    }
}

/// The last days of a subject, hour by hour, as a chart.
pub(super) fn chart(counted: &[Hourly], now: Timestamp) -> Markup {
    const WIDTH: i64 = 4;
    const HEIGHT: u64 = 90;
    let last = hour(now);
    let first = last - KEPT_HOURS + DAY + 1;
    let mut hours: BTreeMap<i64, Sketch> = BTreeMap::new();
    for (_, hour, sketch) in counted {
        hours.entry(*hour).or_default().merge(sketch);
    }
    let counts: BTreeMap<i64, u64> = hours.iter().map(|(hour, sketch)| (*hour, sketch.count())).collect();
    let most = counts.range(first..).map(|(_, count)| *count).max().unwrap_or_default();
    let total = {
        let mut all = Sketch::default();
        hours.range(first..).for_each(|(_, sketch)| all.merge(sketch));
        all.count()
    };
    let moment = |hour: i64| Timestamp::from_second(hour * 3600).map(|at| at.strftime("%a %d %H:00").to_string());
    html! {
        @if most == 0 { p.quiet { "Nobody was seen in the last seven days." } } @else {
            p { "About " strong { (total) } @if total == 1 { " shopper" } @else { " shoppers" } " in the last seven days; at most " (most) " in an hour." }
            svg.chart viewBox={ "0 0 " (WIDTH * (last - first + 1)) " " (HEIGHT + 2) } preserveAspectRatio="none" role="img"
                aria-label={ "Shoppers by the hour in the last seven days, at most " (most) } {
                @for at in first..=last {
                    @let count = counts.get(&at).copied().unwrap_or_default();
                    @let tall = (count * HEIGHT).div_ceil(most);
                    rect.chart__bar x=(WIDTH * (at - first)) y=(HEIGHT - tall) width=(WIDTH - 1) height=(tall + 1) {
                        title { (moment(at).unwrap_or_default()) " UTC: " (count) }
                    }
                }
            }
            div.chart__ends aria-hidden="true" { span { (moment(first).unwrap_or_default()) " UTC" } span { "now" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shoppers: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::default();
        shoppers.for_each(|shopper| {
            sketch.add(shopper);
        });
        sketch
    }

    #[test]
    fn a_day_goes_on_hour_by_hour() {
        let vip = || Subject::Audience("vip".into());
        let mut view = View::default();
        view.take(vec![(vip(), 100, of(0..10)), (vip(), 101, of(5..20)), (vip(), 70, of(0..99))], 101);
        assert_eq!(view.of(&vip()), Figures { day: 20, hour: 15 });
        assert!(!view.has_a_day());
        view.take(vec![(vip(), 101, of(5..25))], 101);
        assert_eq!(view.of(&vip()), Figures { day: 25, hour: 20 });
        view.take(Vec::new(), 124);
        assert_eq!(view.of(&vip()), Figures { day: 20, hour: 0 }, "the first hour is over a day ago");
        assert!(view.has_a_day());
        view.take(Vec::new(), 200);
        assert_eq!(view.of(&vip()), Figures::default());
    }

    #[test]
    fn a_chart_tells_each_hour() {
        let now = Timestamp::from_second(3600 * 1000).expect("a moment");
        // One audience under two ids.
        let counted =
            [(Subject::Audience("vip".into()), 999, of(0..5)), (Subject::Audience("ext".into()), 999, of(3..7))];
        let chart = chart(&counted, now).into_string();
        assert!(chart.contains("UTC: 7</title>") && chart.contains("About <strong>7</strong>"), "{chart}");
        assert_eq!(chart.matches("<rect").count(), 7 * 24);
        assert!(!chart.contains("style="));
        assert!(super::chart(&[], now).into_string().contains("Nobody"));
    }
}
