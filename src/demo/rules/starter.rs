//! The rules that the shop starts with.

use serde_json::{Map, Value, json};

use super::AUDIENCE_CONDITION;
use crate::demo::membership;

/// 20 % for VIPs.
pub const VIP: u64 = 1;
/// $5 off every bag for wholesale buyers.
pub const WHOLESALE: u64 = 2;
/// 10 % for whoever knows the code.
pub const PUBLIC: u64 = 3;
/// 10 % for new visitors, each with a code of his own.
pub const WELCOME: u64 = 4;

/// All of them.
pub fn rules() -> Vec<Map<String, Value>> {
    vec![
        rule(
            VIP,
            "VIP: 20 % off everything",
            json!({
                "condition": all(&[audience(membership::VIP)]),
                "simple_action": "by_percent", "discount_amount": 20, "sort_order": 20,
                "store_labels": labels(["VIP 20 % off", "VIP 20 % Rabatt", "خصم ٢٠٪ لكبار العملاء"]),
            }),
        ),
        rule(
            WHOLESALE,
            "Wholesale: $5 off every bag",
            json!({
                "condition": all(&[audience(membership::WHOLESALE)]),
                "action_condition": lines(&[product("sku", "()", "LL-BA01, LL-BA02, LL-BA03, LL-BA04, LL-BA05, LL-BA06")]),
                "simple_action": "by_fixed", "discount_amount": 5, "sort_order": 10,
                "store_labels": labels(["Wholesale $5 off bags", "Großhandel: 5 $ Rabatt auf Taschen", "خصم ٥ دولارات على الحقائب لتجار الجملة"]),
            }),
        ),
        rule(
            PUBLIC,
            "10 % off with LANTERN10",
            json!({
                "simple_action": "by_percent", "discount_amount": 10, "sort_order": 30,
                "coupon_type": "SPECIFIC_COUPON",
                "store_labels": labels(["Lantern weeks 10 % off", "Laternenwochen 10 % Rabatt", "أسابيع الفوانيس: خصم ١٠٪"]),
            }),
        ),
        rule(
            WELCOME,
            "New visitors: 10 % off, by a code of their own",
            json!({
                "simple_action": "by_percent", "discount_amount": 10, "sort_order": 30,
                "coupon_type": "SPECIFIC_COUPON", "use_auto_generation": true, "uses_per_coupon": 1,
                "store_labels": labels(["Welcome 10 % off", "Willkommen: 10 % Rabatt", "ترحيبًا بك: خصم ١٠٪"]),
            }),
        ),
    ]
}

/// A rule as Magento's form for a new one begins, with what is said of it.
fn rule(id: u64, name: &str, own: Value) -> Map<String, Value> {
    let begun = json!({
        "rule_id": id,
        "name": name,
        "description": name,
        "store_labels": [],
        "website_ids": [crate::demo::view::WEBSITE],
        "customer_group_ids": [0, 1, 2, 3],
        "uses_per_customer": 0,
        "is_active": true,
        "condition": all(&[]),
        "action_condition": lines(&[]),
        "stop_rules_processing": false,
        "is_advanced": true,
        "discount_step": 0,
        "apply_to_shipping": false,
        "times_used": 0,
        "is_rss": false,
        "coupon_type": "NO_COUPON",
        "use_auto_generation": false,
        "uses_per_coupon": 0,
        "simple_free_shipping": "0",
    });
    let parts =
        [begun, own].into_iter().filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None });
    parts.flatten().collect()
}

fn labels([english, german, arabic]: [&str; 3]) -> Value {
    json!([
        { "store_id": 0, "store_label": english },
        { "store_id": 2, "store_label": german },
        { "store_id": 4, "store_label": arabic },
    ])
}

fn all(conditions: &[Value]) -> Value {
    combine("Magento\\SalesRule\\Model\\Rule\\Condition\\Combine", conditions)
}

fn lines(conditions: &[Value]) -> Value {
    combine("Magento\\SalesRule\\Model\\Rule\\Condition\\Product\\Combine", conditions)
}

fn combine(class: &str, conditions: &[Value]) -> Value {
    json!({ "condition_type": class, "conditions": conditions, "aggregator_type": "all", "operator": null, "value": "1" })
}

fn audience(id: &str) -> Value {
    json!({ "condition_type": AUDIENCE_CONDITION, "operator": "()", "attribute_name": "audience_id", "value": id })
}

fn product(attribute: &str, operator: &str, value: &str) -> Value {
    json!({
        "condition_type": "Magento\\SalesRule\\Model\\Rule\\Condition\\Product",
        "operator": operator,
        "attribute_name": attribute,
        "value": value,
    })
}
