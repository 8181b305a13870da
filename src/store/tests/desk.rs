//! Rules that are worked on, and who works on them.

use serde_json::{Value, json};

use super::*;

on_both!(
    a_change_that_knows_less_than_was_changed_since_is_refused,
    an_entry_that_is_called_otherwise_takes_its_own_place_and_no_others,
    what_is_published_stays_as_it_was_published,
    publishing_refuses_what_nobody_has_looked_at,
    one_of_many_publishes_what_was_scheduled,
    thousands_of_entries_are_replaced_at_once,
    the_last_who_may_look_after_people_stays,
    a_session_ends_with_time_and_with_its_persons_password,
    only_so_many_tries_are_evaluated,
    a_token_is_found_by_its_digest_until_it_ends,
    deeds_are_found_by_who_and_what,
);

fn doing<'a>(action: &'a str, subject: &'a str) -> Doing<'a> {
    Doing { who: "ada", action, subject, detail: "in 100 % of cases" }
}

async fn save(store: &Store, id: &str, value: &Value, expected: Expected) -> Changed<i64> {
    let saved = store.save_entry(Kind::Offer, id, value, None, expected, doing("offer.save", id)).await;
    saved.expect("written")
}

fn publication(rules: &Value) -> Publication<'_> {
    Publication { rules, note: "for Friday", who: "ada", again: None, detail: "1 offer" }
}

async fn a_change_that_knows_less_than_was_changed_since_is_refused(fresh: &Fresh) {
    let store = fresh.store().await;
    let Changed::Done(first) = save(&store, "vip", &json!({ "id": "vip" }), Expected::None).await else {
        panic!("there was none")
    };
    assert_eq!(save(&store, "vip", &json!({}), Expected::None).await, Changed::Conflict);
    let Changed::Done(second) = save(&store, "vip", &json!({ "id": "vip", "n": 2 }), Expected::Version(first)).await
    else {
        panic!("it had that version")
    };
    assert!(second > first);
    assert_eq!(save(&store, "vip", &json!({}), Expected::Version(first)).await, Changed::Conflict);
    let stale = store.delete_entry(Kind::Offer, "vip", Expected::Version(first), doing("offer.delete", "vip")).await;
    assert_eq!(stale.expect("asked"), Changed::Conflict);
    let entries = fresh.store().await.rule_entries().await.expect("read");
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].version, &entries[0].value["n"], &*entries[0].changed_by), (second, &json!(2), "ada"));
    let gone = store.delete_entry(Kind::Offer, "vip", Expected::Version(second), doing("offer.delete", "vip")).await;
    assert_eq!(gone.expect("written"), Changed::Done(()));
    assert_eq!(store.rule_entries().await.expect("read"), []);
    let (deeds, count) = store.deeds(&DeedFilter::default(), 0, 10).await.expect("read");
    let words: Vec<&str> = deeds.iter().map(|deed| deed.action.as_str()).collect();
    assert_eq!((words, count), (vec!["offer.delete", "offer.save", "offer.save"], 3), "refused changes are no deeds");
}

async fn an_entry_that_is_called_otherwise_takes_its_own_place_and_no_others(fresh: &Fresh) {
    let store = fresh.store().await;
    save(&store, "a", &json!({ "id": "a" }), Expected::None).await;
    save(&store, "b", &json!({ "id": "b" }), Expected::None).await;
    let rename = async |to| {
        let value = json!({ "id": to });
        let saved = store.save_entry(Kind::Offer, to, &value, Some("a"), Expected::Any, doing("offer.save", to)).await;
        saved.expect("asked")
    };
    assert_eq!(rename("b").await, Changed::Conflict, "that is somebody else");
    assert!(matches!(rename("c").await, Changed::Done(_)));
    let ids: Vec<String> = store.rule_entries().await.expect("read").into_iter().map(|entry| entry.id).collect();
    assert_eq!(ids, ["b", "c"]);
}

async fn what_is_published_stays_as_it_was_published(fresh: &Fresh) {
    let store = fresh.store().await;
    assert_eq!(store.newest_rules().await.expect("read"), None);
    let rules = json!({ "version": 1, "offers": [{ "id": "vip" }] });
    let one = store.publish(&publication(&rules), None, Some(&rules)).await.expect("written");
    assert_eq!(one, Changed::Done(1));
    save(&store, "vip", &json!({ "id": "vip", "n": 2 }), Expected::Any).await;
    let other = json!({ "version": 1 });
    let again = Publication { again: Some(1), ..publication(&other) };
    assert_eq!(store.publish(&again, None, None).await.expect("written"), Changed::Done(2));
    let store = fresh.store().await;
    assert_eq!(store.newest_rules().await.expect("read"), Some((2, other.to_string())));
    assert_eq!(store.revision_rules(1).await.expect("read"), Some(rules.to_string()));
    let revisions = store.revisions(None, 10).await.expect("read");
    let said: Vec<_> = revisions.iter().map(|it| (it.number, it.note.as_str(), it.again)).collect();
    assert_eq!(said, [(2, "for Friday", Some(1)), (1, "for Friday", None)]);
    assert_eq!(store.revisions(Some(2), 10).await.expect("read").len(), 1);
    assert_eq!(store.rule_entries().await.expect("read")[0].value["n"], 2, "what is worked on stays");
    assert_eq!(store.rule_state().await.expect("read").revision, 2);
}

