//! Listens to answers as they pass, and judges them afterwards.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use jiff::Timestamp;
use moka::Entry;
use rust_decimal::Decimal;
use tokio::runtime::Handle;

use super::compare::compare;
use super::counts::{ShopperHash, Verdict};
use super::place::Told;
use super::promise::{Circumstances, Contents, promises};
use super::tap::{Heard, Tap};
use super::totals::{self, Items, Totals};
use super::{Guard, NotComparable, Seen, address};
use crate::body::Body;
use crate::charging::live::Live;
use crate::decision::decide::Decision;
use crate::rewrite::coding::{Coding, gunzip};
use crate::rewrite::hold::Buffer;
use crate::rule::Offer;
use crate::rule::cart_rule::{Address, CartAddress};
use crate::seen::Subject;
use crate::site::StoreView;

/// A larger answer is no cart's: a page of the checkout has some 200 KiB.
const MOST_BYTES: usize = 2 << 20;

/// A larger request is no address.
const MOST_ASKED: usize = 64 << 10;

/// Whose cart an answer tells of, and what he was promised.
#[derive(Clone, Debug)]
pub struct About {
    /// Whose.
    pub shopper: ShopperHash,
    /// His number, the same in every process.
    pub number: u64,
    /// The store view that the cart is in.
    pub view: Arc<StoreView>,
    /// What was decided for him.
    pub decision: Arc<Decision>,
    /// When the answer was asked for.
    pub now: Timestamp,
    /// The code that Segue has put into his cart.
    pub code: Option<Arc<str>>,
    /// Its rule, where it is known.
    pub coupon_rule: Option<u64>,
    /// What is known of the coupon in his cart, where that matters.
    pub cart: Option<Arc<Live>>,
    /// Where the cart goes, where the request says so.
    pub asked: Asked,
    /// Whether one of the pages that he saw last shows something else than what was decided.
    pub saw_another: bool,
}

/// The address in a request, once it has gone by.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<OnceLock<Address>>);

impl About {
    /// The offers that he was promised.
    fn promised(&self) -> impl Iterator<Item = &Arc<Offer>> {
        self.decision.offers().filter(|offer| !offer.is_label() && !offer.charge.is_stores())
    }
}

impl Guard {
    /// Passes a request of the checkout on and listens to where its cart goes.
    pub fn hear_request(&self, told: Told, headers: &HeaderMap, body: Body) -> (Body, Asked) {
        let asked = Asked::default();
        if !told.is_rest() || headers.contains_key(header::CONTENT_ENCODING) || body.is_end_stream() {
            return (body, asked);
        }
        let hears = asked.clone();
        let done = move |heard: Heard| {
            if let Some(address) = heard.ok().and_then(|(bytes, _)| address::of_request(&bytes)) {
                // Nobody else sets it.
                let _ = hears.0.set(address);
            }
        };
        let copy = Buffer::new(MOST_ASKED, self.budget.permit());
        (Body::boxed(Tap::new(body, copy, done)), asked)
    }

