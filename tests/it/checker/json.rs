//! Compares two JSON texts byte by byte: what may differ are amounts and texts of prices at the places where such stand.

use super::number::{amount, is_part_of_numbers, without_numbers};

/// Whom data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Luma's scripts, which set widgets up.
    Widgets,
    /// One element's widgets, whose names stand at the top.
    Element,
    /// Crawlers.
    Crawlers,
}

/// A scalar or what stands between scalars.
#[derive(Debug, PartialEq, Eq)]
struct Piece<'a> {
    raw: &'a str,
    /// Names and numbers on the way to a scalar value; nothing for keys, punctuation and white space.
    path: Option<Vec<String>>,
}

/// What differs between two texts that must not.
pub fn differences(reader: Reader, before: &str, after: &str) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let (old, new) = (pieces(before), pieces(after));
    if old.len() != new.len() {
        return vec![format!("data of another shape: {:.60} … became {:.60} …", before.trim(), after.trim())];
    }
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
    changed.filter(|(old, new)| !is_slot(reader, old, new)).map(|(old, new)| told(old, new)).collect()
}

fn told(old: &Piece<'_>, new: &Piece<'_>) -> String {
    let path = old.path.as_ref().map(|path| path.join("/")).unwrap_or_default();
    format!("data at {path}: {:.80} became {:.80}", old.raw, new.raw)
}

fn is_slot(reader: Reader, old: &Piece<'_>, new: &Piece<'_>) -> bool {
    let (Some(path), Some(other)) = (&old.path, &new.path) else { return false };
    let text = |piece: &Piece<'_>| piece.raw.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    let same_kind = match (text(old), text(new)) {
        (None, None) => amount(old.raw).is_some() && amount(new.raw).is_some(),
        (Some(old), Some(new)) if amount(&old).is_some() => amount(&new).is_some(),
        (Some(old), Some(new)) => without_numbers(&spelt_out(&old)) == without_numbers(&spelt_out(&new)),
        _ => false,
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_price = match reader {
        Reader::Widgets => is_price_path(path.get(1..).unwrap_or_default()),
        Reader::Element => is_price_path(&path),
        Reader::Crawlers => {
            path.last().is_some_and(|key| ["price", "lowPrice", "highPrice"].contains(key))
                && !path.contains(&"shippingDetails")
        }
    };
    path == *other && same_kind && is_price
}

/// A text of JSON with digits and separators as themselves and all other escapes as they are.
fn spelt_out(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut spelt = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..4).and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        match code.filter(|code| is_part_of_numbers(*code)) {
            Some(code) => spelt.extend([code.to_string().as_str(), &part[4..]]),
            None => spelt.extend(["\\u", part]),
        }
    }
    spelt
}

