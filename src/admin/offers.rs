//! Offers: the list, and the form of one.

use std::sync::Arc;

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
use super::rules::effect;
use super::sign_in::Signed;
use super::{Admin, words};
use crate::commerce::Book;
use crate::rule::cart_rule::CouponKind;
use crate::seen::Subject;
use crate::store::{Changed, Entry, Expected, Kind, Role};

/// What fields are called on the form.
const FIELDS: [(&str, &str); 15] = [
    ("id", "Id"),
    ("name", "Name"),
    ("audiences", "Audiences"),
    ("websites", "Websites"),
    ("store_views", "Store views"),
    ("from", "From"),
    ("to", "Until"),
    ("priority", "Priority"),
    ("stop", "Stop"),
    ("action", "Action"),
    ("amount", "Discount amount"),
    ("floor", "Floor"),
    ("products", "Products"),
    ("labels", "Label"),
    ("charge", "Charging"),
];

const ACTIONS: [(&str, &str); 5] = [
    ("", "As its Commerce rule says"),
    ("by_percent", "Percent of the price off"),
    ("by_fixed", "Fixed amount off each unit"),
    ("to_percent", "To a percentage of the price"),
    ("to_fixed", "To a fixed price"),
];

/// `GET /offers`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let names = desk.audiences();
    let mut rows = entry_list::rows(&admin, &desk, Kind::Offer, &asked, &names, |_| String::new());
    let (by, from_end) = asked.sort("priority");
    let priority = |entry: &Entry| entry.value["priority"].as_i64().unwrap_or_default();
    entry_list::sort(&mut rows, by, from_end, |entry| (priority(entry), entry.id.clone()));
    let shoppers = admin.shoppers();
    let shoppers_of = |id: &str| {
        let id: Arc<str> = id.into();
        let (offered, charged) =
            (shoppers.of(&Subject::Offered(Arc::clone(&id))).day, shoppers.of(&Subject::Charged(id)).day);
        html! { (offered) div.row__id { (charged) " charged" } }
    };
    let body = html! {
        div.card {
            (entry_list::filters(&asked, "Name, id or audience", &[("paused", "Paused by guard")], &names))
            @if desk.count(Kind::Offer) == 0 {
                div.empty { p { "No offers yet." } @if may_edit(&admin, &who) { a.button.button--main href="/offers/edit" { "Add the first offer" } } }
            } @else {
                div.table {
                    table.table--cards {
                        thead {
                            tr {
                                (asked.head("name", "Offer", "priority"))
                                (asked.head("state", "State", "priority"))
                                th { "For" }
                                th { "What it does" }
                                th { "Charged by" }
                                th { "Shoppers, 24 hours" }
                                (asked.head("priority", "Priority", "priority"))
                                (asked.head("changed", "Changed", "priority"))
                            }
                        }
                        tbody {
                            @for (entry, standing) in asked.cut(&rows) {
                                tr {
                                    td data-label="Offer" { (entry_list::name(entry)) }
                                    td data-label="State" {
                                        (layout::standing(*standing, desk.is_changed(Kind::Offer, &entry.id), admin.is_paused(&entry.id)))
                                    }
                                    td data-label="For" { (words::audiences(&entry.value, &names)) }
                                    td data-label="What it does" { (words::action(&entry.value)) div.row__id { (words::products(&entry.value)) } }
                                    td data-label="Charged by" { (words::charge(&entry.value)) }
                                    td data-label="Shoppers, 24 hours" { (shoppers_of(&entry.id)) }
                                    td.number data-label="Priority" { (priority(entry)) }
                                    td data-label="Changed" { (entry_list::changed(entry)) }
                                }
                            }
                        }
                    }
                }
                (asked.pager(rows.len(), "offers"))
            }
        }
    };
    let actions =
        html! { @if may_edit(&admin, &who) { a.button.button--main href="/offers/edit" { "Add new offer" } } };
    let done = done(&asked);
    let page_of =
        Page { admin: &admin, who: &who, desk: &desk, section: Section::Offers, title: "Offers", actions, done };
    Ok(page(page_of.show(&body)).into_response())
}

/// What a form before has done.
pub(super) fn done(asked: &Asked) -> Option<&'static str> {
    match asked.text("done") {
        "rule" => Some("Saved in Commerce. Offers follow it as soon as Segue has looked again."),
        "saved" => Some("Saved as a draft. Shoppers see it once it is published."),
        "imported" => Some("Imported as drafts. Each takes the place of its block of Commerce once it is published."),
        "deleted" => Some("Deleted from the drafts. Shoppers see it until that is published."),
        "published" => Some("Published. The shop follows within a second."),
        "scheduled" => Some("Scheduled."),
        "unscheduled" => Some("No longer scheduled."),
        "discarded" => Some("The drafts are as what is live."),
        "added" => Some("Added."),
        _ => None,
    }
}

