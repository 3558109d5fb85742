-- Take back the places of overdue registrations where a change needs them, so that nobody is
-- refused while places only look taken and nothing depends on a job that runs in time.
--
-- Called where an unlocked look at the counters says so. Bounded: of the overdue registrations
-- that hold places of a pool that is short, at most as many go as there are places missing.
-- Lock order: before any pool; see expire_overdue.

CREATE OR REPLACE FUNCTION ticketing_internal.make_room(
    p_function_id uuid,
    p_demands ticketing_internal.pool_demand[],
    p_except uuid,
    p_now timestamptz,
    OUT r_demands ticketing_internal.pool_demand[],
    OUT r_is_short boolean
)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_demand ticketing_internal.pool_demand;
    v_missing integer;
    v_freed ticketing_internal.pool_demand[] := '{}';
BEGIN
    r_is_short := FALSE;
    FOR v_demand IN
        SELECT demand.*
        FROM unnest(p_demands) AS demand
        INNER JOIN ticketing.capacity_pools AS pool
            ON pool.function_id = p_function_id AND pool.capacity_pool_id = demand.capacity_pool_id
        WHERE demand.reserved + demand.sold > greatest(pool.capacity - pool.reserved - pool.sold, 0)
        ORDER BY demand.capacity_pool_id
    LOOP
        -- what is set aside is free as well, and what was let go for the pools before may be enough for
        -- this one
        v_missing := v_demand.reserved + v_demand.sold + (
            SELECT coalesce(sum(freed.reserved), 0)
            FROM unnest(v_freed) AS freed
            WHERE freed.capacity_pool_id = v_demand.capacity_pool_id
        ) - (
            SELECT pool.capacity - pool.reserved - pool.sold
            FROM ticketing_internal.pool_places(p_function_id) AS pool
            WHERE pool.capacity_pool_id = v_demand.capacity_pool_id
        );
        IF v_missing > 0 THEN
            SELECT v_freed || expired.r_demands, v_missing + coalesce(sum(freed.reserved), 0)
            INTO v_freed, v_missing
            FROM ticketing_internal.expire_overdue(
                p_function_id, v_demand.capacity_pool_id, p_except, v_missing, p_now
            ) AS expired
            LEFT JOIN unnest(expired.r_demands) AS freed
                ON freed.capacity_pool_id = v_demand.capacity_pool_id
            GROUP BY expired.r_demands;
            r_is_short := r_is_short OR v_missing > 0;
        END IF;
    END LOOP;

    r_demands := CASE
        WHEN v_freed = '{}' THEN p_demands
        ELSE ticketing_internal.merge_demands(p_demands || v_freed)
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.make_room(
    uuid,
    ticketing_internal.pool_demand[],
    uuid,
    timestamptz
) IS
'p_demands, together with what overdue registrations (without p_except) give back where places are short; these are expired
then (r_demands), and whether places are missing even so (r_is_short).';

REVOKE ALL ON FUNCTION ticketing_internal.make_room(
    uuid,
    ticketing_internal.pool_demand[],
    uuid,
    timestamptz
) FROM public;
