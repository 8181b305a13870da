//! The catalogue's tables.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::db::{Change, Row, composed, places, query};
use super::{Store, StoreError};
use crate::catalog::category::{Categories, Category, Root};
use crate::catalog::product::{Child, Product};
use crate::rule::cart_rule::AttributeValue;

/// Rows written or taken away in one transaction: some milliseconds, so that no other writer waits.
pub(crate) const BATCH: usize = 200;

/// How far the catalogue of a shop is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The shop's address.
    pub shop: String,
    /// Codes of the attributes that the newest reading keeps.
    pub codes: BTreeSet<String>,
    /// Codes of the attributes that every product in the store was read with.
    pub covered: BTreeSet<String>,
    /// Which reading of the whole catalogue this is, from 1.
    pub pass: u32,
    /// The last id that the reading has come to; `None` when none is under way.
    pub after: Option<u32>,
    /// When the reading began.
    pub began: Option<Timestamp>,
    /// When the last whole reading ended.
    pub filled: Option<Timestamp>,
    /// Up to when changes are known.
    pub followed: Option<Timestamp>,
    /// By how many products Commerce's count was larger than the store's when that was last looked into.
    pub explained: i64,
}

impl Progress {
    fn to_json(&self) -> Value {
        let time = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
        json!({
            "shop": self.shop, "codes": self.codes, "covered": self.covered, "pass": self.pass, "after": self.after,
            "began": time(self.began), "filled": time(self.filled), "followed": time(self.followed),
            "explained": self.explained,
        })
    }

    /// What cannot be read is as if it had never been: then the catalogue is read anew.
    fn from_json(value: &Value) -> Self {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let time = |value: &Value| value.as_i64().and_then(|number| Timestamp::from_millisecond(number).ok());
        Self {
            shop: value["shop"].as_str().unwrap_or_default().to_owned(),
            codes: texts(&value["codes"]).collect(),
            covered: texts(&value["covered"]).collect(),
            pass: number(&value["pass"]).unwrap_or_default(),
            after: number(&value["after"]),
            began: time(&value["began"]),
            filled: time(&value["filled"]),
            followed: time(&value["followed"]),
            explained: value["explained"].as_i64().unwrap_or_default(),
        }
    }
}

impl Store {
    /// How far the catalogue is read, if it ever was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn catalog_progress(&self) -> Result<Option<Progress>, StoreError> {
        self.first(query(PROGRESS), progress).await
    }

    /// Writes products and how far the catalogue is read, whole or not at all. False where another process has begun a newer reading
    /// meanwhile: then nothing is written, since that one reads the same anew.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn write_products(&self, products: &[Product], to: &Progress) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        let row = all.first(query(PROGRESS)).await.map_err(failed)?;
        let now = row.as_ref().map(progress).transpose().map_err(failed)?;
        if now.is_some_and(|now| now.shop == to.shop && now.pass > to.pass) {
            return Ok(false);
        }
        if !products.is_empty() {
            rename(&mut all, products).await.map_err(failed)?;
            write(&mut all, products, to.pass).await.map_err(failed)?;
        }
        note(&mut all, to).await.map_err(failed)?;
        self.commit(all).await?;
        Ok(true)
    }

    /// Replaces all categories.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn write_categories(&self, categories: &Categories) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        replace(&mut all, categories).await.map_err(|error| self.failed(error))?;
        self.commit(all).await
    }

    /// All categories.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn categories(&self) -> Result<Categories, StoreError> {
        let all = self.fetch(query("SELECT * FROM catalog_categories"), category).await?;
        let root = |row: &Row| Ok(Root { website: row.small("website")?, category: row.small("category")? });
        let roots = self.fetch(query("SELECT * FROM catalog_roots"), root).await?;
        Ok(Categories::new(all, roots))
    }

    /// The next products by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn products(&self, after: u32, most: u32) -> Result<Vec<Product>, StoreError> {
        let next = "SELECT * FROM catalog_products WHERE id > $1 ORDER BY id LIMIT $2";
        self.fetch(query(next).bind(after).bind(most), product).await
    }

    /// Ids of all products, ascending.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn product_ids(&self) -> Result<Vec<u32>, StoreError> {
        self.fetch(query("SELECT id FROM catalog_products ORDER BY id"), |row| row.small("id")).await
    }

    /// SKUs that hold a text, in letters of either case, by SKU.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn skus_with(&self, text: &str, most: u32) -> Result<Vec<String>, StoreError> {
        let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let sql = "SELECT sku FROM catalog_products WHERE lower(sku) LIKE $1 ESCAPE '!' ORDER BY sku LIMIT $2";
        self.fetch(query(sql).bind(format!("%{escaped}%")).bind(most), |row| row.text("sku")).await
    }

    /// Takes products away, a batch at a time.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_products(&self, ids: &[u32]) -> Result<(), StoreError> {
        for batch in ids.chunks(BATCH) {
            let mut delete = composed(format!("DELETE FROM catalog_products WHERE id IN {}", places(1, batch.len())));
            for id in batch {
                delete = delete.bind(*id);
            }
            self.execute(delete).await?;
        }
        Ok(())
    }

    /// Ids of the products that a reading, and every one after it, has not seen.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unseen_products(&self, pass: u32) -> Result<Vec<u32>, StoreError> {
        let unseen = query("SELECT id FROM catalog_products WHERE pass < $1").bind(pass);
        self.fetch(unseen, |row| row.small("id")).await
    }
}

const PROGRESS: &str = "SELECT progress FROM catalog_progress";

fn progress(row: &Row) -> Result<Progress, sqlx::Error> {
    Ok(Progress::from_json(&serde_json::from_str(&row.text("progress")?).unwrap_or_default()))
}

