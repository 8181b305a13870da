//! How things are: the store, Commerce, Experience Platform and keys, and buttons that try each.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use maud::{Markup, html};

use super::Admin;
use super::answer::{Refused, page};
use super::audiences::list_anew;
use super::forms::Posted;
use super::layout::{Page, Section, badge, csrf, moment};
use super::sign_in::Signed;
use crate::audience::Trust;
use crate::config::RulesSource;
use crate::store::Role;

/// What came of trying something: about what, and words.
pub(super) struct Tried {
    what: &'static str,
    pub(super) outcome: Result<String, String>,
}

/// `GET /settings`
pub(super) async fn show(State(admin): State<Admin>, who: Signed) -> Result<Response, Refused> {
    Ok(page(shown(&admin, &who, None).await?).into_response())
}

/// `POST /settings`: tries one of the things.
pub(super) async fn test(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    let tried = try_out(&admin, &who, fields.text("test")).await?;
    Ok(page(shown(&admin, &who, Some(&tried)).await?).into_response())
}

/// Tries the store, Commerce or Experience Platform, by the words `store`, `commerce` and `platform`.
pub(super) async fn try_out(admin: &Admin, who: &Signed, what: &str) -> Result<Tried, Refused> {
    who.must(Role::Admin)?;
    Ok(match what {
        "store" => Tried { what: "store", outcome: try_store(admin, who).await },
        "commerce" => Tried { what: "commerce", outcome: try_commerce(admin).await },
        "platform" => Tried { what: "platform", outcome: try_platform(admin, who).await },
        _ => return Err(Refused::NotFound),
    })
}

async fn try_store(admin: &Admin, who: &Signed) -> Result<String, String> {
    let store = admin.store().await.map_err(|error| error.to_string())?;
    let begin = std::time::Instant::now();
    store.note(who.doing("store.test", "", "")).await.map_err(|error| error.to_string())?;
    Ok(format!("It can be written, in {} ms.", begin.elapsed().as_millis()))
}

async fn try_commerce(admin: &Admin) -> Result<String, String> {
    let client = admin.0.linked.as_ref().map(super::rules::Linked::client).ok_or("Commerce is not set up")?;
    let begin = std::time::Instant::now();
    let said = async {
        let views = client.store_views().await?;
        Ok::<_, crate::commerce::CommerceError>((views.len(), client.rules().await?.len()))
    };
    let (views, rules) = said.await.map_err(|error| format!("{error}; {}", error.advice()))?;
    let took = begin.elapsed().as_millis();
    Ok(format!("It answers: {views} store views and {rules} cart price rules, in {took} ms."))
}

async fn try_platform(admin: &Admin, who: &Signed) -> Result<String, String> {
    if admin.0.parts.inventory.is_none() {
        return Err("Experience Platform is not set up".to_owned());
    }
    match list_anew(admin, who).await {
        Ok((listed, changes)) => {
            Ok(format!("It answers: {listed} audiences are listed, {changes} of them otherwise than before."))
        }
        Err(refused) => Err(refused.words().1),
    }
}

async fn shown(admin: &Admin, who: &Signed, tried: Option<&Tried>) -> Result<Markup, Refused> {
    let (desk, store) = (admin.desk().await?, admin.store().await?);
    let parts = &admin.0.parts;
    let snapshot = admin.snapshot(&store).await?;
    let book = admin.book().await?;
    let may_test = who.may(Role::Admin);
    let button = |what: &str, words: &str| {
        html! { @if may_test { form method="post" action="/settings" { (csrf(who)) button.button name="test" value=(what) { (words) } } } }
    };
    let outcome = |what: &str| {
        html! {
            @if let Some(tried) = tried.filter(|tried| tried.what == what) {
                @match &tried.outcome {
                    Ok(words) => div.notice.notice--good role="status" tabindex="-1" data-focus { p { (words) } },
                    Err(words) => div.notice.notice--bad role="alert" tabindex="-1" data-focus { p { (words) } },
                }
            }
        }
    };
    let body = html! {
        div.card {
            h2 { "Store" }
            (outcome("store"))
            dl.facts {
                dt { "Where" } dd { code { (parts.place) } }
                dt { "Rules" } dd { @match &parts.rules {
                    RulesSource::File(file) => { "in the file " code { (file.display()) } }
                    RulesSource::Store { .. } => { "here; revision " (desk.state.revision) " is live" @if desk.pending() > 0 { ", " (desk.pending()) " differences are not published" } }
                } }
            }
            (button("store", "Test writing"))
        }
        div.card {
            h2 { "Commerce" }
            (outcome("commerce"))
            @match &admin.0.linked {
                None => p.quiet { "Not set up: " code { "[commerce]" } " in the configuration names the shop and a token." },
                Some(linked) => {
                    dl.facts {
                        dt { "Where" } dd { code { (linked.url()) } }
                        dt { "Rules" } dd { @match &book {
                            None => (badge("warn", "never read")),
                            Some(book) => {
                                (book.rules.len()) ", as of " (moment(book.learnt_at)) " UTC"
                                @if !book.is_current(Timestamp::now(), linked.max_age()) { " " (badge("bad", "too old to count")) }
                                @if !book.unreadable.is_empty() { " " (badge("warn", &format!("{} cannot be read", book.unreadable.len()))) }
                            }
                        } }
                    }
                    (button("commerce", "Test the connection"))
                }
            }
        }
        div.card {
            h2 { "Experience Platform" }
            (outcome("platform"))
            @match &snapshot {
                None => p.quiet { "Not set up: " code { "[experience_platform]" } " in the configuration names organisation and credential." },
                Some(snapshot) => {
                    dl.facts {
                        dt { "Audiences" } dd { @match &snapshot.good {
                            None => (badge("warn", "never listed")),
                            Some(good) => { (snapshot.known.iter().filter(|known| known.gone_at.is_none()).count()) ", as of " (moment(good.began)) " UTC" }
                        } }
                        @if let Some(error) = snapshot.last.as_ref().and_then(|last| last.error.as_ref()) { dt { "Last attempt" } dd { (badge("bad", "failed")) " " (error) } }
                    }
                    @if parts.inventory.is_some() { (button("platform", "List audiences now")) }
                }
            }
        }
        div.card {
            h2 { "Shoppers" }
            dl.facts {
                dt { "Cookies" } dd { "sealed with " (parts.membership.keys.count()) @if parts.membership.keys.count() == 1 { " key" } @else { " keys, the first of which seals" } }
                dt { "Believed" } dd { @match parts.membership.trust {
                    Trust::Verified => "what Segue itself, Experience Platform and trusted machines say",
                    Trust::Cookie => { (badge("bad", "every browser")) " can join every audience: for QA, staging and migration only" }
                } }
                dt { "Previews open" } dd { code { (parts.shop) } }
                dt { "Segue" } dd { (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    let page_of =
        Page { admin, who, desk: &desk, section: Section::Settings, title: "Settings", actions: html! {}, done: None };
    Ok(page_of.show(&body))
}
