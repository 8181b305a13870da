//! The `[admin]` section.

use std::net::SocketAddr;
use std::time::Duration;

use super::sections::{address, set};
use crate::admin::Config;
use crate::document::{Field, Reader};

pub(super) fn read(reader: &Reader<'_>) -> Option<Config> {
    let listen = address(reader, "listen", SocketAddr::from(([127, 0, 0, 1], 8082)));
    let mut idle = Duration::from_secs(30 * 60);
    set(&mut idle, reader.optional("idle_timeout").map(|field| at_least_a_minute(&field)));
    let mut absolute = Duration::from_secs(12 * 3600);
    set(&mut absolute, reader.optional("session_timeout").map(|field| at_least_a_minute(&field)));
    Some(Config { listen: listen?, idle, absolute })
}

fn at_least_a_minute(field: &Field<'_>) -> Option<Duration> {
    let duration = field.duration()?;
    if duration < Duration::from_secs(60) {
        field.mistake("must be 1m at least");
        return None;
    }
    Some(duration)
}
