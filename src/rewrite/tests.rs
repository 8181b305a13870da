//! Pages through the whole of rewriting, with bodies that come in pieces, late, broken or not at all.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::*;
use crate::body::BoxError;
use crate::decision::select::PlacedBlock;
use crate::rewrite::coding::Effort;
use crate::rule::Placement;

const BANNER: &str = "<p>Twenty percent off for you</p>";

/// A page of about `length` bytes that does not compress to nothing.
fn page_of(length: usize, classes: &str) -> Bytes {
    let mut dice = Dice(length as u64 + 1);
    let words = (0..length / 12).map(|_| format!("<i>{:05x}</i>", dice.roll(1 << 20)));
    let text: String = words.collect();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Café</title></head><body class=\"{classes}\">\
         <main id=\"maincontent\" class=\"page-main\"><div class=\"columns\"><div class=\"column main\">{text}</div></div></main>\
         </body></html>"
    )
    .into()
}

fn home() -> Bytes {
    page_of(5000, "cms-home cms-index-index page-layout-1column")
}

fn banner(html: &str) -> Selection {
    let block = PlacedBlock { id: "hero".into(), placement: Placement::PageTop, html: html.into() };
    Selection { blocks: vec![block], ..Selection::default() }
}

/// A small generator, so that a printed seed repeats a run.
struct Dice(u64);

impl Dice {
    fn cast() -> Self {
        let seed = getrandom::u64().expect("the system's random numbers") | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn cut(&mut self, bytes: &Bytes) -> Vec<Step> {
        let mut rest = bytes.clone();
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let most = 1 << self.roll(13);
            let length = (self.roll(most) as usize).min(rest.len());
            steps.push(Step::Chunk(rest.split_to(length)));
        }
        steps
    }
}

enum Step {
    Chunk(Bytes),
    Wait(Duration),
    Trailers(HeaderMap),
    Break,
}

struct Script {
    steps: VecDeque<Step>,
    asleep: Option<Pin<Box<Sleep>>>,
}

fn script(steps: impl IntoIterator<Item = Step>) -> Body {
    Body::boxed(Script { steps: steps.into_iter().collect(), asleep: None })
}

impl HttpBody for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(asleep) = &mut self.asleep {
                ready!(asleep.as_mut().poll(cx));
                self.asleep = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                None => None,
                Some(Step::Chunk(chunk)) => Some(Ok(Frame::data(chunk))),
                Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
                Some(Step::Break) => Some(Err("connection reset".into())),
                Some(Step::Wait(time)) => {
                    self.asleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
            });
        }
    }
}

fn rewriter() -> Arc<Rewriter> {
    Arc::new(Rewriter::new(Config::default()))
}

fn bounded(max_page_bytes: usize, max_held_bytes: usize) -> Arc<Rewriter> {
    Arc::new(Rewriter::new(Config { max_page_bytes, max_held_bytes, ..Config::default() }))
}

fn wanted_with(rewriter: &Rewriter, method: &str, mode: Mode, headers: &[(&str, &str)]) -> (Wanted, HeaderMap) {
    let request =
        headers.iter().fold(Request::builder().method(method), |builder, (name, value)| builder.header(*name, *value));
    let (mut parts, ()) = request.uri("/women.html").body(()).expect("a request").into_parts();
    let wanted = rewriter.prepare(&mut parts, mode, true);
    (wanted, parts.headers)
}

fn wanted(rewriter: &Rewriter, accepted: &str) -> Wanted {
    wanted_with(rewriter, "GET", Mode::On, &[("accept-encoding", accepted)]).0
}

fn answer(body: Body, headers: &[(&str, &str)]) -> Response<Body> {
    let builder = Response::builder().header("content-type", "text/html; charset=UTF-8");
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body).expect("an answer")
}

/// What the origin's page cache says of a page.
const CACHED: [(&str, &str); 7] = [
    ("cache-control", "public, max-age=86400, s-maxage=86400"),
    ("pragma", "cache"),
    ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ("etag", "\"abc\""),
    ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("accept-ranges", "bytes"),
    ("content-md5", "xyz"),
];

async fn rewrite(rewriter: &Rewriter, wanted: &Wanted, answer: Response<Body>, selection: &Selection) -> Rewritten {
    rewriter.rewrite(wanted, answer, &Dressing::default(), |_, _| Ok(selection.clone())).await
}

