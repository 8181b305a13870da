//! What the lists of offers and blocks have in common.

use maud::{Markup, html};

use super::answer::encoded;
use super::desk::{Desk, Names, Standing};
use super::layout::moment;
use super::listing::{Asked, sort_by};
use super::{Admin, words};
use crate::store::{Entry, Kind};

/// States that a list can be narrowed to, with their words.
const STATES: [(&str, &str); 6] = [
    ("", "Any state"),
    ("live", "Live"),
    ("scheduled", "Scheduled"),
    ("ended", "Ended"),
    ("draft", "Draft"),
    ("changed", "Changed"),
];

/// An entry, and how it stands.
pub(super) type Row<'a> = (&'a Entry, Standing);

/// The entries of a kind that are asked for; `more` is what is found of one beside its name, id and audiences.
pub(super) fn rows<'d>(
    admin: &Admin,
    desk: &'d Desk,
    kind: Kind,
    asked: &Asked,
    names: &Names,
    more: impl Fn(&Entry) -> String,
) -> Vec<Row<'d>> {
    let (today, state, audience) = (admin.today(), asked.text("state"), asked.text("audience"));
    let mut rows: Vec<Row<'_>> =
        desk.drafts(kind).map(|entry| (entry, desk.standing(kind, &entry.id, today))).collect();
    rows.retain(|(entry, standing)| {
        let is_state = match state {
            "" => true,
            "changed" => desk.is_changed(kind, &entry.id),
            "paused" => kind == Kind::Offer && admin.is_paused(&entry.id),
            word => standing.as_str() == word,
        };
        let is_for = audience.is_empty() || words::audience_ids(&entry.value).contains(audience);
        // What is not searched for need not be put into words.
        let is_found = || {
            asked.finds([words::name(&entry.value), &entry.id, &words::audiences(&entry.value, names), &more(entry)])
        };
        is_state && is_for && (asked.text("q").is_empty() || is_found())
    });
    rows
}

/// Sorts by a column that both have, or else by `otherwise`.
pub(super) fn sort<K: Ord>(rows: &mut [Row<'_>], by: &str, from_end: bool, otherwise: impl Fn(&Entry) -> K) {
    match by {
        "name" => sort_by(rows, from_end, |(entry, _)| words::name(&entry.value).to_lowercase()),
        "state" => sort_by(rows, from_end, |(_, standing)| *standing),
        "changed" => sort_by(rows, from_end, |(entry, _)| entry.changed_at),
        _ => sort_by(rows, from_end, |(entry, _)| otherwise(entry)),
    }
}

/// What a list is narrowed by.
pub(super) fn filters(asked: &Asked, placeholder: &str, more: &[(&str, &str)], names: &Names) -> Markup {
    let (state, audience) = (asked.text("state"), asked.text("audience"));
    html! {
        form.filters method="get" role="search" {
            label.field.field--wide { span.field__label { "Search" } input type="search" name="q" value=(asked.text("q")) placeholder=(placeholder); }
            label.field {
                span.field__label { "State" }
                select name="state" { @for (word, words) in STATES.iter().chain(more) { option value=(word) selected[*word == state] { (words) } } }
            }
            @if !audience.is_empty() { input type="hidden" name="audience" value=(audience); }
            button.button { "Find" }
        }
        @if !audience.is_empty() {
            p { "Only those that name the audience " strong { (names.get(audience).map_or(audience, String::as_str)) } ". " a href="?" { "Show all" } }
        }
    }
}

/// An entry's name, which leads to its form.
pub(super) fn name(entry: &Entry) -> Markup {
    html! {
        a.row__name href={ "/" (entry.kind.list()) "/edit?id=" (encoded(&entry.id)) } { (words::name(&entry.value)) }
        div.row__id { (entry.id) }
    }
}

/// When an entry was changed, and by whom; a file says neither.
pub(super) fn changed(entry: &Entry) -> Markup {
    html! { @if entry.version > 0 { (moment(entry.changed_at)) div.row__id { (entry.changed_by) } } }
}
