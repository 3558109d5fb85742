-- Takes capacity from pools and releases it: the only writer of the counters when tickets change.
--
-- Lock order: the caller has locked its registration. Pools are the last locks of a transaction,
-- one after the other in id order, because buyers of different registrations share them. Of each
-- pool: the advisory lock that is its queue, then its row, then its allotments. A transaction that
-- holds any of these waits only for more of the same pool or for a pool with a higher id, never for
-- a registration, so there is no deadlock.
--
-- What is read under the lock of the row decides; the CHECK capacity_pools_not_oversold stands
-- behind it.

CREATE OR REPLACE FUNCTION ticketing_internal.take_capacity(
    p_function_id uuid,
    p_changes ticketing_internal.capacity_change[]
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_change ticketing_internal.capacity_change;
    v_queue bigint;
    v_is_contended boolean;
    v_allotments_drained boolean;
    v_pool record;
    v_taken integer := 0;
BEGIN
    -- One or two pools are as fast one by one, and need no transaction id for a subtransaction.
    IF cardinality(p_changes) > 2 THEN
        IF ticketing_internal.take_idle_pools(p_function_id, p_changes) THEN
            RETURN cardinality(p_changes);
        END IF;
    END IF;

    FOREACH v_change IN ARRAY p_changes LOOP
        -- The queue exists because a transaction that waits for a row waits again for each version
        -- that another one writes meanwhile: many would wake each other up and proceed in any order.
        -- If the pool is locked, an allotment that is not in use serves as well.
        v_queue := ticketing_internal.lock_key('pool', p_function_id, v_change.capacity_pool_id);
        v_is_contended := NOT pg_try_advisory_xact_lock(v_queue);
        IF v_is_contended THEN
            BEGIN
                UPDATE ticketing_internal.capacity_allotments AS allotment
                SET
                    available = allotment.available - v_change.reserved - v_change.sold,
                    sold = allotment.sold + v_change.sold
                WHERE allotment.function_id = p_function_id
                    AND allotment.capacity_pool_id = v_change.capacity_pool_id
                    AND allotment.allotment = (
                        SELECT unused.allotment
                        FROM ticketing_internal.capacity_allotments AS unused
                        WHERE unused.function_id = p_function_id
                            AND unused.capacity_pool_id = v_change.capacity_pool_id
                            AND unused.available >= v_change.reserved + v_change.sold
                        LIMIT 1
                        FOR NO KEY UPDATE SKIP LOCKED
                    );
                IF NOT found THEN
                    -- An allotment that has changed since the statement began is locked before it is
                    -- checked again. The block undoes that lock: a transaction that waits for the pool
                    -- must not block the one that drains the allotments.
                    RAISE raise_exception;
                END IF;
                v_taken := v_taken + 1;
                CONTINUE;
            EXCEPTION
                WHEN raise_exception THEN
                    NULL;
            END;
            PERFORM pg_advisory_xact_lock(v_queue);
        END IF;

        -- Allotments are drained when the pool is short, or when its counters alone, without what was
        -- sold from allotments, would fall below zero.
        v_allotments_drained := FALSE;
        LOOP
            UPDATE ticketing.capacity_pools AS pool
            SET reserved = pool.reserved + v_change.reserved, sold = pool.sold + v_change.sold
            WHERE pool.function_id = p_function_id
                AND pool.capacity_pool_id = v_change.capacity_pool_id
                AND v_change.reserved + v_change.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
                AND (v_allotments_drained OR least(pool.reserved + v_change.reserved, pool.sold + v_change.sold) >= 0)
            RETURNING pool.capacity, pool.reserved, pool.sold INTO v_pool;
            EXIT WHEN found;
            IF v_allotments_drained THEN
                RETURN v_taken;
            END IF;
            PERFORM ticketing_internal.drain_allotments(p_function_id, ARRAY[v_change.capacity_pool_id]);
            v_allotments_drained := TRUE;
        END LOOP;

        IF v_is_contended THEN
            PERFORM ticketing_internal.fill_allotments(
                p_function_id, v_change.capacity_pool_id, v_change.reserved + v_change.sold,
                v_pool.capacity - v_pool.reserved - v_pool.sold
            );
        END IF;
        v_taken := v_taken + 1;
    END LOOP;

    RETURN v_taken;
END
$$;

COMMENT ON FUNCTION ticketing_internal.take_capacity IS
'Applies p_changes, which name each pool once and in id order, to the counters. Returns how many it has applied: all, or
those before the first pool with too little capacity left; then the caller must raise an error.';
