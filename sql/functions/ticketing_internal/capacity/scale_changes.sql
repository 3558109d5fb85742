-- The same places, in the counters where they belong.

CREATE OR REPLACE FUNCTION ticketing_internal.scale_changes(
    p_use ticketing_internal.capacity_change[],
    p_reserved integer,
    p_sold integer
)
RETURNS ticketing_internal.capacity_change[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(ROW(
            pool.capacity_pool_id, pool.reserved * p_reserved, pool.reserved * p_sold
        )::ticketing_internal.capacity_change ORDER BY pool.capacity_pool_id), '{}')
        FROM unnest(p_use) AS pool
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.scale_changes IS
'What p_use (of registration_capacity) times p_reserved and p_sold moves the counters by: -1, 1 turns
reserved places into sold ones, -1, 0 gives reserved ones back.';
