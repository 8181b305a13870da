//! `segue commerce status`: tests every permission, and lists what Segue does not understand of the shop's rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::audiences::print_table;
use super::super::{ConfigFile, Failure, Output, print};
use super::asked;
use crate::charging::codes::wanted;
use crate::commerce::{Area, Book, Client, CommerceError};
use crate::config::{self, Config};
use crate::rule::Charge;
use crate::rule::cart_rule::{CartAction, CartRule, Combine, Condition, CouponKind};
use crate::store::StoreError;

/// What is asked for, one call each.
const CALLS: [(&str, Area, &str); 9] = [
    ("cart price rules", Area::Rules, "/V1/salesRules/search"),
    ("coupons", Area::Rules, "/V1/coupons/search"),
    ("products", Area::Products, "/V1/products"),
    ("categories", Area::Categories, "/V1/categories/list"),
    ("product attributes", Area::Attributes, "/V1/products/attributes"),
    ("websites", Area::Stores, "/V1/store/websites"),
    ("store groups", Area::Stores, "/V1/store/storeGroups"),
    ("customer groups", Area::Groups, "/V1/customerGroups/search"),
    ("currency rates", Area::Currency, "/V1/directory/currency"),
];

pub(super) async fn run(file: &ConfigFile, output: Output) -> Result<(), Failure> {
    let config = file.load()?;
    let (settings, client) = asked(&config, file)?;
    let mut checks = Vec::new();
    for (what, area, path) in CALLS {
        checks.push((what, check(&client, area, path).await));
    }
    let failing = checks.iter().filter(|(_, outcome)| outcome.is_err()).count();
    let book = match failing {
        0 => Some(Book::fetch(&client, &settings.audience_types).await),
        _ => None,
    };
    let findings = match &book {
        Some(Ok(book)) => {
            let mut found = findings(book, &config).await;
            found.notes.extend(codes_at_hand(&config).await?);
            found
        }
        _ => Findings::default(),
    };
    match output {
        Output::Json => print(format_args!("{:#}", in_json(&checks, &findings))),
        Output::Text => print_all(&checks, &findings),
    }
    match (failing, book) {
        (0, Some(Err(error))) => Err(Failure::Failed(format!("{error}\n{}", error.advice()))),
        (0, _) => Ok(()),
        (1, _) => Err(Failure::Failed("1 check fails".to_owned())),
        (count, _) => Err(Failure::Failed(format!("{count} checks fail"))),
    }
}

/// Asks for one entry; how many there are, where Commerce says it.
async fn check(client: &Client, area: Area, path: &str) -> Result<Option<u64>, CommerceError> {
    let one = |key: &str, value: &str| (format!("searchCriteria[{key}]"), value.to_owned());
    let is_list = !matches!(area, Area::Stores | Area::Currency);
    let query = if is_list { vec![one("pageSize", "1"), one("currentPage", "1")] } else { Vec::new() };
    let answer = client.get_once(area, path, &query).await?;
    let counted = answer.get("total_count").and_then(Value::as_u64);
    Ok(counted.or_else(|| answer.as_array().map(|all| all.len() as u64)))
}

/// What is odd about the shop's rules.
#[derive(Default)]
struct Findings {
    active: usize,
    rules: usize,
    /// Classes of conditions that nobody knows, with rule ids and values.
    classes: BTreeMap<String, (BTreeSet<u64>, BTreeSet<String>)>,
    notes: Vec<String>,
}

async fn findings(book: &Book, config: &Config) -> Findings {
    let mut found = Findings {
        active: book.rules.iter().filter(|rule| rule.is_active).count(),
        rules: book.rule_ids().len(),
        ..Findings::default()
    };
    for rule in &book.rules {
        [&rule.conditions, &rule.lines].into_iter().for_each(|tree| classes(tree, rule.id, &mut found.classes));
        if let CartAction::Unknown(action) = &rule.action {
            found.notes.push(format!(
                "rule {} does \"{action}\", which Segue does not know: offers beside it stay labels",
                rule.id
            ));
        }
    }
    for (id, why) in &book.unreadable {
        found.notes.push(format!("rule {id} cannot be read: {why}"));
    }
    let codes: BTreeSet<&str> = config.sites.views().iter().map(|view| &*view.website).collect();
    let missing = codes.into_iter().filter(|code| !book.websites.contains_key(*code));
    found.notes.extend(missing.map(|code| {
        let known: Vec<&str> = book.websites.keys().map(String::as_str).collect();
        format!("[stores] has a website \"{code}\" that Commerce does not have: it has {}", known.join(", "))
    }));
    found.notes.extend(offers(book, config).await);
    found
}

