//! Carts and totals as JSON, in the form of Magento's API and of what its pages tell their scripts.

use serde_json::{Value, json};

use crate::demo::money::Cents;
use crate::demo::quote::{Line, Quote};
use crate::demo::session::Session;
use crate::demo::totals::{LineTotals, Totals};
use crate::demo::view::View;

/// What the pages of cart and checkout tell their scripts.
pub fn checkout_config(session: &Session, view: &View, totals: &Totals) -> Value {
    let quote = &session.quote;
    // Customers' carts are named by number, guests' so that nobody can guess it.
    let id = session.customer.map_or_else(|| quote.masked.clone(), |_| quote.id.to_string());
    let items: Vec<Value> =
        quote.lines.iter().zip(&totals.lines).map(|(line, own)| quote_item(quote, line, own, view)).collect();
    json!({
        "storeCode": view.code,
        "formKey": session.form_key,
        "isCustomerLoggedIn": session.customer.is_some(),
        "priceFormat": serde_json::from_str::<Value>(&view.price_format()).unwrap_or_default(),
        "quoteData": {
            "entity_id": id,
            "store_id": view.id,
            "is_virtual": quote.is_virtual(),
            "items_count": quote.lines.len(),
            "items_qty": quote.units(),
            "base_currency_code": "USD",
            "quote_currency_code": view.currency,
            "base_to_quote_rate": view.rate().normalize().to_string(),
            "grand_total": totals.grand_total().own.json(),
            "subtotal": totals.subtotal.own.json(),
            "customer_id": session.customer.map(|customer| customer.id),
            "customer_group_id": session.group(),
            "coupon_code": quote.coupon,
            "applied_rule_ids": rule_ids(totals),
        },
        "quoteItemData": items,
        "totalsData": totals_json(session, view, totals),
    })
}

