//! The few calls of Magento's REST and GraphQL interfaces that show what a cart is charged.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Shop;
use super::answer;
use super::cart::Totals;
use super::catalog::PRODUCTS;
use super::discount::Row;
use super::listing;
use super::money::Cents;
use super::session::Session;

/// `GET /rest/V1/guest-carts/{id}/totals`
pub async fn totals(State(shop): State<Shop>, headers: HeaderMap, Path(cart_id): Path<String>) -> Response {
    match shop.sessions.by_cart(&cart_id) {
        Some(session) => answer::json(&totals_json(&session, &Totals::of(&session, &headers)), &headers, None),
        None => no_such_entity(&cart_id),
    }
}

/// `GET` and `POST /rest/V1/guest-carts/{id}/payment-information`
pub async fn payment_information(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Path(cart_id): Path<String>,
) -> Response {
    let Some(session) = shop.sessions.by_cart(&cart_id) else { return no_such_entity(&cart_id) };
    let totals = totals_json(&session, &Totals::of(&session, &headers));
    let body = json!({ "payment_methods": [{ "code": "checkmo", "title": "Check / Money order" }], "totals": totals });
    answer::json(&body, &headers, None)
}

/// The same for paths with a store code, `/rest/default/V1/...`.
pub async fn totals_of_store(shop: State<Shop>, headers: HeaderMap, path: Path<(String, String)>) -> Response {
    totals(shop, headers, Path(path.0.1)).await
}

/// The same for paths with a store code, `/rest/default/V1/...`.
pub async fn payment_information_of_store(
    shop: State<Shop>,
    headers: HeaderMap,
    path: Path<(String, String)>,
) -> Response {
    payment_information(shop, headers, Path(path.0.1)).await
}

/// `GET` and `POST /graphql`: `cart` when the query asks for one (its id quoted in it or the variable `cart_id`), else `products`.
pub async fn graphql(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Query(query): Query<listing::Query>,
    body: Bytes,
) -> Response {
    let posted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = posted["query"].as_str().or(query.get("query").map(String::as_str)).unwrap_or_default();
    if !text.contains("cart(") && !text.contains("cart (") {
        return answer::json(&json!({ "data": { "products": products() } }), &headers, None);
    }
    let quoted = text.split('"').nth(1);
    let cart_id = posted["variables"]["cart_id"].as_str().or(quoted).unwrap_or_default();
    let answered = match shop.sessions.by_cart(cart_id) {
        Some(session) => json!({ "data": { "cart": cart(&session, &Totals::of(&session, &headers)) } }),
        None => json!({
            "errors": [{ "message": format!("Could not find a cart with ID \"{cart_id}\""), "path": ["cart"] }],
            "data": { "cart": null },
        }),
    };
    answer::json(&answered, &headers, None)
}

/// What the cart page tells its scripts.
pub fn checkout_config(session: &Session, totals: &Totals) -> Value {
    let rule_ids: Vec<String> = totals.discounts.rule_ids.iter().map(u64::to_string).collect();
    json!({
        "storeCode": "default",
        "formKey": session.form_key,
        "quoteData": { "entity_id": session.cart_id, "applied_rule_ids": rule_ids.join(",") },
        "totalsData": totals_json(session, totals),
    })
}

fn no_such_entity(cart_id: &str) -> Response {
    let body = json!({
        "message": "No such entity with %fieldName = %fieldValue",
        "parameters": { "fieldName": "cartId", "fieldValue": cart_id },
    });
    answer::with_status(answer::json(&body, &HeaderMap::new(), None), StatusCode::NOT_FOUND)
}

fn totals_json(session: &Session, totals: &Totals) -> Value {
    let minus = Cents(0) - totals.discounts.total();
    let mut segments = vec![json!({ "code": "subtotal", "title": "Subtotal", "value": totals.subtotal.json() })];
    if !totals.discounts.labels.is_empty() {
        segments.push(json!({ "code": "discount", "title": totals.discounts.title(), "value": minus.json() }));
    }
    let grand_total = totals.grand_total().json();
    segments.push(json!({ "code": "grand_total", "title": "Grand Total", "value": grand_total, "area": "footer" }));
    json!({
        "grand_total": grand_total,
        "base_grand_total": grand_total,
        "subtotal": totals.subtotal.json(),
        "base_subtotal": totals.subtotal.json(),
        "discount_amount": minus.json(),
        "base_discount_amount": minus.json(),
        "subtotal_with_discount": grand_total,
        "base_currency_code": "USD",
        "quote_currency_code": "USD",
        "items_qty": session.units(),
        "items": items(session, totals),
        "total_segments": segments,
    })
}

fn items(session: &Session, totals: &Totals) -> Vec<Value> {
    let item = |((line, row), discount): ((&super::session::Line, &Row), &Cents)| {
        json!({
            "item_id": line.item,
            "name": line.product.name,
            "price": row.price.json(),
            "qty": row.qty,
            "row_total": row.total().json(),
            "discount_amount": discount.json(),
        })
    };
    session.lines.iter().zip(&totals.rows).zip(&totals.discounts.rows).map(item).collect()
}

fn cart(session: &Session, totals: &Totals) -> Value {
    let money = |amount: Cents| json!({ "value": amount.json(), "currency": "USD" });
    let items: Vec<Value> = session
        .lines
        .iter()
        .zip(&totals.discounts.rows)
        .map(|(line, discount)| {
            json!({
                "quantity": line.qty,
                "product": { "sku": line.product.sku, "name": line.product.name },
                "prices": {
                    "price": money(line.product.price()),
                    "row_total": money(line.product.price() * line.qty),
                    "total_item_discount": money(*discount),
                },
            })
        })
        .collect();
    let discounts = match totals.discounts.labels.is_empty() {
        true => json!([]),
        false => json!([{ "label": totals.discounts.title(), "amount": money(totals.discounts.total()) }]),
    };
    json!({
        "items": items,
        "prices": {
            "subtotal_excluding_tax": money(totals.subtotal),
            "grand_total": money(totals.grand_total()),
            "discounts": discounts,
        },
    })
}

fn products() -> Value {
    let money = |amount: Cents| json!({ "value": amount.json(), "currency": "USD" });
    let item = |product: &super::catalog::Product| {
        json!({
            "sku": product.sku,
            "name": product.name,
            "url_key": product.key,
            "price_range": { "minimum_price": {
                "regular_price": money(product.regular),
                "final_price": money(product.price()),
            } },
        })
    };
    json!({ "total_count": PRODUCTS.len(), "items": PRODUCTS.iter().map(item).collect::<Vec<_>>() })
}
