//! Commerce's cart price rules: which there are, and the form of one. What is saved here is live in Commerce at once; it is Commerce's own, so
//! that there is one place where a rule is what it is.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::answer::{Refused, encoded, page, see_other};
use super::desk::{Checked, Desk};
use super::entry_form::{Form, number};
use super::forms::{Fields, Posted};
use super::layout::{self, Page, Section, badge, csrf, wrong};
use super::listing::{Asked, sort_by};
use super::offers::done;
use super::sign_in::{Signed, digest};
use super::{Admin, words};
use crate::commerce::error::Area;
use crate::commerce::{Book, Cause, Client, CommerceError, Config};
use crate::rule::cart_rule::{AudienceTypes, CartAction, CartRule, CouponKind, FreeShipping, RestError};
use crate::store::{Kind, Role};
use tree::Asks;

/// How long names of categories are kept.
const KEPT: Duration = Duration::from_secs(60);

/// What fields are called on the form.
const FIELDS: [(&str, &str); 17] = [
    ("name", "Name"),
    ("description", "Description"),
    ("website_ids", "Websites"),
    ("customer_group_ids", "Customer groups"),
    ("from_date", "From"),
    ("to_date", "Until"),
    ("sort_order", "Priority"),
    ("condition", "Conditions"),
    ("action_condition", "Products"),
    ("simple_action", "Apply"),
    ("discount_amount", "Discount amount"),
    ("discount_qty", "Maximum quantity"),
    ("discount_step", "Discount quantity step"),
    ("coupon_code", "Code"),
    ("uses_per_customer", "Uses per customer"),
    ("uses_per_coupon", "Uses per coupon"),
    ("store_labels", "Label"),
];

const ACTIONS: [(&str, &str); 6] = [
    ("by_percent", "Percent of product price discount"),
    ("by_fixed", "Fixed amount discount"),
    ("cart_fixed", "Fixed amount discount for whole cart"),
    ("buy_x_get_y", "Buy X get Y free (discount amount is Y)"),
    ("to_percent", "To a percentage of the price"),
    ("to_fixed", "To a fixed price"),
];

/// What categories and those above them are called, by id.
type Categories = Arc<BTreeMap<u64, String>>;

/// Commerce, as its client has it.
pub(super) struct Linked {
    config: Config,
    client: Client,
    /// Categories with the names of those above them, and since when.
    categories: Mutex<Option<(Instant, Categories)>>,
}

impl Linked {
    pub(super) fn new(config: Config) -> Option<Self> {
        let client = Client::new(&config).inspect_err(|error| tracing::error!("Commerce cannot be asked: {error}"));
        Some(Self { client: client.ok()?, config, categories: Mutex::new(None) })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where Commerce is.
    pub(super) fn url(&self) -> &str {
        self.config.url.as_str()
    }

    /// How old what it said may be.
    pub(super) fn max_age(&self) -> Duration {
        self.config.max_age
    }

    /// Categories by what they and those above them are called; none where Commerce does not say.
    async fn categories(&self) -> Categories {
        let mut kept = self.categories.lock().await;
        if let Some((_, categories)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Arc::clone(categories);
        }
        let listed = self.client.list(Area::Categories, "/V1/categories/list", "entity_id", &[]).await;
        let listed =
            listed.inspect_err(|error| tracing::warn!("categories are not listed: {error}")).unwrap_or_default();
        let named: BTreeMap<u64, (u64, &str)> = listed
            .iter()
            .filter_map(|it| Some((it["id"].as_u64()?, (it["parent_id"].as_u64()?, it["name"].as_str()?))))
            .collect();
        let path = |id: u64| {
            let mut names = Vec::new();
            let mut at = id;
            // A chain that comes back to itself has no end.
            while let Some((parent, name)) = named.get(&at).filter(|_| names.len() < 50) {
                names.push(*name);
                at = *parent;
            }
            names.reverse();
            names.join(" / ")
        };
        let categories = Arc::new(named.keys().map(|id| (*id, path(*id))).collect());
        *kept = Some((Instant::now(), Arc::clone(&categories)));
        categories
    }
}

impl From<CommerceError> for Refused {
    fn from(error: CommerceError) -> Self {
        match error.cause {
            Cause::NotFound(_) => Self::NotFound,
            _ => Self::Unavailable(format!("{error}; {}", error.advice())),
        }
    }
}

impl Admin {
    pub(super) fn linked(&self) -> Result<&Linked, Refused> {
        self.0.linked.as_ref().ok_or(Refused::NotFound)
    }

