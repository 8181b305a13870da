//! `segue status`: tests every credential and permission that Segue needs at Adobe's, and says which of Adobe's screens to mend. It also
//! asks the running Segue what it met on pages that is not Segue's to change.

mod checks;
mod edge;
mod pages;

use serde_json::{Map, Value, json};

use super::{ConfigFile, Failure, Output, print};
use crate::aep::{Config, Credentials};
use crate::audience::adobe::cookie_domain;
use crate::config;

pub(super) use pages::metrics;

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
    /// It is right, and there is something to know about it.
    Notice(String),
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
            Self::Notice(_) => "notice",
            Self::Bad { .. } => "failing",
            Self::Skipped(_) => "skipped",
        }
    }
}

pub(super) async fn run(file: &ConfigFile, verbose: bool, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let settings = &super::platform(&config, file)?.aep;
    let mut checks = checks::all(settings, &domain(&config)).await?;
    checks.push(pages::check(config.operations).await);
    let failing = checks.iter().filter(|check| matches!(check.outcome, Outcome::Bad { .. })).count();
    match output {
        Output::Json => print(format_args!("{:#}", in_json(settings, &checks, failing == 0))),
        Output::Text => {
            if verbose {
                print_account(settings);
            }
            checks.iter().for_each(print_check);
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

fn print_check(check: &Check) {
    let Check { name, outcome } = check;
    let word = outcome.as_str();
    match outcome {
        Outcome::Good(says) | Outcome::Notice(says) | Outcome::Skipped(says) => {
            print(format_args!("{word:8} {name}: {says}"))
        }
        Outcome::Bad { what, advice } => print(format_args!("{word:8} {name}: {what}\n         {advice}")),
    }
}

/// Who asks, and where: key, title and value.
fn account(config: &Config) -> Vec<(&'static str, &'static str, Option<String>)> {
    let credentials = config.credentials.as_ref();
    let masks = credentials.map(|credentials| vec![MASK; credentials.client_secrets.len()].join(", "));
    let account = |part: fn(&Credentials) -> Option<&String>| credentials.and_then(part).cloned();
    let datastreams: Vec<&str> = config.edge.datastreams.all().into_iter().map(|id| &**id).collect();
    vec![
        ("client_id", "Client ID", account(|credentials| Some(&credentials.client_id))),
        ("client_secret", "Client secret", masks),
        (
            "technical_account_id",
            "Technical account ID",
            account(|credentials| credentials.technical_account_id.as_ref()),
        ),
        (
            "technical_account_email",
            "Technical account email",
            account(|credentials| credentials.technical_account_email.as_ref()),
        ),
        ("sandbox", "Sandbox name", Some(config.sandbox.clone())),
        ("org_id", "Organisation ID", Some(config.org.to_string())),
        ("datastreams", "Datastreams", Some(datastreams.join(", "))),
        ("edge_host", "Edge host", config.edge.url.host_str().map(str::to_owned)),
    ]
}

fn print_account(config: &Config) {
    let rows = account(config).into_iter().map(|(_, title, value)| (title, value.unwrap_or_else(|| "-".to_owned())));
    let rows: Vec<(&str, String)> = rows.collect();
    let width = rows.iter().map(|(_, value)| value.chars().count()).max().unwrap_or_default();
    let line = format!("+-{:-<23}-+-{:-<width$}-+", "", "");
    print(&line);
    for (title, value) in rows {
        print(format_args!("| {title:23} | {value:width$} |"));
    }
    print(&line);
}

fn in_json(config: &Config, checks: &[Check], ok: bool) -> Value {
    let check = |Check { name, outcome }: &Check| {
        let (says, advice) = match outcome {
            Outcome::Good(says) | Outcome::Notice(says) | Outcome::Skipped(says) => (says, None),
            Outcome::Bad { what, advice } => (what, Some(advice)),
        };
        json!({ "check": name, "result": outcome.as_str(), "says": says, "advice": advice })
    };
    let checks: Vec<Value> = checks.iter().map(check).collect();
    let account: Map<String, Value> =
        account(config).into_iter().map(|(key, _, value)| (key.to_owned(), json!(value))).collect();
    json!({ "ok": ok, "checks": checks, "account": account })
}
