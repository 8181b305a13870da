-- Who may work on rules.
CREATE TABLE people (
    name       TEXT PRIMARY KEY,
    -- viewer, editor, publisher or admin.
    role       TEXT NOT NULL,
    -- A hash in the PHC string format.
    password   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Sessions that began before have ended.
    changed_at BIGINT NOT NULL
);

CREATE TABLE people_sessions (
    -- A digest of what the browser has.
    digest   TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    -- What a form must repeat.
    csrf     TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL
);

-- Failed tries to sign in, and such as are being evaluated.
CREATE TABLE people_tries (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    address TEXT NOT NULL,
    at      BIGINT NOT NULL
);

CREATE INDEX people_tries_by_who ON people_tries (name, address, at);

-- What programs sign in with.
CREATE TABLE people_tokens (
    digest     TEXT PRIMARY KEY,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_at    BIGINT
);

-- Who did what.
CREATE TABLE audit (
    number  BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT NOT NULL,
    -- A word such as offer.save or rules.publish.
    action  TEXT NOT NULL,
    -- What it was done to, such as an offer's id.
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
);

CREATE INDEX audit_by_time ON audit (at);