async fn bytes(response: Response<Body>) -> Bytes {
    let sent = response.into_body().collect().await.expect("a whole body").to_bytes();
    // What is held counts as long as the bytes themselves are there.
    Bytes::copy_from_slice(&sent)
}

fn skipped(rewritten: &Rewritten) -> Option<Skip> {
    rewritten.outcome.as_ref().err().copied()
}

fn header<'r>(response: &'r Response<Body>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

fn is_private(response: &Response<Body>) -> bool {
    let validators =
        ["etag", "last-modified", "expires", "pragma"].iter().any(|name| response.headers().contains_key(*name));
    header(response, "cache-control") == Some("private, no-store") && !validators
}

fn unzipped(encoded: &[u8]) -> Bytes {
    coding::gunzip(encoded, usize::MAX, Budget::new(usize::MAX).permit()).expect("gzip").0
}

fn zipped(plain: &[u8]) -> Bytes {
    coding::gzip(plain, Effort::Quick)
}

fn has_banner(page: &[u8]) -> bool {
    String::from_utf8_lossy(page).contains(BANNER)
}

#[tokio::test]
async fn changes_a_page_however_it_is_cut_and_coded() {
    let mut dice = Dice::cast();
    let page = home();
    let (first, second) = page.split_at(1000);
    let members = Bytes::from([zipped(first), zipped(second)].concat());
    for _ in 0..30 {
        for (coding, body) in [("identity", page.clone()), ("gzip", zipped(&page)), ("x-gzip", members.clone())] {
            let rewriter = rewriter();
            for accepted in ["gzip, br", "br"] {
                let answer = answer(script(dice.cut(&body)), &[("content-encoding", coding)]);
                let made = rewrite(&rewriter, &wanted(&rewriter, accepted), answer, &banner(BANNER)).await;
                assert_eq!(skipped(&made), None);
                let gzip = accepted.contains("gzip");
                assert_eq!(header(&made.response, "content-encoding"), gzip.then_some("gzip"));
                let length = header(&made.response, "content-length").and_then(|length| length.parse().ok());
                let sent = bytes(made.response).await;
                assert_eq!(length, Some(sent.len()));
                let plain = if gzip { unzipped(&sent) } else { sent };
                let main = String::from_utf8_lossy(&page).find("<main").expect("a main part");
                assert!(has_banner(&plain) && plain.ends_with(&page[main..]));
            }
            assert_eq!(rewriter.stats().held_bytes, 0);
        }
    }
}

#[tokio::test]
async fn a_changed_page_keeps_no_header_of_the_old_one() {
    let rewriter = rewriter();
    let page = home();
    let answer =
        answer(page.into(), &[&CACHED[..], &[("vary", "Accept-Encoding"), ("repr-digest", "sha-256=:x:")]].concat());
    let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
    assert!(is_private(&made.response));
    for name in ["accept-ranges", "content-md5", "repr-digest"] {
        assert_eq!(header(&made.response, name), None, "{name}");
    }
    assert_eq!(header(&made.response, "vary"), Some("Accept-Encoding"));
}

#[tokio::test]
async fn who_gets_the_default_gets_the_bytes_as_they_came() {
    let rewriter = rewriter();
    let body = zipped(&home());
    let length = body.len().to_string();
    let headers = [&CACHED[..], &[("content-encoding", "gzip"), ("content-length", &length)]].concat();
    for known in [false, true] {
        let made = rewrite(
            &rewriter,
            &wanted(&rewriter, "gzip"),
            answer(body.clone().into(), &headers),
            &Selection::default(),
        )
        .await;
        assert_eq!(made.outcome.as_ref().map(|done| (done.remembered, done.changes.len())), Ok((known, 0)));
        assert!(is_private(&made.response));
        assert_eq!(header(&made.response, "content-length"), Some(length.as_str()));
        assert_eq!(rewriter.stats().held_bytes, if known { 0 } else { body.len() });
        assert_eq!(bytes(made.response).await, body);
        assert_eq!(rewriter.stats().held_bytes, 0);
    }
}

