//! The catalogue's tables.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};

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
        let mut reader = self.readers.acquire().await.map_err(|error| self.failed(error))?;
        progress(&mut reader).await.map_err(|error| self.failed(error))
    }

    /// Writes products and how far the catalogue is read, whole or not at all. False where another process has begun a newer reading
    /// meanwhile: then nothing is written, since that one reads the same anew.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn write_products(&self, products: &[Product], to: &Progress) -> Result<bool, StoreError> {
        let mut all = self.begin().await?;
        let failed = |error| self.failed(error);
        if progress(&mut all).await.map_err(failed)?.is_some_and(|now| now.shop == to.shop && now.pass > to.pass) {
            return Ok(false);
        }
        if !products.is_empty() {
            rename(&mut all, products).await.map_err(failed)?;
            write(&mut all, products, to.pass).await.map_err(failed)?;
        }
        note(&mut all, to).await.map_err(failed)?;
        all.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Replaces all categories.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn write_categories(&self, categories: &Categories) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        replace(&mut all, categories).await.map_err(|error| self.failed(error))?;
        all.commit().await.map_err(|error| self.failed(error))
    }

    /// All categories.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn categories(&self) -> Result<Categories, StoreError> {
        let rows = async {
            let all = sqlx::query("SELECT * FROM catalog_categories").fetch_all(&self.readers).await?;
            let all: Result<Vec<_>, sqlx::Error> = all.iter().map(category).collect();
            let roots = sqlx::query("SELECT * FROM catalog_roots").fetch_all(&self.readers).await?;
            let roots = roots.iter().map(|row| Ok(Root { website: row.try_get(0)?, category: row.try_get(1)? }));
            let roots: Result<Vec<Root>, sqlx::Error> = roots.collect();
            Ok(Categories::new(all?, roots?))
        };
        rows.await.map_err(|error| self.failed(error))
    }

    /// The next products by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn products(&self, after: u32, most: u32) -> Result<Vec<Product>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM catalog_products WHERE id > $1 ORDER BY id LIMIT $2").bind(after).bind(most);
        let rows = query.fetch_all(&self.readers).await.map_err(|error| self.failed(error))?;
        rows.iter().map(product).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    /// Ids of all products, ascending.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn product_ids(&self) -> Result<Vec<u32>, StoreError> {
        let query = sqlx::query_scalar("SELECT id FROM catalog_products ORDER BY id");
        query.fetch_all(&self.readers).await.map_err(|error| self.failed(error))
    }

    /// Takes products away, a batch at a time.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_products(&self, ids: &[u32]) -> Result<(), StoreError> {
        for batch in ids.chunks(BATCH) {
            let mut delete = QueryBuilder::new("DELETE FROM catalog_products WHERE id IN (");
            let mut list = delete.separated(", ");
            for id in batch {
                list.push_bind(*id);
            }
            delete.push(")");
            delete.build().execute(&self.writer).await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Ids of the products that a reading, and every one after it, has not seen.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unseen_products(&self, pass: u32) -> Result<Vec<u32>, StoreError> {
        let query = sqlx::query_scalar("SELECT id FROM catalog_products WHERE pass < $1").bind(pass);
        query.fetch_all(&self.readers).await.map_err(|error| self.failed(error))
    }
}

async fn progress(connection: &mut SqliteConnection) -> Result<Option<Progress>, sqlx::Error> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT progress FROM catalog_progress").fetch_optional(connection).await?;
    Ok(text.map(|text| Progress::from_json(&serde_json::from_str(&text).unwrap_or_default())))
}

async fn note(connection: &mut SqliteConnection, progress: &Progress) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO catalog_progress (one, progress) VALUES (1, $1) \
               ON CONFLICT (one) DO UPDATE SET progress = excluded.progress";
    sqlx::query(sql).bind(progress.to_json().to_string()).execute(connection).await?;
    Ok(())
}

