-- +goose Up

-- Every key begins with the tenant, the journal's with its bucket: a batch
-- carries messages of many tenants and is written whole to one place.
-- Times are microseconds since 1970, UTC.

CREATE TABLE tenant (
    tenant_id  INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a tenant, raised with every change of what the hot path holds in memory.
CREATE TABLE revision (
    tenant_id INTEGER NOT NULL PRIMARY KEY,
    n         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE app (
    tenant_id   INTEGER NOT NULL,
    app_key     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    old_hash    BLOB    NOT NULL,
    old_until   INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    disabled    INTEGER NOT NULL,
    per_minute  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, app_key),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE channel (
    tenant_id  INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    locale     TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    text_limit INTEGER NOT NULL,
    origins    TEXT    NOT NULL, -- a JSON array
    disabled   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, channel_id),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE seal_key (
    tenant_id INTEGER NOT NULL,
    key_id    INTEGER NOT NULL,
    secret    BLOB    NOT NULL,
    active_at INTEGER NOT NULL,
    retire_at INTEGER NOT NULL, -- 0 while no successor is known
    PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;

-- What was acknowledged and is not sorted yet: a run of JSON lines a row.
CREATE TABLE journal (
    bucket   INTEGER NOT NULL,
    id       INTEGER NOT NULL, -- of the first message
    last_id  INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    lines    BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (bucket, id)
) STRICT, WITHOUT ROWID;

-- The answers to Idempotency-Keys.
CREATE TABLE receipt (
    tenant_id  INTEGER NOT NULL,
    app_key    TEXT    NOT NULL,
    idem_key   TEXT    NOT NULL,
    print      BLOB    NOT NULL,
    message_id INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, app_key, idem_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_at ON receipt (tenant_id, at);

CREATE TABLE thread (
    tenant_id   INTEGER NOT NULL,
    id          INTEGER NOT NULL, -- of its first message
    channel_id  INTEGER NOT NULL,
    caller      TEXT    NOT NULL,
    caller_key  TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    messages    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    closed_at   INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    previous_id INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
-- A caller's newest thread is the last entry of his run.
CREATE INDEX thread_caller ON thread (tenant_id, caller_key, channel_id, id);
CREATE UNIQUE INDEX thread_one_open ON thread (tenant_id, caller_key, channel_id) WHERE state <> 'closed';
CREATE INDEX thread_open ON thread (tenant_id, state, id) WHERE state <> 'closed';

CREATE TABLE message (
    tenant_id   INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    thread_id   INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    app_key     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    call_id     TEXT    NOT NULL,
    caller      TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    user_name   TEXT    NOT NULL,
    locale      TEXT    NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_thread ON message (tenant_id, thread_id, id);

-- The event log: gapless a tenant, because counter is locked in the same transaction.
CREATE TABLE event (
    tenant_id INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    data      TEXT    NOT NULL, -- a JSON object
    hash      BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_thread ON event (tenant_id, thread_id, seq);

CREATE TABLE counter (
    tenant_id INTEGER NOT NULL PRIMARY KEY,
    seq       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What sorting could not place, with the reason; never dropped. Tenant 0: not even the tenant could be read.
CREATE TABLE aside (
    tenant_id INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    messages  INTEGER NOT NULL,
    error     TEXT    NOT NULL,
    lines     BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- Readiness is a real write: to this row.
CREATE TABLE probe (
    bucket INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tenant (tenant_id, name, created_at) VALUES (1, 'default', unixepoch() * 1000000);
INSERT INTO revision (tenant_id, n) VALUES (1, 1);
INSERT INTO counter (tenant_id, seq) VALUES (1, 0);
INSERT INTO probe (bucket, at) VALUES (0, 0);
