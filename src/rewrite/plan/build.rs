//! Puts together everything that a page says of one product's prices. All of it must agree; whatever cannot be changed along leaves the
//! product as it is.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::boxes::{Copied, Frame, PriceBox, Shape, ShownPrice, Side, is_rounding_of, is_same};
use super::extras::{Choice, Notice, Notices, Priced, price_in, prices_in};
use super::hidden::HiddenPrice;
use super::ledger::{Formula, Ledger, Pick, Term, ValueId};
use super::reason::Reason;
use super::text::{Span, decode};
use crate::page::{Amounts, ProductFacts, ProductId, Share, Whose};
use crate::rewrite::json::PriceConfig;
use crate::rewrite::json::amounts::{Amount, PriceSet, Tier};
use crate::rewrite::json::bundle::{Bundle, Selection};
use crate::rewrite::json::choices::Choices;
use crate::rewrite::json::options::Extra;
use crate::rewrite::json::product_info::{InfoAmount, InfoKey, ProductInfo};
use crate::rewrite::json::structured::{Bound, Stated};
use crate::rewrite::price::{PriceText, parse_amount};

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
        tiers: Vec::new(),
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
    /// Prices by quantity, known to be so.
    tiers: Vec<ValueId>,
    /// What can be chosen, as far as scripts know.
    choices: Vec<Choice>,
    /// What the page leads with.
    main: Option<ValueId>,
}

/// Every set of a bundle's options is tried where some may be left out: their number doubles with each.
const MOST_OPTIONS: usize = 8;

impl Builder<'_, '_> {
    /// What the page leads with. Units are added in the order of what is known best.
    fn lead(&mut self) -> Result<ValueId, Reason> {
        if !self.sources.choices.is_empty() {
            return self.lead_of_variants();
        }
        if let Some(bundle) = self.sources.bundle {
            return self.lead_of_bundle(bundle);
        }
        let Some(priced) = self.sources.boxes.iter().find(|known| known.shape != Shape::Empty) else {
            return self.lead_of_members();
        };
        self.whose = whose_of(priced.shape);
        let copy = if priced.shape == Shape::Range { Copied::From } else { Copied::Current };
        let amounts = amounts_of(priced, copy);
        Ok(self.ledger.unit_value(&self.whose.clone(), self.own_share(), amounts))
    }

    /// What is added to the price keeps fractions of a cent, so that the sum is rounded as the cart rounds it.
    fn own_share(&self) -> Share {
        let adds = self.sources.extras.iter().any(|(_, extra)| extra.follows);
        if adds { Share::Part } else { Share::Whole }
    }

    /// The cheapest variant; dearer ones than the box shows may be those that are sold out.
    fn lead_of_variants(&mut self) -> Result<ValueId, Reason> {
        self.whose = Whose::SomeVariant;
        for choices in &self.sources.choices {
            for (id, prices) in &choices.variants {
                let whose = Whose::Variant { id: *id, sku: choices.skus.get(id).cloned() };
                let amounts = amounts_of_set(prices).ok_or(Reason::ScriptPrices)?;
                self.variants.push(self.ledger.unit(&whose, Share::Whole, amounts));
            }
        }
        let mut units = self.variants.clone();
        units.sort_unstable();
        units.dedup();
        let shown =
            self.sources.boxes.iter().map(|known| amounts_of(known, Copied::Current)).find(|it| it.lead().is_some());
        let shown = shown.or_else(|| amounts_of_set(&self.sources.choices.first()?.prices));
        let least = |amounts: &Amounts, side: Side| {
            shown
                .as_ref()
                .and_then(|shown| side.of(shown))
                .zip(side.of(amounts))
                .is_none_or(|(shown, own)| own > shown || is_same(own, shown))
        };
        units.retain(|unit| {
            let amounts = &self.ledger.units[*unit].amounts;
            least(amounts, Side::Final) && least(amounts, Side::Base)
        });
        if units.is_empty() {
            return Err(Reason::Contradiction);
        }
        Ok(self.ledger.value(Formula::Least(units)))
    }

