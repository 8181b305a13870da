//! Cuts the bytes of a page into tokens, without a parser: what is compared is what was sent.

/// A piece of a page. All pieces of a page together are its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// One character of white space in text.
    Blank(&'a str),
    /// Text without white space at its ends.
    Text(&'a str),
    Start(Tag<'a>),
    End {
        raw: &'a str,
        name: String,
    },
    /// Comments and the like.
    Other(&'a str),
    /// What stands in a script, a style, a textarea or a title.
    Data(&'a str),
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    pub raw: &'a str,
    pub name: String,
    pub attributes: Vec<Attribute<'a>>,
}

/// An attribute with its value as it is spelt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: String,
    pub value: &'a str,
    /// Where the value begins in the tag.
    pub at: usize,
}

impl<'a> Token<'a> {
    pub fn raw(&self) -> &'a str {
        match self {
            Self::Blank(raw) | Self::Text(raw) | Self::Other(raw) | Self::Data(raw) | Self::End { raw, .. } => raw,
            Self::Start(tag) => tag.raw,
        }
    }
}

impl<'a> Tag<'a> {
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|own| own.name == name).map(|own| own.value)
    }

    pub fn has_class(&self, class: &str) -> bool {
        self.classes().any(|own| own == class)
    }

    pub fn classes(&self) -> impl Iterator<Item = &'a str> {
        // Magento spells blanks within a class attribute as entities.
        let value = self.get("class").unwrap_or_default();
        value.split("&#x20;").flat_map(str::split_ascii_whitespace)
    }

    pub fn is_void(&self) -> bool {
        let void =
            ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];
        void.contains(&self.name.as_str())
    }

    /// What stands before, between and after the values.
    pub fn skeleton(&self) -> Vec<&'a str> {
        let mut from = 0;
        let mut parts = Vec::new();
        for own in &self.attributes {
            parts.push(&self.raw[from..own.at]);
            from = own.at + own.value.len();
        }
        parts.push(&self.raw[from..]);
        parts
    }
}

/// All tokens of a page.
pub fn tokens(page: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        let token = next(rest);
        rest = &rest[token.raw().len()..];
        let data = match &token {
            Token::Start(tag) if ["script", "style", "textarea", "title"].contains(&tag.name.as_str()) => {
                Some(data_length(rest, &tag.name))
            }
            _ => None,
        };
        found.push(token);
        if let Some(length) = data {
            found.push(Token::Data(&rest[..length]));
            rest = &rest[length..];
        }
    }
    found
}

fn next(rest: &str) -> Token<'_> {
    let second = rest.strip_prefix('<').and_then(|rest| rest.chars().next());
    match second {
        Some('!' | '?') => {
            let end = if rest.starts_with("<!--") {
                rest.find("-->").map(|at| at + 3)
            } else {
                rest.find('>').map(|at| at + 1)
            };
            Token::Other(&rest[..end.unwrap_or(rest.len())])
        }
        Some('/') => {
            let raw = &rest[..rest.find('>').map_or(rest.len(), |at| at + 1)];
            Token::End { raw, name: name(&raw[2..]) }
        }
        Some(first) if first.is_ascii_alphabetic() => Token::Start(tag(rest)),
        _ => text(rest),
    }
}

fn text(rest: &str) -> Token<'_> {
    let first = rest.chars().next().expect("a rest that is not empty");
    if first.is_ascii_whitespace() {
        return Token::Blank(&rest[..1]);
    }
    let end = rest[first.len_utf8()..].find('<').map_or(rest.len(), |at| at + first.len_utf8());
    Token::Text(rest[..end].trim_ascii_end())
}

fn name(rest: &str) -> String {
    let end = rest.find(|ch: char| ch.is_ascii_whitespace() || matches!(ch, '/' | '>')).unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

fn tag(rest: &str) -> Tag<'_> {
    let name = name(&rest[1..]);
    let mut attributes = Vec::new();
    let bytes = rest.as_bytes();
    let mut at = 1 + name.len();
    loop {
        at += count(&bytes[at..], |byte| byte.is_ascii_whitespace() || byte == b'/');
        if at >= bytes.len() || bytes[at] == b'>' {
            break;
        }
        let length =
            1 + count(&bytes[at + 1..], |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/'));
        let own = rest[at..at + length].to_ascii_lowercase();
        at += length;
        let equals = at + count(&bytes[at..], |byte| byte.is_ascii_whitespace());
        if bytes.get(equals) != Some(&b'=') {
            attributes.push(Attribute { name: own, value: "", at });
            continue;
        }
        at = equals + 1 + count(&bytes[equals + 1..], |byte| byte.is_ascii_whitespace());
        let quote = bytes.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        at += usize::from(quote.is_some());
        let length = match quote {
            Some(quote) => count(&bytes[at..], |byte| byte != quote),
            None => count(&bytes[at..], |byte| !byte.is_ascii_whitespace() && byte != b'>'),
        };
        attributes.push(Attribute { name: own, value: &rest[at..at + length], at });
        at = (at + length + usize::from(quote.is_some())).min(bytes.len());
    }
    Tag { raw: &rest[..(at + 1).min(rest.len())], name, attributes }
}

fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is(**byte)).count()
}

fn data_length(rest: &str, name: &str) -> usize {
    let closes = |at: &usize| rest.get(at + 2..at + 2 + name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name));
    rest.match_indices("</").map(|(at, _)| at).find(closes).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_page() {
        let page =
            "<!doctype html>\n<a b=\"c>\" d='e' f=g h>x  y </a ><!-- <b> --><script type=x>1 < 2</script>\u{fc}<br/> <";
        let found = tokens(page);
        assert_eq!(found.iter().map(Token::raw).collect::<String>(), page);
        let Token::Start(tag) = &found[2] else { panic!("{found:?}") };
        let values: Vec<_> = tag.attributes.iter().map(|own| (own.name.as_str(), own.value)).collect();
        assert_eq!(values, [("b", "c>"), ("d", "e"), ("f", "g"), ("h", "")]);
        assert_eq!(tag.skeleton(), ["<a b=\"", "\" d='", "' f=", " h", ">"]);
        assert_eq!(found[3], Token::Text("x  y"));
        assert!(found.contains(&Token::Data("1 < 2")));
    }
}
