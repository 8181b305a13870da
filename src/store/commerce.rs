//! What Commerce said of its rules and of the shop.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row as _;

use super::{Store, StoreError};

impl Store {
    /// The last book of a shop, in the form in which it was kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn commerce_book(&self, shop: &str) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT book FROM commerce_books WHERE shop = $1";
        let row = sqlx::query(sql).bind(shop).fetch_optional(&self.readers).await;
        let text = row.and_then(|row| row.map(|row| row.try_get::<String, _>("book")).transpose());
        let text = text.map_err(|error| self.failed(error))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps a book, unless a newer one is kept already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep_commerce_book(&self, shop: &str, learnt_at: Timestamp, book: &Value) -> Result<(), StoreError> {
        let sql = "INSERT INTO commerce_books (shop, learnt_at, book) VALUES ($1, $2, $3) \
                   ON CONFLICT (shop) DO UPDATE SET learnt_at = excluded.learnt_at, book = excluded.book \
                   WHERE excluded.learnt_at > commerce_books.learnt_at";
        let query = sqlx::query(sql).bind(shop).bind(learnt_at.as_millisecond()).bind(book.to_string());
        query.execute(&self.writer).await.map(drop).map_err(|error| self.failed(error))
    }
}
