-- Give back to pools what was set aside of them.
--
-- Lock order: a pool, then its allotments; it waits for those who are using one. See take_capacity.
-- Of several pools only for somebody who holds the catalogue alone, when nobody uses any.

CREATE OR REPLACE FUNCTION ticketing_internal.drain_allotments(
    p_function_id uuid,
    p_capacity_pool_ids uuid[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH recalled AS (
        DELETE FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = p_function_id
            AND allotment.capacity_pool_id = ANY(p_capacity_pool_ids)
        RETURNING allotment.capacity_pool_id, allotment.available, allotment.sold
    ),
    aside AS (
        SELECT recalled.capacity_pool_id, sum(recalled.available) AS available, sum(recalled.sold) AS sold
        FROM recalled
        GROUP BY recalled.capacity_pool_id
    )
    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved - aside.available - aside.sold, sold = pool.sold + aside.sold
    FROM aside
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = aside.capacity_pool_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.drain_allotments IS
'Puts the places of all allotments of some pools, which the caller has locked, back into them.';
