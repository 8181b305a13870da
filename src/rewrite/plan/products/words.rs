//! Prices that a row or the description of a product repeats in words: in plain text, or in what a screen reader says.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memmem;

use super::{Found, Judge};
use crate::page::ProductId;
use crate::rewrite::plan::boxes::{PriceBox, ShownPrice};
use crate::rewrite::plan::reason::Reason;
use crate::rewrite::plan::scan::Region;
use crate::rewrite::plan::text::{Span, decode};

/// Attributes that people see or hear.
const SPOKEN: [&str; 3] = ["aria-label", "title", "alt"];

/// Elements whose content is no text of the page.
const UNSHOWN: [&str; 6] = ["script", "style", "template", "textarea", "noscript", "iframe"];

impl Judge<'_> {
    /// Leaves products whose shown price stands in the words of their row or description.
    pub(super) fn leave_by_words(&mut self) {
        let mut said: Vec<ProductId> = Vec::new();
        for (row, boxes) in self.boxes_by_row() {
            let whole = self.row_range(row);
            said.extend(boxes.iter().filter(|(_, known)| self.repeats(whole, Some(row), known)).map(|(id, _)| *id));
        }
        let described = self.notes.regions(Region::ProductInfo).next().zip(self.main);
        if let Some((info, main)) = described {
            let whole = Span { start: info.open.start, end: info.ended.unwrap_or(u32::MAX) };
            let known = self.boxes_of(main).next();
            said.extend(known.filter(|known| self.repeats(self.on_page(whole), None, known)).map(|_| main));
        }
        said.into_iter().for_each(|id| self.leave(id, Reason::LoosePrice));
    }

    fn boxes_by_row(&self) -> BTreeMap<u32, Vec<(ProductId, &PriceBox)>> {
        let mut rows: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for Found { id, row, understood, .. } in &self.found {
            if let Some((row, known)) = row.zip(understood.as_ref().ok()) {
                rows.entry(row).or_default().push((*id, known));
            }
        }
        rows
    }

    /// From the start of a row to its end or the next row, so that rows without ends are not read again and again.
    fn row_range(&self, row: u32) -> Span {
        let mut rows = self.notes.regions(Region::Row).skip_while(|extent| extent.open.start < row);
        let ended = rows.next().and_then(|extent| extent.ended);
        let next = rows.map(|extent| extent.open.start).next();
        let end = [ended, next].into_iter().flatten().min().unwrap_or(u32::MAX);
        self.on_page(Span { start: row, end })
    }

    fn on_page(&self, span: Span) -> Span {
        Span { end: span.end.min(Span::new(0..self.page.len()).end), ..span }
    }

    /// Whether the words of a stretch of the page, in this row or in none, say what the box shows as its price, or how much that is off.
    fn repeats(&self, whole: Span, row: Option<u32>, known: &PriceBox) -> bool {
        let raw = whole.of(self.page);
        let Some(current) = known.current().next() else { return false };
        let price = plain(current.text.of(self.page));
        // A bare number could be anything.
        let priced = !price.bytes().all(|byte| byte.is_ascii_digit()) && self.may_repeat(whole, known, current);
        let discounted = known.has_old() && raw.contains('%');
        if !priced && !discounted {
            return false;
        }
        let mut found = false;
        visit_words(raw, &mut |words, spoken| {
            let at = Span::new(words.clone()).within(whole.start);
            // Most texts are blank or short, and none of them says a price.
            let said = raw[words].trim_ascii();
            if !(priced && said.len() >= price.len() || discounted && said.contains(['%', '&'])) {
                return;
            }
            let text = plain(said);
            found |= ((priced && says(&text, &price)) || (discounted && !spoken && is_discount(&text)))
                && self.inside(Region::Row, at) == row
                && (spoken || !(self.in_box(at) || self.in_price(at)));
        });
        found
    }

    /// Whether the digits of the price stand anywhere but where they are changed: most rows need no closer look.
    fn may_repeat(&self, whole: Span, known: &PriceBox, current: &ShownPrice) -> bool {
        let number = current.format.number.of(self.page);
        let digits =
            number.split(|ch: char| !(ch.is_ascii_digit() || matches!(ch, '.' | ','))).max_by_key(|run| run.len());
        let digits = digits.filter(|digits| !digits.is_empty()).unwrap_or(number);
        let found = memmem::find_iter(whole.of(self.page).as_bytes(), digits.as_bytes());
        let mut found = found.map(|at| Span::new(at..at + digits.len()).within(whole.start));
        let spans: Vec<_> = known.prices.iter().flat_map(|price| [price.text, price.amount_slot]).collect();
        found.any(|at| !spans.iter().any(|span| span.holds(at)))
    }

    /// Whether a place is in an element that says it is a price, which is judged as one.
    fn in_price(&self, place: Span) -> bool {
        self.notes.prices.iter().any(|noted| self.notes.extent(noted.extent).covers(place.start))
    }
}

/// Raw text as it reads, with plain spaces.
fn plain(raw: &str) -> String {
    let shown = decode(raw);
    let shown = shown.chars().filter(|ch| !matches!(ch, '\u{200e}' | '\u{200f}'));
    let text: String = shown.map(|ch| if ch.is_whitespace() { ' ' } else { ch }).collect();
    text.trim().to_owned()
}