    /// The page of a grouped product prints no price for it, but the browser keeps that of its cheapest member.
    fn lead_of_members(&mut self) -> Result<ValueId, Reason> {
        self.whose = Whose::SomeMember;
        let info = self.sources.infos.first().ok_or(Reason::UnknownMarkup)?;
        let amounts = amounts_of_info(info, InfoKey::Final).ok_or(Reason::UnknownMarkup)?;
        Ok(self.ledger.unit_value(&Whose::SomeMember, Share::Whole, amounts))
    }

    fn lead_of_bundle(&mut self, bundle: &Bundle) -> Result<ValueId, Reason> {
        let base =
            amounts_of_set(&bundle.prices).unwrap_or(Amounts { final_price: Some(Decimal::ZERO), base_price: None });
        let mut start = Vec::new();
        if bundle.is_fixed {
            let unit = self.ledger.unit(&Whose::Product, Share::Part, base);
            start.push(Term { pick: Pick::All, parts: vec![(unit, Decimal::ONE)] });
        } else {
            self.whose = Whose::SomeComponents;
            if [base.final_price, base.base_price].into_iter().flatten().any(|amount| !amount.is_zero()) {
                return Err(Reason::Bundle);
            }
        }
        let mut options = Vec::new();
        for option in &bundle.options {
            let mut parts = Vec::new();
            for selection in &option.selections {
                let amounts = amounts_of_set(&selection.prices).ok_or(Reason::ScriptPrices)?;
                let (whose, share) = share_of(bundle, selection).ok_or(Reason::Bundle)?;
                parts.push((self.ledger.unit(&whose, share, amounts), selection.quantity));
            }
            options.push((option, parts));
        }
        let sum = |pick: &dyn Fn(bool) -> Pick| {
            let terms = options.iter().filter(|(_, parts)| !parts.is_empty());
            let terms = terms.map(|(option, parts)| Term { pick: pick(option.is_multi), parts: parts.clone() });
            Formula::Sum(start.iter().cloned().chain(terms).collect())
        };
        let selected = options.iter().map(|(option, parts)| {
            let chosen =
                option.selections.iter().zip(parts).filter(|(selection, _)| option.selected.contains(&selection.id));
            Term { pick: Pick::All, parts: chosen.map(|(_, part)| *part).collect() }
        });
        let selected =
            Formula::Sum(start.iter().cloned().chain(selected.filter(|term| !term.parts.is_empty())).collect());
        let from = self.ledger.value(sum(&|_| Pick::Least));
        self.ledger.value(sum(&|is_multi| if is_multi { Pick::All } else { Pick::Most }));
        self.ledger.value(selected);
        Ok(from)
    }

    fn note_boxes(&mut self, main: ValueId) -> Result<(), Reason> {
        let boxes = self.sources.boxes.clone();
        for known in boxes {
            for copy in [Copied::Current, Copied::From, Copied::To, Copied::Tier] {
                let amounts = amounts_of(known, copy);
                if amounts.lead().is_none() {
                    continue;
                }
                let value = self.value_of_box(known, copy, amounts, main)?;
                for price in known.prices.iter().filter(|price| price.copy == copy) {
                    self.note_shown(price, value)?;
                }
            }
            for meta in &known.metas {
                self.note_meta(*meta, main)?;
            }
        }
        Ok(())
    }

