//! The `[stores]` section: websites and store views.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::document::{Field, Reader, suggestion};
use crate::mode::Mode;
use crate::site::{Display, MissingWords, Reference, Sites, StoreView, Tax, TaxBasis, TaxComputed, TaxShown};

/// Longer is no line beside a price.
const LONGEST_TEXT: usize = 255;

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

/// What store views take from their website.
struct Website {
    /// `None` where it was given wrong, which is noted already.
    base_currency: Option<String>,
    tax: TaxKeys,
}

/// The websites by code. Then the ids of those that say theirs.
fn websites(stores: &Reader<'_>) -> (BTreeMap<String, Website>, BTreeMap<String, u32>) {
    let (mut websites, mut ids) = (BTreeMap::new(), BTreeMap::new());
    let section = stores.required("websites").and_then(|field| field.object());
    for (code, field) in section.iter().flat_map(Reader::entries) {
        let Some(reader) = field.object() else { continue };
        let base_currency = reader.required("base_currency").and_then(|field| currency(&field));
        websites.insert(code.to_owned(), Website { base_currency, tax: TaxKeys::read(&reader) });
        let id = reader.optional("id").and_then(|field| field.within(1, 65_535));
        ids.extend(id.and_then(|id| u32::try_from(id).ok()).map(|id| (code.to_owned(), id)));
        reader.finish();
    }
    (websites, ids)
}

fn view(code: &str, reader: &Reader<'_>, websites: &BTreeMap<String, Website>) -> Option<StoreView> {
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
    let (tax, display) = (TaxKeys::read(reader), display(reader));
    let (website, inherited) = website?;
    Some(StoreView {
        code: code.into(),
        website,
        base_currency: inherited.base_currency.clone()?,
        currency: currency?,
        tax: tax.over(&inherited.tax, shown?),
        display,
        locale: locale?,
        time_zone: time_zone?,
        hosts: hosts?,
        path_prefix: match path_prefix {
            Some(prefix) => Some(prefix?),
            None => None,
        },
    })
}

fn website<'a>(field: &Field<'_>, websites: &'a BTreeMap<String, Website>) -> Option<(Arc<str>, &'a Website)> {
    let code = field.text()?;
    let found = websites.get(code);
    if found.is_none() {
        let near = suggestion(code, websites.keys().map(String::as_str));
        field.mistake(format!("no website \"{code}\" in [stores.websites]{near}"));
    }
    found.map(|website| (code.into(), website))
}

/// Magento's tax settings as a website or a store view says them; what is wrong is noted and counts as not said.
struct TaxKeys {
    catalog_prices: Option<TaxBasis>,
    discount_on: Option<TaxBasis>,
    computed: Option<TaxComputed>,
    rates: Option<Vec<Decimal>>,
}

impl TaxKeys {
    fn read(reader: &Reader<'_>) -> Self {
        let catalog = [("excluding_tax", TaxBasis::Excluding), ("including_tax", TaxBasis::Including)];
        let discount = [("excl_tax", TaxBasis::Excluding), ("incl_tax", TaxBasis::Including)];
        let computed =
            [("after_discount", TaxComputed::AfterDiscount), ("before_discount", TaxComputed::BeforeDiscount)];
        Self {
            catalog_prices: reader.optional("catalog_prices").and_then(|field| field.word(&catalog)),
            discount_on: reader.optional("discount_on").and_then(|field| field.word(&discount)),
            computed: reader.optional("tax_computed").and_then(|field| field.word(&computed)),
            rates: reader.optional("tax_rates").and_then(|field| rates(&field)),
        }
    }

    /// A store view's own settings, or else its website's.
    fn over(self, website: &Self, shown: TaxShown) -> Tax {
        Tax {
            shown,
            catalog_prices: self.catalog_prices.or(website.catalog_prices),
            discount_on: self.discount_on.or(website.discount_on),
            computed: self.computed.or(website.computed),
            rates: self.rates.or_else(|| website.rates.clone()).unwrap_or_default(),
        }
    }
}

/// Percentages as numbers or as strings that hold one.
fn rates(field: &Field<'_>) -> Option<Vec<Decimal>> {
    // An environment variable is one string.
    if field.value.is_string() {
        return Some(field.texts()?.into_iter().filter_map(|text| rate(field, text)).collect());
    }
    let read = |item: &Field<'_>| match item.value.as_number() {
        Some(number) => rate(item, &number.to_string()),
        None => rate(item, item.text()?),
    };
    Some(field.list()?.iter().filter_map(read).collect())
}

fn rate(field: &Field<'_>, text: &str) -> Option<Decimal> {
    let rate = Decimal::from_str_exact(text).ok();
    let rate = rate.filter(|rate| *rate > Decimal::ZERO && *rate <= Decimal::ONE_HUNDRED && rate.scale() <= 4);
    if rate.is_none() {
        let wanted = "must be a percentage above 0 and at most 100, with at most 4 decimals, such as 19 or \"8.25\"";
        field.mistake(format!("{wanted}, not {text}"));
    }
    rate.map(|rate| rate.normalize())
}

fn display(reader: &Reader<'_>) -> Display {
    let text = |field: Option<Field<'_>>| field.and_then(|field| plain(&field));
    let words = "none, regular or attribute: with an attribute's code, such as attribute:lowest_price_30_days";
    Display {
        reference: reader
            .optional("reference_price")
            .and_then(|field| field.parsed(words, reference))
            .unwrap_or_default(),
        reference_label: text(reader.optional("reference_price_label")),
        deducted: text(reader.optional("deducted_label")),
        missing: MissingWords {
            amount: reader.optional("missing_amount_label").and_then(|field| template(&field, &["{amount}"])),
            units: reader.optional("missing_units_label").and_then(|field| template(&field, &["{units}"])),
            units_for_free: reader
                .optional("missing_free_label")
                .and_then(|field| template(&field, &["{units}", "{free}"])),
        },
        disclosure: text(reader.optional("price_disclosure")),
    }
}

fn reference(text: &str) -> Option<Reference> {
    match text {
        "none" => Some(Reference::None),
        "regular" => Some(Reference::Regular),
        // Magento's own limit for the codes of attributes.
        _ => text
            .strip_prefix("attribute:")
            .filter(|code| is_code(code) && code.len() <= 60)
            .map(|code| Reference::Attribute(code.to_owned())),
    }
}

fn plain(field: &Field<'_>) -> Option<String> {
    let text = field.text()?.trim();
    if text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
        field.mistake(format!("must be one line of at most {LONGEST_TEXT} characters, without control characters"));
        return None;
    }
    Some(text.to_owned())
}

/// A plain text with a place for each figure.
fn template(field: &Field<'_>, places: &[&str]) -> Option<String> {
    let text = plain(field)?;
    if let Some(place) = places.iter().find(|place| !text.contains(**place)) {
        field.mistake(format!("must say where the figure goes: it has no {place}"));
        return None;
    }
    Some(text)
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
