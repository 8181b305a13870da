//! JSON strings as PHP writes them: slashes escaped, and everything that is not ASCII.

use std::fmt::Write as _;

/// The content of a JSON string, as `json_encode` makes it of a text.
pub(super) fn escaped(text: &str) -> String {
    let mut raw = String::with_capacity(text.len() + 16);
    for ch in text.chars() {
        match ch {
            '"' => raw.push_str("\\\""),
            '\\' => raw.push_str("\\\\"),
            '/' => raw.push_str("\\/"),
            '\u{8}' => raw.push_str("\\b"),
            '\u{c}' => raw.push_str("\\f"),
            '\n' => raw.push_str("\\n"),
            '\r' => raw.push_str("\\r"),
            '\t' => raw.push_str("\\t"),
            ' '..='~' | '\u{7f}' => raw.push(ch),
            _ => {
                let mut units = [0; 2];
                for unit in ch.encode_utf16(&mut units) {
                    // Writing into a text cannot fail.
                    let _ = write!(raw, "\\u{unit:04x}");
                }
            }
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_as_php_does() {
        assert_eq!(
            escaped("<b class=\"x\">1 €</b>\n😀\u{1}\u{7f}"),
            "<b class=\\\"x\\\">1 \\u20ac<\\/b>\\n\\ud83d\\ude00\\u0001\u{7f}"
        );
    }

    proptest! {
        #[test]
        fn reads_back(text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let json = format!("\"{}\"", escaped(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
            prop_assert!(json.is_ascii());
        }
    }
}
