//! Reads one offer.

use std::collections::BTreeSet;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Scope, bounded, read_decimal, read_text};
use crate::document::{Field, Reader};
use crate::page::ProductId;
use crate::rule::{Action, Charge, Labels, Offer, Products};

/// Commerce keeps amounts as `decimal(20,4)`; nobody's currency needs more than this.
const HIGHEST_AMOUNT: u32 = 1_000_000_000;

const ACTIONS: [(&str, Action); 4] = [
    ("by_percent", Action::ByPercent),
    ("by_fixed", Action::ByFixed),
    ("to_percent", Action::ToPercent),
    ("to_fixed", Action::ToFixed),
];

pub(super) fn read(reader: &Reader<'_>, scope: &Scope<'_>) -> Option<Offer> {
    let common = scope.common(reader);
    let stop = reader.optional("stop").map_or(Some(false), |field| field.boolean());
    let charge = reader.required("charge").and_then(|field| read_charge(&field));
    let words = read_words(reader, charge.as_ref());
    let floor = reader.optional("floor").map(|field| read_floor(&field));
    let products = reader.optional("products").map_or(Some(Products::All), |field| read_products(&field));
    let labels = reader
        .optional("labels")
        .map_or(Some(Labels::default()), |field| scope.by_view(&field, |text| read_text(text).map(Into::into)));
    let (common, labels, charge, words) = (common?, labels?, charge?, words?);
    if charge == Charge::None && labels == Labels::default() {
        scope.warnings.add(reader.place(), "is never shown: it is not charged and has no labels");
    }
    Some(Offer {
        id: common.id,
        name: common.name,
        audiences: common.audiences,
        websites: common.websites,
        store_views: common.store_views,
        days: common.days,
        priority: common.priority,
        stop: stop?,
        action: words.map_or(Action::ByPercent, |(action, _)| action),
        amount: words.map_or(Decimal::ZERO, |(_, amount)| amount),
        is_stated: words.is_some(),
        customer_groups: None,
        floor: match floor {
            Some(floor) => Some(floor?),
            None => None,
        },
        products: products?,
        labels,
        charge,
        label_only: false,
        paused: false,
    })
}

/// What the offer itself says that it does; none where that is for its cart price rule to say. `None` where it is wrong.
fn read_words(reader: &Reader<'_>, charge: Option<&Charge>) -> Option<Option<(Action, Decimal)>> {
    let (action, amount) = (reader.optional("action"), reader.optional("amount"));
    if action.is_none() && amount.is_none() && charge.is_some_and(|charge| charge.rule_id().is_some()) {
        return Some(None);
    }
    let action = action.or_else(|| reader.required("action")).and_then(|field| field.word(&ACTIONS));
    let amount = amount.or_else(|| reader.required("amount")).and_then(|field| read_amount(&field, action));
    Some(Some((action?, amount?)))
}

/// An amount that does what its action says; `to_percent` and `to_fixed` may be 0, which is free.
fn read_amount(field: &Field<'_>, action: Option<Action>) -> Option<Decimal> {
    let amount = read_decimal(field)?;
    let percent = matches!(action, Some(Action::ByPercent | Action::ToPercent));
    let to = matches!(action, Some(Action::ToPercent | Action::ToFixed));
    let wrong = if amount < Decimal::ZERO || (amount.is_zero() && !to) {
        if to { "must not be below 0" } else { "must be above 0" }
    } else if percent && amount > Decimal::ONE_HUNDRED {
        "must be at most 100 percent"
    } else if amount > Decimal::from(HIGHEST_AMOUNT) {
        "must be at most 1000000000"
    } else {
        return Some(amount);
    };
    field.mistake(wrong);
    None
}

/// A floor of 0 would forbid nothing.
fn read_floor(field: &Field<'_>) -> Option<Decimal> {
    let floor = read_decimal(field)?;
    if floor <= Decimal::ZERO || floor > Decimal::from(HIGHEST_AMOUNT) {
        field.mistake("must be above 0 and at most 1000000000; without a floor, leave it out");
        return None;
    }
    Some(floor)
}

