use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::decision::decide::Rules;
use crate::decision::samples::{audiences, block, now, offer, rules, sites};
use crate::decision::verdict::{Outcome, RuleId};
use crate::page::{PageKind, ProductFacts};
use crate::site::TaxShown;

mod tax;
mod units;

fn decision(offers: Value, blocks: Value) -> Decision {
    let rules = Rules::compile(rules(offers, blocks), &sites());
    rules.decide(&rules.key(&sites().views()[0], &audiences(&["vip"]), now()))
}

fn product(id: u64, sku: Option<&str>, price: &str) -> ProductFacts {
    let final_price = price.parse().expect("a decimal");
    ProductFacts::simple(ProductId(id), sku.map(str::to_owned), final_price)
}

fn page(products: Vec<ProductFacts>) -> PageFacts {
    PageFacts { kind: PageKind::Category, currencies: vec!["EUR".to_owned()], products }
}

fn at(decision: &Decision, page: &PageFacts, path: &str, bucket: u64) -> (Selection, Vec<Verdict>) {
    let sites = sites();
    let scope = Scope { view: &sites.views()[0], path, bucket };
    let explained = select_explained(decision, &scope, page);
    assert_eq!(explained.0, select(decision, &scope, page), "explaining changes nothing");
    explained
}

/// What offers make of one product (id 1, SKU MH-01), and the word of each verdict.
fn on_one(price: &str, offers: Value) -> (Option<PriceChange>, Vec<&'static str>) {
    on(page(vec![product(1, Some("MH-01"), price)]), offers)
}

fn on(page: PageFacts, offers: Value) -> (Option<PriceChange>, Vec<&'static str>) {
    let (selection, verdicts) = at(&decision(offers, json!([])), &page, "/", 0);
    (selection.prices.into_iter().next(), verdicts.iter().map(|verdict| verdict.outcome.as_str()).collect())
}

fn change(price: Option<&str>, labels: &[&str]) -> Option<PriceChange> {
    let price = price.map(|price| price.parse().expect("a decimal"));
    let label = |text: &&str| Label { text: Arc::from(*text), deducted: price.is_some() };
    Some(PriceChange {
        product: ProductId(1),
        units: price.map(|price| Amounts { final_price: Some(price), base_price: None }).into_iter().collect(),
        labels: labels.iter().map(label).collect(),
    })
}

#[test]
fn offers_apply_by_priority_each_on_what_is_left() {
    let offers = json!([
        offer("a", json!({"priority": 2, "action": "by_fixed", "amount": 5})),
        offer("b", json!({"priority": 1, "amount": 20})),
    ]);
    let (changed, words) = on_one("49.99", offers);
    assert_eq!(changed, change(Some("34.99"), &["label b", "label a"]));
    assert_eq!(words, ["applied", "applied"]);
}

#[test]
fn a_label_that_two_offers_share_says_what_one_of_them_deducts() {
    let same = json!({"default": "VIP"});
    let only_shown = offer("a", json!({"priority": 1, "charge": "none", "labels": same}));
    let charged = offer("b", json!({"priority": 2, "amount": 20, "labels": same}));
    assert_eq!(on_one("50", json!([only_shown, charged])).0, change(Some("40"), &["VIP"]));
}

#[test]
fn a_stop_ends_the_stack_of_the_products_it_applied_to() {
    let offers = json!([
        offer("a", json!({"priority": 1, "stop": true, "products": {"ids": [1]}})),
        offer("b", json!({"priority": 2})),
    ]);
    let decision = decision(offers, json!([]));
    let (selection, verdicts) = at(&decision, &page(vec![product(1, None, "10"), product(2, None, "100")]), "/", 0);
    let prices: Vec<_> =
        selection.prices.iter().map(|change| change.units[0].final_price.map(|price| price.to_string())).collect();
    assert_eq!(prices, [Some("9".to_owned()), Some("90".to_owned())]);
    let words: Vec<_> = verdicts.iter().map(|verdict| verdict.outcome.as_str()).collect();
    assert_eq!(words, ["applied", "stopped_by", "product_not_named", "applied"]);
}

#[test]
fn what_nobody_charges_shows_its_label_and_nothing_else() {
    let offers = json!([
        offer("a", json!({"priority": 1, "stop": true, "charge": "none", "amount": 50})),
        offer("b", json!({"priority": 2})),
    ]);
    let mut both = change(Some("9.00"), &["label a", "label b"]);
    both.as_mut().expect("a change").labels[0].deducted = false;
    assert_eq!(on_one("10", offers), (both, vec!["label_only", "applied"]));
    let offers = json!([offer("a", json!({"charge": "none"}))]);
    assert_eq!(on_one("10", offers), (change(None, &["label a"]), vec!["label_only"]));
}

