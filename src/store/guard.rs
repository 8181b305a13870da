//! The price guard's table.

use jiff::Timestamp;

use super::db::{Row, query};
use super::{Store, StoreError};
use crate::guard::{Fingerprint, Pause};

impl Store {
    /// The offers that the guard paused, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.fetch(query("SELECT * FROM guard_pauses ORDER BY offer"), pause).await
    }

    /// Keeps a pause. One that is kept already stays as it was first seen, unless it was for what the offer said before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep_pause(&self, pause: &Pause) -> Result<(), StoreError> {
        let sql = "INSERT INTO guard_pauses (offer, fingerprint, since, agreed, differed) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (offer) DO UPDATE SET fingerprint = excluded.fingerprint, since = excluded.since, \
                   agreed = excluded.agreed, differed = excluded.differed WHERE guard_pauses.fingerprint <> excluded.fingerprint";
        let keep = query(sql)
            .bind(&*pause.offer)
            .bind(pause.fingerprint.to_string())
            .bind(pause.since.as_millisecond())
            .bind(pause.agreed)
            .bind(pause.differed);
        self.execute(keep).await.map(drop)
    }

    /// Lifts the pause of an offer, or of one with this fingerprint only; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn lift_pause(&self, offer: &str, fingerprint: Option<&Fingerprint>) -> Result<bool, StoreError> {
        let sql = "DELETE FROM guard_pauses WHERE offer = $1 AND ($2 IS NULL OR fingerprint = $2)";
        let lifted = self.execute(query(sql).bind(offer).bind(fingerprint.map(Fingerprint::to_string))).await?;
        Ok(lifted > 0)
    }
}

fn pause(row: &Row) -> Result<Pause, sqlx::Error> {
    let since = Timestamp::from_millisecond(row.number("since")?);
    Ok(Pause {
        offer: row.text("offer")?.into(),
        fingerprint: Fingerprint::parse(&row.text("fingerprint")?),
        since: since.map_err(|_| sqlx::Error::Decode("no moment".into()))?,
        agreed: row.small("agreed")?,
        differed: row.small("differed")?,
    })
}
