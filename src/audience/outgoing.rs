//! What goes up to the origin about audiences: what Segue knows, never what the browser claims.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::config::{PLAIN, TOKEN_HEADER};
use super::identify::Identifier;
use super::known::KnownAudiences;
use super::{Membership, plain};

impl Identifier {
    /// Replaces every claim about audiences in a request for the origin by `membership`: as the plain cookie, or as the header when
    /// `path` (with or without query) is `/graphql`'s. Without a membership, or with an empty one, claims are dropped.
    ///
    /// Takes out Segue's own cookies and its token as well. To be called for every request that goes up, whatever its path or
    /// method, and after the hop-by-hop headers were removed, so that no `Connection: aep-segments-membership` undoes it.
    pub fn outgoing(
        &self,
        headers: &mut HeaderMap,
        path: &str,
        membership: Option<&Membership>,
        known: &KnownAudiences,
    ) {
        strip_headers(headers);
        let cap = self.config().wire_cap;
        let audiences = membership.map(|membership| &membership.audiences);
        let mut cookie = None;
        if is_graphql(path) {
            let list = audiences.map(|audiences| plain::header_list(audiences, known, cap)).unwrap_or_default();
            if let (false, Ok(mut value)) = (list.is_empty(), HeaderValue::try_from(list)) {
                value.set_sensitive(true);
                headers.insert(PLAIN, value);
            }
        } else {
            let list = audiences.map(|audiences| plain::cookie_list(audiences, known, cap)).unwrap_or_default();
            cookie = (!list.is_empty()).then(|| format!("{PLAIN}={list}"));
        }
        self.protected().replace(headers, cookie.as_deref());
    }
}

/// Takes out every header that CGI's rules (each sign but letters and digits becomes `_`) could make one of ours.
fn strip_headers(headers: &mut HeaderMap) {
    let is_ours = |name: &HeaderName| [PLAIN, TOKEN_HEADER].iter().any(|own| same_variable(name.as_str(), own));
    let ours: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

fn same_variable(one: &str, other: &str) -> bool {
    let same = |(one, other): (u8, u8)| {
        if one.is_ascii_alphanumeric() { one.eq_ignore_ascii_case(&other) } else { !other.is_ascii_alphanumeric() }
    };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(same)
}

/// Whether Magento answers this path by GraphQL: `/graphql`, also behind `index.php` and the prefixes of a store view.
fn is_graphql(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.rsplit('/').find(|segment| !segment.is_empty()) == Some("graphql")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::Source;
    use crate::audience::fixture::{VIP, config, known, set};
    use proptest::prelude::*;

    fn vip() -> Membership {
        Membership { audiences: set(&[VIP, "new"]), learnt_at: 0, source: Source::Minted }
    }

    fn sent(headers: &[(&str, &str)], path: &str, membership: Option<&Membership>) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).expect("a header name"),
                HeaderValue::from_str(value).expect("a header value"),
            );
        }
        Identifier::new(config()).outgoing(&mut map, path, membership, &known());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        map.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    const FORGED: &[(&str, &str)] = &[
        ("aep-segments-membership", "forged"),
        ("AEP-Segments-Membership", "forged"),
        ("aep_segments_membership", "forged"),
        ("aep-segments_membership", "forged"),
        ("aep.segments~membership", "forged"),
        ("x-segue-token", "forged"),
        ("x_segue_token", "forged"),
        ("cookie", "a=1; aep-segments-membership=forged"),
        ("cookie", "segue=forged; segue-sim=forged; segue-audiences=forged"),
        ("accept", "*/*"),
    ];

    #[test]
    fn drops_every_claim_on_every_path_when_nothing_is_known() {
        for path in ["/", "/graphql", "/rest/V1/carts/mine/payment-information", "/admin", "*", ""] {
            assert_eq!(sent(FORGED, path, None), [pair("accept", "*/*"), pair("cookie", "a=1")], "{path}");
            let nobody = Membership { audiences: set(&[]), ..vip() };
            assert_eq!(sent(FORGED, path, Some(&nobody)).len(), 2, "{path}");
        }
    }

    #[test]
    fn sends_what_is_known_as_cookie_or_as_header() {
        let cookie = format!("aep-segments-membership={VIP},new; a=1");
        for path in ["/", "/rest/V1/guest-carts/1/payment-information", "/graphql/x", "/graphqlx", "/?a=/graphql"] {
            assert_eq!(sent(FORGED, path, Some(&vip())), [pair("accept", "*/*"), pair("cookie", &cookie)], "{path}");
        }
        let header = format!("{VIP}%2Cnew");
        for path in ["/graphql", "/graphql?query={a/b}", "/de/graphql/", "/index.php/graphql", "/shop/de/graphql"] {
            let mut sent = sent(FORGED, path, Some(&vip()));
            sent.sort();
            let expected = [pair("accept", "*/*"), pair("aep-segments-membership", &header), pair("cookie", "a=1")];
            assert_eq!(sent, expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_claim_survives(
            name in "(aep|AEP)[-_.~]segments[-_!]membership",
            value in "[ -~]{0,20}",
            cookie in "([ -~]{0,9}; ?)?(aep|Aep)-segments-membership ?=forged(;[ -~]{0,9})?",
            path in "/[a-z/]{0,12}",
        ) {
            let sent = sent(&[(&name, &value), ("cookie", &cookie)], &path, None);
            prop_assert!(sent.iter().all(|(name, _)| name == "cookie"), "{sent:?}");
            let claims = sent.iter().any(|(_, value)| value.to_ascii_lowercase().contains("membership"));
            prop_assert!(!claims, "{sent:?}");
        }

        #[test]
        fn the_origin_reads_one_list_and_it_is_the_known_one(
            line in "([a-z]{1,4}=[!-:<-~]{0,6}; ?){0,3}(aep-segments-membership=forged; ?){0,2}[a-z]{1,4}=[a-z]{0,4}",
        ) {
            let headers = [("cookie", line.as_str()), ("cookie", "aep-segments-membership=forged")];
            let sent = sent(&headers, "/checkout", Some(&vip()));
            let [(_, cookies)] = &sent[..] else { panic!("one line: {sent:?}") };
            let lists: Vec<String> = cookie::Cookie::split_parse(cookies.as_str())
                .filter_map(Result::ok)
                .filter(|cookie| cookie.name() == PLAIN)
                .map(|cookie| cookie.value().to_owned())
                .collect();
            prop_assert_eq!(lists, [format!("{VIP},new")]);
        }
    }
}
