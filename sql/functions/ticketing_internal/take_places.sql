-- Take places from pools, and give them back: the only writer of the counters when tickets
-- change.
--
-- Lock order: every caller holds the lock of its registration; pools are locked here, in id
-- order, as the last thing that a transaction of ours locks, for they are what buyers of
-- different registrations share. Whoever holds some pools can only be waiting for pools with a
-- higher id, and never for a registration, so no circle of waiting can close.
--
-- What is seen under the locks decides, not what somebody has read before; the CHECK
-- capacity_pools_not_oversold stands behind it.

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
    v_reserved integer [];
    v_sold integer [];
    v_is_short boolean;
    v_updated bigint;
BEGIN
    IF cardinality(p_demands) = 0 THEN
        RETURN TRUE;
    END IF;

    SELECT array_agg(demand.capacity_pool_id), array_agg(demand.reserved), array_agg(demand.sold)
    INTO v_pool_ids, v_reserved, v_sold
    FROM unnest(p_demands) AS demand;

    -- Pool by pool in the order of their ids, first a place in the queue for it, then its row: an
    -- UPDATE alone locks in whatever order its plan visits the rows. The queue, because whoever waits
    -- for a row waits again for every version of it that somebody before him has written: many
    -- would wake each other up and go on in any order. With all rows locked, either every pool gives
    -- or none is touched: what is then said of a shortage counts nothing that this call has taken
    -- itself.
    SELECT bool_or(
        demand.reserved + demand.sold > 0
        AND demand.reserved + demand.sold > pool.capacity - pool.reserved - pool.sold
    )
    INTO v_is_short
    FROM (
        SELECT
            demand.capacity_pool_id, demand.reserved, demand.sold,
            pg_advisory_xact_lock(uuid_hash_extended(demand.capacity_pool_id, 0))
        FROM unnest(p_demands) AS demand
        ORDER BY demand.capacity_pool_id
    ) AS demand
    CROSS JOIN LATERAL (
        SELECT pool.capacity, pool.reserved, pool.sold
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = demand.capacity_pool_id
        FOR NO KEY UPDATE
    ) AS pool;

    IF v_is_short THEN
        RETURN FALSE;
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET
        reserved = pool.reserved + v_reserved[array_position(v_pool_ids, pool.capacity_pool_id)],
        sold = pool.sold + v_sold[array_position(v_pool_ids, pool.capacity_pool_id)]
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = ANY(v_pool_ids);

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
