-- +goose Up

-- Staff, what they sign in with, and what they did.

CREATE TABLE person (
    tenant_id     INTEGER NOT NULL,
    id            INTEGER NOT NULL, -- 1, 2, 3 …
    login         TEXT    NOT NULL, -- in lower case
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    channels      TEXT    NOT NULL, -- a JSON array of Configuration IDs; empty is all
    locale        TEXT    NOT NULL,
    disabled      INTEGER NOT NULL,
    password      TEXT    NOT NULL, -- Argon2id, a PHC string
    totp          BLOB    NOT NULL, -- sealed with the tenant's key in secret
    totp_step     INTEGER NOT NULL, -- the last one that was used
    recovery      BLOB    NOT NULL, -- SHA-256 of each code that is left, 32 bytes each
    subject       TEXT    NOT NULL, -- OpenID Connect: issuer, space, sub
    epoch         INTEGER NOT NULL, -- sessions of an earlier one are over
    created_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    present_until INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, login)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX person_subject ON person (tenant_id, subject) WHERE subject <> '';

CREATE TABLE session (
    tenant_id  INTEGER NOT NULL,
    id         BLOB    NOT NULL, -- SHA-256 of the cookie's secret
    person_id  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (tenant_id, person_id, created_at);
CREATE INDEX session_until ON session (tenant_id, until);

-- One-time links: to the first account (person 0), to a new one, or to a new password.
CREATE TABLE invite (
    tenant_id INTEGER NOT NULL,
    hash      BLOB    NOT NULL, -- SHA-256 of the link's secret
    person_id INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;

-- What was guessed of late: of an account, from an address, on a device.
CREATE TABLE guess (
    tenant_id INTEGER NOT NULL,
    hash      BLOB    NOT NULL, -- of whom it is about; no login is kept here
    n         INTEGER NOT NULL, -- guesses in a row
    at        INTEGER NOT NULL, -- the last one
    full_at   INTEGER NOT NULL, -- when the budget is whole again
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX guess_at ON guess (tenant_id, at);

CREATE TABLE api_key (
    tenant_id  INTEGER NOT NULL,
    id         INTEGER NOT NULL, -- 1, 2, 3 …
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL, -- SHA-256 of the secret
    scopes     TEXT    NOT NULL, -- a JSON array
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    disabled   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- What seals other secrets of the tenant for good, unlike seal_key, whose keys
-- come and go with the tokens.
CREATE TABLE secret (
    tenant_id  INTEGER NOT NULL,
    key_id     INTEGER NOT NULL,
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;

-- Who did what. Each row's hash covers the one before, and audit_head holds the
-- last; it is locked by whoever appends, so there are no gaps.
CREATE TABLE audit (
    tenant_id INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    data      TEXT    NOT NULL, -- a JSON object
    prev_hash BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_head (
    tenant_id INTEGER NOT NULL PRIMARY KEY,
    seq       INTEGER NOT NULL,
    hash      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- A mistake of ours must not rewrite history. Somebody who owns the file can
-- drop these; what he changes then, the hashes tell.
-- +goose StatementBegin
CREATE TRIGGER audit_stays_as_it_is BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
-- +goose StatementEnd
