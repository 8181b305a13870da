//! Price boxes as Luma prints them, with its uneven whitespace and coded classes.

use super::catalog::kind::{Kind, Tier};
use super::catalog::{self, Product};
use super::money::Amount;
use super::template::{attribute, text};
use super::view::{Display, Price, View};

/// Where a price box or tile stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A category's or search's grid.
    Grid,
    /// A category's or search's list.
    List,
    /// The home page's product widget.
    Widget,
    /// "Related products" of a product page.
    Related,
    /// "You may also like" of a product page.
    Upsell,
    /// The product page's own.
    Main,
    /// A row of a grouped product's table.
    Row,
    /// The comparison's upper row.
    Compare,
}

/// One amount of a box.
#[derive(Clone, Debug, Default)]
pub struct Shown<'a> {
    /// The price.
    pub price: Price,
    /// Magento's `data-price-type`.
    pub kind: &'a str,
    /// The label before it, in English.
    pub label: &'static str,
    /// The element's id, where it has one.
    pub id: String,
    /// The price's code, a class of the container.
    pub code: &'a str,
    /// Whether it is the offer of the page's product.
    pub is_offer: bool,
    /// Whether the text stands in no element of its own.
    pub is_bare: bool,
}

/// The price box of a product.
pub fn price_box(view: &View, product: &Product, place: Place) -> String {
    match product.kind {
        Kind::Configurable(_) => wrapped(product.id, "final_price", &configurable(view, product, place)),
        Kind::Bundle(_) => wrapped(product.id, "final_price", &bundle(view, product, place)),
        Kind::Grouped(_) => wrapped(product.id, "final_price", &grouped(view, product, place)),
        Kind::Tiers(tiers) if !matches!(place, Place::Main | Place::Row) => {
            let own = wrapped(product.id, "final_price", &single(view, product, place));
            let own = own.strip_suffix("</div>").unwrap_or(&own);
            format!("{own}{}    </div>", least(view, product, tiers))
        }
        _ => wrapped(product.id, "final_price", &single(view, product, place)),
    }
}

/// The box of a price that the shopper's choices make: in a bundle's summary and in a wish list.
pub fn configured_box(view: &View, id: u64, price: Price, is_offer: bool) -> String {
    let shown = Shown {
        price,
        kind: "finalPrice",
        id: format!("product-price-{id}"),
        code: "configured_price",
        is_offer,
        ..Shown::default()
    };
    let inner = format!("        <p class=\"price-as-configured\">\n        {}    </p>\n", amount(view, &shown));
    wrapped(id, "configured_price", &inner)
}

fn wrapped(id: u64, code: &str, inner: &str) -> String {
    format!(
        "<div class=\"price-box price-{code}\" data-role=\"priceBox\" data-product-id=\"{id}\" data-price-box=\"product-id-{id}\">{inner}</div>"
    )
}

/// A product with one price, and a regular price where it is higher.
fn single(view: &View, product: &Product, place: Place) -> String {
    let own = Shown {
        price: view.price(product.price()),
        kind: "finalPrice",
        id: element_id(product.id, place, "product-price"),
        code: "final_price",
        is_offer: place == Place::Main,
        ..Shown::default()
    };
    if product.price() == product.regular_price() {
        return format!("\n    {}\n", amount(view, &own));
    }
    format!(
        "\n    <span class=\"special-price\">\n        {}    </span>\n    <span class=\"old-price\">\n        {}    </span>\n\n",
        amount(view, &Shown { label: "Special Price", ..own }),
        amount(view, &regular(view, product, place))
    )
}

fn regular(view: &View, product: &Product, place: Place) -> Shown<'static> {
    Shown {
        price: view.price(product.regular_price()),
        kind: "oldPrice",
        label: "Regular Price",
        id: element_id(product.id, place, "old-price"),
        code: "final_price",
        ..Shown::default()
    }
}

/// The link to the lowest of the tier prices, which has neither a type nor an element around its text.
fn least(view: &View, product: &Product, tiers: &[Tier]) -> String {
    let lowest = tiers.iter().map(|tier| tier.price).min().unwrap_or_default();
    let shown = Shown {
        price: view.price(lowest),
        label: "As low as",
        id: tiers.len().to_string(),
        code: "final_price",
        is_bare: true,
        ..Shown::default()
    };
    format!(
        "    <a href=\"{}\" class=\"minimal-price-link\">\n            {}        </a>\n",
        view.url(&product.path()),
        amount(view, &shown)
    )
}

