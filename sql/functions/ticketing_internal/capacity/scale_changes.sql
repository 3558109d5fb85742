-- Turns capacity taken into changes of the counters reserved and sold.

CREATE OR REPLACE FUNCTION ticketing_internal.scale_changes(
    p_taken ticketing_internal.capacity_change[],
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
        FROM unnest(p_taken) AS pool
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.scale_changes IS
'p_taken (from registration_capacity) times p_reserved and times p_sold, as changes of the two counters: -1, 1 turns
reserved capacity into sold, -1, 0 releases it.';
