//! What became of rules, in words.

use super::*;
use crate::rule::cart_rule::CartRule;

/// What is different in the newer of two books, a sentence for each rule.
pub fn changes(old: &Book, new: &Book) -> Vec<String> {
    let mut said = Vec::new();
    for rule in &new.rules {
        match old.rule(rule.id) {
            None => said.push(format!("rule {} \"{}\" is new", rule.id, rule.name)),
            Some(before) => {
                let differences = differences(before, rule);
                if !differences.is_empty() {
                    said.push(format!("rule {} \"{}\": {}", rule.id, rule.name, differences.join(", ")));
                }
            }
        }
    }
    let gone = old.rules.iter().filter(|rule| !new.rule_ids().contains(&rule.id));
    said.extend(gone.map(|rule| format!("rule {} \"{}\" is gone", rule.id, rule.name)));
    if old.rates != new.rates {
        said.push("rates of exchange have changed".to_owned());
    }
    said
}

/// What of a rule is different for carts, in words.
pub fn differences(before: &CartRule, after: &CartRule) -> Vec<String> {
    let mut said = Vec::new();
    let mut note = |what: &str, old: String, new: String| {
        if old != new {
            said.push(format!("{what} {old} -> {new}"));
        }
    };
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let day = |day: Option<jiff::civil::Date>| day.map_or_else(|| "none".to_owned(), |day| day.to_string());
    note("active", switch(before.is_active), switch(after.is_active));
    note("action", before.action.as_str().to_owned(), after.action.as_str().to_owned());
    note("amount", before.amount.normalize().to_string(), after.amount.normalize().to_string());
    note("from", day(before.days.from), day(after.days.from));
    note("to", day(before.days.to), day(after.days.to));
    note("priority", before.priority.to_string(), after.priority.to_string());
    note("stop", switch(before.stop), switch(after.stop));
    let units = |rule: &CartRule| rule.most_units.map_or_else(|| "any".to_owned(), |most| most.normalize().to_string());
    note("maximum quantity", units(before), units(after));
    note("step", before.step.normalize().to_string(), after.step.normalize().to_string());
    note("shipping", switch(before.to_shipping), switch(after.to_shipping));
    note("coupons", format!("{:?}", before.coupon), format!("{:?}", after.coupon));
    note("free shipping", format!("{:?}", before.free_shipping), format!("{:?}", after.free_shipping));
    note("websites", format!("{:?}", before.websites), format!("{:?}", after.websites));
    note("customer groups", format!("{:?}", before.customer_groups), format!("{:?}", after.customer_groups));
    if before.conditions != after.conditions {
        said.push("its conditions are others".to_owned());
    }
    if before.lines != after.lines {
        said.push("its action conditions are others".to_owned());
    }
    said
}
