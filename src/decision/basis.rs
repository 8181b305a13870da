//! What carts go by, where Commerce has said it: all of the store's rules, and what its catalogue says of products.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::decide::Decision;
use crate::cart::LineKind;
use crate::catalog::{Entry, Index};
use crate::commerce::Book;
use crate::commerce::shop::Rates;
use crate::rule::cart_rule::{
    AttributeValue, Audiences, Cart, CartAddress, CartLine, CartRule, CartTax, Charged, Coupon, CouponKind, LineFacts,
    Moment, Release, Truth, Undecided, charge,
};
use crate::rule::{AudienceId, Charge, Offer};
use crate::site::StoreView;

/// Commerce's rules and catalogue at one time.
#[derive(Clone, Debug)]
pub struct Basis {
    book: Arc<Book>,
    /// Where each rule is among the book's.
    places: BTreeMap<u64, usize>,
    catalogue: Option<Arc<Index>>,
    release: Release,
    /// The rules of which codes are at hand.
    codes: BTreeSet<u64>,
    /// Whether the catalogue has every attribute that rules ask for.
    has_facts: bool,
    /// Audiences that rules ask for and that nobody keeps.
    unknown_audiences: Arc<BTreeSet<AudienceId>>,
}

/// What a cart says of itself.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its lines, without what only the catalogue knows: facts, variants, weights, the products' own SKUs.
    pub lines: Vec<DraftLine>,
    /// Whether these are all.
    pub is_complete: bool,
    /// Units of its currency for one of the base currency.
    pub rate: Decimal,
    /// How it is taxed.
    pub tax: CartTax,
    /// When it is charged.
    pub now: Timestamp,
    /// Its coupon.
    pub coupon: Coupon,
    /// Where it goes.
    pub address: CartAddress,
    /// The payment method that was chosen; `None` is unknown.
    pub payment_method: Option<Option<String>>,
    /// The customer group, where the cart says it.
    pub customer_group: Option<u64>,
}

/// A line as a cart shows it.
#[derive(Clone, Debug)]
pub struct DraftLine {
    /// With its amounts. Its SKU is, of a configurable product, the variant's.
    pub line: CartLine,
    /// Whether something was chosen for it that may have become a part of its SKU.
    pub has_options: bool,
}

/// A cart that rules can be applied to.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The cart.
    pub cart: Cart,
    /// Where the lines of the draft are in it.
    pub tops: Vec<usize>,
}

impl Basis {
    /// What Commerce said, with its catalogue as far as it was read, for carts of a release. `audiences` are those whose members are known.
    pub fn new(
        book: Arc<Book>,
        catalogue: Option<Arc<Index>>,
        release: Release,
        codes: BTreeSet<u64>,
        audiences: &BTreeSet<&AudienceId>,
    ) -> Self {
        let tracks = |index: &Index| book.attributes().iter().all(|code| index.tracks(code));
        let has_facts = catalogue.as_deref().is_some_and(tracks);
        let places = book.rules.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect();
        let asked = asked_audiences(&book);
        let unknown_audiences = Arc::new(asked.into_iter().filter(|id| !audiences.contains(id)).cloned().collect());
        Self { book, places, catalogue, release, codes, has_facts, unknown_audiences }
    }

    /// Rates of exchange.
    pub fn rates(&self) -> &Rates {
        &self.book.rates
    }

    /// A rule of Commerce.
    pub fn rule(&self, id: u64) -> Option<&CartRule> {
        self.places.get(&id).map(|at| &self.book.rules[*at])
    }

