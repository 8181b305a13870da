//! What rules may ask about products: categories and attributes, as the catalogue's API tells them and as carts are judged by them.

use super::kind::{Child, Kind};
use super::{CATEGORIES, Product};
use crate::demo::money::Cents;

/// The id of the category above all others, which lists every product that is visible.
pub const ROOT: u64 = 2;
/// Magento's attribute set "Default", which all products are of.
pub const ATTRIBUTE_SET: u64 = 4;

/// The ids of the categories that a product is assigned to.
pub fn categories(product: &Product) -> Vec<u64> {
    CATEGORIES.iter().filter(|category| category.products.contains(&product.id)).map(|category| category.id).collect()
}

/// The attributes of a product that rules may use, as (code, raw value). Where its price is for the shopper to choose, it has none of its
/// own; Magento keeps 0 there for bundles.
pub fn attributes(product: &Product) -> Vec<(&'static str, String)> {
    match product.kind {
        Kind::Configurable(_) | Kind::Grouped(_) => Vec::new(),
        Kind::Bundle(_) => vec![("price", Cents(0).raw())],
        _ => prices(product.regular, product.special),
    }
}

/// The attributes of a configurable's child: its prices, and what it is chosen by.
pub fn child_attributes(product: &Product, child: &Child) -> Vec<(&'static str, String)> {
    let Kind::Configurable(own) = product.kind else { return Vec::new() };
    let chosen =
        own.attributes.iter().zip(child.options).map(|(attribute, option)| (attribute.code, option.to_string()));
    prices(child.regular, child.special).into_iter().chain(chosen).collect()
}

fn prices(regular: Cents, special: Option<Cents>) -> Vec<(&'static str, String)> {
    let special = special.map(|price| ("special_price", price.raw()));
    [("price", regular.raw())].into_iter().chain(special).collect()
}

#[cfg(test)]
mod tests {
    use super::super::product_by_key;
    use super::*;

    #[test]
    fn a_child_has_its_own_prices_and_options_and_its_parent_none() {
        let pack = product_by_key("dune-day-pack").expect("the pack");
        let Kind::Configurable(own) = pack.kind else { panic!("a configurable") };
        assert_eq!(attributes(pack), []);
        let told = child_attributes(pack, &own.children[1]);
        let told: Vec<_> = told.iter().map(|(code, value)| (*code, value.as_str())).collect();
        assert_eq!(told, [("price", "72"), ("special_price", "58"), ("pack_size", "166"), ("color", "52")]);
        assert_eq!(categories(pack), [3]);
    }
}
