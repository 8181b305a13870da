//! Coupons.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Client;
use super::error::{Area, Cause, CommerceError};

/// A coupon of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Commerce's `coupon_id`.
    pub id: u64,
    /// The rule that it is for.
    pub rule_id: u64,
    /// What shoppers type.
    pub code: String,
    /// How often it was used.
    pub times_used: u64,
    /// How often it may be used; `None` is without limit.
    pub usage_limit: Option<u64>,
    /// Whether it is the rule's own code, not a generated one.
    pub is_primary: bool,
}

impl Client {
    /// The coupons of a rule.
    ///
    /// # Errors
    /// When Commerce does not list them.
    pub async fn coupons(&self, rule_id: u64) -> Result<Vec<Coupon>, CommerceError> {
        self.coupons_where("rule_id", &rule_id.to_string(), "eq").await
    }

    /// The coupon with a code, which Commerce compares without case.
    ///
    /// # Errors
    /// When Commerce does not say.
    pub async fn coupon(&self, code: &str) -> Result<Option<Coupon>, CommerceError> {
        Ok(self.coupons_where("code", code, "eq").await?.into_iter().next())
    }

    /// The coupons with these codes.
    ///
    /// # Errors
    /// When Commerce does not say.
    pub async fn coupons_with(&self, codes: &[String]) -> Result<Vec<Coupon>, CommerceError> {
        self.coupons_where("code", &codes.join(","), "in").await
    }

    async fn coupons_where(&self, field: &str, value: &str, condition: &str) -> Result<Vec<Coupon>, CommerceError> {
        let filter =
            |key: &str, value: &str| (format!("searchCriteria[filter_groups][0][filters][0][{key}]"), value.to_owned());
        let query = [filter("field", field), filter("value", value), filter("condition_type", condition)];
        let found = self.list(Area::Rules, "/V1/coupons/search", "coupon_id", &query).await?;
        Ok(found.iter().filter_map(coupon).collect())
    }

    /// Has codes made for a rule, which must be one of generated codes.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn generate_coupons(
        &self,
        rule_id: u64,
        quantity: u32,
        prefix: &str,
    ) -> Result<Vec<String>, CommerceError> {
        let spec = json!({ "couponSpec": {
            "rule_id": rule_id, "format": "alphanum", "quantity": quantity, "length": 12, "prefix": prefix,
        } });
        let answer = self.change(Area::Rules, Method::POST, "/V1/coupons/generate", Some(&spec)).await?;
        let codes: Option<Vec<String>> =
            answer.as_array().and_then(|codes| codes.iter().map(|code| code.as_str().map(str::to_owned)).collect());
        codes.ok_or_else(|| CommerceError {
            area: Area::Rules,
            cause: Cause::Malformed("it is no list of codes".to_owned()),
        })
    }

    /// Limits a coupon to one use until a moment.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn limit_coupon(&self, coupon: &Coupon, expires: Timestamp) -> Result<(), CommerceError> {
        let body = json!({ "coupon": {
            "coupon_id": coupon.id,
            "rule_id": coupon.rule_id,
            "code": coupon.code,
            "usage_limit": 1,
            "expiration_date": expires.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "times_used": coupon.times_used,
            "is_primary": coupon.is_primary,
            "type": u8::from(!coupon.is_primary),
        } });
        let path = format!("/V1/coupons/{}", coupon.id);
        self.change(Area::Rules, Method::PUT, &path, Some(&body)).await.map(drop)
    }

    /// The code of a rule that has one code, if it has it yet.
    ///
    /// # Errors
    /// When Commerce does not say.
    pub async fn code_of(&self, rule_id: u64) -> Result<Option<Coupon>, CommerceError> {
        Ok(self.coupons(rule_id).await?.into_iter().find(|coupon| coupon.is_primary))
    }

    /// Gives a rule of one code its code, in the place of what it had.
    ///
    /// # Errors
    /// When Commerce refuses it, such as a code of another rule, or does not answer.
    pub async fn set_code(&self, rule_id: u64, code: &str) -> Result<(), CommerceError> {
        let mut coupon = json!({ "rule_id": rule_id, "code": code, "times_used": 0, "is_primary": true, "type": 0 });
        let (method, path) = match self.code_of(rule_id).await? {
            Some(own) if own.code == code => return Ok(()),
            Some(own) => {
                (coupon["coupon_id"], coupon["times_used"]) = (json!(own.id), json!(own.times_used));
                (Method::PUT, format!("/V1/coupons/{}", own.id))
            }
            None => (Method::POST, "/V1/coupons".to_owned()),
        };
        self.change(Area::Rules, method, &path, Some(&json!({ "coupon": coupon }))).await.map(drop)
    }

    /// Deletes coupons; those that are gone already do not matter.
    ///
    /// # Errors
    /// When Commerce refuses it or does not answer.
    pub async fn delete_coupons(&self, codes: &[String]) -> Result<(), CommerceError> {
        let body = json!({ "codes": codes, "ignoreInvalidCoupons": true });
        self.change(Area::Rules, Method::POST, "/V1/coupons/deleteByCodes", Some(&body)).await.map(drop)
    }
}

fn coupon(value: &Value) -> Option<Coupon> {
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    Some(Coupon {
        id: number("coupon_id")?,
        rule_id: number("rule_id")?,
        code: value.get("code")?.as_str()?.to_owned(),
        times_used: number("times_used").unwrap_or_default(),
        usage_limit: number("usage_limit").filter(|limit| *limit > 0),
        is_primary: value.get("is_primary").is_some_and(|primary| primary.as_bool().unwrap_or_default()),
    })
}
