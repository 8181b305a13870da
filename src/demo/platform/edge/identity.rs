//! Who a request is about: Experience Cloud ids, how they are found, and the cookie that keeps one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD_INDIFFERENT};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::problem::Problem;
use super::state::State;
use crate::demo::platform::Platform;

/// The cookie is written anew when it is older.
const REWRITTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who a request is about.
pub struct Identity {
    /// The browser's Experience Cloud id.
    pub ecid: String,
    /// Whose profile is looked up: the primary identity's, which is nearly always the browser's own.
    pub profile: String,
    /// Whether the id was made for this request.
    pub is_new: bool,
    /// Whether the answer must say how to keep the id.
    pub is_to_be_kept: bool,
}

/// One identity of a request's identity map.
struct Named {
    namespace: String,
    id: String,
    is_primary: bool,
}

/// Who a request is about. `is_server` is for calls in the form that servers use, which must name somebody when they name anybody.
pub fn resolve(platform: &Platform, state: &State, map: &Value, is_server: bool) -> Result<Identity, Problem> {
    let named = identities(map)?;
    let org = &platform.options.org;
    let kept = state.get(&platform.cookie("identity")).and_then(decode);
    // Browsers keep the name's "@" encoded.
    let legacy = [org.clone(), org.replace('@', "%40")].iter().find_map(|org| state.get(&format!("AMCV_{org}")));
    let legacy = legacy.and_then(from_legacy);
    let in_map = named.iter().find(|one| one.namespace == "ECID").map(|one| one.id.clone());
    let first_party = first_party_id(state, &named)?.map(|id| from_first_party_id(org, &id));
    let is_fresh = kept.as_ref().and_then(|kept| kept.written).is_some_and(is_recent);
    let device = kept.map(|kept| kept.ecid).or(legacy);
    let primaries = named.iter().filter(|one| one.is_primary).count();
    let is_nobody = primaries == 0 && device.is_none() && first_party.is_none();
    if is_server && !named.is_empty() && (primaries > 1 || is_nobody) {
        return Err(Problem::no_primary_identity());
    }
    let known = device.or(in_map).or(first_party);
    let is_new = known.is_none();
    let ecid = known.unwrap_or_else(mint);
    let primary = named.iter().find(|one| one.is_primary);
    let profile = primary.and_then(|primary| match &*primary.namespace {
        "ECID" => Some(primary.id.clone()),
        namespace => platform.visitors.linked(namespace, &primary.id),
    });
    Ok(Identity { profile: profile.unwrap_or_else(|| ecid.clone()), ecid, is_new, is_to_be_kept: !is_fresh })
}

fn identities(map: &Value) -> Result<Vec<Named>, Problem> {
    let Some(map) = map.as_object() else {
        return if map.is_null() { Ok(Vec::new()) } else { Err(Problem::invalid_field("xdm.identityMap")) };
    };
    let mut named = Vec::new();
    for (namespace, items) in map {
        let invalid = || Problem::invalid_field(&format!("xdm.identityMap.{namespace}"));
        for item in items.as_array().ok_or_else(invalid)? {
            let id = item["id"].as_str().ok_or_else(invalid)?.to_owned();
            named.push(Named { namespace: namespace.clone(), id, is_primary: item["primary"] == true });
        }
    }
    Ok(named)
}

/// The customer's own first-party id; one in a cookie that is none is as good as none.
fn first_party_id(state: &State, named: &[Named]) -> Result<Option<Uuid>, Problem> {
    if let Some(one) = named.iter().find(|one| one.namespace == "FPID") {
        return Uuid::parse_str(&one.id).map(Some).map_err(|_| Problem::invalid_id("FPID"));
    }
    Ok(state.cookie("FPID").and_then(|id| Uuid::parse_str(id).ok()))
}

/// Always the same for an organisation and an id.
fn from_first_party_id(org: &str, id: &Uuid) -> String {
    let digest = Sha256::digest(format!("{org}:{id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    ecid(bytes)
}

fn mint() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    ecid(bytes)
}

/// Two numbers of 63 bits, 19 digits each.
fn ecid(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    let (high, low) = ((number >> 65) as u64, (number as u64) >> 1);
    format!("{high:019}{low:019}")
}

/// `...|MCMID|<ecid>|...`, percent-encoded or not.
fn from_legacy(value: &str) -> Option<String> {
    let (_, after) = value.split_once("MCMID|")?;
    let ecid: String = after.chars().take_while(char::is_ascii_digit).collect();
    (!ecid.is_empty()).then_some(ecid)
}

/// What the identity cookie holds.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    ecid: String,
    /// In milliseconds since 1970.
    written: Option<u64>,
}

