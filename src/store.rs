//! What Segue keeps between runs: the inventory of audiences, the catalogue, what Commerce said, codes of coupons, and what the price
//! guard paused, rules that are worked on in the admin UI, and who may. In one SQLite file, or in PostgreSQL where several machines share it.
//!
//! Changes are transactions of one writer at a time, each whole or not at all, also when the power fails; readers never wait for it.
//! Several processes may share a store.

mod audit;
mod catalog;
mod commerce;
mod coupons;
mod db;
#[cfg(test)]
pub(crate) mod fresh;
mod guard;
mod inventory;
mod migrations;
mod people;
mod place;
mod rules;
mod seen;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::fs::OpenOptions;

pub use audit::{Deed, DeedFilter, Doing};
pub(crate) use catalog::BATCH as CATALOG_BATCH;
pub use catalog::Progress;
pub use coupons::GivenCode;
use db::{Change, Pools, Query, Row};
pub use inventory::{Known, Scope, Sync};
pub use people::{Person, Role, Session, Token};
pub use place::{Place, PlaceError};
pub use rules::{Changed, Entry, Expected, Kind, Listening, Publication, Revision, RuleState, Scheduled};

/// How long to wait for another process that is writing. A sync of thousands of audiences takes a fraction of a second.
const BUSY: Duration = Duration::from_secs(5);

/// Connections to SQLite that read at a time; nothing on the way of a page does.
const READERS: u32 = 4;

/// Connections to PostgreSQL of one process at most.
const CONNECTIONS: u32 = 8;

/// How long PostgreSQL may take to say anything at all.
const ANSWER: Duration = Duration::from_secs(30);

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("the store {store} cannot be opened: {source}; [store] file says where it is")]
    Open {
        /// Which one.
        store: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{0} is not a store of Segue: [store] must name another place")]
    Foreign(String),
    /// A newer program has written it.
    #[error(
        "the store {store} is of version {version}, and this Segue knows versions up to {} only: use the newer Segue, or let [store] \
         name another place",
        migrations::NEWEST
    )]
    Newer {
        /// Which one.
        store: String,
        /// Its version.
        version: i64,
    },
    /// What it holds cannot be read.
    #[error("the store {0} is damaged: move it away, and put back a backup of it (segue store backup)")]
    Damaged(String),
    /// Somebody else has been writing for too long.
    #[error("the store {0} is in use by another process, which does not let go of it")]
    Busy(String),
    /// The database does not answer.
    #[error("the store {store} cannot be reached: {source}; [store] url says where it is")]
    Unreachable {
        /// Which one.
        store: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Anything else, such as a full disk.
    #[error("the store {store}: {source}")]
    Database {
        /// Which one.
        store: String,
        /// Why.
        source: sqlx::Error,
    },
}

/// An open store. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// What errors call it: a file's path, or a database's address without what opens it.
    name: String,
    pools: Pools,
}

