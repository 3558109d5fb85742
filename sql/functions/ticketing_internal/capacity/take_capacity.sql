-- Take places from pools, and give them back: the only writer of the counters when tickets
-- change.
--
-- Lock order: every caller holds the lock of its registration; pools are locked here, one after the
-- other in id order, as the last thing that a transaction of ours locks, for they are what buyers
-- of different registrations share. Of a pool comes first a place in the queue for it, then its
-- row, then its allotments. Whoever holds any of these can only be waiting for more of the same
-- pool or for one with a higher id, and never for a registration, so no circle of waiting can
-- close.
--
-- What is seen under the lock of the row decides, not what somebody has read before; the CHECK
-- capacity_pools_not_oversold stands behind it.

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
    -- pools of two functions may have the same id
    v_seed CONSTANT bigint := uuid_hash_extended(p_function_id, 0);
    v_pool_ids uuid [];
    v_queue bigint;
    v_is_crowded boolean;
    v_is_whole boolean;
    v_pool record;
    v_taken integer := 0;
BEGIN
    -- Mostly nobody is in these pools, and they have places enough: then all at once, in whatever order,
    -- since nobody writes a pool meanwhile without its place in the queue. Otherwise everything is given up
    -- again (an advisory lock ends with the block that took it), because nobody may wait for a pool while
    -- he holds one with a higher id. What is raised for that is no error of PostgreSQL's own, lest
    -- somebody's lock_timeout be taken for it. One or two pools are as quick one by one, and need no
    -- transaction id for the block.
    IF cardinality(p_changes) > 2 THEN
        BEGIN
            FOREACH v_change IN ARRAY p_changes LOOP
                IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(v_change.capacity_pool_id, v_seed)) THEN
                    RAISE raise_exception;
                END IF;
                v_pool_ids := array_append(v_pool_ids, v_change.capacity_pool_id);
            END LOOP;

            UPDATE ticketing.capacity_pools AS pool
            SET reserved = pool.reserved + change.reserved, sold = pool.sold + change.sold
            FROM unnest(p_changes) AS change
            WHERE pool.function_id = p_function_id
                -- by themselves, or all pools of the function would be read
                AND pool.capacity_pool_id = ANY(v_pool_ids)
                AND pool.capacity_pool_id = change.capacity_pool_id
                AND change.reserved + change.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
                AND least(pool.reserved + change.reserved, pool.sold + change.sold) >= 0;
            GET DIAGNOSTICS v_taken = ROW_COUNT;
            IF v_taken < cardinality(p_changes) THEN
                RAISE raise_exception;
            END IF;
            RETURN v_taken;
        EXCEPTION
            WHEN raise_exception THEN
                v_taken := 0;
        END;
    END IF;

    FOREACH v_change IN ARRAY p_changes LOOP
        -- The queue, because whoever waits for a row waits again for every version of it that somebody
        -- before him has written: many would wake each other up and go on in any order. Where there is
        -- one, an allotment that nobody is using is as good.
        v_queue := uuid_hash_extended(v_change.capacity_pool_id, v_seed);
        v_is_crowded := NOT pg_try_advisory_xact_lock(v_queue);
        IF v_is_crowded THEN
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
                    -- One that has changed since this statement began is locked before it is looked at once
                    -- more: whoever waits for the pool must not keep it from him who recalls it.
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

        -- What is set aside goes back when the pool runs short, and when the counters alone, without what
        -- has been sold of allotments, would fall below zero.
        v_is_whole := FALSE;
        LOOP
            UPDATE ticketing.capacity_pools AS pool
            SET reserved = pool.reserved + v_change.reserved, sold = pool.sold + v_change.sold
            WHERE pool.function_id = p_function_id
                AND pool.capacity_pool_id = v_change.capacity_pool_id
                AND v_change.reserved + v_change.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
                AND (v_is_whole OR least(pool.reserved + v_change.reserved, pool.sold + v_change.sold) >= 0)
            RETURNING pool.capacity, pool.reserved, pool.sold INTO v_pool;
            EXIT WHEN found;
            IF v_is_whole THEN
                RETURN v_taken;
            END IF;
            PERFORM ticketing_internal.drain_allotments(p_function_id, ARRAY[v_change.capacity_pool_id]);
            v_is_whole := TRUE;
        END LOOP;

        IF v_is_crowded THEN
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
'Moves the counters of pools by p_changes, which are one for each pool and in id order. Returns how many of them it has
served: all, or those before the first whose pool has too few places left; then the caller must raise an error.';
