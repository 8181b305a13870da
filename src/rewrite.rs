//! Changes pages on their way to the shopper: which answers qualify, and what happens to their headers.
//!
//! ```text
//! prepare -> (origin) -> qualify -> hold -> memo: compile -> select -> memo: render -> encode -> headers
//! ```
//!
//! Every step may give up with a [`Skip`]; the shopper then gets the origin's bytes as they came.

pub mod answers;
pub mod banner;
pub mod coding;
pub mod crawler;
pub mod headers;
pub(crate) mod hold;
pub(crate) mod json;
pub mod memo;
pub mod paths;
pub mod plan;
pub mod price;
pub mod render;
pub(crate) mod sign;
pub mod skip;
pub mod stylesheet;
pub mod wording;

mod make;
mod observe;
mod qualify;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HeaderValue};
use http::{Response, request, response};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::body::Body;
use crate::decision::select::Selection;
use crate::mode::Mode;
use crate::page::PageFacts;

use answers::{AnswerKind, Asked, Choices, RewrittenAnswer};
use coding::Coding;
use hold::{Bounds, Budget, Whole};
use make::{Made, Maker, Order};
use memo::{MemoStats, Page};
use paths::{NeverTouched, PathPattern};
use plan::{Plan, StoreHints};
use qualify::{Form, Media};
use render::{Changes, Dressing};
use skip::Skip;

/// Bounds of the rewriting, and what it keeps away from.
#[derive(Clone, Debug)]
pub struct Config {
    /// The most bytes of a page, as it arrives and decoded. Luma pages have 50 to 300 KB; 4 MiB leaves room for the oddest one.
    pub max_page_bytes: usize,
    /// How long after its headers a page may take to arrive whole. Two seconds: PHP sends a page in one go, so that who is slower
    /// is in trouble, and a shopper is better off with what there is.
    pub hold: Duration,
    /// The most bytes of pages on their way in the process at a time. 256 MiB is a thousand ordinary pages at once.
    pub max_held_bytes: usize,
    /// The bytes of pages and variants that are kept. 256 MiB holds about a thousand pages with some variants each.
    pub memo_bytes: u64,
    /// Paths that are never touched.
    pub never_touch: Vec<PathPattern>,
    /// Path prefixes of store views, such as `/de`: what lies below one is judged as if it lay at the root.
    pub store_prefixes: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_page_bytes: 4 << 20,
            hold: Duration::from_secs(2),
            max_held_bytes: 256 << 20,
            memo_bytes: 256 << 20,
            never_touch: PathPattern::defaults(),
            store_prefixes: Vec::new(),
        }
    }
}

/// What a request wants, as far as its page is concerned. Made before the request goes up, needed when the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    mode: Mode,
    accepts_gzip: bool,
    skip: Option<Skip>,
    circumstances: Option<u128>,
    /// The answer to a script that is wanted; otherwise a page.
    answer: Option<AnswerKind>,
}

impl Wanted {
    /// The answer to a script that is wanted; `None` where it is a page.
    pub fn answer(&self) -> Option<AnswerKind> {
        self.answer
    }

    fn media(&self) -> Media {
        if self.answer.is_some() { Media::Json } else { Media::Html }
    }

    /// Why the answer will not be changed, where that is certain already: no look-up is worth making then.
    pub fn skip(&self) -> Option<Skip> {
        self.skip
    }

    /// The mode that the request was prepared under.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// A page that was compiled, selected for and rendered.
#[derive(Clone, Debug)]
pub struct Done {
    /// The page's plan: its facts, and what in it was left alone.
    pub plan: Arc<Plan>,
    /// The page itself as the plan knows it: decoded, and as the origin sent it.
    pub page: Bytes,
    /// What became of every part of the selection; empty where nothing was selected. Blocks with the same HTML at the same placement
    /// share rendered pages, so that a block may be named by its twin's id.
    pub changes: Arc<Changes>,
    /// Whether the memo knew the finished bytes.
    pub remembered: bool,
}

/// What became of a page.
pub type Outcome = Result<Done, Skip>;

/// An answer for the client with what became of it.
#[derive(Debug)]
pub struct Rewritten {
    /// The answer.
    pub response: Response<Body>,
    /// Whether it went through rewriting, or why not.
    pub outcome: Outcome,
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of pages held now.
    pub held_bytes: usize,
    /// The most bytes ever held at a time.
    pub held_bytes_peak: usize,
    /// The render memo.
    pub memo: MemoStats,
}

/// Rewrites pages, for all connections of the process.
#[derive(Debug)]
pub struct Rewriter {
    max_page_bytes: usize,
    hold: Duration,
    never: NeverTouched,
    budget: Arc<Budget>,
    maker: Maker,
}

impl Rewriter {
    /// A rewriter with an empty memo.
    pub fn new(config: Config) -> Self {
        Self {
            max_page_bytes: config.max_page_bytes,
            hold: config.hold,
            never: NeverTouched::new(config.never_touch, &config.store_prefixes),
            budget: Budget::new(config.max_held_bytes),
            maker: Maker::new(config.max_page_bytes, config.memo_bytes),
        }
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        Stats { held_bytes: self.budget.used(), held_bytes_peak: self.budget.peak(), memo: self.maker.stats() }
    }

