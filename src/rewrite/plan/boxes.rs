//! Understands one price box, or says why not. Whatever is not known to be harmless makes the box unknown.

use rust_decimal::Decimal;

use super::reason::Reason;
use super::scan::{BoxNote, Extent, Noted, Notes, is};
use super::text::{Span, decode};
use crate::rewrite::price::{PriceText, parse_amount};

/// A price box of a product without options: its final price, perhaps its regular one, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct PriceBox {
    /// From its start tag to its end tag.
    pub(crate) whole: Span,
    /// Where its content ends.
    pub(crate) end: u32,
    /// The price that is charged.
    pub(crate) price: ShownPrice,
    /// The price without discount, where it is shown.
    pub(crate) regular: Option<ShownPrice>,
    /// `content` of the box's `meta itemprop=price`.
    pub(crate) metas: Vec<Span>,
    /// What is needed to add a regular price; nothing where the box is already written as a discounted one.
    pub(crate) frame: Option<Frame>,
    /// The shop's own words on the two prices, raw.
    pub(crate) labels: Labels,
    /// Whether it is marked up as a schema.org offer, which the main product of a product page is.
    pub(crate) is_offer: bool,
}

/// One price in a box.
#[derive(Clone, Debug)]
pub(crate) struct ShownPrice {
    /// The number as shown.
    pub(crate) number: Span,
    /// The visible text, raw.
    pub(crate) text: Span,
    /// How the text is written.
    pub(crate) format: PriceText,
    /// The value of `data-price-amount`.
    pub(crate) amount_slot: Span,
    /// That value, read.
    pub(crate) amount: Decimal,
}

/// The container of a price that has no regular price beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Its start tag's offset.
    pub(crate) before: u32,
    /// The offset after its start tag.
    pub(crate) inside: u32,
    /// The offset after its end tag.
    pub(crate) after: u32,
    /// Its raw class attribute.
    pub(crate) class: Option<Span>,
    /// The raw id of the wrapper of the amount.
    pub(crate) id: Option<Span>,
}

/// Words that label prices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Labels {
    /// Beside a discounted price.
    pub(crate) special: Option<Span>,
    /// Beside the price without discount.
    pub(crate) regular: Option<Span>,
}

/// A discounted price in full microdata has eleven elements; a box of more than twice as many is none that is known.
const MOST_ELEMENTS: usize = 24;

/// What an element of a price box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Special,
    Old,
    Container,
    Label,
    Wrapper,
    Price,
    MetaPrice,
    MetaCurrency,
    /// Structured data that states no price.
    MetaOther,
}

/// An element of a price box with its place in the tree.
struct Node<'a> {
    noted: &'a Noted,
    extent: Extent,
    role: Role,
    parent: Option<usize>,
}

/// Understands a box.
pub(crate) fn understand(page: &str, notes: &Notes, note: &BoxNote) -> Result<PriceBox, Reason> {
    let extent = notes.extent(note.element.extent);
    let (whole, inner) = extent.whole().zip(extent.inner()).ok_or(Reason::BrokenMarkup)?;
    // Scripts of the outer box would print its prices into the inner one.
    if note.nested {
        return Err(Reason::UnknownMarkup);
    }
    check_kind(page, &note.element)?;
    let tree = Tree::grow(page, notes, note, inner)?;
    tree.check_text()?;
    tree.price_box(whole)
}

/// Only boxes of the final price are understood.
fn check_kind(page: &str, element: &Noted) -> Result<(), Reason> {
    let class = element.attributes.class.map(|class| decode(class.of(page))).unwrap_or_default();
    let mut codes =
        class.split_ascii_whitespace().filter_map(|class| class.strip_prefix("price-")).filter(|code| *code != "box");
    if codes.any(|code| code != "final_price") {
        return Err(if class.contains("tier") { Reason::TierPrices } else { Reason::OtherBox });
    }
    Ok(())
}