async fn publishing_refuses_what_nobody_has_looked_at(fresh: &Fresh) {
    let store = fresh.store().await;
    save(&store, "vip", &json!({ "id": "vip" }), Expected::None).await;
    let seen = store.rule_state().await.expect("read").changes;
    save(&store, "vip", &json!({ "id": "vip", "n": 2 }), Expected::Any).await;
    let rules = json!({ "version": 1 });
    assert_eq!(store.publish(&publication(&rules), Some(seen), None).await.expect("asked"), Changed::Conflict);
    assert_eq!(store.rule_state().await.expect("read").revision, 0);
    assert_eq!(store.publish(&publication(&rules), Some(seen + 1), None).await.expect("written"), Changed::Done(1));
}

async fn one_of_many_publishes_what_was_scheduled(fresh: &Fresh) {
    let store = fresh.store().await;
    let rules = json!({ "version": 1 });
    let plan = Scheduled { rules, note: "sale".to_owned(), at: at(1_000), who: "ada".to_owned() };
    store.schedule(&plan, None, doing("rules.schedule", "")).await.expect("written");
    assert_eq!(store.scheduled().await.expect("read"), Some(plan));
    assert_eq!(store.publish_scheduled(at(999)).await.expect("asked"), None, "not yet");
    let mut asking = JoinSet::new();
    for _ in 0..6 {
        let store = fresh.store().await;
        asking.spawn(async move { store.publish_scheduled(at(1_000)).await.expect("asked") });
    }
    let published: Vec<i64> = asking.join_all().await.into_iter().flatten().collect();
    assert_eq!(published, [1]);
    assert_eq!(store.scheduled().await.expect("read"), None);
    assert!(!store.unschedule(doing("rules.unschedule", "")).await.expect("asked"), "there is none");
}

async fn thousands_of_entries_are_replaced_at_once(fresh: &Fresh) {
    let store = fresh.store().await;
    save(&store, "old", &json!({ "id": "old" }), Expected::None).await;
    let blocks: Vec<Value> = (0..1_700).map(|number| json!({ "id": format!("block {number}") })).collect();
    let rules = json!({ "version": 1, "audiences": [{ "id": "a" }], "offers": [{ "id": "o" }], "blocks": blocks });
    store.replace_entries(&rules, None, doing("rules.import", "file")).await.expect("written");
    let entries = store.rule_entries().await.expect("read");
    assert_eq!(entries.len(), 1_702);
    assert!(entries.iter().all(|entry| entry.id != "old"));
    let stale = store.replace_entries(&json!({}), Some(1), doing("rules.import", "file")).await.expect("asked");
    assert_eq!((stale, store.rule_entries().await.expect("read").len()), (Changed::Conflict, 1_702));
}

async fn add(store: &Store, name: &str, role: Role, first: bool) -> Changed<()> {
    store.add_person(name, role, "$argon2id$x", first, doing("person.add", name)).await.expect("asked")
}

async fn the_last_who_may_look_after_people_stays(fresh: &Fresh) {
    let store = fresh.store().await;
    assert_eq!(add(&store, "ada", Role::Admin, true).await, Changed::Done(()));
    assert_eq!(add(&store, "eve", Role::Admin, true).await, Changed::Conflict, "she is not the first");
    assert_eq!(add(&store, "ada", Role::Viewer, false).await, Changed::Conflict, "the name is taken");
    assert_eq!(add(&store, "bob", Role::Editor, false).await, Changed::Done(()));
    let demote =
        async |name| store.change_person(name, Role::Viewer, None, doing("person.change", name)).await.expect("asked");
    assert_eq!(demote("ada").await, Changed::Conflict);
    assert_eq!(demote("bob").await, Changed::Done(()));
    assert_eq!(store.delete_person("ada", doing("person.delete", "ada")).await.expect("asked"), Changed::Conflict);
    assert_eq!(store.delete_person("bob", doing("person.delete", "bob")).await.expect("written"), Changed::Done(()));
    let people = store.people().await.expect("read");
    assert!(matches!(&people[..], [only] if only.name == "ada" && only.role == Role::Admin));
}

