//! `segue offers verify`: puts products of each offer into carts of guests, and compares what these are charged with what is promised.
//!
//! A cart is made for one product through the shop's own REST interface, with the membership that Segue would send along, and emptied
//! afterwards. Nothing is ordered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::audiences::print_table;
use super::super::page::{Wish, ask};
use super::super::{Failure, Output, VerifyArguments, joined, print};
use super::variant;
use crate::admin::{TriedOffer, Verifier};
use crate::audience::{Identifier, KnownAudiences, Membership, Source};
use crate::body::Body;
use crate::catalog::{self, Entry, Index};
use crate::charging::codes;
use crate::commerce::Client;
use crate::config::{self, Config};
use crate::decision::decide::{Decision, GUESTS, Rules};
use crate::decision::link;
use crate::document::suggestion;
use crate::guard::compare::compare;
use crate::guard::counts::Verdict;
use crate::guard::promise::{Circumstances, Contents, promises};
use crate::guard::totals::{self, Item, Items};
use crate::mode::Mode;
use crate::page::{PageFacts, ProductId};
use crate::rewrite::Rewriter;
use crate::rewrite::plan::StoreHints;
use crate::rewrite::render::Dressing;
use crate::rewrite::skip::Skip;
use crate::rule::cart_rule::CartAddress;
use crate::rule::{Charge, Offer, Products, Ruleset};
use crate::site::{Sites, StoreView};

/// An answer about a cart of one product has a few kilobytes.
const MOST_BYTES: usize = 1 << 20;

/// The visibility of a product that no page shows on its own.
const HIDDEN: u8 = 1;

/// A product that can be put into a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    id: ProductId,
    sku: String,
    /// The SKUs of its variants, of which one has to be chosen.
    variants: Vec<String>,
}

impl Candidate {
    /// Whatever can be put into a cart by its SKU alone.
    fn plain(id: ProductId, sku: String) -> Self {
        Self { id, sku, variants: Vec::new() }
    }

    fn of(entry: Entry<'_>) -> Self {
        let variants = entry.children().filter(|child| child.is_enabled()).map(|child| child.sku().to_owned());
        Self { variants: variants.collect(), ..Self::plain(entry.id(), entry.sku().to_owned()) }
    }
}

/// What came of one product of an offer.
struct Row {
    offer: Arc<str>,
    sku: String,
    /// Without tax, for one.
    expected: Option<Decimal>,
    charged: Option<Decimal>,
    result: Outcome,
}

enum Outcome {
    Agreed,
    Differed,
    /// Nothing was compared, and why.
    Skipped(String),
}

impl Outcome {
    fn as_str(&self) -> &str {
        match self {
            Self::Agreed => "agreed",
            Self::Differed => "DIFFERED",
            Self::Skipped(why) => why,
        }
    }
}

/// A code of an offer's rule.
struct Code {
    code: String,
    /// Who made it for this and is to delete it again.
    made_by: Option<Client>,
}

/// What all calls have in common.
struct Shop<'a> {
    config: &'a Config,
    identifier: Identifier,
    known: KnownAudiences,
    view: Arc<StoreView>,
}

pub(super) async fn run(arguments: VerifyArguments) -> Result<(), Failure> {
    let config = arguments.config.load()?;
    let ruleset = config::rules(&config).await?.ruleset;
    let offers: Vec<Arc<Offer>> = ruleset
        .offers
        .iter()
        .filter(|offer| arguments.offer.as_deref().is_none_or(|id| id == &*offer.id))
        .cloned()
        .collect();
    if let Some(id) = arguments.offer.as_deref().filter(|_| offers.is_empty()) {
        let near = suggestion(id, ruleset.offers.iter().map(|offer| &*offer.id));
        return Err(Failure::Usage(format!("no offer \"{id}\" in the rules{near}")));
    }
    let view = match &arguments.store {
        None => Arc::clone(config.sites.default_view()),
        Some(code) => config.sites.view(code).cloned().ok_or_else(|| {
            let near = suggestion(code, config.sites.views().iter().map(|view| &*view.code));
            Failure::Usage(format!("no store view \"{code}\" in the configuration{near}"))
        })?,
    };
    let shop = Shop {
        config: &config,
        identifier: Identifier::new(config.membership.clone()),
        known: KnownAudiences::of(&ruleset),
        view,
    };
    let rows = shop.verify_all(ruleset, &offers, &arguments.page, arguments.sample).await?;
    report(&rows, arguments.output)
}

