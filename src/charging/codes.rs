//! Codes of coupons: some of each rule are made ahead and kept at hand, one is given to a shopper, and none outlives its use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::Config;
use crate::audience::ShopperKey;
use crate::commerce::{Client, CommerceError};
use crate::rule::{Charge, Ruleset};
use crate::store::{Place, Store, StoreError};
use crate::telemetry::Metrics;

/// How often it is looked whether codes run out, beside each time when one is given.
const LOOK: Duration = Duration::from_secs(30);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(60);

/// Begins the codes that Segue has made, so that whoever looks at Commerce's lists knows them.
pub const PREFIX: &str = "SG";

/// Codes that are deleted at a time.
const MOST_DELETED: u32 = 200;

/// A code is given only if it can be used for so many hours yet: a cart takes its time.
const LEAST_HOURS: i64 = 12;

/// The codes of one shop.
#[derive(Debug)]
pub struct Codes {
    shop: String,
    place: Place,
    /// Tells the keeper that one was given or is to be deleted.
    news: Notify,
    at_hand: watch::Sender<BTreeSet<u64>>,
}

impl Codes {
    /// The codes of a shop, in a store.
    pub fn new(shop: String, place: Place) -> Arc<Self> {
        Arc::new(Self { shop, place, news: Notify::new(), at_hand: watch::Sender::default() })
    }

    /// The rules of which codes are at hand, whenever that changes.
    pub fn at_hand(&self) -> watch::Receiver<BTreeSet<u64>> {
        self.at_hand.subscribe()
    }

    /// A code of a rule for a shopper: the one that he has, or another. `None` where there is none at hand.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn give(&self, rule_id: u64, shopper: ShopperKey) -> Result<Option<String>, StoreError> {
        let until = Timestamp::now() + LEAST_HOURS.hours();
        let code = self.store().await?.give_code(&self.shop, rule_id, &digest(shopper), until).await?;
        self.news.notify_one();
        Ok(code)
    }

    /// The rule of a code that was given to this shopper.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn rule_of(&self, code: &str, shopper: ShopperKey) -> Result<Option<u64>, StoreError> {
        let given = self.store().await?.given_code(&self.shop, code).await?;
        Ok(given.filter(|given| given.shopper == digest(shopper)).map(|given| given.rule_id))
    }

    /// Notes that a code was used, that its shopper is in its audience no more, or that the shop refused it. It is deleted in Commerce.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn spend(&self, code: &str) -> Result<(), StoreError> {
        self.store().await?.spend_code(&self.shop, code).await?;
        self.news.notify_one();
        Ok(())
    }

    async fn store(&self) -> Result<Store, StoreError> {
        self.place.open().await
    }
}