    /// What a box shows: a value that is known already, or one more unit.
    fn value_of_box(
        &mut self,
        known: &PriceBox,
        copy: Copied,
        amounts: Amounts,
        main: ValueId,
    ) -> Result<ValueId, Reason> {
        let is_known = !self.sources.choices.is_empty() || self.sources.bundle.is_some();
        let lead = amounts.lead().unwrap_or_default();
        let side = if amounts.final_price.is_some() { Side::Final } else { Side::Base };
        match copy {
            Copied::Tier => {
                let value = self.ledger.unit_value(&self.whose.clone(), Share::Whole, amounts);
                self.tiers.push(value);
                Ok(value)
            }
            // Of what was chosen nothing more is known than what it comes to.
            Copied::Current if !is_known && known.shape == Shape::Configured && !self.agrees(main, amounts) => {
                Ok(self.ledger.unit_value(&Whose::SomeComponents, Share::Whole, amounts))
            }
            Copied::Current if !is_known && whose_of(known.shape) == self.whose => {
                let value = self.ledger.unit_value(&self.whose.clone(), self.own_share(), amounts);
                if value == main { Ok(main) } else { Err(Reason::Contradiction) }
            }
            Copied::From | Copied::To if !is_known => {
                Ok(self.ledger.unit_value(&Whose::SomeComponents, Share::Whole, amounts))
            }
            _ if self.agrees(main, amounts) => Ok(main),
            _ => self
                .ledger
                .find(lead, side)
                .filter(|value| self.agrees(*value, amounts))
                .map_or_else(|| self.some_sum(amounts), Ok),
        }
    }

    /// A price of a bundle that does not follow from what is listed for it, such as one without its optional parts.
    fn some_sum(&mut self, amounts: Amounts) -> Result<ValueId, Reason> {
        match self.sources.bundle {
            Some(bundle) if !bundle.is_fixed => {
                Ok(self.ledger.unit_value(&Whose::SomeComponents, Share::Whole, amounts))
            }
            Some(_) => self.sum_of_some(amounts).ok_or(Reason::Contradiction),
            None => Err(Reason::Contradiction),
        }
    }

    /// The price of a bundle with some of its options, of which it is not said which must be chosen. Those that come to the same also
    /// come to the same when they are reduced, since all of them are parts of one product.
    fn sum_of_some(&mut self, amounts: Amounts) -> Option<ValueId> {
        let all = match self.ledger.formula(self.main?) {
            Formula::Sum(terms) => terms.clone(),
            _ => return None,
        };
        let (own, options) = all.split_first().filter(|(_, options)| options.len() <= MOST_OPTIONS)?;
        let sums = (0..1_u32 << options.len()).map(|chosen| {
            let some = options.iter().enumerate().filter(|(nth, _)| chosen & (1 << nth) != 0);
            Formula::Sum(std::iter::once(own).chain(some.map(|(_, term)| term)).cloned().collect())
        });
        let mut fitting = sums.filter(|sum| self.ledger.reckon(sum).is_some_and(|sum| agree(sum, amounts)));
        let sum = fitting.next()?;
        drop(fitting);
        Some(self.ledger.value(sum))
    }

    /// Whether what is shown is this value on the sides that are shown.
    fn agrees(&self, value: ValueId, shown: Amounts) -> bool {
        agree(self.ledger.old(value), shown)
    }

    fn note_shown(&mut self, price: &ShownPrice, value: ValueId) -> Result<(), Reason> {
        let text = Writing::Text(Arc::clone(&price.format), price.text);
        self.place(PlaceKind::Amount, price.amount_slot, value, price.side, price.fixed_tax, Writing::Number);
        self.place(PlaceKind::Visible, price.format.number, value, price.side, price.fixed_tax, text);
        Ok(())
    }

    fn note_configs(&mut self) -> Result<(), Reason> {
        self.check_old()?;
        let configs = self.sources.configs.clone();
        for config in configs {
            if config.prices.is_unknown {
                return Err(Reason::ScriptPrices);
            }
            self.note_set(&config.prices)?;
            for tier in config.tiers.iter().filter(|tier| !tier.is_empty()) {
                let value = self.note_tier(tier, &self.whose.clone())?;
                self.tiers.push(value);
            }
        }
        Ok(())
    }

