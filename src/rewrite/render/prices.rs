//! Writes the prices of a product: in every place that shows one, or in none.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Change, Refusal, Sheet, Side as EditSide, Slot};
use crate::decision::select::{Label, PriceChange};
use crate::page::{Amounts, ProductId};
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::plan::{FrameForm, Place, PlannedBox, PlannedFrame, ProductPlan, ShownPrice, Writing};
use crate::rewrite::price::{amount_like, amount_text};
use crate::rewrite::wording;
use crate::rule::html::escape;
use crate::site::Reference;

/// What a place is to say.
struct NewText {
    slot: Slot,
    span: Span,
    /// The text as a whole, where the span is only the number in it.
    whole: Option<Span>,
    new: String,
}

impl Sheet<'_> {
    /// Changes every place of a product, or none.
    pub(super) fn product(&mut self, product: &ProductPlan, change: &PriceChange) -> Result<(), Refusal> {
        let boxes: Vec<&PlannedBox> = product.boxes.iter().filter(|known| !self.is_replaced(known.whole)).collect();
        if boxes.is_empty() {
            return Err(Refusal::Swallowed);
        }
        let id = product.facts.id;
        let is_changed = change.units.len() == product.facts.units.len();
        if is_changed {
            let places = product.places.iter().filter(|place| !self.is_replaced(place.span));
            let texts = places.map(|place| self.new_text(product, place, &change.units));
            let texts: Vec<NewText> = texts.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            for known in &boxes {
                known.frames.iter().for_each(|frame| self.add_regular(product, frame, &change.units));
            }
            texts.into_iter().for_each(|text| self.write_text(id, text));
        }
        for known in boxes {
            let saving = is_changed.then(|| self.saving(product, known, &change.units)).flatten();
            self.write_labels(id, known, &change.labels, saving.as_deref());
            if is_changed {
                self.disclose(id, known);
            }
        }
        Ok(())
    }

    /// What a place is to say; nothing where it stays.
    fn new_text(&self, product: &ProductPlan, place: &Place, units: &[Amounts]) -> Result<Option<NewText>, Refusal> {
        let ledger = &product.ledger;
        let amounts = ledger.new_amounts(place.value, units).ok_or(Refusal::Ambiguous)?;
        let before = ledger.old(place.value);
        let of = |amounts: &Amounts| place.side.of(amounts).or(amounts.lead());
        let (new, old) = of(&amounts).zip(of(&before)).ok_or(Refusal::Ambiguous)?;
        if new.is_sign_negative() || new > old {
            return Err(Refusal::NotLower);
        }
        let raw = place.span.of(self.page);
        let whole = match &place.writing {
            Writing::Text(_, whole) => Some(*whole),
            _ => None,
        };
        let new = match &place.writing {
            Writing::Saving(of, rounding) => {
                let full = ledger.new_amounts(*of, units).ok_or(Refusal::Ambiguous)?;
                rounding.saving(full, amounts).map(|percent| percent.normalize().to_string())
            }
            _ if new == old => None,
            Writing::Number => Some(amount_like(raw, cents(new + place.fixed_tax))),
            Writing::Exact => Some(amount_like(raw, new + place.fixed_tax)),
            Writing::Text(format, _) => {
                let text = format.write(cents(new + place.fixed_tax), self.plan.four_grouped);
                Some(text.ok_or(Refusal::UnknownGrouping)?)
            }
        };
        let slot = place.kind.into();
        Ok(new.filter(|new| new != raw).map(|new| NewText { slot, span: place.span, whole, new }))
    }

    /// Replaces a number; of a visible text, the change tells all of it.
    fn write_text(&mut self, product: ProductId, text: NewText) {
        let whole = text.whole.unwrap_or(text.span);
        let before = Span { start: whole.start, end: text.span.start }.of(self.page);
        let after = Span { start: text.span.end, end: whole.end }.of(self.page);
        let new = format!("{}{}{}", before.trim_start(), text.new, after.trim_end());
        let old = whole.of(self.page).trim().to_owned();
        self.changes.push(Change::Slot { product, slot: text.slot, old, new });
        self.edit(text.span, EditSide::Before, text.new);
    }

    /// Marks a price up as Magento does with a discounted one.
    fn add_regular(&mut self, product: &ProductPlan, planned: &PlannedFrame, units: &[Amounts]) {
        let price = &planned.price;
        let shown = |amounts: Amounts| price.side.of(&amounts).or(amounts.lead()).map(|it| price.format.shown(it));
        let new = product.ledger.new_amounts(planned.value, units).and_then(shown);
        let is_lower = new.zip(shown(product.ledger.old(planned.value))).is_some_and(|(new, old)| new < old);
        let Some((amount, text)) = self.reference(product, planned).filter(|_| is_lower) else { return };
        let words = &self.plan.words;
        let wording = self.dressing.display.reference_label.as_deref();
        let own = wording.map(escape).or_else(|| words.regular.clone());
        let regular = self.label(own.as_deref(), self.dressing.regular_price_label);
        let old = self.old_price(planned, amount, &text, &regular);
        let frame = &planned.frame;
        if frame.form == FrameForm::Special {
            let special = self.label(words.special.as_deref(), self.dressing.special_price_label);
            self.edit(Span::at(frame.before), EditSide::Before, "<span class=\"special-price\">\n".to_owned());
            self.edit(Span::at(frame.inside), EditSide::Prepend, format!("\n{special}"));
            self.edit(Span::at(frame.after), EditSide::After, format!("\n</span>\n{old}"));
        } else {
            self.edit(Span::at(frame.after), EditSide::After, format!("\n{old}"));
        }
        let product = product.facts.id;
        self.changes.push(Change::Slot { product, slot: Slot::Regular, old: String::new(), new: text });
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
                let stated = self.plan.attribute(self.page, product.facts.id, code)?;
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

    /// A price's label in the shop's own words, else in English; none at all on a page of another language.
    fn label(&self, own: Option<&str>, english: &str) -> String {
        let language = self.plan.store().language.as_deref().unwrap_or("en");
        let is_english = language.get(..2).is_some_and(|code| code.eq_ignore_ascii_case("en"));
        let words = own.map(str::to_owned).or_else(|| is_english.then(|| escape(english)));
        words.map(|words| format!("<span class=\"price-label\">{words}</span>")).unwrap_or_default()
    }

    fn old_price(&self, planned: &PlannedFrame, amount: Decimal, text: &str, label: &str) -> String {
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
        let id = quotable(frame.id).and_then(old_id).filter(|id| !self.plan.anchors.has_id(self.page, id));
        let id = id.map(|id| format!(" id=\"{id}\"")).unwrap_or_default();
        let amount = amount_text(amount);
        let twin = if frame.is_twin { "price-including-tax" } else { "" };
        let (group, kind) = match frame.form {
            FrameForm::Special => ("old-price", "oldPrice"),
            FrameForm::Variants => ("old-price sly-old-price", "oldPrice"),
            FrameForm::Range => ("old-price", ""),
        };
        format!(
            "<span class=\"{group}\">\n<span class=\"{class}\">\n{label}\n\
             <span{id} data-price-amount=\"{amount}\" data-price-type=\"{kind}\" class=\"price-wrapper {twin}\"><span class=\"price\">{text}</span></span>\n\
             </span>\n</span>"
        )
    }

    /// What the cart deducts from one unit, as the box would write it; nothing where that depends on what is chosen.
    fn saving(&self, product: &ProductPlan, known: &PlannedBox, units: &[Amounts]) -> Option<String> {
        let current = known.current.as_ref()?;
        let side = |amounts: &Amounts| current.side.of(amounts).or(amounts.lead());
        let savings = product
            .facts
            .units
            .iter()
            .zip(units)
            .map(|(old, new)| side(&old.amounts).zip(side(new)).map(|(old, new)| cents(old) - cents(new)));
        let savings: Vec<Decimal> = savings.collect::<Option<_>>()?;
        let first = *savings.first()?;
        let same = savings.iter().all(|saving| *saving == first) && !first.is_zero();
        let number = same.then(|| current.format.write(first, self.plan.four_grouped)).flatten()?;
        Some(format!("-{}", self.around(current, &number)))
    }

    /// Writes the offers' labels, and after those that the cart deducts, how much that is.
    fn write_labels(&mut self, product: ProductId, known: &PlannedBox, labels: &[Label], saving: Option<&str>) {
        let labels: Vec<&Label> = labels.iter().filter(|label| !label.text.trim().is_empty()).collect();
        let last = labels.iter().rposition(|label| label.deducted);
        for (at, label) in labels.iter().enumerate() {
            let mut html = escape(&label.text);
            if last == Some(at) {
                html.extend(saving.map(|saving| format!(" {saving}")));
                html.extend(self.deducted().map(|note| format!(", {note}")));
            }
            self.styled = true;
            self.changes.push(Change::Slot { product, slot: Slot::Label, old: String::new(), new: html.clone() });
            let html = format!("<span class=\"segue-offer\">{html}</span>");
            self.edit(Span::at(known.end), EditSide::Append, html);
        }
    }

    /// That a price is reached in the cart, in the shop's words or in the page's language.
    fn deducted(&self) -> Option<String> {
        let language = self.plan.store().language.as_deref().unwrap_or("en");
        let own = self.dressing.display.deducted.as_deref();
        own.or_else(|| wording::deducted(language)).map(escape).filter(|note| !note.is_empty())
    }

    /// What the law asks to be said of a personalised price.
    fn disclose(&mut self, product: ProductId, known: &PlannedBox) {
        let Some(disclosure) = &self.dressing.display.disclosure else { return };
        self.styled = true;
        let new = disclosure.clone();
        let html = format!("<span class=\"segue-disclosure\">{}</span>", escape(&new));
        self.changes.push(Change::Slot { product, slot: Slot::Disclosure, old: String::new(), new });
        self.edit(Span::at(known.end), EditSide::Append, html);
    }
}

/// What the cart leaves of a price with fractions of a cent: it rounds what it takes off up at half a cent.
fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointTowardZero)
}
