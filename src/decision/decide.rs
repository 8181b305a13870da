//! Deciding: which offers and blocks are candidates for a shopper. Pure: no clock, no I/O.
//!
//! [`Rules::compile`] indexes a ruleset once. A request then makes a [`DecisionKey`] of what decides (named audiences, store view, time
//! window) and nothing else, and [`Rules::decide`] answers the same for equal keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use jiff::Timestamp;

use super::basis::Basis;
use super::index::{Index, Kinds};
use super::link::Joined;
use super::verdict::NotApplied;
use super::window::{Span, Windows};
use crate::page::{PageFacts, PageKind};
use crate::rule::{AudienceId, AudienceTest, Block, Charge, Days, Offer, Rotation, Ruleset};
use crate::site::{Sites, StoreView};

mod explain;

/// The candidates for a shopper at a time, best priority first.
///
/// It holds numbers and the ruleset they are of, so that making one copies no rule. Decisions with the same rules are equal, of whatever
/// ruleset.
#[derive(Clone, Debug)]
pub struct Decision {
    key: DecisionKey,
    index: Arc<Index>,
    offers: Box<[u32]>,
    blocks: Box<[u32]>,
    /// The offer that a coupon charges: a cart takes one.
    coupon: Option<u32>,
    fingerprint: OnceLock<Box<str>>,
}

impl Decision {
    /// What it depends on: of one set of rules, equal keys make equal decisions.
    pub fn key(&self) -> &DecisionKey {
        &self.key
    }

    /// Whether some of its blocks take turns, so that shoppers with this same decision may see different ones.
    pub fn has_turns(&self) -> bool {
        self.blocks.iter().any(|number| self.index.traits[*number as usize].rotation == Rotation::Random)
    }

    /// Offers in the order in which carts go through them, the store's own rules too.
    pub fn offers(&self) -> impl ExactSizeIterator<Item = &Arc<Offer>> {
        self.offers.iter().map(|number| self.offer(*number))
    }

    /// The offer that a coupon charges: of those that one could charge, the first in the order in which carts go through rules, one that
    /// shows a price before one that does not. The others are there by their labels.
    pub fn coupon(&self) -> Option<&Arc<Offer>> {
        self.coupon.map(|number| self.index.offer(number))
    }

    /// The offers that a coupon could charge, best first: those that show a price before those that do not, each in the order in which
    /// carts go through rules.
    pub fn coupons(&self) -> impl Iterator<Item = &Arc<Offer>> {
        let takes_coupons = self.key.takes_coupons;
        let numbers =
            self.offers.iter().copied().filter(move |number| takes_coupons && self.index.is_by_coupon(*number));
        let offers = numbers.map(|number| self.index.offer(number));
        let labels = offers.clone().filter(|offer| offer.is_label());
        offers.filter(|offer| !offer.is_label()).chain(labels)
    }

    /// Blocks by priority, then id.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &Arc<Block>> {
        self.blocks.iter().map(|number| self.index.block(*number))
    }

    /// What `make` makes of it the first time: every page asks, and thousands of offers take their time. It may depend on nothing but
    /// the decision and its store view.
    pub fn fingerprint(&self, make: impl FnOnce() -> String) -> &str {
        self.fingerprint.get_or_init(|| make().into())
    }

    /// Whether there is nothing to select from.
    pub fn is_empty(&self) -> bool {
        !self.has_offers() && self.blocks.is_empty()
    }

    /// Whether there is an offer among the candidates, beside the store's own rules.
    pub fn has_offers(&self) -> bool {
        self.offers().any(|offer| !offer.charge.is_stores())
    }

    /// One of its offers, by its position in the ruleset.
    pub(super) fn offer(&self, number: u32) -> &Arc<Offer> {
        let label = if self.coupon == Some(number) { None } else { self.index.as_label(number) };
        label.unwrap_or_else(|| self.index.offer(number))
    }

    /// What the shopper's cart goes by, where Commerce has said it.
    pub(crate) fn basis(&self) -> Option<&Basis> {
        self.index.basis.as_ref()
    }

    /// The audiences that count for his offers.
    pub(crate) fn audiences(&self) -> BTreeSet<AudienceId> {
        let numbers = self.key.audiences.iter().chain(&self.key.kept);
        numbers.filter_map(|number| self.index.audiences.get(*number as usize)).cloned().collect()
    }

    /// His customer group; `None` is unknown.
    pub(crate) fn group(&self) -> Option<u64> {
        self.key.group
    }

    /// Whether it was made by these rules, whatever other ones may say the same.
    pub(super) fn is_of(&self, rules: &Rules) -> bool {
        Arc::ptr_eq(&self.index, &rules.index)
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Positions of the offers in the ruleset, ascending.
    pub(super) fn offer_numbers(&self) -> &[u32] {
        &self.offers
    }

    /// Positions of the blocks in the ruleset, ascending.
    pub(super) fn block_numbers(&self) -> &[u32] {
        &self.blocks
    }
}

impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        self.offers().eq(other.offers()) && self.blocks().eq(other.blocks())
    }
}

impl Eq for Decision {}

/// Magento's group of those who are not logged in.
pub const GUESTS: u64 = 0;

/// What a decision depends on, in canonical form: equal circumstances make equal keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecisionKey {
    revision: u64,
    view: u32,
    window: u32,
    /// The customer group, where it matters; `None` is unknown.
    group: Option<u64>,
    /// Numbers of the audiences held that the ruleset names, ascending.
    audiences: Vec<u32>,
    /// Those of the audiences that are lost and still count for offers, ascending.
    kept: Vec<u32>,
    /// Whether a coupon may charge an offer, where that matters.
    takes_coupons: bool,
}

/// What of a shopper decides what he gets.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The audiences that he is in.
    pub audiences: &'a BTreeSet<AudienceId>,
    /// Those that he lost, and that still count for offers.
    pub kept: &'a BTreeSet<AudienceId>,
    /// His customer group; `None` is unknown.
    pub group: Option<u64>,
    /// Whether his cart may be given a coupon.
    pub takes_coupons: bool,
}

static NONE: BTreeSet<AudienceId> = BTreeSet::new();

impl<'a> Who<'a> {
    /// A guest in these audiences.
    pub fn guest(audiences: &'a BTreeSet<AudienceId>) -> Self {
        Self { audiences, kept: &NONE, group: Some(GUESTS), takes_coupons: true }
    }
}

impl DecisionKey {
    /// A number that is the same for equal keys, in every process of this program.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// How many of the audiences held are named by rules.
    pub fn audience_count(&self) -> usize {
        self.audiences.len()
    }
}

/// A ruleset with its index.
#[derive(Debug)]
pub struct Rules {
    index: Arc<Index>,
    named: BTreeSet<AudienceId>,
    /// Those that offers name.
    of_offers: BTreeSet<AudienceId>,
    numbers: HashMap<AudienceId, u32, RandomState>,
    /// Whether some rule is for some customer groups only.
    by_group: bool,
    tests: Vec<Test>,
    view_numbers: HashMap<Arc<str>, u32, RandomState>,
    views: Vec<ViewRules>,
}

/// An audience test over audience numbers. One that nobody can pass is not compiled at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    any: Vec<u32>,
    all: Vec<u32>,
    none: Vec<u32>,
}

/// What may apply on one store view.
#[derive(Debug, Default)]
struct ViewRules {
    windows: Windows,
    offers: Vec<Candidate>,
    blocks: Vec<Candidate>,
    /// By window: whether somebody could get an offer.
    offers_live: Vec<bool>,
    /// By window: whether somebody could get a block on whatever page.
    blocks_live: Vec<bool>,
    /// By window: the kinds of pages on which, whatever their path, somebody could get a block.
    kinds_live: Vec<Kinds>,
    /// The blocks that are for some paths only.
    by_path: Vec<Candidate>,
}

/// A rule that has a place on a store view; `rule` and `test` are positions in lists of [`Rules`].
#[derive(Clone, Copy, Debug)]
struct Candidate {
    rule: u32,
    test: u32,
    span: Span,
}

impl Rules {
    /// Indexes a ruleset for the store views of a shop.
    pub fn compile(ruleset: Ruleset, sites: &Sites) -> Self {
        Self::with_basis(ruleset, None, sites)
    }

