//! Rules: as they are being worked on, and as they were published.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgListener;

use super::audit::{Doing, note};
use super::db::{Change, Pools, Row, composed, places, query};
use super::{Store, StoreError};

/// Where PostgreSQL tells of revisions.
const CHANNEL: &str = "segue_rules";

/// How long to wait after the connection was lost.
const LOST: Duration = Duration::from_millis(500);

/// Entries written with one statement.
const BATCH: usize = 500;

/// What a rules file has lists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Audiences that rules may name.
    Audience,
    /// Offers.
    Offer,
    /// Dynamic blocks.
    Block,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Audience, Self::Offer, Self::Block];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Offer => "offer",
            Self::Block => "block",
        }
    }

    /// The list of a rules file.
    pub fn list(self) -> &'static str {
        match self {
            Self::Audience => "audiences",
            Self::Offer => "offers",
            Self::Block => "blocks",
        }
    }

    fn of(word: &str) -> Result<Self, sqlx::Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| sqlx::Error::Decode("no kind of entry".into()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An audience, offer or block that is being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its id, unique among those of its kind.
    pub id: String,
    /// It, as in a rules file.
    pub value: Value,
    /// The number of the change that made it so.
    pub version: i64,
    /// When that was.
    pub changed_at: Timestamp,
    /// Who made it so.
    pub changed_by: String,
}

/// How far the rules are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleState {
    /// How many changes were made: as long as it is the same, so are all entries.
    pub changes: i64,
    /// The newest revision; 0 before the first.
    pub revision: i64,
}

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its number, from 1.
    pub number: i64,
    /// What its publisher wrote to it.
    pub note: String,
    /// When.
    pub published_at: Timestamp,
    /// By whom.
    pub published_by: String,
    /// The revision whose rules it has again.
    pub again: Option<i64>,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// A rules file.
    pub rules: &'a Value,
    /// What its publisher writes to it.
    pub note: &'a str,
    /// By whom.
    pub who: &'a str,
    /// The revision whose rules it has again.
    pub again: Option<i64>,
    /// What changed, in words, for the record.
    pub detail: &'a str,
}

/// Something that is to be published later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// A rules file.
    pub rules: Value,
    /// What its publisher wrote to it.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
}

/// What an entry must be like for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is none.
    None,
    /// It has this version.
    Version(i64),
    /// Whatever it is like.
    Any,
}

/// Hears of revisions.
#[derive(Debug)]
pub struct Listening(PgListener);

impl Listening {
    /// Waits until something was published, or may have been.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_err() {
            // It connects again by itself; whoever waits asks the store meanwhile.
            tokio::time::sleep(LOST).await;
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed<T> {
    /// It was made.
    Done(T),
    /// It was not, since somebody else has changed something meanwhile.
    Conflict,
}

impl Store {
    /// How far the rules are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule_state(&self) -> Result<RuleState, StoreError> {
        let state = self.first(query(STATE), state).await?;
        Ok(state.unwrap_or_default())
    }

