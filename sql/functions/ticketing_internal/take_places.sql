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

CREATE OR REPLACE FUNCTION ticketing_internal.take_places(
    p_function_id uuid,
    p_demands ticketing_internal.pool_demand[]
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_demand ticketing_internal.pool_demand;
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
    IF cardinality(p_demands) > 2 THEN
        BEGIN
            FOREACH v_demand IN ARRAY p_demands LOOP
                IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(v_demand.capacity_pool_id, v_seed)) THEN
                    RAISE raise_exception;
                END IF;
                v_pool_ids := array_append(v_pool_ids, v_demand.capacity_pool_id);
            END LOOP;

            UPDATE ticketing.capacity_pools AS pool
            SET reserved = pool.reserved + demand.reserved, sold = pool.sold + demand.sold
            FROM unnest(p_demands) AS demand
            WHERE pool.function_id = p_function_id
                -- by themselves, or all pools of the function would be read
                AND pool.capacity_pool_id = ANY(v_pool_ids)
                AND pool.capacity_pool_id = demand.capacity_pool_id
                AND demand.reserved + demand.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
                AND least(pool.reserved + demand.reserved, pool.sold + demand.sold) >= 0;
            GET DIAGNOSTICS v_taken = ROW_COUNT;
            IF v_taken < cardinality(p_demands) THEN
                RAISE raise_exception;
            END IF;
            RETURN v_taken;
        EXCEPTION
            WHEN raise_exception THEN
                v_taken := 0;
        END;
    END IF;

    FOREACH v_demand IN ARRAY p_demands LOOP
        -- The queue, because whoever waits for a row waits again for every version of it that somebody
        -- before him has written: many would wake each other up and go on in any order. Where there is
        -- one, an allotment that nobody is using is as good.
        v_queue := uuid_hash_extended(v_demand.capacity_pool_id, v_seed);
        v_is_crowded := NOT pg_try_advisory_xact_lock(v_queue);
        IF v_is_crowded THEN
            BEGIN
                UPDATE ticketing_internal.capacity_allotments AS allotment
                SET
                    places = allotment.places - v_demand.reserved - v_demand.sold,
                    sold = allotment.sold + v_demand.sold
                WHERE allotment.function_id = p_function_id
                    AND allotment.capacity_pool_id = v_demand.capacity_pool_id
                    AND allotment.allotment = (
                        SELECT unused.allotment
                        FROM ticketing_internal.capacity_allotments AS unused
                        WHERE unused.function_id = p_function_id
                            AND unused.capacity_pool_id = v_demand.capacity_pool_id
                            AND unused.places >= v_demand.reserved + v_demand.sold
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
            SET reserved = pool.reserved + v_demand.reserved, sold = pool.sold + v_demand.sold
            WHERE pool.function_id = p_function_id
                AND pool.capacity_pool_id = v_demand.capacity_pool_id
                AND v_demand.reserved + v_demand.sold <= greatest(pool.capacity - pool.reserved - pool.sold, 0)
                AND (v_is_whole OR least(pool.reserved + v_demand.reserved, pool.sold + v_demand.sold) >= 0)
            RETURNING pool.capacity, pool.reserved, pool.sold INTO v_pool;
            EXIT WHEN found;
            IF v_is_whole THEN
                RETURN v_taken;
            END IF;
            PERFORM ticketing_internal.recall_allotments(p_function_id, ARRAY[v_demand.capacity_pool_id]);
            v_is_whole := TRUE;
        END LOOP;

        IF v_is_crowded THEN
            PERFORM ticketing_internal.set_places_aside(
                p_function_id, v_demand.capacity_pool_id, v_demand.reserved + v_demand.sold,
                v_pool.capacity - v_pool.reserved - v_pool.sold
            );
        END IF;
        v_taken := v_taken + 1;
    END LOOP;

    RETURN v_taken;
END
$$;

COMMENT ON FUNCTION ticketing_internal.take_places(uuid, ticketing_internal.pool_demand[]) IS
'Moves the counters of pools by p_demands, which are one for each pool and in id order. Returns how many of them it has
served: all, or those before the first whose pool has too few places left; then the caller must raise an error.';

REVOKE ALL ON FUNCTION ticketing_internal.take_places(
    uuid, ticketing_internal.pool_demand[]
) FROM public;
