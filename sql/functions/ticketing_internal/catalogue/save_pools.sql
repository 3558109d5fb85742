-- Write the pools of a catalogue document. Counters stay; those of pools that something has
-- entered or left are counted anew, which lock_catalogue makes exact.
--
-- Lock order: the catalogue, by the caller and alone: so nobody is in any of the function's pools.
-- Errors: TK004 (a capacity below what is in use).

CREATE OR REPLACE FUNCTION ticketing_internal.save_pools(p_catalogue jsonb)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
    v_moved uuid [];
    v_issues jsonb;
    v_pools integer;
BEGIN
    -- what was set aside is free
    PERFORM ticketing_internal.drain_allotments(v_function_id, ARRAY(
        SELECT pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = v_function_id
    ));

    -- new pools, empty for now and as large as need be for the count
    INSERT INTO ticketing.capacity_pools (function_id, capacity_pool_id, name, capacity)
    SELECT v_function_id, wanted.capacity_pool_id, wanted.name, wanted.capacity
    FROM ticketing_internal.catalogue_pools(p_catalogue) AS wanted
    ON CONFLICT (function_id, capacity_pool_id) DO NOTHING;

    -- memberships
    SELECT array_agg(DISTINCT membership.capacity_pool_id)
    INTO v_moved
    FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
    WHERE membership.is_wanted <> membership.is_stored;

    IF v_moved IS NOT NULL THEN
        DELETE FROM ticketing.ticket_type_pools AS stored
        WHERE stored.function_id = v_function_id
            AND (stored.ticket_type_id, stored.capacity_pool_id) IN (
                SELECT membership.member_id, membership.capacity_pool_id
                FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
                WHERE NOT membership.is_package AND NOT membership.is_wanted
            );

        DELETE FROM ticketing.package_pools AS stored
        WHERE stored.function_id = v_function_id
            AND (stored.package_id, stored.capacity_pool_id) IN (
                SELECT membership.member_id, membership.capacity_pool_id
                FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
                WHERE membership.is_package AND NOT membership.is_wanted
            );

        INSERT INTO ticketing.ticket_type_pools (function_id, ticket_type_id, capacity_pool_id)
        SELECT v_function_id, membership.member_id, membership.capacity_pool_id
        FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
        WHERE NOT membership.is_package AND NOT membership.is_stored;

        INSERT INTO ticketing.package_pools (function_id, package_id, capacity_pool_id)
        SELECT v_function_id, membership.member_id, membership.capacity_pool_id
        FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
        WHERE membership.is_package AND NOT membership.is_stored;
    END IF;

    -- what is in use against what the document allows
    SELECT jsonb_agg(ticketing_internal.issue(
        'capacity_below_use', wanted.path,
        format('%s cannot have a capacity of %s with %s in use.', wanted.name, wanted.capacity, used.places),
        p_name => wanted.name, p_expected => to_jsonb(used.places), p_actual => to_jsonb(wanted.capacity)
    ) ORDER BY wanted.path)
    INTO v_issues
    FROM ticketing_internal.catalogue_pools(p_catalogue) AS wanted
    INNER JOIN ticketing.capacity_pools AS pool
        ON pool.function_id = v_function_id
        AND pool.capacity_pool_id = wanted.capacity_pool_id
    LEFT JOIN ticketing_internal.count_capacity(v_function_id) AS counted
        ON counted.capacity_pool_id = wanted.capacity_pool_id
        AND counted.capacity_pool_id = ANY(v_moved)
    CROSS JOIN LATERAL (
        SELECT coalesce(counted.reserved + counted.sold, pool.reserved + pool.sold) AS places
    ) AS used
    WHERE used.places > wanted.capacity;

    IF v_issues IS NOT NULL THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET
        name = wanted.name,
        capacity = wanted.capacity,
        reserved = coalesce(counted.reserved, pool.reserved),
        sold = coalesce(counted.sold, pool.sold)
    FROM ticketing_internal.catalogue_pools(p_catalogue) AS wanted
    LEFT JOIN ticketing_internal.count_capacity(v_function_id) AS counted
        ON counted.capacity_pool_id = wanted.capacity_pool_id
        AND counted.capacity_pool_id = ANY(v_moved)
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id = wanted.capacity_pool_id
        AND (
            counted.capacity_pool_id IS NOT NULL
            OR (pool.name, pool.capacity) IS DISTINCT FROM (wanted.name, wanted.capacity)
        );

    -- a pool in which nobody takes places any more is no pool
    DELETE FROM ticketing.capacity_pools AS pool
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id NOT IN (
            SELECT wanted.capacity_pool_id FROM ticketing_internal.catalogue_pools(p_catalogue) AS wanted
        )
        AND NOT EXISTS (
            SELECT
            FROM ticketing.ticket_type_pools AS membership
            WHERE membership.function_id = v_function_id
                AND membership.capacity_pool_id = pool.capacity_pool_id
        )
        AND NOT EXISTS (
            SELECT
            FROM ticketing.package_pools AS membership
            WHERE membership.function_id = v_function_id
                AND membership.capacity_pool_id = pool.capacity_pool_id
        );

    SELECT count(*)
    INTO v_pools
    FROM ticketing.capacity_pools AS pool
    WHERE pool.function_id = v_function_id;
    RETURN v_pools;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_pools IS
'Makes pools and memberships those of p_catalogue, whose other rows are stored; returns how many pools the function has.
Raises TK004 when a capacity is below what is in use.';
