//! Who the client is: its address, scheme and host, as far as those who say so are believed.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

/// The client behind a request, an extension of every request after [`super::headers::HeadersLayer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address: the nearest one that no trusted proxy has.
    pub address: IpAddr,
    /// Whether it came over HTTPS.
    pub secure: bool,
    /// The host it asked for, in lower case, without a port; empty where it named none.
    pub host: String,
    /// Whether the request came straight from a trusted proxy.
    pub through_trusted: bool,
}

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// True when `address` is in one of `networks`; an IPv4 address inside IPv6 counts as IPv4.
pub(super) fn trusts(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The nearest address, walking back from `peer`, that is not a trusted proxy's.
///
/// An entry that is no address ends the walk: what stands before it may be made up.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let lines: Vec<&HeaderValue> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    let entries = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries {
        if !trusts(trusted, nearest) {
            break;
        }
        let Some(address) = parse_address(entry) else { break };
        nearest = address;
    }
    nearest
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn parse_address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(address.to_canonical())
}

/// Whether the trusted proxy in front says that the client came over HTTPS; `None` when it says nothing.
///
/// In a list the first entry is the client's own connection.
pub(super) fn secure(headers: &HeaderMap, proto_header: &HeaderName) -> Option<bool> {
    let named = headers.get(proto_header).or_else(|| headers.get(X_FORWARDED_PROTO));
    let first = match named {
        Some(value) => value.as_bytes().split(|byte| *byte == b',').next()?,
        None => forwarded_proto(headers.get(header::FORWARDED)?.as_bytes())?,
    };
    let first = first.trim_ascii();
    if first.eq_ignore_ascii_case(b"https") || first.eq_ignore_ascii_case(b"on") {
        Some(true)
    } else if first.eq_ignore_ascii_case(b"http") || first.eq_ignore_ascii_case(b"off") {
        Some(false)
    } else {
        None
    }
}

/// `proto` of the first element of a `Forwarded` header (RFC 7239).
fn forwarded_proto(value: &[u8]) -> Option<&[u8]> {
    let element = value.split(|byte| *byte == b',').next()?;
    element.split(|byte| *byte == b';').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        name.eq_ignore_ascii_case(b"proto").then_some(value)
    })
}

/// `Shop.test:8080` -> (`shop.test`, `8080`).
pub(super) fn split_host(host: &str) -> (String, Option<&str>) {
    let after_address = host.rfind(']').map_or(0, |end| end + 1);
    match host[after_address..].find(':') {
        Some(colon) => {
            let (name, port) = host.split_at(after_address + colon);
            (name.to_ascii_lowercase(), Some(&port[1..]).filter(|port| !port.is_empty()))
        }
        None => (host.to_ascii_lowercase(), None),
    }
}

/// True for a request header by which a client could pass for another, or for another request.
///
/// Origins read some of these before or instead of `X-Forwarded-*`.
pub(super) fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.as_bytes().first() {
        Some(b'x') => {
            name.starts_with("x-forwarded")
                || matches!(
                    name,
                    "x-real-ip" | "x-client-ip" | "x-cluster-client-ip" | "x-original-forwarded-for" | "x-url-scheme"
                )
        }
        Some(b'f') => matches!(name, "forwarded" | "front-end-https" | "fastly-client-ip" | "fastly-ssl"),
        Some(b'c') => matches!(name, "client-ip" | "cf-connecting-ip" | "cloudfront-forwarded-proto"),
        Some(b't') => name == "true-client-ip",
        _ => name == "ssl-offloaded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn proxies() -> Vec<IpNet> {
        ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")).to_vec()
    }

    #[test]
    fn believes_nobody_but_trusted_proxies() {
        let spoofed = headers(&[("x-forwarded-for", "203.0.113.9")]);
        assert_eq!(address(ip("198.51.100.7"), &spoofed, &proxies()), ip("198.51.100.7"));
        assert_eq!(address(ip("10.1.1.1"), &spoofed, &proxies()), ip("203.0.113.9"));
        assert_eq!(address(ip("::ffff:10.1.1.1"), &spoofed, &proxies()), ip("203.0.113.9"));
    }

    #[test]
    fn walks_back_over_lines_and_lists_to_the_first_stranger() {
        let chain =
            headers(&[("x-forwarded-for", "1.1.1.1, 203.0.113.9:4711"), ("x-forwarded-for", "[fd00::2]:80,10.2.2.2")]);
        assert_eq!(address(ip("10.1.1.1"), &chain, &proxies()), ip("203.0.113.9"));
    }

    #[test]
    fn stops_at_an_entry_that_is_no_address() {
        for entry in ["unknown", "", "1.2.3", "999.1.1.1", "_hidden, 10.0.0.9"] {
            let chain = headers(&[("x-forwarded-for", entry)]);
            assert!(trusts(&proxies(), address(ip("10.1.1.1"), &chain, &proxies())), "{entry}");
        }
    }

    #[test]
    fn reads_the_scheme_from_the_configured_header_first() {
        let own = HeaderName::from_static("x-offloaded");
        let both = headers(&[("x-offloaded", "https"), ("x-forwarded-proto", "http")]);
        assert_eq!(secure(&both, &own), Some(true));
        assert_eq!(secure(&headers(&[("x-forwarded-proto", "HTTPS, http")]), &own), Some(true));
        assert_eq!(secure(&headers(&[("forwarded", "for=1.1.1.1;Proto=\"https\", for=2.2.2.2")]), &own), Some(true));
        assert_eq!(secure(&headers(&[("x-forwarded-proto", "gopher")]), &own), None);
        assert_eq!(secure(&headers(&[]), &own), None);
    }

    proptest::proptest! {
        #[test]
        fn reads_any_bytes(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut lines = HeaderMap::new();
                lines.insert(X_FORWARDED_FOR, value.clone());
                lines.insert(header::FORWARDED, value);
                proptest::prop_assert!(!address(ip("10.1.1.1"), &lines, &proxies()).is_unspecified() || bytes.starts_with(b"0"));
                secure(&lines, &X_FORWARDED_PROTO);
                split_host(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn splits_hosts_and_ports() {
        assert_eq!(split_host("Shop.Test:8080"), ("shop.test".into(), Some("8080")));
        assert_eq!(split_host("[2001:DB8::1]:80"), ("[2001:db8::1]".into(), Some("80")));
        assert_eq!(split_host("[::1]"), ("[::1]".into(), None));
        assert_eq!(split_host("shop.test:"), ("shop.test".into(), None));
    }
}
