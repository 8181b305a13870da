//! Cart price rules.

use http::Method;
use serde_json::{Value, json};

use super::Client;
use super::error::{Area, CommerceError};

impl Client {
    /// Every cart price rule, in Magento's REST form.
    ///
    /// # Errors
    /// When Commerce does not list them.
    pub async fn rules(&self) -> Result<Vec<Value>, CommerceError> {
        self.list(Area::Rules, "/V1/salesRules/search", "rule_id", &[]).await
    }

    /// One cart price rule.
    ///
    /// # Errors
    /// When there is none, or Commerce does not give it.
    pub async fn rule(&self, id: u64) -> Result<Value, CommerceError> {
        self.get(Area::Rules, &format!("/V1/salesRules/{id}"), &[]).await
    }

    /// Makes a rule, and answers with it as Commerce has it.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn create_rule(&self, rule: &Value) -> Result<Value, CommerceError> {
        self.change(Area::Rules, Method::POST, "/V1/salesRules", Some(&json!({ "rule": rule }))).await
    }

    /// Replaces the rule with this id.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn update_rule(&self, id: u64, rule: &Value) -> Result<Value, CommerceError> {
        let path = format!("/V1/salesRules/{id}");
        self.change(Area::Rules, Method::PUT, &path, Some(&json!({ "rule": rule }))).await
    }

    /// Deletes a rule with its coupons.
    ///
    /// # Errors
    /// When there is none, or Commerce does not answer.
    pub async fn delete_rule(&self, id: u64) -> Result<(), CommerceError> {
        self.change(Area::Rules, Method::DELETE, &format!("/V1/salesRules/{id}"), None).await.map(drop)
    }
}