/// The cheapest child's price. The regular price is there on the product's own page only, and hidden until a script shows it.
fn configurable(view: &View, product: &Product, place: Place) -> String {
    let own = Shown {
        price: view.price(product.price()),
        kind: "finalPrice",
        label: "As low as",
        id: element_id(product.id, place, "product-price"),
        code: "final_price",
        is_offer: place == Place::Main,
        ..Shown::default()
    };
    let normal = format!("<span class=\"normal-price\">\n    {}</span>\n\n", amount(view, &own));
    if place != Place::Main || product.price() == product.regular_price() {
        return format!("{normal}\n");
    }
    format!(
        "{normal}    <span class=\"old-price sly-old-price no-display\">\n        {}    </span>\n\n",
        amount(view, &regular(view, product, place))
    )
}

/// From and to, each with its regular price where that is higher. Both regular prices have one id and no type.
fn bundle(view: &View, product: &Product, place: Place) -> String {
    let Kind::Bundle(options) = product.kind else { return String::new() };
    let (from, to) = catalog::bundle_range(options, |part| view.price(part.price()));
    let (old_from, old_to) = catalog::bundle_range(options, |part| view.price(part.regular_price()));
    let end = |class: &str, label: &'static str, kind: &'static str, price: Price, old: Price| {
        let own = Shown {
            price,
            kind,
            label,
            id: element_id(product.id, place, class),
            code: "final_price",
            ..Shown::default()
        };
        let before = Shown {
            price: old,
            kind: "",
            label: "Regular Price",
            id: format!("old-price-{}", product.id),
            ..own.clone()
        };
        let before = match old > price {
            true => format!(
                "                            <span class=\"old-price\">\n                    {}                </span>\n",
                amount(view, &before)
            ),
            false => String::new(),
        };
        format!(
            "        <p class=\"price-{class}\">\n            {}{before}                    </p>\n",
            amount(view, &own)
        )
    };
    format!("\n    {}{}    ", end("from", "From", "minPrice", from, old_from), end("to", "To", "maxPrice", to, old_to))
}

/// Nothing but a second box on the product's own page, whose rows have boxes of their own.
fn grouped(view: &View, product: &Product, place: Place) -> String {
    if place == Place::Main {
        return String::from("<div class=\"price-box\">\n    </div>\n");
    }
    let own = Shown {
        price: view.price(product.price()),
        id: element_id(product.id, place, "product-minimal-price"),
        code: "final_price",
        ..Shown::default()
    };
    format!(
        "<div class=\"price-box\">\n            <p class=\"minimal-price\">\n            <span class=\"price-label\">{}</span>{}        </p>\n    </div>\n",
        text(view.phrase("Starting at")),
        amount(view, &own)
    )
}

/// Luma's ids lie: the home widget calls the final price `old-price`, the comparison calls every price the final one.
fn element_id(id: u64, place: Place, word: &str) -> String {
    match place {
        Place::Widget => format!("old-price-{id}-widget-product-grid"),
        Place::Compare => format!("product-price-{id}-compare-list-top"),
        _ => format!("{word}-{id}"),
    }
}

/// One amount: its container, label and element, and the same without tax beside it where the view shows both.
pub fn amount(view: &View, shown: &Shown<'_>) -> String {
    let first = shown.price.shown;
    let offer = if shown.is_offer { " itemprop=\"offers\" itemscope itemtype=\"http://schema.org/Offer\"" } else { "" };
    let code = if shown.code.is_empty() { String::new() } else { format!(" price-{}", shown.code) };
    let label = match shown.label {
        "" => String::new(),
        label => format!("            <span class=\"price-label\">{}</span>\n", text(view.phrase(label))),
    };
    let end = match shown.is_offer {
        true => format!(
            "                <meta itemprop=\"price\" content=\"{}\" />\n        <meta itemprop=\"priceCurrency\" content=\"{}\" />\n    </span>\n",
            first.raw(),
            view.currency
        ),
        false => String::from("        </span>\n"),
    };
    format!(
        "\n\n<span class=\"price-container{code}&#x20;tax&#x20;weee\"\n        {offer}>\n{label}        {}{}{end}",
        first_element(view, shown, first),
        second_element(view, shown)
    )
}

fn first_element(view: &View, shown: &Shown<'_>, amount: Amount) -> String {
    let (class, prefix, label) = match view.display {
        Display::Both => {
            let label = format!("        data-label=\"{}\"", attribute(view.phrase("Incl. Tax")));
            ("price-including-tax", "price-including-tax-", label)
        }
        _ => ("", "", String::new()),
    };
    let id = if shown.id.is_empty() { String::new() } else { format!(" id=\"{prefix}{}\"", shown.id) };
    format!(
        "<span {id}{label}                data-price-amount=\"{}\"\n        data-price-type=\"{}\"\n        class=\"price-wrapper {class}\"\n    >{}</span>\n",
        amount.raw(),
        shown.kind,
        inner(view, amount, shown.is_bare)
    )
}

