//! What a running Segue learnt from Commerce, for commands: as the store has it, without asking.

use std::sync::Arc;

use jiff::Timestamp;

use super::Failure;
use crate::catalog;
use crate::commerce::Book;
use crate::config::Config;
use crate::decision::link::Commerce;
use crate::store::StoreError;

/// What Commerce last said, whenever that was; `None` where it is not asked.
pub(super) async fn commerce(config: &Config) -> Result<Option<Commerce>, Failure> {
    let Some(settings) = &config.commerce else { return Ok(None) };
    if !config.store.may_hold() {
        return Ok(Some(Commerce::default()));
    }
    let failed = |error: StoreError| Failure::Failed(error.to_string());
    let store = config.store.open().await.map_err(failed)?;
    let book = store.commerce_book(settings.url.as_str()).await;
    let index = catalog::sync::load(&store, settings.url.as_str()).await;
    let codes = store.free_codes(settings.url.as_str(), Timestamp::now()).await;
    store.close().await;
    let book = book.map_err(failed)?.and_then(|kept| Book::from_json(&kept, settings)).map(Arc::new);
    let index = Some(index.map_err(failed)?).filter(|index| !index.is_empty()).map(Arc::new);
    let mut said = Commerce::new(book, index, settings.release);
    said.codes = codes.map_err(failed)?.into_keys().collect();
    Ok(Some(said))
}
