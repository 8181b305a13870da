//! What the shop sells: products of every type in two categories.

pub mod facts;
pub mod kind;
mod products;

use super::money::Cents;
use kind::{BundleOption, Child, Kind, Selection};

pub use products::PRODUCTS;

/// One product.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// Magento's entity id.
    pub id: u64,
    /// The stock-keeping unit.
    pub sku: &'static str,
    /// The path without `.html`; pictures are called so too.
    pub key: &'static str,
    /// What shoppers call it.
    pub name: &'static str,
    /// What kind of product it is, with what belongs to that kind.
    pub kind: Kind,
    /// The regular price of products that have one of their own.
    pub regular: Cents,
    /// The special price, where there is one.
    pub special: Option<Cents>,
    /// Stars of a hundred, and how many people gave them.
    pub rating: (u32, u32),
    /// One sentence.
    pub summary: &'static str,
    /// A paragraph.
    pub description: &'static str,
    /// Short points below it.
    pub points: &'static [&'static str],
    /// Attributes with their values.
    pub attributes: &'static [(&'static str, &'static str)],
    /// Ids of related products.
    pub related: &'static [u64],
    /// Ids of upsell products.
    pub upsell: &'static [u64],
}

impl Product {
    /// What one unit costs without offers; the least that one can cost where that is for the shopper to choose.
    pub fn price(&self) -> Cents {
        match self.kind {
            Kind::Configurable(own) => own.cheapest().map_or(Cents(0), Child::price),
            Kind::Bundle(options) => bundle_range(options, Product::price).0,
            Kind::Grouped(ids) => products(ids).into_iter().map(Product::price).min().unwrap_or_default(),
            _ => self.special.unwrap_or(self.regular),
        }
    }

    /// The same without special prices.
    pub fn regular_price(&self) -> Cents {
        match self.kind {
            Kind::Configurable(own) => own.children.iter().map(|child| child.regular).min().unwrap_or_default(),
            Kind::Bundle(options) => bundle_range(options, Product::regular_price).0,
            Kind::Grouped(_) => self.price(),
            _ => self.regular,
        }
    }

    /// What `qty` units cost each, of products that have tier prices.
    pub fn price_at(&self, qty: u32) -> Cents {
        match self.kind {
            Kind::Tiers(tiers) => kind::price_at(self.price(), tiers, qty),
            _ => self.price(),
        }
    }

    /// Whether nothing can go into a cart before something was chosen.
    pub fn needs_a_choice(&self) -> bool {
        match self.kind {
            Kind::Simple | Kind::Virtual | Kind::Downloadable | Kind::Tiers(_) => false,
            Kind::Options(options) => options.iter().any(|option| option.is_required),
            Kind::Links(_) | Kind::Configurable(_) | Kind::Bundle(_) | Kind::Grouped(_) => true,
        }
    }

    /// Its page's path within the shop.
    pub fn path(&self) -> String {
        format!("/{}.html", self.key)
    }

    /// Where its picture is.
    pub fn image(&self) -> String {
        format!("/media/catalog/product/{}.svg", self.key)
    }
}

