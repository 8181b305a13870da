//! Pages without a catalogue behind them: home, a few words about the shop, and "not found".

use http::StatusCode;

use super::Shop;
use super::banner;
use super::catalog;
use super::layout::{self, Page};
use super::price::Place;
use super::product::tile;
use super::template::render;
use super::view::View;

/// Ids of the products on the home page.
const FEATURED: [u64; 8] = [6, 2, 5, 7, 4, 8, 1, 9];

/// The home page.
pub fn home(shop: &Shop, view: &View) -> (StatusCode, Page) {
    let tiles: String =
        catalog::products(&FEATURED).into_iter().map(|product| tile(shop, view, product, Place::Widget)).collect();
    let banners = [1, 2].map(|id| banner::widget(view, id)).concat();
    let page = Page {
        title: String::from("Lumen & Loom: lamps and bags"),
        description: String::from("Lamps you can take outside and bags you can hand down."),
        body_class: String::from("cms-home cms-index-index page-layout-1column"),
        title_block: layout::title_block("Home Page"),
        main: render(view, include_str!("templates/home.html"), &[("tiles", tiles), ("banners", banners)]),
        ..Page::default()
    };
    (StatusCode::OK, page)
}

/// The page at one of the shop's own paths, if there is one.
pub fn own(path: &str) -> Option<(StatusCode, Page)> {
    let (title, class, body) = match path.trim_matches('/') {
        "about-us" => (
            "The Mills",
            "cms-about-us cms-page-view",
            "<p>Three mills weave for us: one in Porto that has done canvas since 1921, one in Biella for wool, and one in \
             Dundee that still waxes by hand. The lamps come from a glassworks two valleys further, whose owner thinks that \
             a lantern should be repairable with a teaspoon.</p><p>None of this is true. Lumen &amp; Loom is the shop that \
             comes with Segue, so that you can see audiences change a real page before you put it in front of your own.</p>",
        ),
        "customer-service" => (
            "Shipping and returns",
            "cms-customer-service cms-page-view",
            "<p>Everything ships within a day and comes back for free for sixty days. As nothing is really sold here, both \
             are easy promises to keep.</p>",
        ),
        "privacy-policy" => (
            "Privacy",
            "cms-privacy-policy cms-page-view",
            "<p>The shop keeps your cart in memory until it is stopped, and forgets it then.</p>",
        ),
        _ => return None,
    };
    Some((StatusCode::OK, simple(title, class, body)))
}

/// The page for everything else.
pub fn not_found() -> (StatusCode, Page) {
    let body = "<dl><dt>The page you asked for was not found.</dt><dd><p>It may have been moved, or it was never there. \
                <a href=\"/\">Go to the start</a>, or search for what you need.</p></dd></dl>";
    (StatusCode::NOT_FOUND, simple("Whoops, our bad...", "cms-no-route cms-noroute-index", body))
}

/// A page that is a title and a few sentences.
pub fn simple(title: &str, class: &str, body: &str) -> Page {
    Page {
        title: title.to_owned(),
        description: title.to_owned(),
        body_class: format!("{class} page-layout-1column"),
        title_block: layout::title_block(title),
        main: format!("<div class=\"shop-text\">{body}</div>\n"),
        ..Page::default()
    }
}
