//! Previews of what is being worked on: in the shop itself, by a simulation that opens once, so that none of the shop's HTML is served here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use reqwest::Url;
use serde_json::Value;

use super::answer::{Refused, see_other};
use super::desk::Desk;
use super::forms::Posted;
use super::layout::csrf;
use super::sign_in::Signed;
use super::{Admin, words};
use crate::audience::simulate::mint_preview_token;
use crate::rule::AudienceId;
use crate::site::StoreView;

/// A link is opened at once.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// Where browsers find a store view.
pub(super) fn base(admin: &Admin, view: &StoreView) -> Url {
    let mut url = admin.0.parts.shop.clone();
    let is_own = |host: &String| url.host_str() == Some(host.as_str());
    if let Some(host) = view.hosts.first().filter(|_| !view.hosts.iter().any(is_own)) {
        // A name of the configuration that can be no host leads to the shop's own.
        let _ = url.set_host(Some(host));
    }
    url
}

/// Where a preview opens, once: a path of a store view, as seen by members of these audiences.
fn link(admin: &Admin, view: &str, path: &str, audiences: &BTreeSet<AudienceId>) -> Result<String, String> {
    let found = admin.sites().views().iter().find(|own| &*own.code == view);
    let view = found.ok_or_else(|| format!("“{view}” is no store view"))?;
    let path = if path.is_empty() { "/" } else { path };
    let prefix = view.path_prefix.as_deref().unwrap_or_default();
    let to = if path.starts_with(&format!("{prefix}/")) { path.to_owned() } else { format!("{prefix}{path}") };
    let config = &admin.0.parts.membership;
    let token = mint_preview_token(config, audiences, &to, LIFE, Timestamp::now().as_second())
        .map_err(|error| error.to_string())?;
    let mut url = base(admin, view);
    url.set_path(&format!("{}simulate", config.prefix));
    url.set_query(Some(&format!("token={token}")));
    Ok(url.to_string())
}

/// The same for somebody, for the record.
pub(super) async fn made(
    admin: &Admin,
    who: &Signed,
    view: &str,
    path: &str,
    audiences: &BTreeSet<AudienceId>,
) -> Result<String, Refused> {
    if let Some(file) = admin.rules_file() {
        return Err(Refused::ReadOnly(file.display().to_string()));
    }
    let link = link(admin, view, path, audiences).map_err(|wrong| Refused::Bad(format!("{wrong}.")))?;
    admin.store().await?.note(who.doing("preview.open", path, &format!("store view {view}"))).await?;
    Ok(link)
}

/// `POST /preview`
pub(super) async fn open(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    let audiences: BTreeSet<AudienceId> = fields.all("as").into_iter().map(Arc::from).collect();
    Ok(see_other(&made(&admin, &who, fields.text("view"), fields.text("path"), &audiences).await?))
}

/// The form that opens a preview of an entry, as it was saved.
pub(super) fn form(admin: &Admin, who: &Signed, desk: &Desk, entry: &Value, path: &str) -> Markup {
    if admin.rules_file().is_some() {
        return html! {};
    }
    let names = desk.audiences();
    let own = words::audience_ids(entry);
    let excluded: BTreeSet<&str> =
        entry["audiences"]["none"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // Where it is shown, or where most shoppers are.
    let first = entry["store_views"][0].as_str().unwrap_or(&admin.sites().default_view().code);
    html! {
        form.card.preview method="post" action="/preview" target="_blank" data-popup {
            h2 { "Preview in the shop" }
            p.quiet { "As it was saved, beside all other drafts, in a window of the shop that shoppers do not see. The cart charges your own price." }
            (csrf(who))
            div.grid {
                label.field { span.field__label { "Store view" } select name="view" { @for view in admin.sites().views() { option value=(view.code) selected[*view.code == *first] { (view.code) } } } }
                label.field { span.field__label { "Page" } input name="path" value=(path) placeholder="/"; span.field__hint { "Its path in the shop." } }
                @if !own.is_empty() {
                    fieldset.field.wide {
                        legend { "As seen by members of" }
                        div.checks { @for id in &own {
                            label.check { input type="checkbox" name="as" value=(id) checked[!excluded.contains(id)]; (names.get(*id).map_or(*id, String::as_str)) }
                        } }
                    }
                }
            }
            div.previews {
                button.button data-width="1280" data-height="900" { "Preview on a desktop" }
                button.button data-width="390" data-height="844" { "Preview on a phone" }
            }
        }
    }
}
