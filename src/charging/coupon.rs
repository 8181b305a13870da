//! Errands: a look at a cart, which is then given the code that its shopper's offer needs, or rid of one that he lost.
//!
//! A cart of Magento Open Source takes one coupon, and one that it refuses costs it the one it had. So an errand looks first, never posts where the
//! shopper has a code of his own, and puts the code back that was there where another one is refused. What came of an errand is read from
//! the shop, and shown to nobody.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::live::{Charging, Live};
use super::session::{Coupon, CouponState};
use super::side::{CartSeen, Said, Side, SideError};
use crate::audience::ShopperKey;
use crate::decision::decide::Decision;
use crate::guard::promise::{Circumstances, Contents, takes_code};
use crate::guard::totals::CheckoutConfig;
use crate::rule::cart_rule::{CartAddress, Truth};
use crate::rule::{Charge, Offer};
use crate::site::StoreView;
use crate::store::StoreError;

/// What an errand is for.
pub struct Errand {
    /// The session.
    pub side: Side,
    /// What this process knows of it.
    pub live: Arc<Live>,
    /// Whose it is.
    pub shopper: ShopperKey,
    /// What was known of the coupon in his cart.
    pub before: Coupon,
    /// The offers whose code his cart should have, best first; none where no coupon charges any of his.
    pub wanted: Vec<Arc<Offer>>,
    /// Every offer that a coupon charges, with whether he is in its audience.
    pub offers: Vec<(Arc<Offer>, bool)>,
    /// What was decided for him, if his cart takes coupons.
    pub decision: Arc<Decision>,
    /// The store view that his cart is in.
    pub view: Arc<StoreView>,
    /// What the shop said of a code that he himself gave or took off just now.
    pub own_word: Option<Said>,
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").field("wanted", &self.best()).finish_non_exhaustive()
    }
}

impl Errand {
    /// The offer whose code would be the best one; of none when it is empty.
    fn best(&self) -> Arc<str> {
        self.wanted.first().map_or_else(|| "".into(), |offer| Arc::clone(&offer.id))
    }

    fn wants(&self, offer: &Offer) -> bool {
        self.wanted.iter().any(|wanted| wanted.id == offer.id)
    }

    fn without(&self) -> CouponState {
        CouponState::Without { wanted: self.best() }
    }

    fn with(&self, offer: &Offer, code: &str) -> CouponState {
        CouponState::Ours { offer: Arc::clone(&offer.id), code: code.into(), wanted: self.best() }
    }

    /// Whether the cart takes a code of an offer's rule.
    fn takes_code(&self, offer: &Offer, cart: &CheckoutConfig) -> Truth {
        let contents = Contents { items: cart.items.clone(), rate: cart.rate };
        let customer_group = cart.customer_group;
        let (address, now) = (CartAddress::Unknown, Timestamp::now());
        let known = Circumstances { address, customer_group, coupon_rule: None, now };
        takes_code(offer, &self.decision, &self.view, &contents, &cart.totals, &known)
    }
}

/// Why an errand failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Shop(#[from] SideError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An offer whose code a cart may take.
struct Choice<'a> {
    offer: &'a Arc<Offer>,
    /// Whether its rule holds for the cart, so that a refusal is the code's fault.
    is_certain: bool,
}

/// What came of an errand.
struct Done {
    state: CouponState,
    /// The word for metrics.
    result: &'static str,
}

