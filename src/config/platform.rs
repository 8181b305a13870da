//! The `[experience_platform]` section, and the `[store]` that goes with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;

use super::sections::{count, file, secret, secret_file, set};
use super::stores::Stores;
use crate::aep::config::{Edge, Version};
use crate::aep::{self, Credentials, Datastreams, OrgId};
use crate::audience::{consent, refresh};
use crate::document::{Field, Reader, suggestion};
use crate::push;
use crate::store::Place;

/// Everything about Experience Platform.
#[derive(Clone, Debug)]
pub struct Platform {
    /// How it is reached.
    pub aep: aep::Config,
    /// When it is asked.
    pub refresh: refresh::Config,
    /// About whom it may be asked.
    pub consent: consent::Config,
    /// Where it says that something changed.
    pub push: Option<push::Config>,
    /// The path under which pages reach the Edge Network through Segue, such as `/ee`.
    pub first_party_path: Option<String>,
}

/// Scopes of a credential that names none: Adobe's own for Experience Platform.
const SCOPES: [&str; 5] =
    ["openid", "AdobeID", "read_organizations", "additional_info.projectedProductContext", "session"];

pub(super) fn store(reader: &Reader<'_>, folder: &Path) -> Option<Place> {
    let file = reader.optional("file");
    let url = ["url", "url_file"].into_iter().find_map(|key| reader.optional(key));
    let address = secret(reader, "url", "url_file", folder);
    match (file, url) {
        (Some(field), Some(_)) => {
            field.mistake("must not stand beside url: the store is one file or one database");
            None
        }
        (Some(field), None) => field.text().map(|text| Place::file(folder.join(text))),
        (None, Some(field)) => {
            let place = Place::postgres(&address?);
            place.map_err(|error| field.mistake(error.to_string())).ok()
        }
        (None, None) => Some(Place::file(folder.join("segue.db"))),
    }
}

pub(super) fn read(reader: &Reader<'_>, folder: &Path, stores: Option<&Stores>) -> Option<Platform> {
    let account = account(reader, folder);
    let edge = edge(reader, stores);
    let sandbox = reader.optional("sandbox").map_or(Some("prod".to_owned()), |field| field.text().map(str::to_owned));
    let ims = url(reader, "ims_url", "https://ims-na1.adobelogin.com");
    let platform = url(reader, "platform_url", "https://platform.adobe.io");
    let destinations = texts(reader, "destinations");
    let mut sync_every = Duration::from_secs(15 * 60);
    set(&mut sync_every, reader.optional("sync_every").map(|field| at_least(&field, Duration::from_secs(10))));
    let refresh = refresh(reader);
    let consent = section(reader, "consent", |reader| consent(reader, stores)).unwrap_or_default();
    let push = match reader.optional("push") {
        None => None,
        Some(field) => Some(field.object().and_then(|reader| super::finished(reader, |reader| push(reader, folder)))?),
    };
    let first_party_path = reader.optional("first_party_path").map(|field| field.parsed("a path such as /ee", path));
    let (org, credentials) = account?;
    let edge = edge?;
    if edge.authenticated && credentials.is_none() {
        reader.mistake_at("authenticated", "needs client_id and client_secret, or workspace_file");
    }
    Some(Platform {
        aep: aep::Config {
            org,
            credentials,
            sandbox: sandbox?,
            ims: ims?,
            platform: platform?,
            edge,
            destinations,
            sync_every,
        },
        refresh,
        consent,
        push,
        first_party_path: match first_party_path {
            Some(path) => Some(path?),
            None => None,
        },
    })
}

fn section<'a, T>(reader: &Reader<'a>, key: &'static str, read: impl FnOnce(&Reader<'a>) -> Option<T>) -> Option<T> {
    let section = reader.optional(key)?.object()?;
    super::finished(section, read)
}

type Account = (OrgId, Option<Credentials>);

