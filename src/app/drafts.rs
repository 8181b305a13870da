//! What is being worked on, for previews.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::publisher::Publisher;
use crate::admin::Desk;
use crate::decision::decide::Rules;
use crate::inventory::Snapshot;
use crate::proxy::personal::DraftSource;
use crate::rule::Ruleset;
use crate::site::Sites;
use crate::store::{Place, RuleState, Scope};

/// How long rules are kept of which nothing was changed: what Commerce says of them may be otherwise.
const KEPT: Duration = Duration::from_secs(10);

struct Drafts {
    place: Place,
    scope: Option<Scope>,
    sites: Sites,
    publisher: Weak<Publisher>,
    made: Mutex<Option<(RuleState, Instant, Arc<Rules>)>>,
}

/// Rules made of the drafts in a store.
pub(super) fn source(place: Place, scope: Option<Scope>, sites: Sites, publisher: &Arc<Publisher>) -> DraftSource {
    let publisher = Arc::downgrade(publisher);
    let drafts = Arc::new(Drafts { place, scope, sites, publisher, made: Mutex::new(None) });
    Box::new(move || {
        let drafts = Arc::clone(&drafts);
        Box::pin(async move { drafts.rules().await })
    })
}

impl Drafts {
    async fn rules(&self) -> Result<Arc<Rules>, String> {
        let store = self.place.open().await.map_err(|error| error.to_string())?;
        let state = store.rule_state().await.map_err(|error| error.to_string())?;
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, at, rules)) = made
            && of == state
            && at.elapsed() < KEPT
        {
            return Ok(rules);
        }
        let names = match &self.scope {
            Some(scope) => Snapshot::read(&store, scope).await.map_err(|error| error.to_string())?.names(),
            None => Default::default(),
        };
        let entries = store.rule_entries().await.map_err(|error| error.to_string())?;
        let document = Desk::new(state, entries, &Value::Null, names).document().to_string();
        let publisher = self.publisher.upgrade().ok_or("it is stopping")?;
        let sites = self.sites.clone();
        // Thousands of rules take their time, which others on this thread would wait for.
        let compiled = tokio::task::spawn_blocking(move || {
            let parsed = Ruleset::parse("the drafts", document.as_bytes(), &sites);
            parsed.map(|(ruleset, _)| Arc::new(publisher.preview(ruleset)))
        });
        let rules = compiled.await.map_err(|error| error.to_string())?.map_err(|mistakes| {
            let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
            format!("the drafts have {} mistakes, first: {first}", mistakes.len())
        })?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some((state, Instant::now(), Arc::clone(&rules)));
        Ok(rules)
    }
}
