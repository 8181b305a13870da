//! A small Luma-like shop's pages, written by hand.

use serde_json::{Value, json};

pub const VIP: &str = "11111111-1111-4111-8111-111111111111";
pub const WHOLESALE: &str = "22222222-2222-4222-8222-222222222222";

/// A price box as Magento renders it for a simple product without a discount.
pub fn price_box(id: u32, raw: &str, text: &str) -> String {
    format!(
        r#"<div class="price-box price-final_price" data-role="priceBox" data-product-id="{id}" data-price-box="product-id-{id}">


<span class="price-container price-final_price&#x20;tax&#x20;weee"
        >
        <span  id="product-price-{id}"                data-price-amount="{raw}"
        data-price-type="finalPrice"
        class="price-wrapper "
    ><span class="price">{text}</span></span>
        </span>

</div>"#
    )
}

/// A page of a kind (its body class) with these products in a grid.
pub fn page(body_class: &str, products: &[(u32, &str, &str)]) -> String {
    let rows: String = products
        .iter()
        .map(|(id, raw, text)| {
            format!(
                "<li class=\"item product product-item\"><div class=\"product-item-info\"><!-- ko --><!-- /ko -->{}\
                 <form data-role=\"tocart-form\" data-product-sku=\"sku-{id}\" action=\"/checkout/cart/add/product/{id}/\" \
                 method=\"post\"><input type=\"hidden\" name=\"product\" value=\"{id}\"></form></div></li>\n",
                price_box(*id, raw, text)
            )
        })
        .collect();
    format!(
        r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"/>
<title>Shop</title></head>
<body data-container="body" class="{body_class} page-layout-1column">
<div class="page-wrapper"><header class="page-header"></header>
<main id="maincontent" class="page-main"><a id="contentarea" tabindex="-1"></a>
<div class="page messages"></div><div class="columns"><div class="column main">
<div class="products wrapper grid products-grid"><ol class="products list items product-items">
{rows}</ol></div></div></div></main>
<footer class="page-footer"><div class="footer content"><small class="copyright">Shop</small></div></footer></div>
</body></html>
"#
    )
}

/// A home page with two products at $10.00 and $1,250.50.
pub fn home() -> String {
    page("cms-home cms-index-index", &[(1, "10", "$10.00"), (2, "1250.5", "$1,250.50")])
}

/// VIPs get 20 % off and a hero, everyone else another hero.
pub fn rules() -> Value {
    json!({
        "version": 1,
        "audiences": [
            { "id": VIP, "name": "VIP", "origin": "Experience Platform" },
            { "id": WHOLESALE, "name": "Wholesale", "origin": "Experience Platform" },
        ],
        "offers": [{
            "id": "vip", "name": "VIP 20 %", "audiences": { "any": [VIP] }, "priority": 1, "action": "by_percent",
            "amount": 20, "products": "all", "labels": { "default": "VIP price" },
            "charge": { "type": "origin", "rule_id": 1 },
        }],
        "blocks": [
            {
                "id": "vip-hero", "name": "VIP hero", "audiences": { "any": [VIP] }, "placement": "page-top",
                "page_kinds": ["home"], "priority": 1, "rotation": "first",
                "html": { "default": "<p class=\"hero\">Hello VIP</p>" },
            },
            {
                "id": "hero", "name": "Hero", "placement": "page-top", "page_kinds": ["home"], "priority": 9,
                "rotation": "first", "html": { "default": "<p class=\"hero\">Hello all</p>" },
            },
        ],
    })
}
