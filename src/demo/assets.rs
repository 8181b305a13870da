//! The shop's stylesheets, scripts and pictures, built into the binary.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! products {
    ($($key:literal),* $(,)?) => {
        [$((concat!("/media/catalog/product/", $key, ".svg"), SVG, include_str!(concat!("media/", $key, ".svg")))),*]
    };
}

/// The products' pictures.
const PRODUCTS: [(&str, &str, &str); 17] = products![
    "harbour-canvas-tote",
    "wayfarer-weekender",
    "fieldnote-messenger",
    "loom-rolltop-backpack",
    "market-net-carrier",
    "ember-camp-lantern",
    "halo-reading-lamp",
    "beacon-headlamp",
    "night-walk-field-guide",
    "lamp-care-plan",
    "dune-day-pack",
    "heron-desk-lamp",
    "first-evening-set",
    "initial-enamel-mug",
    "beeswax-candle",
    "lamplighters-shelf",
    "four-season-star-maps",
];

/// Everything else: path, type, content.
const FILES: [(&str, &str, &str); 18] = [
    (
        "/static/demo/shop.css",
        CSS,
        concat!(
            include_str!("static/shop.css"),
            include_str!("static/catalog.css"),
            include_str!("static/options.css"),
            include_str!("static/cart.css")
        ),
    ),
    ("/static/demo/panel.css", CSS, include_str!("static/panel.css")),
    ("/static/demo/shop.js", SCRIPT, include_str!("static/shop.js")),
    ("/static/demo/page.js", SCRIPT, include_str!("static/page.js")),
    ("/static/demo/prices.js", SCRIPT, include_str!("static/prices.js")),
    ("/static/demo/options.js", SCRIPT, include_str!("static/options.js")),
    ("/static/demo/configurable.js", SCRIPT, include_str!("static/configurable.js")),
    ("/static/demo/customer-data.js", SCRIPT, include_str!("static/customer-data.js")),
    ("/static/demo/blocks.js", SCRIPT, include_str!("static/blocks.js")),
    ("/static/demo/panel.js", SCRIPT, include_str!("static/panel.js")),
    ("/media/logo.svg", SVG, include_str!("media/logo.svg")),
    ("/media/favicon.svg", SVG, include_str!("media/favicon.svg")),
    ("/media/wysiwyg/tile-bags.svg", SVG, include_str!("media/tile-bags.svg")),
    ("/media/wysiwyg/tile-gear.svg", SVG, include_str!("media/tile-gear.svg")),
    ("/media/wysiwyg/hero-default.svg", SVG, include_str!("media/hero-default.svg")),
    ("/media/wysiwyg/hero-vip.svg", SVG, include_str!("media/hero-vip.svg")),
    ("/media/wysiwyg/hero-new.svg", SVG, include_str!("media/hero-new.svg")),
    ("/media/wysiwyg/hero-wholesale.svg", SVG, include_str!("media/hero-wholesale.svg")),
];

/// The file at a path.
pub fn find(path: &str) -> Option<Response> {
    let (_, kind, content) = PRODUCTS.iter().chain(&FILES).find(|(at, _, _)| *at == path)?;
    let mut response = Response::new(Body::from(*content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Some(response)
}

/// Short answer for files that are not there.
pub fn missing() -> Response {
    let mut response = Response::new(Body::from("not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
