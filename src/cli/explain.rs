//! `segue explain`: fetches a page and says what would change on it, and why.

mod products;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::page::{Wish, ask};
use super::{ExplainArguments, Failure, Output, joined};
use crate::audience::KnownAudiences;
use crate::config::{self, Config};
use crate::decision::decide::Rules;
use crate::decision::link;
use crate::decision::select::{Scope, select_explained};
use crate::decision::verdict::Verdict;
use crate::document::suggestion;
use crate::mode::{Mode, Overrides};
use crate::page::PageFacts;
use crate::rewrite::plan::StoreHints;
use crate::rewrite::render::Dressing;
use crate::rewrite::skip::Skip;
use crate::rewrite::{Outcome, Rewriter};
use crate::rule::AudienceId;
use crate::site::StoreView;

pub(super) async fn run(arguments: ExplainArguments) -> Result<(), Failure> {
    let config = arguments.config.load()?;
    let ruleset = config::rules(&config).await?.ruleset;
    let known = KnownAudiences::of(&ruleset);
    let (rules, standings) = link::rules(ruleset, joined::commerce(&config).await?.as_ref(), &config.sites);
    let wish = Wish::parse(&config, &arguments.url)?;
    let view = store_view(&config, arguments.store.as_deref(), &wish)?;
    let (audiences, unknown) = audiences(&arguments.audience, &known);
    let explained = explain(&config, &rules, &view, &audiences, &wish).await?;
    let modes = config.modes.overruled(&Overrides::load(&config.mode_file)?);
    let report = report::Report::new(&report::Subject {
        mode: modes.of(&view.code),
        rules: &rules,
        known: &known,
        view: &view,
        wish: &wish,
        audiences: &audiences,
        unknown: &unknown,
        explained: &explained,
        standings: &standings,
    });
    match arguments.output {
        Output::Text => print!("{report}"),
        Output::Json => {
            let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Failed(error.to_string()))?;
            println!("{text}");
        }
    }
    Ok(())
}

/// What was found out about a page.
struct Explained {
    status: u16,
    /// Where the origin sends the shopper instead.
    location: Option<String>,
    /// Of every rule before the page was known.
    candidates: Vec<Verdict>,
    /// Of the candidates on this page; empty where the page was not looked at.
    on_page: Vec<Verdict>,
    kind: Option<&'static str>,
    currencies: Vec<String>,
    outcome: Outcome,
}

/// Goes the proxy's own way, with mode `on`, and notes the reasons.
async fn explain(
    config: &Config,
    rules: &Rules,
    view: &StoreView,
    audiences: &BTreeSet<AudienceId>,
    wish: &Wish,
) -> Result<Explained, Failure> {
    let now = Timestamp::now();
    let decision = rules.decide(&rules.key(view, audiences, now));
    let rewriter = Arc::new(Rewriter::new(config.rewrite.clone()));
    let (mut parts, body) = wish.request(config)?.into_parts();
    let wanted = rewriter.prepare(&mut parts, Mode::On, true);
    let path = parts.uri.path().to_owned();
    let answer = ask(config, http::Request::from_parts(parts, body)).await?;
    let status = answer.status().as_u16();
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut on_page = Vec::new();
    let (mut kind, mut currencies) = (None, Vec::new());
    let select = |facts: &PageFacts, hints: &StoreHints| {
        (kind, currencies) = (Some(facts.kind.as_str()), facts.currencies.clone());
        if hints.contradict(view) {
            return Err(Skip::StoreMismatch);
        }
        let scope = Scope { view, path: &path, bucket: 0 };
        let (selection, verdicts) = select_explained(&decision, &scope, facts);
        on_page = verdicts;
        if rules.could_change_page(view, now, &path, facts) { Ok(selection) } else { Err(Skip::NoRule) }
    };
    let dressing = Dressing { display: &view.display, ..Dressing::default() };
    let rewritten = rewriter.rewrite(&wanted, answer, &dressing, select).await;
    let outcome = rewritten.outcome;
    Ok(Explained {
        status,
        location,
        candidates: rules.explain(view, audiences, now),
        on_page,
        kind,
        currencies,
        outcome,
    })
}

fn store_view(config: &Config, store: Option<&str>, wish: &Wish) -> Result<Arc<StoreView>, Failure> {
    let sites = &config.sites;
    let Some(code) = store else { return Ok(Arc::clone(sites.find(&wish.host, &wish.target, None))) };
    sites.view(code).cloned().ok_or_else(|| {
        let near = suggestion(code, sites.views().iter().map(|view| &*view.code));
        Failure::Usage(format!("no store view \"{code}\" in the configuration{near}"))
    })
}

/// The audiences by id or name, and what nobody knows.
fn audiences(wanted: &[String], known: &KnownAudiences) -> (BTreeSet<AudienceId>, Vec<String>) {
    let mut audiences = BTreeSet::new();
    let mut unknown = Vec::new();
    for text in wanted.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        match known.resolve(text).filter(|id| known.is_listed(id)) {
            Some(id) => {
                audiences.insert(id);
            }
            None => unknown.push(text.to_owned()),
        }
    }
    (audiences, unknown)
}
