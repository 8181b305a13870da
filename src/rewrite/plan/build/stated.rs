//! What is stated for machines: metas, structured data, and what the browser is to keep.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Builder, PlaceKind, Writing, amounts_of_info};
use crate::page::{Amounts, Whose};
use crate::rewrite::json::product_info::{InfoAmount, InfoKey, ProductInfo};
use crate::rewrite::json::structured::{Bound, Stated};
use crate::rewrite::plan::boxes::{Side, is_rounding_of, is_same};
use crate::rewrite::plan::ledger::{Formula, ValueId};
use crate::rewrite::plan::reason::Reason;
use crate::rewrite::plan::text::{Span, decode};
use crate::rewrite::price::parse_amount;

impl Builder<'_, '_> {
    /// What the browser keeps for other pages is the price of this shopper, as it is where a customer group has its own.
    pub(super) fn note_infos(&mut self, main: ValueId) -> Result<(), Reason> {
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
    pub(super) fn unit_of(&self, value: ValueId, amounts: Amounts) -> Option<usize> {
        match self.ledger.formula(value) {
            Formula::Unit(unit) if self.agrees(value, Amounts { base_price: None, ..amounts }) => Some(*unit),
            _ => None,
        }
    }

    pub(super) fn note_info(&mut self, info: &ProductInfo, amount: &InfoAmount, main: ValueId) -> Result<(), Reason> {
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
    pub(super) fn is_regular(&self, info: &ProductInfo, amount: &InfoAmount, regular: Option<Decimal>) -> bool {
        let current = info.amount(InfoKey::Final, amount.without_tax).map(|current| current.value);
        let highest = info.amount(InfoKey::Max, amount.without_tax).map(|highest| highest.value);
        let is_current = current == Some(amount.value) || highest == Some(amount.value);
        regular == Some(amount.value) || !is_current
    }

    /// The dearest of what is known at this price.
    pub(super) fn highest(&mut self, amount: Decimal, side: Side) -> Option<ValueId> {
        let variants =
            (0..self.ledger.units.len()).filter(|at| matches!(self.ledger.units[*at].whose, Whose::Variant { .. }));
        let variants: Vec<usize> = variants.collect();
        if variants.is_empty() {
            return self.ledger.find(amount, side);
        }
        Some(self.ledger.value(Formula::Most(variants)))
    }

    pub(super) fn note_metas(&mut self, main: ValueId) -> Result<(), Reason> {
        let metas = self.sources.metas.clone();
        metas.into_iter().try_for_each(|meta| self.note_meta(meta, main))
    }

    pub(super) fn note_meta(&mut self, content: Span, main: ValueId) -> Result<(), Reason> {
        let stated = parse_amount(&decode(content.of(self.sources.page))).ok_or(Reason::BadAmount)?;
        let (value, side) = self.stated(stated, main).ok_or(Reason::Contradiction)?;
        self.place(PlaceKind::Meta, content, value, side, Decimal::ZERO, Writing::Number);
        Ok(())
    }

    /// The value that a number for machines states, perhaps rounded: the main one, if it can be that.
    pub(super) fn stated(&self, stated: Decimal, main: ValueId) -> Option<(ValueId, Side)> {
        let is_it = |amount: Decimal| is_rounding_of(stated, amount);
        let old = self.ledger.old(main);
        let of_main = [Side::Final, Side::Base].into_iter().find(|side| side.of(&old).is_some_and(is_it));
        of_main.map(|side| (main, side)).or_else(|| self.ledger.find_rounded(is_it))
    }

    pub(super) fn note_structured(&mut self, main: ValueId) -> Result<(), Reason> {
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
    pub(super) fn variant_stated(&mut self, stated: &Stated) -> Option<(ValueId, Side)> {
        let innermost = stated.skus.last()?;
        let is_it = |amount: Decimal| is_rounding_of(stated.amount.value, amount);
        let unit = self.ledger.units.iter().position(|unit| {
            matches!(&unit.whose, Whose::Variant { sku: Some(sku), .. } if sku == innermost)
                && unit.amounts.final_price.is_some_and(is_it)
        })?;
        Some((self.ledger.value(Formula::Unit(unit)), Side::Final))
    }

    /// Any of the units at a price, as long as they stay equal.
    pub(super) fn any_unit(&mut self, is_it: impl Fn(Decimal) -> bool) -> Option<(ValueId, Side)> {
        let units = self.ledger.units_at(is_it);
        if units.is_empty() { None } else { Some((self.ledger.value(Formula::Any(units)), Side::Final)) }
    }
}
