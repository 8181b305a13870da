//! Content codings: which ones a client takes, which ones Segue reads, and gzip itself.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName};

use super::hold::{Buffer, Permit};
use super::skip::Skip;

/// Smaller pages go out plain: a segment on the wire holds them either way.
const WORTH_ENCODING: usize = 1024;

/// A content coding that Segue reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Plain bytes.
    Identity,
    /// gzip, with one or several members.
    Gzip,
}

/// How hard an encoder tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// While a shopper waits.
    Quick,
    /// In the background, for pages that are asked for again. Higher levels gain less than one percent on HTML.
    Thorough,
}

impl Coding {
    /// The coding of an answer by its headers; `Skip::Coding` for one that Segue does not read.
    pub(crate) fn of_answer(headers: &HeaderMap) -> Result<Self, Skip> {
        let mut found = Self::Identity;
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.to_str().map_err(|_| Skip::Coding)?.split(',').map(str::trim) {
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                if found != Self::Identity || !is_gzip(name) {
                    return Err(Skip::Coding);
                }
                found = Self::Gzip;
            }
        }
        Ok(found)
    }

    /// The coding in which a page of `length` bytes goes to a client.
    pub(super) fn for_client(accepts_gzip: bool, length: usize) -> Self {
        if accepts_gzip && length > WORTH_ENCODING { Self::Gzip } else { Self::Identity }
    }
}

fn is_gzip(name: &str) -> bool {
    name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")
}

/// Whether a client takes gzip. One that names no coding gets none, which every client can read.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut named, mut any) = (None, false);
    for (name, wanted) in listed(headers, ACCEPT_ENCODING) {
        match name {
            name if is_gzip(name) => named = Some(named.unwrap_or(false) || wanted),
            "*" => any |= wanted,
            _ => {}
        }
    }
    named.unwrap_or(any)
}

/// The members of a list header with whether each is wanted at all (`q` above 0).
pub(super) fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, bool)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let quality = parts.find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        Some((name, quality.is_none_or(|quality| quality.parse::<f32>().is_ok_and(|quality| quality > 0.0))))
    })
}

/// Decodes gzip of one or several members, within `max` bytes and the budget behind `permit`, which then covers the result.
///
/// # Errors
/// `Coding` for anything that is not whole gzip to the last byte, `TooLarge` and `Busy` past a bound.
pub(crate) fn gunzip(encoded: &[u8], max: usize, permit: Permit) -> Result<(Bytes, Permit), Skip> {
    let mut decoded = Buffer::new(max, permit);
    decoded.expect(announced_length(encoded).min(max))?;
    let mut decoder = MultiGzDecoder::new(encoded);
    let mut chunk = [0; 16 * 1024];
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => return Ok(decoded.finish()),
            Ok(length) => decoded.push(&chunk[..length])?,
            Err(_) => return Err(Skip::Coding),
        }
    }
}

/// What the last member says of its own length; a hint, since members add up and lengths wrap.
fn announced_length(encoded: &[u8]) -> usize {
    let tail = encoded.last_chunk().copied().map_or(0, u32::from_le_bytes);
    usize::try_from(tail).unwrap_or(0).min(encoded.len().saturating_mul(32))
}

/// Encodes as one gzip member. The same bytes always give the same result.
pub(super) fn gzip(plain: &[u8], effort: Effort) -> Bytes {
    let level = match effort {
        Effort::Quick => Compression::new(1),
        Effort::Thorough => Compression::new(6),
    };
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4 + 64), level);
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.expect("writing to memory cannot fail").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::hold::Budget;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn decoded(encoded: &[u8], max: usize) -> Result<Bytes, Skip> {
        gunzip(encoded, max, Budget::new(1 << 20).permit()).map(|(bytes, _)| bytes)
    }

    #[test]
    fn hears_what_clients_accept() {
        for (accepted, value) in [
            (true, "gzip, deflate, br"),
            (true, "br;q=1.0, GZIP;q=0.001"),
            (true, "*"),
            (true, "x-gzip"),
            (false, "gzip;q=0, *"),
            (false, "gzip; q=0.0"),
            (false, "br, identity"),
            (false, "*;q=0"),
            (false, "gzip;q=high"),
            (false, ""),
        ] {
            assert_eq!(accepts_gzip(&headers(ACCEPT_ENCODING, &[value])), accepted, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
        assert!(accepts_gzip(&headers(ACCEPT_ENCODING, &["br", "gzip"])));
    }

    #[test]
    fn reads_gzip_and_plain_answers_only() {
        for (coding, values) in [
            (Ok(Coding::Identity), &[][..]),
            (Ok(Coding::Identity), &["identity"]),
            (Ok(Coding::Gzip), &["X-GZip"]),
            (Ok(Coding::Gzip), &["identity, gzip"]),
            (Err(Skip::Coding), &["gzip, gzip"]),
            (Err(Skip::Coding), &["gzip", "br"]),
            (Err(Skip::Coding), &["br"]),
            (Err(Skip::Coding), &["deflate"]),
        ] {
            assert_eq!(Coding::of_answer(&headers(CONTENT_ENCODING, values)), coding, "{values:?}");
        }
    }

    #[test]
    fn reads_several_members() {
        let encoded = [gzip(b"one ", Effort::Quick), gzip(b"two", Effort::Thorough)].concat();
        assert_eq!(decoded(&encoded, 100).as_deref(), Ok(&b"one two"[..]));
    }

    #[test]
    fn refuses_gzip_that_is_not_whole() {
        let whole = gzip(b"a page of some length, a page of some length", Effort::Quick);
        for length in 0..whole.len() {
            assert_eq!(decoded(&whole[..length], 1000), Err(Skip::Coding), "cut at {length}");
        }
        let mut wrong_sum = whole.to_vec();
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert_eq!(decoded(&wrong_sum, 1000), Err(Skip::Coding));
        assert_eq!(decoded(&[&whole[..], b"trailing garbage"].concat(), 1000), Err(Skip::Coding));
    }

    #[test]
    fn stops_a_bomb_at_the_bound() {
        let bomb = gzip(&vec![b' '; 500_000], Effort::Quick);
        assert_eq!(decoded(&bomb, 100_000), Err(Skip::TooLarge));
        let small = Budget::new(50_000);
        assert_eq!(gunzip(&bomb, 500_000, small.permit()).map(|_| ()), Err(Skip::Busy));
        assert_eq!(small.used(), 0);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(plain in prop::collection::vec(any::<u8>(), 0..1000)) {
            for effort in [Effort::Quick, Effort::Thorough] {
                let encoded = gzip(&plain, effort);
                prop_assert_eq!(decoded(&encoded, 5000).expect("our own gzip"), &plain);
            }
        }
    }
}
