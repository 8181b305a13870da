//! How things are, and trying each.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::json;

use super::problem::{Caller, Json, Path, Problem};
use crate::admin::Admin;
use crate::admin::settings::try_out;
use crate::audience::Trust;

/// `GET /api/v1/settings`
pub(super) async fn show(State(admin): State<Admin>, _: Caller) -> Result<Response, Problem> {
    let (store, parts) = (admin.store().await?, &admin.0.parts);
    let (snapshot, book) = (admin.snapshot(&store).await?, admin.book().await?);
    let commerce = admin.linked().ok().map(|linked| {
        json!({
            "url": linked.url(),
            "rules": book.as_ref().map(|book| book.rules.len()),
            "unreadable": book.as_ref().map(|book| book.unreadable.len()),
            "learnt_at": book.as_ref().map(|book| book.learnt_at.to_string()),
            "current": book.as_ref().is_some_and(|book| book.is_current(Timestamp::now(), linked.max_age())),
        })
    });
    let platform = snapshot.map(|snapshot| {
        let listed = snapshot.known.iter().filter(|known| known.gone_at.is_none()).count();
        json!({
            "audiences": snapshot.good.as_ref().map(|_| listed),
            "listed_at": snapshot.good.as_ref().map(|good| good.began.to_string()),
            "error": snapshot.last.as_ref().and_then(|last| last.error.clone()),
        })
    });
    let trust = match parts.membership.trust {
        Trust::Verified => "verified",
        Trust::Cookie => "cookie",
    };
    let body = json!({
        "store": parts.place.to_string(),
        "commerce": commerce,
        "platform": platform,
        "membership": { "keys": parts.membership.keys.count(), "trust": trust },
        "version": env!("CARGO_PKG_VERSION"),
    });
    Ok(Json(body).into_response())
}

/// `POST /api/v1/settings/{what}/test`
pub(super) async fn test(
    State(admin): State<Admin>,
    Caller(who): Caller,
    Path(what): Path<String>,
) -> Result<Response, Problem> {
    let outcome = try_out(&admin, &who, &what).await?.outcome;
    let passed = outcome.is_ok();
    let words = outcome.unwrap_or_else(|why| why);
    Ok(Json(json!({ "passed": passed, "words": words })).into_response())
}
