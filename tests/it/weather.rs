//! The Edge Network in good and bad weather: no page fails, none is later than the budget, and nobody is looked up twice at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use segue::demo::platform::{DATASTREAM, Fault, Options, Service};

use crate::openapi::{EDGE, Spec};
use crate::origin::{Origin, html};
use crate::platform::{Adobe, VIP};
use crate::running::{Running, Setup, get};
use crate::shop;

/// Requests in each weather; `SEGUE_REQUESTS=10000` for the figures of a long run.
fn requests() -> usize {
    std::env::var("SEGUE_REQUESTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000)
}

const SHOPPERS: usize = 200;
const AT_ONCE: usize = 32;

struct Weather {
    adobe: Adobe,
    running: Running,
    _origin: Origin,
}

/// What a run took.
struct Run {
    failed: usize,
    vips: usize,
    /// Ascending.
    times: Vec<Duration>,
}

impl Run {
    fn quantile(&self, part: f64) -> Duration {
        self.times[((self.times.len() - 1) as f64 * part) as usize]
    }

    fn say(&self, what: &str, asked: u64) {
        let [half, most, last] = [0.5, 0.99, 1.0].map(|part| self.quantile(part));
        let (count, vips) = (self.times.len(), self.vips);
        println!(
            "{what}: {count} pages, {vips} personal, {asked} look-ups, p50 {half:.1?}, p99 {most:.1?}, max {last:.1?}"
        );
    }
}

impl Weather {
    async fn start(lines: &str) -> Self {
        let adobe = Adobe::start(Options::default()).await;
        let origin = Origin::start(|_| html(&shop::home())).await;
        let mut rules = shop::rules().to_string();
        rules = rules.replace(shop::VIP, VIP);
        let setup = Setup { rules, ..Setup::default() }.with(
            "more",
            &format!(
                "[experience_platform]\norg_id = \"{}\"\ndatastream = \"{DATASTREAM}\"\nedge_domain = \"{}\"\n{lines}\n\
                 [experience_platform.consent]\ndefault = \"in\"\n[experience_platform.limits]\nper_client = 100000\n\
                 per_second = 100000\nrequest_units = 100000\n[log]\nlevel = \"warn\"\n",
                adobe.options.org, adobe.url
            ),
        );
        let running = Running::start(&setup, origin.port).await;
        for shopper in (0..SHOPPERS).step_by(2) {
            adobe.platform.move_visitor(&ecid(shopper), VIP, true);
        }
        Self { adobe, running, _origin: origin }
    }

    /// Opens pages of all shoppers in turn, some at a time, as browsers that take no cookies.
    async fn run(&self) -> Run {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
        let next = Arc::new(AtomicUsize::new(0));
        let all = requests();
        let browsers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (client, next, port) = (client.clone(), Arc::clone(&next), self.running.port);
                let cookies: Vec<String> = (0..SHOPPERS).map(|shopper| self.cookie(shopper)).collect();
                tokio::spawn(async move {
                    let (mut times, mut failed, mut vips) = (Vec::new(), 0, 0);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= all {
                            return (times, failed, vips);
                        }
                        let request = Request::get(format!("http://127.0.0.1:{port}/"))
                            .header("cookie", &cookies[number % SHOPPERS])
                            .body(Full::default())
                            .expect("a valid request");
                        let begin = Instant::now();
                        let response = client.request(request).await.expect("an answer");
                        let good = response.status() == StatusCode::OK;
                        let body = response.into_body().collect().await.expect("a whole page").to_bytes();
                        times.push(begin.elapsed());
                        let text = String::from_utf8_lossy(&body);
                        failed += usize::from(!good || !text.contains("Hello ") || !text.ends_with("</html>\n"));
                        vips += usize::from(text.contains("Hello VIP"));
                    }
                })
            })
            .collect();
        let mut run = Run { failed: 0, vips: 0, times: Vec::new() };
        for browser in browsers {
            let (times, failed, vips) = browser.await.expect("no browser panics");
            run.times.extend(times);
            run.failed += failed;
            run.vips += vips;
        }
        run.times.sort_unstable();
        run
    }

    fn cookie(&self, shopper: usize) -> String {
        let platform = &self.adobe.platform;
        format!("{}={}", platform.cookie("identity"), platform.identity_cookie(&ecid(shopper)))
    }

    fn asked(&self) -> u64 {
        self.adobe.platform.count(Service::Edge)
    }

    /// How many pages waited for a look-up, and how many of them no longer than the budget of 80 ms and what a busy machine adds: far
    /// less than the 3 s that the look-up itself may take.
    async fn waits(&self) -> (u64, u64) {
        let metrics = self.running.metrics().await;
        let value = |name: &str| {
            let line =
                metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
            line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        (value("segue_lookup_wait_seconds_count"), value("segue_lookup_wait_seconds_bucket{le=\"1.0\"}"))
    }
}

