//! Magento's REST API for integrations, over the shop's own rules and catalogue.
//!
//! Whoever brings the shop's access token may do everything; anybody else is told which permission he lacks, as Magento says of a token
//! that it does not know too.

mod products;
mod search;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post, put};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::Shop;
use super::account::CUSTOMERS;
use super::answer::{self, Refusal};
use super::rules::{Batch, Coupon};
use super::view::{VIEWS, WEBSITE};
use search::Criteria;

const RULES: &str = "Magento_SalesRule::quote";
const PRODUCTS: &str = "Magento_Catalog::products";
const CATEGORIES: &str = "Magento_Catalog::categories";
const ATTRIBUTES: &str = "Magento_Catalog::attributes_attributes";
const STORES: &str = "Magento_Backend::store";
const GROUPS: &str = "Magento_Customer::group";

/// The paths, without the store code.
pub fn router() -> Router<Shop> {
    Router::new()
        .route("/rest/V1/salesRules/search", get(rules))
        .route("/rest/V1/salesRules", post(create_rule))
        .route("/rest/V1/salesRules/{id}", get(rule).put(save_rule).delete(delete_rule))
        .route("/rest/V1/coupons/search", get(coupons))
        .route("/rest/V1/coupons/generate", post(generate))
        .route("/rest/V1/coupons/deleteByCodes", post(delete_coupons))
        .route("/rest/V1/coupons", post(create_coupon))
        .route("/rest/V1/coupons/{id}", put(save_coupon))
        .route("/rest/V1/products", get(products))
        .route("/rest/V1/products/{sku}", get(product))
        .route("/rest/V1/products/attributes", get(attributes))
        .route("/rest/V1/categories/list", get(categories))
        .route("/rest/V1/store/websites", get(websites))
        .route("/rest/V1/store/storeViews", get(store_views))
        .route("/rest/V1/store/storeGroups", get(store_groups))
        .route("/rest/V1/customerGroups/search", get(groups))
        .route("/rest/V1/directory/currency", get(currency))
}

type Answer = Result<Response, Refusal>;

fn told(value: &Value) -> Response {
    answer::ajax(value.to_string(), None)
}

fn allowed(shop: &Shop, headers: &HeaderMap, resource: &str) -> Result<(), Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token == Some(shop.commerce_token.as_str()) {
        true => Ok(()),
        false => Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            message: "The consumer isn't authorized to access %resources.",
            parameters: json!({ "resources": resource }),
        }),
    }
}

fn unknown() -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, message: "No such entity.", parameters: Value::Null }
}

fn body(bytes: &Bytes, key: &'static str) -> Result<Map<String, Value>, Refusal> {
    let refused =
        |message| Refusal { status: StatusCode::BAD_REQUEST, message, parameters: json!({ "fieldName": key }) };
    let body: Value = serde_json::from_slice(bytes).map_err(|_| refused("Decoding error: Syntax error"))?;
    let object = body.get(key).and_then(Value::as_object).cloned();
    object.ok_or_else(|| refused("\"%fieldName\" is required. Enter and try again."))
}

async fn rules(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, RULES)?;
    Ok(told(&Criteria::of(query.as_deref()).answer(shop.rules.all())))
}

async fn rule(State(shop): State<Shop>, headers: HeaderMap, Path(id): Path<u64>) -> Answer {
    allowed(&shop, &headers, RULES)?;
    shop.rules.get(id).map(|rule| told(&rule)).ok_or_else(unknown)
}

async fn create_rule(State(shop): State<Shop>, headers: HeaderMap, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let mut rule = body(&bytes, "rule")?;
    rule.remove("rule_id");
    Ok(told(&shop.rules.save(rule)))
}

async fn save_rule(State(shop): State<Shop>, headers: HeaderMap, Path(id): Path<u64>, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    shop.rules.get(id).ok_or_else(unknown)?;
    let mut rule = body(&bytes, "rule")?;
    rule.insert(String::from("rule_id"), json!(id));
    Ok(told(&shop.rules.save(rule)))
}

async fn delete_rule(State(shop): State<Shop>, headers: HeaderMap, Path(id): Path<u64>) -> Answer {
    allowed(&shop, &headers, RULES)?;
    if shop.rules.delete(id) { Ok(told(&Value::Bool(true))) } else { Err(unknown()) }
}

async fn coupons(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let all = shop.rules.coupons().iter().map(Coupon::json).collect();
    Ok(told(&Criteria::of(query.as_deref()).answer(all)))
}

async fn generate(State(shop): State<Shop>, headers: HeaderMap, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let spec = body(&bytes, "couponSpec")?;
    let number = |key: &str| spec.get(key).and_then(Value::as_u64);
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rule = number("rule_id").filter(|id| shop.rules.get(*id).is_some()).ok_or_else(unknown)?;
    let length = number("length").and_then(|length| usize::try_from(length).ok()).unwrap_or(12).min(32);
    let quantity = number("quantity").unwrap_or(1);
    let batch = Batch { rule, quantity, length, prefix: text("prefix"), suffix: text("suffix") };
    Ok(told(&json!(shop.rules.generate(&batch))))
}

/// Why Magento takes no code twice.
fn same_code() -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        message: "Coupon with the same code already exists.",
        parameters: Value::Null,
    }
}

