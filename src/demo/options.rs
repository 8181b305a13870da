//! The form of a product page: options, swatches, links and parts, and the button after them.

use super::Shop;
use super::catalog::kind::{
    BundleInput, BundleOption, Configurable, CustomOption, Input, Kind, Link, Look, OptionValue, Selection,
};
use super::catalog::{self, Product};
use super::json;
use super::money::Cents;
use super::price::{self, Place, Shown};
use super::scripts;
use super::template::{attribute, render, text};
use super::view::View;

/// The form, with the price box's script after it.
pub fn form(shop: &Shop, view: &View, product: &Product) -> String {
    let values = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("form_key", shop.form_key.clone()),
        (
            "enctype",
            String::from(if matches!(product.kind, Kind::Options(_)) {
                " enctype=\"multipart/form-data\""
            } else {
                ""
            }),
        ),
        ("inside", inside(view, product)),
        ("price_config", scripts::price_config(view, product)),
    ];
    render(view, include_str!("templates/form.html"), &values)
}

fn inside(view: &View, product: &Product) -> String {
    match product.kind {
        Kind::Simple | Kind::Virtual | Kind::Tiers(_) => to_cart(view, true),
        Kind::Downloadable => wrapper(view, false, &all_links(view, product)),
        Kind::Links(links) => wrapper(view, true, &single_links(view, links)),
        Kind::Options(options) => wrapper(view, true, &custom(view, product, options)),
        Kind::Configurable(own) => wrapper(view, own.look == Look::Dropdowns, &configurable(view, product, own)),
        Kind::Bundle(options) => bundle(view, product, options),
        Kind::Grouped(ids) => grouped(view, ids),
    }
}

fn to_cart(view: &View, has_quantity: bool) -> String {
    let quantity =
        if has_quantity { render(view, include_str!("templates/quantity.html"), &[]) } else { String::new() };
    render(view, include_str!("templates/to_cart.html"), &[("quantity", quantity)])
}

fn wrapper(view: &View, has_required: bool, fields: &str) -> String {
    let required = format!(" data-hasrequired=\"{}\"", attribute(view.phrase("* Required Fields")));
    let values = [
        ("required", if has_required { required } else { String::new() }),
        ("fields", fields.to_owned()),
        ("to_cart", to_cart(view, true)),
    ];
    render(view, include_str!("templates/options.html"), &values)
}

/// The files of a product that are sold together. None can be chosen, so the prices in the configuration are added to nothing.
fn all_links(view: &View, product: &Product) -> String {
    let link = Link { id: 1, title: product.name, price: product.price() };
    let item = format!(
        "                                            <div class=\"field choice\" data-role=\"link\">\n                                        <label class=\"label\" for=\"links_1\">\n                        <span>{}</span>\n                                                                    </label>\n                </div>\n",
        text(product.name)
    );
    let config = attribute(&scripts::links(view, &[link]));
    let values = [("class", String::from(" downloads-no-separately")), ("config", config), ("links", item)];
    render(view, include_str!("templates/links.html"), &values)
}

fn single_links(view: &View, links: &[Link]) -> String {
    let item = |link: &Link| {
        let values = [
            ("id", link.id.to_string()),
            ("title", text(link.title)),
            ("notice", price::notice(view, view.price(link.price), false)),
        ];
        render(view, include_str!("templates/link.html"), &values)
    };
    let config = attribute(&scripts::links(view, links));
    let values =
        [("class", String::from(" required")), ("config", config), ("links", links.iter().map(item).collect())];
    render(view, include_str!("templates/links.html"), &values)
}

fn custom(view: &View, product: &Product, options: &[CustomOption]) -> String {
    let config = [("id", product.id.to_string()), ("config", scripts::custom_options(view, product, options))];
    let fields: String = options.iter().map(|option| custom_field(view, product, option)).collect();
    render(view, include_str!("templates/option_config.html"), &config) + &fields
}

fn custom_field(view: &View, product: &Product, option: &CustomOption) -> String {
    let mut values = vec![
        ("id", option.id.to_string()),
        ("title", text(option.title)),
        ("required", String::from(if option.is_required { " required" } else { "" })),
    ];
    match &option.input {
        Input::Text { price, most } => {
            values.push(("notice", price::notice(view, view.price(price.of(product.price())), true)));
            values.push(("most", most.to_string()));
            render(view, include_str!("templates/option_text.html"), &values)
        }
        Input::Select(own) => {
            values.push(("values", own.iter().map(|value| select_value(view, product, value)).collect()));
            render(view, include_str!("templates/option_select.html"), &values)
        }
        Input::Checkboxes(own) => {
            let boxes = own.iter().enumerate().map(|(nth, value)| checkbox(view, product, option, nth + 2, value));
            values.push(("values", boxes.collect()));
            render(view, include_str!("templates/option_checkboxes.html"), &values)
        }
    }
}