fn account(reader: &Reader<'_>, folder: &Path) -> Option<Account> {
    let workspace = reader.optional("workspace_file").map(|field| workspace(&field, folder));
    let org_field = reader.optional("org_id");
    let org =
        org_field.as_ref().map(|field| field.parsed("an organisation's id such as 53A1...@AdobeOrg", OrgId::parse));
    let client_id = reader.optional("client_id").map(|field| field.text().map(str::to_owned));
    let secrets = client_secrets(reader, folder);
    let text = |key: &'static str| reader.optional(key).and_then(|field| field.text()).map(str::to_owned);
    let (id, email) = (text("technical_account_id"), text("technical_account_email"));
    let scopes = texts(reader, "scopes");
    let (mut known_org, mut credentials) = match workspace {
        Some(workspace) => {
            let (org, credentials) = workspace?;
            (Some(org), Some(credentials))
        }
        None => (None, None),
    };
    match (&mut credentials, client_id, secrets) {
        (Some(credentials), client_id, secrets) => {
            set(&mut credentials.client_id, client_id);
            set(&mut credentials.client_secrets, secrets);
        }
        (None, Some(client_id), Some(secrets)) => {
            let scopes = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
            let (technical_account_id, technical_account_email) = (None, None);
            credentials = Some(Credentials {
                client_id: client_id?,
                client_secrets: secrets?,
                technical_account_id,
                technical_account_email,
                scopes,
            });
        }
        (None, None, None) => {}
        (None, Some(_), None) => {
            reader.mistake_at("client_secret", "is missing beside client_id: give client_secret or client_secret_file");
        }
        (None, None, Some(_)) => reader.mistake_at("client_id", "is missing beside the client secret"),
    }
    if let Some(credentials) = &mut credentials {
        credentials.technical_account_id = id.or(credentials.technical_account_id.take());
        credentials.technical_account_email = email.or(credentials.technical_account_email.take());
        if !scopes.is_empty() {
            credentials.scopes = scopes;
        }
    }
    if credentials.as_ref().is_some_and(|credentials| credentials.client_secrets.is_empty()) {
        reader.mistake_at(
            "workspace_file",
            "has a credential without client secret: add one to it in Adobe's Developer Console and download the file anew, or give \
             client_secret or client_secret_file beside it",
        );
        return None;
    }
    if let Some(org) = org {
        known_org = Some(org?);
    }
    if known_org.is_none() {
        reader.mistake_at(
            "org_id",
            "is missing: give it, or the workspace_file that Adobe's Developer Console offers for download",
        );
    }
    Some((known_org?, credentials))
}

fn client_secrets(reader: &Reader<'_>, folder: &Path) -> Option<Option<Vec<SecretString>>> {
    let (inline, in_file) = (reader.optional("client_secret"), reader.optional("client_secret_file"));
    let (field, secrets) = match (inline, in_file) {
        (None, None) => return None,
        (Some(_), Some(field)) => {
            field.mistake("keep either client_secret or client_secret_file");
            return Some(None);
        }
        (Some(field), None) => {
            let one = field.value.as_str().filter(|text| !text.contains(',')).map(|text| vec![text.to_owned()]);
            let several = || field.texts().map(|texts| texts.into_iter().map(str::to_owned).collect());
            (field.clone(), one.or_else(several))
        }
        (None, Some(field)) => (field.clone(), secret_file(&field, folder).map(|text| lines(&text))),
    };
    let secrets: Option<Vec<String>> = secrets;
    let count = secrets.as_ref().map_or(1, Vec::len);
    if !(1..=2).contains(&count) {
        field.mistake(format!("must be one secret, or two while one replaces the other, not {count}"));
        return Some(None);
    }
    Some(secrets.map(|secrets| secrets.into_iter().map(SecretString::from).collect()))
}

/// What a file has on its lines, but for empty ones and comments.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Reads the workspace file as the Developer Console writes it. It holds secrets, so mistakes quote nothing of it.
fn workspace(field: &Field<'_>, folder: &Path) -> Option<(OrgId, Credentials)> {
    let (path, bytes) = file(field, folder)?;
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
        field.mistake(format!("{} is not JSON: download it anew from Adobe's Developer Console", path.display()));
        return None;
    };
    let org = document.pointer("/project/org/ims_org_id").and_then(Value::as_str).and_then(OrgId::parse);
    let all = document.pointer("/project/workspace/details/credentials").and_then(Value::as_array);
    let credential = all.into_iter().flatten().find_map(|credential| credential.get("oauth_server_to_server"));
    let credentials = credential.and_then(from_workspace);
    if org.is_none() {
        field.mistake(format!("{} names no organisation (/project/org/ims_org_id)", path.display()));
    }
    if credentials.is_none() {
        field.mistake(format!(
            "{} has no OAuth server-to-server credential: add one to the project in Adobe's Developer Console \
             (JWT credentials have ended) and download the file anew",
            path.display()
        ));
    }
    Some((org?, credentials?))
}

