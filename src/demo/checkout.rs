//! The end of a purchase: the checkout's page, the order, and the page after it.

use axum::extract::{Extension, State};
use axum::response::Response;
use http::HeaderMap;

use super::answer;
use super::cart::back;
use super::layout;
use super::pages;
use super::session::Session;
use super::template::{attribute, render, script_json};
use super::totals::Totals;
use super::view::View;
use super::{Asked, Shop, api};

/// `GET /checkout/`
pub async fn show(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let view = asked.view;
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    if session.quote.lines.is_empty() {
        return back(&shop, &headers, &view.url("/checkout/cart/"), begun);
    }
    let totals = Totals::of(&shop, &session, view, &headers);
    let cart = match session.customer {
        Some(_) => String::from("carts/mine"),
        None => format!("guest-carts/{}", session.quote.masked),
    };
    let values = [
        ("cart", cart),
        ("store", view.code.to_owned()),
        ("format", attribute(&view.price_format())),
        ("email", attribute(session.customer.map_or("guest@lumen-loom.example", |customer| customer.email))),
        ("due", view.text(totals.grand_total().own)),
        ("config", script_json(&api::checkout_config(&session, view, &totals))),
    ];
    let body = render(view, include_str!("templates/checkout.html"), &values);
    let page = pages::simple("Checkout", "checkout-index-index", &body);
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}

/// Orders what is in a cart: its coupon is used once more, and a new cart begins. `None` when there is nothing in it.
pub fn place(shop: &Shop, session: &mut Session, view: &View, headers: &HeaderMap) -> Option<u64> {
    if session.quote.lines.is_empty() {
        return None;
    }
    let totals = Totals::of(shop, session, view, headers);
    let ordered = std::mem::take(&mut session.quote);
    let code = ordered.coupon.as_deref().filter(|_| totals.has_coupon);
    shop.rules.ordered(&totals.rule_ids, code, session.customer);
    session.last_order = Some(ordered.id);
    session.version += 1;
    Some(ordered.id)
}

/// `GET /checkout/onepage/success/`, which is there once after an order.
pub async fn success(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (order, begun) = shop.sessions.with(&headers, |session| session.last_order.take());
    let Some(order) = order else {
        return back(&shop, &headers, &asked.view.url("/checkout/cart/"), begun);
    };
    let body = format!(
        "<div class=\"checkout-success\"><p>Your order # is: <span>{order:09}</span>.</p>\
         <p>Nothing was sold and nothing will arrive: this shop does not exist.</p></div>\
         <p><a class=\"action primary continue\" href=\"{}\"><span>Continue Shopping</span></a></p>",
        asked.view.url("/")
    );
    let page = pages::simple("Thank you for your purchase!", "checkout-onepage-success", &body);
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}
