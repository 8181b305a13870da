//! What Segue knows of a shopper's session at the shop, in a sealed cookie of its own: it goes with the shopper from one process to another.
//!
//! ```text
//! version 2 | shopper key 16 | session digest 8 | flags 1 | checkout since 8
//! | group: its context's digest 4, number 8 when a flag says so | coupon: state 1, known at 8 (ms), offer, wanted, code (each length 1, text)
//! | number of pages shown 1 | each: digest 8, at 8 | number of lost audiences 1 | each: lost at 8, id (length 1, text) | audiences held
//! ```
//!
//! The flags: a cart, a group, a coupon that was looked at after the last change of the cart. Numbers are big-endian.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::{Config, LostAudience};
use crate::audience::cookie::{decode_audiences, encode_audiences, room, seconds};
use crate::audience::seal::{self, Content, Purpose, put_text};
use crate::audience::{Config as Membership, ShopperKey, jar};
use crate::rule::AudienceId;

const VERSION: u8 = 2;
const HAS_CART: u8 = 1;
const HAS_GROUP: u8 = 2;
const IS_CHECKED: u8 = 4;

/// For how long what is on its way to pay keeps what it had.
const CHECKOUT: Duration = Duration::from_secs(30 * 60);

/// Lost audiences that are remembered: a rule names few.
const MOST_LOST: usize = 20;

/// Pages that are remembered.
const MOST_SHOWN: usize = 3;

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub shopper: ShopperKey,
    /// A digest of the session's id at the shop; 0 without one.
    pub id: u64,
    /// Whether something is in the cart.
    pub has_cart: bool,
    /// The audiences of offers that he was in, as of the last page.
    pub held: BTreeSet<AudienceId>,
    /// Those that he lost, with when, in seconds since 1970 UTC.
    pub lost: Vec<(AudienceId, i64)>,
    /// When he came to the checkout.
    pub checkout_at: Option<i64>,
    /// His customer group, with a digest of Magento's cookie that went with it.
    pub group: Option<(u32, u64)>,
    /// The coupon in his cart.
    pub coupon: Coupon,
    /// Digests of what was decided for the pages that he saw last, latest first, with when.
    pub shown: Vec<(u64, i64)>,
}

/// What is known of the coupon in a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// What.
    pub state: CouponState,
    /// Since when, in milliseconds since 1970 UTC.
    pub known_at: i64,
    /// Whether the cart has not changed since.
    pub is_checked: bool,
}

/// The coupon in a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouponState {
    /// Nobody has looked.
    Unknown,
    /// None, where the cart should have one only of this offer; of none when it is empty.
    Without {
        /// The offer, for which nothing in the cart was.
        wanted: Arc<str>,
    },
    /// The one of an offer, which Segue put there.
    Ours {
        /// The offer.
        offer: Arc<str>,
        /// The code.
        code: Arc<str>,
        /// The offer whose code it should rather be, for which nothing in the cart was; else the same one.
        wanted: Arc<str>,
    },
    /// The shopper's own.
    Other,
    /// None, since the shopper took Segue's off.
    Declined,
    /// None, since the shop did not take it.
    Refused,
}

impl Default for Coupon {
    fn default() -> Self {
        Self { state: CouponState::Unknown, known_at: 0, is_checked: false }
    }
}

impl Coupon {
    /// Whether a coupon of Segue's could be in the cart, as far as anybody knows.
    pub fn is_open(&self, config: &Config, now: i64) -> bool {
        let is_old = now.saturating_sub(self.known_at / 1000) >= seconds(config.honour_for);
        match self.state {
            CouponState::Unknown | CouponState::Without { .. } | CouponState::Ours { .. } => true,
            CouponState::Other => false,
            CouponState::Declined | CouponState::Refused => is_old,
        }
    }
}

impl Session {
    /// Of a shopper of whom nothing is known yet.
    pub fn new(shopper: ShopperKey) -> Self {
        Self {
            shopper,
            id: 0,
            has_cart: false,
            held: BTreeSet::new(),
            lost: Vec::new(),
            checkout_at: None,
            group: None,
            coupon: Coupon::default(),
            shown: Vec::new(),
        }
    }

