//! Who the shopper is: the audiences that Segue knows he belongs to, and from where it knows.

use std::collections::BTreeSet;

use crate::rule::AudienceId;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The plain cookie or header, from a trusted source or under `trust = "cookie"`.
    Plain,
    /// Adobe's Edge Network.
    Edge,
    /// A token minted by an operator (`segue cookie mint`).
    Minted,
}
