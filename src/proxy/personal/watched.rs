//! Answers that say what a cart is charged, for the price guard to listen to. They pass as they are.

use std::sync::Arc;

use http::{HeaderMap, Response, request};

use super::Turn;
use crate::body::Body;
use crate::decision::decide::Decision;
use crate::guard::place::Place;
use crate::guard::{About, Asked};
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
        }
    }
}
