//! Offers, dynamic blocks and the conditions they share, as types that cannot be invalid. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use crate::page::{PageKind, ProductId};
pub use html::Html;
pub use placement::{Anchor, Placement, UrlPattern};

pub mod cart_rule;
pub mod discount;
pub mod html;
pub mod matching;
pub mod parse;
pub mod placement;
pub(crate) mod strict;

/// The JSON Schema (2020-12) of a rules file, for editors and `segue schema`.
pub const SCHEMA: &str = include_str!("rule/schema.json");

/// The id of a Real-Time CDP audience as the membership list names it: a UUID or an external id, compared as it is written.
pub type AudienceId = Arc<str>;

/// An audience that rules may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The id that memberships carry.
    pub id: AudienceId,
    /// What merchandisers call it.
    pub name: String,
    /// Where it comes from, such as `Experience Platform`.
    pub origin: String,
}

/// Whom a rule is for. All three lists must hold; with all of them empty it is for everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceTest {
    /// The shopper is in at least one of these (no test when empty).
    pub any: BTreeSet<AudienceId>,
    /// The shopper is in all of these.
    pub all: BTreeSet<AudienceId>,
    /// The shopper is in none of these.
    pub none: BTreeSet<AudienceId>,
}

/// The days on which a rule holds, both included, in the store view's time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// The first day; `None` is since ever.
    pub from: Option<Date>,
    /// The last day; `None` is for ever.
    pub to: Option<Date>,
}

impl Days {
    /// The days that both have.
    pub fn and(self, other: Self) -> Self {
        let (from, to) = (self.from.max(other.from), [self.to, other.to].into_iter().flatten().min());
        Self { from, to }
    }

    /// Whether a day is one of them.
    pub fn hold(self, today: Date) -> bool {
        self.from.is_none_or(|from| from <= today) && self.to.is_none_or(|to| today <= to)
    }
}

/// What an offer does to the price of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes `amount` percent off what is left.
    ByPercent,
    /// Takes `amount` (base currency) off.
    ByFixed,
    /// Leaves `amount` percent of the price.
    ToPercent,
    /// Makes the price `amount` (base currency).
    ToFixed,
}

/// The products an offer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Products {
    /// Every product.
    All,
    /// Products with these entity ids.
    Ids(BTreeSet<ProductId>),
    /// Products with these SKUs (lower case: Magento compares SKUs without case).
    Skus(BTreeSet<String>),
    /// Those that a cart price rule is for, as its conditions and the catalogue say.
    Matching(Arc<matching::Matching>),
}

/// Who charges what an offer promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Nobody: only the offer's label is shown.
    None,
    /// The cart price rule with this id, which Magento applies by the membership that Segue sends up.
    Origin {
        /// Commerce's `rule_id`.
        rule_id: u64,
    },
    /// The cart price rule with this id, a code of which Segue puts into the shopper's cart.
    Coupon {
        /// Commerce's `rule_id`.
        rule_id: u64,
        /// The one code that all shoppers get; none where each gets a generated one of his own.
        code: Option<Arc<str>>,
    },
    /// The store by itself: a cart price rule that no offer names.
    Store(StoreRule),
}

/// A cart price rule of the store that no offer names. It changes no page by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRule {
    /// Commerce's `rule_id`.
    pub rule_id: u64,
    /// Whether it can be told for which products and shoppers it holds; where not, it may hold for any.
    pub is_certain: bool,
    /// What it does to a line of one unit.
    pub effect: StoreEffect,
    /// Whether it stands for the rule where nobody knows the shopper's customer group.
    pub of_unknown_group: bool,
}

/// What a rule of the store does to a line of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreEffect {
    /// It changes the price.
    Price,
    /// Nothing that could raise it.
    Nothing,
    /// Nobody can tell, or it may take back what earlier rules took off.
    Unsure,
}

impl Charge {
    /// The rule that charges an offer; none for the store's own rules.
    pub fn rule_id(&self) -> Option<u64> {
        match self {
            Self::Origin { rule_id } | Self::Coupon { rule_id, .. } => Some(*rule_id),
            Self::None | Self::Store(_) => None,
        }
    }

    /// Whether it is a rule of the store that no offer names.
    pub fn is_stores(&self) -> bool {
        matches!(self, Self::Store(_))
    }

    /// Whether a coupon in the cart charges it.
    pub fn is_coupon(&self) -> bool {
        matches!(self, Self::Coupon { .. })
    }
}

/// A Commerce cart price rule as shoppers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Unique among offers.
    pub id: Arc<str>,
    /// What merchandisers call it.
    pub name: String,
    /// Whom it is for.
    pub audiences: AudienceTest,
    /// Codes of the websites it holds on; empty is all.
    pub websites: BTreeSet<String>,
    /// Codes of the store views it holds on; empty is all.
    pub store_views: BTreeSet<String>,
    /// When it holds.
    pub days: Days,
    /// Magento's sort order: lower goes first.
    pub priority: i32,
    /// Whether offers after it no longer apply to a product it applied to.
    pub stop: bool,
    /// What it does.
    pub action: Action,
    /// By how much: percent, or base currency.
    pub amount: Decimal,
    /// Whether the rules file says action and amount; else they are those of the cart price rule.
    pub is_stated: bool,
    /// Ids of the customer groups that it is for; `None` is all.
    pub customer_groups: Option<BTreeSet<u64>>,
    /// The lowest price, in base currency, that a product may come to with it; below, the product stays as it was.
    pub floor: Option<Decimal>,
    /// To which products.
    pub products: Products,
    /// What shoppers read, by store view.
    pub labels: Labels,
    /// Who charges it.
    pub charge: Charge,
    /// Whether only its label is shown, though it is charged: its rule does something else to a cart than lowering the price of a unit, or
    /// nobody can tell.
    pub label_only: bool,
    /// Whether carts did not keep its promise, so that nothing is said of what it takes off.
    pub paused: bool,
}

