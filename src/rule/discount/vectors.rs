//! What a real store charged, for the tests.

use rust_decimal::Decimal;
use serde_json::Value;

/// Every scenario; none, with a line that says so, where the file is absent.
pub(crate) fn scenarios() -> Vec<Value> {
    let shared = std::env::var("SEGUE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = std::path::Path::new(&shared).join("vectors/magento-2.4.6-p1.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: no {}", path.display());
        return Vec::new();
    };
    let mut vectors: Value = serde_json::from_slice(&text).expect("the vectors are JSON");
    match vectors["scenarios"].take() {
        Value::Array(scenarios) => scenarios,
        _ => panic!("no list of scenarios"),
    }
}

/// The rules that apply to the one unit of a scenario, in order; none if a scenario has more to it than that.
pub(crate) fn comparable_rules(scenario: &Value) -> Option<Vec<&Value>> {
    let odd = |key: &str| scenario[key] == true;
    let [item] = scenario["items"].as_array()?.as_slice() else { return None };
    if item["qty"] != 1 || !scenario["coupon"].is_null() || odd("sort_order_tie") || odd("store_state_inconsistent") {
        return None;
    }
    let own_currency = scenario["store"]["currency"] == scenario["store"]["base_currency"];
    let date = scenario["date"].as_str()?;
    let mut rules = Vec::new();
    for rule in scenario["rules"].as_array()? {
        let plain = rule["coupon_type"] == "NO_COUPON"
            && rule["condition"].is_null()
            && rule["action_condition"].is_null()
            && rule["discount_qty"].as_f64().unwrap_or(0.0) == 0.0
            && rule["discount_step"].as_f64().unwrap_or(0.0) == 0.0;
        let percent = matches!(rule["simple_action"].as_str()?, "by_percent" | "to_percent");
        let fixed = matches!(rule["simple_action"].as_str()?, "by_fixed" | "to_fixed");
        if !plain || !(percent || fixed && own_currency) {
            return None;
        }
        let group = rule["customer_group_ids"].as_array()?.contains(&scenario["customer_group_id"]);
        let begun = rule["from_date"].as_str().is_none_or(|from| from <= date);
        let over = rule["to_date"].as_str().is_some_and(|to| to < date);
        if rule["is_active"] == true && group && begun && !over {
            rules.push(rule);
        }
    }
    rules.sort_by_key(|rule| rule["sort_order"].as_i64());
    Some(rules)
}

/// A number of the file, exactly as it is written.
pub(crate) fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().expect("a decimal")
}
