//! The inventory of audiences, through the real program and the stand-in Experience Platform.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use segue::demo::platform::{Audience, DATASTREAM, Fault, Lifecycle, Options, Platform, Service};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::openapi::{DESTINATIONS, SEGMENTATION, Spec};
use crate::origin::{Origin, html};
use crate::running::{Folder, Running, Said, Setup, say};
use crate::shop::{self, VIP};

/// A stand-in of Experience Platform, with a configuration for it.
pub struct Adobe {
    pub platform: Platform,
    pub options: Options,
    url: String,
}

impl Adobe {
    pub async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let platform = Platform::new(options.clone());
        tokio::spawn(platform.clone().serve(listener, std::future::pending()));
        Self { platform, options, url }
    }

    /// With one audience that the shop's rules use, and another one.
    async fn with_vip() -> Self {
        let audiences = vec![Audience::new(VIP, "VIP"), Audience::new("b-2", "Second")];
        Self::start(Options { audiences, ..Options::default() }).await
    }

    /// The `[experience_platform]` section; `changes` replaces keys of it.
    pub fn section(&self, changes: &[(&str, &str)]) -> String {
        let Options { org, client_id, client_secrets, .. } = &self.options;
        let secrets: Vec<&str> = client_secrets.iter().map(|secret| secret.expose_secret()).collect();
        let url = format!("{:?}", self.url);
        let mut keys = vec![
            ("org_id", format!("{org:?}")),
            ("client_id", format!("{client_id:?}")),
            ("client_secret", format!("{secrets:?}")),
            ("destinations", "[\"adobe commerce\"]".to_owned()),
            ("datastream", format!("{DATASTREAM:?}")),
            ("ims_url", url.clone()),
            ("platform_url", url.clone()),
            ("edge_domain", url),
        ];
        for (key, value) in changes {
            keys.retain(|(known, _)| known != key);
            keys.push((*key, (*value).to_owned()));
        }
        let lines = keys.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key} = {value}\n"));
        format!("[experience_platform]\n{}", lines.collect::<String>())
    }

    fn break_all(&self) {
        for service in Service::ALL {
            self.platform.set_fault(service, Fault::Cut);
        }
    }
}

/// A folder with a configuration, and commands on it.
pub struct Shop {
    pub folder: Folder,
    config: String,
}

impl Shop {
    pub fn new(section: &str) -> Self {
        let folder = Folder::new();
        let config = folder.write("segue.toml", &Setup::default().with("more", section).config(1, 2, 3));
        folder.write("rules.json", &shop::rules().to_string());
        Self { folder, config: config.to_string_lossy().into_owned() }
    }

    pub async fn say(&self, arguments: &[&str]) -> Said {
        say(&[arguments, &["--config", &self.config]].concat()).await
    }

