//! A listener on which Experience Platform says that a shopper's audiences changed.

mod hints;

use std::net::SocketAddr;

use secrecy::SecretString;

pub use hints::Hints;

/// The settings of this room.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// One or two bearer tokens that are believed.
    pub tokens: Vec<SecretString>,
    /// Requests a second; more are told to come later.
    pub max_rate: u32,
}
