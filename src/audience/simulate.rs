//! Simulation: an operator sees, in his own browser, the pages of other audiences, while the origin keeps charging his own price.
//!
//! `segue cookie mint --simulate` makes a token. Opening `/.segue/simulate?token=...` sets a sealed cookie of its own and goes on to
//! a page without the token in its address. `/.segue/simulate/end` ends it: a POST, so that no prefetched link does. It takes no
//! proof of where the form was, since all that a forged one can do is to end a simulation.
//!
//! A token opens once *per process*: each proxy of a fleet remembers only what it opened itself, until the token expires or the
//! process ends. Keep a token's life short.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, REFERER, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};

use super::config::Config;
use super::cookie::{SealError, decode_audiences, encode_audiences, room, seconds};
use super::identify::Identifier;
use super::keys::random;
use super::known::KnownAudiences;
use super::plain;
use super::seal::{self, Content, OpenError, Purpose, put_text};
use crate::body::Body;
use crate::rule::AudienceId;
use crate::rule::html::escape;

/// A token's life when nobody says otherwise: long enough to be sent to a colleague, too short to be found in a log.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// A simulation's life: a working day. The browser forgets it earlier when it closes.
pub const SIMULATION_LIFE: Duration = Duration::from_secs(8 * 3600);

/// Opened tokens that are remembered. Operators mint a few a day; past this many no more are opened, rather than one twice.
const MOST_TICKETS: usize = 10_000;

/// A simulation that a browser is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The audiences whose pages it shows.
    pub audiences: BTreeSet<AudienceId>,
    /// What they are called, in the order of their ids.
    pub labels: Vec<String>,
    /// When it ends by itself, in seconds since 1970 UTC.
    pub expires_at: i64,
    /// By which rules its pages are made.
    pub by: By,
}

/// By which rules the pages of a simulation are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Those that are live.
    Live,
    /// Those that are being worked on.
    Drafts,
    /// Those that are live, since those that are being worked on cannot be had, or have mistakes.
    NoDrafts,
}

/// What a token and a simulation's cookie hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) id: [u8; 16],
    pub(super) expires_at: i64,
    /// The path that the simulation starts at.
    pub(super) to: String,
    pub(super) audiences: BTreeSet<AudienceId>,
    /// Whether it shows what is being worked on.
    pub(super) drafts: bool,
}

impl Ticket {
    /// Seals the ticket for this purpose.
    pub(super) fn seal(&self, config: &Config, purpose: Purpose<'_>) -> Result<String, SealError> {
        let mut content = self.id.to_vec();
        content.extend(self.expires_at.to_be_bytes());
        put_text(&mut content, &self.to).ok_or(SealError::BadTarget)?;
        content.push(u8::from(self.drafts));
        let room = room(config, &config.simulation_cookie()).saturating_sub(content.len());
        let (audiences, is_cut) = encode_audiences(self.audiences.iter().collect(), room);
        if is_cut {
            return Err(SealError::TooManyAudiences);
        }
        content.extend(audiences);
        Ok(seal::seal(&config.keys, purpose, &config.site, &content)?)
    }

    pub(super) fn open(config: &Config, purpose: Purpose<'_>, value: &[u8], now: i64) -> Result<Self, OpenError> {
        let (content, _) = seal::open(&config.keys, purpose, &config.site, value)?;
        let ticket = Self::decode(Content(&content)).ok_or(OpenError::Malformed)?;
        if now >= ticket.expires_at { Err(OpenError::Expired) } else { Ok(ticket) }
    }

    fn decode(mut content: Content<'_>) -> Option<Self> {
        let id = content.take()?;
        let expires_at = content.seconds()?;
        let to = content.text()?.to_owned();
        let drafts = content.byte()? != 0;
        Some(Self { id, expires_at, to, audiences: decode_audiences(&mut content)?, drafts })
    }
}

impl Simulation {
    /// Opens a simulation's cookie.
    pub(super) fn open(config: &Config, value: &[u8], known: &KnownAudiences, now: i64) -> Result<Self, OpenError> {
        let ticket = Ticket::open(config, Purpose::Cookie(&config.simulation_cookie()), value, now)?;
        let labels = ticket.audiences.iter().map(|id| known.label(id).to_owned()).collect();
        let by = if ticket.drafts { By::Drafts } else { By::Live };
        Ok(Self { audiences: ticket.audiences, labels, expires_at: ticket.expires_at, by })
    }
}

/// Makes a token that starts a simulation of `audiences` at the path `to`, once, until `life` is over.
///
/// # Errors
/// When `to` is no path of the shop, an id is none, or they are too many for a cookie.
pub fn mint_simulation_token(
    config: &Config,
    audiences: &BTreeSet<AudienceId>,
    to: &str,
    life: Duration,
    now: i64,
) -> Result<String, SealError> {
    mint(config, audiences, to, life, now, false)
}