/// Bundles and groups name their parts by SKU, and do not change when a part is called otherwise.
async fn rename(connection: &mut SqliteConnection, products: &[Product]) -> Result<(), sqlx::Error> {
    let mut select = QueryBuilder::new("SELECT id, sku FROM catalog_products WHERE id IN (");
    let mut list = select.separated(", ");
    for product in products {
        list.push_bind(product.id);
    }
    select.push(")");
    for row in select.build().fetch_all(&mut *connection).await? {
        let (id, old): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
        let Some(new) = products.iter().find(|product| product.id == id).filter(|product| product.sku != old) else {
            continue;
        };
        let sql = "UPDATE catalog_products SET children = replace(children, $1, $2) WHERE instr(children, $1) > 0";
        let quoted = |sku: &str| Value::from(sku).to_string();
        sqlx::query(sql).bind(quoted(&old)).bind(quoted(&new.sku)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn write(connection: &mut SqliteConnection, products: &[Product], pass: u32) -> Result<(), sqlx::Error> {
    const COLUMNS: [&str; 10] = [
        "sku",
        "kind",
        "attribute_set",
        "visibility",
        "enabled",
        "websites",
        "categories",
        "children",
        "attributes",
        "pass",
    ];
    let mut insert = QueryBuilder::new("INSERT INTO catalog_products (id, ");
    insert.push(COLUMNS.join(", ")).push(") ");
    insert.push_values(products, |mut values, product| {
        values.push_bind(product.id).push_bind(&product.sku).push_bind(&product.kind);
        values.push_bind(product.attribute_set).push_bind(product.visibility).push_bind(product.enabled);
        values.push_bind(json!(product.websites).to_string()).push_bind(json!(product.categories).to_string());
        values.push_bind(children(&product.children)).push_bind(attributes(product)).push_bind(pass);
    });
    insert.push(" ON CONFLICT (id) DO UPDATE SET ");
    let mut columns = insert.separated(", ");
    for column in &COLUMNS[..COLUMNS.len() - 1] {
        columns.push(column).push_unseparated(" = excluded.").push_unseparated(column);
    }
    // Another process may be in a newer reading, which has seen it.
    columns.push("pass = max(pass, excluded.pass)");
    insert.build().execute(connection).await?;
    Ok(())
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

async fn replace(connection: &mut SqliteConnection, categories: &Categories) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM catalog_categories").execute(&mut *connection).await?;
    sqlx::query("DELETE FROM catalog_roots").execute(&mut *connection).await?;
    let all: Vec<_> = categories.iter().collect();
    for batch in all.chunks(BATCH) {
        let mut insert = QueryBuilder::new("INSERT INTO catalog_categories (id, parent, is_anchor) ");
        insert.push_values(batch, |mut values, (id, category)| {
            values.push_bind(*id).push_bind(category.parent).push_bind(category.is_anchor);
        });
        insert.build().execute(&mut *connection).await?;
    }
    for root in categories.roots() {
        let insert = sqlx::query("INSERT INTO catalog_roots (website, category) VALUES ($1, $2)");
        insert.bind(root.website).bind(root.category).execute(&mut *connection).await?;
    }
    Ok(())
}

fn category(row: &SqliteRow) -> Result<(u32, Category), sqlx::Error> {
    let category = Category { parent: row.try_get("parent")?, is_anchor: row.try_get("is_anchor")? };
    Ok((row.try_get("id")?, category))
}

fn product(row: &SqliteRow) -> Result<Product, sqlx::Error> {
    let json = |column: &str| -> Result<Value, sqlx::Error> {
        serde_json::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    let numbers = |value: Value| serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()));
    Ok(Product {
        id: row.try_get("id")?,
        sku: row.try_get("sku")?,
        kind: row.try_get("kind")?,
        attribute_set: row.try_get("attribute_set")?,
        visibility: row.try_get("visibility")?,
        enabled: row.try_get("enabled")?,
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
