//! Cookies of a request: reading the ones that are meant, and taking out the ones that could be.
//!
//! Reading is strict and taking out is lenient: a cookie is read only under its exact name, and it is taken out when any known reader
//! behind Segue could take it for one of ours. PHP before 7.4.11 decodes cookie names and cuts them at NUL, every PHP cuts them at `[`;
//! other readers strip quotes or spaces, or split at commas and spaces too.

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use memchr::{memchr, memchr2_iter};
use percent_encoding::percent_decode;

use super::config::PLAIN;

/// Nobody decodes a name more often than this.
const DECODINGS: usize = 4;

/// The values of the cookies with exactly this name, in order, without the quotes around them.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    pairs(headers).filter(move |(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// All cookies as name and value, in order, without the quotes around values. Pieces without `=` are no cookies.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(headers).filter_map(|piece| {
        let equals = memchr(b'=', piece)?;
        Some((piece[..equals].trim_ascii(), unquoted(piece[equals + 1..].trim_ascii())))
    })
}

fn pieces(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(COOKIE).iter().flat_map(|line| Pieces(Some(line.as_bytes())))
}

/// What stands between semicolons. A request's cookies are some kilobytes and are looked through for several names, so the next
/// semicolon is not searched for byte by byte.
struct Pieces<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.take()?;
        let Some(end) = memchr(b';', rest) else { return Some(rest) };
        self.0 = Some(&rest[end + 1..]);
        Some(&rest[..end])
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// Names of cookies that never go up as the browser sent them.
#[derive(Clone, Debug)]
pub(super) struct Protected(Vec<Vec<u8>>);

impl Protected {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| bare_name(name.as_bytes()).to_vec()).collect())
    }

    /// Takes every protected cookie out, and puts `add` before the others: of two cookies of a name PHP reads the first. Other cookies keep their bytes and their order. Several
    /// `Cookie` lines become one, as RFC 9113 (8.2.3) asks of whoever speaks HTTP/1.1 to the origin.
    pub(super) fn replace(&self, headers: &mut HeaderMap, add: Option<&str>) {
        let lines = headers.get_all(COOKIE).iter().count();
        if add.is_none() && lines <= 1 && !pieces(headers).any(|piece| self.covers(piece)) {
            return;
        }
        let kept = headers.get_all(COOKIE).iter().map(|line| self.keep(line.as_bytes()));
        let added = add.map(|cookie| cookie.as_bytes().to_vec());
        let kept: Vec<Vec<u8>> = added.into_iter().chain(kept.filter(|line| !line.is_empty())).collect();
        headers.remove(COOKIE);
        if kept.is_empty() {
            return;
        }
        if let Ok(mut line) = HeaderValue::from_bytes(&kept.join(&b"; "[..])) {
            line.set_sensitive(true);
            headers.insert(COOKIE, line);
        }
    }

    /// The line without its protected cookies, and without separators on its ends.
    fn keep(&self, line: &[u8]) -> Vec<u8> {
        let pieces: Vec<&[u8]> = Pieces(Some(line)).filter(|piece| !self.covers(piece)).collect();
        let kept = pieces.join(&b';');
        let is_edge = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
        let start = kept.iter().position(|byte| !is_edge(byte)).unwrap_or(kept.len());
        let end = kept.iter().rposition(|byte| !is_edge(byte)).map_or(start, |last| last + 1);
        kept[start..end].to_vec()
    }

    /// Whether a reader could take this piece for a protected cookie.
    fn covers(&self, piece: &[u8]) -> bool {
        let mut name = Cow::Borrowed(name_part(piece));
        for _ in 0..=DECODINGS {
            let bare = bare_name(&name);
            if self.0.iter().any(|own| own.eq_ignore_ascii_case(bare)) {
                return true;
            }
            match percent_decode(&name).into() {
                Cow::Borrowed(_) => break,
                Cow::Owned(decoded) => name = Cow::Owned(decoded),
            }
        }
        hides(piece, PLAIN.as_bytes())
    }
}

/// Whether two cookie names could be taken for one another.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    bare_name(one.as_bytes()).eq_ignore_ascii_case(bare_name(other.as_bytes()))
}

/// A piece up to its first `=` behind a name: what some readers decode.
fn name_part(piece: &[u8]) -> &[u8] {
    let start = piece.iter().position(|byte| *byte != b'=' && !byte.is_ascii_whitespace()).unwrap_or(piece.len());
    let named = &piece[start..];
    &named[..named.iter().position(|byte| *byte == b'=').unwrap_or(named.len())]
}

/// A name as the most lenient reader sees it: from its first letter up to `=`, `[` or NUL, without quotes, spaces and other signs
/// around it. Case does not count.
fn bare_name(name: &[u8]) -> &[u8] {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let start = name.iter().position(is_inner).unwrap_or(name.len());
    let name = &name[start..];
    let name = &name[..name.iter().position(|byte| b"=[\0".contains(byte)).unwrap_or(name.len())];
    let end = name.iter().rposition(is_inner).map_or(0, |last| last + 1);
    &name[..end]
}

