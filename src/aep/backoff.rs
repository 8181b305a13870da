//! Waits that grow with every failure in a row, so that whoever is in trouble is not hammered.

use std::time::Duration;

/// Waits from `first` doubling up to `most`, each shortened by up to half at random, so that many processes do not come at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// Notes a failure and says how long to wait after it.
    pub fn failed(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(20)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        jittered(wait)
    }

    /// Notes a success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// From half of `wait` to all of it.
pub fn jittered(wait: Duration) -> Duration {
    // Without random numbers all wait equally long, which is no reason to fail.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_begin_anew_after_a_success() {
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut backoff = Backoff::new(first, most);
        let waits: Vec<Duration> = (0..40).map(|_| backoff.failed()).collect();
        for (wait, full) in waits.iter().zip([1, 2, 4, 8, 16, 32, 60, 60]) {
            let full = Duration::from_secs(full);
            assert!((full / 2..=full).contains(wait), "{wait:?} of {full:?}");
        }
        assert!(waits.iter().all(|wait| *wait <= most));
        backoff.succeeded();
        assert!(backoff.failed() <= first);
    }
}
