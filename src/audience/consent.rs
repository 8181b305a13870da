//! Whether a shopper lets Experience Platform be asked about him.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether `Sec-GPC: 1` counts as an opt-out.
    pub honour_gpc: bool,
}
