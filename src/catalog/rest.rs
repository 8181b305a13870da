//! What Commerce's REST API is asked of the catalogue, and what its answers hold.

use std::collections::BTreeSet;
use std::error::Error;
use std::future::Future;

use jiff::Timestamp;
use serde_json::Value;

use super::category::Categories;
use super::product::{Kept, Product, list, variants, whole};

/// What a list of products is to hold; the rest of a product (texts, pictures) is most of an answer.
const PRODUCT: &str = "id,sku,type_id,attribute_set_id,price,weight,status,visibility,name,created_at,updated_at,\
                       extension_attributes[website_ids,category_links,configurable_product_links,bundle_product_options],\
                       product_links[link_type,linked_product_sku],custom_attributes";

/// Entries of a list other than products, which are small.
const MANY: usize = 500;

/// Pages of a list at most, so that an answer that never ends does.
const MOST_PAGES: usize = 2_000;

/// Whatever asks Commerce: a path such as `/V1/products` with its query, for the JSON it answers.
pub trait Ask: Send + Sync {
    /// Asks once.
    fn get(&self, path: &str, query: &[(String, String)]) -> impl Future<Output = Result<Value, Failure>> + Send;
}

/// Why Commerce did not answer, as whoever asked says it.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Why the catalogue was not read.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Commerce did not answer, or refused.
    #[error(transparent)]
    Refused(Failure),
    /// It answered with something else.
    #[error("{path} answered without a list of {what}, as no Commerce does: is commerce.url a Magento shop?")]
    Odd {
        /// What was asked for.
        path: &'static str,
        /// What was expected.
        what: &'static str,
    },
    /// It announced more than it gave.
    #[error(
        "{path} says that there are more {what} and does not give them: is an index of Commerce's broken or being rebuilt?"
    )]
    Stuck {
        /// What was asked for.
        path: &'static str,
        /// What was expected.
        what: &'static str,
    },
    /// It answered without end.
    #[error("{path} went on for more than {MOST_PAGES} pages")]
    Endless {
        /// What was asked for.
        path: &'static str,
    },
}

/// Some products of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) products: Vec<Product>,
    /// Those of which nothing can be said.
    pub(super) odd: usize,
    /// The last id on it, of an odd one too; `None` on an empty page.
    pub(super) last: Option<u32>,
    /// How many products the shop has that fit.
    pub(super) total: usize,
    /// Whether there is another.
    pub(super) has_more: bool,
}

/// Asks of one kind of list.
struct Criteria(Vec<(String, String)>);

impl Criteria {
    fn new(size: usize) -> Self {
        Self(Vec::new()).with("[pageSize]", &size.to_string())
    }

    fn with(mut self, what: &str, value: &str) -> Self {
        self.0.push((format!("searchCriteria{what}"), value.to_owned()));
        self
    }

    /// All filters must hold.
    fn filter(self, number: usize, field: &str, condition: &str, value: &str) -> Self {
        let part = |part: &str| format!("[filterGroups][{number}][filters][0][{part}]");
        self.with(&part("field"), field).with(&part("conditionType"), condition).with(&part("value"), value)
    }

    fn by(self, field: &str) -> Self {
        self.with("[sortOrders][0][field]", field).with("[sortOrders][0][direction]", "ASC")
    }

    fn fields(mut self, fields: &str) -> Vec<(String, String)> {
        self.0.push(("fields".to_owned(), format!("items[{fields}],total_count")));
        self.0
    }
}

/// The next products by id, of those changed since a moment where there is one.
pub(super) async fn products(
    ask: &impl Ask,
    after: u32,
    since: Option<Timestamp>,
    size: usize,
    kept: &Kept,
) -> Result<Page, AskError> {
    let mut criteria = Criteria::new(size).by("entity_id").filter(0, "entity_id", "gt", &after.to_string());
    if let Some(since) = since {
        criteria = criteria.filter(1, "updated_at", "gteq", &since.strftime("%Y-%m-%d %H:%M:%S").to_string());
    }
    let answer = get(ask, "/V1/products", &criteria.fields(PRODUCT)).await?;
    let items = items(&answer, "/V1/products", "products")?;
    let last = last(&items);
    let has_more = has_more(&answer, &items, size, after)?;
    let total = count(&answer).unwrap_or(items.len());
    let mut page = Page { products: Vec::with_capacity(items.len()), odd: 0, last, total, has_more };
    for item in items {
        match Product::from_rest(item, kept) {
            Some(mut product) => {
                if product.lacks_variants(item) {
                    let path = format!("/V1/configurable-products/{}/children", encoded(&product.sku));
                    product.children = variants(&get(ask, &path, &[]).await?);
                }
                page.products.push(product);
            }
            None => page.odd += 1,
        }
    }
    page.products.sort_by_key(|product| product.id);
    page.products.dedup_by_key(|product| product.id);
    Ok(page)
}