/// The identity cookie's value for somebody, as if written at `written` in milliseconds since 1970.
pub fn encode(ecid: &str, written: u64, region: &str, is_new: bool) -> String {
    let mut metadata = Vec::new();
    number(&mut metadata, 1, written);
    number(&mut metadata, 2, u64::from(is_new));
    number(&mut metadata, 3, 1);
    bytes(&mut metadata, 5, region.to_uppercase().as_bytes());
    let mut message = Vec::new();
    bytes(&mut message, 1, ecid.as_bytes());
    bytes(&mut message, 10, &metadata);
    number(&mut message, 30, written);
    URL_SAFE.encode(message)
}

/// Reads the cookie's value: protobuf, of which fields 1 and 10 matter.
fn decode(value: &str) -> Option<Kept> {
    let message = URL_SAFE_NO_PAD_INDIFFERENT.decode(value).ok()?;
    let (mut ecid, mut written) = (None, None);
    for (field, content) in fields(&message)? {
        match (field, content) {
            (1, Content::Bytes(text)) => ecid = std::str::from_utf8(text).ok(),
            (10, Content::Bytes(metadata)) => {
                written = fields(metadata)?.into_iter().find_map(|(field, content)| match content {
                    Content::Number(number) if field == 1 => Some(number),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let ecid = ecid.filter(|ecid| !ecid.is_empty() && ecid.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Kept { ecid: ecid.to_owned(), written })
}

fn is_recent(written: u64) -> bool {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(written))
        .is_some_and(|written| SystemTime::now().duration_since(written).is_ok_and(|age| age < REWRITTEN_AFTER))
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

enum Content<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

fn fields(mut message: &[u8]) -> Option<Vec<(u64, Content<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = take_number(&mut message)?;
        let content = match key & 7 {
            0 => Content::Number(take_number(&mut message)?),
            1 => Content::Bytes(take(&mut message, 8)?),
            2 => {
                let length = take_number(&mut message)?;
                Content::Bytes(take(&mut message, usize::try_from(length).ok()?)?)
            }
            5 => Content::Bytes(take(&mut message, 4)?),
            _ => return None,
        };
        fields.push((key >> 3, content));
    }
    Some(fields)
}

fn take<'m>(message: &mut &'m [u8], length: usize) -> Option<&'m [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn take_number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn number(message: &mut Vec<u8>, field: u64, value: u64) {
    put(message, field << 3);
    put(message, value);
}

fn bytes(message: &mut Vec<u8>, field: u64, value: &[u8]) {
    put(message, field << 3 | 2);
    put(message, value.len() as u64);
    message.extend_from_slice(value);
}

fn put(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_adobes_own_cookie() {
        let value = "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";
        let kept = decode(value).expect("an identity");
        assert_eq!(kept.ecid, "54758217238990693431236455737116189050");
        assert_eq!(kept.written, Some(1_601_377_896_241));
    }

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let value = encode("54758217238990693431236455737116189050", 1_601_377_896_241, "irl1", true);
        let kept = Kept { ecid: "54758217238990693431236455737116189050".to_owned(), written: Some(1_601_377_896_241) };
        assert_eq!(decode(&value), Some(kept));
        for wrong in ["", "!", "CiY1", "CgA=", "CgNhYmM=", "//////////8="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn makes_ids_of_38_digits() {
        assert_eq!(ecid([0; 16]), "0".repeat(38));
        assert_eq!(ecid([255; 16]), "92233720368547758079223372036854775807");
        assert_ne!(mint(), mint());
        let id = Uuid::from_u128(7);
        assert_eq!(from_first_party_id("a", &id), from_first_party_id("a", &id));
        assert_ne!(from_first_party_id("a", &id), from_first_party_id("b", &id));
    }

    #[test]
    fn reads_the_cookie_from_before_the_web_sdk() {
        let value = "179643557|MCIDTS|19000|MCMID|54758217238990693431236455737116189050|MCAAMLH-1|6";
        assert_eq!(from_legacy(value).as_deref(), Some("54758217238990693431236455737116189050"));
        assert_eq!(from_legacy("MCMID|"), None);
    }
}
