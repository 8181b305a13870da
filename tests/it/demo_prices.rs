//! The demo's products through Segue in a real browser: what its scripts show after every choice is what its cart charges.

use serde_json::json;

use crate::demo::Visit;

/// The final price in the product's own box.
const PRICE: &str = ".product-info-main .price-box [data-price-type=finalPrice]";

async fn begin() -> Option<Visit> {
    let visit = Visit::begin(1280, 1400).await?;
    visit.see("/about-us/").await;
    let vip = visit.demo.audience("VIP").to_owned();
    visit.browser.eval(&format!("document.cookie = 'segue-audiences={vip}; path=/'")).await;
    Some(visit)
}

impl Visit {
    async fn choose(&self, fields: &[(&str, &str)]) {
        for (selector, value) in fields {
            let script = match *value {
                "" => format!("document.querySelector({selector:?}).click()"),
                value => format!(
                    "(() => {{ const field = document.querySelector({selector:?}); field.value = {value:?}; \
                     field.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
                ),
            };
            self.browser.eval(&script).await;
        }
    }

    /// Opens a product's page, chooses, and checks that the price shown is all that an otherwise empty cart charges.
    async fn buys(&self, view: &str, key: &str, fields: &[(&str, &str)], selector: &str, price: &str) {
        self.see(&format!("{view}/{key}.html")).await;
        self.browser.wait_for("document.querySelector('[data-rendered]')").await;
        self.choose(fields).await;
        let shown = self.browser.text(selector).await;
        assert_eq!(shown, price, "{view} {key}");
        self.browser.eval("document.querySelector('#product-addtocart-button').click()").await;
        self.browser.wait_for("document.querySelector('.message.success')").await;
        self.see(&format!("{view}/checkout/cart/")).await;
        let total = self.browser.text(".grand.totals .price").await;
        // The server prints two decimals, scripts print as many as the currency has.
        let comparable = |text: &str| text.replace("٠\u{a0}", "\u{a0}");
        assert!(total == shown || total == comparable(&shown), "{view} {key}: {shown} is charged as {total}");
        self.choose(&[(".action-delete", "")]).await;
        self.browser.wait_for("document.querySelector('.cart-empty')").await;
    }
}

#[tokio::test]
async fn what_is_shown_after_a_choice_is_charged_in_every_view() {
    let Some(visit) = begin().await else { return };
    let pack = [(".swatch-option[data-option-id='166']", ""), (".swatch-option[data-option-id='49']", "")];
    visit.buys("", "dune-day-pack", &pack, PRICE, "$57.60").await;
    visit.buys("/de", "dune-day-pack", &pack, PRICE, "63,06\u{a0}€").await;
    visit.buys("/ar", "dune-day-pack", &pack, PRICE, "\u{200f}١٧٫٧٠٠\u{a0}د.ك.\u{200f}").await;
    let lamp = [("#attribute151", "203"), ("#attribute152", "211")];
    visit.buys("/b2b", "heron-desk-lamp", &lamp, PRICE, "€121.74").await;
    visit.buys("", "heron-desk-lamp", &lamp, PRICE, "$111.20").await;
    let set = [("#bundle-option-1-2", ""), ("#bundle-option-4", "8")];
    let summary = ".price-configured_price [data-price-type=finalPrice]";
    visit.buys("", "first-evening-set", &set, summary, "$141.88").await;
    visit.buys("", "four-season-star-maps", &[("#links_1", "")], PRICE, "$6.00").await;
    visit.buys("/de", "beeswax-candle", &[], PRICE, "5,69\u{a0}€").await;
    visit.end().await;
}

#[tokio::test]
async fn a_reset_leads_back_to_the_changed_price() {
    let Some(visit) = begin().await else { return };
    visit.see("/dune-day-pack.html").await;
    visit.browser.wait_for("document.querySelector('.swatch-option')").await;
    let large = (".product-info-main .swatch-option[data-option-id='167']", "");
    let mut prices = vec![visit.browser.text(PRICE).await];
    for _ in 0..2 {
        visit.choose(&[large]).await;
        prices.push(visit.browser.text(PRICE).await);
    }
    assert_eq!(json!(prices), json!(["$46.40", "$54.92", "$46.40"]));
    assert_eq!(visit.browser.text(".product-info-main .sly-old-price .price").await, "$72.00");
    visit.see("/bags.html").await;
    visit.browser.wait_for("document.querySelector('#product-item-info_11 .swatch-option')").await;
    visit.choose(&[("#product-item-info_11 .swatch-option[data-option-id='167']", "")]).await;
    assert_eq!(visit.browser.text("#product-item-info_11 [data-price-type=finalPrice]").await, "$54.92");
    visit.end().await;
}
