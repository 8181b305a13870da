//! Segue's own requests in a shopper's session: they look at his cart, give it a coupon or take one off, and ask for his customer group.
//!
//! They go to the origin as his browser's would, with his cookies and what Segue knows of him, and nothing of their answers reaches him.

use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tower::Service as _;

use crate::audience::jar;
use crate::body::Body;
use crate::guard::NotComparable;
use crate::guard::totals::{CheckoutConfig, checkout_config};
use crate::upstream::{self, Upstream};

/// Magento's session cookie.
pub const SESSION: &str = "PHPSESSID";

/// The cookie with a session's form key.
const FORM_KEY: &str = "form_key";

/// Cookies that an answer may bring and that its session goes on with.
const FOLLOWED: [&str; 4] = [SESSION, FORM_KEY, "X-Magento-Vary", "store"];

/// The cookie with messages for the next page. Magento puts new ones behind those that it is sent.
const MESSAGES: &str = "mage-messages";

/// How long one request may take.
const LONGEST: Duration = Duration::from_secs(10);

/// A page of a cart has some 200 KiB.
const MOST_BYTES: usize = 4 << 20;

/// Headers of the shopper's request that are about it alone.
const OWN: [HeaderName; 18] = [
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::TE,
    header::EXPECT,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ORIGIN,
    header::REFERER,
    header::UPGRADE,
    HeaderName::from_static("x-requested-with"),
];

/// Why the shop's answer says nothing.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// There was none.
    #[error("no answer of the shop: {0}")]
    Unreachable(#[from] upstream::Error),
    /// It took too long.
    #[error("no answer of the shop within {} s", LONGEST.as_secs())]
    Timeout,
    /// It was cut off, or longer than such answers are.
    #[error("the shop's answer was cut off or too long")]
    Body,
    /// It has another status than such answers.
    #[error("the shop answered with status {0}")]
    Status(StatusCode),
    /// It cannot be read.
    #[error("the shop's cart cannot be read ({})", .0.as_str())]
    Cart(NotComparable),
    /// It does not say whether the code was taken.
    #[error("the shop's answer does not say whether it took the code")]
    Silent,
    /// There is no form key, without which the shop takes no form.
    #[error("the session has no form key")]
    NoFormKey,
}

/// What the shop said of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is as asked.
    Yes,
    /// It is not.
    No,
}

/// What is in a cart; the default is an empty one.
#[derive(Debug, Default)]
pub struct CartSeen {
    /// What the page of the cart says of it; `None` for an empty one.
    pub config: Option<CheckoutConfig>,
    /// The session's form key, where the page has one.
    form_key: Option<String>,
}

/// The shopper's session, for requests of Segue's own.
#[derive(Clone, Debug)]
pub struct Side {
    origin: Upstream,
    headers: HeaderMap,
    /// The path under which the shop is, without a slash at its end.
    base: String,
}

impl Side {
    /// The session of a request that is on its way up. `headers` are those that the origin gets.
    pub fn new(origin: Upstream, headers: &HeaderMap, base: String) -> Self {
        let mut headers = headers.clone();
        for name in &OWN {
            headers.remove(name);
        }
        let fetch: Vec<HeaderName> =
            headers.keys().filter(|name| name.as_str().starts_with("sec-fetch-")).cloned().collect();
        for name in fetch {
            headers.remove(name);
        }
        set_cookies(&mut headers, &[MESSAGES], &[]);
        Self { origin, headers, base }
    }

    /// The same session after an answer, which may have begun or renewed it.
    pub fn after(mut self, response: &Response<Body>) -> Self {
        let set: Vec<(&str, String)> = FOLLOWED
            .into_iter()
            .filter_map(|name| cookie_set(response.headers(), name).map(|value| (name, value)))
            .collect();
        let names: Vec<&str> = set.iter().map(|(name, _)| *name).collect();
        set_cookies(&mut self.headers, &names, &set);
        self
    }

    /// A digest of the session's id; 0 without one.
    pub fn session(&self) -> u64 {
        session(&self.headers)
    }

