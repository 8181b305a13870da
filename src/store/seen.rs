//! How many shoppers were seen.

use jiff::Timestamp;

use super::db::{Row, composed, places, query};
use super::{Store, StoreError};
use crate::seen::{Hourly, Sketch, Subject};

impl Store {
    /// Puts what was counted together with what is there.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn merge_seen(&self, counted: &[Hourly], now: Timestamp) -> Result<(), StoreError> {
        if counted.is_empty() {
            return Ok(());
        }
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let list = places(counted.len(), 2);
        let mut select =
            composed(format!("SELECT subject, hour, sketch FROM seen WHERE (subject, hour) IN (VALUES {list})"));
        for (subject, hour, _) in counted {
            select = select.bind(subject.to_string()).bind(*hour);
        }
        let rows = all.fetch(select).await.map_err(failed)?;
        let before: Vec<Hourly> =
            rows.iter().map(hourly).filter_map(Result::transpose).collect::<Result<_, _>>().map_err(failed)?;
        let mut insert = composed(format!(
            "INSERT INTO seen (subject, hour, sketch, changed_at) VALUES {} ON CONFLICT (subject, hour) DO UPDATE SET \
             sketch = excluded.sketch, changed_at = excluded.changed_at",
            places(counted.len(), 4)
        ));
        for (subject, hour, sketch) in counted {
            let mut sketch = sketch.clone();
            if let Some((.., kept)) = before.iter().find(|(own, at, _)| own == subject && at == hour) {
                sketch.merge(kept);
            }
            insert = insert.bind(subject.to_string()).bind(*hour).bind(sketch.to_text()).bind(now.as_millisecond());
        }
        all.execute(insert).await.map_err(failed)?;
        self.commit(all).await
    }

    /// What was counted since an hour and changed since a moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn seen_since(&self, hour: i64, changed_since: Timestamp) -> Result<Vec<Hourly>, StoreError> {
        let sql = "SELECT subject, hour, sketch FROM seen WHERE hour >= $1 AND changed_at >= $2";
        let asked = query(sql).bind(hour).bind(changed_since.as_millisecond());
        Ok(self.fetch(asked, hourly).await?.into_iter().flatten().collect())
    }

    /// What was counted of one subject since an hour.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn seen_of(&self, subject: &Subject, since: i64) -> Result<Vec<Hourly>, StoreError> {
        let sql = "SELECT subject, hour, sketch FROM seen WHERE subject = $1 AND hour >= $2 ORDER BY hour";
        let asked = query(sql).bind(subject.to_string()).bind(since);
        Ok(self.fetch(asked, hourly).await?.into_iter().flatten().collect())
    }

    /// Forgets what was counted before an hour.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_seen(&self, before: i64) -> Result<(), StoreError> {
        self.execute(query("DELETE FROM seen WHERE hour < $1").bind(before)).await.map(drop)
    }
}

/// A row; `None` where another version of Segue has written what this one does not read.
fn hourly(row: &Row) -> Result<Option<Hourly>, sqlx::Error> {
    let read = Subject::parse(&row.text("subject")?).zip(Sketch::from_text(&row.text("sketch")?));
    let hour = row.number("hour")?;
    Ok(read.map(|(subject, sketch)| (subject, hour, sketch)))
}
