//! What Segue keeps between runs, in one SQLite file: the inventory of audiences, the catalogue, what Commerce said, codes of
//! coupons, and what the price guard paused.
//!
//! Changes are transactions of one writer, each whole or not at all, also when the power fails; readers never wait for it. Several
//! processes of one machine may share the file.

mod catalog;
mod commerce;
mod coupons;
mod guard;
mod inventory;
mod migrations;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::fs::OpenOptions;

pub(crate) use catalog::BATCH as CATALOG_BATCH;
pub use catalog::Progress;
pub use coupons::GivenCode;
pub use inventory::{Known, Scope, Sync};

/// How long to wait for another process that is writing. A sync of thousands of audiences takes a fraction of a second.
const BUSY: Duration = Duration::from_secs(5);

/// Connections that read at a time; nothing on the way of a page does.
const READERS: u32 = 4;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("the store {} cannot be opened: {source}; [store] file says where it is", file.display())]
    Open {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is not a store of Segue: [store] file must name another place", .0.display())]
    Foreign(PathBuf),
    /// A newer program has written it.
    #[error(
        "the store {} is of version {version}, and this Segue knows versions up to {} only: use the newer Segue, or let [store] file \
         name another place, where the audiences are listed anew",
        file.display(),
        migrations::NEWEST
    )]
    Newer {
        /// Which file.
        file: PathBuf,
        /// Its version.
        version: i64,
    },
    /// What it holds cannot be read.
    #[error("the store {} is damaged: move it away, and the audiences are listed anew", .0.display())]
    Damaged(PathBuf),
    /// Somebody else has been writing for too long.
    #[error("the store {} is in use by another process, which does not let go of it", .0.display())]
    Busy(PathBuf),
    /// Anything else, such as a full disk.
    #[error("the store {}: {source}", file.display())]
    Database {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
}

/// An open store.
#[derive(Clone, Debug)]
pub struct Store {
    file: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the store, makes its file (for nobody else to read) where there is none, and brings it up to date.
    ///
    /// # Errors
    /// When the file is not to be had, is none of Segue's, or is a newer Segue's.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file).await;
        opened.map_err(|source| StoreError::Open { file: file.to_owned(), source })?;
        let failed = |error| failure(file, error);
        let plain = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY).disable_statement_logging();
        refuse_foreign(file, &plain).await?;
        let writing = plain.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = || SqlitePoolOptions::new().acquire_timeout(BUSY * 2);
        let writer = pool().max_connections(1).connect_with(writing).await.map_err(failed)?;
        let readers = pool().max_connections(READERS).connect_lazy_with(plain.pragma("query_only", "ON"));
        let store = Self { file: file.to_owned(), writer, readers };
        store.migrate().await?;
        Ok(store)
    }

    /// Lets go of the file, with everything in it and nothing beside it. Without this nothing is lost either.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Brings the tables up to date. Two processes may open a new file at a time: the first one makes the tables, the other waits and
    /// finds them.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => self.failed(error),
            error => self.failed(error.into()),
        };
        all.ensure_migrations_table(migrations::TABLE).await.map_err(failed)?;
        let applied = all.list_applied_migrations(migrations::TABLE).await.map_err(failed)?;
        if let Some(newer) = applied.iter().find(|applied| applied.version > migrations::NEWEST) {
            return Err(StoreError::Newer { file: self.file.clone(), version: newer.version });
        }
        for migration in migrations::all() {
            match applied.iter().find(|applied| applied.version == migration.version) {
                Some(applied) if applied.checksum == migration.checksum => {}
                Some(_) => return Err(StoreError::Foreign(self.file.clone())),
                None => {
                    all.apply(migrations::TABLE, &migration).await.map_err(failed)?;
                }
            }
        }
        all.commit().await.map_err(|error| self.failed(error))
    }

    /// Begins a change. Whoever begins second waits here and not at the end, when the work would be lost.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        failure(&self.file, error)
    }
}

/// Leaves other programs' databases as they are.
async fn refuse_foreign(file: &Path, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let failed = |error| failure(file, error);
    let mut connection = options.connect().await.map_err(failed)?;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    match tables.is_empty() || tables.iter().any(|name| name == migrations::TABLE) {
        true => Ok(()),
        false => Err(StoreError::Foreign(file.to_owned())),
    }
}

/// What SQLite's codes mean; the low byte is the kind.
fn failure(file: &Path, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    let file = file.to_owned();
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => StoreError::Busy(file),
        Some(11) => StoreError::Damaged(file),
        Some(26) => StoreError::Foreign(file),
        _ => StoreError::Database { file, source: error },
    }
}

#[cfg(test)]
mod tests;
