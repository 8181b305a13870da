//! What a cart was promised: all of the store's rules, under what was decided for its shopper, on what is really in it.
//!
//! Where Commerce has not said its rules, or one of them cannot be decided, a promise is the offers' own word. A cart may then take off
//! more, by rules that nobody promised; one that takes off less on an offer's line breaks the promise, whatever the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, json};

use super::NotComparable;
use super::compare::{LinePromise, Promise};
use super::totals::{Item, Items, Totals, TotalsLine};
use crate::cart::LineKind;
use crate::commerce::shop::Rates;
use crate::decision::basis::{Basis, Draft, DraftLine, Filled};
use crate::decision::decide::Decision;
use crate::rule::cart_rule::{
    Address, AttributeValue, Cart, CartAction, CartAddress, CartLine, CartRule, CartTax, Charged, Condition, Coupon,
    CouponKind, FreeShipping, LineFacts, LineScope, Release, Test, Truth, charge,
};
use crate::rule::discount::cents;
use crate::rule::{Action, Charge, Days, Offer, Products, StoreEffect};
use crate::site::{StoreView, Tax, TaxBasis, TaxComputed};

/// What is known of a cart beside its totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What is in it.
    pub items: Items,
    /// Units of its currency for one of the base currency, where a page said it.
    pub rate: Option<Decimal>,
}

/// What is known of a cart's circumstances.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Where it goes, but for what shipping costs, which its totals say.
    pub address: CartAddress,
    /// The customer's group, where it says so.
    pub customer_group: Option<u64>,
    /// The rule of the code in it, where that is known.
    pub coupon_rule: Option<u64>,
    /// When it was charged.
    pub now: Timestamp,
}

/// Any website: offers of others were sorted out when it was decided.
const WEBSITE: u64 = 1;

/// Any group, for the same reason.
const GROUP: u64 = 0;

/// What a cart was promised by a decision: in one way, or in two where rules of one priority could go first.
///
/// # Errors
/// When it cannot be told from what is known.
pub fn promises(
    decision: &Decision,
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    known: &Circumstances,
) -> Result<Vec<Promise>, NotComparable> {
    // What a page shows as the price of one coupon's rule, a cart with another one's code does not say.
    if let (Some(shown), Some(other)) = (decision.coupon(), known.coupon_rule)
        && totals.coupon.is_some()
        && shown.charge.rule_id() != Some(other)
        && !shown.is_label()
        && takes_code(shown, decision, view, contents, totals, known) != Truth::False
    {
        return Err(NotComparable::Undecided);
    }
    let of_all = decision.basis().map(|basis| whole(basis, decision, view, contents, totals, known));
    match of_all {
        Some(Ok(promises)) => Ok(promises),
        Some(Err(why)) if why != NotComparable::Undecided => Err(why),
        _ => own_word(decision, view, contents, totals, known.now),
    }
}

/// By all of the store's rules.
fn whole(
    basis: &Basis,
    decision: &Decision,
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    known: &Circumstances,
) -> Result<Vec<Promise>, NotComparable> {
    let undecided = NotComparable::Undecided;
    let coupon = match (&totals.coupon, decision.coupon()) {
        (Some(code), _) if known.coupon_rule.is_some() => {
            Coupon::Code { code: code.clone(), rule_id: known.coupon_rule }
        }
        (Some(_), _) => Coupon::Unknown,
        // What was shown as a price counts, whether the code is in the cart or not.
        (None, Some(offer)) if !offer.is_label() => {
            Coupon::Code { code: String::new(), rule_id: offer.charge.rule_id() }
        }
        (None, _) => Coupon::None,
    };
    let has_address = known.address != CartAddress::Unknown;
    let filled = fill(basis, decision, view, contents, totals, known, coupon)?;
    let mut ways = vec![basis.charge(&filled.cart).map_err(|_| undecided)?];
    if basis.is_tied(&filled.cart) {
        ways.push(basis.charge_tied(&filled.cart).map_err(|_| undecided)?);
    }
    let is_paused = |rule: u64| decision.offers().any(|it| it.paused && it.charge.rule_id() == Some(rule));
    if ways[0].applied.iter().any(|rule| is_paused(*rule)) {
        return Err(undecided);
    }
    let shown = |rule: &u64| {
        let mut offers = decision.offers().filter(|offer| !offer.is_label());
        offers.find(|offer| offer.charge.rule_id() == Some(*rule)).map(|offer| Arc::clone(&offer.id))
    };
    let promise = |charged: &Charged| {
        let line = |at: &usize| LinePromise {
            discount: charged.lines[*at].discount.amount,
            offers: charged.lines[*at].applied.iter().filter_map(shown).collect(),
        };
        let shipping = has_address.then_some(charged.shipping.amount);
        Promise { lines: filled.tops.iter().map(line).collect(), shipping, is_whole: basis.is_whole() }
    };
    Ok(ways.iter().map(promise).collect())
}

