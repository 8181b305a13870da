//! What scripts print: the prices of boxes, of variants, of the parts of a bundle, of options.

use rust_decimal::Decimal;

use super::{Builder, PlaceKind, Writing, amounts_of_set, share_of, value_of};
use crate::page::{Amounts, Share, Whose};
use crate::rewrite::json::amounts::{PriceSet, Tier};
use crate::rewrite::plan::boxes::{Copied, Shape, ShownPrice, Side, is_same};
use crate::rewrite::plan::extras::Choice;
use crate::rewrite::plan::ledger::{Formula, ValueId};
use crate::rewrite::plan::reason::Reason;

impl Builder<'_, '_> {
    pub(super) fn note_configs(&mut self) -> Result<(), Reason> {
        self.check_old()?;
        let configs = self.sources.configs.clone();
        for config in configs {
            if config.prices.is_unknown {
                return Err(Reason::ScriptPrices);
            }
            self.note_set(&config.prices)?;
            for tier in config.tiers.iter().filter(|tier| !tier.is_empty()) {
                self.note_tier(tier, &self.whose.clone())?;
            }
        }
        Ok(())
    }

    /// The regular price of a box at one price is the one that scripts print there.
    pub(super) fn check_old(&self) -> Result<(), Reason> {
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
    pub(super) fn note_set(&mut self, set: &PriceSet) -> Result<(), Reason> {
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

    pub(super) fn note_amounts(&mut self, set: &PriceSet, value: ValueId) {
        for (amount, side) in [(set.final_price, Side::Final), (set.base_price, Side::Base)] {
            if let Some(amount) = amount {
                self.place(PlaceKind::Script, amount.number, value, side, Decimal::ZERO, Writing::Exact);
            }
        }
    }

    pub(super) fn note_tier(&mut self, tier: &Tier, whose: &Whose) -> Result<ValueId, Reason> {
        let amounts = Amounts { final_price: value_of(tier.final_price), base_price: value_of(tier.base_price) };
        let value = self.ledger.unit_value(whose, Share::Whole, amounts);
        for (amount, side) in [(tier.final_price, Side::Final), (tier.base_price, Side::Base)] {
            if let Some(amount) = amount {
                self.place(PlaceKind::Script, amount.number, value, side, Decimal::ZERO, Writing::Number);
            }
        }
        Ok(value)
    }

    pub(super) fn note_choices(&mut self, main: ValueId) -> Result<(), Reason> {
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

    pub(super) fn note_bundle(&mut self) -> Result<(), Reason> {
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

    pub(super) fn note_extras(&mut self) -> Result<(), Reason> {
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
}
