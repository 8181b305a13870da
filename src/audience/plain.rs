//! Adobe's plain membership list, and the list that people write by hand.
//!
//! Adobe's collector writes ids joined by commas, without encoding; the documentation of the `/graphql` header calls it URL-encoded.
//! Both are read wherever a list is believed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::known::KnownAudiences;
use crate::rule::AudienceId;

/// Longer lists are cut: four times what a browser keeps in one cookie.
const LONGEST_LIST: usize = 16 * 1024;
/// More audiences than any shopper has; past it a list is junk.
const MOST_IDS: usize = 1000;
/// Ids are UUIDs or short names of their own; past this length they are junk.
const LONGEST_ID: usize = 255;

/// What `encodeURIComponent` leaves as it is, near enough.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether this can be an audience's id on the wire: visible ASCII that means nothing to a cookie, a list or a decoder.
pub fn is_id(text: &str) -> bool {
    let of_id = |byte: u8| byte.is_ascii_graphic() && !b"\",;%\\".contains(&byte);
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(of_id)
}

/// Reads Adobe's list. Spaces, quotes, empty places and repeated ids are taken in good part; what cannot be an id is left out.
pub fn read(value: &[u8]) -> BTreeSet<AudienceId> {
    let value = &value[..value.len().min(LONGEST_LIST)];
    let decoded: Cow<'_, [u8]> = percent_decode(value).into();
    let ids = decoded.split(|byte| *byte == b',').filter_map(|piece| std::str::from_utf8(bare(piece)).ok());
    ids.filter(|id| is_id(id)).take(MOST_IDS).map(Into::into).collect()
}

/// A list that a person wrote: audiences by id or name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    /// The audiences it names.
    pub audiences: BTreeSet<AudienceId>,
    /// Names that no audience has, or more than one.
    pub unknown: Vec<String>,
}

/// Reads the `segue-audiences` cookie: ids and names joined by commas, percent-encoded or not; `none` is no audience.
/// `None` for an empty value, which says nothing.
pub fn read_by_hand(value: &[u8], known: &KnownAudiences) -> Option<ByHand> {
    let value = bare(&value[..value.len().min(LONGEST_LIST)]);
    if value.is_empty() {
        return None;
    }
    let mut list = ByHand::default();
    for piece in value.split(|byte| *byte == b',').take(MOST_IDS) {
        let decoded = percent_decode(piece).decode_utf8_lossy();
        if !list.take(&decoded, known) {
            // An encoded comma is part of a name, or the whole list was encoded.
            for part in decoded.split(',') {
                if !list.take(part, known) {
                    list.unknown.push(part.trim().chars().take(LONGEST_ID).collect());
                }
            }
        }
    }
    Some(list)
}

impl ByHand {
    /// Takes in one audience; `false` when nobody knows it.
    fn take(&mut self, text: &str, known: &KnownAudiences) -> bool {
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '"');
        if text.is_empty() || text.eq_ignore_ascii_case("none") {
            return true;
        }
        let found = known.resolve(text);
        let is_known = found.is_some();
        self.audiences.extend(found);
        is_known
    }
}

/// The list for the origin's cookie: raw ids joined by commas, at most `cap` bytes, audiences that rules name first.
pub fn cookie_list(audiences: &BTreeSet<AudienceId>, known: &KnownAudiences, cap: usize) -> String {
    list(audiences, known, cap, ",", |id| id.into())
}

/// The list for the `/graphql` header: the same, percent-encoded.
pub fn header_list(audiences: &BTreeSet<AudienceId>, known: &KnownAudiences, cap: usize) -> String {
    list(audiences, known, cap, "%2C", |id| utf8_percent_encode(id, ENCODED).into())
}

fn list<'a>(
    audiences: &'a BTreeSet<AudienceId>,
    known: &KnownAudiences,
    cap: usize,
    comma: &str,
    write: impl Fn(&'a str) -> Cow<'a, str>,
) -> String {
    let mut list = String::new();
    for id in known.named_first(audiences.iter().filter(|id| is_id(id))) {
        let id = write(id);
        let comma = if list.is_empty() { "" } else { comma };
        if list.len() + comma.len() + id.len() <= cap {
            list.push_str(comma);
            list.push_str(&id);
        }
    }
    list
}

