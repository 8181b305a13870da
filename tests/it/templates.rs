//! What Magento's own templates print, one by one: each product is changed whole, or left alone for a reason.

use segue::page::ProductId;
use segue::rewrite::plan::Plan;

use crate::checker::{Checker, Offer};
use crate::luma::{category, container, page, price_box, row, wrapper};

/// A price with the label before it.
fn labelled(label: &str, wrapper: &str) -> String {
    container(&format!("<span class=\"price-label\">{label}</span>\n{wrapper}"))
}

/// A price with tax and, by Magento's name for it, without.
fn twins(
    id: &str,
    kind: &str,
    (with, text): (&str, &str),
    base_kind: &str,
    (without, base_text): (&str, &str),
) -> String {
    format!(
        "<span  id=\"price-including-tax-{id}\"        data-label=\"Incl.&#x20;Tax\"        data-price-amount=\"{with}\"\n        data-price-type=\"{kind}\"\n        class=\"price-wrapper price-including-tax\"\n    ><span class=\"price\">{text}</span></span>\n            \n\n    <span id=\"price-excluding-tax-{id}\"\n          data-label=\"Excl.&#x20;Tax\"\n          data-price-amount=\"{without}\"\n          data-price-type=\"{base_kind}\"\n          class=\"price-wrapper price-excluding-tax\">\n        <span class=\"price\">{base_text}</span></span>"
    )
}

fn wish(content: &str) -> String {
    let own = price_box(7, content).replace("price-box price-final_price", "price-box price-configured_price");
    page(
        "account wishlist-index-index page-layout-2columns-left",
        "",
        &format!("<ol class=\"product-items\">{}</ol>", row(7, &own)),
    )
}

/// Why product 7 is left alone; nothing where it is understood.
fn reason(page: &str) -> Option<&'static str> {
    let plan = Plan::compile(page.as_bytes()).expect("a small page");
    let left = plan.left_alone().iter().find(|left| left.product == ProductId(7)).map(|left| left.reason.as_str());
    assert_eq!(left.is_none(), plan.facts().products.iter().any(|product| product.id == ProductId(7)), "seen at all");
    left
}

/// The page after an offer of a fifth, in which nothing contradicts anything.
fn reduced(page: &str, view: &str) -> String {
    let after = crate::every_price::reduced_by_a_fifth(page, view);
    let rates = [19.into()];
    let rates: &[_] = if view == "default" { &[] } else { &rates };
    let found = Checker::new(page, rates).check(&after, Offer::Percent(20.into()));
    assert_eq!(found.contradictions, Vec::<String>::new());
    assert!(found.changed.contains(&7));
    after
}

#[test]
fn bundles_are_read_in_every_branch() {
    let old = |amount: &str, text: &str| {
        format!(
            "<span class=\"old-price\">{}</span>",
            labelled("Regular Price", &wrapper("old-price-7", amount, "", text))
        )
    };
    let lowest = labelled("As low as", &wrapper("from-7", "24.1", "", "$24.10"));
    let both = |class: &str, label: &str, kind: &str, with: (&str, &str), base: &str, without: (&str, &str)| {
        format!(
            "<p class=\"price-{class}\">{}</p>",
            labelled(label, &twins(&format!("{class}-7"), kind, with, base, without))
        )
    };
    for content in [
        format!("<p class=\"minimal-price\">{lowest}</p>"),
        format!("<p class=\"minimal-price\">{lowest}{}</p>", old("32", "$32.00")),
        container(&wrapper("product-price-7", "24.1", "", "$24.10")),
        format!("{}{}", container(&wrapper("product-price-7", "24.1", "", "$24.10")), old("32", "$32.00")),
        both("from", "From", "minPrice", ("11.9", "€11.90"), "baseMinPrice", ("10", "€10.00"))
            + &both("to", "To", "maxPrice", ("23.8", "€23.80"), "baseMaxPrice", ("20", "€20.00")),
        container(&twins("product-price-7", "", ("11.9", "€11.90"), "base", ("10", "€10.00"))),
    ] {
        let page = category(&row(7, &price_box(7, &content)));
        assert_eq!(reason(&page), None, "{content}");
    }
}

/// A fixed bundle with an option that may be left out is cheapest without it.
#[test]
fn a_bundle_may_be_bought_without_its_optional_parts() {
    let page = crate::shelf::all().into_iter().find(|shelf| shelf.name == "fixed bundle").expect("a page").page;
    let page = page.replace("product-id=\"20\"", "product-id=\"7\"").replace("-id-20", "-id-7");
    let page = page.replace("\"bundleId\":\"20\"", "\"bundleId\":\"7\"").replace("\"productId\":20", "\"productId\":7");
    let page = page.replace("name=\"product\" value=\"20\"", "name=\"product\" value=\"7\"");
    let optional = page.replacen("\"45\"", "\"40\"", 1).replacen("$45.00", "$40.00", 1);
    assert_ne!(page, optional);
    let after = reduced(&optional, "default");
    assert!(after.contains("$32.00</span>") && after.contains("$38.80</span>"), "{after}");
    assert_eq!(reason(&page.replacen("\"45\"", "\"41\"", 1).replacen("$45.00", "$41.00", 1)), Some("contradiction"));
}

