//! The cart: its page, and what changes it.

use axum::extract::{Extension, Form, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer;
use super::api;
use super::choice::{self, Fields, field};
use super::coupon;
use super::layout::{self, Page};
use super::money::Cents;
use super::quote::Line;
use super::session::{Message, SESSION, Session, cookie, named_product};
use super::template::{attribute, render, script_json, text};
use super::totals::Totals;
use super::view::{Display, View};
use super::{Asked, Shop};

/// `GET /checkout/cart/`
pub async fn show(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    let totals = Totals::of(&shop, &session, asked.view, &headers);
    let title = asked.view.phrase("Shopping Cart");
    let page = Page {
        title: title.to_owned(),
        description: title.to_owned(),
        body_class: String::from("checkout-cart-index page-layout-1column"),
        title_block: layout::title_block(title),
        main: main_column(&session, asked.view, &totals),
        ..Page::default()
    };
    answer::private_page(layout::render(&shop, &asked, &page), begun)
}

fn main_column(session: &Session, view: &View, totals: &Totals) -> String {
    if session.quote.lines.is_empty() {
        return format!(
            "<div class=\"cart-empty\">\n        <p>{}</p>\n    <p><a href=\"{}\">{}</a></p>\n    </div>\n",
            text(view.phrase("You have no items in your shopping cart.")),
            view.url("/"),
            text(view.phrase("Continue Shopping"))
        );
    }
    let values = [
        ("total_rows", total_rows(view, totals)),
        ("grand_total", view.text(totals.grand_total().own)),
        ("form_key", session.form_key.clone()),
        ("rows", session.quote.lines.iter().map(|line| row(view, line)).collect()),
        ("coupon", coupon::block(session, view)),
        ("checkout_config", script_json(&api::checkout_config(session, view, totals))),
    ];
    render(view, include_str!("templates/cart.html"), &values)
}

/// The rows above the order's total. With tax they add up from the subtotal without it.
fn total_rows(view: &View, totals: &Totals) -> String {
    let row = |class: &str, mark: &str, label: &str, amount: Cents| {
        format!(
            "            <tr class=\"{class}\">\n                <th class=\"mark\" scope=\"row\">{mark}</th>\n                <td class=\"amount\" data-th=\"{}\"><span class=\"price\">{}</span></td>\n            </tr>\n",
            attribute(label),
            view.text(amount)
        )
    };
    let plain = |class: &str, label: &'static str, amount: Cents| {
        row(class, &text(view.phrase(label)), view.phrase(label), amount)
    };
    let mut rows = match view.tax {
        0 => plain("totals sub", "Subtotal", totals.subtotal.own),
        _ => {
            plain("totals sub incl", "Subtotal (Incl. Tax)", totals.subtotal_with_tax.own)
                + &plain("totals sub excl", "Subtotal (Excl. Tax)", totals.subtotal.own)
        }
    };
    if totals.has_discount() {
        let mark = format!("<span class=\"discount coupon\">{}</span>", text(&totals.title(view)));
        rows += &row("totals", &mark, view.phrase("Discount"), Cents(0) - totals.discount.own);
    }
    if let Some((method, amount)) = totals.shipping {
        let mark = format!("{} ({})", view.phrase("Shipping & Handling"), method.title());
        rows += &row("totals shipping excl", &text(&mark), view.phrase("Shipping & Handling"), amount.own);
    }
    if view.tax > 0 {
        rows += &plain("totals-tax", "Tax", totals.tax.own);
    }
    rows
}

