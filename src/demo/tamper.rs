//! The panel's switch that changes a rule behind Segue's back, as somebody in Magento's administration may.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::Shop;
use super::answer::{self, Refusal};
use super::rules::VIP;

/// What the rule for VIPs gives, in percent, and what it gives when it was tampered with.
const GIVES: [u64; 2] = [20, 15];

/// `GET` and `POST /demo/vip-rule/`: what the rule for VIPs gives, and after a post, the other of the two.
///
/// Posts of other sites' pages are refused: they cannot set the header that the panel's script sets.
pub async fn vip_rule(State(shop): State<Shop>, method: Method, headers: HeaderMap) -> Response {
    if method == Method::POST {
        if !headers.contains_key("x-requested-with") {
            let message = "This is for the panel of the shop's own pages.";
            return Refusal { status: StatusCode::FORBIDDEN, message, parameters: Value::Null }.into_response();
        }
        switch(&shop);
    }
    let gives = shop.rules.get(VIP).map(|rule| rule["discount_amount"].clone());
    answer::json(&json!({ "gives": gives, "says": GIVES[0] }), &headers, None)
}

fn switch(shop: &Shop) {
    let Some(Value::Object(mut rule)) = shop.rules.get(VIP) else { return };
    let is_right = rule.get("discount_amount") == Some(&json!(GIVES[0]));
    rule.insert(String::from("discount_amount"), json!(GIVES[usize::from(is_right)]));
    shop.rules.save(rule);
}