impl Store {
    /// Opens a file, makes it (for nobody else to read) where there is none, and brings it up to date.
    ///
    /// # Errors
    /// When the file is not to be had, is none of Segue's, or is a newer Segue's.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let name = file.display().to_string();
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file).await;
        opened.map_err(|source| StoreError::Open { store: name.clone(), source })?;
        let failed = |error| failure(&name, error);
        let plain = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY).disable_statement_logging();
        refuse_foreign(&name, &plain).await?;
        let writing = plain.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = || SqlitePoolOptions::new().acquire_timeout(BUSY * 2);
        let writer = pool().max_connections(1).connect_with(writing).await.map_err(failed)?;
        let readers = pool().max_connections(READERS).connect_lazy_with(plain.pragma("query_only", "ON"));
        let store = Self { name, pools: Pools::Sqlite { writer, readers } };
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a database, and makes or updates the tables in it.
    ///
    /// # Errors
    /// When it cannot be reached, has tables of another program's under the same names, or is a newer Segue's.
    pub(crate) async fn connect(name: &str, options: &PgConnectOptions) -> Result<Self, StoreError> {
        let milliseconds = |time: Duration| time.as_millis().to_string();
        let options = options.clone().application_name("segue").disable_statement_logging().options([
            ("lock_timeout", milliseconds(BUSY)),
            ("statement_timeout", milliseconds(ANSWER)),
            ("idle_in_transaction_session_timeout", milliseconds(ANSWER)),
        ]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY);
        let pool = pool.connect_with(options).await.map_err(|error| failure(name, error))?;
        let store = Self { name: name.to_owned(), pools: Pools::Postgres(pool) };
        store.migrate().await?;
        Ok(store)
    }

    /// Writes a copy of a store's file, whole, while it is in use, for nobody else to read.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written. Then there is none. A database has means of its own.
    pub async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        let name = file.display().to_string();
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).await;
        made.map_err(|source| StoreError::Open { store: name.clone(), source })?;
        let copied = self.execute(db::query("VACUUM INTO $1").bind(&name)).await;
        if copied.is_err() {
            // What is half written is no copy, and in the way of the next one.
            let _ = tokio::fs::remove_file(file).await;
        }
        copied.map(drop)
    }

    /// Lets go of it, with everything in its file and nothing beside it. Without this nothing is lost either.
    pub async fn close(self) {
        self.pools.close().await;
    }

    /// Brings the tables up to date. Two processes may open a new store at a time: the first one makes the tables, the other waits and
    /// finds them.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        match &mut all {
            Change::Sqlite(all) => self.migrate_with(&mut **all, migrations::sqlite()).await?,
            Change::Postgres(all) => self.migrate_with(&mut **all, migrations::postgres()).await?,
        }
        self.commit(all).await
    }

    async fn migrate_with(
        &self,
        connection: &mut impl Migrate,
        migrations: Vec<sqlx::migrate::Migration>,
    ) -> Result<(), StoreError> {
        let failed = |error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => self.failed(error),
            error => self.failed(error.into()),
        };
        connection.ensure_migrations_table(migrations::TABLE).await.map_err(failed)?;
        let applied = connection.list_applied_migrations(migrations::TABLE).await.map_err(failed)?;
        if let Some(newer) = applied.iter().find(|applied| applied.version > migrations::NEWEST) {
            return Err(StoreError::Newer { store: self.name.clone(), version: newer.version });
        }
        for migration in migrations {
            match applied.iter().find(|applied| applied.version == migration.version) {
                Some(applied) if applied.checksum == migration.checksum => {}
                Some(_) => return Err(StoreError::Foreign(self.name.clone())),
                None => {
                    connection.apply(migrations::TABLE, &migration).await.map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Begins a change.
    async fn begin(&self) -> Result<Change, StoreError> {
        self.pools.begin().await.map_err(|error| self.failed(error))
    }

    /// Makes a change last.
    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        change.commit().await.map_err(|error| self.failed(error))
    }

    /// What a query answers, row by row.
    async fn fetch<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.pools.fetch(query).await;
        let read = rows.and_then(|rows| rows.iter().map(read).collect());
        read.map_err(|error| self.failed(error))
    }

    /// The first row that a query answers.
    async fn first<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(query, read).await?.into_iter().next())
    }

    /// A change of one statement; how many rows it changed.
    async fn execute(&self, query: Query) -> Result<u64, StoreError> {
        self.pools.execute(query).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        failure(&self.name, error)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Leaves other programs' databases as they are.
async fn refuse_foreign(name: &str, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let failed = |error| failure(name, error);
    let mut connection = options.connect().await.map_err(failed)?;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    match tables.is_empty() || tables.iter().any(|name| name == migrations::TABLE) {
        true => Ok(()),
        false => Err(StoreError::Foreign(name.to_owned())),
    }
}

/// What the databases' codes mean.
fn failure(name: &str, error: sqlx::Error) -> StoreError {
    let store = name.to_owned();
    let Some(code) = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned()) else {
        let is_gone = matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_));
        return match is_gone {
            true => StoreError::Unreachable { store, source: error },
            false => StoreError::Database { store, source: error },
        };
    };
    // PostgreSQL's codes have five characters. SQLite's are numbers, whose low byte is the kind.
    match (code.as_str(), code.parse::<i32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff)) {
        (_, Some(5 | 6)) | ("55P03" | "57014", _) => StoreError::Busy(store),
        (_, Some(11)) | ("XX001" | "XX002", _) => StoreError::Damaged(store),
        (_, Some(26)) | ("42P07", _) => StoreError::Foreign(store),
        (code, None)
            if code.starts_with("08") || code.starts_with("57P") || code.starts_with("28") || code == "3D000" =>
        {
            StoreError::Unreachable { store, source: error }
        }
        _ => StoreError::Database { store, source: error },
    }
}

#[cfg(test)]
mod tests;
