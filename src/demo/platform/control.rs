//! The page on which people play Experience Platform: who is in which audience, and what goes wrong.
//!
//! It works by plain forms; its script only spares the reload. It is for the machine it runs on: other hosts' names and other
//! origins' forms are refused, so that no web page elsewhere can use a browser to look at it or steer it.

mod faults;
mod page;

use axum::Form;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;

use super::{Platform, Service};

/// Adobe's ids have 38 digits; nothing longer is kept.
const LONGEST_ID: usize = 64;

/// What the page's address may say.
#[derive(Debug, Default, Deserialize)]
pub struct Shown {
    /// The Experience Cloud id of the visitor whose browser this is.
    #[serde(default)]
    visitor: String,
}

impl Shown {
    /// The id, where it is one.
    fn visitor(&self) -> Option<&str> {
        Some(self.visitor.as_str()).filter(|id| is_id(id))
    }
}

#[derive(Debug, Deserialize)]
struct Move {
    ecid: String,
    audience: String,
    to: String,
    #[serde(flatten)]
    shown: Shown,
}

#[derive(Debug, Deserialize)]
struct Choose {
    service: String,
    fault: String,
    #[serde(flatten)]
    shown: Shown,
}

/// The page, its forms and its files.
pub fn router() -> Router<Platform> {
    Router::new()
        .route("/", get(show))
        .route("/move", post(move_visitor))
        .route("/fault", post(choose_fault))
        .route("/static/{file}", get(file))
        .layer(from_fn(guard))
}

async fn show(State(platform): State<Platform>, Query(shown): Query<Shown>) -> Response {
    answer(StatusCode::OK, "text/html; charset=utf-8", page::render(&platform, shown.visitor()))
}

async fn move_visitor(State(platform): State<Platform>, Form(form): Form<Move>) -> Response {
    let is_known = platform.audiences().iter().any(|audience| audience.id == form.audience);
    if !is_id(&form.ecid) || !is_known {
        return refused(StatusCode::BAD_REQUEST, "There is no such visitor or audience. Go back and reload the page.");
    }
    platform.move_visitor(&form.ecid, &form.audience, form.to == "in");
    back(&form.shown)
}

async fn choose_fault(State(platform): State<Platform>, Form(form): Form<Choose>) -> Response {
    if form.service == "all" {
        for service in Service::ALL {
            platform.set_fault(service, None);
        }
        return back(&form.shown);
    }
    let service = Service::ALL.into_iter().find(|service| faults::name(*service).0 == form.service);
    let choice = service.and_then(|service| {
        faults::choices(service).find(|choice| choice.word == form.fault).map(|choice| (service, choice))
    });
    let Some((service, choice)) = choice else {
        return refused(StatusCode::BAD_REQUEST, "There is no such service or fault. Go back and reload the page.");
    };
    platform.set_fault(service, choice.fault);
    back(&form.shown)
}

async fn file(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    let (kind, content) = match name.as_str() {
        "platform.css" => ("text/css; charset=utf-8", include_str!("../static/platform.css")),
        "platform.js" => ("text/javascript; charset=utf-8", include_str!("../static/platform.js")),
        "platform.svg" => ("image/svg+xml", include_str!("../media/platform.svg")),
        _ => return refused(StatusCode::NOT_FOUND, "There is no such file."),
    };
    answer(StatusCode::OK, kind, content.to_owned())
}

/// Back to the page, which shows what came of it.
fn back(shown: &Shown) -> Response {
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    let to = shown.visitor().map_or_else(|| "/".to_owned(), |id| format!("/?visitor={id}"));
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn refused(status: StatusCode, why: &str) -> Response {
    answer(status, "text/plain; charset=utf-8", format!("{why}\n"))
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let fixed: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn guard(request: Request, next: Next) -> Response {
    match trespass(request.method(), request.headers()) {
        Some(why) => refused(StatusCode::FORBIDDEN, why),
        None => next.run(request).await,
    }
}

/// Why a request is none of this machine's own pages; `None` when it is one.
fn trespass(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_this_machine(host) {
        return Some("This page is for the machine it runs on. Open it as http://127.0.0.1 with its port.");
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_own = origin.is_none_or(|origin| origin == format!("http://{host}"));
    (method != Method::GET && !is_own)
        .then_some("This form came from another page. Open this page itself and try there.")
}

fn is_this_machine(host: &str) -> bool {
    let url = Url::parse(&format!("http://{host}/"));
    let name = url.ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn only_its_own_forms_are_taken_and_only_on_this_machine() {
        let own = [
            ("127.0.0.1:8083", None),
            ("127.0.0.1:8083", Some("http://127.0.0.1:8083")),
            ("localhost:1", Some("http://localhost:1")),
            ("[::1]:8083", Some("http://[::1]:8083")),
        ];
        for (host, origin) in own {
            assert_eq!(trespass(&Method::POST, &headers(host, origin)), None, "{host} {origin:?}");
        }
        let foreign = [
            ("127.0.0.1:8083", Some("http://127.0.0.1:8080")),
            ("127.0.0.1:8083", Some("https://evil.test")),
            ("127.0.0.1:8083", Some("null")),
            ("evil.test:8083", Some("http://evil.test:8083")),
            ("", None),
        ];
        for (host, origin) in foreign {
            assert!(trespass(&Method::POST, &headers(host, origin)).is_some(), "{host} {origin:?}");
        }
        assert!(trespass(&Method::GET, &headers("evil.test", None)).is_some());
        assert!(trespass(&Method::GET, &headers("127.0.0.1", Some("http://127.0.0.1:8080"))).is_none());
    }
}
