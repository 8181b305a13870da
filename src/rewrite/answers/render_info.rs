//! `products-render-info`: amounts and texts of products as widgets such as "recently viewed" show them.

use rust_decimal::Decimal;

use super::{Choices, Edit, once};
use crate::decision::select::PriceChange;
use crate::page::{Amounts, PageFacts, PageKind, ProductFacts, Share, UnitFacts, Whose};
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::json::product_info::{InfoAmount, InfoKey, ProductInfo};
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::amount_like;
use crate::rule::discount::cents;

/// What is written into an answer; nothing for one that is no such.
pub(super) fn edits(answer: &str, choices: &Choices<'_>) -> Option<Vec<Edit>> {
    let mut cursor = Cursor::new(answer);
    let mut items = None;
    cursor.object(|key, cursor| match &*key.text() {
        "items" => {
            let mut list = Vec::new();
            cursor.array(|cursor| {
                list.push(cursor.skip()?);
                Some(())
            })?;
            once(&mut items, list)
        }
        _ => Some(()),
    })?;
    cursor.is_done().then_some(())?;
    let whole = Layer::of(answer, Span::new(0..answer.len()));
    let read = |item| Known::of(ProductInfo::read(answer, &whole, item)?);
    let mut known: Vec<Known> = items?.into_iter().filter_map(read).collect();
    known.sort_by_key(|known| known.info.product);
    // Of a product that is there twice nobody could say which is meant.
    let twice = |at: usize| {
        let product = known[at].info.product;
        [at.checked_sub(1), Some(at + 1)]
            .into_iter()
            .flatten()
            .any(|other| known.get(other).is_some_and(|other| other.info.product == product))
    };
    let single: Vec<&Known> = (0..known.len()).filter(|at| !twice(*at)).map(|at| &known[at]).collect();
    let selection = (choices.prices)(&facts(&single));
    let written = |change: &PriceChange| {
        let at = single.binary_search_by_key(&change.product, |known| known.info.product).ok()?;
        single[at].written(answer, &change.units)
    };
    Some(selection.prices.iter().filter_map(written).flatten().collect())
}

fn facts(known: &[&Known]) -> PageFacts {
    let mut currencies: Vec<String> = known.iter().filter_map(|known| known.info.currency.clone()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let products =
        known.iter().map(|known| ProductFacts { id: known.info.product, sku: None, units: known.units.clone() });
    PageFacts { kind: PageKind::Other, currencies, products: products.collect() }
}

/// A product whose every amount is known to be one of its prices, or to stay.
struct Known {
    info: ProductInfo,
    units: Vec<UnitFacts>,
}

impl Known {
    fn of(info: ProductInfo) -> Option<Self> {
        // Fixed taxes are in the amounts, and no offer reaches them.
        (!info.has_fixed_tax && info.currency.is_some()).then_some(())?;
        let whose = whose(&info.kind)?;
        let mut units: Vec<UnitFacts> = Vec::new();
        for key in [InfoKey::Final, InfoKey::Minimal, InfoKey::Max] {
            let value = |without_tax| info.amount(key, without_tax).map(|amount| amount.value);
            let amounts = Amounts { final_price: value(false), base_price: value(true) };
            let unit = UnitFacts { whose: whose.clone(), share: Share::Whole, amounts };
            if amounts.final_price.is_some() && !units.contains(&unit) {
                units.push(unit);
            }
        }
        let known = Self { info, units };
        known.info.amounts.iter().all(|amount| known.role(amount).is_some()).then_some(known)
    }

    /// Which unit's price an amount is, or that it stays; nothing where it is neither.
    fn role(&self, amount: &InfoAmount) -> Option<Role> {
        let own = self.units.iter().position(|unit| side(&unit.amounts, amount) == Some(amount.value)).map(Role::Unit);
        let regular = self.info.amount(InfoKey::Regular, amount.without_tax).map(|regular| regular.value);
        match amount.key {
            InfoKey::Regular => Some(Role::Stays),
            // Magento states the regular price in these, or the current one where it means that.
            InfoKey::MaxRegular | InfoKey::MinimalRegular if regular == Some(amount.value) => Some(Role::Stays),
            InfoKey::MaxRegular | InfoKey::MinimalRegular => Some(own.unwrap_or(Role::Stays)),
            InfoKey::Final | InfoKey::Max | InfoKey::Minimal | InfoKey::Special | InfoKey::WeeeAdjustment => own,
        }
    }

    /// All of a product's new numbers and texts, or none.
    fn written(&self, answer: &str, new: &[Amounts]) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        for amount in &self.info.amounts {
            let Some(Role::Unit(unit)) = self.role(amount) else { continue };
            let price = side(new.get(unit)?, amount)?;
            (price <= amount.value && !price.is_sign_negative()).then_some(())?;
            if price == amount.value {
                continue;
            }
            if let Some(number) = amount.number {
                let text = amount_like(number.of(answer), cents(price));
                edits.push(Edit { range: number.range(), text });
            }
            if let Some(text) = &amount.text {
                edits.push(Edit { range: text.price.number.range(), text: text.price.write(cents(price), None)? });
            }
        }
        Some(edits)
    }
}

/// What becomes of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Stays,
    Unit(usize),
}

fn side(amounts: &Amounts, amount: &InfoAmount) -> Option<Decimal> {
    if amount.without_tax { amounts.base_price } else { amounts.final_price }
}

/// Whose prices a product of a type states.
fn whose(kind: &str) -> Option<Whose> {
    Some(match kind {
        "simple" | "virtual" | "downloadable" => Whose::Product,
        "configurable" => Whose::SomeVariant,
        "grouped" => Whose::SomeMember,
        "bundle" => Whose::SomeComponents,
        _ => return None,
    })
}
