//! Who may work on rules: people with passwords, their sessions, and tokens of programs. What opens a session or is a token is kept as a
//! digest only.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{Doing, note};
use super::db::{Row, query};
use super::{Changed, Store, StoreError};

/// What somebody may do. Each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Works on drafts.
    Editor,
    /// Publishes and rolls back.
    Publisher,
    /// Looks after people, tokens and settings.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Publisher, Self::Admin];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Somebody who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// What he signs in as.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The hash of his password, in the PHC string format.
    pub password: String,
    /// When he was added.
    pub created_at: Timestamp,
    /// When role or password was last changed. Sessions that began before have ended.
    pub changed_at: Timestamp,
}

/// A session, as its digest finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub name: String,
    /// What he may do now.
    pub role: Role,
    /// What a form must repeat.
    pub csrf: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used, about.
    pub seen_at: Timestamp,
}

/// A token of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is called by in lists; not what it is.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, about.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Everybody, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        self.fetch(query("SELECT * FROM people ORDER BY name"), person).await
    }

    /// Somebody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn person(&self, name: &str) -> Result<Option<Person>, StoreError> {
        self.first(query("SELECT * FROM people WHERE name = $1").bind(name), person).await
    }

    /// Adds somebody. `Conflict` where there is somebody of that name, or, with `first`, anybody at all.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_person(
        &self,
        name: &str,
        role: Role,
        password: &str,
        first: bool,
        doing: Doing<'_>,
    ) -> Result<Changed<()>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let others = if first {
            query("SELECT name FROM people LIMIT 1")
        } else {
            query("SELECT name FROM people WHERE name = $1").bind(name)
        };
        if all.first(others).await.map_err(failed)?.is_some() {
            return Ok(Changed::Conflict);
        }
        let now = Timestamp::now().as_millisecond();
        let sql = "INSERT INTO people (name, role, password, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)";
        let add = query(sql).bind(name).bind(role.as_str()).bind(password).bind(now);
        all.execute(add).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(()))
    }

    /// Gives somebody another role or password, which ends his sessions. `Conflict` where there is no such person, or nobody else who
    /// may look after people.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn change_person(
        &self,
        name: &str,
        role: Role,
        password: Option<&str>,
        doing: Doing<'_>,
    ) -> Result<Changed<()>, StoreError> {
        let sql = "UPDATE people SET role = $2, password = coalesce($3, password), changed_at = $4 WHERE name = $1 \
                   AND ($2 = 'admin' OR EXISTS (SELECT 1 FROM people AS other WHERE other.role = 'admin' AND other.name <> $1))";
        let now = Timestamp::now().as_millisecond();
        self.change_people(query(sql).bind(name).bind(role.as_str()).bind(password).bind(now), name, doing).await
    }

    /// Takes somebody away. `Conflict` as with a change.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn delete_person(&self, name: &str, doing: Doing<'_>) -> Result<Changed<()>, StoreError> {
        let sql = "DELETE FROM people WHERE name = $1 \
                   AND EXISTS (SELECT 1 FROM people AS other WHERE other.role = 'admin' AND other.name <> $1)";
        self.change_people(query(sql).bind(name), name, doing).await
    }

    async fn change_people(
        &self,
        change: super::db::Query,
        name: &str,
        doing: Doing<'_>,
    ) -> Result<Changed<()>, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if all.execute(change).await.map_err(failed)? == 0 {
            return Ok(Changed::Conflict);
        }
        all.execute(query("DELETE FROM people_sessions WHERE name = $1").bind(name)).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(Changed::Done(()))
    }

    /// Notes that somebody tries to sign in, unless he has tried `most` times within a time, or anybody from there ten times as often;
    /// whether he may. Tries of somebody who then succeeds are forgotten by [`Store::begin_session`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn may_try(&self, name: &str, address: &str, within: Duration, most: u32) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let now = Timestamp::now();
        let since = now.as_millisecond().saturating_sub(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        all.execute(query("DELETE FROM people_tries WHERE at <= $1").bind(since)).await.map_err(failed)?;
        let own = query("SELECT count(*) AS count FROM people_tries WHERE name = $1 AND address = $2").bind(name);
        let from_there = query("SELECT count(*) AS count FROM people_tries WHERE address = $1").bind(address);
        let mut may = true;
        for (asked, most) in [(own.bind(address), i64::from(most)), (from_there, i64::from(most) * 10)] {
            let row = all.first(asked).await.map_err(failed)?;
            may &= row.map(|row| row.number("count")).transpose().map_err(failed)?.unwrap_or_default() < most;
        }
        if may {
            let sql = "INSERT INTO people_tries (id, name, address, at) VALUES ($1, $2, $3, $4)";
            let id = Uuid::new_v4().to_string();
            all.execute(query(sql).bind(id).bind(name).bind(address).bind(now.as_millisecond()))
                .await
                .map_err(failed)?;
        }
        self.commit(all).await?;
        Ok(may)
    }

    /// Begins a session, and forgets what was tried under a name from an address.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_session(
        &self,
        name: &str,
        digest: &str,
        csrf: &str,
        tried: (&str, &str),
        doing: Doing<'_>,
    ) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let now = Timestamp::now().as_millisecond();
        let sql = "INSERT INTO people_sessions (digest, name, csrf, began_at, seen_at) VALUES ($1, $2, $3, $4, $4)";
        all.execute(query(sql).bind(digest).bind(name).bind(csrf).bind(now)).await.map_err(failed)?;
        let forget = query("DELETE FROM people_tries WHERE name = $1 AND address = $2").bind(tried.0).bind(tried.1);
        all.execute(forget).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await
    }

    /// The session with this digest, unless it is too old, was not used for too long, or its person was changed since.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn session(
        &self,
        digest: &str,
        idle: Duration,
        absolute: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT people_sessions.name, role, csrf, began_at, seen_at FROM people_sessions \
                   JOIN people ON people.name = people_sessions.name \
                   WHERE digest = $1 AND seen_at > $2 AND began_at > $3 AND began_at >= people.changed_at";
        let now = Timestamp::now().as_millisecond();
        let before = |time: Duration| now.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        self.first(query(sql).bind(digest).bind(before(idle)).bind(before(absolute)), session).await
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn touch_session(&self, digest: &str) -> Result<(), StoreError> {
        let sql = "UPDATE people_sessions SET seen_at = $2 WHERE digest = $1";
        self.execute(query(sql).bind(digest).bind(Timestamp::now().as_millisecond())).await.map(drop)
    }

    /// Ends a session, and those that nobody has used for a time.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_session(&self, digest: &str, idle: Duration) -> Result<(), StoreError> {
        let sql = "DELETE FROM people_sessions WHERE digest = $1 OR seen_at <= $2";
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::now().as_millisecond().saturating_sub(idle);
        self.execute(query(sql).bind(digest).bind(before)).await.map(drop)
    }

    /// Adds a token.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_token(&self, token: &Token, digest: &str, doing: Doing<'_>) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let sql = "INSERT INTO people_tokens (digest, id, name, role, created_by, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let add = query(sql)
            .bind(digest)
            .bind(&token.id)
            .bind(&token.name)
            .bind(token.role.as_str())
            .bind(&token.created_by)
            .bind(token.created_at.as_millisecond())
            .bind(token.expires_at.map(Timestamp::as_millisecond));
        all.execute(add).await.map_err(failed)?;
        note(&mut all, doing).await.map_err(failed)?;
        self.commit(all).await
    }

    /// All tokens, the newest first, ended ones too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.fetch(query("SELECT * FROM people_tokens ORDER BY created_at DESC, id"), token).await
    }

    /// The token with this digest, unless it has ended.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token(&self, digest: &str) -> Result<Option<Token>, StoreError> {
        let sql = "SELECT * FROM people_tokens WHERE digest = $1 AND (expires_at IS NULL OR expires_at > $2)";
        self.first(query(sql).bind(digest).bind(Timestamp::now().as_millisecond()), token).await
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn touch_token(&self, digest: &str) -> Result<(), StoreError> {
        let sql = "UPDATE people_tokens SET used_at = $2 WHERE digest = $1";
        self.execute(query(sql).bind(digest).bind(Timestamp::now().as_millisecond())).await.map(drop)
    }

    /// Ends a token; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn delete_token(&self, id: &str, doing: Doing<'_>) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let gone = all.execute(query("DELETE FROM people_tokens WHERE id = $1").bind(id)).await.map_err(failed)?;
        if gone > 0 {
            note(&mut all, doing).await.map_err(failed)?;
        }
        self.commit(all).await?;
        Ok(gone > 0)
    }
}

fn role(row: &Row) -> Result<Role, sqlx::Error> {
    Role::of(&row.text("role")?).ok_or_else(|| sqlx::Error::Decode("no role".into()))
}

fn person(row: &Row) -> Result<Person, sqlx::Error> {
    Ok(Person {
        name: row.text("name")?,
        role: role(row)?,
        password: row.text("password")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn session(row: &Row) -> Result<Session, sqlx::Error> {
    Ok(Session {
        name: row.text("name")?,
        role: role(row)?,
        csrf: row.text("csrf")?,
        began_at: row.time("began_at")?,
        seen_at: row.time("seen_at")?,
    })
}

fn token(row: &Row) -> Result<Token, sqlx::Error> {
    Ok(Token {
        id: row.text("id")?,
        name: row.text("name")?,
        role: role(row)?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.maybe_time("expires_at")?,
        used_at: row.maybe_time("used_at")?,
    })
}
