-- Several changes of the same pools as one, so that each pool is locked and written once, in id
-- order.

CREATE OR REPLACE FUNCTION ticketing_internal.merge_demands(
    p_demands ticketing_internal.pool_demand[]
)
RETURNS ticketing_internal.pool_demand[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_merged ticketing_internal.pool_demand[];
BEGIN
    SELECT array_agg(
        ROW(pool.capacity_pool_id, pool.reserved, pool.sold)::ticketing_internal.pool_demand
        ORDER BY pool.capacity_pool_id
    )
    INTO v_merged
    FROM (
        SELECT
            demand.capacity_pool_id,
            sum(demand.reserved)::integer AS reserved,
            sum(demand.sold)::integer AS sold
        FROM unnest(p_demands) AS demand
        GROUP BY demand.capacity_pool_id
        HAVING sum(demand.reserved) <> 0 OR sum(demand.sold) <> 0
    ) AS pool;

    RETURN coalesce(v_merged, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.merge_demands(
    ticketing_internal.pool_demand[]
) IS
'Demands added up by pool, without those that come to nothing, in id order.';

REVOKE ALL ON FUNCTION ticketing_internal.merge_demands(
    ticketing_internal.pool_demand[]
) FROM public;
