-- +goose Up

-- Lists that people keep under a name: each her own, and those that everybody has.

CREATE TABLE saved_filter (
    tenant_id  BIGINT NOT NULL,
    id         BIGINT NOT NULL, -- made of the time
    person_id  BIGINT NOT NULL, -- who keeps it
    name       TEXT COLLATE "C" NOT NULL,
    query      TEXT NOT NULL, -- as it stands in the address
    shared     BIGINT NOT NULL, -- 1: everybody of the tenant has it
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, person_id, name)
);
CREATE INDEX saved_filter_shared ON saved_filter (tenant_id, name) WHERE shared = 1;

-- A transaction belongs to one tenant, and sees and writes only his rows.
ALTER TABLE saved_filter ENABLE ROW LEVEL SECURITY;
ALTER TABLE saved_filter FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON saved_filter USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);
