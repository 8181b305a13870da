//! Joins offers with Commerce's cart price rules: what a rule does to one unit, for which products, and whether it may be shown as a price.
//!
//! An offer takes from its rule what carts go by: action, amount, order, dates, websites, customer groups, products. (Where the rules file says
//! something else, the guard's [drift check](crate::guard::drift) pauses it.) The store's other active rules come along as offers that show
//! nothing ([`Charge::Store`]), so that a price that is shown is what the cart charges for one unit.

mod products;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::basis::Basis;
use super::decide::{GUESTS, Rules};
use crate::catalog::Index;
use crate::commerce::Book;
use crate::rule::cart_rule::{CartAction, CartRule, Condition, CouponKind, Release};
use crate::rule::{Action, AudienceId, AudienceTest, Charge, Labels, Offer, Products, Ruleset, StoreEffect, StoreRule};
use crate::site::Sites;
use products::{Catalogue, Remembered};
use unit::UnitEffect;

/// What rules are joined with.
#[derive(Clone, Debug, Default)]
pub struct Commerce {
    /// What Commerce said; `None` while it has said nothing that still counts.
    pub book: Option<Arc<Book>>,
    index: Option<Arc<Index>>,
    /// By which release's code carts go.
    release: Release,
    /// What was asked of this catalogue.
    remembered: Remembered,
    /// The rules of which codes are at hand.
    pub codes: BTreeSet<u64>,
}

impl Commerce {
    /// What Commerce said, with its catalogue as far as it was read.
    pub fn new(book: Option<Arc<Book>>, index: Option<Arc<Index>>, release: Release) -> Self {
        Self { book, index, release, remembered: Remembered::default(), codes: BTreeSet::new() }
    }

    /// Takes another catalogue.
    pub fn read(&mut self, index: Option<Arc<Index>>) {
        (self.index, self.remembered) = (index, Remembered::default());
    }
}

/// A ruleset that was joined.
#[derive(Debug)]
pub struct Joined {
    /// The offers as carts charge them, and the store's other rules.
    pub ruleset: Ruleset,
    /// What became of each offer that is charged.
    pub standings: Standings,
    /// What carts go by, where Commerce has said it.
    pub basis: Option<Basis>,
}

/// What became of offers that are charged, by id.
pub type Standings = BTreeMap<Arc<str>, Standing>;

/// Whether an offer may be shown as a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its effect on one unit is known.
    Price,
    /// Only its label is shown: its rule does something else to a cart than lowering the price of a unit.
    Label(Reason),
}

/// Why an offer is shown by its label only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Commerce has not said, for too long, what its rules are.
    RulesUnknown,
    /// Commerce has no such rule that is active, for its websites, and with a coupon where one is to charge it, else without.
    NoRule,
    /// No code of its rule is at hand.
    NoCodes,
    /// The catalogue, on which its products depend, is not known yet.
    CatalogueUnknown,
    /// The rule asks for something of the cart, its address or its coupon.
    Conditions,
    /// The rule has a condition of a class that Segue does not know.
    UnknownClass,
    /// What the rule does to one unit alone is nothing, or not known.
    Action,
    /// The rule asks for other audiences than the offer, in a way that cannot be joined, or for one that the rules do not declare.
    Audiences,
}

impl Reason {
    /// The word for logs, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RulesUnknown => "rules_unknown",
            Self::NoRule => "no_rule",
            Self::NoCodes => "no_codes",
            Self::CatalogueUnknown => "catalogue_unknown",
            Self::Conditions => "cart_conditions",
            Self::UnknownClass => "unknown_condition_class",
            Self::Action => "no_unit_price",
            Self::Audiences => "audiences_differ",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RulesUnknown => "Commerce has not said of late what its cart price rules are",
            Self::NoRule => {
                "Commerce has no such rule that is active, is for its websites and, unless a coupon charges the offer, needs none"
            }
            Self::NoCodes => "no code of its rule is at hand (the log says why)",
            Self::CatalogueUnknown => "its products depend on the catalogue, which is not known yet",
            Self::Conditions => "its rule asks for something of the whole cart",
            Self::UnknownClass => {
                "its rule has a condition of a class that Segue does not know (see `segue commerce status`)"
            }
            Self::Action => "its rule does not lower the price of a single unit",
            Self::Audiences => "its rule asks for other audiences than the offer does, or for one that the rules do not declare",
        })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Price => f.write_str("shown as a price"),
            Self::Label(reason) => write!(f, "shown by its label only: {reason}"),
        }
    }
}

