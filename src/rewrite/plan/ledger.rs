//! The prices of one product: what the cart could charge (units), and what the page shows of it (values).

use rust_decimal::{Decimal, RoundingStrategy};

use super::boxes::{Side, is_same};
use crate::page::{Amounts, Share, UnitFacts, Whose};

/// A product's prices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Each price that a cart could charge, once; they become a part of the product's facts when all are known.
    pub(crate) units: Vec<UnitFacts>,
    /// Each price that the page shows, by how it follows from the units.
    values: Vec<Value>,
}

/// A price that the page shows.
#[derive(Clone, Debug)]
struct Value {
    formula: Formula,
    /// What the page says now.
    old: Amounts,
}

/// A price's place in a [`Ledger`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueId(usize);

/// How a price follows from units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    /// It is one.
    Unit(usize),
    /// It is the cheapest of several.
    Least(Vec<usize>),
    /// It is the dearest of several.
    Most(Vec<usize>),
    /// It is a sum.
    Sum(Vec<Term>),
    /// It is any of these; it cannot be told which, so that they must stay equal.
    Any(Vec<usize>),
}

/// What is added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Which of the parts.
    pub(crate) pick: Pick,
    /// Units, each so many times.
    pub(crate) parts: Vec<(usize, Decimal)>,
}

/// Which of several parts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The cheapest.
    Least,
    /// The dearest.
    Most,
    /// Every one.
    All,
}

impl Side {
    /// The amount on this side.
    pub(crate) fn of(self, amounts: &Amounts) -> Option<Decimal> {
        match self {
            Self::Final => amounts.final_price,
            Self::Base => amounts.base_price,
        }
    }
}

impl Amounts {
    /// The amount that prices are compared by.
    pub(crate) fn lead(&self) -> Option<Decimal> {
        self.final_price.or(self.base_price)
    }

    /// Both sides after `change`.
    pub(crate) fn map(self, change: impl Fn(Decimal) -> Decimal) -> Self {
        Self { final_price: self.final_price.map(&change), base_price: self.base_price.map(&change) }
    }

    /// Whether the two may be one price, of which each knows a side or both.
    fn agrees(&self, other: &Self) -> bool {
        let pairs = [(self.final_price, other.final_price), (self.base_price, other.base_price)];
        let known = || pairs.iter().filter_map(|(one, other)| one.zip(*other));
        known().next().is_some() && known().all(|(one, other)| is_same(one, other))
    }
}

impl Ledger {
    /// The unit with these amounts, which is added unless it is known. Sides that were not known before are.
    pub(crate) fn unit(&mut self, whose: &Whose, share: Share, amounts: Amounts) -> usize {
        let same = |unit: &UnitFacts| unit.whose == *whose && unit.share == share && unit.amounts.agrees(&amounts);
        if let Some(at) = self.units.iter().position(same) {
            let known = &mut self.units[at].amounts;
            known.final_price = known.final_price.or(amounts.final_price);
            known.base_price = known.base_price.or(amounts.base_price);
            return at;
        }
        self.units.push(UnitFacts { whose: whose.clone(), share, amounts });
        self.units.len() - 1
    }

    /// The value with this formula.
    pub(crate) fn value(&mut self, formula: Formula) -> ValueId {
        let old = formula.amounts(&|at| self.old_unit(at)).unwrap_or_default();
        let at = self.values.iter().position(|value| value.formula == formula).unwrap_or_else(|| {
            self.values.push(Value { formula, old });
            self.values.len() - 1
        });
        self.values[at].old = old;
        ValueId(at)
    }

    /// What a formula comes to on the page as it came.
    pub(crate) fn reckon(&self, formula: &Formula) -> Option<Amounts> {
        formula.amounts(&|at| self.old_unit(at))
    }

    /// The value that is one unit.
    pub(crate) fn unit_value(&mut self, whose: &Whose, share: Share, amounts: Amounts) -> ValueId {
        let unit = self.unit(whose, share, amounts);
        self.value(Formula::Unit(unit))
    }

    /// How a value follows from units.
    pub(crate) fn formula(&self, value: ValueId) -> &Formula {
        &self.values[value.0].formula
    }

    /// What a value is on the page as it came.
    pub(crate) fn old(&self, value: ValueId) -> Amounts {
        self.values[value.0].old
    }

    /// What a value will be, given the new amounts of all units; nothing where it cannot be told.
    pub(crate) fn new_amounts(&self, value: ValueId, units: &[Amounts]) -> Option<Amounts> {
        let formula = &self.values.get(value.0)?.formula;
        let amounts = formula.amounts(&|at| units.get(at).copied())?;
        // The cart rounds what it takes off up at half a cent, so that what is left of a sum goes down.
        let cents = |amount: Decimal| amount.round_dp_with_strategy(2, RoundingStrategy::MidpointTowardZero);
        Some(if matches!(formula, Formula::Sum(_)) { amounts.map(cents) } else { amounts })
    }

