//! Reads a request and says who the shopper is, without asking anybody.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::adobe::{Adobe, Visitor};
use super::config::{BY_HAND, Config, PLAIN, TOKEN_HEADER, Trust};
use super::consent::Consent;
use super::cookie::{Freshness, Opened, SealError, Sealed, ShopperKey};
use super::jar::{self, Protected};
use super::known::KnownAudiences;
use super::seal::OpenError;
use super::simulate::{Simulation, Tickets};
use super::{Membership, Source, plain};
use crate::aep::{Ecid, Identity};
use crate::rule::AudienceId;

/// A browser keeps one or two cookies of a name (host and domain); past this many they are junk.
const MOST_OF_A_NAME: usize = 4;

/// What identifying needs of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The headers as they arrived.
    pub headers: &'a HeaderMap,
    /// The client's address: the peer's, or what trusted proxies say.
    pub client: IpAddr,
    /// The code of the website that the request is for.
    pub website: &'a str,
    /// The datastream that shoppers of its store view are looked up by; `None` where nobody is.
    pub datastream: Option<&'a Arc<str>>,
    /// The time, in seconds since 1970 UTC.
    pub now: i64,
    /// The audiences of the current rules.
    pub known: &'a KnownAudiences,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// Tells him from others.
    pub key: ShopperKey,
    /// His audiences; `None` when nothing is known about him. This is what the origin gets.
    pub membership: Option<Membership>,
    /// How far a sealed membership still holds; `None` when it came from elsewhere.
    pub freshness: Option<Freshness>,
    /// Whose page he wants to see instead of his own.
    pub simulation: Option<Simulation>,
    /// The sealed cookie that the membership is from, or would be without a believed claim.
    pub own: Option<Sealed>,
    /// What his browser is to keep from now on.
    pub keep: Keep,
    /// As whom Experience Platform could be asked about him; `None` where it is not asked at all.
    pub visitor: Option<Visitor>,
    /// When the Edge Network last said that he has not consented, in seconds since 1970 UTC.
    pub declined_at: Option<i64>,
    /// A digest of his browser's own claim, which is no membership, but a hint that there may be another; 0 without one. As in his
    /// sealed cookie, where it says nothing new.
    pub claim_seen: u32,
    /// Names in the `segue-audiences` cookie that no audience has.
    pub unknown_names: Vec<String>,
    /// What the request claimed in vain.
    pub refused: Vec<Refused>,
}

/// What a browser is to do with its sealed cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: it is as it should be.
    #[default]
    AsIs,
    /// Replace it by this.
    Sealed(Box<Sealed>),
    /// Forget it.
    Nothing,
}

/// A claim of a request that was not believed. Counted, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The sealed cookie.
    Cookie(OpenError),
    /// The simulation's cookie.
    Simulation(OpenError),
    /// A plain cookie or header with audiences from who is not trusted. Adobe's own script writes one: no sign of an attack.
    Claim,
    /// A wrong token of a trusted source.
    Token,
}

impl Refused {
    /// What was refused, and why, as metrics name it.
    pub fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Cookie(why) => ("cookie", why.as_str()),
            Self::Simulation(why) => ("simulation", why.as_str()),
            Self::Claim => ("plain", "not_trusted"),
            Self::Token => ("token", "wrong"),
        }
    }
}

impl Shopper {
    /// The audiences that decide what his page shows: the simulated ones, or his own. `None` when nothing is known.
    pub fn page_audiences(&self) -> Option<&BTreeSet<AudienceId>> {
        let own = self.membership.as_ref().map(|membership| &membership.audiences);
        self.simulation.as_ref().map(|simulation| &simulation.audiences).or(own)
    }

    /// Whether his page is a simulation, which statistics leave out.
    pub fn is_simulated(&self) -> bool {
        self.simulation.is_some()
    }
}

