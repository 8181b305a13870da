//! Commerce's dynamic blocks, and taking them over.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::must;
use super::problem::{Caller, Json, Problem};
use crate::admin::Admin;
use crate::admin::imports::{Found, found, take};
use crate::store::Role;

/// Blocks that are taken over at a time.
const MOST: usize = 500;

fn shown(one: &Found) -> Value {
    let mistakes = one.checked.mistakes.iter().map(|(field, message)| json!({ "field": field, "message": message }));
    json!({
        "uid": one.block.uid,
        "id": one.here.as_ref().map(|here| here.id.as_str()),
        "differs": one.is_news(),
        "value": one.value,
        "mistakes": mistakes.collect::<Vec<_>>(),
    })
}

/// `GET /api/v1/commerce/blocks`
pub(super) async fn blocks(State(admin): State<Admin>, Caller(who): Caller) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    let found = found(&admin, &[]).await?;
    Ok(Json(json!({ "items": found.iter().map(shown).collect::<Vec<_>>() })).into_response())
}

/// Which blocks are to be taken over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    uids: Vec<String>,
}

/// `POST /api/v1/commerce/blocks/import`
pub(super) async fn import(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(Wanted { uids }): Json<Wanted>,
) -> Result<Response, Problem> {
    must(&who, Role::Editor)?;
    if uids.is_empty() || uids.len() > MOST {
        return Err(Problem::field("uids", format!("must have 1 to {MOST} UIDs, not {}", uids.len())));
    }
    let wanted: BTreeSet<&str> = uids.iter().map(String::as_str).collect();
    // Commerce refuses to look for what can be no UID: of all that there are, such a one is none.
    let mut found = found(&admin, &[]).await?;
    found.retain(|one| wanted.contains(one.block.uid.as_str()));
    let errors: Vec<(String, String)> = uids
        .iter()
        .enumerate()
        .flat_map(|(at, uid)| match found.iter().find(|one| one.block.uid == *uid) {
            None => vec![(format!("uids/{at}"), "Commerce tells guests of no such block".to_owned())],
            Some(one) => {
                let mistakes = one.checked.mistakes.iter();
                mistakes.map(|(field, why)| (format!("uids/{at}"), format!("{field}: {why}"))).collect()
            }
        })
        .collect();
    if !errors.is_empty() {
        return Err(Problem::unprocessable(errors));
    }
    let here = found.iter().filter_map(|one| Some((one.block.uid.clone(), one.here.as_ref()?.id.clone())));
    let mut items: BTreeMap<String, String> = here.collect();
    items.extend(take(&admin, &who, found, &wanted).await?);
    let items: Vec<Value> = items.into_iter().map(|(uid, id)| json!({ "uid": uid, "id": id })).collect();
    Ok(Json(json!({ "items": items })).into_response())
}