    /// The first value that is this amount on a side.
    pub(crate) fn find(&self, amount: Decimal, side: Side) -> Option<ValueId> {
        let is_it = |value: &Value| side.of(&value.old).is_some_and(|old| is_same(old, amount));
        self.values.iter().position(is_it).map(ValueId)
    }

    /// The first value of which this number is a rounding.
    pub(crate) fn find_rounded(&self, is_it: impl Fn(Decimal) -> bool) -> Option<(ValueId, Side)> {
        [Side::Final, Side::Base].into_iter().find_map(|side| {
            let at = self.values.iter().position(|value| side.of(&value.old).is_some_and(&is_it))?;
            Some((ValueId(at), side))
        })
    }

    /// The units that are this amount on a side.
    pub(crate) fn units_at(&self, is_it: impl Fn(Decimal) -> bool) -> Vec<usize> {
        let amounts = |unit: &UnitFacts| unit.amounts.lead().is_some_and(&is_it);
        (0..self.units.len()).filter(|at| amounts(&self.units[*at])).collect()
    }

    /// Settles what every value is, now that all units are known.
    pub(crate) fn settle(&mut self) {
        let units = &self.units;
        for value in &mut self.values {
            value.old = value.formula.amounts(&|at| units.get(at).map(|unit| unit.amounts)).unwrap_or_default();
        }
    }

    /// Whether prices of one thing have the same tax in them, as far as both sides are known.
    pub(crate) fn is_taxed_alike(&self) -> bool {
        let sides = |unit: &UnitFacts| unit.amounts.final_price.zip(unit.amounts.base_price);
        let known = |whose: &Whose| self.units.iter().filter(|unit| unit.whose == *whose).find_map(sides);
        self.units.iter().all(|unit| {
            // Sums are of parts that may be taxed differently.
            let of_sum = matches!(unit.whose, Whose::SomeComponents | Whose::SomeMember);
            let Some((first, own)) = known(&unit.whose).zip(sides(unit)).filter(|_| !of_sum) else { return true };
            let ((with, without), (own_with, own_without)) = (first, own);
            // Either may have been rounded to cents.
            let tolerance = Decimal::new(2, 2);
            let expected = own_without * with;
            (expected - own_with * without).abs() <= tolerance * (with + own_with).max(Decimal::ONE)
        })
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        self.values.len() * (size_of::<Value>() + 32)
    }

    fn old_unit(&self, at: usize) -> Option<Amounts> {
        self.units.get(at).map(|unit| unit.amounts)
    }
}

impl Formula {
    fn amounts(&self, units: &impl Fn(usize) -> Option<Amounts>) -> Option<Amounts> {
        let unit = |at: &usize| units(*at);
        match self {
            Self::Unit(at) => unit(at),
            Self::Least(of) => of.iter().filter_map(unit).min_by_key(Amounts::lead),
            Self::Most(of) => of.iter().filter_map(unit).max_by_key(Amounts::lead),
            Self::Any(of) => {
                let first = unit(of.first()?)?;
                of.iter().filter_map(unit).all(|other| other.agrees(&first)).then_some(first)
            }
            Self::Sum(terms) => {
                let mut sum = Amounts { final_price: Some(Decimal::ZERO), base_price: Some(Decimal::ZERO) };
                for term in terms {
                    sum = add(sum, term.amounts(units)?);
                }
                Some(sum)
            }
        }
    }
}

impl Term {
    fn amounts(&self, units: &impl Fn(usize) -> Option<Amounts>) -> Option<Amounts> {
        let part = |(at, times): &(usize, Decimal)| units(*at).map(|unit| unit.map(|amount| amount * times));
        let parts = self.parts.iter().filter_map(part);
        match self.pick {
            Pick::Least => parts.min_by_key(Amounts::lead),
            Pick::Most => parts.max_by_key(Amounts::lead),
            Pick::All => {
                let zero = Amounts { final_price: Some(Decimal::ZERO), base_price: Some(Decimal::ZERO) };
                Some(parts.fold(zero, add))
            }
        }
    }
}

fn add(one: Amounts, other: Amounts) -> Amounts {
    let sum = |one: Option<Decimal>, other: Option<Decimal>| one.zip(other).map(|(one, other)| one + other);
    Amounts { final_price: sum(one.final_price, other.final_price), base_price: sum(one.base_price, other.base_price) }
}
