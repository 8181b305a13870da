//! What the Edge Network answers to a page's own script, where it goes by: whether it says which audiences *this* shopper belongs to.
//!
//! The shopper commands every byte of the request, and none of the answer. What he could try is to be answered for somebody else:
//! for an e-mail address or customer number that he knows, or by a datastream of his own. So an answer counts only when nothing in
//! the request could have made it about anybody but the ECID in his identity cookie, and when it names that ECID itself. Adobe's own
//! script asks for that with every call. What is not known to be harmless is not believed: the answer then passes like any other,
//! and the shopper is looked up by Segue itself.
//!
//! Two things are out of sight here and are for whoever sets up the datastream: a mapping (data prep) that fills `identityMap` from
//! other fields of an event, and fields that its schema marks as identities.

mod answer;
mod body;

use std::collections::BTreeSet;
use std::fmt;

use http::{HeaderMap, StatusCode};

use super::{Ecid, OrgId};
use crate::rule::AudienceId;

/// One call of a page's script, as it went to Adobe, and what came back. [`Debug`](fmt::Debug) shows nothing of the shopper.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// The organisation that the datastream belongs to.
    pub org: &'a OrgId,
    /// The cookies, as `name=value` with `; ` between them.
    pub cookies: &'a str,
    /// The request's body.
    pub request: &'a [u8],
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers, of which `Set-Cookie` may bring another identity.
    pub headers: &'a HeaderMap,
    /// The answer's body, decoded.
    pub answer: &'a [u8],
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What an answer says that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whom it is about.
    pub ecid: Ecid,
    /// His audiences; none when the Edge Network has no profile of him.
    pub audiences: BTreeSet<AudienceId>,
}

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The call names no datastream, several, or another than the store view's.
    #[error("the call does not name this store view's datastream, once")]
    Datastream,
    /// The call has a query parameter that Adobe's script does not send.
    #[error("the call has an unknown query parameter")]
    Parameter,
    /// The request is no plain UTF-8 text.
    #[error("the call's body is encoded, or not text in UTF-8")]
    Form,
    /// The request's body did not arrive whole, or is past Adobe's own limit of 64 KiB.
    #[error("the call's body is too large, broke off, or has trailers")]
    Length,
    /// No identity cookie with an ECID: a first visit.
    #[error("the browser has no identity cookie")]
    NoIdentity,
    /// Several identity cookies, of several ECIDs.
    #[error("the browser's cookies name more than one ECID")]
    SeveralIdentities,
    /// The request is not JSON, or has a key twice in one object.
    #[error("the call's body is not plain JSON")]
    NotJson,
    /// The request has a field that Adobe's script does not send, where it could mean anything.
    #[error("the call's body has an unknown field")]
    UnknownField,
    /// The request overrides the datastream's settings.
    #[error("the call overrides settings of the datastream")]
    Override,
    /// The request brings state that is not this browser's.
    #[error("the call's state is not this browser's")]
    State,
    /// The request names somebody else.
    #[error("the call names another ECID than the browser's cookie")]
    OtherEcid,
    /// The request names a person by something else than the ECID. With namespace priorities in force, Adobe takes that for the
    /// primary identity whatever `primary` says.
    #[error("the call names an identity other than the ECID")]
    OtherIdentity,
    /// The request has free data, which the datastream may turn into an identity.
    #[error("the call has free data, which a datastream may take for an identity")]
    FreeData,
    /// The answer is an error or was not given.
    #[error("the answer's status is neither 200 nor 207")]
    Status,
    /// The answer was too large or too slow to be read.
    #[error("the answer was too large, too slow, or in an unknown coding")]
    Unread,
    /// The answer is not the Edge Network's.
    #[error("the answer is not JSON of the known form")]
    Answer,
    /// The answer has no ECID, so that nobody knows whom it is about.
    #[error("the answer names no ECID")]
    Unconfirmed,
    /// The answer is for another ECID.
    #[error("the answer is about another ECID")]
    OtherAnswer,
    /// The answer has nothing about audiences, or may have only a part.
    #[error("the answer says nothing about audiences")]
    NoMembership,
    /// The call was ignored, as the shopper has not consented.
    #[error("the shopper has not consented")]
    NoConsent,
}

impl Refusal {
    /// One word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Datastream => "datastream",
            Self::Parameter => "parameter",
            Self::Form => "form",
            Self::Length => "length",
            Self::NoIdentity => "no_identity",
            Self::SeveralIdentities => "several_identities",
            Self::NotJson => "not_json",
            Self::UnknownField => "unknown_field",
            Self::Override => "override",
            Self::State => "state",
            Self::OtherEcid => "other_ecid",
            Self::OtherIdentity => "other_identity",
            Self::FreeData => "free_data",
            Self::Status => "status",
            Self::Unread => "unread",
            Self::Answer => "answer",
            Self::Unconfirmed => "unconfirmed",
            Self::OtherAnswer => "other_answer",
            Self::NoMembership => "no_membership",
            Self::NoConsent => "no_consent",
        }
    }
}

/// What the answer says about the shopper whose browser made the call. `aliases` are those of the destinations that count, in lower
/// case; with none, all count.
///
/// # Errors
/// When it is not certain that the answer is about him.
pub fn trust(exchange: &Exchange<'_>, aliases: &[String]) -> Result<Report, Refusal> {
    if !matches!(exchange.status, StatusCode::OK | StatusCode::MULTI_STATUS) {
        return Err(Refusal::Status);
    }
    let own = own_ecid(exchange.org, exchange.cookies)?;
    body::check(exchange.request, exchange.org, &own)?;
    answer::confirm(exchange, &own)?;
    let audiences = answer::audiences(exchange, aliases)?;
    Ok(Report { ecid: own, audiences })
}

/// The ECID that all of the browser's cookies agree on. Without one, no answer can count.
///
/// # Errors
/// When there is none, or several.
pub fn own_ecid(org: &OrgId, cookies: &str) -> Result<Ecid, Refusal> {
    let identity = org.cookie("identity");
    let pairs = || cookies.split("; ").filter_map(|pair| pair.split_once('='));
    let mut own: Option<Ecid> = None;
    for (_, value) in pairs().filter(|(name, _)| *name == identity) {
        let ecid = Ecid::from_cookie(value.as_bytes()).ok_or(Refusal::NoIdentity)?;
        if own.as_ref().is_some_and(|own| *own != ecid) {
            return Err(Refusal::SeveralIdentities);
        }
        own = Some(ecid);
    }
    let own = own.ok_or(Refusal::NoIdentity)?;
    // Adobe's script encodes the name.
    let is_legacy = |name: &str| name.replace("%40", "@") == org.legacy_cookie();
    let legacy = pairs().filter(|(name, _)| is_legacy(name)).map(|(_, value)| value);
    let mut legacy = legacy.filter_map(|value| Ecid::from_legacy_cookie(value.as_bytes()));
    if legacy.any(|ecid| ecid != own) { Err(Refusal::SeveralIdentities) } else { Ok(own) }
}

#[cfg(test)]
mod tests;