    /// Indexes a ruleset that was joined with Commerce's rules.
    pub fn joined(joined: Joined, sites: &Sites) -> Self {
        Self::with_basis(joined.ruleset, joined.basis, sites)
    }

    fn with_basis(mut ruleset: Ruleset, basis: Option<Basis>, sites: &Sites) -> Self {
        // Other rates make other prices of the same rules.
        ruleset.revision ^= basis.as_ref().map_or(0, |basis| basis.rates().fingerprint());
        let mut named = named_audiences(&ruleset);
        if let Some(basis) = &basis {
            let asked = basis.audiences();
            named.extend(ruleset.audiences.iter().map(|it| &it.id).filter(|id| asked.contains(id)).cloned());
        }
        let numbers = named.iter().cloned().zip(0..).collect();
        let mut tests = Tests { numbers: &numbers, places: BTreeMap::new(), list: Vec::new() };
        let offer_tests: Vec<_> = ruleset.offers.iter().map(|offer| tests.place(&offer.audiences)).collect();
        let block_tests: Vec<_> = ruleset.blocks.iter().map(|block| tests.place(&block.audiences)).collect();
        let tests = tests.list;
        let by_group = ruleset.offers.iter().any(|offer| offer.customer_groups.is_some());
        let of_offers = audiences_of_offers(&ruleset).filter(|id| named.contains(*id)).cloned().collect();
        let index = Arc::new(Index::new(ruleset, basis, named.iter().cloned().collect()));
        let views = sites.views().iter().map(|view| ViewRules::new(&index, view, &offer_tests, &block_tests)).collect();
        let view_numbers = sites.views().iter().map(|view| Arc::clone(&view.code)).zip(0..).collect();
        Self { index, named, of_offers, numbers, by_group, tests, view_numbers, views }
    }

    /// The rules as they were published.
    pub fn ruleset(&self) -> &Ruleset {
        &self.index.ruleset
    }

    /// The ruleset's revision.
    pub fn revision(&self) -> u64 {
        self.index.ruleset.revision
    }

    /// The audiences that exist and that a rule names: no other changes a decision.
    pub fn named_audiences(&self) -> &BTreeSet<AudienceId> {
        &self.named
    }

    /// Those of them that offers name.
    pub fn audiences_of_offers(&self) -> &BTreeSet<AudienceId> {
        &self.of_offers
    }

    /// Whether some offer or rule of the store is for some customer groups only.
    pub fn go_by_group(&self) -> bool {
        self.by_group
    }

    /// Whether a coupon charges some offer.
    pub fn have_coupons(&self) -> bool {
        self.index.has_coupons()
    }

    /// What a decision depends on. Audiences that no rule names leave no trace in it, nor does the time but for its window.
    pub fn key(&self, view: &StoreView, audiences: &BTreeSet<AudienceId>, now: Timestamp) -> DecisionKey {
        self.key_of(view, &Who::guest(audiences), now)
    }

    /// The same for any shopper.
    pub fn key_of(&self, view: &StoreView, who: &Who<'_>, now: Timestamp) -> DecisionKey {
        let group = if self.by_group { who.group } else { Some(GUESTS) };
        // Ascending, as the numbers were given in the order of ids.
        let mut held = Vec::with_capacity(who.audiences.len());
        held.extend(who.audiences.iter().filter_map(|id| self.numbers.get(id).copied()));
        let kept = who.kept.difference(who.audiences).filter(|id| self.of_offers.contains(*id));
        let kept = kept.filter_map(|id| self.numbers.get(id).copied()).collect();
        let takes_coupons = who.takes_coupons && self.have_coupons();
        let (view, window) = match self.view(view) {
            Some((number, rules)) => (number, rules.windows.at(now)),
            None => (u32::MAX, 0),
        };
        DecisionKey { revision: self.revision(), view, window, group, audiences: held, kept, takes_coupons }
    }

