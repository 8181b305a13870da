//! The shop as a client sees it.

mod accounts;
mod coupons;
mod rest;
mod visitor;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::membership::{MEMBERSHIP, VIP, WHOLESALE};
use super::*;

fn shop() -> Router {
    router(Shop::new(Options::default()))
}

async fn ask(shop: &Router, request: Request<Body>) -> Response<String> {
    let (parts, body) = shop.clone().oneshot(request).await.expect("the shop always answers").into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
    Response::from_parts(parts, String::from_utf8(bytes.to_vec()).expect("text"))
}

fn get_request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).expect("a request")
}

async fn page(shop: &Router, path: &str) -> Response<String> {
    ask(shop, get_request(path, &[])).await
}

/// A browser with a cart.
struct Browser {
    shop: Router,
    session: String,
}

impl Browser {
    async fn with_cart(shop: Router, products: &[(u64, u32)]) -> Self {
        let answer = page(&shop, "/checkout/cart/").await;
        let cookie = answer.headers()[SET_COOKIE].to_str().expect("a cookie");
        let session = cookie.split(';').next().expect("a pair").to_owned();
        let browser = Self { shop, session };
        for (product, qty) in products {
            let answer = browser.post("/checkout/cart/add/", &format!("product={product}&qty={qty}&form_key=k")).await;
            assert_eq!(answer.status(), StatusCode::FOUND);
        }
        browser
    }

    async fn post(&self, path: &str, form: &str) -> Response<String> {
        let request = Request::post(path)
            .header(COOKIE, format!("{}; form_key=k", self.session))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        ask(&self.shop, request.expect("a request")).await
    }

    async fn cart(&self, membership: &str) -> String {
        let cookies = format!("{}; {MEMBERSHIP}={membership}", self.session);
        ask(&self.shop, get_request("/checkout/cart/", &[("cookie", &cookies)])).await.into_body()
    }

    async fn cart_id(&self) -> String {
        let cart = self.cart("").await;
        let after = cart.split_once("\"entity_id\":\"").expect("the cart's id").1;
        after.split('"').next().expect("the id's end").to_owned()
    }
}

#[tokio::test]
async fn every_page_is_whole_and_of_its_kind() {
    let shop = shop();
    let kinds = [
        ("/", "cms-index-index"),
        ("/bags.html", "catalog-category-view"),
        ("/gear.html?product_list_mode=list&product_list_order=price", "catalog-category-view"),
        ("/catalogsearch/result/?q=lamp", "catalogsearch-result-index"),
        ("/catalogsearch/result/?q=%3Cscript%3E", "catalogsearch-result-index"),
        ("/wayfarer-weekender.html", "catalog-product-view"),
        ("/lamp-care-plan.html", "catalog-product-view"),
        ("/about-us/", "cms-page-view"),
        ("/checkout/cart/", "checkout-cart-index"),
        ("/wishlist/", "wishlist-index-index"),
        ("/catalog/product_compare/", "catalog-product_compare-index"),
        ("/dune-day-pack.html", "page-product-configurable catalog-product-view"),
        ("/heron-desk-lamp.html", "page-product-configurable catalog-product-view"),
        ("/first-evening-set.html", "page-product-bundle catalog-product-view"),
        ("/initial-enamel-mug.html", "catalog-product-view"),
        ("/beeswax-candle.html", "catalog-product-view"),
        ("/lamplighters-shelf.html", "page-product-grouped catalog-product-view"),
        ("/four-season-star-maps.html", "page-product-downloadable catalog-product-view"),
        ("/de", "cms-index-index"),
        ("/de/bags.html", "catalog-category-view"),
        ("/b2b/first-evening-set.html", "catalog-product-view"),
        ("/ar/gear.html", "catalog-category-view"),
        ("/nothing.html", "cms-noroute-index"),
        ("/de/nothing.html", "cms-noroute-index"),
    ];
    for (path, kind) in kinds {
        let answer = page(&shop, path).await;
        let html = answer.body();
        assert_eq!(answer.status() == StatusCode::NOT_FOUND, kind == "cms-noroute-index", "{path}");
        assert!(html.contains(kind) && html.trim_end().ends_with("</html>"), "{path}");
        assert!(!html.contains("[["), "{path} has an unfilled hole");
        assert!(!html.contains("<script>alert") && !html.contains("'<script>'"), "{path}");
        for anchor in ["id=\"maincontent\"", "<div class=\"columns\">", "<div class=\"footer content\">"] {
            assert_eq!(html.matches(anchor).count(), 1, "{path} {anchor}");
        }
    }
}

