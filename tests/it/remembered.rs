//! What Segue remembers of one shopper's page is right for the next one: by audience, by path, by whose turn it is, and by the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::origin::{Origin, html};
use crate::running::{Running, Setup};
use crate::shop;

/// The shop's rules with a block for some paths, two that take turns, and this text on one of them.
fn rules(text: &str) -> Value {
    let mut rules = shop::rules();
    let block = |id: &str, placement: &str, more: Value| {
        let mut block = json!({"id": id, "name": id, "placement": placement, "html": format!("<p>only {id}</p>")});
        let fields = more.as_object().expect("fields").clone();
        block.as_object_mut().expect("a block").extend(fields);
        block
    };
    let blocks = rules["blocks"].as_array_mut().expect("blocks");
    blocks.push(block("below-a", "content-bottom", json!({"urls": ["/a*"]})));
    blocks.push(block("turn-1", "content-bottom", json!({"rotation": "random", "html": format!("<p>{text}</p>")})));
    blocks.push(block("turn-2", "content-bottom", json!({"rotation": "random"})));
    rules
}

/// Which of the texts a shopper sees.
async fn seen(
    running: &Running,
    path: &str,
    audience: &str,
    session: u32,
    texts: &[&'static str],
) -> BTreeSet<&'static str> {
    let cookie = format!("PHPSESSID=session-{session}; segue-audiences={audience}");
    let page = running.get(path, &[("cookie", &cookie)]).await.text();
    texts.iter().copied().filter(|text| page.contains(text)).collect()
}

#[tokio::test]
async fn nobody_sees_what_was_selected_for_somebody_else() {
    const TEXTS: [&str; 5] = ["Hello VIP", "Hello all", "only below-a", "turn one", "only turn-2"];
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&rules("turn one")).with("membership", "trust = \"cookie\"\n");
    let running = Running::start(&setup, origin.port).await;
    let mut turns: BTreeSet<&str> = BTreeSet::new();
    for session in 0..12 {
        let mut turn_of_session: BTreeSet<&str> = BTreeSet::new();
        // Twice, so that the second page is a remembered one.
        for (path, audience) in [("/a", "VIP"), ("/b", "VIP"), ("/a", "none"), ("/b", "none")].repeat(2) {
            let seen = seen(&running, path, audience, session, &TEXTS).await;
            assert_eq!(seen.contains("Hello VIP"), audience == "VIP", "{path} {audience} {seen:?}");
            assert_eq!(seen.contains("Hello all"), audience == "none", "{path} {audience} {seen:?}");
            assert_eq!(seen.contains("only below-a"), path == "/a", "{path} {audience} {seen:?}");
            turn_of_session.extend(seen.intersection(&BTreeSet::from(["turn one", "only turn-2"])));
        }
        assert_eq!(turn_of_session.len(), 1, "a shopper's turn stays his: {turn_of_session:?}");
        turns.extend(turn_of_session);
    }
    assert_eq!(turns.len(), 2, "and it is not everybody's");
}

#[tokio::test]
async fn other_rules_show_on_pages_that_were_remembered() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let setup = Setup::rules(&rules("turn one")).with("membership", "trust = \"cookie\"\n");
    let running = Running::start(&setup, origin.port).await;
    let mut session = 0;
    while !seen(&running, "/a", "VIP", session, &["turn one"]).await.contains("turn one") {
        session += 1;
    }
    running.folder.write("rules.json", &rules("turn two").to_string());
    for _ in 0..100 {
        if seen(&running, "/a", "VIP", session, &["turn two"]).await.contains("turn two") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the new rules never showed");
}