struct Tree<'a> {
    page: &'a str,
    inner: Span,
    nodes: Vec<Node<'a>>,
}

impl<'a> Tree<'a> {
    fn grow(page: &'a str, notes: &Notes, note: &'a BoxNote, inner: Span) -> Result<Self, Reason> {
        if note.nodes.len() > MOST_ELEMENTS {
            return Err(Reason::UnknownMarkup);
        }
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(note.nodes.len());
        let mut open: Vec<(usize, u32)> = Vec::new();
        for noted in &note.nodes {
            let extent = notes.extent(noted.extent);
            let whole = extent.whole().filter(|whole| inner.holds(*whole)).ok_or(Reason::BrokenMarkup)?;
            while open.last().is_some_and(|(_, end)| *end <= whole.start) {
                open.pop();
            }
            if open.last().is_some_and(|(_, end)| whole.end > *end) {
                return Err(Reason::BrokenMarkup);
            }
            let parent = open.last().map(|(parent, _)| *parent);
            let role = role(page, noted)?;
            if !may_hold(parent.map(|parent| nodes[parent].role), role) {
                return Err(Reason::UnknownMarkup);
            }
            if !extent.void {
                open.push((nodes.len(), whole.end));
            }
            nodes.push(Node { noted, extent, role, parent });
        }
        Ok(Self { page, inner, nodes })
    }

    /// Text stands in labels and prices only.
    fn check_text(&self) -> Result<(), Reason> {
        let blank = |parent: Option<usize>, inner: Span| {
            let mut at = inner.start;
            let children =
                self.nodes.iter().filter(|node| node.parent == parent).filter_map(|node| node.extent.whole());
            let gaps = children.chain([Span::at(inner.end)]).all(|child| {
                let gap = Span { start: at, end: child.start };
                at = child.end;
                is_blank(gap.of(self.page))
            });
            if gaps { Ok(()) } else { Err(Reason::UnknownMarkup) }
        };
        blank(None, self.inner)?;
        for (at, node) in self.nodes.iter().enumerate() {
            let texts = matches!(node.role, Role::Label | Role::Price)
                || (node.role == Role::Wrapper && self.children(at).next().is_none());
            if let Some(inner) = node.extent.inner().filter(|_| !texts) {
                blank(Some(at), inner)?;
            }
        }
        Ok(())
    }

    fn price_box(&self, whole: Span) -> Result<PriceBox, Reason> {
        let (current, regular) = self.wrappers()?;
        let prices = 1 + usize::from(regular.is_some());
        // A group or container without a price would be words about the price, which is to change.
        if self.count(Role::Container) != prices || self.count(Role::Special) > 1 || self.count(Role::Old) >= prices {
            return Err(Reason::UnknownMarkup);
        }
        let container = self.nodes[current].parent.ok_or(Reason::UnknownMarkup)?;
        let group = self.nodes[container].parent;
        let labels = self.labels(container, regular);
        // A label with a number in it, such as "You save 20 %", would no longer be true.
        if self.nodes.iter().any(|node| node.role == Role::Label && self.has_digit(node)) {
            return Err(Reason::UnknownMarkup);
        }
        // A label without a discount is the "As low as" of a product with variants, whatever the language.
        if group.is_none() && labels.special.is_some() {
            return Err(Reason::Configurable);
        }
        let price = self.shown(current)?;
        let regular = regular.map(|regular| self.shown(regular)).transpose()?;
        if regular.as_ref().is_some_and(|regular| regular.amount <= price.amount) {
            return Err(Reason::Contradiction);
        }
        Ok(PriceBox {
            whole,
            end: self.inner.end,
            metas: self.metas(price.amount)?,
            frame: if group.is_none() && regular.is_none() { self.frame(container, current) } else { None },
            is_offer: self
                .nodes
                .iter()
                .any(|node| node.noted.attributes.itemprop.is_some_and(|prop| prop.of(self.page) == "offers")),
            price,
            regular,
            labels,
        })
    }

