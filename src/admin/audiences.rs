//! Audiences: which exist, and where each is used.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::json;

use super::answer::{Refused, encoded, page, see_other};
use super::desk::Desk;
use super::forms::Posted;
use super::layout::{Page, Section, badge, csrf, moment};
use super::listing::{Asked, sort_by};
use super::offers::{done, keep, may_edit, remove};
use super::shoppers::{Figures, View, chart};
use super::sign_in::Signed;
use super::{Admin, InventorySource, words};
use crate::aep::audiences::{Evaluation, Lifecycle};
use crate::aep::destinations::Activation;
use crate::inventory::Snapshot;
use crate::seen::{KEPT_HOURS, Subject, hour};
use crate::store::{Entry, Kind, Known, Role};

/// The columns that can be left out.
const COLUMNS: [(&str, &str); 7] = [
    ("seen", "Shoppers, 24 hours"),
    ("origin", "Origin"),
    ("evaluation", "Evaluation"),
    ("status", "Status"),
    ("modified", "Last modified"),
    ("websites", "Websites"),
    ("used", "Used in"),
];

/// An audience of the list.
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) known: Option<&'a Known>,
    pub(super) offers: Vec<&'a Entry>,
    pub(super) blocks: Vec<&'a Entry>,
    pub(super) shoppers: Figures,
    /// Whether it is known that nobody in it was seen for a day.
    is_unseen: bool,
}

/// The ids under which memberships carry an audience.
fn ids<'a>(id: &'a str, known: Option<&'a Known>) -> BTreeSet<&'a str> {
    known.into_iter().flat_map(|known| known.audience.membership_ids()).chain([id]).collect()
}

impl Row<'_> {
    fn ids(&self) -> BTreeSet<&str> {
        ids(self.id, self.known)
    }

    pub(super) fn origin(&self) -> String {
        self.known.map_or_else(|| "Added by hand".to_owned(), |known| known.audience.origin.to_string())
    }

    pub(super) fn evaluation(&self) -> &'static str {
        self.known.map_or("", |known| known.audience.evaluation.as_str())
    }

    pub(super) fn status(&self) -> &str {
        match self.known {
            None => "",
            Some(known) if known.gone_at.is_some() => "deleted",
            Some(known) => known.audience.lifecycle.as_str(),
        }
    }

    pub(super) fn modified(&self) -> Option<Timestamp> {
        self.known.and_then(|known| known.audience.updated)
    }

    /// Codes of the websites of the offers and blocks that it is used in.
    fn websites(&self) -> String {
        let mut codes: Vec<&str> = Vec::new();
        for entry in self.offers.iter().chain(&self.blocks) {
            let own = entry.value["websites"].as_array().into_iter().flatten().filter_map(|code| code.as_str());
            let before = codes.len();
            codes.extend(own);
            if codes.len() == before {
                return "all".to_owned();
            }
        }
        codes.sort_unstable();
        codes.dedup();
        codes.join(", ")
    }

    fn uses(&self) -> usize {
        self.offers.len() + self.blocks.len()
    }

    /// What is the matter with it.
    pub(super) fn warnings(&self) -> Vec<&'static str> {
        let is_used = self.uses() > 0;
        let unseen = || if is_used && self.is_unseen { vec!["not seen for a day"] } else { Vec::new() };
        let Some(known) = self.known else { return unseen() };
        let mut found = unseen();
        if known.gone_at.is_some() && is_used {
            found.push("deleted but in use");
        }
        if known.gone_at.is_none() && known.activation == Activation::No {
            found.push("not activated");
        }
        if known.audience.evaluation == Evaluation::Batch {
            found.push("batch only");
        }
        if is_used && matches!(known.audience.lifecycle, Lifecycle::Archived | Lifecycle::Inactive | Lifecycle::Draft) {
            found.push("not published");
        }
        found
    }
}