    /// Judges a request and fits its headers for the origin: a coding that Segue reads and, in mode `on`, no conditions and ranges.
    ///
    /// `personal` is whether this page could change for any shopper at all, by the ruleset or by a simulation: it then leaves as
    /// `private, no-store`, whatever this shopper gets. Where it could not, request and answer stay as they are.
    pub fn prepare(&self, parts: &mut request::Parts, mode: Mode, personal: bool) -> Wanted {
        let skip = match (mode, personal) {
            (Mode::Off, _) => Some(Skip::ModeOff),
            (_, false) => Some(Skip::NoRule),
            (Mode::Observe | Mode::On, true) => qualify::request(parts, &self.never).err(),
        };
        fitted(parts, mode, skip, None)
    }

    /// Whether a request is for a page that may be changed at all, whatever the rules.
    pub fn is_for_page(&self, parts: &request::Parts) -> bool {
        qualify::request(parts, &self.never).is_ok()
    }

    /// What a path asks for, where that is an answer to a script that can change.
    pub fn asked(&self, path: &str) -> Option<Asked> {
        Asked::by(path, &self.never)
    }

    /// As [`prepare`](Self::prepare), for such an answer. It is changed in mode `on` only.
    pub fn prepare_answer(&self, parts: &mut request::Parts, mode: Mode, personal: bool, kind: AnswerKind) -> Wanted {
        let skip = match (mode, personal) {
            (Mode::Off | Mode::Observe, _) => Some(Skip::ModeOff),
            (Mode::On, false) => Some(Skip::NoRule),
            (Mode::On, true) => qualify::script_request(parts).err(),
        };
        fitted(parts, mode, skip, Some(kind))
    }

    /// The same, told apart by everything that `select` will go by beside the page. Where that is equal, and the page too, selections
    /// must be equal: `select` is not asked again.
    pub fn under(&self, wanted: Wanted, circumstances: &impl Hash) -> Wanted {
        Wanted { circumstances: Some(self.maker.name(circumstances)), ..wanted }
    }

    /// Passes an answer as it came, for a reason that the caller found after [`prepare`](Self::prepare). Its headers still keep a
    /// page out of shared caches.
    pub fn pass(&self, wanted: &Wanted, skip: Skip, response: Response<Body>) -> Rewritten {
        let (parts, body) = response.into_parts();
        passed(wanted, skip, parts, body)
    }

    /// Changes a page as `select` says, or passes the answer as it came.
    ///
    /// Waits for the body at most as long as `Config::hold`. Makes no error of any answer.
    pub async fn rewrite<S>(
        &self,
        wanted: &Wanted,
        response: Response<Body>,
        dressing: &Dressing<'_>,
        select: S,
    ) -> Rewritten
    where
        S: FnOnce(&PageFacts, &StoreHints) -> Result<Selection, Skip>,
    {
        let (parts, body) = response.into_parts();
        if wanted.mode != Mode::On || wanted.skip.is_some() {
            return passed(wanted, wanted.skip.unwrap_or(Skip::ModeOff), parts, body);
        }
        let form = match qualify::answer(&parts, Media::Html) {
            Ok(form) => form,
            Err(skip) => return passed(wanted, skip, parts, body),
        };
        let mut whole = match hold::hold(body, self.bounds(&parts), self.budget.permit()).await {
            Ok(whole) => whole,
            Err((skip, body)) => return passed(wanted, skip, parts, body),
        };
        let order = Order { gzip: wanted.accepts_gzip, dressing, circumstances: wanted.circumstances };
        match self.maker.make(&mut whole, form, order, select) {
            Ok(made) => finished(wanted, parts, whole, made),
            Err(skip) => {
                let body = hold::whole_body(whole.bytes, whole.trailers, Some(whole.permit));
                passed(wanted, skip, parts, body)
            }
        }
    }

