//! Whether all copies of one product follow an offer, or none does.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::copies::{Bundle, Copies, Copy, Figure, Role};
use super::number::{cents, numbers, only_number, without_numbers};
use super::offer::{Offer, Price};

/// How far an amount may lie from what is charged: half a cent, so that fractions may be kept. Texts must say what is charged.
const TOLERANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// What became of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Changed,
    /// Nothing of it changed, though the offer lowers it.
    LeftAlone,
    /// Nothing of it changed, and nothing was to.
    Rightly(&'static str),
}

/// One product before and after.
pub struct Judge<'a> {
    product: u64,
    before: &'a Copies,
    old: &'a BTreeMap<String, Copy>,
    new: &'a BTreeMap<String, Copy>,
    offer: Offer,
    /// The rates of the tax that the page's prices include; none for a page without tax.
    rates: &'a [Decimal],
    /// Whether texts may hold what is not theirs, so that amounts alone tell whether anything changed.
    is_broken: bool,
    contradictions: Vec<String>,
}

impl<'a> Judge<'a> {
    /// The judge of a page that is broken.
    pub fn of_broken(self) -> Self {
        Self { is_broken: true, ..self }
    }

    pub fn new(product: u64, before: &'a Copies, after: &'a Copies, offer: Offer, rates: &'a [Decimal]) -> Self {
        static NOTHING: BTreeMap<String, Copy> = BTreeMap::new();
        let of = |copies: &'a Copies| copies.of.get(&product).unwrap_or(&NOTHING);
        let (old, new) = (of(before), of(after));
        Self { product, before, old, new, offer, rates, is_broken: false, contradictions: Vec::new() }
    }

    /// What became of the product, and what contradicts what.
    pub fn judge(mut self) -> (State, Vec<String>) {
        let same = |(place, copy): (&String, &Copy)| {
            let is_it = |new: &Copy| is_same(copy, new) || (self.is_broken && has_same_amounts(copy, new));
            self.new.get(place).is_some_and(is_it)
        };
        if self.old.len() == self.new.len() && self.old.iter().all(same) {
            let state = self.reason().map_or(State::LeftAlone, State::Rightly);
            return (state, Vec::new());
        }
        if let Some(reason) = self.reason() {
            self.say("*", format!("changed, though it was to be left alone: {reason}"));
        }
        for (place, copy) in self.old {
            match self.new.get(place) {
                Some(new) => self.copy(place, copy, new),
                None => self.say(place, "is gone".to_owned()),
            }
        }
        for (place, copy) in self.new.iter().filter(|(place, _)| !self.old.contains_key(*place)) {
            if copy.role != Role::Regular || !place.starts_with("box") {
                self.say(place, "was added".to_owned());
            }
        }
        self.sums();
        (State::Changed, self.contradictions)
    }

    /// The parts of a bundle's cheapest and dearest choice make up the prices that are shown for them.
    fn sums(&mut self) {
        for dearest in [false, true] {
            let Some(parts) = self.choice(dearest) else { continue };
            let sum = |of: &BTreeMap<String, Copy>| -> Option<Decimal> {
                parts.iter().map(|(quantity, place)| Some(*quantity * shown(of.get(*place)?)?)).sum()
            };
            let (Some(before), Some(after)) = (sum(self.old), sum(self.new)) else { continue };
            let whole = self.old.iter().find(|(place, copy)| {
                place.starts_with("box") && copy.role == Role::Unit && shown(copy).map(cents) == Some(cents(before))
            });
            let charged = whole.and_then(|(_, copy)| self.charged(copy)).map(|price| price.shown);
            if charged.is_some_and(|charged| cents(charged) != cents(after)) {
                self.say(
                    "bundle",
                    format!("the parts sum up to {after}, but {} is charged", charged.unwrap_or_default()),
                );
            }
        }
    }

    fn say(&mut self, place: &str, what: String) {
        self.contradictions.push(format!("product {}, {place}: {what}", self.product));
    }

