-- Take back the places of overdue registrations where a change needs them, so that nobody is
-- refused while places only look taken and nothing depends on a job that runs in time.
--
-- Called where an unlocked look at the counters says so. Bounded: of the overdue registrations
-- that hold places of a pool that is short, at most as many go as there are places missing.
-- Lock order: before any pool; see expire_overdue.

CREATE OR REPLACE FUNCTION ticketing_internal.reclaim_expired_holds(
    p_function_id uuid,
    p_changes ticketing_internal.capacity_change[],
    p_except uuid,
    p_now timestamptz,
    OUT r_changes ticketing_internal.capacity_change[],
    OUT r_is_short boolean
)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_change ticketing_internal.capacity_change;
    v_missing integer;
    v_freed ticketing_internal.capacity_change[] := '{}';
BEGIN
    r_is_short := FALSE;
    FOR v_change IN
        SELECT change.*
        FROM unnest(p_changes) AS change
        INNER JOIN ticketing.capacity_pools AS pool
            ON pool.function_id = p_function_id AND pool.capacity_pool_id = change.capacity_pool_id
        WHERE change.reserved + change.sold > greatest(pool.capacity - pool.reserved - pool.sold, 0)
        ORDER BY change.capacity_pool_id
    LOOP
        -- what is set aside is free as well, and what was let go for the pools before may be enough for
        -- this one
        v_missing := v_change.reserved + v_change.sold + (
            SELECT coalesce(sum(freed.reserved), 0)
            FROM unnest(v_freed) AS freed
            WHERE freed.capacity_pool_id = v_change.capacity_pool_id
        ) - (
            SELECT pool.capacity - pool.reserved - pool.sold
            FROM ticketing_internal.pool_availability(p_function_id) AS pool
            WHERE pool.capacity_pool_id = v_change.capacity_pool_id
        );
        IF v_missing > 0 THEN
            SELECT v_freed || expired.r_changes, v_missing + coalesce(sum(freed.reserved), 0)
            INTO v_freed, v_missing
            FROM ticketing_internal.expire_overdue(
                p_function_id, v_change.capacity_pool_id, p_except, v_missing, p_now
            ) AS expired
            LEFT JOIN unnest(expired.r_changes) AS freed
                ON freed.capacity_pool_id = v_change.capacity_pool_id
            GROUP BY expired.r_changes;
            r_is_short := r_is_short OR v_missing > 0;
        END IF;
    END LOOP;

    r_changes := CASE
        WHEN v_freed = '{}' THEN p_changes
        ELSE ticketing_internal.merge_changes(p_changes || v_freed)
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.reclaim_expired_holds IS
'p_changes, together with what overdue registrations (without p_except) give back where places are short; these are expired
then (r_changes), and whether places are missing even so (r_is_short).';
