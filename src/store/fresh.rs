//! New stores for tests, of both kinds.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{Place, Store};

/// A store that nobody else has.
pub(crate) struct Fresh {
    /// A folder that is gone when the test ends.
    pub(crate) folder: PathBuf,
    url: Option<String>,
}

impl Fresh {
    pub(crate) fn sqlite() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("segue-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a writable temporary folder");
        Self { folder, url: None }
    }

    /// A database of the server that `SEGUE_POSTGRES` names; `None` where there is none and need not be.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("SEGUE_POSTGRES") else {
            assert!(
                std::env::var_os("SEGUE_TESTS").is_none(),
                "SEGUE_POSTGRES must name a server: tests/run starts one"
            );
            eprintln!("skipped: SEGUE_POSTGRES names no PostgreSQL server to test with");
            return None;
        };
        let mut connection = PgConnection::connect(&server).await.expect("the server of SEGUE_POSTGRES");
        let name = format!("segue_{}", Uuid::new_v4().simple());
        let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(sql).execute(&mut connection).await.expect("the right to make databases");
        let (before, after) =
            server.split_once("/postgres?").expect("an address such as postgresql://u@localhost/postgres?host=DIR");
        let mut fresh = Self::sqlite();
        fresh.url = Some(format!("{before}/{name}?{after}"));
        Some(fresh)
    }

    /// Where it is, as a process that has just been started knows it.
    pub(crate) fn place(&self) -> Place {
        match &self.url {
            Some(url) => Place::postgres(url).expect("an address"),
            None => Place::file(self.file()),
        }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("segue.db")
    }

    /// The store, as a process that has just been started opens it.
    pub(crate) async fn store(&self) -> Store {
        self.place().open().await.expect("a store")
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Makes two tests of each function: with a new file, and with a new database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&$crate::store::fresh::Fresh::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(fresh) = $crate::store::fresh::Fresh::postgres().await {
                    super::$name(&fresh).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;
