//! Answers to the scripts of a page say what its shopper gets, and copies that were made under other offers go.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::fail_open::{assert_private, gunzip, gzip, shopper};
use crate::origin::{Origin, Seen, html};
use crate::running::{Answer, Running, Setup, send};
use crate::shop;

/// Two bags at $24.10 each and one hat at $10.00, as Magento answers.
const CART: &str = r#"{"cart":{"summary_count":3,"subtotalAmount":"58.2000","subtotal":"<span class=\"price\">$58.20<\/span>","items":[{"product_type":"simple","options":[],"qty":1,"item_id":"6","product_id":"1","product_sku":"sku-1","product_price":"<span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\"><span class=\"price\">$10.00<\/span><\/span>\n","product_price_value":10},{"product_type":"simple","options":[],"qty":2,"item_id":"5","product_id":"7","product_sku":"sku-7","product_price":"<span class=\"price-excluding-tax\" data-label=\"Excl.&#x20;Tax\"><span class=\"price\">$24.10<\/span><\/span>\n","product_price_value":24.1}],"subtotal_incl_tax":"<span class=\"price\">$58.20<\/span>","subtotal_excl_tax":"<span class=\"price\">$58.20<\/span>","data_id":1795306753},"messages":{"messages":[],"data_id":1795306753}}"#;

const RENDER_INFO: &str = r#"{"items":[{"price_info":{"final_price":10,"minimal_price":10,"regular_price":12,"formatted_prices":{"final_price":"<span class=\"price\">$10.00<\/span>"},"extension_attributes":{"tax_adjustments":{"final_price":10},"weee_attributes":[]}},"id":1,"type":"simple","currency_code":"USD"}]}"#;

const SECTIONS: &str = "/customer/section/load/?sections=cart%2Cmessages&force_new_section_timestamp=true&_=1";

/// As jQuery asks.
const AJAX: [(&str, &str); 2] =
    [("accept", "application/json, text/javascript, */*; q=0.01"), ("x-requested-with", "XMLHttpRequest")];

fn json_answer(body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .header("content-type", "application/json")
        .header("cache-control", "max-age=0, must-revalidate, no-cache, no-store")
        .header("pragma", "no-cache")
        .header("x-custom", "stays")
        .body(body.into())
        .expect("a valid answer")
}

fn answer(seen: &Seen) -> Response<Bytes> {
    match &*seen.target {
        target if target.contains("customer/section/load") => json_answer(CART),
        target if target.contains("products-render-info") => json_answer(RENDER_INFO),
        target if target.starts_with("/rest/") => json_answer(CART),
        _ => html(&shop::home()),
    }
}

async fn with(answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> (Origin, Running, String) {
    let origin = Origin::start(answer).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let vip = shopper(&running, "VIP").await;
    (origin, running, vip)
}

async fn ask(running: &Running, target: &str, cookie: &str) -> Answer {
    running.get(target, &[&AJAX[..], &[("cookie", cookie)]].concat()).await
}

async fn counted(running: &Running, kind: &str, outcome: &str) -> u64 {
    let name = format!("segue_script_answers_total{{mode=\"on\",answer=\"{kind}\",outcome=\"{outcome}\"}} ");
    let metrics = running.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&*name).map(str::to_owned));
    line.map_or(0, |value| value.trim().parse().expect("a whole number"))
}

fn text<'v>(answer: &'v Value, path: &str) -> &'v str {
    answer.pointer(path).and_then(Value::as_str).expect("a text")
}

#[tokio::test]
async fn the_minicart_says_what_the_cart_will_deduct() {
    let (origin, running, vip) = with(answer).await;
    let got = ask(&running, SECTIONS, &vip).await;
    assert_private(&got);
    assert_eq!((got.header("x-custom"), got.set_cookies()), ("stays", Vec::new()));
    assert_eq!(got.header("content-length"), got.body.len().to_string());
    let read: Value = serde_json::from_slice(&got.body).expect("JSON");
    // 20 % of 10.00, of 2 times 24.10, and of all together.
    for (path, amount) in [
        ("/cart/items/0/product_price", "-$2.00"),
        ("/cart/items/1/product_price", "-$9.64"),
        ("/cart/subtotal_excl_tax", "-$11.64"),
        ("/cart/subtotal_incl_tax", "-$11.64"),
    ] {
        let line = format!("<span class=\"segue-offer\">VIP price {amount}, deducted in the cart</span>");
        assert!(text(&read, path).ends_with(&line), "{path}: {}", text(&read, path));
    }
    let before: Value = serde_json::from_str(CART).expect("JSON");
    assert_eq!((&read["cart"]["subtotal"], &read["messages"]), (&before["cart"]["subtotal"], &before["messages"]));
    assert_eq!(counted(&running, "sections", "changed").await, 1);
    assert!(origin.take_one().header("cookie").starts_with("aep-segments-membership="), "the cart charges it");

    let stranger = ask(&running, SECTIONS, "a=1").await;
    assert_eq!(stranger.text(), CART);
    assert_private(&stranger);
    assert_eq!(counted(&running, "sections", "no-decision").await, 1);
}