    /// The candidates of a key that these rules made; a key of other rules gets nothing.
    pub fn decide(&self, key: &DecisionKey) -> Decision {
        let known = (key.revision == self.revision()).then(|| self.views.get(key.view as usize)).flatten();
        let (offers, blocks) = match known {
            Some(view) => {
                let held = Held::of(&key.audiences, self.named.len());
                let passed = self.passed(&held);
                let for_offers = match key.kept.is_empty() {
                    true => None,
                    false => Some(self.passed(&held.and(&key.kept))),
                };
                let for_offers = for_offers.as_deref().unwrap_or(&passed);
                let applies = |passed: &[bool], it: &Candidate| passed[it.test as usize] && it.span.holds(key.window);
                let of_group = |it: &&Candidate| is_for_group(self.index.offer(it.rule), key.group);
                let offers = view.offers.iter().filter(|it| applies(for_offers, it)).filter(of_group);
                let blocks = view.blocks.iter().filter(|it| applies(&passed, it));
                (offers.map(|it| it.rule).collect(), blocks.map(|it| it.rule).collect())
            }
            None => <(Box<[u32]>, Box<[u32]>)>::default(),
        };
        let candidates = || offers.iter().copied().filter(|number| self.index.is_by_coupon(*number));
        let with_price = || candidates().find(|number| !self.index.offer(*number).is_label());
        let coupon = if key.takes_coupons { with_price().or_else(|| candidates().next()) } else { None };
        let index = Arc::clone(&self.index);
        Decision { key: key.clone(), index, offers, blocks, coupon, fingerprint: OnceLock::new() }
    }

    /// Which tests are passed with these audiences.
    fn passed(&self, held: &Held) -> Vec<bool> {
        self.tests.iter().map(|test| test.passes(held)).collect()
    }

    /// Whether somebody in these audiences passes an offer's test, whatever else there is about it.
    pub fn is_for(&self, offer: &Offer, who: &Who<'_>) -> bool {
        let numbers = |ids: &BTreeSet<AudienceId>| -> Vec<u32> {
            ids.iter().filter_map(|id| self.numbers.get(id).copied()).collect()
        };
        let held = Held::of(&numbers(who.audiences), self.named.len()).and(&numbers(who.kept));
        Test::compile(&offer.audiences, &self.numbers).is_some_and(|test| test.passes(&held))
    }

    /// Whether some shopper, of whatever audiences, could now get anything on this store view.
    pub fn could_change(&self, view: &StoreView, now: Timestamp) -> bool {
        let Some((_, rules)) = self.view(view) else { return false };
        let window = rules.windows.at(now) as usize;
        rules.offers_live[window] || rules.blocks_live[window]
    }

    /// Whether some shopper, of whatever audiences, could now get an offer on this store view.
    pub fn could_offer(&self, view: &StoreView, now: Timestamp) -> bool {
        self.view(view).is_some_and(|(_, rules)| rules.offers_live[rules.windows.at(now) as usize])
    }

    /// Whether some shopper, of whatever audiences, could now get something on this very page: a block for its kind and path, or an offer
    /// if the page has products. It may say so of a page that stays the same, never the other way round.
    pub fn could_change_page(&self, view: &StoreView, now: Timestamp, path: &str, page: &PageFacts) -> bool {
        let Some((_, rules)) = self.view(view) else { return false };
        let window = rules.windows.at(now);
        let at = window as usize;
        if rules.kinds_live[at].has(page.kind) || (rules.offers_live[at] && !page.products.is_empty()) {
            return true;
        }
        let fits = |found: &Candidate| fits_page(self.index.block(found.rule), page.kind, path);
        rules.by_path.iter().any(|found| found.span.holds(window) && fits(found))
    }

    fn view(&self, view: &StoreView) -> Option<(u32, &ViewRules)> {
        let number = *self.view_numbers.get(&view.code)?;
        Some((number, self.views.get(number as usize)?))
    }
}

/// Whether an offer is for a customer group. Of an unknown one nobody can tell, which for the store's own rules is a case of its own.
fn is_for_group(offer: &Offer, group: Option<u64>) -> bool {
    let Some(groups) = &offer.customer_groups else { return true };
    let stands_for_unknown = matches!(offer.charge, Charge::Store(rule) if rule.of_unknown_group);
    match group {
        Some(group) => groups.contains(&group) && !stands_for_unknown,
        None => stands_for_unknown,
    }
}

