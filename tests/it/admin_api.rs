//! The API as programs have it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::admin::{Desk, between};
use crate::running::{Answer, Folder, get, send};

/// A program with a token.
struct Program<'a> {
    desk: &'a Desk,
    token: String,
}

impl<'a> Program<'a> {
    /// With a token of a role, which an admin makes on his page.
    async fn with(desk: &'a Desk, role: &str) -> Self {
        let ada = desk.sign_in("ada").await;
        let page = ada.send("/people", "/people/tokens", &[("name", role), ("role", role), ("days", "30")]).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let token = between(&page.text(), "<code class=\"secret\">", "</code>").to_owned();
        assert!(!ada.page("/people").await.contains(&token), "it is shown once");
        Self { desk, token }
    }

    async fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
        }
        headers.extend(more);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(method, &format!("{}/api/v1{path}", self.desk.admin), &headers, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[], &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        json_of(&answer)
    }

    async fn tag(&self, path: &str) -> String {
        self.ask("GET", path, &[], &Value::Null).await.header("etag").to_owned()
    }
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// Sees that an answer is a problem with a status, and gives it.
fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = json_of(answer);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

fn offer(vip: &str) -> Value {
    json!({
        "name": "VIP 20 %", "audiences": { "any": [vip] }, "action": "by_percent", "amount": "20", "products": "all",
        "labels": { "default": "VIP price" }, "charge": { "type": "origin", "rule_id": 1 },
    })
}

#[tokio::test]
async fn a_program_makes_an_offer_publishes_it_and_goes_back() {
    let desk = Desk::open().await;
    let program = Program::with(&desk, "publisher").await;
    let vip = json!({ "name": "VIP" });
    assert_eq!(program.ask("PUT", &format!("/audiences/{}", desk.vip), &[], &vip).await.status, 201);
    let added = program.ask("POST", "/offers", &[], &offer(desk.vip)).await;
    assert_eq!((added.status.as_u16(), added.header("location")), (201, "/api/v1/offers/vip%2D20"));
    let (tag, mut value) = (added.header("etag").to_owned(), json_of(&added)["value"].clone());
    assert_eq!(program.get("/offers/vip-20").await["state"], "draft");

    value["amount"] = json!("25");
    problem(&program.ask("PUT", "/offers/vip-20", &[], &value).await, 428);
    problem(&program.ask("PUT", "/offers/vip-20", &[("if-match", "\"999\"")], &value).await, 412);
    let changed = program.ask("PUT", "/offers/vip-20", &[("if-match", &tag)], &value).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    problem(&program.ask("PUT", "/offers/vip-20", &[("if-match", &tag)], &value).await, 412);
    problem(&program.ask("DELETE", "/offers/vip-20", &[("if-match", &tag)], &Value::Null).await, 412);

    let draft = program.get("/draft").await;
    let offer = &draft["differences"][1];
    assert_eq!((&offer["kind"], &offer["what"], &draft["mistakes"]), (&json!("offer"), &json!("added"), &json!([])));
    let seen = program.tag("/draft").await;
    problem(&program.ask("POST", "/revisions", &[], &json!({})).await, 428);
    let published = program.ask("POST", "/revisions", &[("if-match", &seen)], &json!({ "note": "for VIPs" })).await;
    assert_eq!((published.status.as_u16(), published.header("location")), (201, "/api/v1/revisions/1"));
    desk.shows("36").await;

    let tag = program.tag("/offers/vip-20").await;
    assert_eq!(program.ask("DELETE", "/offers/vip-20", &[("if-match", &tag)], &Value::Null).await.status, 204);
    let seen = program.tag("/draft").await;
    assert_eq!(program.ask("POST", "/revisions", &[("if-match", &seen)], &json!({})).await.status, 201);
    desk.shows("48").await;
    let seen = program.tag("/draft").await;
    let back = program.ask("POST", "/revisions/1/roll-back", &[("if-match", &seen)], &Value::Null).await;
    assert_eq!(json_of(&back), json!({ "number": 3 }));
    desk.shows("36").await;
    let (revisions, first) = (program.get("/revisions").await, program.get("/revisions/1").await);
    assert_eq!((&revisions["items"][0]["again"], &first["note"]), (&json!(1), &json!("for VIPs")));
    assert_eq!(first["rules"]["offers"][0]["amount"], "25");
    let audit = program.get("/audit?action=rules.").await;
    assert_eq!((&audit["total"], &audit["items"][0]["who"]), (&json!(3), &json!("token publisher")), "{audit}");

    let wanted = json!({ "store_view": "default", "path": "/gear.html", "audiences": [desk.vip] });
    let link = json_of(&program.ask("POST", "/previews", &[], &wanted).await)["url"].clone();
    assert_eq!(get(link.as_str().expect("a link"), &[]).await.header("location"), "/gear.html");
    problem(&program.ask("POST", "/previews", &[], &json!({ "store_view": "nowhere" })).await, 400);

    let plan = json!({ "at": "2099-01-01T00:00:00Z" });
    let seen = program.tag("/draft").await;
    assert_eq!(program.ask("POST", "/revisions", &[("if-match", &seen)], &plan).await.status, 202);
    assert_eq!(program.get("/schedule").await["at"], "2099-01-01T00:00:00Z");
    assert_eq!(program.ask("DELETE", "/schedule", &[], &Value::Null).await.status, 204);
    problem(&program.ask("GET", "/schedule", &[], &Value::Null).await, 404);
}

