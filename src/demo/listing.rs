//! Categories and search results: toolbar, products as grid or list, and the price filter beside them.

use std::collections::HashMap;

use http::StatusCode;

use super::Shop;
use super::catalog::{self, Category, Product};
use super::layout::{self, Page};
use super::money::Cents;
use super::price::Place;
use super::product::tile;
use super::template::{render, text};
use super::view::View;

/// The query of a request, as it was sent.
pub type Query = HashMap<String, String>;

/// The steps of the price filter, in whole units of the view's currency.
const STEPS: [(i64, i64); 3] = [(0, 50), (50, 100), (100, 150)];

/// A category page.
pub fn category(shop: &Shop, view: &'static View, category: &Category, query: &Query) -> (StatusCode, Page) {
    let path = view.url(&format!("/{}.html", category.key));
    let listing = Listing::new(view, path, catalog::products(category.products), query);
    let name = view.phrase(category.name);
    let way = vec![(view.phrase("Home").to_owned(), view.url("/")), (name.to_owned(), String::new())];
    let page = Page {
        title: name.to_owned(),
        description: view.phrase(category.summary).to_owned(),
        body_class: format!(
            "page-with-filter page-products categorypath-{0} category-{0} catalog-category-view page-layout-2columns-left",
            category.key
        ),
        breadcrumbs: way,
        title_block: layout::title_block(name),
        before_columns: format!(
            "<div class=\"category-view\">    <div class=\"category-description\">\n        <p>{}</p>    </div>\n</div>",
            text(view.phrase(category.summary))
        ),
        main: listing.main(shop),
        sidebar: listing.sidebar(),
        ..Page::default()
    };
    (StatusCode::OK, page)
}

/// The page of search results.
pub fn search(shop: &Shop, view: &'static View, query: &Query) -> (StatusCode, Page) {
    let words = query.get("q").cloned().unwrap_or_default();
    let listing = Listing::new(view, view.url("/catalogsearch/result/"), catalog::search(&words), query);
    let title = format!("{} '{words}'", view.phrase("Search results for:"));
    let page = Page {
        title: title.clone(),
        description: String::from("What the shop has for your words."),
        body_class: String::from("page-products page-with-filter catalogsearch-result-index page-layout-2columns-left"),
        breadcrumbs: vec![(view.phrase("Home").to_owned(), view.url("/")), (title.clone(), String::new())],
        title_block: layout::title_block(&title),
        main: format!("<div class=\"search results\">\n{}</div>\n", listing.main(shop)),
        sidebar: listing.sidebar(),
        query: words,
        ..Page::default()
    };
    (StatusCode::OK, page)
}

struct Listing<'a> {
    view: &'static View,
    path: String,
    query: &'a Query,
    every: Vec<&'static Product>,
    shown: Vec<&'static Product>,
    place: Place,
}

impl<'a> Listing<'a> {
    fn new(view: &'static View, path: String, every: Vec<&'static Product>, query: &'a Query) -> Self {
        let place = match query.get("product_list_mode").map(String::as_str) {
            Some("list") => Place::List,
            _ => Place::Grid,
        };
        let mut shown = every.clone();
        if let Some((low, high)) = query.get("price").and_then(|range| step(range)) {
            shown.retain(|product| (low..high).contains(&units(view, product)));
        }
        match query.get("product_list_order").map(String::as_str) {
            Some("name") => shown.sort_by_key(|product| product.name),
            Some("price") => shown.sort_by_key(|product| product.price()),
            _ => {}
        }
        Self { view, path, query, every, shown, place }
    }

    fn main(&self, shop: &Shop) -> String {
        if self.shown.is_empty() {
            return format!(
                "<div class=\"message notice\">\n        <div>\n            {}                    </div>\n    </div>\n",
                text(self.view.phrase("We found nothing for that."))
            );
        }
        let tiles: String = self.shown.iter().map(|product| tile(shop, self.view, product, self.place)).collect();
        let mode = if self.place == Place::List { "list" } else { "grid" };
        format!(
            "{}        <div class=\"products wrapper {mode} products-{mode}\">\n        <ol class=\"products list items product-items\">\n{tiles}                    </ol>\n    </div>\n",
            self.toolbar(shop)
        )
    }