    /// The regular price of a box at one price is the one that scripts print there.
    fn check_old(&self) -> Result<(), Reason> {
        let boxes = self.sources.boxes.iter().filter(|known| matches!(known.shape, Shape::Own | Shape::Variants));
        let mut shown = boxes.flat_map(|known| &known.prices);
        let Some(printed) = self.regular() else { return Ok(()) };
        let differs = |price: &ShownPrice| match price.copy {
            Copied::Old => !is_same(printed, price.amount),
            Copied::Current => printed < price.amount && !is_same(printed, price.amount),
            _ => false,
        };
        if shown.any(differs) { Err(Reason::Contradiction) } else { Ok(()) }
    }

    /// Prices that a script prints over those of a box must be among those that are known.
    fn note_set(&mut self, set: &PriceSet) -> Result<(), Reason> {
        let Some(amounts) = amounts_of_set(set) else { return Ok(()) };
        let lead = amounts.lead().unwrap_or_default();
        let side = if amounts.final_price.is_some() { Side::Final } else { Side::Base };
        let value = self.ledger.find(lead, side).ok_or(Reason::Contradiction)?;
        // A script may say both sides where the boxes show one.
        if let Formula::Unit(unit) = self.ledger.formula(value).clone() {
            let known = self.ledger.units[unit].clone();
            self.ledger.unit(&known.whose, known.share, amounts);
            self.ledger.settle();
        }
        if !self.agrees(value, amounts) {
            return Err(Reason::Contradiction);
        }
        self.note_amounts(set, value);
        Ok(())
    }

    fn note_amounts(&mut self, set: &PriceSet, value: ValueId) {
        for (amount, side) in [(set.final_price, Side::Final), (set.base_price, Side::Base)] {
            if let Some(amount) = amount {
                self.place(PlaceKind::Script, amount.number, value, side, Decimal::ZERO, Writing::Exact);
            }
        }
    }

    fn note_tier(&mut self, tier: &Tier, whose: &Whose) -> Result<ValueId, Reason> {
        let amounts = Amounts { final_price: value_of(tier.final_price), base_price: value_of(tier.base_price) };
        let value = self.ledger.unit_value(whose, Share::Whole, amounts);
        for (amount, side) in [(tier.final_price, Side::Final), (tier.base_price, Side::Base)] {
            if let Some(amount) = amount {
                self.place(PlaceKind::Script, amount.number, value, side, Decimal::ZERO, Writing::Number);
            }
        }
        Ok(value)
    }

    fn note_choices(&mut self, main: ValueId) -> Result<(), Reason> {
        let all = self.sources.choices.clone();
        let mut units = std::mem::take(&mut self.variants).into_iter();
        for choices in all {
            if choices.prices.is_unknown
                || !amounts_of_set(&choices.prices).is_none_or(|shown| self.agrees(main, shown))
            {
                return Err(Reason::Contradiction);
            }
            self.note_amounts(&choices.prices, main);
            for ((_, prices), unit) in choices.variants.iter().zip(units.by_ref()) {
                if prices.is_unknown {
                    return Err(Reason::ScriptPrices);
                }
                let value = self.ledger.value(Formula::Unit(unit));
                self.note_amounts(prices, value);
                for tier in prices.tiers.iter().filter(|tier| !tier.is_empty()) {
                    let whose = self.ledger.units[unit].whose.clone();
                    let reduced = self.note_tier(tier, &whose)?;
                    self.note_saving(tier.percentage, reduced, value);
                }
            }
        }
        Ok(())
    }

    /// How much a price by quantity saves follows, where it is clear how it was reckoned.
    fn note_saving(&mut self, percentage: Option<Amount>, reduced: ValueId, of: ValueId) {
        let (old, full) = (self.ledger.old(reduced), self.ledger.old(of));
        let rounding = percentage.and_then(|stated| Rounding::learn(stated.value, full, old));
        if let Some((amount, rounding)) = percentage.zip(rounding) {
            let writing = Writing::Saving(of, rounding);
            self.place(PlaceKind::Saving, amount.number, reduced, Side::Final, Decimal::ZERO, writing);
        }
    }

