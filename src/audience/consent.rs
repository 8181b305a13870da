//! Whether a shopper lets Experience Platform be asked about him. Pure.
//!
//! | sign | verdict |
//! |---|---|
//! | `kndctr_<ORG>_AdobeOrg_consent` says `general=out` | no: he opted out |
//! | the cookie `mg_dnt` is there (Magento's data services set it) | no |
//! | `Sec-GPC: 1`, where `honour_gpc` is on | no |
//! | a website with cookie restriction mode, and no `user_allowed_save_cookie` for it | no: not yet |
//! | a website with cookie restriction mode, and `user_allowed_save_cookie` for it | yes |
//! | `kndctr_<ORG>_AdobeOrg_consent` says `general=in` | yes |
//! | none of these | as `default` says: `pending` (no) or `in` (yes) |
//!
//! The first row that fits decides. Without consent nobody is asked, Segue sets no cookie, and what it kept before is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use serde_json::Value;

use super::jar;

/// Magento's data services set it where a shopper has not allowed cookies.
const DO_NOT_TRACK: &str = "mg_dnt";

/// Magento sets it when a shopper allows cookies: a JSON object with the id of each website that he did so on.
const ALLOWED: &str = "user_allowed_save_cookie";

const GPC: HeaderName = HeaderName::from_static("sec-gpc");

/// The settings of consent.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether a shopper without any sign counts as opted in. Not by default: silence is no consent.
    pub silence_is_consent: bool,
    /// Codes of the websites with Magento's cookie restriction mode: there nobody has opted in without its cookie.
    pub restricted: BTreeSet<String>,
    /// Magento's numeric ids of websites, by code, by which that cookie tells them apart. Where an id is not known, the shopper's
    /// consent on any website counts.
    pub website_ids: BTreeMap<String, u32>,
    /// Whether `Sec-GPC: 1` counts as an opt-out. Not by default: the law that knows it is about selling data.
    pub honour_gpc: bool,
}

/// Whether Experience Platform may be asked about a shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It may.
    Given,
    /// It may not.
    Withheld(Sign),
}

/// What says that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Adobe's consent cookie.
    OptedOut,
    /// Magento's `mg_dnt`.
    DoNotTrack,
    /// The browser's `Sec-GPC`.
    Gpc,
    /// Magento's cookie restriction mode.
    CookieRestriction,
    /// Nothing: he has not said anything.
    Silence,
}

impl Sign {
    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::DoNotTrack => "do_not_track",
            Self::Gpc => "gpc",
            Self::CookieRestriction => "cookie_restriction",
            Self::Silence => "no_sign_of_consent",
        }
    }
}

/// Judges a request for a website. `consent_cookie` is the name of Adobe's.
pub fn judge(config: &Config, consent_cookie: &str, headers: &HeaderMap, website: &str) -> Consent {
    let (mut says_in, mut says_out, mut do_not_track, mut allowed) = (false, false, false, false);
    for (name, value) in jar::pairs(headers) {
        if name == consent_cookie.as_bytes() {
            match general(value).as_deref() {
                Some("in") => says_in = true,
                Some("out") => says_out = true,
                _ => {}
            }
        } else if name == DO_NOT_TRACK.as_bytes() {
            do_not_track = true;
        } else if name == ALLOWED.as_bytes() {
            allowed |= allows(value, config.website_ids.get(website).copied());
        }
    }
    let restricted = config.restricted.contains(website);
    let says_gpc = || headers.get(GPC).is_some_and(|value| value.as_bytes().trim_ascii() == b"1");
    if says_out {
        Consent::Withheld(Sign::OptedOut)
    } else if do_not_track {
        Consent::Withheld(Sign::DoNotTrack)
    } else if config.honour_gpc && says_gpc() {
        Consent::Withheld(Sign::Gpc)
    } else if restricted && !allowed {
        Consent::Withheld(Sign::CookieRestriction)
    } else if restricted || says_in || config.silence_is_consent {
        Consent::Given
    } else {
        Consent::Withheld(Sign::Silence)
    }
}

/// What the consent cookie says of `general`, in pairs such as `general=in` between semicolons.
fn general(value: &[u8]) -> Option<String> {
    let decoded = percent_decode(value).decode_utf8().ok()?;
    let pairs = decoded.split(';').filter_map(|pair| pair.split_once('='));
    let word = pairs.into_iter().find(|(name, _)| name.trim() == "general");
    word.map(|(_, word)| word.trim().to_owned())
}

