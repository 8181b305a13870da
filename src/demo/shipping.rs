//! How parcels are sent: at a flat rate for each unit, or free where a rule says so.

use super::money::Cents;
use super::quote::Quote;
use super::view::View;

/// What sending one unit costs, in US dollars.
const FLAT_RATE: Cents = Cents(500);

/// A way to send a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Magento's code of the carrier.
    pub carrier: &'static str,
    /// Magento's code of the carrier's method.
    pub method: &'static str,
    /// What the carrier is called.
    pub carrier_title: &'static str,
    /// What the method is called.
    pub method_title: &'static str,
}

const FLAT: Method =
    Method { carrier: "flatrate", method: "flatrate", carrier_title: "Flat Rate", method_title: "Fixed" };
const FREE: Method =
    Method { carrier: "freeshipping", method: "freeshipping", carrier_title: "Free Shipping", method_title: "Free" };

impl Method {
    /// Carrier and method, as carts name them.
    pub fn code(self) -> String {
        format!("{}_{}", self.carrier, self.method)
    }

    /// As the totals name it.
    pub fn title(self) -> String {
        format!("{} - {}", self.carrier_title, self.method_title)
    }

    /// The method with this code, of those there are at all.
    pub fn with_code(code: &str) -> Option<Self> {
        [FLAT, FREE].into_iter().find(|method| method.code() == code)
    }

    /// What sending so many units costs, in US dollars and in the view's currency.
    pub fn price(self, view: &View, units: u32) -> (Cents, Cents) {
        match self {
            FLAT => (FLAT_RATE * units, view.net(FLAT_RATE) * units),
            _ => (Cents(0), Cents(0)),
        }
    }
}

/// The methods for a cart; the free one only where a rule has made the shipment free.
pub fn methods(quote: &Quote, is_free: bool) -> Vec<Method> {
    match (quote.is_virtual(), is_free) {
        (true, _) => Vec::new(),
        (false, true) => vec![FLAT, FREE],
        (false, false) => vec![FLAT],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_rate_is_paid_for_each_unit_in_the_views_currency() {
        let method = Method::with_code("flatrate_flatrate").expect("there is one");
        assert_eq!(method.price(View::with_code("de"), 3), (Cents(1_500), Cents(1_380)));
        assert_eq!(method.title(), "Flat Rate - Fixed");
        assert_eq!(Method::with_code("ups_ground"), None);
    }
}
