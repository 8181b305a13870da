//! Publishing: the difference in words, what is the matter with it, and every revision that was.

mod floors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use maud::{Markup, html};
use rust_decimal::Decimal;
use serde_json::Value;

use super::answer::{Refused, encoded, page, see_other};
use super::desk::{Desk, Difference, Names, What, own};
use super::forms::Posted;
use super::layout::{Page, Section, badge, csrf, moment};
use super::listing::Asked;
use super::offers::done;
use super::sign_in::Signed;
use super::{Admin, TriedOffer, words};
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::store::{Changed, Kind, Publication, Role, RuleState, Scheduled};
pub(super) use floors::Known;

/// Revisions that are listed.
const LISTED: u32 = 200;

/// Differences that are listed; more are counted.
const SHOWN: usize = 200;

/// What is the matter with what would be published.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Why it cannot be published: about what, and words.
    pub(super) mistakes: Vec<(String, String)>,
    /// What should be looked at.
    pub(super) warnings: Vec<(String, String)>,
}

/// What was found of a desk.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    today: Date,
    state: RuleState,
    inventory: Names,
    known: Option<Known>,
    found: Arc<Findings>,
}

fn findings(document: &Value, sites: &Sites, today: Date, known: Option<&Known>) -> Findings {
    let mut found = Findings::default();
    let named = |place: &str, message: String| {
        // Places are such as /offers/3/amount.
        let mut parts = place.trim_start_matches('/').splitn(3, '/');
        let (list, at, field) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
        let entry = &document[list][at.parse::<usize>().unwrap_or(usize::MAX)];
        let what = if entry.is_null() { place.to_owned() } else { words::name(entry).to_owned() };
        (what, field.map_or(message.clone(), |field| format!("{}: {message}", field.replace('/', " "))))
    };
    match Ruleset::parse("the drafts", document.to_string().as_bytes(), sites) {
        Ok((ruleset, warnings)) => {
            found.warnings = warnings.into_iter().map(|it| named(&it.place, it.message)).collect();
            if let Some(known) = known {
                found.warnings.extend(floors::warnings(ruleset, known, sites, Timestamp::now()));
            }
        }
        Err(mistakes) => found.mistakes = mistakes.into_iter().map(|it| named(&it.place, it.message)).collect(),
    }
    for list in ["offers", "blocks"] {
        for entry in document[list].as_array().into_iter().flatten() {
            if entry["to"].as_str().and_then(|day| day.parse::<Date>().ok()).is_some_and(|last| last < today) {
                found
                    .warnings
                    .push((words::name(entry).to_owned(), "its last day is over, so that nobody sees it".to_owned()));
            }
        }
    }
    found.warnings.extend(crowded(document));
    found
}

/// Blocks that show together at a place where one is expected: heroes at the top of the same pages, for whoever is in both audiences.
fn crowded(document: &Value) -> Vec<(String, String)> {
    let mut by_place: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for block in document["blocks"].as_array().into_iter().flatten() {
        let is_alone = matches!(block["rotation"].as_str(), Some("first" | "random"));
        if words::placement(block) == "page-top" && !is_alone {
            let key = format!("{} {} {}", block["page_kinds"], block["websites"], block["store_views"]);
            by_place.entry(key).or_default().push(block);
        }
    }
    let crowds = by_place.into_values().filter(|blocks| blocks.len() > 1);
    crowds
        .map(|blocks| {
            let names: Vec<&str> = blocks.iter().map(|block| words::name(block)).collect();
            let words = "are at the top of the same pages, one above the other for whoever is meant by several; with the rotation \
                         “the best one by priority” one of them is shown";
            (names.join(", "), words.to_owned())
        })
        .collect()
}

/// What is the matter with what is worked on.
pub(super) async fn look_over(admin: &Admin, desk: &Desk) -> Result<Arc<Findings>, Refused> {
    let (today, known) = (admin.today(), admin.known());
    let looked = admin.0.looked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_of = |looked: &Looked| {
        let is_same = looked.today == today && looked.state == desk.state && looked.inventory == desk.inventory;
        is_same && Known::same(looked.known.as_ref(), known.as_ref())
    };
    if let Some(looked) = looked.filter(is_of) {
        return Ok(looked.found);
    }
    let (document, sites) = (desk.document(), admin.sites().clone());
    // Thousands of rules take their time, which others on this thread would wait for.
    let shared = known.clone();
    let found = tokio::task::spawn_blocking(move || findings(&document, &sites, today, shared.as_ref())).await;
    let found = Arc::new(found.map_err(|error| Refused::Unavailable(error.to_string()))?);
    // Rules of a file have no state.
    if admin.rules_file().is_none() {
        let (state, inventory) = (desk.state, desk.inventory.clone());
        *admin.0.looked.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Looked { today, state, inventory, known, found: Arc::clone(&found) });
    }
    Ok(found)
}

