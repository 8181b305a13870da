//! The index against a plain model of it, and its size.

use std::collections::HashMap;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::catalog::category::{Categories, Category, Root};
use crate::catalog::product::Product;

fn categories() -> Categories {
    let category = |(id, parent, is_anchor)| (id, Category { parent, is_anchor });
    let all = [(2, 1, true), (3, 2, true), (4, 3, false), (5, 4, true), (6, 5, false)].map(category);
    Categories::new(all, [Root { website: 1, category: 2 }])
}

fn built(products: &[Product]) -> Index {
    let mut builder = Builder::new(categories(), ["color".to_owned()]);
    products.iter().for_each(|product| builder.push(product));
    builder.build()
}

fn product(id: u32, sku: &str) -> Product {
    Product { id, sku: sku.to_owned(), kind: "simple".to_owned(), ..Product::default() }
}

#[test]
fn an_unknown_product_is_none() {
    for index in [Index::default(), built(&[]), built(&[product(5, "a")])] {
        assert!(index.get(ProductId(4)).is_none() && index.get(ProductId(u64::MAX)).is_none());
        assert!(index.by_sku("b").is_none() && index.by_sku("").is_none());
        assert!(index.facts(ProductId(6)).is_none());
        assert!(!index.tracks("size"));
    }
}

#[test]
fn skus_are_found_in_either_case_and_with_blanks_at_their_end() {
    let index = built(&[product(9, "WS-Ünit 1"), product(3, "b")]);
    for sku in ["WS-Ünit 1", "ws-ünit 1", "WS-ÜNIT 1  "] {
        assert_eq!(index.by_sku(sku).map(Entry::id), Some(ProductId(9)), "{sku}");
    }
    assert!(index.by_sku("ws-ünit1").is_none() && index.by_sku(" b").is_none());
}

#[test]
fn of_skus_that_differ_in_case_only_the_exact_one_is_found_and_no_guess_is_made() {
    let index = built(&[product(1, "Ab"), product(2, "aB")]);
    assert_eq!(index.by_sku("aB").map(Entry::id), Some(ProductId(2)));
    assert!(index.by_sku("ab").is_none());
}

#[test]
fn parts_know_their_wholes_and_wholes_whether_a_part_is_missing() {
    let parts = |children: &[Child], id, sku| Product { children: children.to_vec(), ..product(id, sku) };
    let index = built(&[
        parts(&[Child::Sku("B".to_owned()), Child::Id(3)], 1, "whole"),
        product(2, "b"),
        product(3, "c"),
        parts(&[Child::Id(3), Child::Id(99)], 4, "other"),
    ]);
    let ids = |entries: &mut dyn Iterator<Item = Entry<'_>>| entries.map(|entry| entry.id().0).collect::<Vec<_>>();
    let get = |id| index.get(ProductId(id)).expect("a product");
    assert_eq!(ids(&mut get(1).children()), [2, 3]);
    assert_eq!(ids(&mut get(3).parents()), [1, 4]);
    assert_eq!(ids(&mut get(2).parents()), [1]);
    assert!(!get(1).has_unknown_child() && get(4).has_unknown_child());
}

#[test]
fn a_product_with_a_text_beyond_measure_is_unknown_rather_than_without_it() {
    let long = AttributeValue::One("x".repeat(2_000));
    let index =
        built(&[Product { attributes: [("color".to_owned(), long)].into(), ..product(1, "a") }, product(2, "b")]);
    assert!(index.get(ProductId(1)).is_none() && index.get(ProductId(2)).is_some());
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let text = "[a-c0-9.]{0,3}";
    prop_oneof![text.prop_map(AttributeValue::One), vec(text, 0..3).prop_map(AttributeValue::Many)]
}

prop_compose! {
    fn any_product()(
        id in 1_u32..40,
        kind in "[a-b]",
        attribute_set in proptest::option::of(1_u32..4),
        visibility in proptest::option::of(1_u8..5),
        enabled: bool,
        websites in btree_set(1_u32..3, 0..3),
        categories in btree_set(1_u32..8, 0..4),
        children in btree_set(1_u32..45, 0..3),
        attributes in proptest::collection::btree_map("[a-d]", value(), 0..4),
    ) -> Product {
        let children = children.into_iter().map(|id| if id % 2 == 0 { Child::Id(id) } else { Child::Sku(format!("SKU-{id}")) });
        let children = children.collect();
        Product { id, sku: format!("sku-{id}"), kind, attribute_set, visibility, enabled, websites, categories, children, attributes }
    }
}

