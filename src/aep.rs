//! Adobe Experience Platform: which audiences exist, and to which of them a shopper belongs.

pub mod config;
pub mod edge;
pub mod wire;

pub use config::{Config, Credentials, Datastreams, OrgId};
