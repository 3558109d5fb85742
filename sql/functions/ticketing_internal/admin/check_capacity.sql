-- The part of check_integrity about capacity: the counters of pools against their tickets, and the
-- memberships that the catalogue implies.

CREATE OR REPLACE FUNCTION ticketing_internal.check_capacity()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'pool_counters',
        function.function_id,
        NULL::uuid,
        jsonb_build_object(
            'capacity_pool_id', pool.capacity_pool_id,
            'capacity', pool.capacity,
            'stored', jsonb_build_object('reserved', pool.reserved, 'sold', pool.sold),
            'counted', jsonb_build_object('reserved', counted.reserved, 'sold', counted.sold)
        )
    FROM ticketing.functions AS function
    CROSS JOIN LATERAL ticketing_internal.count_capacity(function.function_id) AS counted
    INNER JOIN LATERAL ticketing_internal.pool_availability(function.function_id) AS pool
        ON pool.capacity_pool_id = counted.capacity_pool_id
    WHERE (pool.reserved, pool.sold) <> (counted.reserved, counted.sold)

    UNION ALL
    SELECT
        'pool_memberships',
        uncounted.function_id,
        NULL::uuid,
        jsonb_build_object(
            'capacity_pool_id', uncounted.capacity_pool_id, 'ticket_type_id', uncounted.ticket_type_id,
            'package_id', uncounted.package_id
        )
    FROM (
        -- a ticket takes capacity from the pool of its type and from that of its event
        SELECT pool.function_id, pool.capacity_pool_id, ticket_type.ticket_type_id, NULL::uuid AS package_id
        FROM ticketing.capacity_pools AS pool -- all functions: the check covers the whole database
        INNER JOIN ticketing.ticket_types AS ticket_type -- all functions: as above
            ON ticket_type.function_id = pool.function_id
            AND pool.capacity_pool_id IN (ticket_type.ticket_type_id, ticket_type.event_id)
        WHERE NOT EXISTS (
            SELECT
            FROM ticketing.ticket_type_pools AS membership
            WHERE membership.function_id = pool.function_id
                AND membership.ticket_type_id = ticket_type.ticket_type_id
                AND membership.capacity_pool_id = pool.capacity_pool_id
        )
        UNION ALL
        SELECT pool.function_id, pool.capacity_pool_id, NULL, package.package_id
        FROM ticketing.capacity_pools AS pool -- all functions: as above
        INNER JOIN ticketing.packages AS package -- all functions: as above
            ON package.function_id = pool.function_id
            AND package.package_id = pool.capacity_pool_id
        WHERE NOT EXISTS (
            SELECT
            FROM ticketing.package_pools AS membership
            WHERE membership.function_id = pool.function_id
                AND membership.package_id = package.package_id
                AND membership.capacity_pool_id = pool.capacity_pool_id
        )
    ) AS uncounted;
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_capacity IS
'Differences between stored and counted capacity (pool_counters), and ticket types and packages that a pool of their own or
of their event does not count (pool_memberships), in the form of check_integrity.';
