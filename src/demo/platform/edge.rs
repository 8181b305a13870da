//! The Edge Network: `/ee/v1/...` and `/ee/v2/...`, with a location hint between or without.

mod consent;
mod cors;
mod handles;
mod identity;
mod problem;
mod state;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

pub use cors::cross_origin;
pub use identity::{encode as identity_cookie, now};
use problem::Problem;
use state::State;

use super::Platform;
use super::fault::{Fault, MOST_BODY};
use super::ims::Validity;
use super::options::Datastream;
use super::refusal::{hex, json_answer, status};

/// The regions that a location hint may name.
const REGIONS: [&str; 7] = ["or2", "va6", "irl1", "ind1", "jpn3", "sgp3", "aus3"];

/// What is read as JSON.
const CONTENT_TYPES: [&str; 3] = ["application/json", "text/plain", "text/javascript"];

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Interact,
    Collect,
    SetConsent,
    Acquire,
}

/// A request's path, read.
struct Call {
    region: Option<&'static str>,
    is_v2: bool,
    want: Want,
}

/// An answer before it is written.
#[derive(Default)]
struct Answer {
    status: StatusCode,
    handles: Vec<Value>,
    errors: Vec<Value>,
    warnings: Vec<Value>,
    cookies: Vec<HeaderValue>,
}

/// A request that is good enough to be answered.
struct Asked<'p> {
    platform: &'p Platform,
    datastream: &'p Datastream,
    region: String,
    is_v2: bool,
    headers: &'p HeaderMap,
    body: Value,
    state: State,
    fault: Option<Fault>,
}

/// Answers every request below `/ee/`.
pub async fn call(Shared(platform): Shared<Platform>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let id = request_id(&parts);
    let Some(call) = Call::read(parts.uri.path()) else { return refusal(&platform, &id, None, StatusCode::NOT_FOUND) };
    if parts.method != Method::POST {
        return refusal(&platform, &id, None, StatusCode::METHOD_NOT_ALLOWED);
    }
    let bytes = to_bytes(body, MOST_BODY).await.unwrap_or_default();
    let region = call.region.map_or_else(|| platform.region(), str::to_owned);
    let datastream = parameter(&parts, call.datastream_names());
    let answer = match answer(&platform, &call, &parts, &bytes, region.clone()) {
        Ok(_) if call.want == Want::Collect => collected(&call, &parts, &id),
        Ok(answer) => answer.write(&id),
        Err(problem) => problem_answer(&platform, &problem, &id, datastream.as_deref()),
    };
    with_headers(answer, &id, &region)
}

impl Call {
    fn read(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/ee/")?;
        let (first, rest) = path.split_once('/')?;
        let (hint, version, want) = match first {
            "v1" | "v2" => (None, first, rest),
            hint => {
                let (version, want) = rest.split_once('/')?;
                (Some(hint), version, want)
            }
        };
        let want = match (version, want) {
            ("v1" | "v2", "interact") => Want::Interact,
            ("v1" | "v2", "collect") => Want::Collect,
            ("v1", "privacy/set-consent") => Want::SetConsent,
            ("v1", "identity/acquire") => Want::Acquire,
            _ => return None,
        };
        let region = REGIONS.into_iter().find(|region| Some(*region) == hint);
        Some(Self { region, is_v2: version == "v2", want })
    }

    fn datastream_names(&self) -> &'static [&'static str] {
        if self.is_v2 { &["datastreamId", "dataStreamId"] } else { &["configId"] }
    }
}

fn answer(platform: &Platform, call: &Call, parts: &Parts, bytes: &[u8], region: String) -> Result<Answer, Problem> {
    let headers = &parts.headers;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !CONTENT_TYPES.contains(&kind.split(';').next().unwrap_or_default().trim()) {
        return Err(Problem::content_type());
    }
    if bytes.is_empty() {
        return Err(Problem::empty());
    }
    let names = call.datastream_names();
    let id = parameter(parts, names).ok_or_else(|| Problem::no_datastream(names[0]))?;
    let datastream = platform.options.datastreams.iter().find(|datastream| datastream.id == id);
    let datastream = datastream.ok_or_else(|| Problem::unknown_datastream(&id))?;
    if !datastream.enabled {
        return Err(Problem::disabled_datastream(&id));
    }
    if datastream.authenticated {
        authorize(platform, headers)?;
    }
    let body: Value = serde_json::from_slice(bytes).map_err(|_| Problem::invalid_json())?;
    let state = State::read(&body, headers)?;
    let fault = parts.extensions.get::<Fault>().copied();
    let asked = Asked { platform, datastream, region, is_v2: call.is_v2, headers, body, state, fault };
    match call.want {
        Want::Interact => asked.interact(),
        Want::Collect => asked.collect(),
        Want::SetConsent => asked.set_consent(),
        Want::Acquire => asked.acquire(),
    }
}

