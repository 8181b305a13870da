//! Writes the prices of a product: in every place that shows one, or in none.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Change, Dressing, Edit, Refusal, Sheet, Side as EditSide, Slot};
use crate::decision::select::PriceChange;
use crate::page::{Amounts, ProductFacts, ProductId};
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::plan::{FrameForm, Place, Plan, PlannedBox, PlannedFrame, ProductPlan, ShownPrice, Writing};
use crate::rewrite::price::{PriceText, padding_of, push_amount};
use crate::rewrite::wording;
use crate::rule::html::escape;
use crate::site::Reference;

/// A number for machines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    /// The digits and the scale of the amount: to compare those is quicker than to compare amounts.
    amount: (i128, u32),
    /// How many decimals are written at least.
    padding: usize,
}

/// How many of the numbers written last are looked at for one that is the same: variants of a product often cost the same.
const RECENT: usize = 8;

/// What is written beside every changed price alike.
pub(super) struct Words {
    special: String,
    regular: String,
    /// That a price is reached in the cart, in the shop's words or in the page's language.
    deducted: Option<String>,
    disclosure: Option<String>,
}

impl Words {
    pub(super) fn new(plan: &Plan, dressing: &Dressing<'_>) -> Self {
        let language = plan.store().language.as_deref().unwrap_or("en");
        let is_english = language.get(..2).is_some_and(|code| code.eq_ignore_ascii_case("en"));
        // A price's label is in the shop's own words, else in English; there is none at all on a page of another language.
        let label = |own: Option<String>, english: &str| {
            let words = own.or_else(|| is_english.then(|| escape(english)));
            words.map(|words| format!("<span class=\"price-label\">{words}</span>")).unwrap_or_default()
        };
        let display = dressing.display;
        let own = display.reference_label.as_deref().map(escape).or_else(|| plan.words.regular.clone());
        let deducted = display.deducted.as_deref().or_else(|| wording::deducted(language));
        Self {
            special: label(plan.words.special.clone(), dressing.special_price_label),
            regular: label(own, dressing.regular_price_label),
            deducted: deducted.map(escape).filter(|note| !note.is_empty()),
            disclosure: display.disclosure.as_deref().map(escape),
        }
    }
}