    /// Changes an answer to a script as `choices` say, or passes it as it came. Waits and holds like [`rewrite`](Self::rewrite).
    pub async fn rewrite_answer(
        &self,
        wanted: &Wanted,
        response: Response<Body>,
        choices: &Choices<'_>,
    ) -> RewrittenAnswer {
        let (parts, body) = response.into_parts();
        let pass = |skip, parts, body| {
            let passed = passed(wanted, skip, parts, body);
            RewrittenAnswer { response: passed.response, outcome: Err(skip) }
        };
        let kind = match (wanted.skip, wanted.answer) {
            (None, Some(kind)) if wanted.mode == Mode::On => kind,
            (skip, _) => return pass(skip.unwrap_or(Skip::ModeOff), parts, body),
        };
        let form = match qualify::answer(&parts, Media::Json) {
            Ok(form) => form,
            Err(skip) => return pass(skip, parts, body),
        };
        let mut whole = match hold::hold(body, self.bounds(&parts), self.budget.permit()).await {
            Ok(whole) => whole,
            Err((skip, body)) => return pass(skip, parts, body),
        };
        match self.changed_answer(&mut whole, form, kind, choices) {
            Ok((bytes, is_changed)) => answered(wanted, parts, whole, bytes, is_changed),
            Err(skip) => pass(skip, parts, hold::whole_body(whole.bytes, whole.trailers, Some(whole.permit))),
        }
    }

    /// The answer, plain, and whether it was changed.
    fn changed_answer(
        &self,
        whole: &mut Whole,
        form: Form,
        kind: AnswerKind,
        choices: &Choices<'_>,
    ) -> Result<(Bytes, bool), Skip> {
        let plain = match form.coding {
            Coding::Identity => whole.bytes.clone(),
            Coding::Gzip => {
                let (plain, permit) = coding::gunzip(&whole.bytes, self.max_page_bytes, whole.permit.another())?;
                whole.permit.merge(permit);
                plain
            }
        };
        if plain.is_empty() {
            return Err(Skip::Empty);
        }
        let text = std::str::from_utf8(&plain).map_err(|_| Skip::NotUtf8)?;
        let change = || make::guarded(|| answers::change(kind, text, choices));
        let Some(changed) = make::heavy(plain.len(), change)?? else { return Ok((plain, false)) };
        whole.permit.grow(changed.len())?;
        Ok((Bytes::from(changed), true))
    }

    /// Passes an answer as it comes, in mode `observe`, and tells `report` afterwards what would have become of it. The copy is
    /// bounded like a held page; whoever judges it is one background task at a time. `report` is called exactly once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn observe<S, R>(
        self: &Arc<Self>,
        wanted: &Wanted,
        response: Response<Body>,
        select: S,
        report: R,
    ) -> Response<Body>
    where
        S: FnOnce(&PageFacts, &StoreHints) -> Result<Selection, Skip> + Send + 'static,
        R: FnOnce(Outcome) + Send + 'static,
    {
        let (parts, body) = response.into_parts();
        let form = match wanted.skip.map_or_else(|| qualify::answer(&parts, Media::Html), Err) {
            Ok(form) => form,
            Err(skip) => {
                report(Err(skip));
                return Response::from_parts(parts, body);
            }
        };
        let (this, runtime) = (Arc::clone(self), Handle::current());
        let judge = move |copy: Result<Whole, Skip>| match copy {
            Err(skip) => report(Err(skip)),
            Ok(whole) => drop(runtime.spawn(this.judge_later(whole, form, select, report))),
        };
        let body = observe::watch(body, self.bounds(&parts), self.budget.permit(), Box::new(judge));
        Response::from_parts(parts, body)
    }

