//! What Segue understands of a cart, in the words that rules use: what is in it, at which prices.

use rust_decimal::Decimal;

use crate::page::ProductId;

/// A cart, as Magento's `cart` section tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartFacts {
    /// Its lines.
    pub lines: Vec<LineFacts>,
    /// The numbers of the lines in the order in which they were put in.
    pub order: Vec<usize>,
    /// Whether these are all its lines: Magento leaves products out that no page shows.
    pub is_complete: bool,
    /// Whether its prices are, by the sign they bear, in the website's base currency.
    pub in_base_currency: bool,
}

/// One line of a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFacts {
    /// Magento's entity id; of a configurable product, its own and not the variant's.
    pub product: ProductId,
    /// The SKU; of a configurable product, the variant's.
    pub sku: String,
    /// What sort of line it is.
    pub kind: LineKind,
    /// Magento's `product_type`, where the cart says it.
    pub product_type: String,
    /// Whether something was chosen for it, which may have become a part of the SKU.
    pub has_options: bool,
    /// How many of it.
    pub quantity: Decimal,
    /// The price of one without tax, where the cart shows it and proves how it is written.
    pub excluding_tax: Option<Decimal>,
    /// The same with tax.
    pub including_tax: Option<Decimal>,
}

/// What sort of line it is, as far as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineKind {
    /// One product by itself: simple, virtual or downloadable, of a grouped product as well.
    Plain,
    /// A variant of a configurable product.
    Configurable,
    /// Several products whose discounts are their own.
    Bundle,
    /// Anything else, such as a gift card.
    Other,
}

impl LineKind {
    /// The kind of Magento's `product_type`.
    pub fn of_product_type(word: &str) -> Self {
        match word {
            "simple" | "virtual" | "downloadable" | "grouped" => Self::Plain,
            "configurable" => Self::Configurable,
            "bundle" => Self::Bundle,
            _ => Self::Other,
        }
    }
}
