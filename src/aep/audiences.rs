//! Which audiences exist: the list of the Segmentation Service, as types.

use std::fmt;
use std::sync::atomic::AtomicUsize;

use jiff::Timestamp;
use serde_json::Value;

use super::api::{Api, ApiError, Area, Cause, one_line};
use super::pages::{Listing, Source, elements, total};

const BASE: &str = "/data/core/ups";

/// Characters of a name or an id at most, as Adobe's own screens allow for names.
const MOST_NAME: usize = 255;

/// Characters of a description at most: it is shown, no more.
const MOST_DESCRIPTION: usize = 2_000;

/// An audience, as Experience Platform has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Its id. Membership lists carry it.
    pub id: String,
    /// The id that whoever made an external audience gave it, which membership lists may carry too; else the same as `id`.
    pub audience_id: String,
    /// What marketers call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Adobe's word for its kind: `SegmentDefinition` or `ExternalSegment`.
    pub kind: Option<String>,
    /// Where it was made.
    pub origin: Origin,
    /// The namespace of its ids, such as `AEPSegments`.
    pub namespace: Option<String>,
    /// Whether it is in use.
    pub lifecycle: Lifecycle,
    /// How quickly membership follows a shopper.
    pub evaluation: Evaluation,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// The sandbox that it says it is in.
    pub sandbox: Option<String>,
}

/// Where an audience was made, in Adobe's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub Option<String>);

/// Whether an audience is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Not yet.
    Draft,
    /// Yes.
    Published,
    /// No longer.
    Inactive,
    /// Deleted by its owner.
    Archived,
    /// A word that Segue does not know; it says nothing against the audience.
    Other(String),
    /// Adobe does not say.
    Unknown,
}

/// How an audience is evaluated; of several ways the quickest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// At the edge, within the request.
    Edge,
    /// In the hub, within minutes.
    Streaming,
    /// Once a day.
    Batch,
    /// Adobe does not say, as of audiences that others evaluate.
    Unknown,
}

impl Audience {
    /// The ids by which membership lists may name it.
    pub fn membership_ids(&self) -> impl Iterator<Item = &str> {
        let own = (self.audience_id != self.id).then_some(&*self.audience_id);
        [&*self.id].into_iter().chain(own)
    }

    /// Reads one of Adobe's audiences; `None` when it has no id or no name.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |key: &str, most| {
            let text = value.get(key)?.as_str().map(|text| one_line(text, most))?;
            (!text.is_empty()).then_some(text)
        };
        let time = |names: [&str; 2]| names.into_iter().find_map(|name| timestamp(value.get(name)?));
        let id = text("id", MOST_NAME)?;
        let namespace = text("namespace", MOST_NAME).map(known_namespace);
        Some(Self {
            audience_id: text("audienceId", MOST_NAME).unwrap_or_else(|| id.clone()),
            id,
            name: text("name", MOST_NAME)?,
            description: text("description", MOST_DESCRIPTION),
            kind: text("type", MOST_NAME),
            origin: Origin(text("originName", MOST_NAME).or_else(|| of_namespace(namespace.as_deref()?))),
            namespace,
            lifecycle: Lifecycle::of(text("lifecycleState", MOST_NAME).or_else(|| text("lifecycle", MOST_NAME))),
            evaluation: evaluation(value),
            created: time(["creationTime", "createEpoch"]),
            updated: time(["updateTime", "updateEpoch"]),
            sandbox: value
                .pointer("/sandbox/sandboxName")
                .and_then(Value::as_str)
                .map(|text| one_line(text, MOST_NAME)),
        })
    }
}

impl fmt::Display for Origin {
    /// What Adobe's own dashboard calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.as_deref() {
            None => "",
            Some("REAL_TIME_CUSTOMER_PROFILE") => "Experience Platform",
            Some("CUSTOM_UPLOAD") => "Custom upload",
            Some("AUDIENCE_ORCHESTRATION") => "Audience composition",
            Some("AUDIENCE_MANAGER") => "Audience Manager",
            Some("AUDIENCE_MATCH") => "Audience match",
            Some(other) => other,
        })
    }
}

impl Lifecycle {
    /// By Adobe's word, whatever its case. `active` stands in Adobe's older examples for what is published.
    pub fn of(word: Option<String>) -> Self {
        let Some(word) = word else { return Self::Unknown };
        match word.to_ascii_lowercase().as_str() {
            "draft" => Self::Draft,
            "published" | "active" => Self::Published,
            "inactive" => Self::Inactive,
            "archived" => Self::Archived,
            _ => Self::Other(word),
        }
    }