    fn toolbar(&self, shop: &Shop) -> String {
        let fields = [
            ("url", self.path.clone()),
            ("form_key", shop.form_key.clone()),
            (
                "modes",
                mode("grid", self.view.phrase("Grid"), self.place == Place::Grid)
                    + &mode("list", self.view.phrase("List"), self.place == Place::List),
            ),
            ("count", self.shown.len().to_string()),
            ("items", text(self.view.phrase(if self.shown.len() == 1 { "Item" } else { "Items" }))),
            ("orders", self.orders()),
        ];
        render(self.view, include_str!("templates/toolbar.html"), &fields)
    }

    fn orders(&self) -> String {
        let chosen = self.query.get("product_list_order").map_or("position", String::as_str);
        let option = |(value, label): (&str, &str)| {
            let selected =
                if value == chosen { "\n                                    selected=\"selected\"" } else { "" };
            format!(
                "                    <option value=\"{value}\"{selected}\n                                >\n                {label}            </option>\n"
            )
        };
        let labels = [("position", "Position"), ("name", "Product Name"), ("price", "Price")];
        labels.map(|(value, label)| option((value, self.view.phrase(label)))).concat()
    }

    /// Its amounts stand in `span.price` as product prices do, but belong to the search index.
    fn sidebar(&self) -> String {
        let entry = |(low, high): (i64, i64)| {
            let inside = |product: &&&Product| (low..high).contains(&units(self.view, product));
            let count = self.every.iter().filter(inside).count();
            let [from, to] = [Cents(low * 100), Cents(high * 100 - 1)].map(|cents| self.view.text(cents));
            let words = self.query.get("q").map_or(String::new(), |words| format!("q={}&amp;", url_encoded(words)));
            format!(
                "            <li class=\"item\">\n                            <a\n                    href=\"{}?{words}price={low}-{high}\"\n                    rel=\"nofollow\"\n                ><span class=\"price\">{from}</span> - <span class=\"price\">{to}</span><span\n                        class=\"count\">\n                            {count}<span\n                            class=\"filter-count-label\">item</span></span>\n                    </a>\n                    </li>\n",
                self.path
            )
        };
        render(self.view, include_str!("templates/sidebar.html"), &[("prices", STEPS.map(entry).concat())])
    }
}

/// The price as the view shows it, in whole units of its currency.
fn units(view: &View, product: &Product) -> i64 {
    view.price(product.price()).shown.cents().0 / 100
}

fn mode(value: &str, label: &str, is_active: bool) -> String {
    match is_active {
        true => format!(
            "                                                <strong title=\"{label}\"\n                            class=\"modes-mode active mode-{value}\"\n                            data-value=\"{value}\">\n                        <span>{label}</span>\n                    </strong>\n"
        ),
        false => format!(
            "                                                <a class=\"modes-mode mode-{value}\"\n                       title=\"{label}\"\n                       href=\"#\"\n                       data-role=\"mode-switcher\"\n                       data-value=\"{value}\"\n                       id=\"mode-{value}\"\n                       aria-labelledby=\"modes-label mode-{value}\">\n                        <span>{label}</span>\n                    </a>\n"
        ),
    }
}

fn step(range: &str) -> Option<(i64, i64)> {
    let (low, high) = range.split_once('-')?;
    let asked = (low.parse().ok()?, high.parse().ok()?);
    STEPS.contains(&asked).then_some(asked)
}

fn url_encoded(words: &str) -> String {
    let coded = |byte: u8| match byte {
        plain if plain.is_ascii_alphanumeric() => char::from(plain).to_string(),
        other => format!("%{other:02X}"),
    };
    words.bytes().map(coded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_by_the_steps_it_offers_only() {
        assert_eq!(step("50-100"), Some((50, 100)));
        assert_eq!(step("0-9999"), None);
        assert_eq!(step("x"), None);
        assert_eq!(url_encoded("a b&ü"), "a%20b%26%C3%BC");
    }
}
