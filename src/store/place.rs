//! Where a store is, and the one store that a process opens there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

use super::{Store, StoreError};

/// Where a store is. Clones share what is opened there.
#[derive(Clone)]
pub struct Place(Arc<Inner>);

struct Inner {
    at: Arc<At>,
    open: Mutex<Option<Store>>,
}

enum At {
    File(PathBuf),
    Postgres { name: String, options: Box<PgConnectOptions> },
}

/// Why something is no address of a PostgreSQL database. It does not repeat the address, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as postgresql://segue:PASSWORD@db.example:5432/segue")]
pub struct PlaceError;

impl Place {
    /// A SQLite file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(At::File(path.into()))
    }

    /// A PostgreSQL database, by its address. What the address leaves out comes from PostgreSQL's own variables (`PGPASSWORD`, ...).
    ///
    /// # Errors
    /// When it is no such address.
    pub fn postgres(url: &str) -> Result<Self, PlaceError> {
        let is_one = url.starts_with("postgresql://") || url.starts_with("postgres://");
        let options = PgConnectOptions::from_str(url).ok().filter(|_| is_one).ok_or(PlaceError)?;
        let database = options.get_database().unwrap_or(options.get_username());
        let name = format!("postgresql://{}:{}/{database}", options.get_host(), options.get_port());
        Ok(Self::new(At::Postgres { name, options: Box::new(options) }))
    }

    fn new(at: At) -> Self {
        Self::at(Arc::new(at))
    }

    fn at(at: Arc<At>) -> Self {
        Self(Arc::new(Inner { at, open: Mutex::new(None) }))
    }

    /// The same place, which opens on its own, and closes without closing it for others.
    pub fn apart(&self) -> Self {
        Self::at(Arc::clone(&self.0.at))
    }

    /// The store, opened where nobody has.
    ///
    /// # Errors
    /// When it cannot be opened. Whoever asks again tries again.
    pub async fn open(&self) -> Result<Store, StoreError> {
        let mut open = self.0.open.lock().await;
        if let Some(store) = open.as_ref().filter(|store| !store.pools.is_closed()) {
            return Ok(store.clone());
        }
        let store = match &*self.0.at {
            At::File(path) => Store::open(path).await?,
            At::Postgres { name, options } => Store::connect(name, options).await?,
        };
        Ok(open.insert(store).clone())
    }

    /// Whether there may be something in it: not where it is a file that nobody has made.
    pub fn may_hold(&self) -> bool {
        self.path().is_none_or(Path::exists)
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0.at {
            At::File(path) => Some(path),
            At::Postgres { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.at {
            At::File(path) => path.display().fmt(f),
            At::Postgres { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_said() {
        let place = Place::postgres("postgresql://segue:hunter2@db.example/shop").expect("an address");
        assert_eq!(place.to_string(), "postgresql://db.example:5432/shop");
        assert!(!format!("{place:?}").contains("hunter2"));
        for wrong in ["", "mysql://a/b", "hunter2", "postgresql://a:b@[/hunter2"] {
            assert_eq!(Place::postgres(wrong).map(drop), Err(PlaceError), "{wrong}");
        }
    }
}