#[tokio::test]
async fn a_program_is_told_what_is_wrong_and_may_do_what_its_role_says() {
    let desk = Desk::open().await;
    let (editor, viewer) = (Program::with(&desk, "editor").await, Program::with(&desk, "viewer").await);
    let mut wrong = offer(desk.vip);
    (wrong["amount"], wrong["from"]) = (json!("-3"), json!("someday"));
    let problem_of = problem(&editor.ask("POST", "/offers", &[], &wrong).await, 422);
    let fields: Vec<&str> =
        problem_of["errors"].as_array().expect("errors").iter().filter_map(|it| it["field"].as_str()).collect();
    assert_eq!(fields, ["from", "amount"], "{problem_of}");
    problem(&editor.ask("POST", "/offers", &[], &json!([])).await, 422);
    let text = [("content-type", "text/plain")];
    let bearer = format!("Bearer {}", editor.token);
    let sent = [("authorization", bearer.as_str()), text[0]];
    problem(&send("POST", &format!("{}/api/v1/offers", desk.admin), &sent, "{}").await, 415);
    let sent = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    problem(&send("POST", &format!("{}/api/v1/offers", desk.admin), &sent, "{").await, 400);

    problem(&viewer.ask("POST", "/offers", &[], &offer(desk.vip)).await, 403);
    problem(&editor.ask("POST", "/revisions", &[("if-match", "*")], &json!({})).await, 403);
    problem(&editor.ask("GET", "/people", &[], &Value::Null).await, 403);
    problem(&viewer.ask("GET", "/nothing", &[], &Value::Null).await, 404);
    problem(&viewer.ask("PATCH", "/offers", &[], &Value::Null).await, 405);
    problem(&viewer.ask("GET", "/offers?limit=many", &[], &Value::Null).await, 400);
    problem(&viewer.ask("GET", "/offers/none", &[], &Value::Null).await, 404);

    // A browser that is signed in opens nothing here, and neither does a token that is none.
    let ada = desk.sign_in("ada").await;
    problem(&ada.get("/api/v1/offers").await, 401);
    let stranger = Program { desk: &desk, token: "segue_nothing".to_owned() };
    let answer = stranger.ask("GET", "/offers", &[], &Value::Null).await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    problem(&answer, 401);

    let admin = Program::with(&desk, "admin").await;
    let new = json!({ "name": "nina", "role": "editor", "password": "a long enough one" });
    assert_eq!(admin.ask("POST", "/people", &[], &new).await.status, 201);
    problem(&admin.ask("POST", "/people", &[], &new).await, 422);
    let other = json!({ "role": "viewer" });
    assert_eq!(admin.ask("PUT", "/people/nina", &[], &other).await.status, 200);
    assert_eq!(admin.ask("DELETE", "/people/nina", &[], &Value::Null).await.status, 204);
    let tokens = admin.get("/tokens").await;
    let of_viewer = tokens["items"].as_array().expect("tokens").iter().find(|token| token["name"] == "viewer");
    let id = of_viewer.and_then(|token| token["id"].as_str()).expect("an id");
    assert_eq!(admin.ask("DELETE", &format!("/tokens/{id}"), &[], &Value::Null).await.status, 204);
    problem(&viewer.ask("GET", "/offers", &[], &Value::Null).await, 401);
    let short = json!({ "name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z" });
    problem(&admin.ask("POST", "/tokens", &[], &short).await, 422);
}

