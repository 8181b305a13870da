//! Markup that Magento, its extensions and accidents make: what is changed, and what is left alone and why.

use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use segue::decision::select::{PlacedBlock, PriceChange, Selection};
use segue::page::{Amounts, ProductId};
use segue::rewrite::plan::{Plan, PlanError};
use segue::rewrite::render::{Change, Dressing, Refusal, render};
use segue::rule::{Anchor, Placement};
use segue::site::{Display, Reference};

use crate::check::{Page, Places};
use crate::luma::{
    category, configurable_row, container, page, plain, price_box, printed, product, row, simple_row, special, wrapper,
};
use crate::support::{changed, leading};

pub fn compile(page: &str) -> Plan {
    Plan::compile(page.as_bytes()).expect("a page that compiles")
}

/// Products that can be changed, and the others with their reasons.
pub fn verdict(page: &str) -> (Vec<u64>, Vec<(u64, &'static str)>) {
    let plan = compile(page);
    let changed = plan.facts().products.iter().map(|product| product.id.0).collect();
    (changed, plan.left_alone().iter().map(|left| (left.product.0, left.reason.as_str())).collect())
}

fn cents(units: i64) -> Decimal {
    Decimal::new(units, 2)
}

pub fn price(product: u64, units: i64) -> PriceChange {
    let amounts = Amounts { final_price: Some(cents(units)), base_price: None };
    PriceChange { product: ProductId(product), units: vec![amounts], labels: Vec::new() }
}

pub fn block(placement: Placement, html: &str) -> PlacedBlock {
    PlacedBlock { id: Arc::from("block"), placement, html: Arc::from(html) }
}

/// Renders prices and blocks; prices beside the leading one, such as those of options, stay.
pub fn rendered(page: &str, mut prices: Vec<PriceChange>, blocks: Vec<PlacedBlock>) -> (String, Vec<Change>) {
    let plan = compile(page);
    for change in &mut prices {
        let product = plan.facts().products.iter().find(|product| product.id == change.product);
        let others = product.into_iter().flat_map(|product| product.units.iter().skip(change.units.len()));
        let others: Vec<Amounts> = others.map(|unit| unit.amounts).collect();
        change.units.extend(others);
    }
    let rendered = render(
        &compile(page),
        page.as_bytes(),
        &Selection { prices, blocks, ..Selection::default() },
        &Dressing::default(),
    );
    let changes = rendered.changes.told(page.as_bytes());
    (String::from_utf8(rendered.bytes).expect("UTF-8"), changes)
}

fn only_left(details: &str) -> &'static str {
    let (changed, left) = verdict(&category(&format!("{}{}", row(1, details), simple_row(2, "5", "$5.00"))));
    assert_eq!(changed, [2], "the neighbour is changed all the same");
    assert_eq!(left.len(), 1, "{left:?}");
    left[0].1
}

#[test]
fn a_product_without_discount_gets_the_markup_of_one_with() {
    let before = price_box(7, &plain(7, "45", "$45.00"));
    let (page, _) = rendered(&category(&row(7, &before)), vec![price(7, 3600)], vec![]);
    let wanted = concat!(
        "\n\n<span class=\"special-price\">\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n        >\n<span class=\"price-label\">Special Price</span>\n        ",
        "<span  id=\"product-price-7\"                data-price-amount=\"36\"\n        data-price-type=\"finalPrice\"\n        class=\"price-wrapper \"\n    ><span class=\"price\">$36.00</span></span>\n        </span>\n</span>\n",
        "<span class=\"old-price\">\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\">\n<span class=\"price-label\">Regular Price</span>\n",
        "<span id=\"old-price-7\" data-price-amount=\"45\" data-price-type=\"oldPrice\" class=\"price-wrapper \"><span class=\"price\">$45.00</span></span>\n</span>\n</span>\n",
    );
    assert!(page.contains(wanted), "{page}");
}

#[test]
fn added_words_are_those_of_the_shop() {
    let discounted = special(1, ("24", "$24.00"), ("32", "$32.00"))
        .replace("Special Price", "Sonderangebot")
        .replace("Regular Price", "Normalpreis &amp; mehr");
    let page = category(&format!("{}{}", row(1, &price_box(1, &discounted)), simple_row(2, "45", "$45.00")));
    let (page, _) = rendered(&page, vec![price(2, 3600)], vec![]);
    assert!(page.contains("\n<span class=\"price-label\">Sonderangebot</span>\n"));
    assert_eq!(page.matches("<span class=\"price-label\">Normalpreis &amp; mehr</span>").count(), 2);
}

#[test]
fn no_english_words_are_added_to_a_page_of_another_language() {
    let page = category(&simple_row(2, "45", "45,00 €"));
    let german = page.replace("<html lang=\"en\">", "<html lang=\"de\">");
    assert_ne!(german, page, "the fixture says its language");
    let (german, _) = rendered(&german, vec![price(2, 3600)], vec![]);
    assert!(german.contains("class=\"old-price\"") && german.contains(">36,00 €<"), "{german}");
    assert!(!german.contains("price-label"), "{german}");
    assert_eq!(rendered(&page, vec![price(2, 3600)], vec![]).0.matches("class=\"price-label\"").count(), 2);
}

