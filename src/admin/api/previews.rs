//! Links that show drafts in the shop.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::problem::{Caller, Json, Problem};
use crate::admin::{Admin, preview};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    store_view: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    audiences: BTreeSet<String>,
}

/// `POST /api/v1/previews`
pub(super) async fn open(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    let audiences = wanted.audiences.iter().map(|id| Arc::from(id.as_str())).collect();
    let url = preview::made(&admin, &who, &wanted.store_view, &wanted.path, &audiences).await?;
    Ok((StatusCode::CREATED, Json(json!({ "url": url }))).into_response())
}
