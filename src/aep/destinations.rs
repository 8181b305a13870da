//! Which audiences are activated for this shop: destinations and their flows, from the Flow Service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::api::{Api, ApiError, Area, one_line};
use super::audiences::Audience;
use super::pages::Source;

const BASE: &str = "/data/foundation/flowservice";

/// Characters of a name or an id at most.
const MOST_NAME: usize = 255;

/// A target connection: where audiences are activated to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its id.
    pub id: String,
    /// What marketers call it.
    pub name: String,
    /// Whether it is switched off at Adobe's.
    pub disabled: bool,
}

/// Whether an audience is activated for this shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Not known: no destination is configured, or Adobe does not say.
    Unknown,
    /// It is not.
    No,
    /// It is, to the destinations of these names.
    Yes(Vec<String>),
}

impl Activation {
    /// `yes`, `no` or `unknown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::No => "no",
            Self::Yes(_) => "yes",
        }
    }
}

/// What is activated where.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    /// Every destination of the sandbox, by name.
    pub all: Vec<Destination>,
    /// The configured ones among them.
    pub ours: Vec<Destination>,
    /// What is configured and does not exist.
    pub missing: Vec<String>,
    /// Whether lists ended early, so that there may be more.
    pub is_cut: bool,
    selectors: Vec<Selector>,
}

/// An audience in a flow to one of our destinations.
#[derive(Clone, Debug)]
struct Selector {
    ids: Vec<String>,
    namespace: Option<String>,
    destinations: BTreeSet<String>,
}

struct Flow {
    targets: BTreeSet<String>,
    selectors: Vec<Selector>,
}

/// Asks which audiences are activated to the destinations of these names (in whatever case) or ids.
///
/// # Errors
/// When destinations or flows cannot be had.
pub async fn activations(api: &Api, configured: &[String]) -> Result<Activations, ApiError> {
    let source = |path, query| {
        let first = (path, query);
        Source { api, area: Area::Destinations, base: BASE, first, cursor: "continuationToken", progress: None }
    };
    let connections = source("/targetConnections", "limit=100").list(destination).await?;
    let query = "property=inheritedAttributes.properties.isDestinationFlow%3D%3Dtrue&limit=100";
    // Flows matter to configured destinations alone.
    let flows = match configured {
        [] => None,
        _ => Some(source("/flows", query).list(flow).await?),
    };
    let is_cut = connections.cut.is_some() || flows.as_ref().is_some_and(|flows| flows.cut.is_some() || flows.odd > 0);
    let mut activations = Activations::of(connections.items, configured);
    activations.is_cut = is_cut;
    activations.add(flows.map(|flows| flows.items).unwrap_or_default());
    Ok(activations)
}

impl Activations {
    fn of(mut all: Vec<Destination>, configured: &[String]) -> Self {
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let is_ours = |wish: &str, one: &Destination| one.id == wish || one.name.to_lowercase() == wish.to_lowercase();
        let missing = configured.iter().filter(|wish| !all.iter().any(|one| is_ours(wish, one)));
        let missing = missing.cloned().collect();
        let ours = all.iter().filter(|one| configured.iter().any(|wish| is_ours(wish, one))).cloned().collect();
        Self { all, ours, missing, ..Self::default() }
    }

    /// Takes what flows to our destinations select.
    fn add(&mut self, flows: Vec<Flow>) {
        let names: BTreeMap<&str, &str> =
            self.ours.iter().filter(|one| !one.disabled).map(|one| (&*one.id, &*one.name)).collect();
        for flow in flows {
            let to = flow.targets.iter().filter_map(|id| names.get(&**id));
            let destinations: BTreeSet<String> = to.map(|name| (*name).to_owned()).collect();
            if !destinations.is_empty() {
                let named = |selector| Selector { destinations: destinations.clone(), ..selector };
                self.selectors.extend(flow.selectors.into_iter().map(named));
            }
        }
    }

    /// How many audiences flows to our destinations select.
    pub fn selected(&self) -> usize {
        let ids: BTreeSet<_> = self.selectors.iter().map(|selector| (&selector.ids, &selector.namespace)).collect();
        ids.len()
    }

    /// Whether an audience is activated for this shop. That it is not is said only when all of the configured destinations were found and
    /// read to their ends.
    pub fn of_audience(&self, audience: &Audience) -> Activation {
        let selectors = self.selectors.iter().filter(|selector| selector.is(audience));
        let names: BTreeSet<&String> = selectors.flat_map(|selector| &selector.destinations).collect();
        match () {
            () if !names.is_empty() => Activation::Yes(names.into_iter().cloned().collect()),
            () if self.ours.is_empty() || !self.missing.is_empty() || self.is_cut => Activation::Unknown,
            () => Activation::No,
        }
    }
}

impl Selector {
    /// Ids of external audiences are unique within their namespace only.
    fn is(&self, audience: &Audience) -> bool {
        let same_namespace = || match (&self.namespace, &audience.namespace) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => true,
        };
        self.ids.contains(&audience.id) || (self.ids.contains(&audience.audience_id) && same_namespace())
    }
}

fn destination(value: &Value) -> Option<(String, Destination)> {
    let id = text(value, "id")?;
    let name = text(value, "name").unwrap_or_else(|| id.clone());
    let disabled =
        value.get("state").and_then(Value::as_str).is_some_and(|state| state.eq_ignore_ascii_case("disabled"));
    Some((id.clone(), Destination { id, name, disabled }))
}

/// A flow that is switched off selects nothing.
fn flow(value: &Value) -> Option<(String, Flow)> {
    let id = text(value, "id")?;
    let list = |pointer: &str| value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let named = list("/targetConnectionIds").filter_map(Value::as_str).map(str::to_owned);
    let inherited = list("/inheritedAttributes/targetConnections").filter_map(|target| text(target, "id"));
    let targets = named.chain(inherited).collect();
    let disabled =
        value.get("state").and_then(Value::as_str).is_some_and(|state| state.eq_ignore_ascii_case("disabled"));
    let selectors = list("/transformations").flat_map(|step| {
        let selectors = step.pointer("/params/segmentSelectors/selectors").and_then(Value::as_array);
        selectors.into_iter().flatten().filter_map(selector)
    });
    let selectors = if disabled { Vec::new() } else { selectors.collect() };
    Some((id, Flow { targets, selectors }))
}

fn selector(value: &Value) -> Option<Selector> {
    let value = value.get("value")?;
    let ids: Vec<String> = ["id", "systemSegmentId"].into_iter().filter_map(|key| text(value, key)).collect();
    let namespace = text(value, "namespace");
    (!ids.is_empty()).then_some(Selector { ids, namespace, destinations: BTreeSet::new() })
}

fn text(value: &Value, key: &str) -> Option<String> {
    let text = one_line(value.get(key)?.as_str()?, MOST_NAME);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
