//! `/customer/section/load/`: what the minicart and the messages read.

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Shop;
use super::answer;
use super::listing;
use super::session::{Line, Message, Session, now};
use super::template::text;

/// Answers with the sections that `sections` names; with all of them when it names none.
pub async fn load(State(shop): State<Shop>, headers: HeaderMap, Query(query): Query<listing::Query>) -> Response {
    let named = query.get("sections").map_or("cart,messages,customer", String::as_str);
    let ((session, messages), begun) = shop.sessions.with(&headers, |session| {
        let messages = if named.contains("messages") { std::mem::take(&mut session.messages) } else { Vec::new() };
        (session.clone(), messages)
    });
    let mut sections = Map::new();
    for name in named.split(',') {
        let section = match name {
            "cart" => cart(&session),
            "messages" => json!({ "messages": messages.iter().map(message).collect::<Vec<_>>(), "data_id": now() }),
            "customer" => json!({ "data_id": now() }),
            "compare-products" => json!({ "count": 0, "countCaption": "0 items", "items": [], "data_id": now() }),
            _ => continue,
        };
        sections.insert(name.to_owned(), section);
    }
    answer::json(&Value::Object(sections), &headers, begun)
}

fn message(message: &Message) -> Value {
    json!({ "type": message.kind, "text": text(&message.text) })
}

/// As Magento's: rows and subtotal at catalogue price, no discount.
fn cart(session: &Session) -> Value {
    let subtotal = session.rows().iter().map(super::discount::Row::total).sum::<super::money::Cents>();
    let html = format!("<span class=\"price\">{subtotal}</span>");
    json!({
        "summary_count": session.units(),
        "subtotalAmount": subtotal.raw(),
        "subtotal": html,
        "subtotal_incl_tax": html,
        "subtotal_excl_tax": html,
        "possible_onepage_checkout": true,
        "items": session.lines.iter().rev().map(item).collect::<Vec<_>>(),
        "extra_actions": "",
        "isGuestCheckoutAllowed": true,
        "website_id": "1",
        "storeId": "1",
        "data_id": session.version,
    })
}

fn item(line: &Line) -> Value {
    let product = line.product;
    let price = format!(
        "\n\n    <span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\">\n            <span class=\"minicart-price\">\n            <span class=\"price\">{}</span>        </span>\n\n        </span>\n",
        product.price()
    );
    json!({
        "product_type": product.kind.as_str(),
        "options": [],
        "qty": line.qty,
        "item_id": line.item.to_string(),
        "product_id": product.id.to_string(),
        "product_name": product.name,
        "product_sku": product.sku,
        "product_url": product.url(),
        "product_has_url": true,
        "product_price": price,
        "product_price_value": product.price().json(),
        "product_image": { "src": product.image(), "alt": product.name, "width": 75, "height": 94 },
        "canApplyMsrp": false,
        "message": "",
    })
}