async fn create_coupon(State(shop): State<Shop>, headers: HeaderMap, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let wanted = body(&bytes, "coupon")?;
    let rule = wanted.get("rule_id").and_then(Value::as_u64).filter(|id| shop.rules.get(*id).is_some());
    let code = wanted.get("code").and_then(Value::as_str).unwrap_or_default();
    let is_primary = wanted.get("is_primary") == Some(&Value::Bool(true));
    let coupon = Coupon { is_primary, ..Coupon::of(rule.ok_or_else(unknown)?, code) };
    shop.rules.add_coupon(coupon).map(|coupon| told(&coupon.json())).ok_or_else(same_code)
}

async fn save_coupon(State(shop): State<Shop>, headers: HeaderMap, Path(id): Path<u64>, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let wanted = body(&bytes, "coupon")?;
    if !shop.rules.coupons().iter().any(|coupon| coupon.id == id) {
        return Err(unknown());
    }
    // What is not said stays as it was.
    let change = |coupon: &mut Coupon| {
        if let Some(code) = wanted.get("code").and_then(Value::as_str) {
            coupon.code = code.to_owned();
        }
        if let Some(limit) = wanted.get("usage_limit") {
            coupon.usage_limit = limit.as_u64().filter(|times| *times > 0);
        }
        if let Some(day) = wanted.get("expiration_date") {
            coupon.expires = day.as_str().and_then(|day| day.get(..10)?.parse().ok());
        }
    };
    shop.rules.change_coupon(id, change).map(|coupon| told(&coupon.json())).ok_or_else(same_code)
}

async fn delete_coupons(State(shop): State<Shop>, headers: HeaderMap, bytes: Bytes) -> Answer {
    allowed(&shop, &headers, RULES)?;
    let asked: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let codes: Vec<&str> = asked["codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    shop.rules.delete_coupons(|coupon| codes.contains(&coupon.code.as_str()));
    Ok(told(&json!({ "failed_items": [], "missing_items": [] })))
}

async fn products(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, PRODUCTS)?;
    Ok(told(&Criteria::of(query.as_deref()).answer(products::all())))
}

async fn product(State(shop): State<Shop>, headers: HeaderMap, Path(sku): Path<String>) -> Answer {
    allowed(&shop, &headers, PRODUCTS)?;
    let found = products::all().into_iter().find(|product| product["sku"] == sku.as_str());
    found.map(|product| told(&product)).ok_or(Refusal {
        status: StatusCode::NOT_FOUND,
        message: "The product that was requested doesn't exist. Verify the product and try again.",
        parameters: Value::Null,
    })
}

async fn attributes(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, ATTRIBUTES)?;
    Ok(told(&Criteria::of(query.as_deref()).answer(products::attributes())))
}

async fn categories(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, CATEGORIES)?;
    Ok(told(&Criteria::of(query.as_deref()).answer(products::categories())))
}

async fn websites(State(shop): State<Shop>, headers: HeaderMap) -> Answer {
    allowed(&shop, &headers, STORES)?;
    Ok(told(&json!([
        { "id": WEBSITE, "code": "base", "name": "Main Website", "default_group_id": 1 },
        { "id": 0, "code": "admin", "name": "Admin", "default_group_id": 0 },
    ])))
}

async fn store_views(State(shop): State<Shop>, headers: HeaderMap) -> Answer {
    allowed(&shop, &headers, STORES)?;
    let view = |id: u32, code: &str, name: &str, website: u64| json!({ "id": id, "code": code, "name": name, "website_id": website, "store_group_id": website, "is_active": 1 });
    let mut views: Vec<Value> = VIEWS.iter().map(|own| view(own.id, own.code, own.name, WEBSITE)).collect();
    views.push(view(0, "admin", "Admin", 0));
    Ok(told(&json!(views)))
}

async fn store_groups(State(shop): State<Shop>, headers: HeaderMap) -> Answer {
    allowed(&shop, &headers, STORES)?;
    Ok(told(&json!([
        { "id": 1, "website_id": WEBSITE, "root_category_id": 2, "default_store_id": 1, "name": "Main", "code": "main" },
        { "id": 0, "website_id": 0, "root_category_id": 0, "default_store_id": 0, "name": "Default", "code": "default" },
    ])))
}

async fn groups(State(shop): State<Shop>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    allowed(&shop, &headers, GROUPS)?;
    let group = |(id, code): (u64, &str)| json!({ "id": id, "code": code, "tax_class_id": 3 });
    let mut all: Vec<Value> =
        [(0, "NOT LOGGED IN"), (1, "General"), (2, "Wholesale"), (3, "Retailer")].map(group).into();
    all.retain(|one| one["id"] == 0 || one["id"] == 3 || CUSTOMERS.iter().any(|own| one["id"] == own.group));
    Ok(told(&Criteria::of(query.as_deref()).answer(all)))
}

/// For everybody, as Magento has it.
async fn currency() -> Answer {
    let rates: Vec<Value> = VIEWS
        .iter()
        .map(|view| (view.currency, view.rate()))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .map(|(code, rate)| json!({ "currency_to": code, "rate": serde_json::from_str::<Value>(&rate.normalize().to_string()).unwrap_or_default() }))
        .collect();
    Ok(told(&json!({
        "base_currency_code": "USD", "base_currency_symbol": "$", "default_display_currency_code": "USD",
        "available_currency_codes": rates.iter().map(|rate| rate["currency_to"].clone()).collect::<Vec<_>>(),
        "exchange_rates": rates,
    })))
}
