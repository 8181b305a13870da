//! Whom a message is about. Adobe's HTTP API destination sends profiles with an `identityMap` from namespaces to identities, and a
//! `segmentMembership`, which is not read.
//!
//! Up to ten profiles come in a request. How several are put together is for a destination's template to say, so all usual ways are
//! taken: a list, an object with a list called `profiles`, or one object after the other.

use std::collections::HashSet;

use serde_json::{Deserializer, Value};

use super::receive::Problem;
use crate::aep::{Ecid, Identity};
use crate::audience::ShopperKey;

/// Ten profiles with as many identities as an identity graph holds, which is fifty, and as much again.
const MOST_IDENTITIES: usize = 1000;

/// The shoppers that `body` names, each once.
pub(super) fn shoppers(body: &[u8]) -> Result<HashSet<ShopperKey>, Problem> {
    let mut named = Named::default();
    for document in Deserializer::from_slice(body).into_iter::<Value>() {
        let document = document.map_err(|error| Problem::NotJson { line: error.line(), column: error.column() })?;
        named.read(&document)?;
    }
    if named.profiles == 0 && !named.is_empty_list { Err(Problem::Nobody) } else { Ok(named.shoppers) }
}

#[derive(Debug, Default)]
struct Named {
    shoppers: HashSet<ShopperKey>,
    identities: usize,
    profiles: usize,
    is_empty_list: bool,
}

impl Named {
    fn read(&mut self, document: &Value) -> Result<(), Problem> {
        let list = document.as_array().or_else(|| document.get("profiles")?.as_array());
        match list {
            Some(profiles) => {
                self.is_empty_list |= profiles.is_empty();
                profiles.iter().try_for_each(|profile| self.profile(profile))
            }
            None => self.profile(document),
        }
    }

    fn profile(&mut self, profile: &Value) -> Result<(), Problem> {
        let Some(map) = profile.get("identityMap").and_then(Value::as_object) else { return Ok(()) };
        self.profiles += 1;
        for (namespace, identities) in map {
            for identity in identities.as_array().into_iter().flatten() {
                self.identities += 1;
                if self.identities > MOST_IDENTITIES {
                    return Err(Problem::TooMany);
                }
                let id = identity.get("id").and_then(Value::as_str);
                self.shoppers.extend(id.and_then(|id| shopper(namespace, id)));
            }
        }
        Ok(())
    }
}

/// The shopper with this identity; `None` for namespaces that say nothing about a browser, such as `email`.
fn shopper(namespace: &str, id: &str) -> Option<ShopperKey> {
    let identity = match namespace.to_ascii_lowercase().as_str() {
        "ecid" => Ecid::parse(id).map(Identity::Ecid),
        "fpid" => Identity::fpid(id),
        _ => None,
    };
    identity.as_ref().map(ShopperKey::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ADA: &str = "11111111111111111111111111111111111111";
    const BOB: &str = "22222222222222222222222222222222222222";

    fn profile(namespace: &str, ids: &[&str]) -> Value {
        let ids: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({
            "person": { "name": { "firstName": "Ada" } },
            "identityMap": { namespace: ids, "email_lc_sha256": [{ "id": "e3b0" }] },
            "segmentMembership": { "ups": { "7841ba61": { "lastQualificationTime": "2026-01-11T21:24:39Z", "status": "exited" } } },
        })
    }

    fn keys(ids: &[&str]) -> HashSet<ShopperKey> {
        ids.iter().map(|id| ShopperKey::of(&Identity::Ecid(Ecid::parse(id).expect("an ECID")))).collect()
    }

    fn read(body: &str) -> Result<HashSet<ShopperKey>, Problem> {
        shoppers(body.as_bytes())
    }

    #[test]
    fn reads_every_way_in_which_profiles_are_put_together() {
        let (ada, bob) = (profile("ecid", &[ADA]), profile("ECID", &[BOB, ADA]));
        assert_eq!(read(&ada.to_string()), Ok(keys(&[ADA])));
        assert_eq!(read(&json!([ada, bob]).to_string()), Ok(keys(&[ADA, BOB])));
        assert_eq!(read(&json!({ "profiles": [ada, bob] }).to_string()), Ok(keys(&[ADA, BOB])));
        assert_eq!(read(&format!("{ada}{bob}")), Ok(keys(&[ADA, BOB])));
        assert_eq!(read(&format!("{ada}\n{bob}\n")), Ok(keys(&[ADA, BOB])));
        assert_eq!(read("[]"), Ok(keys(&[])));
    }

    #[test]
    fn namespaces_of_no_browser_and_odd_fields_are_passed_over() {
        assert_eq!(read(&profile("email", &["ada@shop.test"]).to_string()), Ok(keys(&[])));
        let odd =
            json!([{ "identityMap": { "ECID": [{ "id": 5 }, "x", { "id": ADA, "new": {} }], "FPID": "x" } }, 7, {}]);
        assert_eq!(read(&odd.to_string()), Ok(keys(&[ADA])));
        assert_eq!(
            read(&profile("Fpid", &["9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22"]).to_string()).map(|all| all.len()),
            Ok(1)
        );
    }

    #[test]
    fn refuses_what_names_nobody_or_is_no_json() {
        for nobody in ["{}", "7", "[{}]", r#"{"profiles":{}}"#, r#"{"identityMap":[]}"#, ""] {
            assert_eq!(read(nobody), Err(Problem::Nobody), "{nobody}");
        }
        assert_eq!(read("{\n  \"a\": x}"), Err(Problem::NotJson { line: 2, column: 8 }));
        assert!(matches!(read(&"[".repeat(10_000)), Err(Problem::NotJson { .. })), "no depth overflows the stack");
    }

    #[test]
    fn refuses_more_identities_than_a_request_can_have() {
        let ids: Vec<String> = (0..MOST_IDENTITIES).map(|number| format!("{:038}", number + 1)).collect();
        let most = json!({ "identityMap": { "ECID": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() } });
        assert_eq!(read(&most.to_string()).map(|all| all.len()), Ok(MOST_IDENTITIES));
        assert_eq!(read(&format!("{most}{}", profile("ECID", &[ADA]))), Err(Problem::TooMany));
    }
}
