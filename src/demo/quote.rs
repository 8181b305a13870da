//! Carts as Magento keeps them ("quotes"): lines, a coupon, and where they go.

use std::sync::atomic::{AtomicU64, Ordering};

use super::catalog::Product;
use super::choice::{Choice, Part, Wanted};
use super::money::Cents;
use super::session::random_text;
use super::view::View;

/// More units of one product are not sold at once, as in Magento's default stock settings.
pub const MOST_UNITS: u32 = 10_000;

/// Magento's `entity_id` of the next cart.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// Magento's id of the next line, of whatever cart.
static NEXT_ITEM: AtomicU64 = AtomicU64::new(1);

/// A cart.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Magento's id, which customers' carts and administrators name.
    pub id: u64,
    /// The id that guests name, which nobody can guess.
    pub masked: String,
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// The coupon code, as it was typed.
    pub coupon: Option<String>,
    /// Where it goes, once that was said.
    pub address: Option<Address>,
    /// Such as `flatrate_flatrate`.
    pub shipping_method: Option<String>,
    /// Such as `checkmo`.
    pub payment_method: Option<String>,
}

/// Where a cart goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// ISO code.
    pub country: String,
    /// Its name.
    pub region: String,
    /// Magento's id of it.
    pub region_id: Option<u64>,
    /// Postal code.
    pub postcode: String,
}

/// One line of a cart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Magento's id of the line.
    pub item: u64,
    /// What is bought.
    pub product: &'static Product,
    /// What was chosen of it.
    pub choice: Choice,
    /// How many.
    pub qty: u32,
}

impl Default for Quote {
    fn default() -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            masked: random_text(32),
            lines: Vec::new(),
            coupon: None,
            address: None,
            shipping_method: None,
            payment_method: None,
        }
    }
}

impl Quote {
    /// Puts units of what was chosen into the cart, onto its line when it has one, and answers with that line.
    pub fn add(&mut self, (product, choice, qty): Wanted) -> u64 {
        let same = |line: &&mut Line| line.product.id == product.id && line.choice == choice;
        if let Some(line) = self.lines.iter_mut().find(same) {
            line.qty = line.qty.saturating_add(qty).min(MOST_UNITS);
            return line.item;
        }
        let item = NEXT_ITEM.fetch_add(1, Ordering::Relaxed);
        self.lines.push(Line { item, product, choice, qty: qty.min(MOST_UNITS) });
        item
    }

    /// Changes a line's quantity; none takes it away.
    pub fn set_qty(&mut self, item: u64, qty: u32) {
        self.lines.retain(|line| line.item != item || qty > 0);
        for line in self.lines.iter_mut().filter(|line| line.item == item) {
            line.qty = qty.min(MOST_UNITS);
        }
    }

    /// Takes up another cart's lines, and its coupon where it has one.
    pub fn merge(&mut self, other: Self) {
        for line in other.lines {
            self.add((line.product, line.choice, line.qty));
        }
        self.coupon = other.coupon.or_else(|| self.coupon.take());
    }

    /// The line with this id.
    pub fn line(&self, item: u64) -> Option<&Line> {
        self.lines.iter().find(|line| line.item == item)
    }

    /// The lines without tax and without discounts.
    pub fn subtotal(&self, view: &View) -> Cents {
        self.lines.iter().map(|line| line.total(view)).sum()
    }

    /// The lines with tax and without discounts.
    pub fn subtotal_with_tax(&self, view: &View) -> Cents {
        self.lines.iter().map(|line| view.with_tax(line.total(view))).sum()
    }

    /// How many units are in the cart.
    pub fn units(&self) -> u32 {
        self.lines.iter().map(|line| line.qty).sum()
    }

    /// Whether nothing of it is shipped.
    pub fn is_virtual(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(Line::is_virtual)
    }
}

impl Line {
    /// What one unit costs in a view's currency, without tax. A bundle costs what its parts cost, each of them in that currency.
    pub fn unit(&self, view: &View) -> Cents {
        self.unit_in(|base| view.net(base))
    }

    /// The same in base currency.
    pub fn base_unit(&self) -> Cents {
        self.unit_in(|base| base)
    }

    fn unit_in(&self, convert: impl Fn(Cents) -> Cents) -> Cents {
        match &self.choice {
            Choice::Parts(parts) => parts.iter().map(|part| convert(part.product.price()) * part.qty).sum(),
            choice => convert(choice.unit(self.product, self.qty)),
        }
    }

    /// All its units without tax and without discounts.
    pub fn total(&self, view: &View) -> Cents {
        self.unit(view) * self.qty
    }

    /// The parts of a bundle.
    pub fn parts(&self) -> &[Part] {
        if let Choice::Parts(parts) = &self.choice { parts } else { &[] }
    }

    /// Whether it needs no shipping.
    pub fn is_virtual(&self) -> bool {
        match self.parts() {
            [] => self.product.kind.is_virtual(),
            parts => parts.iter().all(|part| part.product.kind.is_virtual()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::catalog;

    #[test]
    fn what_was_chosen_otherwise_is_another_line() {
        let mut quote = Quote::default();
        let mug = catalog::product_by_key("initial-enamel-mug").expect("the mug");
        for choice in [Choice::Options(Vec::new()), Choice::Nothing, Choice::Options(Vec::new())] {
            quote.add((mug, choice, 1));
        }
        assert_eq!(quote.lines.iter().map(|line| line.qty).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_customers_cart_takes_up_the_guests() {
        let tote = catalog::product(1).expect("the tote");
        let plan = catalog::product(10).expect("the plan");
        let (mut own, mut guests) = (Quote::default(), Quote::default());
        own.add((tote, Choice::Nothing, 1));
        own.coupon = Some(String::from("OLD"));
        guests.add((tote, Choice::Nothing, 2));
        guests.add((plan, Choice::Nothing, 1));
        own.merge(guests);
        assert_eq!((own.units(), own.lines.len(), own.coupon.as_deref()), (4, 2, Some("OLD")));
        assert!(!own.is_virtual());
        own.set_qty(own.lines[0].item, 0);
        assert!(own.is_virtual());
    }
}
