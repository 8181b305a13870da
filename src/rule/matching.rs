//! The products that a cart price rule is for, worked out from its conditions and the catalogue when rules are published.

use std::fmt;
use std::sync::Arc;

use super::cart_rule::Truth;
use crate::page::ProductId;

/// The products that a rule is for. A product that the catalogue does not know is one of which nobody can tell.
#[derive(Clone, PartialEq, Eq)]
pub struct Matching {
    /// Every product that the catalogue knows, ascending; many rules share it.
    known: Arc<[u64]>,
    /// Products that it is for when they are a line by themselves, ascending.
    alone: Answers,
    /// Whether it is for a variant as a line of its configurable product, by product and variant, ascending.
    variants: Vec<((u64, u64), Option<bool>)>,
}

/// The yeses and the don't-knows of a question; all else is no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answers {
    yes: Vec<u64>,
    unknown: Vec<u64>,
}

impl Matching {
    /// Nothing is known of these products yet; `known` is ascending.
    pub fn new(known: Arc<[u64]>) -> Self {
        Self { known, alone: Answers::default(), variants: Vec::new() }
    }

    /// Notes whether the rule is for a product by itself.
    pub fn add(&mut self, product: ProductId, truth: Truth) {
        match truth {
            Truth::True => self.alone.yes.push(product.0),
            Truth::Unknown => self.alone.unknown.push(product.0),
            Truth::False => {}
        }
    }

    /// Notes whether the rule is for a variant as a line of its configurable product.
    pub fn add_variant(&mut self, product: ProductId, variant: ProductId, truth: Truth) {
        let answer = match truth {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        };
        self.variants.push(((product.0, variant.0), answer));
    }

    /// All is noted.
    pub fn finish(mut self) -> Self {
        self.alone.yes.sort_unstable();
        self.alone.unknown.sort_unstable();
        self.variants.sort_unstable();
        self
    }

    /// Whether the rule is for a product by itself; `None` where nobody can tell.
    pub fn of(&self, product: ProductId) -> Option<bool> {
        let has = |list: &[u64]| list.binary_search(&product.0).is_ok();
        (has(&self.known) && !has(&self.alone.unknown)).then(|| has(&self.alone.yes))
    }

    /// Whether it is for a variant in a line of its product.
    pub fn of_variant(&self, product: ProductId, variant: ProductId) -> Option<bool> {
        let found = self.variants.binary_search_by_key(&(product.0, variant.0), |(pair, _)| *pair).ok()?;
        self.variants[found].1
    }

    /// Whether it is for every variant of a product, or for none; `None` where they differ.
    pub fn of_all_variants(&self, product: ProductId) -> Option<bool> {
        let first = self.variants.partition_point(|((parent, _), _)| *parent < product.0);
        let mut answers = self.variants[first..].iter().take_while(|((parent, _), _)| *parent == product.0);
        let (_, answer) = answers.next()?;
        answers.all(|(_, other)| other == answer).then_some(*answer).flatten()
    }
}

/// Its content is as large as a catalogue: a fingerprint stands for it.
impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        self.known.iter().for_each(|id| hash.update(id.to_le_bytes()));
        for list in [&self.alone.yes, &self.alone.unknown] {
            hash.update((list.len() as u64).to_le_bytes());
            list.iter().for_each(|id| hash.update(id.to_le_bytes()));
        }
        for ((product, variant), answer) in &self.variants {
            hash.update(product.to_le_bytes());
            hash.update(variant.to_le_bytes());
            hash.update([answer.map_or(2, u8::from)]);
        }
        let digest = hash.finalize();
        f.write_str("Matching(")?;
        digest.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