fn read_products(field: &Field<'_>) -> Option<Products> {
    if field.value.is_string() {
        return field.word(&[("all", ())]).map(|()| Products::All);
    }
    let reader = field.object()?;
    let ids = reader.optional("ids").map(|list| read_ids(&list));
    let skus = reader.optional("skus").map(|list| read_skus(&list));
    reader.finish();
    match (ids, skus) {
        (Some(ids), None) => ids.map(Products::Ids),
        (None, Some(skus)) => skus.map(Products::Skus),
        _ => {
            field.mistake("must be \"all\", or have either ids or skus");
            None
        }
    }
}

fn read_ids(list: &Field<'_>) -> Option<BTreeSet<ProductId>> {
    let items = non_empty(list)?;
    let id = |item: &Field<'_>| item.within(1, i64::MAX).and_then(|id| u64::try_from(id).ok()).map(ProductId);
    Some(items.iter().filter_map(id).collect())
}

/// Magento compares SKUs without case.
fn read_skus(list: &Field<'_>) -> Option<BTreeSet<String>> {
    let items = non_empty(list)?;
    Some(items.iter().filter_map(read_text).map(|sku| sku.to_lowercase()).collect())
}

fn non_empty<'a>(list: &Field<'a>) -> Option<Vec<Field<'a>>> {
    let items = bounded(list)?;
    if items.is_empty() {
        list.mistake("must name a product; for every product write \"products\": \"all\"");
        return None;
    }
    Some(items)
}

#[derive(Clone, Copy)]
enum ChargeType {
    None,
    Origin,
    Coupon,
}

fn read_charge(field: &Field<'_>) -> Option<Charge> {
    const WORDS: [(&str, ChargeType); 3] =
        [("none", ChargeType::None), ("origin", ChargeType::Origin), ("coupon", ChargeType::Coupon)];
    if field.value.is_string() {
        return match field.word(&WORDS)? {
            ChargeType::None => Some(Charge::None),
            ChargeType::Origin => {
                field.mistake("must name the Commerce rule: {\"type\": \"origin\", \"rule_id\": 7}");
                None
            }
            ChargeType::Coupon => {
                field.mistake("must name the Commerce rule: {\"type\": \"coupon\", \"rule_id\": 7}");
                None
            }
        };
    }
    let reader = field.object()?;
    let charge = match reader.required("type").and_then(|field| field.word(&WORDS)) {
        Some(ChargeType::None) => Some(Charge::None),
        Some(ChargeType::Origin) => read_rule_id(&reader).map(|rule_id| Charge::Origin { rule_id }),
        Some(ChargeType::Coupon) => {
            let code = reader.optional("code").map(|field| read_code(&field));
            match (read_rule_id(&reader), code) {
                (Some(rule_id), None) => Some(Charge::Coupon { rule_id, code: None }),
                (Some(rule_id), Some(Some(code))) => Some(Charge::Coupon { rule_id, code: Some(code) }),
                _ => None,
            }
        }
        None => return None,
    };
    reader.finish();
    charge
}

fn read_rule_id(reader: &Reader<'_>) -> Option<u64> {
    let id = reader.required("rule_id").and_then(|field| field.within(1, i64::from(u32::MAX)));
    id.and_then(|id| u64::try_from(id).ok())
}

/// Magento's longest code.
const LONGEST_CODE: usize = 255;

/// A code as shoppers type it.
fn read_code(field: &Field<'_>) -> Option<Arc<str>> {
    let code = field.text()?;
    if code.is_empty() || code.len() > LONGEST_CODE || code.trim() != code || code.chars().any(char::is_control) {
        field.mistake("must be a coupon's code, of at most 255 bytes and without blanks around it");
        return None;
    }
    Some(code.into())
}
