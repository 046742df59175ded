-- +goose Up

-- Lists that people keep under a name: each her own, and those that everybody has.

CREATE TABLE saved_filter (
    tenant_id  INTEGER NOT NULL,
    id         INTEGER NOT NULL, -- made of the time
    person_id  INTEGER NOT NULL, -- who keeps it
    name       TEXT NOT NULL,
    query      TEXT NOT NULL, -- as it stands in the address
    shared     INTEGER NOT NULL, -- 1: everybody of the tenant has it
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, person_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_filter_shared ON saved_filter (tenant_id, name) WHERE shared = 1;
