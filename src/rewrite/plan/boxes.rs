//! Understands one price box, or says why not. Whatever is not known to be harmless makes the box unknown.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::hidden;
use super::layer::Layer;
use super::reason::Reason;
use super::roles::{Role, may_hold, role};
use super::scan::{BoxNote, Extent, Noted, Notes, has_class};
use super::text::{Span, decode};
use crate::rewrite::price::{PriceText, parse_amount};

/// A price box: what it shows, and where.
#[derive(Clone, Debug)]
pub(crate) struct PriceBox {
    /// From its start tag to its end tag.
    pub(crate) whole: Span,
    /// Where its content ends.
    pub(crate) end: u32,
    /// What kind of product it is written for.
    pub(crate) shape: Shape,
    /// Its prices, in page order.
    pub(crate) prices: Vec<ShownPrice>,
    /// `content` of the box's `meta itemprop=price`.
    pub(crate) metas: Vec<Span>,
    /// Where a regular price can be added; nothing where the box shows one already.
    pub(crate) frames: Vec<Frame>,
    /// The shop's own words on the two prices, raw.
    pub(crate) labels: Labels,
    /// Whether it is marked up as a schema.org offer, which the main product of a product page is.
    pub(crate) is_offer: bool,
    /// Whether its price is shown only to who asks for it.
    pub(crate) is_hidden: bool,
}

/// What kind of product a box is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A product at one price.
    Own,
    /// A configurable product: the price of its cheapest variant.
    Variants,
    /// A bundle: from the cheapest to the dearest.
    Range,
    /// A bundle: its lowest price, or the only one that it can have.
    Lowest,
    /// A grouped product: the price of its cheapest member.
    Members,
    /// A product with what was chosen for it.
    Configured,
    /// No price at all, as on the page of a grouped product.
    Empty,
}

/// One price in a box.
#[derive(Clone, Debug)]
pub(crate) struct ShownPrice {
    /// Which of the product's prices.
    pub(crate) copy: Copied,
    /// With or without tax.
    pub(crate) side: Side,
    /// How the text is written, and where the number in it is.
    pub(crate) format: Arc<PriceText>,
    /// The visible text, raw.
    pub(crate) text: Span,
    /// The value of `data-price-amount`.
    pub(crate) amount_slot: Span,
    /// That value, read.
    pub(crate) amount: Decimal,
    /// Fixed product taxes in it, which no offer reaches.
    pub(crate) fixed_tax: Decimal,
}

/// Which of a product's prices is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The price that is charged.
    Current,
    /// A price without discount.
    Old,
    /// The lowest of a range.
    From,
    /// The highest of a range.
    To,
    /// The lowest by quantity.
    Tier,
}

/// Magento's two names for one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// `finalPrice`
    Final,
    /// `basePrice`
    Base,
}

/// A price that has no regular price beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// How it is to be marked up.
    pub(crate) form: FrameForm,
    /// Its place in the box's prices.
    pub(crate) price: usize,
    /// The offset of the start tag of the price's container.
    pub(crate) before: u32,
    /// The offset after that start tag.
    pub(crate) inside: u32,
    /// The offset after which the regular price goes.
    pub(crate) after: u32,
    /// The raw class attribute of the container.
    pub(crate) class: Option<Span>,
    /// The raw id of the wrapper of the amount.
    pub(crate) id: Option<Span>,
    /// Whether prices with and without tax are told apart by classes.
    pub(crate) is_twin: bool,
}

/// How a regular price is marked up beside another, as Luma does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameForm {
    /// The price's container becomes a special price.
    Special,
    /// As that of a configurable product, which scripts show and hide.
    Variants,
    /// As that of one end of a range.
    Range,
}

/// Words that label prices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Labels {
    /// Beside a discounted price.
    pub(crate) special: Option<Span>,
    /// Beside the price without discount.
    pub(crate) regular: Option<Span>,
}

