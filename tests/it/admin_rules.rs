//! Cart price rules of Commerce, written in the admin UI.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admin::{Desk, PASSWORD, demo_token};
use crate::browser;
use crate::running::rest;

async fn rule(desk: &Desk, id: u64) -> Value {
    rest(desk.origin, demo_token(), "GET", &format!("salesRules/{id}"), &Value::Null).await
}

/// Waits until Commerce's rules are known.
async fn known(desk: &Desk) {
    let ada = desk.sign_in("ada").await;
    let begin = Instant::now();
    while ada.page("/rules").await.contains("has not said its rules yet") {
        assert!(begin.elapsed() < Duration::from_secs(10), "Commerce never said its rules");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_merchandiser_builds_the_half_price_rule_and_the_shop_charges_it() {
    for (width, height) in [(1280, 1000), (390, 900)] {
        let Some(browser) = browser::open(width, height).await else { return };
        let desk = Desk::with_commerce().await;
        let ada = desk.sign_in("ada").await;
        ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
        known(&desk).await;
        let go = async |path: &str| browser.go(&format!("{}{path}", desk.admin)).await;
        let press = async |selector: &str| browser.eval(&format!("document.querySelector({selector:?}).click()")).await;
        let fill = async |name: &str, value: &str| {
            let script = format!(
                "(() => {{ const field = document.querySelector('main [name=\"{name}\"]'); field.value = {value:?}; \
                 for (const event of ['input', 'change']) field.dispatchEvent(new Event(event, {{ bubbles: true }})); }})()"
            );
            browser.eval(&script).await;
        };
        let look = async |name: &str| {
            assert_eq!(browser.overflow().await, 0, "{name} at {width}");
            browser.picture(&format!("admin-{name}-{width}")).await;
        };
        go("/rules").await;
        fill("name", "ada").await;
        fill("password", PASSWORD).await;
        press("main button").await;
        browser.wait_for("location.pathname === '/rules'").await;
        look("rules").await;

        // Adobe's walk-through: Add New Rule; Rule Information; "+", Real-Time CDP Audience, pick one; Discount Amount 50; Save.
        press(".title__actions a").await;
        browser.wait_for("document.querySelector('[name=discount_amount]')").await;
        fill("name", "Half price for VIPs").await;
        fill("sort_order", "90").await;
        press("[name=add][value=condition]").await;
        browser.wait_for("document.getElementById('condition.0')").await;
        browser.eval("(() => { const search = document.querySelector('.chooser input[type=search]'); search.value = 'vip'; search.dispatchEvent(new Event('input')); })()").await;
        press(".chooser label:not([hidden]) input").await;
        // A nested condition: any of two amounts.
        fill("condition.new", "combine").await;
        press("[name=add][value=condition]").await;
        browser.wait_for("document.getElementById('condition.1')").await;
        fill("condition.1.all", "any").await;
        for (at, value) in ["40", "41"].iter().enumerate() {
            fill("condition.1.new", "address").await;
            press("[name=add][value='condition.1']").await;
            browser.wait_for(&format!("document.getElementById('condition.1.{at}')")).await;
            fill(&format!("condition.1.{at}.value"), value).await;
        }
        assert_eq!(browser.eval("document.querySelector('[name=\"condition.1.all\"]').value").await, json!("any"));
        fill("discount_amount", "150").await;
        press(".bar .button--main").await;
        browser.wait_for("document.querySelector('[role=alert]')").await;
        assert!(browser.text("[role=alert]").await.contains("100 percent at most"));
        fill("discount_amount", "50").await;
        look("rule").await;
        browser.eval("document.getElementById('condition').scrollIntoView()").await;
        look("rule-conditions").await;
        press(".bar .button--main").await;
        browser.wait_for("document.querySelector('[role=status]')").await;
        assert!(browser.text("main table").await.contains("Half price for VIPs"));

        let made = rule(&desk, 5).await;
        assert_eq!((&made["simple_action"], &made["discount_amount"]), (&json!("by_percent"), &json!(50)), "{made}");
        let tree = &made["condition"];
        assert_eq!(tree["conditions"][0]["value"], desk.vip);
        assert_eq!(
            (&tree["conditions"][1]["aggregator_type"], &tree["conditions"][1]["conditions"][1]["value"]),
            (&json!("any"), &json!("41"))
        );

        // An offer of it shows the price, once that is published.
        go("/offers/edit?rule=5").await;
        assert_eq!(browser.eval("document.querySelector('[name=rule_id]').value").await, json!("5"));
        fill("labels:default", "Half price").await;
        look("offer-of-rule").await;
        press(".bar .button--main").await;
        browser.wait_for("document.querySelector('[role=status]')").await;
        browser.close().await;
    }
}

#[tokio::test]
async fn a_rule_keeps_what_has_no_field_and_nobodys_change_is_lost() {
    let desk = Desk::with_commerce().await;
    known(&desk).await;
    let (ada, eddy) = (desk.sign_in("ada").await, desk.sign_in("eddy").await);
    let mut before = rule(&desk, 1).await;
    before["condition"]["conditions"].as_array_mut().expect("conditions").push(json!({
        "condition_type": "Somebody\\Elses", "operator": "~", "value": ["x", 1],
    }));
    before["extension_attributes"] = json!({ "reward_points_delta": 3 });
    rest(desk.origin, demo_token(), "PUT", "salesRules/1", &json!({ "rule": before })).await;
    let before = rule(&desk, 1).await;
    let page = ada.page("/rules/edit?id=1").await;
    assert!(page.contains("Somebody\\Elses") && page.contains("kept as it is"), "the class is named");

    let fields = browser_fields(&page);
    let with = |name: &str, value: &str| {
        let mut all: Vec<(String, String)> = fields.iter().filter(|(own, _)| own != name).cloned().collect();
        all.push((name.to_owned(), value.to_owned()));
        all.push(("save".to_owned(), "1".to_owned()));
        all
    };
    let send = async |all: &[(String, String)]| {
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ada.send("/rules", "/rules/edit", &all).await
    };
    let saved = send(&with("description", "for the autumn")).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let after = rule(&desk, 1).await;
    let mut expected = before.clone();
    expected["description"] = json!("for the autumn");
    assert_eq!(after, expected, "nothing else is otherwise");
    let again = send(&with("description", "for the winter")).await;
    assert_eq!(again.status, 409, "the form is older than the rule");
    let wrong = send(&with("discount_amount", "a lot")).await;
    assert!(wrong.status == 422 && wrong.text().contains("must be a number"), "{}", wrong.status);

    let begin = Instant::now();
    while ada.page("/rules/skus?q=ll-ba01").await != "[\"LL-BA01\"]" {
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", ada.page("/rules/skus?q=ll-ba01").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let looks = eddy.page("/rules/edit?id=1").await;
    assert!(!looks.contains("name=\"save\" value=\"1\">Save") && looks.contains("disabled"));
    assert_eq!(eddy.send("/rules", "/rules/edit", &[("save", "1")]).await.status, 403);
    assert_eq!(ada.get("/rules/edit?id=77").await.status, 404, "Commerce has no such rule");
}

/// The fields that a browser sends of the page's form.
fn browser_fields(page: &str) -> Vec<(String, String)> {
    let page = scraper::Html::parse_document(page);
    let any = |css: &str| scraper::Selector::parse(css).expect("a selector");
    let mut fields = Vec::new();
    for field in page.select(&any("main form[action='/rules/edit'] :is(input, select)")) {
        let Some(name) = field.attr("name").filter(|_| field.attr("disabled").is_none()) else { continue };
        let value = match field.value().name() {
            "select" => {
                let chosen = field.select(&any("option[selected]")).next();
                chosen.or_else(|| field.select(&any("option")).next()).and_then(|option| option.attr("value"))
            }
            _ if field.attr("type") == Some("checkbox") && field.attr("checked").is_none() => continue,
            _ => field.attr("value"),
        };
        fields.push((name.to_owned(), value.unwrap_or_default().to_owned()));
    }
    fields
}

#[tokio::test]
async fn publishing_warns_of_prices_below_an_offers_floor() {
    let desk = Desk::with_commerce().await;
    known(&desk).await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    let offer = |floor| {
        [
            ("name", "VIP 20 %"),
            ("audiences.any", desk.vip),
            ("products", "all"),
            ("charge", "origin"),
            ("rule_id", "1"),
            ("labels:default", "VIP price"),
            ("floor", floor),
        ]
    };
    // The tote is 48, of which rule 1 leaves 38.40.
    ada.does("/offers", "/offers/edit", &offer("38.41")).await;
    let begin = Instant::now();
    loop {
        let page = ada.page("/publish").await;
        if page.contains("below its floor of 38.41") {
            assert!(page.contains("LL-"), "products are named: {page}");
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &[&offer("0.01")[..], &[("id", "vip-20")]].concat()).await;
    let page = ada.page("/publish").await;
    assert!(!page.contains("below its floor"), "{page}");
}

#[tokio::test]
async fn a_rule_of_one_code_gets_its_code() {
    let desk = Desk::with_commerce().await;
    known(&desk).await;
    let ada = desk.sign_in("ada").await;
    let send = async |page: &str, code: &str| {
        let fields = browser_fields(&ada.page(page).await);
        let own = [
            ("name", "Autumn"),
            ("discount_amount", "5"),
            ("coupon_type", "SPECIFIC_COUPON"),
            ("coupon_code", code),
            ("save", "1"),
        ];
        let kept = fields.iter().filter(|(name, _)| !own.iter().any(|(changed, _)| changed == name));
        let all: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain(own).collect();
        ada.send(page, "/rules/edit", &all).await
    };
    let codes = async || {
        let found = rest(desk.origin, demo_token(), "GET", "coupons/search?searchCriteria[filter_groups][0][filters][0][field]=rule_id&searchCriteria[filter_groups][0][filters][0][value]=5", &Value::Null).await;
        found["items"].as_array().expect("coupons").iter().map(|coupon| coupon["code"].clone()).collect::<Vec<_>>()
    };
    for (code, why) in [("", "is missing"), ("lantern10", "is the code of rule 3 already")] {
        let wrong = send("/rules/edit", code).await;
        assert!(wrong.status == 422 && wrong.text().contains(why), "{code}: {} {}", wrong.status, wrong.text());
    }
    let made = send("/rules/edit", "AUTUMN").await;
    assert_eq!((made.status.as_u16(), codes().await), (303, vec![json!("AUTUMN")]), "{}", made.text());
    assert!(ada.page("/rules/edit?id=5").await.contains("name=\"coupon_code\" value=\"AUTUMN\""));
    let changed = send("/rules/edit?id=5", "WINTER").await;
    assert_eq!((changed.status.as_u16(), codes().await), (303, vec![json!("WINTER")]), "{}", changed.text());
}