    fn note_bundle(&mut self) -> Result<(), Reason> {
        let Some(bundle) = self.sources.bundle else { return Ok(()) };
        if bundle.is_fixed {
            let amounts = amounts_of_set(&bundle.prices).ok_or(Reason::ScriptPrices)?;
            let value = self.ledger.unit_value(&Whose::Product, Share::Part, amounts);
            self.note_amounts(&bundle.prices, value);
        }
        for option in &bundle.options {
            for selection in &option.selections {
                let (whose, share) = share_of(bundle, selection).ok_or(Reason::Bundle)?;
                for prices in std::iter::once(&selection.prices).chain(&selection.tiers) {
                    let amounts = amounts_of_set(prices).filter(|_| !prices.is_unknown).ok_or(Reason::ScriptPrices)?;
                    let value = self.ledger.unit_value(&whose, share, amounts);
                    self.note_amounts(prices, value);
                }
                let amounts = amounts_of_set(&selection.prices).ok_or(Reason::ScriptPrices)?;
                let value = self.ledger.unit_value(&whose, share, amounts);
                let choice = Choice {
                    kind: "bundle_option",
                    option: option.id.to_string(),
                    value: Some(selection.id.to_string()),
                };
                self.note_notice(&choice, value)?;
                self.choices.push(choice);
            }
        }
        Ok(())
    }

    fn note_extras(&mut self) -> Result<(), Reason> {
        let extras = self.sources.extras.clone();
        for (kind, extra) in extras {
            if extra.prices.is_unknown {
                return Err(Reason::Options);
            }
            let choice = Choice { kind, option: extra.option.clone(), value: extra.value.clone() };
            self.choices.push(choice.clone());
            if !extra.follows && !self.stands_beside(&choice, &extra.prices) {
                return Err(Reason::Options);
            }
            let amounts = amounts_of_set(&extra.prices).filter(|_| extra.follows);
            let Some(amounts) = amounts.filter(|it| it.lead().is_some_and(|amount| !amount.is_zero())) else {
                continue;
            };
            let value = self.ledger.unit_value(&self.whose.clone(), Share::Extra, amounts);
            self.note_amounts(&extra.prices, value);
            self.note_notice(&choice, value)?;
        }
        // A price beside a choice that no script knows could be any part of the product's price.
        let has_others = self.sources.notices.is_some_and(|notices| notices.has_others(&self.choices));
        if has_others { Err(Reason::Options) } else { Ok(()) }
    }

    /// Whether the amounts beside a choice are all its own, so that they stay as it stays.
    fn stands_beside(&self, choice: &Choice, prices: &PriceSet) -> bool {
        let own = [prices.final_price, prices.base_price].map(value_of);
        let beside = self.sources.notices.into_iter().flat_map(|notices| notices.of(choice));
        beside.flat_map(|notice| &notice.priced).all(|priced| {
            let said = priced.learn(self.sources.page).map(|(amount, _)| amount);
            said.is_some_and(|said| own.into_iter().flatten().any(|own| is_same(own, said)))
        })
    }

    /// What stands beside a choice says the same as the script's data.
    fn note_notice(&mut self, choice: &Choice, value: ValueId) -> Result<(), Reason> {
        let Some(notices) = self.sources.notices else { return Ok(()) };
        notices.of(choice).try_for_each(|notice| self.note_one(notice, value))
    }

    fn note_one(&mut self, notice: &Notice, value: ValueId) -> Result<(), Reason> {
        for priced in &notice.priced {
            self.note_priced(priced, value)?;
        }
        let old = self.ledger.old(value);
        for attribute in &notice.attributes {
            let stated = parse_amount(&decode(attribute.of(self.sources.page)));
            let side = [Side::Final, Side::Base]
                .into_iter()
                .find(|side| side.of(&old).zip(stated).is_some_and(|(old, stated)| is_rounding_of(stated, old)));
            let side = side.ok_or(Reason::Contradiction)?;
            self.place(PlaceKind::Amount, *attribute, value, side, Decimal::ZERO, Writing::Number);
        }
        for text in &notice.texts {
            let mut found = 0;
            for side in [Side::Final, Side::Base] {
                let format = side.of(&old).and_then(|amount| price_in(self.sources.page, *text, amount));
                let Some(format) = format else { continue };
                let number = format.number;
                if self.places.iter().any(|place| place.span == number) {
                    continue;
                }
                found += 1;
                let writing = Writing::Text(Arc::new(format), *text);
                self.place(PlaceKind::Visible, number, value, side, Decimal::ZERO, writing);
            }
            if found < prices_in(self.sources.page, *text) {
                return Err(Reason::Options);
            }
        }
        Ok(())
    }