/// The same, with pages as they will be once what is being worked on is published.
///
/// # Errors
/// As [`mint_simulation_token`].
pub fn mint_preview_token(
    config: &Config,
    audiences: &BTreeSet<AudienceId>,
    to: &str,
    life: Duration,
    now: i64,
) -> Result<String, SealError> {
    mint(config, audiences, to, life, now, true)
}

fn mint(
    config: &Config,
    audiences: &BTreeSet<AudienceId>,
    to: &str,
    life: Duration,
    now: i64,
    drafts: bool,
) -> Result<String, SealError> {
    if !is_local_path(to) || to.len() > 255 {
        return Err(SealError::BadTarget);
    }
    if let Some(bad) = audiences.iter().find(|id| !plain::is_id(id)) {
        return Err(SealError::BadAudience(bad.to_string()));
    }
    let expires_at = now.saturating_add(seconds(life));
    let ticket = Ticket { id: random()?, expires_at, to: to.to_owned(), audiences: audiences.clone(), drafts };
    ticket.seal(config, Purpose::SimulationToken)
}

/// The block that tells a simulated page from a real one, with the button that ends it. Styled by classes alone.
pub fn marker(simulation: &Simulation, prefix: &str) -> String {
    let labels = match simulation.labels.as_slice() {
        [] => "no audience".to_owned(),
        labels => labels.iter().map(|label| escape(label)).collect::<Vec<_>>().join(", "),
    };
    let what = match simulation.by {
        By::Live => "Simulating",
        By::Drafts => "Drafts, as seen by",
        By::NoDrafts => "The drafts cannot be shown: they have mistakes, or are out of reach. What is live, as seen by",
    };
    let action = escape(&format!("{prefix}simulate/end"));
    format!(
        "<div class=\"segue-simulation\" role=\"status\">\
         <p class=\"segue-simulation-text\">{what}: <strong>{labels}</strong>. The cart charges your own price.</p>\
         <form class=\"segue-simulation-form\" method=\"post\" action=\"{action}\">\
         <button class=\"segue-simulation-end\" type=\"submit\">End simulation</button></form></div>"
    )
}

/// The tokens that were opened and would still open.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<[u8; 16], i64>>);

impl Tickets {
    /// Marks a token as opened; `false` when it was before, or when too many are.
    fn take(&self, ticket: &Ticket, now: i64) -> bool {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= MOST_TICKETS {
            opened.retain(|_, expires_at| *expires_at > now);
        }
        if opened.len() >= MOST_TICKETS || opened.contains_key(&ticket.id) {
            return false;
        }
        opened.insert(ticket.id, ticket.expires_at);
        true
    }
}

/// A request to start or end a simulation.
#[derive(Clone, Copy, Debug)]
pub struct SimulationRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, with query.
    pub uri: &'a Uri,
    /// The headers as they arrived.
    pub headers: &'a HeaderMap,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The time, in seconds since 1970 UTC.
    pub now: i64,
}

impl Identifier {
    /// Answers the requests that start and end simulations; `None` for any other path. Nothing of it goes to the origin.
    pub fn handle(&self, request: &SimulationRequest<'_>) -> Option<Response<Body>> {
        let page = request.uri.path().strip_prefix(self.config().prefix.as_str())?;
        match (page, request.method) {
            ("simulate", &Method::GET) => Some(self.start(request)),
            ("simulate", _) => Some(not_allowed("GET")),
            ("simulate/end", &Method::POST) => Some(self.end(request)),
            ("simulate/end", _) => Some(not_allowed("POST")),
            _ => None,
        }
    }

    fn start(&self, request: &SimulationRequest<'_>) -> Response<Body> {
        let query = request.uri.query().unwrap_or_default();
        let token = query.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        match self.admit(token, request.now) {
            Ok((ticket, value)) => {
                tracing::info!(simulation.audiences = ticket.audiences.len(), "a simulation starts");
                let cookie = self.config().cookie(self.config().simulation_cookie(), value, request.secure);
                see_other(&ticket.to, &cookie.to_string())
            }
            Err(why) => {
                tracing::warn!(simulation.refused = why, "a simulation token was refused");
                text(
                    StatusCode::FORBIDDEN,
                    "This simulation link is not valid, has expired or was opened before. Ask for a new one.\n",
                )
            }
        }
    }

