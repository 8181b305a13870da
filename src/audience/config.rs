//! Whom Segue believes about a shopper's audiences, and how it keeps what it learnt.

use std::net::IpAddr;
use std::time::Duration;

use cookie::{Cookie, SameSite};
use ipnet::IpNet;
use secrecy::SecretString;

use super::jar;
use super::keys::Keyring;

/// Adobe's plain membership list: a cookie that page scripts write, and the header of `/graphql`.
pub const PLAIN: &str = "aep-segments-membership";

/// The cookie that names audiences by hand under `trust = "cookie"`.
pub const BY_HAND: &str = "segue-audiences";

/// The header that carries the trusted token.
pub const TOKEN_HEADER: &str = "x-segue-token";

/// Whose word is membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Segue's own sealed cookie and trusted sources.
    #[default]
    Verified,
    /// Any browser's plain cookie as well: for demos, staging and migration only.
    Cookie,
}

/// Whether Segue's cookies carry `Secure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secure {
    /// When the request came over TLS.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The settings of this room. [`Config::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose word is membership.
    pub trust: Trust,
    /// Addresses whose plain cookie or header is believed. Compared with the client's address behind the trusted proxies, so a
    /// machine that forwards shoppers' addresses (a CDN) is known by the token instead.
    pub trusted_sources: Vec<IpNet>,
    /// A request with this in `x-segue-token` is a trusted source's.
    pub trusted_token: Option<SecretString>,
    /// The sealed cookie's name. The simulation's cookie is called `<name>-sim`.
    pub cookie_name: String,
    /// The cookies' `Domain`; without it they belong to the host alone.
    pub domain: Option<String>,
    /// The cookies' `SameSite`.
    pub same_site: SameSite,
    /// The cookies' `Secure`.
    pub secure: Secure,
    /// Names the shop: what is sealed for one site opens at no other that shares the keys.
    pub site: String,
    /// The first seals, all open.
    pub keys: Keyring,
    /// For how long a membership counts as fresh.
    pub fresh_for: Duration,
    /// When a membership that nobody confirmed is forgotten.
    pub expires_after: Duration,
    /// The longest plain list that goes to the origin, in bytes.
    pub wire_cap: usize,
    /// Where Segue's own pages for shoppers are, with a slash on both ends.
    pub prefix: String,
}

/// What is wrong with the settings: the field, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ConfigError {
    /// The field of [`Config`].
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub message: &'static str,
}

impl Config {
    /// The defaults.
    ///
    /// `fresh_for` is a minute: one look-up serves the few pages that a shopper opens in it. `expires_after` is 30 days: Platform's
    /// edge forgets a profile after 14 days without an event, so twice that covers a holiday, and what is older says nothing.
    /// `wire_cap` is 3 KB: with Magento's own cookies a list of that size stays below the 8 KB that Apache and nginx take as a header.
    pub fn new(site: impl Into<String>, keys: Keyring) -> Self {
        Self {
            trust: Trust::Verified,
            trusted_sources: Vec::new(),
            trusted_token: None,
            cookie_name: "segue".into(),
            domain: None,
            same_site: SameSite::Lax,
            secure: Secure::Auto,
            site: site.into(),
            keys,
            fresh_for: Duration::from_secs(60),
            expires_after: Duration::from_secs(30 * 24 * 3600),
            wire_cap: 3072,
            prefix: "/.segue/".into(),
        }
    }