fn ecid(shopper: usize) -> String {
    format!("7{shopper:037}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_fair_weather_every_shopper_is_looked_up_once() {
    let weather = Weather::start("budget = \"5s\"").await;
    weather.adobe.platform.set_fault(Service::Edge, Fault::slow(Duration::from_millis(20)));
    let run = weather.run().await;
    run.say("edge at 20 ms", weather.asked());
    assert_eq!(run.failed, 0);
    assert_eq!(run.vips, run.times.len() / 2, "personal from the first page on");
    assert_eq!(weather.asked(), SHOPPERS as u64);
    let Some(spec) = Spec::load(EDGE) else { return };
    for seen in weather.adobe.platform.requests() {
        let target = seen.uri.to_string();
        let checked = spec.check_request(seen.method.as_str(), &target, &seen.headers, &seen.body);
        assert_eq!(checked, Ok(()), "{target}");
    }
}

#[tokio::test]
async fn every_form_of_the_question_is_one_that_adobe_describes() {
    let Some(spec) = Spec::load(EDGE) else { return };
    for version in ["v1", "v2"] {
        let weather =
            Weather::start(&format!("budget = \"5s\"\nfirst_visit = \"ask\"\nedge_version = \"{version}\"")).await;
        let org = weather.adobe.options.org.clone();
        let cookies = [
            weather.cookie(0),
            format!(
                "{}; {}=general=in; FPID=0f1d0c6e-3b0a-4d0e-9c55-0b7d3a1f8a01",
                weather.cookie(2),
                weather.adobe.platform.cookie("consent")
            ),
            format!("AMCV_{}=-1|MCMID|{}", org.replace('@', "%40"), ecid(4)),
            "FPID=6f1d0c6e-3b0a-4d0e-9c55-0b7d3a1f8a01".to_owned(),
            "a=1".to_owned(),
        ];
        for (line, known) in cookies.iter().zip([true, true, true, false, false]) {
            let headers = [
                ("cookie", line.as_str()),
                ("sec-fetch-dest", "document"),
                ("user-agent", "Mozilla/5.0"),
                ("accept-language", "de"),
            ];
            let page = weather.running.get("/", &headers).await;
            assert_eq!(page.text().contains("Hello VIP"), known, "{version} {line}");
        }
        let requests = weather.adobe.platform.requests();
        assert_eq!(requests.len(), cookies.len());
        for seen in requests {
            let target = seen.uri.to_string();
            let checked = spec.check_request(seen.method.as_str(), &target, &seen.headers, &seen.body);
            assert_eq!(checked, Ok(()), "{target}");
            assert_eq!(seen.header("cookie"), "", "no cookie of the shop leaves it");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_foul_weather_no_page_fails_or_waits_longer_than_the_budget() {
    for (what, fault) in [
        ("edge at 5 s", Fault::slow(Duration::from_secs(5))),
        ("hanging", Fault::Hang),
        ("refusing", Fault::Refuse(503, None)),
        ("resetting", Fault::Cut),
        ("torn", Fault::Torn),
        ("garbage", Fault::Garbage),
    ] {
        let weather = Weather::start("edge_timeout = \"3s\"").await;
        weather.adobe.platform.set_fault(Service::Edge, fault);
        let run = weather.run().await;
        run.say(what, weather.asked());
        assert_eq!((run.failed, run.vips), (0, 0), "{what}");
        let (waited, briefly) = weather.waits().await;
        assert_eq!(waited, briefly, "{what}: no page waits longer than the budget");
        let opened = weather.running.metrics().await.contains("segue_lookups_spared_total{reason=\"breaker_open\"}");
        assert!(opened, "{what}: the breaker opens");
        assert!(weather.asked() < 2 * SHOPPERS as u64, "{what}: {} look-ups", weather.asked());
    }
}

const NAVIGATION: [(&str, &str); 1] = [("sec-fetch-dest", "document")];

#[tokio::test]
async fn while_identities_come_too_late_nobody_else_is_made_known() {
    let weather = Weather::start("first_visit = \"ask\"").await;
    weather.adobe.platform.set_fault(Service::Edge, Fault::slow(Duration::from_secs(1)));
    for _ in 0..3 {
        let page = weather.running.get("/", &NAVIGATION).await;
        assert!(page.set_cookies().is_empty(), "{:?}", page.set_cookies());
    }
    assert_eq!(weather.asked(), 1);
}

#[tokio::test]
async fn who_hangs_up_before_he_is_made_known_keeps_nobody_else_from_it() {
    let weather = Weather::start("first_visit = \"ask\"\nbudget = \"5s\"").await;
    weather.adobe.platform.set_fault(Service::Edge, Fault::slow(Duration::from_secs(3)));
    let url = format!("http://127.0.0.1:{}/", weather.running.port);
    let request = tokio::spawn(async move { get(&url, &NAVIGATION).await });
    let begin = Instant::now();
    while weather.asked() == 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "the look-up begins");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    request.abort();
    while !weather.running.metrics().await.contains("segue_lookups_total{result=\"abandoned\"} 1") {
        assert!(begin.elapsed() < Duration::from_secs(10), "the look-up is given up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    weather.adobe.platform.set_fault(Service::Edge, None);
    let page = weather.running.get("/", &NAVIGATION).await;
    assert!(page.set_cookies().iter().any(|line| line.contains("_identity=")), "{:?}", page.set_cookies());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_weather_clears_pages_are_personal_again() {
    let weather = Weather::start("budget = \"5s\"").await;
    weather.adobe.platform.set_fault(Service::Edge, Fault::Refuse(500, None));
    for shopper in 0..6 {
        weather.running.get("/", &[("cookie", &weather.cookie(shopper))]).await;
    }
    assert_eq!(weather.asked(), 5);
    weather.adobe.platform.set_fault(Service::Edge, None);
    let begin = Instant::now();
    let is_personal = async || {
        let page = weather.running.get("/", &[("cookie", &weather.cookie(8))]).await;
        page.text().contains("Hello VIP")
    };
    while !is_personal().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "a probe goes out every ten seconds");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
