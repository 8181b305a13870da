//! What a page leads with: the price that is charged, or the cheapest of several.

use rust_decimal::Decimal;

use super::{Builder, amounts_of, amounts_of_info, amounts_of_set, share_of, whose_of};
use crate::page::{Amounts, Share, Whose};
use crate::rewrite::json::bundle::Bundle;
use crate::rewrite::json::product_info::InfoKey;
use crate::rewrite::plan::boxes::{Copied, Shape, Side, is_same};
use crate::rewrite::plan::ledger::{Formula, Pick, Term, ValueId};
use crate::rewrite::plan::reason::Reason;

impl Builder<'_, '_> {
    /// What the page leads with. Units are added in the order of what is known best.
    pub(super) fn lead(&mut self) -> Result<ValueId, Reason> {
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
    pub(super) fn own_share(&self) -> Share {
        let adds = self.sources.extras.iter().any(|(_, extra)| extra.follows);
        if adds { Share::Part } else { Share::Whole }
    }

    /// The cheapest variant; cheaper ones than the box shows may be those that are sold out.
    pub(super) fn lead_of_variants(&mut self) -> Result<ValueId, Reason> {
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
    pub(super) fn lead_of_members(&mut self) -> Result<ValueId, Reason> {
        self.whose = Whose::SomeMember;
        let info = self.sources.infos.first().ok_or(Reason::UnknownMarkup)?;
        let amounts = amounts_of_info(info, InfoKey::Final).ok_or(Reason::UnknownMarkup)?;
        Ok(self.ledger.unit_value(&Whose::SomeMember, Share::Whole, amounts))
    }

    pub(super) fn lead_of_bundle(&mut self, bundle: &Bundle) -> Result<ValueId, Reason> {
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
}
