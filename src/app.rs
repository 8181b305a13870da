//! From a configuration to a running proxy: binds sockets, watches files, drains.

mod drafts;
mod follower;
mod publisher;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::aep::edge::Edge;
use crate::aep::ims::Tokens;
use crate::audience::adobe::Adobe;
use crate::audience::refresh::{LookupMetrics, Refresher};
use crate::audience::{Identifier, Trust};
use crate::charging::Charging;
use crate::charging::codes::{self, Codes};
use crate::config::{Config, LoadedRules, RulesSource, load_rules};
use crate::decision::link::Commerce;
use crate::document::Mistake;
use crate::guard::drift::drift;
use crate::guard::{Guard, Keeper, fingerprints};
use crate::inventory::{Inventory, Opening, Uses};
use crate::mode::{Modes, Overrides};
use crate::operations::{self, Readiness};
use crate::proxy::first_party::{FirstPartyLayer, Reported};
use crate::proxy::personal::{self, Parts, Shop};
use crate::push::{Hints, Push};
use crate::rewrite::Rewriter;
use crate::seen::Seen;
use crate::telemetry::Metrics;
use crate::telemetry::pages::PageMetrics;
use crate::upstream::{self, Upstream};
use crate::watch::{Fingerprint, watch};
use crate::{admin, aep, catalog, commerce, inventory, proxy, server};
use follower::Follower;
use publisher::Publisher;