/// Whether somebody can change drafts here.
pub(super) fn may_edit(admin: &Admin, who: &Signed) -> bool {
    who.may(Role::Editor) && admin.rules_file().is_none()
}

/// `GET /offers/edit`
pub(super) async fn edit(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let desk = admin.desk().await?;
    let id = asked.text("id");
    let (value, version) = match (id, desk.draft(Kind::Offer, id)) {
        ("", _) => (new_offer(&admin, asked.text("rule")).await?, 0),
        (_, Some(entry)) => (entry.value.clone(), entry.version),
        (_, None) => return Err(Refused::NotFound),
    };
    // What is odd about a draft is seen when it is opened too.
    let checked = if id.is_empty() { Checked::default() } else { desk.check(Kind::Offer, &value, admin.sites()) };
    let book = admin.book().await?;
    let form = Shown {
        admin: &admin,
        who: &who,
        desk: &desk,
        value: &value,
        former: id,
        version,
        checked: &checked,
        book: book.as_ref(),
    };
    Ok(page(form.page()).into_response())
}

/// A new offer: of a rule of Commerce, or of nothing yet.
async fn new_offer(admin: &Admin, rule: &str) -> Result<Value, Refused> {
    let book = admin.book().await?;
    let rule = book.as_ref().zip(rule.parse().ok()).and_then(|(book, id)| book.rule(id));
    let Some(rule) = rule else { return Ok(json!({ "action": "by_percent", "charge": "none" })) };
    let kind = if rule.coupon == CouponKind::None { "origin" } else { "coupon" };
    let audiences: Vec<&str> = rule.conditions.audiences().into_iter().map(|id| &**id).collect();
    Ok(json!({
        "name": rule.name, "audiences": { "any": audiences }, "charge": { "type": kind, "rule_id": rule.id },
        "labels": rule.labels.get(&0).map(|label| json!({ "default": label })),
    }))
}

struct Shown<'a> {
    admin: &'a Admin,
    who: &'a Signed,
    desk: &'a Desk,
    value: &'a Value,
    /// The id that it was opened by; empty for a new one.
    former: &'a str,
    version: i64,
    checked: &'a Checked,
    /// Commerce's rules, where it has said them.
    book: Option<&'a Book>,
}

