//! What the offers of a shopper take off the lines of his cart.
//!
//! Magento goes through its rules and, for each, through the lines: an offer that stops others stops them on every line, and a fraction
//! of a cent goes on to the next line. So a line about which something is in doubt can cost the others their certainty.

use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::stack::lower;
use super::whole::{Missing, whole};
use crate::cart::{CartFacts, LineFacts, LineKind};
use crate::decision::decide::Decision;
use crate::rule::discount::Effect;
use crate::rule::discount::lines::{Carries, Line};
use crate::rule::{Charge, Offer, Products, StoreEffect};
use crate::site::{StoreView, Tax, TaxBasis, TaxShown};

/// What is said of a cart. Nothing of what is not certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CartSelection {
    /// By line, in the order of the facts.
    pub lines: Vec<Option<Deduction>>,
    /// Of the whole cart.
    pub sum: Option<Deduction>,
    /// What it lacks for offers that take off nothing yet.
    pub missing: Vec<Missing>,
}

/// What the cart will deduct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deduction {
    /// How much, in the cart's currency; more than zero.
    pub amount: Decimal,
    /// Labels of the offers that do it, in order, each once.
    pub labels: Vec<Arc<str>>,
}

/// What is known of the coupon in a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// There is none.
    None,
    /// Segue's, of this rule.
    Of(u64),
    /// There may be one of the shopper's own.
    Unknown,
}

/// What of a decision the cart charges on its lines, and what it lacks. Where Commerce has said all of its rules they decide; where one of
/// them cannot be decided, line by line what is certain all the same.
pub fn select_cart(
    decision: &Decision,
    view: &StoreView,
    cart: &CartFacts,
    held: Held,
    now: Timestamp,
) -> CartSelection {
    let (by_all, missing) = whole(decision, view, cart, held, now).unwrap_or_default();
    let said = by_all.unwrap_or_else(|| by_offers(decision, view, cart));
    CartSelection { missing, ..said }
}

/// What the offers' own word comes to.
fn by_offers(decision: &Decision, view: &StoreView, cart: &CartFacts) -> CartSelection {
    let offers: Vec<&Offer> = decision.offers().map(|offer| &**offer).filter(|it| !it.is_label()).collect();
    let mut calculation = Calculation::new(cart, &view.tax);
    let order = calculation.order(&offers);
    offers.iter().for_each(|offer| calculation.apply(offer, &order));
    calculation.result(view)
}

struct Calculation<'a> {
    cart: &'a CartFacts,
    lines: Vec<Standing<'a>>,
    carries: Carries,
    stopped: Stopped,
    /// Whether some line or offer is such that fractions of a cent may go another way.
    in_doubt: bool,
}

/// One line, with the offers on it so far.
struct Standing<'a> {
    facts: &'a LineFacts,
    sku: String,
    line: Option<Line>,
    in_doubt: bool,
    lowered_by: Vec<&'a Offer>,
}

/// Whether offers still apply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    No,
    /// An offer stopped them that may or may not be for something in the cart.
    Maybe,
    Yes,
}

