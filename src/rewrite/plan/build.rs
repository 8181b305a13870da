//! Puts together everything that a page says of one product's prices. All of it must agree; whatever cannot be changed along leaves the
//! product as it is.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::page::{Amounts, ProductFacts, ProductId, Share, Whose};
use crate::rewrite::json::PriceConfig;
use crate::rewrite::json::amounts::{Amount, PriceSet};
use crate::rewrite::json::bundle::{Bundle, Selection};
use crate::rewrite::json::choices::Choices;
use crate::rewrite::json::options::Extra;
use crate::rewrite::json::product_info::{InfoKey, ProductInfo};
use crate::rewrite::json::structured::Stated;
use crate::rewrite::plan::boxes::{Copied, Frame, PriceBox, Shape, ShownPrice, Side, is_rounding_of, is_same};
use crate::rewrite::plan::extras::{Choice, Notices, Priced};
use crate::rewrite::plan::hidden::HiddenPrice;
use crate::rewrite::plan::ledger::{Ledger, ValueId};
use crate::rewrite::plan::reason::Reason;
use crate::rewrite::plan::text::{Span, decode};
use crate::rewrite::price::{PriceText, parse_amount};

mod beside;
mod lead;
mod saving;
mod scripts;
mod shown;
mod stated;

/// A product whose every price on the page can be changed.
#[derive(Clone, Debug)]
pub(crate) struct ProductPlan {
    pub(crate) id: ProductId,
    pub(crate) ledger: Ledger,
    /// Every place that shows one of its prices.
    pub(crate) places: Vec<Place>,
    /// Its price boxes, in page order.
    pub(crate) boxes: Vec<PlannedBox>,
}

/// A place that shows a price.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What is replaced.
    pub(crate) span: Span,
    /// What kind of place it is.
    pub(crate) kind: PlaceKind,
    /// What it shows.
    pub(crate) value: ValueId,
    /// With or without tax.
    pub(crate) side: Side,
    /// Fixed product taxes in it.
    pub(crate) fixed_tax: Decimal,
    /// How it is written.
    pub(crate) writing: Writing,
}

/// Kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceKind {
    Visible,
    Amount,
    Meta,
    Script,
    StructuredData,
    Saving,
}

/// How a place is written.
#[derive(Clone, Debug)]
pub(crate) enum Writing {
    /// As a number, to cents.
    Number,
    /// As a number that others are added to, fractions of a cent kept.
    Exact,
    /// As text; the span is that of the whole text, for reports.
    Text(Arc<PriceText>, Span),
    /// As how many percent the value is below this one.
    Saving(ValueId, Rounding),
}

/// How a percentage is rounded: Magento's releases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    Nearest,
    Up,
}

/// A price box of the product.
#[derive(Clone, Debug)]
pub(crate) struct PlannedBox {
    /// From its start tag to its end tag.
    pub(crate) whole: Span,
    /// Where its content ends.
    pub(crate) end: u32,
    /// Where a regular price can be added.
    pub(crate) frames: Vec<PlannedFrame>,
    /// The price that is charged, where the box shows one.
    pub(crate) current: Option<ShownPrice>,
}

/// Where a regular price can be added.
#[derive(Clone, Debug)]
pub(crate) struct PlannedFrame {
    pub(crate) frame: Frame,
    /// The price that it would stand beside.
    pub(crate) price: ShownPrice,
    /// The same as a value.
    pub(crate) value: ValueId,
    /// The regular price that scripts print, where they know of a higher one than the page shows.
    pub(crate) regular: Option<Decimal>,
}

