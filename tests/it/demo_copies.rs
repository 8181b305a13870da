//! What the demo's scripts keep in the browser, through Segue: the cart's and the wish list's copies say what the cart deducts, go when
//! the audience does, come back with it, and nothing else is lost or asked for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::demo::Visit;

/// Which sections this page has asked for, request by request.
const LOADS: &str = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/section/load/')) \
                     .map((one) => new URL(one.name).searchParams.get('sections').split(',').sort())";

/// What stands under the items and under the subtotal of the minicart.
const OF_ITEMS: &str =
    "[...document.querySelectorAll('.minicart-items .segue-offer')].map((one) => one.textContent.trim())";
const OF_SUM: &str = "[...document.querySelectorAll('.minicart-total .segue-offer')].filter((one) => getComputedStyle(one).display !== 'none').map((one) => one.textContent.trim())";

/// Whatever is kept besides the two sections.
const OTHERS: &str = "(() => { const all = Object.fromEntries(Object.entries(localStorage)); \
     const sections = JSON.parse(all['mage-cache-storage']); delete sections.cart; delete sections.wishlist; \
     for (const key of Object.keys(sections)) { sections[key] = JSON.stringify(sections[key]); } \
     return [{ ...all, 'mage-cache-storage': '' }, sections]; })()";

const WISHED: &str = ".block-wishlist [data-price-type=finalPrice]";

impl Visit {
    async fn click(&self, selector: &str) {
        self.browser.eval(&format!("document.querySelector({selector:?}).click()")).await;
    }

    /// Chooses in the demo's panel who is shopping; the page is loaded again.
    async fn becomes(&self, name: &str) {
        self.browser.eval("window.isBefore = true").await;
        let option = "[...document.querySelectorAll('.demo-panel__option')]";
        self.browser.eval(&format!("{option}.find((one) => one.textContent.includes({name:?})).click()")).await;
        self.browser.wait_for("!window.isBefore && document.readyState === 'complete'").await;
    }

    /// The sections that the page asks for, after it has had the time to ask.
    async fn loads(&self) -> Value {
        tokio::time::sleep(Duration::from_millis(600)).await;
        self.browser.eval(LOADS).await
    }

    async fn buys_one(&self, page: &str, choices: &[&str]) {
        self.see(page).await;
        for choice in choices {
            self.browser.wait_for(&format!("document.querySelector({choice:?})")).await;
            self.click(choice).await;
        }
        self.click("#product-addtocart-button").await;
        self.browser.wait_for("document.querySelector('.message.success')").await;
    }

    /// What the cart's page takes off, which is what the minicart must name.
    async fn discount(&self, view: &str) -> String {
        self.see(&format!("{view}/checkout/cart/")).await;
        let price =
            "document.querySelector('.totals .discount').closest('tr').querySelector('.price').textContent.trim()";
        self.browser.eval(price).await.as_str().expect("text").to_owned()
    }

    /// Waits until the minicart says in all of its places what the cart's page takes off.
    async fn sum_is(&self, note: &str) {
        self.browser.wait_for(&format!("{OF_SUM}.length && {OF_SUM}.every((one) => one === {note:?})")).await;
    }
}

fn note(discount: &str) -> String {
    format!("VIP 20 % off {discount}, deducted in the cart")
}

#[tokio::test]
async fn copies_in_the_browser_follow_the_audience_and_nothing_else_is_lost() {
    let Some(visit) = Visit::begin(1280, 1400).await else { return };
    visit.see("/harbour-canvas-tote.html").await;
    visit.becomes("VIP").await;
    visit.click(".action.towishlist").await;
    visit.browser.wait_for("document.body.classList.contains('wishlist-index-index')").await;
    visit.buys_one("/dune-day-pack.html", &["[data-option-id='166']", "[data-option-id='49']"]).await;
    visit.sum_is(&note("-$14.40")).await;
    assert_eq!(visit.browser.eval(OF_ITEMS).await, json!([note("-$14.40")]));
    assert_eq!(visit.discount("").await, "-$14.40");

    visit.browser.eval("document.querySelector('.input-text.qty').value = 3").await;
    visit.browser.eval("window.isBefore = true").await;
    visit.click(".action.update").await;
    visit.browser.wait_for("!window.isBefore && document.readyState === 'complete'").await;
    visit.sum_is(&note("-$43.20")).await;
    assert_eq!(visit.discount("").await, "-$43.20");
    visit.buys_one("/ember-camp-lantern.html", &[]).await;
    visit.sum_is(&note("-$56.00")).await;
    assert_eq!(visit.browser.eval(OF_ITEMS).await, json!([note("-$12.80"), note("-$43.20")]));
    assert_eq!(visit.discount("").await, "-$56.00");

    // What a shopper has typed into the checkout lies beside the sections.
    let typed = "(() => { const kept = JSON.parse(localStorage['mage-cache-storage']); \
         kept['checkout-data'] = { inputFieldEmailValue: 'vera@example.com' }; \
         localStorage['mage-cache-storage'] = JSON.stringify(kept); localStorage.typed = 'kept'; })()";
    visit.browser.eval(typed).await;
    visit.see("/gear.html").await;
    assert_eq!(visit.loads().await, json!([]), "nothing has changed");
    assert_eq!(visit.browser.text(WISHED).await, "$38.40");
    let others = visit.browser.eval(OTHERS).await;
    for key in ["product_data_storage", "recently_viewed_product", "typed"] {
        assert!(others[0][key].is_string(), "{key}: {others}");
    }

    for (name, sum, wished) in [("Nobody", json!([]), "$48.00"), ("VIP", json!([note("-$56.00")]), "$38.40")] {
        visit.becomes(name).await;
        assert_eq!(visit.loads().await, json!([["cart", "wishlist"]]), "the very next page for {name}");
        assert_eq!(visit.browser.eval(OF_SUM).await, sum, "{name}");
        assert_eq!(visit.browser.text(WISHED).await, wished, "{name}");
        assert_eq!(visit.browser.eval(OTHERS).await, others, "{name}");
        visit.see("/gear.html").await;
        assert_eq!(visit.loads().await, json!([]), "the page after for {name}");
        assert_eq!(visit.browser.eval(OF_SUM).await, sum, "{name}");
    }
    // Where rows are shown with tax alone, the view's one rate makes them add up to the subtotal without.
    for (view, notes, wished) in
        [("/de", 1, "42,04\u{a0}€"), ("/b2b", 1, "€42.04"), ("/ar", 1, "\u{200f}١١٫٨٠\u{a0}د.ك.\u{200f}")]
    {
        let discount = visit.discount(view).await;
        visit.see(&format!("{view}/gear.html")).await;
        let prices = "[...document.querySelectorAll('.minicart-total .price')].length";
        let shown = if view == "/b2b" { 2 } else { 1 };
        visit.browser.wait_for(&format!("{prices} === {shown} && {OF_SUM}.length === {notes}")).await;
        let said = visit.browser.eval(OF_SUM).await;
        let said: Vec<_> = said.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(said.iter().all(|one| one.contains(&discount)), "{view}: {said:?} for {discount}");
        visit.browser.wait_for(&format!("document.querySelector({WISHED:?})")).await;
        assert_eq!(visit.browser.text(WISHED).await, wished, "{view}");
        visit.click(".showcart").await;
        visit.browser.picture(&format!("minicart{}-1280", view.replace('/', "-"))).await;
    }
    visit.end().await;
}
