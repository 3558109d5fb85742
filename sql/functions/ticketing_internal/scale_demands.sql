-- The same places, in the counters where they belong.

CREATE OR REPLACE FUNCTION ticketing_internal.scale_demands(
    p_use ticketing_internal.pool_demand[],
    p_reserved integer,
    p_sold integer
)
RETURNS ticketing_internal.pool_demand[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(ROW(
            pool.capacity_pool_id, pool.reserved * p_reserved, pool.reserved * p_sold
        )::ticketing_internal.pool_demand ORDER BY pool.capacity_pool_id), '{}')
        FROM unnest(p_use) AS pool
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.scale_demands(
    ticketing_internal.pool_demand[],
    integer,
    integer
) IS
'What p_use (of registration_pool_use) times p_reserved and p_sold moves the counters by: -1, 1 turns
reserved places into sold ones, -1, 0 gives reserved ones back.';

REVOKE ALL ON FUNCTION ticketing_internal.scale_demands(
    ticketing_internal.pool_demand[],
    integer,
    integer
) FROM public;