/// Offers whose rules are not what they need.
async fn offers(book: &Book, config: &Config) -> Vec<String> {
    let Ok(loaded) = config::rules(config).await else {
        return vec!["the rules have mistakes: see `segue check`".to_owned()];
    };
    let odd = |offer: &std::sync::Arc<crate::rule::Offer>| {
        let id = offer.charge.rule_id()?;
        let why = match book.rule(id) {
            None => "does not exist",
            Some(CartRule { is_active: false, .. }) => "is not active",
            Some(rule) => match (&offer.charge, rule.coupon) {
                (Charge::Coupon { code: None, .. }, CouponKind::None | CouponKind::Specific) => {
                    "makes no codes: it needs Coupon \"Specific Coupon\" with \"Use Auto Generation\""
                }
                (Charge::Coupon { .. }, CouponKind::None) => "has no coupon",
                (Charge::Origin { .. }, CouponKind::Specific | CouponKind::Generated) => {
                    "needs a coupon, which charge = origin gives to nobody"
                }
                _ => return None,
            },
        };
        Some(format!("offer \"{}\" is charged by rule {id}, which {why}", offer.id))
    };
    loaded.ruleset.offers.iter().filter_map(odd).collect()
}

/// How many codes a running Segue has made ahead, for each rule whose codes it gives to shoppers.
async fn codes_at_hand(config: &Config) -> Result<Vec<String>, Failure> {
    let (Ok(loaded), Some(settings)) = (config::rules(config).await, &config.commerce) else {
        return Ok(Vec::new());
    };
    let wanted = wanted(&loaded.ruleset);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: StoreError| Failure::Failed(error.to_string());
    let free = match config.store.may_hold() {
        false => BTreeMap::new(),
        true => {
            let store = config.store.open().await.map_err(failed)?;
            let free = store.free_codes(settings.url.as_str(), Timestamp::now()).await;
            store.close().await;
            free.map_err(failed)?
        }
    };
    let say = |rule: u64| match free.get(&rule).copied().unwrap_or(0) {
        0 => {
            format!("rule {rule}: no code is at hand; a running Segue has them made, and its log says where that fails")
        }
        1 => format!("rule {rule}: 1 code is at hand"),
        count => format!("rule {rule}: {count} codes are at hand"),
    };
    Ok(wanted.into_iter().map(say).collect())
}

fn classes(tree: &Condition, rule: u64, found: &mut BTreeMap<String, (BTreeSet<u64>, BTreeSet<String>)>) {
    match tree {
        Condition::Unknown(rest) => {
            let class = rest.get("condition_type").and_then(Value::as_str).unwrap_or("?").to_owned();
            let (rules, values) = found.entry(class).or_default();
            rules.insert(rule);
            if values.len() < 3 {
                let part = |key: &str| rest.get(key).filter(|value| !value.is_null()).map(Value::to_string);
                let said = ["attribute_name", "operator", "value"].into_iter().filter_map(part);
                values.insert(said.collect::<Vec<_>>().join(" "));
            }
        }
        Condition::Combine(Combine { parts, .. })
        | Condition::Found(Combine { parts, .. })
        | Condition::Subselect { lines: Combine { parts, .. }, .. } => {
            parts.iter().for_each(|part| classes(part, rule, found));
        }
        Condition::Address(_) | Condition::Product { .. } | Condition::Audience { .. } => {}
    }
}

type Check = (&'static str, Result<Option<u64>, CommerceError>);

fn print_all(checks: &[Check], findings: &Findings) {
    let mut rows = vec![["What", "Result", "Says", "What to do"].map(str::to_owned)];
    rows.extend(checks.iter().map(|(what, outcome)| match outcome {
        Ok(count) => {
            let says = count.map(|count| format!("there are {count}")).unwrap_or_default();
            [(*what).to_owned(), "ok".to_owned(), says, String::new()]
        }
        Err(error) => [(*what).to_owned(), "FAILS".to_owned(), error.cause.to_string(), error.advice()],
    }));
    print_table(&rows);
    if findings.rules > 0 {
        print(format_args!("{} cart price rules, {} of them active", findings.rules, findings.active));
    }
    for (class, (rules, values)) in &findings.classes {
        let rules: Vec<String> = rules.iter().map(u64::to_string).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        print(format_args!("unknown condition class {class} in rules {}: {}", rules.join(", "), values.join("; ")));
        print(format_args!(
            "    if it asks for audiences: audience_condition_types = {{ '{class}' = \"ids\" }} under [commerce]"
        ));
    }
    findings.notes.iter().for_each(print);
}

fn in_json(checks: &[Check], findings: &Findings) -> Value {
    let check = |(what, outcome): &Check| match outcome {
        Ok(count) => json!({ "check": what, "result": "ok", "count": count }),
        Err(error) => json!({
            "check": what, "result": error.as_str(), "says": error.cause.to_string(), "advice": error.advice(),
        }),
    };
    let class = |(class, (rules, values)): (&String, &(BTreeSet<u64>, BTreeSet<String>))| json!({ "class": class, "rules": rules, "values": values });
    json!({
        "ok": checks.iter().all(|(_, outcome)| outcome.is_ok()),
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
        "rules": findings.rules,
        "active_rules": findings.active,
        "unknown_condition_classes": findings.classes.iter().map(class).collect::<Vec<_>>(),
        "notes": findings.notes,
    })
}
