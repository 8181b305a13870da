//! For which products of the catalogue a rule holds, by themselves.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::Reason;
use super::unit::{asks_for_products, asks_for_the_line, has_unknown_class};
use crate::catalog::{Entry, Index};
use crate::rule::Products;
use crate::rule::cart_rule::{Cart, CartAddress, CartLine, CartTax, Condition, Coupon, Operator, Truth};
use crate::rule::matching::Matching;
use crate::site::{TaxBasis, TaxComputed};

/// Attributes that every product has outside of its values.
const OWN: [&str; 4] = ["sku", "category_ids", "attribute_set_id", "type_id"];

/// The catalogue as carts of one unit.
pub(super) struct Catalogue<'a> {
    index: Option<&'a Index>,
    known: OnceLock<Arc<[u64]>>,
    remembered: &'a Remembered,
}

/// What was asked of a catalogue before: a hundred thousand products take their time, and most rules stay as they are when others change.
#[derive(Clone, Debug, Default)]
pub struct Remembered(Arc<Mutex<HashMap<String, Arc<Matching>>>>);

/// Questions remembered of one catalogue.
const MOST_REMEMBERED: usize = 10_000;

impl Remembered {
    fn get(&self, question: &str) -> Option<Arc<Matching>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(question).cloned()
    }

    fn keep(&self, question: String, matching: Arc<Matching>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(question, matching);
    }
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(index: Option<&'a Index>, remembered: &'a Remembered) -> Self {
        Self { index, known: OnceLock::new(), remembered }
    }

    /// The products of `own` that a rule is for when one unit of them is a cart of its own and whatever else is in it.
    pub(super) fn products(
        &self,
        conditions: &Condition,
        lines: &Condition,
        own: &Products,
    ) -> Result<Products, Reason> {
        if [conditions, lines].into_iter().any(has_unknown_class) {
            return Err(Reason::UnknownClass);
        }
        if [conditions, lines].into_iter().any(asks_for_the_line) {
            return Err(Reason::Conditions);
        }
        if !asks_for_products(conditions) && !asks_for_products(lines) {
            // Nothing depends on the product.
            let empty = cart(Vec::new(), &Arc::default());
            let holds = conditions.truth(&empty);
            return if holds == Truth::True { Ok(own.clone()) } else { Err(Reason::Conditions) };
        }
        match (only_skus(conditions, lines), own) {
            (Some(skus), Products::All) => return Ok(Products::Skus(skus)),
            (Some(skus), Products::Skus(own)) => return Ok(Products::Skus(own.intersection(&skus).cloned().collect())),
            _ => {}
        }
        let index = self.index.ok_or(Reason::CatalogueUnknown)?;
        let mut asked = conditions.attributes();
        asked.extend(lines.attributes());
        if asked.iter().any(|code| !OWN.contains(code) && !index.tracks(code)) {
            return Err(Reason::CatalogueUnknown);
        }
        let question = format!("{conditions:?} {lines:?} {own:?}");
        let matching = self.remembered.get(&question).unwrap_or_else(|| {
            let matching = Arc::new(self.matching(index, conditions, lines, own));
            self.remembered.keep(question, Arc::clone(&matching));
            matching
        });
        Ok(Products::Matching(matching))
    }

    fn matching(&self, index: &Index, conditions: &Condition, lines: &Condition, own: &Products) -> Matching {
        let known = self.known.get_or_init(|| {
            let mut ids: Vec<u64> = index.iter().map(|entry| entry.id().0).collect();
            ids.sort_unstable();
            ids.into()
        });
        let mut matching = Matching::new(Arc::clone(known));
        for entry in index.iter() {
            let truth = |line: &Cart| conditions.truth(line).and(lines.line_truth(line, 0));
            let is_own = |entry: Entry<'_>| match own {
                Products::All | Products::Matching(_) => true,
                Products::Ids(ids) => ids.contains(&entry.id()),
                Products::Skus(skus) => skus.contains(&entry.sku().to_lowercase()),
            };
            let multiselects = index.multiselects();
            let alone = cart(vec![line(entry, None)], multiselects);
            matching.add(entry.id(), if is_own(entry) { truth(&alone) } else { Truth::False });
            if entry.kind() != "configurable" {
                continue;
            }
            for child in entry.children() {
                let with_variant = cart(vec![line(entry, None), line(child, Some(0))], multiselects);
                let is_own = is_own(entry) || is_own(child);
                let truth = if is_own { truth(&with_variant) } else { Truth::False };
                matching.add_variant(entry.id(), child.id(), truth);
            }
        }
        matching.finish()
    }
}

/// The SKUs that a rule is for, where its only condition is a list of them.
fn only_skus(conditions: &Condition, lines: &Condition) -> Option<BTreeSet<String>> {
    let is_always = matches!(conditions, Condition::Combine(combine) if combine.parts.is_empty());
    let Condition::Combine(combine) = lines else { return None };
    let [Condition::Product { test, .. }] = combine.parts.as_slice() else { return None };
    let is_list = matches!(test.operator(), Operator::OneOf | Operator::Is) && test.attribute() == "sku";
    (is_always && is_list && combine.value).then(|| test.texts().map(str::to_lowercase).collect())
}

/// A line of one unit of a product of the catalogue. Prices are none of its business: what asks for them was sorted out.
fn line(entry: Entry<'_>, parent: Option<usize>) -> CartLine {
    CartLine {
        parent,
        product: Some(entry.id()),
        kind: entry.kind().to_owned(),
        sku: entry.sku().to_owned(),
        product_sku: Some(entry.sku().to_owned()),
        quantity: Decimal::ONE,
        unit_price: Decimal::ZERO,
        base_unit_price: Decimal::ZERO,
        unit_price_with_tax: None,
        base_unit_price_with_tax: None,
        row_total: Decimal::ZERO,
        base_row_total: Decimal::ZERO,
        row_total_with_tax: None,
        base_row_total_with_tax: None,
        tax_percent: None,
        weight: None,
        is_virtual: false,
        facts: entry.facts(),
    }
}

/// A cart of which only these lines are known.
fn cart(lines: Vec<CartLine>, multiselects: &Arc<BTreeSet<String>>) -> Cart {
    Cart {
        store_id: 0,
        website_id: 0,
        rate: Decimal::ONE,
        tax: CartTax {
            catalog_prices: TaxBasis::Excluding,
            discount_on: TaxBasis::Excluding,
            computed: TaxComputed::AfterDiscount,
        },
        today: Date::ZERO,
        customer_group: None,
        audiences: None,
        coupon: Coupon::Unknown,
        address: CartAddress::Unknown,
        payment_method: None,
        lines,
        is_complete: false,
        multiselects: Arc::clone(multiselects),
    }
}
