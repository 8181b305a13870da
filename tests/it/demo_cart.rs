//! The demo's cart, accounts and checkout in a real browser, without Segue before them.

use crate::demo_shop::Shop;

#[tokio::test]
async fn a_customer_logs_in_with_a_click_orders_and_logs_out() {
    for width in [1280, 390] {
        let Some(shop) = Shop::open(width).await else { return };
        shop.see("/ember-camp-lantern.html").await;
        shop.buy().await;
        shop.see("/customer/account/login/").await;
        assert_eq!(shop.browser.overflow().await, 0, "login at {width}");
        shop.browser.picture(&format!("login-{width}")).await;
        shop.click(".known-customers li:last-child button").await;
        shop.browser.wait_for("document.body.classList.contains('customer-account-index')").await;
        shop.browser
            .wait_for("document.querySelector('.greet .logged-in').textContent === 'Welcome, Bram Weaver!'")
            .await;
        shop.browser.wait_for("document.querySelector('.showcart .counter-number').textContent === '1'").await;
        shop.browser.picture(&format!("account-{width}")).await;

        shop.see("/checkout/").await;
        assert_eq!(shop.browser.text(".shop-due .price").await, "$64.00");
        assert_eq!(shop.browser.overflow().await, 0, "checkout at {width}");
        shop.browser.picture(&format!("checkout-{width}")).await;
        shop.click("button.action.checkout").await;
        shop.browser.wait_for("document.body.classList.contains('checkout-onepage-success')").await;
        shop.browser.picture(&format!("success-{width}")).await;
        shop.browser.wait_for("!document.querySelector('.showcart .counter-number').textContent").await;

        shop.click(".authorization-link a").await;
        shop.browser.wait_for("document.body.classList.contains('customer-account-logoutsuccess')").await;
        shop.browser.wait_for("!document.querySelector('.greet .logged-in').textContent.trim()").await;
        shop.end().await;
    }
}

#[tokio::test]
async fn a_code_is_applied_and_cancelled_on_the_carts_page() {
    for width in [1280, 390] {
        let Some(shop) = Shop::open(width).await else { return };
        shop.see("/ember-camp-lantern.html").await;
        shop.buy().await;
        shop.see("/dune-day-pack.html?#143=166&93=52").await;
        for view in ["", "/de", "/ar"] {
            shop.see(&format!("{view}/checkout/cart/")).await;
            shop.click("#block-discount .title").await;
            shop.browser.picture(&format!("cart{}-{width}", view.replace('/', "-"))).await;
            shop.set("#coupon_code", "LANTERN10").await;
            shop.click("#discount-coupon-form .action.apply").await;
            shop.browser.wait_for("document.querySelector('.fieldset.coupon.applied')").await;
            shop.browser.wait_for("document.querySelector('.message.success')").await;
            assert_eq!(shop.browser.eval("document.querySelector('#coupon_code').value").await, "LANTERN10");
            assert_eq!(shop.browser.overflow().await, 0, "{view} at {width}");
            shop.browser.picture(&format!("cart{}-coupon-{width}", view.replace('/', "-"))).await;
            shop.click("#discount-coupon-form .action.cancel").await;
            shop.browser.wait_for("document.querySelector('.action.apply')").await;
        }
        shop.end().await;
    }
}
