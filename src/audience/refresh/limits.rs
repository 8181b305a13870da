//! How many look-ups there may be: at a time, in a second, and for one client.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{Config, Spared};

/// Clients are counted one by one; those that have been quiet are forgotten after this many look-ups.
const CLEAN_EVERY: u64 = 10_000;

/// Request units are counted in parts of this size.
const UNIT: usize = 8 << 10;

/// The longest that one answer of "asked too often" stops all look-ups.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long it stops them when it does not say.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// The limits of one process.
#[derive(Debug)]
pub struct Limits {
    places: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    units: DefaultDirectRateLimiter,
    clients: DefaultKeyedRateLimiter<IpAddr>,
    services: usize,
    asked: AtomicU64,
    paused_until: Mutex<Option<Instant>>,
}

impl Limits {
    /// The limits that the settings name.
    pub fn new(config: &Config) -> Self {
        let a_second = |number: u32| Quota::per_second(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        Self {
            places: Arc::new(Semaphore::new(config.max_concurrent)),
            rate: RateLimiter::direct(a_second(config.max_rate)),
            units: RateLimiter::direct(a_second(config.max_request_units)),
            clients: RateLimiter::keyed(a_second(config.max_rate_per_client)),
            services: config.datastream_services as usize,
            asked: AtomicU64::new(0),
            paused_until: Mutex::new(None),
        }
    }

    /// A place for a look-up of `length` bytes for `client`, held until it is dropped.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn admit(&self, client: IpAddr, length: usize) -> Result<OwnedSemaphorePermit, Spared> {
        if self.paused_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
        {
            return Err(Spared::Throttled);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Spared::Busy)?;
        if self.asked.fetch_add(1, Ordering::Relaxed) % CLEAN_EVERY == CLEAN_EVERY - 1 {
            self.clients.retain_recent();
        }
        self.clients.check_key(&network(client)).map_err(|_| Spared::ClientRate)?;
        self.rate.check().map_err(|_| Spared::Rate)?;
        let units = u32::try_from(length.div_ceil(UNIT) * self.services).ok().and_then(NonZeroU32::new);
        let admitted = self.units.check_n(units.unwrap_or(NonZeroU32::MIN));
        if matches!(admitted, Ok(Ok(()))) { Ok(place) } else { Err(Spared::Rate) }
    }

    /// How many more look-ups may be under way.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// Adobe says that it is asked too often: nobody asks until `retry_after` is over.
    pub fn pause(&self, retry_after: Option<Duration>) {
        let until = Instant::now() + retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE);
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |known| known.max(until)));
    }
}

/// Whoever has one IPv6 address has its whole /64.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_says_which_it_is() {
        let config = Config {
            max_concurrent: 3,
            max_rate: 5,
            max_request_units: 8,
            max_rate_per_client: 2,
            ..Config::default()
        };
        let limits = Limits::new(&config);
        let admit = |client: &str, length| limits.admit(address(client), length).map(drop);
        assert_eq!(admit("2001:db8::1", 10), Ok(()));
        assert_eq!(admit("2001:db8::2", 10), Ok(()));
        assert_eq!(admit("2001:db8::3", 10), Err(Spared::ClientRate), "they share a /64");
        assert_eq!(admit("192.0.2.1", 9000), Ok(()), "two parts for two services");
        assert_eq!(admit("192.0.2.2", 10), Err(Spared::Rate), "the units are used up");
        let held: Vec<_> = (0..3).filter_map(|_| Arc::clone(&limits.places).try_acquire_owned().ok()).collect();
        assert_eq!(admit("192.0.2.3", 10), Err(Spared::Busy));
        drop(held);
        limits.pause(Some(Duration::from_secs(7)));
        limits.pause(None);
        assert_eq!(admit("192.0.2.4", 10), Err(Spared::Throttled));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_ne!(admit("192.0.2.4", 10), Err(Spared::Throttled));
    }
}
