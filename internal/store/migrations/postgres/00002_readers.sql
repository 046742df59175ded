-- +goose Up

-- Where each reader of the event log stands, and which process may run it until
-- when. The cursor moves in the transaction that finishes the work.
CREATE TABLE reader (
    tenant_id BIGINT NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    seq       BIGINT NOT NULL, -- the last event whose work is finished
    holder    TEXT   NOT NULL, -- '' is nobody
    until     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITH (fillfactor = 50);
ALTER TABLE reader ENABLE ROW LEVEL SECURITY;
ALTER TABLE reader FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON reader USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);

-- The index of words: see store/search_table.go. An entry is a list of numbers,
-- (the slice's number << 32) + a hash of the word. The list lies beside the row,
-- so that a page of the table holds many rows: a search looks at the index and
-- at the message's number, never at the list.
CREATE TABLE search (
    tenant_id  BIGINT   NOT NULL,
    message_id BIGINT   NOT NULL,
    words      BIGINT[] NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
) WITH (toast_tuple_target = 128);
ALTER TABLE search ALTER COLUMN words SET STORAGE EXTERNAL;
-- A batch's words wait in a list and go into the index together, in order. Every
-- look into the index reads that list, so search_add empties it.
CREATE INDEX search_words ON search USING gin (words) WITH (fastupdate = on, gin_pending_list_limit = 4096);

-- Which messages each slice of the event log has told of.
CREATE TABLE search_slice (
    tenant_id BIGINT NOT NULL,
    slice     BIGINT NOT NULL,
    first_id  BIGINT NOT NULL,
    last_id   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, slice)
) WITH (fillfactor = 50);

-- The application's role may not touch these two tables. A policy that holds it
-- to its tenant would be checked before an operator that is not leakproof, and no
-- operator of a GIN index is: every search would read the whole table. So the
-- functions below, which are the owner's, are the only door. Each looks at the
-- transaction's tenant itself and gives away numbers of messages, nothing else;
-- what these numbers mean is read under the policies of the message's table. The
-- policies here are not forced; they are a second wall, for whoever grants too
-- much one day.
ALTER TABLE search ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON search USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);
ALTER TABLE search_slice ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON search_slice USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);

-- With Citus, search and search_slice are distributed by tenant_id like every
-- other table. A function is planned where it is called, so "tenant_id + 0" in
-- search_find would ask all shards and must read "tenant_id" there; the
-- index has another name on each shard, so that its list must be left to empty
-- itself; and the owner must be the same role on all workers. None of it could be
-- run here.

-- +goose StatementBegin
-- search_check fails unless the transaction is the tenant's.
CREATE FUNCTION search_check(of_tenant BIGINT) RETURNS VOID LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF of_tenant IS NULL OR of_tenant IS DISTINCT FROM NULLIF(current_setting('afterbeep.tenant', true), '')::bigint THEN
        RAISE EXCEPTION 'the transaction is not that of tenant %', of_tenant USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- search_add takes in messages of one slice: {id,…} and {word,…};{word,…};… Two
-- slices may share a key; tenant and message are looked at later all the same. The
-- commit of an index need not be waited for: with it, the cursor would be lost.
CREATE FUNCTION search_add(of_tenant BIGINT, of_slice BIGINT, ids TEXT, lists TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    key BIGINT := ((of_tenant * 1000003 + of_slice) & 2147483647) << 32; -- as in search_find
BEGIN
    PERFORM search_check(of_tenant);
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO search (tenant_id, message_id, words)
        SELECT of_tenant, e.id, ARRAY(SELECT key | w FROM unnest(e.list::bigint[]) AS w ORDER BY w)
        FROM unnest(ids::bigint[], string_to_array(lists, ';')) AS e (id, list)
        ON CONFLICT (tenant_id, message_id) DO UPDATE SET words = excluded.words;
    INSERT INTO search_slice AS s (tenant_id, slice, first_id, last_id)
        SELECT of_tenant, of_slice, min(id), max(id) FROM unnest(ids::bigint[]) AS id
        ON CONFLICT (tenant_id, slice) DO UPDATE SET first_id = least(s.first_id, excluded.first_id), last_id = greatest(s.last_id, excluded.last_id);
    PERFORM gin_clean_pending_list('search_words');
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- search_find gives a floor, and then the messages at or above it that have all
-- words, newest first: from the slices with the newest messages, so many of
-- them. The plan is made for each call, and may use the GIN index alone.
CREATE FUNCTION search_find(of_tenant BIGINT, wanted TEXT, since BIGINT, below BIGINT, most BIGINT, wide BIGINT) RETURNS SETOF BIGINT
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    near  BIGINT[];
    lowest BIGINT;
    hits  BIGINT[];
BEGIN
    PERFORM search_check(of_tenant);
    SELECT array_agg(s.slice) FILTER (WHERE s.n <= wide), coalesce(max(s.last_id) FILTER (WHERE s.n > wide) + 1, since)
        INTO near, lowest
        FROM (SELECT slice, last_id, row_number() OVER (ORDER BY last_id DESC) AS n
            FROM search_slice WHERE tenant_id = of_tenant AND last_id >= since AND first_id < below) AS s;
    lowest := least(greatest(lowest, since), below);
    SELECT array_agg(h.id ORDER BY h.id DESC) INTO hits FROM (
        SELECT f.message_id AS id
        FROM (SELECT ARRAY(SELECT ((of_tenant * 1000003 + n.slice) & 2147483647) << 32 | w FROM unnest(wanted::bigint[]) AS w) AS keys
            FROM unnest(near) AS n (slice)) AS k
        CROSS JOIN LATERAL (SELECT message_id FROM search
            WHERE words @> k.keys AND tenant_id + 0 = of_tenant AND message_id + 0 >= lowest AND message_id + 0 < below) AS f
        ORDER BY 1 DESC LIMIT most) AS h;
    IF array_length(hits, 1) >= most THEN
        lowest := hits[array_length(hits, 1)];
    END IF;
    RETURN NEXT lowest;
    RETURN QUERY SELECT unnest(hits);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION search_forget(of_tenant BIGINT) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM search_check(of_tenant);
    DELETE FROM search WHERE tenant_id = of_tenant;
    DELETE FROM search_slice WHERE tenant_id = of_tenant;
END
$$;
-- +goose StatementEnd

-- What a name means in these functions is settled here, not by who calls them.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['search_check(bigint)', 'search_add(bigint, bigint, text, text)',
        'search_find(bigint, text, bigint, bigint, bigint, bigint)', 'search_forget(bigint)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name); -- migrating grants it to the application's role
    END LOOP;
END
$$;
-- +goose StatementEnd
