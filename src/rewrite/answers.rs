//! Answers to scripts of a page that hold prices: Magento's `customer/section/load`, and the render info of products.
//!
//! They change like pages do, within the same bounds, in the few strings and numbers concerned. What is not understood stays as it is: an
//! item by itself, the whole answer where it is no JSON.

mod cart;
mod php;
mod place;
mod render_info;
mod wishlist;

use std::ops::Range;

use http::Response;

use crate::body::Body;
use crate::cart::CartFacts;
use crate::decision::select::{CartSelection, Selection};
use crate::page::PageFacts;
use crate::site::StoreView;

use super::json::cursor::Cursor;
use super::plan::layer::Layer;
use super::plan::text::Span;
use super::skip::Skip;

pub use place::{AnswerKind, Asked};

/// What a shopper gets, for whatever an answer turns out to hold.
#[derive(Clone, Copy)]
pub struct Choices<'a> {
    /// The store view that the answer is for.
    pub view: &'a StoreView,
    /// The prices of products, as for a page of these facts.
    pub prices: &'a (dyn Fn(&PageFacts) -> Selection + Sync),
    /// What is said of a cart.
    pub cart: &'a (dyn Fn(&CartFacts) -> CartSelection + Sync),
}

/// An answer for the client with what became of it.
#[derive(Debug)]
pub struct RewrittenAnswer {
    /// The answer.
    pub response: Response<Body>,
    /// Whether anything in it was changed, or why it was not looked at.
    pub outcome: Result<bool, Skip>,
}

/// A range of an answer and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Self { range: at..at, text }
    }
}

/// The changed answer; `None` where nothing in it changes.
///
/// # Errors
/// `NotJson` for what is no JSON object.
pub(super) fn change(kind: AnswerKind, answer: &str, choices: &Choices<'_>) -> Result<Option<String>, Skip> {
    let edits = match kind {
        AnswerKind::Sections => sections(answer, choices),
        AnswerKind::RenderInfo => render_info::edits(answer, choices),
    };
    let mut edits = edits.ok_or(Skip::NotJson)?;
    if edits.is_empty() {
        return Ok(None);
    }
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    Ok(Some(write(answer, &edits)))
}

fn write(answer: &str, edits: &[Edit]) -> String {
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut text = String::with_capacity(answer.len() + added);
    let mut at = 0;
    for edit in edits {
        // They do not overlap; one that did would be left out.
        if let Some(between) = answer.get(at..edit.range.start) {
            text.push_str(between);
            text.push_str(&edit.text);
            at = edit.range.end;
        }
    }
    text.push_str(answer.get(at..).unwrap_or_default());
    text
}

fn sections(answer: &str, choices: &Choices<'_>) -> Option<Vec<Edit>> {
    let (mut carts, mut wishlists) = (Vec::new(), Vec::new());
    let mut cursor = Cursor::new(answer);
    // A copy of the cursor reads a section, so that one which is not understood is skipped like any other.
    cursor.object(|key, cursor| {
        match &*key.text() {
            "cart" => carts.push(cursor.clone()),
            "wishlist" => wishlists.push(cursor.clone()),
            _ => {}
        }
        Some(())
    })?;
    cursor.is_done().then_some(())?;
    let mut edits = Vec::new();
    if let [cart] = carts.as_slice() {
        edits.extend(cart::edits(answer, cart.clone(), choices).into_iter().flatten());
    }
    if let [wishlist] = wishlists.as_slice() {
        edits.extend(wishlist::edits(answer, wishlist.clone(), choices).into_iter().flatten());
    }
    Some(edits)
}

/// Takes what may be stated once only.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

/// The text of a JSON string, by the range of its content.
fn string(answer: &str, content: &Range<usize>) -> Option<String> {
    Some(Layer::of(answer, Span::new(content.clone())).json()?.text().to_owned())
}

#[cfg(test)]
mod tests;
