//! Where a call goes: its path, its query, and the store view it is for.

use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderValue, Uri, header, request};

use crate::aep::edge::is_region;
use crate::aep::wire::Refusal;
use crate::audience::jar;
use crate::proxy::forwarded::split_host;
use crate::site::{Sites, StoreView};

/// Where Adobe has the Edge Network, whatever the shop calls it.
const EDGE_PATH: &str = "/ee";

/// What a path at or under the prefix is to Adobe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A path of the Edge Network.
    Edge {
        /// The path there.
        path: String,
        /// Whether it is the call that membership is learnt from.
        is_interact: bool,
    },
    /// A path that leads out of the Edge Network, or that two readers could take for two paths.
    Unfit,
}

impl Place {
    /// The place of `path`; `None` when it is not at or under `prefix`.
    pub(super) fn of(path: &str, prefix: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::Edge { path: format!("{EDGE_PATH}{rest}"), is_interact: false });
        }
        let segments: Vec<&str> = rest.strip_prefix('/')?.split('/').collect();
        if !segments.iter().all(|segment| is_plain(segment)) {
            return Some(Self::Unfit);
        }
        let is_interact = match segments[..] {
            [version, "interact"] => is_version(version),
            [hint, version, "interact"] => is_hint(hint) && is_version(version),
            _ => false,
        };
        Some(Self::Edge { path: format!("{EDGE_PATH}{rest}"), is_interact })
    }
}

/// Whether every reader takes a segment as it is written.
fn is_plain(segment: &str) -> bool {
    let of_segment = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !segment.is_empty() && segment.bytes().all(of_segment) && segment.bytes().any(|byte| byte != b'.')
}

fn is_version(segment: &str) -> bool {
    matches!(segment, "v1" | "v2")
}

/// A region of the Edge Network, or of Target (`t35`) as the script makes it of Target's own cookie.
fn is_hint(segment: &str) -> bool {
    let target = segment.strip_prefix('t').filter(|digits| (1..=3).contains(&digits.len()));
    is_region(segment) || target.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a query names `datastream`, once and by no other name, and nothing that is not known.
pub(super) fn check_query(query: &str, datastream: &str) -> Result<(), Refusal> {
    let mut named = 0;
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("configId" | "datastreamId" | "dataStreamId", value)) if value == datastream => named += 1,
            Some(("configId" | "datastreamId" | "dataStreamId", _)) => return Err(Refusal::Datastream),
            Some(("requestId", id)) if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {}
            None if query.is_empty() => {}
            _ => return Err(Refusal::Parameter),
        }
    }
    if named == 1 { Ok(()) } else { Err(Refusal::Datastream) }
}

