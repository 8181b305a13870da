//! The Edge Network under a path of the shop's own, for the page's own script: `/ee/v1/interact` goes to Adobe instead of the shop.
//!
//! Bytes pass as they come, both ways. Of the answers to `interact` it is read on their way what they say about audiences, and what
//! [counts](crate::aep::wire) is handed to [`Learn`], so that the very answer that reports a change can bring the cookie that keeps
//! it. A shop's session never leaves for Adobe: of its cookies and headers only those go that Adobe's own script relies on.

mod copy;
mod headers;
mod place;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request, response};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::hygiene::Refusal as Unfit;
use super::{Answering, Client};
use crate::aep;
use crate::aep::wire::{self, Exchange, Refusal, Report};
use crate::body::{Body, BoxError};
use crate::rewrite::coding::{Coding, accepts_gzip, gunzip};
use crate::rewrite::headers::make_private;
use crate::rewrite::hold::{Bounds, Budget, Whole, announced_length, hold, whole_body};
use crate::site::{Sites, StoreView};
use crate::telemetry::Metrics;
use crate::upstream::{self, AsksUpgrade, BuildError, FirstByte, Upstream};
use copy::Copied;
use place::Place;

/// Adobe's host for calls without a token.
const EDGE: &str = "https://edge.adobedc.net";
/// Adobe's host for calls with one, which browsers have not.
const SERVER: &str = "server.adobedc.net";

/// From a call to the first byte of its answer. Adobe gives up on its own services after some seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// An answer's largest size to be read: with personalisation for a page it has some 100 KB, which are its offers' HTML.
const MOST_BYTES: usize = 1 << 20;
/// The same, decoded.
const MOST_DECODED: usize = 4 << 20;
/// How long after its headers an answer may take to arrive whole. The script that asked needs all of it too.
const LONGEST_HOLD: Duration = Duration::from_secs(2);
/// For all answers and requests in the making: about a thousand of the usual size.
const MOST_HELD: usize = 64 << 20;

/// A membership that went by. [`Debug`](fmt::Debug) shows nothing of the shopper.
pub struct Reported<'a> {
    /// What the answer said, and about whom.
    pub report: Report,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The same on the clock that measures.
    pub begun: Instant,
    /// The store view whose datastream was asked.
    pub view: &'a Arc<StoreView>,
    /// The call's headers as they came, with all cookies.
    pub headers: &'a HeaderMap,
    /// Who called.
    pub client: &'a Client,
}

impl fmt::Debug for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reported")
            .field("asked_at", &self.asked_at)
            .field("view", &self.view.code)
            .finish_non_exhaustive()
    }
}

/// Takes what went by; gives the `Set-Cookie` line that the answer is to bring.
pub type Learn = Arc<dyn Fn(Reported<'_>) -> Option<HeaderValue> + Send + Sync>;

/// There is no answer from the Edge Network.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the Edge Network")]
pub struct EdgeFailed(#[source] pub upstream::Error);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// Hands calls under a path to the Edge Network, and all others on.
#[derive(Clone, Debug)]
pub struct FirstPartyLayer {
    shared: Arc<Shared>,
}

struct Shared {
    prefix: String,
    edge: Upstream,
    host: HeaderValue,
    org: aep::OrgId,
    settings: aep::config::Edge,
    sites: Sites,
    learn: Learn,
    budget: Arc<Budget>,
    reports: Family<Outcome, Counter>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("prefix", &self.prefix).field("host", &self.host).finish_non_exhaustive()
    }
}

impl FirstPartyLayer {
    /// Hands what is at `path`, which begins with `/` and does not end with it, or below it to the Edge Network of `config`.
    ///
    /// # Errors
    /// When the way there cannot be set up.
    pub fn new(
        path: &str,
        config: &aep::Config,
        sites: Sites,
        learn: Learn,
        metrics: &mut Metrics,
    ) -> Result<Self, BuildError> {
        let edge = Upstream::new(&way(&config.edge))?;
        let reports = Family::default();
        metrics.register("wire_reports", "Answers of Adobe to the page's script: counted, or why not", reports.clone());
        let host = HeaderValue::from_str(edge.authority().as_str()).expect("an authority is visible ASCII");
        Ok(Self {
            shared: Arc::new(Shared {
                prefix: path.to_owned(),
                edge,
                host,
                org: config.org.clone(),
                settings: config.edge.clone(),
                sites,
                learn,
                budget: Budget::new(MOST_HELD),
                reports,
            }),
        })
    }
}

fn way(edge: &aep::config::Edge) -> upstream::Config {
    let url = if edge.url.host_str() == Some(SERVER) { EDGE } else { edge.url.as_str() };
    let origin: Uri = url.parse().expect("a URL of http or https is a URI");
    upstream::Config { header_timeout: LONGEST_WAIT, ..upstream::Config::new(origin) }
}

impl<S> Layer<S> for FirstPartyLayer {
    type Service = FirstParty<S>;

    fn layer(&self, inner: S) -> FirstParty<S> {
        FirstParty { inner, shared: Arc::clone(&self.shared) }
    }
}

/// See [`FirstPartyLayer`].
#[derive(Clone, Debug)]
pub struct FirstParty<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for FirstParty<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answering<BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match Place::of(request.uri().path(), &self.shared.prefix) {
            None => {
                let answer = self.inner.call(request);
                Box::pin(async move { answer.await.map_err(Into::into) })
            }
            Some(Place::Unfit) => Box::pin(std::future::ready(Err(Unfit::Target.into()))),
            Some(Place::Edge { path, is_interact }) => {
                let shared = Arc::clone(&self.shared);
                Box::pin(async move { shared.pass(request, &path, is_interact).await })
            }
        }
    }
}

