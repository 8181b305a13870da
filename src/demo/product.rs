//! Products as Luma prints them: tiles and the product page.

use http::StatusCode;

use super::Shop;
use super::catalog::kind::Kind;
use super::catalog::{self, CATEGORIES, Product};
use super::layout::Page;
use super::options;
use super::price::{Place, price_box};
use super::scripts;
use super::template::{attribute, render, text};
use super::view::View;

/// The tile of a product in a grid, list or row of products.
pub fn tile(shop: &Shop, view: &View, product: &Product, place: Place) -> String {
    let template = match place {
        Place::Widget => include_str!("templates/widget_tile.html"),
        Place::Related | Place::Upsell => include_str!("templates/linked_tile.html"),
        _ => include_str!("templates/tile.html"),
    };
    let url = view.url(&product.path());
    let list_text = match place {
        Place::List => format!(
            "<div class=\"product description product-item-description\">\n                                    {} <a href=\"{url}\"\n                                       title=\"{}\"\n                                       class=\"action more\">{}</a>\n                                </div>\n",
            text(product.summary),
            text(product.name),
            text(view.phrase("Learn More"))
        ),
        _ => String::new(),
    };
    let values = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("url", url),
        ("image", product.image()),
        ("mode", String::from(if place == Place::List { "list" } else { "grid" })),
        ("place", String::from(if place == Place::Related { "related" } else { "upsell" })),
        ("rating", rating(view, product, false)),
        ("price_box", price_box(view, product, place)),
        (
            "swatches",
            if matches!(place, Place::Grid | Place::List) {
                options::row_swatches(view, product)
            } else {
                String::new()
            },
        ),
        ("list_text", list_text),
        ("form_key", shop.form_key.clone()),
    ];
    render(view, template, &values)
}

/// The stars of a product.
pub fn rating(view: &View, product: &Product, is_main: bool) -> String {
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
        "<div class=\"product-reviews-summary short\"{scope}>\n                <div class=\"rating-summary\">\n            <span class=\"label\"><span>{}</span></span>\n            <div class=\"rating-result stars-{}\"\n                 id=\"rating-result_{}\"\n                 title=\"{percent}%\">\n                <span><span>{value}</span></span>\n            </div>\n        </div>\n                <div class=\"reviews-actions\">\n            <span class=\"action view\">{counted}                &nbsp;<span>{}                </span>\n            </span>\n        </div>\n    </div>\n",
        text(view.phrase("Rating:")),
        (percent + 5) / 10,
        product.id,
        text(view.phrase("Reviews"))
    )
}

/// The product page.
pub fn page(shop: &Shop, view: &View, product: &'static Product) -> (StatusCode, Page) {
    let category = CATEGORIES.iter().find(|category| category.products.contains(&product.id));
    let mut breadcrumbs = vec![(view.phrase("Home").to_owned(), view.url("/"))];
    breadcrumbs
        .extend(category.map(|category| (category.name.to_owned(), view.url(&format!("/{}.html", category.key)))));
    breadcrumbs.push((product.name.to_owned(), String::new()));
    let page = Page {
        title: product.name.to_owned(),
        description: product.summary.to_owned(),
        body_class: format!("{}catalog-product-view product-{} page-layout-1column", type_class(product), product.key),
        is_product: true,
        head_extra: open_graph(view, product),
        breadcrumbs,
        main: main_column(shop, view, product),
        ..Page::default()
    };
    (StatusCode::OK, page)
}

/// Magento names the type of a product with a page of its own kind.
fn type_class(product: &Product) -> String {
    match product.kind {
        Kind::Simple | Kind::Virtual | Kind::Tiers(_) | Kind::Options(_) => String::new(),
        _ => format!("page-product-{} ", product.kind.as_str()),
    }
}

/// A grouped product has no price of its own.
fn open_graph(view: &View, product: &Product) -> String {
    let price = match product.kind {
        Kind::Grouped(_) => String::new(),
        _ => format!(
            "    <meta property=\"product:price:amount\" content=\"{}\"/>\n    <meta property=\"product:price:currency\"\n      content=\"{}\"/>\n",
            scripts::final_price(view, product).shown.raw(),
            view.currency
        ),
    };
    format!(
        "\n<meta property=\"og:type\" content=\"product\" />\n<meta property=\"og:title\"\n      content=\"{}\" />\n<meta property=\"og:image\"\n      content=\"{}\" />\n<meta property=\"og:description\"\n      content=\"{}\" />\n<meta property=\"og:url\" content=\"{}\" />\n{price}",
        attribute(product.name),
        product.image(),
        attribute(product.summary),
        view.url(&product.path()),
    )
}

fn main_column(shop: &Shop, view: &View, product: &'static Product) -> String {
    let points: String = product.points.iter().map(|point| format!("<li>{}</li>\n", text(point))).collect();
    let form = options::form(shop, view, product);
    let (before_media, after_media) = match product.kind {
        Kind::Bundle(_) => (
            render(view, include_str!("templates/bundle_button.html"), &[]),
            render(view, include_str!("templates/bundle.html"), &[("form", form)]),
        ),
        _ => (form, String::new()),
    };
    let add_to = [("id", product.id.to_string()), ("type", product.kind.as_str().to_owned())];
    let values = [
        ("id", product.id.to_string()),
        ("sku", text(product.sku)),
        ("name", text(product.name)),
        ("name_attribute", attribute(product.name)),
        ("summary", text(product.summary)),
        ("description", text(product.description)),
        ("points", points),
        ("attributes", attributes(product)),
        ("image", product.image()),
        ("rating", rating(view, product, true)),
        ("price_box", price_box(view, product, Place::Main)),
        ("tiers", options::tier_list(view, product)),
        ("before_media", before_media),
        ("after_media", after_media),
        ("add_to", render(view, include_str!("templates/add_to.html"), &add_to)),
        ("promises", promises(product.kind).map(|promise| format!("<li>{promise}</li>")).concat()),
        ("provider", scripts::provider(view, product)),
        (
            "linked",
            linked(shop, view, product.related, Place::Related) + &linked(shop, view, product.upsell, Place::Upsell),
        ),
    ];
    render(view, include_str!("templates/product.html"), &values)
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

fn promises(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::Virtual => ["Begins the day you buy it", "Sixty days to change your mind", "Covers gifts as well"],
        Kind::Downloadable | Kind::Links(_) => {
            ["Yours as soon as you have paid", "Every later edition included", "No reader, no account, no lock"]
        }
        _ => ["Leaves the workshop tomorrow", "Sixty days to change your mind", "Repaired for as long as you keep it"],
    }
}

fn linked(shop: &Shop, view: &View, ids: &[u64], place: Place) -> String {
    let tiles: String = catalog::products(ids).into_iter().map(|product| tile(shop, view, product, place)).collect();
    let (word, heading) = match place {
        Place::Related => ("related", "Goes well with it"),
        _ => ("upsell", "You may also like"),
    };
    if tiles.is_empty() {
        return tiles;
    }
    let values = [("place", word.to_owned()), ("heading", text(view.phrase(heading))), ("tiles", tiles)];
    render(view, include_str!("templates/linked.html"), &values)
}