fn authorize(platform: &Platform, headers: &HeaderMap) -> Result<(), Problem> {
    match platform.tokens.check(headers) {
        Validity::Missing => return Err(Problem::no_token()),
        Validity::Unknown => return Err(Problem::bad_signature()),
        Validity::Expired => return Err(Problem::expired_token()),
        Validity::Valid => {}
    }
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let options = &platform.options;
    match is("x-api-key", &options.client_id) && is("x-gw-ims-org-id", &options.org) {
        true => Ok(()),
        false => Err(Problem::other_product_context()),
    }
}

impl Asked<'_> {
    fn interact(&self) -> Result<Answer, Problem> {
        let map = self.event_identities()?;
        if !consent::is_given(self.state.get(&self.platform.cookie("consent"))) || self.fault == Some(Fault::NoConsent)
        {
            let detail = "Unable to process this request due to lack of user consent.";
            let warnings = vec![handles::note("EXEG-0301-200", "Request ignored", detail)];
            let handles = vec![handles::location_hint(&self.region)];
            return Ok(Answer { handles, warnings, ..Answer::default() });
        }
        let identity = identity::resolve(self.platform, &self.state, map, self.is_v2)?;
        self.see(&identity.ecid);
        let mut answer = self.identified(&identity, &self.body["query"]["identity"]["fetch"], Vec::new());
        if self.fault != Some(Fault::Partial(false)) {
            let activation = handles::activation(self.platform, self.datastream, &identity.profile, &self.region);
            answer.handles.extend(activation);
        }
        if let Some(Fault::Partial(with_membership)) = self.fault {
            answer.status = StatusCode::MULTI_STATUS;
            answer.errors.push(upstream_error(with_membership));
        }
        Ok(answer)
    }

    fn collect(&self) -> Result<Answer, Problem> {
        let events = self.body["events"].as_array().filter(|events| !events.is_empty());
        let events = events.ok_or_else(|| Problem::missing_field("events"))?;
        for event in events {
            let map = self.own_or_shared_identities(event);
            let identity = identity::resolve(self.platform, &self.state, map, self.is_v2)?;
            if !identity.is_new {
                self.see(&identity.ecid);
            }
        }
        Ok(Answer::default())
    }

    fn set_consent(&self) -> Result<Answer, Problem> {
        let general = consent::read(&self.body)?;
        let identity = identity::resolve(self.platform, &self.state, &self.body["identityMap"], false)?;
        let more = vec![handles::kept_consent(self.platform, general)];
        let mut answer = self.identified(&identity, &self.body["query"]["identity"]["fetch"], more);
        answer.handles.push(handles::handle("consent:preferences", vec![consent::preferences(general)]));
        Ok(answer)
    }

    fn acquire(&self) -> Result<Answer, Problem> {
        let identity = identity::resolve(self.platform, &self.state, &self.body["xdm"]["identityMap"], false)?;
        self.see(&identity.ecid);
        let wanted = self.body["query"]["identity"].get("fetch").cloned().unwrap_or_else(|| json!(["ECID"]));
        Ok(self.identified(&identity, &wanted, Vec::new()))
    }

    /// The parts that every answer about somebody has.
    fn identified(&self, identity: &identity::Identity, wanted: &Value, more: Vec<handles::Kept>) -> Answer {
        let mut kept = handles::kept(self.platform, identity, &self.region);
        kept.extend(more);
        let (store, cookies) = handles::state_store(self.platform, &self.state, &kept);
        let identities = handles::identities(identity, wanted);
        let handles = identities.into_iter().chain([handles::location_hint(&self.region), store]);
        Answer { handles: handles.collect(), cookies, ..Answer::default() }
    }

    /// The identity map of the first event, where the request has events as its version has them.
    fn event_identities(&self) -> Result<&Value, Problem> {
        let event = if self.is_v2 { self.body.get("event") } else { self.body["events"].get(0) };
        let name = if self.is_v2 { "event" } else { "events" };
        let event = event.ok_or_else(|| Problem::missing_field(name))?;
        if event.is_object() { Ok(self.own_or_shared_identities(event)) } else { Err(Problem::invalid_field(name)) }
    }

    fn own_or_shared_identities<'v>(&'v self, event: &'v Value) -> &'v Value {
        let own = &event["xdm"]["identityMap"];
        if own.is_null() { &self.body["xdm"]["identityMap"] } else { own }
    }

    fn see(&self, ecid: &str) {
        let user_agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let is_known = self.platform.options.profiles_at_once;
        self.platform.visitors.see(ecid, user_agent, &self.region, is_known);
    }
}