    /// What Commerce said of its rules last.
    pub(super) async fn book(&self) -> Result<Option<Book>, Refused> {
        let Some(linked) = &self.0.linked else { return Ok(None) };
        let kept = self.store().await?.commerce_book(linked.config.url.as_str()).await?;
        Ok(kept.and_then(|kept| Book::from_json(&kept, &linked.config)))
    }
}

/// What a rule does, in words.
pub(super) fn effect(rule: &CartRule) -> String {
    let amount = rule.amount.normalize();
    let of = match &rule.action {
        CartAction::ByPercent => format!("{amount} % off"),
        CartAction::ByFixed => format!("{amount} off each unit"),
        CartAction::CartFixed => format!("{amount} off the cart"),
        CartAction::BuyXGetY => format!("buy {} get {amount} free", rule.step.normalize()),
        CartAction::ToPercent => format!("to {amount} % of the price"),
        CartAction::ToFixed => format!("to {amount}"),
        CartAction::Unknown(word) => format!("{word} {amount}"),
    };
    match rule.free_shipping {
        FreeShipping::None => of,
        FreeShipping::MatchingLines | FreeShipping::Shipment => format!("{of}, free shipping"),
    }
}

fn coupon_words(coupon: CouponKind) -> &'static str {
    match coupon {
        CouponKind::None => "none",
        CouponKind::Specific => "one code",
        CouponKind::Generated => "generated codes",
    }
}

