//! What arrived, for tests to look at.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tokio::time::Instant;

use super::Service;

/// Beyond this many the oldest is dropped: with bodies of 64 KiB at most, these are some 32 MB at the very worst.
const MOST_REQUESTS: usize = 500;

/// A request as it arrived.
#[derive(Clone)]
pub struct Received {
    /// Whom it was for.
    pub service: Service,
    /// When its head had arrived.
    pub at: Instant,
    /// GET, POST, ...
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body; empty when it was too large or did not arrive.
    pub body: Bytes,
}

impl Received {
    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Without headers, query and body, which hold tokens and ids.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri.path())
    }
}

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<Received>,
    counts: BTreeMap<Service, u64>,
}

/// The last requests, and how many there were.
#[derive(Debug, Default)]
pub struct Records {
    log: Mutex<Log>,
}

impl Records {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request.
    pub fn keep(&self, request: Received) {
        let mut log = self.log();
        *log.counts.entry(request.service).or_default() += 1;
        if log.requests.len() == MOST_REQUESTS {
            log.requests.pop_front();
        }
        log.requests.push_back(request);
    }

    /// The last requests, oldest first.
    pub fn all(&self) -> Vec<Received> {
        self.log().requests.iter().cloned().collect()
    }

    /// How many there were for a service, the dropped ones included.
    pub fn count(&self, service: Service) -> u64 {
        self.log().counts.get(&service).copied().unwrap_or_default()
    }

    /// Begins anew.
    pub fn clear(&self) {
        *self.log() = Log::default();
    }
}
