//! The attributes of an element, read in place: the parser would copy every one of them first.

use std::borrow::Cow;

use super::text::Span;

/// The attributes that anything here asks for: raw values, the first of each name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) id: Option<Span>,
    pub(crate) class: Option<Span>,
    pub(crate) role: Option<Span>,
    pub(crate) product_id: Option<Span>,
    pub(crate) price_box: Option<Span>,
    pub(crate) price_amount: Option<Span>,
    pub(crate) price_type: Option<Span>,
    pub(crate) product_sku: Option<Span>,
    pub(crate) content_type: Option<Span>,
    pub(crate) banner_keys: [Option<Span>; 3],
    pub(crate) itemprop: Option<Span>,
    pub(crate) property: Option<Span>,
    pub(crate) name: Option<Span>,
    pub(crate) content: Option<Span>,
    pub(crate) value: Option<Span>,
    pub(crate) kind: Option<Span>,
    pub(crate) lang: Option<Span>,
    pub(crate) mage_init: Option<Span>,
    pub(crate) tier_price: Option<Span>,
    pub(crate) of: Option<Span>,
    pub(crate) price: Option<Span>,
}

impl Attributes {
    /// Reads what follows the name in a start tag.
    pub(super) fn read(page: &str, rest: Span) -> Self {
        let mut read = Self::default();
        let bytes = rest.of(page).as_bytes();
        let mut at = 0;
        loop {
            let name = until(bytes, at, |byte| !(byte.is_ascii_whitespace() || byte == b'/'));
            if bytes.get(name).is_none_or(|byte| *byte == b'>') {
                return read;
            }
            // A name may begin with the sign that ends it elsewhere.
            let end = until(bytes, name + 1, |byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'='));
            let sign = until(bytes, end, |byte| !byte.is_ascii_whitespace());
            let mut value = end..end;
            at = sign;
            if bytes.get(sign) == Some(&b'=') {
                let start = until(bytes, sign + 1, |byte| !byte.is_ascii_whitespace());
                value = match bytes.get(start) {
                    Some(quote @ (b'"' | b'\'')) => {
                        let length = memchr::memchr(*quote, &bytes[start + 1..]);
                        start + 1..length.map_or(bytes.len(), |length| start + 1 + length)
                    }
                    _ => start..until(bytes, start, |byte| byte.is_ascii_whitespace() || byte == b'>'),
                };
                at = if value.start > start { (value.end + 1).min(bytes.len()) } else { value.end };
            }
            // Of attributes with one name the first counts, even when it has no value.
            let name = Span::new(name..end).within(rest.start);
            if let Some(field @ None) = read.field(&lower(name.of(page))) {
                *field = Some(Span::new(value).within(rest.start));
            }
        }
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<Span>> {
        Some(match name {
            "id" => &mut self.id,
            "class" => &mut self.class,
            "data-role" => &mut self.role,
            "data-product-id" => &mut self.product_id,
            "data-price-box" => &mut self.price_box,
            "data-price-amount" => &mut self.price_amount,
            "data-price-type" => &mut self.price_type,
            "data-product-sku" => &mut self.product_sku,
            "data-content-type" => &mut self.content_type,
            "data-uids" => &mut self.banner_keys[0],
            "data-banner-id" => &mut self.banner_keys[1],
            "data-ids" => &mut self.banner_keys[2],
            "itemprop" => &mut self.itemprop,
            "property" => &mut self.property,
            "name" => &mut self.name,
            "content" => &mut self.content,
            "value" => &mut self.value,
            "type" => &mut self.kind,
            "lang" => &mut self.lang,
            "data-mage-init" => &mut self.mage_init,
            "data-tier-price" => &mut self.tier_price,
            "for" => &mut self.of,
            "price" => &mut self.price,
            _ => return None,
        })
    }
}

/// Where the first byte from a place on is that ends what began there, or the end.
fn until(bytes: &[u8], from: usize, ends: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| ends(*byte)).map_or(bytes.len(), |length| from + length)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use lol_html::{HtmlRewriter, Settings, element};

    use super::super::scan::tag_name;
    use super::*;

    const NAMES: [&str; 22] = [
        "id",
        "class",
        "data-role",
        "data-product-id",
        "data-price-box",
        "data-price-amount",
        "data-price-type",
        "data-product-sku",
        "data-content-type",
        "data-uids",
        "data-banner-id",
        "data-ids",
        "itemprop",
        "property",
        "name",
        "content",
        "value",
        "type",
        "lang",
        "data-mage-init",
        "for",
        "price",
    ];

    /// What the parser says of the attributes of every element, beside what is read here.
    fn both(page: &str) -> Vec<[Vec<(&'static str, String)>; 2]> {
        let mut both = Vec::new();
        let handler = element!("*", |element| {
            let open = Span::new(element.source_location().bytes());
            let mut read = Attributes::read(page, Span { start: tag_name(page, open).end, end: open.end });
            let theirs = |name: &&str| element.attributes().iter().find(|it| it.name() == *name).map(|it| it.value());
            let theirs = NAMES.iter().filter_map(|name| Some((*name, theirs(name)?))).collect();
            let own = |name| read.field(name).expect("a known name").map(|value| value.of(page).to_owned());
            let own: Vec<_> = NAMES.into_iter().map(own).collect();
            let own = NAMES.into_iter().zip(own).filter_map(|(name, value)| Some((name, value?))).collect();
            both.push([theirs, own]);
            Ok(())
        });
        let settings = Settings::new().with_strict(false).append_element_content_handler(handler);
        let mut parser = HtmlRewriter::new(settings, |_: &[u8]| {});
        parser.write(page.as_bytes()).expect("it parses");
        parser.end().expect("it parses");
        both
    }

    #[test]
    fn reads_the_attributes_of_a_tag_as_they_are_written() {
        let page = "<div/ ID = 'a>b' class=\"x 'y'\"name=n/ data-role itemprop= id=c\nvalue\n=\n v><p =id=x type=>";
        let [[_, div], [_, p]] = &both(page)[..] else { panic!("two elements") };
        let said: Vec<(&str, &str)> = div.iter().map(|(name, value)| (*name, &**value)).collect();
        let wanted = [
            ("id", "a>b"),
            ("class", "x 'y'"),
            ("data-role", ""),
            ("itemprop", "id=c"),
            ("name", "n/"),
            ("value", "v"),
        ];
        assert_eq!(said, wanted);
        assert_eq!(p[..], [("type", String::new())]);
    }

    proptest! {
        #[test]
        fn reads_the_attributes_that_the_parser_reads(
            page in "(<p|<b |id|CLASS|name| |/|=|\"|'|>|\n|x|é|value|type){0,40}>"
        ) {
            for [theirs, own] in both(&page) {
                prop_assert_eq!(theirs, own);
            }
        }
    }
}