impl Charging {
    /// Runs an errand to its end. It goes on when nobody waits for it any more.
    pub fn run(self: &Arc<Self>, errand: Errand) -> tokio::task::JoinHandle<()> {
        let charging = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = errand.live.begin().await;
            match charging.visit(&errand).await {
                Ok(Some(Done { state, result })) => {
                    charging.count(result);
                    let known_at = Timestamp::now().as_millisecond();
                    errand.live.set_coupon(Coupon { state, known_at, is_checked: true });
                }
                // The shopper's own form is under way; what comes of it is looked at afterwards.
                Ok(None) => charging.count("overtaken"),
                Err(failure) => {
                    charging.count("failed");
                    // What cannot be put into the cart is not to be shown as a price.
                    if !matches!(errand.before.state, CouponState::Ours { .. }) {
                        let known_at = Timestamp::now().as_millisecond();
                        let state = CouponState::Refused;
                        errand.live.set_coupon(Coupon { state, known_at, is_checked: true });
                    }
                    tracing::warn!("a cart could not be looked at for its coupon: {failure}");
                }
            }
        })
    }

    async fn visit(&self, errand: &Errand) -> Result<Option<Done>, Failure> {
        let done = |state, result| Ok(Some(Done { state, result }));
        let cart = errand.side.cart().await?;
        let Some(config) = &cart.config else { return done(errand.without(), "left") };
        let held = config.totals.coupon.as_deref();
        let ours = match held {
            Some(code) => self.offer_of(errand, code).await?,
            None => None,
        };
        let before = match (held, ours) {
            (Some(code), Some((offer, is_deserved))) => Some((offer, code, is_deserved)),
            (Some(_), None) => return done(CouponState::Other, "own_code"),
            (None, _) => None,
        };
        // Who takes Segue's code off, or has none in its place, wants it so.
        if before.is_none() && errand.own_word == Some(Said::Yes) {
            return done(CouponState::Declined, "declined");
        }
        // A code that the cart would not take costs it the one it has.
        let takes = errand.wanted.iter().map(|offer| (offer, errand.takes_code(offer, config)));
        let taken = takes.filter(|(_, takes)| *takes != Truth::False).map(|(offer, takes)| Choice {
            offer,
            // What is shown as a price holds for any cart with the product, whatever other rules ask that nobody can tell.
            is_certain: takes == Truth::True || !offer.is_label(),
        });
        // A code that is there, and that the shopper deserves, is not put at risk.
        let choices: Vec<Choice<'_>> = taken
            .filter(|choice| choice.is_certain || !before.is_some_and(|(_, _, is_deserved)| is_deserved))
            .take_while(|choice| before.is_none_or(|(offer, ..)| offer.id != choice.offer.id))
            .collect();
        match (before, choices.is_empty()) {
            (Some((offer, code, is_deserved)), true) if is_deserved || errand.wants(offer) => {
                done(errand.with(offer, code), "left")
            }
            (Some((_, code, _)), true) => self.take_off(errand, &cart, code).await,
            (None, true) => done(errand.without(), "left"),
            (before, false) => self.exchange(errand, &cart, &choices, before).await,
        }
    }

    /// Gives a cart the code of the first choice that it takes, in place of the one that it has.
    async fn exchange(
        &self,
        errand: &Errand,
        cart: &CartSeen,
        choices: &[Choice<'_>],
        before: Option<(&Arc<Offer>, &str, bool)>,
    ) -> Result<Option<Done>, Failure> {
        let mut outcome = Done { state: errand.without(), result: "left" };
        for choice in choices {
            let Some(given) = self.give(errand, cart, choice).await? else { return Ok(None) };
            outcome = given;
            if !matches!(outcome.state, CouponState::Without { .. }) {
                break;
            }
        }
        let is_given = matches!(outcome.state, CouponState::Ours { .. });
        // The code that was there is gone, whatever came of the other one.
        match before {
            Some((_, code, false)) if is_given => self.spent(code).await?,
            Some((offer, code, true)) if !is_given => {
                outcome = match errand.side.set_coupon(cart, Some(code)).await? {
                    Said::Yes => Done { state: errand.with(offer, code), result: "put_back" },
                    Said::No => Done { state: CouponState::Refused, result: "refused" },
                };
            }
            _ => {}
        }
        Ok(Some(outcome))
    }

    /// The offer whose code, as it was given to this shopper, this is, with whether he is in its audience.
    async fn offer_of<'a>(&self, errand: &'a Errand, code: &str) -> Result<Option<(&'a Arc<Offer>, bool)>, StoreError> {
        let given = match &self.codes {
            Some(codes) => codes.rule_of(code, errand.shopper).await?,
            None => None,
        };
        let was_put_there =
            matches!(&errand.before.state, CouponState::Ours { code: ours, .. } if ours.eq_ignore_ascii_case(code));
        let is_one = |(offer, is_deserved): &&(Arc<Offer>, bool)| match &offer.charge {
            Charge::Coupon { rule_id, code: None } => given == Some(*rule_id),
            // Anybody may type a code that is the same for all.
            Charge::Coupon { code: Some(own), .. } => own.eq_ignore_ascii_case(code) && (*is_deserved || was_put_there),
            _ => false,
        };
        let found = errand.offers.iter().find(is_one);
        let is_public = |(offer, _): &(Arc<Offer>, bool)| match &offer.charge {
            Charge::Coupon { code: Some(own), .. } => own.eq_ignore_ascii_case(code),
            _ => false,
        };
        if found.is_none() && errand.offers.iter().any(is_public) {
            self.count("public_code");
        }
        Ok(found.map(|(offer, is_deserved)| (offer, *is_deserved)))
    }

    /// Gives a cart a code.
    async fn give(&self, errand: &Errand, cart: &CartSeen, choice: &Choice<'_>) -> Result<Option<Done>, Failure> {
        let offer = choice.offer;
        let Charge::Coupon { rule_id, code } = &offer.charge else {
            return Ok(None);
        };
        // A code of his that was used or has expired is refused; another one may do.
        for _ in 0..2 {
            let given = match (code, &self.codes) {
                (Some(code), _) => Some(code.to_string()),
                (None, Some(codes)) => codes.give(*rule_id, errand.shopper).await?,
                (None, None) => None,
            };
            let Some(given) = given else { return Ok(Some(Done { state: CouponState::Refused, result: "no_code" })) };
            if errand.live.is_changed_by_shopper() {
                return Ok(None);
            }
            if errand.side.set_coupon(cart, Some(&given)).await? == Said::Yes {
                return Ok(Some(Done { state: errand.with(offer, &given), result: "given" }));
            }
            if !choice.is_certain {
                // Once the cart is another one it may take it.
                return Ok(Some(Done { state: errand.without(), result: "refused" }));
            }
            if code.is_some() {
                break;
            }
            self.spent(&given).await?;
        }
        tracing::warn!(offer.id = &*offer.id, "the shop refuses a code of the offer's rule");
        Ok(Some(Done { state: CouponState::Refused, result: "refused" }))
    }

    async fn take_off(&self, errand: &Errand, cart: &CartSeen, code: &str) -> Result<Option<Done>, Failure> {
        if errand.live.is_changed_by_shopper() {
            return Ok(None);
        }
        errand.side.set_coupon(cart, None).await?;
        self.spent(code).await?;
        Ok(Some(Done { state: errand.without(), result: "taken_off" }))
    }

    async fn spent(&self, code: &str) -> Result<(), StoreError> {
        match &self.codes {
            Some(codes) => codes.spend(code).await,
            None => Ok(()),
        }
    }
}
