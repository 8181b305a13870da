//! `segue demo`: a shop and Segue in front of it, on loopback, from nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::serve::{failure, stopped};
use super::{Failure, Output};
use crate::app::App;
use crate::audience::Key;
use crate::{config, demo, telemetry};

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

pub(super) async fn run(port: u16, output: Output) -> Result<(), Failure> {
    let level = if output == Output::Json { "warn" } else { "warn,segue::cli=info" };
    telemetry::start_logging(telemetry::LogFormat::Text, level).map_err(failed)?;
    let stop = stopped();
    let folder = Folder::new().map_err(failed)?;
    let after = |offset: u16| if port == 0 { Some(0) } else { port.checked_add(offset) };
    let (Some(operations), Some(origin)) = (after(1), after(2)) else {
        return Err(Failure::Usage("--port must leave room for the two ports after it".to_owned()));
    };
    let shop = listen(origin).await?;
    let origin = shop.local_addr().map_err(failed)?;
    let config = configuration(&folder, port, operations, origin)?;
    let rules = config::load_rules(&config.rules_file, &config.sites)?;
    let app = App::bind(config, rules).await.map_err(failure)?;
    let storefront = format!("http://{}/", app.address().map_err(failed)?);
    let operations = format!("http://{}/", app.operations_address().map_err(failed)?);
    let origin = format!("http://{origin}/");
    let options = demo::Options {
        storefront_url: Some(storefront.clone()),
        origin_url: Some(origin.clone()),
        ..demo::Options::default()
    };
    let serving = tokio::spawn(demo::Shop::new(options).serve(shop, std::future::pending()));
    announce(output, &storefront, &operations, &origin, &folder)?;
    app.run(stop).await;
    serving.abort();
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::Failed(format!("cannot listen on {address}: {error}; try --port 0")))
}

/// The demo's own configuration: everything on loopback, where believing the browser harms nobody.
fn configuration(folder: &Folder, port: u16, operations: u16, origin: SocketAddr) -> Result<config::Config, Failure> {
    std::fs::write(folder.0.join("rules.json"), demo::RULES).map_err(failed)?;
    let key = Key::generate().map_err(failed)?.export();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\noperations = \"127.0.0.1:{operations}\"\n\
         [origin]\nurl = \"http://{origin}\"\n\
         [stores.websites.base]\nbase_currency = \"USD\"\n\
         [stores.views.default]\nwebsite = \"base\"\ncurrency = \"USD\"\nlocale = \"en_US\"\n\
         time_zone = \"America/New_York\"\n\
         [membership]\nsite = \"demo\"\ntrust = \"cookie\"\nkeys = [\"{}\"]\n\
         [rules]\nfile = \"rules.json\"\n[rewrite]\nmode = \"on\"\n",
        key.expose_secret()
    );
    Ok(config::parse("the demo's configuration", &text, &folder.0, [])?)
}

fn announce(output: Output, storefront: &str, operations: &str, origin: &str, folder: &Folder) -> Result<(), Failure> {
    let rules: Value = serde_json::from_str(demo::RULES).map_err(failed)?;
    let audiences = rules["audiences"].as_array().into_iter().flatten();
    let audiences: Vec<Value> =
        audiences.map(|audience| json!({ "id": audience["id"], "name": audience["name"] })).collect();
    match output {
        Output::Json => {
            let ready = json!({
                "storefront": storefront, "operations": operations, "origin": origin, "audiences": audiences,
            });
            println!("{ready}");
        }
        Output::Text => println!(
            "Segue's demo is ready.\n\n  \
             The shop through Segue   {storefront}\n  \
             The same shop without    {origin}\n  \
             Metrics                  {operations}metrics\n\n\
             Try this: open the shop, choose VIP in the panel at the lower edge, and watch hero and prices follow.\n\
             Put something into the cart: it charges what the page showed.\n\
             Change {}/rules.json: it is live within a second.\n\
             Ctrl-C ends it.",
            folder.0.display()
        ),
    }
    Ok(())
}
