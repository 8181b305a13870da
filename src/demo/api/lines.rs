//! The lines of a cart.

use axum::response::Response;
use serde_json::{Value, json};

use super::totals::line_json;
use super::{Call, bad_request, no_such_entity, not_found};
use crate::demo::answer::Refusal;
use crate::demo::catalog::{PRODUCTS, Product};
use crate::demo::choice::{self, Fields, Wanted};
use crate::demo::coupon;

/// `GET /items`
pub async fn list(call: Call) -> Response {
    call.answer(|call, session| {
        Ok(session.quote.lines.iter().map(|line| line_json(&session.quote, line, call.view)).collect())
    })
}

/// `POST /items`
pub async fn add(call: Call) -> Response {
    call.answer(|call, session| {
        let wanted = wanted(&call.body["cartItem"])?;
        session.version += 1;
        let item = session.quote.add(wanted);
        coupon::collect(&call.shop, session, call.view, &call.headers);
        let line = session.quote.line(item);
        Ok(line.map_or(Value::Null, |line| line_json(&session.quote, line, call.view)))
    })
}

/// `PUT /items/ID`
pub async fn change(call: Call) -> Response {
    call.answer(|call, session| {
        let item = call.last.parse().unwrap_or_default();
        let Some(qty) = quantity(&call.body["cartItem"]["qty"]) else { return Err(bad_quantity()) };
        session.version += 1;
        session.quote.set_qty(item, qty);
        coupon::collect(&call.shop, session, call.view, &call.headers);
        let line = session.quote.line(item).ok_or_else(|| no_such_entity("itemId", &call.last))?;
        Ok(line_json(&session.quote, line, call.view))
    })
}

/// `DELETE /items/ID`
pub async fn remove(call: Call) -> Response {
    call.answer(|call, session| {
        let item = call.last.parse().unwrap_or_default();
        session.quote.line(item).ok_or_else(|| no_such_entity("itemId", &call.last))?;
        session.version += 1;
        session.quote.set_qty(item, 0);
        coupon::collect(&call.shop, session, call.view, &call.headers);
        Ok(json!(true))
    })
}

/// A product by its SKU, with the options that `product_option` names.
fn wanted(item: &Value) -> Result<Wanted, Refusal> {
    let sku = item["sku"].as_str().unwrap_or_default();
    let product: &'static Product = PRODUCTS.iter().find(|product| product.sku == sku).ok_or_else(|| {
        let words = "The product that was requested doesn't exist. Verify the product and try again.";
        not_found(words, Value::Null)
    })?;
    let qty = quantity(&item["qty"]).filter(|qty| *qty > 0).ok_or_else(bad_quantity)?;
    let chosen = choice::read(product, &fields(&item["product_option"]["extension_attributes"]), qty);
    let one = chosen.and_then(|lines| lines.into_iter().next());
    one.ok_or_else(|| bad_request("You need to choose options for your item."))
}

fn quantity(value: &Value) -> Option<u32> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    // The shop sells whole units.
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

fn bad_quantity() -> Refusal {
    bad_request("The quantity must be a whole number of units.")
}

/// The options as the product page's form names them.
fn fields(chosen: &Value) -> Fields {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |name: &str| chosen[name].as_array().cloned().unwrap_or_default();
    let mut fields = Fields::new();
    for one in list("configurable_item_options") {
        fields.push((format!("super_attribute[{}]", text(&one["option_id"])), text(&one["option_value"])));
    }
    for one in list("custom_options") {
        let id = text(&one["option_id"]);
        fields.push((format!("options[{id}]"), text(&one["option_value"])));
        fields.push((format!("options[{id}][]"), text(&one["option_value"])));
    }
    for one in list("bundle_options") {
        let id = text(&one["option_id"]);
        fields.push((format!("bundle_option[{id}]"), text(&one["option_selections"][0])));
        fields.push((format!("bundle_option_qty[{id}]"), text(&one["option_qty"])));
    }
    let links = chosen["downloadable_option"]["downloadable_links"].as_array().cloned().unwrap_or_default();
    fields.extend(links.iter().map(|link| (String::from("links[]"), text(link))));
    fields
}
