//! The cart: its page, and what changes it.

use axum::extract::{Form, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Shop;
use super::answer;
use super::api;
use super::discount::{self, Discounts, MEMBERSHIP, Row};
use super::layout::{self, Page};
use super::money::Cents;
use super::pages;
use super::session::{Line, Session, cookie, named_product};
use super::template::{attribute, fill, script_json, text};

/// The fields of a form, in order.
pub type Fields = Vec<(String, String)>;

/// What a cart costs.
#[derive(Debug)]
pub struct Totals {
    /// The rows that were added up.
    pub rows: Vec<Row>,
    /// Rows at catalogue price.
    pub subtotal: Cents,
    /// What the membership takes off.
    pub discounts: Discounts,
}

impl Totals {
    /// The totals of a cart for the membership that a request brings.
    pub fn of(session: &Session, headers: &HeaderMap) -> Self {
        let rows = session.rows();
        let discounts = discount::apply(&discount::rules_for(&discount::membership(headers)), &rows);
        Self { subtotal: rows.iter().map(Row::total).sum(), discounts, rows }
    }

    /// What is to be paid.
    pub fn grand_total(&self) -> Cents {
        self.subtotal - self.discounts.total()
    }
}

/// `GET /checkout/cart/`
pub async fn show(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    let totals = Totals::of(&session, &headers);
    let page = Page {
        title: String::from("Shopping Cart"),
        description: String::from("Shopping Cart"),
        body_class: String::from("checkout-cart-index page-layout-1column"),
        title_block: layout::title_block("Shopping Cart"),
        main: main_column(&session, &totals),
        ..Page::default()
    };
    answer::private_page(layout::render(&shop, &page), begun)
}

fn main_column(session: &Session, totals: &Totals) -> String {
    if session.lines.is_empty() {
        return String::from(
            "<div class=\"cart-empty\">\n        <p>You have no items in your shopping cart.</p>\n    <p>Click <a href=\"/\">here</a> to continue shopping.    </p>\n    </div>\n",
        );
    }
    let discount_row = match totals.discounts.labels.is_empty() {
        true => String::new(),
        false => format!(
            "            <tr class=\"totals\">\n                <th class=\"mark\" scope=\"row\"><span class=\"discount coupon\">{}</span></th>\n                <td class=\"amount\" data-th=\"Discount\"><span class=\"price\">{}</span></td>\n            </tr>\n",
            text(&totals.discounts.title()),
            Cents(0) - totals.discounts.total()
        ),
    };
    let rows: String = session.lines.iter().map(row).collect();
    let fields = [
        ("subtotal", totals.subtotal.to_string()),
        ("discount_row", discount_row),
        ("grand_total", totals.grand_total().to_string()),
        ("form_key", session.form_key.clone()),
        ("rows", rows),
        ("checkout_config", script_json(&api::checkout_config(session, totals))),
    ];
    fill(include_str!("templates/cart.html"), &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn row(line: &Line) -> String {
    let product = line.product;
    let fields = [
        ("id", product.id.to_string()),
        ("item", line.item.to_string()),
        ("field", format!("cart[{}][qty]", line.item)),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", product.url()),
        ("image", product.image()),
        ("qty", line.qty.to_string()),
        ("price", product.price().to_string()),
        ("subtotal", (product.price() * line.qty).to_string()),
    ];
    fill(include_str!("templates/cart_row.html"), &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// `POST /checkout/cart/add/...`: `[]` for the page's own script, otherwise back with a message.
pub async fn add(State(shop): State<Shop>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    let qty = field(&fields, "qty").map_or(Some(1), |qty| qty.parse::<u32>().ok().filter(|qty| *qty > 0));
    let product = field(&fields, "product").and_then(named_product);
    let is_ajax = headers.get("x-requested-with").is_some_and(|value| value == "XMLHttpRequest");
    let (product_page, begun) = shop.sessions.with(&headers, |session| {
        if !has_form_key(session, &headers, &fields) {
            return None;
        }
        let (Some(product), Some(qty)) = (product, qty) else {
            session.say("error", "We can't add this item to your shopping cart right now.");
            return None;
        };
        session.add(product, qty);
        session.say("success", format!("You added {} to your shopping cart.", product.name));
        Some(product.url())
    });
    if is_ajax {
        return answer::ajax("[]", begun);
    }
    back(&shop, &headers, &product_page.unwrap_or_else(|| String::from("/")), begun)
}

/// `POST /checkout/cart/updatePost/`
pub async fn update(State(shop): State<Shop>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    let ((), begun) = shop.sessions.with(&headers, |session| {
        if has_form_key(session, &headers, &fields) {
            for (item, qty) in fields.iter().filter_map(|(name, value)| quantity(name, value)) {
                session.set_qty(item, qty);
            }
        }
    });
    back(&shop, &headers, "/checkout/cart/", begun)
}

/// `POST /checkout/cart/delete/`
pub async fn delete(State(shop): State<Shop>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    let begun = take_out(&shop, &headers, &fields, "id");
    back(&shop, &headers, "/checkout/cart/", begun)
}

/// `POST /checkout/sidebar/removeItem/`
pub async fn remove_from_minicart(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let begun = take_out(&shop, &headers, &fields, "item_id");
    answer::ajax("{\"success\":true}", begun)
}

/// `POST /newsletter/subscriber/new/`
pub async fn subscribe(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let say =
        |session: &mut Session| session.say("success", "Thank you. No letter will come: this shop does not exist.");
    let ((), begun) = shop.sessions.with(&headers, say);
    back(&shop, &headers, "/", begun)
}

/// `GET /checkout/`: where the demo ends.
pub async fn checkout(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let (session, begun) = shop.sessions.with(&headers, |session| session.clone());
    let totals = Totals::of(&session, &headers);
    let body = format!(
        "<p>The demo ends here: nothing is sold. The total below comes from \
         <code>payment-information</code>, the call with which Magento's checkout asks what to charge.</p>\
         <p class=\"shop-due\" data-cart=\"{}\">Order Total <strong><span class=\"price\">{}</span></strong></p>\
         <p><a href=\"/checkout/cart/\">Back to the cart</a></p>",
        session.cart_id,
        totals.grand_total()
    );
    let page = pages::simple("Checkout", "checkout-index-index", &body);
    answer::private_page(layout::render(&shop, &page), begun)
}

fn take_out(shop: &Shop, headers: &HeaderMap, fields: &Fields, name: &str) -> Option<String> {
    let item = field(fields, name).and_then(|item| item.parse().ok());
    let work = |session: &mut Session| {
        if let Some(item) = item.filter(|_| has_form_key(session, headers, fields)) {
            session.set_qty(item, 0);
        }
    };
    shop.sessions.with(headers, work).1
}

/// Magento accepts the session's key, and the one that a page's script made as a cookie before there was a session.
fn has_form_key(session: &mut Session, headers: &HeaderMap, fields: &Fields) -> bool {
    let sent = field(fields, "form_key").filter(|key| !key.is_empty());
    let is_right =
        sent.is_some_and(|key| key == session.form_key || cookie(headers, "form_key").as_deref() == Some(key));
    if !is_right {
        session.say("error", "Invalid Form Key. Please refresh the page.");
    }
    is_right
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Reads `cart[7][qty]` = 2.
fn quantity(name: &str, value: &str) -> Option<(u64, u32)> {
    let item = name.strip_prefix("cart[")?.strip_suffix("][qty]")?;
    Some((item.parse().ok()?, value.parse().ok()?))
}

/// Sends the browser to `path` with the session's messages in the cookie that the next page reads.
fn back(shop: &Shop, headers: &HeaderMap, path: &str, begun: Option<String>) -> Response {
    let id = begun.clone();
    let work = |session: &mut Session| (std::mem::take(&mut session.messages), session.form_key.clone());
    let mut headers = headers.clone();
    if let Some(value) = id.and_then(|id| format!("PHPSESSID={id}").parse().ok()) {
        headers.insert(http::header::COOKIE, value);
    }
    let ((messages, form_key), _) = shop.sessions.with(&headers, work);
    answer::redirect(StatusCode::FOUND, path, begun, &messages, &form_key)
}

/// What arrived as membership, for tests that ask what a proxy sent on.
pub fn arrived(headers: &HeaderMap) -> String {
    let header = headers.get(MEMBERSHIP).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = cookie(headers, MEMBERSHIP).unwrap_or_default();
    format!("cookie={cookie}; header={header}")
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