pub(super) fn rows<'a>(desk: &'a Desk, snapshot: Option<&'a Snapshot>, shoppers: &View) -> Vec<Row<'a>> {
    let known = snapshot.into_iter().flat_map(|snapshot| &snapshot.known);
    let row = |id, name, known: Option<&'a Known>| {
        let figures = ids(id, known).into_iter().map(|id| shoppers.of_audience(id)).max().unwrap_or_default();
        let is_unseen = figures.day == 0 && shoppers.has_a_day();
        Row { id, name, known, offers: Vec::new(), blocks: Vec::new(), shoppers: figures, is_unseen }
    };
    let mut rows: Vec<Row<'a>> =
        known.map(|known| row(known.audience.id.as_str(), known.audience.name.as_str(), Some(known))).collect();
    let mut by_id: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        for id in row.known.into_iter().flat_map(|known| known.audience.membership_ids()) {
            by_id.entry(id).or_insert(at);
        }
    }
    for entry in desk.drafts(Kind::Audience) {
        if !by_id.contains_key(entry.id.as_str()) {
            by_id.insert(&entry.id, rows.len());
            rows.push(row(&entry.id, words::name(&entry.value), None));
        }
    }
    for kind in [Kind::Offer, Kind::Block] {
        for entry in desk.drafts(kind) {
            for id in words::audience_ids(&entry.value) {
                let Some(at) = by_id.get(id) else { continue };
                let uses = if kind == Kind::Offer { &mut rows[*at].offers } else { &mut rows[*at].blocks };
                uses.push(entry);
            }
        }
    }
    // What is gone and used nowhere is nobody's business any more.
    rows.retain(|row| row.uses() > 0 || row.known.is_none_or(|known| known.gone_at.is_none()));
    rows
}

/// `GET /audiences`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let store = admin.store().await?;
    let snapshot = admin.snapshot(&store).await?;
    let mut rows = rows(&desk, snapshot.as_ref(), &admin.shoppers());
    let (since, until) = (day(asked.text("since")), day(asked.text("until")));
    let zone = &admin.sites().default_view().time_zone;
    rows.retain(|row| {
        let day = row.modified().map(|time| time.to_zoned(zone.clone()).date());
        let is_within =
            (since.is_none() || day >= since) && (until.is_none() || day.is_some_and(|day| Some(day) <= until));
        is_within && asked.finds([row.name, row.id, &row.origin()])
    });
    let (by, from_end) = asked.sort("name");
    match by {
        "origin" => sort_by(&mut rows, from_end, Row::origin),
        "evaluation" => sort_by(&mut rows, from_end, Row::evaluation),
        "status" => sort_by(&mut rows, from_end, |row| row.status().to_owned()),
        "modified" => sort_by(&mut rows, from_end, Row::modified),
        "used" => sort_by(&mut rows, from_end, Row::uses),
        "seen" => sort_by(&mut rows, from_end, |row| row.shoppers),
        _ => sort_by(&mut rows, from_end, |row| row.name.to_lowercase()),
    }
    let picked = asked.all("column");
    let shows = |column: &str| picked.is_empty() || picked.contains(&column);
    let body = html! {
        @if let Some(snapshot) = &snapshot { (freshness(snapshot)) }
        div.card {
            form.filters method="get" role="search" {
                label.field.field--wide { span.field__label { "Search" } input type="search" name="q" value=(asked.text("q")) placeholder="Name, id or origin"; }
                label.field { span.field__label { "Modified since" } input type="date" name="since" value=(asked.text("since")); }
                label.field { span.field__label { "Modified until" } input type="date" name="until" value=(asked.text("until")); }
                details.columns {
                    summary.button { "Columns" }
                    div.stack {
                        @for (column, title) in COLUMNS {
                            label.check { input type="checkbox" name="column" value=(column) checked[shows(column)]; (title) }
                        }
                    }
                }
                button.button { "Find" }
            }
            @if rows.is_empty() && asked.text("q").is_empty() && since.is_none() && until.is_none() {
                div.empty { p { "No audiences are known yet." } }
            } @else {
                div.table {
                    table.table--cards {
                        thead {
                            tr {
                                (asked.head("name", "Audience", "name"))
                                @for (column, title) in COLUMNS { @if shows(column) {
                                    @if column == "websites" { th { (title) } } @else { (asked.head(column, title, "name")) }
                                } }
                            }
                        }
                        tbody { @for row in asked.cut(&rows) { (line(row, &shows)) } }
                    }
                }
                (asked.pager(rows.len(), "audiences"))
            }
        }
        @if may_edit(&admin, &who) {
            details.card {
                summary { strong { "Add an audience by hand" } }
                p.quiet { "For a shop without Experience Platform, or an audience that is not listed yet: under the id that memberships carry." }
                form.grid method="post" action="/audiences" {
                    (csrf(&who))
                    label.field { span.field__label { "Id" } input name="id" required; }
                    label.field { span.field__label { "Name" } input name="name" required; }
                    div { button.button { "Add" } }
                }
            }
        }
    };
    let may_sync = admin.0.parts.inventory.is_some() && who.may(Role::Editor);
    let actions = html! {
        @if may_sync { form method="post" action="/audiences/sync" { (csrf(&who)) button.button.button--main { "Sync now" } } }
    };
    let sync = admin.sync().filter(|_| asked.text("done") == "sync");
    let body = html! { @if let Some(sync) = &sync { (progress(sync)) } (body) };
    let done = done(&asked);
    let page_of =
        Page { admin: &admin, who: &who, desk: &desk, section: Section::Audiences, title: "Audiences", actions, done };
    let mut response = page(page_of.show(&body)).into_response();
    if sync.is_some_and(|sync| sync.outcome.is_none()) {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("1"));
    }
    Ok(response)
}

fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// As of when the list is, and what was the matter with the last attempt.
fn freshness(snapshot: &Snapshot) -> Markup {
    let failed = snapshot.last.as_ref().and_then(|sync| Some((sync.began, sync.error.as_ref()?)));
    html! {
        @if let Some((at, error)) = failed {
            div.notice.notice--warn { p { "The last attempt to list audiences, at " (moment(at)) " UTC, failed: " (error) } }
        }
        @match &snapshot.good {
            Some(good) => {
                p.quiet { "As Experience Platform had it at " (moment(good.began)) " UTC." @if let Some(remark) = &good.remark { " " (remark) "." } }
            }
            None => { p.quiet { "Experience Platform's audiences were never listed." } }
        }
    }
}

fn line(row: &Row<'_>, shows: &impl Fn(&str) -> bool) -> Markup {
    html! {
        tr {
            td data-label="Audience" {
                a.row__name href={ "/audiences/one?id=" (encoded(row.id)) } { (row.name) }
                div.row__id { (row.id) }
                @for warning in row.warnings() { " " (badge("warn", warning)) }
            }
            @if shows("seen") { td.number data-label="Shoppers, 24 hours" { (row.shoppers.day) div.row__id { (row.shoppers.hour) " this hour" } } }
            @if shows("origin") { td data-label="Origin" { (row.origin()) } }
            @if shows("evaluation") { td data-label="Evaluation" { (row.evaluation()) } }
            @if shows("status") { td data-label="Status" { (status(row.status())) } }
            @if shows("modified") { td data-label="Last modified" { @if let Some(time) = row.modified() { (moment(time)) } } }
            @if shows("websites") { td data-label="Websites" { (row.websites()) } }
            @if shows("used") {
                td data-label="Used in" {
                    @if row.uses() == 0 { span.quiet { "–" } }
                    @if !row.offers.is_empty() { a href={ "/offers?audience=" (encoded(row.id)) } { (counted(row.offers.len(), "offer")) } }
                    @if !row.offers.is_empty() && !row.blocks.is_empty() { br; }
                    @if !row.blocks.is_empty() { a href={ "/blocks?audience=" (encoded(row.id)) } { (counted(row.blocks.len(), "block")) } }
                }
            }
        }
    }
}