fn select_value(view: &View, product: &Product, value: &OptionValue) -> String {
    let price = view.price(value.price.of(product.price()));
    let shown = price.shown;
    let more = match price.net.0 {
        0 => String::new(),
        _ => format!("+\n\n\n        {}\n        \n", view.text(shown)),
    };
    format!("<option value=\"{}\"  price=\"{}\" >{} {more}</option>", value.id, shown.raw(), text(value.title))
}

fn checkbox(view: &View, product: &Product, option: &CustomOption, nth: usize, value: &OptionValue) -> String {
    let price = view.price(value.price.of(product.price()));
    let values = [
        ("option", option.id.to_string()),
        ("nth", nth.to_string()),
        ("id", value.id.to_string()),
        ("title", text(value.title)),
        ("price", price.shown.raw()),
        ("notice", price::notice(view, price, true)),
    ];
    render(view, include_str!("templates/option_checkbox.html"), &values)
}

fn configurable(view: &View, product: &Product, own: &Configurable) -> String {
    let config = scripts::children(view, product, own);
    match own.look {
        Look::Swatches => swatches(view, include_str!("templates/swatches.html"), product, own),
        Look::Dropdowns => {
            let select = |attribute: &catalog::kind::Attribute| {
                let values = [("id", attribute.id.to_string()), ("label", text(attribute.label))];
                render(view, include_str!("templates/dropdown.html"), &values)
            };
            let selects: String = own.attributes.iter().map(select).collect();
            selects + &render(view, include_str!("templates/dropdown_config.html"), &[("config", config)])
        }
    }
}

/// The swatches of a row in a list, for products that have them.
pub fn row_swatches(view: &View, product: &Product) -> String {
    match product.kind {
        Kind::Configurable(own) if own.look == Look::Swatches => {
            swatches(view, include_str!("templates/swatch_row.html"), product, own)
        }
        _ => String::new(),
    }
}

fn swatches(view: &View, template: &'static str, product: &Product, own: &Configurable) -> String {
    let values = [
        ("id", product.id.to_string()),
        ("config", scripts::children(view, product, own)),
        ("swatches", scripts::swatches(own)),
        ("base_url", view.url("/").replace('/', "\\u002F")),
        ("price_format", view.price_format()),
        ("prices", scripts::row_prices(view, product)),
    ];
    render(view, template, &values)
}

fn grouped(view: &View, ids: &[u64]) -> String {
    let row = |part: &Product| {
        let values = [
            ("id", part.id.to_string()),
            ("name", text(part.name)),
            ("price_box", price::price_box(view, part, Place::Row)),
        ];
        render(view, include_str!("templates/grouped_row.html"), &values)
    };
    let rows = catalog::products(ids).into_iter().map(row).collect();
    render(view, include_str!("templates/grouped.html"), &[("rows", rows), ("to_cart", to_cart(view, false))])
}

fn bundle(view: &View, product: &Product, options: &[BundleOption]) -> String {
    let least = catalog::bundle_range(options, |part| view.price(part.price())).0;
    let values = [
        ("id", product.id.to_string()),
        ("config", scripts::bundle(view, product, options)),
        ("options", options.iter().map(|option| bundle_option(view, option)).collect()),
        ("image", product.image()),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("price_box", price::configured_box(view, product.id, least, true)),
        ("to_cart", to_cart(view, true)),
    ];
    render(view, include_str!("templates/bundle_inside.html"), &values)
}

fn bundle_option(view: &View, option: &BundleOption) -> String {
    let control = match (option.input, option.selections) {
        (BundleInput::Radios, [only]) => single_part(view, option, only),
        (BundleInput::Radios, several) => {
            let radios = several.iter().enumerate().map(|(nth, own)| radio(view, option, own, nth == 0));
            format!(
                "        <div class=\"nested options-list\">\n{}                                <div id=\"bundle-option-{}-container\"></div>\n                <div id=\"validation-message-box-radio\"></div>\n        </div>\n",
                radios.collect::<String>(),
                option.id
            )
        }
        (BundleInput::Select, parts) => part_select(view, option, parts),
    };
    let is_select = option.input == BundleInput::Select;
    let is_chosen = option.is_required;
    let values = [
        ("id", option.id.to_string()),
        ("title", text(option.title)),
        ("required", String::from(if option.is_required { " required" } else { "" })),
        ("for", if is_select { format!(" for=\"bundle-option-{}\"", option.id) } else { String::new() }),
        ("control", control),
        ("disabled", String::from(if option.has_quantity { "" } else { "disabled=\"disabled\"" })),
        ("disabled_class", String::from(if option.has_quantity { "" } else { " qty-disabled" })),
        ("qty", option.selections.first().filter(|_| is_chosen).map_or(0, |first| first.qty).to_string()),
    ];
    render(view, include_str!("templates/bundle_option.html"), &values)
}

