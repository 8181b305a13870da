//! The request of a page's script: whether anything in it could make the answer about somebody else.

use serde_json::{Map, Value};

use super::Refusal;
use crate::aep::{Ecid, OrgId};
use crate::rule::strict;

/// The one key of free data that is not the datastream's to map: settings for Adobe's own applications.
const OWN_DATA: &str = "__adobe";

/// State that pages bring beside the organisation's cookies.
const OTHER_STATE: [&str; 3] = ["at_qa_mode", "mbox", "mboxEdgeCluster"];

/// Goes through the whole of a body, of version 1 (`events`) or 2 (`event`).
///
/// Keys must be known wherever they could steer the call. Identities are looked for at any depth, and whatever the case of their
/// keys, since it is not known how forgiving Adobe's parser is.
pub(super) fn check(body: &[u8], org: &OrgId, own: &Ecid) -> Result<(), Refusal> {
    let document = strict::parse(body).map_err(|_| Refusal::NotJson)?;
    let own = Own { org, ecid: own };
    own.walk(&document)?;
    let root = object(&document)?;
    for (key, value) in root {
        match key.as_str() {
            "event" => own.event(value)?,
            "events" => list(value)?.iter().try_for_each(|event| own.event(event))?,
            "meta" => own.meta(value)?,
            "query" | "xdm" => {}
            _ => return Err(Refusal::UnknownField),
        }
    }
    Ok(())
}

/// Who the call must be about.
struct Own<'a> {
    org: &'a OrgId,
    ecid: &'a Ecid,
}

impl Own<'_> {
    fn event(&self, event: &Value) -> Result<(), Refusal> {
        for (key, value) in object(event)? {
            match key.as_str() {
                "data" => object(value)?.keys().all(|key| key == OWN_DATA).then_some(()).ok_or(Refusal::FreeData)?,
                "meta" => self.meta(value)?,
                "query" | "xdm" => {}
                _ => return Err(Refusal::UnknownField),
            }
        }
        Ok(())
    }

    fn meta(&self, meta: &Value) -> Result<(), Refusal> {
        for (key, value) in object(meta)? {
            match key.as_str() {
                "state" => self.state(value)?,
                "collect" | "queueTimeMillis" | "target" => {}
                // Among them `configOverrides`, and `sdkConfig`, which names another datastream.
                _ => return Err(Refusal::Override),
            }
        }
        Ok(())
    }

    fn state(&self, state: &Value) -> Result<(), Refusal> {
        for (key, value) in object(state)? {
            match key.as_str() {
                "domain" => {}
                // Without cookies, Adobe would make up somebody new.
                "cookiesEnabled" if *value == Value::Bool(true) => {}
                "entries" => list(value)?.iter().try_for_each(|entry| self.entry(entry))?,
                _ => return Err(Refusal::State),
            }
        }
        Ok(())
    }

    /// A cookie that the page sends inside the body, as it does when the Edge Network is on another domain.
    fn entry(&self, entry: &Value) -> Result<(), Refusal> {
        let entry = object(entry)?;
        let text = |key: &str| entry.get(key).and_then(Value::as_str).ok_or(Refusal::State);
        let (key, value) = (text("key")?, text("value")?);
        let prefix = self.org.cookie_prefix();
        let is_known = match key.strip_prefix(prefix.as_str()) {
            Some("identity") => Ecid::from_cookie(value.as_bytes()).as_ref() == Some(self.ecid),
            Some(kind) => !kind.to_ascii_lowercase().contains("identity"),
            None => OTHER_STATE.contains(&key),
        };
        if is_known && entry.len() == 2 { Ok(()) } else { Err(Refusal::State) }
    }

    fn walk(&self, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item)),
            Value::Object(map) => map.iter().try_for_each(|(key, value)| {
                match bare(key).as_str() {
                    "identitymap" => self.identity_map(value)?,
                    // Adobe Analytics' own way to name visitors.
                    "enduserids" => return Err(Refusal::OtherIdentity),
                    "configoverrides" => return Err(Refusal::Override),
                    _ => {}
                }
                self.walk(value)
            }),
            _ => Ok(()),
        }
    }

    fn identity_map(&self, map: &Value) -> Result<(), Refusal> {
        for (namespace, identities) in object(map)? {
            if !namespace.eq_ignore_ascii_case("ECID") {
                return Err(Refusal::OtherIdentity);
            }
            for identity in list(identities)? {
                self.identity(object(identity)?)?;
            }
        }
        Ok(())
    }

    fn identity(&self, identity: &Map<String, Value>) -> Result<(), Refusal> {
        for (key, value) in identity {
            match bare(key).as_str() {
                "id" if value.as_str() == Some(self.ecid.as_str()) => {}
                "id" => return Err(Refusal::OtherEcid),
                "authenticatedstate" if value.is_string() => {}
                "primary" if value.is_boolean() => {}
                _ => return Err(Refusal::OtherIdentity),
            }
        }
        Ok(())
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, Refusal> {
    value.as_object().ok_or(Refusal::UnknownField)
}

fn list(value: &Value) -> Result<&Vec<Value>, Refusal> {
    value.as_array().ok_or(Refusal::UnknownField)
}

/// A key as the most forgiving reader takes it: without a prefix such as `xdm:`, whatever its case.
fn bare(key: &str) -> String {
    key.rsplit(':').next().unwrap_or(key).trim().to_ascii_lowercase()
}