/// A text as it is read; that of a price has no escapes beyond those of its characters.
fn unescaped(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

/// Whether prices that follow an offer stand at a path.
fn is_price_path(path: &[&str]) -> bool {
    let final_amount = |rest: &[&str]| match rest {
        [kind, "amount"] => is_final(kind),
        _ => false,
    };
    let tier = |rest: &[&str]| match rest {
        [_] => true,
        [_, key] => ["price", "basePrice", "percentage"].contains(key),
        _ => false,
    };
    match path {
        ["priceBox", "priceConfig", "prices", rest @ ..] => final_amount(rest),
        ["priceBox", "priceConfig", "tierPrices", rest @ ..] => tier(rest),
        ["Magento_Swatches/js/swatch-renderer", "jsonConfig", rest @ ..] | ["configurable", "spConfig", rest @ ..] => {
            match rest {
                ["prices", rest @ ..] => final_amount(rest),
                ["optionPrices", _, "tierPrices", rest @ ..] => tier(rest),
                ["optionPrices", _, rest @ ..] => final_amount(rest),
                _ => false,
            }
        }
        ["priceBundle", "optionConfig", rest @ ..] => match rest {
            ["prices", rest @ ..] | ["options", _, "selections", _, "prices", rest @ ..] => final_amount(rest),
            ["options", _, "selections", _, "tierPrice", rest @ ..] => tier(rest),
            _ => false,
        },
        ["priceOptions", "optionConfig", .., "prices", kind, "amount"] => is_final(kind) || *kind == "oldPrice",
        ["Magento_Catalog/js/product/view/provider", "data", "items", _, "price_info", .., key] => [
            "final_price",
            "minimal_price",
            "max_price",
            "special_price",
            "max_regular_price",
            "minimal_regular_price",
            "weee_adjustment",
        ]
        .contains(key),
        ["downloadable", "config", "links", _, key] => is_final(key),
        [_, "realPrice"] => true,
        _ => false,
    }
}

fn is_final(kind: &str) -> bool {
    ["finalPrice", "basePrice", "minPrice", "baseMinPrice", "maxPrice", "baseMaxPrice"].contains(&kind)
}

/// Where a text of JSON is.
enum Level {
    Object(String),
    List(usize),
}

/// A text's scalars and what stands between them.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut levels: Vec<Level> = Vec::new();
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' | 'a'..='z' => {
                rest.find(|ch: char| !matches!(ch, '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'E')).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        };
        let (raw, after) = rest.split_at(length);
        let is_key = first == '"' && after.trim_ascii_start().starts_with(':');
        match (first, levels.last_mut()) {
            ('{', _) => levels.push(Level::Object(String::new())),
            ('[', _) => levels.push(Level::List(0)),
            ('}' | ']', _) => drop(levels.pop()),
            (',', Some(Level::List(nth))) => *nth += 1,
            ('"', Some(Level::Object(key))) if is_key => *key = unescaped(raw.trim_matches('"')),
            _ => {}
        }
        let is_value = !is_key && matches!(first, '"' | '-' | '0'..='9' | 'a'..='z');
        found.push(Piece { raw, path: is_value.then(|| path(&levels)) });
        rest = after;
    }
    found
}

fn path(levels: &[Level]) -> Vec<String> {
    let step = |level: &Level| match level {
        Level::Object(key) => key.clone(),
        Level::List(nth) => nth.to_string(),
    };
    levels.iter().map(step).collect()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, ch) in rest.char_indices().skip(1) {
        match ch {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r##"{"#a": {"priceBox":{"priceConfig": {"x":[1, 2],"prices":{"oldPrice":{"amount":24},"finalPrice":{"amount":24,"adjustments":[]}}}}}}"##;

    #[test]
    fn amounts_may_differ_and_nothing_else() {
        let differences = |before: &str, after: &str| differences(Reader::Widgets, before, after);
        assert!(differences(CONFIG, &CONFIG.replace("24,", "19.2,")).is_empty());
        for other in [
            CONFIG.replace("24}", "19.2}"),
            CONFIG.replace("24,", "\"19.2\","),
            CONFIG.replace("1, 2", "1,2"),
            CONFIG.replace("1, 2", "1, 3"),
            CONFIG.replace("24,", "19.2 ,"),
            CONFIG.replace("adjustments", "adjustment"),
            CONFIG.replace("24,", "{},"),
        ] {
            assert_eq!(differences(CONFIG, &other).len(), 1, "{other}");
        }
    }

    #[test]
    fn texts_of_prices_keep_pattern_and_escapes() {
        let of = |text: &str| {
            format!(
                r#"{{"*":{{"Magento_Catalog/js/product/view/provider":{{"data":{{"items":{{"1":{{"price_info":{{"formatted_prices":{{"final_price":"{text}"}}}}}}}}}}}}}}}}"#
            )
        };
        let differences = |before: &str, after: &str| differences(Reader::Widgets, before, after);
        let before = of(r#"<span class=\"price\">24,00\u00a0\u20ac<\/span>"#);
        assert!(differences(&before, &of(r#"<span class=\"price\">19,20\u00a0\u20ac<\/span>"#)).is_empty());
        assert_eq!(differences(&before, &of(r#"<span class=\"price\">$19,20<\/span>"#)).len(), 1);
    }
}