#[tokio::test]
async fn an_answer_changes_in_every_coding_and_under_store_prefixes() {
    let (_, running, vip) = with(|seen: &Seen| {
        let mut answer = json_answer(gzip(CART.as_bytes()));
        if seen.target.contains("section/load") {
            answer.headers_mut().insert("content-encoding", "gzip".parse().expect("valid"));
        }
        answer
    })
    .await;
    for target in ["/customer/section/load/", "/de/customer/section/load/", "/index.php/customer/section/load"] {
        let plain = running.get(target, &[("cookie", &vip), ("accept-encoding", "identity")]).await;
        assert_eq!(plain.header("content-encoding"), "");
        assert!(plain.text().contains("-$11.64, deducted"), "{target}");
        let zipped = running.get(target, &[("cookie", &vip), ("accept-encoding", "gzip")]).await;
        assert_eq!(zipped.header("content-encoding"), "gzip");
        assert_eq!(gunzip(&zipped.body), plain.body);
    }
    let stranger = running.get(SECTIONS, &[("accept-encoding", "gzip")]).await;
    assert_eq!(gunzip(&stranger.body), CART.as_bytes());
}

#[tokio::test]
async fn render_info_shows_the_shoppers_own_price() {
    let (_, running, vip) = with(answer).await;
    let target = "/rest/default/V1/products-render-info?searchCriteria%5BpageSize%5D=5&storeId=1&currencyCode=USD";
    let got = ask(&running, target, &vip).await;
    assert_private(&got);
    let changed = RENDER_INFO.replace("_price\":10,", "_price\":8,").replace("$10.00", "$8.00");
    assert_eq!(got.text(), changed.replace("{\"final_price\":10}", "{\"final_price\":8}"));
    assert_eq!(counted(&running, "render-info", "changed").await, 1);
    let unknown = ask(&running, &target.replace("default", "somewhere"), &vip).await;
    assert_private(&unknown);
    assert_eq!(unknown.text(), RENDER_INFO, "nobody knows that store view's settings");
}

#[tokio::test]
async fn nothing_else_is_touched() {
    let (_, running, vip) = with(|seen: &Seen| match &*seen.target {
        "/customer/section/load/?html" => html("<p>$58.20</p>"),
        "/customer/section/load/?broken" => json_answer(&CART[..400]),
        "/customer/section/load/?status" => {
            let mut answer = json_answer(CART);
            *answer.status_mut() = http::StatusCode::BAD_REQUEST;
            answer
        }
        _ => json_answer(CART),
    })
    .await;
    let url = |target: &str| format!("http://127.0.0.1:{}{target}", running.port);
    for (method, target) in [
        ("POST", "/customer/section/load/"),
        ("PUT", "/rest/default/V1/products-render-info"),
        ("GET", "/rest/default/V1/carts/mine"),
        ("GET", "/rest/default/V1/products-render-info/x"),
        ("GET", "/customer/account/"),
        ("GET", "/customer/section/other/"),
    ] {
        let headers = [&AJAX[..], &[("cookie", vip.as_str())]].concat();
        let got = send(method, &url(target), &headers, "").await;
        assert_eq!(got.text(), CART, "{method} {target}");
        assert_eq!(got.header("pragma"), "no-cache", "{method} {target}");
    }
    for (target, body, outcome) in [
        ("/customer/section/load/?html", "<p>$58.20</p>", "not-json"),
        ("/customer/section/load/?broken", &CART[..400], "not-json"),
        ("/customer/section/load/?status", CART, "status"),
    ] {
        let before = counted(&running, "sections", outcome).await;
        assert_eq!(ask(&running, target, &vip).await.text(), body, "{target}");
        assert_eq!(counted(&running, "sections", outcome).await, before + 1, "{target}");
    }
    let head = send("HEAD", &url("/customer/section/load/"), &[("cookie", &vip)], "").await;
    assert_eq!(head.body.len(), 0);
}

