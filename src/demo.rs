//! The demo: a small Luma-like shop with a real cart, which stands in for Magento as the origin behind Segue.
//!
//! With it comes a stand-in for Experience Platform, whose audiences Segue brings into the shop.
//!
//! The shop's markup is written by hand with the structure of Luma's, its cart charges by the shop's own cart price rules for the
//! membership that reaches it, and its scripts re-render prices as Magento's do.

mod account;
mod answer;
mod api;
mod assets;
mod banner;
mod cart;
mod catalog;
mod checkout;
mod choice;
mod commerce;
mod coupon;
mod discount;
mod json;
mod judged;
mod layout;
mod listing;
mod lists;
mod membership;
mod money;
mod options;
mod pages;
mod phrases;
pub mod platform;
mod price;
mod product;
mod quote;
pub mod rules;
mod scripts;
mod sections;
mod session;
mod shipping;
mod tamper;
mod template;
#[cfg(test)]
mod tests;
mod totals;
mod view;

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Query, Request, State};
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::response::Response;
use axum::routing::{get, post};
use http::Method;
use http::uri::{PathAndQuery, Uri};
use serde_json::json;
use tokio::net::TcpListener;

use session::{Sessions, random_text};
use view::View;

/// The starter ruleset; the shop's own rules charge its offers.
pub const RULES: &str = include_str!("demo/rules.json");

/// The audiences of the starter ruleset as (id, name).
pub const AUDIENCES: [(&str, &str); 3] =
    [(membership::VIP, "VIP"), (membership::NEW_VISITOR, "New visitor"), (membership::WHOLESALE, "Wholesale")];

/// How the shop behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The audiences that the panel offers, as (id, name).
    pub audiences: Vec<(String, String)>,
    /// Where shoppers find the shop through Segue, for the panel's link.
    pub storefront_url: Option<String>,
    /// Where the shop itself listens, for the panel's link to the same page without Segue.
    pub origin_url: Option<String>,
    /// The Experience Platform where this visitor can be moved, for the panel's link.
    pub platform: Option<PlatformLink>,
    /// Magento's base URL: other hosts (the port does not count) are redirected to it. `None` takes every host.
    pub base_url: Option<String>,
    /// The request header that must say `https`, else the shop redirects to HTTPS, as Magento with secure URLs does.
    pub require_https_header: Option<String>,
    /// The access token of an integration; a random one otherwise, which opens nothing to anybody.
    pub commerce_token: Option<String>,
    /// How long PHP takes for every answer. The other requests of the same session wait meanwhile.
    pub latency: Duration,
}

/// The way from the panel to Experience Platform.
#[derive(Clone, Debug)]
pub struct PlatformLink {
    /// The control page's address.
    pub url: String,
    /// The cookie that says who the visitor is there.
    pub identity_cookie: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            audiences: AUDIENCES.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect(),
            storefront_url: None,
            origin_url: None,
            platform: None,
            base_url: None,
            require_https_header: None,
            commerce_token: None,
            latency: Duration::ZERO,
        }
    }
}

/// The shop: cheap to clone, all clones share carts.
#[derive(Clone, Debug)]
pub struct Shop(Arc<Shared>);

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    options: Options,
    sessions: Sessions,
    /// What carts charge by.
    rules: rules::Rules,
    /// What an integration has to bring.
    commerce_token: String,
    /// The form key that cached pages carry; scripts replace it by the shopper's own.
    form_key: String,
    /// The panel's element, at the end of every page.
    panel: String,
}

impl Deref for Shop {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shop {
    /// A shop with no shoppers yet.
    pub fn new(options: Options) -> Self {
        let panel = panel(&options);
        let commerce_token = options.commerce_token.clone().unwrap_or_else(|| random_text(32));
        Self(Arc::new(Shared {
            options,
            sessions: Sessions::default(),
            rules: rules::Rules::default(),
            commerce_token,
            form_key: random_text(16),
            panel,
        }))
    }

    /// Serves the shop until `shutdown` is done and the requests in flight are answered.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, router(self)).with_graceful_shutdown(shutdown).await
    }
}

/// What a request asks for: a path in a store view.
#[derive(Clone, Debug)]
pub struct Asked {
    view: &'static View,
    /// The path without the view's prefix.
    path: String,
    /// Whether a customer asks, as the page cache can tell.
    is_customers: bool,
}

