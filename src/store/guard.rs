//! The price guard's table.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::guard::{Fingerprint, Pause};

impl Store {
    /// The offers that the guard paused, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let rows = sqlx::query("SELECT * FROM guard_pauses ORDER BY offer").fetch_all(&self.readers).await;
        let read = rows.and_then(|rows| rows.iter().map(pause).collect());
        read.map_err(|error| self.failed(error))
    }

    /// Keeps a pause. One that is kept already stays as it was first seen, unless it was for what the offer said before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep_pause(&self, pause: &Pause) -> Result<(), StoreError> {
        let sql = "INSERT INTO guard_pauses (offer, fingerprint, since, agreed, differed) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (offer) DO UPDATE SET fingerprint = excluded.fingerprint, since = excluded.since, \
                   agreed = excluded.agreed, differed = excluded.differed WHERE fingerprint <> excluded.fingerprint";
        let query = sqlx::query(sql)
            .bind(&*pause.offer)
            .bind(pause.fingerprint.to_string())
            .bind(pause.since.as_millisecond())
            .bind(i64::from(pause.agreed))
            .bind(i64::from(pause.differed));
        query.execute(&self.writer).await.map(drop).map_err(|error| self.failed(error))
    }

    /// Lifts the pause of an offer, or of one with this fingerprint only; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn lift_pause(&self, offer: &str, fingerprint: Option<&Fingerprint>) -> Result<bool, StoreError> {
        let sql = "DELETE FROM guard_pauses WHERE offer = $1 AND ($2 IS NULL OR fingerprint = $2)";
        let done =
            sqlx::query(sql).bind(offer).bind(fingerprint.map(Fingerprint::to_string)).execute(&self.writer).await;
        done.map(|done| done.rows_affected() > 0).map_err(|error| self.failed(error))
    }
}

fn pause(row: &SqliteRow) -> Result<Pause, sqlx::Error> {
    let decode = |source: &'static str| sqlx::Error::Decode(source.into());
    let count = |name: &str| u32::try_from(row.try_get::<i64, _>(name)?).map_err(|_| decode("no count of shoppers"));
    let since = Timestamp::from_millisecond(row.try_get("since")?).map_err(|_| decode("no moment"))?;
    Ok(Pause {
        offer: row.try_get::<String, _>("offer")?.into(),
        fingerprint: Fingerprint::parse(row.try_get("fingerprint")?),
        since,
        agreed: count("agreed")?,
        differed: count("differed")?,
    })
}
