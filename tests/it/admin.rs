//! The admin UI as its users have it: forms over HTTP, and headless Chromium.

use std::process::Stdio;
use std::time::{Duration, Instant};

use segue::demo;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::browser;
use crate::fail_open::shopper;
use crate::running::{Answer, Running, Setup, free_port, get, say, segue, send};

const TOTE: &str = "/harbour-canvas-tote.html";
pub const PASSWORD: &str = "correct horse battery";

/// A shop behind Segue, whose rules are made in its admin UI.
pub struct Desk {
    pub running: Running,
    pub admin: String,
    pub vip: &'static str,
    pub origin: u16,
}

/// Somebody who is signed in.
pub struct Person<'a> {
    desk: &'a Desk,
    pub cookie: String,
}

impl Desk {
    pub async fn open() -> Self {
        Self::with("").await
    }

    /// With Commerce, as an integration sees it.
    pub async fn with_commerce() -> Self {
        Self::with_commerce_and("").await
    }

    /// With more in the configuration.
    pub async fn with_commerce_and(more: &str) -> Self {
        let class = demo::rules::AUDIENCE_CONDITION;
        let token = demo_token();
        Self::with(&format!(
            "[commerce]\ntoken = \"{token}\"\npoll = \"1s\"\naudience_condition_types = {{ '{class}' = \"ids\" }}\n{more}"
        ))
        .await
    }

    /// Behind proxies that may say where somebody comes from.
    async fn trusting(proxies: &str) -> Self {
        Self::set_up(Setup::default().with("server", &format!("trusted_proxies = {proxies}\n")), "").await
    }

    async fn with(more: &str) -> Self {
        Self::set_up(Setup::default(), more).await
    }

