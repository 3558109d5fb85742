-- Writes the pools of a catalogue document and their memberships. Counters stay; those of pools
-- that a ticket type or package enters or leaves are recounted, which lock_catalogue makes exact.
--
-- Lock order: the caller holds the catalogue exclusively, so no sale uses any pool of the function.
-- Errors: TK004 (a capacity below what is in use).

CREATE OR REPLACE FUNCTION ticketing_internal.save_pools(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue.function).function_id;
    v_moved uuid [];
    v_issues jsonb;
    v_pools integer;
BEGIN
    -- allotments are free capacity
    PERFORM ticketing_internal.drain_allotments(v_function_id, ARRAY(
        SELECT pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = v_function_id
    ));

    -- new pools, empty until they are counted below
    INSERT INTO ticketing.capacity_pools (function_id, capacity_pool_id, name, capacity)
    SELECT v_function_id, submitted.capacity_pool_id, submitted.name, submitted.capacity
    FROM unnest(p_catalogue.pools) AS submitted
    ON CONFLICT (function_id, capacity_pool_id) DO NOTHING;

    -- memberships
    SELECT array_agg(DISTINCT membership.capacity_pool_id)
    INTO v_moved
    FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
    WHERE membership.is_submitted <> membership.is_stored;

    IF v_moved IS NOT NULL THEN
        DELETE FROM ticketing.ticket_type_pools AS stored
        WHERE stored.function_id = v_function_id
            AND (stored.ticket_type_id, stored.capacity_pool_id) IN (
                SELECT membership.member_id, membership.capacity_pool_id
                FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
                WHERE NOT membership.is_package AND NOT membership.is_submitted
            );

        DELETE FROM ticketing.package_pools AS stored
        WHERE stored.function_id = v_function_id
            AND (stored.package_id, stored.capacity_pool_id) IN (
                SELECT membership.member_id, membership.capacity_pool_id
                FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
                WHERE membership.is_package AND NOT membership.is_submitted
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

    -- no capacity below what is in use
    SELECT jsonb_agg(ticketing_internal.issue(
        'capacity_below_use', submitted.path,
        format('%s cannot have a capacity of %s with %s in use.', submitted.name, submitted.capacity, used.amount),
        p_name => submitted.name, p_expected => to_jsonb(used.amount), p_actual => to_jsonb(submitted.capacity)
    ) ORDER BY submitted.path)
    INTO v_issues
    FROM unnest(p_catalogue.pools) AS submitted
    INNER JOIN ticketing.capacity_pools AS pool
        ON pool.function_id = v_function_id
        AND pool.capacity_pool_id = submitted.capacity_pool_id
    LEFT JOIN ticketing_internal.count_capacity(v_function_id) AS counted
        ON counted.capacity_pool_id = submitted.capacity_pool_id
        AND counted.capacity_pool_id = ANY(v_moved)
    CROSS JOIN LATERAL (
        SELECT coalesce(counted.reserved + counted.sold, pool.reserved + pool.sold) AS amount
    ) AS used
    WHERE used.amount > submitted.capacity;

    IF v_issues IS NOT NULL THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET
        name = submitted.name,
        capacity = submitted.capacity,
        reserved = coalesce(counted.reserved, pool.reserved),
        sold = coalesce(counted.sold, pool.sold)
    FROM unnest(p_catalogue.pools) AS submitted
    LEFT JOIN ticketing_internal.count_capacity(v_function_id) AS counted
        ON counted.capacity_pool_id = submitted.capacity_pool_id
        AND counted.capacity_pool_id = ANY(v_moved)
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id = submitted.capacity_pool_id
        AND (
            counted.capacity_pool_id IS NOT NULL
            OR (pool.name, pool.capacity) IS DISTINCT FROM (submitted.name, submitted.capacity)
        );

    -- a pool without ticket types and packages serves no purpose
    DELETE FROM ticketing.capacity_pools AS pool
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id NOT IN (
            SELECT submitted.capacity_pool_id FROM unnest(p_catalogue.pools) AS submitted
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
Raises TK004 if a capacity is below what is in use.';