/// The store view that a call is for: that of the page it came from, since its own path says nothing about store views with a path.
///
/// Whoever makes up a `Referer` picks among the shop's own views, each with its own datastream.
pub(super) fn view<'a>(sites: &'a Sites, host: &str, call: &request::Parts) -> &'a Arc<StoreView> {
    let store = jar::values(&call.headers, "store").next().and_then(|value| std::str::from_utf8(value).ok());
    let page = call.headers.get(header::REFERER).map(HeaderValue::as_bytes).and_then(|url| Uri::try_from(url).ok());
    let page =
        page.filter(|page| page.authority().map(Authority::as_str).is_some_and(|name| split_host(name).0 == host));
    sites.find(host, page.as_ref().unwrap_or(&call.uri).path(), store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use jiff::tz::TimeZone;

    fn edge(path: &str, is_interact: bool) -> Option<Place> {
        Some(Place::Edge { path: path.into(), is_interact })
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for path in
            ["/", "/e", "/eel", "/eel/v1/interact", "/EE/v1/interact", "/x/ee/v1/interact", "/ee;a", "/%65e", "*", ""]
        {
            assert_eq!(Place::of(path, "/ee"), None, "{path}");
        }
        assert_eq!(Place::of("/ee", "/ee"), edge("/ee", false));
        assert_eq!(Place::of("/ee/", "/ee"), edge("/ee/", false));
        assert_eq!(Place::of("/ee/v1/collect", "/ee"), edge("/ee/v1/collect", false));
        assert_eq!(Place::of("/data/in/v1/interact", "/data/in"), edge("/ee/v1/interact", true));
        assert_eq!(Place::of("/data/input/v1/interact", "/data/in"), None);
    }

    #[test]
    fn knows_the_one_call_that_is_read() {
        for path in ["/v1/interact", "/v2/interact", "/irl1/v1/interact", "/or2/v2/interact", "/t35/v1/interact"] {
            assert_eq!(Place::of(&format!("/ee{path}"), "/ee"), edge(&format!("/ee{path}"), true));
        }
        for path in [
            "/v3/interact",
            "/V1/interact",
            "/v1/Interact",
            "/v1/collect",
            "/v1/interact.",
            "/v1/interact/x",
            "/interact",
            "/v1",
            "/x/v1/interact",
            "/irl1/or2/v1/interact",
            "/v1/v1/interact",
            "/va/v1/sessionStart",
            "/v1/privacy/set-consent",
            "/v1/identity/acquire",
        ] {
            assert_eq!(Place::of(&format!("/ee{path}"), "/ee"), edge(&format!("/ee{path}"), false));
        }
    }

    #[test]
    fn no_path_leads_out_of_the_edge_network() {
        for path in [
            "/ee/../admin",
            "/ee/..",
            "/ee/./v1/interact",
            "/ee//v1/interact",
            "/ee/v1//interact",
            "/ee/v1/interact/",
            "/ee/.../v1",
            "/ee/%2e%2e/admin",
            "/ee/v1%2finteract",
            "/ee/v1/interact;x=1",
            "/ee/v1/inter%61ct",
            "/ee/v1\\interact",
            "/ee/v1/interact%00",
        ] {
            assert_eq!(Place::of(path, "/ee"), Some(Place::Unfit), "{path}");
        }
    }

    #[test]
    fn the_datastream_is_named_once_and_nothing_else_steers_the_call() {
        let judged = |query: &str| check_query(query, "own-1:prod");
        for query in [
            "configId=own-1:prod",
            "datastreamId=own-1:prod&requestId=0b1e-4e2",
            "requestId=0b1e&dataStreamId=own-1:prod",
        ] {
            assert_eq!(judged(query), Ok(()), "{query}");
        }
        for query in [
            "",
            "requestId=0b1e",
            "configId=other",
            "configId=",
            "configId=OWN-1:prod",
            "configId=own-1%3Aprod",
            "configId=own-1:prod&configId=own-1:prod",
            "configId=own-1:prod&configId=other",
            "configId=other&configId=own-1:prod",
            "datastreamId=other&configId=own-1:prod",
            "configId=own-1:prod;configId=other",
            "configId=own-1:prod#",
        ] {
            assert_eq!(judged(query), Err(Refusal::Datastream), "{query}");
        }
        for query in [
            "configId=own-1:prod&ConfigId=other",
            "configId=own-1:prod&config%49d=other",
            "configId=own-1:prod&debug",
            "configId=own-1:prod&",
            "configId=own-1:prod&requestId=1;configId=other",
            "configId=own-1:prod&requestId=%26configId=other",
            "configId[]=other&configId=own-1:prod",
            "configId",
        ] {
            assert_eq!(judged(query), Err(Refusal::Parameter), "{query}");
        }
    }

    fn sites() -> Sites {
        let view = |code: &str, host: &str, path_prefix: Option<&str>| {
            Arc::new(StoreView {
                code: code.into(),
                website: code.into(),
                base_currency: "EUR".into(),
                currency: "EUR".into(),
                tax: crate::site::Tax::default(),
                display: crate::site::Display::default(),
                locale: "de_DE".into(),
                time_zone: TimeZone::UTC,
                hosts: vec![host.to_owned()],
                path_prefix: path_prefix.map(str::to_owned),
            })
        };
        let views =
            vec![view("en", "shop.test", None), view("de", "shop.test", Some("/de")), view("fr", "shop.fr", None)];
        Sites::new(views.clone(), Arc::clone(&views[0]))
    }

    #[test]
    fn a_call_is_for_the_store_view_of_its_page() {
        let found = |host: &str, referer: &str| {
            let call = Request::post("/ee/v1/interact").header("referer", referer).body(()).expect("valid");
            view(&sites(), host, &call.into_parts().0).code.to_string()
        };
        assert_eq!(found("shop.test", "https://shop.test/de/bags.html?a"), "de");
        assert_eq!(found("shop.test", "https://Shop.test:443/de"), "de");
        assert_eq!(found("shop.test", "https://shop.test/bags.html"), "en");
        assert_eq!(found("shop.test", "https://elsewhere.test/de/bags.html"), "en");
        assert_eq!(found("shop.test", "/de/bags.html"), "en");
        assert_eq!(found("shop.test", "nonsense"), "en");
        assert_eq!(found("shop.fr", "https://shop.test/de/bags.html"), "fr");
    }
}