/// Whether a text has a price in it that is not merely a part of a longer number.
fn says(text: &str, price: &str) -> bool {
    text.match_indices(price).any(|(at, _)| {
        let (before, after) = (text[..at].chars().rev(), text[at + price.len()..].chars());
        let longer_before = price.starts_with(char::is_numeric) && goes_on(before);
        let longer_after = price.ends_with(char::is_numeric) && goes_on(after);
        !longer_before && !longer_after
    })
}

/// Whether a number goes on with these characters.
fn goes_on(mut beside: impl Iterator<Item = char>) -> bool {
    match beside.next() {
        Some('.' | ',') => beside.next().is_some_and(char::is_numeric),
        other => other.is_some_and(char::is_numeric),
    }
}

/// Whether a text is a percentage off and nothing else. A rating has neither a minus nor such a word.
fn is_discount(text: &str) -> bool {
    let text = text.to_lowercase();
    let said = ["-", "\u{2212}", "\u{2013}", "save ", "you save "].into_iter().find_map(|mark| text.strip_prefix(mark));
    said.unwrap_or(&text).split_once('%').is_some_and(|(number, rest)| {
        let number = number.trim();
        let is_number = number.starts_with(|ch: char| ch.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
        is_number && (rest.trim() == "off" || (said.is_some() && rest.trim().is_empty()))
    })
}

/// Visits every text of raw HTML, and with `true` every attribute that is seen or heard.
fn visit_words(raw: &str, visit: &mut impl FnMut(Range<usize>, bool)) {
    let mut at = 0;
    while at < raw.len() {
        let open = raw[at..].find('<').map_or(raw.len(), |open| at + open);
        visit(at..open, false);
        let next = raw.as_bytes().get(open + 1);
        at = if raw[open..].starts_with("<!--") {
            raw[open..].find("-->").map_or(raw.len(), |end| open + end + "-->".len())
        } else if next.is_some_and(|byte| matches!(byte, b'/' | b'!' | b'?')) {
            raw[open..].find('>').map_or(raw.len(), |end| open + end + 1)
        } else if next.is_some_and(u8::is_ascii_alphabetic) {
            after_tag(raw, open, visit)
        } else {
            open + 1
        };
    }
}

/// Where the text after a start tag begins, past content that is not shown.
fn after_tag(raw: &str, open: usize, visit: &mut impl FnMut(Range<usize>, bool)) -> usize {
    let bytes = raw.as_bytes();
    let until = |from: usize, ends: &dyn Fn(u8) -> bool| {
        bytes[from.min(bytes.len())..].iter().position(|byte| ends(*byte)).map_or(bytes.len(), |length| from + length)
    };
    let name_end = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'=');
    let mut at = until((open + 1).min(bytes.len()), &name_end);
    let tag = raw.get(open + 1..at).unwrap_or_default();
    loop {
        at = until(at, &|byte| !(byte.is_ascii_whitespace() || matches!(byte, b'/' | b'=')));
        if bytes.get(at).is_none_or(|byte| *byte == b'>') {
            break;
        }
        let name = at..until(at, &name_end);
        at = until(name.end, &|byte| !byte.is_ascii_whitespace());
        if bytes.get(at) != Some(&b'=') {
            continue;
        }
        at = until(at + 1, &|byte| !byte.is_ascii_whitespace());
        let value = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'')) => at + 1..until(at + 1, &|byte| byte == *quote),
            _ => at..until(at, &|byte| byte.is_ascii_whitespace() || byte == b'>'),
        };
        at = if value.start > at { (value.end + 1).min(bytes.len()) } else { value.end };
        if SPOKEN.iter().any(|spoken| raw[name.clone()].eq_ignore_ascii_case(spoken)) {
            visit(value, true);
        }
    }
    let end = (at + 1).min(bytes.len());
    let unshown = UNSHOWN.iter().any(|name| tag.eq_ignore_ascii_case(name));
    if unshown { closing(raw, end, tag) } else { end }
}

/// Where the end tag of an element begins.
fn closing(raw: &str, from: usize, tag: &str) -> usize {
    let mut ends = memmem::find_iter(&raw.as_bytes()[from..], b"</").map(|at| from + at);
    let is_own = |at: &usize| raw.get(at + 2..at + 2 + tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag));
    ends.find(is_own).unwrap_or(raw.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(raw: &str) -> Vec<&str> {
        let mut words = Vec::new();
        visit_words(raw, &mut |range, _| words.push(raw[range].trim()));
        words.retain(|text| !text.is_empty());
        words
    }

    #[test]
    fn words_are_texts_and_what_is_read_out() {
        let raw =
            "a<!-- b --><p data-x='c > d' TITLE=\"e > f\" alt=g/>h</p><script>i</b></SCRIPT>j<img alt='k'><br/>l < m";
        assert_eq!(words(raw), ["a", "e > f", "g/", "h", "j", "k", "l", "m"]);
    }

    #[test]
    fn a_price_is_said_whole() {
        for said in ["$24.00", "now $24.00.", "($24.00 / kg)", "$24.00, or less", "US$24.00"] {
            assert!(says(said, "$24.00"), "{said}");
        }
        for other in ["$24.005", "$24", "$24.00,5", "$124.00"] {
            assert!(!says(other, "$24.00"), "{other}");
        }
        assert!(says("nur 24,00 €", "24,00 €"));
        for other in ["124,00 €", "1.24,00 €"] {
            assert!(!says(other, "24,00 €"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(raw in "[<>/=!'\"a \\-é]{0,60}|(<(script|p|!--)|alt=|'|\"|>|é| ){0,20}") {
            words(&raw);
        }
    }
}
