//! What Commerce said of its cart price rules and of the shop, at one time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::CommerceError;
use super::shop::{Named, Rates};
use super::{Client, Config};
use crate::rule::cart_rule::{AudienceTypes, CartRule, CouponKind, RestError};

mod changes;

pub use changes::changes;

/// A snapshot of Commerce. It never changes: another one takes its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// When Commerce said so.
    pub learnt_at: Timestamp,
    /// Its cart price rules, active or not, in the order in which carts go through them.
    pub rules: Vec<CartRule>,
    /// Rules that cannot be read, by id, with why: nobody can tell what they do.
    pub unreadable: BTreeMap<u64, String>,
    /// Websites by code.
    pub websites: BTreeMap<String, u64>,
    /// Store views by code.
    pub store_views: BTreeMap<String, u64>,
    /// Customer groups, guests (0) too, with their names.
    pub customer_groups: BTreeMap<u64, String>,
    /// Rates of exchange.
    pub rates: Rates,
}

impl Book {
    /// Asks Commerce for all of it.
    ///
    /// # Errors
    /// When Commerce does not give a part of it.
    pub async fn fetch(client: &Client, types: &AudienceTypes) -> Result<Self, CommerceError> {
        let learnt_at = Timestamp::now();
        let rules = client.rules().await?;
        let (websites, store_views) = (client.websites().await?, client.store_views().await?);
        let customer_groups = client.customer_groups().await?;
        let rates = client.rates().await?;
        let by_code = |named: Vec<Named>| named.into_iter().map(|it| (it.code, it.id)).collect();
        let mut book = Self {
            learnt_at,
            rules: Vec::new(),
            unreadable: BTreeMap::new(),
            websites: by_code(websites),
            store_views: by_code(store_views),
            customer_groups,
            rates,
        };
        book.read(&rules, types);
        Ok(book)
    }

    fn read(&mut self, rules: &[Value], types: &AudienceTypes) {
        for rule in rules {
            match CartRule::from_rest(rule, types) {
                Ok(rule) => self.rules.push(rule),
                Err(errors) => {
                    let id = rule.get("rule_id").and_then(Value::as_u64).unwrap_or_default();
                    let errors: Vec<String> = errors.iter().map(RestError::to_string).collect();
                    self.unreadable.insert(id, errors.join("; "));
                }
            }
        }
        self.rules.sort_by(CartRule::order);
    }

    /// Whether it is young enough to count.
    pub fn is_current(&self, now: Timestamp, max_age: Duration) -> bool {
        let age = now.duration_since(self.learnt_at);
        Duration::try_from(age).is_ok_and(|age| age <= max_age) || age.is_negative()
    }

    /// The rule with this id.
    pub fn rule(&self, id: u64) -> Option<&CartRule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The rules that a website's carts may meet without a coupon.
    pub fn automatic(&self, website: u64) -> impl Iterator<Item = &CartRule> {
        let is_one = move |rule: &&CartRule| {
            rule.is_active && rule.coupon == CouponKind::None && rule.websites.contains(&website)
        };
        self.rules.iter().filter(is_one)
    }

    /// Whether a rule is for every group that there is.
    pub fn is_for_all_groups(&self, rule: &CartRule) -> bool {
        self.customer_groups.keys().all(|group| rule.customer_groups.contains(group))
    }

    /// Whether both say the same, whenever they did, and however often their rules were used by then.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let plain = |book: &Self| {
            let mut book = Self { learnt_at: Timestamp::UNIX_EPOCH, ..book.clone() };
            book.rules.iter_mut().for_each(|rule| drop(Arc::make_mut(&mut rule.rest).remove("times_used")));
            book
        };
        plain(self) == plain(other)
    }

    /// As it is kept.
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(|rule| Value::Object((*rule.rest).clone())).collect();
        json!({
            "learnt_at": self.learnt_at.as_millisecond(),
            "rules": rules,
            "unreadable": self.unreadable,
            "websites": self.websites,
            "store_views": self.store_views,
            "customer_groups": self.customer_groups,
            "base_currency": self.rates.base,
            "rates": self.rates.rates.iter().map(|(code, rate)| (code.clone(), rate.to_string())).collect::<BTreeMap<_, _>>(),
        })
    }

    /// Reads what [`to_json`](Self::to_json) made; `None` for anything else.
    pub fn from_json(kept: &Value, config: &Config) -> Option<Self> {
        let ids = |key: &str| -> Option<BTreeMap<String, u64>> { serde_json::from_value(kept.get(key)?.clone()).ok() };
        let rates: BTreeMap<String, String> = serde_json::from_value(kept.get("rates")?.clone()).ok()?;
        let rates = rates.into_iter().map(|(code, rate)| Some((code, rate.parse().ok()?))).collect::<Option<_>>()?;
        let mut book = Self {
            learnt_at: Timestamp::from_millisecond(kept.get("learnt_at")?.as_i64()?).ok()?,
            rules: Vec::new(),
            unreadable: serde_json::from_value(kept.get("unreadable")?.clone()).ok()?,
            websites: ids("websites")?,
            store_views: ids("store_views")?,
            customer_groups: serde_json::from_value(kept.get("customer_groups")?.clone()).ok()?,
            rates: Rates { base: kept.get("base_currency")?.as_str()?.to_owned(), rates },
        };
        book.read(kept.get("rules")?.as_array()?, &config.audience_types);
        Some(book)
    }

    /// Attributes of products that its rules ask for, and what every rule may come to ask for.
    pub fn attributes(&self) -> BTreeSet<String> {
        let own = ["sku", "category_ids", "attribute_set_id", "type_id"];
        let mut codes: BTreeSet<String> = ["price", "weight"].map(str::to_owned).into();
        for rule in self.rules.iter().filter(|rule| rule.is_active) {
            let asked = rule.conditions.attributes().into_iter().chain(rule.lines.attributes());
            codes.extend(
                asked.filter(|code| !own.contains(code) && !code.starts_with("quote_item_")).map(str::to_owned),
            );
        }
        codes
    }

    /// Ids of the rules, with or without a form that can be read.
    pub fn rule_ids(&self) -> BTreeSet<u64> {
        self.rules.iter().map(|rule| rule.id).chain(self.unreadable.keys().copied()).collect()
    }
}

#[cfg(test)]
mod tests;
