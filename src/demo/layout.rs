//! The frame around every page, in the order and with the classes of Luma's.

use super::Shop;
use super::catalog::CATEGORIES;
use super::template::{fill, text};

/// What differs from page to page.
#[derive(Debug, Default)]
pub struct Page {
    /// The title, as plain text.
    pub title: String,
    /// The meta description, as plain text.
    pub description: String,
    /// The body's classes.
    pub body_class: String,
    /// Whether the body is marked up as a schema.org product.
    pub is_product: bool,
    /// More elements for the head.
    pub head_extra: String,
    /// The way to this page as (name, link); the last one has no link.
    pub breadcrumbs: Vec<(String, String)>,
    /// The block with the heading, where it stands above the columns.
    pub title_block: String,
    /// What stands between messages and columns.
    pub before_columns: String,
    /// The main column.
    pub main: String,
    /// The sidebars.
    pub sidebar: String,
    /// The search field's text.
    pub query: String,
}

/// A whole page.
pub fn render(shop: &Shop, page: &Page) -> String {
    let title = text(&page.title);
    let fields = [
        ("title", title.as_str()),
        ("description", &text(&page.description)),
        (
            "head_prefix",
            if page.is_product { "prefix=\"og: http://ogp.me/ns# product: http://ogp.me/ns/product#\"" } else { "" },
        ),
        ("head_extra", &page.head_extra),
        (
            "body_type",
            if page.is_product { "itemtype=\"http://schema.org/Product\" itemscope=\"itemscope\" " } else { "" },
        ),
        ("body_class", &page.body_class),
        ("query", &text(&page.query)),
        ("menu", &menu(&page.body_class)),
        ("breadcrumbs", &breadcrumbs(&page.breadcrumbs)),
        ("title_block", &page.title_block),
        ("before_columns", &page.before_columns),
        ("form_key", &shop.form_key),
        ("main", &page.main),
        ("sidebar", &page.sidebar),
        ("panel", &shop.panel),
    ];
    fill(include_str!("templates/frame.html"), &fields)
}

/// The heading above the columns.
pub fn title_block(title: &str) -> String {
    format!(
        "<div class=\"page-title-wrapper\">\n    <h1 class=\"page-title\"\n                >\n        <span class=\"base\" \
         data-ui-id=\"page-title-wrapper\" >{}</span>    </h1>\n    </div>\n",
        text(title)
    )
}

fn menu(body_class: &str) -> String {
    let entry = |(index, category): (usize, &super::catalog::Category)| {
        let active = if body_class.contains(&format!("category-{} ", category.key)) { " active" } else { "" };
        let first = if index == 0 { " first" } else { "" };
        format!(
            "<li  class=\"level0 nav-{} category-item{first}{active} level-top\"><a href=\"/{}.html\"  class=\"level-top\" ><span>{}</span></a></li>",
            index + 1,
            category.key,
            text(category.name)
        )
    };
    let categories: String = CATEGORIES.iter().enumerate().map(entry).collect();
    let about = "<li  class=\"level0 nav-3 last level-top\"><a href=\"/about-us/\"  class=\"level-top\" ><span>The Mills</span></a></li>";
    categories + about
}

fn breadcrumbs(way: &[(String, String)]) -> String {
    let Some(((last, _), before)) = way.split_last() else { return String::new() };
    let link = |(name, link): &(String, String)| {
        format!(
            "                    <li class=\"item\">\n                            <a href=\"{link}\"\n                   title=\"\">\n                    {}                </a>\n                        </li>\n",
            text(name)
        )
    };
    let links: String = before.iter().map(link).collect();
    let here = format!(
        "                    <li class=\"item\">\n                            <strong>{}</strong>\n                        </li>\n",
        text(last)
    );
    format!("<div class=\"breadcrumbs\">\n    <ul class=\"items\">\n{links}{here}            </ul>\n</div>\n")
}
