//! Dynamic blocks: the list, and the form of one.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::answer::{Refused, page, see_other};
use super::desk::{Checked, Desk, tidy};
use super::entry_form::{self, Form};
use super::entry_list;
use super::forms::{Fields, Posted};
use super::layout::{self, Page, Section, csrf};
use super::listing::Asked;
use super::offers::{done, keep, may_edit, remove};
use super::sign_in::Signed;
use super::{Admin, words};
use crate::store::{Entry, Kind, Role};

/// What fields are called on the form.
pub(super) const FIELDS: [(&str, &str); 14] = [
    ("id", "Id"),
    ("name", "Name"),
    ("audiences", "Audiences"),
    ("websites", "Websites"),
    ("store_views", "Store views"),
    ("from", "From"),
    ("to", "Until"),
    ("priority", "Priority"),
    ("placement", "Placement"),
    ("page_kinds", "Page kinds"),
    ("urls", "Paths"),
    ("rotation", "Rotation"),
    ("html", "HTML"),
    ("trusted", "Trusted HTML"),
];

const PLACES: [(&str, &str); 7] = [
    ("page-top", "Top of the page"),
    ("content-top", "Above the content"),
    ("content-bottom", "Below the content"),
    ("sidebar", "Sidebar"),
    ("footer", "Footer"),
    ("commerce-block", "Instead of a Commerce dynamic block"),
    ("element", "At an element of the page"),
];

const PAGE_KINDS: [(&str, &str); 12] = [
    ("home", "Home"),
    ("category", "Category"),
    ("search", "Search"),
    ("product", "Product"),
    ("cart", "Cart"),
    ("checkout", "Checkout"),
    ("account", "Account"),
    ("wishlist", "Wish list"),
    ("compare", "Compare"),
    ("cms", "CMS page"),
    ("not-found", "Not found"),
    ("other", "Other"),
];

/// `GET /blocks`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let names = desk.audiences();
    let placed = |entry: &Entry| format!("{} {}", words::placement(&entry.value), words::place(&entry.value));
    let mut rows = entry_list::rows(&admin, &desk, Kind::Block, &asked, &names, placed);
    let (by, from_end) = asked.sort("placement");
    entry_list::sort(&mut rows, by, from_end, |entry| {
        (words::placement(&entry.value), entry.value["priority"].as_i64().unwrap_or_default(), entry.id.clone())
    });
    let body = html! {
        div.card {
            (entry_list::filters(&asked, "Name, id, audience or placement", &[], &names))
            @if desk.count(Kind::Block) == 0 {
                div.empty { p { "No dynamic blocks yet." } @if may_edit(&admin, &who) { a.button.button--main href="/blocks/edit" { "Add the first block" } } }
            } @else {
                div.table {
                    table.table--cards {
                        thead {
                            tr {
                                (asked.head("name", "Block", "placement"))
                                (asked.head("state", "State", "placement"))
                                th { "For" }
                                (asked.head("placement", "Placement", "placement"))
                                th { "Pages" }
                                th { "Days" }
                                (asked.head("changed", "Changed", "placement"))
                            }
                        }
                        tbody {
                            @for (entry, standing) in asked.cut(&rows) {
                                tr {
                                    td data-label="Block" { (entry_list::name(entry)) }
                                    td data-label="State" { (layout::standing(*standing, desk.is_changed(Kind::Block, &entry.id), false)) }
                                    td data-label="For" { (words::audiences(&entry.value, &names)) }
                                    td data-label="Placement" { (words::place(&entry.value)) }
                                    td data-label="Pages" { (pages(&entry.value)) }
                                    td data-label="Days" { (words::days(&entry.value)) }
                                    td data-label="Changed" { (entry_list::changed(entry)) }
                                }
                            }
                        }
                    }
                }
                (asked.pager(rows.len(), "blocks"))
            }
        }
    };
    let actions = html! {
        @if may_edit(&admin, &who) {
            @if admin.linked().is_ok() { a.button href="/blocks/import" { "Import from Commerce" } }
            a.button.button--main href="/blocks/edit" { "Add new block" }
        }
    };
    let done = done(&asked);
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Blocks,
        title: "Dynamic blocks",
        actions,
        done,
    };
    Ok(page(page_of.show(&body)).into_response())
}

