//! Pages as a Luma storefront writes them, by hand: the fixtures of the rewrite's tests and benchmarks.

use std::fmt::Write as _;

/// How the shop of these pages prints prices.
pub const FORMAT: &str = r#"{"pattern":"$%s","precision":2,"requiredPrecision":2,"decimalSymbol":".","groupSymbol":",","groupLength":3,"integerRequired":false}"#;

/// A wrapper with a price.
pub fn wrapper(id: &str, amount: &str, kind: &str, text: &str) -> String {
    format!(
        "<span  id=\"{id}\"                data-price-amount=\"{amount}\"\n        data-price-type=\"{kind}\"\n        class=\"price-wrapper \"\n    ><span class=\"price\">{text}</span></span>"
    )
}

/// A container with what it holds.
pub fn container(content: &str) -> String {
    format!(
        "\n\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n        >\n        {content}\n        </span>\n"
    )
}

/// The price of a product without discount.
pub fn plain(id: u64, amount: &str, text: &str) -> String {
    container(&wrapper(&format!("product-price-{id}"), amount, "finalPrice", text))
}

/// The price of a product with a discount.
pub fn special(id: u64, (amount, text): (&str, &str), (old, old_text): (&str, &str)) -> String {
    let now = container(&format!(
        "<span class=\"price-label\">Special Price</span>\n{}",
        wrapper(&format!("product-price-{id}"), amount, "finalPrice", text)
    ));
    let was = container(&format!(
        "<span class=\"price-label\">Regular Price</span>\n{}",
        wrapper(&format!("old-price-{id}"), old, "oldPrice", old_text)
    ));
    format!("<span class=\"special-price\">{now}</span>\n<span class=\"old-price\">{was}</span>\n")
}

/// A price box.
pub fn price_box(id: u64, content: &str) -> String {
    format!(
        "<div class=\"price-box price-final_price\" data-role=\"priceBox\" data-product-id=\"{id}\" data-price-box=\"product-id-{id}\">{content}</div>"
    )
}

/// A row of a product list, with what stands in its details.
pub fn row(id: u64, details: &str) -> String {
    format!(
        r##"<li class="item product product-item"><div class="product-item-info" data-container="product-grid">
<a href="https://shop.example/p{id}.html" class="product photo product-item-photo" tabindex="-1"><span class="product-image-container product-image-container-{id}">
<span class="product-image-wrapper"><img class="product-image-photo" src="https://shop.example/media/p/{id}.jpg" loading="lazy" width="240" height="300" alt="Product&#x20;{id}"/></span></span></a>
<div class="product details product-item-details"><strong class="product name product-item-name"><a class="product-item-link" href="https://shop.example/p{id}.html">Product {id}</a></strong>
{details}
<div class="product-item-inner"><div class="product actions product-item-actions"><div class="actions-primary">
<form data-role="tocart-form" data-product-sku="SKU-{id}" action="https://shop.example/checkout/cart/add/uenc/aHR0/product/{id}/" data-mage-init='{{"catalogAddToCart": {{}}}}' method="post">
<input type="hidden" name="product" value="{id}"><input type="hidden" name="uenc" value="aHR0"><input name="form_key" type="hidden" value="abc" />
<button type="submit" title="Add to Cart" class="action tocart primary"><span>Add to Cart</span></button></form></div>
<div data-role="add-to-links" class="actions-secondary"><a href="#" class="action towishlist" data-post='{{"action":"https:\/\/shop.example\/wishlist\/index\/add\/","data":{{"product":{id}}}}}'><span>Add to Wish List</span></a></div>
</div></div></div></div></li>
"##
    )
}

/// A row of a simple product.
pub fn simple_row(id: u64, amount: &str, text: &str) -> String {
    row(id, &price_box(id, &plain(id, amount, text)))
}

