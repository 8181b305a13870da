//! The tree of a rule's conditions as a form: read from fields, and shown as fields. It has the form in which Magento's REST API has it; what has
//! no field here stays as it was.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::admin::desk::Names;
use crate::admin::forms::Fields;
use crate::rule::cart_rule::{AudienceForm, AudienceTypes, Operator};

const CLASS: &str = "Magento\\SalesRule\\Model\\Rule\\Condition\\";

/// Deeper trees are nobody's.
const DEEPEST: usize = 12;

const OPERATORS: [(&str, &str); 11] = [
    ("==", "is"),
    ("!=", "is not"),
    (">=", "equals or greater than"),
    ("<=", "equals or less than"),
    (">", "greater than"),
    ("<", "less than"),
    ("{}", "contains"),
    ("!{}", "does not contain"),
    ("()", "is one of"),
    ("!()", "is not one of"),
    ("<=>", "is undefined"),
];

const OF_CART: [(&str, &str); 11] = [
    ("base_subtotal", "Subtotal"),
    ("base_subtotal_with_discount", "Subtotal (excl. tax) with discount"),
    ("base_subtotal_total_incl_tax", "Subtotal (incl. tax)"),
    ("total_qty", "Total items quantity"),
    ("weight", "Total weight"),
    ("payment_method", "Payment method"),
    ("shipping_method", "Shipping method"),
    ("postcode", "Shipping postcode"),
    ("region", "Shipping region"),
    ("region_id", "Shipping state/province"),
    ("country_id", "Shipping country"),
];

const SUMS: [(&str, &str); 3] = [
    ("qty", "total quantity"),
    ("base_row_total", "total amount"),
    ("base_row_total_incl_tax", "total amount incl. tax"),
];

/// What the form knows beside the tree.
pub(super) struct Known<'a> {
    pub(super) types: &'a AudienceTypes,
    pub(super) audiences: &'a Names,
    /// Categories by id, with the names of those above.
    pub(super) categories: &'a BTreeMap<u64, String>,
    pub(super) is_locked: bool,
}

/// Whom a tree asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// The cart.
    Cart,
    /// Its lines.
    Lines,
}

impl Asks {
    fn combine(self) -> String {
        format!("{CLASS}{}", if self == Self::Cart { "Combine" } else { "Product\\Combine" })
    }

    /// A tree without conditions.
    pub(super) fn empty(self) -> Value {
        json!({ "condition_type": self.combine(), "aggregator_type": "all", "value": "1", "conditions": [] })
    }

    /// What can be added below it.
    fn choices(self, types: &AudienceTypes) -> Vec<(&'static str, &'static str)> {
        let audience = (self == Self::Cart && !types.0.is_empty()).then_some(("audience", "Real-Time CDP Audience"));
        let of_cart: &[(&str, &str)] = match self {
            Self::Cart => &[
                ("address", "Cart attribute (subtotal, quantity, country ...)"),
                ("found", "Products in the cart: some are found, or none"),
                ("subselect", "Products in the cart: their quantity or amount"),
            ],
            Self::Lines => &[("sku", "SKU"), ("category", "Category"), ("product", "Product attribute")],
        };
        audience.into_iter().chain(of_cart.iter().copied()).chain([("combine", "Conditions combination")]).collect()
    }

    fn fresh(self, kind: &str, types: &AudienceTypes) -> Option<Value> {
        let leaf = |class: &str, attribute: &str, operator: &str| json!({ "condition_type": format!("{CLASS}{class}"), "attribute_name": attribute, "operator": operator, "value": "" });
        Some(match kind {
            "audience" => json!({ "condition_type": types.0.first()?.class, "operator": "()", "value": "" }),
            "address" => leaf("Address", "base_subtotal", ">="),
            "sku" => leaf("Product", "sku", "()"),
            "category" => leaf("Product", "category_ids", "()"),
            "product" => leaf("Product", "", "=="),
            "found" => {
                json!({ "condition_type": format!("{CLASS}Product\\Found"), "aggregator_type": "all", "value": "1", "conditions": [] })
            }
            "subselect" => json!({
                "condition_type": format!("{CLASS}Product\\Subselect"), "attribute_name": "qty", "operator": ">=", "value": "1",
                "aggregator_type": "all", "conditions": [],
            }),
            "combine" => self.empty(),
            _ => return None,
        })
    }
}

