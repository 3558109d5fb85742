-- Take back the places of overdue registrations where a change needs them, so that nobody is
-- refused while places only look taken and nothing depends on a job that runs in time.
--
-- An unlocked look at the counters decides whether to try. Bounded: an overdue registration holds
-- at least one place of a pool that is short, and a change needs at most a few thousand. Lock
-- order: before any pool; see expire_overdue.

CREATE OR REPLACE FUNCTION ticketing_internal.make_room(
    p_function_id uuid,
    p_demands ticketing_internal.pool_demand[],
    p_except uuid,
    p_now timestamptz
)
RETURNS ticketing_internal.pool_demand[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most_registrations CONSTANT integer := 2000;
    v_pool_ids uuid[];
    v_short uuid[];
    v_released ticketing_internal.pool_demand[];
BEGIN
    SELECT array_agg(demand.capacity_pool_id)
    INTO v_pool_ids
    FROM unnest(p_demands) AS demand
    WHERE demand.reserved + demand.sold > 0;

    IF v_pool_ids IS NULL THEN
        RETURN p_demands;
    END IF;

    SELECT array_agg(pool.capacity_pool_id)
    INTO v_short
    FROM ticketing.capacity_pools AS pool
    INNER JOIN unnest(p_demands) AS demand ON demand.capacity_pool_id = pool.capacity_pool_id
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = ANY(v_pool_ids)
        AND demand.reserved + demand.sold > pool.capacity - pool.reserved - pool.sold;

    IF v_short IS NULL THEN
        RETURN p_demands;
    END IF;

    SELECT released.r_demands
    INTO v_released
    FROM ticketing_internal.expire_overdue(p_function_id, v_short, p_except, c_most_registrations, p_now) AS released;

    RETURN ticketing_internal.merge_demands(p_demands || v_released);
END
$$;

COMMENT ON FUNCTION ticketing_internal.make_room(
    uuid,
    ticketing_internal.pool_demand[],
    uuid,
    timestamptz
) IS
'p_demands, together with what overdue registrations (without p_except) give back where places are
short; these are expired then.';

REVOKE ALL ON FUNCTION ticketing_internal.make_room(
    uuid,
    ticketing_internal.pool_demand[],
    uuid,
    timestamptz
) FROM public;
