//! What can go wrong with Adobe's services, made to go wrong.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Uri};
use http_body::Frame;
use tokio::time::{Instant, Sleep};

use super::record::Received;
use super::socket::Link;
use super::{Platform, edge, refusal};

/// Adobe's limit for bodies of the Edge Network; the other services get less.
pub const MOST_BODY: usize = 64 * 1024;

/// One of Adobe's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Tokens.
    Ims,
    /// The list of audiences.
    Audiences,
    /// Flows and target connections.
    Flows,
    /// The Edge Network.
    Edge,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ims, Self::Audiences, Self::Flows, Self::Edge];

    /// Which service a path belongs to.
    pub fn of(path: &str) -> Option<Self> {
        let prefixes = [
            ("/ims/", Self::Ims),
            ("/data/core/ups/", Self::Audiences),
            ("/data/foundation/flowservice/", Self::Flows),
            ("/ee/", Self::Edge),
        ];
        prefixes.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, service)| *service)
    }
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The right answer, after a time between these two.
    Slow(Duration, Duration),
    /// No answer; the connection stays.
    Hang,
    /// This status with Adobe's body for it, and `Retry-After` in seconds.
    Refuse(u16, Option<u32>),
    /// The connection is reset before an answer.
    Cut,
    /// The connection is reset in the middle of the answer.
    Torn,
    /// 200 with something that is no JSON.
    Garbage,
    /// 200 with JSON of another shape.
    WrongShape,
    /// The Edge Network's 207: one of its services gave no answer. With `true` it was not the one that knows memberships.
    Partial(bool),
    /// The Edge Network's 200 that says: ignored for lack of consent.
    NoConsent,
}

impl Fault {
    /// Every answer is this late.
    pub fn slow(delay: Duration) -> Self {
        Self::Slow(delay, delay)
    }
}

#[derive(Debug, Default)]
struct Plan {
    standing: Option<Fault>,
    next: VecDeque<Fault>,
}

/// What goes wrong with which service.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Mutex<BTreeMap<Service, Plan>>,
}

impl Faults {
    fn plans(&self) -> MutexGuard<'_, BTreeMap<Service, Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this goes wrong with every request, or nothing. What was queued is forgotten.
    pub fn set(&self, service: Service, fault: Option<Fault>) {
        self.plans().insert(service, Plan { standing: fault, next: VecDeque::new() });
    }

    /// These go wrong with the next requests, one each.
    pub fn queue(&self, service: Service, faults: impl IntoIterator<Item = Fault>) {
        self.plans().entry(service).or_default().next.extend(faults);
    }

    /// What goes wrong with every request.
    pub fn standing(&self, service: Service) -> Option<Fault> {
        self.plans().get(&service)?.standing
    }

    fn take(&self, service: Service) -> Option<Fault> {
        let mut plans = self.plans();
        let plan = plans.get_mut(&service)?;
        plan.next.pop_front().or(plan.standing)
    }
}

/// Notes a request for one of the services, and lets go wrong what is to go wrong with it.
pub async fn admit(State(platform): State<Platform>, request: Request, next: Next) -> Response {
    let Some(service) = Service::of(request.uri().path()) else { return next.run(request).await };
    let (at, link) = (Instant::now(), link(&request));
    let (parts, body) = request.into_parts();
    let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
    let body = to_bytes(body, MOST_BODY).await;
    let kept = body.as_ref().cloned().unwrap_or_default();
    platform.records.keep(Received { service, at, method, uri, headers, body: kept });
    let Ok(body) = body else { return edge::too_large(&platform, &parts) };
    let request = Request::from_parts(parts, Body::from(body));
    let fault = if request.method() == Method::OPTIONS { None } else { platform.faults.take(service) };
    match fault {
        None => next.run(request).await,
        Some(fault) => go_wrong(&platform, service, fault, request, next, &link).await,
    }
}

async fn go_wrong(
    platform: &Platform,
    service: Service,
    fault: Fault,
    mut request: Request,
    next: Next,
    link: &Link,
) -> Response {
    match fault {
        Fault::Slow(least, most) => {
            tokio::time::sleep(between(least, most)).await;
            next.run(request).await
        }
        Fault::Hang => hang(platform).await,
        Fault::Refuse(status, retry_after) => refusal::refuse(platform, service, status, retry_after),
        Fault::Cut => {
            link.cut();
            Response::default()
        }
        Fault::Torn => torn(next.run(request).await, link).await,
        Fault::Garbage => json_of("\u{1f}\u{8b}\u{8} <html>\u{0}"),
        Fault::WrongShape => json_of(wrong_shape(service, request.uri())),
        Fault::Partial(_) | Fault::NoConsent => {
            request.extensions_mut().insert(fault);
            next.run(request).await
        }
    }
}

fn link(request: &Request) -> Link {
    request.extensions().get::<ConnectInfo<Link>>().map(|info| info.0.clone()).unwrap_or_default()
}

fn between(least: Duration, most: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness the delay is the shortest, which is one of those asked for.
    let _ = getrandom::fill(&mut bytes);
    let share = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    least + most.saturating_sub(least).mul_f64(share)
}

/// Until the stand-in itself ends, so that it can.
async fn hang(platform: &Platform) -> Response {
    // The sender is the stand-in's own and lives as long as this.
    let _ = platform.closing.subscribe().wait_for(|is_closing| *is_closing).await;
    Response::default()
}

fn json_of(text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn wrong_shape(service: Service, uri: &Uri) -> &'static str {
    match service {
        Service::Ims => r#"{"access_token":{"value":7},"token_type":null,"expires_in":"soon"}"#,
        Service::Audiences => r#"{"children":{"first":{"id":7}},"_page":[],"_links":{"next":7}}"#,
        Service::Flows => r#"{"items":{"id":"none"}}"#,
        Service::Edge if uri.path().ends_with("/interact") => {
            r#"{"requestId":7,"handle":{"activation:pull":[{"segments":"all"}]}}"#
        }
        Service::Edge => "[]",
    }
}

/// An answer whose second half never comes.
async fn torn(response: Response, link: &Link) -> Response {
    link.reset_at_end();
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    Response::from_parts(parts, Body::new(Half { first: Some(whole.slice(..whole.len() / 2)), pause: None }))
}

/// Half a body, and an error a moment later, when that half is on its way.
struct Half {
    first: Option<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(20))));
        pause.as_mut().poll(cx).map(|()| Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
