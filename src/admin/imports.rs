//! Commerce's dynamic blocks, taken over as drafts: each stands in for its widget, and is Segue's from then on.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::answer::{Refused, encoded, page, see_other};
use super::desk::{Checked, Desk, Names};
use super::forms::Posted;
use super::layout::{Page, Section, badge, csrf};
use super::listing::Asked;
use super::offers::keep;
use super::sign_in::Signed;
use super::{Admin, blocks, entry_form, words};
use crate::commerce::blocks::DynamicBlock;
use crate::rewrite::plan::text::decode;
use crate::rule::html::{flaws, sanitise};
use crate::site::Sites;
use crate::store::{Entry, Kind, Role};

/// Letters of a block's own words that become a part of its name.
const NAMED: usize = 50;

/// What Luma's scripts bind to, and what must be in a page once: HTML with this goes out sanitised.
const BOUND: [&str; 5] = ["data-mage-init", "data-bind", "data-role", "price-box", "text/x-magento-init"];

/// A block of Commerce beside what is here of it.
pub(super) struct Found {
    pub(super) block: DynamicBlock,
    /// As it would be kept here.
    pub(super) value: Value,
    /// What is here in its place already.
    pub(super) here: Option<Here>,
    /// What is wrong with it, as it would be kept.
    pub(super) checked: Checked,
}

/// What is here of a block of Commerce already.
pub(super) struct Here {
    pub(super) id: String,
    version: i64,
    /// Whether Commerce has other HTML.
    pub(super) differs: bool,
}

impl Found {
    /// Whether taking it over changes something.
    pub(super) fn is_news(&self) -> bool {
        self.here.as_ref().is_none_or(|here| here.differs)
    }

    fn may_be_taken(&self) -> bool {
        self.checked.mistakes.is_empty() && self.is_news()
    }
}

fn new_value(block: &DynamicBlock, placement: &str, desk: &Desk, sites: &Sites) -> Value {
    let own = first_words(default_html(block, sites));
    let number = block.number().map_or_else(|| block.uid.clone(), |number| number.to_string());
    let name =
        if own.is_empty() { format!("Commerce block {number}") } else { format!("Commerce block {number}: {own}") };
    let mut value = json!({ "name": name, "placement": placement, "rotation": "all" });
    if !block.audiences.is_empty() {
        value["audiences"] = json!({ "any": block.audiences });
    }
    // Where Commerce has no such block, it is not to be shown.
    if sites.views().iter().any(|view| !block.html.contains_key(&*view.code)) {
        value["store_views"] = block.html.keys().cloned().collect();
    }
    give_html(&mut value, block, sites);
    entry_form::give_id(&mut value, "", desk, Kind::Block);
    value
}

/// The default store view's HTML, or another's where that has none. A view that is called `default` cannot have a text beside the default.
fn default_html<'b>(block: &'b DynamicBlock, sites: &Sites) -> &'b str {
    let own = block.html.get("default").or_else(|| block.html.get(&*sites.default_view().code));
    own.or_else(|| block.html.values().next()).map_or("", String::as_str)
}

/// Gives a block the HTML that Commerce has: the default store view's as the default, and what others have otherwise.
fn give_html(value: &mut Value, block: &DynamicBlock, sites: &Sites) {
    let default = default_html(block, sites);
    let mut html = BTreeMap::from([("default", default)]);
    html.extend(block.html.iter().filter(|(_, own)| *own != default).map(|(view, own)| (view.as_str(), own.as_str())));
    // The shop shows it as it is; here it is as good as that, as long as it cannot harm a page.
    let is_sound = |html: &&str| flaws(html).is_empty() && !BOUND.iter().any(|bound| html.contains(bound));
    let is_trusted = html.values().all(is_sound);
    value["html"] = json!(html);
    if let Value::Object(fields) = value {
        fields.remove("trusted");
        if is_trusted {
            fields.insert("trusted".to_owned(), json!(true));
        }
    }
}

