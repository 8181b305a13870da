//! The demo with its Experience Platform in a real browser: whoever is moved there is somebody else on his next page.

use segue::demo::platform::{Options, Platform, Service};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::demo::Visit;
use crate::running::{get, send};

const BACKPACK: &str = "/loom-rolltop-backpack.html";

impl Visit {
    async fn backpack_price(&self) -> String {
        self.see(BACKPACK).await;
        self.browser.wait_for("document.querySelector('.product-info-main [data-rendered]')").await;
        self.price().await
    }

    /// Opens the control page by the panel's link, as a click does, but in this window.
    async fn go_to_platform(&self) {
        let link = "document.querySelector('.demo-panel__platform')";
        self.browser.wait_for(link).await;
        self.browser.eval(&format!("{link}.target = '_self'")).await;
        self.browser.eval(&format!("{link}.click()")).await;
        self.browser.wait_for("document.querySelector('.visitor--own .switch')").await;
    }

    /// Turns this browser's switch of an audience, and waits until the page shows that.
    async fn turn(&self, audience: &str, to: bool) {
        let switch = format!(
            "[...document.querySelectorAll('.visitor--own .switch')].find((one) => one.textContent.trim() === '{audience}')"
        );
        self.browser.eval(&format!("{switch}.click()")).await;
        self.browser.wait_for(&format!("{switch}.getAttribute('aria-checked') === '{to}'")).await;
    }
}

#[tokio::test]
async fn a_visitor_who_is_moved_sees_it_on_his_next_page() {
    let Some(visit) = Visit::begin(1280, 1300).await else { return };
    visit.see("/").await;
    let default_hero = visit.hero().await;
    assert!(!default_hero.is_empty());
    assert_eq!(visit.backpack_price().await, "$112.00");

    visit.go_to_platform().await;
    visit.turn("VIP", true).await;
    visit.browser.picture("platform-1280").await;
    visit.see("/").await;
    let vip_hero = visit.hero().await;
    assert_ne!(vip_hero, default_hero);
    assert_eq!(visit.backpack_price().await, "$89.60");
    let cookies = visit.browser.eval("document.cookie").await;
    assert!(!cookies.as_str().expect("text").contains("segue-audiences"), "no cookie was touched: {cookies}");
    visit.browser.picture("home-moved-1280").await;

    visit.go_to_platform().await;
    visit.turn("VIP", false).await;
    visit.see("/").await;
    assert_eq!(visit.hero().await, default_hero);
    assert_eq!(visit.backpack_price().await, "$112.00");
    visit.end().await;
}

#[tokio::test]
async fn a_choice_in_the_panel_ends_with_the_way_to_experience_platform() {
    let Some(visit) = Visit::begin(1280, 1300).await else { return };
    visit.see("/").await;
    assert_eq!(visit.browser.text(".demo-panel__who").await, "As Experience Platform says");
    let wholesale =
        "[...document.querySelectorAll('.demo-panel__option')].find((one) => one.textContent.includes('Wholesale'))";
    visit.browser.eval(&format!("{wholesale}.click()")).await;
    visit.browser.wait_for("document.querySelector('.demo-panel__who').textContent === 'Wholesale'").await;
    visit.go_to_platform().await;
    visit.turn("VIP", true).await;
    assert_eq!(visit.backpack_price().await, "$89.60", "VIP, and no longer Wholesale");
    visit.end().await;
}

#[tokio::test]
async fn the_shop_goes_on_while_the_edge_network_hangs() {
    let Some(visit) = Visit::begin(1280, 1300).await else { return };
    visit.see("/").await;
    let default_hero = visit.hero().await;
    visit.go_to_platform().await;
    let select = "document.querySelector('#fault-edge')";
    visit
        .browser
        .eval(&format!("({select}.value = 'hangs', {select}.dispatchEvent(new Event('change', {{bubbles: true}})))"))
        .await;
    visit.browser.wait_for("document.querySelector('.service--faulty #fault-edge')").await;
    visit.turn("VIP", true).await;
    visit.see("/").await;
    assert_eq!(visit.hero().await, default_hero, "what was known");
    visit.go_to_platform().await;
    visit.browser.eval("document.querySelector('.heading button').click()").await;
    visit.browser.wait_for("!document.querySelector('.service--faulty')").await;
    visit.end().await;
}