    /// The wrapper of the final price, and that of the regular price if there is one.
    fn wrappers(&self) -> Result<(usize, Option<usize>), Reason> {
        let (mut current, mut regular) = (None, None);
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.role == Role::Wrapper) {
            let kind = node.noted.attributes.price_type.map(|kind| decode(kind.of(self.page))).unwrap_or_default();
            let in_old = node
                .parent
                .and_then(|parent| self.nodes[parent].parent)
                .is_some_and(|group| self.nodes[group].role == Role::Old);
            let slot = match (&*kind, in_old) {
                ("finalPrice", false) => &mut current,
                ("oldPrice", true) => &mut regular,
                ("finalPrice" | "oldPrice", _) => return Err(Reason::Contradiction),
                (kind, _) => return Err(reason_for_type(kind)),
            };
            if slot.replace(at).is_some() {
                return Err(Reason::Contradiction);
            }
        }
        Ok((current.ok_or(Reason::UnknownMarkup)?, regular))
    }

    fn count(&self, role: Role) -> usize {
        self.nodes.iter().filter(|node| node.role == role).count()
    }

    fn has_digit(&self, node: &Node<'_>) -> bool {
        let text = node.extent.inner().map(|inner| decode(inner.of(self.page))).unwrap_or_default();
        text.contains(char::is_numeric)
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(move |at| self.nodes[*at].parent == Some(parent))
    }

    fn labels(&self, container: usize, regular: Option<usize>) -> Labels {
        let label = |container: usize| {
            let at = self.children(container).find(|at| self.nodes[*at].role == Role::Label)?;
            self.nodes[at].extent.inner()
        };
        Labels { special: label(container), regular: regular.and_then(|at| self.nodes[at].parent).and_then(label) }
    }

    /// The price in a wrapper, its text proven against its amount.
    fn shown(&self, wrapper: usize) -> Result<ShownPrice, Reason> {
        let node = &self.nodes[wrapper];
        let amount_slot = node.noted.attributes.price_amount.ok_or(Reason::BadAmount)?;
        let amount = parse_amount(&decode(amount_slot.of(self.page))).ok_or(Reason::BadAmount)?;
        let holder = match self.children(wrapper).collect::<Vec<_>>()[..] {
            [] => node,
            [price] => &self.nodes[price],
            _ => return Err(Reason::UnknownMarkup),
        };
        let text = holder.extent.inner().ok_or(Reason::BrokenMarkup)?;
        let format = PriceText::learn(text.of(self.page), amount).ok_or(Reason::UnknownFormat)?;
        let number = format.number.within(text.start);
        Ok(ShownPrice { number, text, format, amount_slot, amount })
    }

    fn content_of(&self, role: Role) -> impl Iterator<Item = Option<Span>> + '_ {
        self.nodes.iter().filter(move |node| node.role == role).map(|node| node.noted.attributes.content)
    }

    fn metas(&self, amount: Decimal) -> Result<Vec<Span>, Reason> {
        let agrees = |content: Option<Span>| {
            let content = content.ok_or(Reason::StructuredData)?;
            if states(content.of(self.page), amount) { Ok(content) } else { Err(Reason::Contradiction) }
        };
        self.content_of(Role::MetaPrice).map(agrees).collect()
    }

    fn frame(&self, container: usize, wrapper: usize) -> Option<Frame> {
        let Node { noted, extent, .. } = &self.nodes[container];
        Some(Frame {
            before: extent.open.start,
            inside: extent.open.end,
            after: extent.whole()?.end,
            class: noted.attributes.class,
            id: self.nodes[wrapper].noted.attributes.id,
        })
    }
}

