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
use super::listing;
use super::money::Cents;
use super::session::{Line, Session};
use super::view::View;

/// `GET /rest/V1/guest-carts/{id}/totals`
pub async fn totals(shop: State<Shop>, headers: HeaderMap, Path(cart_id): Path<String>) -> Response {
    totals_of_store(shop, headers, Path((String::from("default"), cart_id))).await
}

/// `GET` and `POST /rest/V1/guest-carts/{id}/payment-information`
pub async fn payment_information(shop: State<Shop>, headers: HeaderMap, Path(cart_id): Path<String>) -> Response {
    payment_information_of_store(shop, headers, Path((String::from("default"), cart_id))).await
}

/// The same for paths with a store code, `/rest/default/V1/...`.
pub async fn totals_of_store(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Path((store, cart_id)): Path<(String, String)>,
) -> Response {
    let view = View::with_code(&store);
    match shop.sessions.by_cart(&cart_id) {
        Some(session) => {
            let totals = Totals::of(&session, view, &headers);
            answer::json(&totals_json(&session, view, &totals), &headers, None)
        }
        None => no_such_entity(&cart_id),
    }
}

/// The same for paths with a store code, `/rest/default/V1/...`.
pub async fn payment_information_of_store(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Path((store, cart_id)): Path<(String, String)>,
) -> Response {
    let view = View::with_code(&store);
    let Some(session) = shop.sessions.by_cart(&cart_id) else { return no_such_entity(&cart_id) };
    let totals = totals_json(&session, view, &Totals::of(&session, view, &headers));
    let body = json!({ "payment_methods": [{ "code": "checkmo", "title": "Check / Money order" }], "totals": totals });
    answer::json(&body, &headers, None)
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
    let view = View::with_code(headers.get("store").and_then(|code| code.to_str().ok()).unwrap_or_default());
    let answered = match shop.sessions.by_cart(cart_id) {
        Some(session) => json!({ "data": { "cart": cart(&session, view, &Totals::of(&session, view, &headers)) } }),
        None => json!({
            "errors": [{ "message": format!("Could not find a cart with ID \"{cart_id}\""), "path": ["cart"] }],
            "data": { "cart": null },
        }),
    };
    answer::json(&answered, &headers, None)
}

/// What the cart page tells its scripts.
pub fn checkout_config(session: &Session, view: &View, totals: &Totals) -> Value {
    let rule_ids: Vec<String> = totals.discounts.rule_ids.iter().map(u64::to_string).collect();
    json!({
        "storeCode": view.code,
        "formKey": session.form_key,
        "quoteData": { "entity_id": session.cart_id, "applied_rule_ids": rule_ids.join(",") },
        "totalsData": totals_json(session, view, totals),
    })
}

fn no_such_entity(cart_id: &str) -> Response {
    let body = json!({
        "message": "No such entity with %fieldName = %fieldValue",
        "parameters": { "fieldName": "cartId", "fieldValue": cart_id },
    });
    answer::with_status(answer::json(&body, &HeaderMap::new(), None), StatusCode::NOT_FOUND)
}

fn totals_json(session: &Session, view: &View, totals: &Totals) -> Value {
    let minus = Cents(0) - totals.discounts.total();
    let segment =
        |code: &str, title: &str, value: Cents| json!({ "code": code, "title": title, "value": value.json() });
    let mut segments = vec![segment("subtotal", view.phrase("Subtotal"), totals.subtotal)];
    if !totals.discounts.labels.is_empty() {
        segments.push(segment("discount", &totals.discounts.title(view), minus));
    }
    if view.tax > 0 {
        segments.push(segment("tax", view.phrase("Tax"), totals.tax));
    }
    let grand_total = totals.grand_total();
    segments
        .push(json!({ "code": "grand_total", "title": "Grand Total", "value": grand_total.json(), "area": "footer" }));
    let without_tax = totals.subtotal + minus;
    json!({
        "grand_total": grand_total.json(),
        "base_grand_total": view.base(grand_total).json(),
        "subtotal": totals.subtotal.json(),
        "base_subtotal": view.base(totals.subtotal).json(),
        "subtotal_incl_tax": session.subtotal_with_tax(view).json(),
        "discount_amount": minus.json(),
        "base_discount_amount": view.base(minus).json(),
        "tax_amount": totals.tax.json(),
        "base_tax_amount": view.base(totals.tax).json(),
        "subtotal_with_discount": without_tax.json(),
        "base_subtotal_with_discount": view.base(without_tax).json(),
        "base_currency_code": "USD",
        "quote_currency_code": view.currency,
        "items_qty": session.units(),
        "items": items(session, view, totals),
        "total_segments": segments,
    })
}

fn items(session: &Session, view: &View, totals: &Totals) -> Vec<Value> {
    let item = |(line, discount): (&Line, Cents)| {
        let unit = line.unit(view);
        json!({
            "item_id": line.item,
            "name": line.product.name,
            "price": unit.json(),
            "price_incl_tax": view.with_tax(unit).json(),
            "qty": line.qty,
            "row_total": (unit * line.qty).json(),
            "row_total_incl_tax": view.with_tax(unit * line.qty).json(),
            "discount_amount": discount.json(),
        })
    };
    session.lines.iter().zip(totals.line_discounts(session, view)).map(item).collect()
}

fn cart(session: &Session, view: &View, totals: &Totals) -> Value {
    let money = |amount: Cents| json!({ "value": amount.json(), "currency": view.currency });
    let item = |(line, discount): (&Line, Cents)| {
        let unit = line.unit(view);
        json!({
            "quantity": line.qty,
            "product": { "sku": line.product.sku, "name": line.product.name },
            "prices": {
                "price": money(unit),
                "price_including_tax": money(view.with_tax(unit)),
                "row_total": money(unit * line.qty),
                "total_item_discount": money(discount),
            },
        })
    };
    let items: Vec<Value> = session.lines.iter().zip(totals.line_discounts(session, view)).map(item).collect();
    let discounts = match totals.discounts.labels.is_empty() {
        true => json!([]),
        false => json!([{ "label": totals.discounts.title(view), "amount": money(totals.discounts.total()) }]),
    };
    json!({
        "items": items,
        "prices": {
            "subtotal_excluding_tax": money(totals.subtotal),
            "subtotal_including_tax": money(session.subtotal_with_tax(view)),
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
                "regular_price": money(product.regular_price()),
                "final_price": money(product.price()),
            } },
        })
    };
    json!({ "total_count": PRODUCTS.len(), "items": PRODUCTS.iter().map(item).collect::<Vec<_>>() })
}