#[tokio::test]
async fn the_control_page_fits_a_phone() {
    let Some(visit) = Visit::begin(390, 2000).await else { return };
    visit.see("/").await;
    assert_eq!(visit.browser.eval("window.innerWidth").await, 390, "the phone is emulated");
    visit.go_to_platform().await;
    visit.turn("New visitor", true).await;
    visit.browser.picture("platform-390").await;
    assert_eq!(visit.browser.eval("document.documentElement.scrollWidth").await, 390);
    assert_eq!(visit.browser.eval("window.innerWidth").await, 390);
    let small = "[...document.querySelectorAll('button, select')].filter((one) => one.offsetHeight && one.offsetHeight < 40).length";
    assert_eq!(visit.browser.eval(small).await, 0, "everything can be touched");
    visit.end().await;
}

/// The stand-in alone, by plain HTTP.
async fn platform() -> (Platform, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let platform = Platform::new(Options::default());
    tokio::spawn(platform.clone().serve(listener, std::future::pending()));
    (platform, url)
}

#[tokio::test]
async fn the_control_page_works_by_plain_forms_and_only_its_own() {
    let (platform, url) = platform().await;
    let (ecid, vip) = ("54758217238990693431236455737116189050", "6f1d0c6e-3b0a-4d0e-9c55-0b7d3a1f8a01");
    let page = get(&format!("{url}/?visitor={ecid}"), &[]).await.text();
    assert!(page.contains("Visitor <b>189050</b>") && page.contains("not seen yet") && !page.contains("[["), "{page}");
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", &url)];
    let body = format!("visitor={ecid}&ecid={ecid}&audience={vip}&to=in");
    let answer = send("POST", &format!("{url}/move"), &form, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, &*format!("/?visitor={ecid}")));
    assert!(platform.visitors()[0].audiences.contains(vip));
    assert!(get(&format!("{url}/?visitor={ecid}"), &[]).await.text().contains("aria-checked=\"true\""));

    let foreign = [form[0], ("origin", "http://evil.test")];
    assert_eq!(send("POST", &format!("{url}/move"), &foreign, &body.replace("=in", "=out")).await.status, 403);
    assert!(platform.visitors()[0].audiences.contains(vip), "another page's form does nothing");
    assert_eq!(get(&url, &[("host", "evil.test")]).await.status, 403);
    for wrong in [body.replace(vip, "other"), body.replace(ecid, "<b>")] {
        assert_eq!(send("POST", &format!("{url}/move"), &form, &wrong).await.status, 400, "{wrong}");
    }
    for file in ["platform.css", "platform.js", "platform.svg"] {
        assert_eq!(get(&format!("{url}/static/{file}"), &[]).await.status, 200);
    }
    let evil = get(&format!("{url}/?visitor=%22%3E%3Cscript%3E"), &[]).await.text();
    assert!(!evil.contains("<script>"), "{evil}");
}

#[tokio::test]
async fn faults_are_chosen_and_taken_back_on_the_control_page() {
    let (platform, url) = platform().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let choose = async |body: &str| send("POST", &format!("{url}/fault"), &form, body).await.status.as_u16();
    assert_eq!(choose("service=ims&fault=secret").await, 303);
    let answer = send("POST", &format!("{url}/ims/token/v3"), &form, "").await;
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status.as_u16(), &body["error"]), (400, &Value::from("invalid_client")));
    assert!(get(&url, &[]).await.text().contains("<option value=\"secret\" selected>"));
    assert_eq!(choose("service=ims&fault=partial").await, 400, "that is none of this service's");
    assert_eq!(choose("service=all&fault=well").await, 303);
    assert!(Service::ALL.iter().all(|service| platform.fault(*service).is_none()));
}
