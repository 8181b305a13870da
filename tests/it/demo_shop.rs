//! The demo's shop by itself in a real browser: its scripts print prices as Magento's do, and its cart charges what they printed.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::browser::{self, Browser};

/// Somebody in the shop, without Segue before it.
pub struct Shop {
    pub browser: Browser,
    base: String,
    serving: JoinHandle<()>,
}

impl Shop {
    pub async fn open(width: u32) -> Option<Self> {
        let browser = browser::open(width, 1400).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound port"));
        let shop = segue::demo::Shop::new(segue::demo::Options::default());
        let serving =
            tokio::spawn(async move { shop.serve(listener, std::future::pending()).await.expect("it serves") });
        Some(Self { browser, base, serving })
    }

    pub async fn see(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.base)).await;
        self.browser.wait_for("document.readyState === 'complete'").await;
    }

    /// The text of the first element that a selector finds within the product's own part of the page.
    async fn text(&self, selector: &str) -> String {
        self.browser.text(&format!(".product-info-main {selector}")).await
    }

    async fn price(&self) -> String {
        self.text(".price-box [data-price-type=finalPrice]").await
    }

    pub async fn click(&self, selector: &str) {
        self.browser.eval(&format!("document.querySelector({selector:?}).click()")).await;
    }

    /// Gives a field a value as somebody does who types or chooses it.
    pub async fn set(&self, selector: &str, value: &str) {
        let script = format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.value = {value:?}; \
             for (const kind of ['input', 'change']) {{ field.dispatchEvent(new Event(kind, {{ bubbles: true }})); }} }})()"
        );
        self.browser.eval(&script).await;
    }

    async fn is_shown(&self, selector: &str) -> Value {
        self.browser.eval(&format!("document.querySelector({selector:?}).checkVisibility()")).await
    }

    /// Puts what is chosen into the cart and answers with what the minicart then says an item costs.
    pub async fn buy(&self) -> String {
        self.click("#product-addtocart-button").await;
        self.browser.wait_for("document.querySelector('.message.success')").await;
        self.browser.text(".minicart-items .minicart-price .price").await
    }

    pub async fn end(self) {
        self.browser.close().await;
        self.serving.abort();
    }
}

#[tokio::test]
async fn prices_follow_swatches_and_dropdowns() {
    let Some(shop) = Shop::open(1280).await else { return };
    shop.see("/dune-day-pack.html").await;
    assert_eq!(shop.price().await, "$58.00");
    assert_eq!(shop.is_shown(".sly-old-price").await, false);
    shop.click("[data-option-id='167']").await;
    assert_eq!(shop.price().await, "$68.65", "the cheapest of what is left");
    assert_eq!(shop.is_shown(".sly-old-price").await, true);
    assert_eq!(shop.text(".sly-old-price .price").await, "$84.00");
    assert_eq!(
        shop.browser.eval("document.querySelector('.price-box span').className").await,
        "normal-price special-price"
    );
    shop.click("[data-option-id='49']").await;
    assert_eq!(shop.price().await, "$84.00");
    assert_eq!(shop.is_shown(".sly-old-price").await, false);
    let disabled = "document.querySelector(\"[data-option-id='56']\").classList.contains('disabled')";
    assert_eq!(shop.browser.eval(disabled).await, true, "there is no large one in that colour");
    shop.click("[data-option-id='49']").await;
    shop.click("[data-option-id='167']").await;
    assert_eq!((shop.price().await.as_str(), shop.text(".sly-old-price .price").await.as_str()), ("$58.00", "$72.00"));
    shop.click("[data-option-id='166']").await;
    shop.click("[data-option-id='56']").await;
    assert_eq!(shop.buy().await, "$74.00");
    assert_eq!(shop.browser.text(".minicart-options").await, "Size: 18 l, Color: Moss");

    shop.see("/heron-desk-lamp.html").await;
    assert_eq!(shop.price().await, "$89.00");
    shop.set("#attribute151", "202").await;
    assert_eq!(shop.price().await, "$109.00");
    assert_eq!(shop.browser.text("#attribute152 option:last-child").await, "3 m +$28.35");
    shop.set("#attribute152", "212").await;
    assert_eq!(shop.price().await, "$117.35");
    shop.set("#attribute151", "").await;
    assert_eq!(shop.price().await, "$89.00");
    shop.set("#attribute151", "203").await;
    shop.set("#attribute152", "211").await;
    assert_eq!(shop.buy().await, "$139.00");

    shop.see("/bags.html").await;
    let row = "#product-item-info_11 ";
    let price = format!("{row}[data-price-type=finalPrice]");
    assert_eq!(shop.browser.text(&price).await, "$58.00");
    shop.click(&format!("{row}[data-option-id='167']")).await;
    assert_eq!(shop.browser.text(&price).await, "$68.65");
    assert_eq!(shop.browser.text("#product-item-info_1 [data-price-type=finalPrice]").await, "$48.00");
    shop.end().await;
}

