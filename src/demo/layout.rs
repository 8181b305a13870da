//! The frame around every page, in the order and with the classes of Luma's.

use super::catalog::CATEGORIES;
use super::json;
use super::template::{render as filled, text};
use super::view::{Display, VIEWS, View};
use super::{Asked, Shop};

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
pub fn render(shop: &Shop, asked: &Asked, page: &Page) -> String {
    let view = asked.view;
    let product = |text: &str| if page.is_product { text.to_owned() } else { String::new() };
    let values = [
        ("title", text(&page.title)),
        ("description", text(&page.description)),
        ("head_prefix", product("prefix=\"og: http://ogp.me/ns# product: http://ogp.me/ns/product#\"")),
        ("head_extra", page.head_extra.clone()),
        ("body_type", product("itemtype=\"http://schema.org/Product\" itemscope=\"itemscope\" ")),
        ("body_class", page.body_class.clone()),
        ("query", text(&page.query)),
        ("language", view.language().to_owned()),
        ("direction", view.direction().to_owned()),
        ("locale", view.locale.replace('_', "\\u002D")),
        ("view", view.code.to_owned()),
        ("view_name", text(view.name)),
        ("views", switcher(asked)),
        ("currency", view.currency.to_owned()),
        ("currency_name", text(view.currency_name)),
        ("store_id", view.id.to_string()),
        ("tax_display", String::from(tax_display(view))),
        ("account", account(asked)),
        ("menu", menu(view, &page.body_class)),
        ("breadcrumbs", breadcrumbs(&page.breadcrumbs)),
        ("title_block", page.title_block.clone()),
        ("before_columns", page.before_columns.clone()),
        ("form_key", shop.form_key.clone()),
        ("main", page.main.clone()),
        ("sidebar", page.sidebar.clone()),
        ("words", script_words(view)),
        ("panel", shop.panel.clone()),
    ];
    filled(view, include_str!("templates/frame.html"), &values)
}

/// The link with which somebody logs in or out; the page cache keeps customers' pages apart.
fn account(asked: &Asked) -> String {
    let (path, words) = match asked.is_customers {
        true => ("/customer/account/logout/", "Sign Out"),
        false => ("/customer/account/login/", "Sign In"),
    };
    format!("    <a href=\"{}\"        >{}</a>\n", asked.view.url(path), text(asked.view.phrase(words)))
}

/// The phrases that scripts write, as JSON.
fn script_words(view: &View) -> String {
    let phrases = [
        "Add to Cart",
        "Added",
        "Adding...",
        "Cart Subtotal",
        "Compare Products",
        "Excl. Tax",
        "Incl. Tax",
        "Proceed to Checkout",
        "Qty",
        "Remove item",
        "View and edit cart",
        "Welcome, %1!",
        "You have no items in your shopping cart.",
        "item",
        "items",
    ];
    json::object(phrases.map(|phrase| (phrase, json::string(view.phrase(phrase)))))
}

/// What the minicart shows, in the words of its script.
fn tax_display(view: &View) -> &'static str {
    match view.display {
        Display::Excluding => "exclude",
        Display::Including => "include",
        Display::Both => "both",
    }
}

/// The same page in the other store views.
fn switcher(asked: &Asked) -> String {
    let entry = |view: &View| {
        format!(
            "                                                            <li class=\"view-{} switcher-option\">\n                            <a href=\"{}\">\n                                {}                            </a>\n                        </li>\n",
            view.code,
            text(&view.url(&asked.path)),
            text(view.name)
        )
    };
    VIEWS.iter().filter(|view| view.code != asked.view.code).map(entry).collect()
}

/// The heading above the columns.
pub fn title_block(title: &str) -> String {
    format!(
        "<div class=\"page-title-wrapper\">\n    <h1 class=\"page-title\"\n                >\n        <span class=\"base\" \
         data-ui-id=\"page-title-wrapper\" >{}</span>    </h1>\n    </div>\n",
        text(title)
    )
}

fn menu(view: &View, body_class: &str) -> String {
    let entry = |(index, category): (usize, &super::catalog::Category)| {
        let active = if body_class.contains(&format!("category-{} ", category.key)) { " active" } else { "" };
        let first = if index == 0 { " first" } else { "" };
        format!(
            "<li  class=\"level0 nav-{} category-item{first}{active} level-top\"><a href=\"{}/{}.html\"  class=\"level-top\" ><span>{}</span></a></li>",
            index + 1,
            view.prefix,
            category.key,
            text(view.phrase(category.name))
        )
    };
    let categories: String = CATEGORIES.iter().enumerate().map(entry).collect();
    let about = format!(
        "<li  class=\"level0 nav-3 last level-top\"><a href=\"{}\"  class=\"level-top\" ><span>{}</span></a></li>",
        view.url("/about-us/"),
        text(view.phrase("The Mills"))
    );
    categories + &about
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