    /// Opens a token once: what it says, and the value of the simulation's cookie.
    fn admit(&self, token: &str, now: i64) -> Result<(Ticket, String), &'static str> {
        let config = self.config();
        let ticket =
            Ticket::open(config, Purpose::SimulationToken, token.as_bytes(), now).map_err(OpenError::as_str)?;
        let expires_at = now.saturating_add(seconds(SIMULATION_LIFE));
        let session = Ticket { expires_at, to: String::new(), ..ticket.clone() };
        let value = session.seal(config, Purpose::Cookie(&config.simulation_cookie())).map_err(|_| "not_sealed")?;
        if self.tickets.take(&ticket, now) { Ok((ticket, value)) } else { Err("opened_before") }
    }

    fn end(&self, request: &SimulationRequest<'_>) -> Response<Body> {
        let mut cookie = self.config().cookie(self.config().simulation_cookie(), String::new(), request.secure);
        cookie.make_removal();
        let back = came_from(request).filter(|path| !path.starts_with(&self.config().prefix));
        see_other(back.as_deref().unwrap_or("/"), &cookie.to_string())
    }
}

/// The page of this shop that the request came from.
fn came_from(request: &SimulationRequest<'_>) -> Option<String> {
    let referer: Uri = request.headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri.authority().map(http::uri::Authority::as_str))?;
    let is_own = referer.authority()?.as_str().eq_ignore_ascii_case(host);
    let path = referer.path_and_query()?.as_str();
    (is_own && is_local_path(path)).then(|| path.to_owned())
}

