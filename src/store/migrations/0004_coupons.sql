-- Codes of coupons that Segue had made.
CREATE TABLE coupon_codes (
    shop       TEXT NOT NULL,
    code       TEXT NOT NULL,
    rule_id    BIGINT NOT NULL,
    -- Milliseconds since 1970, in UTC.
    expires_at BIGINT NOT NULL,
    -- free: nobody's yet; given: a shopper's; spent: not to be given any more, and to be deleted in Commerce.
    state      TEXT NOT NULL,
    -- A digest of whom it was given to.
    shopper    TEXT,
    PRIMARY KEY (shop, code)
);

CREATE INDEX coupon_codes_by_rule ON coupon_codes (shop, rule_id, state);
