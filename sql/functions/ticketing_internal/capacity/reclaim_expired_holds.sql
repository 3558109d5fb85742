-- Expires overdue registrations where a change needs their capacity, so that no request is refused
-- because of an overdue hold and nothing depends on a job that runs in time.
--
-- Called when the counters, read without a lock, are short. Bounded: per pool at most as many
-- registrations expire as units are missing.
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
    v_reclaimed ticketing_internal.capacity_change[] := '{}';
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
        -- allotments are free as well, and what was reclaimed for the pools before this one may be enough
        v_missing := v_change.reserved + v_change.sold + (
            SELECT coalesce(sum(reclaimed.reserved), 0)
            FROM unnest(v_reclaimed) AS reclaimed
            WHERE reclaimed.capacity_pool_id = v_change.capacity_pool_id
        ) - (
            SELECT pool.capacity - pool.reserved - pool.sold
            FROM ticketing_internal.pool_availability(p_function_id) AS pool
            WHERE pool.capacity_pool_id = v_change.capacity_pool_id
        );
        IF v_missing > 0 THEN
            SELECT v_reclaimed || expired.r_changes, v_missing + coalesce(sum(reclaimed.reserved), 0)
            INTO v_reclaimed, v_missing
            FROM ticketing_internal.expire_overdue(
                p_function_id, v_change.capacity_pool_id, p_except, v_missing, p_now
            ) AS expired
            LEFT JOIN unnest(expired.r_changes) AS reclaimed
                ON reclaimed.capacity_pool_id = v_change.capacity_pool_id
            GROUP BY expired.r_changes;
            r_is_short := r_is_short OR v_missing > 0;
        END IF;
    END LOOP;

    r_changes := CASE
        WHEN v_reclaimed = '{}' THEN p_changes
        ELSE ticketing_internal.merge_changes(p_changes || v_reclaimed)
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.reclaim_expired_holds IS
'Expires overdue registrations (except p_except) where the pools of p_changes are short. r_changes: p_changes merged
with the capacity that this frees; r_is_short: whether a pool has too little even so.';
