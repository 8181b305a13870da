//! What a browser keeps for Adobe: who the shopper is, what he consents to, and the state that a look-up takes along.

use std::sync::Arc;

use cookie::{Cookie, SameSite};
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use super::consent::{self, Consent};
use super::cookie::ShopperKey;
use super::jar;
use crate::aep::edge::{Question, STATE_KINDS, StateItem};
use crate::aep::{Ecid, Identity, OrgId};

/// The cookie of the shop's own device id, which Adobe derives an ECID from.
const DEVICE: &str = "FPID";

/// State is some ten cookies; more are junk.
const MOST_STATE: usize = 40;

/// What Adobe's own server SDK passes on of a request, beside `Sec-CH-UA` and its kin. `Forwarded` and `X-Real-IP` are here only as the
/// headers layer left them: from a trusted proxy, or not at all.
static PASSED_ON: [HeaderName; 5] = [
    USER_AGENT,
    ACCEPT_LANGUAGE,
    http::header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// No browser says more of itself. Past some kilobytes of headers a server closes the connection, which all look-ups share.
const LONGEST_PASSED_ON: usize = 1024;

/// Browsers send some ten of these headers.
const MOST_PASSED_ON: usize = 20;

/// How an organisation's cookies are called, and what counts as consent.
#[derive(Clone, Debug)]
pub struct Adobe {
    prefix: String,
    identity: String,
    consent_cookie: String,
    cluster: String,
    legacy: String,
    /// The same as browsers write it, with `%40` for `@`.
    legacy_encoded: String,
    consent: consent::Config,
}

/// A shopper as Experience Platform could be asked about him.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who he is there; `None` when his browser keeps nothing that says so.
    pub identity: Option<Identity>,
    /// Whether it may be asked.
    pub consent: Consent,
    /// By which datastream.
    pub datastream: Arc<str>,
}

impl ShopperKey {
    /// The key of whom Experience Platform knows by `identity`.
    pub fn of(identity: &Identity) -> Self {
        match identity {
            Identity::Ecid(ecid) => Self::derive(&[b"ecid", ecid.as_str().as_bytes()]),
            Identity::Fpid(id) => Self::derive(&[b"fpid", id.as_bytes()]),
        }
    }
}

impl Adobe {
    /// The cookies of an organisation.
    pub fn new(org: &OrgId, consent: consent::Config) -> Self {
        Self {
            prefix: org.cookie_prefix(),
            identity: org.cookie("identity"),
            consent_cookie: org.cookie("consent"),
            cluster: org.cookie("cluster"),
            legacy: org.legacy_cookie(),
            legacy_encoded: org.legacy_cookie().replace('@', "%40"),
            consent,
        }
    }

    /// Who sent a request for a website.
    pub fn visitor(&self, headers: &HeaderMap, website: &str, datastream: &Arc<str>) -> Visitor {
        let consent = consent::judge(&self.consent, &self.consent_cookie, headers, website);
        Visitor { identity: self.identity(headers), consent, datastream: Arc::clone(datastream) }
    }

    /// An ECID wins over the shop's own device id, as it does at Adobe.
    fn identity(&self, headers: &HeaderMap) -> Option<Identity> {
        let own = jar::values(headers, &self.identity).find_map(Ecid::from_cookie);
        let legacy = || jar::values(headers, &self.legacy).chain(jar::values(headers, &self.legacy_encoded));
        let ecid = own.or_else(|| legacy().find_map(Ecid::from_legacy_cookie));
        let device = || jar::values(headers, DEVICE).find_map(|value| Identity::fpid(std::str::from_utf8(value).ok()?));
        ecid.map(Identity::Ecid).or_else(device)
    }

    /// What the Edge Network is asked about a visitor; `domain` is that of the cookies which his browser keeps for Adobe.
    pub fn question(&self, headers: &HeaderMap, visitor: &Visitor, domain: String) -> Question {
        let mut state: Vec<(String, String)> = Vec::new();
        let pairs = jar::pairs(headers).filter(|(name, _)| self.is_state(name));
        for (name, value) in pairs.take(MOST_STATE) {
            let text = |bytes| percent_decode(bytes).decode_utf8().ok();
            let (Some(name), Some(value)) = (text(name), text(value)) else { continue };
            // An identity that says nothing makes the whole question wrong. Of two cookies of a name Adobe's script reads the first.
            let junk = name == self.identity && Ecid::from_cookie(value.as_bytes()).is_none();
            if !junk && !state.iter().any(|(known, _)| *known == name) {
                state.push((name.into_owned(), value.into_owned()));
            }
        }
        let find = |name: &str| state.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let state_has_identity = find(&self.identity).is_some();
        let hint = find(&self.cluster);
        Question {
            identity: visitor.identity.clone(),
            datastream: Arc::clone(&visitor.datastream),
            domain,
            state,
            state_has_identity,
            hint,
            headers: passed_on(headers),
        }
    }

