//! `segue offers`: what becomes of each offer, and a new start for one that was paused.

mod evaluate;
mod variant;
mod verify;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::audiences::{minute, print_table};
use super::status::metrics;
use super::{ConfigFile, Failure, OffersCommand, Output, joined, print};
use crate::commerce::Book;
use crate::config::{Config, rules};
use crate::decision::link::{self, Reason, Standing, Standings};
use crate::document::suggestion;
use crate::guard::drift::{Drift, drift};
use crate::guard::{Pause, SHOPPERS, fingerprints};
use crate::rule::{Charge, Offer};
use crate::store::StoreError;

pub(super) use verify::verifier;

pub(super) async fn run(command: OffersCommand) -> Result<(), Failure> {
    match command {
        OffersCommand::List { config, output } => list(&config, output).await,
        OffersCommand::Evaluate(arguments) => evaluate::run(&arguments),
        OffersCommand::Verify(arguments) => verify::run(arguments).await,
        OffersCommand::Reset { config, offer } => reset(&config.load()?, &offer).await,
    }
}

/// How an offer stands.
enum State<'a> {
    /// It is shown as a price.
    Price,
    /// Only its label is shown, since nobody charges it.
    Label,
    /// Only its label is shown, since its rule does no such thing to a unit, or nobody can tell.
    Linked(Reason),
    /// Only its label is shown, since its rule says something else in Commerce.
    Drifted(&'a str),
    /// Only its label is shown, since carts did not keep its promise.
    Paused(&'a Pause),
}

impl<'a> State<'a> {
    fn of(offer: &Offer, pauses: &'a BTreeMap<&str, &'a Pause>, drift: &'a Drift, standings: &Standings) -> Self {
        match (drift.get(&offer.id), pauses.get(&*offer.id)) {
            _ if offer.charge == Charge::None => Self::Label,
            (Some(says), _) => Self::Drifted(says),
            (None, Some(pause)) => Self::Paused(pause),
            (None, None) => match standings.get(&offer.id) {
                Some(Standing::Label(reason)) => Self::Linked(*reason),
                _ => Self::Price,
            },
        }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Label | Self::Linked(_) => "label",
            Self::Drifted(_) => "paused by drift",
            Self::Paused(_) => "paused by guard",
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Price => String::new(),
            Self::Label => "nobody charges it".to_owned(),
            Self::Linked(reason) => reason.to_string(),
            Self::Drifted(says) => (*says).to_owned(),
            Self::Paused(pause) => format!("{}, since {}", pause.reason(), minute(pause.since)),
        }
    }
}

async fn list(file: &ConfigFile, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let ruleset = rules(&config).await?.ruleset;
    let (pauses, book) = kept(&config).await.map_err(failed)?;
    let said = fingerprints(&ruleset, book.as_ref());
    let drift = book.map(|book| drift(&ruleset, &book, &config.sites, Timestamp::now())).unwrap_or_default();
    let (_, standings) = link::rules(ruleset.clone(), joined::commerce(&config).await?.as_ref(), &config.sites);
    let is_current = |pause: &&Pause| said.get(&pause.offer).is_some_and(|now| now.fits(&pause.fingerprint));
    let pauses: BTreeMap<&str, &Pause> = pauses.iter().filter(is_current).map(|pause| (&*pause.offer, pause)).collect();
    let shoppers = metrics(config.operations).await.map(|text| shoppers(&text));
    match output {
        Output::Json => {
            let one = |offer| in_json(offer, &State::of(offer, &pauses, &drift, &standings), shoppers.as_ref());
            let offers: Vec<Value> = ruleset.offers.iter().map(|offer| one(offer)).collect();
            print(format_args!("{:#}", json!({ "running": shoppers.is_some(), "offers": offers })));
        }
        Output::Text => {
            let mut rows = vec![["Offer", "Shown as", "Agreed", "Differed", "Not compared", "Why"].map(str::to_owned)];
            rows.extend(
                ruleset
                    .offers
                    .iter()
                    .map(|offer| row(offer, &State::of(offer, &pauses, &drift, &standings), shoppers.as_ref())),
            );
            print_table(&rows);
            match shoppers {
                Some(_) => print("shoppers of the last hour, by what their carts were charged"),
                None => print(format_args!(
                    "no Segue answers at {}; a running one knows what carts were charged",
                    config.operations
                )),
            }
        }
    }
    Ok(())
}

