-- +goose Up

-- Every key begins with the tenant, the journal's with its bucket: a batch
-- carries messages of many tenants and is written whole to one place. Both are
-- what a sharded PostgreSQL distributes by, so there is no sequence, no foreign
-- key and no unique key without it.
-- Times are microseconds since 1970, UTC. Keys that are texts are ordered by
-- their bytes, as in every other engine.

CREATE TABLE tenant (
    tenant_id  BIGINT NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- One row a tenant, raised with every change of what the hot path holds in memory.
CREATE TABLE revision (
    tenant_id BIGINT NOT NULL PRIMARY KEY,
    n         BIGINT NOT NULL
);

CREATE TABLE app (
    tenant_id   BIGINT NOT NULL,
    app_key     TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    secret_hash BYTEA  NOT NULL,
    old_hash    BYTEA  NOT NULL,
    old_until   BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    disabled    BIGINT NOT NULL,
    per_minute  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_key),
    UNIQUE (tenant_id, name)
);

CREATE TABLE channel (
    tenant_id  BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    locale     TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    text_limit BIGINT NOT NULL,
    origins    TEXT   NOT NULL, -- a JSON array
    disabled   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, channel_id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE seal_key (
    tenant_id BIGINT NOT NULL,
    key_id    BIGINT NOT NULL,
    secret    BYTEA  NOT NULL,
    active_at BIGINT NOT NULL,
    retire_at BIGINT NOT NULL, -- 0 while no successor is known
    PRIMARY KEY (tenant_id, key_id)
);

-- What was acknowledged and is not sorted yet: a run of JSON lines a row. Rows
-- live for a moment, so they are not worth compressing, and their dead are
-- cleared early.
CREATE TABLE journal (
    bucket   BIGINT NOT NULL,
    id       BIGINT NOT NULL, -- of the first message
    last_id  BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    lines    BYTEA  NOT NULL,
    hash     BYTEA  NOT NULL,
    PRIMARY KEY (bucket, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE journal ALTER COLUMN lines SET STORAGE EXTERNAL;

-- The answers to Idempotency-Keys.
CREATE TABLE receipt (
    tenant_id  BIGINT NOT NULL,
    app_key    TEXT COLLATE "C" NOT NULL,
    idem_key   TEXT COLLATE "C" NOT NULL,
    print      BYTEA  NOT NULL,
    message_id BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_key, idem_key)
);
CREATE INDEX receipt_at ON receipt (tenant_id, at);

CREATE TABLE thread (
    tenant_id   BIGINT NOT NULL,
    id          BIGINT NOT NULL, -- of its first message
    channel_id  BIGINT NOT NULL,
    caller      TEXT   NOT NULL,
    caller_key  TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    messages    BIGINT NOT NULL,
    first_at    BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    closed_at   BIGINT NOT NULL,
    reason      TEXT   NOT NULL,
    previous_id BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 85);
-- A caller's newest thread is the last entry of his run.
CREATE INDEX thread_caller ON thread (tenant_id, caller_key, channel_id, id);
CREATE UNIQUE INDEX thread_one_open ON thread (tenant_id, caller_key, channel_id) WHERE state <> 'closed';
CREATE INDEX thread_open ON thread (tenant_id, state, id) WHERE state <> 'closed';

CREATE TABLE message (
    tenant_id   BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    thread_id   BIGINT NOT NULL,
    channel_id  BIGINT NOT NULL,
    app_key     TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    call_id     TEXT   NOT NULL,
    caller      TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    user_name   TEXT   NOT NULL,
    locale      TEXT   NOT NULL,
    hash        BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX message_thread ON message (tenant_id, thread_id, id);

-- The event log: gapless a tenant, because counter is locked in the same transaction.
CREATE TABLE event (
    tenant_id BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    thread_id BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    actor     TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    data      TEXT   NOT NULL, -- a JSON object
    hash      BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX event_thread ON event (tenant_id, thread_id, seq);

CREATE TABLE counter (
    tenant_id BIGINT NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL
) WITH (fillfactor = 10);

-- What sorting could not place, with the reason; never dropped. Tenant 0: not even the tenant could be read.
CREATE TABLE aside (
    tenant_id BIGINT NOT NULL,
    id        BIGINT NOT NULL,
    messages  BIGINT NOT NULL,
    error     TEXT   NOT NULL,
    lines     BYTEA  NOT NULL,
    hash      BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Readiness is a real write: to one of these rows.
CREATE TABLE probe (
    bucket BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
) WITH (fillfactor = 50);

-- The numbers of the servers, which are part of every ID that they make. A number
-- is free again when its time is over.
CREATE TABLE node (
    number     BIGINT NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL, -- '' when it was given back
    until      BIGINT NOT NULL, -- by the database's clock
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL, -- by the database's clock
    clock      BIGINT NOT NULL, -- the node's own clock at that moment
    version    TEXT   NOT NULL,
    address    TEXT   NOT NULL
) WITH (fillfactor = 50);

-- The oldest program that can work with this schema, by the schema that it
-- brings itself: a migration that only adds leaves it as it is.
CREATE TABLE compat (
    least BIGINT NOT NULL PRIMARY KEY
);

-- A transaction belongs to one tenant, and sees and writes only his rows; one
-- that belongs to nobody sees none. It holds for the owner of the tables, too.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenant', 'revision', 'app', 'channel', 'seal_key', 'receipt', 'thread', 'message', 'event', 'counter', 'aside'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY one_tenant ON %I USING (tenant_id = NULLIF(current_setting(''afterbeep.tenant'', true), '''')::bigint)', name);
    END LOOP;
    -- Who there is, whether his settings changed and how many events he has:
    -- every node looks at all of them, in transactions that are no tenant's, and
    -- there is nothing of a message in it.
    FOREACH name IN ARRAY ARRAY['tenant', 'revision', 'counter'] LOOP
        EXECUTE format('CREATE POLICY all_may_count ON %I FOR SELECT USING (NULLIF(current_setting(''afterbeep.tenant'', true), '''') IS NULL)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

SELECT set_config('afterbeep.tenant', '1', true);
INSERT INTO tenant (tenant_id, name, created_at) VALUES (1, 'default', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
INSERT INTO revision (tenant_id, n) VALUES (1, 1);
INSERT INTO counter (tenant_id, seq) VALUES (1, 0);
INSERT INTO probe (bucket, at) SELECT b, 0 FROM generate_series(0, 15) AS b;
INSERT INTO compat (least) VALUES (1);