    fn is_state(&self, name: &[u8]) -> bool {
        let legacy = [&self.legacy, &self.legacy_encoded].iter().any(|legacy| name == legacy.as_bytes());
        legacy || STATE_KINDS.iter().any(|kind| name == kind.as_bytes()) || name.starts_with(self.prefix.as_bytes())
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let hints = headers.keys().filter(|name| name.as_str().starts_with("sec-ch-ua"));
    let names = PASSED_ON.iter().chain(hints);
    let lines = names.flat_map(|name| headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
    lines.filter(|(_, value)| value.len() <= LONGEST_PASSED_ON).take(MOST_PASSED_ON).collect()
}

/// The `Set-Cookie` lines by which a browser keeps for Adobe what an answer asks it to, on all hosts of the shop.
pub fn set_cookies(state: &[StateItem], host: &str, configured_domain: Option<&str>) -> Vec<HeaderValue> {
    // Where Adobe's script writes the same cookies: with another domain there would be two of each.
    let domain = cookie_domain(host).or(configured_domain);
    let lines = state.iter().map(|item| {
        // Adobe's scripts read these cookies, and take other signs as they are.
        let value = utf8_percent_encode(&item.value, NOT_IN_COOKIES).to_string();
        let mut cookie = Cookie::build((item.key.as_str(), value)).path("/").build();
        if let Some(domain) = domain {
            cookie.set_domain(domain);
        }
        if let Some(seconds) = item.max_age {
            cookie.set_max_age(cookie::time::Duration::seconds(seconds));
        }
        let word = item.same_site.as_deref().map(str::to_ascii_lowercase);
        let same_site = match word.as_deref() {
            Some("none") => Some(SameSite::None),
            Some("lax") => Some(SameSite::Lax),
            Some("strict") => Some(SameSite::Strict),
            _ => None,
        };
        cookie.set_same_site(same_site);
        // Browsers take no other cookie that goes to all sites.
        cookie.set_secure(same_site == Some(SameSite::None));
        cookie.to_string()
    });
    lines.filter_map(|line| HeaderValue::try_from(line).ok()).collect()
}

/// What a cookie's value cannot hold, and the sign that would be taken for the beginning of a code.
const NOT_IN_COOKIES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// The widest domain that a browser keeps cookies of `host` for, as Adobe's script finds it; `None` for an address and for a host
/// that belongs to no such domain, whose cookies are its own.
pub fn cookie_domain(host: &str) -> Option<&str> {
    let is_address = host.contains(':') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_address { None } else { psl::domain_str(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";
    const ECID: &str = "54758217238990693431236455737116189050";
    const DEVICE_ID: &str = "9c09c9b1-4b5d-4a5e-8f0b-2b5c3d0e1f22";

    fn adobe() -> Adobe {
        let consent = consent::Config { silence_is_consent: true, ..consent::Config::default() };
        Adobe::new(&OrgId::parse("ORG@AdobeOrg").expect("an organisation"), consent)
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))).collect()
    }

    fn visitor(cookies: &str) -> Visitor {
        adobe().visitor(&headers(&[("cookie", cookies)]), "base", &"stream".into())
    }

    #[test]
    fn an_ecid_wins_over_a_device_id_and_junk_over_nobody() {
        let ecid = Ecid::parse(ECID).map(Identity::Ecid);
        let own = format!("kndctr_ORG_AdobeOrg_identity={IDENTITY}");
        let legacy = format!("AMCV_ORG@AdobeOrg=1|MCMID|{ECID}");
        let device = format!("FPID={DEVICE_ID}");
        assert_eq!(visitor(&format!("{device}; {own}")).identity, ecid);
        assert_eq!(visitor(&format!("{device}; {legacy}")).identity, ecid);
        assert_eq!(visitor(&legacy.replace('@', "%40").replace('|', "%7C")).identity, ecid, "as browsers write it");
        assert_eq!(visitor(&format!("kndctr_ORG_AdobeOrg_identity=junk; {legacy}")).identity, ecid);
        assert_eq!(visitor(&device).identity, Identity::fpid(DEVICE_ID));
        assert_eq!(visitor(&own.replace("_ORG_", "_OTHER_")).identity, None, "another organisation's");
        assert_eq!(visitor("a=1").identity, None);
        let keys = [ecid, Identity::fpid(DEVICE_ID)].map(|identity| ShopperKey::of(&identity.expect("an identity")));
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn state_goes_along_unmodified_and_nothing_else_does() {
        let cookies = format!(
            "PHPSESSID=secret; kndctr_ORG_AdobeOrg_identity={}; kndctr_ORG_AdobeOrg_cluster=irl1; mbox=x#y; \
             kndctr_OTHER_AdobeOrg_identity=z; kndctr_ORG_AdobeOrg_consent=general%3Din; segue=s",
            IDENTITY.replace('=', "%3D")
        );
        let headers = headers(&[
            ("cookie", &cookies),
            ("user-agent", "Browser"),
            ("accept-language", "de"),
            ("sec-ch-ua-mobile", "?0"),
            ("x-forwarded-for", "192.0.2.1"),
            ("authorization", "Bearer x"),
            ("referer", "https://shop.example/secret"),
        ]);
        let visitor = adobe().visitor(&headers, "base", &"stream".into());
        let question = adobe().question(&headers, &visitor, "shop.example".into());
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            question.state,
            [
                own("kndctr_ORG_AdobeOrg_identity", IDENTITY),
                own("kndctr_ORG_AdobeOrg_cluster", "irl1"),
                own("mbox", "x#y"),
                own("kndctr_ORG_AdobeOrg_consent", "general=in"),
            ]
        );
        assert_eq!((question.hint.as_deref(), question.state_has_identity), (Some("irl1"), true));
        let mut names: Vec<&str> = question.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-language", "sec-ch-ua-mobile", "user-agent", "x-forwarded-for"]);
    }

    #[test]
    fn what_no_browser_says_of_itself_is_left_out() {
        let (long, hints) = ("x".repeat(2000), "sec-ch-ua-x");
        let headers = headers(&[("user-agent", long.as_str()), (hints, &long), ("sec-ch-ua", "\"Chromium\"")]);
        let visitor = adobe().visitor(&headers, "base", &"stream".into());
        let question = adobe().question(&headers, &visitor, "shop.example".into());
        let names: Vec<&str> = question.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["sec-ch-ua"], "Adobe would close the connection that all look-ups share");
        let many: HeaderMap = (0..100)
            .map(|number| {
                (HeaderName::try_from(format!("sec-ch-ua-{number}")).expect("a name"), "x".parse().expect("a value"))
            })
            .collect();
        assert!(adobe().question(&many, &visitor, "shop.example".into()).headers.len() <= MOST_PASSED_ON);
    }

