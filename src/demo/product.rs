//! Products as Luma prints them: price boxes, tiles and the product page.

use http::StatusCode;
use serde_json::{Value, json};

use super::Shop;
use super::catalog::{self, CATEGORIES, Product, ProductType};
use super::layout::Page;
use super::money::Cents;
use super::template::{attribute, fill, script_json, text};

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
}

/// The price box of a product, with the uneven whitespace and coded classes of Luma's.
pub fn price_box(product: &Product, place: Place) -> String {
    let id = product.id;
    let inner = match product.special {
        None => amount(product, place, Amount::Only),
        Some(_) => format!(
            "\n    <span class=\"special-price\">{}    </span>\n    <span class=\"old-price\">{}    </span>",
            amount(product, place, Amount::Special),
            amount(product, place, Amount::Regular)
        ),
    };
    format!(
        "<div class=\"price-box price-final_price\" data-role=\"priceBox\" data-product-id=\"{id}\" data-price-box=\"product-id-{id}\">{inner}\n</div>"
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Only,
    Special,
    Regular,
}

fn amount(product: &Product, place: Place, which: Amount) -> String {
    let (price, kind) = match which {
        Amount::Regular => (product.regular, "oldPrice"),
        Amount::Only | Amount::Special => (product.price(), "finalPrice"),
    };
    let label = match which {
        Amount::Only => "",
        Amount::Special => "            <span class=\"price-label\">Special Price</span>\n",
        Amount::Regular => "            <span class=\"price-label\">Regular Price</span>\n",
    };
    let is_offer = place == Place::Main && which != Amount::Regular;
    let (offer, meta) = match is_offer {
        true => (" itemprop=\"offers\" itemscope itemtype=\"http://schema.org/Offer\"", microdata(price)),
        false => ("", String::from("        </span>\n")),
    };
    format!(
        "\n<span class=\"price-container price-final_price&#x20;tax&#x20;weee\"\n        {offer}>\n{label}        <span  id=\"{}\"                data-price-amount=\"{}\"\n        data-price-type=\"{kind}\"\n        class=\"price-wrapper \"\n    ><span class=\"price\">{price}</span></span>\n{meta}",
        element_id(product.id, place, which),
        price.raw()
    )
}

fn microdata(price: Cents) -> String {
    format!(
        "                <meta itemprop=\"price\" content=\"{}\" />\n        <meta itemprop=\"priceCurrency\" content=\"USD\" />\n    </span>\n",
        price.raw()
    )
}

/// Luma's ids lie: the home widget calls the final price `old-price`.
fn element_id(id: u64, place: Place, which: Amount) -> String {
    match (place, which) {
        (Place::Widget, _) => format!("old-price-{id}-widget-product-grid"),
        (_, Amount::Regular) => format!("old-price-{id}"),
        (_, Amount::Only | Amount::Special) => format!("product-price-{id}"),
    }
}

/// The tile of a product in a grid, list or row of products.
pub fn tile(shop: &Shop, product: &Product, place: Place) -> String {
    let template = match place {
        Place::Widget => include_str!("templates/widget_tile.html"),
        Place::Related | Place::Upsell => include_str!("templates/linked_tile.html"),
        Place::Grid | Place::List | Place::Main => include_str!("templates/tile.html"),
    };
    let list_text = match place {
        Place::List => format!(
            "<div class=\"product description product-item-description\">\n                                    {} <a href=\"{}\"\n                                       title=\"{}\"\n                                       class=\"action more\">Learn More</a>\n                                </div>\n",
            text(product.summary),
            product.url(),
            text(product.name)
        ),
        _ => String::new(),
    };
    let fields = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", product.url()),
        ("image", product.image()),
        ("mode", String::from(if place == Place::List { "list" } else { "grid" })),
        ("place", String::from(if place == Place::Related { "related" } else { "upsell" })),
        ("rating", rating(product, false)),
        ("price_box", price_box(product, place)),
        ("list_text", list_text),
        ("form_key", shop.form_key.clone()),
    ];
    fill(template, &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn rating(product: &Product, is_main: bool) -> String {
    let (percent, count) = product.rating;
    let scope = if is_main {
        " itemprop=\"aggregateRating\" itemscope itemtype=\"http://schema.org/AggregateRating\""
    } else {
        ""
    };
    let value = if is_main {
        format!("<span itemprop=\"ratingValue\">{percent}</span>% of <span itemprop=\"bestRating\">100</span>")
    } else {
        format!("{percent}%")
    };
    let counted = if is_main { format!("<span itemprop=\"reviewCount\">{count}</span>") } else { count.to_string() };
    format!(
        "<div class=\"product-reviews-summary short\"{scope}>\n                <div class=\"rating-summary\">\n            <span class=\"label\"><span>Rating:</span></span>\n            <div class=\"rating-result stars-{}\"\n                 id=\"rating-result_{}\"\n                 title=\"{percent}%\">\n                <span><span>{value}</span></span>\n            </div>\n        </div>\n                <div class=\"reviews-actions\">\n            <span class=\"action view\">{counted}                &nbsp;<span>Reviews                </span>\n            </span>\n        </div>\n    </div>\n",
        (percent + 5) / 10,
        product.id
    )
}

/// The product page.
pub fn page(shop: &Shop, product: &'static Product) -> (StatusCode, Page) {
    let category = CATEGORIES.iter().find(|category| category.products.contains(&product.id));
    let mut breadcrumbs = vec![(String::from("Home"), String::from("/"))];
    breadcrumbs.extend(category.map(|category| (category.name.to_owned(), format!("/{}.html", category.key))));
    breadcrumbs.push((product.name.to_owned(), String::new()));
    let page = Page {
        title: product.name.to_owned(),
        description: product.summary.to_owned(),
        body_class: format!("{}catalog-product-view product-{} page-layout-1column", type_class(product), product.key),
        is_product: true,
        head_extra: open_graph(product),
        breadcrumbs,
        main: main_column(shop, product),
        ..Page::default()
    };
    (StatusCode::OK, page)
}

/// Magento names the type of a product with a page of its own kind.
fn type_class(product: &Product) -> &'static str {
    if product.kind == ProductType::Downloadable { "page-product-downloadable " } else { "" }
}

fn open_graph(product: &Product) -> String {
    format!(
        "\n<meta property=\"og:type\" content=\"product\" />\n<meta property=\"og:title\"\n      content=\"{}\" />\n<meta property=\"og:image\"\n      content=\"{}\" />\n<meta property=\"og:description\"\n      content=\"{}\" />\n<meta property=\"og:url\" content=\"{}\" />\n    <meta property=\"product:price:amount\" content=\"{}\"/>\n    <meta property=\"product:price:currency\"\n      content=\"USD\"/>\n",
        attribute(product.name),
        product.image(),
        attribute(product.summary),
        product.url(),
        product.price().raw()
    )
}

fn main_column(shop: &Shop, product: &'static Product) -> String {
    let points: String = product.points.iter().map(|point| format!("<li>{}</li>\n", text(point))).collect();
    let fields = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("summary", text(product.summary)),
        ("description", text(product.description)),
        ("points", points),
        ("attributes", attributes(product)),
        ("image", product.image()),
        ("rating", rating(product, true)),
        ("price_box", price_box(product, Place::Main)),
        ("promises", promises(product.kind).map(|promise| format!("<li>{promise}</li>")).concat()),
        ("downloads", downloads(product)),
        ("price_config", script_json(&price_config(product))),
        ("provider", script_json(&provider(product))),
        ("form_key", shop.form_key.clone()),
        ("linked", linked(shop, product.related, Place::Related) + &linked(shop, product.upsell, Place::Upsell)),
    ];
    fill(include_str!("templates/product.html"), &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// The files of a downloadable product. None can be chosen, so the prices in the list's configuration are added to nothing.
fn downloads(product: &Product) -> String {
    if product.kind != ProductType::Downloadable {
        return String::new();
    }
    let price = product.price().json();
    let config = json!({ "links": { "1": { "finalPrice": price, "basePrice": price } } });
    let values = [("config", attribute(&config.to_string())), ("name", text(product.name))];
    fill(include_str!("templates/downloads.html"), &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn attributes(product: &Product) -> String {
    let row = |(label, value): &(&str, &str)| {
        let (label, coded, value) = (text(label), attribute(label), text(value));
        format!(
            "                            <tr>\n                    <th class=\"col label\" scope=\"row\">{label}</th>\n                    <td class=\"col data\" data-th=\"{coded}\">{value}</td>\n                </tr>\n"
        )
    };
    product.attributes.iter().map(row).collect()
}

fn promises(kind: ProductType) -> [&'static str; 3] {
    match kind {
        ProductType::Simple => {
            ["Leaves the workshop tomorrow", "Sixty days to change your mind", "Repaired for as long as you keep it"]
        }
        ProductType::Virtual => ["Begins the day you buy it", "Sixty days to change your mind", "Covers gifts as well"],
        ProductType::Downloadable => {
            ["Yours as soon as you have paid", "Every later edition included", "No reader, no account, no lock"]
        }
    }
}

/// What Magento hands to its price box. Simple products without options bring no prices along: the box reads its own
/// attributes. Downloadable ones do, and the box prints those.
fn price_config(product: &Product) -> Value {
    let format = json!({
        "pattern": "$%s", "precision": 2, "requiredPrecision": 2, "decimalSymbol": ".", "groupSymbol": ",",
        "groupLength": 3, "integerRequired": false,
    });
    if product.kind != ProductType::Downloadable {
        return json!({ "productId": product.id.to_string(), "priceFormat": format, "tierPrices": [] });
    }
    let price = |price: Cents| json!({ "amount": price.json(), "adjustments": [] });
    json!({
        "productId": product.id,
        "priceFormat": format,
        "prices": {
            "baseOldPrice": price(product.regular),
            "oldPrice": price(product.regular),
            "basePrice": price(product.price()),
            "finalPrice": price(product.price()),
        },
        "idSuffix": "_clone",
        "tierPrices": [],
        "calculationAlgorithm": "TOTAL_BASE_CALCULATION",
    })
}

/// What Magento keeps in the browser for "recently viewed": a copy of the price that nothing on this page shows.
fn provider(product: &Product) -> Value {
    let shown = format!("<span class=\"price\">{}</span>", product.price());
    let item = json!({
        "price_info": {
            "final_price": product.price().json(),
            "regular_price": product.regular.json(),
            "formatted_prices": { "final_price": shown },
        },
        "url": product.url(), "id": product.id, "name": product.name, "type": product.kind.as_str(),
        "is_salable": "1", "store_id": 1, "currency_code": "USD",
    });
    let mut items = serde_json::Map::new();
    items.insert(product.id.to_string(), item);
    json!({ "items": items, "store": "1", "currency": "USD", "productCurrentScope": "website" })
}

fn linked(shop: &Shop, ids: &[u64], place: Place) -> String {
    let tiles: String = catalog::products(ids).into_iter().map(|product| tile(shop, product, place)).collect();
    let (word, heading) = match place {
        Place::Related => ("related", "Goes well with it"),
        _ => ("upsell", "You may also like"),
    };
    match tiles.is_empty() {
        true => tiles,
        false => {
            fill(include_str!("templates/linked.html"), &[("place", word), ("heading", heading), ("tiles", &tiles)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_price_comes_with_the_regular_one() {
        let weekender = catalog::product(2).expect("the weekender");
        let html = price_box(weekender, Place::Main);
        assert!(html.contains("data-price-amount=\"99\"\n        data-price-type=\"finalPrice\""), "{html}");
        assert!(html.contains("data-price-amount=\"128\"\n        data-price-type=\"oldPrice\""), "{html}");
        assert_eq!(html.matches("itemprop=\"price\" content=\"99\"").count(), 1, "{html}");
        assert_eq!(html.matches("<span").count(), html.matches("</span>").count(), "{html}");
    }

    #[test]
    fn a_plain_price_stands_alone() {
        let html = price_box(catalog::product(1).expect("the tote"), Place::Grid);
        assert!(!html.contains("oldPrice") && !html.contains("itemprop"), "{html}");
        assert_eq!(html.matches("<span").count(), html.matches("</span>").count(), "{html}");
    }
}