async fn a_session_ends_with_time_and_with_its_persons_password(fresh: &Fresh) {
    const HOUR: Duration = Duration::from_secs(3_600);
    let store = fresh.store().await;
    add(&store, "ada", Role::Admin, true).await;
    let begin = async |digest| {
        store.begin_session("ada", digest, "csrf", ("ada", "::1"), doing("sign-in", "ada")).await.expect("written");
    };
    begin("d1").await;
    let session = store.session("d1", HOUR, HOUR).await.expect("read").expect("a session");
    assert_eq!((&*session.name, session.role, &*session.csrf), ("ada", Role::Admin, "csrf"));
    assert_eq!(store.session("d2", HOUR, HOUR).await.expect("read"), None);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let short = Duration::from_millis(2);
    assert_eq!(store.session("d1", short, HOUR).await.expect("read"), None, "nobody used it");
    store.touch_session("d1").await.expect("written");
    assert_eq!(store.session("d1", HOUR, short).await.expect("read"), None, "it is old");
    assert!(store.session("d1", HOUR, HOUR).await.expect("read").is_some());
    store.change_person("ada", Role::Admin, Some("$argon2id$y"), doing("person.change", "ada")).await.expect("written");
    assert_eq!(store.session("d1", HOUR, HOUR).await.expect("read"), None);
    begin("d3").await;
    store.end_session("d3", HOUR).await.expect("written");
    assert_eq!(store.session("d3", HOUR, HOUR).await.expect("read"), None);
}

async fn only_so_many_tries_are_evaluated(fresh: &Fresh) {
    const TIME: Duration = Duration::from_secs(300);
    let store = fresh.store().await;
    let mut tries = JoinSet::new();
    for _ in 0..15 {
        let store = store.clone();
        tries.spawn(async move { store.may_try("ada", "::1", TIME, 10).await.expect("written") });
    }
    let evaluated = tries.join_all().await.into_iter().filter(|may| *may).count();
    assert_eq!(evaluated, 10);
    assert!(store.may_try("ada", "::2", TIME, 10).await.expect("written"), "from elsewhere");
    assert!(store.may_try("bob", "::1", TIME, 10).await.expect("written"), "somebody else");
    for name in 0..89 {
        assert!(store.may_try(&name.to_string(), "::1", TIME, 10).await.expect("written"), "{name}");
    }
    assert!(!store.may_try("99", "::1", TIME, 10).await.expect("written"), "a hundred from one place are enough");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(store.may_try("ada", "::1", Duration::from_millis(2), 10).await.expect("written"), "later");
}

async fn a_token_is_found_by_its_digest_until_it_ends(fresh: &Fresh) {
    let store = fresh.store().await;
    let token = |id: &str, expires_at| Token {
        id: id.to_owned(),
        name: "CI".to_owned(),
        role: Role::Editor,
        created_by: "ada".to_owned(),
        created_at: at(10),
        expires_at,
        used_at: None,
    };
    store.add_token(&token("t1", None), "d1", doing("token.add", "t1")).await.expect("written");
    store.add_token(&token("t2", Some(at(20))), "d2", doing("token.add", "t2")).await.expect("written");
    assert_eq!(store.token("d1").await.expect("read"), Some(token("t1", None)));
    assert_eq!(store.token("d2").await.expect("read"), None, "it has ended");
    assert_eq!(store.tokens().await.expect("read").len(), 2);
    store.touch_token("d1").await.expect("written");
    assert!(store.token("d1").await.expect("read").is_some_and(|token| token.used_at.is_some()));
    assert!(store.delete_token("t1", doing("token.delete", "t1")).await.expect("written"));
    assert_eq!(store.token("d1").await.expect("read"), None);
}

async fn deeds_are_found_by_who_and_what(fresh: &Fresh) {
    let store = fresh.store().await;
    for (who, action, subject) in
        [("ada", "offer.save", "vip"), ("bob", "block.save", "Hero_1"), ("bob", "block.delete", "heroX1")]
    {
        store.note(Doing { who, action, subject, detail: "" }).await.expect("written");
    }
    let found = async |filter: DeedFilter| {
        let (deeds, count) = store.deeds(&filter, 0, 2).await.expect("read");
        (deeds.into_iter().map(|deed| deed.subject).collect::<Vec<_>>(), count)
    };
    let none = DeedFilter::default();
    assert_eq!(found(none.clone()).await, (vec!["heroX1".to_owned(), "Hero_1".to_owned()], 3));
    assert_eq!(found(DeedFilter { who: "ada".into(), ..none.clone() }).await, (vec!["vip".to_owned()], 1));
    assert_eq!(found(DeedFilter { action: "block.".into(), ..none.clone() }).await.1, 2);
    assert_eq!(found(DeedFilter { text: "hero_".into(), ..none.clone() }).await, (vec!["Hero_1".to_owned()], 1));
    assert_eq!(found(DeedFilter { since: Some(Timestamp::now() + Duration::from_secs(60)), ..none }).await.1, 0);
    assert_eq!(store.deeds(&DeedFilter::default(), 2, 9).await.expect("read").0[0].number, 1);
}
