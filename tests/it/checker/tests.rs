//! The checker finds what it is for: on pages by hand, in which «a|b» is a before and b after the offer, each forgotten copy is found,
//! and whatever else is changed.

use rust_decimal::Decimal;

use super::{Checker, Findings, Offer};

/// No tax on some products, and 19 percent on others.
const RATES: &[Decimal] = &[Decimal::ZERO, Decimal::from_parts(19, 0, 0, false, 0)];

/// A page in two versions.
struct Pair {
    template: String,
    offer: Offer,
    rates: &'static [Decimal],
}

impl Pair {
    /// The page before and after, but that of the marked places one is `forgotten`.
    fn versions(&self, forgotten: Option<usize>) -> (String, String) {
        let (mut before, mut after) = (String::new(), String::new());
        for (nth, part) in self.template.split('«').enumerate() {
            let Some((choice, rest)) = part.split_once('»').filter(|_| nth > 0) else {
                before.push_str(part);
                after.push_str(part);
                continue;
            };
            let (old, new) = choice.split_once('|').expect("two versions");
            before.extend([old, rest]);
            after.extend([if forgotten == Some(nth) { old } else { new }, rest]);
        }
        (before, after)
    }

    fn check(&self, after: impl Fn(String) -> String) -> Findings {
        let (before, right) = self.versions(None);
        Checker::new(&before, self.rates).check(&after(right), self.offer)
    }

    /// The right page has no contradiction, and every version of it that forgets one place has some.
    fn proves_each_place(&self, changed: &[u64]) {
        let right = self.check(|after| after);
        assert_eq!(right.contradictions, Vec::<String>::new());
        assert_eq!(right.changed.iter().copied().collect::<Vec<_>>(), changed);
        let places = self.template.matches('«').count();
        assert!(places > 3, "{places}");
        for nth in 1..=places {
            let (before, after) = self.versions(Some(nth));
            let found = Checker::new(&before, self.rates).check(&after, self.offer);
            let place = self.template.split('«').nth(nth).expect("a place");
            assert!(!found.contradictions.is_empty(), "nobody missed {place:.80}");
        }
    }

    /// The right page with a change is wrong, and this is said of it.
    fn says(&self, from: &str, to: &str, what: &str) {
        let found = self.check(|after| {
            assert!(after.contains(from), "{from}");
            after.replacen(from, to, 1)
        });
        assert!(
            found.contradictions.iter().any(|own| own.contains(what)),
            "{from} -> {to}: {:?}",
            found.contradictions
        );
    }
}

fn percent(percent: i64) -> Offer {
    Offer::Percent(Decimal::from(percent))
}

fn page(head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head>\n<meta charset=\"utf-8\"/>{head}\n</head>\n<body class=\"catalog-product-view\">\n\
         <!-- ko --><!-- /ko -->\n{body}\n<dl class=\"filter\"><a href=\"#\"><span class=\"price\">$0.00</span> - <span class=\"price\">$9.99</span></a></dl>\n\
         <script>var price = 24;</script>\n<footer>24 hours</footer></body></html>\n"
    )
}

fn price_box(id: u64, content: &str) -> String {
    format!(
        "<div class=\"price-box price-final_price\" data-role=\"priceBox\" data-product-id=\"{id}\" data-price-box=\"product-id-{id}\">{content}\n</div>"
    )
}

/// An amount in its container; `more` follows the wrapper.
fn amount(label: &str, kind: &str, raw: &str, text: &str, more: &str) -> String {
    format!(
        "\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n>{label}\n<span  data-price-amount=\"{raw}\"\n data-price-type=\"{kind}\"\n \
         class=\"price-wrapper \"\n><span class=\"price\">{text}</span></span>{more}\n</span>"
    )
}

fn added(classes: &str, raw: &str, text: &str) -> String {
    let inner = amount("<span class=\"price-label\">Regular Price</span>", "oldPrice", raw, text, "");
    format!("\n<span class=\"{classes}\">{inner}\n</span>\n")
}

fn init(target: &str, widgets: &str) -> String {
    format!("<script type=\"text/x-magento-init\">\n{{\"{target}\": {widgets}}}\n</script>")
}