/// A call whose answer is read.
struct Reading {
    asked_at: Timestamp,
    begun: Instant,
    view: Arc<StoreView>,
    client: Client,
    headers: HeaderMap,
    cookies: String,
    request: Copied,
}

impl Shared {
    async fn pass(&self, request: Request<Body>, path: &str, is_interact: bool) -> Result<Response<Body>, BoxError> {
        let (mut parts, mut body) = request.into_parts();
        let cookies = headers::adobes_cookies(&parts.headers, &self.org);
        let mut reading = None;
        if is_interact && parts.method == Method::POST {
            match self.view(&parts, &cookies) {
                Ok(view) => reading = Some(self.begin(&mut parts, &mut body, view, cookies.clone())),
                Err(refusal) => self.count(Err(refusal)),
            }
        }
        headers::fit(&mut parts.headers, &self.host, &cookies);
        parts.uri = target(path, parts.uri.query());
        parts.extensions.remove::<AsksUpgrade>();
        let mut response = self.ask(Request::from_parts(parts, body)).await?;
        headers::fit_answer(response.headers_mut());
        Ok(match reading {
            Some(reading) => self.read(&reading, response).await,
            None => response,
        })
    }

    async fn ask(&self, request: Request<Body>) -> Result<Response<Body>, EdgeFailed> {
        let mut response = self.edge.clone().call(request).await.map_err(EdgeFailed)?;
        // That of the shop is measured by it.
        response.extensions_mut().remove::<FirstByte>();
        Ok(response)
    }

    /// The store view that a call is for, when its answer is worth reading.
    fn view(&self, parts: &request::Parts, cookies: &str) -> Result<Arc<StoreView>, Refusal> {
        let client = parts.extensions.get::<Client>();
        let view = place::view(&self.sites, client.map_or("", |client| &client.host), parts);
        let datastream = self.settings.datastreams.of(view).ok_or(Refusal::Datastream)?;
        place::check_query(parts.uri.query().unwrap_or_default(), datastream)?;
        headers::check_form(&parts.headers)?;
        wire::own_ecid(&self.org, cookies)?;
        Ok(Arc::clone(view))
    }

    fn begin(&self, parts: &mut request::Parts, body: &mut Body, view: Arc<StoreView>, cookies: String) -> Reading {
        let client = parts.extensions.get::<Client>().cloned().expect("the headers layer names every client");
        let headers = parts.headers.clone();
        // What cannot be read need not be sent.
        let coding = if accepts_gzip(&headers) { "gzip" } else { "identity" };
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding));
        let (copying, request) = copy::copied(std::mem::take(body), self.budget.permit());
        *body = copying;
        Reading { asked_at: Timestamp::now(), begun: Instant::now(), view, client, headers, cookies, request }
    }

    async fn read(&self, reading: &Reading, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        let coding = match readable(&parts) {
            Ok(coding) => coding,
            Err(refusal) => {
                self.count(Err(refusal));
                return Response::from_parts(parts, body);
            }
        };
        let announced = announced_length(&parts.headers);
        let bounds = Bounds { max: MOST_BYTES, until: Instant::now() + LONGEST_HOLD, announced };
        let whole = match hold(body, bounds, self.budget.permit()).await {
            Ok(whole) => whole,
            Err((_, body)) => {
                self.count(Err(Refusal::Unread));
                return Response::from_parts(parts, body);
            }
        };
        let judged = self.judge(reading, &parts, &whole, coding);
        self.count(judged.as_ref().map(|_| ()).map_err(|refusal| *refusal));
        if let Ok(report) = judged {
            let Reading { asked_at, begun, view, headers, client, .. } = &reading;
            let reported = Reported { report, asked_at: *asked_at, begun: *begun, view, headers, client };
            if let Some(cookie) = (self.learn)(reported) {
                make_private(&mut parts.headers);
                parts.headers.append(header::SET_COOKIE, cookie);
            }
        }
        Response::from_parts(parts, whole_body(whole.bytes, whole.trailers, Some(whole.permit)))
    }

    fn judge(
        &self,
        reading: &Reading,
        parts: &response::Parts,
        whole: &Whole,
        coding: Coding,
    ) -> Result<Report, Refusal> {
        let request = reading.request.whole().ok_or(Refusal::Length)?;
        let (answer, _permit) = match coding {
            Coding::Identity => (Bytes::clone(&whole.bytes), None),
            Coding::Gzip => {
                let decoded = gunzip(&whole.bytes, MOST_DECODED, whole.permit.another());
                decoded.map(|(bytes, permit)| (bytes, Some(permit))).map_err(|_| Refusal::Unread)?
            }
        };
        let exchange = Exchange {
            org: &self.org,
            cookies: &reading.cookies,
            request: &request,
            status: parts.status,
            headers: &parts.headers,
            answer: &answer,
        };
        wire::trust(&exchange, &self.settings.aliases)
    }

    fn count(&self, outcome: Result<(), Refusal>) {
        let result = outcome.map_or_else(Refusal::as_str, |()| "counted");
        self.reports.get_or_create(&Outcome { result }).inc();
    }
}

/// The coding of an answer that may be read.
fn readable(parts: &response::Parts) -> Result<Coding, Refusal> {
    if !matches!(parts.status, StatusCode::OK | StatusCode::MULTI_STATUS) {
        return Err(Refusal::Status);
    }
    Coding::of_answer(&parts.headers).map_err(|_| Refusal::Unread)
}

fn target(path: &str, query: Option<&str>) -> Uri {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let target = PathAndQuery::try_from(target).expect("a part of a valid target behind a valid path is one");
    Uri::from(target)
}
