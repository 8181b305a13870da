//! A ruleset with what finds its rules without looking at each: offers by product, and the traits of blocks side by side.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::basis::Basis;
use crate::commerce::shop::Rates;
use crate::page::{PageKind, ProductId};
use crate::rule::{AudienceId, Block, Charge, Offer, Placement, Products, Rotation, Ruleset};

/// Rules are named by their position in the ruleset, so that numbers in ascending order are rules by priority.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) ruleset: Ruleset,
    pub(super) offers: OfferIndex,
    /// One for each block.
    pub(super) traits: Vec<Traits>,
    /// Every placement that a block names, ascending.
    pub(super) placements: Vec<Placement>,
    /// What carts go by, where Commerce has said it.
    pub(super) basis: Option<Basis>,
    /// The audiences that rules name, by number.
    pub(super) audiences: Vec<AudienceId>,
    /// Offers that a coupon charges, as shoppers see them whose cart holds another one: by their labels.
    labels: HashMap<u32, Arc<Offer>, RandomState>,
}

/// Which offers name a product.
#[derive(Debug, Default)]
pub(super) struct OfferIndex {
    reaches: Vec<Reach>,
    by_id: HashMap<ProductId, Vec<u32>, RandomState>,
    by_sku: HashMap<Arc<str>, Vec<u32>, RandomState>,
}

/// How an offer names its products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    All,
    Ids,
    Skus,
    Matching,
}

/// What selecting asks of a block before anything else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    pub(super) kinds: Kinds,
    /// Its placement, a position in [`Index::placements`].
    pub(super) place: u32,
    pub(super) rotation: Rotation,
    /// Whether it is for some paths only.
    pub(super) by_path: bool,
}

/// A set of page kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Index {
    pub(super) fn new(ruleset: Ruleset, basis: Option<Basis>, audiences: Vec<AudienceId>) -> Self {
        let placements: BTreeSet<&Placement> = ruleset.blocks.iter().map(|block| &block.placement).collect();
        let placements: Vec<Placement> = placements.into_iter().cloned().collect();
        let traits = ruleset.blocks.iter().map(|block| Traits::of(block, &placements)).collect();
        let offers = OfferIndex::new(&ruleset.offers);
        let by_coupon = (0..).zip(&ruleset.offers).filter(|(_, offer)| offer.charge.is_coupon());
        let as_label = |offer: &Offer| Offer { charge: Charge::None, ..offer.clone() };
        let labels = by_coupon.map(|(number, offer)| (number, Arc::new(as_label(offer)))).collect();
        Self { ruleset, offers, traits, placements, basis, audiences, labels }
    }

    /// The offer at this position, as a label only, where a coupon charges it.
    pub(super) fn as_label(&self, number: u32) -> Option<&Arc<Offer>> {
        self.labels.get(&number)
    }

    /// Whether a coupon charges the offer at this position, and a code is at hand.
    pub(super) fn is_by_coupon(&self, number: u32) -> bool {
        self.labels.contains_key(&number) && self.basis.as_ref().is_none_or(|basis| basis.has_code(self.offer(number)))
    }

    /// Rates of exchange, where they are known.
    pub(super) fn rates(&self) -> Option<&Rates> {
        self.basis.as_ref().map(Basis::rates)
    }

    /// Whether a coupon charges any offer.
    pub(super) fn has_coupons(&self) -> bool {
        !self.labels.is_empty()
    }

    pub(super) fn offer(&self, number: u32) -> &Arc<Offer> {
        &self.ruleset.offers[number as usize]
    }

    pub(super) fn block(&self, number: u32) -> &Arc<Block> {
        &self.ruleset.blocks[number as usize]
    }
}

impl OfferIndex {
    fn new(offers: &[Arc<Offer>]) -> Self {
        let mut index = Self::default();
        for (number, offer) in (0..).zip(offers) {
            index.reaches.push(match &offer.products {
                Products::All => Reach::All,
                Products::Ids(ids) => {
                    ids.iter().for_each(|id| index.by_id.entry(*id).or_default().push(number));
                    Reach::Ids
                }
                Products::Skus(skus) => {
                    skus.iter().for_each(|sku| index.by_sku.entry(sku.as_str().into()).or_default().push(number));
                    Reach::Skus
                }
                Products::Matching(_) => Reach::Matching,
            });
        }
        index
    }

    pub(super) fn reach(&self, number: u32) -> Reach {
        self.reaches[number as usize]
    }

    /// Offers that name this product by its id, ascending.
    pub(super) fn of_id(&self, id: ProductId) -> &[u32] {
        self.by_id.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Offers that name this SKU (lower case), ascending.
    pub(super) fn of_sku(&self, sku: &str) -> &[u32] {
        self.by_sku.get(sku).map_or(&[], Vec::as_slice)
    }
}

impl Traits {
    fn of(block: &Block, placements: &[Placement]) -> Self {
        let place = placements.partition_point(|placement| *placement < block.placement);
        Self {
            kinds: Kinds::of(&block.page_kinds),
            place: u32::try_from(place).expect("fewer placements than blocks"),
            rotation: block.rotation,
            by_path: !block.url_patterns.is_empty(),
        }
    }
}

impl Kinds {
    /// The kinds that a block is for; none named is all.
    fn of(named: &BTreeSet<PageKind>) -> Self {
        if named.is_empty() {
            return Self(u16::MAX);
        }
        Self(named.iter().fold(0, |kinds, kind| kinds | Self::bit(*kind)))
    }

    pub(super) fn has(self, kind: PageKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    pub(super) fn add(&mut self, kind: PageKind) {
        self.0 |= Self::bit(kind);
    }

    fn bit(kind: PageKind) -> u16 {
        1 << kind as u16
    }
}
