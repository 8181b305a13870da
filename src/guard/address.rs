//! Where a cart goes, as the checkout's own requests tell it.

use serde::Deserialize;
use serde_json::Value;

use crate::rule::cart_rule::Address;

/// The body of `totals-information` and `shipping-information`. Magento takes its fields in either spelling.
#[derive(Debug, Deserialize)]
struct Information {
    #[serde(alias = "addressInformation")]
    address_information: Wanted,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(alias = "shippingAddress", alias = "address")]
    shipping_address: Place,
    #[serde(alias = "shippingMethodCode")]
    shipping_method_code: Option<String>,
    #[serde(alias = "shippingCarrierCode")]
    shipping_carrier_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Place {
    #[serde(alias = "countryId")]
    country_id: Option<String>,
    region: Option<Value>,
    #[serde(alias = "regionId")]
    region_id: Option<Value>,
    postcode: Option<Value>,
}

/// The address and the shipping method in a request's body, without what shipping costs; `None` where it does not say them whole.
pub(super) fn of_request(body: &[u8]) -> Option<Address> {
    let wanted = serde_json::from_slice::<Information>(body).ok()?.address_information;
    let to = wanted.shipping_address;
    // A region's name by its number only Magento knows.
    let (region, region_id) = match to.region {
        Some(Value::Object(parts)) => (parts.get("region").and_then(text), parts.get("region_id").and_then(number)),
        Some(region) => (text(&region), None),
        None => (None, None),
    };
    let region_id = region_id.or_else(|| to.region_id.as_ref().and_then(number)).filter(|id| *id > 0);
    let region = region.unwrap_or_default();
    if region.is_empty() && region_id.is_some() {
        return None;
    }
    let method = wanted.shipping_carrier_code.zip(wanted.shipping_method_code);
    Some(Address {
        country: to.country_id?,
        region,
        region_id,
        postcode: to.postcode.as_ref().and_then(text).unwrap_or_default(),
        shipping_method: method.map(|(carrier, method)| format!("{carrier}_{method}")),
        ..Address::default()
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn address(body: Value) -> Option<Address> {
        of_request(body.to_string().as_bytes())
    }

    #[test]
    fn reads_both_requests_in_either_spelling() {
        let california = Address {
            country: "US".to_owned(),
            region: "California".to_owned(),
            region_id: Some(12),
            postcode: "90034".to_owned(),
            shipping_method: Some("flatrate_flatrate".to_owned()),
            ..Address::default()
        };
        let lumas = json!({ "addressInformation": {
            "address": { "countryId": "US", "region": "California", "regionId": "12", "postcode": "90034" },
            "shipping_method_code": "flatrate", "shipping_carrier_code": "flatrate" } });
        let saved = json!({ "addressInformation": {
            "shipping_address": { "countryId": "US", "regionId": 12, "regionCode": "CA", "region": "California",
                "postcode": "90034", "street": ["1 Main St"], "firstname": "A", "lastname": "B" },
            "billing_address": { "countryId": "DE" },
            "shipping_method_code": "flatrate", "shipping_carrier_code": "flatrate", "extension_attributes": {} } });
        let plain = json!({ "address_information": {
            "shipping_address": { "country_id": "US", "postcode": 90034,
                "region": { "region": "California", "region_id": 12, "region_code": "CA" } },
            "shippingMethodCode": "flatrate", "shippingCarrierCode": "flatrate" } });
        for body in [lumas, saved, plain] {
            assert_eq!(address(body.clone()).as_ref(), Some(&california), "{body}");
        }
    }

    #[test]
    fn half_an_address_is_none() {
        let of = |address_information: Value| address(json!({ "addressInformation": address_information }));
        let estimate = of(json!({ "address": { "countryId": "DE", "regionId": "0" } })).expect("an address");
        assert_eq!((&*estimate.country, estimate.region_id, estimate.shipping_method), ("DE", None, None));
        assert_eq!(of(json!({ "address": { "countryId": "US", "regionId": "12" } })), None, "which region is 12?");
        assert_eq!(of(json!({ "address": { "postcode": "1" } })), None);
        assert_eq!((address(json!({ "cartItem": {} })), of_request(b"<html>")), (None, None));
    }
}