/// Joins rules with Commerce. Without a book every charged offer is shown by its label only.
pub fn join(ruleset: Ruleset, commerce: &Commerce) -> Joined {
    let Some(book) = &commerce.book else { return without_book(ruleset) };
    let catalogue = Catalogue::new(commerce.index.as_deref(), &commerce.remembered);
    let declared: BTreeSet<AudienceId> = ruleset.audiences.iter().map(|it| Arc::clone(&it.id)).collect();
    let joining = Joining { book, catalogue: &catalogue, codes: &commerce.codes, declared: &declared };
    let mut standings = BTreeMap::new();
    let mut shown = BTreeSet::new();
    let mut doubtful = BTreeSet::new();
    let mut offers = Vec::with_capacity(ruleset.offers.len());
    for offer in ruleset.offers {
        let mut offer = Arc::unwrap_or_clone(offer);
        if let Some(id) = offer.charge.rule_id() {
            let standing = joining.link(&mut offer, id);
            standings.insert(Arc::clone(&offer.id), standing);
            if offer.paused {
                doubtful.insert(id);
            }
            if !offer.is_label() {
                shown.insert(id);
            } else if let Some(rule) = book.rule(id).filter(|_| offer.charge.is_coupon()) {
                offers.extend(joining.store_rules(rule, Some(&offer.audiences), true));
            }
        }
        offers.push(offer);
    }
    // What is shown by its label only is charged all the same.
    let others = book.rules.iter().filter(|rule| rule.coupon == CouponKind::None && !shown.contains(&rule.id));
    offers.extend(others.flat_map(|rule| joining.store_rules(rule, None, doubtful.contains(&rule.id))));
    let blocks = ruleset.blocks.into_iter().map(Arc::unwrap_or_clone).collect();
    let ruleset = Ruleset::new(ruleset.audiences, offers, blocks);
    let (book, index, codes) = (Arc::clone(book), commerce.index.clone(), commerce.codes.clone());
    let basis = Basis::new(book, index, commerce.release, codes, &declared.iter().collect());
    Joined { ruleset, standings, basis: Some(basis) }
}

/// Rules in force for what Commerce says, where it is asked, with what became of the offers.
pub fn rules(ruleset: Ruleset, commerce: Option<&Commerce>, sites: &Sites) -> (Rules, Standings) {
    let Some(commerce) = commerce else {
        let (ruleset, standings) = without_codes(ruleset);
        return (Rules::compile(ruleset, sites), standings);
    };
    let mut joined = join(ruleset, commerce);
    let standings = std::mem::take(&mut joined.standings);
    (Rules::joined(joined, sites), standings)
}

fn without_book(ruleset: Ruleset) -> Joined {
    let (ruleset, standings) = as_labels(
        ruleset,
        |offer| offer.charge.rule_id().is_some().then_some(Reason::RulesUnknown),
        |offer| {
            offer.label_only = true;
        },
    );
    Joined { ruleset, standings, basis: None }
}

/// Without Commerce nobody makes codes.
fn without_codes(ruleset: Ruleset) -> (Ruleset, Standings) {
    let needs_codes = |offer: &Offer| matches!(offer.charge, Charge::Coupon { code: None, .. });
    if !ruleset.offers.iter().any(|offer| needs_codes(offer)) {
        return (ruleset, Standings::new());
    }
    as_labels(ruleset, |offer| needs_codes(offer).then_some(Reason::NoCodes), |offer| offer.charge = Charge::None)
}

/// The rules with some offers shown by their labels only.
fn as_labels(
    ruleset: Ruleset,
    why: impl Fn(&Offer) -> Option<Reason>,
    make: impl Fn(&mut Offer),
) -> (Ruleset, Standings) {
    let mut standings = BTreeMap::new();
    let offers = ruleset.offers.into_iter().map(|offer| {
        let mut offer = Arc::unwrap_or_clone(offer);
        if let Some(reason) = why(&offer) {
            make(&mut offer);
            standings.insert(Arc::clone(&offer.id), Standing::Label(reason));
        }
        offer
    });
    let offers = offers.collect();
    let blocks = ruleset.blocks.into_iter().map(Arc::unwrap_or_clone).collect();
    (Ruleset::new(ruleset.audiences, offers, blocks), standings)
}

