//! The only reader of configuration files and environment variables: strings become types here, and every mistake is reported
//! together with the others.

mod admin;
mod charging;
mod commerce;
mod document;
mod platform;
mod rules;
mod sections;
mod stores;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::document::{Mistake, Mistakes, Places, Reader};
use crate::mode::Modes;
use crate::site::Sites;
use crate::store::Place;
use crate::telemetry::LogFormat;
use crate::{audience, proxy, rewrite, server, upstream};

pub use platform::Platform;
pub use rules::{LoadedRules, RulesError, RulesSource, load_rules, rules};

/// Everything that Segue is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where shoppers connect.
    pub listen: SocketAddr,
    /// Where health and metrics are.
    pub operations: SocketAddr,
    /// What clients may do.
    pub server: server::Config,
    /// What requests may look like, and what their headers tell the origin.
    pub proxy: proxy::Config,
    /// How the origin is reached.
    pub upstream: upstream::Config,
    /// The shop's store views.
    pub sites: Sites,
    /// Whom Segue believes.
    pub membership: audience::Config,
    /// Where rules come from.
    pub rules: RulesSource,
    /// How pages are held and changed.
    pub rewrite: rewrite::Config,
    /// The modes that hold unless the mode file says otherwise.
    pub modes: Modes,
    /// What `segue mode` writes.
    pub mode_file: PathBuf,
    /// The percentage of shoppers that Segue does anything for.
    pub share: u8,
    /// Experience Platform; without it, membership comes from cookies alone.
    pub platform: Option<Platform>,
    /// Commerce's REST API; without it, offers go by what the rules file says of them alone.
    pub commerce: Option<crate::commerce::Config>,
    /// How carts are made to charge what pages show.
    pub charging: crate::charging::Config,
    /// Where the store is. A file is made only where something is to be kept.
    pub store: Place,
    /// The admin UI, where there is one.
    pub admin: Option<crate::admin::Config>,
    /// How logs are written.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_filter: String,
}

/// Reads a configuration file and lays environment variables over it. Relative paths in it start at the file's folder.
///
/// # Errors
/// Every mistake, with its place.
pub fn load(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, Vec<Mistake>> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, folder_of(path), environment)
}

/// Reads a configuration file as [`load`] does, and its rules.
///
/// # Errors
/// Every mistake of both, with its place: a rules file is read too when the configuration has mistakes elsewhere.
pub async fn load_with_rules(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, LoadedRules), RulesError> {
    let (name, text) = read_text(path)?;
    let read = read(&name, &text, folder_of(path), environment);
    let mut mistakes = read.mistakes;
    match read.config {
        Some(config) if mistakes.is_empty() => {
            let loaded = rules(&config).await?;
            Ok((config, loaded))
        }
        _ => {
            if let (Some(sites), Some(RulesSource::File(file))) = (&read.sites, &read.rules) {
                mistakes.extend(load_rules(file, sites).err().into_iter().flatten());
            }
            Err(mistakes.into())
        }
    }
}

/// Reads a configuration's text; `folder` is where its relative paths start.
///
/// # Errors
/// Every mistake, with its place.
pub fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<Mistake>> {
    let read = read(name, text, folder, environment);
    match read.config {
        Some(config) if read.mistakes.is_empty() => Ok(config),
        _ => Err(read.mistakes),
    }
}