/// What a shopper is called beside his code.
fn digest(shopper: ShopperKey) -> String {
    let digest = Sha256::new_with_prefix(b"segue coupon").chain_update(shopper.0).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The rules of which offers need generated codes.
pub fn wanted(ruleset: &Ruleset) -> BTreeSet<u64> {
    let generated = ruleset.offers.iter().filter_map(|offer| match offer.charge {
        Charge::Coupon { rule_id, code: None } => Some(rule_id),
        _ => None,
    });
    generated.collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRule {
    rule: u64,
}

/// Sees to it that codes are at hand.
#[derive(Debug)]
pub struct Keeper {
    codes: Arc<Codes>,
    client: Client,
    config: Config,
    wanted: watch::Receiver<BTreeSet<u64>>,
    figures: Family<OfRule, Gauge>,
    /// The failure that was logged, until it is over.
    failing: Option<String>,
}

/// Why codes could not be looked after.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}; {advice}", advice = .0.advice())]
    Commerce(#[from] CommerceError),
}

impl Keeper {
    /// A keeper for the rules that are `wanted` at any time. What the store has from an earlier run is at hand at once.
    pub async fn begin(
        codes: Arc<Codes>,
        client: Client,
        config: Config,
        wanted: watch::Receiver<BTreeSet<u64>>,
        metrics: &mut Metrics,
    ) -> Self {
        let figures = Family::default();
        metrics.register(
            "coupon_codes",
            "Coupon codes at hand that nobody has yet, by cart price rule",
            figures.clone(),
        );
        let mut keeper = Self { codes, client, config, wanted, figures, failing: None };
        // Without an offer that needs codes there need be no store.
        if !keeper.wanted.borrow().is_empty() {
            let counted = keeper.count().await.map(drop);
            keeper.report(counted.map_err(Failure::from));
        }
        keeper
    }

    /// Looks until the task is aborted.
    pub fn spawn(mut self) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                let done = self.look().await;
                let wait = if done.is_ok() { LOOK } else { PAUSE };
                self.report(done);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.codes.news.notified(), if wait == LOOK => {}
                    changed = self.wanted.changed() => if changed.is_err() { return },
                }
            }
        })
    }

    fn report(&mut self, done: Result<(), Failure>) {
        let failure = done.err().map(|failure| failure.to_string());
        if failure != self.failing {
            match &failure {
                Some(failure) => tracing::error!("coupon codes cannot be looked after: {failure}"),
                None => tracing::info!("coupon codes are looked after again"),
            }
            self.failing = failure;
        }
    }

    /// Makes what is missing, and deletes what is of no use any more.
    async fn look(&mut self) -> Result<(), Failure> {
        let wanted = self.wanted.borrow_and_update().clone();
        if wanted.is_empty() && !self.codes.place.may_hold() {
            return Ok(());
        }
        let mut at_hand = self.count().await?;
        for rule in &wanted {
            let have = at_hand.get(rule).copied().unwrap_or(0);
            if have <= self.config.codes / 2 {
                self.make(*rule, self.config.codes - have).await?;
                at_hand = self.count().await?;
            }
        }
        let (store, shop) = (self.codes.store().await?, &self.codes.shop);
        let spent = store.spent_codes(shop, Timestamp::now(), MOST_DELETED).await?;
        if !spent.is_empty() {
            self.client.delete_coupons(&spent).await?;
            store.forget_codes(shop, &spent).await?;
        }
        Ok(())
    }

    /// Free codes by rule, which others are told as well.
    async fn count(&self) -> Result<BTreeMap<u64, u32>, StoreError> {
        let until = Timestamp::now() + LEAST_HOURS.hours();
        let free = self.codes.store().await?.free_codes(&self.codes.shop, until).await?;
        for rule in self.wanted.borrow().iter() {
            let codes = free.get(rule).copied().unwrap_or(0);
            self.figures.get_or_create(&OfRule { rule: *rule }).set(i64::from(codes));
        }
        let at_hand: BTreeSet<u64> = free.keys().copied().collect();
        self.codes.at_hand.send_if_modified(|held| {
            let is_news = *held != at_hand;
            *held = at_hand;
            is_news
        });
        Ok(free)
    }

    /// Has codes made, each for one use until it expires. Those that could not be limited so are not kept.
    async fn make(&self, rule: u64, count: u32) -> Result<(), Failure> {
        let expires = Timestamp::now() + self.config.code_expires;
        let codes = self.client.generate_coupons(rule, count, PREFIX).await?;
        let mut limited = Vec::new();
        let mut failure = None;
        match self.client.coupons_with(&codes).await {
            Ok(coupons) => {
                for coupon in coupons.into_iter().filter(|coupon| coupon.rule_id == rule) {
                    match self.client.limit_coupon(&coupon, expires).await {
                        Ok(()) => limited.push(coupon.code),
                        Err(error) => {
                            failure = Some(error);
                            break;
                        }
                    }
                }
            }
            Err(error) => failure = Some(error),
        }
        self.codes.store().await?.add_codes(&self.codes.shop, rule, &limited, expires).await?;
        let unlimited: Vec<String> = codes.into_iter().filter(|code| !limited.contains(code)).collect();
        if !unlimited.is_empty() {
            self.client.delete_coupons(&unlimited).await?;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