/// Whether a cart takes a code of an offer's rule: whether that rule is applied to something in it.
pub(crate) fn takes_code(
    offer: &Offer,
    decision: &Decision,
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    known: &Circumstances,
) -> Truth {
    let applied = || {
        let coupon = Coupon::Code { code: String::new(), rule_id: offer.charge.rule_id() };
        let basis = decision.basis()?;
        let filled = fill(basis, decision, view, contents, totals, known, coupon).ok()?;
        let charged = basis.charge(&filled.cart).ok()?;
        Some(offer.charge.rule_id().is_some_and(|id| charged.applied.contains(&id)))
    };
    let may_be = contents.items.values().any(|item| is_for(offer, item) != Some(false));
    if may_be { Truth::from(applied()) } else { Truth::False }
}

/// The cart with this coupon, as the store's rules see it.
fn fill(
    basis: &Basis,
    decision: &Decision,
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    known: &Circumstances,
    coupon: Coupon,
) -> Result<Filled, NotComparable> {
    let undecided = NotComparable::Undecided;
    let (rate, tax) = (rate(view, contents, totals, Some(basis.rates())), tax_of(view, totals)?);
    let lines = totals.lines.iter().map(|line| {
        let item = contents.items.get(&line.item).ok_or(NotComparable::Unseen)?;
        let price = exact_price(line, totals, rate, tax).ok_or(undecided)?;
        Ok(DraftLine { line: cart_line(line, item, price), has_options: false })
    });
    let address = match &known.address {
        CartAddress::Known(to) => CartAddress::Known(Address {
            shipping_amount: totals.shipping,
            base_shipping_amount: totals.base_shipping,
            ..to.clone()
        }),
        other => other.clone(),
    };
    let draft = Draft {
        lines: lines.collect::<Result<_, NotComparable>>()?,
        is_complete: true,
        rate: rate.ok_or(undecided)?,
        tax,
        now: known.now,
        coupon,
        address,
        payment_method: None,
        customer_group: known.customer_group,
    };
    basis.fill(decision, view, draft).ok_or(undecided)
}

/// By the offers' own word.
fn own_word(
    decision: &Decision,
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    now: Timestamp,
) -> Result<Vec<Promise>, NotComparable> {
    let mut offers: Vec<&Offer> = Vec::new();
    for offer in decision.offers().filter(|offer| !offer.is_label()) {
        match &offer.charge {
            // A rule of the store's own that may hold can only take off more, unless it stops others or takes back.
            Charge::Store(rule) if !rule.is_certain || rule.effect == StoreEffect::Unsure => {
                if offer.stop || rule.effect == StoreEffect::Unsure || offer.action == Action::ToFixed {
                    return Err(NotComparable::Undecided);
                }
            }
            _ => offers.push(offer),
        }
    }
    let cart = cart(&offers, view, contents, totals, now)?;
    let mut orders = vec![(1..).take(offers.len()).collect::<Vec<u64>>()];
    if offers.windows(2).any(|pair| pair[0].priority == pair[1].priority) {
        // Which of two rules of one priority goes first is the database's choice.
        orders.push((1..).take(offers.len()).collect::<Vec<u64>>().into_iter().rev().collect());
    }
    orders.iter().map(|ids| promise(&offers, ids, &cart)).collect()
}

