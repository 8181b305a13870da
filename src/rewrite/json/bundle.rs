//! The data of a bundle: `optionConfig` of Magento's `priceBundle`.

use rust_decimal::Decimal;

use super::amounts::{PriceSet, amount};
use super::cursor::Cursor;
use super::{format, id_of, whole_id};
use crate::page::ProductId;
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::price::PriceFormat;

/// A bundle with everything that can be chosen for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The bundle itself.
    pub(crate) product: Option<ProductId>,
    /// Its own price, to which those of the selections are added; zero where the price is made of the selections' alone.
    pub(crate) prices: PriceSet,
    /// Whether it has a price of its own.
    pub(crate) is_fixed: bool,
    /// What can be chosen.
    pub(crate) options: Vec<BundleOption>,
    /// How prices are printed.
    pub(crate) format: Option<PriceFormat>,
}

/// One choice of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BundleOption {
    /// Its id.
    pub(crate) id: u64,
    /// Whether several selections can be made.
    pub(crate) is_multi: bool,
    /// What can be selected.
    pub(crate) selections: Vec<Selection>,
    /// The ids of those that are selected from the start.
    pub(crate) selected: Vec<u64>,
}

/// A product that can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The selection's id.
    pub(crate) id: u64,
    /// The product.
    pub(crate) product: Option<ProductId>,
    /// How many of it.
    pub(crate) quantity: Decimal,
    /// The price of one.
    pub(crate) prices: PriceSet,
    /// Prices by quantity.
    pub(crate) tiers: Vec<PriceSet>,
}

impl Bundle {
    pub(super) fn read(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Self> {
        let mut bundle = Self::default();
        let mut selected = Vec::new();
        cursor.object(|key, cursor| {
            match &*key.text() {
                "bundleId" => bundle.product = Some(id_of(cursor)?),
                "prices" => bundle.prices = PriceSet::read(cursor, layer)?,
                "isFixedPrice" => {
                    let range = cursor.skip()?;
                    bundle.is_fixed = matches!(&cursor.text()[range], "true" | "1" | "\"1\"");
                }
                "options" => bundle.options = options(cursor, layer)?,
                "selected" => selected = self::selected(cursor)?,
                "priceFormat" => bundle.format = format(cursor),
                _ => {}
            }
            Some(())
        })?;
        for option in &mut bundle.options {
            let chosen = selected.iter().filter(|(id, _)| *id == option.id);
            option.selected = chosen.map(|(_, selection)| *selection).collect();
        }
        Some(bundle)
    }
}

fn options(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<BundleOption>> {
    let mut options = Vec::new();
    if cursor.peek()? == b'{' {
        cursor.object(|key, cursor| {
            let mut option = BundleOption { id: whole_id(&key.text())?.0, ..BundleOption::default() };
            cursor.object(|key, cursor| {
                match &*key.text() {
                    "isMulti" => {
                        let range = cursor.skip()?;
                        option.is_multi = matches!(&cursor.text()[range], "true" | "1" | "\"1\"");
                    }
                    "selections" => option.selections = selections(cursor, layer)?,
                    _ => {}
                }
                Some(())
            })?;
            options.push(option);
            Some(())
        })?;
    }
    Some(options)
}

fn selections(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<Selection>> {
    let mut selections = Vec::new();
    if cursor.peek()? == b'{' {
        cursor.object(|key, cursor| {
            selections.push(selection(whole_id(&key.text())?.0, cursor, layer)?);
            Some(())
        })?;
    }
    Some(selections)
}

fn selection(id: u64, cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Selection> {
    let mut found =
        Selection { id, product: None, quantity: Decimal::ONE, prices: PriceSet::default(), tiers: Vec::new() };
    cursor.object(|key, cursor| {
        match &*key.text() {
            "optionId" => found.product = Some(id_of(cursor)?),
            "qty" => found.quantity = amount(cursor, layer)?.value,
            "prices" => found.prices = PriceSet::read(cursor, layer)?,
            "tierPrice" => found.tiers = tier_prices(cursor, layer)?,
            _ => {}
        }
        Some(())
    })?;
    Some(found)
}

/// Prices by quantity are whole sets of prices here.
fn tier_prices(cursor: &mut Cursor<'_>, layer: &Layer<'_>) -> Option<Vec<PriceSet>> {
    let mut tiers = Vec::new();
    cursor.elements(|cursor| {
        cursor.object(|key, cursor| {
            if key.is("prices") {
                tiers.push(PriceSet::read(cursor, layer)?);
            }
            Some(())
        })
    })?;
    Some(tiers)
}

/// Pairs of option and selection.
fn selected(cursor: &mut Cursor<'_>) -> Option<Vec<(u64, u64)>> {
    let mut pairs = Vec::new();
    if cursor.peek()? != b'{' {
        return Some(pairs);
    }
    cursor.object(|key, cursor| {
        let option = whole_id(&key.text())?.0;
        let mut add = |cursor: &mut Cursor<'_>| {
            pairs.push((option, id_of(cursor)?.0));
            Some(())
        };
        if matches!(cursor.peek()?, b'[' | b'{') { cursor.elements(add) } else { add(cursor) }
    })?;
    Some(pairs)
}