struct Joining<'a> {
    book: &'a Book,
    catalogue: &'a Catalogue<'a>,
    codes: &'a BTreeSet<u64>,
    /// The audiences of the rules file: whether a shopper is in another one nobody knows.
    declared: &'a BTreeSet<AudienceId>,
}

impl Joining<'_> {
    /// Makes an offer what its rule says.
    fn link(&self, offer: &mut Offer, id: u64) -> Standing {
        let standing = match self.book.rule(id) {
            Some(rule) => self.follow(offer, rule),
            None => Standing::Label(Reason::NoRule),
        };
        match standing {
            Standing::Price => {}
            Standing::Label(Reason::NoRule) => offer.charge = Charge::None,
            Standing::Label(_) => offer.label_only = true,
        }
        standing
    }

    fn follow(&self, offer: &mut Offer, rule: &CartRule) -> Standing {
        let is_of_use = rule.is_active && is_charged_so(&offer.charge, rule.coupon);
        let Some(websites) = self.websites(offer, rule).filter(|_| is_of_use) else {
            return Standing::Label(Reason::NoRule);
        };
        offer.websites = websites;
        offer.days = offer.days.and(rule.days);
        offer.priority = priority(rule);
        offer.stop = rule.stop;
        offer.customer_groups = self.groups(rule);
        let (audiences, rest) = self.split_audiences(&rule.conditions);
        match audiences.and_then(|of_rule| join_audiences(&offer.audiences, &of_rule)) {
            Some(joined) => offer.audiences = joined,
            None => return self.as_label(offer, rule, Reason::Audiences),
        }
        let UnitEffect::Price(action, amount) = unit::effect(rule) else {
            return self.as_label(offer, rule, Reason::Action);
        };
        match self.catalogue.products(&rest, &rule.lines, &offer.products) {
            Ok(products) => offer.products = products,
            Err(reason) => return self.as_label(offer, rule, reason),
        }
        (offer.action, offer.amount) = (action, amount);
        match &offer.charge {
            Charge::Coupon { code: None, rule_id } if !self.codes.contains(rule_id) => Standing::Label(Reason::NoCodes),
            _ => Standing::Price,
        }
    }

    /// A label is shown where the product matches.
    fn as_label(&self, offer: &mut Offer, rule: &CartRule, reason: Reason) -> Standing {
        if let Ok(products) = self.catalogue.products(&Condition::always(), &rule.lines, &offer.products) {
            offer.products = products;
        }
        Standing::Label(reason)
    }

    /// The audiences that a tree asks for beside the rest of it; no audiences where they cannot be told from the rest, or nobody knows who
    /// is in them.
    fn split_audiences(&self, conditions: &Condition) -> (Option<Vec<AudienceTest>>, Condition) {
        let (audiences, rest) = split_audiences(conditions);
        let is_known = |test: &AudienceTest| {
            test.any.iter().chain(&test.all).chain(&test.none).all(|id| self.declared.contains(id))
        };
        (audiences.filter(|tests| tests.iter().all(is_known)), rest)
    }

    /// Codes of the websites that both are for; `None` is none.
    fn websites(&self, offer: &Offer, rule: &CartRule) -> Option<BTreeSet<String>> {
        let of_rule = self.book.websites.iter().filter(|(_, id)| rule.websites.contains(id)).map(|(code, _)| code);
        let both = of_rule.filter(|code| offer.websites.is_empty() || offer.websites.contains(*code));
        let both: BTreeSet<String> = both.cloned().collect();
        (!both.is_empty()).then_some(both)
    }

    /// The groups that a rule is for, where those are not all. How often a customer has used one that he may use so many times Commerce
    /// alone knows, so that such a rule counts for guests only, who are not counted.
    fn groups(&self, rule: &CartRule) -> Option<BTreeSet<u64>> {
        if rule.uses_per_customer > 0 {
            return Some(rule.customer_groups.iter().copied().filter(|group| *group == GUESTS).collect());
        }
        (!self.book.is_for_all_groups(rule)).then(|| rule.customer_groups.clone())
    }

    /// A rule of the store whose price no offer shows, as something that carts go by: in one form for shoppers of known groups, and, where it
    /// is for some groups only, in another for the others. One whose code is put into the carts of some audiences may hold for those; of one in
    /// doubt nobody can tell whether it holds.
    fn store_rules(&self, rule: &CartRule, by_code: Option<&AudienceTest>, in_doubt: bool) -> Vec<Offer> {
        let websites = self.book.websites.iter().filter(|(_, id)| rule.websites.contains(id));
        let websites: BTreeSet<String> = websites.map(|(code, _)| code.clone()).collect();
        let effect = unit::effect(rule);
        let is_idle = rule.action == CartAction::ByPercent && effect == UnitEffect::Nothing && !rule.stop;
        if !rule.is_active || websites.is_empty() || is_idle {
            return Vec::new();
        }
        let (audiences, rest) = self.split_audiences(&rule.conditions);
        let whom = by_code.cloned().unwrap_or_default();
        let audiences = audiences.and_then(|of_rule| join_audiences(&whom, &of_rule));
        let products = self.catalogue.products(&rest, &rule.lines, &Products::All);
        let (action, amount, effect) = match effect {
            UnitEffect::Price(action, amount) => (action, amount, StoreEffect::Price),
            UnitEffect::Nothing => (Action::ByPercent, Decimal::ZERO, StoreEffect::Nothing),
            UnitEffect::Unsure => (Action::ByPercent, Decimal::ZERO, StoreEffect::Unsure),
        };
        let is_certain = !in_doubt && audiences.is_some() && products.is_ok();
        let of_group = |of_unknown_group: bool| Offer {
            id: format!("rule {}", rule.id).into(),
            name: rule.name.clone(),
            audiences: audiences.clone().unwrap_or_else(|| whom.clone()),
            websites: websites.clone(),
            store_views: BTreeSet::new(),
            days: rule.days,
            priority: priority(rule),
            stop: rule.stop,
            action,
            amount,
            is_stated: false,
            customer_groups: self.groups(rule),
            floor: None,
            products: products.clone().unwrap_or(Products::All),
            labels: Labels::default(),
            charge: Charge::Store(StoreRule {
                rule_id: rule.id,
                is_certain: is_certain && !of_unknown_group,
                effect,
                of_unknown_group,
            }),
            label_only: false,
            paused: false,
        };
        match self.groups(rule) {
            Some(_) => vec![of_group(false), of_group(true)],
            None => vec![of_group(false)],
        }
    }
}

