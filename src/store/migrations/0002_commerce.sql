-- What Commerce said of its cart price rules and of the shop, as of the last time that it said all of it.
CREATE TABLE commerce_books (
    shop TEXT NOT NULL PRIMARY KEY,
    learnt_at BIGINT NOT NULL,
    book TEXT NOT NULL
);