fn promise(offers: &[&Offer], ids: &[u64], cart: &Cart) -> Result<Promise, NotComparable> {
    let rules: Vec<CartRule> =
        offers.iter().enumerate().zip(ids).map(|((at, offer), id)| rule(at, *id, offer)).collect();
    let by_id: BTreeMap<u64, &Arc<str>> = offers.iter().zip(ids).map(|(offer, id)| (*id, &offer.id)).collect();
    let charged = charge(&rules, cart, Release::default()).map_err(|_| NotComparable::Undecided)?;
    let lines = charged.lines.iter().map(|line| LinePromise {
        discount: line.discount.amount,
        offers: line.applied.iter().filter_map(|id| by_id.get(id)).map(|offer| Arc::clone(offer)).collect(),
    });
    Ok(Promise { lines: lines.collect(), shipping: None, is_whole: false })
}

/// An offer as a cart price rule, by its own word.
fn rule(at: usize, id: u64, offer: &Offer) -> CartRule {
    let lines = Condition::Product { test: Test::new(mark(at), "==", json!("1")), scope: LineScope::Any };
    CartRule {
        id,
        name: offer.name.clone(),
        description: None,
        is_active: true,
        websites: BTreeSet::from([WEBSITE]),
        customer_groups: BTreeSet::from([GROUP]),
        days: Days::default(),
        priority: offer.priority.into(),
        stop: offer.stop,
        conditions: Condition::always(),
        lines,
        action: match offer.action {
            Action::ByPercent => CartAction::ByPercent,
            Action::ByFixed => CartAction::ByFixed,
            Action::ToPercent => CartAction::ToPercent,
            Action::ToFixed => CartAction::ToFixed,
        },
        amount: offer.amount,
        most_units: None,
        step: Decimal::ZERO,
        to_shipping: false,
        free_shipping: FreeShipping::None,
        coupon: CouponKind::None,
        labels: BTreeMap::new(),
        uses_per_customer: 0,
        uses_per_coupon: 0,
        rest: Arc::new(Map::new()),
    }
}

/// The attribute by which a line says that the offer at a position is for it. Offers name products by id, which rules cannot.
fn mark(at: usize) -> String {
    format!("segue_offer_{at}")
}

fn cart(
    offers: &[&Offer],
    view: &StoreView,
    contents: &Contents,
    totals: &Totals,
    now: Timestamp,
) -> Result<Cart, NotComparable> {
    let rate = rate(view, contents, totals, None);
    if rate.is_none() && offers.iter().any(|offer| offer.action.is_money()) {
        return Err(NotComparable::Undecided);
    }
    let tax = tax_of(view, totals)?;
    let lines = totals.lines.iter().map(|line| {
        let item = contents.items.get(&line.item).ok_or(NotComparable::Unseen)?;
        let price = exact_price(line, totals, rate, tax).ok_or(NotComparable::Undecided)?;
        let marks = marks(offers, item).ok_or(NotComparable::Undecided)?;
        let facts = LineFacts { is_known: true, attributes: marks, ..LineFacts::default() };
        Ok(CartLine { facts, ..cart_line(line, item, price) })
    });
    Ok(Cart {
        store_id: 0,
        website_id: WEBSITE,
        rate: rate.unwrap_or(Decimal::ONE),
        tax,
        today: now.to_zoned(view.time_zone.clone()).date(),
        customer_group: Some(GROUP),
        audiences: None,
        coupon: Coupon::None,
        address: CartAddress::Unknown,
        payment_method: None,
        lines: lines.collect::<Result<_, NotComparable>>()?,
        is_complete: true,
        multiselects: Arc::default(),
    })
}

/// Units of the cart's currency for one of the base currency; `None` where nobody has said it.
fn rate(view: &StoreView, contents: &Contents, totals: &Totals, exchange: Option<&Rates>) -> Option<Decimal> {
    if totals.currency == totals.base_currency {
        return Some(Decimal::ONE);
    }
    let of_base = exchange.filter(|exchange| exchange.base.eq_ignore_ascii_case(&view.base_currency));
    contents.rate.or_else(|| of_base.and_then(|exchange| exchange.rates.get(&totals.currency).copied()))
}

/// How the cart is taxed.
fn tax_of(view: &StoreView, totals: &Totals) -> Result<CartTax, NotComparable> {
    tax(&view.tax, is_untaxed(totals)).ok_or(NotComparable::Undecided)
}

fn is_untaxed(totals: &Totals) -> bool {
    totals.lines.iter().all(|line| line.row == line.row_with_tax)
}