fn rule_ids(totals: &Totals) -> String {
    totals.rule_ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// One item of `quoteItemData`. A configurable's says its child's SKU, while product and id are its own.
fn quote_item(quote: &Quote, line: &Line, own: &LineTotals, view: &View) -> Value {
    let product = line.product;
    json!({
        "item_id": line.item.to_string(),
        "quote_id": quote.id.to_string(),
        "product_id": product.id.to_string(),
        "product_type": product.kind.as_str(),
        "sku": line.choice.sku(product),
        "name": product.name,
        "qty": line.qty,
        "is_virtual": u8::from(line.is_virtual()),
        "price": own.unit.own.json(),
        "base_price": own.unit.base.json(),
        "row_total": own.row.own.json(),
        "discount_amount": own.discount.own.json(),
        "discount_percent": own.percent.json(),
        "price_incl_tax": view.with_tax(own.unit.own).json(),
        "row_total_incl_tax": view.with_tax(own.row.own).json(),
        "product": { "entity_id": product.id.to_string(), "type_id": product.kind.as_str(), "sku": product.sku, "name": product.name },
        "options": options(line, view),
        "thumbnail": product.image(),
    })
}

fn options(line: &Line, view: &View) -> Vec<Value> {
    let option = |(label, value): (String, String)| json!({ "value": value, "label": view.phrase_of(&label) });
    line.choice.told().into_iter().map(option).collect()
}

/// A cart, as its owner's API gives it.
pub fn cart_json(session: &Session, view: &View) -> Value {
    let quote = &session.quote;
    let lines: Vec<Value> = quote.lines.iter().map(|line| line_json(quote, line, view)).collect();
    json!({
        "id": quote.id,
        "is_active": true,
        "is_virtual": quote.is_virtual(),
        "items": lines,
        "items_count": quote.lines.len(),
        "items_qty": quote.units(),
        "customer": { "id": session.customer.map(|customer| customer.id), "email": session.customer.map(|customer| customer.email), "group_id": session.group() },
        "currency": { "base_currency_code": "USD", "quote_currency_code": view.currency, "base_to_quote_rate": number(&view.rate().normalize().to_string()) },
        "customer_is_guest": session.customer.is_none(),
        "store_id": view.id,
        "extension_attributes": { "shipping_assignments": [] },
    })
}

/// A line of a cart.
pub fn line_json(quote: &Quote, line: &Line, view: &View) -> Value {
    json!({
        "item_id": line.item,
        "sku": line.choice.sku(line.product),
        "qty": line.qty,
        "name": line.product.name,
        "price": line.unit(view).json(),
        "product_type": line.product.kind.as_str(),
        "quote_id": quote.id.to_string(),
    })
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The totals.
pub fn totals_json(session: &Session, view: &View, totals: &Totals) -> Value {
    let quote = &session.quote;
    let (grand, minus) = (totals.grand_total(), totals.discount.map(|off| Cents(0) - off));
    let (shipping, left) = (totals.shipping_amount(), totals.subtotal - totals.discount);
    let items: Vec<Value> = quote.lines.iter().zip(&totals.lines).map(|(line, own)| item(line, own, view)).collect();
    let mut told = json!({
        "grand_total": grand.own.json(), "base_grand_total": grand.base.json(),
        "subtotal": totals.subtotal.own.json(), "base_subtotal": totals.subtotal.base.json(),
        "discount_amount": minus.own.json(), "base_discount_amount": minus.base.json(),
        "subtotal_with_discount": left.own.json(), "base_subtotal_with_discount": left.base.json(),
        "shipping_amount": shipping.own.json(), "base_shipping_amount": shipping.base.json(),
        "shipping_discount_amount": totals.shipping_discount.own.json(),
        "base_shipping_discount_amount": totals.shipping_discount.base.json(),
        "tax_amount": totals.tax.own.json(), "base_tax_amount": totals.tax.base.json(),
        "weee_tax_applied_amount": null,
        "shipping_tax_amount": 0, "base_shipping_tax_amount": 0,
        "subtotal_incl_tax": totals.subtotal_with_tax.own.json(),
        "shipping_incl_tax": shipping.own.json(), "base_shipping_incl_tax": shipping.base.json(),
        "base_currency_code": "USD", "quote_currency_code": view.currency,
        "items_qty": quote.units(),
        "items": items,
        "total_segments": segments(view, totals),
    });
    if let Some(code) = &quote.coupon {
        told["coupon_code"] = json!(code);
    }
    told
}

/// As Magento's: `price` is in base currency here, whatever the others are in.
fn item(line: &Line, own: &LineTotals, view: &View) -> Value {
    let with_tax = |amount: Cents| view.with_tax(amount).json();
    json!({
        "item_id": line.item,
        "price": own.unit.base.json(), "base_price": own.unit.base.json(),
        "qty": line.qty,
        "row_total": own.row.own.json(), "base_row_total": own.row.base.json(),
        "row_total_with_discount": 0,
        "tax_amount": own.tax.own.json(), "base_tax_amount": own.tax.base.json(), "tax_percent": view.tax,
        "discount_amount": own.discount.own.json(), "base_discount_amount": own.discount.base.json(),
        "discount_percent": own.percent.json(),
        "price_incl_tax": with_tax(own.unit.own), "base_price_incl_tax": with_tax(own.unit.base),
        "row_total_incl_tax": with_tax(own.row.own), "base_row_total_incl_tax": with_tax(own.row.base),
        "options": Value::from(options(line, view)).to_string(),
        "weee_tax_applied_amount": null, "weee_tax_applied": null,
        "name": line.product.name,
    })
}

fn segments(view: &View, totals: &Totals) -> Vec<Value> {
    let segment =
        |code: &str, title: &str, value: Cents| json!({ "code": code, "title": title, "value": value.json() });
    let mut segments = vec![segment("subtotal", view.phrase("Subtotal"), totals.subtotal.own)];
    if totals.has_discount() {
        segments.push(segment("discount", &totals.title(view), Cents(0) - totals.discount.own));
    }
    let shipping = view.phrase("Shipping & Handling");
    let title =
        totals.shipping.map_or_else(|| shipping.to_owned(), |(method, _)| format!("{shipping} ({})", method.title()));
    segments.push(segment("shipping", &title, totals.shipping_amount().own));
    let mut tax = segment("tax", view.phrase("Tax"), totals.tax.own);
    tax["extension_attributes"] = json!({ "tax_grandtotal_details": [] });
    segments.push(tax);
    let total = totals.grand_total().own.json();
    segments.push(json!({ "code": "grand_total", "title": "Grand Total", "value": total, "area": "footer" }));
    segments
}