/// The next ids, and whether there may be more.
pub(super) async fn ids(ask: &impl Ask, after: u32) -> Result<(Vec<u32>, bool), AskError> {
    let criteria = Criteria::new(MANY).by("entity_id").filter(0, "entity_id", "gt", &after.to_string());
    let answer = get(ask, "/V1/products", &criteria.fields("id")).await?;
    let items = items(&answer, "/V1/products", "products")?;
    let has_more = has_more(&answer, &items, MANY, after)?;
    Ok((items.into_iter().filter_map(|item| whole(&item["id"])).collect(), has_more))
}

/// How many products the shop has.
pub(super) async fn total(ask: &impl Ask) -> Result<Option<usize>, AskError> {
    let answer = get(ask, "/V1/products", &Criteria::new(1).fields("id")).await?;
    Ok(count(&answer))
}

/// Every category, and the roots of the websites.
pub(super) async fn categories(ask: &impl Ask) -> Result<Categories, AskError> {
    const PATH: &str = "/V1/categories/list";
    const FIELDS: &str = "id,parent_id,custom_attributes";
    let mut all: Vec<Value> = Vec::new();
    for page in 1..=MOST_PAGES {
        let criteria = Criteria::new(MANY).with("[currentPage]", &page.to_string()).by("entity_id");
        let answer = get(ask, PATH, &criteria.fields(FIELDS)).await?;
        let items = items(&answer, PATH, "categories")?;
        // Magento repeats its last page for every number beyond it.
        all.extend(items.iter().copied().cloned());
        if items.len() < MANY || count(&answer).is_some_and(|total| page * MANY >= total) {
            let groups = get(ask, "/V1/store/storeGroups", &[]).await?;
            return Ok(Categories::from_rest(&all, &groups));
        }
    }
    Err(AskError::Endless { path: PATH })
}

/// Which of some attributes are multiselects.
pub(super) async fn lists(ask: &impl Ask, codes: &BTreeSet<String>) -> Result<BTreeSet<String>, AskError> {
    const PATH: &str = "/V1/products/attributes";
    let wanted: Vec<&str> = codes.iter().map(String::as_str).collect();
    let mut lists = BTreeSet::new();
    for some in wanted.chunks(50) {
        let criteria = Criteria::new(50).filter(0, "attribute_code", "in", &some.join(",")).filter(
            1,
            "frontend_input",
            "eq",
            "multiselect",
        );
        let answer = get(ask, PATH, &criteria.fields("attribute_code,frontend_input")).await?;
        let found = items(&answer, PATH, "attributes")?.into_iter();
        let found = found.filter(|item| item["frontend_input"] == "multiselect");
        lists.extend(found.filter_map(|item| item["attribute_code"].as_str().map(str::to_owned)));
    }
    Ok(lists)
}

async fn get(ask: &impl Ask, path: &str, query: &[(String, String)]) -> Result<Value, AskError> {
    ask.get(path, query).await.map_err(AskError::Refused)
}

/// An empty list may be null.
fn items<'a>(answer: &'a Value, path: &'static str, what: &'static str) -> Result<Vec<&'a Value>, AskError> {
    match answer.get("items") {
        Some(items) if items.is_array() || items.is_null() => Ok(list(items).collect()),
        _ => Err(AskError::Odd { path, what }),
    }
}

/// Of the answer to "after this id": whether there is more, which the next question then gets.
fn has_more(answer: &Value, items: &[&Value], size: usize, after: u32) -> Result<bool, AskError> {
    let has_more = count(answer).map_or(items.len() >= size, |total| total > items.len());
    match has_more && last(items).is_none_or(|last| last <= after) {
        true => Err(AskError::Stuck { path: "/V1/products", what: "products" }),
        false => Ok(has_more),
    }
}

fn last(items: &[&Value]) -> Option<u32> {
    items.iter().filter_map(|item| whole(&item["id"])).max()
}

fn count(answer: &Value) -> Option<usize> {
    answer["total_count"].as_u64().and_then(|count| usize::try_from(count).ok())
}

/// A SKU as part of a path.
pub(crate) fn encoded(sku: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(sku, percent_encoding::NON_ALPHANUMERIC)
}