    async fn sync(&self) -> String {
        let said = self.say(&["audiences", "sync"]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.out
    }

    async fn list(&self) -> Value {
        let said = self.say(&["audiences", "list", "--output", "json"]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        serde_json::from_str(&said.out).expect("JSON")
    }
}

#[tokio::test]
async fn sync_says_what_changed_and_list_knows_it_without_network() {
    let adobe = Adobe::with_vip().await;
    let shop = Shop::new(&adobe.section(&[]));
    let first = shop.sync().await;
    assert!(first.contains("audiences: 2, listed for the first time"), "{first}");
    assert!(shop.sync().await.contains("nothing changed"));
    adobe.platform.change_audiences(|audiences| {
        audiences.retain(|audience| audience.id != "b-2");
        audiences[0].name = "Very important".to_owned();
        audiences[0].lifecycle = Lifecycle::Archived;
        audiences.push(Audience::new("c-3", "Third"));
    });
    let said = shop.sync().await;
    for line in [
        format!("renamed: Very important ({VIP}), before: VIP"),
        format!("archived: Very important ({VIP}), before: published"),
        "new: Third (c-3)".to_owned(),
        "gone: Second (b-2)".to_owned(),
        "audiences: 2, changes: 4".to_owned(),
        format!("warning: audience \"VIP\" ({VIP}) is archived"),
    ] {
        assert!(said.contains(&line), "{line} is not in\n{said}");
    }
    adobe.break_all();
    let table = shop.say(&["audiences", "list"]).await;
    assert_eq!(table.code, Some(0), "{}", table.err);
    let vip = table.out.lines().find(|line| line.starts_with("Very important")).expect("a row").to_owned();
    for cell in [VIP, "Experience Platform", "edge", "archived", "offer vip", "not_activated", "renamed"] {
        assert!(vip.contains(cell), "{cell} is not in {vip}");
    }
    let list = shop.list().await;
    assert_eq!(list["sandbox"], "prod");
    assert_eq!(list["synced"]["complete"], true);
    let audience = |id: &str| {
        let audiences = list["audiences"].as_array().expect("audiences");
        audiences.iter().find(|audience| audience["id"] == id).expect("it is known").clone()
    };
    assert_eq!(audience("b-2")["status"], "gone");
    assert_eq!(audience("c-3")["activated"], false);
    assert_eq!(audience(VIP)["previous_name"], "VIP");
    assert_eq!(audience(VIP)["flags"], json!(["archived", "not_activated", "renamed"]));
    assert_eq!(audience(VIP)["updated"], "2026-11-01T00:00:00Z");
    assert_eq!(audience(VIP)["used_in"][0], json!({ "kind": "block", "id": "vip-hero" }));

    let check = shop.say(&["check"]).await;
    assert_eq!(check.code, Some(0), "{}", check.err);
    assert!(
        check.out.contains("is archived in Experience Platform") && check.out.contains("used in "),
        "{}",
        check.out
    );
}

#[tokio::test]
async fn a_sync_that_fails_says_why_and_loses_nothing() {
    let adobe = Adobe::with_vip().await;
    let shop = Shop::new(&adobe.section(&[]));
    shop.sync().await;
    let before = shop.list().await;
    let cases = [
        (Service::Ims, Fault::Refuse(401, None), "client_secret"),
        (Service::Ims, Fault::Refuse(429, Some(60)), "gives no more tokens"),
        (Service::Audiences, Fault::Refuse(403, None), "View segments"),
        (Service::Audiences, Fault::Refuse(429, None), "no more calls"),
        (Service::Audiences, Fault::Refuse(500, None), "in trouble (500"),
        (Service::Audiences, Fault::Garbage, "cannot be understood"),
        (Service::Audiences, Fault::WrongShape, "cannot be understood"),
        (Service::Audiences, Fault::Torn, "Experience Platform: "),
    ];
    for (service, fault, says) in cases {
        adobe.platform.set_fault(service, fault);
        let said = shop.say(&["audiences", "sync"]).await;
        assert_eq!(said.code, Some(1), "{fault:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(says), "{fault:?}: {}", said.err);
        adobe.platform.set_fault(service, None);
        let after = shop.list().await;
        assert_eq!(after["audiences"], before["audiences"], "{fault:?}");
        assert!(after["last_attempt"]["error"].is_string(), "{after}");
    }
    assert!(shop.sync().await.contains("nothing changed"));
}

#[tokio::test]
async fn what_is_asked_is_what_adobes_specification_describes() {
    let audiences =
        (0..250).map(|number| Audience::new(&format!("id-{number}"), &format!("Audience {number}"))).collect();
    let adobe = Adobe::start(Options { audiences, ..Options::default() }).await;
    let shop = Shop::new(&adobe.section(&[]));
    let said = shop.sync().await;
    assert!(said.contains("audiences: 250,"), "{said}");
    adobe.platform.change_audiences(|audiences| audiences.truncate(249));
    assert!(shop.sync().await.contains("gone: Audience 249"));
    let requests = adobe.platform.requests();
    let pages = |service| requests.iter().filter(|request| request.service == service).count();
    assert_eq!(
        (pages(Service::Audiences), pages(Service::Flows)),
        (7, 4),
        "three pages each time, and one that was missing"
    );
    for (service, file) in [(Service::Audiences, SEGMENTATION), (Service::Flows, DESTINATIONS)] {
        let Some(spec) = Spec::load(file) else { return };
        for request in requests.iter().filter(|request| request.service == service) {
            let target = request.uri.to_string();
            let checked = spec.check_request(request.method.as_str(), &target, &request.headers, &request.body);
            checked.unwrap_or_else(|flaw| panic!("{flaw}"));
        }
    }
}

#[tokio::test]
async fn a_running_segue_and_commands_share_the_store() {
    let adobe = Adobe::with_vip().await;
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&shop::rules()).with("more", &adobe.section(&[]));
    let running = Running::start(&setup, origin.port).await;
    let shows = async |line: &str| {
        let begin = Instant::now();
        while !running.metrics().await.contains(line) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{line} is not in\n{}", running.metrics().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    shows(r#"segue_audience_syncs_total{result="done"} 1"#).await;
    shows(r#"segue_audiences{state="published"} 2"#).await;
    assert!(running.metrics().await.contains("segue_audience_sync_age_seconds "));
    adobe.platform.change_audiences(|audiences| audiences[0].lifecycle = Lifecycle::Draft);
    let config = running.config();
    let command = async || say(&["audiences", "sync", "--config", &config]).await;
    let all = tokio::join!(command(), command(), command(), command());
    for said in [all.0, all.1, all.2, all.3] {
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    }
    shows(r#"segue_audience_flags{flag="draft"} 1"#).await;
    assert!(running.metrics().await.contains(r#"segue_audience_syncs_total{result="done"} 1"#), "by its own only one");
}

#[tokio::test]
async fn the_shop_goes_on_while_experience_platform_or_the_store_is_away() {
    let adobe = Adobe::with_vip().await;
    adobe.break_all();
    let origin = Origin::start(|_| html(&shop::home())).await;
    for store in ["segue.db", "/nonexistent/segue.db"] {
        let section = format!("[store]\nfile = {store:?}\n{}", adobe.section(&[]));
        let running = Running::start(&Setup::rules(&shop::rules()).with("more", &section), origin.port).await;
        let page = running.get("/", &[]).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Hello all"), "{store}");
    }
}

#[tokio::test]
async fn commands_say_what_they_lack() {
    let adobe = Adobe::with_vip().await;
    let none = Shop::new("");
    for command in ["sync", "list"] {
        let said = none.say(&["audiences", command]).await;
        assert_eq!(said.code, Some(64));
        assert!(said.err.contains("has no [experience_platform]"), "{}", said.err);
    }
    let anonymous = Shop::new(&adobe.section(&[("client_id", ""), ("client_secret", "")]));
    let said = anonymous.say(&["audiences", "sync"]).await;
    assert_eq!(said.code, Some(64));
    assert!(said.err.contains("client_id") && said.err.contains("workspace_file"), "{}", said.err);

    let shop = Shop::new(&adobe.section(&[]));
    let said = shop.say(&["audiences", "list"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("never listed") && said.out.contains("segue audiences sync"), "{}", said.out);
    assert!(!shop.folder.path().join("segue.db").exists(), "reading makes no file");
    assert!(shop.say(&["check"]).await.out.contains("never listed"));

    shop.folder.write("segue.db", &"this is no database, whatever it is called ".repeat(50));
    for command in ["sync", "list"] {
        let said = shop.say(&["audiences", command]).await;
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(said.err.contains("is not a store of Segue") && said.err.contains("[store]"), "{}", said.err);
    }
}

#[tokio::test]
async fn without_a_configured_destination_activation_is_not_guessed() {
    let adobe = Adobe::with_vip().await;
    let shop = Shop::new(&adobe.section(&[("destinations", "")]));
    shop.sync().await;
    let list = shop.list().await;
    assert_eq!(list["audiences"][0]["activated"], Value::Null);
    assert_eq!(list["flags"], json!([]));
    assert_eq!(adobe.platform.count(Service::Flows), 0);
}
