//! `segue status`: tests every credential and permission that Segue needs at Adobe's, and says which of Adobe's screens to mend.

mod checks;
mod edge;

use serde_json::{Value, json};

use super::{ConfigFile, Failure, Output};
use crate::aep::Config;
use crate::audience::adobe::cookie_domain;
use crate::config;

/// What shows instead of a secret, as Adobe's own command has it.
const MASK: &str = "*****";

/// One thing that has to be right.
struct Check {
    name: String,
    outcome: Outcome,
}

/// What a check found.
enum Outcome {
    /// It is right; what was seen.
    Good(String),
    /// It is not.
    Bad {
        /// What is wrong.
        what: String,
        /// What to do about it, and on which screen.
        advice: String,
    },
    /// It was not looked at; why.
    Skipped(String),
}

impl Check {
    fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        Self { name: name.into(), outcome }
    }
}

impl Outcome {
    fn bad(what: impl ToString, advice: impl Into<String>) -> Self {
        Self::Bad { what: what.to_string(), advice: advice.into() }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Good(_) => "ok",
            Self::Bad { .. } => "failing",
            Self::Skipped(_) => "skipped",
        }
    }
}

pub(super) async fn run(file: &ConfigFile, verbose: bool, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let settings = &super::platform(&config, file)?.aep;
    let checks = checks::all(settings, &domain(&config)).await?;
    let failing = checks.iter().filter(|check| matches!(check.outcome, Outcome::Bad { .. })).count();
    match output {
        Output::Json => println!("{:#}", in_json(settings, &checks, failing == 0)),
        Output::Text => {
            if verbose {
                print_account(settings);
            }
            checks.iter().for_each(print);
        }
    }
    match failing {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 check fails".to_owned())),
        count => Err(Failure::Failed(format!("{count} checks fail"))),
    }
}

/// The domain that browsers keep Adobe's cookies of this shop for.
fn domain(config: &config::Config) -> String {
    let configured = config.membership.domain.clone();
    configured.unwrap_or_else(|| {
        let host = super::page::first_host(config);
        let host = host.parse::<http::uri::Authority>().map(|host| host.host().to_owned()).unwrap_or(host);
        cookie_domain(&host).map(str::to_owned).unwrap_or(host)
    })
}

fn print(check: &Check) {
    let Check { name, outcome } = check;
    match outcome {
        Outcome::Good(says) | Outcome::Skipped(says) => println!("{:8} {name}: {says}", outcome.as_str()),
        Outcome::Bad { what, advice } => println!("{:8} {name}: {what}\n         {advice}", outcome.as_str()),
    }
}

/// Who asks, and where, by title.
fn account(config: &Config) -> Vec<(&'static str, &'static str, String)> {
    let credentials = config.credentials.as_ref();
    let text = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
    let secrets = credentials.map_or(0, |credentials| credentials.client_secrets.len());
    let datastreams: Vec<&str> = config.edge.datastreams.all().into_iter().map(|id| &**id).collect();
    vec![
        ("client_id", "Client ID", text(credentials.map(|credentials| &credentials.client_id))),
        (
            "client_secret",
            "Client secret",
            if secrets == 0 { "-".to_owned() } else { [MASK].repeat(secrets).join(", ") },
        ),
        (
            "technical_account_id",
            "Technical account ID",
            text(credentials.and_then(|credentials| credentials.technical_account_id.as_ref())),
        ),
        (
            "technical_account_email",
            "Technical account email",
            text(credentials.and_then(|credentials| credentials.technical_account_email.as_ref())),
        ),
        ("sandbox", "Sandbox name", config.sandbox.clone()),
        ("org_id", "Organisation ID", config.org.to_string()),
        ("datastreams", "Datastreams", datastreams.join(", ")),
        ("edge", "Edge host", config.edge.url.host_str().unwrap_or_default().to_owned()),
    ]
}

fn print_account(config: &Config) {
    let rows = account(config);
    let width = rows.iter().map(|(_, _, value)| value.chars().count()).max().unwrap_or_default();
    let line = format!("+-{:-<23}-+-{:-<width$}-+", "", "");
    println!("{line}");
    for (_, title, value) in rows {
        println!("| {title:23} | {value:width$} |");
    }
    println!("{line}");
}

fn in_json(config: &Config, checks: &[Check], ok: bool) -> Value {
    let checks: Vec<Value> = checks
        .iter()
        .map(|Check { name, outcome }| match outcome {
            Outcome::Good(says) | Outcome::Skipped(says) => {
                json!({ "check": name, "result": outcome.as_str(), "says": says })
            }
            Outcome::Bad { what, advice } => {
                json!({ "check": name, "result": outcome.as_str(), "says": what, "advice": advice })
            }
        })
        .collect();
    let account: serde_json::Map<String, Value> =
        account(config).into_iter().map(|(key, _, value)| (key.to_owned(), json!(value))).collect();
    json!({ "ok": ok, "checks": checks, "account": account })
}
