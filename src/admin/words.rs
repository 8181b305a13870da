//! Entries of a rules file in words for merchandisers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::desk::Names;
use crate::store::Kind;

/// What an entry is called.
pub fn name(value: &Value) -> &str {
    value["name"].as_str().or_else(|| value["id"].as_str()).unwrap_or_default()
}

/// What an offer does to a price.
pub fn action(offer: &Value) -> String {
    let amount = match &offer["amount"] {
        Value::Null => return "as its Commerce rule says".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match offer["action"].as_str() {
        Some("by_percent") => format!("{amount} % off"),
        Some("by_fixed") => format!("{amount} off"),
        Some("to_percent") => format!("to {amount} % of the price"),
        Some("to_fixed") => format!("to {amount}"),
        _ => amount,
    }
}

/// Who charges an offer.
pub fn charge(offer: &Value) -> String {
    let charge = &offer["charge"];
    let rule = charge["rule_id"].as_u64().map(|id| format!("rule {id}")).unwrap_or_default();
    match charge["type"].as_str().or_else(|| charge.as_str()) {
        Some("origin") => format!("{rule}, by audience"),
        Some("coupon") => match charge["code"].as_str() {
            Some(code) => format!("{rule}, by the code {code}"),
            None => format!("{rule}, by a code of the shopper's own"),
        },
        _ => "nobody: label only".to_owned(),
    }
}

/// For whom an entry is.
pub fn audiences(value: &Value, names: &Names) -> String {
    let test = &value["audiences"];
    let list = |key: &str, between: &str| {
        let all = texts(&test[key]).map(|id| names.get(id).map_or(id, String::as_str).to_owned());
        all.collect::<Vec<_>>().join(between)
    };
    let parts = [("", list("any", " or ")), ("all of ", list("all", " and ")), ("not ", list("none", " or "))];
    let parts: Vec<String> =
        parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(word, list)| format!("{word}{list}")).collect();
    if parts.is_empty() { "everyone".to_owned() } else { parts.join("; ") }
}

/// Ids of the audiences that an entry names.
pub fn audience_ids(value: &Value) -> BTreeSet<&str> {
    ["any", "all", "none"].into_iter().flat_map(|key| texts(&value["audiences"][key])).collect()
}

/// Which products an offer is for.
pub fn products(offer: &Value) -> String {
    let products = &offer["products"];
    let some = |key: &str, what: &str| {
        let list = products[key].as_array()?;
        let first: Vec<String> = list.iter().take(3).map(plain).collect();
        let more = list.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("{what} {}{more}", first.join(", ")))
    };
    some("ids", "products").or_else(|| some("skus", "SKUs")).unwrap_or_else(|| "all products".to_owned())
}

