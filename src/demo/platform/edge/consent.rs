//! Whether a visitor agreed, and how he says so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD_INDIFFERENT;
use serde_json::{Value, json};

use super::problem::Problem;

/// The bit of a TCF 2.0 text's first part that holds the consent to purpose 1.
const PURPOSE_ONE: usize = 152;

/// Whether the consent cookie's value lets data be collected. Without one, silence is consent, as datastreams have it by default.
pub fn is_given(cookie: Option<&str>) -> bool {
    let general = cookie.and_then(|value| value.split(';').find_map(|pair| pair.trim().strip_prefix("general=")));
    general.is_none_or(|general| general == "in")
}

/// What a set-consent request says: `in` or `out`.
pub fn read(body: &Value) -> Result<&'static str, Problem> {
    let consents = body["consent"].as_array().filter(|consents| !consents.is_empty());
    let consents = consents.ok_or_else(|| Problem::missing_field("consent"))?;
    let said: Vec<bool> =
        consents.iter().map(agrees).collect::<Option<_>>().ok_or_else(|| Problem::invalid_field("consent[0]"))?;
    Ok(if said.into_iter().all(|agrees| agrees) { "in" } else { "out" })
}

fn agrees(consent: &Value) -> Option<bool> {
    let value = &consent["value"];
    match (consent["standard"].as_str()?, consent["version"].as_str()?) {
        ("Adobe", "1.0") => Some(value["general"].as_str()? == "in"),
        ("Adobe", "2.0") => Some(value["collect"]["val"].as_str()? == "y"),
        ("IAB TCF", "2.0") => Some(has_purpose_one(value.as_str()?)),
        _ => None,
    }
}

fn has_purpose_one(text: &str) -> bool {
    let core = text.split('.').next().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD_INDIFFERENT.decode(core).unwrap_or_default();
    bytes.get(PURPOSE_ONE / 8).is_some_and(|byte| byte & (0x80 >> (PURPOSE_ONE % 8)) != 0)
}

/// The preferences that an answer repeats.
pub fn preferences(general: &str) -> Value {
    json!({ "collect": { "val": if general == "in" { "y" } else { "n" } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_who_agreed() {
        for agreed in [None, Some("general=in"), Some("a=b; general=in"), Some("")] {
            assert!(is_given(agreed), "{agreed:?}");
        }
        for refused in ["general=out", "a=b;general=out", "general=pending"] {
            assert!(!is_given(Some(refused)), "{refused}");
        }
    }

    #[test]
    fn reads_every_standard() {
        let of = |consent: Value| read(&json!({ "consent": [consent] }));
        let v1 = |general: &str| json!({ "standard": "Adobe", "version": "1.0", "value": { "general": general } });
        assert_eq!((of(v1("in")), of(v1("out"))), (Ok("in"), Ok("out")));
        let v2 = |val: &str| json!({ "standard": "Adobe", "version": "2.0", "value": { "collect": { "val": val } } });
        assert_eq!((of(v2("y")), of(v2("n"))), (Ok("in"), Ok("out")));
        let tcf = |text: &str| json!({ "standard": "IAB TCF", "version": "2.0", "value": text });
        let bits = |byte: u8| URL_SAFE_NO_PAD_INDIFFERENT.encode([[0; 19].as_slice(), &[byte]].concat());
        assert_eq!((of(tcf(&bits(0x80))), of(tcf(&bits(0x7f)))), (Ok("in"), Ok("out")));
        assert!(of(json!({ "standard": "Adobe", "version": "3.0", "value": {} })).is_err());
        assert!(read(&json!({ "consent": [] })).is_err());
    }
}