/// `GET /rules`
pub(super) async fn list(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    admin.linked()?;
    let (desk, book) = (admin.desk().await?, admin.book().await?);
    let names = desk.audiences();
    let offers_of = |rule: u64| {
        let own = move |entry: &&crate::store::Entry| entry.value["charge"]["rule_id"].as_u64() == Some(rule);
        desk.drafts(Kind::Offer).filter(own).collect::<Vec<_>>()
    };
    let audiences = |rule: &CartRule| {
        let ids = rule.conditions.audiences();
        ids.into_iter()
            .map(|id| names.get(&**id).map_or(&**id, String::as_str).to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut rows: Vec<&CartRule> = book.iter().flat_map(|book| &book.rules).collect();
    rows.retain(|rule| asked.finds([rule.name.as_str(), &rule.id.to_string(), &audiences(rule)]));
    let (by, from_end) = asked.sort("priority");
    match by {
        "name" => sort_by(&mut rows, from_end, |rule| rule.name.to_lowercase()),
        "id" => sort_by(&mut rows, from_end, |rule| rule.id),
        _ => sort_by(&mut rows, from_end, |rule| (rule.priority, rule.id)),
    }
    let body = html! {
        @match &book {
            None => { div.notice.notice--warn { p { "Commerce has not said its rules yet. " code { "segue commerce status" } " tells what it lacks." } } }
            Some(book) => { p.quiet { "As Commerce had them at " (layout::moment(book.learnt_at)) " UTC." } }
        }
        div.card {
            form.filters method="get" role="search" {
                label.field.field--wide { span.field__label { "Search" } input type="search" name="q" value=(asked.text("q")) placeholder="Name, id or audience"; }
                button.button { "Find" }
            }
            div.table { table.table--cards {
                thead { tr {
                    (asked.head("name", "Rule", "priority")) th { "State" } th { "Audiences" } th { "What it does" } th { "Coupon" } th { "Offers" } (asked.head("priority", "Priority", "priority"))
                } }
                tbody { @for rule in asked.cut(&rows) { tr {
                    td data-label="Rule" { a.row__name href={ "/rules/edit?id=" (rule.id) } { (rule.name) } div.row__id { (rule.id) } }
                    td data-label="State" { @if rule.is_active { (badge("good", "active")) } @else { (badge("plain", "inactive")) } }
                    td data-label="Audiences" { (audiences(rule)) }
                    td data-label="What it does" { (effect(rule)) }
                    td data-label="Coupon" { (coupon_words(rule.coupon)) }
                    td data-label="Offers" { @for offer in offers_of(rule.id) { a href={ "/offers/edit?id=" (encoded(&offer.id)) } { (words::name(&offer.value)) } " " } }
                    td.number data-label="Priority" { (rule.priority) }
                } } }
            } }
            (asked.pager(rows.len(), "rules"))
        }
    };
    let actions =
        html! { @if who.may(Role::Publisher) { a.button.button--main href="/rules/edit" { "Add new rule" } } };
    let page_of = Page {
        admin: &admin,
        who: &who,
        desk: &desk,
        section: Section::Rules,
        title: "Cart price rules",
        actions,
        done: done(&asked),
    };
    Ok(page(page_of.show(&body)).into_response())
}

/// `GET /rules/edit`
pub(super) async fn edit(State(admin): State<Admin>, who: Signed, asked: Asked) -> Result<Response, Refused> {
    let linked = admin.linked()?;
    let mut rule = match asked.text("id") {
        "" => fresh(admin.book().await?.as_ref()),
        id => linked.client.rule(id.parse().map_err(|_| Refused::NotFound)?).await?,
    };
    let mark = seen(&rule);
    add_code(linked, &mut rule).await?;
    let shown = Shown::new(&admin, &who, &rule, &mark).await?;
    Ok(page(shown.page(&Checked::default(), "")).into_response())
}

/// A new rule: for everybody, everywhere, of nothing yet.
fn fresh(book: Option<&Book>) -> Value {
    let ids = |all: Option<Vec<u64>>| all.unwrap_or_default();
    json!({
        "is_active": true,
        "website_ids": ids(book.map(|book| book.websites.values().copied().filter(|id| *id > 0).collect())),
        "customer_group_ids": ids(book.map(|book| book.customer_groups.keys().copied().collect())),
        "condition": Asks::Cart.empty(), "action_condition": Asks::Lines.empty(),
        "simple_action": "by_percent", "coupon_type": "NO_COUPON", "simple_free_shipping": "0", "sort_order": 0,
    })
}

/// A mark of a rule as it was seen, however often it was used since.
pub(super) fn seen(rule: &Value) -> String {
    let mut plain = rule.clone();
    if let Value::Object(fields) = &mut plain {
        fields.remove("times_used");
    }
    digest(&plain.to_string())
}

/// Adds the code of a rule that has one code, as `coupon_code`: to Commerce it is another thing than the rule.
pub(super) async fn add_code(linked: &Linked, rule: &mut Value) -> Result<(), Refused> {
    let parsed = CartRule::from_rest(rule, &linked.config.audience_types);
    if let (Ok(CouponKind::Specific), Some(id)) = (parsed.map(|rule| rule.coupon), rule["rule_id"].as_u64())
        && let Some(coupon) = linked.client.code_of(id).await?
    {
        rule["coupon_code"] = json!(coupon.code);
    }
    Ok(())
}

struct Shown<'a> {
    admin: &'a Admin,
    who: &'a Signed,
    linked: &'a Linked,
    desk: Arc<Desk>,
    book: Option<Book>,
    categories: Categories,
    rule: &'a Value,
    /// As the form was opened on it.
    seen: &'a str,
}

impl<'a> Shown<'a> {
    async fn new(admin: &'a Admin, who: &'a Signed, rule: &'a Value, seen: &'a str) -> Result<Self, Refused> {
        let linked = admin.linked()?;
        let (desk, book) = (admin.desk().await?, admin.book().await?);
        Ok(Self { admin, who, linked, desk, book, categories: linked.categories().await, rule, seen })
    }

    fn page(&self, checked: &Checked, added: &str) -> Markup {
        let (rule, is_locked) = (self.rule, !self.who.may(Role::Publisher));
        let form = Form { value: rule, checked, is_locked };
        let id = rule["rule_id"].as_u64();
        let title = Some(words::name(rule)).filter(|name| !name.is_empty() && id.is_some()).unwrap_or("Add new rule");
        let is = |key: &str| matches!(&rule[key], Value::Bool(true)) || rule[key] == "1" || rule[key] == 1;
        let box_of = |key: &str, words: &str| {
            html! { label.check { input type="checkbox" name=(key) checked[is(key)] disabled[is_locked]; (words) } }
        };
        let chosen = |key: &str| -> BTreeSet<u64> {
            rule[key]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()))
                .collect()
        };
        let ids = |key: &str, label: &str, options: Vec<(u64, String)>| {
            let chosen = chosen(key);
            html! {
                fieldset.field.wide {
                    legend { (label) }
                    div.checks { @for (id, words) in options { label.check { input type="checkbox" name=(key) value=(id) checked[chosen.contains(&id)] disabled[is_locked]; (words) } } }
                    (wrong(checked, key))
                }
            }
        };
        let book = self.book.as_ref();
        let websites = book.map(|book| {
            book.websites.iter().filter(|(_, id)| **id > 0).map(|(code, id)| (*id, code.clone())).collect()
        });
        let groups = book.map(|book| book.customer_groups.iter().map(|(id, name)| (*id, name.clone())).collect());
        let audiences = self.desk.audiences();
        let known = tree::Known { types: self.types(), audiences: &audiences, categories: &self.categories, is_locked };
        let conditions = |key: &str, asks: Asks| {
            let empty = asks.empty();
            let node = Some(&rule[key]).filter(|node| node.is_object()).unwrap_or(&empty);
            tree::show(node, key, asks, &known, &checked.mistakes, added)
        };
        let labels = |store: u64| {
            let own = rule["store_labels"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|label| label["store_id"].as_u64() == Some(store));
            own.and_then(|label| label["store_label"].as_str()).unwrap_or_default().to_owned()
        };
        let views: Vec<(u64, String)> = std::iter::once((0, "Default".to_owned()))
            .chain(
                book.iter()
                    .flat_map(|book| &book.store_views)
                    .filter(|(_, id)| **id > 0)
                    .map(|(code, id)| (*id, format!("Store view {code}"))),
            )
            .collect();
        let coupon = match CartRule::from_rest(rule, self.types()).map(|rule| rule.coupon) {
            Ok(CouponKind::Specific) => "SPECIFIC_COUPON",
            Ok(CouponKind::Generated) => "AUTO",
            _ => "NO_COUPON",
        };
        let free = match layout::shown(&rule["simple_free_shipping"]).as_str() {
            "1" | "MATCHING_ITEMS_ONLY" => "1",
            "2" | "FREE_WITH_MATCHING_ITEMS" => "2",
            _ => "0",
        };
        let body = html! {
            (layout::mistakes(checked, &FIELDS))
            div.notice { p { "This is a rule of Commerce: what is saved here is live in every cart at once. Offers follow their rules by themselves." } }
            form method="post" action="/rules/edit" novalidate {
                (csrf(self.who))
                // Enter in a field saves, whatever button comes first.
                button.hidden-button name="save" value="1" tabindex="-1" aria-hidden="true" {}
                input type="hidden" name="rule_id" value=(id.map(|id| id.to_string()).unwrap_or_default());
                input type="hidden" name="seen" value=(self.seen);
                input type="hidden" name="rest" value=(rule.to_string());
                datalist id="attributes" { @for code in self.attributes() { option value=(code) {} } }
                datalist id="skus" {}
                fieldset.card { legend { "Rule information" } div.grid {
                    (form.line("name", "Name", "", true))
                    (form.line("description", "Description", "For you and your colleagues.", false))
                    (box_of("is_active", "Active"))
                    (form.number("sort_order", "Priority", "Lower goes first."))
                    (ids("website_ids", "Websites", websites.unwrap_or_default()))
                    (ids("customer_group_ids", "Customer groups", groups.unwrap_or_default()))
                    (form.day("from_date", "From", "Included.")) (form.day("to_date", "Until", "Included."))
                    (form.select("coupon_type", "Coupon", "For an offer that a coupon charges, Segue makes generated codes as they are needed.", coupon, &[("NO_COUPON", "None"), ("SPECIFIC_COUPON", "One code"), ("AUTO", "Generated codes")], Some("coupon")))
                    div data-coupon="SPECIFIC_COUPON" { (form.line("coupon_code", "Code", "What shoppers type, or Segue for them.", false)) }
                    (form.line("uses_per_coupon", "Uses per coupon", "Empty or 0 is without limit.", false))
                    (form.line("uses_per_customer", "Uses per customer", "Empty or 0 is without limit.", false))
                } }
                fieldset.card { legend { "Conditions" } div.stack { p.quiet { "When it applies to a cart. Without any, it always does." } (conditions("condition", Asks::Cart)) } }
                fieldset.card { legend { "Actions" } div.grid {
                    (form.select("simple_action", "Apply", "", rule["simple_action"].as_str().unwrap_or_default(), &ACTIONS, None))
                    (form.line("discount_amount", "Discount amount", "", true))
                    (form.line("discount_qty", "Maximum quantity discount is applied to", "Empty or 0 is without limit.", false))
                    (form.line("discount_step", "Discount quantity step (buy X)", "Empty or 0 is none.", false))
                    (form.select("simple_free_shipping", "Free shipping", "", free, &[("0", "No"), ("1", "For matching items only"), ("2", "For shipment with matching items")], None))
                    div.checks { (box_of("apply_to_shipping", "Apply to shipping amount")) (box_of("stop_rules_processing", "Discard subsequent rules")) }
                } }
                fieldset.card { legend { "Products" } div.stack { p.quiet { "Which products in the cart it discounts. Without conditions, all of them." } (conditions("action_condition", Asks::Lines)) } }
                fieldset.card { legend { "Labels" } div.grid {
                    @for (store, words) in &views { label.field { span.field__label { "Label · " (words) } input name={ "label:" (store) } value=(labels(*store)) disabled[is_locked]; } }
                } }
                @if !is_locked {
                    div.bar {
                        button.button.button--main name="save" value="1" { "Save" }
                        a.button href="/rules" { "Cancel" }
                        span.spacer {}
                        @if let Some(id) = id { a.button href={ "/offers/edit?rule=" (id) } { "Make an offer of it" } }
                    }
                }
            }
        };
        let shown = Page {
            admin: self.admin,
            who: self.who,
            desk: &self.desk,
            section: Section::Rules,
            title,
            actions: html! {},
            done: None,
        };
        shown.show(&body)
    }

    fn types(&self) -> &AudienceTypes {
        &self.linked.config.audience_types
    }

    fn attributes(&self) -> BTreeSet<String> {
        let of_rules = self.book.as_ref().map(Book::attributes).unwrap_or_default();
        let own = [
            "attribute_set_id",
            "category_ids",
            "price",
            "quote_item_price",
            "quote_item_qty",
            "quote_item_row_total",
            "sku",
        ];
        of_rules.into_iter().chain(own.map(str::to_owned)).collect()
    }
}

