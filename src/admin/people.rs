//! Who may sign in, and what each may do.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};

use super::Admin;
use super::answer::{Refused, page, see_other};
use super::forms::{Fields, Posted};
use super::layout::{Page, Section, csrf, moment};
use super::listing::Asked;
use super::offers::done;
use super::sign_in::{Signed, new_hash, new_person};
use crate::store::{Changed, Role};

const MAY: [&str; 4] = ["looks", "works on drafts", "publishes and rolls back", "looks after people"];

/// `GET /people`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    Ok(page(show(&admin, &who, done(&asked), None).await?).into_response())
}

async fn show(admin: &Admin, who: &Signed, done: Option<&str>, wrong: Option<&str>) -> Result<Markup, Refused> {
    let desk = admin.desk().await?;
    let people = admin.store().await?.people().await?;
    let roles = |chosen: Role| {
        html! {
            select name="role" aria-label="Role" {
                @for (role, may) in Role::ALL.into_iter().zip(MAY) { option value=(role.as_str()) selected[role == chosen] { (role.as_str()) ": " (may) } }
            }
        }
    };
    let body = html! {
        @if let Some(wrong) = wrong { div.notice.notice--bad role="alert" { p { (wrong) } } }
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
    };
    let shown = Page { admin, who, desk: &desk, section: Section::People, title: "People", actions: html! {}, done };
    Ok(shown.show(&body))
}

/// `POST /people`: somebody new, or another role or password.
pub(super) async fn save(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Admin)?;
    match change(&admin, &who, &fields).await? {
        Ok(()) => Ok(see_other("/people?done=added")),
        Err(wrong) => {
            let page = page(show(&admin, &who, None, Some(&wrong)).await?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn change(admin: &Admin, who: &Signed, fields: &Fields) -> Result<Result<(), String>, Refused> {
    let Some(role) = Role::of(fields.text("role")) else { return Ok(Err("there is no such role".to_owned())) };
    let store = admin.store().await?;
    let former = fields.text("former");
    let detail = format!("as {}", role.as_str());
    if former.is_empty() {
        let (name, hash) = match new_person(fields).await {
            Ok(new) => new,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let added = store.add_person(&name, role, &hash, false, who.doing("person.add", &name, &detail)).await?;
        return Ok(match added {
            Changed::Done(()) => Ok(()),
            Changed::Conflict => Err(format!("there is somebody called {name} already")),
        });
    }
    let hash = match fields.raw("password") {
        "" => None,
        _ => match new_hash(fields).await {
            Ok(hash) => Some(hash),
            Err(wrong) => return Ok(Err(wrong)),
        },
    };
    let changed =
        store.change_person(former, role, hash.as_deref(), who.doing("person.change", former, &detail)).await?;
    Ok(conflict(changed, former))
}

fn conflict(changed: Changed<()>, name: &str) -> Result<(), String> {
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
            let page = page(show(&admin, &who, None, Some(&wrong)).await?);
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    }
}