fn prices(last: &str, regular: &str) -> String {
    format!(
        r#"{{"baseOldPrice":{{"amount":{regular}}},"oldPrice":{{"amount":{regular}}},"basePrice":{{"amount":{last}}},"finalPrice":{{"amount":{last},"adjustments":[]}}}}"#
    )
}

/// A box of a price without discount, marked up as Magento marks a discounted one.
fn simple_box(id: u64, raw: &str, text: &str, (old, old_text): (&str, &str), more: &str) -> String {
    let plain = amount("", "finalPrice", raw, text, more);
    price_box(id, &format!("{plain}«|{}»", added("old-price", old, old_text)))
}

/// A product page with a price by quantity, options, and data for scripts and crawlers.
fn product() -> Pair {
    let metas = "<meta itemprop=\"price\" content=\"«24|19.2»\" /><meta itemprop=\"priceCurrency\" content=\"USD\" />";
    let tier = format!(
        "<ul class=\"prices-tier&#x20;items\"><li class=\"item\">Buy 50 for {} each and <strong class=\"benefit\">save<span class=\"percent tier-0\">&nbsp;13</span>%</strong></li></ul>",
        amount("", "", "«20.8|16.64»", "«$20.80|$16.64»", "")
    );
    let options = "<select name=\"options[2]\" class=\"product-custom-option\"><option value=\"\">Choose 1</option>\
        <option value=\"2\"  price=\"2.25\" >Gloss 9 +\n\n $2.25\n</option><option value=\"3\" price=\"«2.4|1.92»\">Gold +\n $«2.40|1.92»\n</option></select>"
        .to_owned();
    let engraving = format!(
        "<div class=\"field\"><label><span class=\"price-notice\">+{}</span></label><input name=\"options[1]\" class=\"product-custom-option\"></div>",
        amount("", "", "4.5", "$4.50", "")
    );
    let option = |amount: &str, kind: &str| {
        let regular = amount.trim_matches(['«', '»']).split('|').next().expect("a first");
        format!(
            r#"{{"prices":{{"oldPrice":{{"amount":{regular},"adjustments":[]}},"basePrice":{{"amount":{amount}}},"finalPrice":{{"amount":{amount}}}}},"type":"{kind}","name":"One"}}"#
        )
    };
    let config = init(
        "#product_addtocart_form",
        &format!(
            r#"{{"priceOptions":{{"optionConfig":{{"1":{},"2":{{"2":{},"3":{}}}}}}}}}"#,
            option("4.5", "fixed"),
            option("2.25", "fixed"),
            option("«2.4|1.92»", "percent")
        ),
    );
    let price_config = init(
        "[data-role=priceBox][data-price-box=product-id-1]",
        &format!(
            r#"{{"priceBox": {{"priceConfig":  {{"productId":"1","priceFormat":{{"pattern":"$%s","precision":2}},"prices":{},"tierPrices":[{{"qty":50,"price":«20.8|16.64»,"basePrice":«20.8|16.64»}}]}}}}}}"#,
            prices("«24|19.2»", "24")
        ),
    );
    let info = |special: &str| {
        format!(
            r#""final_price":«24|19.2»,"max_price":«24|19.2»,"max_regular_price":24,"special_price":{special},"minimal_price":«24|19.2»,"regular_price":24,"formatted_prices":{{"final_price":"<span class=\"price\">«$24.00|$19.20»<\/span>","regular_price":"<span class=\"price\">$24.00<\/span>"}}"#
        )
    };
    let provider = init(
        "*",
        &format!(
            r#"{{"Magento_Catalog/js/product/view/provider":{{"data":{{"items":{{"1":{{"price_info":{{{},"extension_attributes":{{"tax_adjustments":{{{}}},"weee_adjustment":"<span class=\"price\">«$24.00|$19.20»<\/span>"}}}},"url":"24"}}}}}}}}}}"#,
            info("null"),
            info("«24|19.2»")
        ),
    );
    let linked = r#"<script type="application/ld+json">{"@type":"Product","sku":"24","offers":{"@type":"Offer","price":"«24.00|19.20»","priceSpecification":{"priceType":"https://schema.org/ListPrice","price":24}}}</script>"#;
    let body = format!(
        "{}{tier}<form id=\"product_addtocart_form\"><input type=\"hidden\" name=\"product\" value=\"1\">{options}{engraving}</form>{config}{price_config}{provider}{linked}",
        simple_box(1, "«24|19.2»", "«$24.00|$19.20»", ("24", "$24.00"), metas)
    );
    let head = "<meta property=\"product:price:amount\" content=\"«24|19.2»\"/>";
    Pair { template: page(head, &body), offer: percent(20), rates: &[] }
}

