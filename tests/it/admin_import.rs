//! Dynamic blocks of Commerce, taken over in the admin UI.

use serde_json::json;

use crate::admin::{Desk, MORE_VIEWS, PASSWORD};
use crate::browser;
use crate::fail_open::shopper;

#[tokio::test]
async fn a_merchandiser_takes_over_the_blocks_of_commerce_and_the_shop_shows_them() {
    for (width, height) in [(1280, 1000), (390, 900)] {
        let Some(browser) = browser::open(width, height).await else { return };
        let desk = Desk::with_commerce_and(MORE_VIEWS).await;
        let ada = desk.sign_in("ada").await;
        ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
        let press = async |selector: &str| browser.eval(&format!("document.querySelector({selector:?}).click()")).await;
        browser.go(&format!("{}/blocks", desk.admin)).await;
        for (name, value) in [("name", "ada"), ("password", PASSWORD)] {
            browser.eval(&format!("document.querySelector('main [name={name}]').value = '{value}'")).await;
        }
        press("main button").await;
        browser.wait_for("location.pathname === '/blocks'").await;
        press(".title__actions a[href='/blocks/import']").await;
        browser.wait_for("document.querySelector('[name=uid]')").await;
        assert_eq!(browser.overflow().await, 0, "{width}");
        browser.picture(&format!("admin-import-{width}")).await;
        let rows = browser.text("main table").await;
        for words in
            ["A spare wick with every lantern", "An evening at the glassworks", "VIP", "cannot be imported", "{{widget"]
        {
            assert!(rows.contains(words), "{words}: {rows}");
        }
        let boxes = "[...document.querySelectorAll('[name=uid]')].map((box) => [box.checked, box.disabled])";
        assert_eq!(browser.eval(boxes).await, json!([[true, false], [true, false], [false, true]]));
        press("main form[action='/blocks/import'] .button--main").await;
        browser.wait_for("location.pathname === '/blocks' && document.querySelector('[role=status]')").await;
        assert!(browser.text("main table").await.contains("Commerce block 1: A spare wick"));

        ada.does("/publish", "/publish", &[]).await;
        let home = async |path: &str, cookie: &str| desk.running.get(path, &[("cookie", cookie)]).await.text();
        let (vip, guest) = (shopper(&desk.running, "VIP").await, String::new());
        let begin = std::time::Instant::now();
        while home("/", &guest).await.contains("data-uids=\"MQ==\"") {
            assert!(begin.elapsed() < std::time::Duration::from_secs(5), "the widget stays");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (for_vip, for_guest) = (home("/", &vip).await, home("/", &guest).await);
        for words in ["data-pb-style=\"WICK\"", "src=\"/media/wysiwyg/tile-gear.svg\"", "href=\"/gear.html\""] {
            assert!(for_guest.contains(words), "{words}");
        }
        let evening = "An evening at the glassworks";
        assert!(for_vip.contains(evening) && !for_guest.contains(evening));
        assert!(
            !for_vip.contains("data-uids=") && for_guest.contains("data-uids=\"Mg==\""),
            "nobody else loses the widget"
        );
        assert!(home("/de/", &guest).await.contains("Ein Ersatzdocht zu jeder Laterne"));

        // Once it is otherwise here, it can be had from Commerce again.
        assert!(ada.page("/blocks/import").await.matches("same HTML").count() == 2);
        let block = ada.page("/blocks?q=wick").await;
        let id = crate::admin::between(&block, "/blocks/edit?id=", "\"").replace("%2D", "-");
        let fields = [
            ("id", id.as_str()),
            ("name", "Wick"),
            ("place", "commerce-block"),
            ("uid", "MQ=="),
            ("html:default", "<p>Other</p>"),
        ];
        ada.does(&format!("/blocks/edit?id={id}"), "/blocks/edit", &fields).await;
        assert!(ada.page("/blocks/import").await.contains("other HTML than Commerce"));
        ada.does("/blocks/import", "/blocks/import", &[("uid", "MQ==")]).await;
        let edited = ada.page(&format!("/blocks/edit?id={id}")).await;
        assert!(edited.contains("A spare wick") && edited.contains("value=\"Wick\""), "{edited}");
        browser.close().await;
    }
}

#[tokio::test]
async fn importing_takes_an_editor_and_something_ticked() {
    let desk = Desk::with_commerce().await;
    let (ada, vic) = (desk.sign_in("ada").await, desk.sign_in("vic").await);
    assert_eq!(vic.get("/blocks/import").await.status, 403);
    assert!(!vic.page("/blocks").await.contains("/blocks/import"));
    assert_eq!(ada.send("/blocks/import", "/blocks/import", &[]).await.status, 400);
    let page = ada.page("/blocks/import").await;
    assert!(page.contains("spare wick") && !page.contains("glassworks"), "nobody here knows its audience: {page}");
    let wrong = ada.get("/blocks/import?uids=5").await;
    assert!(wrong.status == 503 && wrong.text().contains("Value of uid"), "{}", wrong.text());
    let alone = Desk::open().await;
    let ada = alone.sign_in("ada").await;
    assert_eq!(ada.get("/blocks/import").await.status, 404);
    assert!(!ada.page("/blocks").await.contains("/blocks/import"));
}