/// Where a block is shown.
pub fn placement(block: &Value) -> String {
    match &block["placement"] {
        Value::String(place) => place.clone(),
        Value::Object(object) => {
            object.iter().map(|(how, what)| format!("{how} {}", plain(what))).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

/// The same in words.
pub fn place(block: &Value) -> String {
    let words = match block["placement"].as_str() {
        Some("page-top") => "at the top of the page",
        Some("content-top") => "above the content",
        Some("content-bottom") => "below the content",
        Some("sidebar") => "in the sidebar",
        Some("footer") => "in the footer",
        _ => {
            let placement = placement(block).replacen(':', " ", 1);
            let (how, what) = placement.split_once(' ').unwrap_or((&placement, ""));
            return match how {
                "commerce-block" => format!("instead of Commerce's block {what}"),
                "replace" => format!("instead of {what}"),
                _ => placement,
            };
        }
    };
    words.to_owned()
}

/// Days on which an entry holds.
pub fn days(value: &Value) -> String {
    match (value["from"].as_str(), value["to"].as_str()) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("until {to}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
    }
}

/// What a new entry is, line by line.
pub fn summary(kind: Kind, value: &Value, names: &Names) -> Vec<String> {
    let scope = || {
        let list = |key: &str| texts(&value[key]).collect::<Vec<_>>().join(", ");
        let parts = [("websites", list("websites")), ("store views", list("store_views"))];
        parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(what, list)| format!("{what}: {list}"))
    };
    let own = match kind {
        Kind::Audience => return vec!["added by hand".to_owned()],
        Kind::Offer => {
            vec![format!("{} on {}", action(value), products(value)), format!("charged by {}", charge(value))]
        }
        Kind::Block => vec![place(value)],
    };
    let whom = format!("for {}", audiences(value, names));
    own.into_iter().chain([whom]).chain(scope()).chain((days(value) != "always").then(|| days(value))).collect()
}

/// What is different between two states of an entry, line by line.
pub fn changes(old: &Value, new: &Value, names: &Names) -> Vec<String> {
    let keys: BTreeSet<&String> =
        [old, new].into_iter().flat_map(|value| value.as_object().into_iter().flatten().map(|(key, _)| key)).collect();
    let mut lines = Vec::new();
    let mut has_price = false;
    for key in keys.into_iter().filter(|key| old[key.as_str()] != new[key.as_str()]) {
        let (before, after) = (&old[key.as_str()], &new[key.as_str()]);
        match key.as_str() {
            "name" => lines.push(format!("renamed from “{}”", name(old))),
            "action" | "amount" if !has_price => {
                has_price = true;
                lines.push(format!("{} instead of {}", action(new), action(old)));
            }
            "action" | "amount" => {}
            "audiences" => lines.extend(audience_changes(before, after, names)),
            "websites" => lines.extend(list_changes("website", before, after)),
            "store_views" => lines.extend(list_changes("store view", before, after)),
            "page_kinds" => lines.extend(list_changes("page kind", before, after)),
            "urls" => lines.extend(list_changes("path", before, after)),
            "from" => lines.push(day_change("from", before, after)),
            "to" => lines.push(day_change("until", before, after)),
            "labels" => lines.extend(view_changes("label", before, after, true)),
            "html" => lines.extend(view_changes("HTML", before, after, false)),
            "charge" => lines.push(format!("charged by {} instead of {}", charge(new), charge(old))),
            "products" => lines.push(format!("for {} instead of {}", products(new), products(old))),
            "placement" => lines.push(format!("{}, no longer {}", place(new), place(old))),
            "stop" => lines.push(match after.as_bool() {
                Some(true) => "now stops further offers".to_owned(),
                _ => "no longer stops further offers".to_owned(),
            }),
            key => lines.push(format!("{key}: {} instead of {}", said(after), said(before))),
        }
    }
    lines
}

fn said(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        value => plain(value),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn day_change(word: &str, before: &Value, after: &Value) -> String {
    match (before.as_str(), after.as_str()) {
        (_, None) => format!("no longer limited {word} a day"),
        (None, Some(day)) => format!("{word} {day}"),
        (Some(was), Some(day)) => format!("{word} {day} instead of {was}"),
    }
}

fn audience_changes(before: &Value, after: &Value, names: &Names) -> Vec<String> {
    let words = [("any", "for"), ("all", "needing"), ("none", "but not for")];
    let lines = words.into_iter().flat_map(|(key, word)| {
        let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
            (texts(&before[key]).collect(), texts(&after[key]).collect());
        let called = |id: &&str| names.get(*id).map_or(*id, String::as_str).to_owned();
        let gained = new.difference(&old).map(|id| format!("now also {word} {}", called(id))).collect::<Vec<_>>();
        gained
            .into_iter()
            .chain(old.difference(&new).map(|id| format!("no longer {word} {}", called(id))).collect::<Vec<_>>())
    });
    lines.collect()
}

fn list_changes(what: &str, before: &Value, after: &Value) -> Vec<String> {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (texts(before).collect(), texts(after).collect());
    // An empty list is all there are.
    if new.is_empty() {
        return vec![format!("now for every {what}")];
    }
    if old.is_empty() {
        return vec![format!("now only for {what} {}", new.into_iter().collect::<Vec<_>>().join(", "))];
    }
    let gained = new.difference(&old).map(|code| format!("now also for {what} {code}"));
    gained.chain(old.difference(&new).map(|code| format!("no longer for {what} {code}"))).collect()
}

fn view_changes(what: &str, before: &Value, after: &Value, shows: bool) -> Vec<String> {
    let of = |value: &Value| -> Vec<(String, String)> {
        match value {
            Value::String(text) => vec![("default".to_owned(), text.clone())],
            value => value.as_object().into_iter().flatten().map(|(view, text)| (view.clone(), plain(text))).collect(),
        }
    };
    let (old, new) = (of(before), of(after));
    let find =
        |list: &[(String, String)], view: &str| list.iter().find(|(own, _)| own == view).map(|(_, text)| text.clone());
    let views: BTreeSet<&String> = old.iter().chain(&new).map(|(view, _)| view).collect();
    let line = |view: &String| match (find(&old, view), find(&new, view)) {
        (old, new) if old == new => None,
        (_, None) => Some(format!("no {what} of its own for {view} any more")),
        (_, Some(text)) if shows => Some(format!("{what} for {view}: “{text}”")),
        (_, Some(_)) => Some(format!("other {what} for {view}")),
    };
    views.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_told_in_words() {
        for (placement, words) in [
            (json!("page-top"), "at the top of the page"),
            (json!("commerce-block:MQ=="), "instead of Commerce's block MQ=="),
            (json!("replace:#hero"), "instead of #hero"),
            (json!({ "replace": "#hero" }), "instead of #hero"),
            (json!({ "after": "[data-content-type=banner]" }), "after [data-content-type=banner]"),
        ] {
            assert_eq!(place(&json!({ "placement": placement })), words);
        }
    }
}
