//! Pages of every type of product as Luma writes them, by hand and short: the pages that the fuzzer breaks.

use crate::luma::{FORMAT, configurable_row, container, page, plain, price_box, row, simple_row, special, wrapper};

/// How the shop prints prices in euro.
const EURO: &str = r#"{"pattern":"\u20ac%s","precision":2,"requiredPrecision":2,"decimalSymbol":".","groupSymbol":",","groupLength":3,"integerRequired":false}"#;

/// A page with the code of the store view that it is of.
pub struct Shelf {
    pub name: &'static str,
    pub view: &'static str,
    pub page: String,
}

/// How many there are.
pub const COUNT: usize = 10;

/// One page of each type.
pub fn all() -> Vec<Shelf> {
    let shelf = |name, view, page: String| Shelf { name, view, page: without_menu(&page) };
    vec![
        shelf("category", "default", category()),
        shelf(
            "swatches",
            "default",
            configurable(r#""[data-role=swatch-options]":{"Magento_Swatches/js/swatch-renderer":{"jsonConfig":"#),
        ),
        shelf("dropdown", "default", configurable(r##""#product_addtocart_form":{"configurable":{"spConfig":"##)),
        shelf("bundle", "default", bundle()),
        shelf("fixed bundle", "default", fixed_bundle()),
        shelf("grouped", "default", grouped()),
        shelf("options", "default", options()),
        shelf("tiers", "default", tiers()),
        shelf("downloadable", "default", downloadable()),
        shelf("both", "en_eur", both()),
    ]
}

/// The menu is long, and accidents there are accidents everywhere.
fn without_menu(page: &str) -> String {
    let (before, rest) = page.split_once("<nav").expect("a menu");
    let (_, after) = rest.split_once("</nav>").expect("an end of the menu");
    format!("{before}{after}")
}

/// What a product page is made of.
#[derive(Default)]
struct Parts<'a> {
    kind: &'a str,
    id: u64,
    /// What its main box shows.
    price: String,
    /// What follows the box.
    beside: String,
    /// What stands in its form.
    form: String,
    /// What follows the form.
    scripts: String,
    /// Amount that metas state.
    stated: &'a str,
    currency: &'a str,
}

fn product_page(parts: &Parts<'_>) -> String {
    let Parts { kind, id, price, beside, form, scripts, stated, currency } = parts;
    let column = format!(
        r#"<div class="product-info-main"><h1 class="page-title"><span class="base" itemprop="name">It</span></h1><div class="product-info-price">{}<div class="product-info-stock-sku"><div class="product attribute sku"><div class="value" itemprop="sku">SKU-{id}</div></div></div></div>{beside}
<div class="product-add-form"><form data-product-sku="SKU-{id}" action="https://shop.example/checkout/cart/add/product/{id}/" method="post" id="product_addtocart_form"><input type="hidden" name="product" value="{id}" /><input type="hidden" name="item" value="{id}" />{form}</form></div>
{scripts}</div>
<div class="block related"><ol class="products list items product-items">{}</ol></div>"#,
        price_box(*id, price),
        simple_row(90, "24", "$24.00").replace('$', if *currency == "EUR" { "€" } else { "$" })
    );
    let currency = if currency.is_empty() { "USD" } else { currency };
    let metas = if stated.is_empty() {
        String::new()
    } else {
        format!(
            "<meta property=\"product:price:amount\" content=\"{stated}\"/>\n<meta property=\"product:price:currency\" content=\"{currency}\"/>"
        )
    };
    page(&format!("page-product-{kind} catalog-product-view product-it page-layout-1column"), &metas, &column)
}

/// Amounts of one price without discount, as scripts get them.
fn set(amount: &str) -> String {
    format!(
        r#""baseOldPrice":{{"amount":{amount}}},"oldPrice":{{"amount":{amount}}},"basePrice":{{"amount":{amount}}},"finalPrice":{{"amount":{amount}}}"#
    )
}

fn init(target: &str, widgets: &str) -> String {
    format!(
        "<script type=\"text/x-magento-init\">\n    {{\n        \"{target}\": {{\n            {widgets}\n        }}\n    }}\n</script>\n"
    )
}

fn price_config(id: u64, more: &str) -> String {
    init(
        &format!("[data-role=priceBox][data-price-box=product-id-{id}]"),
        &format!(r#""priceBox": {{"priceConfig":  {{"productId":{id},"priceFormat":{FORMAT}{more}}}            }}"#),
    )
}

fn printed(amount: &str) -> String {
    format!(
        r#","prices":{{{}}},"idSuffix":"_clone","tierPrices":[],"calculationAlgorithm":"TOTAL_BASE_CALCULATION""#,
        set(amount)
    )
}

/// What the browser is to keep of a product that is shown without tax.
fn provider(id: u64, kind: &str, amount: &str, text: &str) -> String {
    let shown = format!(r#""<span class=\"price\">{text}<\/span>""#);
    let numbers = format!(
        r#""final_price":{amount},"max_price":{amount},"max_regular_price":{amount},"minimal_regular_price":{amount},"special_price":null,"minimal_price":{amount},"regular_price":{amount},"formatted_prices":{{"final_price":{shown},"max_price":{shown},"minimal_price":{shown},"max_regular_price":{shown},"minimal_regular_price":null,"special_price":null,"regular_price":{shown}}}"#
    );
    init(
        "*",
        &format!(
            r#""Magento_Catalog/js/product/view/provider": {{"data": {{"items":{{"{id}":{{"price_info":{{{numbers},"extension_attributes":{{"msrp":{{"msrp_price":"<span class=\"price\">$0.00<\/span>"}},"tax_adjustments":{{{numbers}}},"weee_attributes":[],"weee_adjustment":{shown}}}}},"id":{id},"name":"It","type":"{kind}","store_id":1,"currency_code":"USD"}}}},"store":"1","currency":"USD"}}}}"#
        ),
    )
}

fn labelled(label: &str, wrapper: &str) -> String {
    container(&format!("<span class=\"price-label\">{label}</span>\n        {wrapper}"))
}

fn old(id: u64, kind: &str, amount: &str, text: &str) -> String {
    format!(
        "<span class=\"old-price\">{}</span>",
        labelled("Regular Price", &wrapper(&format!("old-price-{id}"), amount, kind, text))
    )
}

/// What a choice adds, beside its label.
fn notice(amount: &str, text: &str) -> String {
    format!(
        "<span class=\"price-notice\">+\n\n<span class=\"price-container tax&#x20;weee\"\n        >\n        <span                 data-price-amount=\"{amount}\"\n        data-price-type=\"\"\n        class=\"price-wrapper \"\n    >{text}</span>\n        </span>\n</span>"
    )
}

fn range(id: u64) -> String {
    let end = |class: &str, label: &str, kind: &str, amount: &str, text: &str| {
        format!(
            "<p class=\"price-{class}\">{}",
            labelled(label, &wrapper(&format!("{class}-{id}"), amount, kind, text))
        )
    };
    format!(
        "{}{}</p>{}</p>",
        end("from", "From", "minPrice", "37.54", "$37.54"),
        old(id, "", "41", "$41.00"),
        end("to", "To", "maxPrice", "49", "$49.00")
    )
}

fn category() -> String {
    let starting = format!(
        "<div class=\"price-box\"><p class=\"minimal-price\"><span class=\"price-label\">Starting at</span>{}</p></div>",
        container(&wrapper("product-minimal-price-5", "14", "", "$14.00"))
    );
    let link = container(
        "<span class=\"price-label\">As low as</span>\n<span  id=\"product-price-6\" data-price-amount=\"38.35\"\n data-price-type=\"\"\n class=\"price-wrapper \"\n>$38.35</span>",
    );
    let tier = format!(
        "{}<a href=\"https://shop.example/p6.html\" class=\"minimal-price-link\">{link}</a>",
        plain(6, "45", "$45.00")
    );
    let rows = [
        simple_row(1, "1034.5", "$1,034.50"),
        row(2, &price_box(2, &special(2, ("24.1", "$24.10"), ("32", "$32.00")))),
        configurable_row(3, 3),
        row(4, &price_box(4, &range(4))),
        row(5, &price_box(5, &starting)),
        row(6, &price_box(6, &tier)),
    ];
    crate::luma::category(&rows.concat())
}

fn configurable(opening: &str) -> String {
    let box_content = format!(
        "<span class=\"normal-price\">{}</span>",
        labelled("As low as", &wrapper("product-price-10", "45", "finalPrice", "$45.00"))
    );
    let child = |id: u64, amount: &str, tiers: &str| {
        format!(r#""{id}":{{{},"tierPrices":[{tiers}],"msrpPrice":{{"amount":0}}}}"#, set(amount))
    };
    let tier = r#"{"qty":3,"price":40.5,"percentage":10,"basePrice":40.5}"#;
    let config = format!(
        r#"{{"attributes":{{"93":{{"id":"93","code":"color","label":"Color","options":[{{"id":"50","label":"Blue","products":["11","12"]}},{{"id":"58","label":"Red","products":["13"]}}],"position":"0"}}}},"template":"$<%- data.price %>","currencyFormat":"$%s","optionPrices":{{{},{},{}}},"priceFormat":{FORMAT},"prices":{{{}}},"productId":"10","chooseText":"Choose an Option...","images":[],"index":{{"11":{{"93":"50"}}}},"sku":{{"11":"SKU-11"}},"salable":[]}}"#,
        child(11, "45", tier),
        child(12, "45", ""),
        child(13, "52.5", ""),
        set("45")
    );
    let script = format!("<script type=\"text/x-magento-init\">{{{opening}{config}}}}}}}</script>\n");
    let structured = r#"<script type="application/ld+json">{"@context":"https://schema.org","@type":"Product","sku":"SKU-10","offers":{"@type":"AggregateOffer","lowPrice":"45.00","highPrice":"52.50","priceCurrency":"USD","offers":[{"@type":"Offer","sku":"SKU-11","price":45}]}}</script>"#;
    product_page(&Parts {
        kind: "configurable",
        id: 10,
        price: box_content,
        form: format!(
            "<select name=\"super_attribute[93]\" id=\"attribute93\"><option value=\"\">Choose</option></select>{script}"
        ),
        scripts: format!(
            "{}{}{structured}",
            price_config(10, &printed("45")),
            provider(10, "configurable", "45", "$45.00")
        ),
        stated: "45",
        ..Parts::default()
    })
}

/// One selection of a bundle, as its script gets it.
fn selection(id: u64, product: u64, quantity: u64, amount: &str) -> String {
    format!(
        r#""{id}":{{"qty":{quantity},"customQty":"1","optionId":"{product}","prices":{{"oldPrice":{{"amount":"{amount}"}},"basePrice":{{"amount":"{amount}"}},"finalPrice":{{"amount":"{amount}"}}}},"priceType":"0","tierPrice":[],"name":"Part {product}","canApplyMsrp":false}}"#
    )
}

fn radio(option: u64, selection: u64, amount: &str, text: &str) -> String {
    format!(
        "<div class=\"field choice\"><input type=\"radio\" class=\"radio product bundle option\" id=\"bundle-option-{option}-{selection}\" name=\"bundle_option[{option}]\" value=\"{selection}\"/><label class=\"label\" for=\"bundle-option-{option}-{selection}\"><span><span class=\"product-name\">Part</span> &nbsp; {}</span></label></div>",
        notice(amount, &format!("<span class=\"price\">{text}</span>"))
    )
}

fn summary(id: u64, amount: &str, text: &str) -> String {
    let price = format!(
        "<p class=\"price-as-configured\">{}</p>",
        container(&wrapper(&format!("product-price-{id}"), amount, "finalPrice", text))
            .replace("price-final_price", "price-configured_price")
    );
    format!(
        "<div id=\"bundleSummary\" class=\"block-bundle-summary\">{}</div>",
        price_box(id, &price).replace("price-box price-final_price", "price-box price-configured_price")
    )
}

fn bundle_script(options: &str, selected: &str, own: &str, fixed: bool) -> String {
    init(
        "#product_addtocart_form",
        &format!(
            r#""priceBundle": {{"optionConfig": {{"options":{{{options}}},"selected":{{{selected}}},"positions":["1","2"],"bundleId":"20","priceFormat":{FORMAT},"prices":{{"oldPrice":{{"amount":{own}}},"basePrice":{{"amount":{own}}},"finalPrice":{{"amount":{own}}}}},"priceType":"{0}","isFixedPrice":{fixed}}},"controlContainer": ".field.option"}}"#,
            u8::from(fixed)
        ),
    )
}

fn bundle() -> String {
    let options = format!(
        r#""1":{{"selections":{{{},{}}},"title":"Ball","isMulti":false,"position":0}},"2":{{"selections":{{{},{}}},"title":"Strap","isMulti":false,"position":1}}"#,
        selection(1, 26, 1, "23"),
        selection(2, 29, 1, "27"),
        selection(3, 33, 2, "7.27"),
        selection(4, 34, 1, "22")
    );
    let select = "<div class=\"field option\"><select id=\"bundle-option-2\" name=\"bundle_option[2]\" class=\"bundle-option-2 product bundle option bundle-option-select change-container-classname\"><option value=\"\">Choose a selection...</option><option value=\"3\">2 x Strap +\n        $7.27\n        </option><option value=\"4\">Long strap +\n        $22.00\n        </option></select></div>";
    product_page(&Parts {
        kind: "bundle",
        id: 20,
        price: range(20),
        form: format!(
            "{}{}{select}{}{}",
            radio(1, 1, "23", "$23.00"),
            radio(1, 2, "27", "$27.00"),
            bundle_script(&options, r#""1":["1"],"2":["3"]"#, "0", false),
            summary(20, "37.54", "$37.54")
        ),
        scripts: price_config(20, ""),
        ..Parts::default()
    })
}

fn fixed_bundle() -> String {
    let options = format!(
        r#""1":{{"selections":{{{},{}}},"title":"Ball","isMulti":false,"position":0}}"#,
        selection(1, 26, 1, "5"),
        selection(2, 29, 1, "8.5")
    );
    let price = format!(
        "<p class=\"price-from\">{}</p><p class=\"price-to\">{}</p>",
        labelled("From", &wrapper("from-20", "45", "minPrice", "$45.00")),
        labelled("To", &wrapper("to-20", "48.5", "maxPrice", "$48.50"))
    );
    product_page(&Parts {
        kind: "bundle",
        id: 20,
        price,
        form: format!(
            "{}{}{}{}",
            radio(1, 1, "5", "$5.00"),
            radio(1, 2, "8.5", "$8.50"),
            bundle_script(&options, r#""1":["1"]"#, "40", true),
            summary(20, "45", "$45.00")
        ),
        scripts: price_config(20, ""),
        ..Parts::default()
    })
}

fn grouped() -> String {
    let member = |id: u64, content: &str| {
        format!(
            "<tr><td data-th=\"Product Name\" class=\"col item\"><strong class=\"product-item-name\">Strap</strong>{}</td><td data-th=\"Qty\" class=\"col qty\"><input type=\"number\" name=\"super_group[{id}]\" value=\"0\"/></td></tr>",
            price_box(id, content)
        )
    };
    let table = format!(
        "<div class=\"table-wrapper grouped\"><table class=\"table data grouped\" id=\"super-product-table\"><thead><tr><th>Product Name</th></tr></thead><tbody>{}{}</tbody></table></div>",
        member(33, &special(33, ("10.54", "$10.54"), ("14", "$14.00"))),
        member(34, &plain(34, "17", "$17.00"))
    );
    product_page(&Parts {
        kind: "grouped",
        id: 30,
        price: "<div class=\"price-box\">\n    </div>".to_owned(),
        form: table,
        scripts: format!("{}{}", price_config(30, ""), provider(30, "grouped", "10.54", "$10.54")),
        ..Parts::default()
    })
}

fn options() -> String {
    let entry = |amount: &str, kind: &str| {
        format!(
            r#"{{"prices":{{"oldPrice":{{"amount":{amount},"adjustments":[]}},"basePrice":{{"amount":{amount}}},"finalPrice":{{"amount":{amount}}}}},"type":"{kind}","name":"A"}}"#
        )
    };
    let config = format!(
        r#""priceOptions": {{"optionConfig": {{"1":{},"2":{{"1":{},"2":{},"3":{}}},"3":{{"4":{}}}}},"controlContainer": ".field","priceHolderSelector": "[data-product-id='40'][data-role=priceBox]"}}"#,
        entry("4.5", "fixed"),
        entry("0", "fixed"),
        entry("2.25", "fixed"),
        entry("3", "percent"),
        entry("1.5", "percent")
    );
    let text = format!(
        "<div class=\"field\"><label class=\"label\" for=\"options_1_text\"><span>Engraving</span>{}</label><input type=\"text\" id=\"options_1_text\" name=\"options[1]\" value=\"\"/></div>",
        notice("4.5", "$4.50")
    );
    let select = "<div class=\"field\"><select name=\"options[2]\" id=\"select_2\" class=\"product-custom-option\"><option value=\"\" >-- Please Select --</option><option value=\"1\"  price=\"0\" >Matte </option><option value=\"2\"  price=\"2.25\" >Gloss +\n        $2.25\n</option><option value=\"3\"  price=\"3\" >Gold leaf +\n        $3.00\n</option></select></div>";
    let check = format!(
        "<div class=\"field choice\"><input type=\"checkbox\" name=\"options[3][]\" id=\"options_3_2\" value=\"4\" price=\"1.5\"/><label class=\"label\" for=\"options_3_2\"><span>Wrap</span>{}</label></div>",
        notice("1.5", "$1.50")
    );
    product_page(&Parts {
        kind: "simple",
        id: 40,
        price: plain(40, "15", "$15.00"),
        form: format!("{}{text}{select}{check}", init("#product_addtocart_form", &config)),
        scripts: format!("{}{}", price_config(40, &printed("15")), provider(40, "simple", "15", "$15.00")),
        stated: "15",
        ..Parts::default()
    })
}

fn tiers() -> String {
    let item = |nth: usize, amount: &str, text: &str, percent: &str| {
        let price =
            container(&wrapper(&nth.to_string(), amount, "", text)).replace("price-final_price", "price-tier_price");
        format!(
            "<li class=\"item\">Buy {} for {price} each and <strong class=\"benefit\">save<span class=\"percent tier-{nth}\">&nbsp;{percent}</span>%</strong></li>",
            (nth + 1) * 5
        )
    };
    product_page(&Parts {
        kind: "simple",
        id: 50,
        price: plain(50, "32", "$32.00"),
        beside: format!(
            "<ul class=\"prices-tier&#x20;items\">{}{}</ul>",
            item(0, "28.8", "$28.80", "10"),
            item(1, "24", "$24.00", "25")
        ),
        scripts: price_config(
            50,
            r#","prices":[],"idSuffix":"_clone","tierPrices":[{"qty":5,"price":28.8,"basePrice":28.8},{"qty":10,"price":24,"basePrice":24}]"#,
        ),
        stated: "32",
        ..Parts::default()
    })
}

fn downloadable() -> String {
    let link = |id: u64, amount: &str| {
        format!(
            "&quot;{id}&quot;&#x3A;&#x7B;&quot;finalPrice&quot;&#x3A;{amount},&quot;basePrice&quot;&#x3A;{amount}&#x7D;"
        )
    };
    let choice = |id: u64, amount: &str, text: &str| {
        format!(
            "<div class=\"field choice\" data-role=\"link\"><input type=\"checkbox\" name=\"links[]\" id=\"links_{id}\" value=\"{id}\"/><label class=\"label\" for=\"links_{id}\"><span>A guide</span>{}</label></div>",
            notice(amount, text)
        )
    };
    let list = format!(
        "<div class=\"control\" id=\"downloadable-links-list\"\n data-mage-init='{{\"downloadable\":{{\n  \"linkElement\":\"input:checkbox[value]\", \"allElements\":\"#links_all\",\n  \"config\":&#x7B;&quot;links&quot;&#x3A;&#x7B;{},{}&#x7D;&#x7D;}}\n }}' data-container-for=\"downloadable-links\">{}{}</div>",
        link(1, "6"),
        link(2, "4.5"),
        choice(1, "6", "$6.00"),
        choice(2, "4.5", "$4.50")
    );
    product_page(&Parts {
        kind: "downloadable",
        id: 60,
        price: plain(60, "20", "$20.00"),
        form: list,
        scripts: price_config(60, &printed("20")),
        stated: "20",
        ..Parts::default()
    })
}

/// A price with tax and its twin without.
fn twins(
    id: &str,
    (amount, text): (&str, &str),
    (base, base_text): (&str, &str),
    kind: &str,
    base_kind: &str,
) -> String {
    let with = format!(
        "<span  id=\"price-including-tax-{id}\"        data-label=\"Incl.&#x20;Tax\"        data-price-amount=\"{amount}\"\n        data-price-type=\"{kind}\"\n        class=\"price-wrapper price-including-tax\"\n    ><span class=\"price\">{text}</span></span>"
    );
    format!(
        "{with}\n\n    <span id=\"price-excluding-tax-{id}\"\n          data-label=\"Excl.&#x20;Tax\"\n          data-price-amount=\"{base}\"\n          data-price-type=\"{base_kind}\"\n          class=\"price-wrapper price-excluding-tax\">\n        <span class=\"price\">{base_text}</span></span>"
    )
}

fn both() -> String {
    let now = labelled(
        "Special Price",
        &twins("product-price-70", ("26.358501", "€26.36"), ("22.15", "€22.15"), "finalPrice", "basePrice"),
    );
    let was = labelled(
        "Regular Price",
        &wrapper("price-including-tax-old-price-70", "35.152601", "oldPrice", "€35.15")
            .replace("price-wrapper ", "price-wrapper price-including-tax"),
    );
    let tier = container(&twins("0", ("23.8", "€23.80"), ("20", "€20.00"), "", "base"))
        .replace("price-final_price", "price-tier_price");
    let tax = r#""baseOldPrice":{"amount":29.54,"adjustments":[]},"oldPrice":{"amount":35.152601,"adjustments":[]},"basePrice":{"amount":22.15,"adjustments":[]},"finalPrice":{"amount":26.358501,"adjustments":[]}"#;
    let option = r#""priceOptions": {"optionConfig": {"2":{"3":{"prices":{"oldPrice":{"amount":2.975,"adjustments":[]},"basePrice":{"amount":2.5},"finalPrice":{"amount":2.975}},"type":"fixed","name":"Gloss"}}},"priceHolderSelector": "[data-product-id='70'][data-role=priceBox]"}"#;
    let config = format!(
        r#","prices":{{{tax}}},"idSuffix":"_clone","tierPrices":[{{"qty":5,"price":23.8,"basePrice":20}}],"calculationAlgorithm":"TOTAL_BASE_CALCULATION""#
    );
    product_page(&Parts {
        kind: "simple",
        id: 70,
        price: format!("<span class=\"special-price\">{now}</span>\n<span class=\"old-price\">{was}</span>\n"),
        beside: format!(
            "<ul class=\"prices-tier&#x20;items\"><li class=\"item\">Buy 5 for {tier} each and <strong class=\"benefit\">save<span class=\"percent tier-0\">&nbsp;10</span>%</strong></li></ul>"
        ),
        form: format!(
            "{}<select name=\"options[2]\" id=\"select_2\"><option value=\"3\"  price=\"2.5\" >Gloss +\n€2.98\n (Excl. tax: €2.50)</option></select>",
            init("#product_addtocart_form", option)
        ),
        scripts: price_config(70, &config).replace(FORMAT, EURO),
        stated: "26.358501",
        currency: "EUR",
    })
}
