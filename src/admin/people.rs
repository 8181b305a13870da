//! Who may sign in, and what each may do.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use maud::{Markup, html};
use uuid::Uuid;

use super::Admin;
use super::answer::{Refused, page, see_other};
use super::forms::{Fields, Posted};
use super::layout::{Page, Section, csrf, moment};
use super::listing::Asked;
use super::offers::done;
use super::sign_in::{Signed, checked_name, digest, new_hash, new_person, secret};
use crate::store::{Changed, Role, Token};

const MAY: [&str; 4] = ["looks", "works on drafts", "publishes and rolls back", "looks after people"];

/// `GET /people`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    Ok(page(show(&admin, &who, done(&asked), None, None).await?).into_response())
}

async fn show(
    admin: &Admin,
    who: &Signed,
    done: Option<&str>,
    wrong: Option<&str>,
    new_token: Option<&str>,
) -> Result<Markup, Refused> {
    let desk = admin.desk().await?;
    let store = admin.store().await?;
    let (people, tokens) = (store.people().await?, store.tokens().await?);
    let roles = |chosen: Role| {
        html! {
            select name="role" aria-label="Role" {
                @for (role, may) in Role::ALL.into_iter().zip(MAY) { option value=(role.as_str()) selected[role == chosen] { (role.as_str()) ": " (may) } }
            }
        }
    };
    let body = html! {
        @if let Some(wrong) = wrong { div.notice.notice--bad role="alert" { p { (wrong) } } }
        @if let Some(token) = new_token {
            div.notice.notice--good role="status" tabindex="-1" data-focus {
                p { "The new token. It is shown this once: whoever has it may do what it may do." }
                p { code.secret { (token) } }
            }
        }
        @for person in &people {
            div.card {
                h2 { (person.name) }
                p.quiet { "Since " (moment(person.created_at)) " UTC" }
                form.grid method="post" action="/people" {
                    (csrf(who))
                    input type="hidden" name="former" value=(person.name);
                    label.field { span.field__label { "Role" } (roles(person.role)) }
                    label.field { span.field__label { "New password" } input type="password" name="password" autocomplete="new-password"; span.field__hint { "Left empty, it stays. A change ends all of this person's sessions." } }
                    div.previews {
                        button.button { "Save" }
                        button.button.button--bad formaction="/people/delete" { "Delete" }
                    }
                }
            }
        }
        div.card {
            h2 { "Add somebody" }
            form.grid method="post" action="/people" {
                (csrf(who))
                label.field { span.field__label { "Name" } input name="name" required autocomplete="off"; }
                label.field { span.field__label { "Role" } (roles(Role::Editor)) }
                label.field { span.field__label { "Password" } input type="password" name="password" required autocomplete="new-password"; span.field__hint { "12 characters at least." } }
                div { button.button.button--main { "Add" } }
            }
        }
        (tokens_shown(who, &tokens, &roles))
    };
    let shown = Page { admin, who, desk: &desk, section: Section::People, title: "People", actions: html! {}, done };
    Ok(shown.show(&body))
}

fn tokens_shown(who: &Signed, tokens: &[Token], roles: &impl Fn(Role) -> Markup) -> Markup {
    html! {
        div.card {
            h2 { "API tokens" }
            p.quiet { "For programs, which use all of this under " code { "/api/v1" } ": " a href="/api/v1/openapi.json" { "what they can do there" } "." }
            @if !tokens.is_empty() {
                div.table { table.table--cards {
                    thead { tr { th { "Token" } th { "May" } th { "Made (UTC)" } th { "Ends (UTC)" } th { "Last used (UTC)" } th { span.hidden { "Delete" } } } }
                    tbody { @for token in tokens { tr {
                        td data-label="Token" { span.row__name { (token.name) } }
                        td data-label="May" { (token.role.as_str()) }
                        td data-label="Made (UTC)" { (moment(token.created_at)) div.row__id { "by " (token.created_by) } }
                        td data-label="Ends (UTC)" { @match token.expires_at { Some(at) => (moment(at)), None => "never" } }
                        td data-label="Last used (UTC)" { @match token.used_at { Some(at) => (moment(at)), None => "never" } }
                        td data-label="" { form method="post" action="/people/tokens/delete" {
                            (csrf(who))
                            input type="hidden" name="id" value=(token.id);
                            button.button.button--small.button--bad aria-label={ "Delete token " (token.name) } { "Delete" }
                        } }
                    } } }
                } }
            }
            form.grid method="post" action="/people/tokens" {
                (csrf(who))
                label.field { span.field__label { "Name" } input name="name" required autocomplete="off" placeholder="What it is for"; }
                label.field { span.field__label { "Role" } (roles(Role::Viewer)) }
                label.field { span.field__label { "Ends after" } select name="days" { option value="30" { "30 days" } option value="90" selected { "90 days" } option value="365" { "a year" } option value="" { "never" } } }
                div { button.button { "Make a token" } }
            }
        }
    }
}

