//! The store's tables, version by version. A version that was released is never changed: another one is added.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

const ALL: [(i64, &str, &str); 8] = [
    (1, "inventory", include_str!("migrations/0001_inventory.sql")),
    (2, "commerce", include_str!("migrations/0002_commerce.sql")),
    (3, "catalog", include_str!("migrations/0003_catalog.sql")),
    (4, "coupons", include_str!("migrations/0004_coupons.sql")),
    (5, "guard", include_str!("migrations/0005_guard.sql")),
    (6, "rules", include_str!("migrations/0006_rules.sql")),
    (7, "people", include_str!("migrations/0007_people.sql")),
    (8, "seen", include_str!("migrations/0008_seen.sql")),
];

/// The newest version that this program knows.
pub(super) const NEWEST: i64 = ALL[ALL.len() - 1].0;

/// Where a store says which versions it has had.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// What brings a file from any older version to the newest one, in order.
pub(super) fn sqlite() -> Vec<Migration> {
    ALL.into_iter().map(|(version, name, sql)| migration(version, name, sql.into_sql_str())).collect()
}

/// The same for PostgreSQL, where SQLite's only kind of whole number is called otherwise, and every table is strict.
pub(super) fn postgres() -> Vec<Migration> {
    let translated = |sql: &str| sql.replace(" INTEGER", " BIGINT").replace(") STRICT;", ");");
    let one = |(version, name, sql): (i64, &'static str, &str)| {
        migration(version, name, AssertSqlSafe(translated(sql)).into_sql_str())
    };
    ALL.into_iter().map(one).collect()
}

fn migration(version: i64, name: &'static str, sql: SqlStr) -> Migration {
    Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
}
