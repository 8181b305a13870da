//! `segue commerce`: whether Commerce gives what Segue asks for, and its catalogue.

mod status;
mod sync;

use super::{CommerceCommand, ConfigFile, Failure};
use crate::commerce::{self, Client};
use crate::config::Config;

pub(super) async fn run(command: CommerceCommand) -> Result<(), Failure> {
    match command {
        CommerceCommand::Status { config, output } => status::run(&config, output).await,
        CommerceCommand::Sync { config, full } => sync::run(&config, full).await,
    }
}

/// The section, with a client for it.
fn asked<'c>(config: &'c Config, file: &ConfigFile) -> Result<(&'c commerce::Config, Client), Failure> {
    let Some(settings) = &config.commerce else {
        return Err(Failure::Usage(format!(
            "{} has no section [commerce]: add it, with the access token of an integration; deploy/segue.toml shows how",
            file.config.display()
        )));
    };
    let client = Client::new(settings);
    let client = client.map_err(|error| Failure::Failed(format!("Commerce cannot be called: {error}")))?;
    Ok((settings, client))
}
