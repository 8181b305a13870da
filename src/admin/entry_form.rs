//! What the forms of offers and blocks have in common.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::desk::{Checked, Desk};
use super::forms::Fields;
use super::layout::{shown, wrong};
use crate::site::Sites;
use crate::store::Kind;

/// A form that is shown.
pub(super) struct Form<'a> {
    pub(super) value: &'a Value,
    pub(super) checked: &'a Checked,
    /// Whether nothing can be changed here.
    pub(super) is_locked: bool,
}

impl Form<'_> {
    fn texts(&self, key: &str) -> BTreeSet<&str> {
        self.value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A line of text.
    pub(super) fn line(&self, key: &str, label: &str, hint: &str, required: bool) -> Markup {
        html! {
            label.field {
                span.field__label { (label) }
                input name=(key) value=(shown(&self.value[key])) required[required] disabled[self.is_locked]
                    aria-invalid=[self.is_wrong(key).then_some("true")];
                (self.below(key, hint))
            }
        }
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str, label: &str, hint: &str) -> Markup {
        html! {
            label.field {
                span.field__label { (label) }
                input type="number" step="1" name=(key) value=(shown(&self.value[key])) disabled[self.is_locked];
                (self.below(key, hint))
            }
        }
    }

    /// A day.
    pub(super) fn day(&self, key: &str, label: &str, hint: &str) -> Markup {
        html! {
            label.field {
                span.field__label { (label) }
                input type="date" name=(key) value=(shown(&self.value[key])) disabled[self.is_locked];
                (self.below(key, hint))
            }
        }
    }

    /// One of some words.
    pub(super) fn select(
        &self,
        key: &str,
        label: &str,
        hint: &str,
        chosen: &str,
        options: &[(&str, &str)],
        shows: Option<&str>,
    ) -> Markup {
        html! {
            label.field {
                span.field__label { (label) }
                select name=(key) disabled[self.is_locked] data-shows=[shows] {
                    @for (word, words) in options { option value=(word) selected[*word == chosen] { (words) } }
                }
                (self.below(key, hint))
            }
        }
    }

    fn is_wrong(&self, key: &str) -> bool {
        self.checked.mistakes.iter().any(|(place, _)| place.split('/').next() == Some(key))
    }

    pub(super) fn below(&self, key: &str, hint: &str) -> Markup {
        html! {
            @if !hint.is_empty() { span.field__hint { (hint) } }
            (wrong(self.checked, key))
        }
    }

    /// Boxes to tick.
    pub(super) fn boxes<'o>(
        &self,
        key: &str,
        label: &str,
        hint: &str,
        options: impl Iterator<Item = (&'o str, String)>,
    ) -> Markup {
        let ticked = self.texts(key);
        html! {
            fieldset.field.wide {
                legend { (label) }
                div.checks {
                    @for (code, words) in options {
                        label.check { input type="checkbox" name=(key) value=(code) checked[ticked.contains(code)] disabled[self.is_locked]; (words) }
                    }
                }
                (self.below(key, hint))
            }
        }
    }

    /// On which websites and store views.
    pub(super) fn scope(&self, sites: &Sites) -> Markup {
        let websites: BTreeSet<&str> = sites.views().iter().map(|view| &*view.website).collect();
        html! {
            (self.boxes("websites", "Websites", "None ticked is all.", websites.into_iter().map(|code| (code, code.to_owned()))))
            (self.boxes("store_views", "Store views", "None ticked is all.",
                sites.views().iter().map(|view| (&*view.code, format!("{} ({})", view.code, view.currency)))))
        }
    }

    /// For which audiences.
    pub(super) fn audiences(&self, desk: &Desk) -> Markup {
        let mut names = desk.audiences();
        // What nobody knows any more can still be taken away.
        for id in super::words::audience_ids(self.value) {
            names.entry(id.to_owned()).or_insert_with(|| format!("{id} (unknown)"));
        }
        let mut options: Vec<(&str, &str)> = names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        options.sort_by_key(|(_, name)| name.to_lowercase());
        let parts = [
            ("any", "In any of these", "One is enough."),
            ("all", "And in all of these", ""),
            ("none", "And in none of these", ""),
        ];
        html! {
            p.quiet { "With nothing chosen it is for everyone." }
            @for (key, label, hint) in parts {
                (self.chooser(key, label, hint, &options))
            }
            (wrong(self.checked, "audiences"))
        }
    }

    fn chooser(&self, key: &str, label: &str, hint: &str, options: &[(&str, &str)]) -> Markup {
        let chosen: BTreeSet<&str> =
            self.value["audiences"][key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        html! {
            details.field open[!chosen.is_empty() || key == "any"] {
                summary.field__label { (label) @if !chosen.is_empty() { " (" (chosen.len()) ")" } }
                div.chooser {
                    div.chooser__chosen aria-live="polite" {}
                    input type="search" placeholder="Search audiences" aria-label={ "Search audiences: " (label) } hidden;
                    div.chooser__list role="group" aria-label=(label) {
                        @for (id, name) in options {
                            label.check {
                                input type="checkbox" name={ "audiences." (key) } value=(id) data-name=(name) checked[chosen.contains(id)] disabled[self.is_locked];
                                span { (name) }
                            }
                        }
                        @if options.is_empty() { p.quiet { "No audience is known yet." } }
                    }
                }
                @if !hint.is_empty() { span.field__hint { (hint) } }
            }
        }
    }

    /// One text per store view, with a default.
    pub(super) fn by_view(&self, key: &str, label: &str, hint: &str, sites: &Sites, is_html: bool) -> Markup {
        let of = |view: &str| match &self.value[key] {
            Value::String(text) if view == "default" => text.clone(),
            value => shown(&value[view]),
        };
        let views = std::iter::once(("default", "Default".to_owned()));
        let own = sites.views().iter().filter(|view| &*view.code != "default");
        let views = views.chain(own.map(|view| (&*view.code, format!("Store view {}", view.code))));
        html! {
            @if !hint.is_empty() { p.quiet.wide { (hint) } }
            @for (code, words) in views {
                @let (own, mistakes) = (of(code), wrong(self.checked, &format!("{key}/{code}")));
                @if is_html {
                    // Most store views have no HTML of their own, whose empty fields would hide what comes after them.
                    details.field.wide open[code == "default" || !own.is_empty() || !mistakes.0.is_empty()] {
                        summary.field__label { (label) " · " (words) }
                        textarea.code name={ (key) ":" (code) } aria-label={ (label) " · " (words) } spellcheck="false" disabled[self.is_locked] { (own) }
                        (mistakes)
                    }
                } @else {
                    label.field {
                        span.field__label { (label) " · " (words) }
                        input name={ (key) ":" (code) } value=(own) disabled[self.is_locked];
                        (mistakes)
                    }
                }
            }
        }
    }
}

/// What the forms of offers and blocks have in common, as an entry has it.
pub(super) fn read(fields: &Fields) -> Value {
    let audiences: Map<String, Value> = ["any", "all", "none"]
        .into_iter()
        .map(|key| (key.to_owned(), json!(fields.all(&format!("audiences.{key}")))))
        .collect();
    json!({
        "id": fields.text("id"), "name": fields.text("name"), "audiences": audiences,
        "websites": fields.all("websites"), "store_views": fields.all("store_views"),
        "from": fields.text("from"), "to": fields.text("to"), "priority": number(fields.text("priority")),
    })
}

/// A number where it is one; else the text, so that it is said to be none.
pub(super) fn number(text: &str) -> Value {
    match (text, text.parse::<i64>()) {
        ("", _) => Value::Null,
        (_, Ok(number)) => json!(number),
        (text, _) => json!(text),
    }
}

/// A text per store view.
pub(super) fn by_view(fields: &Fields, key: &str) -> Value {
    let prefix = format!("{key}:");
    let texts = fields.under(&prefix).map(|(view, text)| (view.to_owned(), json!(text.trim().replace("\r\n", "\n"))));
    Value::Object(texts.filter(|(_, text)| text != "").collect())
}

/// Gives an entry whose id was left empty the one that it had, or a new one.
pub(super) fn give_id(value: &mut Value, former: &str, desk: &Desk, kind: Kind) {
    if value["id"].is_null() {
        value["id"] = match former {
            "" => json!(fresh_id(desk, kind, super::words::name(value))),
            former => json!(former),
        };
    }
}

/// Notes that an entry's id is another one's.
pub(super) fn check_id(checked: &mut Checked, value: &Value, former: &str, desk: &Desk, kind: Kind) {
    let id = value["id"].as_str().unwrap_or_default();
    if id != former && desk.draft(kind, id).is_some() {
        checked.mistakes.push(("id".to_owned(), format!("is that of another {kind}: choose another one")));
    }
}

/// An id of letters and numbers for something with this name, which nothing else of its kind has.
fn fresh_id(desk: &Desk, kind: Kind, name: &str) -> String {
    let plain: String =
        name.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let base = if parts.is_empty() { kind.as_str().to_owned() } else { parts.join("-") };
    let is_free = |id: &String| desk.draft(kind, id).is_none() && desk.live(kind, id).is_none();
    std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}-{number}"))).find(is_free).unwrap_or(base)
}
