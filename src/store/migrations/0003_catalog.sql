-- What Commerce says of its products, as far as rules ask. Lists are JSON.
CREATE TABLE catalog_products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL,
    kind TEXT NOT NULL,
    attribute_set INTEGER,
    visibility INTEGER,
    enabled INTEGER NOT NULL,
    websites TEXT NOT NULL,
    categories TEXT NOT NULL,
    -- Ids, and SKUs of those whose ids Commerce does not say.
    children TEXT NOT NULL,
    -- Text or a list of texts by code.
    attributes TEXT NOT NULL,
    -- The reading of the whole catalogue that has seen it last.
    pass INTEGER NOT NULL
) STRICT;

CREATE TABLE catalog_categories (
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    is_anchor INTEGER NOT NULL
) STRICT;

CREATE TABLE catalog_roots (
    website INTEGER NOT NULL,
    category INTEGER NOT NULL,
    PRIMARY KEY (website, category)
) STRICT;

-- How far it is read: one row of JSON.
CREATE TABLE catalog_progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    progress TEXT NOT NULL
) STRICT;
