//! The inventory's tables.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::db::{Change, Query, Row, composed, places, query};
use super::{Store, StoreError};
use crate::aep::audiences::{Audience, Evaluation, Lifecycle, Origin};
use crate::aep::destinations::Activation;

/// Rows written with one statement: twenty values each, far below the 32,766 that SQLite takes, and PostgreSQL's 65,535.
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
        self.fetch(select(scope), known).await
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
        let one = |sql| self.first(query(sql).bind(&scope.org).bind(&scope.sandbox).bind(now), sync);
        Ok((one(last).await?, one(good).await?))
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
        let rows = all.fetch(select(scope)).await.map_err(failed)?;
        let known = rows.iter().map(known).collect::<Result<_, _>>().map_err(failed)?;
        let (rows, sync, answer) = change(known);
        for batch in rows.chunks(BATCH) {
            write(&mut all, scope, batch).await.map_err(failed)?;
        }
        note(&mut all, scope, &sync).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(answer)
    }

    /// Notes an attempt that brought nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_failure(&self, scope: &Scope, sync: &Sync) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        note(&mut all, scope, sync).await.map_err(|error| self.failed(error))?;
        self.commit(all).await
    }
}

fn select(scope: &Scope) -> Query {
    let sql = "SELECT * FROM audiences WHERE org = $1 AND sandbox = $2 ORDER BY name, id";
    query(sql).bind(&scope.org).bind(&scope.sandbox)
}

fn known(row: &Row) -> Result<Known, sqlx::Error> {
    let audience = Audience {
        id: row.text("id")?,
        audience_id: row.text("audience_id")?,
        name: row.text("name")?,
        description: row.maybe_text("description")?,
        kind: row.maybe_text("kind")?,
        origin: Origin(row.maybe_text("origin")?),
        namespace: row.maybe_text("namespace")?,
        lifecycle: Lifecycle::of(row.maybe_text("lifecycle")?),
        evaluation: Evaluation::of(&row.text("evaluation")?),
        created: row.maybe_number("created")?.and_then(time),
        updated: row.maybe_number("updated")?.and_then(time),
        sandbox: row.maybe_text("sandbox_said")?,
    };
    Ok(Known {
        audience,
        activation: match row.text("activation")?.as_str() {
            "yes" => Activation::Yes(serde_json::from_str(&row.text("destinations")?).unwrap_or_default()),
            "no" => Activation::No,
            _ => Activation::Unknown,
        },
        first_seen: time(row.number("first_seen")?).unwrap_or_default(),
        last_seen: time(row.number("last_seen")?).unwrap_or_default(),
        previous_name: row.maybe_text("previous_name")?,
        gone_at: row.maybe_number("gone_at")?.and_then(time),
    })
}

fn time(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

async fn write(all: &mut Change, scope: &Scope, rows: &[Known]) -> Result<(), sqlx::Error> {
    let columns = COLUMNS.split(", ");
    let set: Vec<String> = columns.clone().skip(1).map(|column| format!("{column} = excluded.{column}")).collect();
    let values = places(rows.len(), columns.count() + 2);
    let mut insert = composed(format!(
        "INSERT INTO audiences (org, sandbox, {COLUMNS}) VALUES {values} ON CONFLICT (org, sandbox, id) DO UPDATE SET {}",
        set.join(", ")
    ));
    for known in rows {
        let Known { audience, activation, .. } = known;
        let lifecycle = Some(audience.lifecycle.as_str()).filter(|word| !word.is_empty());
        insert = insert.bind(&scope.org).bind(&scope.sandbox);
        insert = insert.bind(&audience.id).bind(&audience.audience_id).bind(&audience.name);
        insert = insert.bind(&audience.description).bind(&audience.kind).bind(&audience.origin.0);
        insert = insert.bind(&audience.namespace).bind(lifecycle).bind(audience.evaluation.as_str());
        insert = insert.bind(&audience.sandbox);
        insert = insert.bind(audience.created.map(Timestamp::as_millisecond));
        insert = insert.bind(audience.updated.map(Timestamp::as_millisecond));
        insert = insert.bind(activation.as_str()).bind(names(activation));
        insert = insert.bind(known.first_seen.as_millisecond()).bind(known.last_seen.as_millisecond());
        insert = insert.bind(&known.previous_name).bind(known.gone_at.map(Timestamp::as_millisecond));
    }
    all.execute(insert).await.map(drop)
}

fn names(activation: &Activation) -> String {
    let Activation::Yes(names) = activation else { return "[]".to_owned() };
    serde_json::Value::from(names.clone()).to_string()
}

async fn note(all: &mut Change, scope: &Scope, sync: &Sync) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO syncs (id, org, sandbox, began, took, cause, listed, odd, changes, complete, error, remark) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let insert = query(insert)
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
        .bind(&sync.remark);
    all.execute(insert).await?;
    let forget = "DELETE FROM syncs WHERE org = $1 AND sandbox = $2 AND (error IS NULL) = $3 AND began < (SELECT began FROM syncs \
                  WHERE org = $1 AND sandbox = $2 AND (error IS NULL) = $3 ORDER BY began DESC LIMIT 1 OFFSET $4)";
    let forget = query(forget).bind(&scope.org).bind(&scope.sandbox).bind(sync.error.is_none());
    all.execute(forget.bind(REMEMBERED - 1)).await.map(drop)
}

fn sync(row: &Row) -> Result<Sync, sqlx::Error> {
    Ok(Sync {
        began: time(row.number("began")?).unwrap_or_default(),
        took: Duration::from_millis(u64::try_from(row.number("took")?).unwrap_or_default()),
        cause: row.text("cause")?,
        listed: row.small("listed")?,
        odd: row.small("odd")?,
        changes: row.small("changes")?,
        complete: row.flag("complete")?,
        error: row.maybe_text("error")?,
        remark: row.maybe_text("remark")?,
    })
}
