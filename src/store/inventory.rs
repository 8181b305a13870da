//! The inventory's tables.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::aep::audiences::{Audience, Evaluation, Lifecycle, Origin};
use crate::aep::destinations::Activation;

/// Rows written with one statement: twenty values each, far below the 32,766 that SQLite takes.
const BATCH: usize = 200;

/// Attempts that are remembered, of the good ones and of the failed ones each: with one in fifteen minutes, those of five days.
const REMEMBERED: i64 = 500;

const COLUMNS: &str = "id, audience_id, name, description, kind, origin, namespace, lifecycle, evaluation, sandbox_said, \
                       created, updated, activation, destinations, first_seen, last_seen, previous_name, gone_at";

/// Whose audiences: a sandbox of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The organisation's id.
    pub org: String,
    /// The sandbox's name.
    pub sandbox: String,
}

/// An audience and what is known about it beside what Adobe says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// As it was last seen.
    pub audience: Audience,
    /// Whether it is activated for this shop.
    pub activation: Activation,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// What it was called before, if it was ever called otherwise.
    pub previous_name: Option<String>,
    /// When it was noticed to be deleted.
    pub gone_at: Option<Timestamp>,
}

/// An attempt to learn which audiences there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    /// When it began.
    pub began: Timestamp,
    /// How long it took, to the millisecond.
    pub took: Duration,
    /// Why it was made: `start`, `schedule` or `command`.
    pub cause: String,
    /// How many audiences were listed.
    pub listed: u32,
    /// How many could not be understood.
    pub odd: u32,
    /// How many things changed.
    pub changes: u32,
    /// Whether the list was read to its end, so that what is not on it does not exist.
    pub complete: bool,
    /// Why nothing was learnt.
    pub error: Option<String>,
    /// What was learnt in part only.
    pub remark: Option<String>,
}

impl Store {
    /// The audiences of a sandbox, gone ones too, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audiences(&self, scope: &Scope) -> Result<Vec<Known>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(|error| self.failed(error))?;
        read(&mut reader, scope).await.map_err(|error| self.failed(error))
    }

    /// The last attempt, and the last good one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_syncs(&self, scope: &Scope) -> Result<(Option<Sync>, Option<Sync>), StoreError> {
        let last = "SELECT * FROM syncs WHERE org = $1 AND sandbox = $2 AND began <= $3 ORDER BY began DESC LIMIT 1";
        let good = "SELECT * FROM syncs WHERE org = $1 AND sandbox = $2 AND began <= $3 AND error IS NULL \
                    ORDER BY began DESC LIMIT 1";
        // What a clock that was wrong dated ahead would be the last one for ever.
        let now = Timestamp::now().as_millisecond();
        let one = async |sql: &'static str| {
            let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(now);
            let row = query.fetch_optional(&self.readers).await?;
            row.as_ref().map(sync).transpose()
        };
        let both = async { Ok((one(last).await?, one(good).await?)) };
        both.await.map_err(|error| self.failed(error))
    }

    /// Changes the audiences of a sandbox in one transaction: `change` gets those that are known and says which rows to write, and what
    /// to note of the attempt.
    ///
    /// # Errors
    /// When the store cannot be written. Then it is as before.
    pub async fn change_audiences<T>(
        &self,
        scope: &Scope,
        change: impl FnOnce(Vec<Known>) -> (Vec<Known>, Sync, T),
    ) -> Result<T, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let known = read(&mut all, scope).await.map_err(failed)?;
        let (rows, sync, answer) = change(known);
        for batch in rows.chunks(BATCH) {
            write(&mut all, scope, batch).await.map_err(failed)?;
        }
        note(&mut all, scope, &sync).await.map_err(failed)?;
        all.commit().await.map_err(failed)?;
        Ok(answer)
    }

    /// Notes an attempt that brought nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_failure(&self, scope: &Scope, sync: &Sync) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        note(&mut all, scope, sync).await.map_err(|error| self.failed(error))?;
        all.commit().await.map_err(|error| self.failed(error))
    }
}

async fn read(connection: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Known>, sqlx::Error> {
    let sql = "SELECT * FROM audiences WHERE org = $1 AND sandbox = $2 ORDER BY name, id";
    let rows = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).fetch_all(connection).await?;
    rows.iter().map(known).collect()
}

