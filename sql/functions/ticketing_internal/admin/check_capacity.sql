-- The part of check_integrity about capacity: the counters of pools against their tickets.

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
            'stored', jsonb_build_object('reserved', pool.reserved, 'sold', pool.sold),
            'counted', jsonb_build_object('reserved', counted.reserved, 'sold', counted.sold)
        )
    FROM ticketing.functions AS function
    CROSS JOIN LATERAL ticketing_internal.count_capacity(function.function_id) AS counted
    INNER JOIN LATERAL ticketing_internal.pool_availability(function.function_id) AS pool
        ON pool.capacity_pool_id = counted.capacity_pool_id
    WHERE (pool.reserved, pool.sold) <> (counted.reserved, counted.sold);
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_capacity IS
'Differences between stored and counted capacity (pool_counters), in the form of check_integrity.';