fn status(word: &str) -> Markup {
    html! { @if !word.is_empty() { (badge(match word { "published" => "good", "deleted" => "bad", _ => "plain" }, word)) } }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `GET /audiences/one`
pub(super) async fn one(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let store = admin.store().await?;
    let snapshot = admin.snapshot(&store).await?;
    let rows = rows(&desk, snapshot.as_ref(), &admin.shoppers());
    let row = rows.iter().find(|row| row.id == asked.text("id")).ok_or(Refused::NotFound)?;
    let own = desk.draft(Kind::Audience, row.id);
    let (mut seen, since) = (Vec::new(), hour(Timestamp::now()) - KEPT_HOURS);
    for id in row.ids() {
        seen.extend(store.seen_of(&Subject::Audience(id.into()), since).await?);
    }
    let uses = |title: &str, path: &str, entries: &[&Entry]| {
        html! {
            div.card {
                h2 { (title) }
                @if entries.is_empty() { p.quiet { "In none." } }
                ul { @for entry in entries { li { a href={ (path) "?id=" (encoded(&entry.id)) } { (words::name(&entry.value)) } " " span.quiet { (words::days(&entry.value)) } } } }
            }
        }
    };
    let body = html! {
        @for warning in row.warnings() { div.notice.notice--warn { p { (explained(warning)) } } }
        div.card {
            dl.facts {
                dt { "Id" } dd { code { (row.id) } }
                @if let Some(known) = row.known {
                    @if known.audience.audience_id != known.audience.id { dt { "External id" } dd { code { (known.audience.audience_id) } } }
                    @if let Some(words) = &known.audience.description { dt { "Description" } dd { (words) } }
                    dt { "Origin" } dd { (row.origin()) }
                    dt { "Evaluation" } dd { (row.evaluation()) }
                    dt { "Status" } dd { (status(row.status())) }
                    dt { "Activated" } dd { @match &known.activation {
                        Activation::Yes(names) => { "yes" @if !names.is_empty() { ", for " (names.join(", ")) } }
                        Activation::No => { "no" }
                        Activation::Unknown => { "not known" }
                    } }
                    @if let Some(time) = row.modified() { dt { "Last modified" } dd { (moment(time)) " UTC" } }
                    @if let Some(name) = &known.previous_name { dt { "Called before" } dd { (name) } }
                    dt { "First seen" } dd { (moment(known.first_seen)) " UTC" }
                } @else { dt { "Origin" } dd { "Added by hand" } }
            }
        }
        div.card { h2 { "Shoppers seen" } (chart(&seen, Timestamp::now())) }
        (uses("Offers", "/offers/edit", &row.offers))
        (uses("Dynamic blocks", "/blocks/edit", &row.blocks))
    };
    let actions = html! {
        @if let Some(own) = own { @if row.known.is_none() && row.uses() == 0 && may_edit(&admin, &who) {
            form method="post" action="/audiences/delete" {
                (csrf(&who))
                input type="hidden" name="former" value=(own.id);
                input type="hidden" name="version" value=(own.version);
                button.button.button--bad { "Delete" }
            }
        } }
    };
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Audiences,
        title: row.name,
        actions,
        done: None,
    };
    Ok(page(page_of.show(&body)).into_response())
}

fn explained(warning: &str) -> &'static str {
    match warning {
        "deleted but in use" => {
            "It was deleted in Experience Platform: nobody is in it any more. Offers and blocks that name it should name another."
        }
        "not activated" => {
            "It is not activated for this shop, so that its members are not known at the edge: activate it under Destinations."
        }
        "not seen for a day" => {
            "Nobody in it was seen in the last 24 hours, though something is shown to it: does it have members, and do they come to the shop?"
        }
        "batch only" => "It is evaluated once a day, so that shoppers come and go with a day's delay.",
        _ => "It is not published in Experience Platform.",
    }
}

/// `POST /audiences`
pub(super) async fn add(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    let value = json!({ "id": fields.text("id"), "name": fields.text("name") });
    let checked = admin.desk().await?.check(Kind::Audience, &value, admin.sites());
    if let Some((place, words)) = checked.mistakes.first() {
        return Err(Refused::Bad(format!("{place} {words}")));
    }
    keep(&admin, &who, Kind::Audience, &value, "", 0).await?;
    Ok(see_other("/audiences?done=added"))
}

