//! Offers, dynamic blocks and the conditions they share, as types that cannot be invalid. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::page::{PageKind, ProductId};

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
}

/// Who charges what an offer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Nobody: only the offer's label is shown.
    None,
    /// The cart price rule with this id, which Magento applies by the membership that Segue sends up.
    Origin {
        /// Commerce's `rule_id`.
        rule_id: u64,
    },
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
    /// To which products.
    pub products: Products,
    /// What shoppers read, by store view.
    pub labels: Labels,
    /// Who charges it.
    pub charge: Charge,
}

/// A text per store view, with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The text of store views that have none of their own.
    pub default: Option<Arc<str>>,
    /// Texts by store code.
    pub by_view: BTreeMap<String, Arc<str>>,
}

impl Labels {
    /// The text for a store view.
    pub fn of(&self, store_view: &str) -> Option<&Arc<str>> {
        self.by_view.get(store_view).or(self.default.as_ref())
    }
}

/// Where on a page a dynamic block goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// Before `main#maincontent`.
    PageTop,
    /// Before `div.columns`.
    ContentTop,
    /// At the end of `main#maincontent`.
    ContentBottom,
    /// At the start of `.sidebar-additional`.
    Sidebar,
    /// At the start of `.footer.content`.
    Footer,
    /// Instead of Commerce's own dynamic block widget with this uid.
    CommerceBlock(String),
    /// Instead of an element.
    Replace(Anchor),
    /// Right before an element.
    Before(Anchor),
    /// Right after an element.
    After(Anchor),
}

/// An element of a page that a merchandiser names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anchor {
    /// The element with this `id`.
    Id(String),
    /// The first element with this Page Builder `data-content-type`.
    ContentType(String),
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
    /// On which paths, `*` standing for anything; empty is all.
    pub url_patterns: Vec<String>,
    /// Its share of the placement.
    pub rotation: Rotation,
    /// Its HTML per store view. Sanitised when shown, unless `trusted`.
    pub html: Labels,
    /// Whether its HTML goes out as it is.
    pub trusted: bool,
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