/// Everything on a page about one product.
pub(super) struct Sources<'a> {
    pub(super) page: &'a str,
    pub(super) id: ProductId,
    pub(super) sku: Option<String>,
    pub(super) boxes: Vec<&'a PriceBox>,
    pub(super) choices: Vec<&'a Choices>,
    pub(super) bundle: Option<&'a Bundle>,
    pub(super) configs: Vec<&'a PriceConfig>,
    /// Custom options and links, with the name of their fields.
    pub(super) extras: Vec<(&'static str, &'a Extra)>,
    /// Whether its links can be ticked.
    pub(super) sells_links: bool,
    /// What stands beside the choices of its form, on its own page.
    pub(super) notices: Option<&'a Notices>,
    /// Prices by quantity that are listed for it, each with the place of its percentage; nothing where the list cannot be read.
    pub(super) tiers: Option<Vec<(Vec<Priced>, Option<Span>)>>,
    /// Those that are shown on a click; nothing for one that cannot be read.
    pub(super) hidden_tiers: Vec<Option<Vec<HiddenPrice>>>,
    /// `content` of metas that state its price.
    pub(super) metas: Vec<Span>,
    /// What the browser is to keep of it.
    pub(super) infos: Vec<&'a ProductInfo>,
    pub(super) stated: Vec<&'a Stated>,
}

/// Builds the plan of one product, with what selecting needs to know of it.
pub(super) fn build(sources: &Sources<'_>) -> Result<(ProductFacts, ProductPlan), Reason> {
    let mut builder = Builder {
        sources,
        ledger: Ledger::default(),
        places: Vec::new(),
        spans: Vec::new(),
        variants: Vec::new(),
        whose: Whose::Product,
        choices: Vec::new(),
        main: None,
    };
    let main = builder.lead()?;
    builder.main = Some(main);
    builder.note_boxes(main)?;
    builder.note_configs()?;
    builder.note_choices(main)?;
    builder.note_bundle()?;
    builder.note_extras()?;
    builder.note_tiers(main)?;
    builder.note_hidden_tiers()?;
    builder.note_infos(main)?;
    builder.note_metas(main)?;
    builder.note_structured(main)?;
    builder.finish(main)
}

struct Builder<'s, 'a> {
    sources: &'s Sources<'a>,
    ledger: Ledger,
    places: Vec<Place>,
    /// Where they are.
    spans: Vec<Span>,
    /// The units of the variants, in the order of the choices and the variants in them.
    variants: Vec<usize>,
    /// Whose price the product's own is.
    whose: Whose,
    /// What can be chosen, as far as scripts know.
    choices: Vec<Choice>,
    /// What the page leads with.
    main: Option<ValueId>,
}

impl Builder<'_, '_> {
    /// Whether what is shown is this value on the sides that are shown.
    fn agrees(&self, value: ValueId, shown: Amounts) -> bool {
        agree(self.ledger.old(value), shown)
    }

    fn place(&mut self, kind: PlaceKind, span: Span, value: ValueId, side: Side, fixed_tax: Decimal, writing: Writing) {
        let span = span.trimmed(self.sources.page);
        // A place that two sources name is one place.
        if !self.spans.contains(&span) {
            self.spans.push(span);
            self.places.push(Place { span, kind, value, side, fixed_tax, writing });
        }
    }

    fn finish(mut self, main: ValueId) -> Result<(ProductFacts, ProductPlan), Reason> {
        self.ledger.settle();
        self.check_shown()?;
        if !self.ledger.is_taxed_alike() {
            return Err(Reason::Contradiction);
        }
        let boxes = self.sources.boxes.iter().map(|known| self.planned(known, main)).collect();
        // They are written in page order.
        self.places.sort_unstable_by_key(|place| place.span);
        let (id, sku) = (self.sources.id, self.sources.sku.clone());
        let facts = ProductFacts { id, sku, units: std::mem::take(&mut self.ledger.units) };
        Ok((facts, ProductPlan { id, ledger: self.ledger, places: self.places, boxes }))
    }

