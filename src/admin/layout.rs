//! What all pages look like.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::header;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::Admin;
use super::answer::Refused;
use super::desk::{Checked, Desk, Standing};
use super::sign_in::Signed;
use crate::store::Role;

const STYLE: &str = include_str!("static/admin.css");
const SCRIPT: &str = include_str!("static/admin.js");
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"8\" fill=\"#4338ca\"/><path d=\"M8 20c6 0 4-9 10-9h3l-3-3m3 3-3 3\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";

/// `GET /static/...`
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    let (kind, text) = match path.as_str() {
        "admin.css" => ("text/css; charset=utf-8", STYLE),
        "admin.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Refused::NotFound.into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// The parts of the UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Audiences,
    Offers,
    Rules,
    Blocks,
    Publish,
    Revisions,
    Audit,
    People,
    Settings,
}

impl Section {
    const ALL: [Self; 9] = [
        Self::Audiences,
        Self::Offers,
        Self::Rules,
        Self::Blocks,
        Self::Publish,
        Self::Revisions,
        Self::Audit,
        Self::People,
        Self::Settings,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Audiences => "/audiences",
            Self::Offers => "/offers",
            Self::Rules => "/rules",
            Self::Blocks => "/blocks",
            Self::Publish => "/publish",
            Self::Revisions => "/revisions",
            Self::Audit => "/audit",
            Self::People => "/people",
            Self::Settings => "/settings",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Audiences => "Audiences",
            Self::Offers => "Offers",
            Self::Rules => "Cart price rules",
            Self::Blocks => "Dynamic blocks",
            Self::Publish => "Publish",
            Self::Revisions => "Revisions",
            Self::Audit => "Audit",
            Self::People => "People",
            Self::Settings => "Settings",
        }
    }

    fn needs(self) -> Role {
        if self == Self::People { Role::Admin } else { Role::Viewer }
    }
}

fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (title) " · Segue" }
        link rel="icon" href="/static/icon.svg";
        link rel="stylesheet" href="/static/admin.css";
        script src="/static/admin.js" defer {}
    }
}

fn mark() -> Markup {
    html! { span.brand__mark aria-hidden="true" { (PreEscaped(ICON)) } }
}

/// A page for who is not signed in, or where something went wrong.
pub(super) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head(title)) }
            body.bare {
                main.card.bare__card {
                    p.brand { (mark()) "Segue" }
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// A page of the UI.
pub(super) struct Page<'a> {
    pub(super) admin: &'a Admin,
    pub(super) who: &'a Signed,
    pub(super) desk: &'a Desk,
    pub(super) section: Section,
    pub(super) title: &'a str,
    /// What can be done here, beside the title.
    pub(super) actions: Markup,
    /// What a form before has done.
    pub(super) done: Option<&'a str>,
}

impl Page<'_> {
    pub(super) fn show(self, body: &Markup) -> Markup {
        let pending = self.desk.pending();
        html! {
            (DOCTYPE)
            html lang="en" {
                head { (head(self.title)) }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.side {
                        a.brand href="/" { (mark()) "Segue" }
                        nav aria-label="Sections" {
                            @for section in Section::ALL {
                                @if self.who.may(section.needs()) && (section != Section::Rules || self.admin.0.linked.is_some()) {
                                    a.nav aria-current=[(section == self.section).then_some("page")] href=(section.path()) {
                                        (section.title())
                                        @if section == Section::Publish && pending > 0 {
                                            span.count aria-label={ (pending) " unpublished" } { (pending) }
                                        }
                                    }
                                }
                            }
                        }
                        form.who method="post" action="/sign-out" {
                            (csrf(self.who))
                            span.who__name { (self.who.name) }
                            span.who__role { (self.who.role.as_str()) }
                            button.button.button--small { "Sign out" }
                        }
                    }
                    main #main {
                        div.title { h1 { (self.title) } div.title__actions { (self.actions) } }
                        @if let Some(file) = self.admin.rules_file() {
                            div.notice { p { "Rules come from " code { (file.display()) } " and are shown here as they are in it. To edit them here, say " code { "store = true" } " under " code { "[rules]" } " instead of " code { "file" } "." } }
                        }
                        @if let Some(done) = self.done { div.notice.notice--good role="status" { p { (done) } } }
                        (body)
                    }
                }
            }
        }
    }
}

/// The field by which a form says that it comes from a page of this session.
pub(super) fn csrf(who: &Signed) -> Markup {
    html! { input type="hidden" name="csrf" value=(who.csrf); }
}

/// How an entry stands, as a coloured word.
pub(super) fn standing(standing: Standing, is_changed: bool, is_paused: bool) -> Markup {
    let kind = match standing {
        Standing::Live => "good",
        Standing::Scheduled => "info",
        Standing::Ended | Standing::Draft => "plain",
    };
    html! {
        @if is_paused { (badge("bad", "paused by guard")) } @else { (badge(kind, standing.as_str())) }
        @if is_changed && standing != Standing::Draft { " " (badge("warn", "changed")) }
    }
}

/// A coloured word.
pub(super) fn badge(kind: &str, word: &str) -> Markup {
    html! { span.badge.{ "badge--" (kind) } { (word) } }
}

/// A moment, in UTC, to the minute.
pub(super) fn moment(time: Timestamp) -> Markup {
    html! { time datetime=(time.strftime("%Y-%m-%dT%H:%M:%SZ")) { (time.strftime("%Y-%m-%d %H:%M")) } }
}

/// What is wrong with the fields of a form, above it.
pub(super) fn mistakes(checked: &Checked, fields: &[(&str, &str)]) -> Markup {
    // What is read is what the field is called on the page.
    let called = |place: &str| {
        let first = place.split('/').next().unwrap_or_default();
        let label = fields.iter().find(|(key, _)| *key == first).map_or(first, |(_, label)| label);
        let rest = place.strip_prefix(first).unwrap_or_default().replace('/', " ");
        format!("{label}{rest}")
    };
    let list = |found: &[(String, String)]| {
        html! { ul { @for (place, words) in found { li { @if !place.is_empty() { strong { (called(place)) } " " } (words) } } } }
    };
    html! {
        @if !checked.mistakes.is_empty() {
            div.notice.notice--bad role="alert" tabindex="-1" data-focus { p { "Not saved yet:" } (list(&checked.mistakes)) }
        }
        @if !checked.warnings.is_empty() { div.notice.notice--warn { p { "Please look again:" } (list(&checked.warnings)) } }
    }
}

/// The words to the field with this name, where something is wrong with it.
pub(super) fn wrong(checked: &Checked, field: &str) -> Markup {
    let is_own = |place: &str| place == field || place.strip_prefix(field).is_some_and(|rest| rest.starts_with('/'));
    html! {
        @for (_, words) in checked.mistakes.iter().filter(|(place, _)| is_own(place)) { span.field__wrong { (words) } }
    }
}

/// Something of an entry as a form shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
