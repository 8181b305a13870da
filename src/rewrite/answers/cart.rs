//! The `cart` section: what the cart will deduct is said under its subtotal and under the price of each line. Amounts stay.

use std::ops::Range;

use rust_decimal::Decimal;

use super::php::escaped;
use super::{Choices, Edit, once, string};
use crate::cart::{CartFacts, LineFacts, LineKind};
use crate::decision::select::{Deduction, Missing, MissingWhat};
use crate::page::ProductId;
use crate::rewrite::json::cursor::Cursor;
use crate::rewrite::json::shown::{only_text, price_text, texts};
use crate::rewrite::plan::layer::Layer;
use crate::rewrite::plan::text::Span;
use crate::rewrite::price::{PriceText, parse_amount};
use crate::rewrite::{sign, wording};
use crate::rule::discount::cents;
use crate::rule::html::escape;
use crate::site::Tax;

/// What is added to the section that a cursor stands before; nothing where it is not understood.
pub(super) fn edits(answer: &str, mut section: Cursor<'_>, choices: &Choices<'_>) -> Option<Vec<Edit>> {
    let cart = Cart { answer, section: Section::read(&mut section)? };
    let manner = cart.manner()?;
    let said = (choices.cart)(&cart.facts(&manner, choices));
    let note = |said: &Deduction| manner.note(answer, said, choices);
    let mut edits = Vec::new();
    if let Some(note) = said.sum.as_ref().and_then(note) {
        let shown = [&cart.section.subtotal_excl, &cart.section.subtotal_incl].into_iter().flatten();
        edits.extend(shown.map(|subtotal| Edit::insert(subtotal.end, note.clone())));
    }
    for (item, said) in cart.section.items.iter().zip(&said.lines) {
        let place = item.price_html.as_ref().zip(said.as_ref().and_then(note));
        edits.extend(place.map(|(html, note)| Edit::insert(html.end, note)));
    }
    let hint = |missing: &Missing| manner.hint(answer, missing, choices);
    let of_cart = said.missing.iter().filter(|missing| missing.line.is_none()).take(MOST_HINTS);
    let of_cart: String = of_cart.filter_map(hint).collect();
    if !of_cart.is_empty() {
        let shown = [&cart.section.subtotal_excl, &cart.section.subtotal_incl].into_iter().flatten();
        edits.extend(shown.map(|subtotal| Edit::insert(subtotal.end, of_cart.clone())));
    }
    for (at, item) in cart.section.items.iter().enumerate() {
        let of_line = said.missing.iter().filter(|missing| missing.line == Some(at)).find_map(hint);
        let place = item.price_html.as_ref().zip(of_line);
        edits.extend(place.map(|(html, hint)| Edit::insert(html.end, hint)));
    }
    Some(edits)
}

/// Hints under a subtotal: more would be a list of offers.
const MOST_HINTS: usize = 3;

/// Where the section says what; strings without their quotes.
#[derive(Default)]
struct Section {
    amount: Option<Range<usize>>,
    subtotal: Option<Range<usize>>,
    subtotal_excl: Option<Range<usize>>,
    subtotal_incl: Option<Range<usize>>,
    items: Vec<Item>,
}

#[derive(Default)]
struct Item {
    id: Option<Range<usize>>,
    kind: Option<Range<usize>>,
    product: Option<Range<usize>>,
    sku: Option<Range<usize>>,
    quantity: Option<Range<usize>>,
    has_options: bool,
    price_html: Option<Range<usize>>,
    price: Option<Price>,
}

/// The price of one, as `product_price_value` gives it.
enum Price {
    /// With tax or without: its HTML says which.
    One(Range<usize>),
    Both {
        incl: Range<usize>,
        excl: Range<usize>,
    },
}

impl Section {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let (mut read, mut items) = (Self::default(), None);
        cursor.object(|key, cursor| match &*key.text() {
            "subtotalAmount" => once(&mut read.amount, cursor.number()?),
            "subtotal" => once(&mut read.subtotal, cursor.string()?),
            "subtotal_excl_tax" => once(&mut read.subtotal_excl, cursor.string()?),
            "subtotal_incl_tax" => once(&mut read.subtotal_incl, cursor.string()?),
            "items" => {
                let mut list = Vec::new();
                cursor.array(|cursor| {
                    list.push(Item::read(cursor)?);
                    Some(())
                })?;
                once(&mut items, list)
            }
            _ => Some(()),
        })?;
        read.items = items?;
        // Magento lists what was put in last first.
        Some(read)
    }
}

