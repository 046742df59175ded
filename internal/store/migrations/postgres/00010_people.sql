-- +goose Up

-- Staff, what they sign in with, and what they did.

CREATE TABLE person (
    tenant_id     BIGINT NOT NULL,
    id            BIGINT NOT NULL, -- 1, 2, 3 …
    login         TEXT COLLATE "C" NOT NULL, -- in lower case
    name          TEXT COLLATE "C" NOT NULL,
    role          TEXT   NOT NULL,
    channels      TEXT   NOT NULL, -- a JSON array of Configuration IDs; empty is all
    locale        TEXT   NOT NULL,
    disabled      BIGINT NOT NULL,
    password      TEXT   NOT NULL, -- Argon2id, a PHC string
    totp          BYTEA  NOT NULL, -- sealed with the tenant's key in secret
    totp_step     BIGINT NOT NULL, -- the last one that was used
    recovery      BYTEA  NOT NULL, -- SHA-256 of each code that is left, 32 bytes each
    subject       TEXT COLLATE "C" NOT NULL, -- OpenID Connect: issuer, space, sub
    epoch         BIGINT NOT NULL, -- sessions of an earlier one are over
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    present_until BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, login)
);
CREATE UNIQUE INDEX person_subject ON person (tenant_id, subject) WHERE subject <> '';

CREATE TABLE session (
    tenant_id  BIGINT NOT NULL,
    id         BYTEA  NOT NULL, -- SHA-256 of the cookie's secret
    person_id  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    address    TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX session_person ON session (tenant_id, person_id, created_at);
CREATE INDEX session_until ON session (tenant_id, until);

-- One-time links: to the first account (person 0), to a new one, or to a new password.
CREATE TABLE invite (
    tenant_id BIGINT NOT NULL,
    hash      BYTEA  NOT NULL, -- SHA-256 of the link's secret
    person_id BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);

-- What was guessed of late: of an account, from an address, on a device.
CREATE TABLE guess (
    tenant_id BIGINT NOT NULL,
    hash      BYTEA  NOT NULL, -- of whom it is about; no login is kept here
    n         BIGINT NOT NULL, -- guesses in a row
    at        BIGINT NOT NULL, -- the last one
    full_at   BIGINT NOT NULL, -- when the budget is whole again
    PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX guess_at ON guess (tenant_id, at);

CREATE TABLE api_key (
    tenant_id  BIGINT NOT NULL,
    id         BIGINT NOT NULL, -- 1, 2, 3 …
    name       TEXT COLLATE "C" NOT NULL,
    hash       BYTEA  NOT NULL, -- SHA-256 of the secret
    scopes     TEXT   NOT NULL, -- a JSON array
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    disabled   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

-- What seals other secrets of the tenant for good, unlike seal_key, whose keys
-- come and go with the tokens.
CREATE TABLE secret (
    tenant_id  BIGINT NOT NULL,
    key_id     BIGINT NOT NULL,
    secret     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
);

-- Who did what. Each row's hash covers the one before, and audit_head holds the
-- last; it is locked by whoever appends, so there are no gaps.
CREATE TABLE audit (
    tenant_id BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    address   TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    object    TEXT   NOT NULL,
    data      TEXT   NOT NULL, -- a JSON object
    prev_hash BYTEA  NOT NULL,
    hash      BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

CREATE TABLE audit_head (
    tenant_id BIGINT NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL,
    hash      BYTEA  NOT NULL
) WITH (fillfactor = 50);

-- A transaction belongs to one tenant, and sees and writes only his rows.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['person', 'session', 'invite', 'guess', 'api_key', 'secret', 'audit', 'audit_head'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['person', 'session', 'invite', 'guess', 'api_key', 'secret', 'audit_head'] LOOP
        EXECUTE format('CREATE POLICY one_tenant ON %I USING (tenant_id = NULLIF(current_setting(''afterbeep.tenant'', true), '''')::bigint)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- The audit log is read and appended to. No policy lets anybody change or delete a
-- row, so a mistake of ours cannot rewrite history. Whoever owns the table can;
-- what he changes then, the hashes tell.
CREATE POLICY one_tenant ON audit FOR SELECT USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);
CREATE POLICY only_appended ON audit FOR INSERT WITH CHECK (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);
