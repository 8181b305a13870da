//! Which requests may get a page that is changed, and which answers qualify for it. Pure.

use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderName, Method, StatusCode, request, response};

use super::coding::{Coding, listed};
use super::crawler::declared_crawler;
use super::headers::{for_shared_cache, has_directive};
use super::paths::NeverTouched;
use super::skip::Skip;

/// What browsers put into `Sec-Fetch-Dest` when they load a page, or when a script of a page does.
const PAGE_DESTINATIONS: [&str; 7] = ["document", "iframe", "frame", "fencedframe", "embed", "object", "empty"];

/// How far into a page a charset may be declared.
const CHARSET_WITHIN: usize = 1024;

/// Whether the answer to a request may be changed.
pub(super) fn request(parts: &request::Parts, never: &NeverTouched) -> Result<(), Skip> {
    let headers = &parts.headers;
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(Skip::Method);
    }
    if never.covers(parts.uri.path()) {
        return Err(Skip::NotPage);
    }
    if !for_a_page(headers) || !accepts(headers, &["text/html", "text/*", "*/*"]) {
        return Err(Skip::NotHtmlWanted);
    }
    if asked_by_script(headers) {
        return Err(Skip::Fragment);
    }
    if headers.get(USER_AGENT).is_some_and(|agent| declared_crawler(&String::from_utf8_lossy(agent.as_bytes()))) {
        return Err(Skip::Crawler);
    }
    if parts.method == Method::HEAD { Err(Skip::Head) } else { Ok(()) }
}

fn for_a_page(headers: &HeaderMap) -> bool {
    let destination = headers.get(HeaderName::from_static("sec-fetch-dest"));
    destination.is_none_or(|value| {
        PAGE_DESTINATIONS.iter().any(|page| value.as_bytes().trim_ascii().eq_ignore_ascii_case(page.as_bytes()))
    })
}

/// Whether the most specific of `ranges` that `Accept` names is wanted; `ranges` go from the most to the least specific.
fn accepts(headers: &HeaderMap, ranges: &[&str]) -> bool {
    let wanted = |range: &&str| {
        let mut named = listed(headers, ACCEPT).filter(|(name, _)| name.eq_ignore_ascii_case(range)).peekable();
        named.peek().is_some().then(|| named.any(|(_, wanted)| wanted))
    };
    !headers.contains_key(ACCEPT) || ranges.iter().find_map(wanted).unwrap_or(false)
}

/// Browsers inside Android applications send the application's name in the same header with every page they load.
fn asked_by_script(headers: &HeaderMap) -> bool {
    let asked_with = headers.get(HeaderName::from_static("x-requested-with"));
    asked_with.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest"))
}

/// What the headers of a qualifying answer say of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Its content coding.
    pub(super) coding: Coding,
    /// Whether the headers say that it is UTF-8; otherwise the page itself may say something else.
    pub(super) labelled: bool,
}

/// Whether the answer to a request for something that a script of a page asks for may be changed.
pub(super) fn script_request(parts: &request::Parts) -> Result<(), Skip> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(Skip::Method);
    }
    let agent = parts.headers.get(USER_AGENT);
    if agent.is_some_and(|agent| declared_crawler(&String::from_utf8_lossy(agent.as_bytes()))) {
        return Err(Skip::Crawler);
    }
    if parts.method == Method::HEAD { Err(Skip::Head) } else { Ok(()) }
}

/// What an answer must be to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Html,
    Json,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::Json => "application/json",
        }
    }

    fn missing(self) -> Skip {
        match self {
            Self::Html => Skip::NotHtml,
            Self::Json => Skip::NotJson,
        }
    }
}

/// Whether an answer may be changed, by its status and headers. What no audience could get changed is named before what another
/// request for the same page could.
pub(super) fn answer(parts: &response::Parts, media: Media) -> Result<Form, Skip> {
    match parts.status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        StatusCode::NOT_MODIFIED => return Err(Skip::NotModified),
        _ => return Err(Skip::Status),
    }
    let headers = &parts.headers;
    let labelled = labelled_utf8(headers, media)?;
    if headers.get(CONTENT_DISPOSITION).is_some_and(|value| !starts_with_word(value.as_bytes(), b"inline")) {
        return Err(Skip::Attachment);
    }
    if has_directive(headers, "no-transform") {
        return Err(Skip::NoTransform);
    }
    if for_shared_cache(headers) {
        return Err(Skip::SharedCacheInFront);
    }
    if parts.status == StatusCode::PARTIAL_CONTENT {
        return Err(Skip::Partial);
    }
    Ok(Form { coding: Coding::of_answer(headers)?, labelled })
}

fn starts_with_word(value: &[u8], word: &[u8]) -> bool {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii().eq_ignore_ascii_case(word)
}

