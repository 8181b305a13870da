//! The sections that each fill one room's own settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use secrecy::SecretString;

use super::rules::RulesSource;
use crate::audience::{self, Keyring, Secure, Trust};
use crate::document::{Field, Reader};
use crate::mode::Mode;
use crate::proxy::tunnel::Upgrades;
use crate::rewrite::paths::PathPattern;
use crate::telemetry::LogFormat;
use crate::{proxy, rewrite, server, upstream};

pub(super) struct Server {
    pub(super) listen: SocketAddr,
    pub(super) operations: SocketAddr,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) prefix: String,
    pub(super) upgrades: Upgrades,
    pub(super) config: server::Config,
}

pub(super) fn server(reader: &Reader<'_>) -> Option<Server> {
    let mut config = server::Config::default();
    set(&mut config.header_timeout, reader.optional("header_timeout").map(|field| field.duration()));
    set(&mut config.keep_alive, reader.optional("idle_timeout").map(|field| field.duration()));
    set(&mut config.write_timeout, reader.optional("write_timeout").map(|field| field.duration()));
    set(&mut config.grace, reader.optional("drain").map(|field| field.duration()));
    set(&mut config.max_connections, reader.optional("max_connections").map(|field| count(&field, 1 << 20)));
    set(&mut config.max_head_bytes, reader.optional("max_header_bytes").map(|field| size(&field, 8 << 10)));
    set(&mut config.max_headers, reader.optional("max_headers").map(|field| count(&field, 10_000)));
    let mut upgrades = Upgrades::default();
    let words = [("refuse", Upgrades::Refuse), ("tunnel", Upgrades::Tunnel)];
    set(&mut upgrades, reader.optional("upgrades").map(|field| field.word(&words)));
    let mut prefix = "/.segue/".to_owned();
    set(&mut prefix, reader.optional("prefix").map(|field| field.text().map(str::to_owned)));
    let listen = address(reader, "listen", SocketAddr::from(([127, 0, 0, 1], 8080)));
    let operations = address(reader, "operations", SocketAddr::from(([127, 0, 0, 1], 8081)));
    let trusted_proxies = networks(reader.optional("trusted_proxies"));
    if listen == operations && listen.is_some_and(|address| address.port() != 0) {
        reader.mistake("listen and operations must differ: what operations shows is not for shoppers");
    }
    Some(Server { listen: listen?, operations: operations?, trusted_proxies, prefix, upgrades, config })
}

pub(super) struct Origin {
    pub(super) host: Option<HeaderValue>,
    pub(super) proto_header: HeaderName,
    pub(super) config: upstream::Config,
}

pub(super) fn origin(reader: &Reader<'_>, folder: &Path) -> Option<Origin> {
    let url = reader.required("url").and_then(|field| origin_url(&field));
    let mut config = upstream::Config::new(url.clone().unwrap_or_default());
    config.tls_name = reader.optional("tls_name").and_then(|field| field.text().map(str::to_owned));
    config.ca = reader.optional("ca_file").and_then(|field| file(&field, folder)).map(|(_, bytes)| bytes);
    set(&mut config.connect_timeout, reader.optional("connect_timeout").map(|field| field.duration()));
    set(&mut config.header_timeout, reader.optional("answer_timeout").map(|field| field.duration()));
    set(&mut config.body_idle_timeout, reader.optional("read_timeout").map(|field| field.duration()));
    set(&mut config.upload_idle_timeout, reader.optional("upload_timeout").map(|field| field.duration()));
    set(&mut config.pool_idle_timeout, reader.optional("pool_idle").map(|field| field.duration()));
    set(&mut config.pool_max_idle, reader.optional("pool_size").map(|field| count(&field, 100_000)));
    let host = reader.optional("host").and_then(|field| {
        let host = |text: &str| text.parse::<http::uri::Authority>().ok().map(|_| text.to_owned());
        HeaderValue::try_from(field.parsed("a host name, with a port if it needs one", host)?).ok()
    });
    let mut proto_header = proxy::headers::Config::default().proto_header;
    let header = |text: &str| HeaderName::try_from(text).ok();
    set(
        &mut proto_header,
        reader.optional("forwarded_proto_header").map(|field| field.parsed("a header's name", header)),
    );
    url.map(|_| Origin { host, proto_header, config })
}