/// `GET /publish`
pub(super) async fn form(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    show(&admin, &who, done(&asked), None).await
}

/// What came of trying offers in carts.
pub(super) type Tried = Result<Vec<TriedOffer>, String>;

/// How long trying may take.
const LONGEST: Duration = Duration::from_secs(90);

/// `POST /publish/verify`
pub(super) async fn verify(State(admin): State<Admin>, Posted { who, .. }: Posted) -> Result<Response, Refused> {
    let tried = try_in_carts(&admin, &who).await?;
    show(&admin, &who, None, Some(&tried)).await
}

/// Tries the offers that would be published in carts of guests. Nothing is ordered.
pub(super) async fn try_in_carts(admin: &Admin, who: &Signed) -> Result<Tried, Refused> {
    who.must(Role::Editor)?;
    let verifier = admin.0.verifier.get().ok_or(Refused::NotFound)?;
    let desk = admin.desk().await?;
    let wanted: BTreeSet<String> = tried_offers(&desk).into_iter().collect();
    let tried = match Ruleset::parse("the drafts", desk.document().to_string().as_bytes(), admin.sites()) {
        Ok((ruleset, _)) => match tokio::time::timeout(LONGEST, verifier(ruleset, wanted)).await {
            Ok(tried) => tried,
            Err(_) => Err(format!("The shop took longer than {} s.", LONGEST.as_secs())),
        },
        Err(mistakes) => Err(format!("There are mistakes that must be mended first: {}", mistakes.len())),
    };
    let detail = tried.as_ref().map_or_else(Clone::clone, |rows| {
        format!("{} tried, {} differed", rows.len(), rows.iter().filter(|row| row.differed).count())
    });
    admin.store().await?.note(who.doing("rules.verify", "", &detail)).await?;
    Ok(tried)
}

/// The offers that would change; all of them where none does.
fn tried_offers(desk: &Desk) -> Vec<String> {
    let ids = || desk.drafts(Kind::Offer).map(|entry| entry.id.clone());
    let changed: Vec<String> = ids().filter(|id| desk.is_changed(Kind::Offer, id)).collect();
    if changed.is_empty() { ids().collect() } else { changed }
}

fn tried_shown(tried: &Tried, desk: &Desk) -> Markup {
    let name = |id: &str| desk.draft(Kind::Offer, id).map_or(id, |entry| words::name(&entry.value)).to_owned();
    let price = |price: Option<Decimal>| price.map_or_else(String::new, |price| format!("{price:.2}"));
    html! {
        @match tried {
            Err(why) => div.notice.notice--bad role="alert" tabindex="-1" data-focus { p { "They could not be tried: " (why) } },
            Ok(rows) => {
                @let differed = rows.iter().filter(|row| row.differed).count();
                div.notice.{ "notice--" (if differed > 0 { "bad" } else { "good" }) } role="status" tabindex="-1" data-focus {
                    p { @if differed > 0 { (differed) " carts do not charge what would be shown." } @else { "No cart charges anything else than what would be shown." } }
                }
                div.card { div.table { table.table--cards {
                    thead { tr { th { "Offer" } th { "Product" } th { "Shown" } th { "Charged" } th { "Outcome" } } }
                    tbody { @for row in rows { tr {
                        td data-label="Offer" { span.row__name { (name(&row.offer)) } }
                        td data-label="Product" { (row.sku) }
                        td data-label="Shown" { (price(row.expected)) }
                        td data-label="Charged" { (price(row.charged)) }
                        td data-label="Outcome" { @if row.differed { (badge("bad", "differs")) } @else if row.charged.is_some() { (badge("good", &row.result)) } @else { (row.result) } }
                    } } }
                } } }
            }
        }
    }
}

