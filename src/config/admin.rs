//! The `[admin]` section.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Url;

use super::sections::{address, set};
use crate::admin::Config;
use crate::document::{Field, Reader};

pub(super) fn read(reader: &Reader<'_>) -> Option<Config> {
    let listen = address(reader, "listen", SocketAddr::from(([127, 0, 0, 1], 8082)));
    let mut idle = Duration::from_secs(30 * 60);
    set(&mut idle, reader.optional("idle_timeout").map(|field| at_least_a_minute(&field)));
    let mut absolute = Duration::from_secs(12 * 3600);
    set(&mut absolute, reader.optional("session_timeout").map(|field| at_least_a_minute(&field)));
    let mut shop = None;
    set(&mut shop, reader.optional("shop_url").map(|field| shop_url(&field).map(Some)));
    Some(Config { listen: listen?, idle, absolute, shop })
}

fn shop_url(field: &Field<'_>) -> Option<Url> {
    let url =
        field.text()?.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        field.mistake("is no URL such as https://shop.example/");
    }
    url
}

fn at_least_a_minute(field: &Field<'_>) -> Option<Duration> {
    let duration = field.duration()?;
    if duration < Duration::from_secs(60) {
        field.mistake("must be 1m at least");
        return None;
    }
    Some(duration)
}