/// Whether a browser that is sent to this target stays in the shop: a path, and nothing that it could read as a host.
fn is_local_path(target: &str) -> bool {
    target.starts_with('/')
        && !target.starts_with("//")
        && target.len() <= 2048
        && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn see_other(to: &str, cookie: &str) -> Response<Body> {
    let mut response = text(StatusCode::SEE_OTHER, "");
    let to = if is_local_path(to) { to } else { "/" };
    for (name, value) in [(LOCATION, to), (SET_COOKIE, cookie)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn not_allowed(method: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 5] = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::fixture::{VIP, config, known, set};

    const NOW: i64 = 1_000_000;

    fn token(identifier: &Identifier, to: &str) -> String {
        mint_simulation_token(identifier.config(), &set(&[VIP, "tag"]), to, TOKEN_LIFE, NOW).expect("a token")
    }

    fn ask(
        identifier: &Identifier,
        method: Method,
        target: &str,
        headers: &HeaderMap,
        now: i64,
    ) -> Option<Response<Body>> {
        let uri = target.parse().expect("a target");
        identifier.handle(&SimulationRequest { method: &method, uri: &uri, headers, secure: true, now })
    }

    fn get(identifier: &Identifier, token: &str, now: i64) -> Response<Body> {
        let target = format!("/.segue/simulate?a=b&token={token}");
        ask(identifier, Method::GET, &target, &HeaderMap::new(), now).expect("an answer")
    }

    fn header(response: &Response<Body>, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn a_token_opens_once_and_leaves_no_trace_in_the_address() {
        let identifier = Identifier::new(config());
        let token = token(&identifier, "/sale.html?a=1");
        let response = get(&identifier, &token, NOW);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(header(&response, LOCATION), "/sale.html?a=1");
        assert_eq!(header(&response, CACHE_CONTROL), "no-store");
        assert_eq!(header(&response, REFERRER_POLICY), "no-referrer");
        let cookie = header(&response, SET_COOKIE);
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{cookie}");
        let value = cookie.strip_prefix("segue-sim=").and_then(|rest| rest.split(';').next()).expect("a value");
        let config = identifier.config();
        let simulation = Simulation::open(config, value.as_bytes(), &known(), NOW).expect("a simulation");
        assert_eq!(simulation.audiences, set(&[VIP, "tag"]));
        assert_eq!(simulation.labels, ["VIP", "<b>Tag</b>"]);
        let end = NOW + 8 * 3600;
        assert_eq!(Simulation::open(config, value.as_bytes(), &known(), end), Err(OpenError::Expired));
        let again = get(&identifier, &token, NOW + 1);
        assert_eq!(again.status(), StatusCode::FORBIDDEN);
        assert_eq!(header(&again, SET_COOKIE), "");
        assert_eq!(get(&identifier, value, NOW).status(), StatusCode::FORBIDDEN, "a cookie is no token");
        assert!(Simulation::open(config, token.as_bytes(), &known(), NOW).is_err(), "a token is no cookie");
    }

    #[test]
    fn refuses_expired_forged_and_missing_tokens() {
        let identifier = Identifier::new(config());
        let good = token(&identifier, "/");
        assert_eq!(get(&identifier, &good, NOW + 3600).status(), StatusCode::FORBIDDEN);
        let foreign = Config { site: "other".into(), ..config() };
        let foreign = mint_simulation_token(&foreign, &set(&[VIP]), "/", TOKEN_LIFE, NOW).expect("a token");
        for forged in [foreign.as_str(), "", "AAAA", &good[1..], &good[..good.len() - 1], &format!("{good}A")] {
            let response = get(&identifier, forged, NOW);
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{forged}");
            assert_eq!(header(&response, CACHE_CONTROL), "no-store");
        }
        assert_eq!(get(&identifier, &good, NOW).status(), StatusCode::SEE_OTHER, "none of it used the token up");
    }

    #[test]
    fn starts_only_at_a_path_of_the_shop() {
        let config = config();
        for to in ["//evil.example", "/\\evil.example", "https://evil.example/", "", "a", "/\t/evil", "/a b", "/\u{e9}"]
        {
            let minted = mint_simulation_token(&config, &set(&[VIP]), to, TOKEN_LIFE, NOW);
            assert_eq!(minted, Err(SealError::BadTarget), "{to}");
        }
        let many: Vec<String> = (0..300).map(|n| format!("an-audience-with-a-long-id-{n}")).collect();
        let many = many.iter().map(|id| id.as_str().into()).collect();
        let minted = mint_simulation_token(&config, &many, "/", TOKEN_LIFE, NOW);
        assert_eq!(minted, Err(SealError::TooManyAudiences));
        let minted = mint_simulation_token(&config, &set(&["a,b"]), "/", TOKEN_LIFE, NOW);
        assert_eq!(minted, Err(SealError::BadAudience("a,b".into())));
    }

    #[test]
    fn ends_by_post_and_goes_back_to_the_page() {
        let identifier = Identifier::new(config());
        for (host, referer, to) in [
            ("shop.example", "https://shop.example/sale.html?p=2", "/sale.html?p=2"),
            ("shop.example:8080", "http://SHOP.example:8080/", "/"),
            ("shop.example", "https://evil.example/sale.html", "/"),
            ("shop.example", "https://shop.example//evil.example/", "/"),
            ("shop.example", "https://shop.example/.segue/simulate?token=x", "/"),
            ("shop.example", "nonsense", "/"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            headers.insert(REFERER, HeaderValue::from_static(referer));
            let response = ask(&identifier, Method::POST, "/.segue/simulate/end", &headers, NOW).expect("an answer");
            assert_eq!((response.status(), header(&response, LOCATION)), (StatusCode::SEE_OTHER, to), "{referer}");
            let cookie = header(&response, SET_COOKIE);
            assert!(cookie.starts_with("segue-sim=; ") && cookie.contains("Max-Age=0"), "{cookie}");
        }
        let none = HeaderMap::new();
        for (method, target) in [(Method::GET, "/.segue/simulate/end"), (Method::HEAD, "/.segue/simulate?token=x")] {
            let response = ask(&identifier, method, target, &none, NOW).expect("an answer");
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{target}");
        }
        for target in ["/", "/.segue/", "/.segue/simulate/x", "/segue/simulate", "/x/.segue/simulate"] {
            assert!(ask(&identifier, Method::GET, target, &none, NOW).is_none(), "{target}");
        }
    }

    #[test]
    fn remembers_a_bounded_number_of_opened_tokens() {
        let tickets = Tickets::default();
        let ticket = |n: usize, expires_at| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            Ticket { id, expires_at, to: "/".into(), audiences: set(&[]), drafts: false }
        };
        assert!((0..MOST_TICKETS).all(|n| tickets.take(&ticket(n, NOW + 10), NOW)));
        assert!(!tickets.take(&ticket(MOST_TICKETS, NOW + 10), NOW));
        assert!(tickets.take(&ticket(MOST_TICKETS, NOW + 20), NOW + 10), "those before have expired");
    }

    #[test]
    fn marks_the_page_without_letting_names_be_markup() {
        let labels = vec!["VIP".to_owned(), "<b>'A' & \"B\"</b>".to_owned()];
        let simulation = Simulation { audiences: set(&[]), labels, expires_at: 0, by: By::Live };
        let html = marker(&simulation, "/.segue/");
        assert!(html.contains("VIP, &lt;b&gt;&#39;A&#39; &amp; &quot;B&quot;&lt;/b&gt;"), "{html}");
        assert!(html.contains("The cart charges your own price."));
        assert!(html.contains("method=\"post\" action=\"/.segue/simulate/end\""));
        assert!(!html.contains("style=") && !html.contains("<script"));
        assert!(marker(&Simulation { labels: Vec::new(), ..simulation }, "/.segue/").contains("no audience"));
    }
}
