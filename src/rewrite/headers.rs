//! What happens to the headers of a page: none of them may let a shared cache keep it, nor describe bytes that were replaced.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, EXPIRES, HeaderMap,
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
    PRAGMA, RANGE, TRAILER, TRANSFER_ENCODING,
};

use super::coding::{Coding, listed};

/// Conditions and ranges of a request: with them an answer could keep a page alive that was made for other audiences.
const CONDITIONS: [HeaderName; 6] = [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE];

/// What tells caches of any kind to keep an answer, or helps them to ask for it again.
const CACHING: [HeaderName; 12] = [
    ETAG,
    LAST_MODIFIED,
    EXPIRES,
    AGE,
    PRAGMA,
    ACCEPT_RANGES,
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("edge-control"),
    HeaderName::from_static("cache-tag"),
    HeaderName::from_static("x-accel-expires"),
    HeaderName::from_static("x-magento-tags"),
];

/// What describes bytes that are no longer there.
const DESCRIBING: [HeaderName; 9] = [
    ETAG,
    ACCEPT_RANGES,
    CONTENT_RANGE,
    TRAILER,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// Makes an answer one that no shared cache keeps: `private, no-store`, without validators and without headers for surrogates.
/// For every page that some audience could get changed, and for every answer that gets a `Set-Cookie` from Segue.
pub fn make_private(headers: &mut HeaderMap) {
    remove_all(headers, &CACHING);
    // RFC 9213: any cache may have its own, such as Cloudflare-CDN-Cache-Control.
    let targeted: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().ends_with("cdn-cache-control")).cloned().collect();
    remove_all(headers, &targeted);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
}

/// Whether an answer is made for a shared cache between Segue and the shopper, which fills it in or keeps it.
pub fn for_shared_cache(headers: &HeaderMap) -> bool {
    // In developer mode Magento shows its tags, after its own page cache has forbidden all others to keep the page.
    let tagged = headers.contains_key("x-magento-tags") && !has_directive(headers, "no-store");
    tagged || headers.contains_key("surrogate-control")
}

/// Whether `Cache-Control` has this directive.
pub(super) fn has_directive(headers: &HeaderMap, name: &str) -> bool {
    listed(headers, CACHE_CONTROL).any(|(directive, _)| directive.eq_ignore_ascii_case(name))
}

/// Leaves open what a body is like that GET would get.
pub(super) fn leave_body_open(headers: &mut HeaderMap) {
    remove_all(headers, &DESCRIBING);
    headers.remove(CONTENT_LENGTH);
}

/// Fits the headers to a body that Segue made.
pub(super) fn describe(headers: &mut HeaderMap, body: &Bytes, coding: Coding) {
    remove_all(headers, &DESCRIBING);
    headers.insert(CONTENT_LENGTH, body.len().into());
    match coding {
        Coding::Gzip => headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        Coding::Identity => headers.remove(CONTENT_ENCODING),
    };
}

/// Takes conditions and ranges out of a request.
pub(super) fn remove_conditions(headers: &mut HeaderMap) {
    remove_all(headers, &CONDITIONS);
}

fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shared_cache_keeps_a_private_answer() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cache-control", "public, max-age=86400, s-maxage=86400"),
            ("cache-control", "stale-while-revalidate=60"),
            ("pragma", "cache"),
            ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("etag", "\"x\""),
            ("cdn-cache-control", "max-age=60"),
            ("cloudflare-cdn-cache-control", "max-age=60"),
            ("surrogate-key", "p1"),
            ("vary", "Accept-Encoding"),
            ("set-cookie", "a=1"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        make_private(&mut headers);
        let mut left: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        left.sort_unstable();
        let expected: [(&str, &[u8]); 3] =
            [("cache-control", b"private, no-store"), ("set-cookie", b"a=1"), ("vary", b"Accept-Encoding")];
        assert_eq!(left, expected);
    }
}