async fn show(
    admin: &Admin,
    who: &Signed,
    done: Option<&'static str>,
    tried: Option<&Tried>,
) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let differences = desk.differences();
    let found = look_over(admin, &desk).await?;
    let scheduled = admin.store().await?.scheduled().await?;
    let may = who.may(Role::Publisher) && admin.rules_file().is_none();
    let list = |items: &[(String, String)]| {
        html! { ul { @for (what, words) in items.iter().take(SHOWN) { li { strong { (what) } " " (words) } } } }
    };
    let body = html! {
        @if let Some(plan) = &scheduled {
            div.notice {
                p { "Scheduled for " (moment(plan.at)) " UTC by " (plan.who) @if !plan.note.is_empty() { ": “" (plan.note) "”" } ". What is published then is what it was when it was scheduled." }
                @if may { form method="post" action="/publish/unschedule" { (csrf(who)) button.button.button--small { "Do not publish it" } } }
            }
        }
        @if let Some(tried) = tried { (tried_shown(tried, &desk)) }
        @if !found.mistakes.is_empty() { div.notice.notice--bad role="alert" { p { "This must be mended before it can be published:" } (list(&found.mistakes)) } }
        @if !found.warnings.is_empty() { div.notice.notice--warn { p { "Please look at this first:" } (list(&found.warnings)) } }
        div.card {
            h2 { @match differences.len() { 0 => "Nothing to publish", 1 => "1 difference", count => { (count) " differences" } } }
            @if differences.is_empty() { p.quiet { "What is worked on is what shoppers get." } }
            (diff(&differences))
        }
        @if may && (!differences.is_empty() || desk.state.revision == 0) {
            form.card method="post" action="/publish" {
                (csrf(who))
                input type="hidden" name="changes" value=(desk.state.changes);
                div.grid {
                    label.field.wide { span.field__label { "Note" } input name="note" maxlength="255" placeholder="What this is for"; }
                    label.field { span.field__label { "Not before (optional)" } input type="datetime-local" name="at"; span.field__hint { "In " (zone(admin)) "." } }
                }
                div.previews {
                    button.button.button--main disabled[!found.mistakes.is_empty()] { "Publish" }
                    @if desk.state.revision > 0 { button.button.button--bad formaction="/publish/discard" { "Discard all drafts" } }
                }
            }
        }
        @if who.may(Role::Editor) && admin.rules_file().is_none() && admin.0.verifier.get().is_some() && desk.count(Kind::Offer) > 0 {
            form.card method="post" action="/publish/verify" {
                (csrf(who))
                p { "Try it first: products of the offers that would change (of any, where none would), twenty offers at most, are put into guests' carts in the shop, and what these are charged is compared with what would be shown. Nothing is ordered." }
                button.button { "Try offers in carts" }
            }
        }
        @if !may && !differences.is_empty() && admin.rules_file().is_none() { p.quiet { "Publishing takes the role “publisher”." } }
    };
    let page_of =
        Page { admin, who, desk: &desk, section: Section::Publish, title: "Publish", actions: html! {}, done };
    Ok(page(page_of.show(&body)).into_response())
}

fn zone(admin: &Admin) -> String {
    admin.sites().default_view().time_zone.iana_name().unwrap_or("the shop's time zone").to_owned()
}

fn diff(differences: &[Difference]) -> Markup {
    html! {
        ul.diff {
            @for difference in differences.iter().take(SHOWN) {
                li {
                    div { @match &difference.what {
                        What::Added(_) => (badge("good", "new")),
                        What::Removed => (badge("bad", "deleted")),
                        What::Changed(_) => (badge("warn", "changed")),
                    } }
                    div {
                        span.quiet { (kind(difference.kind)) " " }
                        @match difference.kind {
                            Kind::Audience => strong { (difference.name) },
                            Kind::Offer => a.row__name href={ "/offers/edit?id=" (encoded(&difference.id)) } { (difference.name) },
                            Kind::Block => a.row__name href={ "/blocks/edit?id=" (encoded(&difference.id)) } { (difference.name) },
                        }
                        @if let What::Added(lines) | What::Changed(lines) = &difference.what { ul { @for line in lines { li { (line) } } } }
                    }
                }
            }
        }
        @if differences.len() > SHOWN { p.quiet { "and " (differences.len() - SHOWN) " more" } }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Audience => "Audience",
        Kind::Offer => "Offer",
        Kind::Block => "Block",
    }
}

/// The difference in one line, for the record.
fn in_short(differences: &[Difference]) -> String {
    let one = |difference: &Difference| {
        let what = match &difference.what {
            What::Added(_) => "new",
            What::Removed => "deleted",
            What::Changed(_) => "changed",
        };
        format!("{} {} {what}", kind(difference.kind), difference.name)
    };
    let mut parts: Vec<String> = differences.iter().take(20).map(one).collect();
    if differences.len() > 20 {
        parts.push(format!("and {} more", differences.len() - 20));
    }
    parts.join("; ")
}

pub(super) fn editable(admin: &Admin, who: &Signed) -> Result<(), Refused> {
    who.must(Role::Publisher)?;
    admin.rules_file().map_or(Ok(()), |file| Err(Refused::ReadOnly(file.display().to_string())))
}

fn overtaken() -> Refused {
    Refused::Conflict(
        "Something was changed since you looked at the differences. Look at them again, then publish.".to_owned(),
    )
}