impl Item {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut item = Self::default();
        cursor.object(|key, cursor| match &*key.text() {
            "item_id" => once(&mut item.id, cursor.number()?),
            "product_type" => once(&mut item.kind, cursor.string()?),
            "product_id" => once(&mut item.product, cursor.number()?),
            "product_sku" => once(&mut item.sku, cursor.string()?),
            "qty" => once(&mut item.quantity, cursor.number()?),
            "options" => {
                item.has_options = cursor.skip()?.len() > "[]".len();
                Some(())
            }
            "product_price" => once(&mut item.price_html, cursor.string()?),
            "product_price_value" => {
                let price = Price::read(cursor)?;
                once(&mut item.price, price)
            }
            _ => Some(()),
        })?;
        Some(item)
    }
}

impl Price {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        if cursor.peek()? != b'{' {
            return cursor.number().map(Self::One);
        }
        let (mut incl, mut excl) = (None, None);
        cursor.object(|key, cursor| match &*key.text() {
            "incl_tax" => once(&mut incl, cursor.number()?),
            "excl_tax" => once(&mut excl, cursor.number()?),
            _ => Some(()),
        })?;
        Some(Self::Both { incl: incl?, excl: excl? })
    }
}

struct Cart<'a> {
    answer: &'a str,
    section: Section,
}

