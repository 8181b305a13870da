//! The admin UI: audiences, offers, dynamic blocks, publishing, and who may. On a listener of its own, which is for nobody but
//! merchandisers; it never serves the shop's HTML, so that no script of the shop runs in its origin.

mod answer;
mod api;
mod audiences;
mod audit;
mod blocks;
mod desk;
mod entry_form;
mod entry_list;
mod forms;
mod imports;
mod layout;
mod listing;
mod offers;
mod people;
mod preview;
mod publish;
mod rules;
mod settings;
mod shoppers;
mod sign_in;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::config::RulesSource;
use crate::inventory::{Inventory, Snapshot};
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::store::{Kind, Place, RuleState, Scope, Store, StoreError};
use answer::Refused;
pub use desk::{Desk, Difference, Names, What, own};
pub use sign_in::{PasswordError, checked_name, hash as hash_password};

/// An answer's forms have HTML of a block for many store views at most.
const MOST_BYTES: usize = 4 << 20;

/// Passwords that are evaluated at a time: each takes 19 MiB and some 20 ms of a core.
const EVALUATED: usize = 2;

/// How often it is looked whether something is to be published that was scheduled.
const SCHEDULE: Duration = Duration::from_millis(500);

/// How often it is read how many shoppers were seen.
const COUNT: Duration = Duration::from_secs(5);

/// Where the admin UI listens and how long its sessions last.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long a session lasts that nobody uses.
    pub idle: Duration,
    /// How long any session lasts.
    pub absolute: Duration,
    /// Where browsers find the shop, for previews; where it is not said, where Segue listens.
    pub shop: Option<Url>,
}

/// What the admin UI needs of the rest of Segue.
pub struct Parts {
    /// Its own settings.
    pub config: Config,
    /// Where the store is.
    pub place: Place,
    /// The shop's store views.
    pub sites: Sites,
    /// Where rules come from.
    pub rules: RulesSource,
    /// Whose audiences are listed, where Experience Platform is asked.
    pub scope: Option<Scope>,
    /// How they are listed anew, where somebody may.
    pub inventory: Option<InventorySource>,
    /// The offers that the price guard paused.
    pub paused: watch::Receiver<BTreeSet<Arc<str>>>,
    /// With what tokens of simulations are sealed.
    pub membership: crate::audience::Config,
    /// Where browsers find the shop.
    pub shop: Url,
    /// Who may say where somebody comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How Commerce is asked, where it is.
    pub commerce: Option<crate::commerce::Config>,
    /// What it said of its rules and of its catalogue, where it is asked.
    pub said: Option<(crate::commerce::keeper::Books, crate::catalog::keeper::Indexes)>,
}

/// Opens an inventory of Experience Platform's audiences on a store.
pub type InventorySource = Arc<dyn Fn(Store) -> Result<Inventory, crate::aep::http::BuildError> + Send + Sync>;

/// Tries offers of a ruleset in carts of the shop, by their ids.
pub type Verifier = Arc<dyn Fn(Ruleset, BTreeSet<String>) -> Trying + Send + Sync>;

/// What comes of trying.
pub type Trying = Pin<Box<dyn Future<Output = Result<Vec<TriedOffer>, String>> + Send>>;

/// What came of one product of an offer, in a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedOffer {
    /// The offer's id.
    pub offer: String,
    /// The product; empty where none was tried.
    pub sku: String,
    /// What one should cost, without tax.
    pub expected: Option<Decimal>,
    /// What it was charged.
    pub charged: Option<Decimal>,
    /// Whether both are otherwise.
    pub differed: bool,
    /// What came of it, in words.
    pub result: String,
}

/// The admin UI.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    parts: Parts,
    desk: Mutex<Option<Arc<Desk>>>,
    /// What is the matter with the desk of a state, on a day.
    looked: Mutex<Option<publish::Looked>>,
    evaluating: Semaphore,
    /// What the link of the first start holds, as long as nobody may sign in.
    setup: Mutex<Option<String>>,
    syncing: tokio::sync::Mutex<()>,
    /// How far the last listing of audiences is.
    sync: Mutex<Option<audiences::Syncing>>,
    linked: Option<rules::Linked>,
    shoppers: ArcSwap<shoppers::View>,
    verifier: OnceLock<Verifier>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("config", &self.0.parts.config).finish_non_exhaustive()
    }
}

impl Admin {
    /// An admin UI. Nothing is opened yet.
    pub fn new(parts: Parts) -> Self {
        let linked = parts.commerce.clone().and_then(rules::Linked::new);
        Self(Arc::new(Inner {
            parts,
            linked,
            shoppers: ArcSwap::default(),
            verifier: OnceLock::new(),
            desk: Mutex::new(None),
            looked: Mutex::new(None),
            evaluating: Semaphore::new(EVALUATED),
            setup: Mutex::new(None),
            syncing: tokio::sync::Mutex::new(()),
            sync: Mutex::new(None),
        }))
    }

    /// Says how drafts are tried in carts. Only the first word counts.
    pub fn verify_by(&self, verifier: Verifier) {
        let _ = self.0.verifier.set(verifier);
    }