#[test]
fn a_wish_list_shows_what_was_chosen() {
    let now = |label: &str| labelled(label, &wrapper("product-price-7", "24.1", "finalPrice", "$24.10"));
    let was = labelled("Regular Price", &wrapper("old-price-7", "32", "oldPrice", "$32.00"));
    let plain = container(&wrapper("product-price-7", "24.1", "finalPrice", "$24.10"));
    for content in [
        format!("<p class=\"price-as-configured\">{plain}</p>"),
        format!(
            "<p class=\"price-as-configured\">\n<span class=\"special-price\">{}</span>\n<span class=\"old-price\">{was}</span>\n</p>",
            now("Special Price")
        ),
    ] {
        assert_eq!(reason(&wish(&content)), None, "{content}");
    }
    let alone =
        format!("<p class=\"price-as-configured\"><span class=\"special-price\">{}</span></p>", now("Special Price"));
    assert_eq!(reason(&wish(&alone)), Some("unknown-markup"));
}

#[test]
fn a_fixed_product_tax_is_not_reduced() {
    let tax = "<span class=\"weee\"\n data-price-type=\"weee\"\n data-label=\"Recycling\">\n                            $2.00</span>";
    let own = wrapper("product-price-7", "24", "finalPrice", "$24.00");
    let sum = "<span class=\"price-final price-final_price\"\n data-price-type=\"weeePrice\"\n data-price-amount=\"26\"\n data-label=\"Final&#x20;Price\"><span class=\"price\">$26.00</span></span>";
    let within = category(&row(7, &price_box(7, &container(&format!("{own}{tax}")))));
    let beside = category(&row(7, &price_box(7, &container(&format!("{own}{tax}{sum}")))));
    assert_eq!((reason(&within), reason(&beside)), (None, None));
    // With both sides of the tax it cannot be told which of the two a price has in it.
    let both = twins("product-price-7", "finalPrice", ("23.8", "€23.80"), "basePrice", ("20", "€20.00"));
    let both = category(&row(7, &price_box(7, &container(&format!("{both}{}", tax.replace('$', "€"))))));
    assert_eq!(reason(&both), Some("fixed-tax"));
}

#[test]
fn members_with_prices_by_quantity_are_left_alone() {
    let member =
        |id: u64| price_box(id, &container(&wrapper(&format!("product-price-{id}"), "24", "finalPrice", "$24.00")));
    let tier = container(&wrapper("0", "20", "", "$20.00")).replace("price-final_price", "price-tier_price");
    let tiers = format!(
        "<tr class=\"row-tier-price\"><td colspan=\"2\"><ul class=\"prices-tier items\"><li class=\"item\">Buy 5 for {tier} each and <strong class=\"benefit\">save<span class=\"percent tier-0\">&nbsp;17</span>%</strong></li></ul></td></tr>"
    );
    let table = |after: &str| {
        let rows = format!("<tr><td>{}</td></tr>{after}<tr><td>{}</td></tr>", member(7), member(8));
        let column = format!(
            "<div class=\"product-info-main\">{}<form id=\"product_addtocart_form\"><input type=\"hidden\" name=\"product\" value=\"6\"/><table id=\"super-product-table\"><tbody>{rows}</tbody></table></form></div>",
            price_box(6, "<div class=\"price-box\"></div>")
        );
        page("page-product-grouped catalog-product-view", "", &column)
    };
    assert_eq!((reason(&table("")), reason(&table(&tiers))), (None, Some("loose-price")));
    let plan = Plan::compile(table(&tiers).as_bytes()).expect("a small page");
    assert!(plan.facts().products.iter().any(|product| product.id == ProductId(8)), "the next member has none");
}

/// A product page whose percent option says both prices as the template prints them: without the tags around them.
fn percent_option(text: &str) -> String {
    let set = r#""oldPrice":{"amount":11.9,"adjustments":[]},"basePrice":{"amount":10,"adjustments":[]},"finalPrice":{"amount":11.9,"adjustments":[]}"#;
    let config = format!(
        r#"<script type="text/x-magento-init">{{"[data-role=priceBox][data-price-box=product-id-7]":{{"priceBox":{{"priceConfig":{{"productId":7,"prices":{{{set}}}}}}}}}}}</script>"#
    );
    let options = r##"<script type="text/x-magento-init">{"#product_addtocart_form":{"priceOptions":{"optionConfig":{"2":{"3":{"prices":{"oldPrice":{"amount":2.38,"adjustments":[]},"basePrice":{"amount":2},"finalPrice":{"amount":2.38}},"type":"percent","name":"Gloss"}}}}}}</script>"##;
    let shown = price_box(
        7,
        &container(&twins("product-price-7", "finalPrice", ("11.9", "€11.90"), "basePrice", ("10", "€10.00"))),
    );
    let column = format!(
        "<div class=\"product-info-main\">{shown}<form id=\"product_addtocart_form\"><input type=\"hidden\" name=\"product\" value=\"7\"/>{options}<select name=\"options[2]\"><option value=\"3\"  price=\"2\" >{text}</option></select></form>{config}</div>"
    );
    page("page-product-simple catalog-product-view", "", &column)
}

#[test]
fn both_prices_in_the_text_of_an_option_follow() {
    for text in ["Gloss +\n\n\n        €2.38\n    \n\n        €2.00\n        \n", "Gloss +€2.38 (Excl. tax: €2.00)"]
    {
        let page = percent_option(text);
        assert_eq!(reason(&page), None, "{text}");
        let after = reduced(&page, "en_eur");
        let changed = text.replace("2.38", "1.90").replace("2.00", "1.60");
        assert!(after.contains(&changed), "{after}");
    }
    for text in ["Gloss +€2.38 €2.00 each", "Gloss +€2.38 (Excl. tax: €2.10)"] {
        assert_eq!(reason(&percent_option(text)), Some("options"), "{text}");
    }
}

#[test]
fn what_these_templates_print_is_changed_without_contradiction() {
    let lowest = labelled("As low as", &wrapper("from-7", "24.1", "", "$24.10"));
    reduced(&category(&row(7, &price_box(7, &format!("<p class=\"minimal-price\">{lowest}</p>")))), "default");
}