/// Whether the headers say that the answer is of a type and in UTF-8 (true), or of that type and of no charset (false).
fn labelled_utf8(headers: &HeaderMap, media: Media) -> Result<bool, Skip> {
    let mut values = headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(media.missing()) };
    let mut parts = value.to_str().map_err(|_| media.missing())?.split(';').map(str::trim);
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media.name())) {
        return Err(media.missing());
    }
    let mut labelled = false;
    for (key, charset) in parts.filter_map(|parameter| parameter.split_once('=')) {
        if key.trim().eq_ignore_ascii_case("charset") {
            labelled = true;
            if !is_utf8_label(charset.trim().trim_matches(['"', '\''])) {
                return Err(Skip::Charset);
            }
        }
    }
    Ok(labelled)
}

fn is_utf8_label(label: &str) -> bool {
    let label = label.trim();
    label.eq_ignore_ascii_case("utf-8") || label.eq_ignore_ascii_case("utf8")
}

/// Whether a decoded page may be changed: it is UTF-8, says nothing else of itself, and leaves nothing for a cache to put in.
pub(super) fn page(page: &[u8], labelled: bool) -> Result<(), Skip> {
    if page.is_empty() {
        return Err(Skip::Empty);
    }
    if !labelled && declares_other_charset(&page[..page.len().min(CHARSET_WITHIN)]) {
        return Err(Skip::Charset);
    }
    let text = std::str::from_utf8(page).map_err(|_| Skip::NotUtf8)?;
    if text.contains("<esi:include") {
        return Err(Skip::SharedCacheInFront);
    }
    Ok(())
}