fn row(view: &View, line: &Line) -> String {
    let product = line.product;
    let unit = line.unit(view);
    let told = line.choice.told();
    let option = |(label, value): &(String, String)| {
        format!("<dt>{}</dt>\n<dd>{}</dd>\n", text(view.phrase_of(label)), text(value))
    };
    let options = match told.is_empty() {
        true => String::new(),
        false => format!("<dl class=\"item-options\">\n{}</dl>\n", told.iter().map(option).collect::<String>()),
    };
    let values = [
        ("id", product.id.to_string()),
        ("item", line.item.to_string()),
        ("field", format!("cart[{}][qty]", line.item)),
        ("sku", text(&line.choice.sku(product))),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", view.url(&product.path())),
        ("image", product.image()),
        ("options", options),
        ("qty", line.qty.to_string()),
        ("price", both(view, unit, "cart-price")),
        ("subtotal", both(view, line.total(view), "cart-price")),
    ];
    render(view, include_str!("templates/cart_row.html"), &values)
}

/// A cart's price as the view shows it: with tax, without it, or both below each other.
pub fn both(view: &View, net: Cents, class: &str) -> String {
    let one = |kind: &str, label: &'static str, amount: Cents| {
        format!(
            "\n    <span class=\"price-{kind}-tax\" data-label=\"{}\">\n            <span class=\"{class}\">\n            <span class=\"price\">{}</span>        </span>\n\n        </span>\n",
            attribute(view.phrase(label)),
            view.text(amount)
        )
    };
    let (with, without) = (one("including", "Incl. Tax", view.with_tax(net)), one("excluding", "Excl. Tax", net));
    match view.display {
        Display::Including => format!("{with}\n"),
        Display::Excluding => format!("\n{without}"),
        Display::Both => with + &without,
    }
}

/// `POST /checkout/cart/add/...`: back with a message; for the page's own script `[]`, or where to choose what must be chosen.
pub async fn add(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let is_ajax = headers.get("x-requested-with").is_some_and(|value| value == "XMLHttpRequest");
    let (added, begun) = shop.sessions.with(&headers, |session| {
        if !has_form_key(session, &headers, &fields) {
            return Added::Nothing;
        }
        let added = put_in(session, asked.view, &fields);
        coupon::collect(&shop, session, asked.view, &headers);
        added
    });
    match (is_ajax, added) {
        (true, Added::MustChoose(url)) => answer::ajax(json!({ "backUrl": asked.view.url(&url) }).to_string(), begun),
        (true, _) => answer::ajax(String::from("[]"), begun),
        (false, Added::MustChoose(url) | Added::All(url)) => back(&shop, &headers, &asked.view.url(&url), begun),
        (false, Added::Nothing) => back(&shop, &headers, &asked.view.url("/"), begun),
    }
}

/// What became of a form, with the path of the product's page.
enum Added {
    Nothing,
    MustChoose(String),
    All(String),
}

fn put_in(session: &mut Session, view: &View, fields: &Fields) -> Added {
    let qty = field(fields, "qty").map_or(Some(1), |qty| qty.parse::<u32>().ok().filter(|qty| *qty > 0));
    let (Some(product), Some(qty)) = (field(fields, "product").and_then(named_product), qty) else {
        session.say("error", view.phrase("We can't add this item to your shopping cart right now."));
        return Added::Nothing;
    };
    let Some(wanted) = choice::read(product, fields, qty) else {
        session.say("notice", view.phrase("You need to choose options for your item."));
        return Added::MustChoose(product.path());
    };
    session.version += 1;
    for one in wanted {
        session.quote.add(one);
    }
    session.say("success", view.phrase("You added %1 to your shopping cart.").replace("%1", product.name));
    Added::All(product.path())
}

/// `POST /checkout/cart/updatePost/`
pub async fn update(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let ((), begun) = shop.sessions.with(&headers, |session| {
        if has_form_key(session, &headers, &fields) {
            session.version += 1;
            for (item, qty) in fields.iter().filter_map(|(name, value)| quantity(name, value)) {
                session.quote.set_qty(item, qty);
            }
            coupon::collect(&shop, session, asked.view, &headers);
        }
    });
    back(&shop, &headers, &asked.view.url("/checkout/cart/"), begun)
}

