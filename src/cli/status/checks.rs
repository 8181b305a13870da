//! What `segue status` tests, in the order in which one thing needs the other.

use super::edge::edge_check;
use super::{Check, Outcome};
use crate::aep::api::{Api, ApiError};
use crate::aep::audiences::{self, Glance};
use crate::aep::destinations::{self, Activations, Destination};
use crate::aep::edge::Edge;
use crate::aep::http::BuildError;
use crate::aep::ims::{ImsError, Token, Tokens};
use crate::aep::{Config, Credentials};
use crate::cli::Failure;

pub(super) async fn all(config: &Config, domain: &str) -> Result<Vec<Check>, Failure> {
    let failed = |error: BuildError| Failure::Failed(format!("Experience Platform cannot be called: {error}"));
    let tokens = Tokens::of(config).map_err(failed)?;
    let mut checks = match tokens.clone() {
        Some(tokens) => of_account(config, tokens).await.map_err(failed)?,
        None => {
            let why = "there are no credentials: Segue can look shoppers up, and cannot list audiences";
            vec![Check::new("account", Outcome::Skipped(why.to_owned()))]
        }
    };
    let edge = Edge::connect(config, tokens).map_err(failed)?;
    for datastream in config.edge.datastreams.all() {
        checks.push(Check::new(format!("datastream {datastream}"), edge_check(&edge, datastream, domain).await));
    }
    Ok(checks)
}

async fn of_account(config: &Config, tokens: Tokens) -> Result<Vec<Check>, BuildError> {
    let api = Api::new(config, tokens.clone())?;
    let tests = tokens.test().await;
    let mut checks: Vec<Check> = (1..).zip(&tests).map(|(number, test)| secret(number, test)).collect();
    let Some(token) = tests.iter().find_map(|test| test.as_ref().ok()) else {
        let without = ["token", "audiences", "sandbox", "destinations"];
        let skipped = || Outcome::Skipped("no client secret gives a token".to_owned());
        checks.extend(without.map(|name| Check::new(name, skipped())));
        return Ok(checks);
    };
    checks.push(Check::new("token", Outcome::Good(describe(token, tokens.credentials()))));
    let glance = audiences::glance(&api).await;
    checks.push(Check::new("audiences", audiences_of(&glance)));
    checks.push(Check::new(format!("sandbox {}", config.sandbox), sandbox(&config.sandbox, &glance)));
    let activations = destinations::activations(&api, &config.destinations).await;
    checks.push(Check::new("destinations", destinations_of(&config.destinations, activations)));
    Ok(checks)
}

fn secret(number: usize, test: &Result<Token, ImsError>) -> Check {
    let outcome = match test {
        Ok(_) => Outcome::Good("Adobe gives a token for it".to_owned()),
        Err(error) => Outcome::bad(error, error.advice()),
    };
    Check::new(format!("client secret {number}"), outcome)
}

fn describe(token: &Token, credentials: &Credentials) -> String {
    let minutes = token.left().as_secs() / 60;
    let life = format!("good for {} h {} min", minutes / 60, minutes % 60);
    let Some(scopes) = token.scopes() else { return format!("{life}; asked for {}", credentials.scopes.join(", ")) };
    let missing: Vec<&str> =
        credentials.scopes.iter().map(String::as_str).filter(|scope| !scopes.iter().any(|own| own == scope)).collect();
    let granted = format!("{life}; scopes {}", scopes.join(", "));
    if missing.is_empty() { granted } else { format!("{granted}; asked for and not granted: {}", missing.join(", ")) }
}

fn audiences_of(glance: &Result<Glance, ApiError>) -> Outcome {
    match glance {
        Ok(Glance { total: Some(total), .. }) => Outcome::Good(format!("may be listed; there are {total}")),
        Ok(_) => Outcome::Good("may be listed".to_owned()),
        Err(error) => Outcome::bad(&error.cause, error.advice()),
    }
}

fn sandbox(configured: &str, glance: &Result<Glance, ApiError>) -> Outcome {
    match glance {
        Ok(Glance { sandbox: Some(other), .. }) if other != configured => Outcome::bad(
            format!("audiences say that they are in sandbox {other}"),
            "Experience Platform → Sandboxes → Browse has the names: set sandbox to one of them",
        ),
        Ok(Glance { sandbox: Some(_), .. }) => Outcome::Good("audiences say that they are in it".to_owned()),
        Ok(_) => Outcome::Good("Adobe takes the name".to_owned()),
        Err(_) => Outcome::Skipped("audiences would say".to_owned()),
    }
}

fn destinations_of(configured: &[String], found: Result<Activations, ApiError>) -> Outcome {
    let found = match found {
        Ok(found) => found,
        Err(error) => return Outcome::bad(&error.cause, error.advice()),
    };
    let exist = match found.all.as_slice() {
        [] => "there are none; make one in Experience Platform → Destinations → Catalog".to_owned(),
        all => format!("there are {}", list(all)),
    };
    if configured.is_empty() {
        return Outcome::Good(format!(
            "may be listed; none is configured, so that Segue cannot say which audiences are activated for this shop: {exist}"
        ));
    }
    if !found.missing.is_empty() {
        let missing: Vec<String> = found.missing.iter().map(|name| format!("\"{name}\"")).collect();
        let advice =
            format!("set destinations to names or ids from Experience Platform → Destinations → Browse: {exist}");
        return Outcome::bad(format!("there is no {}", missing.join(", no ")), advice);
    }
    let off: Vec<Destination> = found.ours.iter().filter(|one| one.disabled).cloned().collect();
    if !off.is_empty() {
        return Outcome::bad(
            format!("switched off: {}", list(&off)),
            "Experience Platform → Destinations → Browse → the destination: enable it",
        );
    }
    match found.selected() {
        0 => Outcome::bad(
            format!("no audience is activated for {}", list(&found.ours)),
            "Experience Platform → Destinations → Browse → the destination → Activate audiences",
        ),
        count => Outcome::Good(format!("{}; audiences activated: {count}", list(&found.ours))),
    }
}

fn list(destinations: &[Destination]) -> String {
    let names: Vec<String> = destinations.iter().map(|one| format!("\"{}\" ({})", one.name, one.id)).collect();
    names.join(", ")
}
