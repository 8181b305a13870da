//! The catalogue in memory: packed, immutable, found by id and by SKU.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::product::Child;
use crate::page::ProductId;
use crate::rule::cart_rule::{AttributeValue, LineFacts};
use pool::{Lists, Texts};

mod build;
mod pool;

pub use build::Builder;

/// Every product that is known. One that is not here nothing can be said of.
#[derive(Default)]
pub struct Index {
    /// The products' ids, ascending: the place of an id here is its product's place everywhere.
    ids: Vec<u32>,
    rows: Vec<Row>,
    skus: Texts,
    /// Places of products by the hash of their SKUs, in a table that is twice as large at least; [`FREE`] where there is none.
    by_sku: Vec<u32>,
    kinds: Texts,
    codes: Texts,
    texts: Texts,
    numbers: Lists<u32>,
    values: Lists<(u16, Stored)>,
    /// Places of parts and of wholes.
    links: Lists<u32>,
    tracked: BTreeSet<String>,
    multiselects: Arc<BTreeSet<String>>,
}

/// What is kept of a product; numbers are places of lists and texts.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    attribute_set: u32,
    websites: u32,
    assigned: u32,
    matched: u32,
    values: u32,
    children: u32,
    parents: u32,
    kind: u16,
    visibility: u8,
    flags: u8,
}

/// An attribute's value: a text's place, or a list of texts' places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stored {
    One(u32),
    Many(u32),
}

/// No place.
const FREE: u32 = u32::MAX;
/// No attribute set.
const NO_SET: u32 = u32::MAX;
/// Whether its status is "enabled".
const ENABLED: u8 = 1;
/// Whether it has a part that is not in the index.
const HAS_UNKNOWN_CHILD: u8 = 2;

/// A value, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'i> {
    /// One.
    One(&'i str),
    /// Those of a multiselect.
    Many(Several<'i>),
}

/// The values of a multiselect.
#[derive(Clone, Copy)]
pub struct Several<'i> {
    index: &'i Index,
    places: &'i [u32],
}

/// A product of an index.
#[derive(Clone, Copy)]
pub struct Entry<'i> {
    index: &'i Index,
    place: usize,
}

impl Index {
    /// How many products there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether the values of an attribute are here. What a product does not have of one that is not here cannot be told.
    pub fn tracks(&self, code: &str) -> bool {
        self.tracked.contains(code)
    }

    /// Codes of the attributes of which some product has several values, or could have.
    pub fn multiselects(&self) -> &Arc<BTreeSet<String>> {
        &self.multiselects
    }

    /// The product of an id.
    pub fn get(&self, id: ProductId) -> Option<Entry<'_>> {
        let place = self.ids.binary_search(&u32::try_from(id.0).ok()?).ok()?;
        Some(Entry { index: self, place })
    }

    /// The product of a SKU, as Magento finds it: letters of either case, blanks at the end left out. Where that leaves several
    /// products, the one that is written exactly so, if any.
    pub fn by_sku(&self, sku: &str) -> Option<Entry<'_>> {
        let mask = self.by_sku.len().checked_sub(1)?;
        let mut at = slot(sku, mask);
        let mut found = None;
        let mut count = 0;
        while let Some(place) = Some(self.by_sku[at]).filter(|place| *place != FREE) {
            let other = self.skus.get(place);
            if other == sku {
                return Some(self.entry(place));
            }
            if is_same(other, sku) {
                (found, count) = (Some(place), count + 1);
            }
            at = (at + 1) & mask;
        }
        found.filter(|_| count == 1).map(|place| self.entry(place))
    }

    /// What rules ask of a product.
    pub fn facts(&self, id: ProductId) -> Option<LineFacts> {
        Some(self.get(id)?.facts())
    }

    /// Every product, by id.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.ids.len()).map(|place| Entry { index: self, place })
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        let tracked: usize = self.tracked.iter().map(|code| code.capacity() + size_of::<String>()).sum();
        let texts = [&self.skus, &self.kinds, &self.codes, &self.texts].map(Texts::bytes).iter().sum::<usize>();
        let lists = self.numbers.bytes() + self.values.bytes() + self.links.bytes();
        let places = (self.ids.capacity() + self.by_sku.capacity()) * size_of::<u32>();
        size_of::<Self>() + tracked + texts + lists + places + self.rows.capacity() * size_of::<Row>()
    }

    fn entry(&self, place: u32) -> Entry<'_> {
        Entry { index: self, place: place as usize }
    }

    fn row(&self, place: usize) -> &Row {
        &self.rows[place]
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("products", &self.len()).field("tracked", &self.tracked).finish_non_exhaustive()
    }
}

impl<'i> Entry<'i> {
    /// Its id.
    pub fn id(self) -> ProductId {
        ProductId(self.index.ids[self.place].into())
    }

