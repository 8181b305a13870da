//! Rules and mode files that come and go while Segue runs: the last good ones stay in force.

use std::time::{Duration, Instant};

use crate::origin::{Origin, html};
use crate::running::{Folder, Running, Setup, say};
use crate::shop;

async fn running(mode: &'static str) -> Running {
    let origin = Origin::start(|_| html(&shop::home())).await;
    Running::start(&Setup::rules(&shop::rules()).mode(mode), origin.port).await
}

fn rules(hero: &str) -> String {
    shop::rules().to_string().replace("Hello all", hero)
}

/// Waits until `good` is true of the home page; every page on the way is a whole one.
async fn becomes(running: &Running, what: &str, good: impl Fn(&str) -> bool) {
    let begin = Instant::now();
    loop {
        let answer = running.get("/", &[]).await;
        assert!(answer.status == 200 && answer.text().ends_with("</html>\n"), "{what}");
        if good(&answer.text()) {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(3), "{what}: the page did not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until so many rules files were refused.
async fn refused(running: &Running, count: u32) {
    let begin = Instant::now();
    while !running.metrics().await.contains(&format!("segue_rules_rejected_total {count}")) {
        assert!(begin.elapsed() < Duration::from_secs(3), "{count}: {}", running.metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn broken_rules_keep_serve_from_starting_and_every_mistake_is_named() {
    let folder = Folder::new();
    let path = folder.write("segue.toml", &Setup::default().config(0, 0, 3));
    let mut rules = shop::rules();
    rules["offers"][0]["amount"] = serde_json::json!(-1);
    rules["blocks"][0]["placement"] = serde_json::json!("nowhere");
    folder.write("rules.json", &rules.to_string());
    let said = say(&["serve", "--config", &path.to_string_lossy()]).await;
    assert_eq!(said.code, Some(64));
    for mistake in ["rules.json: /offers/0/amount: ", "rules.json: /blocks/0/placement: "] {
        assert!(said.err.contains(mistake), "{}", said.err);
    }
    std::fs::remove_file(folder.path().join("rules.json")).expect("it is there");
    let said = say(&["serve", "--config", &path.to_string_lossy()]).await;
    assert!(said.code == Some(64) && said.err.contains("rules.json"), "{}", said.err);
}

#[tokio::test]
async fn rules_stay_in_force_when_their_file_is_deleted_garbled_or_half_written() {
    let running = running("on").await;
    let file = running.folder.path().join("rules.json");
    let still = async |hero: &str| assert!(running.get("/", &[]).await.text().contains(hero), "not {hero}");

    std::fs::remove_file(&file).expect("it is there");
    refused(&running, 1).await;
    still("Hello all").await;

    running.folder.write("rules.json", &rules("Hello again"));
    becomes(&running, "written anew", |page| page.contains("Hello again")).await;

    let text = rules("Hello in two halves");
    running.folder.write("rules.json", &text[..text.len() / 2]);
    refused(&running, 2).await;
    still("Hello again").await;
    running.folder.write("rules.json", &text);
    becomes(&running, "completed", |page| page.contains("Hello in two halves")).await;

    let beside = running.folder.write("rules.json.new", &rules("Hello by rename"));
    std::fs::rename(beside, &file).expect("it can be renamed");
    becomes(&running, "replaced", |page| page.contains("Hello by rename")).await;

    std::fs::write(&file, [0xff, 0xfe, b'{', 0]).expect("writable");
    refused(&running, 3).await;
    std::fs::remove_file(&file).expect("it is there");
    std::fs::create_dir(&file).expect("writable");
    refused(&running, 4).await;
    still("Hello by rename").await;

    // As in a Kubernetes volume: the name is a link whose target is exchanged.
    std::fs::remove_dir(&file).expect("it is empty");
    let target = running.folder.write("generation-2.json", &rules("Hello by link"));
    std::os::unix::fs::symlink(target, &file).expect("links are possible");
    becomes(&running, "linked", |page| page.contains("Hello by link")).await;
}

#[tokio::test]
async fn a_mode_file_that_breaks_changes_nothing_and_one_that_goes_restores_the_configuration() {
    let running = running("on").await;
    let personal = |page: &str| page.contains("Hello all");
    let untouched = |page: &str| page == shop::home();
    becomes(&running, "at first", personal).await;
    running.folder.write("segue-mode.json", r#"{"mode": "off"}"#);
    becomes(&running, "off", untouched).await;

    running.folder.write("segue-mode.json", r#"{"mode": "#);
    // A rules file that is noticed later than the mode file shows that this one was looked at.
    for number in 1..=2 {
        running.folder.write("rules.json", &format!("{{\"broken\": {number}"));
        refused(&running, number).await;
    }
    assert!(untouched(&running.get("/", &[]).await.text()), "still off");
    running.folder.write("segue-mode.json", r#"{"mode": "perhaps"}"#);
    for number in 3..=4 {
        running.folder.write("rules.json", &format!("{{\"broken\": {number}{}", " ".repeat(number as usize)));
        refused(&running, number).await;
    }
    assert!(untouched(&running.get("/", &[]).await.text()), "still off");

    std::fs::remove_file(running.folder.path().join("segue-mode.json")).expect("it is there");
    becomes(&running, "without a mode file", personal).await;
}

#[tokio::test]
async fn a_broken_mode_file_keeps_serve_from_starting() {
    let folder = Folder::new();
    let path = folder.write("segue.toml", &Setup::rules(&shop::rules()).config(0, 0, 3));
    folder.write("rules.json", &shop::rules().to_string());
    folder.write("segue-mode.json", r#"{"mode": "perhaps"}"#);
    let said = say(&["serve", "--config", &path.to_string_lossy()]).await;
    assert!(said.code == Some(64) && said.err.contains("segue-mode.json: /mode"), "{:?} {}", said.code, said.err);
}
