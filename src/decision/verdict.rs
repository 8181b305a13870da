//! Why an offer or a block applied or did not, for `explain` and for logs.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::page::ProductId;
use crate::rule::AudienceId;

/// What became of one offer or block, on one page or, for an offer, for one product of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The offer or block.
    pub rule: RuleId,
    /// For which product; `None` is the page as a whole.
    pub product: Option<ProductId>,
    /// What became of it.
    pub outcome: Outcome,
}

/// The id of an offer or of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleId {
    /// An offer.
    Offer(Arc<str>),
    /// A dynamic block.
    Block(Arc<str>),
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(id) => write!(f, "offer {id}"),
            Self::Block(id) => write!(f, "block {id}"),
        }
    }
}

/// What became of an offer or block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may apply to pages; what it does on a page is another question.
    Candidate,
    /// It is on the page.
    Applied,
    /// Its label is on the page; nobody charges it, so the price stays.
    LabelOnly,
    /// It is not on the page.
    NotApplied(NotApplied),
}

/// Why an offer or block is not on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotApplied {
    /// It is for other websites.
    Website,
    /// It is for other store views.
    StoreView,
    /// It begins later.
    NotYet(Date),
    /// It is over.
    Over(Date),
    /// The shopper is in none of the audiences it is for.
    AudienceNotHeld,
    /// The shopper is not in this audience, which it also asks for.
    AudienceMissing(AudienceId),
    /// The shopper is in this audience, which it leaves out.
    AudienceExcluded(AudienceId),
    /// It names this audience, which does not exist, so that it matches nobody.
    AudienceUnknown(AudienceId),
    /// It has no HTML for the store view.
    NoHtml,
    /// Nobody charges it and it has no label for the store view.
    NoLabel,
    /// It is for other kinds of pages.
    PageKind,
    /// It is for other paths.
    Url,
    /// Sanitising leaves nothing of its HTML.
    NothingLeft,
    /// This block of the same placement goes first.
    RotatedOut(Arc<str>),
    /// The page has no product whose price could be changed.
    NoProducts,
    /// It is for other products.
    ProductNotNamed,
    /// It is for SKUs, and the page does not say this product's.
    SkuUnknown,
    /// It is for some variants, members or parts of this product, and the page does not say whose price it shows, or what is charged depends
    /// on what is chosen.
    ChoiceUnknown,
    /// The page's prices include tax, and how the cart would tax the discount is not known.
    TaxUnknown,
    /// Its amount is in the base currency, and the page speaks of several.
    CurrencyUnknown,
    /// Its amount is in the base currency, and the page is in another.
    ForeignCurrency,
    /// The result would be above the current price, which the cart would charge.
    AboveCurrentPrice,
    /// The result would be below this, the lowest price that the offer may lead to.
    BelowFloor(Decimal),
    /// The price is negative or past all reason.
    PriceOutOfRange(Decimal),
    /// It takes nothing off.
    NoDiscount,
    /// This offer applied before and lets none follow.
    StoppedBy(Arc<str>),
    /// It is for some products of the catalogue, of which this one is not known to be one.
    CatalogueUnknown,
    /// This rule of the store's own may come first, or take back what it takes off.
    StoreRule(Arc<str>),
    /// This one may come before it or after it, as the shop's database has it, which makes a difference.
    OrderUnknown(Arc<str>),
    /// What the cart charges cannot be told because of this offer, so the product stays as it is.
    LeftAlone(Arc<str>),
}

