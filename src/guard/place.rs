//! Which answers the guard listens to.

use http::Method;

/// What an answer tells of a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// The `cart` section: what is in it.
    Section,
    /// REST totals: what is charged.
    Totals,
    /// REST totals beside the ways to pay.
    Payment,
    /// A page of cart or checkout: both, in `window.checkoutConfig`.
    Page,
}

impl Told {
    /// Whether it is an answer of REST, whose path alone says for which store view it is.
    pub fn is_rest(self) -> bool {
        matches!(self, Self::Totals | Self::Payment)
    }
}

/// An answer to listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it tells.
    pub told: Told,
    /// The store view's code, where the path names it; in lower case.
    pub store: Option<String>,
}

/// The paths of pages with `checkoutConfig`, as Magento routes them.
const PAGES: [&str; 4] = ["checkout/cart", "checkout/cart/index", "checkout", "checkout/index/index"];

impl Place {
    /// What a request's answer will tell; `None` for nearly all requests.
    pub fn of(method: &Method, path: &str, query: Option<&str>) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if let Some(at) = segments.iter().position(|segment| *segment == "rest") {
            return rest(method, &segments[at + 1..]);
        }
        let ends = |place: &str| {
            let place: Vec<&str> = place.split('/').collect();
            segments.ends_with(&place)
        };
        let told = match *method {
            Method::GET if ends("customer/section/load") && asks_for_cart(query) => Told::Section,
            Method::GET if PAGES.iter().any(|page| ends(page)) => Told::Page,
            _ => return None,
        };
        Some(Self { told, store: None })
    }
}

/// Magento's scripts name the sections they want; without a name it sends all.
fn asks_for_cart(query: Option<&str>) -> bool {
    let mut named = query.unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("sections="));
    named.next().is_none_or(|names| names.split([',']).flat_map(|name| name.split("%2C")).any(|name| name == "cart"))
}

fn rest(method: &Method, segments: &[&str]) -> Option<Place> {
    let (store, segments) = match segments {
        ["v1", rest @ ..] => (None, rest),
        [store, "v1", rest @ ..] => (Some((*store).to_owned()), rest),
        _ => return None,
    };
    let (["guest-carts", _, what] | ["carts", "mine", what]) = segments else { return None };
    let told = match (method, *what) {
        (&Method::GET, "totals") | (&Method::POST, "totals-information") => Told::Totals,
        // A POST to payment-information places the order and answers with its number.
        (&Method::POST, "shipping-information") | (&Method::GET, "payment-information") => Told::Payment,
        _ => return None,
    };
    Some(Place { told, store })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(method: Method, target: &str) -> Option<(Told, Option<String>)> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Place::of(&method, path, query).map(|place| (place.told, place.store))
    }

    #[test]
    fn knows_the_answers_that_tell_of_carts() {
        let of_view = |told| Some((told, Some("de_ch".to_owned())));
        for (method, target, expected) in [
            (Method::GET, "/rest/de_CH/V1/guest-carts/a1B2/totals", of_view(Told::Totals)),
            (Method::POST, "/rest/de_CH/V1/carts/mine/totals-information", of_view(Told::Totals)),
            (Method::POST, "/index.php/rest/V1/carts/mine/shipping-information", Some((Told::Payment, None))),
            (Method::GET, "/rest/V1/carts/mine/payment-information?x=1", Some((Told::Payment, None))),
            (Method::GET, "/checkout/cart/", Some((Told::Page, None))),
            (Method::GET, "/de/checkout", Some((Told::Page, None))),
            (Method::GET, "/customer/section/load/?sections=messages,cart&_=1", Some((Told::Section, None))),
            (Method::GET, "/customer/section/load?sections=cart%2Cmessages", Some((Told::Section, None))),
            (Method::GET, "/customer/section/load", Some((Told::Section, None))),
        ] {
            assert_eq!(place(method, target), expected, "{target}");
        }
    }

    #[test]
    fn listens_to_nothing_else() {
        for (method, target) in [
            (Method::POST, "/rest/V1/carts/mine/payment-information"),
            (Method::POST, "/rest/V1/guest-carts/a/totals"),
            (Method::GET, "/rest/V1/guest-carts/a"),
            (Method::GET, "/rest/V2/carts/mine/totals"),
            (Method::GET, "/rest/V1/carts/7/totals"),
            (Method::GET, "/checkout/onepage/success"),
            (Method::POST, "/checkout/cart/add"),
            (Method::GET, "/mycheckout"),
            (Method::GET, "/customer/section/load/?sections=customer"),
            (Method::HEAD, "/checkout/cart"),
        ] {
            assert_eq!(place(method.clone(), target), None, "{method} {target}");
        }
    }
}
