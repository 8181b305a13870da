//! `segue audiences`: lists Experience Platform's audiences anew, and shows what is known of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AudiencesCommand, ConfigFile, Failure, Output, print};
use crate::aep::Config;
use crate::aep::destinations::Activation;
use crate::aep::ims::Tokens;
use crate::config;
use crate::inventory::{self, Flagged, Inventory, Report, Snapshot, Use, Uses, What};
use crate::store::{Known, StoreError, Sync};

/// What rules use cannot be said while they are wrong, which is for `segue check` to tell.
const WRONG_RULES: &str = "the rules have mistakes, so what uses an audience is not shown: see `segue check`";

pub(super) async fn run(command: AudiencesCommand) -> Result<(), Failure> {
    match command {
        AudiencesCommand::Sync { config, output } => sync(&config, output).await,
        AudiencesCommand::List { config, output } => list(&config, output).await,
    }
}

async fn sync(file: &ConfigFile, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let settings = &super::platform(&config, file)?.aep;
    let Some(credentials) = settings.credentials.clone() else {
        let missing = "audiences are listed with the credentials of a technical account: give client_id and client_secret, or \
                       workspace_file, in [experience_platform]";
        return Err(Failure::Usage(missing.to_owned()));
    };
    let store = config.store.open().await.map_err(failed)?;
    let inventory =
        Tokens::new(&settings.ims, credentials).and_then(|tokens| Inventory::new(settings, tokens, store.clone()));
    let inventory =
        inventory.map_err(|error| Failure::Failed(format!("Experience Platform cannot be called: {error}")))?;
    eprintln!("asking {} for the audiences of sandbox {}", settings.platform, settings.sandbox);
    let report = inventory.sync("command").await;
    let report = report.map_err(|error| Failure::Failed(format!("{error}\n{}", error.advice())))?;
    let flagged = inventory.snapshot().await.map_err(failed)?.flags(&uses(&config).await);
    store.close().await;
    match output {
        Output::Json => print(format_args!("{:#}", report_in_json(&report, &flagged))),
        Output::Text => print_report(&report, &flagged),
    }
    Ok(())
}

fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

async fn uses(config: &config::Config) -> Uses {
    match config::rules(config).await {
        Ok(loaded) => Uses::of(&loaded.ruleset),
        Err(_) => {
            eprintln!("{WRONG_RULES}");
            Uses::default()
        }
    }
}

fn print_report(report: &Report, flagged: &[Flagged]) {
    let Report { listed, first, changes, remarks } = report;
    // Of a first time, everything is new.
    let changes: Vec<_> = changes.iter().filter(|change| !(*first && change.what == What::New)).collect();
    for change in &changes {
        print(format_args!("{change}"));
    }
    for remark in remarks {
        print(format_args!("note: {remark}"));
    }
    for flagged in flagged {
        print(format_args!("warning: {flagged}"));
    }
    match (first, changes.len()) {
        (true, _) => print(format_args!("audiences: {listed}, listed for the first time")),
        (false, 0) => print(format_args!("audiences: {listed}, nothing changed")),
        (false, count) => print(format_args!("audiences: {listed}, changes: {count}")),
    }
}

fn report_in_json(report: &Report, flagged: &[Flagged]) -> Value {
    let changes: Vec<Value> = report
        .changes
        .iter()
        .map(|change| {
            let from = match &change.what {
                What::Renamed { from } => json!(from),
                What::Lifecycle { from, .. } => json!(from.as_str()),
                _ => Value::Null,
            };
            json!({ "what": change.what.as_str(), "id": change.id, "name": change.name, "from": from })
        })
        .collect();
    json!({
        "listed": report.listed, "first": report.first, "changes": changes, "remarks": report.remarks,
        "flags": flags_in_json(flagged),
    })
}

async fn list(file: &ConfigFile, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let settings = &super::platform(&config, file)?.aep;
    let snapshot = snapshot(&config, settings).await.map_err(failed)?;
    let uses = uses(&config).await;
    let flagged = snapshot.flags(&uses);
    match output {
        Output::Json => print(format_args!("{:#}", list_in_json(settings, &snapshot, &uses, &flagged))),
        Output::Text => print_list(settings, &snapshot, &uses, &flagged),
    }
    Ok(())
}

/// What the store knows; reading makes no file.
pub(super) async fn snapshot(config: &config::Config, settings: &Config) -> Result<Snapshot, StoreError> {
    if !config.store.may_hold() {
        return Ok(Snapshot { known: Vec::new(), last: None, good: None });
    }
    let store = config.store.open().await?;
    let snapshot = Snapshot::read(&store, &inventory::scope(settings)).await;
    store.close().await;
    snapshot
}

type Flags<'a> = BTreeMap<&'a str, Vec<&'static str>>;

/// Flags by the id that rules use.
fn by_id(flagged: &[Flagged]) -> Flags<'_> {
    let mut flags = Flags::new();
    for flagged in flagged {
        flags.entry(&flagged.id).or_default().push(flagged.flag.as_str());
    }
    flags
}

fn flags_of<'a>(known: &Known, flags: &Flags<'a>) -> Vec<&'static str> {
    let mut words: Vec<_> = known.audience.membership_ids().filter_map(|id| flags.get(id)).flatten().copied().collect();
    words.dedup();
    words
}