#[tokio::test]
async fn everything_a_page_refers_to_is_there() {
    let shop = shop();
    for path in [
        "/",
        "/bags.html",
        "/gear.html",
        "/ember-camp-lantern.html",
        "/checkout/cart/",
        "/de/gear.html",
        "/ar/dune-day-pack.html",
    ] {
        let html = page(&shop, path).await.into_body();
        let targets = ["src=\"", "href=\""].into_iter().flat_map(|key| html.split(key).skip(1));
        for target in targets.filter_map(|after| after.split('"').next()).filter(|target| target.starts_with('/')) {
            assert_eq!(page(&shop, target).await.status(), StatusCode::OK, "{target} on {path}");
        }
    }
    let pictures = RULES.split("src=\\\"").skip(1).filter_map(|after| after.split("\\\"").next());
    for picture in pictures {
        assert_eq!(page(&shop, picture).await.status(), StatusCode::OK, "{picture} in the starter rules");
    }
}

#[tokio::test]
async fn the_cart_charges_by_the_membership_that_arrives() {
    let browser = Browser::with_cart(shop(), &[(1, 1), (8, 3)]).await;
    let plain = browser.cart("").await;
    assert!(plain.contains("$152.97") && !plain.contains("Discount ("), "{plain}");
    let vip = browser.cart(VIP).await;
    assert!(vip.contains("Discount (VIP 20 % off)") && vip.contains("-$30.59") && vip.contains("$122.38"), "{vip}");
    assert!(vip.contains("<span class=\"price\">$48.00</span>"), "rows stay at catalogue price");
    let both = browser.cart(&format!("{WHOLESALE}%2C{VIP}")).await;
    assert!(both.contains("Discount (Wholesale $5 off bags, VIP 20 % off)"), "{both}");
    let again = browser.cart("").await;
    assert!(!again.contains("Discount ("), "nothing is remembered");
}

/// The text of the price in a row of the cart's totals.
fn total(cart: &str, label: &str) -> String {
    let after = cart.split_once(&format!("data-th=\"{label}\"")).unwrap_or_else(|| panic!("{label} in {cart}")).1;
    let price = after.split_once("<span class=\"price\">").expect("a price").1;
    price.split('<').next().expect("its text").to_owned()
}

#[tokio::test]
async fn a_view_with_tax_charges_it_on_what_the_discount_leaves() {
    let browser = Browser::with_cart(shop(), &[(1, 1), (8, 3)]).await;
    let cookies = |membership: &str| format!("{}; {MEMBERSHIP}={membership}", browser.session);
    let cart = |path: &'static str, membership: &str| {
        ask(&browser.shop, get_request(path, &[("cookie", &cookies(membership))]))
    };
    let plain = cart("/de/checkout/cart/", "").await.into_body();
    assert_eq!(total(&plain, "Gesamtsumme"), "167,47\u{a0}€", "140.73 and 19 % on it");
    let vip = cart("/de/checkout/cart/", VIP).await.into_body();
    let told = ["Rabatt", "Steuern", "Gesamtsumme"].map(|label| total(&vip, label));
    assert_eq!(told, ["-28,15\u{a0}€", "21,39\u{a0}€", "133,97\u{a0}€"]);
    let both = cart("/b2b/checkout/cart/", VIP).await.into_body();
    assert!(both.contains("€52.55") && both.contains("€44.16"), "{both}");
    let dinars = cart("/ar/checkout/cart/", WHOLESALE).await.into_body();
    assert!(dinars.contains("-\u{200f}١٫٥٤\u{a0}د.ك.\u{200f}"), "five dollars are 1.54 dinars: {dinars}");
    let id = browser.cart_id().await;
    let rest =
        ask(&browser.shop, get_request(&format!("/rest/de/V1/guest-carts/{id}/totals"), &[(MEMBERSHIP, VIP)])).await;
    let rest: Value = serde_json::from_str(rest.body()).expect("JSON");
    assert_eq!(
        (rest["grand_total"].to_string(), &rest["quote_currency_code"]),
        (String::from("133.97"), &"EUR".into())
    );
}

