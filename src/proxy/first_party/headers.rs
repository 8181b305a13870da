//! What of a call's headers goes to Adobe, and what of the answer's comes back.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, HeaderName as Name};

use crate::aep::OrgId;
use crate::aep::wire::Refusal;
use crate::audience::jar;

/// Adobe's cookies whose names do not begin with the organisation's: Target's, and the shop's own device id, which Adobe reads under
/// this name.
const OTHERS: [&[u8]; 4] = [b"mbox", b"mboxEdgeCluster", b"at_qa_mode", b"FPID"];

/// What browsers say about themselves, the message and the page, and what tells Adobe the client's address.
const PASSED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "device-memory",
    "dnt",
    "downlink",
    "dpr",
    "ect",
    "origin",
    "pragma",
    "referer",
    "rtt",
    "save-data",
    "user-agent",
    "viewport-width",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-segue-hops",
];

/// Headers that speak for a whole host, which is Adobe's there and the shop's here.
const OF_THE_HOST: [Name; 8] = [
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
    Name::from_static("clear-site-data"),
    Name::from_static("nel"),
    Name::from_static("public-key-pins"),
    Name::from_static("report-to"),
    Name::from_static("reporting-endpoints"),
    Name::from_static("service-worker-allowed"),
];

/// The cookies that go to Adobe, as one line. A value that two readers could take for two things is left out.
pub(super) fn adobes_cookies(headers: &HeaderMap, org: &OrgId) -> String {
    let prefix = org.cookie_prefix();
    let legacy = [org.legacy_cookie(), org.legacy_cookie().replacen("AMCV", "AMCVS", 1)];
    let is_adobes = |name: &[u8]| {
        let is_legacy = |own: &String| name == own.as_bytes() || name == own.replace('@', "%40").as_bytes();
        name.starts_with(prefix.as_bytes()) || OTHERS.contains(&name) || legacy.iter().any(is_legacy)
    };
    let adobes = jar::pairs(headers).filter(|(name, value)| is_adobes(name) && is_plain(name) && is_plain(value));
    let lines = adobes.map(|(name, value)| [name, b"=", value].concat());
    String::from_utf8(lines.collect::<Vec<_>>().join(&b"; "[..])).expect("plain names and values are ASCII")
}

/// Whether a cookie's name or value is one to every reader (RFC 6265, 4.1.1).
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
}

/// Leaves of a call's headers what goes to Adobe.
pub(super) fn fit(headers: &mut HeaderMap, host: &HeaderValue, cookies: &str) {
    let passes = |name: &HeaderName| {
        let name = name.as_str();
        PASSED.contains(&name)
            || name.starts_with("access-control-request-")
            || (name.starts_with("sec-") && !name.starts_with("sec-websocket-"))
    };
    let others: Vec<HeaderName> = headers.keys().filter(|name| !passes(name)).cloned().collect();
    for name in others {
        headers.remove(name);
    }
    headers.insert(header::HOST, host.clone());
    if let (false, Ok(mut line)) = (cookies.is_empty(), HeaderValue::from_str(cookies)) {
        line.set_sensitive(true);
        headers.insert(header::COOKIE, line);
    }
}

/// Takes out of an answer what would speak for the shop's host.
pub(super) fn fit_answer(headers: &mut HeaderMap) {
    for name in OF_THE_HOST {
        headers.remove(name);
    }
}

/// Whether the body is text in UTF-8, the one form in which everybody reads the same.
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let plain = match (types.next(), types.next()) {
        (None, _) => true,
        (Some(media_type), None) => media_type.to_str().is_ok_and(is_utf8_text),
        _ => false,
    };
    if plain && !headers.contains_key(header::CONTENT_ENCODING) { Ok(()) } else { Err(Refusal::Form) }
}