fn from_workspace(credential: &Value) -> Option<Credentials> {
    let text = |key: &str| credential.get(key).and_then(Value::as_str).map(str::to_owned);
    let texts = |key: &str| -> Vec<String> {
        let items = credential.get(key).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let secrets = texts("client_secrets");
    let scopes = texts("scopes");
    Some(Credentials {
        client_id: text("client_id")?,
        client_secrets: secrets.into_iter().take(2).map(SecretString::from).collect(),
        technical_account_id: text("technical_account_id"),
        technical_account_email: text("technical_account_email"),
        scopes: if scopes.is_empty() { SCOPES.iter().map(|scope| (*scope).to_owned()).collect() } else { scopes },
    })
}

fn edge(reader: &Reader<'_>, stores: Option<&Stores>) -> Option<Edge> {
    let mut authenticated = false;
    set(&mut authenticated, reader.optional("authenticated").map(|field| field.boolean()));
    let host = if authenticated { "https://server.adobedc.net" } else { "https://edge.adobedc.net" };
    let url = url(reader, "edge_domain", host);
    let mut version = Version::V2;
    let version_field = reader.optional("edge_version");
    set(&mut version, version_field.as_ref().map(|field| field.word(&[("v1", Version::V1), ("v2", Version::V2)])));
    if authenticated && version == Version::V1 {
        reader.mistake_at("edge_version", "must be v2 for authenticated calls: Adobe has no authenticated v1");
    }
    let datastreams = datastreams(reader, stores);
    let aliases = texts(reader, "aliases").iter().map(|alias| alias.to_lowercase()).collect();
    let region = |text: &str| aep::edge::is_region(text).then(|| text.to_owned());
    let region_hint = reader.optional("region_hint").map(|field| field.parsed("a region such as irl1", region));
    let mut timeout = Duration::from_secs(2);
    set(&mut timeout, reader.optional("edge_timeout").map(|field| at_least(&field, Duration::from_millis(1))));
    Some(Edge { url: url?, authenticated, version, datastreams, aliases, region_hint: region_hint.flatten(), timeout })
}

fn datastreams(reader: &Reader<'_>, stores: Option<&Stores>) -> Datastreams {
    let default = reader.optional("datastream").and_then(|field| datastream(&field));
    let views: Vec<&str> = stores.iter().flat_map(|stores| stores.sites.views()).map(|view| &*view.code).collect();
    let websites: Vec<&str> = stores.iter().flat_map(|stores| stores.website_codes()).collect();
    let table = |key: &'static str, what: &str, codes: &[&str]| -> BTreeMap<String, Arc<str>> {
        let section = reader.optional(key).and_then(|field| field.object());
        let entries = section.iter().flat_map(Reader::entries);
        let read = |(code, field): (&str, Field<'_>)| {
            if stores.is_some() && !codes.contains(&code) {
                field.mistake(format!(
                    "there is no {what} \"{code}\" in [stores]{}",
                    suggestion(code, codes.iter().copied())
                ));
            }
            Some((code.to_owned(), datastream(&field)?))
        };
        entries.filter_map(read).collect()
    };
    let websites = table("website_datastreams", "website", &websites);
    let views = table("view_datastreams", "store view", &views);
    let all = Datastreams { default, websites, views };
    if all.all().is_empty() {
        reader.mistake_at(
            "datastream",
            "is missing: give the datastream's id from Adobe's Data Collection screen, for all or by website in website_datastreams",
        );
    }
    all
}

fn datastream(field: &Field<'_>) -> Option<Arc<str>> {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
    let id = |text: &str| ((1..=100).contains(&text.len()) && text.bytes().all(of_id)).then(|| text.into());
    field.parsed("a datastream's id such as 8d5ab1d4-0e7c-4ee5-a4f5-3f5a0a7d9f10", id)
}

fn refresh(reader: &Reader<'_>) -> refresh::Config {
    let mut config = refresh::Config::default();
    set(&mut config.budget, reader.optional("budget").map(|field| field.duration()));
    let words = [("skip", refresh::FirstVisit::Skip), ("ask", refresh::FirstVisit::Ask)];
    set(&mut config.first_visit, reader.optional("first_visit").map(|field| field.word(&words)));
    let rate = |field: &Field<'_>| field.within(1, 1_000_000).and_then(|number| u32::try_from(number).ok());
    section(reader, "limits", |reader| {
        set(&mut config.max_concurrent, reader.optional("concurrent").map(|field| count(&field, 100_000)));
        set(&mut config.max_rate, reader.optional("per_second").map(|field| rate(&field)));
        set(&mut config.max_request_units, reader.optional("request_units").map(|field| rate(&field)));
        set(&mut config.datastream_services, reader.optional("datastream_services").map(|field| rate(&field)));
        set(&mut config.max_rate_per_client, reader.optional("per_client").map(|field| rate(&field)));
        if config.max_request_units < config.datastream_services {
            reader.mistake_at("request_units", "must be at least datastream_services: no look-up takes fewer");
        }
        Some(())
    });
    config
}