/// Why Segue does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The mode file is wrong.
    #[error("{} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// The way to the origin cannot be set up.
    #[error(transparent)]
    Upstream(#[from] upstream::BuildError),
    /// The way to Experience Platform cannot be set up.
    #[error("Experience Platform cannot be called: {0}")]
    Platform(#[from] aep::http::BuildError),
    /// The way to Commerce cannot be set up.
    #[error("Commerce cannot be called: {0}")]
    Commerce(#[source] aep::http::BuildError),
    /// The way from pages to the Edge Network cannot be set up.
    #[error("experience_platform.first_party_path: calls cannot go to the Edge Network: {0}")]
    FirstParty(#[source] upstream::BuildError),
    /// A socket cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A proxy whose sockets are open.
#[derive(Debug)]
pub struct App {
    config: Config,
    shop: Arc<Shop>,
    guard: Arc<Guard>,
    keeper: Keeper,
    publisher: Arc<Publisher>,
    upstream: Upstream,
    metrics: Arc<Metrics>,
    rules_rejected: Counter,
    rules_published: Counter,
    shoppers: TcpListener,
    operations: TcpListener,
    admin: Option<(Admin, TcpListener)>,
    push: Option<Push>,
    first_party: Option<FirstPartyLayer>,
    inventory: Option<Opening>,
    commerce: Option<commerce::keeper::Keeper>,
    catalogue: Option<catalog::keeper::Keeper<commerce::Client>>,
    codes: Option<(Arc<Codes>, codes::Keeper)>,
    uses: channel::Sender<Uses>,
    seen: Option<Arc<Seen>>,
    rules_seen: Option<Fingerprint>,
    rules_published_last: Option<i64>,
    modes_seen: Option<Fingerprint>,
}

impl App {
    /// Opens the sockets, for a configuration and the rules of its file.
    ///
    /// # Errors
    /// When modes are wrong, or a socket cannot be had.
    pub async fn bind(config: Config, loaded: LoadedRules) -> Result<Self, StartError> {
        let modes_seen = Fingerprint::of(&config.mode_file);
        log_warnings(&loaded.warnings);
        let overrides = Overrides::load(&config.mode_file).map_err(StartError::Mistakes)?;
        let upstream = Upstream::new(&config.upstream)?;
        let shoppers = listen(config.listen).await?;
        let operations = listen(config.operations).await?;
        warn_of_trust(&config, &shoppers);
        let mut metrics = Metrics::new();
        let rewriter = Arc::new(Rewriter::new(config.rewrite.clone()));
        let hints = Hints::new();
        let tokens = match &config.platform {
            Some(platform) => Tokens::of(&platform.aep)?,
            None => None,
        };
        let inventory_tokens = tokens.clone();
        let (identifier, platform) = visitors(&config, tokens.clone(), &hints, &mut metrics)?;
        let push = match config.platform.as_ref().and_then(|platform| platform.push.as_ref()) {
            None => None,
            Some(settings) => {
                let address = settings.listen;
                let push = Push::bind(settings, hints, &mut metrics).await;
                Some(push.map_err(|source| StartError::Listen { address, source })?)
            }
        };
        let inventory = config.platform.as_ref();
        let inventory = inventory.and_then(|platform| Opening::new(&platform.aep, tokens, &config.store, &mut metrics));
        let (commerce, catalogue, code_client) = match &config.commerce {
            None => (None, None, None),
            Some(settings) => {
                let client = commerce::Client::new(settings).map_err(StartError::Commerce)?;
                let place = &config.store;
                let catalogue = commerce::catalogue(settings, client.clone(), place.clone(), &mut metrics);
                let code_client = client.clone();
                let keeper =
                    commerce::keeper::Keeper::begin(settings.clone(), client, place.clone(), &mut metrics).await;
                (Some(keeper), Some(catalogue), Some(code_client))
            }
        };
        let uses = channel::Sender::new(Uses::of(&loaded.ruleset));
        let guard = Guard::new(&mut metrics);
        let book = commerce.as_ref().and_then(|commerce| commerce.books().borrow().clone());
        let offers = channel::Sender::new(fingerprints(&loaded.ruleset, book.as_deref()));
        let keeper = Keeper::new(Arc::clone(&guard), config.store.clone(), offers.subscribe()).begin().await;
        if let Some(book) = &book {
            guard.drifted(drift(&loaded.ruleset, book, &config.sites, Timestamp::now()));
        }
        let paused = guard.paused().borrow().clone();
        let needed = channel::Sender::new(codes::wanted(&loaded.ruleset));
        let (codes, code_keeper) = match (&config.commerce, &code_client) {
            (Some(settings), Some(client)) => {
                let codes = Codes::new(settings.url.to_string(), config.store.clone());
                let (client, charging) = (client.clone(), config.charging.clone());
                let keeper =
                    codes::Keeper::begin(Arc::clone(&codes), client, charging, needed.subscribe(), &mut metrics).await;
                (Some(codes), Some(keeper))
            }
            _ => (None, None),
        };
        let commerce_said = commerce.as_ref().map(|keeper| {
            let release = config.commerce.as_ref().map(|settings| settings.release).unwrap_or_default();
            let mut said = Commerce::new(keeper.books().borrow().clone(), None, release);
            said.codes = codes.as_ref().map(|codes| codes.at_hand().borrow().clone()).unwrap_or_default();
            said
        });
        // Somebody who looks at the admin UI, here or in another process, sees how many there were.
        let is_counted = config.admin.is_some() || matches!(config.rules, RulesSource::Store { .. });
        let seen = is_counted.then(|| Seen::new(config.store.clone()));
        if let Some(seen) = &seen {
            guard.count_in(Arc::clone(seen));
        }
        let charging = Charging::new(config.charging.clone(), upstream.clone(), codes.clone(), &mut metrics);
        let shop = Arc::new(Shop::new(Parts {
            sites: config.sites.clone(),
            share: config.share,
            modes: config.modes.overruled(&overrides),
            rules: publisher::compile(loaded.ruleset.clone(), &paused, commerce_said.as_ref(), &config.sites).0,
            identifier,
            platform,
            metrics: PageMetrics::register(&mut metrics, Arc::clone(&rewriter)),
            rewriter,
            guard: Arc::clone(&guard),
            charging,
            seen: seen.clone(),
        }));
        let publisher = Publisher::new(Arc::clone(&shop), loaded.ruleset, paused, commerce_said, offers, needed);
        if let RulesSource::Store { .. } = &config.rules {
            let scope = config.platform.as_ref().map(|platform| inventory::scope(&platform.aep));
            shop.preview_by(drafts::source(config.store.clone(), scope, config.sites.clone(), &publisher));
        }
        let first_party = first_party(&config, &shop, &mut metrics)?;
        let admin = match &config.admin {
            None => None,
            Some(settings) => Some((
                admin(
                    &config,
                    settings,
                    inventory_tokens,
                    &guard,
                    commerce
                        .as_ref()
                        .zip(catalogue.as_ref())
                        .map(|(keeper, catalogue)| (keeper.books(), catalogue.indexes())),
                    shoppers.local_addr().unwrap_or(config.listen),
                ),
                listen(settings.listen).await?,
            )),
        };
        let (rules_rejected, rules_published) = (Counter::default(), Counter::default());
        metrics.register("rules_rejected", "Rules files with mistakes, not put in force", rules_rejected.clone());
        metrics.register("rules_published", "Rules files put in force while running", rules_published.clone());
        let metrics = Arc::new(metrics);
        Ok(Self {
            config,
            shop,
            guard,
            keeper,
            publisher,
            upstream,
            metrics,
            rules_rejected,
            rules_published,
            shoppers,
            operations,
            admin,
            push,
            first_party,
            inventory,
            commerce,
            catalogue,
            codes: codes.zip(code_keeper),
            uses,
            seen,
            rules_seen: loaded.seen,
            rules_published_last: loaded.published,
            modes_seen,
        })
    }

    /// Where shoppers connect.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.shoppers.local_addr()
    }

    /// Where health and metrics are.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn operations_address(&self) -> io::Result<SocketAddr> {
        self.operations.local_addr()
    }

    /// Says how the admin UI tries drafts in carts. Only the first word counts.
    pub fn verify_by(&self, verifier: admin::Verifier) {
        if let Some((admin, _)) = &self.admin {
            admin.verify_by(verifier);
        }
    }

    /// Where the admin UI is, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.1.local_addr().ok()
    }

    /// Where Experience Platform says that something changed, if it does.
    pub fn push_address(&self) -> Option<SocketAddr> {
        self.push.as_ref()?.address().ok()
    }

    /// Ends once the rules in force go by what Commerce says, or at once where it is not asked.
    pub fn joined(&self) -> impl Future<Output = ()> + use<> {
        let mut joined = self.publisher.joined();
        async move {
            // Whoever publishes is gone: nobody needs to wait any more.
            let _ = joined.wait_for(|joined| *joined).await;
        }
    }

    /// Serves until `stop` ends, then finishes what is under way.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tasks = vec![self.watch_rules(), self.watch_modes()];
        tasks.push(Arc::clone(&self.publisher).follow(self.guard.paused()));
        tasks.push(self.keeper.spawn());
        tasks.extend(self.seen.map(Seen::spawn));
        if let Some(push) = self.push {
            // A hint that is cut off is sent again, or the membership grows old by itself.
            tasks.push(tokio::spawn(push.run(std::future::pending())));
        }
        tasks.extend(self.inventory.map(|inventory| inventory.spawn(self.uses.subscribe())));
        if let Some(commerce) = self.commerce {
            tasks.push(Arc::clone(&self.publisher).watch_drift(Arc::clone(&self.guard), commerce.books()));
            tasks.push(Arc::clone(&self.publisher).follow_books(commerce.books()));
            if let Some(catalogue) = self.catalogue {
                tasks.push(Arc::clone(&self.publisher).follow_catalogue(catalogue.indexes()));
                tasks.push(catalogue.spawn(commerce.attributes()));
            }
            tasks.push(commerce.spawn());
        }
        if let Some((codes, keeper)) = self.codes {
            tasks.push(Arc::clone(&self.publisher).follow_codes(codes.at_hand()));
            tasks.push(keeper.spawn());
        }
        tasks.extend(self.admin.into_iter().flat_map(|(admin, listener)| admin.spawn(listener)));
        let readiness = Readiness::new();
        let router = operations::router(readiness.clone(), Arc::clone(&self.metrics));
        let operations = tokio::spawn(async move { axum::serve(self.operations, router).await });
        readiness.set(true);
        let service =
            proxy::service(self.config.proxy, self.shop, self.upstream, self.first_party, Arc::clone(&self.metrics));
        let stop = {
            let readiness = readiness.clone();
            async move {
                stop.await;
                readiness.set(false);
            }
        };
        let drained = server::run(self.shoppers, self.config.server, service, self.metrics.connections(), stop).await;
        tracing::info!(connections.cut = drained.cut, "stopped");
        for task in tasks.into_iter() {
            task.abort();
        }
        operations.abort();
    }

    /// Follows the rules until the task is aborted.
    fn watch_rules(&self) -> JoinHandle<()> {
        let shop = Arc::clone(&self.shop);
        let (rejected, published) = (self.rules_rejected.clone(), self.rules_published.clone());
        let (uses, publisher) = (self.uses.clone(), Arc::clone(&self.publisher));
        let put_in_force = move |read: Result<LoadedRules, Vec<Mistake>>| match read {
            Ok(loaded) => {
                log_warnings(&loaded.warnings);
                uses.send_replace(Uses::of(&loaded.ruleset));
                let revision = publisher.publish(loaded.ruleset);
                tracing::info!(rules.revision = format!("{revision:016x}"), "new rules are in force");
                published.inc();
                true
            }
            Err(mistakes) => {
                rejected.inc();
                log_mistakes(&mistakes, "the new rules have mistakes: the last good ones stay in force");
                false
            }
        };
        match &self.config.rules {
            RulesSource::File(path) => {
                let path = path.clone();
                watch(path.clone(), self.rules_seen, move || {
                    put_in_force(load_rules(&path, shop.sites()));
                })
            }
            RulesSource::Store { kept } => {
                let follower = Follower::new(self.config.store.clone(), kept.clone(), self.rules_published_last);
                follower.spawn(move |number, rules| put_in_force(LoadedRules::published(number, rules, shop.sites())))
            }
        }
    }

    fn watch_modes(&self) -> JoinHandle<()> {
        let (path, shop): (PathBuf, _) = (self.config.mode_file.clone(), Arc::clone(&self.shop));
        let configured: Modes = self.config.modes.clone();
        watch(path.clone(), self.modes_seen, move || match Overrides::load(&path) {
            Ok(overrides) => {
                let modes = configured.overruled(&overrides);
                for view in shop.sites().views() {
                    tracing::info!(store = &*view.code, mode = modes.of(&view.code).as_str(), "mode");
                }
                shop.set_modes(modes);
            }
            Err(mistakes) => log_mistakes(&mistakes, "the mode file has mistakes: modes stay as they were"),
        })
    }
}

