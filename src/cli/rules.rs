//! `segue rules`: between a rules file and what is worked on in the admin UI.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, RulesCommand, print};
use crate::admin::{Desk, Names, What, own};
use crate::config::{Config, RulesSource};
use crate::inventory::{Snapshot, scope};
use crate::rule::Ruleset;
use crate::store::{Changed, Doing, Kind, Publication, Store, StoreError};

pub(super) async fn run(command: RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::Export { config, drafts } => export(&config.load()?, drafts).await,
        RulesCommand::Import { config, file, publish } => import(&config.load()?, &file, publish).await,
        RulesCommand::Diff { config, file } => diff(&config.load()?, file.as_deref()).await,
    }
}

fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

async fn open(config: &Config) -> Result<Store, Failure> {
    if let RulesSource::File(path) = &config.rules {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "rules come from {path}: say store = true under [rules] instead of file to keep them in the store"
        )));
    }
    config.store.open().await.map_err(failed)
}

/// Prints a rules file.
async fn export(config: &Config, drafts: bool) -> Result<(), Failure> {
    let store = open(config).await?;
    let rules = match drafts {
        true => desk(config, &store, None).await.map(|desk| desk.document()),
        false => live(&store).await,
    };
    store.close().await;
    print(format_args!("{:#}", rules?));
    Ok(())
}

async fn live(store: &Store) -> Result<Value, Failure> {
    let newest = store.newest_rules().await.map_err(failed)?;
    newest.map_or_else(|| Ok(json!({ "version": 1 })), |(_, rules)| read(rules.as_bytes(), "what is live"))
}

fn read(bytes: &[u8], name: &str) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Failed(format!("{name}: {error}")))
}

/// What is worked on beside what is live, or beside a rules file.
async fn desk(config: &Config, store: &Store, beside: Option<&Value>) -> Result<Desk, Failure> {
    let state = store.rule_state().await.map_err(failed)?;
    let entries = store.rule_entries().await.map_err(failed)?;
    let inventory = inventory(config, store).await?;
    let live = match beside {
        Some(rules) => rules.clone(),
        None => live(store).await?,
    };
    Ok(Desk::new(state, entries, &live, inventory))
}

/// What Experience Platform's audiences are called.
async fn inventory(config: &Config, store: &Store) -> Result<Names, Failure> {
    let Some(platform) = &config.platform else { return Ok(Names::new()) };
    let known = Snapshot::read(store, &scope(&platform.aep)).await.map_err(failed)?.known.into_iter();
    let known = known.filter(|known| known.gone_at.is_none());
    Ok(known.map(|known| (known.audience.id, known.audience.name)).collect())
}

/// Makes a rules file what is worked on, and publishes it where that is asked for.
async fn import(config: &Config, file: &Path, publish: bool) -> Result<(), Failure> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| Failure::Usage(format!("{name} cannot be read: {error}")))?;
    let (ruleset, warnings) = Ruleset::parse(&name, &bytes, &config.sites)?;
    for warning in &warnings {
        print(format_args!("warning: {warning}"));
    }
    let rules = read(&bytes, &name)?;
    let store = open(config).await?;
    let drafts = own(&rules, &inventory(config, &store).await?);
    let doing = Doing { who: "command line", action: "rules.import", subject: &name, detail: "" };
    let done = match publish {
        true => {
            let publication = Publication {
                rules: &rules,
                note: &name,
                who: "command line",
                again: None,
                detail: "imported from a file",
            };
            store.publish(&publication, None, Some(&drafts)).await
        }
        false => store.replace_entries(&drafts, None, doing).await,
    };
    store.close().await;
    let Changed::Done(number) = done.map_err(failed)? else {
        return Err(Failure::Failed("somebody else has changed the rules meanwhile: try again".to_owned()));
    };
    let (offers, blocks) = (ruleset.offers.len(), ruleset.blocks.len());
    match publish {
        true => print(format_args!("published as revision {number}: offers: {offers}, blocks: {blocks}")),
        false => print(format_args!(
            "the drafts are those of the file: offers: {offers}, blocks: {blocks}; the admin UI publishes them"
        )),
    }
    Ok(())
}

/// Says how what is worked on differs from what is live, or from a rules file.
async fn diff(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    let beside = match file {
        Some(file) => {
            let name = file.display().to_string();
            let bytes =
                std::fs::read(file).map_err(|error| Failure::Usage(format!("{name} cannot be read: {error}")))?;
            Some(read(&bytes, &name)?)
        }
        None => None,
    };
    let store = open(config).await?;
    let desk = desk(config, &store, beside.as_ref()).await;
    store.close().await;
    let differences = desk?.differences();
    for difference in &differences {
        let (word, lines) = match &difference.what {
            What::Added(lines) => ("new", lines.as_slice()),
            What::Removed => ("deleted", [].as_slice()),
            What::Changed(lines) => ("changed", lines.as_slice()),
        };
        let what = if difference.kind == Kind::Block { "block" } else { difference.kind.as_str() };
        print(format_args!("{what} {} ({}) {word}", difference.id, difference.name));
        for line in lines {
            print(format_args!("  {line}"));
        }
    }
    if differences.is_empty() {
        print("no difference");
    }
    Ok(())
}
