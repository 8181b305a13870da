//! What `segue cookie mint` and `segue cookie read` do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::config::Config;
use super::cookie::{Freshness, SealError, Sealed, ShopperKey, seconds};
use super::known::KnownAudiences;
use super::seal::{OpenError, Purpose};
use super::simulate::Ticket;
use super::{Membership, Source, plain};
use crate::rule::AudienceId;

/// A cookie to be minted.
#[derive(Clone, Debug)]
pub struct Minting {
    /// The audiences of the shopper.
    pub audiences: BTreeSet<AudienceId>,
    /// The code of the website that it is for; empty for all.
    pub website: Arc<str>,
    /// For how long it holds; never longer than the settings' `expires_after`.
    pub life: Duration,
    /// When it is learnt: now, in seconds since 1970 UTC.
    pub now: i64,
}

/// Makes the value of a sealed cookie for a new shopper.
///
/// # Errors
/// When an id is none, or the cookie cannot be sealed.
pub fn mint(config: &Config, known: &KnownAudiences, minting: &Minting) -> Result<String, SealError> {
    if let Some(bad) = minting.audiences.iter().find(|id| !plain::is_id(id)) {
        return Err(SealError::BadAudience(bad.to_string()));
    }
    let audiences = minting.audiences.clone();
    let membership = Membership { audiences, learnt_at: minting.now, source: Source::Minted };
    let mut sealed = Sealed::new(config, membership, ShopperKey::generate()?, minting.website.clone());
    sealed.expires_at = sealed.expires_at.min(minting.now.saturating_add(seconds(minting.life)));
    sealed.seal(config, known)
}

/// What a sealed value says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `cookie`, `simulation` or `simulation-token`.
    pub kind: &'static str,
    /// The audiences, by id.
    pub audiences: Vec<String>,
    /// `fresh`, `stale` or `expired`.
    pub state: &'static str,
    /// When it is forgotten, in seconds since 1970 UTC.
    pub expires_at: i64,
    /// What only the shopper's own cookie says.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieReport>,
}

/// What a shopper's sealed cookie says beside its audiences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CookieReport {
    /// The code of the website that it is for; empty for all.
    pub website: String,
    /// The datastream that they were learnt by; empty when not from the Edge Network.
    pub datastream: String,
    /// Whether they are to be learnt again at once.
    pub ask_again: bool,
    /// When the audiences were learnt, in seconds since 1970 UTC.
    pub learnt_at: i64,
    /// From where.
    pub source: Source,
    /// The revision of the rules that it was cut for.
    pub cut_for: Option<u64>,
    /// The place of the key that sealed it: 0 is the key that seals now.
    pub key: usize,
}

/// Reads a sealed value of any kind: bare, or as `name=value`, also with a `Set-Cookie` line's attributes behind it.
///
/// # Errors
/// When it is not one that Segue sealed for this site. An expired one is read.
pub fn read(config: &Config, known: &KnownAudiences, value: &str, now: i64) -> Result<Report, OpenError> {
    let value = value.trim().split(';').next().unwrap_or_default();
    let value = value.rsplit('=').next().unwrap_or_default().trim().as_bytes();
    let simulation = config.simulation_cookie();
    match Sealed::open(config, value) {
        Ok(opened) => {
            let freshness = opened.sealed.freshness(config, known, now);
            let Sealed { membership, expires_at, website, datastream, ask_again, cut_for, .. } = opened.sealed;
            let Membership { audiences, learnt_at, source } = membership;
            let (website, datastream) = (website.to_string(), datastream.to_string());
            let cookie =
                Some(CookieReport { website, datastream, ask_again, learnt_at, source, cut_for, key: opened.key });
            Ok(Report { kind: "cookie", audiences: texts(&audiences), state: freshness.as_str(), expires_at, cookie })
        }
        Err(why) => [("simulation", Purpose::Cookie(&simulation)), ("simulation-token", Purpose::SimulationToken)]
            .into_iter()
            .find_map(|(kind, purpose)| {
                let Ticket { expires_at, audiences, .. } = Ticket::open(config, purpose, value, i64::MIN).ok()?;
                let state = if now < expires_at { Freshness::Fresh } else { Freshness::Expired };
                Some(Report { kind, audiences: texts(&audiences), state: state.as_str(), expires_at, cookie: None })
            })
            .ok_or(why),
    }
}

fn texts(audiences: &BTreeSet<AudienceId>) -> Vec<String> {
    audiences.iter().map(|id| id.to_string()).collect()
}

impl Freshness {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::fixture::{VIP, config, known, set};
    use crate::audience::simulate::mint_simulation_token;

    const HOUR: Duration = Duration::from_secs(3600);

    fn minting(life: Duration) -> Minting {
        Minting { audiences: set(&[VIP]), website: "base".into(), life, now: 1000 }
    }

    #[test]
    fn reads_what_it_mints() {
        let config = config();
        let value = mint(&config, &known(), &minting(HOUR)).expect("a cookie");
        for written in [value.clone(), format!(" segue={value}; Path=/; HttpOnly\n")] {
            let report = read(&config, &known(), &written, 1001).expect("a report");
            let json = serde_json::to_value(&report).expect("JSON");
            let expected = serde_json::json!({
                "kind": "cookie", "audiences": [VIP], "state": "fresh", "expires_at": 4600, "website": "base", "datastream": "", "ask_again": false,
                "learnt_at": 1000, "source": "minted", "cut_for": null, "key": 0,
            });
            assert_eq!(json, expected);
        }
        assert_eq!(read(&config, &known(), &value, 4600).expect("a report").state, "expired");
        assert!(read(&config, &known(), &value[1..], 1000).is_err());
    }

    #[test]
    fn mints_nothing_that_outlives_the_settings() {
        let config = config();
        let value = mint(&config, &known(), &minting(HOUR * 24 * 365)).expect("a cookie");
        let report = read(&config, &known(), &value, 1001).expect("a report");
        assert_eq!(report.expires_at, 1000 + 30 * 24 * 3600);
        let bad = Minting { audiences: set(&["a b"]), ..minting(HOUR) };
        assert_eq!(mint(&config, &known(), &bad), Err(SealError::BadAudience("a b".into())));
    }

    #[test]
    fn reads_a_simulation_token() {
        let config = config();
        let token = mint_simulation_token(&config, &set(&["a", VIP]), "/", HOUR, 1000).expect("a token");
        let report = read(&config, &known(), &token, 1000).expect("a report");
        assert_eq!((report.kind, report.state, report.expires_at), ("simulation-token", "fresh", 4600));
        assert_eq!(report.audiences, [VIP, "a"]);
    }
}
