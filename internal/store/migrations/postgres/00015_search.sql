-- +goose Up

-- The index of words, second edition: see store/search_table.go. Slices are four
-- times as large, so that a rare word is asked of a quarter as many, and each has
-- 64 parts, so that of a common word only the newest messages are read. A
-- message's list has one more number: (the slice's number << 32) + 2^32 - 1 - its
-- part. What is there already stays, in slices of its own: new ones are numbered
-- from 2^30 on. A program one version older goes on with its functions, and each
-- finds what the other has taken in.

-- Which messages each part of a slice has told of.
CREATE TABLE search_part (
    tenant_id BIGINT NOT NULL,
    slice     BIGINT NOT NULL,
    part      BIGINT NOT NULL,
    first_id  BIGINT NOT NULL,
    last_id   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, slice, part)
) WITH (fillfactor = 50);
CREATE INDEX search_part_newest ON search_part (tenant_id, last_id, first_id, slice, part);
-- As with search_slice, the application may not touch it.
ALTER TABLE search_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON search_part USING (tenant_id = NULLIF(current_setting('afterbeep.tenant', true), '')::bigint);

-- +goose StatementBegin
-- search_put is search_add for messages of one part of a slice.
CREATE FUNCTION search_put(of_tenant BIGINT, of_slice BIGINT, of_part BIGINT, ids TEXT, lists TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    key BIGINT := ((of_tenant * 1000003 + of_slice) & 2147483647) << 32; -- as in search_seek
    lowest BIGINT;
    highest BIGINT;
BEGIN
    PERFORM search_check(of_tenant);
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO search (tenant_id, message_id, words)
        SELECT of_tenant, e.id, ARRAY(SELECT key | w FROM unnest(e.list::bigint[] || (4294967295 - of_part)) AS w ORDER BY w)
        FROM unnest(ids::bigint[], string_to_array(lists, ';')) AS e (id, list)
        ON CONFLICT (tenant_id, message_id) DO UPDATE SET words = excluded.words;
    SELECT min(id), max(id) INTO lowest, highest FROM unnest(ids::bigint[]) AS id;
    INSERT INTO search_slice AS s (tenant_id, slice, first_id, last_id) VALUES (of_tenant, of_slice, lowest, highest)
        ON CONFLICT (tenant_id, slice) DO UPDATE SET first_id = least(s.first_id, excluded.first_id), last_id = greatest(s.last_id, excluded.last_id);
    INSERT INTO search_part AS p (tenant_id, slice, part, first_id, last_id) VALUES (of_tenant, of_slice, of_part, lowest, highest)
        ON CONFLICT (tenant_id, slice, part) DO UPDATE SET first_id = least(p.first_id, excluded.first_id), last_id = greatest(p.last_id, excluded.last_id);
    PERFORM gin_clean_pending_list('search_words');
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- search_seek gives a floor, and then the messages at or above it that have all
-- words, newest first: as many as are wanted, or all that there are. It looks at
-- the two newest parts; what it finds there says whether a few more parts will do,
-- or whole slices must be looked at, and how many. Each of its statements has one
-- possible plan, which is made once: the GIN index is the only way to a list, and
-- nothing else is large.
CREATE FUNCTION search_seek(of_tenant BIGINT, wanted TEXT, since BIGINT, below BIGINT, most BIGINT) RETURNS SETOF BIGINT
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    hashes BIGINT[] := wanted::bigint[];
    parted BOOLEAN := true;
    wide   BIGINT := 2;      -- how many parts, or slices, are looked at next
    near   BIGINT[];         -- the slices that they are, or are of
    parts  BIGINT[];
    top    BIGINT := below;  -- what is not below it is looked through
    lowest BIGINT;
    hits   BIGINT[] := '{}';
    more   BIGINT[];
    needed BIGINT;           -- parts, or slices, if what is left is as what was found
BEGIN
    PERFORM search_check(of_tenant);
    LOOP
        IF parted THEN
            SELECT array_agg(p.slice) FILTER (WHERE p.n <= wide), array_agg(p.part) FILTER (WHERE p.n <= wide), max(p.last_id) FILTER (WHERE p.n > wide) + 1
                INTO near, parts, lowest
                FROM (SELECT slice, part, last_id, row_number() OVER (ORDER BY last_id DESC) AS n FROM search_part
                    WHERE tenant_id = of_tenant AND last_id >= since AND first_id < top ORDER BY last_id DESC LIMIT wide + 1) AS p;
            -- A slice of the first edition has no parts.
            SELECT greatest(lowest, max(last_id) + 1, since) INTO lowest FROM search_slice
                WHERE tenant_id = of_tenant AND slice < 1073741824 AND last_id >= since AND first_id < top;
        ELSE
            SELECT array_agg(s.slice) FILTER (WHERE s.n <= wide), greatest(max(s.last_id) FILTER (WHERE s.n > wide) + 1, since)
                INTO near, lowest
                FROM (SELECT slice, last_id, row_number() OVER (ORDER BY last_id DESC) AS n
                    FROM search_slice WHERE tenant_id = of_tenant AND last_id >= since AND first_id < top) AS s;
            parts := NULL;
        END IF;
        lowest := least(lowest, top);
        SELECT array_agg(h.id ORDER BY h.id DESC) INTO more FROM (
            SELECT f.message_id AS id
            FROM (SELECT ARRAY(SELECT ((of_tenant * 1000003 + n.slice) & 2147483647) << 32 | w
                    FROM unnest(CASE WHEN n.part IS NULL THEN hashes ELSE hashes || (4294967295 - n.part) END) AS w) AS keys
                FROM unnest(near, parts) AS n (slice, part)) AS k
            CROSS JOIN LATERAL (SELECT message_id FROM search
                WHERE search.words @> k.keys AND tenant_id + 0 = of_tenant AND message_id + 0 >= lowest AND message_id + 0 < top) AS f
            ORDER BY 1 DESC LIMIT most - cardinality(hits)) AS h;
        hits := hits || more;
        IF cardinality(hits) >= most THEN
            lowest := hits[cardinality(hits)];
        END IF;
        EXIT WHEN lowest <= since OR cardinality(hits) >= most;
        IF more IS NULL THEN
            needed := 4096;
        ELSE
            needed := 1 + (most - cardinality(hits)) * wide * 5 / (4 * cardinality(more));
        END IF;
        IF parted AND needed <= 32 THEN
            wide := greatest(needed, 2 * wide);
        ELSIF parted THEN
            parted := false;
            wide := least(1 + needed / 64, 4);
        ELSE
            wide := greatest(2 * wide, least(needed, 8 * wide));
        END IF;
        top := lowest;
    END LOOP;
    RETURN NEXT lowest;
    RETURN QUERY SELECT unnest(hits);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION search_forget(of_tenant BIGINT) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM search_check(of_tenant);
    DELETE FROM search WHERE tenant_id = of_tenant;
    DELETE FROM search_slice WHERE tenant_id = of_tenant;
    DELETE FROM search_part WHERE tenant_id = of_tenant;
END
$$;
-- +goose StatementEnd

-- What a name means in these functions is settled here, not by who calls them.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['search_put(bigint, bigint, bigint, text, text)',
        'search_seek(bigint, text, bigint, bigint, bigint)', 'search_forget(bigint)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name); -- migrating grants it to the application's role
    END LOOP;
END
$$;
-- +goose StatementEnd
