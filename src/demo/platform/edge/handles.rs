//! The parts of the Edge Network's answers.

use http::HeaderValue;
use serde_json::{Value, json};

use super::identity::{self, Identity};
use super::state::State;
use crate::demo::platform::options::Datastream;
use crate::demo::platform::{Lifecycle, Platform};

/// For how long the identity is kept, in seconds: 395 days.
const IDENTITY_AGE: u64 = 34_128_000;
/// For how long the region is.
const CLUSTER_AGE: u64 = 1800;
/// For how long the consent is: 180 days.
const CONSENT_AGE: u64 = 15_552_000;

/// Something that the client is to keep.
pub struct Kept {
    key: String,
    value: String,
    max_age: u64,
}

/// The identity, where it is time to write it, and the region.
pub fn kept(platform: &Platform, identity: &Identity, region: &str) -> Vec<Kept> {
    let mut kept = vec![Kept { key: platform.cookie("cluster"), value: region.to_owned(), max_age: CLUSTER_AGE }];
    if identity.is_to_be_kept {
        let value = identity::encode(&identity.ecid, identity::now(), region, identity.is_new);
        kept.push(Kept { key: platform.cookie("identity"), value, max_age: IDENTITY_AGE });
    }
    kept
}

/// The consent.
pub fn kept_consent(platform: &Platform, general: &str) -> Kept {
    Kept { key: platform.cookie("consent"), value: format!("general={general}"), max_age: CONSENT_AGE }
}

/// What is to be kept as a handle, and as cookies: the latter on a customer's own domain, where the client allows it.
pub fn state_store(platform: &Platform, state: &State, kept: &[Kept]) -> (Value, Vec<HeaderValue>) {
    let options = &platform.options;
    let is_own = options.first_party_hosts.contains(&state.host);
    let domain =
        state.domain.as_deref().filter(|domain| is_own && state.cookies_enabled && is_below(&state.host, domain));
    if let Some(domain) = domain {
        return (handle("state:store", Vec::new()), kept.iter().filter_map(|kept| cookie(kept, domain)).collect());
    }
    let items = kept.iter().map(|kept| {
        let mut item = json!({ "key": kept.key, "value": kept.value, "maxAge": kept.max_age });
        if options.same_site_none {
            item["attrs"] = json!({ "SameSite": "None" });
        }
        item
    });
    (handle("state:store", items.collect()), Vec::new())
}

fn is_below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn cookie(kept: &Kept, domain: &str) -> Option<HeaderValue> {
    let Kept { key, value, max_age } = kept;
    HeaderValue::from_str(&format!("{key}={value}; Path=/; Domain={domain}; Max-Age={max_age}; Secure; SameSite=None"))
        .ok()
}

/// A handle that belongs to the whole request.
pub fn handle(kind: &str, payload: Vec<Value>) -> Value {
    json!({ "type": kind, "payload": payload })
}

/// The identities that the request asks for.
pub fn identities(identity: &Identity, wanted: &Value) -> Option<Value> {
    let wanted = wanted.as_array()?.iter().filter_map(Value::as_str);
    let found: Vec<Value> = wanted.filter_map(|namespace| known(identity, namespace)).collect();
    (!found.is_empty()).then(|| handle("identity:result", found))
}

fn known(identity: &Identity, namespace: &str) -> Option<Value> {
    let id = match namespace {
        "ECID" => identity.ecid.clone(),
        // Adobe's id across customers is another one; here it has the same digits in reverse.
        "CORE" => identity.ecid.chars().rev().collect(),
        _ => return None,
    };
    Some(json!({ "id": id, "namespace": { "code": namespace } }))
}

/// Where the next request should go.
pub fn location_hint(region: &str) -> Value {
    let hint = |scope: &str, hint: &str| json!({ "scope": scope, "hint": hint, "ttlSeconds": CLUSTER_AGE });
    handle("locationHint:result", vec![hint("Target", "35"), hint("AAM", "9"), hint("EdgeNetwork", region)])
}

/// What pages and servers get to know of a profile: one item per destination, or none at all for a profile that is not known.
pub fn activation(platform: &Platform, datastream: &Datastream, profile: &str, region: &str) -> Vec<Value> {
    let push = json!({ "type": "activation:push", "payload": [], "eventIndex": 0 });
    if datastream.destinations.is_empty() {
        return vec![push];
    }
    let pull = |items: Vec<Value>| json!({ "type": "activation:pull", "payload": items, "eventIndex": 0 });
    let items = memberships(platform, datastream, profile, region);
    let pulls: Vec<Value> = match platform.options.handle_per_destination && !items.is_empty() {
        true => items.into_iter().map(|item| pull(vec![item])).collect(),
        false => vec![pull(items)],
    };
    [push].into_iter().chain(pulls).collect()
}

fn memberships(platform: &Platform, datastream: &Datastream, profile: &str, region: &str) -> Vec<Value> {
    let here = platform.options.regional_profiles.then_some(region);
    let Some(mut audiences) = platform.visitors.audiences(profile, here) else { return Vec::new() };
    let known = platform.audiences();
    audiences.retain(|id| known.iter().any(|one| one.id == *id && one.lifecycle == Lifecycle::Published));
    let enabled = datastream.destinations.iter().filter(|destination| destination.enabled);
    let item = enabled.map(|destination| {
        let segments = audiences.iter().filter(|id| destination.audiences.contains(id));
        json!({
            "type": "profileLookup",
            "destinationId": destination.id,
            "alias": destination.alias,
            "segments": segments.map(|id| json!({ "id": id, "namespace": "ups" })).collect::<Vec<_>>(),
        })
    });
    item.collect()
}

/// An error or warning inside an answer.
pub fn note(code: &str, title: &str, detail: &str) -> Value {
    let status: u16 = code.rsplit('-').next().and_then(|status| status.parse().ok()).unwrap_or(500);
    json!({ "type": format!("https://ns.adobe.com/aep/errors/{code}"), "status": status, "title": title, "detail": detail })
}