/// Who says who shoppers are, and who looks them up.
fn visitors(
    config: &Config,
    tokens: Option<Tokens>,
    hints: &Hints,
    metrics: &mut Metrics,
) -> Result<(Identifier, Option<personal::Platform>), StartError> {
    let identifier = Identifier::new(config.membership.clone());
    let Some(settings) = &config.platform else { return Ok((identifier, None)) };
    let adobe = Adobe::new(&settings.aep.org, settings.consent.clone());
    let edge = Edge::connect(&settings.aep, tokens)?;
    let metrics = LookupMetrics::register(metrics);
    let fresh_for = config.membership.fresh_for;
    let refresher = Refresher::new(settings.refresh.clone(), fresh_for, edge, hints.clone(), metrics);
    let datastreams = settings.aep.edge.datastreams.clone();
    let platform = personal::Platform { datastreams, refresher: Arc::new(refresher) };
    Ok((identifier.with_adobe(adobe), Some(platform)))
}

/// The admin UI over what else there is.
fn admin(
    config: &Config,
    settings: &admin::Config,
    tokens: Option<Tokens>,
    guard: &Guard,
    said: Option<(commerce::keeper::Books, catalog::keeper::Indexes)>,
    shoppers: SocketAddr,
) -> Admin {
    let platform = config.platform.as_ref().map(|platform| platform.aep.clone());
    let inventory = platform.clone().zip(tokens).map(|(platform, tokens)| {
        let open = move |store| Inventory::new(&platform, tokens.clone(), store);
        Arc::new(open) as admin::InventorySource
    });
    Admin::new(admin::Parts {
        config: settings.clone(),
        place: config.store.clone(),
        sites: config.sites.clone(),
        rules: config.rules.clone(),
        scope: platform.as_ref().map(inventory::scope),
        inventory,
        paused: guard.paused(),
        membership: config.membership.clone(),
        trusted_proxies: config.proxy.headers.trusted_proxies.clone(),
        commerce: config.commerce.clone(),
        said,
        shop: settings.shop.clone().unwrap_or_else(|| own_url(shoppers)),
    })
}