impl Shown<'_> {
    fn page(&self) -> Markup {
        let is_locked = !may_edit(self.admin, self.who);
        let form = Form { value: self.value, checked: self.checked, is_locked };
        let sites = self.admin.sites();
        let title = if self.former.is_empty() { "Add new offer" } else { words::name(self.value) };
        let charge = &self.value["charge"];
        let charging = charge["type"].as_str().or_else(|| charge.as_str()).unwrap_or("none");
        let products = if self.value["products"]["ids"].is_array() {
            "ids"
        } else if self.value["products"]["skus"].is_array() {
            "skus"
        } else {
            "all"
        };
        let listed = |key: &str| {
            let list = self.value["products"][key].as_array().into_iter().flatten();
            list.map(layout::shown).collect::<Vec<_>>().join("\n")
        };
        let body = html! {
            (layout::mistakes(self.checked, &FIELDS))
            form method="post" action="/offers/edit" novalidate {
                (csrf(self.who))
                input type="hidden" name="former" value=(self.former);
                input type="hidden" name="version" value=(self.version);
                fieldset.card {
                    legend { "Rule information" }
                    div.grid {
                        (form.line("name", "Name", "For you and your colleagues.", true))
                        (form.line("id", "Id", if self.former.is_empty() { "Left empty, it is made of the name." } else { "What the guard and reports call it." }, false))
                        (form.number("priority", "Priority", "Lower goes first, as Magento's sort order; 0 if empty."))
                        label.check { input type="checkbox" name="stop" checked[self.value["stop"] == true] disabled[is_locked]; "Stop further offers on a product that this one applies to" }
                        (form.scope(sites))
                    }
                }
                fieldset.card { legend { "Conditions: Real-Time CDP audiences" } div.stack { (form.audiences(self.desk)) } }
                fieldset.card {
                    legend { "Actions" }
                    div.grid {
                        (form.select("action", "Apply", "", self.value["action"].as_str().unwrap_or_default(), &ACTIONS, Some("action")))
                        div data-action="by_percent by_fixed to_percent to_fixed" {
                            (form.line("amount", "Discount amount", "Percent, or money in the website's base currency.", false))
                        }
                        (form.select("products", "Products", "", products, &[("all", "All products"), ("skus", "These SKUs"), ("ids", "These product ids")], Some("products")))
                        div data-products="skus" {
                            label.field { span.field__label { "SKUs" } textarea name="skus" disabled[is_locked] { (listed("skus")) } span.field__hint { "One a line, or between commas." } (form.below("products", "")) }
                        }
                        div data-products="ids" {
                            label.field { span.field__label { "Product ids" } textarea name="ids" disabled[is_locked] { (listed("ids")) } span.field__hint { "One a line, or between commas." } (form.below("products", "")) }
                        }
                        (form.line("floor", "Floor", "The lowest price, in base currency, that a product may come to; below it stays as it was.", false))
                    }
                }
                fieldset.card { legend { "Labels" } div.grid { (form.by_view("labels", "Label", "What shoppers read beside the price, as plain text.", sites, false)) } }
                fieldset.card {
                    legend { "Charging" }
                    div.grid {
                        (form.select("charge", "Who charges it", "A price is shown only where the cart charges it. Segue passes audiences on to the cart, and puts coupons into it.", charging, &[
                            ("none", "Nobody: only the label is shown"),
                            ("origin", "A Commerce rule, by audience"),
                            ("coupon", "A Commerce rule, by coupon"),
                        ], Some("charge")))
                        div data-charge="origin coupon" {
                            label.field {
                                span.field__label { "Commerce cart price rule" }
                                @match self.book {
                                    Some(book) => {
                                        (rule_choice(book, &charge["rule_id"], is_locked))
                                        span.field__hint { "What it says goes: action, amount, products, dates and customer groups are the rule's. " a href="/rules" { "See the rules" } "." }
                                    }
                                    None => {
                                        input type="number" min="1" name="rule_id" value=(layout::shown(&charge["rule_id"])) disabled[is_locked];
                                        span.field__hint { "Its id, as Marketing > Cart Price Rules lists it." }
                                    }
                                }
                                (form.below("charge", ""))
                            }
                        }
                        div data-charge="coupon" {
                            label.field {
                                span.field__label { "Coupon code" }
                                input name="code" value=(layout::shown(&charge["code"])) disabled[is_locked];
                                span.field__hint { "Empty: each shopper gets a generated one. A code that all share is public." }
                            }
                        }
                    }
                }
                fieldset.card { legend { "Schedule" } div.grid { (form.day("from", "From", "Included, in the store view's time zone.")) (form.day("to", "Until", "Included.")) } }
                @if !is_locked {
                    div.bar {
                        button.button.button--main { "Save" }
                        a.button href="/offers" { "Cancel" }
                        span.spacer {}
                        @if !self.former.is_empty() {
                            button.button.button--bad formaction="/offers/delete" formnovalidate { "Delete" }
                        }
                    }
                }
            }
        };
        let body = html! {
            (body)
            @if !self.former.is_empty() { (super::preview::form(self.admin, self.who, self.desk, self.value, "/")) }
        };
        let actions = html! {
            @if !self.former.is_empty() {
                (layout::standing(self.desk.standing(Kind::Offer, self.former, self.admin.today()), self.desk.is_changed(Kind::Offer, self.former), self.admin.is_paused(self.former)))
            }
        };
        let shown = Page {
            admin: self.admin,
            who: self.who,
            desk: self.desk,
            section: Section::Offers,
            title,
            actions,
            done: None,
        };
        shown.show(&body)
    }
}

/// One of Commerce's rules; one that it does not have any more stays chosen.
fn rule_choice(book: &Book, chosen: &Value, is_locked: bool) -> Markup {
    let is_unknown = chosen.as_u64().is_some_and(|id| book.rule(id).is_none());
    html! {
        select name="rule_id" disabled[is_locked] {
            option value="" { "Choose a rule" }
            @if is_unknown { option value=(layout::shown(chosen)) selected { (layout::shown(chosen)) ": not in Commerce" } }
            @for rule in &book.rules {
                option value=(rule.id) selected[chosen.as_u64() == Some(rule.id)] {
                    (rule.id) ": " (rule.name) " (" (effect(rule)) @if rule.coupon != CouponKind::None { ", by coupon" } @if !rule.is_active { ", inactive" } ")"
                }
            }
        }
    }
}