    /// Adobe's word for it; empty when there is none.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
            Self::Other(word) => word,
            Self::Unknown => "",
        }
    }
}

impl Evaluation {
    /// What marketers call it; empty when it is not known.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Streaming => "streaming",
            Self::Batch => "batch",
            Self::Unknown => "",
        }
    }

    /// By its word.
    pub fn of(word: &str) -> Self {
        let all = [Self::Edge, Self::Streaming, Self::Batch];
        all.into_iter().find(|evaluation| evaluation.as_str() == word).unwrap_or(Self::Unknown)
    }
}

fn evaluation(value: &Value) -> Evaluation {
    let is_on = |name: &str| value.pointer(&format!("/evaluationInfo/{name}/enabled")).and_then(Value::as_bool);
    let ways = [("synchronous", Evaluation::Edge), ("continuous", Evaluation::Streaming), ("batch", Evaluation::Batch)];
    ways.into_iter().find(|(name, _)| is_on(name) == Some(true)).map_or(Evaluation::Unknown, |(_, way)| way)
}

/// Adobe's spelling of a namespace, which its own examples have in other cases.
fn known_namespace(text: String) -> String {
    let known = ["AEPSegments", "AAM", "AAMSegments", "AAMTraits"];
    known.into_iter().find(|known| known.eq_ignore_ascii_case(&text)).map_or(text, str::to_owned)
}

/// The origin of an audience that names none.
fn of_namespace(namespace: &str) -> Option<String> {
    let origin = match namespace {
        "AEPSegments" => "REAL_TIME_CUSTOMER_PROFILE",
        "AAM" | "AAMSegments" | "AAMTraits" => "AUDIENCE_MANAGER",
        _ => return None,
    };
    Some(origin.to_owned())
}

/// A time in whatever unit Adobe has it here: seconds, milliseconds or microseconds, told apart by their size, as a number or as text,
/// or a date. Nothing in any of them is from before 1973 or after 5138.
fn timestamp(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(number) => number,
            Err(_) => return text.trim().parse().ok(),
        },
        _ => value.as_i64()?,
    };
    match number {
        1..100_000_000_000 => Timestamp::from_second(number).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(number).ok(),
        _ => None,
    }
}

/// Every audience of the sandbox; `progress` tells meanwhile how many were read.
///
/// # Errors
/// When a page cannot be had: then nothing is known of any.
pub async fn list(api: &Api, progress: &AtomicUsize) -> Result<Listing<Audience>, ApiError> {
    let first = ("/audiences", "limit=100");
    let source = Source { api, area: Area::Audiences, base: BASE, first, cursor: "start", progress: Some(progress) };
    source.list(|value| Audience::read(value).map(|audience| (audience.id.clone(), audience))).await
}

/// What one small question tells about the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// How many audiences there are, where Adobe says so.
    pub total: Option<usize>,
    /// The sandbox that they are in, where one of them says so.
    pub sandbox: Option<String>,
}

/// Asks for one audience, to see whether audiences may be listed.
///
/// # Errors
/// When they may not, or not now.
pub async fn glance(api: &Api) -> Result<Glance, ApiError> {
    let page = api.get(Area::Audiences, &api.url(&format!("{BASE}/audiences"), Some("limit=1"))).await?;
    let malformed = || ApiError { area: Area::Audiences, cause: Cause::Malformed("it has no list") };
    let elements = elements(&page).ok_or_else(malformed)?;
    let sandbox = elements.into_iter().filter_map(Audience::read).find_map(|audience| audience.sandbox);
    Ok(Glance { total: total(&page), sandbox })
}

/// One audience by its id; `None` when there is no such audience any more.
///
/// # Errors
/// When Adobe does not say.
pub async fn get(api: &Api, id: &str) -> Result<Option<Audience>, ApiError> {
    let mut url = api.url(&format!("{BASE}/audiences"), None);
    url.path_segments_mut().expect("a platform has a host").push(id);
    match api.get(Area::Audiences, &url).await {
        Ok(value) => match Audience::read(&value).filter(|audience| audience.id == id) {
            Some(audience) => Ok(Some(audience)),
            None => Err(ApiError {
                area: Area::Audiences,
                cause: Cause::Malformed("it is not the audience that was asked for"),
            }),
        },
        Err(ApiError { cause: Cause::NotFound(_), .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