    /// Everything that is being worked on, by kind and id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule_entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.fetch(query("SELECT * FROM rule_entries ORDER BY kind, id"), entry).await
    }

    /// The entries that were written by changes after one, by kind and id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule_entries_after(&self, change: i64) -> Result<Vec<Entry>, StoreError> {
        let sql = "SELECT * FROM rule_entries WHERE version > $1 ORDER BY kind, id";
        self.fetch(query(sql).bind(change), entry).await
    }

    /// How many entries are worked on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rule_entry_count(&self) -> Result<usize, StoreError> {
        let count = self.first(query("SELECT count(*) AS count FROM rule_entries"), |row| row.number("count")).await?;
        Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
    }

    /// Writes an entry; its new version. With a former id it takes that entry's place.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn save_entry(
        &self,
        kind: Kind,
        id: &str,
        value: &Value,
        former: Option<&str>,
        expected: Expected,
        doing: Doing<'_>,
    ) -> Result<Changed<i64>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let place = former.unwrap_or(id);
        let is_as_expected = matches(&mut all, kind, place, expected).await.map_err(failed)?;
        let is_free = place == id || matches(&mut all, kind, id, Expected::None).await.map_err(failed)?;
        if !is_as_expected || !is_free {
            return Ok(Changed::Conflict);
        }
        if place != id {
            remove(&mut all, kind, place).await.map_err(failed)?;
        }
        let version = count_change(&mut all).await.map_err(failed)?;
        write(&mut all, version, doing.who, &[(kind, id, value)]).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(version))
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn delete_entry(
        &self,
        kind: Kind,
        id: &str,
        expected: Expected,
        doing: Doing<'_>,
    ) -> Result<Changed<()>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if !matches(&mut all, kind, id, expected).await.map_err(failed)? {
            return Ok(Changed::Conflict);
        }
        count_change(&mut all).await.map_err(failed)?;
        remove(&mut all, kind, id).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(()))
    }

    /// Replaces everything that is being worked on by the entries of a rules file, as long as nobody has made another change than the
    /// one with this number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn replace_entries(
        &self,
        rules: &Value,
        expected: Option<i64>,
        doing: Doing<'_>,
    ) -> Result<Changed<i64>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if !is_at(&mut all, expected).await.map_err(failed)? {
            return Ok(Changed::Conflict);
        }
        let version = replace(&mut all, rules, doing.who).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(version))
    }

    /// Publishes a rules file, as long as nobody has made another change than the one with this number; its revision. With `replacing`,
    /// the entries of that rules file become what is being worked on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn publish(
        &self,
        publication: &Publication<'_>,
        expected: Option<i64>,
        replacing: Option<&Value>,
    ) -> Result<Changed<i64>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if !is_at(&mut all, expected).await.map_err(failed)? {
            return Ok(Changed::Conflict);
        }
        let number = publish(&mut all, publication, replacing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(number))
    }

    /// What tells of a revision as soon as it is published; `None` of a file, which has to be asked.
    ///
    /// # Errors
    /// When the store is not to be had.
    pub async fn listen(&self) -> Result<Option<Listening>, StoreError> {
        let Pools::Postgres(pool) = &self.pools else { return Ok(None) };
        let listen = async {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.listen(CHANNEL).await?;
            Ok(Some(Listening(listener)))
        };
        listen.await.map_err(|error| self.failed(error))
    }

    /// Revisions, the newest first: `most` of them below a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revisions(&self, below: Option<i64>, most: u32) -> Result<Vec<Revision>, StoreError> {
        let sql = "SELECT number, note, published_at, published_by, again FROM rule_revisions WHERE number < $1 \
                   ORDER BY number DESC LIMIT $2";
        self.fetch(query(sql).bind(below.unwrap_or(i64::MAX)).bind(most), revision).await
    }

    /// The rules file of a revision, as text.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision_rules(&self, number: i64) -> Result<Option<String>, StoreError> {
        self.first(query("SELECT rules FROM rule_revisions WHERE number = $1").bind(number), |row| row.text("rules"))
            .await
    }

    /// The newest revision and its rules file, as text.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_rules(&self) -> Result<Option<(i64, String)>, StoreError> {
        let sql = "SELECT number, rules FROM rule_revisions ORDER BY number DESC LIMIT 1";
        self.first(query(sql), |row| Ok((row.number("number")?, row.text("rules")?))).await
    }

    /// Keeps a rules file to be published later, instead of any other.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn schedule(
        &self,
        scheduled: &Scheduled,
        expected: Option<i64>,
        doing: Doing<'_>,
    ) -> Result<Changed<()>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if !is_at(&mut all, expected).await.map_err(failed)? {
            return Ok(Changed::Conflict);
        }
        let sql = "INSERT INTO rule_schedule (one, rules, note, at, who) VALUES (1, $1, $2, $3, $4) ON CONFLICT (one) DO UPDATE SET \
                   rules = excluded.rules, note = excluded.note, at = excluded.at, who = excluded.who";
        let Scheduled { rules, note: words, at, who } = scheduled;
        let keep = query(sql).bind(rules.to_string()).bind(words).bind(at.as_millisecond()).bind(who);
        all.execute(keep).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(()))
    }

    /// What is to be published later.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn scheduled(&self) -> Result<Option<Scheduled>, StoreError> {
        self.first(query("SELECT * FROM rule_schedule"), scheduled).await
    }

    /// Forgets what is to be published later; whether there was anything.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn unschedule(&self, doing: Doing<'_>) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let gone = all.execute(query("DELETE FROM rule_schedule")).await.map_err(failed)?;
        if gone > 0 {
            note(&mut all, doing).await.map_err(failed)?;
        }
        self.commit(all).await?;
        Ok(gone > 0)
    }

    /// Publishes what was to be published by now; its revision. Of several processes that ask, one does it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn publish_scheduled(&self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let failed = |error| self.failed(error);
        if self.scheduled().await?.is_none_or(|scheduled| scheduled.at > now) {
            return Ok(None);
        }
        let mut all = self.begin().await?;
        let row = all.first(query("SELECT * FROM rule_schedule WHERE at <= $1").bind(now.as_millisecond())).await;
        let Some(due) = row.and_then(|row| row.as_ref().map(scheduled).transpose()).map_err(failed)? else {
            return Ok(None);
        };
        all.execute(query("DELETE FROM rule_schedule")).await.map_err(failed)?;
        let Scheduled { rules, note, who, .. } = &due;
        let publication = Publication { rules, note, who, again: None, detail: "as it was scheduled" };
        let number = publish(&mut all, &publication, None).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Some(number))
    }
}

const STATE: &str = "SELECT changes, revision FROM rule_state";