#[tokio::test]
async fn audiences_are_added_by_hand_and_named_by_offers() {
    let desk = Desk::open().await;
    let editor = Program::with(&desk, "editor").await;
    let gold = json!({ "name": "Gold" });
    assert_eq!(editor.ask("PUT", "/audiences/gold", &[], &gold).await.status, 201);
    problem(&editor.ask("PUT", "/audiences/gold", &[], &gold).await, 428);
    problem(&editor.ask("PUT", "/audiences/a%2Cb", &[], &gold).await, 422);
    let tag = editor.tag("/audiences/gold").await;
    let renamed = editor.ask("PUT", "/audiences/gold", &[("if-match", &tag)], &json!({ "name": "Gold members" })).await;
    assert_eq!(json_of(&renamed)["name"], "Gold members");
    assert_eq!(editor.ask("POST", "/offers", &[], &offer("gold")).await.status, 201);
    assert_eq!(editor.get("/audiences/gold").await["offers"], json!(["vip-20"]));
    assert_eq!(editor.get("/audiences?q=gold").await["total"], 1);
    let block = json!({ "name": "Hero", "placement": "page-top", "html": "<p>Hello</p>" });
    let made = editor.ask("PUT", "/blocks/hero", &[("if-none-match", "*")], &block).await;
    assert_eq!(made.status, 201, "{}", made.text());
    problem(&editor.ask("PUT", "/blocks/hero", &[("if-none-match", "*")], &block).await, 412);
    let other = json!({ "id": "hero-2", "name": "Hero", "placement": "page-top", "html": "<p>Hello</p>" });
    let renamed = editor.ask("PUT", "/blocks/hero", &[("if-match", made.header("etag"))], &other).await;
    assert_eq!(renamed.header("location"), "/api/v1/blocks/hero%2D2");
    problem(&editor.ask("GET", "/blocks/hero", &[], &Value::Null).await, 404);
    problem(&editor.ask("POST", "/audiences/sync", &[], &Value::Null).await, 404);
}

