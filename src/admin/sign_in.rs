//! Signing in and out, and who is signed in.

use std::net::SocketAddr;
use std::sync::{LazyLock, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use axum::extract::{ConnectInfo, FromRequestParts, Query, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Admin;
use super::answer::{Refused, page, see_other};
use super::forms::{Posted, Sent};
use super::layout;
use crate::proxy::forwarded;
use crate::store::{self, Changed, Doing, Role};

/// The session's cookie: `__Host-` keeps it to this host and to HTTPS (and to this machine).
const COOKIE: &str = "__Host-segue_admin";

/// So many tries are evaluated within this time, for one account and address.
const TRIES: u32 = 10;
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// How long whoever was wrong waits, so that guessing is slow.
const DELAY: Duration = Duration::from_millis(400);

/// A session's last use is noted so often at most.
const TOUCH: Duration = Duration::from_secs(60);

/// The fewest characters of a password.
const LEAST: usize = 12;

/// The most bytes of a password: it is hashed as a whole.
const MOST: usize = 1024;

/// A hash that no password has, so that an unknown name takes as long as a wrong password.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(&secret()).unwrap_or_default());

/// Why a password is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It could be guessed.
    #[error("a password needs {LEAST} characters at least")]
    Short,
    /// Nobody types that.
    #[error("a password has {MOST} bytes at most")]
    Long,
    /// There are no random numbers, or no memory.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The hash of a password, by argon2id, in the PHC string format.
///
/// # Errors
/// When it is too short or too long.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < LEAST {
        return Err(PasswordError::Short);
    }
    if password.len() > MOST {
        return Err(PasswordError::Long);
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

fn verify(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A secret of 256 bits, as text.
pub(super) fn secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret.
pub(super) fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) role: Role,
    /// What his forms repeat.
    pub(super) csrf: String,
    digest: String,
}

impl Signed {
    /// A program with a token.
    pub(super) fn program(token: &store::Token) -> Self {
        Self { name: format!("token {}", token.name), role: token.role, csrf: String::new(), digest: String::new() }
    }

    /// Whether he may do what this role may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.role >= role
    }

    /// An error where he may not do what this role may.
    pub(super) fn must(&self, role: Role) -> Result<(), Refused> {
        if self.may(role) { Ok(()) } else { Err(Refused::Role(role)) }
    }

    /// Something that he does, for the record.
    pub(super) fn doing<'a>(&'a self, action: &'a str, subject: &'a str, detail: &'a str) -> Doing<'a> {
        Doing { who: &self.name, action, subject, detail }
    }
}

impl FromRequestParts<Admin> for Signed {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Refused> {
        let to = parts.uri.path_and_query().filter(|_| parts.method.is_safe()).map_or("/", |path| path.as_str());
        let nobody = || Refused::SignIn(to.to_owned());
        let digest = token(parts).map(|token| digest(&token)).ok_or_else(nobody)?;
        let store = admin.store().await?;
        let config = &admin.0.parts.config;
        let session = store.session(&digest, config.idle, config.absolute).await?.ok_or_else(nobody)?;
        if crate::inventory::age(session.seen_at) > TOUCH.min(config.idle / 4) {
            store.touch_session(&digest).await?;
        }
        Ok(Self { name: session.name, role: session.role, csrf: session.csrf, digest })
    }
}

/// What the browser has of a session.
fn token(parts: &Parts) -> Option<String> {
    let headers = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = headers.flat_map(Cookie::split_parse).flatten();
    cookies.find(|cookie| cookie.name() == COOKIE).map(|cookie| cookie.value().to_owned())
}

fn cookie(value: &str) -> Cookie<'_> {
    Cookie::build((COOKIE, value)).path("/").secure(true).http_only(true).same_site(SameSite::Strict).build()
}

fn with_cookie(mut response: Response, cookie: &Cookie<'_>) -> Response {
    if let Ok(value) = HeaderValue::try_from(cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Where to go on, as long as it is a page of this UI.
fn onward(to: &str) -> &str {
    let is_own = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']);
    if is_own { to } else { "/" }
}

#[derive(Debug, Deserialize)]
pub(super) struct To {
    #[serde(default)]
    to: String,
}

/// `GET /sign-in`
pub(super) async fn form(Query(To { to }): Query<To>) -> Response {
    page(show_form("", &to, None)).into_response()
}

fn show_form(name: &str, to: &str, wrong: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(wrong) = wrong { div.notice.notice--bad role="alert" { p { (wrong) } } }
        form.stack method="post" action="/sign-in" {
            input type="hidden" name="to" value=(onward(to));
            label.field { span.field__label { "Name" } input name="name" value=(name) autocomplete="username" required autofocus; }
            label.field {
                span.field__label { "Password" }
                input type="password" name="password" autocomplete="current-password" required;
            }
            button.button.button--main { "Sign in" }
        }
    };
    layout::bare("Sign in", &body)
}

/// Which address somebody comes from: who comes through a trusted proxy has the one that it says.
pub(super) struct Address(String);

impl FromRequestParts<Admin> for Address {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Refused> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, admin).await;
        let ConnectInfo(peer) = peer.map_err(|error| Refused::Unavailable(error.body_text()))?;
        Ok(Self(forwarded::address(peer.ip(), &parts.headers, &admin.0.parts.trusted_proxies).to_string()))
    }
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(admin): State<Admin>,
    Address(address): Address,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (name, to) = (fields.text("name"), fields.text("to"));
    let store = admin.store().await?;
    // An account that does not exist is counted as any other. What was typed may be a password in the wrong field, and is kept nowhere.
    let account = digest(name);
    if !store.may_try(&account, &address, WITHIN, TRIES).await? {
        tracing::warn!(%address, "too many tries to sign in");
        let words = "Too many tries. Wait five minutes, or ask whoever looks after people here for a new password.";
        return Ok((StatusCode::TOO_MANY_REQUESTS, page(show_form(name, to, Some(words)))).into_response());
    }
    let person = store.person(name).await?;
    let hash = person.as_ref().map_or_else(|| NOBODY.clone(), |person| person.password.clone());
    let password = fields.raw("password").to_owned();
    let known = person.as_ref().map(|person| person.name.clone());
    let is_right = evaluate(&admin, password, hash).await? && person.is_some();
    let Some(person) = person.filter(|_| is_right) else {
        let who = known.as_deref().unwrap_or("somebody unknown");
        store.note(Doing { who, action: "sign-in.failed", subject: &address, detail: "" }).await?;
        tokio::time::sleep(DELAY).await;
        let page = page(show_form(name, to, Some("Name or password is wrong.")));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    begin(&admin, &person.name, &address, onward(to)).await
}

