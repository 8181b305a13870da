//! What makes the cart charge what pages show: the audiences that still count for offers, the customer group, and the coupon in the cart.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request};
use sha2::{Digest as _, Sha256};

use super::{Shop, Turn, is_html};
use crate::audience::{Shopper, Source, Trust, jar};
use crate::body::Body;
use crate::charging::coupon::Errand;
use crate::charging::live::{Live, Own};
use crate::charging::place::Place;
use crate::charging::session::{Coupon, CouponState};
use crate::charging::side::{self, Side};
use crate::charging::{Config, Session};
use crate::decision::decide::{Decision, GUESTS, Rules, Who};
use crate::decision::select::Held;
use crate::mode::Mode;
use crate::rule::{AudienceId, Offer};
use crate::site::StoreView;

/// Magento's cookie for everybody whose circumstances are not those of a guest in the default store view.
const VARY: &str = "X-Magento-Vary";

/// How long a request for a cart waits until it has the right coupon.
const LOOK_AT_CART: Duration = Duration::from_secs(3);

/// How long a page waits to know its customer's group.
const LEARN_GROUP: Duration = Duration::from_millis(300);

/// What is known of a request's session at the shop.
pub(super) struct Charged {
    /// As the browser has it.
    before: Session,
    /// As it is now.
    session: Session,
    /// The audiences that are lost and still count for offers.
    kept: BTreeSet<AudienceId>,
    place: Place,
    /// The path under which the shop is, where the request's own says so.
    base: Option<String>,
    /// A digest of Magento's cookie for the shopper's circumstances, where he has one.
    context: Option<u32>,
    live: Option<Arc<Live>>,
    /// The session, for requests of Segue's own after the answer.
    side: Option<Side>,
    /// The shopper's own form with a coupon.
    own: Option<Own>,
}

impl Charged {
    /// As a request has it, for a shopper whose cart is Segue's business.
    pub(super) fn of(shop: &Shop, parts: &request::Parts, shopper: &Shopper) -> Self {
        let config = shop.charging.config();
        let session = Session::of(shop.identifier.config(), &parts.headers, shopper.key);
        let (place, base) = Place::of(&parts.method, parts.uri.path(), config);
        let context = context(&parts.headers);
        let kept = BTreeSet::new();
        Self { before: session.clone(), session, kept, place, base, context, live: None, side: None, own: None }
    }

    pub(super) fn kept(&self) -> &BTreeSet<AudienceId> {
        &self.kept
    }

    /// The customer group, where it is known: whom Magento does not mark is a guest.
    pub(super) fn group(&self) -> Option<u64> {
        match (self.context, self.session.group) {
            (None, _) => Some(GUESTS),
            (Some(context), Some((known, group))) if known == context => Some(group),
            _ => None,
        }
    }

    pub(super) fn takes_coupons(&self, config: &Config, now: i64) -> bool {
        !config.has_bypass && self.session.coupon.is_open(config, now)
    }