fn child_id(child: &Child) -> u32 {
    match child {
        Child::Id(id) => *id,
        Child::Sku(sku) => sku.trim_start_matches("SKU-").parse().expect("a number of this test"),
    }
}

proptest! {
    #[test]
    fn the_index_says_what_a_plain_map_says(products in vec(any_product(), 0..60)) {
        let index = built(&products);
        let model: HashMap<u32, &Product> = products.iter().map(|product| (product.id, product)).collect();
        prop_assert_eq!(index.len(), model.len());
        for id in 0..50_u32 {
            let Some(product) = model.get(&id) else {
                prop_assert!(index.get(ProductId(id.into())).is_none());
                continue;
            };
            let entry = index.get(ProductId(id.into())).expect("a product of the model");
            prop_assert_eq!(index.by_sku(&product.sku.to_uppercase()).map(Entry::id), Some(entry.id()));
            prop_assert_eq!((entry.sku(), entry.kind()), (&*product.sku, &*product.kind));
            prop_assert_eq!((entry.visibility(), entry.is_enabled()), (product.visibility, product.enabled));
            prop_assert_eq!(entry.websites().iter().copied().collect::<BTreeSet<_>>(), product.websites.clone());
            prop_assert_eq!(entry.assigned().iter().copied().collect::<BTreeSet<_>>(), product.categories.clone());
            let facts = entry.facts();
            prop_assert_eq!(&facts.attributes, &product.attributes);
            prop_assert_eq!(facts.attribute_set, product.attribute_set.map(u64::from));
            let matched: BTreeSet<u64> = categories().matched(product).into_iter().map(u64::from).collect();
            prop_assert!((0..10).all(|category| entry.is_in(category) == matched.contains(&category)));
            prop_assert_eq!(facts.categories, matched);
            let known: BTreeSet<u64> = product.children.iter().map(child_id).filter(|id| model.contains_key(id)).map(u64::from).collect();
            prop_assert_eq!(entry.children().map(|child| child.id().0).collect::<BTreeSet<_>>(), known);
            let missing = product.children.iter().any(|child| !model.contains_key(&child_id(child)));
            prop_assert_eq!(entry.has_unknown_child(), missing);
            let parents: BTreeSet<u64> = model.values().filter(|other| other.children.iter().any(|child| child_id(child) == id)).map(|other| other.id.into()).collect();
            prop_assert_eq!(entry.parents().map(|parent| parent.id().0).collect::<BTreeSet<_>>(), parents);
        }
    }
}

/// With as little repetition as a catalogue can have: SKUs of 16 bytes, five categories of 2,000 at random, six attributes of which two
/// are never the same.
#[test]
fn a_hundred_thousand_products_take_less_than_64_mb() {
    let mut builder = Builder::new(categories(), []);
    for id in 1..=100_000_u32 {
        let spread = |step: u32| id.wrapping_mul(2_654_435_761).rotate_left(step) % 2_000;
        let one = |text: String| AttributeValue::One(text);
        let attributes = [
            ("price", one(format!("{}.{:04}", id % 977, id % 9_973))),
            ("weight", one(format!("{}.{}", id % 31, id % 100))),
            ("special_price", one(format!("{id}.50"))),
            ("color", one((id % 60).to_string())),
            ("size", one((id % 20).to_string())),
            ("activity", AttributeValue::Many(vec![(id % 11).to_string(), (id % 13).to_string()])),
        ];
        builder.push(&Product {
            attribute_set: Some(id % 20),
            visibility: Some(4),
            enabled: true,
            websites: [1].into(),
            categories: (0..5).map(|step| spread(step * 5)).collect(),
            attributes: attributes.into_iter().map(|(code, value)| (code.to_owned(), value)).collect(),
            ..product(id, &format!("SKU-{id:012}"))
        });
    }
    let index = builder.build();
    assert_eq!(index.len(), 100_000);
    assert!(index.bytes() < 64 << 20, "{} bytes", index.bytes());
    assert!(index.bytes() > 100_000 * 50, "{} bytes are too few to be true", index.bytes());
}
