-- +goose Up

-- Where each reader of the event log stands, and which process may run it until
-- when. The cursor moves in the transaction that finishes the work.
CREATE TABLE reader (
    tenant_id INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    seq       INTEGER NOT NULL, -- the last event whose work is finished
    holder    TEXT    NOT NULL, -- '' is nobody
    until     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT, WITHOUT ROWID;
