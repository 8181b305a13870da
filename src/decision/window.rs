//! Time windows: the stretches between the beginnings and ends of rules, in which nothing changes.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::rule::Days;

/// The moments at which some rule of a store view begins or ends, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows(Vec<Timestamp>);

/// The windows in which a rule holds: from `first` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) end: u32,
}

impl Windows {
    /// The windows made by all these days in one time zone.
    pub(super) fn new(all: impl Iterator<Item = Days>, zone: &TimeZone) -> Self {
        let mut moments: Vec<Timestamp> =
            all.flat_map(|days| [begins(days, zone), ends(days, zone)]).flatten().collect();
        moments.sort_unstable();
        moments.dedup();
        Self(moments)
    }

    /// The window that a moment lies in.
    pub(super) fn at(&self, now: Timestamp) -> u32 {
        index(self.0.partition_point(|moment| *moment <= now))
    }

    /// How many windows there are.
    pub(super) fn count(&self) -> usize {
        self.0.len() + 1
    }

    /// The windows in which these days lie; they must be among those that the windows were made of.
    pub(super) fn span(&self, days: Days, zone: &TimeZone) -> Span {
        let first = begins(days, zone).map_or(0, |moment| self.at(moment));
        let end = ends(days, zone).map_or(index(self.count()), |moment| self.at(moment));
        Span { first, end }
    }
}

impl Span {
    pub(super) fn holds(self, window: u32) -> bool {
        self.first <= window && window < self.end
    }
}

fn index(count: usize) -> u32 {
    u32::try_from(count).expect("a ruleset has at most 200,000 rules, each with two moments")
}

fn begins(days: Days, zone: &TimeZone) -> Option<Timestamp> {
    days.from.and_then(|from| start_of(from, zone))
}

fn ends(days: Days, zone: &TimeZone) -> Option<Timestamp> {
    days.to.and_then(|to| to.tomorrow().ok()).and_then(|day| start_of(day, zone))
}

/// The first moment of a day: midnight, or, where clocks skip midnight, the moment after the gap. A day outside of what a timestamp can say
/// is no bound.
fn start_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known time zone")
    }

    fn day() -> impl Strategy<Value = Date> {
        (2024_i16..2030, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| date(year, month, day))
    }

    /// Days on which clocks change, in both directions, some of them at midnight.
    fn clock_change() -> impl Strategy<Value = (&'static str, Date)> {
        prop_oneof![
            Just(("Europe/Berlin", date(2026, 3, 29))),
            Just(("Europe/Berlin", date(2026, 10, 25))),
            Just(("America/New_York", date(2026, 3, 8))),
            Just(("America/New_York", date(2026, 11, 1))),
            Just(("America/Santiago", date(2026, 9, 6))),
            Just(("America/Santiago", date(2026, 4, 5))),
            Just(("Africa/Cairo", date(2026, 4, 24))),
            Just(("Africa/Cairo", date(2026, 10, 30))),
            Just(("Atlantic/Azores", date(2026, 10, 25))),
            Just(("Australia/Lord_Howe", date(2026, 4, 5))),
            Just(("Asia/Kolkata", date(2026, 1, 1))),
        ]
    }

    fn holds(days: Days, zone: &TimeZone, now: Timestamp) -> bool {
        let windows = Windows::new([days].into_iter(), zone);
        windows.span(days, zone).holds(windows.at(now))
    }

    fn calendar_says(days: Days, zone: &TimeZone, now: Timestamp) -> bool {
        let today = now.to_zoned(zone.clone()).date();
        days.from.is_none_or(|from| from <= today) && days.to.is_none_or(|to| today <= to)
    }

    #[test]
    fn a_day_without_midnight_begins_when_its_first_hour_does() {
        let santiago = zone("America/Santiago");
        let days = Days { from: Some(date(2026, 9, 6)), to: Some(date(2026, 9, 6)) };
        let first: Timestamp = "2026-09-06T04:00:00Z".parse().expect("a moment");
        let second = SignedDuration::from_secs(1);
        assert!(!holds(days, &santiago, first - second));
        assert!(holds(days, &santiago, first));
        assert!(holds(days, &santiago, first + SignedDuration::from_hours(23) - second));
        assert!(!holds(days, &santiago, first + SignedDuration::from_hours(23)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar_around_clock_changes(
            (name, change) in clock_change(),
            before in 0_i64..3,
            length in 0_i64..3,
            seconds in -200_000_i64..200_000,
        ) {
            let zone = zone(name);
            let from = change - SignedDuration::from_hours(24 * before);
            let days = Days { from: Some(from), to: Some(from + SignedDuration::from_hours(24 * length)) };
            let noon = change.at(12, 0, 0, 0).to_zoned(zone.clone()).expect("noon is never skipped").timestamp();
            let now = noon + SignedDuration::from_secs(seconds);
            prop_assert_eq!(holds(days, &zone, now), calendar_says(days, &zone, now));
        }

        #[test]
        fn agrees_with_the_calendar_for_many_rules(
            pairs in proptest::collection::vec((proptest::option::of(day()), proptest::option::of(day())), 1..20),
            now in day(),
            hour in 0_i8..24,
        ) {
            let zone = zone("Europe/Berlin");
            let all: Vec<Days> = pairs
                .into_iter()
                .map(|(from, to)| Days { from, to: to.map(|to| from.map_or(to, |from| to.max(from))) })
                .collect();
            let windows = Windows::new(all.iter().copied(), &zone);
            let now = now.at(hour, 30, 0, 0).to_zoned(zone.clone()).expect("in range").timestamp();
            for days in all {
                let holds = windows.span(days, &zone).holds(windows.at(now));
                prop_assert_eq!(holds, calendar_says(days, &zone, now));
            }
        }
    }
}