/// `POST /checkout/cart/delete/`
pub async fn delete(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let begun = take_out(&shop, asked.view, &headers, &fields, "id");
    back(&shop, &headers, &asked.view.url("/checkout/cart/"), begun)
}

/// `POST /checkout/sidebar/removeItem/`
pub async fn remove_from_minicart(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let begun = take_out(&shop, asked.view, &headers, &fields, "item_id");
    answer::ajax(String::from("{\"success\":true}"), begun)
}

/// `POST /newsletter/subscriber/new/`
pub async fn subscribe(State(shop): State<Shop>, Extension(asked): Extension<Asked>, headers: HeaderMap) -> Response {
    let say =
        |session: &mut Session| session.say("success", "Thank you. No letter will come: this shop does not exist.");
    let ((), begun) = shop.sessions.with(&headers, say);
    back(&shop, &headers, &asked.view.url("/"), begun)
}

fn take_out(shop: &Shop, view: &View, headers: &HeaderMap, fields: &Fields, name: &str) -> Option<String> {
    let item = field(fields, name).and_then(|item| item.parse().ok());
    let work = |session: &mut Session| {
        if let Some(item) = item.filter(|_| has_form_key(session, headers, fields)) {
            session.version += 1;
            session.quote.set_qty(item, 0);
            coupon::collect(shop, session, view, headers);
        }
    };
    shop.sessions.with(headers, work).1
}

/// Magento accepts the session's key, and the one that a page's script made as a cookie before there was a session.
pub fn has_form_key(session: &mut Session, headers: &HeaderMap, fields: &Fields) -> bool {
    let sent = field(fields, "form_key").filter(|key| !key.is_empty());
    let is_right =
        sent.is_some_and(|key| key == session.form_key || cookie(headers, "form_key").as_deref() == Some(key));
    if !is_right {
        session.say("error", "Invalid Form Key. Please refresh the page.");
    }
    is_right
}

/// Reads `cart[7][qty]` = 2.
fn quantity(name: &str, value: &str) -> Option<(u64, u32)> {
    let item = name.strip_prefix("cart[")?.strip_suffix("][qty]")?;
    Some((item.parse().ok()?, value.parse().ok()?))
}

/// Sends the browser to `path` with the session's messages in the cookie that the next page reads.
pub fn back(shop: &Shop, headers: &HeaderMap, path: &str, begun: Option<String>) -> Response {
    let work = |session: &mut Session| (std::mem::take(&mut session.messages), session.form_key.clone());
    let ((messages, form_key), _) = shop.sessions.with(&within(headers, begun.as_deref()), work);
    let id = begun.or_else(|| cookie(headers, SESSION));
    answer::redirect(StatusCode::FOUND, path, id, said(headers, &messages), &form_key)
}

/// Messages as their cookie carries them, behind those that the browser has not shown yet.
fn said(headers: &HeaderMap, messages: &[Message]) -> Vec<Value> {
    if messages.is_empty() {
        return Vec::new();
    }
    let unseen = cookie(headers, "mage-messages").and_then(|unseen| serde_json::from_str::<Vec<Value>>(&unseen).ok());
    let own = messages.iter().map(|one| json!({ "type": one.kind, "text": text(&one.text) }));
    unseen.unwrap_or_default().into_iter().chain(own).collect()
}

/// The headers of a request as if it had come within the session that was just begun.
pub fn within(headers: &HeaderMap, begun: Option<&str>) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(value) = begun.and_then(|id| format!("{SESSION}={id}").parse().ok()) {
        headers.insert(http::header::COOKIE, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quantities_of_lines_only() {
        assert_eq!(quantity("cart[7][qty]", "2"), Some((7, 2)));
        assert_eq!(quantity("cart[7][qty]", "-2"), None);
        assert_eq!(quantity("cart[][qty]", "2"), None);
        assert_eq!(quantity("form_key", "2"), None);
    }
}
