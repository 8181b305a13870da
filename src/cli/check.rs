//! `segue check`: validates configuration and rules; with `--online` also asks the shop.

use http::{StatusCode, Uri, header};

use super::page::{Wish, ask, first_host};
use super::{ConfigFile, Failure};
use crate::aep;
use crate::body::Body;
use crate::config::{self, Config};
use crate::inventory::Uses;
use crate::mode::{Mode, Overrides};
use crate::page::PageFacts;
use crate::rewrite::plan::{Reason, StoreHints};
use crate::rewrite::render::Dressing;
use crate::rewrite::skip::Skip;
use crate::rewrite::{Done, Rewriter};
use crate::rule::Ruleset;
use crate::site::StoreView;
use crate::upstream::Upstream;

pub(super) async fn run(file: &ConfigFile, online: bool) -> Result<(), Failure> {
    let (config, loaded) = config::load_with_rules(&file.config, std::env::vars()).await?;
    Overrides::load(&config.mode_file)?;
    Upstream::new(&config.upstream).map_err(|error| Failure::Usage(error.to_string()))?;
    for warning in &loaded.warnings {
        println!("warning: {warning}");
    }
    if let Some(platform) = &config.platform {
        warn_of_audiences(&config, &platform.aep, &loaded.ruleset).await;
    }
    let (offers, blocks) = (loaded.ruleset.offers.len(), loaded.ruleset.blocks.len());
    println!("configuration and rules are right: offers: {offers}, blocks: {blocks}");
    if online { ask_shop(&config).await } else { Ok(()) }
}

/// What the inventory, as it was kept, has against the rules.
async fn warn_of_audiences(config: &Config, settings: &aep::Config, ruleset: &Ruleset) {
    match super::audiences::snapshot(config, settings).await {
        Ok(snapshot) => {
            for flagged in snapshot.flags(&Uses::of(ruleset)) {
                println!("warning: {flagged}");
            }
            if snapshot.good.is_none() && settings.credentials.is_some() {
                println!(
                    "the audiences were never listed, so rules were not compared with them: `segue audiences sync` lists them"
                );
            }
        }
        Err(error) => println!("warning: {error}"),
    }
}

async fn ask_shop(config: &Config) -> Result<(), Failure> {
    let mut findings = 0;
    for view in config.sites.views() {
        match wish(config, view) {
            Some(wish) => {
                for finding in look(config, view, wish).await? {
                    findings += 1;
                    println!("{}: {finding}", view.code);
                }
            }
            None => println!("{}: only a cookie leads to this store view, so it was not asked", view.code),
        }
    }
    match findings {
        0 => {
            println!("the shop is ready for Segue");
            Ok(())
        }
        1 => Err(Failure::Failed("1 thing would bite".to_owned())),
        count => Err(Failure::Failed(format!("{count} things would bite"))),
    }
}

/// The store view's front page. A view that nothing but the `store` cookie selects is not asked: a cookie without Magento's own
/// `X-Magento-Vary` beside it would put a page into the wrong place of its cache.
fn wish(config: &Config, view: &StoreView) -> Option<Wish> {
    let default = view.code == config.sites.default_view().code;
    if view.hosts.is_empty() && view.path_prefix.is_none() && !default {
        return None;
    }
    let host = view.hosts.first().cloned().unwrap_or_else(|| first_host(config));
    let target = view.path_prefix.as_ref().map_or_else(|| "/".to_owned(), |prefix| format!("{prefix}/"));
    Some(Wish { host, target, secure: true })
}

async fn look(config: &Config, view: &StoreView, mut wish: Wish) -> Result<Vec<String>, Failure> {
    let mut answer = ask(config, wish.request(config)?).await?;
    // A shop whose base URL is http sends https there; its shoppers come over http then.
    if redirect(&answer).is_some_and(|to| to.scheme_str() == Some("http") && same_host(&to, &wish)) {
        wish.secure = false;
        answer = ask(config, wish.request(config)?).await?;
    }
    if let Some(to) = redirect(&answer) {
        return Ok(vec![redirected(config, &to, &wish)]);
    }
    if answer.status() != StatusCode::OK {
        return Ok(vec![format!("{} answers {}, not a page", wish.target, answer.status())]);
    }
    Ok(judge(config, view, answer).await)
}

fn redirect(answer: &http::Response<Body>) -> Option<Uri> {
    let redirects = answer.status().is_redirection();
    let location = answer.headers().get(header::LOCATION).filter(|_| redirects)?;
    location.to_str().ok()?.parse().ok()
}

fn same_host(to: &Uri, wish: &Wish) -> bool {
    let name = |host: &str| host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    to.host().is_none_or(|host| name(host) == name(&wish.host))
}

fn redirected(config: &Config, to: &Uri, wish: &Wish) -> String {
    let headers = &config.proxy.headers;
    if !same_host(to, wish) {
        let host = to.host().unwrap_or_default();
        return format!(
            "asked as {}, the shop redirects to its base URL {to}: set origin.host = \"{host}\", or stores.views hosts to the \
             names that shoppers use, or Magento's web/unsecure/base_url and web/secure/base_url to this host",
            wish.host
        );
    }
    if to.scheme_str() == Some("https") && to.path() == wish.target {
        return format!(
            "the shop redirects to {to} although {} said https, which is a redirect loop: set origin.forwarded_proto_header to \
             Magento's offloader header (web/secure/offloader_header)",
            headers.proto_header
        );
    }
    format!("the shop redirects {} to {to}: no page to look at", wish.target)
}

async fn judge(config: &Config, view: &StoreView, answer: http::Response<Body>) -> Vec<String> {
    let rewriter = Rewriter::new(config.rewrite.clone());
    let mut page = http::Request::new(());
    page.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("text/html"));
    let (mut parts, ()) = page.into_parts();
    let wanted = rewriter.prepare(&mut parts, Mode::On, true);
    let mut contradicts = None;
    let select = |_: &PageFacts, hints: &StoreHints| {
        contradicts = hints.contradict(view).then(|| hints.clone());
        Ok(Default::default())
    };
    let rewritten = rewriter.rewrite(&wanted, answer, &Dressing::default(), select).await;
    let mut findings: Vec<String> = contradicts.iter().map(|hints| mismatch(view, hints)).collect();
    match rewritten.outcome {
        Ok(done) => findings.extend(unknown_formats(&done)),
        Err(Skip::SharedCacheInFront) => findings.push(
            "the answer is made for a shared cache in front of Segue (X-Magento-Tags, Surrogate-Control or <esi:include>), so every page \
             passes untouched: put Segue in front of that cache, or set Magento's system/full_page_cache/caching_application to built-in"
                .to_owned(),
        ),
        Err(skip) => findings.push(format!("the page would pass as it is: {skip}")),
    }
    findings
}

fn mismatch(view: &StoreView, hints: &StoreHints) -> String {
    let says = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "the page says store view {}, language {}, which is not [stores.views.{}]: mend its hosts, path_prefix or locale",
        says(&hints.view),
        says(&hints.language),
        view.code
    )
}

fn unknown_formats(done: &Done) -> Option<String> {
    let unknown = |reason: Reason| matches!(reason, Reason::UnknownFormat | Reason::UnknownPrecision);
    let products: Vec<String> = done
        .plan
        .left_alone()
        .iter()
        .filter(|left| unknown(left.reason))
        .map(|left| left.product.to_string())
        .collect();
    (!products.is_empty()).then(|| {
        format!(
            "the currency format of these products' prices is not known, so they would stay: {}",
            products.join(", ")
        )
    })
}
