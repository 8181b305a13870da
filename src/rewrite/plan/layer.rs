//! Text within text: JSON in an attribute, HTML in a JSON string. What each layer says, and where in the page each byte of it is spelt.

use std::borrow::Cow;
use std::ops::Range;

use super::text::{Span, glyphs};

/// What a stretch of the page stands for, one or more encodings removed.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    text: Cow<'a, str>,
    places: Places,
}

/// Where in the page the bytes of a layer are.
#[derive(Clone, Debug)]
enum Places {
    /// As they are, from this offset on.
    Same(u32),
    /// The offset of what spells each byte, and at last that of the end.
    Spelt(Vec<u32>),
}

/// One character of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelt<'a> {
    /// What it is.
    pub(crate) shown: char,
    /// Where the page spells it.
    pub(crate) span: Span,
    /// How the page spells it.
    pub(crate) raw: &'a str,
}

impl<'a> Layer<'a> {
    /// A stretch of the page as it is.
    pub(crate) fn of(page: &'a str, span: Span) -> Self {
        Self { text: Cow::Borrowed(span.of(page)), places: Places::Same(span.start) }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the page spells a range of it.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        Span { start: self.place(range.start), end: self.place(range.end) }
    }

    /// Where the page spells all of it.
    pub(crate) fn whole(&self) -> Span {
        self.span(0..self.text.len())
    }

    /// A range of it as a layer of its own; empty where the range cuts a character.
    pub(crate) fn part(&self, range: Range<usize>) -> Layer<'_> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let places = match &self.places {
            Places::Same(start) => Places::Same(start.saturating_add(Span::new(range).start)),
            Places::Spelt(places) => Places::Spelt(
                places.get(range.start..=range.start + text.len()).map(<[u32]>::to_vec).unwrap_or_default(),
            ),
        };
        Layer { text: Cow::Borrowed(text), places }
    }

    /// The same with character references resolved.
    pub(crate) fn html(&self) -> Layer<'_> {
        if !self.text.contains('&') {
            return self.part(0..self.text.len());
        }
        self.decoded(glyphs(&self.text).map(|glyph| (glyph.shown, glyph.raw)))
    }

    /// The content of a JSON string with its escapes resolved; nothing if one is broken.
    pub(crate) fn json(&self) -> Option<Layer<'_>> {
        if !self.text.contains('\\') {
            return Some(self.part(0..self.text.len()));
        }
        let mut at = 0;
        let mut glyphs = Vec::new();
        while at < self.text.len() {
            let (shown, length) = escape(&self.text[at..])?;
            glyphs.push((shown, at..at + length));
            at += length;
        }
        Some(self.decoded(glyphs.into_iter()))
    }

    /// Its characters, each with its spelling in the page.
    pub(crate) fn glyphs<'p>(&self, page: &'p str) -> impl Iterator<Item = Spelt<'p>> + use<'_, 'p> {
        self.text.char_indices().map(move |(at, shown)| {
            let span = self.span(at..at + shown.len_utf8());
            Spelt { shown, span, raw: span.of(page) }
        })
    }

    fn decoded(&self, glyphs: impl Iterator<Item = (char, Range<usize>)>) -> Layer<'_> {
        let mut text = String::with_capacity(self.text.len());
        let mut places = Vec::with_capacity(self.text.len() + 1);
        for (shown, raw) in glyphs {
            text.push(shown);
            places.resize(text.len(), self.place(raw.start));
        }
        places.push(self.place(self.text.len()));
        Layer { text: Cow::Owned(text), places: Places::Spelt(places) }
    }

    fn place(&self, at: usize) -> u32 {
        match &self.places {
            Places::Same(start) => start.saturating_add(Span::new(at..at).start),
            Places::Spelt(places) => places.get(at).or(places.last()).copied().unwrap_or_default(),
        }
    }
}

/// The character that JSON string content begins with, and how many bytes spell it.
fn escape(rest: &str) -> Option<(char, usize)> {
    let first = rest.chars().next()?;
    if first != '\\' {
        return Some((first, first.len_utf8()));
    }
    Some(match rest.as_bytes().get(1)? {
        b'"' => ('"', 2),
        b'\\' => ('\\', 2),
        b'/' => ('/', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => match unit(rest)? {
            high @ 0xd800..=0xdbff => {
                let low = unit(rest.get(6..)?).filter(|low| (0xdc00..=0xdfff).contains(low))?;
                (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12)
            }
            unit => (char::from_u32(unit)?, 6),
        },
        _ => return None,
    })
}

/// The code unit of an escape such as `\u20ac`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_spells_each_character_through_three_encodings() {
        let page = r#"<a data-x='{"p":"&lt;b&gt;1 \u0026euro;&#x3C;\/b>"}'>"#;
        let start = page.find('{').expect("there");
        let attribute = Layer::of(page, Span::new(start..page.find("'>").expect("there")));
        let json = attribute.html();
        assert_eq!(json.text(), r#"{"p":"<b>1 \u0026euro;<\/b>"}"#);
        let string = json.part(6..json.text().len() - 2);
        let html = string.json().expect("good escapes");
        assert_eq!(html.text(), "<b>1 &euro;</b>");
        let words = html.part(3..11);
        let text = words.html();
        assert_eq!(text.text(), "1 €");
        let spelt: Vec<_> = text.glyphs(page).map(|glyph| (glyph.shown, glyph.raw)).collect();
        assert_eq!(spelt, [('1', "1"), (' ', " "), ('€', r"\u0026euro;")]);
        assert_eq!(html.span(0..3).of(page), "&lt;b&gt;");
    }

    #[test]
    fn reads_every_escape_and_no_broken_one() {
        let read = |raw: &str| Some(Layer::of(raw, Span::new(0..raw.len())).json()?.text().to_owned());
        assert_eq!(read(r#"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"#).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\té😀é"));
        for broken in [r"\", r"\x", r"\u12", r"\ud83d", r"\ud83dA", r"\ude00", r"\u+123"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