#[tokio::test]
async fn a_page_that_is_the_same_for_everyone_is_untouched() {
    let rewriter = rewriter();
    let untouched = answer(Body::empty(), &CACHED).headers().clone();
    for (mode, personal, skip) in [(Mode::On, false, Skip::NoRule), (Mode::Off, true, Skip::ModeOff)] {
        let request = Request::builder().header("if-none-match", "\"x\"").header("accept-encoding", "br");
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let asked = parts.headers.clone();
        let wanted = rewriter.prepare(&mut parts, mode, personal);
        assert_eq!((wanted.skip(), &parts.headers), (Some(skip), &asked));
        let made = rewrite(&rewriter, &wanted, answer(home().into(), &CACHED), &banner(BANNER)).await;
        assert_eq!(skipped(&made), Some(skip));
        assert_eq!(made.response.headers(), &untouched);
        assert_eq!(bytes(made.response).await, home());
    }
}

#[tokio::test]
async fn a_client_without_gzip_can_read_what_was_sent_as_gzip() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "identity");
    for selection in [Selection::default(), banner(BANNER)] {
        let answer = answer(zipped(&home()).into(), &[("content-encoding", "gzip")]);
        let made = rewrite(&rewriter, &wanted, answer, &selection).await;
        assert_eq!(header(&made.response, "content-encoding"), None);
        assert_eq!(has_banner(&bytes(made.response).await), !selection.blocks.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_page_streams_on() {
    let rewriter = rewriter();
    let page = home();
    let drip = page
        .chunks(100)
        .flat_map(|chunk| [Step::Wait(Duration::from_millis(100)), Step::Chunk(Bytes::copy_from_slice(chunk))]);
    let length = page.len().to_string();
    let headers = [&CACHED[..], &[("content-length", &length)]].concat();
    let started = Instant::now();
    let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer(script(drip), &headers), &banner(BANNER)).await;
    assert_eq!(skipped(&made), Some(Skip::Slow));
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    assert!(is_private(&made.response));
    assert_eq!(header(&made.response, "content-md5"), Some("xyz"));
    assert!(rewriter.stats().held_bytes > 0);
    assert_eq!(bytes(made.response).await, page);
    assert_eq!(rewriter.stats().held_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_page_announced_as_too_large_is_not_waited_for() {
    let rewriter = bounded(4000, 1 << 20);
    let page = home();
    let steps = [Step::Wait(Duration::from_secs(1)), Step::Chunk(page.clone())];
    let started = Instant::now();
    let answer = answer(script(steps), &[("content-length", &page.len().to_string())]);
    let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
    assert_eq!(skipped(&made), Some(Skip::TooLarge));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(bytes(made.response).await, page);
}

#[tokio::test]
async fn a_page_that_turns_out_too_large_passes_whole() {
    let mut dice = Dice::cast();
    let page = home();
    for coding in ["identity", "gzip"] {
        let rewriter = bounded(4000, 1 << 20);
        let body = if coding == "gzip" { zipped(&page) } else { page.clone() };
        let answer = answer(script(dice.cut(&body)), &[("content-encoding", coding)]);
        let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
        assert_eq!(skipped(&made), Some(Skip::TooLarge));
        assert_eq!(header(&made.response, "content-encoding"), Some(coding));
        assert_eq!(bytes(made.response).await, body);
        assert_eq!(rewriter.stats().held_bytes, 0);
    }
}

#[tokio::test]
async fn a_bomb_passes_unopened() {
    let rewriter = bounded(1 << 18, 1 << 20);
    let bomb = zipped(&vec![b' '; 2 << 20]);
    let answer = answer(bomb.clone().into(), &[("content-encoding", "gzip")]);
    let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
    assert_eq!(skipped(&made), Some(Skip::TooLarge));
    assert!(rewriter.stats().held_bytes_peak <= 1 << 20);
    assert_eq!(bytes(made.response).await, bomb);
}

#[tokio::test(start_paused = true)]
async fn many_large_pages_at_once_stay_within_the_budget() {
    const BUDGET: usize = 3_000_000;
    let rewriter = bounded(1 << 20, BUDGET);
    let mut dice = Dice::cast();
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..40 {
        let page = page_of(300_000 + n * 12, "cms-index-index");
        let mut steps = dice.cut(&page);
        steps.insert(steps.len() / 2, Step::Wait(Duration::from_millis(500 + dice.roll(50))));
        let rewriter = Arc::clone(&rewriter);
        waiting.spawn(async move {
            let wanted = wanted(&rewriter, "identity");
            let made = rewrite(&rewriter, &wanted, answer(script(steps), &[]), &banner(BANNER)).await;
            let skip = skipped(&made);
            let sent = bytes(made.response).await;
            match skip {
                None => assert!(has_banner(&sent)),
                Some(skip) => assert_eq!((skip, sent), (Skip::Busy, page)),
            }
            skip.is_none()
        });
    }
    let outcomes = waiting.join_all().await;
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "{outcomes:?}");
    let stats = rewriter.stats();
    assert!(stats.held_bytes_peak <= BUDGET, "{stats:?}");
    assert_eq!(stats.held_bytes, 0);
}

#[tokio::test]
async fn a_page_without_room_to_render_passes_and_is_not_held_against_it() {
    let page = home();
    let body = zipped(&page);
    let rewriter = bounded(1 << 20, 1 << 20);
    let wanted = wanted(&rewriter, "gzip");
    let length = body.len().to_string();
    // Room for the body, then for the decoded page as well, then for all.
    for (room, skip) in
        [(body.len() + 10, Some(Skip::Busy)), (body.len() + page.len() + 2000, Some(Skip::Busy)), (1 << 20, None)]
    {
        let mut others = rewriter.budget.permit();
        others.grow((1 << 20) - room).expect("the budget is free");
        let answer = answer(body.clone().into(), &[("content-encoding", "gzip"), ("content-length", &length)]);
        let made = rewrite(&rewriter, &wanted, answer, &banner(BANNER)).await;
        assert_eq!(skipped(&made), skip, "{room}");
        assert_eq!(bytes(made.response).await == body, skip.is_some());
        drop(others);
        assert_eq!(rewriter.stats().held_bytes, 0);
    }
}

#[tokio::test]
async fn a_broken_answer_stays_broken() {
    let page = home();
    let half = page.slice(..page.len() / 2);
    let length = page.len().to_string();
    for steps in [vec![Step::Chunk(half.clone()), Step::Break], vec![Step::Chunk(half.clone())]] {
        let rewriter = rewriter();
        let answer = answer(script(steps), &[("content-length", &length)]);
        let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
        assert_eq!(skipped(&made), Some(Skip::Truncated));
        assert_eq!(header(&made.response, "content-length"), Some(length.as_str()));
        let mut body = made.response.into_body();
        let first = body.frame().await.expect("a frame").expect("what came");
        assert_eq!(first.into_data().expect("data"), half);
        assert!(!body.is_end_stream());
        assert!(body.frame().await.expect("an end").is_err());
        assert_eq!(rewriter.stats().held_bytes, 0);
    }
}

#[tokio::test]
async fn broken_gzip_passes_as_it_came() {
    let whole = zipped(&home());
    let mut wrong_sum = whole.to_vec();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0x10;
    for body in [whole.slice(..whole.len() - 3), wrong_sum.into(), [&whole[..], b"junk"].concat().into(), home()] {
        let rewriter = rewriter();
        for _ in 0..2 {
            let answer = answer(body.clone().into(), &[("content-encoding", "gzip")]);
            let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
            assert_eq!(skipped(&made), Some(Skip::Coding));
            assert_eq!(header(&made.response, "content-encoding"), Some("gzip"));
            assert!(is_private(&made.response));
            assert_eq!(bytes(made.response).await, body);
        }
    }
}

#[tokio::test]
async fn leaves_other_texts_alone() {
    let latin =
        Bytes::from_static(b"<html><head><meta charset=iso-8859-1></head><body><main id=maincontent>caf\xe9</main>");
    let esi =
        Bytes::from_static(b"<html><body><main id=maincontent><esi:include src=\"/page_cache/block/esi\"/></main>");
    let checkout = page_of(2000, "checkout-index-index");
    for (skip, kind, page, private) in [
        (Skip::Charset, "text/html; charset=ISO-8859-1", &latin, false),
        (Skip::NotUtf8, "text/html; charset=UTF-8", &latin, true),
        (Skip::Charset, "text/html", &latin, false),
        (Skip::Empty, "text/html", &Bytes::new(), true),
        (Skip::SharedCacheInFront, "text/html", &esi, false),
        (Skip::NotPage, "text/html", &checkout, false),
        (Skip::NotHtml, "application/json", &home(), false),
    ] {
        let rewriter = rewriter();
        let mut answer = answer(page.clone().into(), &CACHED);
        answer.headers_mut().insert("content-type", kind.parse().expect("a value"));
        let headers = answer.headers().clone();
        let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer, &banner(BANNER)).await;
        assert_eq!(skipped(&made), Some(skip), "{kind}");
        assert_eq!(is_private(&made.response), private, "{skip}");
        assert_eq!(made.response.headers() == &headers, !private, "{skip}");
        assert_eq!(bytes(made.response).await, page);
    }
}

#[tokio::test]
async fn a_defect_in_our_own_work_leaves_the_page_whole() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "gzip");
    let select = |_: &PageFacts, _: &StoreHints| -> Result<Selection, Skip> { panic!("a defect, on purpose") };
    let made = rewriter.rewrite(&wanted, answer(home().into(), &[]), &Dressing::default(), select).await;
    assert_eq!(skipped(&made), Some(Skip::PlanFailed));
    assert_eq!(bytes(made.response).await, home());
}

