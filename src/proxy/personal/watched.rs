//! Answers that say what a cart is charged, for the price guard to listen to. They pass as they are.

use std::sync::Arc;

use http::{HeaderMap, Response, request};

use super::Turn;
use crate::body::Body;
use crate::decision::decide::Decision;
use crate::guard::place::Place;
use crate::guard::{About, Asked};
use crate::seen::Subject;
use crate::site::{Sites, StoreView};

/// The answer to a request that the guard listens to.
pub(super) struct Watched {
    place: Place,
    view: Arc<StoreView>,
    asked: Asked,
}

impl Watched {
    /// By a request; `None` for nearly all of them, and where it is not certain for which store view the cart is.
    pub(super) fn of(parts: &request::Parts, sites: &Sites, found: &Arc<StoreView>) -> Option<Self> {
        let place = Place::of(&parts.method, parts.uri.path(), parts.uri.query())?;
        let named = |code: &String| sites.views().iter().find(|view| view.code.eq_ignore_ascii_case(code));
        let view = match &place.store {
            Some(code) => named(code)?,
            None if place.told.is_rest() && sites.views().len() > 1 => return None,
            None => found,
        };
        Some(Self { view: Arc::clone(view), place, asked: Asked::default() })
    }
}

impl Turn {
    /// Lets the guard listen to where a cart goes.
    pub(super) fn hear_request(&mut self, headers: &HeaderMap, body: Body) -> Body {
        let tells_origin = self.tells_origin;
        let Some(watched) = self.watched.as_mut().filter(|_| tells_origin) else { return body };
        let (body, asked) = self.shop.guard.hear_request(watched.place.told, headers, body);
        watched.asked = asked;
        body
    }

    /// Lets the guard listen to an answer. Whoever gets the shop's own prices, or looks at a simulation, was promised nothing.
    pub(super) fn watched(&self, response: Response<Body>) -> Response<Body> {
        let Some(watched) = self.watched.as_ref().filter(|_| self.tells_origin && !self.shopper.is_simulated()) else {
            return response;
        };
        let decision = self.decision_on(&watched.view);
        let (digest, config) = (decision.key().digest(), self.shop.charging.config());
        let about = About {
            shopper: self.shop.guard.shopper(self.shopper.key),
            number: self.shopper.key.bucket(),
            view: Arc::clone(&watched.view),
            now: self.now,
            code: self.charged.code().cloned(),
            coupon_rule: self.charged.coupon_rule(&self.rules),
            cart: self.charged.live().cloned(),
            asked: watched.asked.clone(),
            saw_another: self.charged.saw_another(digest, self.now.as_second(), config),
            decision,
        };
        self.shop.guard.listen(watched.place.told, about, response)
    }

    /// Tells the guard what a page shows.
    pub(super) fn note_shown(&mut self, decision: &Decision) {
        if !self.shopper.is_simulated() {
            self.shop.guard.show(self.shop.guard.shopper(self.shopper.key), decision);
            self.show_to_session(decision.key().digest());
            self.count_shopper(decision);
        }
    }

    /// Counts the shopper in his audiences, and for the offers that are decided for him.
    fn count_shopper(&self, decision: &Decision) {
        let Some(seen) = &self.shop.seen else { return };
        let (shopper, audiences) = (self.shopper.key.bucket(), self.shopper.page_audiences());
        if !seen.is_news(shopper, (decision.key().digest(), audiences), self.now) {
            return;
        }
        for id in audiences.into_iter().flatten() {
            seen.count(Subject::Audience(Arc::clone(id)), shopper, self.now);
        }
        for offer in decision.offers().filter(|offer| !offer.charge.is_stores()) {
            seen.count(Subject::Offered(Arc::clone(&offer.id)), shopper, self.now);
        }
    }
}