/// What a condition is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Combine,
    Found,
    Subselect,
    Address,
    Product,
    Audience,
    Other,
}

impl Kind {
    fn of(node: &Value, types: &AudienceTypes) -> Self {
        let class = node["condition_type"].as_str().unwrap_or_default().trim_start_matches('\\');
        if types.0.iter().any(|it| it.class.trim_start_matches('\\') == class) {
            return Self::Audience;
        }
        match class.strip_prefix(CLASS) {
            Some("Combine" | "Product\\Combine") => Self::Combine,
            Some("Product\\Found") => Self::Found,
            Some("Product\\Subselect") => Self::Subselect,
            Some("Address") => Self::Address,
            Some("Product") => Self::Product,
            _ => Self::Other,
        }
    }

    fn has_parts(self) -> bool {
        matches!(self, Self::Combine | Self::Found | Self::Subselect)
    }
}

/// The tree at a place of a form; with what its buttons add or take away. `None` where there is none.
pub(super) fn read(fields: &Fields, place: &str, asks: Asks, types: &AudienceTypes) -> Option<Value> {
    read_at(fields, place, asks, types, 0)
}

fn read_at(fields: &Fields, place: &str, asks: Asks, types: &AudienceTypes, depth: usize) -> Option<Value> {
    let own = format!("{place}.node");
    if depth > DEEPEST || !fields.has(&own) {
        return None;
    }
    let mut node: Value = serde_json::from_str(fields.raw(&own)).ok().filter(Value::is_object)?;
    let kind = Kind::of(&node, types);
    let name = |key: &str| format!("{place}.{key}");
    let mut take = |field: &str, key: &str| {
        // What nobody has touched keeps its spelling.
        if fields.has(&name(key)) && text(&node[field]).trim() != fields.text(&name(key)) {
            node[field] = json!(fields.text(&name(key)));
        }
    };
    match kind {
        Kind::Combine | Kind::Found => {
            take("aggregator_type", "all");
            take("value", "value");
        }
        Kind::Subselect => {
            take("aggregator_type", "all");
            take("attribute_name", "attribute");
            take("operator", "operator");
            take("value", "value");
        }
        Kind::Address | Kind::Product => {
            take("attribute_name", "attribute");
            take("operator", "operator");
            take("value", "value");
            // A chooser has a box for each; a list of it means any of them.
            if fields.has(&name("boxes")) {
                choose(&mut node["value"], &fields.all(&name("values")), AudienceForm::Ids);
            }
        }
        Kind::Audience => {
            take("operator", "operator");
            let form = form(&node, types);
            choose(&mut node["value"], &fields.all(&name("values")), form);
        }
        Kind::Other => {}
    }
    if kind.has_parts() {
        let inner = if kind == Kind::Combine { asks } else { Asks::Lines };
        let mut parts = Vec::new();
        for number in 0.. {
            let part = format!("{place}.{number}");
            if !fields.has(&format!("{part}.node")) {
                break;
            }
            if fields.text("remove") != part {
                parts.extend(read_at(fields, &part, inner, types, depth + 1));
            }
        }
        if fields.text("add") == place && depth < DEEPEST {
            parts.extend(inner.fresh(fields.text(&name("new")), types));
        }
        node["conditions"] = json!(parts);
    }
    Some(node)
}

/// Makes a list what was chosen, unless it is that already.
fn choose(value: &mut Value, chosen: &[&str], form: AudienceForm) {
    let before = ids(value);
    let is_same = before.len() == chosen.len() && before.iter().all(|id| chosen.contains(&id.as_str()));
    if !is_same {
        *value = match form {
            AudienceForm::Ids => json!(chosen.join(",")),
            AudienceForm::Json => json!(json!(chosen).to_string()),
        };
    }
}

fn form(node: &Value, types: &AudienceTypes) -> AudienceForm {
    let class = node["condition_type"].as_str().unwrap_or_default().trim_start_matches('\\');
    types.0.iter().find(|it| it.class.trim_start_matches('\\') == class).map(|it| it.form).unwrap_or_default()
}

/// The ids of a list, whatever form it has.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::String(list) => match serde_json::from_str::<Vec<String>>(list) {
            Ok(list) => list,
            Err(_) => list.split([',', ';']).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect(),
        },
        Value::Number(number) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// What is wrong with a tree: where, and words.
