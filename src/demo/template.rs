//! The little that the shop's pages need of a template language: named holes and escaping.

/// Fills the `[[name]]` holes of a template. A hole without a value is left empty.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("[[") {
        page.push_str(before);
        let Some((name, tail)) = after.split_once("]]") else {
            page.push_str("[[");
            rest = after;
            break;
        };
        page.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = tail;
    }
    page.push_str(rest);
    page
}

/// Escapes text for an element's content.
pub fn text(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, char| {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#039;"),
            plain => escaped.push(plain),
        }
        escaped
    })
}

/// Escapes text for an attribute as Magento's escaper does: everything but letters, digits and `,.-_` becomes an entity.
pub fn attribute(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, char| {
        match char {
            plain if plain.is_alphanumeric() || ",.-_".contains(plain) => escaped.push(plain),
            other => escaped.push_str(&format!("&#x{:X};", other as u32)),
        }
        escaped
    })
}

/// A JSON text that may stand inside a script element.
pub fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_holes_once() {
        assert_eq!(fill("<b>[[a]]</b>[[b]][[none]]!", &[("a", "[[b]]"), ("b", "2")]), "<b>[[b]]</b>2!");
        assert_eq!(fill("open [[a", &[("a", "1")]), "open [[a");
    }

    #[test]
    fn escapes_what_would_leave_its_place() {
        assert_eq!(text("<a b='\"&'>"), "&lt;a b=&#039;&quot;&amp;&#039;&gt;");
        assert_eq!(attribute("Tote \"A\" & co"), "Tote&#x20;&#x22;A&#x22;&#x20;&#x26;&#x20;co");
        assert_eq!(script_json(&serde_json::json!("</script>")), "\"\\u003C/script>\"");
    }
}
