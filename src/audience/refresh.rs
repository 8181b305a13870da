//! Keeps memberships fresh without keeping pages waiting.

use std::time::Duration;

/// The settings of look-ups.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest that a page waits for a look-up. 80 ms: about what the Edge Network takes when it is well, and not noticed by a
    /// shopper.
    pub budget: Duration,
    /// Whether somebody who is not known to Experience Platform at all is looked up, and thereby made known.
    pub first_visit: FirstVisit,
    /// Look-ups under way at a time.
    pub max_concurrent: usize,
    /// Look-ups a second. Adobe allows 1,500 a second for an organisation's edge profiles.
    pub max_rate: u32,
    /// Request units a second: one for each 8 KiB of a request and each service of the datastream. Adobe allows 4,000.
    pub max_request_units: u32,
    /// How many of Adobe's services a datastream feeds, for the count of request units.
    pub datastream_services: u32,
    /// Look-ups a second for one client address.
    pub max_rate_per_client: u32,
}

/// What becomes of a shopper without an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstVisit {
    /// Nobody is asked about him.
    #[default]
    Skip,
    /// A page that he navigates to asks, and brings him the identity that he gets by it.
    Ask,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            budget: Duration::from_millis(80),
            first_visit: FirstVisit::Skip,
            max_concurrent: 256,
            max_rate: 1500,
            max_request_units: 4000,
            datastream_services: 2,
            max_rate_per_client: 20,
        }
    }
}
