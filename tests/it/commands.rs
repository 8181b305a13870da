//! The command line as its users meet it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::origin::{Origin, html};
use crate::running::{Folder, Running, Setup, say, segue};
use crate::shop::{self, VIP};

fn deploy(name: &str) -> String {
    format!("{}/deploy/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn the_sample_configuration_and_rules_pass_the_check() {
    let folder = Folder::new();
    let key = say(&["keys", "new"]).await;
    assert_eq!(key.code, Some(0), "{}", key.err);
    folder.write("keys", &key.out);
    for name in ["segue.toml", "rules.json"] {
        std::fs::copy(deploy(name), folder.path().join(name)).expect("the sample can be copied");
    }
    let said = say(&["check", "--config", &folder.path().join("segue.toml").to_string_lossy()]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

/// The names that the reader of configurations asks for, by its own source.
fn keys_of_the_reader() -> Vec<String> {
    const ASKS: [&str; 7] =
        ["optional(\"", "required(\"", "duration(\"", "text(\"", "texts(reader, \"", "url(reader, \"", "table(\""];
    let mut keys = Vec::new();
    for file in ["admin.rs", "charging.rs", "commerce.rs", "platform.rs", "sections.rs", "stores.rs"] {
        let path = format!("{}/src/config/{file}", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).expect("a source file");
        for ask in ASKS {
            let asked = source.split(ask).skip(1).filter_map(|rest| rest.split_once('"'));
            keys.extend(asked.map(|(key, _)| key.to_owned()));
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

#[tokio::test]
async fn the_sample_configuration_has_every_key_and_no_other() {
    let sample = std::fs::read_to_string(deploy("segue.toml")).expect("the sample");
    let is_setting = |line: &str| !line.starts_with('#') && !line.is_empty() && toml::from_str::<Value>(line).is_ok();
    let settings: Vec<&str> =
        sample.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).filter(|line| is_setting(line)).collect();
    let mut keys: Vec<&str> = settings.iter().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    keys.extend(settings.iter().flat_map(|line| line.trim_matches(['[', ']']).split('.')));
    let keys_of_the_reader = keys_of_the_reader();
    assert!(keys_of_the_reader.len() > 80, "{keys_of_the_reader:?}");
    for key in &keys_of_the_reader {
        assert!(keys.contains(&key.as_str()), "deploy/segue.toml does not have {key}");
    }
    // Of two ways to say the same, one; and no file at a place that tests do not have.
    let left_out =
        ["ca_file", "trusted_token_file", "trusted_token", "keys", "client_secret", "token", "tokens", "url_file"];
    let is_left_out = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, value)| left_out.contains(&key) || value.contains("postgresql:"))
    };
    let lines: Vec<&str> = settings.into_iter().filter(|line| !is_left_out(line)).collect();
    let folder = Folder::new();
    folder.write("keys", crate::running::KEY);
    folder.write("client-secret", "p8e-secret");
    folder.write("commerce-token", "t0ken");
    folder.write("push-tokens", "a token of enough bytes");
    folder.write("workspace.json", &workspace().to_string());
    std::fs::copy(deploy("rules.json"), folder.path().join("rules.json")).expect("the sample can be copied");
    let config = folder.write("segue.toml", &lines.join("\n"));
    let said = say(&["check", "--config", &config.to_string_lossy()]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

/// A file as Adobe's Developer Console writes it, as far as it is read.
fn workspace() -> Value {
    let credential = json!({ "client_id": "id", "client_secrets": ["p8e-secret"], "scopes": ["openid"] });
    let details = json!({ "credentials": [{ "oauth_server_to_server": credential }] });
    json!({ "project": { "org": { "ims_org_id": "ORG@AdobeOrg" }, "workspace": { "details": details } } })
}

#[tokio::test]
async fn a_password_in_the_origins_address_is_refused_and_not_printed() {
    let folder = Folder::new();
    for path in ["", "/path"] {
        let config =
            Setup::default().config(1, 2, 3).replace("http://127.0.0.1:3", &format!("http://me:s3cret@shop{path}"));
        folder.write("segue.toml", &config);
        let said = say(&["check", "--config", &folder.path().join("segue.toml").to_string_lossy()]).await;
        assert_eq!(said.code, Some(64));
        assert!(said.err.contains("origin.url: must have no user name or password"), "{}", said.err);
        assert!(!said.err.contains("s3cret"), "{}", said.err);
    }
}

#[tokio::test]
async fn check_reports_every_mistake_at_once_with_its_place() {
    let folder = Folder::new();
    let config = Setup::default()
        .with("server", "lisen = 1")
        .with("rewrite", "share = 101")
        .with("membership", "trust = \"blind\"")
        .config(1, 2, 3);
    folder.write("segue.toml", &config);
    let mut rules = shop::rules();
    rules["offers"][0]["amount"] = json!(0);
    rules["offers"][0]["charge"] = json!({ "type": "coupon", "code": "X" });
    rules["blocks"][0]["placement"] = json!("page-middle");
    rules["blocks"][1]["html"] = json!({ "default": "<p>{{media url=x.jpg}}</p>" });
    folder.write("rules.json", &rules.to_string());
    let path = folder.path().join("segue.toml");
    let said = say(&["check", "--config", &path.to_string_lossy()]).await;
    assert_eq!(said.code, Some(64));
    for expected in [
        "server.lisen: is not known (did you mean listen?)",
        "rewrite.share: must be from 0 to 100, not 101",
        "membership.trust: must be one of verified, cookie, not \"blind\"",
        "rules.json: /offers/0/amount: must be above 0",
        "/offers/0/charge",
        "/blocks/0/placement",
        "/blocks/1/html",
    ] {
        assert!(said.err.contains(expected), "{expected} is not in\n{}", said.err);
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(names.len(), 2, "check changes nothing");
}

#[tokio::test]
async fn serve_refuses_to_start_without_keys_or_with_broken_rules() {
    let folder = Folder::new();
    let config = Setup::default().config(0, 0, 3).replace(&format!("keys = [\"{}\"]", crate::running::KEY), "");
    let path = folder.write("segue.toml", &config);
    folder.write("rules.json", "{\"version\": 1,");
    let said = say(&["serve", "--config", &path.to_string_lossy()]).await;
    assert_eq!(said.code, Some(64));
    assert!(said.err.contains("membership.keys") && said.err.contains("segue keys new"), "{}", said.err);
    assert!(said.err.contains("rules.json: "), "{}", said.err);
}

#[tokio::test]
async fn an_environment_variable_wins_over_the_file_and_is_named_when_wrong() {
    let folder = Folder::new();
    folder.write("rules.json", &shop::rules().to_string());
    let path = folder.write("segue.toml", &Setup::default().config(1, 2, 3));
    let output = segue(&["check", "--config", &path.to_string_lossy()])
        .env("SEGUE__REWRITE__SHARE", "many")
        .output()
        .await
        .expect("segue can be started");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{err}");
    assert!(err.contains("SEGUE__REWRITE__SHARE: must be a whole number"), "{err}");
}

#[tokio::test]
async fn help_and_wrong_usage_have_their_exit_codes() {
    assert_eq!(say(&["--help"]).await.code, Some(0));
    assert_eq!(say(&["serv"]).await.code, Some(64));
    assert_eq!(say(&["check", "--config", "/nonexistent/segue.toml"]).await.code, Some(64));
    let schema = say(&["schema"]).await;
    let schema: Value = serde_json::from_str(&schema.out).expect("a JSON Schema");
    assert_eq!(schema["properties"]["version"]["const"], 1);
}

#[tokio::test]
async fn explain_says_what_would_change_and_why() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()).mode("observe"), origin.port).await;
    let config = running.config();
    let said = say(&["explain", "--config", &config, "--audience", "VIP,Ghost", "--output", "json", "/"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let told: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(told["page"]["kind"], "home");
    assert_eq!(told["audiences"]["known"][0]["id"], VIP);
    assert_eq!(told["audiences"]["unknown"][0], "Ghost");
    let text = told.to_string();
    assert!(text.contains("$10.00") && text.contains("$8.00"), "{text}");

    let said = say(&["explain", "--config", &config, "http://shop.test/"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("vip") && said.out.contains("hero"), "{}", said.out);
    assert!(!said.out.contains("$8.00"), "{}", said.out);
}

#[tokio::test]
async fn the_mode_changes_without_a_restart() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()).mode("observe"), origin.port).await;
    assert_eq!(running.get("/", &[]).await.text(), shop::home());
    let config = running.config();
    assert_eq!(say(&["mode", "--config", &config, "on", "--store", "default"]).await.code, Some(0));
    becomes(&running, |page| page.contains("Hello all")).await;
    assert_eq!(say(&["mode", "--config", &config, "off"]).await.code, Some(0));
    becomes(&running, |page| *page == shop::home()).await;
    assert_eq!(say(&["mode", "--config", &config, "on", "--store", "nowhere"]).await.code, Some(64));
}

#[tokio::test]
async fn new_rules_are_live_within_a_second_and_broken_ones_change_nothing() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    assert!(running.get("/", &[]).await.text().contains("Hello all"));
    running.folder.write("rules.json", "{\"version\": 1, \"offers\": [{}]}");
    let begin = Instant::now();
    while !running.metrics().await.contains("segue_rules_rejected_total 1") {
        assert!(begin.elapsed() < Duration::from_secs(2), "{}", running.metrics().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(running.get("/", &[]).await.text().contains("Hello all"));
    let renamed = shop::rules().to_string().replace("Hello all", "Hello again");
    running.folder.write("rules.json", &renamed);
    becomes(&running, |page| page.contains("Hello again")).await;
}

/// Waits until the home page is as it should be.
async fn becomes(running: &Running, good: impl Fn(&String) -> bool) {
    let begin = Instant::now();
    while !good(&running.get("/", &[]).await.text()) {
        assert!(begin.elapsed() < Duration::from_secs(2), "the page did not follow within two seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn check_online_names_what_would_bite() {
    let foreign = Origin::start(|_| {
        let answer = http::Response::builder().status(302).header("location", "http://www.shop.example/");
        answer.body(Default::default()).expect("a valid answer")
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), foreign.port).await;
    let said = say(&["check", "--online", "--config", &running.config()]).await;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let all = said.out + &said.err;
    assert!(all.contains("www.shop.example") && all.contains("origin.host"), "{all}");

    let loops = Origin::start(|seen| {
        if seen.header("ssl-offloaded") == "https" {
            return html(&shop::home());
        }
        let location = format!("https://{}/", seen.header("host"));
        let answer = http::Response::builder().status(302).header("location", location);
        answer.body(Default::default()).expect("a valid answer")
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), loops.port).await;
    let said = say(&["check", "--online", "--config", &running.config()]).await;
    assert_eq!(said.code, Some(1));
    let all = said.out + &said.err;
    assert!(all.contains("origin.forwarded_proto_header") && all.contains("offloader"), "{all}");

    let good = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), good.port).await;
    let said = say(&["check", "--online", "--config", &running.config()]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

/// One cart of two products, by hand: 10 % off each, which the file says rightly or not.
fn vectors(discount: f64) -> String {
    let item = |n: u64, price: f64, discount: f64| {
        json!({
            "n": n, "parent": null, "sku": format!("sku-{n}"), "type": "simple", "qty": 1, "unit_price": price, "base_price": price,
            "row_total": price, "base_row_total": price, "virtual": false, "attributes": {"price": price},
            "discount": discount,
        })
    };
    let items = [item(1, 10.0, discount), item(2, 25.5, 2.55)];
    let charged = |item: &Value| json!({"n": item["n"], "discount_amount": item["discount"], "base_discount_amount": item["discount"]});
    let total = -(discount + 2.55);
    let rule = json!({
        "n": 1, "simple_action": "by_percent", "discount_amount": 10, "discount_qty": null, "discount_step": 0, "sort_order": 0,
        "stop_rules_processing": false, "apply_to_shipping": false, "simple_free_shipping": 0, "is_active": true,
        "coupon_type": "NO_COUPON", "customer_group_ids": [0], "website_ids": [1], "store_labels": {"0": "Ten"},
    });
    let scenario = json!({
        "id": "by-hand", "date": "2026-11-22", "customer_group_id": 0, "address": null, "shipping": null, "items": items,
        "store": {"store_id": 1, "website_id": 1, "rate": 1, "catalog_prices_include_tax": false, "discount_on": "excl_tax",
            "tax_computed": "after_discount"},
        "rules": [rule],
        "expected": {"items": items.iter().map(charged).collect::<Vec<_>>(), "discount_total": total, "base_discount_total": total,
            "discount_label": "Ten"},
    });
    json!({ "scenarios": [scenario, {"id": "refused", "refused_by_store": {"status": 404}}] }).to_string()
}

#[tokio::test]
async fn carts_of_a_file_are_charged_anew_and_compared() {
    let folder = Folder::new();
    let evaluate = async |text: &str| {
        let file = folder.write("vectors.json", text);
        say(&["offers", "evaluate", &file.to_string_lossy()]).await
    };
    let right = evaluate(&vectors(1.0)).await;
    assert_eq!((right.code, right.out.lines().last()), (Some(0), Some("1 agreed, 0 differed")), "{}", right.err);
    let wrong = evaluate(&vectors(1.5)).await;
    assert_eq!((wrong.code, wrong.out.lines().last()), (Some(1), Some("0 agreed, 1 differed")));
    assert!(wrong.out.contains("item 1 (sku-1) discount: expected 1.50, computed 1.00"), "{}", wrong.out);
    assert!(wrong.out.contains("total discount: expected 4.05, computed 3.55"), "{}", wrong.out);
    let odd = evaluate(&vectors(1.0).replace("\"by_percent\"", "7")).await;
    assert_eq!(odd.code, Some(64));
    assert!(odd.err.contains("scenario by-hand: "), "{}", odd.err);
    assert_eq!(evaluate("[]").await.code, Some(64));
}