/// Whether a raw value states the amount, perhaps rounded to fewer decimals.
pub(crate) fn states(raw: &str, amount: Decimal) -> bool {
    parse_amount(&decode(raw)).is_some_and(|stated| {
        let unit = Decimal::new(1, stated.scale());
        stated == amount || (stated.scale() >= 2 && (stated - amount).abs() * Decimal::TWO <= unit)
    })
}

fn role(page: &str, noted: &Noted) -> Result<Role, Reason> {
    let tag = noted.tag.of(page);
    if is(tag, "meta") || is(tag, "link") {
        return structured_role(noted.attributes.itemprop.map(|prop| prop.of(page)).unwrap_or_default());
    }
    let classes = noted.attributes.class.map(|class| decode(class.of(page))).unwrap_or_default();
    let mut role = None;
    for class in classes.split_ascii_whitespace() {
        let found = match class {
            "special-price" => Role::Special,
            "old-price" => Role::Old,
            "price-container" => Role::Container,
            "price-label" => Role::Label,
            "price-wrapper" => Role::Wrapper,
            "price" => Role::Price,
            class => match reason_for_class(class) {
                Some(reason) => return Err(reason),
                None => continue,
            },
        };
        role.get_or_insert(found);
    }
    // Scripts read and print every element with a price type, whatever its class.
    if let Some(kind) = noted.attributes.price_type.filter(|_| role != Some(Role::Wrapper)) {
        return Err(reason_for_type(&decode(kind.of(page))));
    }
    let known = is(tag, "span") && noted.attributes.role.is_none();
    role.filter(|_| known).ok_or(Reason::UnknownMarkup)
}

fn structured_role(prop: &str) -> Result<Role, Reason> {
    match prop {
        "price" => Ok(Role::MetaPrice),
        "priceCurrency" => Ok(Role::MetaCurrency),
        "availability" | "itemCondition" | "url" | "priceValidUntil" => Ok(Role::MetaOther),
        _ => Err(Reason::StructuredData),
    }
}

/// What a class in a price box says of products that are not understood.
fn reason_for_class(class: &str) -> Option<Reason> {
    Some(match class {
        "normal-price" | "sly-old-price" => Reason::Configurable,
        "minimal-price" | "minimal-price-link" => Reason::MinimalPrice,
        "price-from" | "price-to" => Reason::Bundle,
        "price-box" => Reason::Grouped,
        "price-including-tax" | "price-excluding-tax" => Reason::BothTax,
        "price-as-configured" => Reason::OtherBox,
        class if class.starts_with("map-") || class.starts_with("msrp") => Reason::Msrp,
        _ => return None,
    })
}

fn reason_for_type(kind: &str) -> Reason {
    match kind {
        "" => Reason::MinimalPrice,
        "basePrice" => Reason::BothTax,
        "minPrice" | "maxPrice" | "baseMinPrice" | "baseMaxPrice" => Reason::Bundle,
        "weee" | "weeePrice" => Reason::FixedTax,
        _ => Reason::UnknownPriceType,
    }
}

fn may_hold(parent: Option<Role>, child: Role) -> bool {
    match child {
        Role::Special | Role::Old => parent.is_none(),
        Role::Container => matches!(parent, None | Some(Role::Special | Role::Old)),
        Role::Price => parent == Some(Role::Wrapper),
        Role::Label | Role::Wrapper | Role::MetaPrice | Role::MetaCurrency | Role::MetaOther => {
            parent == Some(Role::Container)
        }
    }
}

/// Whether text between elements is space and comments.
fn is_blank(gap: &str) -> bool {
    let mut rest = gap.trim_ascii_start();
    while let Some(comment) = rest.strip_prefix("<!--") {
        // `<!-->` and `<!--->` are whole comments.
        let closed =
            if comment.starts_with('>') || comment.starts_with("->") { None } else { comment.split_once("-->") };
        let Some((text, after)) = closed else {
            return false;
        };
        if text.contains("--!>") {
            return false;
        }
        rest = after.trim_ascii_start();
    }
    rest.is_empty()
}