    /// All of Commerce's rules, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &CartRule> {
        self.book.rules.iter()
    }

    /// Whether there is a code that charges an offer, where a coupon does.
    pub fn has_code(&self, offer: &Offer) -> bool {
        match &offer.charge {
            Charge::Coupon { rule_id, code: None } => self.codes.contains(rule_id),
            _ => true,
        }
    }

    /// Whether every rule of the store can be read, so that nothing else can take something off.
    pub fn is_whole(&self) -> bool {
        self.book.unreadable.is_empty()
    }

    /// The audiences that its rules ask for.
    pub fn audiences(&self) -> BTreeSet<&AudienceId> {
        asked_audiences(&self.book)
    }

    /// What a cart takes off.
    ///
    /// # Errors
    /// When a rule that matters to it cannot be decided.
    pub fn charge(&self, cart: &Cart) -> Result<Charged, Undecided> {
        charge(&self.book.rules, cart, self.release)
    }

    /// Before anything was taken off a cart.
    pub fn moment<'c>(&self, cart: &'c Cart) -> Moment<'c> {
        Moment { cart, release: self.release, taken_off: Decimal::ZERO }
    }

    /// Whether a rule could be applied to something in a cart, as far as can be told before any discount.
    pub fn may_apply(&self, rule: &CartRule, cart: &Cart) -> bool {
        let may_hold =
            || rule.conditions.asks_for_discounts() || rule.conditions.truth_at(&self.moment(cart)) != Truth::False;
        let is_for_some = || cart.top_lines().any(|top| rule.lines.line_truth(cart, top) != Truth::False);
        rule.is_selected(cart) != Truth::False && may_hold() && (!cart.is_complete || is_for_some())
    }

    /// Whether two of the rules that could be applied to a cart have one place in the order of rules: which of them goes first is the
    /// database's choice.
    pub fn is_tied(&self, cart: &Cart) -> bool {
        let place = |rule: &CartRule| (rule.priority, rule.coupon != CouponKind::None);
        let mut places = self.rules().filter(|rule| self.may_apply(rule, cart)).map(place).collect::<Vec<_>>();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// What a cart takes off where of rules of one place the newer ones go first.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn charge_tied(&self, cart: &Cart) -> Result<Charged, Undecided> {
        let turned = |id: u64| u64::MAX - id;
        let rules: Vec<CartRule> =
            self.book.rules.iter().map(|rule| CartRule { id: turned(rule.id), ..rule.clone() }).collect();
        let mut cart = cart.clone();
        if let Coupon::Code { rule_id, .. } = &mut cart.coupon {
            *rule_id = rule_id.map(turned);
        }
        let mut charged = charge(&rules, &cart, self.release)?;
        for line in &mut charged.lines {
            let of_rules = line.by_rule.iter_mut().map(|(id, _)| id);
            line.applied.iter_mut().chain(of_rules).for_each(|id| *id = turned(*id));
        }
        charged.applied.iter_mut().for_each(|id| *id = turned(*id));
        Ok(charged)
    }

    /// A draft with what Commerce and the decision know beside it; `None` where something in it is such that nobody can tell what it
    /// costs, or its store view is none that Commerce has.
    pub fn fill(&self, decision: &Decision, view: &StoreView, draft: Draft) -> Option<Filled> {
        let mut lines = Vec::with_capacity(draft.lines.len());
        let mut tops = Vec::with_capacity(draft.lines.len());
        for line in draft.lines {
            tops.push(lines.len());
            self.add(line, &mut lines)?;
        }
        let cart = Cart {
            store_id: *self.book.store_views.get(&*view.code)?,
            website_id: *self.book.websites.get(&*view.website)?,
            rate: draft.rate,
            tax: draft.tax,
            today: draft.now.to_zoned(view.time_zone.clone()).date(),
            customer_group: draft.customer_group.or(decision.group()),
            audiences: Some(Audiences { held: decision.audiences(), unknown: Arc::clone(&self.unknown_audiences) }),
            coupon: draft.coupon,
            address: draft.address,
            payment_method: draft.payment_method,
            lines,
            is_complete: draft.is_complete,
            multiselects: self.catalogue.as_ref().map(|index| Arc::clone(index.multiselects())).unwrap_or_default(),
        };
        Some(Filled { cart, tops })
    }

    fn add(&self, draft: DraftLine, lines: &mut Vec<CartLine>) -> Option<()> {
        let mut line = draft.line;
        let index = self.catalogue.as_deref();
        let entry = index.zip(line.product).and_then(|(index, id)| index.get(id));
        line.facts = self.facts(entry);
        line.product_sku = entry.map(|entry| entry.sku().to_owned());
        line.weight = weight(&line.facts);
        match LineKind::of_product_type(&line.kind) {
            LineKind::Plain => {
                // A SKU that options were put behind is none of the catalogue's.
                if entry.is_none() && draft.has_options {
                    return None;
                }
                line.is_virtual = is_virtual(&line.kind) || entry.is_some_and(|entry| is_virtual(entry.kind()));
                lines.push(line);
            }
            LineKind::Configurable => {
                // Rules may name it by its own SKU, which is not the line's.
                entry?;
                let variant = index.and_then(|index| index.by_sku(&line.sku));
                let variant =
                    variant.filter(|it| entry.is_none_or(|entry| entry.children().any(|own| own.id() == it.id())));
                let mut child = CartLine {
                    parent: Some(lines.len()),
                    product: variant.map(Entry::id),
                    kind: variant.map_or("simple", Entry::kind).to_owned(),
                    sku: line.sku.clone(),
                    product_sku: variant.map(|it| it.sku().to_owned()),
                    facts: self.facts(variant),
                    ..part()
                };
                child.weight = weight(&child.facts);
                child.is_virtual = is_virtual(&child.kind);
                (line.weight, line.is_virtual) = (child.weight, child.is_virtual);
                lines.extend([line, child]);
            }
            // What its parts cost is not there.
            LineKind::Bundle | LineKind::Other => return None,
        }
        Some(())
    }

    /// What the catalogue says of a product; nothing where some rule asks for more than it keeps.
    fn facts(&self, entry: Option<Entry<'_>>) -> LineFacts {
        entry.filter(|_| self.has_facts).map(Entry::facts).unwrap_or_default()
    }
}

fn asked_audiences(book: &Book) -> BTreeSet<&AudienceId> {
    let active = book.rules.iter().filter(|rule| rule.is_active);
    active.flat_map(|rule| rule.conditions.audiences().into_iter().chain(rule.lines.audiences())).collect()
}

/// The weight of one; `None` is unknown.
fn weight(facts: &LineFacts) -> Option<Option<Decimal>> {
    match facts.attributes.get("weight") {
        Some(AttributeValue::One(text)) => text.parse().ok().map(Some),
        Some(AttributeValue::Many(_)) => None,
        None => facts.is_known.then_some(None),
    }
}

fn is_virtual(kind: &str) -> bool {
    matches!(kind, "virtual" | "downloadable")
}

/// A part of a line, for which by itself nothing is charged.
fn part() -> CartLine {
    CartLine {
        parent: None,
        product: None,
        kind: String::new(),
        sku: String::new(),
        product_sku: None,
        quantity: Decimal::ONE,
        unit_price: Decimal::ZERO,
        base_unit_price: Decimal::ZERO,
        unit_price_with_tax: None,
        base_unit_price_with_tax: None,
        row_total: Decimal::ZERO,
        base_row_total: Decimal::ZERO,
        row_total_with_tax: None,
        base_row_total_with_tax: None,
        tax_percent: None,
        weight: None,
        is_virtual: false,
        facts: LineFacts::default(),
    }
}
