//! The little of Magento's GraphQL that shows what a cart is charged, and what dynamic blocks hold.

use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::demo::Shop;
use crate::demo::banner;
use crate::demo::catalog::{PRODUCTS, Product};
use crate::demo::listing;
use crate::demo::money::Cents;
use crate::demo::quote::Line;
use crate::demo::session::Session;
use crate::demo::totals::{LineTotals, Totals};
use crate::demo::view::View;

/// `GET` and `POST /graphql`: `dynamicBlocks` by its variables, `cart` when the query asks for one (its id quoted in it or the variable
/// `cart_id`), else `products`.
pub async fn answer(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Query(query): Query<listing::Query>,
    body: Bytes,
) -> Response {
    let posted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = posted["query"].as_str().or(query.get("query").map(String::as_str)).unwrap_or_default();
    let view = View::with_code(headers.get("store").and_then(|code| code.to_str().ok()).unwrap_or_default());
    if text.contains("dynamicBlocks(") {
        let told = banner::graphql(&posted["variables"], view, &headers);
        return super::super::answer::json(&told, &headers, None);
    }
    if !text.contains("cart(") && !text.contains("cart (") {
        return super::super::answer::json(&json!({ "data": { "products": products() } }), &headers, None);
    }
    let quoted = text.split('"').nth(1);
    let cart_id = posted["variables"]["cart_id"].as_str().or(quoted).unwrap_or_default();
    let found = shop.sessions.with_cart(cart_id, |session| {
        let totals = Totals::of(&shop, session, view, &headers);
        json!({ "data": { "cart": cart(session, view, &totals) } })
    });
    let answered = match found {
        Some(found) => found,
        None => json!({
            "errors": [{ "message": format!("Could not find a cart with ID \"{cart_id}\""), "path": ["cart"] }],
            "data": { "cart": null },
        }),
    };
    super::super::answer::json(&answered, &headers, None)
}

fn cart(session: &Session, view: &View, totals: &Totals) -> Value {
    let money = |amount: Cents| json!({ "value": amount.json(), "currency": view.currency });
    let item = |(line, own): (&Line, &LineTotals)| {
        json!({
            "quantity": line.qty,
            "product": { "sku": line.product.sku, "name": line.product.name },
            "prices": {
                "price": money(own.unit.own),
                "price_including_tax": money(view.with_tax(own.unit.own)),
                "row_total": money(own.row.own),
                "total_item_discount": money(own.discount.own),
            },
        })
    };
    let items: Vec<Value> = session.quote.lines.iter().zip(&totals.lines).map(item).collect();
    let discounts = match totals.has_discount() {
        false => json!([]),
        true => json!([{ "label": totals.title(view), "amount": money(totals.discount.own) }]),
    };
    let coupons = session.quote.coupon.iter().map(|code| json!({ "code": code })).collect::<Vec<_>>();
    json!({
        "items": items,
        "applied_coupons": coupons,
        "prices": {
            "subtotal_excluding_tax": money(totals.subtotal.own),
            "subtotal_including_tax": money(totals.subtotal_with_tax.own),
            "grand_total": money(totals.grand_total().own),
            "discounts": discounts,
        },
    })
}

fn products() -> Value {
    let money = |amount: Cents| json!({ "value": amount.json(), "currency": "USD" });
    let item = |product: &Product| {
        json!({
            "sku": product.sku,
            "name": product.name,
            "url_key": product.key,
            "price_range": { "minimum_price": {
                "regular_price": money(product.regular_price()),
                "final_price": money(product.price()),
            } },
        })
    };
    json!({ "total_count": PRODUCTS.len(), "items": PRODUCTS.iter().map(item).collect::<Vec<_>>() })
}