/// The bytes without spaces and quotes around them.
fn bare(bytes: &[u8]) -> &[u8] {
    let is_edge = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'"';
    let start = bytes.iter().position(|byte| !is_edge(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_edge(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::fixture::{VIP, known, set};
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_collector_writes_and_what_others_make_of_it() {
        for (value, ids) in [
            ("a,b", &["a", "b"][..]),
            ("a%2Cb", &["a", "b"]),
            ("a%2cb,c", &["a", "b", "c"]),
            (" a , ,b,, a", &["a", "b"]),
            ("\"a,b\"", &["a", "b"]),
            ("%22a%22%2C%20b", &["a", "b"]),
            (VIP, &[VIP]),
            ("", &[]),
            (",", &[]),
            ("%", &[]),
            ("100%,b", &["b"]),
            ("a;b,c d,\u{e9},d", &["d"]),
        ] {
            assert_eq!(read(value.as_bytes()), set(ids), "{value}");
        }
        assert_eq!(read(b"\xff,a,b\x00c"), set(&["a"]));
    }

    #[test]
    fn bounds_what_it_reads() {
        assert_eq!(read("x,".repeat(100_000).as_bytes()), set(&["x"]));
        let many: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
        assert_eq!(read(many.join(",").as_bytes()).len(), MOST_IDS);
        assert_eq!(read(format!("{},a", "x".repeat(256)).as_bytes()), set(&["a"]));
    }

    #[test]
    fn reads_ids_and_unique_names_by_hand() {
        let known = known();
        let read = |value: &str| read_by_hand(value.as_bytes(), &known).expect("a list");
        assert_eq!(read("vip").audiences, set(&[VIP]));
        assert_eq!(read("New%20Visitor, \"VIP\"").audiences, set(&["new", VIP]));
        assert_eq!(read("VIP%2Cnew").audiences, set(&["new", VIP]));
        assert_eq!(read("Gold%2C old").audiences, set(&["gold"]), "a comma in a name");
        assert_eq!(read("0b8f5a6e-0000-4000-8000-000000000000").audiences.len(), 1, "a UUID that no rule knows");
        assert_eq!(read("NONE"), ByHand::default());
        let doubtful = read("Twin,Typo,VIP");
        assert_eq!(doubtful.audiences, set(&[VIP]));
        assert_eq!(doubtful.unknown, ["Twin", "Typo"], "a name of two audiences is nobody's");
        assert_eq!(read_by_hand(b" \"\" ", &known), None);
    }

    #[test]
    fn names_audiences_of_rules_first_when_the_list_is_cut() {
        let known = known();
        let audiences = set(&["aaaa", "bbbb", VIP]);
        assert_eq!(cookie_list(&audiences, &known, 3072), format!("{VIP},aaaa,bbbb"));
        assert_eq!(cookie_list(&audiences, &known, 41), format!("{VIP},aaaa"));
        assert_eq!(cookie_list(&audiences, &known, 40), VIP);
        assert_eq!(cookie_list(&audiences, &known, 9), "aaaa,bbbb", "what fits goes, whatever does not");
        assert_eq!(header_list(&audiences, &known, 3072), format!("{VIP}%2Caaaa%2Cbbbb"));
        assert_eq!(header_list(&set(&["a:b"]), &known, 3072), "a%3Ab");
        assert_eq!(cookie_list(&set(&["a;b", "c\r\nd", "e%2Cf", "\u{e9}"]), &known, 3072), "");
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(ids in prop::collection::btree_set("[!-~]{1,40}", 0..20)) {
            let ids: BTreeSet<AudienceId> = ids.into_iter().filter(|id| is_id(id)).map(Into::into).collect();
            let known = known();
            prop_assert_eq!(&read(cookie_list(&ids, &known, 8000).as_bytes()), &ids);
            prop_assert_eq!(&read(header_list(&ids, &known, 8000).as_bytes()), &ids);
        }

        #[test]
        fn takes_any_bytes(value: Vec<u8>) {
            prop_assert!(read(&value).iter().all(|id| is_id(id)));
            let _any_list = read_by_hand(&value, &known());
        }
    }
}