/// Offers that the admin UI tries at a time: each takes some requests of the shop.
const MOST_OFFERS: usize = 20;

/// Tries drafts of the admin UI in carts, as `segue offers verify` does.
pub(in crate::cli) fn verifier(config: &Config) -> Verifier {
    // What is opened for this is closed after it.
    let config = Arc::new(Config { store: config.store.apart(), ..config.clone() });
    Arc::new(move |ruleset: Ruleset, wanted: BTreeSet<String>| {
        let config = Arc::clone(&config);
        Box::pin(async move {
            let offers = ruleset.offers.iter().filter(|offer| wanted.contains(&*offer.id)).take(MOST_OFFERS);
            let mut by_view: BTreeMap<&Arc<str>, Vec<Arc<Offer>>> = BTreeMap::new();
            for offer in offers {
                by_view.entry(&view_of(offer, &config.sites).code).or_default().push(Arc::clone(offer));
            }
            let mut rows = Vec::new();
            for (code, offers) in by_view {
                let shop = Shop {
                    config: &config,
                    identifier: Identifier::new(config.membership.clone()),
                    known: KnownAudiences::of(&ruleset),
                    view: Arc::clone(config.sites.view(code).unwrap_or(config.sites.default_view())),
                };
                let tried = shop.verify_all(ruleset.clone(), &offers, "/", SAMPLE).await;
                rows.extend(tried.map_err(|failure| failure.to_string())?);
            }
            Ok(rows.into_iter().map(Row::tried).collect())
        })
    })
}

/// A store view that an offer is for: the default one, if it can be.
fn view_of<'s>(offer: &Offer, sites: &'s Sites) -> &'s Arc<StoreView> {
    let is_for = |view: &&Arc<StoreView>| {
        (offer.websites.is_empty() || offer.websites.contains(&*view.website))
            && (offer.store_views.is_empty() || offer.store_views.contains(&*view.code))
    };
    let default = sites.default_view();
    std::iter::once(default).chain(sites.views()).find(is_for).unwrap_or(default)
}

/// Products of each offer that are tried where nobody says how many.
pub(in crate::cli) const SAMPLE: usize = 3;

impl Row {
    fn tried(self) -> TriedOffer {
        TriedOffer {
            offer: self.offer.to_string(),
            sku: self.sku,
            expected: self.expected,
            charged: self.charged,
            differed: matches!(self.result, Outcome::Differed),
            result: self.result.as_str().to_owned(),
        }
    }
}