    fn note_priced(&mut self, priced: &Priced, value: ValueId) -> Result<(), Reason> {
        let (amount, format) = priced.learn(self.sources.page).ok_or(Reason::UnknownFormat)?;
        let old = self.ledger.old(value);
        let shown = match priced.side {
            Side::Final => Amounts { final_price: Some(amount), base_price: None },
            Side::Base => Amounts { final_price: None, base_price: Some(amount) },
        };
        if !self.agrees(value, shown) || old.lead().is_none() {
            return Err(Reason::Contradiction);
        }
        let number = format.number;
        self.place(PlaceKind::Amount, priced.amount_slot, value, priced.side, Decimal::ZERO, Writing::Number);
        self.place(
            PlaceKind::Visible,
            number,
            value,
            priced.side,
            Decimal::ZERO,
            Writing::Text(Arc::new(format), priced.text),
        );
        Ok(())
    }

    /// The list of prices by quantity above a product's form.
    fn note_tiers(&mut self, main: ValueId) -> Result<(), Reason> {
        let items = self.sources.tiers.clone().ok_or(Reason::TierPrices)?;
        for (priced, percent) in items {
            let mut amounts = Amounts::default();
            for price in &priced {
                let (amount, _) = price.learn(self.sources.page).ok_or(Reason::UnknownFormat)?;
                let side = match price.side {
                    Side::Final => &mut amounts.final_price,
                    Side::Base => &mut amounts.base_price,
                };
                if side.replace(amount).is_some() {
                    return Err(Reason::TierPrices);
                }
            }
            if priced.is_empty() {
                // Bundles list percentages alone: those stay true.
                continue;
            }
            let value = self.ledger.unit_value(&self.whose.clone(), Share::Whole, amounts);
            for price in &priced {
                self.note_priced(price, value)?;
            }
            if let Some(percent) = percent {
                self.note_percent(percent, value, main)?;
            }
        }
        Ok(())
    }

    fn note_hidden_tiers(&mut self) -> Result<(), Reason> {
        let items = self.sources.hidden_tiers.clone();
        for item in items {
            let prices = item.ok_or(Reason::TierPrices)?;
            let side = |side: Side| prices.iter().find(|price| price.side == side).map(|price| price.amount);
            let amounts = Amounts { final_price: side(Side::Final), base_price: side(Side::Base) };
            let value = self.ledger.unit_value(&self.whose.clone(), Share::Whole, amounts);
            for price in prices {
                let number = price.format.number;
                let text = Writing::Text(Arc::clone(&price.format), price.text);
                self.place(PlaceKind::Amount, price.amount_slot, value, price.side, Decimal::ZERO, Writing::Number);
                self.place(PlaceKind::Visible, number, value, price.side, Decimal::ZERO, text);
            }
        }
        Ok(())
    }

    fn note_percent(&mut self, percent: Span, reduced: ValueId, of: ValueId) -> Result<(), Reason> {
        let text = decode(percent.of(self.sources.page)).into_owned();
        let number = text.trim_matches(|ch: char| ch.is_whitespace() || ch == '\u{a0}');
        let stated: Decimal = number.parse().map_err(|_| Reason::TierPrices)?;
        let raw = percent.of(self.sources.page);
        let at = raw.find(number).ok_or(Reason::TierPrices)?;
        let span = Span::new(at..at + number.len()).within(percent.start);
        self.note_saving(Some(Amount { value: stated, number: span }), reduced, of);
        Ok(())
    }

