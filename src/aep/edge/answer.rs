//! What the Edge Network answers, as far as Segue reads it. New kinds of handles and fields may come at any time.

use std::collections::BTreeSet;

use cookie::Cookie;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::region::is_region;
use crate::aep::{Ecid, OrgId};
use crate::audience::plain;
use crate::rule::AudienceId;

/// More audiences than any shopper has, and more than a destination takes (250) times the destinations of a datastream.
const MOST_AUDIENCES: usize = 2500;

/// More state than Adobe keeps in a browser.
const MOST_STATE: usize = 32;

/// A browser keeps no longer cookie.
const LONGEST_STATE: usize = 4096;

/// For how many seconds a region holds where Adobe does not say.
const REGION_LIFE: i64 = 1800;

/// What an answer says about a shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// His audiences.
    pub profile: Profile,
    /// Whether some of Adobe's services did not answer in time.
    pub is_partial: bool,
    /// The identity that the answer is about, where it says so.
    pub ecid: Option<Ecid>,
    /// Whether the browser gets an identity to keep.
    pub brings_identity: bool,
    /// Whether the answer names more than one identity: then it is about nobody in particular.
    pub is_contradictory: bool,
    /// What the browser is to keep for Adobe.
    pub state: Vec<StateItem>,
    /// The region to ask in next time.
    pub region: Option<String>,
}

/// What the Edge Network knows of a shopper's audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// He has a profile, and these audiences.
    Known(BTreeSet<AudienceId>),
    /// He has no profile there.
    Unknown,
    /// The datastream brings no audiences: it has no destination for them.
    NoDestination,
    /// The question was ignored, as he has not consented.
    NoConsent,
}

/// Something that the browser is to keep: a cookie, in Adobe's words a state entry.
#[derive(Clone, PartialEq, Eq)]
pub struct StateItem {
    /// The cookie's name.
    pub key: String,
    /// The cookie's value; empty to remove it.
    pub value: String,
    /// For how many seconds; `None` until the browser is closed.
    pub max_age: Option<i64>,
    /// Its `SameSite` as Adobe says it.
    pub same_site: Option<String>,
}

impl std::fmt::Debug for StateItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateItem").field("key", &self.key).field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Body {
    handle: Option<Vec<Value>>,
    #[serde(default)]
    errors: Vec<Value>,
    #[serde(default)]
    warnings: Vec<Value>,
}

/// Reads an answer of status 200 or 207; `None` when it is none of the Edge Network's. `aliases`, in lower case, name the destinations
/// whose audiences count; without any, all count.
///
/// What the browser is to keep comes in the body; and in `Set-Cookie` lines, where the Edge Network was called on the shop's own domain.
pub fn read(headers: &HeaderMap, body: &[u8], org: &OrgId, aliases: &[String]) -> Option<Answer> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let has_no_consent = body.warnings.iter().chain(&body.errors).any(is_about_consent);
    // Every answer has some, but for a question that was ignored.
    let handles = Handles(body.handle.or_else(|| has_no_consent.then(Vec::new))?);
    let hint = handles.of("locationHint:result").flatten().find_map(|item| Some((region(item)?, item)));
    let mut state = handles.state(headers, org);
    if let Some((region, item)) = &hint {
        keep_region(&mut state, region, item, org);
    }
    let brought = identities(&state, org);
    let named = handles.of("identity:result").flatten().filter_map(ecid_result);
    let ecids: Vec<Ecid> = named.chain(brought.iter().cloned()).collect();
    Some(Answer {
        profile: if has_no_consent { Profile::NoConsent } else { handles.profile(aliases) },
        is_partial: !body.errors.is_empty(),
        is_contradictory: ecids.windows(2).any(|pair| pair[0] != pair[1]),
        ecid: ecids.into_iter().next(),
        brings_identity: !brought.is_empty(),
        state,
        region: hint.map(|(region, _)| region),
    })
}

/// The handles of an answer.
struct Handles(Vec<Value>);

impl Handles {
    /// The payloads of one kind.
    fn of(&self, kind: &'static str) -> impl Iterator<Item = &Vec<Value>> {
        let of_kind = self.0.iter().filter(move |handle| handle.get("type").and_then(Value::as_str) == Some(kind));
        of_kind.filter_map(|handle| handle.get("payload").and_then(Value::as_array))
    }

    fn state(&self, headers: &HeaderMap, org: &OrgId) -> Vec<StateItem> {
        let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|line| state_of_line(line, org));
        let stored = self.of("state:store").flatten().filter_map(|item| state_item(item, org));
        stored.chain(cookies).take(MOST_STATE).collect()
    }

    fn profile(&self, aliases: &[String]) -> Profile {
        let pulls: Vec<&Vec<Value>> = self.of("activation:pull").collect();
        profile(&pulls, aliases)
    }
}

