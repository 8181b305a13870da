//! `segue demo`: a shop, Segue in front of it and an Experience Platform behind, on loopback, from nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::serve::{failure, stopped};
use super::{Failure, Output};
use crate::admin::hash_password;
use crate::app::App;
use crate::audience::Key;
use crate::demo::platform::{DATASTREAM, Options, Platform, Target};
use crate::store::{Doing, Publication, Role, Store};
use crate::{config, demo, telemetry};

/// For how long the demo waits for the shop's rules before it says that it is ready.
const LONGEST_START: Duration = Duration::from_secs(5);

/// A folder for the demo's rules, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("segue-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where everything is, as addresses for people.
struct Places {
    storefront: String,
    operations: String,
    origin: String,
    platform: String,
    admin: String,
    /// With which [`NAME`] signs in there.
    password: String,
}

pub(super) async fn run(port: u16, output: Output) -> Result<(), Failure> {
    let level = if output == Output::Json { "warn" } else { "warn,segue::cli=info" };
    telemetry::start_logging(telemetry::LogFormat::Text, level).map_err(failed)?;
    let stop = stopped();
    let folder = Folder::new().map_err(failed)?;
    let [operations, origin, platform, admin] = ports_after(port)?;
    let (shop, platform) = (listen(origin).await?, listen(platform).await?);
    let (origin, platform_url) = (url(shop.local_addr())?, url(platform.local_addr())?);
    let token = Key::generate().map_err(failed)?.export();
    let options = platform_options();
    let commerce_token = Key::generate().map_err(failed)?.export();
    let tokens = [&token, &commerce_token];
    let config = configuration(&folder, [port, operations, admin], &origin, &platform_url, &options, tokens)?;
    let password = furnish(&config.store.open().await.map_err(failed)?).await?;
    let rules = config::rules(&config).await?;
    let verifier = super::offers::verifier(&config);
    let app = App::bind(config, rules).await.map_err(failure)?;
    app.verify_by(verifier);
    let places = Places {
        storefront: url(app.address())?,
        operations: url(app.operations_address())?,
        origin,
        platform: platform_url,
        admin: app.admin_address().map(|at| format!("http://{at}/")).unwrap_or_default(),
        password,
    };
    let push = app.push_address().map(|at| Target { url: format!("http://{at}/push"), token, delay: Duration::ZERO });
    let stand_in = Platform::new(Options { shop_url: Some(places.storefront.clone()), push, ..options });
    let shop_options = shop_options(&places, stand_in.cookie("identity"), &commerce_token);
    let serving = [
        tokio::spawn(demo::Shop::new(shop_options).serve(shop, std::future::pending())),
        tokio::spawn(stand_in.serve(platform, std::future::pending())),
    ];
    let ready = tokio::time::timeout(LONGEST_START, app.joined());
    let announced = async {
        // Whether or not the shop's rules are known by then, the demo can be looked at.
        let _ = ready.await;
        announce(output, &places)
    };
    let (announced, ()) = tokio::join!(announced, app.run(stop));
    announced?;
    serving.iter().for_each(JoinHandle::abort);
    Ok(())
}

/// Who signs in to the demo's admin UI.
const NAME: &str = "demo";

/// Puts the demo's rules into its store, and somebody who may work on them; his password.
async fn furnish(store: &Store) -> Result<String, Failure> {
    let rules: Value = serde_json::from_str(demo::RULES).map_err(failed)?;
    let publication =
        Publication { rules: &rules, note: "what the demo begins with", who: NAME, again: None, detail: "imported" };
    store.publish(&publication, None, Some(&rules)).await.map_err(failed)?;
    let secret = Key::generate().map_err(failed)?.export();
    let password: String = secret.expose_secret().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let hash = hash_password(&password).map_err(failed)?;
    let doing = Doing { who: NAME, action: "person.add", subject: NAME, detail: "as admin" };
    store.add_person(NAME, Role::Admin, &hash, true, doing).await.map_err(failed)?;
    Ok(password)
}

/// The four ports after the shop's; any free ones for port 0.
fn ports_after(port: u16) -> Result<[u16; 4], Failure> {
    if port == 0 {
        return Ok([0; 4]);
    }
    let last = port.checked_add(4);
    let last = last.ok_or_else(|| Failure::Usage("--port must leave room for the four ports after it".to_owned()))?;
    Ok([last - 3, last - 2, last - 1, last])
}

fn url(address: std::io::Result<SocketAddr>) -> Result<String, Failure> {
    address.map(|address| format!("http://{address}/")).map_err(failed)
}

/// Pages of the demo have no TLS, and browsers keep no cookies for all sites of such pages.
fn platform_options() -> Options {
    Options { same_site_none: false, ..Options::default() }
}

fn shop_options(places: &Places, identity_cookie: String, commerce_token: &SecretString) -> demo::Options {
    demo::Options {
        commerce_token: Some(commerce_token.expose_secret().to_owned()),
        storefront_url: Some(places.storefront.clone()),
        origin_url: Some(places.origin.clone()),
        platform: Some(demo::PlatformLink { url: places.platform.clone(), identity_cookie }),
        ..demo::Options::default()
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::Failed(format!("cannot listen on {address}: {error}; try --port 0")))
}

