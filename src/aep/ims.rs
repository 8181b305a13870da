//! Tokens of Adobe's identity service (IMS): OAuth server-to-server, kept until shortly before they expire.

mod grant;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use reqwest::{Client, Url};
use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::http::{BuildError, client};
use super::{Config, Credentials};

pub use grant::ImsError;
use grant::{Grant, ask};

/// How long IMS may take. It answers within a second; a page waits for its own budget and not for this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token is replaced this long before its end: IMS may be away for as long without anybody noticing. Of a token that lives for less
/// than five times as long, the last fifth counts.
const REPLACED_BEFORE: Duration = Duration::from_secs(60 * 60);

/// A token is not handed out so close to its end, since a call with it takes time too. Of a short-lived token, a twentieth.
const SPARE: Duration = Duration::from_secs(30);

/// A token that an API refuses is replaced at once, but the one that replaces it not sooner than this: it would be refused as well, and
/// IMS throttles those who ask too often.
const APART: Duration = Duration::from_secs(60);

/// Waits after failures. A minute at most, so that a secret mended at Adobe's is in use soon.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// A token that APIs accept. What it says is never printed.
#[derive(Debug)]
pub struct Token {
    header: HeaderValue,
    scopes: Option<Vec<String>>,
    asked: Instant,
    life: Duration,
}

impl Token {
    /// `Bearer` and the token, marked as sensitive.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// What the token is for, where Adobe says so.
    pub fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }

    /// How long it will be accepted.
    pub fn left(&self) -> Duration {
        self.life.saturating_sub(self.asked.elapsed())
    }

    fn is_usable(&self) -> bool {
        self.left() > SPARE.min(self.life / 20)
    }

    fn is_due(&self) -> bool {
        self.left() <= REPLACED_BEFORE.min(self.life / 5)
    }
}

/// Gets tokens and keeps them. Clones share what they keep.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    url: Url,
    credentials: Credentials,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    token: Option<Arc<Token>>,
    /// The secret that worked last.
    secret: usize,
    /// When a token was last given up because an API refused it.
    replaced: Option<Instant>,
    backoff: Backoff,
    failure: Option<Failure>,
    /// A request under way; it ends by being dropped, whatever became of it.
    flight: Option<watch::Receiver<()>>,
}

#[derive(Debug)]
struct Failure {
    error: ImsError,
    until: Instant,
}

/// What somebody who wants a token finds.
enum Found {
    Token(Arc<Token>),
    Failure(ImsError),
    Flight(watch::Receiver<()>),
}

impl Tokens {
    /// The tokens of a configuration, for all who call Adobe by it; `None` without credentials.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn of(config: &Config) -> Result<Option<Self>, BuildError> {
        config.credentials.clone().map(|credentials| Self::new(&config.ims, credentials)).transpose()
    }

    /// Tokens of the service at `ims`. None is asked for yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(ims: &Url, credentials: Credentials) -> Result<Self, BuildError> {
        let client = client(ims, PATIENCE)?;
        let mut url = ims.clone();
        url.set_path("/ims/token/v3");
        let state = State { token: None, secret: 0, replaced: None, backoff: BACKOFF, failure: None, flight: None };
        Ok(Self(Arc::new(Inner { client, url, credentials, state: Mutex::new(state) })))
    }

    /// The technical account that tokens are for.
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// A token that is good for some time yet. At most one request is under way for all callers, and it goes on when callers give up
    /// waiting. A token close to its end is handed out while its successor is fetched.
    ///
    /// # Errors
    /// Why there is none. For some time after a failure its reason is given again without asking IMS.
    pub async fn get(&self) -> Result<Arc<Token>, ImsError> {
        loop {
            let mut flight = match self.find() {
                Found::Token(token) => return Ok(token),
                Found::Failure(error) => return Err(error),
                Found::Flight(flight) => flight,
            };
            // Nothing is ever sent: the flight's end closes the channel.
            let _ = flight.changed().await;
        }
    }

    /// Says that an API refused `token` (401), so that it is not handed out again. True when there is, or will be, another one that is
    /// worth a second attempt.
    pub fn invalidate(&self, token: &Token) -> bool {
        let mut state = self.0.state();
        if state.token.as_ref().is_none_or(|current| !std::ptr::eq(&**current, token)) {
            return true;
        }
        if state.replaced.is_some_and(|replaced| replaced.elapsed() < APART) {
            return false;
        }
        (state.token, state.replaced) = (None, Some(Instant::now()));
        true
    }

    /// Asks for a token with each secret by itself, in the order of the configuration. None of them is kept.
    pub async fn test(&self) -> Vec<Result<Token, ImsError>> {
        let Inner { client, url, credentials, .. } = &*self.0;
        let mut results = Vec::new();
        for secret in &credentials.client_secrets {
            let asked = Instant::now();
            results.push(ask(client, url, credentials, secret).await.map(|grant| Token::new(grant, asked)));
        }
        results
    }

    fn find(&self) -> Found {
        let mut state = self.0.state();
        let now = Instant::now();
        let resting = state.failure.as_ref().filter(|failure| failure.until > now).map(|failure| failure.error.clone());
        if let Some(token) = state.token.as_ref().filter(|token| token.is_usable()).cloned() {
            if token.is_due() && resting.is_none() {
                self.fly(&mut state);
            }
            return Found::Token(token);
        }
        match resting {
            Some(error) => Found::Failure(error),
            None => Found::Flight(self.fly(&mut state)),
        }
    }

    /// The request under way, or a new one.
    fn fly(&self, state: &mut State) -> watch::Receiver<()> {
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return flight.clone();
        }
        let (ends, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        let inner = Arc::clone(&self.0);
        let first = state.secret;
        tokio::spawn(async move {
            let fetched = inner.fetch(first).await;
            inner.land(fetched);
            drop(ends);
        });
        flight
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is let go.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks with the secret that worked last; when IMS refuses that one, with the other. Says which one worked.
    async fn fetch(&self, first: usize) -> Result<(Token, usize), ImsError> {
        let secrets = &self.credentials.client_secrets;
        let mut last = ImsError::Unauthorized(None);
        for index in (first..secrets.len()).chain(0..first) {
            let asked = Instant::now();
            match ask(&self.client, &self.url, &self.credentials, &secrets[index]).await {
                Ok(grant) => return Ok((Token::new(grant, asked), index)),
                Err(error) if error.is_of_the_secret() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn land(&self, fetched: Result<(Token, usize), ImsError>) {
        let mut state = self.state();
        match fetched {
            Ok((token, secret)) => {
                if secret != state.secret {
                    tracing::info!(secret = secret + 1, "another client secret works now");
                }
                if state.failure.take().is_some() {
                    tracing::info!("Adobe's identity service gives tokens again");
                }
                state.backoff.succeeded();
                (state.token, state.secret) = (Some(Arc::new(token)), secret);
            }
            Err(error) => {
                let asked = if let ImsError::Throttled(wait) = &error { *wait } else { None };
                let wait = state.backoff.failed().max(asked.unwrap_or_default());
                if state.failure.as_ref().is_none_or(|before| before.error.as_str() != error.as_str()) {
                    tracing::warn!(reason = error.as_str(), "no token: {error}; {}", error.advice());
                }
                state.failure = Some(Failure { error, until: Instant::now() + wait });
            }
        }
        state.flight = None;
    }
}

impl Token {
    fn new(grant: Grant, asked: Instant) -> Self {
        Self { header: grant.header, scopes: grant.scopes, asked, life: grant.life }
    }
}

#[cfg(test)]
mod tests;