#[tokio::test]
async fn every_type_goes_into_the_cart_with_what_was_chosen() {
    let browser = Browser::with_cart(shop(), &[]).await;
    let forms = [
        ("product=11&super_attribute[143]=167&super_attribute[93]=52", "LL-BA06-24-RUST", "$68.65"),
        ("product=12&super_attribute[151]=202&super_attribute[152]=212", "LL-GE06-GLASS-3", "$117.35"),
        (
            "product=13&bundle_option[1]=2&bundle_option[2]=5&bundle_option[3]=7&bundle_option_qty[3]=3",
            "3 x Market Net Carrier",
            "$232.85",
        ),
        ("product=14&options[1]=ABC&options[2]=2&options[3]=4&options[4][]=5", "Gold leaf", "$28.50"),
        ("product=15&qty=6", "LL-GE08", "$5.90"),
        ("product=16&super_group[8]=1&super_group[7]=1", "LL-GE02", "$59.00"),
        ("product=17&links[]=2&links[]=4", "Winter", "$12.50"),
    ];
    for (form, told, price) in forms {
        let form = form.replace('[', "%5B").replace(']', "%5D");
        browser.post("/checkout/cart/add/", &format!("{form}&form_key=k")).await;
        let cart = browser.cart("").await;
        assert!(
            cart.contains(told) && cart.contains(&format!("<span class=\"price\">{price}</span>")),
            "{form}: {cart}"
        );
    }
    let missing = browser.post("/checkout/cart/add/", "product=11&form_key=k").await;
    assert_eq!(missing.headers()[LOCATION], "/dune-day-pack.html");
}

#[tokio::test]
async fn a_bundle_is_discounted_by_its_parts() {
    let browser = Browser::with_cart(shop(), &[]).await;
    let form = "product=13&bundle_option%5B1%5D=1&bundle_option%5B2%5D=4&bundle_option%5B3%5D=7&qty=2&form_key=k";
    browser.post("/checkout/cart/add/", form).await;
    let vip = browser.cart(VIP).await;
    assert_eq!(total(&vip, "Discount"), "-$48.36", "14.00, 19.20 and 15.16");
    let wholesale = browser.cart(WHOLESALE).await;
    assert_eq!(total(&wholesale, "Discount"), "-$30.00", "two totes and four nets");
}

#[tokio::test]
async fn wishes_and_comparisons_are_kept_and_told_of() {
    let browser = Browser::with_cart(shop(), &[]).await;
    for list in ["/de/wishlist/index/add/", "/de/catalog/product_compare/add/"] {
        for product in [2, 11] {
            browser.post(list, &format!("product={product}&form_key=k")).await;
        }
    }
    let cookies = [("cookie", browser.session.as_str())];
    let wishes = ask(&browser.shop, get_request("/de/wishlist/", &cookies)).await.into_body();
    assert_eq!(wishes.matches("price-box price-configured_price").count(), 2, "{wishes}");
    let compared = ask(&browser.shop, get_request("/de/catalog/product_compare/", &cookies)).await.into_body();
    assert_eq!(compared.matches("id=\"product-price-2-compare-list-top\"").count(), 2, "final and regular price");
    let path = "/de/customer/section/load/?sections=wishlist,compare-products";
    let sections: Value =
        serde_json::from_str(ask(&browser.shop, get_request(path, &cookies)).await.body()).expect("JSON");
    assert_eq!(
        (&sections["wishlist"]["counter"], &sections["compare-products"]["count"]),
        (&"2 Artikel".into(), &2.into())
    );
    let price = sections["wishlist"]["items"][1]["product_price"].as_str().expect("HTML");
    assert!(price.contains("108,39\u{a0}€"), "{price}");
    browser.post("/wishlist/index/remove/", "product=2&form_key=k").await;
    let wishes = ask(&browser.shop, get_request("/wishlist/", &cookies)).await.into_body();
    assert!(!wishes.contains("Wayfarer") && wishes.contains("Dune Day Pack"), "{wishes}");
}

#[tokio::test]
async fn every_script_of_a_page_is_json() {
    let shop = shop();
    for view in ["", "/de", "/b2b", "/ar"] {
        for product in &catalog::PRODUCTS {
            let html = page(&shop, &format!("{view}{}", product.path())).await.into_body();
            for script in html.split("<script type=\"text/x-magento-init\">").skip(1) {
                let text = script.split("</script>").next().expect("the script's text");
                assert!(serde_json::from_str::<Value>(text).is_ok(), "{view}{}: {text}", product.key);
            }
        }
    }
}

