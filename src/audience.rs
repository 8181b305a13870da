//! Who the shopper is: the audiences that Segue knows he belongs to, and from where it knows.
//!
//! [`Identifier`] reads a request and says who sent it ([`Shopper`]); before the request goes up, it replaces every claim about
//! audiences in it by what is known ([`Identifier::outgoing`]).

pub mod adobe;
pub mod config;
pub mod consent;
pub mod cookie;
pub mod identify;
pub mod jar;
pub mod keys;
pub mod known;
pub mod learnt;
pub mod mint;
pub mod outgoing;
pub mod plain;
pub mod refresh;
pub(crate) mod seal;
pub mod simulate;

use std::collections::BTreeSet;

use crate::rule::AudienceId;

pub use config::{Config, ConfigError, Secure, Trust};
pub use cookie::{Freshness, SealError, Sealed, ShopperKey};
pub use identify::{Identifier, Keep, Refused, RequestView, Shopper};
pub use keys::{Key, KeyError, Keyring};
pub use known::KnownAudiences;
pub use learnt::{Learnt, Scope};
pub use seal::OpenError;
pub use simulate::Simulation;

/// The audiences of one shopper, with when and from where they were learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The audiences.
    pub audiences: BTreeSet<AudienceId>,
    /// When they were learnt, in seconds since 1970 UTC.
    pub learnt_at: i64,
    /// From where.
    pub source: Source,
}

/// Where a membership was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The plain cookie or header, from a trusted source or under `trust = "cookie"`.
    Plain,
    /// Adobe's Edge Network.
    Edge,
    /// A token minted by an operator (`segue cookie mint`).
    Minted,
}

#[cfg(test)]
mod fixture {
    //! A shop's settings and rules for the tests of this room.

    use std::sync::{Arc, LazyLock};

    use super::*;
    use crate::page::PageKind;
    use crate::rule::{Audience, AudienceTest, Block, ByView, Days, Placement, Rotation, Ruleset};

    /// The id of the audience called VIP, which a block is for.
    pub(super) const VIP: &str = "5d2ae5ba-0b1f-4d6a-9e39-1f4a1c1f8e01";

    pub(super) fn set(ids: &[&str]) -> BTreeSet<AudienceId> {
        ids.iter().map(|id| AudienceId::from(*id)).collect()
    }

    pub(super) fn config() -> Config {
        static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::ephemeral().expect("random bytes"));
        Config::new("shop", KEYS.clone())
    }

    pub(super) fn known() -> KnownAudiences {
        let audience = |id: &str, name: &str| Audience { id: id.into(), name: name.into(), origin: "test".into() };
        let block = Block {
            id: "hero".into(),
            name: "Hero".into(),
            audiences: AudienceTest { any: set(&[VIP]), ..AudienceTest::default() },
            websites: BTreeSet::new(),
            store_views: BTreeSet::new(),
            days: Days::default(),
            priority: 0,
            placement: Placement::PageTop,
            page_kinds: BTreeSet::<PageKind>::new(),
            url_patterns: Vec::new(),
            rotation: Rotation::All,
            html: ByView::default(),
        };
        KnownAudiences::of(&Ruleset {
            revision: 42,
            audiences: vec![
                audience(VIP, "VIP"),
                audience("new", "New visitor"),
                audience("gold", "Gold, old"),
                audience("t1", "Twin"),
                audience("t2", "twin"),
                audience("tag", "<b>Tag</b>"),
            ],
            offers: Vec::new(),
            blocks: vec![Arc::new(block)],
        })
    }
}
