-- Moves the capacity of all allotments of some pools back into the pools and deletes the
-- allotments.
--
-- Lock order: a pool, then its allotments; waits for transactions that use one (see take_capacity).
-- More than one pool only when the caller holds the catalogue exclusively: no sale is running then.

CREATE OR REPLACE FUNCTION ticketing_internal.drain_allotments(
    p_function_id uuid,
    p_capacity_pool_ids uuid[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH drained AS (
        DELETE FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = p_function_id
            AND allotment.capacity_pool_id = ANY(p_capacity_pool_ids)
        RETURNING allotment.capacity_pool_id, allotment.available, allotment.sold
    ),
    allotted AS (
        SELECT drained.capacity_pool_id, sum(drained.available) AS available, sum(drained.sold) AS sold
        FROM drained
        GROUP BY drained.capacity_pool_id
    )
    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved - allotted.available - allotted.sold, sold = pool.sold + allotted.sold
    FROM allotted
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = allotted.capacity_pool_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.drain_allotments IS
'Moves all allotments of some pools, which the caller has locked, back into them.';
