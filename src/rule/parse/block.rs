//! Reads one dynamic block.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Scope, bounded};
use crate::document::{Field, Reader};
use crate::page::PageKind;
use crate::rule::html::{Html, flaws};
use crate::rule::placement::{Anchor, Placement, UrlPattern};
use crate::rule::{Block, Rotation};

/// Bytes of one block's HTML at most: a banner with inlined pictures does not belong into a page.
const MAX_HTML: usize = 256 * 1024;
/// URL patterns of one block at most: each is tried on every page.
const MAX_PATTERNS: usize = 100;

const ROTATIONS: [(&str, Rotation); 3] =
    [("all", Rotation::All), ("first", Rotation::First), ("random", Rotation::Random)];

const PLACEMENTS: &str = "page-top, content-top, content-bottom, sidebar, footer, commerce-block:UID, \
     or replace, before or after with #id or [data-content-type=TYPE]";

pub(super) fn read(reader: &Reader<'_>, scope: &Scope<'_>) -> Option<Block> {
    let common = scope.common(reader);
    let placement = reader.required("placement").and_then(|field| read_placement(&field));
    let page_kinds = reader.optional("page_kinds").map_or(Some(BTreeSet::new()), |field| read_kinds(&field));
    let url_patterns = reader.optional("urls").map_or(Some(Vec::new()), |field| read_patterns(&field));
    let rotation = reader.optional("rotation").map_or(Some(Rotation::All), |field| field.word(&ROTATIONS));
    let trusted = reader.optional("trusted").map_or(Some(false), |field| field.boolean());
    let html = reader.required("html").and_then(|field| {
        let html = scope.by_view(&field, |text| read_html(text, trusted == Some(true)))?;
        if html.default.is_none() && html.by_view.is_empty() {
            field.mistake("must have a text for the default or for a store view");
        }
        Some(html)
    });
    let common = common?;
    Some(Block {
        id: common.id,
        name: common.name,
        audiences: common.audiences,
        websites: common.websites,
        store_views: common.store_views,
        days: common.days,
        priority: common.priority,
        placement: placement?,
        page_kinds: page_kinds?,
        url_patterns: url_patterns?,
        rotation: rotation?,
        html: html?,
    })
}

fn read_placement(field: &Field<'_>) -> Option<Placement> {
    if field.value.is_string() {
        return field.parsed(PLACEMENTS, Placement::parse);
    }
    let reader = field.object()?;
    let anchor = |key| reader.optional(key).map(|field| read_anchor(&field));
    let found = [
        anchor("replace").map(|anchor| anchor.map(Placement::Replace)),
        anchor("before").map(|anchor| anchor.map(Placement::Before)),
        anchor("after").map(|anchor| anchor.map(Placement::After)),
    ];
    reader.finish();
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(placement), None) => placement,
        _ => {
            field.mistake("must have one of replace, before and after");
            None
        }
    }
}

fn read_anchor(field: &Field<'_>) -> Option<Anchor> {
    field.parsed("#id or [data-content-type=TYPE]", Anchor::parse)
}

fn read_kinds(field: &Field<'_>) -> Option<BTreeSet<PageKind>> {
    let words = PageKind::ALL.map(|kind| (kind.as_str(), kind));
    Some(bounded(field)?.iter().filter_map(|item| item.word(&words)).collect())
}

fn read_patterns(field: &Field<'_>) -> Option<Vec<UrlPattern>> {
    let items = bounded(field)?;
    if items.len() > MAX_PATTERNS {
        field.mistake(format!("must have at most {MAX_PATTERNS} patterns, not {}", items.len()));
        return None;
    }
    let wanted = "a path pattern that begins with / or *, without query, such as /gear/*";
    Some(items.iter().filter_map(|item| item.parsed(wanted, UrlPattern::parse)).collect())
}

fn read_html(field: &Field<'_>, trusted: bool) -> Option<Arc<Html>> {
    let text = field.text()?;
    if text.len() > MAX_HTML {
        field.mistake(format!("must have at most {MAX_HTML} bytes, not {}", text.len()));
        return None;
    }
    if let Some(directive) = directive(text) {
        field.mistake(format!("holds {directive}, which only Magento can resolve: write what it stands for"));
    }
    if trusted {
        flaws(text).iter().for_each(|flaw| field.mistake(format!("cannot be trusted: {flaw}")));
    }
    Some(Arc::new(Html::new(text, trusted)))
}

/// The beginning of the first `{{...}}`.
fn directive(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("{{")?;
    let (inner, _) = rest.split_once("}}")?;
    let short: String = inner.chars().take(40).collect();
    let cut = if short.len() < inner.len() { "..." } else { "" };
    Some(format!("{{{{{short}{cut}}}}}"))
}
