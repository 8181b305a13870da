//! Notices that an answer logged the shopper in or out: what is known about him may not hold any more.

use http::header::SET_COOKIE;
use http::{Method, Response, StatusCode, request};

use super::Turn;
use crate::audience::{Keep, Sealed, Shopper, ShopperKey, Source, jar};
use crate::body::Body;

/// Magento's cookie for what its page cache tells shoppers apart by: it changes when somebody logs in or out.
const VARY: &str = "X-Magento-Vary";

/// Where Magento logs in, by form and by script, and where accounts are made.
const LOGIN: [&str; 3] = ["customer/account/loginpost", "customer/ajax/login", "customer/account/createpost"];

/// Where Magento logs out.
const LOGOUT: [&str; 2] = ["customer/account/logout", "customer/ajax/logout"];

/// What could change by an answer.
#[derive(Debug, Default)]
pub(super) struct Before {
    place: Place,
    /// The cookie as the request had it; only where there is something to lose.
    vary: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    Login,
    Logout,
    #[default]
    Elsewhere,
}

impl Before {
    /// As a request has it.
    pub(super) fn of(parts: &request::Parts, shopper: &Shopper) -> Self {
        let others = |own: &Sealed| own.membership.source != Source::Edge;
        let is_known = shopper.visitor.as_ref().is_some_and(|visitor| visitor.identity.is_some());
        // Without a cookie, something may wait for him all the same.
        if !is_known || shopper.own.as_ref().is_some_and(others) {
            return Self::default();
        }
        let vary = jar::values(&parts.headers, VARY).next().unwrap_or_default();
        Self { place: place(&parts.method, parts.uri.path()), vary: Some(vary.to_vec()) }
    }
}

fn place(method: &Method, path: &str) -> Place {
    let path = path.to_ascii_lowercase();
    let ends = |places: &[&str]| {
        places
            .iter()
            .any(|place| path.trim_end_matches('/').strip_suffix(place).is_some_and(|rest| rest.ends_with('/')))
    };
    if ends(&LOGOUT) {
        Place::Logout
    } else if method == Method::POST && ends(&LOGIN) {
        Place::Login
    } else {
        Place::Elsewhere
    }
}

impl Turn {
    /// Whether the shopper logged in or out, or opted out, by another request since this one arrived.
    pub(super) fn is_overtaken(&self) -> bool {
        let refresher = self.shop.platform.as_ref().map(|platform| &platform.refresher);
        let identity = self.shopper.visitor.as_ref().and_then(|visitor| visitor.identity.as_ref());
        let (Some(refresher), Some(identity)) = (refresher, identity) else { return false };
        refresher.is_overtaken(&ShopperKey::of(identity), self.arrived)
    }

    /// What the browser is to keep, where an answer logged its shopper in or out; `None` where nothing changed. On a page that is so
    /// only where his context is taken away, as when his session has ended: some shops set it with every page.
    pub(super) fn after_session_change(&self, response: &Response<Body>, is_page: bool) -> Option<Keep> {
        // Who is outside of the share, or sees the shop's own pages, has nothing to lose and gets no cookie.
        let known = self.session.vary.as_deref().filter(|_| self.tells_origin)?;
        let failed = response.status().is_client_error() || response.status().is_server_error();
        let changed = match is_page {
            true => sets_vary(response, |value| value.is_empty() && !known.is_empty()),
            false => self.session.place != Place::Elsewhere || sets_vary(response, |value| value != known),
        };
        if failed || !changed || response.status() == StatusCode::NOT_MODIFIED {
            return None;
        }
        let platform = self.shop.platform.as_ref()?;
        platform.refresher.forget(&self.shopper);
        let (website, config) = (&self.view.website, self.shop.identifier.config());
        self.shopper.after_login(self.session.place == Place::Logout, self.now.as_second(), website, config)
    }
}

/// Whether an answer sets the cookie to a value that `is` so; a cookie that is removed is empty.
fn sets_vary(response: &Response<Body>, is: impl Fn(&[u8]) -> bool) -> bool {
    let lines = response.headers().get_all(SET_COOKIE).iter();
    let values = lines.filter_map(|line| {
        let value = line.as_bytes().strip_prefix(VARY.as_bytes())?.strip_prefix(b"=")?;
        value.split(|byte| *byte == b';').next()
    });
    // PHP removes a cookie by setting it to this.
    values.map(|value| if value == b"deleted" { &b""[..] } else { value }).any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_magento_logs_in_and_out() {
        for (method, path, expected) in [
            (Method::POST, "/customer/account/loginPost/", Place::Login),
            (Method::POST, "/de/customer/ajax/login", Place::Login),
            (Method::GET, "/customer/account/loginPost/", Place::Elsewhere),
            (Method::GET, "/index.php/customer/account/logout/", Place::Logout),
            (Method::POST, "/customer/account/logout", Place::Logout),
            (Method::GET, "/xcustomer/account/logout", Place::Elsewhere),
            (Method::GET, "/customer/account/logoutSuccess/", Place::Elsewhere),
        ] {
            assert_eq!(place(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn sees_another_context_in_an_answer() {
        let answer = |line: &str| {
            let response = Response::builder().header(SET_COOKIE, line);
            response.body(Body::empty()).expect("a response")
        };
        let sets = |line: &str, value: &[u8]| sets_vary(&answer(line), |found| found == value);
        assert!(sets("X-Magento-Vary=b; path=/", b"b"));
        assert!(!sets("X-Magento-Vary=b; path=/", b"a"));
        assert!(sets("X-Magento-Vary=deleted; Max-Age=0", b""));
        assert!(sets("X-Magento-Vary=; Max-Age=0", b""));
        assert!(!sets("PHPSESSID=b", b"b"));
    }
}