fn pages(block: &Value) -> String {
    let kinds = block["page_kinds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let called = kinds.map(|kind| PAGE_KINDS.iter().find(|(word, _)| *word == kind).map_or(kind, |(_, words)| words));
    let list = called.collect::<Vec<_>>().join(", ");
    if list.is_empty() { "all".to_owned() } else { list }
}

/// `GET /blocks/edit`
pub(super) async fn edit(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let id = asked.text("id");
    let (value, version) = match (id, desk.draft(Kind::Block, id)) {
        ("", _) => (json!({ "placement": "page-top", "page_kinds": ["home"], "rotation": "first" }), 0),
        (_, Some(entry)) => (entry.value.clone(), entry.version),
        (_, None) => return Err(Refused::NotFound),
    };
    let checked = if id.is_empty() { Checked::default() } else { desk.check(Kind::Block, &value, admin.sites()) };
    let form = Shown { admin: &admin, who: &who, desk: &desk, value: &value, former: id, version, checked: &checked };
    Ok(page(form.page()).into_response())
}

struct Shown<'a> {
    admin: &'a Admin,
    who: &'a Signed,
    desk: &'a Desk,
    value: &'a Value,
    former: &'a str,
    version: i64,
    checked: &'a Checked,
}

/// A placement as the form has it: the choice, a Commerce block's id, how it stands to an element, and that element.
fn placed(placement: &Value) -> (String, String, String, String) {
    let (how, anchor) = match placement {
        Value::Object(object) => match object.iter().next() {
            Some((how, anchor)) => (how.clone(), layout::shown(anchor)),
            None => Default::default(),
        },
        value => {
            let text = value.as_str().unwrap_or_default();
            match text.split_once(':') {
                Some(("commerce-block", uid)) => {
                    return ("commerce-block".to_owned(), uid.to_owned(), "replace".to_owned(), String::new());
                }
                Some((how, anchor)) => (how.to_owned(), anchor.to_owned()),
                None => return (text.to_owned(), String::new(), "replace".to_owned(), String::new()),
            }
        }
    };
    ("element".to_owned(), String::new(), how, anchor)
}

impl Shown<'_> {
    fn page(&self) -> Markup {
        let is_locked = !may_edit(self.admin, self.who);
        let form = Form { value: self.value, checked: self.checked, is_locked };
        let sites = self.admin.sites();
        let title = if self.former.is_empty() { "Add new block" } else { words::name(self.value) };
        let (place, uid, how, anchor) = placed(&self.value["placement"]);
        let urls =
            self.value["urls"].as_array().into_iter().flatten().map(layout::shown).collect::<Vec<_>>().join("\n");
        let body = html! {
            (layout::mistakes(self.checked, &FIELDS))
            form method="post" action="/blocks/edit" novalidate {
                (csrf(self.who))
                input type="hidden" name="former" value=(self.former);
                input type="hidden" name="version" value=(self.version);
                fieldset.card {
                    legend { "Block" }
                    div.grid {
                        (form.line("name", "Name", "For you and your colleagues.", true))
                        (form.line("id", "Id", if self.former.is_empty() { "Left empty, it is made of the name." } else { "" }, false))
                        (form.scope(sites))
                    }
                }
                fieldset.card { legend { "Real-Time CDP audiences" } div.stack { (form.audiences(self.desk)) } }
                fieldset.card {
                    legend { "Where it is shown" }
                    div.grid {
                        (form.select("place", "Placement", "", &place, &PLACES, Some("place")))
                        div data-place="commerce-block" {
                            label.field { span.field__label { "Dynamic block's UID" } input name="uid" value=(uid) disabled[is_locked]; span.field__hint { "The value of data-bannerids or of GraphQL's uid." } (form.below("placement", "")) }
                        }
                        div.grid data-place="element" {
                            (form.select("how", "How", "", &how, &[("replace", "Instead of"), ("before", "Before"), ("after", "After")], None))
                            label.field { span.field__label { "Element" } input name="anchor" value=(anchor) placeholder="#maincontent" disabled[is_locked]; span.field__hint { "An id (#hero), or [data-content-type=banner]." } (form.below("placement", "")) }
                        }
                        (form.boxes("page_kinds", "Page kinds", "None ticked is all.", PAGE_KINDS.iter().map(|(kind, words)| (*kind, (*words).to_owned()))))
                        label.field.wide { span.field__label { "Paths" } textarea name="urls" disabled[is_locked] placeholder="/gear.html" { (urls) } span.field__hint { "One a line; * stands for anything. Empty is all." } (form.below("urls", "")) }
                        (form.select("rotation", "Where several are for one place", "", self.value["rotation"].as_str().unwrap_or("all"), &[("all", "All are shown"), ("first", "The best one by priority"), ("random", "One of them, the same for one shopper")], None))
                        (form.number("priority", "Priority", "Lower goes first; 0 if empty."))
                    }
                }
                fieldset.card {
                    legend { "HTML" }
                    div.grid {
                        @if !is_locked { (image()) }
                        (form.by_view("html", "HTML", "Images by their addresses. Scripts and event handlers are taken out.", sites, true))
                        label.check.wide { input type="checkbox" name="trusted" checked[self.value["trusted"] == true] disabled[is_locked]; "Send it out as it is written (it still must hold no script, and close its tags)" }
                        (form.below("html", ""))
                    }
                }
                fieldset.card { legend { "Schedule" } div.grid { (form.day("from", "From", "Included, in the store view's time zone.")) (form.day("to", "Until", "Included.")) } }
                @if !is_locked {
                    div.bar {
                        button.button.button--main { "Save" }
                        a.button href="/blocks" { "Cancel" }
                        span.spacer {}
                        @if !self.former.is_empty() { button.button.button--bad formaction="/blocks/delete" formnovalidate { "Delete" } }
                    }
                }
            }
        };
        let path = match self.value["page_kinds"][0].as_str() {
            Some("cart") => "/checkout/cart/",
            Some("account") => "/customer/account/",
            _ => "/",
        };
        let body = html! {
            (body)
            @if !self.former.is_empty() { (super::preview::form(self.admin, self.who, self.desk, self.value, path)) }
        };
        let actions = html! {
            @if !self.former.is_empty() {
                (layout::standing(self.desk.standing(Kind::Block, self.former, self.admin.today()), self.desk.is_changed(Kind::Block, self.former), false))
            }
        };
        Page { admin: self.admin, who: self.who, desk: self.desk, section: Section::Blocks, title, actions, done: None }
            .show(&body)
    }
}

