//! `segue store`: a copy of what is kept between runs.

use super::{Failure, StoreCommand, print};
use crate::store::StoreError;

pub(super) async fn run(command: StoreCommand) -> Result<(), Failure> {
    let StoreCommand::Backup { config, file } = command;
    let config = config.load()?;
    if config.store.path().is_none() {
        return Err(Failure::Usage(format!("the store is {}: back it up as a database, with pg_dump", config.store)));
    }
    if !config.store.may_hold() {
        return Err(Failure::Failed(format!("there is no store {} yet: nothing to back up", config.store)));
    }
    let failed = |error: StoreError| Failure::Failed(error.to_string());
    let store = config.store.open().await.map_err(failed)?;
    let done = store.backup(&file).await;
    store.close().await;
    done.map_err(failed)?;
    print(format_args!("{} is a copy of {}", file.display(), config.store));
    Ok(())
}