/// A rule as a form has it, on top of what it was opened on.
fn read(fields: &Fields, types: &AudienceTypes) -> Value {
    let mut rule: Value =
        serde_json::from_str(fields.raw("rest")).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
    for key in ["name", "description", "from_date", "to_date", "simple_action", "coupon_type", "simple_free_shipping"] {
        let text = fields.text(key);
        rule[key] = if text.is_empty() { Value::Null } else { json!(text) };
    }
    for key in ["discount_amount", "discount_qty", "discount_step", "uses_per_customer", "uses_per_coupon"] {
        // A number is written as it was typed.
        let text = fields.text(key);
        rule[key] = match text.parse::<serde_json::Number>() {
            Ok(number) => Value::Number(number),
            Err(_) if text.is_empty() => json!(0),
            Err(_) => json!(text),
        };
    }
    rule["sort_order"] = Some(number(fields.text("sort_order"))).filter(|order| !order.is_null()).unwrap_or(json!(0));
    for key in ["is_active", "stop_rules_processing", "apply_to_shipping"] {
        rule[key] = json!(fields.has(key));
    }
    for key in ["website_ids", "customer_group_ids"] {
        rule[key] = fields.all(key).into_iter().map(number).collect();
    }
    rule["use_auto_generation"] = json!(rule["coupon_type"] == "AUTO");
    rule["coupon_code"] = json!(fields.text("coupon_code"));
    for (key, asks) in [("condition", Asks::Cart), ("action_condition", Asks::Lines)] {
        rule[key] = tree::read(fields, key, asks, types).unwrap_or_else(|| asks.empty());
    }
    let labels = fields.under("label:").filter(|(_, text)| !text.trim().is_empty());
    let labels = labels.filter_map(|(store, text)| {
        Some(json!({ "store_id": store.parse::<u64>().ok()?, "store_label": text.trim() }))
    });
    rule["store_labels"] = labels.collect();
    rule
}

