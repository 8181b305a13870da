//! Why a product is left as it was.

use std::fmt;

/// Why no price of a product is changed on a page. `as_str` is the word in logs, metrics and explain output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Prices on this kind of page are not Segue's to change.
    PageKind,
    /// A price box is inside a template, or ends nowhere.
    BrokenMarkup,
    /// A price box holds something that is not known.
    UnknownMarkup,
    /// The product has variants, and nothing says what they cost.
    Configurable,
    /// The price is made of parts, and it cannot be told of which.
    Bundle,
    /// Prices by quantity are shown in a form that is not known.
    TierPrices,
    /// The product has options with own prices in a form that is not known.
    Options,
    /// The manufacturer's price rules what is shown.
    Msrp,
    /// A fixed product tax is part of the price, and it cannot be told from the rest.
    FixedTax,
    /// A price box of another kind than the final price, such as a configured one.
    OtherBox,
    /// A price of an unknown type.
    UnknownPriceType,
    /// An amount is missing or no number above zero.
    BadAmount,
    /// The visible text is not what the amount looks like in any known format.
    UnknownFormat,
    /// It cannot be told how decimals are shown.
    UnknownPrecision,
    /// The product is a gift card, whose price is what its buyer makes it.
    GiftCard,
    /// Two places disagree about the product or its price.
    Contradiction,
    /// Structured data (JSON-LD, microdata) states a price that cannot be told to be the product's, or in a form that is not known.
    StructuredData,
    /// A price that belongs to the product stands outside of its price box.
    LoosePrice,
    /// A script prints prices of its own over those of the page, in a form that is not known.
    ScriptPrices,
}

impl Reason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PageKind => "page-kind",
            Self::BrokenMarkup => "broken-markup",
            Self::UnknownMarkup => "unknown-markup",
            Self::Configurable => "configurable",
            Self::Bundle => "bundle",
            Self::TierPrices => "tier-prices",
            Self::Options => "options",
            Self::Msrp => "msrp",
            Self::FixedTax => "fixed-tax",
            Self::OtherBox => "other-box",
            Self::UnknownPriceType => "unknown-price-type",
            Self::BadAmount => "bad-amount",
            Self::UnknownFormat => "unknown-format",
            Self::UnknownPrecision => "unknown-precision",
            Self::GiftCard => "gift-card",
            Self::Contradiction => "contradiction",
            Self::StructuredData => "structured-data",
            Self::LoosePrice => "loose-price",
            Self::ScriptPrices => "script-prices",
        }
    }

    /// The reason in words, as the end of a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::PageKind => "prices on this kind of page are not for Segue to change",
            Self::BrokenMarkup => "a price box stands in a template or has no end",
            Self::UnknownMarkup => "a price box holds something that Segue does not know",
            Self::Configurable => "it has variants, and the page does not say what they cost",
            Self::Bundle => "its price is made of parts, and the page does not say which",
            Self::TierPrices => "its prices by quantity are written in a way that Segue does not know",
            Self::Options => "its options have prices in a form that Segue does not know",
            Self::Msrp => "the manufacturer's price (MAP) rules what is shown",
            Self::FixedTax => "a fixed product tax is in its price, and the page does not say how much",
            Self::OtherBox => "it has a price box of a kind that Segue does not know",
            Self::UnknownPriceType => "it has a price of a type that Segue does not know",
            Self::BadAmount => "an amount is missing or is no number above zero",
            Self::UnknownFormat => "the price as text is not what its amount looks like in any known format",
            Self::UnknownPrecision => "the page does not say how many decimals prices have",
            Self::GiftCard => "it is a gift card, whose price is what the buyer makes it",
            Self::Contradiction => "two places on the page disagree about the product or its price",
            Self::StructuredData => "structured data (JSON-LD, microdata) states a price that Segue cannot place",
            Self::LoosePrice => "a price of the product stands outside of its price box",
            Self::ScriptPrices => "a script prints prices of its own in a form that Segue does not know",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