fn part(selection: &Selection) -> (&'static str, Cents) {
    catalog::product(selection.product).map_or(("", Cents(0)), |part| (part.name, part.price()))
}

fn radio(view: &View, option: &BundleOption, selection: &Selection, is_first: bool) -> String {
    let (name, price) = part(selection);
    let values = [
        ("option", option.id.to_string()),
        ("id", selection.id.to_string()),
        ("name", text(name)),
        ("checked", String::from(if is_first && option.is_required { "checked=\"checked\"" } else { "" })),
        ("notice", price::notice(view, view.price(price), false)),
    ];
    render(view, include_str!("templates/bundle_radio.html"), &values)
}

/// What must be taken and is the only choice is said, and sent along.
fn single_part(view: &View, option: &BundleOption, selection: &Selection) -> String {
    let (name, price) = part(selection);
    format!(
        "        <div class=\"nested options-list\">\n            <span class=\"product-name\">{}</span> &nbsp; {}\n                <input type=\"hidden\"\n                    class=\"bundle-option-{2}  product bundle option\"\n                    name=\"bundle_option[{2}]\"\n                    value=\"{3}\"\n                    id=\"bundle-option-{2}-{3}\"\n                    checked=\"checked\"\n                />\n        </div>\n",
        text(name),
        price::notice(view, view.price(price), false),
        option.id,
        selection.id
    )
}

fn part_select(view: &View, option: &BundleOption, parts: &[Selection]) -> String {
    let value = |(nth, selection): (usize, &Selection)| {
        let (name, price) = part(selection);
        let selected = if nth == 0 && option.is_required { " selected=\"selected\"" } else { "" };
        let words = view.text(view.price(price).shown);
        format!(
            "                            <option value=\"{}\"{selected}>\n                    {} &nbsp; +{words}                </option>\n",
            selection.id,
            text(name)
        )
    };
    format!(
        "        <select id=\"bundle-option-{0}\"\n                name=\"bundle_option[{0}]\"\n                data-selector=\"bundle_option[{0}]\"\n                class=\"bundle-option-{0} product bundle option bundle-option-select change-container-classname\"\n                data-validate = \"{{required:{1}}}\">\n            <option value=\"\">{2}</option>\n{3}        </select>\n",
        option.id,
        option.is_required,
        text(view.phrase("Choose a selection...")),
        parts.iter().enumerate().map(value).collect::<String>()
    )
}

/// The list of tier prices above the form.
pub fn tier_list(view: &View, product: &Product) -> String {
    let Kind::Tiers(tiers) = product.kind else { return String::new() };
    let item = |(nth, tier): (usize, &catalog::kind::Tier)| {
        let shown = Shown { price: view.price(tier.price), code: "tier_price", ..Shown::default() };
        let percent = 100 - (tier.price.0 * 100 + product.price().0 / 2) / product.price().0.max(1);
        let saved = format!(
            "<strong class=\"benefit\">{}<span class=\"percent tier-{nth}\">&nbsp;{percent}</span>%</strong>",
            text(view.phrase("save"))
        );
        format!(
            "                    <li class=\"item\">\n                                    {} {} {} {}\n {} {saved}                            </li>\n",
            text(view.phrase("Buy")),
            tier.qty,
            text(view.phrase("for")),
            price::amount(view, &shown),
            text(view.phrase("each and")),
        )
    };
    let items: String = tiers.iter().enumerate().map(item).collect();
    let config = json::object([
        ("origin", json::string("tier")),
        ("addToCartButton", json::string("#product_addtocart_form [type=submit]")),
        ("inputQty", json::string("#qty")),
        ("productId", json::string(&product.id.to_string())),
    ]);
    format!(
        "    <ul class=\"prices-tier&#x20;items\">\n{items}            </ul>\n            <script type=\"text/x-magento-init\">\n            {{\n                \".product-info-main\": {{\n                    \"addToCart\": {config}\n                }}\n            }}\n        </script>\n"
    )
}
