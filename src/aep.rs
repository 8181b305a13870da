//! Adobe Experience Platform: which audiences exist, and to which of them a shopper belongs.

pub mod backoff;
pub mod config;
pub mod edge;
pub mod http;
pub mod identity;
pub mod ims;
#[cfg(test)]
pub(crate) mod mock;
pub mod wire;

pub use config::{Config, Credentials, Datastreams, OrgId};
pub use identity::{Ecid, Identity};