fn consent(reader: &Reader<'_>, stores: Option<&Stores>) -> Option<consent::Config> {
    let mut config = consent::Config::default();
    let words = [("pending", false), ("in", true)];
    set(&mut config.silence_is_consent, reader.optional("default").map(|field| field.word(&words)));
    set(&mut config.honour_gpc, reader.optional("honour_gpc").map(|field| field.boolean()));
    if let Some(field) = reader.optional("cookie_restriction") {
        config.restricted = restricted(&field, stores)?;
    }
    config.website_ids = stores.map(|stores| stores.website_ids.clone()).unwrap_or_default();
    Some(config)
}

/// `true`, `false`, or the codes of the websites that have it.
fn restricted(field: &Field<'_>, stores: Option<&Stores>) -> Option<BTreeSet<String>> {
    let all: Vec<&str> = stores.iter().flat_map(|stores| stores.website_codes()).collect();
    if matches!(field.value, Value::Bool(_)) || matches!(field.value.as_str(), Some("true" | "false")) {
        let everywhere = field.boolean()?;
        return Some(all.into_iter().filter(|_| everywhere).map(str::to_owned).collect());
    }
    let codes = field.texts()?;
    for code in codes.iter().filter(|code| stores.is_some() && !all.contains(code)) {
        field.mistake(format!("there is no website \"{code}\" in [stores]{}", suggestion(code, all.iter().copied())));
    }
    Some(codes.into_iter().map(str::to_owned).collect())
}

fn push(reader: &Reader<'_>, folder: &Path) -> Option<push::Config> {
    let address = |text: &str| text.parse::<SocketAddr>().ok();
    let listen =
        reader.required("listen").and_then(|field| field.parsed("an address and port such as 0.0.0.0:8082", address));
    let (inline, in_file) = (reader.optional("tokens"), reader.optional("tokens_file"));
    let tokens = match (&inline, &in_file) {
        (Some(field), None) => field.texts().map(|texts| texts.into_iter().map(str::to_owned).collect()),
        (None, Some(field)) => secret_file(field, folder).map(|text| lines(&text)),
        _ => {
            reader.mistake_at("tokens", "give one or two bearer tokens, here or one a line in tokens_file");
            None
        }
    };
    let tokens: Vec<String> = tokens?;
    let field = inline.or(in_file)?;
    if !(1..=2).contains(&tokens.len()) {
        field.mistake(format!("must be one token, or two while one replaces the other, not {}", tokens.len()));
    }
    if tokens.iter().any(|token| token.len() < 16) {
        field.mistake("has a token shorter than 16 bytes: a longer one cannot be guessed");
    }
    let mut max_rate = 100;
    let rate = |field: &Field<'_>| field.within(1, 100_000).and_then(|number| u32::try_from(number).ok());
    set(&mut max_rate, reader.optional("per_second").map(|field| rate(&field)));
    Some(push::Config { listen: listen?, tokens: tokens.into_iter().map(SecretString::from).collect(), max_rate })
}

fn texts(reader: &Reader<'_>, key: &'static str) -> Vec<String> {
    let texts = reader.optional(key).and_then(|field| field.texts());
    texts.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn at_least(field: &Field<'_>, least: Duration) -> Option<Duration> {
    let duration = field.duration()?;
    if duration < least {
        field.mistake(format!("must be at least {} ms", least.as_millis()));
        return None;
    }
    Some(duration)
}

fn path(text: &str) -> Option<String> {
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let good = text.starts_with('/') && text.len() > 1 && !text.ends_with('/') && !text.contains("//");
    (good && text.bytes().all(of_path)).then(|| text.to_owned())
}

/// A host, or scheme and host. Tokens and identities travel there, so plain http is for this machine only.
fn url(reader: &Reader<'_>, key: &'static str, default: &'static str) -> Option<Url> {
    let Some(field) = reader.optional(key) else { return Url::parse(default).ok() };
    let read = |text: &str| {
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&text).ok()?;
        let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
        let local = url.host_str().is_some_and(is_loopback);
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
        (plain && scheme && url.has_host() && url.password().is_none()).then_some(url)
    };
    field.parsed("a host name, or https:// with a host and no path (http:// for this machine only)", read)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}