#[test]
fn products_in_doubt_are_told_with_the_first_reason() {
    let offers = json!([
        offer("a", json!({"priority": 1, "action": "by_fixed", "amount": 5, "products": {"ids": [2, 3]}})),
        offer("b", json!({"priority": 2, "products": {"skus": ["x"]}})),
        offer("c", json!({"priority": 3, "products": {"ids": [4]}})),
    ]);
    let products =
        vec![product(1, None, "10"), product(2, None, "10"), product(3, Some("y"), "10"), product(4, Some("y"), "10")];
    let mut facts = page(products);
    facts.currencies = vec!["USD".to_owned()];
    let (selection, _) = at(&decision(offers, json!([])), &facts, "/", 0);
    let told: Vec<_> = selection.in_doubt.iter().map(|doubt| (doubt.product.0, doubt.reason)).collect();
    assert_eq!(told, [(1, "sku_unknown"), (2, "foreign_currency"), (3, "foreign_currency")]);
    assert_eq!(selection.prices.iter().map(|change| change.product.0).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_product_without_discount_is_not_in_doubt() {
    let (selection, _) = at(
        &decision(json!([offer("a", json!({"action": "to_fixed", "amount": 10}))]), json!([])),
        &page(vec![product(1, None, "10")]),
        "/",
        0,
    );
    assert_eq!(selection, Selection::default());
}

#[test]
fn skus_are_compared_without_case() {
    let offers = json!([offer("a", json!({"products": {"skus": ["mh-01", "x"]}}))]);
    assert_eq!(on_one("10", offers).0, change(Some("9.00"), &["label a"]));
}

#[test]
fn leaves_a_product_alone_when_an_offer_is_for_skus_and_its_own_is_unknown() {
    let offers = json!([
        offer("all", json!({"priority": 1})),
        offer("sku", json!({"priority": 2, "products": {"skus": ["a"]}})),
        offer("label", json!({"priority": 3, "charge": "none"})),
    ]);
    let (changed, words) = on(page(vec![product(1, None, "10")]), offers);
    assert_eq!(changed, change(None, &["label label"]));
    assert_eq!(words, ["left_alone", "sku_unknown", "label_only"]);
}

#[test]
fn leaves_a_product_alone_when_an_amount_is_in_another_currency() {
    for (currency, word) in
        [(vec!["CHF".to_owned()], "foreign_currency"), (vec!["CHF".to_owned(), "EUR".to_owned()], "currency_unknown")]
    {
        let offers = json!([
            offer("percent", json!({"priority": 1})),
            offer("amount", json!({"priority": 2, "action": "by_fixed", "amount": 1})),
        ]);
        let facts = PageFacts { currencies: currency.clone(), ..page(vec![product(1, None, "10")]) };
        assert_eq!(on(facts.clone(), offers), (None, vec!["left_alone", word]));
        let percent = json!([offer("percent", json!({}))]);
        assert_eq!(on(facts, percent).0, change(Some("9.00"), &["label percent"]), "percent needs no currency");
    }
}

#[test]
fn never_shows_a_result_above_the_current_price() {
    let dearer = offer("dearer", json!({"priority": 2, "action": "to_fixed", "amount": 11}));
    assert_eq!(on_one("10", json!([dearer])), (None, vec!["above_current_price"]));
    let offers = json!([offer("percent", json!({"priority": 1})), dearer]);
    assert_eq!(on_one("10", offers), (None, vec!["left_alone", "above_current_price"]));
}

#[test]
fn a_free_product_and_a_strange_price_stay() {
    assert_eq!(on_one("0", json!([offer("a", json!({}))])), (None, vec!["no_discount"]));
    assert_eq!(on_one("0.01", json!([offer("a", json!({}))])), (None, vec!["no_discount"]));
    assert_eq!(on_one("-1", json!([offer("a", json!({}))])), (None, vec!["price_out_of_range"]));
    assert_eq!(on_one("79228162514264337593543950335", json!([offer("a", json!({}))])).1, ["price_out_of_range"]);
}

#[test]
fn says_so_when_a_page_has_no_products() {
    assert_eq!(on(page(Vec::new()), json!([offer("a", json!({}))])), (None, vec!["no_products"]));
}

/// The ids shown, and those left out with the reason's word.
fn blocks(blocks: Value, path: &str, bucket: u64) -> (Vec<String>, Vec<(String, &'static str)>) {
    let (selection, verdicts) = at(&decision(json!([]), blocks), &page(Vec::new()), path, bucket);
    let left_out = verdicts.into_iter().filter(|verdict| verdict.outcome != Outcome::Applied);
    let left_out = left_out.map(|verdict| match verdict.rule {
        RuleId::Block(id) | RuleId::Offer(id) => (id.to_string(), verdict.outcome.as_str()),
    });
    (selection.blocks.iter().map(|block| block.id.to_string()).collect(), left_out.collect())
}

#[test]
fn blocks_are_for_their_pages_only() {
    let all = json!([
        block("kind", json!({"page_kinds": ["home"]})),
        block("path", json!({"urls": ["/gear/*"]})),
        block("script", json!({"html": "<script>1</script>"})),
        block("fits", json!({"page_kinds": ["category"], "urls": ["/x", "/women*"]})),
    ]);
    let (shown, left_out) = blocks(all, "/women.html", 0);
    assert_eq!(shown, ["fits"]);
    let left_out: Vec<(&str, &str)> = left_out.iter().map(|(id, word)| (id.as_str(), *word)).collect();
    assert_eq!(left_out, [("kind", "page_kind"), ("path", "url"), ("script", "nothing_left")]);
}

#[test]
fn each_rotation_goes_by_itself() {
    let all = json!([
        block("first-2", json!({"priority": 1, "rotation": "first"})),
        block("all", json!({"priority": 2})),
        block("first-1", json!({"priority": 0, "rotation": "first"})),
        block("random-1", json!({"priority": 3, "rotation": "random"})),
        block("random-2", json!({"priority": 3, "rotation": "random"})),
        block("elsewhere", json!({"priority": 9, "rotation": "first", "placement": "footer"})),
    ]);
    for bucket in 0..50 {
        let (shown, left_out) = blocks(all.clone(), "/", bucket);
        assert_eq!(shown.len(), 4, "{shown:?}");
        assert_eq!((&*shown[0], &*shown[1], &*shown[3]), ("first-1", "all", "elsewhere"));
        assert!(shown[2].starts_with("random-"));
        assert!(left_out.iter().all(|(_, word)| *word == "rotated_out"));
    }
}

#[test]
fn random_blocks_share_shoppers_and_stay_with_them() {
    let random = |id: &str| block(id, json!({"rotation": "random"}));
    let two = json!([random("a"), random("b")]);
    let more = json!([
        random("a"),
        random("b"),
        random("c"),
        block("footer", json!({"placement": "footer", "rotation": "random"}))
    ]);
    let of = |all: &Value, bucket| blocks(all.clone(), "/", bucket).0[0].clone();
    let before: Vec<String> = (0..200).map(|bucket| of(&two, bucket)).collect();
    let shows_a = before.iter().filter(|id| *id == "a").count();
    assert!((60..140).contains(&shows_a), "{shows_a} of 200");
    for (bucket, before) in (0..).zip(before) {
        let after = of(&more, bucket);
        assert!(after == before || after == "c", "a new block moves only those who get it");
    }
}

#[test]
fn unrelated_rules_do_not_change_the_id() {
    let shown = block("a", json!({}));
    let one = at(&decision(json!([]), json!([shown])), &page(Vec::new()), "/", 0).0;
    let renamed = block("z", json!({"html": "<p>a</p>"}));
    let unrelated = block("b", json!({"page_kinds": ["home"]}));
    let other = at(&decision(json!([offer("x", json!({}))]), json!([renamed, unrelated])), &page(Vec::new()), "/", 0).0;
    assert_eq!((one.id(), &one), (other.id(), &other));
    assert!(!one.is_empty() && Selection::default().is_empty());
}

fn selection() -> impl Strategy<Value = Selection> {
    let text = || proptest::sample::select(vec!["", "a", "b", "ab"]).prop_map(Arc::<str>::from);
    let price =
        || proptest::option::of((0_i64..3, 0_u32..2).prop_map(|(digits, scale)| Decimal::new(digits * 10, scale)));
    let unit = (price(), price()).prop_map(|(final_price, base_price)| Amounts { final_price, base_price });
    let label = (text(), any::<bool>()).prop_map(|(text, deducted)| Label { text, deducted });
    let few = 0..3;
    let change =
        (0_u64..3, proptest::collection::vec(unit, few.clone()), proptest::collection::vec(label, few.clone()));
    let change = change.prop_map(|(product, units, labels)| PriceChange { product: ProductId(product), units, labels });
    let placement = proptest::sample::select(vec![Placement::PageTop, Placement::Footer]);
    let block = (text(), placement, text()).prop_map(|(id, placement, html)| PlacedBlock { id, placement, html });
    let reason = proptest::sample::select(vec!["tax_unknown", "below_floor"]);
    let doubt = (0_u64..3, reason).prop_map(|(product, reason)| Doubt { product: ProductId(product), reason });
    let (changes, doubts) =
        (proptest::collection::vec(change, few.clone()), proptest::collection::vec(doubt, few.clone()));
    (changes, doubts, proptest::collection::vec(block, few)).prop_map(|(prices, in_doubt, blocks)| Selection {
        prices,
        in_doubt,
        blocks,
    })
}

/// Fields of an offer that say for what, how much and who charges it.
fn offer_fields() -> impl Strategy<Value = Value> {
    let products = proptest::sample::select(vec![
        json!("all"),
        json!({"ids": [1, 2]}),
        json!({"ids": [2, 9]}),
        json!({"skus": ["a"]}),
        json!({"skus": ["A", "b"]}),
    ]);
    let action = proptest::sample::select(vec!["by_percent", "by_fixed", "to_fixed"]);
    let charge = proptest::sample::select(vec![json!("none"), json!({"type": "origin", "rule_id": 1})]);
    (0..3, products, action, 1..30, charge, proptest::bool::weighted(0.2)).prop_map(
        |(priority, products, action, amount, charge, stop)| {
            json!({
                "priority": priority, "products": products, "action": action, "amount": amount, "charge": charge, "stop": stop,
            })
        },
    )
}

/// Fields of a block that say where it goes and whose turn it is.
fn block_fields() -> impl Strategy<Value = Value> {
    let placement = proptest::sample::select(vec!["page-top", "footer", "replace:#a"]);
    let rotation = proptest::sample::select(vec!["all", "first", "random"]);
    let kinds = proptest::sample::select(vec![json!([]), json!(["category"]), json!(["home", "cart"])]);
    let urls = proptest::sample::select(vec![json!([]), json!(["/gear*"]), json!(["/x"])]);
    let html = proptest::sample::select(vec!["<p>a</p>", "<script>1</script>"]);
    (0..3, placement, rotation, kinds, urls, html).prop_map(|(priority, placement, rotation, kinds, urls, html)| {
        json!({
            "priority": priority, "placement": placement, "rotation": rotation, "page_kinds": kinds, "urls": urls, "html": html,
        })
    })
}

proptest! {
    #[test]
    fn equal_selections_and_only_those_have_equal_ids(one in selection(), other in selection()) {
        prop_assert_eq!(one == other, one.id() == other.id());
        prop_assert_eq!(one.id(), one.clone().id());
    }

    #[test]
    fn selects_the_same_in_whatever_order_the_file_is(
        priorities in proptest::collection::vec((0..3, 0_usize..3), 1..6), bucket in any::<u64>(), price in 0_i64..100_000,
    ) {
        let rotation = ["all", "first", "random"];
        let blocks = (0..).zip(&priorities).map(|(id, (priority, turn)): (u32, _)| {
            block(&id.to_string(), json!({"priority": priority, "rotation": rotation[*turn]}))
        });
        let action = ["by_percent", "by_fixed", "to_percent"];
        let offers = (0..).zip(&priorities).map(|(id, (priority, kind)): (u32, _)| {
            offer(&id.to_string(), json!({"priority": priority, "action": action[*kind]}))
        });
        let (mut blocks, mut offers): (Vec<Value>, Vec<Value>) = (blocks.collect(), offers.collect());
        let facts = page(vec![product(1, None, &Decimal::new(price, 2).to_string())]);
        let one = at(&decision(json!(offers), json!(blocks)), &facts, "/", bucket).0;
        blocks.reverse();
        offers.reverse();
        let other = at(&decision(json!(offers), json!(blocks)), &facts, "/", bucket).0;
        prop_assert_eq!(one.id(), other.id());
        prop_assert_eq!(one, other);
    }

    // `at` compares with what explaining selects, which looks at every offer for every product and at every block.
    #[test]
    fn finds_by_index_what_looking_at_every_rule_finds(
        offers in proptest::collection::vec(offer_fields(), 0..8),
        blocks in proptest::collection::vec(block_fields(), 0..10),
        skus in proptest::collection::vec(proptest::option::of(proptest::sample::select(vec!["a", "B "])), 3),
        bucket in 0_u64..4,
    ) {
        let offers: Vec<Value> = (0..).zip(offers).map(|(id, fields): (u32, _)| offer(&id.to_string(), fields)).collect();
        let blocks: Vec<Value> = (0..).zip(blocks).map(|(id, fields): (u32, _)| block(&id.to_string(), fields)).collect();
        let products = (1..).zip(skus).map(|(id, sku)| product(id, sku, "20")).collect();
        at(&decision(json!(offers), json!(blocks)), &page(products), "/gear/bags.html", bucket);
    }
}

#[test]
fn shows_no_price_where_tax_makes_the_carts_discount_uncertain() {
    let mut view = sites().views()[0].as_ref().clone();
    view.tax.shown = TaxShown::Including;
    let decision = decision(json!([offer("ten", json!({"amount": 10}))]), json!([]));
    let scope = Scope { view: &view, path: "/", bucket: 0 };
    let (selection, verdicts) = select_explained(&decision, &scope, &page(vec![product(1, None, "10")]));
    assert!(selection.is_empty(), "{selection:?}");
    assert_eq!(verdicts[0].outcome.as_str(), "tax_unknown");
}
