-- Take places from pools, and give them back: the only writer of the counters when tickets
-- change.
--
-- Lock order: every caller holds the lock of its registration; pools are locked here, in id
-- order, as the last thing that a transaction of ours locks, for they are what buyers of
-- different registrations share. Whoever holds some pools can only be waiting for pools with a
-- higher id, and never for a registration, so no circle of waiting can close.
--
-- The guard decides, not what somebody has read before: the UPDATE takes places only where
-- enough are left, and the CHECK capacity_pools_not_oversold stands behind it.

CREATE OR REPLACE FUNCTION ticketing_internal.take_places(
    p_function_id uuid,
    p_demands ticketing_internal.pool_demand[]
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_pool_ids uuid [];
    v_is_short boolean;
    v_updated bigint;
BEGIN
    IF cardinality(p_demands) = 0 THEN
        RETURN TRUE;
    END IF;

    v_pool_ids := ARRAY(SELECT demand.capacity_pool_id FROM unnest(p_demands) AS demand);

    -- An UPDATE alone locks in whatever order its plan visits the rows. With all of them locked,
    -- either every pool gives or none is touched: what is then said of a shortage counts nothing
    -- that this call has taken itself.
    SELECT coalesce(bool_or(
        demand.reserved + demand.sold > 0
        AND demand.reserved + demand.sold > pool.capacity - pool.reserved - pool.sold
    ), FALSE)
    INTO v_is_short
    FROM (
        SELECT pool.capacity_pool_id, pool.capacity, pool.reserved, pool.sold
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = ANY(v_pool_ids)
        ORDER BY pool.capacity_pool_id
        FOR NO KEY UPDATE
    ) AS pool
    INNER JOIN unnest(p_demands) AS demand ON demand.capacity_pool_id = pool.capacity_pool_id;

    IF v_is_short THEN
        RETURN FALSE;
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved + demand.reserved, sold = pool.sold + demand.sold
    FROM unnest(p_demands) AS demand
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = ANY(v_pool_ids)
        AND pool.capacity_pool_id = demand.capacity_pool_id
        AND (
            demand.reserved + demand.sold <= 0
            OR pool.reserved + pool.sold + demand.reserved + demand.sold <= pool.capacity
        );

    GET DIAGNOSTICS v_updated = ROW_COUNT;
    RETURN v_updated = cardinality(p_demands);
END
$$;

COMMENT ON FUNCTION ticketing_internal.take_places(uuid, ticketing_internal.pool_demand[]) IS
'Adds demands, at most one for each pool, to the counters of their pools. False when a pool has too few places left: the caller must then
undo what it has done by raising.';

REVOKE ALL ON FUNCTION ticketing_internal.take_places(
    uuid, ticketing_internal.pool_demand[]
) FROM public;
