//! Products whose scripts print prices of their own over those of the page, as those of downloadable products do.

use segue::page::ProductId;
use segue::rewrite::render::{Change, Slot};
use segue::rule::{Anchor, Placement};

use crate::check::Page;
use crate::luma::{category, links, plain, price_box, price_script, printed, product, row, simple_row, special};
use crate::markup::{block, price, rendered, verdict};

/// The page of a downloadable product whose script has this configuration.
fn page(config: &str) -> String {
    product(&links("9", ""), config, &simple_row(9, "5", "$5.00"))
}

/// Why the page's own product is left alone, while the one beside it is not.
fn left(page: &str) -> &'static str {
    let (changed, left) = verdict(page);
    assert_eq!(changed, [9], "what is related is changed all the same");
    assert_eq!(left.len(), 1, "{left:?}");
    left[0].1
}

/// The data of every script, in page order.
fn scripts(page: &str) -> Vec<&str> {
    let begun = page.split("<script type=\"text/x-magento-init\">").skip(1);
    begun.filter_map(|rest| rest.split("</script>").next()).collect()
}

fn told(kind: &str, amount: &str) -> (String, String) {
    (kind.to_owned(), amount.to_owned())
}

#[test]
fn the_scripts_numbers_change_and_nothing_else_of_it() {
    let before = page(&printed("24", "24"));
    let (after, changes) = rendered(&before, vec![price(1, 1920)], vec![]);
    let lower = |script: &&str| {
        script
            .replace("\"basePrice\":{\"amount\":24,", "\"basePrice\":{\"amount\":19.2,")
            .replace("\"finalPrice\":{\"amount\":24,", "\"finalPrice\":{\"amount\":19.2,")
    };
    assert_eq!(scripts(&after), scripts(&before).iter().map(lower).collect::<Vec<_>>());
    assert_ne!(scripts(&after), scripts(&before));
    let slot = Change::Slot { product: ProductId(1), slot: Slot::Script, old: "24".to_owned(), new: "19.2".to_owned() };
    assert_eq!(changes.iter().filter(|change| **change == slot).count(), 2);
    let places = &Page::parse(after.as_bytes()).places()[&1];
    assert!(places.amounts.contains(&told("oldPrice", "24")), "the regular price stands in the page");
    assert!(places.printed.contains(&told("oldPrice", "24")), "and in the script");
    assert_eq!(Page::parse(before.as_bytes()).outline(), Page::parse(after.as_bytes()).outline());
}

#[test]
fn amounts_that_are_text_stay_text() {
    let before = page(&printed("\"24.0000\"", "\"24.0000\""));
    let (after, _) = rendered(&before, vec![price(1, 1920)], vec![]);
    assert_eq!(after.matches("Price\":{\"amount\":\"19.2000\",\"adjustments\":[]}").count(), 2);
    assert_eq!(after.matches("Price\":{\"amount\":\"24.0000\",\"adjustments\":[]}").count(), 2, "the regular price");
}

#[test]
fn every_script_of_a_product_changes_or_none_does() {
    let with = |other: &str| page(&printed("24", "24")).replace("<footer", &format!("{other}<footer"));
    let (after, _) = rendered(&with(&price_script(1, &printed("\"24.00\"", "24"))), vec![price(1, 1920)], vec![]);
    let places = &Page::parse(after.as_bytes()).places()[&1];
    assert_eq!(
        places
            .printed
            .iter()
            .filter(|(kind, amount)| kind == "finalPrice" && ["19.2", "19.20"].contains(&&**amount))
            .count(),
        2
    );
    assert_eq!(left(&with(&price_script(1, &printed("25", "25")))), "contradiction");
    assert_eq!(left(&with(&price_script(1, ",\"prices\":{\"finalPrice\":3}"))), "script-prices");
    let elsewhere = "\"x\":{\"priceConfig\":{\"prices\":{\"finalPrice\":{\"amount\":24}}}},\"priceBox\":";
    assert_eq!(left(&page(&printed("24", "24")).replace("\"priceBox\":", elsewhere)), "script-prices");
}

#[test]
fn a_discounted_price_agrees_with_its_script() {
    let of = |content: &str, config: &str| {
        category(&row(1, &format!("{}{}", price_box(1, content), price_script(1, config))))
    };
    let discounted = special(1, ("24", "$24.00"), ("32", "$32.00"));
    let (after, _) = rendered(&of(&discounted, &printed("24", "32")), vec![price(1, 1920)], vec![]);
    let places = &Page::parse(after.as_bytes()).places()[&1];
    assert_eq!(places.amounts, [told("finalPrice", "19.2"), told("oldPrice", "32")]);
    assert!(places.printed.contains(&told("finalPrice", "19.2")) && places.printed.contains(&told("oldPrice", "32")));
    assert_eq!(verdict(&of(&discounted, &printed("25", "32"))), (vec![], vec![(1, "contradiction")]));
    assert_eq!(verdict(&of(&discounted, &printed("24", "24"))), (vec![], vec![(1, "contradiction")]));
    let plain = plain(1, "24", "$24.00");
    let (after, _) = rendered(&of(&plain, &printed("24", "32")), vec![price(1, 1920)], vec![]);
    let places = &Page::parse(after.as_bytes()).places()[&1];
    assert_eq!(places.amounts, [told("finalPrice", "19.2"), told("oldPrice", "32")], "the script's regular price");
}