/// What became of publishing.
pub(super) enum Published {
    /// It is live, as this revision.
    Live(i64),
    /// It will be at this moment.
    Later(Timestamp),
}

/// Publishes what is worked on as it was after a change, now or at a moment to come.
pub(super) async fn publish_at(
    admin: &Admin,
    who: &Signed,
    seen: i64,
    note: &str,
    at: Option<Timestamp>,
) -> Result<Published, Refused> {
    editable(admin, who)?;
    let desk = admin.desk().await?;
    if seen != desk.state.changes {
        return Err(overtaken());
    }
    let rules = desk.document();
    let (checked, sites) = (rules.to_string(), admin.sites().clone());
    let parsed =
        tokio::task::spawn_blocking(move || Ruleset::parse("the drafts", checked.as_bytes(), &sites).is_ok()).await;
    if !parsed.map_err(|error| Refused::Unavailable(error.to_string()))? {
        return Err(Refused::Conflict(
            "There are mistakes that must be mended first: the page Publish names them.".to_owned(),
        ));
    }
    let store = admin.store().await?;
    let detail = in_short(&desk.differences());
    let note: String = note.chars().take(255).collect();
    if let Some(at) = at.filter(|at| *at > Timestamp::now()) {
        let plan = Scheduled { rules, note, at, who: who.name.clone() };
        let subject = at.to_string();
        return match store.schedule(&plan, Some(seen), who.doing("rules.schedule", &subject, &detail)).await? {
            Changed::Done(()) => Ok(Published::Later(at)),
            Changed::Conflict => Err(overtaken()),
        };
    }
    let publication = Publication { rules: &rules, note: &note, who: &who.name, again: None, detail: &detail };
    match store.publish(&publication, Some(seen), None).await? {
        Changed::Done(number) => Ok(Published::Live(number)),
        Changed::Conflict => Err(overtaken()),
    }
}

/// `POST /publish`
pub(super) async fn publish(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    let seen: i64 =
        fields.text("changes").parse().map_err(|_| Refused::Bad("It does not say what was looked at.".to_owned()))?;
    let at = moment_of(&admin, fields.text("at"))?;
    Ok(match publish_at(&admin, &who, seen, fields.text("note"), at).await? {
        Published::Live(_) => see_other("/publish?done=published"),
        Published::Later(_) => see_other("/publish?done=scheduled"),
    })
}

/// A moment as a browser's field has it, in the shop's time zone.
fn moment_of(admin: &Admin, text: &str) -> Result<Option<Timestamp>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Refused::Bad(format!("“{text}” is no moment such as 2026-11-27T18:00."));
    let local: DateTime = text.parse().map_err(|_| wrong())?;
    let zoned = local.to_zoned(admin.sites().default_view().time_zone.clone()).map_err(|_| wrong())?;
    Ok(Some(zoned.timestamp()))
}

/// Makes the drafts what is live, as long as they are as they were after a change.
pub(super) async fn discard_drafts(admin: &Admin, who: &Signed, seen: Option<i64>) -> Result<(), Refused> {
    editable(admin, who)?;
    let store = admin.store().await?;
    let Some((number, rules)) = store.newest_rules().await? else { return Err(Refused::NotFound) };
    let rules: Value = serde_json::from_str(&rules).map_err(|error| Refused::Unavailable(error.to_string()))?;
    let (rules, subject) = (own(&rules, &admin.desk().await?.inventory), format!("revision {number}"));
    match store.replace_entries(&rules, seen, who.doing("rules.discard", &subject, "")).await? {
        Changed::Done(_) => Ok(()),
        Changed::Conflict => Err(overtaken()),
    }
}

/// `POST /publish/discard`
pub(super) async fn discard(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    discard_drafts(&admin, &who, fields.text("changes").parse().ok()).await?;
    Ok(see_other("/publish?done=discarded"))
}

/// `POST /publish/unschedule`
pub(super) async fn unschedule(State(admin): State<Admin>, Posted { who, .. }: Posted) -> Result<Response, Refused> {
    editable(&admin, &who)?;
    admin.store().await?.unschedule(who.doing("rules.unschedule", "", "")).await?;
    Ok(see_other("/publish?done=unscheduled"))
}