/// The store views beside the default one, and the tax settings with which the shop's cart charges in them.
const VIEWS: &str = "[stores.views.de]\nwebsite = \"base\"\ncurrency = \"EUR\"\nlocale = \"de_DE\"\n\
    time_zone = \"Europe/Berlin\"\npath_prefix = \"/de\"\nprices = \"including_tax\"\ntax_rates = [19]\n\
    [stores.views.b2b]\nwebsite = \"base\"\ncurrency = \"EUR\"\nlocale = \"en_IE\"\n\
    time_zone = \"Europe/Dublin\"\npath_prefix = \"/b2b\"\nprices = \"both\"\ntax_rates = [19]\n\
    [stores.views.ar]\nwebsite = \"base\"\ncurrency = \"KWD\"\nlocale = \"ar_KW\"\n\
    time_zone = \"Asia/Kuwait\"\npath_prefix = \"/ar\"\n";

/// The demo's own configuration: everything on loopback, where believing the browser harms nobody.
fn configuration(
    folder: &Folder,
    [port, operations, admin]: [u16; 3],
    origin: &str,
    platform: &str,
    options: &Options,
    [token, commerce_token]: [&SecretString; 2],
) -> Result<config::Config, Failure> {
    let key = Key::generate().map_err(failed)?.export();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\noperations = \"127.0.0.1:{operations}\"\n\
         [origin]\nurl = \"{origin}\"\n\
         [stores.websites.base]\nbase_currency = \"USD\"\n\
         catalog_prices = \"excluding_tax\"\ndiscount_on = \"excl_tax\"\ntax_computed = \"after_discount\"\n\
         [stores.views.default]\nwebsite = \"base\"\ncurrency = \"USD\"\nlocale = \"en_US\"\n\
         time_zone = \"America/New_York\"\n\
         {VIEWS}\
         [membership]\nsite = \"demo\"\ntrust = \"cookie\"\nkeys = [\"{key}\"]\n\
         [rules]\nstore = true\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n[rewrite]\nmode = \"on\"\n\
         [experience_platform]\norg_id = \"{org}\"\nclient_id = \"{client}\"\nclient_secret = \"{secret}\"\n\
         sandbox = \"{sandbox}\"\ndestinations = [\"Adobe Commerce\"]\n\
         ims_url = \"{platform}\"\nplatform_url = \"{platform}\"\nedge_domain = \"{platform}\"\n\
         edge_version = \"v2\"\ndatastream = \"{DATASTREAM}\"\nfirst_visit = \"ask\"\n\
         [experience_platform.consent]\ndefault = \"in\"\n\
         [experience_platform.push]\nlisten = \"127.0.0.1:0\"\ntokens = [\"{token}\"]\n",
        key = key.expose_secret(),
        org = options.org,
        client = options.client_id,
        secret = options.client_secrets.first().map_or("", |secret| secret.expose_secret()),
        sandbox = options.sandbox,
        token = token.expose_secret(),
    );
    let audiences = demo::rules::AUDIENCE_CONDITION;
    let text = format!(
        "{text}[commerce]\ntoken = \"{}\"\npoll = \"2s\"\naudience_condition_types = {{ '{audiences}' = \"ids\" }}\n",
        commerce_token.expose_secret()
    );
    Ok(config::parse("the demo's configuration", &text, &folder.0, [])?)
}

fn announce(output: Output, places: &Places) -> Result<(), Failure> {
    let rules: Value = serde_json::from_str(demo::RULES).map_err(failed)?;
    let audiences = rules["audiences"].as_array().into_iter().flatten();
    let audiences: Vec<Value> =
        audiences.map(|audience| json!({ "id": audience["id"], "name": audience["name"] })).collect();
    let Places { storefront, operations, origin, platform, admin, password } = places;
    match output {
        Output::Json => {
            let ready = json!({
                "storefront": storefront, "operations": operations, "origin": origin, "platform": platform,
                "admin": admin, "admin_name": NAME, "admin_password": password, "audiences": audiences,
            });
            println!("{ready}");
        }
        Output::Text => println!(
            "Segue's demo is ready.\n\n  \
             The shop through Segue   {storefront}\n  \
             The same shop without    {origin}\n  \
             Experience Platform      {platform}\n  \
             The admin UI             {admin} (sign in as {NAME}, password {password})\n  \
             Metrics                  {operations}metrics\n\n\
             Try this: open the shop, choose VIP in the panel at the lower edge, and watch hero and prices follow.\n\
             Put something into the cart: it charges what the page showed.\n\
             The same with tax, in euros and in dinars: the shop's other store views are /de, /b2b and /ar.\n\
             Or let Experience Platform say who you are: open the shop, then its page above, move your visitor into VIP,\n\
             and reload the shop.\n\
             Make a hero or change an offer in the admin UI, preview it in the shop, and publish it: it is live within a second.\n\
             Ctrl-C ends it."
        ),
    }
    Ok(())
}
