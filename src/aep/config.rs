//! How Experience Platform is reached, and as whom.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::site::StoreView;

/// The settings of this room.
#[derive(Clone, Debug)]
pub struct Config {
    /// The organisation.
    pub org: OrgId,
    /// The technical account; without it only unauthenticated calls of the Edge Network are made.
    pub credentials: Option<Credentials>,
    /// The sandbox whose audiences are meant. Adobe's own default is called `prod`.
    pub sandbox: String,
    /// Where tokens come from.
    pub ims: Url,
    /// Where audiences and destinations are listed.
    pub platform: Url,
    /// The Edge Network.
    pub edge: Edge,
    /// Names or ids of the destinations (target connections) that stand for this shop; with none, Segue cannot say which audiences
    /// are activated for it.
    pub destinations: Vec<String>,
    /// How often the audiences are listed anew.
    pub sync_every: Duration,
}

/// How the Edge Network is asked.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Scheme, host and port, such as `https://edge.adobedc.net/`.
    pub url: Url,
    /// Whether calls carry the technical account's token.
    pub authenticated: bool,
    /// The version of the interact call.
    pub version: Version,
    /// The datastreams of the shop.
    pub datastreams: Datastreams,
    /// Integration aliases of the destinations whose audiences count, in lower case; with none, all count.
    pub aliases: Vec<String>,
    /// The region that shoppers without a location hint are looked up in.
    pub region_hint: Option<String>,
    /// How long a call may take altogether. 2 s: an answer this late is of no use to the page that asked, and hardly to the next.
    pub timeout: Duration,
}

/// A version of the interact call. An authenticated one is always of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `/v1/interact?configId=`, as Adobe's Web SDK calls it.
    V1,
    /// `/v2/interact?datastreamId=`.
    V2,
}

/// An organisation's id, such as `53A16ACB5CC1D3760A495C99@AdobeOrg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgId(Arc<str>);

impl OrgId {
    /// Reads an id; `None` when it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, suffix) = text.split_once('@')?;
        let good = suffix == "AdobeOrg" && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        good.then(|| Self(text.into()))
    }

    /// The id as Adobe writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the organisation's cookie called `kind`: `kndctr_<ORG>_AdobeOrg_<kind>`.
    pub fn cookie(&self, kind: &str) -> String {
        format!("{}{kind}", self.cookie_prefix())
    }

    /// What the names of the organisation's cookies begin with.
    pub fn cookie_prefix(&self) -> String {
        format!("kndctr_{}_", self.0.replace('@', "_"))
    }

    /// The name of the organisation's cookie from before the Web SDK.
    pub fn legacy_cookie(&self) -> String {
        format!("AMCV_{}", self.0)
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An OAuth server-to-server credential of Adobe's Developer Console.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Also sent as `x-api-key`.
    pub client_id: String,
    /// One or two secrets, the one to try first in front: while one is replaced by another, both may be here.
    pub client_secrets: Vec<SecretString>,
    /// Shown, never sent.
    pub technical_account_id: Option<String>,
    /// Shown, never sent.
    pub technical_account_email: Option<String>,
    /// What the token is for.
    pub scopes: Vec<String>,
}

/// Which datastream a store view's shoppers are looked up by.
#[derive(Clone, Debug, Default)]
pub struct Datastreams {
    /// For all that nothing below names.
    pub default: Option<Arc<str>>,
    /// By website code.
    pub websites: BTreeMap<String, Arc<str>>,
    /// By store view code; wins over its website's.
    pub views: BTreeMap<String, Arc<str>>,
}

impl Datastreams {
    /// The datastream of a store view; `None` where nobody is looked up.
    pub fn of(&self, view: &StoreView) -> Option<&Arc<str>> {
        let views = self.views.get(&*view.code);
        views.or_else(|| self.websites.get(&*view.website)).or(self.default.as_ref())
    }

    /// Every datastream, once.
    pub fn all(&self) -> Vec<&Arc<str>> {
        let mut all: Vec<_> = self.default.iter().chain(self.websites.values()).chain(self.views.values()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_organisations_cookies() {
        let org = OrgId::parse("53A16ACB5CC1D3760A495C99@AdobeOrg").expect("an organisation's id");
        assert_eq!(org.cookie("identity"), "kndctr_53A16ACB5CC1D3760A495C99_AdobeOrg_identity");
        assert_eq!(org.legacy_cookie(), "AMCV_53A16ACB5CC1D3760A495C99@AdobeOrg");
        for wrong in ["", "@AdobeOrg", "53A1", "53A1@Adobe", "a b@AdobeOrg", "a;b@AdobeOrg"] {
            assert_eq!(OrgId::parse(wrong), None, "{wrong}");
        }
    }
}
