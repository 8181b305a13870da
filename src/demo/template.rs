//! The little that the shop's pages need of a template language: named holes and escaping.

use super::view::View;

/// Fills the `[[name]]` holes of a template for a store view: `[[_Phrase]]` holds a phrase in the view's language, `[[@Phrase]]` the same
/// for an attribute, `[[base]]` what the view's paths begin with, and `[[base_json]]` and `[[base_coded]]`
/// that for JSON and scripts as PHP prints them. `[[open]]` is a bracket before a hole.
pub fn render(view: &View, template: &'static str, values: &[(&str, String)]) -> String {
    let found = |name: &'static str| match name.as_bytes().first() {
        Some(b'_') => text(view.phrase(&name[1..])),
        Some(b'@') => attribute(view.phrase(&name[1..])),
        _ if name == "open" => String::from("["),
        _ if name == "base" => view.prefix.to_owned(),
        _ if name == "base_coded" => view.prefix.replace('/', "\\u002F"),
        _ if name == "base_json" => view.prefix.replace('/', "\\/"),
        _ => values.iter().find(|(key, _)| *key == name).map_or_else(String::new, |(_, value)| value.clone()),
    };
    filled(template, found)
}

/// Fills the `[[name]]` holes of a template. A hole without a value is left empty.
pub fn fill(template: &'static str, values: &[(&str, &str)]) -> String {
    filled(template, |name| {
        values.iter().find(|(key, _)| *key == name).map_or_else(String::new, |(_, value)| (*value).to_owned())
    })
}

fn filled(template: &'static str, value: impl Fn(&'static str) -> String) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("[[") {
        page.push_str(before);
        let Some((name, tail)) = after.split_once("]]") else {
            page.push_str("[[");
            rest = after;
            break;
        };
        page.push_str(&value(name));
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
        let values = [("a", String::from("[[b]]")), ("b", String::from("2"))];
        let filled = |template| render(View::with_code("default"), template, &values);
        assert_eq!(filled("<b>[[a]]</b>[[b]][[none]]!"), "<b>[[b]]</b>2!");
        assert_eq!(filled("open [[a"), "open [[a");
    }

    #[test]
    fn speaks_the_language_of_the_view() {
        let filled = |code, template| render(View::with_code(code), template, &[]);
        assert_eq!(
            filled("de", "[[base]]/x [[_Add to Cart]] [[@Add to Cart]]"),
            "/de/x In den Warenkorb In&#x20;den&#x20;Warenkorb"
        );
        assert_eq!(filled("default", "[[base]]/x [[@Add to Cart]]"), "/x Add&#x20;to&#x20;Cart");
        assert_eq!(filled("b2b", "[[base_json]]"), "\\/b2b");
    }

    #[test]
    fn escapes_what_would_leave_its_place() {
        assert_eq!(text("<a b='\"&'>"), "&lt;a b=&#039;&quot;&amp;&#039;&gt;");
        assert_eq!(attribute("Tote \"A\" & co"), "Tote&#x20;&#x22;A&#x22;&#x20;&#x26;&#x20;co");
        assert_eq!(script_json(&serde_json::json!("</script>")), "\"\\u003C/script>\"");
    }
}
