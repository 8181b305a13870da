//! What one process knows of sessions beside what browsers bring: the errands that are under way in them, and what came of the last one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use moka::sync::Cache;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio::time::Instant;

use super::codes::Codes;
use super::session::{Coupon, CouponState};
use super::{Config, side::Side};
use crate::telemetry::Metrics;
use crate::upstream::Upstream;

/// Sessions that are remembered at most.
const MOST_SESSIONS: u64 = 100_000;

/// For how long they are after they were last seen.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// For how long a shopper's request waits for an errand in his session.
const COURTESY: Duration = Duration::from_millis(300);

/// How soon the shop is asked for a customer's group again.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What makes carts charge what pages show.
#[derive(Debug)]
pub struct Charging {
    pub(super) config: Config,
    origin: Upstream,
    pub(super) codes: Option<Arc<Codes>>,
    sessions: Cache<u64, Arc<Live>, RandomState>,
    errands: Family<Errand, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Errand {
    result: &'static str,
}

/// What this process knows of one session.
#[derive(Debug, Default)]
pub struct Live {
    gate: Arc<Gate<()>>,
    coupon: Mutex<Coupon>,
    /// The shopper's own forms with coupons that are under way.
    own: AtomicU32,
    asked: Mutex<Option<Instant>>,
}

impl Charging {
    /// With nothing known yet. Without `codes` nobody makes any.
    pub fn new(config: Config, origin: Upstream, codes: Option<Arc<Codes>>, metrics: &mut Metrics) -> Arc<Self> {
        let sessions = Cache::builder().max_capacity(MOST_SESSIONS).time_to_idle(REMEMBERED);
        let errands = Family::default();
        metrics.register(
            "coupon_errands",
            "What came of looking at carts for coupons: left as they were, given a code, rid of one, or failures",
            errands.clone(),
        );
        let sessions = sessions.build_with_hasher(RandomState::default());
        Arc::new(Self { config, origin, codes, sessions, errands })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The shopper's session, by the headers that the origin gets.
    pub fn side(&self, headers: &http::HeaderMap, base: String) -> Side {
        Side::new(self.origin.clone(), headers, base)
    }

    /// What is known of the session with this digest.
    pub fn live(&self, session: u64) -> Arc<Live> {
        self.sessions.get_with(session, Arc::default)
    }

    /// The same, where something is known.
    pub fn known(&self, session: u64) -> Option<Arc<Live>> {
        self.sessions.get(&session)
    }

    /// Notes that a code was used, so that its shopper gets another one next time.
    pub fn spend(self: &Arc<Self>, code: Arc<str>) {
        let Some(codes) = self.codes.clone() else { return };
        tokio::spawn(async move {
            if let Err(error) = codes.spend(&code).await {
                tracing::warn!("that a coupon's code was used is not kept: {error}");
            }
        });
    }

    pub(super) fn count(&self, result: &'static str) {
        self.errands.get_or_create(&Errand { result }).inc();
    }
}

impl Live {
    /// What is known of the coupon in the cart.
    pub fn coupon(&self) -> Coupon {
        self.coupon.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what is known of it now.
    pub fn set_coupon(&self, coupon: Coupon) {
        *self.coupon.lock().unwrap_or_else(PoisonError::into_inner) = coupon;
    }

    /// Takes in which code an answer of the shop says is in the cart, that was asked for at a time. Where that is not what was known by then, the cart
    /// is to be looked at.
    pub fn told(&self, code: Option<&str>, asked_at: Timestamp) {
        let mut coupon = self.coupon.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = match (&coupon.state, code) {
            (CouponState::Ours { code: ours, .. }, Some(code)) => ours.eq_ignore_ascii_case(code),
            (CouponState::Ours { .. } | CouponState::Other, None) => false,
            (CouponState::Other, Some(_)) | (_, None) => true,
            (_, Some(_)) => false,
        };
        if !is_known && coupon.known_at < asked_at.as_millisecond() {
            if coupon.state == CouponState::Other {
                coupon.state = CouponState::Unknown;
            }
            coupon.is_checked = false;
            coupon.known_at = asked_at.as_millisecond();
        }
    }

    /// Waits for an errand that is under way, but not for long.
    pub async fn wait(&self) {
        if self.gate.try_lock().is_err() {
            let _ = tokio::time::timeout(COURTESY, self.gate.lock()).await;
        }
    }

    /// Begins an errand, behind those that are under way.
    pub(super) async fn begin(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.gate).lock_owned().await
    }

    /// Notes that the shopper himself changes the coupon, until what is returned is dropped.
    pub fn own(self: Arc<Self>) -> Own {
        self.own.fetch_add(1, Ordering::SeqCst);
        Own(self)
    }

    pub(super) fn is_changed_by_shopper(&self) -> bool {
        self.own.load(Ordering::SeqCst) > 0
    }

    /// Whether the shop may be asked for the customer's group now; from then on not again for a while.
    pub fn may_ask_for_group(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }
}

/// A form of the shopper's own that is under way.
#[derive(Debug)]
pub struct Own(Arc<Live>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.own.fetch_sub(1, Ordering::SeqCst);
    }
}
