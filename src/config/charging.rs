//! The `[charging]` section.

use std::time::Duration;

use super::sections::{count, set};
use crate::charging::{Config, LostAudience};
use crate::document::{Field, Reader};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn read(reader: &Reader<'_>) -> Option<Config> {
    let mut config = Config::default();
    let words = [("honour", LostAudience::Honour), ("instant", LostAudience::Instant)];
    set(&mut config.lost_audience, reader.optional("lost_audience").map(|field| field.word(&words)));
    set(
        &mut config.honour_for,
        reader.optional("honour_for").map(|field| within(&field, Duration::from_secs(60), DAY)),
    );
    set(&mut config.payment_start, reader.optional("payment_start").map(|field| paths(&field)));
    set(&mut config.has_bypass, reader.optional("payment_bypass").map(|field| field.boolean()));
    let mut codes = usize::try_from(config.codes).unwrap_or_default();
    set(&mut codes, reader.optional("codes").map(|field| count(&field, 1_000)));
    config.codes = u32::try_from(codes).unwrap_or(u32::MAX);
    set(&mut config.code_expires, reader.optional("code_expires").map(|field| within(&field, DAY, DAY * 365)));
    Some(config)
}

fn within(field: &Field<'_>, least: Duration, most: Duration) -> Option<Duration> {
    let duration = field.duration()?;
    if duration < least || duration > most {
        field.mistake(format!("must be from {} s to {} s", least.as_secs(), most.as_secs()));
        return None;
    }
    Some(duration)
}

/// Paths of the shop, as they are compared.
fn paths(field: &Field<'_>) -> Option<Vec<String>> {
    let paths = field.texts()?;
    let is_path = |path: &&str| {
        let path = path.trim_matches('/');
        !path.is_empty() && !path.contains(['?', '#', ' ']) && !path.contains("//")
    };
    if !paths.iter().all(is_path) {
        field.mistake("must be paths of the shop such as \"paypal/express/start\", without query");
        return None;
    }
    Some(paths.iter().map(|path| path.trim_matches('/').to_ascii_lowercase()).collect())
}