    /// What the browser of this shopper keeps; as new where it keeps nothing, or somebody else's.
    pub fn of(config: &Membership, headers: &HeaderMap, shopper: ShopperKey) -> Self {
        let name = config.session_cookie();
        let mut values = jar::values(headers, &name).take(2);
        let kept = values.find_map(|value| Self::open(config, value).filter(|session| session.shopper == shopper));
        kept.unwrap_or_else(|| Self::new(shopper))
    }

    /// Whether there is nothing worth keeping.
    pub fn is_empty(&self) -> bool {
        !self.has_cart && self.checkout_at.is_none() && self.group.is_none() && self.coupon == Coupon::default()
    }

    /// Notes which audiences of offers a shopper is in now.
    pub fn follow(&mut self, current: BTreeSet<AudienceId>, now: i64, config: &Config) {
        let gone: Vec<AudienceId> = self.held.difference(&current).cloned().collect();
        self.lost.retain(|(id, _)| !current.contains(id));
        self.lost.extend(gone.into_iter().map(|id| (id, now)));
        let mut lost = std::mem::take(&mut self.lost);
        lost.retain(|(_, at)| self.keeps(*at, now, config));
        lost.truncate(MOST_LOST);
        self.lost = lost;
        self.held = current;
    }

    /// The audiences that he lost, and that still count for offers.
    pub fn kept(&self) -> BTreeSet<AudienceId> {
        self.lost.iter().map(|(id, _)| Arc::clone(id)).collect()
    }

    /// Notes that he came to the checkout. What he has from then on he keeps until he paid, or for half an hour.
    pub fn begin_checkout(&mut self, now: i64) {
        if !self.is_in_checkout(now) {
            self.checkout_at = Some(now);
        }
    }

    /// Notes that he placed an order.
    pub fn succeed(&mut self) {
        *self = Self { group: self.group, id: self.id, ..Self::new(self.shopper) };
    }

    fn is_in_checkout(&self, now: i64) -> bool {
        self.checkout_at.is_some_and(|at| now.saturating_sub(at) < seconds(CHECKOUT))
    }

    /// Whether an audience that was lost at a time still counts.
    fn keeps(&self, lost_at: i64, now: i64, config: &Config) -> bool {
        let honoured = |when: i64| {
            config.lost_audience == LostAudience::Honour
                && self.has_cart
                && when.saturating_sub(lost_at) < seconds(config.honour_for)
        };
        let since_checkout = self.checkout_at.filter(|_| self.is_in_checkout(now));
        honoured(now) || since_checkout.is_some_and(|checkout| lost_at >= checkout || honoured(checkout))
    }

    /// Notes what a page shows, by a digest of what was decided for it.
    pub fn show(&mut self, decision: u64, now: i64) {
        if self.shown.first().is_some_and(|(last, _)| *last == decision) {
            return;
        }
        self.shown.insert(0, (decision, now));
        self.shown.truncate(MOST_SHOWN);
    }

    /// Whether a page that shows something else than `decision` was seen while that still counts.
    pub fn saw_another(&self, decision: u64, now: i64, config: &Config) -> bool {
        let is_recent = |at: i64| now.saturating_sub(at) < seconds(config.honour_for);
        // A page was shown until the one after it was.
        let mut until = now;
        self.shown.iter().any(|(shown, at)| {
            let was_recent = is_recent(until);
            until = *at;
            *shown != decision && was_recent
        })
    }

    /// The `Set-Cookie` line by which the browser keeps it, for as long as it is open; `None` where it could not be sealed.
    pub fn set_cookie(&self, config: &Membership, secure: bool) -> Option<HeaderValue> {
        let name = config.session_cookie();
        let value = match self.is_empty() {
            true => String::new(),
            false => seal::seal(&config.keys, Purpose::Cookie(&name), &config.site, &self.encode(config)).ok()?,
        };
        let mut cookie = config.cookie(name, value, secure);
        cookie.unset_domain();
        if self.is_empty() {
            cookie.set_max_age(cookie::time::Duration::ZERO);
        }
        HeaderValue::try_from(cookie.to_string()).ok()
    }