/// Makes a token; it with what it is, which is kept nowhere, or what is wrong.
pub(super) async fn make_token(
    admin: &Admin,
    who: &Signed,
    name: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> Result<Result<(Token, String), String>, Refused> {
    let name = match checked_name(name.trim()) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let now = Timestamp::now();
    if expires_at.is_some_and(|at| at <= now) {
        return Ok(Err("a token ends some time to come".to_owned()));
    }
    let secret = format!("segue_{}", secret());
    let id = Uuid::new_v4().to_string();
    let token = Token { id, name, role, created_by: who.name.clone(), created_at: now, expires_at, used_at: None };
    let detail = format!("{} as {}", token.name, role.as_str());
    admin.store().await?.add_token(&token, &digest(&secret), who.doing("token.add", &token.id, &detail)).await?;
    Ok(Ok((token, secret)))
}

/// `POST /people/tokens`
pub(super) async fn add_token(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    let role = Role::of(fields.text("role")).ok_or_else(|| Refused::Bad("There is no such role.".to_owned()))?;
    let days: Option<i64> = match fields.text("days") {
        "" => None,
        text => Some(text.parse().map_err(|_| Refused::Bad(format!("“{text}” is no number of days.")))?),
    };
    let after = |days: i64| Timestamp::now().checked_add(jiff::SignedDuration::from_hours(days.saturating_mul(24)));
    let expires_at = days.map(after).transpose().map_err(|error| Refused::Bad(error.to_string()))?;
    match make_token(&admin, &who, fields.text("name"), role, expires_at).await? {
        Ok((_, secret)) => Ok(page(show(&admin, &who, None, None, Some(&secret)).await?).into_response()),
        Err(wrong) => {
            let page = page(show(&admin, &who, None, Some(&wrong), None).await?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /people/tokens/delete`
pub(super) async fn delete_token(
    State(admin): State<Admin>,
    Posted { who, fields }: Posted,
) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    let id = fields.text("id");
    admin.store().await?.delete_token(id, who.doing("token.delete", id, "")).await?;
    Ok(see_other("/people"))
}

/// `POST /people`: somebody new, or another role or password.
pub(super) async fn save(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    match change(&admin, &who, &fields).await? {
        Ok(()) => Ok(see_other("/people?done=added")),
        Err(wrong) => {
            let page = page(show(&admin, &who, None, Some(&wrong), None).await?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn change(admin: &Admin, who: &Signed, fields: &Fields) -> Result<Result<(), String>, Refused> {
    let Some(role) = Role::of(fields.text("role")) else { return Ok(Err("there is no such role".to_owned())) };
    let password = fields.raw("password");
    match fields.text("former") {
        "" => Ok(add(admin, who, fields.text("name"), role, password).await?.map(drop)),
        former => alter(admin, who, former, role, Some(password).filter(|password| !password.is_empty())).await,
    }
}

/// Adds somebody; his name, or what is wrong.
pub(super) async fn add(
    admin: &Admin,
    who: &Signed,
    name: &str,
    role: Role,
    password: &str,
) -> Result<Result<String, String>, Refused> {
    let (name, hash) = match new_person(name, password).await {
        Ok(new) => new,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let detail = format!("as {}", role.as_str());
    let doing = who.doing("person.add", &name, &detail);
    Ok(match admin.store().await?.add_person(&name, role, &hash, false, doing).await? {
        Changed::Done(()) => Ok(name),
        Changed::Conflict => Err(format!("there is somebody called {name} already")),
    })
}

/// Gives somebody another role or password; or what is wrong.
pub(super) async fn alter(
    admin: &Admin,
    who: &Signed,
    name: &str,
    role: Role,
    password: Option<&str>,
) -> Result<Result<(), String>, Refused> {
    let hash = match password {
        None => None,
        Some(password) => match new_hash(password).await {
            Ok(hash) => Some(hash),
            Err(wrong) => return Ok(Err(wrong)),
        },
    };
    let detail = format!("as {}", role.as_str());
    let doing = who.doing("person.change", name, &detail);
    let changed = admin.store().await?.change_person(name, role, hash.as_deref(), doing).await?;
    Ok(conflict(changed, name))
}

pub(super) fn conflict(changed: Changed<()>, name: &str) -> Result<(), String> {
    match changed {
        Changed::Done(()) => Ok(()),
        Changed::Conflict => Err(format!("{name} is gone, or is the last one who looks after people")),
    }
}

/// `POST /people/delete`
pub(super) async fn delete(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    let name = fields.text("former");
    let done = admin.store().await?.delete_person(name, who.doing("person.delete", name, "")).await?;
    match conflict(done, name) {
        Ok(()) => Ok(see_other("/people?done=deleted")),
        Err(wrong) => {
            let page = page(show(&admin, &who, None, Some(&wrong), None).await?);
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    }
}