/// What is wrong with a rule: the field, and words.
fn check(rule: &Value, types: &AudienceTypes) -> Result<CartRule, Checked> {
    let mut mistakes: Vec<(String, String)> = Vec::new();
    let mut say = |field: &str, words: &str| mistakes.push((field.to_owned(), words.to_owned()));
    if words::name(rule).trim().is_empty() {
        say("name", "is missing");
    }
    for (key, what) in [("website_ids", "website"), ("customer_group_ids", "customer group")] {
        if rule[key].as_array().is_none_or(Vec::is_empty) {
            say(key, &format!("needs one {what} at least"));
        }
    }
    let day = |key: &str| rule[key].as_str().and_then(|text| text.get(..10)?.parse::<Date>().ok());
    if day("from_date").zip(day("to_date")).is_some_and(|(from, to)| to < from) {
        say("to_date", "is before the first day");
    }
    let parsed = CartRule::from_rest(rule, types);
    let is_specific = parsed.as_ref().is_ok_and(|rule| rule.coupon == CouponKind::Specific);
    match &rule["coupon_code"] {
        _ if !is_specific => {}
        Value::Null => {}
        Value::String(code) if code.trim().is_empty() => say("coupon_code", "is missing"),
        Value::String(code) if code.chars().count() > 255 => say("coupon_code", "has 255 characters at most"),
        Value::String(_) => {}
        _ => say("coupon_code", "must be a text"),
    }
    if let Ok(rule) = &parsed {
        if rule.amount.is_sign_negative()
            || rule.most_units.is_some_and(|most| most.is_sign_negative())
            || rule.step.is_sign_negative()
        {
            say("discount_amount", "and quantities are 0 or more");
        }
        let is_percent = matches!(rule.action, CartAction::ByPercent | CartAction::ToPercent);
        if is_percent && rule.amount > rust_decimal::Decimal::ONE_HUNDRED {
            say("discount_amount", "is 100 percent at most");
        }
        if rule.action == CartAction::BuyXGetY && rule.step.is_zero() {
            say("discount_step", "says how many are to be bought");
        }
    }
    for key in ["condition", "action_condition"] {
        mistakes.extend(tree::mistakes(&rule[key], key, types));
    }
    match parsed {
        Ok(parsed) if mistakes.is_empty() => Ok(parsed),
        Ok(_) => Err(Checked { mistakes, warnings: Vec::new() }),
        Err(errors) => {
            let field = |error: RestError| (error.place.trim_start_matches('/').to_owned(), error.message);
            mistakes.extend(errors.into_iter().map(field));
            Err(Checked { mistakes, warnings: Vec::new() })
        }
    }
}