pub(super) fn mistakes(node: &Value, place: &str, types: &AudienceTypes) -> Vec<(String, String)> {
    let kind = Kind::of(node, types);
    let own = match kind {
        Kind::Audience if ids(&node["value"]).is_empty() => Some("choose an audience, or take the condition away"),
        Kind::Product if text(&node["attribute_name"]).is_empty() => {
            Some("name an attribute, or take the condition away")
        }
        Kind::Product | Kind::Address | Kind::Subselect
            if text(&node["value"]).is_empty() && text(&node["operator"]) != Operator::Undefined.as_str() =>
        {
            Some("needs a value, or take the condition away")
        }
        _ => None,
    };
    let own = own.map(|words| (place.to_owned(), words.to_owned()));
    let parts = node["conditions"].as_array().into_iter().flatten().enumerate();
    own.into_iter().chain(parts.flat_map(|(at, part)| mistakes(part, &format!("{place}.{at}"), types))).collect()
}

/// The tree as fields. `added` is the place that something was added to: what is new there gets the focus.
pub(super) fn show(
    node: &Value,
    place: &str,
    asks: Asks,
    known: &Known<'_>,
    wrong: &[(String, String)],
    added: &str,
) -> Markup {
    let kind = Kind::of(node, known.types);
    let name = |key: &str| format!("{place}.{key}");
    let mut kept = node.clone();
    if let Value::Object(fields) = &mut kept {
        fields.remove("conditions");
    }
    let inner = if kind == Kind::Combine { asks } else { Asks::Lines };
    let parts: Vec<&Value> = node["conditions"].as_array().into_iter().flatten().collect();
    let choose = |key: &str, label: &str, options: &[(&str, &str)], chosen: &str, focus: bool| {
        let is_listed = options.iter().any(|(word, _)| *word == chosen);
        html! {
            select.inline name=(name(key)) aria-label=(label) disabled[known.is_locked] autofocus[focus] {
                @for (word, words) in options { option value=(word) selected[*word == chosen] { (words) } }
                @if !is_listed && !chosen.is_empty() { option value=(chosen) selected { (chosen) } }
            }
        }
    };
    let all = || choose("all", "All or any", &[("all", "all"), ("any", "any")], &text(&node["aggregator_type"]), false);
    let operator = |words: &[(&str, &str)]| choose("operator", "Operator", words, &text(&node["operator"]), false);
    let is_true = if matches!(text(&node["value"]).as_str(), "0" | "false" | "") { "0" } else { "1" };
    // The place that was added to ends with what is new.
    let is_new = place.rsplit_once('.').is_some_and(|(above, _)| above == added) && !kind.has_parts();
    html! {
        div.node id=(place) {
            input type="hidden" name=(name("node")) value=(kept.to_string());
            @match kind {
                Kind::Combine => p.node__line { "If " (all()) " of these conditions are " (choose("value", "True or false", &[("1", "true"), ("0", "false")], is_true, false)) ":" },
                Kind::Found => p.node__line { "If an item is " (choose("value", "Found or not", &[("1", "found"), ("0", "not found")], is_true, false)) " in the cart with " (all()) " of these conditions true:" },
                Kind::Subselect => p.node__line {
                    "If " (choose("attribute", "What is added up", &SUMS, &text(&node["attribute_name"]), false)) " " (operator(&OPERATORS)) " "
                    input.inline name=(name("value")) value=(text(&node["value"])) aria-label="Value" disabled[known.is_locked];
                    " for items in the cart matching " (all()) " of these conditions:"
                },
                Kind::Address => p.node__line {
                    (choose("attribute", "Cart attribute", &OF_CART, &text(&node["attribute_name"]), is_new)) " " (operator(&OPERATORS)) " "
                    input.inline name=(name("value")) value=(text(&node["value"])) aria-label="Value" disabled[known.is_locked];
                },
                Kind::Product => (product(node, place, known, &operator(&OPERATORS), is_new)),
                Kind::Audience => div {
                    p.node__line { "Real-Time CDP Audience " (operator(&[("()", "is one of"), ("!()", "is not one of"), ("==", "is"), ("!=", "is not")])) }
                    (chooser(&name("values"), "Choose audiences", known.audiences.iter().map(|(id, words)| (id.clone(), words.clone())), &ids(&node["value"]), known.is_locked))
                },
                Kind::Other => p.node__line { "A condition of the class " code { (text(&node["condition_type"])) } ", which is kept as it is." },
            }
            @for (_, words) in wrong.iter().filter(|(at, _)| at == place) { span.field__wrong { (words) } }
            @if kind.has_parts() {
                ul.tree {
                    @for (at, part) in parts.iter().enumerate() {
                        li {
                            (show(part, &format!("{place}.{at}"), inner, known, wrong, if at + 1 == parts.len() { added } else { "" }))
                            @if !known.is_locked { button.button.button--small.tree__remove name="remove" value=(format!("{place}.{at}")) formnovalidate aria-label="Take this condition away" { "×" } }
                        }
                    }
                    @if !known.is_locked {
                        li.tree__add {
                            select.inline name=(name("new")) aria-label="What to add" { @for (word, words) in inner.choices(known.types) { option value=(word) { (words) } } }
                            button.button.button--small name="add" value=(place) formnovalidate { "+ Add" }
                        }
                    }
                }
            }
        }
    }
}