#[tokio::test]
async fn rest_and_graphql_charge_by_the_header() {
    let browser = Browser::with_cart(shop(), &[(2, 1)]).await;
    let id = browser.cart_id().await;
    let path = format!("/rest/default/V1/guest-carts/{id}/payment-information");
    let answer = ask(&browser.shop, get_request(&path, &[(MEMBERSHIP, VIP)])).await;
    let rest: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(rest["totals"]["grand_total"].to_string(), "79.2");
    assert_eq!(rest["totals"]["total_segments"][1]["title"], "Discount (VIP 20 % off)");
    assert_eq!(answer.headers()["x-demo-membership"], format!("cookie=; header={VIP}"));
    let query =
        format!("{{\"query\":\"{{ cart(cart_id: \\\"{id}\\\") {{ prices {{ grand_total {{ value }} }} }} }}\"}}");
    let request = Request::post("/graphql").header(MEMBERSHIP, WHOLESALE).body(Body::from(query)).expect("a request");
    let answered: Value = serde_json::from_str(ask(&browser.shop, request).await.body()).expect("JSON");
    assert_eq!(answered["data"]["cart"]["prices"]["grand_total"]["value"].to_string(), "94");
    let unknown = page(&browser.shop, "/rest/V1/guest-carts/nobody/totals").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_needs_its_key() {
    let browser = Browser::with_cart(shop(), &[]).await;
    let answer = browser.post("/checkout/cart/add/", "product=1&form_key=other").await;
    let cookies: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("mage-messages=") && cookie.contains("Invalid%20Form%20Key"))
    );
    assert!(browser.cart("").await.contains("You have no items"));
}

#[tokio::test]
async fn the_minicart_reads_its_section() {
    let browser = Browser::with_cart(shop(), &[(1, 2)]).await;
    let path = "/customer/section/load/?sections=cart,messages";
    let answer = ask(&browser.shop, get_request(path, &[("cookie", &browser.session)])).await;
    let sections: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(sections["cart"]["summary_count"], 2);
    assert_eq!(sections["cart"]["subtotal_excl_tax"], "<span class=\"price\">$96.00</span>");
    assert!(answer.headers()["cache-control"].to_str().expect("text").contains("no-store"));
    let item = sections["cart"]["items"][0]["item_id"].as_str().expect("the line's id");
    let emptied = browser.post("/checkout/cart/updatePost/", &format!("cart%5B{item}%5D%5Bqty%5D=0&form_key=k")).await;
    assert_eq!(emptied.headers()[LOCATION], "/checkout/cart/");
    assert!(browser.cart("").await.contains("You have no items"));
}

#[tokio::test]
async fn cached_pages_begin_no_session_and_may_be_compressed() {
    let shop = shop();
    let plain = page(&shop, "/bags.html").await;
    assert!(!plain.headers().contains_key(SET_COOKIE) && !plain.headers().contains_key(CONTENT_ENCODING));
    let request = get_request("/bags.html", &[(ACCEPT_ENCODING.as_str(), "gzip")]);
    let (parts, body) = shop.oneshot(request).await.expect("the shop always answers").into_parts();
    assert_eq!(parts.headers[CONTENT_ENCODING], "gzip");
    let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).expect("gzip");
    assert_eq!(&text, plain.body());
}

#[tokio::test]
async fn redirects_as_magento_does_when_asked_to() {
    let options = Options { base_url: Some(String::from("http://shop.example/")), ..Options::default() };
    let shop = router(Shop::new(options.clone()));
    let foreign = ask(&shop, get_request("/bags.html?a=1", &[(HOST.as_str(), "127.0.0.1:8080")])).await;
    assert_eq!(foreign.status(), StatusCode::FOUND);
    assert_eq!(foreign.headers()[LOCATION], "http://shop.example/bags.html?a=1");
    let own = ask(&shop, get_request("/bags.html", &[(HOST.as_str(), "shop.example:8080")])).await;
    assert_eq!(own.status(), StatusCode::OK);
    let secure = Options { require_https_header: Some(String::from("x-forwarded-proto")), ..options };
    let shop = router(Shop::new(secure));
    let looping = ask(&shop, get_request("/", &[(HOST.as_str(), "shop.example")])).await;
    assert_eq!(looping.headers()[LOCATION], "https://shop.example/");
    let headers = [(HOST.as_str(), "shop.example"), ("x-forwarded-proto", "https")];
    assert_eq!(ask(&shop, get_request("/", &headers)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn answers_odd_requests() {
    let shop = shop();
    let post = Request::builder().method(Method::POST).uri("/bags.html").body(Body::empty()).expect("a request");
    assert_eq!(ask(&shop, post).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(page(&shop, "/media/../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(page(&shop, "/catalogsearch/result/?q=%ff%fe").await.status(), StatusCode::OK);
    let browser = Browser::with_cart(shop, &[]).await;
    for form in ["", "product=99&form_key=k", "product=1&qty=-3&form_key=k", "product=1&qty=99999999999&form_key=k"] {
        assert_eq!(browser.post("/checkout/cart/add/", form).await.status(), StatusCode::FOUND, "{form}");
    }
    assert!(browser.cart("").await.contains("You have no items"));
}