impl Sheet<'_> {
    /// Changes every place of a product, or none.
    pub(super) fn product(
        &mut self,
        facts: &ProductFacts,
        product: &ProductPlan,
        change: &PriceChange,
    ) -> Result<(), Refusal> {
        let free: Vec<&PlannedBox> = product.boxes.iter().filter(|known| !self.is_replaced(known.whole)).collect();
        if free.is_empty() {
            return Err(Refusal::Swallowed);
        }
        let is_changed = change.units.len() == facts.units.len();
        if is_changed {
            let before = (self.written.len(), self.texts.len(), self.numbers.len(), self.changes.len());
            self.write_places(product, &change.units).inspect_err(|_| {
                self.written.truncate(before.0);
                self.texts.truncate(before.1);
                self.numbers.truncate(before.2);
                self.changes.truncate(before.3);
            })?;
            for known in &free {
                known.frames.iter().for_each(|frame| self.add_regular(product, frame, &change.units));
            }
        }
        for known in free {
            self.write_labels(facts, known, change);
            if is_changed {
                self.disclose(facts.id, known);
            }
        }
        Ok(())
    }

    fn write_places(&mut self, product: &ProductPlan, units: &[Amounts]) -> Result<(), Refusal> {
        let ledger = &product.ledger;
        let mut last = None;
        for place in &product.places {
            if self.is_replaced(place.span) {
                continue;
            }
            // Places side by side often show one value.
            let amounts = match last.filter(|(value, _)| *value == place.value) {
                Some((_, amounts)) => amounts,
                None => ledger.new_amounts(place.value, units).ok_or(Refusal::Ambiguous)?,
            };
            last = Some((place.value, amounts));
            self.write_place(product, place, units, amounts)?;
        }
        Ok(())
    }

    /// Writes what a place is to say, unless it stays.
    fn write_place(
        &mut self,
        product: &ProductPlan,
        place: &Place,
        units: &[Amounts],
        amounts: Amounts,
    ) -> Result<(), Refusal> {
        let ledger = &product.ledger;
        let of = |amounts: &Amounts| place.side.of(amounts).or(amounts.lead());
        let (new, old) = of(&amounts).zip(of(&ledger.old(place.value))).ok_or(Refusal::Ambiguous)?;
        let order = new.cmp(&old);
        if new.is_sign_negative() || order.is_gt() {
            return Err(Refusal::NotLower);
        }
        let raw = place.span.of(self.page);
        let taxed = |amount: Decimal| if place.fixed_tax.is_zero() { amount } else { amount + place.fixed_tax };
        let mut whole = place.span;
        let written = match &place.writing {
            Writing::Saving(of, rounding) => {
                let full = ledger.new_amounts(*of, units).ok_or(Refusal::Ambiguous)?;
                let Some(percent) = rounding.saving(full, amounts) else { return Ok(()) };
                self.number(percent, 0)
            }
            _ if order.is_eq() => return Ok(()),
            Writing::Number => self.number(cents(taxed(new)), padding_of(raw)),
            Writing::Exact => self.number(taxed(new), padding_of(raw)),
            Writing::Text(format, of) => {
                whole = *of;
                self.price(format, cents(taxed(new))).ok_or(Refusal::UnknownGrouping)?
            }
        };
        if written.of(&self.texts) != raw {
            self.changes.push(Change::replaced(product.id, place.kind.into(), whole, place.span, written));
            self.written.push(Edit { span: place.span, side: EditSide::Before, text: written });
        }
        Ok(())
    }

    /// Writes a number, unless it was written lately.
    fn number(&mut self, amount: Decimal, padding: usize) -> Span {
        let number = Number { amount: (amount.mantissa(), amount.scale()), padding };
        let known = self.numbers.iter().rev().take(RECENT).find(|(known, _)| *known == number);
        if let Some((_, text)) = known {
            return *text;
        }
        let start = self.texts.len();
        push_amount(&mut self.texts, amount, padding);
        let text = self.since(start);
        self.numbers.push((number, text));
        text
    }

    /// Writes the number of a price as people read it.
    fn price(&mut self, format: &PriceText, amount: Decimal) -> Option<Span> {
        let start = self.texts.len();
        format.write_to(&mut self.texts, amount, self.plan.four_grouped)?;
        Some(self.since(start))
    }

    fn since(&self, start: usize) -> Span {
        Span::new(start..self.texts.len())
    }

    /// Marks a price up as Magento does with a discounted one.
    fn add_regular(&mut self, product: &ProductPlan, planned: &PlannedFrame, units: &[Amounts]) {
        let price = &planned.price;
        let shown = |amounts: Amounts| price.side.of(&amounts).or(amounts.lead()).map(|it| price.format.shown(it));
        let new = product.ledger.new_amounts(planned.value, units).and_then(shown);
        let is_lower = new.zip(shown(product.ledger.old(planned.value))).is_some_and(|(new, old)| new < old);
        let Some((amount, text)) = self.reference(product, planned).filter(|_| is_lower) else { return };
        let frame = &planned.frame;
        let mut start = self.texts.len();
        if frame.form == FrameForm::Special {
            self.texts.push_str("<span class=\"special-price\">\n");
            self.edit(Span::at(frame.before), EditSide::Before, start);
            start = self.texts.len();
            self.texts.extend(["\n", &self.words.special]);
            self.edit(Span::at(frame.inside), EditSide::Prepend, start);
            start = self.texts.len();
            self.texts.push_str("\n</span>");
        }
        self.texts.push('\n');
        let said = self.push_old_price(planned, amount, &text);
        self.edit(Span::at(frame.after), EditSide::After, start);
        self.changes.push(Change::added(product.id, Slot::Regular, said));
    }

    /// The price that the new one is compared with, and its text.
    fn reference(&self, product: &ProductPlan, planned: &PlannedFrame) -> Option<(Decimal, String)> {
        let price = &planned.price;
        let written = |amount: Decimal| {
            let number = price.format.write(amount, self.plan.four_grouped)?;
            Some((amount, self.around(price, &number)))
        };
        match &self.dressing.display.reference {
            Reference::None => None,
            Reference::Regular => match planned.regular {
                Some(regular) => written(regular),
                None => Some((price.amount, price.text.of(self.page).trim().to_owned())),
            },
            Reference::Attribute(code) => {
                let stated = self.plan.attribute(self.page, product.id, code)?;
                written(price.format.read_like(self.page, &Layer::of(self.page, stated).html())?)
            }
        }
    }

    /// A number in the text around a price.
    fn around(&self, price: &ShownPrice, number: &str) -> String {
        let (text, old) = (price.text, price.format.number);
        let before = Span { start: text.start, end: old.start }.of(self.page);
        let after = Span { start: old.end, end: text.end }.of(self.page);
        format!("{}{number}{}", before.trim_start(), after.trim_end())
    }

    /// Writes a regular price, and says where its text is.
    fn push_old_price(&mut self, planned: &PlannedFrame, amount: Decimal, text: &str) -> Span {
        let frame = &planned.frame;
        let quotable =
            |span: Option<Span>| span.map(|span| span.of(self.page)).filter(|raw| !raw.contains(['"', '<', '>']));
        let class = quotable(frame.class).unwrap_or("price-container price-final_price tax weee");
        let old_id = |id: &str| {
            let (twin, id) = match id.strip_prefix("price-including-tax-") {
                Some(rest) => ("price-including-tax-", rest),
                None => ("", id),
            };
            id.strip_prefix("product-price-").map(|rest| format!("{twin}old-price-{rest}"))
        };
        let id = quotable(frame.id).and_then(old_id).filter(|id| !self.plan.anchors.has_old_price(self.page, id));
        let twin = if frame.is_twin { "price-including-tax" } else { "" };
        let (group, kind) = match frame.form {
            FrameForm::Special => ("old-price", "oldPrice"),
            FrameForm::Variants => ("old-price sly-old-price", "oldPrice"),
            FrameForm::Range => ("old-price", ""),
        };
        // A price of another meaning must not be taken for the regular one by scripts, which would print that over it.
        let is_regular = !matches!(self.dressing.display.reference, Reference::Attribute(_));
        let group = if is_regular { group } else { "old-price" };
        let label = &self.words.regular;
        self.texts.extend(["<span class=\"", group, "\">\n<span class=\"", class, "\">\n", label, "\n<span"]);
        if let Some(id) = id {
            self.texts.extend([" id=\"", &id, "\""]);
        }
        if is_regular {
            self.texts.push_str(" data-price-amount=\"");
            push_amount(&mut self.texts, amount, 0);
            self.texts.extend(["\" data-price-type=\"", kind, "\""]);
        }
        self.texts.extend([" class=\"price-wrapper ", twin, "\"><span class=\"price\">"]);
        let start = self.texts.len();
        self.texts.push_str(text);
        let said = self.since(start);
        self.texts.push_str("</span></span>\n</span>\n</span>");
        said
    }

    /// Writes what the cart deducts from one unit, as the box would write it; nothing where that depends on what is chosen.
    fn push_saving(&mut self, facts: &ProductFacts, known: &PlannedBox, units: &[Amounts]) {
        let Some(current) = &known.current else { return };
        let side = |amounts: &Amounts| current.side.of(amounts).or(amounts.lead());
        let pairs = facts.units.iter().zip(units).map(|(old, new)| side(&old.amounts).zip(side(new)));
        let mut savings = pairs.map(|pair| pair.map(|(old, new)| cents(old) - cents(new)));
        let Some(first) = savings.next().flatten().filter(|first| !first.is_zero()) else { return };
        if !savings.all(|saving| saving == Some(first)) {
            return;
        }
        if let Some(number) = current.format.write(first, self.plan.four_grouped) {
            self.texts.extend([" -", &self.around(current, &number)]);
        }
    }

    /// Writes the offers' labels, and after those that the cart deducts, how much that is.
    fn write_labels(&mut self, facts: &ProductFacts, known: &PlannedBox, change: &PriceChange) {
        let labels = || change.labels.iter().filter(|label| !label.text.trim().is_empty());
        let last = labels().filter(|label| label.deducted).count();
        let mut deducted = 0;
        for label in labels() {
            let whole = self.texts.len();
            self.texts.push_str("<span class=\"segue-offer\">");
            let start = self.texts.len();
            self.texts.push_str(&escape(&label.text));
            deducted += usize::from(label.deducted);
            if label.deducted && deducted == last {
                if change.units.len() == facts.units.len() {
                    self.push_saving(facts, known, &change.units);
                }
                if let Some(note) = &self.words.deducted {
                    self.texts.extend([", ", note]);
                }
            }
            let said = self.since(start);
            self.texts.push_str("</span>");
            self.add(facts.id, Slot::Label, known, whole, said);
        }
    }

    /// What the law asks to be said of a personalised price.
    fn disclose(&mut self, product: ProductId, known: &PlannedBox) {
        let Some(disclosure) = &self.words.disclosure else { return };
        let whole = self.texts.len();
        self.texts.push_str("<span class=\"segue-disclosure\">");
        let start = self.texts.len();
        self.texts.push_str(disclosure);
        let said = self.since(start);
        self.texts.push_str("</span>");
        self.add(product, Slot::Disclosure, known, whole, said);
    }

    /// Adds what was written since `whole` to the end of a box.
    fn add(&mut self, product: ProductId, slot: Slot, known: &PlannedBox, whole: usize, said: Span) {
        self.styled = true;
        self.edit(Span::at(known.end), EditSide::Append, whole);
        self.changes.push(Change::added(product, slot, said));
    }
}

/// What the cart leaves of a price with fractions of a cent: it rounds what it takes off up at half a cent.
fn cents(amount: Decimal) -> Decimal {
    if amount.scale() <= 2 {
        return amount;
    }
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointTowardZero)
}