    /// Serves until the task is aborted.
    pub fn spawn(self, listener: TcpListener) -> Vec<JoinHandle<()>> {
        let (scheduling, greeting) = (self.clone(), self.clone());
        let address = listener.local_addr();
        let serve = async move {
            let service = self.router().into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!("the admin UI has ended: {error}");
            }
        };
        let greet = async move {
            if let Ok(address) = address {
                greeting.greet(address).await;
            }
        };
        vec![tokio::spawn(serve), tokio::spawn(greet), tokio::spawn(async move { scheduling.keep_schedule().await })]
    }

    /// Says where the first user is made, as long as there is none.
    async fn greet(&self, address: SocketAddr) {
        let people = async { self.store().await?.people().await };
        match people.await {
            Ok(people) if people.is_empty() => {
                let token = sign_in::secret();
                *self.0.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign_in::digest(&token));
                // Printed, and no log line: what collects logs keeps it from nobody. It opens once, and only until somebody may sign in.
                eprintln!(
                    "Nobody may sign in to the admin UI yet. Make the first user, once: http://{address}/set-up?token={token}"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!("the admin UI has no store: {error}"),
        }
    }

    /// Publishes what is due. Whoever is first of several processes does it. And reads what was changed, so that nobody's page waits for it.
    async fn keep_schedule(&self) {
        let mut failing = false;
        let (mut read, mut counted) = (None::<(RuleState, Option<publish::Known>)>, None::<tokio::time::Instant>);
        loop {
            if counted.is_none_or(|at| at.elapsed() >= COUNT)
                && let Ok(store) = self.store().await
            {
                counted = Some(tokio::time::Instant::now());
                if let Err(error) = self.count_shoppers(&store).await {
                    tracing::warn!("how many shoppers were seen is not known: {error}");
                }
            }
            if self.rules_file().is_none()
                && let Ok(store) = self.store().await
                && let Ok(state) = store.rule_state().await
            {
                let known = self.known();
                let is_read = |(before, had): &(RuleState, Option<publish::Known>)| {
                    *before == state && publish::Known::same(had.as_ref(), known.as_ref())
                };
                if !read.as_ref().is_some_and(is_read) {
                    read = Some((state, known));
                    if let Ok(desk) = self.desk().await
                        && let Err(error) = publish::look_over(self, &desk).await
                    {
                        tracing::warn!("the drafts could not be looked over: {error:?}");
                    }
                }
            }
            let due = async { self.store().await?.publish_scheduled(Timestamp::now()).await };
            match due.await {
                Ok(Some(number)) => tracing::info!(revision = number, "published as scheduled"),
                Ok(None) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!("what is scheduled is not published: {error}");
                }
                Err(_) => {}
            }
            tokio::time::sleep(SCHEDULE).await;
        }
    }

    fn router(self) -> Router {
        let policy = self.policy();
        Router::new()
            .route("/", get(|| async { answer::see_other("/audiences") }))
            .route("/static/{*path}", get(layout::asset))
            .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
            .route("/sign-out", post(sign_in::sign_out))
            .route("/set-up", get(sign_in::set_up_form).post(sign_in::set_up))
            .route("/audiences", get(audiences::list).post(audiences::add))
            .route("/audiences/one", get(audiences::one))
            .route("/audiences/sync", post(audiences::sync))
            .route("/audiences/delete", post(audiences::delete))
            .route("/offers", get(offers::list))
            .route("/offers/edit", get(offers::edit).post(offers::save))
            .route("/offers/delete", post(offers::delete))
            .route("/rules", get(rules::list))
            .route("/rules/skus", get(rules::skus))
            .route("/rules/edit", get(rules::edit).post(rules::save))
            .route("/blocks", get(blocks::list))
            .route("/blocks/edit", get(blocks::edit).post(blocks::save))
            .route("/blocks/delete", post(blocks::delete))
            .route("/blocks/import", get(imports::form).post(imports::import))
            .route("/preview", post(preview::open))
            .route("/publish", get(publish::form).post(publish::publish))
            .route("/publish/verify", post(publish::verify))
            .route("/publish/discard", post(publish::discard))
            .route("/publish/unschedule", post(publish::unschedule))
            .route("/revisions", get(publish::revisions))
            .route("/revisions/one", get(publish::one).post(publish::roll_back))
            .route("/audit", get(audit::list))
            .route("/audit.csv", get(audit::export))
            .route("/settings", get(settings::show).post(settings::test))
            .route("/people", get(people::list).post(people::save))
            .route("/people/delete", post(people::delete))
            .route("/people/tokens", post(people::add_token))
            .route("/people/tokens/delete", post(people::delete_token))
            .nest(api::PATH, api::router())
            .fallback(|| async { Refused::NotFound.into_response() })
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .layer(axum::middleware::from_fn(guard))
            .layer(map_response(move |response| secure(response, policy.clone())))
            .with_state(self)
    }

    /// What pages of this UI may load, and where their forms lead: here, and on to the shop.
    fn policy(&self) -> HeaderValue {
        let shops: BTreeSet<String> =
            self.sites().views().iter().map(|view| preview::base(self, view).origin().ascii_serialization()).collect();
        let shops = shops.into_iter().collect::<Vec<_>>().join(" ");
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self' {shops}; frame-ancestors 'none'; base-uri 'none'"
        );
        HeaderValue::try_from(policy).expect("origins are ASCII")
    }

    async fn store(&self) -> Result<Store, StoreError> {
        self.0.parts.place.open().await
    }

    fn sites(&self) -> &Sites {
        &self.0.parts.sites
    }

    /// The file that rules are edited in, where it is not here.
    fn rules_file(&self) -> Option<&Path> {
        match &self.0.parts.rules {
            RulesSource::File(path) => Some(path),
            RulesSource::Store { .. } => None,
        }
    }

    /// Today, where the shop is.
    fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.sites().default_view().time_zone.clone()).date()
    }

    /// What is worked on and what is live, read anew where something was changed.
    async fn desk(&self) -> Result<Arc<Desk>, Refused> {
        let store = self.store().await?;
        let inventory = self.inventory_names(&store).await?;
        if let Some(file) = self.rules_file() {
            return Ok(Arc::new(of_file(file, inventory)?));
        }
        let state = store.rule_state().await?;
        let held = self.0.desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let held = held.filter(|desk| desk.inventory == inventory);
        if let Some(desk) = held.as_ref().filter(|desk| desk.state == state) {
            return Ok(Arc::clone(desk));
        }
        let desk = Arc::new(match held {
            Some(held) => self.desk_after(&store, &held, state).await?,
            None => self.whole_desk(&store, state, inventory).await?,
        });
        *self.0.desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&desk));
        Ok(desk)
    }

    async fn whole_desk(&self, store: &Store, state: RuleState, inventory: Names) -> Result<Desk, Refused> {
        Ok(Desk::new(state, store.rule_entries().await?, &live(store).await?, inventory))
    }

    /// The desk with what was changed since it was read: of thousands of entries, mostly one.
    async fn desk_after(&self, store: &Store, held: &Desk, state: RuleState) -> Result<Desk, Refused> {
        let written = store.rule_entries_after(held.state.changes).await?;
        let live = if held.state.revision == state.revision { None } else { Some(live(store).await?) };
        let desk = held.after(state, written, live.as_ref());
        // What was taken away is not told.
        if desk.len() == store.rule_entry_count().await? {
            return Ok(desk);
        }
        self.whole_desk(store, state, held.inventory.clone()).await
    }

    /// What Experience Platform is known to have.
    async fn snapshot(&self, store: &Store) -> Result<Option<Snapshot>, StoreError> {
        match &self.0.parts.scope {
            Some(scope) => Snapshot::read(store, scope).await.map(Some),
            None => Ok(None),
        }
    }

    async fn inventory_names(&self, store: &Store) -> Result<Names, StoreError> {
        Ok(self.snapshot(store).await?.map(Snapshot::names).unwrap_or_default())
    }

    /// What Commerce is known to have; none before it has said all of it.
    fn known(&self) -> Option<publish::Known> {
        let (books, indexes) = self.0.parts.said.as_ref()?;
        let release = self.0.parts.commerce.as_ref()?.release;
        Some(publish::Known { book: books.borrow().clone()?, index: indexes.borrow().clone()?, release })
    }

    fn is_paused(&self, offer: &str) -> bool {
        self.0.parts.paused.borrow().contains(offer)
    }
}