    #[test]
    fn junk_state_is_left_out() {
        let headers = headers(&[("cookie", "kndctr_ORG_AdobeOrg_identity=junk; mboxEdgeCluster=38; mbox=a; mbox=b")]);
        let visitor = adobe().visitor(&headers, "base", &"stream".into());
        let question = adobe().question(&headers, &visitor, "shop.example".into());
        assert_eq!(question.state.len(), 2, "{:?}", question.state);
        assert_eq!((question.hint.as_deref(), question.state_has_identity), (None, false));
    }

    #[test]
    fn cookies_belong_to_the_widest_domain_that_is_the_shops() {
        for (host, domain) in [
            ("www.shop.example", Some("shop.example")),
            ("shop.example", Some("shop.example")),
            ("shop.co.uk", Some("shop.co.uk")),
            ("a.b.shop.co.uk", Some("shop.co.uk")),
            ("localhost", None),
            ("127.0.0.1", None),
            ("[::1]", None),
            ("co.uk", None),
        ] {
            assert_eq!(cookie_domain(host), domain, "{host}");
        }
    }

    #[test]
    fn what_adobe_asks_to_be_kept_is_kept_as_its_own_script_would() {
        let item = |key: &str, value: &str, max_age, same_site: Option<&str>| StateItem {
            key: key.into(),
            value: value.into(),
            max_age,
            same_site: same_site.map(str::to_owned),
        };
        let state = [
            item("kndctr_ORG_AdobeOrg_identity", IDENTITY, Some(34_128_000), Some("None")),
            item("kndctr_ORG_AdobeOrg_consent", "general=in;x", None, None),
        ];
        let lines = |host, domain| -> Vec<String> {
            let lines = set_cookies(&state, host, domain);
            lines.iter().map(|line| line.to_str().expect("text").to_owned()).collect()
        };
        let first = "kndctr_ORG_AdobeOrg_identity=".to_owned() + IDENTITY;
        assert_eq!(
            lines("www.shop.example", None),
            [
                format!("{first}; SameSite=None; Secure; Path=/; Domain=shop.example; Max-Age=34128000"),
                "kndctr_ORG_AdobeOrg_consent=general=in%3Bx; Path=/; Domain=shop.example".to_owned(),
            ]
        );
        assert!(lines("www.shop.example", Some("www.shop.example"))[0].contains("; Domain=shop.example;"));
        assert!(!lines("localhost", None)[0].contains("Domain"));
        assert!(lines("localhost", Some("shop.example"))[0].contains("Domain=shop.example"));
    }
}
