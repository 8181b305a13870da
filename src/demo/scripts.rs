//! What Magento hands to its scripts: prices as JSON, in the order and with the escapes of its own pages.

use super::catalog::kind::{
    BundleOption, Child, Configurable, CustomOption, Input, Kind, Link, OptionPrice, OptionValue, Selection, Tier,
};
use super::catalog::{self, Product};
use super::json::{list, object, string};
use super::view::{Display, Price, View};

/// What the price box of a product page is told. Products without options bring no prices along: the box reads its own attributes.
pub fn price_config(view: &View, product: &Product) -> String {
    let template = match view.display {
        Display::Both => Some(("optionTemplate", string(&both_template(view)))),
        _ => None,
    };
    let format = ("priceFormat", view.price_format());
    match product.kind {
        Kind::Simple | Kind::Virtual | Kind::Tiers(_) | Kind::Grouped(_) => {
            let tiers = if let Kind::Tiers(tiers) = product.kind { tiers } else { &[] };
            let own = [("productId", string(&product.id.to_string())), format, ("tierPrices", page_tiers(view, tiers))];
            object(own.into_iter().chain(template))
        }
        _ => {
            let (old, own) = both_prices(view, product);
            let own = [
                ("productId", product.id.to_string()),
                format,
                ("prices", prices(old, own, true)),
                ("idSuffix", string("_clone")),
                ("tierPrices", list([])),
                ("calculationAlgorithm", string("TOTAL_BASE_CALCULATION")),
            ];
            object(own.into_iter().chain(template))
        }
    }
}

/// How a store view with both prices names what an option adds.
fn both_template(view: &View) -> String {
    format!(
        "<%= data.label %><% if (data.finalPrice.value) {{ %> +<%= data.finalPrice.formatted %> ({} <%= data.basePrice.formatted %>)<% }} %>",
        view.phrase("Excl. tax:")
    )
}

/// The regular and the final price of a product.
fn both_prices(view: &View, product: &Product) -> (Price, Price) {
    match product.kind {
        Kind::Bundle(options) => (
            catalog::bundle_range(options, |part| view.price(part.regular_price())).0,
            catalog::bundle_range(options, |part| view.price(part.price())).0,
        ),
        _ => (view.price(product.regular_price()), view.price(product.price())),
    }
}

/// The final price of a product.
pub fn final_price(view: &View, product: &Product) -> Price {
    both_prices(view, product).1
}

/// The prices of a price box.
fn prices(old: Price, own: Price, has_adjustments: bool) -> String {
    let price = |amount: String| match has_adjustments {
        true => object([("amount", amount), ("adjustments", list([]))]),
        false => object([("amount", amount)]),
    };
    object([
        ("baseOldPrice", price(old.net.raw())),
        ("oldPrice", price(old.shown.raw())),
        ("basePrice", price(own.net.raw())),
        ("finalPrice", price(own.shown.raw())),
    ])
}

/// The prices of a row with swatches.
pub fn row_prices(view: &View, product: &Product) -> String {
    let (old, own) = both_prices(view, product);
    prices(old, own, false)
}

fn page_tiers(view: &View, tiers: &[Tier]) -> String {
    let tier = |tier: &Tier| {
        let price = view.price(tier.price);
        object([("qty", tier.qty.to_string()), ("price", price.shown.raw()), ("basePrice", price.net.raw())])
    };
    list(tiers.iter().map(tier))
}

/// What the options of a custom option add.
pub fn custom_options(view: &View, product: &Product, options: &[CustomOption]) -> String {
    let entry = |title: &str, own: OptionPrice| {
        let price = view.price(own.of(product.price()));
        let kind = if matches!(own, OptionPrice::Fixed(_)) { "fixed" } else { "percent" };
        let shown = price.shown.raw();
        let prices = object([
            ("oldPrice", object([("amount", shown.clone()), ("adjustments", list([]))])),
            ("basePrice", object([("amount", price.net.raw())])),
            ("finalPrice", object([("amount", shown)])),
        ]);
        object([("prices", prices), ("type", string(kind)), ("name", string(title))])
    };
    let values = |values: &[OptionValue]| {
        object(values.iter().map(|value| (value.id.to_string(), entry(value.title, value.price))))
    };
    let option = |option: &CustomOption| match &option.input {
        Input::Text { price, .. } => entry(option.title, *price),
        Input::Select(own) | Input::Checkboxes(own) => values(own),
    };
    object(options.iter().map(|own| (own.id.to_string(), option(own))))
}

