//! The `wishlist` section: its price boxes follow like those of a page.

use std::ops::Range;

use super::php::escaped;
use super::{Choices, Edit, once, string};
use crate::page::{PageFacts, PageKind};
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::json::shown::texts;
use crate::rewrite::plan::Plan;
use crate::rewrite::plan::text::decode;
use crate::rewrite::render::{Change, Dressing, render};
use crate::rewrite::sign;
use crate::site::StoreView;

/// ISO 4217's code for no currency.
const NO_CURRENCY: &str = "XXX";

/// What is written into the section that a cursor stands before; nothing where it is not understood.
pub(super) fn edits(answer: &str, mut section: Cursor<'_>, choices: &Choices<'_>) -> Option<Vec<Edit>> {
    let mut items = None;
    section.object(|key, cursor| match &*key.text() {
        "items" => {
            let mut list = Vec::new();
            cursor.array(|cursor| {
                let mut price = None;
                cursor.object(|key, cursor| match &*key.text() {
                    "product_price" => once(&mut price, cursor.string()?),
                    _ => Some(()),
                })?;
                list.extend(price);
                Some(())
            })?;
            once(&mut items, list)
        }
        _ => Some(()),
    })?;
    Some(items?.into_iter().filter_map(|price| changed(answer, price, choices)).collect())
}

/// The HTML of one price with the shopper's own in it.
fn changed(answer: &str, price: Range<usize>, choices: &Choices<'_>) -> Option<Edit> {
    let html = string(answer, &price)?;
    // What is escaped in another way could not be written back without changing more.
    (escaped(&html) == answer[price.clone()]).then_some(())?;
    let plan = Plan::compile_fragment(&html, PageKind::Wishlist, &choices.view.locale).ok()?;
    let selection = (choices.prices)(&facts(plan.facts(), &html, choices.view));
    let dressing = Dressing { display: &choices.view.display, ..Dressing::default() };
    let rendered = render(&plan, html.as_bytes(), &selection, &dressing);
    let changed = rendered.changes.iter().any(|change| matches!(change, Change::Slot { .. }));
    let text = String::from_utf8(rendered.bytes).ok().filter(|_| changed)?;
    Some(Edit { range: price, text: escaped(&text) })
}

/// What is known of one price. A page that names no currency is in that of its store view, as it has no switcher; here the switcher is on
/// the page around, so that only the sign can say it.
fn facts(fragment: &PageFacts, html: &str, view: &StoreView) -> PageFacts {
    let mut facts = fragment.clone();
    if facts.currencies.is_empty() {
        facts.currencies.push(signed(html, view).unwrap_or(NO_CURRENCY).to_owned());
    }
    facts
}

/// The one of a store view's currencies whose sign all prices bear.
fn signed<'v>(html: &str, view: &'v StoreView) -> Option<&'v str> {
    let beside: Vec<String> = texts(html)?.into_iter().filter_map(|text| beside(&decode(&html[text]))).collect();
    let bears = |code: &&String| !beside.is_empty() && beside.iter().all(|it| sign::is_of(it, code, &view.locale));
    [&view.currency, &view.base_currency].into_iter().find(bears).map(String::as_str)
}

/// What stands beside the number of a text, if there is one in it.
fn beside(text: &str) -> Option<String> {
    let (start, end) = (text.find(char::is_numeric)?, text.rfind(char::is_numeric)?);
    Some(text[..start].to_owned() + text[end..].trim_start_matches(char::is_numeric))
}