/// `POST /rules/edit`: saves, or, by another button, adds a condition or takes one away.
pub(super) async fn save(State(admin): State<Admin>, Posted { who, fields }: Posted) -> Result<Response, Refused> {
    let linked = admin.linked()?;
    who.must(Role::Publisher)?;
    let types = &linked.config.audience_types;
    let rule = read(&fields, types);
    let seen_before = fields.text("seen");
    if !fields.has("save") {
        let shown = Shown::new(&admin, &who, &rule, seen_before).await?;
        return Ok(page(shown.page(&Checked::default(), fields.text("add"))).into_response());
    }
    let id = match fields.text("rule_id") {
        "" => None,
        id => Some(id.parse().map_err(|_| Refused::NotFound)?),
    };
    match write(&admin, &who, id, &rule, seen_before).await {
        Ok(_) => Ok(see_other("/rules?done=rule")),
        Err(Unsaved::Refused(refused)) => Err(refused),
        Err(Unsaved::Mistakes(checked)) => {
            let shown = Shown::new(&admin, &who, &rule, seen_before).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(shown.page(&checked, ""))).into_response())
        }
    }
}

/// Why a rule is not saved.
pub(super) enum Unsaved {
    /// It could not be.
    Refused(Refused),
    /// It would not do.
    Mistakes(Checked),
}

