//! What Experience Platform said about a shopper, and what becomes of it in his browser.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::config::Config;
use super::consent::Consent;
use super::cookie::{Sealed, ShopperKey};
use super::identify::{Keep, Shopper};
use super::{Membership, Source};
use crate::aep::edge::StateItem;
use crate::rule::AudienceId;

/// An answer about one shopper.
#[derive(Clone, Debug)]
pub struct Learnt {
    /// His audiences; `None` when he has not consented, so that nothing may be kept.
    pub audiences: Option<BTreeSet<AudienceId>>,
    /// When the question was put, in seconds since 1970 UTC: what changed while it was under way is not in the answer.
    pub learnt_at: i64,
    /// The same on the clock that measures.
    pub asked_at: Instant,
    /// Whom the answer is about.
    pub shopper: ShopperKey,
    /// Where it holds.
    pub scope: Scope,
    /// The digest of the browser's own claim that was there when the question was put.
    pub claim_seen: u32,
    /// What his browser is to keep for Adobe.
    pub state: Arc<[StateItem]>,
}

/// Where a membership holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The code of the website.
    pub website: Arc<str>,
    /// The datastream.
    pub datastream: Arc<str>,
}

impl Learnt {
    /// As it is kept in a cookie; `None` when nothing may be kept.
    pub fn sealed(&self, config: &Config) -> Option<Sealed> {
        let audiences = self.audiences.clone()?;
        let membership = Membership { audiences, learnt_at: self.learnt_at, source: Source::Edge };
        let mut sealed = Sealed::new(config, membership, self.shopper, Arc::clone(&self.scope.website));
        sealed.datastream = Arc::clone(&self.scope.datastream);
        sealed.claim_seen = self.claim_seen;
        Some(sealed)
    }
}

impl Shopper {
    /// Takes in what was learnt about him: from here on he is who it says, and his browser is to keep it.
    pub fn learn(&mut self, learnt: &Learnt, config: &Config) {
        let had_cookie = self.own.is_some();
        self.own = learnt.sealed(config);
        self.membership = self.own.as_ref().map(|own| own.membership.clone());
        self.keep = match &self.own {
            Some(sealed) => Keep::Sealed(Box::new(sealed.clone())),
            None if had_cookie => Keep::Nothing,
            None => Keep::AsIs,
        };
        if let Some(own) = &self.own {
            self.key = own.shopper;
        }
        self.declined_at = learnt.audiences.is_none().then_some(learnt.learnt_at);
        self.freshness = None;
    }

    /// What his browser is to keep after an answer that logs him in or out, at `now`: Experience Platform may know more, or less, about
    /// him from now on, so that he is to be looked up again, by whatever process; and after he logged out, nothing is known about him
    /// until then. `None` where nothing may be kept, or what is kept is not Experience Platform's.
    pub fn after_login(&self, logged_out: bool, now: i64, website: &Arc<str>, config: &Config) -> Option<Keep> {
        let visitor = self.visitor.as_ref().filter(|visitor| visitor.consent == Consent::Given)?;
        let identity = visitor.identity.as_ref()?;
        if self.membership.as_ref().is_some_and(|membership| membership.source != Source::Edge) {
            return None;
        }
        let mut sealed = self.own.clone().unwrap_or_else(|| {
            let nothing = Membership { audiences: BTreeSet::new(), learnt_at: now, source: Source::Edge };
            let mut sealed = Sealed::new(config, nothing, ShopperKey::of(identity), Arc::clone(website));
            sealed.datastream = Arc::clone(&visitor.datastream);
            sealed
        });
        sealed.ask_again = true;
        // Of now, so that no answer to an earlier question replaces it.
        sealed.membership.learnt_at = now;
        if logged_out {
            sealed.membership.audiences.clear();
        }
        Some(Keep::Sealed(Box::new(sealed)))
    }
}
