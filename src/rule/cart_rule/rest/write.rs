//! Writing.

use serde_json::json;

use super::*;

impl CartRule {
    /// The rule as `/V1/salesRules` takes it: the form that it was read from, with what was changed since.
    pub fn to_rest(&self, audiences: &AudienceTypes) -> Value {
        let before = read(&self.rest, audiences, &mut Vec::new());
        let mut rest = (*self.rest).clone();
        let mut put = |key: &str, changed: bool, value: Value| {
            if changed {
                rest.insert(key.to_owned(), value);
            }
        };
        put("rule_id", self.id != before.id, json!(self.id));
        put("name", self.name != before.name, json!(self.name));
        put("description", self.description != before.description, json!(self.description));
        put("is_active", self.is_active != before.is_active, json!(self.is_active));
        put("website_ids", self.websites != before.websites, json!(self.websites));
        put("customer_group_ids", self.customer_groups != before.customer_groups, json!(self.customer_groups));
        put("from_date", self.days.from != before.days.from, day(self.days.from));
        put("to_date", self.days.to != before.days.to, day(self.days.to));
        put("sort_order", self.priority != before.priority, json!(self.priority));
        put("stop_rules_processing", self.stop != before.stop, json!(self.stop));
        put("condition", self.conditions != before.conditions, condition(&self.conditions, ""));
        put("action_condition", self.lines != before.lines, condition(&self.lines, "Product\\"));
        put("simple_action", self.action != before.action, json!(self.action.as_str()));
        put("discount_amount", self.amount != before.amount, decimal(self.amount));
        put("discount_qty", self.most_units != before.most_units, self.most_units.map_or(json!(0), decimal));
        put("discount_step", self.step != before.step, decimal(self.step));
        put("apply_to_shipping", self.to_shipping != before.to_shipping, json!(self.to_shipping));
        put("simple_free_shipping", self.free_shipping != before.free_shipping, json!(free(self.free_shipping)));
        put("coupon_type", self.coupon != before.coupon, json!(coupon(self.coupon)));
        let generated = self.coupon == CouponKind::Generated;
        put("use_auto_generation", self.coupon != before.coupon, json!(generated));
        put("store_labels", self.labels != before.labels, labels(&self.labels));
        put("uses_per_customer", self.uses_per_customer != before.uses_per_customer, json!(self.uses_per_customer));
        put("uses_per_coupon", self.uses_per_coupon != before.uses_per_coupon, json!(self.uses_per_coupon));
        Value::Object(rest)
    }
}

fn day(day: Option<Date>) -> Value {
    day.map_or(Value::Null, |day| json!(day.to_string()))
}

/// A number exactly as the decimal is.
fn decimal(amount: Decimal) -> Value {
    serde_json::from_str(&amount.normalize().to_string()).unwrap_or(Value::Null)
}

fn free(free: FreeShipping) -> &'static str {
    match free {
        FreeShipping::None => "0",
        FreeShipping::MatchingLines => "1",
        FreeShipping::Shipment => "2",
    }
}

fn coupon(coupon: CouponKind) -> &'static str {
    match coupon {
        CouponKind::None => "NO_COUPON",
        CouponKind::Specific | CouponKind::Generated => "SPECIFIC_COUPON",
    }
}

fn labels(labels: &BTreeMap<u64, String>) -> Value {
    labels.iter().map(|(id, label)| json!({ "store_id": id, "store_label": label })).collect()
}

/// A condition's form; `branch` is the class of combinations at this place.
fn condition(it: &Condition, branch: &str) -> Value {
    match it {
        Condition::Combine(combine) => combined(&format!("{branch}Combine"), combine, branch),
        Condition::Found(combine) => combined("Product\\Found", combine, "Product\\"),
        Condition::Subselect { total, lines } => {
            let mut value = combined("Product\\Subselect", lines, "Product\\");
            value["attribute_name"] = json!(total.attribute());
            value["operator"] = json!(total.operator().as_str());
            value["value"] = total.value().clone();
            value
        }
        Condition::Address(test) => tested("Address", test, ""),
        Condition::Product { test, scope } => {
            let prefix = match scope {
                LineScope::Any => "",
                LineScope::Parent => "parent::",
                LineScope::Children => "children::",
            };
            tested("Product", test, prefix)
        }
        Condition::Audience { rest, .. } | Condition::Unknown(rest) => (**rest).clone(),
    }
}

fn combined(class: &str, combine: &Combine, branch: &str) -> Value {
    json!({
        "condition_type": format!("{RULE}{class}"),
        "conditions": combine.parts.iter().map(|part| condition(part, branch)).collect::<Vec<_>>(),
        "aggregator_type": if combine.all { "all" } else { "any" },
        "operator": null,
        "value": if combine.value { "1" } else { "0" },
    })
}

fn tested(class: &str, test: &Test, prefix: &str) -> Value {
    json!({
        "condition_type": format!("{RULE}{class}"),
        "operator": test.operator().as_str(),
        "attribute_name": format!("{prefix}{}", test.attribute()),
        "value": test.value(),
    })
}