/// Whether a block is for pages of this kind at this path.
pub(super) fn fits_page(block: &Block, kind: PageKind, path: &str) -> bool {
    fits_kind(block, kind) && fits_path(block, path)
}

pub(super) fn fits_kind(block: &Block, kind: PageKind) -> bool {
    block.page_kinds.is_empty() || block.page_kinds.contains(&kind)
}

pub(super) fn fits_path(block: &Block, path: &str) -> bool {
    block.url_patterns.is_empty() || block.url_patterns.iter().any(|pattern| pattern.matches(path))
}

fn audiences_of(test: &AudienceTest) -> impl Iterator<Item = &AudienceId> {
    test.any.iter().chain(&test.all).chain(&test.none)
}

fn audiences_of_offers(ruleset: &Ruleset) -> impl Iterator<Item = &AudienceId> {
    ruleset.offers.iter().flat_map(|offer| audiences_of(&offer.audiences))
}

fn named_audiences(ruleset: &Ruleset) -> BTreeSet<AudienceId> {
    let of_blocks = ruleset.blocks.iter().flat_map(|block| audiences_of(&block.audiences));
    let named: BTreeSet<&AudienceId> = audiences_of_offers(ruleset).chain(of_blocks).collect();
    ruleset.audiences.iter().map(|audience| &audience.id).filter(|id| named.contains(id)).cloned().collect()
}

/// Gives equal audience tests one place, so that each is made once for a decision.
struct Tests<'a> {
    numbers: &'a HashMap<AudienceId, u32, RandomState>,
    places: BTreeMap<Test, u32>,
    list: Vec<Test>,
}

impl Tests<'_> {
    /// Where a test is; `None` if nobody can pass it.
    fn place(&mut self, test: &AudienceTest) -> Option<u32> {
        let test = Test::compile(test, self.numbers)?;
        let next = u32::try_from(self.list.len()).expect("fewer tests than rules");
        let place = *self.places.entry(test.clone()).or_insert(next);
        if place == next {
            self.list.push(test);
        }
        Some(place)
    }
}

impl Test {
    /// Nobody is in an audience that does not exist; and as it may have been meant to keep people out, nobody passes a test that leaves
    /// it out either. So a vanished audience never shows a rule to more shoppers than before.
    fn compile(test: &AudienceTest, numbers: &HashMap<AudienceId, u32, RandomState>) -> Option<Self> {
        let number = |id: &AudienceId| numbers.get(id).copied();
        let any: Vec<u32> = test.any.iter().filter_map(number).collect();
        let all = test.all.iter().map(number).collect::<Option<Vec<u32>>>()?;
        let none = test.none.iter().map(number).collect::<Option<Vec<u32>>>()?;
        (test.any.is_empty() || !any.is_empty()).then_some(Self { any, all, none })
    }

    fn passes(&self, held: &Held) -> bool {
        let holds = |number: &u32| held.has(*number);
        (self.any.is_empty() || self.any.iter().any(holds))
            && self.all.iter().all(holds)
            && !self.none.iter().any(holds)
    }
}

/// The audiences held, one bit each: thousands of tests ask.
struct Held(Vec<u64>);

impl Held {
    fn of(numbers: &[u32], named: usize) -> Self {
        let mut words = vec![0; named.div_ceil(64)];
        for number in numbers {
            words[*number as usize / 64] |= 1 << (number % 64);
        }
        Self(words)
    }

    fn and(&self, numbers: &[u32]) -> Self {
        let mut words = self.0.clone();
        for number in numbers {
            words[*number as usize / 64] |= 1 << (number % 64);
        }
        Self(words)
    }

    fn has(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 == 1
    }
}