fn state(row: &Row) -> Result<RuleState, sqlx::Error> {
    Ok(RuleState { changes: row.number("changes")?, revision: row.number("revision")? })
}

fn entry(row: &Row) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        kind: Kind::of(&row.text("kind")?)?,
        id: row.text("id")?,
        value: row.json("entry")?,
        version: row.number("version")?,
        changed_at: row.time("changed_at")?,
        changed_by: row.text("changed_by")?,
    })
}

fn revision(row: &Row) -> Result<Revision, sqlx::Error> {
    Ok(Revision {
        number: row.number("number")?,
        note: row.text("note")?,
        published_at: row.time("published_at")?,
        published_by: row.text("published_by")?,
        again: row.maybe_number("again")?,
    })
}

fn scheduled(row: &Row) -> Result<Scheduled, sqlx::Error> {
    Ok(Scheduled { rules: row.json("rules")?, note: row.text("note")?, at: row.time("at")?, who: row.text("who")? })
}

async fn matches(all: &mut Change, kind: Kind, id: &str, expected: Expected) -> Result<bool, sqlx::Error> {
    let sql = "SELECT version FROM rule_entries WHERE kind = $1 AND id = $2";
    let found = all.first(query(sql).bind(kind.as_str()).bind(id)).await?;
    let version = found.map(|row| row.number("version")).transpose()?;
    Ok(match expected {
        Expected::Any => true,
        Expected::None => version.is_none(),
        Expected::Version(wanted) => version == Some(wanted),
    })
}

/// Whether no change was made after the one with this number.
async fn is_at(all: &mut Change, expected: Option<i64>) -> Result<bool, sqlx::Error> {
    let Some(expected) = expected else { return Ok(true) };
    let now = all.first(query(STATE)).await?.as_ref().map(state).transpose()?;
    Ok(now.unwrap_or_default().changes == expected)
}

async fn count_change(all: &mut Change) -> Result<i64, sqlx::Error> {
    all.execute(query("UPDATE rule_state SET changes = changes + 1")).await?;
    let now = all.first(query(STATE)).await?.as_ref().map(state).transpose()?;
    Ok(now.unwrap_or_default().changes)
}

async fn remove(all: &mut Change, kind: Kind, id: &str) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM rule_entries WHERE kind = $1 AND id = $2";
    all.execute(query(sql).bind(kind.as_str()).bind(id)).await.map(drop)
}

async fn write(all: &mut Change, version: i64, who: &str, entries: &[(Kind, &str, &Value)]) -> Result<(), sqlx::Error> {
    let now = Timestamp::now().as_millisecond();
    for batch in entries.chunks(BATCH) {
        let mut insert = composed(format!(
            "INSERT INTO rule_entries (kind, id, entry, version, changed_at, changed_by) VALUES {} ON CONFLICT (kind, id) DO UPDATE \
             SET entry = excluded.entry, version = excluded.version, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
            places(batch.len(), 6)
        ));
        for (kind, id, value) in batch {
            insert = insert.bind(kind.as_str()).bind(*id).bind(value.to_string()).bind(version).bind(now).bind(who);
        }
        all.execute(insert).await?;
    }
    Ok(())
}

async fn replace(all: &mut Change, rules: &Value, who: &str) -> Result<i64, sqlx::Error> {
    let version = count_change(all).await?;
    all.execute(query("DELETE FROM rule_entries")).await?;
    let of_kind = |kind: Kind| {
        let list = rules[kind.list()].as_array().into_iter().flatten();
        list.filter_map(move |value| Some((kind, value["id"].as_str()?.trim(), value)))
    };
    let entries: Vec<_> = Kind::ALL.into_iter().flat_map(of_kind).collect();
    write(all, version, who, &entries).await?;
    Ok(version)
}

async fn publish(
    all: &mut Change,
    publication: &Publication<'_>,
    replacing: Option<&Value>,
) -> Result<i64, sqlx::Error> {
    let Publication { rules, note: words, who, again, detail } = publication;
    all.execute(query("UPDATE rule_state SET revision = revision + 1")).await?;
    let number = all.first(query(STATE)).await?.as_ref().map(state).transpose()?.unwrap_or_default().revision;
    let sql = "INSERT INTO rule_revisions (number, rules, note, published_at, published_by, again) VALUES ($1, $2, $3, $4, $5, $6)";
    let now = Timestamp::now().as_millisecond();
    let insert = query(sql).bind(number).bind(rules.to_string()).bind(*words).bind(now).bind(*who).bind(*again);
    all.execute(insert).await?;
    if let Some(entries) = replacing {
        replace(all, entries, who).await?;
    }
    let action = if again.is_some() { "rules.roll-back" } else { "rules.publish" };
    note(all, Doing { who, action, subject: &format!("revision {number}"), detail }).await?;
    if let Change::Postgres(all) = all {
        // Whoever listens learns of it with the commit.
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(number.to_string()).execute(&mut **all).await?;
    }
    Ok(number)
}