fn product(node: &Value, place: &str, known: &Known<'_>, operator: &Markup, is_new: bool) -> Markup {
    let name = |key: &str| format!("{place}.{key}");
    let attribute = text(&node["attribute_name"]);
    let is_list = matches!(text(&node["operator"]).as_str(), "==" | "!=" | "()" | "!()" | "{}" | "!{}");
    let has_chooser = attribute == "category_ids" && is_list && !known.categories.is_empty();
    html! {
        p.node__line {
            @if attribute == "category_ids" || attribute == "sku" {
                input type="hidden" name=(name("attribute")) value=(attribute);
                (if attribute == "sku" { "SKU" } else { "Category" })
            } @else {
                input.inline name=(name("attribute")) value=(attribute) list="attributes" aria-label="Product attribute" placeholder="attribute code" disabled[known.is_locked] autofocus[is_new];
            }
            " " (operator) " "
            @if !has_chooser {
                input.inline name=(name("value")) value=(text(&node["value"])) aria-label="Value"
                    list=[(attribute == "sku").then_some("skus")] placeholder=[(attribute == "sku").then_some("SKUs, between commas")] disabled[known.is_locked];
            }
        }
        @if has_chooser {
            input type="hidden" name=(name("boxes")) value="1";
            (chooser(&name("values"), "Choose categories", known.categories.iter().map(|(id, words)| (id.to_string(), words.clone())), &ids(&node["value"]), known.is_locked))
        }
    }
}

/// Boxes to tick, which a script makes searchable.
fn chooser(
    name: &str,
    label: &str,
    options: impl Iterator<Item = (String, String)>,
    chosen: &[String],
    is_locked: bool,
) -> Markup {
    let mut options: Vec<(String, String)> = options.collect();
    // What nobody knows any more can still be taken away.
    let unknown: Vec<_> = chosen.iter().filter(|id| !options.iter().any(|(own, _)| own == *id)).cloned().collect();
    options.extend(unknown.into_iter().map(|id| (id.clone(), format!("{id} (unknown)"))));
    options.sort_by_key(|(_, words)| words.to_lowercase());
    html! {
        details.field open[chosen.is_empty()] {
            summary.field__label { @if chosen.is_empty() { (label) } @else { (in_short(&options, chosen)) } }
            div.chooser {
                div.chooser__chosen aria-live="polite" {}
                input type="search" placeholder="Search" aria-label={ "Search: " (label) } hidden;
                div.chooser__list role="group" aria-label=(label) {
                    @for (id, words) in &options {
                        label.check {
                            input type="checkbox" name=(name) value=(id) data-name=(words) checked[chosen.contains(id)] disabled[is_locked];
                            span { (words) }
                        }
                    }
                    @if options.is_empty() { p.quiet { "Nothing is known yet." } }
                }
            }
        }
    }
}