/// A row of a configurable product with swatches, as it is in grids.
pub fn configurable_row(id: u64, children: u64) -> String {
    let set = "\"oldPrice\":{\"amount\":45},\"basePrice\":{\"amount\":45},\"finalPrice\":{\"amount\":45}";
    let prices: Vec<String> = (0..children).map(|child| format!("\"{child}\":{{{set},\"tierPrices\":[]}}")).collect();
    let prices = prices.join(",");
    let content = format!(
        "<span class=\"normal-price\">{}</span>",
        container(&format!(
            "<span class=\"price-label\">As low as</span>\n{}",
            wrapper(&format!("product-price-{id}"), "45", "finalPrice", "$45.00")
        ))
    );
    let scripts = format!(
        r#"<div class="swatch-opt-{id}" data-role="swatch-option-{id}"></div><script type="text/x-magento-init">{{"[data-role=swatch-option-{id}]":{{"Magento_Swatches/js/swatch-renderer":{{"jsonConfig":{{"optionPrices":{{{prices}}},"prices":{{{set}}},"productId":"{id}"}},"jsonSwatchConfig":{{}}}}}}}}</script>
<script type="text/x-magento-init">{{"[data-role=priceBox][data-price-box=product-id-{id}]":{{"priceBox":{{"priceConfig":{{"priceFormat":{FORMAT},"prices":{{"finalPrice":{{"amount":45}}}}}}}}}}}}</script>"#
    );
    row(id, &format!("{}{scripts}", price_box(id, &content)))
}

/// A whole page: body classes, head, what stands in the main column.
pub fn page(class: &str, head: &str, column: &str) -> String {
    let mut menu = String::new();
    for nth in 0..40 {
        let _ = writeln!(
            menu,
            "<li class=\"level0 nav-{nth} category-item level-top parent\"><a href=\"https://shop.example/c{nth}.html\" class=\"level-top\" id=\"ui-id-{nth}\"><span>Category {nth}</span></a></li>"
        );
    }
    format!(
        r##"<!doctype html>
<html lang="en">
<head prefix="og: http://ogp.me/ns#">
<meta charset="utf-8"/><title>Shop</title>
<link rel="stylesheet" type="text/css" media="all" href="https://shop.example/static/styles-m.css" />
<script type="text/javascript" src="https://shop.example/static/require.js"></script>
{head}
</head>
<body data-container="body" data-mage-init='{{"loaderAjax": {{}}}}' id="html-body" class="{class}">
<script type="text/x-magento-init">{{"*":{{"cookieStatus":{{}}}}}}</script>
<noscript><div class="message global noscript">Please turn JavaScript on.</div></noscript>
<div class="page-wrapper"><header class="page-header"><div class="panel wrapper"><div class="panel header"><a class="action skip contentarea" href="#contentarea"><span>Skip to Content</span></a>
<div class="switcher language switcher-language" data-ui-id="language-switcher" id="switcher-language"><strong class="label switcher-label"><span>Language</span></strong><div class="actions dropdown options switcher-options"><div class="action toggle switcher-trigger"><strong class="view-default"><span>English</span></strong></div><ul class="dropdown switcher-dropdown"><li class="view-de switcher-option"><a href="#">Deutsch</a></li></ul></div></div>
<div class="switcher currency switcher-currency" id="switcher-currency"><strong class="language-USD"><span>USD - US Dollar</span></strong></div>
<ul class="header links"><li class="greet welcome" data-bind="scope: 'customer'"><!-- ko if: customer().fullname --><span class="logged-in" data-bind="text: customer().fullname"></span><!-- /ko --></li></ul></div></div></header>
<div class="sections nav-sections"><nav class="navigation"><ul>{menu}</ul></nav></div>
<main id="maincontent" class="page-main"><a id="contentarea" tabindex="-1"></a><div class="page messages"><div data-bind="scope: 'messages'"></div></div>
<div class="columns"><div class="column main">{column}</div><div class="sidebar sidebar-additional"><div class="block block-compare"></div></div></div></main>
<footer class="page-footer"><div class="footer content"><div class="block newsletter"></div><ul class="footer links"><li class="nav item">About</li></ul></div></footer>
<!-- BLOCK end --></div></body>
</html>
"##
    )
}