impl NotApplied {
    /// The word for logs, metrics and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Website => "website",
            Self::StoreView => "store_view",
            Self::NotYet(_) => "not_yet",
            Self::Over(_) => "over",
            Self::AudienceNotHeld => "audience_not_held",
            Self::AudienceMissing(_) => "audience_missing",
            Self::AudienceExcluded(_) => "audience_excluded",
            Self::AudienceUnknown(_) => "audience_unknown",
            Self::NoHtml => "no_html",
            Self::NoLabel => "no_label",
            Self::PageKind => "page_kind",
            Self::Url => "url",
            Self::NothingLeft => "nothing_left",
            Self::RotatedOut(_) => "rotated_out",
            Self::NoProducts => "no_products",
            Self::ProductNotNamed => "product_not_named",
            Self::SkuUnknown => "sku_unknown",
            Self::ChoiceUnknown => "choice_unknown",
            Self::TaxUnknown => "tax_unknown",
            Self::CurrencyUnknown => "currency_unknown",
            Self::ForeignCurrency => "foreign_currency",
            Self::AboveCurrentPrice => "above_current_price",
            Self::BelowFloor(_) => "below_floor",
            Self::PriceOutOfRange(_) => "price_out_of_range",
            Self::NoDiscount => "no_discount",
            Self::StoppedBy(_) => "stopped_by",
            Self::CatalogueUnknown => "catalogue_unknown",
            Self::StoreRule(_) => "store_rule",
            Self::OrderUnknown(_) => "order_unknown",
            Self::LeftAlone(_) => "left_alone",
        }
    }
}

impl fmt::Display for NotApplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Website => f.write_str("it is for other websites"),
            Self::StoreView => f.write_str("it is for other store views"),
            Self::NotYet(from) => write!(f, "it begins on {from}"),
            Self::Over(to) => write!(f, "it ended with {to}"),
            Self::AudienceNotHeld => f.write_str("the shopper is in none of its audiences"),
            Self::AudienceMissing(id) => write!(f, "the shopper is not in audience {id}, which it also asks for"),
            Self::AudienceExcluded(id) => write!(f, "the shopper is in audience {id}, which it leaves out"),
            Self::AudienceUnknown(id) => write!(f, "audience {id} does not exist, so it matches nobody"),
            Self::NoHtml => f.write_str("it has no HTML for this store view"),
            Self::NoLabel => f.write_str("nobody charges it and it has no label for this store view"),
            Self::PageKind => f.write_str("it is for other kinds of pages"),
            Self::Url => f.write_str("it is for other paths"),
            Self::NothingLeft => f.write_str("sanitising leaves nothing of its HTML"),
            Self::RotatedOut(other) => write!(f, "block {other} has its turn at this placement"),
            Self::NoProducts => f.write_str("the page has no product whose price can be changed"),
            Self::ProductNotNamed => f.write_str("it is for other products"),
            Self::SkuUnknown => f.write_str("it is for SKUs, and the page does not say this product's"),
            Self::ChoiceUnknown => f.write_str("what it gives here depends on which variant or parts the shopper chooses"),
            Self::TaxUnknown => f.write_str(
                "how the cart would tax the discount is not known: the tax settings in [stores], or the rate, are missing",
            ),
            Self::CurrencyUnknown => f.write_str("its amount is in the base currency, and the page speaks of several"),
            Self::ForeignCurrency => f.write_str("its amount is in the base currency, and the page is in another"),
            Self::AboveCurrentPrice => f.write_str("its result would be above the current price"),
            Self::BelowFloor(floor) => write!(f, "its result would be below its floor of {floor}"),
            Self::PriceOutOfRange(price) => write!(f, "the price {price} is out of range"),
            Self::NoDiscount => f.write_str("it takes nothing off this price"),
            Self::StoppedBy(other) => write!(f, "offer {other} applied before it and lets none follow"),
            Self::CatalogueUnknown => f.write_str("nobody can tell whether it is for this product, which the catalogue does not know"),
            Self::StoreRule(rule) => write!(f, "the store's own {rule} may come first, or take back what it takes off"),
            Self::OrderUnknown(other) => write!(
                f,
                "{other} has the same priority, so that the shop's database decides which of them goes first, which makes a difference: give them different ones"
            ),
            Self::LeftAlone(other) => write!(f, "what the cart charges cannot be told because of offer {other}"),
        }
    }
}

impl Outcome {
    /// The word for logs, metrics and JSON; for what did not apply, the reason.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Applied => "applied",
            Self::LabelOnly => "label_only",
            Self::NotApplied(reason) => reason.as_str(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate => f.write_str("may apply"),
            Self::Applied => f.write_str("applied"),
            Self::LabelOnly => f.write_str("only its label is shown, because nobody charges it"),
            Self::NotApplied(reason) => write!(f, "not applied: {reason}"),
        }
    }
}