/// What writes an image into the HTML, for whoever has the script.
fn image() -> Markup {
    html! {
        details.field.wide data-image hidden {
            summary.field__label { "Insert an image by its address" }
            div.grid {
                label.field { span.field__label { "Address" } input data-part="src" placeholder="/media/wysiwyg/hero.jpg"; }
                label.field { span.field__label { "What it shows" } input data-part="alt"; span.field__hint { "For who cannot see it. Empty if it says nothing." } }
                label.field { span.field__label { "Leads to" } input data-part="href" placeholder="/sale.html"; }
                div { button.button type="button" { "Insert" } }
            }
        }
    }
}

/// A block as a form has it.
fn read(fields: &Fields) -> Value {
    let mut block = entry_form::read(fields);
    block["placement"] = match fields.text("place") {
        "commerce-block" => json!(format!("commerce-block:{}", fields.text("uid"))),
        "element" => json!({ fields.text("how"): fields.text("anchor") }),
        place => json!(place),
    };
    block["page_kinds"] = json!(fields.all("page_kinds"));
    block["urls"] = json!(fields.list("urls"));
    block["rotation"] = json!(fields.text("rotation"));
    block["html"] = entry_form::by_view(fields, "html");
    block["trusted"] = if fields.has("trusted") { json!(true) } else { Value::Null };
    tidy(block)
}

/// `POST /blocks/edit`
pub(super) async fn save(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    let mut value = read(&fields);
    let desk = admin.desk().await?;
    let former = fields.text("former");
    entry_form::give_id(&mut value, former, &desk, Kind::Block);
    let mut checked = desk.check(Kind::Block, &value, admin.sites());
    entry_form::check_id(&mut checked, &value, former, &desk, Kind::Block);
    let version = fields.text("version").parse().unwrap_or_default();
    if !checked.mistakes.is_empty() {
        let form = Shown { admin: &admin, who: &who, desk: &desk, value: &value, former, version, checked: &checked };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(form.page())).into_response());
    }
    keep(&admin, &who, Kind::Block, &value, former, version).await?;
    Ok(see_other("/blocks?done=saved"))
}

/// `POST /blocks/delete`
pub(super) async fn delete(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    remove(&admin, &who, Kind::Block, &fields).await?;
    Ok(see_other("/blocks?done=deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_goes_through_the_form_and_back() {
        for placement in [json!("page-top"), json!("commerce-block:MQ=="), json!({ "after": "#hero" })] {
            let (place, uid, how, anchor) = placed(&placement);
            let fields = Fields::of(&[("place", &place), ("uid", &uid), ("how", &how), ("anchor", &anchor)]);
            assert_eq!(read(&fields)["placement"], placement);
        }
        let (_, _, how, anchor) = placed(&json!("replace:[data-content-type=banner]"));
        assert_eq!((how.as_str(), anchor.as_str()), ("replace", "[data-content-type=banner]"));
    }
}
