use http::Response;

use super::*;
use crate::aep::mock::{Mock, answer};
use crate::commerce::client::tests::client;

fn data(items: &Value, pages: u64) -> Value {
    json!({ "data": {
        "dynamicBlocks": { "items": items, "page_info": { "total_pages": pages } },
        "storeConfig": { "secure_base_url": "https://shop.example/de/", "secure_base_media_url": "https://shop.example/media/" },
    } })
}

fn item(number: u64, html: &str) -> Value {
    json!({ "uid": STANDARD.encode(number.to_string()), "content": { "html": html } })
}

fn said(body: &Value) -> Response<String> {
    answer(200, body.to_string())
}

#[tokio::test]
async fn every_page_is_read_of_every_store_view() {
    let mock = Mock::start(|seen| {
        let asked: Value = serde_json::from_str(&seen.body).expect("JSON");
        let view = seen.header("store").to_owned();
        let items = match (asked["variables"]["currentPage"].as_u64(), asked["variables"]["audience"]["in"].as_array())
        {
            (_, Some(_)) => {
                let mut own = item(11, "<p>VIP</p>");
                own["audience_id"] = json!(["vip"]);
                json!([own])
            }
            (Some(1), None) => json!([item(2, &format!("<p>{view}</p>"))]),
            (page, None) => json!([item(10, &format!("{page:?}"))]),
        };
        // Of one page more than there are: the last one comes again.
        said(&data(&items, 9))
    })
    .await;
    let blocks = client(&mock).dynamic_blocks(&["default", "de"], &["vip"], &[]).await.expect("blocks");
    assert_eq!(blocks.iter().map(DynamicBlock::number).collect::<Vec<_>>(), [Some(2), Some(10), Some(11)]);
    assert_eq!(
        blocks[0].html,
        BTreeMap::from([("default".into(), "<p>default</p>".into()), ("de".into(), "<p>de</p>".into())])
    );
    assert!(blocks[0].audiences.is_empty() && blocks[2].audiences == BTreeSet::from(["vip".to_owned()]));
    assert!(mock.seen().iter().all(|seen| seen.path() == "/graphql" && seen.header("authorization").is_empty()));
}

#[tokio::test]
async fn a_shop_without_audiences_is_asked_without_them() {
    let mock = Mock::start(|seen| match seen.body.contains("audience_id") {
        true => said(&json!({ "errors": [
            { "message": "Field \"audience_id\" is not defined by type \"DynamicBlocksFilterInput\"." },
            { "message": "Cannot query field \"audience_id\" on type \"DynamicBlock\"." },
        ] })),
        false => said(&data(&json!([item(1, "a")]), 1)),
    })
    .await;
    let blocks = client(&mock).dynamic_blocks(&["default", "de"], &["vip"], &["MQ=="]).await.expect("blocks");
    assert_eq!((blocks.len(), blocks[0].html.len(), mock.seen().len()), (1, 2, 3));
}

#[tokio::test]
async fn what_a_shop_lacks_or_refuses_is_told() {
    for (status, body, word, words) in [
        (
            200,
            r#"{"errors":[{"message":"Cannot query field \"dynamicBlocks\" on type \"Query\"."}]}"#,
            "absent",
            "this shop has none",
        ),
        (400, r#"{"errors":[{"message":"Value of uid \"5\" is incorrect."}],"data":null}"#, "refused", "Value of uid"),
        (200, r#"{"data":null}"#, "malformed", "no data"),
        (200, r#"{"data":{"dynamicBlocks":null}}"#, "malformed", "no list"),
        (503, "<html></html>", "closed", "maintenance"),
    ] {
        let mock = Mock::start(move |_| answer(status, body)).await;
        let error = client(&mock).dynamic_blocks(&["default"], &[], &[]).await.expect_err("nothing of use");
        assert_eq!(error.as_str(), word, "{body}: {error}");
        assert!(error.to_string().contains(words) && !error.advice().is_empty(), "{error}");
    }
}

#[test]
fn addresses_are_written_out_and_nothing_else() {
    let of = |media: &str| {
        Addresses::of(&json!({ "secure_base_url": "https://shop.example/de/", "secure_base_media_url": media }))
    };
    let own = of("https://shop.example/media/");
    for (html, written) in [
        ("<img src=\"{{media url=\"wysiwyg/a.jpg\"}}\">", "<img src=\"/media/wysiwyg/a.jpg\">"),
        ("<img src=\"{{media url=wysiwyg/a.jpg}}\">", "<img src=\"/media/wysiwyg/a.jpg\">"),
        ("<img src=\"{{media url=&quot;a.jpg&quot;}}\">", "<img src=\"/media/a.jpg\">"),
        ("<a href='{{store url=\"sale.html\"}}'>", "<a href='/de/sale.html'>"),
        ("<a href='{{store direct_url=\"/sale.html\"}}'>", "<a href='/de/sale.html'>"),
        ("{{store url=\"a\" _query=\"b\"}}", "{{store url=\"a\" _query=\"b\"}}"),
        ("a {{widget type=\"X\"}} {{ b", "a {{widget type=\"X\"}} {{ b"),
        ("{{media}}{{media url=\"<b>\"}}", "{{media}}{{media url=\"<b>\"}}"),
    ] {
        assert_eq!(own.written_out(html), written);
    }
    assert_eq!(of("https://cdn.example/m/").written_out("{{media url=a.jpg}}"), "https://cdn.example/m/a.jpg");
    assert_eq!(Addresses::of(&Value::Null).written_out("{{media url=a.jpg}}"), "{{media url=a.jpg}}");
}
