//! Promise 4: nothing personal lands in a shared cache.

use std::process::Stdio;
use std::time::{Duration, Instant};

use http::Response;
use tokio::process::{Child, Command};

use crate::origin::{Origin, html};
use crate::running::{Folder, KEY, Running, Setup, free_port, get, say};
use crate::shop::{self, VIP};

#[tokio::test]
async fn a_page_that_rules_could_change_for_anybody_is_not_storable() {
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let answer = running.get("/", &[("if-none-match", "\"origin\""), ("range", "bytes=0-9")]).await;
    assert_eq!(answer.status, 200);
    let seen = origin.take_one();
    for name in ["if-none-match", "range"] {
        assert_eq!(seen.header(name), "", "{name} went up");
    }
    assert_eq!(answer.header("cache-control"), "private, no-store");
    for name in ["etag", "last-modified", "expires", "pragma", "accept-ranges"] {
        assert!(!answer.headers.contains_key(name), "{name}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_page_that_no_rule_can_change_stays_as_the_origin_sent_it() {
    let rules = serde_json::json!({ "version": 1, "audiences": [], "offers": [], "blocks": [] });
    let origin = Origin::start(|_| html(&shop::home())).await;
    let running = Running::start(&Setup::rules(&rules), origin.port).await;
    let answer = running.get("/", &[]).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=86400, s-maxage=86400");
    assert_eq!(answer.header("etag"), "\"origin\"");
    assert_eq!(answer.text(), shop::home());
}

#[tokio::test]
async fn an_answer_behind_a_shared_cache_passes_untouched() {
    let origin = Origin::start(|_| {
        let mut answer = html(&shop::home());
        answer.headers_mut().insert("x-magento-tags", "cat_p_1".parse().expect("a header"));
        answer
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let answer = running.get("/", &[]).await;
    assert_eq!(answer.text(), shop::home());
    assert_eq!(answer.header("x-magento-tags"), "cat_p_1");
}

#[tokio::test]
async fn a_cookie_waits_while_a_cache_in_front_is_to_fill_in_the_page() {
    const OLD_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let origin = Origin::start(|seen| {
        let mut answer = html(&shop::home());
        if seen.target == "/esi" {
            answer.headers_mut().insert("surrogate-control", "max-age=60, ESI/1.0".parse().expect("a header"));
        }
        answer
    })
    .await;
    let setup = Setup { old_key: Some(OLD_KEY), ..Setup::rules(&shop::rules()) };
    let running = Running::start(&setup, origin.port).await;
    let old = running.folder.path().join("old.toml");
    let config = setup.config(1, 2, 3).replace(KEY, OLD_KEY).replace(&format!(", \"{OLD_KEY}\""), "");
    std::fs::write(&old, config).expect("a writable folder");
    let minted = say(&["cookie", "mint", "--config", &old.to_string_lossy(), "--audience", VIP]).await;
    let cookie = format!("segue={}", minted.out.trim());
    for (path, renewed) in [("/", true), ("/esi", false)] {
        let answer = running.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.headers.contains_key("set-cookie"), renewed, "{path}: {:?}", answer.headers);
        assert_eq!(answer.header("surrogate-control").is_empty(), renewed, "{path}");
    }
}

/// Varnish in front of Segue, caching everything that the answer does not forbid, cookies or not, as Magento's VCL does.
struct Varnish {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl Varnish {
    async fn start(backend: u16) -> Option<Self> {
        let folder = Folder::new();
        let vcl = folder.write(
            "segue.vcl",
            &format!(
                "vcl 4.1;\nbackend segue {{ .host = \"127.0.0.1\"; .port = \"{backend}\"; }}\n\
                 sub vcl_recv {{ return (hash); }}\n\
                 sub vcl_backend_response {{\n  if (beresp.http.Cache-Control ~ \"private|no-store\") {{\n    \
                 set beresp.ttl = 120s;\n    set beresp.uncacheable = true;\n  }} else {{\n    \
                 unset beresp.http.Set-Cookie;\n    set beresp.ttl = 1h;\n  }}\n  return (deliver);\n}}\n"
            ),
        );
        let port = free_port();
        let spawned = Command::new("varnishd")
            .args(["-F", "-j", "none", "-s", "default,16m"])
            .args(["-n".as_ref(), folder.path().join("work").as_os_str()])
            .args(["-f".as_ref(), vcl.as_os_str()])
            .args(["-a", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) if std::env::var_os("SEGUE_TESTS").is_none() => {
                eprintln!("skipped: varnishd cannot be started ({error}); tests/run installs it");
                return None;
            }
            Err(error) => panic!("varnishd cannot be started: {error}"),
        };
        let begin = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(process.try_wait().expect("the process can be asked").is_none(), "varnishd ended");
            assert!(begin.elapsed() < Duration::from_secs(30), "varnishd does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(Self { process, port, _folder: folder })
    }
}

#[tokio::test]
async fn with_a_hot_varnish_in_front_each_shopper_sees_his_own_page() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/static/app.js" => Response::builder()
            .header("content-type", "application/javascript")
            .header("cache-control", "public, max-age=3600")
            .body("var a;".into())
            .expect("a valid answer"),
        _ => html(&shop::home()),
    })
    .await;
    let running = Running::start(&Setup::rules(&shop::rules()), origin.port).await;
    let Some(mut varnish) = Varnish::start(running.port).await else { return };
    let minted = say(&["cookie", "mint", "--config", &running.config(), "--audience", "VIP"]).await.out;
    let vip = format!("segue={}", minted.trim());
    let home = format!("http://127.0.0.1:{}/", varnish.port);
    for _ in 0..3 {
        let page = get(&home, &[("cookie", &vip)]).await.text();
        assert!(page.contains("Hello VIP") && page.contains("$8.00"));
        let page = get(&home, &[]).await.text();
        assert!(page.contains("Hello all") && !page.contains("$8.00"));
    }
    let script = format!("http://127.0.0.1:{}/static/app.js", varnish.port);
    origin.take();
    for _ in 0..3 {
        assert_eq!(get(&script, &[]).await.text(), "var a;");
    }
    assert_eq!(origin.take().len(), 1, "this Varnish does cache what may be cached");
    varnish.process.kill().await.expect("varnishd ends");
}

#[tokio::test]
async fn a_conditional_request_after_a_change_of_audience_gets_the_new_page() {
    let origin = Origin::start(|seen| {
        if seen.headers.contains_key("if-none-match") {
            return Response::builder().status(304).body(Default::default()).expect("a valid answer");
        }
        html(&shop::home())
    })
    .await;
    let setup = Setup::rules(&shop::rules()).with("membership", "trust = \"cookie\"");
    let running = Running::start(&setup, origin.port).await;
    let conditional = ("if-none-match", "\"origin\"");
    let first = running.get("/", &[conditional]).await;
    assert!(first.status == 200 && first.text().contains("Hello all"));
    let second = running.get("/", &[conditional, ("cookie", &format!("aep-segments-membership={VIP}"))]).await;
    assert!(second.status == 200 && second.text().contains("Hello VIP"));
}