/// Whether this is one of the media types that Adobe reads as JSON, in UTF-8.
fn is_utf8_text(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let charset = |parameter: String| matches!(parameter.as_str(), "charset=utf-8" | "charset=\"utf-8\"");
    matches!(essence.as_str(), "application/json" | "text/plain" | "text/javascript") && parts.all(charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).expect("a name"), HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        };
        headers.iter().map(pair).collect()
    }

    fn sent(cookies: &[&str]) -> String {
        let org = OrgId::parse("53A1@AdobeOrg").expect("an organisation");
        let lines: Vec<(&str, &str)> = cookies.iter().map(|line| ("cookie", *line)).collect();
        adobes_cookies(&map(&lines), &org)
    }

    #[test]
    fn no_cookie_but_adobes_leaves() {
        assert_eq!(
            sent(&["PHPSESSID=1; form_key=2; segue=3; X-Magento-Vary=4; private_content_version=5; s_ecid=6"]),
            ""
        );
        assert_eq!(
            sent(&[
                "a=b; kndctr_53A1_AdobeOrg_identity=Ci%3D; mage-cache=1",
                "kndctr_53A1_AdobeOrg_consent=general=in; AMCV_53A1%40AdobeOrg=MCMID|1; AMCVS_53A1@AdobeOrg=1",
                "mbox=PC#1; mboxEdgeCluster=35; at_qa_mode=x; FPID=0b1e; demdex=1; mboxes=1; fpid=2",
                "kndctr_0THER_AdobeOrg_identity=Ci; kndctr_53A1_AdobeOrg=1; AMCV_0THER@AdobeOrg=1",
            ]),
            "kndctr_53A1_AdobeOrg_identity=Ci%3D; kndctr_53A1_AdobeOrg_consent=general=in; AMCV_53A1%40AdobeOrg=MCMID|1; \
             AMCVS_53A1@AdobeOrg=1; mbox=PC#1; mboxEdgeCluster=35; at_qa_mode=x; FPID=0b1e"
        );
    }

    #[test]
    fn a_cookie_that_could_be_two_is_left_out() {
        for cookie in [
            "kndctr_53A1_AdobeOrg_identity=a, kndctr_53A1_AdobeOrg_identity=b",
            "mbox=a b",
            "mbox=a\"b",
            "mbox=a\\b",
            "mbox=\u{e9}",
            "kndctr_53A1_AdobeOrg_x y=1",
            "kndctr_53A1_AdobeOrg_x,kndctr_53A1_AdobeOrg_identity=1",
        ] {
            assert_eq!(sent(&[cookie]), "", "{cookie}");
        }
        assert_eq!(sent(&["mbox=\"a\""]), "mbox=a");
    }

    #[test]
    fn no_secret_of_the_shop_leaves() {
        let mut headers = map(&[
            ("host", "shop.test"),
            ("authorization", "Bearer x"),
            ("x-segue-token", "x"),
            ("aep-segments-membership", "x"),
            ("x-api-key", "x"),
            ("x-gw-ims-org-id", "x"),
            ("x-request-id", "x"),
            ("cookie", "PHPSESSID=1"),
            ("te", "trailers"),
            ("connection", "te"),
            ("sec-websocket-key", "x"),
            ("x-magento-anything", "x"),
            ("user-agent", "Mozilla"),
            ("sec-ch-ua", "\"Chromium\""),
            ("sec-fetch-site", "same-origin"),
            ("sec-gpc", "1"),
            ("access-control-request-method", "POST"),
            ("referer", "https://shop.test/"),
            ("x-forwarded-for", "192.0.2.1"),
        ]);
        fit(&mut headers, &HeaderValue::from_static("edge.test"), "mbox=1");
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let passed = [
            "access-control-request-method",
            "cookie",
            "host",
            "referer",
            "sec-ch-ua",
            "sec-fetch-site",
            "sec-gpc",
            "user-agent",
            "x-forwarded-for",
        ];
        assert_eq!(names, passed);
        assert_eq!(
            (&headers["host"], &headers["cookie"]),
            (&"edge.test".parse().expect("a value"), &"mbox=1".parse().expect("a value"))
        );
    }

    #[test]
    fn nothing_of_adobes_speaks_for_the_shops_host() {
        let mut headers = map(&[
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("alt-svc", "h3=\":443\""),
            ("clear-site-data", "\"*\""),
            ("set-cookie", "a=b"),
            ("x-adobe-edge", "IRL1;6"),
        ]);
        fit_answer(&mut headers);
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn a_body_in_another_charset_or_coding_is_not_read() {
        for media_type in ["text/plain; charset=UTF-8", "application/json", "text/javascript;charset=\"utf-8\""] {
            assert_eq!(check_form(&map(&[("content-type", media_type)])), Ok(()), "{media_type}");
        }
        assert_eq!(check_form(&HeaderMap::new()), Ok(()));
        for headers in [
            &[("content-type", "text/plain; charset=utf-7")][..],
            &[("content-type", "text/plain; charset=utf-8; charset=ibm037")],
            &[("content-type", "application/x-jackson-smile")],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[("content-type", "")],
            &[("content-type", "text/plain"), ("content-type", "text/plain;charset=utf-16")],
            &[("content-encoding", "gzip")],
            &[("content-encoding", "identity")],
        ] {
            assert_eq!(check_form(&map(headers)), Err(Refusal::Form), "{headers:?}");
        }
    }
}