/// Says who sends requests, and answers the pages that start and end simulations.
#[derive(Debug)]
pub struct Identifier {
    config: Config,
    protected: Protected,
    token: Option<[u8; 32]>,
    adobe: Option<Adobe>,
    pub(super) tickets: Tickets,
}

impl Identifier {
    /// An identifier with these settings.
    pub fn new(config: Config) -> Self {
        let own = [config.simulation_cookie(), config.offers_cookie(), config.session_cookie()];
        let protected = Protected::new([PLAIN, BY_HAND, &config.cookie_name, &own[0], &own[1], &own[2]]);
        let token = config.trusted_token.as_ref().map(|token| digest(token.expose_secret().as_bytes()));
        Self { config, protected, token, adobe: None, tickets: Tickets::default() }
    }

    /// The same, for a shop whose shoppers Experience Platform knows.
    pub fn with_adobe(self, adobe: Adobe) -> Self {
        Self { adobe: Some(adobe), ..self }
    }

    /// What browsers keep for Adobe, where Experience Platform knows the shop's shoppers.
    pub fn adobe(&self) -> Option<&Adobe> {
        self.adobe.as_ref()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn protected(&self) -> &Protected {
        &self.protected
    }

    /// Who sent this request.
    pub fn identify(&self, request: &RequestView<'_>) -> Shopper {
        let mut refused = Vec::new();
        let visitor = self.visitor(request);
        let opened = self.sealed(request, visitor.as_ref(), &mut refused);
        let simulation = self.simulation(request, &mut refused);
        let (claim, unknown_names) = self.claim(request, &mut refused);
        let key = opened.as_ref().map_or_else(|| known_by(request, visitor.as_ref()), |own| own.sealed.shopper);
        let freshness = match (&claim, &opened) {
            (None, Some(own)) => Some(own.sealed.freshness(&self.config, request.known, request.now)),
            _ => None,
        };
        let keep = match &opened {
            Some(own) if own.key != 0 => Keep::Sealed(Box::new(own.sealed.clone())),
            None if refused.contains(&Refused::Cookie(OpenError::NoConsent)) => Keep::Nothing,
            _ => Keep::AsIs,
        };
        let own = opened.map(|opened| opened.sealed);
        let believed = claim.map(|audiences| Membership { audiences, learnt_at: request.now, source: Source::Plain });
        let membership = believed.or_else(|| own.as_ref().map(|own| own.membership.clone()));
        let claim_seen = visitor.as_ref().map_or(0, |_| claim_seen(request.headers, own.as_ref()));
        let declined_at = None;
        Shopper {
            key,
            membership,
            freshness,
            simulation,
            own,
            keep,
            visitor,
            declined_at,
            claim_seen,
            unknown_names,
            refused,
        }
    }

    /// The `Set-Cookie` line for what the browser is to keep; `None` when it need do nothing. For HTML pages, and for answers that
    /// log somebody in or out.
    ///
    /// # Errors
    /// When it cannot be sealed; the page goes without then.
    pub fn set_cookie(
        &self,
        keep: &Keep,
        secure: bool,
        now: i64,
        known: &KnownAudiences,
    ) -> Result<Option<HeaderValue>, SealError> {
        let (value, age) = match keep {
            Keep::AsIs => return Ok(None),
            Keep::Nothing => (String::new(), 0),
            Keep::Sealed(sealed) => (sealed.seal(&self.config, known)?, sealed.expires_at.saturating_sub(now)),
        };
        let mut cookie = self.config.cookie(self.config.cookie_name.clone(), value, secure);
        let age = age.clamp(0, super::cookie::LONGEST_AGE);
        cookie.set_max_age(cookie::time::Duration::seconds(age));
        Ok(HeaderValue::try_from(cookie.to_string()).ok())
    }

    /// The `Set-Cookie` line for the fingerprint of a shopper's offers; an empty one makes the browser forget it. It holds for one host and
    /// for as long as the browser is open: so does what the browser keeps of a shop's sections.
    pub fn set_offers_cookie(&self, fingerprint: &str, secure: bool) -> Option<HeaderValue> {
        let mut cookie = self.config.cookie(self.config.offers_cookie(), fingerprint.to_owned(), secure);
        cookie.unset_domain();
        if fingerprint.is_empty() {
            cookie.set_max_age(cookie::time::Duration::ZERO);
        }
        HeaderValue::try_from(cookie.to_string()).ok()
    }

    fn visitor(&self, request: &RequestView<'_>) -> Option<Visitor> {
        let (adobe, datastream) = (self.adobe.as_ref()?, request.datastream?);
        Some(adobe.visitor(request.headers, request.website, datastream))
    }

    /// The newest sealed cookie that holds here and now.
    fn sealed(
        &self,
        request: &RequestView<'_>,
        visitor: Option<&Visitor>,
        refused: &mut Vec<Refused>,
    ) -> Option<Opened> {
        let mut newest: Option<Opened> = None;
        for value in jar::values(request.headers, &self.config.cookie_name).take(MOST_OF_A_NAME) {
            match self.opened(request, visitor, value) {
                Ok(opened) => {
                    let learnt_at = |opened: &Opened| opened.sealed.membership.learnt_at;
                    if newest.as_ref().is_none_or(|newest| learnt_at(newest) < learnt_at(&opened)) {
                        newest = Some(opened);
                    }
                }
                Err(why) => refused.push(Refused::Cookie(why)),
            }
        }
        newest
    }

    fn opened(&self, request: &RequestView<'_>, visitor: Option<&Visitor>, value: &[u8]) -> Result<Opened, OpenError> {
        let opened = Sealed::open(&self.config, value)?;
        if opened.sealed.freshness(&self.config, request.known, request.now) == Freshness::Expired {
            return Err(OpenError::Expired);
        }
        if !opened.sealed.holds_on(request.website) {
            return Err(OpenError::OtherWebsite);
        }
        if opened.sealed.membership.source == Source::Edge {
            still_his(&opened.sealed, visitor)?;
        }
        Ok(opened)
    }

    fn simulation(&self, request: &RequestView<'_>, refused: &mut Vec<Refused>) -> Option<Simulation> {
        let name = self.config.simulation_cookie();
        jar::values(request.headers, &name).take(MOST_OF_A_NAME).find_map(|value| {
            let opened = Simulation::open(&self.config, value, request.known, request.now);
            opened.map_err(|why| refused.push(Refused::Simulation(why))).ok()
        })
    }

    /// The audiences that the request claims, when they are believed, and names that nobody has. A claim of no audience is one.
    fn claim(
        &self,
        request: &RequestView<'_>,
        refused: &mut Vec<Refused>,
    ) -> (Option<BTreeSet<AudienceId>>, Vec<String>) {
        let believes_browsers = self.config.trust == Trust::Cookie;
        if believes_browsers {
            let by_hand = jar::values(request.headers, BY_HAND).next();
            if let Some(list) = by_hand.and_then(|value| plain::read_by_hand(value, request.known)) {
                return (Some(list.audiences), list.unknown);
            }
        }
        let claimed = plain_claim(request.headers);
        if claimed.is_none() || believes_browsers || self.is_trusted(request, refused) {
            return (claimed, Vec::new());
        }
        if claimed.is_some_and(|audiences| !audiences.is_empty()) {
            refused.push(Refused::Claim);
        }
        (None, Vec::new())
    }

    fn is_trusted(&self, request: &RequestView<'_>, refused: &mut Vec<Refused>) -> bool {
        let shown = request.headers.get_all(TOKEN_HEADER);
        // Digests are compared, so that the time it takes says nothing about the token.
        if self.token.is_some_and(|token| shown.iter().any(|value| digest(value.as_bytes()) == token)) {
            return true;
        }
        if shown.iter().next().is_some() {
            refused.push(Refused::Token);
        }
        self.config.trusts(request.client)
    }
}

/// Whether what the Edge Network said about somebody is about this visitor, and may be used. Without his identity beside it, a cookie
/// could be handed on and would never be looked up again.
fn still_his(sealed: &Sealed, visitor: Option<&Visitor>) -> Result<(), OpenError> {
    let Some(visitor) = visitor.filter(|visitor| visitor.datastream == sealed.datastream) else {
        return Err(OpenError::OtherDatastream);
    };
    if visitor.consent != Consent::Given {
        return Err(OpenError::NoConsent);
    }
    let his = visitor.identity.as_ref().is_some_and(|identity| ShopperKey::of(identity) == sealed.shopper);
    if his { Ok(()) } else { Err(OpenError::OtherIdentity) }
}

/// A digest of what page scripts say in Adobe's plain cookie, never 0 where there is one. What is known already is nothing new.
fn claim_seen(headers: &HeaderMap, own: Option<&Sealed>) -> u32 {
    let Some(value) = jar::values(headers, PLAIN).next() else { return 0 };
    let [a, b, c, d, ..] = digest(value);
    let seen = u32::from_be_bytes([a, b, c, d]).max(1);
    match own {
        Some(own) if own.claim_seen != seen && plain::read(value) == own.membership.audiences => own.claim_seen,
        _ => seen,
    }
}

/// The plain list of a request: its header, else the first cookie of that name, as PHP would take it.
fn plain_claim(headers: &HeaderMap) -> Option<BTreeSet<AudienceId>> {
    let mut lists = headers.get_all(PLAIN).iter().peekable();
    if lists.peek().is_some() {
        return Some(lists.flat_map(|list| plain::read(list.as_bytes())).collect());
    }
    jar::values(headers, PLAIN).next().map(plain::read)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The key of a shopper without a sealed cookie: by what stays with him longest.
fn known_by(request: &RequestView<'_>, visitor: Option<&Visitor>) -> ShopperKey {
    if let Some(identity) = visitor.and_then(|visitor| visitor.identity.as_ref()) {
        return ShopperKey::of(identity);
    }
    let find = |name: &'static str| jar::values(request.headers, name).find(|value| !value.is_empty());
    if let Some(identity) = identity_cookie(request.headers) {
        return match Ecid::from_cookie(identity) {
            Some(ecid) => ShopperKey::of(&Identity::Ecid(ecid)),
            None => ShopperKey::derive(&[b"identity", identity]),
        };
    }
    for name in ["PHPSESSID", "form_key"] {
        if let Some(value) = find(name) {
            return ShopperKey::derive(&[name.as_bytes(), value]);
        }
    }
    let address = request.client.to_canonical().to_string();
    let agent = request.headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    ShopperKey::derive(&[b"address", address.as_bytes(), agent])
}

/// The value of Adobe's identity cookie `kndctr_<ORG>_AdobeOrg_identity`.
fn identity_cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let is_identity = |name: &[u8]| name.starts_with(b"kndctr_") && name.ends_with(b"_AdobeOrg_identity");
    jar::pairs(headers).find(|(name, value)| is_identity(name) && !value.is_empty()).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::fixture::{VIP, config, known, set};
    use crate::audience::mint::{Minting, mint};
    use crate::audience::simulate::{SimulationRequest, TOKEN_LIFE, mint_simulation_token};
    use crate::audience::{Key, Keyring};
    use http::HeaderName;
    use std::time::Duration;

    const NOW: i64 = 1_000_000;
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn minted(config: &Config, website: &str, now: i64, ids: &[&str]) -> String {
        let minting = Minting { audiences: set(ids), website: website.into(), life: DAY, now };
        mint(config, &known(), &minting).expect("a cookie")
    }

    fn shopper_at(config: &Config, client: &str, headers: &[(&str, &str)]) -> Shopper {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).expect("a header name"),
                HeaderValue::from_str(value).expect("a header value"),
            );
        }
        let client = client.parse().expect("an address");
        let known = known();
        let view = RequestView { headers: &map, client, website: "base", datastream: None, now: NOW, known: &known };
        Identifier::new(config.clone()).identify(&view)
    }

    fn shopper(config: &Config, headers: &[(&str, &str)]) -> Shopper {
        shopper_at(config, "192.0.2.1", headers)
    }

    fn audiences(shopper: &Shopper) -> Option<BTreeSet<AudienceId>> {
        shopper.page_audiences().cloned()
    }

    #[test]
    fn knows_nothing_about_a_stranger_and_sets_no_cookie() {
        let config = config();
        let stranger = shopper(&config, &[("cookie", "a=1")]);
        assert_eq!((stranger.membership.clone(), stranger.simulation.clone(), stranger.freshness), (None, None, None));
        assert!(stranger.refused.is_empty());
        let line = Identifier::new(config).set_cookie(&stranger.keep, true, NOW, &known());
        assert_eq!(line, Ok(None));
    }

    #[test]
    fn believes_its_own_cookie_and_no_plain_one() {
        let config = config();
        let cookie = format!("aep-segments-membership=forged; segue={}", minted(&config, "base", NOW, &[VIP]));
        let vip =
            shopper(&config, &[("cookie", &cookie), ("aep-segments-membership", "forged"), ("x-segue-token", "x")]);
        let membership = vip.membership.clone().expect("a membership");
        assert_eq!((membership.audiences, membership.source), (set(&[VIP]), Source::Minted));
        assert_eq!(vip.freshness, Some(Freshness::Fresh));
        assert_eq!(vip.refused, [Refused::Token, Refused::Claim]);
        assert_eq!(vip.keep, Keep::AsIs);
        let by_hand = shopper(&config, &[("cookie", "segue-audiences=VIP; aep-segments-membership=x")]);
        assert_eq!((by_hand.membership, by_hand.refused), (None, vec![Refused::Claim]));
    }

    #[test]
    fn takes_a_bad_cookie_for_a_stranger_and_counts_it() {
        let config = config();
        let good = minted(&config, "base", NOW, &[VIP]);
        let foreign = Config { keys: Keyring::ephemeral().expect("random bytes"), ..config.clone() };
        let other_site = Config { site: "other".into(), ..config.clone() };
        let month_ago = NOW - 31 * 24 * 3600;
        for (value, reasons) in [
            (minted(&config, "other", NOW, &[VIP]), &["other_website"][..]),
            (minted(&config, "base", month_ago, &[VIP]), &["expired"]),
            (minted(&foreign, "base", NOW, &[VIP]), &["unknown_key", "tampered"]),
            (minted(&other_site, "base", NOW, &[VIP]), &["tampered"]),
            (good[..good.len() - 4].to_owned(), &["tampered", "not_base64"]),
            (good[..40].to_owned(), &["truncated"]),
            ("x".repeat(5000), &["too_long"]),
            (String::new(), &["truncated"]),
        ] {
            let stranger = shopper(&config, &[("cookie", &format!("segue={value}"))]);
            assert_eq!(stranger.membership, None, "{reasons:?}");
            let [refused] = stranger.refused[..] else { panic!("one refusal: {:?}", stranger.refused) };
            let (what, why) = refused.labels();
            assert!(what == "cookie" && reasons.contains(&why), "{why}, not {reasons:?}");
        }
    }

    #[test]
    fn takes_the_newest_cookie_that_holds_here() {
        let config = config();
        let everywhere = shopper(&config, &[("cookie", &format!("segue={}", minted(&config, "", NOW, &["all"])))]);
        assert_eq!(audiences(&everywhere), Some(set(&["all"])), "it names no website");
        let [old, new] = [NOW - 500, NOW - 5]
            .map(|at| minted(&config, "base", at, if at < NOW - 100 { &["old"] } else { &["new"] }));
        for cookie in [format!("segue={old}; segue={new}; segue=x"), format!("segue=x; segue={new}; segue={old}")] {
            let shopper = shopper(&config, &[("cookie", &cookie)]);
            assert_eq!(audiences(&shopper), Some(set(&["new"])));
            assert_eq!(shopper.refused.len(), 1);
        }
        let stale = shopper(&config, &[("cookie", &format!("segue={old}"))]);
        assert_eq!((audiences(&stale), stale.freshness), (Some(set(&["old"])), Some(Freshness::Stale)));
    }

    #[test]
    fn believes_trusted_sources_by_address_or_token() {
        let config = Config {
            trusted_sources: vec!["10.0.0.0/8".parse().expect("a net")],
            trusted_token: Some("a-long-enough-token".into()),
            ..config()
        };
        let own = format!("segue={}", minted(&config, "base", NOW, &["own"]));
        let header = ("aep-segments-membership", "a%2Cb");
        let by_address = shopper_at(&config, "10.1.1.1", &[header, ("cookie", &own)]);
        assert_eq!(audiences(&by_address), Some(set(&["a", "b"])), "it wins over what Segue knew");
        assert_eq!((by_address.freshness, by_address.refused.len()), (None, 0));
        let by_token = shopper(&config, &[header, ("x-segue-token", "a-long-enough-token")]);
        assert_eq!(audiences(&by_token), Some(set(&["a", "b"])));
        let wrong = shopper(&config, &[header, ("x-segue-token", "a-long-enough-tokem"), ("cookie", &own)]);
        assert_eq!(audiences(&wrong), Some(set(&["own"])));
        let cookie = shopper_at(
            &config,
            "::ffff:10.1.1.1",
            &[("cookie", "aep-segments-membership=c,d; aep-segments-membership=e")],
        );
        assert_eq!(audiences(&cookie), Some(set(&["c", "d"])));
        let silent = shopper_at(&config, "10.1.1.1", &[("cookie", &format!("{own}; segue-audiences=VIP"))]);
        assert_eq!(audiences(&silent), Some(set(&["own"])));
    }

    #[test]
    fn believes_browsers_where_that_is_configured() {
        let config = Config { trust: Trust::Cookie, ..config() };
        let own = minted(&config, "base", NOW, &["own"]);
        for (cookie, expected) in [
            ("aep-segments-membership=a,b", Some(&["a", "b"][..])),
            ("aep-segments-membership=", Some(&[])),
            ("aep-segments-membership=a; segue-audiences=VIP", Some(&[VIP])),
            ("aep-segments-membership=; segue-audiences=vip%2CNew%20visitor", Some(&[VIP, "new"])),
            ("aep-segments-membership=a; segue-audiences=none", Some(&[])),
            ("aep-segments-membership=a; segue-audiences=", Some(&["a"])),
            ("x=1", Some(&["own"])),
        ] {
            let shopper = shopper(&config, &[("cookie", &format!("segue={own}; {cookie}"))]);
            assert_eq!(audiences(&shopper), expected.map(set), "{cookie}");
        }
        let typo = shopper(&config, &[("cookie", "segue-audiences=Typo")]);
        assert_eq!((audiences(&typo), typo.unknown_names), (Some(set(&[])), vec!["Typo".to_owned()]));
    }

    #[test]
    fn seals_again_what_an_old_key_sealed() {
        let old = config();
        let fresh = Key::generate().expect("random bytes").export();
        let keys = [fresh.expose_secret(), OLD_KEY];
        let old = Config { keys: Keyring::parse([OLD_KEY]).expect("a ring"), ..old };
        let new = Config { keys: Keyring::parse(keys).expect("a ring"), ..old.clone() };
        let known_by_both = shopper(&new, &[("cookie", &format!("segue={}", minted(&old, "base", NOW, &[VIP])))]);
        assert_eq!(audiences(&known_by_both), Some(set(&[VIP])));
        let line = Identifier::new(new.clone()).set_cookie(&known_by_both.keep, true, NOW, &known());
        let line = line.expect("sealed").expect("a cookie").to_str().expect("text").to_owned();
        let (value, attributes) = line.split_once("; ").expect("attributes");
        assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400");
        let renewed = shopper(&new, &[("cookie", value)]);
        assert_eq!((renewed.keep, renewed.key), (Keep::AsIs, known_by_both.key));
    }

    const OLD_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn simulates_pages_only() {
        let config = config();
        let identifier = Identifier::new(config.clone());
        let token = mint_simulation_token(&config, &set(&[VIP]), "/", TOKEN_LIFE, NOW).expect("a token");
        let uri = format!("/.segue/simulate?token={token}").parse().expect("a target");
        let headers = HeaderMap::new();
        let request =
            SimulationRequest { method: &http::Method::GET, uri: &uri, headers: &headers, secure: false, now: NOW };
        let answer = identifier.handle(&request).expect("an answer");
        let line = answer.headers()["set-cookie"].to_str().expect("text");
        assert!(!line.contains("Secure"), "the request was not");
        let simulation = line.split(';').next().expect("a cookie");
        let own = format!("segue={}; {simulation}", minted(&config, "base", NOW, &["own"]));
        let both = shopper(&config, &[("cookie", &own)]);
        assert!(both.is_simulated());
        assert_eq!(audiences(&both), Some(set(&[VIP])));
        assert_eq!(both.membership.expect("his own").audiences, set(&["own"]));
        let forged = shopper(&config, &[("cookie", "segue-sim=AAAA")]);
        assert!(!forged.is_simulated());
        assert_eq!(forged.refused[0].labels(), ("simulation", "truncated"));
    }

    const IDENTITY: &str = "CiY1NDc1ODIxNzIzODk5MDY5MzQzMTIzNjQ1NTczNzExNjE4OTA1MFINCLGOvszNLhABGAEgBKABsY6-zM0uqAGHz-z2y82cul3wAbGOvszNLg==";

    #[test]
    fn tells_shoppers_apart_by_what_stays_with_them() {
        let config = config();
        let key = |cookie: &str, agent: &str| shopper(&config, &[("cookie", cookie), ("user-agent", agent)]).key;
        let identity = |value: &str| format!("kndctr_ORG_AdobeOrg_identity={value}");
        let ecid = key(&identity(IDENTITY), "a");
        assert_eq!(ecid, key(&format!("PHPSESSID=x; {}", identity(&IDENTITY.replace('=', "%3D"))), "b"));
        assert_eq!(ecid, key(&identity(&IDENTITY[..IDENTITY.len() - 20]), "b"), "the rest of it changes daily");
        assert_ne!(ecid, key(&identity("opaque"), "a"));
        assert_eq!(key(&identity("opaque"), "a"), key(&format!("x=1; {}", identity("opaque")), "b"));
        assert_eq!(key("PHPSESSID=x; form_key=y", "a"), key("form_key=z; PHPSESSID=x", "b"));
        assert_ne!(key("PHPSESSID=x", "a"), key("form_key=x", "a"));
        assert_eq!(key("a=1", "a"), key("b=2", "a"));
        assert_ne!(key("a=1", "a"), key("a=1", "b"));
        let sealed = format!("segue={}", minted(&config, "base", NOW, &[VIP]));
        assert_eq!(key(&sealed, "a"), key(&format!("{sealed}; {}", identity(IDENTITY)), "b"));
    }

    proptest::proptest! {
        #[test]
        fn believes_nothing_that_a_browser_can_make_up(
            cookies in proptest::collection::vec(("(segue|segue-sim|segue-audiences|aep-segments-membership|[a-z]{1,5})", "[!-~]{0,80}"), 0..6),
            list in "[ -~]{0,40}",
        ) {
            let line = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            let shopper = shopper(&config(), &[("cookie", &line), ("aep-segments-membership", &list), ("x-segue-token", &list)]);
            proptest::prop_assert!(shopper.membership.is_none() && shopper.simulation.is_none() && shopper.keep == Keep::AsIs);
        }
    }
}
