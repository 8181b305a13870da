-- Rules as they are being worked on: the entries of a rules file, each by itself.
CREATE TABLE rule_entries (
    -- audience, offer or block.
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    -- JSON, as in a rules file.
    entry      TEXT NOT NULL,
    -- The number of the change that made it so.
    version    BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- What was published: whole rules files.
CREATE TABLE rule_revisions (
    number       BIGINT PRIMARY KEY,
    rules        TEXT NOT NULL,
    note         TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT NOT NULL,
    -- The revision whose rules these are again.
    again        BIGINT
);

-- One row: how many changes were ever made, and the newest revision.
CREATE TABLE rule_state (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    changes  BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

INSERT INTO rule_state (one, changes, revision) VALUES (1, 0, 0);

-- What is to be published later: one at most.
CREATE TABLE rule_schedule (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    rules TEXT NOT NULL,
    note  TEXT NOT NULL,
    at    BIGINT NOT NULL,
    who   TEXT NOT NULL
);
