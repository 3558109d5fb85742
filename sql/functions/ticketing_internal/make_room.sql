-- Take back the places of overdue registrations where a change needs them, so that nobody is
-- refused while places only look taken and nothing depends on a job that runs in time.
--
-- An unlocked look at the counters decides whether to try. Bounded: of the overdue registrations
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
    v_pool_ids uuid[];
    v_wanted integer[];
    v_pool record;
    v_missing integer;
    v_freed ticketing_internal.pool_demand[] := '{}';
BEGIN
    r_demands := p_demands;
    r_is_short := FALSE;
    IF cardinality(p_demands) = 0 THEN
        RETURN;
    END IF;
    SELECT array_agg(demand.capacity_pool_id), array_agg(demand.reserved + demand.sold)
    INTO v_pool_ids, v_wanted
    FROM unnest(p_demands) AS demand;

    -- mostly there are places enough
    IF NOT EXISTS (
        SELECT
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = p_function_id
            AND pool.capacity_pool_id = ANY(v_pool_ids)
            AND v_wanted[array_position(v_pool_ids, pool.capacity_pool_id)]
            > greatest(pool.capacity - pool.reserved - pool.sold, 0)
    ) THEN
        RETURN;
    END IF;

    FOR v_pool IN
        SELECT
            pool.capacity_pool_id,
            v_wanted[array_position(v_pool_ids, pool.capacity_pool_id)]
            - (pool.capacity - pool.reserved - pool.sold) AS missing
        FROM ticketing_internal.pool_places AS pool
        WHERE pool.function_id = p_function_id
            AND pool.capacity_pool_id = ANY(v_pool_ids)
            AND v_wanted[array_position(v_pool_ids, pool.capacity_pool_id)]
            > greatest(pool.capacity - pool.reserved - pool.sold, 0)
        ORDER BY pool.capacity_pool_id
    LOOP
        -- what was let go for the pools before may be enough for this one
        v_missing := v_pool.missing + (
            SELECT coalesce(sum(freed.reserved), 0)
            FROM unnest(v_freed) AS freed
            WHERE freed.capacity_pool_id = v_pool.capacity_pool_id
        );
        IF v_missing > 0 THEN
            SELECT v_freed || expired.r_demands, v_missing + coalesce(sum(freed.reserved), 0)
            INTO v_freed, v_missing
            FROM ticketing_internal.expire_overdue(
                p_function_id, v_pool.capacity_pool_id, p_except, v_missing, p_now
            ) AS expired
            LEFT JOIN unnest(expired.r_demands) AS freed
                ON freed.capacity_pool_id = v_pool.capacity_pool_id
            GROUP BY expired.r_demands;
            r_is_short := r_is_short OR v_missing > 0;
        END IF;
    END LOOP;

    IF cardinality(v_freed) > 0 THEN
        r_demands := ticketing_internal.merge_demands(p_demands || v_freed);
    END IF;
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