impl ViewRules {
    fn new(index: &Index, view: &StoreView, offer_tests: &[Option<u32>], block_tests: &[Option<u32>]) -> Self {
        let ruleset = &index.ruleset;
        let offers: Vec<_> = places(&ruleset.offers, offer_tests, |offer| offer_misses(offer, view).is_none());
        let blocks: Vec<_> = places(&ruleset.blocks, block_tests, |block| block_misses(block, view).is_none());
        let zone = &view.time_zone;
        let offer_days = |rule: u32| ruleset.offers[rule as usize].days;
        let block_days = |rule: u32| ruleset.blocks[rule as usize].days;
        let all_days =
            offers.iter().map(|(rule, _)| offer_days(*rule)).chain(blocks.iter().map(|(rule, _)| block_days(*rule)));
        let windows = Windows::new(all_days, zone);
        let candidates = |found: Vec<(u32, u32)>, days: &dyn Fn(u32) -> Days| -> Vec<Candidate> {
            found
                .into_iter()
                .map(|(rule, test)| Candidate { rule, test, span: windows.span(days(rule), zone) })
                .collect()
        };
        let offers = candidates(offers, &offer_days);
        let blocks = candidates(blocks, &block_days);
        let by_path = |found: &Candidate| index.traits[found.rule as usize].by_path;
        Self {
            offers_live: live(offers.iter().filter(|found| !is_stores(index, found)), windows.count()),
            blocks_live: live(blocks.iter(), windows.count()),
            kinds_live: kinds_live(index, blocks.iter().filter(|found| !by_path(found)), windows.count()),
            by_path: blocks.iter().filter(|found| by_path(found)).copied().collect(),
            windows,
            offers,
            blocks,
        }
    }
}

/// Whether a candidate is a rule of the store, which changes no page by itself.
fn is_stores(index: &Index, found: &Candidate) -> bool {
    index.offer(found.rule).charge.is_stores()
}

/// By window, the kinds of pages that any of these blocks is for.
fn kinds_live<'c>(index: &Index, blocks: impl Iterator<Item = &'c Candidate> + Clone, windows: usize) -> Vec<Kinds> {
    let mut kinds = vec![Kinds::default(); windows];
    for kind in PageKind::ALL {
        let of_kind = blocks.clone().filter(|found| index.traits[found.rule as usize].kinds.has(kind));
        let live = live(of_kind, windows);
        kinds.iter_mut().zip(live).filter(|(_, live)| *live).for_each(|(kinds, _)| kinds.add(kind));
    }
    kinds
}

/// Positions of the rules that fit a store view and that somebody can get, each with its test.
fn places<T>(rules: &[Arc<T>], tests: &[Option<u32>], fits: impl Fn(&T) -> bool) -> Vec<(u32, u32)> {
    let all = (0..).zip(rules.iter().zip(tests));
    all.filter_map(|(rule, (it, test))| test.filter(|_| fits(it)).map(|test| (rule, test))).collect()
}

/// By window, whether any of the rules holds in it.
fn live<'c>(candidates: impl Iterator<Item = &'c Candidate>, windows: usize) -> Vec<bool> {
    let mut steps = vec![0_i64; windows + 1];
    for Candidate { span, .. } in candidates {
        steps[span.first as usize] += 1;
        steps[span.end as usize] -= 1;
    }
    let mut holding = 0;
    let sums = steps.into_iter().take(windows).map(|step| {
        holding += step;
        holding > 0
    });
    sums.collect()
}

/// Why an offer has no place on a store view, whoever the shopper is.
fn offer_misses(offer: &Offer, view: &StoreView) -> Option<NotApplied> {
    let silent = offer.charge == Charge::None && offer.labels.of(&view.code).is_none();
    scope_misses(&offer.websites, &offer.store_views, view).or(silent.then_some(NotApplied::NoLabel))
}

/// Why a block has no place on a store view, whoever the shopper is.
fn block_misses(block: &Block, view: &StoreView) -> Option<NotApplied> {
    let silent = block.html.of(&view.code).is_none();
    scope_misses(&block.websites, &block.store_views, view).or(silent.then_some(NotApplied::NoHtml))
}

fn scope_misses(websites: &BTreeSet<String>, views: &BTreeSet<String>, view: &StoreView) -> Option<NotApplied> {
    if !websites.is_empty() && !websites.contains(&*view.website) {
        return Some(NotApplied::Website);
    }
    (!views.is_empty() && !views.contains(&*view.code)).then_some(NotApplied::StoreView)
}

#[cfg(test)]
mod tests;