impl<'a> Calculation<'a> {
    fn new(cart: &'a CartFacts, tax: &Tax) -> Self {
        let standing = |facts: &'a LineFacts| Standing {
            facts,
            sku: lower(&facts.sku),
            line: price(facts, tax).and_then(|price| Line::new(price, facts.quantity)),
            in_doubt: false,
            lowered_by: Vec::new(),
        };
        let lines = cart.lines.iter().map(standing).collect();
        let in_doubt = !cart.is_complete;
        Self { cart, lines, carries: Carries::default(), stopped: Stopped::No, in_doubt }
    }

    /// The order in which Magento goes through the lines: first those of the first offer, then those of the next one that are left.
    fn order(&mut self, offers: &[&Offer]) -> Vec<usize> {
        let mut rest: Vec<usize> = self.cart.order.iter().copied().filter(|at| *at < self.lines.len()).collect();
        let mut order = Vec::with_capacity(rest.len());
        for offer in offers {
            let named = |at: &usize| self.lines[*at].names(offer);
            self.in_doubt |= rest.iter().any(|at| named(at).is_none());
            order.extend(rest.extract_if(.., |at| named(at) == Some(true)));
        }
        order.extend(rest);
        order
    }

    fn apply(&mut self, offer: &'a Offer, order: &[usize]) {
        if self.stopped == Stopped::Yes {
            return;
        }
        // What Magento leaves out of the section may be what the offer is for.
        let (mut surely, mut maybe) = (false, !self.cart.is_complete);
        for at in order {
            let standing = &mut self.lines[*at];
            match standing.names(offer) {
                Some(false) => continue,
                Some(true) => {
                    surely = true;
                    let known = self.stopped == Stopped::No
                        && standing.take(offer, self.cart.in_base_currency, &mut self.carries);
                    standing.in_doubt |= !known;
                }
                None => {
                    maybe = true;
                    standing.in_doubt = true;
                }
            }
            self.in_doubt |= standing.in_doubt;
        }
        if offer.stop {
            self.stopped = match self.stopped {
                _ if surely => Stopped::Yes,
                _ if maybe => Stopped::Maybe,
                stopped => stopped,
            };
        }
    }

    fn result(mut self, view: &StoreView) -> CartSelection {
        for standing in &mut self.lines {
            standing.in_doubt |= standing.is_below_a_floor();
            self.in_doubt |= standing.in_doubt;
        }
        let lines = self.lines.iter().map(|standing| standing.deduction(self.in_doubt, view));
        let lines: Vec<Option<Deduction>> = lines.collect();
        let sum = lines.iter().flatten().map(|line| line.amount).sum::<Decimal>();
        let sum = (!self.in_doubt && !sum.is_zero()).then(|| {
            let mut offers: Vec<&Offer> = self.lines.iter().flat_map(|line| line.lowered_by.iter().copied()).collect();
            offers.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
            Deduction { amount: sum, labels: labels(&offers, view) }
        });
        CartSelection { lines, sum, missing: Vec::new() }
    }
}

impl<'a> Standing<'a> {
    /// Whether the cart applies an offer to the line; `None` where the section does not say enough.
    fn names(&self, offer: &Offer) -> Option<bool> {
        let named = match &offer.products {
            Products::All => Some(true),
            Products::Ids(ids) => Some(ids.contains(&self.facts.product)),
            Products::Skus(_) if self.facts.has_options && self.facts.kind == LineKind::Plain => None,
            Products::Skus(skus) => Some(skus.contains(&self.sku)),
            Products::Matching(matching) if self.facts.kind == LineKind::Configurable => {
                matching.of_all_variants(self.facts.product)
            }
            Products::Matching(matching) => matching.of(self.facts.product),
        };
        // A rule of the store's own that is for the line, and does something else than to lower the price of each unit.
        if let Charge::Store(rule) = &offer.charge
            && !(rule.is_certain && (rule.effect == StoreEffect::Price || named == Some(false)))
        {
            return None;
        }
        match self.facts.kind {
            LineKind::Plain => named,
            // The variant's id and the product's SKU are not there.
            LineKind::Configurable => named.filter(|named| *named || matches!(offer.products, Products::Matching(_))),
            // Discounts are those of its parts, which are not there.
            LineKind::Bundle => named.filter(|_| offer.products == Products::All),
            LineKind::Other => None,
        }
    }

    /// Applies an offer; false if nobody can tell what it comes to.
    fn take(&mut self, offer: &'a Offer, in_base_currency: bool, carries: &mut Carries) -> bool {
        if self.in_doubt {
            return false;
        }
        let needs_base = offer.action.is_money() || offer.floor.is_some();
        let per_part = self.facts.kind == LineKind::Bundle && offer.action.is_money();
        let Some(line) = self.line.as_mut().filter(|_| !per_part && (in_base_currency || !needs_base)) else {
            return false;
        };
        match line.apply(offer.action, offer.amount, carries) {
            Effect::Lowered => self.lowered_by.push(offer),
            Effect::Same => {}
            Effect::Raised => return false,
        }
        true
    }

    fn is_below_a_floor(&self) -> bool {
        let left = self.line.as_ref().map(Line::left_of_one);
        self.lowered_by.iter().any(|offer| offer.floor.zip(left).is_some_and(|(floor, left)| left < floor))
    }

    fn deduction(&self, others_in_doubt: bool, view: &StoreView) -> Option<Deduction> {
        let line = self.line.as_ref().filter(|line| !others_in_doubt || line.is_independent())?;
        let some = !self.in_doubt && !line.discount().is_zero();
        some.then(|| Deduction { amount: line.discount(), labels: labels(&self.lowered_by, view) })
    }
}

pub(super) fn labels(offers: &[&Offer], view: &StoreView) -> Vec<Arc<str>> {
    let mut labels: Vec<Arc<str>> = Vec::new();
    let said = offers.iter().filter_map(|offer| offer.labels.of(&view.code));
    for label in said.filter(|label| !label.trim().is_empty()) {
        if !labels.contains(label) {
            labels.push(Arc::clone(label));
        }
    }
    labels
}