    async fn judge_later<S, R>(self: Arc<Self>, mut whole: Whole, form: Form, select: S, report: R)
    where
        S: FnOnce(&PageFacts, &StoreHints) -> Result<Selection, Skip> + Send + 'static,
        R: FnOnce(Outcome) + Send + 'static,
    {
        let turn = self.maker.turn().await;
        let judged = tokio::task::spawn_blocking(move || {
            let order = Order { gzip: false, dressing: &Dressing::default(), circumstances: None };
            let made = self.maker.make(&mut whole, form, order, select);
            drop((turn, whole));
            report(made.map(|made| made.done));
        });
        // It can only fail by a panic of the caller's report, which was printed already.
        judged.await.unwrap_or_default();
    }

    fn bounds(&self, parts: &response::Parts) -> Bounds {
        let announced = hold::announced_length(&parts.headers);
        Bounds { max: self.max_page_bytes, until: Instant::now() + self.hold, announced }
    }
}

/// Fits a request's headers for the origin, once it is known what becomes of the answer.
fn fitted(parts: &mut request::Parts, mode: Mode, skip: Option<Skip>, answer: Option<AnswerKind>) -> Wanted {
    let accepts_gzip = coding::accepts_gzip(&parts.headers);
    if skip.is_none() {
        let accepted = if accepts_gzip { "gzip" } else { "identity" };
        parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    }
    if mode == Mode::On && matches!(skip, None | Some(Skip::Head | Skip::Crawler)) {
        headers::remove_conditions(&mut parts.headers);
    }
    Wanted { mode, accepts_gzip, skip, circumstances: None, answer }
}

/// An answer to a script, changed or not, in a coding that its client reads.
fn answered(
    wanted: &Wanted,
    mut parts: response::Parts,
    whole: Whole,
    plain: Bytes,
    is_changed: bool,
) -> RewrittenAnswer {
    headers::make_private(&mut parts.headers);
    let came_readable = Coding::of_answer(&parts.headers) == Ok(Coding::Identity) || wanted.accepts_gzip;
    let body = if is_changed || !came_readable {
        let coding = Coding::for_client(wanted.accepts_gzip, plain.len());
        let bytes = match coding {
            Coding::Gzip => make::heavy(plain.len(), || coding::gzip(&plain, coding::Effort::Quick)),
            Coding::Identity => plain,
        };
        headers::describe(&mut parts.headers, &bytes, coding);
        hold::whole_body(bytes, None, Some(whole.permit))
    } else {
        hold::whole_body(whole.bytes, whole.trailers, Some(whole.permit))
    };
    RewrittenAnswer { response: Response::from_parts(parts, body), outcome: Ok(is_changed) }
}

fn passed(wanted: &Wanted, skip: Skip, mut parts: response::Parts, body: Body) -> Rewritten {
    let for_everyone = |skip: Skip| skip.holds_for_everyone();
    let unchangeable = for_everyone(skip) || qualify::answer(&parts, wanted.media()).is_err_and(for_everyone);
    if wanted.mode == Mode::On && !unchangeable {
        headers::make_private(&mut parts.headers);
        if wanted.skip == Some(Skip::Head) {
            headers::leave_body_open(&mut parts.headers);
        }
    }
    Rewritten { response: Response::from_parts(parts, body), outcome: Err(skip) }
}

fn finished(wanted: &Wanted, mut parts: response::Parts, whole: Whole, made: Made) -> Rewritten {
    let permit = (!made.done.remembered).then_some(whole.permit);
    let own = match &made.variant.body {
        Some((body, coding)) => Some((body.clone(), *coding)),
        None => decoded(&made.page, wanted),
    };
    headers::make_private(&mut parts.headers);
    let body = match own {
        Some((bytes, coding)) => {
            headers::describe(&mut parts.headers, &bytes, coding);
            hold::whole_body(bytes, None, permit)
        }
        None => hold::whole_body(whole.bytes, whole.trailers, permit),
    };
    Rewritten { response: Response::from_parts(parts, body), outcome: Ok(made.done) }
}

/// The plain page for a client who cannot read it as it came: the origin sent gzip without being asked.
fn decoded(page: &Page, wanted: &Wanted) -> Option<(Bytes, Coding)> {
    let unreadable = page.form.coding == Coding::Gzip && !wanted.accepts_gzip;
    let compiled = page.compiled.as_ref().ok().filter(|_| unreadable)?;
    Some((compiled.plain.clone(), Coding::Identity))
}

#[cfg(test)]
mod tests;
