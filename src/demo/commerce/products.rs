//! The catalogue as the API tells it.

use serde_json::{Value, json};

use crate::demo::catalog::facts::{self, ATTRIBUTE_SET, ROOT};
use crate::demo::catalog::kind::{Attribute, BundleOption, Child, Kind};
use crate::demo::catalog::{self, CATEGORIES, PRODUCTS, Product};
use crate::demo::view::WEBSITE;

/// When the shop was furnished: nothing of its catalogue changes while it runs.
const CHANGED: &str = "2026-11-01 09:00:00";

/// Every product, children of configurable ones too.
pub fn all() -> Vec<Value> {
    let with_children = |product: &'static Product| {
        let children = match product.kind {
            Kind::Configurable(own) => own.children.iter().map(|one| child(product, one)).collect(),
            _ => Vec::new(),
        };
        std::iter::once(of(product)).chain(children)
    };
    PRODUCTS.iter().flat_map(with_children).collect()
}

fn of(product: &Product) -> Value {
    let categories: Vec<Value> = facts::categories(product)
        .into_iter()
        .map(|id| json!({ "position": 0, "category_id": id.to_string() }))
        .collect();
    let mut told = told(product.id, product.sku, product.name, product.kind.as_str(), 4, &facts::attributes(product));
    told["extension_attributes"]["category_links"] = json!(categories);
    match product.kind {
        Kind::Configurable(own) => {
            let links: Vec<u64> = own.children.iter().map(|child| child.id).collect();
            told["extension_attributes"]["configurable_product_links"] = json!(links);
            let options: Vec<Value> =
                own.attributes.iter().enumerate().map(|(at, one)| choice(product, at, one)).collect();
            told["extension_attributes"]["configurable_product_options"] = json!(options);
        }
        Kind::Bundle(options) => {
            let options: Vec<Value> = options.iter().map(option).collect();
            told["extension_attributes"]["bundle_product_options"] = json!(options);
        }
        Kind::Grouped(ids) => {
            let link = |member: &Product| json!({ "sku": product.sku, "link_type": "associated", "linked_product_sku": member.sku });
            told["product_links"] = catalog::products(ids).into_iter().map(link).collect();
        }
        _ => {}
    }
    told
}

/// What a configurable's variants are chosen by: the attribute by its number, as text.
fn choice(product: &Product, at: usize, attribute: &Attribute) -> Value {
    let values: Vec<Value> = attribute.options.iter().map(|value| json!({ "value_index": value.id })).collect();
    json!({
        "id": at + 1, "attribute_id": attribute.id.to_string(), "label": attribute.label, "position": at, "values": values,
        "product_id": product.id,
    })
}

fn option(option: &BundleOption) -> Value {
    let link = |selection: &catalog::kind::Selection| {
        let sku = catalog::product(selection.product).map(|product| product.sku);
        json!({ "id": selection.id.to_string(), "sku": sku, "qty": selection.qty })
    };
    json!({ "option_id": option.id, "product_links": option.selections.iter().map(link).collect::<Vec<_>>() })
}

fn child(parent: &Product, child: &Child) -> Value {
    let attributes = facts::child_attributes(parent, child);
    let mut told = told(child.id, child.sku, child.sku, "simple", 1, &attributes);
    told["extension_attributes"]["category_links"] = facts::categories(parent)
        .into_iter()
        .map(|id| json!({ "position": 0, "category_id": id.to_string() }))
        .collect();
    told
}

fn told(id: u64, sku: &str, name: &str, kind: &str, visibility: u8, attributes: &[(&'static str, String)]) -> Value {
    let price = attributes.iter().find(|(code, _)| *code == "price").map(|(_, price)| price);
    let price = price.and_then(|price| serde_json::from_str::<Value>(price).ok());
    let custom = attributes.iter().filter(|(code, _)| *code != "price");
    let custom: Vec<Value> = custom.map(|(code, value)| json!({ "attribute_code": code, "value": value })).collect();
    let mut told = json!({
        "id": id, "sku": sku, "name": name, "attribute_set_id": ATTRIBUTE_SET, "status": 1, "visibility": visibility,
        "type_id": kind, "created_at": CHANGED, "updated_at": CHANGED, "product_links": [],
        "extension_attributes": { "website_ids": [WEBSITE] }, "custom_attributes": custom,
    });
    if let Some(price) = price {
        told["price"] = price;
    }
    told
}

/// The categories, flat.
pub fn categories() -> Vec<Value> {
    let category = |id: u64, parent: u64, name: &str, path: String| {
        json!({
            "id": id, "parent_id": parent, "name": name, "is_active": true, "path": path,
            "custom_attributes": [{ "attribute_code": "is_anchor", "value": "1" }],
        })
    };
    let mut all = vec![category(ROOT, 1, "Default Category", format!("1/{ROOT}"))];
    all.extend(CATEGORIES.iter().map(|own| category(own.id, ROOT, own.name, format!("1/{ROOT}/{}", own.id))));
    all
}

/// The attributes that rules may use.
pub fn attributes() -> Vec<Value> {
    let attribute = |(code, input): (&str, &str)| json!({ "attribute_code": code, "frontend_input": input, "is_used_for_promo_rules": "1" });
    [("price", "price"), ("special_price", "price"), ("color", "select"), ("pack_size", "select"), ("weight", "weight")]
        .map(attribute)
        .into()
}
