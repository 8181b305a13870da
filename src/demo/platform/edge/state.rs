//! What a client keeps for the Edge Network, and sends with every request: state entries and cookies.

use cookie::Cookie;
use http::HeaderMap;
use http::header::{COOKIE, HOST};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::problem::Problem;

/// A client's state.
#[derive(Default)]
pub struct State {
    /// From the body, in order.
    entries: Vec<(String, String)>,
    /// From the request's header.
    cookies: Vec<(String, String)>,
    /// The domain on which the client can keep cookies.
    pub domain: Option<String>,
    /// The host that the request was sent to, without its port.
    pub host: String,
    /// Whether the client lets cookies be set by the answer itself.
    pub cookies_enabled: bool,
}

impl State {
    /// Reads `meta.state` and the cookies.
    pub fn read(body: &Value, headers: &HeaderMap) -> Result<Self, Problem> {
        let state = &body["meta"]["state"];
        let cookies_enabled = state["cookiesEnabled"] == true;
        let domain = state["domain"].as_str().filter(|domain| !domain.is_empty()).map(str::to_owned);
        if cookies_enabled && domain.is_none() {
            return Err(Problem::no_cookie_domain());
        }
        let entries = match &state["entries"] {
            Value::Null => Vec::new(),
            Value::Array(entries) => entries.iter().map(entry).collect::<Option<_>>().ok_or_else(invalid)?,
            _ => return Err(invalid()),
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned();
        Ok(Self { entries, cookies: cookies(headers), domain, host, cookies_enabled })
    }

    /// What is kept under a name: an entry before a cookie.
    pub fn get(&self, name: &str) -> Option<&str> {
        let all = self.entries.iter().chain(&self.cookies);
        all.filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).next()
    }

    /// The cookie of a name, which no entry stands for.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn invalid() -> Problem {
    Problem::invalid_field("meta.state.entries")
}

/// Values are opaque texts; a client may have kept them percent-encoded.
fn entry(entry: &Value) -> Option<(String, String)> {
    Some((entry["key"].as_str()?.to_owned(), decoded(entry["value"].as_str()?)))
}

fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = texts.flat_map(|text| Cookie::split_parse(text.to_owned()).flatten());
    cookies.map(|cookie| (cookie.name().to_owned(), decoded(cookie.value()))).collect()
}

fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}
