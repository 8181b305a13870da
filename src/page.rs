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
    /// The price of one unit as shown, in display currency, not rounded.
    pub final_price: Decimal,
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
