//! Commerce (Magento): its REST API, and what Segue knows from it.
//!
//! [`Client`] asks, as the integration whose access token it has. [`Book`] is what Commerce said of its cart price rules and of the shop,
//! with when it did; [`keeper`] keeps one up to date while Segue runs.

pub mod blocks;
pub mod book;
pub mod client;
pub mod coupons;
pub mod error;
pub mod keeper;
mod page_builder;
pub mod rules;
pub mod shop;

use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

pub use book::Book;
pub use client::Client;
pub use error::{Area, Cause, CommerceError};

use crate::catalog::keeper::{Keeper as Catalogue, Wanted};
use crate::rule::cart_rule::{AudienceTypes, Release};
use crate::store::Place;
use crate::telemetry::Metrics;

/// The settings of this room.
#[derive(Clone, Debug)]
pub struct Config {
    /// The shop's address, under which `rest/` is.
    pub url: Url,
    /// The access token of an integration.
    pub token: SecretString,
    /// Whose cart it is.
    pub release: Release,
    /// The classes of conditions that hold audiences.
    pub audience_types: AudienceTypes,
    /// How often rules are looked at.
    pub poll: Duration,
    /// How old what Commerce said may be and still count.
    pub max_age: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// How often changes of the catalogue are asked for.
    pub catalog_every: Duration,
    /// Products asked for at a time.
    pub page_size: usize,
}

/// What keeps the catalogue of a shop.
pub fn catalogue(config: &Config, client: Client, place: Place, metrics: &mut Metrics) -> Catalogue<Client> {
    let wanted = Wanted { shop: config.url.to_string(), every: config.catalog_every, page_size: config.page_size };
    Catalogue::new(client, wanted, place, metrics)
}
