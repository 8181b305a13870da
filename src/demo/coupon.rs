//! Coupons of a cart, as Magento Open Source has them: one at most.

use axum::extract::{Extension, Form, State};
use axum::response::Response;
use http::HeaderMap;
use http::header::{HOST, REFERER};

use super::cart::{back, has_form_key};
use super::choice::{Fields, field};
use super::session::Session;
use super::template::{attribute, render};
use super::totals::Totals;
use super::view::View;
use super::{Asked, Shop};

/// Magento's longest code.
const LONGEST: usize = 255;

/// The cart page's form.
pub fn block(session: &Session, view: &View) -> String {
    let code = session.quote.coupon.as_deref();
    let button = match code {
        Some(_) => render(view, include_str!("templates/coupon_cancel.html"), &[]),
        None => render(view, include_str!("templates/coupon_apply.html"), &[]),
    };
    let applied = |word: &str| if code.is_some() { word.to_owned() } else { String::new() };
    let values = [
        ("is_applied", code.is_some().to_string()),
        ("applied_class", applied(" applied")),
        ("disabled", applied("disabled=\"disabled\"")),
        ("code", attribute(code.unwrap_or_default())),
        ("form_key", session.form_key.clone()),
        ("button", button.trim_end().to_owned()),
    ];
    render(view, include_str!("templates/coupon.html"), &values)
}

/// `POST /checkout/cart/couponPost/`: back to where the form was, whatever came of it, which the message says.
pub async fn post(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let ((), begun) = shop.sessions.with(&headers, |session| {
        if has_form_key(session, &headers, &fields) {
            change(&shop, session, asked.view, &headers, &fields);
        }
    });
    let to = own_referer(&headers).unwrap_or_else(|| asked.view.url("/"));
    back(&shop, &headers, &to, begun)
}

/// A cart with lines takes the code that is posted, or loses its own by one that does not hold. An empty one takes any code that exists.
fn change(shop: &Shop, session: &mut Session, view: &View, headers: &HeaderMap, fields: &Fields) {
    let is_removed = field(fields, "remove") == Some("1");
    let code = field(fields, "coupon_code").filter(|_| !is_removed).unwrap_or_default().trim();
    if code.is_empty() && session.quote.coupon.is_none() {
        return;
    }
    if code.is_empty() {
        if !session.quote.lines.is_empty() {
            set(shop, session, view, headers, None);
        }
        session.say("success", view.phrase("You canceled the coupon code."));
        return;
    }
    let holds = code.len() <= LONGEST && set(shop, session, view, headers, Some(code));
    let (kind, words) = match holds {
        true => ("success", "You used coupon code \"%1\"."),
        false => ("error", "The coupon code \"%1\" is not valid."),
    };
    session.say(kind, view.phrase(words).replace("%1", code));
}

/// Gives a cart this code instead of its own, and says whether it holds. An empty cart keeps what it has when the code does not exist.
pub fn set(shop: &Shop, session: &mut Session, view: &View, headers: &HeaderMap, code: Option<&str>) -> bool {
    session.version += 1;
    if session.quote.lines.is_empty() {
        let exists = code.is_some_and(|code| shop.rules.coupon(code).is_some());
        if exists {
            session.quote.coupon = code.map(str::to_owned);
        }
        return exists;
    }
    session.quote.coupon = code.map(str::to_owned);
    collect(shop, session, view, headers);
    session.quote.coupon.as_deref() == code
}

/// Takes the code off a cart whose lines and shipping do not get its rule, as Magento does whenever something of a cart changes.
pub fn collect(shop: &Shop, session: &mut Session, view: &View, headers: &HeaderMap) {
    if session.quote.coupon.is_some() && !Totals::of(shop, session, view, headers).has_coupon {
        session.quote.coupon = None;
    }
}

/// The page that the form was on, where it is one of the shop's.
fn own_referer(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(REFERER)?.to_str().ok()?;
    let (host, path) = referer.split_once("://")?.1.split_once('/')?;
    let own = headers.get(HOST)?.to_str().ok()?;
    let name = |host: &str| host.rsplit_once(':').map_or_else(|| host.to_owned(), |(name, _)| name.to_owned());
    (name(host) == name(own)).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_back_to_pages_of_the_shop_only() {
        let with = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "shop.test:8082".parse().expect("a header value"));
            headers.insert(REFERER, referer.parse().expect("a header value"));
            own_referer(&headers)
        };
        assert_eq!(with("http://shop.test:8080/de/checkout/cart/?a=1").as_deref(), Some("/de/checkout/cart/?a=1"));
        assert_eq!(with("https://evil.test/checkout/cart/"), None);
        assert_eq!(with("shop.test"), None);
    }
}