/// What the links of a downloadable product add.
pub fn links(view: &View, links: &[Link]) -> String {
    let link = |link: &Link| {
        let price = view.price(link.price);
        let prices = object([("finalPrice", price.shown.raw()), ("basePrice", price.net.raw())]);
        (link.id.to_string(), prices)
    };
    object([("links", object(links.iter().map(link)))])
}

/// A configurable product's children: `jsonConfig` of swatches, `spConfig` of dropdowns.
pub fn children(view: &View, product: &Product, own: &Configurable) -> String {
    let by_child = |value: &dyn Fn(&Child) -> String| {
        object(own.children.iter().map(|child| (child.id.to_string(), value(child))))
    };
    let (old, price) = both_prices(view, product);
    let values = |child: &Child| {
        let pairs = own.attributes.iter().zip(child.options);
        object(pairs.map(|(attribute, option)| (attribute.id.to_string(), string(&option.to_string()))))
    };
    object([
        ("attributes", attributes(own)),
        ("template", view.pattern("<%- data.price %>")),
        ("currencyFormat", view.pattern("%s")),
        ("optionPrices", by_child(&|child| child_prices(view, child))),
        ("priceFormat", view.price_format()),
        ("prices", prices(old, price, false)),
        ("productId", string(&product.id.to_string())),
        ("chooseText", string(view.phrase("Choose an Option..."))),
        ("images", by_child(&|_| image(product))),
        ("index", by_child(&values)),
        ("salable", list([])),
        ("canDisplayShowOutOfStockStatus", String::from("false")),
        ("channel", string("website")),
        ("salesChannelCode", string("base")),
        ("sku", by_child(&|child| string(child.sku))),
    ])
}

fn attributes(own: &Configurable) -> String {
    let attribute = |(position, attribute): (usize, &catalog::kind::Attribute)| {
        let option = |option: &catalog::kind::AttributeOption| {
            let children = own.children.iter().filter(|child| child.options.contains(&option.id));
            object([
                ("id", string(&option.id.to_string())),
                ("label", string(option.label)),
                ("products", list(children.map(|child| string(&child.id.to_string())))),
            ])
        };
        let fields = object([
            ("id", string(&attribute.id.to_string())),
            ("code", string(attribute.code)),
            ("label", string(attribute.label)),
            ("options", list(attribute.options.iter().map(option))),
            ("position", string(&position.to_string())),
        ]);
        (attribute.id.to_string(), fields)
    };
    object(own.attributes.iter().enumerate().map(attribute))
}

fn child_prices(view: &View, child: &Child) -> String {
    let (old, own) = (view.price(child.regular), view.price(child.price()));
    let tier = |tier: &Tier| {
        let price = view.price(tier.price);
        let percent = 100 - tier.price.0 * 100 / child.price().0.max(1);
        object([
            ("qty", tier.qty.to_string()),
            ("price", price.shown.raw()),
            ("percentage", percent.to_string()),
            ("basePrice", price.net.raw()),
        ])
    };
    let price = |amount: String| object([("amount", amount)]);
    object([
        ("baseOldPrice", price(old.net.raw())),
        ("oldPrice", price(old.shown.raw())),
        ("basePrice", price(own.net.raw())),
        ("finalPrice", price(own.shown.raw())),
        ("tierPrices", list(child.tiers.iter().map(tier))),
        ("msrpPrice", price(String::from("0"))),
    ])
}

fn image(product: &Product) -> String {
    let path = string(&product.image());
    list([object([
        ("thumb", path.clone()),
        ("img", path.clone()),
        ("full", path),
        ("caption", string(product.name)),
        ("position", string("1")),
        ("isMain", String::from("true")),
        ("type", string("image")),
        ("videoUrl", String::from("null")),
    ])])
}

/// How swatches look: text or colour.
pub fn swatches(own: &Configurable) -> String {
    let attribute = |attribute: &catalog::kind::Attribute| {
        let option = |option: &catalog::kind::AttributeOption| {
            let kind = if option.swatch.starts_with('#') { "1" } else { "0" };
            let fields =
                object([("type", string(kind)), ("value", string(option.swatch)), ("label", string(option.label))]);
            (option.id.to_string(), fields)
        };
        let is_visual = attribute.options.iter().any(|option| option.swatch.starts_with('#'));
        let kind = if is_visual { "visual" } else { "text" };
        let more = format!("{{\"swatch_input_type\":\"{kind}\",\"update_product_preview_image\":1}}");
        let options = attribute.options.iter().map(option);
        (attribute.id.to_string(), object(options.chain([(String::from("additional_data"), string(&more))])))
    };
    object(own.attributes.iter().map(attribute))
}

