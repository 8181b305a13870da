//! What a shop is made of: websites, store views, customer groups, currencies, attributes.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Client;
use super::error::{Area, Cause, CommerceError};

/// A website or store view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Commerce's id.
    pub id: u64,
    /// Its code.
    pub code: String,
    /// Of a store view, the website that it belongs to.
    pub website: Option<u64>,
}

/// What one unit of a base currency is in others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// ISO code of the base currency.
    pub base: String,
    /// By ISO code.
    pub rates: BTreeMap<String, Decimal>,
}

impl Rates {
    /// A number that is another one for other rates; 0 for none.
    pub fn fingerprint(&self) -> u64 {
        if self.rates.is_empty() {
            return 0;
        }
        let digest = Sha256::digest(format!("{self:?}"));
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl Client {
    /// The websites, without the Admin's own.
    ///
    /// # Errors
    /// When Commerce does not list them.
    pub async fn websites(&self) -> Result<Vec<Named>, CommerceError> {
        self.named("/V1/store/websites").await
    }

    /// The store views, without the Admin's own.
    ///
    /// # Errors
    /// When Commerce does not list them.
    pub async fn store_views(&self) -> Result<Vec<Named>, CommerceError> {
        self.named("/V1/store/storeViews").await
    }

    async fn named(&self, path: &str) -> Result<Vec<Named>, CommerceError> {
        let answer = self.get(Area::Stores, path, &[]).await?;
        let named = |value: &Value| {
            let number = |key: &str| value.get(key).and_then(Value::as_u64);
            let code = value.get("code")?.as_str()?.to_owned();
            Some(Named { id: number("id")?, code, website: number("website_id") })
        };
        let all = answer.as_array().map(|all| all.iter().filter_map(named).filter(|it| it.id > 0).collect());
        all.ok_or_else(|| malformed(Area::Stores, "it is no list"))
    }

    /// Customer groups by id, with their names.
    ///
    /// # Errors
    /// When Commerce does not list them.
    pub async fn customer_groups(&self) -> Result<BTreeMap<u64, String>, CommerceError> {
        let groups = self.list(Area::Groups, "/V1/customerGroups/search", "id", &[]).await?;
        let group = |value: &Value| {
            let name = value.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
            Some((value.get("id")?.as_u64()?, name))
        };
        Ok(groups.iter().filter_map(group).collect())
    }

    /// The rates of exchange of the default website.
    ///
    /// # Errors
    /// When Commerce does not say.
    pub async fn rates(&self) -> Result<Rates, CommerceError> {
        let answer = self.get(Area::Currency, "/V1/directory/currency", &[]).await?;
        let base = answer.get("base_currency_code").and_then(Value::as_str);
        let base = base.ok_or_else(|| malformed(Area::Currency, "it names no base currency"))?.to_owned();
        let rate = |value: &Value| {
            let code = value.get("currency_to")?.as_str()?.to_owned();
            let rate = value.get("rate")?;
            let text = rate.as_str().map_or_else(|| rate.to_string(), str::to_owned);
            Some((code, text.parse::<Decimal>().ok().filter(|rate| *rate > Decimal::ZERO)?))
        };
        let rates = answer.get("exchange_rates").and_then(Value::as_array);
        let rates = rates.map(|rates| rates.iter().filter_map(rate).collect()).unwrap_or_default();
        Ok(Rates { base, rates })
    }
}

fn malformed(area: Area, why: &str) -> CommerceError {
    CommerceError { area, cause: Cause::Malformed(why.to_owned()) }
}