/// The price that offers are taken off.
///
/// The cart works with a price of one that it has from the whole line where tax was put upon the shop's own price, or taken out of it: that
/// is a fraction of a cent off the price it shows, unless there is one piece only.
fn price(line: &LineFacts, tax: &Tax) -> Option<Decimal> {
    let is_untaxed = line.excluding_tax.is_some() && line.excluding_tax == line.including_tax;
    let basis = match tax.discount_on {
        Some(basis) => basis,
        None if is_untaxed || tax.shown == TaxShown::Excluding => TaxBasis::Excluding,
        None => return None,
    };
    let price = match basis {
        TaxBasis::Excluding => line.excluding_tax,
        TaxBasis::Including => line.including_tax,
    };
    price.filter(|_| is_untaxed || tax.catalog_prices == Some(basis) || line.quantity == Decimal::ONE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decision::decide::Rules;
    use crate::decision::samples::{audiences, now, offer, rules, sites};
    use crate::page::ProductId;
    use crate::rule::discount::vectors::{decimal, scenarios};
    use crate::site::Tax;

    fn money(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn line(id: u64, price: &str, quantity: u32) -> LineFacts {
        LineFacts {
            product: ProductId(id),
            sku: format!("sku-{id}"),
            kind: LineKind::Plain,
            product_type: "simple".to_owned(),
            has_options: false,
            quantity: quantity.into(),
            excluding_tax: Some(money(price)),
            including_tax: Some(money(price)),
        }
    }

    fn cart(lines: Vec<LineFacts>) -> CartFacts {
        CartFacts { order: (0..lines.len()).collect(), lines, is_complete: true, in_base_currency: true }
    }

    fn select_with(tax: Tax, offers: &[serde_json::Value], cart: &CartFacts) -> CartSelection {
        let sites = sites();
        let rules = Rules::compile(rules(json!(offers), json!([])), &sites);
        let view = StoreView { tax, ..(*sites.views()[0]).clone() };
        let decision = rules.decide(&rules.key(&view, &audiences(&[]), now()));
        select_cart(&decision, &view, cart, Held::None, now())
    }

    fn select(offers: &[serde_json::Value], cart: &CartFacts) -> CartSelection {
        select_with(Tax::default(), offers, cart)
    }

    fn amounts(selection: &CartSelection) -> (Vec<Option<String>>, Option<String>) {
        let text = |it: &Option<Deduction>| it.as_ref().map(|it| it.amount.normalize().to_string());
        (selection.lines.iter().map(text).collect(), text(&selection.sum))
    }

    fn texts(lines: &[&str], sum: &str) -> (Vec<Option<String>>, Option<String>) {
        let text = |it: &str| (!it.is_empty()).then(|| it.to_owned());
        (lines.iter().map(|it| text(it)).collect(), text(sum))
    }

    #[test]
    fn adds_up_what_each_line_gets() {
        let offers = [
            offer("a", json!({"priority": 1, "amount": 20, "labels": {"default": "VIP"}})),
            offer("b", json!({"priority": 2, "action": "by_fixed", "amount": 1, "products": {"ids": [2]}})),
            offer("c", json!({"priority": 3, "charge": "none"})),
        ];
        let selection = select(&offers, &cart(vec![line(1, "24.10", 6), line(2, "60", 1)]));
        assert_eq!(amounts(&selection), texts(&["28.92", "13"], "41.92"));
        let labels: Vec<&str> = selection.sum.iter().flat_map(|sum| &sum.labels).map(|label| &**label).collect();
        assert_eq!(labels, ["VIP", "label b"]);
        assert_eq!(selection.lines[0].as_ref().map(|line| line.labels.len()), Some(1));
    }

    #[test]
    fn an_offer_that_stops_others_stops_them_on_every_line() {
        let offers = [
            offer("a", json!({"priority": 1, "stop": true, "products": {"skus": ["SKU-1"]}})),
            offer("b", json!({"priority": 2, "amount": 50})),
        ];
        let one_and_two = cart(vec![line(1, "10", 1), line(2, "20", 1)]);
        assert_eq!(amounts(&select(&offers, &one_and_two)), texts(&["1", ""], "1"));
        assert_eq!(amounts(&select(&offers, &cart(vec![line(2, "20", 1)]))), texts(&["10"], "10"));
        let hidden = CartFacts { is_complete: false, ..cart(vec![line(2, "20", 1)]) };
        assert_eq!(amounts(&select(&offers, &hidden)), texts(&[""], ""), "sku-1 may be among what is not listed");
    }

    #[test]
    fn nothing_is_said_of_what_is_in_doubt_nor_of_the_sum_with_it() {
        let bundle = LineFacts { kind: LineKind::Bundle, ..line(3, "50", 1) };
        let named = [offer("a", json!({"amount": 10, "products": {"ids": [1]}}))];
        let with_bundle = cart(vec![line(1, "10", 1), bundle.clone()]);
        assert_eq!(amounts(&select(&named, &with_bundle)), texts(&["1", ""], ""));
        let odd_cents = cart(vec![line(1, "10.05", 1), bundle.clone()]);
        assert_eq!(amounts(&select(&named, &odd_cents)), texts(&["", ""], ""), "the bundle may pass a fraction on");
        let all = [offer("a", json!({"amount": 10}))];
        assert_eq!(amounts(&select(&all, &with_bundle)), texts(&["1", "5"], "6"));
        let money_off = [offer("a", json!({"action": "by_fixed", "amount": 1}))];
        assert_eq!(amounts(&select(&money_off, &with_bundle)), texts(&["1", ""], ""));
        let gift_card = LineFacts { kind: LineKind::Other, ..line(3, "50", 1) };
        assert_eq!(amounts(&select(&all, &cart(vec![gift_card]))), texts(&[""], ""));
        let foreign = CartFacts { in_base_currency: false, ..cart(vec![line(1, "10", 2)]) };
        assert_eq!(amounts(&select(&money_off, &foreign)), texts(&[""], ""));
        assert_eq!(amounts(&select(&all, &foreign)), texts(&["2"], "2"));
        let floor = [offer("a", json!({"amount": 60, "floor": 5}))];
        assert_eq!(amounts(&select(&floor, &cart(vec![line(1, "10", 2), line(2, "20", 1)]))), texts(&["", "12"], ""));
    }

    #[test]
    fn a_variant_is_named_by_its_sku_or_its_products_id() {
        let variant = cart(vec![LineFacts { kind: LineKind::Configurable, ..line(7, "60", 1) }]);
        for (products, expected) in [
            (json!({"ids": [7]}), texts(&["6"], "6")),
            (json!({"skus": ["sku-7"]}), texts(&["6"], "6")),
            (json!({"ids": [8]}), texts(&[""], "")),
            (json!({"skus": ["other"]}), texts(&[""], "")),
        ] {
            let offers = [offer("a", json!({"products": products}))];
            assert_eq!(amounts(&select(&offers, &variant)), expected, "{products}");
        }
    }

    #[test]
    fn a_discount_is_on_the_price_that_the_shop_says() {
        let taxed = LineFacts { including_tax: Some(money("11.90")), ..line(1, "10", 1) };
        let tax = |discount_on, shown| Tax { discount_on, shown, ..Tax::default() };
        let all = [offer("a", json!({"amount": 10}))];
        for (discount_on, shown, expected) in [
            (Some(TaxBasis::Excluding), TaxShown::Both, "1"),
            (Some(TaxBasis::Including), TaxShown::Both, "1.19"),
            (None, TaxShown::Excluding, "1"),
            (None, TaxShown::Both, ""),
        ] {
            let selection = select_with(tax(discount_on, shown), &all, &cart(vec![taxed.clone()]));
            assert_eq!(amounts(&selection), texts(&[expected], expected));
        }
        let several = cart(vec![LineFacts { quantity: 2.into(), ..taxed.clone() }]);
        let including = |catalog_prices| Tax { catalog_prices, ..tax(Some(TaxBasis::Including), TaxShown::Both) };
        assert_eq!(
            amounts(&select_with(including(Some(TaxBasis::Including)), &all, &several)),
            texts(&["2.38"], "2.38")
        );
        assert_eq!(amounts(&select_with(including(Some(TaxBasis::Excluding)), &all, &several)), texts(&[""], ""));
        let with_tax_only = cart(vec![LineFacts { excluding_tax: None, ..taxed }]);
        let excluding = tax(Some(TaxBasis::Excluding), TaxShown::Including);
        assert_eq!(amounts(&select_with(excluding, &all, &with_tax_only)), texts(&[""], ""));
    }

    /// The offers of a scenario that has nothing but what offers can say, as a rules file has them.
    fn offers_of(scenario: &serde_json::Value) -> Option<Vec<serde_json::Value>> {
        let odd = |key: &str| scenario[key] == true;
        let date = scenario["date"].as_str()?;
        if !scenario["coupon"].is_null() || odd("sort_order_tie") || odd("store_state_inconsistent") {
            return None;
        }
        let own_currency = scenario["store"]["currency"] == scenario["store"]["base_currency"];
        let mut offers = Vec::new();
        for rule in scenario["rules"].as_array()? {
            let action = rule["simple_action"].as_str()?;
            let percent = ["by_percent", "to_percent"].contains(&action);
            let fixed = ["by_fixed", "to_fixed"].contains(&action) && own_currency;
            let zero = |key: &str| rule[key].as_f64().unwrap_or(0.0) == 0.0;
            let plain = rule["coupon_type"] == "NO_COUPON"
                && rule["condition"].is_null()
                && rule["action_condition"].is_null()
                && zero("discount_qty")
                && zero("discount_step");
            let amount = decimal(&rule["discount_amount"]);
            // A rules file takes neither of the others.
            let said = !amount.is_zero() && (!percent || amount <= Decimal::ONE_HUNDRED);
            if !plain || !(percent || fixed) || !said {
                return None;
            }
            let begun = rule["from_date"].as_str().is_none_or(|from| from <= date);
            let over = rule["to_date"].as_str().is_some_and(|to| to < date);
            let group = rule["customer_group_ids"].as_array()?.contains(&scenario["customer_group_id"]);
            if rule["is_active"] == true && group && begun && !over {
                offers.push(offer(
                    &format!("o{}", offers.len()),
                    json!({"priority": rule["sort_order"], "action": action, "amount": amount.to_string(),
                        "stop": rule["stop_rules_processing"] == true}),
                ));
            }
        }
        Some(offers)
    }

    /// A scenario's lines with what the store took off each, parts of a bundle under the bundle; none of a cart with one line.
    fn lines_of(scenario: &serde_json::Value) -> Option<Vec<(LineFacts, Decimal)>> {
        let items = scenario["items"].as_array()?;
        let taken = scenario["expected"]["items"].as_array()?;
        let line_of = |item: &serde_json::Value| {
            let own = |other: &serde_json::Value| other["n"] == item["n"] || other["parent"] == item["n"];
            let numbers: Vec<_> = items.iter().filter(|other| own(other)).map(|other| &other["n"]).collect();
            let taken = taken.iter().filter(|it| numbers.contains(&&it["n"]));
            let facts = LineFacts {
                kind: LineKind::of_product_type(item["type"].as_str()?),
                quantity: decimal(&item["qty"]),
                excluding_tax: Some(decimal(&item["unit_price"])),
                including_tax: item["price_incl_tax"].is_number().then(|| decimal(&item["price_incl_tax"])),
                ..line(item["n"].as_u64()?, "0", 1)
            };
            Some((facts, taken.map(|it| decimal(&it["discount_amount"])).sum()))
        };
        let lines = items.iter().filter(|item| item["parent"].is_null()).map(line_of);
        lines.collect::<Option<Vec<_>>>().filter(|lines| lines.len() > 1)
    }

    #[test]
    fn says_of_carts_what_a_real_store_took_off() {
        let (mut compared, mut said_lines) = (0, 0);
        let scenarios = scenarios();
        for scenario in &scenarios {
            let Some((offers, lines)) = offers_of(scenario).zip(lines_of(scenario)) else { continue };
            let basis = |incl: bool| Some(if incl { TaxBasis::Including } else { TaxBasis::Excluding });
            let tax = Tax {
                discount_on: basis(scenario["store"]["discount_on"] == "incl_tax"),
                catalog_prices: basis(scenario["store"]["catalog_prices_include_tax"] == true),
                ..Tax::default()
            };
            let facts = cart(lines.iter().map(|(facts, _)| facts.clone()).collect());
            let selection = select_with(tax, &offers, &facts);
            let total: Decimal = lines.iter().map(|(_, taken)| taken).sum();
            for ((facts, taken), said) in lines.iter().zip(&selection.lines) {
                if let Some(said) = said {
                    assert_eq!(said.amount, *taken, "{}: line {}", scenario["id"], facts.product);
                    said_lines += 1;
                }
            }
            if let Some(sum) = &selection.sum {
                assert_eq!(sum.amount, total, "{}", scenario["id"]);
            }
            compared += 1;
        }
        assert!(scenarios.is_empty() || said_lines > 100, "{compared} carts, {said_lines} lines");
    }
}