/// A list with a discounted product and one with variants.
fn list() -> Pair {
    let special = format!(
        "<span class=\"special-price\">{}</span>\n<span class=\"old-price\">{}</span>",
        amount(
            "<span class=\"price-label\">Special Price</span>",
            "finalPrice",
            "«1234.5|987.6»",
            "«1.234,50\u{a0}€|987,60\u{a0}€»",
            ""
        ),
        amount("<span class=\"price-label\">Regular Price</span>", "oldPrice", "1500", "1.500,00\u{a0}€", "")
    );
    let normal = format!(
        "<span class=\"normal-price\">{}</span>«|{}»<a class=\"minimal-price-link\">{}</a>",
        amount(
            "<span class=\"price-label\">As low as</span>",
            "finalPrice",
            "«70|56»",
            "«70,00\u{a0}€|56,00\u{a0}€»",
            ""
        ),
        added("old-price sly-old-price", "70", "70,00\u{a0}€"),
        amount("", "", "«60|48»", "«60,00\u{a0}€|48,00\u{a0}€»", "")
    );
    let variants = init(
        "[data-role=swatch-option-2]",
        &format!(
            r#"{{"Magento_Swatches/js/swatch-renderer":{{"jsonConfig":{{"optionPrices":{{"7":{},"8":{}}},"prices":{},"productId":"2","index":{{"7":{{"93":"70"}}}}}}}}}}"#,
            prices("«70|56»", "70").replace(
                "\"oldPrice\"",
                "\"tierPrices\":[{\"qty\":5,\"price\":«63|50.4»,\"percentage\":10}],\"oldPrice\""
            ),
            prices("«\"75\"|\"60\"»", "80"),
            prices("«70|56»", "70")
        ),
    );
    let config = init(
        "[data-role=priceBox][data-price-box=product-id-2]",
        &format!(r#"{{"priceBox":{{"priceConfig":{{"priceFormat":{{}},"prices":{}}}}}}}"#, prices("«70|56»", "70")),
    );
    Pair {
        template: page("", &format!("{}{}{variants}{config}", price_box(1, &special), price_box(2, &normal))),
        offer: percent(20),
        rates: &[],
    }
}

/// A product with both twins.
fn taxed() -> Pair {
    let twin = "<span class=\"price-wrapper price-excluding-tax\" data-label=\"Excl. Tax\" data-price-amount=\"«41.54|33.23»\" data-price-type=\"basePrice\"><span class=\"price\">€«41.54|33.23»</span></span>";
    let plain = amount("", "finalPrice", "«49.432601|39.54»", "€«49.43|39.54»", twin);
    let content = format!(
        "{plain}«|{}»<meta itemprop=\"price\" content=\"«49.432601|39.54»\">",
        added("old-price", "49.432601", "€49.43")
    );
    let config = init(
        "[data-role=priceBox][data-price-box=product-id-4]",
        r#"{"priceBox":{"priceConfig":{"prices":{"baseOldPrice":{"amount":41.54},"oldPrice":{"amount":49.432601},"basePrice":{"amount":«41.54|33.23»},"finalPrice":{"amount":«49.432601|39.5437»}}}}}"#,
    );
    Pair { template: page("", &format!("{}{config}", price_box(4, &content))), offer: percent(20), rates: RATES }
}

/// A bundle of parts with prices of their own.
fn bundle() -> Pair {
    let end = |class: &str, kind: &str, raw: &str, regular: &str| {
        format!(
            "<p class=\"{class}\">{}<span class=\"old-price\">{}</span></p>",
            amount("", kind, raw, &format!("${raw}"), ""),
            amount("", "", regular, &format!("${regular}.00"), "")
        )
    };
    let range = format!(
        "{}{}",
        end("price-from", "minPrice", "«33.54|23.54»", "37"),
        end("price-to", "maxPrice", "«37.54|27.54»", "41")
    );
    let choice = |option: u64, selection: u64, raw: &str| {
        format!(
            "<div class=\"field choice\"><input type=\"radio\" name=\"bundle_option[{option}]\" value=\"{selection}\"><span class=\"price-notice\">+{}</span></div>",
            amount("", "", raw, &format!("${raw}"), "")
        )
    };
    let part = |raw: &str, regular: &str| format!(r#"{{"qty":1,"prices":{}}}"#, prices(raw, regular));
    let config = init(
        "#product_addtocart_form",
        &format!(
            r#"{{"priceBundle":{{"optionConfig":{{"options":{{"1":{{"selections":{{"1":{},"2":{}}}}},"2":{{"selections":{{"3":{}}}}}}},"bundleId":"5","prices":{},"isFixedPrice":false}}}}}}"#,
            part("\"«23.00|18.00»\"", "23"),
            part("«27.00|22»", "27"),
            part("«10.54|5.54»", "14"),
            prices("0", "0")
        ),
    );
    let chooser = "<select name=\"bundle_option[2]\"><option value=\"3\">Strap 6 foot +$«10.54|5.54»</option></select>";
    let body = format!(
        "{}<form id=\"product_addtocart_form\"><input type=\"hidden\" name=\"product\" value=\"5\">{}{}{chooser}</form>{config}",
        price_box(5, &range),
        choice(1, 1, "«23.00|18.00»"),
        choice(1, 2, "«27.00|22.00»")
    );
    Pair { template: page("", &body), offer: Offer::Off(Decimal::from(5)), rates: &[] }
}

/// A product without choices.
fn simple() -> Pair {
    let content = simple_box(8, "«24|19.2»", "«$24.00|$19.20»", ("24", "$24.00"), "");
    Pair { template: page("", &content), offer: percent(20), rates: &[] }
}

/// A downloadable product with a link to tick.
fn downloadable() -> Pair {
    let links = format!(
        "<div id=\"downloadable-links-list\" data-mage-init='{{\"downloadable\":{{ \"linkElement\":\"input:checkbox[value]\",\n \"config\":&#x7B;&quot;links&quot;&#x3A;&#x7B;&quot;1&quot;&#x3A;&#x7B;&quot;finalPrice&quot;&#x3A;«9.01|7.208»,&quot;basePrice&quot;&#x3A;«9.01|7.208»&#x7D;&#x7D;&#x7D;}}}}'>\
         <div class=\"field choice\"><input type=\"checkbox\" name=\"links[]\" value=\"1\"><span class=\"price-notice\">+ {}</span></div></div>",
        amount("", "", "«9.01|7.208»", "«$9.01|$7.21»", "")
    );
    let body = format!(
        "{}<form id=\"product_addtocart_form\"><input type=\"hidden\" name=\"product\" value=\"46\">{links}</form>",
        price_box(46, &amount("", "finalPrice", "«6|4.8»", "«$6.00|$4.80»", ""))
    );
    Pair { template: page("", &body), offer: percent(20), rates: &[] }
}

/// A product whose price shows on a click only, for the manufacturer's sake.
fn hidden() -> Pair {
    let click = r#"<a class="action map-show-info" data-mage-init='{"addToCart":{"realPrice":"<span class=\"price\">«$24.00|$19.20»<\/span>","msrpPrice":"<span class=\"price\">$30.00<\/span>"}}'>Show</a>"#;
    let fallback = amount("", "finalPrice", "«24|19.2»", "«$24.00|$19.20»", "");
    let content = format!("{fallback}{click}«|{}»", added("old-price", "24", "$24.00"));
    Pair { template: page("", &price_box(7, &content)), offer: percent(20), rates: &[] }
}

#[test]
fn each_forgotten_copy_is_found() {
    product().proves_each_place(&[1]);
    list().proves_each_place(&[1, 2]);
    taxed().proves_each_place(&[4]);
    bundle().proves_each_place(&[5]);
    downloadable().proves_each_place(&[46]);
    hidden().proves_each_place(&[7]);
}

#[test]
fn a_text_that_does_not_match_is_found() {
    product().says(">$19.20</span></span><meta", ">$19.21</span></span><meta", "\"$19.21\" is not how 19.2 looks");
    product().says(">$19.20</span></span><meta", ">$19.2</span></span><meta", "other decimals");
    product().says(">$19.20</span></span><meta", ">€19.20</span></span><meta", "outside of slots");
    product().says("content=\"19.2\" />", "content=\"19.21\" />", "microdata: is 19.21, but 19.20 is charged");
    list().says("987,60", "0.987,60", "is not how 987.6 looks");
}

#[test]
fn a_price_before_that_changed_is_found() {
    list().says("data-price-amount=\"1500\"", "data-price-amount=\"1200\"", "was to stay");
    list().says(r#""oldPrice":{"amount":80}"#, r#""oldPrice":{"amount":64}"#, "was to stay");
    product().says(
        "data-price-amount=\"24\"\n data-price-type=\"oldPrice\"",
        "data-price-amount=\"25\"\n data-price-type=\"oldPrice\"",
        "but the price was 24",
    );
    list().says("old-price sly-old-price", "old-price sly-old-price no-display", "has the classes");
    list().says("old-price sly-old-price", "old-price", "has the classes");
    let end = "$4.80</span></span>\n</span>";
    let regular = format!("{end}{}", added("old-price", "6", "$6.00"));
    downloadable().says(end, &regular, "does not follow the links");
    hidden().says("$30.00", "$24.00", "was to stay");
    product().says("data-price-amount=\"4.5\"", "data-price-amount=\"3.6\"", "was to stay");
}

#[test]
fn a_wrong_saving_by_quantity_is_found() {
    product().says("&nbsp;13</span>", "&nbsp;30</span>", "claims to save");
    list().says("\"percentage\":10", "\"percentage\":28", "claims to save");
}

#[test]
fn parts_of_a_bundle_that_do_not_sum_up_are_found() {
    let Pair { template, rates, .. } = bundle();
    let percent = |part: &str| {
        let halves = [
            ("«33.54|23.54»", "«33.54|16.77»"),
            ("«37.54|27.54»", "«37.54|18.77»"),
            ("18.00", "11.50"),
            ("|22»", "|13.5»"),
            ("|22.00", "|13.50"),
            ("10.54|5.54", part),
        ];
        let template = halves.iter().fold(template.clone(), |template, (from, to)| template.replace(from, to));
        Pair { template, offer: percent(50), rates }.check(|after| after)
    };
    assert_eq!(percent("10.54|5.27").contradictions, Vec::<String>::new());
    let found = percent("10.54|5.275").contradictions;
    assert!(found.iter().any(|own| own.contains("the parts sum up to 16.775")), "{found:?}");
}

#[test]
fn twins_that_do_not_follow_from_the_cart_are_found() {
    // The common ratio makes 39.55.
    taxed().says("data-price-amount=\"39.54\"", "data-price-amount=\"39.55\"", "but 39.54");
    // Without the twin, six decimals tell that there are 41.54 without tax; two tell nothing, as no rate makes cents of them.
    let alone = |text: &str, raw: &str| {
        text.replace("price-excluding-tax", "other")
            .replace("data-price-type=\"basePrice\" data-price-amount=\"", "data-price-type=\"weee\" ")
            .replace("data-price-amount=\"33.23\" data-price-type=\"basePrice\"", "")
            .replace("data-price-amount=\"41.54\" data-price-type=\"basePrice\"", "")
            .replace("\"basePrice\":{", "\"other\":{")
            .replace("33.23", "41.54")
            .replace("49.432601", raw)
    };
    let (before, after) = taxed().versions(None);
    let found = |raw: &str| {
        let (before, after) = (alone(&before, raw), alone(&after, raw));
        Checker::new(&before, RATES).check(&after, percent(20)).contradictions
    };
    assert_eq!(found("49.432601"), Vec::<String>::new());
    let found = found("49.431");
    assert!(found.iter().any(|own| own.contains("nothing tells what is charged")), "{found:?}");
}

#[test]
fn anything_else_that_changed_is_found() {
    for (from, to) in [
        ("$9.99</span></a>", "$7.99</span></a>"),
        ("var price = 24", "var price = 19.2"),
        ("24 hours", "19.2 hours"),
        ("<!-- ko -->", ""),
        ("<!-- ko -->", "<!-- ko  -->"),
        ("lang=\"en\"", "lang='en'"),
        ("</footer></body>", "</footer>\n</body>"),
        ("</footer>", "</footer> "),
        ("</footer>", "</footer><p>hello</p>"),
        ("</footer>", "</footer><span class=\"old-price\">$1.00</span>"),
        ("</footer>", "</footer><div class=\"segue-offer\"><script></script></div>"),
        ("<option value=\"2\"  price", "<option value=\"2\" price"),
        ("Gloss 9 ", "Gloss 8 "),
        ("\"url\":\"24\"", "\"url\":\"19.2\""),
        ("\"sku\":\"24\"", "\"sku\":\"19.2\""),
        ("\"precision\":2", "\"precision\":3"),
        ("\"productId\":\"1\",", "\"productId\":\"1\", "),
        ("data-price-amount=\"19.2\"", "data-price-amount=\"\""),
        (" data-price-type=\"finalPrice\"", " data-price-type=\"oldPrice\""),
        ("priceCurrency\" content=\"USD\"", "priceCurrency\" content=\"EUR\""),
    ] {
        let found = product().check(|after| {
            assert!(after.contains(from), "{from}");
            after.replacen(from, to, 1)
        });
        assert!(!found.contradictions.is_empty(), "{from} -> {to}");
    }
    let labelled = product().check(|after| {
        let style = after.replace("\n</head>", "\n<link rel=\"stylesheet\" href=\"/.segue/style.css\"></head>");
        style.replacen("</div>", "<span class=\"segue-offer\">20 % off</span></div>", 1)
    });
    assert_eq!(labelled.contradictions, Vec::<String>::new());
}

#[test]
fn wrappers_of_a_discounted_price_may_be_added_whole() {
    let open = |after: String| {
        after
            .replacen(
                "\n<span class=\"price-container",
                "\n<span class=\"special-price\">\n<span class=\"price-container",
                1,
            )
            .replacen("weee\"\n>", "weee\"\n>\n<span class=\"price-label\">Special Price</span>", 1)
    };
    let whole = simple().check(|after| {
        open(after).replacen(
            "\n</span>\n<span class=\"old-price\">",
            "\n</span>\n</span>\n<span class=\"old-price\">",
            1,
        )
    });
    assert_eq!(whole.contradictions, Vec::<String>::new());
    assert!(!simple().check(open).contradictions.is_empty());
}

#[test]
fn products_that_are_left_alone_are_told_of() {
    let nothing = |pair: Pair, offer: Offer| {
        let (before, _) = pair.versions(None);
        let found = Checker::new(&before, pair.rates).check(&before, offer);
        assert_eq!(found.contradictions, Vec::<String>::new());
        (found.left_alone, found.rightly)
    };
    let to = |cents: i64| Offer::To(Decimal::new(cents, 2));
    assert_eq!(nothing(list(), percent(20)).0.into_iter().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(nothing(list(), percent(0)).1.len(), 2, "nothing was to change");
    assert_eq!(nothing(list(), to(6500)).1.into_keys().collect::<Vec<_>>(), [2], "its price by quantity is lower");
    assert_eq!(nothing(bundle(), to(999)).1.len(), 1);
    assert_eq!(nothing(downloadable(), to(599)).1.len(), 1);
    let (before, after) = bundle().versions(None);
    let changed = Checker::new(&before, &[]).check(&after, to(999));
    assert!(!changed.contradictions.is_empty(), "what is to be left alone was changed");
}