/// Regular prices have no such second element.
fn second_element(view: &View, shown: &Shown<'_>) -> String {
    let kind = match shown.kind {
        "finalPrice" => "basePrice",
        "minPrice" => "baseMinPrice",
        "maxPrice" => "baseMaxPrice",
        other => other,
    };
    let is_regular = shown.label == "Regular Price";
    if view.display != Display::Both || is_regular {
        return String::new();
    }
    let id = if shown.id.is_empty() { String::new() } else { format!(" id=\"price-excluding-tax-{}\"", shown.id) };
    format!(
        "            \n\n    <span{id}\n          data-label=\"{}\"\n          data-price-amount=\"{}\"\n          data-price-type=\"{kind}\"\n          class=\"price-wrapper price-excluding-tax\">\n        {}</span>\n",
        attribute(view.phrase("Excl. Tax")),
        shown.price.net.raw(),
        inner(view, shown.price.net.into(), shown.is_bare)
    )
}

fn inner(view: &View, amount: Amount, is_bare: bool) -> String {
    match is_bare {
        true => view.text(amount),
        false => format!("<span class=\"price\">{}</span>", view.text(amount)),
    }
}

/// What an option adds, beside its label.
pub fn notice(view: &View, price: Price, is_bare: bool) -> String {
    format!("<span class=\"price-notice\">+{}</span>", amount(view, &Shown { price, is_bare, ..Shown::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(code: &str, id: u64, place: Place) -> String {
        let html = price_box(View::with_code(code), catalog::product(id).expect("a product"), place);
        assert_eq!(html.matches("<span").count(), html.matches("</span>").count(), "{html}");
        assert_eq!(html.matches("<div").count(), html.matches("</div>").count(), "{html}");
        html
    }

    #[test]
    fn a_special_price_comes_with_the_regular_one() {
        let html = html("default", 2, Place::Main);
        assert!(html.contains("data-price-amount=\"99\"\n        data-price-type=\"finalPrice\""), "{html}");
        assert!(html.contains("data-price-amount=\"128\"\n        data-price-type=\"oldPrice\""), "{html}");
        assert_eq!(html.matches("itemprop=\"price\" content=\"99\"").count(), 1, "{html}");
    }

    #[test]
    fn a_plain_price_stands_alone() {
        let html = html("default", 1, Place::Grid);
        assert!(!html.contains("oldPrice") && !html.contains("itemprop"), "{html}");
    }

    #[test]
    fn a_view_with_both_prices_has_an_element_for_each_and_one_for_the_regular_price() {
        let html = html("b2b", 2, Place::Main);
        for part in [
            "id=\"price-including-tax-product-price-2\"        data-label=\"Incl.&#x20;Tax\"",
            "data-price-amount=\"108.385201\"\n        data-price-type=\"finalPrice\"",
            "data-price-amount=\"91.08\"\n          data-price-type=\"basePrice\"",
            "id=\"price-including-tax-old-price-2\"",
            "<span class=\"price\">€108.39</span>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("price-excluding-tax-old-price"), "{html}");
    }

    #[test]
    fn a_configurable_product_hides_its_regular_price_on_its_page_and_has_none_in_lists() {
        assert!(html("default", 11, Place::Main).contains("old-price sly-old-price no-display"));
        assert!(!html("default", 11, Place::Grid).contains("old-price"));
        assert!(!html("default", 12, Place::Main).contains("sly-old-price"), "no child is discounted");
    }

    #[test]
    fn tier_prices_have_a_link_in_lists_only() {
        let list = html("default", 15, Place::Grid);
        assert!(list.contains("data-price-type=\"\"\n        class=\"price-wrapper \"\n    >$4.85</span>"), "{list}");
        assert!(!html("default", 15, Place::Main).contains("minimal-price-link"));
    }

    #[test]
    fn a_bundle_goes_from_to_and_names_the_regular_price_where_it_differs() {
        let html = html("de", 13, Place::Main);
        assert!(
            html.contains("data-price-type=\"minPrice\"") && html.contains("data-price-type=\"maxPrice\""),
            "{html}"
        );
        assert_eq!(html.matches("<span class=\"old-price\">").count(), 1, "{html}");
        assert!(html.contains("data-price-amount=\"132.339904\""), "38.306101, 52.550401 and twice 20.741701: {html}");
    }
}