impl<E: Into<Refused>> From<E> for Unsaved {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Writes a rule into Commerce, in the form of its REST API: a new one, or one as it was seen; it as Commerce has it then.
pub(super) async fn write(
    admin: &Admin,
    who: &Signed,
    id: Option<u64>,
    rule: &Value,
    seen_before: &str,
) -> Result<Value, Unsaved> {
    let linked = admin.linked()?;
    who.must(Role::Publisher)?;
    let types = &linked.config.audience_types;
    let parsed = check(rule, types).map_err(Unsaved::Mistakes)?;
    let code = rule["coupon_code"].as_str().map(str::trim).filter(|_| parsed.coupon == CouponKind::Specific);
    if let Some(code) = code
        && let Some(other) = linked.client.coupon(code).await?.filter(|coupon| Some(coupon.rule_id) != id)
    {
        let why = format!("is the code of rule {} already", other.rule_id);
        let mistakes = vec![("coupon_code".to_owned(), why)];
        return Err(Unsaved::Mistakes(Checked { mistakes, warnings: Vec::new() }));
    }
    let saved = match id {
        None => linked.client.create_rule(&of_commerce(rule)).await?,
        Some(id) => {
            let now = linked.client.rule(id).await?;
            if seen(&now) != seen_before {
                return Err(Unsaved::Refused(Refused::Conflict(format!(
                    "Rule {id} was changed by somebody else since you have read it. Open it anew and make your change again."
                ))));
            }
            // Only what was changed is written anew, so that Commerce keeps its own spelling of the rest.
            let rest = now.as_object().cloned().map(Arc::new).unwrap_or_default();
            linked.client.update_rule(id, &CartRule { id, rest, ..parsed }.to_rest(types)).await?
        }
    };
    let (id, store) = (layout::shown(&saved["rule_id"]), admin.store().await?);
    let what = check(&saved, types).map(|rule| effect(&rule)).unwrap_or_default();
    let detail = format!("{}: {what}", words::name(&saved));
    store.note(who.doing("rule.save", &id, &detail)).await?;
    if let (Some(code), Some(number)) = (code, saved["rule_id"].as_u64())
        && let Err(error) = linked.client.set_code(number, code).await
    {
        return Err(Unsaved::Refused(Refused::Unavailable(format!(
            "Rule {id} is saved, but not its code, without which no cart gets it: {error}. Open the rule and save it again."
        ))));
    }
    // The list shows it at once; carts have it already.
    match Book::fetch(&linked.client, types).await {
        Ok(book) => store.keep_commerce_book(linked.config.url.as_str(), book.learnt_at, &book.to_json()).await?,
        Err(error) => tracing::warn!("the list of rules is not up to date: {error}"),
    }
    Ok(saved)
}

/// `GET /rules/skus`: SKUs that hold what was typed, for the script of choosers.
pub(super) async fn skus(State(admin): State<Admin>, _: Signed, asked: Asked) -> Result<Response, Refused> {
    let skus = match asked.text("q") {
        "" => Vec::new(),
        text => admin.store().await?.skus_with(text, 20).await?,
    };
    Ok(axum::Json(skus).into_response())
}

/// A new rule as Commerce takes it: without an id, and without its code.
fn of_commerce(rule: &Value) -> Value {
    let fields: Map<String, Value> = rule.as_object().cloned().unwrap_or_default();
    let is_own = |key: &str| matches!(key, "rule_id" | "coupon_code");
    Value::Object(fields.into_iter().filter(|(key, _)| !is_own(key)).collect())
}
