//! The demo in a real browser: audiences change the page, and the cart charges what the page shows.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::running::{Demo, get, send};

/// A product without and one with a special price, both shown on the home page, and the first one's own page.
const BACKPACK: &str = "/loom-rolltop-backpack.html";

/// A downloadable product: what its page shows comes from the page's script.
const GUIDE: &str = "/night-walk-field-guide.html";

/// Somebody who looks at the demo.
pub struct Visit {
    pub demo: Demo,
    pub browser: Browser,
}

impl Visit {
    pub async fn begin(width: u32, height: u32) -> Option<Self> {
        let browser = browser::open(width, height).await?;
        Some(Self { demo: Demo::start().await, browser })
    }

    pub async fn see(&self, path: &str) {
        self.browser.go(&format!("{}{}", self.demo.storefront().trim_end_matches('/'), path)).await;
        self.browser.wait_for("document.readyState === 'complete'").await;
    }

    async fn be(&self, name: &str, value: &str) {
        let cookie = format!("{name}={}; path=/", value);
        self.browser.eval(&format!("document.cookie = {cookie:?}")).await;
    }

    pub async fn hero(&self) -> String {
        self.browser.text(".page-wrapper > .segue-block .segue-banner__title").await
    }

    /// The final price that a product's first box shows.
    pub async fn price(&self) -> String {
        self.browser.text(".product-info-main .price-box [data-price-type=finalPrice]").await
    }

    pub async fn end(mut self) {
        self.browser.close().await;
        self.demo.process.kill().await.expect("the demo ends");
    }
}

#[tokio::test]
async fn hero_and_prices_follow_the_audience_and_the_cart_charges_them() {
    let Some(visit) = Visit::begin(1280, 1600).await else { return };
    visit.see("/").await;
    let default_hero = visit.hero().await;
    assert!(!default_hero.is_empty());
    visit.browser.picture("home-everyone-1280").await;
    visit.see(BACKPACK).await;
    visit.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
    assert_eq!(visit.price().await, "$112.00");

    visit.be("segue-audiences", visit.demo.audience("VIP")).await;
    visit.see("/").await;
    assert_ne!(visit.hero().await, default_hero);
    assert_eq!(visit.browser.text("[data-product-id='6'] .special-price .price").await, "$51.20");
    visit.browser.picture("home-vip-1280").await;
    visit.see(BACKPACK).await;
    visit.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
    assert_eq!(visit.price().await, "$89.60", "after the page's own script has printed it again");
    let regular = visit.browser.text(".product-info-main .price-box [data-price-type=oldPrice]").await;
    assert_eq!(regular, "$112.00");
    assert_eq!(
        visit.browser.text(".product-info-main .segue-offer").await,
        "VIP 20 % off -$22.40, deducted in the cart"
    );
    visit.browser.picture("product-vip-1280").await;

    visit.browser.eval("document.querySelector('#product-addtocart-button').click()").await;
    visit.browser.wait_for("document.querySelector('.message-success, .message.success')").await;
    visit.see("/checkout/cart/").await;
    assert_eq!(visit.browser.text(".grand.totals .price").await, "$89.60");
    visit.browser.picture("cart-vip-1280").await;

    visit.be("segue-audiences", "; max-age=0").await;
    visit.see("/").await;
    assert_eq!(visit.hero().await, default_hero);
    visit.see("/checkout/cart/").await;
    assert_eq!(visit.browser.text(".grand.totals .price").await, "$112.00");
    visit.end().await;
}