    /// What the browser keeps for other pages is the price of this shopper, as it is where a customer group has its own.
    fn note_infos(&mut self, main: ValueId) -> Result<(), Reason> {
        let infos = self.sources.infos.clone();
        for info in infos {
            if info.has_fixed_tax {
                return Err(Reason::FixedTax);
            }
            let twin = amounts_of_info(info, InfoKey::Final).ok_or(Reason::ScriptPrices)?;
            if let Some(unit) = self.unit_of(main, twin) {
                let known = self.ledger.units[unit].clone();
                self.ledger.unit(&known.whose, known.share, twin);
                self.ledger.settle();
            }
            for amount in &info.amounts {
                self.note_info(info, amount, main)?;
            }
        }
        Ok(())
    }

    /// The unit that a value is, if it is this price.
    fn unit_of(&self, value: ValueId, amounts: Amounts) -> Option<usize> {
        match self.ledger.formula(value) {
            Formula::Unit(unit) if self.agrees(value, Amounts { base_price: None, ..amounts }) => Some(*unit),
            _ => None,
        }
    }

    fn note_info(&mut self, info: &ProductInfo, amount: &InfoAmount, main: ValueId) -> Result<(), Reason> {
        let side = if amount.without_tax { Side::Base } else { Side::Final };
        let regular = info.amount(InfoKey::Regular, amount.without_tax).map(|regular| regular.value);
        let value = match amount.key {
            InfoKey::Regular => return Ok(()),
            // Magento states the regular price in these, or the current one where it means that.
            InfoKey::MaxRegular | InfoKey::MinimalRegular if self.is_regular(info, amount, regular) => return Ok(()),
            InfoKey::Final | InfoKey::Special | InfoKey::WeeeAdjustment => Some(main),
            InfoKey::Max | InfoKey::MaxRegular => self.highest(amount.value, side).or(Some(main)),
            InfoKey::Minimal | InfoKey::MinimalRegular => Some(main),
        };
        let stated = |value: ValueId| {
            let old = self.ledger.old(value);
            side.of(&old)
                .or(old.lead())
                .is_some_and(|old| is_rounding_of(amount.value, old) || is_same(amount.value, old))
        };
        let value = value.filter(|value| stated(*value)).or_else(|| self.ledger.find(amount.value, side));
        let value = value.ok_or(Reason::Contradiction)?;
        if let Some(number) = amount.number {
            self.place(PlaceKind::Script, number, value, side, Decimal::ZERO, Writing::Number);
        }
        if let Some(text) = &amount.text {
            let writing = Writing::Text(Arc::new(text.price.clone()), text.whole);
            self.place(PlaceKind::Script, text.price.number, value, side, Decimal::ZERO, writing);
        }
        Ok(())
    }

    /// Whether an amount by a regular price's name is that price: it is when it is above the current one, or nothing is reduced.
    fn is_regular(&self, info: &ProductInfo, amount: &InfoAmount, regular: Option<Decimal>) -> bool {
        let current = info.amount(InfoKey::Final, amount.without_tax).map(|current| current.value);
        let highest = info.amount(InfoKey::Max, amount.without_tax).map(|highest| highest.value);
        let is_current = current == Some(amount.value) || highest == Some(amount.value);
        regular == Some(amount.value) || !is_current
    }

    /// The dearest of what is known at this price.
    fn highest(&mut self, amount: Decimal, side: Side) -> Option<ValueId> {
        let variants =
            (0..self.ledger.units.len()).filter(|at| matches!(self.ledger.units[*at].whose, Whose::Variant { .. }));
        let variants: Vec<usize> = variants.collect();
        if variants.is_empty() {
            return self.ledger.find(amount, side);
        }
        Some(self.ledger.value(Formula::Most(variants)))
    }

    fn note_metas(&mut self, main: ValueId) -> Result<(), Reason> {
        let metas = self.sources.metas.clone();
        metas.into_iter().try_for_each(|meta| self.note_meta(meta, main))
    }

