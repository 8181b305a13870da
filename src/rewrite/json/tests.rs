use super::*;
use crate::rewrite::plan::text::Span;

const FORMAT: &str = r#""priceFormat":{"pattern":"%s\u00a0\u20ac","precision":2,"requiredPrecision":2,"decimalSymbol":",","groupSymbol":".","groupLength":3,"integerRequired":false}"#;

fn read(script: &str) -> WidgetData {
    WidgetData::of_script(script, &Layer::of(script, Span::new(0..script.len())))
}

fn price_box(config: &str) -> WidgetData {
    read(&format!(
        r#"{{"[data-role=priceBox][data-price-box=product-id-7]":{{"priceBox":{{"priceConfig" : {{"productId":"7",{FORMAT}{config}}}}}}}}}"#
    ))
}

#[test]
fn reads_what_a_price_box_is_told() {
    let data = price_box(r#","prices":{"finalPrice":{"amount":3}},"tierPrices":[{"qty":5,"price":2}]"#);
    let [config] = &data.price_boxes[..] else { panic!("one box: {data:?}") };
    assert_eq!(config.product, Some(ProductId(7)));
    assert_eq!(config.prices.final_price.map(|it| it.value), Some(3.into()));
    assert_eq!(config.tiers.len(), 1);
    let format = data.format().expect("a format");
    assert_eq!((format.pattern.as_str(), format.decimal_symbol.as_str(), format.precision), ("%s\u{a0}€", ",", 2));
    assert!(!data.is_unknown);
}

#[test]
fn a_box_of_two_products_is_unknown() {
    assert!(!price_box("").is_unknown);
    let other = r#"{"[data-price-box=product-id-7]":{"priceBox":{"priceConfig":{"productId":8,"prices":{"finalPrice":{"amount":3}}}}}}"#;
    assert!(read(other).is_unknown);
    let beside =
        r#"{"[data-price-box=product-id-7]":{"priceBox":{"priceConfig":{},"prices":{"finalPrice":{"amount":3}}}}}"#;
    assert!(read(beside).is_unknown);
}

#[test]
fn reads_the_choices_of_swatches_and_dropdowns() {
    for (widget, key) in [("Magento_Swatches/js/swatch-renderer", "jsonConfig"), ("configurable", "spConfig")] {
        let data = read(&format!(
            r##"{{"#f":{{"{widget}":{{"{key}":{{"attributes":{{"93":{{"id":"93"}}}},"optionPrices":{{"8":{{"finalPrice":{{"amount":"4.50"}},"tierPrices":[{{"price":4}}]}},"9":{{"finalPrice":{{"amount":5}}}}}},"prices":{{"finalPrice":{{"amount":4.5}}}},"productId":"7","sku":{{"8":"A-8"}}}},"jsonSwatchConfig":{{"93":{{}}}}}}}}}}"##
        ));
        let [choices] = &data.choices[..] else { panic!("one product: {data:?}") };
        assert_eq!(choices.product, Some(ProductId(7)));
        let variants: Vec<_> = choices.variants.iter().map(|(id, set)| (id.0, set.tiers.len())).collect();
        assert_eq!(variants, [(8, 1), (9, 0)]);
        assert_eq!(choices.skus.get(&ProductId(8)).map(String::as_str), Some("A-8"));
    }
}

#[test]
fn reads_a_bundle() {
    let data = read(
        r##"{"#f":{"priceBundle":{"optionConfig":{"options":{"1":{"selections":{"3":{"qty":2,"optionId":"26","prices":{"finalPrice":{"amount":"23"}},"tierPrice":[{"prices":{"finalPrice":{"amount":20}}}]}},"isMulti":true}},"selected":{"1":["3"]},"bundleId":"52","prices":{"finalPrice":{"amount":0}},"isFixedPrice":false}}}}"##,
    );
    let [bundle] = &data.bundles[..] else { panic!("one bundle: {data:?}") };
    assert_eq!((bundle.product, bundle.is_fixed), (Some(ProductId(52)), false));
    let [option] = &bundle.options[..] else { panic!("one option: {bundle:?}") };
    assert_eq!((option.id, option.is_multi, &option.selected[..]), (1, true, &[3][..]));
    let [selection] = &option.selections[..] else { panic!("one selection: {option:?}") };
    assert_eq!((selection.product, selection.quantity, selection.tiers.len()), (Some(ProductId(26)), 2.into(), 1));
}

#[test]
fn reads_custom_options_with_and_without_values() {
    let data = read(
        r##"{"#f":{"priceOptions":{"optionConfig":{"1":{"prices":{"finalPrice":{"amount":4.5}},"type":"fixed","name":"A"},"2":{"3":{"prices":{"finalPrice":{"amount":3}},"type":"percent"}}},"priceHolderSelector":"[data-product-id='2054'][data-role=priceBox]"}}}"##,
    );
    let [options] = &data.options[..] else { panic!("one product: {data:?}") };
    assert_eq!(options.product, Some(ProductId(2054)));
    let extras: Vec<_> = options.extras.iter().map(|it| (&*it.option, it.value.as_deref(), it.follows)).collect();
    assert_eq!(extras, [("1", None, false), ("2", Some("3"), true)]);
    assert_eq!(read(r##"{"#f":{"priceOptions":{"optionConfig":[]}}}"##).options.len(), 1);
}

#[test]
fn unknown_widgets_with_prices_and_broken_data_are_unknown() {
    for unknown in [
        r#"{"x":{"myBox":{"priceConfig":{"prices":{}}}}}"#,
        r#"{"x":{"priceBox":{"priceConfig": broken}}}"#,
        r#"{"x":{"myOptions":{"optionConfig":{"3":{}}}}}"#,
    ] {
        assert!(read(unknown).is_unknown, "{unknown}");
    }
    for harmless in
        [r#"{"*":{"Magento_Ui/js/core/app":{}}}"#, r#"{"x":{"myOptions":{"optionConfig":[]}}}"#, r#"{"x":"y"}"#]
    {
        assert_eq!(read(harmless), WidgetData::default(), "{harmless}");
    }
}

#[test]
fn links_are_read_from_their_attribute() {
    let page = r#"<div data-mage-init='{"downloadable":{ "config":&#x7B;&quot;links&quot;&#x3A;&#x7B;&quot;4&quot;&#x3A;&#x7B;&quot;finalPrice&quot;&#x3A;6,&quot;basePrice&quot;&#x3A;&quot;5.04&quot;&#x7D;&#x7D;&#x7D;}}'>"#;
    let start = page.find('\'').expect("there") + 1;
    let attribute = Layer::of(page, Span::new(start..page.rfind('\'').expect("there")));
    let decoded = attribute.html();
    let links = options::links(&decoded).expect("readable");
    let [link] = &links[..] else { panic!("one link: {links:?}") };
    let said = |amount: Option<amounts::Amount>| amount.map(|amount| amount.number.of(page));
    assert_eq!(
        (&*link.option, said(link.prices.final_price), said(link.prices.base_price)),
        ("4", Some("6"), Some("5.04"))
    );
    assert_eq!(options::links(&Layer::of("{", Span::new(0..1))), None);
}