#[tokio::test]
async fn rules_of_commerce_are_read_and_written_by_programs() {
    let desk = Desk::with_commerce().await;
    let (publisher, editor) = (Program::with(&desk, "publisher").await, Program::with(&desk, "editor").await);
    let begin = std::time::Instant::now();
    while publisher.get("/rules").await["total"] != 4 {
        assert!(begin.elapsed() < Duration::from_secs(10), "Commerce never said its rules");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let read = editor.ask("GET", "/rules/1", &[], &Value::Null).await;
    let (tag, mut rule) = (read.header("etag").to_owned(), json_of(&read));
    rule["discount_amount"] = json!(30);
    problem(&editor.ask("PUT", "/rules/1", &[("if-match", &tag)], &rule).await, 403);
    problem(&publisher.ask("PUT", "/rules/1", &[], &rule).await, 428);
    let changed = publisher.ask("PUT", "/rules/1", &[("if-match", &tag)], &rule).await;
    assert_eq!((changed.status.as_u16(), &json_of(&changed)["discount_amount"]), (200, &json!(30)));
    problem(&publisher.ask("PUT", "/rules/1", &[("if-match", &tag)], &rule).await, 412);
    rule["discount_amount"] = json!(300);
    let wrong = problem(&publisher.ask("POST", "/rules", &[], &rule).await, 422);
    assert_eq!(wrong["errors"][0]["field"], "discount_amount");
    problem(&publisher.ask("GET", "/rules/77", &[], &Value::Null).await, 404);
    let vip = json!({ "name": "VIP" });
    assert_eq!(editor.ask("PUT", &format!("/audiences/{}", desk.vip), &[], &vip).await.status, 201);
    assert_eq!(editor.ask("POST", "/offers", &[], &offer(desk.vip)).await.status, 201);
    let tried = editor.ask("POST", "/draft/try", &[], &Value::Null).await;
    let tried = &json_of(&tried)["items"][0];
    assert_eq!((&tried["offer"], &tried["differed"]), (&json!("vip-20"), &json!(false)), "{tried}");
}

#[tokio::test]
async fn a_program_imports_the_blocks_of_commerce() {
    let desk = Desk::with_commerce().await;
    let (editor, viewer) = (Program::with(&desk, "editor").await, Program::with(&desk, "viewer").await);
    assert_eq!(
        editor.ask("PUT", &format!("/audiences/{}", desk.vip), &[], &json!({ "name": "VIP" })).await.status,
        201
    );
    let found = editor.get("/commerce/blocks").await;
    let uids: Vec<&Value> = found["items"].as_array().expect("items").iter().map(|one| &one["uid"]).collect();
    assert_eq!(uids, ["MQ==", "Mg==", "Mw=="]);
    assert_eq!(found["items"][1]["value"]["audiences"], json!({ "any": [desk.vip] }));
    assert!(
        found["items"][2]["mistakes"][0]["message"].as_str().is_some_and(|why| why.contains("{{widget")),
        "{found}"
    );

    let import =
        async |uids: &[&str]| editor.ask("POST", "/commerce/blocks/import", &[], &json!({ "uids": uids })).await;
    let refused = problem(&import(&["MQ==", "Mw==", "eA=="]).await, 422);
    let fields: Vec<&Value> = refused["errors"].as_array().expect("errors").iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["uids/1", "uids/2"], "{refused}");
    assert_eq!(editor.get("/blocks").await["total"], 0, "all or none");
    problem(&import(&[]).await, 422);
    let imported = import(&["MQ==", "Mg=="]).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    let imported = json_of(&imported);
    assert_eq!(import(&["Mg==", "MQ=="]).await.text(), imported.to_string(), "again is the same");
    let id = imported["items"][0]["id"].as_str().expect("an id");
    let block = editor.get(&format!("/blocks/{id}")).await;
    assert_eq!((&block["state"], &block["value"]["placement"]), (&json!("draft"), &json!("commerce-block:MQ==")));
    problem(&viewer.ask("GET", "/commerce/blocks", &[], &Value::Null).await, 403);
    problem(&viewer.ask("POST", "/commerce/blocks/import", &[], &json!({ "uids": ["MQ=="] })).await, 403);
}

#[tokio::test]
async fn a_program_asks_how_things_are() {
    let desk = Desk::with_commerce().await;
    let (admin, viewer) = (Program::with(&desk, "admin").await, Program::with(&desk, "viewer").await);
    let tested = async |what: &str| admin.ask("POST", &format!("/settings/{what}/test"), &[], &Value::Null).await;
    for (what, passed, words) in [
        ("store", true, "It can be written"),
        ("commerce", true, "4 cart price rules"),
        ("platform", false, "is not set up"),
    ] {
        let said = json_of(&tested(what).await);
        assert_eq!(said["passed"], passed, "{what}: {said}");
        assert!(said["words"].as_str().is_some_and(|told| told.contains(words)), "{what}: {said}");
    }
    problem(&tested("weather").await, 404);
    problem(&viewer.ask("POST", "/settings/store/test", &[], &Value::Null).await, 403);
    let settings = viewer.get("/settings").await;
    assert!(settings["store"].as_str().is_some_and(|store| store.contains("segue.db")), "{settings}");
    assert_eq!((&settings["platform"], &settings["membership"]["trust"]), (&Value::Null, &json!("verified")));
    assert!(!settings.to_string().contains(crate::admin::demo_token()), "no secret is told");
}