/// The first text of some HTML, cut short.
fn first_words(html: &str) -> String {
    let shown = sanitise(html);
    let texts = shown.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text).trim());
    let first = decode(texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()).into_owned();
    let cut: String = first.chars().take(NAMED).collect();
    if cut.len() < first.len() { format!("{}…", cut.trim_end()) } else { cut }
}

/// Blocks of Commerce beside what is here of them.
fn beside(blocks: Vec<DynamicBlock>, desk: &Desk, sites: &Sites) -> Vec<Found> {
    let mut by_placement: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in desk.drafts(Kind::Block) {
        by_placement.entry(words::placement(&entry.value)).or_insert(entry);
    }
    let place = |block: &DynamicBlock| format!("commerce-block:{}", block.uid);
    let value = |block: &DynamicBlock| match by_placement.get(&place(block)) {
        Some(entry) => {
            let mut value = entry.value.clone();
            give_html(&mut value, block, sites);
            value
        }
        None => new_value(block, &place(block), desk, sites),
    };
    let values: Vec<Value> = blocks.iter().map(value).collect();
    let checked = desk.check_all(Kind::Block, &values, sites);
    let all = blocks.into_iter().zip(values).zip(checked);
    all.map(|((block, value), checked)| {
        let here = by_placement.get(&place(&block)).map(|entry| Here {
            id: entry.id.clone(),
            version: entry.version,
            differs: entry.value["html"] != value["html"],
        });
        Found { block, value, here, checked }
    })
    .collect()
}

/// What Commerce has, beside what is here of it.
pub(super) async fn found(admin: &Admin, uids: &[&str]) -> Result<Vec<Found>, Refused> {
    let (client, desk) = (admin.linked()?.client(), admin.desk().await?);
    let audiences = desk.audiences();
    let audiences: Vec<&str> = audiences.keys().map(String::as_str).collect();
    let views: Vec<&str> = admin.sites().views().iter().map(|view| &*view.code).collect();
    let blocks = client.dynamic_blocks(&views, &audiences, uids).await?;
    let (desk, sites) = (admin.desk().await?, admin.sites().clone());
    let found = tokio::task::spawn_blocking(move || beside(blocks, &desk, &sites)).await;
    found.map_err(|error| Refused::Unavailable(error.to_string()))
}

/// Takes blocks over, by their UIDs; the ids that they have here.
pub(super) async fn take(
    admin: &Admin,
    who: &Signed,
    found: Vec<Found>,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<(String, String)>, Refused> {
    who.must(Role::Editor)?;
    let mut taken = Vec::new();
    for one in found.into_iter().filter(|one| wanted.contains(one.block.uid.as_str()) && one.may_be_taken()) {
        let (former, version) = one.here.as_ref().map_or(("", 0), |here| (here.id.as_str(), here.version));
        keep(admin, who, Kind::Block, &one.value, former, version).await?;
        let id = one.value["id"].as_str().unwrap_or_default().to_owned();
        taken.push((one.block.uid, id));
    }
    Ok(taken)
}

/// `GET /blocks/import`
pub(super) async fn form(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    let uids = asked.text("uids");
    let named: Vec<&str> = uids.split([',', ' ']).filter(|uid| !uid.is_empty()).collect();
    let (status, found) = match found(&admin, &named).await {
        Ok(found) => (StatusCode::OK, Ok(found)),
        Err(Refused::Unavailable(why)) => (StatusCode::SERVICE_UNAVAILABLE, Err(why)),
        Err(refused) => return Err(refused),
    };
    let desk = admin.desk().await?;
    let body = html! {
        div.card {
            p { "Dynamic blocks of Commerce for everyone, and for audiences that are known here. What is for a customer segment stays with Commerce, which alone knows who is in it. A widget that shows several blocks is replaced as a whole: import all of them." }
            form.filters method="get" role="search" {
                label.field.field--wide { span.field__label { "UIDs" } input name="uids" value=(uids) placeholder="MQ==, Mg=="; }
                button.button { "Look" }
            }
            @match &found {
                Err(why) => div.notice.notice--bad role="alert" { p { "They could not be read. " (why) } },
                Ok(found) => (list(&who, found, &desk.audiences(), admin.sites())),
            }
        }
    };
    let actions = html! { a.button href="/blocks" { "Back" } };
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Blocks,
        title: "Import from Commerce",
        actions,
        done: None,
    };
    Ok((status, page(page_of.show(&body))).into_response())
}

