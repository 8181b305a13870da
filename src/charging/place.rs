//! What a request does to a cart.

use http::Method;

use super::Config;

/// What a request does to a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It puts something into it, or changes it otherwise.
    Change,
    /// It gives it a coupon, or takes it off.
    Coupon,
    /// It logs somebody in: what was in his cart before is there again.
    Login,
    /// It logs him out.
    Logout,
    /// It shows it.
    Cart,
    /// It leads to the payment.
    Checkout,
    /// It begins a payment outside of the checkout.
    Payment,
    /// It says that an order was placed.
    Success,
    /// None of this.
    Elsewhere,
}

/// By method and path, in order: the first that fits counts.
const PLACES: &[(&str, bool, Place)] = &[
    ("checkout/cart/couponpost", true, Place::Coupon),
    ("checkout/cart/add", true, Place::Change),
    ("checkout/cart/addgroup", true, Place::Change),
    ("checkout/cart/updatepost", true, Place::Change),
    ("checkout/cart/updateitemoptions", true, Place::Change),
    ("checkout/cart/updateitemqty", true, Place::Change),
    ("checkout/cart/delete", true, Place::Change),
    ("checkout/sidebar/removeitem", true, Place::Change),
    ("checkout/sidebar/updateitemqty", true, Place::Change),
    ("wishlist/index/cart", true, Place::Change),
    ("wishlist/index/allcart", true, Place::Change),
    ("wishlist/index/fromcart", true, Place::Change),
    ("sales/order/reorder", true, Place::Change),
    ("customer/account/loginpost", true, Place::Login),
    ("customer/ajax/login", true, Place::Login),
    ("customer/account/createpost", true, Place::Login),
    ("customer/account/logout", false, Place::Logout),
    ("customer/ajax/logout", false, Place::Logout),
    ("checkout/onepage/success", false, Place::Success),
    ("multishipping/checkout/success", false, Place::Success),
    ("checkout/cart", false, Place::Cart),
    ("checkout/cart/index", false, Place::Cart),
    ("checkout", false, Place::Checkout),
    ("checkout/index", false, Place::Checkout),
    ("checkout/index/index", false, Place::Checkout),
    ("checkout/onepage", false, Place::Checkout),
    ("multishipping/checkout", false, Place::Checkout),
];

impl Place {
    /// What a request does, and the path before the part by which that is known: the shop's base.
    pub fn of(method: &Method, path: &str, config: &Config) -> (Self, Option<String>) {
        // Nearly every request is for something else, and none of these has its words.
        let lower = path.to_ascii_lowercase();
        let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
        if let Some(rest) = segments.iter().position(|segment| *segment == "rest") {
            return (of_rest(method, &segments[rest + 1..]), Some(base(path, rest)));
        }
        let begins_at = |words: &str| {
            let words: Vec<&str> = words.split('/').collect();
            let at = segments.windows(words.len()).position(|window| window == words)?;
            Some((at, at + words.len()))
        };
        for payment in &config.payment_start {
            if let Some((at, _)) = begins_at(payment) {
                return (Self::Payment, Some(base(path, at)));
            }
        }
        for (words, is_post, place) in PLACES {
            let Some((at, end)) = begins_at(words) else { continue };
            // Forms carry their fields in the path too: `checkout/cart/add/product/3`. Pages do not.
            let fits = if *is_post { method == Method::POST } else { end == segments.len() };
            let shows = !*is_post && matches!(place, Self::Cart | Self::Checkout | Self::Success);
            if fits && (!shows || method == Method::GET) {
                return (place.clone(), Some(base(path, at)));
            }
        }
        (Self::Elsewhere, None)
    }

    /// Whether a session's own requests wait for one of Segue's in the same session.
    pub fn needs_the_cart(&self) -> bool {
        matches!(self, Self::Cart | Self::Checkout | Self::Payment)
    }
}

fn of_rest(method: &Method, segments: &[&str]) -> Place {
    let segments = match segments {
        ["v1", rest @ ..] | [_, "v1", rest @ ..] => rest,
        _ => return Place::Elsewhere,
    };
    let (["guest-carts", _, rest @ ..] | ["carts", "mine", rest @ ..]) = segments else { return Place::Elsewhere };
    match rest {
        ["coupons", ..] if *method == Method::PUT || *method == Method::DELETE => Place::Coupon,
        ["items", ..] if *method != Method::GET => Place::Change,
        _ => Place::Elsewhere,
    }
}

/// A path up to its segment `at`, without a slash at its end.
fn base(path: &str, at: usize) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).take(at).collect();
    segments.iter().map(|segment| format!("/{segment}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_requests_do_to_carts() {
        for (method, path, place, base) in [
            (Method::POST, "/checkout/cart/add/uenc/aHR0/product/3/", Place::Change, Some("")),
            (Method::POST, "/de/checkout/cart/add/", Place::Change, Some("/de")),
            (Method::POST, "/index.php/shop/wishlist/index/cart", Place::Change, Some("/index.php/shop")),
            (Method::POST, "/checkout/cart/couponPost/", Place::Coupon, Some("")),
            (Method::GET, "/checkout/cart/couponPost/", Place::Elsewhere, None),
            (Method::GET, "/checkout/cart/", Place::Cart, Some("")),
            (Method::GET, "/DE/checkout/cart", Place::Cart, Some("/DE")),
            (Method::GET, "/checkout/", Place::Checkout, Some("")),
            (Method::GET, "/checkout/onepage/success/", Place::Success, Some("")),
            (Method::POST, "/checkout/", Place::Elsewhere, None),
            (Method::GET, "/mycheckout/cart/x", Place::Elsewhere, None),
            (Method::GET, "/harbour-tote.html", Place::Elsewhere, None),
            (Method::POST, "/customer/ajax/login", Place::Login, Some("")),
            (Method::GET, "/customer/account/logout/", Place::Logout, Some("")),
            (Method::GET, "/paypal/express/start/button/1", Place::Payment, Some("")),
            (Method::POST, "/de/instantpurchase/button/placeOrder", Place::Payment, Some("/de")),
            (Method::PUT, "/rest/default/V1/guest-carts/a1/coupons/X", Place::Coupon, Some("")),
            (Method::DELETE, "/de/rest/V1/carts/mine/coupons", Place::Coupon, Some("/de")),
            (Method::POST, "/rest/V1/guest-carts/a1/items", Place::Change, Some("")),
            (Method::GET, "/rest/V1/guest-carts/a1/items", Place::Elsewhere, Some("")),
            (Method::GET, "/rest/V1/salesRules/1", Place::Elsewhere, Some("")),
        ] {
            let found = Place::of(&method, path, &Config::default());
            assert_eq!(found, (place, base.map(str::to_owned)), "{method} {path}");
        }
    }
}
