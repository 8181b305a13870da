//! Where dynamic blocks go: the anchors of a page.

use std::fmt;

use crate::rewrite::plan::scan::{Extent, Noted, Notes, Region, has_class, is};
use crate::rewrite::plan::text::{Span, decode};
use crate::rule::{Anchor, Placement};

/// Why a block has no place on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnchor {
    /// The page has no such element.
    Missing,
    /// It cannot be told where the element ends.
    NoEnd,
    /// A block there would break the page: a part of a table or list of choices, a script, something in the head.
    Forbidden,
    /// Another block replaces the part of the page where it would stand.
    Swallowed,
}

impl NoAnchor {
    /// The word in logs, metrics and explain output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "no-anchor",
            Self::NoEnd => "anchor-without-end",
            Self::Forbidden => "anchor-forbidden",
            Self::Swallowed => "replaced-by-another-block",
        }
    }
}

impl fmt::Display for NoAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a block is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Between two bytes.
    Insert(u32, Side),
    /// Instead of an element.
    Replace(Span),
}

/// What comes first where several insertions meet: what follows an element, begins one, ends one, precedes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    After,
    Prepend,
    Append,
    Before,
}

/// Every anchor of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anchors {
    page_top: Option<u32>,
    content_top: Option<u32>,
    content_bottom: Option<u32>,
    sidebar: Option<u32>,
    footer: Option<u32>,
    elements: Vec<Element>,
    /// Ids that may be those of regular prices: they are asked for with every price that is changed.
    old_prices: Vec<Span>,
}

/// An element that a block may be placed at.
#[derive(Clone, Copy, Debug)]
struct Element {
    start: u32,
    whole: Option<Span>,
    id: Option<Span>,
    content_type: Option<Span>,
    /// Uids and ids of Commerce's own dynamic block widget.
    banner_keys: [Option<Span>; 3],
    /// Whether a block may stand beside it, and instead of it.
    open_to: (bool, bool),
}

/// Elements beside which a block would end up elsewhere, or end its parent.
const NO_NEIGHBOURS: [&str; 16] = [
    "html", "head", "body", "tr", "td", "th", "tbody", "thead", "tfoot", "caption", "col", "colgroup", "option",
    "optgroup", "li", "source",
];

/// Elements that are not for showing something.
const NOT_CONTENT: [&str; 7] = ["script", "style", "template", "noscript", "link", "meta", "title"];

impl Anchors {
    /// Finds the anchors.
    pub(crate) fn find(page: &str, notes: &Notes) -> Self {
        let live = |extent: &Extent| !inside(notes, Region::Template, extent.open);
        let first = |region: Region| notes.regions(region).find(live);
        let main = notes
            .anchors
            .iter()
            .find(|noted| is_main(page, noted))
            .map(|noted| notes.extent(noted.extent))
            .filter(live);
        let in_main = |columns: &Extent| main.is_some_and(|main| main.covers(columns.open.start));
        let columns =
            notes.regions(Region::Columns).filter(live).find(|extent| in_main(extent) && is(tag(page, extent), "div"));
        let elements: Vec<_> = notes.anchors.iter().filter_map(|noted| Element::of(page, notes, noted)).collect();
        let ids = elements.iter().filter_map(|element| element.id);
        Self {
            page_top: main.map(|main| main.open.start),
            content_top: columns.map(|columns| columns.open.start),
            content_bottom: main.and_then(|main| main.close).map(|close| close.start),
            sidebar: first(Region::Sidebar).filter(|_| has_sidebar(page, notes)).map(|sidebar| sidebar.open.end),
            footer: first(Region::Footer).map(|footer| footer.open.end),
            old_prices: ids.filter(|id| id.of(page).contains("old-price-") || id.of(page).contains('&')).collect(),
            elements,
        }
    }

    /// Where a block with this placement goes; at least one spot.
    pub(crate) fn spots(&self, page: &str, placement: &Placement) -> Result<Vec<Spot>, NoAnchor> {
        let insert = |at: Option<u32>, side: Side| at.map(|at| vec![Spot::Insert(at, side)]).ok_or(NoAnchor::Missing);
        match placement {
            Placement::PageTop => insert(self.page_top, Side::Before),
            Placement::ContentTop => insert(self.content_top, Side::Before),
            Placement::ContentBottom => insert(self.content_bottom, Side::Append),
            Placement::Sidebar => insert(self.sidebar, Side::Prepend),
            Placement::Footer => insert(self.footer, Side::Prepend),
            Placement::CommerceBlock(uid) => self.widgets(page, uid),
            Placement::Replace(anchor) => self.element(page, anchor)?.replace().map(|span| vec![Spot::Replace(span)]),
            Placement::Before(anchor) => {
                let element = self.element(page, anchor)?.with_neighbours()?;
                insert(Some(element.start), Side::Before)
            }
            Placement::After(anchor) => {
                let element = self.element(page, anchor)?.with_neighbours()?;
                insert(Some(element.whole.ok_or(NoAnchor::NoEnd)?.end), Side::After)
            }
        }
    }

