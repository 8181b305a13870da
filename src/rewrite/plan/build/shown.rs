//! What price boxes show.

use std::sync::Arc;

use super::{Builder, PlaceKind, Writing, agree, amounts_of, whose_of};
use crate::page::{Amounts, Share, Whose};
use crate::rewrite::plan::boxes::{Copied, PriceBox, Shape, ShownPrice, Side};
use crate::rewrite::plan::ledger::{Formula, ValueId};
use crate::rewrite::plan::reason::Reason;

/// Every set of a bundle's options is tried where some may be left out: their number doubles with each.
const MOST_OPTIONS: usize = 8;

impl Builder<'_, '_> {
    pub(super) fn note_boxes(&mut self, main: ValueId) -> Result<(), Reason> {
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
    pub(super) fn value_of_box(
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
            Copied::Tier => Ok(self.ledger.unit_value(&self.whose.clone(), Share::Whole, amounts)),
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
    pub(super) fn some_sum(&mut self, amounts: Amounts) -> Result<ValueId, Reason> {
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
    pub(super) fn sum_of_some(&mut self, amounts: Amounts) -> Option<ValueId> {
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

    pub(super) fn note_shown(&mut self, price: &ShownPrice, value: ValueId) -> Result<(), Reason> {
        let text = Writing::Text(Arc::clone(&price.format), price.text);
        self.place(PlaceKind::Amount, price.amount_slot, value, price.side, price.fixed_tax, Writing::Number);
        self.place(PlaceKind::Visible, price.format.number, value, price.side, price.fixed_tax, text);
        Ok(())
    }
}
