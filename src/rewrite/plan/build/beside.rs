//! What stands beside choices and in lists of prices by quantity.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Builder, PlaceKind, Rounding, Writing, value_of};
use crate::page::{Amounts, Share};
use crate::rewrite::json::amounts::{Amount, PriceSet};
use crate::rewrite::plan::boxes::{Side, is_rounding_of, is_same};
use crate::rewrite::plan::extras::{Choice, Notice, Priced, price_in, prices_in};
use crate::rewrite::plan::ledger::ValueId;
use crate::rewrite::plan::reason::Reason;
use crate::rewrite::plan::text::{Span, decode};
use crate::rewrite::price::parse_amount;

impl Builder<'_, '_> {
    /// Whether the amounts beside a choice are all its own, so that they stay as it stays.
    pub(super) fn stands_beside(&self, choice: &Choice, prices: &PriceSet) -> bool {
        let own = [prices.final_price, prices.base_price].map(value_of);
        let beside = self.sources.notices.into_iter().flat_map(|notices| notices.of(choice));
        beside.flat_map(|notice| &notice.priced).all(|priced| {
            let said = priced.learn(self.sources.page).map(|(amount, _)| amount);
            said.is_some_and(|said| own.into_iter().flatten().any(|own| is_same(own, said)))
        })
    }

    /// What stands beside a choice says the same as the script's data.
    pub(super) fn note_notice(&mut self, choice: &Choice, value: ValueId) -> Result<(), Reason> {
        let Some(notices) = self.sources.notices else { return Ok(()) };
        notices.of(choice).try_for_each(|notice| self.note_one(notice, value))
    }

    pub(super) fn note_one(&mut self, notice: &Notice, value: ValueId) -> Result<(), Reason> {
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

    pub(super) fn note_priced(&mut self, priced: &Priced, value: ValueId) -> Result<(), Reason> {
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
    pub(super) fn note_tiers(&mut self, main: ValueId) -> Result<(), Reason> {
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

    pub(super) fn note_hidden_tiers(&mut self) -> Result<(), Reason> {
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

    pub(super) fn note_percent(&mut self, percent: Span, reduced: ValueId, of: ValueId) -> Result<(), Reason> {
        let text = decode(percent.of(self.sources.page)).into_owned();
        let number = text.trim_matches(|ch: char| ch.is_whitespace() || ch == '\u{a0}');
        let stated: Decimal = number.parse().map_err(|_| Reason::TierPrices)?;
        let raw = percent.of(self.sources.page);
        let at = raw.find(number).ok_or(Reason::TierPrices)?;
        let span = Span::new(at..at + number.len()).within(percent.start);
        self.note_saving(Some(Amount { value: stated, number: span }), reduced, of);
        Ok(())
    }

    /// How much a price by quantity saves follows, where it is clear how it was reckoned.
    pub(super) fn note_saving(&mut self, percentage: Option<Amount>, reduced: ValueId, of: ValueId) {
        let (old, full) = (self.ledger.old(reduced), self.ledger.old(of));
        let rounding = percentage.and_then(|stated| Rounding::learn(stated.value, full, old));
        if let Some((amount, rounding)) = percentage.zip(rounding) {
            let writing = Writing::Saving(of, rounding);
            self.place(PlaceKind::Saving, amount.number, reduced, Side::Final, Decimal::ZERO, writing);
        }
    }
}