#[tokio::test]
async fn a_bundles_summary_follows_its_parts_and_its_range_does_not() {
    let Some(shop) = Shop::open(1280).await else { return };
    shop.see("/first-evening-set.html").await;
    let summary = ".price-configured_price [data-price-type=finalPrice]";
    assert_eq!(shop.browser.text(summary).await, "$120.89");
    shop.click("#bundle-option-1-2").await;
    assert_eq!(shop.browser.text(summary).await, "$149.90");
    assert_eq!(shop.browser.text("#bundle-option-2 option[value='5']").await, "Loom Rolltop Backpack +$112.00");
    shop.set("#bundle-option-2", "5").await;
    shop.set("#bundle-option-3-qty-input", "3").await;
    assert_eq!(shop.browser.text(summary).await, "$232.85");
    shop.set("#bundle-option-4", "8").await;
    assert_eq!(shop.browser.text(summary).await, "$260.30");
    assert_eq!(shop.text("[data-price-type=minPrice]").await, "$120.89");
    assert_eq!(shop.text("[data-price-type=maxPrice]").await, "$241.35");
    assert_eq!(shop.buy().await, "$260.30");
    shop.end().await;
}

#[tokio::test]
async fn options_tiers_links_and_rows_add_up() {
    let Some(shop) = Shop::open(1280).await else { return };
    shop.see("/initial-enamel-mug.html").await;
    assert_eq!(shop.browser.text("#select_3 option[value='4']").await, "Gold leaf +$3.75");
    for (field, value, price) in [
        ("#options_1_text", "AB", "$19.50"),
        ("#select_2", "2", "$21.75"),
        ("#select_3", "4", "$25.50"),
        ("#options_1_text", "", "$21.00"),
    ] {
        shop.set(field, value).await;
        assert_eq!(shop.price().await, price, "{field} {value}");
    }
    shop.click("#options_4_2").await;
    assert_eq!(shop.price().await, "$24.00");
    assert_eq!(shop.buy().await, "$24.00");

    shop.see("/beeswax-candle.html").await;
    assert_eq!(shop.price().await, "$6.50");
    shop.set("#qty", "24").await;
    assert_eq!(shop.price().await, "$4.85");
    shop.set("#qty", "7").await;
    assert_eq!(shop.price().await, "$5.90");
    assert_eq!(shop.buy().await, "$5.90");

    shop.see("/four-season-star-maps.html").await;
    shop.click("#links_1").await;
    shop.click("#links_4").await;
    assert_eq!(shop.price().await, "$12.50");
    shop.click("#links_1").await;
    assert_eq!(shop.price().await, "$9.00");
    assert_eq!(shop.buy().await, "$9.00");

    shop.see("/lamplighters-shelf.html").await;
    shop.set("[name='super_group[7]']", "2").await;
    assert_eq!(shop.buy().await, "$59.00");
    shop.end().await;
}

#[tokio::test]
async fn every_view_prints_its_own_format() {
    let Some(shop) = Shop::open(1280).await else { return };
    shop.see("/de/dune-day-pack.html").await;
    assert_eq!(shop.price().await, "63,50\u{a0}€");
    shop.click("[data-option-id='167']").await;
    assert_eq!(shop.price().await, "75,16\u{a0}€");
    assert_eq!(shop.text(".sly-old-price .price").await, "91,96\u{a0}€");
    shop.browser.picture("pack-de-1280").await;

    shop.see("/b2b/initial-enamel-mug.html").await;
    let net = ".price-box [data-price-type=basePrice]";
    assert_eq!((shop.price().await.as_str(), shop.text(net).await.as_str()), ("€16.42", "€13.80"));
    assert_eq!(shop.browser.text("#select_2 option[value='2']").await, "Gloss +€2.46 (Excl. tax: €2.07)");
    shop.set("#select_2", "2").await;
    assert_eq!((shop.price().await.as_str(), shop.text(net).await.as_str()), ("€18.89", "€15.87"));
    assert_eq!(shop.buy().await, "€18.89");
    let subtotals = "[...document.querySelectorAll('.minicart-total .price')].map((price) => price.textContent)";
    assert_eq!(shop.browser.eval(subtotals).await, json!(["€18.89", "€15.87"]));

    shop.see("/ar/beeswax-candle.html").await;
    assert_eq!(shop.price().await, "\u{200f}٢٫٠٠٠\u{a0}د.ك.\u{200f}", "scripts print three decimals");
    let tier = shop.browser.text(".prices-tier .price").await;
    assert_eq!(tier, "\u{200f}١٫٨١\u{a0}د.ك.\u{200f}", "the server prints two");
    shop.browser.wait_for("document.querySelector('.minicart-items .price')?.textContent.includes('د.ك')").await;
    shop.end().await;
}

