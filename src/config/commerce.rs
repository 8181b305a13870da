//! The `[commerce]` section.

use std::path::Path;
use std::time::Duration;

use http::Uri;
use reqwest::Url;
use secrecy::SecretString;

use super::sections::{count, secret, set};
use crate::commerce::Config;
use crate::document::{Field, Reader};
use crate::rule::cart_rule::{AudienceForm, AudienceType, AudienceTypes, Release};

pub(super) fn read(reader: &Reader<'_>, folder: &Path, origin: Option<&Uri>) -> Option<Config> {
    let url = match reader.optional("url") {
        Some(field) => address(&field),
        None => origin.and_then(|origin| Url::parse(&origin.to_string()).ok()),
    };
    let has_token = reader.optional("token").is_some() || reader.optional("token_file").is_some();
    let token = secret(reader, "token", "token_file", folder);
    if !has_token {
        reader.mistake_at(
            "token",
            "is missing: give token_file, with the access token of an integration (Admin > System > Extensions > Integrations)",
        );
    }
    let mut release = Release::default();
    set(
        &mut release,
        reader.optional("magento").map(|field| {
            field.parsed("a release of Magento such as \"2.4.6\" or \"2.4.6-p1\"", |text| text.parse().ok())
        }),
    );
    let audience_types = reader.optional("audience_condition_types").map(|field| types(&field)).unwrap_or_default();
    let duration = |key: &'static str, default: u64, least: u64| {
        let mut value = Duration::from_secs(default);
        set(&mut value, reader.optional(key).map(|field| at_least(&field, Duration::from_secs(least))));
        value
    };
    let poll = duration("poll", 60, 1);
    let max_age = duration("max_age", 15 * 60, 10);
    let timeout = duration("timeout", 10, 1);
    let catalog_every = duration("catalog_every", 5 * 60, 10);
    let mut page_size = 200;
    set(&mut page_size, reader.optional("page_size").map(|field| count(&field, 2_000)));
    if max_age <= poll {
        reader.mistake_at(
            "max_age",
            "must be longer than poll: what Commerce said would not count until it is asked again",
        );
    }
    Some(Config {
        url: url?,
        token: SecretString::from(token?),
        release,
        audience_types,
        poll,
        max_age,
        timeout,
        catalog_every,
        page_size,
    })
}

fn address(field: &Field<'_>) -> Option<Url> {
    if field.text()?.contains('@') {
        field.mistake("must have no user name or password");
        return None;
    }
    let url = |text: &str| {
        let url = Url::parse(text).ok()?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
        (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
    };
    field.parsed("the shop's base URL, under which rest/V1 is, such as https://shop.example/", url)
}

fn types(field: &Field<'_>) -> AudienceTypes {
    let words = [("ids", AudienceForm::Ids), ("json", AudienceForm::Json)];
    let section = field.object();
    let entries = section.iter().flat_map(Reader::entries);
    let read = |(class, field): (&str, Field<'_>)| {
        Some(AudienceType { class: class.trim_start_matches('\\').to_owned(), form: field.word(&words)? })
    };
    AudienceTypes(entries.filter_map(read).collect())
}

fn at_least(field: &Field<'_>, least: Duration) -> Option<Duration> {
    let duration = field.duration()?;
    if duration < least {
        field.mistake(format!("must be at least {} s", least.as_secs()));
        return None;
    }
    Some(duration)
}
