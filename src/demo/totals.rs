//! What a cart costs in a store view: catalogue prices and discounts are without tax, and tax is charged on what is left.

use http::HeaderMap;

use super::Shop;
use super::discount;
use super::money::Cents;
use super::quote::Line;
use super::session::Session;
use super::shipping::Method;
use super::view::View;

/// What a cart costs. Amounts are in the view's currency; the twin of each is in US dollars.
#[derive(Debug)]
pub struct Totals {
    /// What each line costs, in their order.
    pub lines: Vec<LineTotals>,
    /// The lines at catalogue price, without tax.
    pub subtotal: Money,
    /// The lines at catalogue price, with tax.
    pub subtotal_with_tax: Money,
    /// What rules take off, shipping included.
    pub discount: Money,
    /// What they take off shipping.
    pub shipping_discount: Money,
    /// The labels of the rules that applied, in order.
    pub labels: Vec<String>,
    /// The ids of these rules.
    pub rule_ids: Vec<u64>,
    /// The tax on what is left.
    pub tax: Money,
    /// How it is sent, once that was chosen, and what that costs before discounts.
    pub shipping: Option<(Method, Money)>,
    /// Whether a rule lets it be sent free of charge.
    pub is_sent_free: bool,
    /// How many units have to be paid for when it is sent.
    pub units_sent: u32,
    /// Whether the coupon's rule applies.
    pub has_coupon: bool,
}

/// What one line costs.
#[derive(Clone, Debug, Default)]
pub struct LineTotals {
    /// One unit.
    pub unit: Money,
    /// All units.
    pub row: Money,
    /// What rules take off.
    pub discount: Money,
    /// In percent, as the rules that take percentages add up.
    pub percent: Cents,
    /// The tax on what is left.
    pub tax: Money,
}

/// An amount in the view's currency and in US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// In the view's currency.
    pub own: Cents,
    /// In US dollars.
    pub base: Cents,
}

impl Money {
    /// Something done to both amounts.
    pub fn map(self, change: impl Fn(Cents) -> Cents) -> Self {
        Self { own: change(self.own), base: change(self.base) }
    }
}

impl std::ops::Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { own: self.own + other.own, base: self.base + other.base }
    }
}

impl std::ops::Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { own: self.own - other.own, base: self.base - other.base }
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, one| sum + one)
    }
}

impl Totals {
    /// The totals of a session's cart for the membership that a request brings.
    pub fn of(shop: &Shop, session: &Session, view: &View, headers: &HeaderMap) -> Self {
        let quote = &session.quote;
        let units_sent = quote.lines.iter().filter(|line| !line.is_virtual()).map(|line| line.qty).sum();
        let method = quote.shipping_method.as_deref().and_then(Method::with_code);
        let shipping = method.map(|method| (method, price(method, view, units_sent)));
        let sent = shipping.map(|(_, amount)| (amount.own, amount.base));
        let discounts = discount::of(&shop.rules, session, view, headers, sent);
        let off = discounts.lines();
        let mut lines: Vec<LineTotals> =
            quote.lines.iter().zip(off).map(|(line, off)| charged(line, view, off)).collect();
        let (own, base) = discounts.off_shipping();
        let shipping_discount = Money { own, base };
        let tax = charge_tax(view, &mut lines);
        Self {
            subtotal: lines.iter().map(|line| line.row).sum(),
            subtotal_with_tax: lines.iter().map(|line| line.row.map(|row| view.with_tax(row))).sum(),
            discount: lines.iter().map(|line| line.discount).sum::<Money>() + shipping_discount,
            shipping_discount,
            labels: discounts.labels(),
            rule_ids: discounts.rule_ids(),
            tax,
            shipping,
            is_sent_free: discounts.is_sent_free(),
            units_sent,
            has_coupon: discounts.has_coupon(),
            lines,
        }
    }

    /// Whether the totals have a discount line: where there is nothing off, Magento shows none.
    pub fn has_discount(&self) -> bool {
        self.discount.own != Cents(0)
    }

    /// What is to be paid.
    pub fn grand_total(&self) -> Money {
        self.subtotal - self.discount + self.shipping_amount() + self.tax
    }

    /// What sending it costs before discounts; nothing until it was chosen.
    pub fn shipping_amount(&self) -> Money {
        self.shipping.map_or_else(Money::default, |(_, amount)| amount)
    }

    /// What sending it costs before discounts, one way or another.
    pub fn sent_by(&self, method: Method, view: &View) -> Money {
        price(method, view, self.units_sent)
    }

    /// The title of the discount line: `Discount (VIP 20 % off)`.
    pub fn title(&self, view: &View) -> String {
        match self.labels.is_empty() {
            true => view.phrase("Discount").to_owned(),
            false => format!("{} ({})", view.phrase("Discount"), self.labels.join(", ")),
        }
    }
}

fn charged(line: &Line, view: &View, (own, base, percent): (Cents, Cents, Cents)) -> LineTotals {
    let unit = Money { own: line.unit(view), base: line.base_unit() };
    LineTotals {
        unit,
        row: unit.map(|one| one * line.qty),
        discount: Money { own, base },
        percent,
        tax: Money::default(),
    }
}

fn price(method: Method, view: &View, units: u32) -> Money {
    let (base, own) = method.price(view, units);
    Money { own, base }
}

/// Taxes the lines so that they add up to the tax on all that is left, and answers with that.
fn charge_tax(view: &View, lines: &mut [LineTotals]) -> Money {
    let (mut left, mut taxed) = (Money::default(), Money::default());
    for line in lines {
        left = left + line.row - line.discount;
        let until_here = left.map(|left| view.with_tax(left) - left);
        line.tax = until_here - taxed;
        taxed = until_here;
    }
    taxed
}