/// Every path of the shop, in every store view.
pub fn router(shop: Shop) -> Router {
    // The prefix is taken off outside of the paths' own router, which would else have chosen the path already.
    let turns = from_fn_with_state(shop.clone(), answer::one_at_a_time);
    Router::new()
        .fallback_service(paths(shop.clone()))
        .layer(map_request(take_prefix))
        .layer(from_fn(answer::gzip))
        .layer(from_fn_with_state(shop, answer::canonical_url))
        .layer(from_fn(answer::delay))
        .layer(turns)
}

/// Finds the store view by the path's prefix, or an API's store code, and takes it off.
async fn take_prefix(mut request: Request) -> Request {
    let (view, path) = View::of_path(request.uri().path());
    let (view, path) = api::without_store(path).unwrap_or_else(|| (view, path.to_owned()));
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    if let Ok(within) = format!("{path}{query}").parse::<PathAndQuery>() {
        *request.uri_mut() = Uri::from(within);
    }
    let is_customers = account::is_customers(request.headers());
    request.extensions_mut().insert(Asked { view, path, is_customers });
    request
}

fn paths(shop: Shop) -> Router {
    Router::new()
        .route("/checkout/cart/", get(cart::show))
        .route("/checkout/cart", get(cart::show))
        .route("/checkout/", get(checkout::show))
        .route("/checkout/onepage/success/", get(checkout::success))
        .route("/checkout/cart/couponPost/", post(coupon::post).fallback(page))
        .route("/checkout/cart/add/", post(cart::add))
        .route("/checkout/cart/add/{*rest}", post(cart::add))
        .route("/checkout/cart/updatePost/", post(cart::update))
        .route("/checkout/cart/delete/", post(cart::delete))
        .route("/checkout/sidebar/removeItem/", post(cart::remove_from_minicart))
        .route("/wishlist/", get(lists::wishlist))
        .route("/wishlist/index/index/", get(lists::wishlist))
        .route("/wishlist/index/add/", post(lists::wish))
        .route("/wishlist/index/remove/", post(lists::unwish))
        .route("/catalog/product_compare/", get(lists::comparison))
        .route("/catalog/product_compare/index/", get(lists::comparison))
        .route("/catalog/product_compare/add/", post(lists::compare))
        .route("/catalog/product_compare/remove/", post(lists::uncompare))
        .route("/customer/account/", get(account::show))
        .route("/customer/account/login/", get(account::login))
        .route("/customer/account/loginPost/", post(account::log_in))
        .route("/customer/account/logout/", get(account::log_out).post(account::log_out))
        .route("/customer/account/logoutSuccess/", get(account::logged_out))
        .route("/newsletter/subscriber/new/", post(cart::subscribe))
        .route("/customer/section/load/", get(sections::load))
        .route("/banner/ajax/load/", get(banner::load))
        .route("/demo/vip-rule/", get(tamper::vip_rule).post(tamper::vip_rule))
        .merge(api::router())
        .merge(commerce::router())
        .fallback(page)
        .with_state(shop)
}

/// Pages and files, by path.
async fn page(
    State(shop): State<Shop>,
    Extension(asked): Extension<Asked>,
    method: Method,
    Query(query): Query<listing::Query>,
) -> Response {
    let (view, path) = (asked.view, asked.path.as_str());
    if path.starts_with("/static/") || path.starts_with("/media/") {
        return assets::find(path).unwrap_or_else(assets::missing);
    }
    let (status, page) = match path.strip_prefix('/').and_then(|path| path.strip_suffix(".html")) {
        _ if !matches!(method, Method::GET | Method::HEAD) => pages::not_found(),
        Some(key) => match (catalog::category(key), catalog::product_by_key(key)) {
            (Some(category), _) => listing::category(&shop, view, category, &query),
            (None, Some(product)) => product::page(&shop, view, product),
            (None, None) => pages::not_found(),
        },
        None => match path {
            "/" => pages::home(&shop, view),
            "/catalogsearch/result/" | "/catalogsearch/result" => listing::search(&shop, view, &query),
            other => pages::own(other).unwrap_or_else(pages::not_found),
        },
    };
    answer::cached_page(status, layout::render(&shop, &asked, &page))
}

/// The panel with which visitors of the demo switch audiences; its script reads the settings from the element.
fn panel(options: &Options) -> String {
    let audiences: Vec<_> = options.audiences.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    let settings = json!({
        "audiences": audiences,
        "storefront": options.storefront_url,
        "origin": options.origin_url,
        "platform": options.platform.as_ref().map(|link| json!({ "url": link.url, "cookie": link.identity_cookie })),
    });
    format!(
        "<script src=\"/static/demo/panel.js\" defer data-settings=\"{}\"></script>\n",
        template::text(&settings.to_string())
    )
}