    /// What is in the cart.
    ///
    /// # Errors
    /// When the shop does not say.
    pub async fn cart(&self) -> Result<CartSeen, SideError> {
        let answer = self.ask(Method::GET, "/checkout/cart/", None).await?;
        if answer.status != StatusCode::OK {
            return Err(SideError::Status(answer.status));
        }
        let config = checkout_config(&answer.body).map_err(SideError::Cart)?;
        // A theme whose page says nothing of a cart is not an empty cart.
        if config.is_none() && memchr::memmem::find(&answer.body, b"cart-empty").is_none() {
            return Err(SideError::Cart(NotComparable::Unreadable));
        }
        Ok(CartSeen { config, form_key: form_key(&answer.body) })
    }

    /// Gives the cart a code, or takes the one that it has off.
    ///
    /// # Errors
    /// When the shop does not say what came of it.
    pub async fn set_coupon(&self, cart: &CartSeen, code: Option<&str>) -> Result<Said, SideError> {
        let own = || {
            let value = jar::values(&self.headers, FORM_KEY).next()?;
            String::from_utf8(value.to_vec()).ok()
        };
        // Magento takes over the cookie's key as the session's, so that what a page says counts only without it.
        let key = own().filter(|key| !key.is_empty()).or_else(|| cart.form_key.clone()).ok_or(SideError::NoFormKey)?;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (remove, code) = if code.is_some() { ("0", code.unwrap_or_default()) } else { ("1", "") };
        let form = format!("coupon_code={}&remove={remove}&form_key={}", encoded(code), encoded(&key));
        let answer = self.ask(Method::POST, "/checkout/cart/couponPost/", Some(form)).await?;
        if !answer.status.is_redirection() && answer.status != StatusCode::OK {
            return Err(SideError::Status(answer.status));
        }
        outcome(&answer.headers).ok_or(SideError::Silent)
    }

