//! The Edge Network's answer: whom it is about, and what it says about audiences.

use std::collections::BTreeSet;

use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Refusal, decoded};
use crate::rule::AudienceId;

pub(super) struct Answer(Value);

impl Answer {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let document: Value = serde_json::from_slice(bytes).map_err(|_| Refusal::Answer)?;
        if document.get("handle").is_some_and(Value::is_array) { Ok(Self(document)) } else { Err(Refusal::Answer) }
    }

    /// Whether every ECID in the answer is `own`, and there is one. Adobe makes up a new one when it takes no notice of a cookie.
    pub(super) fn confirm(&self, identity_cookie: &str, headers: &HeaderMap, own: &str) -> Result<(), Refusal> {
        let mut found = Vec::new();
        collect(&self.0, identity_cookie, &mut found);
        for line in headers.get_all(SET_COOKIE) {
            let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            let pair = String::from_utf8_lossy(pair);
            if let Some((name, value)) = pair.split_once('=')
                && name.trim() == identity_cookie
            {
                found.push(decoded(value.trim()));
            }
        }
        match found.iter().all(|ecid| ecid.as_deref() == Some(own)) {
            true if found.is_empty() => Err(Refusal::Unconfirmed),
            true => Ok(()),
            false => Err(Refusal::OtherAnswer),
        }
    }

    /// The audiences of all `activation:pull` handles; `None` when they are empty, which says that there is no profile.
    pub(super) fn audiences(
        &self,
        aliases: &[String],
        status: StatusCode,
    ) -> Result<Option<BTreeSet<AudienceId>>, Refusal> {
        let handles = self.0["handle"].as_array().into_iter().flatten();
        let pulls: Vec<&Value> = handles.filter(|handle| handle["type"] == "activation:pull").collect();
        let items: Vec<&Value> = pulls.iter().filter_map(|pull| pull["payload"].as_array()).flatten().collect();
        if pulls.is_empty() || (items.is_empty() && status != StatusCode::OK) {
            return Err(Refusal::NoMembership);
        }
        let counts = |item: &&&Value| {
            let alias = item["alias"].as_str().unwrap_or_default().to_lowercase();
            aliases.is_empty() || aliases.contains(&alias)
        };
        let segments = items.iter().filter(counts).filter_map(|item| item["segments"].as_array()).flatten();
        let audiences = segments.filter_map(|segment| segment["id"].as_str()).map(AudienceId::from).collect();
        Ok((!items.is_empty()).then_some(audiences))
    }
}

/// Every ECID at any depth: of an `identity:result`, or in a cookie of `state:store`. `None` for a cookie that cannot be read.
fn collect(value: &Value, identity_cookie: &str, found: &mut Vec<Option<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, identity_cookie, found)),
        Value::Object(map) => {
            let code = map.get("namespace").and_then(|namespace| namespace.get("code")).and_then(Value::as_str);
            if code.is_some_and(|code| code.eq_ignore_ascii_case("ECID")) {
                found.push(map.get("id").and_then(Value::as_str).map(str::to_owned));
            }
            if map.get("key").and_then(Value::as_str) == Some(identity_cookie) {
                found.push(map.get("value").and_then(Value::as_str).and_then(decoded));
            }
            map.values().for_each(|value| collect(value, identity_cookie, found));
        }
        _ => {}
    }
}