/// `POST /audiences/delete`
pub(super) async fn delete(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    remove(&admin, &who, Kind::Audience, &fields).await?;
    Ok(see_other("/audiences?done=deleted"))
}

/// A listing of audiences, under way or over.
#[derive(Clone)]
pub(super) struct Syncing {
    began: Instant,
    /// How many were read so far.
    read: Arc<AtomicUsize>,
    /// How many there are and how many of them are otherwise than before, or why nobody knows.
    outcome: Option<Result<(usize, usize), String>>,
}

impl Admin {
    fn sync(&self) -> Option<Syncing> {
        self.0.sync.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_sync(&self, sync: Syncing) {
        *self.0.sync.lock().unwrap_or_else(PoisonError::into_inner) = Some(sync);
    }
}

/// `POST /audiences/sync`: asks Experience Platform now. The page that follows tells how far it is.
pub(super) async fn sync(State(admin): State<Admin>, Posted { who, .. }: Posted) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    admin.0.parts.inventory.as_ref().ok_or(Refused::NotFound)?;
    if admin.sync().is_none_or(|sync| sync.outcome.is_some()) {
        admin.set_sync(Syncing { began: Instant::now(), read: Arc::default(), outcome: None });
        tokio::spawn(async move {
            if let Err(refused) = list_anew(&admin, &who).await {
                tracing::warn!("audiences are not listed: {}", refused.words().1);
            }
        });
    }
    Ok(see_other("/audiences?done=sync"))
}

/// How far the listing is that somebody asked for.
fn progress(sync: &Syncing) -> Markup {
    let read = sync.read.load(Ordering::Relaxed);
    html! {
        @match &sync.outcome {
            None => div.notice role="status" { p {
                "Experience Platform is being asked: " (counted(read, "audience")) " so far, in " (sync.began.elapsed().as_secs()) " s."
            } },
            Some(Ok((listed, changes))) => div.notice.notice--good role="status" { p {
                "Experience Platform was asked: " (counted(*listed, "audience")) ", " (changes) " of them otherwise than before."
            } },
            Some(Err(why)) => div.notice.notice--bad role="alert" { p { "Audiences could not be listed. " (why) } },
        }
    }
}

/// Asks Experience Platform for its audiences; how many it has, and how many are otherwise than before.
pub(super) async fn list_anew(admin: &Admin, who: &Signed) -> Result<(usize, usize), Refused> {
    who.must(Role::Editor)?;
    let open = admin.0.parts.inventory.as_ref().ok_or(Refused::NotFound)?;
    // Whoever asks while another asks waits for that one.
    let _turn = admin.0.syncing.lock().await;
    let _end = End(admin);
    let (began, read) = (Instant::now(), Arc::default());
    let listed = list_with(admin, who, open, began, &read).await;
    let outcome = listed.as_ref().copied().map_err(|refused| refused.words().1);
    admin.set_sync(Syncing { began, read, outcome: Some(outcome) });
    listed
}

/// Ends a listing that is given up, such as by a program that does not wait for its answer.
struct End<'a>(&'a Admin);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut sync = self.0.0.sync.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sync) = sync.as_mut().filter(|sync| sync.outcome.is_none()) {
            sync.outcome = Some(Err("It was broken off.".to_owned()));
        }
    }
}

async fn list_with(
    admin: &Admin,
    who: &Signed,
    open: &InventorySource,
    began: Instant,
    read: &Arc<AtomicUsize>,
) -> Result<(usize, usize), Refused> {
    let store = admin.store().await?;
    let inventory = open(store.clone()).map_err(|error| Refused::Unavailable(error.to_string()))?;
    let inventory = inventory.telling(Arc::clone(read));
    admin.set_sync(Syncing { began, read: Arc::clone(read), outcome: None });
    let report = inventory
        .sync("command")
        .await
        .map_err(|error| Refused::Unavailable(format!("{error}; {}", error.advice())))?;
    let detail = format!("{} listed, {} changes", report.listed, report.changes.len());
    store.note(who.doing("audiences.sync", "", &detail)).await?;
    Ok((report.listed, report.changes.len()))
}
