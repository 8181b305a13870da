//! Ranges of a page, and what its raw text stands for.

use std::borrow::Cow;
use std::ops::Range;

/// A byte range of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Offset of the first byte.
    pub(crate) start: u32,
    /// Offset after the last byte.
    pub(crate) end: u32,
}

impl Span {
    /// The range of a page, which `Plan::compile` has found to be below 4 GiB.
    pub(crate) fn new(range: Range<usize>) -> Self {
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: at(range.start), end: at(range.end) }
    }

    /// The empty range at an offset.
    pub(crate) fn at(offset: u32) -> Self {
        Self { start: offset, end: offset }
    }

    /// The same range of a text that begins at this offset of the page.
    pub(crate) fn within(self, start: u32) -> Self {
        Self { start: start.saturating_add(self.start), end: start.saturating_add(self.end) }
    }

    /// The range as an index.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text there; empty where the range does not fit the page.
    pub(crate) fn of(self, page: &str) -> &str {
        page.get(self.range()).unwrap_or_default()
    }

    /// The same without the white space at its ends.
    pub(crate) fn trimmed(self, page: &str) -> Self {
        let text = self.of(page);
        let before = text.len() - text.trim_start().len();
        let length = text.trim().len();
        if length == 0 { self } else { Self::new(before..before + length).within(self.start) }
    }

    /// Whether `other` lies within.
    pub(crate) fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A character of raw HTML text, with the bytes that spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glyph {
    /// What is shown.
    pub(crate) shown: char,
    /// Where it stands in the raw text.
    pub(crate) raw: Range<usize>,
}

/// Reads raw text, character references resolved. Unknown references stay the characters they are made of.
pub(crate) fn glyphs(raw: &str) -> impl Iterator<Item = Glyph> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &raw[at..];
        let first = rest.chars().next()?;
        let (shown, length) = reference(rest).unwrap_or((first, first.len_utf8()));
        let start = at;
        at += length;
        Some(Glyph { shown, raw: start..at })
    })
}

/// The text that raw HTML text or a raw attribute value stands for.
pub(crate) fn decode(raw: &str) -> Cow<'_, str> {
    if raw.contains('&') { glyphs(raw).map(|glyph| glyph.shown).collect() } else { Cow::Borrowed(raw) }
}

/// The longest reference read, `&#x1F4A9;` and some room.
const LONGEST_REFERENCE: usize = 12;

fn reference(rest: &str) -> Option<(char, usize)> {
    let body = rest.strip_prefix('&')?;
    let end = body.bytes().take(LONGEST_REFERENCE).position(|byte| byte == b';')?;
    let name = &body[..end];
    let shown = match name.strip_prefix('#') {
        Some(number) => numeric(number)?,
        None => named(name)?,
    };
    Some((shown, end + 2))
}

fn numeric(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // Browsers read the C1 range as Windows-1252: such a reference is not worth guessing.
    let code =
        digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| u32::from_str_radix(digits, radix).ok())??;
    char::from_u32(code).filter(|ch| *ch != '\0' && !('\u{80}'..='\u{9f}').contains(ch))
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "NonBreakingSpace" => '\u{a0}',
        "thinsp" => '\u{2009}',
        "ensp" => '\u{2002}',
        "emsp" => '\u{2003}',
        "rsquo" => '\u{2019}',
        "lsquo" => '\u{2018}',
        "comma" => ',',
        "period" => '.',
        "sol" => '/',
        "colon" => ':',
        "Tab" => '\t',
        "NewLine" => '\n',
        "dollar" => '$',
        "euro" => '€',
        "pound" => '£',
        "yen" => '¥',
        "cent" => '¢',
        "curren" => '¤',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::html::escape;

    #[test]
    fn resolves_references_as_magento_writes_them() {
        assert_eq!(decode("price-final_price&#x20;tax&#x20;weee"), "price-final_price tax weee");
        assert_eq!(decode("1&nbsp;234,50&#160;&euro;"), "1\u{a0}234,50\u{a0}€");
        assert_eq!(decode("a & b &unknown; &#xZZ; &#128; &"), "a & b &unknown; &#xZZ; &#128; &");
    }

    #[test]
    fn glyphs_know_the_bytes_that_spell_them() {
        let read: Vec<_> = glyphs("€&#160;1").map(|glyph| (glyph.shown, glyph.raw)).collect();
        assert_eq!(read, [('€', 0..3), ('\u{a0}', 3..9), ('1', 9..10)]);
    }

    #[test]
    fn escaped_text_reads_back() {
        let text = r#"<b class="x">Tom & 'Jerry'</b>"#;
        assert_eq!(decode(&escape(text)), text);
        assert!(!escape(text).contains(['<', '>', '"', '\'']));
    }
}