/// The least and the most that a bundle can cost, with the prices that `price` finds.
pub fn bundle_range<P>(options: &[BundleOption], price: impl Fn(&'static Product) -> P) -> (P, P)
where
    P: Ord + Default + std::iter::Sum + std::ops::Mul<u32, Output = P>,
{
    let of = |selection: &Selection| product(selection.product).map(&price).unwrap_or_default() * selection.qty;
    let prices = |option: &BundleOption| option.selections.iter().map(of).collect::<Vec<_>>();
    let required = options.iter().filter(|option| option.is_required);
    let least = required.map(|option| prices(option).into_iter().min().unwrap_or_default()).sum();
    let most = options.iter().map(|option| prices(option).into_iter().max().unwrap_or_default()).sum();
    (least, most)
}

/// One category.
#[derive(Debug)]
pub struct Category {
    /// Magento's id.
    pub id: u64,
    /// The path without `.html`.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// A sentence under the title.
    pub summary: &'static str,
    /// Ids of its products, in order.
    pub products: &'static [u64],
}

/// The categories, in the order of the menu.
pub static CATEGORIES: [Category; 2] = [
    Category {
        id: 3,
        key: "bags",
        name: "Bags",
        summary: "Woven to be carried for years: canvas, wool and waxed cotton from three small mills.",
        products: &[1, 2, 3, 4, 5, 11],
    },
    Category {
        id: 4,
        key: "gear",
        name: "Light & Gear",
        summary: "Lanterns, lamps and what goes with them, for the desk, the tent and the way home.",
        products: &[6, 12, 7, 8, 15, 14, 13, 16, 9, 17, 10],
    },
];

/// The product with this id.
pub fn product(id: u64) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// The products with these ids, in that order.
pub fn products(ids: &[u64]) -> Vec<&'static Product> {
    ids.iter().filter_map(|id| product(*id)).collect()
}

/// The product whose page has this key.
pub fn product_by_key(key: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.key == key)
}

/// The category whose page has this key.
pub fn category(key: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.key == key)
}

/// The products whose name or texts contain every word of a query.
pub fn search(query: &str) -> Vec<&'static Product> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let found = |product: &&Product| {
        let text = [product.name, product.summary, product.description, product.sku].join(" ").to_lowercase();
        !words.is_empty() && words.iter().all(|word| text.contains(word.trim_end_matches('s')))
    };
    PRODUCTS.iter().filter(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_named_exists_and_is_in_one_category() {
        for product in &PRODUCTS {
            assert_eq!(products(product.related).len(), product.related.len(), "{}", product.key);
            assert_eq!(products(product.upsell).len(), product.upsell.len(), "{}", product.key);
            assert_eq!(CATEGORIES.iter().filter(|category| category.products.contains(&product.id)).count(), 1);
            assert!(product.price() <= product.regular_price() && product.price() > Cents(0), "{}", product.key);
        }
    }

    #[test]
    fn every_part_of_a_product_exists() {
        for product in &PRODUCTS {
            match product.kind {
                Kind::Configurable(own) => {
                    for child in own.children {
                        let has = |(attribute, id): (&kind::Attribute, &u64)| {
                            attribute.options.iter().any(|option| option.id == *id)
                        };
                        assert!(own.attributes.iter().zip(child.options).all(has), "{}", child.sku);
                        assert!(super::product(child.id).is_none() && child.price() <= child.regular, "{}", child.sku);
                    }
                }
                Kind::Bundle(options) => {
                    let parts = options.iter().flat_map(|option| option.selections);
                    assert!(
                        parts
                            .clone()
                            .all(|part| super::product(part.product).is_some_and(|part| !part.needs_a_choice()))
                    );
                }
                Kind::Grouped(ids) => assert_eq!(products(ids).len(), ids.len()),
                _ => {}
            }
        }
    }

    #[test]
    fn a_bundle_costs_between_its_cheapest_and_its_dearest_parts() {
        let set = product_by_key("first-evening-set").expect("the set");
        let Kind::Bundle(options) = set.kind else { panic!("a bundle") };
        assert_eq!(
            bundle_range(options, Product::price),
            (Cents(3_499 + 4_800 + 3_790), Cents(6_400 + 11_200 + 3_790 + 2_745))
        );
        assert_eq!(bundle_range(options, Product::regular_price).1, Cents(7_900 + 12_800 + 3_790 + 2_745));
    }

    #[test]
    fn search_needs_every_word() {
        let keys = |query| search(query).iter().map(|product| product.key).collect::<Vec<_>>();
        assert_eq!(keys("camp lantern"), ["ember-camp-lantern"]);
        assert!(keys("canvas").contains(&"harbour-canvas-tote"));
        assert!(keys("  ").is_empty());
        assert!(keys("zzz").is_empty());
    }
}