/// Something per store view, with a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByView<T> {
    /// What store views get that have none of their own.
    pub default: Option<T>,
    /// By store code.
    pub by_view: BTreeMap<String, T>,
}

/// A plain text per store view.
pub type Labels = ByView<Arc<str>>;

impl<T> ByView<T> {
    /// What a store view gets.
    pub fn of(&self, store_view: &str) -> Option<&T> {
        self.by_view.get(store_view).or(self.default.as_ref())
    }
}

impl<T> Default for ByView<T> {
    fn default() -> Self {
        Self { default: None, by_view: BTreeMap::new() }
    }
}

/// Which of several blocks at one placement are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// All of them, by priority.
    All,
    /// The one with the best priority.
    First,
    /// One of them, the same for one shopper.
    Random,
}

/// Banner HTML, shown to audiences at a placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Unique among blocks.
    pub id: Arc<str>,
    /// What merchandisers call it.
    pub name: String,
    /// Whom it is for.
    pub audiences: AudienceTest,
    /// Codes of the websites it is shown on; empty is all.
    pub websites: BTreeSet<String>,
    /// Codes of the store views it is shown on; empty is all.
    pub store_views: BTreeSet<String>,
    /// When it is shown.
    pub days: Days,
    /// Lower goes first.
    pub priority: i32,
    /// Where it goes.
    pub placement: Placement,
    /// On which pages; empty is all.
    pub page_kinds: BTreeSet<PageKind>,
    /// On which paths; empty is all.
    pub url_patterns: Vec<UrlPattern>,
    /// Its share of the placement.
    pub rotation: Rotation,
    /// Its HTML per store view.
    pub html: ByView<Arc<Html>>,
}

/// Everything published, with a revision made of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// A fingerprint of the content: equal rules have equal revisions.
    pub revision: u64,
    /// The audiences that exist.
    pub audiences: Vec<Audience>,
    /// Offers by priority, then id.
    pub offers: Vec<Arc<Offer>>,
    /// Blocks by priority, then id.
    pub blocks: Vec<Arc<Block>>,
}

impl Action {
    /// The word used in rules files, as Commerce's `simple_action` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByPercent => "by_percent",
            Self::ByFixed => "by_fixed",
            Self::ToPercent => "to_percent",
            Self::ToFixed => "to_fixed",
        }
    }

    /// Whether its amount is money in the website's base currency.
    pub fn is_money(self) -> bool {
        matches!(self, Self::ByFixed | Self::ToFixed)
    }
}

impl Offer {
    /// Whether it shows no price: nobody charges it, or nobody can tell what that comes to for one unit.
    pub fn is_label(&self) -> bool {
        self.label_only || self.paused || self.charge == Charge::None
    }

    /// Its place among others: as Magento goes through its rules, where those are known.
    fn order(&self) -> (i32, bool, u64, &Arc<str>) {
        let rule = match &self.charge {
            Charge::Store(rule) => rule.rule_id,
            charge => charge.rule_id().unwrap_or(u64::MAX),
        };
        (self.priority, self.charge.is_coupon(), rule, &self.id)
    }

    /// Whether carts may go through the rules that charge two offers in either order: Magento leaves it to the database which of two of one
    /// priority goes first, unless one of them has a coupon.
    pub fn ties_with(&self, other: &Self) -> bool {
        let place = |offer: &Self| (offer.priority, offer.charge.is_coupon());
        place(self) == place(other) && self.order().2 != other.order().2
    }
}

impl Ruleset {
    /// Puts rules in the order in which they apply and fingerprints them; the order they come in does not matter.
    pub fn new(mut audiences: Vec<Audience>, mut offers: Vec<Offer>, mut blocks: Vec<Block>) -> Self {
        audiences.sort_by(|a, b| a.id.cmp(&b.id));
        offers.sort_by(|a, b| a.order().cmp(&b.order()));
        blocks.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        Self {
            revision: fingerprint(&audiences, &offers, &blocks),
            audiences,
            offers: offers.into_iter().map(Arc::new).collect(),
            blocks: blocks.into_iter().map(Arc::new).collect(),
        }
    }
}

/// Hashes the `Debug` text, which holds every field, so that no field added later can be forgotten here.
fn fingerprint(audiences: &[Audience], offers: &[Offer], blocks: &[Block]) -> u64 {
    let mut hash = Sha256::new();
    let mut add = |text: String| hash.update(text.as_bytes());
    audiences.iter().for_each(|audience| add(format!("{audience:?}\n")));
    offers.iter().for_each(|offer| add(format!("{offer:?}\n")));
    blocks.iter().for_each(|block| add(format!("{block:?}\n")));
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |revision, byte| revision << 8 | u64::from(*byte))
}