/// The identities that a browser is to keep: one, or none.
fn identities(state: &[StateItem], org: &OrgId) -> Vec<Ecid> {
    let cookie = org.cookie("identity");
    let kept = state.iter().filter(|item| item.key == cookie && !item.value.is_empty());
    kept.filter_map(|item| Ecid::from_cookie(item.value.as_bytes())).collect()
}

fn profile(pulls: &[&Vec<Value>], aliases: &[String]) -> Profile {
    let mut items = pulls.iter().flat_map(|payload| payload.iter()).peekable();
    if pulls.is_empty() {
        return Profile::NoDestination;
    }
    if items.peek().is_none() {
        return Profile::Unknown;
    }
    let counts = |item: &&Value| {
        let alias = item.get("alias").and_then(Value::as_str).map(str::to_lowercase);
        aliases.is_empty() || alias.is_some_and(|alias| aliases.contains(&alias))
    };
    let segments = items.filter(counts).filter_map(|item| item.get("segments").and_then(Value::as_array)).flatten();
    Profile::Known(segments.filter_map(audience).take(MOST_AUDIENCES).collect())
}

/// The audience of a segment, unless the shopper is on his way out of it.
fn audience(segment: &Value) -> Option<AudienceId> {
    let id = segment.get("id").and_then(Value::as_str).filter(|id| plain::is_id(id))?;
    let exited =
        segment.get("status").and_then(Value::as_str).is_some_and(|status| status.eq_ignore_ascii_case("exited"));
    (!exited).then(|| id.into())
}

fn ecid_result(item: &Value) -> Option<Ecid> {
    let namespace = item.pointer("/namespace/code").and_then(Value::as_str);
    let id = item.get("id").and_then(Value::as_str).filter(|_| namespace == Some("ECID"))?;
    Ecid::parse(id)
}

fn state_item(item: &Value, org: &OrgId) -> Option<StateItem> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let item = StateItem {
        key: text("key")?.to_owned(),
        value: text("value").unwrap_or_default().to_owned(),
        max_age: item.get("maxAge").and_then(Value::as_i64),
        same_site: item.pointer("/attrs/SameSite").and_then(Value::as_str).map(str::to_owned),
    };
    item.may_be_kept(org).then_some(item)
}

fn state_of_line(line: &HeaderValue, org: &OrgId) -> Option<StateItem> {
    let cookie = Cookie::parse(line.to_str().ok()?).ok()?;
    let item = StateItem {
        key: cookie.name().to_owned(),
        value: percent_decode_str(cookie.value()).decode_utf8().ok()?.into_owned(),
        max_age: cookie.max_age().map(|age| age.whole_seconds()),
        same_site: cookie.same_site().map(|same_site| same_site.to_string()),
    };
    item.may_be_kept(org).then_some(item)
}

impl StateItem {
    /// Only cookies of Adobe's own are kept for it, however an answer may ask for others.
    fn may_be_kept(&self, org: &OrgId) -> bool {
        let suffix = self.key.strip_prefix(&org.cookie_prefix()).unwrap_or_default();
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let named = !suffix.is_empty() && suffix.bytes().all(of_name);
        named && self.value.len() <= LONGEST_STATE && HeaderValue::from_str(&self.value).is_ok()
    }
}

fn region(item: &Value) -> Option<String> {
    let scope = item.get("scope").and_then(Value::as_str);
    let hint = item.get("hint").and_then(Value::as_str).filter(|_| scope == Some("EdgeNetwork"))?;
    is_region(hint).then(|| hint.to_owned())
}

/// Adobe's own script relies on the cookie as well, so that what the answer says of it wins.
fn keep_region(state: &mut Vec<StateItem>, region: &str, item: &Value, org: &OrgId) {
    let key = org.cookie("cluster");
    if !state.iter().any(|item| item.key == key) {
        let max_age = item.get("ttlSeconds").and_then(Value::as_i64).or(Some(REGION_LIFE));
        state.push(StateItem { key, value: region.to_owned(), max_age, same_site: None });
    }
}

/// Adobe's code for it is 0301-200, at the end of a type such as `https://ns.adobe.com/aep/errors/EXEG-0301-200`.
fn is_about_consent(warning: &Value) -> bool {
    let code = |key: &str| warning.get(key).and_then(Value::as_str).is_some_and(|text| text.ends_with("0301-200"));
    code("type") || code("code")
}

/// Adobe's code and title in the body of an error (RFC 9457).
pub(super) fn problem(body: &[u8]) -> (Option<String>, Option<String>) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let code = text("type").and_then(|kind| kind.rsplit('/').next()).filter(|code| word(code) && code.len() <= 40);
    let title = text("title").map(|title| title.chars().filter(|c| !c.is_control()).take(200).collect());
    (code.filter(|code| !code.is_empty()).map(str::to_owned), title)
}

#[cfg(test)]
mod tests;