    fn bundle(&self) -> Option<&'a Bundle> {
        self.before.bundles.get(&self.product)
    }

    fn is_dynamic_bundle(&self) -> bool {
        self.bundle().is_some_and(|bundle| !bundle.is_fixed) || (self.bundle().is_none() && self.is_range())
    }

    /// Whether the product shows where its price begins and ends.
    fn is_range(&self) -> bool {
        self.old.keys().any(|place| place.starts_with("box") && place.contains(" from "))
    }

    /// Why nothing of the product is to change, as far as arithmetic tells.
    fn reason(&self) -> Option<&'static str> {
        let units = || self.old.values().filter(|copy| copy.role == Role::Unit);
        let price = |copy: &Copy| self.price(copy).or_else(|| Some(Price { shown: shown(copy)?, untaxed: None }));
        if let Offer::To(_) = self.offer {
            if self.is_dynamic_bundle() {
                return Some("what parts of a bundle are charged depends on the choice");
            }
            let raised = |copy: &Copy| price(copy).is_some_and(|price| self.offer.charged_taxed(price).is_none());
            if units().any(raised) {
                return Some("a part of it is cheaper already");
            }
            if self.before.links_to_tick && self.old.values().any(|copy| copy.role == Role::Link) {
                return Some("the price would be the same with every link");
            }
        }
        let unchanged =
            |copy: &Copy| price(copy).is_none_or(|price| self.offer.charged(price.shown) == Some(cents(price.shown)));
        units().all(unchanged).then_some("the price is the same")
    }

    /// The prices, each with its twin, that a copy may tell: with its own twin, with that of another copy of the same price, or with all
    /// that rates make it of. None where none of these tells it, and where only the twin is printed.
    fn prices(&self, copy: &Copy) -> Vec<Price> {
        let Some(shown) = shown(copy) else { return Vec::new() };
        let same = || self.old.values().filter(|other| self::shown(other) == Some(shown)).find_map(untaxed);
        match untaxed(copy).or_else(same) {
            None if self.rates.is_empty() => vec![Price { shown, untaxed: None }],
            None => self.untaxed_by_rates(shown).map(|untaxed| Price { shown, untaxed: Some(untaxed) }).collect(),
            own => vec![Price { shown, untaxed: own }],
        }
    }

    /// What a price is without tax, with each of the rates that explain it and the product's regular price.
    fn untaxed_by_rates(&self, price: Decimal) -> impl Iterator<Item = Decimal> {
        let regular: Vec<Decimal> = self
            .old
            .values()
            .filter(|copy| copy.role == Role::Regular && !copy.classes.is_empty())
            .filter_map(shown)
            .collect();
        let fitting =
            self.rates.iter().filter(move |rate| regular.iter().all(|price| without_tax(*price, **rate).is_some()));
        fitting.filter_map(move |rate| without_tax(price, *rate))
    }

    /// A copy's price, where one is certain.
    fn price(&self, copy: &Copy) -> Option<Price> {
        let prices = self.prices(copy);
        (prices.len() == 1).then(|| prices[0])
    }

    /// What one unit costs after the offer, by what a copy said before.
    fn charged(&self, copy: &Copy) -> Option<Price> {
        if self.is_dynamic_bundle() && matches!(self.offer, Offer::Off(_)) {
            return self.sum_for(shown(copy).or(untaxed(copy).filter(|_| self.rates.is_empty()))?);
        }
        if let (None, Some(untaxed)) = (shown(copy), untaxed(copy)) {
            return Some(Price { shown: Decimal::ZERO, untaxed: Some(self.offer.charged(untaxed)?) });
        }
        let charged: Option<Vec<Price>> =
            self.prices(copy).into_iter().map(|price| self.offer.charged_taxed(price)).collect();
        let charged = charged?;
        // Where it may have been taxed in more than one way, what is charged is known if it is the same with each.
        let first = *charged.first()?;
        charged.iter().all(|price| price.shown == first.shown).then_some(first)
    }

    /// What the cheapest or dearest choice of a bundle costs, each part reduced for itself, if it cost so much before.
    fn sum_for(&self, before: Decimal) -> Option<Price> {
        if before.is_zero() {
            return Some(Price { shown: before, untaxed: Some(before) });
        }
        let priced = |dearest: bool| {
            let part = |(quantity, place): (Decimal, &'a str)| Some((quantity, self.price(self.old.get(place)?)?));
            self.choice(dearest)?.into_iter().map(part).collect::<Option<Vec<_>>>()
        };
        let parts = [false, true].map(priced).into_iter().flatten().find(|parts| {
            let sum: Decimal = parts.iter().map(|(quantity, price)| *quantity * price.shown).sum();
            cents(sum) == cents(before)
        })?;
        let mut sum = Price { shown: Decimal::ZERO, untaxed: Some(Decimal::ZERO) };
        for (quantity, price) in parts {
            let left = self.offer.charged_taxed(price)?;
            sum.shown += quantity * left.shown;
            sum.untaxed = sum.untaxed.zip(left.untaxed).map(|(sum, left)| sum + quantity * left);
        }
        Some(sum)
    }

    /// Quantity and place of what is cheapest, or dearest, of each of a bundle's options.
    fn choice(&self, dearest: bool) -> Option<Vec<(Decimal, &'a str)>> {
        let bundle = self.bundle().filter(|bundle| !bundle.is_fixed)?;
        let cost =
            |(quantity, place): &(Decimal, &'a str)| self.old.get(*place).and_then(shown).map(|unit| *quantity * unit);
        let best = |selections: &'a Vec<(Decimal, String)>| {
            let parts = selections.iter().map(|(quantity, place)| (*quantity, place.as_str()));
            if dearest { parts.max_by_key(cost) } else { parts.min_by_key(cost) }
        };
        bundle.options.iter().map(best).collect()
    }

    fn copy(&mut self, place: &str, old: &Copy, new: &Copy) {
        for (old, new) in old.figures().zip(new.figures()) {
            self.text(place, old, new);
        }
        if old.figures().count() != new.figures().count() || old.classes != new.classes {
            self.say(place, "has another shape".to_owned());
        }
        match old.role {
            Role::Regular | Role::Kept => self.stays(place, old, new),
            Role::Either if is_same(old, new) => {}
            Role::Unit | Role::Either => self.unit(place, old, new),
            Role::Link if !self.before.links_to_tick && is_same(old, new) => {}
            Role::Link | Role::PercentOption | Role::Selection => self.part(place, old, new),
        }
    }

    /// Text and amount say the same, in as many decimals as before.
    fn text(&mut self, place: &str, old: &Figure, new: &Figure) {
        if old == new {
            return;
        }
        let (Some(before), Some(text)) = (&old.text, &new.text) else {
            if old.text != new.text {
                self.say(place, "has another shape".to_owned());
            }
            return;
        };
        let Some(number) = numbers(text).into_iter().next() else {
            if !numbers(before).is_empty() {
                self.say(place, format!("{text:?} is no price"));
            }
            return;
        };
        if numbers(before).first().is_some_and(|before| !number.is_written_like(before)) {
            self.say(place, format!("{text:?} has other decimals than {before:?}"));
        }
        if let Some(amount) = new.amount().filter(|amount| !number.says(*amount)) {
            self.say(place, format!("{text:?} is not how {amount} looks"));
        }
    }

    fn stays(&mut self, place: &str, old: &Copy, new: &Copy) {
        if !is_same(old, new) {
            self.say(place, format!("was to stay at {}, but is {}", told(old), told(new)));
        }
    }

    fn unit(&mut self, place: &str, old: &Copy, new: &Copy) {
        let Some(charged) = self.charged(old) else {
            // A text alone beside amounts that are judged: it says what the product's price is.
            let twin = self.old.values().find(|other| untaxed(other).is_some() && untaxed(other) == shown(old));
            if let Some(charged) = twin.and_then(|twin| self.charged(twin)).filter(|_| old.untaxed.is_none()) {
                return self.figure(place, charged.untaxed, new.shown.as_ref());
            }
            let Some(text) = old.shown.as_ref().filter(|figure| figure.amount().is_none()) else {
                return self.say(place, "nothing tells what is charged".to_owned());
            };
            return self.text_alone(place, &text.text.clone().unwrap_or_default(), new);
        };
        self.figure(place, old.shown.is_some().then_some(charged.shown), new.shown.as_ref());
        self.figure(place, charged.untaxed.filter(|_| old.untaxed.is_some()), new.untaxed.as_ref());
        // Data calls the price without tax base price where there is no tax too.
        if let (Some(untaxed), None) = (untaxed(old), charged.untaxed) {
            let expected = if shown(old) == Some(untaxed) { Some(charged.shown) } else { None };
            self.figure(place, expected, new.untaxed.as_ref());
        }
        self.regular(old, charged.shown);
        self.saving(place, old, new);
    }

    /// A text without an amount follows the copy that said the same before.
    fn text_alone(&mut self, place: &str, before: &str, new: &Copy) {
        let twin = self.old.values().find(|other| {
            let amount = shown(other).filter(|_| other.role == Role::Unit);
            amount.is_some_and(|amount| only_number(before).is_some_and(|number| number.says(amount)))
        });
        match twin.and_then(|twin| self.charged(twin)) {
            Some(charged) => self.figure(place, Some(charged.shown), new.shown.as_ref()),
            None => self.say(place, format!("nothing tells what becomes of {before:?}")),
        }
    }

    fn figure(&mut self, place: &str, expected: Option<Decimal>, new: Option<&Figure>) {
        let (Some(expected), Some(new)) = (expected, new) else { return };
        if let Some(amount) = new.amount().filter(|amount| (*amount - expected).abs() > TOLERANCE) {
            self.say(place, format!("is {amount}, but {expected} is charged"));
        }
        let text = new.text.as_ref().filter(|text| !text.is_empty());
        let text = text.filter(|text| !only_number(text).is_some_and(|number| number.says(expected)));
        if let Some(text) = text {
            self.say(place, format!("shows {text:?}, but {expected} is charged"));
        }
    }

    /// A price that fell has the price before beside it.
    fn regular(&mut self, old: &Copy, charged: Decimal) {
        let (Some(at), Some(before)) = (&old.regular_at, shown(old)) else { return };
        if self.old.contains_key(at) {
            return;
        }
        // Links that are ticked raise the price, and scripts leave the regular one as it is.
        let stays = self.before.links_to_tick && self.before.main == Some(self.product);
        let Some(regular) = self.new.get(at) else {
            // Magento prints none beside a lowest price and in a bundle's summary.
            let optional = stays || at.contains(" minimal") || at.contains(" configured");
            if !optional && cents(charged) != cents(before) {
                self.say(at, "is missing beside a lower price".to_owned());
            }
            return;
        };
        if stays {
            self.say(at, "does not follow the links".to_owned());
        }
        // Scripts print the regular price that their data tell, which may be above a price that was reduced already.
        let in_data = |end: &str| self.old.iter().find(|(place, _)| place.ends_with(end));
        let in_data = in_data("priceConfig/oldPrice").or_else(|| in_data("variants/oldPrice"));
        let in_data =
            in_data.and_then(|(_, copy)| shown(copy)).filter(|_| !at.contains(" from") && !at.contains(" to"));
        let expected = in_data.unwrap_or(before);
        let figure = regular.shown.clone().unwrap_or_default();
        let same = figure.text.is_some() && figure.text == old.shown.as_ref().and_then(|shown| shown.text.clone());
        let says = (expected == before && same)
            || figure.text.as_deref().and_then(only_number).is_some_and(|number| number.says(expected));
        if figure.amount() != Some(expected) || !says {
            self.say(at, format!("is {}, but the price was {expected}", told(regular)));
        }
        let pattern = |copy: &Copy| copy.shown.as_ref().and_then(|figure| figure.text.as_deref()).map(without_numbers);
        if pattern(regular) != pattern(old) {
            self.say(at, format!("is {}, which is written in another way than {}", told(regular), told(old)));
        }
        let has = |class: &str| regular.classes.iter().any(|own| own == class);
        let of_variants = self.before.configurables.contains(&self.product);
        if !has("old-price") || has("no-display") || (of_variants && !has("sly-old-price")) {
            self.say(at, format!("has the classes {:?}", regular.classes));
        }
    }

    /// What a price by quantity claims to save is right within a percent, if it was.
    fn saving(&mut self, place: &str, old: &Copy, new: &Copy) {
        if self.wrong_saving(old, self.old).is_none()
            && let Some(wrong) = self.wrong_saving(new, self.new)
        {
            self.say(place, wrong);
        }
    }

    fn wrong_saving(&self, copy: &Copy, all: &BTreeMap<String, Copy>) -> Option<String> {
        let (percent, of) = copy.saves.as_ref()?;
        let in_box = || all.iter().find(|(place, copy)| place.starts_with("box") && copy.role == Role::Unit);
        let of = of.as_ref().and_then(|of| all.get(of)).or_else(|| in_box().map(|(_, copy)| copy));
        let (of, own) = of.and_then(shown).filter(|of| !of.is_zero()).zip(shown(copy))?;
        let exact = Decimal::ONE_HUNDRED - Decimal::ONE_HUNDRED * own / of;
        let is_right = only_number(percent).is_some_and(|number| number.is_near(exact, Decimal::new(5, 1)));
        (!is_right).then(|| format!("claims to save {percent} %, but {own} is {exact:.2} % below {of}"))
    }

    /// A part follows a percentage to the fraction, and a fixed amount only where it is a unit of its own.
    fn part(&mut self, place: &str, old: &Copy, new: &Copy) {
        let own_unit = old.role == Role::Selection && self.is_dynamic_bundle() && matches!(self.offer, Offer::Off(_));
        let part = |figure: Option<&Figure>| {
            let before = figure?.amount().or_else(|| shown(self.in_data(place)?))?;
            // Where the price is the same with every option, one that is a part of it adds nothing.
            let nothing = old.role == Role::PercentOption && matches!(self.offer, Offer::To(_));
            Some(if nothing { Decimal::ZERO } else { self.offer.part(before) })
        };
        let (shown, untaxed) = if own_unit {
            let copy = if shown(old).is_some() { Some(old) } else { self.in_data(place) };
            let left = copy.and_then(|copy| self.offer.charged_taxed(self.price(copy)?));
            (left.map(|left| left.shown), left.and_then(|left| left.untaxed))
        } else {
            (part(old.shown.as_ref()), part(old.untaxed.as_ref()))
        };
        self.part_figure(place, shown, new.shown.as_ref());
        self.part_figure(place, untaxed, new.untaxed.as_ref());
    }

    /// The data of a part whose text stands alone.
    fn in_data(&self, place: &str) -> Option<&'a Copy> {
        let end = format!("/{}/finalPrice", place.rsplit_once(' ').map_or(place, |(_, id)| id));
        self.old.iter().find(|(other, _)| other.contains("script") && other.ends_with(&end)).map(|(_, copy)| copy)
    }

    fn part_figure(&mut self, place: &str, expected: Option<Decimal>, new: Option<&Figure>) {
        let (Some(expected), Some(new)) = (expected, new) else { return };
        if new.amount().is_some_and(|amount| (amount - expected).abs() > TOLERANCE) {
            self.say(place, format!("is {}, but {expected} of it is charged", new.raw.as_deref().unwrap_or_default()));
        }
        let text = new.text.as_deref().and_then(|text| numbers(text).into_iter().next());
        if text.is_some_and(|number| !number.is_near(expected, Decimal::ZERO)) {
            self.say(place, format!("shows {:?}, but {expected} of it is charged", new.text));
        }
    }
}