#[tokio::test]
async fn new_visitors_pay_what_they_see_by_a_code_of_their_own() {
    for width in [1280, 390] {
        let Some(visit) = Visit::begin(width, 1400).await else { return };
        visit.see(BACKPACK).await;
        visit.be("segue-audiences", visit.demo.audience("New visitor")).await;
        // Codes are made once the shop has said its rules.
        let begin = Instant::now();
        loop {
            visit.see(BACKPACK).await;
            visit.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
            if visit.price().await == "$100.80" {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{}", visit.price().await);
        }
        let label = visit.browser.text(".product-info-main .segue-offer").await;
        assert_eq!(label, "Welcome 10 % off -$11.20, deducted in the cart");
        visit.browser.picture(&format!("product-coupon-{width}")).await;
        visit.browser.eval("document.querySelector('#product-addtocart-button').click()").await;
        visit.browser.wait_for("document.querySelector('.message-success, .message.success')").await;
        visit.see(BACKPACK).await;
        visit
            .browser
            .wait_for("document.querySelector('.minicart-wrapper .counter-number')?.textContent.trim() === '1'")
            .await;
        visit.browser.eval("document.querySelector('.action.showcart').click()").await;
        visit.browser.wait_for("document.querySelector('#minicart-content-wrapper .subtotal .segue-offer')").await;
        let said = visit.browser.text("#minicart-content-wrapper .subtotal .segue-offer").await;
        assert_eq!(said, "Welcome 10 % off -$11.20, deducted in the cart");
        visit.browser.picture(&format!("minicart-coupon-{width}")).await;
        visit.see("/checkout/cart/").await;
        assert_eq!(visit.browser.text(".grand.totals .price").await, "$100.80");
        assert_eq!(visit.browser.eval("document.querySelectorAll('.page.messages .message').length").await, json!(0));
        visit.browser.picture(&format!("cart-coupon-{width}")).await;
        visit.end().await;
    }
}

#[tokio::test]
async fn the_demos_admin_is_open_to_who_started_it() {
    let demo = Demo::start().await;
    let said = |key: &str| demo.ready[key].as_str().expect("a text").to_owned();
    let (admin, password) = (said("admin"), said("admin_password"));
    let origin = admin.trim_end_matches('/');
    let headers = [("origin", origin), ("content-type", "application/x-www-form-urlencoded")];
    let form = format!("name={}&password={password}&to=/offers", said("admin_name"));
    let answer = send("POST", &format!("{origin}/sign-in"), &headers, &form).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/offers"), "{}", answer.text());
    let cookie = answer.set_cookies()[0].split(';').next().expect("a cookie").to_owned();
    let page = get(&format!("{origin}/offers"), &[("cookie", &cookie)]).await.text();
    assert!(page.contains("live") && page.contains("Cart price rules"), "{page}");

    let page = get(&format!("{origin}/audiences"), &[("cookie", &cookie)]).await.text();
    let csrf = crate::admin::between(&page, "name=\"csrf\" value=\"", "\"");
    let sent = [headers[0], headers[1], ("cookie", cookie.as_str())];
    let asked = send("POST", &format!("{origin}/audiences/sync"), &sent, &format!("csrf={csrf}")).await;
    assert_eq!((asked.status.as_u16(), asked.header("location")), (303, "/audiences?done=sync"), "{}", asked.text());
    let begin = std::time::Instant::now();
    loop {
        let answer = get(&format!("{origin}/audiences?done=sync"), &[("cookie", &cookie)]).await;
        if answer.header("refresh").is_empty() {
            assert!(
                answer.text().contains("Experience Platform was asked: 6 audiences, 0 of them otherwise"),
                "{}",
                answer.text()
            );
            break;
        }
        assert!(answer.text().contains("is being asked: ") && begin.elapsed() < std::time::Duration::from_secs(20));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!get(&format!("{origin}/audiences"), &[("cookie", &cookie)]).await.text().contains("was asked"));
}

#[tokio::test]
async fn the_shops_own_blocks_come_by_script_for_who_is_in_their_audience() {
    let Some(visit) = Visit::begin(1280, 1600).await else { return };
    visit.see("/").await;
    visit.browser.wait_for("document.querySelector('.banner-item')").await;
    assert_eq!(visit.browser.text(".banner-items h2").await, "A spare wick with every lantern");
    assert_eq!(visit.browser.eval("document.querySelectorAll('.banner-item').length").await, json!(1));
    visit.be("segue-audiences", visit.demo.audience("VIP")).await;
    visit.see("/").await;
    visit.browser.wait_for("document.querySelectorAll('.banner-item').length === 2").await;
    visit.browser.eval("document.querySelector('.banner-item').scrollIntoView()").await;
    visit.browser.picture("home-blocks-1280").await;
    visit.end().await;
}

#[tokio::test]
async fn a_price_that_the_pages_script_prints_is_charged() {
    let Some(visit) = Visit::begin(1280, 1600).await else { return };
    visit.see(GUIDE).await;
    visit.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
    assert_eq!(visit.price().await, "$9.00");
    visit.be("segue-audiences", visit.demo.audience("VIP")).await;
    visit.see("/gear.html").await;
    assert_eq!(visit.browser.text("[data-product-id='9'] .special-price .price").await, "$7.20");
    visit.see(GUIDE).await;
    visit.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
    assert_eq!(visit.price().await, "$7.20", "after the page's own script has printed its prices");
    let regular = visit.browser.text(".product-info-main .price-box [data-price-type=oldPrice]").await;
    assert_eq!(regular, "$9.00");
    visit.browser.picture("downloadable-vip-1280").await;
    // The script prints what its own data says, whatever stands in the box.
    let printed = "JSON.parse([...document.querySelectorAll('script[type=\"text/x-magento-init\"]')] \
        .find((script) => script.textContent.includes('priceBox')).textContent) \
        ['[data-role=priceBox][data-price-box=product-id-9]'].priceBox.priceConfig.prices";
    let prices = visit.browser.eval(printed).await;
    assert_eq!((&prices["finalPrice"]["amount"], &prices["oldPrice"]["amount"]), (&json!(7.2), &json!(9)));

    visit.browser.eval("document.querySelector('#product-addtocart-button').click()").await;
    visit.browser.wait_for("document.querySelector('.message-success, .message.success')").await;
    visit.see("/checkout/cart/").await;
    assert_eq!(visit.browser.text(".grand.totals .price").await, "$7.20");
    visit.end().await;
}

#[tokio::test]
async fn adobes_own_cookie_works_until_its_script_blanks_it_and_ours_outlasts_that() {
    let Some(visit) = Visit::begin(1280, 1600).await else { return };
    let vip = visit.demo.audience("VIP").to_owned();
    visit.see("/").await;
    let default_hero = visit.hero().await;
    visit.be("aep-segments-membership", &vip).await;
    visit.see("/?collector=blank").await;
    let vip_hero = visit.hero().await;
    assert_ne!(vip_hero, default_hero);
    let cookies = visit.browser.eval("document.cookie").await;
    assert!(!cookies.as_str().expect("text").contains(&vip), "the script has blanked it: {cookies}");
    visit.see("/").await;
    assert_eq!(visit.hero().await, default_hero, "Adobe's blanked cookie says: no audience");
    visit.be("segue-audiences", "vip").await;
    for _ in 0..2 {
        visit.see("/?collector=blank").await;
        assert_eq!(visit.hero().await, vip_hero);
    }
    visit.be("segue-audiences", "none").await;
    visit.be("aep-segments-membership", &vip).await;
    visit.see("/").await;
    assert_eq!(visit.hero().await, default_hero, "none means no audience");
    visit.end().await;
}

#[tokio::test]
async fn the_panel_switches_audiences() {
    let Some(visit) = Visit::begin(1280, 1600).await else { return };
    visit.see("/bags.html").await;
    visit.browser.eval("[...document.querySelectorAll('.demo-panel__option')].find((o) => o.textContent.includes('Wholesale')).click()").await;
    visit.browser.wait_for("document.querySelector('.segue-offer')").await;
    assert_eq!(visit.browser.text("[data-product-id='1'] .special-price .price").await, "$43.00");
    visit.browser.picture("bags-wholesale-1280").await;
    visit.end().await;
}

#[tokio::test]
async fn nothing_scrolls_sideways_on_a_phone_and_nothing_moves() {
    let Some(visit) = Visit::begin(390, 844).await else { return };
    visit.be_on_phone().await;
    for audience in ["VIP", "New visitor", "Wholesale"] {
        visit.be("segue-audiences", visit.demo.audience(audience)).await;
        for (name, path) in [("home", "/"), ("bags", "/bags.html"), ("product", BACKPACK), ("cart", "/checkout/cart/")]
        {
            visit.see(path).await;
            assert_eq!(visit.browser.overflow().await, 0, "{audience} at {path}");
            // On the other pages Luma itself puts what comes later above what came first.
            if path == "/" {
                assert_eq!(visit.shifts().await, Value::Array(Vec::new()), "{audience}");
            }
            visit.browser.picture(&format!("{name}-{}-390", audience.to_lowercase().replace(' ', "-"))).await;
        }
    }
    visit.end().await;
}

#[tokio::test]
async fn the_demo_ends_in_order_as_soon_as_it_is_ready_and_leaves_nothing_behind() {
    let mut demo = Demo::start().await;
    let pid = demo.process.id().expect("a running process");
    let folder = std::env::temp_dir().join(format!("segue-demo-{pid}"));
    assert!(folder.exists());
    let kill = tokio::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
    assert!(kill.expect("kill can be started").success());
    assert_eq!(demo.process.wait().await.expect("the process can be asked").code(), Some(0));
    assert!(!folder.exists());
}

impl Visit {
    async fn be_on_phone(&self) {
        self.see("/").await;
        let width = self.browser.eval("window.innerWidth").await;
        assert_eq!(width, 390, "the phone is emulated");
    }

    /// What moved on the page after it was painted: each time by how much, and which elements.
    async fn shifts(&self) -> Value {
        let script = "const done = arguments[0]; const moved = []; \
             const name = (node) => node ? node.nodeName + '.' + (node.className || '') : 'gone'; \
             new PerformanceObserver((list) => { for (const e of list.getEntries()) { \
             moved.push([e.value, e.sources.map((source) => name(source.node) + ' ' + source.previousRect.y + '+' + source.previousRect.height + ' to ' + source.currentRect.y + '+' + source.currentRect.height)]); } }) \
             .observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(moved), 200);";
        self.browser.page.execute_async(script, Vec::new()).await.expect("the script runs")
    }
}
