-- +goose Up

-- What the store says about itself: 'filling' while a move or a restore is under way.
CREATE TABLE mark (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
