//! Logs and metrics.

mod metrics;
pub mod pages;

use tracing_subscriber::EnvFilter;

pub use metrics::Metrics;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object per line.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not in the form `level` or `target=level,...`.
    #[error("log filter `{0}`: must be a level or a list of target=level")]
    Filter(String),
    /// Logging was started before in this process.
    #[error("logging was started already")]
    Started,
}

/// Starts logging to standard error, by a filter such as `info` or `warn,segue::access=info`.
pub fn start_logging(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| LogError::Filter(filter.to_owned()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LogError::Started)
}