impl Shop<'_> {
    async fn verify_all(
        &self,
        ruleset: Ruleset,
        offers: &[Arc<Offer>],
        page: &str,
        sample: usize,
    ) -> Result<Vec<Row>, Failure> {
        let candidates = self.candidates(page).await?;
        let mut said = joined::commerce(self.config).await?;
        if let Some(said) = &mut said {
            // Codes are made here where they are needed.
            said.codes.extend(codes::wanted(&ruleset));
        }
        let (rules, _) = link::rules(ruleset, said.as_ref(), &self.config.sites);
        let mut rows = Vec::new();
        for offer in offers {
            rows.extend(self.verify(&rules, offer, &candidates, sample).await?);
        }
        Ok(rows)
    }

    /// Products of the catalogue, or, as long as it is not known, of a page.
    async fn candidates(&self, page: &str) -> Result<Vec<Candidate>, Failure> {
        let index = self.catalogue().await?;
        if index.is_empty() {
            return self.products_of(page).await;
        }
        // A variant is not sold on its own but as one of its parent's. What a bundle is made of is a choice without end.
        let is_sold = |entry: &Entry<'_>| {
            let is_variant = entry.parents().any(|parent| parent.kind() == "configurable");
            let is_seen = entry.visibility() != Some(HIDDEN) && !is_variant;
            entry.is_enabled()
                && is_seen
                && matches!(entry.kind(), "simple" | "virtual" | "downloadable" | "configurable")
        };
        Ok(index.iter().filter(is_sold).map(Candidate::of).collect())
    }

    async fn catalogue(&self) -> Result<Index, Failure> {
        let Some(commerce) = self.config.commerce.as_ref().filter(|_| self.config.store.may_hold()) else {
            return Ok(Index::default());
        };
        let failed = |error: crate::store::StoreError| Failure::Failed(error.to_string());
        let store = self.config.store.open().await.map_err(failed)?;
        let index = catalog::sync::load(&store, commerce.url.as_str()).await;
        store.close().await;
        index.map_err(failed)
    }

    async fn products_of(&self, page: &str) -> Result<Vec<Candidate>, Failure> {
        let rewriter = Arc::new(Rewriter::new(self.config.rewrite.clone()));
        let (mut parts, body) = Wish::parse(self.config, page)?.request(self.config)?.into_parts();
        let wanted = rewriter.prepare(&mut parts, Mode::On, true);
        let answer = ask(self.config, Request::from_parts(parts, body)).await?;
        let mut found = Vec::new();
        let select = |facts: &PageFacts, _: &StoreHints| {
            let named = facts.products.iter().filter_map(|it| Some(Candidate::plain(it.id, it.sku.clone()?)));
            found = named.collect();
            Err(Skip::NoDecision)
        };
        // Only what is on the page is wanted; it goes nowhere.
        drop(rewriter.rewrite(&wanted, answer, &Dressing::default(), select).await);
        Ok(found)
    }

    async fn verify(
        &self,
        rules: &Rules,
        offer: &Arc<Offer>,
        candidates: &[Candidate],
        sample: usize,
    ) -> Result<Vec<Row>, Failure> {
        let skipped = |why: &str| {
            let result = Outcome::Skipped(why.to_owned());
            vec![Row { offer: Arc::clone(&offer.id), sku: String::new(), expected: None, charged: None, result }]
        };
        if offer.charge == Charge::None {
            return Ok(skipped("nobody charges it"));
        }
        let audiences = offer.audiences.any.first().into_iter().chain(&offer.audiences.all).cloned().collect();
        let now = Timestamp::now();
        let decision = rules.decide(&rules.key(&self.view, &audiences, now));
        let Some(decided) = decision.offers().find(|decided| decided.id == offer.id) else {
            return Ok(skipped("it does not hold here and now"));
        };
        if offer.charge.is_coupon() && decision.coupon().is_some_and(|first| first.id != offer.id) {
            return Ok(skipped("a cart takes one coupon, and another offer's goes first"));
        }
        if decided.is_label() {
            return Ok(skipped("it is shown by its label only: see `segue offers list`"));
        }
        let membership = Membership { audiences, learnt_at: now.as_second(), source: Source::Minted };
        let products = products(decided, candidates, sample);
        if products.is_empty() {
            return Ok(skipped("no product of it is known: --page names a page that shows some"));
        }
        let code = match self.code(offer).await {
            Ok(code) => code,
            Err(why) => return Ok(skipped(&why)),
        };
        // Whatever comes of it, the code is deleted again.
        let mut rows = Ok(Vec::new());
        for product in products {
            let row = self.check(&membership, &decision, offer, product, code.as_ref()).await;
            rows = rows.and_then(|mut rows| {
                rows.push(row?);
                Ok(rows)
            });
            if rows.is_err() {
                break;
            }
        }
        if let Some(Code { code, made_by: Some(client) }) = code
            && let Err(error) = client.delete_coupons(std::slice::from_ref(&code)).await
        {
            print(format_args!("the code {code} was made for this and could not be deleted: {error}"));
        }
        rows
    }

    /// The code that charges an offer; none where no coupon does.
    async fn code(&self, offer: &Offer) -> Result<Option<Code>, String> {
        let Charge::Coupon { rule_id, code } = &offer.charge else { return Ok(None) };
        if let Some(code) = code {
            return Ok(Some(Code { code: code.to_string(), made_by: None }));
        }
        let client = self.commerce("its codes are made by Commerce: [commerce] says where that is")?;
        let made = client.generate_coupons(*rule_id, 1, codes::PREFIX).await.map_err(|error| error.to_string())?;
        let code = made.into_iter().next().ok_or("Commerce makes no code of its rule")?;
        Ok(Some(Code { code, made_by: Some(client) }))
    }

    async fn option(&self, product: &Candidate) -> Result<Value, String> {
        let client = self.commerce("its variants are known to Commerce: [commerce] says where that is")?;
        variant::option(&client, &product.sku, &product.variants).await
    }

    /// Commerce's administration; an error where the configuration does not say where that is.
    fn commerce(&self, or: &str) -> Result<Client, String> {
        let settings = self.config.commerce.as_ref().ok_or(or)?;
        Client::new(settings).map_err(|error| error.to_string())
    }

    async fn check(
        &self,
        membership: &Membership,
        decision: &Decision,
        offer: &Arc<Offer>,
        product: Candidate,
        code: Option<&Code>,
    ) -> Result<Row, Failure> {
        let row = |expected, charged, result| Row {
            offer: Arc::clone(&offer.id),
            sku: product.sku.clone(),
            expected,
            charged,
            result,
        };
        let skipped = |why| Ok(row(None, None, Outcome::Skipped(why)));
        let call = |method, path: String, body| self.call(membership, method, path, body);
        let cart = match call(Method::POST, "guest-carts".to_owned(), Value::Null).await? {
            Ok(Value::String(id)) => id,
            Ok(_) => return skipped("the shop makes no guest's cart".to_owned()),
            Err(why) => return skipped(why),
        };
        let mut item = json!({ "sku": product.sku, "qty": 1, "quote_id": cart });
        if !product.variants.is_empty() {
            item["product_option"] = match self.option(&product).await {
                Ok(option) => option,
                Err(why) => return skipped(why),
            };
        }
        let item = json!({ "cartItem": item });
        let item = match call(Method::POST, format!("guest-carts/{cart}/items"), item).await? {
            Ok(item) => item,
            Err(why) => return skipped(why),
        };
        if let Some(Code { code, .. }) = code {
            // Where the cart does not take it, its totals are what is not as promised.
            let _ = call(Method::PUT, format!("guest-carts/{cart}/coupons/{code}"), Value::Null).await?;
        }
        let charged = call(Method::GET, format!("guest-carts/{cart}/totals"), Value::Null).await?;
        if let Some(id) = item.get("item_id") {
            // A cart that stays is as good as one that somebody left, so that it does not matter whether this works.
            let _ = call(Method::DELETE, format!("guest-carts/{cart}/items/{id}"), Value::Null).await?;
        }
        let charged = match charged {
            Ok(charged) => charged,
            Err(why) => return skipped(why),
        };
        Ok(match self.judge(decision, offer, &product, &item, &charged) {
            Ok((expected, charged, result)) => row(Some(expected), Some(charged), result),
            Err(why) => row(None, None, Outcome::Skipped(why)),
        })
    }

    /// What one is to cost and costs, without tax.
    fn judge(
        &self,
        decision: &Decision,
        offer: &Offer,
        product: &Candidate,
        item: &Value,
        charged: &Value,
    ) -> Result<(Decimal, Decimal, Outcome), String> {
        let contents = contents(product, item).ok_or("the shop does not say what it put into the cart")?;
        let not_comparable = |why: crate::guard::NotComparable| format!("not comparable: {}", why.as_str());
        let totals = totals::rest(charged.to_string().as_bytes()).map_err(not_comparable)?;
        // A guest's new cart has no address yet.
        let known = Circumstances {
            address: CartAddress::None,
            customer_group: Some(GUESTS),
            coupon_rule: decision.coupon().and_then(|offer| offer.charge.rule_id()),
            now: Timestamp::now(),
        };
        let promises = promises(decision, &self.view, &contents, &totals, &known).map_err(not_comparable)?;
        let promised = promises.first().and_then(|promise| promise.lines.first()).ok_or("the cart is empty")?;
        let line = totals.lines.first().ok_or("the cart is empty")?;
        let result = match compare(&totals, &promises).get(&offer.id) {
            Some(Verdict::Agreed) => Outcome::Agreed,
            Some(_) => Outcome::Differed,
            None => Outcome::Skipped("another offer lets none follow".to_owned()),
        };
        Ok((line.row - promised.discount, line.row - line.discount, result))
    }

    /// Calls the shop's REST interface as a guest; the inner error is the shop's own word.
    async fn call(
        &self,
        membership: &Membership,
        method: Method,
        path: String,
        body: Value,
    ) -> Result<Result<Value, String>, Failure> {
        let target = format!("/rest/{}/V1/{path}", self.view.code);
        let (mut parts, _) = Wish::parse(self.config, &target)?.request(self.config)?.into_parts();
        parts.method = method;
        parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.identifier.outgoing(&mut parts.headers, parts.uri.path(), Some(membership), &self.known);
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Body::from(body.to_string())
            }
        };
        let answer = ask(self.config, Request::from_parts(parts, body)).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| Failure::Failed(format!("the shop broke off its answer: {error}")))?.to_bytes();
        Ok(understood(status, &body))
    }
}

