//! A product as Commerce has it, as far as rules ask.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rule::cart_rule::AttributeValue;

/// A product. What it holds is as Commerce writes it, not as shoppers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// `entity_id`
    pub id: u32,
    /// As it is written.
    pub sku: String,
    /// `type_id`: `simple`, `configurable`, `bundle`, ...
    pub kind: String,
    /// `attribute_set_id`
    pub attribute_set: Option<u32>,
    /// 1 is not visible on its own, 2 in the catalogue, 3 in the search, 4 in both.
    pub visibility: Option<u8>,
    /// Whether its status is "enabled".
    pub enabled: bool,
    /// Ids of its websites.
    pub websites: BTreeSet<u32>,
    /// Ids of the categories it was put into.
    pub categories: BTreeSet<u32>,
    /// Variants of a configurable product, selections of a bundle, members of a group.
    pub children: Vec<Child>,
    /// Raw values by code. One that is not here the product does not have.
    pub attributes: BTreeMap<String, AttributeValue>,
}

/// A part of another product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Child {
    /// By its id.
    Id(u32),
    /// By its SKU, where Commerce does not say more.
    Sku(String),
}

/// Which attributes are kept, and which of them have several values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Their codes.
    pub codes: BTreeSet<String>,
    /// Codes of multiselects, whose value REST writes as one text with commas.
    pub lists: BTreeSet<String>,
}

impl Product {
    /// Reads a product of `/V1/products`; `None` where it has no usable id or SKU, without which nothing can be said of it.
    pub fn from_rest(item: &Value, kept: &Kept) -> Option<Self> {
        let id = whole(&item["id"]).filter(|id| *id > 0)?;
        let sku = item["sku"].as_str().filter(|sku| !sku.is_empty())?;
        let more = &item["extension_attributes"];
        Some(Self {
            id,
            sku: sku.to_owned(),
            kind: item["type_id"].as_str().unwrap_or_default().to_owned(),
            attribute_set: whole(&item["attribute_set_id"]),
            visibility: whole(&item["visibility"]).and_then(|number| u8::try_from(number).ok()),
            enabled: whole(&item["status"]) == Some(1),
            websites: list(&more["website_ids"]).filter_map(whole).collect(),
            categories: categories(item),
            children: children(item),
            attributes: attributes(item, kept),
        })
    }

    /// Whether it is a configurable product of whose variants the answer says nothing.
    pub(super) fn lacks_variants(&self, item: &Value) -> bool {
        self.kind == "configurable" && !item["extension_attributes"]["configurable_product_links"].is_array()
    }

    /// Whether shoppers can come upon it by itself.
    pub(super) fn is_visible(&self) -> bool {
        self.enabled && self.visibility.is_some_and(|visibility| visibility > 1)
    }
}

/// Reads parts from the answer of `/V1/configurable-products/{sku}/children`.
pub(super) fn variants(answer: &Value) -> Vec<Child> {
    let child = |item: &Value| match whole(&item["id"]) {
        Some(id) => Some(Child::Id(id)),
        None => item["sku"].as_str().map(|sku| Child::Sku(sku.to_owned())),
    };
    unique(list(answer).filter_map(child).collect())
}

/// Links have the newest word; a shop whose answers leave them out has the attribute.
fn categories(item: &Value) -> BTreeSet<u32> {
    let links = &item["extension_attributes"]["category_links"];
    match links.is_array() {
        true => list(links).filter_map(|link| whole(&link["category_id"])).collect(),
        false => match custom(item).find(|(code, _)| *code == "category_ids") {
            Some((_, value)) => list(value).filter_map(whole).collect(),
            None => BTreeSet::new(),
        },
    }
}

fn children(item: &Value) -> Vec<Child> {
    let more = &item["extension_attributes"];
    let by_sku = |value: &Value| value.as_str().map(|sku| Child::Sku(sku.to_owned()));
    let children = match item["type_id"].as_str() {
        Some("configurable") => list(&more["configurable_product_links"]).filter_map(whole).map(Child::Id).collect(),
        Some("bundle") => list(&more["bundle_product_options"])
            .flat_map(|option| list(&option["product_links"]))
            .filter_map(|link| by_sku(&link["sku"]))
            .collect(),
        Some("grouped") => list(&item["product_links"])
            .filter(|link| link["link_type"] == "associated")
            .filter_map(|link| by_sku(&link["linked_product_sku"]))
            .collect(),
        _ => Vec::new(),
    };
    unique(children)
}

fn unique(mut children: Vec<Child>) -> Vec<Child> {
    children.sort();
    children.dedup();
    children
}

fn attributes(item: &Value, kept: &Kept) -> BTreeMap<String, AttributeValue> {
    let own = kept.codes.iter().filter_map(|code| Some((code.as_str(), item.get(code)?)));
    let values = own.chain(custom(item).filter(|(code, _)| kept.codes.contains(*code)));
    // A configurable product's price is its variant's: REST has a nought for what it does not have.
    let is_none = |code: &str, value: &Value| {
        code == "price" && item["type_id"] == "configurable" && value.as_f64().is_some_and(|price| price == 0.0)
    };
    let values = values.filter(|(code, value)| !is_none(code, value));
    values.filter_map(|(code, value)| Some((code.to_owned(), raw(value, kept.lists.contains(code))?))).collect()
}