    async fn set_up(setup: Setup, more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let origin = listener.local_addr().expect("an address").port();
        let options = demo::Options { commerce_token: Some(demo_token().to_owned()), ..demo::Options::default() };
        tokio::spawn(demo::Shop::new(options).serve(listener, std::future::pending()));
        let port = free_port();
        let mut setup = setup.with("more", &format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n{more}"));
        setup.in_store = true;
        let running = Running::start(&setup, origin).await;
        let desk = Self { running, admin: format!("http://127.0.0.1:{port}"), vip: demo::AUDIENCES[0].0, origin };
        for (name, role) in [("ada", "admin"), ("eddy", "editor"), ("vic", "viewer")] {
            let said = desk.add(name, role, PASSWORD).await;
            assert!(said.0, "{}", said.1);
        }
        desk
    }

    /// Adds somebody on the command line.
    async fn add(&self, name: &str, role: &str, password: &str) -> (bool, String) {
        let config = self.running.config();
        let mut process = segue(&["admin", "user", "add", name, "--role", role, "--config", &config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("segue can be started");
        let mut input = process.stdin.take().expect("a pipe");
        input.write_all(format!("{password}\n").as_bytes()).await.expect("it listens");
        drop(input);
        let output = process.wait_with_output().await.expect("it ends");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [
            ("origin", self.admin.as_str()),
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        send("POST", &format!("{}{path}", self.admin), &headers, &form(fields)).await
    }

    async fn try_signing_in(&self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", "", &[("name", name), ("password", password), ("to", "/offers")]).await
    }

    pub async fn sign_in(&self, name: &str) -> Person<'_> {
        let answer = self.try_signing_in(name, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/offers"), "{}", answer.text());
        let cookie = answer.set_cookies()[0].to_owned();
        for attribute in ["__Host-segue_admin=", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        Person { desk: self, cookie: cookie.split(';').next().expect("a cookie").to_owned() }
    }

    /// Waits until a shopper of the audience VIP sees the tote at a price.
    pub async fn shows(&self, price: &str) {
        let begin = Instant::now();
        loop {
            let vip = shopper(&self.running, "VIP").await;
            let page = self.running.get(TOTE, &[("cookie", &vip)]).await.text();
            if page.contains(&format!("data-price-amount=\"{price}\"")) {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "never {price}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The demo's store views in German and in Arabic.
pub const MORE_VIEWS: &str = "[stores.views.de]\nwebsite = \"base\"\ncurrency = \"EUR\"\nlocale = \"de_DE\"\n\
     time_zone = \"Europe/Berlin\"\npath_prefix = \"/de\"\nprices = \"including_tax\"\ntax_rates = [19]\n\
     [stores.views.ar]\nwebsite = \"base\"\ncurrency = \"KWD\"\nlocale = \"ar_KW\"\n\
     time_zone = \"Asia/Kuwait\"\npath_prefix = \"/ar\"\n";

/// What opens the demo's Commerce to an integration.
pub fn demo_token() -> &'static str {
    "0123456789-integration"
}

fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// What stands between two texts, first.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).expect("its end").0
}

impl Person<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.desk.admin), &[("cookie", &self.cookie)]).await
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Sends a form that stands on a page, with the fields that it has there already.
    pub async fn send(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(page).await;
        let hidden = |name: &str| {
            let before = format!("name=\"{name}\" value=\"");
            page.contains(&before).then(|| between(&page, &before, "\"").to_owned())
        };
        let kept: Vec<(&str, String)> = ["csrf", "former", "version", "changes", "number", "live"]
            .into_iter()
            .filter_map(|name| Some((name, hidden(name)?)))
            .collect();
        let mut all: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.retain(|(name, _)| !fields.iter().any(|(own, _)| own == name));
        all.extend(fields);
        self.desk.post(path, &self.cookie, &all).await
    }

    pub async fn does(&self, page: &str, path: &str, fields: &[(&str, &str)]) {
        let answer = self.send(page, path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    }
}

/// The fields of an offer of 20 % for VIPs.
fn offer(vip: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("name", "VIP 20 %"),
        ("audiences.any", vip),
        ("action", "by_percent"),
        ("amount", "20"),
        ("products", "all"),
        ("labels:default", "VIP price"),
        ("charge", "origin"),
        ("rule_id", "1"),
    ]
}

#[tokio::test]
async fn what_is_published_is_what_the_shop_shows_and_can_be_taken_back() {
    let desk = Desk::open().await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    ada.does("/publish", "/publish", &[("note", "nothing yet")]).await;
    desk.shows("48").await;

    ada.does("/offers/edit", "/offers/edit", &offer(desk.vip)).await;
    let publish = ada.page("/publish").await;
    for words in ["VIP 20 %", "20 % off on all products", "charged by rule 1, by audience", "for VIP"] {
        assert!(publish.contains(words), "{words}: {publish}");
    }
    desk.shows("48").await;
    ada.does("/publish", "/publish", &[("note", "for Friday")]).await;
    let begin = Instant::now();
    desk.shows("38.4").await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(ada.page("/publish").await.contains("Nothing to publish"));

    let mut dearer = offer(desk.vip);
    dearer[3].1 = "10";
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &[&dearer[..], &[("id", "vip-20")]].concat()).await;
    assert!(ada.page("/publish").await.contains("10 % off instead of 20 % off"));
    let narrowed = ada.page(&format!("/offers?audience={}", desk.vip)).await;
    assert!(narrowed.contains("name the audience <strong>VIP</strong>") && narrowed.contains("vip-20"), "{narrowed}");
    assert!(ada.page("/offers?audience=nobody").await.contains("Nothing found"));
    assert!(ada.page("/offers?state=draft").await.contains("Nothing found"));
    ada.does("/revisions/one?number=1", "/revisions/one", &[]).await;
    desk.shows("48").await;
    let kept = ada.page("/offers/edit?id=vip-20").await;
    assert!(kept.contains("name=\"amount\" value=\"10\""), "what nobody has published is not lost: {kept}");
    ada.does("/revisions/one?number=2", "/revisions/one", &[]).await;
    desk.shows("38.4").await;

    let audit = ada.page("/audit").await;
    for words in
        ["rules.roll-back", "rules.publish", "offer.save", "10 % off instead of 20 % off", "person.add", "sign-in"]
    {
        assert!(audit.contains(words), "{words}: {audit}");
    }
    let csv = ada.get("/audit.csv?action=rules.").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text().lines().count(), 5, "{}", csv.text());

    let config = desk.running.config();
    let said = say(&["rules", "diff", "--config", &config]).await;
    assert!(said.out.contains("10 % off instead of 20 % off"), "{}{}", said.out, said.err);
    let copy = desk.running.folder.path().join("copy.db").to_string_lossy().into_owned();
    let said = say(&["store", "backup", &copy, "--config", &config]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = say(&["store", "backup", &copy, "--config", &config]).await;
    assert!(said.code == Some(1) && std::fs::metadata(&copy).is_ok_and(|file| file.len() > 4096), "{}", said.err);
    let said = say(&["rules", "export", "--config", &config]).await;
    let exported: Value = serde_json::from_str(&said.out).expect("a rules file");
    assert_eq!(exported["offers"][0]["amount"], json!("20"));
    let file = desk.running.folder.write("other.json", &json!({ "version": 1 }).to_string());
    let said = say(&["rules", "import", "--publish", &file.to_string_lossy(), "--config", &config]).await;
    assert!(said.out.contains("published as revision 5"), "{}{}", said.out, said.err);
    let begin = Instant::now();
    while desk.running.get(TOTE, &[]).await.text().contains("VIP price") {
        assert!(begin.elapsed() < Duration::from_secs(5), "the old offer stays");
    }
}

#[tokio::test]
async fn drafts_are_previewed_in_the_shop_and_no_shopper_sees_them() {
    let desk = Desk::open().await;
    let vic = desk.sign_in("vic").await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    ada.does("/offers", "/offers/edit", &offer(desk.vip)).await;
    ada.does("/publish", "/publish", &[]).await;
    desk.shows("38.4").await;
    let dearer: Vec<(&str, &str)> = offer(desk.vip)
        .into_iter()
        .map(|(name, value)| if name == "amount" { (name, "50") } else { (name, value) })
        .collect();
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &dearer).await;

    let asked = [("view", "default"), ("path", TOTE), ("as", desk.vip)];
    let opened = vic.send("/offers/edit?id=vip-20", "/preview", &asked).await;
    assert_eq!(opened.status, 303, "{}", opened.text());
    let link = opened.header("location").to_owned();
    assert!(link.starts_with(&format!("http://127.0.0.1:{}/.segue/simulate?token=", desk.running.port)), "{link}");
    let start = get(&link, &[]).await;
    assert_eq!((start.status.as_u16(), start.header("location")), (303, TOTE));
    let simulation = start.set_cookies()[0].split(';').next().expect("a cookie").to_owned();
    assert_eq!(get(&link, &[]).await.status, 403, "it opens once");
    let preview = async || desk.running.get(TOTE, &[("cookie", &simulation)]).await.text();
    let page = preview().await;
    assert!(page.contains("data-price-amount=\"24\""), "half of 48");
    assert!(page.contains("Drafts, as seen by: <strong>VIP</strong>. The cart charges your own price."));
    desk.shows("38.4").await;

    // What is saved afterwards is seen as well.
    let dearest: Vec<(&str, &str)> = offer(desk.vip)
        .into_iter()
        .map(|(name, value)| if name == "amount" { (name, "75") } else { (name, value) })
        .collect();
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &dearest).await;
    assert!(preview().await.contains("data-price-amount=\"12\""));
    let policy = vic.get("/offers").await.header("content-security-policy").to_owned();
    assert!(policy.contains(&format!("form-action 'self' http://127.0.0.1:{};", desk.running.port)), "{policy}");
    for wrong in [[("view", "nowhere"), ("path", "/")], [("view", "default"), ("path", "https://evil.example/")]] {
        assert_eq!(vic.send("/offers/edit?id=vip-20", "/preview", &wrong).await.status, 400, "{wrong:?}");
    }
}

#[tokio::test]
async fn shoppers_are_counted_where_an_audience_is_looked_at() {
    let desk = Desk::open().await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    ada.does("/offers", "/offers/edit", &offer(desk.vip)).await;
    ada.does("/publish", "/publish", &[]).await;
    desk.shows("38.4").await;
    let again = shopper(&desk.running, "VIP").await;
    let mut shoppers = vec![again.clone(), again];
    for _ in 0..3 {
        shoppers.push(shopper(&desk.running, "VIP").await);
    }
    for cookie in &shoppers {
        desk.running.get(TOTE, &[("cookie", cookie)]).await;
    }
    // Those who were asked for the price until it was there count as well.
    let begin = Instant::now();
    let seen = loop {
        let page = ada.page("/audiences").await;
        let count: u64 = between(&page, "data-label=\"Shoppers, 24 hours\">", "<").trim().parse().expect("a number");
        if count >= 4 {
            break count;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{count}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let page = ada.page(&format!("/audiences/one?id={}", desk.vip)).await;
    assert!(page.contains(&format!("About <strong>{seen}</strong> shoppers")) && page.contains("<rect"), "{page}");
    let offers = ada.page("/offers").await;
    assert_eq!(between(&offers, "data-label=\"Shoppers, 24 hours\">", "<").trim(), seen.to_string());
    let page = ada.page("/audiences?sort=-seen").await;
    assert!(page.contains("aria-sort=\"descending\""));
}

#[tokio::test]
async fn a_form_says_what_is_wrong_where_it_is_and_nothing_is_lost() {
    let desk = Desk::open().await;
    let ada = desk.sign_in("ada").await;
    let mut wrong = offer(desk.vip);
    (wrong[3].1, wrong[7].1) = ("two", "x");
    let answer = ada.send("/offers/edit", "/offers/edit", &wrong).await;
    assert_eq!(answer.status, 422);
    let page = answer.text();
    for words in ["Discount amount", "value=\"two\"", "field__wrong", "value=\"VIP 20 %\"", "must be"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(ada.page("/offers").await.contains("No offers yet"), "it was not saved");
    ada.does("/offers/edit", "/offers/edit", &offer(desk.vip)).await;
    let same = [&offer(desk.vip)[..], &[("id", "vip-20")]].concat();
    let answer = ada.send("/offers/edit", "/offers/edit", &same).await;
    assert!(answer.status == 422 && answer.text().contains("is that of another offer"), "{}", answer.text());
    let stale = [&offer(desk.vip)[..], &[("former", "vip-20"), ("version", "0"), ("id", "vip-20")]].concat();
    let answer = ada.send("/offers/edit?id=vip-20", "/offers/edit", &stale).await;
    assert!(answer.status == 409 && answer.text().contains("changed, deleted or added by somebody else"));
    ada.does("/publish", "/publish", &[]).await;
    let mut other = offer(desk.vip);
    other[0].1 = "Another";
    ada.does("/offers/edit", "/offers/edit", &other).await;
    let answer = ada.send("/publish", "/publish", &[("changes", "0")]).await;
    assert!(answer.status == 409 && answer.text().contains("since you looked"), "{}", answer.text());
    ada.does("/publish", "/publish/discard", &[]).await;
    let offers = ada.page("/offers").await;
    assert!(offers.contains("VIP 20 %") && !offers.contains("Another"), "{offers}");
}

#[tokio::test]
async fn each_may_do_what_his_role_says_and_from_his_own_pages_alone() {
    let desk = Desk::open().await;
    let away = get(&format!("{}/offers?q=a", desk.admin), &[]).await;
    assert_eq!((away.status.as_u16(), away.header("location")), (303, "/sign-in?to=%2Foffers%3Fq%3Da"));
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("cache-control", "no-store")]
    {
        assert_eq!(away.header(name), value);
    }
    assert!(away.header("content-security-policy").contains("frame-ancestors 'none'"));
    let (vic, eddy, ada) = (desk.sign_in("vic").await, desk.sign_in("eddy").await, desk.sign_in("ada").await);
    let fields = offer(desk.vip);
    assert_eq!(vic.send("/offers", "/offers/edit", &fields).await.status, 403, "a viewer looks");
    assert!(!vic.page("/offers").await.contains("Add new offer"));
    eddy.does("/offers/edit", "/offers/edit", &fields).await;
    let changes = [("changes", "1")];
    assert_eq!(eddy.send("/publish", "/publish", &changes).await.status, 403, "an editor does not publish");
    assert_eq!(vic.send("/publish", "/publish", &changes).await.status, 403);
    assert_eq!((vic.get("/people").await.status.as_u16(), ada.get("/people").await.status.as_u16()), (403, 200));

    let page = ada.page("/people").await;
    let csrf = between(&page, "name=\"csrf\" value=\"", "\"");
    let body = form(&[("csrf", csrf), ("name", "eve"), ("role", "admin"), ("password", PASSWORD)]);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let url = format!("{}/people", desk.admin);
    for origin in ["http://evil.example", "null", ""] {
        let answer = send("POST", &url, &[("cookie", &ada.cookie), kind, ("origin", origin)], &body).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    assert_eq!(
        desk.post("/people", &ada.cookie, &[("name", "eve"), ("role", "admin"), ("password", PASSWORD)]).await.status,
        403
    );
    assert!(!ada.page("/people").await.contains(">eve<"));

    ada.does("/people", "/people", &[("former", "vic"), ("role", "editor"), ("password", "")]).await;
    assert_eq!(vic.get("/offers").await.status, 303, "another role ends his session");
    let answer = ada.send("/people", "/people", &[("former", "ada"), ("role", "viewer")]).await;
    assert!(answer.status == 422 && answer.text().contains("the last one"), "{}", answer.text());
    ada.does("/offers", "/sign-out", &[]).await;
    assert_eq!(ada.get("/offers").await.status, 303);
}

#[tokio::test]
async fn offers_are_tried_in_carts_before_they_are_published() {
    let desk = Desk::with(MORE_VIEWS).await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    ada.does("/offers", "/offers/edit", &offer(desk.vip)).await;
    let kept = ada.send("/publish", "/publish/verify", &[]).await.text();
    assert!(kept.contains("No cart charges anything else") && kept.contains("agreed"), "{kept}");
    let dearer: Vec<(&str, &str)> = offer(desk.vip)
        .into_iter()
        .map(|(name, value)| if name == "amount" { (name, "50") } else { (name, value) })
        .collect();
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &dearer).await;
    let broken = ada.send("/publish", "/publish/verify", &[]).await.text();
    assert!(broken.contains("carts do not charge what would be shown") && broken.contains("differs"), "{broken}");
    // One of another store view is tried there.
    let elsewhere = [&offer(desk.vip)[..], &[("id", "vip-20"), ("store_views", "ar")]].concat();
    ada.does("/offers/edit?id=vip-20", "/offers/edit", &elsewhere).await;
    let kept = ada.send("/publish", "/publish/verify", &[]).await.text();
    assert!(
        kept.contains("agreed") && !kept.contains("it does not hold here"),
        "{}",
        kept.split("<table").nth(1).unwrap_or(&kept)
    );
    let vic = desk.sign_in("vic").await;
    assert_eq!(vic.send("/publish", "/publish/verify", &[]).await.status, 403);
    assert!(ada.page("/audit?action=rules.").await.contains("differed"));
}

#[tokio::test]
async fn settings_say_how_things_are_and_try_them() {
    let desk = Desk::with_commerce().await;
    let (ada, vic) = (desk.sign_in("ada").await, desk.sign_in("vic").await);
    let said = ada.send("/settings", "/settings", &[("test", "store")]).await.text();
    assert!(said.contains("It can be written, in"), "{said}");
    let said = ada.send("/settings", "/settings", &[("test", "commerce")]).await.text();
    assert!(said.contains("It answers: 4 store views and 4 cart price rules"), "{said}");
    let page = vic.page("/settings").await;
    assert!(!page.contains("Test writing") && page.contains("segue.db") && page.contains("Not set up"), "{page}");
    for secret in [demo_token(), crate::running::KEY] {
        assert!(!page.contains(secret) && !said.contains(secret), "no secret is shown");
    }
    assert_eq!(vic.send("/settings", "/settings", &[("test", "store")]).await.status, 403);
    let lone = Desk::open().await;
    let said = lone.sign_in("ada").await.send("/settings", "/settings", &[("test", "commerce")]).await.text();
    assert!(said.contains("Commerce is not set up"), "{said}");
}

#[tokio::test]
async fn passwords_cannot_be_guessed() {
    let desk = Desk::open().await;
    assert_eq!(desk.add("bob", "viewer", "short").await.1.trim(), "a password needs 12 characters at least");
    assert!(desk.add("ada", "viewer", PASSWORD).await.1.contains("somebody called ada already"));
    for name in ["ada", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..11 {
            answers.push(desk.try_signing_in(name, "wrong password").await.status.as_u16());
        }
        assert_eq!((&answers[..10], answers[10]), (&[401; 10][..], 429), "{name}");
    }
    assert_eq!(
        desk.try_signing_in("ada", PASSWORD).await.status,
        429,
        "the right one is not evaluated any more either"
    );
    desk.sign_in("eddy").await;
}

#[tokio::test]
async fn who_comes_through_a_trusted_proxy_is_told_from_others() {
    let desk = Desk::trusting("[\"127.0.0.0/8\"]").await;
    let from = async |address: &str, name: &str| {
        let headers = [
            ("origin", desk.admin.as_str()),
            ("x-forwarded-for", address),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let fields = form(&[("name", name), ("password", "wrong password")]);
        send("POST", &format!("{}/sign-in", desk.admin), &headers, &fields).await.status.as_u16()
    };
    for _ in 0..10 {
        assert_eq!(from("192.0.2.1", "ada").await, 401);
    }
    // What stands before the proxy's own word is made up.
    assert_eq!(from("198.51.100.7, 192.0.2.1", "ada").await, 429);
    assert_eq!(from("192.0.2.2", "ada").await, 401, "somebody else can still sign in");
    assert!(desk.sign_in("ada").await.page("/audit?q=192.0.2.1").await.contains("sign-in.failed"));
}

#[tokio::test]
async fn the_first_user_is_made_by_a_link_that_opens_once() {
    let port = free_port();
    let mut setup = Setup::default().with("more", &format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n"));
    setup.in_store = true;
    let (running, mut lines) = Running::overheard(&setup, free_port()).await;
    let admin = format!("http://127.0.0.1:{port}");
    let link = loop {
        let line = lines.next_line().await.expect("it can be read").expect("it says the link");
        if let Some((_, link)) = line.split_once("once: ") {
            break link.to_owned();
        }
    };
    assert!(link.starts_with(&format!("{admin}/set-up?token=")), "{link}");
    let token = link.split_once("token=").expect("a token").1.to_owned();
    assert_eq!(get(&format!("{admin}/set-up?token={token}x"), &[]).await.status, 404);
    assert!(get(&link, &[]).await.text().contains("You are the first here"));
    let set_up = async |token: &str, password: &str| {
        let fields = form(&[("token", token), ("name", "grace"), ("password", password)]);
        let headers = [("origin", admin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        send("POST", &format!("{admin}/set-up"), &headers, &fields).await
    };
    let short = set_up(&token, "short").await;
    assert!(short.status == 422 && short.text().contains("12 characters"), "{}", short.text());
    assert_eq!(set_up("guess", PASSWORD).await.status, 404);
    let made = set_up(&token, PASSWORD).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let cookie = made.set_cookies()[0].split(';').next().expect("a cookie").to_owned();
    let people = get(&format!("{admin}/people"), &[("cookie", &cookie)]).await;
    assert!(people.status == 200 && people.text().contains("grace"), "{}", people.text());
    assert_eq!(
        (get(&link, &[]).await.status, set_up(&token, PASSWORD).await.status.as_u16()),
        (http::StatusCode::NOT_FOUND, 404)
    );
    drop(running);
}

#[tokio::test]
async fn a_rules_file_is_shown_and_not_edited() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let port = free_port();
    let mut rules: Value = serde_json::from_str(demo::RULES).expect("rules");
    rules["offers"][0]["labels"] = json!("Wholesale");
    let setup = Setup::rules(&json!({ "version": 1, "audiences": rules["audiences"], "offers": [rules["offers"][0]] }))
        .with("more", &format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n"));
    let running = Running::start(&setup, listener.local_addr().expect("an address").port()).await;
    let desk = Desk { running, admin: format!("http://127.0.0.1:{port}"), vip: demo::AUDIENCES[0].0, origin: 0 };
    assert!(desk.add("ada", "admin", PASSWORD).await.0);
    let ada = desk.sign_in("ada").await;
    let page = ada.page("/offers").await;
    assert!(
        page.contains("Rules come from")
            && page.contains("Wholesale: $5 off every bag")
            && !page.contains("Add new offer")
    );
    assert_eq!(ada.send("/offers", "/offers/edit", &offer(desk.vip)).await.status, 409);
    let said = say(&["rules", "export", "--config", &desk.running.config()]).await;
    assert!(said.code == Some(64) && said.err.contains("store = true"), "{}", said.err);
}

#[tokio::test]
async fn a_merchandiser_makes_an_offer_and_a_hero_in_his_browser() {
    for (width, height) in [(1280, 1000), (390, 900)] {
        let Some(browser) = browser::open(width, height).await else { return };
        let desk = Desk::open().await;
        let ada = desk.sign_in("ada").await;
        ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
        ada.does("/audiences", "/audiences", &[("id", "b2"), ("name", "Wholesale")]).await;
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
        go("/offers/edit").await;
        look("sign-in").await;
        fill("name", "ada").await;
        fill("password", "wrong password").await;
        press("main button").await;
        browser.wait_for("document.querySelector('[role=alert]')").await;
        fill("name", "ada").await;
        fill("password", PASSWORD).await;
        press("main button").await;
        browser.wait_for("location.pathname === '/offers/edit'").await;

        fill("name", "VIP half price").await;
        browser.eval("(() => { const search = document.querySelector('.chooser input[type=search]'); search.value = 'vip'; search.dispatchEvent(new Event('input')); })()").await;
        assert_eq!(
            browser
                .eval("[...document.querySelectorAll('.chooser')][0].querySelectorAll('label:not([hidden])').length")
                .await,
            json!(1)
        );
        press(".chooser label:not([hidden]) input").await;
        browser.wait_for("document.querySelector('.chip').textContent.startsWith('VIP')").await;
        fill("amount", "20").await;
        fill("labels:default", "VIP price").await;
        fill("charge", "origin").await;
        browser.wait_for("document.querySelector('[name=rule_id]').checkVisibility()").await;
        assert_eq!(browser.eval("document.querySelector('[name=code]').checkVisibility()").await, json!(false));
        fill("rule_id", "1").await;
        look("offer").await;
        press(".bar .button--main").await;
        browser.wait_for("document.querySelector('[role=status]')").await;
        look("offers").await;

        go("/blocks/edit").await;
        fill("name", "Hero for VIPs").await;
        press(".chooser input[type=checkbox]").await;
        fill("html:default", "<p id=\"hero\">Welcome back</p>").await;
        browser.eval("document.querySelector('[data-image]').open = true").await;
        for (part, value) in [("src", "/media/wysiwyg/hero-vip.svg"), ("alt", "A \"lamp\""), ("href", "/gear.html")] {
            browser.eval(&format!("document.querySelector('[data-part={part}]').value = {value:?}")).await;
        }
        browser.eval("(() => { const html = document.querySelector('textarea.code'); html.focus(); html.setSelectionRange(0, 0); })()").await;
        press("[data-image] button").await;
        assert_eq!(
            browser.eval("document.querySelector('textarea.code').value").await,
            "<a href=\"/gear.html\"><img src=\"/media/wysiwyg/hero-vip.svg\" alt=\"A &#34;lamp&#34;\"></a><p id=\"hero\">Welcome back</p>"
        );
        look("block").await;
        press(".bar .button--main").await;
        browser.wait_for("document.querySelector('[role=status]')").await;
        look("blocks").await;
        go("/blocks/edit?id=hero-for-vips").await;
        look("block-saved").await;
        let phone = width == 390;
        let before = browser.page.window().await.expect("a window");
        press(&format!("[data-width=\"{width}\"]")).await;
        let preview = browser.other_window(&before).await;
        browser.page.switch_to_window(preview).await.expect("the preview");
        browser.wait_for("document.body?.textContent.includes('Welcome back')").await;
        let marker = browser.text(".segue-simulation-text").await;
        assert!(marker.starts_with("Drafts, as seen by: VIP."), "{marker}");
        assert_eq!(browser.eval("window.opener === null && !location.search.includes('token')").await, json!(true));
        browser.picture(&format!("preview-{}", if phone { "phone" } else { "desktop" })).await;
        browser.page.close_window().await.expect("it closes");
        browser.page.switch_to_window(before).await.expect("the first window");
        go("/publish").await;
        fill("note", "VIP weekend").await;
        look("publish").await;
        press("main .button--main").await;
        browser.wait_for("document.querySelector('[role=status]')").await;
        desk.shows("38.4").await;
        let vip = shopper(&desk.running, "VIP").await;
        assert!(desk.running.get("/", &[("cookie", &vip)]).await.text().contains("Welcome back"));
        for (name, path) in [
            ("audiences", "/audiences"),
            ("audience", &*format!("/audiences/one?id={}", desk.vip)),
            ("revisions", "/revisions"),
            ("revision", "/revisions/one?number=1"),
            ("audit", "/audit"),
            ("people", "/people"),
            ("settings", "/settings"),
            ("nothing", "/nowhere"),
        ] {
            go(path).await;
            look(name).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_any_kill() {
    const ROUNDS: u64 = 200;
    let desk = Desk::open().await;
    let ada = desk.sign_in("ada").await;
    let page = ada.page("/audiences").await;
    let csrf = between(&page, "name=\"csrf\" value=\"", "\"").to_owned();
    let (cookie, admin) = (ada.cookie.clone(), desk.admin.clone());
    let Desk { running, .. } = desk;
    let (folder, mut process) = (running.folder, running.process);
    let config = folder.path().join("segue.toml").to_string_lossy().into_owned();
    let file = folder.path().join("segue.db");
    let mut acknowledged = 0_u64;
    for round in 0..ROUNDS {
        let (to, cookie, csrf) = (admin.clone(), cookie.clone(), csrf.clone());
        let writing = tokio::spawn(async move {
            let mut done = Vec::new();
            for number in 0_u64.. {
                let id = format!("r{round}-{number}");
                let body = form(&[("csrf", &csrf), ("id", &id), ("name", &id)]);
                if !try_to_post(&to, &cookie, body).await {
                    break;
                }
                done.push(id);
            }
            done
        });
        // Some are killed while they write, some between two writes: no two rounds at the same moment.
        tokio::time::sleep(Duration::from_micros(15_000 + round * 7_919 % 40_000)).await;
        process.start_kill().expect("it runs");
        process.wait().await.expect("it ends");
        let done = writing.await.expect("it ends with the process");
        let store = segue::store::Store::open(&file).await.expect("a whole store");
        let entries = store.rule_entries().await.expect("read");
        let (deeds, _) = store.deeds(&Default::default(), 0, 100_000).await.expect("read");
        store.close().await;
        let of_round: Vec<&str> =
            entries.iter().map(|entry| entry.id.as_str()).filter(|id| id.starts_with(&format!("r{round}-"))).collect();
        for id in &done {
            assert!(of_round.contains(&id.as_str()), "{id} was acknowledged and is lost");
        }
        // One more may have been written before anybody could say so.
        assert!(of_round.len() <= done.len() + 1, "{of_round:?} {done:?}");
        let noted = deeds.iter().filter(|deed| deed.subject.starts_with(&format!("r{round}-"))).count();
        assert_eq!(noted, of_round.len(), "a change and its record are one");
        acknowledged += done.len() as u64;
        process = segue(&["serve", "--config", &config])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("segue can be started");
        let begin = Instant::now();
        while !answers(&admin).await {
            assert!(begin.elapsed() < Duration::from_secs(20), "it does not start again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert!(acknowledged > ROUNDS, "{acknowledged} writes were acknowledged, too few to say anything");
    process.kill().await.expect("it runs");
}

/// Whether a form was taken; false where the connection broke.
async fn try_to_post(admin: &str, cookie: &str, body: String) -> bool {
    let request = http::Request::post(format!("{admin}/audiences"))
        .header("origin", admin)
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(http_body_util::Full::<bytes::Bytes>::from(body))
        .expect("a valid request");
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    client.request(request).await.is_ok_and(|answer| answer.status() == 303)
}

async fn answers(admin: &str) -> bool {
    let request = http::Request::get(format!("{admin}/sign-in")).body(http_body_util::Full::<bytes::Bytes>::default());
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    client.request(request.expect("a valid request")).await.is_ok_and(|answer| answer.status() == 200)
}