fn origin_url(field: &Field<'_>) -> Option<Uri> {
    // Nothing is sent for it, and it would be printed with the address.
    if field.text()?.contains('@') {
        field.mistake("must have no user name or password");
        return None;
    }
    let url = |text: &str| {
        let uri = text.parse::<Uri>().ok()?;
        let plain = matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/"));
        (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && plain).then_some(uri)
    };
    field.parsed("http:// or https:// with a host and no path", url)
}

pub(super) fn membership(reader: &Reader<'_>, folder: &Path) -> Option<audience::Config> {
    let site = reader.required("site").and_then(|field| field.text().map(str::to_owned));
    let keys = keys(reader, folder);
    let mut trust = Trust::default();
    let words = [("verified", Trust::Verified), ("cookie", Trust::Cookie)];
    set(&mut trust, reader.optional("trust").map(|field| field.word(&words)));
    let trusted_sources = networks(reader.optional("trusted_sources"));
    let trusted_token = secret(reader, "trusted_token", "trusted_token_file", folder).map(SecretString::from);
    let mut secure = Secure::default();
    let words = [("auto", Secure::Auto), ("always", Secure::Always), ("never", Secure::Never)];
    set(&mut secure, reader.optional("cookie_secure").map(|field| field.word(&words)));
    let mut cookie_name = None;
    set(&mut cookie_name, reader.optional("cookie_name").map(|field| Some(field.text().map(str::to_owned))));
    let domain = reader.optional("cookie_domain").and_then(|field| field.text().map(str::to_owned));
    let fresh_for = reader.optional("fresh_for").map(|field| field.duration());
    let expires_after = reader.optional("expires_after").map(|field| field.duration());
    let wire_cap = reader.optional("max_wire_bytes").map(|field| size(&field, 36));
    let mut config = audience::Config::new(site?, keys?);
    config.trust = trust;
    config.trusted_sources = trusted_sources;
    config.trusted_token = trusted_token;
    config.secure = secure;
    config.domain = domain;
    set(&mut config.cookie_name, Some(cookie_name));
    set(&mut config.fresh_for, fresh_for);
    set(&mut config.expires_after, expires_after);
    set(&mut config.wire_cap, wire_cap);
    for error in config.mistakes() {
        let key = match error.field {
            "secure" => "cookie_secure",
            "domain" => "cookie_domain",
            field => field,
        };
        reader.mistake_at(key, error.message);
    }
    Some(config)
}

fn keys(reader: &Reader<'_>, folder: &Path) -> Option<Keyring> {
    let (inline, in_file) = (reader.optional("keys"), reader.optional("keys_file"));
    let (place, keys) = match (&inline, &in_file) {
        (Some(_), Some(field)) => {
            field.mistake("keys are given already: keep either keys or keys_file");
            return None;
        }
        (Some(field), None) => ("keys", field.texts()?.into_iter().map(str::to_owned).collect::<Vec<_>>()),
        (None, Some(field)) => {
            let lines = secret_file(field, folder)?;
            let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            ("keys_file", lines.map(str::to_owned).collect())
        }
        (None, None) => {
            reader.mistake_at("keys", "is missing: make one with `segue keys new`, here or in the file of keys_file");
            return None;
        }
    };
    match Keyring::parse(keys.iter().map(String::as_str)) {
        Ok(keyring) => Some(keyring),
        Err(errors) => {
            for error in errors {
                reader.mistake_at(place, error.to_string());
            }
            None
        }
    }
}

pub(super) fn rules(reader: &Reader<'_>, folder: &Path) -> Option<RulesSource> {
    let file = reader.optional("file");
    let in_store = reader.optional("store").map(|field| (field.boolean(), field));
    let kept = reader.optional("kept").map_or(Some("segue-rules.json"), |field| field.text());
    match (file, in_store) {
        (Some(_), Some((Some(true), field))) => {
            field.mistake(
                "must not be true beside file: rules are edited in their file, or in the admin UI, not in both",
            );
            None
        }
        (Some(field), _) => field.text().map(|text| RulesSource::File(folder.join(text))),
        (None, Some((Some(true), _))) => Some(RulesSource::Store { kept: folder.join(kept?) }),
        (None, _) => {
            reader.mistake_at(
                "file",
                "is missing: name a rules file, or say store = true, and edit rules in the admin UI",
            );
            None
        }
    }
}

pub(super) struct Rewrite {
    pub(super) config: rewrite::Config,
    pub(super) mode: Mode,
    pub(super) mode_file: PathBuf,
    pub(super) share: u8,
}

