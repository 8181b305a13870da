//! What Commerce said of its rules and of the shop.

use jiff::Timestamp;
use serde_json::Value;

use super::db::query;
use super::{Store, StoreError};

impl Store {
    /// The last book of a shop, in the form in which it was kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn commerce_book(&self, shop: &str) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT book FROM commerce_books WHERE shop = $1";
        let text = self.first(query(sql).bind(shop), |row| row.text("book")).await?;
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
        self.execute(query(sql).bind(shop).bind(learnt_at.as_millisecond()).bind(book.to_string())).await.map(drop)
    }
}