/// The answer of Magento's REST interface, or what it says is wrong.
fn understood(status: StatusCode, body: &[u8]) -> Result<Value, String> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    match answer {
        Some(answer) if status.is_success() => Ok(answer),
        Some(answer) => {
            let says = answer.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
            Err(format!("the shop answers {}: {says}", status.as_u16()))
        }
        None => Err(format!("the shop answers {} and no JSON", status.as_u16())),
    }
}

/// Products of an offer: of those that are known, or those that it names itself.
fn products(offer: &Offer, candidates: &[Candidate], sample: usize) -> Vec<Candidate> {
    let is_named = |product: &&Candidate| match &offer.products {
        Products::All => true,
        Products::Ids(ids) => ids.contains(&product.id),
        Products::Skus(skus) => skus.contains(&product.sku.to_lowercase()),
        Products::Matching(matching) => matching.of(product.id) == Some(true),
    };
    let known: Vec<Candidate> = candidates.iter().filter(is_named).take(sample).cloned().collect();
    match &offer.products {
        Products::Skus(skus) if known.is_empty() => {
            skus.iter().take(sample).map(|sku| Candidate::plain(ProductId(0), sku.clone())).collect()
        }
        _ => known,
    }
}

fn contents(product: &Candidate, item: &Value) -> Option<Contents> {
    let number = item.get("item_id")?.as_u64()?;
    let sku = item.get("sku")?.as_str()?.into();
    let kind = item.get("product_type").and_then(Value::as_str).unwrap_or("simple").into();
    let item = Item { product: product.id, sku, kind, quantity: Decimal::ONE };
    Some(Contents { items: Items::from([(number, item)]), rate: None })
}