/// A bundle's options. Its amounts are strings, as in Magento's own pages.
pub fn bundle(view: &View, product: &Product, options: &[BundleOption]) -> String {
    let selection = |selection: &Selection| {
        let part = catalog::product(selection.product);
        let old = part.map(|part| view.price(part.regular_price())).unwrap_or_default();
        let own = part.map(|part| view.price(part.price())).unwrap_or_default();
        let price = |amount: String| object([("amount", string(&amount))]);
        let prices = object([
            ("oldPrice", price(old.shown.raw())),
            ("basePrice", price(own.net.raw())),
            ("finalPrice", price(own.shown.raw())),
        ]);
        let fields = object([
            ("qty", selection.qty.to_string()),
            ("customQty", string("1")),
            ("optionId", string(&selection.product.to_string())),
            ("prices", prices),
            ("priceType", string("0")),
            ("tierPrice", list([])),
            ("name", string(part.map_or("", |part| part.name))),
            ("canApplyMsrp", String::from("false")),
        ]);
        (selection.id.to_string(), fields)
    };
    let option = |(position, option): (usize, &BundleOption)| {
        let fields = object([
            ("selections", object(option.selections.iter().map(selection))),
            ("title", string(option.title)),
            ("isMulti", String::from("false")),
            ("position", position.to_string()),
        ]);
        (option.id.to_string(), fields)
    };
    let chosen = options.iter().filter(|option| option.is_required);
    let selected = chosen.filter_map(|option| {
        let first = option.selections.first()?;
        Some((option.id.to_string(), list([string(&first.id.to_string())])))
    });
    let nothing = || object([("amount", String::from("0"))]);
    object([
        ("options", object(options.iter().enumerate().map(option))),
        ("selected", object(selected)),
        ("positions", list(options.iter().map(|option| string(&option.id.to_string())))),
        ("bundleId", string(&product.id.to_string())),
        ("priceFormat", view.price_format()),
        ("prices", object([("oldPrice", nothing()), ("basePrice", nothing()), ("finalPrice", nothing())])),
        ("priceType", string("0")),
        ("isFixedPrice", String::from("false")),
    ])
}

/// What Magento keeps in the browser for "recently viewed": a copy of the prices that nothing on this page shows.
pub fn provider(view: &View, product: &Product) -> String {
    let (old, own) = both_prices(view, product);
    let most = match product.kind {
        Kind::Bundle(options) => catalog::bundle_range(options, |part| view.price(part.price())).1,
        Kind::Configurable(children) => {
            view.price(children.children.iter().map(Child::price).max().unwrap_or_default())
        }
        _ => own,
    };
    let shown = |price: Price| (price.shown.raw(), view.text(price.shown));
    let bare = |price: Price| (price.net.raw(), view.text(price.net));
    let product_url = view.url(&product.path());
    let tax = price_info([bare(own), bare(most), bare(old)]);
    let extension = object([
        ("tax_adjustments", object(tax)),
        ("weee_attributes", list([])),
        ("weee_adjustment", string(&span(&shown(own).1))),
    ]);
    let own_prices = price_info([shown(own), shown(most), shown(old)]);
    let item = object([
        ("price_info", object(own_prices.into_iter().chain([("extension_attributes", extension)]))),
        ("images", list([object([("url", string(&product.image())), ("label", string(product.name))])])),
        ("url", string(&product_url)),
        ("id", product.id.to_string()),
        ("name", string(product.name)),
        ("type", string(product.kind.as_str())),
        ("is_salable", string("1")),
        ("store_id", view.id.to_string()),
        ("currency_code", string(view.currency)),
    ]);
    object([
        ("items", object([(product.id.to_string(), item)])),
        ("store", string(&view.id.to_string())),
        ("currency", string(view.currency)),
        ("productCurrentScope", string("website")),
    ])
}

fn price_info([own, most, old]: [(String, String); 3]) -> Vec<(&'static str, String)> {
    let null = || String::from("null");
    let formatted = object([
        ("final_price", string(&span(&own.1))),
        ("max_price", string(&span(&most.1))),
        ("minimal_price", string(&span(&own.1))),
        ("max_regular_price", string(&span(&most.1))),
        ("minimal_regular_price", null()),
        ("special_price", null()),
        ("regular_price", string(&span(&old.1))),
    ]);
    vec![
        ("final_price", own.0.clone()),
        ("max_price", most.0.clone()),
        ("max_regular_price", most.0),
        ("minimal_regular_price", own.0.clone()),
        ("special_price", null()),
        ("minimal_price", own.0),
        ("regular_price", old.0),
        ("formatted_prices", formatted),
    ]
}

fn span(text: &str) -> String {
    format!("<span class=\"price\">{text}</span>")
}
