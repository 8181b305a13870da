//! One way to ask SQLite and PostgreSQL the same: queries in the SQL that both understand, with `$1` for the first value.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Postgres, Row as _, SqlSafeStr as _, SqlStr, Sqlite, Transaction};

/// Any number: whoever holds this lock changes something, so that a change that first reads sees nothing of another's.
const WRITER: i64 = 0x5365_6775_6500;

/// Connections to a database.
#[derive(Clone, Debug)]
pub(super) enum Pools {
    /// One connection that writes, and some that read.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A value of a query, which says its type also where there is none: PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(super) enum Param {
    Number(Option<i64>),
    Text(Option<String>),
    Flag(bool),
}

/// SQL with its values.
#[derive(Clone, Debug)]
pub(super) struct Query {
    sql: SqlStr,
    values: Vec<Param>,
}

/// A query without values yet.
pub(super) fn query(sql: &'static str) -> Query {
    Query { sql: sql.into_sql_str(), values: Vec::new() }
}

/// A query that is put together of constant parts.
pub(super) fn composed(sql: String) -> Query {
    Query { sql: AssertSqlSafe(sql).into_sql_str(), values: Vec::new() }
}

/// Places for the values of some rows: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let row: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", row.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

impl Query {
    pub(super) fn bind(mut self, value: impl Into<Param>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Param {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Param {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&Option<String>> for Param {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Option<&str>> for Param {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<u32> for Param {
    fn from(number: u32) -> Self {
        Self::Number(Some(number.into()))
    }
}

impl From<Option<i64>> for Param {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<Option<u32>> for Param {
    fn from(number: Option<u32>) -> Self {
        Self::Number(number.map(i64::from))
    }
}

impl From<bool> for Param {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($row:expr, $name:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($name),
            Row::Postgres(row) => row.try_get($name),
        }
    };
}

impl Row {
    pub(super) fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        column!(self, column)
    }

    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        column!(self, column)
    }

    pub(super) fn number(&self, column: &str) -> Result<i64, sqlx::Error> {
        column!(self, column)
    }

    pub(super) fn maybe_number(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        column!(self, column)
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, sqlx::Error> {
        column!(self, column)
    }

    /// A moment, which is kept as milliseconds since 1970.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp, sqlx::Error> {
        Timestamp::from_millisecond(self.number(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// The same, where there may be none.
    pub(super) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
        let time = self.maybe_number(column)?.map(Timestamp::from_millisecond).transpose();
        time.map_err(|error| sqlx::Error::Decode(error.into()))
    }

    pub(super) fn json(&self, column: &str) -> Result<Value, sqlx::Error> {
        serde_json::from_str(&self.text(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// A number that is known to be small, such as a product's id.
    pub(super) fn small(&self, column: &str) -> Result<u32, sqlx::Error> {
        u32::try_from(self.number(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// The same, where there may be none.
    pub(super) fn maybe_small(&self, column: &str) -> Result<Option<u32>, sqlx::Error> {
        let number = self.maybe_number(column)?.map(u32::try_from).transpose();
        number.map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

/// A change that is whole or not at all.
#[derive(Debug)]
pub(super) enum Change {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

macro_rules! bound {
    ($query:expr, $database:ty) => {{
        let Query { sql, values } = $query;
        let mut query = sqlx::query::<$database>(sql);
        for value in values {
            query = match value {
                Param::Number(number) => query.bind(number),
                Param::Text(text) => query.bind(text),
                Param::Flag(flag) => query.bind(flag),
            };
        }
        query
    }};
}

impl Pools {
    /// Begins a change. Whoever begins second waits here and not at the end, when the work would be lost.
    pub(super) async fn begin(&self) -> Result<Change, sqlx::Error> {
        match self {
            Self::Sqlite { writer, .. } => Ok(Change::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Self::Postgres(pool) => {
                let mut change = pool.begin().await?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITER).execute(&mut *change).await?;
                Ok(Change::Postgres(change))
            }
        }
    }

    /// The rows of an answer, as they were before any change that is under way.
    pub(super) async fn fetch(&self, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite { readers, .. } => rows(bound!(query, Sqlite).fetch_all(readers).await, Row::Sqlite),
            Self::Postgres(pool) => rows(bound!(query, Postgres).fetch_all(pool).await, Row::Postgres),
        }
    }

    /// A change of one statement; how many rows it changed.
    pub(super) async fn execute(&self, query: Query) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite { writer, .. } => Ok(bound!(query, Sqlite).execute(writer).await?.rows_affected()),
            Self::Postgres(pool) => Ok(bound!(query, Postgres).execute(pool).await?.rows_affected()),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite { writer, .. } => writer.is_closed(),
            Self::Postgres(pool) => pool.is_closed(),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Change {
    /// The rows of an answer.
    pub(super) async fn fetch(&mut self, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(all) => rows(bound!(query, Sqlite).fetch_all(&mut **all).await, Row::Sqlite),
            Self::Postgres(all) => rows(bound!(query, Postgres).fetch_all(&mut **all).await, Row::Postgres),
        }
    }

    /// The first row of an answer.
    pub(super) async fn first(&mut self, query: Query) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch(query).await?.into_iter().next())
    }

    /// Does something; how many rows it changed.
    pub(super) async fn execute(&mut self, query: Query) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(all) => Ok(bound!(query, Sqlite).execute(&mut **all).await?.rows_affected()),
            Self::Postgres(all) => Ok(bound!(query, Postgres).execute(&mut **all).await?.rows_affected()),
        }
    }

    /// Makes it last.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(all) => all.commit().await,
            Self::Postgres(all) => all.commit().await,
        }
    }
}

fn rows<R>(answer: Result<Vec<R>, sqlx::Error>, of: fn(R) -> Row) -> Result<Vec<Row>, sqlx::Error> {
    Ok(answer?.into_iter().map(of).collect())
}