fn report(rows: &[Row], output: Output) -> Result<(), Failure> {
    let differed = rows.iter().filter(|row| matches!(row.result, Outcome::Differed)).count();
    let agreed = rows.iter().filter(|row| matches!(row.result, Outcome::Agreed)).count();
    let text = |price: Option<Decimal>| price.map(|price| format!("{price:.2}"));
    match output {
        Output::Json => {
            let one = |row: &Row| {
                json!({
                    "offer": &*row.offer, "sku": row.sku, "expected": text(row.expected), "charged": text(row.charged),
                    "result": match &row.result { Outcome::Skipped(_) => "skipped", other => other.as_str() }.to_lowercase(),
                    "says": match &row.result { Outcome::Skipped(why) => Some(why), _ => None },
                })
            };
            let rows: Vec<Value> = rows.iter().map(one).collect();
            print(format_args!("{:#}", json!({ "agreed": agreed, "differed": differed, "carts": rows })));
        }
        Output::Text => {
            let mut table = vec![["Offer", "Product", "Expected", "Charged", "Result"].map(str::to_owned)];
            table.extend(rows.iter().map(|row| {
                let price = |price| text(price).unwrap_or_default();
                let result = row.result.as_str().to_owned();
                [row.offer.to_string(), row.sku.clone(), price(row.expected), price(row.charged), result]
            }));
            print_table(&table);
            print(format_args!("{agreed} agreed, {differed} differed"));
        }
    }
    match differed {
        0 => Ok(()),
        _ => Err(Failure::Failed("the cart does not charge what is promised".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_in_the_shops_own_words_what_is_wrong() {
        let answer = understood(StatusCode::BAD_REQUEST, br#"{"message":"You need to choose options for your item."}"#);
        assert_eq!(answer, Err("the shop answers 400: You need to choose options for your item.".to_owned()));
        assert_eq!(understood(StatusCode::OK, b"\"a1\""), Ok(json!("a1")));
        let page = understood(StatusCode::SERVICE_UNAVAILABLE, b"<html>");
        assert_eq!(page, Err("the shop answers 503 and no JSON".to_owned()));
    }
}
