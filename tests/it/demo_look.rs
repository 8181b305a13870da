//! How what Segue adds looks in the demo: nothing scrolls sideways, and no label, regular price or note leaves its place.

use serde_json::json;

use crate::demo::Visit;

/// What Segue adds, as far as it reaches out of what it stands in.
const OUTSIDE: &str = "[...document.querySelectorAll('.segue-offer, .segue-disclosure, .price-box .old-price')].filter((one) => { \
     const [own, around] = [one, one.closest('li, table, .minicart-items, .minicart-total, .product-info-main, .product-details') || document.body] \
         .map((it) => it.getBoundingClientRect()); \
     return one.checkVisibility() && (own.left < around.left - 1 || own.right > around.right + 1); }).map((one) => one.outerHTML)";

const PAGES: [(&str, &str); 12] = [
    ("pack", "/dune-day-pack.html"),
    ("pack-ar", "/ar/dune-day-pack.html"),
    ("pack-b2b", "/b2b/dune-day-pack.html"),
    ("lamp-de", "/de/heron-desk-lamp.html"),
    ("set", "/first-evening-set.html"),
    ("set-b2b", "/b2b/first-evening-set.html"),
    ("shelf-de", "/de/lamplighters-shelf.html"),
    ("maps", "/four-season-star-maps.html"),
    ("bags", "/bags.html"),
    ("bags-ar", "/ar/bags.html"),
    ("gear-b2b", "/b2b/gear.html"),
    ("compared", "/catalog/product_compare/"),
];

#[tokio::test]
async fn what_is_added_stays_in_its_place_at_every_width() {
    for (width, height) in [(1280, 1200), (390, 1400)] {
        let Some(visit) = Visit::begin(width, height).await else { return };
        visit.see("/about-us/").await;
        let vip = visit.demo.audience("VIP").to_owned();
        visit.browser.eval(&format!("document.cookie = 'segue-audiences={vip}; path=/'")).await;
        for (name, path) in PAGES {
            visit.see(path).await;
            visit
                .browser
                .wait_for("document.querySelector('[data-rendered]') || !document.querySelector('.product-info-main')")
                .await;
            assert_eq!(visit.browser.overflow().await, 0, "{path} at {width}");
            assert_eq!(visit.browser.eval(OUTSIDE).await, json!([]), "{path} at {width}");
            visit.browser.picture(&format!("look-{name}-{width}")).await;
        }
        for view in ["", "/b2b", "/ar"] {
            visit.see(&format!("{view}/ember-camp-lantern.html")).await;
            visit.browser.eval("document.querySelector('#product-addtocart-button').click()").await;
            visit.browser.wait_for("document.querySelector('.message.success')").await;
            visit.browser.wait_for("document.querySelector('.minicart-total .segue-offer')").await;
            visit.browser.eval("document.querySelector('.showcart').click()").await;
            assert_eq!(visit.browser.overflow().await, 0, "{view} minicart at {width}");
            assert_eq!(visit.browser.eval(OUTSIDE).await, json!([]), "{view} minicart at {width}");
            visit.browser.picture(&format!("look-minicart{}-{width}", view.replace('/', "-"))).await;
        }
        visit.end().await;
    }
}
