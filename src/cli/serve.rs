//! `segue serve`: runs the proxy until it is told to stop.

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, Failure};
use crate::app::{App, StartError};
use crate::config::{self, LoadedRules, RulesError};
use crate::telemetry;

pub(super) async fn run(file: &ConfigFile) -> Result<(), Failure> {
    let read = config::load_with_rules(&file.config, std::env::vars()).await;
    let (config, loaded) = match read {
        // Pages flow without rules, and rules come once the store is there.
        Err(RulesError::Store(error)) => {
            eprintln!("{error}: serving without rules until it is there");
            (file.load()?, LoadedRules::none())
        }
        read => read?,
    };
    telemetry::start_logging(config.log_format, &config.log_filter)
        .map_err(|error| Failure::Usage(format!("log.level: {error}")))?;
    let stop = stopped();
    let verifier = super::offers::verifier(&config);
    let app = App::bind(config, loaded).await.map_err(failure)?;
    app.verify_by(verifier);
    tracing::info!(listen = app.address().ok().map(tracing::field::display), "ready");
    app.run(stop).await;
    Ok(())
}

pub(super) fn failure(error: StartError) -> Failure {
    match error {
        StartError::Mistakes(mistakes) => Failure::Mistakes(mistakes),
        error => Failure::Failed(error.to_string()),
    }
}

/// Ends with SIGTERM or SIGINT. Both are caught from this call on, so that whoever stops Segue right after it said that it is
/// ready stops it in order too.
pub(super) fn stopped() -> impl Future<Output = ()> {
    let signals =
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    async move {
        match signals {
            Ok((mut terminate, mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            // Without signal handlers the system's defaults end the process.
            Err(_) => std::future::pending().await,
        }
        tracing::info!("stopping: what is under way is finished first");
    }
}
