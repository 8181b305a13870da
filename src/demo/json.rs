//! JSON as PHP prints it: keys in the order given, slashes escaped, everything beyond ASCII as `\u` escapes.

use std::fmt::Write;

use serde_json::Value;

/// An object of values that are JSON already.
pub fn object<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, String)>) -> String {
    let entries: Vec<String> =
        entries.into_iter().map(|(key, value)| format!("{}:{value}", string(key.as_ref()))).collect();
    format!("{{{}}}", entries.join(","))
}

/// A list of values that are JSON already.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

/// Whatever JSON is.
pub fn value(value: &Value) -> String {
    match value {
        Value::Object(entries) => object(entries.iter().map(|(key, own)| (key, self::value(own)))),
        Value::Array(items) => list(items.iter().map(self::value)),
        Value::String(text) => string(text),
        plain => plain.to_string(),
    }
}

/// A string.
pub fn string(text: &str) -> String {
    let mut escaped = String::from("\"");
    let mut units = [0; 2];
    for char in text.chars() {
        match char {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '/' => escaped.push_str("\\/"),
            '\n' => escaped.push_str("\\n"),
            plain if (' '..='~').contains(&plain) => escaped.push(plain),
            other => {
                for unit in other.encode_utf16(&mut units) {
                    write!(escaped, "\\u{unit:04x}").expect("a string takes whatever is written");
                }
            }
        }
    }
    escaped.push('"');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_php_does_and_reads_back() {
        assert_eq!(string("%s\u{a0}€ </a> \"x\"\\"), r#""%s\u00a0\u20ac <\/a> \"x\"\\""#);
        let text = object([("b", String::from("1.50")), ("a", list([string("🕯"), string("x\ty")]))]);
        assert!(text.starts_with("{\"b\":1.50,\"a\":["), "{text}");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["a"], serde_json::json!(["🕯", "x\ty"]));
        assert_eq!(value(&serde_json::json!({ "a": ["<b>€</b>", 1.5, null] })), r#"{"a":["<b>\u20ac<\/b>",1.5,null]}"#);
    }
}
