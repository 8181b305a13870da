//! `segue status`: what is right and wrong at Adobe's, with exit codes for CI.

use segue::demo::platform::{Datastream, Destination, Fault, Options, Service};
use serde_json::Value;

use crate::inventory::{Adobe, Shop};
use crate::openapi::{DESTINATIONS, EDGE, SEGMENTATION, Spec};
use crate::running::Said;

async fn status(adobe: &Adobe, changes: &[(&str, &str)]) -> Said {
    Shop::new(&adobe.section(changes)).say(&["status"]).await
}

/// The line of a check, with the advice below it.
fn line<'s>(said: &'s Said, check: &str) -> &'s str {
    let start = said.out.find(check).unwrap_or_else(|| panic!("no {check} in\n{}{}", said.out, said.err));
    let start = said.out[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = said.out[start..]
        .match_indices('\n')
        .map(|(at, _)| start + at)
        .find(|at| !said.out[*at + 1..].starts_with(' '));
    &said.out[start..end.unwrap_or(said.out.len())]
}

#[tokio::test]
async fn all_is_right() {
    let adobe = Adobe::start(Options::default()).await;
    let shop = Shop::new(&adobe.section(&[
        ("technical_account_id", "\"ACC@techacct.adobe.com\""),
        ("technical_account_email", "\"acc@example\""),
    ]));
    let said = shop.say(&["status", "-v"]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    for check in [
        "client secret 1",
        "client secret 2",
        "token",
        "audiences",
        "sandbox prod",
        "destinations",
        "datastream 9f2b8c1e",
    ] {
        assert!(line(&said, &format!(" {check}")).starts_with("ok "), "{check}: {}", said.out);
    }
    assert!(line(&said, "audiences: may").contains("there are 6"), "{}", said.out);
    assert!(
        line(&said, "destinations:").contains("\"Adobe Commerce\"") && said.out.contains("activated: 3"),
        "{}",
        said.out
    );
    for cell in [
        adobe.options.client_id.as_str(),
        "| Client secret           | *****, *****",
        "ACC@techacct.adobe.com",
        "acc@example",
        "Sandbox name            | prod",
        "9f2b8c1e-6d34-4a57-8be0-1c7d95e2f4a6",
        "127.0.0.1",
    ] {
        assert!(said.out.contains(cell), "{cell} is not in\n{}", said.out);
    }
    assert!(!said.out.contains("stand-in-secret") && !said.err.contains("stand-in-secret"), "{}{}", said.out, said.err);
    let plain = shop.say(&["status"]).await;
    assert!(!plain.out.contains("*****"), "{}", plain.out);
}

#[tokio::test]
async fn what_is_asked_is_what_adobes_specifications_describe_and_makes_no_profiles() {
    let adobe = Adobe::start(Options::default()).await;
    for _ in 0..3 {
        assert_eq!(status(&adobe, &[]).await.code, Some(0));
    }
    assert!(adobe.platform.visitors().len() <= 1, "{:?}", adobe.platform.visitors());
    let requests = adobe.platform.requests();
    for (service, file) in [(Service::Audiences, SEGMENTATION), (Service::Flows, DESTINATIONS), (Service::Edge, EDGE)] {
        let Some(spec) = Spec::load(file) else { return };
        let mut count = 0;
        for request in requests.iter().filter(|request| request.service == service) {
            let target = request.uri.to_string();
            let checked = spec.check_request(request.method.as_str(), &target, &request.headers, &request.body);
            checked.unwrap_or_else(|flaw| panic!("{flaw}"));
            count += 1;
        }
        assert!(count >= 3, "{service:?}");
    }
}

#[tokio::test]
async fn each_failing_check_names_its_screen() {
    let adobe = Adobe::start(Options::default()).await;
    let good = "\"p8e-segue-stand-in-secret-1\"";
    let one = format!("[{good}, \"hunter2-hunter2\"]");
    let cases = [
        ([("client_secret", one.as_str())], "client secret 2", "Developer Console"),
        ([("scopes", "[\"openid\", \"made_up\"]")], "client secret 1", "Scopes"),
        (
            [("destinations", "[\"Nowhere\"]")],
            "destinations",
            "\"Adobe Commerce\" (0c5f7d2a-91be-4e36-a8d4-7f3b60e19c58)",
        ),
        ([("datastream", "\"nowhere\"")], "datastream nowhere", "Data Collection → Datastreams"),
        ([("sandbox", "\"dev\"")], "audiences", "sandbox"),
        ([("org_id", "\"OTHER@AdobeOrg\"")], "audiences", "product profile"),
    ];
    for (changes, check, says) in cases {
        let said = status(&adobe, &changes).await;
        assert_eq!(said.code, Some(1), "{changes:?}: {}{}", said.out, said.err);
        let line = line(&said, &format!(" {check}:"));
        assert!(line.starts_with("failing ") && line.contains(says), "{changes:?}: {line}");
        assert!(said.err.contains("check"), "{}", said.err);
        assert!(!format!("{}{}", said.out, said.err).contains("hunter2"), "{}{}", said.out, said.err);
    }
}

#[tokio::test]
async fn each_service_that_fails_is_told_apart() {
    let adobe = Adobe::start(Options::default()).await;
    let cases = [
        (Service::Ims, Fault::Refuse(500, None), "client secret 1", "in trouble (500"),
        (Service::Ims, Fault::Cut, "client secret 1", "ims_url"),
        (Service::Ims, Fault::Garbage, "client secret 1", "no token"),
        (Service::Audiences, Fault::Refuse(401, None), "audiences", "Developer Console"),
        (Service::Audiences, Fault::Refuse(403, None), "audiences", "View segments"),
        (Service::Audiences, Fault::Refuse(404, None), "audiences", "Sandboxes"),
        (Service::Audiences, Fault::Refuse(429, Some(1)), "audiences", "sync_every"),
        (Service::Flows, Fault::Refuse(403, None), "destinations", "Manage destinations"),
        (Service::Flows, Fault::Garbage, "destinations", "platform_url"),
        (Service::Edge, Fault::Refuse(503, None), "datastream", "status.adobe.com"),
        (Service::Edge, Fault::Refuse(403, None), "datastream", "product profile"),
        (Service::Edge, Fault::Cut, "datastream", "edge_domain"),
        (Service::Edge, Fault::Hang, "datastream", "no answer "),
        (Service::Edge, Fault::Garbage, "datastream", "edge_domain"),
    ];
    for (service, fault, check, says) in cases {
        adobe.platform.set_fault(service, fault);
        let said = status(&adobe, &[]).await;
        adobe.platform.set_fault(service, None);
        assert_eq!(said.code, Some(1), "{fault:?}: {}{}", said.out, said.err);
        let line = line(&said, &format!(" {check}"));
        assert!(line.starts_with("failing ") && line.contains(says), "{fault:?}: {line}");
    }
    assert_eq!(status(&adobe, &[]).await.code, Some(0));
}

#[tokio::test]
async fn a_datastream_that_brings_no_audiences_is_named() {
    let mut options = Options::default();
    let second = Datastream { id: "second".to_owned(), destinations: Vec::new(), ..options.datastreams[0].clone() };
    options.datastreams.push(second);
    let adobe = Adobe::start(options).await;
    let said = status(&adobe, &[("website_datastreams", "{ base = \"second\" }")]).await;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(line(&said, "datastream 9f2b8c1e").starts_with("ok "), "{}", said.out);
    assert!(line(&said, "datastream second").contains("Edge Segmentation"), "{}", said.out);
}

#[tokio::test]
async fn destinations_that_are_off_or_empty_are_named() {
    let with = |enabled, audiences| {
        let mut options = Options::default();
        let destination = &options.datastreams[0].destinations[0];
        let other =
            Destination { id: "other".to_owned(), name: "Other".to_owned(), enabled, audiences, ..destination.clone() };
        options.datastreams[0].destinations.push(other);
        options
    };
    let adobe = Adobe::start(with(true, Vec::new())).await;
    let said = status(&adobe, &[("destinations", "[\"other\"]")]).await;
    assert!(line(&said, "destinations:").contains("Activate audiences"), "{}", said.out);
    assert_eq!(said.code, Some(1));
    let said = status(&adobe, &[("destinations", "")]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let line = line(&said, "destinations:");
    assert!(
        line.contains("none is configured") && line.contains("\"Adobe Commerce\"") && line.contains("\"Other\""),
        "{line}"
    );
}

#[tokio::test]
async fn json_is_for_programs() {
    let adobe = Adobe::start(Options::default()).await;
    let shop = Shop::new(&adobe.section(&[("destinations", "[\"Nowhere\"]")]));
    let said = shop.say(&["status", "--output", "json"]).await;
    assert_eq!(said.code, Some(1));
    let told: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(told["ok"], false);
    let checks = told["checks"].as_array().expect("checks");
    let failing: Vec<&Value> = checks.iter().filter(|check| check["result"] == "failing").collect();
    assert_eq!(failing.len(), 1, "{told}");
    assert_eq!(failing[0]["check"], "destinations");
    assert!(failing[0]["advice"].is_string());
    assert_eq!(told["account"]["client_secret"], "*****, *****");
}

#[tokio::test]
async fn without_account_or_section_it_says_so() {
    let adobe = Adobe::start(Options::default()).await;
    let said = status(&adobe, &[("client_id", ""), ("client_secret", "")]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(line(&said, "account:").starts_with("skipped "), "{}", said.out);
    assert!(line(&said, "datastream").starts_with("ok "), "{}", said.out);
    let said = Shop::new("").say(&["status"]).await;
    assert_eq!(said.code, Some(64));
    assert!(said.err.contains("has no [experience_platform]"), "{}", said.err);
    let said = Shop::new(&adobe.section(&[("datastream", "")])).say(&["status"]).await;
    assert_eq!(said.code, Some(64), "{}", said.err);
    assert!(said.err.contains("experience_platform.datastream"), "{}", said.err);
}
