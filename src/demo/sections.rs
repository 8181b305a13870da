//! `/customer/section/load/`: what the minicart, the lists and the messages read.

use axum::extract::{Extension, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer;
use super::cart;
use super::catalog;
use super::listing;
use super::money::Cents;
use super::price;
use super::quote::Line;
use super::scripts;
use super::session::{Message, Session, now};
use super::template::text;
use super::view::{Display, View, WEBSITE};
use super::{Asked, Shop};

/// Every section that the shop has, for requests that name none.
const EVERY: &str = "messages,customer,compare-products,cart,directory-data,wishlist";

/// Answers with the sections that `sections` names.
pub async fn load(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    Query(query): Query<listing::Query>,
) -> Response {
    let named = query.get("sections").map(String::as_str).filter(|named| !named.is_empty()).unwrap_or(EVERY);
    let ((session, messages), begun) = shop.sessions.with(&headers, |session| {
        let messages = if named.contains("messages") { std::mem::take(&mut session.messages) } else { Vec::new() };
        (session.clone(), messages)
    });
    let mut sections = Map::new();
    for name in named.split(',') {
        let section = match name {
            "cart" => cart_section(&session, asked.view),
            "messages" => json!({ "messages": messages.iter().map(message).collect::<Vec<_>>(), "data_id": now() }),
            "customer" => customer_section(&session),
            "directory-data" => json!({ "US": { "name": "United States" }, "data_id": session.version }),
            "compare-products" => compare_section(&session, asked.view),
            "wishlist" => wishlist_section(&session, asked.view),
            _ => continue,
        };
        sections.insert(name.to_owned(), section);
    }
    answer::json(&Value::Object(sections), &headers, begun)
}

fn message(message: &Message) -> Value {
    json!({ "type": message.kind, "text": text(&message.text) })
}

/// Of a guest Magento says nothing.
fn customer_section(session: &Session) -> Value {
    match session.customer {
        Some(customer) => json!({
            "fullname": customer.name(),
            "firstname": customer.first,
            "websiteId": WEBSITE.to_string(),
            "data_id": session.version,
        }),
        None => json!({ "data_id": session.version }),
    }
}

/// As Magento's: rows and subtotal at catalogue price, no discount.
fn cart_section(session: &Session, view: &View) -> Value {
    let html = |amount: Cents| format!("<span class=\"price\">{}</span>", view.text(amount));
    let quote = &session.quote;
    let (without, with) = (quote.subtotal(view), quote.subtotal_with_tax(view));
    let shown = if view.display == Display::Excluding { without } else { with };
    json!({
        "summary_count": quote.units(),
        "subtotalAmount": shown.raw(),
        "subtotal": html(shown),
        "subtotal_incl_tax": html(with),
        "subtotal_excl_tax": html(without),
        "possible_onepage_checkout": true,
        "items": quote.lines.iter().rev().map(|line| item(view, line)).collect::<Vec<_>>(),
        "extra_actions": "",
        "isGuestCheckoutAllowed": true,
        "website_id": WEBSITE.to_string(),
        "storeId": view.id.to_string(),
        "data_id": session.version,
    })
}

fn item(view: &View, line: &Line) -> Value {
    let product = line.product;
    let unit = line.unit(view);
    let option = |(label, value): (String, String)| json!({ "label": view.phrase_of(&label), "value": value });
    let value = match view.display {
        Display::Excluding => unit.json(),
        Display::Including => view.with_tax(unit).json(),
        Display::Both => json!({ "incl_tax": view.with_tax(unit).json(), "excl_tax": unit.json() }),
    };
    json!({
        "product_type": product.kind.as_str(),
        "options": line.choice.told().into_iter().map(option).collect::<Vec<_>>(),
        "qty": line.qty,
        "item_id": line.item.to_string(),
        "product_id": product.id.to_string(),
        "product_name": product.name,
        "product_sku": line.choice.sku(product),
        "product_url": view.url(&product.path()),
        "product_has_url": true,
        "product_price": cart::both(view, unit, "minicart-price"),
        "product_price_value": value,
        "product_image": { "src": product.image(), "alt": product.name, "width": 75, "height": 94 },
        "canApplyMsrp": false,
        "message": "",
    })
}

fn wishlist_section(session: &Session, view: &View) -> Value {
    let item = |product: &catalog::Product| {
        json!({
            "image": { "src": product.image(), "alt": product.name, "width": 75, "height": 94 },
            "product_sku": product.sku,
            "product_id": product.id.to_string(),
            "product_url": view.url(&product.path()),
            "product_name": product.name,
            "product_price": price::configured_box(view, product.id, scripts::final_price(view, product), false),
            "product_is_saleable_and_visible": true,
            "product_has_required_options": product.needs_a_choice(),
            "delete_item_params": remove_from(view, "wishlist/index", product),
        })
    };
    let products = catalog::products(&session.wishes);
    let counter = match products.len() {
        0 => Value::Null,
        1 => json!(format!("1 {}", view.phrase("item"))),
        several => json!(format!("{several} {}", view.phrase("items"))),
    };
    let items: Vec<_> = products.into_iter().rev().take(3).map(item).collect();
    json!({ "counter": counter, "items": items, "data_id": session.version })
}

fn compare_section(session: &Session, view: &View) -> Value {
    let item = |product: &catalog::Product| {
        json!({
            "id": product.id.to_string(),
            "product_url": view.url(&product.path()),
            "name": product.name,
            "remove_url": remove_from(view, "catalog/product_compare", product),
        })
    };
    let products = catalog::products(&session.compared);
    json!({
        "count": products.len(),
        "countCaption": format!("{} {}", products.len(), view.phrase("items")),
        "listUrl": view.url("/catalog/product_compare/"),
        "items": products.into_iter().map(item).collect::<Vec<_>>(),
        "websiteId": WEBSITE.to_string(),
        "data_id": session.version,
    })
}

fn remove_from(view: &View, list: &str, product: &catalog::Product) -> String {
    json!({ "action": view.url(&format!("/{list}/remove/")), "data": { "product": product.id.to_string() } })
        .to_string()
}
