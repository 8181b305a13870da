//! The `wishlist` section: its price boxes follow like those of a page.

use std::ops::Range;

use super::php::escaped;
use super::{Choices, Edit, once, string};
use crate::page::PageKind;
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::plan::Plan;
use crate::rewrite::render::{Change, Dressing, render};

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
    let selection = (choices.prices)(plan.facts());
    let dressing = Dressing { display: &choices.view.display, ..Dressing::default() };
    let rendered = render(&plan, html.as_bytes(), &selection, &dressing);
    let changed = rendered.changes.iter().any(|change| matches!(change, Change::Slot { .. }));
    let text = String::from_utf8(rendered.bytes).ok().filter(|_| changed)?;
    Some(Edit { range: price, text: escaped(&text) })
}