/// Where a program is that `tests/run` installs; none where these tests run without it.
fn tool(variable: &str) -> Option<std::ffi::OsString> {
    let path = std::env::var_os(variable);
    if path.is_none() {
        assert!(std::env::var_os("SEGUE_TESTS").is_none(), "tests/run installs it and says where it is by {variable}");
        eprintln!("skipped: {variable} does not say where the program is that tests/run installs");
    }
    path
}

#[tokio::test]
async fn a_scanner_finds_no_hole_in_the_pages() {
    let Some(wapiti) = tool("SEGUE_WAPITI") else { return };
    let desk = Desk::with_commerce().await;
    let ada = desk.sign_in("ada").await;
    ada.does("/audiences", "/audiences", &[("id", desk.vip), ("name", "VIP")]).await;
    ada.does("/blocks/import", "/blocks/import", &[("uid", "MQ==")]).await;
    ada.does("/publish", "/publish", &[]).await;
    let folder = Folder::new();
    let report = folder.0.join("report.json");
    let run = Command::new(wapiti)
        .args(["--url", &format!("{}/audiences", desk.admin), "--scope", "folder", "--flush-session", "--no-bugreport"])
        .args(["--header", &format!("Cookie: {}", ada.cookie), "--header", &format!("Origin: {}", desk.admin)])
        // Its session is needed to the end.
        .args(["--exclude", &format!("{}/sign-out", desk.admin), "--exclude", &format!("{}/people/delete", desk.admin)])
        // None that asks hosts elsewhere. The whole of the longest takes minutes.
        .args(["--module", "cookieflags,csp,csrf,http_headers,redirect,crlf,xss", "--max-attack-time", "45"])
        .args(["--format", "json", "--output"])
        .arg(&report)
        .arg("--store-session")
        .arg(folder.0.join("session"))
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(Duration::from_secs(240), run).await.expect("it ends").expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON");
    let pages = report["infos"]["crawled_pages_nbr"].as_u64();
    assert!(pages.is_some_and(|pages| pages > 30), "it was not signed in: {}", report["infos"]);
    for kind in ["vulnerabilities", "anomalies"] {
        let found = report[kind].as_object().expect("findings by kind").values().flat_map(|found| found.as_array());
        assert_eq!(found.flatten().collect::<Vec<_>>(), Vec::<&Value>::new());
    }
}

#[tokio::test]
async fn the_api_is_as_its_document_says() {
    let Some(path) = tool("SEGUE_SCHEMATHESIS") else { return };
    let desk = Desk::with_commerce().await;
    let admin = Program::with(&desk, "admin").await;
    assert_eq!(admin.ask("POST", "/offers", &[], &offer(desk.vip)).await.status, 201);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                  response_schema_conformance,ignored_auth,use_after_free";
    let folder = Folder::new();
    let run = Command::new(path)
        .args(["run", &format!("{}/api/v1/openapi.json", desk.admin)])
        .args(["--checks", checks, "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "2026"])
        .args(["--header", &format!("Authorization: Bearer {}", admin.token), "--no-color", "--continue-on-failure"])
        // Ending its own token would end the run.
        .args(["--exclude-operation-id", "delete-tokens-id", "--suppress-health-check", "all"])
        // What it keeps between runs belongs to this one alone.
        .current_dir(&folder.0)
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(Duration::from_secs(240), run).await.expect("it ends").expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