/// The newest revision's rules.
async fn live(store: &Store) -> Result<Value, StoreError> {
    let live = store.newest_rules().await?;
    Ok(live.and_then(|(_, rules)| serde_json::from_str(&rules).ok()).unwrap_or_default())
}

/// The desk of a rules file, which can only be looked at.
fn of_file(file: &Path, inventory: Names) -> Result<Desk, Refused> {
    let bytes = std::fs::read(file).map_err(|error| Refused::Unavailable(format!("{}: {error}", file.display())))?;
    let rules: Value =
        serde_json::from_slice(&bytes).map_err(|error| Refused::Unavailable(format!("{}: {error}", file.display())))?;
    let entries = Kind::ALL.into_iter().flat_map(|kind| {
        let list = rules[kind.list()].as_array().into_iter().flatten();
        list.filter_map(move |value| {
            Some(crate::store::Entry {
                kind,
                id: value["id"].as_str()?.trim().to_owned(),
                value: value.clone(),
                version: 0,
                changed_at: Timestamp::UNIX_EPOCH,
                changed_by: String::new(),
            })
        })
    });
    Ok(Desk::new(Default::default(), entries.collect(), &rules, inventory))
}

/// Refuses what a page of somebody else's has sent: whatever changes something comes from a page of this UI, or from a program with a token,
/// which no browser sends by itself.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_safe = request.method().is_safe() || request.uri().path().starts_with(api::PATH);
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = text(header::ORIGIN);
    let is_own = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && host == text(header::HOST));
    if is_safe || is_own { next.run(request).await } else { Refused::Foreign.into_response() }
}

/// What every answer says to browsers.
async fn secure(mut response: Response, policy: HeaderValue) -> Response {
    const HEADERS: [(header::HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    let is_page = response.status() != StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if is_page && !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
