//! What accidents have found: each once left a price behind, or wrote where nothing was to be written.

use segue::page::ProductId;
use segue::rewrite::plan::Plan;

use crate::shelf;

/// Why a product of a page by hand is left alone after these replacements; nothing where it is changed.
fn left(name: &str, product: u64, replacements: &[(&str, &str)]) -> Option<&'static str> {
    let mut page = shelf::all().into_iter().find(|shelf| shelf.name == name).expect("a page of that name").page;
    for (from, to) in replacements {
        assert!(page.contains(from), "{name} has no {from}");
        page = page.replacen(from, to, 1);
    }
    let plan = Plan::compile(page.as_bytes()).expect("a small page");
    let found = plan.left_alone().iter().find(|left| left.product == ProductId(product));
    found.map(|left| left.reason.as_str())
}

#[test]
fn a_price_beside_a_choice_that_no_script_knows_leaves_the_product_alone() {
    for (name, product, from, to) in [
        ("bundle", 20, "name=\"bundle_option[1]\" value=\"1\"/>", "name=\"bundle_option[1]\" value=1/>"),
        ("bundle", 20, "<option value=\"4\">", "<option value=\"44\">"),
        ("bundle", 20, "name=\"bundle_option[2]\"", "name=\"bundle_option [2]\""),
        ("options", 40, "value=\"4\" price=\"1.5\"", "value=\"44\" price=\"1.5\""),
        ("options", 40, "</option></select>", "</option>"),
        ("options", 40, "id=\"product_addtocart_form\"", "id=\"product_addtocart_form\" data-price-amount=\"1\""),
        ("options", 40, "data-price-amount=\"4.5\"", "data-price-amount=\"4.6\""),
        ("downloadable", 60, "id=\"links_1\" value=\"1\"", "id=\"links_1\" value=\"11\""),
    ] {
        assert_eq!(left(name, product, &[(from, to)]), Some("options"), "{from} -> {to}");
    }
}

#[test]
fn the_price_of_a_file_option_is_its_own() {
    let file = "<div class=\"field\"><label class=\"label\" for=\"options_9_file\"><span>Logo</span><span class=\"price-notice\">+<span class=\"price-container\"><span data-price-amount=\"1.5\" data-price-type=\"\" class=\"price-wrapper \">$1.50</span></span></span></label><input type=\"file\" name=\"options_9_file\" id=\"options_9_file\"/><input type=\"hidden\" name=\"options_9_file_action\" value=\"save_new\"/></div>";
    let before = "<div class=\"field\"><label class=\"label\" for=\"options_1_text\">";
    let field = format!("{file}{before}");
    let known = r#""optionConfig": {"9":{"prices":{"finalPrice":{"amount":1.5}},"type":"percent"},"#;
    assert_eq!(left("options", 40, &[(before, &field), (r#""optionConfig": {"#, known)]), None);
    assert_eq!(left("options", 40, &[(before, &field)]), Some("options"));
}

#[test]
fn scripts_that_disagree_leave_the_product_alone() {
    let script = |name: &str, begin: &str| {
        let page = shelf::all().into_iter().find(|shelf| shelf.name == name).expect("a page of that name").page;
        let start = page.find(begin).expect("a script");
        let start = page[..start].rfind("<script").expect("a tag");
        page[start..start + page[start..].find("</script>").expect("an end")].to_owned() + "</script>"
    };
    let second = format!("{}</form>", script("bundle", "priceBundle"));
    assert_eq!(left("bundle", 20, &[("</form>", &second)]), Some("bundle"));
    // A price of its own that is told on one side only.
    let own = (
        r#""prices":{"oldPrice":{"amount":0},"basePrice":{"amount":0}"#,
        r#""prices":{"oldPrice":{"amount":0},"basePrice":{"amount":20}"#,
    );
    assert_eq!(left("bundle", 20, &[own]), Some("bundle"));
    // A regular price below the price.
    let old = (
        r#""oldPrice":{"amount":15},"basePrice":{"amount":15},"finalPrice":{"amount":15}"#,
        r#""oldPrice":{"amount":12},"basePrice":{"amount":15},"finalPrice":{"amount":15}"#,
    );
    assert_eq!(left("options", 40, &[old]), Some("contradiction"));
    // A tax that only one price by quantity has.
    let tier = (r#""price":24,"basePrice":24}"#, r#""price":24,"basePrice":2}"#);
    assert_eq!(left("tiers", 50, &[tier]), Some("contradiction"));
}

#[test]
fn prices_that_an_elements_configuration_tells_are_not_read() {
    let config = r#"{"priceBundle": {"optionConfig": {"bundleId":"20","options":{}}}}"#;
    let element = format!("<div data-mage-init='{config}'></div></form>");
    assert_eq!(left("bundle", 20, &[("</form>", &element)]), Some("script-prices"));
    let links = r#"<div data-mage-init='{"downloadable":{"config":{"links":{"1":{"finalPrice":6}}}}}'></div></form>"#;
    assert_eq!(left("downloadable", 60, &[("</form>", links)]), Some("script-prices"));
    let kept =
        r#"data-mage-init='{"Magento_Catalog/js/product/view/provider": {"data":{"items":{"60":{}}}}}' method="post">"#;
    let row = "data-mage-init='{\"catalogAddToCart\": {}}' method=\"post\">";
    assert_eq!(left("downloadable", 60, &[(row, kept)]), Some("script-prices"));
    let list = "<div id=\"downloadable-links-list\"></div></form>";
    assert_eq!(left("downloadable", 60, &[("</form>", list)]), Some("options"));
}

#[test]
fn a_price_by_quantity_that_cannot_be_read_leaves_the_product_alone() {
    let open = ("$24.00</span></span>\n        </span>", "$24.00</span>");
    assert_eq!(left("tiers", 50, &[open]), Some("tier-prices"));
    let more = ("<span class=\"price\">$24.00</span></span>", "<span class=\"price\">$24.00</span> ($26.00)</span>");
    assert_eq!(left("tiers", 50, &[more]), Some("tier-prices"));
}

#[test]
fn a_twin_that_got_lost_is_known_by_its_id() {
    let lost = "<span id=\"price-excluding-tax-product-price-90\" data-price-amount=\"20\" data-price-type=\"basePrice\" class=\"price-wrapper price-excluding-tax\"><span class=\"price\">€20.00</span></span><footer";
    assert_eq!(left("both", 90, &[("<footer", lost)]), Some("loose-price"));
}

#[test]
fn amounts_stand_in_wrappers_only_and_boxes_say_what_they_are() {
    for (from, to) in [
        ("<span class=\"price\">$32.00", "<span class=\"price\" data-price-amount=\"32\">$32.00"),
        (
            "<div class=\"price-box price-final_price\" data-role",
            "<div class=\"price-box price-final_price\" data-price-amount=\"32\" data-role",
        ),
        ("<div class=\"price-box price-final_price\" data-role", "<div class=\"old-price\" data-role"),
    ] {
        assert_eq!(left("tiers", 50, &[(from, to)]), Some("unknown-markup"), "{to}");
    }
}
