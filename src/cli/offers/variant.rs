//! Which variant of a configurable product is put into a cart, and how a cart is asked for it.

use serde_json::{Value, json};

use crate::catalog::rest::encoded;
use crate::commerce::{Area, Client, CommerceError};

/// How many variants are looked at before it is said that none can be chosen.
const MOST_LOOKS: usize = 3;

/// What a cart's item says of one of a configurable product's variants, as `product_option`.
///
/// # Errors
/// In the words of whoever reads the report.
pub(super) async fn option(client: &Client, sku: &str, variants: &[String]) -> Result<Value, String> {
    let said = |error: CommerceError| error.to_string();
    let parent = product(client, sku).await.map_err(said)?;
    let options = &parent["extension_attributes"]["configurable_product_options"];
    for variant in variants.iter().take(MOST_LOOKS) {
        if let Some(chosen) = chosen(options, &product(client, variant).await.map_err(said)?) {
            return Ok(json!({ "extension_attributes": { "configurable_item_options": chosen } }));
        }
    }
    Err("Commerce does not say how its variants are chosen".to_owned())
}

async fn product(client: &Client, sku: &str) -> Result<Value, CommerceError> {
    let path = format!("/V1/products/{}", encoded(sku));
    let fields = "extension_attributes[configurable_product_options],custom_attributes";
    client.get(Area::Products, &path, &[("fields".to_owned(), fields.to_owned())]).await
}

/// A variant's values of the attributes that it is chosen by. An option names its attribute by a number that no variant has, and the
/// values that there are: a variant has one of them. `None` where more than one of its attributes has such a value.
fn chosen(options: &Value, variant: &Value) -> Option<Vec<Value>> {
    let options = options.as_array().filter(|options| !options.is_empty())?;
    let of_variant: Vec<u64> = list(&variant["custom_attributes"]).filter_map(|one| whole(&one["value"])).collect();
    let one = |option: &Value| {
        let values: Vec<u64> = list(&option["values"]).filter_map(|value| whole(&value["value_index"])).collect();
        let mut found: Vec<u64> = of_variant.iter().copied().filter(|value| values.contains(value)).collect();
        found.dedup();
        let [value] = found[..] else { return None };
        Some(json!({ "option_id": whole(&option["attribute_id"])?.to_string(), "option_value": value }))
    };
    options.iter().map(one).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A number, which Commerce writes as text in some places.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Value {
        json!([
            { "attribute_id": "144", "values": [{ "value_index": 166 }, { "value_index": 167 }] },
            { "attribute_id": "93", "values": [{ "value_index": 52 }] },
        ])
    }

    fn variant(values: &[Value]) -> Value {
        let one = |value: &Value| json!({ "attribute_code": "any", "value": value });
        json!({ "custom_attributes": values.iter().map(one).collect::<Vec<_>>() })
    }

    #[test]
    fn a_variant_is_told_by_the_values_that_its_parents_options_have() {
        let told = variant(&[json!("container2"), json!(["3", "4"]), json!("52"), json!("167")]);
        let wanted = json!([
            { "option_id": "144", "option_value": 167 }, { "option_id": "93", "option_value": 52 },
        ]);
        assert_eq!(chosen(&options(), &told).map(Value::Array), Some(wanted));
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        assert_eq!(chosen(&options(), &variant(&[json!("167")])), None, "it has no colour");
        assert_eq!(chosen(&options(), &variant(&[json!("166"), json!("167"), json!("52")])), None, "two sizes");
        assert_eq!(chosen(&json!([]), &variant(&[json!("167")])), None);
        assert_eq!(chosen(&Value::Null, &variant(&[json!("167")])), None);
    }
}