/// `GET /revisions`
pub(super) async fn revisions(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let revisions = admin.store().await?.revisions(asked.text("below").parse().ok(), LISTED).await?;
    let body = html! {
        div.card {
            @if revisions.is_empty() { div.empty { p { "Nothing was published yet." } } } @else {
                div.table { table.table--cards {
                    thead { tr { th { "Revision" } th { "Published (UTC)" } th { "By" } th { "Note" } } }
                    tbody { @for revision in &revisions { tr {
                        td data-label="Revision" {
                            a.row__name href={ "/revisions/one?number=" (revision.number) } { "Revision " (revision.number) }
                            @if revision.number == desk.state.revision { " " (badge("good", "live")) }
                            @if let Some(again) = revision.again { div.row__id { "revision " (again) " again" } }
                        }
                        td data-label="Published (UTC)" { (moment(revision.published_at)) }
                        td data-label="By" { (revision.published_by) }
                        td data-label="Note" { (revision.note) }
                    } } }
                } }
                @if revisions.len() == LISTED as usize { @if let Some(last) = revisions.last() { div.pager { span {} a.button.button--small href={ "?below=" (last.number) } { "Older" } } } }
            }
        }
    };
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Revisions,
        title: "Revisions",
        actions: html! {},
        done: done(&asked),
    };
    Ok(page(page_of.show(&body)).into_response())
}

/// `GET /revisions/one`: what rolling back to it would change.
pub(super) async fn one(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let number: i64 = asked.text("number").parse().map_err(|_| Refused::NotFound)?;
    let store = admin.store().await?;
    let rules = store.revision_rules(number).await?.ok_or(Refused::NotFound)?;
    let is_live = number == desk.state.revision;
    let differences = if is_live { Vec::new() } else { from_live(&rules, &desk) };
    let may = who.may(Role::Publisher) && admin.rules_file().is_none();
    let body = html! {
        div.card {
            h2 { @if is_live { "It is live" } @else { "What rolling back to it changes for shoppers" } }
            @if !is_live && differences.is_empty() { p.quiet { "Nothing: it has the same rules as what is live." } }
            (diff(&differences))
        }
        @if may && !is_live {
            form.card method="post" action="/revisions/one" {
                (csrf(&who))
                input type="hidden" name="number" value=(number);
                input type="hidden" name="live" value=(desk.state.revision);
                @if desk.pending() > 0 { p { "Drafts that are not published stay as they are." } } @else { p { "The drafts become those of this revision too." } }
                button.button.button--main { "Roll back to revision " (number) }
            }
        }
    };
    let title = format!("Revision {number}");
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Revisions,
        title: &title,
        actions: html! {},
        done: None,
    };
    Ok(page(page_of.show(&body)).into_response())
}

/// What is otherwise in a rules file than in what is live.
fn from_live(rules: &str, desk: &Desk) -> Vec<Difference> {
    let new = serde_json::from_str::<Value>(rules).unwrap_or_default();
    let entries = [Kind::Offer, Kind::Block].into_iter().flat_map(|kind| {
        let list = new[kind.list()].as_array().cloned().unwrap_or_default();
        list.into_iter().filter_map(move |value| {
            Some(crate::store::Entry {
                kind,
                id: value["id"].as_str()?.to_owned(),
                value,
                version: 0,
                changed_at: Timestamp::UNIX_EPOCH,
                changed_by: String::new(),
            })
        })
    });
    desk.with_drafts(entries.collect()).differences()
}

/// Publishes a revision's rules again; the new revision.
pub(super) async fn roll_back_to(admin: &Admin, who: &Signed, number: i64, desk: &Desk) -> Result<i64, Refused> {
    editable(admin, who)?;
    let store = admin.store().await?;
    let text = store.revision_rules(number).await?.ok_or(Refused::NotFound)?;
    if let Err(mistakes) = Ruleset::parse("the revision", text.as_bytes(), admin.sites()) {
        let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
        return Err(Refused::Conflict(format!("This revision does not fit the configuration any more: {first}")));
    }
    let rules: Value = serde_json::from_str(&text).map_err(|error| Refused::Unavailable(error.to_string()))?;
    let note = format!("back to revision {number}");
    let publication = Publication { rules: &rules, note: &note, who: &who.name, again: Some(number), detail: &note };
    // What nobody has published yet is not lost by a step back.
    let drafts = (desk.pending() == 0).then(|| own(&rules, &desk.inventory));
    match store.publish(&publication, Some(desk.state.changes), drafts.as_ref()).await? {
        Changed::Done(number) => Ok(number),
        Changed::Conflict => Err(overtaken()),
    }
}

/// `POST /revisions/one`
pub(super) async fn roll_back(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let number: i64 = fields.text("number").parse().map_err(|_| Refused::NotFound)?;
    if fields.text("live").parse() != Ok(desk.state.revision) {
        return Err(overtaken());
    }
    roll_back_to(&admin, &who, number, &desk).await?;
    Ok(see_other("/revisions?done=published"))
}