#[test]
fn a_product_page_changes_with_its_metas() {
    let (page, changes) = rendered(
        &product("", ",\"tierPrices\":[]", &simple_row(9, "1234.5", "$1,234.50")),
        vec![price(1, 1920), price(9, 98760)],
        vec![],
    );
    for wanted in [
        "product:price:amount\" content=\"19.2\"",
        "itemprop=\"price\" content=\"19.2\"",
        "data-price-amount=\"19.2\"",
        ">$19.20<",
        "data-price-amount=\"987.6\"",
        ">$987.60<",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(!changes.iter().any(|change| matches!(change, Change::Refused { .. })));
    let plan = compile(&product("", "", ""));
    assert_eq!(plan.facts().products[0].sku.as_deref(), Some("SKU-1"));
    assert_eq!(plan.facts().currencies, ["USD"]);
    assert_eq!(plan.store().view.as_deref(), Some("default"));
    assert_eq!(plan.format().expect("a format").pattern, "$%s");
}

/// A product page at $24.00 that states the lowest price of the last 30 days in an attribute.
fn with_lowest(value: &str) -> String {
    let attribute = format!(
        "<div class=\"product-info-main\"><div class=\"product attribute lowest_price\"><strong class=\"type\">Lowest price</strong><div class=\"value\"><span class=\"price\">{value}</span></div></div>"
    );
    let page = product("", ",\"tierPrices\":[]", "");
    assert!(page.contains("<div class=\"product-info-main\">"), "{page}");
    page.replacen("<div class=\"product-info-main\">", &attribute, 1)
}

fn presented(page: &str, display: Display) -> String {
    let dressing = Dressing { display: &display, ..Dressing::default() };
    let selection = Selection { prices: vec![price(1, 1920)], ..Selection::default() };
    String::from_utf8(render(&compile(page), page.as_bytes(), &selection, &dressing).bytes).expect("UTF-8")
}

#[test]
fn a_changed_price_is_compared_with_what_the_store_view_says() {
    let page = with_lowest("$21.50");
    let label = Some("Lowest price of the last 30 days <b>".to_owned());
    let lowest = Reference::Attribute("lowest_price".to_owned());
    let after = presented(&page, Display { reference: lowest.clone(), reference_label: label, ..Display::default() });
    assert!(after.contains("<span class=\"price-label\">Lowest price of the last 30 days &lt;b&gt;</span>"), "{after}");
    assert!(after.contains("<span class=\"price\">$21.50</span></span>\n</span>\n</span>"), "{after}");
    assert!(!after.contains("data-price-type=\"oldPrice\""), "scripts would print the regular price over it");
    assert!(after.contains("$19.20") && !after.contains("$24.00"));
    let nowhere = Reference::Attribute("other_price".to_owned());
    assert!(!presented(&page, Display { reference: nowhere, ..Display::default() }).contains("old-price"));
    assert!(!presented(&page, Display { reference: Reference::None, ..Display::default() }).contains("old-price"));
    assert!(presented(&page, Display::default()).contains("data-price-type=\"oldPrice\""));
    assert_eq!(verdict(&with_lowest("$24.00")), (vec![], vec![(1, "loose-price")]), "it says what is charged");
}

#[test]
fn a_changed_price_says_what_the_law_asks_for() {
    let disclosure = Some("This price is personal & yours.".to_owned());
    let page = product("", ",\"tierPrices\":[]", &simple_row(9, "5", "$5.00"));
    let after = presented(&page, Display { disclosure, ..Display::default() });
    assert_eq!(
        after.matches("<span class=\"segue-disclosure\">This price is personal &amp; yours.</span></div>").count(),
        1
    );
}

#[test]
fn all_boxes_of_a_product_change_or_none_does() {
    let twice = format!("{}{}", simple_row(3, "10", "$10.00"), simple_row(3, "10.00", "$10.00"));
    let (page, _) = rendered(&category(&twice), vec![price(3, 800)], vec![]);
    assert_eq!(page.matches(">$8.00<").count(), 2);
    let contradicting = format!("{}{}", simple_row(3, "10", "$10.00"), simple_row(3, "11", "$11.00"));
    assert_eq!(verdict(&category(&contradicting)), (vec![], vec![(3, "contradiction")]));
    let one_unknown = format!("{}{}", simple_row(3, "10", "$10.00"), simple_row(3, "10", "about ten"));
    assert_eq!(verdict(&category(&one_unknown)), (vec![], vec![(3, "unknown-format")]));
}

#[test]
fn names_why_a_box_is_left_alone() {
    let simple = plain(1, "24", "$24.00");
    let with = |more: &str| only_left(&price_box(1, &format!("{simple}{more}")));
    assert_eq!(
        with("<a href=\"#\" class=\"minimal-price-link\"><span class=\"price-container\"></span></a>"),
        "unknown-markup"
    );
    assert_eq!(with("<span class=\"badge\">new</span>"), "unknown-markup");
    assert_eq!(with("from"), "unknown-markup");
    assert_eq!(with(&simple), "contradiction");
    assert_eq!(with(&container(&wrapper("x", "20", "savings", "$20.00"))), "unknown-price-type");
    assert_eq!(with("<span class=\"weee\" data-price-type=\"weee\">$1.00</span>"), "unknown-markup");
    assert_eq!(with("<span class=\"map-fallback-price normal-price\"></span>"), "msrp");
}

/// A box whose price is shown on a click, below the manufacturer's.
fn hidden(id: u64, real: &str) -> String {
    let amount = "<span class=\"price-container\">\n<span  id=\"old-price-1\" data-price-amount=\"30\"\n data-price-type=\"\"\n class=\"price-wrapper \">$30.00</span></span>";
    let escaped = real.replace('"', "\\\"").replace('/', "\\/").replace('\n', "\\n");
    price_box(
        id,
        &format!(
            "<span class=\"old-price map-old-price\">{amount}</span>\n<span class=\"map-fallback-price normal-price\">{amount}</span>\n<span id=\"s_x\"></span><style>span#s_x {{ display:none }}</style>\n<a href=\"#\" id=\"msrp-popup\" class=\"action map-show-info\" data-mage-init='{{\"addToCart\":{{\"origin\":\"msrp\",\"realPrice\":\"{escaped}\",\"isSaleable\":true}}}}'>Click for price</a><script>x</script>"
        ),
    )
}

#[test]
fn a_price_that_is_shown_on_a_click_follows() {
    let page = category(&format!("{}{}", row(1, &hidden(1, &plain(1, "24", "$24.00"))), simple_row(2, "5", "$5.00")));
    assert_eq!(verdict(&page), (vec![1, 2], vec![]));
    let (after, _) = rendered(&page, vec![price(1, 1920)], vec![]);
    let wanted =
        page.replace("data-price-amount=\\\"24\\\"", "data-price-amount=\\\"19.2\\\"").replace("$24.00", "$19.20");
    assert_eq!(after, wanted);
    assert_ne!(after, page);
}

#[test]
fn a_price_by_quantity_that_is_shown_on_a_click_follows() {
    let real = plain(1, "20", "$20.00")
        .replace("finalPrice", "")
        .replace('"', "&quot;")
        .replace('\n', " ")
        .replace('/', "\\/");
    let real = real.replace("&quot;", "\\&quot;");
    let tiers = format!(
        "<ul class=\"prices-tier items\"><li class=\"item\">Buy 5 for: <a href=\"#\" data-tier-price=\"{{&quot;name&quot;:&quot;x&quot;,&quot;price&quot;:&quot;{real}&quot;}}\">Click for price</a></li></ul>"
    );
    let page = product(&tiers, ",\"tierPrices\":[{\"qty\":5,\"price\":20,\"basePrice\":20}]", "");
    let plan = compile(&page);
    assert_eq!(plan.left_alone(), [], "{page}");
    let lower = |amount: Decimal| amount - Decimal::ONE;
    let prices = plan.facts().products.iter().map(|product| changed(product, lower)).collect();
    let (after, _) = rendered(&page, prices, vec![]);
    assert!(after.contains("$19.00") && !after.contains("$20.00"), "{after}");
    assert!(after.contains("\"price\":19,\"basePrice\":19"));
    assert_eq!(verdict(&page.replace("$20.00", "$21.00")), (vec![], vec![(1, "tier-prices")]));
}

#[test]
fn declines_boxes_that_say_something_else() {
    let boxed = |content: &str| only_left(&price_box(1, content));
    assert_eq!(boxed(""), "unknown-markup");
    assert_eq!(boxed(&plain(1, "24", "$25.00")), "unknown-format");
    assert_eq!(boxed(&plain(1, "", "$24.00")), "bad-amount");
    assert_eq!(boxed(&plain(1, "24", "$<b>24</b>.00")), "unknown-markup");
    assert_eq!(boxed(&plain(1, "24", "$24")), "unknown-precision");
    assert_eq!(boxed(&special(1, ("24", "$24.00"), ("20", "$20.00"))), "contradiction");
    assert_eq!(
        boxed(&special(1, ("24", "$24.00"), ("32", "$32.00")).replace("Special Price", "Save 25%")),
        "unknown-markup"
    );
    assert_eq!(
        boxed(&plain(1, "24", "$24.00").replace("class=\"price\"", "class=\"price\" data-price-type=\"finalPrice\"")),
        "unknown-price-type"
    );
}

#[test]
fn accepts_what_does_not_matter() {
    let box_of = |content: &str| price_box(1, content);
    for details in [
        box_of(&format!("<!-- a comment -->{}<!-- another -->", plain(1, "24", "$24.00"))),
        box_of(&plain(1, "24", "$24.00"))
            .replace("data-role=\"priceBox\"", "DATA-ROLE=priceBox")
            .replace("<div", "<DIV"),
        box_of(
            "<span class=price-container><span class=price-wrapper data-price-amount=24 data-price-amount=99 data-price-type=finalPrice>$24.00</span></span>",
        ),
        box_of(&plain(1, "24", "$24.00")).replace('\n', "\r\n"),
        box_of(&plain(1, "&#50;4", "&#36;24&#46;00")),
        format!("<div class=\"price\">{}</div>", box_of(&plain(1, "24", "$24.00"))),
        format!("<p>an unclosed paragraph<div>{}", box_of(&plain(1, "24", "$24.00"))),
    ] {
        let page = category(&row(1, &details));
        assert_eq!(verdict(&page), (vec![1], vec![]), "{details}");
        let (page, _) = rendered(&page, vec![price(1, 1920)], vec![]);
        let places = &Page::parse(page.as_bytes()).places()[&1];
        assert_eq!(places.texts[0].1, "$19.20");
        assert_eq!(places.amounts[0].1, "19.2");
    }
}

#[test]
fn prices_of_other_pages_are_not_touched() {
    let column = simple_row(1, "24", "$24.00");
    for class in ["checkout-cart-index", "checkout-index-index", "customer-account-index", "blog-post-view"] {
        assert_eq!(verdict(&page(class, "", &column)), (vec![], vec![(1, "page-kind")]), "{class}");
    }
    for class in [
        "cms-index-index",
        "cms-page-view",
        "catalogsearch-result-index",
        "wishlist-index-index",
        "catalog-product_compare-index",
    ] {
        assert_eq!(verdict(&page(class, "", &column)).0, [1], "{class}");
    }
    let crosssell = format!("<div class=\"block crosssell\">{column}</div>{}", price_box(2, &plain(2, "3", "$3.00")));
    assert_eq!(verdict(&page("checkout-cart-index", "", &crosssell)), (vec![1], vec![(2, "page-kind")]));
}

#[test]
fn choices_that_nothing_tells_about_leave_the_product_alone() {
    assert_eq!(verdict(&category(&configurable_row(7, 3))), (vec![7], vec![]), "its script says what they cost");
    let no_label = price_box(7, &plain(7, "5", "$5.00")) + "<div data-role=\"swatch-option-7\"></div>";
    assert_eq!(verdict(&category(&row(7, &no_label))), (vec![], vec![(7, "configurable")]));
}

#[test]
fn a_product_page_that_states_more_is_left_alone() {
    let related = simple_row(9, "5", "$5.00");
    let of = |page: &str| {
        let (changed, left) = verdict(page);
        assert_eq!(changed, [9], "what is related is changed all the same");
        left[0]
    };
    let plain_page = product("", "", &related);
    assert_eq!(verdict(&plain_page), (vec![1, 9], vec![]));
    assert_eq!(
        of(&product("", ",\"prices\":{\"finalPrice\":{\"amount\":24,\"adjustments\":[4]}}", &related)),
        (1, "script-prices")
    );
    let tiers = product("", ",\"tierPrices\":[{\"qty\":5,\"price\":20}]", &related);
    assert_eq!(verdict(&tiers), (vec![1, 9], vec![]), "prices by quantity follow");
    assert_eq!(of(&product("", ", broken", &related)), (1, "script-prices"));
    assert_eq!(
        of(&product("<select name=\"options[3]\"><option price=\"2\">Red</option></select>", "", &related)),
        (1, "options")
    );
    assert_eq!(
        of(&product("<span class=\"price-notice\">+<span class=\"price\">$4.00</span></span>", "", &related)),
        (1, "loose-price")
    );
    assert_eq!(
        of(&plain_page.replace("<footer", "<div class=\"sticky\"><span class=\"price\">$24.00</span></div><footer")),
        (1, "loose-price")
    );
    assert_eq!(
        of(&plain_page
            .replace("<footer", "<script type=\"application/ld+json\">{\"offers\":{\"price\":25}}</script><footer")),
        (1, "structured-data")
    );
    assert_eq!(of(&plain_page.replace("amount\" content=\"24\"", "amount\" content=\"25\"")), (1, "contradiction"));
    assert_eq!(
        of(&plain_page.replace("itemprop=\"price\" content=\"24\"", "itemprop=\"price\" content=\"25\"")),
        (1, "contradiction")
    );
    assert_eq!(
        of(&plain_page.replace("</head>", "<meta name=\"twitter:data1\" content=\"$24.00\"></head>")),
        (1, "loose-price")
    );
    assert_eq!(of(&plain_page.replace("page-layout-1column", "page-product-giftcard")), (1, "gift-card"));
    assert_eq!(
        of(&plain_page.replace("<footer", "<meta itemprop=\"lowPrice\" content=\"24\"><footer")),
        (1, "structured-data")
    );
    assert_eq!(
        verdict(&plain_page.replace("product-id-1\">", "product-id-4\">")),
        (vec![9], vec![(1, "contradiction"), (4, "contradiction")])
    );
    let other_form = plain_page.replacen("name=\"product\" value=\"1\"", "name=\"product\" value=\"8\"", 1);
    assert_eq!(verdict(&other_form), (vec![9], vec![(1, "contradiction"), (8, "contradiction")]));
}

#[test]
fn prices_that_an_elements_own_configuration_prints_are_left_alone() {
    let config = "{\"priceBox\":{\"priceConfig\":{\"prices\":{\"finalPrice\":{\"amount\":24}}}}}";
    let raw = format!("data-mage-init='{config}'");
    let coded = format!("data-mage-init=\"{}\"", config.replace('"', "&quot;").replace("price", "&#x70;rice"));
    let simple = price_box(1, &plain(1, "24", "$24.00"));
    let related = simple_row(9, "5", "$5.00");
    let whole = product("", "", &related);
    for attribute in [&raw, &coded] {
        assert_eq!(only_left(&simple.replace("<div ", &format!("<div {attribute} "))), "script-prices");
        assert_eq!(only_left(&simple.replace("<span  id", &format!("<span {attribute} id"))), "script-prices");
        assert_eq!(only_left(&format!("{simple}<div {attribute}></div>")), "script-prices");
        let elsewhere = whole.replace("<footer", &format!("<div {attribute}></div><footer"));
        assert_eq!(verdict(&elsewhere), (vec![9], vec![(1, "script-prices")]));
        let form =
            whole.replace("id=\"product_addtocart_form\"", &format!("id=\"product_addtocart_form\" {attribute}"));
        assert_eq!(verdict(&form), (vec![9], vec![(1, "script-prices")]));
        let nobodys =
            category(&simple_row(1, "24", "$24.00")).replace("<footer", &format!("<p {attribute}></p><footer"));
        assert_eq!(verdict(&nobodys), (vec![], vec![(1, "script-prices")]));
        let template = category(&format!("{}<template><p {attribute}></p></template>", simple_row(1, "24", "$24.00")));
        assert_eq!(verdict(&template).0, [1]);
    }
    assert_eq!(verdict(&whole).0, [1, 9], "what puts products into the cart prints no prices");
}

/// A category page that names no currency.
fn unnamed(rows: &str) -> String {
    category(rows).replace("language-USD", "current")
}

#[test]
fn prices_without_decimals_are_known_by_their_sign() {
    for (text, code) in [("¥9,082", "JPY"), ("￥9,082", "JPY"), ("JP¥9,082", "JPY"), ("₩9,082", "KRW")] {
        let page = unnamed(&simple_row(1, "9082", text)).replace("$", "");
        assert_eq!(verdict(&page), (vec![1], vec![]), "{text}");
        assert_eq!(compile(&page).facts().currencies, [code]);
        assert!(rendered(&page, vec![price(1, 726_600)], vec![]).0.contains(&text.replace("9,082", "7,266")));
    }
    let whole = simple_row(1, "9082", "¥9,082");
    let declines = |page: &str| {
        let plan = compile(page);
        assert_eq!(plan.facts().currencies, [] as [String; 0], "{page}");
        assert!(verdict(page).1.contains(&(1, "unknown-precision")), "{page}");
    };
    declines(&unnamed(&format!("{whole}{}", simple_row(2, "24.5", "¥24.50"))));
    declines(&unnamed(&format!("{whole}<span class=\"price\">¥1,234.50</span>")));
    declines(&unnamed(&format!("{whole}{}", simple_row(2, "24", "$24"))));
    declines(&unnamed(&simple_row(1, "9082", "CN¥9,082")));
    declines(&unnamed(&whole).replace("lang=\"en\"", "lang=\"zh-CN\""));
    declines(&unnamed(&simple_row(1, "9082", "kr 9,082")));
}

#[test]
fn microdata_in_a_row_speaks_for_the_rows_product() {
    let simple = price_box(1, &plain(1, "24", "$24.00"));
    for stated in ["<meta itemprop=\"price\" content=\"24\">", "<span itemprop=price content=24>24</span>"] {
        assert_eq!(only_left(&format!("{simple}{stated}")), "structured-data");
        let page = product(
            "",
            "",
            &format!(
                "{}{}",
                row(9, &format!("{}{stated}", price_box(9, &plain(9, "5", "$5.00")))),
                simple_row(8, "5", "$5.00")
            ),
        );
        assert_eq!(verdict(&page), (vec![1, 8], vec![(9, "structured-data")]));
    }
}

#[test]
fn structured_data_is_known_by_its_type_however_it_is_written() {
    for kind in ["application/ld+json; charset=utf-8", "APPLICATION/LD+JSON", " Application/ld+json ;charset=UTF-8"] {
        let data = format!("<script type=\"{kind}\">{{\"offers\":{{\"price\":\"24.00\"}}}}</script><footer");
        let page = product("", "", "").replace("<footer", &data);
        let (page, _) = rendered(&page, vec![price(1, 1920)], vec![]);
        assert!(page.contains("{\"offers\":{\"price\":\"19.20\"}}"), "{kind}");
        let other = data.replace("24.00", "about 24");
        assert_eq!(verdict(&product("", "", "").replace("<footer", &other)), (vec![], vec![(1, "structured-data")]));
    }
}

#[test]
fn a_price_box_that_names_no_product_is_a_copy() {
    let copies = [
        "<div class=\"price-box\"><b>$24.00</b></div>",
        "<div class=\"price-box price-final_price\" data-role=\"priceBox\"><span class=\"price\">$24.00</span></div>",
    ];
    for copy in copies {
        let sticky = product("", "", &simple_row(9, "5", "$5.00")).replace("<footer", &format!("{copy}<footer"));
        assert_eq!(verdict(&sticky), (vec![9], vec![(1, "loose-price")]), "{copy}");
        let simple = price_box(1, &plain(1, "24", "$24.00"));
        assert_eq!(only_left(&format!("{simple}{copy}")), "loose-price");
        let beside = format!("{}{copy}", simple_row(1, "24", "$24.00"));
        assert_eq!(verdict(&category(&beside)).0, [1], "a list has no one product for it");
    }
    let frame =
        product("", "", "").replacen("<div class=\"price-box", "<div class=\"price-box\"><div class=\"price-box", 1);
    let frame =
        frame.replacen("<div class=\"product-info-stock-sku\">", "</div><div class=\"product-info-stock-sku\">", 1);
    assert_eq!(verdict(&frame).0, [1], "a frame around the box is no copy");
}

#[test]
fn a_price_that_words_repeat_is_left_alone() {
    let simple = price_box(1, &plain(1, "24", "$24.00"));
    for words in [
        "<p>Now only $24.00</p>",
        "<p>($24.00 / kg)</p>",
        "<button aria-label='Buy for &#x24;24.00'></button>",
        "<img alt=\"$24.00\">",
    ] {
        assert_eq!(only_left(&format!("{simple}{words}")), "loose-price", "{words}");
        let described = product("", "", &simple_row(9, "5", "$5.00")).replace("</h1>", &format!("</h1>{words}"));
        assert_eq!(verdict(&described), (vec![9], vec![(1, "loose-price")]), "{words}");
    }
    assert_eq!(only_left(&simple.replace("<span  id", "<span title=\"$24.00\" id")), "loose-price");
    for other in [
        "<p>$124.00 or $24.001</p>",
        "<input type=\"hidden\" value=\"$24.00\">",
        "<p data-text=\"$24.00\"></p>",
        "<!-- $24.00 -->",
        "<script>'$24.00'</script>",
    ] {
        let page = category(&format!("{}{}", row(1, &format!("{simple}{other}")), simple_row(2, "24", "$24.00")));
        assert_eq!(verdict(&page), (vec![1, 2], vec![]), "{other}");
    }
    let related = product("", "", &row(9, &format!("{}<p>not $24.00</p>", price_box(9, &plain(9, "5", "$5.00")))));
    assert_eq!(verdict(&related).0, [1, 9], "the words of a row are about its own product");
}

#[test]
fn a_percentage_off_is_left_alone_with_its_price() {
    let discounted = price_box(1, &special(1, ("24", "$24.00"), ("30", "$30.00")));
    for badge in ["-20%", "\u{2212}20\u{a0}%", "20% off", "Save 20%", " &#45;20% OFF "] {
        assert_eq!(only_left(&format!("<b>{badge}</b>{discounted}")), "loose-price", "{badge}");
    }
    for other in [
        "<div class=\"rating-result\" title=\"50%\"><span style=\"width:50%\"><span>50%</span></span></div>",
        "<p>50% of 100</p>",
        "<p>100% cotton</p>",
        "<p data-label=\"-20%\"></p>",
    ] {
        assert_eq!(verdict(&category(&row(1, &format!("{other}{discounted}")))), (vec![1], vec![]), "{other}");
    }
    let simple = simple_row(1, "24", "$24.00").replace("Product 1</a>", "Product 1</a><b>-20%</b>");
    assert_eq!(verdict(&category(&simple)).0, [1], "without a price before, it is no discount of this one");
}

#[test]
fn what_no_browser_shows_is_not_read() {
    let real = simple_row(1, "24", "$24.00");
    let other = simple_row(1, "30", "$30.00");
    for hidden in [
        format!("<!-- {other} -->"),
        format!("<script type=\"text/x-magento-template\">{other}</script>"),
        format!("<template>{other}</template>"),
        format!("<noscript>{other}</noscript>"),
        format!("<textarea>{other}</textarea>"),
    ] {
        let page = category(&format!("{real}{hidden}"));
        assert_eq!(verdict(&page), (vec![1], vec![]), "{hidden}");
        let (page, _) = rendered(&page, vec![price(1, 1920)], vec![]);
        assert!(page.contains(&hidden));
    }
}

#[test]
fn blocks_go_beside_and_instead_of_elements() {
    let column = "<div id=\"hero\"><div data-content-type=\"banner\" data-appearance=\"poster\">old</div></div><img id=\"pixel\"><p id=\"open\">";
    let home = page("cms-index-index page-layout-1column", "", column);
    let of = |placement: Placement| rendered(&home, vec![], vec![block(placement, "NEW")]).0;
    let new = "<div class=\"widget block block-static-block segue-block\">NEW</div>";
    let id = |id: &str| Anchor::Id(id.to_owned());
    assert!(
        of(Placement::Replace(Anchor::ContentType("banner".to_owned())))
            .contains(&format!("<div id=\"hero\">{new}</div><img"))
    );
    assert!(of(Placement::Before(id("hero"))).contains(&format!("{new}<div id=\"hero\">")));
    assert!(of(Placement::After(id("hero"))).contains(&format!("old</div></div>{new}<img")));
    assert!(of(Placement::After(id("pixel"))).contains(&format!("<img id=\"pixel\">{new}")));
    for placement in [
        Placement::After(id("open")),
        Placement::Replace(id("open")),
        Placement::Before(id("nowhere")),
        Placement::Sidebar,
        Placement::Replace(id("html-body")),
        Placement::CommerceBlock("u1".to_owned()),
    ] {
        assert!(of(placement.clone()) == home, "{placement:?}");
    }
}

#[test]
fn commerce_blocks_are_replaced_whole() {
    let widget = "<div class=\"widget block block-banners\" data-bind=\"scope: 'banner'\" data-banner-id=\"abc\" data-ids=\"3\" data-uids=\"Mw==,NQ==\"><ul class=\"banner-items\"><li><div></div></li></ul></div>";
    let home = page("cms-index-index page-layout-1column", "", &format!("[{widget}]"));
    for uid in ["NQ==", "abc", "3"] {
        let (page, _) = rendered(
            &home,
            vec![],
            vec![
                block(Placement::CommerceBlock(uid.to_owned()), "A"),
                block(Placement::CommerceBlock(uid.to_owned()), "B"),
            ],
        );
        let open = "<div class=\"widget block block-static-block segue-block\">";
        assert!(page.contains(&format!("[{open}A</div>{open}B</div>]")), "{uid}");
    }
    assert_eq!(rendered(&home, vec![], vec![block(Placement::CommerceBlock("Q==".to_owned()), "A")]).0, home);
}

#[test]
fn a_block_that_replaces_prices_wins_and_other_places_still_change() {
    let column = format!(
        "<div id=\"promo\">{}<i id=\"inner\"></i></div>{}",
        simple_row(1, "24", "$24.00"),
        simple_row(1, "24", "$24.00")
    );
    let home = page("cms-index-index", "", &column);
    let blocks = vec![
        block(Placement::After(Anchor::Id("inner".to_owned())), "lost"),
        block(Placement::Replace(Anchor::Id("promo".to_owned())), "shown"),
    ];
    let (page, changes) = rendered(&home, vec![price(1, 1920)], blocks);
    assert_eq!(
        (page.matches(">$19.20<").count(), page.matches("lost").count(), page.matches("shown").count()),
        (1, 0, 1)
    );
    assert!(changes.iter().any(|change| matches!(change, Change::Block { missing: Some(_), .. })));
}

#[test]
fn a_price_that_is_not_lower_is_refused() {
    let page = category(&simple_row(1, "24", "$24.00"));
    for units in [2401, -1] {
        let (after, changes) = rendered(&page, vec![price(1, units)], vec![]);
        assert_eq!(after, page);
        assert_eq!(changes, [Change::Refused { product: ProductId(1), reason: Refusal::NotLower }]);
    }
    assert_eq!(rendered(&page, vec![price(1, 2400)], vec![]).0, page);
    assert_eq!(
        rendered(&page, vec![price(2, 1)], vec![]).1,
        [Change::Refused { product: ProductId(2), reason: Refusal::NotOnPage }]
    );
}

#[test]
fn pages_that_cannot_be_read_say_so() {
    assert!(matches!(Plan::compile(b"<html>\xff"), Err(PlanError::NotUtf8 { at: 6 })));
    assert!(matches!(Plan::compile("<i class=price>".repeat(10_000).as_bytes()), Err(PlanError::TooComplex { .. })));
    assert!(matches!(Plan::compile("<div>".repeat(300_000).as_bytes()), Err(PlanError::Parser(_))));
}

/// Pieces that end, open or hide what they should not.
const ACCIDENTS: [&str; 26] = [
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<template>",
    "</template>",
    "<noscript>",
    "</div>",
    "</span>",
    "<span>",
    "<div>",
    "</main>",
    "</body>",
    "</head>",
    "\"",
    "'",
    ">",
    "<",
    "&",
    "<p>",
    "</p>",
    "<table>",
    "<svg>",
    "<li>",
    "</form>",
    "<a>",
];

fn sample(config: &str) -> String {
    let related = format!(
        "{}{}",
        simple_row(2, "45", "$45.00"),
        row(3, &price_box(3, &special(3, ("1024.5", "$1,024.50"), ("2000", "$2,000.00"))))
    );
    let page = product("", config, &related);
    // The menu is long, and accidents there are accidents everywhere.
    let (before, rest) = page.split_once("<nav").expect("a menu");
    let (_, after) = rest.split_once("</nav>").expect("an end of the menu");
    format!("{before}{after}")
}

fn at(text: &str, share: f64) -> usize {
    let mut at = (text.len() as f64 * share) as usize;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn mutated(config: &str, edits: &[(f64, f64, usize)]) -> String {
    let mut page = sample(config);
    for (from, length, kind) in edits {
        let start = at(&page, *from);
        let end = (start + (length * 60.0) as usize).min(page.len());
        let end = at(&page, end as f64 / page.len() as f64).max(start);
        match kind {
            0 => page.replace_range(start..end, ""),
            1 => {
                let copy = page[start..end].to_owned();
                page.insert_str(start, &copy);
            }
            kind => page.insert_str(start, ACCIDENTS[kind % ACCIDENTS.len()]),
        }
    }
    page
}

/// Checks a page that was lowered by a fifth as a browser reads it: each product in every place, or in none.
fn all_or_nothing(page: &str) -> Result<(), TestCaseError> {
    let plan = Plan::compile(page.as_bytes()).expect("a small page");
    let nothing = render(&plan, page.as_bytes(), &Selection::default(), &Dressing::default());
    prop_assert_eq!(&nothing.bytes[..], page.as_bytes());
    let lower = |price: Decimal| (price * Decimal::new(8, 1)).round_dp(2);
    let prices = plan.facts().products.iter().map(|product| changed(product, lower));
    let rendered = render(
        &plan,
        page.as_bytes(),
        &Selection { prices: prices.collect(), ..Selection::default() },
        &Dressing::default(),
    );
    let (old, new) = (Page::parse(page.as_bytes()).places(), Page::parse(&rendered.bytes).places());
    prop_assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
    for (id, places) in &new {
        let known = plan.facts().products.iter().find(|product| product.id.0 == *id);
        match known {
            None => prop_assert_eq!(places, &old[id], "product {} is left alone", id),
            Some(product) => {
                let wanted = lower(leading(product)).normalize().to_string();
                let finals = places.amounts.iter().filter(|(kind, _)| kind == "finalPrice");
                prop_assert!(finals.clone().all(|(_, amount)| *amount == wanted), "product {} has {:?}", id, places);
                prop_assert!(places.amounts.iter().any(|(_, amount)| *amount == wanted));
                let lowered = |places: &Places| {
                    let printed =
                        places.printed.iter().filter(|(kind, _)| ["finalPrice", "basePrice"].contains(&&**kind));
                    printed.map(|(_, amount)| amount.clone()).collect::<Vec<_>>()
                };
                prop_assert!(
                    lowered(places).iter().all(|amount| *amount == wanted),
                    "product {} prints {:?}",
                    id,
                    places
                );
                prop_assert_eq!(lowered(places).len(), lowered(&old[id]).len());
                let cents = (lower(leading(product)) * Decimal::ONE_HUNDRED).normalize().to_string();
                let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
                let mut texts = places.texts.iter().filter(|(kind, _)| kind == "finalPrice");
                prop_assert!(texts.all(|(_, text)| digits(text) == cents), "product {} shows {:?}", id, places);
            }
        }
    }
    Ok(())
}

#[test]
fn a_row_that_swallows_the_next_one_is_judged_by_its_own_texts() {
    let edits = [(0.9336150217083855, 0.0, 7), (0.5771920379715514, 0.0, 21)];
    all_or_nothing(&mutated(",\"tierPrices\":[]", &edits)).expect("the product is left whole");
    all_or_nothing(&mutated(&printed("24", "24"), &edits)).expect("the product is left whole");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn accidents_leave_products_whole(edits in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64, 0usize..30), 1..6)) {
        all_or_nothing(&mutated(",\"tierPrices\":[]", &edits))?;
        all_or_nothing(&mutated(&printed("24", "24"), &edits))?;
    }

    #[test]
    fn compiling_and_rendering_are_total(bytes in prop::collection::vec(any::<u8>(), 0..400), pieces in prop::collection::vec(0usize..26, 0..40)) {
        let mut page = bytes;
        for piece in pieces {
            page.extend_from_slice(ACCIDENTS[piece].as_bytes());
        }
        if let Ok(plan) = Plan::compile(&page) {
            prop_assert_eq!(render(&plan, &page, &Selection::default(), &Dressing::default()).bytes, page);
        }
    }
}
