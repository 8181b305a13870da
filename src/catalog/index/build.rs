//! From products to an index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::pool::{Texts, UniqueLists, UniqueTexts, number};
use super::{Child, ENABLED, FREE, HAS_UNKNOWN_CHILD, Index, NO_SET, Row, Stored, slot};
use crate::catalog::category::Categories;
use crate::catalog::product::Product;
use crate::rule::cart_rule::AttributeValue;

/// Products at most. One more is left out, so that it counts as unknown; the longest SKU of each still has a number.
const MOST: usize = 1_000_000;

/// Bytes of texts, and entries of lists, at most: far below what a number can say, so that one more product always fits.
const MOST_IN_A_POOL: usize = 1 << 30;

/// The length of a text that is kept, in bytes. Magento's own columns of this kind end at 255 characters; a longer text makes a
/// description, which no rule can compare sensibly, so that its product is left out.
const LONGEST: usize = 1_000;

/// Collects products, in any order.
#[derive(Debug, Default)]
pub struct Builder {
    categories: Categories,
    tracked: Vec<String>,
    rows: BTreeMap<u32, Draft>,
    kinds: UniqueTexts,
    codes: UniqueTexts,
    texts: UniqueTexts,
    numbers: UniqueLists<u32>,
    values: UniqueLists<(u16, Stored)>,
    multiselects: BTreeSet<String>,
}

#[derive(Debug)]
struct Draft {
    row: Row,
    sku: Box<str>,
    children: Box<[Child]>,
}

impl Builder {
    /// For products whose attributes of these codes are known.
    pub fn new(categories: Categories, tracked: impl IntoIterator<Item = String>) -> Self {
        Self { categories, tracked: tracked.into_iter().collect(), ..Self::default() }
    }

    /// Adds a product, or replaces the one of the same id.
    pub fn push(&mut self, product: &Product) {
        let fits = self.rows.len() < MOST || self.rows.contains_key(&product.id);
        let Some(row) = self.row(product).filter(|_| fits) else {
            tracing::warn!(product.id = product.id, "a product is left out of the catalogue: it has more than fits");
            self.rows.remove(&product.id);
            return;
        };
        let draft = Draft { row, sku: product.sku.as_str().into(), children: product.children.as_slice().into() };
        self.rows.insert(product.id, draft);
    }

    fn row(&mut self, product: &Product) -> Option<Row> {
        let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
        let fullest = self.texts.bytes().max(self.numbers.len()).max(self.values.len());
        if product.sku.len() > LONGEST || fullest > MOST_IN_A_POOL {
            return None;
        }
        let values = self.values_of(product)?;
        Some(Row {
            attribute_set: product.attribute_set.unwrap_or(NO_SET),
            websites: self.numbers.number_of(&list(&product.websites)),
            assigned: self.numbers.number_of(&list(&product.categories)),
            matched: self.numbers.number_of(&list(&self.categories.matched(product))),
            values: self.values.number_of(&values),
            kind: u16::try_from(self.kinds.number_of(&product.kind)).ok()?,
            visibility: product.visibility.unwrap_or_default(),
            flags: if product.enabled { ENABLED } else { 0 },
            ..Row::default()
        })
    }

    fn values_of(&mut self, product: &Product) -> Option<Vec<(u16, Stored)>> {
        let mut values = Vec::with_capacity(product.attributes.len());
        for (code, value) in &product.attributes {
            let stored = match value {
                AttributeValue::One(text) => Stored::One(self.text(text)?),
                AttributeValue::Many(texts) => {
                    if !self.multiselects.contains(code) {
                        self.multiselects.insert(code.clone());
                    }
                    let places: Option<Vec<u32>> = texts.iter().map(|text| self.text(text)).collect();
                    Stored::Many(self.numbers.number_of(&places?))
                }
            };
            values.push((u16::try_from(self.codes.number_of(code)).ok()?, stored));
        }
        Some(values)
    }

    fn text(&mut self, text: &str) -> Option<u32> {
        (text.len() <= LONGEST).then(|| self.texts.number_of(text))
    }

    /// The index of what was added.
    pub fn build(self) -> Index {
        let mut index = Index {
            ids: self.rows.keys().copied().collect(),
            rows: self.rows.values().map(|draft| draft.row).collect(),
            skus: skus(&self.rows),
            kinds: self.kinds.into_texts(),
            codes: self.codes.into_texts(),
            texts: self.texts.into_texts(),
            numbers: self.numbers.into_lists(),
            values: self.values.into_lists(),
            tracked: self.tracked.into_iter().collect(),
            multiselects: Arc::new(self.multiselects),
            ..Index::default()
        };
        index.by_sku = table(&index.skus, index.ids.len());
        link(&mut index, self.rows.into_values());
        index
    }
}

fn skus(rows: &BTreeMap<u32, Draft>) -> Texts {
    let mut skus = Texts::default();
    for draft in rows.values() {
        skus.push(&draft.sku);
    }
    skus.shrunk()
}

fn table(skus: &Texts, count: usize) -> Vec<u32> {
    let size = (count * 2).next_power_of_two().max(2);
    let mut table = vec![FREE; size];
    for place in 0..number(count) {
        let mut at = slot(skus.get(place), size - 1);
        while table[at] != FREE {
            at = (at + 1) & (size - 1);
        }
        table[at] = place;
    }
    table
}

/// Parts are found only now, since they may come after their wholes.
fn link(index: &mut Index, drafts: impl Iterator<Item = Draft>) {
    let mut links = UniqueLists::default();
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let none = links.number_of(&[]);
    for (place, draft) in (0..).zip(drafts) {
        let found: Vec<Option<u32>> = draft.children.iter().map(|child| find(index, child)).collect();
        let mut children: Vec<u32> = found.iter().flatten().copied().collect();
        children.sort_unstable();
        children.dedup();
        children.iter().for_each(|child| parents.entry(*child).or_default().push(place));
        let row = &mut index.rows[place as usize];
        row.children = links.number_of(&children);
        row.parents = none;
        if found.contains(&None) {
            row.flags |= HAS_UNKNOWN_CHILD;
        }
    }
    for (child, parents) in parents {
        index.rows[child as usize].parents = links.number_of(&parents);
    }
    index.links = links.into_lists();
}

fn find(index: &Index, child: &Child) -> Option<u32> {
    match child {
        Child::Id(id) => index.ids.binary_search(id).ok().map(number),
        Child::Sku(sku) => index.by_sku(sku).map(|entry| number(entry.place)),
    }
}
