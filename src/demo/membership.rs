//! The audiences that arrive at the shop, as Magento with Adobe's extension reads them.

use http::HeaderMap;

use super::session::cookie;

/// The audience id of VIP customers.
pub const VIP: &str = "6f1d0c6e-3b0a-4d0e-9c55-0b7d3a1f8a01";
/// The audience id of shoppers who came for the first time.
pub const NEW_VISITOR: &str = "b2a7e9d4-58c1-4f6b-8e27-9d04c6f1e502";
/// The audience id of wholesale buyers.
pub const WHOLESALE: &str = "d94c3f18-7e62-4a9d-b0f3-21c58ea7b603";

/// The cookie and the header in which the membership arrives.
pub const MEMBERSHIP: &str = "aep-segments-membership";

/// The audience ids that a request claims: in the header when it has one, else in the cookie.
pub fn claimed(headers: &HeaderMap) -> Vec<String> {
    let header = headers.get(MEMBERSHIP).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let claim = header.or_else(|| cookie(headers, MEMBERSHIP)).unwrap_or_default();
    claim.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}

/// What arrived, for tests that ask what a proxy sent on.
pub fn arrived(headers: &HeaderMap) -> String {
    let header = headers.get(MEMBERSHIP).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = cookie(headers, MEMBERSHIP).unwrap_or_default();
    format!("cookie={cookie}; header={header}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_the_header_before_the_cookie() {
        let mut headers = HeaderMap::new();
        let cookie = format!("a=b; {MEMBERSHIP}={VIP}%2C%20x");
        headers.insert("cookie", cookie.parse().expect("a header value"));
        assert_eq!(claimed(&headers), [VIP, "x"]);
        headers.insert(MEMBERSHIP, WHOLESALE.parse().expect("a header value"));
        assert_eq!(claimed(&headers), [WHOLESALE]);
    }
}
