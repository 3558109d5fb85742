-- Merges changes of the same pools, so that each pool is locked and written once, in id order.

CREATE OR REPLACE FUNCTION ticketing_internal.merge_changes(
    p_changes ticketing_internal.capacity_change[]
)
RETURNS ticketing_internal.capacity_change[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_merged ticketing_internal.capacity_change[];
BEGIN
    SELECT array_agg(
        ROW(pool.capacity_pool_id, pool.reserved, pool.sold)::ticketing_internal.capacity_change
        ORDER BY pool.capacity_pool_id
    )
    INTO v_merged
    FROM (
        SELECT
            change.capacity_pool_id,
            sum(change.reserved)::integer AS reserved,
            sum(change.sold)::integer AS sold
        FROM unnest(p_changes) AS change
        GROUP BY change.capacity_pool_id
        HAVING sum(change.reserved) <> 0 OR sum(change.sold) <> 0
    ) AS pool;

    RETURN coalesce(v_merged, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.merge_changes IS
'The changes added up by pool, in id order, without pools whose counters stay as they are.';