    /// Every mistake that the types do not rule out.
    pub fn mistakes(&self) -> Vec<ConfigError> {
        let never_secure = self.secure == Secure::Never;
        let prefixed = |prefix: &str| self.cookie_name.starts_with(prefix);
        let checks = [
            (!is_token(&self.cookie_name), "cookie_name", "is no cookie name: use letters, digits, `-` and `_`"),
            (
                [PLAIN, BY_HAND].iter().any(|name| jar::same_name(name, &self.cookie_name)),
                "cookie_name",
                "is the name of another cookie that Segue reads: choose another",
            ),
            (prefixed("__Host-") && self.domain.is_some(), "domain", "cannot go with a `__Host-` cookie: remove it"),
            (
                never_secure && (prefixed("__Host-") || prefixed("__Secure-")),
                "secure",
                "cannot be `never` for a `__Host-` or `__Secure-` cookie",
            ),
            (
                never_secure && self.same_site == SameSite::None,
                "secure",
                "cannot be `never` with `same_site = \"none\"`",
            ),
            (
                self.domain.as_deref().is_some_and(|domain| !is_domain(domain)),
                "domain",
                "is no domain: write one such as `example.com`",
            ),
            (self.expires_after < self.fresh_for, "expires_after", "is shorter than `fresh_for`"),
            (!is_prefix(&self.prefix), "prefix", "must be a path with a slash on both ends, such as `/.segue/`"),
            (
                self.trusted_token.as_ref().is_some_and(is_short),
                "trusted_token",
                "is shorter than 16 bytes: a longer one cannot be guessed",
            ),
        ];
        checks
            .into_iter()
            .filter(|(wrong, ..)| *wrong)
            .map(|(_, field, message)| ConfigError { field, message })
            .collect()
    }

    /// The simulation cookie's name.
    pub fn simulation_cookie(&self) -> String {
        format!("{}-sim", self.cookie_name)
    }

    /// The name of the cookie by which pages notice that their shopper gets other offers than before.
    pub fn offers_cookie(&self) -> String {
        format!("{}-offers", self.cookie_name)
    }

    /// The name of the cookie with what is known of a shopper's session at the shop.
    pub fn session_cookie(&self) -> String {
        format!("{}-session", self.cookie_name)
    }

    /// Whether a trusted source has this address.
    pub(super) fn trusts(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.trusted_sources.iter().any(|net| net.contains(&client))
    }

    /// A cookie of Segue's with every attribute but its age.
    pub(crate) fn cookie<'a>(&'a self, name: String, value: String, secure: bool) -> Cookie<'a> {
        let secure = match self.secure {
            Secure::Auto => secure,
            Secure::Always => true,
            Secure::Never => false,
        };
        let mut cookie =
            Cookie::build((name, value)).path("/").http_only(true).secure(secure).same_site(self.same_site).build();
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain);
        }
        cookie
    }
}

/// A cookie name with at least one letter or digit, so that it can be told from others behind quotes and spaces.
fn is_token(name: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$&*^|~".contains(&byte);
    name.bytes().all(of_token) && name.bytes().any(|byte| byte.is_ascii_alphanumeric()) && name.len() <= 64
}

fn is_domain(domain: &str) -> bool {
    let of_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    domain.bytes().all(of_domain) && domain.bytes().any(|byte| byte.is_ascii_alphanumeric()) && domain.len() <= 253
}

fn is_prefix(prefix: &str) -> bool {
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    prefix.len() > 2
        && prefix.starts_with('/')
        && prefix.ends_with('/')
        && !prefix.contains("//")
        && prefix.bytes().all(of_path)
}

fn is_short(token: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(token).len() < 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("shop", Keyring::ephemeral().expect("random bytes"))
    }

    #[test]
    fn finds_nothing_wrong_with_the_defaults() {
        assert_eq!(config().mistakes(), []);
    }

    #[test]
    fn reports_every_mistake_at_once() {
        let wrong = Config {
            cookie_name: "AEP-segments-membership".into(),
            secure: Secure::Never,
            same_site: SameSite::None,
            domain: Some("a b".into()),
            expires_after: Duration::ZERO,
            prefix: "segue".into(),
            trusted_token: Some("short".into()),
            ..config()
        };
        let fields: Vec<_> = wrong.mistakes().into_iter().map(|mistake| mistake.field).collect();
        assert_eq!(fields, ["cookie_name", "secure", "domain", "expires_after", "prefix", "trusted_token"]);
        for name in ["", "a b", "a;b", "a=b", "--", "ä"] {
            let wrong = Config { cookie_name: name.into(), ..config() };
            assert_eq!(wrong.mistakes().len(), 1, "{name}");
        }
    }

    #[test]
    fn trusts_an_address_however_it_is_written() {
        let config = Config { trusted_sources: vec!["10.0.0.0/8".parse().expect("a net")], ..config() };
        for (address, trusted) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.1.2.3", false), ("::1", false)] {
            assert_eq!(config.trusts(address.parse().expect("an address")), trusted, "{address}");
        }
    }
}