pub(super) fn rewrite(reader: &Reader<'_>, folder: &Path) -> Option<Rewrite> {
    let mut config = rewrite::Config::default();
    set(&mut config.max_page_bytes, reader.optional("max_page_bytes").map(|field| size(&field, 1 << 10)));
    set(&mut config.hold, reader.optional("hold").map(|field| field.duration()));
    set(&mut config.max_held_bytes, reader.optional("max_held_bytes").map(|field| size(&field, 1 << 20)));
    set(&mut config.memo_bytes, reader.optional("memo_bytes").map(|field| field.bytes()));
    if let Some(field) = reader.optional("never_touch") {
        config.never_touch.extend(patterns(&field));
    }
    // Watching is what an operator who says nothing would forgive.
    let mut mode = Mode::Observe;
    set(&mut mode, reader.optional("mode").map(|field| field.word(&Mode::WORDS)));
    let mut share = 100;
    set(&mut share, reader.optional("share").map(|field| field.within(0, 100).and_then(|n| u8::try_from(n).ok())));
    let mut mode_file = folder.join("segue-mode.json");
    set(&mut mode_file, reader.optional("mode_file").map(|field| field.text().map(|text| folder.join(text))));
    Some(Rewrite { config, mode, mode_file, share })
}

fn patterns(field: &Field<'_>) -> Vec<PathPattern> {
    let texts = field.texts().unwrap_or_default();
    let parse = |text: &str| {
        let parsed = text.parse::<PathPattern>();
        parsed.map_err(|error| field.mistake(error.to_string())).ok()
    };
    texts.into_iter().filter_map(parse).collect()
}

pub(super) struct Log {
    pub(super) format: LogFormat,
    pub(super) filter: String,
}

pub(super) fn log(reader: &Reader<'_>) -> Option<Log> {
    let mut format = LogFormat::default();
    let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    set(&mut format, reader.optional("format").map(|field| field.word(&words)));
    let mut filter = "info".to_owned();
    set(&mut filter, reader.optional("level").map(|field| field.text().map(str::to_owned)));
    Some(Log { format, filter })
}

/// Sets what was given and right; what was given wrong is noted already.
pub(super) fn set<T>(target: &mut T, given: Option<Option<T>>) {
    if let Some(Some(value)) = given {
        *target = value;
    }
}

pub(super) fn address(reader: &Reader<'_>, key: &'static str, default: SocketAddr) -> Option<SocketAddr> {
    match reader.optional(key) {
        None => Some(default),
        Some(field) => field.parsed("an address and port such as 0.0.0.0:8080", |text| text.parse().ok()),
    }
}

fn networks(field: Option<Field<'_>>) -> Vec<IpNet> {
    let Some(field) = field else { return Vec::new() };
    let parse = |text: &str| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        network.map_err(|_| field.mistake(format!("must hold networks such as 10.0.0.0/8, not \"{text}\""))).ok()
    };
    field.texts().unwrap_or_default().into_iter().filter_map(parse).collect()
}

pub(super) fn count(field: &Field<'_>, most: i64) -> Option<usize> {
    field.within(1, most).and_then(|number| usize::try_from(number).ok())
}

fn size(field: &Field<'_>, least: usize) -> Option<usize> {
    let bytes = usize::try_from(field.bytes()?).ok()?;
    if bytes < least {
        field.mistake(format!("must be at least {least} bytes"));
        return None;
    }
    Some(bytes)
}

pub(super) fn secret(reader: &Reader<'_>, key: &'static str, file_key: &'static str, folder: &Path) -> Option<String> {
    let (inline, in_file) = (reader.optional(key), reader.optional(file_key));
    match (inline, in_file) {
        (Some(_), Some(field)) => {
            field.mistake(format!("keep either {key} or {file_key}"));
            None
        }
        (Some(field), None) => field.text().map(str::to_owned),
        (None, Some(field)) => secret_file(&field, folder).map(|text| text.trim().to_owned()),
        (None, None) => None,
    }
}

/// A secret's file. Its mistakes never quote it.
pub(super) fn secret_file(field: &Field<'_>, folder: &Path) -> Option<String> {
    let (path, bytes) = file(field, folder)?;
    let text = String::from_utf8(bytes);
    text.map_err(|_| field.mistake(format!("{} is not a text file", path.display()))).ok()
}

pub(super) fn file(field: &Field<'_>, folder: &Path) -> Option<(PathBuf, Vec<u8>)> {
    let path = folder.join(field.text()?);
    match std::fs::read(&path) {
        Ok(bytes) => Some((path, bytes)),
        Err(error) => {
            field.mistake(format!("{} cannot be read: {error}", path.display()));
            None
        }
    }
}