    /// Passes an answer on and listens to it, where it is what `told` says.
    pub fn listen(self: &Arc<Self>, told: Told, about: About, response: Response<Body>) -> Response<Body> {
        if response.status() != StatusCode::OK || !is_of(told, response.headers()) || about.promised().next().is_none()
        {
            return response;
        }
        let coding = match Coding::of_answer(response.headers()) {
            Ok(coding) => coding,
            Err(_) => return self.pass(told, &about, NotComparable::Coding, response),
        };
        let Ok(ear) = Arc::clone(&self.ears).try_acquire_owned() else {
            return self.pass(told, &about, NotComparable::Busy, response);
        };
        let guard = Arc::clone(self);
        let done = move |heard: Heard| {
            // Reading a page of half a megabyte takes as long as many requests, which others on this thread would wait for.
            let judge = move || {
                guard.hear(told, coding, &about, heard);
                drop(ear);
            };
            // Bodies are dropped after the last runtime as well; nobody is left to judge for then.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn_blocking(judge);
            }
        };
        let copy = Buffer::new(MOST_BYTES, self.budget.permit());
        response.map(|body| Body::boxed(Tap::new(body, copy, done)))
    }

    fn pass(&self, told: Told, about: &About, why: NotComparable, response: Response<Body>) -> Response<Body> {
        self.leave_out(told, about, why);
        response
    }

    fn hear(&self, told: Told, coding: Coding, about: &About, heard: Heard) {
        if let Err(why) = heard.and_then(|(bytes, permit)| match coding {
            Coding::Identity => self.read(told, about, &bytes),
            Coding::Gzip => {
                let (bytes, _permit) = gunzip(&bytes, MOST_BYTES, permit)?;
                self.read(told, about, &bytes)
            }
        }) {
            self.leave_out(told, about, why);
        }
    }

    fn read(&self, told: Told, about: &About, answer: &[u8]) -> Result<(), NotComparable> {
        match told {
            Told::Section => {
                if let Some(items) = totals::sections(answer)? {
                    self.remember(about.shopper, items, None);
                }
                Ok(())
            }
            Told::Totals => self.compare(about, &totals::rest(answer)?, None),
            Told::Payment => {
                // What a POST asks for is saved with the cart; a GET goes by what was.
                if let Some(address) = about.asked.0.get() {
                    let address = Arc::new(address.clone());
                    self.change(about.shopper, |seen| seen.address = Some(Arc::clone(&address)));
                }
                self.compare(about, &totals::payment(answer)?, None)
            }
            Told::Page => match totals::checkout_config(answer)? {
                None => Ok(()),
                Some(config) => {
                    self.remember(about.shopper, config.items, config.rate);
                    self.compare(about, &config.totals, config.customer_group)
                }
            },
        }
    }

    /// Judges a cart by what its shopper was promised.
    fn compare(&self, about: &About, totals: &Totals, group: Option<u64>) -> Result<(), NotComparable> {
        if let Some(cart) = &about.cart {
            cart.told(totals.coupon.as_deref(), about.now);
        }
        let seen = self.shoppers.get(&about.shopper).unwrap_or_default();
        let contents = seen.contents.as_deref().ok_or(NotComparable::Unseen)?;
        let decision = &about.decision;
        let ours = about.code.as_deref();
        let is_his_own =
            totals.coupon.as_deref().is_some_and(|code| !ours.is_some_and(|it| it.eq_ignore_ascii_case(code)));
        if is_his_own && decision.coupon().is_some() {
            return Err(NotComparable::OwnCoupon);
        }
        let address = about.asked.0.get().or(seen.address.as_deref());
        let address = address.map_or(CartAddress::Unknown, |to| CartAddress::Known(to.clone()));
        let known = Circumstances {
            address,
            customer_group: group,
            coupon_rule: about.coupon_rule.filter(|_| !is_his_own),
            now: about.now,
        };
        let verdicts = compare(totals, &promises(decision, &about.view, contents, totals, &known)?);
        let has_differed = verdicts.values().any(|verdict| *verdict == Verdict::Differed);
        // What was charged may be what he was shown before: nobody can tell any more.
        let shown = decision.key().digest();
        if has_differed && (about.saw_another || seen.shown.is_some_and(|last| last != shown)) {
            return Err(NotComparable::Changed);
        }
        // What the rule of his own coupon does to the others nobody knows.
        if has_differed && is_his_own {
            return Err(NotComparable::OwnCoupon);
        }
        for offer in about.promised() {
            if let Some(verdict) = verdicts.get(&offer.id) {
                self.note(offer, about.shopper, *verdict);
                if let Some(seen) = self.seen.get().filter(|_| *verdict == Verdict::Agreed) {
                    seen.count(Subject::Charged(Arc::clone(&offer.id)), about.number, about.now);
                }
            }
        }
        Ok(())
    }

    /// Notes what a shopper is shown: a cart that is charged after something else was decided may be charged as he saw it.
    pub fn show(&self, shopper: ShopperHash, decision: &Decision) {
        let shown = Some(decision.key().digest());
        if self.shoppers.get(&shopper).is_none_or(|seen| seen.shown != shown) {
            self.change(shopper, |seen| seen.shown = shown);
        }
    }

    /// Remembers what is in a cart. A rate that is not told stays as it was: it is that of the store view.
    fn remember(&self, shopper: ShopperHash, items: Items, rate: Option<Decimal>) {
        self.change(shopper, |seen| {
            let known = seen.contents.as_ref().and_then(|contents| contents.rate);
            if seen.contents.as_ref().is_some_and(|before| is_another_cart(&before.items, &items)) {
                seen.address = None;
            }
            seen.contents = Some(Arc::new(Contents { items, rate: rate.or(known) }));
        });
    }

    /// Changes what is known of a shopper, whose other answers may be judged at the same time.
    fn change(&self, shopper: ShopperHash, change: impl FnOnce(&mut Seen)) {
        self.shoppers.entry(shopper).and_upsert_with(|known| {
            let mut seen = known.map(Entry::into_value).unwrap_or_default();
            change(&mut seen);
            seen
        });
    }

    /// Counts a cart that nobody can judge, for every offer that was promised. That a section was not understood says nothing of a cart yet.
    fn leave_out(&self, told: Told, about: &About, why: NotComparable) {
        if told == Told::Section {
            return;
        }
        self.metrics.left_out(why);
        for offer in about.promised() {
            self.note(offer, about.shopper, Verdict::NotComparable);
        }
    }
}

/// Whether an answer's headers say that it is what it should be.
fn is_of(told: Told, headers: &HeaderMap) -> bool {
    let wanted: &[u8] = if told == Told::Page { b"text/html" } else { b"application/json" };
    let media_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    media_type.is_some_and(|value| value.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted)))
}

/// Whether a cart is not the one that was seen before, so that nobody has said where it goes: it has none of that one's items. An item keeps
/// its number as long as it is in a cart, and no other one gets it.
fn is_another_cart(before: &Items, now: &Items) -> bool {
    !before.keys().any(|item| now.contains_key(item))
}

#[cfg(test)]
mod tests {
    use super::super::totals::Item;
    use super::*;
    use crate::page::ProductId;

    #[test]
    fn a_cart_with_none_of_the_items_is_another_one() {
        let items = |numbers: &[u64]| -> Items {
            let item = Item { product: ProductId(1), sku: "a".into(), kind: "simple".into(), quantity: Decimal::ONE };
            numbers.iter().map(|number| (*number, item.clone())).collect()
        };
        assert!(!is_another_cart(&items(&[1, 2]), &items(&[2, 3])));
        assert!(is_another_cart(&items(&[1, 2]), &items(&[3])));
        assert!(is_another_cart(&items(&[1]), &items(&[])), "it was ordered or emptied");
    }
}