/// Whether the first `meta` that names a charset names another than UTF-8. Browsers read UTF-16 there as UTF-8; no shop sends it.
fn declares_other_charset(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let metas = head.split("<meta").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    let charsets = metas.flat_map(|meta| meta.split("charset").skip(1)).filter_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
        value.split(|c: char| c.is_whitespace() || "\"';/".contains(c)).next()
    });
    charsets.into_iter().next().is_some_and(|charset| !is_utf8_label(charset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::paths::PathPattern;
    use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING};
    use http::{HeaderValue, Request, Response};
    use proptest::prelude::*;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<(), Skip> {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path), |builder, (name, value)| builder.header(*name, *value));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        super::request(&parts, &NeverTouched::new(PathPattern::defaults(), &[]))
    }

    fn answered(status: u16, headers: &[(&str, &str)]) -> Result<Form, Skip> {
        let answer = headers
            .iter()
            .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        let (parts, ()) = answer.body(()).expect("an answer").into_parts();
        super::answer(&parts, Media::Html)
    }

    #[test]
    fn takes_what_a_browser_asks_for_as_a_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for headers in [
            &[][..],
            &[("accept", browser), ("sec-fetch-dest", "document")],
            &[("accept", "*/*"), ("sec-fetch-dest", "empty")],
            &[("accept", browser), ("x-requested-with", "com.example.app")],
            &[("accept", browser), ("range", "bytes=0-")],
        ] {
            assert_eq!(asked("GET", "/women.html", headers), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn names_why_a_request_gets_the_page_as_it_is() {
        for (skip, method, path, headers) in [
            (Skip::Method, "POST", "/", &[][..]),
            (Skip::Head, "HEAD", "/", &[]),
            (Skip::NotPage, "HEAD", "/checkout", &[]),
            (Skip::NotPage, "GET", "/rest/V1/carts/mine", &[]),
            (Skip::NotHtmlWanted, "GET", "/a", &[("accept", "application/json")]),
            (Skip::NotHtmlWanted, "GET", "/a", &[("accept", "text/html;q=0, */*")]),
            (Skip::NotHtmlWanted, "GET", "/a", &[("accept", "*/*"), ("sec-fetch-dest", "image")]),
            (Skip::Fragment, "GET", "/a", &[("x-requested-with", "XMLHttpRequest")]),
            (Skip::Crawler, "GET", "/a", &[("user-agent", "Googlebot/2.1")]),
        ] {
            assert_eq!(asked(method, path, headers), Err(skip), "{method} {path} {headers:?}");
        }
    }

    #[test]
    fn takes_html_in_utf8() {
        for (labelled, kind) in [
            (true, "text/html; charset=UTF-8"),
            (true, "Text/HTML;charset=\"utf8\""),
            (false, "text/html"),
            (false, "text/html; level=1"),
        ] {
            assert_eq!(answered(200, &[("content-type", kind)]), Ok(Form { coding: Coding::Identity, labelled }));
        }
    }

    #[test]
    fn takes_json_for_scripts() {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(super::answer(&parts, Media::Json), Ok(Form { coding: Coding::Identity, labelled: false }));
        assert_eq!(super::answer(&parts, Media::Html), Err(Skip::NotHtml));
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        assert_eq!(super::answer(&parts, Media::Json), Err(Skip::NotJson));
    }

    #[test]
    fn takes_pages_of_a_shop_in_developer_mode() {
        let headers = [
            ("content-type", "text/html; charset=UTF-8"),
            ("x-magento-tags", "cat_p_1"),
            ("cache-control", "max-age=0, must-revalidate, no-cache, no-store"),
        ];
        assert_eq!(answered(200, &headers), Ok(Form { coding: Coding::Identity, labelled: true }));
        let with_esi = [&headers[..], &[("surrogate-control", "ESI/1.0")]].concat();
        assert_eq!(answered(200, &with_esi), Err(Skip::SharedCacheInFront));
    }

    #[test]
    fn names_why_an_answer_does_not_qualify() {
        let html = ("content-type", "text/html; charset=UTF-8");
        for (skip, status, headers) in [
            (Skip::NotModified, 304, &[html][..]),
            (Skip::Partial, 206, &[html]),
            (Skip::Status, 404, &[html]),
            (Skip::Status, 503, &[html]),
            (Skip::NotHtml, 206, &[("content-type", "image/png")]),
            (Skip::NotHtml, 200, &[]),
            (Skip::NotHtml, 200, &[html, ("content-type", "application/json")]),
            (Skip::NotHtml, 200, &[("content-type", "text/html-sandboxed")]),
            (Skip::NotHtml, 200, &[("content-type", "application/xhtml+xml")]),
            (Skip::Charset, 200, &[("content-type", "text/html; charset=ISO-8859-1")]),
            (Skip::Attachment, 200, &[html, ("content-disposition", "attachment; filename=a.html")]),
            (
                Skip::NoTransform,
                200,
                &[html, ("cache-control", "public"), ("cache-control", "max-age=1, No-Transform")],
            ),
            (Skip::SharedCacheInFront, 200, &[html, ("x-magento-tags", "cat_p_1")]),
            (Skip::SharedCacheInFront, 200, &[html, ("surrogate-control", "max-age=1")]),
            (Skip::Coding, 200, &[html, ("content-encoding", "br")]),
        ] {
            assert_eq!(answered(status, headers), Err(skip), "{headers:?}");
        }
    }

    #[test]
    fn believes_the_page_about_its_charset_where_headers_are_silent() {
        let latin = b"<html><head><META Charset='iso-8859-1'>";
        let old =
            b"<meta name=a content=b><meta http-equiv=\"content-type\" content=\"text/html; charset=windows-1252\">";
        let utf8 = "<meta charset=utf-8 /><meta name=x content='charset=latin1'>é".as_bytes();
        assert_eq!(page(latin, false), Err(Skip::Charset));
        assert_eq!(page(latin, true), Ok(()));
        assert_eq!(page(b"<meta charset=iso-8859-1><p>caf\xe9</p>", false), Err(Skip::Charset));
        assert_eq!(page(old, false), Err(Skip::Charset));
        assert_eq!(page(utf8, false), Ok(()));
        assert_eq!(page(b"<script charset=latin1></script><p>a</p>", false), Ok(()));
    }

    #[test]
    fn refuses_pages_that_are_not_utf8_or_await_a_cache() {
        assert_eq!(page(b"<p>caf\xe9</p>", true), Err(Skip::NotUtf8));
        assert_eq!(page(b"<esi:include src='/a'/>", true), Err(Skip::SharedCacheInFront));
        assert_eq!(page(b"", true), Err(Skip::Empty));
    }

    fn value() -> impl Strategy<Value = HeaderValue> {
        let bytes = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "(text/html|gzip|\\*/\\*|charset|utf-8|=|;|,|q|0|\\.|\"| ){0,12}".prop_map(String::into_bytes),
        ];
        bytes.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok())
    }

    proptest! {
        #[test]
        fn judges_any_headers_without_a_panic(values in prop::collection::vec(value(), 8)) {
            let names = [ACCEPT, CONTENT_TYPE, CONTENT_DISPOSITION, CACHE_CONTROL, USER_AGENT, CONTENT_ENCODING, ACCEPT_ENCODING];
            let headers: HeaderMap = names.into_iter().zip(values).collect();
            let (mut up, ()) = Request::new(()).into_parts();
            up.headers = headers.clone();
            let (mut down, ()) = Response::new(()).into_parts();
            down.headers = headers;
            let never = NeverTouched::new(PathPattern::defaults(), &[]);
            let kind = down.headers[CONTENT_TYPE].to_str().unwrap_or_default().trim_start().to_ascii_lowercase();
            _ = super::request(&up, &never);
            // Whatever else the headers say, only HTML ever qualifies.
            prop_assert!(super::answer(&down, Media::Html).is_err() || kind.starts_with("text/html"));
        }

        #[test]
        fn judges_any_page_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(<meta|charset|=|utf-8|latin1|>|\"|'| ){0,60}") {
            prop_assert_eq!(page(&bytes, true).is_ok(), std::str::from_utf8(&bytes).is_ok_and(|text| !text.is_empty()));
            _ = page(text.as_bytes(), false);
        }
    }
}
