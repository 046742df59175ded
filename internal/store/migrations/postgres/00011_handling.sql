-- +goose Up

-- Whose a thread is, and its times: how staff handle it. All of it is added with a
-- default, and a program one version older, which knows none of it, works on.

ALTER TABLE channel ADD COLUMN allocation TEXT NOT NULL DEFAULT 'self';
ALTER TABLE channel ADD COLUMN target BIGINT NOT NULL DEFAULT 0; -- microseconds to the first call

ALTER TABLE thread ADD COLUMN owner BIGINT NOT NULL DEFAULT 0; -- a person; 0 is nobody
ALTER TABLE thread ADD COLUMN given BIGINT NOT NULL DEFAULT 0; -- the owner keeps it when her claim ends
ALTER TABLE thread ADD COLUMN claim_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN wake_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN told_due BIGINT NOT NULL DEFAULT 0; -- the due_at of which the log says that it was missed
ALTER TABLE thread ADD COLUMN next_at BIGINT NOT NULL DEFAULT 0; -- what comes first of wake_at and due_at; without either, first_at + 2^53
ALTER TABLE thread ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE thread ADD COLUMN outcome TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE thread ADD COLUMN excerpt TEXT NOT NULL DEFAULT '';

-- What is open already. Closed threads are not touched.
-- +goose StatementBegin
DO $$
DECLARE
    of_tenant BIGINT;
BEGIN
    FOR of_tenant IN SELECT tenant_id FROM tenant LOOP
        PERFORM set_config('afterbeep.tenant', of_tenant::text, true);
        UPDATE thread SET next_at = first_at + 9007199254740992,
            excerpt = coalesce((SELECT substr(trim(replace(replace(m.body, chr(13), ' '), chr(10), ' ')), 1, 140) FROM message m
                WHERE m.tenant_id = of_tenant AND m.thread_id = thread.id ORDER BY m.id DESC LIMIT 1), '')
            WHERE tenant_id = of_tenant AND state <> 'closed';
    END LOOP;
    PERFORM set_config('afterbeep.tenant', '', true);
END
$$;
-- +goose StatementEnd

-- The views, over open threads only, in the two orders. What a list is narrowed
-- by stands behind the order, so that a row is read only when it is on the page.
CREATE INDEX thread_newest ON thread (tenant_id, last_at, id, state, owner, channel_id, outcome) WHERE state <> 'closed';
CREATE INDEX thread_urgent ON thread (tenant_id, next_at, id, state, owner, channel_id, outcome, due_at, last_at) WHERE state <> 'closed';
CREATE INDEX thread_owner_newest ON thread (tenant_id, owner, last_at, id, state, channel_id, outcome) WHERE state <> 'closed';
CREATE INDEX thread_owner_urgent ON thread (tenant_id, owner, next_at, id, state, channel_id, outcome, due_at, last_at) WHERE state <> 'closed';
CREATE INDEX thread_closed ON thread (tenant_id, closed_at, id, owner, channel_id, outcome) WHERE state = 'closed';

-- The timers.
CREATE INDEX thread_claim ON thread (tenant_id, claim_until, id) WHERE claim_until > 0 AND state <> 'closed';
CREATE INDEX thread_wake ON thread (tenant_id, wake_at, id, state, owner, channel_id, outcome, last_at) WHERE wake_at > 0 AND state <> 'closed';
CREATE INDEX thread_due ON thread (tenant_id, due_at, id) WHERE due_at > 0 AND told_due <> due_at AND state <> 'closed';
