//! Stops asking a service that does not answer, and tries now and then whether it does again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which it opens. Five are no bad luck any more.
const FAILURES: u32 = 5;

/// How often it tries again. A look-up every ten seconds harms nobody, and a service that is back is used again soon.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// While it is open: when the next try is due.
    next_probe: Option<Instant>,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As ever.
    Go,
    /// To try whether the service is back: nobody should wait for it.
    Probe,
    /// Not now.
    No,
}

impl Breaker {
    /// Asks for a call at `now`. Of all who ask while it is open one in ten seconds may.
    pub fn admit(&self, now: Instant) -> Admission {
        let mut state = self.state();
        match state.next_probe {
            None => Admission::Go,
            Some(due) if now >= due => {
                state.next_probe = Some(now + PROBE_EVERY);
                Admission::Probe
            }
            Some(_) => Admission::No,
        }
    }

    /// Whether [`admit`](Self::admit) would let a call pass at `now`.
    pub fn would_admit(&self, now: Instant) -> bool {
        self.state().next_probe.is_none_or(|due| now >= due)
    }

    /// The service answered. Says whether this closed it.
    pub fn succeeded(&self) -> bool {
        std::mem::take(&mut *self.state()).next_probe.is_some()
    }

    /// The service did not answer. Says whether this opened it.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let opens = state.next_probe.is_none() && state.failures >= FAILURES;
        if opens {
            state.next_probe = Some(now + PROBE_EVERY);
        }
        opens
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.state().next_probe.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_five_failures_in_a_row_and_probes_every_ten_seconds() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!([0; 4].map(|_| breaker.failed(start)), [false; 4]);
        assert!(!breaker.succeeded(), "it was closed");
        assert_eq!([0; 5].map(|_| breaker.failed(start)), [false, false, false, false, true]);
        assert_eq!(breaker.admit(after(9)), Admission::No);
        assert_eq!((breaker.admit(after(10)), breaker.admit(after(10))), (Admission::Probe, Admission::No));
        assert!(!breaker.failed(after(11)), "it was open already");
        assert_eq!((breaker.admit(after(19)), breaker.admit(after(20))), (Admission::No, Admission::Probe));
        assert!(breaker.is_open());
        assert!(breaker.succeeded());
        assert_eq!((breaker.admit(after(20)), breaker.is_open()), (Admission::Go, false));
    }
}
