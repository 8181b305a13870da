//! `segue admin`: who may sign in to the admin UI.

use std::io::Read as _;

use super::{AdminCommand, Failure, UserCommand, print};
use crate::admin::{checked_name, hash_password};
use crate::store::{Changed, Doing, Role};

/// The most bytes of standard input that are read for a password.
const MOST: u64 = 64 << 10;

pub(super) async fn run(command: AdminCommand) -> Result<(), Failure> {
    let AdminCommand::User(UserCommand::Add { config, name, role }) = command;
    let config = config.load()?;
    let name = checked_name(name.trim()).map_err(Failure::Usage)?;
    let role = Role::of(&role).ok_or_else(|| Failure::Usage(format!("there is no role \"{role}\"")))?;
    let mut password = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut password);
    read.map_err(|error| Failure::Usage(format!("the password is read from standard input: {error}")))?;
    let hash =
        hash_password(password.trim_end_matches(['\r', '\n'])).map_err(|error| Failure::Usage(error.to_string()))?;
    let failed = |error: crate::store::StoreError| Failure::Failed(error.to_string());
    let store = config.store.open().await.map_err(failed)?;
    let detail = format!("as {}, on the command line", role.as_str());
    let doing = Doing { who: "command line", action: "person.add", subject: &name, detail: &detail };
    let added = store.add_person(&name, role, &hash, false, doing).await;
    store.close().await;
    match added.map_err(failed)? {
        Changed::Done(()) => {
            print(format_args!("{name} may sign in as {}", role.as_str()));
            Ok(())
        }
        Changed::Conflict => Err(Failure::Usage(format!("there is somebody called {name} already"))),
    }
}