    fn open(config: &Membership, value: &[u8]) -> Option<Self> {
        let name = config.session_cookie();
        let (content, _) = seal::open(&config.keys, Purpose::Cookie(&name), &config.site, value).ok()?;
        Self::decode(&mut Content(&content))
    }

    fn encode(&self, config: &Membership) -> Vec<u8> {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let mut content = vec![VERSION];
        content.extend(self.shopper.0);
        content.extend(self.id.to_be_bytes());
        content.push(
            flag(self.has_cart, HAS_CART)
                | flag(self.group.is_some(), HAS_GROUP)
                | flag(self.coupon.is_checked, IS_CHECKED),
        );
        content.extend(self.checkout_at.unwrap_or_default().to_be_bytes());
        if let Some((context, group)) = self.group {
            content.extend(context.to_be_bytes());
            content.extend(group.to_be_bytes());
        }
        let (state, offer, wanted, code) = match &self.coupon.state {
            CouponState::Unknown => (0, "", "", ""),
            CouponState::Without { wanted } => (1, "", &**wanted, ""),
            CouponState::Ours { offer, code, wanted } => (2, &**offer, &**wanted, &**code),
            CouponState::Other => (3, "", "", ""),
            CouponState::Declined => (4, "", "", ""),
            CouponState::Refused => (5, "", "", ""),
        };
        // A text that does not fit makes the state one that has to be looked at again.
        let fits = [offer, wanted, code].iter().all(|text| text.len() <= 255);
        content.push(if fits { state } else { 0 });
        content.extend(self.coupon.known_at.to_be_bytes());
        for text in [offer, wanted, code] {
            put_text(&mut content, if fits { text } else { "" }).expect("its length was looked at");
        }
        content.push(u8::try_from(self.shown.len()).unwrap_or(0));
        for (decision, at) in self.shown.iter().take(usize::from(u8::MAX)) {
            content.extend(decision.to_be_bytes());
            content.extend(at.to_be_bytes());
        }
        let lost: Vec<_> = self.lost.iter().filter(|(id, _)| id.len() <= 255).take(MOST_LOST).collect();
        content.push(u8::try_from(lost.len()).unwrap_or(0));
        for (id, at) in lost {
            content.extend(at.to_be_bytes());
            put_text(&mut content, id).expect("its length was looked at");
        }
        let left = room(config, &config.session_cookie()).saturating_sub(content.len());
        content.extend(encode_audiences(self.held.iter().collect(), left).0);
        content
    }

    fn decode(content: &mut Content<'_>) -> Option<Self> {
        if content.byte()? != VERSION {
            return None;
        }
        let shopper = ShopperKey(content.take()?);
        let id = u64::from_be_bytes(content.take()?);
        let flags = content.byte()?;
        let checkout_at = Some(content.seconds()?).filter(|at| *at != 0);
        let group = match flags & HAS_GROUP {
            0 => None,
            _ => Some((u32::from_be_bytes(content.take()?), u64::from_be_bytes(content.take()?))),
        };
        let (state, known_at) = (content.byte()?, content.seconds()?);
        let (offer, wanted, code) = (content.text()?.into(), content.text()?.into(), content.text()?.into());
        let state = match state {
            0 => CouponState::Unknown,
            1 => CouponState::Without { wanted },
            2 => CouponState::Ours { offer, code, wanted },
            3 => CouponState::Other,
            4 => CouponState::Declined,
            5 => CouponState::Refused,
            _ => return None,
        };
        let coupon = Coupon { state, known_at, is_checked: flags & IS_CHECKED != 0 };
        let shown = (0..content.byte()?).map(|_| Some((u64::from_be_bytes(content.take()?), content.seconds()?)));
        let shown = shown.collect::<Option<_>>()?;
        let lost = (0..content.byte()?).map(|_| {
            let at = content.seconds()?;
            Some((content.text()?.into(), at))
        });
        let lost = lost.collect::<Option<_>>()?;
        let held = decode_audiences(content)?;
        Some(Self { shopper, id, has_cart: flags & HAS_CART != 0, held, lost, checkout_at, group, coupon, shown })
    }
}

#[cfg(test)]
mod tests;
