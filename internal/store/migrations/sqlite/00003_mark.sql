-- +goose Up

-- What the store says about itself: 'filling' while a move or a restore is under way.
CREATE TABLE mark (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
