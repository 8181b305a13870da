//! Commerce's cart price rules, in the form of its own REST API, and trying offers in carts.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::problem::{Caller, Json, Path, Problem, Query, must_match_tag, with_tag};
use super::{Part, must, part};
use crate::admin::Admin;
use crate::admin::publish::try_in_carts;
use crate::admin::rules::{Unsaved, add_code, effect, seen, write};
use crate::rule::cart_rule::{CartRule, CouponKind};
use crate::store::Role;

fn tag(rule: &Value) -> String {
    format!("\"{}\"", seen(rule))
}

fn in_short(rule: &&CartRule) -> Value {
    let coupon = match rule.coupon {
        CouponKind::None => "none",
        CouponKind::Specific => "specific",
        CouponKind::Generated => "generated",
    };
    let audiences: Vec<&str> = rule.conditions.audiences().into_iter().map(|id| &**id).collect();
    json!({
        "id": rule.id, "name": rule.name, "is_active": rule.is_active, "priority": rule.priority, "coupon": coupon,
        "effect": effect(rule), "audiences": audiences,
    })
}

/// `GET /api/v1/rules`
pub(super) async fn list(
    State(admin): State<Admin>,
    _: Caller,
    Query(asked): Query<Part>,
) -> Result<Response, Problem> {
    admin.linked()?;
    let book = admin.book().await?;
    let wanted = asked.q.to_lowercase();
    let found = book.iter().flat_map(|book| &book.rules).filter(|rule| {
        let text = format!("{} {}", rule.name, rule.id).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    });
    Ok(part(found.collect(), asked.limit, asked.offset, in_short))
}

/// `GET /api/v1/rules/{id}`
pub(super) async fn one(State(admin): State<Admin>, _: Caller, Path(id): Path<u64>) -> Result<Response, Problem> {
    let linked = admin.linked()?;
    let mut rule = linked.client().rule(id).await.map_err(crate::admin::answer::Refused::from)?;
    let tag = tag(&rule);
    add_code(linked, &mut rule).await?;
    Ok(with_tag(StatusCode::OK, &tag, rule))
}

/// `POST /api/v1/rules`
pub(super) async fn add(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(rule): Json<Value>,
) -> Result<Response, Problem> {
    must(&who, Role::Publisher)?;
    let saved = write(&admin, &who, None, &rule, "").await.map_err(problem)?;
    Ok(with_tag(StatusCode::CREATED, &tag(&saved), saved))
}

/// `PUT /api/v1/rules/{id}`
pub(super) async fn put(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Json(rule): Json<Value>,
) -> Result<Response, Problem> {
    must(&who, Role::Publisher)?;
    let now = admin.linked()?.client().rule(id).await.map_err(crate::admin::answer::Refused::from)?;
    must_match_tag(&headers, &tag(&now))?;
    let saved = write(&admin, &who, Some(id), &rule, &seen(&now)).await.map_err(problem)?;
    Ok(with_tag(StatusCode::OK, &tag(&saved), saved))
}

fn problem(unsaved: Unsaved) -> Problem {
    match unsaved {
        Unsaved::Refused(refused) => refused.into(),
        Unsaved::Mistakes(checked) => Problem::unprocessable(checked.mistakes),
    }
}

/// `POST /api/v1/draft/try`: tries the offers that would change in carts of guests.
pub(super) async fn try_drafts(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    let tried = try_in_carts(&admin, &who).await?;
    let tried = tried.map_err(|why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    let one = |row: &crate::admin::TriedOffer| {
        let price = |price: Option<rust_decimal::Decimal>| price.map(|price| price.to_string());
        json!({
            "offer": row.offer, "sku": row.sku, "expected": price(row.expected), "charged": price(row.charged),
            "differed": row.differed, "result": row.result,
        })
    };
    Ok(Json(json!({ "items": tried.iter().map(one).collect::<Vec<_>>() })).into_response())
}
