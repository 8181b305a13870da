-- Times are milliseconds since 1970, in UTC.

-- What Experience Platform was last seen to have, for one sandbox of one organisation.
CREATE TABLE audiences (
    org           TEXT NOT NULL,
    sandbox       TEXT NOT NULL,
    id            TEXT NOT NULL,
    audience_id   TEXT NOT NULL,
    name          TEXT NOT NULL,
    description   TEXT,
    kind          TEXT,
    origin        TEXT,
    namespace     TEXT,
    lifecycle     TEXT,
    evaluation    TEXT NOT NULL,
    sandbox_said  TEXT,
    created       BIGINT,
    updated       BIGINT,
    -- 'yes', 'no' or 'unknown'; with 'yes', destinations is a JSON list of names.
    activation    TEXT NOT NULL,
    destinations  TEXT NOT NULL,
    first_seen    BIGINT NOT NULL,
    last_seen     BIGINT NOT NULL,
    previous_name TEXT,
    gone_at       BIGINT,
    PRIMARY KEY (org, sandbox, id)
);

-- Every attempt to bring the above up to date, the newest ones.
CREATE TABLE syncs (
    id       TEXT PRIMARY KEY,
    org      TEXT NOT NULL,
    sandbox  TEXT NOT NULL,
    began    BIGINT NOT NULL,
    took     BIGINT NOT NULL,
    -- 'start', 'schedule' or 'command'.
    cause    TEXT NOT NULL,
    listed   BIGINT NOT NULL,
    odd      BIGINT NOT NULL,
    changes  BIGINT NOT NULL,
    -- Whether the list was read to its end, so that what is not on it does not exist.
    complete BOOLEAN NOT NULL,
    -- Why nothing was learnt; NULL when something was.
    error    TEXT,
    -- What was learnt in part only.
    remark   TEXT
);

CREATE INDEX syncs_by_time ON syncs (org, sandbox, began);