/// What the store knows of pauses, and what Commerce said last; reading makes no file.
async fn kept(config: &Config) -> Result<(Vec<Pause>, Option<Book>), StoreError> {
    if !config.store.may_hold() {
        return Ok((Vec::new(), None));
    }
    let store = config.store.open().await?;
    let pauses = store.pauses().await;
    let book = match &config.commerce {
        Some(commerce) => {
            store.commerce_book(commerce.url.as_str()).await.map(|kept| Book::from_json(&kept?, commerce))
        }
        None => Ok(None),
    };
    store.close().await;
    Ok((pauses?, book?))
}

/// How many shoppers, by offer and result.
type Shoppers = BTreeMap<(String, String), u64>;

/// The distinct shoppers of each offer, by a running Segue's metrics.
fn shoppers(metrics: &str) -> Shoppers {
    metrics.lines().filter_map(figure).collect()
}

fn figure(line: &str) -> Option<((String, String), u64)> {
    let labels = line.strip_prefix("segue_")?.strip_prefix(SHOPPERS)?.strip_prefix("{offer=\"")?;
    let (labels, count) = labels.rsplit_once("} ")?;
    let (offer, result) = labels.rsplit_once("\",result=\"")?;
    Some(((offer.to_owned(), result.strip_suffix('"')?.to_owned()), count.trim().parse().ok()?))
}

const RESULTS: [&str; 3] = ["agreed", "differed", "not_comparable"];

/// How many shoppers; `None` where no Segue runs that could say.
fn counts(offer: &Offer, shoppers: Option<&Shoppers>) -> [Option<u64>; 3] {
    RESULTS.map(|result| {
        shoppers.map(|shoppers| shoppers.get(&(offer.id.to_string(), result.to_owned())).copied().unwrap_or(0))
    })
}

fn row(offer: &Offer, state: &State<'_>, shoppers: Option<&Shoppers>) -> [String; 6] {
    let [agreed, differed, other] =
        counts(offer, shoppers).map(|count| count.map(|count| count.to_string()).unwrap_or_default());
    [offer.id.to_string(), state.as_str().to_owned(), agreed, differed, other, state.why()]
}

fn in_json(offer: &Offer, state: &State<'_>, shoppers: Option<&Shoppers>) -> Value {
    let [agreed, differed, not_comparable] = counts(offer, shoppers);
    let paused = match state {
        State::Paused(pause) => json!({
            "by": "guard", "since": pause.since.to_string(), "agreed": pause.agreed, "differed": pause.differed,
            "says": pause.reason(),
        }),
        State::Drifted(says) => json!({ "by": "drift", "says": says }),
        State::Price | State::Label | State::Linked(_) => Value::Null,
    };
    let shown_as = if matches!(state, State::Price) { "price" } else { "label" };
    json!({
        "id": &*offer.id, "name": offer.name, "shown_as": shown_as, "why": state.why(), "paused": paused,
        "shoppers": { "agreed": agreed, "differed": differed, "not_comparable": not_comparable },
    })
}

async fn reset(config: &Config, offer: &str) -> Result<(), Failure> {
    let lifted = match config.store.may_hold() {
        false => false,
        true => {
            let store = config.store.open().await.map_err(failed)?;
            let lifted = store.lift_pause(offer, None).await.map_err(failed)?;
            store.close().await;
            lifted
        }
    };
    if lifted {
        print(format_args!("offer {offer} is tried again: a running Segue shows it as a price within a second"));
        return Ok(());
    }
    // An offer that was removed may have left a pause, so that the rules are asked only now.
    let ruleset = rules(config).await?.ruleset;
    let ids = || ruleset.offers.iter().map(|offer| &*offer.id);
    if ids().any(|id| id == offer) {
        print(format_args!("offer {offer} is not paused by the guard: nothing to do"));
        return Ok(());
    }
    Err(Failure::Usage(format!("no offer \"{offer}\" in the rules{}", suggestion(offer, ids()))))
}

fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures_of_a_running_segue() {
        let read = shoppers(
            "# HELP segue_guard_shoppers Distinct\nsegue_guard_shoppers{offer=\"a} \\\"b\",result=\"differed\"} 3\n\
             segue_guard_carts_total{offer=\"vip\",result=\"agreed\"} 9\nsegue_guard_shoppers{offer=\"vip\",result=\"agreed\"} 7\n",
        );
        let figures: Vec<_> =
            read.iter().map(|((offer, result), count)| (offer.as_str(), result.as_str(), *count)).collect();
        assert_eq!(figures, [("a} \\\"b", "differed", 3), ("vip", "agreed", 7)]);
    }
}