impl Cart<'_> {
    fn text(&self, range: &Option<Range<usize>>) -> Option<&str> {
        self.answer.get(range.clone()?)
    }

    fn amount(&self, range: &Range<usize>) -> Option<Decimal> {
        parse_amount(self.answer.get(range.clone())?)
    }

    fn layer(&self, range: &Range<usize>) -> Layer<'_> {
        Layer::of(self.answer, Span::new(range.clone()))
    }

    /// How the cart writes amounts, by its subtotal or else by the price of a line.
    fn manner(&self) -> Option<Manner> {
        let of_items = || self.section.items.iter().filter_map(|item| self.price_text(item));
        let subtotal = || {
            let amount = self.amount(self.section.amount.as_ref()?)?;
            price_text(self.answer, &self.layer(self.section.subtotal.as_ref()?), amount)
        };
        let (price, whole) = subtotal().or_else(|| of_items().max_by_key(|(price, _)| price.whole_digits))?;
        let mut four_grouped = of_items().filter_map(|(price, _)| price.four_grouped());
        let first = four_grouped.next();
        let four_grouped = first.filter(|first| four_grouped.all(|other| other == *first));
        Some(Manner { price, whole, four_grouped })
    }

    /// The text of a line's price, where it shows one.
    fn price_text(&self, item: &Item) -> Option<(PriceText, Span)> {
        let Some(Price::One(value)) = &item.price else { return None };
        price_text(self.answer, &self.layer(item.price_html.as_ref()?), self.amount(value)?)
    }

    fn facts(&self, manner: &Manner, choices: &Choices<'_>) -> CartFacts {
        let subtotals = (self.text(&self.section.subtotal_excl), self.text(&self.section.subtotal_incl));
        let is_untaxed = subtotals.0.is_some() && subtotals.0 == subtotals.1;
        let mut lines: Vec<LineFacts> = self.section.items.iter().map(|item| self.line(item, is_untaxed)).collect();
        let view = choices.view;
        self.take_tax_out(&mut lines, manner, &view.tax);
        CartFacts {
            is_complete: self.is_complete(&lines),
            in_base_currency: manner
                .beside(self.answer)
                .is_some_and(|it| sign::is_of(&it, &view.base_currency, &view.locale)),
            order: self.order(),
            lines,
        }
    }

    /// Finds the prices without tax of a cart that shows those with tax alone: the shop's rates that make its lines add up to the subtotal
    /// without tax, if there is one way only.
    fn take_tax_out(&self, lines: &mut [LineFacts], manner: &Manner, tax: &Tax) -> Option<()> {
        let incl: Vec<(Decimal, Decimal)> =
            lines.iter().map(|line| Some((line.including_tax?, line.quantity))).collect::<Option<_>>()?;
        if incl.is_empty() || lines.iter().any(|line| line.excluding_tax.is_some()) {
            return None;
        }
        let subtotal = self.layer(self.section.subtotal_excl.as_ref()?);
        let html = subtotal.json()?;
        let shown = only_text(html.text())?;
        let sum = manner.price.read_like(self.answer, &html.part(shown).html())?;
        let mut rates = tax.rates.clone();
        rates.push(Decimal::ZERO);
        let excl = only_way(&incl, &rates, sum)?;
        for (line, excl) in lines.iter_mut().zip(excl) {
            line.excluding_tax = Some(excl);
        }
        Some(())
    }

    /// Where each line stands in the cart's own order, that of their ids; without them, Magento lists what was put in last first.
    fn order(&self) -> Vec<usize> {
        let items = &self.section.items;
        let id = |at: &usize| self.text(&items[*at].id)?.parse::<u64>().ok();
        let mut order: Vec<usize> = (0..items.len()).rev().collect();
        if order.iter().all(|at| id(at).is_some()) {
            order.sort_by_key(|at| id(at));
        }
        order
    }

    fn line(&self, item: &Item, is_untaxed: bool) -> LineFacts {
        let (excl, incl) = self.prices(item).unwrap_or_default();
        let untaxed = excl.or(incl).filter(|_| is_untaxed);
        let known = item.kind.as_ref().and_then(|kind| string(self.answer, kind));
        let sku = item.sku.as_ref().and_then(|sku| string(self.answer, sku));
        let product = self.text(&item.product).and_then(|id| id.parse().ok()).map(ProductId);
        let is_named = sku.is_some() && product.is_some();
        LineFacts {
            product: product.unwrap_or(ProductId(0)),
            sku: sku.unwrap_or_default(),
            kind: known.as_deref().filter(|_| is_named).map_or(LineKind::Other, LineKind::of_product_type),
            product_type: known.unwrap_or_default(),
            has_options: item.has_options,
            quantity: item.quantity.as_ref().and_then(|quantity| self.amount(quantity)).unwrap_or_default(),
            excluding_tax: excl.or(untaxed),
            including_tax: incl.or(untaxed),
        }
    }

    /// The price of one without and with tax, in cents, as far as the line shows them and says the same in its text.
    fn prices(&self, item: &Item) -> Option<(Option<Decimal>, Option<Decimal>)> {
        let html = self.layer(item.price_html.as_ref()?);
        let decoded = html.json()?;
        let says = |class: &str| decoded.text().contains(class);
        let in_cents = |range: &Range<usize>| self.amount(range).filter(|price| cents(*price) == *price);
        match (item.price.as_ref()?, says("price-excluding-tax"), says("price-including-tax")) {
            (Price::One(value), true, false) => {
                self.price_text(item)?;
                Some((in_cents(value), None))
            }
            (Price::One(value), false, true) => {
                self.price_text(item)?;
                Some((None, in_cents(value)))
            }
            (Price::Both { incl, excl }, true, true) => {
                let (incl, excl) = (in_cents(incl)?, in_cents(excl)?);
                let shown = texts(decoded.text())?;
                let [one, other] = shown.as_slice() else { return None };
                let proves = |range: &Range<usize>, price| {
                    PriceText::learn_in(self.answer, &decoded.part(range.clone()).html(), price).is_some()
                };
                let proven = proves(one, incl) && proves(other, excl) || proves(one, excl) && proves(other, incl);
                proven.then_some((Some(excl), Some(incl)))
            }
            _ => None,
        }
    }

    /// Whether the lines add up to the subtotal. Prices of one are rounded, the subtotal is not made of them.
    fn is_complete(&self, lines: &[LineFacts]) -> bool {
        let Some(subtotal) = self.section.amount.as_ref().and_then(|amount| self.amount(amount)) else { return false };
        let sum = |price: fn(&LineFacts) -> Option<Decimal>| {
            lines.iter().map(|line| price(line)?.checked_mul(line.quantity)).sum::<Option<Decimal>>()
        };
        let pieces: Decimal = lines.iter().map(|line| line.quantity).sum();
        let tolerance = (pieces + Decimal::from(lines.len())) / Decimal::from(100);
        let sums = [sum(|line| line.excluding_tax), sum(|line| line.including_tax)];
        sums.into_iter().flatten().any(|sum| (sum - subtotal).abs() <= tolerance)
    }
}

/// Ways to tax a cart's lines that are tried at most: five lines with three rates each, and some more.
const MOST_WAYS: usize = 512;

