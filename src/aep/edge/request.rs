//! The question about one shopper, and how it is written.

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::config::Version;
use crate::aep::Identity;

/// Adobe takes no longer body.
pub(super) const LONGEST: usize = 64 << 10;

/// Cookies from before the Web SDK that its state includes, beside `AMCV_<ORG>`.
pub const STATE_KINDS: [&str; 3] = ["mbox", "mboxEdgeCluster", "at_qa_mode"];

/// What the Edge Network is asked about one shopper. [`Debug`](std::fmt::Debug) shows nothing of him.
#[derive(Clone)]
pub struct Question {
    /// Who he is; `None` for somebody who is to get an identity.
    pub identity: Option<Identity>,
    /// The datastream.
    pub datastream: Arc<str>,
    /// The domain that the browser keeps Adobe's cookies for.
    pub domain: String,
    /// Adobe's cookies of his browser, names and values as they are.
    pub state: Vec<(String, String)>,
    /// Whether `state` holds the cookie that names him. Otherwise the question names him itself.
    pub state_has_identity: bool,
    /// The region that he was sent to before.
    pub hint: Option<String>,
    /// What his browser says of itself, as Adobe's own server SDK passes it on.
    pub headers: HeaderMap,
}

impl Question {
    /// The body in JSON.
    pub(super) fn body(&self, version: Version) -> String {
        let event = json!({ "xdm": self.xdm() });
        let mut body = match version {
            Version::V1 => json!({ "events": [event] }),
            Version::V2 => json!({ "event": event }),
        };
        let entries: Vec<Value> = self.state.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        body["query"] = json!({ "identity": { "fetch": ["ECID"] } });
        body["meta"] = json!({ "state": { "domain": self.domain, "cookiesEnabled": true, "entries": entries } });
        body.to_string()
    }

    /// An event of a type that Adobe's reports do not take for a page view.
    fn xdm(&self) -> Value {
        let mut xdm = json!({
            "eventType": "decisioning.propositionFetch",
            "timestamp": Timestamp::now().to_string(),
            "implementationDetails": {
                "name": "segue",
                "version": env!("CARGO_PKG_VERSION"),
                "environment": "server",
            },
        });
        if let Some((namespace, id)) = self.named() {
            let mut map = Map::new();
            let identity = json!([{ "id": id, "authenticatedState": "ambiguous", "primary": true }]);
            map.insert(namespace.to_owned(), identity);
            xdm["identityMap"] = Value::Object(map);
        }
        xdm
    }

    fn named(&self) -> Option<(&'static str, &str)> {
        match self.identity.as_ref().filter(|_| !self.state_has_identity)? {
            Identity::Ecid(ecid) => Some(("ECID", ecid.as_str())),
            Identity::Fpid(id) => Some(("FPID", id)),
        }
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("datastream", &self.datastream)
            .field("hint", &self.hint)
            .finish_non_exhaustive()
    }
}