fn read_text(path: &Path) -> Result<(String, String), Vec<Mistake>> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => {
            let message = format!("cannot be read: {error}; deploy/segue.toml is a sample");
            Err(vec![Mistake { file: name, place: String::new(), message }])
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// What could be read of a configuration.
#[derive(Default)]
struct Read {
    config: Option<Config>,
    sites: Option<Sites>,
    rules: Option<RulesSource>,
    mistakes: Vec<Mistake>,
}

fn read(name: &str, text: &str, folder: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Read {
    let document = match document::parse(name, text, environment) {
        Ok(document) => document,
        Err(mistakes) => return Read { mistakes, ..Read::default() },
    };
    let mistakes = Mistakes::new(name, Places::Dotted).with_variables(document.variables);
    let mut read =
        mistakes.root(&document.value).map(|root| read_sections(&mistakes, &root, folder)).unwrap_or_default();
    read.mistakes = mistakes.into_vec();
    read
}

fn read_sections(mistakes: &Mistakes, root: &Reader<'_>, folder: &Path) -> Read {
    // An absent section is read as an empty one, so that its required keys are named.
    let nothing = Value::Object(serde_json::Map::new());
    let section = |key: &'static str| match root.optional(key) {
        Some(field) => field.object(),
        None => mistakes.section(key, &nothing),
    };
    let stores = section("stores").and_then(|reader| finished(reader, stores::read));
    let server = section("server").and_then(|reader| finished(reader, sections::server));
    let origin = section("origin").and_then(|reader| finished(reader, |reader| sections::origin(reader, folder)));
    let membership =
        section("membership").and_then(|reader| finished(reader, |reader| sections::membership(reader, folder)));
    let rules = section("rules").and_then(|reader| finished(reader, |reader| sections::rules(reader, folder)));
    let rewrite = section("rewrite").and_then(|reader| finished(reader, |reader| sections::rewrite(reader, folder)));
    let log = section("log").and_then(|reader| finished(reader, sections::log));
    let store = section("store").and_then(|reader| finished(reader, |reader| platform::store(reader, folder)));
    let platform = match root.optional("experience_platform") {
        None => Some(None),
        Some(field) => field
            .object()
            .and_then(|reader| finished(reader, |reader| platform::read(reader, folder, stores.as_ref())))
            .map(Some),
    };
    let commerce = match root.optional("commerce") {
        None => Some(None),
        Some(field) => {
            let url = origin.as_ref().map(|origin| &origin.config.origin);
            field.object().and_then(|reader| finished(reader, |reader| commerce::read(reader, folder, url))).map(Some)
        }
    };
    let admin = match root.optional("admin") {
        None => Some(None),
        Some(field) => field.object().and_then(|reader| finished(reader, admin::read)).map(Some),
    };
    let charging = section("charging").and_then(|reader| finished(reader, charging::read));
    root.note_unknown();
    let mut read =
        Read { sites: stores.as_ref().map(|stores| stores.sites.clone()), rules: rules.clone(), ..Read::default() };
    if let (Some(stores), Some(server), Some(origin), Some(membership), Some(rules), Some(rewrite), Some(log)) =
        (stores, server, origin, membership, rules, rewrite, log)
        && let (Some(platform), Some(commerce), Some(charging), Some(store), Some(admin)) =
            (platform, commerce, charging, store, admin)
    {
        let around = Around { rules, log, platform, commerce, charging, store, admin };
        read.config = Some(assemble(stores, server, origin, membership, rewrite, around));
    }
    read
}

/// Reads a section, then notes the keys it does not have.
fn finished<'a, T>(reader: Reader<'a>, read: impl FnOnce(&Reader<'a>) -> Option<T>) -> Option<T> {
    let section = read(&reader);
    reader.finish();
    section
}

/// What goes into the configuration as it is.
struct Around {
    rules: RulesSource,
    log: sections::Log,
    platform: Option<Platform>,
    commerce: Option<crate::commerce::Config>,
    charging: crate::charging::Config,
    store: Place,
    admin: Option<crate::admin::Config>,
}

fn assemble(
    stores: stores::Stores,
    server: sections::Server,
    origin: sections::Origin,
    mut membership: audience::Config,
    mut rewrite: sections::Rewrite,
    around: Around,
) -> Config {
    membership.prefix = server.prefix;
    let prefixes = stores.sites.views().iter().filter_map(|view| view.path_prefix.clone());
    rewrite.config.store_prefixes = prefixes.collect();
    let headers = proxy::headers::Config {
        trusted_proxies: server.trusted_proxies,
        host: origin.host,
        proto_header: origin.proto_header,
        upgrades: server.upgrades,
        underscores: false,
    };
    Config {
        listen: server.listen,
        operations: server.operations,
        server: server.config,
        proxy: proxy::Config { hygiene: proxy::hygiene::Config::default(), headers },
        upstream: origin.config,
        sites: stores.sites,
        membership,
        rules: around.rules,
        rewrite: rewrite.config,
        modes: Modes::new(rewrite.mode, stores.modes),
        mode_file: rewrite.mode_file,
        share: rewrite.share,
        platform: around.platform,
        commerce: around.commerce,
        charging: around.charging,
        store: around.store,
        admin: around.admin,
        log_format: around.log.format,
        log_filter: around.log.filter,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::audience::{Key, Trust};
    use crate::mode::Mode;
    use crate::site::{Display, MissingWords, Reference, Tax, TaxBasis, TaxComputed, TaxShown};
    use rust_decimal::Decimal;
    use secrecy::ExposeSecret as _;

    fn key() -> String {
        Key::generate().expect("random bytes").export().expose_secret().to_owned()
    }

    fn minimal(keys: &str) -> String {
        format!(
            "[origin]\nurl = \"https://shop.example\"\n[stores.websites.base]\nbase_currency = \"EUR\"\n\
             [stores.views.de]\nwebsite = \"base\"\ncurrency = \"EUR\"\nlocale = \"de_DE\"\n\
             time_zone = \"Europe/Berlin\"\npath_prefix = \"/de\"\nmode = \"off\"\n\
             [membership]\nsite = \"shop.example\"\nkeys = [{keys}]\n[rules]\nfile = \"rules.json\"\n"
        )
    }

    fn read_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = parse("segue.toml", text, Path::new("/etc/segue"), environment);
        config.map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn what_is_not_said_has_a_careful_default() {
        let config = read_with(&minimal(&format!("{:?}", key())), &[]).expect("a right configuration");
        assert!(config.listen.ip().is_loopback() && config.operations.ip().is_loopback());
        assert_eq!(config.membership.trust, Trust::Verified);
        assert_eq!(config.modes.of("other"), Mode::Observe);
        assert_eq!(config.modes.of("de"), Mode::Off);
        assert_eq!(config.upstream.pool_idle_timeout, Duration::from_secs(4));
        assert_eq!(config.rewrite.store_prefixes, ["/de"]);
        assert_eq!(config.rules, RulesSource::File("/etc/segue/rules.json".into()));
        assert_eq!(config.share, 100);
    }

    #[test]
    fn variables_win_over_the_file_whatever_their_type() {
        let new = key();
        let environment = [
            ("SEGUE__REWRITE__SHARE", "10"),
            ("SEGUE__MEMBERSHIP__KEYS", &*format!("{new},{}", key())),
            ("SEGUE__STORES__VIEWS__DE__MODE", "on"),
            ("SEGUE__REWRITE__HOLD", "500 ms"),
            ("PATH", "/bin"),
        ];
        let config = read_with(&minimal("\"not a key\""), &environment).expect("a right configuration");
        assert_eq!((config.share, config.modes.of("de")), (10, Mode::On));
        assert_eq!(config.rewrite.hold, Duration::from_millis(500));
    }

    #[test]
    fn mistakes_are_reported_together_and_name_the_way_out() {
        let text = minimal("\"short\"")
            .replace("Europe/Berlin", "Mars/Base")
            .replace("website = \"base\"", "website = \"bas\"")
            + "[rewrit]\nmode = \"on\"\n";
        let mistakes = read_with(&text, &[("SEGUE__SERVER__LISTEN", "here")]).expect_err("mistakes");
        for expected in [
            "stores.views.de.website: no website \"bas\" in [stores.websites] (did you mean base?)",
            "stores.views.de.time_zone: must be a time zone such as Europe/Berlin, not \"Mars/Base\"",
            "environment: SEGUE__SERVER__LISTEN: must be an address and port such as 0.0.0.0:8080, not \"here\"",
            "segue.toml: rewrit: is not known (did you mean rewrite?)",
        ] {
            assert!(mistakes.iter().any(|line| line.contains(expected)), "{expected} is not in {mistakes:#?}");
        }
        assert!(mistakes.iter().any(|line| line.starts_with("segue.toml: membership.keys: ")), "{mistakes:#?}");
    }

    #[test]
    fn a_store_views_tax_settings_win_over_its_websites() {
        let tax = "catalog_prices = \"excluding_tax\"\ndiscount_on = \"excl_tax\"\ntax_rates = [\"19\", 7]\n";
        let text = minimal(&format!("{:?}", key())).replace(
            "[stores.views.de]\n",
            &format!("{tax}[stores.views.de]\ndiscount_on = \"incl_tax\"\nprices = \"both\"\n"),
        );
        let variable = [("SEGUE__STORES__VIEWS__DE__TAX_COMPUTED", "before_discount")];
        let config = read_with(&text, &variable).expect("a right configuration");
        let expected = Tax {
            shown: TaxShown::Both,
            catalog_prices: Some(TaxBasis::Excluding),
            discount_on: Some(TaxBasis::Including),
            computed: Some(TaxComputed::BeforeDiscount),
            rates: vec![19.into(), 7.into()],
        };
        assert_eq!(config.sites.default_view().tax, expected);
        let variable = [("SEGUE__STORES__VIEWS__DE__TAX_RATES", "8.25, 5.5")];
        let config = read_with(&text, &variable).expect("a right configuration");
        assert_eq!(config.sites.default_view().tax.rates, [Decimal::new(825, 2), Decimal::new(55, 1)]);
        let plain = read_with(&minimal(&format!("{:?}", key())), &[]).expect("a right configuration");
        assert_eq!(plain.sites.default_view().tax, Tax::default());
    }

    #[test]
    fn a_store_view_says_how_changed_prices_are_presented() {
        let lines = "reference_price = \"attribute:lowest_price_30\"\nreference_price_label = \"Niedrigster Preis\"\n\
             deducted_label = \"wird im Warenkorb abgezogen\"\nmissing_amount_label = \"noch {amount}\"\n\
             missing_free_label = \"{units} mehr, {free} gratis\"\nprice_disclosure = \"Persönlicher Preis\"\n";
        let text = minimal(&format!("{:?}", key())).replace("mode = \"off\"\n", lines);
        let display = read_with(&text, &[]).expect("a right configuration").sites.default_view().display.clone();
        let expected = Display {
            reference: Reference::Attribute("lowest_price_30".to_owned()),
            reference_label: Some("Niedrigster Preis".to_owned()),
            deducted: Some("wird im Warenkorb abgezogen".to_owned()),
            missing: MissingWords {
                amount: Some("noch {amount}".to_owned()),
                units: None,
                units_for_free: Some("{units} mehr, {free} gratis".to_owned()),
            },
            disclosure: Some("Persönlicher Preis".to_owned()),
        };
        assert_eq!(display, expected);
        for (word, reference) in [("none", Reference::None), ("regular", Reference::Regular)] {
            let text = text.replace("attribute:lowest_price_30", word);
            let config = read_with(&text, &[]).expect("a right configuration");
            assert_eq!(config.sites.default_view().display.reference, reference);
        }
    }

    #[test]
    fn mistakes_of_tax_and_display_name_the_way_out() {
        let website = "catalog_prices = \"gross\"\ntax_rates = [0, \"x\", 100.5, true]\n";
        let view = "discount_on = \"including_tax\"\ntax_computed = \"after\"\ntax_rates = \"19\"\nprices = \"all\"\n\
             reference_price = \"attribute:low price\"\nreference_price_label = \"\"\ndeducted_label = \"a\\nb\"\n\
             missing_units_label = \"more\"\nmissing_free_label = \"{units} more\"\n\
             price_disclosure = \"TOO_LONG\"\ntax_rate = 19\n";
        let view = view.replace("TOO_LONG", &"x".repeat(256));
        let text = minimal(&format!("{:?}", key()))
            .replace("[stores.views.de]\n", &format!("{website}[stores.views.de]\n{view}"));
        let mistakes = read_with(&text, &[]).expect_err("mistakes");
        for expected in [
            "stores.websites.base.catalog_prices: must be one of excluding_tax, including_tax, not \"gross\"",
            "stores.websites.base.tax_rates.0: must be a percentage above 0 and at most 100",
            "stores.websites.base.tax_rates.1: must be a percentage",
            "stores.websites.base.tax_rates.2: must be a percentage",
            "stores.websites.base.tax_rates.3: must be a string, not true or false",
            "stores.views.de.discount_on: must be one of excl_tax, incl_tax, not \"including_tax\"",
            "stores.views.de.tax_computed: must be one of after_discount, before_discount, not \"after\"",
            "stores.views.de.tax_rates: must be a list, not a string",
            "stores.views.de.tax_rate: is not known (did you mean tax_rates?)",
            "stores.views.de.prices: must be one of excluding_tax, including_tax, both, not \"all\"",
            "stores.views.de.reference_price: must be none, regular or attribute: with an attribute's code",
            "stores.views.de.reference_price_label: must not be empty",
            "stores.views.de.deducted_label: must be one line of at most 255 characters",
            "stores.views.de.missing_units_label: must say where the figure goes: it has no {units}",
            "stores.views.de.missing_free_label: must say where the figure goes: it has no {free}",
            "stores.views.de.price_disclosure: must be one line of at most 255 characters",
        ] {
            assert!(mistakes.iter().any(|line| line.contains(expected)), "{expected} is not in {mistakes:#?}");
        }
    }

    #[test]
    fn secrets_are_not_quoted_anywhere() {
        let secret = "hunter2";
        let text = minimal("\"hunter2\"").replace("[rules]", "trusted_token = \"hunter2\"\n[rules]");
        let mistakes = read_with(&text, &[("SEGUE__MEMBERSHIP__TRUSTED_TOKEN", secret)]).expect_err("no valid key");
        assert!(!mistakes.is_empty() && !mistakes.concat().contains(secret), "{mistakes:?}");
        let key = key();
        let config = read_with(&minimal(&format!("{key:?}")), &[]).expect("a right configuration");
        assert!(!format!("{config:?}").contains(&key[..8]), "Debug shows no key");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let mistakes = read_with("[server]\nlisten = \n", &[]).expect_err("a mistake");
        assert!(mistakes[0].starts_with("segue.toml: line 2, column "), "{mistakes:?}");
    }

    const PLATFORM: &str = "[experience_platform]\norg_id = \"53A1@AdobeOrg\"\ndatastream = \"stream-1\"\n";

    fn with_platform(lines: &str) -> Result<Config, Vec<String>> {
        read_with(&format!("{}{PLATFORM}{lines}", minimal(&format!("{:?}", key()))), &[])
    }

    #[test]
    fn experience_platform_has_careful_defaults() {
        assert!(read_with(&minimal(&format!("{:?}", key())), &[]).expect("right").platform.is_none());
        let config = with_platform("").expect("a right configuration");
        let platform = config.platform.expect("the section is there");
        assert_eq!(platform.aep.edge.url.as_str(), "https://edge.adobedc.net/");
        assert_eq!(platform.aep.platform.as_str(), "https://platform.adobe.io/");
        assert_eq!((platform.aep.edge.authenticated, platform.aep.sandbox.as_str()), (false, "prod"));
        assert_eq!(platform.refresh.budget, Duration::from_millis(80));
        assert_eq!(platform.refresh.first_visit, crate::audience::refresh::FirstVisit::Skip);
        assert!(!platform.consent.silence_is_consent && !platform.consent.honour_gpc && platform.push.is_none());
        assert_eq!(config.store.path(), Some(Path::new("/etc/segue/segue.db")));
    }

    #[test]
    fn datastreams_and_restricted_websites_are_found_by_their_codes() {
        let config = with_platform(
            "view_datastreams = { de = \"stream-de\" }\n[experience_platform.consent]\ncookie_restriction = [\"base\"]\n",
        );
        let platform = config.expect("a right configuration");
        let de = Arc::clone(platform.sites.view("de").expect("a store view"));
        let platform = platform.platform.expect("the section is there");
        assert_eq!(platform.aep.edge.datastreams.of(&de).map(|id| &**id), Some("stream-de"));
        assert_eq!(platform.aep.edge.datastreams.all().len(), 2);
        assert!(platform.consent.restricted.contains("base"));
    }

    #[test]
    fn mistakes_of_experience_platform_name_the_way_out_and_no_secret() {
        let text = "client_id = \"id\"\nclient_secret = [\"hunter2-a\", \"hunter2-b\", \"hunter2-c\"]\nauthenticated = true\n\
             edge_version = \"v1\"\nims_url = \"http://ims.example\"\nregion_hint = \"../x\"\nfirst_party_path = \"ee\"\n\
             website_datastreams = { bas = \"x\" }\nbudgt = \"1s\"\n[experience_platform.push]\nlisten = \"127.0.0.1:1\"\n\
             tokens = [\"hunter2\"]\n[experience_platform.consent]\ndefault = \"maybe\"\n\
             [experience_platform.limits]\nrequest_units = 1\n";
        let mistakes = with_platform(text).expect_err("mistakes");
        for expected in [
            "experience_platform.client_secret: must be one secret, or two while one replaces the other, not 3",
            "experience_platform.edge_version: must be v2 for authenticated calls",
            "experience_platform.ims_url: must be a host name, or https:// with a host and no path (http:// for this machine only)",
            "experience_platform.region_hint: must be a region such as irl1",
            "experience_platform.first_party_path: must be a path such as /ee",
            "experience_platform.website_datastreams.bas: there is no website \"bas\" in [stores] (did you mean base?)",
            "experience_platform.budgt: is not known (did you mean budget?)",
            "experience_platform.push.tokens: has a token shorter than 16 bytes",
            "experience_platform.consent.default: must be one of pending, in, not \"maybe\"",
            "experience_platform.limits.request_units: must be at least datastream_services",
        ] {
            assert!(mistakes.iter().any(|line| line.contains(expected)), "{expected} is not in {mistakes:#?}");
        }
        assert!(!mistakes.concat().contains("hunter2"), "{mistakes:#?}");
        let missing = read_with(&(minimal(&format!("{:?}", key())) + "[experience_platform]\n"), &[]);
        let missing = missing.expect_err("mistakes").join("\n");
        assert!(
            missing.contains("experience_platform.org_id: is missing") && missing.contains("datastream: is missing"),
            "{missing}"
        );
    }

    #[test]
    fn takes_the_developer_consoles_workspace_as_it_is() {
        let folder = std::env::temp_dir().join(format!("segue-workspace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a writable temporary folder");
        let credential = serde_json::json!({
            "client_id": "abc", "client_secrets": ["hunter2"], "technical_account_email": "a@techacct.adobe.com",
            "technical_account_id": "T@techacct.adobe.com", "scopes": ["openid"],
        });
        let workspace = serde_json::json!({ "project": { "org": { "ims_org_id": "53A1@AdobeOrg" }, "workspace": { "details": {
            "credentials": [{ "integration_type": "service", "jwt": {} }, { "oauth_server_to_server": credential }],
        } } } });
        let read = |workspace: &Value| {
            std::fs::write(folder.join("workspace.json"), workspace.to_string()).expect("a writable folder");
            let text = minimal(&format!("{:?}", key()))
                + "[experience_platform]\nworkspace_file = \"workspace.json\"\ndatastream = \"s\"\nauthenticated = true\n";
            std::fs::write(folder.join("segue.toml"), &text).expect("a writable folder");
            parse("segue.toml", &text, &folder, [])
        };
        let aep = read(&workspace).expect("a right configuration").platform.expect("the section").aep;
        let credentials = aep.credentials.clone().expect("credentials");
        assert_eq!((aep.org.as_str(), credentials.client_id.as_str()), ("53A1@AdobeOrg", "abc"));
        assert_eq!(credentials.client_secrets[0].expose_secret(), "hunter2");
        assert_eq!(aep.edge.url.as_str(), "https://server.adobedc.net/");
        assert!(!format!("{aep:?}").contains("hunter2"));
        let mut without_secrets = workspace.clone();
        without_secrets["project"]["workspace"]["details"]["credentials"][1]["oauth_server_to_server"]["client_secrets"].take();
        let mistakes = read(&without_secrets).expect_err("no secret");
        assert!(
            mistakes.iter().any(|mistake| mistake.message.contains("client_secret_file beside it")),
            "{mistakes:?}"
        );
        let beside = [("SEGUE__EXPERIENCE_PLATFORM__CLIENT_SECRET".to_owned(), "given-beside-it".to_owned())];
        let text = std::fs::read_to_string(folder.join("segue.toml")).expect("written before");
        let config = parse("segue.toml", &text, &folder, beside).expect("a right configuration");
        let credentials = config.platform.and_then(|platform| platform.aep.credentials).expect("credentials");
        assert_eq!(credentials.client_secrets[0].expose_secret(), "given-beside-it");
        let mut jwt_only = workspace;
        jwt_only["project"]["workspace"]["details"]["credentials"] =
            serde_json::json!([{ "jwt": { "client_secret": "hunter2" } }]);
        let mistakes = read(&jwt_only).expect_err("no credential");
        assert!(mistakes[0].message.contains("JWT credentials have ended") && !mistakes[0].message.contains("hunter2"));
        std::fs::remove_dir_all(&folder).expect("a folder of this test");
    }
}
