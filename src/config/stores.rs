//! The `[stores]` section: websites and store views.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::document::{Field, Reader, suggestion};
use crate::mode::Mode;
use crate::site::{Display, Sites, StoreView, Tax, TaxShown};

/// What `[stores]` says.
pub(super) struct Stores {
    pub(super) sites: Sites,
    /// Modes of the store views that have one of their own.
    pub(super) modes: BTreeMap<String, Mode>,
    /// Magento's numeric ids of the websites that say theirs.
    pub(super) website_ids: BTreeMap<String, u32>,
    codes: Vec<String>,
}

impl Stores {
    /// The codes of the websites.
    pub(super) fn website_codes(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().map(String::as_str)
    }
}

pub(super) fn read(stores: &Reader<'_>) -> Option<Stores> {
    let (websites, website_ids) = websites(stores);
    let mut modes = BTreeMap::new();
    let mut views = Vec::new();
    let section = stores.required("views").and_then(|field| field.object());
    for (code, field) in section.iter().flat_map(Reader::entries) {
        let Some(reader) = field.object() else { continue };
        if !is_code(code) {
            field.mistake("a store code has letters, digits and underscores only, and begins with a letter");
        }
        if let Some(mode) = reader.optional("mode").and_then(|field| field.word(&Mode::WORDS)) {
            modes.insert(code.to_owned(), mode);
        }
        views.extend(view(code, &reader, &websites).map(Arc::new));
        reader.finish();
    }
    if section.as_ref().is_some_and(|section| section.entries().is_empty()) {
        stores.mistake("needs at least one store view, such as [stores.views.default]");
    }
    let default = default_view(stores, section.as_ref(), &views)?;
    let codes = websites.into_keys().collect();
    Some(Stores { sites: Sites::new(views, default), modes, website_ids, codes })
}

fn default_view(stores: &Reader<'_>, section: Option<&Reader<'_>>, views: &[Arc<StoreView>]) -> Option<Arc<StoreView>> {
    let Some(field) = stores.optional("default") else {
        let default = views.iter().find(|view| &*view.code == "default").or(views.first());
        return default.cloned();
    };
    let code = field.text()?;
    let named = section?.entries().into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    if !named.contains(&code) {
        field.mistake(format!("no store view \"{code}\" in [stores.views]{}", suggestion(code, named.into_iter())));
    }
    views.iter().find(|view| *view.code == *code).cloned()
}

/// Base currency by website code; `None` where it was given wrong, which is noted already. Then the ids of those that say theirs.
fn websites(stores: &Reader<'_>) -> (BTreeMap<String, Option<String>>, BTreeMap<String, u32>) {
    let (mut websites, mut ids) = (BTreeMap::new(), BTreeMap::new());
    let section = stores.required("websites").and_then(|field| field.object());
    for (code, field) in section.iter().flat_map(Reader::entries) {
        let Some(reader) = field.object() else { continue };
        let currency = reader.required("base_currency").and_then(|field| currency(&field));
        websites.insert(code.to_owned(), currency);
        let id = reader.optional("id").and_then(|field| field.within(1, 65_535));
        ids.extend(id.and_then(|id| u32::try_from(id).ok()).map(|id| (code.to_owned(), id)));
        reader.finish();
    }
    (websites, ids)
}

fn view(code: &str, reader: &Reader<'_>, websites: &BTreeMap<String, Option<String>>) -> Option<StoreView> {
    let website = reader.required("website").and_then(|field| website(&field, websites));
    let currency = reader.required("currency").and_then(|field| currency(&field));
    let locale = reader.required("locale").and_then(|field| field.parsed("a locale such as de_DE", locale));
    let time_zone = reader
        .required("time_zone")
        .and_then(|field| field.parsed("a time zone such as Europe/Berlin", |name| TimeZone::get(name).ok()));
    let hosts = reader.optional("hosts").map_or(Some(Vec::new()), |field| hosts(&field));
    let path_prefix = reader.optional("path_prefix").map(|field| field.parsed("a path such as /de", path_prefix));
    let words =
        [("excluding_tax", TaxShown::Excluding), ("including_tax", TaxShown::Including), ("both", TaxShown::Both)];
    let shown = reader.optional("prices").map_or(Some(TaxShown::default()), |field| field.word(&words));
    let (website, base_currency) = website?;
    Some(StoreView {
        code: code.into(),
        website,
        base_currency: base_currency?,
        currency: currency?,
        tax: Tax { shown: shown?, ..Tax::default() },
        display: Display::default(),
        locale: locale?,
        time_zone: time_zone?,
        hosts: hosts?,
        path_prefix: match path_prefix {
            Some(prefix) => Some(prefix?),
            None => None,
        },
    })
}

type Website = (Arc<str>, Option<String>);

fn website(field: &Field<'_>, websites: &BTreeMap<String, Option<String>>) -> Option<Website> {
    let code = field.text()?;
    let found = websites.get(code);
    if found.is_none() {
        let near = suggestion(code, websites.keys().map(String::as_str));
        field.mistake(format!("no website \"{code}\" in [stores.websites]{near}"));
    }
    found.map(|currency| (code.into(), currency.clone()))
}

fn currency(field: &Field<'_>) -> Option<String> {
    let iso = |text: &str| (text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.to_owned());
    field.parsed("a currency code such as EUR", iso)
}

fn locale(text: &str) -> Option<String> {
    let plain = text.len() >= 2 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && text.as_bytes()[..2].iter().all(u8::is_ascii_lowercase)).then(|| text.to_owned())
}

fn path_prefix(text: &str) -> Option<String> {
    let good = text.starts_with('/') && text.len() > 1 && !text.ends_with('/') && !text.contains(['?', '#', ' ']);
    good.then(|| text.to_owned())
}

fn hosts(field: &Field<'_>) -> Option<Vec<String>> {
    let host = |host: &str| {
        let good = !host.contains(['/', ' ', ':']);
        if !good {
            field.mistake(format!("must hold host names without scheme, port and path, not \"{host}\""));
        }
        good.then(|| host.to_ascii_lowercase())
    };
    Some(field.texts()?.into_iter().filter_map(host).collect())
}

fn is_code(code: &str) -> bool {
    code.starts_with(|c: char| c.is_ascii_alphabetic()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