/// A range with taxes, microdata and two regular prices has some thirty elements; a box of more than twice as many is none that is known.
const MOST_ELEMENTS: usize = 64;

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
    let tree = match Tree::grow(page, notes, note, inner) {
        Err(Reason::Msrp) => return hidden::understand(page, notes, note),
        grown => grown?,
    };
    tree.check_text()?;
    tree.check_groups()?;
    tree.price_box(whole)
}

/// Only boxes of a product's own price are understood, and those of a configured one.
fn check_kind(page: &str, element: &Noted) -> Result<(), Reason> {
    const KNOWN: [&str; 4] = ["box", "final_price", "configured_price", "wishlist_configured_price"];
    let class = element.attributes.class.map(|class| decode(class.of(page))).unwrap_or_default();
    let has_amount = element.attributes.price_amount.is_some() || element.attributes.price_type.is_some();
    if has_amount || !class.split_ascii_whitespace().any(|class| class == "price-box") {
        return Err(Reason::UnknownMarkup);
    }
    let mut codes = class.split_ascii_whitespace().filter_map(|class| class.strip_prefix("price-"));
    if codes.any(|code| !KNOWN.contains(&code)) {
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
            let texts = node.role.is_text() && (!node.role.may_hold_price() || self.children(at).next().is_none());
            if let Some(inner) = node.extent.inner().filter(|_| !texts) {
                blank(Some(at), inner)?;
            }
        }
        Ok(())
    }

    /// A group or container without a price would be words about the price, which is to change. Each group has one container.
    fn check_groups(&self) -> Result<(), Reason> {
        for (at, node) in self.nodes.iter().enumerate() {
            let holds = |role: Role| self.children(at).filter(|child| self.nodes[*child].role == role).count();
            let complete = match node.role {
                Role::Container => holds(Role::Wrapper) > 0,
                // The bare box of a grouped product is all that its box holds.
                Role::Nested => self.nodes.iter().filter(|node| node.parent.is_none()).count() == 1,
                // In a wish list the two prices of a discounted choice stand in it.
                Role::Configured if holds(Role::Special) == 1 => holds(Role::Container) == 0 && holds(Role::Old) == 1,
                role if role.is_group() => holds(Role::Container) == 1,
                _ => true,
            };
            if !complete {
                return Err(Reason::UnknownMarkup);
            }
        }
        // A label with a number in it, such as "You save 20 %", would no longer be true.
        let worded = self.nodes.iter().any(|node| node.role == Role::Label && self.has_digit(node));
        if worded { Err(Reason::UnknownMarkup) } else { Ok(()) }
    }

    fn price_box(&self, whole: Span) -> Result<PriceBox, Reason> {
        let mut found = Vec::new();
        for at in self.with_role(Role::Wrapper) {
            let price = self.shown(at)?;
            let group = self.group_of(at);
            if found.iter().any(|(_, other, known): &(usize, Option<usize>, ShownPrice)| {
                *other == group && (known.copy, known.side) == (price.copy, price.side)
            }) {
                return Err(Reason::Contradiction);
            }
            found.push((at, group, price));
        }
        self.add_fixed_taxes(&mut found)?;
        let shape = self.shape(&found)?;
        check_order(&found)?;
        Ok(PriceBox {
            whole,
            end: self.inner.end,
            shape,
            metas: self.metas(&found)?,
            frames: self.frames(shape, &found),
            labels: self.labels(),
            is_offer: self
                .nodes
                .iter()
                .any(|node| node.noted.attributes.itemprop.is_some_and(|prop| prop.of(self.page) == "offers")),
            is_hidden: false,
            prices: found.into_iter().map(|(.., price)| price).collect(),
        })
    }

    fn shape(&self, found: &[(usize, Option<usize>, ShownPrice)]) -> Result<Shape, Reason> {
        let has = |role: Role| self.with_role(role).next().is_some();
        let shape = if found.is_empty() {
            return if has(Role::Nested) { Ok(Shape::Empty) } else { Err(Reason::UnknownMarkup) };
        } else if has(Role::Nested) {
            Shape::Members
        } else if has(Role::From) || has(Role::To) {
            Shape::Range
        } else if has(Role::Lowest) {
            Shape::Lowest
        } else if has(Role::Configured) {
            Shape::Configured
        } else if has(Role::Normal) || self.has_loose_label() {
            Shape::Variants
        } else if found.iter().any(|(at, _, price)| price.copy == Copied::Current && self.price_type(*at).is_empty()) {
            Shape::Lowest
        } else {
            Shape::Own
        };
        let shows = |copy: Copied| found.iter().any(|(.., price)| price.copy == copy);
        let complete = match shape {
            Shape::Range => shows(Copied::From) && shows(Copied::To) && !shows(Copied::Current),
            _ => shows(Copied::Current) && !shows(Copied::From) && !shows(Copied::To),
        };
        if complete { Ok(shape) } else { Err(Reason::UnknownMarkup) }
    }

    /// A label without a discount is the "As low as" of a product with variants, whatever the language.
    fn has_loose_label(&self) -> bool {
        let loose = |at: &usize| {
            let container = self.nodes[*at].parent;
            container.is_some_and(|it| self.nodes[it].role == Role::Container && self.nodes[it].parent.is_none())
        };
        self.with_role(Role::Label).any(|at| loose(&at))
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(move |at| self.nodes[*at].role == role)
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(move |at| self.nodes[*at].parent == Some(parent))
    }

    fn has_digit(&self, node: &Node<'_>) -> bool {
        let text = node.extent.inner().map(|inner| decode(inner.of(self.page))).unwrap_or_default();
        text.contains(char::is_numeric)
    }

    /// The group around a wrapper's container.
    fn group_of(&self, wrapper: usize) -> Option<usize> {
        self.nodes[wrapper].parent.and_then(|container| self.nodes[container].parent)
    }

    fn price_type(&self, wrapper: usize) -> std::borrow::Cow<'a, str> {
        self.nodes[wrapper].noted.attributes.price_type.map(|kind| decode(kind.of(self.page))).unwrap_or_default()
    }

    /// The price in a wrapper, its text proven against its amount.
    fn shown(&self, wrapper: usize) -> Result<ShownPrice, Reason> {
        let node = &self.nodes[wrapper];
        let copy = match self.group_of(wrapper).map(|group| self.nodes[group].role) {
            None | Some(Role::Special | Role::Normal | Role::Lowest | Role::Configured) => Copied::Current,
            Some(Role::From) => Copied::From,
            Some(Role::To) => Copied::To,
            Some(Role::TierLink) => Copied::Tier,
            Some(Role::Old) => Copied::Old,
            Some(_) => return Err(Reason::UnknownMarkup),
        };
        let kind = self.price_type(wrapper);
        let class = node.noted.attributes.class.map(|class| class.of(self.page)).unwrap_or_default();
        let is_base = kind.starts_with("base") || has_class(class, "price-excluding-tax");
        let known: &[&str] = match copy {
            Copied::Current => &["finalPrice", "basePrice", "base", ""],
            Copied::From => &["minPrice", "baseMinPrice"],
            Copied::To => &["maxPrice", "baseMaxPrice"],
            Copied::Tier => &["", "base", "basePrice"],
            Copied::Old => &["oldPrice", "baseOldPrice", "", "base", "basePrice"],
        };
        if !known.contains(&&*kind) {
            let of_others = ["finalPrice", "oldPrice", "minPrice", "maxPrice"].contains(&&*kind);
            return Err(if of_others { Reason::Contradiction } else { Reason::UnknownPriceType });
        }
        let side = if is_base { Side::Base } else { Side::Final };
        let amount_slot = node.noted.attributes.price_amount.ok_or(Reason::BadAmount)?;
        let amount = parse_amount(&decode(amount_slot.of(self.page))).ok_or(Reason::BadAmount)?;
        let text = self.text_of(wrapper)?;
        let format = self.learn(text, amount).ok_or(Reason::UnknownFormat)?;
        Ok(ShownPrice { copy, side, format, text, amount_slot, amount, fixed_tax: Decimal::ZERO })
    }

    /// The text of a wrapper, or of the one price in it.
    fn text_of(&self, wrapper: usize) -> Result<Span, Reason> {
        let holder = match self.children(wrapper).collect::<Vec<_>>()[..] {
            [] => &self.nodes[wrapper],
            [price] => &self.nodes[price],
            _ => return Err(Reason::UnknownMarkup),
        };
        holder.extent.inner().ok_or(Reason::BrokenMarkup)
    }

    fn learn(&self, text: Span, amount: Decimal) -> Option<Arc<PriceText>> {
        PriceText::learn_in(self.page, &Layer::of(self.page, text).html(), amount).map(Arc::new)
    }

    /// Tells fixed product taxes from the rest of the price: shown within it, or beside it with a sum of both.
    fn add_fixed_taxes(&self, found: &mut Vec<(usize, Option<usize>, ShownPrice)>) -> Result<(), Reason> {
        let taxes: Vec<usize> = self.with_role(Role::FixedTax).collect();
        let sums: Vec<usize> = self.with_role(Role::WithFixedTax).collect();
        if taxes.is_empty() && sums.is_empty() {
            return Ok(());
        }
        let [(at, group, price)] =
            &mut found.iter_mut().filter(|(.., it)| it.copy == Copied::Current).collect::<Vec<_>>()[..]
        else {
            return Err(Reason::FixedTax);
        };
        let own = taxes.iter().chain(&sums).all(|tax| self.nodes[*tax].parent == self.nodes[*at].parent);
        let mut sum = Decimal::ZERO;
        for tax in &taxes {
            let text = self.text_of(*tax)?;
            sum += price.format.read_like(self.page, &Layer::of(self.page, text).html()).ok_or(Reason::FixedTax)?;
        }
        if !own || taxes.is_empty() {
            return Err(Reason::FixedTax);
        }
        match sums[..] {
            [] if sum <= price.amount => price.fixed_tax = sum,
            [total] => {
                let slot = self.nodes[total].noted.attributes.price_amount.ok_or(Reason::BadAmount)?;
                let amount = parse_amount(&decode(slot.of(self.page))).ok_or(Reason::BadAmount)?;
                let text = self.text_of(total)?;
                let format = self.learn(text, amount).ok_or(Reason::UnknownFormat)?;
                if !is_same(amount, price.amount + sum) {
                    return Err(Reason::FixedTax);
                }
                let whole = ShownPrice { format, text, amount_slot: slot, amount, fixed_tax: sum, ..price.clone() };
                let group = *group;
                found.push((total, group, whole));
            }
            _ => return Err(Reason::FixedTax),
        }
        Ok(())
    }

    fn labels(&self) -> Labels {
        let label = |group: Role| {
            let in_group = |at: &usize| {
                let group_of = self.nodes[*at].parent.and_then(|container| self.nodes[container].parent);
                group_of.is_some_and(|it| self.nodes[it].role == group)
            };
            let at = self.with_role(Role::Label).find(in_group)?;
            self.nodes[at].extent.inner()
        };
        Labels { special: label(Role::Special), regular: label(Role::Old) }
    }

    /// Structured data within the box states one of its prices.
    fn metas(&self, found: &[(usize, Option<usize>, ShownPrice)]) -> Result<Vec<Span>, Reason> {
        let agrees = |at: usize| {
            let content = self.nodes[at].noted.attributes.content.ok_or(Reason::StructuredData)?;
            let container = self.nodes[at].parent;
            let own = found.iter().filter(|(wrapper, ..)| self.nodes[*wrapper].parent == container);
            let mut own = own.map(|(.., price)| price.amount);
            if own.any(|amount| states(content.of(self.page), amount)) {
                Ok(content)
            } else {
                Err(Reason::Contradiction)
            }
        };
        self.with_role(Role::MetaPrice).map(agrees).collect()
    }

    fn frames(&self, shape: Shape, found: &[(usize, Option<usize>, ShownPrice)]) -> Vec<Frame> {
        let adds = matches!(shape, Shape::Own | Shape::Variants | Shape::Range | Shape::Lowest);
        let prices = found
            .iter()
            .enumerate()
            .filter(|(_, (.., price))| adds && matches!(price.copy, Copied::Current | Copied::From | Copied::To));
        let mut framed: Vec<usize> = Vec::new();
        prices
            .filter_map(|(price, (wrapper, group, _))| self.frame(shape, price, *wrapper, *group, &mut framed))
            .collect()
    }

    /// The frame of a price whose group has no regular price; one for each container.
    fn frame(
        &self,
        shape: Shape,
        price: usize,
        wrapper: usize,
        group: Option<usize>,
        framed: &mut Vec<usize>,
    ) -> Option<Frame> {
        let container = self.nodes[wrapper].parent?;
        let outer = group.map(|group| self.nodes[group].role);
        // Ranges have a regular price within each of their ends, others one beside the price.
        let scope = if matches!(outer, Some(Role::From | Role::To | Role::Lowest)) { group } else { None };
        let has_old = self.with_role(Role::Old).any(|old| self.nodes[old].parent == scope);
        if has_old || outer == Some(Role::Special) || framed.contains(&container) {
            return None;
        }
        framed.push(container);
        let Node { noted, extent, .. } = &self.nodes[container];
        let form = match shape {
            Shape::Own => FrameForm::Special,
            Shape::Variants => FrameForm::Variants,
            _ => FrameForm::Range,
        };
        let after = match (outer, group) {
            (Some(Role::Normal), Some(group)) => self.nodes[group].extent.whole()?.end,
            _ => extent.whole()?.end,
        };
        Some(Frame {
            form,
            price,
            before: extent.open.start,
            inside: extent.open.end,
            after,
            class: noted.attributes.class,
            id: self.nodes[wrapper].noted.attributes.id,
            is_twin: self.children(container).filter(|child| self.nodes[*child].role == Role::Wrapper).count() > 1,
        })
    }
}