/// The price of one without tax in the cart's currency, where that is the one that discounts are taken off.
fn exact_price(line: &TotalsLine, totals: &Totals, rate: Option<Decimal>, tax: CartTax) -> Option<Decimal> {
    let is_base = totals.currency == totals.base_currency;
    price(line, rate.filter(|_| !is_base), is_base).filter(|_| is_untaxed(totals) || is_exact(line, tax))
}

/// How the view taxes; where nothing is taxed, it makes no difference.
fn tax(tax: &Tax, is_untaxed: bool) -> Option<CartTax> {
    let untaxed = is_untaxed.then_some(CartTax {
        catalog_prices: TaxBasis::Excluding,
        discount_on: TaxBasis::Excluding,
        computed: TaxComputed::AfterDiscount,
    });
    let told = || {
        Some(CartTax { catalog_prices: tax.catalog_prices?, discount_on: tax.discount_on?, computed: tax.computed? })
    };
    untaxed.or_else(told)
}

/// Whether the price that discounts are taken off is the one that is told: where tax was put upon it or taken out of it, it is a fraction
/// of the whole line's.
fn is_exact(line: &TotalsLine, tax: CartTax) -> bool {
    tax.discount_on == tax.catalog_prices || line.quantity == Decimal::ONE
}

/// The price of one without tax in the cart's currency; totals say it in base currency.
fn price(line: &TotalsLine, rate: Option<Decimal>, is_base: bool) -> Option<Decimal> {
    if is_base {
        return Some(line.base_price);
    }
    let fits = |price: &Decimal| price.checked_mul(line.quantity) == Some(line.row);
    let converted = rate.and_then(|rate| line.base_price.checked_mul(rate)).map(cents);
    let of_row = || line.row.checked_div(line.quantity).filter(|price| cents(*price) == *price);
    converted.filter(fits).or_else(of_row)
}

/// Which of the offers are for a line, as marks on it; `None` where that cannot be told.
fn marks(offers: &[&Offer], item: &Item) -> Option<BTreeMap<String, AttributeValue>> {
    let marked = offers.iter().enumerate().map(|(at, offer)| Some((at, is_for(offer, item)?)));
    let marked = marked.collect::<Option<Vec<_>>>()?.into_iter().filter(|(_, named)| *named);
    Some(marked.map(|(at, _)| (mark(at), AttributeValue::One("1".to_owned()))).collect())
}

/// Whether the cart applies an offer to a line: as in the selection for carts.
fn is_for(offer: &Offer, item: &Item) -> Option<bool> {
    let named = match &offer.products {
        Products::All => true,
        Products::Ids(ids) => ids.contains(&item.product),
        Products::Skus(skus) => skus.contains(&item.sku.to_lowercase()),
        Products::Matching(matching) => match LineKind::of_product_type(&item.kind) {
            LineKind::Configurable => matching.of_all_variants(item.product)?,
            _ => matching.of(item.product)?,
        },
    };
    match LineKind::of_product_type(&item.kind) {
        LineKind::Plain => Some(named),
        // The variant's id and the product's SKU are not there.
        LineKind::Configurable if matches!(offer.products, Products::Matching(_)) => Some(named),
        LineKind::Configurable => named.then_some(true),
        // What its parts cost is not there.
        LineKind::Bundle | LineKind::Other => None,
    }
}

fn cart_line(line: &TotalsLine, item: &Item, price: Decimal) -> CartLine {
    CartLine {
        parent: None,
        product: Some(item.product),
        kind: item.kind.to_string(),
        sku: item.sku.to_string(),
        product_sku: None,
        quantity: line.quantity,
        unit_price: price,
        base_unit_price: line.base_price,
        unit_price_with_tax: Some(line.price_with_tax),
        base_unit_price_with_tax: Some(line.base_price_with_tax),
        row_total: line.row,
        base_row_total: line.base_row,
        row_total_with_tax: Some(line.row_with_tax),
        base_row_total_with_tax: Some(line.base_row_with_tax),
        tax_percent: Some(line.tax_percent),
        weight: None,
        is_virtual: false,
        facts: LineFacts::default(),
    }
}

#[cfg(test)]
mod tests;