/// The prices without tax within these prices and quantities that come to a sum, if they can in one way only.
fn only_way(incl: &[(Decimal, Decimal)], rates: &[Decimal], sum: Decimal) -> Option<Vec<Decimal>> {
    let without = |price: Decimal, rate: Decimal| cents(price * Decimal::ONE_HUNDRED / (Decimal::ONE_HUNDRED + rate));
    let mut ways: Vec<(Vec<Decimal>, Decimal)> = vec![(Vec::new(), Decimal::ZERO)];
    for (price, quantity) in incl {
        let longer = ways.iter().flat_map(|(prices, so_far)| {
            rates.iter().map(move |rate| {
                let excl = without(*price, *rate);
                let prices = prices.iter().copied().chain([excl]).collect();
                (prices, *so_far + excl * quantity)
            })
        });
        ways = longer.take(MOST_WAYS + 1).collect();
        if ways.len() > MOST_WAYS {
            return None;
        }
    }
    let mut found = ways.into_iter().filter(|(_, total)| *total == sum).map(|(prices, _)| prices);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// How a cart writes amounts.
struct Manner {
    price: PriceText,
    whole: Span,
    four_grouped: Option<bool>,
}

impl Manner {
    /// What stands beside the number.
    fn beside(&self, answer: &str) -> Option<String> {
        let (whole, number) = (self.whole.range(), self.price.number.range());
        let part = |range: Range<usize>| Some(Layer::of(answer, Span::new(range)).json()?.html().text().to_owned());
        Some(part(whole.start..number.start)? + &part(number.end..whole.end)?)
    }

    /// A line that says what is missing for an offer, such as "10 % over $100: $12.00 to go".
    fn hint(&self, answer: &str, missing: &Missing, choices: &Choices<'_>) -> Option<String> {
        let (own, words) = (&choices.view.display.missing, wording::lacking(&choices.view.locale));
        let words_of = |own: &Option<String>, part: fn(wording::Lacking) -> &'static str| {
            own.clone().or_else(|| words.map(part).map(str::to_owned)).map(|text| escaped(&escape(&text)))
        };
        let count = |units: Decimal| units.normalize().to_string();
        let said = match &missing.what {
            MissingWhat::Amount(amount) => {
                let money = self.money(answer, *amount)?;
                words_of(&own.amount, |it| it.amount)?.replace("{amount}", &money)
            }
            MissingWhat::Units(units) => words_of(&own.units, |it| it.units)?.replace("{units}", &count(*units)),
            MissingWhat::UnitsForFree { add, free } => words_of(&own.units_for_free, |it| it.units_for_free)?
                .replace("{units}", &count(*add))
                .replace("{free}", &count(*free)),
        };
        let (open, close) = (escaped("<br><span class=\"segue-offer\">"), escaped("</span>"));
        Some(format!("{open}{}: {said}{close}", escaped(&escape(&missing.label))))
    }

    /// An amount as the cart writes it. One of more decimals than prices have here would be another one when it is written.
    fn money(&self, answer: &str, amount: Decimal) -> Option<String> {
        let (whole, number) = (self.whole.range(), self.price.number.range());
        let before = answer.get(whole.start..number.start)?;
        let after = answer.get(number.end..whole.end)?;
        let written = self.price.write(amount, self.four_grouped)?;
        (self.price.shown(amount) == amount).then(|| format!("{before}{written}{after}"))
    }

    /// A line that says what is deducted, such as "VIP -$20.00, deducted in the cart", as the section's strings have it. The minus stands
    /// first, as Luma's scripts put it.
    fn note(&self, answer: &str, said: &Deduction, choices: &Choices<'_>) -> Option<String> {
        let amount = self.money(answer, said.amount)?;
        let label = escape(&said.labels.join(", "));
        let label = if label.is_empty() { label } else { format!("{label} ") };
        let own = choices.view.display.deducted.as_deref();
        let deducted = own.or_else(|| wording::deducted(&choices.view.locale)).filter(|words| !words.trim().is_empty());
        let deducted = deducted.map(|words| format!(", {}", escape(words))).unwrap_or_default();
        let (open, close) = (escaped("<br><span class=\"segue-offer\">"), escaped("</span>"));
        Some(format!("{open}{}-{amount}{}{close}", escaped(&label), escaped(&deducted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn tax_is_taken_out_where_one_way_leads_to_the_subtotal() {
        let lines =
            [("11.90", "2"), ("5.00", "1"), ("53.50", "1")].map(|(price, pieces)| (money(price), money(pieces)));
        let rates = ["19", "7", "0"].map(money);
        let found = only_way(&lines, &rates, money("75"));
        assert_eq!(found, Some(["10", "5", "50"].map(money).to_vec()), "19 percent, none, and 7");
        assert_eq!(only_way(&lines, &rates, money("75.01")), None);
        let alike = [(money("11.90"), Decimal::ONE), (money("11.90"), Decimal::ONE)];
        assert_eq!(only_way(&alike, &rates, money("21.90")), None, "one is free of tax, but which?");
        assert_eq!(only_way(&[alike[0]; 8], &rates, money("80")), None, "too many ways");
    }
}