/// Where a browser on this machine finds the shop.
fn own_url(listen: SocketAddr) -> Url {
    let ip = if listen.ip().is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { listen.ip() };
    let at = SocketAddr::new(ip, listen.port());
    format!("http://{at}/").parse().expect("an address makes a URL")
}

/// The path under which pages reach the Edge Network, where there is one.
fn first_party(
    config: &Config,
    shop: &Arc<Shop>,
    metrics: &mut Metrics,
) -> Result<Option<FirstPartyLayer>, StartError> {
    let Some(platform) = &config.platform else { return Ok(None) };
    let Some(path) = &platform.first_party_path else { return Ok(None) };
    let overhearing = Arc::clone(shop);
    let learn = Arc::new(move |reported: Reported<'_>| overhearing.overhear(reported));
    let layer = FirstPartyLayer::new(path, &platform.aep, config.sites.clone(), learn, metrics);
    Ok(Some(layer.map_err(StartError::FirstParty)?))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Whoever can reach the socket can then join any audience.
fn warn_of_trust(config: &Config, shoppers: &TcpListener) {
    let beyond = shoppers.local_addr().is_ok_and(|address| !address.ip().is_loopback());
    if config.membership.trust == Trust::Cookie && beyond {
        tracing::error!(
            "membership.trust is \"cookie\": EVERY BROWSER CAN JOIN EVERY AUDIENCE and be charged its prices. \
             Use it for QA, staging and migration only; \"verified\" is the setting for shoppers"
        );
    }
}

fn log_warnings(warnings: &[Mistake]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

fn log_mistakes(mistakes: &[Mistake], consequence: &str) {
    for mistake in mistakes {
        tracing::error!("{mistake}");
    }
    tracing::error!(mistakes = mistakes.len(), "{consequence}");
}