/// The whole cents that tax makes a price of. Magento computes six decimals.
fn without_tax(price: Decimal, percent: Decimal) -> Option<Decimal> {
    let factor = Decimal::ONE + percent / Decimal::ONE_HUNDRED;
    let untaxed = cents(price / factor);
    ((untaxed * factor - price).abs() <= Decimal::new(2, 6)).then_some(untaxed)
}

fn shown(copy: &Copy) -> Option<Decimal> {
    copy.shown.as_ref().and_then(Figure::amount)
}

fn untaxed(copy: &Copy) -> Option<Decimal> {
    copy.untaxed.as_ref().and_then(Figure::amount)
}

/// Whether a copy says what it said.
fn is_same(old: &Copy, new: &Copy) -> bool {
    (&old.shown, &old.untaxed, &old.saves, &old.classes) == (&new.shown, &new.untaxed, &new.saves, &new.classes)
}

/// Whether the amounts of a copy are what they were, and its texts where it has no amounts.
fn has_same_amounts(old: &Copy, new: &Copy) -> bool {
    let said = |copy: &Copy| -> Vec<Option<String>> {
        copy.figures().map(|figure| figure.raw.clone().or(figure.text.clone())).collect()
    };
    said(old) == said(new)
}

fn told(copy: &Copy) -> String {
    let figures = copy.figures().map(|figure| {
        let text = figure.text.as_deref().unwrap_or_default();
        format!("{} {text}", figure.raw.as_deref().unwrap_or_default()).trim().to_owned()
    });
    figures.collect::<Vec<_>>().join(" | ")
}