    /// The customer group: that of guests where nobody is logged in.
    ///
    /// # Errors
    /// When the shop does not say.
    pub async fn group(&self, guests: u64) -> Result<u64, SideError> {
        let answer = self.ask(Method::GET, "/rest/V1/customers/me", None).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Ok(guests);
        }
        if answer.status != StatusCode::OK {
            return Err(SideError::Status(answer.status));
        }
        let customer: Value = serde_json::from_slice(&answer.body).map_err(|_| SideError::Body)?;
        customer.get("group_id").and_then(Value::as_u64).ok_or(SideError::Body)
    }

    async fn ask(&self, method: Method, path: &str, form: Option<String>) -> Result<Answer, SideError> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        // The path is the shop's own, and the base was one of a request.
        *request.uri_mut() = format!("{}{path}", self.base).parse().map_err(|_| SideError::Body)?;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        match path.starts_with("/rest/") {
            true => {
                headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                // Magento takes a session for REST from scripts of its own pages only.
                headers.insert(HeaderName::from_static("x-requested-with"), HeaderValue::from_static("XMLHttpRequest"));
            }
            false => drop(headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"))),
        }
        if let Some(form) = form {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, kind);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(form.len()));
            *request.body_mut() = Body::from(form);
        }
        let mut origin = self.origin.clone();
        let asking = async {
            let (parts, body) = origin.call(request).await?.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|_| SideError::Body)?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes().to_vec() })
        };
        tokio::time::timeout(LONGEST, asking).await.unwrap_or(Err(SideError::Timeout))
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A digest of the id of a request's session at the shop; 0 without one.
pub fn session(headers: &HeaderMap) -> u64 {
    let Some(id) = jar::values(headers, SESSION).next().filter(|id| !id.is_empty()) else { return 0 };
    let digest: [u8; 32] = Sha256::new_with_prefix(b"segue session").chain_update(id).finalize().into();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What an answer's messages say came of a form: Magento answers alike otherwise.
pub fn outcome(headers: &HeaderMap) -> Option<Said> {
    let messages = cookie_set(headers, MESSAGES)?;
    let text = percent_decode(messages.as_bytes()).decode_utf8().ok()?;
    // PHP writes blanks as plus signs.
    let messages: Vec<Value> =
        serde_json::from_str(&text).or_else(|_| serde_json::from_str(&text.replace('+', " "))).ok()?;
    match messages.last()?.get("type")?.as_str()? {
        "success" => Some(Said::Yes),
        "error" | "warning" | "notice" => Some(Said::No),
        _ => None,
    }
}

/// The value that an answer sets a cookie to; of several, the last.
fn cookie_set(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.filter_map(|line| {
        let (found, rest) = line.split_once('=')?;
        (found.trim() == name).then(|| rest.split(';').next().unwrap_or(rest).trim().to_owned())
    });
    values.rfind(|value| !value.is_empty() && value != "deleted")
}

/// Takes cookies out of a request, and puts others in.
fn set_cookies(headers: &mut HeaderMap, remove: &[&str], add: &[(&str, String)]) {
    let is_kept = |piece: &&[u8]| {
        let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        !name.is_empty() && !remove.iter().any(|removed| removed.as_bytes() == name)
    };
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pieces: Vec<Vec<u8>> = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter(is_kept)
        .map(|piece| piece.trim_ascii().to_vec())
        .collect();
    pieces.extend(add.iter().map(|(name, value)| format!("{name}={value}").into_bytes()));
    headers.remove(header::COOKIE);
    if let Ok(mut line) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
        && !pieces.is_empty()
    {
        line.set_sensitive(true);
        headers.insert(header::COOKIE, line);
    }
}

/// The form key of a page, which is its session's: pages of carts come from no cache.
fn form_key(page: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"name=\"form_key\"";
    let at = memchr::memmem::find(page, FIELD)?;
    let start = page[..at].iter().rposition(|byte| *byte == b'<')?;
    let end = at + page[at..].iter().position(|byte| *byte == b'>')?;
    let tag = std::str::from_utf8(&page[start..end]).ok()?;
    let value = tag.split_once("value=\"")?.1.split('"').next()?;
    let is_key = !value.is_empty() && value.len() <= 64 && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).expect("a header value"));
        }
        headers
    }

    #[test]
    fn reads_what_came_of_a_form_from_its_messages() {
        let said =
            |value: &str| outcome(&headers(header::SET_COOKIE, &["a=1", &format!("mage-messages={value}; path=/")]));
        assert_eq!(said("%5B%7B%22type%22%3A%22success%22%2C%22text%22%3A%22You+used%22%7D%5D"), Some(Said::Yes));
        assert_eq!(said("%5B%7B%22type%22%3A%22error%22%2C%22text%22%3A%22x%22%7D%5D"), Some(Said::No));
        for none in ["", "deleted", "%5B%5D", "x", "%5B%7B%7D%5D"] {
            assert_eq!(said(none), None, "{none}");
        }
        assert_eq!(outcome(&HeaderMap::new()), None);
    }

    #[test]
    fn goes_on_with_the_session_that_an_answer_began() {
        let mut request = headers(header::COOKIE, &["a=1; PHPSESSID=old; mage-messages=x", "form_key=k;b=2"]);
        set_cookies(&mut request, &[MESSAGES], &[]);
        assert_eq!(request[header::COOKIE], "a=1; PHPSESSID=old; form_key=k; b=2");
        let before = session(&request);
        set_cookies(&mut request, &[SESSION], &[(SESSION, "new".to_owned())]);
        assert_eq!(request[header::COOKIE], "a=1; form_key=k; b=2; PHPSESSID=new");
        assert!(before != 0 && session(&request) != before);
        let answer =
            headers(header::SET_COOKIE, &["PHPSESSID=one; path=/", "PHPSESSID=two; path=/", "form_key=deleted"]);
        assert_eq!(cookie_set(&answer, SESSION).as_deref(), Some("two"));
        assert_eq!(cookie_set(&answer, FORM_KEY), None);
        assert_eq!(session(&HeaderMap::new()), 0);
    }

    #[test]
    fn finds_the_form_key_of_a_page() {
        let page = br#"<form><input type="hidden" value="Ab9" name="form_key" /><input name="form_key" type="hidden" value="x" />"#;
        assert_eq!(form_key(page).as_deref(), Some("Ab9"));
        assert_eq!(form_key(br#"<input name="form_key" value="">"#), None);
        assert_eq!(form_key(b"<p>none</p>"), None);
    }
}