/// Whether `name=` stands inside the piece behind a comma, a quote or a space, where readers that split there find a cookie.
fn hides(piece: &[u8], name: &[u8]) -> bool {
    let first = name[0];
    let places = memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), piece);
    places.filter(|place| *place > 0).any(|place| {
        let (before, rest) = piece.split_at(place);
        let separated = before.last().is_some_and(|byte| byte.is_ascii_whitespace() || b",\"".contains(byte));
        separated
            && rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
            && rest[name.len()..].trim_ascii_start().starts_with(b"=")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: &str = "aep-segments-membership";

    fn protected() -> Protected {
        Protected::new([OURS, "segue", "segue-sim", "segue-audiences"])
    }

    fn request(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a header value"));
        }
        headers
    }

    fn after(lines: &[&[u8]], add: Option<&str>) -> Vec<Vec<u8>> {
        let mut headers = request(lines);
        protected().replace(&mut headers, add);
        headers.get_all(COOKIE).iter().map(|line| line.as_bytes().to_vec()).collect()
    }

    #[test]
    fn takes_out_a_forged_cookie_however_it_is_spelt() {
        for forged in [
            "aep-segments-membership=vip",
            "aep-segments-membership",
            "aep-segments-membership =vip",
            "\taep-segments-membership\t= vip",
            "Aep-Segments-MEMBERSHIP=vip",
            "\"aep-segments-membership\"=vip",
            "'aep-segments-membership'=vip",
            "aep%2Dsegments%2dmembership=vip",
            "aep%252Dsegments%25252Dmembership=vip",
            "%61ep-segments-membership=vip",
            "+aep-segments-membership+=vip",
            "%20aep-segments-membership%00x=vip",
            "aep-segments-membership%3Dvip",
            "aep-segments-membership%3Dvip=1",
            "aep-segments-membership[0]=vip",
            "aep-segments-membership%5B%5D=vip",
            "aep-segments-membership[=vip",
            "=aep-segments-membership=vip",
            "= aep-segments-membership=vip",
            "x=1, aep-segments-membership=vip",
            "x=1,AEP-segments-membership = vip",
            "x=1 aep-segments-membership=vip",
            "segue=stolen",
            "Segue=stolen",
            "segue-sim=stolen",
            "segue-audiences=VIP",
        ] {
            for line in [format!("a=1; {forged}; b=2"), format!("a=1;{forged}; b=2")] {
                assert_eq!(after(&[line.as_bytes()], None), [b"a=1; b=2"], "{forged}");
            }
            assert_eq!(after(&[forged.as_bytes()], None), [[0_u8; 0]; 0], "{forged}");
        }
        assert_eq!(after(&[b"\xa0aep-segments-membership\xa0=vip; a=1"], None), [b"a=1"]);
    }

    #[test]
    fn leaves_other_cookies_as_they_are() {
        for line in [
            &b"a=1;b=2 ;  c;=;;d=\xff\xfe; $Version=1; \"q\"=\"x;y\""[..],
            b"aep-segments-membership2=1; my-aep-segments-membership=2; aep_segments_membership=3",
            b"consent=aep-segments-membership,segue:1; note=the segue of it; x=%3Bsegue%3D1; seguex=1",
            b"ref=a, segue=1; other=x segue=2",
            b"",
            b";",
        ] {
            assert_eq!(after(&[line], None), [line], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn puts_several_lines_into_one_behind_what_is_added() {
        let lines: &[&[u8]] = &[b"a=1; segue=x", b"segue=x", b"b=\xfc;  c=3;"];
        assert_eq!(after(lines, None), [b"a=1; b=\xfc;  c=3"]);
        assert_eq!(after(lines, Some("d=4")), [b"d=4; a=1; b=\xfc;  c=3"]);
        assert_eq!(after(&[], Some("d=4")), [b"d=4"]);
        assert_eq!(after(&[b"segue=x"], Some("d=4")), [b"d=4"]);
    }

    #[test]
    fn reads_only_under_the_exact_name() {
        let headers = request(&[b"Segue=0; segue = \"1\" ; segue=2; segue%20=3; segue[0]=4", b"segue=; segue"]);
        let found: Vec<&[u8]> = values(&headers, "segue").collect();
        assert_eq!(found, [&b"1"[..], b"2", b""]);
    }

    /// Finds our cookie as PHP's `$_COOKIE` would, with names decoded as before 7.4.11.
    fn php_finds(line: &[u8]) -> bool {
        line.split(|byte| *byte == b';').any(|piece| {
            let piece = piece.trim_ascii_start();
            let name = piece.split(|byte| *byte == b'=').next().unwrap_or(piece);
            let spaced: Vec<u8> = name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            let decoded: Vec<u8> = percent_decode(&spaced).collect();
            let name = decoded.split(|byte| b"[\0".contains(byte)).next().unwrap_or(&decoded);
            name.trim_ascii_start() == OURS.as_bytes()
        })
    }

    proptest! {
        #[test]
        fn nothing_that_php_reads_as_ours_gets_through(
            pieces in prop::collection::vec(
                prop_oneof!["[ -~]{0,12}", "[ +=]{0,2}(aep|%61ep)[-](segments|%73egments)(-|%2[dD])membership[ =%;,\\[]{0,2}[a-z]{0,3}"],
                0..8,
            ),
            cut in 0..8_usize,
        ) {
            let (one, two) = pieces.split_at(cut.min(pieces.len()));
            let left = after(&[one.join(";").as_bytes(), two.join("; ").as_bytes()], None);
            prop_assert!(left.len() <= 1);
            prop_assert!(!left.iter().any(|line| php_finds(line)), "{left:?}");
        }

        #[test]
        fn keeps_cookies_with_other_names(names in prop::collection::vec("[b-r][a-z0-9_]{0,8}", 1..8), value in "[a-z0-9%]{0,9}") {
            let line = names.iter().map(|name| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            prop_assert_eq!(after(&[line.as_bytes()], None), [line.as_bytes()]);
        }
    }
}
