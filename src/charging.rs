//! Charging: what Segue does so that a cart is charged what its shopper was shown.
//!
//! Of a shopper with a cart, a [`Session`] remembers in a sealed cookie which audiences his offers went by, when he lost some, whether he is on
//! his way to pay, his customer group, and what is known of the coupon in his cart. Where offers are charged by coupon, [`Charging`] puts
//! a code into his cart and takes it off again, by requests of its own in his session ([`side`]).

pub mod codes;
pub mod coupon;
pub mod live;
pub mod place;
pub mod session;
pub mod side;

use std::time::Duration;

pub use live::Charging;
pub use session::Session;

/// The settings of this room. [`Config::default`] has the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// What becomes of the offers of a shopper who lost an audience while something was in his cart.
    pub lost_audience: LostAudience,
    /// For how long the offers of a lost audience stay, where they do.
    pub honour_for: Duration,
    /// Paths at which a payment begins outside of the checkout, in lower case, without the slashes around them.
    pub payment_start: Vec<String>,
    /// Whether a payment may begin where Segue cannot look at the cart first. Coupons then charge no price that is shown.
    pub has_bypass: bool,
    /// Codes that are kept at hand for each rule.
    pub codes: u32,
    /// For how long a code can be used.
    pub code_expires: Duration,
}

impl Default for Config {
    /// Thirty minutes is a visit. Twenty codes last for the minute in which others are made; a week outlives a cart.
    fn default() -> Self {
        Self {
            lost_audience: LostAudience::Honour,
            honour_for: Duration::from_secs(30 * 60),
            payment_start: ["paypal/express/start", "paypal/express/gettokendata", "instantpurchase/button/placeorder"]
                .map(str::to_owned)
                .to_vec(),
            has_bypass: false,
            codes: 20,
            code_expires: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// What becomes of offers whose audience was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostAudience {
    /// They stay for a while.
    Honour,
    /// They go at once, but for who is on his way to pay.
    Instant,
}
