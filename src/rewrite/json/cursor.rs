//! Reads JSON in one pass and keeps the places of what it reads: `serde_json` gives values, but a page needs the bytes around them.
//!
//! Values that nobody asks for are skipped without being looked into. Malformed text ends the reading; browsers do not run such data.

use std::ops::Range;

/// A place in JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Script data nests some dozen levels; what goes far deeper is no data of a shop.
const DEEPEST: usize = 128;

impl<'a> Cursor<'a> {
    /// The start of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The text that is read.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The first byte of the next value: `{`, `[`, `"`, a digit or `-`, or a letter.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Where the next value begins.
    pub(crate) fn place(&mut self) -> usize {
        self.space();
        self.at
    }

    /// Reads an object: `read` gets every key and may read the value, which is skipped if it does not.
    pub(crate) fn object(&mut self, mut read: impl FnMut(Key<'a>, &mut Self) -> Option<()>) -> Option<()> {
        self.list(b'{', b'}', |cursor| {
            let key = Key { raw: &cursor.text[cursor.string()?] };
            cursor.take(b':')?;
            cursor.value(|cursor| read(key, cursor))
        })
    }

    /// Reads an array likewise.
    pub(crate) fn array(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(b'[', b']', |cursor| cursor.value(&mut read))
    }

    /// Reads the elements of an array or the values of an object: PHP writes a list with gaps as an object. Anything else has none.
    pub(crate) fn elements(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        match self.peek()? {
            b'[' => self.array(read),
            b'{' => self.object(|_, cursor| read(cursor)),
            _ => self.skip().map(|_| ()),
        }
    }

    /// The content of the string that follows, escapes and all.
    pub(crate) fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return Some(start..self.at - 1);
            }
            // Whatever is escaped does not end the string; the text is UTF-8, so that the byte is there or the string is broken.
            self.at += 1;
            if self.at > self.text.len() {
                return None;
            }
        }
    }

    /// The number that follows, or the content of the string that follows.
    pub(crate) fn number(&mut self) -> Option<Range<usize>> {
        match self.peek()? {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.scalar();
                Some(start..self.at)
            }
            _ => None,
        }
    }

    /// The range of the value that follows, whatever it is.
    pub(crate) fn skip(&mut self) -> Option<Range<usize>> {
        let start = self.place();
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.skip_nested()?,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => self.scalar(),
            _ => return None,
        }
        Some(start..self.at)
    }

    /// Whether nothing but space is left.
    pub(crate) fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    fn value(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let before = self.place();
        read(self)?;
        if self.at == before { self.skip().map(drop) } else { Some(()) }
    }

    fn list(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        if self.peek()? == close {
            self.at += 1;
        } else {
            loop {
                item(self)?;
                let next = self.peek()?;
                self.at += 1;
                if next == close {
                    break;
                }
                if next != b',' {
                    return None;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    fn scalar(&mut self) {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| !ends(byte)).count();
    }

    fn skip_nested(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        loop {
            match *bytes.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A key of an object, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    raw: &'a str,
}

impl<'a> Key<'a> {
    /// The key's text. One that is written with escapes is none that Magento's scripts look for: PHP escapes slashes only, and those are
    /// undone here.
    pub(crate) fn text(self) -> std::borrow::Cow<'a, str> {
        if self.raw.contains('\\') {
            std::borrow::Cow::Owned(self.raw.replace("\\/", "/"))
        } else {
            std::borrow::Cow::Borrowed(self.raw)
        }
    }

    /// Whether it is this one.
    pub(crate) fn is(self, name: &str) -> bool {
        self.text() == name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads everything, visiting every number and string.
    fn visit(cursor: &mut Cursor<'_>, seen: &mut Vec<String>) -> Option<()> {
        match cursor.peek()? {
            b'{' => cursor.object(|key, cursor| {
                seen.push(key.text().into_owned());
                visit(cursor, seen)
            }),
            b'[' => cursor.array(|cursor| visit(cursor, seen)),
            _ => {
                let range = cursor.number().or_else(|| cursor.skip())?;
                seen.push(cursor.text()[range].to_owned());
                Some(())
            }
        }
    }

    fn all(text: &str) -> Option<Vec<String>> {
        let (mut seen, mut cursor) = (Vec::new(), Cursor::new(text));
        visit(&mut cursor, &mut seen)?;
        cursor.is_done().then_some(seen)
    }

    #[test]
    fn finds_keys_and_values_where_they_stand() {
        let text = r#" {"a\/b" : [1, "2\"3", {}, [] ,{"c":-4.5e1}], "d":null,"e" :true} "#;
        let seen = all(text).expect("good JSON");
        assert_eq!(seen, ["a/b", "1", r#"2\"3"#, "c", "-4.5e1", "d", "null", "e", "true"]);
    }

    #[test]
    fn skips_what_nobody_asks_for() {
        let text = r#"{"a":{"x":"}]\\\"","y":[[{}]]},"b":7}"#;
        let mut found = None;
        let mut cursor = Cursor::new(text);
        cursor
            .object(|key, cursor| {
                if key.is("b") {
                    found = Some(cursor.number()?);
                }
                Some(())
            })
            .expect("good JSON");
        assert_eq!(found.map(|range| &text[range]), Some("7"));
        assert!(cursor.is_done());
    }

    #[test]
    fn gives_up_on_broken_text() {
        for broken in ["", "{", r#"{"a"}"#, r#"{"a":}"#, "[1 2]", "[1,,2]", r#"["\"#, r#"{a:1}"#, "[}", "]"] {
            assert_eq!(all(broken), None, "{broken}");
        }
        assert_eq!(all(&"[".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:\\\\1aé ]{0,60}") {
            all(&text);
            let _ = Cursor::new(&text).skip();
        }
    }
}