    /// Every number in its place must be that of its value, now that all is known.
    fn check_shown(&self) -> Result<(), Reason> {
        for place in &self.places {
            let old = self.ledger.old(place.value);
            let amount = place.side.of(&old).or(old.lead()).ok_or(Reason::Contradiction)?;
            let stated = match &place.writing {
                Writing::Number | Writing::Exact => parse_amount(&decode(place.span.of(self.sources.page))),
                Writing::Text(..) | Writing::Saving(..) => continue,
            };
            if !stated.is_some_and(|stated| {
                is_rounding_of(stated, amount + place.fixed_tax) || is_same(stated, amount + place.fixed_tax)
            }) {
                return Err(Reason::Contradiction);
            }
        }
        Ok(())
    }

    fn planned(&self, known: &PriceBox, main: ValueId) -> PlannedBox {
        let value_at = |price: &ShownPrice| {
            let place = self.places.iter().find(|place| place.span == price.format.number);
            place.map_or(main, |place| place.value)
        };
        let frame = |frame: &Frame| {
            let price = known.prices.get(frame.price)?;
            let regular = self.regular().filter(|regular| *regular > price.amount && price.copy == Copied::Current);
            Some(PlannedFrame { frame: *frame, price: price.clone(), value: value_at(price), regular })
        };
        PlannedBox {
            whole: known.whole,
            end: known.end,
            // Links that are ticked raise the price and not the regular one, which would soon stand below it.
            frames: known.frames.iter().filter(|_| !self.sources.sells_links).filter_map(frame).collect(),
            current: known.prices.iter().find(|price| price.copy == Copied::Current && !known.is_hidden).cloned(),
        }
    }

    /// The regular price that scripts print into every box of the product.
    fn regular(&self) -> Option<Decimal> {
        let boxes = self.sources.configs.iter().map(|config| &config.prices);
        let sets = boxes.chain(self.sources.choices.iter().map(|choices| &choices.prices));
        sets.filter_map(|set| set.old_price).map(|price| price.value).next()
    }
}

/// Whether what is shown is this price on the sides that are shown.
fn agree(price: Amounts, shown: Amounts) -> bool {
    [Side::Final, Side::Base].into_iter().all(|side| {
        let expected = side.of(&price).or(price.lead().filter(|_| side == Side::Final || price.final_price.is_none()));
        side.of(&shown).is_none_or(|shown| expected.is_some_and(|expected| is_same(shown, expected)))
    })
}

/// Whose price a box shows, where no script says more.
fn whose_of(shape: Shape) -> Whose {
    match shape {
        Shape::Own => Whose::Product,
        Shape::Variants => Whose::SomeVariant,
        Shape::Members | Shape::Empty => Whose::SomeMember,
        Shape::Range | Shape::Lowest | Shape::Configured => Whose::SomeComponents,
    }
}

/// Whose price a selection of a bundle is, and what it is in the sum.
fn share_of(bundle: &Bundle, selection: &Selection) -> Option<(Whose, Share)> {
    if bundle.is_fixed {
        return Some((Whose::Product, Share::Extra));
    }
    Some((Whose::Component { id: selection.product?, sku: None }, Share::Part))
}

/// Both sides of one of a box's prices, without fixed taxes.
fn amounts_of(known: &PriceBox, copy: Copied) -> Amounts {
    let side = |side: Side| {
        let price = known.prices.iter().find(|price| price.copy == copy && price.side == side);
        price.map(|price| price.amount - price.fixed_tax)
    };
    Amounts { final_price: side(Side::Final), base_price: side(Side::Base) }
}

fn amounts_of_info(info: &ProductInfo, key: InfoKey) -> Option<Amounts> {
    let value = |without_tax: bool| info.amount(key, without_tax).map(|amount| amount.value);
    let amounts = Amounts { final_price: value(false), base_price: value(true) };
    amounts.lead().map(|_| amounts)
}

fn amounts_of_set(set: &PriceSet) -> Option<Amounts> {
    let amounts = Amounts { final_price: value_of(set.final_price), base_price: value_of(set.base_price) };
    amounts.lead().map(|_| amounts)
}

fn value_of(amount: Option<Amount>) -> Option<Decimal> {
    amount.map(|amount| amount.value)
}
