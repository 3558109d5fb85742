-- The counters of the pools of a function with their allotments included. A function and not a
-- view: a session may forbid views to itself, and so to the functions that it calls
-- (restrict_nonsystem_relation_kind).

CREATE OR REPLACE FUNCTION ticketing_internal.pool_availability(p_function_id uuid)
RETURNS TABLE (capacity_pool_id uuid, capacity integer, reserved integer, sold integer)
LANGUAGE plpgsql
STABLE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        pool.capacity_pool_id,
        pool.capacity::integer,
        pool.reserved - coalesce(allotted.available, 0) - coalesce(allotted.sold, 0),
        pool.sold + coalesce(allotted.sold, 0)
    FROM ticketing.capacity_pools AS pool
    LEFT JOIN (
        SELECT
            allotment.capacity_pool_id,
            sum(allotment.available)::integer AS available,
            sum(allotment.sold)::integer AS sold
        FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = p_function_id
        GROUP BY allotment.capacity_pool_id
    ) AS allotted ON allotted.capacity_pool_id = pool.capacity_pool_id
    WHERE pool.function_id = p_function_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.pool_availability IS
'Every pool of a function with the capacity that its tickets take: reserved (unpaid) and sold. Allotments count as
free.';