#[tokio::test]
async fn only_sections_whose_ids_differ_are_loaded_again() {
    let Some(shop) = Shop::open(1280).await else { return };
    shop.see("/harbour-canvas-tote.html").await;
    assert_eq!(shop.browser.eval("Object.keys(JSON.parse(localStorage.product_data_storage))").await, json!(["1"]));
    shop.buy().await;
    shop.click(".action.towishlist").await;
    shop.browser.wait_for("document.body.classList.contains('wishlist-index-index')").await;
    shop.browser.wait_for("document.querySelector('.link.wishlist .counter').textContent === '1 item'").await;
    let loads = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/section/load/')) \
                 .map((one) => new URL(one.name).searchParams.get('sections'))";
    let ids = "JSON.parse(decodeURIComponent(document.cookie.match(/section_data_ids=([^;]*)/)[1]))";
    shop.see("/gear.html").await;
    assert_eq!(shop.browser.eval(loads).await, json!([]), "nothing has changed");
    let before = shop.browser.eval(ids).await;
    shop.browser
        .eval(&format!(
            "(() => {{ localStorage.setItem('typed', 'kept'); const ids = {ids}; ids.cart += 1000; \
             document.cookie = 'section_data_ids=' + encodeURIComponent(JSON.stringify(ids)) + '; path=/'; }})()"
        ))
        .await;
    shop.see("/gear.html").await;
    shop.browser
        .wait_for(&format!(
            "({loads}).length === 1 && ({ids}).cart < {}",
            before["cart"].as_u64().expect("an id") + 1000
        ))
        .await;
    assert_eq!(shop.browser.eval(loads).await, json!(["cart"]));
    assert_eq!(shop.browser.eval("localStorage.typed").await, "kept");
    let after = shop.browser.eval(ids).await;
    assert_eq!(after["wishlist"], before["wishlist"]);
    assert_eq!(shop.browser.text(".block-wishlist .price").await, "$48.00");
    shop.end().await;
}

#[tokio::test]
async fn no_page_scrolls_sideways_on_a_phone() {
    let Some(shop) = Shop::open(390).await else { return };
    shop.see("/b2b/dune-day-pack.html").await;
    for list in ["wishlist/index", "catalog/product_compare"] {
        for product in [2, 11, 13] {
            let add = format!("{}/b2b/{list}/add/", shop.base);
            let script = format!(
                "fetch({add:?}, {{ method: 'POST', body: new URLSearchParams({{ product: {product}, \
                 form_key: document.querySelector('input[name=form_key]').value }}) }})"
            );
            shop.browser.eval(&format!("{script}.then(() => true)")).await;
        }
    }
    let pages = [
        ("pack", "/b2b/dune-day-pack.html"),
        ("lamp", "/heron-desk-lamp.html"),
        ("set", "/b2b/first-evening-set.html"),
        ("mug", "/b2b/initial-enamel-mug.html"),
        ("candle", "/ar/beeswax-candle.html"),
        ("shelf", "/de/lamplighters-shelf.html"),
        ("maps", "/b2b/four-season-star-maps.html"),
        ("gear", "/b2b/gear.html"),
        ("bags", "/de/bags.html"),
        ("wishes", "/b2b/wishlist/"),
        ("comparison", "/b2b/catalog/product_compare/"),
    ];
    for (name, path) in pages {
        shop.see(path).await;
        assert_eq!(shop.browser.overflow().await, 0, "{path}");
        shop.browser.picture(&format!("shop-{name}-390")).await;
    }
    shop.end().await;
}
