-- Writes the pools of a catalogue document and their memberships. Counters stay; those of pools
-- that a ticket type or package enters or leaves are recounted, which lock_catalogue makes exact.
-- Where a capacity is too small, overdue registrations expire, as for a buyer.
--
-- Lock order: the caller holds the catalogue exclusively, so no sale uses any pool of the function;
-- then overdue registrations, and pools in id order.
-- Errors: TK004 (a capacity below what is in use).

CREATE OR REPLACE FUNCTION ticketing_internal.save_pools(
    p_catalogue ticketing_internal.submitted_catalogue, p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue.function).function_id;
    v_moved uuid [];
    v_counted ticketing_internal.capacity_change [] := '{}';
    v_short record;
    v_expired record;
    v_issues jsonb;
    v_pools integer;
BEGIN
    -- allotments are free capacity
    PERFORM ticketing_internal.drain_allotments(v_function_id, ARRAY(
        SELECT pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = v_function_id
    ));

    -- new pools, empty until they are counted below, and without the slugs that others give up there
    INSERT INTO ticketing.capacity_pools (function_id, capacity_pool_id, name, capacity)
    SELECT v_function_id, submitted.capacity_pool_id, submitted.name, submitted.capacity
    FROM unnest(p_catalogue.pools) AS submitted
    ON CONFLICT (function_id, capacity_pool_id) DO NOTHING;

    -- memberships: compared once, and all changed by one statement
    WITH membership AS MATERIALIZED (
        SELECT compared.*
        FROM ticketing_internal.catalogue_memberships(p_catalogue) AS compared
        WHERE compared.is_submitted <> compared.is_stored
    ),
    left_by_ticket_types AS (
        DELETE FROM ticketing.ticket_type_pools AS stored
        USING membership
        WHERE stored.function_id = v_function_id
            AND stored.ticket_type_id = membership.member_id
            AND stored.capacity_pool_id = membership.capacity_pool_id
            AND NOT membership.is_package
            AND NOT membership.is_submitted
    ),
    left_by_packages AS (
        DELETE FROM ticketing.package_pools AS stored
        USING membership
        WHERE stored.function_id = v_function_id
            AND stored.package_id = membership.member_id
            AND stored.capacity_pool_id = membership.capacity_pool_id
            AND membership.is_package
            AND NOT membership.is_submitted
    ),
    entered_by_ticket_types AS (
        INSERT INTO ticketing.ticket_type_pools (function_id, ticket_type_id, capacity_pool_id)
        SELECT v_function_id, membership.member_id, membership.capacity_pool_id
        FROM membership
        WHERE NOT membership.is_package AND NOT membership.is_stored
    ),
    entered_by_packages AS (
        INSERT INTO ticketing.package_pools (function_id, package_id, capacity_pool_id)
        SELECT v_function_id, membership.member_id, membership.capacity_pool_id
        FROM membership
        WHERE membership.is_package AND NOT membership.is_stored
    )
    SELECT array_agg(DISTINCT membership.capacity_pool_id)
    INTO v_moved
    FROM membership;

    IF v_moved IS NOT NULL THEN
        v_counted := ARRAY(
            SELECT ROW(counted.*)::ticketing_internal.capacity_change
            FROM ticketing_internal.count_capacity(v_function_id) AS counted
            WHERE counted.capacity_pool_id = ANY(v_moved)
        );
    END IF;

    -- no capacity below what is in use, yet
    UPDATE ticketing.capacity_pools AS pool
    SET
        slug = wanted.slug,
        name = wanted.name,
        capacity = wanted.capacity,
        reserved = wanted.reserved,
        sold = wanted.sold
    FROM (
        SELECT
            stored.capacity_pool_id,
            submitted.slug,
            coalesce(submitted.name, stored.name) AS name,
            greatest(coalesce(submitted.capacity, stored.capacity), used.reserved + used.sold) AS capacity,
            used.reserved,
            used.sold
        FROM ticketing.capacity_pools AS stored
        LEFT JOIN unnest(p_catalogue.pools) AS submitted ON submitted.capacity_pool_id = stored.capacity_pool_id
        LEFT JOIN unnest(v_counted) AS counted ON counted.capacity_pool_id = stored.capacity_pool_id
        CROSS JOIN LATERAL (
            SELECT
                coalesce(counted.reserved, stored.reserved) AS reserved,
                coalesce(counted.sold, stored.sold) AS sold
        ) AS used
        WHERE stored.function_id = v_function_id
    ) AS wanted
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id = wanted.capacity_pool_id
        AND (pool.slug, pool.name, pool.capacity, pool.reserved, pool.sold)
        IS DISTINCT FROM (wanted.slug, wanted.name, wanted.capacity, wanted.reserved, wanted.sold);

    -- overdue holds do not count against a smaller capacity
    FOR v_short IN
        SELECT pool.capacity_pool_id, pool.capacity - submitted.capacity AS missing
        FROM unnest(p_catalogue.pools) AS submitted
        INNER JOIN ticketing.capacity_pools AS pool
            ON pool.function_id = v_function_id
            AND pool.capacity_pool_id = submitted.capacity_pool_id
        WHERE pool.capacity > submitted.capacity
        ORDER BY pool.capacity_pool_id
    LOOP
        SELECT expired.r_changes
        INTO v_expired
        FROM ticketing_internal.expire_overdue(
            v_function_id, v_short.capacity_pool_id, NULL, v_short.missing, p_now
        ) AS expired;
        PERFORM ticketing_internal.take_capacity(v_function_id, v_expired.r_changes);
    END LOOP;

    SELECT jsonb_agg(ticketing_internal.issue(
        'capacity_below_use', submitted.path,
        format(
            '%s cannot have a capacity of %s with %s in use.', submitted.name, submitted.capacity,
            pool.reserved + pool.sold
        ),
        p_item_name => submitted.name, p_expected => to_jsonb(pool.reserved + pool.sold),
        p_actual => to_jsonb(submitted.capacity)
    ) ORDER BY submitted.path)
    INTO v_issues
    FROM unnest(p_catalogue.pools) AS submitted
    INNER JOIN ticketing.capacity_pools AS pool
        ON pool.function_id = v_function_id
        AND pool.capacity_pool_id = submitted.capacity_pool_id
    WHERE pool.reserved + pool.sold > submitted.capacity;

    IF v_issues IS NOT NULL THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET capacity = submitted.capacity
    FROM unnest(p_catalogue.pools) AS submitted
    WHERE pool.function_id = v_function_id
        AND pool.capacity_pool_id = submitted.capacity_pool_id
        AND pool.capacity <> submitted.capacity;

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
Raises TK004 if a capacity is below what is in use and not overdue at p_now.';
