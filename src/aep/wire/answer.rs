//! The Edge Network's answer: whom it is about, and what it says about audiences.

use std::collections::BTreeSet;

use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Exchange, Refusal};
use crate::aep::Ecid;
use crate::aep::edge::{Profile, read};
use crate::rule::AudienceId;

/// Whether every ECID in the answer is `own`, and there is one. Adobe makes up a new one when it takes no notice of a cookie.
pub(super) fn confirm(exchange: &Exchange<'_>, own: &Ecid) -> Result<(), Refusal> {
    let document: Value = serde_json::from_slice(exchange.answer).map_err(|_| Refusal::Answer)?;
    let identity_cookie = exchange.org.cookie("identity");
    let mut found = Found::default();
    collect(&document, &identity_cookie, &mut found);
    collect_cookies(exchange.headers, &identity_cookie, &mut found);
    match found.0.iter().all(|ecid| ecid.as_ref() == Some(own)) {
        true if found.0.is_empty() => Err(Refusal::Unconfirmed),
        true => Ok(()),
        false => Err(Refusal::OtherAnswer),
    }
}

/// His audiences, by all destinations that count.
pub(super) fn audiences(exchange: &Exchange<'_>, aliases: &[String]) -> Result<BTreeSet<AudienceId>, Refusal> {
    let answer = read(exchange.headers, exchange.answer, exchange.org, aliases).ok_or(Refusal::Answer)?;
    match answer.profile {
        Profile::Known(audiences) => Ok(audiences),
        // Some service did not answer in time: perhaps the one that knows the shopper.
        Profile::Unknown if answer.is_partial || exchange.status != StatusCode::OK => Err(Refusal::NoMembership),
        Profile::Unknown => Ok(BTreeSet::new()),
        Profile::NoDestination => Err(Refusal::NoMembership),
        Profile::NoConsent => Err(Refusal::NoConsent),
    }
}

/// ECIDs that an answer names; `None` for one that cannot be read.
#[derive(Default)]
struct Found(Vec<Option<Ecid>>);

/// Every ECID at any depth: of an `identity:result`, or in a cookie of `state:store`.
fn collect(value: &Value, identity_cookie: &str, found: &mut Found) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, identity_cookie, found)),
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            let code = map.get("namespace").and_then(|namespace| namespace.get("code")).and_then(Value::as_str);
            if code.is_some_and(|code| code.eq_ignore_ascii_case("ECID")) {
                found.0.push(text("id").and_then(Ecid::parse));
            }
            if text("key") == Some(identity_cookie) {
                found.0.push(text("value").and_then(|value| Ecid::from_cookie(value.as_bytes())));
            }
            map.values().for_each(|value| collect(value, identity_cookie, found));
        }
        _ => {}
    }
}

/// Those in cookies that the answer sets, which Adobe does where it is called on a host of the shop's domain.
fn collect_cookies(headers: &HeaderMap, identity_cookie: &str, found: &mut Found) {
    for line in headers.get_all(SET_COOKIE) {
        let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(equals);
        if name.trim_ascii() == identity_cookie.as_bytes() {
            found.0.push(Ecid::from_cookie(value.get(1..).unwrap_or_default().trim_ascii()));
        }
    }
}