    /// Its SKU, as Commerce writes it.
    pub fn sku(self) -> &'i str {
        self.index.skus.get(self.place as u32)
    }

    /// `type_id`: `simple`, `configurable`, `bundle`, ...
    pub fn kind(self) -> &'i str {
        self.index.kinds.get(self.row().kind.into())
    }

    /// Its attribute set.
    pub fn attribute_set(self) -> Option<u64> {
        Some(self.row().attribute_set).filter(|set| *set != NO_SET).map(u64::from)
    }

    /// 1 is not visible on its own, 2 in the catalogue, 3 in the search, 4 in both; `None` where Commerce does not say.
    pub fn visibility(self) -> Option<u8> {
        Some(self.row().visibility).filter(|visibility| *visibility != 0)
    }

    /// Whether its status is "enabled".
    pub fn is_enabled(self) -> bool {
        self.row().flags & ENABLED != 0
    }

    /// Ids of its websites, ascending.
    pub fn websites(self) -> &'i [u32] {
        self.index.numbers.get(self.row().websites)
    }

    /// Ids of the categories it was put into, ascending.
    pub fn assigned(self) -> &'i [u32] {
        self.index.numbers.get(self.row().assigned)
    }

    /// Ids of the categories that list it, ascending: those and, where it is visible on its own, anchors and roots above.
    pub fn categories(self) -> &'i [u32] {
        self.index.numbers.get(self.row().matched)
    }

    /// Whether a category lists it.
    pub fn is_in(self, category: u64) -> bool {
        u32::try_from(category).is_ok_and(|id| self.categories().binary_search(&id).is_ok())
    }

    /// Its variants, selections or members, by id. See [`Entry::has_unknown_child`].
    pub fn children(self) -> impl Iterator<Item = Entry<'i>> {
        self.index.links.get(self.row().children).iter().map(move |place| self.index.entry(*place))
    }

    /// Whether it has a part that is not in the index, so that nothing can be said of all of them.
    pub fn has_unknown_child(self) -> bool {
        self.row().flags & HAS_UNKNOWN_CHILD != 0
    }

    /// The products that it is a part of, by id.
    pub fn parents(self) -> impl Iterator<Item = Entry<'i>> {
        self.index.links.get(self.row().parents).iter().map(move |place| self.index.entry(*place))
    }

    /// The raw value of an attribute; `None` where the product has none, and where [`Index::tracks`] says that nobody knows.
    pub fn attribute(self, code: &str) -> Option<Raw<'i>> {
        self.values().find(|(own, _)| *own == code).map(|(_, value)| value)
    }

    /// What rules ask of it.
    pub fn facts(self) -> LineFacts {
        LineFacts {
            is_known: true,
            attribute_set: self.attribute_set(),
            categories: self.categories().iter().map(|id| u64::from(*id)).collect(),
            attributes: self.owned_values(),
        }
    }

    fn owned_values(self) -> BTreeMap<String, AttributeValue> {
        self.values().map(|(code, value)| (code.to_owned(), value.to_owned())).collect()
    }

    fn values(self) -> impl Iterator<Item = (&'i str, Raw<'i>)> {
        let index = self.index;
        let value = |stored| match stored {
            Stored::One(place) => Raw::One(index.texts.get(place)),
            Stored::Many(list) => Raw::Many(Several { index, places: index.numbers.get(list) }),
        };
        let values = index.values.get(self.row().values).iter();
        values.map(move |(code, stored)| (index.codes.get((*code).into()), value(*stored)))
    }

    fn row(self) -> &'i Row {
        self.index.row(self.place)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("id", &self.id()).field("sku", &self.sku()).finish_non_exhaustive()
    }
}

impl Raw<'_> {
    /// The same, of its own.
    pub fn to_owned(self) -> AttributeValue {
        match self {
            Self::One(text) => AttributeValue::One(text.to_owned()),
            Self::Many(texts) => AttributeValue::Many(texts.iter().map(str::to_owned).collect()),
        }
    }
}

impl<'i> Several<'i> {
    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = &'i str> {
        self.places.iter().map(move |place| self.index.texts.get(*place))
    }
}

impl fmt::Debug for Several<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// How SKUs are compared: `a` and `A` are one letter, and blanks at the end are none.
fn folded(sku: &str) -> impl Iterator<Item = char> {
    sku.trim_end_matches(' ').chars().flat_map(char::to_lowercase)
}

fn is_same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.trim_end_matches(' ').eq_ignore_ascii_case(other.trim_end_matches(' '));
    }
    folded(one).eq(folded(other))
}

/// Where in a table the search for a SKU begins.
fn slot(sku: &str, mask: usize) -> usize {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    let plain = sku.trim_end_matches(' ');
    // Magento's SKUs have 64 characters at most, and nearly all are of plain ones: those need no memory of their own.
    let mut letters = [0; 64];
    match letters.get_mut(..plain.len()).filter(|_| plain.is_ascii()) {
        Some(letters) => {
            letters.copy_from_slice(plain.as_bytes());
            letters.make_ascii_lowercase();
            hasher.write(letters);
        }
        None => hasher.write(folded(sku).collect::<String>().as_bytes()),
    }
    // The upper half is the better mixed one.
    ((hasher.finish() >> 32) as usize) & mask
}

#[cfg(test)]
mod tests;