#[tokio::test]
async fn answers_pass_where_segue_is_not_on() {
    for mode in ["observe", "off"] {
        let origin = Origin::start(answer).await;
        let running = Running::start(&Setup::rules(&shop::rules()).mode(mode), origin.port).await;
        let vip = shopper(&running, "VIP").await;
        let got = ask(&running, SECTIONS, &vip).await;
        assert_eq!((got.text(), got.header("pragma")), (CART.to_owned(), "no-cache"), "{mode}");
        assert!(running.get("/", &[("cookie", &vip)]).await.set_cookies().is_empty(), "{mode}");
    }
}

const IDS: &str = "section_data_ids=%7B%22messages%22%3A5%2C%22cart%22%3A1795306753%2C%22wishlist%22%3A7%7D";
const MOVED: &str = "section_data_ids=%7B%22messages%22%3A5%2C%22cart%22%3A1795307753%2C%22wishlist%22%3A1007%7D; \
                     Path=/; Max-Age=3600; SameSite=Lax";

fn named<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}=");
    answer.set_cookies().into_iter().filter(|line| line.starts_with(&prefix)).collect()
}

fn value(line: &str) -> &str {
    line.split(';').next().expect("a part")
}

#[tokio::test]
async fn stale_copies_are_loaded_again_once_for_every_change() {
    let (origin, running, vip) = with(answer).await;
    let first = running.get("/", &[("cookie", &format!("{vip}; {IDS}"))]).await;
    assert_eq!(named(&first, "section_data_ids"), [MOVED]);
    let [own] = named(&first, "segue-offers")[..] else { panic!("one cookie: {:?}", first.set_cookies()) };
    assert!(own.contains("HttpOnly") && own.contains("SameSite=Lax") && own.contains("Path=/"), "{own}");
    assert!(!own.contains("Max-Age") && !own.contains("Domain"), "{own}");
    assert_private(&first);

    let seen = format!("{vip}; {IDS}; {}", value(own));
    for target in ["/", "/women.html"] {
        let again = running.get(target, &[("cookie", &seen)]).await;
        assert_eq!(again.set_cookies(), Vec::<&str>::new(), "{target}");
    }
    for up in origin.take() {
        assert!(up.header("cookie").contains(IDS) && !up.header("cookie").contains("segue-offers"), "{up:?}");
    }

    let left = format!("{IDS}; {}", value(own));
    let without = running.get("/", &[("cookie", &left)]).await;
    assert_eq!(named(&without, "section_data_ids"), [MOVED]);
    let [gone] = named(&without, "segue-offers")[..] else { panic!("one cookie: {:?}", without.set_cookies()) };
    assert!(gone.starts_with("segue-offers=;") && gone.contains("Max-Age=0"), "{gone}");
    assert_eq!(running.get("/", &[("cookie", IDS)]).await.set_cookies(), Vec::<&str>::new(), "nothing changed for him");
}

#[tokio::test]
async fn without_any_rule_left_copies_go_on_pages_only() {
    let origin = Origin::start(answer).await;
    let mut rules = shop::rules();
    rules["offers"] = json!([]);
    rules["blocks"] = json!([]);
    let running = Running::start(&Setup::rules(&rules), origin.port).await;
    let cookie = format!("{IDS}; segue-offers=0123456789abcdef");
    let with = [("cookie", cookie.as_str())];
    for target in ["/checkout/", "/customer/account/", "/admin/dashboard/"] {
        assert_eq!(running.get(target, &with).await.set_cookies(), Vec::<&str>::new(), "{target}");
    }
    let part = [&with[..], &[("x-requested-with", "XMLHttpRequest")]].concat();
    assert_eq!(running.get("/women.html", &part).await.set_cookies(), Vec::<&str>::new());
    let page = running.get("/women.html", &with).await;
    assert_eq!(named(&page, "section_data_ids"), [MOVED]);
    assert!(named(&page, "segue-offers")[0].contains("Max-Age=0"), "{:?}", page.set_cookies());
}