async fn note(all: &mut Change, progress: &Progress) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO catalog_progress (one, progress) VALUES (1, $1) \
               ON CONFLICT (one) DO UPDATE SET progress = excluded.progress";
    all.execute(query(sql).bind(progress.to_json().to_string())).await.map(drop)
}

/// Bundles and groups name their parts by SKU, and do not change when a part is called otherwise.
async fn rename(all: &mut Change, products: &[Product]) -> Result<(), sqlx::Error> {
    let list = places(1, products.len());
    let mut select = composed(format!("SELECT id, sku FROM catalog_products WHERE id IN {list}"));
    for product in products {
        select = select.bind(product.id);
    }
    for row in all.fetch(select).await? {
        let (id, old) = (row.small("id")?, row.text("sku")?);
        let Some(new) = products.iter().find(|product| product.id == id).filter(|product| product.sku != old) else {
            continue;
        };
        let sql = "UPDATE catalog_products SET children = replace(children, $1, $2) WHERE replace(children, $1, '') <> children";
        let quoted = |sku: &str| Value::from(sku).to_string();
        all.execute(query(sql).bind(quoted(&old)).bind(quoted(&new.sku))).await?;
    }
    Ok(())
}

async fn write(all: &mut Change, products: &[Product], pass: u32) -> Result<(), sqlx::Error> {
    const COLUMNS: [&str; 9] =
        ["sku", "kind", "attribute_set", "visibility", "enabled", "websites", "categories", "children", "attributes"];
    let set: Vec<String> = COLUMNS.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    // Another process may be in a newer reading, which has seen it.
    let mut insert = composed(format!(
        "INSERT INTO catalog_products (id, {}, pass) VALUES {} ON CONFLICT (id) DO UPDATE SET {}, \
         pass = CASE WHEN catalog_products.pass > excluded.pass THEN catalog_products.pass ELSE excluded.pass END",
        COLUMNS.join(", "),
        places(products.len(), COLUMNS.len() + 2),
        set.join(", ")
    ));
    for product in products {
        insert = insert.bind(product.id).bind(&product.sku).bind(&product.kind);
        insert =
            insert.bind(product.attribute_set).bind(product.visibility.map(u32::from)).bind(i64::from(product.enabled));
        insert = insert.bind(json!(product.websites).to_string()).bind(json!(product.categories).to_string());
        insert = insert.bind(children(&product.children)).bind(attributes(product)).bind(pass);
    }
    all.execute(insert).await.map(drop)
}

fn children(children: &[Child]) -> String {
    let child = |child: &Child| match child {
        Child::Id(id) => Value::from(*id),
        Child::Sku(sku) => Value::from(sku.as_str()),
    };
    children.iter().map(child).collect::<Value>().to_string()
}

fn attributes(product: &Product) -> String {
    let value = |value: &AttributeValue| match value {
        AttributeValue::One(text) => Value::from(text.as_str()),
        AttributeValue::Many(texts) => Value::from(texts.as_slice()),
    };
    let all = product.attributes.iter().map(|(code, raw)| (code.clone(), value(raw)));
    Value::Object(all.collect::<Map<_, _>>()).to_string()
}

async fn replace(change: &mut Change, categories: &Categories) -> Result<(), sqlx::Error> {
    change.execute(query("DELETE FROM catalog_categories")).await?;
    change.execute(query("DELETE FROM catalog_roots")).await?;
    let all: Vec<_> = categories.iter().collect();
    for batch in all.chunks(BATCH) {
        let values = places(batch.len(), 3);
        let mut insert = composed(format!("INSERT INTO catalog_categories (id, parent, is_anchor) VALUES {values}"));
        for (id, category) in batch {
            insert = insert.bind(*id).bind(category.parent).bind(i64::from(category.is_anchor));
        }
        change.execute(insert).await?;
    }
    for root in categories.roots() {
        let insert = query("INSERT INTO catalog_roots (website, category) VALUES ($1, $2)");
        change.execute(insert.bind(root.website).bind(root.category)).await?;
    }
    Ok(())
}

fn category(row: &Row) -> Result<(u32, Category), sqlx::Error> {
    let category = Category { parent: row.small("parent")?, is_anchor: row.number("is_anchor")? != 0 };
    Ok((row.small("id")?, category))
}

fn product(row: &Row) -> Result<Product, sqlx::Error> {
    let json = |column: &str| -> Result<Value, sqlx::Error> {
        serde_json::from_str(&row.text(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    let numbers = |value: Value| serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()));
    Ok(Product {
        id: row.small("id")?,
        sku: row.text("sku")?,
        kind: row.text("kind")?,
        attribute_set: row.maybe_small("attribute_set")?,
        visibility: row.maybe_small("visibility")?.and_then(|visibility| u8::try_from(visibility).ok()),
        enabled: row.number("enabled")? != 0,
        websites: numbers(json("websites")?)?,
        categories: numbers(json("categories")?)?,
        children: json("children")?.as_array().into_iter().flatten().filter_map(child).collect(),
        attributes: json("attributes")?.as_object().into_iter().flatten().map(attribute).collect(),
    })
}

fn child(value: &Value) -> Option<Child> {
    match value {
        Value::String(sku) => Some(Child::Sku(sku.clone())),
        value => value.as_u64().and_then(|id| u32::try_from(id).ok()).map(Child::Id),
    }
}

fn attribute((code, value): (&String, &Value)) -> (String, AttributeValue) {
    let value = match value {
        Value::String(text) => AttributeValue::One(text.clone()),
        value => AttributeValue::Many(texts(value).collect()),
    };
    (code.clone(), value)
}

fn texts(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned))
}