async fn evaluate(admin: &Admin, password: String, hash: String) -> Result<bool, Refused> {
    let _turn = admin.0.evaluating.acquire().await.map_err(|error| Refused::Unavailable(error.to_string()))?;
    let evaluated = tokio::task::spawn_blocking(move || password.len() <= MOST && verify(&password, &hash)).await;
    evaluated.map_err(|error| Refused::Unavailable(error.to_string()))
}

/// A session with a new token, whatever the browser had before.
async fn begin(admin: &Admin, name: &str, address: &str, to: &str) -> Result<Response, Refused> {
    let (token, csrf) = (secret(), secret());
    let doing = Doing { who: name, action: "sign-in", subject: address, detail: "" };
    admin.store().await?.begin_session(name, &digest(&token), &csrf, (&digest(name), address), doing).await?;
    Ok(with_cookie(see_other(to), &cookie(&token)))
}

/// `POST /sign-out`
pub(super) async fn sign_out(State(admin): State<Admin>, Posted { who, .. }: Posted) -> Result<Response, Refused> {
    let store = admin.store().await?;
    store.end_session(&who.digest, admin.0.parts.config.idle).await?;
    store.note(who.doing("sign-out", "", "")).await?;
    let mut gone = cookie("");
    gone.make_removal();
    Ok(with_cookie(see_other("/sign-in"), &gone))
}

#[derive(Debug, Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
}

impl Admin {
    fn is_set_up_by(&self, token: &str) -> bool {
        let held = self.0.setup.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_some_and(|held| *held == digest(token))
    }
}

/// `GET /set-up`: the first user, by the link that was printed at the first start.
pub(super) async fn set_up_form(State(admin): State<Admin>, Query(Token { token }): Query<Token>) -> Response {
    if !admin.is_set_up_by(&token) {
        return Refused::NotFound.into_response();
    }
    page(show_set_up(&token, "", None)).into_response()
}

fn show_set_up(token: &str, name: &str, wrong: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(wrong) = wrong { div.notice.notice--bad role="alert" { p { (wrong) } } }
        p { "You are the first here, and may do everything. Others are added under People." }
        form.stack method="post" action="/set-up" {
            input type="hidden" name="token" value=(token);
            label.field { span.field__label { "Your name" } input name="name" value=(name) autocomplete="username" required autofocus; }
            label.field {
                span.field__label { "Password" }
                input type="password" name="password" autocomplete="new-password" required minlength=(LEAST);
                span.field__hint { (LEAST) " characters at least" }
            }
            button.button.button--main { "Begin" }
        }
    };
    layout::bare("Welcome to Segue", &body)
}

/// `POST /set-up`
pub(super) async fn set_up(
    State(admin): State<Admin>,
    Address(address): Address,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let token = fields.text("token");
    if !admin.is_set_up_by(token) {
        return Err(Refused::NotFound);
    }
    let (name, hash) = match new_person(fields.text("name"), fields.raw("password")).await {
        Ok(new) => new,
        Err(wrong) => {
            let page = page(show_set_up(token, fields.text("name"), Some(&wrong)));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let doing =
        Doing { who: &name, action: "person.add", subject: &name, detail: "the first, by the link of the first start" };
    let added = admin.store().await?.add_person(&name, Role::Admin, &hash, true, doing).await?;
    *admin.0.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
    match added {
        Changed::Done(()) => begin(&admin, &name, &address, "/").await,
        Changed::Conflict => Err(Refused::NotFound),
    }
}

/// Name and hash of somebody new, or what is wrong.
pub(super) async fn new_person(name: &str, password: &str) -> Result<(String, String), String> {
    let name = checked_name(name)?;
    Ok((name, new_hash(password).await?))
}

/// The hash of a new password, or what is wrong with it.
pub(super) async fn new_hash(password: &str) -> Result<String, String> {
    let password = password.to_owned();
    let hash = tokio::task::spawn_blocking(move || hash(&password)).await;
    hash.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// A name that can be told from others in lists.
pub fn checked_name(name: &str) -> Result<String, String> {
    let fits = !name.is_empty() && name.chars().count() <= 100 && !name.contains(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err("a name has 1 to 100 characters".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_hash_alone() {
        let hash = hash("correct horse battery").expect("long enough");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(verify("correct horse battery", &hash));
        assert!(!verify("correct horse batterx", &hash));
        assert!(!verify("anything", "not a hash"));
        assert_eq!(super::hash("elevenchars"), Err(PasswordError::Short));
        assert_eq!(super::hash(&"x".repeat(2_000)), Err(PasswordError::Long));
    }

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for (to, wanted) in [
            ("/offers?q=1", "/offers?q=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("", "/"),
        ] {
            assert_eq!(onward(to), wanted, "{to}");
        }
    }
}