fn custom(item: &Value) -> impl Iterator<Item = (&str, &Value)> {
    list(&item["custom_attributes"])
        .filter_map(|attribute| Some((attribute["attribute_code"].as_str()?, &attribute["value"])))
}

/// A value as rules compare it. Null is none, as is a list without entries.
fn raw(value: &Value, is_list: bool) -> Option<AttributeValue> {
    match value {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(text).collect();
            (!values.is_empty()).then_some(AttributeValue::Many(values))
        }
        Value::String(text) if is_list => {
            let values: Vec<String> = text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            (!values.is_empty()).then_some(AttributeValue::Many(values))
        }
        value if is_list => text(value).map(|text| AttributeValue::Many(vec![text])),
        value => text(value).map(AttributeValue::One),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(u8::from(*bool).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, as JSON's or as text: PHP writes either.
pub(super) fn whole(value: &Value) -> Option<u32> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(number).ok()
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> Kept {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Kept { codes: texts(&["price", "weight", "color", "activity"]), lists: texts(&["activity"]) }
    }

    #[test]
    fn reads_what_rules_ask_of_a_product_and_nothing_else() {
        let item = json!({
            "id": 2, "sku": "24-MB04", "attribute_set_id": 15, "price": 32.5, "status": 1, "visibility": 4, "type_id": "simple",
            "extension_attributes": { "website_ids": [1], "category_links": [{ "position": 0, "category_id": "3" }] },
            "custom_attributes": [
                { "attribute_code": "category_ids", "value": ["3", "9"] },
                { "attribute_code": "description", "value": "long" },
                { "attribute_code": "activity", "value": "11,21" },
                { "attribute_code": "color", "value": "49" },
            ],
        });
        let product = Product::from_rest(&item, &kept()).expect("a product");
        assert_eq!((product.id, &*product.sku, product.attribute_set), (2, "24-MB04", Some(15)));
        assert!(product.is_visible() && product.categories == [3].into() && product.websites == [1].into());
        let expected = BTreeMap::from([
            ("activity".to_owned(), AttributeValue::Many(vec!["11".to_owned(), "21".to_owned()])),
            ("color".to_owned(), AttributeValue::One("49".to_owned())),
            ("price".to_owned(), AttributeValue::One("32.5".to_owned())),
        ]);
        assert_eq!(product.attributes, expected);
    }

    #[test]
    fn takes_text_for_numbers_and_goes_without_what_is_missing_or_null() {
        let item = json!({
            "id": "7", "sku": "x", "attribute_set_id": "4", "price": "9.990000", "weight": null, "status": "1", "visibility": "1",
            "custom_attributes": [null, { "attribute_code": "color", "value": null }, { "attribute_code": "category_ids", "value": ["5", 6, "x"] }],
        });
        let product = Product::from_rest(&item, &kept()).expect("a product");
        assert_eq!((product.id, product.attribute_set, product.visibility), (7, Some(4), Some(1)));
        assert!(product.enabled && !product.is_visible() && product.categories == [5, 6].into());
        assert_eq!(product.attributes.keys().collect::<Vec<_>>(), ["price"]);
    }

    #[test]
    fn what_has_no_id_or_no_sku_is_no_product() {
        for item in [json!(null), json!([]), json!({ "id": 1 }), json!({ "sku": "a" }), json!({ "id": 0, "sku": "a" })]
        {
            assert_eq!(Product::from_rest(&item, &kept()), None, "{item}");
        }
        for id in [json!(-1), json!(1.5), json!(4_294_967_296_u64), json!("one")] {
            assert_eq!(Product::from_rest(&json!({ "id": id, "sku": "a" }), &kept()), None, "{id}");
        }
    }

    #[test]
    fn finds_the_parts_of_every_kind() {
        let read = |item| Product::from_rest(&item, &kept()).expect("a product").children;
        let sku = |sku: &str| Child::Sku(sku.to_owned());
        let configurable = json!({ "id": 1, "sku": "c", "type_id": "configurable", "extension_attributes": { "configurable_product_links": ["12", 11, 12] } });
        assert_eq!(read(configurable), [Child::Id(11), Child::Id(12)]);
        let links = |skus: &[&str]| json!({ "product_links": skus.iter().map(|sku| json!({ "sku": sku, "id": "9" })).collect::<Vec<_>>() });
        let bundle = json!({ "id": 1, "sku": "b", "type_id": "bundle", "extension_attributes": { "bundle_product_options": [links(&["y", "x"]), links(&["x"])] } });
        assert_eq!(read(bundle), [sku("x"), sku("y")]);
        let link = |kind: &str, sku: &str| json!({ "link_type": kind, "linked_product_sku": sku });
        let grouped = json!({ "id": 1, "sku": "g", "type_id": "grouped", "product_links": [link("related", "r"), link("associated", "a")] });
        assert_eq!(read(grouped), [sku("a")]);
        assert_eq!(variants(&json!([{ "id": 5, "sku": "v" }, { "sku": "w" }, {}])), [Child::Id(5), sku("w")]);
    }
}
