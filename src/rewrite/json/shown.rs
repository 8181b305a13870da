//! HTML in a JSON string that shows one price.

use std::ops::Range;

use rust_decimal::Decimal;

use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::PriceText;

/// Understands the one price that the HTML in a JSON string shows; `string` is the string's content as it is written. Gives how it is
/// written and where all that is shown is spelt; nothing unless it says `value` and shows nothing else.
pub(crate) fn price_text(page: &str, string: &Layer<'_>, value: Decimal) -> Option<(PriceText, Span)> {
    let html = string.json()?;
    let text = html.part(only_text(html.text())?);
    let price = PriceText::learn_in(page, &text.html(), value)?;
    Some((price, text.whole()))
}

/// The only text between tags that is not blank, without the blanks around it.
pub(crate) fn only_text(html: &str) -> Option<Range<usize>> {
    let mut found = texts(html)?.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// Every text between tags that is not blank, without the blanks around it; nothing for HTML that could hide some.
pub(crate) fn texts(html: &str) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < html.len() {
        let rest = &html[at..];
        let end = rest.find('<').unwrap_or(rest.len());
        let text = rest[..end].trim_ascii();
        if !text.is_empty() {
            let start = at + (end - rest[..end].trim_ascii_start().len());
            found.push(start..start + text.len());
        }
        at += match rest.get(end..)? {
            "" => end,
            tag => end + tag_length(tag)?,
        };
    }
    Some(found)
}

/// How long the tag is that a text begins with. A comment could hide a price, and a quoted `>` could hide where the tag ends.
fn tag_length(tag: &str) -> Option<usize> {
    let name = tag.strip_prefix('<')?.trim_start_matches('/');
    name.starts_with(|ch: char| ch.is_ascii_alphabetic()).then_some(())?;
    let end = tag.find('>')?;
    let quotes = tag[..end].bytes().filter(|byte| *byte == b'"').count();
    quotes.is_multiple_of(2).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> Option<&str> {
        only_text(html).map(|range| &html[range])
    }

    #[test]
    fn finds_the_only_text() {
        assert_eq!(shown("<span class=\"price\">$24.10</span>"), Some("$24.10"));
        assert_eq!(shown("\n <b data-label=\"Excl.&#x20;Tax\">\n <i> 1 \u{a0}€ </i> </b>\n"), Some("1 \u{a0}€"));
        assert_eq!(shown("$1"), Some("$1"));
    }

    #[test]
    fn declines_more_and_less_than_one_text() {
        for html in ["", "<b></b>", "<b>1</b><i>2</i>", "<!-- 2 -->1", "<b title=\">\">1</b>", "1 < 2", "<b"] {
            assert_eq!(shown(html), None, "{html}");
        }
    }
}