    /// Whether an element of the page has this id, which is that of a regular price.
    pub(crate) fn has_old_price(&self, page: &str, id: &str) -> bool {
        self.old_prices.iter().any(|known| decode(known.of(page)) == id)
    }

    /// About how many bytes the anchors take in memory.
    pub(crate) fn weight(&self) -> usize {
        self.elements.len() * std::mem::size_of::<Element>() + size_of_val(&*self.old_prices)
    }

    fn element(&self, page: &str, anchor: &Anchor) -> Result<&Element, NoAnchor> {
        let named = |value: Option<Span>, name: &str| value.is_some_and(|value| decode(value.of(page)) == name);
        let matches = |element: &&Element| match anchor {
            Anchor::Id(id) => named(element.id, id),
            Anchor::ContentType(kind) => named(element.content_type, kind),
        };
        self.elements.iter().find(matches).ok_or(NoAnchor::Missing)
    }

    fn widgets(&self, page: &str, uid: &str) -> Result<Vec<Spot>, NoAnchor> {
        let keyed = |element: &&Element| {
            let mut values = element.banner_keys.iter().flatten().map(|key| decode(key.of(page)));
            values.any(|value| value.split([',', ' ', '[', ']', '"']).any(|key| key == uid))
        };
        let found: Vec<_> = self.elements.iter().filter(keyed).collect();
        if found.is_empty() || uid.is_empty() {
            return Err(NoAnchor::Missing);
        }
        found.into_iter().map(|element| element.replace().map(Spot::Replace)).collect()
    }
}

impl Element {
    fn of(page: &str, notes: &Notes, noted: &Noted) -> Option<Self> {
        let extent = notes.extent(noted.extent);
        if inside(notes, Region::Template, extent.open) {
            return None;
        }
        let tag = noted.tag.of(page);
        let body = notes.regions(Region::Body).next();
        let in_head = match body {
            Some(body) => extent.open.start < body.open.end,
            None => inside(notes, Region::Head, extent.open),
        };
        let neighbours = !in_head && !noted.foreign && !NO_NEIGHBOURS.iter().any(|name| is(tag, name));
        let content = neighbours && !NOT_CONTENT.iter().any(|name| is(tag, name));
        let attributes = &noted.attributes;
        let widget = attributes.class.is_some_and(|class| is_banner_widget(class.of(page)));
        Some(Self {
            start: extent.open.start,
            whole: extent.whole().filter(|whole| !is(tag, "p") || !holds_block(whole.of(page))),
            id: attributes.id,
            content_type: attributes.content_type,
            banner_keys: if widget { attributes.banner_keys } else { [None; 3] },
            open_to: (neighbours, content),
        })
    }

    fn with_neighbours(&self) -> Result<&Self, NoAnchor> {
        self.open_to.0.then_some(self).ok_or(NoAnchor::Forbidden)
    }

    fn replace(&self) -> Result<Span, NoAnchor> {
        self.open_to.1.then_some(()).ok_or(NoAnchor::Forbidden)?;
        self.whole.ok_or(NoAnchor::NoEnd)
    }
}

/// Elements that end a paragraph they stand in, so that its end tag is no longer its own.
const BLOCKS: [&str; 12] =
    ["div", "p", "ul", "ol", "table", "section", "form", "figure", "blockquote", "pre", "hr", "h"];

fn holds_block(paragraph: &str) -> bool {
    let names = paragraph.split('<').skip(2);
    names.into_iter().any(|rest| BLOCKS.iter().any(|name| rest.get(..name.len()).is_some_and(|start| is(start, name))))
}

fn is_main(page: &str, noted: &Noted) -> bool {
    is(noted.tag.of(page), "main") && noted.attributes.id.is_some_and(|id| id.of(page) == "maincontent")
}

fn is_banner_widget(class: &str) -> bool {
    has_class(class, "widget") && decode(class).split_ascii_whitespace().any(|class| class.starts_with("block-banners"))
}

fn has_sidebar(page: &str, notes: &Notes) -> bool {
    let class = notes.body_class.map(|class| decode(class.of(page))).unwrap_or_default();
    let layout = class.split_ascii_whitespace().find_map(|class| class.strip_prefix("page-layout-"));
    layout.is_some_and(|layout| layout.starts_with("2columns") || layout.starts_with("3columns"))
}

fn inside(notes: &Notes, region: Region, place: Span) -> bool {
    notes.regions(region).any(|around| around.open.start < place.start && around.covers(place.start))
}

fn tag<'a>(page: &'a str, extent: &Extent) -> &'a str {
    let open = extent.open.of(page).trim_start_matches('<');
    open.split(|ch: char| ch.is_ascii_whitespace() || matches!(ch, '/' | '>')).next().unwrap_or_default()
}
