-- Offers that the price guard no longer shows as prices. A row that is removed lifts the pause in every process.
CREATE TABLE guard_pauses (
    offer       TEXT PRIMARY KEY,
    -- What the offer and its rule said then; once they say something else, it is tried again.
    fingerprint TEXT NOT NULL,
    -- Milliseconds since 1970, in UTC.
    since       BIGINT NOT NULL,
    -- Distinct shoppers within the hour before.
    agreed      BIGINT NOT NULL,
    differed    BIGINT NOT NULL
);
