//! What Magento's cart charges for one unit after a sequence of offers, as observed on Magento Open Source 2.4.6-p1.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Action;

pub mod lines;
#[cfg(test)]
pub(crate) mod vectors;

/// Prices above this are not computed: no shop charges them, and below it no step can overflow.
const HIGHEST_PRICE: Decimal = Decimal::from_parts(0, 1_000, 0, false, 0);

/// One unit in a cart of its own, while offers apply to it one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    price: Decimal,
    discount: Decimal,
    /// Whether fractions of a cent are kept instead of rounded.
    exact: bool,
    /// The sum of the percentages so far, at most 100.
    percent: Decimal,
    /// Fractions of a cent left over, by the sum of percentages at which they were.
    carries: Vec<(Decimal, Decimal)>,
}

/// What an offer did to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The price fell.
    Lowered,
    /// The offer applies, but the price is the same (0 percent, or free already).
    Same,
    /// The cart would charge more with this offer than without it; nothing was changed.
    Raised,
}

impl Unit {
    /// A unit at its shown price, which the cart rounds to cents; none for a negative price and for one past all reason.
    pub fn new(price: Decimal) -> Option<Self> {
        is_sane(price).then(|| Self::at(cents(price), false))
    }

    /// One of several prices that are added up before they are rounded: fractions of a cent stay on both sides. The cart gets the same sum
    /// because it carries them from line to line.
    pub fn exact(price: Decimal) -> Option<Self> {
        is_sane(price).then(|| Self::at(price, true))
    }

    fn at(price: Decimal, exact: bool) -> Self {
        Self { price, discount: Decimal::ZERO, exact, percent: Decimal::ZERO, carries: Vec::new() }
    }

    /// What the cart charges now, in cents unless exact.
    pub fn charged(&self) -> Decimal {
        self.price - self.discount
    }

    /// What the cart takes off, in cents unless exact.
    pub fn discount(&self) -> Decimal {
        self.discount
    }

    /// Applies one offer. A fixed `amount` must be in the currency of the price.
    pub fn apply(&mut self, action: Action, amount: Decimal) -> Effect {
        let hundred = Decimal::ONE_HUNDRED;
        match action {
            Action::ByPercent => self.apply_percent(amount.clamp(Decimal::ZERO, hundred)),
            Action::ToPercent => self.apply_percent((hundred - amount.clamp(Decimal::ZERO, hundred)).normalize()),
            Action::ByFixed => self.deduct(amount),
            Action::ToFixed if amount > self.price => Effect::Raised,
            Action::ToFixed => self.deduct(self.price - amount),
        }
    }

    fn apply_percent(&mut self, percent: Decimal) -> Effect {
        let raw = self.charged() * percent / Decimal::ONE_HUNDRED;
        self.percent = (self.percent + percent).min(Decimal::ONE_HUNDRED);
        self.deduct(raw)
    }

    /// Rounds what an offer takes off to cents. Once a line has a percentage, the fraction is kept and given to the next
    /// offer that meets the line at the same sum of percentages.
    fn deduct(&mut self, raw: Decimal) -> Effect {
        let rounded = match self.exact {
            true => raw,
            false if self.percent.is_zero() => cents(raw),
            false => self.carry(raw),
        };
        let before = self.discount;
        self.discount = (self.discount + rounded).min(self.price);
        match self.discount.cmp(&before) {
            std::cmp::Ordering::Greater => Effect::Lowered,
            std::cmp::Ordering::Equal => Effect::Same,
            std::cmp::Ordering::Less => {
                self.discount = before;
                Effect::Raised
            }
        }
    }

    fn carry(&mut self, raw: Decimal) -> Decimal {
        let kept = self.carries.iter_mut().find(|(percent, _)| *percent == self.percent);
        let exact = raw + kept.as_ref().map_or(Decimal::ZERO, |(_, fraction)| *fraction);
        let rounded = cents(exact);
        match kept {
            Some((_, fraction)) => *fraction = exact - rounded,
            None => self.carries.push((self.percent, exact - rounded)),
        }
        rounded
    }
}

/// Whether a price is neither negative nor past all reason.
pub fn is_sane(price: Decimal) -> bool {
    price >= Decimal::ZERO && price <= HIGHEST_PRICE
}