fn list(who: &Signed, found: &[Found], names: &Names, sites: &Sites) -> Markup {
    let may_take = found.iter().any(Found::may_be_taken);
    html! {
        @if found.is_empty() { div.empty { p { "Commerce has no dynamic block that guests may see." } } } @else {
            form method="post" action="/blocks/import" {
                (csrf(who))
                div.table {
                    table.table--cards {
                        thead { tr { th aria-label="Import" {} th { "Block" } th { "For" } th { "Store views" } th { "Here" } } }
                        tbody {
                            @for one in found {
                                @let name = words::name(&one.value);
                                tr {
                                    td { input type="checkbox" name="uid" value=(one.block.uid) aria-label={ "Import " (name) } checked[one.may_be_taken() && one.here.is_none()] disabled[!one.may_be_taken()]; }
                                    td data-label="Block" {
                                        span.row__name { (name) }
                                        div.row__id { "UID " (one.block.uid) }
                                        @if one.value["trusted"] != true && one.checked.mistakes.is_empty() { div.row__id { "Without its scripts" } }
                                    }
                                    td data-label="For" { (words::audiences(&one.value, names)) }
                                    td data-label="Store views" { (views(one, sites)) }
                                    td data-label="Here" { (standing(one)) }
                                }
                            }
                        }
                    }
                }
                div.previews { button.button.button--main disabled[!may_take] { "Import ticked" } }
            }
        }
    }
}

/// The store views that have a block, in the order of the configuration.
fn views(one: &Found, sites: &Sites) -> String {
    let own = sites.views().iter().map(|view| &*view.code).filter(|code| one.block.html.contains_key(*code));
    own.collect::<Vec<_>>().join(", ")
}

fn standing(one: &Found) -> Markup {
    let called = |field: &str| {
        let key = field.split('/').next().unwrap_or_default();
        blocks::FIELDS.iter().find(|(own, _)| *own == key).map_or(key, |(_, words)| words).to_owned()
    };
    html! {
        @match &one.here {
            Some(here) => {
                a href={ "/blocks/edit?id=" (encoded(&here.id)) } { (here.id) }
                " " @if here.differs { (badge("warn", "other HTML than Commerce")) } @else { (badge("good", "same HTML")) }
            }
            None => @if one.checked.mistakes.is_empty() { (badge("info", "new")) } @else { (badge("bad", "cannot be imported")) },
        }
        @for (field, why) in &one.checked.mistakes { div.row__id { (called(field)) ": " (why) } }
    }
}

/// `POST /blocks/import`
pub(super) async fn import(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    who.must(Role::Editor)?;
    let wanted: BTreeSet<&str> = fields.all("uid").into_iter().collect();
    if wanted.is_empty() {
        return Err(Refused::Bad("No block is ticked: go back and tick those that you want.".to_owned()));
    }
    let uids: Vec<&str> = wanted.iter().copied().collect();
    let found = found(&admin, &uids).await?;
    take(&admin, &who, found, &wanted).await?;
    Ok(see_other("/blocks?done=imported"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_first_words() {
        for (html, words) in [
            ("<style>p{}</style><img alt=\"a\"><h2> Tea &amp; cake </h2><p>b</p>", "Tea & cake"),
            ("<img src=\"/a.png\">", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(first_words(html), words);
        }
        assert_eq!(first_words(&"long ".repeat(30)).chars().count(), 50);
    }
}