/// What was chosen, in one line.
fn in_short(options: &[(String, String)], chosen: &[String]) -> String {
    let names: Vec<&str> =
        options.iter().filter(|(id, _)| chosen.contains(id)).map(|(_, words)| words.as_str()).collect();
    match names.len() {
        0..=4 => names.join(", "),
        count => format!("{} and {} more", names[..3].join(", "), count - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::cart_rule::AudienceType;

    fn types() -> AudienceTypes {
        AudienceTypes(vec![AudienceType { class: "\\Vendor\\Audience".to_owned(), form: AudienceForm::Ids }])
    }

    /// The fields that a browser sends of a form.
    fn sent(markup: &str) -> Vec<(String, String)> {
        let page = scraper::Html::parse_fragment(markup);
        let any = |css: &str| scraper::Selector::parse(css).expect("a selector");
        let mut fields = Vec::new();
        for field in page.select(&any("input, select")) {
            let Some(name) = field.attr("name") else { continue };
            let value = match field.value().name() {
                "select" => {
                    let chosen = field.select(&any("option[selected]")).next();
                    chosen.or_else(|| field.select(&any("option")).next()).and_then(|option| option.attr("value"))
                }
                _ if field.attr("type") == Some("checkbox") && field.attr("checked").is_none() => continue,
                _ => field.attr("value"),
            };
            fields.push((name.to_owned(), value.unwrap_or_default().to_owned()));
        }
        fields
    }

    fn round(tree: &Value, more: &[(&str, &str)]) -> Value {
        let (types, audiences) = (types(), Names::from([("vip".to_owned(), "VIP".to_owned())]));
        let categories = BTreeMap::from([(3, "Gear".to_owned())]);
        let known = Known { types: &types, audiences: &audiences, categories: &categories, is_locked: false };
        let fields = sent(&show(tree, "c", Asks::Cart, &known, &[], "").into_string());
        let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.retain(|(name, _)| !more.iter().any(|(own, _)| own == name));
        all.extend(more);
        read(&Fields::of(&all), "c", Asks::Cart, &types).expect("a tree")
    }

    fn tree() -> Value {
        json!({
            "condition_type": format!("{CLASS}Combine"), "aggregator_type": "any", "value": "0", "extension": { "kept": 1 },
            "conditions": [
                { "condition_type": "Vendor\\Audience", "operator": "()", "value": "vip,gone" },
                { "condition_type": format!("{CLASS}Product\\Found"), "aggregator_type": "all", "value": "1", "conditions": [
                    { "condition_type": format!("{CLASS}Product"), "attribute_name": "category_ids", "operator": "()", "value": "3" },
                    { "condition_type": format!("{CLASS}Product\\Combine"), "aggregator_type": "any", "value": "1", "conditions": [
                        { "condition_type": format!("{CLASS}Product"), "attribute_name": "parent::color", "operator": "!=", "value": "4" },
                    ] },
                ] },
                { "condition_type": format!("{CLASS}Product\\Subselect"), "attribute_name": "base_row_total", "operator": ">=", "value": "50",
                  "aggregator_type": "any", "conditions": [] },
                { "condition_type": format!("{CLASS}Address"), "attribute_name": "country_id", "operator": "<=>", "value": "DE" },
                { "condition_type": "Somebody\\Elses", "operator": "~", "value": ["x", 1] },
            ],
        })
    }

    #[test]
    fn a_form_that_nobody_touches_loses_nothing() {
        assert_eq!(round(&tree(), &[]), tree());
    }

    #[test]
    fn conditions_are_added_taken_away_and_changed_wherever_they_are() {
        let added = round(&tree(), &[("add", "c.1.1"), ("c.1.1.new", "sku")]);
        let new = &added["conditions"][1]["conditions"][1]["conditions"][1];
        assert_eq!((&new["attribute_name"], &new["operator"]), (&json!("sku"), &json!("()")));
        let gone = round(&tree(), &[("remove", "c.1.0")]);
        assert_eq!(gone["conditions"][1]["conditions"][0], tree()["conditions"][1]["conditions"][1]);
        assert_eq!(gone["conditions"][4], tree()["conditions"][4]);
        let changed = round(&tree(), &[("c.0.values", "vip"), ("c.all", "all"), ("c.2.value", "70")]);
        assert_eq!(changed["conditions"][0]["value"], "vip");
        assert_eq!((&changed["aggregator_type"], &changed["conditions"][2]["value"]), (&json!("all"), &json!("70")));
        let first = round(&Asks::Cart.empty(), &[("add", "c"), ("c.new", "audience")]);
        assert_eq!(first["conditions"][0]["condition_type"], "\\Vendor\\Audience");
        assert_eq!(mistakes(&first, "c", &types())[0].0, "c.0");
        assert_eq!(mistakes(&tree(), "c", &types()), []);
    }
}