/// An offer as a form has it.
fn read(fields: &Fields) -> Value {
    let mut offer = entry_form::read(fields);
    let (action, amount) = (fields.text("action"), fields.text("amount"));
    if !action.is_empty() {
        (offer["action"], offer["amount"]) = (json!(action), json!(amount));
    }
    offer["floor"] = json!(fields.text("floor"));
    offer["stop"] = if fields.has("stop") { json!(true) } else { Value::Null };
    offer["products"] = match fields.text("products") {
        "ids" => json!({ "ids": fields.list("ids").into_iter().map(entry_form::number).collect::<Vec<_>>() }),
        "skus" => json!({ "skus": fields.list("skus") }),
        _ => json!("all"),
    };
    offer["labels"] = entry_form::by_view(fields, "labels");
    let rule = entry_form::number(fields.text("rule_id"));
    offer["charge"] = match fields.text("charge") {
        "origin" => json!({ "type": "origin", "rule_id": rule }),
        "coupon" => json!({ "type": "coupon", "rule_id": rule, "code": fields.text("code") }),
        _ => json!("none"),
    };
    tidy(offer)
}

/// `POST /offers/edit`
pub(super) async fn save(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    let mut value = read(&fields);
    let desk = admin.desk().await?;
    let former = fields.text("former");
    entry_form::give_id(&mut value, former, &desk, Kind::Offer);
    let mut checked = desk.check(Kind::Offer, &value, admin.sites());
    entry_form::check_id(&mut checked, &value, former, &desk, Kind::Offer);
    let version = fields.text("version").parse().unwrap_or_default();
    if !checked.mistakes.is_empty() {
        let book = admin.book().await?;
        let form = Shown {
            admin: &admin,
            who: &who,
            desk: &desk,
            value: &value,
            former,
            version,
            checked: &checked,
            book: book.as_ref(),
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(form.page())).into_response());
    }
    keep(&admin, &who, Kind::Offer, &value, former, version).await?;
    Ok(see_other("/offers?done=saved"))
}

/// Writes an entry of a form that was opened at a version.
pub(super) async fn keep(
    admin: &Admin,
    who: &Signed,
    kind: Kind,
    value: &Value,
    former: &str,
    version: i64,
) -> Result<i64, Refused> {
    if let Some(file) = admin.rules_file() {
        return Err(Refused::ReadOnly(file.display().to_string()));
    }
    let id = value["id"].as_str().unwrap_or_default();
    let desk = admin.desk().await?;
    let names = desk.audiences();
    let before = desk.draft(kind, if former.is_empty() { id } else { former });
    let detail = match before {
        Some(before) => words::changes(&before.value, value, &names),
        None => words::summary(kind, value, &names),
    };
    let expected = if former.is_empty() { Expected::None } else { Expected::Version(version) };
    let former = Some(former).filter(|former| !former.is_empty());
    let (action, detail) = (format!("{kind}.save"), detail.join("; "));
    let saved =
        admin.store().await?.save_entry(kind, id, value, former, expected, who.doing(&action, id, &detail)).await?;
    match saved {
        Changed::Done(version) => Ok(version),
        Changed::Conflict => Err(Refused::Conflict(format!(
            "Since you opened this form, “{id}” was changed, deleted or added by somebody else. Open it anew and make your change again."
        ))),
    }
}

/// Takes away what a form was opened on.
pub(super) async fn remove(admin: &Admin, who: &Signed, kind: Kind, fields: &Fields) -> Result<(), Refused> {
    remove_one(admin, who, kind, fields.text("former"), fields.text("version").parse().unwrap_or_default()).await
}

/// Takes away an entry, as long as it has this version.
pub(super) async fn remove_one(admin: &Admin, who: &Signed, kind: Kind, id: &str, version: i64) -> Result<(), Refused> {
    who.must(Role::Editor)?;
    if let Some(file) = admin.rules_file() {
        return Err(Refused::ReadOnly(file.display().to_string()));
    }
    let action = format!("{kind}.delete");
    let done =
        admin.store().await?.delete_entry(kind, id, Expected::Version(version), who.doing(&action, id, "")).await?;
    match done {
        Changed::Done(()) => Ok(()),
        Changed::Conflict => {
            Err(Refused::Conflict(format!("“{id}” was changed or deleted by somebody else meanwhile.")))
        }
    }
}

/// `POST /offers/delete`
pub(super) async fn delete(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    remove(&admin, &who, Kind::Offer, &fields).await?;
    Ok(see_other("/offers?done=deleted"))
}
