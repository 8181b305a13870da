//! `segue cookie` and `segue keys`: make and read what Segue seals.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{CookieCommand, Failure};
use crate::audience::mint::{self, Minting};
use crate::audience::simulate::mint_simulation_token;
use crate::audience::{Key, KnownAudiences};
use crate::config::{self, Config};
use crate::rule::AudienceId;

/// Prints a new key.
pub(super) fn new_key() -> Result<(), Failure> {
    let key = Key::generate().map_err(|error| Failure::Failed(error.to_string()))?;
    println!("{}", key.export().expose_secret());
    Ok(())
}

pub(super) async fn run(command: CookieCommand) -> Result<(), Failure> {
    match command {
        CookieCommand::Mint { config, audience, website, simulate, expires, to } => {
            let config = config.load()?;
            let known = known(&config).await?;
            let audiences = resolve(&audience, &known)?;
            if simulate {
                return print_link(&config, &audiences, &to, &expires);
            }
            let website = website_code(&config, website)?;
            let life = config.membership.expires_after;
            let minting = Minting { audiences, website, life, now: Timestamp::now().as_second() };
            let value = mint::mint(&config.membership, &known, &minting);
            println!("{}", value.map_err(|error| Failure::Failed(error.to_string()))?);
            Ok(())
        }
        CookieCommand::Read { config, value } => {
            let config = config.load()?;
            let report = mint::read(&config.membership, &known(&config).await?, &value, Timestamp::now().as_second());
            let report = report.map_err(|error| Failure::Failed(format!("this is no cookie of this shop: {error}")))?;
            let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Failed(error.to_string()))?;
            println!("{text}");
            Ok(())
        }
    }
}

/// Prints the path that starts a simulation; the shop's own host goes before it.
fn print_link(config: &Config, audiences: &BTreeSet<AudienceId>, to: &str, expires: &str) -> Result<(), Failure> {
    let wrong = || Failure::Usage(format!("--expires must be a length of time such as 30m, not \"{expires}\""));
    let life = expires.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    let life = Duration::try_from(life).map_err(|_| wrong())?;
    let token = mint_simulation_token(&config.membership, audiences, to, life, Timestamp::now().as_second());
    let token = token.map_err(|error| Failure::Usage(error.to_string()))?;
    println!("{}simulate?token={token}", config.membership.prefix);
    Ok(())
}

fn website_code(config: &Config, website: Option<String>) -> Result<std::sync::Arc<str>, Failure> {
    let Some(code) = website else { return Ok(config.sites.default_view().website.clone()) };
    let found = config.sites.views().iter().find(|view| *view.website == *code);
    let found = found.map(|view| view.website.clone());
    found.ok_or_else(|| Failure::Usage(format!("no store view is on a website \"{code}\"")))
}

async fn known(config: &Config) -> Result<KnownAudiences, Failure> {
    Ok(KnownAudiences::of(&config::rules(config).await?.ruleset))
}

/// Audiences by id or name; what nobody knows is a mistake here, since it would be sealed in vain.
fn resolve(audiences: &[String], known: &KnownAudiences) -> Result<BTreeSet<AudienceId>, Failure> {
    let resolve = |text: &String| {
        let unknown = || Failure::Usage(format!("no audience \"{text}\" in the rules, or more than one of that name"));
        known.resolve(text.trim()).ok_or_else(unknown)
    };
    audiences.iter().filter(|text| !text.trim().is_empty()).map(resolve).collect()
}
