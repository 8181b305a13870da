//! Magento's product types, and what belongs to each.

use super::Cents;

/// A product's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Shipped.
    Simple,
    /// A service.
    Virtual,
    /// A file; all of a product's files are sold together.
    Downloadable,
    /// Files that are sold one by one.
    Links(&'static [Link]),
    /// Shipped, and cheaper by the dozen.
    Tiers(&'static [Tier]),
    /// Shipped, with options of its own.
    Options(&'static [CustomOption]),
    /// One of several children, by their attributes.
    Configurable(&'static Configurable),
    /// Several products that are sold as one, each at its own price.
    Bundle(&'static [BundleOption]),
    /// Several products on one page, by id.
    Grouped(&'static [u64]),
}

impl Kind {
    /// Magento's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple | Self::Tiers(_) | Self::Options(_) => "simple",
            Self::Virtual => "virtual",
            Self::Downloadable | Self::Links(_) => "downloadable",
            Self::Configurable(_) => "configurable",
            Self::Bundle(_) => "bundle",
            Self::Grouped(_) => "grouped",
        }
    }

    /// Whether it needs no shipping, whatever is chosen of it.
    pub fn is_virtual(self) -> bool {
        matches!(self, Self::Virtual | Self::Downloadable | Self::Links(_))
    }
}

/// A file that is sold by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Magento's id.
    pub id: u64,
    /// What it is called.
    pub title: &'static str,
    /// What it adds to the product's price.
    pub price: Cents,
}

/// A price from a quantity on.
#[derive(Debug, PartialEq, Eq)]
pub struct Tier {
    /// From how many units on.
    pub qty: u32,
    /// What each costs then.
    pub price: Cents,
}

/// The price of each of `qty` units.
pub fn price_at(price: Cents, tiers: &[Tier], qty: u32) -> Cents {
    tiers.iter().filter(|tier| qty >= tier.qty).map(|tier| tier.price).fold(price, Cents::min)
}

/// An option of one product.
#[derive(Debug, PartialEq, Eq)]
pub struct CustomOption {
    /// Magento's id.
    pub id: u64,
    /// What it is called.
    pub title: &'static str,
    /// Whether something must be chosen.
    pub is_required: bool,
    /// How it is chosen.
    pub input: Input,
}

/// How a custom option is chosen.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// A few letters.
    Text {
        /// What any text costs.
        price: OptionPrice,
        /// The longest text.
        most: usize,
    },
    /// One of several values.
    Select(&'static [OptionValue]),
    /// Any of several values.
    Checkboxes(&'static [OptionValue]),
}

/// A value of an option.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionValue {
    /// Magento's id, unique among all options' values.
    pub id: u64,
    /// What it is called.
    pub title: &'static str,
    /// What it costs.
    pub price: OptionPrice,
}

/// What an option adds to the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionPrice {
    /// An amount.
    Fixed(Cents),
    /// Hundredths of a percent of the product's final price.
    Percent(i64),
}

impl OptionPrice {
    /// What it adds to a product of this price.
    pub fn of(self, price: Cents) -> Cents {
        match self {
            Self::Fixed(cents) => cents,
            Self::Percent(percent) => price.parts(percent),
        }
    }
}

/// How the attributes of a configurable product are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Tiles of colours and texts.
    Swatches,
    /// Select elements.
    Dropdowns,
}

/// The children of a configurable product.
#[derive(Debug, PartialEq, Eq)]
pub struct Configurable {
    /// How they are chosen.
    pub look: Look,
    /// What they differ by.
    pub attributes: &'static [Attribute],
    /// The children; not every combination must exist.
    pub children: &'static [Child],
}

impl Configurable {
    /// The child that makes the product's price.
    pub fn cheapest(&self) -> Option<&'static Child> {
        self.children.iter().min_by_key(|child| child.price())
    }
}

/// What children differ by.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Magento's id.
    pub id: u64,
    /// Magento's code.
    pub code: &'static str,
    /// What shoppers call it.
    pub label: &'static str,
    /// Its values.
    pub options: &'static [AttributeOption],
}

/// A value of an attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct AttributeOption {
    /// Magento's id.
    pub id: u64,
    /// What it is called.
    pub label: &'static str,
    /// A colour (`#b9502f`) or a text.
    pub swatch: &'static str,
}

/// A child of a configurable product.
#[derive(Debug, PartialEq, Eq)]
pub struct Child {
    /// Magento's entity id.
    pub id: u64,
    /// The stock-keeping unit.
    pub sku: &'static str,
    /// The ids of its values, in the order of the attributes.
    pub options: &'static [u64],
    /// The regular price.
    pub regular: Cents,
    /// The special price, where there is one.
    pub special: Option<Cents>,
    /// Prices from a quantity on.
    pub tiers: &'static [Tier],
}

impl Child {
    /// What one unit costs without offers.
    pub fn price(&self) -> Cents {
        self.special.unwrap_or(self.regular)
    }
}

/// One of the choices that a bundle is made of.
#[derive(Debug, PartialEq, Eq)]
pub struct BundleOption {
    /// Magento's id.
    pub id: u64,
    /// What it is called.
    pub title: &'static str,
    /// How it is chosen.
    pub input: BundleInput,
    /// Whether something must be chosen.
    pub is_required: bool,
    /// Whether the shopper says how many.
    pub has_quantity: bool,
    /// What can be chosen; the first is chosen already where something must be.
    pub selections: &'static [Selection],
}

/// How an option of a bundle is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleInput {
    /// Radio buttons; a hidden field where there is no choice.
    Radios,
    /// A select element.
    Select,
}

/// A product that can be part of a bundle.
#[derive(Debug, PartialEq, Eq)]
pub struct Selection {
    /// Magento's id.
    pub id: u64,
    /// The product's entity id.
    pub product: u64,
    /// How many of it, unless the shopper says otherwise.
    pub qty: u32,
}
