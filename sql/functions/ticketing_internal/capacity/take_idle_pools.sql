-- Takes capacity from several pools in one statement, if none is in use and all have enough.
--
-- All or nothing: otherwise everything is undone, advisory locks included, because a transaction
-- may not wait for a pool while it holds one with a higher id.
-- Lock order: see take_capacity. Here the order does not matter, since nothing is waited for: no
-- transaction writes a pool without its advisory lock.

CREATE OR REPLACE FUNCTION ticketing_internal.take_idle_pools(
    p_function_id uuid,
    p_changes ticketing_internal.capacity_change[]
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_change ticketing_internal.capacity_change;
    v_pool_ids uuid [];
    v_taken integer;
BEGIN
    FOREACH v_change IN ARRAY p_changes LOOP
        IF NOT pg_try_advisory_xact_lock(
            ticketing_internal.lock_key('pool', p_function_id, v_change.capacity_pool_id)
        ) THEN
            RAISE raise_exception;
        END IF;
        v_pool_ids := array_append(v_pool_ids, v_change.capacity_pool_id);
    END LOOP;

    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved + change.reserved, sold = pool.sold + change.sold
    FROM unnest(p_changes) AS change
    WHERE pool.function_id = p_function_id
        -- by id: the join alone would read all pools of the function
        AND pool.capacity_pool_id = ANY(v_pool_ids)
        AND pool.capacity_pool_id = change.capacity_pool_id
        AND change.reserved + change.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
        AND least(pool.reserved + change.reserved, pool.sold + change.sold) >= 0;
    GET DIAGNOSTICS v_taken = ROW_COUNT;
    IF v_taken < cardinality(p_changes) THEN
        RAISE raise_exception;
    END IF;
    RETURN TRUE;
EXCEPTION
    -- a condition of our own, so that a lock_timeout of the caller is not swallowed
    WHEN raise_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.take_idle_pools IS
'Applies p_changes, which name each pool once, and returns true if no pool is locked by another transaction and each has
enough capacity left outside of its allotments; returns false and keeps nothing otherwise.';