    fn note_meta(&mut self, content: Span, main: ValueId) -> Result<(), Reason> {
        let stated = parse_amount(&decode(content.of(self.sources.page))).ok_or(Reason::BadAmount)?;
        let (value, side) = self.stated(stated, main).ok_or(Reason::Contradiction)?;
        self.place(PlaceKind::Meta, content, value, side, Decimal::ZERO, Writing::Number);
        Ok(())
    }

    /// The value that a number for machines states, perhaps rounded: the main one, if it can be that.
    fn stated(&self, stated: Decimal, main: ValueId) -> Option<(ValueId, Side)> {
        let is_it = |amount: Decimal| is_rounding_of(stated, amount);
        let old = self.ledger.old(main);
        let of_main = [Side::Final, Side::Base].into_iter().find(|side| side.of(&old).is_some_and(is_it));
        of_main.map(|side| (main, side)).or_else(|| self.ledger.find_rounded(is_it))
    }

    fn note_structured(&mut self, main: ValueId) -> Result<(), Reason> {
        let all = self.sources.stated.clone();
        for stated in all {
            let is_it = |amount: Decimal| is_rounding_of(stated.amount.value, amount);
            let value = match stated.bound {
                Bound::High => {
                    let all = (0..self.ledger.units.len())
                        .filter(|at| matches!(self.ledger.units[*at].whose, Whose::Variant { .. }));
                    let most = Formula::Most(all.collect());
                    let most =
                        Some(self.ledger.value(most)).filter(|value| self.ledger.old(*value).lead().is_some_and(is_it));
                    most.map(|value| (value, Side::Final))
                }
                Bound::Price | Bound::Low => None,
            };
            let variant = self.variant_stated(stated);
            let found =
                variant.or(value).or_else(|| self.stated(stated.amount.value, main)).or_else(|| self.any_unit(is_it));
            let (value, side) = found.ok_or(Reason::StructuredData)?;
            self.place(PlaceKind::StructuredData, stated.amount.number, value, side, Decimal::ZERO, Writing::Number);
        }
        Ok(())
    }

    /// The variant whose SKU structured data names.
    fn variant_stated(&mut self, stated: &Stated) -> Option<(ValueId, Side)> {
        let innermost = stated.skus.last()?;
        let is_it = |amount: Decimal| is_rounding_of(stated.amount.value, amount);
        let unit = self.ledger.units.iter().position(|unit| {
            matches!(&unit.whose, Whose::Variant { sku: Some(sku), .. } if sku == innermost)
                && unit.amounts.final_price.is_some_and(is_it)
        })?;
        Some((self.ledger.value(Formula::Unit(unit)), Side::Final))
    }

    /// Any of the units at a price, as long as they stay equal.
    fn any_unit(&mut self, is_it: impl Fn(Decimal) -> bool) -> Option<(ValueId, Side)> {
        let units = self.ledger.units_at(is_it);
        if units.is_empty() { None } else { Some((self.ledger.value(Formula::Any(units)), Side::Final)) }
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

impl Rounding {
    /// How a percentage was rounded, if it says how much less the one is than the other.
    fn learn(stated: Decimal, full: Amounts, reduced: Amounts) -> Option<Self> {
        let known = [Self::Nearest, Self::Up];
        known.into_iter().find(|rounding| rounding.saving(full, reduced) == Some(stated.normalize()))
    }

    /// How many percent a price is below another, by the amounts without tax where those are known, as Magento reckons it.
    pub(crate) fn saving(self, full: Amounts, reduced: Amounts) -> Option<Decimal> {
        let pair = full.base_price.zip(reduced.base_price).or(full.final_price.zip(reduced.final_price))?;
        let (full, reduced) = pair;
        if full.is_zero() {
            return None;
        }
        let percent = Decimal::ONE_HUNDRED - Decimal::ONE_HUNDRED / full * reduced;
        Some(match self {
            Self::Nearest => percent.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero),
            Self::Up => percent.ceil(),
        })
    }
}