/// Whether cookies are allowed on the website with this id; on any, where the id is not known.
fn allows(value: &[u8], id: Option<u32>) -> bool {
    let decoded: Vec<u8> = percent_decode(value).collect();
    let Ok(Value::Object(websites)) = serde_json::from_slice(&decoded) else { return false };
    let says_so = |value: &Value| match value {
        Value::Bool(allowed) => *allowed,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.as_str(), "" | "0"),
        _ => false,
    };
    match id {
        Some(id) => websites.get(&id.to_string()).is_some_and(says_so),
        None => websites.values().any(says_so),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: &str = "kndctr_ORG_AdobeOrg_consent";

    fn judged(config: &Config, cookies: &str, gpc: bool) -> Consent {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", cookies.parse().expect("a header value"));
        if gpc {
            headers.insert("sec-gpc", "1".parse().expect("a header value"));
        }
        judge(config, COOKIE, &headers, "eu")
    }

    const IN: &str = "kndctr_ORG_AdobeOrg_consent=general=in";
    const OUT: &str = "kndctr_ORG_AdobeOrg_consent=general%3Dout";
    const ALLOWED: &str = "user_allowed_save_cookie=%7B%222%22%3A1%7D";

    #[test]
    fn the_matrix() {
        use Consent::{Given, Withheld};
        let plain = Config::default();
        let lenient = Config { silence_is_consent: true, ..Config::default() };
        let restricted = Config {
            restricted: ["eu".to_owned()].into(),
            website_ids: [("eu".to_owned(), 2)].into(),
            silence_is_consent: true,
            ..Config::default()
        };
        for (config, cookies, expected) in [
            (&plain, "a=1", Withheld(Sign::Silence)),
            (&plain, IN, Given),
            (&plain, OUT, Withheld(Sign::OptedOut)),
            (&plain, &format!("{IN}; {OUT}"), Withheld(Sign::OptedOut)),
            (&plain, &format!("{IN}; mg_dnt=1"), Withheld(Sign::DoNotTrack)),
            (&plain, &format!("{IN}; my_mg_dnt=1"), Given),
            (&plain, ALLOWED, Withheld(Sign::Silence)),
            (&plain, "kndctr_ORG_AdobeOrg_consent=general=pending", Withheld(Sign::Silence)),
            (&plain, "kndctr_ORG_AdobeOrg_consent=", Withheld(Sign::Silence)),
            (&plain, "kndctr_ORG_AdobeOrg_consent=x=y%3B general=in", Given),
            (&plain, "kndctr_OTHER_AdobeOrg_consent=general=in", Withheld(Sign::Silence)),
            (&lenient, "a=1", Given),
            (&lenient, "kndctr_ORG_AdobeOrg_consent=general=pending", Given),
            (&lenient, OUT, Withheld(Sign::OptedOut)),
            (&lenient, "mg_dnt=", Withheld(Sign::DoNotTrack)),
            (&restricted, "a=1", Withheld(Sign::CookieRestriction)),
            (&restricted, IN, Withheld(Sign::CookieRestriction)),
            (&restricted, ALLOWED, Given),
            (&restricted, &format!("{ALLOWED}; {OUT}"), Withheld(Sign::OptedOut)),
            (&restricted, &format!("{ALLOWED}; mg_dnt=1"), Withheld(Sign::DoNotTrack)),
            (&restricted, "user_allowed_save_cookie={\"1\":1}", Withheld(Sign::CookieRestriction)),
            (&restricted, "user_allowed_save_cookie={\"2\":0}", Withheld(Sign::CookieRestriction)),
            (&restricted, "user_allowed_save_cookie={\"2\":\"1\"}", Given),
            (&restricted, "user_allowed_save_cookie=1", Withheld(Sign::CookieRestriction)),
        ] {
            assert_eq!(judged(config, cookies, false), expected, "{cookies} {config:?}");
        }
        let any_website = Config { website_ids: BTreeMap::new(), ..restricted };
        assert_eq!(judged(&any_website, "user_allowed_save_cookie={\"1\":1}", false), Given);
    }

    #[test]
    fn a_browsers_global_control_counts_where_it_is_honoured() {
        let ignoring = Config::default();
        let honouring = Config { honour_gpc: true, ..Config::default() };
        assert_eq!(judged(&ignoring, IN, true), Consent::Given);
        assert_eq!(judged(&honouring, IN, true), Consent::Withheld(Sign::Gpc));
        assert_eq!(judged(&honouring, IN, false), Consent::Given);
    }
}
