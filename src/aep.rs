//! Adobe Experience Platform: which audiences exist, and to which of them a shopper belongs.

pub mod api;
pub mod audiences;
pub mod backoff;
pub mod config;
pub mod destinations;
pub mod edge;
pub mod http;
pub mod identity;
pub mod ims;
#[cfg(test)]
pub(crate) mod mock;
pub mod pages;
pub mod wire;

pub use config::{Config, Credentials, Datastreams, OrgId};
pub use identity::{Ecid, Identity};
