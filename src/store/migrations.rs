//! The store's tables, version by version. A version that was released is never changed: another one is added.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType};

const ALL: [(i64, &str, &str); 5] = [
    (1, "inventory", include_str!("migrations/0001_inventory.sql")),
    (2, "commerce", include_str!("migrations/0002_commerce.sql")),
    (3, "catalog", include_str!("migrations/0003_catalog.sql")),
    (4, "coupons", include_str!("migrations/0004_coupons.sql")),
    (5, "guard", include_str!("migrations/0005_guard.sql")),
];

/// The newest version that this program knows.
pub(super) const NEWEST: i64 = ALL[ALL.len() - 1].0;

/// Where a file says which versions it has had.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// What brings a file from any older version to the newest one, in order.
pub(super) fn all() -> impl Iterator<Item = Migration> {
    ALL.into_iter().map(|(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    })
}