fn upstream_error(with_membership: bool) -> Value {
    let (code, service) = match with_membership {
        true => ("EXEG-0201-503", "com.adobe.target"),
        false => ("EXEG-0200-504", "com.adobe.edge.segmentation"),
    };
    handles::note(code, &format!("The '{service}' service gave no answer."), "Please try again later.")
}

impl Answer {
    fn write(self, id: &str) -> Response {
        let mut body = json!({ "requestId": id, "handle": self.handles });
        for (name, notes) in [("errors", self.errors), ("warnings", self.warnings)] {
            if !notes.is_empty() {
                body[name] = Value::Array(notes);
            }
        }
        let mut response = json_answer(self.status, "application/json;charset=utf-8", &body);
        for cookie in self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

fn collected(call: &Call, parts: &Parts, id: &str) -> Response {
    if call.is_v2 && parameter(parts, &["silent"]).as_deref() != Some("true") {
        return json_answer(StatusCode::ACCEPTED, "application/json;charset=utf-8", &json!({ "requestId": id }));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn problem_answer(platform: &Platform, problem: &Problem, id: &str, datastream: Option<&str>) -> Response {
    let body = problem.body(id, &platform.options.org, datastream);
    json_answer(status(problem.status()), "application/problem+json", &body)
}

fn refusal(platform: &Platform, id: &str, datastream: Option<&str>, status: StatusCode) -> Response {
    let answer = problem_answer(platform, &Problem::of_status(status.as_u16()), id, datastream);
    with_headers(answer, id, &platform.region())
}

/// A status of choice.
pub fn refuse(platform: &Platform, status: u16) -> Response {
    let id = format!("{}-{}", Uuid::new_v4(), hex(16));
    refusal(platform, &id, None, super::refusal::status(status))
}

/// For a body of more than 64 KB.
pub fn too_large(platform: &Platform, parts: &Parts) -> Response {
    let id = request_id(parts);
    with_headers(problem_answer(platform, &Problem::too_large(), &id, None), &id, &platform.region())
}

/// The client's own id or a new one, and 16 digits that make it unique.
fn request_id(parts: &Parts) -> String {
    let header = || parts.headers.get("x-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let given = parameter(parts, &["requestId"]).or_else(header);
    format!("{}-{}", given.unwrap_or_else(|| Uuid::new_v4().to_string()), hex(16))
}

/// The first value in the query under one of these names.
fn parameter(parts: &Parts, names: &[&str]) -> Option<String> {
    let url = Url::parse("http://edge").ok()?.join(&parts.uri.to_string()).ok()?;
    url.query_pairs().find(|(key, _)| names.contains(&&**key)).map(|(_, value)| value.into_owned())
}

fn with_headers(mut response: Response, id: &str, region: &str) -> Response {
    let headers = response.headers_mut();
    let fixed = [("x-rate-limit-remaining", "599"), ("x-content-type-options", "nosniff")];
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let not_kept = HeaderValue::from_static("no-cache, no-store, max-age=0, no-transform, private");
    headers.insert(CACHE_CONTROL, not_kept);
    let own = [("x-adobe-edge", format!("{};9", region.to_uppercase())), ("x-request-id", id.to_owned())];
    for (name, value) in own {
        // An id that is no header's value stays in the body.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