    /// The code that Segue has put into the cart, as far as anybody knows.
    pub(super) fn code(&self) -> Option<&Arc<str>> {
        match &self.session.coupon.state {
            CouponState::Ours { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The rule of that code.
    pub(super) fn coupon_rule(&self, rules: &Rules) -> Option<u64> {
        let CouponState::Ours { offer: ours, .. } = &self.session.coupon.state else { return None };
        rules.ruleset().offers.iter().find(|offer| offer.id == *ours)?.charge.rule_id()
    }

    /// What is known of the coupon in the cart, for what is said of it.
    pub(super) fn held(&self, rules: &Rules) -> Held {
        match &self.session.coupon.state {
            CouponState::Ours { .. } => self.coupon_rule(rules).map_or(Held::Unknown, Held::Of),
            CouponState::Unknown | CouponState::Other => Held::Unknown,
            CouponState::Without { .. } | CouponState::Declined | CouponState::Refused => Held::None,
        }
    }

    pub(super) fn live(&self) -> Option<&Arc<Live>> {
        self.live.as_ref()
    }

    /// Whether one of the last pages showed something else.
    pub(super) fn saw_another(&self, decision: u64, now: i64, config: &Config) -> bool {
        self.session.saw_another(decision, now, config)
    }

    /// Takes over what this process learnt of the coupon after the browser's cookie was written.
    fn catch_up(&mut self) {
        let Some(live) = &self.live else { return };
        let known = live.coupon();
        if known.known_at > self.session.coupon.known_at {
            self.session.coupon = known;
        }
    }

    /// Notes that the cart is another one now, so that its coupon has to be looked at again.
    fn touch(&mut self, now: i64) {
        self.catch_up();
        self.session.coupon.is_checked = false;
        self.session.coupon.known_at = now;
        if let Some(live) = &self.live {
            live.set_coupon(self.session.coupon.clone());
        }
    }
}

fn context(headers: &HeaderMap) -> Option<u32> {
    let value = jar::values(headers, VARY).next().filter(|value| !value.is_empty())?;
    let digest: [u8; 32] = Sha256::digest(value).into();
    Some(digest.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

impl Turn {
    fn charging_config(&self) -> &Config {
        self.shop.charging.config()
    }

    /// What a shopper gets on a store view.
    pub(super) fn decision_on(&self, view: &StoreView) -> Arc<Decision> {
        let takes_coupons = self.charged.takes_coupons(self.charging_config(), self.now.as_second());
        self.decision_with(view, takes_coupons)
    }

    fn decision_with(&self, view: &StoreView, takes_coupons: bool) -> Arc<Decision> {
        let nobody = BTreeSet::new();
        let audiences = self.shopper.page_audiences().unwrap_or(&nobody);
        let who = Who { audiences, kept: self.charged.kept(), group: self.charged.group(), takes_coupons };
        self.shop.lookup.decide(&self.rules, view, &who, self.now)
    }

    /// Whether what was lost may count any longer: simulations and claims by hand begin and end at once, and without consent nothing is
    /// kept.
    fn keeps_lost(&self) -> bool {
        let membership = self.shopper.membership.as_ref();
        let by_hand = membership.is_some_and(|known| known.source == Source::Plain)
            && self.shop.identifier.config().trust == Trust::Cookie;
        self.tells_origin && !self.shopper.is_simulated() && !by_hand && self.may_keep()
    }

    /// Takes in which audiences the shopper is in now, and which of those that he lost still count for offers.
    pub(super) fn follow_audiences(&mut self) {
        if !self.keeps_lost() || self.charged.session.is_empty() {
            (self.charged.session.held, self.charged.session.lost) = Default::default();
            self.charged.kept = BTreeSet::new();
            return;
        }
        let named = self.rules.audiences_of_offers();
        let audiences = self.shopper.page_audiences();
        let current = audiences.map(|held| held.intersection(named).cloned().collect()).unwrap_or_default();
        let (shop, now) = (Arc::clone(&self.shop), self.now.as_second());
        self.charged.session.follow(current, now, shop.charging.config());
        self.charged.kept = self.charged.session.kept();
    }

    /// What is to be so before the origin is asked: the shopper's group is known, and his cart has the right coupon where it is about to be
    /// charged. Nothing of it keeps a request for longer than it is worth.
    pub(super) async fn charge(&mut self, parts: &request::Parts) {
        if !self.tells_origin {
            return;
        }
        let now = self.now;
        let session = side::session(&parts.headers);
        if self.charged.session.id != session {
            // Another session may have another cart.
            self.charged.session.id = session;
            self.charged.session.coupon = Coupon::default();
        }
        // Who has put nothing into a cart has nothing to pay, and nothing to remember.
        if self.charged.place == Place::Checkout && !self.charged.session.is_empty() {
            self.charged.session.begin_checkout(now.as_second());
        }
        self.follow_audiences();
        self.learn_group(parts).await;
        let has_code = self.charged.code().is_some();
        if session == 0 || !(has_code || self.rules.have_coupons()) {
            return;
        }
        let live = self.shop.charging.live(session);
        if self.charged.place != Place::Elsewhere || self.is_for_session(parts) {
            live.wait().await;
        }
        self.charged.live = Some(Arc::clone(&live));
        self.charged.catch_up();
        if self.charged.place == Place::Coupon {
            self.charged.own = Some(live.own());
        }
        let side = self.side(parts);
        if self.charged.place.needs_the_cart()
            && let Some(errand) = self.errand(&side, None)
        {
            let _ = tokio::time::timeout(LOOK_AT_CART, self.shop.charging.run(errand)).await;
            self.charged.catch_up();
        }
        self.charged.side = Some(side);
    }

    /// Whether the origin's PHP answers, which takes one request of a session after another.
    fn is_for_session(&self, parts: &request::Parts) -> bool {
        self.wanted.skip().is_none() || self.wanted.answer().is_some() || parts.method != Method::GET
    }

    fn side(&self, parts: &request::Parts) -> Side {
        let mut headers = parts.headers.clone();
        self.tell_origin(&mut headers);
        let base = self.charged.base.clone().or_else(|| self.view.path_prefix.clone()).unwrap_or_default();
        self.shop.charging.side(&headers, base)
    }

    /// Asks for the customer's group, where something depends on it and the shop has marked the shopper as more than a guest.
    async fn learn_group(&mut self, parts: &request::Parts) {
        let Some(context) = self.charged.context.filter(|_| self.charged.group().is_none()) else { return };
        let is_page = self.wanted.mode() == Mode::On && self.wanted.answer().is_none() && self.wanted.skip().is_none();
        let session = self.charged.session.id;
        if !is_page || session == 0 || !self.rules.go_by_group() {
            return;
        }
        if !self.shop.charging.live(session).may_ask_for_group() {
            return;
        }
        let side = self.side(parts);
        match tokio::time::timeout(LEARN_GROUP, side.group(GUESTS)).await {
            Ok(Ok(group)) => self.charged.session.group = Some((context, group)),
            Ok(Err(error)) => tracing::warn!("a customer's group is not known: {error}"),
            Err(_) => tracing::warn!("a customer's group is not known: the shop is too slow to say"),
        }
    }

    /// What is to be done about the coupon in the cart; `None` where it is as it should be.
    fn errand(&self, side: &Side, own_word: Option<side::Said>) -> Option<Errand> {
        let live = self.charged.live.clone()?;
        let coupon = &self.charged.session.coupon;
        let decision = self.decision_with(&self.view, !self.charging_config().has_bypass);
        let wanted: Vec<Arc<Offer>> = decision.coupons().cloned().collect();
        let best = wanted.first().map(|offer| &offer.id);
        let nobody = BTreeSet::new();
        let audiences = self.shopper.page_audiences().unwrap_or(&nobody);
        let who = Who { kept: self.charged.kept(), ..Who::guest(audiences) };
        let by_coupon = self.rules.ruleset().offers.iter().filter(|offer| offer.charge.is_coupon());
        let offers: Vec<(Arc<Offer>, bool)> =
            by_coupon.map(|offer| (Arc::clone(offer), self.rules.is_for(offer, &who))).collect();
        let ours = match &coupon.state {
            CouponState::Ours { offer, .. } => Some(offer),
            _ => None,
        };
        let tried = match &coupon.state {
            CouponState::Ours { wanted, .. } | CouponState::Without { wanted } => Some(wanted),
            _ => None,
        };
        let is_lost = ours.is_some_and(|id| offers.iter().any(|(offer, is_his)| offer.id == *id && !is_his));
        let is_open = coupon.is_open(self.charging_config(), self.now.as_second());
        let is_stale = !coupon.is_checked && (best.is_some() || ours.is_some());
        // What the cart did not take it takes no better until one of both changes.
        let is_news = is_open && best.is_some_and(|best| tried.is_some_and(|tried| tried != best));
        (is_stale || is_news || is_lost || own_word.is_some()).then(|| Errand {
            side: side.clone(),
            live,
            shopper: self.shopper.key,
            before: coupon.clone(),
            wanted: match is_open || own_word.is_some() || coupon.state == CouponState::Other {
                true => wanted,
                false => Vec::new(),
            },
            offers,
            decision,
            view: Arc::clone(&self.view),
            own_word,
        })
    }

    /// Takes in what an answer says of the cart, and has its coupon looked at where it may not be the right one any more.
    pub(super) fn charge_after(&mut self, response: &Response<Body>) {
        if !self.tells_origin {
            return;
        }
        let (now, failed) = (self.now, response.status().is_client_error() || response.status().is_server_error());
        let said = side::outcome(response.headers());
        let mut own_word = None;
        match self.charged.place {
            Place::Change if !failed && said != Some(side::Said::No) => {
                // Where no offer is for an audience, there is nothing to keep.
                self.charged.session.has_cart = !self.rules.audiences_of_offers().is_empty();
                self.charged.touch(now.as_millisecond());
            }
            Place::Login if !failed => self.charged.touch(now.as_millisecond()),
            Place::Coupon => {
                self.charged.touch(now.as_millisecond());
                // REST says it by its status.
                own_word = said.or(Some(if failed { side::Said::No } else { side::Said::Yes }));
            }
            Place::Success if response.status() == StatusCode::OK => self.end_cart(),
            Place::Logout => self.charged.session = Session::new(self.shopper.key),
            _ => {}
        }
        self.charged.own = None;
        self.follow_audiences();
        let Some(side) = self.charged.side.take() else { return };
        let is_page = is_html(response) && !self.charged.place.needs_the_cart();
        let is_due = is_page || matches!(self.charged.place, Place::Change | Place::Login | Place::Coupon);
        if !is_due || failed && own_word.is_none() {
            return;
        }
        let side = side.after(response);
        let session = side.session();
        if session != self.charged.session.id {
            self.charged.session.id = session;
            self.charged.live = Some(self.shop.charging.live(session));
        }
        // Pages of who has put nothing into a cart yet have nothing to look at.
        let has_cart = self.charged.session.has_cart || self.charged.code().is_some() || !is_page;
        if let Some(errand) = self.errand(&side, own_word).filter(|_| has_cart) {
            self.shop.charging.run(errand);
        }
    }

    fn end_cart(&mut self) {
        if let Some(code) = self.charged.code() {
            self.shop.charging.spend(Arc::clone(code));
        }
        self.charged.session.succeed();
        self.charged.session.coupon = Coupon { known_at: self.now.as_millisecond(), ..Coupon::default() };
        if let Some(live) = &self.charged.live {
            live.set_coupon(self.charged.session.coupon.clone());
        }
    }

    /// The `Set-Cookie` line for what is known of the session, where that is news for the browser.
    pub(super) fn kept_session(&self, response: &Response<Body>) -> Option<HeaderValue> {
        let carries = is_html(response) || self.charged.place != Place::Elsewhere;
        let is_news = self.charged.session != self.charged.before
            && !(self.charged.session.is_empty() && self.charged.before.is_empty());
        if !self.may_keep() {
            let forgets = is_html(response) && !self.charged.before.is_empty();
            let nothing = Session::new(self.shopper.key);
            let config = self.shop.identifier.config();
            return forgets.then(|| nothing.set_cookie(config, self.client.secure)).flatten();
        }
        if !self.tells_origin || !carries || !is_news {
            return None;
        }
        self.charged.session.set_cookie(self.shop.identifier.config(), self.client.secure)
    }

    /// Remembers what a page shows to who has a cart.
    pub(super) fn show_to_session(&mut self, decision: u64) {
        if !self.charged.session.is_empty() && !self.shopper.is_simulated() {
            self.charged.session.show(decision, self.now.as_second());
        }
    }
}