#[tokio::test]
async fn what_select_refuses_passes() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "gzip");
    let select = |_: &PageFacts, _: &StoreHints| Err(Skip::StoreMismatch);
    let made = rewriter.rewrite(&wanted, answer(home().into(), &CACHED), &Dressing::default(), select).await;
    assert_eq!(skipped(&made), Some(Skip::StoreMismatch));
    assert!(is_private(&made.response));
    assert_eq!(bytes(made.response).await, home());
}

#[tokio::test]
async fn trailers_stay_with_the_bytes_they_came_with() {
    let trailers = HeaderMap::from_iter([(http::header::SERVER, HeaderValue::from_static("x"))]);
    for (selection, kept) in [(Selection::default(), true), (banner(BANNER), false)] {
        let rewriter = rewriter();
        let body = script([Step::Chunk(home()), Step::Trailers(trailers.clone())]);
        let made = rewrite(&rewriter, &wanted(&rewriter, "gzip"), answer(body, &[]), &selection).await;
        let sent = made.response.into_body().collect().await.expect("a whole body");
        assert_eq!(sent.trailers().is_some(), kept);
    }
}

#[tokio::test]
async fn remembers_pages_by_their_bytes_and_variants_by_their_selection() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "br");
    let mut sent = Vec::new();
    // The block's id is not part of what it shows: an unrelated publication changes nothing here.
    let mut renamed = banner(BANNER);
    renamed.blocks[0].id = "another".into();
    for selection in [banner(BANNER), renamed, banner("<p>Other</p>"), Selection::default(), banner(BANNER)] {
        let made = rewrite(&rewriter, &wanted, answer(home().into(), &[]), &selection).await;
        let remembered = made.outcome.as_ref().expect("done").remembered;
        sent.push((remembered, bytes(made.response).await));
    }
    let remembered: Vec<bool> = sent.iter().map(|(remembered, _)| *remembered).collect();
    assert_eq!(remembered, [false, true, false, false, true]);
    assert_eq!(sent[0].1, sent[1].1);
    assert_eq!(sent[0].1, sent[4].1);
    assert!(!has_banner(&sent[2].1) && sent[3].1 == home());
    let memo = rewriter.stats().memo;
    assert_eq!((memo.page_hits, memo.page_misses, memo.variant_hits, memo.variant_misses), (4, 1, 2, 3));
    assert_eq!(rewriter.stats().held_bytes, 0);
}

