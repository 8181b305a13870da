//! Who did what, in the order in which it was done.

use jiff::Timestamp;

use super::db::{Change, Row, composed, query};
use super::{Store, StoreError};

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// A word such as `offer.save`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More about it, in words.
    pub detail: String,
}

/// Something that somebody does now, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing<'a> {
    /// Who.
    pub who: &'a str,
    /// A word such as `offer.save`.
    pub action: &'a str,
    /// What it is done to.
    pub subject: &'a str,
    /// More about it, in words.
    pub detail: &'a str,
}

/// Which deeds are asked for; an empty text is no filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeedFilter {
    /// By whom.
    pub who: String,
    /// The beginning of the action's word.
    pub action: String,
    /// What a subject or a detail holds, in letters of either case.
    pub text: String,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Notes something that changes nothing else in the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note(&self, doing: Doing<'_>) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        note(&mut all, doing).await.map_err(|error| self.failed(error))?;
        self.commit(all).await
    }

    /// Deeds, the newest first: `most` of them after the first `skip`, and how many there are in all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deeds(&self, filter: &DeedFilter, skip: u32, most: u32) -> Result<(Vec<Deed>, u64), StoreError> {
        const WHERE: &str = "($1 = '' OR who = $1) AND ($2 = '' OR action LIKE $2 ESCAPE '!') \
                             AND ($3 = '' OR lower(subject || ' ' || detail) LIKE $3 ESCAPE '!') AND at >= $4 AND at < $5";
        let pattern = |before: &str, text: &str| {
            let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
            if escaped.is_empty() { escaped } else { format!("{before}{escaped}%") }
        };
        let moment = |time: Option<Timestamp>, none| time.map_or(none, Timestamp::as_millisecond);
        let asked = |sql: String| {
            composed(sql)
                .bind(&filter.who)
                .bind(pattern("", &filter.action))
                .bind(pattern("%", &filter.text))
                .bind(moment(filter.since, i64::MIN))
                .bind(moment(filter.until, i64::MAX))
        };
        let list = format!("SELECT * FROM audit WHERE {WHERE} ORDER BY number DESC LIMIT $6 OFFSET $7");
        let deeds = self.fetch(asked(list).bind(most).bind(skip), deed).await?;
        let count = asked(format!("SELECT count(*) AS count FROM audit WHERE {WHERE}"));
        let count = self.first(count, |row| row.number("count")).await?.unwrap_or_default();
        Ok((deeds, u64::try_from(count).unwrap_or_default()))
    }
}

/// Notes what a change is.
pub(super) async fn note(all: &mut Change, doing: Doing<'_>) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO audit (number, at, who, action, subject, detail) \
               SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5 FROM audit";
    let Doing { who, action, subject, detail } = doing;
    let now = Timestamp::now().as_millisecond();
    all.execute(query(sql).bind(now).bind(who).bind(action).bind(subject).bind(detail)).await.map(drop)
}

fn deed(row: &Row) -> Result<Deed, sqlx::Error> {
    Ok(Deed {
        number: row.number("number")?,
        at: row.time("at")?,
        who: row.text("who")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
    })
}
