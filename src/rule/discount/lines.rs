//! What Magento's cart takes off its lines, as observed on Magento Open Source 2.4.6-p1. A cart of one line of one unit is a
//! [`Unit`](super::Unit).

use rust_decimal::Decimal;

use super::{Effect, cents, is_sane};
use crate::rule::Action;

/// Fractions of a cent that lines of one cart hand on to each other, by the sum of percentages at which they were left over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carries(Vec<(Decimal, Decimal)>);

/// One line of a cart, while offers apply to it one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    price: Decimal,
    quantity: Decimal,
    discount: Decimal,
    /// The sum of the percentages so far, at most 100.
    percent: Decimal,
    whole_cents: bool,
}

impl Line {
    /// So many units at a price that the cart has, in cents; none for amounts past all reason.
    pub fn new(price: Decimal, quantity: Decimal) -> Option<Self> {
        let row = price.checked_mul(quantity).filter(|row| is_sane(*row))?;
        let sane = is_sane(price) && cents(price) == price && row >= Decimal::ZERO && quantity > Decimal::ZERO;
        sane.then_some(Self { price, quantity, discount: Decimal::ZERO, percent: Decimal::ZERO, whole_cents: true })
    }

    /// What the cart takes off the line, in cents.
    pub fn discount(&self) -> Decimal {
        self.discount
    }

    /// What is left of the price of one unit.
    pub fn left_of_one(&self) -> Decimal {
        self.price - self.discount / self.quantity
    }

    /// Whether no other line's fraction of a cent can have changed the discount.
    pub fn is_independent(&self) -> bool {
        self.whole_cents
    }

    /// Applies one offer. A fixed `amount` must be in the currency of the price.
    pub fn apply(&mut self, action: Action, amount: Decimal, carries: &mut Carries) -> Effect {
        let hundred = Decimal::ONE_HUNDRED;
        match action {
            Action::ByPercent => self.apply_percent(amount.clamp(Decimal::ZERO, hundred), carries),
            Action::ToPercent => {
                self.apply_percent((hundred - amount.clamp(Decimal::ZERO, hundred)).normalize(), carries)
            }
            Action::ByFixed => self.deduct(amount.checked_mul(self.quantity), carries),
            Action::ToFixed if amount > self.price => Effect::Raised,
            Action::ToFixed => self.deduct(Some((self.price - amount) * self.quantity), carries),
        }
    }

    fn row(&self) -> Decimal {
        self.price * self.quantity
    }

    fn apply_percent(&mut self, percent: Decimal, carries: &mut Carries) -> Effect {
        let raw = (self.row() - self.discount) * percent / Decimal::ONE_HUNDRED;
        self.percent = (self.percent + percent).min(Decimal::ONE_HUNDRED).normalize();
        self.deduct(Some(raw), carries)
    }

    /// Takes an amount off; one past all reason takes the whole row.
    fn deduct(&mut self, raw: Option<Decimal>, carries: &mut Carries) -> Effect {
        let raw = raw.filter(|raw| is_sane(*raw)).unwrap_or(self.row());
        let rounded = if self.percent.is_zero() { cents(raw) } else { carries.carry(self.percent, raw) };
        self.whole_cents &= cents(raw) == raw;
        let before = self.discount;
        self.discount = (self.discount + rounded).min(self.row());
        match self.discount.cmp(&before) {
            std::cmp::Ordering::Greater => Effect::Lowered,
            std::cmp::Ordering::Equal => Effect::Same,
            std::cmp::Ordering::Less => {
                self.discount = before;
                Effect::Raised
            }
        }
    }
}

impl Carries {
    fn carry(&mut self, percent: Decimal, raw: Decimal) -> Decimal {
        let kept = self.0.iter_mut().find(|(known, _)| *known == percent);
        let exact = raw + kept.as_ref().map_or(Decimal::ZERO, |(_, fraction)| *fraction);
        let rounded = cents(exact);
        match kept {
            Some((_, fraction)) => *fraction = exact - rounded,
            None => self.0.push((percent, exact - rounded)),
        }
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn line(price: &str, quantity: &str) -> Line {
        Line::new(money(price), money(quantity)).expect("a sane line")
    }

    #[test]
    fn hands_a_fraction_on_to_the_next_line_of_the_same_percentage() {
        let mut carries = Carries::default();
        let (mut one, mut two, mut other) = (line("0.10", "1"), line("0.10", "1"), line("0.10", "1"));
        one.apply(Action::ByPercent, money("5"), &mut carries);
        two.apply(Action::ByPercent, money("5"), &mut carries);
        other.apply(Action::ByPercent, money("15"), &mut carries);
        assert_eq!((one.discount(), two.discount(), other.discount()), (money("0.01"), money("0"), money("0.02")));
        assert!(!one.is_independent());
    }

    #[test]
    fn takes_amounts_per_unit_and_never_more_than_the_row() {
        let mut carries = Carries::default();
        let (mut few, mut set, mut cheap) = (line("24.10", "6"), line("60", "2"), line("3", "2"));
        assert_eq!(few.apply(Action::ByFixed, money("5"), &mut carries), Effect::Lowered);
        assert_eq!(set.apply(Action::ToFixed, money("50"), &mut carries), Effect::Lowered);
        assert_eq!(cheap.apply(Action::ByFixed, money("5"), &mut carries), Effect::Lowered);
        assert_eq!((few.discount(), set.discount(), cheap.discount()), (money("30"), money("20"), money("6")));
        assert_eq!((few.left_of_one(), few.is_independent()), (money("19.10"), true));
        assert_eq!(cheap.apply(Action::ToFixed, money("4"), &mut carries), Effect::Raised);
    }

    #[test]
    fn knows_amounts_past_all_reason() {
        assert_eq!(Line::new(money("1.005"), money("1")), None);
        assert_eq!(Line::new(money("1"), money("0")), None);
        assert_eq!(Line::new(money("-1"), money("1")), None);
        assert_eq!(Line::new(money("1"), Decimal::MAX), None);
        let mut line = line("1", "2");
        line.apply(Action::ByFixed, Decimal::MAX, &mut Carries::default());
        assert_eq!(line.discount(), money("2"));
    }

    proptest! {
        #[test]
        fn a_line_of_one_is_a_unit(price in 0_i64..10_000_000, offers in prop::collection::vec((0_usize..4, 0_i64..2_000_000), 0..6)) {
            let price = Decimal::new(price, 2);
            let (mut line, mut carries) = (Line::new(price, Decimal::ONE).expect("sane"), Carries::default());
            let mut unit = Unit::new(price).expect("sane");
            for (action, amount) in offers {
                let action = [Action::ByPercent, Action::ByFixed, Action::ToPercent, Action::ToFixed][action];
                let amount = Decimal::new(amount, 4);
                prop_assert_eq!(line.apply(action, amount, &mut carries), unit.apply(action, amount));
                prop_assert_eq!(line.discount(), unit.discount());
            }
        }
    }
}
