//! What Segue understands of a page, in the words that rules use: its kind, its store view, its products.

use std::fmt;

use rust_decimal::Decimal;

/// A Magento product's entity id, as `data-product-id` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u64);

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a page is for, by the classes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageKind {
    /// `cms-index-index`
    Home,
    /// `catalog-category-view`
    Category,
    /// `catalogsearch-result-index` and `catalogsearch-advanced-result`
    Search,
    /// `catalog-product-view`
    Product,
    /// `checkout-cart-index`
    Cart,
    /// any other `checkout-*`
    Checkout,
    /// `customer-*` and `sales-*`
    Account,
    /// `wishlist-*`
    Wishlist,
    /// `catalog-product_compare-index`
    Compare,
    /// `cms-page-view`
    Cms,
    /// `cms-noroute-index`
    NotFound,
    /// anything else
    Other,
}

impl PageKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Home,
        Self::Category,
        Self::Search,
        Self::Product,
        Self::Cart,
        Self::Checkout,
        Self::Account,
        Self::Wishlist,
        Self::Compare,
        Self::Cms,
        Self::NotFound,
        Self::Other,
    ];

    /// The word used in rules files, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Category => "category",
            Self::Search => "search",
            Self::Product => "product",
            Self::Cart => "cart",
            Self::Checkout => "checkout",
            Self::Account => "account",
            Self::Wishlist => "wishlist",
            Self::Compare => "compare",
            Self::Cms => "cms",
            Self::NotFound => "not-found",
            Self::Other => "other",
        }
    }

    /// The kind that a rules file names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind that a body's class attribute says; the first class that decides wins.
    pub fn of_body_classes(classes: &str) -> Self {
        classes.split_ascii_whitespace().find_map(Self::of_class).unwrap_or(Self::Other)
    }

    fn of_class(class: &str) -> Option<Self> {
        Some(match class {
            "cms-index-index" => Self::Home,
            "catalog-category-view" => Self::Category,
            "catalogsearch-result-index" | "catalogsearch-advanced-result" => Self::Search,
            "catalog-product-view" => Self::Product,
            "checkout-cart-index" => Self::Cart,
            "catalog-product_compare-index" => Self::Compare,
            "cms-page-view" => Self::Cms,
            "cms-noroute-index" => Self::NotFound,
            class if class.starts_with("checkout-") => Self::Checkout,
            class if class.starts_with("customer-") || class.starts_with("sales-") => Self::Account,
            class if class.starts_with("wishlist-") => Self::Wishlist,
            _ => return None,
        })
    }
}

/// What selecting needs to know of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFacts {
    /// What the page is for.
    pub kind: PageKind,
    /// ISO codes of the currencies that the page says its prices are in, each once. None on most pages of a shop with one currency.
    pub currencies: Vec<String>,
    /// Products whose every price on this page can be changed, each once, in ascending order of id.
    pub products: Vec<ProductFacts>,
}

/// One product of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductFacts {
    /// Magento's entity id.
    pub id: ProductId,
    /// Its SKU, where the page says so.
    pub sku: Option<String>,
    /// Its prices, each judged like one unit in a cart of its own; the first is the one that the page leads with.
    pub units: Vec<UnitFacts>,
}

/// One price of a product, as the page states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFacts {
    /// Whose conditions decide which offers the cart applies to it.
    pub whose: Whose,
    /// What it is in the sum that the cart charges.
    pub share: Share,
    /// Its amounts, in display currency, not rounded, without fixed product taxes (FPT), which no offer reaches.
    pub amounts: Amounts,
}

/// A price in Magento's two words for it. Where prices are shown with tax, the final price has the tax and the base price has not;
/// where they are shown without, both are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amounts {
    /// `finalPrice`
    pub final_price: Option<Decimal>,
    /// `basePrice`
    pub base_price: Option<Decimal>,
}

/// Whose price it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// The product's own.
    Product,
    /// A variant's of a configurable product: the cart tests its conditions on the variant and on the product.
    Variant {
        /// The variant's own id.
        id: ProductId,
        /// Its SKU, where the page says so.
        sku: Option<String>,
    },
    /// That of some variant of a configurable product; the page does not say which.
    SomeVariant,
    /// That of some product of a grouped one; the set itself is in no cart.
    SomeMember,
    /// A part of a bundle whose price is made of its parts': the cart discounts the parts that an offer names, or all where it names
    /// the bundle alone.
    Component {
        /// The part's own id.
        id: ProductId,
        /// Its SKU, where the page says so.
        sku: Option<String>,
    },
    /// A sum of parts that the page does not list.
    SomeComponents,
}

/// What a price is in the sum that the cart charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// The whole: rounded to cents.
    Whole,
    /// One of several that are added up: judged by itself, fractions of a cent kept.
    Part,
    /// What a choice adds to the product's own price: percentages reach it, amounts do not; fractions of a cent are kept.
    Extra,
}

impl UnitFacts {
    /// A product's own price, of which the page knows one amount.
    pub fn whole(final_price: Decimal) -> Self {
        let amounts = Amounts { final_price: Some(final_price), base_price: None };
        Self { whose: Whose::Product, share: Share::Whole, amounts }
    }
}

impl ProductFacts {
    /// A product without choices, at one price.
    pub fn simple(id: ProductId, sku: Option<String>, final_price: Decimal) -> Self {
        Self { id, sku, units: vec![UnitFacts::whole(final_price)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_kinds_by_body_class() {
        let classes = "page-with-filter page-products categorypath-gear-bags category-bags catalog-category-view page-layout-2columns-left";
        assert_eq!(PageKind::of_body_classes(classes), PageKind::Category);
        assert_eq!(PageKind::of_body_classes("cms-no-route cms-noroute-index"), PageKind::NotFound);
        assert_eq!(PageKind::of_body_classes("checkout-cart-index"), PageKind::Cart);
        assert_eq!(PageKind::of_body_classes("checkout-index-index"), PageKind::Checkout);
        assert_eq!(PageKind::of_body_classes(""), PageKind::Other);
    }

    #[test]
    fn kinds_round_trip_through_their_words() {
        for kind in PageKind::ALL {
            assert_eq!(PageKind::parse(kind.as_str()), Some(kind));
        }
    }
}