fn known(row: &SqliteRow) -> Result<Known, sqlx::Error> {
    let audience = Audience {
        id: row.try_get("id")?,
        audience_id: row.try_get("audience_id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        kind: row.try_get("kind")?,
        origin: Origin(row.try_get("origin")?),
        namespace: row.try_get("namespace")?,
        lifecycle: Lifecycle::of(row.try_get("lifecycle")?),
        evaluation: Evaluation::of(row.try_get("evaluation")?),
        created: row.try_get::<Option<i64>, _>("created")?.and_then(time),
        updated: row.try_get::<Option<i64>, _>("updated")?.and_then(time),
        sandbox: row.try_get("sandbox_said")?,
    };
    let destinations: String = row.try_get("destinations")?;
    Ok(Known {
        audience,
        activation: match row.try_get("activation")? {
            "yes" => Activation::Yes(serde_json::from_str(&destinations).unwrap_or_default()),
            "no" => Activation::No,
            _ => Activation::Unknown,
        },
        first_seen: time(row.try_get("first_seen")?).unwrap_or_default(),
        last_seen: time(row.try_get("last_seen")?).unwrap_or_default(),
        previous_name: row.try_get("previous_name")?,
        gone_at: row.try_get::<Option<i64>, _>("gone_at")?.and_then(time),
    })
}

fn time(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

async fn write(connection: &mut SqliteConnection, scope: &Scope, rows: &[Known]) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::new("INSERT INTO audiences (org, sandbox, ");
    insert.push(COLUMNS).push(") ");
    insert.push_values(rows, |mut values, known| {
        let Known { audience, activation, .. } = known;
        let lifecycle = Some(audience.lifecycle.as_str()).filter(|word| !word.is_empty());
        values.push_bind(&scope.org).push_bind(&scope.sandbox);
        values.push_bind(&audience.id).push_bind(&audience.audience_id).push_bind(&audience.name);
        values.push_bind(&audience.description).push_bind(&audience.kind).push_bind(&audience.origin.0);
        values.push_bind(&audience.namespace).push_bind(lifecycle).push_bind(audience.evaluation.as_str());
        values.push_bind(&audience.sandbox);
        values.push_bind(audience.created.map(Timestamp::as_millisecond));
        values.push_bind(audience.updated.map(Timestamp::as_millisecond));
        values.push_bind(activation.as_str()).push_bind(names(activation));
        values.push_bind(known.first_seen.as_millisecond()).push_bind(known.last_seen.as_millisecond());
        values.push_bind(&known.previous_name).push_bind(known.gone_at.map(Timestamp::as_millisecond));
    });
    insert.push(" ON CONFLICT (org, sandbox, id) DO UPDATE SET ");
    let mut columns = insert.separated(", ");
    for column in COLUMNS.split(", ").skip(1) {
        columns.push(column).push_unseparated(" = excluded.").push_unseparated(column);
    }
    insert.build().execute(connection).await?;
    Ok(())
}

fn names(activation: &Activation) -> String {
    let Activation::Yes(names) = activation else { return "[]".to_owned() };
    serde_json::Value::from(names.clone()).to_string()
}

async fn note(connection: &mut SqliteConnection, scope: &Scope, sync: &Sync) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO syncs (id, org, sandbox, began, took, cause, listed, odd, changes, complete, error, remark) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(insert)
        .bind(Uuid::new_v4().to_string())
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(sync.began.as_millisecond())
        .bind(i64::try_from(sync.took.as_millis()).unwrap_or(i64::MAX))
        .bind(&sync.cause)
        .bind(sync.listed)
        .bind(sync.odd)
        .bind(sync.changes)
        .bind(sync.complete)
        .bind(&sync.error)
        .bind(&sync.remark)
        .execute(&mut *connection)
        .await?;
    let forget = "DELETE FROM syncs WHERE org = $1 AND sandbox = $2 AND (error IS NULL) = $3 AND began < (SELECT began FROM syncs \
                  WHERE org = $1 AND sandbox = $2 AND (error IS NULL) = $3 ORDER BY began DESC LIMIT 1 OFFSET $4)";
    let forget = sqlx::query(forget).bind(&scope.org).bind(&scope.sandbox).bind(sync.error.is_none());
    forget.bind(REMEMBERED - 1).execute(connection).await?;
    Ok(())
}

fn sync(row: &SqliteRow) -> Result<Sync, sqlx::Error> {
    Ok(Sync {
        began: time(row.try_get("began")?).unwrap_or_default(),
        took: Duration::from_millis(u64::try_from(row.try_get::<i64, _>("took")?).unwrap_or_default()),
        cause: row.try_get("cause")?,
        listed: row.try_get("listed")?,
        odd: row.try_get("odd")?,
        changes: row.try_get("changes")?,
        complete: row.try_get("complete")?,
        error: row.try_get("error")?,
        remark: row.try_get("remark")?,
    })
}