#[tokio::test]
async fn a_browser_without_copies_is_left_alone() {
    let (_, running, vip) = with(|seen: &Seen| match &*seen.target {
        "/numbered" => {
            let mut answer = html(&shop::home());
            answer
                .headers_mut()
                .append("set-cookie", "section_data_ids=%7B%22cart%22%3A9%7D; path=/".parse().expect("valid"));
            answer
        }
        _ => answer(seen),
    })
    .await;
    for ids in ["", "section_data_ids=%7B%22messages%22%3A5%7D", "section_data_ids=%7B%22cart%22", "section_data_ids=1"]
    {
        let got = running.get("/", &[("cookie", &format!("{vip}; {ids}"))]).await;
        assert_eq!(named(&got, "section_data_ids"), Vec::<&str>::new(), "{ids}");
        assert_eq!(named(&got, "segue-offers").len(), 1, "{ids}");
    }
    let numbered = running.get("/numbered", &[("cookie", &format!("{vip}; {IDS}"))]).await;
    assert_eq!(numbered.set_cookies(), ["section_data_ids=%7B%22cart%22%3A9%7D; path=/"], "Magento's own wins");
    let cart = ask(&running, SECTIONS, &format!("{vip}; {IDS}")).await;
    assert_eq!(cart.set_cookies(), Vec::<&str>::new(), "only pages bring news");
}

#[tokio::test]
async fn who_has_not_consented_gets_no_cookie() {
    let origin = Origin::start(answer).await;
    let mut rules = shop::rules();
    rules["offers"][0].as_object_mut().expect("an offer").remove("audiences");
    let setup = Setup::rules(&rules).platform(crate::running::free_port(), "");
    let running = Running::start(&setup, origin.port).await;
    let with = async |cookie: String| running.get("/", &[("cookie", &cookie)]).await;
    let consented = with(IDS.to_owned()).await;
    let own = value(named(&consented, "segue-offers")[0]).to_owned();
    let declined = with(format!("{IDS}; mg_dnt=1")).await;
    assert_eq!(declined.set_cookies(), Vec::<&str>::new());
    let withdrawn = with(format!("{IDS}; mg_dnt=1; {own}")).await;
    assert!(named(&withdrawn, "segue-offers")[0].contains("Max-Age=0"), "{:?}", withdrawn.set_cookies());
}

#[tokio::test]
async fn another_revision_with_the_same_offers_changes_nothing() {
    let (origin, running, vip) = with(answer).await;
    let first = running.get("/", &[("cookie", &vip)]).await;
    let own = value(named(&first, "segue-offers")[0]).to_owned();
    let mut rules = shop::rules();
    rules["offers"][0]["name"] = json!("Another name");
    rules["blocks"][1]["html"] = json!("<p>Other</p>");
    let same = Running::start(&Setup::rules(&rules), origin.port).await;
    let cookie = format!("{}; {IDS}; {own}", shopper(&same, "VIP").await);
    assert_eq!(same.get("/", &[("cookie", &cookie)]).await.set_cookies(), Vec::<&str>::new());
    rules["offers"][0]["amount"] = json!(30);
    let other = Running::start(&Setup::rules(&rules), origin.port).await;
    let changed = other.get("/", &[("cookie", &cookie)]).await;
    assert_eq!(named(&changed, "section_data_ids"), [MOVED]);
}

#[tokio::test]
async fn the_store_and_its_vary_go_up_together_or_not_at_all() {
    let (origin, running, vip) = with(answer).await;
    let both = "store=de; X-Magento-Vary=abc";
    for target in ["/", SECTIONS, "/rest/default/V1/products-render-info"] {
        running.get(target, &[("cookie", &format!("{vip}; {both}"))]).await;
        assert!(origin.take_one().header("cookie").ends_with(both), "{target}");
    }
    for arguments in [&["explain", "--audience", "VIP", "/"][..], &["check", "--online"]] {
        let config = running.config();
        let (command, rest) = arguments.split_first().expect("a command");
        crate::running::say(&[&[*command, "--config", &config], rest].concat()).await;
        let asked = origin.take();
        assert!(!asked.is_empty(), "{command} asks the shop");
        for up in asked {
            let cookies = up.header("cookie");
            assert!(!cookies.contains("store=") && !cookies.contains("X-Magento-Vary"), "{command}: {cookies}");
        }
    }
}