/// Whether a rule with such coupons can charge an offer that is charged so.
fn is_charged_so(charge: &Charge, coupon: CouponKind) -> bool {
    match charge {
        Charge::Coupon { code: None, .. } => coupon == CouponKind::Generated,
        Charge::Coupon { code: Some(_), .. } => coupon != CouponKind::None,
        _ => coupon == CouponKind::None,
    }
}

fn priority(rule: &CartRule) -> i32 {
    i32::try_from(rule.priority).unwrap_or(if rule.priority < 0 { i32::MIN } else { i32::MAX })
}

/// The audiences that a tree asks for beside the rest of it; no audiences where they cannot be told from the rest.
fn split_audiences(conditions: &Condition) -> (Option<Vec<AudienceTest>>, Condition) {
    let Condition::Combine(combine) = conditions else { return (None, conditions.clone()) };
    let is_plain = combine.value && (combine.all || combine.parts.len() == 1);
    let mut rest = combine.clone();
    let mut found = Vec::new();
    rest.parts.retain(|part| match part {
        Condition::Audience { test, .. } if is_plain => {
            found.push(test.clone());
            false
        }
        _ => true,
    });
    let hidden = rest.parts.iter().any(unit::asks_for_audiences);
    ((!hidden).then_some(found), Condition::Combine(rest))
}

/// Whom an offer is for that its rule also asks about; `None` where one test cannot say both.
fn join_audiences(offer: &AudienceTest, of_rule: &[AudienceTest]) -> Option<AudienceTest> {
    of_rule.iter().try_fold(offer.clone(), |mut joined, test| {
        let implied = !joined.any.is_empty() && joined.any.is_subset(&test.any);
        let in_all = joined.all.iter().any(|id| test.any.contains(id));
        match test.any.len() {
            0 => {}
            _ if implied || in_all => {}
            1 => joined.all.extend(test.any.iter().cloned()),
            _ if joined.any.is_empty() => joined.any = test.any.clone(),
            _ if test.any.is_subset(&joined.any) => joined.any = test.any.clone(),
            _ => return None,
        }
        joined.all.extend(test.all.iter().cloned());
        joined.none.extend(test.none.iter().cloned());
        Some(joined)
    })
}

#[cfg(test)]
mod tests;