#[tokio::test]
async fn selects_once_for_a_page_and_its_circumstances() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "br");
    let asked = Cell::new(0);
    let bodies = [home(), home(), page_of(3000, "cms-index-index")];
    for (circumstances, body, times) in
        [("vip", 0, 1), ("vip", 1, 1), ("new", 0, 2), ("vip", 2, 3), ("new", 1, 3), ("vip", 2, 3)]
    {
        let html = format!("<p>{circumstances}</p>");
        let select = |_: &PageFacts, _: &StoreHints| {
            asked.set(asked.get() + 1);
            Ok(banner(&html))
        };
        let wanted = rewriter.under(wanted, &circumstances);
        let answer = answer(bodies[body].clone().into(), &[]);
        let made = rewriter.rewrite(&wanted, answer, &Dressing::default(), select).await;
        assert_eq!(asked.get(), times, "{circumstances} on page {body}");
        assert!(String::from_utf8_lossy(&bytes(made.response).await).contains(&html), "{circumstances} on page {body}");
    }
}

#[tokio::test]
async fn a_marker_is_for_those_who_have_it() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "br");
    for marker in [None, Some("simulated"), None] {
        let dressing = Dressing { marker, ..Dressing::default() };
        let select = |_: &PageFacts, _: &StoreHints| Ok(Selection::default());
        let made = rewriter.rewrite(&wanted, answer(home().into(), &[]), &dressing, select).await;
        assert_eq!(bytes(made.response).await != home(), marker.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variant_asked_for_again_gets_shorter() {
    let rewriter = rewriter();
    let wanted = wanted(&rewriter, "gzip");
    let page = page_of(600_000, "cms-index-index");
    let send = async || {
        bytes(rewrite(&rewriter, &wanted, answer(page.clone().into(), &[]), &banner(BANNER)).await.response).await
    };
    let first = send().await;
    let shorter = async {
        loop {
            let again = send().await;
            if again.len() < first.len() {
                return again;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let shorter = tokio::time::timeout(Duration::from_secs(30), shorter).await.expect("a second encoding");
    assert_eq!(unzipped(&shorter), unzipped(&first));
    assert!(has_banner(&unzipped(&shorter)));
}

#[tokio::test]
async fn prepares_requests_for_the_origin() {
    let rewriter = rewriter();
    let headers =
        [("accept-encoding", "gzip, br"), ("if-none-match", "\"x\""), ("range", "bytes=0-9"), ("accept", "text/html")];
    let (wanted, up) = wanted_with(&rewriter, "GET", Mode::On, &headers);
    assert_eq!(wanted.skip(), None);
    let names: Vec<&str> = up.keys().map(|name| name.as_str()).collect();
    assert_eq!((names, up["accept-encoding"].as_bytes()), (vec!["accept-encoding", "accept"], &b"gzip"[..]));

    let (wanted, up) = wanted_with(&rewriter, "GET", Mode::Observe, &headers);
    assert_eq!((wanted.skip(), up.len()), (None, 4));

    let (wanted, up) = wanted_with(&rewriter, "GET", Mode::Off, &headers);
    assert_eq!((wanted.skip(), &up["accept-encoding"]), (Some(Skip::ModeOff), &HeaderValue::from_static("gzip, br")));

    let (wanted, up) = wanted_with(&rewriter, "POST", Mode::On, &headers);
    assert_eq!((wanted.skip(), up.len()), (Some(Skip::Method), 4));

    let (_, up) = wanted_with(&rewriter, "GET", Mode::On, &[]);
    assert_eq!(up["accept-encoding"], "identity");
}

#[tokio::test]
async fn head_says_what_get_would_say_to_caches() {
    let rewriter = rewriter();
    let (wanted, up) = wanted_with(&rewriter, "HEAD", Mode::On, &[("if-none-match", "\"x\"")]);
    assert_eq!((wanted.skip(), up.len()), (Some(Skip::Head), 0));
    let headers = [&CACHED[..], &[("content-length", "100")]].concat();
    let made = rewrite(&rewriter, &wanted, answer(Body::empty(), &headers), &banner(BANNER)).await;
    assert_eq!(skipped(&made), Some(Skip::Head));
    assert!(is_private(&made.response));
    assert_eq!(header(&made.response, "content-length"), None);
}

#[tokio::test]
async fn who_gets_the_origins_page_gets_none_that_a_shared_cache_keeps() {
    let rewriter = rewriter();
    for (skip, headers) in [
        (Skip::Crawler, ("user-agent", "Googlebot/2.1")),
        (Skip::Fragment, ("x-requested-with", "XMLHttpRequest")),
        (Skip::NotHtmlWanted, ("sec-fetch-dest", "image")),
    ] {
        let (wanted, _) = wanted_with(&rewriter, "GET", Mode::On, &[headers]);
        let made = rewrite(&rewriter, &wanted, answer(home().into(), &CACHED), &banner(BANNER)).await;
        assert_eq!(skipped(&made), Some(skip));
        assert!(is_private(&made.response), "{skip}");
        let mut image = answer(home().into(), &CACHED);
        image.headers_mut().insert("content-type", HeaderValue::from_static("image/png"));
        assert!(!is_private(&rewriter.pass(&wanted, skip, image).response), "{skip}");
    }
}

/// Sends an answer past an observer and tells what the client got and what was reported.
async fn observed(rewriter: &Arc<Rewriter>, answer: Response<Body>) -> (Option<Bytes>, Outcome) {
    let (wanted, _) = wanted_with(rewriter, "GET", Mode::Observe, &[("accept-encoding", "gzip")]);
    let (report, reported) = oneshot::channel();
    let headers = answer.headers().clone();
    let tell = move |outcome| report.send(outcome).expect("somebody waits");
    let response = rewriter.observe(&wanted, answer, |_, _| Ok(banner(BANNER)), tell);
    assert_eq!(response.headers(), &headers);
    let sent = response.into_body().collect().await.ok().map(|body| body.to_bytes());
    (sent, reported.await.expect("a report"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_page_passes_as_it_is_and_is_judged() {
    let mut dice = Dice::cast();
    let rewriter = rewriter();
    for (page, coding) in
        [(home(), "identity"), (zipped(&home()), "gzip"), (page_of(900_000, "cms-index-index"), "identity")]
    {
        let headers = [&CACHED[..], &[("content-encoding", coding)]].concat();
        let (sent, outcome) = observed(&rewriter, answer(script(dice.cut(&page)), &headers)).await;
        assert_eq!(sent, Some(page));
        assert!(!outcome.expect("judged").changes.is_empty());
    }
    assert_eq!(rewriter.stats().held_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn an_observed_page_that_cannot_be_judged_passes_too() {
    let page = home();
    let chunks = |page: &Bytes| page.chunks(1000).map(|chunk| Step::Chunk(Bytes::copy_from_slice(chunk))).collect();
    let mut late: Vec<Step> = chunks(&page);
    late.insert(1, Step::Wait(Duration::from_secs(3)));
    let mut broken: Vec<Step> = chunks(&page);
    broken.push(Step::Break);
    for (skip, steps, max) in
        [(Skip::Slow, late, 1 << 20), (Skip::TooLarge, chunks(&page), 4000), (Skip::Truncated, broken, 1 << 20)]
    {
        let rewriter = bounded(max, 1 << 20);
        let (sent, outcome) = observed(&rewriter, answer(script(steps), &CACHED)).await;
        assert_eq!(outcome.err(), Some(skip));
        assert_eq!(sent, (skip != Skip::Truncated).then(|| page.clone()));
        assert_eq!(rewriter.stats().held_bytes, 0);
    }
    let rewriter = bounded(1 << 20, 1000);
    let known = answer(page.clone().into(), &[("content-length", &page.len().to_string())]);
    let (sent, outcome) = observed(&rewriter, known).await;
    assert_eq!((sent, outcome.err()), (Some(page), Some(Skip::Busy)));
}

#[tokio::test]
async fn an_observed_304_passes() {
    let mut unchanged = answer(Body::empty(), &CACHED);
    *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
    let (sent, outcome) = observed(&rewriter(), unchanged).await;
    assert_eq!((sent, outcome.err()), (Some(Bytes::new()), Some(Skip::NotModified)));
}

#[tokio::test]
async fn reports_an_observed_page_once_whenever_the_client_stops_reading() {
    let page = home();
    let length = page.len().to_string();
    let halves = || script([Step::Chunk(page.slice(..50)), Step::Chunk(page.slice(50..))]);
    for (body, announced, read, expected) in [
        (halves(), true, 0, Err(Skip::Truncated)),
        (halves(), true, 1, Err(Skip::Truncated)),
        (halves(), true, 2, Ok(())),
        (halves(), false, 1, Err(Skip::Truncated)),
        // This body says itself that it has ended, and a server then asks no more.
        (Body::from(page.clone()), false, 1, Ok(())),
    ] {
        let rewriter = rewriter();
        let (wanted, _) = wanted_with(&rewriter, "GET", Mode::Observe, &[]);
        let (reports, (report, reported)) = (Arc::new(AtomicUsize::new(0)), oneshot::channel());
        let counted = Arc::clone(&reports);
        let tell = move |outcome: Outcome| {
            counted.fetch_add(1, Ordering::SeqCst);
            report.send(outcome.map(drop)).expect("somebody waits");
        };
        let headers = [("content-length", length.as_str())];
        let answer = answer(body, &headers[..usize::from(announced)]);
        let mut body = rewriter.observe(&wanted, answer, |_, _| Ok(banner(BANNER)), tell).into_body();
        for _ in 0..read {
            body.frame().await.expect("a frame").expect("data");
        }
        drop(body);
        assert_eq!(reported.await.expect("a report"), expected, "{read} chunks read, {announced}");
        assert_eq!(reports.load(Ordering::SeqCst), 1);
    }
}
