//! What the elements of a price box are, by Luma's classes.

use super::reason::Reason;
use super::scan::{Noted, is};
use super::text::decode;

/// What an element of a price box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The group of a discounted price.
    Special,
    /// The group of a price without discount.
    Old,
    /// The group of a configurable product's price.
    Normal,
    /// The lower end of a range.
    From,
    /// The upper end of a range.
    To,
    /// The group of a lowest price.
    Lowest,
    /// The group of the lowest price by quantity.
    TierLink,
    /// The group of a configured price.
    Configured,
    /// The bare box that grouped products have within their box.
    Nested,
    Container,
    Label,
    Wrapper,
    Price,
    /// A fixed product tax.
    FixedTax,
    /// The price with fixed product taxes, beside the one without.
    WithFixedTax,
    MetaPrice,
    MetaCurrency,
    /// Structured data that states no price.
    MetaOther,
}

impl Role {
    /// Whether text may stand in it.
    pub(super) fn is_text(self) -> bool {
        self == Self::Label || self == Self::Price || self.may_hold_price()
    }

    /// Whether its text may be in an element of its own.
    pub(super) fn may_hold_price(self) -> bool {
        matches!(self, Self::Wrapper | Self::FixedTax | Self::WithFixedTax)
    }

    /// Whether it is around a container.
    pub(super) fn is_group(self) -> bool {
        matches!(
            self,
            Self::Special
                | Self::Old
                | Self::Normal
                | Self::From
                | Self::To
                | Self::Lowest
                | Self::TierLink
                | Self::Configured
        )
    }
}

/// Classes with the role and the elements that have it, the most telling first.
const CLASSES: [(&str, Role, &[&str]); 14] = [
    ("price-container", Role::Container, &["span"]),
    ("price-wrapper", Role::Wrapper, &["span"]),
    ("price-excluding-tax", Role::Wrapper, &["span"]),
    ("price-label", Role::Label, &["span"]),
    ("special-price", Role::Special, &["span"]),
    ("old-price", Role::Old, &["span"]),
    ("normal-price", Role::Normal, &["span"]),
    ("price-from", Role::From, &["p"]),
    ("price-to", Role::To, &["p"]),
    ("minimal-price", Role::Lowest, &["p"]),
    ("minimal-price-link", Role::TierLink, &["a", "span"]),
    ("price-as-configured", Role::Configured, &["p", "span"]),
    ("price-final", Role::WithFixedTax, &["span"]),
    ("price", Role::Price, &["span"]),
];

/// What an element is.
pub(super) fn role(page: &str, noted: &Noted) -> Result<Role, Reason> {
    let tag = noted.tag.of(page);
    if is(tag, "meta") || is(tag, "link") {
        return structured_role(noted.attributes.itemprop.map(|prop| prop.of(page)).unwrap_or_default());
    }
    let classes = noted.attributes.class.map(|class| decode(class.of(page))).unwrap_or_default();
    let (mut found, mut is_tax, mut is_box) = (CLASSES.len(), false, false);
    for class in classes.split_ascii_whitespace() {
        if class.starts_with("map-") || class.starts_with("msrp") {
            return Err(Reason::Msrp);
        }
        is_tax |= class == "weee";
        is_box |= class == "price-box";
        let place = CLASSES.iter().position(|(known, ..)| *known == class);
        found = found.min(place.unwrap_or(CLASSES.len()));
    }
    let kind = noted.attributes.price_type.map(|kind| decode(kind.of(page)));
    let (role, tags) = match CLASSES.get(found) {
        Some((_, role, tags)) => (*role, *tags),
        None if is_tax => (Role::FixedTax, &["span"][..]),
        None if is_box => (Role::Nested, &["div"][..]),
        None => return Err(kind.map_or(Reason::UnknownMarkup, |kind| unknown_type(&kind))),
    };
    let fits = match (role, kind.as_deref()) {
        (Role::Wrapper, _) | (Role::FixedTax, Some("weee")) | (Role::WithFixedTax, Some("weeePrice")) => true,
        (Role::FixedTax | Role::WithFixedTax, _) => false,
        // Scripts read and print every element with a price type, whatever its class.
        (_, Some(kind)) => return Err(unknown_type(kind)),
        (_, None) => true,
    };
    // An amount is one more copy of a price, for whoever reads it.
    let counts = noted.attributes.price_amount.is_none() || matches!(role, Role::Wrapper | Role::WithFixedTax);
    let is_known = fits && counts && noted.attributes.role.is_none() && tags.iter().any(|known| is(tag, known));
    if is_known { Ok(role) } else { Err(Reason::UnknownMarkup) }
}

fn unknown_type(kind: &str) -> Reason {
    if kind.starts_with("weee") { Reason::FixedTax } else { Reason::UnknownPriceType }
}

fn structured_role(prop: &str) -> Result<Role, Reason> {
    match prop {
        "price" => Ok(Role::MetaPrice),
        "priceCurrency" => Ok(Role::MetaCurrency),
        "availability" | "itemCondition" | "url" | "priceValidUntil" => Ok(Role::MetaOther),
        _ => Err(Reason::StructuredData),
    }
}

/// Whether an element may stand in another, or in the box itself.
pub(super) fn may_hold(parent: Option<Role>, child: Role) -> bool {
    match child {
        Role::Normal | Role::From | Role::To | Role::TierLink | Role::Configured | Role::Nested => parent.is_none(),
        Role::Special => matches!(parent, None | Some(Role::Configured)),
        Role::Lowest => matches!(parent, None | Some(Role::Nested)),
        Role::Old => matches!(parent, None | Some(Role::From | Role::To | Role::Lowest | Role::Configured)),
        Role::Container => parent.is_none_or(Role::is_group),
        Role::Label => matches!(parent, Some(Role::Container | Role::Lowest | Role::Configured)),
        Role::Price => parent.is_some_and(Role::may_hold_price),
        Role::Wrapper
        | Role::FixedTax
        | Role::WithFixedTax
        | Role::MetaPrice
        | Role::MetaCurrency
        | Role::MetaOther => parent == Some(Role::Container),
    }
}