fn print_list(settings: &Config, snapshot: &Snapshot, uses: &Uses, flagged: &[Flagged]) {
    let flags = by_id(flagged);
    let title = ["Audience", "Id", "Origin", "Evaluation", "Status", "Activated", "Last modified", "Used in", "Flags"];
    let mut rows = vec![title.map(str::to_owned)];
    rows.extend(snapshot.known.iter().map(|known| row(known, uses, &flags)));
    if !snapshot.known.is_empty() {
        print_table(&rows);
    }
    for flagged in flagged {
        print(format_args!("warning: {flagged}"));
    }
    print_age(settings, snapshot);
}

fn row(known: &Known, uses: &Uses, flags: &Flags<'_>) -> [String; 9] {
    let audience = &known.audience;
    let ids: Vec<&str> = audience.membership_ids().collect();
    let used_in: Vec<String> = uses.of_audience(audience).into_iter().map(Use::to_string).collect();
    [
        audience.name.clone(),
        ids.join(" = "),
        audience.origin.to_string(),
        audience.evaluation.as_str().to_owned(),
        status(known).to_owned(),
        known.activation.as_str().to_owned(),
        audience.updated.map(minute).unwrap_or_default(),
        used_in.join(", "),
        flags_of(known, flags).join(", "),
    ]
}

fn status(known: &Known) -> &str {
    if known.gone_at.is_some() { "gone" } else { known.audience.lifecycle.as_str() }
}

pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%MZ").to_string()
}

pub(super) fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| match cell.as_str() {
            "" => format!("{:width$}", "-", width = *width),
            cell => format!("{cell:width$}", width = *width),
        });
        print(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn print_age(settings: &Config, snapshot: &Snapshot) {
    let sandbox = &settings.sandbox;
    match &snapshot.good {
        None => {
            print(format_args!("the audiences of sandbox {sandbox} were never listed: `segue audiences sync` does so"))
        }
        Some(good) => {
            print(format_args!(
                "audiences of sandbox {sandbox}: {}, as of {}",
                snapshot.known.len(),
                minute(good.began)
            ));
            if let Some(remark) = &good.remark {
                print(format_args!("note: {remark}"));
            }
        }
    }
    if let Some(Sync { began, error: Some(error), .. }) = &snapshot.last {
        print(format_args!("note: the last attempt, at {}, failed: {error}", minute(*began)));
    }
}

fn list_in_json(settings: &Config, snapshot: &Snapshot, uses: &Uses, flagged: &[Flagged]) -> Value {
    let flags = by_id(flagged);
    let audiences: Vec<Value> = snapshot.known.iter().map(|known| audience_in_json(known, uses, &flags)).collect();
    json!({
        "org": settings.org.as_str(), "sandbox": settings.sandbox,
        "synced": snapshot.good.as_ref().map(sync_in_json), "last_attempt": snapshot.last.as_ref().map(sync_in_json),
        "audiences": audiences, "flags": flags_in_json(flagged),
    })
}

fn audience_in_json(known: &Known, uses: &Uses, flags: &Flags<'_>) -> Value {
    let audience = &known.audience;
    let (activated, destinations) = match &known.activation {
        Activation::Unknown => (Value::Null, Vec::new()),
        Activation::No => (json!(false), Vec::new()),
        Activation::Yes(names) => (json!(true), names.clone()),
    };
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": audience.id, "audience_id": audience.audience_id, "name": audience.name, "description": audience.description,
        "origin": audience.origin.to_string(), "namespace": audience.namespace, "type": audience.kind,
        "evaluation": word(audience.evaluation.as_str()), "status": word(status(known)),
        "activated": activated, "destinations": destinations,
        "created": time(audience.created), "updated": time(audience.updated),
        "first_seen": time(Some(known.first_seen)), "last_seen": time(Some(known.last_seen)), "gone_at": time(known.gone_at),
        "previous_name": known.previous_name,
        "used_in": uses.of_audience(audience).into_iter().map(use_in_json).collect::<Vec<_>>(),
        "flags": flags_of(known, flags),
    })
}

/// Nothing where there is no word.
fn word(word: &str) -> Option<&str> {
    Some(word).filter(|word| !word.is_empty())
}

fn use_in_json(used: &Use) -> Value {
    json!({ "kind": used.kind, "id": &*used.id })
}

fn sync_in_json(sync: &Sync) -> Value {
    json!({
        "at": sync.began.to_string(), "by": sync.cause, "took_ms": u64::try_from(sync.took.as_millis()).unwrap_or(u64::MAX),
        "listed": sync.listed, "complete": sync.complete, "error": sync.error, "remark": sync.remark,
    })
}

fn flags_in_json(flagged: &[Flagged]) -> Vec<Value> {
    let one = |flagged: &Flagged| {
        let used_in: Vec<Value> = flagged.used_in.iter().map(use_in_json).collect();
        json!({
            "flag": flagged.flag.as_str(), "id": &*flagged.id, "name": flagged.name, "used_in": used_in,
            "says": flagged.to_string(),
        })
    };
    flagged.iter().map(one).collect()
}