#[test]
fn scripts_that_say_something_else_leave_the_product_alone() {
    let known = printed("24", "24");
    assert_eq!(verdict(&page(&known)), (vec![1, 9], vec![]));
    let with = |from: &str, to: &str| {
        assert!(known.contains(from), "{from}");
        left(&page(&known.replace(from, to)))
    };
    let taxed = "\"finalPrice\":{\"amount\":24,\"adjustments\":{\"tax\":2}";
    assert_eq!(with("\"finalPrice\":{\"amount\":24,\"adjustments\":[]", taxed), "script-prices");
    assert_eq!(with("\"finalPrice\":{", "\"weee\":{\"amount\":1},\"finalPrice\":{"), "script-prices");
    assert_eq!(with("\"finalPrice\":{\"amount\":24", "\"finalPrice\":{\"amount\":2.4e1"), "script-prices");
    assert_eq!(left(&page(&printed("25", "25"))), "contradiction");
    let target = "[data-role=priceBox][data-price-box=product-id-1]\":";
    let everywhere = page(&known).replace(target, "[data-role=priceBox]\":").replace("\"productId\":\"1\",", "");
    assert_eq!(verdict(&everywhere), (vec![], vec![(1, "script-prices"), (9, "script-prices")]));
}

#[test]
fn choices_beside_printed_prices_leave_the_product_alone() {
    let beside = |extra: &str| {
        product(&format!("{}{extra}", links("9", "")), &printed("24", "24"), &simple_row(9, "5", "$5.00"))
    };
    let script = |data: &str| {
        beside(&format!(
            "<script type=\"text/x-magento-init\">{{\"#product_addtocart_form\":{{\"widget\":{data}}}}}</script>"
        ))
    };
    assert_eq!(verdict(&script(r#"{"optionConfig":{"3":{"prices":{}}}}"#)).1.first(), Some(&(1, "script-prices")));
    assert_eq!(left(&script(r#"{"spConfig":{"productId":"1"}}"#)), "contradiction");
    assert_eq!(verdict(&script(r#"{"optionConfig":[]}"#)).0, [1, 9]);
    for field in [
        "<select name=\"options[3]\" class=\"product-custom-option\"></select>",
        "<input type=\"radio\" name=\"options[3]\" value=\"2\" price=\"4\">",
    ] {
        assert_eq!(left(&beside(field)), "options", "{field}");
    }
    assert_eq!(left(&beside("<input type=\"radio\" name=\"bundle_option[3]\">")), "bundle");
    assert_eq!(left(&beside("<select name=\"super_attribute[93]\"></select>")), "configurable");
}

#[test]
fn links_follow_where_their_prices_are_told() {
    let of = |list: &str| product(list, &printed("24", "24"), &simple_row(9, "5", "$5.00"));
    let tick = "<input type=\"checkbox\" name=\"links[]\" id=\"links_1\" value=\"1\" />";
    assert_eq!(verdict(&of(&links("9", ""))).0, [1, 9], "none can be ticked");
    assert_eq!(verdict(&of(&links("9", tick))).0, [1, 9]);
    assert_eq!(verdict(&of(&links("0", tick))).0, [1, 9], "it adds nothing");
    assert_eq!(verdict(&of(&links("&quot;0.0000&quot;", tick))).0, [1, 9]);
    assert_eq!(left(&of(tick)), "options", "nothing says what it costs");
    assert_eq!(left(&of(&links("broken", tick))), "options");
}

#[test]
fn a_block_that_replaces_the_script_wins() {
    let script = price_script(1, &printed("24", "24"));
    let details = format!("{}<div id=\"data\">{script}</div>", price_box(1, &plain(1, "24", "$24.00")));
    let blocks = vec![block(Placement::Replace(Anchor::Id("data".to_owned())), "shown")];
    let (after, changes) = rendered(&category(&row(1, &details)), vec![price(1, 1920)], blocks);
    assert!(after.contains(">$19.20<") && after.contains("shown") && !after.contains("priceConfig"));
    assert!(!changes.iter().any(|change| matches!(change, Change::Slot { slot: Slot::Script, .. })));
}
