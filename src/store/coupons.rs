//! Codes of coupons.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::db::{composed, query};
use super::{Store, StoreError};

/// A code that was given to a shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenCode {
    /// The rule that it is for.
    pub rule_id: u64,
    /// A digest of the shopper.
    pub shopper: String,
}

impl Store {
    /// Keeps codes that can be given until they expire.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_codes(
        &self,
        shop: &str,
        rule_id: u64,
        codes: &[String],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO coupon_codes (shop, code, rule_id, expires_at, state) VALUES ($1, $2, $3, $4, 'free') \
                   ON CONFLICT DO NOTHING";
        let mut all = self.begin().await?;
        for code in codes {
            let add = query(sql).bind(shop).bind(code).bind(number(rule_id)).bind(expires_at.as_millisecond());
            all.execute(add).await.map_err(|error| self.failed(error))?;
        }
        self.commit(all).await
    }

    /// The code of a rule that a shopper has, or a free one for him from now on; one that can be used until `until` at least. `None` where there is
    /// none.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn give_code(
        &self,
        shop: &str,
        rule_id: u64,
        shopper: &str,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let of = "SELECT code FROM coupon_codes WHERE shop = $1 AND rule_id = $2 AND expires_at > $3";
        let given = format!("{of} AND state = 'given' AND shopper = $4 LIMIT 1");
        let free = format!("{of} AND state = 'free' LIMIT 1");
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let of = |sql: String| composed(sql).bind(shop).bind(number(rule_id)).bind(until.as_millisecond());
        let own = all.first(of(given).bind(shopper)).await.map_err(failed)?;
        let row = match own {
            Some(row) => Some(row),
            None => all.first(of(free)).await.map_err(failed)?,
        };
        let code = row.map(|row| row.text("code")).transpose().map_err(failed)?;
        if let Some(code) = &code {
            let sql = "UPDATE coupon_codes SET state = 'given', shopper = $3 WHERE shop = $1 AND code = $2";
            all.execute(query(sql).bind(shop).bind(code).bind(shopper)).await.map_err(failed)?;
        }
        self.commit(all).await?;
        Ok(code)
    }

    /// Whom a code was given to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn given_code(&self, shop: &str, code: &str) -> Result<Option<GivenCode>, StoreError> {
        let sql =
            "SELECT rule_id, shopper FROM coupon_codes WHERE shop = $1 AND upper(code) = upper($2) AND state = 'given'";
        let given = self.first(query(sql).bind(shop).bind(code), |row| {
            let rule_id = u64::try_from(row.number("rule_id")?).unwrap_or_default();
            Ok(GivenCode { rule_id, shopper: row.text("shopper")? })
        });
        given.await
    }

    /// Notes that a code is not to be given any more: it was used, its shopper lost it, or the shop refused it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn spend_code(&self, shop: &str, code: &str) -> Result<(), StoreError> {
        let sql = "UPDATE coupon_codes SET state = 'spent', shopper = NULL WHERE shop = $1 AND upper(code) = upper($2)";
        self.execute(query(sql).bind(shop).bind(code)).await.map(drop)
    }

    /// How many free codes there are that can be used until `until` at least, by rule.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn free_codes(&self, shop: &str, until: Timestamp) -> Result<BTreeMap<u64, u32>, StoreError> {
        let sql = "SELECT rule_id, count(*) AS codes FROM coupon_codes \
                   WHERE shop = $1 AND state = 'free' AND expires_at > $2 GROUP BY rule_id";
        let count = self.fetch(query(sql).bind(shop).bind(until.as_millisecond()), |row| {
            let (codes, rule) = (row.number("codes")?, row.number("rule_id")?);
            Ok((u64::try_from(rule).unwrap_or_default(), u32::try_from(codes).unwrap_or(u32::MAX)))
        });
        Ok(count.await?.into_iter().collect())
    }

    /// Codes that Commerce need not keep: those that are spent, and those that expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn spent_codes(&self, shop: &str, now: Timestamp, most: u32) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT code FROM coupon_codes WHERE shop = $1 AND (state = 'spent' OR expires_at <= $2) LIMIT $3";
        self.fetch(query(sql).bind(shop).bind(now.as_millisecond()).bind(most), |row| row.text("code")).await
    }

    /// Forgets codes.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_codes(&self, shop: &str, codes: &[String]) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        for code in codes {
            let forget = query("DELETE FROM coupon_codes WHERE shop = $1 AND code = $2").bind(shop).bind(code);
            all.execute(forget).await.map_err(|error| self.failed(error))?;
        }
        self.commit(all).await
    }
}

/// Commerce's ids are small; databases have no unsigned numbers.
fn number(rule_id: u64) -> i64 {
    i64::try_from(rule_id).unwrap_or(i64::MAX)
}