/// A category page with these rows.
pub fn category(rows: &str) -> String {
    let column = format!(
        "<div class=\"products wrapper grid products-grid\"><ol class=\"products list items product-items\">{rows}</ol></div><div class=\"filter-options\"><span class=\"price\">$0.00</span> - <span class=\"price\">$99.99</span></div>"
    );
    page("page-products catalog-category-view page-layout-2columns-left", "", &column)
}

/// What follows the format in the price script of a product whose box prints the script's prices.
pub fn printed(amount: &str, old: &str) -> String {
    format!(
        r#","prices":{{"baseOldPrice":{{"amount":{old},"adjustments":[]}},"oldPrice":{{"amount":{old},"adjustments":[]}},"basePrice":{{"amount":{amount},"adjustments":[]}},"finalPrice":{{"amount":{amount},"adjustments":[]}}}},"idSuffix":"_clone","tierPrices":[],"calculationAlgorithm":"TOTAL_BASE_CALCULATION""#
    )
}

/// The price script of a product.
pub fn price_script(id: u64, config: &str) -> String {
    format!(
        r#"<script type="text/x-magento-init">{{"[data-role=priceBox][data-price-box=product-id-{id}]":{{"priceBox":{{"priceConfig":  {{"productId":{id},"priceFormat":{FORMAT}{config}}}}}}}}}</script>"#
    )
}

/// The list of a downloadable product's links, each of which costs `price`; `link` stands in front of the one link's name.
pub fn links(price: &str, link: &str) -> String {
    format!(
        r##"<div class="field downloads"><div class="control" id="downloadable-links-list"
 data-mage-init='{{"downloadable":{{
     "linkElement":"input:checkbox[value]", "allElements":"#links_all",
     "config":&#x7B;&quot;links&quot;&#x3A;&#x7B;&quot;1&quot;&#x3A;&#x7B;&quot;finalPrice&quot;&#x3A;{price},&quot;basePrice&quot;&#x3A;{price}&#x7D;&#x7D;&#x7D;}}
 }}' data-container-for="downloadable-links"><div class="field choice" data-role="link">{link}<label class="label" for="links_1"><span>A guide</span></label></div></div></div>"##
    )
}

/// The product page of product 1 at $24.00; `extra` stands in its form, `config` follows the format in its price script.
pub fn product(extra: &str, config: &str, related: &str) -> String {
    let offer = price_box(1, &plain(1, "24", "$24.00"))
        .replace("\n        >\n        <span  id", " itemprop=\"offers\" itemscope itemtype=\"http://schema.org/Offer\">\n        <span  id")
        .replace("\n        </span>\n</div>", "<meta itemprop=\"price\" content=\"24\" />\n<meta itemprop=\"priceCurrency\" content=\"USD\" />\n        </span>\n</div>");
    let column = format!(
        r#"<div class="product-info-main"><h1 class="page-title"><span class="base" itemprop="name">Bag</span></h1><div class="product-info-price">{offer}
<div class="product-info-stock-sku"><div class="product attribute sku"><div class="value" itemprop="sku">SKU-1</div></div></div></div>
<div class="product-add-form"><form data-product-sku="SKU-1" action="https://shop.example/checkout/cart/add/product/1/" method="post" id="product_addtocart_form"><input type="hidden" name="product" value="1" /><input type="hidden" name="item" value="1" />{extra}</form></div>
<script type="text/x-magento-init">{{"[data-role=priceBox][data-price-box=product-id-1]":{{"priceBox":{{"priceConfig":  {{"productId":"1","priceFormat":{FORMAT}{config}}}}}}}}}</script></div>
<div class="block related"><ol class="products list items product-items">{related}</ol></div>"#
    );
    let head = "<meta property=\"og:type\" content=\"product\" />\n<meta property=\"product:price:amount\" content=\"24\"/>\n<meta property=\"product:price:currency\" content=\"USD\"/>";
    page("catalog-product-view product-bag page-layout-1column", head, &column)
}