/// No regular price is below the current one.
fn check_order(found: &[(usize, Option<usize>, ShownPrice)]) -> Result<(), Reason> {
    let amounts = |copy: Copied, side: Side| {
        found.iter().filter(move |(.., it)| it.copy == copy && it.side == side).map(|(.., it)| it.amount)
    };
    let highest = amounts(Copied::Old, Side::Final).max();
    let mut current = amounts(Copied::Current, Side::Final).chain(amounts(Copied::From, Side::Final));
    let wrong = highest.is_some_and(|highest| current.any(|amount| amount > highest));
    if wrong { Err(Reason::Contradiction) } else { Ok(()) }
}

/// Whether two amounts are one price: what is computed twice may differ past the digits that anybody sees.
pub(crate) fn is_same(one: Decimal, other: Decimal) -> bool {
    one == other || (one - other).abs() < Decimal::new(1, 3)
}

/// Whether a raw value states the amount, perhaps rounded to fewer decimals.
pub(crate) fn states(raw: &str, amount: Decimal) -> bool {
    parse_amount(&decode(raw)).is_some_and(|stated| is_rounding_of(stated, amount))
}

/// Whether a number is the amount, perhaps rounded to fewer decimals, of which two are the least.
pub(crate) fn is_rounding_of(stated: Decimal, amount: Decimal) -> bool {
    let unit = Decimal::new(1, stated.scale().max(2));
    stated == amount || (stated - amount).abs() * Decimal::TWO <= unit
}

/// Whether text between elements is space and comments.
pub(super) fn is_blank(gap: &str) -> bool {
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
