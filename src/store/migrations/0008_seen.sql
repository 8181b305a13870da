-- How many shoppers were seen, by the hour: sketches, which say of nobody that he was there.
CREATE TABLE seen (
    -- What they are counted of, such as audience:ID.
    subject    TEXT NOT NULL,
    -- Hours since 1970, in UTC.
    hour       INTEGER NOT NULL,
    -- The registers, in base 64.
    sketch     TEXT NOT NULL,
    -- Milliseconds since 1970, in UTC.
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (subject, hour)
) STRICT;
CREATE INDEX seen_hour ON seen (hour);
CREATE INDEX seen_changed_at ON seen (changed_at);