/// Rounds to cents, half away from zero, whatever the currency: as the cart does, also for yen.
pub fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn charged(price: &str, offers: &[(Action, &str)]) -> Decimal {
        let mut unit = Unit::new(money(price)).expect("a sane price");
        for (action, amount) in offers {
            unit.apply(*action, money(amount));
        }
        unit.charged()
    }

    #[test]
    fn rounds_half_a_cent_away_from_zero() {
        assert_eq!(charged("0.10", &[(Action::ByPercent, "5")]), money("0.09"));
        assert_eq!(charged("10.005", &[]), money("10.01"));
        assert_eq!(charged("9.99", &[(Action::ByPercent, "50")]), money("4.99"));
    }

    #[test]
    fn percentages_compound_and_amounts_add() {
        assert_eq!(charged("100", &[(Action::ByPercent, "20"), (Action::ByPercent, "10")]), money("72"));
        assert_eq!(charged("100", &[(Action::ByFixed, "5"), (Action::ByPercent, "10")]), money("85.5"));
        assert_eq!(charged("100", &[(Action::ToPercent, "60")]), money("60"));
        assert_eq!(charged("100", &[(Action::ByPercent, "10"), (Action::ToFixed, "70")]), money("60"));
    }

    #[test]
    fn carries_the_fraction_to_an_amount_that_follows_a_percentage() {
        // 33.333 % of 10.01 is 3.336633: 3.34 is taken, 0.003367 too much; of 1.0083 then 1.004933 is left, not 1.01.
        assert_eq!(charged("10.01", &[(Action::ByPercent, "33.333"), (Action::ByFixed, "1.0083")]), money("5.67"));
        assert_eq!(charged("10.01", &[(Action::ByFixed, "1.0083")]), money("9.00"));
    }

    #[test]
    fn never_takes_more_than_the_price() {
        assert_eq!(charged("5", &[(Action::ByFixed, "7")]), money("0"));
        assert_eq!(charged("5", &[(Action::ByPercent, "100"), (Action::ByFixed, "7")]), money("0"));
    }

    #[test]
    fn parts_of_a_sum_keep_their_fractions() {
        let mut part = Unit::exact(money("4.99")).expect("a sane price");
        assert_eq!(part.apply(Action::ByPercent, money("12.5")), Effect::Lowered);
        assert_eq!((part.charged(), part.discount()), (money("4.36625"), money("0.62375")));
        assert_eq!(part.apply(Action::ByFixed, money("5")), Effect::Lowered);
        assert_eq!(part.charged(), money("0"));
        assert_eq!(Unit::exact(money("-1")), None);
    }

    #[test]
    fn says_when_an_offer_would_raise_the_price() {
        let mut unit = Unit::new(money("5")).expect("a sane price");
        assert_eq!(unit.apply(Action::ToFixed, money("5.01")), Effect::Raised);
        assert_eq!(unit.apply(Action::ToFixed, money("5")), Effect::Same);
        assert_eq!(unit.apply(Action::ToFixed, money("4")), Effect::Lowered);
        assert_eq!(unit.charged(), money("4"));
    }

    proptest! {
        #[test]
        fn stays_between_nothing_and_the_price(
            price in any::<u128>(),
            scale in 0_u32..=28,
            offers in proptest::collection::vec((0_usize..4, 0_i64..2_000_000_000_000), 0..12),
        ) {
            let digits = i128::try_from(price >> 33).expect("95 bits");
            let Some(mut unit) = Unit::new(Decimal::from_i128_with_scale(digits, scale)) else { return Ok(()) };
            let actions = [Action::ByPercent, Action::ByFixed, Action::ToPercent, Action::ToFixed];
            for (action, amount) in offers {
                let before = unit.charged();
                let effect = unit.apply(actions[action], Decimal::new(amount, 4));
                prop_assert!(unit.charged() >= Decimal::ZERO && unit.charged() <= before);
                prop_assert_eq!(unit.charged() < before, effect == Effect::Lowered);
                prop_assert!(unit.charged().scale() <= 2);
            }
        }
    }

    /// Compares with what a real store charged.
    #[test]
    fn charges_what_magento_charged() {
        let scenarios = vectors::scenarios();
        let compared = scenarios.iter().filter(|scenario| agrees(scenario)).count();
        eprintln!("{compared} scenarios compared");
        assert!(scenarios.is_empty() || compared >= 85, "only {compared} scenarios compared");
    }

    /// Whether a scenario is about what this module computes; panics where the result differs.
    fn agrees(scenario: &serde_json::Value) -> bool {
        let Some(rules) = vectors::comparable_rules(scenario) else { return false };
        let item = &scenario["items"][0];
        let incl_tax = scenario["store"]["discount_on"] == "incl_tax";
        let price = vectors::decimal(&item[if incl_tax { "price_incl_tax" } else { "unit_price" }]);
        let mut unit = Unit::new(price).expect("a sane price");
        for rule in rules {
            let action = match rule["simple_action"].as_str() {
                Some("by_percent") => Action::ByPercent,
                Some("by_fixed") => Action::ByFixed,
                Some("to_percent") => Action::ToPercent,
                _ => Action::ToFixed,
            };
            unit.apply(action, vectors::decimal(&rule["discount_amount"]));
            if rule["stop_rules_processing"] == true {
                break;
            }
        }
        let charged = vectors::decimal(&scenario["expected"]["items"][0]["discount_amount"]);
        assert_eq!(unit.discount(), charged, "{}", scenario["id"]);
        true
    }
}
